/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/plan.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/time.h"
#include "rpc/server.h"
#include "world/sim.h"

/* Of the hasty: what is stalled is given up in less than a second of theirs. Silence is two thirds
 * of it before the first probe, as scenarios have it. */
#define HASTY_HANDSHAKE_NS (500 * LR_MS)
#define HASTY_NS (900 * LR_MS)
/* A server asks every 2 s whether its matchkeys are there: who was granted one behind that has the
 * rest of this to come. */
#define HASTY_UNUSED_NS (3 * LR_SECOND)

#define BUDGETS_NS (10 * LR_SECOND) /* a tracker that is back has every server within 5 s */
#define PROBE_NS (5 * LR_SECOND)
#define FLOOD_BYTES UINT64_C(3000000)
#define SMALL_BYTES UINT64_C(20000)

const char *lr_plan_key(unsigned int key) {
    static const char *const keys[] = {
        "k",
        "board",
        "a:b",
        "x:0.1",
        "caf\xc3\xa9\\\"",
        [LR_PLAN_LIAR_KEY] = "liar",
        [LR_PLAN_VICTIM_KEY] = "victim",
    };
    LR_ASSERT(key < LR_COUNT_OF(keys));
    return keys[key];
}

const char *lr_plan_odd_key(unsigned int odd) {
    static const char *const keys[] = {"",       "two words", " before",    "behind ",
                                       "a\ttab", "a\nline",   "-timeout=1", "client:k"};
    LR_ASSERT(odd > 0 && odd < LR_COUNT_OF(keys) && LR_COUNT_OF(keys) == LR_PLAN_ODD_KEYS + 1);
    return keys[odd];
}

static const struct lr_plan_fault_row fault_rows[LR_PLAN_FAULT_KINDS] = {
    [LR_PLAN_NO_FAULT] = {"no fault", LR_FAULT_KINDS, LR_PLAN_OF_NOBODY, false, true},
    [LR_PLAN_FIN] = {"fin", LR_FAULT_FIN, LR_PLAN_OF_LINK, false, false},
    [LR_PLAN_RST] = {"rst", LR_FAULT_RST, LR_PLAN_OF_LINK, false, false},
    [LR_PLAN_HALF_CLOSE] = {"half_close", LR_FAULT_HALF_CLOSE, LR_PLAN_OF_LINK, false, false},
    [LR_PLAN_BLACK_HOLE] = {"black_hole", LR_FAULT_BLACK_HOLE, LR_PLAN_OF_LINK, false, false},
    [LR_PLAN_CORRUPT] = {"corrupt_bit", LR_FAULT_CORRUPT_BIT, LR_PLAN_OF_LINK, false, false},
    [LR_PLAN_CORRUPT_LENGTH] = {"corrupt_length", LR_FAULT_CORRUPT_LENGTH, LR_PLAN_OF_LINK, false,
                                false},
    [LR_PLAN_TRUNCATE] = {"truncate", LR_FAULT_TRUNCATE, LR_PLAN_OF_LINK, false, false},
    [LR_PLAN_GARBAGE] = {"garbage", LR_FAULT_GARBAGE, LR_PLAN_OF_LINK, false, false},
    [LR_PLAN_STALL] = {"stall", LR_FAULT_STALL, LR_PLAN_OF_LINK, true, false},
    [LR_PLAN_KILL] = {"kill", LR_FAULT_KILL, LR_PLAN_OF_HOST, false, false},
    [LR_PLAN_STOP] = {"stop", LR_FAULT_KINDS, LR_PLAN_OF_HOST, false, false},
    [LR_PLAN_LOSE] = {"lose", LR_FAULT_LOSE, LR_PLAN_OF_HOST, false, false},
    [LR_PLAN_POWER_OFF] = {"power_off", LR_FAULT_POWER_OFF, LR_PLAN_OF_HOST, false, false},
    [LR_PLAN_RESTART] = {"restart", LR_FAULT_RESTART, LR_PLAN_OF_SERVICE, false, false},
    [LR_PLAN_FREEZE] = {"freeze", LR_FAULT_FREEZE, LR_PLAN_OF_SERVICE, true, false},
    [LR_PLAN_PARTITION] = {"partition", LR_FAULT_PARTITION, LR_PLAN_OF_HOST, false, false},
    [LR_PLAN_CLOCK_JUMP] = {"clock_jump", LR_FAULT_CLOCK_JUMP, LR_PLAN_OF_HOST, false, true},
    [LR_PLAN_SHORT_READS] = {"short_reads", LR_FAULT_SHORT_READS, LR_PLAN_OF_HOST, true, true},
    [LR_PLAN_SHORT_WRITES] = {"short_writes", LR_FAULT_SHORT_WRITES, LR_PLAN_OF_HOST, true, true},
    [LR_PLAN_INTERRUPTS] = {"interrupts", LR_FAULT_INTERRUPTS, LR_PLAN_OF_HOST, true, true},
    [LR_PLAN_NO_MEMORY] = {"no_memory", LR_FAULT_NO_MEMORY, LR_PLAN_OF_HOST, true, false},
    [LR_PLAN_STORM] = {"storm", LR_FAULT_STORM, LR_PLAN_OF_SERVICE, false, false},
};

const struct lr_plan_fault_row *lr_plan_fault_row(unsigned int kind) {
    LR_ASSERT(kind < LR_PLAN_FAULT_KINDS);
    return &fault_rows[kind];
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

uint64_t lr_plan_slack_ns(const struct lr_plan *plan) {
    uint64_t bytes = SMALL_BYTES;
    for (unsigned int i = 0; i < plan->actor_count; i++) {
        for (unsigned int k = 0; k < plan->actors[i].count; k++) {
            const struct lr_plan_step *step = &plan->actors[i].steps[k];
            bool floods = step->what == LR_DO_SAY && lr_line_floods(step->target);
            bool sends = step->what == LR_DO_WRITE || step->what == LR_DO_UPLOAD;
            bytes += floods ? FLOOD_BYTES : sends ? step->size : 0;
        }
    }
    uint64_t way = (uint64_t)(plan->link.latency_us + plan->link.jitter_us) * LR_US;
    return plan->link.bandwidth == 0 ? way : way + 2 * bytes * LR_SECOND / plan->link.bandwidth;
}

uint64_t lr_plan_parts_ns(const struct lr_plan *plan, uint64_t bytes) {
    const uint64_t held = lr_sim_options_default.receive_buffer;
    return (bytes + held - 1) / held * 2 * (plan->link.latency_us + plan->link.jitter_us) * LR_US;
}

uint64_t lr_plan_recovery_ns(const struct lr_plan *plan) {
    const struct lr_plan_patience patience = lr_plan_patience(plan);
    return patience.silence_ns + patience.stalled_ns + patience.unread_ns + patience.unused_ns +
           BUDGETS_NS + 4 * lr_plan_slack_ns(plan);
}

uint64_t lr_plan_probe_ns(const struct lr_plan *plan, bool quiet) {
    /* A grant that nobody has seen may have to be missed first. */
    return quiet ? PROBE_NS : PROBE_NS + lr_plan_patience(plan).unused_ns;
}

bool lr_plan_equal(const struct lr_plan *a, const struct lr_plan *b) {
    /* Zeroed as a whole before anything is drawn, what lies between the members, too. */
    return memcmp(a, b, sizeof *a) == 0; /* NOLINT(bugprone-suspicious-memory-comparison) */
}
