/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scarce.h"

static bool refuses(struct lr_scarce_alloc *scarce) {
    bool is_the_one = scarce->fail_in == 1;
    scarce->fail_in -= scarce->fail_in > 0 ? 1 : 0;
    return is_the_one ||
           (scarce->chance_of[1] != 0 &&
            lr_prng_chance(&scarce->random, scarce->chance_of[0], scarce->chance_of[1]));
}

static void *resize(struct lr_alloc *alloc, void *block, size_t old_size, size_t new_size) {
    struct lr_scarce_alloc *scarce = LR_CONTAINER_OF(alloc, struct lr_scarce_alloc, base);
    if (new_size > old_size && refuses(scarce)) {
        scarce->refused++;
        return NULL;
    }
    return scarce->parent->resize(scarce->parent, block, old_size, new_size);
}

void lr_scarce_alloc_init(struct lr_scarce_alloc *scarce, struct lr_alloc *parent) {
    *scarce = (struct lr_scarce_alloc){.base = {resize}, .parent = parent};
}
