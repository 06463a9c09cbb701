/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the simulated world. Its program tells time of the processor, so that what else this
 * machine does weighs less; medians count. */
#include "bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "bench/net.h"

enum { ROUNDS = 9, ROUNDS_FAST = 5, RUN_MS = 300, MANY = 1000, TUNED = 1000, SMALL_A_STEP = 20 };
enum { EXPLORED = 2000, EXPLORED_A_STEP = 50, SHRUNK = 20, SHRUNK_FAST = 5 };

#define PATIENCE_NS (600 * LR_SECOND)

static struct lr_program *start(struct bench *bench, const char *what, size_t number) {
    char path[1024];
    char count[24];
    (void)snprintf(path, sizeof path, "%s/lastref-bench-sim", bench->bin);
    (void)snprintf(count, sizeof count, "%zu", number);
    const char *const argv[] = {path, what, count, NULL};
    const struct lr_program_options options = {.name = "sim", .argv = argv, .stepped = true};
    struct lr_error error = {0};
    struct lr_program *program;
    if (lr_program_start(bench->live, &options, &program, &error) != LR_OK) {
        bench_die("%s", error.text);
    }
    return program;
}

static void hear(struct bench *bench, struct lr_program *program, char *line, size_t room) {
    char *heard;
    lr_time at;
    lr_time until = lr_time_add(lr_live_now(bench->live), PATIENCE_NS);
    while (!lr_program_next_line(program, &heard, &at)) {
        bool over = lr_program_ended(program, NULL, NULL, NULL) ||
                    lr_live_now(bench->live) >= until || !lr_live_turn(bench->live, until);
        if (over) {
            (void)fputs(lr_program_log(program), stderr);
            bench_die("the simulated world says nothing");
        }
    }
    (void)snprintf(line, room, "%s", heard);
    lr_alloc_free_string(lr_alloc_system(), heard);
}

/* Lives or worlds a second of one core. */
static double measure_lives(struct bench *bench, const char *what, size_t clients) {
    double rates[ROUNDS];
    char line[64];
    size_t rounds = bench->fast ? ROUNDS_FAST : ROUNDS;
    struct lr_program *program = start(bench, what, clients);
    hear(bench, program, line, sizeof line);
    for (size_t i = 0; i <= rounds; i++) { /* the first is to warm up */
        uint64_t count, ns;
        (void)snprintf(line, sizeof line, "go %d", RUN_MS);
        if (lr_program_send(program, line) != LR_OK) {
            bench_die("the simulated world takes no step");
        }
        hear(bench, program, line, sizeof line);
        if (sscanf(line, "%" SCNu64 " %" SCNu64, &count, &ns) != 2 || ns == 0) {
            bench_die("%s", line);
        }
        if (i > 0) {
            rates[i - 1] = (double)count * 1e9 / (double)ns;
        }
    }
    lr_program_free(program);
    return bench_median(rates, rounds);
}

static void add(struct bench *bench, const char *name, const char *unit, double value) {
    struct bench_result *result = bench_add_result(bench, unit);
    int size = snprintf(result->name, sizeof result->name, "%s", name);
    LR_ASSERT(size > 0 && (size_t)size < sizeof result->name);
    result->values[BENCH_OURS] = value;
}

static void measure_rates(struct bench *bench, size_t clients, const char *name,
                          const char *share) {
    (void)fprintf(stderr, "bench: %s ..\n", name);
    double judged = measure_lives(bench, "lives", clients);
    double bare = measure_lives(bench, "bare-lives", clients);
    add(bench, name, "1/s", judged);
    add(bench, share, "%", 100 * (1 - judged / bare));
}

struct largest {
    uint64_t lives, begin_ns, lives_ns, end_ns, peak_bytes;
};

static struct largest run_largest(struct bench *bench, size_t servers) {
    char line[256];
    struct largest found;
    struct lr_program *program = start(bench, "largest", servers);
    hear(bench, program, line, sizeof line);
    if (sscanf(line,
               "servers %*u clients %*u lives %" SCNu64 " begin_ns %" SCNu64 " lives_ns %" SCNu64
               " end_ns %" SCNu64 " peak_bytes %" SCNu64,
               &found.lives, &found.begin_ns, &found.lives_ns, &found.end_ns,
               &found.peak_bytes) != 5) {
        bench_die("%s", line);
    }
    lr_program_free(program);
    return found;
}

static double seconds_of(const struct largest *found) {
    return (double)(found->begin_ns + found->lives_ns + found->end_ns) / 1e9;
}

static void measure_largest(struct bench *bench) {
    size_t servers = bench->fast ? 10000 : 100000;
    char name[64];
    (void)fprintf(stderr, "bench: sim, the largest ..\n");
    struct largest small = run_largest(bench, servers / 10);
    struct largest large = run_largest(bench, servers);
    (void)snprintf(name, sizeof name, "sim: %zu servers and clients, a life each", servers);
    add(bench, name, "s", seconds_of(&large));
    (void)snprintf(name, sizeof name, "sim: memory of %zu servers and clients", servers);
    add(bench, name, "MiB", (double)large.peak_bytes / (1024 * 1024));
    add(bench, "sim: growth of the time of each, 10 times as many", "x",
        seconds_of(&large) / seconds_of(&small) / 10);
}

static void measure_tuning(struct bench *bench) {
    char line[128];
    uint64_t virtual_ns, real_ns;
    struct lr_program *program = start(bench, "tuning", TUNED);
    hear(bench, program, line, sizeof line);
    if (sscanf(line, "measurements %*u virtual_ns %" SCNu64 " real_ns %" SCNu64, &virtual_ns,
               &real_ns) != 2 ||
        real_ns == 0) {
        bench_die("%s", line);
    }
    lr_program_free(program);
    add(bench, "sim: virtual seconds a second, tuning loop", "s/s",
        (double)virtual_ns / (double)real_ns);
}

/* Made-up cases: how many, how much is in one, and how long it takes to make one small. */
static void measure_explored(struct bench *bench) {
    char line[128];
    unsigned int operations;
    uint64_t seeds, runs, ns;
    (void)fprintf(stderr, "bench: explored runs ..\n");
    add(bench, "explore: runs of 40 operations per second and core", "1/s",
        measure_lives(bench, "explored", EXPLORED_A_STEP) / 40);
    struct lr_program *program = start(bench, "operations", EXPLORED);
    hear(bench, program, line, sizeof line);
    if (sscanf(line, "operations %u", &operations) != 1) {
        bench_die("%s", line);
    }
    lr_program_free(program);
    add(bench, "explore: operations of a run, median", "ops", operations);
    program = start(bench, "shrinking", bench->fast ? SHRUNK_FAST : SHRUNK);
    hear(bench, program, line, sizeof line);
    if (sscanf(line, "seeds %" SCNu64 " runs %" SCNu64 " ns %" SCNu64, &seeds, &runs, &ns) != 3 ||
        seeds == 0) {
        bench_die("%s", line);
    }
    lr_program_free(program);
    add(bench, "explore: time to shrink a failing seed", "s", (double)ns / 1e9 / (double)seeds);
}

void bench_measure_sim(struct bench *bench) {
    measure_rates(bench, 1, "sim: session lives per second and core, 1 client",
                  "sim: the ledger's share, 1 client");
    measure_rates(bench, MANY, "sim: session lives per second and core, 1000",
                  "sim: the ledger's share, 1000 clients");
    (void)fprintf(stderr, "bench: sim, small worlds ..\n");
    add(bench, "sim: small worlds per second and core", "1/s",
        measure_lives(bench, "small-worlds", SMALL_A_STEP));
    add(bench, "sim: the same with a digest of their events", "1/s",
        measure_lives(bench, "told-worlds", SMALL_A_STEP));
    measure_explored(bench);
    measure_tuning(bench);
    measure_largest(bench);
}
