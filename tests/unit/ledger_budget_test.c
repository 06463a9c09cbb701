/* SPDX-License-Identifier: Apache-2.0 */
/* The table of budgets, and every verdict on a release. */
#include <criterion/criterion.h>

#include "ledger/budget.h"

#define CAUSE_AT (100 * LR_SECOND)

static const struct {
    enum lr_cause cause;
    bool live;
    uint64_t after_ms, release_ms, requestable_ms;
} stated[] = {
    {LR_CAUSE_CLOSE, true, 0, 11, 211},
    {LR_CAUSE_CLOSE, false, 0, 11, 61},
    {LR_CAUSE_SCOPE, true, 0, 11, 211},
    {LR_CAUSE_LAST_REFERENCE, true, 0, 11, 211},
    {LR_CAUSE_FIN, true, 0, 11, 211},
    {LR_CAUSE_RST, true, 0, 11, 211},
    {LR_CAUSE_CUT, true, 0, 11, 211},
    {LR_CAUSE_DEATH, true, 0, 11, 211},
    {LR_CAUSE_TIMEOUT, false, 2000, 2100, 2100},
    {LR_CAUSE_TIMEOUT, true, 1999, 2100, 2100},
    {LR_CAUSE_SILENCE, true, 0, 45100, 45100},
    {LR_CAUSE_HANDSHAKE, true, 0, 5100, 5100},
    {LR_CAUSE_STALLED, true, 0, 30100, 30100},
    {LR_CAUSE_UNUSED, true, 0, 6100, 6100},
    {LR_CAUSE_TRACKER_LOSS, true, 0, 5000, 5000},
    {LR_CAUSE_SERVER_LOSS, true, 0, 100, 100},
};

Test(ledger_budget, table_is_the_designs) {
    for (size_t i = 0; i < LR_COUNT_OF(stated); i++) {
        struct lr_budget budget =
            lr_budget_for(stated[i].cause, 2 * LR_SECOND, stated[i].live, NULL);
        const char *name = lr_cause_name(stated[i].cause);
        cr_assert_eq(budget.after_ns, stated[i].after_ms * LR_MS, "%s", name);
        cr_assert_eq(budget.release_ns, stated[i].release_ms * LR_MS, "%s", name);
        cr_assert_eq(budget.requestable_ns, stated[i].requestable_ms * LR_MS, "%s", name);
        cr_assert_not(budget.calibrated);
    }
}

Test(ledger_budget, slow_machine_raises_it_in_the_live_world_alone) {
    struct lr_calibration slow = {50 * LR_MS, 90 * LR_MS, 3};
    struct lr_budget budget = lr_budget_for(LR_CAUSE_CLOSE, 0, true, &slow);
    cr_assert(budget.calibrated);
    cr_assert_eq(budget.release_ns, 250 * LR_MS);
    cr_assert_eq(budget.requestable_ns, 450 * LR_MS);
    budget = lr_budget_for(LR_CAUSE_CLOSE, 0, false, &slow);
    cr_assert_not(budget.calibrated);
    cr_assert_eq(budget.release_ns, 11 * LR_MS);
    struct lr_calibration fast = {LR_MS, 2 * LR_MS, 3};
    budget = lr_budget_for(LR_CAUSE_CLOSE, 0, true, &fast);
    cr_assert_not(budget.calibrated);
    struct lr_calibration absurd = {UINT64_MAX, UINT64_MAX, 1};
    budget = lr_budget_for(LR_CAUSE_TIMEOUT, 2 * LR_SECOND, true, &absurd);
    cr_assert_eq(budget.release_ns, UINT64_MAX);
}

Test(ledger_budget, timeout_is_not_raised_before_its_time_by_a_slow_machine) {
    struct lr_calibration slow = {50 * LR_MS, 90 * LR_MS, 3};
    struct lr_budget budget = lr_budget_for(LR_CAUSE_TIMEOUT, 2 * LR_SECOND, true, &slow);
    cr_assert_eq(budget.release_ns, 2250 * LR_MS);
    cr_assert_eq(budget.after_ns, 1999 * LR_MS);
}

/* Times in ms after the cause; -1: has not happened. */
static const struct {
    enum lr_cause cause;
    int released, requestable;
    unsigned int count;
    bool observable;
    int now;
    enum lr_release release;
    int late_ms;
} verdicts[] = {
    {LR_CAUSE_CLOSE, 5, 100, 1, true, 300, LR_RELEASE_ON_TIME, 0},
    {LR_CAUSE_CLOSE, 11, 211, 1, true, 300, LR_RELEASE_ON_TIME, 0},
    {LR_CAUSE_CLOSE, -50, 100, 1, true, 300, LR_RELEASE_ON_TIME, 0}, /* its mark came later */
    {LR_CAUSE_CLOSE, 12, 100, 1, true, 300, LR_RELEASE_LATE, 1},
    {LR_CAUSE_CLOSE, 5, 311, 1, true, 400, LR_RELEASE_LATE, 100},
    {LR_CAUSE_CLOSE, -1, -1, 0, true, 11, LR_RELEASE_PENDING, 0},
    {LR_CAUSE_CLOSE, -1, -1, 0, true, 111, LR_RELEASE_NEVER, 100},
    {LR_CAUSE_CLOSE, 5, -1, 1, true, 211, LR_RELEASE_PENDING, 0},
    {LR_CAUSE_CLOSE, 5, -1, 1, true, 212, LR_RELEASE_NOT_REQUESTABLE, 1},
    {LR_CAUSE_CLOSE, 5, -1, 1, false, 9999, LR_RELEASE_ON_TIME, 0},
    {LR_CAUSE_CLOSE, -1, -1, 0, false, 9999, LR_RELEASE_NOT_OBSERVABLE, 0},
    {LR_CAUSE_CLOSE, 5, 100, 2, true, 300, LR_RELEASE_TWICE, 0},
    {LR_CAUSE_TIMEOUT, 2000, 2050, 1, true, 9999, LR_RELEASE_ON_TIME, 0},
    {LR_CAUSE_TIMEOUT, 2100, 2100, 1, true, 9999, LR_RELEASE_ON_TIME, 0},
    {LR_CAUSE_TIMEOUT, 1998, 2050, 1, true, 9999, LR_RELEASE_EARLY, 0},
    {LR_CAUSE_TIMEOUT, 2101, 2102, 1, true, 9999, LR_RELEASE_LATE, 1},
    {LR_CAUSE_TIMEOUT, 2050, 2110, 1, true, 9999, LR_RELEASE_LATE, 10},
    {LR_CAUSE_TIMEOUT, -1, -1, 0, true, 2100, LR_RELEASE_PENDING, 0},
    {LR_CAUSE_TIMEOUT, -1, -1, 0, true, 5100, LR_RELEASE_NEVER, 3000},
    {LR_CAUSE_UNUSED, 6050, 6050, 1, true, 9999, LR_RELEASE_ON_TIME, 0},
    {LR_CAUSE_UNUSED, 8100, 8100, 1, true, 9999, LR_RELEASE_LATE, 2000}, /* TVM's own */
};

static lr_time at(int ms) {
    return ms == -1    ? LR_TIME_NEVER
           : ms == -50 ? CAUSE_AT - 50 * LR_MS
                       : CAUSE_AT + (uint64_t)ms * LR_MS;
}

Test(ledger_budget, verdicts_are_exact) {
    for (size_t i = 0; i < LR_COUNT_OF(verdicts); i++) {
        struct lr_account account = {
            .released_at = at(verdicts[i].released),
            .requestable_at = at(verdicts[i].requestable),
            .released_count = verdicts[i].count,
            .observable = verdicts[i].observable,
        };
        struct lr_budget budget = lr_budget_for(verdicts[i].cause, 2 * LR_SECOND, true, NULL);
        uint64_t late_by = 77;
        enum lr_release release =
            lr_budget_judge(&account, &budget, CAUSE_AT, at(verdicts[i].now), &late_by);
        cr_assert_eq(release, verdicts[i].release, "row %zu: %s", i, lr_release_name(release));
        cr_assert_eq(late_by, (uint64_t)verdicts[i].late_ms * LR_MS, "row %zu: by %llu ns", i,
                     (unsigned long long)late_by);
    }
}
