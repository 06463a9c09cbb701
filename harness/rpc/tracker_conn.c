/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of the tracker: their phases, what comes in, what goes out, and their deadlines.
 */
#include "base/assert.h"
#include "rpc/handshake.h"
#include "rpc/tracker_internal.h"

/* What can happen to a connection. */
enum input { INPUT_BYTES, INPUT_SENT, INPUT_FIN, INPUT_GONE, INPUT_LATE, INPUT_STUCK, INPUT_COUNT };

/* How a connection ends. */
enum ending {
    ENDING_CLOSE, /* FIN behind the answers that are queued */
    ENDING_RESET, /* at once; what is queued is dropped */
    ENDING_HEARD, /* it is gone already */
    ENDING_FORGET /* the tracker itself is being freed: nothing is told or given to anybody */
};

static const char *const phase_names[LR_TRACKER_PHASE_COUNT] = {
    [LR_TRACKER_AWAITING_MAGIC] = "awaiting magic",
    [LR_TRACKER_SERVING] = "serving",
    [LR_TRACKER_PAUSED] = "paused",
    [LR_TRACKER_CLOSED] = "closed",
};

static void set_phase(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                      enum lr_tracker_phase phase, lr_time now) {
    LR_ASSERT(conn->phase != LR_TRACKER_CLOSED);
    lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_STATE, conn->number, "%s -> %s",
                  phase_names[conn->phase], phase_names[phase]);
    conn->phase = phase;
}

void lr_tracker_conn_free(struct lr_tracker *tracker, struct lr_tracker_conn *conn) {
    lr_framer_deinit(&conn->framer);
    lr_buf_deinit(&conn->backlog);
    lr_tracker_text_free(tracker, &conn->ip);
    lr_tracker_text_free(tracker, &conn->info_key);
    lr_tracker_text_free(tracker, &conn->info_host);
    LR_FREE(tracker->role.env.alloc, conn);
}

static void end_conn(struct lr_tracker *tracker, struct lr_tracker_conn *conn, enum ending ending,
                     lr_time now) {
    if (conn->phase == LR_TRACKER_CLOSED) {
        return;
    }
    set_phase(tracker, conn, LR_TRACKER_CLOSED, now);
    lr_timers_disarm(&tracker->timers, &conn->read_timer);
    lr_timers_disarm(&tracker->timers, &conn->write_timer);
    if (ending == ENDING_CLOSE) {
        lr_outbox_close(&tracker->role.outbox, conn->number, tracker->options.unread_ns);
    } else if (ending == ENDING_RESET) {
        lr_outbox_reset(&tracker->role.outbox, conn->number);
    }
    lr_tree_remove(&tracker->conns, &conn->node);
    tracker->counts.connections--;
    lr_tracker_withdraw(tracker, conn, ending == ENDING_CLOSE || ending == ENDING_FORGET, now);
    lr_list_append(&tracker->dead, &conn->dead);
}

void lr_tracker_conn_close(struct lr_tracker *tracker, struct lr_tracker_conn *conn, lr_time now) {
    end_conn(tracker, conn, ENDING_CLOSE, now);
}

void lr_tracker_conn_forget(struct lr_tracker *tracker, struct lr_tracker_conn *conn) {
    end_conn(tracker, conn, ENDING_FORGET, 0);
}

static struct lr_tracker_conn *new_conn(struct lr_tracker *tracker, const struct lr_event *event) {
    struct lr_tracker_conn *conn = LR_NEW(tracker->role.env.alloc, struct lr_tracker_conn);
    if (conn == NULL) {
        return NULL;
    }
    if (lr_tracker_text_copy(tracker, lr_text_of(event->peer->host), &conn->ip) != LR_OK) {
        LR_FREE(tracker->role.env.alloc, conn);
        return NULL;
    }
    conn->number = event->conn;
    conn->port = event->peer->port;
    lr_framer_init(&conn->framer, tracker->role.env.alloc, LR_FRAME_WORD);
    conn->framer.size_max = tracker->options.message_bytes_max;
    conn->framer.keep_max = SIZE_MAX;
    lr_buf_init(&conn->backlog, tracker->role.env.alloc);
    conn->read_timer.kind = LR_TRACKER_TIMER_READ;
    conn->write_timer.kind = LR_TRACKER_TIMER_WRITE;
    lr_tree_init(&conn->matchkeys, lr_tracker_compare_matchkeys);
    lr_list_init(&conn->dead);
    lr_list_init(&conn->free_entries);
    lr_list_init(&conn->held_entries);
    lr_list_init(&conn->requests);
    lr_list_init(&conn->undelivered);
    return conn;
}

void lr_tracker_conn_accept(struct lr_tracker *tracker, const struct lr_event *event) {
    const struct lr_trace *trace = &tracker->role.env.trace;
    lr_time now = event->now;
    if (tracker->counts.connections >= tracker->options.connections_max) {
        lr_trace_emit(trace, now, LR_TRACE_LIMIT, event->conn,
                      "%s is turned away: %zu connections are open", event->peer->host,
                      tracker->counts.connections);
        lr_outbox_close(&tracker->role.outbox, event->conn, 0);
        return;
    }
    struct lr_tracker_conn *conn = new_conn(tracker, event);
    if (conn == NULL) {
        lr_trace_emit(trace, now, LR_TRACE_FAILURE, event->conn, "%s is turned away: out of memory",
                      event->peer->host);
        lr_outbox_close(&tracker->role.outbox, event->conn, 0);
        return;
    }
    bool inserted = lr_tree_insert(&tracker->conns, &conn->node);
    LR_ASSERT(inserted);
    tracker->counts.connections++;
    lr_timers_arm(&tracker->timers, &conn->read_timer,
                  lr_time_add(now, tracker->options.handshake_ns));
    lr_trace_emit(trace, now, LR_TRACE_CONNECTION, conn->number, "from " LR_ADDRESS_FORMAT,
                  LR_ADDRESS_WORDS(event->peer->host, event->peer->port));
}

enum lr_status lr_tracker_conn_send(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                    struct lr_buf *bytes, lr_time now) {
    size_t size = lr_buf_size(bytes);
    LR_ASSERT(conn->phase != LR_TRACKER_CLOSED);
    if (lr_outbox_send(&tracker->role.outbox, conn->number, bytes) != LR_OK) {
        return LR_ENOMEM;
    }
    conn->sent += size;
    conn->unsent += size;
    if (!lr_timer_armed(&conn->write_timer)) {
        lr_timers_arm(&tracker->timers, &conn->write_timer,
                      lr_time_add(now, tracker->options.unread_ns));
    }
    return LR_OK;
}

/* Refuses what |conn| has sent. Where it was a message at all it is answered with FAIL; what is not
 * this protocol (|status| LR_ENOTSUP) is closed without a word, as by TVM's tracker, and so is what
 * there is no memory for (LR_ENOMEM): that says nothing of the question, which may be put again. */
static void refuse(struct lr_tracker *tracker, struct lr_tracker_conn *conn, enum lr_status status,
                   const char *why, lr_time now) {
    enum lr_trace_kind kind = status == LR_ENOMEM   ? LR_TRACE_FAILURE
                              : status == LR_ELIMIT ? LR_TRACE_LIMIT
                                                    : LR_TRACE_PEER_ERROR;
    lr_trace_emit(&tracker->role.env.trace, now, kind, conn->number,
                  LR_ADDRESS_TEXT_FORMAT " is disconnected: %s",
                  LR_ADDRESS_TEXT_WORDS(conn->ip, conn->port), why);
    bool behind = status == LR_ENOMEM && conn->unsent > 0;
    if (conn->phase == LR_TRACKER_PAUSED || behind) { /* an answer, and our FIN, would wait */
        end_conn(tracker, conn, ENDING_RESET, now);
        return;
    }
    struct lr_buf answer;
    lr_buf_init(&answer, tracker->role.env.alloc);
    if (status == LR_ENOTSUP || status == LR_ENOMEM ||
        lr_tracker_answer_code(LR_TRACKER_FAIL, &answer) != LR_OK ||
        lr_tracker_conn_send(tracker, conn, &answer, now) != LR_OK) {
        lr_buf_deinit(&answer); /* without memory the end has to do as an answer */
    }
    end_conn(tracker, conn, ENDING_CLOSE, now);
}

static void take_magic(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                       const struct lr_frame *frame, lr_time now) {
    uint32_t word = lr_word_decode(frame->body);
    if (word != LR_MAGIC_TRACKER) {
        refuse(tracker, conn, LR_ENOTSUP,
               word == LR_MAGIC_RPC ? "it takes the tracker for an RPC server"
                                    : "its magic is not the tracker's",
               now);
        return;
    }
    struct lr_buf answer;
    lr_buf_init(&answer, tracker->role.env.alloc);
    if (lr_word_encode(LR_MAGIC_TRACKER, &answer) != LR_OK ||
        lr_tracker_conn_send(tracker, conn, &answer, now) != LR_OK) {
        lr_buf_deinit(&answer);
        refuse(tracker, conn, LR_ENOTSUP, "out of memory", now);
        return;
    }
    lr_timers_disarm(&tracker->timers, &conn->read_timer);
    conn->framer.expect = LR_FRAME_TEXT;
    set_phase(tracker, conn, LR_TRACKER_SERVING, now);
}

static void take_frame(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                       const struct lr_frame *frame, lr_time now) {
    if (conn->phase == LR_TRACKER_AWAITING_MAGIC) {
        take_magic(tracker, conn, frame, now);
        return;
    }
    if (frame->size == 0) {
        refuse(tracker, conn, LR_ENOTSUP, "a message of 0 bytes", now);
        return;
    }
    struct lr_error error = {0};
    enum lr_status status = lr_tracker_answer(tracker, conn, frame, now, &error);
    if (status != LR_OK) {
        refuse(tracker, conn, status, error.text, now);
    }
}

/* A peer that asks and does not read waits until it has read. That the world cannot be told for
 * want of memory is no harm: what still comes is kept in the backlog. */
static void pause_conn(struct lr_tracker *tracker, struct lr_tracker_conn *conn, lr_time now) {
    set_phase(tracker, conn, LR_TRACKER_PAUSED, now);
    lr_timers_disarm(&tracker->timers, &conn->read_timer);
    if (lr_outbox_signal(&tracker->role.outbox, conn->number, LR_COMMAND_PAUSE) != LR_OK) {
        lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_FAILURE, conn->number,
                      "out of memory for a pause");
    }
}

static void keep_bytes(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                       const uint8_t *data, size_t size, lr_time now) {
    size_t most = tracker->options.backlog_bytes_max;
    size_t kept = lr_buf_size(&conn->backlog);
    if (kept > most || size > most - kept) {
        refuse(tracker, conn, LR_ELIMIT, "it sends on without reading its answers", now);
    } else if (lr_buf_append(&conn->backlog, data, size) != LR_OK) {
        refuse(tracker, conn, LR_ENOMEM, "out of memory", now);
    }
}

/* Answers the messages in |data|, until it ends or the peer has to be paused. */
static void take_bytes(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                       const uint8_t *data, size_t left, lr_time now) {
    bool complete = true;
    bool progress = false;
    while (complete && conn->phase < LR_TRACKER_PAUSED) {
        struct lr_frame frame;
        enum lr_status status = lr_framer_next(&conn->framer, &data, &left, &complete, &frame);
        if (status != LR_OK) {
            refuse(tracker, conn, status == LR_EPROTO ? LR_ENOTSUP : status,
                   status == LR_ELIMIT   ? "a message beyond the limit"
                   : status == LR_EPROTO ? "a message of negative length"
                                         : "out of memory",
                   now);
        } else if (complete) {
            take_frame(tracker, conn, &frame, now);
            progress = true;
            if (conn->phase == LR_TRACKER_SERVING &&
                conn->unsent > tracker->options.unsent_bytes_max) {
                pause_conn(tracker, conn, now);
            }
        }
    }
    if (conn->phase == LR_TRACKER_PAUSED) {
        keep_bytes(tracker, conn, data, left, now);
    } else if (conn->phase == LR_TRACKER_SERVING && !lr_framer_inside(&conn->framer)) {
        lr_timers_disarm(&tracker->timers, &conn->read_timer);
        lr_buf_deinit(&conn->framer.partial); /* an idle connection holds no buffer */
    } else if (conn->phase == LR_TRACKER_SERVING &&
               (progress || !lr_timer_armed(&conn->read_timer))) {
        lr_timers_arm(&tracker->timers, &conn->read_timer,
                      lr_time_add(now, tracker->options.stalled_ns));
    }
}

/* The rows of the table below. */

static void on_bytes(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                     const struct lr_event *event) {
    take_bytes(tracker, conn, event->data, event->size, event->now);
}

static void on_bytes_paused(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                            const struct lr_event *event) {
    keep_bytes(tracker, conn, event->data, event->size, event->now);
}

static void on_sent(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                    const struct lr_event *event) {
    if (event->unsent < conn->unsent) {
        conn->unsent = event->unsent;
        lr_timers_arm(&tracker->timers, &conn->write_timer,
                      conn->unsent == 0 ? LR_TIME_NEVER
                                        : lr_time_add(event->now, tracker->options.unread_ns));
        lr_tracker_delivered(conn);
    }
}

static void on_sent_paused(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                           const struct lr_event *event) {
    on_sent(tracker, conn, event);
    if (conn->unsent > tracker->options.unsent_bytes_max / 2) {
        return;
    }
    if (lr_outbox_signal(&tracker->role.outbox, conn->number, LR_COMMAND_RESUME) != LR_OK) {
        refuse(tracker, conn, LR_ENOMEM, "out of memory", event->now);
        return;
    }
    set_phase(tracker, conn, LR_TRACKER_SERVING, event->now);
    struct lr_buf backlog = lr_buf_take(&conn->backlog);
    take_bytes(tracker, conn, lr_buf_data(&backlog), lr_buf_size(&backlog), event->now);
    lr_buf_deinit(&backlog);
}

static void on_fin(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                   const struct lr_event *event) {
    lr_trace_emit(&tracker->role.env.trace, event->now, LR_TRACE_DISCONNECT, conn->number, "FIN");
    end_conn(tracker, conn, ENDING_CLOSE, event->now);
}

static void on_gone(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                    const struct lr_event *event) {
    lr_trace_emit(&tracker->role.env.trace, event->now, LR_TRACE_DISCONNECT, conn->number, "%s",
                  event->reason != NULL ? event->reason : "gone");
    end_conn(tracker, conn, ENDING_HEARD, event->now);
}

static void on_late_magic(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                          const struct lr_event *event) {
    refuse(tracker, conn, LR_ENOTSUP, "no magic came in time", event->now);
}

static void on_late_message(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                            const struct lr_event *event) {
    refuse(tracker, conn, LR_ELIMIT, "the rest of a message did not come in time", event->now);
}

static void on_stuck(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                     const struct lr_event *event) {
    lr_trace_emit(&tracker->role.env.trace, event->now, LR_TRACE_LIMIT, conn->number,
                  LR_ADDRESS_TEXT_FORMAT " is disconnected: it does not read, %zu bytes wait",
                  LR_ADDRESS_TEXT_WORDS(conn->ip, conn->port), conn->unsent);
    end_conn(tracker, conn, ENDING_RESET, event->now);
}

/* What cannot happen: the deadline is not armed in that phase, or the world tells of what has
 * ended. */
static void never(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                  const struct lr_event *event) {
    (void)tracker;
    (void)conn;
    (void)event;
    LR_UNREACHABLE();
}

typedef void (*lr_row)(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                       const struct lr_event *event);

static const lr_row rows[LR_TRACKER_PHASE_COUNT][INPUT_COUNT] = {
    /*                              bytes            sent            fin     gone     late  stuck */
    [LR_TRACKER_AWAITING_MAGIC] = {on_bytes, on_sent, on_fin, on_gone, on_late_magic, never},
    [LR_TRACKER_SERVING] = {on_bytes, on_sent, on_fin, on_gone, on_late_message, on_stuck},
    [LR_TRACKER_PAUSED] = {on_bytes_paused, on_sent_paused, on_fin, on_gone, never, on_stuck},
    [LR_TRACKER_CLOSED] = {never, never, never, never, never, never},
};

void lr_tracker_conn_handle(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                            const struct lr_event *event) {
    static const enum input inputs[] = {
        [LR_EVENT_RECEIVED] = INPUT_BYTES,  [LR_EVENT_WRITABLE] = INPUT_SENT,
        [LR_EVENT_HALF_CLOSED] = INPUT_FIN, [LR_EVENT_CLOSED] = INPUT_GONE,
        [LR_EVENT_RESET] = INPUT_GONE,
    };
    LR_ASSERT(event->kind >= LR_EVENT_RECEIVED && event->kind <= LR_EVENT_RESET);
    rows[conn->phase][inputs[event->kind]](tracker, conn, event);
}

void lr_tracker_conn_expired(struct lr_tracker *tracker, struct lr_timer *timer, lr_time now) {
    struct lr_event event = {.kind = LR_EVENT_EXPIRED, .now = now};
    if (timer->kind == LR_TRACKER_TIMER_READ) {
        struct lr_tracker_conn *conn = LR_CONTAINER_OF(timer, struct lr_tracker_conn, read_timer);
        rows[conn->phase][INPUT_LATE](tracker, conn, &event);
    } else {
        struct lr_tracker_conn *conn = LR_CONTAINER_OF(timer, struct lr_tracker_conn, write_timer);
        rows[conn->phase][INPUT_STUCK](tracker, conn, &event);
    }
}
