/* SPDX-License-Identifier: Apache-2.0 */
/* When the collector runs by itself, and what is counted: s03_* and s15 of
 * tests/golden/heap/scripts.
 *
 * What the scripts' own bookkeeping allocated before the loop under test is not modelled: the
 * measured counter at its start is taken over, by allocating up to it. */
#include <stdio.h>

#include "support/heap_script.h"

static size_t count0(struct script *s) {
    size_t count[LR_HEAP_GENERATIONS];
    lr_heap_count(s->heap, count);
    return count[0];
}

/* Allocates up to the counter that was measured under |key| of the next step. */
static void fill_to_measured(struct script *s, const char *key) {
    const json_t *measured = json_object_get(s_truth(s), key);
    if (json_is_array(measured)) {
        measured = json_array_get(measured, 0);
    }
    size_t target = (size_t)json_integer_value(measured);
    if (s_ok(s) && count0(s) < target) {
        size_t missing = target - count0(s);
        s_try(s, lr_heap_fill(s->heap, missing, true) == missing ? LR_OK : LR_ENOMEM);
    }
}

/* ---- s03_exact ---- */

static void set_threshold(struct script *s, unsigned int first) {
    const unsigned int threshold[LR_HEAP_GENERATIONS] = {first, 10, 10};
    lr_heap_set_threshold(s->heap, threshold);
}

static void note_death(struct lr_heap *heap, void *context) {
    (void)heap;
    *(bool *)context = true;
}

/* s = S(); s.me = s; w = ref(s, died); s = None */
static struct lr_object *make_garbage(struct script *s, bool *dead) {
    struct lr_object *object = s_new_node(s);
    s_set_in(s, object, "me", object);
    struct lr_object *weakref = s_new_weakref(s, object, note_death, dead);
    s_drop(s, object);
    return weakref;
}

static void keep_node(struct script *s) {
    if (s_ok(s)) {
        s_try(s, lr_heap_fill(s->heap, 1, false) == 1 ? LR_OK : LR_ENOMEM);
    }
}

static void exact_in_rounds(struct script *s, bool *dead) {
    (void)s_collect(s, 2);
    struct lr_object *weakref = make_garbage(s, dead);
    fill_to_measured(s, "count0_at_start");
    size_t start = count0(s);
    size_t rounds = 0;
    while (s_ok(s) && !*dead && rounds < 1500) {
        keep_node(s);
        keep_node(s);
        s_drop(s, s_new_node(s));
        rounds++;
    }
    json_t *step = s_mark(s, "rounds (3 allocations, 1 deallocation each) until death");
    json_object_set_new(
        step, "alive",
        json_pack("{sb}", "session", s_ok(s) && lr_heap_weakref_target(weakref) != NULL));
    s_put_int(step, "count0_at_start", (long long)start);
    s_put_int(step, "rounds", (long long)rounds);
    s_put_int(step, "net_count", (long long)start + 2 * (long long)rounds);
    s_put_int(step, "count0_after", (long long)count0(s));
}

static void exact(struct script *s, unsigned int threshold, bool *dead) {
    bool first_dead = false;
    struct lr_object *old = make_garbage(s, &first_dead);
    (void)s_collect(s, 2);
    (void)s_collect(s, 0);
    struct lr_object *weakref = make_garbage(s, dead);
    s_drop(s, old);
    fill_to_measured(s, "count0_at_start");
    size_t start = count0(s);
    size_t allocations = 0;
    while (s_ok(s) && !*dead && allocations < 5000) {
        keep_node(s);
        allocations++;
    }
    json_t *step = s_mark(s, "kept allocations until death, threshold0=%u", threshold);
    json_object_set_new(
        step, "alive",
        json_pack("{sb}", "session", s_ok(s) && lr_heap_weakref_target(weakref) != NULL));
    s_put_int(step, "count0_at_start", (long long)start);
    s_put_int(step, "allocations", (long long)allocations);
    s_put_int(step, "start_plus_allocations", (long long)start + (long long)allocations);
    s_put_int(step, "count0_after", (long long)count0(s));
}

void script_s03_exact(struct script *s) {
    bool dead = false;
    unsigned int threshold = s_is(s, "t100") ? 100 : 700;
    set_threshold(s, threshold);
    if (s_is(s, "t700_dies_in_loop")) {
        exact_in_rounds(s, &dead);
    } else {
        exact(s, threshold, &dead);
    }
}

/* ---- s03_generations ---- */

/* Measured with 2,000,000 rounds of churn; a round leaves the model's counters as they were, so
 * that more of them would show nothing new. */
enum { KEPT_NODES = 400000, CHURN_ROUNDS = 20000, KEEP_MAX = 3000000 };

struct run {
    long long seen[LR_HEAP_GENERATIONS];
    int last;
    bool armed;
    bool dead;
};

static void note_collection(void *context, int generation, bool automatic) {
    struct run *run = context;
    (void)automatic;
    if (run->armed) {
        run->seen[generation]++;
        run->last = generation;
    }
}

static void run_died(struct lr_heap *heap, void *context) {
    (void)heap;
    ((struct run *)context)->dead = true;
}

static long long keep_until_death(struct script *s, const struct run *run, long long max) {
    for (long long i = 0; i < max && s_ok(s); i++) {
        keep_node(s);
        if (run->dead) {
            return i + 1;
        }
    }
    return -1;
}

static long long churn_until_death(struct script *s, const struct run *run, bool lists) {
    for (long long i = 0; i < CHURN_ROUNDS && s_ok(s); i++) {
        struct lr_object *object = lists ? s_new_list(s) : s_new_node(s);
        if (lists) {
            s_append(s, object, NULL);
        }
        s_drop(s, object);
        if (run->dead) {
            return i + 1;
        }
    }
    return -1;
}

/* count0 = gc.get_count(); allocate(keep, n): the tuple of the one, the frame of the other. */
static void run_alloc(struct script *s, struct run *run, const char *how, long long max) {
    struct lr_object *nothing[LR_HEAP_GENERATIONS] = {NULL, NULL, NULL};
    struct lr_object *tuple = NULL;
    size_t before[LR_HEAP_GENERATIONS] = {0};
    fill_to_measured(s, "gc_count_before");
    if (s_ok(s)) {
        lr_heap_count(s->heap, before);
        s_try(s, lr_heap_new_tuple(s->heap, nothing, LR_HEAP_GENERATIONS, &tuple));
    }
    run->armed = true;
    bool lists = strcmp(how, "churn_list") == 0;
    s_push(s, lists ? "churn_list" : strcmp(how, "keep") == 0 ? "allocate" : "churn");
    long long made =
        strcmp(how, "keep") == 0 ? keep_until_death(s, run, max) : churn_until_death(s, run, lists);
    s_pop(s);
    run->armed = false;
    s_drop(s, tuple);
    json_t *step = s_mark(s, "automatic: %s until death", how);
    s_put_int(step, "allocations_until_death", made);
    json_object_set_new(step, "gc_count_before",
                        json_pack("[iii]", (int)before[0], (int)before[1], (int)before[2]));
    json_object_set_new(step, "collections_seen",
                        json_pack("{sIsIsI}", "gen0", (json_int_t)run->seen[0], "gen1",
                                  (json_int_t)run->seen[1], "gen2", (json_int_t)run->seen[2]));
    json_object_set_new(step, "generation_that_freed_it",
                        run->dead ? json_integer(run->last) : json_null());
}

static void session_after_connect(struct script *s, void (*connect)(struct script *)) {
    s_push(s, "check_remote");
    s_push(s, "connect");
    connect(s);
    s_pop(s);
    s_take(s, "r", s_new_session(s, "session"));
    struct lr_object *r = s_hold(s, "r");
    s_pop(s);
    s_take(s, "r", r);
}

static void report_automatic(struct script *s, struct run *run) {
    if (s_is(s, "report_auto_threshold50")) {
        set_threshold(s, 50);
    } else if (s_is(s, "report_auto_threshold0")) {
        set_threshold(s, 0);
    }
    s_settle(s);
    session_after_connect(s, s_intenum);
    s_take(s, "w", s_new_weakref(s, s_get(s, "r"), run_died, run));
    s_mark_count(s, "r = check_remote()", s_get(s, "r"));
    if (s_is(s, "report_collect_then_del")) {
        json_t *step = s_mark_collected(s, "gc.collect(0) with r bound", s_collect(s, 0));
        s_put_int(step, "getrefcount_after",
                  s_ok(s) ? (long long)lr_heap_refcount(s_get(s, "r")) : 0);
    }
    s_del(s, "r");
    s_mark(s, "del r");
    if (!run->dead) {
        const char *how = s_is(s, "report_auto_churn")      ? "churn"
                          : s_is(s, "report_auto_freelist") ? "churn_list"
                                                            : "keep";
        run_alloc(s, run, how, s_is(s, "report_auto_threshold0") ? 200000 : 20000);
    }
    s_mark_collected(s, "gc.collect()", s_collect(s, 2));
}

static void collect_in_missing(struct lr_heap *heap, void *context) {
    (void)context;
    (void)lr_heap_collect(heap, 2);
}

static void look_up_and_promote(struct script *s) {
    const struct lr_heap_enum_lookup lookup = {
        .type = "E", .value = "0", .missing = collect_in_missing};
    if (s_ok(s)) {
        s_try(s, lr_heap_enum_lookup(s->heap, &lookup));
    }
    s_catch(s, NULL);
    (void)s_collect(s, 0);
    (void)s_collect(s, 1);
    s_end_except(s);
}

static void collect_each(struct script *s) {
    for (int generation = 0; generation < LR_HEAP_GENERATIONS; generation++) {
        char step[32];
        (void)snprintf(step, sizeof step, "gc.collect(%d)", generation);
        s_mark_collected(s, step, s_collect(s, generation));
    }
}

static void promote_while_handling(struct script *s) {
    s_settle(s);
    session_after_connect(s, look_up_and_promote);
    s_mark_count(s, "r = check2() (gen0+gen1 collected inside the handler)", s_get(s, "r"));
    s_del(s, "r");
    s_mark(s, "del r");
    collect_each(s);
}

static void session_in_cycle(struct script *s, struct run *run) {
    bool big = s_is(s, "oncycle_g2_big");
    int promotions = big ? 2 : s->variant[strlen(s->variant) - 1] - '0';
    if (big && s_ok(s)) {
        s_try(s, lr_heap_fill(s->heap, KEPT_NODES, false) == KEPT_NODES ? LR_OK : LR_ENOMEM);
    }
    s_settle(s);
    s_take(s, "s", s_new_session(s, "session"));
    s_take_in(s, s_get(s, "s"), "on_close", s_new_method(s, s_get(s, "s"), "close"));
    s_take(s, "w", s_new_weakref(s, s_get(s, "s"), run_died, run));
    s_mark_count(s, "s.on_close = s.close", s_get(s, "s"));
    for (int i = 0; i < promotions; i++) {
        (void)s_collect(s, i);
        s_mark(s, "gc.collect(%d) while s is bound: session now in gen %d", i, i + 1);
    }
    s_del(s, "s");
    s_mark(s, "del s");
    if (s_starts(s, "explicit")) {
        collect_each(s);
    } else {
        run_alloc(s, run, "keep", KEEP_MAX);
        s_mark_collected(s, "gc.collect()", s_collect(s, 2));
    }
}

void script_s03_generations(struct script *s) {
    struct run run = {.last = -1};
    const struct lr_heap_observer observer = {.collecting = note_collection, .context = &run};
    unsigned int threshold[LR_HEAP_GENERATIONS];
    lr_heap_threshold(s->heap, threshold);
    json_object_set_new(
        s->facts, "threshold",
        json_pack("[iii]", (int)threshold[0], (int)threshold[1], (int)threshold[2]));
    lr_heap_observe(s->heap, &observer);
    if (s_starts(s, "report")) {
        report_automatic(s, &run);
    } else if (s_is(s, "promote_while_handling")) {
        promote_while_handling(s);
    } else {
        session_in_cycle(s, &run);
    }
    lr_heap_observe(s->heap, NULL);
}

/* ---- s15_counting ---- */

static void largest_count(struct script *s, unsigned int threshold) {
    set_threshold(s, threshold);
    (void)s_collect(s, 2);
    size_t largest = 0;
    for (unsigned int i = 0; i < 3 * threshold; i++) {
        keep_node(s);
        largest = count0(s) > largest ? count0(s) : largest;
    }
    set_threshold(s, 700);
    json_t *step = s_mark(s, "largest count0 ever readable, threshold0=%u", threshold);
    s_put_int(step, "max_count0", (long long)largest);
}

enum { OBJECTS_MAX = 60 };

static void make_lists(struct script *s, struct lr_object **lists, size_t count) {
    for (size_t i = 0; i < count; i++) {
        lists[i] = s_new_list(s);
    }
}

static void drop_all(struct script *s, struct lr_object **objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        s_drop(s, objects[i]);
    }
}

static long long delta_of(struct script *s) {
    struct lr_object *objects[OBJECTS_MAX] = {NULL};
    long long before;
    if (s_is(s, "freelist_kept")) {
        make_lists(s, objects, 60);
        drop_all(s, objects, 60);
        before = (long long)count0(s);
        make_lists(s, objects, 50);
    } else if (s_is(s, "freelist_drop")) {
        make_lists(s, objects, 40);
        before = (long long)count0(s);
        drop_all(s, objects, 40);
    } else if (s_is(s, "noncontainer")) {
        before = (long long)count0(s);
        for (size_t i = 0; i < 50 && s_ok(s); i++) {
            s_try(s, lr_heap_new_atom(s->heap, "float", &objects[i]));
        }
    } else {
        for (size_t i = 0; i < 50; i++) {
            objects[i] = s_new_node(s);
        }
        before = (long long)count0(s);
        drop_all(s, objects, 50);
    }
    return (long long)count0(s) - before;
}

static void delta(struct script *s) {
    static const struct {
        const char *variant;
        const char *what;
    } steps[] = {
        {"freelist_kept", "50 lists kept, taken from the free list"},
        {"freelist_drop", "40 live lists dropped"},
        {"noncontainer", "50 floats kept"},
        {"container_drop", "50 live Nodes dropped"},
    };
    (void)s_collect(s, 2);
    lr_heap_set_gc_enabled(s->heap, false);
    long long change = delta_of(s);
    for (size_t i = 0; i < LR_COUNT_OF(steps); i++) {
        if (s_is(s, steps[i].variant)) {
            s_put_int(s_mark(s, "change of count0: %s", steps[i].what), "delta", change);
        }
    }
}

static void note_member(void *context, const struct lr_object *object) {
    char text[128];
    enum lr_object_kind kind = lr_object_kind(object);
    if (kind == LR_OBJECT_TRACEBACK) {
        (void)snprintf(text, sizeof text, "traceback -> %s", lr_object_detail(object));
    } else if (kind == LR_OBJECT_METHOD) {
        (void)snprintf(text, sizeof text, "method");
    } else {
        (void)snprintf(text, sizeof text, "%s%s", kind == LR_OBJECT_FRAME ? "frame " : "",
                       lr_object_name(object));
    }
    json_array_append_new(context, json_string(text));
}

static struct lr_object *named_session(struct script *s) {
    struct lr_object *session = s_new_instance(s, "Session");
    s_set_in(s, session, "name", NULL);
    return session;
}

static void session_of_f01(struct script *s) {
    s_push(s, "f01");
    s_take(s, "s", named_session(s));
    s_push(s, "boom");
    s_raise(s, "ValueError", "boom");
    s_leave(s);
    s_catch(s, "e");
    s_set(s, "saved", s_get(s, "e"));
    s_end_except(s);
    struct lr_object *r = s_hold(s, "s");
    s_pop(s);
    s_take(s, "r", r);
}

static void members(struct script *s) {
    json_t *names = json_array();
    const struct lr_heap_observer observer = {.garbage = note_member, .context = names};
    (void)s_collect(s, 2);
    lr_heap_observe(s->heap, &observer);
    if (s_is(s, "members_s01")) {
        session_of_f01(s);
    } else {
        s_take(s, "r", named_session(s));
        s_take_in(s, s_get(s, "r"), "on_close", s_new_method(s, s_get(s, "r"), "close"));
    }
    s_del(s, "r");
    json_t *step = s_mark_collected(s, "gc.collect(0) with DEBUG_SAVEALL", s_collect(s, 0));
    lr_heap_observe(s->heap, NULL);
    json_object_set_new(step, "members", names);
}

void script_s15_counting(struct script *s) {
    if (s_is(s, "max_seen")) {
        static const unsigned int thresholds[] = {100, 300, 700};
        for (size_t i = 0; i < LR_COUNT_OF(thresholds); i++) {
            largest_count(s, thresholds[i]);
        }
    } else if (s_starts(s, "members")) {
        members(s);
    } else {
        delta(s);
    }
}
