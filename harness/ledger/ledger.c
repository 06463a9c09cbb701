/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger_internal.h"

#include <stdio.h>
#include <string.h>

void lr_ledger_fail(struct lr_ledger *ledger) {
    ledger->health = LR_ENOMEM;
}

void *lr_ledger_grow(struct lr_ledger *ledger, void *array, size_t *capacity, size_t count,
                     size_t item_size) {
    if (count < *capacity) {
        return array;
    }
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = NULL;
    if (wanted <= SIZE_MAX / item_size) {
        grown = lr_alloc_resize(ledger->alloc, array, *capacity * item_size, wanted * item_size);
    }
    if (grown == NULL) {
        lr_ledger_fail(ledger);
        return NULL;
    }
    *capacity = wanted;
    return grown;
}

static struct lr_text cut(struct lr_text text) {
    text.size = text.size < LR_SESSION_TEXT_MAX ? text.size : LR_SESSION_TEXT_MAX - 1;
    return text;
}

static const char *kept_or_fail(struct lr_ledger *ledger, const char *kept) {
    if (kept == NULL) {
        lr_ledger_fail(ledger);
    }
    return kept == NULL ? "" : kept;
}

const char *lr_ledger_keep(struct lr_ledger *ledger, struct lr_text text) {
    return kept_or_fail(ledger, lr_texts_keep(&ledger->texts, cut(text)));
}

const char *lr_ledger_keep_apart(struct lr_ledger *ledger, struct lr_text text) {
    return kept_or_fail(ledger, lr_texts_add(&ledger->texts, cut(text)));
}

const char *lr_ledger_quote(struct lr_ledger *ledger, struct lr_text text) {
    char quoted[LR_SESSION_TEXT_MAX];
    return lr_ledger_keep_apart(ledger, lr_text_of(lr_text_quote(quoted, sizeof quoted, text)));
}

const struct lr_ledger_patience lr_ledger_patience_default = {
    .late_ns = LR_SECOND, .expired_ns = LR_SECOND, .return_ns = LR_TIME_NEVER};

enum lr_status lr_ledger_new(struct lr_ledger **out, struct lr_alloc *alloc,
                             const struct lr_trace *trace) {
    struct lr_ledger *ledger = LR_NEW(alloc, struct lr_ledger);
    *out = ledger;
    if (ledger == NULL) {
        return LR_ENOMEM;
    }
    ledger->alloc = alloc;
    ledger->patience = lr_ledger_patience_default;
    if (trace != NULL) {
        ledger->trace = *trace;
    }
    lr_list_init(&ledger->hosts);
    lr_list_init(&ledger->scripted);
    lr_texts_init(&ledger->texts, alloc);
    lr_ledger_offers_init(ledger);
    lr_ledger_servers_init(ledger);
    lr_ledger_queues_init(ledger);
    return LR_OK;
}

static void deinit_hosts(struct lr_ledger *ledger) {
    LR_LIST_EACH (node, &ledger->hosts) {
        struct lr_ledger_host *host = LR_CONTAINER_OF(node, struct lr_ledger_host, node);
        lr_list_remove(node);
        LR_FREE(ledger->alloc, host);
    }
    LR_LIST_EACH (node, &ledger->scripted) {
        struct lr_ledger_scripted_host *host =
            LR_CONTAINER_OF(node, struct lr_ledger_scripted_host, node);
        lr_list_remove(node);
        LR_FREE(ledger->alloc, host);
    }
}

enum lr_status lr_ledger_scripted(struct lr_ledger *ledger, const char *host) {
    struct lr_ledger_scripted_host *known = LR_NEW(ledger->alloc, struct lr_ledger_scripted_host);
    if (known == NULL) {
        return LR_ENOMEM;
    }
    (void)snprintf(known->name, sizeof known->name, "%s", host);
    lr_list_append(&ledger->scripted, &known->node);
    return LR_OK;
}

bool lr_ledger_is_scripted(const struct lr_ledger *ledger, const char *host) {
    LR_LIST_EACH (node, &ledger->scripted) {
        if (strcmp(LR_CONTAINER_OF(node, struct lr_ledger_scripted_host, node)->name, host) == 0) {
            return true;
        }
    }
    return false;
}

void lr_ledger_free(struct lr_ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    /* Links and sessions first: they are in the lists of servers and the trees of queues. */
    lr_ledger_links_deinit(ledger);
    lr_ledger_sessions_deinit(ledger);
    lr_ledger_offers_deinit(ledger);
    lr_ledger_servers_deinit(ledger);
    lr_ledger_queues_deinit(ledger);
    deinit_hosts(ledger);
    lr_ledger_timeline_deinit(ledger);
    lr_texts_deinit(&ledger->texts);
    lr_alloc_free(ledger->alloc, ledger->findings,
                  ledger->finding_capacity * sizeof *ledger->findings);
    LR_FREE(ledger->alloc, ledger);
}

enum lr_status lr_ledger_health(const struct lr_ledger *ledger) {
    return ledger->health;
}

/* ---- processes ---- */

static struct lr_ledger_host *find_host(struct lr_ledger *ledger, const char *name, int64_t pid) {
    LR_LIST_EACH (node, &ledger->hosts) {
        struct lr_ledger_host *host = LR_CONTAINER_OF(node, struct lr_ledger_host, node);
        if (host->pid == pid && strcmp(host->name, name) == 0) {
            return host;
        }
    }
    return NULL;
}

/* A server's process is gone: so is all it held. */
static void release_sessions_of(struct lr_ledger *ledger, lr_time at, const char *name) {
    for (size_t i = 0; i < ledger->session_count; i++) {
        struct lr_ledger_session *session = ledger->sessions[i];
        if (session->account.connected_at != LR_TIME_NEVER &&
            strcmp(session->account.server, name) == 0) {
            lr_ledger_session_release(ledger, at, session, "its server's process has ended");
        }
    }
}

void lr_ledger_process(struct lr_ledger *ledger, lr_time at, const char *host, int64_t pid,
                       bool running) {
    char name[LR_SESSION_TEXT_MAX];
    (void)snprintf(name, sizeof name, "%s", host);
    struct lr_ledger_host *known = find_host(ledger, name, pid);
    if (known == NULL) {
        known = LR_NEW(ledger->alloc, struct lr_ledger_host);
        if (known == NULL) {
            lr_ledger_fail(ledger);
            return;
        }
        memcpy(known->name, name, sizeof name);
        known->pid = pid;
        lr_list_append(&ledger->hosts, &known->node);
    }
    known->ended_at = running ? LR_TIME_NEVER : at;
    if (pid == 0) {
        lr_ledger_tell(ledger, at, 0, 0, "%s %s", name, running ? "is there" : "is gone");
    } else {
        lr_ledger_tell(ledger, at, 0, 0, "%s: process %lld %s", name, (long long)pid,
                       running ? "started" : "ended");
    }
    if (!running) {
        release_sessions_of(ledger, at, name);
    }
}

void lr_ledger_host_woken(struct lr_ledger *ledger, lr_time at) {
    ledger->woken_at = at;
}

/* ---- causes ---- */

static const char *const cause_names[LR_CAUSE_COUNT] = {
    [LR_CAUSE_NONE] = "nothing",
    [LR_CAUSE_CLOSE] = "close",
    [LR_CAUSE_SCOPE] = "end of scope",
    [LR_CAUSE_LAST_REFERENCE] = "last reference",
    [LR_CAUSE_FIN] = "fin",
    [LR_CAUSE_RST] = "rst",
    [LR_CAUSE_CUT] = "end inside a packet",
    [LR_CAUSE_DEATH] = "death",
    [LR_CAUSE_SILENCE] = "silence",
    [LR_CAUSE_TIMEOUT] = "timeout",
    [LR_CAUSE_TRACKER_LOSS] = "tracker loss",
    [LR_CAUSE_SERVER_LOSS] = "server loss",
    [LR_CAUSE_HANDSHAKE] = "handshake not finished",
    [LR_CAUSE_STALLED] = "stalled",
    [LR_CAUSE_UNUSED] = "unused",
};

const char *lr_cause_name(enum lr_cause cause) {
    return cause_names[cause];
}

bool lr_cause_of(struct lr_text name, enum lr_cause *cause) {
    for (int i = LR_CAUSE_NONE + 1; i < LR_CAUSE_COUNT; i++) {
        if (lr_text_equal(name, lr_text_of(cause_names[i]))) {
            *cause = (enum lr_cause)i;
            return true;
        }
    }
    return false;
}
