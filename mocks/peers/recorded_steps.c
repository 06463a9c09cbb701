/* SPDX-License-Identifier: Apache-2.0 */
/* From a capture to steps: the reads of a relay become frames, in the order in which they were
 * whole. */
#include "mocks/peers/recorded_internal.h"

#include <string.h>

/* Tracker links: magic, then messages. Data links: magic (or its answer), the key, then packets. */
enum lr_frame_kind lr_recorded_frame_kind(enum lr_capture_link link, unsigned int frames) {
    if (frames == 0) {
        return LR_FRAME_WORD;
    }
    return link != LR_CAPTURE_CLIENT_SERVER || frames == 1 ? LR_FRAME_TEXT : LR_FRAME_PACKET;
}

static bool plays(const struct lr_recorded *recorded, enum lr_capture_link link) {
    return link == LR_CAPTURE_CLIENT_SERVER ||
           (link == LR_CAPTURE_SERVER_TRACKER) == (recorded->side == LR_RECORDED_SERVER);
}

/* Whether |direction| of |link| is what our side sent. */
static bool is_ours(const struct lr_recorded *recorded, enum lr_capture_link link,
                    enum lr_capture_direction direction) {
    bool service = recorded->side == LR_RECORDED_SERVER && link == LR_CAPTURE_CLIENT_SERVER;
    return (direction == LR_CAPTURE_FROM_SERVER) == service;
}

static enum lr_status add_step(struct lr_recorded *recorded, const struct lr_step *step,
                               const void *bytes) {
    if (recorded->step_count == recorded->step_room) {
        size_t room = recorded->step_room == 0 ? 64 : recorded->step_room * 2;
        struct lr_step *steps =
            lr_alloc_resize(recorded->role.env.alloc, recorded->steps,
                            recorded->step_room * sizeof *steps, room * sizeof *steps);
        if (steps == NULL) {
            return LR_ENOMEM;
        }
        recorded->steps = steps;
        recorded->step_room = room;
    }
    struct lr_step *added = &recorded->steps[recorded->step_count];
    *added = *step;
    added->at = lr_buf_size(&recorded->bytes);
    enum lr_status status = lr_buf_append(&recorded->bytes, bytes, step->size);
    recorded->step_count += status == LR_OK;
    return status;
}

/* The bytes of one read, as frames; what is no frame is raw, and so is all after it. */
static enum lr_status add_bytes(struct lr_recorded *recorded, size_t conn, bool ours,
                                struct lr_recorded_stream *stream,
                                const struct lr_capture_event *event) {
    const uint8_t *data = event->bytes;
    size_t left = event->size;
    enum lr_status status = LR_OK;
    while (left > 0 && !stream->broken && status == LR_OK) {
        bool complete = false;
        struct lr_frame frame;
        stream->framer.expect =
            lr_framer_inside(&stream->framer)
                ? stream->framer.expect
                : lr_recorded_frame_kind(recorded->conns[conn].link, stream->frames);
        status = lr_framer_next(&stream->framer, &data, &left, &complete, &frame);
        if (status == LR_OK && complete) {
            struct lr_step step = {.kind = ours ? LR_STEP_SEND : LR_STEP_AWAIT,
                                   .conn = conn,
                                   .frame = frame.kind,
                                   .size = frame.kept};
            status = add_step(recorded, &step, frame.body);
            stream->frames++;
        } else if (status == LR_EPROTO || status == LR_ELIMIT) {
            stream->broken = true;
            status = LR_OK;
        }
    }
    if (status == LR_OK && left > 0 && ours) {
        struct lr_step step = {.kind = LR_STEP_RAW, .conn = conn, .size = left};
        status = add_step(recorded, &step, data);
    }
    return status;
}

/* Our end of a connection: the piece of a frame that was begun goes out as it is. */
static enum lr_status add_end(struct lr_recorded *recorded, size_t conn, enum lr_step_kind kind,
                              struct lr_recorded_stream *stream) {
    enum lr_status status = LR_OK;
    size_t begun = lr_buf_size(&stream->framer.partial);
    if (!stream->broken && lr_framer_inside(&stream->framer) && begun > 0) {
        struct lr_buf piece;
        lr_buf_init(&piece, recorded->role.env.alloc);
        if (stream->framer.in_body) { /* the framer has taken the length off */
            uint8_t length[8];
            size_t width = stream->framer.expect == LR_FRAME_PACKET ? 8 : 4;
            for (size_t i = 0; i < width; i++) {
                length[i] = (uint8_t)(stream->framer.body_size >> (8 * i));
            }
            status = lr_buf_append(&piece, length, width);
        }
        if (status == LR_OK) {
            status = lr_buf_append(&piece, lr_buf_data(&stream->framer.partial), begun);
        }
        struct lr_step step = {.kind = LR_STEP_RAW, .conn = conn, .size = lr_buf_size(&piece)};
        if (status == LR_OK) {
            status = add_step(recorded, &step, lr_buf_data(&piece));
        }
        lr_buf_deinit(&piece);
    }
    struct lr_step end = {.kind = kind, .conn = conn};
    return status == LR_OK ? add_step(recorded, &end, NULL) : status;
}

static size_t find_conn(const struct lr_recorded *recorded, int64_t number) {
    size_t i = 0;
    while (i < recorded->conn_count && recorded->conns[i].number != number) {
        i++;
    }
    return i;
}

static enum lr_status add_open(struct lr_recorded *recorded, const struct lr_capture_event *event,
                               struct lr_recorded_stream (*streams)[2]) {
    if (!plays(recorded, event->link)) {
        return LR_OK;
    }
    if (recorded->conn_count == LR_RECORDED_CONNS_MAX) {
        return LR_ELIMIT;
    }
    size_t index = recorded->conn_count++;
    recorded->conns[index] = (struct lr_recorded_conn){.number = event->conn, .link = event->link};
    struct lr_alloc *alloc = recorded->role.env.alloc;
    lr_framer_init(&recorded->conns[index].framer, alloc, LR_FRAME_WORD);
    lr_framer_init(&streams[index][0].framer, alloc, LR_FRAME_WORD);
    lr_framer_init(&streams[index][1].framer, alloc, LR_FRAME_WORD);
    struct lr_step step = {.kind = LR_STEP_OPEN, .conn = index};
    return add_step(recorded, &step, NULL);
}

static enum lr_status add_event(struct lr_recorded *recorded, const struct lr_capture_event *event,
                                struct lr_recorded_stream (*streams)[2]) {
    if (event->kind == LR_CAPTURE_OPEN) {
        return add_open(recorded, event, streams);
    }
    size_t conn = find_conn(recorded, event->conn);
    if (conn == recorded->conn_count) {
        return LR_OK; /* a mark, or a link of somebody else's */
    }
    bool ours = is_ours(recorded, recorded->conns[conn].link, event->direction);
    struct lr_recorded_stream *stream = &streams[conn][ours];
    if (event->kind == LR_CAPTURE_DATA) {
        return add_bytes(recorded, conn, ours, stream, event);
    }
    if (ours && event->kind == LR_CAPTURE_EOF) {
        return add_end(recorded, conn, LR_STEP_FIN, stream);
    }
    if (ours && event->kind == LR_CAPTURE_RESET) {
        return add_end(recorded, conn, LR_STEP_RESET, stream);
    }
    return LR_OK;
}

enum lr_status lr_recorded_make_steps(struct lr_recorded *recorded,
                                      const struct lr_capture *capture, struct lr_error *error) {
    struct lr_alloc *alloc = recorded->role.env.alloc;
    struct lr_recorded_stream(*streams)[2] =
        lr_alloc_zeroed(alloc, LR_RECORDED_CONNS_MAX * sizeof *streams);
    if (streams == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a recording");
    }
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < capture->event_count && status == LR_OK; i++) {
        status = add_event(recorded, &capture->events[i], streams);
    }
    for (size_t i = 0; i < recorded->conn_count; i++) {
        lr_framer_deinit(&streams[i][0].framer);
        lr_framer_deinit(&streams[i][1].framer);
    }
    lr_alloc_free(alloc, streams, LR_RECORDED_CONNS_MAX * sizeof *streams);
    if (status == LR_ELIMIT) {
        return lr_error_set(error, status, "a recording of more than %d connections",
                            LR_RECORDED_CONNS_MAX);
    }
    if (status != LR_OK) {
        return lr_error_set(error, status, "no memory for a recording");
    }
    return recorded->step_count > 0
               ? LR_OK
               : lr_error_set(error, LR_EPROTO, "the recording has no connection of a %s to play",
                              recorded->side == LR_RECORDED_SERVER ? "server" : "client");
}
