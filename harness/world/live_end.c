/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a peer whose bytes nobody reads now: a role has paused it, or a fault has frozen it. A
 * second descriptor of the socket is watched, as libuv has one handle a descriptor and its streams
 * see an end only by reading. */
#include "base/assert.h"
#include "world/live_socket.h"

struct lr_end_watch {
    uv_poll_t poll;
    int descriptor;
    struct lr_alloc *alloc;
    struct lr_socket *socket;
    void (*gone)(struct lr_socket *socket, int error);
};

static void free_watch(uv_handle_t *handle) {
    struct lr_end_watch *watch = handle->data;
    lr_system_close(watch->descriptor);
    LR_FREE(watch->alloc, watch);
}

void lr_end_watch_close(struct lr_socket *socket) {
    if (socket->end_watch != NULL) {
        uv_close((uv_handle_t *)&socket->end_watch->poll, free_watch);
        socket->end_watch = NULL;
    }
}

static void see(uv_poll_t *poll, int status, int events) {
    struct lr_end_watch *watch = poll->data;
    struct lr_socket *socket = watch->socket;
    if (status != 0 || (events & UV_DISCONNECT) != 0) {
        int error = lr_system_socket_error(watch->descriptor);
        void (*gone)(struct lr_socket *, int) = watch->gone;
        lr_end_watch_close(socket);
        gone(socket, status != 0 && error == 0 ? UV_ECONNRESET : error);
    }
}

/* The watch and its descriptor; NULL: there is none to be had. */
static struct lr_end_watch *make_watch(struct lr_socket *socket) {
    uv_os_fd_t descriptor;
    struct lr_end_watch *watch = LR_NEW(socket->live->alloc, struct lr_end_watch);
    if (watch == NULL) {
        return NULL;
    }
    watch->alloc = socket->live->alloc;
    watch->descriptor = uv_fileno((const uv_handle_t *)&socket->tcp, &descriptor) == 0
                            ? lr_system_duplicate(descriptor)
                            : -1;
    if (watch->descriptor >= 0 &&
        uv_poll_init(&socket->live->loop, &watch->poll, watch->descriptor) == 0) {
        return watch;
    }
    if (watch->descriptor >= 0) {
        lr_system_close(watch->descriptor);
    }
    LR_FREE(watch->alloc, watch);
    return NULL;
}

void lr_end_watch_open(struct lr_socket *socket,
                       void (*gone)(struct lr_socket *socket, int error)) {
    LR_ASSERT(socket->end_watch == NULL);
    struct lr_end_watch *watch = make_watch(socket);
    if (watch != NULL) {
        watch->socket = socket;
        watch->gone = gone;
        watch->poll.data = watch;
        socket->end_watch = watch;
        if (uv_poll_start(&watch->poll, UV_DISCONNECT, see) != 0) {
            lr_end_watch_close(socket);
        }
    }
}
