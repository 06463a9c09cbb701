/* SPDX-License-Identifier: Apache-2.0 */
/* The list of known failures: a line each, `CASE | VERDICT | REASON | LINK`. CASE may hold `*`; one
 * that begins with `live:` or `sim:` means that world alone. A
 * listed case that is as expected, or a line that no case matches, is stale, and fails a run: a
 * list that is not kept hides what it should tell. */
#ifndef LR_SCENARIO_KNOWN_H
#define LR_SCENARIO_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/status.h"

struct lr_known_line {
    char *pattern;
    size_t skip;       /* bytes of |pattern| that name the world */
    const char *world; /* "live" or "sim", static; NULL: whichever */
    char *verdict;     /* a release verdict ("never"), or "failed" for the protocol's, or "*" */
    char *reason;
    char *link;
    int line;
    bool matched; /* by a case of this run */
};

struct lr_known {
    struct lr_alloc *alloc;
    char *path;
    struct lr_known_line *lines;
    size_t count;
};

/* LR_ENOTFOUND, LR_EIO, LR_EINVAL with file and line, LR_ELIMIT, LR_ENOMEM. Free with
 * lr_known_deinit in any case. */
LR_NODISCARD enum lr_status lr_known_read(struct lr_known *known, struct lr_alloc *alloc,
                                          const char *path, struct lr_error *error);
void lr_known_deinit(struct lr_known *known);
/* The first line for the case |name| in |world|, marked as matched; NULL: none. |known| may be
 * empty (zeroed). */
const struct lr_known_line *lr_known_find(struct lr_known *known, const char *name,
                                          const char *world);
/* Whether |line| means the case |name| in |world|. */
bool lr_known_is_for(const struct lr_known_line *line, const char *name, const char *world);
/* True where |verdict| (release) or |protocol| is what the line expects. */
bool lr_known_agrees(const struct lr_known_line *line, const char *release, const char *protocol);

/* `*` stands for any run of characters, also an empty one. */
bool lr_pattern_matches(const char *pattern, const char *text);

#endif
