/* SPDX-License-Identifier: Apache-2.0 */
/* What differs from run to run and stands in the recorded bytes: handles, matchkeys, ports. Learnt
 * from the running side's answers beside the recorded ones, put into what is sent. */
#include <stdio.h>
#include <string.h>

#include "mocks/peers/recorded_internal.h"
#include "rpc/handshake.h"
#include "rpc/packet.h"
#include "rpc/tracker_msg.h"

static const uint8_t *recorded_body(const struct lr_recorded *recorded,
                                    const struct lr_step *step) {
    return lr_buf_data(&recorded->bytes) + step->at;
}

static uint64_t swapped(const struct lr_recorded *recorded, uint64_t handle) {
    for (size_t i = recorded->swap_count; i > 0;
         i--) { /* the newest first: handles are used again */
        if (recorded->swaps[i - 1][0] == handle) {
            return recorded->swaps[i - 1][1];
        }
    }
    return handle;
}

static void learn(struct lr_recorded *recorded, uint64_t theirs, uint64_t running) {
    if (theirs != 0 && recorded->swap_count < LR_RECORDED_SWAPS_MAX) {
        recorded->swaps[recorded->swap_count][0] = theirs;
        recorded->swaps[recorded->swap_count][1] = running;
        recorded->swap_count++;
    }
}

/* TVM gives one pointer as often as it is asked for, each to be freed: the newest of it is gone
 * then. */
static void forget(struct lr_recorded *recorded, uint64_t theirs) {
    for (size_t i = recorded->swap_count; i > 0; i--) {
        if (recorded->swaps[i - 1][0] == theirs) {
            size_t behind = recorded->swap_count - i;
            memmove(recorded->swaps[i - 1], recorded->swaps[i], behind * sizeof recorded->swaps[0]);
            recorded->swap_count--;
            return;
        }
    }
}

static bool holds_handle(const struct lr_value *value) {
    return value->kind == LR_VALUE_HANDLE || value->kind == LR_VALUE_MODULE ||
           value->kind == LR_VALUE_FUNCTION || value->kind == LR_VALUE_OBJECT;
}

static void learn_values(struct lr_recorded *recorded, const struct lr_values *theirs,
                         const struct lr_values *running) {
    for (size_t i = 0; i < theirs->count && i < running->count; i++) {
        const struct lr_value *a = &theirs->items[i];
        const struct lr_value *b = &running->items[i];
        if (holds_handle(a) && holds_handle(b)) {
            learn(recorded, a->as.handle, b->as.handle);
        } else if (a->kind == LR_VALUE_TENSOR && b->kind == LR_VALUE_TENSOR) {
            learn(recorded, a->as.tensor.data, b->as.tensor.data);
        }
    }
}

static void note_difference(struct lr_recorded *recorded, const struct lr_step *step,
                            const char *theirs, const char *running) {
    if (recorded->difference[0] == '\0') {
        (void)snprintf(recorded->difference, sizeof recorded->difference,
                       "step %zu of %zu, recorded connection %lld: recorded %s, seen %s",
                       (size_t)(step - recorded->steps) + 1, recorded->step_count,
                       (long long)recorded->conns[step->conn].number, theirs, running);
    }
}

static const char *packet_word(const struct lr_packet *packet, enum lr_status status) {
    const char *name = status == LR_OK ? lr_packet_name(packet->code) : NULL;
    return name != NULL ? name : "no packet";
}

static void learn_packet(struct lr_recorded *recorded, const struct lr_step *step,
                         const uint8_t *body, size_t size) {
    struct lr_alloc *alloc = recorded->role.env.alloc;
    struct lr_packet theirs;
    struct lr_packet running;
    lr_packet_init(&theirs, alloc);
    lr_packet_init(&running, alloc);
    enum lr_status a = lr_packet_decode(recorded->dialect, &lr_value_limits_default,
                                        recorded_body(recorded, step), step->size, &theirs, NULL);
    enum lr_status b =
        lr_packet_decode(recorded->dialect, &lr_value_limits_default, body, size, &running, NULL);
    if (a == LR_ENOMEM || b == LR_ENOMEM) {
        note_difference(recorded, step, "an answer", "no memory to compare it");
    } else if (a == LR_OK && (b != LR_OK || theirs.code != running.code)) {
        note_difference(recorded, step, packet_word(&theirs, a), packet_word(&running, b));
    } else if (a == LR_OK) {
        learn_values(recorded, &theirs.values, &running.values);
    }
    lr_packet_deinit(&theirs);
    lr_packet_deinit(&running);
}

/* The answer to a REQUEST is the one that says where to go. */
static void learn_grant(struct lr_recorded *recorded, const struct lr_step *step,
                        const uint8_t *body, size_t size) {
    struct lr_alloc *alloc = recorded->role.env.alloc;
    struct lr_tracker_answer theirs;
    struct lr_tracker_answer running;
    lr_tracker_answer_init(&theirs, alloc);
    lr_tracker_answer_init(&running, alloc);
    enum lr_status status = lr_tracker_answer_decode(
        &theirs, LR_TRACKER_REQUEST, recorded_body(recorded, step), step->size, NULL);
    if (status == LR_ENOMEM) {
        note_difference(recorded, step, "an answer", "no memory to compare it");
    }
    if (status == LR_OK && theirs.matchkey.size > 0) {
        if (lr_tracker_answer_decode(&running, LR_TRACKER_REQUEST, body, size, NULL) != LR_OK) {
            note_difference(recorded, step, "a grant", "another answer");
        } else {
            (void)snprintf(recorded->matchkeys[0], sizeof recorded->matchkeys[0], "%.*s",
                           (int)theirs.matchkey.size, theirs.matchkey.data);
            (void)snprintf(recorded->matchkeys[1], sizeof recorded->matchkeys[1], "%.*s",
                           (int)running.matchkey.size, running.matchkey.data);
            (void)snprintf(recorded->granted.host, sizeof recorded->granted.host, "%.*s",
                           (int)running.host.size, running.host.data);
            recorded->granted.port = running.port;
        }
    }
    lr_tracker_answer_deinit(&theirs);
    lr_tracker_answer_deinit(&running);
}

void lr_recorded_swap_in(struct lr_recorded *recorded, const struct lr_step *step,
                         const uint8_t *body, size_t size) {
    enum lr_capture_link link = recorded->conns[step->conn].link;
    if (step->frame == LR_FRAME_WORD) {
        if (size != step->size || memcmp(body, recorded_body(recorded, step), size) != 0) {
            note_difference(recorded, step, "one answer to the magic", "another");
        }
    } else if (step->frame == LR_FRAME_PACKET) {
        learn_packet(recorded, step, body, size);
    } else if (link == LR_CAPTURE_CLIENT_TRACKER) {
        learn_grant(recorded, step, body, size);
    }
}

static void swap_values(const struct lr_recorded *recorded, struct lr_packet *packet) {
    packet->handle = swapped(recorded, packet->handle);
    packet->tensor.data = swapped(recorded, packet->tensor.data);
    for (size_t i = 0; i < packet->values.count; i++) {
        struct lr_value *value = &packet->values.items[i];
        if (holds_handle(value)) {
            value->as.handle = swapped(recorded, value->as.handle);
        } else if (value->kind == LR_VALUE_TENSOR) {
            value->as.tensor.data = swapped(recorded, value->as.tensor.data);
        }
    }
}

static enum lr_status append_framed(enum lr_frame_kind kind, const void *body, size_t size,
                                    struct lr_buf *out) {
    struct lr_writer writer = lr_writer_of(out);
    if (kind == LR_FRAME_TEXT) {
        lr_write_u32(&writer, (uint32_t)size);
    } else if (kind == LR_FRAME_PACKET) {
        lr_write_u64(&writer, size);
    }
    lr_write_bytes(&writer, body, size);
    return writer.status;
}

static enum lr_status send_packet(struct lr_recorded *recorded, const struct lr_step *step,
                                  struct lr_buf *out) {
    struct lr_packet packet;
    lr_packet_init(&packet, recorded->role.env.alloc);
    enum lr_status status =
        lr_packet_decode(recorded->dialect, &lr_value_limits_default, recorded_body(recorded, step),
                         step->size, &packet, NULL);
    if (status == LR_OK && recorded->side == LR_RECORDED_CLIENT && packet.code != 0) {
        bool frees = packet.code == LR_PACKET_FREE_HANDLE && packet.values.count > 0;
        uint64_t freed = frees ? packet.values.items[0].as.handle : 0;
        swap_values(recorded, &packet);
        status = lr_packet_encode(recorded->dialect, &packet, out);
        if (frees) {
            forget(recorded, freed);
        }
    } else if (status !=
               LR_ENOMEM) { /* a server's own handles stay; what does not decode goes as it is */
        status = append_framed(LR_FRAME_PACKET, recorded_body(recorded, step), step->size, out);
    }
    lr_packet_deinit(&packet);
    return status;
}

/* The key of a handshake, with the matchkey of the running grant. */
static enum lr_status send_key(struct lr_recorded *recorded, const struct lr_step *step,
                               struct lr_buf *out) {
    static const char prefix[] = "client:";
    const char *body = (const char *)recorded_body(recorded, step);
    size_t theirs = strlen(recorded->matchkeys[0]);
    size_t before = strlen(prefix);
    bool same = theirs > 0 && step->size >= before + theirs &&
                memcmp(body + before, recorded->matchkeys[0], theirs) == 0;
    if (!same || recorded->side == LR_RECORDED_SERVER) {
        return append_framed(LR_FRAME_TEXT, body, step->size, out);
    }
    size_t running = strlen(recorded->matchkeys[1]);
    size_t rest = step->size - before - theirs;
    struct lr_writer writer = lr_writer_of(out);
    lr_write_u32(&writer, (uint32_t)(before + running + rest));
    lr_write_bytes(&writer, prefix, before);
    lr_write_bytes(&writer, recorded->matchkeys[1], running);
    lr_write_bytes(&writer, body + before + theirs, rest);
    return writer.status;
}

/* A server's own messages name its port. */
static enum lr_status send_message(struct lr_recorded *recorded, const struct lr_step *step,
                                   struct lr_buf *out) {
    struct lr_tracker_msg msg;
    lr_tracker_msg_init(&msg, recorded->role.env.alloc);
    enum lr_status status =
        lr_tracker_msg_decode(&msg, recorded_body(recorded, step), step->size, SIZE_MAX, NULL);
    if (status == LR_OK && msg.port != 0) {
        msg.port = recorded->port;
        msg.has_host = false;
        status = lr_tracker_msg_encode(&msg, out);
    } else if (status != LR_ENOMEM) {
        status = append_framed(LR_FRAME_TEXT, recorded_body(recorded, step), step->size, out);
    }
    lr_tracker_msg_deinit(&msg);
    return status;
}

enum lr_status lr_recorded_swap_out(struct lr_recorded *recorded, const struct lr_step *step,
                                    struct lr_buf *out) {
    if (step->kind == LR_STEP_RAW || step->frame == LR_FRAME_WORD) {
        return lr_buf_append(out, recorded_body(recorded, step), step->size);
    }
    if (step->frame == LR_FRAME_PACKET) {
        return send_packet(recorded, step, out);
    }
    return recorded->conns[step->conn].link == LR_CAPTURE_CLIENT_SERVER
               ? send_key(recorded, step, out)
               : send_message(recorded, step, out);
}
