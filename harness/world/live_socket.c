/* SPDX-License-Identifier: Apache-2.0 */
/* One TCP connection: reading, the queue of what waits to be written, and the ways in which it
 * ends. Who owns it hears of it through its operations and never from within one of these
 * functions, except |sent|, |failed| and |finishing|, which only take note. */
#include "world/live_socket.h"

#include <string.h>

#include "base/assert.h"

enum {
    WAITER_SIZE = 1024 /* handed to libuv to learn when the peer reads on; the rest goes by try */
};

/* A write that libuv finishes when the peer reads on. Its bytes are a copy, so that those in the
 * queue can be moved or dropped meanwhile. */
struct lr_waiter {
    uv_write_t request;
    struct lr_alloc *alloc;
    size_t size;
    uint8_t bytes[WAITER_SIZE];
};

static void flush_queue(struct lr_socket *socket);
static void go_on_closing(struct lr_socket *socket);

static uv_stream_t *stream_of(struct lr_socket *socket) {
    return (uv_stream_t *)&socket->tcp;
}

static uv_os_fd_t descriptor_of(struct lr_socket *socket) {
    uv_os_fd_t descriptor = (uv_os_fd_t)-1;
    (void)uv_fileno((const uv_handle_t *)&socket->tcp, &descriptor);
    return descriptor;
}

void lr_socket_init(struct lr_socket *socket, struct lr_live *live,
                    const struct lr_socket_ops *ops) {
    memset(socket, 0, sizeof *socket);
    socket->live = live;
    socket->ops = ops;
    uv_tcp_init(&live->loop, &socket->tcp); /* no descriptor yet: cannot fail */
    socket->tcp.data = socket;
    socket->heard_at = lr_live_clock(live);
    lr_list_append(&live->sockets, &socket->node);
}

/* ---- the end ---- */

void lr_socket_discard(struct lr_socket *socket) {
    while (socket->first != NULL) {
        struct lr_chunk *chunk = socket->first;
        socket->first = chunk->next;
        lr_buf_deinit(&chunk->bytes);
        LR_FREE(socket->live->alloc, chunk);
    }
    socket->last = NULL;
    socket->unsent = 0;
}

static void finish(uv_handle_t *handle) {
    struct lr_socket *socket = handle->data;
    lr_socket_discard(socket);
    lr_list_remove(&socket->node);
    socket->ops->closed(socket);
}

/* What is queued stays until libuv has let go of its write. */
void lr_socket_drop(struct lr_socket *socket) {
    if (!socket->closing) {
        socket->closing = true;
        socket->reading = false;
        lr_end_watch_close(socket);
        lr_live_unset_alarm(socket->live, &socket->timer);
        uv_close((uv_handle_t *)&socket->tcp, finish);
    }
}

void lr_socket_reset(struct lr_socket *socket) {
    if (!socket->closing) {
        if (socket->opened) {
            lr_system_abort_on_close(descriptor_of(socket));
        }
        lr_socket_drop(socket);
    }
}

static void fail(struct lr_socket *socket, int error) {
    if (!socket->closing) {
        lr_socket_drop(socket);
        socket->ops->failed(socket, error);
    }
}

/* ---- reading ---- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)suggested;
    struct lr_socket *socket = handle->data;
    buffer->base = (char *)socket->live->read_buffer;
    buffer->len = LR_READ_SIZE;
}

static void take_bytes(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    struct lr_socket *socket = stream->data;
    if (size == 0 || socket->closing) {
        return; /* nothing there after all */
    }
    socket->heard_at = lr_live_clock(socket->live);
    if (size > 0) {
        if (!socket->lingering) {
            socket->ops->received(socket, (const uint8_t *)buffer->base, (size_t)size);
        }
    } else if (size == UV_EOF && buffer->base == NULL &&
               lr_system_socket_error(descriptor_of(socket)) != 0) {
        fail(socket, UV_ECONNRESET); /* libuv takes a reset right behind bytes for an end */
    } else if (size == UV_EOF) {
        socket->got_end = true;
        lr_socket_read(socket, false);
        socket->ops->ended(socket);
        if (socket->lingering) {
            go_on_closing(socket);
        }
    } else {
        fail(socket, (int)size);
    }
}

/* The peer has ended while nobody read. Behind a FIN no more than what the system keeps is still to
 * come, so it is read now; what came before a reset is lost, as it may always be. */
static void see_end(struct lr_socket *socket, int error) {
    if (error != 0) {
        fail(socket, error);
    } else {
        socket->peer_ended = true;
        lr_socket_read(socket, false);
    }
}

void lr_socket_read(struct lr_socket *socket, bool on) {
    socket->wants_read = on && !socket->got_end;
    bool read = (socket->wants_read || (socket->peer_ended && !socket->got_end)) &&
                !socket->frozen && !socket->closing && socket->opened;
    if (read == (bool)socket->reading || socket->closing) {
        return;
    }
    socket->reading = read;
    lr_end_watch_close(socket);
    if (!read) {
        uv_read_stop(stream_of(socket));
        if (!socket->got_end && !socket->frozen) {
            lr_end_watch_open(socket, see_end); /* fails: its end shows when it is read again */
        }
    } else if (uv_read_start(stream_of(socket), give_buffer, take_bytes) != 0) {
        fail(socket, UV_ENOTCONN);
    }
}

/* ---- writing ---- */

static void count_sent(struct lr_socket *socket, const uint8_t *bytes, size_t size) {
    if (socket->tapped && size > 0) {
        socket->ops->sent(socket, bytes, size);
    }
}

static void drop_front(struct lr_socket *socket, size_t size) {
    struct lr_chunk *chunk = socket->first;
    LR_ASSERT(size <= socket->unsent);
    socket->unsent -= size;
    lr_buf_consume(&chunk->bytes, size);
    if (lr_buf_size(&chunk->bytes) == 0) {
        socket->first = chunk->next;
        socket->last = chunk->next == NULL ? NULL : socket->last;
        lr_buf_deinit(&chunk->bytes);
        LR_FREE(socket->live->alloc, chunk);
    }
}

static void written(uv_write_t *request, int status) {
    struct lr_socket *socket = request->handle->data;
    struct lr_waiter *waiter = request->data;
    size_t size = waiter->size;
    LR_FREE(waiter->alloc, waiter);
    socket->writing = false;
    if (socket->closing || socket->shut || socket->first == NULL) {
        return; /* a fault has dropped what was queued */
    }
    if (status != 0) {
        fail(socket, status);
        return;
    }
    count_sent(socket, lr_buf_data(&socket->first->bytes), size);
    if (!socket->closing && socket->first != NULL) {
        drop_front(socket, size);
        flush_queue(socket);
    }
    if (!socket->lingering && !socket->closing) {
        socket->ops->progressed(socket);
    }
}

static size_t limit_to_room(struct lr_socket *socket, const uint8_t *bytes, size_t size) {
    size_t room = socket->tapped ? socket->ops->room(socket, bytes, size) : SIZE_MAX;
    return size < room ? size : room;
}

/* A fault that was asked for room may have ended it. */
static bool takes_more(const struct lr_socket *socket) {
    return !socket->closing && !socket->shut && !socket->frozen && socket->first != NULL;
}

/* The peer does not take more now: libuv tells when it does. */
static void wait_to_write(struct lr_socket *socket, size_t size) {
    struct lr_waiter *waiter = LR_NEW(socket->live->alloc, struct lr_waiter);
    if (waiter == NULL) {
        fail(socket, UV_ENOMEM);
        return;
    }
    waiter->alloc = socket->live->alloc;
    waiter->size = size < WAITER_SIZE ? size : WAITER_SIZE;
    waiter->request.data = waiter;
    memcpy(waiter->bytes, lr_buf_data(&socket->first->bytes), waiter->size);
    uv_buf_t buffer = {.base = (char *)waiter->bytes, .len = waiter->size};
    int result = uv_write(&waiter->request, stream_of(socket), &buffer, 1, written);
    if (result != 0) {
        LR_FREE(waiter->alloc, waiter);
        fail(socket, result);
    } else {
        socket->writing = true;
    }
}

/* Writes from the queue until it is empty or the peer takes no more. */
static void flush_queue(struct lr_socket *socket) {
    while (socket->first != NULL && !socket->writing && !socket->frozen && !socket->closing) {
        const uint8_t *bytes = lr_buf_data(&socket->first->bytes);
        size_t size = limit_to_room(socket, bytes, lr_buf_size(&socket->first->bytes));
        if (!takes_more(socket)) {
            break;
        }
        uv_buf_t buffer = lr_uv_bytes(bytes, size);
        int result = uv_try_write(stream_of(socket), &buffer, 1);
        if (result > 0) {
            count_sent(socket, bytes, (size_t)result);
            if (socket->first != NULL) {
                drop_front(socket, (size_t)result);
            }
        } else if (result == UV_EAGAIN || result == 0) {
            wait_to_write(socket, size);
        } else {
            fail(socket, result);
        }
    }
    go_on_closing(socket);
}

/* Takes |buffer| always. */
static void queue(struct lr_socket *socket, struct lr_buf *buffer) {
    struct lr_chunk *chunk = LR_NEW(socket->live->alloc, struct lr_chunk);
    if (chunk == NULL) {
        lr_buf_deinit(buffer);
        lr_socket_reset(socket);
        socket->ops->failed(socket, UV_ENOMEM);
        return;
    }
    chunk->bytes = lr_buf_take(buffer);
    socket->unsent += lr_buf_size(&chunk->bytes);
    if (socket->last == NULL) {
        socket->first = chunk;
    } else {
        socket->last->next = chunk;
    }
    socket->last = chunk;
}

/* One system call for all buffers; what it took is consumed. False: the socket has failed. */
static bool try_send(struct lr_socket *socket, struct lr_buf **buffers, size_t count) {
    uv_buf_t parts[LR_OUTBOX_RUN_MAX];
    size_t first = lr_buf_size(buffers[0]);
    size_t room =
        socket->tapped ? socket->ops->room(socket, lr_buf_data(buffers[0]), first) : SIZE_MAX;
    if (socket->closing || socket->shut || socket->frozen) {
        return !socket->closing;
    }
    count = room == SIZE_MAX ? count : 1; /* where the next ones have to stop is not known yet */
    unsigned int used = 0;
    for (; used < count && room > 0; used++) {
        size_t size = lr_buf_size(buffers[used]);
        size = size < room ? size : room;
        parts[used] = lr_uv_bytes(lr_buf_data(buffers[used]), size);
        room -= size;
    }
    int result = uv_try_write(stream_of(socket), parts, used);
    if (result < 0 && result != UV_EAGAIN) {
        fail(socket, result);
        return false;
    }
    size_t left = result > 0 ? (size_t)result : 0;
    for (size_t i = 0; i < used && left > 0; i++) {
        size_t size = parts[i].len < left ? parts[i].len : left;
        count_sent(socket, lr_buf_data(buffers[i]), size);
        lr_buf_consume(buffers[i], size);
        left -= size;
    }
    return !socket->closing;
}

void lr_socket_send(struct lr_socket *socket, struct lr_buf **buffers, size_t count) {
    LR_ASSERT(count > 0 && count <= LR_OUTBOX_RUN_MAX);
    bool alive = !socket->closing && !socket->shut;
    if (alive && socket->first == NULL && !socket->frozen) {
        alive = try_send(socket, buffers, count) && !socket->shut;
    }
    for (size_t i = 0; i < count; i++) {
        if (alive && lr_buf_size(buffers[i]) > 0) {
            queue(socket, buffers[i]);
            alive = !socket->closing;
        } else {
            lr_buf_deinit(buffers[i]);
        }
    }
    if (alive && socket->first != NULL) {
        flush_queue(socket);
    }
}

bool lr_socket_adopt(struct lr_socket *socket) {
    for (struct lr_chunk *chunk = socket->first; chunk != NULL; chunk = chunk->next) {
        struct lr_buf copy;
        lr_buf_init(&copy, socket->live->alloc);
        if (lr_buf_append(&copy, lr_buf_data(&chunk->bytes), lr_buf_size(&chunk->bytes)) != LR_OK) {
            return false;
        }
        lr_buf_deinit(&chunk->bytes);
        chunk->bytes = copy;
    }
    return true;
}

/* ---- FIN ---- */

void lr_socket_shut(struct lr_socket *socket) {
    socket->wants_shut = true;
    go_on_closing(socket);
}

void lr_socket_cut(struct lr_socket *socket) {
    if (!socket->closing && !socket->shut) {
        lr_socket_discard(socket);
        socket->shut = true;
        lr_system_shut_write(descriptor_of(socket));
        go_on_closing(socket);
    }
}

/* The next step of an orderly end: FIN when all is out, the descriptor when the peer has ended,
 * too. */
static void go_on_closing(struct lr_socket *socket) {
    if (!socket->wants_shut || socket->closing || socket->unsent > 0) {
        return;
    }
    if (!socket->finished) {
        bool pass = socket->ops->finishing == NULL || socket->ops->finishing(socket);
        bool close_says_it = socket->lingering && (socket->got_end || socket->at_once);
        socket->finished = true;
        if (pass && !socket->shut && !close_says_it) {
            lr_system_shut_write(descriptor_of(socket));
        }
        socket->shut = true;
    }
    if (socket->lingering && socket->got_end && !socket->frozen) {
        lr_socket_drop(socket);
    }
}

void lr_socket_close(struct lr_socket *socket, uint64_t linger_ns) {
    if (socket->closing) {
        return;
    }
    if (!socket->opened) {
        lr_socket_drop(socket);
        return;
    }
    socket->lingering = true;
    socket->wants_shut = true;
    socket->at_once = linger_ns == 0;
    if (socket->at_once) {
        go_on_closing(socket);
        lr_socket_alarm(socket, LR_ALARM_LINGER);
        return;
    }
    lr_socket_read(socket, true);
    go_on_closing(socket);
    if (!socket->closing && !socket->frozen) {
        lr_live_set_alarm(socket->live, &socket->timer,
                          lr_time_add(lr_live_clock(socket->live), linger_ns));
        socket->timer.kind = LR_ALARM_LINGER;
    }
}

/* The peer has had its time: what it did not read by now is lost, and it hears so by RST. */
void lr_socket_alarm(struct lr_socket *socket, int kind) {
    if (kind == LR_ALARM_SILENCE) {
        socket->ops->failed(socket, UV_ETIMEDOUT);
    } else if (kind == LR_ALARM_AGED) {
        socket->ops->aged(socket);
    } else if (socket->unsent > 0) {
        lr_socket_reset(socket);
    } else {
        lr_socket_drop(socket);
    }
}

/* ---- beginning ---- */

int lr_socket_accept(struct lr_socket *socket, struct lr_listener *listener) {
    uv_os_sock_t taken = lr_listener_take(listener);
    int result = uv_tcp_open(&socket->tcp, taken);
    if (result == 0) {
        socket->opened = true;
        lr_system_tune_accepted(descriptor_of(socket), &listener->keepalive);
    } else {
        lr_system_close(taken);
    }
    return result;
}

static void connected(uv_connect_t *request, int status) {
    struct lr_socket *socket = request->handle->data;
    if (!socket->closing) {
        socket->heard_at = lr_live_clock(socket->live);
        socket->ops->connected(socket, status);
    }
}

/* A peer on this machine is connected to without a turn of the loop. */
static bool connect_here(struct lr_socket *socket, const struct sockaddr_storage *address) {
    uv_os_sock_t made;
    if (!lr_address_is_loopback(address) || lr_system_connect_at_once(address, &made) != 0) {
        return false; /* libuv tries again, and finds out why */
    }
    if (uv_tcp_open(&socket->tcp, made) != 0) {
        lr_system_close(made);
        return false;
    }
    return true;
}

int lr_socket_connect(struct lr_socket *socket, const struct sockaddr_storage *address,
                      bool *at_once) {
    bool here = at_once != NULL && connect_here(socket, address);
    int result = 0;
    if (here) {
        *at_once = true;
    } else {
        result = uv_tcp_connect(&socket->connect, &socket->tcp, (const struct sockaddr *)address,
                                connected);
    }
    if (result == 0) {
        socket->opened = true;
        /* Asked for now, where libuv allows it, the loop has to be told of the descriptor once. */
        socket->reading = uv_read_start(stream_of(socket), give_buffer, take_bytes) == 0;
    }
    return result;
}

void lr_socket_no_delay(struct lr_socket *socket) {
    if (!socket->closing && socket->opened) {
        lr_system_no_delay(descriptor_of(socket));
    }
}

void lr_socket_age(struct lr_socket *socket, uint64_t delay_ns) {
    if (!socket->closing && !socket->lingering && !socket->frozen) {
        socket->timer.kind = LR_ALARM_AGED;
        lr_live_set_alarm(socket->live, &socket->timer,
                          lr_time_add(lr_live_clock(socket->live), delay_ns));
    }
}

void lr_socket_keep_alive(struct lr_socket *socket, const struct lr_keepalive *keepalive) {
    if (!socket->closing && socket->opened) {
        lr_system_keep_alive(descriptor_of(socket), keepalive);
    }
}

void lr_socket_address(const struct lr_socket *socket, bool peer, struct sockaddr_storage *out) {
    int size = (int)sizeof *out;
    memset(out, 0, sizeof *out);
    (void)(peer ? uv_tcp_getpeername(&socket->tcp, (struct sockaddr *)out, &size)
                : uv_tcp_getsockname(&socket->tcp, (struct sockaddr *)out, &size));
}

/* ---- the black hole ---- */

void lr_socket_freeze(struct lr_socket *socket, void (*gone)(struct lr_socket *socket, int error)) {
    if (!socket->frozen && !socket->closing) {
        socket->frozen = true;
        lr_socket_read(socket, socket->wants_read);
        lr_end_watch_close(socket);      /* it may have been paused */
        lr_end_watch_open(socket, gone); /* fails: its end shows when the world ends */
    }
}
