/* SPDX-License-Identifier: Apache-2.0 */
/* The collector, where the measured scripts say nothing. */
#include <criterion/criterion.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/run.h"
#include "support/failing.h"

static struct lr_heap *new_heap(const char *version) {
    struct lr_heap *heap;
    cr_assert(lr_heap_new(&heap, lr_alloc_system(), lr_heap_profile_find(version), NULL) == LR_OK);
    return heap;
}

static struct lr_object *new_instance(struct lr_heap *heap, const char *name) {
    struct lr_object *object;
    cr_assert(lr_heap_new_instance(heap, NULL, name, &object) == LR_OK);
    return object;
}

/* Refers to itself by name "me". */
static struct lr_object *new_cycle(struct lr_heap *heap, const char *name) {
    struct lr_object *object = new_instance(heap, name);
    cr_assert(lr_heap_set(heap, object, "me", object) == LR_OK);
    return object;
}

static struct lr_object *kept;

static void resurrect(struct lr_heap *heap, struct lr_object *self,
                      const struct lr_heap_release *release, void *context) {
    (void)heap;
    (void)release;
    (void)context;
    kept = lr_heap_hold(self);
}

/* Two cycles that are garbage; one comes back. Until 3.9 that saves the other one too. */
static bool other_is_spared(const char *version) {
    struct lr_heap *heap = new_heap(version);
    struct lr_object *back = new_cycle(heap, "back");
    struct lr_object *other = new_cycle(heap, "other");
    struct lr_heap_watch watch;
    lr_heap_watch(&watch, other);
    lr_heap_set_del(back, resurrect, NULL);
    lr_heap_drop(heap, back);
    lr_heap_drop(heap, other);
    (void)lr_heap_collect(heap, 2);
    bool spared = watch.object != NULL;
    lr_heap_drop(heap, kept);
    (void)lr_heap_collect(heap, 2);
    cr_assert(watch.object == NULL); /* the second collection takes both */
    lr_heap_free(heap);
    return spared;
}

Test(heap_collector, a_resurrection_spares_all_garbage_until_3_9_and_then_its_own) {
    cr_assert(other_is_spared("3.7.1"));
    cr_assert(other_is_spared("3.8.10"));
    cr_assert(!other_is_spared("3.9.0"));
    cr_assert(!other_is_spared("3.13"));
}

/* The object whose allocation starts a collection is looked at by it only where it is put off. */
static int generation_of_trigger(const char *version) {
    struct lr_heap *heap = new_heap(version);
    size_t all = 1000000;
    (void)lr_heap_fill(heap, all, true);
    struct lr_object *object;
    cr_assert(lr_heap_new_slotted(heap, "Node", &object) == LR_OK);
    size_t count[LR_HEAP_GENERATIONS];
    lr_heap_count(heap, count);
    cr_assert(count[0] == 0 && count[1] == 1);
    int generation = lr_object_generation(object);
    lr_heap_free(heap);
    return generation;
}

Test(heap_collector, an_allocation_collects_at_once_until_3_12_and_then_soon_after) {
    cr_assert(generation_of_trigger("3.11") == 0);
    cr_assert(generation_of_trigger("3.12") == 1);
}

Test(heap_collector, a_tuple_or_dict_of_nothing_is_not_followed) {
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *nothing = NULL;
    struct lr_object *tuple;
    struct lr_object *dict;
    cr_assert(lr_heap_new_tuple(heap, &nothing, 1, &tuple) == LR_OK);
    cr_assert(lr_heap_new_dict(heap, &dict) == LR_OK);
    cr_assert(lr_object_generation(tuple) == 0);
    cr_assert(lr_object_generation(dict) == -1);
    cr_assert(lr_heap_set(heap, dict, "number", NULL) == LR_OK);
    cr_assert(lr_object_generation(dict) == -1);
    cr_assert(lr_heap_set(heap, dict, "self", dict) == LR_OK);
    cr_assert(lr_object_generation(dict) == 0);
    (void)lr_heap_collect(heap, 0);
    cr_assert(lr_object_generation(tuple) == -1);
    cr_assert(lr_object_generation(dict) == 1);
    lr_heap_drop(heap, tuple);
    lr_heap_drop(heap, dict);
    lr_heap_free(heap);
}

/* How far the counter rises for a list. */
static size_t count_list(struct lr_heap *heap) {
    size_t before[LR_HEAP_GENERATIONS];
    size_t after[LR_HEAP_GENERATIONS];
    struct lr_object *list;
    lr_heap_count(heap, before);
    cr_assert(lr_heap_new_list(heap, &list) == LR_OK);
    lr_heap_count(heap, after);
    lr_heap_drop(heap, list);
    return after[0] - before[0];
}

Test(heap_collector, a_full_collection_gives_the_free_lists_back) {
    struct lr_heap *heap = new_heap("3.8.8");
    cr_assert(count_list(heap) == 1);
    cr_assert(count_list(heap) == 0); /* the same memory again */
    (void)lr_heap_collect(heap, 1);
    cr_assert(count_list(heap) == 0);
    (void)lr_heap_collect(heap, 2);
    cr_assert(count_list(heap) == 1);
    lr_heap_free(heap);
}

/* A function's frame: made once and kept for the next call until 3.10, no object at all from 3.11.
 */
Test(heap_collector, a_second_call_of_a_function_allocates_no_frame) {
    static const struct {
        const char *version;
        size_t first;
    } rows[] = {{"3.8.8", 1}, {"3.11", 0}};
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_heap *heap = new_heap(rows[i].version);
        size_t count[3][LR_HEAP_GENERATIONS];
        lr_heap_count(heap, count[0]);
        for (size_t call = 1; call < 3; call++) {
            cr_assert(lr_heap_push_frame(heap, "f") == LR_OK);
            lr_heap_count(heap, count[call]);
            lr_heap_pop_frame(heap);
        }
        cr_assert(count[1][0] - count[0][0] == rows[i].first);
        cr_assert(count[2][0] == count[1][0]);
        lr_heap_free(heap);
    }
}

/* From 3.11 on: a frame that outlives its run makes its caller's frame an object, there and then.
 */
Test(heap_collector, a_frame_that_stays_makes_an_object_of_its_caller) {
    struct lr_heap *heap = new_heap("3.11");
    size_t raised[LR_HEAP_GENERATIONS];
    size_t returned[LR_HEAP_GENERATIONS];
    cr_assert(lr_heap_push_frame(heap, "f") == LR_OK);
    cr_assert(lr_heap_push_frame(heap, "g") == LR_OK);
    cr_assert(lr_heap_raise_new(heap, "ValueError", "x") == LR_OK);
    kept = lr_heap_hold(lr_heap_raised(heap));
    cr_assert(lr_heap_catch(heap, NULL) == LR_OK);
    lr_heap_end_except(heap);
    lr_heap_count(heap, raised);
    cr_assert(raised[0] == 4); /* the exception, its args, the traceback, the frame of g */
    lr_heap_pop_frame(heap);
    lr_heap_count(heap, returned);
    cr_assert(returned[0] == 5); /* and that of f */
    lr_heap_drop(heap, kept);
    lr_heap_free(heap);
}

struct nested {
    size_t found;
    int calls;
};

static void collect_again(struct lr_heap *heap, struct lr_object *self,
                          const struct lr_heap_release *release, void *context) {
    struct nested *nested = context;
    (void)self;
    cr_assert(release->why == LR_HEAP_BY_COLLECTOR && release->generation == 1);
    nested->calls++;
    nested->found = lr_heap_collect(heap, 2);
}

Test(heap_collector, a_collection_in_a_finalizer_of_a_collection_does_nothing) {
    struct nested nested = {.found = 99};
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *object = new_cycle(heap, "S");
    lr_heap_set_del(object, collect_again, &nested);
    lr_heap_drop(heap, object);
    cr_assert(lr_heap_collect(heap, 1) == 2); /* the instance and its dict */
    cr_assert(nested.calls == 1 && nested.found == 0);
    lr_heap_free(heap);
}

static void count_call(struct lr_heap *heap, void *context) {
    (void)heap;
    ++*(int *)context;
}

Test(heap_collector, a_weak_reference_that_is_garbage_itself_is_not_told) {
    int calls = 0;
    struct lr_heap *heap = new_heap("3.8.8");
    struct lr_object *object = new_cycle(heap, "S");
    struct lr_object *inside;
    struct lr_object *outside;
    cr_assert(lr_heap_new_weakref(heap, object, count_call, &calls, &inside) == LR_OK);
    cr_assert(lr_heap_new_weakref(heap, object, count_call, &calls, &outside) == LR_OK);
    cr_assert(lr_heap_set(heap, object, "watcher", inside) == LR_OK);
    lr_heap_drop(heap, inside);
    lr_heap_drop(heap, object);
    cr_assert(lr_heap_weakref_target(outside) == object);
    (void)lr_heap_collect(heap, 0);
    cr_assert(calls == 1 && lr_heap_weakref_target(outside) == NULL);
    lr_heap_drop(heap, outside);
    lr_heap_free(heap);
}

/* A cycle through a suspended generator's frame, in which a traceback refers to that frame. */
Test(heap_collector, a_generator_frame_that_became_an_object_is_followed_once) {
    static const char *const versions[] = {"3.8.8", "3.11", "3.13"};
    for (size_t i = 0; i < LR_COUNT_OF(versions); i++) {
        struct lr_heap *heap = new_heap(versions[i]);
        struct lr_object *generator;
        struct lr_heap_watch watch;
        cr_assert(lr_heap_new_generator(heap, "gen", &generator) == LR_OK);
        lr_heap_watch(&watch, generator);
        cr_assert(lr_heap_resume(heap, generator) == LR_OK);
        cr_assert(lr_heap_raise_new(heap, "ValueError", "x") == LR_OK);
        cr_assert(lr_heap_catch(heap, "e") == LR_OK);
        cr_assert(lr_heap_set_local(heap, "saved", lr_heap_local(heap, "e")) == LR_OK);
        lr_heap_end_except(heap);
        cr_assert(lr_heap_take_local(heap, "me", generator) == LR_OK);
        lr_heap_yield(heap);
        cr_assert(watch.object != NULL);
        (void)lr_heap_collect(heap, 0);
        cr_assert(watch.object == NULL);
        lr_heap_free(heap);
    }
}

Test(heap_collector, a_large_cycle_goes_without_a_stack) {
    struct lr_heap *heap = new_heap("3.8.8");
    lr_heap_set_gc_enabled(heap, false);
    struct lr_object *first = NULL;
    struct lr_object *link = NULL;
    size_t length = 200000;
    for (size_t i = 0; i < length; i++) {
        struct lr_object *list;
        cr_assert(lr_heap_new_list(heap, &list) == LR_OK);
        first = first == NULL ? list : first;
        if (link != NULL) {
            cr_assert(lr_heap_append(heap, list, link) == LR_OK);
            lr_heap_drop(heap, link);
        }
        link = list;
    }
    cr_assert(lr_heap_append(heap, first, link) == LR_OK);
    lr_heap_drop(heap, link);
    cr_assert(lr_heap_collect(heap, 0) == length);
    lr_heap_free(heap);
}

static void count_end(void *context, const struct lr_heap_release *release) {
    (void)release;
    ++*(int *)context;
}

/* In the frame of |generator|: it refers to itself, and to a traceback that refers to it. */
static bool tie_frame(struct lr_heap *heap, struct lr_object *generator) {
    if (lr_heap_resume(heap, generator) != LR_OK) {
        return false;
    }
    bool tied = lr_heap_set_local(heap, "me", generator) == LR_OK;
    if (lr_heap_raise_new(heap, "ValueError", "x") != LR_OK) {
        tied = false;
    } else if (lr_heap_catch(heap, "e") == LR_OK) {
        tied = lr_heap_set_local(heap, "saved", lr_heap_local(heap, "e")) == LR_OK && tied;
    } else { /* it is in flight still, and there is memory again */
        cr_assert(lr_heap_catch(heap, NULL) == LR_OK);
        tied = false;
    }
    lr_heap_yield(heap);
    return tied;
}

/* A session in a cycle through a generator's frame: as much of it as could be made is garbage when
 * it is let go of, and a collection, which has no memory to ask for, takes all of it. */
static void collect_poorly(struct lr_alloc *alloc, void *context) {
    struct lr_heap *heap;
    struct lr_object *session;
    struct lr_object *generator;
    int made = 0;
    int ended = 0;
    if (lr_heap_new(&heap, alloc, lr_heap_profile_find(context), NULL) != LR_OK) {
        cr_assert_not(lr_test_must_succeed(alloc));
        return;
    }
    bool whole = lr_heap_new_session(heap, NULL, "s", count_end, &ended, &session) == LR_OK;
    made += whole;
    if (lr_heap_new_generator(heap, "gen", &generator) == LR_OK) {
        whole = whole && lr_heap_set(heap, session, "gen", generator) == LR_OK;
        whole = tie_frame(heap, generator) && whole;
        struct lr_object *frame = lr_heap_generator_frame(generator);
        if (made > 0 && frame != NULL) {
            whole = lr_heap_set(heap, frame, "session", session) == LR_OK && whole;
        }
        lr_heap_drop(heap, generator);
    } else {
        whole = false;
    }
    if (made > 0) {
        lr_heap_drop(heap, session);
    }
    cr_assert_eq(whole, lr_test_must_succeed(alloc), "what is missing is said");
    cr_assert(!whole || ended == 0);
    (void)lr_heap_collect(heap, 2);
    cr_assert_eq(ended, made);
    lr_heap_free(heap);
}

Test(heap_collector, what_was_made_before_memory_ran_out_is_collected) {
    static char versions[][8] = {"3.7.2", "3.8.8", "3.11", "3.13"};
    for (size_t i = 0; i < LR_COUNT_OF(versions); i++) {
        lr_test_each_failure(collect_poorly, versions[i]);
    }
}
