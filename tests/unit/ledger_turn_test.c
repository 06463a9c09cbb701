/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is: of those who wait, and of the servers that are free. */
#include <criterion/criterion.h>

#include "support/ledger_rig.h"

static struct ledger_rig rig;

static void begin(void) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
}

static void end(void) {
    cr_assert_eq(lr_ledger_health(rig.ledger), LR_OK);
    lr_rig_deinit(&rig);
}

Test(ledger_turn, finds_a_grant_out_of_turn) {
    begin();
    uint32_t low = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_request(&rig, "c2", 5002, 9);
    rig.now += LR_SECOND;
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, low, "test:0.1");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
    end();
}

/* Its grant, which comes in pieces, is whole a little later. */
Test(ledger_turn, waits_for_who_is_passed_over_to_be_granted_at_once) {
    for (int late = 0; late < 2; late++) {
        begin();
        uint32_t first = lr_rig_request(&rig, "c1", 5001, 5);
        rig.now += LR_SECOND;
        uint32_t second = lr_rig_request(&rig, "c2", 5002, 5);
        rig.now += LR_SECOND;
        uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
        lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
        lr_rig_grant(&rig, second, "test:0.2");
        rig.now += late ? LR_SECOND : LR_MS;
        lr_rig_grant(&rig, first, "test:0.1");
        lr_rig_audit(&rig);
        cr_assert_eq(rig.finding_count, (size_t)late);
        end();
    }
}

/* Who is passed over again waits from the first time on. */
Test(ledger_turn, counts_from_when_somebody_was_first_passed_over) {
    begin();
    uint32_t first = lr_rig_request(&rig, "c1", 5001, 5);
    rig.now += LR_SECOND;
    uint32_t second = lr_rig_request(&rig, "c2", 5002, 5);
    uint32_t third = lr_rig_request(&rig, "c3", 5003, 5);
    rig.now += LR_SECOND;
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    lr_rig_put(&rig, server, 9091, "test:0.3", NULL);
    lr_rig_grant(&rig, second, "test:0.1");
    rig.now += 60 * LR_MS;
    lr_rig_grant(&rig, third, "test:0.2");
    rig.now += 60 * LR_MS;
    lr_rig_grant(&rig, first, "test:0.3");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
    end();
}

Test(ledger_turn, finds_nothing_where_the_turn_is_right) {
    begin();
    uint32_t first = lr_rig_request(&rig, "c1", 5001, 5);
    rig.now += LR_SECOND;
    uint32_t second = lr_rig_request(&rig, "c2", 5002, 5);
    rig.now += LR_SECOND;
    uint32_t server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    lr_rig_grant(&rig, first, "test:0.1");
    lr_rig_grant(&rig, second, "test:0.2");
    lr_rig_audit(&rig);
    cr_assert_eq(rig.finding_count, 0U);
    end();
}

static bool is_out_of_turn(uint32_t number) {
    return lr_ledger_account(rig.ledger, number)->out_of_turn;
}

/* Its grant was made first, and written in more pieces. */
Test(ledger_turn, is_not_judged_of_two_who_are_granted_in_one_instant) {
    begin();
    (void)lr_rig_server(&rig, "s1", 9091, "test:0.1");
    rig.now += LR_SECOND;
    (void)lr_rig_server(&rig, "s2", 9092, "test:0.2");
    rig.now += LR_SECOND;
    lr_rig_grant(&rig, lr_rig_request(&rig, "c1", 5001, 1), "test:0.2");
    lr_rig_grant(&rig, lr_rig_request(&rig, "c2", 5002, 1), "test:0.1");
    cr_expect(!is_out_of_turn(1));
    cr_expect(!is_out_of_turn(2));
    end();
}

Test(ledger_turn, knows_who_was_given_a_server_that_others_had_been_free_before) {
    begin();
    (void)lr_rig_server(&rig, "s1", 9091, "test:0.1");
    rig.now += LR_SECOND;
    (void)lr_rig_server(&rig, "s2", 9092, "test:0.2");
    rig.now += LR_SECOND;
    (void)lr_rig_server(&rig, "s3", 9093, "test:0.3");
    lr_rig_grant(&rig, lr_rig_request(&rig, "c1", 5001, 1), "test:0.2");
    rig.now += 1;
    lr_rig_grant(&rig, lr_rig_request(&rig, "c2", 5002, 1), "test:0.1");
    lr_rig_grant(&rig, lr_rig_request(&rig, "c3", 5003, 1), "test:0.3");
    cr_expect(!is_out_of_turn(1));
    cr_expect(is_out_of_turn(2));
    cr_expect(!is_out_of_turn(3));
    end();
}

/* What was on its way to one who has left is free again behind the others, and nobody sees it. */
Test(ledger_turn, does_not_know_whose_turn_it_is_when_one_who_waited_has_left) {
    begin();
    (void)lr_rig_server(&rig, "s1", 9091, "test:0.1");
    rig.now += LR_SECOND;
    (void)lr_rig_server(&rig, "s2", 9092, "test:0.2");
    uint32_t leaver = lr_rig_request(&rig, "c1", 5001, 1);
    lr_ledger_link_reset(rig.ledger, rig.now, leaver, LR_TO_SERVICE);
    lr_rig_grant(&rig, lr_rig_request(&rig, "c2", 5002, 1), "test:0.2");
    lr_rig_grant(&rig, lr_rig_request(&rig, "c3", 5003, 1), "test:0.1");
    cr_expect(!is_out_of_turn(2));
    cr_expect(!is_out_of_turn(3));
    end();
}

static void pass_one_over(void) {
    uint32_t low = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_request(&rig, "c2", 5002, 9);
    rig.now += LR_SECOND;
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, low, "test:0.1");
    lr_rig_audit(&rig);
}

static void expect_finding(void) {
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
}

Test(ledger_turn, survives_each_allocation_failure_and_says_so) {
    lr_rig_each_failure(&rig, pass_one_over, expect_finding);
}
