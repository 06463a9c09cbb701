/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the way: breadth first from the roots, which are the interpreter's modules, then the
 * threads, then what callers own. What none of these reaches is garbage; there the cycles are the
 * beginning. All in the order of making, so that equal ways are always chosen alike. */
#include "mocks/heap/path.h"

#include <string.h>

#include "mocks/heap/path_internal.h"

static enum lr_status open_search(struct search *search, struct lr_heap *heap) {
    uint32_t count = 0;
    *search = (struct search){.heap = heap};
    LR_LIST_EACH (node, &heap->all) {
        count++;
    }
    search->nodes = lr_alloc_zeroed(heap->alloc, count * sizeof *search->nodes);
    search->queue = lr_alloc_zeroed(heap->alloc, count * sizeof *search->queue);
    search->count = count;
    if (search->nodes == NULL || search->queue == NULL) {
        lr_search_close(search);
        return LR_ENOMEM;
    }
    uint32_t index = 0;
    LR_LIST_EACH (node, &heap->all) {
        struct lr_object *object = LR_CONTAINER_OF(node, struct lr_object, all);
        object->index = index;
        search->nodes[index].object = object;
        search->nodes[index].via = NODE_NONE;
        index++;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct lr_object *object = search->nodes[i].object;
        for (uint32_t k = 0; k < object->slot_count; k++) {
            if (object->slots[k].target != NULL) {
                search->nodes[object->slots[k].target->index].inbound++;
            }
        }
    }
    return LR_OK;
}

void lr_search_close(struct search *search) {
    struct lr_alloc *alloc = search->heap->alloc;
    lr_alloc_free(alloc, search->nodes, search->count * sizeof *search->nodes);
    lr_alloc_free(alloc, search->queue, search->count * sizeof *search->queue);
}

static void enqueue(struct search *search, uint32_t index, uint32_t via, uint32_t slot) {
    struct node *node = &search->nodes[index];
    if (node->seen) {
        return;
    }
    node->seen = true;
    node->via = via;
    node->via_slot = slot;
    search->queue[search->tail++] = index;
}

static void spread(struct search *search) {
    while (search->head < search->tail) {
        uint32_t at = search->queue[search->head++];
        const struct lr_object *object = search->nodes[at].object;
        for (uint32_t k = 0; k < object->slot_count; k++) {
            if (object->slots[k].target != NULL) {
                enqueue(search, object->slots[k].target->index, at, k);
            }
        }
    }
}

/* References that no slot accounts for: a caller owns them. */
static bool is_owned(const struct node *node) {
    const struct lr_object *object = node->object;
    return !object->immortal && !object->filler && object->refs > node->inbound;
}

/* From the interpreter and the threads; then from what callers own. */
static void search_from_roots(struct search *search) {
    for (uint32_t i = 0; i < search->count; i++) {
        if (search->nodes[i].object->immortal) {
            enqueue(search, i, NODE_NONE, 0);
        }
    }
    spread(search);
    for (uint32_t i = 0; i < search->count; i++) {
        if (is_owned(&search->nodes[i])) {
            enqueue(search, i, NODE_NONE, 0);
        }
    }
    spread(search);
}

/* ---- garbage: which objects are in a cycle (Tarjan's algorithm, its stack in the nodes) ---- */

struct tarjan {
    struct search *search;
    uint32_t order;
    uint32_t on_path; /* the node that is being walked, NODE_NONE at the end */
    uint32_t open;    /* top of the stack of nodes without a component */
};

static void open_node(struct tarjan *tarjan, uint32_t index, uint32_t parent) {
    struct node *node = &tarjan->search->nodes[index];
    node->order = ++tarjan->order;
    node->low = node->order;
    node->cursor = 0;
    node->parent = parent;
    node->below = tarjan->open;
    node->is_open = true;
    tarjan->open = index;
    tarjan->on_path = index;
}

/* The root of a component: all above it on the stack belong to it. */
static void close_component(struct tarjan *tarjan, uint32_t root) {
    struct search *search = tarjan->search;
    bool many = tarjan->open != root;
    uint32_t index;
    search->components++;
    do {
        index = tarjan->open;
        struct node *node = &search->nodes[index];
        tarjan->open = node->below;
        node->is_open = false;
        search->queue[search->tail++] = index;
        node->component = search->components;
        node->in_cycle = many || node->refers_to_itself;
    } while (index != root);
}

/* One step along the edges of the node on the path. */
static void step_node(struct tarjan *tarjan) {
    struct search *search = tarjan->search;
    uint32_t index = tarjan->on_path;
    struct node *node = &search->nodes[index];
    if (node->cursor < node->object->slot_count) {
        const struct lr_object *target = node->object->slots[node->cursor++].target;
        if (target == NULL || search->nodes[target->index].seen) {
            return; /* nothing, or no garbage */
        }
        struct node *next = &search->nodes[target->index];
        node->refers_to_itself = node->refers_to_itself || next == node;
        if (next->order == 0) {
            open_node(tarjan, target->index, index);
        } else if (next->is_open && next->order < node->low) {
            node->low = next->order;
        }
        return;
    }
    if (node->low == node->order) {
        close_component(tarjan, index);
    }
    tarjan->on_path = node->parent;
    if (node->parent != NODE_NONE && node->low < search->nodes[node->parent].low) {
        search->nodes[node->parent].low = node->low;
    }
}

/* After it the queue has all garbage, component by component, none before one that it leads to. */
void lr_search_find_cycles(struct search *search) {
    search->tail = 0;
    struct tarjan tarjan = {.search = search, .on_path = NODE_NONE, .open = NODE_NONE};
    for (uint32_t i = 0; i < search->count; i++) {
        if (search->nodes[i].seen || search->nodes[i].order != 0) {
            continue;
        }
        open_node(&tarjan, i, NODE_NONE);
        while (tarjan.on_path != NODE_NONE) {
            step_node(&tarjan);
        }
    }
}

/* Whether |node| is what is asked about, or refers to something that leads there; and whether there
 * is a cycle on the way. */
static void look_ahead(const struct search *search, struct node *node, uint32_t asked) {
    node->leads = node == &search->nodes[asked];
    node->holds = false;
    for (uint32_t k = 0; k < node->object->slot_count; k++) {
        const struct lr_object *target = node->object->slots[k].target;
        if (target != NULL && search->nodes[target->index].leads) {
            node->leads = true;
            node->holds = node->holds || search->nodes[target->index].holds;
        }
    }
    node->holds = node->holds || (node->leads && node->in_cycle);
}

/* The oldest generation of all cycles that hold |asked|, and of what refers to those: only when
 * that is collected are all of them gone, as what is older counts as outside. What else hangs off
 * them goes with its last reference, however old. */
static int oldest_generation(struct search *search, uint32_t asked) {
    int oldest = 0;
    uint32_t total = search->tail;
    for (uint32_t first = 0, end = 0; first < total; first = end) {
        bool leads = false;
        bool holds = false;
        uint32_t component = search->nodes[search->queue[first]].component;
        for (; end < total && search->nodes[search->queue[end]].component == component; end++) {
            struct node *node = &search->nodes[search->queue[end]];
            look_ahead(search, node, asked);
            leads = leads || node->leads;
            holds = holds || node->holds;
        }
        for (uint32_t i = first; i < end && leads; i++) {
            struct node *node = &search->nodes[search->queue[i]];
            node->leads = true;
            node->holds = holds || node->in_cycle;
            if (node->holds && node->object->generation > oldest) {
                oldest = node->object->generation;
            }
        }
    }
    return oldest;
}

/* From all that is in a cycle, to what hangs off it. */
static void search_from_cycles(struct search *search) {
    search->head = 0;
    search->tail = 0;
    for (uint32_t i = 0; i < search->count; i++) {
        if (!search->nodes[i].seen && search->nodes[i].in_cycle) {
            enqueue(search, i, NODE_NONE, 0);
        }
    }
    spread(search);
}

/* The shortest way from |start| back to itself, within its component: the last of it is returned,
 * the others are its |back|. */
static uint32_t close_cycle(struct search *search, uint32_t start) {
    search->head = 0;
    search->tail = 0;
    search->queue[search->tail++] = start;
    for (uint32_t i = 0; i < search->count; i++) {
        search->nodes[i].back = NODE_NONE;
    }
    while (search->head < search->tail) {
        uint32_t at = search->queue[search->head++];
        const struct lr_object *object = search->nodes[at].object;
        for (uint32_t k = 0; k < object->slot_count; k++) {
            const struct lr_object *target = object->slots[k].target;
            if (target == NULL ||
                search->nodes[target->index].component != search->nodes[start].component) {
                continue;
            }
            if (target->index == start) {
                search->closing_slot = k;
                return at;
            }
            struct node *node = &search->nodes[target->index];
            if (node->back == NODE_NONE) {
                node->back = at;
                node->back_slot = k;
                search->queue[search->tail++] = target->index;
            }
        }
    }
    LR_UNREACHABLE();
}

/* The objects of the cycle, from |start| on, into the queue. Returns how many. */
static uint32_t list_cycle(struct search *search, uint32_t start, uint32_t last) {
    uint32_t count = 1;
    for (uint32_t at = last; at != start; at = search->nodes[at].back) {
        count++;
    }
    uint32_t place = count;
    for (uint32_t at = last; at != start; at = search->nodes[at].back) {
        search->queue[--place] = at;
    }
    search->queue[0] = start;
    return count;
}

static void add_cycle(struct search *search, uint32_t start, struct path_builder *builder) {
    uint32_t last = close_cycle(search, start);
    uint32_t count = list_cycle(search, start, last);
    lr_path_begin_cycle(builder);
    for (uint32_t i = 0; i < count; i++) {
        const struct node *node = &search->nodes[search->queue[i]];
        const struct node *next = &search->nodes[search->queue[(i + 1) % count]];
        lr_path_add_object(builder, node->object, true);
        lr_path_add_edge(builder, node->object,
                         i + 1 < count ? next->back_slot : search->closing_slot, true);
    }
}

/* From where the search began to |object|, into the queue. Returns how many. */
static uint32_t list_way(struct search *search, uint32_t object) {
    uint32_t count = 0;
    for (uint32_t at = object; at != NODE_NONE; at = search->nodes[at].via) {
        count++;
    }
    uint32_t place = count;
    for (uint32_t at = object; at != NODE_NONE; at = search->nodes[at].via) {
        search->queue[--place] = at;
    }
    return count;
}

static void add_way(struct search *search, uint32_t count, struct path_builder *builder) {
    for (uint32_t i = 0; i < count; i++) {
        const struct node *node = &search->nodes[search->queue[i]];
        lr_path_add_object(builder, node->object, false);
        if (i + 1 < count) {
            lr_path_add_edge(builder, node->object, search->nodes[search->queue[i + 1]].via_slot,
                             false);
        }
    }
}

static void fill_path(struct search *search, uint32_t index, struct lr_heap_path *path) {
    bool garbage = !search->nodes[index].seen;
    if (garbage) {
        lr_search_find_cycles(search);
        path->generation = oldest_generation(search, index);
        search_from_cycles(search);
    }
    if (!search->nodes[index].seen) {
        path->generation = -1;
        return; /* nothing refers to it any more: it is being deallocated */
    }
    path->held = true;
    uint32_t start = index;
    while (search->nodes[start].via != NODE_NONE) {
        start = search->nodes[start].via;
    }
    struct path_builder builder = {.heap = search->heap, .path = path};
    if (garbage) {
        add_cycle(search, start, &builder);
    } else if (!search->nodes[start].object->immortal) {
        const struct node *node = &search->nodes[start];
        lr_path_begin_owned(&builder, node->object->refs - node->inbound);
    }
    add_way(search, list_way(search, index), &builder);
    lr_path_finish(&builder);
}

enum lr_status lr_heap_find_path(struct lr_heap *heap, const struct lr_object *object,
                                 struct lr_heap_path *path) {
    struct search search;
    *path = (struct lr_heap_path){.generation = -1};
    enum lr_status status = open_search(&search, heap);
    if (status != LR_OK) {
        return status;
    }
    search_from_roots(&search);
    fill_path(&search, object->index, path);
    lr_search_close(&search);
    return LR_OK;
}
