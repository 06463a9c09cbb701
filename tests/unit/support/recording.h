/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded connection of running TVM programs (tests/golden/captures): the bytes of each
 * direction, joined, to be consumed from their fronts. */
#ifndef LR_TESTS_SUPPORT_RECORDING_H
#define LR_TESTS_SUPPORT_RECORDING_H

#include "mocks/peers/capture.h"

struct lr_recorded {
    struct lr_buf sent;     /* by the side that connected */
    struct lr_buf answered; /* by the other */
};

/* The first connection of kind |link| in "DIALECT/NAME.jsonl". Fails the test where there is none.
 * Free with lr_recorded_deinit. */
void lr_recorded_load(struct lr_recorded *recorded, const char *name, enum lr_capture_link link);
void lr_recorded_deinit(struct lr_recorded *recorded);

#endif
