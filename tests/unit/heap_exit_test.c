/* SPDX-License-Identifier: Apache-2.0 */
/* Orders in which things go that no measured script shows: at exit, and when a frame goes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/heap.h"
#include "mocks/heap/run.h"
#include "support/failing.h"

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

/* ---- without memory ---- */

static struct lr_heap *poor;
static int ended;

static void count_end(void *context, const struct lr_heap_release *release) {
    (void)release;
    (void)context;
    ended++;
}

/* A session that is bound to "s" of the running frame, if all goes well. */
static bool bind_session(int *made) {
    struct lr_object *session;
    if (lr_heap_new_session(poor, NULL, "s", count_end, NULL, &session) != LR_OK) {
        return false;
    }
    ++*made;
    return lr_heap_take_local(poor, "s", session) == LR_OK;
}

/* A session each in __main__, in a frame of a traceback, with atexit and in a cycle. */
static bool live_and_fail(int *made) {
    bool whole = bind_session(made);
    struct lr_object *held;
    if (lr_heap_new_session(poor, NULL, "held", count_end, NULL, &held) == LR_OK) {
        ++*made;
        whole = lr_heap_set(poor, held, "me", held) == LR_OK && whole;
        whole = lr_heap_atexit(poor, NULL, NULL, held) == LR_OK && whole;
        lr_heap_drop(poor, held);
    } else {
        whole = false;
    }
    if (lr_heap_push_frame(poor, "f") != LR_OK) {
        return false;
    }
    whole = bind_session(made) && whole;
    if (lr_heap_raise_new(poor, "ValueError", "x") != LR_OK) {
        lr_heap_pop_frame(poor);
        return false;
    }
    return lr_heap_uncaught(poor) == LR_OK && whole;
}

static void exit_poorly(struct lr_alloc *alloc, void *context) {
    int made = 0;
    ended = 0;
    if (lr_heap_new(&poor, alloc, lr_heap_profile_find(context), NULL) != LR_OK) {
        cr_assert_not(lr_test_must_succeed(alloc));
        return;
    }
    bool whole = live_and_fail(&made);
    cr_assert_eq(whole, lr_test_must_succeed(alloc), "what is missing is said");
    cr_assert(!whole || (made == 3 && ended == 0));
    lr_heap_exit(poor);
    cr_assert_eq(ended, made, "%d of %d", ended, made);
    lr_heap_free(poor);
}

Test(heap_exit, ends_every_session_whichever_allocation_fails) {
    static char versions[][8] = {"3.7.2", "3.8.8", "3.11", "3.13"};
    for (size_t i = 0; i < LR_COUNT_OF(versions); i++) {
        lr_test_each_failure(exit_poorly, versions[i]);
    }
}
