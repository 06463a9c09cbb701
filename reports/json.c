/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JSON (docs/results.md): the whole document each time, replaced atomically, so that
 * what stands in the file is always valid, and says whether the run has ended. A case is put into
 * JSON once, when it ends. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "reports/document.h"
#include "reports/reports.h"
#include "reports/utf8.h"

static void note(struct lr_document *document, bool done) {
    lr_document_note(document, done ? LR_OK : LR_ENOMEM);
}

/* Takes |value|. */
static void set(struct lr_document *document, json_t *object, const char *name, json_t *value) {
    note(document, json_object_set_new(object, name, value) == 0);
}

static void set_number(struct lr_document *document, json_t *object, const char *name,
                       uint64_t value) {
    /* JSON's readers mostly have 64 bits with a sign: more than that is told as text. */
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    set(document, object, name,
        value <= INT64_MAX ? json_integer((json_int_t)value) : json_string(text));
}

/* |text| may be NULL, and hold any bytes. NULL: no memory. */
static json_t *text_value(struct lr_document *document, const char *text) {
    struct lr_buf clean;
    json_t *value = NULL;
    lr_buf_init(&clean, document->alloc);
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

static void set_text(struct lr_document *document, json_t *object, const char *name,
                     const char *text) {
    set(document, object, name, text_value(document, text));
}

static void set_lines(struct lr_document *document, json_t *object, const char *name,
                      const struct lr_result_lines *lines) {
    json_t *array = json_array();
    for (const struct lr_result_line *line = lines->first; line != NULL; line = line->next) {
        json_t *one = json_object();
        set_number(document, one, "at_ns", line->at);
        set_text(document, one, "text", line->text);
        note(document, json_array_append_new(array, one) == 0);
    }
    set(document, object, name, array);
}

static void set_expectations(struct lr_document *document, json_t *object,
                             const struct lr_case_result *result) {
    json_t *array = json_array();
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        json_t *one = json_object();
        set_text(document, one, "text", e->text);
        set_text(document, one, "expected", e->expected);
        set_text(document, one, "seen", e->seen);
        set_text(document, one, "where", e->where);
        set(document, one, "held", json_boolean(e->held));
        set(document, one, "late", json_boolean(e->late));
        set_number(document, one, "session", e->session);
        note(document, json_array_append_new(array, one) == 0);
    }
    set(document, object, "expectations", array);
}

static json_t *hops_of(struct lr_document *document, const struct lr_retention *retention) {
    json_t *array = json_array();
    for (size_t i = 0; i < retention->hop_count; i++) {
        const struct lr_hop *hop = &retention->hops[i];
        json_t *one = json_object();
        set_text(document, one, "via", hop->via);
        set_text(document, one, "name", hop->name);
        set(document, one, "in_cycle", json_boolean(hop->in_cycle));
        set(document, one, "suspect", json_boolean(hop->suspect));
        note(document, json_array_append_new(array, one) == 0);
    }
    return array;
}

static json_t *retention_of(struct lr_document *document, const struct lr_retention *retention) {
    char fingerprint[17];
    json_t *one = json_object();
    json_t *ways = json_array();
    for (size_t i = 0; i < retention->way_count; i++) {
        note(document, json_array_append_new(ways, text_value(document, retention->ways[i])) == 0);
    }
    set_number(document, one, "session", retention->session);
    set_number(document, one, "at_ns", retention->at);
    set(document, one, "expected", json_boolean(retention->expected));
    set_text(document, one, "root", retention->root);
    set(document, one, "path", hops_of(document, retention));
    set_number(document, one, "left_out", retention->hops_left_out);
    set(document, one, "released_by", ways);
    set_text(document, one, "advice", retention->advice);
    set_text(document, one, "fingerprint", lr_retention_fingerprint(fingerprint, retention));
    return one;
}

static void set_retentions(struct lr_document *document, json_t *object,
                           const struct lr_case_result *result) {
    json_t *array = json_array();
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        note(document, json_array_append_new(array, retention_of(document, r)) == 0);
    }
    set(document, object, "held", array);
    set_number(document, object, "held_left_out", result->retentions_lost);
}

/* Of 16 hexadecimal digits; null where the world has none. */
static void set_digest(struct lr_document *document, json_t *object, uint64_t digest) {
    char text[24];
    (void)snprintf(text, sizeof text, "%016" PRIx64, digest);
    set_text(document, object, "digest", digest == 0 ? NULL : text);
}

static void set_torture(struct lr_document *document, json_t *object,
                        const struct lr_case_result *result) {
    json_t *torture = result->torture == NULL ? json_null() : json_object();
    if (result->torture != NULL) {
        set_text(document, torture, "what", result->torture);
        set_number(document, torture, "points", result->torture_points);
        set_number(document, torture, "failed", result->torture_failed);
    }
    set(document, object, "torture", torture);
}

static json_t *case_of(struct lr_document *document, const struct lr_case_result *result) {
    json_t *one = json_object();
    set_text(document, one, "name", result->name);
    set_text(document, one, "title", result->title);
    set_text(document, one, "file", result->file);
    set_text(document, one, "world", result->world);
    set_text(document, one, "result", lr_case_outcome_name(result->outcome));
    set_text(document, one, "reason", result->reason);
    set_text(document, one, "protocol", result->protocol_verdict);
    set_text(document, one, "release", result->release_verdict);
    set_text(document, one, "release_detail", result->release_detail);
    set_number(document, one, "seed", result->seed);
    set_number(document, one, "tries", result->tries);
    set_number(document, one, "duration_ns", result->duration_ns);
    set_digest(document, one, result->digest);
    set_text(document, one, "repeat", result->repeat);
    set_expectations(document, one, result);
    set_lines(document, one, "findings", &result->findings);
    set_lines(document, one, "receipts", &result->receipts);
    set_lines(document, one, "sessions", &result->sessions);
    set_lines(document, one, "told", &result->told);
    set_retentions(document, one, result);
    set_torture(document, one, result);
    set_lines(document, one, "timeline", &result->timeline);
    return one;
}

static json_t *counts_of(struct lr_document *document, const size_t *outcomes) {
    json_t *counts = json_object();
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT; i++) {
        set_number(document, counts, lr_case_outcome_name((enum lr_case_outcome)i), outcomes[i]);
    }
    return counts;
}

static json_t *worlds_of(struct lr_document *document, const struct lr_run_summary *summary) {
    json_t *worlds = json_object();
    for (size_t i = 0; i < summary->world_count; i++) {
        const struct lr_world_summary *world = &summary->worlds[i];
        json_t *one = json_object();
        set_number(document, one, "cases", world->cases);
        set_number(document, one, "duration_ns", world->duration_ns);
        set(document, one, "counts", counts_of(document, world->counts));
        set(document, worlds, world->name, one);
    }
    return worlds;
}

static json_t *calibration_of(struct lr_document *document, const struct lr_run_summary *summary) {
    const struct lr_error *error = &summary->calibration_error;
    json_t *calibration = json_object();
    set_number(document, calibration, "rounds", summary->calibration.rounds);
    set_number(document, calibration, "release_ns_max", summary->calibration.release_ns_max);
    set_number(document, calibration, "requestable_ns_max",
               summary->calibration.requestable_ns_max);
    set_text(document, calibration, "error", error->code == LR_OK ? NULL : error->text);
    return calibration;
}

static void set_summary(struct lr_document *document, json_t *head,
                        const struct lr_run_summary *summary) {
    uint64_t duration = 0;
    for (size_t i = 0; i < summary->world_count; i++) {
        duration += summary->worlds[i].duration_ns;
    }
    set_text(document, head, "world", summary->world);
    set_number(document, head, "seed", summary->seed);
    set_number(document, head, "exit_status", (uint64_t)summary->exit_status);
    set(document, head, "interrupted", json_boolean(summary->interrupted));
    set_number(document, head, "duration_ns", duration);
    set(document, head, "counts", counts_of(document, summary->counts));
    set(document, head, "worlds", worlds_of(document, summary));
    set_number(document, head, "known_unmatched", summary->known_unmatched);
    set(document, head, "calibration", calibration_of(document, summary));
}

struct sink {
    struct lr_document *document;
    struct lr_buf *out;
};

/* The library does not always look at what this returns (seen in 2.14): it is noted here. */
static int put_piece(const char *text, size_t size, void *context) {
    const struct sink *sink = context;
    enum lr_status status = lr_buf_append(sink->out, text, size);
    lr_document_note(sink->document, status);
    return status == LR_OK ? 0 : -1;
}

/* Takes |value|. */
static void put_value(struct lr_document *document, struct lr_buf *out, json_t *value) {
    struct sink sink = {document, out};
    note(document, json_dump_callback(value, put_piece, &sink, JSON_INDENT(1)) == 0);
    json_decref(value);
}

static void put_case(struct lr_document *document, struct lr_buf *out,
                     const struct lr_case_result *result) {
    lr_document_put(document, out, lr_buf_size(out) == 0 ? "\n" : ",\n");
    put_value(document, out, case_of(document, result));
}

/* An object whose last member are the cases. */
static void put_whole(struct lr_document *document, struct lr_buf *out,
                      const struct lr_run_summary *summary) {
    json_t *head = json_object();
    set_number(document, head, "lastref", 1); /* the schema's version */
    set(document, head, "complete", json_boolean(lr_document_complete(document, summary)));
    set_number(document, head, "planned", document->planned);
    if (summary != NULL) {
        set_summary(document, head, summary);
    }
    put_value(document, out, head);
    if (!document->broken) {
        lr_buf_truncate(out, lr_buf_size(out) - strlen("\n}"));
        lr_document_put(document, out, ",\n \"cases\": [");
        lr_document_put_cases(document, out);
        lr_document_put(document, out, "]\n}\n");
    }
}

enum lr_status lr_json_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                const char *path, struct lr_error *error) {
    static const struct lr_document_form json = {.put_case = put_case, .put_whole = put_whole};
    return lr_document_reporter(reporter, alloc, path, &json, error);
}
