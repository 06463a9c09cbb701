/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of a case finds, whoever asked; and the timeline that explains it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "rpc/handshake.h"
#include "support/ledger_rig.h"

static struct ledger_rig rig;
static uint32_t server, client, data;

static void tell_of_session(const char *options) {
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", options);
}

static void open_session(const char *options) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    tell_of_session(options);
}

static void expect_findings(enum lr_finding_kind kind, size_t count, const char *text) {
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, kind), count, "%zu findings", rig.finding_count);
    cr_assert_eq(rig.finding_count, count, "%s", rig.findings[0].text);
    if (count > 0) {
        cr_assert(strstr(rig.findings[0].text, text) != NULL, "%s", rig.findings[0].text);
    }
}

Test(ledger_audit, session_that_is_held_is_leaked) {
    open_session("");
    rig.now += 5 * LR_SECOND;
    expect_findings(LR_FINDING_LEAKED, 1, "c1 still holds s1");
    cr_assert_eq(rig.findings[0].session, 1U);
    lr_rig_deinit(&rig);
}

Test(ledger_audit, session_whose_client_has_gone_is_leaked_too) {
    open_session("");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    rig.now += 5 * LR_SECOND;
    expect_findings(LR_FINDING_LEAKED, 1, "c1 has gone 5.00 s ago");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, session_whose_reset_was_never_answered_is_leaked) {
    open_session("");
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_TO_SERVICE);
    rig.now += 5 * LR_SECOND;
    expect_findings(LR_FINDING_LEAKED, 1, "has not let go");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, server_that_does_not_come_back_is_found) {
    open_session("");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "s1 has not offered its place again");
    lr_rig_deinit(&rig);
}

/* It registers: its next matchkey shows that a grant is over, too, that was turned away. */
Test(ledger_audit, server_that_does_not_come_back_from_a_refusal_is_found) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    data = lr_rig_hello(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_rig_word(&rig, data, LR_FROM_SERVICE, LR_ANSWER_MISMATCH);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "s1 has not offered its place again");
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    cr_assert_eq(lr_ledger_account(rig.ledger, 1)->requestable_at, rig.now);
    lr_rig_deinit(&rig);
}

/* Whoever has told it the matchkey: nobody was seen to ask for it. */
Test(ledger_audit, place_that_was_taken_without_a_grant_is_missed_too) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "s1 has not offered its place again");
    lr_rig_deinit(&rig);
}

/* A server can give back its own place alone. */
Test(ledger_audit, another_servers_matchkey_does_not_bring_it_back) {
    open_session("");
    uint32_t other = lr_rig_server(&rig, "s2", 9092, "test:0.5");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, other, 9092, "test:0.6", "test:0.1");
    cr_assert_eq(lr_ledger_account(rig.ledger, 1)->requestable_at, LR_TIME_NEVER);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "s1 has not offered its place again");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, server_that_has_gone_itself_is_not) {
    open_session("");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 0, "");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, server_whose_process_lives_and_has_left_the_tracker_is) {
    open_session("");
    lr_ledger_process(rig.ledger, rig.now, "s1", 4711, true);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "s1");
    lr_ledger_process(rig.ledger, rig.now, "s1", 4711, false);
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 0, "");
    lr_rig_deinit(&rig);
}

/* The end of the process of before may be told late. */
Test(ledger_audit, server_whose_next_process_lives_is_missed_whatever_ends_later) {
    open_session("");
    lr_ledger_process(rig.ledger, rig.now, "s1", 4711, true);
    lr_ledger_process(rig.ledger, rig.now, "s1", 4712, true);
    lr_ledger_process(rig.ledger, rig.now, "s1", 4711, false);
    rig.now += LR_SECOND;
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "s1");
    lr_rig_deinit(&rig);
}

/* It has two, as a server that hands over to its successor. */
Test(ledger_audit, server_of_which_any_process_lives_is_missed) {
    open_session("");
    lr_ledger_process(rig.ledger, rig.now, "s1", 4711, true);
    lr_ledger_process(rig.ledger, rig.now, "s1", 4712, true);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    lr_ledger_process(rig.ledger, rig.now, "s1", 4712, false);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "s1");
    lr_ledger_process(rig.ledger, rig.now, "s1", 4711, false);
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 0, "");
    lr_rig_deinit(&rig);
}

/* One of ours, whose start anew is told by its registration alone. What it held was over with it,
 * and it offers less than before. */
Test(ledger_audit, server_that_was_started_anew_is_missed_again) {
    open_session("");
    rig.now += LR_SECOND;
    lr_ledger_process(rig.ledger, rig.now, "s1", 0, false);
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 0, "");
    lr_ledger_link_closed(rig.ledger, rig.now, server, "power off");
    rig.now += LR_SECOND;
    server = lr_rig_server(&rig, "s1", 9091, "test:0.2");
    lr_rig_grant(&rig, lr_rig_request(&rig, "c1", 5003, 1), "test:0.2");
    data = lr_rig_open(&rig, "c1", 5004, "s1", "test:0.2", "");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "s1 has not offered its place again");
    lr_rig_deinit(&rig);
}

/* Nobody has told its tracker yet that it is gone. */
Test(ledger_audit, server_without_power_is_not_missed_for_the_link_it_leaves_behind) {
    open_session("");
    rig.now += LR_SECOND;
    lr_ledger_process(rig.ledger, rig.now, "s1", 0, false);
    rig.now += LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 0, "");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, unused_grant_is_found_when_its_time_is_over) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    rig.now += 7 * LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 0, "");
    rig.now += 4 * LR_SECOND;
    expect_findings(LR_FINDING_NOT_REQUESTABLE, 1, "was granted and never connected");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, matchkey_that_served_a_session_and_is_offered_again_is_found) {
    open_session("");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.1", NULL);
    expect_findings(LR_FINDING_PROTOCOL, 1, "under the same matchkey again");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, release_long_after_the_timeout_is_late) {
    open_session(" -timeout=2");
    rig.now += 5 * LR_SECOND;
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    expect_findings(LR_FINDING_LATE, 1, "released late by 3.00 s");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, release_at_the_timeout_is_not) {
    open_session(" -timeout=2");
    rig.now += 2 * LR_SECOND + 50 * LR_MS;
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    expect_findings(LR_FINDING_LATE, 0, "");
    lr_rig_deinit(&rig);
}

static const struct lr_ledger_patience exact = {
    .late_ns = 11 * LR_MS, .expired_ns = 100 * LR_MS, .return_ns = 61 * LR_MS};

/* |late| after its client's FIN the session's server ends it; its slot is back |slot| later. */
static void end_session(uint64_t late, uint64_t slot) {
    open_session("");
    lr_ledger_set_patience(rig.ledger, &exact);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    rig.now += late;
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    rig.now += slot;
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
}

Test(ledger_audit, what_is_exact_is_late_by_a_millisecond) {
    end_session(11 * LR_MS, 61 * LR_MS);
    expect_findings(LR_FINDING_LATE, 0, "");
    lr_rig_deinit(&rig);
    end_session(12 * LR_MS, 0);
    expect_findings(LR_FINDING_LATE, 1, "released late by 12.0 ms");
    lr_rig_deinit(&rig);
    end_session(0, 62 * LR_MS);
    expect_findings(LR_FINDING_LATE, 1, "requestable again only 62.0 ms after the release");
    lr_rig_deinit(&rig);
    open_session(" -timeout=2");
    lr_ledger_set_patience(rig.ledger, &exact);
    rig.now += 2 * LR_SECOND + 101 * LR_MS;
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    expect_findings(LR_FINDING_LATE, 1, "released late by 101.0 ms");
    lr_rig_deinit(&rig);
}

/* After a reset a server shows its release by its next PUT alone. */
Test(ledger_audit, release_that_only_a_tracker_can_show_has_to_wait_for_that) {
    open_session("");
    lr_ledger_set_patience(rig.ledger, &exact);
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_TO_SERVICE);
    rig.now += 3 * LR_SECOND;
    server = lr_rig_server(&rig, "s1", 9091, "test:0.2");
    expect_findings(LR_FINDING_LATE, 0, "");
    lr_rig_deinit(&rig);
    open_session("");
    lr_ledger_set_patience(rig.ledger, &exact);
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_TO_SERVICE);
    rig.now += 20 * LR_MS;
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    expect_findings(LR_FINDING_LATE, 1, "released late by 20.0 ms");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, slot_whose_grant_nobody_used_is_back_in_its_time) {
    for (int late = 0; late < 2; late++) {
        cr_assert(lr_rig_init(&rig, lr_alloc_system()));
        server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
        client = lr_rig_request(&rig, "c1", 5001, 1);
        lr_rig_grant(&rig, client, "test:0.1");
        rig.now += (late == 0 ? 9 : 11) * LR_SECOND;
        lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
        expect_findings(LR_FINDING_LATE, 0, ""); /* who knows what kept its server from it */
        lr_ledger_set_patience(rig.ledger, &(struct lr_ledger_patience){.return_ns = LR_SECOND});
        expect_findings(LR_FINDING_LATE, (size_t)late,
                        "only 11.00 s after the grant that nobody used");
        lr_rig_deinit(&rig);
    }
}

static void count_finding(void *context, const struct lr_finding *finding) {
    size_t *counts = context;
    counts[0]++;
    counts[1] += strcmp(finding->text, "44 more findings") == 0 ? 1 : 0;
}

Test(ledger_audit, findings_are_bounded_and_the_rest_is_counted) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    for (unsigned int i = 0; i < 300; i++) {
        lr_rig_text(&rig, client, LR_TO_SERVICE, "[4, \"test\", \"\", 1]");
        lr_rig_grant(&rig, client, "test:0.1");
    }
    size_t counts[2] = {0};
    lr_ledger_audit(rig.ledger, rig.now, count_finding, counts);
    cr_assert_eq(counts[0], 257U, "%zu", counts[0]);
    cr_assert_eq(counts[1], 1U);
    lr_rig_deinit(&rig);
}

Test(ledger_audit, timeline_keeps_the_last_lines_and_counts_the_others) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    for (int i = 0; i < 5000; i++) {
        lr_ledger_note(rig.ledger, (lr_time)i, 0, "line %d", i);
    }
    size_t count = lr_ledger_timeline_count(rig.ledger);
    cr_assert_eq(count, 4096U);
    cr_assert_eq(lr_ledger_timeline_dropped(rig.ledger), 5000U - 4096U);
    cr_assert_str_eq(lr_ledger_timeline(rig.ledger, count - 1).text, "line 4999");
    cr_assert_str_eq(lr_ledger_timeline(rig.ledger, 0).text, "line 904");
    cr_assert_eq(lr_ledger_timeline(rig.ledger, 0).at, 904U);
    lr_rig_deinit(&rig);
}

Test(ledger_audit, grant_used_on_a_link_that_was_there_before_is_no_unused_one) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    data = lr_rig_connect(&rig, "c1", 5002, "s1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    lr_rig_word(&rig, data, LR_TO_SERVICE, LR_MAGIC_RPC);
    lr_rig_text(&rig, data, LR_TO_SERVICE, "client:test:0.1");
    lr_rig_accept(&rig, data);
    rig.now += 20 * LR_SECOND;
    expect_findings(LR_FINDING_LEAKED, 1, "c1 still holds s1");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    expect_findings(LR_FINDING_LATE, 0, "");
    lr_rig_deinit(&rig);
}

/* Its place is back when that session is over, also where its server has only just registered. */
Test(ledger_audit, place_of_a_grant_used_on_a_link_before_comes_back_with_its_session) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    data = lr_rig_connect(&rig, "c1", 5002, "s1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    lr_rig_word(&rig, data, LR_TO_SERVICE, LR_MAGIC_RPC);
    lr_rig_text(&rig, data, LR_TO_SERVICE, "client:test:0.1");
    lr_rig_accept(&rig, data);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    cr_assert_eq(lr_ledger_account(rig.ledger, 2)->requestable_at, LR_TIME_NEVER, "it runs");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.3", NULL);
    cr_assert_eq(lr_ledger_account(rig.ledger, 2)->requestable_at, rig.now);
    lr_rig_deinit(&rig);
}

Test(ledger_audit, handshake_that_was_never_accepted_is_late_for_nobody) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    data = lr_rig_hello(&rig, "c1", 5001, "s1", "test", "");
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_TO_SERVICE);
    rig.now += 20 * LR_SECOND;
    (void)lr_rig_open(&rig, "c2", 5002, "s1", "test", "");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LATE), 0U, "%s", rig.findings[0].text);
    lr_rig_deinit(&rig);
}

Test(ledger_audit, timeline_tells_a_session_in_sentences) {
    open_session(" -timeout=2.5");
    lr_ledger_link_fault(rig.ledger, rig.now, data, "RST after 100 bytes");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    static const char *const lines[] = {
        "s1 connects to tracker (127.0.0.1:49091 -> 127.0.0.1:9190)",
        "s1 -> tracker: UPDATE_INFO \"server:test\" port 9091",
        "s1 -> tracker: PUT \"test:0.1\" port 9091",
        "c1 -> tracker: REQUEST \"test\" priority 1",
        "tracker -> c1: grants test:0.1 at 127.0.0.1:9091",
        "c1 -> s1: handshake \"test:0.1\", timeout 2.50 s",
        "s1 -> c1: accepted",
        "fault between c1 and s1: RST after 100 bytes",
        "c1 -> s1: FIN",
    };
    for (size_t i = 0; i < LR_COUNT_OF(lines); i++) {
        cr_assert(lr_rig_said(&rig, lines[i]), "missing: %s", lines[i]);
    }
    lr_rig_deinit(&rig);
}

Test(ledger_audit, ends_of_a_link_are_known_by_their_side) {
    open_session("");
    cr_assert_null(lr_ledger_link_ended(rig.ledger, data, LR_TO_SERVICE));
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    cr_assert_str_eq(lr_ledger_link_ended(rig.ledger, data, LR_TO_SERVICE), "fin");
    cr_assert_null(lr_ledger_link_ended(rig.ledger, data, LR_FROM_SERVICE));
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    cr_assert_str_eq(lr_ledger_link_ended(rig.ledger, data, LR_FROM_SERVICE), "rst");
    cr_assert_str_eq(lr_ledger_link_ended(rig.ledger, data, LR_TO_SERVICE), "fin");
    cr_assert_null(lr_ledger_link_ended(rig.ledger, 99, LR_TO_SERVICE));
    lr_rig_deinit(&rig);
}

Test(ledger_audit, what_is_told_of_unknown_links_is_ignored) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    lr_rig_bytes(&rig, 7, LR_TO_SERVICE, "abc", 3);
    lr_ledger_link_fin(rig.ledger, rig.now, 0, LR_TO_SERVICE);
    lr_ledger_link_reset(rig.ledger, rig.now, 9, LR_TO_SERVICE);
    lr_ledger_link_closed(rig.ledger, rig.now, 9, NULL);
    lr_ledger_link_fault(rig.ledger, rig.now, 9, "nothing");
    cr_assert_null(lr_ledger_account(rig.ledger, 1));
    cr_assert_null(lr_ledger_account_of_link(rig.ledger, 1));
    expect_findings(LR_FINDING_PROTOCOL, 0, "");
    lr_rig_deinit(&rig);
}

Test(ledger_audit, causes_and_findings_have_names) {
    for (int i = LR_CAUSE_CLOSE; i < LR_CAUSE_COUNT; i++) {
        enum lr_cause cause = LR_CAUSE_NONE;
        cr_assert(lr_cause_of(lr_text_of(lr_cause_name((enum lr_cause)i)), &cause));
        cr_assert_eq((int)cause, i);
    }
    enum lr_cause none;
    cr_assert_not(lr_cause_of(lr_text_of("magic"), &none));
    cr_assert_str_eq(lr_finding_name(LR_FINDING_TWICE), "released twice");
}

static void hold_and_grant_twice(void) {
    tell_of_session("");
    lr_rig_text(&rig, client, LR_TO_SERVICE, "[4, \"test\", \"\", 1]");
    lr_rig_grant(&rig, client, "test:0.1");
    rig.now += 5 * LR_SECOND;
}

static void expect_both_findings(void) {
    cr_assert_eq(rig.finding_count, 2U);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LEAKED), 1U);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
}

Test(ledger_audit, says_so_where_memory_was_missing_for_what_it_would_find) {
    lr_rig_each_failure(&rig, hold_and_grant_twice, expect_both_findings);
}
