/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of a server with several slots: which of them has come back, by its name or by order. */
#include <criterion/criterion.h>

#include "support/ledger_rig.h"

static struct ledger_rig rig;
static uint32_t server, client, data;

static const struct lr_account *account(uint32_t number) {
    return lr_ledger_account(rig.ledger, number);
}

static void begin(void) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
}

static void end(void) {
    cr_assert_eq(lr_ledger_health(rig.ledger), LR_OK);
    lr_rig_deinit(&rig);
}

static void pass(uint64_t ns) {
    rig.now += ns;
}

static size_t count_findings(void) {
    lr_rig_audit(&rig);
    return rig.finding_count;
}

/* A server of two slots, both taken and accepted: sessions 1 and 2 on links |data| and *second. */
static void open_two(uint32_t *second) {
    begin();
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_rig_text(&rig, client, LR_TO_SERVICE, "[4, \"test\", \"\", 1]");
    lr_rig_grant(&rig, client, "test:0.2");
    *second = lr_rig_hello(&rig, "c1", 5003, "s1", "test:0.2", "");
    lr_rig_accept(&rig, *second);
    pass(2 * LR_SECOND);
}

Test(ledger_slots, of_a_server_with_slots_comes_back_by_the_name_of_its_matchkey) {
    uint32_t second;
    open_two(&second);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, second, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.4", "test:0.2");
    cr_assert_eq(account(1)->requestable_at, LR_TIME_NEVER);
    cr_assert_eq(account(2)->requestable_at, rig.now);
    lr_rig_put(&rig, server, 9091, "test:0.3", "test:0.1");
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert_eq(count_findings(), 0U);
    lr_rig_put(&rig, server, 9091, "test:0.5", "test:0.1");
    cr_assert_eq(account(1)->released_count, 2U, "its matchkey was replaced before");
    end();
}

/* A server that was away from its tracker has made matchkeys that it never put. */
Test(ledger_slots, of_a_server_with_slots_is_the_oldest_over_where_the_name_was_never_put) {
    uint32_t second;
    open_two(&second);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.8", "test:0.7");
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert_eq(account(2)->requestable_at, LR_TIME_NEVER, "it runs");
    lr_rig_put(&rig, server, 9091, "test:0.9", "test:0.6");
    cr_assert_eq(account(2)->requestable_at, LR_TIME_NEVER, "it still runs");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_TWICE), 0U);
    end();
}

/* It registers while one of its places is in use: that is one of those it has, and missed as such,
 * though as many are on offer as were at first. */
Test(ledger_slots, of_a_server_whose_places_come_one_by_one_is_missed) {
    begin();
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_rig_put(&rig, server, 9091, "test:0.2", "test:0.9");
    pass(5 * LR_SECOND);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    pass(5 * LR_SECOND);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_NOT_REQUESTABLE), 1U);
    end();
}

/* All its places are on offer: which of them was whose does not matter. */
Test(ledger_slots, of_a_server_with_all_places_on_offer_is_not_missed) {
    uint32_t second;
    open_two(&second);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, second, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.5", "test:0.2");
    pass(20 * LR_SECOND);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_NOT_REQUESTABLE), 1U);
    lr_rig_put(&rig, server, 9091, "test:0.6", "test:0.5");
    lr_rig_put(&rig, server, 9091, "test:0.8", "test:0.6");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_NOT_REQUESTABLE), 1U, "one place is still missed");
    lr_rig_put(&rig, server, 9091, "test:0.9", "test:0.2");
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_NOT_REQUESTABLE), 0U);
    end();
}

Test(ledger_slots, of_a_server_with_slots_is_the_oldest_over_where_no_name_is_told) {
    uint32_t second;
    open_two(&second);
    lr_ledger_link_fin(rig.ledger, rig.now, second, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.3", NULL);
    cr_assert_eq(account(2)->requestable_at, rig.now);
    cr_assert_eq(account(1)->requestable_at, LR_TIME_NEVER);
    cr_assert_eq(account(1)->released_at, LR_TIME_NEVER);
    end();
}

static void use_both_and_come_back(void) {
    uint32_t link = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_put(&rig, link, 9091, "test:0.2", NULL);
    uint32_t asker = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, asker, "test:0.2");
    uint32_t carrier = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.2", "");
    lr_ledger_link_fin(rig.ledger, rig.now, carrier, LR_FROM_SERVICE);
    lr_rig_put(&rig, link, 9091, "test:0.3", "test:0.2");
}

static void expect_requestable(void) {
    cr_assert_eq(account(1)->requestable_at, rig.now);
}

Test(ledger_slots, survives_each_allocation_failure_and_says_so) {
    lr_rig_each_failure(&rig, use_both_and_come_back, expect_requestable);
}
