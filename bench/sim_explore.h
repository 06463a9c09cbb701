/* SPDX-License-Identifier: Apache-2.0 */
/* Explored runs, for the bench: made-up cases as `lastref explore` plays them, how much is in one,
 * and what it takes to make a failing one small. What fails ends the program. */
#ifndef BENCH_SIM_EXPLORE_H
#define BENCH_SIM_EXPLORE_H

#include <stddef.h>
#include <stdint.h>

/* Plays the plans of |count| seeds from |seed| on. Returns the operations that were begun. */
uint64_t sim_explore(uint64_t seed, size_t count);
/* Of so many seeds' runs, the middle one. */
unsigned int sim_explore_median(size_t count);
/* The next seed from |seed| on that fails when servers do not hear FIN, a bug of ours: shrinks its
 * plan. Returns the seed; |*runs|: what that took. */
uint64_t sim_explore_shrink(uint64_t seed, unsigned int *runs);

#endif
