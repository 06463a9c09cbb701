/* SPDX-License-Identifier: Apache-2.0 */
/* Holders of one session each: s01, s02 and s05 to s09 of tests/golden/heap/scripts. */
#include <stdio.h>

#include "support/heap_script.h"

/* ---- s01_except_saved ---- */

static void boom(struct script *s) {
    s_push(s, "boom");
    s_raise(s, "ValueError", "boom");
    s_leave(s);
}

static void save_exception(struct script *s) {
    boom(s);
    s_catch(s, "e");
    s_set(s, "saved", s_get(s, "e"));
    s_end_except(s);
}

static void except_saved(struct script *s) {
    if (s_is(s, "saved_elsewhere_frame")) {
        s_push(s, "g");
        save_exception(s);
        s_pop(s);
    } else if (s_is(s, "not_saved")) {
        boom(s);
        s_catch(s, "e");
        s_end_except(s);
    } else if (s_is(s, "tb_local")) {
        boom(s);
        s_catch(s, NULL);
        if (s_ok(s)) {
            s_set(s, "tb", lr_heap_get(lr_heap_handled(s->heap), "__traceback__"));
            s_end_except(s);
        }
    } else {
        save_exception(s);
        if (s_is(s, "saved_cleared")) {
            s_set_in(s, s_get(s, "saved"), "__traceback__", NULL);
        }
    }
}

void script_s01_except_saved(struct script *s) {
    s_settle(s);
    s_push(s, "f");
    s_take(s, "s", s_new_session(s, "session"));
    except_saved(s);
    struct lr_object *r = s_hold(s, "s");
    s_pop(s);
    s_take(s, "r", r);
    s_mark_count(s, "r = f()", s_get(s, "r"));
    s_del(s, "r");
    s_mark(s, "del r");
    s_mark_collected(s, "gc.collect(0)", s_collect(s, 0));
}

/* ---- s02_last_traceback ---- */

static void raise_with_session(struct script *s) {
    s_push(s, "f");
    s_take(s, "s", s_new_session(s, "session"));
    s_raise(s, "ValueError", "boom");
    s_leave(s);
}

static void uncaught(struct script *s) {
    if (s_ok(s)) {
        s_try(s, lr_heap_uncaught(s->heap));
    }
}

static void set_in_sys(struct script *s, const char *name, struct lr_object *value) {
    if (s_ok(s)) {
        s_set_in(s, lr_heap_module(s->heap, "sys"), name, value);
    }
}

static void sys_last(struct script *s) {
    raise_with_session(s);
    uncaught(s);
    s_mark(s, "uncaught exception in interactive interpreter; sys.last_traceback is traceback");
    s_mark_collected(s, "gc.collect()", s_collect(s, 2));
    set_in_sys(s, "last_traceback", NULL);
    s_mark(s, "sys.last_traceback = None (sys.last_value still set)");
    set_in_sys(s, "last_value", NULL);
    s_mark(s, "sys.last_value = None");
    if (s->profile->last_exc) {
        set_in_sys(s, "last_exc", NULL);
        s_mark(s, "sys.last_exc = None (3.12+)");
    }
}

static void saved_in_frame(struct script *s) {
    s_push(s, "h");
    s_take(s, "s", s_new_session(s, "session"));
    s_raise(s, "ValueError", "x");
    s_catch(s, "e");
    set_in_sys(s, "last_value", s_get(s, "e"));
    if (s_ok(s)) {
        s_end_except(s);
    }
    s_del(s, "s");
    s_mark(s, "after `del s` in the frame whose traceback is held");
    s_pop(s);
    s_mark(s, "h() returned");
    set_in_sys(s, "last_value", NULL);
    s_mark(s, "sys.last_value = None");
}

static void silent(void *context, const struct lr_heap_release *release) {
    (void)context;
    (void)release;
}

static void repl(struct script *s) {
    s_push(s, "f");
    s_take(s, "s", s_new_plain_session(s, NULL, "session", silent));
    s_watch(s, "session", s_get(s, "s"));
    s_raise(s, "ValueError", "boom");
    s_leave(s);
    uncaught(s);
    s_mark(s, "REPL: alive after uncaught");
    (void)s_collect(s, 2);
    s_mark(s, "REPL: alive after gc.collect()");
    s_raise(s, "ZeroDivisionError", "division by zero");
    uncaught(s);
    s_mark(s, "REPL: alive after next uncaught exception");
}

void script_s02_last_traceback(struct script *s) {
    s_settle(s);
    if (s_is(s, "handler_active")) {
        raise_with_session(s);
        s_catch(s, NULL);
        s_mark(s, "inside except (exc_info holds the traceback)");
        s_mark_collected(s, "gc.collect() inside except", s_collect(s, 2));
        s_end_except(s);
        s_mark(s, "except clause left");
    } else if (s_is(s, "handler_left")) {
        s_push(s, "g");
        raise_with_session(s);
        s_catch(s, NULL);
        s_end_except(s);
        s_pop(s);
        s_mark(s, "g() returned");
    } else if (s_is(s, "sys_last")) {
        sys_last(s);
    } else if (s_is(s, "sys_last_saved_in_frame")) {
        saved_in_frame(s);
    } else {
        repl(s);
    }
}

/* ---- s05_resurrect ---- */

static void resurrect(struct lr_heap *heap, struct lr_object *self,
                      const struct lr_heap_release *release, void *context) {
    struct script *s = context;
    (void)heap;
    (void)release;
    s_event(s, "__del__");
    s_append(s, s_get(s, "saved"), self);
}

static void first_callback(struct lr_heap *heap, void *context) {
    (void)heap;
    s_event(context, "weakref callback");
}

static void second_callback(struct lr_heap *heap, void *context) {
    (void)heap;
    s_event(context, "second weakref callback");
}

static json_t *mark_resurrection(struct script *s, const char *text,
                                 const struct lr_object *weakref) {
    json_t *step = s_mark(s, "%s", text);
    if (s_ok(s)) {
        bool saved = lr_object_edge_count(s_get(s, "saved")) > 0;
        json_object_set_new(step, "alive",
                            json_pack("{sbsb}", "reachable_from_saved", saved, "weakref",
                                      lr_heap_weakref_target(weakref) != NULL));
    }
    return step;
}

static void drop_resurrected(struct script *s, struct lr_object *first) {
    struct lr_object *second = NULL;
    struct lr_object *saved = s_ok(s) ? lr_heap_pop(s->heap, s_get(s, "saved")) : NULL;
    if (s_ok(s)) {
        second = s_new_weakref(s, saved, second_callback, s);
    }
    s_drop(s, saved);
    json_t *step = mark_resurrection(s, "saved.pop() (drop the resurrected object)", first);
    s_put_bool(step, "second_weakref", s_ok(s) && lr_heap_weakref_target(second) != NULL);
    size_t collected = s_collect(s, 2);
    step = mark_resurrection(s, "gc.collect()", first);
    s_put_int(step, "gc_collect_returned", (long long)collected);
    s_put_bool(step, "second_weakref", s_ok(s) && lr_heap_weakref_target(second) != NULL);
}

void script_s05_resurrect(struct script *s) {
    s_take(s, "saved", s_new_list(s));
    s_settle(s);
    struct lr_object *object = s_new_instance(s, "S");
    if (s_ok(s)) {
        lr_heap_set_del(object, resurrect, s);
    }
    s_take(s, "s", object);
    if (s_is(s, "cycle")) {
        s_set_in(s, s_get(s, "s"), "me", s_get(s, "s"));
    }
    struct lr_object *weakref = s_new_weakref(s, s_get(s, "s"), first_callback, s);
    json_t *step = mark_resurrection(s, "s created", weakref);
    s_put_int(step, "getrefcount", s_ok(s) ? (long long)lr_heap_refcount(s_get(s, "s")) : 0);
    s_del(s, "s");
    mark_resurrection(s, "del s", weakref);
    static const char *const collections[] = {"gc.collect()", "gc.collect() again"};
    for (size_t i = 0; i < LR_COUNT_OF(collections); i++) {
        size_t collected = s_collect(s, 2);
        step = mark_resurrection(s, collections[i], weakref);
        s_put_int(step, "gc_collect_returned", (long long)collected);
    }
    drop_resurrected(s, weakref);
}

/* ---- s06_bound_callback ---- */

static struct lr_object *on_close(struct script *s) {
    struct lr_object *function = NULL;
    if (s_is(s, "function")) {
        if (s_ok(s)) {
            s_try(s, lr_heap_new_function(s->heap, NULL, "close", &function));
        }
        return s_ok(s) ? function : NULL;
    }
    if (s_is(s, "weak_method")) {
        return s_new_weakref(s, s_get(s, "s"), NULL, NULL);
    }
    return s_new_method(s, s_get(s, "s"), "close");
}

void script_s06_bound_callback(struct script *s) {
    s_settle(s);
    s_take(s, "s", s_new_session(s, "session"));
    s_take_in(s, s_get(s, "s"), "on_close", on_close(s));
    if (s_is(s, "order")) {
        s_take(s, "w", s_new_weakref(s, s_get(s, "s"), first_callback, s));
    }
    s_mark_count(s, "s.on_close set", s_get(s, "s"));
    if (s_is(s, "unset_first")) {
        s_set_in(s, s_get(s, "s"), "on_close", NULL);
        s_mark_count(s, "s.on_close = None", s_get(s, "s"));
    }
    s_del(s, "s");
    s_mark(s, "del s");
    s_mark_collected(s, "gc.collect(0)", s_collect(s, 0));
}

/* ---- s07_registry ---- */

/* lambda: s.close() closes over a cell; lambda s=s: keeps a default. Owned. */
static struct lr_object *new_lambda(struct script *s, struct lr_object *session, bool closure) {
    struct lr_object *function = NULL;
    struct lr_object *cell = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_function(s->heap, lr_heap_module(s->heap, "__main__"), "<lambda>",
                                      &function));
    }
    if (s_ok(s) && !closure) {
        s_try(s, lr_heap_set_default(s->heap, function, "s", session));
    } else if (s_ok(s)) {
        s_try(s, lr_heap_new_cell(s->heap, session, &cell));
        if (s_ok(s)) {
            s_try(s, lr_heap_close_over(s->heap, function, "s", cell));
        }
        s_drop(s, cell);
    }
    return s_ok(s) ? function : NULL;
}

static void add_to_registry(struct script *s, struct lr_object *session,
                            struct lr_object *registry) {
    struct lr_object *entry = NULL;
    if (s_is(s, "lambda_registry") || s_is(s, "default_arg")) {
        entry = new_lambda(s, session, s_is(s, "lambda_registry"));
    } else if (s_is(s, "bound_registry")) {
        entry = s_new_method(s, session, "close");
    } else {
        entry = s_new_weakref(s, session, NULL, NULL);
    }
    if (s_is(s, "weakset") && s_ok(s)) {
        struct lr_object *set = NULL;
        s_try(s, lr_heap_new_set(s->heap, &set));
        s_append(s, set, entry);
        s_take_in(s, lr_heap_module(s->heap, "__main__"), "registry2", set);
    } else {
        s_append(s, registry, entry);
    }
    s_drop(s, entry);
}

void script_s07_registry(struct script *s) {
    s_take(s, "registry", s_new_list(s));
    struct lr_object *registry = s_get(s, "registry");
    s_settle(s);
    s_push(s, "make");
    struct lr_object *session = s_new_session(s, "session");
    s_set(s, "s", s_is(s, "lambda_registry") ? NULL : session); /* there it is the cell's */
    add_to_registry(s, session, registry);
    s_pop(s);
    s_take(s, "s", session);
    s_mark_count(s, "s = make()", s_get(s, "s"));
    s_del(s, "s");
    s_mark(s, "del s");
    for (int generation = 0; generation < LR_HEAP_GENERATIONS; generation++) {
        char step[32];
        (void)snprintf(step, sizeof step, "gc.collect(%d)", generation);
        s_mark_collected(s, step, s_collect(s, generation));
    }
    if (s_ok(s)) {
        lr_heap_empty(s->heap, registry);
    }
    s_mark(s, "registry cleared");
}

/* ---- s08_thread_local ---- */

static struct lr_object *start_thread(struct script *s, const char *function) {
    struct lr_object *thread = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_start_thread(s->heap, "Thread-1", &thread));
    }
    if (s_ok(s)) {
        lr_heap_switch(s->heap, thread);
        s_push(s, function);
    }
    return s_ok(s) ? thread : NULL;
}

static void worker(struct script *s, struct lr_object *local) {
    struct lr_object *thread = start_thread(s, "worker");
    if (s_is(s, "worker_local")) {
        s_take_in(s, local, "session", s_new_session(s, "session"));
    } else {
        s_take(s, "s", s_new_session(s, "session"));
    }
    lr_heap_switch(s->heap, NULL);
    s_mark(s, "worker running, session held by the worker");
    s_mark_collected(s, "gc.collect() in main thread", s_collect(s, 2));
    if (s_ok(s)) {
        lr_heap_end_thread(s->heap, thread);
    }
    s_mark(s, "worker joined (thread object t still bound)");
}

void script_s08_thread_local(struct script *s) {
    struct lr_object *local = NULL;
    s_try(s, lr_heap_new_thread_local(s->heap, &local));
    s_take(s, "tl", local);
    s_settle(s);
    if (s_starts(s, "worker")) {
        worker(s, local);
    } else if (s_is(s, "main_local")) {
        s_take_in(s, local, "session", s_new_session(s, "session"));
        s_mark_count(s, "tl.session = Session() in the main thread",
                     s_ok(s) ? lr_heap_get(local, "session") : NULL);
        s_mark_collected(s, "gc.collect()", s_collect(s, 2));
        s_del(s, "tl");
        s_mark(s, "del tl (the local object itself goes)");
    } else {
        struct lr_object *thread = start_thread(s, "bad");
        s_take(s, "s", s_new_session(s, "session"));
        s_raise(s, "ValueError", "in thread");
        uncaught(s);
        if (s_ok(s)) {
            lr_heap_end_thread(s->heap, thread);
        }
        s_mark(s, "thread died with an uncaught exception, joined");
    }
}

/* ---- s09_generator ---- */

static void exit_session(struct lr_heap *heap, struct lr_object *exception, void *context) {
    (void)heap;
    s_event(context, "__exit__(%s)", exception == NULL ? "None" : lr_object_name(exception));
}

/* Up to the first yield. */
static void start_generator(struct script *s, struct lr_object *generator) {
    if (s_ok(s)) {
        s_try(s, lr_heap_resume(s->heap, generator));
    }
    struct lr_object *session = s_new_session(s, "session");
    if (!s_is(s, "local_plain") && s_ok(s)) {
        s_try(s, lr_heap_enter_with(s->heap, session, exit_session, s));
        s_event(s, "__enter__");
    }
    s_take(s, "s", session);
    if (s_ok(s)) {
        lr_heap_yield(s->heap);
    }
}

static struct lr_object *make_generator(struct script *s) {
    struct lr_object *generator = NULL;
    if (s_ok(s)) {
        s->status =
            lr_heap_new_generator(s->heap, s_is(s, "self_cycle") ? "gen_cycle" : "gen", &generator);
    }
    if (s_ok(s) && s_is(s, "self_cycle")) {
        struct lr_object *box = s_new_list(s);
        s_set_in(s, lr_heap_generator_frame(generator), "me", box);
        s_append(s, box, generator);
        s_drop(s, box);
    }
    return s_ok(s) ? generator : NULL;
}

static void finish_generator(struct script *s, struct lr_object *generator) {
    if (s_is(s, "exhausted") && s_ok(s)) {
        s_try(s, lr_heap_resume(s->heap, generator));
        if (s_ok(s)) {
            (void)lr_heap_leave_with(s->heap);
            lr_heap_generator_return(s->heap);
        }
        s_mark(s, "generator exhausted, g still bound");
    }
    if (s_is(s, "close_first") && s_ok(s)) {
        lr_heap_generator_close(s->heap, generator);
        s_mark(s, "g.close()");
    }
}

void script_s09_generator(struct script *s) {
    s_settle(s);
    struct lr_object *generator = make_generator(s);
    s_take(s, "g", generator);
    if (!s_is(s, "never_started")) {
        start_generator(s, generator);
    }
    json_t *step = s_mark(s, "generator suspended");
    s_put_int(step, "refcount_gen", s_ok(s) ? (long long)lr_heap_refcount(generator) : 0);
    finish_generator(s, generator);
    s_del(s, "g");
    s_mark(s, "del g");
    s_mark_collected(s, "gc.collect(0)", s_collect(s, 0));
}
