/* SPDX-License-Identifier: Apache-2.0 */
/* Finalizers and the interpreter's exit: s10 and s11 of tests/golden/heap/scripts. */
#include "support/heap_script.h"

/* ---- s10_exit: a program of its own, what it prints is the record ---- */

struct child {
    json_t *lines;
    struct lr_heap_watch globals; /* of __main__ */
};

static void print(struct script *s, const char *text) {
    json_array_append_new(((struct child *)s->context)->lines, json_string(text));
}

/* __del__: says whether the global os of __main__ was still there. */
static void say_deleted(void *context, const struct lr_heap_release *release) {
    const struct script_session *session = context;
    const struct child *child = session->script->context;
    const struct lr_object *globals = child->globals.object;
    (void)release;
    const char *state = globals == NULL || !lr_heap_has(globals, "os") ? "gone"
                        : lr_heap_get(globals, "os") == NULL           ? "None"
                                                                       : "set";
    json_t *line = json_sprintf("__del__(%s) main.os=%s", session->name, state);
    json_array_append_new(child->lines, line);
}

static void say_atexit(struct lr_heap *heap, void *context) {
    (void)heap;
    print(context, "atexit runs");
}

static void say_atexit_sees(struct lr_heap *heap, void *context) {
    (void)heap;
    print(context, "atexit sees session");
}

static struct lr_object *main_module(struct script *s) {
    return s_ok(s) ? lr_heap_module(s->heap, "__main__") : NULL;
}

static void import(struct script *s, const char *name) {
    struct lr_object *module = s_ok(s) ? lr_heap_hold(lr_heap_module(s->heap, name)) : NULL;
    if (module == NULL && s_ok(s)) {
        s_try(s, lr_heap_new_module(s->heap, name, &module));
    }
    s_take(s, name, s_ok(s) ? module : NULL);
}

/* The part that all variants begin with. */
static void begin_child(struct script *s, struct child *child) {
    static const char *const modules[] = {"os", "sys", "gc", "atexit", "weakref"};
    s->context = child;
    child->lines = json_array();
    lr_heap_watch(&child->globals, lr_heap_globals(lr_heap_module(s->heap, "__main__")));
    for (size_t i = 0; i < LR_COUNT_OF(modules); i++) {
        import(s, modules[i]);
    }
    lr_heap_set_gc_enabled(s->heap, false);
    struct lr_object *type = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_class(s->heap, main_module(s), "Session", &type));
    }
    s_take(s, "Session", s_ok(s) ? type : NULL);
    if (s_ok(s)) {
        s_try(s, lr_heap_atexit(s->heap, say_atexit, s, NULL));
    }
}

static struct lr_object *new_child_session(struct script *s, const char *name) {
    return s_new_plain_session(s, s_get(s, "Session"), name, say_deleted);
}

static void global(struct script *s, const char *name, const char *text) {
    s_take(s, name, new_child_session(s, text));
}

static struct lr_object *module_named(struct script *s, const char *name) {
    return s_ok(s) ? lr_heap_module(s->heap, name) : NULL;
}

static void globals_only(struct script *s) {
    global(s, "session", "session");
    if (s_is(s, "underscore")) {
        global(s, "_session", "_session");
    }
}

static void two_globals(struct script *s) {
    global(s, "a", "a");
    global(s, "z", "z");
    global(s, "m", "m");
}

static void main_and_import(struct script *s) {
    struct lr_object *module = NULL;
    import(s, "types");
    if (s_ok(s)) {
        s_try(s, lr_heap_new_module(s->heap, "mod", &module));
    }
    s_take(s, "mod", s_ok(s) ? module : NULL);
    s_take_in(s, s_get(s, "mod"), "s", new_child_session(s, "mod.s"));
    global(s, "s", "main.s");
    s_del(s, "mod");
}

static void cycle(struct script *s) {
    global(s, "s", "cycle");
    s_set_in(s, s_get(s, "s"), "me", s_get(s, "s"));
    s_del(s, "s");
    global(s, "g", "global");
}

static void report(struct script *s) {
    s_push(s, "check_remote");
    s_intenum(s);
    struct lr_object *type =
        s_ok(s) ? lr_heap_get(lr_heap_module(s->heap, "__main__"), "Session") : NULL;
    s_take(s, "r", s_new_plain_session(s, type, "report", say_deleted));
    struct lr_object *r = s_hold(s, "r");
    s_pop(s);
    s_take(s, "r", r);
    s_del(s, "r");
    print(s, "after del r");
}

static void thread_local_part(struct script *s) {
    struct lr_object *local = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_thread_local(s->heap, &local));
    }
    s_take(s, "tl", s_ok(s) ? local : NULL);
    s_take_in(s, s_get(s, "tl"), "s", new_child_session(s, "main thread local"));
    global(s, "g", "global");
}

static void atexit_handler(struct script *s) {
    global(s, "session", "session");
    if (s_ok(s)) {
        s_try(s, lr_heap_atexit(s->heap, say_atexit_sees, s, s_get(s, "session")));
    }
}

static void builtins_held(struct script *s) {
    s_take_in(s, module_named(s, "builtins"), "held", new_child_session(s, "builtins.held"));
    global(s, "g", "global");
}

static void sys_held(struct script *s) {
    s_take_in(s, module_named(s, "sys"), "held", new_child_session(s, "sys.held"));
    global(s, "g", "global");
}

static void registry_lambda(struct script *s) {
    struct lr_object *function = NULL;
    struct lr_object *cell = NULL;
    s_take(s, "registry", s_new_list(s));
    struct lr_object *session = new_child_session(s, "captured");
    if (s_ok(s)) {
        s_try(s, lr_heap_new_cell(s->heap, session, &cell));
    }
    s_drop(s, session);
    if (s_ok(s)) {
        s_try(s, lr_heap_new_function(s->heap, main_module(s), "<lambda>", &function));
    }
    if (s_ok(s)) {
        s_try(s, lr_heap_close_over(s->heap, function, "s", cell));
    }
    s_drop(s, cell);
    s_append(s, s_get(s, "registry"), function);
    s_drop(s, function);
}

static void class_attr(struct script *s) {
    struct lr_object *holder = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_class(s->heap, main_module(s), "Holder", &holder));
    }
    s_take_in(s, holder, "s", new_child_session(s, "class attr"));
    s_take(s, "Holder", s_ok(s) ? holder : NULL);
}

static void keep_main(struct script *s) {
    s_set_in(s, module_named(s, "sys"), "keep", main_module(s));
}

static void main_kept(struct script *s) {
    keep_main(s);
    global(s, "session", "session");
    global(s, "_session", "_session");
    global(s, "other", "other");
}

static void order_probe(struct script *s) {
    if (s_is(s, "order_probe_kept")) {
        keep_main(s);
    }
    s_set(s, "first", NULL);
    s_set(s, "second", NULL);
    global(s, "second", "made first, name second");
    global(s, "first", "made second, name first");
}

void script_s10_exit(struct script *s) {
    static const struct {
        const char *variant;
        void (*body)(struct script *s);
    } bodies[] = {
        {"global", globals_only},
        {"underscore", globals_only},
        {"two_globals", two_globals},
        {"main_and_import", main_and_import},
        {"cycle", cycle},
        {"report", report},
        {"thread_local", thread_local_part},
        {"atexit_handler", atexit_handler},
        {"builtins_held", builtins_held},
        {"sys_held", sys_held},
        {"os_exit", globals_only},
        {"registry_lambda", registry_lambda},
        {"class_attr", class_attr},
        {"main_kept", main_kept},
        {"order_probe", order_probe},
        {"order_probe_kept", order_probe},
    };
    struct child child;
    begin_child(s, &child);
    for (size_t i = 0; i < LR_COUNT_OF(bodies); i++) {
        if (s_is(s, bodies[i].variant)) {
            bodies[i].body(s);
        }
    }
    if (s_is(s, "os_exit")) {
        print(s, "os._exit now"); /* and that is all: lr_heap_free is the death of the process */
    } else if (s_ok(s)) {
        print(s, "end of main");
        lr_heap_exit(s->heap);
    }
    lr_heap_unwatch(&child.globals);
    json_object_set_new(s_mark(s, "exit order"), "order", child.lines);
}

/* ---- s11_finalize ---- */

static void finalize_called(struct lr_heap *heap, void *context) {
    (void)heap;
    s_event(context, "finalize callback");
}

static void print_finalize(struct lr_heap *heap, void *context) {
    (void)heap;
    print(context, "finalize callback");
}

static void print_registered(struct lr_heap *heap, void *context) {
    (void)heap;
    print(context, "atexit registered after finalize");
}

static void print_del(void *context, const struct lr_heap_release *release) {
    const struct script_session *session = context;
    (void)release;
    print(session->script, "__del__");
}

static struct lr_object *new_finalize(struct script *s, struct lr_object *target,
                                      lr_heap_call_cb call, struct lr_object *argument,
                                      bool atexit) {
    const struct lr_heap_finalize options = {
        .call = call, .context = s, .argument = argument, .atexit = atexit};
    struct lr_object *finalize = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_finalize(s->heap, target, &options, &finalize));
    }
    return s_ok(s) ? finalize : NULL;
}

static void finalize_at_exit(struct script *s) {
    struct child child = {.lines = json_array()};
    s->context = &child;
    struct lr_object *type = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_class(s->heap, main_module(s), "S", &type));
    }
    s_take(s, "S", s_ok(s) ? type : NULL);
    s_take(s, "s", s_new_plain_session(s, s_get(s, "S"), "s", print_del));
    s_take(s, "f", new_finalize(s, s_get(s, "s"), print_finalize, NULL, s_is(s, "at_exit")));
    if (s_ok(s)) {
        s_try(s, lr_heap_atexit(s->heap, print_registered, s, NULL));
    }
    if (s_ok(s)) {
        print(s, "end of main");
        lr_heap_exit(s->heap);
    }
    json_object_set_new(s_mark(s, "exit order"), "order", child.lines);
}

static void mark_finalize(struct script *s, json_t *step) {
    s_put_bool(step, "finalizer_alive", s_ok(s) && lr_heap_finalize_alive(s_get(s, "f")));
}

static void make_finalized(struct script *s) {
    if (s_is(s, "report")) {
        s_push(s, "check_remote");
        s_intenum(s);
        s_take(s, "r", s_new_session(s, "session"));
        struct lr_object *r = s_hold(s, "r");
        s_pop(s);
        s_take(s, "s", r);
    } else {
        s_take(s, "s", s_new_session(s, "session"));
    }
    if (s_is(s, "cycle")) {
        s_set_in(s, s_get(s, "s"), "me", s_get(s, "s"));
    }
    struct lr_object *method = NULL;
    if (s_is(s, "captures_session")) {
        method = s_new_method(s, s_get(s, "s"), "close");
    }
    s_take(s, "f",
           new_finalize(s, s_get(s, "s"), method != NULL ? NULL : finalize_called, method,
                        method != NULL));
    s_drop(s, method);
}

void script_s11_finalize(struct script *s) {
    if (s_starts(s, "at_exit")) {
        finalize_at_exit(s);
        return;
    }
    s_settle(s);
    make_finalized(s);
    mark_finalize(s, s_mark_count(s, "finalize registered", s_get(s, "s")));
    if (s_is(s, "detach") && s_ok(s)) {
        lr_heap_finalize_detach(s->heap, s_get(s, "f"));
        mark_finalize(s, s_mark(s, "f.detach()"));
    }
    s_del(s, "s");
    mark_finalize(s, s_mark(s, "del s"));
    mark_finalize(s, s_mark_collected(s, "gc.collect()", s_collect(s, 2)));
    if (s_is(s, "captures_session") && s_ok(s)) {
        lr_heap_finalize_detach(s->heap, s_get(s, "f"));
        mark_finalize(s, s_mark(s, "f.detach() result dropped"));
    }
}
