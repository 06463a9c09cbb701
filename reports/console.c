/* SPDX-License-Identifier: Apache-2.0 */
/* The report for a person: a line a case, and of what is not as expected all that explains it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "reports/leaks.h"
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
    struct lr_leaks leaks;
    char under_way[NAME_WIDTH + 64]; /* the line of progress: what was begun last */
    size_t begun;
};

/* How each outcome is written in the first column. */
static const struct {
    const char *word;
    const char *colour;
} outcome_words[LR_CASE_OUTCOME_COUNT] = {
    [LR_CASE_AS_EXPECTED] = {"ok", "32"},        [LR_CASE_UNEXPECTED] = {"FAILED", "1;31"},
    [LR_CASE_KNOWN_FAILURE] = {"known", "33"},   [LR_CASE_STALE_KNOWN_FAILURE] = {"STALE", "1;31"},
    [LR_CASE_NOT_RUN] = {"not run", "36"},       [LR_CASE_NOT_ALLOWED] = {"not allowed", "36"},
    [LR_CASE_CONTENTION] = {"contention", "33"}, [LR_CASE_INVALID] = {"INVALID", "1;35"},
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

static void show_progress(const struct console *console) {
    if (console->terminal) {
        fprintf(console->out, "\r\033[K%s", console->under_way);
        (void)fflush(console->out);
    }
}

static void started(struct lr_reporter *reporter, const char *name, size_t index, size_t count) {
    struct console *console = console_of(reporter);
    console->begun = index + 1;
    (void)snprintf(console->under_way, sizeof console->under_way, "[%zu/%zu] %.*s", index + 1,
                   count, NAME_WIDTH, name);
    show_progress(console);
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

/* Lines that are ready, with an indent before each. */
static void write_indented(const struct console *console, const char *indent, const char *lines) {
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\n");
        char line[LR_HOP_NAME_MAX * (LR_RETENTION_WAYS_MAX + 1)];
        (void)snprintf(line, sizeof line, "%.*s", (int)size, lines);
        write_line(console, indent, line);
        lines += size + (lines[size] == '\n' ? 1 : 0);
    }
}

static void write_retentions(const struct console *console, const struct lr_case_result *result) {
    char text[LR_RETENTION_TEXT_MAX];
    if (result->retentions != NULL) {
        fputs("    held by:\n", console->out);
    }
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        write_indented(console, "      ", lr_retention_text(text, sizeof text, r));
    }
    if (result->retentions_lost > 0) {
        fprintf(console->out, "      (%zu more)\n", result->retentions_lost);
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
    write_retentions(console, result);
    write_lines(console, "timeline", &result->timeline, true);
    write_line(console, "    repeat:   ", result->repeat);
}

static void ended(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                  size_t count) {
    struct console *console = console_of(reporter);
    char duration[32];
    (void)count;
    clear_progress(console);
    write_word(console, outcome_words[result->outcome].word, outcome_words[result->outcome].colour);
    write_text(console, result->name);
    fprintf(console->out, "  (%s%srelease: %s%s", result->world != NULL ? result->world : "",
            result->world != NULL ? "; " : "", result->release_verdict,
            result->release_detail != NULL ? " " : "");
    write_text(console, result->release_detail);
    fprintf(console->out, "; %s)\n",
            lr_text_duration(duration, sizeof duration, result->duration_ns));
    lr_leaks_add(&console->leaks, result);
    for (const struct lr_result_line *line = result->told.first; line != NULL; line = line->next) {
        write_line(console, "           ", line->text);
    }
    switch (result->outcome) {
    case LR_CASE_AS_EXPECTED:
        break;
    case LR_CASE_NOT_RUN:
    case LR_CASE_NOT_ALLOWED:
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
    if (console->begun > index + 1) { /* others are under way */
        show_progress(console);
    }
}

static void write_counts(const struct console *console, const size_t *counts) {
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT; i++) {
        if (counts[i] > 0 || i == LR_CASE_AS_EXPECTED || i == LR_CASE_UNEXPECTED) {
            fprintf(console->out, "  %5zu %s\n", counts[i],
                    lr_case_outcome_name((enum lr_case_outcome)i));
        }
    }
}

static void write_calibration(const struct console *console, const struct lr_run_summary *summary) {
    char release[32];
    char slot[32];
    if (summary->calibration_error.code != LR_OK) {
        write_line(console, "this machine was not measured, the stated budgets hold: ",
                   summary->calibration_error.text);
    } else if (summary->calibration.rounds > 0) {
        fprintf(console->out,
                "this machine's slowest of %u fault-free releases: %s, requestable %s\n",
                summary->calibration.rounds,
                lr_text_duration(release, sizeof release, summary->calibration.release_ns_max),
                lr_text_duration(slot, sizeof slot, summary->calibration.requestable_ns_max));
    }
}

static void write_leaks(const struct console *console) {
    const struct lr_leaks *leaks = &console->leaks;
    if (leaks->count > 0) {
        fputs("what held sessions, by the fingerprint of its suspect part:\n", console->out);
    }
    for (size_t i = 0; i < leaks->count; i++) {
        const struct lr_leak *leak = &leaks->rows[i];
        fprintf(console->out, "  %5zu %s %016" PRIx64, leak->cases,
                leak->cases == 1 ? "case " : "cases", leak->fingerprint);
        write_line(console, "  ", leak->suspect);
        write_line(console, "              first in ", leak->first);
    }
    if (leaks->left_out > 0) {
        fprintf(console->out, "  %5zu more\n", leaks->left_out);
    }
}

static enum lr_status finish(struct lr_reporter *reporter, const struct lr_run_summary *summary,
                             struct lr_error *error) {
    struct console *console = console_of(reporter);
    char duration[32];
    clear_progress(console);
    fputc('\n', console->out);
    for (size_t i = 0; i < summary->world_count; i++) {
        const struct lr_world_summary *world = &summary->worlds[i];
        fprintf(console->out, "%zu cases in %s, world %s, seed %" PRIu64 "\n", world->cases,
                lr_text_duration(duration, sizeof duration, world->duration_ns), world->name,
                summary->seed);
        write_counts(console, world->counts);
    }
    write_leaks(console);
    write_calibration(console, summary);
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
