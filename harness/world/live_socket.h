/* SPDX-License-Identifier: Apache-2.0 */
/* One TCP connection of the live world, whoever owns it: a role's or one side of a relay's. */
#ifndef LR_WORLD_LIVE_SOCKET_H
#define LR_WORLD_LIVE_SOCKET_H

#include "world/live_watch.h"

struct lr_socket;

struct lr_socket_ops {
    void (*connected)(struct lr_socket *socket, int error);
    void (*received)(struct lr_socket *socket, const uint8_t *bytes, size_t size);
    void (*ended)(struct lr_socket *socket); /* FIN */
    void (*failed)(struct lr_socket *socket,
                   int error);                    /* reset, keep-alive, ..: the socket is closing */
    void (*progressed)(struct lr_socket *socket); /* queued bytes went out */
    /* May be NULL. How many of |bytes|, which are next, may go out now (0: what ended the socket
     * for them has come first; SIZE_MAX: all, and what is behind them); then, that these did. */
    size_t (*room)(struct lr_socket *socket, const uint8_t *bytes, size_t size);
    void (*sent)(struct lr_socket *socket, const uint8_t *bytes, size_t size);
    /* May be NULL. All is out and FIN comes next: false swallows it. */
    bool (*finishing)(struct lr_socket *socket);
    void (*aged)(struct lr_socket *socket);   /* after lr_socket_age; NULL where that is not used */
    void (*closed)(struct lr_socket *socket); /* the descriptor is gone: free it */
};

struct lr_chunk {
    struct lr_chunk *next;
    struct lr_buf bytes;
};

/* Embed it as the first member. */
struct lr_socket {
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct lr_live *live;
    const struct lr_socket_ops *ops;
    struct lr_list node;
    struct lr_chunk *first; /* waits to be written */
    struct lr_chunk *last;
    size_t unsent;
    struct lr_timer timer;          /* its age; later linger, or silence when frozen */
    struct lr_end_watch *end_watch; /* while it is not read */
    lr_time heard_at;
    unsigned int tapped : 1; /* room and sent are asked */
    unsigned int opened : 1; /* it has a descriptor */
    unsigned int wants_read : 1;
    unsigned int reading : 1;
    unsigned int got_end : 1;    /* the peer's FIN */
    unsigned int peer_ended : 1; /* seen while nobody read: what is left is read all the same */
    unsigned int writing : 1;    /* a write is with libuv */
    unsigned int wants_shut : 1;
    unsigned int shut : 1;     /* our FIN is out, or was swallowed: nothing more is sent */
    unsigned int finished : 1; /* |finishing| was told */
    unsigned int lingering : 1;
    unsigned int at_once : 1; /* lingering for no time: closing the descriptor is its FIN */
    unsigned int frozen : 1;  /* black hole: neither read nor written */
    unsigned int closing : 1; /* given to uv_close */
};

void lr_socket_init(struct lr_socket *socket, struct lr_live *live,
                    const struct lr_socket_ops *ops);
/* Takes the connection that waits at |listener|. A uv error: close it. */
int lr_socket_accept(struct lr_socket *socket, struct lr_listener *listener);
/* |connected| comes later, unless |*at_once| is true: it is connected already. NULL: |connected|
 * comes. */
int lr_socket_connect(struct lr_socket *socket, const struct sockaddr_storage *address,
                      bool *at_once);
/* To be set on one that is connected; its first words go out at once without it. */
void lr_socket_no_delay(struct lr_socket *socket);
/* |aged| comes when it has lived for |delay_ns| more and is not ending. */
void lr_socket_age(struct lr_socket *socket, uint64_t delay_ns);
/* It takes some system calls, and helps connections that live for long. */
void lr_socket_keep_alive(struct lr_socket *socket, const struct lr_keepalive *keepalive);
/* While it is off, the peer's end is still noticed, where the platform can tell: then what came
 * before the end is read all the same, and the end told. */
void lr_socket_read(struct lr_socket *socket, bool on);
/* Sends |count| buffers, taking them over, always: what does not go out at once is queued. A
 * failure is told to |failed|. */
void lr_socket_send(struct lr_socket *socket, struct lr_buf **buffers, size_t count);
/* FIN after what is queued. */
void lr_socket_shut(struct lr_socket *socket);
/* FIN now, by a fault: what is queued is dropped, and |finishing| hears of it only when the owner
 * shuts or closes the socket, too. */
void lr_socket_cut(struct lr_socket *socket);
/* FIN after what is queued, then drops what comes until the peer's end, at most |linger_ns|, then
 * closes. */
void lr_socket_close(struct lr_socket *socket, uint64_t linger_ns);
/* RST, at once. */
void lr_socket_reset(struct lr_socket *socket);
/* Closes the descriptor as it is. */
void lr_socket_drop(struct lr_socket *socket);
/* Drops what is queued. */
void lr_socket_discard(struct lr_socket *socket);
/* Copies what is queued from its allocators to the world's. False: no memory, nothing changed. */
bool lr_socket_adopt(struct lr_socket *socket);
/* Black hole: nothing is read or written any more. |gone| hears, once, when the peer has ended
 * (|error|: a uv error, or 0: by FIN) where the platform can tell; the socket closes by itself only
 * by |drop|. */
void lr_socket_freeze(struct lr_socket *socket, void (*gone)(struct lr_socket *socket, int error));
void lr_socket_address(const struct lr_socket *socket, bool peer, struct sockaddr_storage *out);
void lr_socket_alarm(struct lr_socket *socket, int kind); /* for the loop */

/* ---- live_end.c: the peer's end while nobody reads ---- */

/* |gone| hears, once, when the peer has ended (|error|: a uv error, or 0: by FIN). Not where memory
 * or descriptors are short, or where the platform does not tell. */
void lr_end_watch_open(struct lr_socket *socket, void (*gone)(struct lr_socket *socket, int error));
/* |gone| hears no more. */
void lr_end_watch_close(struct lr_socket *socket);

#endif
