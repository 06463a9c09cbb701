/* SPDX-License-Identifier: Apache-2.0 */
/* The client: asks a tracker for a server, or knows one, and holds sessions. A session's life is
 * explicit: lr_session_close ends it at once however many references remain; references are counted
 * beside it, and the last one to go closes it, too. Operations are queued and answered by results,
 * which the owner fetches after each turn of the world; none calls back.
 *
 * The tracker's protocol names no question in its answers, so a request, whose answer may take for
 * ever, waits on a connection of its own, and withdrawing it closes that; summaries share one. One
 * idle connection is kept, and where the tracker had cut it, the question is put again at no
 * charge. A session is not followed any more (RST, LR_EPROTO or LR_ELIMIT) where the server breaks
 * the protocol: a client obeys no packet, and takes no answer that it did not ask for. Memory that
 * runs out costs one operation, or one connection's life at most. Not for several threads. */
#ifndef LR_RPC_CLIENT_H
#define LR_RPC_CLIENT_H

#include "rpc/packet.h"
#include "rpc/role.h"
#include "rpc/tracker_msg.h"

struct lr_client;
struct lr_session;
typedef uint32_t lr_op; /* an operation under way; 0 is none; no number comes twice */

struct lr_client_options {
    const char *tracker_host; /* NULL: none, only direct connects */
    uint16_t tracker_port;
    const char *user; /* told to the tracker; "" as TVM */
    size_t sessions_max;
    size_t asks_max;            /* requests, connects and summaries under way; 65536 */
    size_t calls_max;           /* calls under way in one session; 4096 */
    uint64_t key_bytes_max;     /* 4 KiB: a key we send or a server names */
    uint64_t grant_bytes_max;   /* 64 KiB: a tracker's answer to a request */
    uint64_t summary_bytes_max; /* 64 MiB: a summary; of a million servers */
    uint64_t text_bytes_max;    /* 1 MiB: an answer without data: an exception with its trace */
    uint64_t packet_bytes_max;  /* 1 GiB: any other packet, either way */
    struct lr_value_limits values;
    uint64_t handshake_ns; /* 5 s for connect, handshake and InitServer each */
    uint64_t stalled_ns;   /* 30 s without progress: a packet that has begun; a summary */
    uint64_t unread_ns;    /* 30 s without progress: a server that does not read */
    uint64_t linger_ns;    /* 1 s for the peer's FIN after ours: long enough for a Shutdown to be
                              read where a closed descriptor would answer what is still coming with
                              a reset */
    struct lr_keepalive keepalive;
};
extern const struct lr_client_options lr_client_options_default;

LR_NODISCARD enum lr_status lr_client_new(struct lr_client **out, const struct lr_env *env,
                                          const struct lr_client_options *options,
                                          struct lr_error *error);
/* Sessions must be closed and unreferenced before; asserts it. NULL is fine. */
void lr_client_free(struct lr_client *client);
struct lr_role *lr_client_role(struct lr_client *client); /* borrowed, for the world */
/* Closes the tracker's connections and every session, whoever holds it; operations under way end
 * with LR_ECANCELED, and what is begun later with LR_ECLOSED. */
void lr_client_close(struct lr_client *client, lr_time now);

/* Tells a client that knows no tracker where one is; |host| is copied. LR_EINVAL: no name or port;
 * LR_EEXISTS: it knows another one; LR_ENOMEM. The one it knows: nothing happens. */
LR_NODISCARD enum lr_status lr_client_set_tracker(struct lr_client *client, const char *host,
                                                  uint16_t port);

struct lr_request_options {
    int64_t priority;            /* 1 as TVM */
    uint64_t session_timeout_ns; /* 0: for ever */
    uint64_t wait_ns;            /* give up after this without a grant; 0: wait for ever */
    unsigned int tries; /* 5 as TVM: a grant whose server refuses or is gone is asked for anew */
};
extern const struct lr_request_options lr_request_options_default;

/* Each of these queues an operation: LR_OK and its number in |*op|, or LR_ENOMEM, LR_ECLOSED
 * ("session is closed": lr_session_end says why), LR_EBUSY (too many wait), LR_EINVAL. The result
 * comes through lr_client_next_result. */
LR_NODISCARD enum lr_status lr_client_request(struct lr_client *client, lr_time now,
                                              struct lr_text key,
                                              const struct lr_request_options *options, lr_op *op);
LR_NODISCARD enum lr_status lr_client_connect(struct lr_client *client, lr_time now,
                                              const struct lr_address *address, struct lr_text key,
                                              uint64_t session_timeout_ns, lr_op *op);
LR_NODISCARD enum lr_status lr_client_summary(struct lr_client *client, lr_time now, bool held,
                                              lr_op *op);
/* Gives up an operation: a request is withdrawn (by closing the tracker's connection where it
 * waits), a connect is closed. Its result is LR_ECANCELED. A remote operation that is in
 * flight cannot be taken back: its answer is dropped when it comes, and a handle in it lives until
 * the session's end. Unknown or ended: nothing happens. */
void lr_client_cancel(struct lr_client *client, lr_time now, lr_op op);

/* A session's reference count is the owner's business: a request's result carries one reference.
 * |reason| is a literal, traced with the new count. */
struct lr_session *lr_session_ref(struct lr_session *session, lr_time now, const char *reason);
/* Lets go of one; the last closes and frees. NULL is fine. */
void lr_session_unref(struct lr_session *session, lr_time now, const char *reason);
unsigned int lr_session_references(const struct lr_session *session);
/* Shutdown on the wire, then FIN, at once, also in the middle of a call; RST instead where a packet
 * of ours is half sent, as Shutdown would be read as its payload. Operations under way end with
 * LR_ECLOSED. Closed already: nothing happens. */
void lr_session_close(struct lr_session *session, lr_time now);
bool lr_session_closed(const struct lr_session *session);
/* Why it is closed: NULL while it is not. The code is LR_ECLOSED; the text "session is closed"
 * after a close by its owner or the last reference, otherwise that with the reason behind it
 * ("session is closed: RPCSessionTimeoutError: Your 1.0s session has expired, .."). Borrowed. */
const struct lr_error *lr_session_end(const struct lr_session *session);
lr_conn lr_session_conn(const struct lr_session *session);
enum lr_dialect lr_session_dialect(const struct lr_session *session);
/* Where it is connected to: the address that the tracker gave or the caller; borrowed. */
const struct lr_address *lr_session_address(const struct lr_session *session);

/* Remote operations, as above (also LR_ENOTSUP: a value that the dialect has not, and LR_EINVAL: a
 * packet or an answer beyond packet_bytes_max); answered in order, one in flight, the rest queued.
 * Borrow until return. */
LR_NODISCARD enum lr_status lr_session_get_function(struct lr_session *session, lr_time now,
                                                    struct lr_text name, lr_op *op);
LR_NODISCARD enum lr_status lr_session_call(struct lr_session *session, lr_time now,
                                            uint64_t function, const struct lr_value *arguments,
                                            size_t count, lr_op *op);
/* By name: get, call, free, as one operation. */
LR_NODISCARD enum lr_status lr_session_call_name(struct lr_session *session, lr_time now,
                                                 struct lr_text name,
                                                 const struct lr_value *arguments, size_t count,
                                                 lr_op *op);
LR_NODISCARD enum lr_status lr_session_free_handle(struct lr_session *session, lr_time now,
                                                   uint64_t handle, enum lr_result_kind kind,
                                                   lr_op *op);
/* Memory on the remote device for |tensor|'s shape and type; the result's |value| is the tensor
 * with its data handle. */
LR_NODISCARD enum lr_status lr_session_allocate(struct lr_session *session, lr_time now,
                                                const struct lr_tensor *tensor, lr_op *op);
LR_NODISCARD enum lr_status lr_session_free_data(struct lr_session *session, lr_time now,
                                                 const struct lr_tensor *tensor, lr_op *op);
LR_NODISCARD enum lr_status lr_session_copy_in(struct lr_session *session, lr_time now,
                                               const struct lr_tensor *tensor, const void *bytes,
                                               size_t size, lr_op *op);
LR_NODISCARD enum lr_status lr_session_copy_out(struct lr_session *session, lr_time now,
                                                const struct lr_tensor *tensor, lr_op *op);
LR_NODISCARD enum lr_status lr_session_copy_among(struct lr_session *session, lr_time now,
                                                  const struct lr_tensor *from,
                                                  const struct lr_tensor *to, lr_op *op);
LR_NODISCARD enum lr_status lr_session_upload(struct lr_session *session, lr_time now,
                                              struct lr_text name, const void *bytes, size_t size,
                                              lr_op *op);
LR_NODISCARD enum lr_status lr_session_download(struct lr_session *session, lr_time now,
                                                struct lr_text name, lr_op *op);
LR_NODISCARD enum lr_status lr_session_remove(struct lr_session *session, lr_time now,
                                              struct lr_text name, lr_op *op);
/* Any packet with a packed sequence (codes 9 and up), for what has no call of its own here. */
LR_NODISCARD enum lr_status lr_session_command(struct lr_session *session, lr_time now,
                                               int32_t code, const struct lr_value *arguments,
                                               size_t count, lr_op *op);

enum lr_answer_kind {
    LR_ANSWER_NONE,     /* void */
    LR_ANSWER_SESSION,  /* |session|: one reference, the caller's (lr_session_unref) */
    LR_ANSWER_VALUE,    /* |value|: number, text (in |bytes|), handle, tensor ..; an object that is
                           none of the below: freed with lr_session_free_handle, LR_RESULT_OBJECT */
    LR_ANSWER_FUNCTION, /* |value|: a handle; null: no such function */
    LR_ANSWER_MODULE,   /* |value|: a handle */
    LR_ANSWER_ARRAY,    /* |value|: a tensor; |array_handle| frees it */
    LR_ANSWER_BYTES,    /* |bytes|: copy_out, download, CopyAck */
    LR_ANSWER_SUMMARY   /* |summary| */
};

/* How an operation ended. */
struct lr_result {
    lr_op op;
    lr_time at;
    enum lr_answer_kind kind;
    struct lr_error error; /* code LR_OK on success; LR_EREMOTE: the exception's text in |bytes| */
    struct lr_session *session;
    struct lr_value value;
    uint64_t array_handle;
    struct lr_buf bytes; /* owned: text of |value|, bytes, or the exception's whole text */
    struct lr_tracker_answer summary;
    bool has_summary;
};

bool lr_client_has_result(const struct lr_client *client);
/* Moves the oldest result into |*out|, to be given back with lr_result_deinit. False: none. */
bool lr_client_next_result(struct lr_client *client, struct lr_result *out);
/* Frees what it owns; an unclaimed session is not unreferenced: take it or unref it. */
void lr_result_deinit(struct lr_result *result);

/* Scope exit for C, where the compiler has it: `LR_SESSION_SCOPE struct lr_session_scope s =
 * {session, &now};` closes the session at the end of the scope, however it is left and whoever else
 * holds it, and lets go of the scope's own reference. |*now| is read then. */
struct lr_session_scope {
    struct lr_session *session;
    const lr_time *now;
};
void lr_session_scope_end(struct lr_session_scope *scope);
#if LR_HAVE_CLEANUP
#define LR_SESSION_SCOPE LR_CLEANUP(lr_session_scope_end)
#endif

#endif
