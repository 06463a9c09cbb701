/* SPDX-License-Identifier: Apache-2.0 */
/* The report for a person: a line a case, and of what is not as expected all that explains it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "reports/reports.h"
#include "reports/terminal.h"
#include "reports/utf8.h"

enum { NAME_WIDTH = 72 };

struct console {
    struct lr_reporter reporter;
    struct lr_alloc *alloc;
    FILE *out;
    bool terminal;
    bool colour;
};

/* How each outcome is written in the first column. */
static const struct {
    const char *word;
    const char *colour;
} outcome_words[LR_CASE_OUTCOME_COUNT] = {
    [LR_CASE_AS_EXPECTED] = {"ok", "32"},      [LR_CASE_UNEXPECTED] = {"FAILED", "1;31"},
    [LR_CASE_KNOWN_FAILURE] = {"known", "33"}, [LR_CASE_STALE_KNOWN_FAILURE] = {"STALE", "1;31"},
    [LR_CASE_NOT_RUN] = {"not run", "36"},     [LR_CASE_CONTENTION] = {"contention", "33"},
    [LR_CASE_INVALID] = {"INVALID", "1;35"},
};

static struct console *console_of(struct lr_reporter *reporter) {
    return LR_CONTAINER_OF(reporter, struct console, reporter);
}

static void clear_progress(const struct console *console) {
    if (console->terminal) {
        fputs("\r\033[K", console->out);
    }
}

/* Text of peers and programs may hold anything: what steers a terminal is not passed on. */
static void write_text(const struct console *console, const char *text) {
    uint32_t code;
    while (text != NULL && *text != '\0') {
        size_t size = lr_utf8_next(text, &code);
        bool steers = size == 0 || (code < 0x20 && code != '\n') || (code >= 0x7F && code < 0xA0);
        if (steers) {
            fputs(code == '\t' && size > 0 ? " " : "?", console->out);
        } else {
            (void)fwrite(text, 1, size, console->out);
        }
        text += size > 0 ? size : 1;
    }
}

/* |before|, the text, the end of the line. */
static void write_line(const struct console *console, const char *before, const char *text) {
    fputs(before, console->out);
    write_text(console, text);
    fputc('\n', console->out);
}

static void write_word(const struct console *console, const char *word, const char *colour) {
    int pad = 11 - (int)strlen(word);
    if (console->colour) {
        fprintf(console->out, "\033[%sm%s\033[0m%*s", colour, word, pad > 0 ? pad : 0, "");
    } else {
        fprintf(console->out, "%s%*s", word, pad > 0 ? pad : 0, "");
    }
}

static void started(struct lr_reporter *reporter, const char *name, size_t index, size_t count) {
    struct console *console = console_of(reporter);
    if (console->terminal) {
        fprintf(console->out, "\r\033[K[%zu/%zu] %.*s", index + 1, count, NAME_WIDTH, name);
        (void)fflush(console->out);
    }
}

static void write_lines(const struct console *console, const char *title,
                        const struct lr_result_lines *lines, bool with_time) {
    if (lines->count == 0) {
        return;
    }
    fprintf(console->out, "    %s:\n", title);
    for (const struct lr_result_line *line = lines->first; line != NULL; line = line->next) {
        if (with_time) {
            fprintf(console->out, "      %9.3f ms", (double)line->at / 1e6);
        }
        write_line(console, with_time ? "  " : "      ", line->text);
    }
}

static void explain(const struct console *console, const struct lr_case_result *result) {
    write_line(console, "    ", result->title);
    if (result->reason != NULL) {
        write_line(console, "    because:  ", result->reason);
    }
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        if (!e->held) {
            fputs("    at ", console->out);
            write_text(console, e->where);
            write_line(console, ": ", e->text);
            write_line(console, "    expected: ", e->expected);
            write_line(console, "    seen:     ", e->seen);
        }
    }
    write_lines(console, "found by the audit", &result->findings, false);
    write_lines(console, "faults", &result->receipts, true);
    write_lines(console, "sessions", &result->sessions, false);
    write_lines(console, "timeline", &result->timeline, true);
    write_line(console, "    repeat:   ", result->repeat);
}

static void ended(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                  size_t count) {
    struct console *console = console_of(reporter);
    char duration[32];
    (void)index;
    (void)count;
    clear_progress(console);
    write_word(console, outcome_words[result->outcome].word, outcome_words[result->outcome].colour);
    write_text(console, result->name);
    fprintf(console->out, "  (release: %s%s", result->release_verdict,
            result->release_detail != NULL ? " " : "");
    write_text(console, result->release_detail);
    fprintf(console->out, "; %s)\n",
            lr_text_duration(duration, sizeof duration, result->duration_ns));
    switch (result->outcome) {
    case LR_CASE_AS_EXPECTED:
        break;
    case LR_CASE_NOT_RUN:
    case LR_CASE_KNOWN_FAILURE:
    case LR_CASE_CONTENTION:
        if (result->reason != NULL) {
            write_line(console, "          ", result->reason);
        }
        break;
    case LR_CASE_UNEXPECTED:
    case LR_CASE_STALE_KNOWN_FAILURE:
    case LR_CASE_INVALID:
    case LR_CASE_OUTCOME_COUNT:
        explain(console, result);
        break;
    }
    (void)fflush(console->out);
}

static enum lr_status finish(struct lr_reporter *reporter, const struct lr_run_summary *summary,
                             struct lr_error *error) {
    struct console *console = console_of(reporter);
    char release[32];
    char slot[32];
    char duration[32];
    clear_progress(console);
    fprintf(console->out, "\n%zu cases in %s, world %s, seed %" PRIu64, summary->cases,
            lr_text_duration(duration, sizeof duration, summary->duration_ns), summary->world,
            summary->seed);
    fprintf(console->out,
            "; this machine's slowest of %u fault-free releases: %s, requestable %s\n",
            summary->calibration.rounds,
            lr_text_duration(release, sizeof release, summary->calibration.release_ns_max),
            lr_text_duration(slot, sizeof slot, summary->calibration.requestable_ns_max));
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT; i++) {
        if (summary->counts[i] > 0 || i == LR_CASE_AS_EXPECTED || i == LR_CASE_UNEXPECTED) {
            fprintf(console->out, "  %5zu %s\n", summary->counts[i],
                    lr_case_outcome_name((enum lr_case_outcome)i));
        }
    }
    if (summary->known_unmatched > 0) {
        fprintf(console->out, "  %5zu lines of the known-failure list match no case\n",
                summary->known_unmatched);
    }
    if (summary->interrupted) {
        fputs("  interrupted: the rest was not run\n", console->out);
    }
    if (fflush(console->out) != 0) {
        return lr_error_set(error, LR_EIO, "the report cannot be written to the terminal");
    }
    return LR_OK;
}

static void free_console(struct lr_reporter *reporter) {
    struct console *console = console_of(reporter);
    LR_FREE(console->alloc, console);
}

enum lr_status lr_console_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc, FILE *out,
                                   struct lr_error *error) {
    struct console *console = LR_NEW(alloc, struct console);
    if (console == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    console->alloc = alloc;
    console->out = out;
    console->terminal = lr_is_terminal(out);
    const char *no_colour = getenv("NO_COLOR");
    console->colour = console->terminal && (no_colour == NULL || no_colour[0] == '\0');
    console->reporter = (struct lr_reporter){
        .started = started, .ended = ended, .finish = finish, .free = free_console};
    *reporter = &console->reporter;
    return LR_OK;
}
