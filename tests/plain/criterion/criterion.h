/* SPDX-License-Identifier: Apache-2.0 */
/* The part of Criterion's interface that our tests use, for machines that Criterion does not know
 * (LR_PLAIN_TESTS). Each test runs in a process of its own, one after the other. Tests are written
 * for Criterion: what of it is not here does not compile, and is added when a test needs it.
 *
 * A test program takes --filter PATTERN (a shell pattern of SUITE/NAME). LR_TEST_PATIENCE=N in the
 * environment multiplies the time limits, for slow machines. */
#ifndef LR_PLAIN_CRITERION_H
#define LR_PLAIN_CRITERION_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Members that a test sets are named as in Criterion. */
struct lr_plain_test {
    const char *suite;
    const char *name; /* NULL: this holds what is common to the suite */
    void (*run)(void);
    void (*init)(void);
    void (*fini)(void);
    int signal;           /* the test is to end by it; 0: it is to return */
    unsigned int timeout; /* seconds; 0: the suite's, or none */
    struct lr_plain_test *next;
};

/* Takes its place in the program. Borrows |test| for the program's life. */
void lr_plain_add(struct lr_plain_test *test);
/* Tells of a check that does not hold; a |fatal| one ends the test. */
void lr_plain_fail(bool fatal, const char *file, int line, const char *claim, const char *format,
                   ...);
/* Ends the test, which then neither passed nor failed. */
_Noreturn void lr_plain_skip(const char *format, ...);
void lr_plain_log(const char *format, ...);

/* ---- tests ---- */

#define LR_PLAIN_ADD(id, ...)                                                                      \
    static void __attribute__((constructor)) id##_add(void) {                                      \
        static struct lr_plain_test test = {__VA_ARGS__};                                          \
        lr_plain_add(&test);                                                                       \
    }

#define TestSuite(group, ...)                                                                      \
    LR_PLAIN_ADD(group##_suite, .suite = #group, __VA_ARGS__)                                      \
    struct lr_plain_test

/* With an option of no effect, as a macro's last argument cannot be left out in C11. */
#define Test(group, ...) LR_PLAIN_TEST(group, __VA_ARGS__, .next = NULL)
#define LR_PLAIN_TEST(group, title, ...)                                                           \
    static void group##_##title##_run(void);                                                       \
    LR_PLAIN_ADD(group##_##title, .suite = #group, .name = #title, .run = group##_##title##_run,   \
                 __VA_ARGS__)                                                                      \
    static void group##_##title##_run(void)

/* ---- checks: the claim first, and what is to be told only where it does not hold ---- */

#define LR_PLAIN_CHECK(fatal, holds, claim, ...)                                                   \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            lr_plain_fail(fatal, __FILE__, __LINE__, claim, __VA_ARGS__);                          \
        }                                                                                          \
    } while (0)
#define LR_PLAIN_ONE(fatal, is, a, ...)                                                            \
    LR_PLAIN_CHECK(fatal, LR_PLAIN_##is(a), #is " " #a, __VA_ARGS__)
#define LR_PLAIN_TWO(fatal, is, a, b, ...)                                                         \
    LR_PLAIN_CHECK(fatal, LR_PLAIN_##is(a, b), #a " " #is " " #b, __VA_ARGS__)
#define LR_PLAIN_NEAR(fatal, a, b, distance, ...)                                                  \
    LR_PLAIN_CHECK(fatal, fabs((a) - (b)) <= (distance), #a " near " #b, __VA_ARGS__)

#define LR_PLAIN_TRUE(a) (a)
#define LR_PLAIN_FALSE(a) (!(a))
#define LR_PLAIN_NULL(a) ((a) == NULL)
#define LR_PLAIN_NOT_NULL(a) ((a) != NULL)
#define LR_PLAIN_EMPTY(a) ((a)[0] == '\0')
#define LR_PLAIN_EQ(a, b) ((a) == (b))
#define LR_PLAIN_NEQ(a, b) ((a) != (b))
#define LR_PLAIN_LT(a, b) ((a) < (b))
#define LR_PLAIN_LEQ(a, b) ((a) <= (b))
#define LR_PLAIN_GT(a, b) ((a) > (b))
#define LR_PLAIN_GEQ(a, b) ((a) >= (b))
#define LR_PLAIN_STR_EQ(a, b) (strcmp(a, b) == 0)
#define LR_PLAIN_STR_NEQ(a, b) (strcmp(a, b) != 0)

/* "": the message of a check that has none; behind one it is an argument that nobody reads. */
#define cr_assert(...) LR_PLAIN_ONE(true, TRUE, __VA_ARGS__, "")
#define cr_assert_not(...) LR_PLAIN_ONE(true, FALSE, __VA_ARGS__, "")
#define cr_assert_null(...) LR_PLAIN_ONE(true, NULL, __VA_ARGS__, "")
#define cr_assert_not_null(...) LR_PLAIN_ONE(true, NOT_NULL, __VA_ARGS__, "")
#define cr_assert_eq(...) LR_PLAIN_TWO(true, EQ, __VA_ARGS__, "")
#define cr_assert_neq(...) LR_PLAIN_TWO(true, NEQ, __VA_ARGS__, "")
#define cr_assert_lt(...) LR_PLAIN_TWO(true, LT, __VA_ARGS__, "")
#define cr_assert_leq(...) LR_PLAIN_TWO(true, LEQ, __VA_ARGS__, "")
#define cr_assert_gt(...) LR_PLAIN_TWO(true, GT, __VA_ARGS__, "")
#define cr_assert_geq(...) LR_PLAIN_TWO(true, GEQ, __VA_ARGS__, "")
#define cr_assert_str_eq(...) LR_PLAIN_TWO(true, STR_EQ, __VA_ARGS__, "")
#define cr_assert_str_neq(...) LR_PLAIN_TWO(true, STR_NEQ, __VA_ARGS__, "")
#define cr_assert_str_empty(...) LR_PLAIN_ONE(true, EMPTY, __VA_ARGS__, "")
#define cr_assert_float_eq(...) LR_PLAIN_NEAR(true, __VA_ARGS__, "")
#define cr_assert_fail(...) lr_plain_fail(true, __FILE__, __LINE__, "failed", __VA_ARGS__)

#define cr_expect(...) LR_PLAIN_ONE(false, TRUE, __VA_ARGS__, "")
#define cr_expect_not(...) LR_PLAIN_ONE(false, FALSE, __VA_ARGS__, "")
#define cr_expect_null(...) LR_PLAIN_ONE(false, NULL, __VA_ARGS__, "")
#define cr_expect_not_null(...) LR_PLAIN_ONE(false, NOT_NULL, __VA_ARGS__, "")
#define cr_expect_eq(...) LR_PLAIN_TWO(false, EQ, __VA_ARGS__, "")
#define cr_expect_neq(...) LR_PLAIN_TWO(false, NEQ, __VA_ARGS__, "")
#define cr_expect_lt(...) LR_PLAIN_TWO(false, LT, __VA_ARGS__, "")
#define cr_expect_leq(...) LR_PLAIN_TWO(false, LEQ, __VA_ARGS__, "")
#define cr_expect_gt(...) LR_PLAIN_TWO(false, GT, __VA_ARGS__, "")
#define cr_expect_geq(...) LR_PLAIN_TWO(false, GEQ, __VA_ARGS__, "")
#define cr_expect_str_eq(...) LR_PLAIN_TWO(false, STR_EQ, __VA_ARGS__, "")
#define cr_expect_str_neq(...) LR_PLAIN_TWO(false, STR_NEQ, __VA_ARGS__, "")
#define cr_expect_str_empty(...) LR_PLAIN_ONE(false, EMPTY, __VA_ARGS__, "")
#define cr_expect_float_eq(...) LR_PLAIN_NEAR(false, __VA_ARGS__, "")
#define cr_expect_fail(...) lr_plain_fail(false, __FILE__, __LINE__, "failed", __VA_ARGS__)

#define cr_skip_test(...) lr_plain_skip(__VA_ARGS__)
#define cr_log_info(...) lr_plain_log(__VA_ARGS__)
#define cr_log_warn(...) lr_plain_log(__VA_ARGS__)
#define cr_log_error(...) lr_plain_log(__VA_ARGS__)

#endif
