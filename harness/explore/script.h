/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a plan as a scenario, with the words of docs/scenarios.md: what was found can be read, and
 * repeated by `lastref run` anywhere. */
#ifndef LR_EXPLORE_SCRIPT_H
#define LR_EXPLORE_SCRIPT_H

#include "base/buf.h"
#include "explore/run.h"

struct lr_script_about {
    uint64_t seed;       /* that the plan was made from */
    const char *finding; /* what it breaks; NULL: nothing */
    struct lr_want want; /* what it is to show; all zero: nothing of its own */
    const char *path;    /* of the file, as `lastref run` is told; NULL: none */
};

/* Appends the whole file. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_script_write(const struct lr_plan *plan,
                                            const struct lr_script_about *about,
                                            struct lr_buf *out);
/* A name for the file: the words of |finding|, at most |size| bytes with the NUL. */
void lr_script_name(char *out, size_t size, const char *finding, uint64_t seed);

#endif
