/* SPDX-License-Identifier: Apache-2.0 */
/* References and what ends them; the parts that no measured script reaches. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/heap.h"
#include "mocks/heap/run.h"
#include "support/failing.h"

enum { CHAIN_LENGTH = 1000000 };

static struct lr_heap *new_heap(const char *version) {
    struct lr_heap *heap;
    cr_assert(lr_heap_new(&heap, lr_alloc_system(), lr_heap_profile_find(version), NULL) == LR_OK);
    return heap;
}

struct ends {
    int count;
    struct lr_heap_release release;
};

static void note_end(void *context, const struct lr_heap_release *release) {
    struct ends *ends = context;
    ends->count++;
    ends->release = *release;
}

static struct lr_object *new_session(struct lr_heap *heap, struct ends *ends) {
    struct lr_object *session;
    cr_assert(lr_heap_new_session(heap, NULL, "session", note_end, ends, &session) == LR_OK);
    return session;
}

Test(heap_object, a_session_ends_with_its_last_reference) {
    struct ends ends = {0};
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *session = new_session(heap, &ends);
    cr_assert(lr_heap_refcount(session) == 2); /* ours, and the call's argument */
    cr_assert(lr_heap_set_local(heap, "r", session) == LR_OK);
    lr_heap_drop(heap, session);
    cr_assert(lr_heap_refcount(lr_heap_local(heap, "r")) == 2);
    cr_assert(ends.count == 0);
    cr_assert(lr_heap_del_local(heap, "r") == LR_OK);
    cr_assert(ends.count == 1 && ends.release.why == LR_HEAP_BY_COUNT);
    cr_assert(lr_heap_del_local(heap, "r") == LR_ENOTFOUND);
    lr_heap_free(heap);
    cr_assert(ends.count == 1);
}

Test(heap_object, a_chain_of_a_million_goes_without_a_stack) {
    struct ends ends = {0};
    struct lr_heap *heap = new_heap("3.8.8");
    lr_heap_set_gc_enabled(heap, false);
    struct lr_object *link = new_session(heap, &ends);
    for (int i = 0; i < CHAIN_LENGTH; i++) {
        struct lr_object *list;
        cr_assert(lr_heap_new_list(heap, &list) == LR_OK);
        cr_assert(lr_heap_append(heap, list, link) == LR_OK);
        lr_heap_drop(heap, link);
        link = list;
    }
    cr_assert(ends.count == 0);
    lr_heap_drop(heap, link);
    cr_assert(ends.count == 1);
    lr_heap_free(heap);
}

/* A generator whose frame holds the next one: each is closed as it goes. */
Test(heap_object, a_chain_of_suspended_generators_goes_without_a_stack) {
    static const char *const versions[] = {"3.8.8", "3.12"};
    for (size_t v = 0; v < LR_COUNT_OF(versions); v++) {
        struct ends ends = {0};
        struct lr_heap *heap = new_heap(versions[v]);
        struct lr_object *link = new_session(heap, &ends);
        for (int i = 0; i < CHAIN_LENGTH / 10; i++) {
            struct lr_object *generator;
            cr_assert(lr_heap_new_generator(heap, "gen", &generator) == LR_OK);
            cr_assert(lr_heap_resume(heap, generator) == LR_OK);
            cr_assert(lr_heap_take_local(heap, "next", link) == LR_OK);
            lr_heap_yield(heap);
            link = generator;
        }
        cr_assert(ends.count == 0);
        lr_heap_drop(heap, link);
        cr_assert(ends.count == 1);
        lr_heap_free(heap);
    }
}

static void drop_next(struct lr_heap *heap, struct lr_object *self,
                      const struct lr_heap_release *release, void *context) {
    (void)release;
    (void)self;
    struct lr_object ***chain = context;
    struct lr_object *next = *--*chain;
    lr_heap_drop(heap, next);
}

/* Each __del__ drops the next object: callbacks nest, and are cut off as CPython's trashcan does.
 */
Test(heap_object, a_chain_of_finalizers_is_no_recursion_either) {
    struct ends ends = {0};
    struct lr_heap *heap = new_heap("3.8.8");
    static struct lr_object *objects[CHAIN_LENGTH / 10 + 1];
    struct lr_object **next = objects;
    *next++ = new_session(heap, &ends);
    for (int i = 0; i < CHAIN_LENGTH / 10; i++) {
        cr_assert(lr_heap_new_instance(heap, NULL, "S", next) == LR_OK);
        lr_heap_set_del(*next, drop_next, &next);
        next++;
    }
    struct lr_object *first = *--next;
    lr_heap_drop(heap, first);
    cr_assert(ends.count == 1);
    cr_assert(next == objects);
    lr_heap_free(heap);
}

static struct lr_object *kept;

static void resurrect(struct lr_heap *heap, struct lr_object *self,
                      const struct lr_heap_release *release, void *context) {
    (void)heap;
    (void)release;
    ++*(int *)context;
    kept = lr_heap_hold(self);
}

Test(heap_object, a_finalizer_runs_once_however_often_its_object_comes_back) {
    int calls = 0;
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *object;
    cr_assert(lr_heap_new_instance(heap, NULL, "S", &object) == LR_OK);
    lr_heap_set_del(object, resurrect, &calls);
    struct lr_heap_watch watch;
    lr_heap_watch(&watch, object);
    lr_heap_drop(heap, object);
    cr_assert(calls == 1 && watch.object == kept);
    lr_heap_drop(heap, kept);
    cr_assert(calls == 1 && watch.object == NULL);
    lr_heap_free(heap);
}

Test(heap_object, names_are_bound_where_their_owner_keeps_them) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *main = lr_heap_module(heap, "__main__");
    struct lr_object *list;
    cr_assert(lr_heap_new_list(heap, &list) == LR_OK);
    cr_assert(lr_heap_set_local(heap, "x", list) == LR_OK);
    cr_assert(lr_heap_get(main, "x") == list); /* the outermost frame's names are main's */
    cr_assert(lr_heap_push_frame(heap, "f") == LR_OK);
    cr_assert(lr_heap_local(heap, "x") == NULL);
    cr_assert(lr_heap_take_local(heap, "x", list) == LR_OK);
    cr_assert(lr_heap_refcount(list) == 3);
    cr_assert(lr_heap_set_local(heap, "x", NULL) == LR_OK); /* None */
    cr_assert(lr_heap_has(lr_heap_frame(heap), "x") && lr_heap_local(heap, "x") == NULL);
    cr_assert(lr_heap_refcount(list) == 2);
    lr_heap_pop_frame(heap);
    cr_assert(lr_heap_set(heap, list, "x", NULL) == LR_EINVAL); /* a list has no names */
    cr_assert(lr_heap_append(heap, main, NULL) == LR_EINVAL);
    cr_assert(lr_heap_module(heap, "socket") == NULL);
    lr_heap_free(heap);
}

Test(heap_object, a_thread_sees_its_own_part_of_a_local_and_takes_it_along) {
    struct ends ends = {0};
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *local;
    struct lr_object *thread[2];
    cr_assert(lr_heap_new_thread_local(heap, &local) == LR_OK);
    for (size_t i = 0; i < 2; i++) { /* two of the same name are two */
        cr_assert(lr_heap_start_thread(heap, "worker", &thread[i]) == LR_OK);
        lr_heap_switch(heap, thread[i]);
        cr_assert(lr_heap_get(local, "session") == NULL);
        struct lr_object *session = new_session(heap, &ends);
        cr_assert(lr_heap_set(heap, local, "session", session) == LR_OK);
        lr_heap_drop(heap, session);
    }
    lr_heap_switch(heap, NULL);
    cr_assert(lr_heap_get(local, "session") == NULL);
    lr_heap_end_thread(heap, thread[0]);
    cr_assert(ends.count == 1);
    lr_heap_drop(heap, local);
    cr_assert(ends.count == 2);
    lr_heap_end_thread(heap, thread[1]);
    lr_heap_free(heap);
}

Test(heap_object, a_daemon_thread_is_never_released_at_exit) {
    struct ends ends[2] = {{0}};
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *thread;
    cr_assert(lr_heap_take_local(heap, "r", new_session(heap, &ends[0])) == LR_OK);
    cr_assert(lr_heap_start_thread(heap, "daemon", &thread) == LR_OK);
    lr_heap_switch(heap, thread);
    cr_assert(lr_heap_take_local(heap, "s", new_session(heap, &ends[1])) == LR_OK);
    lr_heap_exit(heap);
    cr_assert(ends[0].count == 1 && ends[0].release.why == LR_HEAP_BY_EXIT);
    cr_assert(ends[1].count == 0);
    lr_heap_free(heap);
}

static void note_exit(struct lr_heap *heap, struct lr_object *exception, void *context) {
    (void)heap;
    *(const char **)context = exception == NULL ? "None" : lr_object_name(exception);
}

Test(heap_object, a_with_ends_when_an_exception_leaves_its_frame) {
    const char *seen = "nothing";
    struct ends ends = {0};
    struct lr_heap *heap = new_heap("3.8.8");
    cr_assert(lr_heap_push_frame(heap, "f") == LR_OK);
    struct lr_object *session = new_session(heap, &ends);
    cr_assert(lr_heap_enter_with(heap, session, note_exit, &seen) == LR_OK);
    lr_heap_drop(heap, session);
    cr_assert(ends.count == 0); /* the frame's stack holds its __exit__ */
    cr_assert(lr_heap_raise_new(heap, "OSError", "refused") == LR_OK);
    cr_assert(lr_heap_leave_raising(heap) == LR_OK);
    cr_assert(strcmp(seen, "OSError") == 0);
    cr_assert(ends.count == 1);
    cr_assert(lr_heap_catch(heap, "e") == LR_OK);
    cr_assert(lr_heap_handled(heap) == lr_heap_local(heap, "e"));
    lr_heap_end_except(heap);
    cr_assert(!lr_heap_has(lr_heap_frame(heap), "e"));
    cr_assert(lr_heap_catch(heap, NULL) == LR_ENOTFOUND);
    lr_heap_free(heap);
}

Test(heap_object, what_is_raised_while_another_is_handled_has_it_as_context) {
    struct lr_heap *heap = new_heap("3.8.8");
    cr_assert(lr_heap_raise_new(heap, "ValueError", "first") == LR_OK);
    cr_assert(lr_heap_catch(heap, NULL) == LR_OK);
    struct lr_object *first = lr_heap_handled(heap);
    cr_assert(lr_heap_raise_new(heap, "TypeError", "second") == LR_OK);
    cr_assert(lr_heap_get(lr_heap_raised(heap), "__context__") == first);
    cr_assert(lr_heap_catch(heap, NULL) == LR_OK);
    struct lr_object *second = lr_heap_handled(heap);
    cr_assert(lr_heap_raise(heap, first) == LR_OK); /* again: no cycle of contexts */
    cr_assert(lr_heap_raise_new(heap, "OSError", "third") == LR_EBUSY);
    cr_assert(lr_heap_raise(heap, lr_heap_frame(heap)) == LR_EINVAL);
    cr_assert(lr_heap_get(first, "__context__") == second);
    cr_assert(lr_heap_get(second, "__context__") == NULL);
    lr_heap_free(heap);
}

Test(heap_object, a_generator_is_held_while_it_runs_and_ends_by_an_exception) {
    static const char *const versions[] = {"3.8.8", "3.12"};
    for (size_t i = 0; i < LR_COUNT_OF(versions); i++) {
        struct ends ends = {0};
        struct lr_heap *heap = new_heap(versions[i]);
        struct lr_object *generator;
        struct lr_heap_watch watch;
        cr_assert(lr_heap_new_generator(heap, "gen", &generator) == LR_OK);
        lr_heap_watch(&watch, generator);
        cr_assert(lr_heap_resume(heap, generator) == LR_OK);
        cr_assert(lr_heap_resume(heap, generator) == LR_EBUSY);
        cr_assert(lr_heap_take_local(heap, "s", new_session(heap, &ends)) == LR_OK);
        lr_heap_yield(heap);
        cr_assert(lr_heap_resume(heap, generator) == LR_OK);
        lr_heap_drop(heap, generator); /* del g, in its own frame */
        cr_assert(watch.object == generator && ends.count == 0);
        cr_assert(lr_heap_raise_new(heap, "ValueError", "x") == LR_OK);
        cr_assert(lr_heap_leave_raising(heap) == LR_OK);
        cr_assert(watch.object == NULL && ends.count == 0); /* the traceback has its frame */
        cr_assert(lr_heap_catch(heap, NULL) == LR_OK);
        lr_heap_end_except(heap);
        cr_assert(ends.count == 1);
        lr_heap_free(heap);
    }
}

/* Enum's own: exc.__context__ = ve_exc, where _missing_ raised. */
Test(heap_object, the_exception_of_missing_has_the_other_as_its_context) {
    struct lr_heap *heap = new_heap("3.7.2");
    const struct lr_heap_enum_lookup lookup = {.type = "SocketKind", .value = "0"};
    cr_assert(lr_heap_enum_lookup(heap, &lookup) == LR_OK);
    const struct lr_object *raised = lr_heap_raised(heap);
    const struct lr_object *context = lr_heap_get(raised, "__context__");
    cr_assert(context != NULL && lr_heap_get(context, "__context__") == NULL);
    cr_assert_str_eq(lr_object_detail(context), "0 is not a valid SocketKind");
    cr_assert(lr_heap_get(context, "__traceback__") == NULL); /* never raised */
    lr_heap_free(heap);
}

struct sink {
    struct lr_trace_sink base;
    char text[128];
    lr_time at;
};

static void keep_reference(struct lr_trace_sink *base, const struct lr_trace_event *event) {
    struct sink *sink = LR_CONTAINER_OF(base, struct sink, base);
    if (event->kind == LR_TRACE_REFERENCE) {
        (void)snprintf(sink->text, sizeof sink->text, "%s: %s", event->host, event->text);
        sink->at = event->at;
    }
}

Test(heap_object, the_trace_says_what_let_a_session_go) {
    struct sink sink = {.base = {.emit = keep_reference, .level = LR_TRACE_DEBUG}};
    const struct lr_trace trace = {.sink = &sink.base, .host = "py"};
    struct lr_heap *heap;
    struct lr_object *session;
    struct ends ends = {0};
    cr_assert(lr_heap_new(&heap, lr_alloc_system(), lr_heap_profile_find("3.12"), &trace) == LR_OK);
    session = new_session(heap, &ends);
    lr_heap_set_now(heap, 42);
    lr_heap_drop(heap, session);
    cr_expect_str_eq(sink.text, "py: session let go by its last reference");
    cr_expect(sink.at == 42);
    session = new_session(heap, &ends);
    cr_assert(lr_heap_set(heap, session, "me", session) == LR_OK);
    lr_heap_drop(heap, session);
    (void)lr_heap_collect(heap, 0);
    cr_expect_str_eq(sink.text, "py: session let go by gc.collect(0)");
    session = new_session(heap, &ends);
    cr_assert(lr_heap_set(heap, session, "me", session) == LR_OK);
    lr_heap_drop(heap, session);
    cr_assert(lr_heap_fill(heap, 701, false) == 701);
    cr_expect_str_eq(sink.text, "py: session let go by an automatic collection of generation 0");
    cr_assert(lr_heap_take_local(heap, "r", new_session(heap, &ends)) == LR_OK);
    lr_heap_exit(heap);
    cr_expect_str_eq(sink.text, "py: session let go by the interpreter's exit");
    cr_expect(ends.count == 4);
    lr_heap_free(heap);
}

static void build_and_drop(struct lr_alloc *alloc, void *context) {
    struct lr_heap *heap;
    struct ends ends = {0};
    (void)context;
    if (lr_heap_new(&heap, alloc, lr_heap_profile_find("3.11"), NULL) != LR_OK) {
        return;
    }
    struct lr_object *session;
    struct lr_object *thread;
    if (lr_heap_new_session(heap, NULL, "session", note_end, &ends, &session) == LR_OK) {
        enum lr_status status = lr_heap_set_local(heap, "r", session);
        cr_assert(lr_heap_refcount(session) == (status == LR_OK ? 3 : 2));
        status = lr_heap_set(heap, session, "me", session);
        cr_assert(lr_heap_has(session, "me") == (status == LR_OK));
        lr_heap_drop(heap, session);
    }
    if (lr_heap_start_thread(heap, "worker", &thread) == LR_OK) {
        lr_heap_end_thread(heap, thread);
    }
    cr_assert(lr_heap_thread(heap) != NULL);
    lr_heap_exit(heap);
    lr_heap_free(heap);
}

Test(heap_object, nothing_is_lost_whichever_allocation_fails) {
    lr_test_each_failure(build_and_drop, NULL);
}
