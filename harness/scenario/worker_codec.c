/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/worker_codec.h"

#include <limits.h>
#include <string.h>

#include "base/assert.h"

/* ---- orders ---- */

static void write_calibration(struct lr_line_writer *writer,
                              const struct lr_calibration *calibration) {
    lr_line_number(writer, calibration->rounds);
    lr_line_number(writer, calibration->release_ns_max);
    lr_line_number(writer, calibration->requestable_ns_max);
}

static void read_calibration(struct lr_line_reader *reader, struct lr_calibration *calibration) {
    calibration->rounds = (unsigned int)lr_line_take_number(reader, UINT_MAX);
    calibration->release_ns_max = lr_line_take_number(reader, UINT64_MAX);
    calibration->requestable_ns_max = lr_line_take_number(reader, UINT64_MAX);
}

void lr_order_write(struct lr_line_writer *writer, const struct lr_order *order) {
    lr_line_begin(writer, "play");
    lr_line_text(writer, order->world);
    lr_line_text(writer, order->file);
    lr_line_text(writer, order->name);
    lr_line_text(writer, order->title);
    lr_line_number(writer, (uint64_t)order->index);
    lr_line_number(writer, (uint64_t)order->case_index);
    lr_line_number(writer, order->seed);
    lr_line_number(writer, order->limit_ns);
    write_calibration(writer, &order->calibration);
    lr_line_number(writer, order->torture.kind);
    lr_line_number(writer, order->torture.first);
    lr_line_number(writer, order->torture.last);
    lr_line_number(writer, order->torture.alone);
    lr_line_end(writer);
}

void lr_order_write_calibrate(struct lr_line_writer *writer) {
    lr_line_begin(writer, "calibrate");
    lr_line_end(writer);
}

void lr_order_write_end(struct lr_line_writer *writer) {
    lr_line_begin(writer, "end");
    lr_line_end(writer);
}

static enum lr_status read_play(struct lr_line_reader *reader, struct lr_order *order) {
    order->world = lr_world_named(lr_line_take_string(reader));
    order->file = lr_line_take_string(reader);
    order->name = lr_line_take_string(reader);
    order->title = lr_line_take_string(reader);
    order->index = (int)lr_line_take_number(reader, INT_MAX);
    order->case_index = (int)lr_line_take_number(reader, INT_MAX);
    order->seed = lr_line_take_number(reader, UINT64_MAX);
    order->limit_ns = lr_line_take_number(reader, UINT64_MAX);
    read_calibration(reader, &order->calibration);
    order->torture.kind =
        (enum lr_torture_kind)lr_line_take_number(reader, LR_TORTURE_KIND_COUNT - 1);
    order->torture.first = lr_line_take_number(reader, UINT64_MAX);
    order->torture.last = lr_line_take_number(reader, UINT64_MAX);
    order->torture.alone = lr_line_take_number(reader, 1) == 1;
    return order->world == NULL ? LR_EPROTO : lr_line_done(reader);
}

enum lr_status lr_order_read(struct lr_line_reader *reader, enum lr_order_kind *kind,
                             struct lr_order *order) {
    const char *word = lr_line_word(reader);
    if (strcmp(word, "play") == 0) {
        *kind = LR_ORDER_PLAY;
        return read_play(reader, order);
    }
    *kind = strcmp(word, "calibrate") == 0 ? LR_ORDER_CALIBRATE : LR_ORDER_END;
    bool known = *kind == LR_ORDER_CALIBRATE || strcmp(word, "end") == 0;
    return known ? lr_line_done(reader) : LR_EPROTO;
}

/* ---- results: their texts and lines, by member ---- */

static const size_t text_members[] = {
    offsetof(struct lr_case_result, repeat),
    offsetof(struct lr_case_result, reason),
    offsetof(struct lr_case_result, release_detail),
};

static const struct {
    const char *word;
    size_t member;
} line_members[] = {
    {"finding", offsetof(struct lr_case_result, findings)},
    {"receipt", offsetof(struct lr_case_result, receipts)},
    {"session", offsetof(struct lr_case_result, sessions)},
    {"timeline", offsetof(struct lr_case_result, timeline)},
    {"told", offsetof(struct lr_case_result, told)},
};

static const char *const *text_of(const struct lr_case_result *result, size_t member) {
    return (const char *const *)(const void *)((const char *)result + member);
}

static const struct lr_result_lines *lines_of(const struct lr_case_result *result, size_t member) {
    return (const struct lr_result_lines *)(const void *)((const char *)result + member);
}

static void write_lines(struct lr_line_writer *writer, const char *word,
                        const struct lr_result_lines *lines) {
    for (const struct lr_result_line *line = lines->first; line != NULL; line = line->next) {
        lr_line_begin(writer, word);
        lr_line_number(writer, line->at);
        lr_line_text(writer, line->text);
        lr_line_end(writer);
    }
}

static void write_expectation(struct lr_line_writer *writer, const struct lr_expectation *e) {
    lr_line_begin(writer, "expectation");
    lr_line_text(writer, e->text);
    lr_line_text(writer, e->expected);
    lr_line_text(writer, e->seen);
    lr_line_text(writer, e->where);
    lr_line_number(writer, e->held);
    lr_line_number(writer, e->late);
    lr_line_number(writer, e->session);
    lr_line_end(writer);
}

static void write_head(struct lr_line_writer *writer, const struct lr_case_result *result) {
    lr_line_begin(writer, "result");
    lr_line_text(writer, result->name);
    lr_line_text(writer, result->title);
    lr_line_text(writer, result->file);
    lr_line_text(writer, result->world);
    for (size_t i = 0; i < LR_COUNT_OF(text_members); i++) {
        lr_line_text(writer, *text_of(result, text_members[i]));
    }
    lr_line_text(writer, result->protocol_verdict);
    lr_line_text(writer, result->release_verdict);
    lr_line_number(writer, result->outcome);
    lr_line_number(writer, result->seed);
    lr_line_number(writer, result->duration_ns);
    lr_line_number(writer, result->tries);
    lr_line_number(writer, result->digest);
    for (size_t i = 0; i < LR_COUNT_OF(line_members); i++) {
        lr_line_number(writer, lines_of(result, line_members[i].member)->lost);
    }
    lr_line_number(writer, result->retentions_lost);
    lr_line_text(writer, result->torture);
    lr_line_number(writer, result->torture_points);
    lr_line_number(writer, result->torture_failed);
    lr_line_number(writer, result->torture_over);
    lr_line_end(writer);
}

static void write_retention(struct lr_line_writer *writer, const struct lr_retention *retention) {
    lr_line_begin(writer, "retention");
    lr_line_number(writer, retention->session);
    lr_line_number(writer, retention->at);
    lr_line_number(writer, retention->expected);
    lr_line_text(writer, retention->root);
    lr_line_number(writer, retention->hops_left_out);
    lr_line_number(writer, retention->gap_at);
    lr_line_text(writer, retention->advice);
    lr_line_number(writer, retention->fingerprint);
    lr_line_number(writer, retention->way_count);
    for (size_t i = 0; i < retention->way_count; i++) {
        lr_line_text(writer, retention->ways[i]);
    }
    lr_line_number(writer, retention->hop_count);
    for (size_t i = 0; i < retention->hop_count; i++) {
        const struct lr_hop *hop = &retention->hops[i];
        lr_line_text(writer, hop->via);
        lr_line_text(writer, hop->name);
        lr_line_number(writer, hop->state);
        lr_line_number(writer, hop->in_cycle);
        lr_line_number(writer, hop->suspect);
    }
    lr_line_end(writer);
}

void lr_answer_write(struct lr_line_writer *writer, const struct lr_case_result *result,
                     bool interrupted) {
    write_head(writer, result);
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        write_expectation(writer, e);
    }
    for (size_t i = 0; i < LR_COUNT_OF(line_members); i++) {
        write_lines(writer, line_members[i].word, lines_of(result, line_members[i].member));
    }
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        write_retention(writer, r);
    }
    lr_line_begin(writer, "whole");
    lr_line_number(writer, interrupted);
    lr_line_end(writer);
}

void lr_answer_write_calibration(struct lr_line_writer *writer,
                                 const struct lr_calibration *calibration,
                                 const struct lr_error *error) {
    lr_line_begin(writer, "calibration");
    write_calibration(writer, calibration);
    lr_line_text(writer, error->code == LR_OK ? NULL : error->text);
    lr_line_end(writer);
}

void lr_answer_write_trace(struct lr_line_writer *writer, const struct lr_trace_event *event) {
    lr_line_begin(writer, "trace");
    lr_line_number(writer, event->at);
    lr_line_number(writer, event->kind);
    lr_line_text(writer, event->host);
    lr_line_number(writer, event->conn);
    lr_line_text(writer, event->text);
    lr_line_end(writer);
}

/* ---- and back ---- */

void lr_answer_init(struct lr_answer *answer, struct lr_alloc *alloc) {
    *answer = (struct lr_answer){.interrupted = false};
    lr_line_reader_init(&answer->line, alloc);
}

void lr_answer_deinit(struct lr_answer *answer) {
    lr_line_reader_deinit(&answer->line);
    lr_case_result_deinit(&answer->result);
}

struct lr_case_result lr_answer_take(struct lr_answer *answer) {
    struct lr_case_result result = answer->result;
    answer->result = (struct lr_case_result){.alloc = NULL};
    return result;
}

/* The static string that |text| reads like; verdicts are no one's to free. */
static enum lr_status read_protocol(const char *text, const char **out) {
    static const char *const names[] = {"passed", "failed", "not run", "not implemented",
                                        LR_PROTOCOL_NOT_OBSERVABLE};
    *out = NULL;
    for (size_t i = 0; text != NULL && i < LR_COUNT_OF(names); i++) {
        *out = strcmp(names[i], text) == 0 ? names[i] : *out;
    }
    return text != NULL && *out == NULL ? LR_EPROTO : LR_OK;
}

static enum lr_status read_release(const char *text, const char **out) {
    *out = text != NULL && strcmp(text, "not run") == 0 ? "not run" : NULL;
    for (int i = 0; text != NULL && i < LR_RELEASE_COUNT; i++) {
        const char *name = lr_release_name((enum lr_release)i);
        *out = strcmp(name, text) == 0 ? name : *out;
    }
    return text != NULL && *out == NULL ? LR_EPROTO : LR_OK;
}

static void read_torture(struct lr_line_reader *line, struct lr_case_result *result) {
    const char *name = lr_line_take_text(line);
    result->torture = NULL;
    for (int i = LR_TORTURE_NONE + 1; name != NULL && i < LR_TORTURE_KIND_COUNT; i++) {
        const char *known = lr_torture_name((enum lr_torture_kind)i);
        result->torture = strcmp(known, name) == 0 ? known : result->torture;
    }
    if (name != NULL && result->torture == NULL) {
        line->status = LR_EPROTO;
    }
    result->torture_points = lr_line_take_number(line, UINT64_MAX);
    result->torture_failed = lr_line_take_number(line, UINT64_MAX);
    result->torture_over = lr_line_take_number(line, 1) == 1;
}

static enum lr_status keep_text(struct lr_alloc *alloc, const char *text, const char **out) {
    *out = text == NULL ? NULL : lr_alloc_string(alloc, text, strlen(text));
    return text != NULL && *out == NULL ? LR_ENOMEM : LR_OK;
}

static enum lr_status read_head(struct lr_answer *answer) {
    struct lr_line_reader *line = &answer->line;
    struct lr_case_result *result = &answer->result;
    if (result->alloc != NULL) {
        return LR_EPROTO; /* the one before is not whole */
    }
    const char *name = lr_line_take_string(line);
    const char *title = lr_line_take_string(line);
    const char *file = lr_line_take_string(line);
    enum lr_status status = lr_case_result_init(result, line->alloc, name, title, file);
    if (status != LR_OK) {
        return status;
    }
    const char *world = lr_line_take_text(line);
    result->world = world == NULL ? NULL : lr_world_named(world);
    for (size_t i = 0; i < LR_COUNT_OF(text_members) && status == LR_OK; i++) {
        const char *text = NULL;
        status = keep_text(line->alloc, lr_line_take_text(line), &text);
        memcpy((char *)result + text_members[i], &text, sizeof text);
    }
    enum lr_status protocol = read_protocol(lr_line_take_text(line), &result->protocol_verdict);
    enum lr_status release = read_release(lr_line_take_text(line), &result->release_verdict);
    result->outcome = (enum lr_case_outcome)lr_line_take_number(line, LR_CASE_OUTCOME_COUNT - 1);
    result->seed = lr_line_take_number(line, UINT64_MAX);
    result->duration_ns = lr_line_take_number(line, UINT64_MAX);
    result->tries = (unsigned int)lr_line_take_number(line, UINT_MAX);
    result->digest = lr_line_take_number(line, UINT64_MAX);
    for (size_t i = 0; i < LR_COUNT_OF(line_members); i++) {
        uint64_t lost = lr_line_take_number(line, SIZE_MAX);
        struct lr_result_lines lines = {.lost = (size_t)lost};
        memcpy((char *)result + line_members[i].member, &lines, sizeof lines);
    }
    result->retentions_lost = (size_t)lr_line_take_number(line, SIZE_MAX);
    read_torture(line, result);
    if (status == LR_OK) {
        status = lr_line_done(line);
    }
    return status != LR_OK ? status : protocol != LR_OK ? protocol : release;
}

static enum lr_status read_expectation(struct lr_answer *answer) {
    struct lr_line_reader *line = &answer->line;
    struct lr_expectation e = {.text = lr_line_take_text(line)};
    e.expected = lr_line_take_text(line);
    e.seen = lr_line_take_text(line);
    e.where = lr_line_take_text(line);
    e.held = lr_line_take_number(line, 1) == 1;
    e.late = lr_line_take_number(line, 1) == 1;
    e.session = (uint32_t)lr_line_take_number(line, UINT32_MAX);
    enum lr_status status = lr_line_done(line);
    return status == LR_OK ? lr_case_result_expect(&answer->result, &e) : status;
}

static enum lr_status read_line(struct lr_answer *answer, size_t member) {
    struct lr_line_reader *line = &answer->line;
    uint64_t at = lr_line_take_number(line, UINT64_MAX);
    const char *text = lr_line_take_string(line);
    enum lr_status status = lr_line_done(line);
    struct lr_result_lines lines;
    memcpy(&lines, (char *)&answer->result + member, sizeof lines);
    size_t lost = lines.lost;
    if (status == LR_OK) {
        status = lr_result_lines_add(answer->result.alloc, &lines, at, "%s", text);
        lines.lost = lost;
        memcpy((char *)&answer->result + member, &lines, sizeof lines);
    }
    return status;
}

static void take_name(struct lr_line_reader *line, char *out, size_t size) {
    const char *text = lr_line_take_string(line);
    if (strlen(text) >= size) {
        line->status = LR_EPROTO;
        return;
    }
    memcpy(out, text, strlen(text) + 1);
}

static void read_hop(struct lr_line_reader *line, struct lr_hop *hop) {
    take_name(line, hop->via, sizeof hop->via);
    take_name(line, hop->name, sizeof hop->name);
    hop->state = (enum lr_hop_state)lr_line_take_number(line, LR_HOP_OVER);
    hop->in_cycle = lr_line_take_number(line, 1) == 1;
    hop->suspect = lr_line_take_number(line, 1) == 1;
}

static enum lr_status read_retention(struct lr_answer *answer) {
    struct lr_line_reader *line = &answer->line;
    struct lr_retention retention = {.session = (uint32_t)lr_line_take_number(line, UINT32_MAX)};
    retention.at = lr_line_take_number(line, UINT64_MAX);
    retention.expected = lr_line_take_number(line, 1) == 1;
    take_name(line, retention.root, sizeof retention.root);
    retention.hops_left_out = (size_t)lr_line_take_number(line, SIZE_MAX);
    retention.gap_at = (size_t)lr_line_take_number(line, LR_RETENTION_HOPS_MAX);
    take_name(line, retention.advice, sizeof retention.advice);
    retention.fingerprint = lr_line_take_number(line, UINT64_MAX);
    retention.way_count = (size_t)lr_line_take_number(line, LR_RETENTION_WAYS_MAX);
    for (size_t i = 0; i < retention.way_count; i++) {
        take_name(line, retention.ways[i], sizeof retention.ways[i]);
    }
    retention.hop_count = (size_t)lr_line_take_number(line, LR_RETENTION_HOPS_MAX);
    for (size_t i = 0; i < retention.hop_count; i++) {
        read_hop(line, &retention.hops[i]);
    }
    enum lr_status status = lr_line_done(line);
    return status == LR_OK ? lr_case_result_retain(&answer->result, &retention) : status;
}

static enum lr_status read_part(struct lr_answer *answer, const char *word,
                                enum lr_answer_kind *kind) {
    if (answer->result.alloc == NULL) {
        return LR_EPROTO;
    }
    if (strcmp(word, "whole") == 0) {
        *kind = LR_ANSWER_RESULT;
        answer->interrupted = lr_line_take_number(&answer->line, 1) == 1;
        return lr_line_done(&answer->line);
    }
    if (strcmp(word, "expectation") == 0) {
        return read_expectation(answer);
    }
    if (strcmp(word, "retention") == 0) {
        return read_retention(answer);
    }
    for (size_t i = 0; i < LR_COUNT_OF(line_members); i++) {
        if (strcmp(word, line_members[i].word) == 0) {
            return read_line(answer, line_members[i].member);
        }
    }
    return LR_EPROTO;
}

static enum lr_status read_calibrated(struct lr_answer *answer) {
    read_calibration(&answer->line, &answer->calibration);
    const char *why = lr_line_take_text(&answer->line);
    answer->calibration_error.code = LR_OK;
    if (why != NULL) {
        lr_error_set(&answer->calibration_error, LR_EIO, "%s", why);
    }
    return lr_line_done(&answer->line);
}

static enum lr_status read_trace(struct lr_answer *answer) {
    struct lr_trace_event *event = &answer->event;
    event->at = lr_line_take_number(&answer->line, UINT64_MAX);
    event->kind = (enum lr_trace_kind)lr_line_take_number(&answer->line, LR_TRACE_KIND_COUNT - 1);
    event->host = lr_line_take_text(&answer->line);
    event->conn = (uint32_t)lr_line_take_number(&answer->line, UINT32_MAX);
    event->text = lr_line_take_string(&answer->line);
    return lr_line_done(&answer->line);
}

enum lr_status lr_answer_read(struct lr_answer *answer, const char *piece,
                              enum lr_answer_kind *kind) {
    *kind = LR_ANSWER_PART;
    enum lr_status status = lr_line_feed(&answer->line, piece);
    if (status != LR_OK || !answer->line.whole) {
        return status;
    }
    const char *word = lr_line_word(&answer->line);
    if (strcmp(word, "result") == 0) {
        return read_head(answer);
    }
    if (strcmp(word, "trace") == 0) {
        *kind = LR_ANSWER_TRACE;
        return read_trace(answer);
    }
    if (strcmp(word, "calibration") == 0) {
        *kind = LR_ANSWER_CALIBRATION;
        return read_calibrated(answer);
    }
    return read_part(answer, word, kind);
}
