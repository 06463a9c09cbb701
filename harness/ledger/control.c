/* SPDX-License-Identifier: Apache-2.0 */
/* What crosses a control link: registrations, matchkeys, requests, grants, and what a tracker says
 * it holds. */
#include "ledger/ledger_internal.h"
#include "rpc/role.h"

#include <stdio.h>

/* ---- questions ---- */

static void see_request(struct lr_ledger_link *link, lr_time at, const struct lr_tracker_msg *msg) {
    struct lr_ledger *ledger = link->ledger;
    struct lr_ledger_session *session = lr_ledger_session_new(ledger, at);
    struct lr_ledger_queue *queue = lr_ledger_queue_of(link, msg->key);
    if (session == NULL || queue == NULL) {
        return;
    }
    struct lr_account *account = &session->account;
    account->requested_at = at;
    account->request_link = link->number;
    account->client_pid = link->client_pid;
    account->observable = true;
    account->key = lr_ledger_keep(ledger, msg->key);
    account->client = link->client;
    account->client_address = link->client_address;
    session->priority = msg->priority;
    session->priority_rest = msg->priority_rest;
    link->last_request = account->number;
    lr_list_append(&link->requests, &session->of_link);
    lr_ledger_queue_wait(queue, session, at);
    lr_ledger_control_unsure(link, at);
    lr_ledger_say(ledger, &(struct lr_ledger_said){
                              .at = at,
                              .session = account->number,
                              .link = link->number,
                              .form = "%s -> %s: REQUEST %s priority %d",
                              .words = {{link->client},
                                        {link->service},
                                        {lr_ledger_quote(ledger, msg->key)},
                                        {.number = (uint64_t)msg->priority}},
                          });
}

static void say_offer(struct lr_ledger_link *link, lr_time at, const char *form,
                      struct lr_text what, uint16_t port) {
    lr_ledger_say(link->ledger, &(struct lr_ledger_said){
                                    .at = at,
                                    .link = link->number,
                                    .form = form,
                                    .words = {{link->client},
                                              {link->service},
                                              {lr_ledger_quote(link->ledger, what)},
                                              {.number = port}},
                                });
}

static void see_info(struct lr_ledger_link *link, lr_time at, const struct lr_tracker_msg *msg) {
    link->proxy = lr_text_starts_with(msg->key, "server:proxy");
    say_offer(link, at, "%s -> %s: UPDATE_INFO %s port %u", msg->key, msg->port);
}

static void see_put(struct lr_ledger_link *link, lr_time at, lr_time begun_at,
                    const struct lr_tracker_msg *msg) {
    say_offer(link, at, "%s -> %s: PUT %s port %u", msg->matchkey, msg->port);
    lr_ledger_offer_put(link->ledger, at, begun_at, link, msg);
}

static void see_question(struct lr_ledger_link *link, const struct lr_seen *seen) {
    const struct lr_tracker_msg *msg = seen->msg;
    lr_time at = seen->at;
    switch (msg->code) {
    case LR_TRACKER_REQUEST:
        see_request(link, at, msg);
        break;
    case LR_TRACKER_UPDATE_INFO:
        see_info(link, at, msg);
        break;
    case LR_TRACKER_PUT:
        see_put(link, at, seen->begun_at, msg);
        break;
    case LR_TRACKER_STOP:
        lr_ledger_tell(link->ledger, at, 0, link->number, "%s -> %s: STOP", link->client,
                       link->service);
        break;
    default: /* PING, SUMMARY and GET_PENDING_MATCHKEYS are polls, which would drown the rest */
        break;
    }
}

/* ---- grants ---- */

/* Whose grant is it: of the requests that wait on this link, the oldest under the matchkey's key.
 */
static struct lr_ledger_session *find_waiting(struct lr_ledger_link *link,
                                              const struct lr_ledger_offer *offer,
                                              struct lr_text matchkey) {
    struct lr_text key = offer != NULL ? lr_text_of(offer->queue->key) : lr_matchkey_key(matchkey);
    LR_LIST_EACH (node, &link->requests) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_link);
        if (session->queue != NULL && lr_text_equal(lr_text_of(session->queue->key), key)) {
            return session;
        }
    }
    return lr_list_empty(&link->requests)
               ? NULL
               : LR_CONTAINER_OF(link->requests.next, struct lr_ledger_session, of_link);
}

/* |session| is granted a server: whose turn was it? Two links are watched by two eyes: it is found
 * where that one does not get its own right behind it (queues.c). */
static void check_turn(struct lr_ledger *ledger, lr_time at,
                       const struct lr_ledger_session *session) {
    const struct lr_tree_node *node = lr_tree_first(&session->queue->waiting);
    struct lr_ledger_session *first = LR_CONTAINER_OF(node, struct lr_ledger_session, of_queue);
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, first->account.request_link);
    if (link != NULL && link->hurt) {
        return; /* it may have been granted one, too */
    }
    if (first != session && first->passed_at == LR_TIME_NEVER &&
        lr_time_add(first->account.requested_at, LR_LEDGER_ORDER_NS) < at) {
        first->passed_at = at;
        first->passed_by = session->account.number;
    }
}

/* Whether |offer| may be free again: its grant did not leave for whom it was made, as a fault has
 * met the link, or who got it has left the tracker and never came. */
static bool may_be_free_again(const struct lr_ledger *ledger, const struct lr_ledger_offer *offer) {
    const struct lr_ledger_session *holder = offer->session;
    const struct lr_ledger_link *link =
        holder == NULL ? NULL : lr_ledger_link_at(ledger, holder->account.request_link);
    bool left = link != NULL && link->gone_at != LR_TIME_NEVER &&
                holder->account.connected_at == LR_TIME_NEVER;
    return left || (link != NULL && link->hurt);
}

/* A tracker must know at |at| of what ended at |ended_at|: at once, or, where it stood still
 * meanwhile, when it went on. */
static bool must_know(const struct lr_ledger *ledger, lr_time ended_at, lr_time at) {
    lr_time heard = ledger->woken_at > ended_at ? ledger->woken_at : ended_at;
    return at > lr_time_add(heard, LR_LEDGER_ORDER_NS);
}

static void check_offer(struct lr_ledger *ledger, lr_time at, uint32_t number,
                        const struct lr_ledger_offer *offer) {
    bool over = must_know(ledger, offer->withdrawn_at, at);
    if (offer->state == LR_OFFER_WITHDRAWN && over) {
        char ago[32];
        lr_ledger_find(ledger, at, LR_FINDING_ORPHAN, number,
                       "matchkey %s is granted, but its server's connection ended %s before",
                       offer->matchkey.data,
                       lr_text_duration(ago, sizeof ago, at - offer->withdrawn_at));
    } else if (offer->state == LR_OFFER_GRANTED && !may_be_free_again(ledger, offer)) {
        lr_ledger_find(ledger, at, LR_FINDING_PROTOCOL, number, "matchkey %s is granted twice",
                       offer->matchkey.data);
    } else if (offer->state == LR_OFFER_REPLACED && over && offer->link == offer->server->link) {
        /* What another link of its server's has put stays until that one is given up. */
        lr_ledger_find(ledger, at, LR_FINDING_ORPHAN, number,
                       "matchkey %s is granted, but its server has put another in its place",
                       offer->matchkey.data);
    }
}

/* Joins the session to the server whose matchkey it got. */
static void take_offer(lr_time at, struct lr_ledger_session *session,
                       struct lr_ledger_offer *offer) {
    bool usable = offer->state == LR_OFFER_FREE || offer->state == LR_OFFER_TAKEN ||
                  lr_ledger_offer_unread(offer);
    session->offer = offer;
    if (usable) {
        session->account.out_of_turn = !lr_ledger_offer_take_turn(offer, at);
        lr_ledger_offer_set(offer, at, LR_OFFER_GRANTED);
        offer->session = session;
        lr_ledger_session_join(session, offer->server);
    }
    session->account.register_link = offer->link->number;
    session->account.server = offer->server->name;
}

static const char *keep_address(struct lr_ledger *ledger, const struct lr_tracker_answer *answer) {
    char address[LR_SESSION_TEXT_MAX];
    struct lr_text host = {answer->host.data, answer->host.size < 64 ? answer->host.size : 64};
    (void)snprintf(address, sizeof address, LR_ADDRESS_TEXT_FORMAT,
                   LR_ADDRESS_TEXT_WORDS(host, answer->port));
    return lr_ledger_keep(ledger, lr_text_of(address));
}

static void see_grant(struct lr_ledger_link *link, lr_time at,
                      const struct lr_tracker_answer *answer) {
    struct lr_ledger *ledger = link->ledger;
    struct lr_ledger_offer *offer = lr_ledger_offer_find(ledger, answer->matchkey);
    struct lr_ledger_session *session = find_waiting(link, offer, answer->matchkey);
    if (session == NULL || session->queue == NULL) {
        return;
    }
    struct lr_account *account = &session->account;
    bool scripted = link->scripted[LR_FROM_SERVICE];
    if (scripted) {
        /* whom it grants what is the script's business */
    } else if (session->withdrawn_at != LR_TIME_NEVER) {
        if (must_know(ledger, session->withdrawn_at, at)) {
            lr_ledger_find(ledger, at, LR_FINDING_PENDING, account->number,
                           "%s is granted to %s, whose connection has ended",
                           offer == NULL ? "a server" : offer->matchkey.data, account->client);
        }
    } else {
        check_turn(ledger, at, session);
    }
    lr_list_remove(&session->of_link);
    lr_ledger_queue_leave(ledger, session, at);
    account->granted_at = at;
    account->matchkey = offer != NULL && offer->matchkey.size < LR_SESSION_TEXT_MAX
                            ? offer->matchkey.data
                            : lr_ledger_keep(ledger, answer->matchkey);
    account->server_address = keep_address(ledger, answer);
    account->server = account->server_address;
    session->grant_unused = true;
    ledger->unused_grants++;
    if (offer != NULL) {
        if (!scripted) {
            check_offer(ledger, at, account->number, offer);
        }
        take_offer(at, session, offer);
    }
    lr_ledger_say(ledger, &(struct lr_ledger_said){
                              .at = at,
                              .session = account->number,
                              .link = link->number,
                              .form = "%s -> %s: grants %s at %s",
                              .words = {{link->service},
                                        {link->client},
                                        {account->matchkey},
                                        {account->server_address}},
                          });
}

/* ---- answers ---- */

static void see_answer(struct lr_ledger_link *link, const struct lr_seen *seen) {
    const struct lr_tracker_answer *answer = seen->answer;
    switch (seen->to) {
    case LR_TRACKER_REQUEST:
        if (answer->matchkey.size > 0) {
            see_grant(link, seen->at, answer);
        } else if (!lr_list_empty(&link->requests)) {
            struct lr_ledger_session *session =
                LR_CONTAINER_OF(link->requests.next, struct lr_ledger_session, of_link);
            lr_list_remove(&session->of_link);
            lr_ledger_queue_leave(link->ledger, session, seen->at);
            lr_ledger_tell(link->ledger, seen->at, session->account.number, link->number,
                           "%s -> %s: refuses the request", link->service, link->client);
        }
        break;
    case LR_TRACKER_SUMMARY:
        if (!link->scripted[LR_FROM_SERVICE]) {
            lr_ledger_queues_compare(link, seen->at, seen->asked_at, answer);
        }
        break;
    case LR_TRACKER_GET_PENDING_MATCHKEYS:
        lr_ledger_offers_pending(link->ledger, link, seen->asked_at, answer);
        break;
    case LR_TRACKER_FAIL:
    case LR_TRACKER_SUCCESS:
    case LR_TRACKER_PING:
    case LR_TRACKER_STOP:
    case LR_TRACKER_PUT:
    case LR_TRACKER_UPDATE_INFO:
        break;
    }
}

void lr_ledger_see_control(struct lr_ledger_link *link, const struct lr_seen *seen) {
    if (seen->kind == LR_SEEN_QUESTION) {
        see_question(link, seen);
    } else if (seen->kind == LR_SEEN_ANSWER) {
        see_answer(link, seen);
    }
}

/* ---- ends ---- */

void lr_ledger_control_unsure(struct lr_ledger_link *link, lr_time at) {
    if (!link->hurt) {
        return;
    }
    LR_LIST_EACH (node, &link->requests) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_link);
        if (session->queue == NULL) {
            continue;
        }
        session->queue->unsure_until = lr_time_add(at, LR_LEDGER_POLL_NS);
        if (lr_tree_linked(&session->of_queue) && !session->unsure) {
            session->unsure = true;
            session->queue->unsure++;
        }
    }
    /* What was granted last may not have left: then it is free again, as its server learns. */
    const struct lr_ledger_session *last =
        link->last_request == 0 ? NULL : link->ledger->sessions[link->last_request - 1];
    if (last != NULL && last->queue != NULL && last->account.accepted_at == LR_TIME_NEVER) {
        last->queue->unsure_until = lr_time_add(at, LR_LEDGER_POLL_NS);
    }
}

/* A link that a fault ends in the moment of a grant leaves its tracker in doubt whether that was
 * read: where it may not have been the place is on offer again. */
static void doubt_grant(const struct lr_ledger_link *link, lr_time at) {
    const struct lr_ledger_session *session =
        lr_ledger_session_at(link->ledger, link->last_request);
    struct lr_ledger_offer *offer = session == NULL ? NULL : session->offer;
    if (link->hurt && offer != NULL && offer->session == session &&
        offer->state == LR_OFFER_GRANTED &&
        at <= lr_time_add(session->account.granted_at, LR_LEDGER_ORDER_NS)) {
        lr_ledger_offer_doubt(offer, at);
    }
}

void lr_ledger_control_gone(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link,
                            bool by_client) {
    if (link->gone_at != LR_TIME_NEVER) {
        return;
    }
    link->gone_at = at;
    lr_ledger_control_unsure(link, at);
    doubt_grant(link, at);
    lr_ledger_offers_withdraw(ledger, at, link);
    /* They stay on the link's list: a grant may still come for them, and must not. */
    LR_LIST_EACH (node, &link->requests) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_link);
        session->withdrawn_at = at;
        session->account.observable = false;
        if (session->queue != NULL) {
            session->queue->unsure_serial = ledger->freed;
        }
        lr_ledger_queue_leave(ledger, session, at);
        if (session->queue != NULL && by_client) {
            session->queue->dead++;
        }
    }
}
