/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to the tracker. Its protocol answers in the order of completion and names no
 * question, so that an answer must be recognisable by where it comes: a REQUEST, whose answer may
 * take for ever, has a connection for itself; SUMMARYs share one and are answered in order.
 * Withdrawing a question that was sent closes its connection, so a grant cannot reach the wrong
 * request. An idle connection is kept for the next question, one at most; a tracker may have cut it
 * meanwhile, so a question that got no answer on such a connection is put once more on a new one,
 * at no charge. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/client_parts.h"
#include "rpc/handshake.h"

static struct client_ask *ask_of(struct lr_list *node) {
    return LR_CONTAINER_OF(node, struct client_ask, op.node);
}

/* What the connection does next decides by when something must have happened. */
static void arm_timer(struct client_tracker *tracker, lr_time now) {
    const struct lr_client *client = tracker->link.client;
    uint64_t delay = LR_TIME_NEVER;
    if (tracker->state != CLIENT_TRACKER_READY) {
        delay = client->options.handshake_ns;
    } else if (lr_framer_inside(&tracker->link.framer) ||
               (!lr_list_empty(&tracker->asks) &&
                ask_of(tracker->asks.next)->op.kind == CLIENT_ASK_SUMMARY)) {
        delay = client->options.stalled_ns;
    }
    lr_timers_arm(&tracker->link.client->timers, &tracker->link.timer, lr_time_add(now, delay));
}

static bool is_idle(const struct client_tracker *tracker) {
    return lr_list_empty(&tracker->asks) && tracker->state == CLIENT_TRACKER_READY;
}

/* A connection that |ask| can use: one without questions, for a SUMMARY also one with others. */
static struct client_tracker *find_tracker(struct lr_client *client, const struct client_ask *ask) {
    LR_LIST_EACH (node, &client->trackers) {
        struct client_tracker *tracker = LR_CONTAINER_OF(node, struct client_tracker, node);
        if (lr_list_empty(&tracker->asks) ||
            (ask->op.kind == CLIENT_ASK_SUMMARY &&
             ask_of(tracker->asks.next)->op.kind == CLIENT_ASK_SUMMARY)) {
            return tracker;
        }
    }
    return NULL;
}

static enum lr_status open_tracker(struct lr_client *client, lr_time now,
                                   struct client_tracker **out) {
    struct client_tracker *tracker = LR_NEW(lr_client_alloc(client), struct client_tracker);
    if (tracker == NULL) {
        return LR_ENOMEM;
    }
    struct lr_address address = {.port = client->options.tracker_port};
    memcpy(address.host, client->tracker_host, strlen(client->tracker_host) + 1);
    if (lr_client_link_open(client, &tracker->link, CLIENT_LINK_TRACKER, &address) != LR_OK) {
        LR_FREE(lr_client_alloc(client), tracker);
        return LR_ENOMEM;
    }
    lr_list_init(&tracker->asks);
    lr_list_append(&client->trackers, &tracker->node);
    tracker->state = CLIENT_TRACKER_CONNECTING;
    tracker->link.framer.size_max = client->options.grant_bytes_max;
    arm_timer(tracker, now);
    *out = tracker;
    return LR_OK;
}

/* Off the client's list, the connection as |how| says; its questions stay where they are. */
static void drop_tracker(struct client_tracker *tracker, enum client_end how) {
    lr_list_remove(&tracker->node);
    lr_client_link_end(&tracker->link, how);
    lr_client_link_bury(&tracker->link);
}

void lr_client_tracker_close(struct client_tracker *tracker, lr_time now) {
    LR_ASSERT(lr_list_empty(&tracker->asks));
    LR_CLIENT_TRACE(tracker->link.client, now, DISCONNECT, tracker->link.conn,
                    "leaves the tracker");
    drop_tracker(tracker, CLIENT_END_CLOSE);
}

/* The connection is lost with |error|: each of its questions is put again, or fails. */
static void lose_tracker(struct client_tracker *tracker, lr_time now, enum client_end how,
                         const struct lr_error *error) {
    bool reused = tracker->answered > 0;
    bool ready = tracker->state == CLIENT_TRACKER_READY;
    LR_CLIENT_TRACE(tracker->link.client, now, DISCONNECT, tracker->link.conn, "%s", error->text);
    drop_tracker(tracker, how);
    while (!lr_list_empty(&tracker->asks)) {
        struct client_ask *ask = ask_of(tracker->asks.next);
        lr_list_remove(&ask->op.node);
        ask->tracker = NULL;
        if (reused && error->code != LR_EPROTO && error->code != LR_ELIMIT &&
            lr_client_tracker_ask(ask, now) == LR_OK) {
            LR_CLIENT_TRACE(tracker->link.client, now, RETRY, tracker->link.conn,
                            "the idle connection to the tracker had been cut");
        } else if (ready) {
            lr_client_ask_failed(ask, now, error);
        } else {
            lr_client_ask_finish(ask, now, error);
        }
    }
}

static enum lr_status encode_question(const struct client_ask *ask, struct lr_buf *out) {
    const struct lr_client *client = ask->op.client;
    struct lr_tracker_msg message;
    lr_tracker_msg_init(&message, lr_client_alloc(client));
    if (ask->op.kind == CLIENT_ASK_REQUEST) {
        message.code = LR_TRACKER_REQUEST;
        message.key = (struct lr_text){.data = ask->key, .size = ask->key_size};
        message.user = lr_text_of(client->user);
        message.priority = ask->options.priority;
    } else {
        message.code = LR_TRACKER_SUMMARY;
        message.want_held = ask->held;
    }
    enum lr_status status = lr_tracker_msg_encode(&message, out);
    lr_tracker_msg_deinit(&message);
    return status;
}

static enum lr_status send_question(struct client_tracker *tracker, struct client_ask *ask,
                                    lr_time now) {
    struct lr_client *client = tracker->link.client;
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_client_alloc(client));
    enum lr_status status = encode_question(ask, &bytes);
    if (status == LR_OK) {
        status = lr_outbox_send(&client->role.outbox, tracker->link.conn, &bytes);
    }
    if (status != LR_OK) {
        lr_buf_deinit(&bytes);
        return status;
    }
    ask->sent = true;
    tracker->link.framer.size_max = ask->op.kind == CLIENT_ASK_REQUEST
                                        ? client->options.grant_bytes_max
                                        : client->options.summary_bytes_max;
    if (ask->op.kind == CLIENT_ASK_REQUEST) {
        char quoted[80];
        struct lr_text key = {.data = ask->key, .size = ask->key_size};
        LR_CLIENT_TRACE(client, now, REQUEST, tracker->link.conn,
                        "request %" PRIu32 " for %s, priority %" PRId64, ask->op.number,
                        lr_text_quote(quoted, sizeof quoted, key), ask->options.priority);
    }
    return LR_OK;
}

enum lr_status lr_client_tracker_ask(struct client_ask *ask, lr_time now) {
    struct lr_client *client = ask->op.client;
    ask->sent = false;
    if (client->closed) {
        return LR_ECANCELED;
    }
    struct client_tracker *tracker = find_tracker(client, ask);
    enum lr_status status = LR_OK;
    if (tracker == NULL) {
        status = open_tracker(client, now, &tracker);
    } else if (tracker->state == CLIENT_TRACKER_READY) {
        status = send_question(tracker, ask, now);
    }
    if (status == LR_OK) {
        ask->tracker = tracker;
        lr_list_append(&tracker->asks, &ask->op.node);
        if (tracker->state == CLIENT_TRACKER_READY) {
            arm_timer(tracker, now);
        }
    }
    return status;
}

void lr_client_tracker_withdraw(struct client_ask *ask, lr_time now) {
    struct client_tracker *tracker = ask->tracker;
    lr_list_remove(&ask->op.node);
    ask->tracker = NULL;
    if (!ask->sent && !lr_list_empty(&tracker->asks)) {
        return;
    }
    LR_CLIENT_TRACE(ask->op.client, now, WITHDRAW, tracker->link.conn, "question %" PRIu32,
                    ask->op.number);
    drop_tracker(tracker, CLIENT_END_CLOSE);
    while (!lr_list_empty(&tracker->asks)) { /* SUMMARYs behind it */
        struct client_ask *other = ask_of(tracker->asks.next);
        lr_list_remove(&other->op.node);
        other->tracker = NULL;
        enum lr_status status = lr_client_tracker_ask(other, now);
        if (status != LR_OK) {
            struct lr_error error = {0};
            (void)lr_error_set(&error, status, "cannot ask the tracker again: %s",
                               lr_status_text(status));
            lr_client_ask_finish(other, now, &error);
        }
    }
}

static void send_magic(struct client_tracker *tracker, lr_time now) {
    struct lr_buf bytes;
    struct lr_client *client = tracker->link.client;
    lr_buf_init(&bytes, lr_client_alloc(client));
    enum lr_status status = lr_word_encode(LR_MAGIC_TRACKER, &bytes);
    if (status == LR_OK) {
        status = lr_outbox_send(&client->role.outbox, tracker->link.conn, &bytes);
    }
    if (status != LR_OK) {
        struct lr_error error = {0};
        lr_buf_deinit(&bytes);
        (void)lr_error_set(&error, status, "no memory to greet the tracker");
        lose_tracker(tracker, now, CLIENT_END_CLOSE, &error);
        return;
    }
    tracker->state = CLIENT_TRACKER_MAGIC;
    arm_timer(tracker, now);
}

/* The tracker has answered our magic: what waited is asked. TVM's tracker wants the magic alone in
 * one read, so not before. */
static void take_magic(struct client_tracker *tracker, lr_time now, const struct lr_frame *frame) {
    struct lr_error error = {0};
    uint32_t word = lr_word_decode(frame->body);
    if (word != LR_MAGIC_TRACKER) {
        (void)lr_error_set(&error, LR_EPROTO,
                           "what listens at " LR_ADDRESS_FORMAT
                           " is no tracker: it greets with 0x%08" PRIx32,
                           LR_ADDRESS_WORDS(tracker->link.client->tracker_host,
                                            tracker->link.client->options.tracker_port),
                           word);
        lose_tracker(tracker, now, CLIENT_END_CLOSE, &error);
        return;
    }
    tracker->state = CLIENT_TRACKER_READY;
    tracker->link.framer.expect = LR_FRAME_TEXT;
    LR_LIST_EACH (node, &tracker->asks) {
        enum lr_status status = send_question(tracker, ask_of(node), now);
        if (status != LR_OK) {
            (void)lr_error_set(&error, status, "no memory to ask the tracker");
            lose_tracker(tracker, now, CLIENT_END_CLOSE, &error);
            return;
        }
    }
}

/* Idle connections beyond one are not kept. */
static void rest(struct client_tracker *tracker, lr_time now) {
    LR_LIST_EACH (node, &tracker->link.client->trackers) {
        const struct client_tracker *other = LR_CONTAINER_OF(node, struct client_tracker, node);
        if (other != tracker && is_idle(other)) {
            lr_client_tracker_close(tracker, now);
            return;
        }
    }
}

static void take_answer(struct client_tracker *tracker, lr_time now, const struct lr_frame *frame) {
    struct lr_client *client = tracker->link.client;
    struct lr_error error = {0};
    if (lr_list_empty(&tracker->asks)) {
        (void)lr_error_set(&error, LR_EPROTO, "the tracker answers what nobody asked");
        lose_tracker(tracker, now, CLIENT_END_CLOSE, &error);
        return;
    }
    struct client_ask *ask = ask_of(tracker->asks.next);
    bool request = ask->op.kind == CLIENT_ASK_REQUEST;
    struct lr_tracker_answer answer;
    lr_tracker_answer_init(&answer, lr_client_alloc(client));
    enum lr_status status =
        lr_tracker_answer_decode(&answer, request ? LR_TRACKER_REQUEST : LR_TRACKER_SUMMARY,
                                 frame->body, frame->kept, &error);
    if (status != LR_OK) {
        (void)lr_error_prefix(&error, "the tracker's answer");
        lr_tracker_answer_deinit(&answer);
        lose_tracker(tracker, now, CLIENT_END_CLOSE, &error);
        return;
    }
    tracker->answered++;
    lr_list_remove(&ask->op.node);
    ask->tracker = NULL;
    if (lr_list_empty(&tracker->asks)) {
        rest(tracker, now);
    }
    if (request) {
        lr_client_ask_granted(ask, now, &answer);
    } else {
        ask->op.result->result.kind = LR_ANSWER_SUMMARY;
        ask->op.result->result.summary = answer;
        ask->op.result->result.has_summary = true;
        lr_tracker_answer_init(&answer, lr_client_alloc(client));
        lr_client_ask_finish(ask, now, NULL);
    }
    lr_tracker_answer_deinit(&answer);
}

static void take_bytes(struct client_tracker *tracker, const struct lr_event *event) {
    const uint8_t *data = event->data;
    size_t left = event->size;
    bool complete = true;
    while (!tracker->link.ended && complete) {
        struct lr_frame frame;
        enum lr_status status =
            lr_framer_next(&tracker->link.framer, &data, &left, &complete, &frame);
        if (status != LR_OK) {
            struct lr_error error = {0};
            (void)lr_error_set(&error, status, "the tracker's answer has an unusable length (%s)",
                               lr_status_text(status));
            lose_tracker(tracker, event->now, CLIENT_END_RESET, &error);
        } else if (complete && tracker->state == CLIENT_TRACKER_MAGIC) {
            take_magic(tracker, event->now, &frame);
        } else if (complete) {
            take_answer(tracker, event->now, &frame);
        }
    }
    if (!tracker->link.ended) {
        arm_timer(tracker, event->now);
    }
}

void lr_client_tracker_handle(struct client_tracker *tracker, const struct lr_event *event) {
    struct lr_client *client = tracker->link.client;
    const char *reason = event->reason == NULL ? "no reason given" : event->reason;
    struct lr_error error = {0};
    switch (event->kind) {
    case LR_EVENT_CONNECTED:
        LR_CLIENT_TRACE(client, event->now, CONNECTION, tracker->link.conn,
                        "to the tracker " LR_ADDRESS_FORMAT,
                        LR_ADDRESS_WORDS(client->tracker_host, client->options.tracker_port));
        send_magic(tracker, event->now);
        break;
    case LR_EVENT_RECEIVED:
        take_bytes(tracker, event);
        break;
    case LR_EVENT_CONNECT_FAILED:
        (void)lr_error_set(&error, event->status == LR_OK ? LR_EREFUSED : event->status,
                           "cannot reach the tracker at " LR_ADDRESS_FORMAT ": %s",
                           LR_ADDRESS_WORDS(client->tracker_host, client->options.tracker_port),
                           reason);
        lose_tracker(tracker, event->now, CLIENT_END_GONE, &error);
        break;
    case LR_EVENT_HALF_CLOSED:
        (void)lr_error_set(&error, LR_ECLOSED, "the tracker closed the connection");
        lose_tracker(tracker, event->now, CLIENT_END_CLOSE, &error);
        break;
    case LR_EVENT_CLOSED:
        (void)lr_error_set(&error, LR_ECLOSED, "the connection to the tracker is gone: %s", reason);
        lose_tracker(tracker, event->now, CLIENT_END_GONE, &error);
        break;
    case LR_EVENT_RESET:
        (void)lr_error_set(&error, LR_ERESET, "the tracker reset the connection");
        lose_tracker(tracker, event->now, CLIENT_END_GONE, &error);
        break;
    case LR_EVENT_WRITABLE:
        break;
    case LR_EVENT_LISTENING:
    case LR_EVENT_LISTEN_FAILED:
    case LR_EVENT_ACCEPTED:
    case LR_EVENT_EXPIRED:
        LR_UNREACHABLE();
    }
}

void lr_client_tracker_timer(struct client_tracker *tracker, lr_time now) {
    struct lr_error error = {0};
    char waited[32];
    bool ready = tracker->state == CLIENT_TRACKER_READY;
    const struct lr_client_options *options = &tracker->link.client->options;
    (void)lr_error_set(&error, LR_ETIMEOUT, "the tracker at " LR_ADDRESS_FORMAT " %s within %s",
                       LR_ADDRESS_WORDS(options->tracker_host, options->tracker_port),
                       ready ? "did not answer" : "did not greet",
                       lr_text_duration(waited, sizeof waited,
                                        ready ? options->stalled_ns : options->handshake_ns));
    lose_tracker(tracker, now, CLIENT_END_RESET, &error);
}
