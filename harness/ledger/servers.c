/* SPDX-License-Identifier: Apache-2.0 */
/* Who offers sessions. A server at a tracker is known by key, port and the address it registers
 * from, so that it is the same one after it has registered anew. Without a tracker it is known by
 * the name or address that is connected to. */
#include "ledger/ledger_internal.h"

#include <stdio.h>
#include <string.h>

static const struct lr_ledger_server *server_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, const struct lr_ledger_server, node);
}

static int compare_servers(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return strcmp(server_of(a)->identity, server_of(b)->identity);
}

static int compare_identity(const void *key, const struct lr_tree_node *node) {
    return strcmp(key, server_of(node)->identity);
}

void lr_ledger_servers_init(struct lr_ledger *ledger) {
    lr_tree_init(&ledger->servers, compare_servers);
}

void lr_ledger_servers_deinit(struct lr_ledger *ledger) {
    struct lr_tree_node *node;
    while ((node = lr_tree_first(&ledger->servers)) != NULL) {
        struct lr_ledger_server *server = LR_CONTAINER_OF(node, struct lr_ledger_server, node);
        lr_tree_remove(&ledger->servers, node);
        LR_FREE(ledger->alloc, server);
    }
}

/* |name| is one of the ledger's texts. */
static struct lr_ledger_server *find_or_make(struct lr_ledger *ledger, const char *identity,
                                             const char *name) {
    struct lr_tree_node *node = lr_tree_find(&ledger->servers, identity, compare_identity);
    if (node != NULL) {
        return LR_CONTAINER_OF(node, struct lr_ledger_server, node);
    }
    struct lr_ledger_server *server = LR_NEW(ledger->alloc, struct lr_ledger_server);
    const char *copy = lr_texts_keep(&ledger->texts, lr_text_of(identity));
    if (server == NULL || copy == NULL) {
        lr_ledger_fail(ledger);
        LR_FREE(ledger->alloc, server);
        return NULL;
    }
    server->identity = copy;
    server->name = name;
    server->key = "";
    lr_list_init(&server->sessions);
    server->scripted = lr_ledger_is_scripted(ledger, name);
    bool inserted = lr_tree_insert(&ledger->servers, &server->node);
    (void)inserted; /* it was not found above */
    return server;
}

/* "127.0.0.1" of "127.0.0.1:4711". */
static struct lr_text address_host(const char *address) {
    const char *colon = strrchr(address, ':');
    return (struct lr_text){address, colon == NULL ? strlen(address) : (size_t)(colon - address)};
}

/* The server that registered last on |link|, if it is the same one that comes now. */
static struct lr_ledger_server *find_last(const struct lr_ledger_link *link,
                                          const struct lr_tracker_msg *put) {
    struct lr_ledger_server *last = link->server;
    return last != NULL && last->link == link && last->port == put->port &&
                   last->address == link->client_address &&
                   lr_text_equal(lr_text_of(last->key), put->key)
               ? last
               : NULL;
}

/* It begins anew, with all its places; what still comes on a link before is of before. */
static void move_to(struct lr_ledger_server *server, struct lr_ledger_link *link) {
    if (server->link == NULL || server->link->number < link->number) {
        server->link = link;
        server->free = 0;
    }
}

struct lr_ledger_server *lr_ledger_server_registered(struct lr_ledger *ledger,
                                                     struct lr_ledger_link *link,
                                                     const struct lr_tracker_msg *put) {
    char identity[2 * LR_SESSION_TEXT_MAX];
    struct lr_ledger_server *last = find_last(link, put);
    if (last != NULL) {
        return last;
    }
    const char *key = lr_ledger_keep(ledger, put->key);
    struct lr_text host = address_host(link->client_address);
    (void)snprintf(identity, sizeof identity, "at a tracker: %u %.*s %s", (unsigned int)put->port,
                   (int)host.size, host.data, key);
    struct lr_ledger_server *server = find_or_make(ledger, identity, link->client);
    if (server != NULL) {
        server->registered = true;
        server->key = key;
        server->port = put->port;
        server->address = link->client_address;
        link->server = server;
        move_to(server, link);
    }
    return server;
}

struct lr_ledger_server *lr_ledger_server_direct(struct lr_ledger *ledger,
                                                 const struct lr_ledger_link *link) {
    char identity[2 * LR_SESSION_TEXT_MAX];
    (void)snprintf(identity, sizeof identity, "direct: %s", link->service);
    return find_or_make(ledger, identity, link->service);
}

static bool is_over(const struct lr_ledger_session *session) {
    return session->account.released_at != LR_TIME_NEVER ||
           session->client_gone_at != LR_TIME_NEVER || session->link_gone_at != LR_TIME_NEVER;
}

struct lr_ledger_session *lr_ledger_server_over(const struct lr_ledger_server *server) {
    LR_LIST_EACH (node, &server->sessions) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_server);
        if (session->account.accepted_at != LR_TIME_NEVER && is_over(session)) {
            return session;
        }
    }
    return NULL;
}

struct lr_ledger_session *lr_ledger_server_returning(const struct lr_ledger_server *server,
                                                     bool registering) {
    struct lr_ledger_session *unused = NULL;
    struct lr_ledger_session *running = NULL;
    size_t held = server->free;
    LR_LIST_EACH (node, &server->sessions) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_server);
        held++;
        if (session->account.accepted_at != LR_TIME_NEVER && is_over(session)) {
            return session;
        }
        /* While it registers, the first of its places may be granted before the last is put. */
        bool is_early = registering && session->account.connected_at == LR_TIME_NEVER &&
                        session->account.register_link == server->link->number &&
                        (session->taken_by == NULL || !is_over(session->taken_by));
        if (session->account.accepted_at == LR_TIME_NEVER && unused == NULL && !is_early) {
            unused = session;
        }
        if (session->account.accepted_at != LR_TIME_NEVER && running == NULL) {
            running = session;
        }
    }
    if (unused != NULL) {
        return unused;
    }
    /* Nothing is over. All slots are spoken for, and yet one is offered: it is the slot of a
     * session that runs, or of the one that came back last and is released a second time. */
    if (held < server->slots || server->slots == 0) {
        return NULL;
    }
    if (running != NULL) {
        return running;
    }
    struct lr_ledger_session *last = server->renewed;
    bool still_free = last != NULL && last->renewal != NULL &&
                      last->renewal->state == LR_OFFER_FREE && last->renewal->link == server->link;
    return still_free ? last : NULL;
}

void lr_ledger_server_untried(struct lr_ledger_server *server, const struct lr_ledger_session *by) {
    LR_LIST_EACH (node, &server->sessions) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_server);
        if (session->tried_by == by->account.number) {
            session->account.tried_at = LR_TIME_NEVER;
        }
    }
}

void lr_ledger_server_left(struct lr_ledger_server *server, lr_time at,
                           const struct lr_ledger_session *by) {
    LR_LIST_EACH (node, &server->sessions) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_server);
        if (session->tried_by == by->account.number && session->account.tried_at != LR_TIME_NEVER &&
            at <= lr_time_add(session->account.tried_at, LR_LEDGER_ORDER_NS)) {
            session->account.tried_at = LR_TIME_NEVER;
        }
    }
}

void lr_ledger_server_tried(struct lr_ledger_server *server, lr_time at,
                            const struct lr_ledger_session *by) {
    LR_LIST_EACH (node, &server->sessions) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_server);
        /* One that was never accepted has no place to come back. */
        if (session != by && is_over(session) && !session->given_on &&
            session->account.accepted_at != LR_TIME_NEVER) {
            session->account.observable = true;
            if (session->account.tried_at == LR_TIME_NEVER) {
                session->account.tried_at = at;
                session->tried_by = by->account.number;
            }
        }
    }
}

void lr_ledger_server_refused(struct lr_ledger_server *server, const struct lr_ledger_session *by) {
    LR_LIST_EACH (node, &server->sessions) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_server);
        if (session != by && is_over(session)) {
            session->account.observable = false;
            if (session->tried_by == by->account.number &&
                strcmp(session->account.matchkey, by->account.matchkey) != 0) {
                session->account.tried_at = LR_TIME_NEVER; /* that key may do at no time */
            }
        }
    }
}

void lr_ledger_server_accepted(struct lr_ledger *ledger, lr_time at,
                               struct lr_ledger_server *server,
                               const struct lr_ledger_session *by) {
    bool others_run = false;
    bool shown = false;
    LR_LIST_EACH (node, &server->sessions) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_server);
        bool runs = session != by && lr_ledger_session_running(session);
        others_run = others_run || runs;
        session->given_on = session->given_on || (runs && lr_ledger_session_stuck(ledger, session));
        session->beside_at = runs ? at : session->beside_at;
    }
    LR_LIST_EACH (node, &server->sessions) {
        struct lr_ledger_session *session =
            LR_CONTAINER_OF(node, struct lr_ledger_session, of_server);
        bool over = session != by && is_over(session);
        if (over && !shown) {
            lr_ledger_session_renew(ledger, at, at, session, NULL);
            /* It has several slots, and this shows one: of a session that had one. */
            shown = others_run && session->account.accepted_at != LR_TIME_NEVER;
        } else if (over && session->tried_by == by->account.number) {
            session->account.tried_at = LR_TIME_NEVER; /* who tried was given another place */
        }
    }
}
