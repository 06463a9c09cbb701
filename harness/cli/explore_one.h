/* SPDX-License-Identifier: Apache-2.0 */
/* One seed of `lastref explore`, for whoever looks into what it finds. */
#ifndef LR_CLI_EXPLORE_ONE_H
#define LR_CLI_EXPLORE_ONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct lr_explore_one {
    uint64_t seed;
    bool small;  /* shrunk first to what its first finding needs */
    bool events; /* all that happens is told */
};

/* Prints its plan as a scenario and what is found. Returns the exit status; LR_EXIT_HARNESS:
 * |error| says why. */
int lr_cli_explore_one(const struct lr_explore_one *one, struct lr_error *error);

#endif
