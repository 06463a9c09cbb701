/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the client: each is an option, and each acts. */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/handshake.h"
#include "support/client_rig.h"

static const enum lr_dialect ffi = LR_DIALECT_FFI;

static struct lr_client_options with_tracker(void) {
    struct lr_client_options options = lr_client_options_default;
    options.tracker_host = "tracker.test";
    return options;
}

static enum lr_status request(struct client_rig *rig, const char *key, lr_op *op) {
    return lr_client_request(rig->client, client_rig_now(rig), lr_text_of(key),
                             &lr_request_options_default, op);
}

/* Announces |size| bytes to come on |link|. */
static void announce(struct client_rig *rig, lr_link link, uint64_t size, size_t width) {
    uint8_t length[8] = {0};
    for (size_t i = 0; i < width; i++) {
        length[i] = (uint8_t)(size >> 8 * i);
    }
    lr_driver_feed(rig->driver, link, length, width);
}

/* For good, and not once: whoever asks is told at once, and not when his patience ends. */
Test(rpc_client_limits, a_tracker_that_there_is_no_memory_to_greet_is_left_at_once) {
    struct lr_counting_alloc counting;
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    const struct lr_address *address;
    lr_op op;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    cr_assert(client_rig_init(&rig, &counting.base, &options));
    cr_assert_eq(request(&rig, "k", &op), LR_OK);
    lr_link link = lr_driver_waiting(rig.driver, rig.host, &address);
    cr_assert_neq(link, LR_LINK_NONE);
    counting.limit_bytes = counting.live_bytes;
    lr_driver_accept(rig.driver, link);
    counting.limit_bytes = SIZE_MAX;
    cr_assert(client_rig_result(&rig));
    cr_assert_eq(rig.result.error.code, LR_ENOMEM);
    cr_assert_not_null(strstr(rig.result.error.text, "no memory to greet the tracker"));
    client_rig_deinit(&rig);
    cr_assert_eq(counting.live_blocks, 0U);
}

CLIENT_CASE(rpc_client_limits, a_key_beyond_the_limit_is_not_sent) {
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    lr_op op = 0;
    (void)context;
    options.key_bytes_max = 8;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    RIG_EXPECT(&rig, request(&rig, "123456789", &op) == LR_EINVAL && op == 0);
    RIG_EXPECT(&rig, request(&rig, "12345678", &op) == LR_OK);
done:
    client_rig_deinit(&rig);
}

/* Row 0: as long as may be; row 1: one byte more. */
CLIENT_CASE_ROWS(rpc_client_limits, a_server_with_a_key_beyond_the_limit_is_left, 2) {
    const size_t more = *(const size_t *)context;
    static const uint8_t magic[] = {0x71, 0xf2, 0x0f, 0};
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    struct lr_address address = {.host = "server.test", .port = 9091};
    lr_op op;
    options.key_bytes_max = 8;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    RIG_EXPECT(&rig, lr_client_connect(rig.client, client_rig_now(&rig), &address, lr_text_of("k"),
                                       0, &op) == LR_OK);
    lr_link server = client_rig_hello(&rig, "server.test", 9091, "client:k");
    RIG_EXPECT(&rig, server != LR_LINK_NONE);
    lr_driver_feed(rig.driver, server, magic, sizeof magic);
    announce(&rig, server, 8 + more, 4);
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, server) == (more > 0));
    RIG_EXPECT(&rig, more == 0 || client_rig_ended(&rig, op, LR_ELIMIT));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE_ROWS(rpc_client_limits, a_grant_beyond_the_limit_ends_the_request, 2) {
    const size_t more = *(const size_t *)context;
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    lr_op op;
    options.grant_bytes_max = 100;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    RIG_EXPECT(&rig, request(&rig, "dev", &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE);
    announce(&rig, tracker, 100 + more, 4);
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, tracker) == (more > 0));
    RIG_EXPECT(&rig, more == 0 || client_rig_ended(&rig, op, LR_ELIMIT));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE_ROWS(rpc_client_limits, a_summary_has_a_limit_of_its_own, 2) {
    const size_t more = *(const size_t *)context;
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    lr_op op;
    options.grant_bytes_max = 100;
    options.summary_bytes_max = 200;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &op) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE);
    announce(&rig, tracker, 200 + more, 4);
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, tracker) == (more > 0));
    RIG_EXPECT(&rig, more == 0 || client_rig_ended(&rig, op, LR_ELIMIT));
done:
    client_rig_deinit(&rig);
}

/* What holds no data is bounded by |text_bytes_max|, whatever else may come. */
CLIENT_CASE_ROWS(rpc_client_limits, an_answer_without_data_beyond_the_limit_ends_the_session, 2) {
    const size_t more = *(const size_t *)context;
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    lr_op op;
    options.text_bytes_max = 300;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_get_function(&rig, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    announce(&rig, rig.server, 300 + more, 8);
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, rig.server) == (more > 0));
    RIG_EXPECT(&rig, more == 0 || client_rig_ended(&rig, op, LR_ELIMIT));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE_ROWS(rpc_client_limits, a_packet_beyond_the_limit_ends_the_session, 2) {
    const size_t more = *(const size_t *)context;
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    lr_op op;
    options.packet_bytes_max = 500;
    options.text_bytes_max = 300;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK); /* its answer may hold data */
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    announce(&rig, rig.server, 500 + more, 8);
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, rig.server) == (more > 0));
    RIG_EXPECT(&rig, more == 0 || client_rig_ended(&rig, op, LR_ELIMIT));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_limits, only_so_many_calls_are_taken_on_in_a_session) {
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    lr_op ops[3];
    (void)context;
    options.calls_max = 2;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_get_function(&rig, &ops[0]) == LR_OK);
    RIG_EXPECT(&rig, client_rig_get_function(&rig, &ops[1]) == LR_OK);
    RIG_EXPECT(&rig, client_rig_get_function(&rig, &ops[2]) == LR_EBUSY);
    lr_client_cancel(rig.client, client_rig_now(&rig), ops[1]);
    RIG_EXPECT(&rig, client_rig_get_function(&rig, &ops[2]) == LR_OK);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_limits, only_so_many_questions_are_taken_on) {
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    lr_op ops[3];
    (void)context;
    options.asks_max = 2;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    RIG_EXPECT(&rig, request(&rig, "dev", &ops[0]) == LR_OK);
    RIG_EXPECT(&rig, request(&rig, "dev", &ops[1]) == LR_OK);
    RIG_EXPECT(&rig,
               lr_client_summary(rig.client, client_rig_now(&rig), false, &ops[2]) == LR_EBUSY);
    lr_client_cancel(rig.client, client_rig_now(&rig), ops[0]);
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &ops[2]) == LR_OK);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_limits, a_close_waits_for_the_peer_as_long_as_it_may) {
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    lr_op op;
    (void)context;
    options.linger_ns = 7 * LR_SECOND;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    lr_driver_pump(rig.driver);
    lr_session_close(rig.session, client_rig_now(&rig));
    const struct lr_outbox *outbox = &lr_client_role(rig.client)->outbox;
    RIG_EXPECT(&rig, outbox->count > 0);
    const struct lr_command *last = &outbox->commands[outbox->count - 1];
    RIG_EXPECT(&rig, last->kind == LR_COMMAND_CLOSE && last->linger_ns == 7 * LR_SECOND);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_limits, a_silent_server_has_the_time_of_the_handshake) {
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    struct lr_address address = {.host = "server.test", .port = 9091};
    lr_op op;
    (void)context;
    options.handshake_ns = 3 * LR_SECOND;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    RIG_EXPECT(&rig, lr_client_connect(rig.client, client_rig_now(&rig), &address, lr_text_of("k"),
                                       0, &op) == LR_OK);
    lr_link server = client_rig_hello(&rig, "server.test", 9091, "client:k");
    RIG_EXPECT(&rig, server != LR_LINK_NONE);
    lr_driver_advance(rig.driver, 3 * LR_SECOND - 1);
    RIG_EXPECT(&rig, !client_rig_result(&rig));
    lr_driver_advance(rig.driver, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ETIMEOUT));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_limits, an_address_of_ipv6_is_told_in_brackets) {
    struct client_rig rig;
    struct lr_client_options options = with_tracker();
    struct lr_address address = {.host = "::1", .port = 9391};
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    RIG_EXPECT(&rig, lr_client_connect(rig.client, client_rig_now(&rig), &address, lr_text_of("k"),
                                       0, &op) == LR_OK);
    lr_driver_pump(rig.driver);
    lr_link link = lr_driver_waiting(rig.driver, rig.host, NULL);
    RIG_EXPECT(&rig, link != LR_LINK_NONE);
    lr_driver_refuse(rig.driver, link);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EREFUSED));
    RIG_EXPECT(&rig, strstr(rig.result.error.text, "the server at [::1]:9391: ") != NULL);
done:
    client_rig_deinit(&rig);
}

/* Whichever allocation of it fails: what was refused takes no place of those that there are. */
static void refuse_and_ask_again(size_t row) {
    struct lr_counting_alloc counting;
    struct lr_client_options options = with_tracker();
    const struct lr_address address = {.host = "server.test", .port = 9091};
    bool failed = true;
    options.asks_max = 1;
    options.sessions_max = 1;
    for (uint64_t n = 1; failed; n++) {
        struct client_rig rig;
        lr_op op;
        lr_counting_alloc_init(&counting, lr_alloc_system());
        cr_assert(client_rig_init(&rig, &counting.base, &options));
        counting.fail_at = counting.calls + n;
        for (int i = 0; i < 2; i++) {
            lr_time now = client_rig_now(&rig);
            enum lr_status status =
                row == 0   ? request(&rig, "dev", &op)
                : row == 1 ? lr_client_summary(rig.client, now, false, &op)
                           : lr_client_connect(rig.client, now, &address, lr_text_of("k"), 0, &op);
            failed = counting.failed > 0;
            cr_assert_eq(status,
                         i == 0 ? (failed ? LR_ENOMEM : LR_OK) : (failed ? LR_OK : LR_EBUSY));
        }
        client_rig_deinit(&rig);
        cr_assert_eq(counting.live_blocks, 0);
    }
}

Test(rpc_client_limits, what_is_refused_takes_no_place) {
    for (size_t row = 0; row < 3; row++) {
        refuse_and_ask_again(row);
    }
}

/* Until the next command needs memory. */
static bool fill_outbox(struct client_rig *rig) {
    struct lr_outbox *outbox = &lr_client_role(rig->client)->outbox;
    while (outbox->count + outbox->live < outbox->capacity) {
        if (lr_outbox_signal(outbox, outbox->last_conn, LR_COMMAND_RESUME) != LR_OK) {
            return false;
        }
    }
    return true;
}

/* What is sent where there is no room for a command is refused or fails, and lost it is not. */
CLIENT_CASE_ROWS(rpc_client_limits, loses_nothing_where_a_command_needs_memory, 5) {
    const size_t row = *(const size_t *)context;
    struct client_rig rig;
    lr_op op = 0;
    enum lr_status status = LR_OK;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    if (row < 2) { /* over a connection to the tracker that stands */
        RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &op) == LR_OK);
        lr_link tracker = client_rig_tracker(&rig);
        RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, "[6]"));
        client_rig_tell(&rig, tracker, "[0, {\"queue_info\": {}, \"server_info\": []}]");
        RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    } else {
        RIG_EXPECT(&rig, client_rig_session(&rig, ffi));
    }
    RIG_EXPECT(&rig, fill_outbox(&rig));
    switch (row) {
    case 0:
        status = lr_client_summary(rig.client, client_rig_now(&rig), false, &op);
        break;
    case 1:
        status = request(&rig, "dev", &op);
        break;
    case 2:
        status = client_rig_call(&rig, &op);
        break;
    case 3:
        status =
            lr_session_call_name(rig.session, client_rig_now(&rig), lr_text_of("f"), NULL, 0, &op);
        break;
    default:
        lr_session_close(rig.session, client_rig_now(&rig));
        RIG_EXPECT(&rig, lr_session_closed(rig.session));
    }
    RIG_EXPECT(&rig, status == LR_OK);
done:
    client_rig_deinit(&rig);
}

/* The one allocation that fails is the outbox's: the call is not tried again behind its caller's
 * back, and the next one is sent. */
Test(rpc_client_limits, a_call_that_cannot_be_sent_fails_and_the_session_goes_on) {
    const struct lr_value answer[] = {lr_value_int(lr_result_code(ffi, LR_RESULT_INT, 0)),
                                      lr_value_int(11)};
    struct lr_counting_alloc counting;
    struct client_rig rig;
    lr_op op;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    cr_assert(client_rig_init(&rig, &counting.base, NULL) && client_rig_session(&rig, ffi));
    uint64_t before = counting.calls;
    cr_assert_eq(client_rig_call(&rig, &op), LR_OK);
    uint64_t own = counting.calls - before; /* of a call, where the outbox has room */
    client_rig_return(&rig, rig.server, ffi, answer, 2);
    cr_assert(client_rig_ended(&rig, op, LR_OK));

    cr_assert(fill_outbox(&rig));
    counting.fail_at = counting.calls + own + 1;
    cr_assert_eq(client_rig_call(&rig, &op), LR_OK);
    cr_assert(client_rig_ended(&rig, op, LR_ENOMEM));
    cr_assert_str_eq(rig.result.error.text, "no memory to send CallFunc");
    cr_assert_eq(client_rig_call(&rig, &op), LR_OK);
    client_rig_return(&rig, rig.server, ffi, answer, 2);
    cr_assert(client_rig_ended(&rig, op, LR_OK));
    client_rig_deinit(&rig);
    cr_assert_eq(counting.live_blocks, 0);
}
