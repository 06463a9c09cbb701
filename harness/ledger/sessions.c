/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts: making them, and the rules by which a session is over, released and requestable
 * again. Releases come from what its server shows: the end of its side of the data link, its next
 * matchkey, its next answer to a handshake, the end of its process; whichever is seen first. */
#include "ledger/ledger_internal.h"

struct lr_ledger_session *lr_ledger_session_at(const struct lr_ledger *ledger, uint32_t number) {
    return number == 0 || number > ledger->session_count ? NULL : ledger->sessions[number - 1];
}

static void begin_account(struct lr_account *account, uint32_t number) {
    *account = (struct lr_account){
        .number = number,
        .key = "",
        .matchkey = "",
        .client = "",
        .server = "",
        .client_address = "",
        .server_address = "",
        .exception = "",
        .requested_at = LR_TIME_NEVER,
        .granted_at = LR_TIME_NEVER,
        .connected_at = LR_TIME_NEVER,
        .accepted_at = LR_TIME_NEVER,
        .initialised_at = LR_TIME_NEVER,
        .timeout_ns = LR_TIME_NEVER,
        .last_packet_at = LR_TIME_NEVER,
        .shutdown_at = {LR_TIME_NEVER, LR_TIME_NEVER},
        .fin_at = {LR_TIME_NEVER, LR_TIME_NEVER},
        .reset_at = {LR_TIME_NEVER, LR_TIME_NEVER},
        .closed_at = LR_TIME_NEVER,
        .exception_at = LR_TIME_NEVER,
        .released_at = LR_TIME_NEVER,
        .requestable_at = LR_TIME_NEVER,
        .tried_at = LR_TIME_NEVER,
        .observable = true,
    };
}

struct lr_ledger_session *lr_ledger_session_new(struct lr_ledger *ledger, lr_time at) {
    struct lr_ledger_session **sessions = lr_ledger_grow(
        ledger, ledger->sessions, &ledger->session_capacity, ledger->session_count, sizeof(void *));
    if (sessions == NULL) {
        return NULL;
    }
    ledger->sessions = sessions;
    struct lr_ledger_session *session = LR_NEW(ledger->alloc, struct lr_ledger_session);
    if (session == NULL) {
        lr_ledger_fail(ledger);
        return NULL;
    }
    ledger->sessions[ledger->session_count++] = session;
    begin_account(&session->account, (uint32_t)ledger->session_count);
    lr_list_init(&session->of_server);
    lr_list_init(&session->of_link);
    session->client_gone_at = LR_TIME_NEVER;
    session->link_gone_at = LR_TIME_NEVER;
    session->early_put_at = LR_TIME_NEVER;
    session->beside_at = LR_TIME_NEVER;
    session->withdrawn_at = LR_TIME_NEVER;
    session->passed_at = LR_TIME_NEVER;
    session->account.last_packet_at = at;
    return session;
}

void lr_ledger_sessions_deinit(struct lr_ledger *ledger) {
    for (size_t i = 0; i < ledger->session_count; i++) {
        lr_list_remove(&ledger->sessions[i]->of_server);
        lr_list_remove(&ledger->sessions[i]->of_link);
        LR_FREE(ledger->alloc, ledger->sessions[i]);
    }
    lr_alloc_free(ledger->alloc, ledger->sessions, ledger->session_capacity * sizeof(void *));
}

void lr_ledger_session_join(struct lr_ledger_session *session, struct lr_ledger_server *server) {
    session->server = server;
    lr_list_append(&server->sessions, &session->of_server);
}

/* What is not shown where nobody registers: whether the slot is there again, until somebody tries.
 * And a session that was never accepted took no slot. */
static void settle_direct(struct lr_ledger_session *session) {
    struct lr_account *account = &session->account;
    const struct lr_ledger_server *server = session->server;
    bool granted = account->granted_at != LR_TIME_NEVER;
    bool accepted = account->accepted_at != LR_TIME_NEVER;
    bool released = account->released_at != LR_TIME_NEVER;
    if (server == NULL || account->requestable_at != LR_TIME_NEVER ||
        (server->registered && (granted || accepted))) {
        return;
    }
    if (released && !granted && !accepted) {
        account->requestable_at = account->released_at;
        lr_list_remove(&session->of_server);
    } else if (released || account->closed_at != LR_TIME_NEVER) {
        account->observable = false;
    }
}

void lr_ledger_session_grant_used(struct lr_ledger *ledger, struct lr_ledger_session *session) {
    if (session->grant_unused) {
        session->grant_unused = false;
        ledger->unused_grants--;
    }
}

void lr_ledger_session_client_gone(struct lr_ledger *ledger, lr_time at,
                                   struct lr_ledger_session *session) {
    (void)ledger;
    if (session->client_gone_at == LR_TIME_NEVER) {
        session->client_gone_at = at;
        session->account.said_before = session->account.bytes[LR_FROM_SERVICE];
    }
    settle_direct(session);
}

void lr_ledger_session_release(struct lr_ledger *ledger, lr_time at,
                               struct lr_ledger_session *session, const char *how) {
    struct lr_account *account = &session->account;
    if (account->released_at != LR_TIME_NEVER) {
        return;
    }
    account->released_at = at;
    account->in_call = false;
    if (account->released_count == 0) {
        account->released_count = 1;
    }
    lr_ledger_say(ledger, &(struct lr_ledger_said){.at = at,
                                                   .session = account->number,
                                                   .link = account->data_link,
                                                   .form = "session %u is released: %s",
                                                   .words = {{.number = account->number}, {how}}});
    settle_direct(session);
}

bool lr_ledger_session_stuck(const struct lr_ledger *ledger,
                             const struct lr_ledger_session *session) {
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, session->account.data_link);
    return link != NULL && link->observer != NULL &&
           lr_observer_inside(link->observer, LR_FROM_SERVICE);
}

void lr_ledger_session_renew(struct lr_ledger *ledger, lr_time at, lr_time begun_at,
                             struct lr_ledger_session *session, struct lr_ledger_offer *renewal) {
    struct lr_account *account = &session->account;
    if (account->requestable_at != LR_TIME_NEVER) {
        account->released_count++;
        lr_ledger_tell(ledger, at, account->number, 0, "session %u is released once more",
                       account->number);
        return;
    }
    if (lr_ledger_session_running(session) && !lr_ledger_session_stuck(ledger, session)) {
        session->early_put_at = at;
    }
    lr_ledger_session_grant_used(ledger, session);

    /* Who begins to offer itself has let go before: TVM's message takes 40 ms from end to end. */
    bool crossed = session->client_gone_at != LR_TIME_NEVER && session->client_gone_at > begun_at;
    lr_ledger_session_release(ledger, crossed ? session->client_gone_at : begun_at, session,
                              renewal != NULL ? "its server offers itself again"
                                              : "its server answers a handshake");
    account->requestable_at = at;
    account->observable = true;
    session->renewal = renewal;
    lr_list_remove(&session->of_server);
    if (session->server != NULL) {
        session->server->renewed = session;
    }
}

/* ---- what the world and scripts read ---- */

size_t lr_ledger_account_count(const struct lr_ledger *ledger) {
    return ledger->session_count;
}

const struct lr_account *lr_ledger_account(const struct lr_ledger *ledger, uint32_t number) {
    const struct lr_ledger_session *session = lr_ledger_session_at(ledger, number);
    return session == NULL ? NULL : &session->account;
}

const struct lr_account *lr_ledger_account_of_link(const struct lr_ledger *ledger, uint32_t link) {
    const struct lr_ledger_link *found = lr_ledger_link_at(ledger, link);
    if (found == NULL) {
        return NULL;
    }
    return lr_ledger_account(ledger,
                             found->plane == LR_PLANE_DATA ? found->session : found->last_request);
}
