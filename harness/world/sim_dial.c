/* SPDX-License-Identifier: Apache-2.0 */
/* How connections begin: SYN, its answer, the backlog, accept; and listeners. */
#include "world/sim_fault.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

enum {
    PAIR_EVENTS = 6,     /* three for each end */
    SYN_TRIES = 7,       /* at 0, 1, 3, 7, 15, 31 and 63 s, as Linux; given up at 127 s */
    ACCEPT_RETRY_MS = 20 /* until memory may be there again */
};

/* ---- pairs ---- */

static void init_end(struct lr_sim_end *end, bool is_service) {
    end->is_service = is_service;
    lr_list_init(&end->node);
    lr_list_init(&end->numbered.pending_node);
    end->out.arrive.kind = LR_SIM_EVENT_ARRIVE;
    end->out.room.kind = LR_SIM_EVENT_ROOM;
    end->timer.kind = LR_SIM_EVENT_TIMER;
}

struct lr_sim_pair *lr_sim_pair_new(struct lr_sim *sim) {
    struct lr_sim_pair *pair;
    if (!lr_list_empty(&sim->spare_pairs)) {
        pair = LR_CONTAINER_OF(sim->spare_pairs.next, struct lr_sim_pair, node);
        lr_list_remove(&pair->node);
        memset(pair, 0, sizeof *pair);
    } else {
        if (lr_sim_reserve(sim, PAIR_EVENTS) != LR_OK) {
            return NULL;
        }
        pair = LR_NEW(sim->alloc, struct lr_sim_pair);
        if (pair == NULL) {
            lr_sim_unreserve(sim, PAIR_EVENTS);
            return NULL;
        }
    }
    pair->sim = sim;
    lr_list_init(&pair->node);
    lr_list_init(&pair->waiting);
    init_end(&pair->ends[0], false);
    init_end(&pair->ends[1], true);
    lr_list_append(&sim->pairs, &pair->node);
    sim->pair_count++;
    return pair;
}

static void leave_backlog(struct lr_sim_pair *pair) {
    if (pair->listener != NULL) {
        lr_list_remove(&pair->waiting);
        pair->listener->waiting_count--;
        pair->listener = NULL;
    }
}

void lr_sim_pair_free(struct lr_sim_pair *pair) {
    struct lr_sim *sim = pair->sim;
    leave_backlog(pair);
    for (size_t i = 0; i < LR_COUNT_OF(pair->ends); i++) {
        lr_sim_tcp_free_flow(&pair->ends[i]);
        lr_sim_disarm(sim, &pair->ends[i].timer);
        lr_sim_discard(&pair->ends[i]);
        lr_list_remove(&pair->ends[i].node);
        LR_ASSERT(!pair->ends[i].numbered.known && pair->ends[i].numbered.host == NULL);
    }
    lr_sim_leave_port(sim, &pair->port);
    lr_list_remove(&pair->node);
    lr_list_append(&sim->spare_pairs, &pair->node);
    sim->pair_count--;
}

void lr_sim_pairs_free_spare(struct lr_sim *sim) {
    LR_LIST_EACH (node, &sim->spare_pairs) {
        struct lr_sim_pair *pair = LR_CONTAINER_OF(node, struct lr_sim_pair, node);
        lr_list_remove(node);
        LR_FREE(sim->alloc, pair);
        lr_sim_unreserve(sim, PAIR_EVENTS);
    }
}

/* ---- the client's side ---- */

static void step_at(struct lr_sim_end *end, enum lr_sim_timer step, uint64_t delay_ns) {
    struct lr_sim *sim = lr_sim_pair_of(end)->sim;
    end->timer_for = step;
    lr_sim_arm(sim, &end->timer, lr_time_add(sim->now, delay_ns));
}

/* Time of one packet that carries nothing. */
static uint64_t one_way(struct lr_sim_pair *pair) {
    uint64_t jitter = pair->profile.jitter_ns;
    return pair->profile.latency_ns + (jitter == 0 ? 0 : lr_prng_below(&pair->random, jitter + 1));
}

/* Ends what was never open. The service's end has not been seen by anybody. */
static void abandon(struct lr_sim_pair *pair) {
    leave_backlog(pair);
    pair->ends[0].closed = true;
    pair->ends[1].closed = true;
    pair->ends[1].released = true;
    lr_sim_disarm(pair->sim, &pair->ends[0].timer);
    lr_sim_disarm(pair->sim, &pair->ends[1].timer);
    lr_sim_discard(&pair->ends[0]);
    lr_sim_tend_later(pair);
}

void lr_sim_dial_stop(struct lr_sim_end *end) {
    struct lr_sim_pair *pair = lr_sim_pair_of(end);
    if (pair->answered && !end->closed) { /* it is open, and only its role has not heard so */
        end->opened = true;
        lr_sim_reset(end);
    } else if (!end->closed) {
        abandon(pair);
    }
}

static void fail_dial(struct lr_sim_pair *pair, enum lr_sim_failure failure) {
    struct lr_sim_end *end = &pair->ends[0];
    abandon(pair);
    lr_sim_host_pend(&end->numbered, LR_SIM_PENDING_CONNECT_FAILED, failure);
    if (end->numbered.host != NULL && !end->numbered.host->settling) {
        lr_sim_host_settle(end->numbered.host);
    }
}

/* The SYN, or the answer to it, was lost: it is sent again, ever more seldom. */
static void try_later(struct lr_sim_pair *pair) {
    uint64_t delay = (uint64_t)LR_SECOND << pair->tries;
    pair->tries++;
    step_at(&pair->ends[0], LR_SIM_TIMER_SYN, delay);
}

/* By a fault of the service's host. */
static bool is_unreachable(const struct lr_sim_pair *pair, struct lr_sim_host *host) {
    return host->troubles != 0 &&
           (lr_sim_is_parted(pair, host) || lr_sim_meet(host, LR_FAULT_FULL_BACKLOG) != NULL);
}

/* The SYN is at the service's host. */
static void arrive_syn(struct lr_sim_pair *pair) {
    struct lr_sim *sim = pair->sim;
    const struct lr_sim_host *from = pair->ends[0].numbered.host;
    if (pair->tries == SYN_TRIES) {
        fail_dial(pair, LR_SIM_TIMED_OUT);
        return;
    }
    struct lr_sim_listener *listener =
        lr_sim_find_listener(sim, pair->service_address, pair->service_port);
    bool is_there = pair->service_address->hosts > 0 || pair->service_address->is_loopback;
    if (listener != NULL) {
        is_there = !listener->numbered.host->lost;
    }
    if (from->lost || !is_there ||
        (listener != NULL && (listener->waiting_count >= sim->options.backlog ||
                              is_unreachable(pair, listener->numbered.host)))) {
        try_later(pair);
        return;
    }
    if (listener != NULL && lr_sim_meet(listener->numbered.host, LR_FAULT_REFUSE) != NULL) {
        listener = NULL;
    }
    pair->refused = listener == NULL;
    if (listener != NULL) {
        pair->listener = listener;
        listener->waiting_count++;
        lr_list_append(&listener->waiting, &pair->waiting);
    }
    step_at(&pair->ends[0], LR_SIM_TIMER_ANSWER, one_way(pair));
}

/* "localhost" has two addresses. */
static bool try_second(struct lr_sim_pair *pair) {
    if (pair->second_address || pair->sim->localhost6 == NULL) {
        return false;
    }
    pair->second_address = true;
    pair->service_address = pair->sim->localhost6;
    step_at(&pair->ends[0], LR_SIM_TIMER_SYN, one_way(pair));
    return true;
}

/* The answer is at the client's. */
static void arrive_answer(struct lr_sim_pair *pair) {
    struct lr_sim_end *end = &pair->ends[0];
    struct lr_sim_host *host = end->numbered.host;
    if (pair->refused) {
        if (!try_second(pair)) {
            fail_dial(pair, LR_SIM_REFUSED);
        }
        return;
    }
    struct lr_address peer;
    lr_sim_split(pair->service_address, pair->service_port, &peer);
    if (!pair->answered) {
        pair->answered = true;
        step_at(&pair->ends[1], LR_SIM_TIMER_ACCEPT, one_way(pair));
        pair->ends[0].out.last_at = pair->ends[1].timer.at; /* no byte overtakes the handshake */
    }
    if (host->frozen) {
        end->parked = true; /* its role hears of it by lr_sim_conn_wake */
        return;
    }
    lr_sim_conn_begin(end);
    lr_trace_emit(&host->trace, pair->sim->now, LR_TRACE_CONNECTION, end->numbered.number,
                  "connected to %s:%u from port %u", peer.host, (unsigned int)peer.port,
                  (unsigned int)pair->client_port);
    lr_sim_host_hand(host, &(struct lr_event){.kind = LR_EVENT_CONNECTED,
                                              .conn = end->numbered.number,
                                              .peer = &peer});
    if (!end->closed && end->unsent > 0) {
        lr_sim_socket_flush(end);
    }
}

/* ---- the service's side ---- */

/* Nobody takes it: its client hears RST, where the host can still say so. */
static void turn_away(struct lr_sim_pair *pair) {
    struct lr_sim_end *end = &pair->ends[1];
    if (lr_sim_tcp_cut_off(end)) {
        lr_sim_tcp_vanish(end, false);
        lr_sim_tend_later(pair);
    } else {
        end->opened = true;
        lr_sim_reset(end);
    }
}

/* The handshake is over, and a role takes it. */
static void arrive_ack(struct lr_sim_pair *pair) {
    struct lr_sim_end *end = &pair->ends[1];
    struct lr_sim_listener *listener = pair->listener;
    struct lr_sim_host *host = listener == NULL ? NULL : listener->numbered.host;
    if (host == NULL) {
        turn_away(pair);
        return;
    }
    if (lr_sim_tcp_cut_off(end) || host->lost) {
        step_at(end, LR_SIM_TIMER_ACCEPT, LR_SECOND);
        return;
    }
    if (host->frozen) {
        return; /* it stays in the backlog */
    }
    if (lr_sim_lacks_descriptor(host)) {
        step_at(end, LR_SIM_TIMER_ACCEPT, ACCEPT_RETRY_MS * LR_MS);
        return;
    }
    lr_conn number = listener->numbered.number;
    end->patience = listener->patience;
    leave_backlog(pair);
    end->numbered.host = host;
    end->lost = host->lost;
    lr_list_append(&host->ends, &end->node);
    host->end_count++;
    lr_sim_trouble_join(end);
    lr_sim_conn_watch(pair, host);
    lr_conn given = lr_sim_host_call_fails(host) ? 0 : lr_outbox_accept(&host->role->outbox);
    if (given == 0) {
        end->opened = true;
        lr_sim_conn_reset(end);
        return;
    }
    lr_sim_host_number(host, &end->numbered, given);
    lr_sim_conn_begin(end);
    struct lr_address peer;
    lr_sim_split(pair->client_address, pair->client_port, &peer);
    lr_trace_emit(&host->trace, pair->sim->now, LR_TRACE_CONNECTION, given, "accepted %s:%u",
                  peer.host, (unsigned int)peer.port);
    lr_sim_host_hand(
        host, &(struct lr_event){
                  .kind = LR_EVENT_ACCEPTED, .conn = given, .listener = number, .peer = &peer});
}

void lr_sim_dial_step(struct lr_sim_end *end) {
    struct lr_sim_pair *pair = lr_sim_pair_of(end);
    if (end->timer_for == LR_SIM_TIMER_SYN) {
        arrive_syn(pair);
    } else if (end->timer_for == LR_SIM_TIMER_ANSWER) {
        arrive_answer(pair);
    } else {
        arrive_ack(pair);
    }
}

/* ---- beginning ---- */

/* What a connection to |address| is seen to come from. */
static struct lr_sim_name *source_for(const struct lr_sim_host *host, struct lr_sim_name *address) {
    if (address->is_loopback && host->address->is_loopback) {
        return strchr(address->text, ':') != NULL ? address : host->sim->localhost;
    }
    return host->address;
}

/* Each connection draws from chance of its own, so that one more of them shifts no other. */
static void give_chance(struct lr_sim_pair *pair, const struct lr_sim_host *host, lr_conn number) {
    const struct lr_sim_link_profile *profile = &pair->profile;
    if (profile->jitter_ns > 0 || profile->segments == LR_SIM_CUTS) {
        char name[160];
        (void)snprintf(name, sizeof name, "link %.120s:%u", host->name, (unsigned int)number);
        pair->random = lr_prng_fork(&host->sim->random, name);
    }
}

static enum lr_sim_failure set_out(struct lr_sim_pair *pair, struct lr_sim_host *host,
                                   const struct lr_command *command) {
    struct lr_sim *sim = host->sim;
    const struct lr_address *wanted = command->address;
    enum lr_status status = lr_sim_resolve(sim, wanted->host, &pair->service_address);
    if (status != LR_OK) {
        return status == LR_ENOMEM ? LR_SIM_NO_MEMORY : LR_SIM_UNKNOWN_NAME;
    }
    pair->service_port = wanted->port;
    pair->second_address = strcmp(wanted->host, "localhost") != 0;
    pair->client_address = source_for(host, pair->service_address);
    if (!lr_sim_take_port(sim, pair->client_address, 0, &pair->port, &pair->client_port)) {
        return LR_SIM_NO_PORT;
    }
    return LR_SIM_FINE;
}

static struct lr_sim_patience patience_of(const struct lr_keepalive *keepalive) {
    return (struct lr_sim_patience){keepalive->idle_ns, keepalive->interval_ns * keepalive->probes};
}

void lr_sim_dial(struct lr_sim_host *host, struct lr_command *command) {
    bool lacks = lr_sim_lacks_descriptor(host);
    struct lr_sim_pair *pair = lr_sim_pair_new(host->sim);
    if (pair == NULL) {
        lr_sim_host_refuse(host, command);
        return;
    }
    struct lr_sim_end *end = &pair->ends[0];
    pair->profile = host->sim->options.link;
    pair->client_name = host->name;
    end->patience = patience_of(&command->keepalive);
    end->lost = host->lost;
    end->numbered.host = host;
    lr_list_append(&host->ends, &end->node);
    host->end_count++;
    lr_sim_host_number(host, &end->numbered, command->conn);
    give_chance(pair, host, command->conn);
    lr_sim_trouble_join(end);
    enum lr_sim_failure failure = lacks ? LR_SIM_NO_DESCRIPTORS : set_out(pair, host, command);
    if (failure != LR_SIM_FINE) {
        fail_dial(pair, failure);
    } else {
        step_at(end, LR_SIM_TIMER_SYN, one_way(pair));
    }
}

/* ---- listeners ---- */

static enum lr_sim_failure take_address(struct lr_sim_host *host, const char *wanted,
                                        struct lr_sim_listener *listener,
                                        struct lr_sim_name **out) {
    bool v6;
    if (lr_sim_is_any(wanted, &v6)) {
        listener->any = true;
        *out = host->address;
        return LR_SIM_FINE;
    }
    enum lr_status status = lr_sim_resolve(host->sim, wanted, out);
    if (status != LR_OK) {
        return status == LR_ENOMEM ? LR_SIM_NO_MEMORY : LR_SIM_UNKNOWN_NAME;
    }
    return *out == host->address || (*out)->is_loopback ? LR_SIM_FINE : LR_SIM_NOT_OURS;
}

static enum lr_sim_failure open_listener(struct lr_sim_host *host, struct lr_sim_listener *listener,
                                         const struct lr_command *command) {
    const struct lr_address *wanted = command->address;
    struct lr_sim_name *address;
    enum lr_sim_failure failure = take_address(host, wanted->host, listener, &address);
    if (failure != LR_SIM_FINE) {
        return failure;
    }
    uint32_t port = wanted->port;
    bool taken;
    do {
        taken = lr_sim_take_port(host->sim, address, port, &listener->port, &listener->number);
        port++;
    } while (!taken && port > 1 && port < command->port_end && port <= UINT16_MAX);
    if (!taken) {
        return LR_SIM_PORT_TAKEN;
    }
    listener->port.listener = listener;
    bool v6;
    uint16_t number;
    if (lr_sim_is_any(wanted->host, &v6) && v6 && address == host->sim->localhost &&
        lr_sim_take_port(host->sim, host->sim->localhost6, listener->number, &listener->other,
                         &number)) {
        listener->other.listener = listener;
    }
    return LR_SIM_FINE;
}

void lr_sim_listen(struct lr_sim_host *host, struct lr_command *command) {
    struct lr_sim_listener *listener = LR_NEW(host->sim->alloc, struct lr_sim_listener);
    if (listener == NULL) {
        lr_sim_host_refuse(host, command);
        return;
    }
    listener->numbered.is_listener = true;
    listener->patience = patience_of(&command->keepalive);
    lr_list_init(&listener->waiting);
    lr_sim_host_number(host, &listener->numbered, command->conn);
    enum lr_sim_failure failure = open_listener(host, listener, command);
    if (failure == LR_SIM_FINE) {
        lr_trace_emit(&host->trace, host->sim->now, LR_TRACE_CONNECTION, command->conn,
                      "listening on port %u", (unsigned int)listener->number);
    }
    lr_sim_host_pend(
        &listener->numbered,
        failure == LR_SIM_FINE ? LR_SIM_PENDING_LISTENING : LR_SIM_PENDING_LISTEN_FAILED, failure);
}

void lr_sim_listen_wake(struct lr_sim_listener *listener) {
    LR_LIST_EACH (node, &listener->waiting) {
        struct lr_sim_pair *pair = LR_CONTAINER_OF(node, struct lr_sim_pair, waiting);
        if (pair->answered && !lr_sim_armed(&pair->ends[1].timer)) {
            step_at(&pair->ends[1], LR_SIM_TIMER_ACCEPT, 0);
        }
    }
}

/* Who waits there is turned away when its handshake is over. */
void lr_sim_listen_stop(struct lr_sim_listener *listener) {
    struct lr_sim *sim = listener->numbered.host->sim;
    lr_sim_listen_wake(listener);
    LR_LIST_EACH (node, &listener->waiting) {
        struct lr_sim_pair *pair = LR_CONTAINER_OF(node, struct lr_sim_pair, waiting);
        leave_backlog(pair);
        pair->ends[1].lost = listener->numbered.host->lost;
    }
    lr_sim_leave_port(sim, &listener->port);
    lr_sim_leave_port(sim, &listener->other);
    LR_FREE(sim->alloc, listener);
}
