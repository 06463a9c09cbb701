/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JUnit XML, as CI systems read it. Known failures and what was not run are skipped
 * tests with their reason. Written again and again, as the JSON is; until the run has ended by
 * itself there is one test more, with an error, so that half a report is not read as a green one.
 */
#include <inttypes.h>
#include <string.h>

#include "reports/document.h"
#include "reports/reports.h"
#include "reports/utf8.h"

/* What XML 1.0 has a form for; control characters and two of Unicode's own are not. */
static bool is_xml(uint32_t code) {
    return code == '\t' || code == '\n' || (code >= 0x20 && code != 0xFFFE && code != 0xFFFF);
}

/* Text of peers may hold anything. */
static void put_escaped(struct lr_document *document, struct lr_buf *out, const char *text) {
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
            lr_document_put(document, out, form);
        } else {
            lr_document_put_bytes(document, out, c, size);
        }
        c += size > 0 ? size : 1;
    }
}

static void put_lines(struct lr_document *document, const char *title,
                      const struct lr_result_lines *lines) {
    for (const struct lr_result_line *line = lines->first; line != NULL; line = line->next) {
        lr_document_format(document, &document->cases, "%s %9.3f ms  ", title,
                           (double)line->at / 1e6);
        put_escaped(document, &document->cases, line->text);
        lr_document_put(document, &document->cases, "\n");
    }
}

static void put_retentions(struct lr_document *document, const struct lr_case_result *result) {
    char text[LR_RETENTION_TEXT_MAX];
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        put_escaped(document, &document->cases, lr_retention_text(text, sizeof text, r));
    }
}

/* What a passed test has to say: its own figures, and what held its sessions as it expected. */
static void put_output(struct lr_document *document, const struct lr_case_result *result) {
    if (result->told.first == NULL && result->retentions == NULL) {
        return;
    }
    lr_document_put(document, &document->cases, "    <system-out>");
    for (const struct lr_result_line *line = result->told.first; line != NULL; line = line->next) {
        put_escaped(document, &document->cases, line->text);
        lr_document_put(document, &document->cases, "\n");
    }
    put_retentions(document, result);
    lr_document_put(document, &document->cases, "</system-out>\n");
}

static void put_failure(struct lr_document *document, const struct lr_case_result *result) {
    struct lr_buf *out = &document->cases;
    const char *element = result->outcome == LR_CASE_INVALID ? "error" : "failure";
    lr_document_format(document, out, "    <%s message=\"%s: ", element,
                       lr_case_outcome_name(result->outcome));
    put_escaped(document, out, result->reason);
    lr_document_put(document, out, "\">");
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        if (!e->held) {
            const char *const pieces[] = {e->where,    ": ",           e->text, "\nexpected: ",
                                          e->expected, "\nseen:     ", e->seen, "\n"};
            for (size_t i = 0; i < LR_COUNT_OF(pieces); i++) {
                put_escaped(document, out, pieces[i]);
            }
        }
    }
    put_lines(document, "audit", &result->findings);
    put_lines(document, "timeline", &result->timeline);
    lr_document_put(document, out, "repeat: ");
    put_escaped(document, out, result->repeat);
    lr_document_format(document, out, "\n</%s>\n", element);
}

static bool is_skipped(enum lr_case_outcome outcome) {
    return outcome == LR_CASE_NOT_RUN || outcome == LR_CASE_NOT_ALLOWED ||
           outcome == LR_CASE_KNOWN_FAILURE;
}

static bool is_failure(enum lr_case_outcome outcome) {
    return outcome == LR_CASE_UNEXPECTED || outcome == LR_CASE_STALE_KNOWN_FAILURE;
}

static void put_unfinished(struct lr_document *document, struct lr_buf *out) {
    lr_document_format(document, out,
                       "  <testcase classname=\"lastref\" name=\"the run has ended\">\n"
                       "    <error message=\"incomplete: %zu of %zu cases are in this report\"/>\n"
                       "  </testcase>\n",
                       document->count, document->planned);
}

static void put_whole(struct lr_document *document, struct lr_buf *out,
                      const struct lr_run_summary *summary) {
    const size_t *counts = document->counts;
    bool complete = lr_document_complete(document, summary);
    size_t unfinished = complete ? 0 : 1;
    lr_document_put(document, out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    lr_document_format(document, out,
                       "<testsuite name=\"lastref\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
                       "skipped=\"%zu\">\n",
                       document->count + unfinished,
                       counts[LR_CASE_UNEXPECTED] + counts[LR_CASE_STALE_KNOWN_FAILURE],
                       counts[LR_CASE_INVALID] + unfinished,
                       counts[LR_CASE_NOT_RUN] + counts[LR_CASE_NOT_ALLOWED] +
                           counts[LR_CASE_KNOWN_FAILURE]);
    lr_document_put_cases(document, out);
    if (!complete) {
        put_unfinished(document, out);
    }
    lr_document_put(document, out, "</testsuite>\n");
}

static void put_case(struct lr_document *document, struct lr_buf *out,
                     const struct lr_case_result *result) {
    lr_document_put(document, out, "  <testcase classname=\"");
    put_escaped(document, out, result->file);
    lr_document_put(document, out, "\" name=\"");
    put_escaped(document, out, result->name);
    if (result->world != NULL) { /* a case may run in both */
        lr_document_format(document, out, " (%s)", result->world);
    }
    lr_document_format(document, out, "\" time=\"%.3f\">\n", (double)result->duration_ns / 1e9);
    if (is_skipped(result->outcome)) {
        lr_document_format(document, out,
                           "    <skipped message=\"%s: ", lr_case_outcome_name(result->outcome));
        put_escaped(document, out, result->reason);
        lr_document_put(document, out, "\"/>\n");
    } else if (is_failure(result->outcome) || result->outcome == LR_CASE_INVALID) {
        put_failure(document, result);
    }
    put_output(document, result);
    lr_document_put(document, out, "  </testcase>\n");
}

enum lr_status lr_junit_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                 const char *path, struct lr_error *error) {
    static const struct lr_document_form junit = {.put_case = put_case, .put_whole = put_whole};
    return lr_document_reporter(reporter, alloc, path, &junit, error);
}
