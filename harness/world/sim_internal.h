/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the simulated world share. From below: the queue of events (sim_clock.c),
 * names, addresses and ports (sim_address.c), what the systems at both ends
 * of a connection do (sim_tcp.c), what a world does with a socket (sim_socket.c), connections as a
 * role and the ledger see them (sim_conn.c), how they begin (sim_dial.c), and hosts (sim_host.c).
 */
#ifndef LR_WORLD_SIM_INTERNAL_H
#define LR_WORLD_SIM_INTERNAL_H

#include "base/list.h"
#include "base/prng.h"
#include "base/table.h"
#include "world/memory_storage.h"
#include "world/sim.h"
#include "world/sim_clock.h"

struct lr_sim_host;
struct lr_sim_pair;
struct lr_sim_end;

struct lr_sim {
    struct lr_world world; /* first */
    struct lr_sim_options options;
    struct lr_alloc *alloc;
    struct lr_ledger *ledger;
    struct lr_prng random;
    lr_time now;
    struct lr_sim_queue queue;
    struct lr_memory_storage storage;
    struct lr_table names;
    struct lr_table ports;
    uint32_t name_count;
    struct lr_list hosts;
    struct lr_list heard;
    size_t host_count;
    struct lr_list pairs;
    size_t pair_count;
    struct lr_list spare_pairs;
    struct lr_list tended; /* pairs with an end that was closed since */
    struct lr_list links;
    struct lr_list next_faults;
    struct lr_list host_faults;
    struct lr_sim_chunk *spare_chunks;
    struct lr_sim_name *localhost;
    struct lr_sim_name *localhost6;
};

/* ---- sim_address.c ---- */

/* A name that the ledger may remember until the world ends, or an address. */
struct lr_sim_name {
    struct lr_table_node node;
    uint32_t number;    /* in the order of their first sight */
    uint32_t next_port; /* the next one to be tried for who wants any */
    unsigned int hosts; /* placed here */
    bool is_loopback;
    char text[]; /* and its end */
};

struct lr_sim_listener;

/* A taken port; embedded in who has it. */
struct lr_sim_port {
    struct lr_table_node node;
    struct lr_sim_listener *listener; /* NULL: the near end of a connection */
    bool taken;
};

/* |text|, kept until the world ends. NULL: no memory. */
struct lr_sim_name *lr_sim_name(struct lr_sim *sim, const char *text);
/* The address that |host|, known as a name or number, is reached at. LR_ENOTFOUND: a name that
 * nobody has; LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_sim_resolve(struct lr_sim *sim, const char *host,
                                           struct lr_sim_name **out);
bool lr_sim_is_any(const char *host, bool *v6);
/* Takes |number|, or any for 0. False: taken, or none is left. */
bool lr_sim_take_port(struct lr_sim *sim, struct lr_sim_name *address, uint32_t number,
                      struct lr_sim_port *port, uint16_t *out);
void lr_sim_leave_port(struct lr_sim *sim, struct lr_sim_port *port);
struct lr_sim_listener *lr_sim_find_listener(struct lr_sim *sim, const struct lr_sim_name *address,
                                             uint16_t port);
void lr_sim_split(const struct lr_sim_name *address, uint16_t port, struct lr_address *out);

/* ---- sim_host.c: numbers, commands, events; as world/live_host.h ---- */

enum lr_sim_pending {
    LR_SIM_PENDING_LISTENING = 1U << 0,
    LR_SIM_PENDING_WRITABLE = 1U << 1,
    LR_SIM_PENDING_HALF_CLOSED = 1U << 2,
    LR_SIM_PENDING_LISTEN_FAILED = 1U << 3, /* from here on: the last event of a number */
    LR_SIM_PENDING_CONNECT_FAILED = 1U << 4,
    LR_SIM_PENDING_RESET = 1U << 5,
    LR_SIM_PENDING_CLOSED = 1U << 6
};

/* Why something failed, with the sentence that the live world gives. */
enum lr_sim_failure {
    LR_SIM_FINE,
    LR_SIM_NO_MEMORY,
    LR_SIM_REFUSED,
    LR_SIM_RESET,
    LR_SIM_BROKEN_PIPE,
    LR_SIM_TIMED_OUT,
    LR_SIM_UNKNOWN_NAME,
    LR_SIM_PORT_TAKEN,
    LR_SIM_NOT_OURS,
    LR_SIM_NO_PORT,
    LR_SIM_NO_DESCRIPTORS
};

struct lr_sim_numbered {
    struct lr_table_node node; /* key: the number */
    struct lr_list pending_node;
    struct lr_sim_host *host; /* NULL: its host has gone */
    lr_conn number;
    uint8_t pending;
    uint8_t failure;
    bool is_listener;
    bool known; /* in the host's table: the role has not ended it */
};

struct lr_sim_refused;

struct lr_sim_host {
    struct lr_host base; /* first */
    struct lr_sim *sim;
    struct lr_role *role;
    const char *name;
    struct lr_sim_name *address;
    enum lr_plane plane;
    bool lost;
    bool frozen; /* its process is stopped */
    bool settling;
    bool busy; /* has more to do in this instant, after the others */
    struct lr_list node;
    struct lr_list heard; /* in the sim's list while nobody has asked */
    struct lr_table numbers;
    struct lr_sim_numbered *last_found;
    struct lr_list ends; /* of connections, lingering ones included */
    size_t end_count;
    struct lr_list given_up; /* ends closed while it was lost: their peers may not know */
    struct lr_list pending;
    struct lr_sim_refused *refused;
    struct lr_sim_event event;
    lr_time expired_at; /* the last time */
    uint32_t troubles;  /* the kinds of faults that are on it, a bit each (sim_trouble.c) */
    uint32_t group;     /* of a partition; 0: none */
    struct lr_trace trace;
    struct lr_sim_torture *torture; /* NULL: its calls do not fail */
};

/* One more call of |host| to the transport. True: it is to fail. */
bool lr_sim_host_call_fails(struct lr_sim_host *host);
enum lr_status lr_sim_add(struct lr_world *world, struct lr_role *role, const char *name,
                          enum lr_plane plane, struct lr_host **out);
void lr_sim_remove(struct lr_host *base, bool graceful);
void lr_sim_drain(struct lr_host *base);
void lr_sim_host_come(struct lr_sim_host *host); /* its event */
void lr_sim_host_settle(struct lr_sim_host *host);
void lr_sim_host_tell(struct lr_sim_host *host, struct lr_event *event); /* and does not settle */
void lr_sim_host_hand(struct lr_sim_host *host, struct lr_event *event);
void lr_sim_host_number(struct lr_sim_host *host, struct lr_sim_numbered *numbered, lr_conn number);
void lr_sim_host_forget(struct lr_sim_numbered *numbered);
void lr_sim_host_pend(struct lr_sim_numbered *numbered, enum lr_sim_pending event,
                      enum lr_sim_failure failure);
/* Takes the block of |command|'s address for the record: what is left when there is no memory. */
void lr_sim_host_refuse(struct lr_sim_host *host, struct lr_command *command);
struct lr_sim_end *lr_sim_host_find_end(struct lr_sim_host *host, lr_conn number);

/* ---- sim_trouble.c: faults of hosts ---- */

static inline bool lr_sim_has_trouble(const struct lr_sim_host *host, enum lr_fault_kind kind) {
    return (host->troubles & (1U << kind)) != 0;
}
_Static_assert(LR_FAULT_KINDS <= 32, "a bit for each kind of fault");
/* The fault of |kind| that |host| meets now: it is signed. NULL: none, or not this time. */
struct lr_host_fault *lr_sim_meet(struct lr_sim_host *host, enum lr_fault_kind kind);
/* |host| is about to get one socket more, and may not. */
bool lr_sim_lacks_descriptor(struct lr_sim_host *host);
enum lr_status lr_sim_host_fault(struct lr_host *base, struct lr_host_fault *fault);
void lr_sim_host_heal(struct lr_host_fault *fault);
/* |host| goes, and its faults with it. */
void lr_sim_troubles_end(struct lr_sim_host *host);

#endif
