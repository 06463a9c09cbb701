/* SPDX-License-Identifier: Apache-2.0 */
/* What is not as it should be, whoever asked: findings that were made as things happened, and at
 * the end a walk over every session and every link. */
#include "ledger/ledger_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A matchkey that was granted and not used is back after 6 s; TVM's own servers need up to 8.2 s.
 */
#define AUDIT_UNUSED_NS (10 * LR_SECOND)

static const char *const finding_names[] = {
    [LR_FINDING_LEAKED] = "leaked",
    [LR_FINDING_LATE] = "late",
    [LR_FINDING_TWICE] = "released twice",
    [LR_FINDING_NOT_REQUESTABLE] = "not requestable",
    [LR_FINDING_PENDING] = "pending for the dead",
    [LR_FINDING_ORPHAN] = "orphaned matchkey",
    [LR_FINDING_LEFT] = "left over",
    [LR_FINDING_PROTOCOL] = "protocol",
};

const char *lr_finding_name(enum lr_finding_kind kind) {
    return finding_names[kind];
}

void lr_ledger_find(struct lr_ledger *ledger, lr_time at, enum lr_finding_kind kind,
                    uint32_t session, const char *format, ...) {
    struct lr_finding finding = {.kind = kind, .session = session};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding.text, sizeof finding.text, format, arguments);
    va_end(arguments);
    lr_ledger_tell(ledger, at, session, 0, "finding (%s): %s", lr_finding_name(kind), finding.text);
    if (ledger->finding_count == LR_LEDGER_FINDINGS_MAX) {
        ledger->findings_dropped++;
        return;
    }
    struct lr_finding *findings =
        lr_ledger_grow(ledger, ledger->findings, &ledger->finding_capacity, ledger->finding_count,
                       sizeof *ledger->findings);
    if (findings != NULL) {
        ledger->findings = findings;
        findings[ledger->finding_count++] = finding;
    }
}

/* ---- the walk ---- */

struct audit {
    const struct lr_ledger *ledger;
    lr_time now;
    void (*found)(void *context, const struct lr_finding *finding);
    void *context;
};

static void report(const struct audit *audit, enum lr_finding_kind kind, uint32_t session,
                   const char *format, ...) LR_PRINTF(4, 5);

static void report(const struct audit *audit, enum lr_finding_kind kind, uint32_t session,
                   const char *format, ...) {
    struct lr_finding finding = {.kind = kind, .session = session};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding.text, sizeof finding.text, format, arguments);
    va_end(arguments);
    audit->found(audit->context, &finding);
}

/* Its server is there to come back: a process of it runs, whichever of them, or it is registered by
 * a link that came after the last of them had ended. */
static bool server_lives(const struct lr_ledger *ledger, const struct lr_ledger_server *server) {
    lr_time ended_at = 0;
    if (server == NULL) {
        return false;
    }
    LR_LIST_EACH (node, &ledger->hosts) {
        const struct lr_ledger_host *host = LR_CONTAINER_OF(node, struct lr_ledger_host, node);
        if (strcmp(host->name, server->name) == 0 && host->ended_at > ended_at) {
            ended_at = host->ended_at;
        }
    }
    const struct lr_ledger_link *link = server->link;
    return ended_at == LR_TIME_NEVER ||
           (link != NULL && link->gone_at == LR_TIME_NEVER && link->opened_at >= ended_at);
}

static void audit_release(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    char ago[32];
    if (session->client_gone_at != LR_TIME_NEVER) {
        report(audit, LR_FINDING_LEAKED, account->number,
               "session %u: %s has gone %s ago, and %s has not let go of it", account->number,
               account->client,
               lr_text_duration(ago, sizeof ago, audit->now - session->client_gone_at),
               account->server);
    } else {
        report(audit, LR_FINDING_LEAKED, account->number, "session %u: %s still holds %s, since %s",
               account->number, account->client, account->server,
               lr_text_duration(ago, sizeof ago, audit->now - account->connected_at));
    }
}

/* Whichever matchkey took the place of which: a server that has registered anew may name some that
 * were never put. */
static bool all_on_offer(const struct lr_ledger_server *server) {
    return server->slots > 0 && server->free >= server->slots;
}

static void audit_return(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    bool unused = account->connected_at == LR_TIME_NEVER;
    lr_time since = unused ? account->granted_at : account->released_at;
    char ago[32];
    if (!account->observable || !server_lives(audit->ledger, session->server) ||
        all_on_offer(session->server) || since == LR_TIME_NEVER || session->taken_by != NULL ||
        (unused && audit->now < lr_time_add(since, AUDIT_UNUSED_NS))) {
        return;
    }
    report(audit, LR_FINDING_NOT_REQUESTABLE, account->number,
           "session %u %s %s ago, and %s has not offered its place again", account->number,
           unused ? "was granted and never connected," : "was released",
           lr_text_duration(ago, sizeof ago, audit->now - since), account->server);
}

/* When it should have been over, as far as the wire alone tells, and how late is too late. */
static lr_time end_due(const struct lr_ledger_session *session,
                       const struct lr_ledger_patience *patience, uint64_t *allowed) {
    const struct lr_account *account = &session->account;
    lr_time expires = lr_time_add(account->accepted_at, account->timeout_ns); /* or never */
    bool expired = expires < session->client_gone_at;
    *allowed = expired ? patience->expired_ns : patience->late_ns;
    /* What a client says before it is accepted waits to be read; what it does to the link not. */
    if (account->accepted_at == LR_TIME_NEVER) {
        lr_time ended =
            lr_time_min(account->fin_at[LR_TO_SERVICE], account->reset_at[LR_TO_SERVICE]);
        return lr_time_min(ended, session->link_gone_at);
    }
    lr_time due = expired ? expires : session->client_gone_at;
    return due < account->accepted_at ? account->accepted_at : due;
}

/* When a tracker could take what it was seen to take at |seen|: it may have stood still before. */
static lr_time could_take(const struct lr_ledger_session *session, lr_time seen) {
    const struct lr_ledger_link *link = session->renewal->link;
    lr_time woken = link->ledger->woken_at;
    return seen >= woken && woken > link->registered_at ? woken : link->registered_at;
}

/* When a release by |due| is seen at the latest. Where the server's own end of the link does not
 * show it, that is when it can offer itself: at a tracker that it is registered at, or to somebody
 * who tries. */
static lr_time latest_sight(const struct lr_ledger_session *session, lr_time due) {
    const struct lr_account *account = &session->account;
    lr_time own_end =
        lr_time_min(account->fin_at[LR_FROM_SERVICE], account->reset_at[LR_FROM_SERVICE]);
    if (account->released_at >= own_end) {
        return due;
    }
    if (session->renewal == NULL && account->tried_at == LR_TIME_NEVER) {
        return account->released_at; /* nobody asked before */
    }
    lr_time from =
        session->renewal != NULL ? could_take(session, account->released_at) : account->tried_at;
    return from > due ? from : due;
}

static void audit_slot(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    bool unused = account->accepted_at == LR_TIME_NEVER;
    char after[32];
    if (account->requestable_at == LR_TIME_NEVER || session->renewal == NULL ||
        (unused && (account->granted_at == LR_TIME_NEVER || session->taken_by != NULL))) {
        return;
    }
    lr_time over = unused ? account->granted_at : account->released_at;
    lr_time taken = could_take(session, account->requestable_at);
    lr_time can = over > taken ? over : taken;
    uint64_t allowed = audit->ledger->patience.return_ns;
    if (unused && allowed != LR_TIME_NEVER) {
        allowed = AUDIT_UNUSED_NS;
    }
    if (account->requestable_at > lr_time_add(can, allowed)) {
        report(audit, LR_FINDING_LATE, account->number,
               "session %u: %s was requestable again only %s after the %s", account->number,
               account->server,
               lr_text_duration(after, sizeof after, account->requestable_at - over),
               unused ? "grant that nobody used" : "release");
    }
}

static void audit_late(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    uint64_t allowed;
    char by[32];
    lr_time due = end_due(session, &audit->ledger->patience, &allowed);
    if (due != LR_TIME_NEVER && account->released_at != LR_TIME_NEVER &&
        account->released_at > lr_time_add(latest_sight(session, due), allowed)) {
        report(audit, LR_FINDING_LATE, account->number, "session %u was released late by %s",
               account->number, lr_text_duration(by, sizeof by, account->released_at - due));
    } else {
        audit_slot(audit, session);
    }
}

static void audit_times(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    audit_late(audit, session);
    if (account->released_count > 1) {
        report(audit, LR_FINDING_TWICE, account->number,
               "session %u: %s offered its place %u times", account->number, account->server,
               account->released_count);
    }
    lr_time early = session->early_put_at;
    lr_time ended =
        lr_time_min(account->fin_at[LR_FROM_SERVICE],
                    lr_time_min(account->reset_at[LR_FROM_SERVICE], session->client_gone_at));
    /* A peer that talks nonsense may leave answers unread: the end of the link waits for them. */
    const struct lr_ledger_link *link = lr_ledger_link_at(audit->ledger, account->data_link);
    bool scripted = link != NULL && link->scripted[LR_TO_SERVICE];
    if (early != LR_TIME_NEVER && !scripted && ended > lr_time_add(early, LR_LEDGER_ORDER_NS)) {
        report(audit, LR_FINDING_TWICE, account->number,
               "session %u still ran when %s offered its place again", account->number,
               account->server);
    }
}

/* It came with a matchkey that was not its server's any more, was not accepted, and is gone by RST:
 * nothing is left that its server could show. */
static bool came_too_late(const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    return account->accepted_at == LR_TIME_NEVER && session->offer != NULL &&
           (session->offer->state != LR_OFFER_GRANTED ||
            session->offer->link->gone_at < account->connected_at) &&
           account->reset_at[LR_TO_SERVICE] != LR_TIME_NEVER;
}

static void audit_session(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    if (session->server != NULL && session->server->scripted) {
        return;
    }
    char text[LR_ERROR_TEXT_MAX];
    if (lr_ledger_queue_passed(audit->ledger, session, text)) {
        report(audit, LR_FINDING_PROTOCOL, session->passed_by, "%s", text);
    }
    audit_times(audit, session);
    if (came_too_late(session)) {
        return;
    }
    if (account->connected_at != LR_TIME_NEVER && account->released_at == LR_TIME_NEVER) {
        if (account->observable) {
            audit_release(audit, session);
        }
    } else if (account->requestable_at == LR_TIME_NEVER) {
        audit_return(audit, session);
    }
}

static bool is_nameless(const struct lr_ledger_link *link) {
    return link->plane == LR_PLANE_DATA && link->open && link->session == 0 &&
           !link->scripted[LR_FROM_SERVICE];
}

size_t lr_ledger_nameless_count(const struct lr_ledger *ledger) {
    size_t count = 0;
    for (size_t i = 0; i < ledger->link_count; i++) {
        count += is_nameless(ledger->links[i]);
    }
    return count;
}

void lr_ledger_set_patience(struct lr_ledger *ledger, const struct lr_ledger_patience *patience) {
    ledger->patience = *patience;
}

void lr_ledger_audit(const struct lr_ledger *ledger, lr_time now,
                     void (*found)(void *context, const struct lr_finding *finding),
                     void *context) {
    struct audit audit = {.ledger = ledger, .now = now, .found = found, .context = context};
    for (size_t i = 0; i < ledger->finding_count; i++) {
        found(context, &ledger->findings[i]);
    }
    if (ledger->findings_dropped > 0) {
        report(&audit, LR_FINDING_PROTOCOL, 0, "%llu more findings",
               (unsigned long long)ledger->findings_dropped);
    }
    for (size_t i = 0; i < ledger->session_count; i++) {
        audit_session(&audit, ledger->sessions[i]);
    }
    for (size_t i = 0; i < ledger->link_count; i++) {
        const struct lr_ledger_link *link = ledger->links[i];
        char ago[32];
        if (is_nameless(link)) {
            report(&audit, LR_FINDING_LEAKED, 0,
                   "%s is connected to %s for %s and has not said for which session", link->client,
                   link->service, lr_text_duration(ago, sizeof ago, now - link->opened_at));
        }
    }
}
