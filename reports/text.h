/* SPDX-License-Identifier: Apache-2.0 */
/* Putting together the text of a report that is written to a file: the first thing that goes wrong
 * is kept, and told once, at the end. What could not be put whole is not put at all, so that a
 * report from which something is missing is still a report. */
#ifndef LR_REPORTS_TEXT_H
#define LR_REPORTS_TEXT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"

enum { LR_REPORT_PIECE_MAX = 256 }; /* bytes of what one lr_report_format puts; more is cut */

struct lr_report_text {
    char *path;            /* the file's, for messages; the owner's */
    struct lr_error error; /* the first; LR_OK: none yet */
    bool broken;           /* something went wrong since lr_report_begin */
};

/* What follows is of one piece: it is to be dropped where the report is broken behind it. */
void lr_report_begin(struct lr_report_text *report);
/* Remembers |status| where it is the first that is not LR_OK. */
void lr_report_note(struct lr_report_text *report, enum lr_status status);
/* Appends to |out|; what fails is noted. */
void lr_report_put(struct lr_report_text *report, struct lr_buf *out, const char *text);
void lr_report_format(struct lr_report_text *report, struct lr_buf *out, const char *format, ...)
    LR_PRINTF(3, 4);

#endif
