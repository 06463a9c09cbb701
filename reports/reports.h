/* SPDX-License-Identifier: Apache-2.0 */
/* The writers of reports: one file each. Each is a struct lr_reporter that hears of every case as
 * it ends and writes it down when it is flushed, so that a run that is killed still tells what it
 * knew. */
#ifndef LR_REPORTS_REPORTS_H
#define LR_REPORTS_REPORTS_H

#include <stdio.h>

#include "ledger/result.h"

/* For a person: progress on a terminal, plain lines otherwise, colour only on a terminal (NO_COLOR
 * is respected). Of a failed case: expected, seen, the session's timeline, the command that repeats
 * it. Borrows |out|. Free with its |free|. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_console_reporter(struct lr_reporter **reporter,
                                                struct lr_alloc *alloc, FILE *out,
                                                struct lr_error *error);
/* JSON at |path| (docs/results.md), valid at each moment, replaced atomically. LR_EIO, LR_ENOMEM.
 */
LR_NODISCARD enum lr_status lr_json_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                             const char *path, struct lr_error *error);
/* JUnit XML at |path|, as CI systems read it; otherwise the same. */
LR_NODISCARD enum lr_status lr_junit_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                              const char *path, struct lr_error *error);

/* TAP, version 14, at |path|; otherwise the same. */
LR_NODISCARD enum lr_status lr_tap_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                            const char *path, struct lr_error *error);

#endif
