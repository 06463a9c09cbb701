/* SPDX-License-Identifier: Apache-2.0 */
/* Matchkeys, from their PUT on: free, granted, taken where nobody looked, replaced, withdrawn. */
#include "ledger/ledger_internal.h"

/* How long after its first PUT a server's further ones are more slots of it, offered at once, and
 * not slots that came back. */
#define REGISTERING_NS LR_SECOND

void lr_ledger_offers_init(struct lr_ledger *ledger) {
    lr_table_init(&ledger->offers);
    lr_list_init(&ledger->offers_made);
}

void lr_ledger_offers_deinit(struct lr_ledger *ledger) {
    LR_LIST_EACH (node, &ledger->offers_made) {
        struct lr_ledger_offer *offer = LR_CONTAINER_OF(node, struct lr_ledger_offer, made);
        lr_list_remove(&offer->of_link);
        lr_list_remove(node);
        LR_FREE(ledger->alloc, offer);
    }
    lr_table_deinit(&ledger->offers, ledger->alloc);
}

struct lr_ledger_offer *lr_ledger_offer_find(const struct lr_ledger *ledger,
                                             struct lr_text matchkey) {
    uint64_t hash = lr_text_hash(matchkey);
    struct lr_table_node *node = lr_table_find(&ledger->offers, hash);
    for (; node != NULL; node = node->next) {
        struct lr_ledger_offer *offer = LR_CONTAINER_OF(node, struct lr_ledger_offer, node);
        if (node->key == hash && lr_text_equal(offer->matchkey, matchkey)) {
            return offer;
        }
    }
    return NULL;
}

void lr_ledger_offer_set(struct lr_ledger_offer *offer, lr_time at, enum lr_offer_state state) {
    size_t one = offer->link == offer->server->link ? 1 : 0;
    if (offer->state == LR_OFFER_FREE && state != LR_OFFER_FREE) {
        offer->queue->free--;
        offer->server->free -= one;
        offer->queue->changed_at = at;
        lr_list_remove(&offer->of_link);
    } else if (offer->state != LR_OFFER_FREE && state == LR_OFFER_FREE) {
        offer->queue->free++;
        offer->server->free += one;
        offer->queue->changed_at = at;
        lr_list_append(&offer->link->offers, &offer->of_link);
    }
    if (state == LR_OFFER_WITHDRAWN || state == LR_OFFER_REPLACED) {
        offer->withdrawn_at = at;
    }
    offer->state = state;
    offer->in_doubt = false;
}

void lr_ledger_offer_doubt(struct lr_ledger_offer *offer, lr_time at) {
    offer->in_doubt = true;
    offer->link->ledger->doubted = true;
    offer->queue->unsure_until = lr_time_add(at, LR_LEDGER_POLL_NS);
}

bool lr_ledger_offer_unread(struct lr_ledger_offer *offer) {
    struct lr_ledger_session *session = offer->session;
    if (!offer->in_doubt || session->account.connected_at != LR_TIME_NEVER) {
        return false;
    }
    session->account.observable = false;
    lr_ledger_session_grant_used(offer->link->ledger, session);
    lr_list_remove(&session->of_server);
    offer->session = NULL;
    return true;
}

/* A matchkey that was not there; in no state that counts yet. NULL: out of memory. */
static struct lr_ledger_offer *make_offer(struct lr_ledger *ledger, struct lr_text matchkey) {
    struct lr_ledger_offer *offer = LR_NEW(ledger->alloc, struct lr_ledger_offer);
    const char *copy = lr_texts_add(&ledger->texts, matchkey);
    if (offer == NULL || copy == NULL) {
        lr_ledger_fail(ledger);
        LR_FREE(ledger->alloc, offer);
        return NULL;
    }
    offer->matchkey = (struct lr_text){copy, matchkey.size};
    offer->node.key = lr_text_hash(matchkey);
    offer->state = LR_OFFER_REPLACED;
    lr_list_init(&offer->of_link);
    lr_list_append(&ledger->offers_made, &offer->made);
    if (!lr_table_add(&ledger->offers, ledger->alloc, &offer->node)) {
        lr_ledger_fail(ledger);
    }
    return offer;
}

static bool is_registering(const struct lr_ledger_link *link, lr_time at) {
    return at - link->registered_at <= REGISTERING_NS;
}

/* A session that came back is released once more: unless whom its place was granted to then was
 * not seen, or its server may have been told so of one that is free. */
static bool may_be_unseen(const struct lr_ledger_session *session,
                          const struct lr_ledger_queue *queue, const struct lr_ledger_link *link,
                          lr_time at) {
    return session != NULL && session->account.requestable_at != LR_TIME_NEVER &&
           (queue->unsure > 0 || at < queue->unsure_until || link->spoiled);
}

/* It was taken for back when a place was put without a name: that may have been another one. */
static bool came_back_unnamed(const struct lr_ledger_session *session) {
    return session->renewal != NULL && !session->renewal->named;
}

/* Whose slot comes back by |put|, and what it takes the place of. */
static struct lr_ledger_session *find_returning(struct lr_ledger *ledger, lr_time at,
                                                const struct lr_tracker_msg *put,
                                                const struct lr_ledger_offer *same,
                                                struct lr_ledger_server *server) {
    struct lr_ledger_offer *replaced =
        put->has_replaces ? lr_ledger_offer_find(ledger, put->replaces) : NULL;
    if (replaced == NULL || replaced->server != server) {
        if (same != NULL && same->session != NULL) {
            return same->session;
        }
        if (put->has_replaces && replaced == NULL) {
            return lr_ledger_server_over(server); /* what it names was never put */
        }
        return put->has_replaces || same != NULL
                   ? NULL
                   : lr_ledger_server_returning(server, is_registering(server->link, at));
    }
    bool was_free = replaced->state == LR_OFFER_FREE;
    /* To a tracker it names one of its own link: what is on offer on another stays there. */
    if (replaced->link == server->link && (was_free || replaced->state == LR_OFFER_TAKEN)) {
        lr_ledger_offer_set(replaced, at, LR_OFFER_REPLACED);
    }
    if (replaced->state == LR_OFFER_GRANTED && replaced->session != NULL) {
        lr_ledger_offer_set(replaced, at, LR_OFFER_REPLACED);
        return came_back_unnamed(replaced->session) ? NULL : replaced->session;
    }
    /* Of a session that came back before: named a second time. */
    return was_free || replaced->session == NULL || came_back_unnamed(replaced->session) ||
                   replaced->session->account.requestable_at == LR_TIME_NEVER ||
                   replaced->link != server->link
               ? NULL
               : replaced->session;
}

void lr_ledger_offer_put(struct lr_ledger *ledger, lr_time at, lr_time begun_at,
                         struct lr_ledger_link *link, const struct lr_tracker_msg *put) {
    struct lr_ledger_server *server = lr_ledger_server_registered(ledger, link, put);
    struct lr_ledger_queue *queue = lr_ledger_queue_of(link, put->key);
    if (server == NULL || queue == NULL) {
        return;
    }
    if (link->registered_at == LR_TIME_NEVER) {
        link->registered_at = at;
    }
    struct lr_ledger_offer *same = lr_ledger_offer_find(ledger, put->matchkey);
    /* What comes late on a link that its server has given up says nothing of what is now. */
    bool tells = link == server->link && (!link->proxy || put->has_replaces);
    struct lr_ledger_session *session =
        tells ? find_returning(ledger, at, put, same, server) : NULL;
    if (may_be_unseen(session, queue, link, at)) {
        session = NULL;
    }
    if (same != NULL && same->session != NULL &&
        same->session->account.accepted_at != LR_TIME_NEVER && !server->scripted) {
        lr_ledger_find(ledger, at, LR_FINDING_PROTOCOL, same->session->account.number,
                       "session %u: %s offers its place under the same matchkey again: whoever had "
                       "it can come once more",
                       same->session->account.number, link->client);
    }
    struct lr_ledger_offer *offer = same != NULL ? same : make_offer(ledger, put->matchkey);
    if (offer == NULL) {
        return;
    }
    if (offer->state == LR_OFFER_FREE) {
        lr_ledger_offer_set(offer, at, LR_OFFER_REPLACED); /* under another key or link, perhaps */
    }
    offer->queue = queue;
    offer->server = server;
    offer->link = link;
    offer->named = put->has_replaces;
    offer->serial = ++ledger->freed;
    offer->put_at = at;
    offer->session = NULL;
    lr_ledger_offer_set(offer, at, LR_OFFER_FREE);
    if (session != NULL) {
        lr_ledger_session_renew(ledger, at, begun_at, session, offer);
    }
    size_t held = server->free;
    LR_LIST_EACH (node, &server->sessions) {
        /* The place of one that is over may be on offer already, under a name that says nothing. */
        held += lr_ledger_session_running(
            LR_CONTAINER_OF(node, const struct lr_ledger_session, of_server));
    }
    if (link == server->link && is_registering(link, at) && held > server->slots) {
        server->slots = held;
    }
}

bool lr_ledger_offer_take_turn(struct lr_ledger_offer *offer, lr_time at) {
    struct lr_ledger_queue *queue = offer->queue;
    bool later = offer->serial > queue->granted_serial;
    bool passed = !later && offer->serial > queue->unsure_serial &&
                  lr_time_add(offer->put_at, LR_LEDGER_ORDER_NS) < queue->granted_put_at &&
                  queue->granted_at < at; /* else both at once, and this one in more pieces */
    if (later) {
        queue->granted_at = at;
        queue->granted_serial = offer->serial;
        queue->granted_put_at = offer->put_at;
    }
    return !passed;
}

static bool is_named(const struct lr_tracker_answer *answer, struct lr_text matchkey) {
    size_t count = lr_tracker_answer_matchkey_count(answer);
    for (size_t i = 0; i < count; i++) {
        if (lr_text_equal(lr_tracker_answer_matchkey(answer, i), matchkey)) {
            return true;
        }
    }
    return false;
}

/* One that had gone unseen is there again: whoever was to have it cannot be reached any more, and
 * the tracker has taken it back. */
static void take_back(struct lr_ledger *ledger, const struct lr_ledger_link *link, lr_time asked_at,
                      struct lr_text matchkey) {
    struct lr_ledger_offer *offer = lr_ledger_offer_find(ledger, matchkey);
    if (offer == NULL || offer->link != link) {
        return;
    }
    bool unread = lr_ledger_offer_unread(offer);
    if (unread || (offer->state == LR_OFFER_TAKEN && offer->session == NULL)) {
        offer->serial = ++ledger->freed;
        offer->queue->unsure_serial = offer->serial; /* nobody has seen when */
        lr_ledger_offer_set(offer, asked_at, LR_OFFER_FREE);
    }
}

void lr_ledger_offers_pending(struct lr_ledger *ledger, struct lr_ledger_link *link,
                              lr_time asked_at, const struct lr_tracker_answer *answer) {
    LR_LIST_EACH (node, &link->offers) {
        struct lr_ledger_offer *offer = LR_CONTAINER_OF(node, struct lr_ledger_offer, of_link);
        if (offer->put_at < asked_at && !is_named(answer, offer->matchkey)) {
            lr_ledger_offer_set(offer, asked_at, LR_OFFER_TAKEN);
        }
    }
    for (size_t i = 0; i < lr_tracker_answer_matchkey_count(answer); i++) {
        take_back(ledger, link, asked_at, lr_tracker_answer_matchkey(answer, i));
    }
}

void lr_ledger_offers_withdraw(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link) {
    LR_LIST_EACH (node, &link->offers) {
        struct lr_ledger_offer *offer = LR_CONTAINER_OF(node, struct lr_ledger_offer, of_link);
        lr_ledger_offer_set(offer, at, LR_OFFER_WITHDRAWN);
        lr_ledger_say(ledger, &(struct lr_ledger_said){
                                  .at = at,
                                  .link = link->number,
                                  .form = "%s's matchkey %s goes with its connection",
                                  .words = {{link->client}, {offer->matchkey.data}},
                              });
    }
}
