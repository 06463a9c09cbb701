/* SPDX-License-Identifier: Apache-2.0 */
/* The one source of chance. Children are forked by name, so that a new consumer does not shift what
 * the others draw. No floating point: probabilities are ratios. The generator is xoshiro256**,
 * seeded through splitmix64 (public domain algorithms by Blackman and Vigna). */
#ifndef LR_BASE_PRNG_H
#define LR_BASE_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_prng {
    uint64_t state[4];
    uint64_t seed; /* what it began with: forks depend on it, and not on what was drawn */
};

void lr_prng_init(struct lr_prng *prng, uint64_t seed);
/* A generator that depends on |parent|'s seed and |name| alone; |parent| does not move. */
struct lr_prng lr_prng_fork(const struct lr_prng *parent, const char *name);
uint64_t lr_prng_next(struct lr_prng *prng);
/* Uniform in 0 .. bound - 1, |bound| > 0. */
uint64_t lr_prng_below(struct lr_prng *prng, uint64_t bound);
/* True |numerator| times in |denominator|. */
bool lr_prng_chance(struct lr_prng *prng, uint32_t numerator, uint32_t denominator);
void lr_prng_fill(struct lr_prng *prng, void *bytes, size_t size);

#endif
