/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world: hosts and links in virtual time, all chance from one seed. A turn costs what
 * happens in it and nothing for the time that passes, so 20 s of waiting are over at once. TCP as
 * applications see it: connect, refuse, backlog, segments cut anywhere, bandwidth, full buffers,
 * FIN, half-close, RST and when a kernel sends one, keep-alive, loss of a host. What is not there
 * is what applications do not see: retransmission, congestion.
 *
 * The same (roles, commands, seed) give the same history: no clock, address or order of hashes gets
 * in. One thread. Everything it says goes through world/world.h. */
#ifndef LR_WORLD_SIM_H
#define LR_WORLD_SIM_H

#include "trace/digest.h"
#include "world/world.h"

struct lr_sim;

/* How what is sent arrives, as far as sizes go. */
enum lr_sim_segments {
    LR_SIM_WHOLE, /* what was sent at once arrives at once, up to 64 KiB */
    LR_SIM_CUTS,  /* cut anywhere, by the seed */
    LR_SIM_BYTES  /* byte by byte */
};

struct lr_sim_link_profile {
    uint64_t latency_ns; /* one way */
    uint64_t jitter_ns;  /* up to this is added, by the seed; order is kept */
    uint64_t bandwidth;  /* bytes a second each way; 0: no limit */
    enum lr_sim_segments segments;
};

struct lr_sim_options {
    struct lr_alloc *alloc;
    struct lr_ledger *ledger;    /* NULL: nobody watches, and there are no links to break */
    struct lr_trace_sink *trace; /* NULL: none */
    uint64_t seed;
    struct lr_sim_link_profile link;
    size_t send_buffer;    /* bytes of a connection that the sender's system holds */
    size_t receive_buffer; /* that wait at the receiver's */
    size_t backlog;        /* connections that wait to be accepted, of a listener */
    size_t storage_max;    /* bytes of all files of sessions */
};
/* 50 us of latency, no jitter, no limit of bandwidth, whole segments, buffers of 256 KiB. |alloc|
 * is to be set. */
extern const struct lr_sim_options lr_sim_options_default;

/* LR_ENOMEM, LR_EINVAL (a buffer or backlog of 0). Free with lr_world_free or lr_sim_free. */
LR_NODISCARD enum lr_status lr_sim_new(struct lr_sim **out, const struct lr_sim_options *options,
                                       struct lr_error *error);
void lr_sim_free(struct lr_sim *sim);
/* The world itself; borrowed. Its hosts live at 127.0.0.1, as on one machine, with one space of
 * ports, until they are placed elsewhere. */
struct lr_world *lr_sim_world(struct lr_sim *sim);
/* The simulation that |world| is, or NULL where it is another one. */
struct lr_sim *lr_sim_of(struct lr_world *world);

/* Puts |host|, which has opened nothing yet, at |address| (copied): a numeric address or a name,
 * each of which is itself and has ports of its own. LR_ENOMEM, LR_EINVAL. */
LR_NODISCARD enum lr_status lr_sim_place(struct lr_host *host, const char *address);
/* Calls of roles to the transport (a listen, a connect, an accept, a run of sends, a read), counted
 * over all hosts that share it; the one that |fail_at| names fails, as for want of memory, or with
 * a reset of its connection, of which both ends hear. */
struct lr_sim_torture {
    uint64_t fail_at; /* counted from 1; 0: none */
    uint64_t calls;
};
/* From now on the calls of |host| count. Borrows |torture| for the host's life. */
void lr_sim_torture(struct lr_host *host, struct lr_sim_torture *torture);
/* The host is off the net: nothing of it arrives, nothing reaches it, nobody is told. What happens
 * in it goes on (its timers, its role); remove it while it is lost, and its power was off: its
 * peers learn of it by keep-alive alone. */
void lr_sim_lose(struct lr_host *host);
/* It is back: what was on its way goes on. Connections that either end has given up stay so. */
void lr_sim_find(struct lr_host *host);

/* Its process is stopped, as by SIGSTOP: its role hears nothing, does nothing and is past no
 * deadline, while its system goes on: it answers keep-alive, takes what there is room for, and
 * connections into the backlog. */
void lr_sim_freeze(struct lr_host *host);
/* It goes on: what has come meanwhile is handed in now. */
void lr_sim_thaw(struct lr_host *host);

/* A host whose role was handed an event since this last named it, and from now on counts as not
 * heard of; NULL: none is left. So who waits for results need not ask each of 100,000 roles. */
struct lr_host *lr_sim_next_heard(struct lr_sim *sim);

/* What the wall clock of |base| shows, in ns since 1970; it may jump (LR_FAULT_CLOCK_JUMP), and no
 * role ever sees it. */
uint64_t lr_sim_wall_clock(struct lr_host *base);

/* How links that open from now on are. */
void lr_sim_set_link(struct lr_sim *sim, const struct lr_sim_link_profile *link);

/* What is there now, for tests and measures. */
struct lr_sim_counts {
    size_t hosts;
    size_t connections; /* pairs of ends, those that linger included */
    size_t events;      /* that wait for their time */
    uint64_t turned;    /* events that have come so far */
};
struct lr_sim_counts lr_sim_count(const struct lr_sim *sim);

#endif
