/* SPDX-License-Identifier: Apache-2.0 */
/* A run: all cases of a suite, each on a stage of its own, as many at a time as it is told; the
 * second try of what was only late; the list of known failures; the reports, in the order of the
 * cases. Who plays a case is the player's (scenario/player.h). */
#ifndef LR_SCENARIO_RUNNER_H
#define LR_SCENARIO_RUNNER_H

#include "ledger/result.h"
#include "scenario/known.h"
#include "scenario/player.h"
#include "scenario/suite.h"

struct lr_run_options {
    const struct lr_suite *suite;
    struct lr_known *known; /* may be empty */
    struct lr_player *player;
    uint64_t seed;
    unsigned int repeat;       /* each case so often; at least 1 */
    unsigned int sim_jobs;     /* cases at a time; at least 1 */
    unsigned int live_jobs;    /* likewise; more than one share the machine that is judged */
    unsigned int worlds;       /* that the suite was gathered for */
    struct lr_torture torture; /* of each case; kind none: as it is */
    bool strict;
    bool whole; /* no filter: lines of |known| that match no case are stale */
    struct lr_reporter *const *reporters;
    size_t reporter_count;
};

/* Runs it. The exit status of DESIGN's table, 4 where the harness itself failed (|error| says how).
 */
int lr_run(const struct lr_run_options *options, struct lr_run_summary *summary,
           struct lr_error *error);

#endif
