/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign programs: their lines, their log, their end. */
#include "world/live_program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct line {
    struct lr_list node;
    char *text;
    lr_time at;
};

/* ---- lines of the program ---- */

static void read_outlet(struct lr_outlet *outlet, bool on);

static void lose(struct lr_program *program, const char *what) {
    program->health = LR_ENOMEM;
    lr_trace_emit(&program->live->trace, lr_live_clock(program->live), LR_TRACE_FAILURE, 0,
                  "%s: %s is lost, out of memory", program->name, what);
}

enum lr_status lr_program_health(const struct lr_program *program) {
    return program->health;
}

static void add_line(struct lr_program *program, const uint8_t *bytes, size_t size) {
    struct lr_alloc *alloc = program->live->alloc;
    struct line *line = LR_NEW(alloc, struct line);
    for (size_t i = 0; i < size; i++) {
        size = bytes[i] == '\0' ? i : size; /* lines are strings */
    }
    char *text = line == NULL ? NULL : lr_alloc_string(alloc, bytes, size);
    if (text == NULL) {
        lr_alloc_free(alloc, line, line == NULL ? 0 : sizeof *line);
        lose(program, "a line");
        return;
    }
    line->text = text;
    line->at = lr_live_clock(program->live);
    lr_list_append(&program->lines, &line->node);
    program->line_count++;
}

/* Whole lines, and pieces of one that does not end, become lines. */
static void split_lines(struct lr_outlet *outlet, bool at_end) {
    struct lr_buf *bytes = &outlet->bytes;
    while (lr_buf_size(bytes) > 0) {
        const uint8_t *data = lr_buf_data(bytes);
        const uint8_t *newline = memchr(data, '\n', lr_buf_size(bytes));
        if (newline == NULL && !at_end && lr_buf_size(bytes) < LR_PROGRAM_LINE_MAX) {
            break;
        }
        size_t size = newline == NULL ? lr_buf_size(bytes) : (size_t)(newline - data);
        size_t shown = newline != NULL && size > 0 && data[size - 1] == '\r' ? size - 1 : size;
        add_line(outlet->program, data, shown);
        lr_buf_consume(bytes, newline == NULL ? size : size + 1);
    }
    if (outlet->program->line_count >= LR_PROGRAM_LINES_MAX) {
        read_outlet(outlet, false);
    }
}

bool lr_program_next_line(struct lr_program *program, char **line, lr_time *at) {
    if (lr_list_empty(&program->lines)) {
        return false;
    }
    struct line *first = LR_CONTAINER_OF(program->lines.next, struct line, node);
    lr_list_remove(&first->node);
    program->line_count--;
    *line = first->text;
    if (at != NULL) {
        *at = first->at;
    }
    LR_FREE(program->live->alloc, first);
    read_outlet(&program->output, true);
    return true;
}

static void trim_log(struct lr_outlet *outlet) {
    if (lr_buf_size(&outlet->bytes) > (size_t)2 * LR_PROGRAM_LOG_MAX) {
        lr_buf_consume(&outlet->bytes, lr_buf_size(&outlet->bytes) - LR_PROGRAM_LOG_MAX);
    }
}

const char *lr_program_log(struct lr_program *program) {
    struct lr_buf *bytes = &program->log.bytes;
    uint8_t *room;
    if (lr_buf_reserve(bytes, 1, &room) != LR_OK) {
        lose(program, "its log");
        return "";
    }
    *room = '\0';
    size_t size = lr_buf_size(bytes);
    size_t skip = size > LR_PROGRAM_LOG_MAX ? size - LR_PROGRAM_LOG_MAX : 0;
    return (const char *)room - size + skip;
}

/* ---- what the guard says ---- */

static void drain_now(struct lr_outlet *outlet);

/* What the program wrote before its end is there before its end is. */
static void note_end(struct lr_program *program, int exit_status, int signal_number) {
    if (program->ended) {
        return;
    }
    drain_now(&program->output);
    drain_now(&program->log);
    split_lines(&program->output, true);
    program->ended = true;
    program->exit_status = exit_status;
    program->signal = signal_number;
    program->ended_at = lr_live_clock(program->live);
    if (program->live->ledger != NULL) {
        lr_ledger_process(program->live->ledger, program->ended_at, program->name, program->pid,
                          false);
    }
    lr_trace_emit(&program->live->trace, program->ended_at, LR_TRACE_PROCESS, 0,
                  "%s has ended: %s %d", program->name,
                  signal_number != 0 ? "signal" : "exit status",
                  signal_number != 0 ? signal_number : exit_status);
}

static void heed_guard(struct lr_outlet *outlet) {
    struct lr_program *program = outlet->program;
    struct lr_buf *bytes = &outlet->bytes;
    const uint8_t *newline;
    while (lr_buf_size(bytes) > 0 &&
           (newline = memchr(lr_buf_data(bytes), '\n', lr_buf_size(bytes))) != NULL) {
        char line[64];
        size_t size = (size_t)(newline - lr_buf_data(bytes));
        snprintf(line, sizeof line, "%.*s", (int)(size < sizeof line ? size : sizeof line - 1),
                 (const char *)lr_buf_data(bytes));
        lr_buf_consume(bytes, size + 1);
        if (strncmp(line, "exit ", 5) == 0) {
            note_end(program, (int)strtol(line + 5, NULL, 10), 0);
        } else if (strncmp(line, "signal ", 7) == 0) {
            note_end(program, 0, (int)strtol(line + 7, NULL, 10));
        }
    }
}

/* The guard itself was killed, and the program with it. */
void lr_program_guard_ended(struct lr_program *program) {
    program->guard_running = false;
    if (!program->freed) {
        note_end(program, 0, SIGKILL);
    }
}

/* ---- pipes ---- */

static void finish_handle(uv_handle_t *handle) {
    struct lr_program *program = handle->data;
    program->handles--;
    if (program->handles == 0 && program->freed) {
        LR_FREE(program->live->alloc, program);
    }
}

static void finish_outlet(uv_handle_t *handle) {
    struct lr_outlet *outlet = handle->data;
    handle->data = outlet->program;
    finish_handle(handle);
}

static void close_outlet(struct lr_outlet *outlet) {
    if (outlet->opened) {
        outlet->opened = false;
        outlet->reading = false;
        uv_close((uv_handle_t *)&outlet->pipe, finish_outlet);
    }
}

static void digest(struct lr_outlet *outlet, bool at_end) {
    struct lr_program *program = outlet->program;
    if (outlet == &program->control) {
        heed_guard(outlet);
    } else if (outlet == &program->output) {
        split_lines(outlet, at_end);
    } else {
        trim_log(outlet);
    }
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)suggested;
    struct lr_outlet *outlet = handle->data;
    buffer->base = (char *)outlet->program->live->read_buffer;
    buffer->len = LR_READ_SIZE;
}

static void take_bytes(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    struct lr_outlet *outlet = stream->data;
    if (size > 0) {
        if (lr_buf_append(&outlet->bytes, buffer->base, (size_t)size) != LR_OK) {
            lose(outlet->program, "output");
        }
        digest(outlet, false);
    } else if (size < 0) {
        digest(outlet, true);
        close_outlet(outlet);
    }
}

static void read_outlet(struct lr_outlet *outlet, bool on) {
    if (!outlet->opened || outlet->reading == on) {
        return;
    }
    outlet->reading = on;
    if (on) {
        (void)uv_read_start((uv_stream_t *)&outlet->pipe, give_buffer, take_bytes);
    } else {
        uv_read_stop((uv_stream_t *)&outlet->pipe);
    }
}

static void drain_now(struct lr_outlet *outlet) {
    uv_os_fd_t descriptor;
    uint8_t *buffer = outlet->program->live->read_buffer;
    if (!outlet->opened || uv_fileno((uv_handle_t *)&outlet->pipe, &descriptor) != 0) {
        return;
    }
    for (size_t i = 0; i < 64; i++) { /* a program that never stops writing must not stop us */
        long size = lr_system_read(descriptor, buffer, LR_READ_SIZE);
        if (size <= 0) {
            return;
        }
        if (lr_buf_append(&outlet->bytes, buffer, (size_t)size) != LR_OK) {
            lose(outlet->program, "output");
            return;
        }
        digest(outlet, false);
    }
}

bool lr_outlet_open(struct lr_outlet *outlet, int descriptor) {
    struct lr_program *program = outlet->program;
    uv_pipe_init(&program->live->loop, &outlet->pipe, 0);
    outlet->pipe.data = outlet;
    outlet->opened = true;
    program->handles++;
    if (uv_pipe_open(&outlet->pipe, descriptor) != 0) {
        lr_system_close(descriptor);
        return false;
    }
    read_outlet(outlet, true);
    return true;
}

bool lr_program_open_input(struct lr_program *program, int descriptor) {
    uv_pipe_init(&program->live->loop, &program->input, 0);
    program->input.data = program;
    program->input_opened = true;
    program->handles++;
    if (uv_pipe_open(&program->input, descriptor) != 0) {
        lr_system_close(descriptor);
        return false;
    }
    return true;
}

/* ---- what the owner wants ---- */

struct pending_line {
    uv_write_t request;
    struct lr_alloc *alloc;
    struct lr_buf bytes;
};

static void line_written(uv_write_t *request, int status) {
    (void)status; /* its end shows by itself */
    struct pending_line *line = request->data;
    lr_buf_deinit(&line->bytes);
    LR_FREE(line->alloc, line);
}

static enum lr_status queue_line(struct lr_program *program, struct lr_buf *bytes) {
    struct pending_line *line = LR_NEW(program->live->alloc, struct pending_line);
    if (line == NULL) {
        return LR_ENOMEM;
    }
    line->alloc = program->live->alloc;
    line->bytes = lr_buf_take(bytes);
    line->request.data = line;
    uv_buf_t buffer = lr_uv_bytes(lr_buf_data(&line->bytes), lr_buf_size(&line->bytes));
    if (uv_write(&line->request, (uv_stream_t *)&program->input, &buffer, 1, line_written) != 0) {
        line_written(&line->request, UV_EPIPE);
        return LR_ECLOSED;
    }
    return LR_OK;
}

enum lr_status lr_program_send(struct lr_program *program, const char *text) {
    struct lr_buf bytes;
    if (!program->input_opened || program->ended) {
        return LR_ECLOSED;
    }
    lr_buf_init(&bytes, program->live->alloc);
    enum lr_status status = lr_buf_append(&bytes, text, strlen(text));
    if (status == LR_OK) {
        status = lr_buf_append(&bytes, "\n", 1);
    }
    if (status == LR_OK) {
        uv_buf_t buffer = lr_uv_bytes(lr_buf_data(&bytes), lr_buf_size(&bytes));
        int result = uv_try_write((uv_stream_t *)&program->input, &buffer, 1);
        if (result > 0) {
            lr_buf_consume(&bytes, (size_t)result);
        } else if (result < 0 && result != UV_EAGAIN) {
            status = LR_ECLOSED;
        }
    }
    if (status == LR_OK && lr_buf_size(&bytes) > 0) {
        status = queue_line(program, &bytes);
    }
    lr_buf_deinit(&bytes);
    return status;
}

int64_t lr_program_pid(const struct lr_program *program) {
    return program->pid;
}

bool lr_program_ended(const struct lr_program *program, int *exit_status, int *signal_number,
                      lr_time *at) {
    if (program->ended) {
        *exit_status = program->exit_status;
        *signal_number = program->signal;
        if (at != NULL) {
            *at = program->ended_at;
        }
    }
    return program->ended;
}

enum lr_status lr_program_signal(struct lr_program *program, int number, bool group) {
    if (program->pid <= 1 || (program->ended && !group)) {
        return LR_ECLOSED; /* its number may be another's by now */
    }
    int result = uv_kill((int)(group ? -program->pid : program->pid), number);
    return result == 0 ? LR_OK : result == UV_ESRCH ? LR_ECLOSED : LR_EIO;
}

enum lr_status lr_program_start(struct lr_live *live, const struct lr_program_options *options,
                                struct lr_program **out, struct lr_error *error) {
    const char *name = lr_live_keep_name(live, options->name);
    struct lr_program *program = name == NULL ? NULL : LR_NEW(live->alloc, struct lr_program);
    if (program == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for program \"%s\"", options->name);
    }
    struct lr_outlet *outlets[] = {&program->control, &program->output, &program->log};
    program->live = live;
    program->name = name;
    lr_list_init(&program->lines);
    lr_list_init(&program->node);
    for (size_t i = 0; i < LR_COUNT_OF(outlets); i++) {
        outlets[i]->program = program;
        lr_buf_init(&outlets[i]->bytes, live->alloc);
    }
    enum lr_status status = lr_live_place(live, name, &program->place, error);
    if (status == LR_OK) {
        status = lr_program_spawn(program, options, error);
    }
    if (status != LR_OK) {
        lr_program_free(program);
        return status;
    }
    lr_list_append(&live->programs, &program->node);
    lr_time now = lr_live_clock(live);
    if (live->ledger != NULL) {
        lr_ledger_process(live->ledger, now, name, program->pid, true);
    }
    lr_trace_emit(&live->trace, now, LR_TRACE_PROCESS, 0, "%s has started: pid %lld", name,
                  (long long)program->pid);
    *out = program;
    return LR_OK;
}

/* The guard first, as nobody else may reap it; then the pipes, which its end has emptied. */
void lr_program_free(struct lr_program *program) {
    if (program == NULL) {
        return;
    }
    program->freed = true;
    lr_list_remove(&program->node);
    lr_program_dismiss(program);
    if (!program->ended && program->pid != 0 && program->live->ledger != NULL) {
        lr_ledger_process(program->live->ledger, lr_live_clock(program->live), program->name,
                          program->pid, false);
    }
    while (!lr_list_empty(&program->lines)) {
        struct line *line = LR_CONTAINER_OF(program->lines.next, struct line, node);
        lr_list_remove(&line->node);
        lr_alloc_free_string(program->live->alloc, line->text);
        LR_FREE(program->live->alloc, line);
    }
    struct lr_outlet *outlets[] = {&program->control, &program->output, &program->log};
    program->handles++; /* this function's own */
    for (size_t i = 0; i < LR_COUNT_OF(outlets); i++) {
        close_outlet(outlets[i]);
        lr_buf_deinit(&outlets[i]->bytes);
    }
    if (program->input_opened) {
        uv_close((uv_handle_t *)&program->input, finish_handle);
    }
    if (program->guard_opened) {
        uv_close((uv_handle_t *)&program->guard, finish_handle);
    }
    program->handles--;
    if (program->handles == 0) {
        LR_FREE(program->live->alloc, program);
    }
}

void lr_programs_free_all(struct lr_live *live) {
    LR_LIST_EACH (node, &live->programs) {
        lr_program_free(LR_CONTAINER_OF(node, struct lr_program, node));
    }
}
