/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"
#include "rpc/role.h"

#include <string.h>

enum { OUTBOX_CAPACITY_MIN = 8 };

void lr_outbox_init(struct lr_outbox *outbox, struct lr_alloc *alloc) {
    *outbox = (struct lr_outbox){.alloc = alloc};
}

void lr_outbox_drop(struct lr_outbox *outbox, struct lr_command *command) {
    bool opens = command->kind == LR_COMMAND_LISTEN || command->kind == LR_COMMAND_CONNECT;
    if (command->kind == LR_COMMAND_SEND) {
        lr_buf_deinit(&command->bytes);
    } else if (opens && command->address != NULL) {
        LR_FREE(outbox->alloc, command->address);
    }
}

size_t lr_outbox_run(struct lr_command *commands, size_t count,
                     struct lr_buf *buffers[LR_OUTBOX_RUN_MAX]) {
    size_t run = 0;
    while (run < count && run < LR_OUTBOX_RUN_MAX && commands[run].kind == LR_COMMAND_SEND &&
           commands[run].conn == commands[0].conn) {
        buffers[run] = &commands[run].bytes;
        run++;
    }
    return run;
}

void lr_outbox_deinit(struct lr_outbox *outbox) {
    for (size_t i = 0; i < outbox->count; i++) {
        lr_outbox_drop(outbox, &outbox->commands[i]);
    }
    lr_alloc_free(outbox->alloc, outbox->commands, outbox->capacity * sizeof outbox->commands[0]);
    lr_outbox_init(outbox, outbox->alloc);
}

/* Room for |more| commands beyond one end for each connection that lives. */
static enum lr_status reserve(struct lr_outbox *outbox, size_t more) {
    size_t needed = outbox->count + outbox->live + more;
    if (needed <= outbox->capacity) {
        return LR_OK;
    }
    size_t capacity = outbox->capacity == 0 ? OUTBOX_CAPACITY_MIN : outbox->capacity * 2;
    LR_ASSERT(needed <= capacity); /* one or two are asked for at a time */
    if (capacity > SIZE_MAX / sizeof outbox->commands[0]) {
        return LR_ENOMEM;
    }
    struct lr_command *commands =
        lr_alloc_resize(outbox->alloc, outbox->commands, outbox->capacity * sizeof commands[0],
                        capacity * sizeof commands[0]);
    if (commands == NULL) {
        return LR_ENOMEM;
    }
    outbox->commands = commands;
    outbox->capacity = capacity;
    return LR_OK;
}

static void append(struct lr_outbox *outbox, const struct lr_command *command) {
    LR_ASSERT(outbox->count < outbox->capacity);
    outbox->commands[outbox->count++] = *command;
}

static struct lr_address *copy_address(struct lr_outbox *outbox, const char *host, uint16_t port) {
    struct lr_address *address = LR_NEW(outbox->alloc, struct lr_address);
    if (address != NULL) {
        size_t size = strlen(host);
        LR_ASSERT(size < sizeof address->host);
        memcpy(address->host, host, size + 1);
        address->port = port;
    }
    return address;
}

/* Appends |command|, which opens a connection or listener towards |host|:|port|. */
static enum lr_status open_with(struct lr_outbox *outbox, struct lr_command *command,
                                const char *host, uint16_t port, lr_conn *conn) {
    if (reserve(outbox, 2) != LR_OK) { /* this command, and the end of what it opens */
        return LR_ENOMEM;
    }
    command->address = copy_address(outbox, host, port);
    if (command->address == NULL) {
        return LR_ENOMEM;
    }
    command->conn = ++outbox->last_conn;
    outbox->live++;
    append(outbox, command);
    *conn = command->conn;
    return LR_OK;
}

enum lr_status lr_outbox_listen(struct lr_outbox *outbox, const char *host, uint16_t port,
                                uint32_t port_end, struct lr_keepalive keepalive,
                                lr_conn *listener) {
    struct lr_command command = {
        .kind = LR_COMMAND_LISTEN, .port_end = port_end, .keepalive = keepalive};
    return open_with(outbox, &command, host, port, listener);
}

enum lr_status lr_outbox_connect(struct lr_outbox *outbox, const struct lr_address *address,
                                 struct lr_keepalive keepalive, lr_conn *conn) {
    struct lr_command command = {.kind = LR_COMMAND_CONNECT, .keepalive = keepalive};
    return open_with(outbox, &command, address->host, address->port, conn);
}

enum lr_status lr_outbox_send(struct lr_outbox *outbox, lr_conn conn, struct lr_buf *bytes) {
    if (lr_buf_size(bytes) == 0) {
        lr_buf_deinit(bytes);
        return LR_OK;
    }
    if (reserve(outbox, 1) != LR_OK) {
        return LR_ENOMEM;
    }
    append(outbox, &(struct lr_command){
                       .kind = LR_COMMAND_SEND, .conn = conn, .bytes = lr_buf_take(bytes)});
    return LR_OK;
}

enum lr_status lr_outbox_signal(struct lr_outbox *outbox, lr_conn conn, enum lr_command_kind kind) {
    LR_ASSERT(kind == LR_COMMAND_PAUSE || kind == LR_COMMAND_RESUME ||
              kind == LR_COMMAND_SHUT_WRITE);
    if (reserve(outbox, 1) != LR_OK) {
        return LR_ENOMEM;
    }
    append(outbox, &(struct lr_command){.kind = kind, .conn = conn});
    return LR_OK;
}

static void end_connection(struct lr_outbox *outbox, const struct lr_command *command) {
    LR_ASSERT(outbox->live > 0);
    outbox->live--;
    append(outbox, command);
}

void lr_outbox_close(struct lr_outbox *outbox, lr_conn conn, uint64_t linger_ns) {
    end_connection(outbox, &(struct lr_command){
                               .kind = LR_COMMAND_CLOSE, .conn = conn, .linger_ns = linger_ns});
}

void lr_outbox_reset(struct lr_outbox *outbox, lr_conn conn) {
    end_connection(outbox, &(struct lr_command){.kind = LR_COMMAND_RESET, .conn = conn});
}

lr_conn lr_outbox_accept(struct lr_outbox *outbox) {
    if (reserve(outbox, 1) != LR_OK) {
        return 0;
    }
    outbox->live++;
    return ++outbox->last_conn;
}

void lr_outbox_ended(struct lr_outbox *outbox) {
    LR_ASSERT(outbox->live > 0);
    outbox->live--;
}

struct lr_command *lr_outbox_take(struct lr_outbox *outbox, size_t *count) {
    *count = outbox->count;
    return outbox->commands;
}

void lr_outbox_return(struct lr_outbox *outbox) {
    outbox->count = 0;
}
