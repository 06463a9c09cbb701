/* SPDX-License-Identifier: Apache-2.0 */
/* What lastref report does, apart from its command line. */
#ifndef LR_CLI_REPORT_H
#define LR_CLI_REPORT_H

#include <stddef.h>

#include "base/alloc.h"

/* Joins the |count| files |paths| of lastref explore --json into the file |out| (NULL: standard
 * output); says on standard error what is wrong. Returns the exit status: LR_EXIT_HARNESS where
 * memory ran out or nothing could be written. */
int lr_report_merge(struct lr_alloc *alloc, const char *const *paths, size_t count,
                    const char *out);

#endif
