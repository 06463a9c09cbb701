/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracker has to do for well-behaved servers and clients, and for what they leave behind.
 * Each case also runs with every allocation of the tracker failing in turn. */
#include <stdio.h>
#include <string.h>

#include "support/tracker_rig.h"

static const uint8_t magic[] = {0x71, 0xf2, 0x02, 0x00};

RIG_CASE(tracker, answers_ping) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    rig_ask(rig, peer, "[1]", "0");
    rig_ask(rig, peer, "[1]", "0");
    rig_hear_nothing(rig, peer);
}

RIG_CASE(tracker, accepts_the_magic_byte_by_byte) {
    lr_link peer = rig_connect(rig, "127.0.0.1");
    for (size_t i = 0; i < sizeof magic; i++) {
        rig_hear_nothing(rig, peer);
        rig_send(rig, peer, magic + i, 1);
    }
    if (peer != LR_LINK_NONE) {
        lr_driver_consume(rig->driver, peer, rig->counting.failed == 0 ? sizeof magic : 0);
    }
    rig_ask(rig, peer, "[1]", "0");
}

RIG_CASE(tracker, accepts_a_message_right_behind_the_magic) {
    static const uint8_t both[] = {0x71, 0xf2, 2, 0, 3, 0, 0, 0, '[', '1', ']', 3, 0, 0, 0, '['};
    static const uint8_t answer[] = {0x71, 0xf2, 2, 0, 1, 0, 0, 0, '0'};
    lr_link peer = rig_connect(rig, "127.0.0.1");
    rig_send(rig, peer, both, sizeof both);
    if (peer != LR_LINK_NONE) {
        size_t size;
        const uint8_t *data = lr_driver_output(rig->driver, peer, &size);
        rig_expect(rig, size == sizeof answer && memcmp(data, answer, size) == 0);
        lr_driver_consume(rig->driver, peer, size);
    }
    rig_send(rig, peer, "1]", 2); /* the rest of the second message */
    rig_hear(rig, peer, "0");
}

RIG_CASE(tracker, accepts_messages_byte_by_byte) {
    static const uint8_t question[] = {3, 0, 0, 0, '[', '1', ']', 3, 0, 0, 0, '[', '7', ']'};
    lr_link peer = rig_join(rig, "127.0.0.1");
    for (size_t i = 0; i < sizeof question; i++) {
        rig_send(rig, peer, question + i, 1);
    }
    rig_hear(rig, peer, "0");
    rig_hear(rig, peer, "[]");
    rig_hear_nothing(rig, peer);
}

RIG_CASE(tracker, gives_a_registered_server_to_the_client_that_asks) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, server, "[7]", "[\"dev:0.25\"]");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    rig_ask(rig, server, "[7]", "[]");
    rig_expect(rig, lr_tracker_count(rig->tracker).grants == 1);
}

RIG_CASE(tracker, gives_the_custom_host_of_a_put) {
    lr_link server = rig_join(rig, "127.0.0.2");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, server, "[3, \"dev\", [9090, \"dev:0.25\"], \"board.example\"]", "0");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"board.example\", 9090, \"dev:0.25\"]]");
}

RIG_CASE(tracker, lists_a_null_host_as_the_address_of_the_peer) {
    lr_link server = rig_join(rig, "127.0.0.2");
    lr_link other = rig_join(rig, "::1");
    rig_ask(rig, server, "[5, {\"key\": \"server:dev\", \"addr\": [null, 9090]}]", "0");
    rig_ask(rig, other, "[5, {\"key\": \"server:dev\", \"addr\": [\"board\", 9091]}]", "0");
    rig_ask(rig, other, "[6]",
            "[0, {\"queue_info\": {}, \"server_info\": [{\"key\": \"server:dev\", \"addr\": "
            "[\"127.0.0.2\", 9090]}, {\"key\": \"server:dev\", \"addr\": [\"board\", 9091]}]}]");
}

RIG_CASE(tracker, lists_only_servers_and_what_they_said_last) {
    lr_link peer = rig_join(rig, "127.0.0.2");
    rig_ask(rig, peer, "[5, {\"key\": \"client:dev\", \"addr\": [null, 1]}]", "0");
    rig_ask(rig, peer, "[6]", "[0, {\"queue_info\": {}, \"server_info\": []}]");
    rig_ask(rig, peer, "[5, {\"key\": \"server:dev\", \"addr\": [null, 2]}]", "0");
    rig_ask(rig, peer, "[6]",
            "[0, {\"queue_info\": {}, \"server_info\": [{\"key\": \"server:dev\", \"addr\": "
            "[\"127.0.0.2\", 2]}]}]");
}

RIG_CASE(tracker, lists_a_server_that_told_no_address_where_its_put_says) {
    lr_link peer = rig_join(rig, "127.0.0.2");
    rig_ask(rig, peer, "[5, {\"key\": \"server:dev\"}]", "0");
    rig_ask(rig, peer, "[3, \"dev\", [9090, \"dev:0.25\"], null]", "0");
    rig_ask(rig, peer, "[6]",
            "[0, {\"queue_info\": {\"dev\": {\"free\": 1, \"pending\": 0}}, \"server_info\": "
            "[{\"key\": \"server:dev\", \"addr\": [\"127.0.0.2\", 9090]}]}]");
}

RIG_CASE(tracker, lets_the_higher_priority_go_first_and_the_earlier_among_equals) {
    lr_link clients[6];
    const char *requests[] = {"[4, \"dev\", \"\", 0]",   "[4, \"dev\", \"\", 5]",
                              "[4, \"dev\", \"\", 1]",   "[4, \"dev\", \"\", 5]",
                              "[4, \"dev\", \"\", 1.5]", "[4, \"dev\", \"\", -0.5]"};
    static const size_t order[] = {1, 3, 4, 2, 0, 5};
    for (size_t i = 0; i < 6; i++) {
        clients[i] = rig_join(rig, "127.0.0.3");
        rig_say(rig, clients[i], requests[i]);
    }
    lr_link server = rig_join(rig, "127.0.0.2");
    for (size_t i = 0; i < 6; i++) {
        rig_hear_nothing(rig, clients[order[i]]);
        rig_ask(rig, server, "[3, \"dev\", [9090, \"dev:0.25\"], null]", "0");
        rig_hear(rig, clients[order[i]], "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    }
}

RIG_CASE(tracker, gives_first_what_was_put_first) {
    lr_link server = rig_join(rig, "127.0.0.2");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, server, "[3, \"dev\", [1, \"dev:0.9\"], null]", "0");
    rig_ask(rig, server, "[3, \"dev\", [2, \"dev:0.1\"], null]", "0");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 1, \"dev:0.9\"]]");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 2, \"dev:0.1\"]]");
}

RIG_CASE(tracker, answers_a_ping_behind_a_request_that_waits) {
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_say(rig, client, "[4, \"dev\", \"\", 1]");
    rig_ask(rig, client, "[1]", "0");
    rig_hear_nothing(rig, client);
    (void)rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    rig_hear(rig, client, "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
}

RIG_CASE(tracker, answers_one_peer_that_serves_and_asks_in_order_of_completion) {
    lr_link peer = rig_join(rig, "127.0.0.2");
    rig_say(rig, peer, "[4, \"dev\", \"\", 1]");
    rig_say(rig, peer, "[3, \"dev\", [9090, \"dev:0.25\"], null]");
    rig_hear(rig, peer, "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    rig_hear(rig, peer, "0");
    rig_hear_nothing(rig, peer);
}

RIG_CASE(tracker, withdraws_what_a_server_put_when_it_leaves) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_leave(rig, server);
    rig_hear_end(rig, server);
    rig_ask(rig, client, "[6]", "[0, {\"queue_info\": {}, \"server_info\": []}]");
    rig_say(rig, client, "[4, \"dev\", \"\", 1]");
    rig_hear_nothing(rig, client);
}

RIG_CASE(tracker, withdraws_a_put_without_update_info) {
    lr_link server = rig_join(rig, "127.0.0.2");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, server, "[3, \"rogue\", [1, \"rogue:0.5\"], null]", "0");
    rig_reset(rig, server);
    rig_ask(rig, client, "[6]", "[0, {\"queue_info\": {}, \"server_info\": []}]");
}

RIG_CASE(tracker, withdraws_matchkeys_that_do_not_begin_with_their_key) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "other:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, server, "[3, \"dev\", [9090, \"no colon\"], null]", "0");
    rig_ask(rig, server, "[3, \"dev\", [9090, \"dev:0.5\"], null]", "0");
    rig_leave(rig, server);
    rig_ask(rig, client, "[6]", "[0, {\"queue_info\": {}, \"server_info\": []}]");
}

RIG_CASE(tracker, serves_and_withdraws_keys_with_colons) {
    lr_link server = rig_serve(rig, "127.0.0.2", "pool:gpu", 7, "pool:gpu:0.5");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, client, "[6]",
            "[0, {\"queue_info\": {\"pool:gpu\": {\"free\": 1, \"pending\": 0}}, \"server_info\": "
            "[{\"key\": \"server:pool:gpu\", \"addr\": [\"127.0.0.2\", 7]}]}]");
    rig_leave(rig, server);
    rig_ask(rig, client, "[6]", "[0, {\"queue_info\": {}, \"server_info\": []}]");
}

RIG_CASE(tracker, forgets_the_requests_of_a_client_that_has_gone) {
    lr_link gone = rig_join(rig, "127.0.0.3");
    lr_link client = rig_join(rig, "127.0.0.4");
    rig_say(rig, gone, "[4, \"dev\", \"\", 9]");
    rig_say(rig, gone, "[4, \"other\", \"\", 9]");
    rig_say(rig, client, "[4, \"dev\", \"\", 1]");
    rig_ask(
        rig, client, "[6]",
        "[0, {\"queue_info\": {\"dev\": {\"free\": 0, \"pending\": 2}, \"other\": {\"free\": 0, "
        "\"pending\": 1}}, \"server_info\": []}]");
    rig_leave(rig, gone);
    rig_ask(rig, client, "[6]",
            "[0, {\"queue_info\": {\"dev\": {\"free\": 0, \"pending\": 1}}, \"server_info\": []}]");
    (void)rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    rig_hear(rig, client, "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
}

RIG_CASE(tracker, goes_on_listing_the_key_of_a_server_that_is_busy) {
    (void)rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    rig_ask(rig, client, "[6]",
            "[0, {\"queue_info\": {\"dev\": {\"free\": 0, \"pending\": 0}}, \"server_info\": "
            "[{\"key\": \"server:dev\", \"addr\": [\"127.0.0.2\", 9090]}]}]");
}

RIG_CASE(tracker, never_grants_a_matchkey_twice_though_put_twice) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, server, "[3, \"dev\", [9091, \"dev:0.25\"], null]", "0");
    rig_ask(rig, server, "[7]", "[\"dev:0.25\"]");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 9091, \"dev:0.25\"]]");
    rig_say(rig, client, "[4, \"dev\", \"\", 1]");
    rig_hear_nothing(rig, client);
}

RIG_CASE(tracker, keeps_equal_matchkeys_of_two_servers_apart) {
    lr_link first = rig_serve(rig, "127.0.0.2", "dev", 1, "dev:0.25");
    (void)rig_serve(rig, "127.0.0.3", "dev", 2, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.4");
    rig_leave(rig, first);
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.3\", 2, \"dev:0.25\"]]");
}

/* Held: who has which server. Time moves so that a hold has an age. */

RIG_CASE(tracker, tells_which_client_holds_which_server_since_when) {
    (void)rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "::1");
    rig_ask(rig, client, "[4, \"dev\", \"anna\", 1]", "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    lr_driver_advance(rig->driver, 1500 * LR_MS);
    rig_ask(rig, client, "[6, \"held\"]",
            "[0, {\"queue_info\": {\"dev\": {\"free\": 0, \"pending\": 0}}, \"server_info\": "
            "[{\"key\": \"server:dev\", \"addr\": [\"127.0.0.2\", 9090]}], \"held\": [{\"key\": "
            "\"dev\", \"server\": \"127.0.0.2:9090\", \"client\": \"[::1]:50001\", \"user\": "
            "\"anna\", \"seconds\": 1.5}]}]");
}

RIG_CASE(tracker, ends_a_hold_with_the_next_put_of_a_server_of_one_slot) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    rig_expect(rig, lr_tracker_count(rig->tracker).held == 1);
    rig_leave(rig, client); /* the session is a connection of its own: the hold goes on */
    rig_expect(rig, lr_tracker_count(rig->tracker).held == 1);
    rig_ask(rig, server, "[3, \"dev\", [9090, \"dev:0.5\"], null]", "0");
    rig_expect(rig, lr_tracker_count(rig->tracker).held == 0);
    rig_ask(rig, server, "[7]", "[\"dev:0.5\"]");
}

RIG_CASE(tracker, ends_the_hold_that_a_put_names) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 1, "dev:0.1");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, server, "[3, \"dev\", [1, \"dev:0.2\"], null]", "0");
    rig_ask(rig, client, "[4, \"dev\", \"a\", 1]", "[0, [\"127.0.0.2\", 1, \"dev:0.1\"]]");
    rig_ask(rig, client, "[4, \"dev\", \"b\", 1]", "[0, [\"127.0.0.2\", 1, \"dev:0.2\"]]");
    rig_ask(rig, server, "[3, \"dev\", [1, \"dev:0.3\"], null, \"dev:0.2\"]", "0");
    rig_ask(
        rig, client, "[6, \"held\"]",
        "[0, {\"queue_info\": {\"dev\": {\"free\": 1, \"pending\": 0}}, \"server_info\": "
        "[{\"key\": \"server:dev\", \"addr\": [\"127.0.0.2\", 1]}], \"held\": [{\"key\": "
        "\"dev\", \"server\": \"127.0.0.2:1\", \"client\": \"127.0.0.3:50001\", \"user\": \"a\", "
        "\"seconds\": 0.0}]}]");
}

RIG_CASE(tracker, replaces_a_matchkey_that_was_never_granted) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 1, "dev:0.1");
    rig_ask(rig, server, "[3, \"dev\", [1, \"dev:0.2\"], null, \"dev:0.1\"]", "0");
    rig_ask(rig, server, "[7]", "[\"dev:0.2\"]");
    rig_ask(rig, server, "[3, \"dev\", [1, \"dev:0.3\"], null, \"dev:unknown\"]", "0");
    rig_ask(rig, server, "[7]", "[\"dev:0.2\", \"dev:0.3\"]");
}

RIG_CASE(tracker, ends_the_holds_of_a_server_that_leaves) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    rig_leave(rig, server);
    rig_expect(rig, lr_tracker_count(rig->tracker).held == 0);
    rig_ask(rig, client, "[6, \"held\"]",
            "[0, {\"queue_info\": {}, \"server_info\": [], \"held\": []}]");
}

/* Grants to clients that are going. */

RIG_CASE(tracker, takes_back_a_grant_that_never_left_for_a_client_that_was_reset) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link dead = rig_join(rig, "127.0.0.3");
    lr_link next = rig_join(rig, "127.0.0.4");
    if (dead != LR_LINK_NONE) {
        lr_driver_window(rig->driver, dead, 5); /* a part of the answer leaves */
    }
    rig_say(rig, dead, "[4, \"dev\", \"\", 1]");
    rig_say(rig, next, "[4, \"dev\", \"\", 1]");
    rig_expect(rig, lr_tracker_count(rig->tracker).held == 1);
    rig_reset(rig, dead);
    rig_hear(rig, next, "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    rig_ask(rig, server, "[7]", "[]");
}

RIG_CASE(tracker, takes_a_grant_back_behind_the_others) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.1");
    lr_link dead = rig_join(rig, "127.0.0.3");
    lr_link next = rig_join(rig, "127.0.0.4");
    rig_ask(rig, server, "[3, \"dev\", [9090, \"dev:0.2\"], null]", "0");
    if (dead != LR_LINK_NONE) {
        lr_driver_window(rig->driver, dead, 0);
    }
    rig_say(rig, dead, "[4, \"dev\", \"\", 1]");
    rig_reset(rig, dead);
    rig_ask(rig, server, "[7]", "[\"dev:0.2\", \"dev:0.1\"]");
    rig_ask(rig, next, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 9090, \"dev:0.2\"]]");
}

RIG_CASE(tracker, leaves_a_grant_that_has_gone_out_final) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    rig_reset(rig, client);
    rig_ask(rig, server, "[7]", "[]");
    rig_expect(rig, lr_tracker_count(rig->tracker).held == 1);
}

/* The client had read the grant all the same: it is spent when its server, which has one slot and
 * names nothing, puts the next. */
RIG_CASE(tracker, replaces_a_grant_taken_back_by_the_next_put_of_a_server_of_one_slot) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link dead = rig_join(rig, "127.0.0.3");
    if (dead != LR_LINK_NONE) {
        lr_driver_window(rig->driver, dead, 5);
    }
    rig_say(rig, dead, "[4, \"dev\", \"\", 1]");
    rig_reset(rig, dead);
    rig_ask(rig, server, "[7]", "[\"dev:0.25\"]");
    rig_ask(rig, server, "[3, \"dev\", [9090, \"dev:0.5\"], null]", "0");
    rig_ask(rig, server, "[7]", "[\"dev:0.5\"]");
    rig_expect(rig, lr_tracker_count(rig->tracker).free == 1);
}

RIG_CASE(tracker, keeps_a_grant_taken_back_from_a_connection_with_other_matchkeys) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link dead = rig_join(rig, "127.0.0.3");
    if (dead != LR_LINK_NONE) {
        lr_driver_window(rig->driver, dead, 0);
    }
    rig_say(rig, dead, "[4, \"dev\", \"\", 1]");
    rig_reset(rig, dead);
    rig_ask(rig, server, "[3, \"else\", [9090, \"else:0.1\"], null]", "0");
    rig_ask(rig, server, "[3, \"dev\", [9090, \"dev:0.5\"], null]", "0");
    rig_ask(rig, server, "[7]", "[\"dev:0.25\", \"else:0.1\", \"dev:0.5\"]");
}

RIG_CASE(tracker, takes_nothing_back_for_a_server_that_has_gone) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link dead = rig_join(rig, "127.0.0.3");
    if (dead != LR_LINK_NONE) {
        lr_driver_window(rig->driver, dead, 0);
    }
    rig_say(rig, dead, "[4, \"dev\", \"\", 1]");
    rig_leave(rig, server);
    rig_reset(rig, dead);
    rig_expect(rig, lr_tracker_count(rig->tracker).free == 0);
}

RIG_CASE(tracker, answers_what_was_asked_before_a_fin) {
    (void)rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link client = rig_join(rig, "127.0.0.3");
    if (client != LR_LINK_NONE) {
        lr_driver_window(rig->driver, client, 0);
    }
    rig_say(rig, client, "[4, \"dev\", \"\", 1]");
    rig_leave(rig, client);
    if (client != LR_LINK_NONE) {
        lr_driver_window(rig->driver, client, SIZE_MAX);
    }
    rig_hear(rig, client, "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
    rig_hear_end(rig, client);
}

RIG_CASE(tracker, notices_a_peer_that_keep_alive_gave_up) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    if (server != LR_LINK_NONE && !lr_driver_ended(rig->driver, server)) {
        lr_driver_lose(rig->driver, server);
    }
    rig_expect(rig, lr_tracker_count(rig->tracker).free == 0);
}

/* STOP. */

static const struct lr_tracker_options with_stop_key = {
    .host = "127.0.0.1",
    .port = 9190,
    .port_end = 9199,
    .stop_key = "tracker:0.123",
    .message_bytes_max = 65536,
    .key_bytes_max = 256,
    .connections_max = 64,
    .unsent_bytes_max = 65536,
    .backlog_bytes_max = 65536,
    .entries_max = 64,
    .handshake_ns = 5 * LR_SECOND,
    .stalled_ns = 30 * LR_SECOND,
    .unread_ns = 30 * LR_SECOND,
};

RIG_CASE_WITH(tracker, refuses_to_stop_for_a_wrong_key, &with_stop_key) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    rig_ask(rig, peer, "[2, \"x\"]", "-1");
    rig_ask(rig, peer, "[1]", "0");
    rig_expect(rig, !lr_tracker_stopped(rig->tracker));
}

RIG_CASE_WITH(tracker, stops_for_the_right_key_and_closes_everything, &with_stop_key) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link waiting = rig_join(rig, "127.0.0.3");
    lr_link peer = rig_join(rig, "127.0.0.1");
    rig_say(rig, waiting, "[4, \"other\", \"\", 1]");
    rig_ask(rig, peer, "[2, \"tracker:0.123\"]", "0");
    rig_hear_end(rig, peer);
    rig_hear_end(rig, server);
    rig_hear_end(rig, waiting);
    rig_expect(rig, lr_tracker_stopped(rig->tracker));
    rig_expect(rig, lr_driver_listeners(rig->driver, rig->host) == 0);
    rig_expect(rig, lr_tracker_role(rig->tracker)->ops->deadline(lr_tracker_role(rig->tracker)) ==
                        LR_TIME_NEVER);
}

RIG_CASE(tracker, makes_a_stop_key_that_cannot_be_guessed) {
    cr_assert(strncmp(lr_tracker_stop_key(rig->tracker), "tracker:0.", 10) == 0);
    cr_assert_gt(strlen(lr_tracker_stop_key(rig->tracker)), 20);
}

RIG_CASE(tracker, stops_when_its_owner_says_so) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_tracker_stop(rig->tracker, lr_driver_now(rig->driver));
    lr_tracker_stop(rig->tracker, lr_driver_now(rig->driver)); /* again: nothing happens */
    lr_driver_pump(rig->driver);
    rig_hear_end(rig, server);
    rig_expect(rig, lr_driver_listeners(rig->driver, rig->host) == 0);
}

RIG_CASE(tracker, tells_its_port) {
    rig_expect(rig, lr_tracker_port(rig->tracker) == 9190);
    rig_expect(rig, rig->events[LR_TRACE_BIND] == 1);
    cr_assert_null(lr_tracker_failure(rig->tracker));
}

/* The last line of the log that told of a registration. */
static char registered[LR_TRACE_TEXT_MAX];

static void keep_registered(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    (void)sink;
    if (event->kind == LR_TRACE_REGISTER) {
        (void)snprintf(registered, sizeof registered, "%s", event->text);
    }
}

static void register_servers(struct tracker_rig *rig) {
    static const struct {
        const char *info, *says;
    } rows[] = {
        {"[5, {\"key\": \"server:dev\", \"addr\": [null, 9090]}]",
         "registered server:dev at 127.0.0.2:9090"},
        {"[5, {\"key\": \"server:dev\", \"addr\": [\"board.test\", 9091]}]",
         "registered server:dev at board.test:9091"},
        {"[5, {\"key\": \"server:dev\"}]", "registered server:dev at 127.0.0.2"},
        {"[5, {\"key\": \"a\\n\\\"b\", \"addr\": [\"\\u001b[1m\", 1]}]",
         "registered a\\x0a\\x22b at \\x1b[1m:1"},
    };
    rig->sink.emit = keep_registered;
    lr_link server = rig_join(rig, "127.0.0.2");
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        rig_ask(rig, server, rows[i].info, "0");
        cr_expect(strcmp(registered, rows[i].says) == 0, "%s", registered);
    }
}

Test(tracker, logs_a_registration_as_a_person_reads_it) {
    rig_once(register_servers, NULL);
}

/* Whichever allocation fails between a question and its answer: who asked has the answer or the end
 * at once, and need not find out by itself that nothing comes. */
static void ask_a_poor_tracker(struct tracker_rig *rig) {
    static const char *const questions[] = {
        NULL, /* the magic */
        "[1]",
        "[2, \"dev:0.5\"]",
        "[3, \"dev\", [9090, \"dev:0.5\"], null]",
        "[5, {\"key\": \"server:dev\", \"addr\": [null, 9090]}]",
        "[6]",
        "[7]",
    };
    for (size_t i = 0; i < LR_COUNT_OF(questions); i++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n++) {
            cr_assert_lt(n, 100U);
            lr_link peer =
                questions[i] == NULL ? rig_connect(rig, "127.0.0.2") : rig_join(rig, "127.0.0.2");
            rig->counting.fail_at = rig->counting.calls + n;
            if (questions[i] == NULL) {
                rig_send(rig, peer, magic, sizeof magic);
            } else {
                rig_say(rig, peer, questions[i]);
            }
            failed = rig->counting.failed > 0;
            rig->counting.fail_at = 0;
            rig->counting.failed = 0;
            size_t size;
            (void)lr_driver_output(rig->driver, peer, &size);
            cr_assert(size > 0 || lr_driver_ended(rig->driver, peer), "question %zu, %zu", i,
                      (size_t)n);
            lr_driver_reset(rig->driver, peer);
        }
    }
    lr_driver_advance(rig->driver, LR_SECOND);
}

Test(tracker, answers_or_leaves_at_once_where_memory_is_short) {
    rig_once(ask_a_poor_tracker, NULL);
}
