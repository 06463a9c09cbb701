/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JSON (docs/results.md): the whole document each time, replaced atomically, so that
 * what stands in the file is always valid, and says whether the run has ended. A case is put into
 * JSON once, when it ends. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "reports/reports.h"
#include "reports/terminal.h"
#include "reports/utf8.h"

struct json_report {
    struct lr_reporter reporter;
    struct lr_alloc *alloc;
    char *path;
    struct lr_buf cases; /* the objects so far, with commas between them */
    size_t planned;
    size_t ended;          /* that are in |cases| */
    struct lr_error error; /* the first; told by finish */
    bool broken;           /* what is being put together misses something, and is not to be used */
};

static struct json_report *report_of(struct lr_reporter *reporter) {
    return LR_CONTAINER_OF(reporter, struct json_report, reporter);
}

static void note(struct json_report *report, bool done) {
    report->broken = report->broken || !done;
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

/* |text| may be NULL, and hold any bytes. NULL: no memory. */
static json_t *text_value(struct json_report *report, const char *text) {
    struct lr_buf clean;
    json_t *value = NULL;
    lr_buf_init(&clean, report->alloc);
    if (text == NULL) {
        value = json_null();
    } else if (text[0] == '\0') {
        value = json_string("");
    } else if (lr_utf8_append(&clean, text) == LR_OK) {
        value = json_stringn((const char *)lr_buf_data(&clean), lr_buf_size(&clean));
    }
    lr_buf_deinit(&clean);
    return value;
}

static void set_text(struct json_report *report, json_t *object, const char *name,
                     const char *text) {
    set(report, object, name, text_value(report, text));
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

static json_t *hops_of(struct json_report *report, const struct lr_retention *retention) {
    json_t *array = json_array();
    for (size_t i = 0; i < retention->hop_count; i++) {
        const struct lr_hop *hop = &retention->hops[i];
        json_t *one = json_object();
        set_text(report, one, "via", hop->via);
        set_text(report, one, "name", hop->name);
        set(report, one, "in_cycle", json_boolean(hop->in_cycle));
        set(report, one, "suspect", json_boolean(hop->suspect));
        note(report, json_array_append_new(array, one) == 0);
    }
    return array;
}

static json_t *retention_of(struct json_report *report, const struct lr_retention *retention) {
    char fingerprint[17];
    json_t *one = json_object();
    json_t *ways = json_array();
    for (size_t i = 0; i < retention->way_count; i++) {
        note(report, json_array_append_new(ways, text_value(report, retention->ways[i])) == 0);
    }
    set_number(report, one, "session", retention->session);
    set_number(report, one, "at_ns", retention->at);
    set(report, one, "expected", json_boolean(retention->expected));
    set_text(report, one, "root", retention->root);
    set(report, one, "path", hops_of(report, retention));
    set_number(report, one, "left_out", retention->hops_left_out);
    set(report, one, "released_by", ways);
    set_text(report, one, "advice", retention->advice);
    set_text(report, one, "fingerprint", lr_retention_fingerprint(fingerprint, retention));
    return one;
}

static void set_retentions(struct json_report *report, json_t *object,
                           const struct lr_case_result *result) {
    json_t *array = json_array();
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        note(report, json_array_append_new(array, retention_of(report, r)) == 0);
    }
    set(report, object, "held", array);
    set_number(report, object, "held_left_out", result->retentions_lost);
}

/* Of 16 hexadecimal digits; null where the world has none. */
static void set_digest(struct json_report *report, json_t *object, uint64_t digest) {
    char text[24];
    (void)snprintf(text, sizeof text, "%016" PRIx64, digest);
    set_text(report, object, "digest", digest == 0 ? NULL : text);
}

static void set_torture(struct json_report *report, json_t *object,
                        const struct lr_case_result *result) {
    json_t *torture = result->torture == NULL ? json_null() : json_object();
    if (result->torture != NULL) {
        set_text(report, torture, "what", result->torture);
        set_number(report, torture, "points", result->torture_points);
        set_number(report, torture, "failed", result->torture_failed);
    }
    set(report, object, "torture", torture);
}

static json_t *case_of(struct json_report *report, const struct lr_case_result *result) {
    json_t *one = json_object();
    set_text(report, one, "name", result->name);
    set_text(report, one, "title", result->title);
    set_text(report, one, "file", result->file);
    set_text(report, one, "world", result->world);
    set_text(report, one, "result", lr_case_outcome_name(result->outcome));
    set_text(report, one, "reason", result->reason);
    set_text(report, one, "protocol", result->protocol_verdict);
    set_text(report, one, "release", result->release_verdict);
    set_text(report, one, "release_detail", result->release_detail);
    set_number(report, one, "seed", result->seed);
    set_number(report, one, "tries", result->tries);
    set_number(report, one, "duration_ns", result->duration_ns);
    set_digest(report, one, result->digest);
    set_text(report, one, "repeat", result->repeat);
    set_expectations(report, one, result);
    set_lines(report, one, "findings", &result->findings);
    set_lines(report, one, "receipts", &result->receipts);
    set_lines(report, one, "sessions", &result->sessions);
    set_lines(report, one, "told", &result->told);
    set_retentions(report, one, result);
    set_torture(report, one, result);
    set_lines(report, one, "timeline", &result->timeline);
    return one;
}

static json_t *counts_of(struct json_report *report, const size_t *outcomes) {
    json_t *counts = json_object();
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT; i++) {
        set_number(report, counts, lr_case_outcome_name((enum lr_case_outcome)i), outcomes[i]);
    }
    return counts;
}

static json_t *worlds_of(struct json_report *report, const struct lr_run_summary *summary) {
    json_t *worlds = json_object();
    for (size_t i = 0; i < summary->world_count; i++) {
        const struct lr_world_summary *world = &summary->worlds[i];
        json_t *one = json_object();
        set_number(report, one, "cases", world->cases);
        set_number(report, one, "duration_ns", world->duration_ns);
        set(report, one, "counts", counts_of(report, world->counts));
        set(report, worlds, world->name, one);
    }
    return worlds;
}

static json_t *calibration_of(struct json_report *report, const struct lr_run_summary *summary) {
    const struct lr_error *error = &summary->calibration_error;
    json_t *calibration = json_object();
    set_number(report, calibration, "rounds", summary->calibration.rounds);
    set_number(report, calibration, "release_ns_max", summary->calibration.release_ns_max);
    set_number(report, calibration, "requestable_ns_max", summary->calibration.requestable_ns_max);
    set_text(report, calibration, "error", error->code == LR_OK ? NULL : error->text);
    return calibration;
}

static void set_summary(struct json_report *report, json_t *document,
                        const struct lr_run_summary *summary) {
    uint64_t duration = 0;
    for (size_t i = 0; i < summary->world_count; i++) {
        duration += summary->worlds[i].duration_ns;
    }
    set_text(report, document, "world", summary->world);
    set_number(report, document, "seed", summary->seed);
    set_number(report, document, "exit_status", (uint64_t)summary->exit_status);
    set(report, document, "interrupted", json_boolean(summary->interrupted));
    set_number(report, document, "duration_ns", duration);
    set(report, document, "counts", counts_of(report, summary->counts));
    set(report, document, "worlds", worlds_of(report, summary));
    set_number(report, document, "known_unmatched", summary->known_unmatched);
    set(report, document, "calibration", calibration_of(report, summary));
}

static void append(struct json_report *report, struct lr_buf *out, const char *text) {
    note(report, lr_buf_append(out, text, strlen(text)) == LR_OK);
}

struct sink {
    struct json_report *report;
    struct lr_buf *out;
};

/* The library does not always look at what this returns (seen in 2.14): it is noted here. */
static int append_piece(const char *text, size_t size, void *context) {
    const struct sink *sink = context;
    bool done = lr_buf_append(sink->out, text, size) == LR_OK;
    note(sink->report, done);
    return done ? 0 : -1;
}

static void append_value(struct json_report *report, struct lr_buf *out, const json_t *value) {
    struct sink sink = {report, out};
    note(report, json_dump_callback(value, append_piece, &sink, JSON_INDENT(1)) == 0);
}

/* The head's object, with the cases as its last member. What would not be whole is not written: the
 * file keeps what it has. */
static void write_text(struct json_report *report, const json_t *head) {
    struct lr_buf out;
    struct lr_error error = {.code = LR_OK};
    lr_buf_init(&out, report->alloc);
    append_value(report, &out, head);
    if (!report->broken) {
        lr_buf_truncate(&out, lr_buf_size(&out) - strlen("\n}"));
        append(report, &out, ",\n \"cases\": [");
        note(report, lr_buf_append(&out, lr_buf_data(&report->cases),
                                   lr_buf_size(&report->cases)) == LR_OK);
        append(report, &out, "]\n}\n");
    }
    if (!report->broken &&
        lr_write_file(report->path, lr_buf_data(&out), lr_buf_size(&out), &error) != LR_OK &&
        report->error.code == LR_OK) {
        report->error = error;
    }
    lr_buf_deinit(&out);
}

/* |summary| NULL: the run goes on. */
static void write_document(struct json_report *report, const struct lr_run_summary *summary) {
    report->broken = false;
    json_t *document = json_object();
    bool complete = summary != NULL && !summary->interrupted && report->ended == report->planned;
    set_number(report, document, "lastref", 1); /* the schema's version */
    set(report, document, "complete", json_boolean(complete));
    set_number(report, document, "planned", report->planned);
    if (summary != NULL) {
        set_summary(report, document, summary);
    }
    write_text(report, document);
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
    size_t before = lr_buf_size(&report->cases);
    report->broken = false;
    json_t *one = case_of(report, result);
    append(report, &report->cases, before == 0 ? "\n" : ",\n");
    append_value(report, &report->cases, one);
    json_decref(one);
    if (report->broken) {
        lr_buf_truncate(&report->cases, before);
    } else {
        report->ended++;
    }
}

static void flush(struct lr_reporter *reporter) {
    write_document(report_of(reporter), NULL);
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
    lr_buf_deinit(&report->cases);
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
    lr_buf_init(&report->cases, alloc);
    report->reporter = (struct lr_reporter){
        .begin = begin, .ended = ended, .flush = flush, .finish = finish, .free = free_report};
    *reporter = &report->reporter;
    if (report->path == NULL) {
        free_report(&report->reporter);
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    return LR_OK;
}
