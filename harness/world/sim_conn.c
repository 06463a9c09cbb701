/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as roles and the ledger see them: what the socket and the link between them make of
 * bytes, ends and faults. The rules are those of world/live_conn.c; a link is watched at its
 * service's end. */
#include "world/sim_fault.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

enum {
    LEAVE_LINGER_S = 1, /* for the peer to end, too, when a role leaves the world */
    SPOILED_MAX = 64    /* bytes that a fault makes at once */
};

static lr_time now_of(const struct lr_sim_end *end) {
    return lr_sim_pair_of(end)->sim->now;
}

/* The link, where this end is the one that watches it. */
static struct lr_link *watched_by(const struct lr_sim_end *end) {
    struct lr_sim_pair *pair = lr_sim_pair_of(end);
    return end->is_service && pair->watched ? &pair->link : NULL;
}

static void settle(struct lr_sim_end *end) {
    if (end->numbered.host != NULL && !end->numbered.host->settling) {
        lr_sim_host_settle(end->numbered.host);
    }
}

/* ---- what was closed is looked after when nobody speaks of it any more ---- */

void lr_sim_tend_later(struct lr_sim_pair *pair) {
    if (!pair->tending) {
        pair->tending = true;
        lr_list_remove(&pair->node);
        lr_list_append(&pair->sim->tended, &pair->node);
    }
}

/* The last event of a connection must be handed in before its record goes. */
static void settle_end(struct lr_sim_end *end) {
    while (end->numbered.known && end->numbered.pending != 0) {
        lr_sim_host_settle(end->numbered.host);
    }
}

static void trace_end(struct lr_sim_end *end) {
    if (end->opened) {
        lr_trace_emit(&end->numbered.host->trace, now_of(end), LR_TRACE_DISCONNECT,
                      end->numbered.number, "gone, %s%s",
                      end->end_reason == NULL ? "closed" : end->end_reason,
                      end->out.rst_sent ? ", reset" : "");
    }
}

void lr_sim_leave_host(struct lr_sim_end *end) {
    if (end->numbered.host != NULL) {
        trace_end(end);
        lr_sim_host_forget(&end->numbered);
        lr_list_remove(&end->node);
        end->numbered.host->end_count--;
        end->numbered.host = NULL;
    }
}

static void close_link(struct lr_sim_pair *pair, const char *reason) {
    if (pair->watched) {
        pair->watched = false;
        lr_link_closed(&pair->link, pair->sim->now, reason);
        if (pair->ends[0].shaped || pair->ends[1].shaped) {
            lr_sim_shape(pair, NULL); /* nobody can undo it any more: what waits goes on its way */
        }
    }
}

static void release(struct lr_sim_end *end) {
    if (lr_sim_end_asleep(end) && end->numbered.known && end->numbered.pending != 0) {
        return; /* its role hears of it when its process goes on */
    }
    if (end->is_service && !end->silent) {
        close_link(lr_sim_pair_of(end), end->end_reason);
    }
    settle_end(end);
    LR_ASSERT(!end->numbered.known);
    lr_sim_leave_host(end);
    end->released = true;
}

void lr_sim_tend(struct lr_sim *sim) {
    while (!lr_list_empty(&sim->tended)) {
        struct lr_sim_pair *pair = LR_CONTAINER_OF(sim->tended.next, struct lr_sim_pair, node);
        lr_list_remove(&pair->node);
        lr_list_append(&sim->pairs, &pair->node);
        pair->tending = false;
        for (size_t i = 0; i < LR_COUNT_OF(pair->ends); i++) {
            if (pair->ends[i].closed && !pair->ends[i].released) {
                release(&pair->ends[i]);
            }
        }
        if (pair->ends[0].released && pair->ends[1].released) {
            close_link(pair, pair->ends[1].end_reason);
            lr_sim_pair_free(pair);
        }
    }
}

/* ---- faults ---- */

/* Nothing of this connection's end reaches the peer. */
static void become_ghost(struct lr_sim_end *end) {
    lr_sim_leave_host(end);
    lr_sim_discard(end);
    lr_sim_disarm(lr_sim_pair_of(end)->sim, &end->timer);
    lr_sim_tcp_vanish(end, false);
    lr_sim_tend_later(lr_sim_pair_of(end));
}

void lr_sim_conn_peer_gone(struct lr_sim_end *end, bool reset) {
    struct lr_link *link = watched_by(end);
    end->peer_gone = true;
    if (link != NULL && reset) {
        (void)lr_link_reset(link, now_of(end), LR_TO_SERVICE);
    } else if (link != NULL) {
        (void)lr_link_fin(link, now_of(end), LR_TO_SERVICE);
    }
}

static bool is_silent(const struct lr_sim_end *end) {
    return end->timer_for == LR_SIM_TIMER_SILENCE && (lr_sim_armed(&end->timer) || end->parked);
}

/* The probes up to here have been answered; where the net was cut off before, none since then. */
void lr_sim_conn_silence(struct lr_sim_end *end) {
    uint64_t idle = end->patience.idle_ns;
    if (idle > 0 && end->numbered.known && end->opened && !end->lingering && !is_silent(end)) {
        lr_time answered = end->heard_at + (now_of(end) - end->heard_at) / idle * idle;
        end->timer_for = LR_SIM_TIMER_SILENCE;
        lr_sim_arm(lr_sim_pair_of(end)->sim, &end->timer,
                   lr_time_add(lr_time_add(answered, idle), end->patience.probing_ns));
    }
}

/* No probe of either side is answered from now on. */
static void begin_black_hole(struct lr_sim_end *end) {
    lr_sim_conn_silence(lr_sim_peer(end));
    end->frozen = true;
    lr_sim_read(end, end->wants_read);
    if (end->lingering) {
        become_ghost(end);
    } else {
        lr_sim_conn_silence(end);
    }
}

static void pend_half_closed(struct lr_sim_end *end) {
    if (!end->half_closed) {
        end->half_closed = true;
        lr_sim_host_pend(&end->numbered, LR_SIM_PENDING_HALF_CLOSED, LR_SIM_FINE);
    }
}

static void spoil_both(struct lr_sim_end *end);

/* Does what a fault wants at the service's end; what the role hears of it waits. */
static void apply(struct lr_sim_end *end, enum lr_link_action action) {
    const struct lr_link *link = &lr_sim_pair_of(end)->link;
    switch (action) {
    case LR_LINK_PASS:
        break;
    case LR_LINK_DROP:
        if (link->black_hole && !end->frozen && !end->closed) {
            begin_black_hole(end);
        }
        break;
    case LR_LINK_RST:
        end->end_reason = "fault";
        lr_sim_reset(end);
        lr_sim_host_pend(&end->numbered, LR_SIM_PENDING_RESET, LR_SIM_RESET);
        break;
    case LR_LINK_FIN:
    case LR_LINK_HALF_CLOSE:
        if (link->cut[LR_TO_SERVICE]) {
            pend_half_closed(end);
        }
        if (link->cut[LR_FROM_SERVICE]) {
            lr_sim_cut(end);
        }
        break;
    case LR_LINK_SHAPE:
        lr_sim_shape(lr_sim_pair_of(end), NULL);
        break;
    case LR_LINK_SPOIL:
        if (!lr_sim_end_asleep(end)) { /* else with the next bytes */
            spoil_both(end);
        }
        break;
    }
}

void lr_sim_conn_act(struct lr_sim_pair *pair, enum lr_link_action action) {
    apply(&pair->ends[1], action);
    settle(&pair->ends[1]);
    lr_sim_tend(pair->sim);
}

/* Both ends hear of a reset; what is on its way is lost. */
static void break_off(struct lr_sim_end *end) {
    struct lr_link *link = watched_by(end);
    end->end_reason = "torture";
    if (link != NULL) {
        (void)lr_link_reset(link, now_of(end), LR_FROM_SERVICE);
    }
    lr_sim_reset(end);
    lr_sim_host_pend(&end->numbered, LR_SIM_PENDING_RESET, LR_SIM_RESET);
}

bool lr_sim_conn_call(struct lr_sim_end *end) {
    if (!end->opened || end->frozen || end->closed || !end->numbered.known ||
        !lr_sim_host_call_fails(end->numbered.host)) {
        return true;
    }
    break_off(end);
    return false;
}

/* ---- what the socket tells ---- */

static void hand_bytes(struct lr_sim_end *end, const uint8_t *bytes, size_t size) {
    if (end->numbered.known && size > 0) {
        struct lr_sim_host *host = end->numbered.host;
        lr_trace_emit(&host->trace, now_of(end), LR_TRACE_SEGMENT, end->numbered.number,
                      "%zu bytes", size);
        lr_sim_host_tell(host, &(struct lr_event){.kind = LR_EVENT_RECEIVED,
                                                  .conn = end->numbered.number,
                                                  .data = bytes,
                                                  .size = size});
    }
}

/* What is due of faults that spoil the next bytes. Returns how many of |bytes| they took. */
static size_t hand_spoiled(struct lr_sim_end *end, struct lr_link *link, const uint8_t *bytes,
                           size_t size) {
    uint8_t out[SPOILED_MAX];
    size_t taken = 0;
    struct lr_fault *fault;
    while ((fault = lr_link_due(link, LR_TO_SERVICE, size - taken)) != NULL) {
        size_t made;
        taken += lr_link_spoil(link, now_of(end), LR_TO_SERVICE, fault, bytes + taken, size - taken,
                               out, sizeof out, &made);
        hand_bytes(end, out, made);
    }
    return taken;
}

/* The role hears of the bytes before a fault behind them is carried out, as that may drop them. */
void lr_sim_conn_took(struct lr_sim_end *end, const uint8_t *bytes, size_t size) {
    struct lr_link *link = watched_by(end);
    size_t taken = 0;
    if (!lr_sim_conn_call(end)) {
        settle(end);
        return;
    }
    while (taken < size) {
        enum lr_link_action action = LR_LINK_PASS;
        size_t pass = size - taken;
        if (link != NULL) {
            action = lr_link_bytes(link, now_of(end), LR_TO_SERVICE, bytes + taken, pass, &pass);
        }
        hand_bytes(end, bytes + taken, pass);
        if (action != LR_LINK_PASS) {
            apply(end, action);
            break; /* the rest is dropped; before what shapes the link there is none */
        }
        taken += pass;
        if (link != NULL && lr_link_has_faults(link)) {
            taken += hand_spoiled(end, link, bytes + taken, size - taken);
        }
    }
    settle(end);
}

size_t lr_sim_conn_readable(struct lr_sim_end *end, const uint8_t *bytes, size_t size) {
    struct lr_link *link = &lr_sim_pair_of(end)->link;
    enum lr_link_action action = lr_link_begin(link, now_of(end), LR_TO_SERVICE, bytes, size);
    if (action != LR_LINK_PASS) {
        apply(end, action);
        settle(end);
        return 0;
    }
    size_t stop = lr_link_stop(link, LR_TO_SERVICE);
    return size < stop ? size : stop;
}

void lr_sim_conn_ended(struct lr_sim_end *end) {
    struct lr_link *link = watched_by(end);
    if (link == NULL || lr_link_fin(link, now_of(end), LR_TO_SERVICE)) {
        pend_half_closed(end);
        settle(end);
    }
}

static const char *reason_of(enum lr_sim_failure failure) {
    static const char *const names[] = {
        [LR_SIM_NO_MEMORY] = "ENOMEM",     [LR_SIM_RESET] = "ECONNRESET",
        [LR_SIM_BROKEN_PIPE] = "EPIPE",    [LR_SIM_TIMED_OUT] = "ETIMEDOUT",
        [LR_SIM_REFUSED] = "ECONNREFUSED",
    };
    return failure < LR_COUNT_OF(names) ? names[failure] : NULL;
}

void lr_sim_conn_failed(struct lr_sim_end *end, enum lr_sim_failure failure) {
    struct lr_link *link = watched_by(end);
    bool reset = failure == LR_SIM_RESET || failure == LR_SIM_BROKEN_PIPE;
    end->end_reason = end->end_reason != NULL ? end->end_reason : reason_of(failure);
    if (reset && link != NULL) {
        (void)lr_link_reset(link, now_of(end), LR_TO_SERVICE);
    }
    lr_sim_host_pend(&end->numbered, reset ? LR_SIM_PENDING_RESET : LR_SIM_PENDING_CLOSED, failure);
    settle(end);
}

void lr_sim_conn_progressed(struct lr_sim_end *end) {
    lr_sim_host_pend(&end->numbered, LR_SIM_PENDING_WRITABLE, LR_SIM_FINE);
    settle(end);
}

void lr_sim_conn_sent(struct lr_sim_end *end, const uint8_t *bytes, size_t size) {
    struct lr_link *link = watched_by(end);
    if (link != NULL) {
        size_t pass;
        apply(end, lr_link_bytes(link, now_of(end), LR_FROM_SERVICE, bytes, size, &pass));
    }
}

/* Writes what is due of faults that spoil the next bytes, as far as the system takes it. */
static bool write_spoiled(struct lr_sim_end *end, struct lr_link *link, const uint8_t *bytes,
                          size_t size, size_t *taken, enum lr_sim_failure *failure) {
    uint8_t out[SPOILED_MAX];
    struct lr_fault *fault;
    size_t room;
    *taken = 0;
    while ((fault = lr_link_due(link, LR_FROM_SERVICE, size - *taken)) != NULL &&
           (room = lr_sim_tcp_room(end)) > 0) {
        size_t made;
        size_t written;
        room = room < sizeof out ? room : sizeof out;
        *taken += lr_link_spoil(link, now_of(end), LR_FROM_SERVICE, fault, bytes + *taken,
                                size - *taken, out, room, &made);
        if (made > 0 && !lr_sim_tcp_write(end, out, made, &written, failure)) {
            return false;
        }
    }
    return true;
}

static bool takes_more(const struct lr_sim_end *end) {
    return !end->closed && !end->shut && !end->frozen;
}

bool lr_sim_conn_write(struct lr_sim_end *end, const uint8_t *bytes, size_t size, size_t *taken,
                       enum lr_sim_failure *failure) {
    struct lr_link *link = watched_by(end);
    *taken = 0;
    apply(end, lr_link_begin(link, now_of(end), LR_FROM_SERVICE, bytes, size));
    if (!takes_more(end)) {
        return true;
    }
    size_t spoiled;
    if (!write_spoiled(end, link, bytes, size, taken, failure)) {
        return false;
    }
    size_t room = lr_link_room(link, LR_FROM_SERVICE);
    size_t part = size - *taken < room ? size - *taken : room;
    if (part == 0 || lr_link_due(link, LR_FROM_SERVICE, part) != NULL) {
        return true; /* or the system has no room */
    }
    size_t written;
    bool fine = lr_sim_tcp_write(end, bytes + *taken, part, &written, failure);
    if (written > 0) {
        lr_sim_conn_sent(end, bytes + *taken, written);
        *taken += written;
    }
    if (fine && takes_more(end)) {
        fine = write_spoiled(end, link, NULL, 0, &spoiled, failure);
    }
    return fine;
}

/* A fault brings bytes of its own, and waits for no others. What the system has no room for comes
 * with the next that are written. */
static void spoil_both(struct lr_sim_end *end) {
    struct lr_link *link = watched_by(end);
    enum lr_sim_failure failure = LR_SIM_FINE;
    size_t taken;
    (void)hand_spoiled(end, link, NULL, 0);
    if (takes_more(end) && !write_spoiled(end, link, NULL, 0, &taken, &failure)) {
        lr_sim_fail(end, failure);
    }
}

bool lr_sim_conn_finishing(struct lr_sim_end *end) {
    struct lr_link *link = watched_by(end);
    return link == NULL || lr_link_fin(link, now_of(end), LR_FROM_SERVICE);
}

/* The role hears that nobody answers. */
void lr_sim_conn_silent(struct lr_sim_end *end) {
    end->end_reason = "keep-alive";
    if (end->is_service) { /* our service has let go of it: that is the link's end */
        close_link(lr_sim_pair_of(end), end->end_reason);
    }
    lr_sim_host_pend(&end->numbered, LR_SIM_PENDING_CLOSED, LR_SIM_TIMED_OUT);
    settle_end(end);
    if (end->frozen) {
        become_ghost(end);
    } else if (!end->closed) {
        struct lr_sim_host *host = end->numbered.host;
        end->given_up = true;
        lr_sim_tcp_vanish(end, true);
        lr_sim_discard(end);
        lr_sim_tend_later(lr_sim_pair_of(end));
        lr_sim_leave_host(end);
        lr_list_append(&host->given_up, &end->node);
    }
}

void lr_sim_conn_timer(struct lr_sim_end *end) {
    bool by_system = end->timer_for == LR_SIM_TIMER_SYN || end->timer_for == LR_SIM_TIMER_ANSWER;
    if (!by_system && lr_sim_end_asleep(end)) {
        end->parked = true;
        return;
    }
    switch (end->timer_for) {
    case LR_SIM_TIMER_SYN:
    case LR_SIM_TIMER_ANSWER:
    case LR_SIM_TIMER_ACCEPT:
        lr_sim_dial_step(end);
        break;
    case LR_SIM_TIMER_LINGER:
        lr_sim_socket_linger_over(end);
        break;
    case LR_SIM_TIMER_SILENCE:
        lr_sim_conn_silent(end);
        break;
    }
}

/* What could not be heard, read, written or ended while its host's process was stopped. */
void lr_sim_conn_wake(struct lr_sim_end *end) {
    struct lr_sim_pair *pair = lr_sim_pair_of(end);
    if (end->parked && !end->closed) {
        lr_sim_arm(pair->sim, &end->timer, pair->sim->now);
    }
    end->parked = false;
    if (end->closed) {
        lr_sim_tend_later(pair);
    } else if (end->opened) {
        lr_sim_tcp_want(end);
        lr_sim_socket_flush(end);
    }
}

/* ---- what the role wants ---- */

void lr_sim_conn_close(struct lr_sim_end *end, uint64_t linger_ns) {
    if (!end->opened) {
        lr_sim_dial_stop(end);
    } else if (end->frozen && !end->closed) {
        lr_sim_discard(end);
        (void)lr_sim_conn_finishing(end);
        become_ghost(end);
    } else {
        lr_sim_disarm(lr_sim_pair_of(end)->sim, &end->timer);
        lr_sim_close(end, linger_ns);
    }
}

void lr_sim_conn_reset(struct lr_sim_end *end) {
    struct lr_link *link = watched_by(end);
    if (!end->opened) {
        lr_sim_dial_stop(end);
        return;
    }
    bool pass = link == NULL || end->closed || lr_link_reset(link, now_of(end), LR_FROM_SERVICE) ||
                !link->black_hole;
    if (pass) {
        lr_sim_reset(end);
    } else {
        become_ghost(end);
    }
}

/* What waits to be written is in the role's memory, which goes with the role. */
void lr_sim_conn_leave(struct lr_sim_end *end, bool graceful) {
    if (!end->lingering) { /* else it is ended already */
        if (graceful) {
            lr_sim_conn_close(end, LEAVE_LINGER_S * LR_SECOND);
        } else {
            lr_sim_conn_reset(end);
        }
    }
    if (!graceful || !lr_sim_adopt(end)) {
        lr_sim_discard(end);
        if (!end->frozen && end->opened) {
            lr_sim_reset(end);
        }
    }
    lr_sim_leave_host(end);
}

/* ---- links ---- */

static const char *address_text(char *out, size_t room, const struct lr_sim_name *address,
                                uint16_t port) {
    size_t size = strlen(address->text);
    bool v6 = strchr(address->text, ':') != NULL;
    size = size + 10 < room ? size : room - 10;
    size_t used = 0;
    if (v6) {
        out[used++] = '[';
    }
    memcpy(out + used, address->text, size);
    used += size;
    if (v6) {
        out[used++] = ']';
    }
    out[used++] = ':';
    char digits[5];
    size_t count = 0;
    unsigned int left = port;
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    while (count > 0) {
        out[used++] = digits[--count];
    }
    out[used] = '\0';
    return out;
}

static void arm_waiting(struct lr_sim_pair *pair, const char *service) {
    LR_LIST_EACH (node, &pair->sim->next_faults) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        if (strcmp(fault->service, service) == 0) {
            enum lr_link_action action = lr_link_arm(&pair->link, pair->sim->now, fault);
            if (action == LR_LINK_SHAPE) {
                lr_sim_shape(pair, NULL);
            } else if (action != LR_LINK_PASS && pair->at_opening != LR_LINK_RST) {
                pair->at_opening = action;
            }
        }
    }
}

void lr_sim_conn_watch(struct lr_sim_pair *pair, struct lr_sim_host *service) {
    struct lr_sim *sim = pair->sim;
    char client_text[LR_HOST_MAX];
    char service_text[LR_HOST_MAX];
    if (sim->ledger == NULL) {
        return;
    }
    const struct lr_endpoint client = {
        .host = pair->client_name,
        .address =
            address_text(client_text, sizeof client_text, pair->client_address, pair->client_port)};
    const struct lr_endpoint server = {.host = service->name,
                                       .address =
                                           address_text(service_text, sizeof service_text,
                                                        pair->service_address, pair->service_port)};
    lr_link_open(&pair->link, sim->ledger, sim->now, service->plane, &client, &server);
    pair->link.owner = pair;
    pair->watched = true;
    pair->at_opening = LR_LINK_PASS;
    lr_list_append(&sim->links, &pair->link.node);
    arm_waiting(pair, service->name);
}

/* Reads from now on, and does what a fault of byte 0 wants. */
void lr_sim_conn_begin(struct lr_sim_end *end) {
    struct lr_sim_pair *pair = lr_sim_pair_of(end);
    end->opened = true;
    end->heard_at = pair->sim->now;
    lr_sim_read(end, true);
    if (watched_by(end) != NULL && pair->at_opening != LR_LINK_PASS) {
        apply(end, pair->at_opening);
    }
    if (lr_sim_tcp_cut_off(end)) {
        lr_sim_conn_silence(end);
    }
}
