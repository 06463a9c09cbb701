/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/budget.h"

/* What the machines between two ends cost, in the live world on loopback. */
#define LINK_LATENCY_NS (1 * LR_MS)
#define REQUESTABLE_SIM_NS (50 * LR_MS)
#define REQUESTABLE_LIVE_NS (200 * LR_MS)
/* Never less than this many times the slowest fault-free release of the machine. */
#define CALIBRATION_FACTOR 5

/* DESIGN's table. A time after which a server acts by itself (5 s, 30 s, 6 s, 45 s) is given the
 * 100 ms in which it must have acted. */
struct budget_row {
    uint64_t release_ns;
    bool extra; /* requestable again later than released: + 50 ms in sim, + 200 ms live */
    bool after_timeout;
};

#define CLOSING                                                                                    \
    { LINK_LATENCY_NS + 10 * LR_MS, true, false }

static const struct budget_row rows[LR_CAUSE_COUNT] = {
    [LR_CAUSE_NONE] = CLOSING,
    [LR_CAUSE_CLOSE] = CLOSING,
    [LR_CAUSE_SCOPE] = CLOSING,
    [LR_CAUSE_LAST_REFERENCE] = CLOSING,
    [LR_CAUSE_FIN] = CLOSING,
    [LR_CAUSE_RST] = CLOSING,
    [LR_CAUSE_CUT] = CLOSING,
    [LR_CAUSE_DEATH] = CLOSING,
    /* Keep-alive: 30 s idle, then 3 probes of 5 s. */
    [LR_CAUSE_SILENCE] = {45 * LR_SECOND + 100 * LR_MS, false, false},
    [LR_CAUSE_TIMEOUT] = {100 * LR_MS, false, true},
    [LR_CAUSE_TRACKER_LOSS] = {5 * LR_SECOND, false, false},
    [LR_CAUSE_SERVER_LOSS] = {100 * LR_MS, false, false},
    [LR_CAUSE_HANDSHAKE] = {5 * LR_SECOND + 100 * LR_MS, false, false},
    [LR_CAUSE_STALLED] = {30 * LR_SECOND + 100 * LR_MS, false, false},
    [LR_CAUSE_UNUSED] = {6 * LR_SECOND + 100 * LR_MS, false, false},
};

/* |stated_ns|, or what the machine's slowness makes of it. */
static uint64_t calibrate(uint64_t stated_ns, uint64_t slowest_ns, bool *calibrated) {
    uint64_t measured =
        slowest_ns > UINT64_MAX / CALIBRATION_FACTOR ? UINT64_MAX : slowest_ns * CALIBRATION_FACTOR;
    if (measured <= stated_ns) {
        return stated_ns;
    }
    *calibrated = true;
    return measured;
}

struct lr_budget lr_budget_for(enum lr_cause cause, uint64_t timeout_ns, bool live,
                               const struct lr_calibration *calibration) {
    const struct budget_row *row = &rows[cause];
    uint64_t after = row->after_timeout ? timeout_ns : 0;
    struct lr_budget budget = {.after_ns = after};
    /* The times below are what is allowed beyond |after_ns|. */
    uint64_t release = row->release_ns;
    uint64_t requestable =
        release + (row->extra ? (live ? REQUESTABLE_LIVE_NS : REQUESTABLE_SIM_NS) : 0);
    if (live && calibration != NULL) {
        release = calibrate(release, calibration->release_ns_max, &budget.calibrated);
        requestable = calibrate(requestable, calibration->requestable_ns_max, &budget.calibrated);
    }
    if (requestable < release) {
        requestable = release;
    }
    budget.release_ns = lr_time_add(after, release);
    budget.requestable_ns = lr_time_add(after, requestable);
    if (live) {
        /* The handshake's answer was seen a little later than it was given. */
        budget.after_ns -= after < LINK_LATENCY_NS ? after : LINK_LATENCY_NS;
    }
    return budget;
}

static const char *const release_names[] = {
    [LR_RELEASE_ON_TIME] = "on time",
    [LR_RELEASE_EARLY] = "early",
    [LR_RELEASE_LATE] = "late",
    [LR_RELEASE_NEVER] = "never",
    [LR_RELEASE_PENDING] = "pending",
    [LR_RELEASE_TWICE] = "twice",
    [LR_RELEASE_NOT_REQUESTABLE] = "not requestable",
    [LR_RELEASE_NOT_OBSERVABLE] = "not observable",
};

const char *lr_release_name(enum lr_release release) {
    return release_names[release];
}

/* What has not happened until |now|: is there time left for it? */
static enum lr_release judge_missing(lr_time due, lr_time now, enum lr_release missed,
                                     uint64_t *late_by) {
    if (now <= due) {
        return LR_RELEASE_PENDING;
    }
    *late_by = now - due;
    return missed;
}

enum lr_release lr_budget_judge(const struct lr_account *account, const struct lr_budget *budget,
                                lr_time cause_at, lr_time now, uint64_t *late_by) {
    lr_time release_due = lr_time_add(cause_at, budget->release_ns);
    lr_time requestable_due = lr_time_add(cause_at, budget->requestable_ns);
    *late_by = 0;
    if (account->released_count > 1) {
        return LR_RELEASE_TWICE;
    }
    if (account->released_at == LR_TIME_NEVER) {
        return account->observable ? judge_missing(release_due, now, LR_RELEASE_NEVER, late_by)
                                   : LR_RELEASE_NOT_OBSERVABLE;
    }
    if (account->released_at < lr_time_add(cause_at, budget->after_ns) && budget->after_ns > 0) {
        return LR_RELEASE_EARLY;
    }
    if (account->released_at > release_due) {
        bool untried = account->tried_at != LR_TIME_NEVER && account->tried_at > release_due &&
                       account->released_at >= account->tried_at;
        if (untried) {
            return LR_RELEASE_NOT_OBSERVABLE; /* nobody asked in time */
        }
        *late_by = account->released_at - release_due;
        return LR_RELEASE_LATE;
    }
    if (account->requestable_at == LR_TIME_NEVER) {
        /* Where nothing shows the slot, its release is all that there is to judge. */
        return account->observable
                   ? judge_missing(requestable_due, now, LR_RELEASE_NOT_REQUESTABLE, late_by)
                   : LR_RELEASE_ON_TIME;
    }
    if (account->requestable_at > requestable_due) {
        *late_by = account->requestable_at - requestable_due;
        return LR_RELEASE_LATE;
    }
    return LR_RELEASE_ON_TIME;
}

lr_time lr_account_expires_at(const struct lr_account *account) {
    bool never = account->accepted_at == LR_TIME_NEVER || account->timeout_ns == LR_TIME_NEVER;
    return never ? LR_TIME_NEVER : lr_time_add(account->accepted_at, account->timeout_ns);
}

lr_time lr_account_gone_at(const struct lr_account *account) {
    lr_time ended = lr_time_min(account->fin_at[LR_TO_SERVICE], account->reset_at[LR_TO_SERVICE]);
    if (account->accepted_at == LR_TIME_NEVER) {
        return ended;
    }
    lr_time gone = lr_time_min(ended, account->shutdown_at[LR_TO_SERVICE]);
    return gone < account->accepted_at ? account->accepted_at : gone;
}
