/* SPDX-License-Identifier: Apache-2.0 */
/* The bench: which subjects there are, how one is set up and told to run, what is measured of it. A
 * subject of a measure is a lane: its tracker, its server and its worker, each a process of its own
 * that dies with the bench. Runs of the lanes take turns, and medians count, so that a noisy
 * machine treats all alike. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "world/live.h"

enum bench_subject { BENCH_OURS, BENCH_BARE, BENCH_TVM, BENCH_SUBJECTS };
/* BENCH_MIXED: lives again, with the client of the other subject. */
enum bench_kind { BENCH_LIFE, BENCH_MIXED, BENCH_FARM, BENCH_ARRAY, BENCH_KINDS };

enum { BENCH_ROUNDS_MAX = 64, BENCH_RESULTS_MAX = 32 };

/* A row of the table. */
struct bench_result {
    char name[64];
    const char *unit;
    double values[BENCH_SUBJECTS]; /* negative: there is none */
};

struct bench {
    struct lr_live *live;
    const char *bin;    /* where the programs are */
    const char *source; /* where tvm_client.py is */
    const char *python; /* one that imports tvm; NULL: no real TVM */
    bool fast;
    char tvm_version[64];
    struct bench_result results[BENCH_RESULTS_MAX];
    size_t result_count;
};

/* ---- lane.c ---- */

struct bench_lane {
    struct bench *bench;
    enum bench_kind kind;
    enum bench_subject subject;
    size_t number; /* clients, servers or bytes */
    uint16_t tracker_port, server_port;
    struct lr_program *tracker, *server, *worker;
    uint64_t tracker_bytes; /* what its tracker's memory has grown by until the worker was ready */
    double rates[BENCH_ROUNDS_MAX]; /* per second */
    size_t rounds;
};

/* Starts its programs and waits until the worker is ready. What fails ends the bench, after the
 * logs of its programs are on stderr: so do the others. */
void bench_lane_start(struct bench_lane *lane);
/* One run of |run_ms|; its rate is kept, unless this is to warm up. */
void bench_lane_run(struct bench_lane *lane, unsigned int run_ms, bool keep);
double bench_lane_median(const struct bench_lane *lane);
void bench_lane_stop(struct bench_lane *lane);

double bench_median(double *values, size_t count); /* sorts them */

/* ---- memory.c ---- */

/* What the processes of |group| have to themselves, shared pages in proportion. Linux; elsewhere 0.
 */
uint64_t bench_group_memory(int64_t group);
/* Heap that one registered server takes of our tracker in the live world, by the allocator's own
 * count. */
double bench_counted_heap(struct bench *bench, size_t servers);

/* ---- measure.c ---- */

struct bench_result *bench_add_result(struct bench *bench, const char *unit);
void bench_measure_all(struct bench *bench);

/* ---- sim_measure.c ---- */

/* The simulated world: lives a second of one core, the ledger's share, the largest. */
void bench_measure_sim(struct bench *bench);

/* ---- report.c ---- */

void bench_print_table(const struct bench *bench);
/* Writes |path| as a whole or not at all. False: could not. */
bool bench_write_json(const struct bench *bench, const char *path);
/* Says of each target whether it is reached. False: one is missed. */
bool bench_check_targets(const struct bench *bench);

#endif
