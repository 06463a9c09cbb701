/* SPDX-License-Identifier: Apache-2.0 */
/* Results of cases: what they hold, what they cost when memory is short, and their exit status. */
#include <criterion/criterion.h>
#include <string.h>

#include "ledger/result.h"
#include "support/failing.h"

static void fill(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_case_result result;
    if (lr_case_result_init(&result, alloc, "a/b[c=1]", "a title", "a/b.lua") != LR_OK) {
        cr_assert_not(lr_test_must_succeed(alloc));
        return;
    }
    struct lr_expectation expectation = {
        .text = "t", .expected = "e", .seen = NULL, .where = "w:1"};
    enum lr_status expected = lr_case_result_expect(&result, &expectation);
    expectation.held = true;
    expectation.seen = "s";
    expectation.late = true;
    expectation.session = 7;
    enum lr_status again = lr_case_result_expect(&result, &expectation);
    size_t kept = 0; /* whole or not at all, whichever text there is no memory for */
    for (const struct lr_expectation *one = result.expectations; one != NULL; one = one->next) {
        cr_assert_str_eq(one->text, "t");
        cr_assert_str_eq(one->expected, "e");
        cr_assert_str_eq(one->where, "w:1");
        cr_assert(one->held ? strcmp(one->seen, "s") == 0 : one->seen == NULL);
        cr_assert_eq(one->late, one->held);
        cr_assert_eq(one->session, one->held ? 7U : 0U);
        kept++;
    }
    cr_assert_eq(kept, (expected == LR_OK ? 1U : 0U) + (again == LR_OK ? 1U : 0U));
    struct lr_result_lines *const lines[] = {&result.findings, &result.receipts, &result.sessions,
                                             &result.timeline, &result.told};
    for (size_t i = 0; i < LR_COUNT_OF(lines); i++) {
        enum lr_status one = lr_result_lines_add(alloc, lines[i], 5, "%s %d", "line", 1);
        enum lr_status two = lr_result_lines_add(alloc, lines[i], 6, "%s", "another");
        cr_assert_eq(lines[i]->count + lines[i]->lost, 2U);
        cr_assert_eq(lines[i]->lost, (one == LR_ENOMEM ? 1U : 0U) + (two == LR_ENOMEM ? 1U : 0U));
        cr_assert(lines[i]->lost == 0 || !lr_test_must_succeed(alloc));
    }
    if (lr_test_must_succeed(alloc)) {
        cr_assert_eq(expected, LR_OK);
        cr_assert_eq(again, LR_OK);
        cr_assert_str_eq(result.name, "a/b[c=1]");
        cr_assert_not(result.expectations->held);
        cr_assert(result.expectations->next->held);
        cr_assert_null(result.expectations->seen);
        cr_assert_str_eq(result.findings.first->text, "line 1");
        cr_assert_eq(result.findings.last->at, 6U);
        cr_assert_eq(result.tries, 1U);
    }
    lr_case_result_deinit(&result);
    lr_case_result_deinit(&result);
}

Test(ledger_result, keeps_what_it_is_told_and_survives_each_allocation_failure) {
    lr_test_each_failure(fill, NULL);
}

Test(ledger_result, outcomes_ask_for_the_designs_exit_status) {
    static const struct {
        enum lr_case_outcome outcome;
        int lenient, strict;
    } rows[] = {
        {LR_CASE_AS_EXPECTED, 0, 0},   {LR_CASE_UNEXPECTED, 1, 1},
        {LR_CASE_KNOWN_FAILURE, 0, 0}, {LR_CASE_STALE_KNOWN_FAILURE, 1, 1},
        {LR_CASE_NOT_RUN, 0, 3},       {LR_CASE_NOT_ALLOWED, 0, 0},
        {LR_CASE_CONTENTION, 0, 3},    {LR_CASE_INVALID, 3, 3},
    };
    cr_assert_eq(LR_COUNT_OF(rows), (size_t)LR_CASE_OUTCOME_COUNT);
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        cr_assert_eq(lr_case_outcome_exit(rows[i].outcome, false), rows[i].lenient);
        cr_assert_eq(lr_case_outcome_exit(rows[i].outcome, true), rows[i].strict);
        cr_assert_not_null(lr_case_outcome_name(rows[i].outcome));
    }
}

Test(ledger_result, worse_exit_status_wins) {
    static const int order[] = {0, 3, 1, 2, 4}; /* from best to worst */
    for (size_t i = 0; i < LR_COUNT_OF(order); i++) {
        for (size_t j = 0; j < LR_COUNT_OF(order); j++) {
            cr_assert_eq(lr_exit_worse(order[i], order[j]), order[i > j ? i : j]);
        }
    }
}
