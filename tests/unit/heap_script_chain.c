/* SPDX-License-Identifier: Apache-2.0 */
/* What s00_chain.py finds out about the heap after del r, from the model's graph: who leads to the
 * session, by which references, which of them are in cycles, and the way up from the session. Line
 * numbers of tracebacks are left out: the model has no source. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/heap_script.h"

enum { ANCESTORS_MAX = 64, TEXT_MAX = 256 };

struct graph {
    const struct lr_object *nodes[ANCESTORS_MAX]; /* the session first */
    size_t count;
    bool reaches[ANCESTORS_MAX][ANCESTORS_MAX];
};

static const char *name_node(char *out, const struct lr_object *object) {
    struct lr_heap_edge edge;
    bool traceback = false;
    switch ((int)lr_object_kind(object)) {
    case LR_OBJECT_FRAME:
        (void)snprintf(out, TEXT_MAX, "frame<%s>", lr_object_name(object));
        break;
    case LR_OBJECT_TRACEBACK:
        (void)snprintf(out, TEXT_MAX, "traceback<frame=%s>", lr_object_detail(object));
        break;
    case LR_OBJECT_EXCEPTION:
        for (size_t i = 0; i < lr_object_edge_count(object); i++) {
            lr_object_edge(object, i, &edge);
            traceback =
                traceback || (strcmp(edge.text, "__traceback__") == 0 && edge.target != NULL);
        }
        (void)snprintf(out, TEXT_MAX, "%s(%s)#%s", lr_object_name(object), lr_object_detail(object),
                       traceback ? "tb" : "no-tb");
        break;
    default:
        (void)snprintf(out, TEXT_MAX, "%s", lr_object_name(object));
        break;
    }
    return out;
}

static size_t index_of(const struct graph *graph, const struct lr_object *object) {
    for (size_t i = 0; i < graph->count; i++) {
        if (graph->nodes[i] == object) {
            return i;
        }
    }
    return ANCESTORS_MAX;
}

static bool leads_into(const struct graph *graph, const struct lr_object *object) {
    struct lr_heap_edge edge;
    for (size_t i = 0; i < lr_object_edge_count(object); i++) {
        lr_object_edge(object, i, &edge);
        if (edge.target != NULL && index_of(graph, edge.target) < ANCESTORS_MAX) {
            return true;
        }
    }
    return false;
}

static void find_ancestors(struct graph *graph, const struct lr_heap *heap,
                           const struct lr_object *session) {
    graph->nodes[graph->count++] = session;
    for (bool more = true; more;) {
        more = false;
        for (const struct lr_object *object = lr_heap_next(heap, NULL); object != NULL;
             object = lr_heap_next(heap, object)) {
            if (index_of(graph, object) == ANCESTORS_MAX && leads_into(graph, object)) {
                cr_assert(graph->count < ANCESTORS_MAX);
                graph->nodes[graph->count++] = object;
                more = true;
            }
        }
    }
}

/* The references from |from| to |to|, joined by "/". */
static const char *name_edges(char *out, const struct lr_object *from, const struct lr_object *to) {
    struct lr_heap_edge edge;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < lr_object_edge_count(from); i++) {
        lr_object_edge(from, i, &edge);
        if (edge.target == to) {
            used += (size_t)snprintf(out + used, TEXT_MAX - used, "%s%s", used > 0 ? "/" : "",
                                     edge.text);
        }
    }
    return out;
}

static json_t *describe_edges(struct graph *graph) {
    json_t *edges = json_array();
    char from[TEXT_MAX];
    char to[TEXT_MAX];
    struct lr_heap_edge edge;
    for (size_t i = 1; i < graph->count; i++) {
        for (size_t k = 0; k < lr_object_edge_count(graph->nodes[i]); k++) {
            lr_object_edge(graph->nodes[i], k, &edge);
            size_t at = edge.target == NULL ? ANCESTORS_MAX : index_of(graph, edge.target);
            if (at < ANCESTORS_MAX) {
                graph->reaches[i][at] = true;
                json_array_append_new(
                    edges, json_sprintf("%s --%s--> %s", name_node(from, graph->nodes[i]),
                                        edge.text, name_node(to, graph->nodes[at])));
            }
        }
    }
    return edges;
}

/* Components of more than one, by mutual reach. */
static json_t *describe_cycles(struct graph *graph) {
    json_t *cycles = json_array();
    bool done[ANCESTORS_MAX] = {false};
    char name[TEXT_MAX];
    for (size_t k = 0; k < graph->count; k++) {
        for (size_t i = 0; i < graph->count; i++) {
            for (size_t j = 0; j < graph->count; j++) {
                graph->reaches[i][j] =
                    graph->reaches[i][j] || (graph->reaches[i][k] && graph->reaches[k][j]);
            }
        }
    }
    for (size_t i = 0; i < graph->count; i++) {
        if (done[i] || !graph->reaches[i][i]) {
            continue;
        }
        json_t *cycle = json_array();
        for (size_t j = 0; j < graph->count; j++) {
            if (graph->reaches[i][j] && graph->reaches[j][i]) {
                done[j] = true;
                json_array_append_new(cycle, json_string(name_node(name, graph->nodes[j])));
            }
        }
        json_array_append_new(cycles, cycle);
    }
    return cycles;
}

static bool is_missing(const struct lr_object *object) {
    return lr_object_kind(object) == LR_OBJECT_FRAME &&
           strcmp(lr_object_name(object), "_missing_") == 0;
}

/* Frames before others, those of _missing_ last of all, then by name, then the older. */
static bool is_before(const struct lr_object *a, const struct lr_object *b) {
    char first[TEXT_MAX];
    char second[TEXT_MAX];
    if (is_missing(a) != is_missing(b)) {
        return is_missing(b);
    }
    bool frame_a = lr_object_kind(a) == LR_OBJECT_FRAME;
    bool frame_b = lr_object_kind(b) == LR_OBJECT_FRAME;
    if (frame_a != frame_b) {
        return frame_a;
    }
    int order = strcmp(name_node(first, a), name_node(second, b));
    return order != 0 ? order < 0 : lr_object_serial(a) < lr_object_serial(b);
}

static const struct lr_object *choose_parent(const struct graph *graph, const bool *seen,
                                             const struct lr_object *of, size_t *at) {
    const struct lr_object *best = NULL;
    char text[TEXT_MAX];
    for (size_t i = 1; i < graph->count; i++) {
        if (!seen[i] && name_edges(text, graph->nodes[i], of)[0] != '\0' &&
            (best == NULL || is_before(graph->nodes[i], best))) {
            best = graph->nodes[i];
            *at = i;
        }
    }
    return best;
}

static json_t *describe_path(const struct graph *graph) {
    json_t *path = json_array();
    bool seen[ANCESTORS_MAX] = {true};
    char text[3][TEXT_MAX];
    const struct lr_object *at = graph->nodes[0];
    size_t index = 0;
    for (const struct lr_object *parent = choose_parent(graph, seen, at, &index); parent != NULL;
         parent = choose_parent(graph, seen, at, &index)) {
        json_array_append_new(path, json_sprintf("%s  is held by  %s  via %s",
                                                 name_node(text[0], at), name_node(text[1], parent),
                                                 name_edges(text[2], parent, at)));
        seen[index] = true;
        at = parent;
    }
    for (size_t i = 1; i < graph->count; i++) {
        if (name_edges(text[2], graph->nodes[i], at)[0] != '\0') {
            json_array_append_new(path,
                                  json_sprintf("%s  is held by  ['%s via %s']   <- cycle closes",
                                               name_node(text[0], at),
                                               name_node(text[1], graph->nodes[i]), text[2]));
        }
    }
    return path;
}

static json_t *describe_leftovers(const struct lr_heap *heap) {
    json_t *left = json_array();
    char text[TEXT_MAX];
    for (const struct lr_object *object = lr_heap_next(heap, NULL); object != NULL;
         object = lr_heap_next(heap, object)) {
        bool error = lr_object_kind(object) == LR_OBJECT_EXCEPTION &&
                     strcmp(lr_object_name(object), "ValueError") == 0;
        if (error || lr_object_kind(object) == LR_OBJECT_TRACEBACK) {
            json_array_append_new(left, json_string(name_node(text, object)));
        }
    }
    return left;
}

void s_describe_chain(struct script *s) {
    if (!s_ok(s)) {
        return;
    }
    struct graph graph = {.count = 0};
    const struct lr_object *session = lr_heap_weakref_target(s->watched[0].weakref);
    if (session == NULL) {
        json_object_set_new(s->facts, "chain",
                            json_string("session freed at del r: nothing to walk"));
        json_object_set_new(s->facts, "tracebacks_or_ValueErrors_left",
                            describe_leftovers(s->heap));
        return;
    }
    find_ancestors(&graph, s->heap, session);
    json_t *ancestors = json_array();
    char name[TEXT_MAX];
    for (size_t i = 1; i < graph.count; i++) {
        json_array_append_new(ancestors, json_string(name_node(name, graph.nodes[i])));
    }
    json_object_set_new(s->facts, "ancestors_of_session", ancestors);
    json_object_set_new(s->facts, "edges", describe_edges(&graph));
    json_object_set_new(s->facts, "holder_path", describe_path(&graph));
    json_object_set_new(s->facts, "cycles_scc", describe_cycles(&graph));
}
