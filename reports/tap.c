/* SPDX-License-Identifier: Apache-2.0 */
/* Results as TAP, version 14. A known failure is a TODO, what was not run a SKIP, each with its
 * reason. The plan stands first: who reads what a killed run has left sees that points are missing.
 */
#include <string.h>

#include "reports/document.h"
#include "reports/reports.h"
#include "reports/utf8.h"

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

/* One line of UTF-8, with a backslash before each character of |marked|. */
static void put_line(struct lr_document *document, struct lr_buf *out, const char *text,
                     const char *marked) {
    uint32_t code = 0;
    for (const char *c = text == NULL ? "" : text; *c != '\0';) {
        size_t size = lr_utf8_next(c, &code);
        if (size == 0) {
            lr_document_put(document, out, LR_UTF8_REPLACEMENT);
        } else if (is_control(code)) {
            lr_document_put(document, out, code == '\n' && marked[0] == '"' ? "\\n" : " ");
        } else {
            if (size == 1 && strchr(marked, *c) != NULL) {
                lr_document_put(document, out, "\\");
            }
            lr_document_put_bytes(document, out, c, size);
        }
        c += size > 0 ? size : 1;
    }
}

/* A description, in which # would begin a directive. */
static void put_description(struct lr_document *document, struct lr_buf *out, const char *text) {
    put_line(document, out, text, "#\\");
}

/* `name: "text"` of a block of YAML; nothing where there is no text. */
static void put_field(struct lr_document *document, const char *indent, const char *name,
                      const char *text) {
    struct lr_buf *out = &document->cases;
    if (text != NULL) {
        lr_document_format(document, out, "%s%s: \"", indent, name);
        put_line(document, out, text, "\"\\");
        lr_document_put(document, out, "\"\n");
    }
}

static void put_lines(struct lr_document *document, const char *name,
                      const struct lr_result_lines *lines) {
    struct lr_buf *out = &document->cases;
    if (lines->first != NULL) {
        lr_document_format(document, out, "  %s:\n", name);
    }
    for (const struct lr_result_line *line = lines->first; line != NULL; line = line->next) {
        lr_document_format(document, out, "    - \"%.3f ms  ", (double)line->at / 1e6);
        put_line(document, out, line->text, "\"\\");
        lr_document_put(document, out, "\"\n");
    }
}

static void put_failed(struct lr_document *document, const struct lr_case_result *result) {
    bool any = false;
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        if (!e->held) {
            lr_document_put(document, &document->cases, any ? "" : "  expectations:\n");
            put_field(document, "    - ", "at", e->where);
            put_field(document, "      ", "text", e->text);
            put_field(document, "      ", "wanted", e->expected);
            put_field(document, "      ", "found", e->seen);
            any = true;
        }
    }
}

static void put_diagnostics(struct lr_document *document, const struct lr_case_result *result) {
    lr_document_put(document, &document->cases, "  ---\n");
    put_field(document, "  ", "result", lr_case_outcome_name(result->outcome));
    put_field(document, "  ", "message", result->reason);
    put_field(document, "  ", "title", result->title);
    put_field(document, "  ", "protocol", result->protocol_verdict);
    put_field(document, "  ", "release", result->release_verdict);
    put_failed(document, result);
    put_lines(document, "findings", &result->findings);
    put_lines(document, "receipts", &result->receipts);
    put_lines(document, "sessions", &result->sessions);
    put_lines(document, "timeline", &result->timeline);
    put_field(document, "  ", "repeat", result->repeat);
    lr_document_put(document, &document->cases, "  ...\n");
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
    [LR_CASE_NOT_ALLOWED] = {true, "SKIP", false},
    [LR_CASE_CONTENTION] = {true, NULL, true},
    [LR_CASE_INVALID] = {false, NULL, true},
};

static void put_case(struct lr_document *document, struct lr_buf *out,
                     const struct lr_case_result *result) {
    lr_document_format(document, out, "%s %zu - ", forms[result->outcome].ok ? "ok" : "not ok",
                       document->count + 1);
    put_description(document, out, result->name);
    if (result->world != NULL) {
        lr_document_format(document, out, " (%s)", result->world);
    }
    if (forms[result->outcome].directive != NULL) {
        lr_document_format(document, out, " # %s ", forms[result->outcome].directive);
        put_description(document, out, result->reason);
    }
    lr_document_put(document, out, "\n");
    if (forms[result->outcome].explained) {
        put_diagnostics(document, result);
    }
}

static void put_whole(struct lr_document *document, struct lr_buf *out,
                      const struct lr_run_summary *summary) {
    lr_document_format(document, out, "TAP version 14\n1..%zu\n", document->planned);
    lr_document_put_cases(document, out);
    if (summary != NULL && !lr_document_complete(document, summary)) {
        lr_document_format(document, out, "Bail out! %s: %zu of %zu cases have ended\n",
                           summary->interrupted ? "interrupted" : "lastref itself failed",
                           document->count, document->planned);
    }
}

enum lr_status lr_tap_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                               const char *path, struct lr_error *error) {
    static const struct lr_document_form tap = {.put_case = put_case, .put_whole = put_whole};
    return lr_document_reporter(reporter, alloc, path, &tap, error);
}
