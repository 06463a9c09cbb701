/* SPDX-License-Identifier: Apache-2.0 */
/* A session's life: who holds it, what ends it, what goes with it. The connection ends at once when
 * anybody ends the session (its owner, the last reference, the server, a deadline); the structure
 * stays while somebody refers to it, and answers that it is closed. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/client_parts.h"

/* While a packet is under way in either direction, the peer must keep it moving: for how long it
 * may pause, and by |*deaf| whether because of ours. LR_TIME_NEVER: none is. */
static uint64_t pause_allowed(const struct lr_session *session, bool *deaf) {
    const struct lr_client_options *options = &session->link.client->options;
    bool inside = lr_framer_inside(&session->link.framer);
    *deaf = session->unsent > 0 && (!inside || options->unread_ns < options->stalled_ns);
    return *deaf ? options->unread_ns : inside ? options->stalled_ns : LR_TIME_NEVER;
}

static void arm_stalled(struct lr_session *session, lr_time now) {
    bool deaf;
    if (session->state == CLIENT_SESSION_OPEN) {
        lr_timers_arm(&session->link.client->timers, &session->link.timer,
                      lr_time_add(now, pause_allowed(session, &deaf)));
    }
}

enum lr_status lr_client_session_send(struct lr_session *session, lr_time now,
                                      struct lr_buf *bytes) {
    size_t size = lr_buf_size(bytes);
    struct lr_outbox *outbox = &session->link.client->role.outbox;
    enum lr_status status = lr_outbox_send(outbox, session->link.conn, bytes);
    if (status == LR_OK) {
        session->unsent += size;
        arm_stalled(session, now);
    }
    return status;
}

/* Bytes of ours that the world has not been given yet: they go out whole, in order. */
static size_t waiting_bytes(const struct lr_session *session) {
    const struct lr_outbox *outbox = &session->link.client->role.outbox;
    size_t waiting = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        const struct lr_command *command = &outbox->commands[i];
        if (command->kind == LR_COMMAND_SEND && command->conn == session->link.conn) {
            waiting += lr_buf_size(&command->bytes);
        }
    }
    return waiting;
}

/* Whether the world holds bytes of a packet of ours. */
static bool half_sent(const struct lr_session *session) {
    return session->unsent > waiting_bytes(session);
}

void lr_client_session_answered(struct lr_session *session) {
    if (session->unsent > 0) {
        size_t waiting = waiting_bytes(session);
        session->unsent = session->unsent < waiting ? session->unsent : waiting;
    }
}

/* Puts Shutdown on the wire where the server can read it as that. Where there is no memory for it,
 * FIN alone says the same. */
static enum client_end say_farewell(struct lr_session *session) {
    struct lr_client *client = session->link.client;
    if (session->state < CLIENT_SESSION_INIT) {
        return CLIENT_END_CLOSE; /* the server does not read packets yet */
    }
    if (half_sent(session)) {
        return CLIENT_END_RESET; /* Shutdown would be read as the packet's rest */
    }
    struct lr_packet packet;
    lr_packet_init(&packet, lr_client_alloc(client));
    packet.code = LR_PACKET_SHUTDOWN;
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_client_alloc(client));
    if (lr_packet_encode(session->dialect, &packet, &bytes) != LR_OK ||
        lr_outbox_send(&client->role.outbox, session->link.conn, &bytes) != LR_OK) {
        lr_buf_deinit(&bytes);
    }
    bool idle = session->state == CLIENT_SESSION_OPEN && !session->in_flight;
    return idle && session->unsent == 0 ? CLIENT_END_DONE : CLIENT_END_CLOSE;
}

static const struct lr_error closed_error = {LR_ECLOSED, "session is closed"};

/* Notes what later uses are told: nobody may have been waiting to hear it. */
static void note_end(struct lr_session *session, const struct lr_error *error) {
    if (strcmp(error->text, closed_error.text) == 0) {
        session->end = closed_error;
    } else {
        (void)lr_error_set(&session->end, LR_ECLOSED, "%s: %s", closed_error.text, error->text);
    }
}

/* The opening fails with its session; nobody else can refer to that. */
static void fail_opening(struct lr_session *session, lr_time now, const struct lr_error *error) {
    struct client_ask *ask = session->opening;
    if (ask != NULL) {
        session->opening = NULL;
        ask->session = NULL;
        lr_client_link_bury(&session->link);
        lr_client_ask_failed(ask, now, error);
    }
}

void lr_client_session_end(struct lr_session *session, lr_time now, enum client_end how,
                           const struct lr_error *error) {
    struct lr_client *client = session->link.client;
    if (session->state == CLIENT_SESSION_CLOSED) {
        return;
    }
    enum client_end farewell = how == CLIENT_END_SHUTDOWN ? say_farewell(session) : how;
    if (farewell == CLIENT_END_CLOSE && half_sent(session)) {
        farewell = CLIENT_END_RESET; /* a FIN would have to wait for the rest */
    }
    if (session->state == CLIENT_SESSION_OPEN) {
        char lasted[32];
        client->session_count--;
        LR_CLIENT_TRACE(client, now, SESSION_END, session->link.conn, "after %s, %s: %s",
                        lr_text_duration(lasted, sizeof lasted, now - session->opened_at),
                        farewell == CLIENT_END_RESET ? "reset" : "closed", error->text);
    } else {
        LR_CLIENT_TRACE(client, now, DISCONNECT, session->link.conn, "no session: %s", error->text);
    }
    session->state = CLIENT_SESSION_CLOSED;
    note_end(session, error);
    lr_client_link_end(&session->link, farewell);
    lr_buf_deinit(&session->hello);
    if (!session->walking) {
        lr_framer_deinit(&session->link.framer);
    }
    lr_client_flight_end(session, now, error);
    fail_opening(session, now, error);
}

void lr_client_session_refuse(struct lr_session *session, lr_time now,
                              const struct lr_error *error) {
    LR_CLIENT_TRACE(session->link.client, now, PEER_ERROR, session->link.conn, "%s", error->text);
    lr_client_session_end(session, now, CLIENT_END_RESET, error);
}

void lr_client_session_free(struct lr_session *session) {
    LR_ASSERT(session->state == CLIENT_SESSION_CLOSED && session->references == 0);
    LR_ASSERT(lr_list_empty(&session->calls) && session->opening == NULL);
    lr_list_remove(&session->node);
    lr_framer_deinit(&session->link.framer);
    LR_FREE(lr_client_alloc(session->link.client), session);
}

/* Events. */

static void take_bytes(struct lr_session *session, const struct lr_event *event) {
    const uint8_t *data = event->data;
    size_t left = event->size;
    bool complete = true;
    session->walking = true;
    while (!session->link.ended && complete) {
        struct lr_frame frame;
        enum lr_status status =
            lr_framer_next(&session->link.framer, &data, &left, &complete, &frame);
        if (status != LR_OK) {
            struct lr_error error = {0};
            (void)lr_error_set(
                &error, status,
                status == LR_ENOMEM
                    ? "no memory for the server's packet"
                    : "the server announces more than was asked for (at most %" PRIu64 " bytes)",
                session->link.framer.size_max);
            lr_client_session_refuse(session, event->now, &error);
        } else if (complete && session->state == CLIENT_SESSION_OPEN) {
            lr_client_flight_frame(session, event->now, &frame);
        } else if (complete) {
            lr_client_connect_frame(session, event->now, &frame);
        }
    }
    session->walking = false;
    if (session->link.ended) {
        lr_framer_deinit(&session->link.framer);
    } else {
        arm_stalled(session, event->now);
    }
}

/* Ends |session| because its connection ended as |event| says. */
static void lose(struct lr_session *session, const struct lr_event *event) {
    struct lr_error error = {0};
    enum client_end how = CLIENT_END_GONE;
    const char *reason = event->reason == NULL ? "no reason given" : event->reason;
    const char *inside = lr_framer_inside(&session->link.framer) ? " inside a packet" : "";
    if (event->kind == LR_EVENT_CONNECT_FAILED) {
        (void)lr_error_set(&error, event->status == LR_OK ? LR_EREFUSED : event->status,
                           "cannot reach the server at " LR_ADDRESS_FORMAT ": %s",
                           LR_ADDRESS_WORDS(session->address.host, session->address.port), reason);
    } else if (event->kind == LR_EVENT_HALF_CLOSED) {
        how = CLIENT_END_CLOSE;
        (void)lr_error_set(&error, LR_ECLOSED, "the server closed the connection%s", inside);
    } else if (event->kind == LR_EVENT_RESET) {
        (void)lr_error_set(&error, LR_ERESET, "the server reset the connection%s", inside);
    } else {
        (void)lr_error_set(&error, LR_ECLOSED, "the connection to the server is gone: %s", reason);
    }
    lr_client_session_end(session, event->now, how, &error);
}

void lr_client_session_handle(struct lr_session *session, const struct lr_event *event) {
    switch (event->kind) {
    case LR_EVENT_CONNECTED:
        lr_client_connect_hello(session, event->now);
        break;
    case LR_EVENT_RECEIVED:
        take_bytes(session, event);
        break;
    case LR_EVENT_WRITABLE:
        session->unsent = event->unsent;
        arm_stalled(session, event->now);
        break;
    case LR_EVENT_CONNECT_FAILED:
    case LR_EVENT_HALF_CLOSED:
    case LR_EVENT_CLOSED:
    case LR_EVENT_RESET:
        lose(session, event);
        break;
    case LR_EVENT_LISTENING:
    case LR_EVENT_LISTEN_FAILED:
    case LR_EVENT_ACCEPTED:
    case LR_EVENT_EXPIRED:
        LR_UNREACHABLE();
    }
}

void lr_client_session_timer(struct lr_session *session, lr_time now) {
    static const char *const what[] = {
        [CLIENT_SESSION_CONNECTING] = "could not be reached",
        [CLIENT_SESSION_HELLO] = "did not answer the handshake",
        [CLIENT_SESSION_KEY] = "did not finish the handshake",
        [CLIENT_SESSION_INIT] = "did not answer InitServer",
        [CLIENT_SESSION_OPEN] = "let a packet stall",
    };
    bool deaf = false;
    uint64_t limit = session->state == CLIENT_SESSION_OPEN
                         ? pause_allowed(session, &deaf)
                         : session->link.client->options.handshake_ns;
    struct lr_error error = {0};
    char waited[32];
    LR_ASSERT(session->state < CLIENT_SESSION_CLOSED);
    (void)lr_error_set(&error, LR_ETIMEOUT, "the server at " LR_ADDRESS_FORMAT " %s within %s",
                       LR_ADDRESS_WORDS(session->address.host, session->address.port),
                       deaf ? "did not read" : what[session->state],
                       lr_text_duration(waited, sizeof waited, limit));
    lr_client_session_end(session, now, CLIENT_END_RESET, &error);
}

/* What its owners do. */

struct lr_session *lr_session_ref(struct lr_session *session, lr_time now, const char *reason) {
    LR_ASSERT(session->references > 0 && session->references < UINT32_MAX);
    session->references++;
    LR_CLIENT_TRACE(session->link.client, now, REFERENCE, session->link.conn, "%u: + %s",
                    session->references, reason);
    return session;
}

void lr_session_close(struct lr_session *session, lr_time now) {
    lr_client_session_end(session, now, CLIENT_END_SHUTDOWN, &closed_error);
}

void lr_session_unref(struct lr_session *session, lr_time now, const char *reason) {
    if (session == NULL) {
        return;
    }
    LR_ASSERT(session->references > 0);
    session->references--;
    LR_CLIENT_TRACE(session->link.client, now, REFERENCE, session->link.conn, "%u: - %s",
                    session->references, reason);
    if (session->references == 0) {
        lr_session_close(session, now);
        lr_client_session_free(session);
    }
}

unsigned int lr_session_references(const struct lr_session *session) {
    return session->references;
}

bool lr_session_closed(const struct lr_session *session) {
    return session->state == CLIENT_SESSION_CLOSED;
}

const struct lr_error *lr_session_end(const struct lr_session *session) {
    return lr_session_closed(session) ? &session->end : NULL;
}

lr_conn lr_session_conn(const struct lr_session *session) {
    return session->link.conn;
}

enum lr_dialect lr_session_dialect(const struct lr_session *session) {
    return session->dialect;
}

const struct lr_address *lr_session_address(const struct lr_session *session) {
    return &session->address;
}

void lr_session_scope_end(struct lr_session_scope *scope) {
    struct lr_session *session = scope->session;
    scope->session = NULL;
    if (session != NULL) {
        lr_session_close(session, *scope->now);
        lr_session_unref(session, *scope->now, "end of scope");
    }
}
