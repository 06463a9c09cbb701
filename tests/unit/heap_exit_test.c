/* SPDX-License-Identifier: Apache-2.0 */
/* Orders in which things go that no measured script shows: at exit, and when a frame goes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/heap.h"
#include "mocks/heap/run.h"

enum { ORDER_MAX = 128 };

/* The names of the sessions that ended, with blanks between. */
static char order[ORDER_MAX];

static void note_name(void *context, const struct lr_heap_release *release) {
    size_t used = strlen(order);
    (void)release;
    (void)snprintf(order + used, sizeof order - used, "%s%s", used > 0 ? " " : "",
                   (const char *)context);
}

static struct lr_heap *new_heap(const char *version) {
    struct lr_heap *heap;
    order[0] = '\0';
    cr_assert(lr_heap_new(&heap, lr_alloc_system(), lr_heap_profile_find(version), NULL) == LR_OK);
    return heap;
}

static struct lr_object *new_session(struct lr_heap *heap, char *name) {
    struct lr_object *session;
    cr_assert(lr_heap_new_session(heap, NULL, name, note_name, name, &session) == LR_OK);
    return session;
}

static void bind_function(struct lr_heap *heap) {
    struct lr_object *function;
    cr_assert(lr_heap_new_function(heap, lr_heap_module(heap, "__main__"), "f", &function) ==
              LR_OK);
    cr_assert(lr_heap_take_local(heap, "f", function) == LR_OK);
}

/* main's dict is in a cycle with its function: a collection frees it, and that comes before sys. */
Test(heap_exit, modules_in_cycles_are_collected_before_sys_is_cleared) {
    static char in_sys[] = "sys";
    static char in_main[] = "main";
    struct lr_heap *heap = new_heap("3.8.8");
    lr_heap_set_gc_enabled(heap, false);
    bind_function(heap);
    struct lr_object *held = new_session(heap, in_sys);
    cr_assert(lr_heap_set(heap, lr_heap_module(heap, "sys"), "held", held) == LR_OK);
    lr_heap_drop(heap, held);
    cr_assert(lr_heap_take_local(heap, "s", new_session(heap, in_main)) == LR_OK);
    lr_heap_exit(heap);
    cr_expect_str_eq(order, "main sys");
    lr_heap_free(heap);
}

/* Without a function nothing but the module refers to its dict: both go by their counts. */
Test(heap_exit, a_module_without_functions_goes_by_its_count) {
    static char first[] = "first";
    static char second[] = "second";
    struct lr_heap *heap = new_heap("3.8.8");
    lr_heap_set_gc_enabled(heap, false);
    cr_assert(lr_heap_take_local(heap, "z", new_session(heap, first)) == LR_OK);
    cr_assert(lr_heap_take_local(heap, "a", new_session(heap, second)) == LR_OK);
    lr_heap_exit(heap);
    cr_expect_str_eq(order, "first second");
    lr_heap_free(heap);
}

Test(heap_exit, the_last_traceback_goes_before_the_modules) {
    static char in_frame[] = "frame";
    static char in_main[] = "main";
    struct lr_heap *heap = new_heap("3.8.8");
    cr_assert(lr_heap_take_local(heap, "s", new_session(heap, in_main)) == LR_OK);
    cr_assert(lr_heap_push_frame(heap, "f") == LR_OK);
    cr_assert(lr_heap_take_local(heap, "s", new_session(heap, in_frame)) == LR_OK);
    cr_assert(lr_heap_raise_new(heap, "ValueError", "x") == LR_OK);
    cr_assert(lr_heap_uncaught(heap) == LR_OK);
    cr_assert(order[0] == '\0');
    lr_heap_exit(heap);
    cr_expect_str_eq(order, "frame main");
    lr_heap_free(heap);
}

static void count_call(struct lr_heap *heap, void *context) {
    (void)heap;
    ++*(int *)context;
}

/* Garbage whose finalizer does not want to run at exit: the exit's own collection finds it after
 * the handlers of atexit, and by then no finalizer runs any more. */
Test(heap_exit, a_finalizer_that_missed_atexit_is_not_called_by_the_collections_after_it) {
    int calls = 0;
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *object;
    struct lr_object *finalize;
    struct lr_heap_watch watch;
    cr_assert(lr_heap_new_instance(heap, NULL, "S", &object) == LR_OK);
    cr_assert(lr_heap_set(heap, object, "me", object) == LR_OK);
    const struct lr_heap_finalize options = {.call = count_call, .context = &calls};
    cr_assert(lr_heap_new_finalize(heap, object, &options, &finalize) == LR_OK);
    lr_heap_drop(heap, finalize);
    lr_heap_watch(&watch, object);
    lr_heap_drop(heap, object);
    cr_assert(watch.object != NULL);
    lr_heap_exit(heap);
    cr_assert(watch.object == NULL && calls == 0);
    lr_heap_free(heap);
}

Test(heap_exit, nothing_runs_when_the_process_is_killed) {
    static char name[] = "s";
    struct lr_heap *heap = new_heap("3.8.8");
    cr_assert(lr_heap_take_local(heap, "s", new_session(heap, name)) == LR_OK);
    lr_heap_free(heap);
    cr_assert(order[0] == '\0');
}

/* A traceback of g alone: g's caller is kept by f_back, and goes after g's own locals. */
Test(heap_exit, a_frame_lets_its_locals_go_before_its_caller) {
    static char outer[] = "caller's";
    static char inner[] = "own";
    struct lr_heap *heap = new_heap("3.8.8");
    cr_assert(lr_heap_push_frame(heap, "f") == LR_OK);
    cr_assert(lr_heap_take_local(heap, "s", new_session(heap, outer)) == LR_OK);
    cr_assert(lr_heap_push_frame(heap, "g") == LR_OK);
    cr_assert(lr_heap_take_local(heap, "s", new_session(heap, inner)) == LR_OK);
    cr_assert(lr_heap_raise_new(heap, "ValueError", "x") == LR_OK);
    struct lr_object *kept = lr_heap_hold(lr_heap_raised(heap));
    cr_assert(lr_heap_catch(heap, NULL) == LR_OK);
    lr_heap_end_except(heap);
    lr_heap_pop_frame(heap);
    lr_heap_pop_frame(heap);
    cr_assert(order[0] == '\0');
    lr_heap_drop(heap, kept);
    cr_expect_str_eq(order, "own caller's");
    lr_heap_free(heap);
}
