/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a program behind its guard, and dismisses the guard: POSIX systems. */
#include "world/live_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_MS_MAX = 20 * 1000, /* under valgrind the guard alone takes a second */
    DISMISS_MS_MAX =
        15 * 1000 /* the guard needs milliseconds, unless something hangs in the kernel */
};

long lr_system_read(uv_os_fd_t descriptor, void *bytes, size_t size) {
    ssize_t result;
    do {
        result = read(descriptor, bytes, size);
    } while (result < 0 && errno == EINTR);
    return (long)result;
}

/* Descriptors of a start, both sides; -1: not open. */
struct plumbing {
    int input[2];  /* read side the program's */
    int output[2]; /* write side the program's */
    int log[2];
    int control[2]; /* ours, the guard's */
};

static void close_one(int *descriptor) {
    if (*descriptor >= 0) {
        close(*descriptor);
        *descriptor = -1;
    }
}

static void close_all(struct plumbing *plumbing) {
    int *all[] = {plumbing->input, plumbing->output, plumbing->log, plumbing->control};
    for (size_t i = 0; i < LR_COUNT_OF(all); i++) {
        close_one(&all[i][0]);
        close_one(&all[i][1]);
    }
}

static int lay_log(struct plumbing *plumbing, const char *path) {
    if (path == NULL) {
        return uv_pipe(plumbing->log, UV_NONBLOCK_PIPE, 0);
    }
    plumbing->log[1] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return plumbing->log[1] < 0 ? uv_translate_sys_error(errno) : 0;
}

static int lay(struct plumbing *plumbing, const struct lr_program_options *options) {
    memset(plumbing, 0xff, sizeof *plumbing); /* -1 everywhere */
    int result = uv_socketpair(SOCK_STREAM, 0, plumbing->control, UV_NONBLOCK_PIPE, 0);
    if (result == 0) {
        result = lay_log(plumbing, options->log_path);
    }
    if (result == 0 && options->stepped) {
        result = uv_pipe(plumbing->input, 0, UV_NONBLOCK_PIPE);
    }
    if (result == 0 && options->stepped) {
        result = uv_pipe(plumbing->output, UV_NONBLOCK_PIPE, 0);
    }
    return result;
}

static enum lr_status find_guard(struct lr_program *program, char *path, size_t size,
                                 struct lr_error *error) {
    static const char name[] = "lastref-guard";
    const char *given = program->live->options.guard;
    if (given != NULL) {
        snprintf(path, size, "%s", given);
    } else {
        size_t room = size - sizeof name;
        if (uv_exepath(path, &room) != 0) {
            return lr_error_set(error, LR_ENOTSUP, "the path of this executable is not known");
        }
        char *slash = strrchr(path, '/');
        size_t folder = slash == NULL ? 0 : (size_t)(slash - path) + 1;
        memcpy(path + folder, name, sizeof name);
    }
    if (access(path, X_OK) != 0) {
        return lr_error_set(error, LR_ENOTFOUND, "%s is needed to start programs: %s", path,
                            strerror(errno));
    }
    return LR_OK;
}

static void guard_exited(uv_process_t *guard, int64_t exit_status, int signal_number) {
    (void)exit_status;
    (void)signal_number;
    lr_program_guard_ended(guard->data);
}

/* Our environment with |added| behind it: of two values of a name the program would see the first,
 * so ours is left out. An array from |alloc| of |*count| pointers, the last NULL; borrowed strings.
 */
static bool is_replaced(const char *entry, const char *const *added) {
    const char *equals = strchr(entry, '=');
    size_t size = equals == NULL ? strlen(entry) : (size_t)(equals - entry) + 1;
    for (size_t i = 0; added != NULL && added[i] != NULL; i++) {
        if (strncmp(entry, added[i], size) == 0) {
            return true;
        }
    }
    return false;
}

/* The system's interface has no const; nobody writes there. */
static void copy_pointer(char **to, const char *from) {
    memcpy(to, &from, sizeof from);
}

static char **join_environment(struct lr_alloc *alloc, const char *const *added, size_t *count) {
    size_t ours = 0;
    size_t theirs = 0;
    while (environ[ours] != NULL) {
        ours++;
    }
    while (added != NULL && added[theirs] != NULL) {
        theirs++;
    }
    *count = ours + theirs + 1;
    char **joined = lr_alloc_zeroed(alloc, *count * sizeof *joined);
    size_t used = 0;
    for (size_t i = 0; joined != NULL && i < ours; i++) {
        if (!is_replaced(environ[i], added)) {
            joined[used++] = environ[i];
        }
    }
    for (size_t i = 0; joined != NULL && i < theirs; i++) {
        copy_pointer(&joined[used++], added[i]);
    }
    return joined;
}

static int spawn_guard(struct lr_program *program, const struct lr_program_options *options,
                       const struct plumbing *plumbing, const char *guard, char **arguments,
                       char **environment) {
    int output = options->stepped ? plumbing->output[1] : plumbing->log[1];
    uv_stdio_container_t stdio[] = {
        {.flags = options->stepped ? UV_INHERIT_FD : UV_IGNORE, .data.fd = plumbing->input[0]},
        {.flags = UV_INHERIT_FD, .data.fd = output},
        {.flags = UV_INHERIT_FD, .data.fd = plumbing->log[1]},
        {.flags = UV_INHERIT_FD, .data.fd = plumbing->control[1]},
    };
    uv_process_options_t process = {.exit_cb = guard_exited,
                                    .file = guard,
                                    .args = arguments,
                                    .env = environment,
                                    .cwd = options->directory,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio_count = 4,
                                    .stdio = stdio};
    program->guard.data = program;
    program->guard_opened = true;
    program->handles++;
    lr_net_enter(program->live->net, program->place);
    int result = uv_spawn(&program->live->loop, &program->guard, &process);
    lr_net_leave(program->live->net);
    program->guard_running = result == 0;
    uv_unref((uv_handle_t *)&program->guard); /* waited for in another way */
    return result;
}

static int spawn(struct lr_program *program, const struct lr_program_options *options,
                 const struct plumbing *plumbing, char *guard) {
    struct lr_alloc *alloc = program->live->alloc;
    size_t count = 0;
    size_t environment_count;
    while (options->argv[count] != NULL) {
        count++;
    }
    char **arguments = lr_alloc_zeroed(alloc, (count + 2) * sizeof *arguments);
    char **environment = join_environment(alloc, options->env, &environment_count);
    int result = UV_ENOMEM;
    if (arguments != NULL && environment != NULL) {
        arguments[0] = guard;
        for (size_t i = 0; i < count; i++) {
            copy_pointer(&arguments[i + 1], options->argv[i]);
        }
        result = spawn_guard(program, options, plumbing, guard, arguments, environment);
    }
    lr_alloc_free(alloc, arguments, arguments == NULL ? 0 : (count + 2) * sizeof *arguments);
    lr_alloc_free(alloc, environment,
                  environment == NULL ? 0 : environment_count * sizeof *environment);
    return result;
}

/* Reads one line from |descriptor| within |ms|. False: none came. */
static bool read_line(int descriptor, char *line, size_t size, int ms) {
    size_t used = 0;
    struct pollfd ready = {.fd = descriptor, .events = POLLIN};
    uint64_t until = uv_hrtime() + (uint64_t)ms * LR_MS;
    while (used + 1 < size) {
        uint64_t now = uv_hrtime();
        if (now >= until ||
            (poll(&ready, 1, (int)((until - now) / LR_MS) + 1) < 0 && errno != EINTR)) {
            return false;
        }
        long got = lr_system_read(descriptor, line + used, 1);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return false;
        }
        if (got > 0 && line[used] == '\n') {
            line[used] = '\0';
            return true;
        }
        used += got > 0 ? 1 : 0;
    }
    return false;
}

/* What the guard says first: the program's pid, or why there is none. */
static enum lr_status hear_guard(struct lr_program *program, int control,
                                 const struct lr_program_options *options, struct lr_error *error) {
    char line[64];
    if (!read_line(control, line, sizeof line, START_MS_MAX)) {
        return lr_error_set(error, LR_EIO, "the guard of \"%s\" does not answer", program->name);
    }
    if (strncmp(line, "pid ", 4) == 0) {
        program->pid = strtoll(line + 4, NULL, 10);
        return LR_OK;
    }
    int code = strncmp(line, "error ", 6) == 0 ? (int)strtol(line + 6, NULL, 10) : EIO;
    return lr_error_set(error, code == ENOENT ? LR_ENOTFOUND : LR_EIO, "cannot start %s: %s",
                        options->argv[0], strerror(code));
}

/* Gives our sides to libuv, which then closes them. */
static bool open_pipes(struct lr_program *program, struct plumbing *plumbing) {
    struct {
        int *descriptor;
        struct lr_outlet *outlet;
    } outlets[] = {{&plumbing->control[0], &program->control},
                   {&plumbing->output[0], &program->output},
                   {&plumbing->log[0], &program->log}};
    bool good = true;
    for (size_t i = 0; i < LR_COUNT_OF(outlets); i++) {
        if (*outlets[i].descriptor >= 0) {
            good = lr_outlet_open(outlets[i].outlet, *outlets[i].descriptor) && good;
            *outlets[i].descriptor = -1;
        }
    }
    if (plumbing->input[1] >= 0) {
        good = lr_program_open_input(program, plumbing->input[1]) && good;
        plumbing->input[1] = -1;
    }
    return good;
}

enum lr_status lr_program_spawn(struct lr_program *program,
                                const struct lr_program_options *options, struct lr_error *error) {
    char guard[4096];
    struct plumbing plumbing;
    enum lr_status status = find_guard(program, guard, sizeof guard, error);
    if (status != LR_OK) {
        return status;
    }
    int result = lay(&plumbing, options);
    if (result == 0) {
        result = spawn(program, options, &plumbing, guard);
    }
    if (result != 0) {
        status = lr_error_set(error, lr_uv_status(result), "cannot start \"%s\": %s", program->name,
                              uv_strerror(result));
    } else {
        close_one(&plumbing.control[1]);
        status = hear_guard(program, plumbing.control[0], options, error);
    }
    if (program->guard_running && !open_pipes(program, &plumbing) && status == LR_OK) {
        status = lr_error_set(error, LR_EIO, "the pipes of \"%s\" are of no use", program->name);
    }
    close_all(&plumbing);
    return status;
}

static bool has_exited(int64_t pid, int ms) {
    for (int waited = 0; waited <= ms; waited++) {
        int status;
        pid_t result = waitpid((pid_t)pid, &status, WNOHANG);
        if (result == (pid_t)pid || (result < 0 && errno == ECHILD)) {
            return true;
        }
        (void)poll(NULL, 0, 1);
    }
    return false;
}

/* Ending the control socket is the order; the guard has obeyed when it is gone itself. */
void lr_program_dismiss(struct lr_program *program) {
    if (!program->guard_running) {
        return;
    }
    uv_os_fd_t control;
    if (program->control.opened &&
        uv_fileno((uv_handle_t *)&program->control.pipe, &control) == 0) {
        (void)shutdown(control, SHUT_RDWR);
    } else {
        (void)kill(program->guard.pid, SIGKILL); /* takes the program with it */
    }
    if (!has_exited(program->guard.pid, DISMISS_MS_MAX)) {
        lr_trace_emit(&program->live->trace, lr_live_clock(program->live), LR_TRACE_FAILURE, 0,
                      "%s and its guard do not end", program->name);
        (void)uv_kill((int)-program->pid, SIGKILL);
        (void)kill(program->guard.pid, SIGKILL);
        (void)has_exited(program->guard.pid, DISMISS_MS_MAX);
    }
    program->guard_running = false;
}
