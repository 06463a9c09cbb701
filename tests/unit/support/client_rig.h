/* SPDX-License-Identifier: Apache-2.0 */
/* A client in a world in memory, with scripted trackers and servers at the far ends, for the
 * client's unit tests. A body written with RIG_EXPECT runs in two ways: where no allocation was
 * made to fail, an expectation that does not hold fails the test; where one was, the body leaves
 * for |done|, and what counts is that nothing is lost. */
#ifndef LR_TESTS_SUPPORT_CLIENT_RIG_H
#define LR_TESTS_SUPPORT_CLIENT_RIG_H

#include <criterion/criterion.h>

#include "role_driver.h"
#include "rpc/client.h"
#include "support/failing.h"

/* A case whose body runs with every allocation failing in turn. */
#define CLIENT_CASE(suite, name)                                                                   \
    static void name(struct lr_alloc *alloc, void *context);                                       \
    Test(suite, name) {                                                                            \
        lr_test_each_failure(name, NULL);                                                          \
    }                                                                                              \
    static void name(struct lr_alloc *alloc, void *context)

/* The same for each row 0 .. count - 1, which is at |context| as a size_t. */
#define CLIENT_CASE_ROWS(suite, name, count)                                                       \
    static void name(struct lr_alloc *alloc, void *context);                                       \
    Test(suite, name) {                                                                            \
        for (size_t row = 0; row < (size_t)(count); row++) {                                       \
            lr_test_each_failure(name, &row);                                                      \
        }                                                                                          \
    }                                                                                              \
    static void name(struct lr_alloc *alloc, void *context)

struct client_rig {
    struct lr_counting_alloc *alloc;
    struct lr_driver *driver;
    struct lr_client *client;
    lr_host host;
    struct lr_prng random;
    struct lr_result result; /* the last one that client_rig_result fetched */
    bool has_result;
    struct lr_session *session; /* of client_rig_session: one reference, the rig's */
    lr_link server;             /* its far end */
    struct lr_trace_sink sink;  /* counts what follows */
    unsigned int retries;
    unsigned int requests;
    unsigned int references;
    char last_reference[160];
};

/* |alloc| is that of an lr_counting_alloc. NULL |options|: the defaults, with a tracker at
 * "tracker.test":9190. False: no memory. */
bool client_rig_init(struct client_rig *rig, struct lr_alloc *alloc,
                     const struct lr_client_options *options);
/* Lets everything go: results, the session, the client. */
void client_rig_deinit(struct client_rig *rig);

lr_time client_rig_now(const struct client_rig *rig);
/* True where |holds|. Otherwise fails the test, unless an allocation was made to fail. */
bool client_rig_holds(const struct client_rig *rig, bool holds, const char *what, const char *file,
                      int line);
#define RIG_EXPECT(rig, condition)                                                                 \
    do {                                                                                           \
        if (!client_rig_holds((rig), (condition), #condition, __FILE__, __LINE__)) {               \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* The oldest result, after carrying out what waits, into rig->result. False: none. */
bool client_rig_result(struct client_rig *rig);
/* Likewise, and it is |op|'s and ended with |code|: without a value, unless that is LR_OK. */
bool client_rig_ended(struct client_rig *rig, lr_op op, enum lr_status code);

/* Scripted far ends. Each consumes what it names. */
/* Accepts the connection that waits, answers the tracker's magic. LR_LINK_NONE: not so. */
lr_link client_rig_tracker(struct client_rig *rig);
/* The next bytes on |link| are the framed JSON |json|. */
bool client_rig_asked(struct client_rig *rig, lr_link link, const char *json);
void client_rig_tell(struct client_rig *rig, lr_link link, const char *json);
/* Accepts the connection that waits, which must be to |host|:|port|, and expects magic and |key|;
 * answers nothing. */
lr_link client_rig_hello(struct client_rig *rig, const char *host, uint16_t port, const char *key);
/* "server:test", to a connection that said hello, and expects InitServer. */
bool client_rig_accept(struct client_rig *rig, lr_link link);
/* The next bytes on |link| are |size| at |bytes|. */
bool client_rig_sent(struct client_rig *rig, lr_link link, const void *bytes, size_t size);
/* A Return with |count| values of |dialect|; a Return of nothing. */
void client_rig_return(struct client_rig *rig, lr_link link, enum lr_dialect dialect,
                       const struct lr_value *values, size_t count);
void client_rig_return_void(struct client_rig *rig, lr_link link, enum lr_dialect dialect);
void client_rig_exception(struct client_rig *rig, lr_link link, enum lr_dialect dialect,
                          const char *text);
/* The next bytes on |link| are one whole packet of |code|; it is consumed. */
bool client_rig_packet(struct client_rig *rig, lr_link link, int32_t code);
/* How many bytes wait at the far end. */
size_t client_rig_pending(const struct client_rig *rig, lr_link link);

/* A session by direct connect, open, in |dialect|: rig->session and rig->server. */
bool client_rig_session(struct client_rig *rig, enum lr_dialect dialect);
/* Calls in it: the function "f" is looked up; function 77 is called with 10. */
enum lr_status client_rig_get_function(struct client_rig *rig, lr_op *op);
enum lr_status client_rig_call(struct client_rig *rig, lr_op *op);
/* The header of |count| floats on the CPU. */
struct lr_tensor client_rig_floats(int64_t count);

#endif
