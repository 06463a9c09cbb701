/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JUnit XML, as CI systems read it. Known failures and what was not run are skipped
 * tests with their reason. Written again and again, as the JSON is; until the run has ended by
 * itself there is one test more, with an error, so that half a report is not read as a green one.
 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "reports/reports.h"
#include "reports/terminal.h"
#include "reports/text.h"
#include "reports/utf8.h"

struct junit_report {
    struct lr_reporter reporter;
    struct lr_alloc *alloc;
    struct lr_report_text text;
    struct lr_buf cases; /* the <testcase> elements so far */
    size_t counts[LR_CASE_OUTCOME_COUNT];
    size_t count;
    size_t planned;
    bool complete;
};

static struct junit_report *report_of(struct lr_reporter *reporter) {
    return LR_CONTAINER_OF(reporter, struct junit_report, reporter);
}

/* What XML 1.0 has a form for; control characters and two of Unicode's own are not. */
static bool is_xml(uint32_t code) {
    return code == '\t' || code == '\n' || (code >= 0x20 && code != 0xFFFE && code != 0xFFFF);
}

/* Text of peers may hold anything. */
static void put_escaped(struct junit_report *report, struct lr_buf *out, const char *text) {
    static const struct {
        uint32_t code;
        const char *form;
    } marks[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};
    uint32_t code;
    for (const char *c = text == NULL ? "" : text; *c != '\0';) {
        size_t size = lr_utf8_next(c, &code);
        const char *form = size == 0 ? LR_UTF8_REPLACEMENT : is_xml(code) ? NULL : "?";
        for (size_t i = 0; size == 1 && i < LR_COUNT_OF(marks); i++) {
            form = marks[i].code == code ? marks[i].form : form;
        }
        if (form != NULL) {
            lr_report_put(&report->text, out, form);
        } else {
            lr_report_note(&report->text, lr_buf_append(out, c, size));
        }
        c += size > 0 ? size : 1;
    }
}

static void put_lines(struct junit_report *report, const char *title,
                      const struct lr_result_lines *lines) {
    for (const struct lr_result_line *line = lines->first; line != NULL; line = line->next) {
        lr_report_format(&report->text, &report->cases, "%s %9.3f ms  ", title,
                         (double)line->at / 1e6);
        put_escaped(report, &report->cases, line->text);
        lr_report_put(&report->text, &report->cases, "\n");
    }
}

static void put_retentions(struct junit_report *report, const struct lr_case_result *result) {
    char text[LR_RETENTION_TEXT_MAX];
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        put_escaped(report, &report->cases, lr_retention_text(text, sizeof text, r));
    }
}

/* What a passed test has to say: its own figures, and what held its sessions as it expected. */
static void put_output(struct junit_report *report, const struct lr_case_result *result) {
    if (result->told.first == NULL && result->retentions == NULL) {
        return;
    }
    lr_report_put(&report->text, &report->cases, "    <system-out>");
    for (const struct lr_result_line *line = result->told.first; line != NULL; line = line->next) {
        put_escaped(report, &report->cases, line->text);
        lr_report_put(&report->text, &report->cases, "\n");
    }
    put_retentions(report, result);
    lr_report_put(&report->text, &report->cases, "</system-out>\n");
}

static void put_failure(struct junit_report *report, const struct lr_case_result *result) {
    struct lr_buf *out = &report->cases;
    const char *element = result->outcome == LR_CASE_INVALID ? "error" : "failure";
    lr_report_format(&report->text, out, "    <%s message=\"%s: ", element,
                     lr_case_outcome_name(result->outcome));
    put_escaped(report, out, result->reason);
    lr_report_put(&report->text, out, "\">");
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        if (!e->held) {
            const char *const pieces[] = {e->where,    ": ",           e->text, "\nexpected: ",
                                          e->expected, "\nseen:     ", e->seen, "\n"};
            for (size_t i = 0; i < LR_COUNT_OF(pieces); i++) {
                put_escaped(report, out, pieces[i]);
            }
        }
    }
    put_lines(report, "audit", &result->findings);
    put_lines(report, "timeline", &result->timeline);
    lr_report_put(&report->text, out, "repeat: ");
    put_escaped(report, out, result->repeat);
    lr_report_format(&report->text, out, "\n</%s>\n", element);
}

static bool is_skipped(enum lr_case_outcome outcome) {
    return outcome == LR_CASE_NOT_RUN || outcome == LR_CASE_KNOWN_FAILURE;
}

static bool is_failure(enum lr_case_outcome outcome) {
    return outcome == LR_CASE_UNEXPECTED || outcome == LR_CASE_STALE_KNOWN_FAILURE;
}

static void put_unfinished(struct junit_report *report, struct lr_buf *out) {
    lr_report_format(&report->text, out,
                     "  <testcase classname=\"lastref\" name=\"the run has ended\">\n"
                     "    <error message=\"incomplete: %zu of %zu cases are in this report\"/>\n"
                     "  </testcase>\n",
                     report->count, report->planned);
}

static void write_document(struct junit_report *report) {
    struct lr_buf out;
    lr_buf_init(&out, report->alloc);
    lr_report_begin(&report->text);
    size_t failures =
        report->counts[LR_CASE_UNEXPECTED] + report->counts[LR_CASE_STALE_KNOWN_FAILURE];
    size_t unfinished = report->complete ? 0 : 1;
    size_t skipped = report->counts[LR_CASE_NOT_RUN] + report->counts[LR_CASE_KNOWN_FAILURE];
    lr_report_put(&report->text, &out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    lr_report_format(&report->text, &out,
                     "<testsuite name=\"lastref\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
                     "skipped=\"%zu\">\n",
                     report->count + unfinished, failures,
                     report->counts[LR_CASE_INVALID] + unfinished, skipped);
    lr_report_note(&report->text,
                   lr_buf_append(&out, lr_buf_data(&report->cases), lr_buf_size(&report->cases)));
    if (!report->complete) {
        put_unfinished(report, &out);
    }
    lr_report_put(&report->text, &out, "</testsuite>\n");
    struct lr_error error = {.code = LR_OK};
    if (!report->text.broken &&
        lr_write_file(report->text.path, lr_buf_data(&out), lr_buf_size(&out), &error) != LR_OK &&
        report->text.error.code == LR_OK) {
        report->text.error = error;
    }
    lr_buf_deinit(&out);
}

static void ended(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                  size_t count) {
    struct junit_report *report = report_of(reporter);
    struct lr_buf *out = &report->cases;
    size_t before = lr_buf_size(out);
    (void)index;
    (void)count;
    lr_report_begin(&report->text);
    lr_report_put(&report->text, out, "  <testcase classname=\"");
    put_escaped(report, out, result->file);
    lr_report_put(&report->text, out, "\" name=\"");
    put_escaped(report, out, result->name);
    if (result->world != NULL) { /* a case may run in both */
        lr_report_format(&report->text, out, " (%s)", result->world);
    }
    lr_report_format(&report->text, out, "\" time=\"%.3f\">\n", (double)result->duration_ns / 1e9);
    if (is_skipped(result->outcome)) {
        lr_report_format(&report->text, out,
                         "    <skipped message=\"%s: ", lr_case_outcome_name(result->outcome));
        put_escaped(report, out, result->reason);
        lr_report_put(&report->text, out, "\"/>\n");
    } else if (is_failure(result->outcome) || result->outcome == LR_CASE_INVALID) {
        put_failure(report, result);
    }
    put_output(report, result);
    lr_report_put(&report->text, out, "  </testcase>\n");
    if (report->text.broken) {
        lr_buf_truncate(out, before);
    } else {
        report->count++;
        report->counts[result->outcome]++;
    }
}

static void flush(struct lr_reporter *reporter) {
    write_document(report_of(reporter));
}

static void begin(struct lr_reporter *reporter, size_t case_count) {
    struct junit_report *report = report_of(reporter);
    report->planned = case_count;
    write_document(report);
}

static enum lr_status finish(struct lr_reporter *reporter, const struct lr_run_summary *summary,
                             struct lr_error *error) {
    struct junit_report *report = report_of(reporter);
    report->complete = !summary->interrupted && report->count == report->planned;
    write_document(report);
    if (report->text.error.code != LR_OK) {
        *error = report->text.error;
    }
    return report->text.error.code;
}

static void free_report(struct lr_reporter *reporter) {
    struct junit_report *report = report_of(reporter);
    lr_buf_deinit(&report->cases);
    lr_alloc_free_string(report->alloc, report->text.path);
    LR_FREE(report->alloc, report);
}

enum lr_status lr_junit_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                 const char *path, struct lr_error *error) {
    struct junit_report *report = LR_NEW(alloc, struct junit_report);
    if (report == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    report->alloc = alloc;
    lr_buf_init(&report->cases, alloc);
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
