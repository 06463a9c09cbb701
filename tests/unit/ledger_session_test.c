/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions through a tracker: matching, calls, and every way in which one is over, released and
 * requestable again. */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/handshake.h"
#include "support/ledger_rig.h"

static struct ledger_rig rig;
static struct lr_counting_alloc counting;
static uint32_t server, client, data;

static const struct lr_account *account(uint32_t number) {
    return lr_ledger_account(rig.ledger, number);
}

static void begin(void) {
    lr_counting_alloc_init(&counting, lr_alloc_system());
    cr_assert(lr_rig_init(&rig, &counting.base));
}

static void end(void) {
    cr_assert_eq(lr_ledger_health(rig.ledger), LR_OK);
    lr_rig_deinit(&rig);
    cr_assert_eq(counting.live_bytes, 0U);
}

static void pass(uint64_t ns) {
    rig.now += ns;
}

/* A session that is accepted, of c1 at s1. */
static void open_session(const char *options) {
    begin();
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    pass(LR_SECOND);
    client = lr_rig_request(&rig, "c1", 5001, 1);
    pass(LR_MS);
    lr_rig_grant(&rig, client, "test:0.1");
    pass(LR_MS);
    data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", options);
    pass(LR_MS);
}

static size_t count_findings(void) {
    lr_rig_audit(&rig);
    return rig.finding_count;
}

Test(ledger_session, is_one_account_from_its_request_to_its_servers_next_matchkey) {
    open_session("");
    lr_rig_initialise(&rig, data, LR_DIALECT_FFI);
    const struct lr_account *seen = account(1);
    cr_assert_eq(lr_ledger_account_count(rig.ledger), 1U);
    cr_assert_str_eq(seen->key, "test");
    cr_assert_str_eq(seen->matchkey, "test:0.1");
    cr_assert_str_eq(seen->client, "c1");
    cr_assert_str_eq(seen->server, "s1");
    cr_assert_eq(seen->request_link, client);
    cr_assert_eq(seen->data_link, data);
    cr_assert_eq(seen->register_link, server);
    cr_assert_eq(seen->initialised_at, rig.now);
    cr_assert_eq(seen->timeout_ns, LR_TIME_NEVER);
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, data), seen);
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, client), seen);
    cr_assert_null(lr_ledger_account_of_link(rig.ledger, server));

    lr_rig_packet(&rig, data, LR_TO_SERVICE, LR_DIALECT_FFI, LR_PACKET_SHUTDOWN, NULL, 0);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    cr_assert_eq(seen->released_at, LR_TIME_NEVER, "the client's end releases nothing");
    pass(LR_MS);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_time released = rig.now;
    pass(LR_MS);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    cr_assert_eq(seen->released_at, released);
    cr_assert_eq(seen->requestable_at, rig.now);
    cr_assert_eq(seen->released_count, 1U);
    cr_assert_eq(count_findings(), 0U);
    end();
}

Test(ledger_session, counts_calls_and_knows_when_one_is_under_way) {
    open_session("");
    lr_rig_initialise(&rig, data, LR_DIALECT_LEGACY);
    struct lr_value ten = lr_value_int(10);
    pass(LR_MS);
    lr_rig_packet(&rig, data, LR_TO_SERVICE, LR_DIALECT_LEGACY, LR_PACKET_CALL_FUNC, &ten, 1);
    cr_assert(account(1)->in_call);
    cr_assert_eq(account(1)->calls, 0U);
    pass(LR_SECOND);
    lr_rig_packet(&rig, data, LR_FROM_SERVICE, LR_DIALECT_LEGACY, LR_PACKET_RETURN, &ten, 1);
    cr_assert_not(account(1)->in_call);
    cr_assert_eq(account(1)->calls, 1U);
    cr_assert_eq(account(1)->last_packet_at, rig.now);
    cr_assert(account(1)->dialect_known);
    cr_assert_eq(account(1)->dialect, LR_DIALECT_LEGACY);
    cr_assert(lr_rig_said(&rig, "c1 -> s1: CallFunc handle 3 int 10"));
    cr_assert(lr_rig_said(&rig, "s1 -> c1: Return int 10"));
    end();
}

Test(ledger_session, keeps_the_last_exception_and_takes_an_unasked_one_for_no_answer) {
    open_session(" -timeout=2");
    lr_rig_initialise(&rig, data, LR_DIALECT_FFI);
    struct lr_value text = lr_value_str(lr_text_of("expired"));
    lr_rig_packet(&rig, data, LR_FROM_SERVICE, LR_DIALECT_FFI, LR_PACKET_EXCEPTION, &text, 1);
    cr_assert_eq(account(1)->exception_at, rig.now);
    cr_assert_str_eq(account(1)->exception, "\"expired\"");
    cr_assert_eq(account(1)->calls, 0U);
    cr_assert_eq(account(1)->timeout_ns, 2 * LR_SECOND);
    end();
}

Test(ledger_session, is_released_by_the_next_matchkey_after_a_reset) {
    open_session("");
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_TO_SERVICE);
    cr_assert_eq(account(1)->reset_at[LR_TO_SERVICE], rig.now);
    cr_assert_eq(account(1)->closed_at, rig.now);
    cr_assert_eq(account(1)->released_at, LR_TIME_NEVER, "an RST shows nothing of the server");
    pass(5 * LR_MS);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    cr_assert_eq(account(1)->released_at, rig.now);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    end();
}

Test(ledger_session, is_released_when_the_next_matchkey_begins_to_come) {
    static const char put[] = "\x25\0\0\0[3, \"test\", [9091, \"test:0.2\"], null]";
    open_session("");
    pass(LR_MS);
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_TO_SERVICE);
    pass(LR_MS);
    lr_time begun = rig.now;
    size_t size = (sizeof put) - 1;
    cr_assert_eq((size_t)put[0] + 4, size);
    lr_rig_bytes(&rig, server, LR_TO_SERVICE, put, 4);
    pass(40 * LR_MS);
    lr_rig_bytes(&rig, server, LR_TO_SERVICE, put + 4, size - 4);
    cr_assert_eq(account(1)->released_at, begun, "TVM sends a message in two writes");
    cr_assert_eq(account(1)->requestable_at, rig.now, "the tracker can grant it now");
    end();
}

Test(ledger_session, is_released_by_its_servers_reset) {
    open_session("");
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    cr_assert_eq(account(1)->released_at, rig.now);
    end();
}

Test(ledger_session, notices_an_end_inside_a_packet) {
    open_session("");
    lr_rig_bytes(&rig, data, LR_TO_SERVICE, "\x64\0\0\0\0\0\0\0\2\0", 10);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    cr_assert(account(1)->cut_inside_packet[LR_TO_SERVICE]);
    cr_assert_not(account(1)->cut_inside_packet[LR_FROM_SERVICE]);
    end();
}

Test(ledger_session, is_released_when_its_servers_process_ends) {
    open_session("");
    lr_ledger_process(rig.ledger, rig.now, "s1", 4711, true);
    lr_ledger_process(rig.ledger, rig.now, "c1", 4712, false);
    cr_assert_eq(account(1)->released_at, LR_TIME_NEVER);
    lr_ledger_process(rig.ledger, rig.now, "s1", 4711, false);
    cr_assert_eq(account(1)->released_at, rig.now);
    end();
}

Test(ledger_session, is_requestable_again_by_a_new_registration_of_the_same_server) {
    open_session("");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    lr_ledger_link_closed(rig.ledger, rig.now, server, NULL);
    pass(LR_SECOND);
    uint32_t other = lr_rig_server(&rig, "s2", 9092, "test:0.7");
    cr_assert_eq(account(1)->requestable_at, LR_TIME_NEVER, "another port is another server");
    uint32_t again = lr_rig_server(&rig, "s1", 9091, "test:0.2");
    cr_assert_neq(other, again);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert_eq(account(1)->released_count, 1U);
    end();
}

/* Its tracker has not heard that the power was cut, and grants what nobody offers any more. */
Test(ledger_session, places_of_a_new_process_are_as_many_as_were_those_of_the_one_before) {
    begin();
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    pass(5 * LR_SECOND);
    uint32_t again = lr_rig_server(&rig, "s1", 9091, "test:0.3");
    cr_assert_eq(account(1)->requestable_at, rig.now);
    lr_rig_put(&rig, again, 9091, "test:0.4", NULL);
    cr_assert_eq(account(1)->released_count, 1U, "the second place is not the first one again");
    lr_rig_put(&rig, again, 9091, "test:0.5", NULL);
    cr_assert_eq(account(1)->released_count, 2U, "there is no third one");
    end();
}

/* It has given its link up, and is there on another one: what the first one brings is old. */
Test(ledger_session, is_not_released_by_what_comes_late_on_a_link_before) {
    begin();
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    pass(3 * LR_SECOND);
    uint32_t again = lr_rig_server(&rig, "s1", 9091, "test:0.3");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.3");
    data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.3", "");
    pass(LR_SECOND);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    cr_assert_eq(account(1)->released_at, LR_TIME_NEVER);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, again, 9091, "test:0.4", NULL);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    end();
}

Test(ledger_session, of_an_unused_grant_ends_with_the_matchkey_that_takes_its_place) {
    begin();
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    pass(6 * LR_SECOND);
    lr_rig_poll(&rig, server, "[]");
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    cr_assert_eq(account(1)->connected_at, LR_TIME_NEVER);
    cr_assert_eq(account(1)->released_at, rig.now);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert_eq(count_findings(), 0U);
    end();
}

Test(ledger_session, that_is_asked_for_again_is_a_new_account) {
    begin();
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    data = lr_rig_hello(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_rig_word(&rig, data, LR_FROM_SERVICE, LR_ANSWER_MISMATCH);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    lr_rig_text(&rig, client, LR_TO_SERVICE, "[4, \"test\", \"\", 1]");
    pass(LR_SECOND);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    lr_rig_grant(&rig, client, "test:0.2");
    cr_assert_eq(lr_ledger_account_count(rig.ledger), 2U);
    cr_assert_eq(account(1)->requestable_at, rig.now);
    cr_assert_str_eq(account(2)->matchkey, "test:0.2");
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, client), account(2));
    end();
}

Test(ledger_session, may_begin_with_a_handshake_that_is_sent_twice) {
    begin();
    server = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, client, "test:0.1");
    uint32_t first = lr_rig_hello(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_ledger_link_reset(rig.ledger, rig.now, first, LR_FROM_SERVICE);
    cr_assert_eq(account(1)->released_at, rig.now);
    pass(LR_SECOND);
    data = lr_rig_open(&rig, "c1", 5003, "s1", "test:0.1", "");
    cr_assert_eq(lr_ledger_account_count(rig.ledger), 1U);
    cr_assert_eq(account(1)->data_link, data);
    cr_assert_eq(account(1)->accepted_at, rig.now);
    cr_assert_eq(account(1)->released_at, LR_TIME_NEVER);
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    cr_assert_eq(account(1)->released_at, rig.now);
    cr_assert_eq(account(1)->released_count, 1U);
    end();
}

Test(ledger_session, requests_of_one_connection_are_told_apart_by_key_then_age) {
    begin();
    client = lr_rig_control(&rig, "c1", 5001, "[4, \"a\", \"\", 1]");
    lr_rig_text(&rig, client, LR_TO_SERVICE, "[4, \"b\", \"\", 1]");
    lr_rig_text(&rig, client, LR_TO_SERVICE, "[1]");
    lr_rig_text(&rig, client, LR_TO_SERVICE, "[4, \"b\", \"\", 1]");
    lr_rig_text(&rig, client, LR_FROM_SERVICE, "0");
    lr_rig_grant(&rig, client, "b:0.1");
    cr_assert_eq(account(1)->granted_at, LR_TIME_NEVER);
    cr_assert_eq(account(2)->granted_at, rig.now);
    lr_rig_grant(&rig, client, "a:0.5");
    cr_assert_str_eq(account(1)->matchkey, "a:0.5");
    cr_assert_eq(account(3)->granted_at, LR_TIME_NEVER);
    cr_assert_eq(count_findings(), 0U);
    end();
}

static size_t late_behind_a_tracker_that_stands_still(bool woken) {
    open_session("");
    lr_ledger_link_reset(rig.ledger, rig.now, data, LR_TO_SERVICE);
    pass(20 * LR_SECOND);
    if (woken) {
        lr_ledger_host_woken(rig.ledger, rig.now);
    }
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    lr_rig_audit(&rig);
    size_t late = lr_rig_count(&rig, LR_FINDING_LATE);
    end();
    return late;
}

Test(ledger_session, is_not_late_where_its_tracker_read_nothing_meanwhile) {
    cr_assert_eq(late_behind_a_tracker_that_stands_still(false), 1U);
    cr_assert_eq(late_behind_a_tracker_that_stands_still(true), 0U);
}

/* ---- released twice ---- */

Test(ledger_session, is_released_twice_by_two_matchkeys_without_a_grant_between) {
    open_session("");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    pass(LR_SECOND);
    lr_rig_put(&rig, server, 9091, "test:0.3", NULL);
    cr_assert_eq(account(1)->released_count, 2U);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_TWICE), 1U);
    end();
}

/* A fault has changed what its server is told: that the matchkey before is not there, perhaps. */
Test(ledger_session, is_not_released_twice_by_a_server_that_may_have_been_misled) {
    open_session("");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    lr_ledger_link_spoiled(rig.ledger, server);
    lr_rig_put(&rig, server, 9091, "test:0.3", NULL);
    cr_assert_eq(account(1)->released_count, 1U);
    end();
}

Test(ledger_session, is_not_released_twice_by_a_matchkey_that_replaces_a_lost_one) {
    open_session("");
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    pass(8 * LR_SECOND);
    lr_rig_poll(&rig, server, "[]");
    lr_rig_put(&rig, server, 9091, "test:0.3", NULL);
    cr_assert_eq(account(1)->released_count, 1U);
    lr_ledger_link_fin(rig.ledger, rig.now, server, LR_TO_SERVICE);
    lr_rig_server(&rig, "s1", 9091, "test:0.4");
    cr_assert_eq(account(1)->released_count, 1U, "nor by a new registration");
    end();
}

Test(ledger_session, that_still_runs_when_its_only_slot_is_offered_is_a_finding) {
    open_session("");
    pass(2 * LR_SECOND);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    pass(LR_SECOND);
    lr_rig_packet(&rig, data, LR_TO_SERVICE, LR_DIALECT_FFI, LR_PACKET_SHUTDOWN, NULL, 0);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_TWICE), 1U);
    end();
}

Test(ledger_session, may_be_over_unseen_where_its_client_does_not_read) {
    open_session(" -timeout=1");
    lr_rig_bytes(&rig, data, LR_FROM_SERVICE, "\0\0\1\0\0\0\0\0\4\0\0\0", 12); /* of 64 KB */
    pass(LR_SECOND);
    lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
    pass(LR_SECOND); /* the FIN waits behind the rest */
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_TWICE), 0U);
    end();
}

Test(ledger_session, may_be_seen_to_end_a_little_after_its_slot_is_offered) {
    static const struct {
        uint64_t after_ns;
        size_t findings;
    } rows[] = {{3 * LR_MS, 0}, {100 * LR_MS, 0}, {100 * LR_MS + 1, 1}};
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        open_session("");
        pass(2 * LR_SECOND);
        lr_rig_put(&rig, server, 9091, "test:0.2", NULL);
        pass(rows[i].after_ns);
        lr_ledger_link_fin(rig.ledger, rig.now, data, LR_FROM_SERVICE);
        cr_assert_eq(count_findings(), rows[i].findings);
        end();
    }
}

/* ---- who it is ---- */

/* While a grant is unused a link waits for its handshake to say whose it is; one that says what is
 * no handshake is a session of its own. */
Test(ledger_session, of_a_link_without_a_handshake_is_one_all_the_same) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, lr_rig_request(&rig, "c1", 5001, 1), "test:0.1");
    uint32_t link = lr_rig_connect(&rig, "c2", 5002, "s1");
    cr_assert_null(lr_ledger_account_of_link(rig.ledger, link));
    lr_rig_word(&rig, link, LR_TO_SERVICE, 1);
    cr_assert_not_null(lr_ledger_account_of_link(rig.ledger, link));
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
    cr_assert_eq(rig.findings[0].session, lr_ledger_account_of_link(rig.ledger, link)->number);
    end();
}

Test(ledger_session, of_which_the_client_becomes_known_later_gets_its_name) {
    open_session("");
    struct lr_endpoint known = {.host = "program", .address = "127.0.0.1:5002", .pid = 4711};
    lr_ledger_link_client(rig.ledger, data, &known);
    cr_assert_str_eq(account(1)->client, "program");
    cr_assert_eq(account(1)->client_pid, 4711);
    end();
}

/* Who asks is who connects, until somebody has connected. */
Test(ledger_session, of_which_the_asker_becomes_known_later_gets_its_name) {
    struct lr_endpoint asker = {.host = "asker", .address = "127.0.0.1:5001", .pid = 4712};
    begin();
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    client = lr_rig_request(&rig, "c1", 5001, 1);
    lr_ledger_link_client(rig.ledger, client, &asker);
    cr_assert_str_eq(account(1)->client, "asker");
    cr_assert_eq(account(1)->client_pid, 4712);
    lr_rig_grant(&rig, client, "test:0.1");
    (void)lr_rig_open(&rig, "c2", 5002, "s1", "test:0.1", "");
    cr_assert_str_eq(account(1)->client, "c2");
    lr_ledger_link_client(rig.ledger, client, &asker);
    cr_assert_str_eq(account(1)->client, "c2");
    end();
}

Test(ledger_session, large_packets_are_followed_and_not_kept) {
    open_session("");
    lr_rig_initialise(&rig, data, LR_DIALECT_FFI);
    size_t before = counting.peak_bytes;
    struct lr_packet packet;
    struct lr_buf buf;
    static const uint8_t payload[4 << 20];
    lr_packet_init(&packet, lr_alloc_system());
    lr_buf_init(&buf, lr_alloc_system());
    packet.code = LR_PACKET_COPY_TO_REMOTE;
    packet.tensor = (struct lr_tensor){.ndim = 1, .dtype = {1, 8, 1}, .shape = {sizeof payload}};
    packet.nbytes = sizeof payload;
    packet.payload = payload;
    packet.payload_size = sizeof payload;
    cr_assert_eq(lr_packet_encode(LR_DIALECT_FFI, &packet, &buf), LR_OK);
    rig.chunk = 60000;
    lr_rig_bytes(&rig, data, LR_TO_SERVICE, lr_buf_data(&buf), lr_buf_size(&buf));
    cr_assert(account(1)->in_call);
    cr_assert_gt(account(1)->bytes[LR_TO_SERVICE], sizeof payload);
    cr_assert_lt(counting.peak_bytes, before + (512U << 10));
    lr_buf_deinit(&buf);
    lr_packet_deinit(&packet);
    cr_assert_eq(count_findings(), 1U, "it still runs, and nothing else is wrong");
    end();
}

static void live_and_die(void) {
    uint32_t link = lr_rig_server(&rig, "s1", 9091, "test:0.1");
    uint32_t asker = lr_rig_request(&rig, "c1", 5001, 1);
    lr_rig_grant(&rig, asker, "test:0.1");
    uint32_t carrier = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_rig_initialise(&rig, carrier, LR_DIALECT_FFI);
    lr_ledger_process(rig.ledger, rig.now, "s1", 1, true);
    lr_ledger_link_reset(rig.ledger, rig.now, carrier, LR_TO_SERVICE);
    lr_rig_put(&rig, link, 9091, "test:0.2", "test:0.1");
    lr_rig_text(&rig, asker, LR_TO_SERVICE, "[6]");
    lr_rig_text(&rig, asker, LR_FROM_SERVICE,
                "[0, {\"queue_info\": {\"test\": {\"free\": 1, \"pending\": 0}}, "
                "\"server_info\": []}]");
    lr_ledger_link_closed(rig.ledger, rig.now, link, "gone");
}

static void expect_requestable(void) {
    cr_assert_eq(lr_ledger_account(rig.ledger, 1)->requestable_at, rig.now);
}

Test(ledger_session, survives_each_allocation_failure_and_says_so) {
    lr_rig_each_failure(&rig, live_and_die, expect_requestable);
}
