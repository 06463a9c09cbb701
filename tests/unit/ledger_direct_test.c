/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions without a tracker: what shows their release, and what does not. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "ledger/budget.h"
#include "rpc/handshake.h"
#include "support/ledger_rig.h"

static struct ledger_rig rig;

static const struct lr_account *account(uint32_t number) {
    return lr_ledger_account(rig.ledger, number);
}

static uint32_t open_session(unsigned int port) {
    uint32_t link = lr_rig_open(&rig, "c1", port, "s1", "test", "");
    return link;
}

static void begin(void) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
}

static void end(void) {
    lr_rig_deinit(&rig);
}

Test(ledger_direct, session_is_known_from_its_connection_on) {
    begin();
    uint32_t link = lr_rig_connect(&rig, "c1", 5001, "s1");
    cr_assert_not_null(lr_ledger_account_of_link(rig.ledger, link));
    cr_assert_eq(account(1)->connected_at, rig.now);
    cr_assert_eq(account(1)->requested_at, LR_TIME_NEVER);
    cr_assert(account(1)->observable);
    end();
}

/* What has passed of the message under way is known after each byte: all of it, or what fits. */
Test(ledger_direct, each_byte_has_its_place_in_its_message) {
    static const uint8_t hello[] = {0x71, 0xf2, 0x0f, 0,   11,  0,   0,   0,   's', 'e',
                                    'r',  'v',  'e',  'r', ':', 't', 'e', 's', 't'};
    struct lr_ledger_place place;
    begin();
    uint32_t link = lr_rig_connect(&rig, "c1", 5001, "s1");
    for (size_t i = 1; i <= sizeof hello; i++) {
        lr_rig_bytes(&rig, link, LR_TO_SERVICE, &hello[i - 1], 1);
        cr_assert(lr_ledger_link_place(rig.ledger, link, LR_TO_SERVICE, &place));
        cr_assert_eq(place.opened, i == sizeof hello);
        size_t size = place.opened ? 0 : i;
        cr_assert_eq(place.message_size, size, "at byte %zu: %" PRIu64, i, place.message_size);
        cr_assert_eq(place.front_size, size < sizeof place.front ? size : sizeof place.front);
        cr_assert_eq(memcmp(place.front, hello, place.front_size), 0);
    }
    end();
}

Test(ledger_direct, session_is_requestable_again_by_the_next_accepted_handshake) {
    begin();
    uint32_t link = open_session(5001);
    lr_ledger_link_fin(rig.ledger, rig.now, link, LR_TO_SERVICE);
    rig.now += LR_MS;
    lr_ledger_link_fin(rig.ledger, rig.now, link, LR_FROM_SERVICE);
    cr_assert_eq(account(1)->released_at, rig.now);
    cr_assert_not(account(1)->observable, "nobody has tried");
    lr_rig_audit(&rig);
    cr_assert_eq(rig.finding_count, 0U);
    rig.now += LR_SECOND;
    open_session(5002);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert(account(1)->observable);
    end();
}

Test(ledger_direct, release_after_a_reset_is_not_observable_until_somebody_tries) {
    begin();
    uint32_t link = open_session(5001);
    lr_ledger_link_reset(rig.ledger, rig.now, link, LR_TO_SERVICE);
    cr_assert_eq(account(1)->released_at, LR_TIME_NEVER);
    cr_assert_not(account(1)->observable);
    uint32_t next = lr_rig_hello(&rig, "c1", 5002, "s1", "test", "");
    cr_assert(account(1)->observable, "it is tried");
    rig.now += LR_MS;
    lr_rig_accept(&rig, next);
    cr_assert_eq(account(1)->released_at, rig.now);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    end();
}

/* Who was let in shows it, whatever another who tried meanwhile was told. */
Test(ledger_direct, release_is_shown_by_an_accept_behind_a_refusal) {
    begin();
    uint32_t link = open_session(5001);
    lr_ledger_link_reset(rig.ledger, rig.now, link, LR_TO_SERVICE);
    uint32_t next = lr_rig_hello(&rig, "c1", 5002, "s1", "test", "");
    uint32_t refused = lr_rig_hello(&rig, "c1", 5003, "s1", "other", "");
    lr_rig_word(&rig, refused, LR_FROM_SERVICE, 0xff273);
    cr_assert_not(account(1)->observable);
    lr_rig_accept(&rig, next);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert(account(1)->observable);
    end();
}

/* How late it is shows only who has tried: before that it was there, for all that anybody knows. */
Test(ledger_direct, release_that_nobody_asked_for_is_not_late) {
    const struct lr_budget budget = {.release_ns = 11 * LR_MS, .requestable_ns = LR_TIME_NEVER};
    uint64_t late_by;
    for (int refused = 0; refused < 2; refused++) {
        begin();
        uint32_t link = open_session(5001);
        lr_time reset_at = rig.now;
        lr_ledger_link_reset(rig.ledger, rig.now, link, LR_TO_SERVICE);
        if (refused != 0) {
            uint32_t early = lr_rig_hello(&rig, "c1", 5002, "s1", "test", "");
            lr_rig_word(&rig, early, LR_FROM_SERVICE, LR_ANSWER_MISMATCH);
            lr_ledger_link_fin(rig.ledger, rig.now, early, LR_FROM_SERVICE);
        }
        rig.now += 3 * LR_SECOND;
        open_session(5003);
        lr_rig_audit(&rig);
        cr_expect_eq(lr_rig_count(&rig, LR_FINDING_LATE), (size_t)refused);
        cr_expect_eq(lr_budget_judge(account(1), &budget, reset_at, rig.now, &late_by),
                     refused != 0 ? LR_RELEASE_LATE : LR_RELEASE_NOT_OBSERVABLE);
        end();
    }
}

Test(ledger_direct, refused_handshake_shows_nothing_of_another_session) {
    begin();
    uint32_t link = open_session(5001);
    lr_ledger_link_fin(rig.ledger, rig.now, link, LR_TO_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, link, LR_FROM_SERVICE);
    uint32_t next = lr_rig_hello(&rig, "c1", 5002, "s1", "wrong", "");
    lr_rig_word(&rig, next, LR_FROM_SERVICE, LR_ANSWER_MISMATCH);
    cr_assert_eq(account(1)->requestable_at, LR_TIME_NEVER);
    cr_assert_not(account(1)->observable);
    lr_ledger_link_fin(rig.ledger, rig.now, next, LR_FROM_SERVICE);
    cr_assert_eq(account(2)->released_at, rig.now);
    cr_assert_eq(account(2)->requestable_at, rig.now, "it took no slot");
    end();
}

Test(ledger_direct, accepted_handshake_beside_a_running_session_shows_one_slot) {
    begin();
    uint32_t first = open_session(5001);
    uint32_t second = open_session(5002);
    open_session(5003);
    lr_ledger_link_fin(rig.ledger, rig.now, first, LR_FROM_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, second, LR_FROM_SERVICE);
    open_session(5004);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert_eq(account(2)->requestable_at, LR_TIME_NEVER);
    end();
}

Test(ledger_direct, session_that_nobody_ends_is_a_leak) {
    begin();
    open_session(5001);
    lr_rig_connect(&rig, "c2", 5002, "s1");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LEAKED), 2U);
    end();
}

Test(ledger_direct, silent_connection_beside_an_unused_grant_is_a_leak_too) {
    begin();
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    uint32_t link = lr_rig_connect(&rig, "c2", 5002, "s1");
    cr_assert_null(lr_ledger_account_of_link(rig.ledger, link), "it may be c1's");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LEAKED), 1U);
    lr_ledger_link_fin(rig.ledger, rig.now, link, LR_TO_SERVICE);
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, link)->fin_at[LR_TO_SERVICE], rig.now);
    end();
}

Test(ledger_direct, grant_of_a_tracker_whose_servers_nobody_watches_is_found_by_its_matchkey) {
    begin();
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    uint32_t link = open_session(5002);
    uint32_t right = lr_rig_hello(&rig, "c1", 5003, "s1", "test:0.1", "");
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, right), account(1));
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, link), account(2));
    end();
}

Test(ledger_direct, key_with_a_wrong_option_still_says_which_session_is_meant) {
    begin();
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    uint32_t link = lr_rig_hello(&rig, "c1", 5002, "s1", "test:0.1", " -timeout=abc");
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, link), account(1));
    cr_assert_eq(account(1)->timeout_ns, LR_TIME_NEVER);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
    end();
}

Test(ledger_direct, release_that_only_a_handshake_shows_is_not_late_before_somebody_tries) {
    begin();
    uint32_t link = open_session(5001);
    lr_ledger_link_reset(rig.ledger, rig.now, link, LR_TO_SERVICE);
    rig.now += 20 * LR_SECOND;
    open_session(5002);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LATE), 0U);
    end();
}

Test(ledger_direct, who_tried_and_was_given_another_place_shows_nothing_of_this_one) {
    begin();
    uint32_t first = open_session(5001);
    uint32_t second = open_session(5002);
    open_session(5003); /* goes on: the server has several places */
    lr_ledger_link_reset(rig.ledger, rig.now, first, LR_TO_SERVICE);
    lr_ledger_link_reset(rig.ledger, rig.now, second, LR_TO_SERVICE);
    open_session(5004);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert_eq(account(2)->requestable_at, LR_TIME_NEVER);
    rig.now += 20 * LR_SECOND;
    open_session(5005);
    cr_assert_eq(account(2)->requestable_at, rig.now);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LATE), 0U);
    end();
}

/* Its end goes behind answers that take long: whoever was let in meanwhile may have its place, and
 * shows nothing of the next one's. */
Test(ledger_direct, place_that_was_given_on_before_its_end_was_seen_is_back) {
    for (int asked = 0; asked < 2; asked++) {
        begin();
        uint32_t first = open_session(5001);
        lr_rig_initialise(&rig, first, LR_DIALECT_FFI);
        open_session(5002);
        struct lr_value nothing = lr_value_null();
        if (asked) {
            rig.now += LR_MS;
            lr_rig_packet(&rig, first, LR_TO_SERVICE, LR_DIALECT_FFI, LR_PACKET_CALL_FUNC, NULL, 0);
        }
        for (int i = 0; i < 2; i++) {
            rig.now += LR_MS;
            lr_rig_packet(&rig, first, LR_FROM_SERVICE, LR_DIALECT_FFI, LR_PACKET_EXCEPTION,
                          &nothing, 0);
        }
        lr_ledger_link_fin(rig.ledger, rig.now, first, LR_FROM_SERVICE);
        cr_assert_eq(account(1)->requestable_at != LR_TIME_NEVER, asked == 0);
        end();
    }
}

/* Its server has let go of it, and cannot say so to who does not read: it has one place or more. */
Test(ledger_direct, whose_place_may_have_been_given_on_is_not_late) {
    static const uint8_t begun_answer[] = {12, 0, 0, 0, 0, 0, 0, 0, 5, 0};
    begin();
    uint32_t unread = open_session(5001);
    lr_rig_bytes(&rig, unread, LR_FROM_SERVICE, begun_answer, sizeof begun_answer);
    rig.now += LR_MS;
    open_session(5002);
    rig.now += LR_SECOND;
    lr_ledger_link_reset(rig.ledger, rig.now, unread, LR_TO_SERVICE);
    rig.now += LR_SECOND;
    uint32_t waiting = lr_rig_hello(&rig, "c1", 5003, "s1", "test", "");
    rig.now += 20 * LR_SECOND;
    lr_rig_accept(&rig, waiting);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LATE), 0U);
    end();
}

Test(ledger_direct, who_was_never_accepted_is_not_taken_for_the_one_whose_place_comes_back) {
    begin();
    open_session(5001); /* goes on: the server has two places */
    uint32_t waiting = lr_rig_hello(&rig, "c2", 5002, "s1", "test", "");
    uint32_t second = open_session(5003);
    lr_ledger_link_reset(rig.ledger, rig.now, waiting, LR_TO_SERVICE);
    lr_ledger_link_reset(rig.ledger, rig.now, second, LR_TO_SERVICE);
    open_session(5004);
    cr_assert_eq(account(3)->requestable_at, rig.now);
    end();
}

Test(ledger_direct, who_tried_on_a_link_that_a_fault_has_met_shows_nothing) {
    begin();
    uint32_t first = open_session(5001);
    lr_ledger_link_reset(rig.ledger, rig.now, first, LR_TO_SERVICE);
    uint32_t lost = lr_rig_hello(&rig, "c2", 5002, "s1", "test", "");
    lr_ledger_link_fault(rig.ledger, rig.now, lost, "black hole");
    lr_ledger_link_closed(rig.ledger, rig.now, lost, "keep-alive");
    rig.now += 20 * LR_SECOND;
    open_session(5003);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LATE), 0U, "%s", rig.findings[0].text);
    end();
}

Test(ledger_direct, who_tried_and_left_at_once_shows_nothing) {
    begin();
    uint32_t first = open_session(5001);
    lr_ledger_link_reset(rig.ledger, rig.now, first, LR_TO_SERVICE);
    uint32_t next = lr_rig_hello(&rig, "c2", 5002, "s1", "test", "");
    lr_ledger_link_reset(rig.ledger, rig.now, next, LR_TO_SERVICE);
    rig.now += 20 * LR_SECOND;
    open_session(5003);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LATE), 0U, "%s", rig.findings[0].text);
    end();
}

Test(ledger_direct, who_tried_with_a_wrong_key_shows_nothing) {
    begin();
    uint32_t first = open_session(5001);
    lr_ledger_link_reset(rig.ledger, rig.now, first, LR_TO_SERVICE);
    uint32_t wrong = lr_rig_hello(&rig, "c2", 5002, "s1", "nobody", "");
    lr_rig_word(&rig, wrong, LR_FROM_SERVICE, LR_ANSWER_MISMATCH);
    lr_ledger_link_reset(rig.ledger, rig.now, wrong, LR_TO_SERVICE);
    rig.now += 20 * LR_SECOND;
    open_session(5003);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LATE), 0U);
    end();
}

Test(ledger_direct, handshake_that_was_never_accepted_has_no_place_to_come_back) {
    begin();
    uint32_t link = lr_rig_hello(&rig, "c1", 5001, "s1", "test", "");
    lr_ledger_link_reset(rig.ledger, rig.now, link, LR_TO_SERVICE);
    rig.now += LR_SECOND;
    uint32_t next = lr_rig_hello(&rig, "c2", 5002, "s1", "test", "");
    cr_assert_not(account(1)->observable, "a try shows nothing of it");
    lr_ledger_link_reset(rig.ledger, rig.now, next, LR_TO_SERVICE);
    rig.now += 20 * LR_SECOND;
    lr_rig_audit(&rig);
    cr_assert_eq(rig.finding_count, 0U, "%s", rig.findings[0].text);
    end();
}

Test(ledger_direct, shutdown_before_the_accept_ends_nothing_until_it_is_read) {
    begin();
    uint32_t link = lr_rig_hello(&rig, "c1", 5001, "s1", "test", "");
    lr_rig_packet(&rig, link, LR_TO_SERVICE, LR_DIALECT_FFI, LR_PACKET_SHUTDOWN, NULL, 0);
    rig.now += 20 * LR_SECOND;
    lr_rig_accept(&rig, link);
    lr_ledger_link_fin(rig.ledger, rig.now, link, LR_FROM_SERVICE);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LATE), 0U);
    end();
}

/* c1 uses a port for two services at once, and for one of them once more later. */
Test(ledger_direct, link_is_found_by_the_ports_of_both_ends) {
    begin();
    (void)lr_rig_connect(&rig, "c1", 5001, "s1");
    uint32_t tracker = lr_rig_connect(&rig, "c1", 5001, "tracker");
    uint32_t first = lr_rig_connect(&rig, "c1", 5001, "s1");
    uint32_t second = lr_rig_connect(&rig, "c2", 5002, "s1");
    cr_assert_eq(lr_ledger_link_of_ports(rig.ledger, "c1", 5001, 9091), first);
    cr_assert_eq(lr_ledger_link_of_ports(rig.ledger, "c1", 5001, 9190), tracker);
    cr_assert_eq(lr_ledger_link_of_ports(rig.ledger, "c2", 5002, 9091), second);
    cr_assert_eq(lr_ledger_link_of_ports(rig.ledger, "c2", 5002, 9190), 0U);
    cr_assert_eq(lr_ledger_link_of_ports(rig.ledger, "c1", 5002, 9091), 0U);
    cr_assert_eq(lr_ledger_link_of_ports(rig.ledger, "c1", 0, 9091), 0U);
    cr_assert_str_eq(lr_ledger_link_opener(rig.ledger, second), "c2");
    cr_assert_str_eq(lr_ledger_link_opener(rig.ledger, 99), "");
    end();
}

static void come_and_go(void) {
    uint32_t link = open_session(5001);
    lr_rig_initialise(&rig, link, LR_DIALECT_FFI);
    lr_ledger_link_reset(rig.ledger, rig.now, link, LR_TO_SERVICE);
    rig.now += LR_MS;
    (void)lr_rig_open(&rig, "c2", 5002, "s1", "test", "");
}

static void expect_answered(void) {
    cr_assert_eq(account(1)->requestable_at, rig.now, "the second one was answered");
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LEAKED), 1U, "and is held");
}

Test(ledger_direct, says_so_where_memory_was_missing) {
    lr_rig_each_failure(&rig, come_and_go, expect_answered);
}
