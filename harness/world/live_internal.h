/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the live world share: the loop, sockets, listeners and watched links. */
#ifndef LR_WORLD_LIVE_INTERNAL_H
#define LR_WORLD_LIVE_INTERNAL_H

#include <uv.h>

#include "base/timers.h"
#include "base/tree.h"
#include "world/live.h"

enum {
    LR_READ_SIZE = 256 * 1024, /* one read of the loop; shared by all connections */
    LR_ADDRESS_TEXT_MAX = 64,  /* "[ffff:..]:65535" */
    LR_LISTEN_BACKLOG = 511,   /* what servers of many clients commonly ask for */
    LR_SERVICES_MAX = 1024     /* foreign services of a world */
};

struct lr_name {
    struct lr_list node;
    char *text;
};

/* What a deadline is for. */
enum lr_alarm {
    LR_ALARM_UNTIL, /* a turn's end */
    LR_ALARM_ROLE,  /* a host's role wants EXPIRED */
    LR_ALARM_AGED,  /* from here on: a socket's */
    LR_ALARM_LINGER,
    LR_ALARM_SILENCE,
    LR_ALARM_PASS /* a relay's bytes may pass */
};

/* One timer of the system for all deadlines. A wait of libuv's with a time limit sets a timer and
 * takes it back each time, which is among the dearest things that a turn does; a descriptor that
 * becomes readable at its time (Linux) stays set over many turns. */
struct lr_alarm_clock {
    uv_timer_t timer; /* where there is no such descriptor */
    uv_poll_t poll;
    int descriptor; /* -1: none */
    lr_time at;     /* what it is set to */
    struct lr_timers deadlines;
};

struct lr_live {
    struct lr_world world; /* first */
    struct lr_live_options options;
    struct lr_alloc *alloc;
    struct lr_net *net; /* NULL: the machine's */
    struct lr_ledger *ledger;
    struct lr_trace trace;
    uv_loop_t loop;
    uv_prepare_t
        before_wait; /* makes |now| stale; keeps the loop alive when nothing else is there */
    struct lr_alarm_clock alarm;
    struct lr_timer until;
    uv_signal_t signals[2]; /* SIGINT, SIGTERM */
    bool catching;
    int signal;
    uint64_t handed, handed_then; /* events to roles so far; and when the loop last looked */
    lr_time now;
    bool now_stale;
    lr_time complained_at; /* about accept; once a second is enough */
    uint8_t *read_buffer;
    struct lr_storage *storage;
    struct lr_list hosts;
    struct lr_list busy; /* hosts with events that wait for the next turn */
    struct lr_list sockets;
    struct lr_list listeners;
    struct lr_list links;
    struct lr_list next_faults;
    struct lr_list services; /* foreign ones */
    struct lr_list relays;
    struct lr_list programs;
    struct lr_list names;
    struct lr_tree local_ports; /* connections of our roles, to know them again where we accept */
};

/* ---- live_world.c ---- */

extern const struct lr_world_ops lr_live_ops;

/* The time of this turn. */
lr_time lr_live_clock(struct lr_live *live);
/* |name|, kept until the world ends, as the ledger may remember it. NULL: no memory. */
const char *lr_live_keep_name(struct lr_live *live, const char *name);

/* ---- live_place.c: hosts of a network of the world's own ---- */

/* The host of the party |name| (kept by lr_live_keep_name), made if need be; LR_NET_NOWHERE where
 * the world has no network of its own. As lr_net_host. */
LR_NODISCARD enum lr_status lr_live_place(struct lr_live *live, const char *name, int *place,
                                          struct lr_error *error);
/* Where a service at |place| listens that was told to at |*address|: loopback stands for the host's
 * own address, as others have to reach it. */
void lr_live_settle_address(const struct lr_live *live, int place,
                            struct sockaddr_storage *address);

/* ---- live_alarm.c: deadlines ---- */

void lr_alarm_init(struct lr_live *live);
void lr_alarm_close(struct lr_live *live); /* as libuv's handles are: gone after the next turn */
/* Arms |timer|, whose kind is set, or moves it: lr_socket_alarm, lr_host_alarm or the end of the
 * turn come at |at|, a millisecond from now at the soonest. */
void lr_live_set_alarm(struct lr_live *live, struct lr_timer *timer, lr_time at);
void lr_live_unset_alarm(struct lr_live *live, struct lr_timer *timer);

/* Bytes for libuv to write, which it only reads. */
uv_buf_t lr_uv_bytes(const void *bytes, size_t size);

/* ---- live_address.c ---- */

/* A numeric address or "localhost" with |port| (there may be a second address of that name). False:
 * a name that has to be asked for. */
bool lr_address_numeric(const char *host, uint16_t port, struct sockaddr_storage *out);
uint16_t lr_address_port(const struct sockaddr_storage *address);
void lr_address_set_port(struct sockaddr_storage *address, uint16_t port);
void lr_address_split(const struct sockaddr_storage *from, struct lr_address *out);
const char *lr_address_text(char out[LR_ADDRESS_TEXT_MAX], const struct sockaddr_storage *address);
bool lr_address_is_loopback(const struct sockaddr_storage *address);
bool lr_address_is_any(const struct sockaddr_storage *address);
bool lr_address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
enum lr_status lr_uv_status(int uv_error);

/* ---- live_system_*.c: what libuv does not offer ---- */

/* A bound, listening descriptor, or a negative uv error. */
int lr_system_listen(const struct sockaddr_storage *address, const struct lr_keepalive *keepalive,
                     uv_os_sock_t *out);
/* What each connection of ours has: no delay, and keep-alive where wanted. */
void lr_system_no_delay(uv_os_fd_t socket);
void lr_system_keep_alive(uv_os_fd_t socket, const struct lr_keepalive *keepalive);
/* Both, for a connection from a listener of ours, which may have handed them on. */
void lr_system_tune_accepted(uv_os_fd_t socket, const struct lr_keepalive *keepalive);
/* A descriptor that is readable from the moment it is set to; -1: there is none of the kind. */
int lr_system_timer_open(void);
void lr_system_timer_set(int descriptor, lr_time at);
void lr_system_timer_clear(int descriptor); /* not readable until it is set again */
/* The next connection that waits at |listener|, and its peer. A uv error: UV_EAGAIN where there is
 * none. */
int lr_system_accept(uv_os_sock_t listener, struct sockaddr_storage *peer, uv_os_sock_t *out);
/* A connection to |address| if it is there at once, as within this machine it mostly is. A uv
 * error: otherwise, and nothing is under way. */
int lr_system_connect_at_once(const struct sockaddr_storage *address, uv_os_sock_t *out);
/* Takes connections at a bound descriptor, or none: who comes is refused. A uv error. */
int lr_system_take_connections(uv_os_sock_t socket, bool take);
int lr_system_bound_address(uv_os_sock_t socket, struct sockaddr_storage *out);
void lr_system_shut_write(uv_os_fd_t socket);
void lr_system_abort_on_close(uv_os_fd_t socket);
void lr_system_ignore_pipe_signal(void);
/* Lets whoever else wants this processor have it. */
void lr_system_yield(void);
/* A second descriptor of the same socket; -1: none. */
int lr_system_duplicate(uv_os_fd_t socket);
void lr_system_close(int descriptor);
/* The error that waits at |socket|, which then has none: a uv error, or 0. */
int lr_system_socket_error(uv_os_fd_t socket);

/* Removes all that is in the folder of this descriptor, as far as it can be; follows no link. */
void lr_system_clear_folder(int folder);

/* ---- live_listen.c ---- */

struct lr_listener {
    uv_timer_t retry; /* until memory or descriptors may be there again */
    uv_poll_t poll;
    uv_os_sock_t descriptor; /* -1: none */
    uv_os_sock_t next;       /* a connection that was accepted and nobody has taken; -1: none */
    struct sockaddr_storage peer; /* its address */
    struct lr_live *live;
    struct lr_list node;
    struct sockaddr_storage address; /* the bound one */
    struct lr_keepalive keepalive;
    void (*accepted)(struct lr_listener *listener); /* a connection waits: take it, or retry */
    void (*closed)(struct lr_listener *listener);   /* free it */
};

/* Listens on the first free port from |address|'s to |port_end| - 1 (port 0: any). |accepted| and
 * |closed| are set. On a uv error the listener closes by itself: |closed| comes, later. */
int lr_listener_open(struct lr_listener *listener, struct lr_live *live,
                     const struct sockaddr_storage *address, uint32_t port_end);
void lr_listener_close(struct lr_listener *listener);
/* Whoever connects is refused, though the port stays ours; or not any more. A uv error. */
int lr_listener_refuse(struct lr_listener *listener, bool refuse);
/* The connection that waits, from now on the caller's. */
uv_os_sock_t lr_listener_take(struct lr_listener *listener);
/* |accepted| comes again, a little later; |error|, a uv error, is what the log says. */
void lr_listener_retry(struct lr_listener *listener, int error);
/* True where |address| is a service of this world (a role of ours or a relay). */
bool lr_listener_is_ours(const struct lr_live *live, const struct sockaddr_storage *address,
                         const struct sockaddr_storage *local);

/* ---- live_resolve.c: names, asked for without waiting ---- */

struct lr_resolve;
typedef void (*lr_resolve_cb)(void *context, int error, const struct addrinfo *addresses);
/* |addresses| are borrowed by the callback, which comes once, unless canceled. A uv error at once.
 */
int lr_resolve_start(struct lr_live *live, const char *host, uint16_t port, bool passive,
                     lr_resolve_cb done, void *context, struct lr_resolve **out);
void lr_resolve_cancel(struct lr_resolve *resolve);

/* ---- live_watch.c: services of foreign programs ---- */

struct lr_service {
    struct lr_list node;
    const char *name;
    enum lr_plane plane;
    struct lr_address address;
};

/* ---- live_host.c, live_relay.c, live_program.c: for the loop ---- */

void lr_hosts_deliver_busy(struct lr_live *live);
void lr_host_alarm(struct lr_timer *timer);
void lr_hosts_free_all(struct lr_live *live);
/* The name of the role of ours that has a connection with these ports, or NULL. */
const char *lr_host_name_of_ports(const struct lr_live *live, struct lr_port_pair ports);
void lr_relays_free_all(struct lr_live *live);
/* What came to |reached| from |peer| came from a relay of ours: it is watched there. */
bool lr_relay_is_from(const struct lr_live *live, const struct sockaddr_storage *peer,
                      const struct sockaddr_storage *reached);
void lr_programs_free_all(struct lr_live *live);

/* ---- live_storage_*.c ---- */

/* A session's folder has this name with six more characters. It is locked (flock) for as long as
 * its process lives, so one whose owner was killed can be told from the others. */
#define LR_SESSION_FOLDER "lastref-session-"
enum { LR_SESSION_FOLDER_MORE = 6 };
/* Locks the new |folder|. False: somebody took it for left behind, and removes it; make another. */
bool lr_system_hold_folder(int folder);
/* Removes the sessions' folders in |root| that are ours by user and whose owners are gone. */
void lr_system_remove_left_folders(const char *root);

LR_NODISCARD enum lr_status lr_live_storage_new(struct lr_alloc *alloc, const char *root,
                                                struct lr_storage **out, struct lr_error *error);
void lr_live_storage_free(struct lr_storage *base);

#endif
