/* SPDX-License-Identifier: Apache-2.0 */
/* Construction, events to those whom they concern, timers, the end. */
#include "rpc/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/server_functions.h"
#include "rpc/server_internal.h"
#include "rpc/server_session.h"

const struct lr_server_options lr_server_options_default = {
    .host = "127.0.0.1",
    .port = 9090,
    .port_end = 9199,
    .key = "",
    .tracker_port = 9190,
    .dialect = LR_SPEAK_AUTO,
    .sessions_max = 1,
    .connections_max = 1024,
    .key_bytes_max = 1024,
    .packet_bytes_max = UINT64_C(1) << 30,
    .memory_bytes_max = (size_t)1 << 30,
    .handles_max = 65536,
    .backlog_bytes_max = 1 << 20,
    .unsent_bytes_max = 1 << 20,
    .answer_bytes_max = 1 << 20,
    .values = {.count_max = 4096, .ndim_max = LR_NDIM_MAX},
    .handshake_ns = 5 * LR_SECOND,
    .stalled_ns = 30 * LR_SECOND,
    .unread_ns = 30 * LR_SECOND,
    .linger_ns = LR_SECOND,
    .connect_ns = 2 * LR_SECOND,
    .poll_ns = 2 * LR_SECOND,
    .unused_ns = 6 * LR_SECOND,
    .retry_ns = 100 * LR_MS,
    .retry_max_ns = 2 * LR_SECOND,
    .keepalive = {.idle_ns = 30 * LR_SECOND, .interval_ns = 5 * LR_SECOND, .probes = 3},
};

static struct lr_server *server_of(const struct lr_role *role) {
    return LR_CONTAINER_OF(role, struct lr_server, role);
}

enum lr_status lr_server_send(struct lr_server *server, lr_conn conn, struct lr_buf *bytes) {
    enum lr_status status = lr_outbox_send(&server->role.outbox, conn, bytes);
    lr_buf_deinit(bytes);
    return status;
}

static void handle_listening(struct lr_server *server, const struct lr_event *event) {
    server->port = event->port;
    lr_server_trace(server, event->now, LR_TRACE_BIND, server->listener, "bind to %s:%u",
                    server->options.host, (unsigned int)event->port);
    lr_server_link_begin(server, event->now);
}

static void handle_listener_lost(struct lr_server *server, const struct lr_event *event) {
    server->listener = 0;
    (void)lr_error_set(&server->failure, event->status == LR_OK ? LR_EIO : event->status,
                       "cannot listen on %s, ports %u to %u: %s", server->options.host,
                       (unsigned int)server->options.port,
                       (unsigned int)server->options.port_end - 1,
                       event->reason == NULL ? "the listener is gone" : event->reason);
    lr_server_trace(server, event->now, LR_TRACE_FAILURE, 0, "%s", server->failure.text);
    lr_server_stop(server, event->now);
}

typedef void (*timer_handler)(struct lr_server *server, struct lr_timer *timer, lr_time now);

static const timer_handler timer_handlers[LR_SERVER_TIMER_COUNT] = {
    [LR_SERVER_TIMER_HANDSHAKE] = lr_server_conn_handshake_timer,
    [LR_SERVER_TIMER_STALLED] = lr_server_conn_stalled_timer,
    [LR_SERVER_TIMER_UNSENT] = lr_server_conn_unsent_timer,
    [LR_SERVER_TIMER_SESSION] = lr_server_session_timer,
    [LR_SERVER_TIMER_RUN] = lr_server_run_timer,
    [LR_SERVER_TIMER_LINK] = lr_server_link_timer,
    [LR_SERVER_TIMER_POLL] = lr_server_link_poll,
    [LR_SERVER_TIMER_SLOT] = lr_server_slot_timer,
};

static void handle_expired(struct lr_server *server, lr_time now) {
    /* A run that takes its next turn arms itself for this very moment: one turn each, so that no
     * run keeps the host from its connections. */
    uint64_t armed_before = server->timers.next_sequence;
    struct lr_tree_node *first = lr_tree_first(&server->timers.tree);
    while (first != NULL) {
        struct lr_timer *timer = LR_CONTAINER_OF(first, struct lr_timer, node);
        if (timer->at > now || timer->sequence >= armed_before) {
            break;
        }
        lr_timers_disarm(&server->timers, timer);
        timer_handlers[timer->kind](server, timer, now);
        first = lr_tree_first(&server->timers.tree);
    }
}

static void handle_event(struct lr_role *role, const struct lr_event *event) {
    struct lr_server *server = server_of(role);
    struct lr_server_conn *conn;
    if (server->stopped && event->kind != LR_EVENT_ACCEPTED) {
        return;
    }
    switch (event->kind) {
    case LR_EVENT_LISTENING:
        handle_listening(server, event);
        break;
    case LR_EVENT_LISTEN_FAILED:
        handle_listener_lost(server, event);
        break;
    case LR_EVENT_ACCEPTED:
        lr_server_conn_accept(server, event);
        break;
    case LR_EVENT_EXPIRED:
        handle_expired(server, event->now);
        break;
    case LR_EVENT_CONNECTED:
    case LR_EVENT_CONNECT_FAILED:
    case LR_EVENT_RECEIVED:
    case LR_EVENT_WRITABLE:
    case LR_EVENT_HALF_CLOSED:
    case LR_EVENT_CLOSED:
    case LR_EVENT_RESET:
        if (event->conn == server->listener && event->conn != 0) {
            handle_listener_lost(server, event);
        } else if (!lr_server_link_handle(server, event)) {
            conn = lr_server_conn_find(server, event->conn);
            if (conn != NULL) {
                lr_server_conn_handle(conn, event);
            }
        }
        break;
    }
    lr_server_conn_bury(server);
}

static lr_time next_deadline(const struct lr_role *role) {
    return lr_timers_next(&server_of(role)->timers);
}

static const struct lr_role_ops server_ops = {"server", handle_event, next_deadline};

static enum lr_status check_options(const struct lr_server_options *options,
                                    struct lr_error *error) {
    if (options->host == NULL || options->key == NULL || strlen(options->host) >= LR_HOST_MAX ||
        (options->tracker_host != NULL && strlen(options->tracker_host) >= LR_HOST_MAX)) {
        return lr_error_set(error, LR_EINVAL, "a server needs a host and a key (may be empty)");
    }
    if (strlen(options->key) > options->key_bytes_max ||
        !lr_text_is_utf8(lr_text_of(options->key))) {
        return lr_error_set(error, LR_EINVAL, "the key is no UTF-8 or longer than %zu bytes",
                            options->key_bytes_max);
    }
    if (strpbrk(options->key, " \t\n\v\f\r") != NULL) {
        return lr_error_set(error, LR_EINVAL,
                            "a key with a blank: no client could come with it, as options of the "
                            "handshake stand behind blanks");
    }
    if (options->port_end <= options->port) {
        return lr_error_set(error, LR_EINVAL, "no port in [%u, %u)", (unsigned int)options->port,
                            (unsigned int)options->port_end);
    }
    if (options->sessions_max == 0 || options->sessions_max > LR_SERVER_SLOTS_MAX) {
        return lr_error_set(error, LR_EINVAL, "sessions: 1 to %d", LR_SERVER_SLOTS_MAX);
    }
    return LR_OK;
}

/* Replaces the borrowed |*string| by a copy. */
static enum lr_status own_string(struct lr_alloc *alloc, const char **string) {
    if (*string != NULL) {
        *string = lr_alloc_string(alloc, *string, strlen(*string));
        return *string == NULL ? LR_ENOMEM : LR_OK;
    }
    return LR_OK;
}

static enum lr_status own_options(struct lr_server *server,
                                  const struct lr_server_options *options) {
    struct lr_alloc *alloc = server->role.env.alloc;
    const char **const strings[] = {&server->options.host, &server->options.key,
                                    &server->options.tracker_host, &server->options.custom_host};
    server->options = *options;
    for (size_t i = 0; i < LR_COUNT_OF(strings); i++) {
        if (own_string(alloc, strings[i]) != LR_OK) {
            for (size_t j = i; j < LR_COUNT_OF(strings); j++) {
                *strings[j] = NULL; /* the caller's, not ours */
            }
            return LR_ENOMEM;
        }
    }
    return LR_OK;
}

enum lr_status lr_server_new(struct lr_server **out, const struct lr_env *env,
                             const struct lr_server_options *options, struct lr_error *error) {
    *out = NULL;
    if (check_options(options, error) != LR_OK) {
        return LR_EINVAL;
    }
    struct lr_server *server = LR_NEW(env->alloc, struct lr_server);
    if (server == NULL) {
        return lr_error_set(error, LR_ENOMEM, "out of memory for a server");
    }
    server->role.ops = &server_ops;
    server->role.env = *env;
    lr_outbox_init(&server->role.outbox, env->alloc);
    lr_timers_init(&server->timers);
    lr_list_init(&server->queue);
    lr_list_init(&server->graves);
    lr_server_conns_init(server);
    lr_server_dialects_init(&server->dialects, env->alloc);
    if (own_options(server, options) != LR_OK || lr_server_slots_init(server) != LR_OK ||
        lr_server_link_init(server) != LR_OK) {
        lr_server_free(server);
        return lr_error_set(error, LR_ENOMEM, "out of memory for a server");
    }
    *out = server;
    return LR_OK;
}

void lr_server_free(struct lr_server *server) {
    if (server == NULL) {
        return;
    }
    struct lr_alloc *alloc = server->role.env.alloc;
    struct lr_tree_node *node;
    server->stopped = true; /* nothing is offered again */
    while ((node = lr_tree_first(&server->conns)) != NULL) {
        lr_server_conn_end(LR_CONTAINER_OF(node, struct lr_server_conn, node), LR_SERVER_END_GONE,
                           0, "the server is freed");
    }
    lr_server_conn_bury(server);
    lr_server_link_deinit(server);
    lr_server_slots_deinit(server);
    lr_server_dialects_deinit(&server->dialects);
    lr_alloc_free_string(alloc, (char *)server->options.host);
    lr_alloc_free_string(alloc, (char *)server->options.key);
    lr_alloc_free_string(alloc, (char *)server->options.tracker_host);
    lr_alloc_free_string(alloc, (char *)server->options.custom_host);
    lr_outbox_deinit(&server->role.outbox);
    LR_FREE(alloc, server);
}

struct lr_role *lr_server_role(struct lr_server *server) {
    return &server->role;
}

const struct lr_server_options *lr_server_options_of(const struct lr_server *server) {
    return &server->options;
}

enum lr_status lr_server_start(struct lr_server *server, lr_time now) {
    (void)now;
    LR_ASSERT(!server->started);
    enum lr_status status =
        lr_outbox_listen(&server->role.outbox, server->options.host, server->options.port,
                         server->options.port_end, server->options.keepalive, &server->listener);
    server->started = status == LR_OK;
    return status;
}

void lr_server_stop(struct lr_server *server, lr_time now) {
    if (server->stopped) {
        return;
    }
    server->stopped = true; /* first: nothing is offered again */
    struct lr_tree_node *node;
    while ((node = lr_tree_first(&server->conns)) != NULL) {
        struct lr_server_conn *conn = LR_CONTAINER_OF(node, struct lr_server_conn, node);
        if (conn->session != NULL) {
            lr_server_session_farewell(conn->session, "RPCError: the server is stopping", true,
                                       now);
        }
        if (!conn->ended) {
            lr_server_conn_end(conn, LR_SERVER_END_CLOSE, now, "the server stops");
        }
    }
    lr_server_conn_bury(server);
    lr_server_link_stop(server);
    if (server->listener != 0) {
        lr_outbox_close(&server->role.outbox, server->listener, 0);
        server->listener = 0;
    }
}

bool lr_server_stopped(const struct lr_server *server) {
    return server->stopped;
}

uint16_t lr_server_port(const struct lr_server *server) {
    return server->port;
}

const struct lr_error *lr_server_failure(const struct lr_server *server) {
    return server->failure.code == LR_OK ? NULL : &server->failure;
}

struct lr_server_counts lr_server_count(const struct lr_server *server) {
    struct lr_server_counts counts = server->counts;
    counts.connections = server->conns.count;
    for (unsigned int i = 0; i < server->options.sessions_max; i++) {
        const struct lr_server_session *session = server->slots[i].session;
        if (session != NULL) {
            counts.sessions++;
            counts.handles += session->handles.count;
            counts.device_blocks += session->memory.device_blocks;
            counts.device_bytes += session->memory.device_bytes;
            counts.directories += session->directory != NULL;
        }
    }
    return counts;
}
