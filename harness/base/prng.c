/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"

#include "base/assert.h"

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void lr_prng_init(struct lr_prng *prng, uint64_t seed) {
    prng->seed = seed;
    for (size_t i = 0; i < 4; i++) {
        prng->state[i] = splitmix(&seed);
    }
}

struct lr_prng lr_prng_fork(const struct lr_prng *parent, const char *name) {
    uint64_t mixed = parent->seed;
    uint64_t seed = UINT64_C(0xcbf29ce484222325); /* FNV-1a over the name */
    for (const char *c = name; *c != '\0'; c++) {
        seed = (seed ^ (uint64_t)(unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    seed ^= splitmix(&mixed);
    struct lr_prng child;
    lr_prng_init(&child, seed);
    return child;
}

static uint64_t rotate_left(uint64_t value, unsigned int bits) {
    return (value << bits) | (value >> (64U - bits));
}

uint64_t lr_prng_next(struct lr_prng *prng) {
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t lr_prng_below(struct lr_prng *prng, uint64_t bound) {
    LR_ASSERT(bound > 0);
    uint64_t reject_below = (UINT64_MAX - bound + 1) % bound; /* 2^64 mod bound: no bias */
    for (;;) {
        uint64_t value = lr_prng_next(prng);
        if (value >= reject_below) {
            return value % bound;
        }
    }
}

bool lr_prng_chance(struct lr_prng *prng, uint32_t numerator, uint32_t denominator) {
    return lr_prng_below(prng, denominator) < numerator;
}

void lr_prng_fill(struct lr_prng *prng, void *bytes, size_t size) {
    uint8_t *out = bytes;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t value = lr_prng_next(prng);
        for (size_t j = i; j < size && j < i + 8; j++) {
            out[j] = (uint8_t)value;
            value >>= 8;
        }
    }
}
