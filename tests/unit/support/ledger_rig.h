/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger that is told of links in words: connections by name, messages as text or packets. */
#ifndef LR_TEST_LEDGER_RIG_H
#define LR_TEST_LEDGER_RIG_H

#include "base/buf.h"
#include "ledger/ledger.h"
#include "mocks/peers/capture.h"
#include "rpc/packet.h"

enum { LR_RIG_LINKS_MAX = 64, LR_RIG_FINDINGS_MAX = 64 };

struct ledger_rig {
    struct lr_alloc *alloc;
    struct lr_ledger *ledger;
    lr_time now;        /* of what is told next */
    size_t chunk;       /* bytes are told in pieces of at most this; SIZE_MAX: as they come */
    bool out_of_memory; /* the rig's own: the ledger was not told everything */
    struct lr_finding findings[LR_RIG_FINDINGS_MAX];
    size_t finding_count; /* of the last audit */
};

/* False: out of memory, and nothing to deinit. */
bool lr_rig_init(struct ledger_rig *rig, struct lr_alloc *alloc);
void lr_rig_deinit(struct ledger_rig *rig);

/* Has |tell| tell |rig|'s ledger of a world, with no allocation failing and then with each in turn.
 * With none |judge| says what the ledger must know. With one the ledger must say that it could not
 * keep all of it, or have been told less, and follow whoever comes after as if nothing had been. */
void lr_rig_each_failure(struct ledger_rig *rig, void (*tell)(void), void (*judge)(void));

/* A connection from |client| ("c1", at 127.0.0.1:|port|) to |service| ("tracker", "s1"). */
uint32_t lr_rig_connect(struct ledger_rig *rig, const char *client, unsigned int port,
                        const char *service);
void lr_rig_bytes(struct ledger_rig *rig, uint32_t link, enum lr_direction direction,
                  const void *bytes, size_t size);
void lr_rig_word(struct ledger_rig *rig, uint32_t link, enum lr_direction direction, uint32_t word);
/* A length and |text|. */
void lr_rig_text(struct ledger_rig *rig, uint32_t link, enum lr_direction direction,
                 const char *text);
/* The tracker's magic, both ways, and whatever |text| the peer sends first. */
uint32_t lr_rig_control(struct ledger_rig *rig, const char *client, unsigned int port,
                        const char *text);
/* A packet of |code| with |count| ints as values. */
void lr_rig_packet(struct ledger_rig *rig, uint32_t link, enum lr_direction direction,
                   enum lr_dialect dialect, int32_t code, const struct lr_value *values,
                   size_t count);
/* The whole of a server's side: its connection, UPDATE_INFO, PUT of |matchkey|, both answered. */
uint32_t lr_rig_server(struct ledger_rig *rig, const char *name, unsigned int port,
                       const char *matchkey);
void lr_rig_put(struct ledger_rig *rig, uint32_t link, unsigned int port, const char *matchkey,
                const char *replaces);
/* A server asks on |link| which of its matchkeys nobody was granted, and is told |pending|. */
void lr_rig_poll(struct ledger_rig *rig, uint32_t link, const char *pending);
/* A client's: REQUEST, and the grant of |matchkey| on its link. */
uint32_t lr_rig_request(struct ledger_rig *rig, const char *name, unsigned int port, int priority);
void lr_rig_grant(struct ledger_rig *rig, uint32_t link, const char *matchkey);
/* A data link whose handshake is |matchkey| and |options|; and its acceptance. */
uint32_t lr_rig_hello(struct ledger_rig *rig, const char *name, unsigned int port,
                      const char *service, const char *matchkey, const char *options);
void lr_rig_accept(struct ledger_rig *rig, uint32_t link);
/* Both at once: a session is open. */
uint32_t lr_rig_open(struct ledger_rig *rig, const char *name, unsigned int port,
                     const char *service, const char *matchkey, const char *options);
/* InitServer and its answer. */
void lr_rig_initialise(struct ledger_rig *rig, uint32_t link, enum lr_dialect dialect);

void lr_rig_audit(struct ledger_rig *rig);
/* How many findings of |kind| the last audit had. */
size_t lr_rig_count(const struct ledger_rig *rig, enum lr_finding_kind kind);
/* True where a line of the timeline holds |text|. */
bool lr_rig_said(const struct ledger_rig *rig, const char *text);

/* Tells a whole capture; the ledger's links have the numbers of its connections' order. */
void lr_rig_play(struct ledger_rig *rig, const struct lr_capture *capture);

#endif
