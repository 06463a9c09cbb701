/* SPDX-License-Identifier: Apache-2.0 */
/* What the tracker answers: one function a message. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/tracker_internal.h"

/* Does what |msg| asks and appends the answer, if it comes now, to |out|. LR_ENOMEM, LR_ELIMIT. */
typedef enum lr_status (*handler)(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                  const struct lr_tracker_msg *msg, lr_time now, struct lr_buf *out,
                                  struct lr_error *error);

static enum lr_status on_ping(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                              const struct lr_tracker_msg *msg, lr_time now, struct lr_buf *out,
                              struct lr_error *error) {
    (void)tracker;
    (void)conn;
    (void)msg;
    (void)now;
    (void)error;
    return lr_tracker_answer_code(LR_TRACKER_SUCCESS, out);
}

/* The tracker stops when the answer is queued: lr_tracker_answer sees to it. */
static enum lr_status on_stop(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                              const struct lr_tracker_msg *msg, lr_time now, struct lr_buf *out,
                              struct lr_error *error) {
    (void)error;
    bool right = lr_text_equal(msg->key, lr_text_of(tracker->stop_key));
    lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_NOTE, conn->number,
                  right ? "STOP" : "STOP with a wrong key is refused");
    return lr_tracker_answer_code(right ? LR_TRACKER_SUCCESS : LR_TRACKER_FAIL, out);
}

static enum lr_status check_room(const struct lr_tracker *tracker,
                                 const struct lr_tracker_conn *conn, struct lr_error *error) {
    if (conn->waiting_count >= tracker->options.entries_max) {
        return lr_error_set(error, LR_ELIMIT, "%zu matchkeys and requests of it wait already",
                            conn->waiting_count);
    }
    return LR_OK;
}

static enum lr_status on_put(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                             const struct lr_tracker_msg *msg, lr_time now, struct lr_buf *out,
                             struct lr_error *error) {
    enum lr_status status = check_room(tracker, conn, error);
    if (status == LR_OK) { /* written first, as then the rest cannot fail half done */
        status = lr_tracker_answer_code(LR_TRACKER_SUCCESS, out);
    }
    return status == LR_OK ? lr_tracker_put(tracker, conn, msg, now) : status;
}

/* The answer comes with the grant. */
static enum lr_status on_request(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                 const struct lr_tracker_msg *msg, lr_time now, struct lr_buf *out,
                                 struct lr_error *error) {
    (void)out;
    enum lr_status status = check_room(tracker, conn, error);
    return status == LR_OK ? lr_tracker_request(tracker, conn, msg, now) : status;
}

/* A peer's word in a line of the log: escaped as in quotes, without them. Returns |out|. */
static const char *bare_word(char *out, size_t size, struct lr_text text) {
    size_t length = strlen(lr_text_quote(out, size, text));
    memmove(out, out + 1, length - 2);
    out[length - 2] = '\0';
    return out;
}

static void trace_registered(struct lr_tracker *tracker, const struct lr_tracker_conn *conn,
                             lr_time now) {
    char key[120];
    char host[120];
    char port[8] = ""; /* what TVM's C++ server does not tell */
    if (conn->info_port != 0) {
        (void)snprintf(port, sizeof port, ":%u", (unsigned int)conn->info_port);
    }
    struct lr_text at = conn->has_info_host ? conn->info_host : conn->ip;
    bool brackets = port[0] != '\0' && lr_text_has(at, ':');
    lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_REGISTER, conn->number,
                  "registered %s at %s%s%s%s", bare_word(key, sizeof key, conn->info_key),
                  brackets ? "[" : "", bare_word(host, sizeof host, at), brackets ? "]" : "", port);
}

static enum lr_status on_update_info(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                     const struct lr_tracker_msg *msg, lr_time now,
                                     struct lr_buf *out, struct lr_error *error) {
    (void)error;
    struct lr_text key = {0};
    struct lr_text host = {0};
    if (lr_tracker_text_copy(tracker, msg->key, &key) != LR_OK ||
        lr_tracker_text_copy(tracker, msg->host, &host) != LR_OK ||
        lr_tracker_answer_code(LR_TRACKER_SUCCESS, out) != LR_OK) {
        lr_tracker_text_free(tracker, &key);
        lr_tracker_text_free(tracker, &host);
        return LR_ENOMEM;
    }
    lr_tracker_text_free(tracker, &conn->info_key);
    lr_tracker_text_free(tracker, &conn->info_host);
    conn->registered = true;
    conn->info_key = key;
    conn->info_host = host;
    conn->has_info_host = msg->has_host;
    conn->info_port = msg->port;
    trace_registered(tracker, conn, now);
    return LR_OK;
}

static enum lr_status on_pending_matchkeys(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                           const struct lr_tracker_msg *msg, lr_time now,
                                           struct lr_buf *out, struct lr_error *error) {
    (void)msg;
    (void)now;
    (void)error;
    struct lr_alloc *alloc = tracker->role.env.alloc;
    size_t capacity = conn->waiting_count;
    if (lr_list_empty(&conn->free_entries)) {
        return lr_tracker_answer_matchkeys(alloc, NULL, 0, out);
    }
    struct lr_text *matchkeys = lr_alloc_bytes(alloc, capacity * sizeof *matchkeys);
    if (matchkeys == NULL) {
        return LR_ENOMEM;
    }
    size_t count = 0;
    LR_LIST_EACH (node, &conn->free_entries) {
        LR_ASSERT(count < capacity);
        matchkeys[count++] = LR_CONTAINER_OF(node, struct lr_tracker_entry, of_owner)->matchkey;
    }
    enum lr_status status = lr_tracker_answer_matchkeys(alloc, matchkeys, count, out);
    lr_alloc_free(alloc, matchkeys, capacity * sizeof *matchkeys);
    return status;
}

/* The rows of a summary, in one block. */
struct rows {
    void *block;
    size_t block_bytes;
    struct lr_summary_queue *queues;
    struct lr_summary_server *servers;
    struct lr_summary_held *held;
    size_t queue_count, server_count, held_count;
};

static enum lr_status rows_init(struct rows *rows, const struct lr_tracker *tracker) {
    const struct lr_tracker_counts *counts = &tracker->counts;
    size_t queues = tracker->queues.count * sizeof rows->queues[0];
    size_t servers = counts->connections * sizeof rows->servers[0];
    size_t held = counts->held * sizeof rows->held[0];
    *rows = (struct rows){.block_bytes = queues + servers + held + 1};
    char *block = lr_alloc_bytes(tracker->role.env.alloc, rows->block_bytes);
    if (block == NULL) {
        return LR_ENOMEM;
    }
    rows->block = block;
    rows->held = (void *)block; /* the strictest alignment first; all are multiples of it */
    rows->queues = (void *)(block + held);
    rows->servers = (void *)(block + held + queues);
    return LR_OK;
}

static void add_held(struct rows *rows, const struct lr_tracker_conn *conn, lr_time now) {
    LR_LIST_EACH (node, &conn->held_entries) {
        const struct lr_tracker_entry *entry =
            LR_CONTAINER_OF(node, struct lr_tracker_entry, of_owner);
        rows->held[rows->held_count++] = (struct lr_summary_held){
            .key = entry->queue->key,
            .server = entry->hold->server,
            .client = entry->hold->client,
            .user = entry->hold->user,
            .seconds = (double)(now - entry->hold->since) / (double)LR_SECOND};
    }
}

static void add_rows(struct rows *rows, const struct lr_tracker *tracker, lr_time now) {
    for (struct lr_tree_node *node = lr_tree_first(&tracker->queues); node != NULL;
         node = lr_tree_next(node)) {
        const struct lr_tracker_queue *queue = LR_CONTAINER_OF(node, struct lr_tracker_queue, node);
        rows->queues[rows->queue_count++] =
            (struct lr_summary_queue){.key = queue->key,
                                      .free = (int64_t)queue->free_count,
                                      .pending = (int64_t)queue->requests.count};
    }
    for (struct lr_tree_node *node = lr_tree_first(&tracker->conns); node != NULL;
         node = lr_tree_next(node)) {
        const struct lr_tracker_conn *conn = LR_CONTAINER_OF(node, struct lr_tracker_conn, node);
        if (conn->registered && lr_text_starts_with(conn->info_key, "server")) {
            rows->servers[rows->server_count++] = (struct lr_summary_server){
                .key = conn->info_key,
                .host = conn->has_info_host ? conn->info_host : conn->ip,
                .port = conn->info_port != 0 ? conn->info_port : conn->put_port};
        }
        add_held(rows, conn, now);
    }
}

static enum lr_status on_summary(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                 const struct lr_tracker_msg *msg, lr_time now, struct lr_buf *out,
                                 struct lr_error *error) {
    (void)conn;
    (void)error;
    struct rows rows;
    enum lr_status status = rows_init(&rows, tracker);
    if (status == LR_OK) {
        add_rows(&rows, tracker, now);
        status = lr_tracker_answer_summary(tracker->role.env.alloc, rows.queues, rows.queue_count,
                                           rows.servers, rows.server_count,
                                           msg->want_held ? rows.held : NULL, rows.held_count, out);
        lr_alloc_free(tracker->role.env.alloc, rows.block, rows.block_bytes);
    }
    return status;
}

static const handler handlers[] = {
    [LR_TRACKER_PING] = on_ping,
    [LR_TRACKER_STOP] = on_stop,
    [LR_TRACKER_PUT] = on_put,
    [LR_TRACKER_REQUEST] = on_request,
    [LR_TRACKER_UPDATE_INFO] = on_update_info,
    [LR_TRACKER_SUMMARY] = on_summary,
    [LR_TRACKER_GET_PENDING_MATCHKEYS] = on_pending_matchkeys,
};

static bool is_known(int64_t code) {
    return code > 0 && code < (int64_t)LR_COUNT_OF(handlers) && handlers[code] != NULL;
}

enum lr_status lr_tracker_answer(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                 const struct lr_frame *frame, lr_time now,
                                 struct lr_error *error) {
    struct lr_alloc *alloc = tracker->role.env.alloc;
    struct lr_tracker_msg msg;
    struct lr_buf answer;
    LR_ASSERT(frame->kept == frame->size);
    lr_tracker_msg_init(&msg, alloc);
    lr_buf_init(&answer, alloc);
    enum lr_status status = lr_tracker_msg_decode(&msg, frame->body, frame->kept,
                                                  tracker->options.key_bytes_max, error);
    if (status == LR_OK) {
        LR_ASSERT(is_known(msg.code));
        status = handlers[msg.code](tracker, conn, &msg, now, &answer, error);
        if (status == LR_OK && lr_buf_size(&answer) > 0) {
            status = lr_tracker_conn_send(tracker, conn, &answer, now);
        }
        if (status == LR_ENOMEM) {
            (void)lr_error_set(error, LR_ENOMEM, "out of memory");
        }
    } else if (status == LR_EPROTO && msg.code != 0 && !is_known(msg.code)) {
        status = LR_ENOTSUP;
    }
    bool stop = status == LR_OK && msg.code == LR_TRACKER_STOP &&
                lr_text_equal(msg.key, lr_text_of(tracker->stop_key));
    lr_tracker_msg_deinit(&msg);
    lr_buf_deinit(&answer);
    if (stop) {
        lr_tracker_stop_within(tracker, now);
    }
    return status;
}
