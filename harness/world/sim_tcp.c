/* SPDX-License-Identifier: Apache-2.0 */
/* What the systems at both ends of a connection do: buffers, windows, FIN, and RST where a kernel
 * sends one. Sequence numbers, retransmission and congestion are not what applications see. */
#include "world/sim_fault.h"

#include <string.h>

#include "base/assert.h"

enum {
    CHUNK_BYTES_MAX = 64 * 1024, /* what is sent at once arrives at once up to here */
    SMALL_CHUNK = 512,           /* these are kept for the next ones: most messages fit */
    FIN = 0,
    RST = 1
};

/* ---- chunks ---- */

static struct lr_sim_chunk *new_chunk(struct lr_sim *sim, size_t size) {
    size_t capacity = size < SMALL_CHUNK ? SMALL_CHUNK : size;
    struct lr_sim_chunk *chunk = sim->spare_chunks;
    if (capacity == SMALL_CHUNK && chunk != NULL) {
        sim->spare_chunks = chunk->next;
    } else {
        chunk = lr_alloc_bytes(sim->alloc, sizeof *chunk + capacity);
    }
    if (chunk != NULL) {
        chunk->next = NULL;
        chunk->begin = 0;
        chunk->end = 0;
        chunk->capacity = (uint32_t)capacity;
    }
    return chunk;
}

static void free_chunk(struct lr_sim *sim, struct lr_sim_chunk *chunk) {
    if (chunk->capacity == SMALL_CHUNK) {
        chunk->next = sim->spare_chunks;
        sim->spare_chunks = chunk;
    } else {
        lr_alloc_free(sim->alloc, chunk, sizeof *chunk + chunk->capacity);
    }
}

void lr_sim_chunks_free_spare(struct lr_sim *sim) {
    while (sim->spare_chunks != NULL) {
        struct lr_sim_chunk *chunk = sim->spare_chunks;
        sim->spare_chunks = chunk->next;
        lr_alloc_free(sim->alloc, chunk, sizeof *chunk + chunk->capacity);
    }
}

static size_t bytes_of(const struct lr_sim_chunk *chunk) {
    return chunk->end - chunk->begin;
}

static struct lr_sim *sim_of(const struct lr_sim_end *end) {
    return lr_sim_pair_of(end)->sim;
}

static struct lr_sim_chunk *take_first(struct lr_sim_flow *flow) {
    struct lr_sim_chunk *chunk = flow->first;
    flow->first = chunk->next;
    if (flow->first == NULL) {
        flow->last = NULL;
    }
    return chunk;
}

static void drop_arrived(struct lr_sim_end *from) {
    struct lr_sim_flow *flow = &from->out;
    while (flow->first != NULL && flow->first != flow->flying && flow->first != flow->held) {
        free_chunk(sim_of(from), take_first(flow));
    }
    flow->arrived_bytes = 0;
}

static void drop_held(struct lr_sim_end *from) {
    struct lr_sim_flow *flow = &from->out;
    if (flow->held == NULL) {
        return;
    }
    struct lr_sim_chunk *last = NULL;
    for (struct lr_sim_chunk *chunk = flow->first; chunk != flow->held; chunk = chunk->next) {
        last = chunk;
    }
    for (struct lr_sim_chunk *chunk = flow->held, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free_chunk(sim_of(from), chunk);
    }
    if (last == NULL) {
        flow->first = NULL;
    } else {
        last->next = NULL;
    }
    flow->last = last;
    flow->held = NULL;
    flow->held_bytes = 0;
}

void lr_sim_tcp_free_flow(struct lr_sim_end *end) {
    while (end->out.first != NULL) {
        free_chunk(sim_of(end), take_first(&end->out));
    }
    lr_sim_disarm(sim_of(end), &end->out.arrive);
    lr_sim_disarm(sim_of(end), &end->out.room);
}

/* ---- leaving ---- */

/* When |size| bytes that leave now arrive. */
static lr_time fly(struct lr_sim_end *from, size_t size) {
    struct lr_sim_pair *pair = lr_sim_pair_of(from);
    const struct lr_sim_link_profile *profile = &pair->profile;
    struct lr_sim_flow *flow = &from->out;
    lr_time at = pair->sim->now;
    if (profile->bandwidth != 0) {
        lr_time start = flow->line_free_at > at ? flow->line_free_at : at;
        at = lr_time_add(start, size * LR_SECOND / profile->bandwidth);
        flow->line_free_at = at;
    }
    at = lr_time_add(at, profile->latency_ns);
    if (profile->jitter_ns != 0) {
        at = lr_time_add(at, lr_prng_below(&pair->random, profile->jitter_ns + 1));
    }
    flow->last_at = at > flow->last_at ? at : flow->last_at;
    return flow->last_at;
}

static lr_time next_arrival(const struct lr_sim_flow *flow) {
    if (flow->flying != NULL) {
        return flow->flying->at;
    }
    if (flow->fin_sent && !flow->fin_arrived) {
        return flow->end_at[FIN];
    }
    return flow->rst_sent && !flow->rst_arrived ? flow->end_at[RST] : LR_TIME_NEVER;
}

static void arm_by(struct lr_sim_end *from, lr_time at) {
    struct lr_sim_event *event = &from->out.arrive;
    if (at != LR_TIME_NEVER && (!lr_sim_armed(event) || event->at > at)) {
        lr_sim_arm(sim_of(from), event, at);
    }
}

/* Lets go as much as the receiver has room for. */
static void launch(struct lr_sim_end *from) {
    struct lr_sim_flow *flow = &from->out;
    size_t window = sim_of(from)->options.receive_buffer;
    if (from->shaped && flow->held != NULL && lr_sim_shape_holds(from)) {
        return;
    }
    while (flow->held != NULL) {
        struct lr_sim_chunk *chunk = flow->held;
        size_t size = bytes_of(chunk);
        size_t used = flow->flying_bytes + flow->arrived_bytes;
        if (used + size > window && used > 0) {
            break;
        }
        chunk->at = fly(from, size);
        flow->held_bytes -= size;
        flow->flying_bytes += size;
        flow->flying = flow->flying == NULL ? chunk : flow->flying;
        flow->held = chunk->next;
    }
    arm_by(from, next_arrival(flow));
}

static bool is_broken(struct lr_sim_end *end) {
    return lr_sim_peer(end)->out.rst_arrived;
}

static void try_fin(struct lr_sim_end *from) {
    struct lr_sim_flow *flow = &from->out;
    if (flow->fin_wanted && !flow->fin_sent && !flow->rst_sent && flow->held == NULL &&
        !is_broken(from)) {
        flow->fin_sent = true;
        flow->end_at[FIN] = fly(from, 0);
        arm_by(from, flow->end_at[FIN]);
    }
}

static void send_rst(struct lr_sim_end *from) {
    struct lr_sim_flow *flow = &from->out;
    if (!flow->rst_sent && !is_broken(from)) {
        drop_held(from);
        flow->rst_sent = true;
        flow->end_at[RST] = fly(from, 0);
        arm_by(from, next_arrival(flow));
    }
}

/* ---- writing ---- */

size_t lr_sim_tcp_room(const struct lr_sim_end *end) {
    size_t used = end->out.held_bytes + end->out.flying_bytes;
    size_t limit = sim_of(end)->options.send_buffer;
    return used < limit ? limit - used : 0;
}

/* A chunk at the end of what is held, with room for some of |size| bytes; NULL: no memory. */
static struct lr_sim_chunk *chunk_for(struct lr_sim_end *end, size_t size) {
    struct lr_sim_flow *flow = &end->out;
    struct lr_sim *sim = sim_of(end);
    if (flow->held != NULL && flow->last->end < flow->last->capacity) {
        return flow->last;
    }
    size_t limit = sim->options.receive_buffer;
    limit = limit < CHUNK_BYTES_MAX ? limit : CHUNK_BYTES_MAX;
    struct lr_sim_chunk *chunk = new_chunk(sim, size < limit ? size : limit);
    if (chunk == NULL) {
        return NULL;
    }
    if (chunk->capacity > limit) {
        chunk->begin = chunk->end = (uint32_t)(chunk->capacity - limit); /* a tiny window */
    }
    if (flow->last == NULL) {
        flow->first = chunk;
    } else {
        flow->last->next = chunk;
    }
    flow->last = chunk;
    flow->held = flow->held == NULL ? chunk : flow->held;
    return chunk;
}

bool lr_sim_tcp_write(struct lr_sim_end *end, const uint8_t *bytes, size_t size, size_t *taken,
                      enum lr_sim_failure *failure) {
    size_t room = lr_sim_tcp_room(end);
    *taken = 0;
    if (is_broken(end)) {
        *failure = lr_sim_peer(end)->out.fin_arrived ? LR_SIM_BROKEN_PIPE : LR_SIM_RESET;
        return false;
    }
    size = size < room ? size : room;
    while (*taken < size) {
        struct lr_sim_chunk *chunk = chunk_for(end, size - *taken);
        if (chunk == NULL) {
            *failure = LR_SIM_NO_MEMORY;
            return false;
        }
        size_t part = chunk->capacity - chunk->end;
        part = part < size - *taken ? part : size - *taken;
        memcpy(chunk->bytes + chunk->end, bytes + *taken, part);
        chunk->end += (uint32_t)part;
        end->out.held_bytes += part;
        *taken += part;
    }
    launch(end);
    return true;
}

void lr_sim_tcp_shut(struct lr_sim_end *end) {
    end->out.fin_wanted = true;
    try_fin(end);
}

void lr_sim_tcp_close(struct lr_sim_end *end) {
    struct lr_sim_end *peer = lr_sim_peer(end);
    if (end->closed) {
        return;
    }
    bool unread = peer->out.arrived_bytes > 0;
    end->closed = true;
    end->reading = false;
    drop_arrived(peer);
    if (end->opened) {
        if (unread) {
            send_rst(end);
        } else {
            lr_sim_tcp_shut(end);
        }
    }
}

void lr_sim_tcp_abort(struct lr_sim_end *end) {
    if (!end->closed) {
        end->closed = true;
        end->reading = false;
        drop_arrived(lr_sim_peer(end));
        if (end->opened) {
            send_rst(end);
        }
    }
}

void lr_sim_tcp_vanish(struct lr_sim_end *end, bool answers) {
    end->closed = true;
    end->reading = false;
    end->silent = !answers;
    drop_arrived(lr_sim_peer(end));
    drop_held(end);
    end->out.fin_wanted = false;
}

/* ---- arriving ---- */

static void land(struct lr_sim_end *from, struct lr_sim_end *to) {
    struct lr_sim_flow *flow = &from->out;
    lr_time now = sim_of(from)->now;
    bool answer = false;
    while (flow->flying != NULL && flow->flying->at <= now) {
        struct lr_sim_chunk *chunk = flow->flying;
        flow->flying = chunk->next == flow->held ? NULL : chunk->next;
        flow->flying_bytes -= bytes_of(chunk);
        to->heard_at = to->frozen ? to->heard_at : now; /* a black hole lets nobody hear */
        if (to->closed) {
            LR_ASSERT(chunk == flow->first);
            free_chunk(sim_of(from), take_first(flow));
            answer = !to->silent;
        } else {
            flow->arrived_bytes += bytes_of(chunk);
        }
    }
    if (answer) { /* nobody reads there any more */
        send_rst(to);
    }
    if (flow->flying == NULL && flow->fin_sent && !flow->fin_arrived && flow->end_at[FIN] <= now) {
        flow->fin_arrived = true;
        to->heard_at = now;
    }
    if (flow->flying == NULL && flow->rst_sent && !flow->rst_arrived && flow->end_at[RST] <= now) {
        flow->rst_arrived = true;
        drop_held(to); /* it will not leave any more */
    }
}

/* How much is read at once. */
static size_t cut(struct lr_sim_end *to, size_t size) {
    struct lr_sim_pair *pair = lr_sim_pair_of(to);
    if (pair->profile.segments == LR_SIM_WHOLE || to->lingering) {
        return size;
    }
    return pair->profile.segments == LR_SIM_BYTES ? 1
                                                  : 1 + (size_t)lr_prng_below(&pair->random, size);
}

static bool is_readable(const struct lr_sim_end *from, const struct lr_sim_end *to) {
    const struct lr_sim_flow *flow = &from->out;
    return to->reading && (flow->arrived_bytes > 0 || flow->fin_arrived || flow->rst_arrived);
}

/* The peer has ended, and nobody reads. */
static bool is_to_notice(const struct lr_sim_end *from, const struct lr_sim_end *to) {
    return !to->reading && to->opened && !to->closed && !to->frozen && !to->got_end &&
           (from->out.fin_arrived || from->out.rst_arrived);
}

/* What came before a FIN is read all the same; what came before a reset is lost, as it may always
 * be. */
static void notice_end(const struct lr_sim_end *from, struct lr_sim_end *to) {
    if (from->out.rst_arrived) {
        lr_sim_fail(to, LR_SIM_RESET);
    } else {
        to->peer_ended = true;
        lr_sim_read(to, to->wants_read);
    }
}

static void read_some(struct lr_sim_end *from, struct lr_sim_end *to) {
    struct lr_sim_flow *flow = &from->out;
    struct lr_sim_chunk *chunk = flow->first;
    size_t size = cut(to, bytes_of(chunk));
    const uint8_t *bytes = chunk->bytes + chunk->begin;
    if (to->troubled && (size = lr_sim_trouble_read(to, size)) == 0) {
        return;
    }
    if (lr_sim_conn_has_faults(to) && (size = lr_sim_conn_readable(to, bytes, size)) == 0) {
        return;
    }
    size = from->shaped ? lr_sim_shape_piece(from, size) : size;
    bool is_whole = size == bytes_of(chunk);
    chunk->begin += (uint32_t)size;
    flow->arrived_bytes -= size;
    if (is_whole) {
        (void)take_first(flow);
    }
    lr_sim_socket_take(to, bytes, size);
    if (is_whole) {
        free_chunk(sim_of(from), chunk);
    }
}

/* A fault lets nothing be read now. */
static bool is_kept_back(const struct lr_sim_end *from) {
    return from->shaped && lr_sim_shape_next_read(from) > sim_of(from)->now;
}

/* Reads what is there; then its end, if that is there. */
static void deliver(struct lr_sim_end *from, struct lr_sim_end *to) {
    const struct lr_sim_flow *flow = &from->out;
    if (lr_sim_end_asleep(to)) {
        return;
    }
    if (is_kept_back(from)) {
        if (flow->rst_arrived && !to->closed && to->opened) {
            lr_sim_fail(to, LR_SIM_RESET);
        }
        return;
    }
    if (is_to_notice(from, to)) {
        notice_end(from, to);
    }
    bool cuts = lr_sim_pair_of(to)->profile.segments != LR_SIM_WHOLE;
    while (to->reading && flow->arrived_bytes > 0) {
        read_some(from, to);
        if (is_kept_back(from) || to->troubled) {
            return;
        }
        if (cuts && !to->lingering) {
            return; /* the others have their turn between two pieces */
        }
    }
    if (is_readable(from, to)) {
        if (flow->fin_arrived) { /* a reset behind it is not seen by who reads */
            lr_sim_socket_end(to);
        } else {
            lr_sim_fail(to, LR_SIM_RESET);
        }
    }
    if (flow->rst_arrived && !to->closed && !to->reading && to->unsent > 0) {
        lr_sim_fail(to, flow->fin_arrived ? LR_SIM_BROKEN_PIPE : LR_SIM_RESET);
    }
}

static lr_time next_read(struct lr_sim_end *from, struct lr_sim_end *to) {
    const struct lr_sim_pair *pair = lr_sim_pair_of(from);
    bool ready = !lr_sim_end_asleep(to) && (is_readable(from, to) || is_to_notice(from, to));
    if (ready && from->shaped) {
        return lr_sim_shape_next_read(from);
    }
    return ready ? pair->sim->now : LR_TIME_NEVER;
}

/* The sender hears that there is room again, if it waits for that. */
static void tell_room(struct lr_sim_end *from) {
    struct lr_sim *sim = sim_of(from);
    bool waits = from->out.held != NULL || (from->unsent > 0 && !from->closed);
    if (waits && !lr_sim_armed(&from->out.room) && !lr_sim_tcp_cut_off(from)) {
        lr_sim_arm(sim, &from->out.room,
                   lr_time_add(sim->now, lr_sim_pair_of(from)->profile.latency_ns));
    }
}

/* What is under way waits for the net to be there again; what has arrived is read all the same. */
void lr_sim_tcp_arrive(struct lr_sim_end *from) {
    struct lr_sim_end *to = lr_sim_peer(from);
    bool cut_off = lr_sim_tcp_cut_off(from);
    if (!cut_off) {
        land(from, to);
    }
    if (to->frozen) {
        if ((from->out.fin_arrived || from->out.rst_arrived) && !to->peer_gone) {
            lr_sim_conn_peer_gone(to, from->out.rst_arrived);
        }
    } else {
        deliver(from, to);
    }
    tell_room(from);
    lr_time arrival = cut_off ? LR_TIME_NEVER : next_arrival(&from->out);
    arm_by(from, lr_time_min(arrival, next_read(from, to)));
}

void lr_sim_tcp_room_again(struct lr_sim_end *end) {
    bool own = end->spent; /* its own system took less than it had room for */
    end->spent = false;
    if (lr_sim_tcp_cut_off(end) && !own) {
        return;
    }
    launch(end);
    if (!end->closed && !lr_sim_end_asleep(end)) {
        lr_sim_socket_flush(end);
    }
    try_fin(end);
}

void lr_sim_tcp_want(struct lr_sim_end *to) {
    struct lr_sim_end *from = lr_sim_peer(to);
    arm_by(from, next_read(from, to));
}

void lr_sim_tcp_resume(struct lr_sim_end *end) {
    if (lr_sim_tcp_cut_off(end)) {
        return; /* the other host is lost, too */
    }
    struct lr_sim_end *ends[] = {end, lr_sim_peer(end)};
    for (size_t i = 0; i < LR_COUNT_OF(ends); i++) {
        lr_time at = next_arrival(&ends[i]->out);
        if (at != LR_TIME_NEVER) {
            lr_time soonest =
                lr_time_add(sim_of(end)->now, lr_sim_pair_of(end)->profile.latency_ns);
            arm_by(ends[i], at > soonest ? at : soonest);
        }
        arm_by(ends[i], next_read(ends[i], lr_sim_peer(ends[i])));
        tell_room(ends[i]);
    }
}
