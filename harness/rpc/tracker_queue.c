/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, the matchkeys that are free under them, the requests that wait for one, and who has got
 * which. */
#include <string.h>

#include "base/assert.h"
#include "rpc/tracker_internal.h"

enum { RETRY_NS = 100 * 1000 * 1000, PORT_DIGITS_MAX = 5 };

static struct lr_tracker_queue *queue_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, struct lr_tracker_queue, node);
}

static struct lr_tracker_entry *entry_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, struct lr_tracker_entry, node);
}

static struct lr_tracker_request *request_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, struct lr_tracker_request, node);
}

static int compare_queues(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return lr_text_compare(queue_of(a)->key, queue_of(b)->key);
}

static int compare_key(const void *key, const struct lr_tree_node *node) {
    return lr_text_compare(*(const struct lr_text *)key, queue_of(node)->key);
}

int lr_tracker_compare_matchkeys(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return lr_text_compare(entry_of(a)->matchkey, entry_of(b)->matchkey);
}

static int compare_matchkey(const void *key, const struct lr_tree_node *node) {
    return lr_text_compare(*(const struct lr_text *)key, entry_of(node)->matchkey);
}

/* Higher priority first, then first come. */
static int compare_requests(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    const struct lr_tracker_request *left = request_of(a);
    const struct lr_tracker_request *right = request_of(b);
    int order = LR_ORDER(right->priority, left->priority); /* the higher one comes first */
    order = order != 0 ? order : LR_ORDER(right->priority_rest, left->priority_rest);
    return order != 0 ? order : LR_ORDER(left->arrival, right->arrival);
}

void lr_tracker_queues_init(struct lr_tracker *tracker) {
    lr_tree_init(&tracker->queues, compare_queues);
    lr_list_init(&tracker->unmatched);
}

/* The queue of |key|, made where there is none, with one more user; NULL: no memory. */
static struct lr_tracker_queue *use_queue(struct lr_tracker *tracker, struct lr_text key) {
    struct lr_tree_node *found = lr_tree_find(&tracker->queues, &key, compare_key);
    if (found != NULL) {
        queue_of(found)->users++;
        return queue_of(found);
    }
    struct lr_tracker_queue *queue = LR_NEW(tracker->role.env.alloc, struct lr_tracker_queue);
    if (queue == NULL || lr_tracker_text_copy(tracker, key, &queue->key) != LR_OK) {
        lr_alloc_free(tracker->role.env.alloc, queue, sizeof *queue);
        return NULL;
    }
    lr_list_init(&queue->unmatched);
    lr_list_init(&queue->free_entries);
    lr_tree_init(&queue->requests, compare_requests);
    queue->users = 1;
    bool inserted = lr_tree_insert(&tracker->queues, &queue->node);
    LR_ASSERT(inserted);
    return queue;
}

/* Without users it goes: a key is no longer listed when nothing and nobody has to do with it. */
static void leave_queue(struct lr_tracker *tracker, struct lr_tracker_queue *queue) {
    LR_ASSERT(queue->users > 0);
    if (--queue->users == 0) {
        LR_ASSERT(lr_list_empty(&queue->free_entries) && queue->requests.count == 0);
        lr_list_remove(&queue->unmatched);
        lr_tree_remove(&tracker->queues, &queue->node);
        lr_tracker_text_free(tracker, &queue->key);
        LR_FREE(tracker->role.env.alloc, queue);
    }
}

static void free_hold(struct lr_tracker *tracker, struct lr_tracker_hold *hold) {
    if (hold != NULL) {
        lr_alloc_free(tracker->role.env.alloc, hold, hold->block_bytes);
    }
}

/* Appends |text| at |*at|. */
static void put_text(char **at, struct lr_text text) {
    if (text.size > 0) {
        memcpy(*at, text.data, text.size);
        *at += text.size;
    }
}

/* Appends HOST:PORT at |*at|, an IPv6 address in brackets, and returns it. */
static struct lr_text put_address(char **at, struct lr_text host, uint16_t port) {
    const char *begin = *at;
    bool brackets = lr_text_has(host, ':');
    put_text(at, lr_text_of(brackets ? "[" : ""));
    put_text(at, host);
    put_text(at, lr_text_of(brackets ? "]:" : ":"));
    char digits[PORT_DIGITS_MAX];
    size_t first = sizeof digits;
    for (unsigned int rest = port; first == sizeof digits || rest > 0; rest /= 10) {
        digits[--first] = (char)('0' + rest % 10);
    }
    put_text(at, (struct lr_text){digits + first, sizeof digits - first});
    return (struct lr_text){begin, (size_t)(*at - begin)};
}

static struct lr_tracker_hold *new_hold(struct lr_tracker *tracker,
                                        const struct lr_tracker_entry *entry,
                                        const struct lr_tracker_request *request, lr_time now) {
    const struct lr_tracker_conn *client = request->conn;
    size_t address_more = strlen("[]:") + PORT_DIGITS_MAX;
    size_t size = sizeof(struct lr_tracker_hold) + entry->host.size + address_more +
                  client->ip.size + address_more + request->user.size;
    struct lr_tracker_hold *hold = lr_alloc_bytes(tracker->role.env.alloc, size);
    if (hold != NULL) {
        char *at = (char *)(hold + 1);
        *hold = (struct lr_tracker_hold){.block_bytes = size, .since = now};
        hold->server = put_address(&at, entry->host, entry->port);
        hold->client = put_address(&at, client->ip, client->port);
        hold->user = (struct lr_text){at, request->user.size};
        put_text(&at, request->user);
    }
    return hold;
}

static void free_request(struct lr_tracker *tracker, struct lr_tracker_request *request) {
    lr_tracker_text_free(tracker, &request->user);
    LR_FREE(tracker->role.env.alloc, request);
}

/* Takes |request| out, granted or withdrawn. The queue may go with it. */
static void remove_request(struct lr_tracker *tracker, struct lr_tracker_request *request) {
    struct lr_tracker_queue *queue = request->queue;
    lr_tree_remove(&queue->requests, &request->node);
    lr_list_remove(&request->of_conn);
    request->conn->waiting_count--;
    tracker->counts.pending--;
    free_request(tracker, request);
    leave_queue(tracker, queue);
}

/* |entry| is to be had, behind all others under its key. */
static void set_free(struct lr_tracker *tracker, struct lr_tracker_entry *entry) {
    LR_ASSERT(entry->hold == NULL);
    lr_list_append(&entry->owner->free_entries, &entry->of_owner);
    lr_list_append(&entry->queue->free_entries, &entry->of_queue);
    entry->queue->free_count++;
    entry->owner->waiting_count++;
    tracker->counts.free++;
}

/* |entry| is neither free nor held any more. */
static void unset(struct lr_tracker *tracker, struct lr_tracker_entry *entry) {
    if (entry->hold == NULL) {
        entry->queue->free_count--;
        entry->owner->waiting_count--;
        tracker->counts.free--;
    } else {
        entry->owner->held_count--;
        tracker->counts.held--;
    }
    free_hold(tracker, entry->hold);
    entry->hold = NULL;
    lr_list_remove(&entry->of_owner);
    lr_list_remove(&entry->of_queue);
    lr_list_remove(&entry->of_client);
}

static void free_entry(struct lr_tracker *tracker, struct lr_tracker_entry *entry) {
    lr_tracker_text_free(tracker, &entry->matchkey);
    if (entry->owns_host) {
        lr_tracker_text_free(tracker, &entry->host);
    }
    LR_FREE(tracker->role.env.alloc, entry);
}

/* The end of |entry|: withdrawn, or replaced. The queue may go with it. */
static void remove_entry(struct lr_tracker *tracker, struct lr_tracker_entry *entry) {
    struct lr_tracker_queue *queue = entry->queue;
    unset(tracker, entry);
    lr_tree_remove(&entry->owner->matchkeys, &entry->node);
    free_entry(tracker, entry);
    leave_queue(tracker, queue);
}

/* |entry|, free until now, is |client|'s, to whom the answer has just been queued. */
static void set_held(struct lr_tracker *tracker, struct lr_tracker_entry *entry,
                     struct lr_tracker_hold *hold, struct lr_tracker_conn *client) {
    struct lr_tracker_conn *owner = entry->owner;
    unset(tracker, entry);
    entry->hold = hold;
    entry->answer_end = client->sent;
    lr_list_append(&owner->held_entries, &entry->of_owner);
    lr_list_append(&client->undelivered, &entry->of_client);
    owner->held_count++;
    tracker->counts.held++;
    tracker->counts.grants++;
    if (owner->held_count > tracker->options.entries_max) {
        /* A server that puts and never says what it replaces: the account of it stays bounded. */
        remove_entry(tracker,
                     LR_CONTAINER_OF(owner->held_entries.next, struct lr_tracker_entry, of_owner));
    }
}

/* Gives |entry| to |request|. LR_ENOMEM: both wait on. */
static enum lr_status grant(struct lr_tracker *tracker, struct lr_tracker_entry *entry,
                            struct lr_tracker_request *request, lr_time now) {
    struct lr_tracker_conn *client = request->conn;
    struct lr_buf answer;
    lr_buf_init(&answer, tracker->role.env.alloc);
    struct lr_tracker_hold *hold = new_hold(tracker, entry, request, now);
    if (hold == NULL ||
        lr_tracker_answer_grant(tracker->role.env.alloc, entry->host, entry->port, entry->matchkey,
                                &answer) != LR_OK ||
        lr_tracker_conn_send(tracker, client, &answer, now) != LR_OK) {
        free_hold(tracker, hold);
        lr_buf_deinit(&answer);
        return LR_ENOMEM;
    }
    char quoted[120];
    lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_GRANT, client->number, "%s to %.*s",
                  lr_text_quote(quoted, sizeof quoted, entry->matchkey), (int)hold->client.size,
                  hold->client.data);
    set_held(tracker, entry, hold, client);
    remove_request(tracker, request);
    return LR_OK;
}

/* Gives what is free under |queue|, which has to have a user of the caller's, to who waits. */
static void match(struct lr_tracker *tracker, struct lr_tracker_queue *queue, lr_time now) {
    lr_list_remove(&queue->unmatched);
    while (!lr_list_empty(&queue->free_entries) && queue->requests.count > 0) {
        struct lr_tracker_entry *entry =
            LR_CONTAINER_OF(queue->free_entries.next, struct lr_tracker_entry, of_queue);
        struct lr_tracker_request *request = request_of(lr_tree_first(&queue->requests));
        if (grant(tracker, entry, request, now) != LR_OK) {
            lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_FAILURE, request->conn->number,
                          "out of memory for a grant; it is tried again");
            lr_list_append(&tracker->unmatched, &queue->unmatched);
            lr_timers_arm(&tracker->timers, &tracker->retry_timer, lr_time_add(now, RETRY_NS));
            return;
        }
    }
}

void lr_tracker_match_again(struct lr_tracker *tracker, lr_time now) {
    struct lr_list again;
    lr_list_init(&again);
    while (!lr_list_empty(&tracker->unmatched)) { /* those that fail once more are appended anew */
        struct lr_list *node = tracker->unmatched.next;
        lr_list_remove(node);
        lr_list_append(&again, node);
    }
    while (!lr_list_empty(&again)) {
        struct lr_tracker_queue *queue =
            LR_CONTAINER_OF(again.next, struct lr_tracker_queue, unmatched);
        match(tracker, queue, now);
    }
}

static struct lr_tracker_entry *new_entry(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                          const struct lr_tracker_msg *msg) {
    struct lr_tracker_entry *entry = LR_NEW(tracker->role.env.alloc, struct lr_tracker_entry);
    if (entry == NULL) {
        return NULL;
    }
    lr_list_init(&entry->of_owner);
    lr_list_init(&entry->of_queue);
    lr_list_init(&entry->of_client);
    entry->owner = conn;
    entry->port = msg->port;
    entry->host = conn->ip;
    if (lr_tracker_text_copy(tracker, msg->matchkey, &entry->matchkey) != LR_OK) {
        LR_FREE(tracker->role.env.alloc, entry);
        return NULL;
    }
    if (msg->has_host) {
        entry->owns_host = true;
        if (lr_tracker_text_copy(tracker, msg->host, &entry->host) != LR_OK) {
            entry->owns_host = false;
            free_entry(tracker, entry);
            return NULL;
        }
    }
    return entry;
}

static struct lr_tracker_entry *find_entry(const struct lr_tracker_conn *conn,
                                           struct lr_text matchkey) {
    struct lr_tree_node *node = lr_tree_find(&conn->matchkeys, &matchkey, compare_matchkey);
    return node == NULL ? NULL : entry_of(node);
}

/* The entry of |conn| under |queue| that was granted longest ago, or NULL. */
static struct lr_tracker_entry *oldest_hold(const struct lr_tracker_conn *conn,
                                            const struct lr_tracker_queue *queue) {
    LR_LIST_EACH (node, &conn->held_entries) {
        struct lr_tracker_entry *entry = LR_CONTAINER_OF(node, struct lr_tracker_entry, of_owner);
        if (entry->queue == queue) {
            return entry;
        }
    }
    return NULL;
}

/* The one matchkey of |conn|, where it was taken back: its client may have read the grant after
 * all, and then it is spent when its server puts another. NULL: none such. */
static struct lr_tracker_entry *spent_entry(const struct lr_tracker_conn *conn,
                                            const struct lr_tracker_queue *queue) {
    struct lr_tracker_entry *only =
        conn->matchkeys.count == 1 ? entry_of(conn->matchkeys.root) : NULL;
    return only != NULL && only->taken_back && only->queue == queue ? only : NULL;
}

/* A server that puts a matchkey is back from a session: ends the hold that this PUT replaces. A
 * matchkey put twice is one matchkey, so that it is never granted twice. */
static void replace(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                    const struct lr_tracker_msg *msg, const struct lr_tracker_queue *queue) {
    struct lr_tracker_entry *same = find_entry(conn, msg->matchkey);
    struct lr_tracker_entry *replaced = NULL;
    if (msg->has_replaces) {
        replaced = find_entry(conn, msg->replaces);
    } else if (same == NULL) {
        replaced = oldest_hold(conn, queue);
        replaced = replaced != NULL ? replaced : spent_entry(conn, queue);
    }
    if (replaced != NULL && replaced != same) {
        remove_entry(tracker, replaced);
    }
    if (same != NULL) {
        remove_entry(tracker, same);
    }
}

enum lr_status lr_tracker_put(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                              const struct lr_tracker_msg *msg, lr_time now) {
    struct lr_tracker_queue *queue = use_queue(tracker, msg->key);
    if (queue == NULL) {
        return LR_ENOMEM;
    }
    struct lr_tracker_entry *entry = new_entry(tracker, conn, msg);
    if (entry == NULL) {
        leave_queue(tracker, queue);
        return LR_ENOMEM;
    }
    char quoted[120];
    lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_PUT, conn->number, "%s",
                  lr_text_quote(quoted, sizeof quoted, msg->matchkey));
    replace(tracker, conn, msg, queue);
    entry->queue = queue;
    conn->put_port = msg->port;
    bool inserted = lr_tree_insert(&conn->matchkeys, &entry->node);
    LR_ASSERT(inserted);
    set_free(tracker, entry);
    match(tracker, queue, now);
    return LR_OK;
}

enum lr_status lr_tracker_request(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                  const struct lr_tracker_msg *msg, lr_time now) {
    struct lr_tracker_queue *queue = use_queue(tracker, msg->key);
    if (queue == NULL) {
        return LR_ENOMEM;
    }
    struct lr_tracker_request *request = LR_NEW(tracker->role.env.alloc, struct lr_tracker_request);
    if (request == NULL || lr_tracker_text_copy(tracker, msg->user, &request->user) != LR_OK) {
        lr_alloc_free(tracker->role.env.alloc, request, sizeof *request);
        leave_queue(tracker, queue);
        return LR_ENOMEM;
    }
    char quoted[120];
    lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_REQUEST, conn->number,
                  "%s, priority %lld", lr_text_quote(quoted, sizeof quoted, msg->key),
                  (long long)msg->priority);
    request->conn = conn;
    request->queue = queue;
    request->priority = msg->priority;
    request->priority_rest = msg->priority_rest;
    request->arrival = tracker->arrivals++;
    bool inserted = lr_tree_insert(&queue->requests, &request->node);
    LR_ASSERT(inserted);
    lr_list_append(&conn->requests, &request->of_conn);
    conn->waiting_count++;
    tracker->counts.pending++;
    match(tracker, queue, now);
    return LR_OK;
}

void lr_tracker_delivered(struct lr_tracker_conn *conn) {
    uint64_t gone_out = conn->sent - conn->unsent;
    LR_LIST_EACH (node, &conn->undelivered) {
        struct lr_tracker_entry *entry = LR_CONTAINER_OF(node, struct lr_tracker_entry, of_client);
        if (entry->answer_end > gone_out) {
            break;
        }
        lr_list_remove(node);
    }
}

/* What |conn| was granted and cannot have heard of is to be had again. */
static void take_back(struct lr_tracker *tracker, struct lr_tracker_conn *conn, lr_time now) {
    while (!lr_list_empty(&conn->undelivered)) {
        struct lr_tracker_entry *entry =
            LR_CONTAINER_OF(conn->undelivered.next, struct lr_tracker_entry, of_client);
        unset(tracker, entry);
        entry->taken_back = true;
        set_free(tracker, entry);
        match(tracker, entry->queue, now);
    }
}

void lr_tracker_withdraw(struct lr_tracker *tracker, struct lr_tracker_conn *conn, bool flushed,
                         lr_time now) {
    size_t count = conn->waiting_count;
    while (!lr_list_empty(&conn->requests)) { /* before its grants, which it must not get again */
        remove_request(tracker,
                       LR_CONTAINER_OF(conn->requests.next, struct lr_tracker_request, of_conn));
    }
    while (conn->matchkeys.root != NULL) { /* before grants likewise: they may be its own */
        remove_entry(tracker, entry_of(conn->matchkeys.root));
    }
    while (flushed && !lr_list_empty(&conn->undelivered)) {
        lr_list_remove(conn->undelivered.next);
    }
    take_back(tracker, conn, now);
    LR_ASSERT(conn->waiting_count == 0 && conn->held_count == 0);
    if (count > 0) {
        lr_trace_emit(&tracker->role.env.trace, now, LR_TRACE_WITHDRAW, conn->number,
                      "%zu matchkeys and requests", count);
    }
}
