/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracker should hold under each key, from the wire alone, and what it says it holds. */
#include "ledger/ledger_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct lr_ledger_queue *queue_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, const struct lr_ledger_queue, node);
}

static int compare_queues(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    int order = strcmp(queue_of(a)->tracker, queue_of(b)->tracker);
    return order != 0 ? order : strcmp(queue_of(a)->key, queue_of(b)->key);
}

/* Trackers have queues of their own, also under the same key. */
struct sought {
    const char *tracker;
    struct lr_text key;
};

static int compare_sought(const void *key, const struct lr_tree_node *node) {
    const struct sought *sought = key;
    int order = strcmp(sought->tracker, queue_of(node)->tracker);
    return order != 0 ? order : lr_text_compare(sought->key, lr_text_of(queue_of(node)->key));
}

/* Higher priority first, then first come. */
static int compare_waiting(const struct lr_tree_node *left, const struct lr_tree_node *right) {
    const struct lr_ledger_session *a =
        LR_CONTAINER_OF(left, const struct lr_ledger_session, of_queue);
    const struct lr_ledger_session *b =
        LR_CONTAINER_OF(right, const struct lr_ledger_session, of_queue);
    int order = LR_ORDER(b->priority, a->priority);
    order = order != 0 ? order : LR_ORDER(b->priority_rest, a->priority_rest);
    return order != 0 ? order : LR_ORDER(a->account.number, b->account.number);
}

void lr_ledger_queues_init(struct lr_ledger *ledger) {
    lr_tree_init(&ledger->queues, compare_queues);
}

void lr_ledger_queues_deinit(struct lr_ledger *ledger) {
    struct lr_tree_node *node;
    while ((node = lr_tree_first(&ledger->queues)) != NULL) {
        struct lr_ledger_queue *queue = LR_CONTAINER_OF(node, struct lr_ledger_queue, node);
        lr_tree_remove(&ledger->queues, node);
        LR_FREE(ledger->alloc, queue);
    }
}

struct lr_ledger_queue *lr_ledger_queue_of(const struct lr_ledger_link *link, struct lr_text key) {
    struct lr_ledger *ledger = link->ledger;
    const struct sought sought = {link->service, key};
    struct lr_tree_node *node = lr_tree_find(&ledger->queues, &sought, compare_sought);
    if (node != NULL) {
        return LR_CONTAINER_OF(node, struct lr_ledger_queue, node);
    }
    struct lr_ledger_queue *queue = LR_NEW(ledger->alloc, struct lr_ledger_queue);
    const char *copy = lr_texts_keep(&ledger->texts, key);
    if (queue == NULL || copy == NULL) {
        lr_ledger_fail(ledger);
        LR_FREE(ledger->alloc, queue);
        return NULL;
    }
    queue->key = copy;
    queue->tracker = link->service;
    lr_tree_init(&queue->waiting, compare_waiting);
    if (!lr_tree_insert(&ledger->queues, &queue->node)) { /* keys that differ behind a NUL */
        LR_FREE(ledger->alloc, queue);
        return NULL;
    }
    return queue;
}

void lr_ledger_queue_wait(struct lr_ledger_queue *queue, struct lr_ledger_session *session,
                          lr_time at) {
    session->queue = queue;
    queue->pending++;
    queue->changed_at = at;
    bool inserted = lr_tree_insert(&queue->waiting, &session->of_queue);
    (void)inserted; /* session numbers are unique */
}

bool lr_ledger_queue_passed(const struct lr_ledger *ledger, const struct lr_ledger_session *session,
                            char out[LR_ERROR_TEXT_MAX]) {
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, session->account.request_link);
    if (session->passed_at == LR_TIME_NEVER || !lr_tree_linked(&session->of_queue) ||
        (link != NULL && link->hurt)) {
        return false;
    }
    const struct lr_ledger_session *by = ledger->sessions[session->passed_by - 1];
    (void)snprintf(out, LR_ERROR_TEXT_MAX,
                   "granted to %s at priority %" PRId64 ", while %s waits at priority %" PRId64
                   " and came first there",
                   by->account.client, by->priority, session->account.client, session->priority);
    return true;
}

void lr_ledger_queue_leave(struct lr_ledger *ledger, struct lr_ledger_session *session,
                           lr_time at) {
    char text[LR_ERROR_TEXT_MAX];
    if (session->passed_at != LR_TIME_NEVER &&
        at > lr_time_add(session->passed_at, LR_LEDGER_ORDER_NS) &&
        lr_ledger_queue_passed(ledger, session, text)) {
        lr_ledger_find(ledger, at, LR_FINDING_PROTOCOL, session->passed_by, "%s", text);
    }
    session->passed_at = LR_TIME_NEVER;
    if (lr_tree_linked(&session->of_queue)) {
        lr_tree_remove(&session->queue->waiting, &session->of_queue);
        session->queue->pending--;
        session->queue->unsure -= session->unsure ? 1 : 0;
        session->unsure = false;
        session->queue->changed_at = at;
    }
}

/* What a wrong count means. */
static const struct {
    enum lr_finding_kind kind;
    const char *what;
} wrong_counts[] = {
    {LR_FINDING_ORPHAN, "more free than servers have on offer"},
    {LR_FINDING_PENDING, "more pending than clients wait"},
    {LR_FINDING_PROTOCOL, "fewer than there are"},
};

static void find_wrong(struct lr_ledger *ledger, lr_time at, struct lr_ledger_queue *queue,
                       size_t index, const struct lr_summary_queue *said) {
    if (queue->told[index]) {
        return;
    }
    queue->told[index] = true;
    lr_ledger_find(ledger, at, wrong_counts[index].kind, 0,
                   "SUMMARY says %s: %" PRId64 " free and %" PRId64 " pending under \"%s\", where "
                   "%zu and %zu are right",
                   wrong_counts[index].what, said->free, said->pending, queue->key, queue->free,
                   queue->pending);
}

/* A grant of it may have been taken back: its tracker counts that as free until its server is back.
 */
static bool is_in_doubt(const struct lr_ledger *ledger, const struct lr_ledger_queue *queue) {
    if (!ledger->doubted) {
        return false;
    }
    LR_LIST_EACH (node, &ledger->offers_made) {
        const struct lr_ledger_offer *offer =
            LR_CONTAINER_OF(node, const struct lr_ledger_offer, made);
        if (offer->in_doubt && offer->queue == queue && offer->link->gone_at == LR_TIME_NEVER &&
            offer->session->account.requestable_at == LR_TIME_NEVER) {
            return true;
        }
    }
    return false;
}

/* One queue, of which the tracker says |said|. */
static void compare(struct lr_ledger *ledger, lr_time at, lr_time asked_at,
                    struct lr_ledger_queue *queue, const struct lr_summary_queue *said) {
    if (queue->unsure > 0 || at < queue->unsure_until || is_in_doubt(ledger, queue) ||
        (queue->changed_at != 0 && lr_time_add(queue->changed_at, LR_LEDGER_ORDER_NS) > asked_at)) {
        return; /* it has just changed: the tracker may have answered before or after that */
    }
    int64_t excess = said->pending - (int64_t)queue->pending;
    queue->dead_counted = excess <= 0                      ? 0
                          : (uint64_t)excess < queue->dead ? (size_t)excess
                                                           : queue->dead;
    if (said->free > (int64_t)queue->free) {
        find_wrong(ledger, at, queue, 0, said);
    }
    if (excess > 0) {
        find_wrong(ledger, at, queue, 1, said);
    }
    if (said->free < (int64_t)queue->free || excess < 0) {
        find_wrong(ledger, at, queue, 2, said);
    }
}

static bool is_named(const struct lr_tracker_answer *answer, const char *key) {
    struct lr_summary_queue said;
    size_t count = lr_summary_queue_count(answer);
    for (size_t i = 0; i < count; i++) {
        if (lr_summary_queue_at(answer, i, &said) == LR_OK &&
            lr_text_equal(said.key, lr_text_of(key))) {
            return true;
        }
    }
    return false;
}

void lr_ledger_queues_compare(const struct lr_ledger_link *link, lr_time at, lr_time asked_at,
                              const struct lr_tracker_answer *answer) {
    struct lr_ledger *ledger = link->ledger;
    size_t count = lr_summary_queue_count(answer);
    for (size_t i = 0; i < count; i++) {
        struct lr_summary_queue said;
        struct lr_ledger_queue *queue = lr_summary_queue_at(answer, i, &said) == LR_OK
                                            ? lr_ledger_queue_of(link, said.key)
                                            : NULL;
        if (queue != NULL) {
            compare(ledger, at, asked_at, queue, &said);
        }
    }
    for (struct lr_tree_node *node = lr_tree_first(&ledger->queues); node != NULL;
         node = lr_tree_next(node)) {
        struct lr_ledger_queue *queue = LR_CONTAINER_OF(node, struct lr_ledger_queue, node);
        bool here = strcmp(queue->tracker, link->service) == 0;
        if (here && queue->free + queue->pending > 0 && !is_named(answer, queue->key)) {
            compare(ledger, at, asked_at, queue, &(struct lr_summary_queue){.free = 0});
        }
    }
}

struct lr_queue_account lr_ledger_queue(const struct lr_ledger *ledger, struct lr_text key) {
    struct lr_queue_account account = {.free = 0};
    for (struct lr_tree_node *node = lr_tree_first(&ledger->queues); node != NULL;
         node = lr_tree_next(node)) {
        const struct lr_ledger_queue *queue = queue_of(node);
        if (lr_text_equal(key, lr_text_of(queue->key))) {
            account.free += queue->free;
            account.pending += queue->pending;
            account.pending_of_the_dead += queue->dead_counted;
            account.changed_at =
                queue->changed_at > account.changed_at ? queue->changed_at : account.changed_at;
        }
    }
    return account;
}
