/* SPDX-License-Identifier: Apache-2.0 */
/* The report's shape: s00_*, s04 and s14 of tests/golden/heap/scripts. */
#include <stdio.h>

#include "support/heap_script.h"

static void enum_lookup(struct script *s) {
    const struct lr_heap_enum_lookup lookup = {.type = "SocketKind", .value = "0"};
    if (s_ok(s)) {
        s_try(s, lr_heap_enum_lookup(s->heap, &lookup));
    }
}

static struct lr_object *connect(struct script *s, bool tell_tracker) {
    s_push(s, "connect");
    if (s_is(s, "intenum")) {
        s_intenum(s);
    } else if (s_is(s, "local_try")) {
        enum_lookup(s);
        s_catch(s, NULL);
        s_end_except(s);
    } else if (s_ok(s)) {
        s_try(s, lr_heap_getaddrinfo(s->heap, false));
    }
    struct lr_object *tracker = s_new_instance(s, "Tracker");
    if (tell_tracker && s_is(s, "tracker_too")) {
        s_watch(s, "tracker", tracker);
    }
    s_pop(s);
    return tracker;
}

/* t.request(), which makes the session. */
static struct lr_object *request(struct script *s,
                                 struct lr_object *(*make)(struct script *, const char *)) {
    s_push(s, "request");
    struct lr_object *session = make(s, "session");
    s_pop(s);
    return session;
}

/* `r = t.request()` in the running frame, and what the variant makes of it; returns r, owned. */
static struct lr_object *request_in_frame(struct script *s) {
    if (s_is(s, "no_local")) {
        return request(s, s_new_session);
    }
    if (s_is(s, "other_frame")) {
        s_push(s, "make");
        s_take(s, "r", request(s, s_new_session));
        struct lr_object *r = s_hold(s, "r");
        s_pop(s);
        return r;
    }
    s_take(s, "r", request(s, s_new_session));
    if (s_is(s, "rebind_none")) {
        s_take(s, "box", s_new_list(s));
        s_append(s, s_get(s, "box"), s_get(s, "r"));
        s_set(s, "r", NULL);
        return s_ok(s) ? lr_heap_pop(s->heap, s_get(s, "box")) : NULL;
    }
    struct lr_object *r = s_hold(s, "r");
    if (s_is(s, "finally_del")) {
        s_del(s, "r");
    }
    return r;
}

static struct lr_object *check_remote(struct script *s) {
    s_push(s, "check_remote");
    s_take(s, "t", connect(s, true));
    if (s_is(s, "collect_inside")) {
        s_mark_collected(s, "gc.collect(0) inside check_remote, after connect()", s_collect(s, 0));
    }
    struct lr_object *r = request_in_frame(s);
    s_pop(s);
    return r;
}

static struct lr_object *outer(struct script *s) {
    s_push(s, "outer");
    s_take(s, "outer_session", s_new_session(s, "outer_session"));
    s_take(s, "inner", check_remote(s));
    struct lr_object *inner = s_hold(s, "inner");
    s_pop(s);
    return inner;
}

static void collect_each(struct script *s) {
    for (int generation = 0; generation < LR_HEAP_GENERATIONS; generation++) {
        char step[32];
        (void)snprintf(step, sizeof step, "gc.collect(%d)", generation);
        s_mark_collected(s, step, s_collect(s, generation));
    }
}

void script_s00_report(struct script *s) {
    s_settle(s);
    s_take(s, "r", s_is(s, "two_levels") ? outer(s) : check_remote(s));
    s_mark_count(s, "r = check_remote()", s_get(s, "r"));
    if (s_is(s, "collect_before_del")) {
        s_mark_collected(s, "gc.collect(0) with r still bound", s_collect(s, 0));
        s_mark_count(s, "getrefcount again", s_get(s, "r"));
    }
    s_del(s, "r");
    s_mark(s, "del r");
    collect_each(s);
}

/* ---- s00_members: what a collection takes ---- */

static void note_member(void *context, const struct lr_object *object) {
    json_t *members = context;
    char text[160];
    enum lr_object_kind kind = lr_object_kind(object);
    if (kind == LR_OBJECT_TRACEBACK) {
        (void)snprintf(text, sizeof text, "traceback -> %s", lr_object_detail(object));
    } else if (kind == LR_OBJECT_EXCEPTION) {
        (void)snprintf(text, sizeof text, "%s %s", lr_object_name(object),
                       lr_object_detail(object));
    } else {
        (void)snprintf(text, sizeof text, "%s%s", kind == LR_OBJECT_FRAME ? "frame " : "",
                       lr_object_name(object));
    }
    json_array_append_new(members, json_string(text));
}

static struct lr_object *bare_session(struct script *s, const char *name) {
    (void)name;
    return s_new_instance(s, "Session");
}

static struct lr_object *check_remote_bare(struct script *s) {
    s_push(s, "check_remote");
    s_take(s, "t", connect(s, false));
    s_take(s, "r", request(s, bare_session));
    struct lr_object *r = s_hold(s, "r");
    s_pop(s);
    return r;
}

void script_s00_members(struct script *s) {
    json_t *members = json_array();
    (void)s_collect(s, 2);
    const struct lr_heap_observer observer = {.garbage = note_member, .context = members};
    lr_heap_observe(s->heap, &observer);
    s_take(s, "r", check_remote_bare(s));
    s_del(s, "r");
    size_t collected = s_collect(s, 0);
    lr_heap_observe(s->heap, NULL);
    json_t *step = s_mark_collected(s, "gc.collect(0) with DEBUG_SAVEALL", collected);
    json_object_set_new(step, "members", members);
}

/* ---- s00_repl: the transcript, with what it prints ---- */

static void finish_serving(void *context, const struct lr_heap_release *release) {
    const struct script_session *session = context;
    (void)release;
    json_array_append_new(session->script->context, json_string("Finish serving"));
}

static struct lr_object *serving_session(struct script *s, const char *name) {
    return s_new_plain_session(s, NULL, name, finish_serving);
}

void script_s00_repl(struct script *s) {
    json_t *lines = json_array();
    s->context = lines;
    (void)s_collect(s, 2);
    s_push(s, "check_remote");
    s_push(s, "connect_tracker");
    if (s_ok(s)) {
        s_try(s, lr_heap_getaddrinfo(s->heap, false));
    }
    struct lr_object *tracker = s_new_instance(s, "Tracker");
    s_pop(s);
    s_take(s, "t", tracker);
    s_take(s, "r", request(s, serving_session));
    struct lr_object *r = s_hold(s, "r");
    s_pop(s);
    s_take(s, "r", r);
    long long count = s_ok(s) ? (long long)lr_heap_refcount(s_get(s, "r")) : 0;
    char text[64];
    (void)snprintf(text, sizeof text, "getrefcount %lld", count);
    json_array_append_new(lines, json_string(text));
    s_del(s, "r");
    json_array_append_new(lines, json_string("del r done"));
    for (int generation = 0; generation < LR_HEAP_GENERATIONS; generation++) {
        long long collected = (long long)s_collect(s, generation);
        json_array_append_new(lines, json_sprintf("collect(%d) -> %d", generation, (int)collected));
    }
    json_t *step = s_mark(s, "REPL transcript");
    s_put_int(step, "getrefcount", count);
    json_object_set_new(step, "order", lines);
}

/* ---- s00_chain: the graph, as it is after del r; the comparison looks at it (heap_chain.c) ----
 */

void script_s00_chain(struct script *s) {
    (void)s_collect(s, 2);
    if (s_ok(s)) {
        lr_heap_set_gc_enabled(s->heap, false);
    }
    s_take(s, "r", check_remote_bare(s));
    s_watch(s, "session", s_get(s, "r"));
    s_mark_count(s, "r = check_remote()", s_get(s, "r"));
    s_del(s, "r");
    s_mark(s, "del r");
    s_describe_chain(s);
}

/* ---- s04_gc_disable ---- */

static struct lr_object *session_after_lookup(struct script *s) {
    s_push(s, "check_remote");
    s_intenum(s);
    s_take(s, "r", s_new_session(s, "session"));
    struct lr_object *r = s_hold(s, "r");
    s_pop(s);
    return r;
}

static void keep_nodes(struct script *s, size_t count) {
    s_take(s, "keep", s_new_list(s));
    for (size_t i = 0; i < count && s_ok(s); i++) {
        struct lr_object *node = s_new_node(s);
        s_append(s, s_get(s, "keep"), node);
        s_drop(s, node);
    }
}

void script_s04_gc_disable(struct script *s) {
    s_settle(s);
    lr_heap_set_gc_enabled(s->heap, false);
    if (s_is(s, "report")) {
        s_take(s, "r", session_after_lookup(s));
    } else {
        s_take(s, "r", s_new_session(s, "session"));
        s_take_in(s, s_get(s, "r"), "on_close", s_new_method(s, s_get(s, "r"), "close"));
    }
    s_mark_count(s, "session made, gc disabled", s_get(s, "r"));
    s_del(s, "r");
    s_mark(s, "del r");
    keep_nodes(s, s->small ? 10 : 100000);
    size_t count[LR_HEAP_GENERATIONS];
    lr_heap_count(s->heap, count);
    json_t *step = s_mark(s, "100000 kept allocations");
    json_object_set_new(step, "gc_count", json_pack("[ii]", (int)count[1], (int)count[2]));
    s_put_bool(step, "count0_at_least_100000", count[0] >= 100000);
    s_del(s, "keep");
    lr_heap_set_gc_enabled(s->heap, true);
    s_mark(s, "gc.enable() alone");
    lr_heap_set_gc_enabled(s->heap, false);
    s_mark_collected(s, "gc.collect(0) while disabled", s_collect(s, 0));
}

/* ---- s14_distilled: the same without enum ---- */

static void missing(struct script *s) {
    s_push(s, "missing");
    s_raise(s, "ValueError", "bad");
    s_leave(s);
}

static void raise_local(struct script *s, const char *name) {
    if (s_ok(s)) {
        s_try(s, lr_heap_raise(s->heap, s_get(s, name)));
    }
}

static struct lr_object *new_error(struct script *s, const char *text) {
    struct lr_object *error = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_exception(s->heap, "ValueError", text, &error));
    }
    return s_ok(s) ? error : NULL;
}

static void convert_missing(struct script *s) {
    s_set(s, "exc", NULL);
    missing(s);
    s_catch(s, "e");
    s_set(s, "exc", s_get(s, "e"));
    s_end_except(s);
    s_take(s, "ve_exc", new_error(s, "bad2"));
    s_set_in(s, s_get(s, "exc"), "__context__", s_get(s, "ve_exc"));
    raise_local(s, "exc");
    if (s_is(s, "missing_raises_finally")) {
        s_set(s, "exc", NULL);
        s_set(s, "ve_exc", NULL);
    }
    s_leave(s);
}

/* Raises, but for returned_exc, which returns the exception, owned. */
static struct lr_object *convert(struct script *s) {
    s_push(s, "convert");
    if (s_starts(s, "raise_local")) {
        s_take(s, "ve_exc", new_error(s, "bad"));
        raise_local(s, "ve_exc");
        if (s_is(s, "raise_local_finally")) {
            s_set(s, "ve_exc", NULL);
        }
        s_leave(s);
    } else if (s_is(s, "raise_anonymous")) {
        s_raise(s, "ValueError", "bad");
        s_leave(s);
    } else if (s_starts(s, "missing_raises")) {
        convert_missing(s);
    } else {
        struct lr_object *error = new_error(s, "bad");
        s_pop(s);
        return error;
    }
    return NULL;
}

static void connect_distilled(struct script *s) {
    s_push(s, "connect");
    struct lr_object *returned = convert(s);
    if (returned != NULL) {
        s_take(s, "x", returned);
        raise_local(s, "x");
    }
    s_catch(s, NULL);
    s_end_except(s);
    s_pop(s);
}

void script_s14_distilled(struct script *s) {
    s_settle(s);
    s_push(s, "check_remote");
    connect_distilled(s);
    s_take(s, "r", s_new_session(s, "session"));
    struct lr_object *r = s_hold(s, "r");
    s_pop(s);
    s_take(s, "r", r);
    s_mark_count(s, "r = check_remote()", s_get(s, "r"));
    s_del(s, "r");
    s_mark(s, "del r");
    s_mark_collected(s, "gc.collect(0)", s_collect(s, 0));
}
