/* SPDX-License-Identifier: Apache-2.0 */
/* The twin without a bug: does what the planted ones do, and gives everything back. Two of its
 * tests end processes that could not give back what they hold: a rig that is red here accuses the
 * innocent. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Test(clean, frees_what_it_allocates) {
    char *volatile block = malloc(64);
    cr_assert_not_null(block);
    memset(block, 1, 64);
    cr_assert_eq(block[63], 1);
    free(block);
}

Test(clean, closes_what_it_opens) {
    int fd = open("/dev/null", O_RDONLY);
    cr_assert_geq(fd, 0);
    cr_assert_eq(close(fd), 0);
}

Test(clean, forks_while_it_holds_a_descriptor_and_a_block) {
    int fd = open("/dev/null", O_RDONLY);
    char *volatile block = malloc(64);
    pid_t child = fork();
    if (child == 0) {
        _exit(3);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 3);
    free(block);
    cr_assert_eq(close(fd), 0);
}

Test(clean, is_ended_by_the_signal_it_expects, .signal = SIGABRT) {
    abort();
}
