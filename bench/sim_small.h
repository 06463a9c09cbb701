/* SPDX-License-Identifier: Apache-2.0 */
/* Small worlds, for the bench: what a search through many short cases makes of each. */
#ifndef BENCH_SIM_SMALL_H
#define BENCH_SIM_SMALL_H

#include "scenario/stage.h"

/* One whole case in the simulated world, from |seed|: a tracker, servers and clients come, ten
 * sessions are opened, called twice and closed, 40 operations, the ledger is asked for findings,
 * all leave. What fails ends the program. */
void sim_small_world(struct lr_alloc *alloc, uint64_t seed, bool with_digest);

#endif
