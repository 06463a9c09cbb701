/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the role driver: its structures, and what its two parts share. role_driver.c is the world
 * (commands, delivery, time), role_driver_ends.c what a test does and sees at its end of a link. */
#ifndef LR_TESTS_SUPPORT_ROLE_DRIVER_INTERNAL_H
#define LR_TESTS_SUPPORT_ROLE_DRIVER_INTERNAL_H

#include "base/list.h"
#include "role_driver.h"

enum {
    HOSTS_MAX = 8,
    LISTENERS_MAX = 16,
    LR_TEST_HOST = -1,       /* an end that the test itself holds */
    PORT_ANY_FIRST = 40000,  /* what a listener on port 0 gets, counted up */
    PORT_PEER_FIRST = 50000, /* the connecting end's port, by link */
    EXPIRED_MAX = 100000     /* expiries without quiet: the role does not move its deadline */
};

struct end {
    lr_host host;
    lr_conn conn;
    struct lr_address address;
    struct lr_buf in;   /* on the way to this end */
    struct lr_buf seen; /* the test's end: arrived and not consumed */
    size_t window;      /* how much of |in| may still arrive */
    bool gone;          /* its owner has ended it, or has heard of its end */
    bool paused;
    bool fin, fin_seen; /* the other side's FIN: under way behind |in|, arrived */
    bool broken, reset_seen;
    bool lost; /* |broken| is told as CLOSED */
};

enum phase { OPENING, WAITING, OPEN };

struct link {
    struct lr_list dirty;
    enum phase phase;
    struct end ends[2]; /* the connecting one, the accepting one */
};

struct listener {
    lr_host host;
    lr_conn conn;
    uint16_t port;
    bool up, told;
    struct lr_address address;
};

struct host {
    struct lr_role *role;
    const char *ip;
    bool dead;
    lr_link *links; /* by connection number: link, or LR_LINK_NONE */
    size_t link_count;
    size_t live;
};

struct lr_driver {
    lr_time now;
    uint64_t turn_ns; /* what each EXPIRED takes */
    struct host hosts[HOSTS_MAX];
    int host_count;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct link **links;
    size_t link_count, link_capacity;
    struct lr_list dirty; /* links on which something may have to be delivered */
    uint16_t next_port;
};

/* |*address| = |host|, |port|. */
void lr_driver_set_address(struct lr_address *address, const char *host, uint16_t port);
struct link *lr_driver_link(const struct lr_driver *driver, lr_link number);
lr_link lr_driver_add_link(struct lr_driver *driver, enum phase phase);
/* Something on |link| may have to be delivered: the next pump looks. */
void lr_driver_touch(struct lr_driver *driver, struct link *link);
/* Whether a role has |end| and has not given it up. */
bool lr_driver_holds(const struct end *end);
/* |end| is over for its owner. */
void lr_driver_leave(struct lr_driver *driver, struct end *end);
/* Hands |event| to |host|'s role and carries out its commands. */
void lr_driver_handle(struct lr_driver *driver, lr_host host, struct lr_event event);
/* The connection of |end| is over: its owner hears |event| and no more of it. */
void lr_driver_end(struct lr_driver *driver, struct end *end, struct lr_event event);
/* Hands the accepting end of |number| to |listener|'s role; false: it has no memory for it. */
bool lr_driver_join(struct lr_driver *driver, lr_link number, const struct listener *listener);

#endif
