/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences on sessions that have ended, and on those that are held. */
#include <criterion/criterion.h>
#include <string.h>

#include "ledger/held.h"
#include "support/ledger_rig.h"

static struct ledger_rig rig;
static uint32_t server, client, data;
static char text[LR_HELD_TEXT_MAX];

static void tell_of_session(const char *options) {
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    data = lr_rig_hello(&rig, "c1", 5002, "s1", "test:0.1", options);
    struct lr_endpoint known = {.host = "c1", .address = "127.0.0.1:5002", .pid = 4711};
    lr_ledger_link_client(rig.ledger, data, &known);
    lr_rig_accept(&rig, data);
    lr_rig_initialise(&rig, data, LR_DIALECT_FFI);
}

static void open_session(const char *options) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    tell_of_session(options);
}

static const char *describe(void) {
    return lr_held_describe(text, sizeof text, lr_ledger_account(rig.ledger, 1), rig.now);
}

static const char *summary(void) {
    return lr_held_summary(text, sizeof text, lr_ledger_account(rig.ledger, 1), rig.now);
}

Test(ledger_held, says_who_how_long_idle_since_when_and_what_ends_it) {
    open_session(" -timeout=20");
    rig.now += 2 * LR_SECOND;
    cr_assert_str_eq(describe(),
                     "held by c1 (pid 4711, 127.0.0.1:5002 -> 127.0.0.1:9091) for 2.00 s, idle for "
                     "2.00 s; its timeout would release it in 18.00 s; close it explicitly, or "
                     "hold it in a scope");
    rig.now += 20 * LR_SECOND;
    cr_assert(strstr(describe(), "its timeout should have released it 2.00 s ago"), "%s", text);
    lr_rig_deinit(&rig);
}

Test(ledger_held, says_that_nothing_but_the_client_ends_it) {
    open_session("");
    struct lr_value one = lr_value_int(1);
    lr_rig_packet(&rig, data, LR_TO_SERVICE, LR_DIALECT_FFI, LR_PACKET_CALL_FUNC, &one, 1);
    rig.now += 3 * LR_SECOND;
    cr_assert(strstr(describe(), "in a call since 3.00 s; no timeout was asked for, so only its "
                                 "client can end it"),
              "%s", text);
    cr_assert(strstr(summary(), "session 1 \"test\", c1 at s1: held by c1 (pid 4711"), "%s", text);
    lr_rig_deinit(&rig);
}

Test(ledger_held, says_that_the_client_has_gone) {
    open_session("");
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_TO_SERVICE);
    cr_assert(strstr(describe(), "its client has gone, and only s1 can end it"), "%s", text);
    lr_rig_deinit(&rig);
}

Test(ledger_held, says_after_what_a_session_was_released) {
    open_session("");
    lr_rig_packet(&rig, data, LR_TO_SERVICE, LR_DIALECT_FFI, LR_PACKET_SHUTDOWN, NULL, 0);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    rig.now += 3 * LR_MS;
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    cr_assert_str_eq(summary(), "session 1 \"test\", c1 at s1: released 3.0 ms after its client's "
                                "Shutdown, not requestable again");
    rig.now += LR_MS;
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    cr_assert(strstr(summary(), "requestable again after 4.0 ms"), "%s", text);
    lr_rig_deinit(&rig);
}

Test(ledger_held, says_that_a_server_ended_it_by_itself) {
    open_session(" -timeout=2");
    rig.now += 2 * LR_SECOND;
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    cr_assert(strstr(summary(), "ended by its server 2.00 s after it was accepted"), "%s", text);
    lr_rig_deinit(&rig);
}

Test(ledger_held, says_where_a_request_stands) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    client = lr_rig_request(&rig, "c1", 5001, 1);
    rig.now += LR_SECOND;
    cr_assert_str_eq(summary(), "session 1 \"test\", c1: waits for a server, for 1.00 s");
    lr_rig_grant(&rig, client, "test:0.1");
    cr_assert(strstr(summary(), "granted and not connected, for 0 us"), "%s", text);
    lr_rig_deinit(&rig);
}

Test(ledger_held, is_cut_where_its_room_ends) {
    open_session("");
    for (size_t size = 1; size < 200; size++) {
        memset(text, 'x', sizeof text);
        lr_held_summary(text, size, lr_ledger_account(rig.ledger, 1), rig.now);
        cr_assert_lt(strlen(text), size);
        cr_assert_eq(text[size], 'x');
    }
    lr_rig_deinit(&rig);
}

/* Whatever is known of an account is told. */
static void hold_and_tell(void) {
    tell_of_session(" -timeout=20");
    for (uint32_t i = 1; i <= lr_ledger_account_count(rig.ledger); i++) {
        const struct lr_account *account = lr_ledger_account(rig.ledger, i);
        cr_assert_gt(strlen(lr_held_describe(text, sizeof text, account, rig.now)), 0U);
        cr_assert_gt(strlen(lr_held_summary(text, sizeof text, account, rig.now)), 0U);
    }
}

static void expect_sentence(void) {
    cr_assert(strstr(describe(), "its timeout would release it in 20.00 s"), "%s", text);
}

Test(ledger_held, has_a_sentence_on_what_is_known_where_memory_was_missing) {
    lr_rig_each_failure(&rig, hold_and_tell, expect_sentence);
}
