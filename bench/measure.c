/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "bench/bare.h"
#include "bench/net.h"

enum {
    MANY_CLIENTS = 64,
    FARM_SERVERS = 10000,
    SPARE_DESCRIPTORS = 100, /* what a tracker of so many servers needs besides */
    ARRAY_BYTES = 64 << 20,
    CHECK_MS = 50,
    GROUP_MAX = 3
};

/* How long: of one run and how many of them; a real TVM is slower and gets longer, fewer ones. */
struct pace {
    unsigned int run_ms, rounds;
    unsigned int tvm_run_ms, tvm_rounds;
};

struct measure {
    const char *name;
    const char *unit;
    double scale; /* of a rate per second */
    size_t number;
};

/* Measures whose runs take turns. */
struct group {
    const char *title;
    enum bench_kind kind;
    struct pace paces[2]; /* [1]: fast */
    size_t count;
    struct measure measures[GROUP_MAX];
};

static const struct group lives = {
    .title = "session lives, 1 client",
    .kind = BENCH_LIFE,
    .paces = {{200, 31, 1000, 3}, {150, 11, 700, 2}},
    .count = 1,
    .measures = {{"session lives per second, 1 client", "1/s", 1, 1}},
};
static const struct group many_lives = {
    .title = "session lives, 64 clients",
    .kind = BENCH_LIFE,
    .paces = {{250, 15, 2000, 1}, {200, 7, 1500, 1}},
    .count = 1,
    .measures = {{"session lives per second, 64 clients", "1/s", 1, MANY_CLIENTS}},
};
static const struct group farms = {
    .title = "a tracker with up to 10,000 servers",
    .kind = BENCH_FARM,
    .paces = {{150, 17, 700, 3}, {100, 9, 300, 2}},
    .count = 3,
    .measures = {{"tracker requests per second, %zu server", "1/s", 1, 1},
                 {"tracker requests per second, %zu servers", "1/s", 1, 1000},
                 {"tracker requests per second, %zu servers", "1/s", 1, FARM_SERVERS}},
};
static const struct group arrays = {
    .title = "an array there and back",
    .kind = BENCH_ARRAY,
    .paces = {{120, 15, 1, 2}, {120, 7, 1, 1}},
    .count = 1,
    .measures = {{"64 MB array there and back", "GB/s", 1e-9, ARRAY_BYTES}},
};

struct bench_result *bench_add_result(struct bench *bench, const char *unit) {
    LR_ASSERT(bench->result_count < BENCH_RESULTS_MAX);
    struct bench_result *result = &bench->results[bench->result_count++];
    result->unit = unit;
    for (size_t i = 0; i < BENCH_SUBJECTS; i++) {
        result->values[i] = -1;
    }
    return result;
}

/* The median of a round's own ratios: what disturbs the machine for longer than a round cancels
 * out. */
static double growth(const struct bench_lane *one, const struct bench_lane *many) {
    double factors[BENCH_ROUNDS_MAX];
    for (size_t i = 0; i < one->rounds; i++) {
        factors[i] = one->rates[i] / many->rates[i];
    }
    return bench_median(factors, one->rounds);
}

static void note_farm(struct bench_lane lanes[GROUP_MAX], struct bench_result *growth_result,
                      struct bench_result *memory_result) {
    const struct bench_lane *most = &lanes[GROUP_MAX - 1];
    growth_result->values[most->subject] = growth(&lanes[0], most);
    if (most->tracker_bytes > 0) {
        memory_result->values[most->subject] = (double)most->tracker_bytes / (double)most->number;
    }
}

/* Runs the lanes of |first| and |second| (BENCH_SUBJECTS: none) by turns. */
static void take_turns(struct bench *bench, const struct group *group, size_t number_max,
                       enum bench_subject first, enum bench_subject second,
                       struct bench_lane lanes[BENCH_SUBJECTS][GROUP_MAX]) {
    const struct pace *pace = &group->paces[bench->fast];
    bool tvm = first == BENCH_TVM;
    unsigned int rounds = tvm ? pace->tvm_rounds : pace->rounds;
    unsigned int run_ms = tvm ? pace->tvm_run_ms : pace->run_ms;
    const enum bench_subject subjects[] = {first, second};
    size_t subject_count = second == BENCH_SUBJECTS ? 1 : 2;
    for (size_t i = 0; i < group->count * subject_count; i++) {
        struct bench_lane *lane = &lanes[subjects[i % subject_count]][i / subject_count];
        size_t number = group->measures[i / subject_count].number;
        *lane = (struct bench_lane){.bench = bench,
                                    .kind = group->kind,
                                    .subject = subjects[i % subject_count],
                                    .number = number < number_max ? number : number_max};
        bench_lane_start(lane);
    }
    for (unsigned int round = 0; round <= rounds; round++) { /* the first is to warm up */
        for (size_t i = 0; i < group->count * subject_count; i++) {
            struct bench_lane *lane = &lanes[subjects[i % subject_count]][i / subject_count];
            bench_lane_run(lane, run_ms, round > 0);
        }
    }
    for (size_t i = 0; i < group->count * subject_count; i++) {
        bench_lane_stop(&lanes[subjects[i % subject_count]][i / subject_count]);
    }
}

static void measure_group(struct bench *bench, const struct group *group, size_t number_max) {
    static struct bench_lane lanes[BENCH_SUBJECTS][GROUP_MAX];
    memset(lanes, 0, sizeof lanes);
    (void)fprintf(stderr, "bench: %s ..\n", group->title);
    take_turns(bench, group, number_max, BENCH_BARE, BENCH_OURS, lanes);
    if (bench->python != NULL) {
        take_turns(bench, group, number_max, BENCH_TVM, BENCH_SUBJECTS, lanes);
    }
    for (size_t i = 0; i < group->count; i++) {
        const struct measure *measure = &group->measures[i];
        struct bench_result *result = bench_add_result(bench, measure->unit);
        size_t number = measure->number < number_max ? measure->number : number_max;
        int size = snprintf(result->name, sizeof result->name, "%s", measure->name);
        const char *count = strstr(measure->name, "%zu");
        if (count != NULL) {
            size = snprintf(result->name, sizeof result->name, "%.*s%zu%s",
                            (int)(count - measure->name), measure->name, number, count + 3);
        }
        LR_ASSERT(size > 0 && (size_t)size < sizeof result->name);
        for (size_t subject = 0; subject < BENCH_SUBJECTS; subject++) {
            double median = bench_lane_median(&lanes[subject][i]);
            result->values[subject] = median < 0 ? -1 : median * measure->scale;
        }
    }
    if (group->kind == BENCH_FARM) {
        struct bench_result *growths = bench_add_result(bench, "x");
        struct bench_result *memory = bench_add_result(bench, "B");
        (void)snprintf(growths->name, sizeof growths->name,
                       "growth of a request's cost, 1 to %zu servers",
                       lanes[BENCH_OURS][GROUP_MAX - 1].number);
        (void)snprintf(memory->name, sizeof memory->name, "memory per registered server");
        for (size_t subject = 0; subject < BENCH_SUBJECTS; subject++) {
            if (lanes[subject][0].rounds > 0) {
                note_farm(lanes[subject], growths, memory);
            }
        }
    }
}

/* The bare-socket program says what our roles say: its client lives at our tracker and server, and
 * ours at its. Whoever hears anything else ends the bench. */
static void check_same_bytes(struct bench *bench) {
    for (size_t subject = BENCH_OURS; subject <= BENCH_BARE; subject++) {
        struct bench_lane lane = {.bench = bench,
                                  .kind = BENCH_MIXED,
                                  .subject = (enum bench_subject)subject,
                                  .number = 1};
        bench_lane_start(&lane);
        bench_lane_run(&lane, CHECK_MS, true);
        bench_lane_stop(&lane);
        if (lane.rates[0] <= 0) {
            bench_die("no session of the one lived at the other");
        }
    }
}

void bench_measure_all(struct bench *bench) {
    check_same_bytes(bench);
    uint64_t descriptors = bench_raise_descriptors();
    size_t servers = descriptors > FARM_SERVERS + SPARE_DESCRIPTORS
                         ? FARM_SERVERS
                         : (size_t)descriptors - SPARE_DESCRIPTORS;
    measure_group(bench, &lives, SIZE_MAX);
    measure_group(bench, &many_lives, SIZE_MAX);
    measure_group(bench, &farms, servers);
    struct bench_result *heap = bench_add_result(bench, "B");
    (void)snprintf(heap->name, sizeof heap->name, "heap per registered server, counted");
    heap->values[BENCH_OURS] = bench_counted_heap(bench, servers);
    measure_group(bench, &arrays, SIZE_MAX);
}
