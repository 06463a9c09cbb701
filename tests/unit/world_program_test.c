/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign programs: their steps, their end, and that nothing of them outlives whoever started them.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "support/failing.h"
#include "support/live_rig.h"

enum { LOG_MAX = 64 * 1024, LOG_MIN = 60 * 1024 };

static struct lr_counting_alloc memory;
static struct lr_live *live;

static void start_world(void) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    struct lr_live_options options = {.alloc = &memory.base, .ledger = lr_link_recorder_start()};
    cr_assert_eq(lr_live_new(&live, &options, NULL), LR_OK);
}

static void finish_world(void) {
    lr_live_free(live);
    cr_expect(memory.live_bytes == 0 && memory.live_blocks == 0, "%zu bytes left",
              memory.live_bytes);
}

#define WAIT(expression)                                                                           \
    do {                                                                                           \
        bool held_ = (expression);                                                                 \
        lr_time limit_ = lr_live_now(live) + 60 * LR_SECOND;                                       \
        while (!held_ && lr_live_now(live) < limit_) {                                             \
            (void)lr_live_turn(live, lr_live_now(live) + 10 * LR_MS);                              \
            held_ = (expression);                                                                  \
        }                                                                                          \
        cr_assert(held_, "waited in vain for: %s", #expression);                                   \
    } while (0)

static struct lr_program *start_shell(const char *script, bool stepped) {
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const char *env[] = {"LR_TEST_WORD=from the test", NULL};
    struct lr_program_options options = {
        .name = "shell", .argv = argv, .env = env, .stepped = stepped};
    struct lr_program *program;
    struct lr_error error = {0};
    enum lr_status status = lr_program_start(live, &options, &program, &error);
    cr_assert_eq(status, LR_OK, "%s", error.text);
    return program;
}

static bool ended(struct lr_program *program, int *exit_status, int *signal_number) {
    return lr_program_ended(program, exit_status, signal_number, NULL);
}

/* The next line, compared and freed. */
static void expect_line(struct lr_program *program, const char *expected) {
    char *line = NULL;
    WAIT(lr_program_next_line(program, &line, NULL));
    cr_expect_str_eq(line, expected);
    lr_alloc_free_string(&memory.base, line);
}

static long read_pid(struct lr_program *program) {
    char *line = NULL;
    WAIT(lr_program_next_line(program, &line, NULL));
    long pid = strtol(line, NULL, 10);
    lr_alloc_free_string(&memory.base, line);
    cr_assert_gt(pid, 1);
    return pid;
}

/* Gone, or dead and not reaped by whoever inherited it. */
static bool is_dead(long pid) {
    char path[64];
    char line[256] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return true;
    }
    bool got = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    const char *name_end = strrchr(line, ')');
    return !got || name_end == NULL || name_end[2] == 'Z' || name_end[2] == 'X';
}

static void wait_dead(long pid) {
    for (int i = 0; i < 6000 && !is_dead(pid); i++) {
        (void)poll(NULL, 0, 10);
    }
    cr_expect(is_dead(pid), "process %ld is still there", pid);
}

Test(world_program, a_stepped_program_answers_line_by_line) {
    int exit_status;
    int signal_number;
    start_world();
    struct lr_program *program =
        start_shell("while read -r line; do echo \"got $line\"; done; echo over; exit 7", true);
    cr_expect_gt(lr_program_pid(program), 1);
    cr_assert_eq(lr_program_send(program, "one"), LR_OK);
    cr_assert_eq(lr_program_send(program, "two words"), LR_OK);
    expect_line(program, "got one");
    expect_line(program, "got two words");
    cr_expect_not(ended(program, &exit_status, &signal_number));
    lr_program_free(program);
    finish_world();
}

Test(world_program, its_last_lines_are_there_before_its_end) {
    int exit_status;
    int signal_number;
    start_world();
    struct lr_program *program =
        start_shell("echo \"$LR_TEST_WORD\"; echo bad >&2; printf unfinished; exit 7", true);
    WAIT(ended(program, &exit_status, &signal_number));
    cr_expect_eq(exit_status, 7);
    cr_expect_eq(signal_number, 0);
    expect_line(program, "from the test");
    expect_line(program, "unfinished");
    cr_expect(strstr(lr_program_log(program), "bad\n") != NULL);
    cr_expect_eq(lr_program_send(program, "anybody?"), LR_ECLOSED);
    lr_program_free(program);
    cr_expect_eq(lr_link_recorder()->processes_started, 1);
    cr_expect_eq(lr_link_recorder()->processes_ended, 1);
    finish_world();
}

Test(world_program, a_crash_is_told_with_its_signal) {
    int exit_status;
    int signal_number;
    start_world();
    struct lr_program *program = start_shell("kill -SEGV $$", false);
    WAIT(ended(program, &exit_status, &signal_number));
    cr_expect_eq(signal_number, SIGSEGV);
    lr_program_free(program);
    finish_world();
}

Test(world_program, what_cannot_be_started_says_why) {
    start_world();
    const char *argv[] = {"/no/such/program", NULL};
    struct lr_program_options options = {.name = "none", .argv = argv};
    struct lr_program *program;
    struct lr_error error = {0};
    cr_expect_eq(lr_program_start(live, &options, &program, &error), LR_ENOTFOUND);
    cr_expect(strstr(error.text, "/no/such/program") != NULL);
    finish_world();
}

Test(world_program, a_signal_reaches_it) {
    int exit_status;
    int signal_number;
    start_world();
    struct lr_program *program = start_shell(
        "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.01; done", true);
    expect_line(program, "ready");
    cr_assert_eq(lr_program_signal(program, SIGTERM, false), LR_OK);
    expect_line(program, "caught");
    WAIT(ended(program, &exit_status, &signal_number));
    cr_expect_eq(exit_status, 3);
    cr_expect_eq(lr_program_signal(program, SIGTERM, false), LR_ECLOSED);
    lr_program_free(program);
    finish_world();
}

Test(world_program, one_that_ignores_sigterm_is_ended_all_the_same) {
    start_world();
    struct lr_program *program =
        start_shell("trap '' TERM; echo $$; while :; do sleep 1; done", true);
    long pid = read_pid(program);
    cr_expect_eq(pid, lr_program_pid(program));
    cr_assert_eq(lr_program_signal(program, SIGTERM, true), LR_OK);
    lr_program_free(program);
    cr_expect(is_dead(pid));
    finish_world();
}

#ifdef __linux__
/* Those who left the session are found as children of their last ancestor, where Linux makes them
 * that; qemu-user 7.2 does not. */
static bool adopts_descendants(void) {
    int adopting;
    return prctl(PR_GET_CHILD_SUBREAPER, &adopting) == 0;
}
#else
static bool adopts_descendants(void) {
    return false;
}
#endif

Test(world_program, what_it_leaves_behind_ends_with_it) {
    if (!adopts_descendants()) {
        cr_skip_test("processes that have left their session are not to be found here");
    }
    int exit_status;
    int signal_number;
    start_world();
    /* The first process ends; its child goes on, and a grandchild has left the session. */
    struct lr_program *program = start_shell(
        "sh -c 'setsid sh -c \"echo \\$\\$; exec sleep 1000\" & exec sleep 1000' & echo $!", true);
    long first = read_pid(program);
    long second = read_pid(program);
    WAIT(ended(program, &exit_status, &signal_number));
    cr_expect_not(is_dead(first));
    cr_expect_not(is_dead(second));
    lr_program_free(program);
    cr_expect(is_dead(first));
    cr_expect(is_dead(second));
    finish_world();
}

/* In a child, where no assertion of the test's process works: a world with a program; tells both
 * pids and then only turns. */
static void live_until_killed(int out) {
    const char *argv[] = {"/bin/sh", "-c", "setsid sleep 1000 & echo $!; exec sleep 1000", NULL};
    struct lr_program_options program_options = {.name = "shell", .argv = argv, .stepped = true};
    struct lr_live_options options = {.alloc = lr_alloc_system()};
    struct lr_program *program;
    char *line = NULL;
    if (lr_live_new(&live, &options, NULL) != LR_OK ||
        lr_program_start(live, &program_options, &program, NULL) != LR_OK) {
        _exit(1);
    }
    while (!lr_program_next_line(program, &line, NULL)) {
        (void)lr_live_turn(live, LR_TIME_NEVER);
    }
    long pids[2] = {(long)lr_program_pid(program), strtol(line, NULL, 10)};
    if (write(out, pids, sizeof pids) != (ssize_t)sizeof pids) {
        _exit(1);
    }
    for (;;) {
        (void)lr_live_turn(live, LR_TIME_NEVER);
    }
}

Test(world_program, nothing_of_it_outlives_a_killed_starter) {
    int ends[2];
    long pids[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t starter = fork();
    cr_assert_geq(starter, 0);
    if (starter == 0) {
        close(ends[0]);
        live_until_killed(ends[1]);
    }
    close(ends[1]);
    cr_assert_eq(read(ends[0], pids, sizeof pids), (ssize_t)sizeof pids);
    cr_assert_not(is_dead(pids[0]));
    cr_assert_not(is_dead(pids[1]));
    cr_assert_eq(kill(starter, SIGKILL), 0);
    cr_assert_eq(waitpid(starter, NULL, 0), starter);
    wait_dead(pids[0]);
    wait_dead(pids[1]);
    close(ends[0]);
}

Test(world_program, the_world_ends_the_programs_that_are_left) {
    start_world();
    struct lr_program *program = start_shell("echo $$; exec sleep 1000", true);
    long pid = read_pid(program);
    finish_world();
    cr_expect(is_dead(pid));
}

Test(world_program, the_log_keeps_its_end) {
    int exit_status;
    int signal_number;
    start_world();
    struct lr_program *program = start_shell(
        "i=0; while [ $i -lt 6000 ]; do echo \"line $i of a long and winding log\" >&2; "
        "i=$((i+1)); done; echo the end",
        false);
    WAIT(ended(program, &exit_status, &signal_number));
    const char *log = lr_program_log(program);
    cr_expect_leq(strlen(log), LOG_MAX);
    cr_expect_geq(strlen(log), LOG_MIN);
    cr_expect(strstr(log, "line 5999 of a long and winding log\nthe end\n") != NULL);
    lr_program_free(program);
    finish_world();
}

Test(world_program, a_socket_leads_to_the_program_that_holds_it) {
    if (access("/proc/net/tcp", R_OK) != 0 || access("/bin/bash", X_OK) != 0) {
        cr_skip_test("needs /proc and bash");
    }
    lr_counting_alloc_init(&memory, lr_alloc_system());
    struct lr_live_rig rig;
    cr_assert(lr_live_rig_init(&rig, &memory.base, "127.0.0.1", true));
    live = rig.live;
    char script[160];
    snprintf(script, sizeof script, "exec 5<>/dev/tcp/127.0.0.1/%u; echo $$; exec sleep 1000",
             (unsigned int)rig.server.conns[rig.listener].port);
    const char *argv[] = {"/bin/bash", "-c", script, NULL};
    struct lr_program_options options = {.name = "caller", .argv = argv, .stepped = true};
    struct lr_program *program;
    cr_assert_eq(lr_program_start(live, &options, &program, NULL), LR_OK);
    WAIT(lr_link_recorder()->count == 1);
    cr_expect_eq(lr_link_recorder()->links[1].client_pid, lr_program_pid(program));
    cr_expect_str_eq(lr_link_recorder()->links[1].client, "caller");
    lr_program_free(program);
    WAIT(lr_link_recorder()->links[1].closed + lr_link_recorder()->links[1].resets[0] == 1);
    lr_live_rig_deinit(&rig);
    cr_expect_eq(memory.live_bytes, 0);
}

Test(world_program, no_descriptor_stays) {
    int exit_status;
    int signal_number;
    start_world();
    lr_program_free(start_shell("exit 0", true));
    finish_world();
    int before = lr_open_descriptors();
    start_world();
    struct lr_program *program = start_shell("exit 0", true);
    WAIT(ended(program, &exit_status, &signal_number));
    lr_program_free(program);
    lr_program_free(start_shell("sleep 1000", false));
    finish_world();
    cr_expect_eq(lr_open_descriptors(), before);
}

/* ---- without memory ---- */

/* Turns until |program| has answered, has ended where |end|, or has lost something. */
static void wait_poorly(struct lr_program *program, char **line, bool end) {
    int exit_status;
    int signal_number;
    lr_time limit = lr_live_now(live) + 20 * LR_SECOND;
    while ((end ? !ended(program, &exit_status, &signal_number)
                : !lr_program_next_line(program, line, NULL)) &&
           lr_program_health(program) == LR_OK && lr_live_now(live) < limit) {
        (void)lr_live_turn(live, lr_live_now(live) + 10 * LR_MS);
    }
    cr_assert_lt(lr_live_now(live), limit, "it must end, one way or the other");
}

/* A step, its answer and the end; false: something was refused, or is lost, and that is said. */
static bool step_poorly(struct lr_alloc *alloc, struct lr_program *program) {
    int exit_status = 0;
    int signal_number = 0;
    char *line = NULL;
    enum lr_status status = lr_program_send(program, "one");
    cr_assert(status == LR_OK || status == LR_ENOMEM);
    if (status != LR_OK) {
        return false;
    }
    wait_poorly(program, &line, false);
    if (line != NULL) {
        cr_assert_str_eq(line, "got one");
        lr_alloc_free_string(alloc, line);
    }
    if (lr_program_health(program) != LR_OK) {
        return false;
    }
    cr_assert_not_null(line);
    wait_poorly(program, &line, true);
    if (lr_program_health(program) != LR_OK) {
        return false;
    }
    cr_assert(ended(program, &exit_status, &signal_number));
    cr_assert_eq(exit_status, 7);
    bool logged = strcmp(lr_program_log(program), "over\n") == 0;
    return logged && lr_program_health(program) == LR_OK;
}

static void run_poorly(struct lr_alloc *alloc, void *context) {
    struct lr_program *program;
    struct lr_error error = {.code = LR_OK};
    const char *argv[] = {"/bin/sh", "-c",
                          "read -r line; echo \"got $line\"; echo over >&2; exit 7", NULL};
    struct lr_program_options program_options = {.name = "shell", .argv = argv, .stepped = true};
    struct lr_live_options options = {.alloc = alloc, .ledger = lr_link_recorder_start()};
    bool whole = false;
    (void)context;
    if (lr_live_new(&live, &options, &error) == LR_OK) {
        if (lr_program_start(live, &program_options, &program, &error) == LR_OK) {
            whole = step_poorly(alloc, program);
            lr_program_free(program);
        }
        lr_live_free(live);
    }
    cr_assert_eq(whole, lr_test_must_succeed(alloc), "%s", error.text);
    cr_assert(error.code == LR_OK || error.code == LR_ENOMEM, "%s", error.text);
}

Test(world_program, what_is_lost_of_it_is_said_whichever_allocation_fails) {
    lr_test_each_failure(run_poorly, NULL);
}
