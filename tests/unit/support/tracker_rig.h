/* SPDX-License-Identifier: Apache-2.0 */
/* A tracker in the role driver, spoken to as servers and clients do. Cases are written once and run
 * with every allocation failing in turn: then an expectation that does not hold is no failure where
 * memory has been refused before, the rest of the case goes on without being judged, and at its end
 * the tracker has to serve a newcomer as if nothing had been, and to be empty when all have left.
 */
#ifndef LR_TESTS_SUPPORT_TRACKER_RIG_H
#define LR_TESTS_SUPPORT_TRACKER_RIG_H

#include <criterion/criterion.h>

#include "role_driver.h"
#include "rpc/tracker.h"

enum { LR_RIG_LINKS_MAX = 64 };

struct tracker_rig {
    struct lr_counting_alloc counting; /* what the tracker has */
    struct lr_prng random;
    struct lr_trace_sink sink;
    unsigned int events[LR_TRACE_KIND_COUNT]; /* how many of each the tracker has told */
    struct lr_tracker_options options;
    struct lr_driver *driver;
    struct lr_tracker *tracker;
    lr_host host;
    lr_link links[LR_RIG_LINKS_MAX]; /* those of rig_join and rig_connect */
    size_t link_count;
    bool unjudged; /* memory was refused and something was otherwise: expectations are void */
};

/* Runs |body| with a tracker of |options| (NULL: the defaults), then with each allocation failing.
 */
void rig_each(void (*body)(struct tracker_rig *rig), const struct lr_tracker_options *options);
/* Runs |body| once, on memory that does not fail. */
void rig_once(void (*body)(struct tracker_rig *rig), const struct lr_tracker_options *options);

/* A case: `RIG_CASE(suite, name) { .. rig .. }`. */
#define RIG_CASE_WITH(suite, name, options)                                                        \
    static void body_##name(struct tracker_rig *rig);                                              \
    Test(suite, name) {                                                                            \
        rig_each(body_##name, options);                                                            \
    }                                                                                              \
    static void body_##name(struct tracker_rig *rig)
#define RIG_CASE(suite, name) RIG_CASE_WITH(suite, name, NULL)

/* |condition| has to hold, unless memory was refused. */
#define rig_expect(rig, condition)                                                                 \
    do {                                                                                           \
        if (!(rig)->unjudged && !(condition)) {                                                    \
            cr_assert((rig)->counting.failed > 0, "%s", #condition);                               \
            (rig)->unjudged = true;                                                                \
        }                                                                                          \
    } while (0)

/* Connects from |ip|, without and with the exchange of magic. */
lr_link rig_connect(struct tracker_rig *rig, const char *ip);
lr_link rig_join(struct tracker_rig *rig, const char *ip);
/* Sends |size| bytes, or the message |json|. A link that was refused: nothing. */
void rig_send(struct tracker_rig *rig, lr_link link, const void *bytes, size_t size);
void rig_say(struct tracker_rig *rig, lr_link link, const char *json);
/* The next message that |link| has received is |json|; it is consumed. */
void rig_hear(struct tracker_rig *rig, lr_link link, const char *json);
/* Nothing more has come. */
void rig_hear_nothing(struct tracker_rig *rig, lr_link link);
/* Say, hear. */
void rig_ask(struct tracker_rig *rig, lr_link link, const char *question, const char *answer);
/* The tracker has ended |link|: FIN has come, behind everything heard so far. */
void rig_hear_end(struct tracker_rig *rig, lr_link link);
/* Joins from |ip| and registers KEY and MATCHKEY, as TVM's server does. */
lr_link rig_serve(struct tracker_rig *rig, const char *ip, const char *key, int port,
                  const char *matchkey);
/* Ends |link| from the peer's side. */
void rig_leave(struct tracker_rig *rig, lr_link link);
void rig_reset(struct tracker_rig *rig, lr_link link);

#endif
