/* SPDX-License-Identifier: Apache-2.0 */
/* The tracker as a whole: making it, sorting events to its connections, stopping it. */
#include "rpc/tracker.h"

#include <string.h>

#include "base/assert.h"
#include "rpc/handshake.h"
#include "rpc/tracker_internal.h"

enum { MESSAGE_BYTES_MAX = 1024 * 1024 }; /* as TVM since 0.25 */

const struct lr_tracker_options lr_tracker_options_default = {
    .host = "127.0.0.1",
    .port = 9190,
    .port_end = 9199,
    .message_bytes_max = MESSAGE_BYTES_MAX,
    .key_bytes_max = 4096,
    .connections_max = 65536,
    .unsent_bytes_max = 1 << 16,
    .backlog_bytes_max = 1 << 20,
    .entries_max = 4096,
    .handshake_ns = 5 * LR_SECOND,
    .stalled_ns = 30 * LR_SECOND,
    .unread_ns = 30 * LR_SECOND,
    .keepalive = {.idle_ns = 30 * LR_SECOND, .interval_ns = 5 * LR_SECOND, .probes = 3},
};

enum lr_status lr_tracker_text_copy(struct lr_tracker *tracker, struct lr_text text,
                                    struct lr_text *copy) {
    *copy = (struct lr_text){0};
    if (text.size > 0) {
        char *data = lr_alloc_bytes(tracker->role.env.alloc, text.size);
        if (data == NULL) {
            return LR_ENOMEM;
        }
        memcpy(data, text.data, text.size);
        *copy = (struct lr_text){data, text.size};
    }
    return LR_OK;
}

void lr_tracker_text_free(struct lr_tracker *tracker, struct lr_text *text) {
    if (text->size > 0) {
        lr_alloc_free(tracker->role.env.alloc, (char *)text->data, text->size);
    }
    *text = (struct lr_text){0};
}

static struct lr_tracker *tracker_of(struct lr_role *role) {
    return LR_CONTAINER_OF(role, struct lr_tracker, role);
}

static int compare_conns(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    lr_conn left = LR_CONTAINER_OF(a, struct lr_tracker_conn, node)->number;
    lr_conn right = LR_CONTAINER_OF(b, struct lr_tracker_conn, node)->number;
    return LR_ORDER(left, right);
}

static int compare_number(const void *key, const struct lr_tree_node *node) {
    lr_conn left = *(const lr_conn *)key;
    lr_conn right = LR_CONTAINER_OF(node, struct lr_tracker_conn, node)->number;
    return LR_ORDER(left, right);
}

/* Frees the records of connections that ended in this turn. */
static void bury(struct lr_tracker *tracker) {
    while (!lr_list_empty(&tracker->dead)) {
        struct lr_tracker_conn *conn =
            LR_CONTAINER_OF(tracker->dead.next, struct lr_tracker_conn, dead);
        lr_list_remove(&conn->dead);
        lr_tracker_conn_free(tracker, conn);
    }
}

static void expire(struct lr_tracker *tracker, lr_time now) {
    struct lr_timer *timer;
    while ((timer = lr_timers_pop(&tracker->timers, now)) != NULL) {
        if (timer->kind == LR_TRACKER_TIMER_RETRY) {
            lr_tracker_match_again(tracker, now);
        } else {
            lr_tracker_conn_expired(tracker, timer, now);
        }
    }
}

/* An event of a listener; the one we have, or one that was closed meanwhile. */
static void listener_event(struct lr_tracker *tracker, const struct lr_event *event) {
    const struct lr_trace *trace = &tracker->role.env.trace;
    if (event->kind == LR_EVENT_LISTENING) {
        tracker->port = event->port;
        lr_trace_emit(trace, event->now, LR_TRACE_BIND, event->conn, "bind to %s:%u", tracker->host,
                      (unsigned int)event->port);
        return;
    }
    tracker->listener = 0;
    tracker->port = 0;
    (void)lr_error_set(&tracker->failure, event->status == LR_OK ? LR_EIO : event->status,
                       "cannot listen on %s, ports %u to %u: %s", tracker->host,
                       (unsigned int)tracker->options.port,
                       (unsigned int)(tracker->options.port_end > tracker->options.port
                                          ? tracker->options.port_end - 1
                                          : tracker->options.port),
                       event->reason != NULL ? event->reason : lr_status_text(event->status));
    lr_trace_emit(trace, event->now, LR_TRACE_FAILURE, event->conn, "%s", tracker->failure.text);
}

static void connection_event(struct lr_tracker *tracker, const struct lr_event *event) {
    struct lr_tree_node *node = lr_tree_find(&tracker->conns, &event->conn, compare_number);
    if (node != NULL) {
        lr_tracker_conn_handle(tracker, LR_CONTAINER_OF(node, struct lr_tracker_conn, node), event);
    }
}

static void handle_event(struct lr_role *role, const struct lr_event *event) {
    struct lr_tracker *tracker = tracker_of(role);
    switch (event->kind) {
    case LR_EVENT_ACCEPTED:
        lr_tracker_conn_accept(tracker, event);
        break;
    case LR_EVENT_LISTENING:
    case LR_EVENT_LISTEN_FAILED:
        listener_event(tracker, event);
        break;
    case LR_EVENT_EXPIRED:
        expire(tracker, event->now);
        break;
    case LR_EVENT_RECEIVED:
    case LR_EVENT_WRITABLE:
    case LR_EVENT_HALF_CLOSED:
    case LR_EVENT_CLOSED:
    case LR_EVENT_RESET:
        connection_event(tracker, event);
        break;
    case LR_EVENT_CONNECTED:
    case LR_EVENT_CONNECT_FAILED:
        LR_UNREACHABLE(); /* a tracker connects to nobody */
    }
    bury(tracker);
}

static lr_time deadline_of(const struct lr_role *role) {
    const struct lr_tracker *tracker = (const struct lr_tracker *)role;
    return lr_timers_next(&tracker->timers);
}

static const struct lr_role_ops tracker_ops = {
    .name = "tracker", .handle = handle_event, .deadline = deadline_of};

static enum lr_status check_options(const struct lr_tracker_options *options,
                                    struct lr_error *error) {
    if (options->host == NULL || strlen(options->host) >= LR_HOST_MAX) {
        return lr_error_set(error, LR_EINVAL, "the host to listen on is missing or too long");
    }
    if (options->port_end > 65536) {
        return lr_error_set(error, LR_EINVAL, "the last port is beyond 65535");
    }
    if (options->message_bytes_max == 0 || options->message_bytes_max > INT32_MAX) {
        return lr_error_set(error, LR_EINVAL, "the limit of a message must be 1 .. 2^31 - 1 bytes");
    }
    if (options->key_bytes_max == 0 || options->entries_max == 0 || options->connections_max == 0) {
        return lr_error_set(error, LR_EINVAL, "a limit of 0 lets nobody in");
    }
    return LR_OK;
}

static char *make_stop_key(struct lr_tracker *tracker, const char *stop_key) {
    struct lr_alloc *alloc = tracker->role.env.alloc;
    return stop_key != NULL
               ? lr_alloc_string(alloc, stop_key, strlen(stop_key))
               : lr_matchkey_new(alloc, lr_text_of("tracker"), tracker->role.env.random);
}

enum lr_status lr_tracker_new(struct lr_tracker **out, const struct lr_env *env,
                              const struct lr_tracker_options *options, struct lr_error *error) {
    enum lr_status status = check_options(options, error);
    if (status != LR_OK) {
        return status;
    }
    struct lr_tracker *tracker = LR_NEW(env->alloc, struct lr_tracker);
    if (tracker == NULL) {
        return lr_error_set(error, LR_ENOMEM, "out of memory");
    }
    tracker->role.ops = &tracker_ops;
    tracker->role.env = *env;
    lr_outbox_init(&tracker->role.outbox, env->alloc);
    tracker->options = *options;
    lr_tree_init(&tracker->conns, compare_conns);
    lr_tracker_queues_init(tracker);
    lr_timers_init(&tracker->timers);
    lr_list_init(&tracker->dead);
    tracker->retry_timer.kind = LR_TRACKER_TIMER_RETRY;
    tracker->host = lr_alloc_string(env->alloc, options->host, strlen(options->host));
    tracker->stop_key = make_stop_key(tracker, options->stop_key);
    if (tracker->host == NULL || tracker->stop_key == NULL) {
        lr_tracker_free(tracker);
        return lr_error_set(error, LR_ENOMEM, "out of memory");
    }
    tracker->options.host = tracker->host;
    tracker->options.stop_key = tracker->stop_key;
    *out = tracker;
    return LR_OK;
}

void lr_tracker_free(struct lr_tracker *tracker) {
    if (tracker == NULL) {
        return;
    }
    struct lr_alloc *alloc = tracker->role.env.alloc;
    tracker->role.env.trace.sink = NULL; /* nothing of this happens on the wire any more */
    /* Each connection's entries and requests go before its record, as they point at it; the queues
     * go with the last entry or request under them; the outbox has none of all this and goes last.
     */
    struct lr_tree_node *node;
    while ((node = lr_tree_first(&tracker->conns)) != NULL) {
        lr_tracker_conn_forget(tracker, LR_CONTAINER_OF(node, struct lr_tracker_conn, node));
    }
    bury(tracker);
    LR_ASSERT(tracker->queues.count == 0);
    lr_outbox_deinit(&tracker->role.outbox);
    lr_alloc_free_string(alloc, tracker->stop_key);
    lr_alloc_free_string(alloc, tracker->host);
    LR_FREE(alloc, tracker);
}

struct lr_role *lr_tracker_role(struct lr_tracker *tracker) {
    return &tracker->role;
}

const struct lr_tracker_options *lr_tracker_options_of(const struct lr_tracker *tracker) {
    return &tracker->options;
}

enum lr_status lr_tracker_start(struct lr_tracker *tracker, lr_time now) {
    (void)now;
    LR_ASSERT(tracker->listener == 0 && !tracker->stopped);
    return lr_outbox_listen(&tracker->role.outbox, tracker->host, tracker->options.port,
                            tracker->options.port_end, tracker->options.keepalive,
                            &tracker->listener);
}

void lr_tracker_stop_within(struct lr_tracker *tracker, lr_time now) {
    if (tracker->stopped) {
        return;
    }
    tracker->stopped = true;
    if (tracker->listener != 0) { /* first, so that nobody comes while the others go */
        lr_outbox_close(&tracker->role.outbox, tracker->listener, 0);
        tracker->listener = 0;
    }
    struct lr_tree_node *node;
    while ((node = lr_tree_first(&tracker->conns)) != NULL) {
        lr_tracker_conn_close(tracker, LR_CONTAINER_OF(node, struct lr_tracker_conn, node), now);
    }
    lr_timers_disarm(&tracker->timers, &tracker->retry_timer);
    lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_NOTE, 0, "the tracker has stopped");
}

void lr_tracker_stop(struct lr_tracker *tracker, lr_time now) {
    lr_tracker_stop_within(tracker, now);
    bury(tracker);
}

bool lr_tracker_stopped(const struct lr_tracker *tracker) {
    return tracker->stopped;
}

uint16_t lr_tracker_port(const struct lr_tracker *tracker) {
    return tracker->port;
}

const struct lr_error *lr_tracker_failure(const struct lr_tracker *tracker) {
    return tracker->failure.code == LR_OK ? NULL : &tracker->failure;
}

const char *lr_tracker_stop_key(const struct lr_tracker *tracker) {
    return tracker->stop_key;
}

struct lr_tracker_counts lr_tracker_count(const struct lr_tracker *tracker) {
    struct lr_tracker_counts counts = tracker->counts;
    counts.queues = tracker->queues.count;
    return counts;
}
