/* SPDX-License-Identifier: Apache-2.0 */
/* The live world: real sockets and real time, over libuv. It runs our roles as they are, watches
 * their links for the ledger, relays between foreign ends, and starts, steps and ends foreign
 * programs. One thread; everything returns to the caller between turns, nothing calls back into it.
 */
#ifndef LR_WORLD_LIVE_H
#define LR_WORLD_LIVE_H

#include "ledger/ledger.h"
#include "rpc/role.h"
#include "world/link.h"
#include "world/live_net.h"
#include "world/world.h"

struct lr_live;
struct lr_live_host; /* one of our roles in the world */
struct lr_relay;     /* a link's port of ours before a foreign service */
struct lr_program;   /* a foreign program */

struct lr_live_options {
    struct lr_alloc *alloc;
    struct lr_ledger *ledger; /* NULL: nobody watches (stand-alone roles) */
    struct lr_trace_sink *trace;
    const char *storage_root; /* where sessions' directories are made; NULL: the system's place */
    const char *guard;        /* the program lastref-guard; NULL: the one beside this executable.
                                 Borrowed for the world's life, as storage_root */
};

/* Makes the process ignore SIGPIPE: a peer that has gone is an event. LR_ENOMEM, LR_EIO. */
LR_NODISCARD enum lr_status lr_live_new(struct lr_live **out, const struct lr_live_options *options,
                                        struct lr_error *error);
/* Ends every program, closes every socket, waits for the loop to be empty, frees all. No descriptor
 * stays. */
void lr_live_free(struct lr_live *live);
/* The same world, for those who need not know which it is (world/world.h). Borrowed. */
struct lr_world *lr_live_world(struct lr_live *live);
lr_time lr_live_now(const struct lr_live *live); /* read once a turn */
/* Storage for server roles of this world: directories below storage_root. Borrowed. */
struct lr_storage *lr_live_storage(struct lr_live *live);

/* One turn: waits until something happens or |until|, handles all of it, returns. False where
 * SIGINT or SIGTERM has come (see lr_live_catch_signals). */
bool lr_live_turn(struct lr_live *live, lr_time until);
/* SIGINT and SIGTERM make lr_live_turn return false instead of ending the process. */
LR_NODISCARD enum lr_status lr_live_catch_signals(struct lr_live *live, struct lr_error *error);
int lr_live_signal(const struct lr_live *live); /* which one came; 0: none */

/* ---- hosts of their own ---- */

/* From now on each party, by its name, is a host of its own (world/live_net.h), which can fall
 * silent below TCP. Before anybody comes. As lr_net_new. */
LR_NODISCARD enum lr_status lr_live_open_net(struct lr_live *live, struct lr_error *error);
bool lr_live_has_net(const struct lr_live *live);
/* Where |name| is reached if it listens at |wanted|: there, or, where each party is a host and
 * |wanted| a loopback address, at its host's. Borrowed as |wanted| is, or for the world's life.
 * NULL: there can be no such host. */
const char *lr_live_address(struct lr_live *live, const char *name, const char *wanted,
                            struct lr_error *error);
/* Takes the host of |name| off the net, or puts it into the group |group| (world/live_net.h).
 * LR_ENOTSUP: nobody is a host of its own. LR_EIO. */
enum lr_status lr_live_set_group(struct lr_live *live, const char *name, int group);

/* ---- our roles ---- */

/* Puts |role| into the world as |name| (copied). The role must outlive its host. Its links are
 * watched: as a service of |plane| for connections that it accepts. */
LR_NODISCARD enum lr_status lr_live_add(struct lr_live *live, struct lr_role *role,
                                        const char *name, enum lr_plane plane,
                                        struct lr_live_host **out);
/* Carries out what the role's owner has made it append (after any call of a role's function);
 * events that come of it at once (LISTENING, WRITABLE, ..) are handed to the role before this
 * returns. */
void lr_live_drain(struct lr_live_host *host);
/* Takes the role out: its sockets are reset (|graceful| false: as when a process is killed) or
 * closed with FIN. The role hears nothing of it. */
void lr_live_remove(struct lr_live_host *host, bool graceful);
/* The local port of the role's connection |conn|: what the ledger knows it by. 0: there is none
 * such. */
uint16_t lr_live_conn_port(struct lr_live_host *host, lr_conn conn);
/* Sockets of |host| that are open, lingering ones included. */
size_t lr_live_host_sockets(const struct lr_live_host *host);

/* ---- links ---- */

/* The live link with this number in the ledger, or NULL. */
struct lr_link *lr_live_link(struct lr_live *live, uint32_t number);
/* Arms |fault| on a live link, doing at once what it does at once. LR_ENOTFOUND. */
enum lr_status lr_live_fault(struct lr_live *live, uint32_t number, struct lr_fault *fault);
/* Arms it on the next link that opens towards the service |host_name| (copied, at most
 * LR_FAULT_SERVICE_MAX - 1 characters): a role of ours, a relay or a foreign service. Several may
 * wait for the same link. Needs a ledger: without one there are no links. */
void lr_live_fault_next(struct lr_live *live, const char *host_name, struct lr_fault *fault);
/* A foreign program serves |address| as |name| (both copied): connections of our roles to it are
 * links of |plane|, watched at our end. Not needed for services of ours and relays, which are
 * watched where they accept. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_live_foreign_service(struct lr_live *live, const char *name,
                                                    enum lr_plane plane,
                                                    const struct lr_address *address);

/* ---- relays: between two foreign ends ---- */

/* Listens on |host|:|port| (0: any) and passes what comes to |target|; FIN, RST and back-pressure
 * pass, too. |name| (copied) is the service's name for the ledger. */
LR_NODISCARD enum lr_status lr_live_relay(struct lr_live *live, const char *name,
                                          enum lr_plane plane, const char *host, uint16_t port,
                                          const struct lr_address *target, struct lr_relay **out,
                                          struct lr_error *error);
/* Refuses connections from now on, which is |receipt|'s firing, and to be retried by who wants in;
 * NULL: takes them again. LR_EIO: the system does not let us. */
enum lr_status lr_relay_refuse(struct lr_relay *relay, struct lr_host_fault *receipt);
uint16_t lr_relay_port(const struct lr_relay *relay);
void lr_relay_close(struct lr_relay *relay);

/* ---- foreign programs ---- */

/* The path of the program |name| in the folder of this executable. LR_ENOTSUP: the system does not
 * say where that is, or |size| is too small. */
LR_NODISCARD enum lr_status lr_live_beside(char *out, size_t size, const char *name);

struct lr_program_options {
    const char *name;        /* the script's */
    const char *const *argv; /* NULL-terminated; borrowed until return */
    const char *const *env;  /* "NAME=VALUE", added to ours; NULL-terminated or NULL */
    const char *directory;   /* where it runs; NULL: here */
    bool stepped;         /* reads steps from its standard input, answers on its standard output */
    const char *log_path; /* its standard error (and output where not stepped); NULL: kept in
                             memory, the last 64 KiB */
};

/* Starts it in a process group of its own that dies with lastref, also with a killed one. */
LR_NODISCARD enum lr_status lr_program_start(struct lr_live *live,
                                             const struct lr_program_options *options,
                                             struct lr_program **out, struct lr_error *error);
int64_t lr_program_pid(const struct lr_program *program);
/* Writes one line (without its newline) to it. LR_ECLOSED: it has ended or closed its input. */
LR_NODISCARD enum lr_status lr_program_send(struct lr_program *program, const char *line);
/* Moves the oldest line that it wrote into |*line| (a string of the world's allocator, without
 * newline; free with lr_alloc_free_string). False: none yet. */
bool lr_program_next_line(struct lr_program *program, char **line, lr_time *at);
/* True when it has ended; then how: exit status, or the signal that ended it. */
bool lr_program_ended(const struct lr_program *program, int *exit_status, int *signal, lr_time *at);
/* LR_ENOMEM: a line of it, a piece of its log or how it ended is lost. Whoever waits for what it
 * says waits in vain, and what it has said is not all. */
enum lr_status lr_program_health(const struct lr_program *program);
/* A signal to the program alone or to its whole group. */
enum lr_status lr_program_signal(struct lr_program *program, int number, bool group);
/* The end of what it wrote to its log, for a report. Borrowed until the next turn. */
const char *lr_program_log(struct lr_program *program);
/* Kills its group, waits for it, frees. */
void lr_program_free(struct lr_program *program);
/* The two ports of a connection, or that of a listener and 0. */
struct lr_port_pair {
    uint16_t local;
    uint16_t remote;
};
/* The program (or a child of its group) whose socket has these ports: its pid, or 0. Linux: from
 * /proc. */
int64_t lr_live_pid_of_ports(struct lr_live *live, struct lr_port_pair ports, const char **name);

#endif
