/* SPDX-License-Identifier: Apache-2.0 */
/* A path in words. What a program does not see as a thing of its own (a module's dict, an
 * instance's, the tuple of cells) has no hop. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mocks/heap/path_internal.h"

static struct lr_heap_hop *add_hop(struct path_builder *builder, enum lr_heap_hop_kind kind,
                                   bool in_cycle) {
    size_t at = builder->count++;
    struct lr_heap_hop *hop =
        at < PATH_HEAD ? &builder->path->hops[at] : &builder->tail[(at - PATH_HEAD) % PATH_TAIL];
    *hop = (struct lr_heap_hop){.kind = kind, .in_cycle = in_cycle};
    return hop;
}

/* The reference to let go: in a cycle a frame's local before any other name, else the first edge.
 */
static void suspect_edge(struct path_builder *builder, const struct lr_object *from,
                         const struct slot *slot, bool in_cycle) {
    int rank = 1;
    if (in_cycle) {
        rank = slot->kind != SLOT_NAME && slot->kind != SLOT_ITEM ? 1
               : from->kind != LR_OBJECT_FRAME                    ? 2
                                                                  : 3;
    }
    if (rank > builder->suspect_rank) {
        builder->suspect_rank = rank;
        builder->suspect = builder->count;
    }
}

void lr_path_begin_cycle(struct path_builder *builder) {
    struct lr_heap_hop *hop = add_hop(builder, LR_HOP_CYCLE, true);
    (void)snprintf(hop->text, sizeof hop->text, "uncollected cycle");
}

void lr_path_begin_owned(struct path_builder *builder, size_t references) {
    struct lr_heap_hop *hop = add_hop(builder, LR_HOP_ROOT, false);
    (void)snprintf(hop->text, sizeof hop->text, "code outside the program (%zu reference%s)",
                   references, references == 1 ? "" : "s");
    builder->owned = true;
    builder->suspect_rank = 1;
}

void lr_path_add_object(struct path_builder *builder, const struct lr_object *object,
                        bool in_cycle) {
    bool hidden = builder->hide_next || object->kind == LR_OBJECT_ROOT;
    if (builder->root == NULL || builder->root->kind == LR_OBJECT_ROOT) {
        builder->root = object;
        builder->module = object->kind == LR_OBJECT_MODULE ? object->name : builder->module;
    }
    if (builder->frame == NULL && object->kind == LR_OBJECT_FRAME) {
        builder->frame = object;
    }
    builder->hide_next = false;
    if (hidden) {
        return;
    }
    bool root = builder->count == 0;
    struct lr_heap_hop *hop = add_hop(builder, root ? LR_HOP_ROOT : LR_HOP_OBJECT, in_cycle);
    (void)lr_object_text(hop->text, sizeof hop->text, object);
}

/* Edges without a hop: what they lead to belongs to where they come from, or says it all. */
static bool hide_edge(struct path_builder *builder, const struct lr_object *from,
                      const struct slot *slot) {
    if (slot->kind == SLOT_DICT) {
        builder->word = from->kind == LR_OBJECT_MODULE ? "global" : "attribute";
    }
    builder->hide_next =
        slot->kind == SLOT_DICT || slot->kind == SLOT_CLOSURE || slot->kind == SLOT_DEFAULTS;
    return builder->hide_next || slot->kind == SLOT_CONTENTS || slot->kind == SLOT_MODULE ||
           slot->kind == SLOT_RUNNING;
}

void lr_path_add_edge(struct path_builder *builder, const struct lr_object *from, uint32_t slot,
                      bool in_cycle) {
    const struct slot *edge = &from->slots[slot];
    if (edge->kind == SLOT_BORN) {
        struct lr_heap_hop *root = add_hop(builder, LR_HOP_ROOT, false);
        (void)snprintf(root->text, sizeof root->text, "module %s", edge->name);
        builder->module = edge->name;
        builder->word = "global";
        builder->hide_next = true;
        return;
    }
    if (hide_edge(builder, from, edge)) {
        return;
    }
    suspect_edge(builder, from, edge, in_cycle);
    builder->first = builder->first == NULL ? edge : builder->first;
    struct lr_heap_hop *hop =
        add_hop(builder, builder->count == 0 ? LR_HOP_ROOT : LR_HOP_EDGE, in_cycle);
    if (edge->kind == SLOT_NAME && builder->word != NULL && from->kind == LR_OBJECT_DICT) {
        (void)snprintf(hop->text, sizeof hop->text, "%s %s", builder->word, edge->name);
    } else {
        (void)lr_slot_text(hop->text, sizeof hop->text, from, edge, slot);
    }
    builder->word = NULL;
    if (edge->kind == SLOT_CELL) {
        builder->hide_next = true; /* "cell s" names it */
    } else if (edge->kind == SLOT_THREAD_DICT) {
        builder->thread_part = edge;
        builder->hide_next = true;
        builder->word = "attribute";
    }
}

/* ---- what would release it ---- */

static void say(struct lr_heap_path *path, const char *format, ...) LR_PRINTF(2, 3);

static void say(struct lr_heap_path *path, const char *format, ...) {
    size_t used = strlen(path->remedy);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(path->remedy + used, sizeof path->remedy - used, format, arguments);
    va_end(arguments);
}

static void say_collection(struct lr_heap *heap, struct lr_heap_path *path) {
    say(path, "gc.collect(%d)", path->generation);
    if (!heap->gc_enabled || heap->threshold[0] == 0) {
        say(path, "; no automatic collection will: the collector is off");
    } else if (path->generation == 0) {
        size_t limit = (size_t)heap->threshold[0] + 1;
        size_t left = limit > heap->count[0] ? limit - heap->count[0] : 1;
        say(path, ", or the automatic collection after %zu more objects", left);
    } else {
        say(path, ", or an automatic collection of generation %d", path->generation);
    }
}

static void say_thread(const struct path_builder *builder) {
    struct lr_heap_path *path = builder->path;
    const struct slot *first = builder->first;
    if (first != NULL && first->kind == SLOT_HANDLED) {
        say(path, "the end of the except clause that handles it");
    } else if (first != NULL && first->kind == SLOT_RAISED) {
        say(path, "the end of the exception in flight");
    } else if (builder->frame != NULL) {
        say(path, "the return of %s", builder->frame->name);
        if (first != NULL && first->kind == SLOT_NAME) {
            say(path, ", or del %s there", first->name);
        }
    }
}

static bool is_last(const char *name) {
    return strncmp(name, "last_", 5) == 0;
}

static void say_module(const struct path_builder *builder) {
    struct lr_heap_path *path = builder->path;
    const char *name =
        builder->first == NULL || builder->first->name == NULL ? "?" : builder->first->name;
    const char *module = builder->module;
    if (strcmp(module, "sys") == 0 && is_last(name)) {
        say(path, "sys.last_value, sys.last_traceback%s = None, or the next uncaught exception",
            builder->heap->profile->last_exc ? ", sys.last_exc" : "");
    } else if (path->hop_count <= 3) {
        say(path, "del %s in module %s", name, module);
    } else {
        say(path, "taking it out of %s in module %s", name, module);
    }
}

static void say_remedy(const struct path_builder *builder) {
    struct lr_heap_path *path = builder->path;
    if (path->generation >= 0) {
        say_collection(builder->heap, path);
    } else if (builder->owned) {
        say(path, "that code giving its reference back");
    } else if (builder->thread_part != NULL) {
        say(path, "the end of thread %s", builder->thread_part->name);
    } else if (builder->root->kind == LR_OBJECT_THREAD) {
        say_thread(builder);
    } else if (builder->module != NULL) {
        say_module(builder);
    } else {
        say(path, "the interpreter's exit");
    }
}

/* ---- the end ---- */

/* Head, a hop that says how many are left out, tail. */
static void join_hops(struct path_builder *builder) {
    struct lr_heap_path *path = builder->path;
    if (builder->count <= PATH_HEAD + PATH_TAIL) {
        for (size_t i = PATH_HEAD; i < builder->count; i++) {
            path->hops[i] = builder->tail[i - PATH_HEAD];
        }
        path->hop_count = builder->count;
        return;
    }
    path->elided_count = builder->count - PATH_HEAD - PATH_TAIL;
    struct lr_heap_hop *hop = &path->hops[PATH_HEAD];
    *hop = (struct lr_heap_hop){.kind = LR_HOP_ELIDED};
    (void)snprintf(hop->text, sizeof hop->text, ".. %zu hops ..", path->elided_count);
    for (size_t i = 0; i < PATH_TAIL; i++) {
        path->hops[PATH_HEAD + 1 + i] = builder->tail[(builder->count - PATH_HEAD + i) % PATH_TAIL];
    }
    path->hop_count = LR_HEAP_HOPS_MAX;
}

/* The suspect and what follows, but for what is held: the same leak of two sessions is one. */
static uint64_t fingerprint(const struct lr_heap_path *path, size_t suspect) {
    uint64_t hash = 14695981039346656037U;
    for (size_t i = suspect; i + 1 < path->hop_count; i++) {
        if (path->hops[i].kind == LR_HOP_ELIDED) {
            continue;
        }
        for (const char *c = path->hops[i].text; *c != '\0'; c++) {
            if (*c < '0' || *c > '9') {
                hash = (hash ^ (unsigned char)*c) * 1099511628211U;
            }
        }
        hash = (hash ^ '\n') * 1099511628211U;
    }
    return hash;
}

void lr_path_finish(struct path_builder *builder) {
    struct lr_heap_path *path = builder->path;
    join_hops(builder);
    if (path->generation >= 0) {
        struct lr_heap_hop *hop = &path->hops[0];
        (void)snprintf(hop->text, sizeof hop->text, "uncollected cycle, generation %d",
                       path->generation);
    }
    size_t suspect = builder->suspect;
    if (suspect >= PATH_HEAD && path->elided_count > 0) {
        suspect =
            suspect - PATH_HEAD < path->elided_count ? PATH_HEAD : suspect - path->elided_count + 1;
    }
    if (builder->suspect_rank > 0 && suspect < path->hop_count) {
        path->hops[suspect].suspect = true;
    }
    path->fingerprint = fingerprint(path, suspect);
    say_remedy(builder);
}

const char *lr_heap_path_text(char *out, size_t size, const struct lr_heap_path *path) {
    size_t used = 0;
    if (size > 0) {
        out[0] = '\0';
    }
    for (size_t i = 0; i < path->hop_count && used + 1 < size; i++) {
        const struct lr_heap_hop *hop = &path->hops[i];
        const char *mark = hop->suspect ? "*" : "";
        int length = snprintf(out + used, size - used, "%s%s%s%s",
                              i == 0                                   ? ""
                              : path->hops[i - 1].kind == LR_HOP_CYCLE ? ": "
                                                                       : " -> ",
                              mark, hop->text, mark);
        used += length < 0 ? 0 : (size_t)length;
    }
    return out;
}
