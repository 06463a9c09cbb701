/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs, held against what must be true of any: no object goes that can be reached,
 * counts are what refers, a full collection leaves nothing else, and what a path says would release
 * an object does release it. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/prng.h"
#include "mocks/heap/collector.h"
#include "mocks/heap/path.h"
#include "mocks/heap/run.h"
#include "support/failing.h"

enum { OWNED = 24, WATCHED = 4096, STEPS = 600, SEEDS = 200, FEW_STEPS = 60, POOR_SEEDS = 8 };

struct world {
    struct lr_heap *heap;
    struct lr_prng prng;
    struct lr_object *owned[OWNED]; /* the test's own references; NULL among them */
    struct lr_heap_watch watches[WATCHED];
    bool reached[WATCHED];
    size_t made;
    bool poor;                            /* an allocation may fail */
    size_t remedies[LR_HEAP_GENERATIONS]; /* that were tried */
};

static const char *const names[] = {"a", "b", "c", "d"};

static enum lr_status make_one(struct world *world, struct lr_object **out) {
    switch (lr_prng_below(&world->prng, 5)) {
    case 0:
        return lr_heap_new_list(world->heap, out);
    case 1:
        return lr_heap_new_dict(world->heap, out);
    case 2:
        return lr_heap_new_slotted(world->heap, "Node", out);
    case 3:
        return lr_heap_new_tuple(world->heap, &world->owned[lr_prng_below(&world->prng, OWNED - 3)],
                                 3, out);
    default:
        return lr_heap_new_instance(world->heap, NULL, "S", out);
    }
}

static void step_make(struct world *world) {
    struct lr_object **place = &world->owned[lr_prng_below(&world->prng, OWNED)];
    struct lr_object *object;
    if (world->made == WATCHED || make_one(world, &object) != LR_OK) {
        return;
    }
    lr_heap_watch(&world->watches[world->made++], object);
    lr_heap_drop(world->heap, *place);
    *place = object;
}

static struct lr_object *pick(struct world *world) {
    return world->owned[lr_prng_below(&world->prng, OWNED)];
}

static void step_store(struct world *world) {
    struct lr_object *owner = pick(world);
    struct lr_object *value = pick(world);
    if (owner == NULL) {
        return;
    }
    if (lr_object_kind(owner) == LR_OBJECT_LIST) {
        (void)!lr_heap_append(world->heap, owner, value);
    } else if (lr_object_kind(owner) != LR_OBJECT_TUPLE) {
        (void)!lr_heap_set(world->heap, owner, names[lr_prng_below(&world->prng, 4)], value);
    }
}

static void step_remove(struct world *world) {
    struct lr_object *owner = pick(world);
    if (owner == NULL || lr_object_kind(owner) == LR_OBJECT_TUPLE) {
        return;
    }
    if (lr_object_kind(owner) == LR_OBJECT_LIST) {
        lr_heap_drop(world->heap, lr_heap_pop(world->heap, owner));
    } else {
        (void)lr_heap_del(world->heap, owner, names[lr_prng_below(&world->prng, 4)]);
    }
}

static void step_drop(struct world *world) {
    struct lr_object **place = &world->owned[lr_prng_below(&world->prng, OWNED)];
    struct lr_object *object = *place;
    *place = NULL;
    lr_heap_drop(world->heap, object);
}

/* Marks what |from| refers to; an instance's dict is not watched and is looked through. */
static bool mark_targets(struct world *world, const struct lr_object *from, bool through) {
    bool more = false;
    for (size_t k = 0; k < lr_object_edge_count(from); k++) {
        struct lr_heap_edge edge;
        lr_object_edge(from, k, &edge);
        if (edge.target != NULL && through && strcmp(edge.text, "__dict__") == 0) {
            more = mark_targets(world, edge.target, false) || more;
        }
        for (size_t i = 0; edge.target != NULL && i < world->made; i++) {
            if (world->watches[i].object == edge.target && !world->reached[i]) {
                world->reached[i] = true;
                more = true;
            }
        }
    }
    return more;
}

/* Which of the watched objects the test's own references lead to, by the graph's edges alone. */
static void find_reached(struct world *world) {
    for (size_t i = 0; i < world->made; i++) {
        world->reached[i] = false;
        for (size_t k = 0; k < OWNED && world->watches[i].object != NULL; k++) {
            world->reached[i] = world->reached[i] || world->owned[k] == world->watches[i].object;
        }
    }
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < world->made; i++) {
            if (world->reached[i]) {
                more = mark_targets(world, world->watches[i].object, true) || more;
            }
        }
    }
}

static size_t count_inbound(const struct world *world, const struct lr_object *object) {
    size_t inbound = 0;
    for (const struct lr_object *from = lr_heap_next(world->heap, NULL); from != NULL;
         from = lr_heap_next(world->heap, from)) {
        for (size_t k = 0; k < lr_object_edge_count(from); k++) {
            struct lr_heap_edge edge;
            lr_object_edge(from, k, &edge);
            inbound += edge.target == object;
        }
    }
    for (size_t k = 0; k < OWNED; k++) {
        inbound += world->owned[k] == object;
    }
    return inbound;
}

static void check_counts(const struct world *world) {
    for (size_t i = 0; i < world->made; i++) {
        const struct lr_object *object = world->watches[i].object;
        if (object != NULL) {
            cr_assert(lr_heap_refcount(object) == count_inbound(world, object) + 1);
        }
    }
}

/* One that is garbage: collecting what its path says must be enough, and no younger will do. */
static void check_remedy(struct world *world) {
    for (size_t i = world->made; i-- > 0;) { /* the youngest garbage first */
        if (world->watches[i].object == NULL) {
            continue;
        }
        struct lr_heap_path path;
        enum lr_status status = lr_heap_find_path(world->heap, world->watches[i].object, &path);
        if (status == LR_ENOMEM && world->poor) {
            return;
        }
        cr_assert(status == LR_OK && path.held);
        cr_assert((path.generation < 0) == world->reached[i]);
        if (!world->reached[i]) {
            if (path.generation > 0) {
                (void)lr_heap_collect(world->heap, path.generation - 1);
                cr_assert(world->watches[i].object != NULL, "a younger generation was enough");
                cr_assert(lr_heap_find_path(world->heap, world->watches[i].object, &path) == LR_OK);
            }
            (void)lr_heap_collect(world->heap, path.generation);
            cr_assert(world->watches[i].object == NULL, "it was not enough");
            world->remedies[path.generation]++;
            return;
        }
    }
}

static void check_reachable_alive(const struct world *world) {
    for (size_t i = 0; i < world->made; i++) {
        cr_assert(!world->reached[i] || world->watches[i].object != NULL);
    }
}

static void check_collected(struct world *world) {
    find_reached(world);
    (void)lr_heap_collect(world->heap, 2);
    for (size_t i = 0; i < world->made; i++) {
        cr_assert(world->reached[i] == (world->watches[i].object != NULL), "seed %llu, object %zu",
                  (unsigned long long)world->prng.seed, i);
    }
}

static void take_step(struct world *world) {
    static void (*const steps[])(struct world * world) = {step_make,  step_make,   step_store,
                                                          step_store, step_remove, step_drop};
    steps[lr_prng_below(&world->prng, LR_COUNT_OF(steps))](world);
}

static void run_steps(struct world *world) {
    for (size_t i = 0; i < STEPS; i++) {
        take_step(world);
        if (lr_prng_chance(&world->prng, 1, 40)) {
            find_reached(world);
            if (lr_prng_chance(&world->prng, 1, 2)) {
                (void)lr_heap_collect(world->heap, (int)lr_prng_below(&world->prng, 2));
            }
            check_reachable_alive(world);
            check_counts(world);
            check_remedy(world);
        }
        if (lr_prng_chance(&world->prng, 1, 150)) {
            check_collected(world);
        }
    }
    check_collected(world);
}

static struct world world;

static void run_seed(const char *version, uint64_t seed) {
    world.made = 0;
    memset(world.owned, 0, sizeof world.owned);
    lr_prng_init(&world.prng, seed);
    cr_assert(lr_heap_new(&world.heap, lr_alloc_system(), lr_heap_profile_find(version), NULL) ==
              LR_OK);
    run_steps(&world);
    lr_heap_free(world.heap);
}

Test(heap_property, random_programs_keep_what_is_reachable_and_nothing_else) {
    static const char *const versions[] = {"3.7.2", "3.8.10", "3.11", "3.13"};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_seed(versions[seed % LR_COUNT_OF(versions)], seed);
    }
    for (size_t i = 0; i < LR_HEAP_GENERATIONS; i++) {
        cr_assert(world.remedies[i] >= 20, "generation %zu: %zu garbage objects were tried", i,
                  world.remedies[i]);
    }
}

/* A short program: what holds of any holds of one for which an allocation failed. */
static void run_poorly(struct lr_alloc *alloc, void *context) {
    static const char *const versions[] = {"3.7.2", "3.8.10", "3.11", "3.13"};
    const uint64_t *seed = context;
    world.made = 0;
    world.poor = true;
    memset(world.owned, 0, sizeof world.owned);
    lr_prng_init(&world.prng, *seed);
    const struct lr_heap_profile *profile =
        lr_heap_profile_find(versions[*seed % LR_COUNT_OF(versions)]);
    if (lr_heap_new(&world.heap, alloc, profile, NULL) != LR_OK) {
        cr_assert_not(lr_test_must_succeed(alloc));
        return;
    }
    for (size_t i = 0; i < FEW_STEPS; i++) {
        take_step(&world);
    }
    find_reached(&world);
    check_reachable_alive(&world);
    check_counts(&world);
    check_remedy(&world);
    check_collected(&world);
    cr_assert(!lr_test_must_succeed(alloc) || world.made > FEW_STEPS / 6, "%zu made", world.made);
    lr_heap_free(world.heap);
}

Test(heap_property, what_holds_of_any_program_holds_whichever_allocation_fails) {
    for (uint64_t seed = 0; seed < POOR_SEEDS; seed++) {
        lr_test_each_failure(run_poorly, &seed);
    }
}
