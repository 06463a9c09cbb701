/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of a run: every case of every scenario of every file below the given paths, by name. */
#ifndef LR_SCENARIO_SUITE_H
#define LR_SCENARIO_SUITE_H

#include "base/alloc.h"
#include "base/status.h"

struct lr_suite_case {
    const char *name; /* "lifecycle/close-releases_at_once[tvm=ffi]" */
    const char *title;
    const char *file;
    int index;      /* of the scenario in its file */
    int case_index; /* of the case in its matrix */
    int line;
};

struct lr_suite {
    struct lr_alloc *alloc;
    struct lr_suite_case *cases;
    size_t count;
    size_t capacity;
    size_t files;
    size_t elsewhere; /* cases left out as they are for another world */
};

/* Gathers the cases below |paths| (files *.lua, or folders, walked in order of names) whose names
 * contain |filter| (NULL: all) and that run in |world|. LR_ENOTFOUND, LR_EINVAL (an unreadable
 * script: file, line, what is wrong), LR_ENOMEM. Free with lr_suite_deinit in any case. */
LR_NODISCARD enum lr_status lr_suite_gather(struct lr_suite *suite, struct lr_alloc *alloc,
                                            const char *const *paths, size_t path_count,
                                            const char *filter, const char *world,
                                            struct lr_error *error);
void lr_suite_deinit(struct lr_suite *suite);

#endif
