/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, connects and summaries, against scripted trackers and servers. */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/handshake.h"
#include "support/client_rig.h"

static const struct lr_request_options *const plain = &lr_request_options_default;

static enum lr_status request(struct client_rig *rig, const struct lr_request_options *options,
                              lr_op *op) {
    return lr_client_request(rig->client, client_rig_now(rig), lr_text_of("dev"), options, op);
}

static const char grant_1[] = "[0, [\"server.test\", 9091, \"dev:0.1\"]]";
static const char grant_2[] = "[0, [\"server.test\", 9092, \"dev:0.2\"]]";
static const char nothing_there[] = "[0, {\"queue_info\": {}, \"server_info\": []}]";
static const char question[] = "[4, \"dev\", \"\", 1]";

/* Whether |op| ends with a session in the connection that waits. */
static bool opens(struct client_rig *rig, uint16_t port, const char *key, enum lr_dialect dialect) {
    lr_link server = client_rig_hello(rig, "server.test", port, key);
    if (server == LR_LINK_NONE || !client_rig_accept(rig, server)) {
        return false;
    }
    client_rig_return_void(rig, server, dialect);
    return client_rig_result(rig) && rig->result.kind == LR_ANSWER_SESSION &&
           rig->result.session != NULL && lr_session_dialect(rig->result.session) == dialect;
}

CLIENT_CASE(rpc_client, opens_a_session_with_the_server_that_the_tracker_grants) {
    struct client_rig rig;
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, grant_1);
    RIG_EXPECT(&rig, opens(&rig, 9091, "client:dev:0.1", LR_DIALECT_FFI));
    RIG_EXPECT(&rig, rig.result.op == op && rig.result.error.code == LR_OK);
    RIG_EXPECT(&rig, rig.requests == 1);
    RIG_EXPECT(&rig, lr_session_references(rig.result.session) == 1);
    RIG_EXPECT(&rig, strcmp(lr_session_address(rig.result.session)->host, "server.test") == 0);
    RIG_EXPECT(&rig, !lr_driver_ended(rig.driver, tracker));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, speaks_the_dialect_that_the_answer_to_init_server_shows) {
    struct client_rig rig;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, client_rig_session(&rig, LR_DIALECT_LEGACY));
    lr_op op;
    RIG_EXPECT(&rig, lr_session_free_handle(rig.session, client_rig_now(&rig), 5,
                                            LR_RESULT_FUNCTION, &op) == LR_OK);
    static const uint8_t legacy_free[] = {0x20, 0, 0, 0, 0,  0, 0, 0, 10, 0, 0, 0, 2, 0,
                                          0,    0, 3, 0, 0,  0, 0, 0, 0,  0, 5, 0, 0, 0,
                                          0,    0, 0, 0, 10, 0, 0, 0, 0,  0, 0, 0};
    RIG_EXPECT(&rig, client_rig_sent(&rig, rig.server, legacy_free, sizeof legacy_free));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, asks_anew_when_the_server_does_not_know_the_key) {
    struct client_rig rig;
    static const uint8_t mismatch[] = {0x73, 0xf2, 0x0f, 0x00};
    struct lr_request_options options = *plain;
    lr_op op;
    (void)context;
    options.tries = 2;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, &options, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, grant_1);
    lr_link server = client_rig_hello(&rig, "server.test", 9091, "client:dev:0.1");
    RIG_EXPECT(&rig, server != LR_LINK_NONE);
    lr_driver_feed(rig.driver, server, mismatch, sizeof mismatch);
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, server));
    RIG_EXPECT(&rig, rig.retries == 1 && client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, grant_2);
    server = client_rig_hello(&rig, "server.test", 9092, "client:dev:0.2");
    RIG_EXPECT(&rig, server != LR_LINK_NONE);
    lr_driver_feed(rig.driver, server, mismatch, sizeof mismatch);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EREFUSED)); /* both tries are used */
    RIG_EXPECT(&rig, strstr(rig.result.error.text, "does not know the key") != NULL);
    RIG_EXPECT(&rig, client_rig_pending(&rig, tracker) == 0);
done:
    client_rig_deinit(&rig);
}

/* What a server can do before a session stands, and whether another grant may go better. */
enum spoil { SPOIL_REFUSE, SPOIL_RESET, SPOIL_FIN, SPOIL_LOSE, SPOIL_RESET_INIT, SPOIL_SILENCE };

static bool spoil(struct client_rig *rig, enum spoil how) {
    if (how == SPOIL_REFUSE) {
        lr_link waiting = lr_driver_waiting(rig->driver, rig->host, NULL);
        if (waiting != LR_LINK_NONE) {
            lr_driver_refuse(rig->driver, waiting);
        }
        return waiting != LR_LINK_NONE;
    }
    lr_link server = client_rig_hello(rig, "server.test", 9091, "client:dev:0.1");
    if (server == LR_LINK_NONE) {
        return false;
    }
    if (how == SPOIL_RESET_INIT && !client_rig_accept(rig, server)) {
        return false;
    }
    if (how == SPOIL_FIN) {
        lr_driver_fin(rig->driver, server);
    } else if (how == SPOIL_LOSE) {
        lr_driver_lose(rig->driver, server);
    } else if (how == SPOIL_SILENCE) {
        lr_driver_advance(rig->driver, 5 * LR_SECOND);
    } else {
        lr_driver_reset(rig->driver, server);
    }
    return lr_driver_ended(rig->driver, server);
}

CLIENT_CASE_ROWS(rpc_client, asks_anew_whatever_happens_to_the_server_before_the_session_stands,
                 SPOIL_SILENCE + 1) {
    const enum spoil how = (enum spoil) * (const size_t *)context;
    struct client_rig rig;
    lr_op op;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, grant_1);
    RIG_EXPECT(&rig, spoil(&rig, how));
    RIG_EXPECT(&rig, client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, grant_2);
    RIG_EXPECT(&rig, opens(&rig, 9092, "client:dev:0.2", LR_DIALECT_LEGACY));
    RIG_EXPECT(&rig, rig.result.op == op);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, tells_the_exception_that_answers_init_server) {
    struct client_rig rig;
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, grant_1);
    lr_link server = client_rig_hello(&rig, "server.test", 9091, "client:dev:0.1");
    RIG_EXPECT(&rig, server != LR_LINK_NONE && client_rig_accept(&rig, server));
    client_rig_exception(&rig, server, LR_DIALECT_FFI, "ValueError: too old\nat line 2");
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EREMOTE));
    RIG_EXPECT(&rig, strcmp(rig.result.error.text, "ValueError: too old") == 0);
    RIG_EXPECT(&rig, lr_buf_size(&rig.result.bytes) == strlen("ValueError: too old\nat line 2"));
    RIG_EXPECT(&rig, client_rig_packet(&rig, server, LR_PACKET_SHUTDOWN));
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, server));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, gives_a_request_up_after_its_time_and_withdraws_it) {
    struct client_rig rig;
    struct lr_request_options options = *plain;
    lr_op op;
    (void)context;
    options.wait_ns = 2 * LR_SECOND;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, &options, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    lr_driver_advance(rig.driver, 2 * LR_SECOND - 1);
    RIG_EXPECT(&rig, !client_rig_result(&rig));
    lr_driver_advance(rig.driver, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ETIMEOUT));
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, tracker));
    RIG_EXPECT(&rig, lr_driver_connections(rig.driver, rig.host) == 0);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, does_not_let_a_cancelled_request_take_a_later_grant) {
    struct client_rig rig;
    lr_op first;
    lr_op second;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &first) == LR_OK);
    lr_link tracker_1 = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker_1 != LR_LINK_NONE && client_rig_asked(&rig, tracker_1, question));
    RIG_EXPECT(&rig, request(&rig, plain, &second) == LR_OK);
    lr_link tracker_2 = client_rig_tracker(&rig); /* each waits on a connection of its own */
    RIG_EXPECT(&rig, tracker_2 != LR_LINK_NONE && client_rig_asked(&rig, tracker_2, question));
    lr_client_cancel(rig.client, client_rig_now(&rig), first);
    RIG_EXPECT(&rig, client_rig_ended(&rig, first, LR_ECANCELED));
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, tracker_1));
    client_rig_tell(&rig, tracker_2, grant_2);
    RIG_EXPECT(&rig, opens(&rig, 9092, "client:dev:0.2", LR_DIALECT_FFI));
    RIG_EXPECT(&rig, rig.result.op == second);
    lr_client_cancel(rig.client, client_rig_now(&rig), first); /* ended: nothing happens */
    lr_client_cancel(rig.client, client_rig_now(&rig), 4711);
    RIG_EXPECT(&rig, !client_rig_result(&rig));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, leaves_the_server_when_a_granted_request_is_cancelled) {
    struct client_rig rig;
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, grant_1);
    lr_link server = client_rig_hello(&rig, "server.test", 9091, "client:dev:0.1");
    RIG_EXPECT(&rig, server != LR_LINK_NONE && client_rig_accept(&rig, server));
    lr_client_cancel(rig.client, client_rig_now(&rig), op);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ECANCELED));
    RIG_EXPECT(&rig, client_rig_packet(&rig, server, LR_PACKET_SHUTDOWN));
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, server));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, keeps_one_idle_connection_to_the_tracker_and_uses_it_again) {
    struct client_rig rig;
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, "[6]"));
    client_rig_tell(&rig, tracker, nothing_there);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_asked(&rig, tracker, question)); /* the same one */
    lr_op summary;
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), true, &summary) == LR_OK);
    lr_link other = client_rig_tracker(&rig); /* a request waits alone */
    RIG_EXPECT(&rig, other != LR_LINK_NONE && client_rig_asked(&rig, other, "[6, \"held\"]"));
    client_rig_tell(&rig, other, "[0, {\"queue_info\": {}, \"server_info\": []}]");
    RIG_EXPECT(&rig, client_rig_ended(&rig, summary, LR_OK));
    RIG_EXPECT(&rig, !lr_driver_ended(rig.driver, other));
    client_rig_tell(&rig, tracker, grant_1);
    RIG_EXPECT(&rig, lr_driver_ended(rig.driver, tracker)); /* idle, too, and one is enough */
    RIG_EXPECT(&rig, opens(&rig, 9091, "client:dev:0.1", LR_DIALECT_FFI));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, asks_once_more_where_the_idle_connection_had_been_cut) {
    struct client_rig rig;
    struct lr_request_options options = *plain;
    lr_op op;
    (void)context;
    options.tries = 1; /* a cut idle connection is no try */
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, "[6]"));
    client_rig_tell(&rig, tracker, nothing_there);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    RIG_EXPECT(&rig, request(&rig, &options, &op) == LR_OK);
    lr_driver_reset(rig.driver, tracker);
    tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    RIG_EXPECT(&rig, rig.retries == 1);
    client_rig_tell(&rig, tracker, grant_1);
    RIG_EXPECT(&rig, opens(&rig, 9091, "client:dev:0.1", LR_DIALECT_FFI));
    RIG_EXPECT(&rig, rig.result.op == op);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, answers_pipelined_summaries_in_order) {
    struct client_rig rig;
    lr_op first;
    lr_op second;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &first) == LR_OK);
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &second) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE);
    RIG_EXPECT(&rig, client_rig_asked(&rig, tracker, "[6]"));
    RIG_EXPECT(&rig, client_rig_asked(&rig, tracker, "[6]"));
    client_rig_tell(&rig, tracker,
                    "[0, {\"queue_info\": {\"dev\": {\"free\": 1, \"pending\": 2}}, "
                    "\"server_info\": [{\"key\": \"server:dev\", \"addr\": [\"h\", 9091]}]}]");
    RIG_EXPECT(&rig, client_rig_ended(&rig, first, LR_OK));
    RIG_EXPECT(&rig, rig.result.kind == LR_ANSWER_SUMMARY && rig.result.has_summary);
    struct lr_summary_queue queue;
    RIG_EXPECT(&rig, lr_summary_queue_count(&rig.result.summary) == 1);
    RIG_EXPECT(&rig, lr_summary_queue_at(&rig.result.summary, 0, &queue) == LR_OK);
    RIG_EXPECT(&rig, queue.free == 1 && queue.pending == 2);
    RIG_EXPECT(&rig, !client_rig_result(&rig));
    client_rig_tell(&rig, tracker, nothing_there);
    RIG_EXPECT(&rig, client_rig_ended(&rig, second, LR_OK));
    RIG_EXPECT(&rig, lr_summary_queue_count(&rig.result.summary) == 0);
    RIG_EXPECT(&rig, rig.requests == 0); /* these ask for no server */
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, says_when_no_tracker_can_be_reached) {
    struct client_rig rig;
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_link waiting = lr_driver_waiting(rig.driver, rig.host, NULL);
    RIG_EXPECT(&rig, waiting != LR_LINK_NONE);
    lr_driver_refuse(rig.driver, waiting);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EREFUSED));
    RIG_EXPECT(&rig, strstr(rig.result.error.text, "tracker.test:9190") != NULL);

    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK); /* connects, and is never greeted */
    waiting = lr_driver_waiting(rig.driver, rig.host, NULL);
    RIG_EXPECT(&rig, waiting != LR_LINK_NONE);
    lr_driver_accept(rig.driver, waiting);
    lr_driver_advance(rig.driver, 5 * LR_SECOND - 1);
    RIG_EXPECT(&rig, !client_rig_result(&rig));
    lr_driver_advance(rig.driver, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ETIMEOUT));

    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK); /* something else listens there */
    waiting = lr_driver_waiting(rig.driver, rig.host, NULL);
    RIG_EXPECT(&rig, waiting != LR_LINK_NONE);
    lr_driver_accept(rig.driver, waiting);
    lr_driver_feed(rig.driver, waiting, "HTTP/1.1 400", 12);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EPROTO));
done:
    client_rig_deinit(&rig);
}

static const char *const bad_answers[] = {
    "[0, [\"server.test\", 0, \"dev:0.1\"]]",
    "[0, [\"\", 9091, \"dev:0.1\"]]",
    "[0, [\"server.test\", 9091]]",
    "[0",
    "{\"a\": 1}",
    "[0, [\"server\\u0000.test\", 9091, \"dev:0.1\"]]",
    "[0, [7, 9091, \"dev:0.1\"]]",
    "7",
};

CLIENT_CASE_ROWS(rpc_client, refuses_answers_of_a_tracker_that_are_no_grant,
                 LR_COUNT_OF(bad_answers)) {
    const size_t i = *(const size_t *)context;
    struct client_rig rig;
    lr_op op;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, bad_answers[i]);
    RIG_EXPECT(&rig, client_rig_result(&rig) && rig.result.error.code != LR_OK);
    RIG_EXPECT(&rig, rig.result.op == op && rig.result.session == NULL);
    RIG_EXPECT(&rig, lr_driver_waiting(rig.driver, rig.host, NULL) == LR_LINK_NONE);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, leaves_a_tracker_that_announces_too_much_or_answers_what_nobody_asked) {
    struct client_rig rig;
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0x7f};
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    lr_driver_feed(rig.driver, tracker, huge, sizeof huge);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ELIMIT));
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, tracker));

    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &op) == LR_OK);
    tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, "[6]"));
    client_rig_tell(&rig, tracker, nothing_there);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    client_rig_tell(&rig, tracker, grant_1);
    RIG_EXPECT(&rig, lr_driver_ended(rig.driver, tracker));
    RIG_EXPECT(&rig, lr_driver_waiting(rig.driver, rig.host, NULL) == LR_LINK_NONE);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, asks_for_fractions_of_a_second_of_session_time) {
    struct client_rig rig;
    struct lr_request_options options = *plain;
    lr_op op;
    (void)context;
    options.session_timeout_ns = 500 * LR_MS;
    options.priority = 7;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, &options, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE);
    RIG_EXPECT(&rig, client_rig_asked(&rig, tracker, "[4, \"dev\", \"\", 7]"));
    client_rig_tell(&rig, tracker, grant_1);
    RIG_EXPECT(&rig, opens(&rig, 9091, "client:dev:0.1 -timeout=0.5", LR_DIALECT_FFI));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, refuses_what_no_server_or_tracker_could_understand) {
    struct client_rig rig;
    struct lr_address address = {.host = "server.test", .port = 0};
    struct lr_request_options options = *plain;
    struct lr_client_options no_tracker = lr_client_options_default;
    lr_op op = 0;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &no_tracker));
    lr_time now = client_rig_now(&rig);
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_client_summary(rig.client, now, false, &op) == LR_EINVAL);
    RIG_EXPECT(&rig,
               lr_client_connect(rig.client, now, &address, lr_text_of("k"), 0, &op) == LR_EINVAL);
    address.port = 1;
    RIG_EXPECT(&rig, lr_client_connect(rig.client, now, &address, lr_text_of("\xff"), 0, &op) ==
                         LR_EINVAL);
    options.tries = 0;
    RIG_EXPECT(&rig, request(&rig, &options, &op) == LR_EINVAL);
    lr_client_close(rig.client, now);
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, op == 0);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, holds_no_more_sessions_than_it_may) {
    struct client_rig rig;
    struct lr_client_options options = lr_client_options_default;
    lr_op op;
    (void)context;
    options.tracker_host = "tracker.test";
    options.sessions_max = 2;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    RIG_EXPECT(&rig, client_rig_session(&rig, LR_DIALECT_FFI));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_op other;
    RIG_EXPECT(&rig, request(&rig, plain, &other) == LR_EBUSY);
    lr_client_cancel(rig.client, client_rig_now(&rig), op);
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    RIG_EXPECT(&rig, request(&rig, plain, &other) == LR_EBUSY);
    lr_session_close(rig.session, client_rig_now(&rig)); /* a closed one holds no server */
    RIG_EXPECT(&rig, request(&rig, plain, &other) == LR_OK);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, ends_all_that_is_under_way_when_it_is_closed) {
    struct client_rig rig;
    lr_op ops[3];
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, client_rig_session(&rig, LR_DIALECT_FFI));
    RIG_EXPECT(&rig, lr_session_get_function(rig.session, client_rig_now(&rig), lr_text_of("f"),
                                             &ops[0]) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    RIG_EXPECT(&rig, request(&rig, plain, &ops[1]) == LR_OK);
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &ops[2]) == LR_OK);
    lr_client_close(rig.client, client_rig_now(&rig));
    for (size_t i = 0; i < LR_COUNT_OF(ops); i++) {
        RIG_EXPECT(&rig, client_rig_ended(&rig, ops[i], LR_ECANCELED));
    }
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_SHUTDOWN));
    RIG_EXPECT(&rig, lr_session_closed(rig.session));
    RIG_EXPECT(&rig, lr_driver_connections(rig.driver, rig.host) == 0);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client, puts_a_waiting_request_again_when_the_tracker_restarts) {
    struct client_rig rig;
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, request(&rig, plain, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    lr_driver_fin(rig.driver, tracker);
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, tracker));
    tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, question));
    client_rig_tell(&rig, tracker, grant_1);
    RIG_EXPECT(&rig, opens(&rig, 9091, "client:dev:0.1", LR_DIALECT_FFI));
done:
    client_rig_deinit(&rig);
}

static void feed_word(struct client_rig *rig, lr_link link, uint32_t word) {
    uint8_t bytes[4];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(word >> (8 * i));
    }
    lr_driver_feed(rig->driver, link, bytes, sizeof bytes);
}

static const struct {
    uint32_t word;
    enum lr_status status;
} wrong_words[] = {{LR_ANSWER_MISMATCH, LR_EREFUSED},
                   {LR_ANSWER_DUPLICATE, LR_EREFUSED},
                   {0x50545448, LR_EPROTO},
                   {LR_MAGIC_TRACKER, LR_EPROTO}};

CLIENT_CASE_ROWS(rpc_client, names_what_answers_a_handshake_wrongly, LR_COUNT_OF(wrong_words)) {
    const size_t i = *(const size_t *)context;
    struct client_rig rig;
    const struct lr_address address = {.host = "server.test", .port = 9090};
    lr_op op;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, lr_client_connect(rig.client, client_rig_now(&rig), &address, lr_text_of("k"),
                                       0, &op) == LR_OK);
    lr_link server = client_rig_hello(&rig, "server.test", 9090, "client:k");
    RIG_EXPECT(&rig, server != LR_LINK_NONE);
    feed_word(&rig, server, wrong_words[i].word);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, wrong_words[i].status)); /* no try but the one */
    RIG_EXPECT(&rig, lr_driver_ended(rig.driver, server));
done:
    client_rig_deinit(&rig);
}
