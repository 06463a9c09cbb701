/* SPDX-License-Identifier: Apache-2.0 */
/* What a session of the server is: its handshake, its packets in order, its handles, and above all
 * its end, whatever brings it about. Each case also runs with every allocation failing in turn. */
#include <string.h>

#include "support/server_rig.h"

static struct lr_server_options slots(unsigned int count) {
    struct lr_server_options options = lr_server_options_default;
    options.key = "dev";
    options.dialect = LR_SPEAK_FFI;
    options.sessions_max = count;
    return options;
}

static size_t sessions(struct server_rig *rig) {
    return lr_server_count(rig->server).sessions;
}

RIG_CASE(server_session, serves_a_call_and_ends_with_shutdown) {
    lr_link link = rig_open(rig, "client:dev");
    rig_expect_alive(rig, link);
    rig_expect(rig, sessions(rig) == 1);
    rig_shutdown(rig, link);
    rig_hear_fin(rig, link);
    rig_expect(rig, sessions(rig) == 0);
}

RIG_CASE(server_session, serves_bytes_one_by_one) {
    static const uint8_t hello[] = {0x71, 0xf2, 0x0f, 0,   10,  0,   0,   0,   'c',
                                    'l',  'i',  'e',  'n', 't', ':', 'd', 'e', 'v'};
    static const uint8_t init[] = {21, 0, 0, 0, 0, 0,   0,   0,   2,   0,   0, 0, 5, 0, 0,
                                   0,  0, 0, 0, 0, '0', '.', '8', '.', '0', 0, 0, 0, 0};
    lr_link link = rig_connect(rig);
    if (link != LR_LINK_NONE) {
        lr_driver_feed_pieces(rig->driver, link, hello, sizeof hello, 1);
        lr_driver_feed_pieces(rig->driver, link, init, sizeof init, 1);
    }
    rig_hear_accept(rig, link);
    rig_hear_void(rig, link);
    rig_expect_alive(rig, link);
}

RIG_CASE(server_session, ignores_what_follows_a_shutdown) {
    static const uint8_t both[] = {4, 0, 0, 0,   0,   0,   0,   0,   1,
                                   0, 0, 0, 255, 255, 255, 255, 255, 255};
    lr_link link = rig_open(rig, "client:dev");
    rig_send_bytes(rig, link, both, sizeof both);
    rig_hear_fin(rig, link);
    rig_expect(rig, rig->events[LR_TRACE_PEER_ERROR] == 0);
}

RIG_CASE(server_session, ignores_an_empty_packet) {
    static const uint8_t empty[8] = {0};
    lr_link link = rig_open(rig, "client:dev");
    rig_send_bytes(rig, link, empty, sizeof empty);
    rig_expect_alive(rig, link);
}

RIG_CASE(server_session, is_released_by_fin) {
    lr_link link = rig_open(rig, "client:dev");
    (void)rig_function(rig, link, "rpc.test.addone");
    (void)rig_allocate(rig, link, 1000);
    rig_expect(rig, lr_server_count(rig->server).handles == 2);
    rig_expect(rig, lr_server_count(rig->server).device_bytes == 1000);
    if (link != LR_LINK_NONE) {
        lr_driver_fin(rig->driver, link);
    }
    struct lr_server_counts counts = lr_server_count(rig->server);
    rig_expect(rig, counts.sessions == 0 && counts.handles == 0 && counts.device_blocks == 0);
    rig_expect(rig, counts.released_handles == 2 && counts.released_bytes == 1000);
    rig_expect(rig, counts.sessions_begun == 1 && counts.sessions_ended == 1);
}

RIG_CASE(server_session, is_told_of_when_it_is_over) {
    lr_link link = rig_open(rig, "client:dev");
    (void)rig_allocate(rig, link, 1000);
    rig_expect_alive(rig, link);
    lr_driver_advance(rig->driver, 2 * LR_SECOND);
    if (link != LR_LINK_NONE) {
        lr_driver_fin(rig->driver, link);
    }
    const char *told = rig->told[LR_TRACE_SESSION_END];
    rig_expect(rig, strstr(told, "finish serving 127.0.0.3:") != NULL);
    rig_expect(rig, strstr(told, " after 2.00 s, 1 calls: the client closed; released 2 handles, "
                                 "1000 bytes") != NULL);
}

RIG_CASE(server_session, is_released_by_a_reset) {
    lr_link link = rig_open(rig, "client:dev");
    if (link != LR_LINK_NONE) {
        lr_driver_reset(rig->driver, link);
    }
    rig_expect(rig, sessions(rig) == 0);
    link = rig_open(rig, "client:dev");
    rig_expect_alive(rig, link);
}

RIG_CASE(server_session, is_released_when_its_host_is_lost) {
    lr_link link = rig_open(rig, "client:dev");
    if (link != LR_LINK_NONE) {
        lr_driver_lose(rig->driver, link);
    }
    rig_expect(rig, sessions(rig) == 0);
}

RIG_CASE(server_session, is_released_by_an_end_inside_a_packet) {
    static const uint8_t half[] = {100, 0, 0, 0, 0, 0, 0, 0, 9, 0};
    lr_link link = rig_open(rig, "client:dev");
    rig_send_bytes(rig, link, half, sizeof half);
    rig_expect(rig, sessions(rig) == 1);
    if (link != LR_LINK_NONE) {
        lr_driver_fin(rig->driver, link);
    }
    rig_expect(rig, sessions(rig) == 0);
    rig_expect(rig, rig_hear(rig, link) && rig->heard.code == LR_PACKET_SHUTDOWN); /* as TVM's */
    rig_hear_fin(rig, link);
}

RIG_CASE(server_session, stop_tells_the_client_and_releases) {
    lr_link link = rig_open(rig, "client:dev");
    (void)rig_allocate(rig, link, 10);
    lr_server_stop(rig->server, lr_driver_now(rig->driver));
    lr_driver_pump(rig->driver);
    rig_hear_exception(rig, link, "stopping");
    rig_expect(rig, rig_hear(rig, link) && rig->heard.code == LR_PACKET_SHUTDOWN);
    rig_hear_fin(rig, link);
    cr_assert(lr_server_stopped(rig->server));
    cr_assert_eq(lr_server_count(rig->server).connections, 0);
    cr_assert_eq(lr_driver_listeners(rig->driver, rig->host), 0);
}

/* It cannot be found any more, and whoever started it is told. */
RIG_CASE(server_session, the_listeners_loss_stops_it) {
    lr_link link = rig_open(rig, "client:dev");
    lr_driver_lose_listener(rig->driver, rig->host);
    rig_hear_exception(rig, link, "stopping");
    rig_expect(rig,
               strcmp(rig->told[LR_TRACE_FAILURE],
                      "cannot listen on 127.0.0.1, ports 9090 to 9198: the listener is gone") == 0);
    cr_assert(lr_server_stopped(rig->server));
    cr_assert_eq(lr_server_count(rig->server).connections, 0);
}

RIG_CASE(server_session, refuses_a_wrong_key) {
    lr_link link = rig_connect(rig);
    rig_hello(rig, link, "client:other");
    rig_hear_mismatch(rig, link);
    rig_expect(rig, rig->events[LR_TRACE_MISMATCH] == 1);
    link = rig_open(rig, "client:dev"); /* and goes on */
    rig_expect_alive(rig, link);
}

RIG_CASE(server_session, refuses_keys_that_would_end_other_servers) {
    static const char *const keys[] = {"",
                                       " ",
                                       "dev",
                                       "server:dev",
                                       "\xff\xfe\xfd\xfc",
                                       "client:dev -timeout=abc",
                                       "client:dev -timeout=nan",
                                       "client:dev -timeout=inf",
                                       "client:dev -timeout=-1"};
    for (size_t i = 0; i < LR_COUNT_OF(keys); i++) {
        lr_link link = rig_connect(rig);
        rig_hello(rig, link, keys[i]);
        rig_hear_mismatch(rig, link);
    }
    rig_expect_alive(rig, rig_open(rig, "client:dev"));
}

RIG_CASE(server_session, closes_on_a_wrong_magic) {
    static const uint8_t tracker_magic[] = {0x71, 0xf2, 0x02, 0};
    lr_link link = rig_connect(rig);
    rig_send_bytes(rig, link, tracker_magic, sizeof tracker_magic);
    rig_hear_fin(rig, link);
    rig_expect_alive(rig, rig_open(rig, "client:dev"));
}

RIG_CASE(server_session, a_direct_client_waits_until_the_slot_is_free) {
    lr_link first = rig_open(rig, "client:dev");
    lr_link second = rig_connect(rig);
    lr_link third = rig_connect(rig);
    rig_hello(rig, second, "client:dev");
    rig_send_init(rig, second); /* sent before the answer, and kept */
    rig_hello(rig, third, "client:dev");
    lr_driver_advance(rig->driver, 60 * LR_SECOND); /* beyond the deadline of handshakes */
    rig_hear_nothing(rig, second);
    rig_expect_alive(rig, first);
    rig_shutdown(rig, first);
    rig_hear_accept(rig, second);
    rig_hear_void(rig, second);
    rig_hear_nothing(rig, third);
    rig_expect_alive(rig, second);
    rig_shutdown(rig, second);
    rig_hear_accept(rig, third);
}

RIG_CASE(server_session, a_waiting_client_that_leaves_is_passed_over) {
    lr_link first = rig_open(rig, "client:dev");
    lr_link second = rig_connect(rig);
    lr_link third = rig_connect(rig);
    rig_hello(rig, second, "client:dev");
    rig_hello(rig, third, "client:dev");
    if (second != LR_LINK_NONE) {
        lr_driver_fin(rig->driver, second);
    }
    rig_shutdown(rig, first);
    rig_hear_accept(rig, third);
}

RIG_CASE(server_session, a_silent_connection_is_in_nobodys_way) {
    lr_link silent = rig_connect(rig);
    lr_link half = rig_connect(rig);
    rig_send_bytes(rig, half, "\x71\xf2", 2);
    rig_expect_alive(rig, rig_open(rig, "client:dev"));
    lr_driver_advance(rig->driver, 5 * LR_SECOND - 1);
    rig_expect(rig, silent != LR_LINK_NONE && !lr_driver_ended(rig->driver, silent));
    lr_driver_advance(rig->driver, 1);
    rig_expect(rig, silent != LR_LINK_NONE && lr_driver_ended(rig->driver, silent));
    rig_expect(rig, half != LR_LINK_NONE && lr_driver_ended(rig->driver, half));
    rig_expect(rig, sessions(rig) == 1);
}

static struct lr_server_options two_slots;
static void make_two_slots(void) {
    two_slots = slots(2);
}

static void body_two_slots(struct server_rig *rig) {
    lr_link first = rig_open(rig, "client:dev");
    lr_link second = rig_open(rig, "client:dev");
    lr_link third = rig_connect(rig);
    rig_hello(rig, third, "client:dev");
    uint64_t function = rig_function(rig, first, "rpc.test.addone");
    struct lr_value one = lr_value_int(1);
    rig_call(rig, second, function, &one, 1);
    rig_hear_exception(rig, second, "no handle"); /* another session's */
    rig_hear_nothing(rig, third);
    rig_expect_alive(rig, first);
    rig_shutdown(rig, second);
    rig_hear_accept(rig, third);
}

Test(server_session, serves_as_many_as_it_has_slots, .init = make_two_slots) {
    rig_each(body_two_slots, &two_slots);
}

RIG_CASE(server_session, a_handle_that_was_freed_is_an_error) {
    lr_link link = rig_open(rig, "client:dev");
    uint64_t function = rig_function(rig, link, "rpc.test.addone");
    struct lr_value handle = lr_value_handle(function);
    struct lr_value one = lr_value_int(1);
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, &handle, 1);
    rig_hear_void(rig, link);
    rig_call(rig, link, function, &one, 1);
    rig_hear_exception(rig, link, "freed");
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, &handle, 1);
    rig_hear_exception(rig, link, "freed");
    uint64_t next = rig_function(rig, link, "rpc.test.addone"); /* the same place in the table */
    rig_expect(rig, next != function);
    rig_call(rig, link, function, &one, 1);
    rig_hear_exception(rig, link, "freed");
    rig_expect_alive(rig, link);
}

/* One value, or two where the client says what is freed, as legacy ones do. */
RIG_CASE(server_session, a_handle_is_freed_by_itself) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value values[] = {lr_value_handle(rig_function(rig, link, "rpc.test.addone")),
                                lr_value_int(0), lr_value_int(0)};
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, values, 0);
    rig_hear_exception(rig, link, "FreeHandle takes a handle");
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, values, 3);
    rig_hear_exception(rig, link, "FreeHandle takes a handle");
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, values + 1, 2);
    rig_hear_exception(rig, link, "FreeHandle takes a handle");
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, values, 2);
    rig_hear_void(rig, link);
}

RIG_CASE(server_session, an_invented_handle_is_an_error) {
    static const uint64_t invented[] = {0, 1, 0x7f0000000000, UINT64_MAX, (uint64_t)1 << 24};
    lr_link link = rig_open(rig, "client:dev");
    for (size_t i = 0; i < LR_COUNT_OF(invented); i++) {
        struct lr_value handle = lr_value_handle(invented[i]);
        rig_call(rig, link, invented[i], NULL, 0);
        rig_hear_exception(rig, link, "no handle");
        rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, &handle, 1);
        rig_hear_exception(rig, link, "no handle");
    }
    rig_expect_alive(rig, link);
}

RIG_CASE(server_session, a_handle_of_another_kind_is_an_error) {
    lr_link link = rig_open(rig, "client:dev");
    uint64_t data = rig_allocate(rig, link, 8);
    uint64_t function = rig_function(rig, link, "rpc.test.addone");
    struct lr_value handle = lr_value_handle(data);
    rig_call(rig, link, data, NULL, 0);
    rig_hear_exception(rig, link, "is of kind allocation, not function");
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, &handle, 1);
    rig_hear_exception(rig, link, "FreeHandle does not free a handle of kind allocation");
    struct lr_value device = lr_value_device((struct lr_device){1, 0});
    rig_send_values(rig, link, LR_PACKET_DEV_CREATE_STREAM, &device, 1);
    rig_expect(rig, rig_hear(rig, link));
    struct lr_value stream = lr_value_handle(rig_heard(rig, 0).as.handle);
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, &stream, 1);
    rig_hear_exception(rig, link, "FreeHandle does not free a handle of kind stream");
    struct lr_value free_data[] = {lr_value_device((struct lr_device){1, 0}),
                                   lr_value_handle(function)};
    rig_send_values(rig, link, LR_PACKET_DEV_FREE_DATA, free_data, 2);
    rig_hear_exception(rig, link, "is of kind function, not allocation");
    rig_expect_alive(rig, link);
}

RIG_CASE(server_session, a_function_is_asked_for_by_one_name) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value values[] = {lr_value_int(1), lr_value_int(2)};
    for (size_t count = 0; count < 3; count++) {
        rig_send_values(rig, link, LR_PACKET_GET_GLOBAL_FUNC, values, count);
        rig_hear_exception(rig, link, "GetGlobalFunc takes one name");
    }
    rig_expect_alive(rig, link);
}

RIG_CASE(server_session, a_name_that_is_not_there_is_null) {
    lr_link link = rig_open(rig, "client:dev");
    rig_expect(rig, rig_function(rig, link, "no.such.function") == 0);
    rig_expect(rig, rig_function(rig, link, "tvm.rpc.server.listdir") == 0);
    rig_expect(rig, rig_function(rig, link, "tvm.rpc.server.GetCRTMaxPacketSize") == 0);
}

RIG_CASE(server_session, wants_init_once_and_first) {
    lr_link link = rig_connect(rig);
    struct lr_value name = lr_value_str(lr_text_of("rpc.test.addone"));
    rig_hello(rig, link, "client:dev");
    rig_hear_accept(rig, link);
    rig_send_values(rig, link, LR_PACKET_GET_GLOBAL_FUNC, &name, 1);
    rig_hear_exception(rig, link, "before InitServer");
    rig_send_init(rig, link);
    rig_hear_void(rig, link);
    rig_send_init(rig, link);
    rig_hear_exception(rig, link, "already been initialized");
    rig_expect_alive(rig, link);
}

RIG_CASE(server_session, refuses_another_version_and_constructors) {
    struct lr_value arguments[] = {lr_value_str(lr_text_of("rpc.PopenSession")), lr_value_int(1)};
    struct lr_packet packet;
    lr_link link = rig_connect(rig);
    rig_hello(rig, link, "client:dev");
    rig_hear_accept(rig, link);
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_INIT_SERVER;
    packet.version = lr_text_of("0.7.0");
    rig_send_packet(rig, link, &packet);
    rig_hear_exception(rig, link, "0.7.0");
    packet.version = lr_text_of("0.8.0");
    packet.values.items = arguments;
    packet.values.count = 2;
    rig_send_packet(rig, link, &packet);
    rig_hear_exception(rig, link, "constructs no sessions");
    rig_send_init(rig, link);
    rig_hear_void(rig, link);
}

/* What is no packet ends the session with an Exception, a Shutdown and FIN. */
static void expect_refused(struct server_rig *rig, const void *bytes, size_t size,
                           const char *part) {
    lr_link link = rig_open(rig, "client:dev");
    rig_send_bytes(rig, link, bytes, size);
    rig_hear_exception(rig, link, part);
    rig_expect(rig, rig_hear(rig, link) && rig->heard.code == LR_PACKET_SHUTDOWN);
    rig_hear_fin(rig, link);
    rig_expect(rig, sessions(rig) == 0);
}

RIG_CASE(server_session, ends_on_what_is_no_packet) {
    static const uint8_t unknown[] = {4, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0};
    static const uint8_t cut[] = {8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0};
    static const uint8_t answer[] = {12, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t huge[] = {255, 255, 255, 255, 255, 255, 255, 127, 9, 0, 0, 0};
    expect_refused(rig, unknown, sizeof unknown, "RPCError");
    expect_refused(rig, cut, sizeof cut, "RPCError");
    expect_refused(rig, answer, sizeof answer, "nothing was asked");
    expect_refused(rig, huge, sizeof huge, "more than");
    rig_expect_alive(rig, rig_open(rig, "client:dev"));
}

RIG_CASE(server_session, timeout_counts_from_the_accept) {
    lr_link link = rig_open(rig, "client:dev -timeout=3.0");
    for (int i = 0; i < 5; i++) { /* never idle */
        lr_driver_advance(rig->driver, LR_SECOND / 2);
        rig_expect_alive(rig, link);
    }
    lr_driver_advance(rig->driver, LR_SECOND / 2 - 1);
    rig_expect(rig, sessions(rig) == 1);
    lr_driver_advance(rig->driver, 1);
    rig_hear_exception(rig, link,
                       "RPCSessionTimeoutError: Your 3.0s session has expired, try to increase "
                       "the \"session_timeout\" value.");
    rig_hear_fin(rig, link);
    rig_expect(rig, sessions(rig) == 0);
}

RIG_CASE(server_session, no_timeout_is_for_ever) {
    lr_link link = rig_open(rig, "client:dev -timeout=0");
    lr_driver_advance(rig->driver, 1000000 * LR_SECOND);
    rig_expect_alive(rig, link);
}
