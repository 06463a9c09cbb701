/* SPDX-License-Identifier: Apache-2.0 */
/* lastref-guard PROGRAM ARGS..: stands between lastref and a foreign program, so that nothing of
 * the program outlives lastref, however lastref ends. Descriptor 3 is a socket to lastref; its end,
 * by whatever death, is the order to kill all.
 *
 * It tells lastref, a line each: "pid N" (the program's), "error ERRNO" (it could not be started),
 * "exit STATUS" or "signal N" (how it ended). The program leads a session of its own. On Linux its
 * descendants become the guard's children when their parents die, so that even those that left the
 * session are found; elsewhere only the program's group is killed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "world/live_family.h"

enum {
    CONTROL = 3,
    KILL_ROUNDS_MAX = 2000, /* of 5 ms: what is not gone then hangs in the kernel */
    ROUND_NS = 5 * 1000 * 1000
};

static int wake_pipe[2];

static void wake(int number) {
    (void)number;
    int code = errno;
    ssize_t written = write(wake_pipe[1], "", 1); /* full: awake already */
    (void)written;
    errno = code;
}

static void say(const char *word, long value) {
    char line[64];
    int size = snprintf(line, sizeof line, "%s %ld\n", word, value);
    ssize_t written = write(CONTROL, line, (size_t)size);
    (void)written; /* nobody listens any more: the end of CONTROL shows next */
}

static void pause_round(void) {
    struct timespec wait = {.tv_nsec = ROUND_NS};
    (void)nanosleep(&wait, NULL);
}

/* Kills the program's group and every descendant, and reaps them, until none is left. */
static void kill_all(pid_t program) {
    for (int round = 0; round < KILL_ROUNDS_MAX; round++) {
        long members[LR_FAMILY_MAX];
        (void)kill(-program, SIGKILL);
        size_t count = lr_family_list((long)getpid(), members, LR_FAMILY_MAX);
        for (size_t i = 0; i < count; i++) {
            (void)kill((pid_t)members[i], SIGKILL);
        }
        pid_t reaped;
        do {
            reaped = waitpid(-1, NULL, WNOHANG);
        } while (reaped > 0);
        if (reaped < 0 && errno == ECHILD) {
            return;
        }
        pause_round();
    }
}

/* In the child: becomes the program. */
static void become(char **argv, pid_t guard, int failure) {
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    static const int changed[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGCHLD};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        (void)signal(changed[i], SIG_DFL);
    }
    (void)setsid();
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the guard itself be killed */
    if (getppid() != guard) {
        _exit(127);
    }
#else
    (void)guard;
#endif
    execvp(argv[0], argv);
    int code = errno;
    ssize_t written = write(failure, &code, sizeof code);
    (void)written;
    _exit(127);
}

/* The program's pid, or 0 where it could not be started (lastref has been told). */
static pid_t start(char **argv) {
    int failure[2];
    pid_t guard = getpid();
    if (pipe(failure) != 0) {
        say("error", errno);
        return 0;
    }
    (void)fcntl(failure[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(failure[1], F_SETFD, FD_CLOEXEC);
    pid_t child = fork();
    if (child == 0) {
        become(argv, guard, failure[1]);
    }
    int code = errno;
    close(failure[1]);
    bool failed = child < 0 || read(failure[0], &code, sizeof code) == (ssize_t)sizeof code;
    close(failure[0]);
    if (failed) {
        say("error", code);
        return 0;
    }
    say("pid", (long)child);
    return child;
}

static void reap(pid_t program) {
    int status;
    for (pid_t ended = waitpid(-1, &status, WNOHANG); ended > 0;
         ended = waitpid(-1, &status, WNOHANG)) {
        if (ended == program && WIFSIGNALED(status)) {
            say("signal", WTERMSIG(status));
        } else if (ended == program) {
            say("exit", WEXITSTATUS(status));
        }
    }
}

/* Until lastref lets go or is gone. */
static void stand_guard(pid_t program) {
    struct pollfd watched[] = {{.fd = CONTROL, .events = POLLIN},
                               {.fd = wake_pipe[0], .events = POLLIN}};
    char drained[64];
    for (;;) {
        if (poll(watched, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        if (watched[1].revents != 0) {
            while (read(wake_pipe[0], drained, sizeof drained) > 0) {}
        }
        reap(program);
        if (watched[0].revents != 0 && read(CONTROL, drained, sizeof drained) <= 0) {
            return;
        }
        watched[0].revents = 0;
        watched[1].revents = 0;
    }
}

/* What lastref or who started it had open is none of the program's. */
static void close_inherited(void) {
    int open[256];
    size_t count = 0;
    DIR *entries = opendir("/dev/fd");
    if (entries == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(entries);
         entry != NULL && count < sizeof open / sizeof open[0]; entry = readdir(entries)) {
        long number = strtol(entry->d_name, NULL, 10);
        if (number > CONTROL && number != dirfd(entries)) {
            open[count++] = (int)number;
        }
    }
    closedir(entries);
    for (size_t i = 0; i < count; i++) {
        close(open[i]);
    }
}

static void prepare(void) {
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(wake_pipe[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(wake_pipe[i], F_SETFL, O_NONBLOCK);
    }
    (void)fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
    struct sigaction action = {.sa_handler = wake, .sa_flags = SA_NOCLDSTOP | SA_RESTART};
    (void)sigaction(SIGCHLD, &action, NULL);
#ifdef __linux__
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
}

int main(int argc, char **argv) {
    bool started_rightly = argc >= 2 && fcntl(CONTROL, F_GETFD) >= 0;
    if (started_rightly) {
        close_inherited();
    }
    if (!started_rightly || pipe(wake_pipe) != 0) {
        (void)fprintf(stderr,
                      "lastref-guard is started by lastref, for a program that it watches\n");
        return 2;
    }
    prepare();
    pid_t program = start(argv + 1);
    for (int i = 0; program != 0 && i < 3; i++) {
        close(i); /* the program's alone, so that their end is its end */
    }
    if (program != 0) {
        stand_guard(program);
        kill_all(program);
    }
    (void)signal(SIGCHLD, SIG_DFL); /* what it wakes is gone now */
    close(wake_pipe[0]);
    close(wake_pipe[1]);
    return program != 0 ? 0 : 1;
}
