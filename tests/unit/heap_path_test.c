/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds a session, in words. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/path.h"
#include "mocks/heap/run.h"
#include "support/failing.h"

enum { TEXT_MAX = 4096 };

static struct lr_heap *new_heap(const char *version) {
    struct lr_heap *heap;
    cr_assert(lr_heap_new(&heap, lr_alloc_system(), lr_heap_profile_find(version), NULL) == LR_OK);
    return heap;
}

static struct lr_object *new_session(struct lr_heap *heap, const char *name) {
    struct lr_object *session;
    cr_assert(lr_heap_new_session(heap, NULL, name, NULL, NULL, &session) == LR_OK);
    return session;
}

static void check_path(struct lr_heap *heap, const struct lr_object *object, const char *expected,
                       const char *remedy) {
    struct lr_heap_path path;
    char text[TEXT_MAX];
    cr_assert(lr_heap_find_path(heap, object, &path) == LR_OK);
    cr_expect_str_eq(lr_heap_path_text(text, sizeof text, &path), expected);
    cr_expect_str_eq(path.remedy, remedy);
}

Test(heap_path, a_global_is_one_hop_from_its_module) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *session = new_session(heap, "session");
    cr_assert(lr_heap_take_local(heap, "r", session) == LR_OK);
    check_path(heap, session, "module __main__ -> *global r* -> session",
               "del r in module __main__");
    lr_heap_free(heap);
}

Test(heap_path, a_running_frame_is_a_hop_below_its_thread) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *session = new_session(heap, "session");
    cr_assert(lr_heap_push_frame(heap, "check_remote") == LR_OK);
    cr_assert(lr_heap_take_local(heap, "r", session) == LR_OK);
    check_path(heap, session, "thread main -> frame check_remote -> *local r* -> session",
               "the return of check_remote, or del r there");
    lr_heap_free(heap);
}

/* A list that is an item of itself, and has |held| as another. */
static struct lr_object *new_ring(struct lr_heap *heap, struct lr_object *held) {
    struct lr_object *ring;
    cr_assert(lr_heap_new_list(heap, &ring) == LR_OK);
    cr_assert(lr_heap_append(heap, ring, ring) == LR_OK);
    cr_assert(lr_heap_append(heap, ring, held) == LR_OK);
    return ring;
}

/* What is older counts as outside, garbage or not: the younger cycle stays with it. */
Test(heap_path, what_is_old_between_two_young_cycles_has_to_be_collected_as_well) {
    struct lr_heap *heap = new_heap("3.8.10");
    struct lr_object *session = new_session(heap, "session");
    struct lr_object *old;
    struct lr_heap_path path;
    cr_assert(lr_heap_new_list(heap, &old) == LR_OK);
    (void)lr_heap_collect(heap, 1);
    struct lr_object *inner = new_ring(heap, session);
    struct lr_object *outer = new_ring(heap, old);
    struct lr_heap_watch watch;
    lr_heap_watch(&watch, session);
    cr_assert(lr_heap_append(heap, old, inner) == LR_OK);
    lr_heap_drop(heap, session);
    lr_heap_drop(heap, inner);
    lr_heap_drop(heap, outer);
    lr_heap_drop(heap, old);
    cr_assert(lr_heap_find_path(heap, session, &path) == LR_OK);
    cr_expect_eq(path.generation, 2, "%d", path.generation);
    (void)lr_heap_collect(heap, 1);
    cr_expect_not_null(watch.object, "a younger generation was enough");
    cr_assert(lr_heap_find_path(heap, session, &path) == LR_OK);
    (void)lr_heap_collect(heap, path.generation);
    cr_expect_null(watch.object, "it was not enough");
    lr_heap_free(heap);
}

/* The report's r, after del r: returns the session, which is garbage. */
static struct lr_object *leave_report(struct lr_heap *heap) {
    cr_assert(lr_heap_push_frame(heap, "check_remote") == LR_OK);
    cr_assert(lr_heap_push_frame(heap, "connect") == LR_OK);
    cr_assert(lr_heap_getaddrinfo(heap, false) == LR_OK);
    lr_heap_pop_frame(heap);
    struct lr_object *session = new_session(heap, "session");
    cr_assert(lr_heap_take_local(heap, "r", session) == LR_OK);
    lr_heap_pop_frame(heap);
    return session;
}

Test(heap_path, the_reports_session_hangs_off_a_cycle_that_nobody_collected) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *session = leave_report(heap);
    size_t count[LR_HEAP_GENERATIONS];
    char remedy[LR_HEAP_REMEDY_MAX];
    lr_heap_count(heap, count);
    (void)snprintf(remedy, sizeof remedy,
                   "gc.collect(0), or the automatic collection after %zu more objects",
                   701 - count[0]);
    check_path(heap, session,
               "uncollected cycle, generation 0: traceback -> tb_next -> traceback -> tb_next -> "
               "traceback -> tb_frame -> frame __new__ -> *local ve_exc* -> exception ValueError "
               "-> __traceback__ -> traceback -> tb_frame -> frame _intenum_converter -> f_back -> "
               "frame getaddrinfo -> f_back -> frame connect -> f_back -> frame check_remote -> "
               "local r -> session",
               remedy);
    lr_heap_set_gc_enabled(heap, false);
    struct lr_heap_path path;
    cr_assert(lr_heap_find_path(heap, session, &path) == LR_OK);
    cr_expect_str_eq(path.remedy,
                     "gc.collect(0); no automatic collection will: the collector is off");
    cr_expect(path.held && path.generation == 0);
    lr_heap_free(heap);
}

static struct lr_heap_path path_of_report(const char *version, size_t calls_before) {
    struct lr_heap *heap = new_heap(version);
    struct lr_heap_path path;
    for (size_t i = 0; i < calls_before; i++) {
        cr_assert(lr_heap_push_frame(heap, "main") == LR_OK);
    }
    cr_assert(lr_heap_find_path(heap, leave_report(heap), &path) == LR_OK);
    lr_heap_free(heap);
    return path;
}

Test(heap_path, the_same_leak_has_the_same_fingerprint_and_another_has_another) {
    struct lr_heap_path first = path_of_report("3.8.8", 0);
    struct lr_heap_path again = path_of_report("3.9.0", 3);
    struct lr_heap_path other = path_of_report("3.7.2", 0);
    cr_expect(first.fingerprint == again.fingerprint);
    cr_expect(first.fingerprint != other.fingerprint); /* local exc closes that cycle */
}

Test(heap_path, a_session_of_a_sound_version_is_held_by_nothing_of_the_kind) {
    struct lr_heap *heap = new_heap("3.8.10");
    cr_assert(lr_heap_push_frame(heap, "check_remote") == LR_OK);
    cr_assert(lr_heap_getaddrinfo(heap, false) == LR_OK);
    struct lr_object *session = new_session(heap, "session");
    cr_assert(lr_heap_set_local(heap, "r", session) == LR_OK);
    lr_heap_pop_frame(heap);
    check_path(heap, session, "*code outside the program (1 reference)* -> session",
               "that code giving its reference back");
    lr_heap_free(heap);
}

Test(heap_path, a_cycle_names_the_generation_that_must_be_collected) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *session = new_session(heap, "session");
    struct lr_object *method;
    cr_assert(lr_heap_new_method(heap, session, "close", &method) == LR_OK);
    cr_assert(lr_heap_set(heap, session, "on_close", method) == LR_OK);
    lr_heap_drop(heap, method);
    (void)lr_heap_collect(heap, 0);
    lr_heap_drop(heap, session);
    check_path(heap, session,
               "uncollected cycle, generation 1: session -> *attribute on_close* -> bound method "
               "close -> __self__ -> session",
               "gc.collect(1), or an automatic collection of generation 1");
    lr_heap_free(heap);
}

Test(heap_path, a_registry_of_closures_names_the_cell) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *session = new_session(heap, "session");
    struct lr_object *cell;
    struct lr_object *function;
    struct lr_object *registry;
    cr_assert(lr_heap_new_cell(heap, session, &cell) == LR_OK);
    cr_assert(lr_heap_new_function(heap, lr_heap_module(heap, "__main__"), "<lambda>", &function) ==
              LR_OK);
    cr_assert(lr_heap_close_over(heap, function, "s", cell) == LR_OK);
    cr_assert(lr_heap_new_list(heap, &registry) == LR_OK);
    cr_assert(lr_heap_append(heap, registry, function) == LR_OK);
    cr_assert(lr_heap_take_local(heap, "registry", registry) == LR_OK);
    lr_heap_drop(heap, cell);
    lr_heap_drop(heap, function);
    lr_heap_drop(heap, session);
    check_path(heap, session,
               "module __main__ -> *global registry* -> list -> [0] -> function <lambda> -> cell s "
               "-> session",
               "taking it out of registry in module __main__");
    lr_heap_free(heap);
}

Test(heap_path, an_uncaught_exception_holds_it_in_sys) {
    struct lr_heap *heap = new_heap("3.12");
    struct lr_object *session = new_session(heap, "session");
    cr_assert(lr_heap_push_frame(heap, "f") == LR_OK);
    cr_assert(lr_heap_take_local(heap, "s", session) == LR_OK);
    cr_assert(lr_heap_raise_new(heap, "ValueError", "boom") == LR_OK);
    cr_assert(lr_heap_leave_raising(heap) == LR_OK);
    check_path(heap, session,
               "thread main -> *exception in flight* -> exception ValueError -> __traceback__ -> "
               "traceback -> tb_next -> traceback -> tb_frame -> frame f -> local s -> session",
               "the end of the exception in flight");
    cr_assert(lr_heap_catch(heap, NULL) == LR_OK);
    check_path(heap, session,
               "thread main -> *exception being handled* -> exception ValueError -> __traceback__ "
               "-> traceback -> tb_next -> traceback -> tb_frame -> frame f -> local s -> session",
               "the end of the except clause that handles it");
    cr_assert(lr_heap_raise(heap, lr_heap_handled(heap)) == LR_OK);
    cr_assert(lr_heap_uncaught(heap) == LR_OK);
    lr_heap_end_except(heap);
    check_path(heap, session,
               "module sys -> *global last_traceback* -> traceback -> tb_next -> traceback -> "
               "tb_next -> traceback -> tb_frame -> frame f -> local s -> session",
               "sys.last_value, sys.last_traceback, sys.last_exc = None, or the next uncaught "
               "exception");
    lr_heap_free(heap);
}

Test(heap_path, a_thread_holds_its_part_of_a_local) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *session = new_session(heap, "session");
    struct lr_object *local;
    struct lr_object *thread;
    cr_assert(lr_heap_new_thread_local(heap, &local) == LR_OK);
    cr_assert(lr_heap_start_thread(heap, "worker", &thread) == LR_OK);
    lr_heap_switch(heap, thread);
    cr_assert(lr_heap_set(heap, local, "session", session) == LR_OK);
    lr_heap_switch(heap, NULL);
    lr_heap_drop(heap, session);
    cr_assert(lr_heap_take_local(heap, "tl", local) == LR_OK);
    check_path(heap, session,
               "module __main__ -> *global tl* -> threading.local -> thread worker -> attribute "
               "session -> session",
               "the end of thread worker");
    lr_heap_free(heap);
}

Test(heap_path, a_finalizer_that_captures_what_it_watches_is_named) {
    struct lr_heap *heap = new_heap("3.11");
    struct lr_object *session = new_session(heap, "session");
    struct lr_object *method;
    struct lr_object *finalize;
    cr_assert(lr_heap_new_method(heap, session, "close", &method) == LR_OK);
    const struct lr_heap_finalize options = {.argument = method, .atexit = true};
    cr_assert(lr_heap_new_finalize(heap, session, &options, &finalize) == LR_OK);
    lr_heap_drop(heap, method);
    lr_heap_drop(heap, session);
    lr_heap_drop(heap, finalize);
    check_path(heap, session,
               "module weakref -> *global finalize._registry* -> dict -> record -> instance "
               "finalizer -> argument -> bound method close -> __self__ -> session",
               "taking it out of finalize._registry in module weakref");
    lr_heap_free(heap);
}

static struct lr_heap_path end_path;

static void look_at_self(struct lr_heap *heap, struct lr_object *self,
                         const struct lr_heap_release *release, void *context) {
    (void)release;
    (void)context;
    cr_assert(lr_heap_find_path(heap, self, &end_path) == LR_OK);
}

Test(heap_path, in_its_del_an_object_is_held_by_the_call) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *object;
    cr_assert(lr_heap_new_instance(heap, NULL, "S", &object) == LR_OK);
    lr_heap_set_del(object, look_at_self, NULL);
    lr_heap_drop(heap, object);
    cr_assert(end_path.held && end_path.hop_count == 2);
    lr_heap_free(heap);
}

Test(heap_path, a_long_way_shows_its_ends) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *link = new_session(heap, "session");
    struct lr_object *session = link;
    for (int i = 0; i < 100000; i++) {
        struct lr_object *list;
        cr_assert(lr_heap_new_list(heap, &list) == LR_OK);
        cr_assert(lr_heap_append(heap, list, link) == LR_OK);
        lr_heap_drop(heap, link);
        link = list;
    }
    cr_assert(lr_heap_take_local(heap, "r", link) == LR_OK);
    struct lr_heap_path path;
    char text[TEXT_MAX];
    cr_assert(lr_heap_find_path(heap, session, &path) == LR_OK);
    cr_assert(path.hop_count == LR_HEAP_HOPS_MAX);
    cr_assert(path.elided_count == 200003 - (LR_HEAP_HOPS_MAX - 1));
    const char *whole = lr_heap_path_text(text, sizeof text, &path);
    cr_expect(strncmp(whole, "module __main__ -> *global r* -> list -> [0]", 44) == 0);
    cr_expect(strstr(whole, " -> .. 199956 hops .. -> ") != NULL);
    cr_expect(strcmp(whole + strlen(whole) - 26, "[0] -> list -> [0] -> session") != 0);
    cr_expect(strstr(whole, "-> list -> [0] -> session") != NULL);
    lr_heap_free(heap);
}

Test(heap_path, what_does_not_fit_is_cut) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *session = new_session(heap, "session");
    struct lr_heap_path path;
    char text[24];
    cr_assert(lr_heap_take_local(heap, "r", session) == LR_OK);
    cr_assert(lr_heap_find_path(heap, session, &path) == LR_OK);
    cr_expect_str_eq(lr_heap_path_text(text, sizeof text, &path), "module __main__ -> *glo");
    lr_heap_free(heap);
}

static void search_failing(struct lr_alloc *alloc, void *context) {
    struct lr_heap *heap;
    struct lr_object *session;
    struct lr_heap_path path;
    (void)context;
    if (lr_heap_new(&heap, alloc, lr_heap_profile_find("3.8.8"), NULL) != LR_OK) {
        return;
    }
    if (lr_heap_new_session(heap, NULL, "session", NULL, NULL, &session) == LR_OK) {
        enum lr_status status = lr_heap_find_path(heap, session, &path);
        cr_assert(status == LR_OK ? path.held : status == LR_ENOMEM);
    }
    lr_heap_free(heap);
}

Test(heap_path, a_search_without_memory_says_so) {
    lr_test_each_failure(search_failing, NULL);
}
