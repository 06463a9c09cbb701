/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of a run: every case of every scenario of every file below the given paths, by name,
 * once for each world that it is to run in. */
#ifndef LR_SCENARIO_SUITE_H
#define LR_SCENARIO_SUITE_H

#include "base/alloc.h"
#include "base/status.h"
#include "base/time.h"

/* Sets of worlds. */
enum { LR_IN_SIM = 1, LR_IN_LIVE = 2, LR_IN_ALL = LR_IN_SIM | LR_IN_LIVE };

struct lr_suite_case {
    const char *name; /* "lifecycle/close-releases_at_once[tvm=ffi]" */
    const char *title;
    const char *file;
    const char *from;    /* NULL: not said */
    const char *world;   /* where this one runs: "sim" or "live"; static */
    unsigned int worlds; /* where its scenario can run */
    int index;           /* of the scenario in its file */
    int case_index;      /* of the case in its matrix */
    int line;            /* of its title */
    int last_line;       /* of its run function */
    uint64_t limit_ns;   /* of its time, in its world */
};

struct lr_suite_list {
    struct lr_suite_case *cases;
    size_t count;
    size_t capacity;
};

struct lr_suite {
    struct lr_alloc *alloc;
    struct lr_suite_case *cases; /* all of the simulated world, then all of the live one */
    size_t count;
    size_t files;
    size_t elsewhere;            /* cases left out as they are for another world */
    struct lr_suite_list list;   /* owns |cases| */
    struct lr_suite_list others; /* those that are left out: their names are known */
};

/* Gathers the cases below |paths| (files *.lua, or folders, walked in order of names) whose names
 * contain |filter| (NULL: all) and that run in one of |worlds|. LR_ENOTFOUND, LR_EINVAL (an
 * unreadable script: file, line, what is wrong), LR_ENOMEM. Free with lr_suite_deinit in any case.
 */
LR_NODISCARD enum lr_status lr_suite_gather(struct lr_suite *suite, struct lr_alloc *alloc,
                                            const char *const *paths, size_t path_count,
                                            const char *filter, unsigned int worlds,
                                            struct lr_error *error);
void lr_suite_deinit(struct lr_suite *suite);
/* How many cases run in |world|. */
size_t lr_suite_count_in(const struct lr_suite *suite, const char *world);
/* The name, of a case that runs or is left out, of which some part is nearest to |text|; NULL where
 * none is near. Borrowed. */
const char *lr_suite_nearest(const struct lr_suite *suite, const char *text);
/* "sim, live" */
const char *lr_worlds_text(unsigned int worlds);

#endif
