/* SPDX-License-Identifier: Apache-2.0 */
/* What the reports need of the platform. */
#ifndef LR_REPORTS_TERMINAL_H
#define LR_REPORTS_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"

/* True where |out| is a terminal that understands control sequences (TERM is set and not "dumb").
 */
bool lr_is_terminal(FILE *out);
/* Puts |text| into |path| so that whoever reads it sees the old content or the new, never a part.
 * LR_EIO. */
LR_NODISCARD enum lr_status lr_write_file(const char *path, const void *text, size_t size,
                                          struct lr_error *error);

#endif
