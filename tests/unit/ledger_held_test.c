/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences on sessions that have ended, and on those that are held. */
#include <criterion/criterion.h>
#include <stdio.h>
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
    rig.now += 4 * LR_MS;
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    cr_assert(strstr(summary(), ", requestable again after 4.0 ms"), "%s", text);
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
        cr_assert_eq(strlen(text), size - 1);
        cr_assert_eq(text[size], 'x');
    }
    lr_rig_deinit(&rig);
}

/* What happened when, in milliseconds; 0: never. */
struct held_row {
    unsigned int requested, granted, connected, accepted, released, requestable;
    unsigned int shutdown, reset, fin, closed; /* of the client */
    unsigned int count;                        /* of releases */
    bool hidden;                               /* nothing shows its release */
    bool cut;                                  /* inside a packet */
    const char *said;                          /* at 1000 ms */
};

static lr_time at_ms(unsigned int ms) {
    return ms == 0 ? LR_TIME_NEVER : ms * LR_MS;
}

static struct lr_account account_of(const struct held_row *row) {
    return (struct lr_account){
        .number = 7,
        .key = "k",
        .client = "c1",
        .server = row->connected == 0 ? "" : "s1",
        .client_address = "c1:1",
        .server_address = "s1:2",
        .requested_at = at_ms(row->requested),
        .granted_at = at_ms(row->granted),
        .connected_at = at_ms(row->connected),
        .accepted_at = at_ms(row->accepted),
        .timeout_ns = LR_TIME_NEVER,
        .last_packet_at = at_ms(row->accepted),
        .shutdown_at = {at_ms(row->shutdown), LR_TIME_NEVER},
        .reset_at = {at_ms(row->reset), LR_TIME_NEVER},
        .fin_at = {at_ms(row->fin), LR_TIME_NEVER},
        .closed_at = at_ms(row->closed),
        .cut_inside_packet = {row->cut, false},
        .released_at = at_ms(row->released),
        .requestable_at = at_ms(row->requestable),
        .released_count = row->count,
        .observable = !row->hidden,
    };
}

static const struct held_row held_rows[] = {
    {.requested = 100, .said = "c1: waits for a server, for 900.0 ms"},
    {.requested = 100, .hidden = true, .said = "c1: asked for a server and left, for 900.0 ms"},
    {.requested = 100, .granted = 300, .said = "c1: granted and not connected, for 700.0 ms"},
    {.requested = 2000, .said = "c1: waits for a server, for 0 us"},
    {.granted = 300,
     .released = 700,
     .said = "c1: granted and never connected, not requestable again"},
    {.granted = 300,
     .released = 700,
     .requestable = 800,
     .said = "c1: granted and never connected, requestable again after 500.0 ms"},
    {.connected = 400,
     .said = "c1 at s1: held by c1 (c1:1 -> s1:2) for 600.0 ms, idle for 0 us; no "
             "timeout was asked for, so only its client can end it; close it "
             "explicitly, or hold it in a scope"},
    {.connected = 400, .released = 700, .said = "c1 at s1: never accepted"},
    {.granted = 300,
     .connected = 400,
     .released = 700,
     .requestable = 900,
     .said = "c1 at s1: never accepted, requestable again after 200.0 ms"},
    {.connected = 400,
     .accepted = 500,
     .said =
         "c1 at s1: held by c1 (c1:1 -> s1:2) for 500.0 ms, idle for 500.0 ms; no timeout was "
         "asked for, so only its client can end it; close it explicitly, or hold it in a scope"},
    {.connected = 400,
     .accepted = 500,
     .closed = 600,
     .said = "c1 at s1: held by c1 (c1:1 -> s1:2) for 500.0 ms, idle for 500.0 ms; its client has "
             "gone, and only s1 can end it"},
    {.connected = 400,
     .accepted = 500,
     .shutdown = 600,
     .hidden = true,
     .said = "c1 at s1: its client has ended it, and nothing shows whether its server has"},
    {.connected = 400,
     .accepted = 500,
     .released = 700,
     .said = "c1 at s1: ended by its server 200.0 ms after it was accepted, not requestable again"},
    {.connected = 400,
     .accepted = 500,
     .released = 700,
     .hidden = true,
     .said = "c1 at s1: ended by its server 200.0 ms after it was accepted, whether requestable "
             "again is not shown"},
    {.connected = 400,
     .accepted = 500,
     .released = 700,
     .requestable = 710,
     .count = 1,
     .said =
         "c1 at s1: ended by its server 200.0 ms after it was accepted, requestable again after "
         "10.0 ms"},
    {.connected = 400,
     .accepted = 500,
     .fin = 690,
     .released = 700,
     .requestable = 710,
     .count = 2,
     .said = "c1 at s1: released 10.0 ms after its client's FIN, requestable again after 20.0 ms, "
             "released 2 times"},
    {.connected = 400,
     .accepted = 500,
     .fin = 690,
     .cut = true,
     .released = 690,
     .requestable = 690,
     .said = "c1 at s1: released 0 us after its client's FIN inside a packet, requestable again "
             "after 0 us"},
    {.accepted = 500,
     .connected = 400,
     .shutdown = 600,
     .reset = 650,
     .fin = 640,
     .released = 700,
     .requestable = 710,
     .said = "c1 at s1: released 100.0 ms after its client's Shutdown, requestable again after "
             "110.0 ms"},
    {.accepted = 500,
     .connected = 400,
     .shutdown = 750, /* crossed the end */
     .reset = 650,
     .released = 700,
     .requestable = 710,
     .said = "c1 at s1: released 50.0 ms after its client's RST, requestable again after 60.0 ms"},
};

Test(ledger_held, every_stand_of_a_session_has_its_sentence) {
    for (size_t i = 0; i < LR_COUNT_OF(held_rows); i++) {
        struct lr_account account = account_of(&held_rows[i]);
        char whole[LR_HELD_TEXT_MAX];
        (void)snprintf(whole, sizeof whole, "session 7 \"k\", %s", held_rows[i].said);
        cr_expect_str_eq(lr_held_summary(text, sizeof text, &account, LR_SECOND), whole);
    }
}

Test(ledger_held, tells_who_it_is_as_far_as_that_is_known) {
    struct held_row row = {.connected = 400, .accepted = 500};
    struct lr_account account = account_of(&row);
    account.key = "";
    account.client = "";
    account.timeout_ns = LR_SECOND / 2;
    account.in_call = true;
    cr_expect_str_eq(
        lr_held_summary(text, sizeof text, &account, LR_SECOND),
        "session 7,  at s1: held by somebody (c1:1 -> s1:2) for 500.0 ms, in a call since "
        "500.0 ms; its timeout should have released it 0 us ago; close it explicitly, or "
        "hold it in a scope");
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
