/* SPDX-License-Identifier: Apache-2.0 */
/* One role in the simulated world: its commands are carried out, its events handed in, never one
 * within the other. What a command causes at once waits until all commands are carried out. The
 * rules, and the order of events, are those of world/live_host.c. */
#include "world/sim_conn.h"

#include "base/assert.h"

enum { EVENTS_A_TURN_MAX = 512 }; /* then the others have their turn, too */

/* A number for which there was not even the memory of a record: it is kept where the address of its
 * command was. */
struct lr_sim_refused {
    struct lr_sim_refused *next;
    lr_conn number;
    bool is_listener;
};
_Static_assert(sizeof(struct lr_sim_refused) <= sizeof(struct lr_address),
               "an address's block has to hold it");

void lr_sim_torture(struct lr_host *host, struct lr_sim_torture *torture) {
    LR_CONTAINER_OF(host, struct lr_sim_host, base)->torture = torture;
}

bool lr_sim_host_call_fails(struct lr_sim_host *host) {
    return host->torture != NULL && ++host->torture->calls == host->torture->fail_at;
}

/* ---- numbers ---- */

void lr_sim_host_number(struct lr_sim_host *host, struct lr_sim_numbered *numbered,
                        lr_conn number) {
    numbered->host = host;
    numbered->number = number;
    numbered->known = true;
    numbered->node.key = number;
    lr_list_init(&numbered->pending_node);
    (void)lr_table_add(&host->numbers, host->sim->alloc, &numbered->node);
}

/* Commands mostly go to the connection that the last ones went to. */
static struct lr_sim_numbered *find(struct lr_sim_host *host, lr_conn number) {
    if (host->last_found == NULL || host->last_found->number != number) {
        struct lr_table_node *node = lr_table_find(&host->numbers, number);
        host->last_found =
            node == NULL ? NULL : LR_CONTAINER_OF(node, struct lr_sim_numbered, node);
    }
    return host->last_found;
}

struct lr_sim_end *lr_sim_host_find_end(struct lr_sim_host *host, lr_conn number) {
    struct lr_sim_numbered *found = find(host, number);
    return found == NULL || found->is_listener
               ? NULL
               : LR_CONTAINER_OF(found, struct lr_sim_end, numbered);
}

void lr_sim_host_forget(struct lr_sim_numbered *numbered) {
    if (numbered->known) {
        numbered->known = false;
        numbered->pending = 0;
        lr_list_remove(&numbered->pending_node);
        lr_table_remove(&numbered->host->numbers, &numbered->node);
        if (numbered->host->last_found == numbered) {
            numbered->host->last_found = NULL;
        }
    }
}

void lr_sim_host_pend(struct lr_sim_numbered *numbered, enum lr_sim_pending event,
                      enum lr_sim_failure failure) {
    if (!numbered->known) {
        return;
    }
    if (numbered->pending == 0) {
        lr_list_append(&numbered->host->pending, &numbered->pending_node);
    }
    numbered->pending |= (uint8_t)event;
    numbered->failure = failure != LR_SIM_FINE ? (uint8_t)failure : numbered->failure;
}

void lr_sim_host_refuse(struct lr_sim_host *host, struct lr_command *command) {
    struct lr_sim_refused *refused = (struct lr_sim_refused *)(void *)command->address;
    bool is_listener = command->kind == LR_COMMAND_LISTEN;
    command->address = NULL;
    *refused = (struct lr_sim_refused){host->refused, command->conn, is_listener};
    host->refused = refused;
}

static void free_refused(struct lr_sim_host *host, struct lr_sim_refused *refused) {
    lr_alloc_free(host->role->outbox.alloc, refused, sizeof(struct lr_address));
}

static void take_back_refused(struct lr_sim_host *host, lr_conn number) {
    for (struct lr_sim_refused **at = &host->refused; *at != NULL; at = &(*at)->next) {
        if ((*at)->number == number) {
            struct lr_sim_refused *refused = *at;
            *at = refused->next;
            free_refused(host, refused);
            return;
        }
    }
}

/* ---- events ---- */

void lr_sim_host_tell(struct lr_sim_host *host, struct lr_event *event) {
    event->now = host->sim->now;
    if (lr_list_empty(&host->heard)) {
        lr_list_append(&host->sim->heard, &host->heard);
    }
    host->role->ops->handle(host->role, event);
}

struct lr_host *lr_sim_next_heard(struct lr_sim *sim) {
    if (lr_list_empty(&sim->heard)) {
        return NULL;
    }
    struct lr_list *node = sim->heard.next;
    lr_list_remove(node);
    return &LR_CONTAINER_OF(node, struct lr_sim_host, heard)->base;
}

/* What the live world says of the same. */
static const struct {
    enum lr_status status;
    const char *reason;
} failures[] = {
    [LR_SIM_FINE] = {LR_OK, NULL},
    [LR_SIM_NO_MEMORY] = {LR_ENOMEM, "not enough memory"},
    [LR_SIM_REFUSED] = {LR_EREFUSED, "connection refused"},
    [LR_SIM_RESET] = {LR_ERESET, "connection reset by peer"},
    [LR_SIM_BROKEN_PIPE] = {LR_ERESET, "broken pipe"},
    [LR_SIM_TIMED_OUT] = {LR_ETIMEOUT, "connection timed out"},
    [LR_SIM_UNKNOWN_NAME] = {LR_ENOTFOUND, "unknown node or service"},
    [LR_SIM_PORT_TAKEN] = {LR_EEXISTS, "address already in use"},
    [LR_SIM_NOT_OURS] = {LR_EIO, "address not available"},
    [LR_SIM_NO_PORT] = {LR_EIO, "address not available"},
    [LR_SIM_NO_DESCRIPTORS] = {LR_ELIMIT, "too many open files"},
};

static enum lr_event_kind kind_of(unsigned int pending) {
    static const struct {
        enum lr_sim_pending pending;
        enum lr_event_kind kind;
    } rows[] = {
        {LR_SIM_PENDING_LISTENING, LR_EVENT_LISTENING},
        {LR_SIM_PENDING_WRITABLE, LR_EVENT_WRITABLE},
        {LR_SIM_PENDING_HALF_CLOSED, LR_EVENT_HALF_CLOSED},
        {LR_SIM_PENDING_LISTEN_FAILED, LR_EVENT_LISTEN_FAILED},
        {LR_SIM_PENDING_CONNECT_FAILED, LR_EVENT_CONNECT_FAILED},
        {LR_SIM_PENDING_RESET, LR_EVENT_RESET},
        {LR_SIM_PENDING_CLOSED, LR_EVENT_CLOSED},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        if (rows[i].pending == pending) {
            return rows[i].kind;
        }
    }
    LR_UNREACHABLE();
}

/* The role has heard the last of it; a listener's record goes at once, a connection's when it is
 * looked after. */
static void end_number(struct lr_sim_host *host, struct lr_sim_numbered *numbered) {
    lr_sim_host_forget(numbered);
    lr_outbox_ended(&host->role->outbox);
    if (numbered->is_listener) {
        lr_sim_listen_stop(LR_CONTAINER_OF(numbered, struct lr_sim_listener, numbered));
    }
}

/* Hands in the first event that waits for |numbered|. */
static void deliver(struct lr_sim_host *host, struct lr_sim_numbered *numbered) {
    unsigned int pending = numbered->pending;
    unsigned int first = pending & (~pending + 1U);
    numbered->pending = (uint8_t)(pending & ~first);
    if (numbered->pending == 0) {
        lr_list_remove(&numbered->pending_node);
    }
    struct lr_event event = {.kind = kind_of(first),
                             .conn = numbered->number,
                             .status = failures[numbered->failure].status,
                             .reason = failures[numbered->failure].reason};
    if (numbered->is_listener) {
        event.listener = numbered->number;
        event.port = LR_CONTAINER_OF(numbered, struct lr_sim_listener, numbered)->number;
    } else {
        event.unsent = LR_CONTAINER_OF(numbered, struct lr_sim_end, numbered)->unsent;
    }
    if (first >= LR_SIM_PENDING_LISTEN_FAILED) {
        end_number(host, numbered);
    }
    lr_sim_host_tell(host, &event);
}

static void deliver_refused(struct lr_sim_host *host) {
    struct lr_sim_refused *refused = host->refused;
    struct lr_event event = {.kind = refused->is_listener ? LR_EVENT_LISTEN_FAILED
                                                          : LR_EVENT_CONNECT_FAILED,
                             .conn = refused->number,
                             .listener = refused->is_listener ? refused->number : 0,
                             .status = LR_ENOMEM,
                             .reason = lr_status_text(LR_ENOMEM)};
    host->refused = refused->next;
    free_refused(host, refused);
    lr_outbox_ended(&host->role->outbox);
    lr_sim_host_tell(host, &event);
}

/* ---- commands ---- */

/* Returns how many in a row they were. */
static size_t do_sends(struct lr_sim_host *host, struct lr_command *commands, size_t count) {
    struct lr_buf *buffers[LR_OUTBOX_RUN_MAX];
    size_t run = lr_outbox_run(commands, count, buffers);
    struct lr_sim_end *end = lr_sim_host_find_end(host, commands[0].conn);
    if (end == NULL || !lr_sim_conn_call(end)) { /* its end has not reached the role yet */
        for (size_t i = 0; i < run; i++) {
            lr_buf_deinit(buffers[i]);
        }
        return run;
    }
    lr_sim_send(end, buffers, run);
    if (!end->closed && end->unsent == 0) {
        lr_sim_host_pend(&end->numbered, LR_SIM_PENDING_WRITABLE, LR_SIM_FINE);
    }
    return run;
}

static void do_end(struct lr_sim_host *host, struct lr_command *command) {
    struct lr_sim_numbered *found = find(host, command->conn);
    if (found == NULL) {
        take_back_refused(host, command->conn);
        return;
    }
    lr_sim_host_forget(found);
    if (found->is_listener) {
        lr_sim_listen_stop(LR_CONTAINER_OF(found, struct lr_sim_listener, numbered));
        return;
    }
    struct lr_sim_end *end = LR_CONTAINER_OF(found, struct lr_sim_end, numbered);
    if (command->kind == LR_COMMAND_CLOSE) {
        lr_sim_conn_close(end, command->linger_ns);
    } else {
        lr_sim_conn_reset(end);
    }
}

static void do_reading(struct lr_sim_host *host, struct lr_command *command) {
    struct lr_sim_end *end = lr_sim_host_find_end(host, command->conn);
    if (end != NULL) {
        lr_sim_read(end, command->kind == LR_COMMAND_RESUME);
    }
}

static void do_shut(struct lr_sim_host *host, struct lr_command *command) {
    struct lr_sim_end *end = lr_sim_host_find_end(host, command->conn);
    if (end != NULL) {
        lr_sim_shut(end);
    }
}

static void carry_out(struct lr_sim_host *host) {
    static void (*const doers[])(struct lr_sim_host * host, struct lr_command * command) = {
        [LR_COMMAND_LISTEN] = lr_sim_listen, [LR_COMMAND_CONNECT] = lr_sim_dial,
        [LR_COMMAND_PAUSE] = do_reading,     [LR_COMMAND_RESUME] = do_reading,
        [LR_COMMAND_SHUT_WRITE] = do_shut,   [LR_COMMAND_CLOSE] = do_end,
        [LR_COMMAND_RESET] = do_end,
    };
    size_t count;
    struct lr_outbox *outbox = &host->role->outbox;
    struct lr_command *commands = lr_outbox_take(outbox, &count);
    for (size_t i = 0; i < count;) {
        if (commands[i].kind == LR_COMMAND_SEND) {
            i += do_sends(host, &commands[i], count - i);
        } else if ((commands[i].kind == LR_COMMAND_LISTEN ||
                    commands[i].kind == LR_COMMAND_CONNECT) &&
                   lr_sim_host_call_fails(host)) {
            lr_sim_host_refuse(host, &commands[i++]);
        } else {
            doers[commands[i].kind](host, &commands[i]);
            lr_outbox_drop(outbox, &commands[i++]);
        }
    }
    lr_outbox_return(outbox);
}

/* ---- the turn of a host ---- */

/* Only an earlier deadline moves the event; a later one is found when it comes. A role whose
 * deadline does not move on when it has come is asked again a little later, so that time goes on.
 */
static void arm(struct lr_sim_host *host) {
    lr_time now = host->sim->now;
    lr_time at = host->role->ops->deadline(host->role);
    if (at == LR_TIME_NEVER) {
        return;
    }
    if (at <= now) {
        at = host->expired_at == now ? lr_time_add(now, LR_MS) : now;
    }
    if (!lr_sim_armed(&host->event) || at < host->event.at) {
        lr_sim_arm(host->sim, &host->event, at);
    }
}

static size_t count_pending(struct lr_sim_host *host) {
    size_t count = 0;
    LR_LIST_EACH (node, &host->pending) {
        count++;
    }
    return count;
}

/* What waits when the turn's events are used up is handed in all the same, once: a role that is not
 * told yet that its bytes are out would take a packet for half sent. */
void lr_sim_host_settle(struct lr_sim_host *host) {
    LR_ASSERT(!host->settling);
    if (host->frozen) {
        return;
    }
    host->settling = true;
    size_t limit = EVENTS_A_TURN_MAX;
    for (size_t events = 0;; events++) {
        if (host->role->outbox.count > 0) {
            carry_out(host);
        }
        if (lr_list_empty(&host->pending) && host->refused == NULL) {
            break;
        }
        if (events == EVENTS_A_TURN_MAX) {
            limit += count_pending(host);
        }
        if (events == limit) {
            host->busy = true;
            lr_sim_arm(host->sim, &host->event, host->sim->now);
            break;
        }
        if (host->refused != NULL) {
            deliver_refused(host);
        } else {
            deliver(host,
                    LR_CONTAINER_OF(host->pending.next, struct lr_sim_numbered, pending_node));
        }
    }
    host->settling = false;
    arm(host);
}

void lr_sim_host_hand(struct lr_sim_host *host, struct lr_event *event) {
    LR_ASSERT(!host->settling);
    lr_sim_host_tell(host, event);
    lr_sim_host_settle(host);
}

void lr_sim_host_come(struct lr_sim_host *host) {
    if (host->frozen) {
        return;
    }
    if (host->busy) {
        host->busy = false;
        lr_sim_host_settle(host);
    } else if (host->role->ops->deadline(host->role) <= host->sim->now) {
        struct lr_event event = {.kind = LR_EVENT_EXPIRED};
        host->expired_at = host->sim->now;
        lr_sim_host_hand(host, &event);
    } else {
        arm(host);
    }
}

void lr_sim_drain(struct lr_host *base) {
    struct lr_sim_host *host = LR_CONTAINER_OF(base, struct lr_sim_host, base);
    lr_sim_host_settle(host);
    lr_sim_tend(host->sim);
}

/* ---- its process ---- */

void lr_sim_freeze(struct lr_host *host) {
    struct lr_sim_host *self = LR_CONTAINER_OF(host, struct lr_sim_host, base);
    self->frozen = true;
    lr_trace_emit(&self->trace, self->sim->now, LR_TRACE_FAULT, 0, "frozen");
}

/* All are woken before the role hears of any. */
static void wake_ends(struct lr_sim_host *host) {
    host->frozen = false;
    host->settling = true;
    LR_LIST_EACH (node, &host->ends) {
        lr_sim_conn_wake(LR_CONTAINER_OF(node, struct lr_sim_end, node));
    }
    host->settling = false;
}

static void wake_listeners(struct lr_sim_host *host) {
    for (size_t i = 0; i < host->numbers.bucket_count; i++) {
        for (struct lr_table_node *node = host->numbers.buckets[i]; node != NULL;
             node = node->next) {
            struct lr_sim_numbered *numbered = LR_CONTAINER_OF(node, struct lr_sim_numbered, node);
            if (numbered->is_listener) {
                lr_sim_listen_wake(LR_CONTAINER_OF(numbered, struct lr_sim_listener, numbered));
            }
        }
    }
}

void lr_sim_thaw(struct lr_host *host) {
    struct lr_sim_host *self = LR_CONTAINER_OF(host, struct lr_sim_host, base);
    if (!self->frozen) {
        return;
    }
    lr_trace_emit(&self->trace, self->sim->now, LR_TRACE_FAULT, 0, "thawed");
    wake_listeners(self); /* a role has one; of several, the order would be the table's */
    wake_ends(self);
    self->busy = true; /* a turn for what was left undone, and for its deadline */
    lr_sim_arm(self->sim, &self->event, self->sim->now);
    lr_sim_tend(self->sim);
}

/* ---- coming and going ---- */

enum lr_status lr_sim_add(struct lr_world *world, struct lr_role *role, const char *name,
                          enum lr_plane plane, struct lr_host **out) {
    struct lr_sim *sim = LR_CONTAINER_OF(world, struct lr_sim, world);
    const struct lr_sim_name *kept = lr_sim_name(sim, name);
    if (kept == NULL || lr_sim_reserve(sim, 1) != LR_OK) {
        return LR_ENOMEM;
    }
    struct lr_sim_host *host = LR_NEW(sim->alloc, struct lr_sim_host);
    if (host == NULL) {
        lr_sim_unreserve(sim, 1);
        return LR_ENOMEM;
    }
    host->base.world = world;
    host->sim = sim;
    host->role = role;
    host->name = kept->text;
    host->plane = plane;
    host->address = sim->localhost;
    host->address->hosts++;
    host->event.kind = LR_SIM_EVENT_HOST;
    host->expired_at = LR_TIME_NEVER;
    host->trace = (struct lr_trace){sim->options.trace, host->name};
    lr_table_init(&host->numbers);
    lr_list_init(&host->ends);
    lr_list_init(&host->given_up);
    lr_list_init(&host->pending);
    lr_list_init(&host->heard);
    lr_list_init(&host->node);
    lr_list_append(&sim->hosts, &host->node);
    sim->host_count++;
    *out = &host->base;
    return LR_OK;
}

static void forget_all(struct lr_sim_host *host) {
    for (size_t i = 0; i < host->numbers.bucket_count; i++) {
        while (host->numbers.buckets[i] != NULL) {
            struct lr_sim_numbered *numbered =
                LR_CONTAINER_OF(host->numbers.buckets[i], struct lr_sim_numbered, node);
            lr_sim_host_forget(numbered);
            if (numbered->is_listener) {
                lr_sim_listen_stop(LR_CONTAINER_OF(numbered, struct lr_sim_listener, numbered));
            }
        }
    }
}

void lr_sim_remove(struct lr_host *base, bool graceful) {
    struct lr_sim_host *host = LR_CONTAINER_OF(base, struct lr_sim_host, base);
    struct lr_sim *sim = host->sim;
    LR_ASSERT(!host->settling);
    if (host->frozen) { /* its sockets are the system's now */
        wake_ends(host);
    }
    lr_sim_troubles_end(host);
    forget_all(host); /* the order of the table is not seen: nothing is told of it */
    while (host->refused != NULL) {
        struct lr_sim_refused *refused = host->refused;
        host->refused = refused->next;
        free_refused(host, refused);
    }
    LR_LIST_EACH (node, &host->ends) {
        lr_sim_conn_leave(LR_CONTAINER_OF(node, struct lr_sim_end, node), graceful);
    }
    LR_LIST_EACH (node, &host->given_up) {
        lr_list_remove(node); /* and nobody finds them any more */
    }
    lr_sim_disarm(sim, &host->event);
    lr_sim_unreserve(sim, 1);
    lr_list_remove(&host->heard);
    lr_list_remove(&host->node);
    lr_table_deinit(&host->numbers, sim->alloc);
    host->address->hosts--;
    sim->host_count--;
    LR_FREE(sim->alloc, host);
    lr_sim_tend(sim);
}
