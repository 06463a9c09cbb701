/* SPDX-License-Identifier: Apache-2.0 */
/* Tallies: shares of the seeds add up to the whole, in memory, as lines and as JSON. */
#include <criterion/criterion.h>
#include <string.h>

#include "explore/batch.h"
#include "explore/impossible.h"
#include "explore/tally_json.h"
#include "support/failing.h"

static struct lr_tally whole, part, sum, again;

static void play(const struct lr_batch *batch, struct lr_tally *tally) {
    struct lr_error error = {.code = LR_OK};
    memset(tally, 0, sizeof *tally);
    cr_assert_eq(lr_batch_play(batch, lr_alloc_system(), tally, &error), LR_OK, "%s", error.text);
}

/* Static, and so zero between their members, too. */
static bool are_equal(const struct lr_tally *a, const struct lr_tally *b) {
    return memcmp(a, b, sizeof *a) == 0; /* NOLINT(bugprone-suspicious-memory-comparison) */
}

Test(explore_tally, shards_add_up_to_the_whole) {
    play(&(struct lr_batch){.first = 1, .stride = 1, .count = 60}, &whole);
    cr_assert_eq(whole.runs, 60U);
    for (uint64_t i = 0; i < 3; i++) {
        play(&(struct lr_batch){.first = 1 + i, .stride = 3, .count = 20}, &part);
        lr_tally_add(&sum, &part);
    }
    cr_assert(are_equal(&sum, &whole));
}

Test(explore_tally, a_kind_of_finding_is_kept_once_with_its_lowest_seed) {
    cr_assert_not_null(lr_tally_find(&sum, 9, 1, "late: session 3 of client2 by 1.5 s"));
    cr_assert_not_null(lr_tally_find(&sum, 12, 1, "leaked: session 1"));
    cr_assert_not_null(lr_tally_find(&part, 4, 2, "late: session 7 of client1 by 20.1 ms"));
    lr_tally_add(&sum, &part);
    cr_assert_eq(sum.finding_count, 2U);
    cr_assert_eq(sum.findings[0].seed, 4U);
    cr_assert_eq(sum.findings[0].count, 3U);
    cr_assert_eq(sum.findings[1].seed, 12U);
    for (uint64_t i = 0; i < LR_TALLY_FINDINGS_MAX + 3U; i++) {
        char text[] = "a kind of its own: ..";
        text[19] = (char)('a' + i / 26);
        text[20] = (char)('a' + i % 26);
        (void)lr_tally_find(&sum, 100 + i, 1, text);
    }
    cr_assert_eq(sum.finding_count, (unsigned int)LR_TALLY_FINDINGS_MAX);
    cr_assert_eq(sum.lost, 5U);
}

static void fill(struct lr_tally *tally) {
    play(&(struct lr_batch){.first = 1, .stride = 1, .count = 10}, tally);
    struct lr_tally_finding *finding = lr_tally_find(tally, 3, 2, "leaked: \"caf\xc3\xa9\" \\ 1");
    memcpy(finding->file, "found/a b.lua", sizeof "found/a b.lua");
    finding->operations = 4;
    finding->shrink_runs = 77;
    finding->repeats = true;
}

Test(explore_tally, lines_bring_over_all_of_it) {
    struct lr_line_writer writer;
    struct lr_line_reader reader;
    fill(&whole);
    lr_line_writer_init(&writer, lr_alloc_system());
    lr_line_reader_init(&reader, lr_alloc_system());
    lr_tally_say(&writer, &whole);
    cr_assert_eq(writer.status, LR_OK);
    cr_assert_eq(lr_buf_append(&writer.bytes, "", 1), LR_OK);
    char *at = (char *)writer.bytes.block + writer.bytes.begin;
    for (char *end = strchr(at, '\n'); end != NULL; at = end + 1, end = strchr(at, '\n')) {
        *end = '\0';
        cr_assert_eq(lr_line_feed(&reader, at), LR_OK);
    }
    cr_assert(reader.whole);
    cr_assert_eq(lr_tally_hear(&reader, &again), LR_OK);
    cr_assert(are_equal(&whole, &again));
    lr_line_reader_deinit(&reader);
    lr_line_writer_deinit(&writer);
}

static void cross_json(struct lr_alloc *alloc, void *context) {
    struct lr_buf text;
    struct lr_tally_about about = {1, 10, 2, 3, 4567};
    struct lr_error error = {.code = LR_OK};
    (void)context;
    lr_buf_init(&text, alloc);
    enum lr_status status = lr_tally_write_json(&whole, &about, &text);
    memset(&about, 0, sizeof about);
    if (status == LR_OK) {
        status = lr_tally_read_json(alloc, lr_buf_data(&text), lr_buf_size(&text), &again, &about,
                                    &error);
    }
    if (lr_test_must_succeed(alloc)) {
        cr_assert_eq(status, LR_OK, "%s", error.text);
    }
    if (status == LR_OK) {
        cr_assert_eq(about.last, 10U);
        cr_assert_eq(about.shards, 3U);
        cr_assert_eq(again.runs, whole.runs);
        cr_assert_eq(again.finding_count, 1U);
        cr_assert_str_eq(again.findings[0].text, whole.findings[0].text);
        cr_assert_eq(again.findings[0].shrink_runs, 77U);
        cr_assert(again.findings[0].repeats);
        cr_assert_eq(memcmp(&again.reach.counts, &whole.reach.counts, sizeof again.reach.counts),
                     0);
        cr_assert_eq(
            memcmp(&again.reach.features, &whole.reach.features, sizeof again.reach.features), 0);
    }
    lr_buf_deinit(&text);
}

Test(explore_tally, json_brings_over_all_of_it_and_loses_nothing_without_memory) {
    fill(&whole);
    lr_test_each_failure(cross_json, NULL);
}

Test(explore_tally, other_json_is_refused) {
    static const char *const others[] = {"{}", "[]", "{\"format\": \"lastref explore 1\"}",
                                         "{\"format\": \"lastref run 1\", \"runs\": 3}", "x"};
    struct lr_tally_about about;
    for (size_t i = 0; i < LR_COUNT_OF(others); i++) {
        struct lr_error error = {.code = LR_OK};
        cr_expect_eq(lr_tally_read_json(lr_alloc_system(), others[i], strlen(others[i]), &part,
                                        &about, &error),
                     LR_EPROTO, "%s", others[i]);
    }
}

Test(explore_tally, what_was_reached_is_not_called_impossible) {
    struct lr_reach_tuple tuple = {0};
    play(&(struct lr_batch){.first = 1, .stride = 1, .count = 400}, &whole);
    do {
        bool reached = *lr_reach_at(&whole.reach, &tuple) > 0;
        cr_expect(!reached || lr_impossible(&tuple) == NULL, "%s, %s, %s, %s: %s",
                  lr_reach_role_name(tuple.role), lr_reach_state_name(tuple.state),
                  lr_plan_fault_row(tuple.fault)->name, lr_cause_name(tuple.cause),
                  lr_impossible(&tuple));
    } while (lr_reach_next(&tuple));
}
