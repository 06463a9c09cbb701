/* SPDX-License-Identifier: Apache-2.0 */
#include "mocks/peers/recorded_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

enum { LINGER_SECONDS = 1 };

static struct lr_recorded *recorded_of(struct lr_role *role) {
    return LR_CONTAINER_OF(role, struct lr_recorded, role);
}

static void give_up(struct lr_recorded *recorded, const char *why) {
    if (recorded->difference[0] == '\0') {
        (void)snprintf(recorded->difference, sizeof recorded->difference, "step %zu of %zu: %s",
                       recorded->next + 1, recorded->step_count, why);
    }
}

/* Opens the step's connection; servers wait for a client to come. False: not up yet. */
static bool play_open(struct lr_recorded *recorded, struct lr_recorded_conn *conn) {
    bool accepts = recorded->side == LR_RECORDED_SERVER && conn->link == LR_CAPTURE_CLIENT_SERVER;
    if (conn->conn != 0 || accepts) {
        return conn->up || conn->gone;
    }
    const struct lr_address *to =
        conn->link == LR_CAPTURE_CLIENT_SERVER ? &recorded->granted : &recorded->tracker;
    struct lr_keepalive none = {0};
    if (lr_outbox_connect(&recorded->role.outbox, to, none, &conn->conn) != LR_OK) {
        conn->gone = true;
        give_up(recorded, "out of memory");
    }
    return conn->gone;
}

static void play_send(struct lr_recorded *recorded, const struct lr_step *step) {
    struct lr_recorded_conn *conn = &recorded->conns[step->conn];
    if (conn->gone) {
        return; /* the running side has ended it earlier than the recorded one */
    }
    struct lr_buf bytes;
    lr_buf_init(&bytes, recorded->role.env.alloc);
    if (lr_recorded_swap_out(recorded, step, &bytes) != LR_OK ||
        lr_outbox_send(&recorded->role.outbox, conn->conn, &bytes) != LR_OK) {
        give_up(recorded, "out of memory");
    }
    lr_buf_deinit(&bytes);
}

static void play_end(struct lr_recorded *recorded, struct lr_recorded_conn *conn,
                     enum lr_step_kind kind, lr_time now) {
    if (conn->link == LR_CAPTURE_CLIENT_SERVER) {
        recorded->ended_at = now;
    }
    if (conn->gone) {
        return;
    }
    conn->gone = true;
    if (kind == LR_STEP_RESET) {
        lr_outbox_reset(&recorded->role.outbox, conn->conn);
    } else {
        lr_outbox_close(&recorded->role.outbox, conn->conn, LINGER_SECONDS * LR_SECOND);
    }
}

/* Plays steps until one has to wait. */
static void play(struct lr_recorded *recorded, lr_time now) {
    while (recorded->next < recorded->step_count) {
        const struct lr_step *step = &recorded->steps[recorded->next];
        struct lr_recorded_conn *conn = &recorded->conns[step->conn];
        switch (step->kind) {
        case LR_STEP_OPEN:
            if (!play_open(recorded, conn)) {
                return;
            }
            break;
        case LR_STEP_AWAIT:
            if (!conn->gone) {
                return; /* take_frame goes on */
            }
            break;
        case LR_STEP_SEND:
        case LR_STEP_RAW:
            play_send(recorded, step);
            break;
        case LR_STEP_FIN:
        case LR_STEP_RESET:
            play_end(recorded, conn, step->kind, now);
            break;
        }
        recorded->next++;
    }
}

static struct lr_recorded_conn *find(struct lr_recorded *recorded, lr_conn number) {
    for (size_t i = 0; i < recorded->conn_count; i++) {
        if (recorded->conns[i].conn == number && !recorded->conns[i].gone) {
            return &recorded->conns[i];
        }
    }
    return NULL;
}

/* A frame of the running side: the step that awaits it goes on; one that nobody awaits is a
 * difference, unless it comes where the recording has ended. */
static void take_frame(struct lr_recorded *recorded, struct lr_recorded_conn *conn,
                       const struct lr_frame *frame, lr_time now) {
    const struct lr_step *step =
        recorded->next < recorded->step_count ? &recorded->steps[recorded->next] : NULL;
    conn->frames++;
    if (step == NULL || step->kind != LR_STEP_AWAIT || &recorded->conns[step->conn] != conn) {
        if (step != NULL) {
            give_up(recorded, "a frame came that the recording does not have there");
        }
        return;
    }
    lr_recorded_swap_in(recorded, step, frame->body, frame->kept);
    recorded->next++;
    play(recorded, now);
}

static void take_bytes(struct lr_recorded *recorded, struct lr_recorded_conn *conn,
                       const struct lr_event *event) {
    const uint8_t *data = event->data;
    size_t left = event->size;
    while (left > 0 && !conn->gone) {
        bool complete = false;
        struct lr_frame frame;
        if (!lr_framer_inside(&conn->framer)) {
            conn->framer.expect = lr_recorded_frame_kind(conn->link, conn->frames);
        }
        if (lr_framer_next(&conn->framer, &data, &left, &complete, &frame) != LR_OK) {
            give_up(recorded, "the running side's bytes are not the protocol's");
            return;
        }
        if (complete) {
            take_frame(recorded, conn, &frame, event->now);
        }
    }
}

/* A client has come: it is the next recorded connection to us that has nobody yet. */
static void take_accepted(struct lr_recorded *recorded, const struct lr_event *event) {
    for (size_t i = 0; i < recorded->conn_count; i++) {
        struct lr_recorded_conn *conn = &recorded->conns[i];
        if (conn->conn == 0 && conn->link == LR_CAPTURE_CLIENT_SERVER) {
            conn->conn = event->conn;
            conn->up = true;
            return;
        }
    }
    lr_outbox_reset(&recorded->role.outbox, event->conn);
}

static void take_gone(struct lr_recorded *recorded, const struct lr_event *event) {
    struct lr_recorded_conn *conn = find(recorded, event->conn);
    if (conn == NULL) {
        return;
    }
    conn->gone = true;
    if (event->kind == LR_EVENT_HALF_CLOSED) {
        lr_outbox_close(&recorded->role.outbox, event->conn, LINGER_SECONDS * LR_SECOND);
    } else if (event->kind == LR_EVENT_CONNECT_FAILED) {
        give_up(recorded, event->reason != NULL ? event->reason : "a connection was refused");
    }
}

static void handle(struct lr_role *role, const struct lr_event *event) {
    struct lr_recorded *recorded = recorded_of(role);
    struct lr_recorded_conn *conn = find(recorded, event->conn);
    switch (event->kind) {
    case LR_EVENT_LISTENING:
        recorded->port = event->port;
        break;
    case LR_EVENT_ACCEPTED:
        take_accepted(recorded, event);
        break;
    case LR_EVENT_CONNECTED:
        if (conn != NULL) {
            conn->up = true;
        }
        break;
    case LR_EVENT_RECEIVED:
        if (conn != NULL) {
            take_bytes(recorded, conn, event);
        }
        return;
    case LR_EVENT_LISTEN_FAILED:
        give_up(recorded, "it cannot listen");
        break;
    case LR_EVENT_CONNECT_FAILED:
    case LR_EVENT_HALF_CLOSED:
    case LR_EVENT_CLOSED:
    case LR_EVENT_RESET:
        take_gone(recorded, event);
        break;
    case LR_EVENT_WRITABLE:
    case LR_EVENT_EXPIRED:
        return;
    }
    if (recorded->side == LR_RECORDED_CLIENT || recorded->port != 0) {
        play(recorded, event->now);
    }
}

static lr_time deadline(const struct lr_role *role) {
    (void)role;
    return LR_TIME_NEVER;
}

static const struct lr_role_ops recorded_ops = {"recorded", handle, deadline};

enum lr_status lr_recorded_new(struct lr_recorded **out, const struct lr_env *env,
                               const struct lr_recorded_options *options, const void *lines,
                               size_t size, struct lr_error *error) {
    struct lr_recorded *recorded = LR_NEW(env->alloc, struct lr_recorded);
    if (recorded == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a recorded peer");
    }
    recorded->role = (struct lr_role){.ops = &recorded_ops, .env = *env};
    lr_outbox_init(&recorded->role.outbox, env->alloc);
    lr_buf_init(&recorded->bytes, env->alloc);
    recorded->side = options->side;
    recorded->dialect = options->dialect;
    recorded->ended_at = LR_TIME_NEVER;
    (void)snprintf(recorded->host, sizeof recorded->host, "%s", options->host);
    (void)snprintf(recorded->tracker.host, sizeof recorded->tracker.host, "%s",
                   options->tracker_host);
    recorded->tracker.port = options->tracker_port;
    struct lr_capture capture;
    enum lr_status status = lr_capture_parse(&capture, env->alloc, lines, size, error);
    if (status == LR_OK) {
        status = lr_recorded_make_steps(recorded, &capture, error);
    }
    lr_capture_deinit(&capture);
    if (status != LR_OK) {
        lr_recorded_free(recorded);
        return status;
    }
    *out = recorded;
    return LR_OK;
}

void lr_recorded_free(struct lr_recorded *recorded) {
    if (recorded == NULL) {
        return;
    }
    struct lr_alloc *alloc = recorded->role.env.alloc;
    for (size_t i = 0; i < recorded->conn_count; i++) {
        lr_framer_deinit(&recorded->conns[i].framer);
    }
    if (recorded->steps != NULL) {
        lr_alloc_free(alloc, recorded->steps, recorded->step_room * sizeof *recorded->steps);
    }
    lr_buf_deinit(&recorded->bytes);
    lr_outbox_deinit(&recorded->role.outbox);
    LR_FREE(alloc, recorded);
}

struct lr_role *lr_recorded_role(struct lr_recorded *recorded) {
    return &recorded->role;
}

enum lr_status lr_recorded_start(struct lr_recorded *recorded, lr_time now) {
    if (recorded->side == LR_RECORDED_SERVER) {
        struct lr_keepalive none = {0};
        return lr_outbox_listen(&recorded->role.outbox, recorded->host, 0, 1, none,
                                &recorded->listener);
    }
    play(recorded, now);
    return LR_OK;
}

uint16_t lr_recorded_port(const struct lr_recorded *recorded) {
    return recorded->port;
}

bool lr_recorded_finished(const struct lr_recorded *recorded) {
    return recorded->next == recorded->step_count;
}

size_t lr_recorded_played(const struct lr_recorded *recorded) {
    return recorded->next;
}

size_t lr_recorded_steps(const struct lr_recorded *recorded) {
    return recorded->step_count;
}

lr_time lr_recorded_ended_at(const struct lr_recorded *recorded) {
    return recorded->ended_at;
}

const char *lr_recorded_difference(const struct lr_recorded *recorded) {
    return recorded->difference[0] == '\0' ? NULL : recorded->difference;
}
