/* SPDX-License-Identifier: Apache-2.0 */
/* The client's life, its connections by number, its operations and their results, and the dispatch
 * of events to the files that own them. */
#include "rpc/client.h"

#include <string.h>

#include "base/assert.h"
#include "rpc/client_parts.h"

const struct lr_client_options lr_client_options_default = {
    .tracker_host = NULL,
    .tracker_port = 9190,
    .user = "",
    .sessions_max = 4096,
    .asks_max = 65536,
    .calls_max = 4096,
    .key_bytes_max = 4096,
    .grant_bytes_max = 1 << 16,
    .summary_bytes_max = 64 << 20,
    .text_bytes_max = 1 << 20,
    .packet_bytes_max = UINT64_C(1) << 30,
    .values = {.count_max = 65536, .ndim_max = LR_NDIM_MAX},
    .handshake_ns = 5 * LR_SECOND,
    .stalled_ns = 30 * LR_SECOND,
    .unread_ns = 30 * LR_SECOND,
    .linger_ns = LR_SECOND,
    .keepalive = {.idle_ns = 30 * LR_SECOND, .interval_ns = 5 * LR_SECOND, .probes = 3},
};

struct lr_alloc *lr_client_alloc(const struct lr_client *client) {
    return client->role.env.alloc;
}

/* Connections. */

static struct client_link *link_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF((struct lr_tree_node *)node, struct client_link, node);
}

static int compare_links(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return LR_ORDER(link_of(a)->conn, link_of(b)->conn);
}

static int compare_conn(const void *key, const struct lr_tree_node *node) {
    return LR_ORDER(*(const lr_conn *)key, link_of(node)->conn);
}

enum lr_status lr_client_link_open(struct lr_client *client, struct client_link *link,
                                   enum client_link_kind kind, const struct lr_address *address) {
    enum lr_status status =
        lr_outbox_connect(&client->role.outbox, address, client->options.keepalive, &link->conn);
    if (status != LR_OK) {
        return status;
    }
    link->kind = kind;
    link->client = client;
    link->timer.kind = CLIENT_TIMER_LINK;
    lr_list_init(&link->grave);
    lr_framer_init(&link->framer, lr_client_alloc(client), LR_FRAME_WORD);
    link->framer.keep_max = SIZE_MAX;
    bool inserted = lr_tree_insert(&client->links, &link->node);
    LR_ASSERT(inserted);
    return LR_OK;
}

void lr_client_link_end(struct client_link *link, enum client_end how) {
    struct lr_client *client = link->client;
    LR_ASSERT(!link->ended);
    link->ended = true;
    lr_timers_disarm(&client->timers, &link->timer);
    lr_tree_remove(&client->links, &link->node);
    if (how == CLIENT_END_RESET) {
        lr_outbox_reset(&client->role.outbox, link->conn);
    } else if (how != CLIENT_END_GONE) {
        lr_outbox_close(&client->role.outbox, link->conn,
                        how == CLIENT_END_DONE ? 0 : client->options.linger_ns);
    }
}

void lr_client_link_bury(struct client_link *link) {
    LR_ASSERT(link->ended && lr_list_empty(&link->grave));
    lr_list_append(&link->client->graves, &link->grave);
}

void lr_client_sweep(struct lr_client *client) {
    LR_LIST_EACH (node, &client->graves) {
        struct client_link *link = LR_CONTAINER_OF(node, struct client_link, grave);
        lr_list_remove(node);
        if (link->kind == CLIENT_LINK_SESSION) {
            lr_client_session_free(LR_CONTAINER_OF(link, struct lr_session, link));
        } else {
            lr_framer_deinit(&link->framer);
            LR_FREE(lr_client_alloc(client), LR_CONTAINER_OF(link, struct client_tracker, link));
        }
    }
}

/* Operations. */

static struct client_op *op_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF((struct lr_tree_node *)node, struct client_op, by_number);
}

static int compare_ops(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return LR_ORDER(op_of(a)->number, op_of(b)->number);
}

static int compare_op_number(const void *key, const struct lr_tree_node *node) {
    return LR_ORDER(*(const lr_op *)key, op_of(node)->number);
}

enum lr_status lr_client_op_begin(struct lr_client *client, struct client_op *op,
                                  enum client_op_kind kind) {
    struct client_result *result = LR_NEW(lr_client_alloc(client), struct client_result);
    if (result == NULL) {
        return LR_ENOMEM;
    }
    LR_ASSERT(client->last_op < UINT32_MAX);
    op->number = ++client->last_op;
    op->kind = kind;
    op->client = client;
    op->result = result;
    lr_list_init(&op->node);
    lr_list_init(&result->node);
    result->result.op = op->number;
    lr_buf_init(&result->result.bytes, lr_client_alloc(client));
    lr_tracker_answer_init(&result->result.summary, lr_client_alloc(client));
    bool inserted = lr_tree_insert(&client->ops, &op->by_number);
    LR_ASSERT(inserted);
    return LR_OK;
}

void lr_client_result_fail(struct lr_result *result, const struct lr_error *error) {
    LR_ASSERT(error->code != LR_OK);
    result->kind = LR_ANSWER_NONE;
    result->value = lr_value_null(); /* it may point into a packet that goes */
    result->array_handle = 0;
    result->error = *error;
}

void lr_client_op_answer(struct client_op *op, lr_time now, const struct lr_error *error) {
    struct client_result *result = op->result;
    if (result == NULL) {
        return;
    }
    op->result = NULL;
    result->result.at = now;
    if (error != NULL) {
        lr_client_result_fail(&result->result, error);
    }
    lr_list_append(&op->client->results, &result->node);
}

static void free_result(struct lr_client *client, struct client_result *result) {
    lr_result_deinit(&result->result);
    LR_FREE(lr_client_alloc(client), result);
}

void lr_client_op_end(struct client_op *op) {
    lr_list_remove(&op->node);
    lr_tree_remove(&op->client->ops, &op->by_number);
    if (op->result != NULL) {
        free_result(op->client, op->result);
        op->result = NULL;
    }
}

bool lr_client_has_result(const struct lr_client *client) {
    return !lr_list_empty(&client->results);
}

bool lr_client_next_result(struct lr_client *client, struct lr_result *out) {
    if (lr_list_empty(&client->results)) {
        return false;
    }
    struct client_result *first = LR_CONTAINER_OF(client->results.next, struct client_result, node);
    lr_list_remove(&first->node);
    *out = first->result;
    LR_FREE(lr_client_alloc(client), first);
    return true;
}

void lr_result_deinit(struct lr_result *result) {
    lr_buf_deinit(&result->bytes);
    lr_tracker_answer_deinit(&result->summary);
}

void lr_client_cancel(struct lr_client *client, lr_time now, lr_op op) {
    struct lr_tree_node *node = lr_tree_find(&client->ops, &op, compare_op_number);
    if (node == NULL || op_of(node)->result == NULL) {
        return;
    }
    struct client_op *given_up = op_of(node);
    if (given_up->kind == CLIENT_CALL) {
        lr_client_flight_cancel(LR_CONTAINER_OF(given_up, struct client_call, op), now);
    } else {
        struct lr_error error = {0};
        (void)lr_error_set(&error, LR_ECANCELED, "given up by its owner");
        lr_client_ask_finish(LR_CONTAINER_OF(given_up, struct client_ask, op), now, &error);
    }
    lr_client_sweep(client);
}

/* Events. */

static void expire(struct lr_client *client, lr_time now) {
    for (struct lr_timer *timer = lr_timers_pop(&client->timers, now); timer != NULL;
         timer = lr_timers_pop(&client->timers, now)) {
        if (timer->kind == CLIENT_TIMER_WAIT) {
            lr_client_ask_timer(LR_CONTAINER_OF(timer, struct client_ask, timer), now);
            continue;
        }
        struct client_link *link = LR_CONTAINER_OF(timer, struct client_link, timer);
        if (link->kind == CLIENT_LINK_TRACKER) {
            lr_client_tracker_timer(LR_CONTAINER_OF(link, struct client_tracker, link), now);
        } else {
            lr_client_session_timer(LR_CONTAINER_OF(link, struct lr_session, link), now);
        }
    }
}

static void handle_event(struct lr_role *role, const struct lr_event *event) {
    struct lr_client *client = LR_CONTAINER_OF(role, struct lr_client, role);
    if (event->kind == LR_EVENT_EXPIRED) {
        expire(client, event->now);
    } else {
        struct lr_tree_node *node = lr_tree_find(&client->links, &event->conn, compare_conn);
        struct client_link *link = node == NULL ? NULL : link_of(node);
        if (link != NULL && link->kind == CLIENT_LINK_TRACKER) {
            lr_client_tracker_handle(LR_CONTAINER_OF(link, struct client_tracker, link), event);
        } else if (link != NULL) {
            lr_client_session_handle(LR_CONTAINER_OF(link, struct lr_session, link), event);
        }
    }
    lr_client_sweep(client);
}

static lr_time next_deadline(const struct lr_role *role) {
    const struct lr_client *client =
        LR_CONTAINER_OF((struct lr_role *)role, struct lr_client, role);
    return lr_timers_next(&client->timers);
}

static const struct lr_role_ops client_ops = {
    .name = "client", .handle = handle_event, .deadline = next_deadline};

/* Life. */

static enum lr_status check_options(const struct lr_client_options *options,
                                    struct lr_error *error) {
    if (options->tracker_host != NULL &&
        (options->tracker_host[0] == '\0' || strlen(options->tracker_host) >= LR_HOST_MAX)) {
        return lr_error_set(error, LR_EINVAL, "the tracker's host must have 1 to %d characters",
                            LR_HOST_MAX - 1);
    }
    if (options->tracker_host != NULL && options->tracker_port == 0) {
        return lr_error_set(error, LR_EINVAL, "the tracker's port must not be 0");
    }
    if (options->user != NULL && !lr_text_is_utf8(lr_text_of(options->user))) {
        return lr_error_set(error, LR_EINVAL, "the user's name is not UTF-8");
    }
    return LR_OK;
}

static void init_client(struct lr_client *client, const struct lr_env *env,
                        const struct lr_client_options *options) {
    client->role = (struct lr_role){.ops = &client_ops, .env = *env};
    lr_outbox_init(&client->role.outbox, env->alloc);
    client->options = *options;
    lr_tree_init(&client->links, compare_links);
    lr_tree_init(&client->ops, compare_ops);
    lr_timers_init(&client->timers);
    lr_list_init(&client->trackers);
    lr_list_init(&client->sessions);
    lr_list_init(&client->results);
    lr_list_init(&client->graves);
}

enum lr_status lr_client_new(struct lr_client **out, const struct lr_env *env,
                             const struct lr_client_options *options, struct lr_error *error) {
    if (check_options(options, error) != LR_OK) {
        return LR_EINVAL;
    }
    struct lr_client *client = LR_NEW(env->alloc, struct lr_client);
    if (client == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a client");
    }
    init_client(client, env, options);
    const char *user = options->user == NULL ? "" : options->user;
    client->user = lr_alloc_string(env->alloc, user, strlen(user));
    if (options->tracker_host != NULL) {
        client->tracker_host =
            lr_alloc_string(env->alloc, options->tracker_host, strlen(options->tracker_host));
    }
    if (client->user == NULL || (options->tracker_host != NULL && client->tracker_host == NULL)) {
        lr_client_free(client);
        return lr_error_set(error, LR_ENOMEM, "no memory for a client");
    }
    client->options.user = client->user;
    client->options.tracker_host = client->tracker_host;
    *out = client;
    return LR_OK;
}

enum lr_status lr_client_set_tracker(struct lr_client *client, const char *host, uint16_t port) {
    if (host[0] == '\0' || strlen(host) >= LR_HOST_MAX || port == 0) {
        return LR_EINVAL;
    }
    if (client->tracker_host != NULL) {
        bool same = strcmp(client->tracker_host, host) == 0 && client->options.tracker_port == port;
        return same ? LR_OK : LR_EEXISTS;
    }
    client->tracker_host = lr_alloc_string(lr_client_alloc(client), host, strlen(host));
    if (client->tracker_host == NULL) {
        return LR_ENOMEM;
    }
    client->options.tracker_host = client->tracker_host;
    client->options.tracker_port = port;
    return LR_OK;
}

/* Results that nobody fetched: the references in them are the client's to let go. */
static void drop_results(struct lr_client *client) {
    LR_LIST_EACH (node, &client->results) {
        struct client_result *result = LR_CONTAINER_OF(node, struct client_result, node);
        lr_list_remove(node);
        struct lr_session *session = result->result.session;
        if (session != NULL) {
            LR_ASSERT(session->state == CLIENT_SESSION_CLOSED);
            lr_session_unref(session, 0, "never fetched");
        }
        free_result(client, result);
    }
}

void lr_client_free(struct lr_client *client) {
    if (client == NULL) {
        return;
    }
    drop_results(client);
    LR_ASSERT(lr_list_empty(&client->sessions));
    LR_ASSERT(client->ops.count == 0);
    LR_LIST_EACH (node, &client->trackers) { /* idle ones: nothing waits there */
        lr_client_tracker_close(LR_CONTAINER_OF(node, struct client_tracker, node), 0);
    }
    lr_client_sweep(client);
    LR_ASSERT(client->links.count == 0);
    struct lr_alloc *alloc = lr_client_alloc(client);
    lr_alloc_free_string(alloc, client->tracker_host);
    lr_alloc_free_string(alloc, client->user);
    lr_outbox_deinit(&client->role.outbox);
    LR_FREE(alloc, client);
}

struct lr_role *lr_client_role(struct lr_client *client) {
    return &client->role;
}

void lr_client_close(struct lr_client *client, lr_time now) {
    struct lr_error error = {0};
    (void)lr_error_set(&error, LR_ECANCELED, "the client is closed");
    client->closed = true;
    LR_LIST_EACH (node, &client->sessions) { /* and with them their calls and their openings */
        lr_client_session_end(LR_CONTAINER_OF(node, struct lr_session, node), now,
                              CLIENT_END_SHUTDOWN, &error);
    }
    while (client->ops.count > 0) { /* what waits at the tracker */
        struct client_op *op = op_of(lr_tree_first(&client->ops));
        LR_ASSERT(op->kind != CLIENT_CALL);
        lr_client_ask_finish(LR_CONTAINER_OF(op, struct client_ask, op), now, &error);
    }
    LR_LIST_EACH (node, &client->trackers) {
        lr_client_tracker_close(LR_CONTAINER_OF(node, struct client_tracker, node), now);
    }
    lr_client_sweep(client);
}
