/* SPDX-License-Identifier: Apache-2.0 */
/* Registration at a tracker: magic, UPDATE_INFO, a PUT for each slot, a poll of what is still free;
 * and all of that again whenever the tracker is back, for as long as the server lives. Sessions do
 * not notice. A tracker that answers wrongly or not at all is a lost one. */
#include <string.h>

#include "base/assert.h"
#include "rpc/server_internal.h"

enum lr_status lr_server_link_init(struct lr_server *server) {
    struct lr_server_link *link = &server->link;
    lr_framer_init(&link->framer, server->role.env.alloc, LR_FRAME_WORD);
    link->timer.kind = LR_SERVER_TIMER_LINK;
    link->poll.kind = LR_SERVER_TIMER_POLL;
    link->retry_ns = server->options.retry_ns;
    /* UPDATE_INFO, one poll, and for each slot the PUT under way and its successor: a granted key
     * can be used before the answer to its PUT is here. */
    link->question_max = 2 + 2 * (size_t)server->options.sessions_max;
    link->questions =
        lr_alloc_zeroed(server->role.env.alloc, link->question_max * sizeof link->questions[0]);
    return link->questions == NULL ? LR_ENOMEM : LR_OK;
}

void lr_server_link_deinit(struct lr_server *server) {
    struct lr_server_link *link = &server->link;
    lr_timers_disarm(&server->timers, &link->timer);
    lr_timers_disarm(&server->timers, &link->poll);
    if (link->framer.partial.alloc != NULL) {
        lr_framer_deinit(&link->framer);
    }
    lr_alloc_free(server->role.env.alloc, link->questions,
                  link->question_max * sizeof link->questions[0]);
}

static void set_state(struct lr_server *server, enum lr_server_link_state state, lr_time now) {
    static const char *const names[] = {
        [LR_SERVER_LINK_NONE] = "none",
        [LR_SERVER_LINK_WAITING] = "waiting",
        [LR_SERVER_LINK_CONNECTING] = "connecting",
        [LR_SERVER_LINK_MAGIC] = "magic",
        [LR_SERVER_LINK_INFO] = "info",
        [LR_SERVER_LINK_READY] = "ready",
    };
    lr_server_trace(server, now, LR_TRACE_STATE, server->link.conn, "tracker link: %s -> %s",
                    names[server->link.state], names[state]);
    server->link.state = state;
}

static void connect_tracker(struct lr_server *server, lr_time now) {
    struct lr_server_link *link = &server->link;
    struct lr_address address = {.port = server->options.tracker_port};
    memcpy(address.host, server->options.tracker_host, strlen(server->options.tracker_host) + 1);
    lr_conn conn = 0;
    if (lr_outbox_connect(&server->role.outbox, &address, server->options.keepalive, &conn) !=
        LR_OK) {
        lr_timers_arm(&server->timers, &link->timer, lr_time_add(now, server->options.retry_ns));
        return; /* out of memory: still waiting */
    }
    link->conn = conn;
    set_state(server, LR_SERVER_LINK_CONNECTING, now);
    lr_timers_arm(&server->timers, &link->timer, lr_time_add(now, server->options.connect_ns));
}

void lr_server_link_begin(struct lr_server *server, lr_time now) {
    if (server->options.tracker_host != NULL && server->link.state == LR_SERVER_LINK_NONE) {
        set_state(server, LR_SERVER_LINK_WAITING, now);
        connect_tracker(server, now);
    }
}

/* The connection is over (|ended|: by itself). What was offered there is so no more; a key that was
 * granted before opens its slot until it is replaced. */
static void lose_tracker(struct lr_server *server, bool ended, lr_time now, const char *why) {
    struct lr_server_link *link = &server->link;
    char pause[32];
    if (!ended) {
        lr_outbox_reset(&server->role.outbox, link->conn);
    }
    link->conn = 0;
    lr_framer_deinit(&link->framer);
    lr_framer_init(&link->framer, server->role.env.alloc, LR_FRAME_WORD);
    link->question_count = 0;
    link->polling = false;
    lr_timers_disarm(&server->timers, &link->poll);
    for (unsigned int i = 0; i < server->options.sessions_max; i++) {
        struct lr_server_slot *slot = &server->slots[i];
        slot->puts = 0;
        slot->answered = false;
        if (slot->matchkey != NULL) {
            lr_timers_disarm(&server->timers, &slot->timer);
        }
    }
    lr_server_trace(server, now, LR_TRACE_RETRY, 0,
                    "tracker " LR_ADDRESS_FORMAT ": %s; next try in %s",
                    LR_ADDRESS_WORDS(server->options.tracker_host, server->options.tracker_port),
                    why, lr_text_duration(pause, sizeof pause, link->retry_ns));
    set_state(server, LR_SERVER_LINK_WAITING, now);
    lr_timers_arm(&server->timers, &link->timer, lr_time_add(now, link->retry_ns));
    uint64_t doubled = link->retry_ns > UINT64_MAX / 2 ? UINT64_MAX : link->retry_ns * 2;
    link->retry_ns =
        doubled < server->options.retry_max_ns ? doubled : server->options.retry_max_ns;
}

void lr_server_link_stop(struct lr_server *server) {
    struct lr_server_link *link = &server->link;
    if (link->conn != 0) {
        lr_outbox_close(&server->role.outbox, link->conn, server->options.linger_ns);
        link->conn = 0;
    }
    link->state = LR_SERVER_LINK_NONE;
    lr_timers_disarm(&server->timers, &link->timer);
    lr_timers_disarm(&server->timers, &link->poll);
}

/* Sends a question and remembers what it was. The answer must come within |stalled_ns|. */
static enum lr_status ask(struct lr_server *server, const struct lr_tracker_msg *msg,
                          unsigned int slot, lr_time now) {
    struct lr_server_link *link = &server->link;
    struct lr_buf bytes;
    if (link->question_count == link->question_max) {
        return LR_ELIMIT;
    }
    lr_buf_init(&bytes, server->role.env.alloc);
    if (lr_tracker_msg_encode(msg, &bytes) != LR_OK ||
        lr_server_send(server, link->conn, &bytes) != LR_OK) {
        lr_buf_deinit(&bytes);
        return LR_ENOMEM;
    }
    size_t at = (link->question_first + link->question_count++) % link->question_max;
    link->questions[at] = (struct lr_server_question){(enum lr_tracker_code)msg->code, slot};
    if (!lr_timer_armed(&link->timer)) {
        lr_timers_arm(&server->timers, &link->timer, lr_time_add(now, server->options.stalled_ns));
    }
    return LR_OK;
}

static void set_host(const struct lr_server *server, struct lr_tracker_msg *msg) {
    msg->port = server->port;
    msg->has_host = server->options.custom_host != NULL;
    if (msg->has_host) {
        msg->host = lr_text_of(server->options.custom_host);
    }
}

static enum lr_status ask_info(struct lr_server *server, lr_time now) {
    struct lr_alloc *alloc = server->role.env.alloc;
    struct lr_tracker_msg msg;
    struct lr_buf key;
    lr_buf_init(&key, alloc);
    lr_tracker_msg_init(&msg, alloc);
    enum lr_status status = lr_buf_append(&key, "server:", strlen("server:"));
    if (status == LR_OK) {
        status = lr_buf_append(&key, server->options.key, strlen(server->options.key));
    }
    if (status == LR_OK) {
        msg.code = LR_TRACKER_UPDATE_INFO;
        msg.key = (struct lr_text){(const char *)lr_buf_data(&key), lr_buf_size(&key)};
        set_host(server, &msg);
        status = ask(server, &msg, 0, now);
    }
    lr_tracker_msg_deinit(&msg);
    lr_buf_deinit(&key);
    return status;
}

void lr_server_link_put(struct lr_server *server, struct lr_server_slot *slot, lr_time now) {
    if (server->link.state != LR_SERVER_LINK_READY || slot->put || slot->session != NULL) {
        return;
    }
    struct lr_tracker_msg msg;
    lr_tracker_msg_init(&msg, server->role.env.alloc);
    msg.code = LR_TRACKER_PUT;
    msg.key = lr_text_of(server->options.key);
    msg.matchkey = lr_text_of(slot->matchkey);
    set_host(server, &msg);
    /* With one slot nothing but what TVM sends; a tracker knows then what the new key replaces. */
    msg.has_replaces = server->options.sessions_max > 1 && slot->replaced != NULL;
    if (msg.has_replaces) {
        msg.replaces = lr_text_of(slot->replaced);
    }
    enum lr_status status = ask(server, &msg, slot->index, now);
    lr_tracker_msg_deinit(&msg);
    if (status != LR_OK) {
        lose_tracker(server, false, now,
                     status == LR_ENOMEM ? "out of memory for a PUT" : "it does not answer");
        return;
    }
    slot->puts++;
    slot->put = true;
    slot->seen_at = now;
    lr_server_trace(server, now, LR_TRACE_PUT, server->link.conn, "matchkey %s", slot->matchkey);
}

/* What is free is offered under new keys: those of before may have been granted. */
static void become_ready(struct lr_server *server, lr_time now) {
    set_state(server, LR_SERVER_LINK_READY, now);
    server->link.retry_ns = server->options.retry_ns;
    lr_server_trace(server, now, LR_TRACE_REGISTER, server->link.conn,
                    "registered at " LR_ADDRESS_FORMAT " as \"%s\"",
                    LR_ADDRESS_WORDS(server->options.tracker_host, server->options.tracker_port),
                    server->options.key);
    for (unsigned int i = 0; i < server->options.sessions_max; i++) {
        if (server->slots[i].session == NULL && server->link.state == LR_SERVER_LINK_READY) {
            lr_server_slot_offer(&server->slots[i], now);
        }
    }
    if (server->link.state == LR_SERVER_LINK_READY) {
        lr_timers_arm(&server->timers, &server->link.poll,
                      lr_time_add(now, server->options.poll_ns));
    }
}

/* True where some matchkey of ours may be at the tracker. */
static bool offers_any(const struct lr_server *server) {
    for (unsigned int i = 0; i < server->options.sessions_max; i++) {
        if (server->slots[i].put && server->slots[i].session == NULL) {
            return true;
        }
    }
    return false;
}

void lr_server_link_poll(struct lr_server *server, struct lr_timer *timer, lr_time now) {
    LR_ASSERT(timer == &server->link.poll);
    lr_timers_arm(&server->timers, timer, lr_time_add(now, server->options.poll_ns));
    if (server->link.polling || !offers_any(server)) {
        return; /* as TVM's, which asks while it waits */
    }
    struct lr_tracker_msg msg;
    lr_tracker_msg_init(&msg, server->role.env.alloc);
    msg.code = LR_TRACKER_GET_PENDING_MATCHKEYS;
    enum lr_status status = ask(server, &msg, 0, now);
    lr_tracker_msg_deinit(&msg);
    server->link.polling = status == LR_OK;
    if (status != LR_OK) {
        lr_timers_arm(&server->timers, timer, lr_time_add(now, LR_SERVER_AGAIN_NS));
    }
    for (unsigned int i = 0; server->link.polling && i < server->options.sessions_max; i++) {
        server->slots[i].pending = server->slots[i].put;
    }
}

static bool is_pending(const struct lr_tracker_answer *answer, const char *matchkey) {
    size_t count = lr_tracker_answer_matchkey_count(answer);
    for (size_t i = 0; i < count; i++) {
        if (lr_text_equal(lr_tracker_answer_matchkey(answer, i), lr_text_of(matchkey))) {
            return true;
        }
    }
    return false;
}

/* A key that is not at the tracker any more has been granted after it was last seen there. */
static void handle_pending(struct lr_server *server, const struct lr_tracker_answer *answer,
                           lr_time now) {
    for (unsigned int i = 0; i < server->options.sessions_max; i++) {
        struct lr_server_slot *slot = &server->slots[i];
        if (!slot->pending || !slot->put || slot->session != NULL) {
            continue;
        }
        if (is_pending(answer, slot->matchkey)) {
            slot->seen_at = now;
            lr_timers_disarm(&server->timers, &slot->timer);
        } else if (!lr_timer_armed(&slot->timer)) {
            lr_time at = lr_time_add(slot->seen_at, server->options.unused_ns);
            lr_timers_arm(&server->timers, &slot->timer, at > now ? at : now);
        }
    }
}

static void handle_answer(struct lr_server *server, struct lr_server_question question,
                          const struct lr_tracker_answer *answer, lr_time now) {
    if (question.code == LR_TRACKER_GET_PENDING_MATCHKEYS) {
        server->link.polling = false;
        handle_pending(server, answer, now);
    } else if (answer->code != LR_TRACKER_SUCCESS) {
        lose_tracker(server, false, now, "it refused us");
    } else if (question.code == LR_TRACKER_UPDATE_INFO) {
        become_ready(server, now);
    } else {
        struct lr_server_slot *slot = &server->slots[question.slot];
        slot->answered = --slot->puts == 0; /* the last one is that of its matchkey */
        slot->known = slot->known || slot->answered;
    }
}

/* One message of the tracker; LR_OK, or an error with a sentence. */
static enum lr_status handle_message(struct lr_server *server, const struct lr_frame *frame,
                                     lr_time now, struct lr_error *error) {
    struct lr_server_link *link = &server->link;
    if (link->question_count == 0) {
        return lr_error_set(error, LR_EPROTO, "an answer to no question");
    }
    struct lr_server_question question = link->questions[link->question_first];
    link->question_first = (link->question_first + 1) % link->question_max;
    link->question_count--;
    lr_time wait =
        link->question_count == 0 ? LR_TIME_NEVER : lr_time_add(now, server->options.stalled_ns);
    lr_timers_arm(&server->timers, &link->timer, wait);
    struct lr_tracker_answer answer;
    lr_tracker_answer_init(&answer, server->role.env.alloc);
    enum lr_status status =
        lr_tracker_answer_decode(&answer, question.code, frame->body, frame->kept, error);
    if (status == LR_OK) {
        handle_answer(server, question, &answer, now);
    }
    lr_tracker_answer_deinit(&answer);
    return status;
}

static enum lr_status handle_frame(struct lr_server *server, const struct lr_frame *frame,
                                   lr_time now, struct lr_error *error) {
    struct lr_server_link *link = &server->link;
    if (link->state != LR_SERVER_LINK_MAGIC) {
        return handle_message(server, frame, now, error);
    }
    if (lr_word_decode(frame->body) != LR_MAGIC_TRACKER) {
        return lr_error_set(error, LR_EPROTO, "it is no tracker");
    }
    link->framer.expect = LR_FRAME_TEXT;
    set_state(server, LR_SERVER_LINK_INFO, now);
    lr_timers_arm(&server->timers, &link->timer, lr_time_add(now, server->options.handshake_ns));
    if (ask_info(server, now) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "out of memory");
    }
    return LR_OK;
}

static void handle_received(struct lr_server *server, const struct lr_event *event) {
    struct lr_server_link *link = &server->link;
    const uint8_t *data = event->data;
    size_t left = event->size;
    struct lr_error error = {0};
    lr_conn conn = link->conn;
    while (link->conn == conn) { /* a handler may have given the tracker up */
        struct lr_frame frame;
        bool complete;
        link->framer.size_max = server->options.answer_bytes_max;
        link->framer.keep_max = SIZE_MAX;
        enum lr_status status = lr_framer_next(&link->framer, &data, &left, &complete, &frame);
        if (status != LR_OK) {
            (void)lr_error_set(&error, status, "its bytes cannot be followed: %s",
                               lr_status_text(status));
        } else if (!complete) {
            return;
        } else {
            status = handle_frame(server, &frame, event->now, &error);
        }
        if (status != LR_OK && link->conn == conn) {
            lose_tracker(server, false, event->now, error.text);
        }
    }
}

static void handle_connected(struct lr_server *server, lr_time now) {
    struct lr_server_link *link = &server->link;
    struct lr_buf magic;
    lr_buf_init(&magic, server->role.env.alloc);
    set_state(server, LR_SERVER_LINK_MAGIC, now);
    lr_timers_arm(&server->timers, &link->timer, lr_time_add(now, server->options.handshake_ns));
    if (lr_word_encode(LR_MAGIC_TRACKER, &magic) != LR_OK ||
        lr_server_send(server, link->conn, &magic) != LR_OK) {
        lr_buf_deinit(&magic);
        lose_tracker(server, false, now, "out of memory");
    }
}

bool lr_server_link_handle(struct lr_server *server, const struct lr_event *event) {
    if (server->link.conn == 0 || event->conn != server->link.conn) {
        return false;
    }
    switch (event->kind) {
    case LR_EVENT_CONNECTED:
        handle_connected(server, event->now);
        break;
    case LR_EVENT_RECEIVED:
        handle_received(server, event);
        break;
    case LR_EVENT_HALF_CLOSED:
        lose_tracker(server, false, event->now, "it closed the connection");
        break;
    case LR_EVENT_CONNECT_FAILED:
    case LR_EVENT_CLOSED:
    case LR_EVENT_RESET:
        lose_tracker(server, true, event->now,
                     event->reason != NULL ? event->reason : "the connection is lost");
        break;
    case LR_EVENT_WRITABLE:
        break; /* our questions are few and short; one that is not answered is noticed */
    case LR_EVENT_LISTENING:
    case LR_EVENT_LISTEN_FAILED:
    case LR_EVENT_ACCEPTED:
    case LR_EVENT_EXPIRED:
        LR_UNREACHABLE();
    }
    return true;
}

void lr_server_link_timer(struct lr_server *server, struct lr_timer *timer, lr_time now) {
    LR_ASSERT(timer == &server->link.timer);
    if (server->link.state == LR_SERVER_LINK_WAITING) {
        connect_tracker(server, now);
    } else {
        lose_tracker(server, false, now, "no answer");
    }
}

bool lr_server_registered(const struct lr_server *server) {
    if (server->link.state != LR_SERVER_LINK_READY) {
        return false;
    }
    for (unsigned int i = 0; i < server->options.sessions_max; i++) {
        if (server->slots[i].session == NULL && !server->slots[i].answered) {
            return false;
        }
    }
    return true;
}
