/* SPDX-License-Identifier: Apache-2.0 */
/* A world in memory for the unit tests of roles: virtual time, zero latency, no sockets. A test
 * adds one role or several; where one connects to a port on which another listens, the two are
 * joined. All other connections have the test itself at the far end, which feeds bytes, reads what
 * the role sent, and ends or breaks the connection. Events are delivered and commands drained in an
 * order that depends on nothing but the calls. A role that commands a connection which it has given
 * up fails an assertion.
 *
 * Link lr_test_roles. Memory of the driver is the C library's, so that a test can make the role's
 * allocator fail alone. */
#ifndef LR_TESTS_SUPPORT_ROLE_DRIVER_H
#define LR_TESTS_SUPPORT_ROLE_DRIVER_H

#include "rpc/role.h"

struct lr_driver;
typedef int lr_host; /* a role in the driver, from 0 */
typedef int lr_link; /* a connection, from 0; no number is used twice */

enum { LR_LINK_NONE = -1 };

struct lr_driver *lr_driver_new(void);
/* Frees the driver and nothing of the roles, which may be freed before or after it. NULL is fine.
 */
void lr_driver_free(struct lr_driver *driver);

/* Adds |role| (borrowed) on a host whose address is |ip|, as peers see it (borrowed). */
lr_host lr_driver_add(struct lr_driver *driver, struct lr_role *role, const char *ip);
/* The role's process dies: its connections are reset (|reset|) or end with FIN, its listeners go,
 * and it hears of nothing any more. It can then be freed. */
void lr_driver_kill(struct lr_driver *driver, lr_host host, bool reset);

lr_time lr_driver_now(const struct lr_driver *driver);
/* Carries out what the roles have commanded and delivers what follows, until all is quiet. Every
 * function below that changes something does it, too; call it after a role's own functions (start,
 * request ..). */
void lr_driver_pump(struct lr_driver *driver);
/* Moves time on by |ns|, stopping at each deadline on the way to hand in EXPIRED. */
void lr_driver_advance(struct lr_driver *driver, uint64_t ns);
/* From now on each deadline's EXPIRED takes the roles |ns|, as work does on a real machine; else
 * none, and what a role measures of itself is zero. */
void lr_driver_set_turn(struct lr_driver *driver, uint64_t ns);

/* The test connects to |host|'s listener from |peer_ip|. LR_LINK_NONE: nobody listens, or refused
 * for want of memory. */
lr_link lr_driver_connect(struct lr_driver *driver, lr_host host, const char *peer_ip);
/* A connect command of |host| to a port where no role listens, waiting for the test's answer; the
 * oldest. LR_LINK_NONE: none waits. |*address|, if not NULL: borrowed until the link's end. */
lr_link lr_driver_waiting(struct lr_driver *driver, lr_host host,
                          const struct lr_address **address);
/* The answers to it; what fails for another reason than a refusal tells |status| and |reason|
 * (borrowed, NULL for none), as a world does. */
void lr_driver_accept(struct lr_driver *driver, lr_link number);
void lr_driver_refuse(struct lr_driver *driver, lr_link number);
void lr_driver_fail(struct lr_driver *driver, lr_link number, enum lr_status status,
                    const char *reason);

/* What the test does at its end of the link |number|. On a connection that the role has ended:
 * nothing happens. */
void lr_driver_feed(struct lr_driver *driver, lr_link number, const void *bytes, size_t size);
/* Likewise in pieces of |piece| bytes, each an event of its own. */
void lr_driver_feed_pieces(struct lr_driver *driver, lr_link number, const void *bytes, size_t size,
                           size_t piece);
void lr_driver_fin(struct lr_driver *driver, lr_link number);   /* half-close: we read on */
void lr_driver_reset(struct lr_driver *driver, lr_link number); /* RST */
void lr_driver_lose(struct lr_driver *driver, lr_link number);  /* CLOSED, as keep-alive does it */
/* How many more bytes the far end takes from the role; beyond, they wait unsent. SIZE_MAX: all, as
 * at the beginning. Also for links between roles, where |toward| is the end that reads. */
void lr_driver_window(struct lr_driver *driver, lr_link number, size_t bytes);
void lr_driver_window_to(struct lr_driver *driver, lr_link number, lr_host toward, size_t bytes);

/* What the role sent on it and was not consumed yet; |*size| bytes, borrowed until the next
 * call. */
const uint8_t *lr_driver_output(const struct lr_driver *driver, lr_link number, size_t *size);
void lr_driver_consume(struct lr_driver *driver, lr_link number, size_t size);

/* What the role did with it, as its far end sees it. */
bool lr_driver_saw_fin(const struct lr_driver *driver, lr_link number);
bool lr_driver_saw_reset(const struct lr_driver *driver, lr_link number);
/* The role has ended it, by close or reset, or has heard of its end. */
bool lr_driver_ended(const struct lr_driver *driver, lr_link number);
bool lr_driver_paused(const struct lr_driver *driver, lr_link number);

/* Links between roles, for tests of whole sessions: the connection that |from| opened to |to|, the
 * |nth| (from 0) of those that have not ended at both ends; LR_LINK_NONE: none. */
lr_link lr_driver_between(const struct lr_driver *driver, lr_host from, lr_host to, size_t nth);
/* Breaks it for both: RST at each end. */
void lr_driver_cut(struct lr_driver *driver, lr_link number);

/* |host|'s listener breaks: CLOSED, without a reason. */
void lr_driver_lose_listener(struct lr_driver *driver, lr_host host);
/* The number of |host|'s listeners that are up, of its live connections, and the port of the first.
 */
size_t lr_driver_listeners(const struct lr_driver *driver, lr_host host);
size_t lr_driver_connections(const struct lr_driver *driver, lr_host host);
uint16_t lr_driver_port(const struct lr_driver *driver, lr_host host);

#endif
