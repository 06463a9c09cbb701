/* SPDX-License-Identifier: Apache-2.0 */
#include "role_driver.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "role_driver_internal.h"

static void *grow(void *block, size_t count, size_t item_size) {
    void *grown = realloc(block, count * item_size);
    LR_ASSERT(grown != NULL);
    return grown;
}

struct lr_driver *lr_driver_new(void) {
    struct lr_driver *driver = calloc(1, sizeof *driver);
    LR_ASSERT(driver != NULL);
    lr_list_init(&driver->dirty);
    driver->now = LR_SECOND; /* not 0, which is easily right by accident */
    driver->next_port = PORT_ANY_FIRST;
    return driver;
}

void lr_driver_free(struct lr_driver *driver) {
    if (driver == NULL) {
        return;
    }
    for (size_t i = 0; i < driver->link_count; i++) {
        for (int side = 0; side < 2; side++) {
            lr_buf_deinit(&driver->links[i]->ends[side].in);
            lr_buf_deinit(&driver->links[i]->ends[side].seen);
        }
        free(driver->links[i]);
    }
    for (int i = 0; i < driver->host_count; i++) {
        free(driver->hosts[i].links);
    }
    free(driver->links);
    free(driver);
}

lr_host lr_driver_add(struct lr_driver *driver, struct lr_role *role, const char *ip) {
    LR_ASSERT(driver->host_count < HOSTS_MAX);
    driver->hosts[driver->host_count] = (struct host){.role = role, .ip = ip};
    return driver->host_count++;
}

lr_time lr_driver_now(const struct lr_driver *driver) {
    return driver->now;
}

void lr_driver_set_address(struct lr_address *address, const char *host, uint16_t port) {
    LR_ASSERT(strlen(host) < sizeof address->host);
    memcpy(address->host, host, strlen(host) + 1);
    address->port = port;
}

struct link *lr_driver_link(const struct lr_driver *driver, lr_link number) {
    LR_ASSERT(number >= 0 && (size_t)number < driver->link_count);
    return driver->links[number];
}

void lr_driver_touch(struct lr_driver *driver, struct link *link) {
    if (lr_list_empty(&link->dirty)) {
        lr_list_append(&driver->dirty, &link->dirty);
    }
}

lr_link lr_driver_add_link(struct lr_driver *driver, enum phase phase) {
    if (driver->link_count == driver->link_capacity) {
        driver->link_capacity = driver->link_capacity * 2 + 16;
        driver->links = grow(driver->links, driver->link_capacity, sizeof(struct link *));
    }
    struct link *link = calloc(1, sizeof *link);
    LR_ASSERT(link != NULL);
    lr_list_init(&link->dirty);
    link->phase = phase;
    for (int side = 0; side < 2; side++) {
        link->ends[side].host = LR_TEST_HOST;
        link->ends[side].window = SIZE_MAX;
        lr_buf_init(&link->ends[side].in, lr_alloc_system());
        lr_buf_init(&link->ends[side].seen, lr_alloc_system());
    }
    driver->links[driver->link_count] = link;
    return (lr_link)driver->link_count++;
}

/* Gives the end |side| of |number| to |host|, which knows it as |conn|. */
static void own_end(struct lr_driver *driver, lr_link number, int side, lr_host host,
                    lr_conn conn) {
    struct host *owner = &driver->hosts[host];
    struct end *end = &lr_driver_link(driver, number)->ends[side];
    end->host = host;
    end->conn = conn;
    while (owner->link_count <= conn) {
        owner->links = grow(owner->links, owner->link_count + 64, sizeof owner->links[0]);
        for (int i = 0; i < 64; i++) {
            owner->links[owner->link_count++] = LR_LINK_NONE;
        }
    }
    owner->links[conn] = number;
    owner->live++;
}

bool lr_driver_holds(const struct end *end) {
    return end->host != LR_TEST_HOST && !end->gone;
}

void lr_driver_leave(struct lr_driver *driver, struct end *end) {
    if (lr_driver_holds(end)) {
        driver->hosts[end->host].live--;
    }
    end->gone = true;
}

static void append_bytes(struct lr_buf *buf, const void *bytes, size_t size) {
    enum lr_status status = lr_buf_append(buf, bytes, size);
    LR_ASSERT(status == LR_OK);
}

static struct listener *listener_at(struct lr_driver *driver, uint16_t port) {
    for (size_t i = 0; i < driver->listener_count; i++) {
        if (driver->listeners[i].up && driver->listeners[i].port == port) {
            return &driver->listeners[i];
        }
    }
    return NULL;
}

static void do_listen(struct lr_driver *driver, lr_host host, const struct lr_command *command) {
    LR_ASSERT(driver->listener_count < LISTENERS_MAX);
    struct listener *listener = &driver->listeners[driver->listener_count];
    *listener = (struct listener){.host = host, .conn = command->conn};
    uint32_t end = command->port_end > command->address->port ? command->port_end
                                                              : command->address->port + 1u;
    if (command->address->port == 0) {
        listener->port = driver->next_port++;
    }
    for (uint32_t port = command->address->port; listener->port == 0 && port < end; port++) {
        if (listener_at(driver, (uint16_t)port) == NULL) {
            listener->port = (uint16_t)port;
        }
    }
    listener->up = listener->port != 0; /* otherwise every port is taken */
    lr_driver_set_address(&listener->address, driver->hosts[host].ip, listener->port);
    driver->listener_count++;
}

static void do_connect(struct lr_driver *driver, lr_host host, const struct lr_command *command) {
    lr_link number = lr_driver_add_link(driver, OPENING);
    struct link *link = lr_driver_link(driver, number);
    own_end(driver, number, 0, host, command->conn);
    lr_driver_set_address(&link->ends[0].address, driver->hosts[host].ip,
                          (uint16_t)(PORT_PEER_FIRST + number % 10000));
    link->ends[1].address = *command->address;
    lr_driver_touch(driver, link);
}

static struct listener *find_listener(struct lr_driver *driver, lr_host host, lr_conn conn) {
    for (size_t i = 0; i < driver->listener_count; i++) {
        if (driver->listeners[i].host == host && driver->listeners[i].conn == conn) {
            return &driver->listeners[i];
        }
    }
    return NULL;
}

/* Send, pause, resume, shut, close, reset: on a connection that must be |host|'s and alive. */
static void do_on_connection(struct lr_driver *driver, lr_host host,
                             const struct lr_command *command) {
    struct host *owner = &driver->hosts[host];
    LR_ASSERT(command->conn < owner->link_count && owner->links[command->conn] != LR_LINK_NONE);
    struct link *link = lr_driver_link(driver, owner->links[command->conn]);
    int side = link->ends[0].host == host && link->ends[0].conn == command->conn ? 0 : 1;
    struct end *own = &link->ends[side];
    struct end *other = &link->ends[1 - side];
    LR_ASSERT(!own->gone); /* a role that commands what it has given up */
    switch (command->kind) {
    case LR_COMMAND_SEND:
        LR_ASSERT(!other->fin); /* nothing after our own FIN */
        append_bytes(&other->in, lr_buf_data(&command->bytes), lr_buf_size(&command->bytes));
        break;
    case LR_COMMAND_PAUSE:
    case LR_COMMAND_RESUME:
        own->paused = command->kind == LR_COMMAND_PAUSE;
        break;
    case LR_COMMAND_CLOSE:
        lr_driver_leave(driver, own);
        other->fin = true;
        break;
    case LR_COMMAND_SHUT_WRITE:
        other->fin = true;
        break;
    case LR_COMMAND_RESET:
        lr_driver_leave(driver, own);
        other->broken = true;
        break;
    case LR_COMMAND_LISTEN:
    case LR_COMMAND_CONNECT:
        LR_UNREACHABLE();
    }
    lr_driver_touch(driver, link);
}

static void do_command(struct lr_driver *driver, lr_host host, struct lr_command *command) {
    struct listener *listener = find_listener(driver, host, command->conn);
    if (command->kind == LR_COMMAND_LISTEN) {
        do_listen(driver, host, command);
    } else if (command->kind == LR_COMMAND_CONNECT) {
        do_connect(driver, host, command);
    } else if (listener != NULL) {
        LR_ASSERT(command->kind == LR_COMMAND_CLOSE || command->kind == LR_COMMAND_RESET);
        listener->up = false;
    } else {
        do_on_connection(driver, host, command);
    }
    lr_outbox_drop(&driver->hosts[host].role->outbox, command);
}

static void tell_listeners(struct lr_driver *driver, lr_host host) {
    for (size_t i = 0; i < driver->listener_count; i++) {
        struct listener *listener = &driver->listeners[i];
        if (listener->host != host || listener->told) {
            continue;
        }
        listener->told = true;
        if (listener->up) {
            lr_driver_handle(driver, host,
                             (struct lr_event){.kind = LR_EVENT_LISTENING,
                                               .conn = listener->conn,
                                               .listener = listener->conn,
                                               .port = listener->port});
        } else if (listener->port == 0) { /* not closed again meanwhile */
            lr_outbox_ended(&driver->hosts[host].role->outbox);
            lr_driver_handle(driver, host,
                             (struct lr_event){.kind = LR_EVENT_LISTEN_FAILED,
                                               .conn = listener->conn,
                                               .listener = listener->conn,
                                               .status = LR_EIO,
                                               .reason = "address already in use"});
        }
    }
}

void lr_driver_lose_listener(struct lr_driver *driver, lr_host host) {
    for (size_t i = 0; i < driver->listener_count; i++) {
        struct listener *listener = &driver->listeners[i];
        if (listener->host == host && listener->up) {
            listener->up = false;
            lr_outbox_ended(&driver->hosts[host].role->outbox);
            lr_driver_handle(driver, host,
                             (struct lr_event){.kind = LR_EVENT_CLOSED, .conn = listener->conn});
        }
    }
    lr_driver_pump(driver);
}

static void drain(struct lr_driver *driver, lr_host host) {
    struct host *owner = &driver->hosts[host];
    if (owner->dead) {
        return;
    }
    size_t count;
    struct lr_command *commands = lr_outbox_take(&owner->role->outbox, &count);
    for (size_t i = 0; i < count; i++) {
        do_command(driver, host, &commands[i]);
    }
    lr_outbox_return(&owner->role->outbox);
    tell_listeners(driver, host);
}

void lr_driver_handle(struct lr_driver *driver, lr_host host, struct lr_event event) {
    struct host *owner = &driver->hosts[host];
    if (!owner->dead) {
        event.now = driver->now;
        owner->role->ops->handle(owner->role, &event);
        drain(driver, host);
    }
}

void lr_driver_end(struct lr_driver *driver, struct end *end, struct lr_event event) {
    event.conn = end->conn;
    if (lr_driver_holds(end)) {
        lr_outbox_ended(&driver->hosts[end->host].role->outbox);
        lr_driver_leave(driver, end);
        lr_driver_handle(driver, end->host, event);
    }
    end->gone = true;
}

bool lr_driver_join(struct lr_driver *driver, lr_link number, const struct listener *listener) {
    lr_conn conn = lr_outbox_accept(&driver->hosts[listener->host].role->outbox);
    if (conn == 0) {
        return false;
    }
    struct link *link = lr_driver_link(driver, number);
    own_end(driver, number, 1, listener->host, conn);
    link->phase = OPEN;
    lr_driver_handle(driver, listener->host,
                     (struct lr_event){.kind = LR_EVENT_ACCEPTED,
                                       .conn = conn,
                                       .listener = listener->conn,
                                       .peer = &link->ends[0].address});
    return true;
}

static void open_link(struct lr_driver *driver, lr_link number) {
    struct link *link = lr_driver_link(driver, number);
    struct end *own = &link->ends[0];
    struct listener *listener = listener_at(driver, link->ends[1].address.port);
    if (own->gone) { /* given up before it was up */
        link->phase = OPEN;
        link->ends[1].gone = true;
    } else if (listener == NULL) {
        link->phase = WAITING; /* for the test to answer */
    } else {
        link->ends[1].address = listener->address;
        link->phase = OPEN;
        lr_driver_handle(driver, own->host,
                         (struct lr_event){.kind = LR_EVENT_CONNECTED,
                                           .conn = own->conn,
                                           .peer = &listener->address});
        if (!lr_driver_join(driver, number, listener)) {
            link->ends[1].gone = true;
            own->broken = true;
        }
    }
    lr_driver_touch(driver, link);
}

/* Brings what is under way to the end |side|: RST, bytes, FIN. */
static void deliver(struct lr_driver *driver, struct link *link, int side) {
    struct end *end = &link->ends[side];
    struct end *other = &link->ends[1 - side];
    if (end->broken && !end->gone) {
        lr_buf_deinit(&end->in);
        end->reset_seen = !end->lost;
        lr_driver_end(driver, end,
                      (struct lr_event){.kind = end->lost ? LR_EVENT_CLOSED : LR_EVENT_RESET,
                                        .reason = end->lost ? "keep-alive" : "reset by peer"});
        return;
    }
    size_t size = lr_buf_size(&end->in);
    if (!end->gone) {
        size = end->paused ? 0 : size < end->window ? size : end->window;
    }
    if (size > 0) {
        struct lr_buf piece;
        lr_buf_init(&piece, lr_alloc_system());
        append_bytes(&piece, lr_buf_data(&end->in), size);
        lr_buf_consume(&end->in, size);
        end->window -= end->window == SIZE_MAX ? 0 : size;
        if (lr_driver_holds(end)) {
            lr_driver_handle(driver, end->host,
                             (struct lr_event){.kind = LR_EVENT_RECEIVED,
                                               .conn = end->conn,
                                               .data = lr_buf_data(&piece),
                                               .size = size});
        } else if (!end->gone) {
            append_bytes(&end->seen, lr_buf_data(&piece), size);
        }
        lr_buf_deinit(&piece);
        if (lr_driver_holds(other)) {
            lr_driver_handle(driver, other->host,
                             (struct lr_event){.kind = LR_EVENT_WRITABLE,
                                               .conn = other->conn,
                                               .unsent = lr_buf_size(&end->in)});
        }
        lr_driver_touch(driver, link);
    } else if (end->fin && !end->fin_seen && !end->gone && lr_buf_size(&end->in) == 0) {
        end->fin_seen = true;
        if (lr_driver_holds(end)) {
            lr_driver_handle(driver, end->host,
                             (struct lr_event){.kind = LR_EVENT_HALF_CLOSED, .conn = end->conn});
        }
    }
}

void lr_driver_pump(struct lr_driver *driver) {
    for (int i = 0; i < driver->host_count; i++) {
        drain(driver, i);
    }
    while (!lr_list_empty(&driver->dirty)) {
        struct link *link = LR_CONTAINER_OF(driver->dirty.next, struct link, dirty);
        lr_list_remove(&link->dirty);
        if (link->phase == OPENING) {
            open_link(driver, driver->hosts[link->ends[0].host].links[link->ends[0].conn]);
        } else if (link->phase == OPEN) {
            deliver(driver, link, 1);
            deliver(driver, link, 0);
        }
    }
}

static lr_time next_deadline(const struct lr_driver *driver) {
    lr_time next = LR_TIME_NEVER;
    for (int i = 0; i < driver->host_count; i++) {
        const struct host *host = &driver->hosts[i];
        next = host->dead ? next : lr_time_min(next, host->role->ops->deadline(host->role));
    }
    return next;
}

void lr_driver_advance(struct lr_driver *driver, uint64_t ns) {
    lr_time target = lr_time_add(driver->now, ns);
    unsigned int expired = 0;
    lr_driver_pump(driver);
    for (lr_time at = next_deadline(driver); at <= target; at = next_deadline(driver)) {
        LR_ASSERT(at != LR_TIME_NEVER && expired < EXPIRED_MAX);
        driver->now = at > driver->now ? at : driver->now;
        for (int i = 0; i < driver->host_count; i++) {
            struct host *host = &driver->hosts[i];
            if (!host->dead && host->role->ops->deadline(host->role) <= driver->now) {
                lr_driver_handle(driver, i, (struct lr_event){.kind = LR_EVENT_EXPIRED});
                expired++;
            }
        }
        driver->now = lr_time_add(driver->now, driver->turn_ns);
        lr_driver_pump(driver);
    }
    driver->now = target > driver->now ? target : driver->now;
}

void lr_driver_set_turn(struct lr_driver *driver, uint64_t ns) {
    driver->turn_ns = ns;
}
