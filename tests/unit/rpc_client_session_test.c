/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: their ends, their references, their calls, and what a hostile server sends. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "support/client_rig.h"

static const enum lr_dialect ffi = LR_DIALECT_FFI;

/* Ends. */

CLIENT_CASE(rpc_client_session, close_puts_shutdown_on_the_wire_even_in_the_middle_of_a_call) {
    struct client_rig rig;
    lr_op op;
    lr_op queued;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    RIG_EXPECT(&rig, client_rig_call(&rig, &queued) == LR_OK);
    lr_session_close(rig.session, client_rig_now(&rig));
    lr_session_close(rig.session, client_rig_now(&rig)); /* twice is fine */
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_SHUTDOWN));
    RIG_EXPECT(&rig, client_rig_pending(&rig, rig.server) == 0);
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, rig.server));
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ECLOSED));
    RIG_EXPECT(&rig, strcmp(rig.result.error.text, "session is closed") == 0);
    RIG_EXPECT(&rig, client_rig_ended(&rig, queued, LR_ECLOSED));
    RIG_EXPECT(&rig, lr_session_closed(rig.session) && lr_session_references(rig.session) == 1);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_session, close_right_after_a_call_sends_the_call_then_shutdown) {
    struct client_rig rig;
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    lr_session_close(rig.session, client_rig_now(&rig)); /* the world has not had the call yet */
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_SHUTDOWN));
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, rig.server));
done:
    client_rig_deinit(&rig);
}

enum { CALL_BYTES = 36 }; /* of the rig's call */

CLIENT_CASE_ROWS(rpc_client_session, close_resets_where_a_packet_of_ours_is_half_sent, CALL_BYTES) {
    const size_t sent = *(const size_t *)context;
    struct client_rig rig;
    lr_op op;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    lr_driver_window(rig.driver, rig.server, sent);
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_pending(&rig, rig.server) == sent);
    lr_session_close(rig.session, client_rig_now(&rig));
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ECLOSED));
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, rig.server));
done:
    client_rig_deinit(&rig);
}

/* The world may have taken the call's last byte and not have come to say so yet. */
CLIENT_CASE(rpc_client_session, close_puts_shutdown_behind_a_call_that_has_been_answered) {
    struct client_rig rig;
    const struct lr_value null_handle = lr_value_handle(0);
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    lr_driver_window(rig.driver, rig.server, 0); /* so nothing is told to have gone out */
    RIG_EXPECT(&rig, client_rig_get_function(&rig, &op) == LR_OK);
    lr_driver_pump(rig.driver);
    client_rig_return(&rig, rig.server, ffi, &null_handle, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    lr_session_close(rig.session, client_rig_now(&rig));
    lr_driver_window(rig.driver, rig.server, SIZE_MAX);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_SHUTDOWN));
    RIG_EXPECT(&rig, !lr_driver_saw_reset(rig.driver, rig.server));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_session, answers_every_use_after_its_end_that_it_is_closed) {
    struct client_rig rig;
    struct lr_tensor tensor = client_rig_floats(4);
    const struct lr_text name = lr_text_of("n");
    char bytes[16] = {0};
    lr_op op = 0;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    lr_time now = client_rig_now(&rig);
    struct lr_session *session = rig.session;
    lr_session_close(session, now);
    RIG_EXPECT(&rig, client_rig_get_function(&rig, &op) == LR_ECLOSED &&
                         client_rig_call(&rig, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_call_name(session, now, name, NULL, 0, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_free_handle(session, now, 1, LR_RESULT_ARRAY, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_allocate(session, now, &tensor, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_free_data(session, now, &tensor, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_copy_in(session, now, &tensor, bytes, 16, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_copy_out(session, now, &tensor, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_copy_among(session, now, &tensor, &tensor, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_upload(session, now, name, bytes, 16, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_download(session, now, name, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_remove(session, now, name, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, lr_session_command(session, now, 15, NULL, 0, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, op == 0 && !client_rig_result(&rig));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_session, the_last_reference_closes) {
    struct client_rig rig;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    struct lr_session *session = rig.session;
    lr_time now = client_rig_now(&rig);
    RIG_EXPECT(&rig, lr_session_ref(session, now, "a function") == session);
    RIG_EXPECT(&rig, strcmp(rig.last_reference, "2: + a function") == 0);
    lr_session_unref(session, now, "the variable");
    RIG_EXPECT(&rig, strcmp(rig.last_reference, "1: - the variable") == 0);
    RIG_EXPECT(&rig, client_rig_pending(&rig, rig.server) == 0 && !lr_session_closed(session));
    rig.session = NULL;
    lr_session_unref(session, now, "the function");
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_SHUTDOWN));
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, rig.server) && rig.references == 3);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_session, close_releases_at_once_while_references_remain) {
    struct client_rig rig;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    lr_time now = client_rig_now(&rig);
    (void)lr_session_ref(rig.session, now, "a traceback");
    (void)lr_session_ref(rig.session, now, "a frame");
    lr_session_close(rig.session, now);
    bool shut = client_rig_packet(&rig, rig.server, LR_PACKET_SHUTDOWN);
    bool counted = lr_session_references(rig.session) == 3;
    lr_session_unref(rig.session, now, "a traceback");
    lr_session_unref(rig.session, now, "a frame");
    RIG_EXPECT(&rig, shut && counted);
    RIG_EXPECT(&rig, client_rig_pending(&rig, rig.server) == 0); /* Shutdown goes out once */
done:
    client_rig_deinit(&rig);
}

#if LR_HAVE_CLEANUP
static bool leave_scope(struct client_rig *rig, bool early) {
    lr_time now = client_rig_now(rig);
    LR_SESSION_SCOPE struct lr_session_scope scope = {
        .session = lr_session_ref(rig->session, now, "scope"), .now = &now};
    if (early) {
        return !lr_session_closed(scope.session);
    }
    now += 5;
    return !lr_session_closed(scope.session);
}

CLIENT_CASE_ROWS(rpc_client_session, the_end_of_its_scope_closes_it_however_the_scope_is_left, 2) {
    const int early = (int)*(const size_t *)context;
    struct client_rig rig;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, leave_scope(&rig, early != 0));
    RIG_EXPECT(&rig, lr_session_closed(rig.session));
    RIG_EXPECT(&rig, lr_session_references(rig.session) == 1);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_SHUTDOWN));
done:
    client_rig_deinit(&rig);
}
#endif

/* How a server can end a session, and how the call in flight is then told. */
enum server_end { END_FIN, END_RESET, END_LOST, END_SHUTDOWN, END_EXPIRED, END_COUNT };

static void end_by_server(struct client_rig *rig, enum server_end how) {
    static const uint8_t shutdown_packet[] = {4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    switch (how) {
    case END_FIN:
        lr_driver_fin(rig->driver, rig->server);
        break;
    case END_RESET:
        lr_driver_reset(rig->driver, rig->server);
        break;
    case END_LOST:
        lr_driver_lose(rig->driver, rig->server);
        break;
    case END_SHUTDOWN:
        lr_driver_feed(rig->driver, rig->server, shutdown_packet, sizeof shutdown_packet);
        break;
    case END_EXPIRED:
        client_rig_exception(rig, rig->server, ffi,
                             "RPCSessionTimeoutError: Your 1.0s session has expired");
        break;
    case END_COUNT:
        break;
    }
}

/* How a session that was ended in that way answers later. */
static const char *const end_texts[] = {
    [END_FIN] = "session is closed: the server closed the connection",
    [END_RESET] = "session is closed: the server reset the connection",
    [END_LOST] = "session is closed: the connection to the server is gone: ",
    [END_SHUTDOWN] = "session is closed: the server shut the session down",
    [END_EXPIRED] = "session is closed: RPCSessionTimeoutError: Your 1.0s session has expired",
};

static bool says(const struct lr_session *session, const char *text) {
    const struct lr_error *end = lr_session_end(session);
    return end != NULL && end->code == LR_ECLOSED &&
           lr_text_starts_with(lr_text_of(end->text), text);
}

CLIENT_CASE_ROWS(rpc_client_session,
                 the_end_by_the_server_ends_the_calls_and_closes_our_half_at_once,
                 (size_t)END_COUNT * 2) {
    const int how = (int)*(const size_t *)context;
    static const enum lr_status codes[] = {LR_ECLOSED, LR_ERESET, LR_ECLOSED, LR_ECLOSED,
                                           LR_EREMOTE};
    struct client_rig rig;
    lr_op op = 0;
    lr_op queued = 0;
    bool idle = how >= END_COUNT;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    if (!idle) {
        RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK &&
                             client_rig_get_function(&rig, &queued) == LR_OK);
        RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    }
    end_by_server(&rig, (enum server_end)(how % END_COUNT));
    if (!idle) {
        RIG_EXPECT(&rig, client_rig_ended(&rig, op, codes[how % END_COUNT]));
        RIG_EXPECT(&rig, client_rig_ended(&rig, queued, codes[how % END_COUNT]));
    }
    RIG_EXPECT(&rig, lr_session_closed(rig.session) && !client_rig_result(&rig));
    RIG_EXPECT(&rig, lr_driver_ended(rig.driver, rig.server));
    RIG_EXPECT(&rig, lr_driver_connections(rig.driver, rig.host) == 0);
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, says(rig.session, end_texts[how % END_COUNT]));
    lr_session_close(rig.session, client_rig_now(&rig)); /* nothing left to do */
    RIG_EXPECT(&rig, client_rig_pending(&rig, rig.server) == 0);
    RIG_EXPECT(&rig, says(rig.session, end_texts[how % END_COUNT])); /* the first end stands */
done:
    client_rig_deinit(&rig);
}

/* Our server says why it ends a session, then shuts it down. */
CLIENT_CASE(rpc_client_session, an_exception_that_nobody_asked_for_is_the_end_and_its_reason) {
    struct client_rig rig;
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    client_rig_exception(&rig, rig.server, ffi, "RPCError: the server is stopping\nfor good");
    RIG_EXPECT(&rig, lr_session_closed(rig.session));
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, rig.server));
    RIG_EXPECT(&rig, !lr_driver_saw_reset(rig.driver, rig.server));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_ECLOSED);
    RIG_EXPECT(&rig, says(rig.session, "session is closed: RPCError: the server is stopping"));
done:
    client_rig_deinit(&rig);
}

/* A session that was closed by its owner, and the whole client by its. */
CLIENT_CASE_ROWS(rpc_client_session, a_close_of_ours_needs_no_reason, 2) {
    const int whole = (int)*(const size_t *)context;
    struct client_rig rig;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, lr_session_end(rig.session) == NULL);
    if (whole != 0) {
        lr_client_close(rig.client, client_rig_now(&rig));
    } else {
        lr_session_close(rig.session, client_rig_now(&rig));
    }
    RIG_EXPECT(&rig, lr_session_end(rig.session)->code == LR_ECLOSED);
    RIG_EXPECT(&rig, strcmp(lr_session_end(rig.session)->text,
                            whole != 0 ? "session is closed: the client is closed"
                                       : "session is closed") == 0);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_session, a_packet_that_stalls_ends_the_session_and_one_that_moves_does_not) {
    struct client_rig rig;
    static const uint8_t begun[] = {0x20, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0};
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    lr_driver_advance(rig.driver, 3600 * LR_SECOND); /* a long call is no stall */
    RIG_EXPECT(&rig, !client_rig_result(&rig));
    lr_driver_feed_pieces(rig.driver, rig.server, begun, sizeof begun, 5);
    lr_driver_advance(rig.driver, 29 * LR_SECOND);
    lr_driver_feed(rig.driver, rig.server, "\2\0\0\0", 4);
    lr_driver_advance(rig.driver, 30 * LR_SECOND - 1);
    RIG_EXPECT(&rig, !client_rig_result(&rig));
    lr_driver_advance(rig.driver, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ETIMEOUT));
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, rig.server));
done:
    client_rig_deinit(&rig);
}

/* Whichever patience is the shorter ends a session that waits for both. */
static const struct {
    uint64_t unread_s; /* against 30 for a packet that stalls */
    size_t read;       /* of the call, late */
    bool begun;        /* the answer, too */
    uint64_t ends_s;
    const char *said;
} unread[] = {
    {20, 1, false, 20, "did not read within 20"},
    {20, CALL_BYTES - 1, false, 20, "did not read within 20"},
    {40, 1, false, 40, "did not read within 40"},
    {20, 1, true, 20, "did not read within 20"},
    {40, 1, true, 30, "within 30"},
};

CLIENT_CASE_ROWS(rpc_client_session, a_server_that_does_not_read_ends_the_session,
                 LR_COUNT_OF(unread)) {
    const size_t i = *(const size_t *)context;
    struct client_rig rig;
    struct lr_client_options options = lr_client_options_default;
    lr_op op;
    options.unread_ns = unread[i].unread_s * LR_SECOND;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options) && client_rig_session(&rig, ffi));
    lr_driver_window(rig.driver, rig.server, 0);
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    lr_driver_pump(rig.driver);
    lr_driver_advance(rig.driver, 19 * LR_SECOND);
    lr_driver_window(rig.driver, rig.server, unread[i].read);
    if (unread[i].begun) {
        lr_driver_feed(rig.driver, rig.server, "\x20", 1);
    }
    lr_driver_advance(rig.driver, unread[i].ends_s * LR_SECOND - 1);
    RIG_EXPECT(&rig, !client_rig_result(&rig));
    lr_driver_advance(rig.driver, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ETIMEOUT));
    RIG_EXPECT(&rig, strstr(rig.result.error.text, unread[i].said) != NULL);
done:
    client_rig_deinit(&rig);
}

/* Calls. */

CLIENT_CASE(rpc_client_session, sends_one_call_at_a_time_and_answers_them_in_order) {
    struct client_rig rig;
    lr_op first;
    lr_op second = 0;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_call(&rig, &first) == LR_OK &&
                         client_rig_get_function(&rig, &second) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    RIG_EXPECT(&rig, client_rig_pending(&rig, rig.server) == 0);
    const struct lr_value answer[] = {lr_value_int(lr_result_code(ffi, LR_RESULT_INT, 0)),
                                      lr_value_int(11)};
    client_rig_return(&rig, rig.server, ffi, answer, 2);
    RIG_EXPECT(&rig, client_rig_ended(&rig, first, LR_OK));
    RIG_EXPECT(&rig, rig.result.kind == LR_ANSWER_VALUE && rig.result.value.as.integer == 11);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    const struct lr_value null_handle = lr_value_handle(0);
    client_rig_return(&rig, rig.server, ffi, &null_handle, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, second, LR_OK));
    RIG_EXPECT(&rig, rig.result.kind == LR_ANSWER_FUNCTION);
    RIG_EXPECT(&rig, rig.result.value.kind == LR_VALUE_NULL);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE_ROWS(rpc_client_session, gives_the_whole_text_of_an_exception_and_its_first_line, 2) {
    const int i = (int)*(const size_t *)context;
    struct client_rig rig;
    static const char text[] = "ValueError: boom\nStack trace:\n  one\n  two";
    lr_op op;
    const enum lr_dialect dialect = i == 0 ? LR_DIALECT_FFI : LR_DIALECT_LEGACY;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, dialect));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    client_rig_exception(&rig, rig.server, dialect, text);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EREMOTE));
    RIG_EXPECT(&rig, strcmp(rig.result.error.text, "ValueError: boom") == 0);
    RIG_EXPECT(&rig, lr_buf_size(&rig.result.bytes) == sizeof text - 1);
    RIG_EXPECT(&rig, memcmp(lr_buf_data(&rig.result.bytes), text, sizeof text - 1) == 0);
    RIG_EXPECT(&rig, !lr_session_closed(rig.session));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    client_rig_exception(&rig, rig.server, dialect, ""); /* some servers lose it */
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EREMOTE));
    RIG_EXPECT(&rig, rig.result.error.text[0] != '\0');
done:
    client_rig_deinit(&rig);
}

/* Answers the three steps of a call by name; false where a packet is missing. */
static bool answer_by_name(struct client_rig *rig, enum lr_dialect dialect,
                           const struct lr_value *answer, size_t count) {
    const struct lr_value function = lr_value_handle(0x1122334455667788);
    if (!client_rig_packet(rig, rig->server, LR_PACKET_GET_GLOBAL_FUNC)) {
        return false;
    }
    client_rig_return(rig, rig->server, dialect, &function, 1);
    size_t size = 0;
    const uint8_t *data = lr_driver_output(rig->driver, rig->server, &size);
    struct lr_packet packet;
    struct lr_error error;
    lr_packet_init(&packet, lr_alloc_system());
    bool called = size > 8 &&
                  lr_packet_decode(dialect, &lr_value_limits_default, data + 8, size - 8, &packet,
                                   &error) == LR_OK &&
                  packet.code == LR_PACKET_CALL_FUNC && packet.handle == function.as.handle;
    lr_packet_deinit(&packet);
    lr_driver_consume(rig->driver, rig->server, size);
    if (!called) {
        return false;
    }
    if (answer == NULL) {
        client_rig_exception(rig, rig->server, dialect, "RuntimeError: no\nmore");
    } else {
        client_rig_return(rig, rig->server, dialect, answer, count);
    }
    data = lr_driver_output(rig->driver, rig->server, &size);
    bool freed = size > 8 &&
                 lr_packet_decode(dialect, &lr_value_limits_default, data + 8, size - 8, &packet,
                                  &error) == LR_OK &&
                 packet.code == LR_PACKET_FREE_HANDLE && packet.values.count > 0 &&
                 packet.values.items[0].as.handle == function.as.handle;
    lr_packet_deinit(&packet);
    lr_driver_consume(rig->driver, rig->server, size);
    client_rig_return_void(rig, rig->server, dialect);
    return freed;
}

CLIENT_CASE_ROWS(rpc_client_session, calls_by_name_and_lets_go_of_the_function, 2) {
    const int i = (int)*(const size_t *)context;
    const enum lr_dialect dialect = i == 0 ? LR_DIALECT_FFI : LR_DIALECT_LEGACY;
    struct client_rig rig;
    lr_op op;
    const struct lr_value argument = lr_value_str(lr_text_of("abc"));
    const struct lr_value answer[] = {lr_value_int(lr_result_code(dialect, LR_RESULT_STR, 6)),
                                      lr_value_str(lr_text_of("abc:11"))};
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, dialect));
    RIG_EXPECT(&rig, lr_session_call_name(rig.session, client_rig_now(&rig), lr_text_of("f"),
                                          &argument, 1, &op) == LR_OK);
    RIG_EXPECT(&rig, answer_by_name(&rig, dialect, answer, 2));
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    RIG_EXPECT(&rig, rig.result.kind == LR_ANSWER_VALUE);
    RIG_EXPECT(&rig, rig.result.value.kind == LR_VALUE_STR);
    RIG_EXPECT(&rig, lr_text_equal(rig.result.value.as.text, lr_text_of("abc:11")));
    RIG_EXPECT(&rig, lr_session_call_name(rig.session, client_rig_now(&rig), lr_text_of("f"),
                                          &argument, 1, &op) == LR_OK);
    RIG_EXPECT(&rig, answer_by_name(&rig, dialect, NULL, 0)); /* freed after a failure, too */
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EREMOTE));
    RIG_EXPECT(&rig, strcmp(rig.result.error.text, "RuntimeError: no") == 0);
    RIG_EXPECT(&rig, lr_buf_size(&rig.result.bytes) == strlen("RuntimeError: no\nmore"));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_session, says_that_a_function_is_missing) {
    struct client_rig rig;
    lr_op op;
    const struct lr_value nothing = lr_value_handle(0);
    const struct lr_value first = lr_value_handle(1);
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, lr_session_call_name(rig.session, client_rig_now(&rig), lr_text_of("f"), NULL,
                                          0, &op) == LR_OK);
    client_rig_return(&rig, rig.server, ffi, &nothing, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ENOTFOUND));
    RIG_EXPECT(&rig, lr_session_call_name(rig.session, client_rig_now(&rig), lr_text_of("f"), NULL,
                                          0, &op) == LR_OK); /* the session goes on */
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    client_rig_return(&rig, rig.server, ffi, &first, 1);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
done:
    client_rig_deinit(&rig);
}

enum { RESULT_ROWS = 12 };

CLIENT_CASE_ROWS(rpc_client_session, reads_every_kind_of_result, (size_t)RESULT_ROWS * 2) {
    const size_t i = *(const size_t *)context;
    struct lr_tensor tensor = client_rig_floats(10);
    const struct {
        enum lr_result_kind kind;
        enum lr_answer_kind answer;
        struct lr_value values[2];
        size_t count;
    } rows[RESULT_ROWS] = {
        {LR_RESULT_NULL, LR_ANSWER_NONE, {lr_value_null()}, 1},
        {LR_RESULT_NULL, LR_ANSWER_NONE, {lr_value_null()}, 0}, /* its type code says it all */
        {LR_RESULT_INT, LR_ANSWER_VALUE, {lr_value_int(-1)}, 1},
        {LR_RESULT_FLOAT, LR_ANSWER_VALUE, {lr_value_float(2.5)}, 1},
        {LR_RESULT_STR, LR_ANSWER_VALUE, {lr_value_str(lr_text_of("s"))}, 1},
        {LR_RESULT_BYTES, LR_ANSWER_VALUE, {lr_value_bytes("\0\1", 2)}, 1},
        {LR_RESULT_FUNCTION, LR_ANSWER_FUNCTION, {lr_value_handle(5)}, 1},
        {LR_RESULT_MODULE, LR_ANSWER_MODULE, {lr_value_handle(6)}, 1},
        {LR_RESULT_ARRAY, LR_ANSWER_ARRAY, {lr_value_tensor(&tensor), lr_value_handle(7)}, 2},
        {LR_RESULT_DEVICE, LR_ANSWER_VALUE, {lr_value_device((struct lr_device){1, 0})}, 1},
        {LR_RESULT_DTYPE, LR_ANSWER_VALUE, {lr_value_dtype((struct lr_dtype){2, 32, 1})}, 1},
        {LR_RESULT_OBJECT, LR_ANSWER_VALUE, {lr_value_handle(8)}, 1},
    };
    const enum lr_dialect dialect = i % 2 == 0 ? LR_DIALECT_FFI : LR_DIALECT_LEGACY;
    struct client_rig rig;
    lr_op op;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, dialect));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    const struct lr_value answer[] = {lr_value_int(lr_result_code(dialect, rows[i / 2].kind, 2)),
                                      rows[i / 2].values[0], rows[i / 2].values[1]};
    client_rig_return(&rig, rig.server, dialect, answer, 1 + rows[i / 2].count);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    RIG_EXPECT(&rig, rig.result.kind == rows[i / 2].answer);
    RIG_EXPECT(&rig, rows[i / 2].kind == LR_RESULT_NULL || rows[i / 2].kind == LR_RESULT_OBJECT ||
                         rig.result.value.kind == rows[i / 2].values[0].kind);
    RIG_EXPECT(&rig, rows[i / 2].kind != LR_RESULT_ARRAY || rig.result.array_handle == 7);
done:
    client_rig_deinit(&rig);
}

/* A shape, say, or a list: what it is only the server knows, but it can be passed on and freed. */
CLIENT_CASE(rpc_client_session, keeps_objects_of_other_kinds_as_handles) {
    struct client_rig rig;
    lr_op op;
    static const uint8_t passed[] = {1, 0, 0, 0, 69, 0, 0, 0, 115, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0};
    const struct lr_value answer[] = {lr_value_int(69), lr_value_handle(9)};
    size_t size = 0;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    client_rig_return(&rig, rig.server, ffi, answer, 2);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    RIG_EXPECT(&rig, rig.result.kind == LR_ANSWER_VALUE && rig.result.value.as.handle == 9);
    RIG_EXPECT(&rig, rig.result.value.kind == LR_VALUE_OBJECT && rig.result.value.code == 69);
    lr_time now = client_rig_now(&rig);
    RIG_EXPECT(&rig, lr_session_call(rig.session, now, 77, &rig.result.value, 1, &op) == LR_OK);
    lr_driver_pump(rig.driver);
    const uint8_t *sent = lr_driver_output(rig.driver, rig.server, &size);
    RIG_EXPECT(&rig, size == 20 + sizeof passed); /* length, code and function before */
    RIG_EXPECT(&rig, memcmp(sent + 20, passed, sizeof passed) == 0);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    client_rig_exception(&rig, rig.server, ffi, "TypeError");
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_EREMOTE));
    RIG_EXPECT(&rig, lr_session_free_handle(rig.session, now, 9, LR_RESULT_OBJECT, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_FREE_HANDLE));
    client_rig_return_void(&rig, rig.server, ffi);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_session, drops_the_answer_to_a_call_that_was_given_up) {
    struct client_rig rig;
    lr_op ops[3];
    const struct lr_value function = lr_value_handle(9);
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, lr_session_call_name(rig.session, client_rig_now(&rig), lr_text_of("f"), NULL,
                                          0, &ops[0]) == LR_OK);
    RIG_EXPECT(&rig, client_rig_call(&rig, &ops[1]) == LR_OK &&
                         client_rig_get_function(&rig, &ops[2]) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    lr_client_cancel(rig.client, client_rig_now(&rig), ops[0]); /* in flight */
    lr_client_cancel(rig.client, client_rig_now(&rig), ops[1]); /* still ours alone */
    lr_client_cancel(rig.client, client_rig_now(&rig), ops[0]);
    RIG_EXPECT(&rig, client_rig_ended(&rig, ops[0], LR_ECANCELED));
    RIG_EXPECT(&rig, client_rig_ended(&rig, ops[1], LR_ECANCELED));
    client_rig_return(&rig, rig.server, ffi, &function, 1);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_FREE_HANDLE)); /* not called */
    client_rig_return_void(&rig, rig.server, ffi);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    client_rig_return(&rig, rig.server, ffi, &function, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, ops[2], LR_OK));
    RIG_EXPECT(&rig, rig.result.value.as.handle == 9);
done:
    client_rig_deinit(&rig);
}

Test(rpc_client_session, queues_only_so_many_calls) {
    struct lr_counting_alloc counting;
    struct client_rig rig;
    lr_op op;
    enum lr_status status = LR_OK;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    cr_assert(client_rig_init(&rig, &counting.base, NULL) && client_rig_session(&rig, ffi));
    for (unsigned int count = 0; status == LR_OK && count < 100000; count++) {
        status = client_rig_get_function(&rig, &op);
    }
    cr_assert_eq(status, LR_EBUSY);
    client_rig_deinit(&rig);
    cr_assert_eq(counting.live_blocks, 0);
}
