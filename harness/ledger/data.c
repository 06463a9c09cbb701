/* SPDX-License-Identifier: Apache-2.0 */
/* What crosses a data link: the handshake, which says which session it is, and its calls. */
#include "ledger/ledger_internal.h"

#include <string.h>

/* ---- which session a link carries ---- */

static void attach(struct lr_ledger_link *link, lr_time at, struct lr_ledger_session *session) {
    struct lr_account *account = &session->account;
    link->session = account->number;
    account->data_link = link->number;
    account->connected_at = link->opened_at;
    account->last_packet_at = at;
    account->client_pid = link->client_pid != 0 ? link->client_pid : account->client_pid;
    account->closed_at = LR_TIME_NEVER;
    account->observable = true;
    session->client_gone_at = LR_TIME_NEVER;
    session->link_gone_at = LR_TIME_NEVER;
    /* What ended was a handshake before it, not the session. */
    account->released_at = LR_TIME_NEVER;
    account->released_count = 0;
    for (size_t i = 0; i < 2; i++) {
        account->fin_at[i] = LR_TIME_NEVER;
        account->reset_at[i] = LR_TIME_NEVER;
        account->cut_inside_packet[i] = false;
    }
    account->client = link->client;
    account->server = link->service;
    account->client_address = link->client_address;
    account->server_address = link->service_address;
}

struct lr_ledger_session *lr_ledger_data_session(struct lr_ledger_link *link, lr_time at) {
    struct lr_ledger *ledger = link->ledger;
    struct lr_ledger_session *session = lr_ledger_session_at(ledger, link->session);
    if (session != NULL) {
        return session;
    }
    struct lr_ledger_server *server = lr_ledger_server_direct(ledger, link);
    session = server == NULL ? NULL : lr_ledger_session_new(ledger, at);
    if (session == NULL) {
        return NULL;
    }
    attach(link, at, session);
    lr_ledger_session_join(session, server);
    return session;
}

/* True where |session| was granted this matchkey and has not been accepted with it yet. */
static bool waits_for(const struct lr_ledger *ledger, const struct lr_ledger_session *session) {
    if (session == NULL || session->account.accepted_at != LR_TIME_NEVER ||
        session->account.requestable_at != LR_TIME_NEVER) {
        return false;
    }
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, session->account.data_link);
    return link == NULL || !link->open;
}

/* The link's session once its matchkey is known: the one it was granted to, or one of its own. */
static struct lr_ledger_session *find_session(struct lr_ledger_link *link, lr_time at,
                                              struct lr_text matchkey) {
    struct lr_ledger *ledger = link->ledger;
    struct lr_ledger_offer *offer = lr_ledger_offer_find(ledger, matchkey);
    struct lr_ledger_session *session = offer == NULL ? NULL : offer->session;
    if (link->session != 0) {
        session = lr_ledger_session_at(ledger, link->session);
    } else if (waits_for(ledger, session)) {
        attach(link, at, session);
        return session;
    } else {
        session = NULL;
    }
    /* A grant whose server's registration nobody saw is known by the account alone. */
    for (size_t i = ledger->session_count; session == NULL && offer == NULL && i-- > 0;) {
        struct lr_ledger_session *other = ledger->sessions[i];
        if (ledger->unused_grants > 0 && other->account.granted_at != LR_TIME_NEVER &&
            waits_for(ledger, other) &&
            lr_text_equal(lr_text_of(other->account.matchkey), matchkey)) {
            attach(link, at, other);
            lr_ledger_session_join(other, lr_ledger_server_direct(ledger, link));
            return other;
        }
    }
    session = lr_ledger_data_session(link, at);
    /* A matchkey that was put and whose grant nobody saw: its release is shown by its server's
     * PUTs. */
    if (session != NULL && offer != NULL && offer->session == NULL &&
        (offer->state == LR_OFFER_FREE || offer->state == LR_OFFER_TAKEN)) {
        session->offer = offer;
    }
    return session;
}

static void see_hello(struct lr_ledger_link *link, lr_time at, const struct lr_client_key *key) {
    struct lr_ledger_session *session = find_session(link, at, key->matchkey);
    if (session == NULL) {
        return;
    }
    struct lr_account *account = &session->account;
    if (!lr_text_equal(lr_text_of(account->matchkey), key->matchkey)) { /* as it was granted */
        account->matchkey = lr_ledger_keep(link->ledger, key->matchkey);
    }
    if (account->key[0] == '\0') {
        account->key = lr_ledger_keep(link->ledger, lr_matchkey_key(key->matchkey));
    }
    account->timeout_ns = key->timeout_ns;
    lr_ledger_say(link->ledger,
                  &(struct lr_ledger_said){.at = at,
                                           .session = account->number,
                                           .link = link->number,
                                           .form = key->timeout_ns == LR_TIME_NEVER
                                                       ? "%s -> %s: handshake %s"
                                                       : "%s -> %s: handshake %s, timeout %t",
                                           .words = {{link->client},
                                                     {link->service},
                                                     {lr_ledger_quote(link->ledger, key->matchkey)},
                                                     {.number = key->timeout_ns}}});
    if (session->server != NULL && !session->server->registered && !link->hurt) {
        lr_ledger_server_tried(session->server, at, session);
    }
}

/* |session| was accepted with a matchkey that had been granted to another one, whose link this was
 * not taken for: it was there before the grant. */
static void take_grant(const struct lr_ledger *ledger, const struct lr_ledger_session *session) {
    struct lr_ledger_offer *offer =
        lr_ledger_offer_find(ledger, lr_text_of(session->account.matchkey));
    if (offer != NULL && offer->session != NULL && offer->session != session) {
        offer->session->taken_by = session;
    }
}

static void see_reply(struct lr_ledger_link *link, lr_time at, uint32_t word) {
    struct lr_ledger_session *session = lr_ledger_session_at(link->ledger, link->session);
    if (session == NULL) {
        return;
    }
    bool accepted = word == LR_MAGIC_RPC;
    const char *what = accepted                      ? "accepted"
                       : word == LR_ANSWER_DUPLICATE ? "refused, the key is in use"
                                                     : "refused, no such key";
    lr_ledger_say(link->ledger,
                  &(struct lr_ledger_said){.at = at,
                                           .session = session->account.number,
                                           .link = link->number,
                                           .form = "%s -> %s: %s",
                                           .words = {{link->service}, {link->client}, {what}}});
    struct lr_ledger_server *server = session->server;
    if (accepted) {
        session->account.accepted_at = at;
        lr_ledger_session_grant_used(link->ledger, session);
        if (session->offer == NULL) {
            take_grant(link->ledger, session);
        }
        if (session->offer != NULL && session->offer->session == NULL) {
            lr_ledger_offer_set(session->offer, at, LR_OFFER_TAKEN);
            session->offer->session = session;
            session->account.register_link = session->offer->link->number;
            lr_list_remove(&session->of_server);
            lr_ledger_session_join(session, session->offer->server);
            return;
        }
    }
    if (server != NULL && !server->registered && accepted) {
        lr_ledger_server_accepted(link->ledger, at, server, session);
    } else if (server != NULL && !server->registered) {
        lr_ledger_server_refused(server, session);
    }
}

/* ---- packets ---- */

/* The first values, described: " int 5, str \"a\"". Returns how many bytes. */
static size_t describe_values(char out[LR_TIMELINE_TEXT_MAX], const struct lr_values *values) {
    enum { VALUES_MAX = 4, DESCRIBED_MAX = 64 };
    size_t used = 0;
    for (size_t i = 0; i < values->count && i < VALUES_MAX; i++) {
        char value[DESCRIBED_MAX];
        size_t before = i == 0 ? 1 : 2;
        size_t size = strlen(lr_value_describe(value, sizeof value, &values->items[i]));
        size_t room = LR_TIMELINE_TEXT_MAX - used;
        if (before + size > room) {
            break; /* the line ends before that */
        }
        memcpy(out + used, i == 0 ? " " : ", ", before);
        memcpy(out + used + before, value, size);
        used += before + size;
    }
    return used;
}

/* One packet as a line: its name and what its values are. */
static void say_packet(struct lr_ledger_link *link, const struct lr_seen *seen, uint32_t session) {
    const struct lr_packet *packet = seen->packet;
    bool up = seen->direction == LR_TO_SERVICE;
    struct lr_ledger_said said = {.at = seen->at,
                                  .session = session,
                                  .link = link->number,
                                  .form = "%s -> %s: %s",
                                  .words = {{up ? link->client : link->service},
                                            {up ? link->service : link->client},
                                            {lr_packet_name(packet->code)}}};
    if (packet->code == LR_PACKET_CALL_FUNC) {
        said.form = "%s -> %s: %s handle %u";
        said.words[3].number = packet->handle;
    } else if (packet->code == LR_PACKET_COPY_ACK) {
        said.form = "%s -> %s: %s %u bytes";
        said.words[3].number = seen->size - 4;
    } else if (packet->code == LR_PACKET_COPY_FROM_REMOTE ||
               packet->code == LR_PACKET_COPY_TO_REMOTE) {
        said.form = "%s -> %s: %s %u bytes";
        said.words[3].number = packet->nbytes;
    }
    char values[LR_TIMELINE_TEXT_MAX];
    lr_ledger_say_more(link->ledger, &said, values, describe_values(values, &packet->values));
}

static bool is_question(int32_t code) {
    return code == LR_PACKET_INIT_SERVER || code == LR_PACKET_CALL_FUNC ||
           (code >= LR_PACKET_COPY_FROM_REMOTE && code < LR_PACKET_CODE_END &&
            code != LR_PACKET_COPY_ACK);
}

static bool is_answer(int32_t code) {
    return code == LR_PACKET_RETURN || code == LR_PACKET_EXCEPTION || code == LR_PACKET_COPY_ACK;
}

static void see_question(struct lr_ledger_session *session, int32_t code) {
    if (code == LR_PACKET_INIT_SERVER) {
        session->init_waits = true;
        session->before_init = session->questions;
    } else {
        session->account.in_call = session->account.released_at == LR_TIME_NEVER;
    }
    session->questions++;
}

static void see_answer(struct lr_ledger_link *link, lr_time at, struct lr_ledger_session *session,
                       int32_t code) {
    struct lr_account *account = &session->account;
    if (session->questions == 0) {
        /* A server may say unasked that it ends a session. */
        if (code != LR_PACKET_EXCEPTION && !link->scripted[LR_FROM_SERVICE] &&
            !link->scripted[LR_TO_SERVICE] && !link->spoiled) {
            lr_ledger_find(link->ledger, at, LR_FINDING_PROTOCOL, account->number,
                           "%s answers with %s what nobody asked", link->service,
                           lr_packet_name(code));
        }
        return;
    }
    session->questions--;
    if (session->init_waits && session->before_init == 0) {
        session->init_waits = false;
        if (code == LR_PACKET_RETURN) {
            account->initialised_at = at;
        }
    } else {
        session->before_init -= session->init_waits ? 1 : 0;
        account->calls++;
    }
    account->in_call = session->questions > (session->init_waits ? 1U : 0U);
}

static void see_exception(struct lr_ledger *ledger, struct lr_account *account, lr_time at,
                          const struct lr_packet *packet) {
    account->exception_at = at;
    account->exception = "";
    if (packet->values.count > 0 && packet->values.items[0].kind == LR_VALUE_STR) {
        account->exception = lr_ledger_quote(ledger, packet->values.items[0].as.text);
    }
}

static void see_packet(struct lr_ledger_link *link, const struct lr_seen *seen) {
    struct lr_ledger_session *session = lr_ledger_session_at(link->ledger, link->session);
    int32_t code = seen->packet->code;
    const bool up = seen->direction == LR_TO_SERVICE;
    if (session == NULL || code == LR_PACKET_NONE) {
        return;
    }
    struct lr_account *account = &session->account;
    account->dialect = link->observer->dialect;
    account->dialect_known = link->observer->dialect_known;
    say_packet(link, seen, account->number);
    if (code == LR_PACKET_EXCEPTION) {
        see_exception(link->ledger, account, seen->at, seen->packet);
    }
    if (code == LR_PACKET_SHUTDOWN) {
        if (account->shutdown_at[seen->direction] == LR_TIME_NEVER) {
            account->shutdown_at[seen->direction] = seen->at;
        }
        if (up) {
            lr_ledger_session_client_gone(link->ledger, seen->at, session);
        }
    } else if (up && is_question(code)) {
        see_question(session, code);
    } else if (!up && is_answer(code)) {
        see_answer(link, seen->at, session, code);
    } else if (!link->scripted[up ? LR_TO_SERVICE : LR_FROM_SERVICE] && !link->spoiled) {
        lr_ledger_find(link->ledger, seen->at, LR_FINDING_PROTOCOL, account->number,
                       "%s from %s, whose side does not send it", lr_packet_name(code),
                       up ? link->client : link->service);
    }
}

void lr_ledger_see_data(struct lr_ledger_link *link, const struct lr_seen *seen) {
    if (seen->kind == LR_SEEN_HELLO) {
        see_hello(link, seen->at, seen->key);
    } else if (seen->kind == LR_SEEN_REPLY) {
        see_reply(link, seen->at, seen->word);
    } else if (seen->kind == LR_SEEN_PACKET) {
        see_packet(link, seen);
    }
}

/* ---- ends ---- */

/* |session| has just been seen to end, and what its server had said before was still on its way
 * when another was let in; its client has said nothing since: it may have been over by then, and
 * its place that of the other. */
static bool may_be_given_on(const struct lr_ledger_link *link,
                            const struct lr_ledger_session *session) {
    return session->server != NULL && !session->server->registered &&
           session->beside_at != LR_TIME_NEVER && session->client_gone_at == LR_TIME_NEVER &&
           session->account.requestable_at == LR_TIME_NEVER &&
           link->bytes_at[LR_TO_SERVICE] <= session->beside_at &&
           link->said_before_at > session->beside_at;
}

void lr_ledger_data_ended(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link,
                          enum lr_direction direction, bool reset) {
    struct lr_ledger_session *session = lr_ledger_session_at(ledger, link->session);
    if (session == NULL) {
        return;
    }
    struct lr_account *account = &session->account;
    for (int i = LR_TO_SERVICE; i <= LR_FROM_SERVICE; i++) {
        if (reset || i == (int)direction) {
            account->cut_inside_packet[i] |=
                lr_observer_inside(link->observer, (enum lr_direction)i);
        }
    }
    (reset ? account->reset_at : account->fin_at)[direction] = at;
    if (direction == LR_TO_SERVICE) {
        lr_ledger_session_client_gone(ledger, at, session);
        if (session->server != NULL && account->accepted_at == LR_TIME_NEVER) {
            lr_ledger_server_left(session->server, at, session);
        }
    } else {
        lr_ledger_session_release(ledger, at, session,
                                  reset ? "RST from its server" : "FIN from its server");
        if (may_be_given_on(link, session)) {
            lr_ledger_session_renew(ledger, at, at, session, NULL);
        }
    }
}

void lr_ledger_data_closed(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link) {
    struct lr_ledger_session *session = lr_ledger_session_at(ledger, link->session);
    if (session == NULL) {
        return;
    }
    session->account.closed_at = at;
    session->link_gone_at = at;
    session->account.in_call = false;
    lr_ledger_session_client_gone(ledger, at, session);
}
