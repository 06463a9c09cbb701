/* SPDX-License-Identifier: Apache-2.0 */
/* What a run and its workers say to each other comes over whole, whatever bytes are in it; and what
 * is not said by a worker is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "scenario/worker_codec.h"
#include "support/failing.h"
#include "support/scenario_result.h"

/* Hands |written| over as pipes do, in pieces of lines. Fails the test where one is refused before
 * the last. */
static enum lr_status hear_all(struct lr_answer *answer, struct lr_line_writer *written,
                               enum lr_answer_kind *kind) {
    enum lr_status status = lr_buf_append(&written->bytes, "", 1);
    char *line = (char *)written->bytes.block + written->bytes.begin;
    for (char *end = strchr(line, '\n'); status == LR_OK && end != NULL;
         line = end + 1, end = strchr(line, '\n')) {
        *end = '\0';
        cr_assert_leq(strlen(line), LR_LINE_PIECE_MAX + 2);
        status = lr_answer_read(answer, line, kind);
    }
    return status;
}

static void expect_text(const char *a, const char *b) {
    cr_expect_eq(a == NULL, b == NULL);
    if (a != NULL && b != NULL) {
        cr_expect_str_eq(a, b);
    }
}

static void expect_lines(const struct lr_result_lines *a, const struct lr_result_lines *b) {
    const struct lr_result_line *y = b->first;
    cr_expect_eq(a->count, b->count);
    cr_expect_eq(a->lost, b->lost);
    for (const struct lr_result_line *x = a->first; x != NULL && y != NULL; x = x->next) {
        expect_text(x->text, y->text);
        cr_expect_eq(x->at, y->at);
        y = y->next;
    }
}

static void expect_expectations(const struct lr_case_result *a, const struct lr_case_result *b) {
    const struct lr_expectation *y = b->expectations;
    for (const struct lr_expectation *x = a->expectations; x != NULL; x = x->next) {
        cr_assert_not_null(y);
        expect_text(x->text, y->text);
        expect_text(x->expected, y->expected);
        expect_text(x->seen, y->seen);
        expect_text(x->where, y->where);
        cr_expect_eq(x->held, y->held);
        cr_expect_eq(x->late, y->late);
        cr_expect_eq(x->session, y->session);
        y = y->next;
    }
    cr_expect_null(y);
}

static void expect_same(const struct lr_case_result *a, const struct lr_case_result *b) {
    expect_text(a->name, b->name);
    expect_text(a->title, b->title);
    expect_text(a->file, b->file);
    expect_text(a->world, b->world);
    expect_text(a->repeat, b->repeat);
    expect_text(a->reason, b->reason);
    expect_text(a->protocol_verdict, b->protocol_verdict);
    expect_text(a->release_verdict, b->release_verdict);
    expect_text(a->release_detail, b->release_detail);
    cr_expect_eq(a->outcome, b->outcome);
    cr_expect_eq(a->seed, b->seed);
    cr_expect_eq(a->duration_ns, b->duration_ns);
    cr_expect_eq(a->tries, b->tries);
    expect_expectations(a, b);
    expect_lines(&a->findings, &b->findings);
    expect_lines(&a->receipts, &b->receipts);
    expect_lines(&a->sessions, &b->sessions);
    expect_lines(&a->timeline, &b->timeline);
    expect_lines(&a->told, &b->told);
    cr_expect_eq(a->retentions_lost, b->retentions_lost);
    cr_expect_eq(a->digest, b->digest);
}

static void expect_round_trip(const struct lr_case_result *result, bool interrupted) {
    struct lr_line_writer writer;
    struct lr_answer answer;
    enum lr_answer_kind kind = LR_ANSWER_PART;
    lr_line_writer_init(&writer, lr_alloc_system());
    lr_answer_init(&answer, lr_alloc_system());
    lr_answer_write(&writer, result, interrupted);
    cr_assert_eq(writer.status, LR_OK);
    cr_assert_eq(hear_all(&answer, &writer, &kind), LR_OK);
    cr_assert_eq(kind, LR_ANSWER_RESULT);
    cr_expect_eq(answer.interrupted, interrupted);
    struct lr_case_result back = lr_answer_take(&answer);
    expect_same(result, &back);
    lr_case_result_deinit(&back);
    lr_answer_deinit(&answer);
    lr_line_writer_deinit(&writer);
}

static void make(struct lr_case_result *result, const char *text) {
    lr_test_result_init(result, lr_alloc_system(), "area/case[n=1]", LR_CASE_UNEXPECTED, text);
    cr_assert_eq(lr_result_lines_add(result->alloc, &result->told, 5, "%s", text), LR_OK);
    result->timeline.lost = 3;
    result->retentions_lost = 2;
    result->digest = UINT64_MAX - 1;
    result->seed = UINT64_MAX;
}

Test(scenario_worker_codec, a_result_comes_over_whole_whatever_bytes_are_in_it) {
    static const char *const texts[] = {
        /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one text */
        LR_HOSTILE_TEXT, "",       " ",     "\\",   "\\x41", "\\-",          "\\e",
        "a b",           "a\nb\n", "\nend", "\\\n", "whole", "\x7F\x80\xFF",
    };
    for (size_t i = 0; i < LR_COUNT_OF(texts); i++) {
        struct lr_case_result result;
        make(&result, texts[i]);
        expect_round_trip(&result, i % 2 == 1);
        lr_case_result_deinit(&result);
    }
}

Test(scenario_worker_codec, every_byte_that_a_string_can_hold_comes_over) {
    char text[256];
    for (int c = 1; c < 256; c++) {
        text[c - 1] = (char)c;
    }
    text[255] = '\0';
    struct lr_case_result result;
    make(&result, text);
    expect_round_trip(&result, false);
    lr_case_result_deinit(&result);
}

/* Longer than a piece of a line, and than any buffer of who reads it. */
Test(scenario_worker_codec, long_texts_go_in_pieces) {
    const size_t size = (size_t)LR_LINE_PIECE_MAX * 40 + 17;
    char *text = calloc(1, size + 1);
    struct lr_prng random;
    cr_assert_not_null(text);
    lr_prng_init(&random, 4);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)(1 + lr_prng_next(&random) % 255);
    }
    struct lr_case_result result;
    cr_assert_eq(lr_case_result_init(&result, lr_alloc_system(), text, text, "f"), LR_OK);
    expect_round_trip(&result, false);
    lr_case_result_deinit(&result);
    free(text);
}

Test(scenario_worker_codec, every_outcome_and_verdict_comes_over) {
    static const char *const protocols[] = {NULL, "passed", "failed", "not run",
                                            LR_PROTOCOL_NOT_OBSERVABLE};
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT * LR_RELEASE_COUNT; i++) {
        struct lr_case_result result;
        make(&result, "t");
        result.outcome = (enum lr_case_outcome)(i % LR_CASE_OUTCOME_COUNT);
        result.release_verdict = lr_release_name((enum lr_release)(i % LR_RELEASE_COUNT));
        result.protocol_verdict = protocols[i % (int)LR_COUNT_OF(protocols)];
        expect_round_trip(&result, false);
        lr_case_result_deinit(&result);
    }
}

static void fill(struct lr_retention *retention) {
    lr_retention_init(retention, 7, 12);
    lr_retention_set_root(retention, "uncollected cycle, generation %d", 0);
    lr_retention_add(retention, "", "traceback", LR_HOP_OVER, true);
    lr_retention_add(retention, "f_back", "frame a b\n", LR_HOP_UNKNOWN, true);
    lr_retention_add(retention, "local r", "session", LR_HOP_IN_USE, false);
    lr_retention_way(retention, "gc.collect(0)");
    lr_retention_conclude(retention);
    retention->expected = true;
}

Test(scenario_worker_codec, what_holds_a_session_comes_over) {
    struct lr_line_writer writer;
    struct lr_answer answer;
    struct lr_case_result result;
    static struct lr_retention retention;
    enum lr_answer_kind kind = LR_ANSWER_PART;
    char before[LR_RETENTION_TEXT_MAX];
    char after[LR_RETENTION_TEXT_MAX];
    make(&result, "t");
    fill(&retention);
    cr_assert_eq(lr_case_result_retain(&result, &retention), LR_OK);
    lr_line_writer_init(&writer, lr_alloc_system());
    lr_answer_init(&answer, lr_alloc_system());
    lr_answer_write(&writer, &result, false);
    cr_assert_eq(hear_all(&answer, &writer, &kind), LR_OK);
    cr_assert_not_null(answer.result.retentions); /* the one that every made result has */
    const struct lr_retention *back = answer.result.retentions->next;
    cr_assert_not_null(back);
    cr_expect_null(back->next);
    cr_expect_eq(back->fingerprint, retention.fingerprint);
    cr_expect_eq(back->session, 7);
    cr_expect_eq(back->at, 12);
    cr_expect(back->expected);
    cr_expect_str_eq(lr_retention_text(after, sizeof after, back),
                     lr_retention_text(before, sizeof before, &retention));
    lr_answer_deinit(&answer);
    lr_line_writer_deinit(&writer);
    lr_case_result_deinit(&result);
}

Test(scenario_worker_codec, an_order_comes_over_whole) {
    const struct lr_order order = {
        .file = "a b/\xC3\xA4.lua",
        .name = "n[x=\n]",
        .title = "",
        .world = "live",
        .index = 3,
        .case_index = 4095,
        .seed = UINT64_MAX,
        .limit_ns = 60 * LR_SECOND,
        .calibration = {.rounds = 8, .release_ns_max = 1, .requestable_ns_max = UINT64_MAX},
    };
    struct lr_line_writer writer;
    struct lr_line_reader reader;
    struct lr_order back;
    enum lr_order_kind kind;
    lr_line_writer_init(&writer, lr_alloc_system());
    lr_line_reader_init(&reader, lr_alloc_system());
    lr_order_write(&writer, &order);
    cr_assert_eq(lr_buf_append(&writer.bytes, "", 1), LR_OK);
    char *line = (char *)writer.bytes.block;
    line[strcspn(line, "\n")] = '\0';
    cr_assert_eq(lr_line_feed(&reader, line), LR_OK);
    cr_assert_eq(lr_order_read(&reader, &kind, &back), LR_OK);
    cr_expect_eq(kind, LR_ORDER_PLAY);
    expect_text(back.file, order.file);
    expect_text(back.name, order.name);
    expect_text(back.title, order.title);
    expect_text(back.world, order.world);
    cr_expect_eq(back.index, 3);
    cr_expect_eq(back.case_index, 4095);
    cr_expect_eq(back.seed, UINT64_MAX);
    cr_expect_eq(back.limit_ns, order.limit_ns);
    cr_expect_eq(back.calibration.rounds, 8);
    cr_expect_eq(back.calibration.requestable_ns_max, UINT64_MAX);
    lr_line_reader_deinit(&reader);
    lr_line_writer_deinit(&writer);
}

Test(scenario_worker_codec, a_calibration_and_an_event_come_over) {
    const struct lr_calibration calibration = {
        .rounds = 2, .release_ns_max = 3, .requestable_ns_max = 4};
    const struct lr_error error = {.code = LR_ETIMEOUT, .text = "our server\nnever came back"};
    const struct lr_trace_event event = {
        .at = 9, .kind = LR_TRACE_GRANT, .host = "tracker 1", .conn = 5, .text = "\x1b words"};
    struct lr_line_writer writer;
    struct lr_answer answer;
    enum lr_answer_kind kind = LR_ANSWER_PART;
    lr_line_writer_init(&writer, lr_alloc_system());
    lr_answer_init(&answer, lr_alloc_system());
    lr_answer_write_calibration(&writer, &calibration, &error);
    cr_assert_eq(hear_all(&answer, &writer, &kind), LR_OK);
    cr_expect_eq(kind, LR_ANSWER_CALIBRATION);
    cr_expect_eq(answer.calibration.requestable_ns_max, 4);
    cr_expect_neq(answer.calibration_error.code, LR_OK);
    cr_expect_str_eq(answer.calibration_error.text, error.text);
    lr_line_writer_deinit(&writer);
    lr_line_writer_init(&writer, lr_alloc_system());
    lr_answer_write_trace(&writer, &event);
    cr_assert_eq(hear_all(&answer, &writer, &kind), LR_OK);
    cr_expect_eq(kind, LR_ANSWER_TRACE);
    cr_expect_eq(answer.event.kind, LR_TRACE_GRANT);
    cr_expect_eq(answer.event.conn, 5);
    cr_expect_str_eq(answer.event.host, event.host);
    cr_expect_str_eq(answer.event.text, event.text);
    lr_answer_deinit(&answer);
    lr_line_writer_deinit(&writer);
}

Test(scenario_worker_codec, what_no_worker_says_is_refused) {
    static const char *const wrong[] = {
        "",
        "nonsense",
        "whole 0",
        "finding 1 text",
        "expectation a b c d 1 0 1",
        "result",
        "result a b c live r r r passed late 1 1 1",
        "result a b c live r r r good late 1 1 1 1 0 0 0 0 0 0 0",
        "result a b c live r r r passed soon 1 1 1 1 0 0 0 0 0 0 0",
        "result a b c live r r r passed late 99 1 1 1 0 0 0 0 0 0 0",
        "result a b c live r r r passed late 1 1 1 1 0 0 0 0 0 0 0 0",
        "result a\\x4 b c live r r r passed late 1 1 1 1 0 0 0 0 0 0 0",
        "result a\\x00 b c live r r r passed late 1 1 1 1 0 0 0 0 0 0 0",
        "result a  c live r r r passed late 1 1 1 1 0 0 0 0 0 0 0",
        "calibration 1 2",
        "calibration 1 2 x \\-",
        "trace 1 9999 h 0 t",
    };
    for (size_t i = 0; i < LR_COUNT_OF(wrong); i++) {
        struct lr_answer answer;
        enum lr_answer_kind kind;
        lr_answer_init(&answer, lr_alloc_system());
        cr_expect_eq(lr_answer_read(&answer, wrong[i], &kind), LR_EPROTO, "accepted: %s", wrong[i]);
        lr_answer_deinit(&answer);
    }
}

/* Whatever a broken worker writes is refused or read, and nothing else. */
Test(scenario_worker_codec, changed_bytes_do_no_harm) {
    struct lr_prng random;
    struct lr_case_result result;
    struct lr_line_writer writer;
    lr_prng_init(&random, 11);
    make(&result, LR_HOSTILE_TEXT);
    lr_line_writer_init(&writer, lr_alloc_system());
    lr_answer_write(&writer, &result, false);
    lr_case_result_deinit(&result);
    for (int round = 0; round < 3000; round++) {
        struct lr_line_writer changed;
        struct lr_answer answer;
        enum lr_answer_kind kind = LR_ANSWER_PART;
        lr_line_writer_init(&changed, lr_alloc_system());
        lr_answer_init(&answer, lr_alloc_system());
        size_t size = lr_buf_size(&writer.bytes);
        cr_assert_eq(lr_buf_append(&changed.bytes, lr_buf_data(&writer.bytes), size), LR_OK);
        for (int i = 0; i < 3; i++) {
            static const char marks[] = "\\ \nx09-e\x7F";
            changed.bytes.block[lr_prng_next(&random) % size] =
                (uint8_t)marks[lr_prng_next(&random) % (sizeof marks - 1)];
        }
        enum lr_status status = hear_all(&answer, &changed, &kind);
        cr_assert(status == LR_OK || status == LR_EPROTO);
        lr_answer_deinit(&answer);
        lr_line_writer_deinit(&changed);
    }
    lr_line_writer_deinit(&writer);
}

static void exchange(struct lr_alloc *alloc, void *context) {
    struct lr_line_writer writer;
    struct lr_answer answer;
    enum lr_answer_kind kind = LR_ANSWER_PART;
    lr_line_writer_init(&writer, alloc);
    lr_answer_init(&answer, alloc);
    lr_answer_write(&writer, context, false);
    enum lr_status status = writer.status;
    if (status == LR_OK) {
        status = hear_all(&answer, &writer, &kind);
    }
    if (lr_test_must_succeed(alloc)) {
        cr_assert_eq(status, LR_OK);
    }
    cr_assert(status == LR_OK || status == LR_ENOMEM);
    cr_assert(status != LR_OK || kind == LR_ANSWER_RESULT);
    lr_answer_deinit(&answer);
    lr_line_writer_deinit(&writer);
}

Test(scenario_worker_codec, nothing_is_lost_whatever_allocation_fails) {
    struct lr_case_result result;
    static struct lr_retention retention;
    make(&result, LR_HOSTILE_TEXT);
    fill(&retention);
    cr_assert_eq(lr_case_result_retain(&result, &retention), LR_OK);
    lr_test_each_failure(exchange, &result);
    lr_case_result_deinit(&result);
}
