/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the simulated world: a pair of ends, each with a direction of its own. */
#ifndef LR_WORLD_SIM_CONN_H
#define LR_WORLD_SIM_CONN_H

#include "world/sim_internal.h"

/* Bytes on their way, from the sender's system to the reader. */
struct lr_sim_chunk {
    struct lr_sim_chunk *next;
    lr_time at; /* arrives */
    uint32_t begin;
    uint32_t end;
    uint32_t capacity;
    uint8_t bytes[];
};

/* Bytes that the sender's system has no room for. */
struct lr_sim_queued {
    struct lr_sim_queued *next;
    struct lr_buf bytes;
};

/* One direction of a connection, at its sender's: what it has sent lies in one row of chunks, those
 * that have arrived, those under way, those held back. What each event asks for comes first, here
 * and below: with many connections it has to come from far. */
struct lr_sim_flow {
    struct lr_sim_chunk *first; /* arrived, not read */
    struct lr_sim_chunk *last;
    struct lr_sim_chunk *flying; /* the first that has not arrived */
    struct lr_sim_chunk *held;   /* the first that has not left */
    size_t arrived_bytes;
    size_t flying_bytes;
    size_t held_bytes;
    bool fin_wanted, fin_sent, fin_arrived;
    bool rst_sent, rst_arrived;
    lr_time last_at; /* the latest arrival so far: order is kept */
    struct lr_sim_event arrive;
    struct lr_sim_event room;
    lr_time line_free_at; /* where bandwidth is limited */
    lr_time end_at[2];    /* of FIN, RST */
};

enum lr_sim_timer {
    LR_SIM_TIMER_SYN,
    LR_SIM_TIMER_ANSWER,
    LR_SIM_TIMER_ACCEPT,
    LR_SIM_TIMER_LINGER,
    LR_SIM_TIMER_SILENCE
};

/* Keep-alive: the first probe after |idle_ns| (0: off), the end |probing_ns| later. */
struct lr_sim_patience {
    uint64_t idle_ns;
    uint64_t probing_ns;
};

/* One end of a connection: the kernel's socket and the role's connection. */
struct lr_sim_end {
    struct lr_sim_numbered numbered;
    unsigned int is_service : 1;
    unsigned int opened : 1; /* connected, as this end knows */
    unsigned int wants_read : 1;
    unsigned int reading : 1;
    unsigned int got_end : 1;     /* the peer's FIN was read */
    unsigned int peer_ended : 1;  /* seen while nobody read: what is left is read all the same */
    unsigned int half_closed : 1; /* the role was told */
    unsigned int wants_shut : 1;
    unsigned int shut : 1; /* our FIN is out, or was swallowed */
    unsigned int finished : 1;
    unsigned int lingering : 1;
    unsigned int at_once : 1;
    unsigned int frozen : 1;   /* black hole: neither read nor written */
    unsigned int closed : 1;   /* its descriptor */
    unsigned int silent : 1;   /* closed, and answers nothing */
    unsigned int released : 1; /* nobody speaks of it any more */
    unsigned int lost : 1;     /* its host is off the net */
    unsigned int peer_gone : 1;
    unsigned int given_up : 1;    /* nobody answered, and nobody is at this end any more */
    unsigned int parked : 1;      /* its timer has come while its host's process was stopped */
    unsigned int parted : 1;      /* a partition lies between the two */
    unsigned int troubled : 1;    /* its system reads or writes less than it could */
    unsigned int spent : 1;       /* and has done so: the rest comes with the next event */
    unsigned int again : 1;       /* the write that was interrupted is made again */
    unsigned int heard_again : 1; /* the same of the read */
    unsigned int shaped : 1;      /* a fault says when what this end sends passes (sim_shape.c) */
    enum lr_sim_timer timer_for;
    lr_time heard_at;
    size_t unsent;
    struct lr_sim_queued *first; /* waits to be written */
    struct lr_sim_flow out;
    struct lr_sim_queued *last; /* likewise */
    struct lr_sim_event timer;
    struct lr_list node; /* the host's ends */
    struct lr_sim_patience patience;
    const char *end_reason; /* for the ledger */
};

/* A connection. */
struct lr_sim_pair {
    struct lr_sim *sim;
    struct lr_sim_link_profile profile;
    bool watched;  /* |link| is open */
    bool tending;  /* in the sim's list of what has changed */
    bool answered; /* the client's system has the answer, whether its role knows or not */
    bool refused;
    bool second_address; /* ::1 has been tried, too, or need not be */
    struct lr_link link;
    struct lr_sim_end ends[2]; /* the client's, the service's */
    struct lr_list node;       /* the sim's pairs, spare ones, or those to be looked after */
    enum lr_link_action at_opening;
    struct lr_sim_port port; /* of the client's end */
    struct lr_sim_name *client_address;
    struct lr_sim_name *service_address;
    const char *client_name;
    uint16_t client_port;
    uint16_t service_port;
    unsigned int tries;
    struct lr_sim_listener *listener; /* waits to be accepted there */
    struct lr_list waiting;
    struct lr_prng random; /* where the profile needs chance */
};

struct lr_sim_listener {
    struct lr_sim_numbered numbered;
    struct lr_sim_port port;
    struct lr_sim_port other; /* the same of the other loopback address, for "::" */
    struct lr_list waiting;   /* pairs, in the order of their coming */
    size_t waiting_count;
    uint16_t number;
    bool any; /* of every address of its machine */
    struct lr_sim_patience patience;
};

static inline struct lr_sim_pair *lr_sim_pair_of(const struct lr_sim_end *end) {
    const struct lr_sim_end *client = end - (end->is_service ? 1 : 0);
    return LR_CONTAINER_OF(client, struct lr_sim_pair, ends);
}
/* Nobody is there to hear, read or write until its host's process goes on. */
static inline bool lr_sim_end_asleep(const struct lr_sim_end *end) {
    return end->numbered.host != NULL && end->numbered.host->frozen;
}
static inline struct lr_sim_end *lr_sim_peer(struct lr_sim_end *end) {
    return end->is_service ? end - 1 : end + 1;
}

/* ---- sim_tcp.c: what the two systems do ---- */

/* Takes as much of |bytes| as there is room for. False: the connection is broken, or no memory
 * (|*failure|). */
bool lr_sim_tcp_write(struct lr_sim_end *end, const uint8_t *bytes, size_t size, size_t *taken,
                      enum lr_sim_failure *failure);
size_t lr_sim_tcp_room(const struct lr_sim_end *end);
void lr_sim_tcp_shut(struct lr_sim_end *end);
/* Closes the descriptor: FIN, or RST where something was not read. */
void lr_sim_tcp_close(struct lr_sim_end *end);
void lr_sim_tcp_abort(struct lr_sim_end *end);
/* Closes it, and nothing of that reaches the peer. |answers|: what comes later is answered by RST.
 */
void lr_sim_tcp_vanish(struct lr_sim_end *end, bool answers);
/* What |from| has sent is there. */
void lr_sim_tcp_arrive(struct lr_sim_end *from);
void lr_sim_tcp_room_again(struct lr_sim_end *end);
/* Reading was turned on or off: what is to be heard comes in this instant. */
void lr_sim_tcp_want(struct lr_sim_end *to);
/* The net between the ends is there again. */
void lr_sim_tcp_resume(struct lr_sim_end *end);
void lr_sim_tcp_free_flow(struct lr_sim_end *end);
void lr_sim_chunks_free_spare(struct lr_sim *sim);
static inline bool lr_sim_tcp_cut_off(struct lr_sim_end *end) {
    return end->lost || end->parted || lr_sim_peer(end)->lost;
}

/* ---- sim_socket.c: what a world does with a socket; as world/live_socket.h ---- */

void lr_sim_read(struct lr_sim_end *end, bool on);
void lr_sim_send(struct lr_sim_end *end, struct lr_buf **buffers, size_t count);
void lr_sim_shut(struct lr_sim_end *end);
void lr_sim_cut(struct lr_sim_end *end);
void lr_sim_close(struct lr_sim_end *end, uint64_t linger_ns);
void lr_sim_reset(struct lr_sim_end *end);
void lr_sim_drop(struct lr_sim_end *end);
void lr_sim_discard(struct lr_sim_end *end);
bool lr_sim_adopt(struct lr_sim_end *end);
void lr_sim_fail(struct lr_sim_end *end, enum lr_sim_failure failure);
/* For sim_tcp.c: bytes of the peer, its FIN, and room for more. */
void lr_sim_socket_take(struct lr_sim_end *end, const uint8_t *bytes, size_t size);
void lr_sim_socket_end(struct lr_sim_end *end);
void lr_sim_socket_flush(struct lr_sim_end *end);
void lr_sim_socket_linger_over(struct lr_sim_end *end);

/* ---- sim_conn.c ---- */

void lr_sim_conn_begin(struct lr_sim_end *end); /* reads, and does what a fault of byte 0 wants */
void lr_sim_conn_watch(struct lr_sim_pair *pair, struct lr_sim_host *service);
/* One more call of the end's role to the transport. False: it fails, and the connection is reset.
 */
bool lr_sim_conn_call(struct lr_sim_end *end);
void lr_sim_conn_took(struct lr_sim_end *end, const uint8_t *bytes, size_t size);
void lr_sim_conn_ended(struct lr_sim_end *end);
void lr_sim_conn_failed(struct lr_sim_end *end, enum lr_sim_failure failure);
void lr_sim_conn_progressed(struct lr_sim_end *end);
void lr_sim_conn_sent(struct lr_sim_end *end, const uint8_t *bytes, size_t size);
bool lr_sim_conn_finishing(struct lr_sim_end *end);
void lr_sim_conn_peer_gone(struct lr_sim_end *end, bool reset);
void lr_sim_conn_close(struct lr_sim_end *end, uint64_t linger_ns);
void lr_sim_conn_reset(struct lr_sim_end *end);
void lr_sim_conn_leave(struct lr_sim_end *end, bool graceful);
void lr_sim_conn_silence(struct lr_sim_end *end); /* keep-alive will end it */
void lr_sim_conn_silent(struct lr_sim_end *end);  /* and has */
void lr_sim_conn_timer(struct lr_sim_end *end);
void lr_sim_conn_wake(struct lr_sim_end *end);
void lr_sim_conn_act(struct lr_sim_pair *pair, enum lr_link_action action);
/* Looks after what was closed: until then records stay. */
void lr_sim_tend(struct lr_sim *sim);
void lr_sim_tend_later(struct lr_sim_pair *pair);
void lr_sim_leave_host(struct lr_sim_end *end);

/* ---- sim_dial.c ---- */

struct lr_sim_pair *lr_sim_pair_new(struct lr_sim *sim);
void lr_sim_pair_free(struct lr_sim_pair *pair);
void lr_sim_pairs_free_spare(struct lr_sim *sim);
void lr_sim_dial(struct lr_sim_host *host, struct lr_command *command);
void lr_sim_dial_stop(struct lr_sim_end *end); /* while it is not open */
void lr_sim_dial_step(struct lr_sim_end *end);
/* Who waits at |listener|, whose host's process goes on or ends, is seen to now. */
void lr_sim_listen_wake(struct lr_sim_listener *listener);
void lr_sim_listen(struct lr_sim_host *host, struct lr_command *command);
void lr_sim_listen_stop(struct lr_sim_listener *listener);

#endif
