/* SPDX-License-Identifier: Apache-2.0 */
#include "golden_walk.h"

#include <inttypes.h>
#include <string.h>

#include "golden_again.h"
#include "rpc/framer.h"
#include "rpc/handshake.h"

enum { CONTROL_MESSAGE_MAX = 1 << 20, DATA_PACKET_MAX = 1 << 30 };

/* One direction of a connection under way. */
struct stream {
    struct golden_walk *walk;
    const struct lr_capture_conn *conn;
    enum lr_capture_direction direction;
    struct lr_buf all;        /* what was recorded */
    struct lr_buf *questions; /* codes of the requests that wait for an answer, a byte each */
    struct lr_framer framer;
    size_t frame;
    bool stopped; /* what follows cannot be followed */
};

/* Whether a refusal is in the list. */
static enum lr_status check_refusal(struct stream *stream, enum lr_status status,
                                    struct lr_error *error) {
    const struct golden_walk *walk = stream->walk;
    if (status == LR_ENOMEM) {
        return status;
    }
    for (size_t i = 0; i < walk->refusal_count; i++) {
        const struct golden_refusal *refusal = &walk->refusals[i];
        if (strcmp(refusal->file, walk->file) == 0 && refusal->conn == stream->conn->conn &&
            refusal->direction == stream->direction && refusal->frame == stream->frame &&
            refusal->status == status && strstr(error->text, refusal->says) != NULL) {
            stream->walk->counts.refused++;
            return LR_OK;
        }
    }
    (void)lr_error_prefix(error, "%s, connection %" PRId64 ", direction %d, frame %zu: %s",
                          walk->file, stream->conn->conn, (int)stream->direction, stream->frame,
                          lr_status_text(status));
    error->code = LR_EPROTO;
    return LR_EPROTO;
}

static bool is_control(const struct stream *stream) {
    return stream->conn->link != LR_CAPTURE_CLIENT_SERVER;
}

static enum lr_status on_word(struct stream *stream, const struct lr_frame *frame,
                              struct lr_buf *again, struct lr_error *error) {
    uint32_t word = lr_word_decode(frame->body);
    bool to_server = stream->direction == LR_CAPTURE_TO_SERVER;
    bool known = is_control(stream)
                     ? word == LR_MAGIC_TRACKER
                     : word == LR_MAGIC_RPC || (!to_server && word == LR_ANSWER_MISMATCH);
    if (!known) {
        stream->stopped = true;
        return lr_error_set(error, LR_EPROTO, "0x%" PRIx32 " is no magic", word);
    }
    stream->framer.expect = LR_FRAME_TEXT;
    stream->walk->counts.words++;
    return lr_word_encode(word, again);
}

/* Keys are put together again with the word before them, which is then taken off. */
static enum lr_status on_key(struct stream *stream, const struct lr_frame *frame,
                             struct lr_buf *again, struct lr_error *error) {
    struct lr_text text = {(const char *)frame->body, frame->kept};
    enum lr_status status;
    stream->framer.expect = LR_FRAME_PACKET;
    if (stream->direction == LR_CAPTURE_TO_SERVER) {
        struct lr_client_key key;
        status = lr_client_key_parse(text, &key, error);
        if (status == LR_OK) {
            status = lr_client_key_encode(&key, again);
        }
    } else if (lr_text_starts_with(text, "server:")) {
        struct lr_text key = {text.data + 7, text.size - 7};
        status = lr_server_hello_encode(LR_MAGIC_RPC, key, again);
    } else {
        status = lr_error_set(error, LR_EPROTO, "no server's key");
    }
    if (status == LR_OK) {
        lr_buf_consume(again, 4);
        stream->walk->counts.keys++;
    }
    return status;
}

static enum lr_status on_frame(struct stream *stream, const struct lr_frame *frame,
                               struct lr_buf *again, struct lr_error *error) {
    struct golden_walk *walk = stream->walk;
    enum lr_status status;
    switch (frame->kind) {
    case LR_FRAME_WORD:
        return on_word(stream, frame, again, error);
    case LR_FRAME_TEXT:
        if (!is_control(stream)) {
            return on_key(stream, frame, again, error);
        }
        if (stream->direction == LR_CAPTURE_TO_SERVER) {
            status = golden_request_again(walk->alloc, frame, stream->questions, again, error);
            walk->counts.requests += status == LR_OK;
        } else {
            status = golden_answer_again(walk->alloc, frame, stream->questions, again, error);
            walk->counts.answers += status == LR_OK;
        }
        return status;
    case LR_FRAME_PACKET:
        status = golden_packet_again(walk->alloc, walk->dialect, frame, again, error);
        walk->counts.packets += status == LR_OK;
        return status;
    }
    return LR_EINVAL;
}

/* Compares what was put together again with what was recorded. */
static enum lr_status compare(const struct stream *stream, const struct lr_frame *frame,
                              const struct lr_buf *again, struct lr_error *error) {
    size_t size = (size_t)(frame->end - frame->begin);
    if (lr_buf_size(again) == size &&
        memcmp(lr_buf_data(again), lr_buf_data(&stream->all) + frame->begin, size) == 0) {
        return LR_OK;
    }
    return lr_error_set(error, LR_EPROTO,
                        "%s, connection %" PRId64 ", direction %d, frame %zu: %zu bytes became %zu "
                        "bytes or others",
                        stream->walk->file, stream->conn->conn, (int)stream->direction,
                        stream->frame, size, lr_buf_size(again));
}

static enum lr_status check_frame(struct stream *stream, const struct lr_frame *frame,
                                  struct lr_error *error) {
    struct lr_buf again;
    lr_buf_init(&again, stream->walk->alloc);
    enum lr_status status = on_frame(stream, frame, &again, error);
    status = status == LR_OK ? compare(stream, frame, &again, error)
                             : check_refusal(stream, status, error);
    lr_buf_deinit(&again);
    stream->frame++;
    return status;
}

static enum lr_status feed(struct stream *stream, const uint8_t *data, size_t size,
                           struct lr_error *error) {
    bool complete = true;
    while (complete && !stream->stopped) {
        struct lr_frame frame;
        enum lr_status status = lr_framer_next(&stream->framer, &data, &size, &complete, &frame);
        if (status != LR_OK) {
            stream->stopped = true;
            (void)lr_error_set(error, status, "framer: %s", lr_status_text(status));
            return check_refusal(stream, status, error);
        }
        status = complete ? check_frame(stream, &frame, error) : LR_OK;
        if (status != LR_OK) {
            return status;
        }
    }
    return LR_OK;
}

static enum lr_status feed_recorded(struct stream *stream, struct lr_error *error) {
    const struct lr_capture_event *event;
    size_t place = 0;
    enum lr_status status = LR_OK;
    while (status == LR_OK &&
           (event = lr_capture_next(stream->walk->capture, stream->conn->conn, &place)) != NULL) {
        if (event->kind == LR_CAPTURE_DATA && event->direction == stream->direction) {
            status = feed(stream, event->bytes, event->size, error);
        }
    }
    return status;
}

static enum lr_status feed_all(struct stream *stream, struct lr_error *error) {
    const uint8_t *data = lr_buf_data(&stream->all);
    size_t size = lr_buf_size(&stream->all);
    if (stream->walk->chunking == GOLDEN_RECORDED) {
        return feed_recorded(stream, error);
    }
    size_t step = stream->walk->chunking == GOLDEN_BYTES ? 1 : size;
    enum lr_status status = LR_OK;
    for (size_t at = 0; at < size && status == LR_OK; at += step) {
        /* A copy of its own size, so that a look beyond a chunk is seen by the sanitizers. */
        uint8_t *chunk = lr_alloc_bytes(stream->walk->alloc, step);
        if (chunk == NULL) {
            return LR_ENOMEM;
        }
        memcpy(chunk, data + at, step);
        status = feed(stream, chunk, step, error);
        lr_alloc_free(stream->walk->alloc, chunk, step);
    }
    return status;
}

static enum lr_status walk_direction(struct golden_walk *walk, const struct lr_capture_conn *conn,
                                     enum lr_capture_direction direction, struct lr_buf *questions,
                                     struct lr_error *error) {
    struct stream stream = {
        .walk = walk, .conn = conn, .direction = direction, .questions = questions};
    lr_buf_init(&stream.all, walk->alloc);
    lr_framer_init(&stream.framer, walk->alloc, LR_FRAME_WORD);
    stream.framer.size_max = is_control(&stream) ? CONTROL_MESSAGE_MAX : DATA_PACKET_MAX;
    enum lr_status status = lr_capture_stream(walk->capture, conn->conn, direction, &stream.all);
    if (status == LR_OK) {
        status = feed_all(&stream, error);
    }
    if (status == LR_OK && !stream.stopped && lr_framer_inside(&stream.framer)) {
        status = check_refusal(&stream, lr_error_set(error, LR_ETRUNCATED, "ends inside"), error);
    }
    lr_framer_deinit(&stream.framer);
    lr_buf_deinit(&stream.all);
    return status;
}

enum lr_status golden_walk_capture(struct golden_walk *walk, struct lr_error *error) {
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < walk->capture->conn_count && status == LR_OK; i++) {
        const struct lr_capture_conn *conn = &walk->capture->conns[i];
        struct lr_buf questions;
        lr_buf_init(&questions, walk->alloc);
        status = walk_direction(walk, conn, LR_CAPTURE_TO_SERVER, &questions, error);
        if (status == LR_OK) {
            status = walk_direction(walk, conn, LR_CAPTURE_FROM_SERVER, &questions, error);
        }
        lr_buf_deinit(&questions);
    }
    return status;
}
