/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: a peer that goes beyond one gets an answer where the protocol has one, and is in nobody
 * else's way. */
#include <string.h>

#include "support/server_rig.h"

static struct lr_server_options small_options(void) {
    struct lr_server_options options = lr_server_options_default;
    options.key = "dev";
    options.dialect = LR_SPEAK_FFI;
    options.sessions_max = 2;
    options.packet_bytes_max = 4096;
    options.memory_bytes_max = 1000;
    options.handles_max = 4;
    options.connections_max = 3;
    options.key_bytes_max = 64;
    options.values.count_max = 8;
    return options;
}

#define LIMIT_CASE(name)                                                                           \
    static void body_##name(struct server_rig *rig);                                               \
    Test(server_limits, name) {                                                                    \
        struct lr_server_options options = small_options();                                        \
        rig_each(body_##name, &options);                                                           \
    }                                                                                              \
    static void body_##name(struct server_rig *rig)

LIMIT_CASE(a_packet_beyond_the_limit_ends_its_session_alone) {
    static const uint8_t large[] = {1, 16, 0, 0, 0, 0, 0, 0, 9}; /* 4097 bytes are announced */
    lr_link other = rig_open(rig, "client:dev");
    lr_link link = rig_open(rig, "client:dev");
    rig_send_bytes(rig, link, large, sizeof large);
    rig_hear_exception(rig, link, "more than 4096 bytes");
    rig_expect(rig, rig_hear(rig, link) && rig->heard.code == LR_PACKET_SHUTDOWN);
    rig_hear_fin(rig, link);
    rig_expect(rig, rig->events[LR_TRACE_LIMIT] == 1);
    rig_expect_alive(rig, other);
}

LIMIT_CASE(a_key_beyond_the_limit_is_refused) {
    static const uint8_t hello[] = {0x71, 0xf2, 0x0f, 0, 65, 0, 0, 0};
    static const uint8_t negative[] = {0x71, 0xf2, 0x0f, 0, 255, 255, 255, 255};
    lr_link link = rig_connect(rig);
    rig_send_bytes(rig, link, hello, sizeof hello);
    rig_hear_mismatch(rig, link);
    rig_expect(rig,
               strcmp(rig->told[LR_TRACE_LIMIT], "a packet or key of more than 64 bytes") == 0);
    link = rig_connect(rig);
    rig_send_bytes(rig, link, negative, sizeof negative);
    rig_hear_mismatch(rig, link);
    rig_expect(rig, strcmp(rig->told[LR_TRACE_PEER_ERROR],
                           "a length that no packet or key has (limit 64)") == 0);
    rig_expect_alive(rig, rig_open(rig, "client:dev"));
}

LIMIT_CASE(memory_beyond_the_limit_is_refused_and_the_session_lives) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {lr_value_device((struct lr_device){1, 0}), lr_value_int(301),
                               lr_value_int(64),
                               lr_value_dtype((struct lr_dtype){.code = 1, .bits = 8, .lanes = 1})};
    (void)rig_allocate(rig, link, 700);
    rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA, items, 4);
    rig_hear_exception(rig, link, "the session uses 700 of the 1000");
    rig_expect_alive(rig, link);
    lr_link other = rig_open(rig, "client:dev"); /* each session has its own */
    (void)rig_allocate(rig, other, 1000);
    rig_expect(rig, lr_server_count(rig->server).device_bytes == 1700);
}

LIMIT_CASE(files_count_against_the_same_limit) {
    static const char bytes[600];
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value file[] = {lr_value_str(lr_text_of("a")), lr_value_bytes(bytes, 400)};
    uint64_t upload = rig_function(rig, link, "tvm.rpc.server.upload");
    uint64_t discard = rig_function(rig, link, "tvm.rpc.server.remove");
    (void)rig_allocate(rig, link, 100);
    for (int i = 0; i < 5; i++) { /* one name: what it had is given back */
        rig_call(rig, link, upload, file, 2);
        rig_expect(rig, rig_hear(rig, link));
        rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_NULL);
    }
    file[0] = lr_value_str(lr_text_of("b"));
    file[1] = lr_value_bytes(bytes, 501);
    rig_call(rig, link, upload, file, 2);
    rig_hear_exception(rig, link, "MemoryError");
    rig_expect(rig, rig->events[LR_TRACE_LIMIT] == 1);
    struct lr_value name = lr_value_str(lr_text_of("a"));
    rig_call(rig, link, discard, &name, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_call(rig, link, upload, file, 2);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_NULL);
    rig_shutdown(rig, link);
    /* what is released is counted alike: 100 bytes of memory, 501 in a file */
    rig_expect(rig, lr_server_count(rig->server).released_bytes == 601);
}

LIMIT_CASE(handles_beyond_the_limit_are_refused) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value name = lr_value_str(lr_text_of("rpc.test.addone"));
    for (int i = 0; i < 4; i++) {
        (void)rig_function(rig, link, "rpc.test.addone");
    }
    rig_send_values(rig, link, LR_PACKET_GET_GLOBAL_FUNC, &name, 1);
    rig_hear_exception(rig, link, "at most 4 handles");
    rig_expect(rig, rig_hear(rig, link) && rig->heard.code == LR_PACKET_SHUTDOWN);
    rig_hear_fin(rig, link);
    rig_expect_alive(rig, rig_open(rig, "client:dev"));
}

LIMIT_CASE(values_beyond_the_limit_end_the_session) {
    struct lr_value items[9];
    lr_link link = rig_open(rig, "client:dev");
    for (size_t i = 0; i < LR_COUNT_OF(items); i++) {
        items[i] = lr_value_int(1);
    }
    rig_call(rig, link, rig_function(rig, link, "rpc.test.addone"), items, LR_COUNT_OF(items));
    rig_hear_exception(rig, link, "RPCError");
    rig_expect(rig, rig_hear(rig, link) && rig->heard.code == LR_PACKET_SHUTDOWN);
    rig_hear_fin(rig, link);
}

LIMIT_CASE(connections_beyond_the_limit_are_reset) {
    lr_link link = rig_open(rig, "client:dev");
    (void)rig_connect(rig);
    (void)rig_connect(rig);
    lr_link more = rig_connect(rig);
    rig_expect(rig, more != LR_LINK_NONE && lr_driver_saw_reset(rig->driver, more));
    rig_expect_alive(rig, link);
    lr_driver_advance(rig->driver, 5 * LR_SECOND); /* the silent ones go */
    rig_expect_alive(rig, rig_open(rig, "client:dev"));
}

LIMIT_CASE(a_packet_that_does_not_go_on_ends_after_thirty_seconds) {
    static const uint8_t begun[] = {100, 0, 0, 0, 0, 0, 0, 0, 9};
    lr_link link = rig_open(rig, "client:dev");
    rig_send_bytes(rig, link, begun, sizeof begun);
    lr_driver_advance(rig->driver, 20 * LR_SECOND);
    rig_send_bytes(rig, link, begun + 1, 1); /* each byte gives it time */
    lr_driver_advance(rig->driver, 30 * LR_SECOND - 1);
    rig_expect(rig, lr_server_count(rig->server).sessions == 1);
    lr_driver_advance(rig->driver, 1);
    rig_hear_exception(rig, link, "did not go on in time");
    rig_expect(rig, lr_server_count(rig->server).sessions == 0);
}

LIMIT_CASE(an_idle_session_is_not_stalled) {
    lr_link link = rig_open(rig, "client:dev");
    lr_driver_advance(rig->driver, 1000 * LR_SECOND);
    rig_expect_alive(rig, link);
}

/* A client that asks and asks and does not read. */
RIG_CASE_ONCE(server_limits, a_client_that_does_not_read_has_to_wait_and_is_reset, NULL) {
    enum { SIZE = 300000 };
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, SIZE), SIZE);
    lr_driver_window(rig->driver, link, 0);
    size_t used = rig->alloc->live_bytes;
    for (int i = 0; i < 100; i++) {
        rig_copy_from(rig, link, &tensor, SIZE);
    }
    cr_assert(lr_driver_paused(rig->driver, link));
    cr_assert_lt(rig->alloc->live_bytes - used, (size_t)8 * SIZE, "answers pile up: %zu bytes",
                 rig->alloc->live_bytes - used);
    lr_driver_advance(rig->driver, 20 * LR_SECOND);
    lr_driver_window(rig->driver, link, 1000); /* a little progress */
    lr_driver_advance(rig->driver, 30 * LR_SECOND - 1);
    cr_assert_eq(lr_server_count(rig->server).sessions, 1);
    lr_driver_advance(rig->driver, 1);
    cr_assert_eq(lr_server_count(rig->server).sessions, 0);
    cr_assert(lr_driver_ended(rig->driver, link));
}

static void body_time_both(struct server_rig *rig) {
    lr_link deaf = rig_open(rig, "client:dev");
    lr_link slow = rig_open(rig, "client:dev");
    lr_driver_window(rig->driver, deaf, 0);
    rig_send_values(rig, deaf, LR_PACKET_DEV_SET_DEVICE, NULL, 0); /* answered, not read */
    lr_driver_feed(rig->driver, slow, "\4\0\0", 3);
    lr_driver_advance(rig->driver, 7 * LR_SECOND);
    cr_assert(lr_driver_ended(rig->driver, deaf) && !lr_driver_ended(rig->driver, slow));
    lr_driver_advance(rig->driver, 4 * LR_SECOND);
    cr_assert(lr_driver_ended(rig->driver, slow));
}

Test(server_limits, times_a_client_that_does_not_read_and_one_that_stalls_apart) {
    struct lr_server_options options = small_options();
    options.unread_ns = 7 * LR_SECOND;
    options.stalled_ns = 11 * LR_SECOND;
    rig_once(body_time_both, &options);
}

RIG_CASE_ONCE(server_limits, a_client_that_reads_late_gets_every_answer_in_order, NULL) {
    enum { SIZE = 300000, ASKED = 30 };
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, SIZE), SIZE);
    lr_driver_window(rig->driver, link, 0);
    for (int i = 0; i < ASKED; i++) {
        rig_copy_from(rig, link, &tensor, (uint64_t)(SIZE - i));
    }
    lr_driver_window(rig->driver, link, SIZE_MAX);
    for (size_t i = 0; i < ASKED; i++) {
        cr_assert(rig_hear(rig, link));
        cr_assert_eq(rig->heard.payload_size, SIZE - i);
    }
    cr_assert(!lr_driver_paused(rig->driver, link));
    rig_expect_alive(rig, link);
}

RIG_CASE_ONCE(server_limits, a_timeout_is_not_kept_up_by_a_client_that_does_not_read, NULL) {
    enum { SIZE = 300000 };
    lr_link link = rig_open(rig, "client:dev -timeout=2");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, SIZE), SIZE);
    lr_driver_window(rig->driver, link, 0);
    for (int i = 0; i < 100; i++) {
        rig_copy_from(rig, link, &tensor, SIZE);
    }
    lr_driver_advance(rig->driver, 2 * LR_SECOND - 1);
    cr_assert_eq(lr_server_count(rig->server).sessions, 1);
    lr_driver_advance(rig->driver, 1);
    cr_assert_eq(lr_server_count(rig->server).sessions, 0);
}

/* Begins a call that lasts a second. */
static void call_for_a_second(struct server_rig *rig, lr_link link) {
    struct lr_value one = lr_value_int(1);
    struct lr_value items[] = {lr_value_null(), lr_value_str(lr_text_of("rpc.test.addone")),
                               lr_value_int(1), lr_value_int(0),
                               lr_value_int(1), lr_value_int(1),
                               lr_value_int(0), lr_value_int(1000),
                               lr_value_int(1), lr_value_str(lr_text_of(""))};
    rig_invoke(rig, link, "runtime.RPCTimeEvaluator", items, LR_COUNT_OF(items));
    rig_call(rig, link, rig_heard(rig, 1).as.handle, &one, 1);
}

/* While a call runs, later packets are kept, and beyond a limit the client has to wait. */
RIG_CASE_ONCE(server_limits, packets_behind_a_running_call_are_bounded_and_served_in_order, NULL) {
    enum { PACKETS = 20, SIZE = 100000 };
    static uint8_t bytes[SIZE];
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, SIZE), SIZE);
    call_for_a_second(rig, link);
    for (int i = 0; i < PACKETS; i++) {
        rig_copy_to(rig, link, &tensor, bytes, SIZE);
    }
    cr_assert(lr_driver_paused(rig->driver, link));
    rig_hear_nothing(rig, link);
    lr_driver_advance(rig->driver, LR_SECOND);
    cr_assert(rig_hear(rig, link)); /* the call's answer, then theirs */
    rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_BYTES);
    for (int i = 0; i < PACKETS; i++) {
        rig_hear_void(rig, link);
    }
    cr_assert(!lr_driver_paused(rig->driver, link));
}

static void body_small_backlog(struct server_rig *rig) {
    static uint8_t bytes[600];
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, sizeof bytes), sizeof bytes);
    call_for_a_second(rig, link);
    rig_copy_to(rig, link, &tensor, bytes, sizeof bytes);
    cr_assert(!lr_driver_paused(rig->driver, link));
    rig_copy_to(rig, link, &tensor, bytes, sizeof bytes);
    cr_assert(lr_driver_paused(rig->driver, link));
    lr_driver_advance(rig->driver, LR_SECOND);
    cr_assert(!lr_driver_paused(rig->driver, link));
}

Test(server_limits, how_much_may_wait_for_a_call_is_an_option) {
    struct lr_server_options options = small_options();
    options.backlog_bytes_max = 1000;
    options.values.count_max = 64; /* the evaluator is made with ten */
    rig_once(body_small_backlog, &options);
}

static void body_small_unsent(struct server_rig *rig) {
    enum { SIZE = 600 };
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, SIZE), SIZE);
    lr_driver_window(rig->driver, link, 0);
    rig_copy_from(rig, link, &tensor, SIZE);
    cr_assert(!lr_driver_paused(rig->driver, link));
    rig_copy_from(rig, link, &tensor, SIZE);
    cr_assert(lr_driver_paused(rig->driver, link));
    lr_driver_window(rig->driver, link, SIZE_MAX);
    cr_assert(!lr_driver_paused(rig->driver, link));
}

Test(server_limits, how_much_may_be_unread_is_an_option) {
    struct lr_server_options options = small_options();
    options.unsent_bytes_max = 1000;
    rig_once(body_small_unsent, &options);
}

static void body_linger(struct server_rig *rig) {
    (void)rig_open(rig, "client:dev");
    lr_server_stop(rig->server, lr_driver_now(rig->driver));
    const struct lr_outbox *outbox = &lr_server_role(rig->server)->outbox;
    size_t closes = 0;
    for (size_t i = 0; i < outbox->count; i++) { /* the listener's close waits for nobody */
        const struct lr_command *command = &outbox->commands[i];
        closes += command->kind == LR_COMMAND_CLOSE && command->linger_ns == 7 * LR_SECOND;
    }
    cr_assert_eq(closes, 1);
}

Test(server_limits, how_long_a_close_waits_for_the_peer_is_an_option) {
    struct lr_server_options options = small_options();
    options.linger_ns = 7 * LR_SECOND;
    rig_once(body_linger, &options);
}

static void body_ipv6(struct server_rig *rig) {
    lr_link link = lr_driver_connect(rig->driver, rig->host, "::1");
    lr_driver_feed(rig->driver, link, "nonsense", 8);
    const char *told = rig->told[LR_TRACE_PEER_ERROR];
    cr_assert_eq(strncmp(told, "[::1]:", 6), 0, "%s", told);
}

Test(server_limits, an_address_of_ipv6_is_told_in_brackets) {
    struct lr_server_options options = small_options();
    rig_once(body_ipv6, &options);
}

/* Who could not be read is left at once: nothing of it can be followed any more. */
RIG_CASE_ONCE(server_limits, a_key_that_there_is_no_memory_for_ends_the_connection, NULL) {
    static const uint8_t begun[] = {0x71, 0xf2, 0x0f, 0, 10, 0, 0, 0, 'c', 'l'};
    lr_link link = rig_connect(rig);
    rig->alloc->fail_at = rig->alloc->calls + 1;
    rig_send_bytes(rig, link, begun, sizeof begun);
    rig->alloc->fail_at = 0;
    cr_assert(lr_driver_saw_reset(rig->driver, link));
}

/* An answer for which the commands have no room left: its bytes go with the connection. */
RIG_CASE(server_limits, loses_nothing_where_an_answer_needs_memory) {
    struct lr_role *role = lr_server_role(rig->server);
    struct lr_outbox *outbox = &role->outbox;
    const struct lr_value name = lr_value_str(lr_text_of("rpc.test.addone"));
    struct lr_buf packet;
    lr_link link = rig_open(rig, "client:dev");
    if (link == LR_LINK_NONE || lr_driver_ended(rig->driver, link)) {
        return;
    }
    while (outbox->count + outbox->live < outbox->capacity) {
        cr_assert_eq(lr_outbox_signal(outbox, outbox->last_conn, LR_COMMAND_RESUME), LR_OK);
    }
    lr_buf_init(&packet, lr_alloc_system());
    cr_assert_eq(
        lr_packet_encode_values(rig->dialect, LR_PACKET_GET_GLOBAL_FUNC, &name, 1, &packet), LR_OK);
    role->ops->handle(role, &(struct lr_event){.kind = LR_EVENT_RECEIVED,
                                               .now = lr_driver_now(rig->driver),
                                               .conn = outbox->last_conn,
                                               .data = lr_buf_data(&packet),
                                               .size = lr_buf_size(&packet)});
    lr_buf_deinit(&packet);
    lr_driver_pump(rig->driver);
    rig_expect(rig, rig_hear(rig, link) && rig_heard(rig, 0).kind == LR_VALUE_HANDLE);
}
