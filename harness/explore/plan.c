/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/plan.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/time.h"
#include "rpc/server.h"

/* Of the hasty: what is stalled is given up in less than a second of theirs. Silence is two thirds
 * of it before the first probe, as scenarios have it. */
#define HASTY_HANDSHAKE_NS (500 * LR_MS)
#define HASTY_NS (900 * LR_MS)
/* A server asks every 2 s whether its matchkeys are there: who was granted one behind that has the
 * rest of this to come. */
#define HASTY_UNUSED_NS (3 * LR_SECOND)

const char *lr_plan_key(unsigned int key) {
    static const char *const keys[LR_PLAN_KEYS] = {"k", "board", "a:b", "x:0.1", "caf\xc3\xa9\\\""};
    LR_ASSERT(key < LR_PLAN_KEYS);
    return keys[key];
}

const char *lr_plan_fault_name(unsigned int kind) {
    static const char *const names[LR_PLAN_FAULT_KINDS] = {
        [LR_PLAN_NO_FAULT] = "no fault",
        [LR_PLAN_FIN] = "fin",
        [LR_PLAN_RST] = "rst",
        [LR_PLAN_HALF_CLOSE] = "half_close",
        [LR_PLAN_BLACK_HOLE] = "black_hole",
        [LR_PLAN_KILL] = "kill",
        [LR_PLAN_STOP] = "stop",
        [LR_PLAN_LOSE] = "lose",
    };
    LR_ASSERT(kind < LR_PLAN_FAULT_KINDS);
    return names[kind];
}

unsigned int lr_plan_operations(const struct lr_plan *plan) {
    unsigned int count = 0;
    for (unsigned int i = 0; i < plan->actor_count; i++) {
        for (unsigned int k = 0; k < plan->actors[i].count; k++) {
            count += plan->actors[i].steps[k].what != LR_DO_NOTHING;
        }
    }
    return count;
}

struct lr_plan_patience lr_plan_patience(const struct lr_plan *plan) {
    const struct lr_server_options *usual = &lr_server_options_default;
    if (plan->hasty) {
        return (struct lr_plan_patience){HASTY_HANDSHAKE_NS, HASTY_NS, HASTY_NS, HASTY_UNUSED_NS,
                                         HASTY_NS};
    }
    return (struct lr_plan_patience){
        .handshake_ns = usual->handshake_ns,
        .stalled_ns = usual->stalled_ns,
        .unread_ns = usual->unread_ns,
        .unused_ns = usual->unused_ns,
        .silence_ns =
            usual->keepalive.idle_ns + usual->keepalive.interval_ns * usual->keepalive.probes,
    };
}

bool lr_plan_equal(const struct lr_plan *a, const struct lr_plan *b) {
    /* Zeroed as a whole before anything is drawn, what lies between the members, too. */
    return memcmp(a, b, sizeof *a) == 0; /* NOLINT(bugprone-suspicious-memory-comparison) */
}
