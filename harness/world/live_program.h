/* SPDX-License-Identifier: Apache-2.0 */
/* A foreign program and its guard: what live_program.c, live_spawn.c and live_find_*.c share. */
#ifndef LR_WORLD_LIVE_PROGRAM_H
#define LR_WORLD_LIVE_PROGRAM_H

#include "world/live_internal.h"

enum {
    LR_PROGRAM_LINE_MAX =
        1024 * 1024,             /* of a step's answer; beyond it the line is cut into several */
    LR_PROGRAM_LINES_MAX = 4096, /* unread; then the program has to wait */
    LR_PROGRAM_LOG_MAX = 64 * 1024
};

/* What comes out of the program, or from its guard. */
struct lr_outlet {
    uv_pipe_t pipe;
    struct lr_program *program;
    struct lr_buf bytes;
    bool opened; /* it is libuv's to close */
    bool reading;
};

struct lr_program {
    struct lr_live *live;
    struct lr_list node;
    const char *name;
    int place; /* of live->net */
    int64_t pid;
    uv_process_t guard;
    bool guard_opened; /* libuv knows it */
    bool guard_running;
    struct lr_outlet control; /* to the guard */
    struct lr_outlet output;  /* standard output */
    struct lr_outlet log;     /* standard error, and output where it is not stepped */
    uv_pipe_t input;
    bool input_opened;
    struct lr_list lines;
    size_t line_count;
    enum lr_status health;
    bool ended;
    int exit_status;
    int signal;
    lr_time ended_at;
    unsigned int handles; /* that libuv has not closed yet */
    bool freed;           /* by its owner: goes with the last handle */
};

/* Starts the guard, which starts the program, and waits until it runs or cannot. Sets pid, opens
 * the pipes; on failure they are closed by the caller, with lr_program_free. */
enum lr_status lr_program_spawn(struct lr_program *program,
                                const struct lr_program_options *options, struct lr_error *error);
/* Has the guard kill the program and all its descendants, and reaps the guard; bounded. */
void lr_program_dismiss(struct lr_program *program);
/* Give a descriptor to libuv, always; false: it is of no use. */
bool lr_outlet_open(struct lr_outlet *outlet, int descriptor);
bool lr_program_open_input(struct lr_program *program, int descriptor);
long lr_system_read(uv_os_fd_t descriptor, void *bytes, size_t size);
void lr_program_guard_ended(struct lr_program *program);

#endif
