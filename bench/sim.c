/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world, measured: whole lives of sessions a second of one core, and the largest
 * number of servers and clients on one tracker. A program of its own, driven by steps as the others
 * of the bench are (`lives`), or run once (`largest`,
 * `tuning`). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "bench/net.h"
#include "bench/sim_explore.h"
#include "bench/sim_farm.h"
#include "bench/sim_small.h"

static const char usage[] =
    "usage: lastref-bench-sim lives|bare-lives CLIENTS   (steps: `go MS`)\n"
    "       lastref-bench-sim largest SERVERS\n"
    "       lastref-bench-sim tuning MEASUREMENTS\n"
    "       lastref-bench-sim small-worlds|told-worlds AT-ONCE   (steps: `go MS`)\n"
    "       lastref-bench-sim explored AT-ONCE   (steps: `go MS`; answers with operations)\n"
    "       lastref-bench-sim operations RUNS\n"
    "       lastref-bench-sim shrinking SEEDS\n";

/* Time of the processor: what others do on this machine meanwhile does not count. */
static uint64_t cpu_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * LR_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t lives_a_round(size_t clients) {
    return clients < 1000 ? 1000 : 10 * clients;
}

static int serve_lives(size_t clients, bool ledger) {
    static struct sim_farm farm;
    sim_farm_init(&farm, &(struct sim_farm_options){
                             .servers = clients, .clients = clients, .ledger = ledger});
    uint64_t run_ns;
    bench_ready(NULL);
    while (bench_next_run(&run_ns)) {
        uint64_t began = cpu_now();
        uint64_t lives = 0;
        do {
            lives += sim_farm_live(&farm, lives_a_round(clients));
        } while (cpu_now() - began < run_ns);
        bench_answer(lives, cpu_now() - began);
    }
    sim_farm_deinit(&farm);
    return 0;
}

/* Each from a seed of its own; |a_step| of them between two looks at the clock. */
static int serve_small_worlds(size_t a_step, bool with_digest) {
    struct lr_counting_alloc memory;
    lr_counting_alloc_init(&memory, lr_alloc_system());
    uint64_t run_ns;
    uint64_t seed = 0;
    bench_ready(NULL);
    while (bench_next_run(&run_ns)) {
        uint64_t began = cpu_now();
        uint64_t worlds = 0;
        do {
            for (size_t i = 0; i < a_step; i++) {
                sim_small_world(&memory.base, ++seed, with_digest);
            }
            worlds += a_step;
        } while (cpu_now() - began < run_ns);
        bench_answer(worlds, cpu_now() - began);
    }
    if (memory.live_bytes != 0) {
        bench_die("%zu bytes are left", memory.live_bytes);
    }
    return 0;
}

static int serve_explored(size_t a_step) {
    uint64_t run_ns;
    uint64_t seed = 1;
    bench_ready(NULL);
    while (bench_next_run(&run_ns)) {
        uint64_t began = cpu_now();
        uint64_t operations = 0;
        do {
            operations += sim_explore(seed, a_step);
            seed += a_step;
        } while (cpu_now() - began < run_ns);
        bench_answer(operations, cpu_now() - began);
    }
    return 0;
}

static int run_operations(size_t runs) {
    printf("operations %u\n", sim_explore_median(runs));
    return 0;
}

/* Failing seeds, one after the other; finding them is counted, too, which is nothing beside. */
static int run_shrinking(size_t seeds) {
    uint64_t began = cpu_now();
    uint64_t seed = 0;
    uint64_t runs = 0;
    for (size_t i = 0; i < seeds; i++) {
        unsigned int taken;
        seed = sim_explore_shrink(seed + 1, &taken);
        runs += taken;
    }
    printf("seeds %zu runs %" PRIu64 " ns %" PRIu64 "\n", seeds, runs, cpu_now() - began);
    return 0;
}

static int run_largest(size_t servers) {
    static struct sim_farm farm;
    uint64_t began = cpu_now();
    sim_farm_init(&farm,
                  &(struct sim_farm_options){
                      .servers = servers, .clients = servers, .ledger = true, .each_apart = true});
    uint64_t ready = cpu_now();
    uint64_t lives = sim_farm_live(&farm, servers);
    uint64_t lived = cpu_now();
    size_t peak = farm.memory.peak_bytes;
    sim_farm_deinit(&farm);
    printf("servers %zu clients %zu lives %" PRIu64 " begin_ns %" PRIu64 " lives_ns %" PRIu64
           " end_ns %" PRIu64 " peak_bytes %zu\n",
           servers, servers, lives, ready - began, lived - ready, cpu_now() - lived, peak);
    return 0;
}

/* The tuning loop of the report: nobody closes, and each measurement waits for the server's
 * timeout.
 */
static int run_tuning(size_t measurements) {
    static struct sim_farm farm;
    sim_farm_init(&farm, &(struct sim_farm_options){.servers = 1, .clients = 1, .ledger = true});
    uint64_t began = cpu_now();
    lr_time virtual_began = lr_world_now(farm.world);
    sim_farm_hold(&farm, measurements, 20 * LR_SECOND);
    printf("measurements %zu virtual_ns %" PRIu64 " real_ns %" PRIu64 "\n", measurements,
           lr_world_now(farm.world) - virtual_began, cpu_now() - began);
    sim_farm_deinit(&farm);
    return 0;
}

static int serve_judged_lives(size_t clients) {
    return serve_lives(clients, true);
}

static int serve_bare_lives(size_t clients) {
    return serve_lives(clients, false);
}

static int serve_silent_worlds(size_t a_step) {
    return serve_small_worlds(a_step, false);
}

static int serve_told_worlds(size_t a_step) {
    return serve_small_worlds(a_step, true);
}

static const struct {
    const char *name;
    int (*run)(size_t count);
} modes[] = {
    {"lives", serve_judged_lives},
    {"bare-lives", serve_bare_lives},
    {"small-worlds", serve_silent_worlds},
    {"told-worlds", serve_told_worlds},
    {"explored", serve_explored},
    {"operations", run_operations},
    {"shrinking", run_shrinking},
    {"largest", run_largest},
    {"tuning", run_tuning},
};

int main(int argc, char **argv) {
    size_t count = argc == 3 ? (size_t)strtoull(argv[2], NULL, 10) : 0;
    for (size_t i = 0; i < LR_COUNT_OF(modes) && count > 0; i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            return modes[i].run(count);
        }
    }
    (void)fputs(usage, stderr);
    return 2;
}
