/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracker should hold, from the wire alone, and what it is found to say and do. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/ledger_rig.h"

static struct ledger_rig rig;

static void begin(void) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
}

static void end(void) {
    cr_assert_eq(lr_ledger_health(rig.ledger), LR_OK);
    lr_rig_deinit(&rig);
}

static void expect_queue(size_t free, size_t pending) {
    struct lr_queue_account queue = lr_ledger_queue(rig.ledger, lr_text_of("test"));
    cr_assert_eq(queue.free, free, "%zu free", queue.free);
    cr_assert_eq(queue.pending, pending, "%zu pending", queue.pending);
}

/* A SUMMARY that is asked long after the last change, and answered with these numbers. */
static void summary(int free, int pending) {
    char text[200];
    rig.now += LR_SECOND;
    uint32_t link = lr_rig_control(&rig, "query", 6000, "[6]");
    (void)snprintf(text, sizeof text,
                   "[0, {\"queue_info\": {\"test\": {\"free\": %d, \"pending\": %d}}, "
                   "\"server_info\": []}]",
                   free, pending);
    lr_rig_text(&rig, link, LR_FROM_SERVICE, text);
    lr_rig_audit(&rig);
}

/* The audit finds this and nothing else. */
static void expect_orphan(const char *text) {
    lr_rig_audit(&rig);
    cr_assert_eq(rig.finding_count, 1U);
    cr_assert_eq(rig.findings[0].kind, LR_FINDING_ORPHAN);
    cr_assert_str_eq(rig.findings[0].text, text);
}

Test(ledger_queue, counts_matchkeys_and_requests) {
    begin();
    expect_queue(0, 0);
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    expect_queue(1, 0);
    lr_rig_put(&rig, server, 9091, "test:0.1", NULL);
    expect_queue(1, 0);
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    expect_queue(1, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    expect_queue(0, 0);
    end();
}

Test(ledger_queue, forgets_what_a_closed_connection_had_put_or_asked_for) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t client = lr_rig_control(&rig, "c1", 5001, "[4, \"other\", \"\", 1]");
    lr_rig_text(&rig, client, LR_TO_SERVICE, "[4, \"test\", \"\", 1]");
    expect_queue(1, 1);
    lr_ledger_link_reset(rig.ledger, rig.now, client, LR_TO_SERVICE);
    expect_queue(1, 0);
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    expect_queue(0, 0);
    cr_assert_not(lr_ledger_account(rig.ledger, 1)->observable);
    end();
}

Test(ledger_queue, takes_a_matchkey_that_is_not_pending_any_more_for_granted_unseen) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    rig.now += LR_SECOND;
    lr_rig_poll(&rig, server, "[\"test:0.1\"]");
    expect_queue(1, 0);
    lr_rig_poll(&rig, server, "[]");
    expect_queue(0, 0);
    end();
}

/* A list says nothing of what comes in the instant in which it is asked for. */
Test(ledger_queue, keeps_a_matchkey_that_comes_behind_the_question_for_those_that_are_pending) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    rig.now += LR_SECOND;
    lr_rig_text(&rig, server, LR_TO_SERVICE, "[7]");
    lr_rig_text(&rig, server, LR_TO_SERVICE, "[3, \"test\", [9091, \"test:0.2\"], null]");
    lr_rig_text(&rig, server, LR_FROM_SERVICE, "[\"test:0.1\"]");
    lr_rig_text(&rig, server, LR_FROM_SERVICE, "0");
    expect_queue(2, 0);
    end();
}

/* Whoever it was granted to, behind a black hole, was given up. */
Test(ledger_queue, takes_a_matchkey_that_is_pending_again_for_free) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    rig.now += LR_SECOND;
    lr_rig_poll(&rig, server, "[]");
    expect_queue(0, 0);
    rig.now += LR_SECOND;
    lr_rig_poll(&rig, server, "[\"test:0.1\"]");
    expect_queue(1, 0);
    end();
}

/* A fault ends a client's link in the moment of its grant: who cannot have read it is no holder,
 * and one who has keeps its place, whatever its tracker takes it for. */
Test(ledger_queue, takes_a_grant_that_may_not_have_been_read_for_what_its_tracker_says) {
    for (int came = 0; came < 2; came++) {
        begin();
        uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
        uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
        lr_rig_grant(&rig, client, "test:0.1");
        lr_ledger_link_fault(rig.ledger, rig.now, client, "RST");
        lr_ledger_link_reset(rig.ledger, rig.now, client, LR_TO_SERVICE);
        if (came) {
            lr_rig_accept(&rig, lr_rig_hello(&rig, "c1", 5002, "s1", "test:0.1", ""));
        }
        expect_queue(0, 0);
        summary(1, 0);
        lr_rig_text(&rig, server, LR_TO_SERVICE, "[7]");
        lr_rig_text(&rig, server, LR_FROM_SERVICE, "[\"test:0.1\"]");
        expect_queue(came ? 0 : 1, 0);
        summary(1, 0);
        cr_assert_eq(lr_rig_count(&rig, LR_FINDING_ORPHAN), 0U);
        rig.now += 3 * LR_SECOND;
        summary(1, 0);
        cr_assert_eq(lr_rig_count(&rig, LR_FINDING_ORPHAN), 0U);
        lr_rig_put(&rig, server, 9091, "test:0.2", came ? NULL : "test:0.1");
        summary(2, 0);
        cr_assert_eq(lr_rig_count(&rig, LR_FINDING_ORPHAN), 1U, "it is spent now");
        end();
    }
}

/* It is given on before its server has asked, and is another's. */
Test(ledger_queue, a_grant_that_was_not_read_is_the_next_ones) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    uint32_t next = lr_rig_request(&rig, "c2", 5003, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    lr_ledger_link_fault(rig.ledger, rig.now, client, "RST");
    lr_ledger_link_reset(rig.ledger, rig.now, client, LR_TO_SERVICE);
    lr_rig_grant(&rig, next, "test:0.1");
    uint32_t data = lr_rig_hello(&rig, "c2", 5004, "s1", "test:0.1", "");
    lr_rig_accept(&rig, data);
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, data)->number, 2U);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    rig.now += 20 * LR_SECOND;
    lr_rig_audit(&rig);
    cr_assert_eq(rig.finding_count, 0U);
    end();
}

Test(ledger_queue, agrees_with_a_tracker_that_is_right) {
    begin();
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    summary(1, 0);
    cr_assert_eq(rig.finding_count, 0U);
    end();
}

Test(ledger_queue, finds_a_matchkey_whose_server_has_gone) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    summary(1, 0);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_ORPHAN), 1U);
    summary(1, 0);
    cr_assert_eq(rig.finding_count, 1U, "once is enough");
    end();
}

Test(ledger_queue, finds_requests_that_wait_for_the_dead) {
    begin();
    for (unsigned int i = 0; i < 3; i++) {
        uint32_t client = lr_rig_request(&rig, "c1", 5001 + i, 1);
        if (i == 0) {
            lr_ledger_link_fin(rig.ledger, rig.now, client, LR_TO_SERVICE);
        } else if (i == 1) {
            lr_ledger_link_closed(rig.ledger, rig.now, client, "keep-alive");
        }
    }
    expect_queue(0, 1);
    summary(0, 3);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PENDING), 1U);
    cr_assert_eq(lr_ledger_queue(rig.ledger, lr_text_of("test")).pending_of_the_dead, 2U);
    summary(0, 1);
    cr_assert_eq(lr_ledger_queue(rig.ledger, lr_text_of("test")).pending_of_the_dead, 0U);
    end();
}

Test(ledger_queue, a_request_that_is_refused_waits_no_more) {
    begin();
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_request(&rig, "c2", 5002, 1);
    lr_rig_text(&rig, client, LR_FROM_SERVICE, "-1");
    cr_assert(lr_rig_said(&rig, "tracker -> c1: refuses the request"));
    expect_queue(0, 1);
    summary(0, 1);
    cr_assert_eq(rig.finding_count, 0U);
    end();
}

Test(ledger_queue, finds_what_a_tracker_has_lost) {
    begin();
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    summary(0, 0);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
    end();
}

/* What a SUMMARY says where one matchkey is free and one request of another key waits. */
Test(ledger_queue, finds_each_count_that_is_wrong_by_one) {
    static const struct {
        const char *said;
        enum lr_finding_kind kind;
        size_t count;
    } rows[] = {
        {"\"test\": {\"free\": 1, \"pending\": 0}, \"busy\": {\"free\": 0, \"pending\": 1}",
         LR_FINDING_ORPHAN, 0},
        {"\"test\": {\"free\": 2, \"pending\": 0}, \"busy\": {\"free\": 0, \"pending\": 1}",
         LR_FINDING_ORPHAN, 1},
        {"\"test\": {\"free\": 0, \"pending\": 0}, \"busy\": {\"free\": 0, \"pending\": 1}",
         LR_FINDING_PROTOCOL, 1},
        {"\"test\": {\"free\": 1, \"pending\": 1}, \"busy\": {\"free\": 0, \"pending\": 1}",
         LR_FINDING_PENDING, 1},
        {"\"test\": {\"free\": 1, \"pending\": 0}, \"busy\": {\"free\": 0, \"pending\": 2}",
         LR_FINDING_PENDING, 1},
        {"\"test\": {\"free\": 1, \"pending\": 0}, \"busy\": {\"free\": 0, \"pending\": 0}",
         LR_FINDING_PROTOCOL, 1},
        /* Not a word of it is no smaller count. */
        {"\"test\": {\"free\": 1, \"pending\": 0}", LR_FINDING_PROTOCOL, 1},
        {"\"busy\": {\"free\": 0, \"pending\": 1}", LR_FINDING_PROTOCOL, 1},
        {"\"test\": {\"free\": 1, \"pending\": 0}, \"busy\": {\"free\": 0, \"pending\": 1}, "
         "\"other\": {\"free\": 0, \"pending\": 1}",
         LR_FINDING_PENDING, 1},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        char text[300];
        begin();
        lr_rig_server(&rig, "s1", 9091, "test:0.1");
        (void)lr_rig_control(&rig, "c1", 5001, "[4, \"busy\", \"\", 1]");
        rig.now += LR_SECOND;
        uint32_t link = lr_rig_control(&rig, "query", 6000, "[6]");
        (void)snprintf(text, sizeof text, "[0, {\"queue_info\": {%s}, \"server_info\": []}]",
                       rows[i].said);
        lr_rig_text(&rig, link, LR_FROM_SERVICE, text);
        lr_rig_audit(&rig);
        cr_assert_eq(rig.finding_count, rows[i].count, "%s: %zu", rows[i].said, rig.finding_count);
        cr_assert_eq(lr_rig_count(&rig, rows[i].kind), rows[i].count, "%s", rows[i].said);
        end();
    }
}

/* A matchkey, or a request, that comes while the tracker answers; or has gone by then. */
Test(ledger_queue, does_not_judge_an_answer_that_crossed_a_change) {
    for (int change = 0; change < 3; change++) {
        begin();
        rig.now += LR_SECOND;
        uint32_t gone = change == 2 ? lr_rig_request(&rig, "c0", 5000, 1) : 0;
        rig.now += LR_SECOND;
        uint32_t link = lr_rig_control(&rig, "query", 6000, "[6]");
        if (change == 0) {
            lr_rig_server(&rig, "s1", 9091, "test:0.1");
        } else if (change == 1) {
            lr_rig_request(&rig, "c1", 5001, 1);
        } else {
            lr_ledger_link_fin(rig.ledger, rig.now, gone, LR_TO_SERVICE);
        }
        lr_rig_text(&rig, link, LR_FROM_SERVICE,
                    change == 2 ? "[0, {\"queue_info\": {\"test\": {\"free\": 0, \"pending\": 1}}, "
                                  "\"server_info\": []}]"
                                : "[0, {\"queue_info\": {\"test\": {\"free\": 0, \"pending\": 0}}, "
                                  "\"server_info\": []}]");
        lr_rig_audit(&rig);
        cr_assert_eq(rig.finding_count, 0U);
        end();
    }
}

Test(ledger_queue, finds_a_grant_of_a_dead_servers_matchkey) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    rig.now += LR_SECOND;
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    expect_orphan("matchkey test:0.1 is granted, but its server's connection ended 1.00 s before");
    end();
}

Test(ledger_queue, finds_a_grant_to_a_client_that_has_gone) {
    begin();
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_ledger_link_fin(rig.ledger, rig.now, client, LR_TO_SERVICE);
    rig.now += LR_SECOND;
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, client, "test:0.1");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PENDING), 1U);
    end();
}

Test(ledger_queue, does_not_judge_a_grant_that_crossed_an_end) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, client, LR_TO_SERVICE);
    rig.now += LR_MS;
    lr_rig_grant(&rig, client, "test:0.1");
    lr_rig_audit(&rig);
    cr_assert_eq(rig.finding_count, 0U);
    end();
}

/* It reads when it goes on, from one after the other. */
Test(ledger_queue, does_not_judge_what_a_tracker_does_that_has_just_been_woken) {
    for (int late = 0; late < 2; late++) {
        begin();
        uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
        uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
        lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
        lr_ledger_link_fin(rig.ledger, rig.now, client, LR_TO_SERVICE);
        rig.now += LR_SECOND;
        lr_ledger_host_woken(rig.ledger, rig.now);
        rig.now += late ? LR_SECOND : 0;
        lr_rig_grant(&rig, client, "test:0.1");
        lr_rig_audit(&rig);
        cr_assert_eq(lr_rig_count(&rig, LR_FINDING_ORPHAN), (size_t)late);
        cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PENDING), (size_t)late);
        end();
    }
}

/* The first of two places is granted before the second is put. */
Test(ledger_queue, second_place_of_a_server_that_registers_is_no_return_of_the_first) {
    begin();
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, client, "test:0.1");
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    expect_queue(1, 0);
    cr_assert_eq(lr_ledger_account(rig.ledger, 1)->requestable_at, LR_TIME_NEVER);
    end();
}

/* The second place of one that registers is put when the session at the first one is over. */
Test(ledger_queue, place_that_was_late_is_no_return_when_the_other_one_is_named) {
    begin();
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, client, "test:0.1");
    uint32_t data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    lr_rig_put(&rig, server, 9091, "test:0.3", "test:0.1");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_TWICE), 0U);
    end();
}

Test(ledger_queue, finds_a_matchkey_that_is_granted_twice) {
    begin();
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t first = lr_rig_request(&rig, "c1", 5001, 1);
    uint32_t second = lr_rig_request(&rig, "c2", 5002, 1);
    lr_rig_grant(&rig, first, "test:0.1");
    lr_rig_grant(&rig, second, "test:0.1");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
    end();
}

Test(ledger_queue, lets_a_matchkey_be_granted_again_whose_client_left_and_never_came) {
    begin();
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t first = lr_rig_request(&rig, "c1", 5001, 1);
    uint32_t second = lr_rig_request(&rig, "c2", 5002, 1);
    lr_rig_grant(&rig, first, "test:0.1");
    lr_ledger_link_reset(rig.ledger, rig.now, first, LR_TO_SERVICE);
    lr_rig_grant(&rig, second, "test:0.1");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 0U);
    end();
}

Test(ledger_queue, replaced_matchkey_is_free_no_more) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_put(&rig, server, 9091, "test:0.2", "test:0.1");
    expect_queue(1, 0);
    rig.now += LR_SECOND;
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    expect_orphan("matchkey test:0.1 is granted, but its server has put another in its place");
    end();
}

/* What a tracker grants on a link that a fault has met may not be seen. */
/* Its tracker has not heard that its server has given the first link up. */
Test(ledger_queue, matchkey_of_another_link_is_replaced_by_nobody) {
    begin();
    (void)lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t again = lr_rig_control(&rig, "s1", 49092,
                                    "[5, {\"key\": \"server:test\", \"addr\": [null, 9091]}]");
    lr_rig_text(&rig, again, LR_FROM_SERVICE, "0");
    lr_rig_put(&rig, again, 9091, "test:0.2", "test:0.1");
    expect_queue(2, 0);
    lr_rig_put(&rig, again, 9091, "test:0.3", "test:0.2");
    expect_queue(2, 0);
    end();
}

Test(ledger_queue, counts_are_not_judged_while_a_grant_may_have_gone_unseen) {
    begin();
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_ledger_link_fault(rig.ledger, rig.now, client, "black hole");
    summary(0, 0);
    cr_assert_eq(rig.finding_count, 0U);
    rig.now += 20 * LR_SECOND;
    summary(0, 0);
    cr_assert_eq(rig.finding_count, 0U, "it still waits there");
    lr_ledger_link_closed(rig.ledger, rig.now, client, "keep-alive");
    summary(0, 0);
    cr_assert_eq(rig.finding_count, 0U);
    rig.now += 5 * LR_SECOND;
    summary(0, 0);
    cr_assert_geq(rig.finding_count, 1U, "the server would have missed it by now");
    end();
}

/* A place comes back, and then once more: it may have been granted between to somebody whose link a
 * fault has met, who still waits there or has left. */
static unsigned int releases_beside_a_hurt_request(bool leaves, uint64_t later_ns) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, lr_rig_request(&rig, "c1", 5001, 1), "test:0.1");
    uint32_t data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    rig.now += 2 * LR_SECOND;
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    uint32_t hurt = lr_rig_request(&rig, "c2", 5003, 1);
    lr_ledger_link_fault(rig.ledger, rig.now, hurt, "black hole");
    if (leaves) {
        lr_ledger_link_fin(rig.ledger, rig.now, hurt, LR_TO_SERVICE);
    }
    rig.now += later_ns;
    lr_rig_put(&rig, server, 9091, "test:0.3", NULL);
    unsigned int count = lr_ledger_account(rig.ledger, 1)->released_count;
    end();
    return count;
}

Test(ledger_queue, place_that_may_have_been_granted_unseen_is_not_released_twice) {
    cr_assert_eq(releases_beside_a_hurt_request(false, 100 * LR_SECOND), 1U, "who waits");
    cr_assert_eq(releases_beside_a_hurt_request(true, LR_SECOND), 1U, "who has just left");
    cr_assert_eq(releases_beside_a_hurt_request(true, 100 * LR_SECOND), 2U, "who left long ago");
}

Test(ledger_queue, nobodys_turn_is_judged_by_a_request_on_a_link_that_a_fault_has_met) {
    begin();
    uint32_t first = lr_rig_request(&rig, "c1", 5001, 1);
    rig.now += LR_SECOND;
    uint32_t second = lr_rig_request(&rig, "c2", 5002, 1);
    rig.now += LR_SECOND;
    lr_ledger_link_fault(rig.ledger, rig.now, first, "black hole");
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, second, "test:0.1");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 0U);
    end();
}

Test(ledger_queue, answer_to_a_message_that_stopped_in_its_middle_is_its_refusal) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_bytes(&rig, server, LR_TO_SERVICE, "\x20\0\0\0[3, ", 8);
    rig.now += 30 * LR_SECOND;
    lr_rig_text(&rig, server, LR_FROM_SERVICE, "-1");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 0U);
    end();
}

Test(ledger_queue, answer_to_nothing_is_found) {
    begin();
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_text(&rig, server, LR_FROM_SERVICE, "-1");
    lr_rig_audit(&rig);
    cr_assert_geq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
    end();
}

static void wait_and_be_granted(void) {
    uint32_t first = lr_rig_request(&rig, "c1", 5001, 5);
    lr_rig_request(&rig, "c2", 5002, 5);
    rig.now += LR_SECOND;
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_poll(&rig, server, "[\"test:0.1\"]");
    lr_rig_grant(&rig, first, "test:0.1");
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    summary(1, 1);
}

static void expect_counts(void) {
    expect_queue(1, 1);
    cr_assert_eq(rig.finding_count, 0U);
}

Test(ledger_queue, says_so_where_memory_was_missing_for_what_it_counts) {
    lr_rig_each_failure(&rig, wait_and_be_granted, expect_counts);
}
