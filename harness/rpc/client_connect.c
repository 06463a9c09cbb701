/* SPDX-License-Identifier: Apache-2.0 */
/* From a server's address to an open session: connect, handshake, InitServer. Its answer shows
 * which dialect the server speaks; from then on the session speaks it, too. */
#include <inttypes.h>

#include "base/assert.h"
#include "rpc/client_parts.h"
#include "rpc/handshake.h"

static void arm_handshake(struct lr_session *session, lr_time now) {
    struct lr_client *client = session->link.client;
    lr_timers_arm(&client->timers, &session->link.timer,
                  lr_time_add(now, client->options.handshake_ns));
}

static void free_unopened(struct lr_client *client, struct lr_session *session) {
    lr_buf_deinit(&session->hello);
    LR_FREE(lr_client_alloc(client), session);
}

enum lr_status lr_client_connect_begin(struct client_ask *ask, lr_time now,
                                       const struct lr_address *address, struct lr_text matchkey) {
    struct lr_client *client = ask->op.client;
    struct lr_session *session = LR_NEW(lr_client_alloc(client), struct lr_session);
    if (session == NULL) {
        return LR_ENOMEM;
    }
    lr_buf_init(&session->hello, lr_client_alloc(client));
    enum lr_status status =
        lr_client_hello_encode(matchkey, ask->options.session_timeout_ns, &session->hello);
    if (status == LR_OK) {
        status = lr_client_link_open(client, &session->link, CLIENT_LINK_SESSION, address);
    }
    if (status != LR_OK) {
        free_unopened(client, session);
        return status;
    }
    session->link.framer.size_max = client->options.key_bytes_max;
    session->state = CLIENT_SESSION_CONNECTING;
    session->address = *address;
    session->opening = ask;
    ask->session = session;
    lr_list_init(&session->calls);
    lr_list_append(&client->sessions, &session->node);
    arm_handshake(session, now);
    return LR_OK;
}

void lr_client_connect_hello(struct lr_session *session, lr_time now) {
    LR_ASSERT(session->state == CLIENT_SESSION_CONNECTING);
    enum lr_status status = lr_client_session_send(session, now, &session->hello);
    if (status != LR_OK) {
        struct lr_error error = {0};
        (void)lr_error_set(&error, status, "no memory for the handshake");
        lr_client_session_end(session, now, CLIENT_END_CLOSE, &error);
        return;
    }
    session->state = CLIENT_SESSION_HELLO;
    arm_handshake(session, now);
}

static void take_word(struct lr_session *session, lr_time now, const struct lr_frame *frame) {
    struct lr_error error = {0};
    uint32_t word = lr_word_decode(frame->body);
    if (word == LR_MAGIC_RPC) {
        session->state = CLIENT_SESSION_KEY;
        session->link.framer.expect = LR_FRAME_TEXT;
        return;
    }
    if (word == LR_ANSWER_MISMATCH) {
        (void)lr_error_set(&error, LR_EREFUSED,
                           "the server at " LR_ADDRESS_FORMAT
                           " does not know the key, or not any more",
                           LR_ADDRESS_WORDS(session->address.host, session->address.port));
    } else if (word == LR_ANSWER_DUPLICATE) {
        (void)lr_error_set(&error, LR_EREFUSED, "the key is in use already at " LR_ADDRESS_FORMAT,
                           LR_ADDRESS_WORDS(session->address.host, session->address.port));
    } else {
        (void)lr_error_set(&error, LR_EPROTO,
                           "what listens at " LR_ADDRESS_FORMAT
                           " is no RPC server: it answers 0x%08" PRIx32,
                           LR_ADDRESS_WORDS(session->address.host, session->address.port), word);
    }
    lr_client_session_end(session, now, CLIENT_END_CLOSE, &error);
}

/* The server's key is for people; the handshake is through, and InitServer goes at once. */
static void take_key(struct lr_session *session, lr_time now, const struct lr_frame *frame) {
    struct lr_client *client = session->link.client;
    char quoted[80];
    struct lr_text key = {.data = (const char *)frame->body, .size = frame->kept};
    LR_CLIENT_TRACE(client, now, CONNECTION, session->link.conn,
                    "accepted by %s at " LR_ADDRESS_FORMAT,
                    lr_text_quote(quoted, sizeof quoted, key),
                    LR_ADDRESS_WORDS(session->address.host, session->address.port));
    struct lr_packet init;
    lr_packet_init(&init, lr_client_alloc(client));
    init.code = LR_PACKET_INIT_SERVER;
    init.version = lr_text_of(LR_PROTOCOL_VERSION);
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_client_alloc(client));
    /* Without arguments it is the same in every dialect. */
    enum lr_status status = lr_packet_encode(LR_DIALECT_LEGACY, &init, &bytes);
    if (status == LR_OK) {
        status = lr_client_session_send(session, now, &bytes);
    }
    if (status != LR_OK) {
        struct lr_error error = {0};
        lr_buf_deinit(&bytes);
        (void)lr_error_set(&error, status, "no memory for InitServer");
        lr_client_session_end(session, now, CLIENT_END_CLOSE, &error);
        return;
    }
    session->state = CLIENT_SESSION_INIT;
    session->link.framer.expect = LR_FRAME_PACKET;
    lr_client_flight_bound(session);
    arm_handshake(session, now);
}

static void open_session(struct lr_session *session, lr_time now) {
    struct lr_client *client = session->link.client;
    session->state = CLIENT_SESSION_OPEN;
    session->opened_at = now;
    lr_client_session_answered(session);
    lr_timers_disarm(&client->timers, &session->link.timer);
    LR_CLIENT_TRACE(client, now, DIALECT, session->link.conn, "the server speaks %s",
                    lr_dialect_name(session->dialect));
    LR_CLIENT_TRACE(client, now, SESSION_BEGIN, session->link.conn,
                    "session with " LR_ADDRESS_FORMAT,
                    LR_ADDRESS_WORDS(session->address.host, session->address.port));
    lr_client_ask_opened(session->opening, now);
    lr_client_flight_bound(session);
}

/* The answer to InitServer as a packet of the dialect that it shows: opens the session, or ends it.
 */
static enum lr_status take_init(struct lr_session *session, lr_time now,
                                const struct lr_packet *packet, struct lr_error *error) {
    if (packet->code == LR_PACKET_EXCEPTION) {
        struct lr_buf *bytes = &session->opening->op.result->result.bytes;
        return lr_client_read_exception(packet, bytes, error);
    }
    if (packet->code != LR_PACKET_RETURN || packet->values.count != 1 ||
        packet->values.items[0].kind != LR_VALUE_NULL) {
        return lr_error_set(error, LR_EPROTO,
                            "the answer to InitServer is not the return of nothing");
    }
    open_session(session, now);
    return LR_OK;
}

static void take_packet(struct lr_session *session, lr_time now, const struct lr_frame *frame) {
    struct lr_client *client = session->link.client;
    struct lr_error error = {0};
    struct lr_packet packet;
    enum lr_status status;
    lr_packet_init(&packet, lr_client_alloc(client));
    if (frame->size == 0) {
        return; /* an empty packet means nothing */
    }
    if (lr_packet_shows_dialect(frame->body, frame->kept, &session->dialect)) {
        status = lr_packet_decode(session->dialect, &client->options.values, frame->body,
                                  frame->kept, &packet, &error);
        if (status == LR_OK) {
            status = take_init(session, now, &packet, &error);
        }
    } else if (lr_packet_decode(LR_DIALECT_LEGACY, &client->options.values, frame->body,
                                frame->kept, &packet, &error) == LR_OK &&
               packet.code == LR_PACKET_SHUTDOWN) {
        status = lr_error_set(&error, LR_ECLOSED, "the server shut down instead of InitServer");
    } else {
        status = lr_error_set(&error, LR_EPROTO,
                              "the answer to InitServer is of neither dialect (code %" PRId32 ")",
                              packet.code);
    }
    lr_packet_deinit(&packet);
    if (status == LR_EPROTO) {
        lr_client_session_refuse(session, now, &error);
    } else if (status != LR_OK) {
        lr_client_session_end(session, now, CLIENT_END_SHUTDOWN, &error);
    }
}

void lr_client_connect_frame(struct lr_session *session, lr_time now,
                             const struct lr_frame *frame) {
    switch (session->state) {
    case CLIENT_SESSION_HELLO:
        take_word(session, now, frame);
        break;
    case CLIENT_SESSION_KEY:
        take_key(session, now, frame);
        break;
    case CLIENT_SESSION_INIT:
        take_packet(session, now, frame);
        break;
    case CLIENT_SESSION_CONNECTING:
    case CLIENT_SESSION_OPEN:
    case CLIENT_SESSION_CLOSED:
        LR_UNREACHABLE();
    }
}
