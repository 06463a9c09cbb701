/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/sim_explore.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bench/net.h"
#include "explore/generate.h"
#include "explore/reach.h"
#include "explore/shrink.h"
#include "mocks/peers/deaf_server.h"

/* ---- runs ---- */

static struct lr_explored play(struct lr_plan *plan, uint64_t seed) {
    static struct lr_reach reach;
    const struct lr_run_plan_options options = {.alloc = lr_alloc_system(), .reach = &reach};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    lr_generate(plan, seed);
    if (lr_run_plan(plan, &options, &out, &error) != LR_OK) {
        bench_die("%s", error.text);
    }
    return out;
}

uint64_t sim_explore(uint64_t seed, size_t count) {
    static struct lr_plan plan;
    uint64_t operations = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = seed + i;
        struct lr_explored out = play(&plan, number);
        if (out.finding_count > 0) {
            bench_die("seed %" PRIu64 ": %s", number, out.findings[0].text);
        }
        operations += out.operations;
    }
    return operations;
}

static int ascending(const void *a, const void *b) {
    unsigned int one = *(const unsigned int *)a;
    unsigned int other = *(const unsigned int *)b;
    return (one > other) - (one < other);
}

unsigned int sim_explore_median(size_t count) {
    static struct lr_plan plan;
    unsigned int *operations = lr_alloc_zeroed(lr_alloc_system(), count * sizeof *operations);
    if (operations == NULL) {
        bench_die("no memory for %zu runs", count);
    }
    for (size_t i = 0; i < count; i++) {
        operations[i] = play(&plan, i + 1).operations;
    }
    qsort(operations, count, sizeof *operations, ascending);
    unsigned int middle = operations[count / 2];
    lr_alloc_free(lr_alloc_system(), operations, count * sizeof *operations);
    return middle;
}

uint64_t sim_explore_shrink(uint64_t seed, unsigned int *runs) {
    static struct lr_plan plan;
    struct lr_error error = {.code = LR_OK};
    lr_deaf_servers(true);
    struct lr_explored out = play(&plan, seed);
    while (out.finding_count == 0) {
        out = play(&plan, ++seed);
    }
    struct lr_shrinking shrinking = {.alloc = lr_alloc_system(),
                                     .fingerprint = out.findings[0].fingerprint,
                                     .runs_max = LR_SHRINK_RUNS_MAX};
    struct lr_explored shrunk;
    if (lr_shrink(&shrinking, &plan, &shrunk, &error) != LR_OK) {
        bench_die("%s", error.text);
    }
    lr_deaf_servers(false);
    *runs = shrinking.runs;
    return seed;
}
