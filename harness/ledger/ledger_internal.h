/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger's files ask of each other. None of it is seen outside the ledger. */
#ifndef LR_LEDGER_LEDGER_INTERNAL_H
#define LR_LEDGER_LEDGER_INTERNAL_H

#include "ledger/ledger_types.h"

/* Remembers that memory ran out. */
void lr_ledger_fail(struct lr_ledger *ledger);
/* |array| with room for one more; NULL and LR_ENOMEM remembered otherwise. */
void *lr_ledger_grow(struct lr_ledger *ledger, void *array, size_t *capacity, size_t count,
                     size_t item_size);
/* |text|, cut to LR_SESSION_TEXT_MAX - 1 bytes, for as long as the ledger lives; equal ones are
 * one. Out of memory: "", and remembered. */
const char *lr_ledger_keep(struct lr_ledger *ledger, struct lr_text text);
/* The same for what is not said twice. */
const char *lr_ledger_keep_apart(struct lr_ledger *ledger, struct lr_text text);
/* The same as that, in quotes. */
const char *lr_ledger_quote(struct lr_ledger *ledger, struct lr_text text);

/* ---- timeline.c ---- */
/* A line: what |form| says with |words| in its places, in their order: %s a text, %u and %d a
 * number without and with a sign, %t a duration. */
struct lr_ledger_said {
    lr_time at;
    uint32_t session;
    uint32_t link;
    const char *form; /* a literal */
    union lr_ledger_word words[LR_LEDGER_WORDS_MAX];
};
void lr_ledger_say(struct lr_ledger *ledger, const struct lr_ledger_said *said);
/* With |rest_size| bytes of |rest| behind it; copied. */
void lr_ledger_say_more(struct lr_ledger *ledger, const struct lr_ledger_said *said,
                        const char *rest, size_t rest_size);
/* A line that is put into words at once: for what is rare. */
void lr_ledger_tell(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                    const char *format, ...) LR_PRINTF(5, 6);
void lr_ledger_timeline_deinit(struct lr_ledger *ledger);

/* ---- audit.c ---- */
/* Keeps a finding that was made as it happened, and puts it on the timeline. */
void lr_ledger_find(struct lr_ledger *ledger, lr_time at, enum lr_finding_kind kind,
                    uint32_t session, const char *format, ...) LR_PRINTF(5, 6);

/* ---- ledger.c ---- */
bool lr_ledger_is_scripted(const struct lr_ledger *ledger, const char *host);

/* ---- links.c ---- */
struct lr_ledger_link *lr_ledger_link_at(const struct lr_ledger *ledger, uint32_t number);
void lr_ledger_links_deinit(struct lr_ledger *ledger);

/* ---- sessions.c ---- */
struct lr_ledger_session *lr_ledger_session_at(const struct lr_ledger *ledger, uint32_t number);
/* NULL: out of memory, remembered. */
struct lr_ledger_session *lr_ledger_session_new(struct lr_ledger *ledger, lr_time at);
void lr_ledger_sessions_deinit(struct lr_ledger *ledger);
/* Puts |session|, in no server's list, into |server|'s. */
void lr_ledger_session_join(struct lr_ledger_session *session, struct lr_ledger_server *server);
static inline bool lr_ledger_session_running(const struct lr_ledger_session *session) {
    return session->account.accepted_at != LR_TIME_NEVER &&
           session->account.released_at == LR_TIME_NEVER &&
           session->client_gone_at == LR_TIME_NEVER && session->link_gone_at == LR_TIME_NEVER;
}
/* Nobody need wait for its handshake any more: it was accepted, or its matchkey replaced. */
void lr_ledger_session_grant_used(struct lr_ledger *ledger, struct lr_ledger_session *session);
/* The client's side of it is over. */
void lr_ledger_session_client_gone(struct lr_ledger *ledger, lr_time at,
                                   struct lr_ledger_session *session);
/* Its server let go of it, as |how| shows; nothing where that was known. */
void lr_ledger_session_release(struct lr_ledger *ledger, lr_time at,
                               struct lr_ledger_session *session, const char *how);
/* Its slot is there again, by a message that its server began to send at |begun_at|. */
/* A server that has ended a session with an answer half said cannot be seen to end: its FIN waits
 * behind what the client does not read. */
bool lr_ledger_session_stuck(const struct lr_ledger *ledger,
                             const struct lr_ledger_session *session);
void lr_ledger_session_renew(struct lr_ledger *ledger, lr_time at, lr_time begun_at,
                             struct lr_ledger_session *session, struct lr_ledger_offer *renewal);

/* ---- servers.c ---- */
struct lr_ledger_server *lr_ledger_server_registered(struct lr_ledger *ledger,
                                                     struct lr_ledger_link *link,
                                                     const struct lr_tracker_msg *put);
struct lr_ledger_server *lr_ledger_server_direct(struct lr_ledger *ledger,
                                                 const struct lr_ledger_link *link);
void lr_ledger_servers_init(struct lr_ledger *ledger);
void lr_ledger_servers_deinit(struct lr_ledger *ledger);
/* A new matchkey came without the name of the one it replaces: whose slot is it? NULL: a new one.
 * |registering|: it may be one of those with which its server begins. */
struct lr_ledger_session *lr_ledger_server_returning(const struct lr_ledger_server *server,
                                                     bool registering);
/* The oldest of its sessions that is over and whose slot has not come back. NULL: none. */
struct lr_ledger_session *lr_ledger_server_over(const struct lr_ledger_server *server);
/* Who tried has left before it was answered: at once, where it has not waited for anything. */
void lr_ledger_server_left(struct lr_ledger_server *server, lr_time at,
                           const struct lr_ledger_session *by);
/* A fault has met the link of |by|: its answer may not be seen. */
void lr_ledger_server_untried(struct lr_ledger_server *server, const struct lr_ledger_session *by);
/* A direct connect's handshake was sent, answered yes, or answered no. */
void lr_ledger_server_tried(struct lr_ledger_server *server, lr_time at,
                            const struct lr_ledger_session *by);
void lr_ledger_server_accepted(struct lr_ledger *ledger, lr_time at,
                               struct lr_ledger_server *server, const struct lr_ledger_session *by);
void lr_ledger_server_refused(struct lr_ledger_server *server, const struct lr_ledger_session *by);

/* ---- offers.c ---- */
void lr_ledger_offers_init(struct lr_ledger *ledger);
void lr_ledger_offers_deinit(struct lr_ledger *ledger);
struct lr_ledger_offer *lr_ledger_offer_find(const struct lr_ledger *ledger,
                                             struct lr_text matchkey);
void lr_ledger_offer_put(struct lr_ledger *ledger, lr_time at, lr_time begun_at,
                         struct lr_ledger_link *link, const struct lr_tracker_msg *put);
void lr_ledger_offer_set(struct lr_ledger_offer *offer, lr_time at, enum lr_offer_state state);
/* It is not known from |at| on whether its grant was read: the next poll of its server tells. */
void lr_ledger_offer_doubt(struct lr_ledger_offer *offer, lr_time at);
/* True where that is so, and its tracker shows that it has it again: whom it was granted to has not
 * come, and has lost it. */
bool lr_ledger_offer_unread(struct lr_ledger_offer *offer);
/* |offer| is granted. False: it had been free for longer than one that was granted before it. */
bool lr_ledger_offer_take_turn(struct lr_ledger_offer *offer, lr_time at);
/* Which of |link|'s free matchkeys the tracker did not name. */
void lr_ledger_offers_pending(struct lr_ledger *ledger, struct lr_ledger_link *link,
                              lr_time asked_at, const struct lr_tracker_answer *answer);
void lr_ledger_offers_withdraw(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link);

/* ---- queues.c ---- */
void lr_ledger_queues_init(struct lr_ledger *ledger);
void lr_ledger_queues_deinit(struct lr_ledger *ledger);
/* The queue of |key| at the tracker that |link| leads to. */
struct lr_ledger_queue *lr_ledger_queue_of(const struct lr_ledger_link *link, struct lr_text key);
void lr_ledger_queue_wait(struct lr_ledger_queue *queue, struct lr_ledger_session *session,
                          lr_time at);
/* |session| waits no more: granted, or its client has gone. */
void lr_ledger_queue_leave(struct lr_ledger *ledger, struct lr_ledger_session *session, lr_time at);
/* Whether |session|, which waits, was passed over: then what is found of that is written into
 * |out|. */
bool lr_ledger_queue_passed(const struct lr_ledger *ledger, const struct lr_ledger_session *session,
                            char out[LR_ERROR_TEXT_MAX]);
/* Compares what the tracker of |link| says, or keeps silent about, with what it should hold. */
void lr_ledger_queues_compare(const struct lr_ledger_link *link, lr_time at, lr_time asked_at,
                              const struct lr_tracker_answer *answer);

/* ---- control.c, data.c ---- */
void lr_ledger_see_control(struct lr_ledger_link *link, const struct lr_seen *seen);
/* Where |link| is hurt, whoever waits there may be granted something unseen. */
void lr_ledger_control_unsure(struct lr_ledger_link *link, lr_time at);
void lr_ledger_control_gone(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link,
                            bool by_client);
void lr_ledger_see_data(struct lr_ledger_link *link, const struct lr_seen *seen);
/* The session of a data link that nobody has asked for: a direct connect. */
struct lr_ledger_session *lr_ledger_data_session(struct lr_ledger_link *link, lr_time at);
/* What a session's server says was said of a link that ended in |direction|. */
void lr_ledger_data_ended(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link,
                          enum lr_direction direction, bool reset);
void lr_ledger_data_closed(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link);
void lr_ledger_broken(struct lr_ledger_link *link, const struct lr_seen *seen);

#endif
