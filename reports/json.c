/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JSON (docs/results.md): the whole document after every case, replaced atomically, so
 * that what stands in the file is always valid, and says whether the run has ended. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "reports/reports.h"
#include "reports/terminal.h"
#include "reports/utf8.h"

struct json_report {
    struct lr_reporter reporter;
    struct lr_alloc *alloc;
    char *path;
    json_t *cases;
    size_t planned;
    size_t ended;
    struct lr_error error; /* the first; told by finish */
};

static struct json_report *report_of(struct lr_reporter *reporter) {
    return LR_CONTAINER_OF(reporter, struct json_report, reporter);
}

static void note(struct json_report *report, bool done) {
    if (!done && report->error.code == LR_OK) {
        lr_error_set(&report->error, LR_ENOMEM, "%s: no memory", report->path);
    }
}

/* Takes |value|. */
static void set(struct json_report *report, json_t *object, const char *name, json_t *value) {
    note(report, json_object_set_new(object, name, value) == 0);
}

static void set_number(struct json_report *report, json_t *object, const char *name,
                       uint64_t value) {
    /* JSON's readers mostly have 64 bits with a sign: more than that is told as text. */
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    set(report, object, name,
        value <= INT64_MAX ? json_integer((json_int_t)value) : json_string(text));
}

/* |text| may be NULL, and hold any bytes. */
static void set_text(struct json_report *report, json_t *object, const char *name,
                     const char *text) {
    struct lr_buf clean;
    lr_buf_init(&clean, report->alloc);
    if (text == NULL) {
        set(report, object, name, json_null());
    } else if (text[0] == '\0') {
        set(report, object, name, json_string(""));
    } else if (lr_utf8_append(&clean, text) == LR_OK) {
        set(report, object, name,
            json_stringn((const char *)lr_buf_data(&clean), lr_buf_size(&clean)));
    } else {
        note(report, false);
    }
    lr_buf_deinit(&clean);
}

static void set_lines(struct json_report *report, json_t *object, const char *name,
                      const struct lr_result_lines *lines) {
    json_t *array = json_array();
    for (const struct lr_result_line *line = lines->first; line != NULL; line = line->next) {
        json_t *one = json_object();
        set_number(report, one, "at_ns", line->at);
        set_text(report, one, "text", line->text);
        note(report, json_array_append_new(array, one) == 0);
    }
    set(report, object, name, array);
}

static void set_expectations(struct json_report *report, json_t *object,
                             const struct lr_case_result *result) {
    json_t *array = json_array();
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        json_t *one = json_object();
        set_text(report, one, "text", e->text);
        set_text(report, one, "expected", e->expected);
        set_text(report, one, "seen", e->seen);
        set_text(report, one, "where", e->where);
        set(report, one, "held", json_boolean(e->held));
        set(report, one, "late", json_boolean(e->late));
        set_number(report, one, "session", e->session);
        note(report, json_array_append_new(array, one) == 0);
    }
    set(report, object, "expectations", array);
}

static json_t *case_of(struct json_report *report, const struct lr_case_result *result) {
    json_t *one = json_object();
    set_text(report, one, "name", result->name);
    set_text(report, one, "title", result->title);
    set_text(report, one, "file", result->file);
    set_text(report, one, "result", lr_case_outcome_name(result->outcome));
    set_text(report, one, "reason", result->reason);
    set_text(report, one, "protocol", result->protocol_verdict);
    set_text(report, one, "release", result->release_verdict);
    set_text(report, one, "release_detail", result->release_detail);
    set_number(report, one, "seed", result->seed);
    set_number(report, one, "tries", result->tries);
    set_number(report, one, "duration_ns", result->duration_ns);
    set_text(report, one, "repeat", result->repeat);
    set_expectations(report, one, result);
    set_lines(report, one, "findings", &result->findings);
    set_lines(report, one, "receipts", &result->receipts);
    set_lines(report, one, "sessions", &result->sessions);
    set_lines(report, one, "timeline", &result->timeline);
    return one;
}

static void set_summary(struct json_report *report, json_t *document,
                        const struct lr_run_summary *summary) {
    json_t *counts = json_object();
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT; i++) {
        set_number(report, counts, lr_case_outcome_name((enum lr_case_outcome)i),
                   summary->counts[i]);
    }
    json_t *calibration = json_object();
    set_number(report, calibration, "rounds", summary->calibration.rounds);
    set_number(report, calibration, "release_ns_max", summary->calibration.release_ns_max);
    set_number(report, calibration, "requestable_ns_max", summary->calibration.requestable_ns_max);
    set_text(report, document, "world", summary->world);
    set_number(report, document, "seed", summary->seed);
    set_number(report, document, "exit_status", (uint64_t)summary->exit_status);
    set(report, document, "interrupted", json_boolean(summary->interrupted));
    set_number(report, document, "duration_ns", summary->duration_ns);
    set(report, document, "counts", counts);
    set_number(report, document, "known_unmatched", summary->known_unmatched);
    set(report, document, "calibration", calibration);
}

/* |summary| NULL: the run goes on. */
static void write_document(struct json_report *report, const struct lr_run_summary *summary) {
    json_t *document = json_object();
    bool complete = summary != NULL && !summary->interrupted && report->ended == report->planned;
    set_number(report, document, "lastref", 1); /* the schema's version */
    set(report, document, "complete", json_boolean(complete));
    set_number(report, document, "planned", report->planned);
    if (summary != NULL) {
        set_summary(report, document, summary);
    }
    note(report, json_object_set(document, "cases", report->cases) == 0);
    char *text = json_dumps(document, JSON_INDENT(1));
    struct lr_error error = {.code = LR_OK};
    note(report, text != NULL);
    if (text != NULL && lr_write_file(report->path, text, strlen(text), &error) != LR_OK &&
        report->error.code == LR_OK) {
        report->error = error;
    }
    free(text); /* jansson's */
    json_decref(document);
}

static void begin(struct lr_reporter *reporter, size_t case_count) {
    struct json_report *report = report_of(reporter);
    report->planned = case_count;
    write_document(report, NULL);
}

static void ended(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                  size_t count) {
    struct json_report *report = report_of(reporter);
    (void)index;
    (void)count;
    report->ended++;
    note(report, json_array_append_new(report->cases, case_of(report, result)) == 0);
    write_document(report, NULL);
}

static enum lr_status finish(struct lr_reporter *reporter, const struct lr_run_summary *summary,
                             struct lr_error *error) {
    struct json_report *report = report_of(reporter);
    write_document(report, summary);
    if (report->error.code != LR_OK) {
        *error = report->error;
    }
    return report->error.code;
}

static void free_report(struct lr_reporter *reporter) {
    struct json_report *report = report_of(reporter);
    json_decref(report->cases);
    lr_alloc_free_string(report->alloc, report->path);
    LR_FREE(report->alloc, report);
}

enum lr_status lr_json_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                const char *path, struct lr_error *error) {
    struct json_report *report = LR_NEW(alloc, struct json_report);
    if (report == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    report->alloc = alloc;
    report->path = lr_alloc_string(alloc, path, strlen(path));
    report->cases = json_array();
    report->reporter =
        (struct lr_reporter){.begin = begin, .ended = ended, .finish = finish, .free = free_report};
    *reporter = &report->reporter;
    if (report->path == NULL || report->cases == NULL) {
        free_report(&report->reporter);
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    return LR_OK;
}
