/* SPDX-License-Identifier: Apache-2.0 */
#include "mocks/peers/raw.h"

#include "base/assert.h"

enum { LINGER_SECONDS = 1 };

struct raw_link {
    lr_conn conn;
    bool live; /* commands may be given for it, and events come */
    enum lr_raw_state state;
    lr_time ended_at;
    bool paused; /* by ourselves: too much was kept */
    struct lr_buf kept;
    size_t unsent;
};

struct lr_raw {
    struct lr_role role;
    lr_conn listener;
    uint16_t port;
    struct raw_link *links;
    size_t link_count;
    size_t link_room;
    size_t accepted[LR_RAW_BACKLOG_MAX]; /* a ring of link numbers */
    size_t accepted_first;
    size_t accepted_count;
};

static struct raw_link *link_at(const struct lr_raw *raw, size_t link) {
    LR_ASSERT(link < raw->link_count);
    return &raw->links[link];
}

static struct raw_link *add_link(struct lr_raw *raw, lr_conn conn, enum lr_raw_state state) {
    if (raw->link_count == raw->link_room) {
        size_t room = raw->link_room == 0 ? 8 : raw->link_room * 2;
        struct lr_alloc *alloc = raw->role.env.alloc;
        struct raw_link *links = lr_alloc_resize(alloc, raw->links, raw->link_room * sizeof *links,
                                                 room * sizeof *links);
        if (links == NULL) {
            return NULL;
        }
        raw->links = links;
        raw->link_room = room;
    }
    struct raw_link *link = &raw->links[raw->link_count++];
    *link =
        (struct raw_link){.conn = conn, .live = true, .state = state, .ended_at = LR_TIME_NEVER};
    lr_buf_init(&link->kept, raw->role.env.alloc);
    return link;
}

static void take_accepted(struct lr_raw *raw, lr_conn conn) {
    bool room = raw->link_count < LR_RAW_LINKS_MAX && raw->accepted_count < LR_RAW_BACKLOG_MAX;
    if (!room || add_link(raw, conn, LR_RAW_UP) == NULL) {
        lr_outbox_reset(&raw->role.outbox, conn);
        return;
    }
    size_t last = (raw->accepted_first + raw->accepted_count++) % LR_RAW_BACKLOG_MAX;
    raw->accepted[last] = raw->link_count - 1;
}

/* A peer that cannot keep what comes is no witness: it gives the link up. */
static void take_bytes(struct lr_raw *raw, struct raw_link *link, const struct lr_event *event) {
    if (lr_buf_append(&link->kept, event->data, event->size) != LR_OK) {
        link->live = false;
        link->state = LR_RAW_ENDED;
        lr_outbox_reset(&raw->role.outbox, link->conn);
        return;
    }
    if (lr_buf_size(&link->kept) > LR_RAW_KEPT_MAX && !link->paused) {
        link->paused = lr_outbox_signal(&raw->role.outbox, link->conn, LR_COMMAND_PAUSE) == LR_OK;
    }
}

static struct raw_link *find(const struct lr_raw *raw, lr_conn conn) {
    for (size_t i = raw->link_count; i > 0; i--) {
        if (raw->links[i - 1].conn == conn && raw->links[i - 1].live) {
            return &raw->links[i - 1];
        }
    }
    return NULL;
}

/* The other end's FIN stays what is known of its end, whatever comes of the link. */
static void end_link(struct raw_link *link, const struct lr_event *event, enum lr_raw_state state) {
    if (link->ended_at == LR_TIME_NEVER) {
        link->ended_at = event->now;
        link->state = state;
    }
    link->live = state == LR_RAW_FIN;
}

static void handle_link(struct lr_raw *raw, struct raw_link *link, const struct lr_event *event) {
    switch (event->kind) {
    case LR_EVENT_CONNECTED:
        link->state = LR_RAW_UP;
        break;
    case LR_EVENT_CONNECT_FAILED:
        end_link(link, event, LR_RAW_REFUSED);
        break;
    case LR_EVENT_RECEIVED:
        take_bytes(raw, link, event);
        break;
    case LR_EVENT_WRITABLE:
        link->unsent = event->unsent;
        break;
    case LR_EVENT_HALF_CLOSED:
        end_link(link, event, LR_RAW_FIN);
        break;
    case LR_EVENT_CLOSED:
        end_link(link, event, LR_RAW_GONE);
        break;
    case LR_EVENT_RESET:
        end_link(link, event, LR_RAW_RESET);
        break;
    case LR_EVENT_LISTENING:
    case LR_EVENT_LISTEN_FAILED:
    case LR_EVENT_ACCEPTED:
    case LR_EVENT_EXPIRED:
        break;
    }
}

static void handle(struct lr_role *role, const struct lr_event *event) {
    struct lr_raw *raw = LR_CONTAINER_OF(role, struct lr_raw, role);
    if (event->kind == LR_EVENT_LISTENING) {
        raw->port = event->port;
    } else if (event->kind == LR_EVENT_ACCEPTED) {
        take_accepted(raw, event->conn);
    } else {
        struct raw_link *link = find(raw, event->conn);
        if (link != NULL) {
            handle_link(raw, link, event);
        }
    }
}

static lr_time deadline(const struct lr_role *role) {
    (void)role;
    return LR_TIME_NEVER;
}

static const struct lr_role_ops raw_ops = {.name = "raw", .handle = handle, .deadline = deadline};

enum lr_status lr_raw_new(struct lr_raw **out, const struct lr_env *env, struct lr_error *error) {
    struct lr_raw *raw = LR_NEW(env->alloc, struct lr_raw);
    if (raw == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a raw peer");
    }
    raw->role = (struct lr_role){.ops = &raw_ops, .env = *env};
    lr_outbox_init(&raw->role.outbox, env->alloc);
    *out = raw;
    return LR_OK;
}

void lr_raw_free(struct lr_raw *raw) {
    if (raw == NULL) {
        return;
    }
    struct lr_alloc *alloc = raw->role.env.alloc;
    for (size_t i = 0; i < raw->link_count; i++) {
        lr_buf_deinit(&raw->links[i].kept);
    }
    lr_alloc_free(alloc, raw->links, raw->link_room * sizeof *raw->links);
    lr_outbox_deinit(&raw->role.outbox);
    LR_FREE(alloc, raw);
}

struct lr_role *lr_raw_role(struct lr_raw *raw) {
    return &raw->role;
}

enum lr_status lr_raw_listen(struct lr_raw *raw, const char *host) {
    struct lr_keepalive none = {0};
    return lr_outbox_listen(&raw->role.outbox, host, 0, 1, none, &raw->listener);
}

uint16_t lr_raw_port(const struct lr_raw *raw) {
    return raw->port;
}

enum lr_status lr_raw_connect(struct lr_raw *raw, const struct lr_address *to, size_t *link) {
    if (raw->link_count >= LR_RAW_LINKS_MAX) {
        return LR_ELIMIT;
    }
    struct raw_link *added = add_link(raw, 0, LR_RAW_CONNECTING);
    if (added == NULL) {
        return LR_ENOMEM;
    }
    struct lr_keepalive none = {0};
    enum lr_status status = lr_outbox_connect(&raw->role.outbox, to, none, &added->conn);
    if (status != LR_OK) {
        raw->link_count--;
        return status;
    }
    *link = raw->link_count - 1;
    return LR_OK;
}

bool lr_raw_next_accepted(struct lr_raw *raw, size_t *link) {
    if (raw->accepted_count == 0) {
        return false;
    }
    *link = raw->accepted[raw->accepted_first];
    raw->accepted_first = (raw->accepted_first + 1) % LR_RAW_BACKLOG_MAX;
    raw->accepted_count--;
    return true;
}

lr_conn lr_raw_conn(const struct lr_raw *raw, size_t link) {
    return link_at(raw, link)->conn;
}

enum lr_raw_state lr_raw_state(const struct lr_raw *raw, size_t link) {
    return link_at(raw, link)->state;
}

lr_time lr_raw_ended_at(const struct lr_raw *raw, size_t link) {
    return link_at(raw, link)->ended_at;
}

size_t lr_raw_received(const struct lr_raw *raw, size_t link, const uint8_t **bytes) {
    const struct lr_buf *kept = &link_at(raw, link)->kept;
    *bytes = lr_buf_data(kept);
    return lr_buf_size(kept);
}

void lr_raw_take(struct lr_raw *raw, size_t link, size_t size) {
    struct raw_link *from = link_at(raw, link);
    lr_buf_consume(&from->kept, size);
    if (from->paused && from->live && lr_buf_size(&from->kept) <= LR_RAW_KEPT_MAX) {
        from->paused = lr_outbox_signal(&raw->role.outbox, from->conn, LR_COMMAND_RESUME) != LR_OK;
    }
}

size_t lr_raw_unsent(const struct lr_raw *raw, size_t link) {
    return link_at(raw, link)->unsent;
}

enum lr_status lr_raw_send(struct lr_raw *raw, size_t link, const void *bytes, size_t size) {
    struct raw_link *to = link_at(raw, link);
    if (!to->live) {
        return LR_OK;
    }
    struct lr_buf copy;
    lr_buf_init(&copy, raw->role.env.alloc);
    enum lr_status status = lr_buf_append(&copy, bytes, size);
    if (status == LR_OK) {
        status = lr_outbox_send(&raw->role.outbox, to->conn, &copy);
    }
    if (status == LR_OK) {
        to->unsent += size;
    }
    lr_buf_deinit(&copy);
    return status;
}

enum lr_status lr_raw_signal(struct lr_raw *raw, size_t link, enum lr_command_kind kind) {
    const struct raw_link *of = link_at(raw, link);
    return of->live ? lr_outbox_signal(&raw->role.outbox, of->conn, kind) : LR_OK;
}

void lr_raw_end(struct lr_raw *raw, size_t link, bool reset) {
    struct raw_link *ended = link_at(raw, link);
    if (!ended->live) {
        return;
    }
    ended->live = false;
    ended->state = ended->state == LR_RAW_FIN ? LR_RAW_FIN : LR_RAW_ENDED;
    if (reset) {
        lr_outbox_reset(&raw->role.outbox, ended->conn);
    } else {
        lr_outbox_close(&raw->role.outbox, ended->conn, LINGER_SECONDS * LR_SECOND);
    }
}
