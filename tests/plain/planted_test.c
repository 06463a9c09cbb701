/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that fail, each in a way of its own: whoever runs them (plain.c) must say so. */
#include <criterion/criterion.h>
#include <signal.h>
#include <unistd.h>

Test(planted, a_check_that_does_not_hold) {
    cr_expect_eq(1, 2);
}

Test(planted, a_check_that_ends_the_test) {
    cr_assert_str_eq("a", "b", "and says %s", "why");
}

Test(planted, a_signal_that_nobody_expects) {
    (void)raise(SIGABRT);
}

Test(planted, an_expected_signal_that_does_not_come, .signal = SIGABRT) {
}

Test(planted, a_skip_behind_a_failed_check) {
    cr_expect(false);
    cr_skip_test("too late");
}

Test(planted, nothing_to_wait_for, .timeout = 1) {
    for (;;) {
        (void)pause();
    }
}

TestSuite(planted_suite, .signal = SIGABRT);

Test(planted_suite, what_the_suite_expects_does_not_come) {
}
