/* SPDX-License-Identifier: Apache-2.0 */
/* One session of the server: what a client may use between our accept and the end of its
 * connection. Packets are served in order. A call is answered at once, but for a time evaluator's,
 * which runs over turns of the host's timer (|run|); later packets wait for it. All that the
 * session holds goes with it, before its slot is offered again. */
#ifndef LR_RPC_SERVER_SESSION_H
#define LR_RPC_SERVER_SESSION_H

#include "rpc/server_internal.h"

struct lr_server_run;

struct lr_server_session {
    struct lr_server *server;
    struct lr_server_conn *conn;
    struct lr_server_slot *slot;
    struct lr_server_handles handles;
    struct lr_server_memory memory;
    struct lr_tree files;           /* what was uploaded, with its size */
    struct lr_directory *directory; /* NULL: no file was named */
    enum lr_dialect dialect;        /* of the next answer */
    bool proven;                    /* the client has shown it, or it is set */
    bool initialised;               /* InitServer was answered */
    bool used;                      /* another packet came after that */
    lr_time initialised_at;
    lr_time begun_at;
    uint64_t calls;
    uint64_t stream; /* the current one; 0: the default */
    struct lr_timer timeout;
    struct lr_server_run *run; /* NULL: no call is under way */
    struct lr_timer run_timer;
};

/* server_session.c */
/* Begins a session on |conn| in the free |slot|. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_server_session_begin(struct lr_server_conn *conn,
                                                    struct lr_server_slot *slot, lr_time now);
/* Releases all of it and frees it; its slot is free and not yet offered again. */
void lr_server_session_end(struct lr_server_session *session, lr_time now, const char *why);
void lr_server_session_timer(struct lr_server *server, struct lr_timer *timer, lr_time now);
/* Appends an Exception that says |text| (NULL: none), then a Shutdown, to the connection's output;
 * where there is no memory for it, the end says enough. */
void lr_server_session_farewell(struct lr_server_session *session, const char *text,
                                bool with_shutdown, lr_time now);

/* Ends the session of |conn| where it has gone beyond the limit of handles; the client has its
 * Exception. */
void lr_server_session_check(struct lr_server_conn *conn, lr_time now);

/* server_calls.c: packets. After any of them conn->ended may be true. */
void lr_server_session_packet(struct lr_server_session *session, const struct lr_frame *frame,
                              lr_time now);
/* Answers. An answer for which there is no memory ends the session. */
void lr_server_answer_values(struct lr_server_session *session, const struct lr_value *items,
                             size_t count, lr_time now);
void lr_server_answer_exception(struct lr_server_session *session, struct lr_text text,
                                lr_time now);
void lr_server_answer_error(struct lr_server_session *session, const struct lr_error *error,
                            lr_time now);

/* server_device_calls.c: packets 6, 7 and 11 to 21. */
typedef void (*lr_server_packet_handler)(struct lr_server_session *session,
                                         const struct lr_packet *packet, lr_time now);
lr_server_packet_handler lr_server_device_handler(int32_t code); /* NULL: none of those */
/* Looks at the packet that is on its way: of a long CopyToRemote that will be obeyed the bytes go
 * where they belong as they come. A client that leaves it unfinished has none of that memory left
 * that it could look at. */
void lr_server_device_receive(struct lr_server_session *session);
/* The block that |tensor| lies in, and where; all its bytes are in bounds. LR_EINVAL and others
 * with a sentence. */
LR_NODISCARD enum lr_status lr_server_tensor_find(struct lr_server_session *session,
                                                  const struct lr_tensor *tensor, uint64_t size,
                                                  struct lr_server_block **block,
                                                  struct lr_error *error);

/* server_files.c */
void lr_server_files_init(struct lr_server_session *session);
void lr_server_files_deinit(struct lr_server_session *session);

#endif
