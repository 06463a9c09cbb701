/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/crew_words.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { QUOTED_LINES_MAX = 40 };

static const struct {
    int number;
    const char *text;
} signals[] = {
    {SIGABRT, "aborted"},
    {SIGSEGV, "segmentation fault"},
    {SIGFPE, "arithmetic error"},
    {SIGILL, "illegal instruction"},
    {SIGINT, "interrupted"},
    {SIGTERM, "told to end"},
#ifdef SIGBUS
    {SIGBUS, "bus error"},
#endif
#ifdef SIGKILL
    {SIGKILL, "killed: by somebody, or by the system for want of memory"},
#endif
};

const char *lr_crew_tell_end(char *out, size_t size, int exit_status, int signal_number) {
    const char *text = NULL;
    for (size_t i = 0; i < LR_COUNT_OF(signals); i++) {
        text = signals[i].number == signal_number ? signals[i].text : text;
    }
    if (signal_number == 0) {
        (void)snprintf(out, size, "its worker left with exit status %d", exit_status);
    } else {
        (void)snprintf(out, size, "its worker died of signal %d%s%s%s", signal_number,
                       text != NULL ? " (" : "", text != NULL ? text : "", text != NULL ? ")" : "");
    }
    return out;
}

/* A line of |size| bytes, that has something to say. */
static bool is_cause(const char *line, size_t size) {
    static const char *const marks[] = {"internal error: ", "ERROR: ", "runtime error: "};
    for (size_t i = 0; i < LR_COUNT_OF(marks); i++) {
        size_t mark = strlen(marks[i]);
        for (size_t at = 0; at + mark <= size; at++) {
            if (memcmp(line + at, marks[i], mark) == 0) {
                return true;
            }
        }
    }
    return false;
}

const char *lr_crew_last_words(char *out, size_t size, const char *log) {
    out[0] = '\0';
    while (*log != '\0') {
        size_t length = strcspn(log, "\n");
        if (length > 0) {
            (void)snprintf(out, size, "%.*s", (int)(length < size ? length : size), log);
        }
        if (is_cause(log, length)) {
            break;
        }
        log += log[length] == '\n' ? length + 1 : length;
    }
    return out;
}

void lr_crew_quote_log(struct lr_case_result *result, const char *log) {
    const char *begin = log + strlen(log);
    for (int lines = 0; begin > log && lines <= QUOTED_LINES_MAX; begin--) {
        lines += begin[-1] == '\n';
    }
    while (*begin != '\0') {
        size_t length = strcspn(begin, "\n");
        if (length > 0) {
            lr_result_lines_add(result->alloc, &result->timeline, 0, "worker: %.*s",
                                length < 500 ? (int)length : 500, begin);
        }
        begin += begin[length] == '\n' ? length + 1 : length;
    }
}
