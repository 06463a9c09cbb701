/* SPDX-License-Identifier: Apache-2.0 */
/* What each file of the client offers to the others: client.c the tables, client_ask.c and
 * client_tracker.c the way to a grant, client_connect.c to an open session, client_session.c its
 * life, client_flight.c and client_answers.c its calls. */
#ifndef LR_RPC_CLIENT_PARTS_H
#define LR_RPC_CLIENT_PARTS_H

#include "rpc/client_internal.h"

/* client.c */
struct lr_alloc *lr_client_alloc(const struct lr_client *client);
#define LR_CLIENT_TRACE(client, now, kind, conn, ...)                                              \
    lr_trace_emit(&(client)->role.env.trace, (now), LR_TRACE_##kind, (conn), __VA_ARGS__)

/* Connects to |address| and enters |link|, which is zeroed, among the client's. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_client_link_open(struct lr_client *client, struct client_link *link,
                                                enum client_link_kind kind,
                                                const struct lr_address *address);
/* The connection is over as |how| says (SHUTDOWN: as CLOSE): no timer, no number, no buffers. */
void lr_client_link_end(struct client_link *link, enum client_end how);
/* The memory of |link|'s structure goes when the handler is through. */
void lr_client_link_bury(struct client_link *link);
/* Frees what was buried. At the end of every entry into the client. */
void lr_client_sweep(struct lr_client *client);

/* Numbers |op|, which is zeroed, and allocates its result. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_client_op_begin(struct lr_client *client, struct client_op *op,
                                               enum client_op_kind kind);
/* Makes |result| that of a failure; its bytes, an exception's text perhaps, stay. */
void lr_client_result_fail(struct lr_result *result, const struct lr_error *error);
/* Queues its result, failed with |error| (NULL: as it stands); it has none afterwards. */
void lr_client_op_answer(struct client_op *op, lr_time now, const struct lr_error *error);
/* Out of its queue and the table; frees a result that was never queued. The caller frees the rest.
 */
void lr_client_op_end(struct client_op *op);

/* client_ask.c: requests, connects and summaries, from their beginning to their result. */
void lr_client_ask_timer(struct client_ask *ask, lr_time now);
/* Ends |ask| with |error| (NULL: with the result as it stands), leaving where it waits. */
void lr_client_ask_finish(struct client_ask *ask, lr_time now, const struct lr_error *error);
/* A try has failed with |error|: another one where tries are left and it can help, else the end. */
void lr_client_ask_failed(struct client_ask *ask, lr_time now, const struct lr_error *error);
/* The answer to a REQUEST: goes on to the server. */
void lr_client_ask_granted(struct client_ask *ask, lr_time now, struct lr_tracker_answer *answer);
/* Its session is open. */
void lr_client_ask_opened(struct client_ask *ask, lr_time now);

/* client_tracker.c */
/* Puts the question of |ask| to the tracker. LR_ENOMEM: it is not asked. */
LR_NODISCARD enum lr_status lr_client_tracker_ask(struct client_ask *ask, lr_time now);
/* The question is withdrawn, by closing the connection where it alone waits. */
void lr_client_tracker_withdraw(struct client_ask *ask, lr_time now);
void lr_client_tracker_handle(struct client_tracker *tracker, const struct lr_event *event);
void lr_client_tracker_timer(struct client_tracker *tracker, lr_time now);
/* Closes it; its questions must be gone. */
void lr_client_tracker_close(struct client_tracker *tracker, lr_time now);

/* client_connect.c */
/* Begins a session with |address| for |ask|. LR_ENOMEM: nothing is begun. */
LR_NODISCARD enum lr_status lr_client_connect_begin(struct client_ask *ask, lr_time now,
                                                    const struct lr_address *address,
                                                    struct lr_text matchkey);
/* Connected: the handshake begins. */
void lr_client_connect_hello(struct lr_session *session, lr_time now);
/* A frame before the session is open. */
void lr_client_connect_frame(struct lr_session *session, lr_time now, const struct lr_frame *frame);

/* client_session.c */
void lr_client_session_handle(struct lr_session *session, const struct lr_event *event);
void lr_client_session_timer(struct lr_session *session, lr_time now);
/* Sends |bytes| and counts them. Takes them on success. */
LR_NODISCARD enum lr_status lr_client_session_send(struct lr_session *session, lr_time now,
                                                   struct lr_buf *bytes);
/* The server has answered what we sent last: so all of that went out, though the world may not have
 * come to say so. */
void lr_client_session_answered(struct lr_session *session);
/* Ends the session, its calls and its opening with |error|. Closed already: nothing happens. */
void lr_client_session_end(struct lr_session *session, lr_time now, enum client_end how,
                           const struct lr_error *error);
/* The same with RST, for a server that broke the protocol. */
void lr_client_session_refuse(struct lr_session *session, lr_time now,
                              const struct lr_error *error);
/* Frees a session that is closed and unreferenced. */
void lr_client_session_free(struct lr_session *session);

/* client_flight.c: one call in flight, the rest queued. */
/* Queues |call|, whose packets are encoded, and sends it if it is the first. Takes it. */
void lr_client_flight_queue(struct lr_session *session, lr_time now, struct client_call *call);
/* A packet of an open session. */
void lr_client_flight_frame(struct lr_session *session, lr_time now, const struct lr_frame *frame);
/* Ends all calls with |error|. */
void lr_client_flight_end(struct lr_session *session, lr_time now, const struct lr_error *error);
/* What the peer may send next, at most. */
void lr_client_flight_bound(struct lr_session *session);
/* The owner gives |call| up. */
void lr_client_flight_cancel(struct client_call *call, lr_time now);
void lr_client_flight_free(struct client_call *call);

/* client_answers.c: how answers are read. */
enum lr_status lr_client_read_void(struct client_call *call, const struct lr_packet *packet,
                                   struct lr_result *result, struct lr_error *error);
enum lr_status lr_client_read_any(struct client_call *call, const struct lr_packet *packet,
                                  struct lr_result *result, struct lr_error *error);
enum lr_status lr_client_read_function(struct client_call *call, const struct lr_packet *packet,
                                       struct lr_result *result, struct lr_error *error);
enum lr_status lr_client_read_call(struct client_call *call, const struct lr_packet *packet,
                                   struct lr_result *result, struct lr_error *error);
enum lr_status lr_client_read_allocation(struct client_call *call, const struct lr_packet *packet,
                                         struct lr_result *result, struct lr_error *error);
enum lr_status lr_client_read_copy(struct client_call *call, const struct lr_packet *packet,
                                   struct lr_result *result, struct lr_error *error);
/* The text of an Exception: the whole into |bytes| (not NULL), the first line into |error|, whose
 * code is LR_EREMOTE. LR_EPROTO (in |error| too): no text. */
enum lr_status lr_client_read_exception(const struct lr_packet *packet, struct lr_buf *bytes,
                                        struct lr_error *error);

#endif
