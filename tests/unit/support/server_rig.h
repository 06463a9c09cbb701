/* SPDX-License-Identifier: Apache-2.0 */
/* A server in the role driver, spoken to as clients do, with a scripted tracker where one is
 * wanted. Cases are written once and run with every allocation failing in turn: an expectation that
 * does not hold after memory was refused is no failure; the rest of the case then goes on without
 * being judged. At its end every case demands that the server, whatever has happened, serves a
 * newcomer, that nothing of any session is left, and that all memory is back. */
#ifndef LR_TESTS_SUPPORT_SERVER_RIG_H
#define LR_TESTS_SUPPORT_SERVER_RIG_H

#include <criterion/criterion.h>

#include "role_driver.h"
#include "rpc/packet.h"
#include "rpc/server.h"
#include "world/memory_storage.h"

enum { LR_SERVER_RIG_LINKS_MAX = 256 };

struct server_rig {
    struct lr_counting_alloc *alloc; /* what the server has, device and files, too */
    struct lr_prng random;
    struct lr_trace_sink sink;
    unsigned int events[LR_TRACE_KIND_COUNT];
    char told[LR_TRACE_KIND_COUNT][160]; /* the text of the last event of each kind */
    struct lr_memory_storage storage;
    struct lr_driver *driver;
    struct lr_server *server;
    lr_host host;
    enum lr_dialect dialect; /* what rig_* speak as a client */
    const char *ip;          /* from where they connect */
    lr_link tracker;         /* scripted; LR_LINK_NONE */
    struct lr_buf heard_bytes;
    struct lr_packet heard; /* the last packet that rig_hear read; borrows |heard_bytes| */
    char matchkey[200];     /* of the last PUT */
    char replaces[200];     /* its fifth element, or "" */
    lr_link links[LR_SERVER_RIG_LINKS_MAX]; /* of rig_connect */
    size_t link_count;
    bool has_tracker;
    enum lr_dialect newcomer; /* what is spoken at the end of the case */
    bool unjudged;
};

typedef void (*server_rig_body)(struct server_rig *rig);

struct server_rig_case {
    server_rig_body body;
    struct lr_server_options options;
};

/* With every allocation failing in turn, and once only. */
void rig_each(server_rig_body body, const struct lr_server_options *options);
void rig_once(server_rig_body body, const struct lr_server_options *options);

#define RIG_CASE_WITH(suite, name, options)                                                        \
    static void body_##name(struct server_rig *rig);                                               \
    Test(suite, name) {                                                                            \
        rig_each(body_##name, options);                                                            \
    }                                                                                              \
    static void body_##name(struct server_rig *rig)
#define RIG_CASE(suite, name) RIG_CASE_WITH(suite, name, NULL)
#define RIG_CASE_ONCE(suite, name, options)                                                        \
    static void body_##name(struct server_rig *rig);                                               \
    Test(suite, name) {                                                                            \
        rig_once(body_##name, options);                                                            \
    }                                                                                              \
    static void body_##name(struct server_rig *rig)

#define rig_expect(rig, condition)                                                                 \
    do {                                                                                           \
        if (!(rig)->unjudged && !(condition)) {                                                    \
            cr_assert((rig)->alloc->failed > 0, "%s", #condition);                                 \
            (rig)->unjudged = true;                                                                \
        }                                                                                          \
    } while (0)

/* Connections. */
lr_link rig_connect(struct server_rig *rig);
/* Magic and |key| ("client:.."). */
void rig_hello(struct server_rig *rig, lr_link link, const char *key);
/* The server's answer: accepted, with its key; or no match, and FIN. */
void rig_hear_accept(struct server_rig *rig, lr_link link);
void rig_hear_mismatch(struct server_rig *rig, lr_link link);
void rig_hear_nothing(struct server_rig *rig, lr_link link);
void rig_hear_fin(struct server_rig *rig, lr_link link);
/* Connect, hello with |key|, accept, InitServer and its answer. */
lr_link rig_open(struct server_rig *rig, const char *key);
void rig_shutdown(struct server_rig *rig, lr_link link);

/* Packets. */
void rig_send_bytes(struct server_rig *rig, lr_link link, const void *bytes, size_t size);
void rig_send_packet(struct server_rig *rig, lr_link link, const struct lr_packet *packet);
void rig_send_values(struct server_rig *rig, lr_link link, int32_t code,
                     const struct lr_value *items, size_t count);
void rig_send_init(struct server_rig *rig, lr_link link);
/* The next packet, into rig->heard; false: none, or not whole. */
bool rig_hear(struct server_rig *rig, lr_link link);
void rig_hear_void(struct server_rig *rig, lr_link link);
/* An Exception whose text holds |part|. */
void rig_hear_exception(struct server_rig *rig, lr_link link, const char *part);
/* The value at |index| of a Return; a null one where there is none (an expectation fails then). */
struct lr_value rig_heard(struct server_rig *rig, size_t index);

/* Calls. */
uint64_t rig_function(struct server_rig *rig, lr_link link, const char *name);
void rig_call(struct server_rig *rig, lr_link link, uint64_t function, const struct lr_value *items,
              size_t count);
/* Looks |name| up, calls it and reads the answer into rig->heard. */
void rig_invoke(struct server_rig *rig, lr_link link, const char *name,
                const struct lr_value *items, size_t count);
void rig_expect_int(struct server_rig *rig, int64_t value);
void rig_expect_text(struct server_rig *rig, const char *text);
/* The session of |link| answers rpc.test.addone(1) with 2. */
void rig_expect_alive(struct server_rig *rig, lr_link link);
uint64_t rig_allocate(struct server_rig *rig, lr_link link, uint64_t size);
struct lr_tensor rig_tensor(uint64_t data, int64_t bytes);
void rig_copy_to(struct server_rig *rig, lr_link link, const struct lr_tensor *tensor,
                 const void *bytes, size_t size);
void rig_copy_from(struct server_rig *rig, lr_link link, const struct lr_tensor *tensor,
                   uint64_t size);

/* The scripted tracker. */
/* Accepts the server's connection, which must come within 5 s, and answers magic and UPDATE_INFO.
 */
bool rig_tracker_join(struct server_rig *rig);
/* The next message on the tracker's link is |json|. */
bool rig_tracker_hears(struct server_rig *rig, const char *json);
void rig_tracker_says(struct server_rig *rig, const char *json);
/* The next message is a PUT; its matchkey goes to rig->matchkey, and it is answered. */
bool rig_tracker_put(struct server_rig *rig);
/* Reads what waits, answering each PUT and each poll (with the last matchkey). */
void rig_tracker_drain(struct server_rig *rig);
bool rig_tracker_idle(struct server_rig *rig); /* it has nothing to read */

#endif
