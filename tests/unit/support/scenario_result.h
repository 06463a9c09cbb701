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

/* What makes a writer of reports; |path| is a file that is not there yet. */
typedef enum lr_status (*lr_test_make_reporter)(struct lr_reporter **reporter,
                                                struct lr_alloc *alloc, const char *path,
                                                struct lr_error *error);
/* Tells a run of two cases to what |make| makes, with no allocation failing and then with each in
 * turn: a report from which something is missing has to say so at the end. |judge| looks at the
 * file, where there is one, after the beginning, each case and the end: |whole| says that the run
 * has ended and the report misses nothing. It must be one that can be read at each moment, and not
 * look whole where it is not. NULL where no file is written. */
void lr_test_report_each_failure(lr_test_make_reporter make,
                                 void (*judge)(const char *path, bool whole));

#endif
