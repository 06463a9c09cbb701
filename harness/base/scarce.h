/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that is at times out of memory: the n-th time that it is asked, or by chance. What
 * it gave before it takes back as ever. Not for several threads. */
#ifndef LR_BASE_SCARCE_H
#define LR_BASE_SCARCE_H

#include "base/alloc.h"
#include "base/prng.h"

/* Embed it; pass &scarce.base on. */
struct lr_scarce_alloc {
    struct lr_alloc base;
    struct lr_alloc *parent;
    uint64_t fail_in;          /* the how manyeth allocation or growth from now fails; 0: none */
    unsigned int chance_of[2]; /* each fails {n, m}: n times in m; {0, 0}: none does */
    struct lr_prng random;
    uint64_t refused; /* how many have failed */
};

void lr_scarce_alloc_init(struct lr_scarce_alloc *scarce, struct lr_alloc *parent);

#endif
