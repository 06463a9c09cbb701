/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a program in CPython, on its heap: what its code would do, call by call. */
#include "base/assert.h"
#include "explore/owner.h"
#include "mocks/heap/collector.h"
#include "mocks/heap/run.h"

/* Goes on with |call| where everything before went well. */
#define THEN(status, call) ((status) = (status) == LR_OK ? (call) : (status))

static struct lr_object *main_of(const struct lr_owner *owner) {
    return lr_heap_module(owner->heap, "__main__");
}

static struct lr_object *value_of(const struct lr_owner *owner, unsigned int var) {
    return lr_heap_get(main_of(owner), lr_owner_var(var));
}

/* The program's name |var| is bound to |object|, one reference. */
static enum lr_status bind(const struct lr_owner *owner, unsigned int var,
                           struct lr_object *object) {
    enum lr_status status = lr_heap_set(owner->heap, main_of(owner), lr_owner_var(var), object);
    lr_heap_drop(owner->heap, object);
    return status;
}

static void watch(struct lr_owner *owner, unsigned int number, struct lr_object *object) {
    lr_heap_watch(&owner->things[number].object, object);
}

/* ---- what refers to y ---- */

typedef enum lr_status (*make_cb)(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                  struct lr_object **out);

static enum lr_status make_list(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                struct lr_object **out) {
    (void)number;
    enum lr_status status = lr_heap_new_list(owner->heap, out);
    return THEN(status, lr_heap_append(owner->heap, *out, y));
}

static enum lr_status make_dict(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                struct lr_object **out) {
    (void)number;
    enum lr_status status = lr_heap_new_dict(owner->heap, out);
    return THEN(status, lr_heap_set(owner->heap, *out, "k", y));
}

static enum lr_status make_tuple(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                 struct lr_object **out) {
    (void)number;
    return lr_heap_new_tuple(owner->heap, &y, 1, out);
}

static enum lr_status make_set(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                               struct lr_object **out) {
    (void)number;
    enum lr_status status = lr_heap_new_set(owner->heap, out);
    return THEN(status, lr_heap_append(owner->heap, *out, y));
}

static enum lr_status make_thread_local(struct lr_owner *owner, unsigned int number,
                                        struct lr_object *y, struct lr_object **out) {
    (void)number;
    enum lr_status status = lr_heap_new_thread_local(owner->heap, out);
    return THEN(status, lr_heap_set(owner->heap, *out, "held", y));
}

static enum lr_status make_object(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                  struct lr_object **out) {
    (void)number;
    enum lr_status status = lr_heap_new_instance(owner->heap, NULL, "Thing", out);
    return THEN(status, lr_heap_set(owner->heap, *out, "held", y));
}

static enum lr_status make_class(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                 struct lr_object **out) {
    (void)number;
    enum lr_status status = lr_heap_new_class(owner->heap, main_of(owner), "Measurer", out);
    return THEN(status, lr_heap_set(owner->heap, *out, "held", y));
}

static enum lr_status make_closure(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                   struct lr_object **out) {
    struct lr_object *cell;
    (void)number;
    enum lr_status status = lr_heap_new_function(owner->heap, main_of(owner), "on_done", out);
    if (THEN(status, lr_heap_new_cell(owner->heap, y, &cell)) == LR_OK) {
        status = lr_heap_close_over(owner->heap, *out, "held", cell);
        lr_heap_drop(owner->heap, cell);
    }
    return status;
}

static enum lr_status make_default(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                   struct lr_object **out) {
    (void)number;
    enum lr_status status = lr_heap_new_function(owner->heap, main_of(owner), "measure", out);
    return THEN(status, lr_heap_set_default(owner->heap, *out, "held", y));
}

static enum lr_status make_method(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                  struct lr_object **out) {
    (void)number;
    return lr_heap_new_method(owner->heap, y, "on_done", out);
}

static enum lr_status make_ring(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                struct lr_object **out) {
    enum lr_status status = make_object(owner, number, y, out);
    return THEN(status, lr_heap_set(owner->heap, *out, "itself", *out));
}

static void revive(struct lr_heap *heap, struct lr_object *self,
                   const struct lr_heap_release *release, void *context) {
    const struct lr_owner_label *label = context;
    struct lr_object *module = lr_heap_module(heap, "__main__");
    char name[16];
    (void)release;
    if (module == NULL ||
        lr_heap_set(heap, module, lr_owner_saved(name, sizeof name, label->number), self) !=
            LR_OK) {
        return; /* without its module, at exit, or memory for a name it stays as it is: going */
    }
}

static enum lr_status make_saver(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                 struct lr_object **out) {
    enum lr_status status = make_object(owner, number, y, out);
    if (status == LR_OK) {
        lr_heap_set_del(*out, revive, lr_owner_label(owner, LR_SHADOW_TOLD, number));
    }
    return status;
}

static enum lr_status make_pool(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                struct lr_object **out) {
    enum lr_status status = make_saver(owner, number, y, out);
    return THEN(status, lr_heap_set(owner->heap, *out, "itself", *out));
}

static void told(struct lr_heap *heap, void *context) {
    const struct lr_owner_label *label = context;
    (void)heap;
    lr_owner_told(label->owner, label->what, label->number);
}

static enum lr_status make_weakref(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                   struct lr_object **out) {
    return lr_heap_new_weakref(owner->heap, y, told, lr_owner_label(owner, LR_SHADOW_TOLD, number),
                               out);
}

static enum lr_status make_watcher(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                   struct lr_object **out) {
    struct lr_object *weakref;
    enum lr_status status = make_ring(owner, number, y, out);
    if (THEN(status, make_weakref(owner, number + 1, *out, &weakref)) == LR_OK) {
        status = lr_heap_set(owner->heap, *out, "watch", weakref);
        watch(owner, number + 1, weakref);
        lr_heap_drop(owner->heap, weakref);
    }
    return status;
}

/* ---- functions, and errors that leave them ---- */

/* A function |name| is called, whose local `held` is |y|. */
static enum lr_status enter(struct lr_owner *owner, const char *name, struct lr_object *y) {
    enum lr_status status = lr_heap_push_frame(owner->heap, name);
    return y == NULL ? status : THEN(status, lr_heap_set_local(owner->heap, "held", y));
}

/* .. and left by an error. */
static enum lr_status fail(struct lr_owner *owner, const char *name, struct lr_object *y) {
    enum lr_status status = enter(owner, name, y);
    THEN(status, lr_heap_raise_new(owner->heap, "ValueError", "no such device"));
    return THEN(status, lr_heap_leave_raising(owner->heap));
}

/* `except ValueError as err`: what is handled is given out as well, one reference. */
static enum lr_status handle(struct lr_owner *owner, struct lr_object **out) {
    enum lr_status status = lr_heap_catch(owner->heap, "err");
    if (status == LR_OK) {
        *out = lr_heap_hold(lr_heap_handled(owner->heap));
        lr_heap_end_except(owner->heap);
    }
    return status;
}

static enum lr_status keep_error(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                 struct lr_object **out) {
    (void)number;
    enum lr_status status = fail(owner, "measure", y);
    return THEN(status, handle(owner, out));
}

static enum lr_status keep_below(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                 struct lr_object **out) {
    (void)number;
    enum lr_status status = enter(owner, "tune", y);
    THEN(status, enter(owner, "measure", NULL));
    THEN(status, lr_heap_raise_new(owner->heap, "ValueError", "no such device"));
    if (THEN(status, handle(owner, out)) == LR_OK) {
        lr_heap_pop_frame(owner->heap);
        lr_heap_pop_frame(owner->heap);
    }
    return status;
}

static enum lr_status keep_before(struct lr_owner *owner, unsigned int number, struct lr_object *y,
                                  struct lr_object **out) {
    (void)number;
    enum lr_status status = enter(owner, "measure", NULL);
    THEN(status, fail(owner, "run_on", y));
    THEN(status, lr_heap_catch(owner->heap, "err"));
    if (THEN(status, lr_heap_raise_new(owner->heap, "MeasureError", "it failed")) == LR_OK) {
        lr_heap_end_except(owner->heap);
        status = lr_heap_leave_raising(owner->heap);
    }
    return THEN(status, handle(owner, out));
}

static enum lr_status handle_error(struct lr_owner *owner, struct lr_object *y) {
    struct lr_object *error;
    enum lr_status status = enter(owner, "measure", y);
    THEN(status, fail(owner, "run_on", y));
    if (THEN(status, handle(owner, &error)) == LR_OK) {
        lr_heap_drop(owner->heap, error);
        lr_heap_pop_frame(owner->heap);
    }
    return status;
}

static enum lr_status fail_uncaught(struct lr_owner *owner, struct lr_object *y) {
    enum lr_status status = fail(owner, "measure", y);
    return THEN(status, lr_heap_uncaught(owner->heap));
}

static enum lr_status ask_address(struct lr_owner *owner, struct lr_object *y) {
    enum lr_status status = enter(owner, "check_remote", y);
    if (THEN(status, lr_heap_getaddrinfo(owner->heap, !owner->shadow.windows)) == LR_OK) {
        lr_heap_pop_frame(owner->heap);
    }
    return status;
}

static enum lr_status run_thread(struct lr_owner *owner, struct lr_object *y, bool fails) {
    struct lr_object *thread;
    enum lr_status status = lr_heap_start_thread(owner->heap, "worker", &thread);
    if (status != LR_OK) {
        return status;
    }
    lr_heap_switch(owner->heap, thread);
    status = enter(owner, "worker", y);
    if (fails) {
        THEN(status, lr_heap_raise_new(owner->heap, "ValueError", "no such device"));
        THEN(status, lr_heap_uncaught(owner->heap));
    } else if (status == LR_OK) {
        lr_heap_pop_frame(owner->heap);
    }
    lr_heap_switch(owner->heap, NULL);
    if (status == LR_OK) {
        lr_heap_end_thread(owner->heap, thread);
    }
    return status;
}

/* ---- with ---- */

static void with_ends(struct lr_heap *heap, struct lr_object *exception, void *context) {
    const struct lr_owner_label *label = context;
    (void)heap;
    (void)exception;
    lr_owner_close(label->owner, label->number);
}

static unsigned int number_of(const struct lr_owner *owner, const struct lr_object *object) {
    unsigned int i = 0;
    while (i < LR_SHADOW_NODES_MAX && owner->things[i].object.object != object) {
        i++;
    }
    return i;
}

static enum lr_status enter_with(struct lr_owner *owner, struct lr_object *y) {
    unsigned int number = number_of(owner, y);
    bool is_session = number < LR_SHADOW_NODES_MAX && owner->shadow.nodes[number].is_session;
    return lr_heap_enter_with(owner->heap, y, is_session ? with_ends : NULL,
                              is_session ? lr_owner_label(owner, LR_SHADOW_CLOSES, number) : NULL);
}

static enum lr_status with(struct lr_owner *owner, struct lr_object *y) {
    enum lr_status status = enter_with(owner, y);
    return THEN(status, lr_heap_leave_with(owner->heap));
}

static enum lr_status with_error(struct lr_owner *owner, struct lr_object *y) {
    struct lr_object *error;
    enum lr_status status = lr_heap_push_frame(owner->heap, "measure");
    THEN(status, enter_with(owner, y));
    THEN(status, lr_heap_raise_new(owner->heap, "ValueError", "no such device"));
    THEN(status, lr_heap_leave_raising(owner->heap));
    if (THEN(status, handle(owner, &error)) == LR_OK) {
        lr_heap_drop(owner->heap, error);
    }
    return status;
}

static enum lr_status start_generator(struct lr_owner *owner, struct lr_object *y, bool in_with,
                                      struct lr_object **out) {
    enum lr_status status = lr_heap_new_generator(owner->heap, "measurements", out);
    THEN(status, lr_heap_resume(owner->heap, *out));
    THEN(status, lr_heap_set_local(owner->heap, "held", y));
    if (in_with) {
        THEN(status, enter_with(owner, y));
    }
    if (status == LR_OK) {
        lr_heap_yield(owner->heap);
    }
    return status;
}

static enum lr_status make_generator(struct lr_owner *owner, unsigned int number,
                                     struct lr_object *y, struct lr_object **out) {
    (void)number;
    return start_generator(owner, y, false, out);
}

static enum lr_status make_generator_with(struct lr_owner *owner, unsigned int number,
                                          struct lr_object *y, struct lr_object **out) {
    (void)number;
    return start_generator(owner, y, true, out);
}

/* ---- the rest ---- */

static enum lr_status add_final(struct lr_owner *owner, struct lr_object *x, struct lr_object *y) {
    struct lr_object *finalize;
    const struct lr_heap_finalize options = {
        .call = told,
        .context = lr_owner_label(owner, LR_SHADOW_FINALIZED, owner->shadow.final_count - 1U),
        .argument = x,
        .atexit = true};
    enum lr_status status = lr_heap_new_finalize(owner->heap, y, &options, &finalize);
    if (status == LR_OK) {
        lr_heap_drop(owner->heap, finalize);
    }
    return status;
}

static enum lr_status leave_function(struct lr_owner *owner, const struct lr_plan_step *step) {
    struct lr_object *main_module = main_of(owner);
    enum lr_status status = lr_heap_push_frame(owner->heap, "tune");
    THEN(status, lr_heap_set_local(owner->heap, "first", value_of(owner, step->x)));
    THEN(status, lr_heap_set_local(owner->heap, "second", value_of(owner, step->y)));
    if (status == LR_OK) {
        (void)lr_heap_del(owner->heap, main_module, lr_owner_var(step->x));
        (void)lr_heap_del(owner->heap, main_module, lr_owner_var(step->y));
        lr_heap_pop_frame(owner->heap);
    }
    return status;
}

static void forget(struct lr_owner *owner) {
    char name[16];
    for (unsigned int i = 0; i < owner->shadow.node_count; i++) {
        (void)lr_heap_del(owner->heap, main_of(owner), lr_owner_saved(name, sizeof name, i));
    }
}

static enum lr_status allocate(struct lr_owner *owner, uint32_t amount) {
    return lr_heap_fill(owner->heap, amount, false) < amount ? LR_ENOMEM : LR_OK;
}

static enum lr_status make(struct lr_owner *owner, const struct lr_plan_step *step,
                           unsigned int number) {
    static const make_cb makers[LR_PROGRAM_ROWS] = {
        [LR_PROGRAM_LIST] = make_list,
        [LR_PROGRAM_DICT] = make_dict,
        [LR_PROGRAM_TUPLE] = make_tuple,
        [LR_PROGRAM_SET] = make_set,
        [LR_PROGRAM_THREAD_LOCAL] = make_thread_local,
        [LR_PROGRAM_OBJECT] = make_object,
        [LR_PROGRAM_CLASS] = make_class,
        [LR_PROGRAM_CLOSURE] = make_closure,
        [LR_PROGRAM_DEFAULT] = make_default,
        [LR_PROGRAM_METHOD] = make_method,
        [LR_PROGRAM_SAVER] = make_saver,
        [LR_PROGRAM_RING] = make_ring,
        [LR_PROGRAM_POOL] = make_pool,
        [LR_PROGRAM_WATCHER] = make_watcher,
        [LR_PROGRAM_WEAKREF] = make_weakref,
        [LR_PROGRAM_KEPT_ERROR] = keep_error,
        [LR_PROGRAM_KEPT_BELOW] = keep_below,
        [LR_PROGRAM_KEPT_BEFORE] = keep_before,
        [LR_PROGRAM_GENERATOR] = make_generator,
        [LR_PROGRAM_GENERATOR_WITH] = make_generator_with,
    };
    struct lr_object *object;
    LR_ASSERT(makers[step->target] != NULL);
    enum lr_status status = makers[step->target](owner, number, value_of(owner, step->y), &object);
    if (status == LR_OK) {
        watch(owner, number, object);
        status = bind(owner, step->x, object);
    }
    return status;
}

static enum lr_status carry_out(struct lr_owner *owner, const struct lr_plan_step *step,
                                unsigned int number) {
    struct lr_heap *heap = owner->heap;
    struct lr_object *x = value_of(owner, step->x);
    struct lr_object *y = value_of(owner, step->y);
    switch (step->target) {
    case LR_PROGRAM_DEL:
        return lr_heap_del(heap, main_of(owner), lr_owner_var(step->x));
    case LR_PROGRAM_COPY:
        return bind(owner, step->x, lr_heap_hold(y));
    case LR_PROGRAM_STORE:
        return lr_heap_set(heap, x, "other", y);
    case LR_PROGRAM_FINALIZE:
        return add_final(owner, x, y);
    case LR_PROGRAM_ATEXIT:
        return lr_heap_atexit(
            heap, told, lr_owner_label(owner, LR_SHADOW_EXITED, owner->shadow.exit_count - 1U), y);
    case LR_PROGRAM_THREAD:
    case LR_PROGRAM_THREAD_ERROR:
        return run_thread(owner, y, step->target == LR_PROGRAM_THREAD_ERROR);
    case LR_PROGRAM_HANDLED:
        return handle_error(owner, y);
    case LR_PROGRAM_UNCAUGHT:
        return fail_uncaught(owner, y);
    case LR_PROGRAM_ADDRESS:
        return ask_address(owner, y);
    case LR_PROGRAM_WITH:
        return with(owner, y);
    case LR_PROGRAM_WITH_ERROR:
        return with_error(owner, y);
    case LR_PROGRAM_LOCALS:
        return leave_function(owner, step);
    case LR_PROGRAM_FORGET:
        forget(owner);
        return LR_OK;
    case LR_PROGRAM_COLLECT_0:
    case LR_PROGRAM_COLLECT_1:
    case LR_PROGRAM_COLLECT_2:
        (void)lr_heap_collect(heap, (int)step->target - (int)LR_PROGRAM_COLLECT_0);
        return LR_OK;
    case LR_PROGRAM_FEW:
    case LR_PROGRAM_MANY:
        return allocate(owner, owner->amount);
    case LR_PROGRAM_GC_ON:
        (void)lr_heap_collect(heap, LR_HEAP_GENERATIONS - 1);
        lr_heap_set_gc_enabled(heap, true);
        return LR_OK;
    case LR_PROGRAM_GC_OFF:
        lr_heap_set_gc_enabled(heap, false);
        return LR_OK;
    case LR_PROGRAM_EXIT:
        lr_heap_exit(heap);
        return LR_OK;
    default:
        return make(owner, step, number);
    }
}

enum lr_status lr_owner_heap_do(struct lr_owner *owner, const struct lr_plan_step *step,
                                unsigned int number) {
    lr_heap_set_now(owner->heap, lr_playing_now(owner->play));
    enum lr_status status = carry_out(owner, step, number);
    if (status == LR_OK && step->moves != 0 && step->target != LR_PROGRAM_EXIT) {
        (void)lr_heap_del(owner->heap, main_of(owner), lr_owner_var(step->y));
    }
    return status;
}

static void session_gone(void *context, const struct lr_heap_release *release) {
    const struct lr_owner_label *label = context;
    (void)release;
    lr_owner_gone(label->owner, label->number);
}

enum lr_status lr_owner_heap_take(struct lr_owner *owner, unsigned int number, unsigned int var) {
    struct lr_object *object;
    enum lr_status status =
        lr_heap_new_session(owner->heap, NULL, "RPCSession", session_gone,
                            lr_owner_label(owner, LR_SHADOW_GOES, number), &object);
    if (status == LR_OK) {
        watch(owner, number, object);
        status = bind(owner, var, object);
    }
    return status;
}
