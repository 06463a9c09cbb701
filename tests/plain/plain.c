/* SPDX-License-Identifier: Apache-2.0 */
/* Runs tests that are written for Criterion, each in a child process, and counts how they ended. */
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criterion/criterion.h"

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_SKIPPED = 77, TITLE_MAX = 256 };

struct counts {
    unsigned int passed;
    unsigned int failed;
    unsigned int skipped;
};

static struct lr_plain_test *first;
static struct lr_plain_test **last = &first;
static unsigned int failures; /* of the checks of the test that this process runs */
static bool alone;            /* it was started for this test */

void lr_plain_add(struct lr_plain_test *test) {
    *last = test;
    last = &test->next;
}

/* ---- in a test ---- */

static void tell(const char *format, va_list values) {
    (void)vfprintf(stderr, format, values);
    (void)fputc('\n', stderr);
}

/* Not exit where others' tests follow: what is registered to run at the end is the program's then.
 */
static _Noreturn void leave(int status) {
    if (alone) {
        exit(status);
    }
    (void)fflush(NULL);
    _exit(status);
}

void lr_plain_fail(bool fatal, const char *file, int line, const char *claim, const char *format,
                   ...) {
    va_list values;
    va_start(values, format);
    (void)fprintf(stderr, "%s:%d: does not hold: %s  ", file, line, claim);
    tell(format, values);
    va_end(values);
    failures++;
    if (fatal) {
        leave(EXIT_FAILED);
    }
}

_Noreturn void lr_plain_skip(const char *format, ...) {
    va_list values;
    va_start(values, format);
    tell(format, values);
    va_end(values);
    leave(failures > 0 ? EXIT_FAILED : EXIT_SKIPPED);
}

void lr_plain_log(const char *format, ...) {
    va_list values;
    va_start(values, format);
    tell(format, values);
    va_end(values);
}

/* ---- around the tests ---- */

/* |test|, with what its suite says where it says nothing itself. */
static struct lr_plain_test with_suite(const struct lr_plain_test *test) {
    struct lr_plain_test whole = *test;
    for (const struct lr_plain_test *suite = first; suite != NULL; suite = suite->next) {
        if (suite->name == NULL && strcmp(suite->suite, test->suite) == 0) {
            whole.init = whole.init == NULL ? suite->init : whole.init;
            whole.fini = whole.fini == NULL ? suite->fini : whole.fini;
            whole.signal = whole.signal == 0 ? suite->signal : whole.signal;
            whole.timeout = whole.timeout == 0 ? suite->timeout : whole.timeout;
        }
    }
    return whole;
}

static unsigned int patience(void) {
    const char *said = getenv("LR_TEST_PATIENCE");
    unsigned long factor = said == NULL ? 1 : strtoul(said, NULL, 10);
    return factor >= 1 && factor <= 1000 ? (unsigned int)factor : 1;
}

static _Noreturn void run_here(const struct lr_plain_test *test) {
    (void)alarm(test->timeout * patience());
    if (test->init != NULL) {
        test->init();
    }
    test->run();
    if (test->fini != NULL) {
        test->fini();
    }
    leave(failures > 0 ? EXIT_FAILED : EXIT_PASSED);
}

static void judge(const struct lr_plain_test *test, int status, struct counts *counts) {
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
    if (number == 0 && code == EXIT_SKIPPED) {
        counts->skipped++;
        (void)printf("skipped %s/%s\n", test->suite, test->name);
    } else if (number == test->signal && (number != 0 || code == EXIT_PASSED)) {
        counts->passed++;
    } else {
        counts->failed++;
        (void)printf("FAILED  %s/%s", test->suite, test->name);
        if (number == SIGALRM) {
            (void)printf(": not done after %u s", test->timeout * patience());
        } else if (number != 0) {
            (void)printf(": ended by signal %d", number);
        } else if (test->signal != 0) {
            (void)printf(": should end by signal %d", test->signal);
        }
        (void)putchar('\n');
    }
}

/* With LR_TEST_EXEC the child becomes a program of its own: so valgrind asks of it, and not of its
 * parent, what was not given back. */
static _Noreturn void begin_child(const struct lr_plain_test *test, const char *program) {
    if (getenv("LR_TEST_EXEC") != NULL) {
        char title[TITLE_MAX];
        (void)snprintf(title, sizeof title, "%s/%s", test->suite, test->name);
        (void)execl(program, program, "--here", title, (char *)NULL);
        perror(program);
        leave(EXIT_FAILED);
    }
    run_here(test);
}

static void run_beside(const struct lr_plain_test *test, const char *program,
                       struct counts *counts) {
    int status = 0;
    (void)fflush(NULL); /* the child would write it again */
    pid_t child = fork();
    if (child == 0) {
        begin_child(test, program);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (child < 0) {
        perror("fork");
        counts->failed++;
        return;
    }
    judge(test, status, counts);
}

int main(int argc, char **argv) {
    struct counts counts = {0};
    bool here = argc == 3 && strcmp(argv[1], "--here") == 0;
    const char *filter = here || (argc == 3 && strcmp(argv[1], "--filter") == 0) ? argv[2] : NULL;
    if (argc != 1 && filter == NULL) {
        (void)fprintf(stderr, "usage: %s [--filter PATTERN | --here TEST]\n", argv[0]);
        return 2;
    }
    for (const struct lr_plain_test *test = first; test != NULL; test = test->next) {
        char title[TITLE_MAX];
        if (test->name == NULL) {
            continue;
        }
        (void)snprintf(title, sizeof title, "%s/%s", test->suite, test->name);
        struct lr_plain_test whole = with_suite(test);
        if (here && strcmp(filter, title) == 0) {
            alone = true;
            run_here(&whole);
        } else if (!here && (filter == NULL || fnmatch(filter, title, 0) == 0)) {
            run_beside(&whole, argv[0], &counts);
        }
    }
    (void)printf("%u passed, %u failed, %u skipped\n", counts.passed, counts.failed,
                 counts.skipped);
    bool good = counts.failed == 0 && counts.passed + counts.skipped > 0;
    return good ? EXIT_PASSED : EXIT_FAILED;
}
