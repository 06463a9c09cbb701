/* SPDX-License-Identifier: Apache-2.0 */
/* One of our roles in the live world: its commands are carried out, its events handed in, never one
 * within the other. What a command causes at once waits until all commands are carried out. */
#include "world/live_host.h"

#include "base/assert.h"

enum { EVENTS_A_TURN_MAX = 512 }; /* then the others have their turn, too */

static int compare_numbers(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    lr_conn left = LR_CONTAINER_OF(a, struct lr_numbered, node)->number;
    lr_conn right = LR_CONTAINER_OF(b, struct lr_numbered, node)->number;
    return LR_ORDER(left, right);
}

static int compare_number(const void *key, const struct lr_tree_node *node) {
    lr_conn left = *(const lr_conn *)key;
    lr_conn right = LR_CONTAINER_OF(node, const struct lr_numbered, node)->number;
    return LR_ORDER(left, right);
}

void lr_host_number(struct lr_live_host *host, struct lr_numbered *numbered, lr_conn number) {
    numbered->host = host;
    numbered->number = number;
    numbered->known = lr_tree_insert(&host->numbers, &numbered->node);
    LR_ASSERT(numbered->known);
    lr_list_init(&numbered->pending_node);
}

/* Commands mostly go to the connection that the last ones went to. */
static struct lr_numbered *find(struct lr_live_host *host, lr_conn number) {
    if (host->last_found == NULL || host->last_found->number != number) {
        struct lr_tree_node *node = lr_tree_find(&host->numbers, &number, compare_number);
        host->last_found = node == NULL ? NULL : LR_CONTAINER_OF(node, struct lr_numbered, node);
    }
    return host->last_found;
}

void lr_host_forget(struct lr_numbered *numbered) {
    if (numbered->known) {
        numbered->known = false;
        numbered->pending = 0;
        lr_list_remove(&numbered->pending_node);
        lr_tree_remove(&numbered->host->numbers, &numbered->node);
        if (numbered->host->last_found == numbered) {
            numbered->host->last_found = NULL;
        }
    }
}

void lr_host_pend(struct lr_numbered *numbered, enum lr_pending event, int error) {
    if (!numbered->known) {
        return;
    }
    if (numbered->pending == 0) {
        lr_list_append(&numbered->host->pending, &numbered->pending_node);
    }
    numbered->pending |= (unsigned int)event;
    numbered->error = error != 0 ? error : numbered->error;
}

/* ---- events ---- */

static void hand(struct lr_live_host *host, struct lr_event *event) {
    host->live->handed++;
    event->now = lr_live_clock(host->live);
    host->role->ops->handle(host->role, event);
}

static enum lr_event_kind kind_of(enum lr_pending pending) {
    static const struct {
        enum lr_pending pending;
        enum lr_event_kind kind;
    } rows[] = {
        {LR_PENDING_LISTENING, LR_EVENT_LISTENING},
        {LR_PENDING_WRITABLE, LR_EVENT_WRITABLE},
        {LR_PENDING_HALF_CLOSED, LR_EVENT_HALF_CLOSED},
        {LR_PENDING_LISTEN_FAILED, LR_EVENT_LISTEN_FAILED},
        {LR_PENDING_CONNECT_FAILED, LR_EVENT_CONNECT_FAILED},
        {LR_PENDING_RESET, LR_EVENT_RESET},
        {LR_PENDING_CLOSED, LR_EVENT_CLOSED},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        if (rows[i].pending == pending) {
            return rows[i].kind;
        }
    }
    LR_UNREACHABLE();
}

static void deliver_connected(struct lr_live_host *host, struct lr_host_conn *conn) {
    struct lr_event event;
    struct lr_address peer;
    lr_socket_no_delay(&conn->socket);
    if (lr_dial_arrived(conn, &event, &peer)) {
        hand(host, &event);
    }
}

/* Hands in the first event that waits for |numbered|. */
static void deliver(struct lr_live_host *host, struct lr_numbered *numbered) {
    unsigned int first = numbered->pending & (~numbered->pending + 1U);
    numbered->pending &= ~first;
    if (numbered->pending == 0) {
        lr_list_remove(&numbered->pending_node);
    }
    if (first == LR_PENDING_CONNECTED) {
        deliver_connected(host, LR_CONTAINER_OF(numbered, struct lr_host_conn, numbered));
        return;
    }
    char reason[160];
    struct lr_event event = {.kind = kind_of((enum lr_pending)first), .conn = numbered->number};
    if (numbered->is_listener) {
        event.listener = numbered->number;
        event.port = lr_serve_port(numbered);
    } else {
        event.unsent = LR_CONTAINER_OF(numbered, struct lr_host_conn, numbered)->socket.unsent;
    }
    if (numbered->error != 0) {
        event.status = lr_uv_status(numbered->error);
        event.reason = uv_strerror_r(numbered->error, reason, sizeof reason);
    }
    if (first >= LR_PENDING_LISTEN_FAILED) {
        lr_host_forget(numbered);
        lr_outbox_ended(&host->role->outbox);
    }
    hand(host, &event);
}

void lr_host_refuse(struct lr_live_host *host, lr_conn number, bool is_listener) {
    LR_ASSERT(host->refused_count < LR_REFUSED_MAX);
    host->refused[host->refused_count++] = (struct lr_refused){number, is_listener};
}

static void deliver_refused(struct lr_live_host *host) {
    struct lr_refused refused = host->refused[--host->refused_count];
    struct lr_event event = {.kind = refused.is_listener ? LR_EVENT_LISTEN_FAILED
                                                         : LR_EVENT_CONNECT_FAILED,
                             .conn = refused.number,
                             .listener = refused.is_listener ? refused.number : 0,
                             .status = LR_ENOMEM,
                             .reason = lr_status_text(LR_ENOMEM)};
    lr_outbox_ended(&host->role->outbox);
    hand(host, &event);
}

static void take_back_refused(struct lr_live_host *host, lr_conn number) {
    for (size_t i = 0; i < host->refused_count; i++) {
        if (host->refused[i].number == number) {
            host->refused[i] = host->refused[--host->refused_count];
            return;
        }
    }
}

/* ---- commands ---- */

static struct lr_host_conn *find_conn(struct lr_live_host *host, lr_conn number) {
    struct lr_numbered *found = find(host, number);
    return found == NULL || found->is_listener
               ? NULL
               : LR_CONTAINER_OF(found, struct lr_host_conn, numbered);
}

/* Sends in a row on one connection go out together. Returns how many they are. */
static size_t do_sends(struct lr_live_host *host, struct lr_command *commands, size_t count) {
    struct lr_buf *buffers[LR_OUTBOX_RUN_MAX];
    size_t run = lr_outbox_run(commands, count, buffers);
    struct lr_host_conn *conn = find_conn(host, commands[0].conn);
    if (conn == NULL) { /* its end has not reached the role yet */
        for (size_t i = 0; i < run; i++) {
            lr_buf_deinit(buffers[i]);
        }
        return run;
    }
    lr_socket_send(&conn->socket, buffers, run);
    if (!conn->socket.closing && conn->socket.unsent == 0) {
        lr_host_pend(&conn->numbered, LR_PENDING_WRITABLE, 0);
    }
    return run;
}

static void do_end(struct lr_live_host *host, struct lr_command *command) {
    struct lr_numbered *found = find(host, command->conn);
    if (found == NULL) {
        take_back_refused(host, command->conn);
        return;
    }
    lr_host_forget(found);
    if (found->is_listener) {
        lr_serve_stop(found);
        return;
    }
    struct lr_host_conn *conn = LR_CONTAINER_OF(found, struct lr_host_conn, numbered);
    if (command->kind == LR_COMMAND_CLOSE) {
        lr_conn_close(conn, command->linger_ns);
    } else {
        lr_conn_reset(conn);
    }
}

static void do_reading(struct lr_live_host *host, struct lr_command *command) {
    struct lr_host_conn *conn = find_conn(host, command->conn);
    if (conn != NULL) {
        lr_socket_read(&conn->socket, command->kind == LR_COMMAND_RESUME);
    }
}

static void do_shut(struct lr_live_host *host, struct lr_command *command) {
    struct lr_host_conn *conn = find_conn(host, command->conn);
    if (conn != NULL) {
        lr_socket_shut(&conn->socket);
    }
}

static void carry_out(struct lr_live_host *host) {
    static void (*const doers[])(struct lr_live_host * host, struct lr_command * command) = {
        [LR_COMMAND_LISTEN] = lr_serve_start, [LR_COMMAND_CONNECT] = lr_dial_start,
        [LR_COMMAND_PAUSE] = do_reading,      [LR_COMMAND_RESUME] = do_reading,
        [LR_COMMAND_SHUT_WRITE] = do_shut,    [LR_COMMAND_CLOSE] = do_end,
        [LR_COMMAND_RESET] = do_end,
    };
    size_t count;
    struct lr_outbox *outbox = &host->role->outbox;
    struct lr_command *commands = lr_outbox_take(outbox, &count);
    for (size_t i = 0; i < count;) {
        if (commands[i].kind == LR_COMMAND_SEND) {
            i += do_sends(host, &commands[i], count - i);
        } else {
            doers[commands[i].kind](host, &commands[i]);
            lr_outbox_drop(outbox, &commands[i++]);
        }
    }
    lr_outbox_return(outbox);
}

/* ---- deadlines ---- */

static void arm(struct lr_live_host *host);

void lr_host_alarm(struct lr_timer *timer) {
    struct lr_live_host *host = LR_CONTAINER_OF(timer, struct lr_live_host, timer);
    host->armed_at = LR_TIME_NEVER;
    if (host->role->ops->deadline(host->role) <= lr_live_clock(host->live)) {
        struct lr_event event = {.kind = LR_EVENT_EXPIRED};
        lr_host_hand(host, &event);
    } else {
        arm(host); /* moved later since */
    }
}

/* Only an earlier deadline is told to the clock; a later one is found when it rings. */
static void arm(struct lr_live_host *host) {
    lr_time at = host->role->ops->deadline(host->role);
    if (at < host->armed_at) {
        host->armed_at = at;
        lr_live_set_alarm(host->live, &host->timer, at);
    }
}

/* ---- the turn of a host ---- */

static size_t count_pending(struct lr_live_host *host) {
    size_t count = 0;
    LR_LIST_EACH (node, &host->pending) {
        count++;
    }
    return count;
}

/* What waits when the turn's events are used up is handed in all the same, once: a role that is not
 * told yet that its bytes are out would take a packet for half sent. */
void lr_host_settle(struct lr_live_host *host) {
    LR_ASSERT(!host->settling);
    host->settling = true;
    size_t limit = EVENTS_A_TURN_MAX;
    for (size_t events = 0;; events++) {
        if (host->role->outbox.count > 0) {
            carry_out(host);
        }
        if (lr_list_empty(&host->pending) && host->refused_count == 0) {
            break;
        }
        if (events == EVENTS_A_TURN_MAX) {
            limit += count_pending(host);
        }
        if (events == limit) {
            lr_list_remove(&host->busy);
            lr_list_append(&host->live->busy, &host->busy);
            break;
        }
        if (host->refused_count > 0) {
            deliver_refused(host);
        } else {
            deliver(host, LR_CONTAINER_OF(host->pending.next, struct lr_numbered, pending_node));
        }
    }
    host->settling = false;
    arm(host);
}

void lr_host_hand(struct lr_live_host *host, struct lr_event *event) {
    LR_ASSERT(!host->settling);
    hand(host, event);
    lr_host_settle(host);
}

void lr_hosts_deliver_busy(struct lr_live *live) {
    struct lr_list now;
    lr_list_init(&now);
    while (!lr_list_empty(&live->busy)) { /* who gets busy again waits for the next turn */
        struct lr_list *node = live->busy.next;
        lr_list_remove(node);
        lr_list_append(&now, node);
    }
    while (!lr_list_empty(&now)) {
        struct lr_live_host *host = LR_CONTAINER_OF(now.next, struct lr_live_host, busy);
        lr_list_remove(&host->busy);
        lr_host_settle(host);
    }
}

void lr_live_drain(struct lr_live_host *host) {
    lr_host_settle(host);
}

/* ---- coming and going ---- */

enum lr_status lr_live_add(struct lr_live *live, struct lr_role *role, const char *name,
                           enum lr_plane plane, struct lr_live_host **out) {
    const char *kept = lr_live_keep_name(live, name);
    struct lr_live_host *host = kept == NULL ? NULL : LR_NEW(live->alloc, struct lr_live_host);
    if (host == NULL) {
        return LR_ENOMEM;
    }
    host->base.world = &live->world;
    host->live = live;
    host->role = role;
    host->name = kept;
    host->plane = plane;
    enum lr_status status = lr_live_place(live, kept, &host->place, NULL);
    if (status != LR_OK) {
        LR_FREE(live->alloc, host);
        return status;
    }
    host->armed_at = LR_TIME_NEVER;
    lr_tree_init(&host->numbers, compare_numbers);
    lr_list_init(&host->busy);
    lr_list_init(&host->conns);
    lr_list_init(&host->pending);
    host->timer.kind = LR_ALARM_ROLE;
    lr_list_init(&host->node);
    lr_list_append(&live->hosts, &host->node);
    *out = host;
    return LR_OK;
}

void lr_live_remove(struct lr_live_host *host, bool graceful) {
    LR_ASSERT(!host->settling);
    while (host->numbers.root != NULL) {
        struct lr_numbered *numbered =
            LR_CONTAINER_OF(host->numbers.root, struct lr_numbered, node);
        lr_host_forget(numbered);
        if (numbered->is_listener) {
            lr_serve_stop(numbered);
        }
    }
    LR_LIST_EACH (node, &host->conns) {
        lr_conn_leave(LR_CONTAINER_OF(node, struct lr_host_conn, node), graceful);
    }
    lr_list_remove(&host->busy);
    lr_list_remove(&host->node);
    lr_live_unset_alarm(host->live, &host->timer);
    LR_FREE(host->live->alloc, host);
}

void lr_hosts_free_all(struct lr_live *live) {
    LR_LIST_EACH (node, &live->hosts) {
        lr_live_remove(LR_CONTAINER_OF(node, struct lr_live_host, node), false);
    }
}

size_t lr_live_host_sockets(const struct lr_live_host *host) {
    return host->conn_count;
}

uint16_t lr_live_conn_port(struct lr_live_host *host, lr_conn conn) {
    const struct lr_numbered *found = find(host, conn);
    return found == NULL || found->is_listener
               ? 0
               : LR_CONTAINER_OF(found, const struct lr_host_conn, numbered)->ports.local;
}
