/* SPDX-License-Identifier: Apache-2.0 */
#include "reports/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void lr_report_begin(struct lr_report_text *report) {
    report->broken = false;
}

void lr_report_note(struct lr_report_text *report, enum lr_status status) {
    report->broken = report->broken || status != LR_OK;
    if (status != LR_OK && report->error.code == LR_OK) {
        lr_error_set(&report->error, status, "%s: %s", report->path, lr_status_text(status));
    }
}

void lr_report_put(struct lr_report_text *report, struct lr_buf *out, const char *text) {
    lr_report_note(report, lr_buf_append(out, text, strlen(text)));
}

void lr_report_format(struct lr_report_text *report, struct lr_buf *out, const char *format, ...) {
    char piece[LR_REPORT_PIECE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    lr_report_put(report, out, piece);
}
