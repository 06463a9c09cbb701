/* SPDX-License-Identifier: Apache-2.0 */
/* Not a test of anything of ours: a target with a planted bug, which a run of the fuzzers must
 * find. Built once with a leak and once with an overflow. */
#include <stdlib.h>

#include "fuzz.h"

static volatile uint8_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] == '!') {
        uint8_t *block = lr_alloc_bytes(lr_alloc_system(), size);
        LR_ASSERT(block != NULL);
#ifdef PLANTED_LEAK
        block[0] = data[0];
        sink = block[0];
        block = NULL;
#else
        sink = block[size];
        lr_alloc_free(lr_alloc_system(), block, size);
#endif
    }
    return 0;
}
