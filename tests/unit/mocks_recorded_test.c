/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded peer: which steps a recording becomes, how they are played, what is swapped in them,
 * and what is noted where the running side does otherwise. The test is the running side. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mocks/peers/recorded.h"
#include "rpc/handshake.h"
#include "rpc/packet.h"
#include "rpc/tracker_msg.h"
#include "support/failing.h"
#include "support/role_driver.h"

/* ---- recordings made by hand ---- */

/* JSON lines; its memory is the C library's, so that a test can make the peer's fail alone. */
struct tape {
    struct lr_buf lines;
    struct lr_buf bytes; /* of the next read */
};

static void tape_init(struct tape *tape) {
    lr_buf_init(&tape->lines, lr_alloc_system());
    lr_buf_init(&tape->bytes, lr_alloc_system());
}

static void tape_deinit(struct tape *tape) {
    lr_buf_deinit(&tape->lines);
    lr_buf_deinit(&tape->bytes);
}

LR_PRINTF(2, 3) static void tape_line(struct tape *tape, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cr_assert(size > 0 && (size_t)size < sizeof text);
    cr_assert_eq(lr_buf_append(&tape->lines, text, (size_t)size), LR_OK);
}

static void tape_open(struct tape *tape, int conn, const char *link) {
    tape_line(tape,
              "{\"conn\": %d, \"t\": 0, \"ev\": \"open\", \"link\": \"%s\", \"peer\": \"h:1\"}\n",
              conn, link);
}

static void tape_event(struct tape *tape, int conn, const char *what, const char *direction) {
    tape_line(tape, "{\"conn\": %d, \"t\": 0, \"ev\": \"%s\", \"dir\": \"%s\"}\n", conn, what,
              direction);
}

/* What lies in |bytes| was read in one piece. */
static void tape_read(struct tape *tape, int conn, const char *direction) {
    tape_line(tape, "{\"conn\": %d, \"t\": 0, \"dir\": \"%s\", \"hex\": \"", conn, direction);
    for (size_t i = 0; i < lr_buf_size(&tape->bytes); i++) {
        tape_line(tape, "%02x", lr_buf_data(&tape->bytes)[i]);
    }
    tape_line(tape, "\"}\n");
    lr_buf_consume(&tape->bytes, lr_buf_size(&tape->bytes));
}

static void put_word(struct lr_buf *out, uint32_t word) {
    cr_assert_eq(lr_word_encode(word, out), LR_OK);
}

static void put_text(struct lr_buf *out, const char *text) {
    put_word(out, (uint32_t)strlen(text));
    cr_assert_eq(lr_buf_append(out, text, strlen(text)), LR_OK);
}

static void put_values(struct lr_buf *out, int32_t code, const struct lr_value *values,
                       size_t count) {
    cr_assert_eq(lr_packet_encode_values(LR_DIALECT_FFI, code, values, count, out), LR_OK);
}

static void put_call(struct lr_buf *out, uint64_t function, int64_t argument) {
    struct lr_packet packet;
    struct lr_value value = lr_value_int(argument);
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_CALL_FUNC;
    packet.handle = function;
    packet.values.items = &value;
    packet.values.count = 1;
    cr_assert_eq(lr_packet_encode(LR_DIALECT_FFI, &packet, out), LR_OK);
}

static void put_handle(struct lr_buf *out, int32_t code, uint64_t handle) {
    struct lr_value values[] = {lr_value_handle(handle)};
    values[0].kind = code == LR_PACKET_FREE_HANDLE ? LR_VALUE_HANDLE : LR_VALUE_FUNCTION;
    put_values(out, code, values, 1);
}

/* ---- the stage of a test ---- */

struct staged {
    struct lr_driver *driver;
    struct lr_recorded *recorded;
    struct lr_prng random;
    struct lr_error error;
    enum lr_status status;
    lr_host host;
};

static void stage(struct staged *staged, struct lr_alloc *alloc, enum lr_recorded_side side,
                  const struct tape *tape) {
    *staged = (struct staged){.error = {.code = LR_OK}};
    lr_prng_init(&staged->random, 1);
    const struct lr_env env = {.alloc = alloc, .device = alloc, .random = &staged->random};
    const struct lr_recorded_options options = {.side = side,
                                                .dialect = LR_DIALECT_FFI,
                                                .host = "10.0.0.1",
                                                .tracker_host = "10.0.0.9",
                                                .tracker_port = 9190};
    staged->status = lr_recorded_new(&staged->recorded, &env, &options, lr_buf_data(&tape->lines),
                                     lr_buf_size(&tape->lines), &staged->error);
    if (staged->status != LR_OK) {
        return;
    }
    staged->driver = lr_driver_new();
    staged->host = lr_driver_add(staged->driver, lr_recorded_role(staged->recorded), "10.0.0.1");
    staged->status = lr_recorded_start(staged->recorded, 0);
    lr_driver_pump(staged->driver);
}

static void unstage(struct staged *staged) {
    if (staged->driver != NULL) {
        lr_recorded_free(staged->recorded);
        lr_driver_free(staged->driver);
    }
}

/* The oldest connection that the peer makes, accepted; it must go to |port|. */
static lr_link take_link(struct staged *staged, uint16_t port) {
    const struct lr_address *address = NULL;
    lr_link link = lr_driver_waiting(staged->driver, staged->host, &address);
    cr_assert_neq(link, LR_LINK_NONE);
    cr_assert_eq(address->port, port);
    lr_driver_accept(staged->driver, link);
    return link;
}

static void feed(struct staged *staged, lr_link link, struct lr_buf *bytes) {
    lr_driver_feed(staged->driver, link, lr_buf_data(bytes), lr_buf_size(bytes));
    lr_buf_consume(bytes, lr_buf_size(bytes));
}

/* The peer has sent just |bytes|. */
static void expect_output(struct staged *staged, lr_link link, struct lr_buf *bytes) {
    size_t size = 0;
    const uint8_t *output = lr_driver_output(staged->driver, link, &size);
    cr_assert_eq(size, lr_buf_size(bytes), "%zu bytes instead of %zu", size, lr_buf_size(bytes));
    cr_assert(size == 0 || memcmp(output, lr_buf_data(bytes), size) == 0);
    lr_driver_consume(staged->driver, link, size);
    lr_buf_consume(bytes, lr_buf_size(bytes));
}

/* ---- a client's recording: a grant, a session with a function, its end ---- */

enum { RECORDED_HANDLE = 0x7f0010, RUNNING_HANDLE = 12 };

static void tape_tracker(struct tape *tape) {
    tape_open(tape, 1, "client-tracker");
    put_word(&tape->bytes, LR_MAGIC_TRACKER);
    tape_read(tape, 1, "c2s");
    put_word(&tape->bytes, LR_MAGIC_TRACKER);
    tape_read(tape, 1, "s2c");
    put_text(&tape->bytes, "[4, \"k\", \"\", 0]");
    tape_read(tape, 1, "c2s");
    put_text(&tape->bytes, "[0, [\"127.0.0.1\", 9091, \"k:0.111\"]]");
    tape_read(tape, 1, "s2c");
}

static void tape_session(struct tape *tape, const char *end) {
    const struct lr_value name = lr_value_str(lr_text_of("f"));
    tape_tracker(tape);
    tape_open(tape, 2, "client-server");
    put_word(&tape->bytes, LR_MAGIC_RPC);
    put_text(&tape->bytes, "client:k:0.111 -timeout=9");
    tape_read(tape, 2, "c2s");
    put_word(&tape->bytes, LR_MAGIC_RPC);
    put_text(&tape->bytes, "server:k");
    tape_read(tape, 2, "s2c");
    put_values(&tape->bytes, LR_PACKET_GET_GLOBAL_FUNC, &name, 1);
    tape_read(tape, 2, "c2s");
    put_handle(&tape->bytes, LR_PACKET_RETURN, RECORDED_HANDLE);
    tape_read(tape, 2, "s2c");
    put_call(&tape->bytes, RECORDED_HANDLE, 7);
    put_handle(&tape->bytes, LR_PACKET_FREE_HANDLE, RECORDED_HANDLE);
    tape_read(tape, 2, "c2s");
    cr_assert_eq(lr_packet_encode_void(LR_DIALECT_FFI, &tape->bytes), LR_OK);
    tape_read(tape, 2, "s2c");
    tape_event(tape, 2, end, "c2s");
}

/* Runs it up to the session's handshake; returns its link. */
static lr_link run_handshake(struct staged *staged, struct lr_buf *bytes) {
    lr_link tracker = take_link(staged, 9190);
    put_word(bytes, LR_MAGIC_TRACKER);
    expect_output(staged, tracker, bytes);
    put_word(bytes, LR_MAGIC_TRACKER);
    feed(staged, tracker, bytes);
    put_text(bytes, "[4, \"k\", \"\", 0]");
    expect_output(staged, tracker, bytes);
    put_text(bytes, "[0, [\"10.0.0.7\", 7777, \"k:0.987654\"]]");
    feed(staged, tracker, bytes);
    lr_link data = take_link(staged, 7777);
    put_word(bytes, LR_MAGIC_RPC);
    put_text(bytes, "client:k:0.987654 -timeout=9");
    expect_output(staged, data, bytes);
    return data;
}

static void run_session(struct staged *staged, struct lr_buf *bytes, lr_link data) {
    const struct lr_value name = lr_value_str(lr_text_of("f"));
    put_word(bytes, LR_MAGIC_RPC);
    put_text(bytes, "server:k");
    feed(staged, data, bytes);
    put_values(bytes, LR_PACKET_GET_GLOBAL_FUNC, &name, 1);
    expect_output(staged, data, bytes);
    put_handle(bytes, LR_PACKET_RETURN, RUNNING_HANDLE);
    feed(staged, data, bytes);
    put_call(bytes, RUNNING_HANDLE, 7);
    put_handle(bytes, LR_PACKET_FREE_HANDLE, RUNNING_HANDLE);
    expect_output(staged, data, bytes);
    cr_assert_eq(lr_packet_encode_void(LR_DIALECT_FFI, bytes), LR_OK);
    feed(staged, data, bytes);
}

Test(mocks_recorded, a_client_plays_with_the_running_sides_matchkey_port_and_handles) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_session(&tape, "eof");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    cr_assert_eq(staged.status, LR_OK, "%s", staged.error.text);
    cr_expect_eq(lr_recorded_ended_at(staged.recorded), LR_TIME_NEVER);
    lr_link data = run_handshake(&staged, &tape.bytes);
    cr_expect_not(lr_recorded_finished(staged.recorded));
    run_session(&staged, &tape.bytes, data);
    cr_expect(lr_recorded_finished(staged.recorded));
    cr_expect_null(lr_recorded_difference(staged.recorded), "%s",
                   lr_recorded_difference(staged.recorded));
    cr_expect(lr_driver_saw_fin(staged.driver, data));
    cr_expect_not(lr_driver_saw_reset(staged.driver, data));
    cr_expect_eq(lr_recorded_played(staged.recorded), lr_recorded_steps(staged.recorded));
    cr_expect_neq(lr_recorded_ended_at(staged.recorded), LR_TIME_NEVER);
    unstage(&staged);
    tape_deinit(&tape);
}

Test(mocks_recorded, a_reset_is_played_as_one) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_session(&tape, "reset");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    lr_link data = run_handshake(&staged, &tape.bytes);
    run_session(&staged, &tape.bytes, data);
    cr_expect(lr_driver_saw_reset(staged.driver, data));
    cr_expect(lr_recorded_finished(staged.recorded));
    unstage(&staged);
    tape_deinit(&tape);
}

/* The piece of a packet goes out as it was, its length included. */
Test(mocks_recorded, a_packet_that_was_cut_is_cut_again) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_tracker(&tape);
    tape_open(&tape, 2, "client-server");
    put_word(&tape.bytes, LR_MAGIC_RPC);
    put_text(&tape.bytes, "client:k:0.111 -timeout=9");
    tape_read(&tape, 2, "c2s");
    put_word(&tape.bytes, LR_MAGIC_RPC);
    put_text(&tape.bytes, "server:k");
    tape_read(&tape, 2, "s2c");
    static const uint8_t piece[] = {100, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 2, 3};
    cr_assert_eq(lr_buf_append(&tape.bytes, piece, 10), LR_OK);
    tape_read(&tape, 2, "c2s");
    cr_assert_eq(lr_buf_append(&tape.bytes, piece + 10, sizeof piece - 10), LR_OK);
    tape_read(&tape, 2, "c2s");
    tape_event(&tape, 2, "eof", "c2s");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    lr_link data = run_handshake(&staged, &tape.bytes);
    put_word(&tape.bytes, LR_MAGIC_RPC);
    put_text(&tape.bytes, "server:k");
    feed(&staged, data, &tape.bytes);
    cr_assert_eq(lr_buf_append(&tape.bytes, piece, sizeof piece), LR_OK);
    expect_output(&staged, data, &tape.bytes);
    cr_expect(lr_driver_saw_fin(staged.driver, data));
    cr_expect(lr_recorded_finished(staged.recorded));
    unstage(&staged);
    tape_deinit(&tape);
}

/* A key as long as a capture likes. */
Test(mocks_recorded, a_long_key_is_sent_whole) {
    struct tape tape;
    struct staged staged;
    char key[3000];
    char line[4096];
    tape_init(&tape);
    tape_tracker(&tape);
    tape_open(&tape, 2, "client-server");
    put_word(&tape.bytes, LR_MAGIC_RPC);
    memset(key, 'x', sizeof key - 1);
    memcpy(key, "client:k:0.111", 14);
    key[180] = '\0';
    put_text(&tape.bytes, key);
    tape_read(&tape, 2, "c2s");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    cr_assert_eq(staged.status, LR_OK, "%s", staged.error.text);
    lr_link tracker = take_link(&staged, 9190);
    put_word(&tape.bytes, LR_MAGIC_TRACKER);
    feed(&staged, tracker, &tape.bytes);
    put_text(&tape.bytes, "[0, [\"10.0.0.7\", 7777, \"k:0.987654\"]]");
    feed(&staged, tracker, &tape.bytes);
    lr_link data = take_link(&staged, 7777);
    (void)snprintf(line, sizeof line, "client:k:0.987654%s", key + 14);
    put_word(&tape.bytes, LR_MAGIC_RPC);
    put_text(&tape.bytes, line);
    expect_output(&staged, data, &tape.bytes);
    unstage(&staged);
    tape_deinit(&tape);
}

Test(mocks_recorded, another_answer_to_the_magic_is_a_difference) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_session(&tape, "eof");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    lr_link tracker = take_link(&staged, 9190);
    put_word(&tape.bytes, 0x99);
    feed(&staged, tracker, &tape.bytes);
    const char *difference = lr_recorded_difference(staged.recorded);
    cr_assert_not_null(difference);
    cr_expect(strstr(difference, "the magic") != NULL, "%s", difference);
    cr_expect(strstr(difference, "step 3 of ") != NULL, "%s", difference);
    unstage(&staged);
    tape_deinit(&tape);
}

Test(mocks_recorded, another_packet_is_a_difference_and_the_first_one_stays) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_session(&tape, "eof");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    lr_link data = run_handshake(&staged, &tape.bytes);
    put_word(&tape.bytes, LR_MAGIC_RPC);
    put_text(&tape.bytes, "server:k");
    feed(&staged, data, &tape.bytes);
    cr_assert_eq(lr_packet_encode_exception(LR_DIALECT_FFI, lr_text_of("no"), &tape.bytes), LR_OK);
    feed(&staged, data, &tape.bytes);
    const char *difference = lr_recorded_difference(staged.recorded);
    cr_assert_not_null(difference);
    cr_expect(strstr(difference, "recorded Return, seen Exception") != NULL, "%s", difference);
    char first[256];
    (void)snprintf(first, sizeof first, "%s", difference);
    lr_driver_reset(staged.driver, data);
    cr_expect_str_eq(lr_recorded_difference(staged.recorded), first);
    unstage(&staged);
    tape_deinit(&tape);
}

Test(mocks_recorded, a_frame_that_nobody_awaits_is_a_difference) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_session(&tape, "eof");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    lr_link tracker = take_link(&staged, 9190);
    put_word(&tape.bytes, LR_MAGIC_TRACKER);
    put_text(&tape.bytes, "[0, [\"10.0.0.7\", 7777, \"k:0.987654\"]]");
    put_text(&tape.bytes, "[0]");
    feed(&staged, tracker, &tape.bytes);
    const char *difference = lr_recorded_difference(staged.recorded);
    cr_assert_not_null(difference);
    cr_expect(strstr(difference, "does not have there") != NULL, "%s", difference);
    unstage(&staged);
    tape_deinit(&tape);
}

Test(mocks_recorded, a_tracker_that_refuses_is_a_difference) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_session(&tape, "eof");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    lr_link link = lr_driver_waiting(staged.driver, staged.host, NULL);
    lr_driver_refuse(staged.driver, link);
    cr_expect_not_null(lr_recorded_difference(staged.recorded));
    unstage(&staged);
    tape_deinit(&tape);
}

/* The running side that ends it early stops no step. */
Test(mocks_recorded, what_the_running_side_has_ended_is_passed_over) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_session(&tape, "eof");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    lr_link data = run_handshake(&staged, &tape.bytes);
    lr_driver_reset(staged.driver, data);
    cr_expect(lr_recorded_finished(staged.recorded));
    unstage(&staged);
    tape_deinit(&tape);
}

/* ---- a server's ---- */

static void tape_server(struct tape *tape) {
    tape_open(tape, 1, "server-tracker");
    put_word(&tape->bytes, LR_MAGIC_TRACKER);
    tape_read(tape, 1, "c2s");
    put_word(&tape->bytes, LR_MAGIC_TRACKER);
    tape_read(tape, 1, "s2c");
    put_text(&tape->bytes, "[3, \"k\", [9091, \"k:0.5\"], null]");
    tape_read(tape, 1, "c2s");
    put_text(&tape->bytes, "0");
    tape_read(tape, 1, "s2c");
    tape_open(tape, 2, "client-server");
    put_word(&tape->bytes, LR_MAGIC_RPC);
    put_text(&tape->bytes, "client:k:0.5");
    tape_read(tape, 2, "c2s");
    put_word(&tape->bytes, LR_MAGIC_RPC);
    put_text(&tape->bytes, "server:k");
    tape_read(tape, 2, "s2c");
    put_handle(&tape->bytes, LR_PACKET_RETURN, RECORDED_HANDLE);
    tape_read(tape, 2, "s2c");
    tape_event(tape, 2, "eof", "s2c");
}

Test(mocks_recorded, a_server_tells_the_port_that_it_has_and_takes_who_comes) {
    struct tape tape;
    struct staged staged;
    char put[128];
    tape_init(&tape);
    tape_server(&tape);
    stage(&staged, lr_alloc_system(), LR_RECORDED_SERVER, &tape);
    cr_assert_eq(staged.status, LR_OK, "%s", staged.error.text);
    cr_assert_neq(lr_recorded_port(staged.recorded), 0);
    lr_link tracker = take_link(&staged, 9190);
    put_word(&tape.bytes, LR_MAGIC_TRACKER);
    expect_output(&staged, tracker, &tape.bytes);
    put_word(&tape.bytes, LR_MAGIC_TRACKER);
    feed(&staged, tracker, &tape.bytes);
    (void)snprintf(put, sizeof put, "[%" PRIu16 ", \"k:0.5\"]", lr_recorded_port(staged.recorded));
    size_t size = 0;
    const uint8_t *output = lr_driver_output(staged.driver, tracker, &size);
    cr_assert_gt(size, 4);
    char seen[256];
    (void)snprintf(seen, sizeof seen, "%.*s", (int)size - 4, (const char *)output + 4);
    cr_expect(strstr(seen, put) != NULL, "no %s in %s", put, seen);
    lr_driver_consume(staged.driver, tracker, size);
    put_text(&tape.bytes, "0");
    feed(&staged, tracker, &tape.bytes);
    lr_link client = lr_driver_connect(staged.driver, staged.host, "10.0.0.3");
    cr_assert_neq(client, LR_LINK_NONE);
    put_word(&tape.bytes, LR_MAGIC_RPC);
    put_text(&tape.bytes, "client:k:0.777");
    feed(&staged, client, &tape.bytes);
    put_word(&tape.bytes, LR_MAGIC_RPC);
    put_text(&tape.bytes, "server:k");
    put_handle(&tape.bytes, LR_PACKET_RETURN, RECORDED_HANDLE);
    expect_output(&staged, client, &tape.bytes);
    cr_expect(lr_driver_saw_fin(staged.driver, client));
    cr_expect(lr_recorded_finished(staged.recorded));
    cr_expect_null(lr_recorded_difference(staged.recorded));
    lr_link second = lr_driver_connect(staged.driver, staged.host, "10.0.0.4");
    cr_expect(second == LR_LINK_NONE || lr_driver_saw_reset(staged.driver, second),
              "the recording has no further client");
    unstage(&staged);
    tape_deinit(&tape);
}

/* ---- recordings that cannot be played ---- */

Test(mocks_recorded, a_recording_with_nothing_to_play_is_refused) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    cr_expect_eq(staged.status, LR_EPROTO);
    tape_tracker(&tape);
    stage(&staged, lr_alloc_system(), LR_RECORDED_SERVER, &tape);
    cr_expect_eq(staged.status, LR_EPROTO);
    cr_expect(strstr(staged.error.text, "no connection of a server") != NULL, "%s",
              staged.error.text);
    tape_deinit(&tape);
}

Test(mocks_recorded, a_recording_of_too_many_connections_is_refused) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    for (int i = 1; i <= 65; i++) {
        tape_open(&tape, i, "client-server");
    }
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    cr_expect_eq(staged.status, LR_ELIMIT);
    cr_expect(strstr(staged.error.text, "more than 64 connections") != NULL, "%s",
              staged.error.text);
    tape_deinit(&tape);
}

Test(mocks_recorded, a_line_that_is_none_is_refused) {
    struct tape tape;
    struct staged staged;
    tape_init(&tape);
    tape_line(&tape, "not JSON\n");
    stage(&staged, lr_alloc_system(), LR_RECORDED_CLIENT, &tape);
    cr_expect_eq(staged.status, LR_EPROTO);
    cr_expect(strstr(staged.error.text, "line 1") != NULL, "%s", staged.error.text);
    tape_deinit(&tape);
}

/* ---- memory ---- */

/* Accepts the connection that the peer makes now and feeds it |bytes|; whatever it makes of them.
 */
static void answer(struct staged *staged, struct lr_buf *bytes) {
    lr_link link = lr_driver_waiting(staged->driver, staged->host, NULL);
    if (link != LR_LINK_NONE) {
        lr_driver_accept(staged->driver, link);
        feed(staged, link, bytes);
    }
    lr_buf_consume(bytes, lr_buf_size(bytes));
}

static void play_all(struct lr_alloc *alloc, void *context) {
    const struct tape *tape = context;
    struct lr_buf bytes;
    struct staged staged;
    lr_buf_init(&bytes, lr_alloc_system());
    stage(&staged, alloc, LR_RECORDED_CLIENT, tape);
    if (staged.status == LR_OK) {
        put_word(&bytes, LR_MAGIC_TRACKER);
        put_text(&bytes, "[0, [\"10.0.0.7\", 7777, \"k:0.987654\"]]");
        answer(&staged, &bytes);
        put_word(&bytes, LR_MAGIC_RPC);
        put_text(&bytes, "server:k");
        put_handle(&bytes, LR_PACKET_RETURN, RUNNING_HANDLE);
        cr_assert_eq(lr_packet_encode_void(LR_DIALECT_FFI, &bytes), LR_OK);
        answer(&staged, &bytes);
        bool whole = lr_recorded_finished(staged.recorded) &&
                     lr_recorded_difference(staged.recorded) == NULL;
        cr_assert(whole == lr_test_must_succeed(alloc), "%s",
                  whole ? "what was lost is not told" : "it is not played to the end");
    }
    cr_assert(staged.status == LR_OK ||
              (staged.status == LR_ENOMEM && !lr_test_must_succeed(alloc)));
    lr_buf_deinit(&bytes);
    unstage(&staged);
}

Test(mocks_recorded, nothing_is_lost_whatever_allocation_fails) {
    struct tape tape;
    tape_init(&tape);
    tape_session(&tape, "eof");
    lr_test_each_failure(play_all, &tape);
    tape_deinit(&tape);
}
