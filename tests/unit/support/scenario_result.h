/* SPDX-License-Identifier: Apache-2.0 */
/* Results made by hand, for the tests of reports. */
#ifndef LR_TEST_SCENARIO_RESULT_H
#define LR_TEST_SCENARIO_RESULT_H

#include "ledger/result.h"

/* Markup, quotes, control characters, a character of two bytes, and what is no UTF-8: a stray
 * continuation, an overlong slash, a surrogate, a lead byte without its rest at the end. */
#define LR_HOSTILE_TEXT                                                                            \
    "<a href=\"x\">&amp;</a> ]]> ' \x01\x1b[31m\r\n\t "                                            \
    "\xC3\xA4 \x80 \xC0\xAF \xED\xA0\x80 \xEF\xBF\xBF \xF0\x9F"

/* A case with something in every field, |text| in all that comes from outside. Deinit it. */
void lr_test_result_init(struct lr_case_result *result, struct lr_alloc *alloc, const char *name,
                         enum lr_case_outcome outcome, const char *text);
/* A summary of so many cases. */
struct lr_run_summary lr_test_summary(size_t cases, int exit_status);

/* A path in a folder of its own; remove the folder. */
struct lr_test_report {
    char folder[64];
    char path[96];
};
void lr_test_report_init(struct lr_test_report *report, const char *name);
void lr_test_report_deinit(struct lr_test_report *report);

#endif
