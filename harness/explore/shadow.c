/* SPDX-License-Identifier: Apache-2.0 */
/* References, counting, and the collector. */
#include "explore/shadow.h"

#include <string.h>

#include "base/assert.h"

static bool holds(const struct lr_shadow *shadow, uint8_t number) {
    return number < shadow->node_count && shadow->nodes[number].alive;
}

void lr_shadow_tell(struct lr_shadow *shadow, unsigned int what, uint8_t number) {
    LR_ASSERT(shadow->event_count < LR_SHADOW_EVENTS_MAX);
    shadow->events[shadow->event_count++] =
        (struct lr_shadow_event){.what = (uint8_t)what, .number = number, .group = shadow->group};
    /* Outside of a collection everything has its order. */
    shadow->group = (uint8_t)(shadow->group + (shadow->sweeping ? 0 : 1));
}

struct lr_shadow_node *lr_shadow_make(struct lr_shadow *shadow, uint8_t *number) {
    LR_ASSERT(shadow->node_count < LR_SHADOW_NODES_MAX);
    *number = shadow->node_count++;
    struct lr_shadow_node *node = &shadow->nodes[*number];
    *node = (struct lr_shadow_node){
        .alive = true,
        .made = shadow->made++,
        .referent = LR_SHADOW_NONE,
        .closes = LR_SHADOW_NONE,
    };
    return node;
}

void lr_shadow_refer(struct lr_shadow *shadow, uint8_t from, const char *via, uint8_t to) {
    struct lr_shadow_node *node = &shadow->nodes[from];
    LR_ASSERT(node->edge_count < LR_SHADOW_EDGES_MAX);
    node->edges[node->edge_count++] = (struct lr_shadow_edge){.to = to, .via = via};
}

/* ---- roots ---- */

static unsigned int count_of_roots(const struct lr_shadow *shadow, uint8_t number) {
    unsigned int count = shadow->nodes[number].held + (shadow->nodes[number].saved ? 1U : 0U);
    for (unsigned int i = 0; i < LR_PLAN_VARS; i++) {
        count += shadow->vars[i] == number;
    }
    count += shadow->last == number;
    for (unsigned int i = 0; i < shadow->final_count; i++) {
        count += shadow->finals[i].waits && shadow->finals[i].argument == number;
    }
    for (unsigned int i = 0; i < shadow->exit_count; i++) {
        count += shadow->exits[i].waits && shadow->exits[i].argument == number;
    }
    return count;
}

static unsigned int count_of(const struct lr_shadow *shadow, uint8_t number) {
    unsigned int count = count_of_roots(shadow, number);
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        const struct lr_shadow_node *from = &shadow->nodes[i];
        for (unsigned int k = 0; k < from->edge_count; k++) {
            count += from->edges[k].to == number && !from->edges[k].weak;
        }
    }
    return count;
}

/* ---- an object goes ---- */

/* A finalizer is called once, and what it held for the call is dropped behind it. */
static void call_final(struct lr_shadow *shadow, uint8_t number) {
    struct lr_shadow_record *final = &shadow->finals[number];
    if (!final->waits) {
        return;
    }
    final->waits = false;
    lr_shadow_tell(shadow, LR_SHADOW_FINALIZED, number);
    lr_shadow_dropped(shadow, final->argument);
}

/* Who is told that |node| goes. A weak reference that is collected with it is not: gc_weakref.txt
 * in CPython's sources says why. */
struct told {
    uint8_t numbers[LR_SHADOW_NODES_MAX + LR_SHADOW_RECORDS_MAX];
    uint8_t made[LR_SHADOW_NODES_MAX + LR_SHADOW_RECORDS_MAX];
    bool final[LR_SHADOW_NODES_MAX + LR_SHADOW_RECORDS_MAX];
    unsigned int count;
};

static void add_told(struct told *told, uint8_t number, uint8_t made, bool final) {
    unsigned int at = told->count++;
    /* The newest first: PyWeakref_NewRef puts a reference with a callback in front of the others.
     */
    for (; at > 0 && told->made[at - 1] < made; at--) {
        told->numbers[at] = told->numbers[at - 1];
        told->made[at] = told->made[at - 1];
        told->final[at] = told->final[at - 1];
    }
    told->numbers[at] = number;
    told->made[at] = made;
    told->final[at] = final;
}

static void gather_told(struct lr_shadow *shadow, uint8_t number, struct told *told) {
    told->count = 0;
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        struct lr_shadow_node *node = &shadow->nodes[i];
        if (node->referent == number) {
            node->referent = LR_SHADOW_NONE;
            if (node->alive && node->tells && !node->in_set) {
                add_told(told, (uint8_t)i, node->made, false);
            } else if (node->alive && node->tells && !shadow->nodes[number].in_set) {
                /* What only garbage holds goes after some of that, and before the rest. */
                lr_shadow_tell(shadow, LR_SHADOW_TOLD, (uint8_t)i);
                shadow->events[shadow->event_count - 1].maybe = true;
            }
        }
    }
    for (unsigned int i = 0; i < shadow->final_count; i++) {
        if (shadow->finals[i].target == number && shadow->finals[i].waits) {
            add_told(told, (uint8_t)i, shadow->finals[i].made, true);
        }
    }
}

static void call_told(struct lr_shadow *shadow, const struct told *told) {
    for (unsigned int i = 0; i < told->count; i++) {
        if (told->final[i]) {
            call_final(shadow, told->numbers[i]);
        } else {
            lr_shadow_tell(shadow, LR_SHADOW_TOLD, told->numbers[i]);
        }
    }
}

static void drop_edges(struct lr_shadow *shadow, uint8_t number) {
    struct lr_shadow_node *node = &shadow->nodes[number];
    for (unsigned int i = 0; i < node->edge_count; i++) {
        uint8_t to = node->edges[i].to;
        node->edges[i].to = LR_SHADOW_NONE;
        if (!node->edges[i].weak) {
            lr_shadow_dropped(shadow, to);
        }
    }
}

static bool has_finalizer(const struct lr_shadow_node *node) {
    return !node->finalized && (node->is_session || node->revives || node->is_generator);
}

/* tp_finalize. A generator's throws GeneratorExit in where it waits, so that its `with` ends. */
static void finalize(struct lr_shadow *shadow, uint8_t number) {
    struct lr_shadow_node *node = &shadow->nodes[number];
    node->finalized = true;
    if (node->is_session) {
        lr_shadow_tell(shadow, LR_SHADOW_GOES, number);
    } else if (node->revives) {
        node->saved = true;
    } else if (node->closes != LR_SHADOW_NONE) {
        lr_shadow_tell(shadow, LR_SHADOW_CLOSES, node->closes);
    }
}

/* subtype_dealloc: first __del__, which may save it, then the weak references, then what it refers
 * to, in its order: of a frame, its locals in theirs. */
static void go(struct lr_shadow *shadow, uint8_t number) {
    struct lr_shadow_node *node = &shadow->nodes[number];
    struct told told;
    if (has_finalizer(node)) {
        node->held++;
        finalize(shadow, number);
        node->held--;
        if (count_of(shadow, number) > 0) {
            return;
        }
    }
    gather_told(shadow, number, &told);
    node->alive = false;
    node->referent = LR_SHADOW_NONE;
    for (unsigned int i = 0; i < told.count; i++) {
        if (!told.final[i]) {
            shadow->nodes[told.numbers[i]].held++;
        }
    }
    call_told(shadow, &told);
    for (unsigned int i = 0; i < told.count; i++) {
        if (!told.final[i]) {
            shadow->nodes[told.numbers[i]].held--;
            lr_shadow_dropped(shadow, told.numbers[i]);
        }
    }
    drop_edges(shadow, number);
}

void lr_shadow_dropped(struct lr_shadow *shadow, uint8_t node) {
    if (holds(shadow, node) && !shadow->nodes[node].going && count_of(shadow, node) == 0) {
        shadow->nodes[node].going = true;
        go(shadow, node);
        shadow->nodes[node].going = false;
    }
}

void lr_shadow_replace(struct lr_shadow *shadow, uint8_t *place, uint8_t to) {
    uint8_t before = *place;
    *place = to;
    lr_shadow_dropped(shadow, before);
}

/* ---- the collector ---- */

static void reach(struct lr_shadow *shadow, uint8_t number) {
    struct lr_shadow_node *node = &shadow->nodes[number];
    if (!node->alive || node->reached) {
        return;
    }
    node->reached = true;
    for (unsigned int i = 0; i < node->edge_count; i++) {
        if (holds(shadow, node->edges[i].to) && !node->edges[i].weak) {
            reach(shadow, node->edges[i].to);
        }
    }
}

/* Marks what is reached from the roots, and from objects older than |generation|: those count as
 * outside, garbage or not. */
static void mark(struct lr_shadow *shadow, unsigned int generation) {
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        shadow->nodes[i].reached = false;
    }
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        struct lr_shadow_node *node = &shadow->nodes[i];
        if (node->alive &&
            (node->generation > generation || count_of_roots(shadow, (uint8_t)i) > 0)) {
            reach(shadow, (uint8_t)i);
        }
    }
}

void lr_shadow_mark_from(struct lr_shadow *shadow, uint8_t node) {
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        shadow->nodes[i].reached = false;
    }
    reach(shadow, node);
}

/* handle_weakrefs: all of them are cleared, and told, before anything is finalized. */
static void clear_weakrefs(struct lr_shadow *shadow) {
    struct told told[LR_SHADOW_NODES_MAX];
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        told[i].count = 0;
        if (shadow->nodes[i].in_set) {
            gather_told(shadow, (uint8_t)i, &told[i]);
        }
    }
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        call_told(shadow, &told[i]);
    }
}

/* finalize_garbage */
static void finalize_garbage(struct lr_shadow *shadow) {
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        struct lr_shadow_node *node = &shadow->nodes[i];
        if (node->in_set && node->alive && has_finalizer(node)) {
            node->held++;
            finalize(shadow, (uint8_t)i);
            if (node->is_generator) {
                drop_edges(shadow, (uint8_t)i); /* its frame ends with it */
            }
            node->held--;
            lr_shadow_dropped(shadow, (uint8_t)i);
        }
    }
}

/* handle_resurrected_objects: what is reached again is spared; until bpo-38379 came to 3.9, all of
 * it where any was. */
static void spare(struct lr_shadow *shadow, unsigned int generation) {
    bool any = false;
    mark(shadow, generation);
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        any |= shadow->nodes[i].in_set && shadow->nodes[i].reached;
    }
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        struct lr_shadow_node *node = &shadow->nodes[i];
        bool spared = node->reached || (any && shadow->facts->spares_all);
        node->doomed = node->in_set && node->alive && !spared;
        node->in_set = node->doomed;
    }
}

static void delete_garbage(struct lr_shadow *shadow) {
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        if (shadow->nodes[i].doomed && shadow->nodes[i].alive) {
            shadow->nodes[i].held++;
            drop_edges(shadow, (uint8_t)i);
            shadow->nodes[i].held--;
            lr_shadow_dropped(shadow, (uint8_t)i);
        }
    }
}

static void count_collection(struct lr_shadow *shadow, unsigned int generation) {
    shadow->low = 0;
    shadow->high = 0;
    for (unsigned int i = 0; i <= generation; i++) {
        shadow->counts[i] = 0;
    }
    if (generation < 2) {
        shadow->counts[generation + 1]++;
    }
}

void lr_shadow_collect(struct lr_shadow *shadow, unsigned int generation) {
    count_collection(shadow, generation);
    mark(shadow, generation);
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        struct lr_shadow_node *node = &shadow->nodes[i];
        bool young = node->alive && node->generation <= generation;
        node->in_set = young && !node->reached;
        if (young) {
            /* What is spared later grows older like the others. */
            node->generation = (uint8_t)(generation < 2 ? generation + 1 : 2);
        }
    }
    shadow->sweeping = true;
    clear_weakrefs(shadow);
    shadow->group++;
    finalize_garbage(shadow);
    spare(shadow, generation < 2 ? generation + 1 : 2);
    delete_garbage(shadow);
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        shadow->nodes[i].in_set = false;
        shadow->nodes[i].doomed = false;
    }
    shadow->sweeping = false;
    shadow->group++;
}

/* ---- who holds it ---- */

/* Collected in a copy, in which nothing saves itself. */
static bool would_go(const struct lr_shadow *shadow, unsigned int node, unsigned int generation) {
    struct lr_shadow copy = *shadow;
    copy.event_count = 0;
    for (unsigned int i = 0; i < copy.node_count; i++) {
        copy.nodes[i].revives = false;
    }
    lr_shadow_collect(&copy, generation);
    return !copy.nodes[node].alive;
}

int lr_shadow_generation(struct lr_shadow *shadow, unsigned int node) {
    mark(shadow, 2);
    if (shadow->nodes[node].reached) {
        return -1;
    }
    unsigned int generation = 0;
    while (generation < 2 && !would_go(shadow, node, generation)) {
        generation++;
    }
    return (int)generation;
}

static const char *const globals[LR_PLAN_VARS] = {"global a", "global b", "global c",
                                                  "global d", "global e", "global f"};

const char *lr_shadow_holder(const struct lr_shadow *shadow, unsigned int node) {
    const char *via = NULL;
    if (count_of(shadow, (uint8_t)node) != 1) {
        return NULL;
    }
    for (unsigned int i = 0; i < LR_PLAN_VARS; i++) {
        via = shadow->vars[i] == node ? globals[i] : via;
    }
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        const struct lr_shadow_node *from = &shadow->nodes[i];
        for (unsigned int k = 0; k < from->edge_count; k++) {
            via = from->edges[k].to == node && !from->edges[k].weak ? from->edges[k].via : via;
        }
    }
    return via;
}

bool lr_shadow_is_held_by(struct lr_shadow *shadow, unsigned int node, const char *via) {
    bool garbage = lr_shadow_generation(shadow, node) >= 0;
    for (unsigned int i = 0; i < LR_PLAN_VARS; i++) {
        if (shadow->vars[i] == node && strcmp(via, globals[i]) == 0) {
            return true;
        }
    }
    mark(shadow, 2);
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        const struct lr_shadow_node *from = &shadow->nodes[i];
        for (unsigned int k = 0; k < from->edge_count && from->alive; k++) {
            if (from->edges[k].to == node && (garbage || from->reached) &&
                strcmp(from->edges[k].via, via) == 0) {
                return true;
            }
        }
    }
    /* Of a finalizer in the registry, of a handler of atexit. */
    return count_of_roots(shadow, (uint8_t)node) > 0 &&
           (strcmp(via, "argument") == 0 || strcmp(via, "default argument") == 0);
}
