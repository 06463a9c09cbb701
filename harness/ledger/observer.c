/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/observer.h"

#include <string.h>

/* A question that waits for its answer. */
struct question {
    enum lr_tracker_code code;
    bool unread; /* it does not decode, and may be answered all the same */
    lr_time at;
};

enum {
    KEY_MAX = 64 * 1024, /* a tracker key longer than this is no key of anybody's */
    HANDSHAKE_KEY_MAX = 1 << 20
};

static struct lr_seen seen_of(enum lr_seen_kind kind, enum lr_direction direction, lr_time at) {
    return (struct lr_seen){.kind = kind, .direction = direction, .at = at};
}

static void tell(const struct lr_observer *observer, struct lr_seen *seen) {
    seen->begun_at = observer->begun_at[seen->direction];
    observer->seen(seen, observer->context);
}

static void tell_broken(const struct lr_observer *observer, enum lr_direction direction, lr_time at,
                        const char *problem) {
    struct lr_seen seen = seen_of(LR_SEEN_BROKEN, direction, at);
    seen.problem = problem;
    tell(observer, &seen);
}

/* What cannot be followed any more; its buffer is given back. */
static void lose(struct lr_observer *observer, enum lr_direction direction) {
    observer->stages[direction] = LR_OBSERVER_LOST;
    lr_buf_deinit(&observer->framers[direction].partial);
}

static void run_out_of_memory(struct lr_observer *observer, enum lr_direction direction) {
    observer->health = LR_ENOMEM;
    lose(observer, direction);
}

static void expect(struct lr_observer *observer, enum lr_direction direction,
                   enum lr_observer_stage stage, enum lr_frame_kind kind, size_t keep_max) {
    observer->stages[direction] = stage;
    observer->framers[direction].expect = kind;
    observer->framers[direction].keep_max = keep_max;
}

/* ---- control plane ---- */

static void keep_question(struct lr_observer *observer, const struct question *question) {
    if (lr_buf_append(&observer->questions, question, sizeof *question) != LR_OK) {
        run_out_of_memory(observer, LR_TO_SERVICE);
    }
}

static void see_question(struct lr_observer *observer, lr_time at, const struct lr_frame *frame) {
    struct lr_tracker_msg msg;
    struct lr_error error = {0};
    lr_tracker_msg_init(&msg, observer->alloc);
    enum lr_status status =
        frame->kept < frame->size
            ? lr_error_set(&error, LR_ELIMIT, "a message too long to follow")
            : lr_tracker_msg_decode(&msg, frame->body, frame->kept, KEY_MAX, &error);
    if (status == LR_ENOMEM) {
        run_out_of_memory(observer, LR_TO_SERVICE);
    } else if (status != LR_OK) {
        keep_question(observer, &(struct question){.unread = true, .at = at});
        tell_broken(observer, LR_TO_SERVICE, at, error.text);
    } else {
        struct question question = {.code = (enum lr_tracker_code)msg.code, .at = at};
        if (msg.code == LR_TRACKER_REQUEST) {
            observer->requests++;
        } else {
            keep_question(observer, &question);
        }
        struct lr_seen seen = seen_of(LR_SEEN_QUESTION, LR_TO_SERVICE, at);
        seen.msg = &msg;
        tell(observer, &seen);
    }
    lr_tracker_msg_deinit(&msg);
}

/* Decodes the answer as one to |question| and tells it. False: it is none, and nothing was told. */
static bool see_answer_to(struct lr_observer *observer, lr_time at, const struct lr_frame *frame,
                          struct question question, struct lr_error *error) {
    struct lr_tracker_answer answer;
    lr_tracker_answer_init(&answer, observer->alloc);
    enum lr_status status =
        lr_tracker_answer_decode(&answer, question.code, frame->body, frame->kept, error);
    bool is_grant = status == LR_OK && answer.matchkey.size > 0;
    bool taken = status == LR_OK && (question.code != LR_TRACKER_REQUEST || is_grant ||
                                     lr_buf_size(&observer->questions) == 0);
    if (status == LR_ENOMEM) {
        run_out_of_memory(observer, LR_FROM_SERVICE);
        taken = true;
    } else if (taken) {
        if (question.code == LR_TRACKER_REQUEST) {
            observer->requests--;
        } else {
            lr_buf_consume(&observer->questions, sizeof question);
        }
        struct lr_seen seen = seen_of(LR_SEEN_ANSWER, LR_FROM_SERVICE, at);
        seen.answer = &answer;
        seen.to = question.code;
        seen.asked_at = question.at;
        tell(observer, &seen);
    }
    lr_tracker_answer_deinit(&answer);
    return taken;
}

/* Answers come in the order of the questions, but for REQUEST's, which may come late: what looks
 * like a grant is one where a REQUEST waits, and anything else is the answer to what has waited
 * longest. */
static void see_answer(struct lr_observer *observer, lr_time at, const struct lr_frame *frame) {
    struct lr_error error = {0};
    if (frame->kept < frame->size) {
        tell_broken(observer, LR_FROM_SERVICE, at, "an answer too long to follow");
        return;
    }
    struct question request = {.code = LR_TRACKER_REQUEST, .at = at};
    if (observer->requests > 0 && see_answer_to(observer, at, frame, request, &error)) {
        return;
    }
    struct question question;
    if (lr_buf_size(&observer->questions) >= sizeof question) {
        memcpy(&question, lr_buf_data(&observer->questions), sizeof question);
        if (question.unread) {
            lr_buf_consume(&observer->questions, sizeof question);
        } else if (!see_answer_to(observer, at, frame, question, &error)) {
            lr_buf_consume(&observer->questions, sizeof question);
            tell_broken(observer, LR_FROM_SERVICE, at, error.text);
        }
    } else if (!lr_observer_inside(observer, LR_TO_SERVICE)) { /* else that message is refused */
        tell_broken(observer, LR_FROM_SERVICE, at,
                    observer->requests > 0 ? error.text : "an answer that nobody asked for");
    }
}

static void see_control(struct lr_observer *observer, enum lr_direction direction, lr_time at,
                        const struct lr_frame *frame) {
    if (observer->stages[direction] == LR_OBSERVER_OPENING) {
        if (lr_word_decode(frame->body) != LR_MAGIC_TRACKER) {
            lose(observer, direction);
            tell_broken(observer, direction, at, "the opening word is not a tracker's");
            return;
        }
        expect(observer, direction, LR_OBSERVER_MESSAGES, LR_FRAME_TEXT, LR_OBSERVER_KEEP_TEXT);
        struct lr_seen seen = seen_of(LR_SEEN_MAGIC, direction, at);
        tell(observer, &seen);
    } else if (direction == LR_TO_SERVICE) {
        see_question(observer, at, frame);
    } else {
        see_answer(observer, at, frame);
    }
}

/* ---- data plane ---- */

/* What stands between "client:" and the options. */
static bool find_matchkey(struct lr_text text, struct lr_text *matchkey) {
    static const char prefix[] = "client:";
    size_t skip = sizeof prefix - 1;
    if (!lr_text_starts_with(text, prefix) || !lr_text_is_utf8(text)) {
        return false;
    }
    struct lr_text rest = {text.data + skip, text.size - skip};
    const char *blank = rest.size == 0 ? NULL : memchr(rest.data, ' ', rest.size);
    *matchkey =
        (struct lr_text){rest.data, blank == NULL ? rest.size : (size_t)(blank - rest.data)};
    return true;
}

static void see_hello(struct lr_observer *observer, lr_time at, const struct lr_frame *frame) {
    struct lr_client_key key = {.timeout_ns = LR_TIME_NEVER};
    struct lr_error error = {0};
    struct lr_text text = {(const char *)frame->body, frame->kept};
    enum lr_status status = frame->kept < frame->size
                                ? lr_error_set(&error, LR_ELIMIT, "a key too long to follow")
                                : lr_client_key_parse(text, &key, &error);
    if (status != LR_OK) {
        key.timeout_ns = LR_TIME_NEVER;
    }
    expect(observer, LR_TO_SERVICE, LR_OBSERVER_MESSAGES, LR_FRAME_PACKET, LR_OBSERVER_KEEP);
    /* A key with a wrong option still says which session is meant, and a server may take it. */
    if (status == LR_OK || find_matchkey(text, &key.matchkey)) {
        struct lr_seen seen = seen_of(LR_SEEN_HELLO, LR_TO_SERVICE, at);
        seen.key = &key;
        tell(observer, &seen);
    }
    if (status != LR_OK) {
        tell_broken(observer, LR_TO_SERVICE, at, error.text);
    }
}

static void see_opening_word(struct lr_observer *observer, enum lr_direction direction, lr_time at,
                             uint32_t word) {
    if (direction == LR_FROM_SERVICE &&
        (word == LR_ANSWER_DUPLICATE || word == LR_ANSWER_MISMATCH || word == LR_MAGIC_RPC)) {
        struct lr_seen seen = seen_of(LR_SEEN_REPLY, direction, at);
        seen.word = word;
        if (word == LR_MAGIC_RPC) {
            expect(observer, direction, LR_OBSERVER_KEY, LR_FRAME_TEXT, HANDSHAKE_KEY_MAX);
        } else {
            observer->stages[direction] = LR_OBSERVER_REFUSED;
        }
        tell(observer, &seen);
    } else if (direction == LR_TO_SERVICE && word == LR_MAGIC_RPC) {
        expect(observer, direction, LR_OBSERVER_KEY, LR_FRAME_TEXT, HANDSHAKE_KEY_MAX);
    } else {
        lose(observer, direction);
        tell_broken(observer, direction, at, "the opening word is not the protocol's");
    }
}

/* Decodes in the dialect that the link speaks, or in the one that fits. */
static enum lr_status decode_packet(struct lr_observer *observer, const struct lr_frame *frame,
                                    struct lr_packet *packet, struct lr_error *error) {
    if (!observer->dialect_known && frame->kept == frame->size) {
        observer->dialect_known =
            lr_packet_shows_dialect(frame->body, frame->kept, &observer->dialect);
    }
    enum lr_dialect first = observer->dialect_known ? observer->dialect : LR_DIALECT_FFI;
    enum lr_status status = lr_packet_decode_front(first, &lr_value_limits_default, frame->body,
                                                   frame->kept, frame->size, packet, error);
    if (status != LR_OK && status != LR_ENOMEM && !observer->dialect_known) {
        lr_packet_deinit(packet);
        status = lr_packet_decode_front(LR_DIALECT_LEGACY, &lr_value_limits_default, frame->body,
                                        frame->kept, frame->size, packet, error);
    }
    /* Of a large packet only the front is here: that its sequence goes on is no fault of it. */
    if (status == LR_ETRUNCATED && frame->kept < frame->size &&
        lr_packet_name(packet->code) != NULL) {
        status = LR_OK;
    }
    return status;
}

static void see_packet(struct lr_observer *observer, enum lr_direction direction, lr_time at,
                       const struct lr_frame *frame) {
    struct lr_packet packet;
    struct lr_error error = {0};
    lr_packet_init(&packet, observer->alloc);
    enum lr_status status = decode_packet(observer, frame, &packet, &error);
    if (status == LR_ENOMEM) {
        run_out_of_memory(observer, direction);
    } else if (status != LR_OK) {
        tell_broken(observer, direction, at, error.text);
    } else {
        struct lr_seen seen = seen_of(LR_SEEN_PACKET, direction, at);
        seen.packet = &packet;
        seen.size = frame->size;
        tell(observer, &seen);
    }
    lr_packet_deinit(&packet);
}

static void see_data(struct lr_observer *observer, enum lr_direction direction, lr_time at,
                     const struct lr_frame *frame) {
    switch (observer->stages[direction]) {
    case LR_OBSERVER_OPENING:
        see_opening_word(observer, direction, at, lr_word_decode(frame->body));
        break;
    case LR_OBSERVER_KEY:
        if (direction == LR_TO_SERVICE) {
            see_hello(observer, at, frame);
        } else {
            expect(observer, direction, LR_OBSERVER_MESSAGES, LR_FRAME_PACKET, LR_OBSERVER_KEEP);
        }
        break;
    case LR_OBSERVER_MESSAGES:
        see_packet(observer, direction, at, frame);
        break;
    case LR_OBSERVER_REFUSED:
    case LR_OBSERVER_LOST:
        break;
    }
}

/* ---- both ---- */

void lr_observer_init(struct lr_observer *observer, struct lr_alloc *alloc, enum lr_plane plane,
                      lr_seen_cb seen, void *context) {
    *observer = (struct lr_observer){
        .alloc = alloc, .plane = plane, .health = LR_OK, .seen = seen, .context = context};
    for (size_t i = 0; i < 2; i++) {
        lr_framer_init(&observer->framers[i], alloc, LR_FRAME_WORD);
    }
    lr_buf_init(&observer->questions, alloc);
}

void lr_observer_deinit(struct lr_observer *observer) {
    lose(observer, LR_TO_SERVICE);
    lose(observer, LR_FROM_SERVICE);
    lr_buf_deinit(&observer->questions);
}

static bool followed(const struct lr_observer *observer, enum lr_direction direction) {
    return observer->stages[direction] < LR_OBSERVER_REFUSED;
}

void lr_observer_feed(struct lr_observer *observer, lr_time at, enum lr_direction direction,
                      const uint8_t *bytes, size_t size) {
    if (observer->stages[direction] == LR_OBSERVER_REFUSED && size > 0) {
        lose(observer, direction);
        tell_broken(observer, direction, at, "bytes after the handshake was refused");
    }
    while (size > 0 && followed(observer, direction)) {
        struct lr_frame frame;
        bool complete = false;
        if (!lr_framer_inside(&observer->framers[direction])) {
            observer->begun_at[direction] = at;
        }
        enum lr_status status =
            lr_framer_next(&observer->framers[direction], &bytes, &size, &complete, &frame);
        if (status == LR_ENOMEM) {
            run_out_of_memory(observer, direction);
        } else if (status != LR_OK) {
            lose(observer, direction);
            tell_broken(observer, direction, at, "a length that no message has");
        } else if (complete && observer->plane == LR_PLANE_CONTROL) {
            see_control(observer, direction, at, &frame);
        } else if (complete) {
            see_data(observer, direction, at, &frame);
        }
    }
}

bool lr_observer_inside(const struct lr_observer *observer, enum lr_direction direction) {
    return followed(observer, direction) && lr_framer_inside(&observer->framers[direction]);
}
