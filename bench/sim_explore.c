/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/sim_explore.h"
#include <inttypes.h>

#include <stdlib.h>

#include "bench/net.h"
#include "explore/generate.h"
#include "explore/reach.h"
#include "explore/shrink.h"
#include "rpc/server.h"

enum { SHRINK_RUNS_MAX = 4000 }; /* as lastref explore has it */

/* ---- a server that does not hear FIN ---- */

static const struct lr_role_ops *honest;
static bool deaf;

static void handle(struct lr_role *role, const struct lr_event *event) {
    if (event->kind != LR_EVENT_HALF_CLOSED) {
        honest->handle(role, event);
    }
}

static lr_time deadline(const struct lr_role *role) {
    return honest->deadline(role);
}

static const struct lr_role_ops hard_of_hearing = {
    .name = "hard of hearing", .handle = handle, .deadline = deadline};

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names are those of
 * --wrap. */
enum lr_status __real_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error);
enum lr_status __wrap_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error);

enum lr_status __wrap_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error) {
    enum lr_status status = __real_lr_server_new(out, env, options, error);
    if (status == LR_OK && deaf) {
        honest = lr_server_role(*out)->ops;
        lr_server_role(*out)->ops = &hard_of_hearing;
    }
    return status;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

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
    deaf = true;
    struct lr_explored out = play(&plan, seed);
    while (out.finding_count == 0) {
        out = play(&plan, ++seed);
    }
    struct lr_shrinking shrinking = {.alloc = lr_alloc_system(),
                                     .fingerprint = out.findings[0].fingerprint,
                                     .runs_max = SHRINK_RUNS_MAX};
    struct lr_explored shrunk;
    if (lr_shrink(&shrinking, &plan, &shrunk, &error) != LR_OK) {
        bench_die("%s", error.text);
    }
    deaf = false;
    *runs = shrinking.runs;
    return seed;
}
