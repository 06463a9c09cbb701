/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a worker that is lost. */
#ifndef LR_SCENARIO_CREW_WORDS_H
#define LR_SCENARIO_CREW_WORDS_H

#include "ledger/result.h"

/* "its worker died of signal 6 (aborted)", "its worker left with exit status 1". Returns |out|. */
const char *lr_crew_tell_end(char *out, size_t size, int exit_status, int signal_number);
/* Of what it wrote to its log, the line that says what was wrong: a broken invariant, what a
 * sanitizer found; else the last one. "" where there is none. Returns |out|. */
const char *lr_crew_last_words(char *out, size_t size, const char *log);
/* Appends the end of the log to the result's timeline, a line each. */
void lr_crew_quote_log(struct lr_case_result *result, const char *log);

#endif
