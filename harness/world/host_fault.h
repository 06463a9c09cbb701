/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of a host, or at the door of a service: plain data, with the receipt. What a case does to
 * a host by the usual means has no fault here: kill it (lr_world_remove), start it anew, let its
 * allocator fail, take its power (LR_FAULT_LOSE, then lr_world_remove). */
#ifndef LR_WORLD_HOST_FAULT_H
#define LR_WORLD_HOST_FAULT_H

#include "base/list.h"
#include "base/prng.h"
#include "base/time.h"
#include "world/fault.h"

struct lr_host;

/* Owned by who put it on a host; it must live until it is healed or the host is gone. Zeroed before
 * its first use. */
struct lr_host_fault {
    enum lr_fault_kind kind; /* REFUSE, FULL_BACKLOG, FREEZE, LOSE, PARTITION, CLOCK_JUMP,
                                NO_DESCRIPTORS, SHORT_READS, SHORT_WRITES, INTERRUPTS */
    uint64_t amount; /* PARTITION: the number of its group, not 0; CLOCK_JUMP: ns; NO_DESCRIPTORS:
                        how many sockets more it may have; SHORT_..: bytes at a time, not 0 */
    bool back;       /* CLOCK_JUMP: into the past */
    unsigned int chance_of[2]; /* each time {n, m}: n times in m; {0, 0}: always. Not of what is the
                                  host's as a whole (FREEZE, LOSE, PARTITION, CLOCK_JUMP) */
    struct lr_prng random;     /* where chance is needed; its own (lr_prng_fork) */
    /* the receipt: each time that somebody felt it */
    bool armed;
    unsigned int fired;
    lr_time fired_at; /* the last time */
    /* the world's */
    struct lr_host *host; /* NULL: healed, or its host is gone */
    uint64_t limit;
    struct lr_list node;
};

#endif
