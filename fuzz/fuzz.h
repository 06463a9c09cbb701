/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share. An input begins with two bytes of ours: what to do with the rest,
 * and which allocation fails (0: none). */
#ifndef LR_FUZZ_H
#define LR_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"

enum { FUZZ_HEAD = 2 };

struct fuzz_input {
    struct lr_counting_alloc counting; /* nothing may be left in it */
    uint8_t choice;
    const uint8_t *data;
    size_t size;
};

/* One input; the entry point of libFuzzer and of the replay of files alike. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False where the input is too short for its head. */
static inline bool fuzz_begin(struct fuzz_input *input, const uint8_t *data, size_t size) {
    if (size < FUZZ_HEAD) {
        return false;
    }
    lr_counting_alloc_init(&input->counting, lr_alloc_system());
    input->counting.fail_at = data[1];
    input->choice = data[0];
    input->data = data + FUZZ_HEAD;
    input->size = size - FUZZ_HEAD;
    return true;
}

/* No memory is an answer only where it was refused, and nothing may be lost. */
static inline void fuzz_end(const struct fuzz_input *input, enum lr_status status) {
    LR_ASSERT((status == LR_ENOMEM) == (input->counting.failed > 0));
    LR_ASSERT(input->counting.live_blocks == 0);
    LR_ASSERT(input->counting.live_bytes == 0);
}

#endif
