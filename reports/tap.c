/* SPDX-License-Identifier: Apache-2.0 */
/* Results as TAP, version 14. A known failure is a TODO, what was not run a SKIP, each with its
 * reason. The plan stands first: who reads what a killed run has left sees that points are missing.
 */
#include <string.h>

#include "base/buf.h"
#include "reports/reports.h"
#include "reports/terminal.h"
#include "reports/text.h"
#include "reports/utf8.h"

struct tap_report {
    struct lr_reporter reporter;
    struct lr_alloc *alloc;
    struct lr_report_text text;
    struct lr_buf points;
    size_t count;
    size_t planned;
};

static struct tap_report *report_of(struct lr_reporter *reporter) {
    return LR_CONTAINER_OF(reporter, struct tap_report, reporter);
}

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

/* One line of UTF-8, with a backslash before each character of |marked|. */
static void put_line(struct tap_report *report, struct lr_buf *out, const char *text,
                     const char *marked) {
    uint32_t code = 0;
    for (const char *c = text == NULL ? "" : text; *c != '\0';) {
        size_t size = lr_utf8_next(c, &code);
        if (size == 0) {
            lr_report_put(&report->text, out, LR_UTF8_REPLACEMENT);
        } else if (is_control(code)) {
            lr_report_put(&report->text, out, code == '\n' && marked[0] == '"' ? "\\n" : " ");
        } else {
            if (size == 1 && strchr(marked, *c) != NULL) {
                lr_report_put(&report->text, out, "\\");
            }
            lr_report_note(&report->text, lr_buf_append(out, c, size));
        }
        c += size > 0 ? size : 1;
    }
}

/* A description, in which # would begin a directive. */
static void put_description(struct tap_report *report, struct lr_buf *out, const char *text) {
    put_line(report, out, text, "#\\");
}

/* `name: "text"` of a block of YAML; nothing where there is no text. */
static void put_field(struct tap_report *report, const char *indent, const char *name,
                      const char *text) {
    struct lr_buf *out = &report->points;
    if (text != NULL) {
        lr_report_format(&report->text, out, "%s%s: \"", indent, name);
        put_line(report, out, text, "\"\\");
        lr_report_put(&report->text, out, "\"\n");
    }
}

static void put_lines(struct tap_report *report, const char *name,
                      const struct lr_result_lines *lines) {
    struct lr_buf *out = &report->points;
    if (lines->first != NULL) {
        lr_report_format(&report->text, out, "  %s:\n", name);
    }
    for (const struct lr_result_line *line = lines->first; line != NULL; line = line->next) {
        lr_report_format(&report->text, out, "    - \"%.3f ms  ", (double)line->at / 1e6);
        put_line(report, out, line->text, "\"\\");
        lr_report_put(&report->text, out, "\"\n");
    }
}

static void put_failed(struct tap_report *report, const struct lr_case_result *result) {
    bool any = false;
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        if (!e->held) {
            lr_report_put(&report->text, &report->points, any ? "" : "  expectations:\n");
            put_field(report, "    - ", "at", e->where);
            put_field(report, "      ", "text", e->text);
            put_field(report, "      ", "wanted", e->expected);
            put_field(report, "      ", "found", e->seen);
            any = true;
        }
    }
}

static void put_diagnostics(struct tap_report *report, const struct lr_case_result *result) {
    lr_report_put(&report->text, &report->points, "  ---\n");
    put_field(report, "  ", "result", lr_case_outcome_name(result->outcome));
    put_field(report, "  ", "message", result->reason);
    put_field(report, "  ", "title", result->title);
    put_field(report, "  ", "protocol", result->protocol_verdict);
    put_field(report, "  ", "release", result->release_verdict);
    put_failed(report, result);
    put_lines(report, "findings", &result->findings);
    put_lines(report, "receipts", &result->receipts);
    put_lines(report, "sessions", &result->sessions);
    put_lines(report, "timeline", &result->timeline);
    put_field(report, "  ", "repeat", result->repeat);
    lr_report_put(&report->text, &report->points, "  ...\n");
}

/* How a point says each outcome. */
static const struct {
    bool ok;
    const char *directive;
    bool explained;
} forms[LR_CASE_OUTCOME_COUNT] = {
    [LR_CASE_AS_EXPECTED] = {true, NULL, false},
    [LR_CASE_UNEXPECTED] = {false, NULL, true},
    [LR_CASE_KNOWN_FAILURE] = {false, "TODO", false},
    [LR_CASE_STALE_KNOWN_FAILURE] = {false, NULL, true},
    [LR_CASE_NOT_RUN] = {true, "SKIP", false},
    [LR_CASE_CONTENTION] = {true, NULL, true},
    [LR_CASE_INVALID] = {false, NULL, true},
};

static void ended(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                  size_t count) {
    struct tap_report *report = report_of(reporter);
    struct lr_buf *out = &report->points;
    size_t before = lr_buf_size(out);
    (void)index;
    (void)count;
    lr_report_begin(&report->text);
    lr_report_format(&report->text, out, "%s %zu - ", forms[result->outcome].ok ? "ok" : "not ok",
                     report->count + 1);
    put_description(report, out, result->name);
    if (result->world != NULL) {
        lr_report_format(&report->text, out, " (%s)", result->world);
    }
    if (forms[result->outcome].directive != NULL) {
        lr_report_format(&report->text, out, " # %s ", forms[result->outcome].directive);
        put_description(report, out, result->reason);
    }
    lr_report_put(&report->text, out, "\n");
    if (forms[result->outcome].explained) {
        put_diagnostics(report, result);
    }
    if (report->text.broken) {
        lr_buf_truncate(out, before);
    } else {
        report->count++;
    }
}

/* |summary| NULL: the run goes on. */
static void write_document(struct tap_report *report, const struct lr_run_summary *summary) {
    struct lr_buf out;
    struct lr_error error = {.code = LR_OK};
    lr_buf_init(&out, report->alloc);
    lr_report_begin(&report->text);
    lr_report_format(&report->text, &out, "TAP version 14\n1..%zu\n", report->planned);
    if (lr_buf_size(&report->points) > 0) {
        lr_report_note(&report->text, lr_buf_append(&out, lr_buf_data(&report->points),
                                                    lr_buf_size(&report->points)));
    }
    if (summary != NULL && (summary->interrupted || report->count < report->planned)) {
        lr_report_format(&report->text, &out, "Bail out! %s: %zu of %zu cases have ended\n",
                         summary->interrupted ? "interrupted" : "lastref itself failed",
                         report->count, report->planned);
    }
    if (!report->text.broken &&
        lr_write_file(report->text.path, lr_buf_data(&out), lr_buf_size(&out), &error) != LR_OK &&
        report->text.error.code == LR_OK) {
        report->text.error = error;
    }
    lr_buf_deinit(&out);
}

static void begin(struct lr_reporter *reporter, size_t case_count) {
    report_of(reporter)->planned = case_count;
    write_document(report_of(reporter), NULL);
}

static void flush(struct lr_reporter *reporter) {
    write_document(report_of(reporter), NULL);
}

static enum lr_status finish(struct lr_reporter *reporter, const struct lr_run_summary *summary,
                             struct lr_error *error) {
    struct tap_report *report = report_of(reporter);
    write_document(report, summary);
    if (report->text.error.code != LR_OK) {
        *error = report->text.error;
    }
    return report->text.error.code;
}

static void free_report(struct lr_reporter *reporter) {
    struct tap_report *report = report_of(reporter);
    lr_buf_deinit(&report->points);
    lr_alloc_free_string(report->alloc, report->text.path);
    LR_FREE(report->alloc, report);
}

enum lr_status lr_tap_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                               const char *path, struct lr_error *error) {
    struct tap_report *report = LR_NEW(alloc, struct tap_report);
    if (report == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    report->alloc = alloc;
    lr_buf_init(&report->points, alloc);
    report->text.path = lr_alloc_string(alloc, path, strlen(path));
    report->reporter = (struct lr_reporter){
        .begin = begin, .ended = ended, .flush = flush, .finish = finish, .free = free_report};
    *reporter = &report->reporter;
    if (report->text.path == NULL) {
        free_report(&report->reporter);
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    return LR_OK;
}
