/* SPDX-License-Identifier: Apache-2.0 */
/* Paths from a root to a session: what is suspect on them, what a script can ask for, how they
 * read, and by what the same leak is known again. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger/result.h"
#include "support/failing.h"

static struct lr_retention retention;
static char text[LR_RETENTION_TEXT_MAX];

/* The enum defect's path, cut short; |line| is what differs from run to run. */
static void make_cycle(int line) {
    char traceback[64];
    (void)snprintf(traceback, sizeof traceback, "traceback line %d at 0x7f%04x", line,
                   (unsigned int)line * 77);
    lr_retention_init(&retention, 3, 5 * LR_MS);
    lr_retention_set_root(&retention, "uncollected cycle, generation %d", 0);
    lr_retention_add(&retention, "", traceback, LR_HOP_OVER, true);
    lr_retention_add(&retention, "tb_frame", "frame __new__", LR_HOP_OVER, true);
    lr_retention_add(&retention, "local exc", "exception ValueError", LR_HOP_OVER, true);
    lr_retention_add(&retention, "f_back", "frame check_remote", LR_HOP_OVER, false);
    lr_retention_add(&retention, "local r", "session", LR_HOP_OVER, false);
    lr_retention_way(&retention, "gc.collect(%d)", 0);
    lr_retention_conclude(&retention);
}

/* A path without a cycle, with the given states of its hops. */
static void make_path(const enum lr_hop_state *states, size_t count) {
    lr_retention_init(&retention, 1, 0);
    lr_retention_set_root(&retention, "module __main__");
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "object %c", (int)('a' + (int)i));
        lr_retention_add(&retention, "attribute", name, states[i], false);
    }
    lr_retention_conclude(&retention);
}

static const char *suspects(void) {
    static char marks[LR_RETENTION_HOPS_MAX + 1];
    for (size_t i = 0; i < retention.hop_count; i++) {
        marks[i] = retention.hops[i].suspect ? '~' : '.';
    }
    marks[retention.hop_count] = '\0';
    return marks;
}

Test(ledger_retention, a_cycle_is_suspect_and_what_hangs_off_it_is_not) {
    make_cycle(545);
    cr_assert_str_eq(suspects(), "~~~..");
}

Test(ledger_retention, without_a_cycle_it_is_what_lies_between_use_and_what_is_over) {
    static const struct {
        enum lr_hop_state states[4];
        size_t count;
        const char *suspects;
    } rows[] = {
        {{LR_HOP_IN_USE, LR_HOP_UNKNOWN, LR_HOP_OVER, LR_HOP_OVER}, 4, ".~~."},
        {{LR_HOP_IN_USE, LR_HOP_IN_USE, LR_HOP_OVER, LR_HOP_OVER}, 4, "..~."},
        {{LR_HOP_UNKNOWN, LR_HOP_UNKNOWN, LR_HOP_UNKNOWN}, 3, "~~~"},
        {{LR_HOP_OVER, LR_HOP_OVER}, 2, "~."},
        {{LR_HOP_IN_USE, LR_HOP_IN_USE}, 2, ".~"},
        {{LR_HOP_IN_USE}, 1, "~"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        make_path(rows[i].states, rows[i].count);
        cr_expect_str_eq(suspects(), rows[i].suspects, "row %zu: %s", i, suspects());
    }
}

Test(ledger_retention, who_made_the_path_knows_better) {
    lr_retention_init(&retention, 1, 0);
    lr_retention_add(&retention, "", "dict", LR_HOP_OVER, true);
    lr_retention_add(&retention, "key self", "instance Pool", LR_HOP_OVER, true);
    lr_retention_suspect(&retention);
    lr_retention_add(&retention, "attribute session", "session", LR_HOP_OVER, false);
    lr_retention_conclude(&retention);
    cr_assert_str_eq(suspects(), ".~.");
}

Test(ledger_retention, the_fingerprint_knows_the_same_leak_again) {
    make_cycle(545);
    uint64_t first = retention.fingerprint;
    make_cycle(662);
    cr_expect_eq(retention.fingerprint, first, "lines and addresses do not count");
    (void)snprintf(retention.hops[3].name, sizeof retention.hops[3].name, "frame tune");
    lr_retention_conclude(&retention);
    cr_expect_eq(retention.fingerprint, first, "what merely hangs off it does not count");
    (void)snprintf(retention.hops[2].via, sizeof retention.hops[2].via, "local ve_exc");
    lr_retention_conclude(&retention);
    cr_expect_neq(retention.fingerprint, first, "another reference is another leak");
    make_cycle(545);
    lr_retention_set_root(&retention, "uncollected cycle, generation 2");
    lr_retention_conclude(&retention);
    cr_expect_eq(retention.fingerprint, first, "how old it has become does not count");
    lr_retention_set_root(&retention, "thread worker");
    lr_retention_conclude(&retention);
    cr_expect_neq(retention.fingerprint, first);
}

/* Reports of years ago are compared by it: FNV-1a, each number and each address a single '#'. */
Test(ledger_retention, the_fingerprint_stays_what_it_was) {
    lr_retention_init(&retention, 1, 0);
    lr_retention_set_root(&retention, "at 0x7fA_Z9az:80, x12, 1X");
    lr_retention_conclude(&retention);
    cr_expect_eq(retention.fingerprint, UINT64_C(0x6EC00DFEEAD9731E), "%016" PRIx64,
                 retention.fingerprint);
}

Test(ledger_retention, a_longer_chain_is_the_same_leak) {
    uint64_t fingerprints[2];
    for (size_t i = 0; i < LR_COUNT_OF(fingerprints); i++) {
        lr_retention_init(&retention, 1, 0);
        lr_retention_set_root(&retention, "module cache");
        for (size_t n = 0; n < 3 + i * 100; n++) {
            lr_retention_add(&retention, "attribute next", "instance Node", LR_HOP_UNKNOWN, false);
        }
        lr_retention_conclude(&retention);
        fingerprints[i] = retention.fingerprint;
    }
    cr_assert_eq(fingerprints[0], fingerprints[1]);
}

Test(ledger_retention, what_a_local_is_called_counts_with_the_frame_it_is_in) {
    uint64_t fingerprints[2];
    static const char *const frames[] = {"frame __new__", "frame request"};
    for (size_t i = 0; i < LR_COUNT_OF(frames); i++) {
        lr_retention_init(&retention, 1, 0);
        lr_retention_add(&retention, "", frames[i], LR_HOP_OVER, true);
        lr_retention_add(&retention, "local err", "exception", LR_HOP_OVER, true);
        lr_retention_suspect(&retention);
        lr_retention_conclude(&retention);
        fingerprints[i] = retention.fingerprint;
    }
    cr_assert_neq(fingerprints[0], fingerprints[1]);
}

Test(ledger_retention, a_very_long_path_keeps_both_its_ends_and_counts_the_rest) {
    lr_retention_init(&retention, 1, 0);
    lr_retention_set_root(&retention, "module __main__");
    for (int i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "node %d", i);
        lr_retention_add(&retention, "next", name, LR_HOP_UNKNOWN, false);
    }
    lr_retention_conclude(&retention);
    cr_assert_eq(retention.hop_count + retention.hops_left_out, 1000U);
    cr_assert_str_eq(retention.hops[0].name, "node 0");
    cr_assert_str_eq(retention.hops[LR_RETENTION_HOPS_MAX - 1].name, "node 999");
    cr_assert_not_null(strstr(lr_retention_text(text, sizeof text, &retention), "(960 more)"));
    cr_assert_not_null(strstr(lr_retention_line(text, sizeof text, &retention), "(960 more)"));
}

/* As many hops and ways as there is room for: marking the ones leaves the others alone. */
Test(ledger_retention, marks_of_a_full_path_stay_in_its_hops) {
    static struct lr_retention before;
    for (int in_cycle = 0; in_cycle < 2; in_cycle++) {
        lr_retention_init(&retention, 1, 0);
        lr_retention_set_root(&retention, "module __main__");
        for (int i = 0; i < LR_RETENTION_HOPS_MAX; i++) {
            lr_retention_add(&retention, "next", "node", LR_HOP_UNKNOWN, in_cycle != 0);
        }
        for (int i = 0; i < LR_RETENTION_WAYS_MAX; i++) {
            lr_retention_way(&retention, "%0*d", LR_HOP_NAME_MAX - 1, i);
        }
        before = retention;
        lr_retention_conclude(&retention);
        cr_assert(retention.hops[LR_RETENTION_HOPS_MAX - 1].suspect);
        cr_assert_eq(retention.hop_count, (size_t)LR_RETENTION_HOPS_MAX);
        cr_assert_eq(memcmp(retention.ways, before.ways, sizeof before.ways), 0);
    }
}

Test(ledger_retention, words_are_met_in_the_paths_order) {
    static const struct {
        const char *words[4];
        size_t count;
        const char *missing; /* NULL: all are met */
    } rows[] = {
        {{"traceback", "frame __new__", "frame check_remote", "local r"}, 4, NULL},
        {{"uncollected cycle, generation 0"}, 1, NULL},
        {{"uncollected cycle", "session"}, 2, NULL},
        {{"check_remote"}, 1, NULL},
        {{"frame check_remote", "frame __new__"}, 2, "frame __new__"}, /* not in this order */
        {{"frame check"}, 1, "frame check"},                           /* a part of a name */
        {{"local"}, 1, NULL},
        {{"cal r"}, 1, "cal r"},
        {{"local r", "local r"}, 2, "local r"}, /* there is one of it */
        {{"module __main__"}, 1, "module __main__"},
        {{"tb_frame", "frame __new__"}, 2, NULL},
        {{""}, 1, ""},
    };
    make_cycle(545);
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        const char *missing = NULL;
        bool met = lr_retention_matches(&retention, rows[i].words, rows[i].count, &missing);
        cr_expect_eq(met, rows[i].missing == NULL, "row %zu", i);
        if (rows[i].missing != NULL && !met) {
            cr_expect_str_eq(missing, rows[i].missing, "row %zu", i);
        }
    }
    cr_expect(lr_retention_matches(&retention, NULL, 0, NULL));
}

Test(ledger_retention, it_reads_in_one_line_and_in_several) {
    make_cycle(7);
    cr_expect_str_eq(lr_retention_line(text, sizeof text, &retention),
                     "uncollected cycle, generation 0: traceback line 7 at 0x7f021b -> frame "
                     "__new__ -> exception ValueError -> frame check_remote -> local r");
    char expected[1024];
    char digits[17];
    (void)snprintf(expected, sizeof expected,
                   "session 3 is held: uncollected cycle, generation 0\n"
                   "  ~ traceback line 7 at 0x7f021b\n"
                   "  ~ tb_frame -> frame __new__\n"
                   "  ~ local exc -> exception ValueError\n"
                   "    f_back -> frame check_remote\n"
                   "    local r -> session\n"
                   "  would release it: gc.collect(0)\n"
                   "  advice: close it explicitly, or hold it in a scope\n"
                   "  fingerprint of the suspect part (~): %s\n",
                   lr_retention_fingerprint(digits, &retention));
    cr_expect_str_eq(lr_retention_text(text, sizeof text, &retention), expected);
    cr_expect_eq(strlen(digits), 16U);
}

Test(ledger_retention, its_suspect_part_reads_alone) {
    make_cycle(7);
    cr_expect_str_eq(lr_retention_suspects(text, sizeof text, &retention),
                     "uncollected cycle, generation 0: traceback line 7 at 0x7f021b, tb_frame -> "
                     "frame __new__, local exc -> exception ValueError");
    lr_retention_init(&retention, 1, 0);
    lr_retention_set_root(&retention, "thread main");
    lr_retention_add(&retention, "", "frame measure", LR_HOP_IN_USE, false);
    lr_retention_add(&retention, "local r", "session", LR_HOP_OVER, false);
    lr_retention_conclude(&retention);
    cr_expect_str_eq(lr_retention_suspects(text, sizeof text, &retention),
                     "thread main: frame measure, local r -> session");
}

Test(ledger_retention, text_is_cut_where_its_room_ends) {
    make_cycle(7);
    for (size_t size = 1; size < 200; size++) {
        char small[200];
        memset(small, 'x', sizeof small);
        (void)lr_retention_text(small, size, &retention);
        cr_assert(memchr(small, '\0', size) != NULL, "%zu", size);
        cr_assert(size == sizeof small || small[size] == 'x', "%zu", size);
        memset(small, 'x', sizeof small);
        (void)lr_retention_line(small, size, &retention);
        cr_assert(memchr(small, '\0', size) != NULL, "%zu", size);
        cr_assert(size == sizeof small || small[size] == 'x', "%zu", size);
    }
}

Test(ledger_retention, the_servers_timeout_is_a_way_while_it_is_to_come) {
    struct lr_account account = {.accepted_at = LR_SECOND, .timeout_ns = 20 * LR_SECOND};
    lr_retention_init(&retention, 1, 0);
    lr_retention_way_of_server(&retention, &account, 3 * LR_SECOND + 800 * LR_MS);
    cr_assert_eq(retention.way_count, 1U);
    cr_assert_str_eq(retention.ways[0], "the server's timeout in 17.20 s");
    lr_retention_way_of_server(&retention, &account, 21 * LR_SECOND);
    account.timeout_ns = LR_TIME_NEVER;
    lr_retention_way_of_server(&retention, &account, 2 * LR_SECOND);
    account = (struct lr_account){.accepted_at = LR_TIME_NEVER, .timeout_ns = LR_SECOND};
    lr_retention_way_of_server(&retention, &account, 0);
    cr_assert_eq(retention.way_count, 1U);
    for (int i = 0; i < 10; i++) {
        lr_retention_way(&retention, "way %d", i);
    }
    cr_assert_eq(retention.way_count, (size_t)LR_RETENTION_WAYS_MAX);
}

static void keep(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_case_result result;
    if (lr_case_result_init(&result, alloc, "a", "b", "c") != LR_OK) {
        cr_assert_not(lr_test_must_succeed(alloc));
        return;
    }
    make_cycle(1);
    enum lr_status status = LR_OK;
    for (uint32_t i = 0; i < LR_RESULT_RETENTIONS_MAX + 2; i++) {
        retention.session = i;
        status = lr_case_result_retain(&result, &retention);
    }
    size_t count = 0;
    for (const struct lr_retention *r = result.retentions; r != NULL; r = r->next) {
        count++;
    }
    cr_assert_eq(count + result.retentions_lost, (size_t)LR_RESULT_RETENTIONS_MAX + 2);
    if (lr_test_must_succeed(alloc)) {
        cr_assert_eq(status, LR_ELIMIT);
        cr_assert_eq(result.retentions_lost, 2U);
        cr_assert_eq(result.retentions->session, 0U);
        cr_assert_eq(result.retentions->next->session, 1U);
        cr_assert_str_eq(result.retentions->hops[4].via, "local r");
    }
    lr_case_result_deinit(&result);
}

Test(ledger_retention, a_result_keeps_them_in_order_and_counts_what_it_cannot_keep) {
    lr_test_each_failure(keep, NULL);
}
