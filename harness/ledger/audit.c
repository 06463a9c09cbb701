/* SPDX-License-Identifier: Apache-2.0 */
/* What is not as it should be, whoever asked: findings that were made as things happened, and at
 * the end a walk over every session and every link. */
#include "ledger/ledger_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Beyond its budget by this much, a release is late whoever asked: far more than any machine's own
 * slowness, which the budgets of a scenario's own expectations take into account. */
#define AUDIT_LATE_NS LR_SECOND
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
    lr_ledger_say(ledger, at, session, 0, "finding (%s): %s", lr_finding_name(kind), finding.text);
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

/* Its server is there to come back: it is registered, or its process still runs. */
static bool server_lives(const struct lr_ledger *ledger, const struct lr_ledger_server *server) {
    if (server == NULL) {
        return false;
    }
    bool lives = server->link != NULL && server->link->gone_at == LR_TIME_NEVER;
    LR_LIST_EACH (node, &ledger->hosts) {
        const struct lr_ledger_host *host = LR_CONTAINER_OF(node, struct lr_ledger_host, node);
        if (strcmp(host->name, server->name) == 0) {
            lives = host->running;
        }
    }
    return lives;
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

static void audit_return(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    bool unused = account->connected_at == LR_TIME_NEVER;
    lr_time since = unused ? account->granted_at : account->released_at;
    char ago[32];
    if (!account->observable || !server_lives(audit->ledger, session->server) ||
        since == LR_TIME_NEVER || (unused && audit->now < lr_time_add(since, AUDIT_UNUSED_NS))) {
        return;
    }
    report(audit, LR_FINDING_NOT_REQUESTABLE, account->number,
           "session %u %s %s ago, and %s has not offered its place again", account->number,
           unused ? "was granted and never connected," : "was released",
           lr_text_duration(ago, sizeof ago, audit->now - since), account->server);
}

/* When it should have been over at the latest, as far as the wire alone tells. */
static lr_time latest_end(const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    lr_time expires = LR_TIME_NEVER;
    if (account->accepted_at != LR_TIME_NEVER && account->timeout_ns != LR_TIME_NEVER) {
        expires = lr_time_add(account->accepted_at, account->timeout_ns);
    }
    return lr_time_min(expires, session->client_gone_at);
}

static void audit_times(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    lr_time due = latest_end(session);
    char by[32];
    if (due != LR_TIME_NEVER && account->released_at != LR_TIME_NEVER &&
        account->released_at > lr_time_add(due, AUDIT_LATE_NS)) {
        report(audit, LR_FINDING_LATE, account->number, "session %u was released late by %s",
               account->number, lr_text_duration(by, sizeof by, account->released_at - due));
    }
    if (account->released_count > 1) {
        report(audit, LR_FINDING_TWICE, account->number,
               "session %u: %s offered its place %u times", account->number, account->server,
               account->released_count);
    }
    lr_time early = session->early_put_at;
    lr_time ended =
        lr_time_min(account->fin_at[LR_FROM_SERVICE],
                    lr_time_min(account->reset_at[LR_FROM_SERVICE], session->client_gone_at));
    if (early != LR_TIME_NEVER && ended > lr_time_add(early, LR_LEDGER_ORDER_NS)) {
        report(audit, LR_FINDING_TWICE, account->number,
               "session %u still ran when %s offered its place again", account->number,
               account->server);
    }
}

static void audit_session(const struct audit *audit, const struct lr_ledger_session *session) {
    const struct lr_account *account = &session->account;
    if (session->server != NULL && session->server->scripted) {
        return;
    }
    audit_times(audit, session);
    if (account->connected_at != LR_TIME_NEVER && account->released_at == LR_TIME_NEVER) {
        if (account->observable) {
            audit_release(audit, session);
        }
    } else if (account->requestable_at == LR_TIME_NEVER) {
        audit_return(audit, session);
    }
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
        if (link->plane == LR_PLANE_DATA && link->open && link->session == 0 &&
            !link->scripted[LR_FROM_SERVICE]) {
            report(&audit, LR_FINDING_LEAKED, 0,
                   "%s is connected to %s for %s and has not said for which session", link->client,
                   link->service, lr_text_duration(ago, sizeof ago, now - link->opened_at));
        }
    }
}
