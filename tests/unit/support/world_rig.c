/* SPDX-License-Identifier: Apache-2.0 */
#include "support/world_rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what is heard ---- */

static void write_down(struct lr_teller *teller, const char *what, const char *text) {
    size_t used = strlen(teller->heard);
    const char *space = used == 0 ? "" : " ";
    teller->run = 0;
    if (text == NULL) {
        (void)snprintf(teller->heard + used, LR_HEARD_MAX - used, "%s%s", space, what);
    } else {
        (void)snprintf(teller->heard + used, LR_HEARD_MAX - used, "%s%s(%s)", space, what, text);
    }
}

/* A run of bytes is one word, written anew when it grows. */
static void write_down_bytes(struct lr_teller *teller, size_t size) {
    size_t used = strlen(teller->heard);
    if (teller->run > 0) {
        const char *last = strrchr(teller->heard, ' ');
        used = last == NULL ? 0 : (size_t)(last - teller->heard);
    }
    teller->run += size;
    const char *space = used == 0 ? "" : " ";
    (void)snprintf(teller->heard + used, LR_HEARD_MAX - used, "%sR%" PRIu64, space, teller->run);
}

static uint8_t pattern(uint64_t at) {
    return (uint8_t)(at * 37 + (at >> 8) * 11 + (at >> 16));
}

static void take_bytes(struct lr_teller *teller, const struct lr_event *event) {
    for (size_t i = 0; i < event->size; i++) {
        teller->wrong += event->data[i] != pattern(teller->received + i);
    }
    teller->received += event->size;
    teller->pieces++;
    write_down_bytes(teller, event->size);
    if (teller->echo) {
        lr_teller_send(teller, event->size);
    }
}

static void take_end(struct lr_teller *teller, const struct lr_event *event, const char *letter) {
    teller->gone[event->conn % LR_RIG_CONNS_MAX] = true;
    write_down(teller, letter,
               event->kind == LR_EVENT_RESET ? NULL : lr_status_text(event->status));
}

static void handle(struct lr_role *role, const struct lr_event *event) {
    struct lr_teller *teller = (struct lr_teller *)role;
    if (event->conn != 0 && teller->gone[event->conn % LR_RIG_CONNS_MAX]) {
        teller->after_end++;
        return;
    }
    switch (event->kind) {
    case LR_EVENT_LISTENING:
        teller->port = event->port;
        write_down(teller, "L", NULL);
        break;
    case LR_EVENT_ACCEPTED:
        teller->conn = event->conn;
        write_down(teller, "A", NULL);
        break;
    case LR_EVENT_CONNECTED:
        write_down(teller, "C", NULL);
        break;
    case LR_EVENT_LISTEN_FAILED:
        take_end(teller, event, "N");
        break;
    case LR_EVENT_CONNECT_FAILED:
        take_end(teller, event, "F");
        break;
    case LR_EVENT_RECEIVED:
        take_bytes(teller, event);
        break;
    case LR_EVENT_WRITABLE:
        teller->writable++;
        teller->unsent = event->unsent;
        break;
    case LR_EVENT_HALF_CLOSED:
        write_down(teller, "H", NULL);
        break;
    case LR_EVENT_CLOSED:
        take_end(teller, event, "X");
        break;
    case LR_EVENT_RESET:
        take_end(teller, event, "!");
        break;
    case LR_EVENT_EXPIRED:
        teller->expired++;
        teller->expired_at = event->now;
        teller->deadline = LR_TIME_NEVER;
        break;
    }
}

static lr_time deadline(const struct lr_role *role) {
    return ((const struct lr_teller *)role)->deadline;
}

static const struct lr_role_ops teller_ops = {"teller", handle, deadline};

/* ---- commands ---- */

bool lr_teller_listen(struct lr_world_rig *rig, struct lr_teller *teller, const char *host,
                      uint16_t port, uint32_t port_end) {
    return lr_outbox_listen(&teller->role.outbox, host, port, port_end, rig->keepalive,
                            &rig->listener) == LR_OK;
}

bool lr_teller_connect(struct lr_world_rig *rig, struct lr_teller *teller, const char *host,
                       uint16_t port) {
    struct lr_address address = {.port = port};
    (void)snprintf(address.host, sizeof address.host, "%s", host);
    return lr_outbox_connect(&teller->role.outbox, &address, rig->keepalive, &teller->conn) ==
           LR_OK;
}

void lr_teller_send(struct lr_teller *teller, size_t size) {
    struct lr_buf bytes;
    uint8_t *room;
    lr_buf_init(&bytes, teller->alloc);
    if (lr_buf_reserve(&bytes, size, &room) == LR_OK) {
        for (size_t i = 0; i < size; i++) {
            room[i] = pattern(teller->sent + i);
        }
        lr_buf_commit(&bytes, size);
        if (lr_outbox_send(&teller->role.outbox, teller->conn, &bytes) == LR_OK) {
            teller->sent += size;
            return;
        }
    }
    lr_buf_deinit(&bytes);
    teller->failed = true;
}

void lr_teller_signal(struct lr_teller *teller, enum lr_command_kind kind) {
    teller->failed |= lr_outbox_signal(&teller->role.outbox, teller->conn, kind) != LR_OK;
}

static bool give_up(struct lr_teller *teller) {
    bool *gone = &teller->gone[teller->conn % LR_RIG_CONNS_MAX];
    bool lived = !*gone;
    *gone = true;
    return lived;
}

void lr_teller_close(struct lr_teller *teller, uint64_t linger_ns) {
    if (give_up(teller)) {
        lr_outbox_close(&teller->role.outbox, teller->conn, linger_ns);
    }
}

void lr_teller_reset(struct lr_teller *teller) {
    if (give_up(teller)) {
        lr_outbox_reset(&teller->role.outbox, teller->conn);
    }
}

void lr_teller_leave(struct lr_teller *teller, bool graceful) {
    if (teller->host != NULL) {
        lr_world_remove(teller->host, graceful);
        teller->host = NULL;
        lr_outbox_deinit(&teller->role.outbox);
    }
}

/* ---- the rig ---- */

static void init_teller(struct lr_teller *teller, struct lr_alloc *alloc) {
    *teller = (struct lr_teller){.alloc = alloc, .deadline = LR_TIME_NEVER};
    teller->role.ops = &teller_ops;
    teller->role.env.alloc = alloc;
    lr_outbox_init(&teller->role.outbox, alloc);
}

bool lr_world_rig_init(struct lr_world_rig *rig, struct lr_alloc *alloc,
                       const struct lr_sim_options *sim, struct lr_ledger *ledger) {
    *rig = (struct lr_world_rig){.world = NULL};
    init_teller(&rig->client, alloc);
    init_teller(&rig->server, alloc);
    if (sim != NULL) {
        struct lr_sim_options options = *sim;
        options.alloc = alloc;
        options.ledger = ledger;
        if (lr_sim_new(&rig->sim, &options, NULL) != LR_OK) {
            return false;
        }
        rig->world = lr_sim_world(rig->sim);
    } else {
        const struct lr_live_options options = {.alloc = alloc, .ledger = ledger};
        if (lr_live_new(&rig->live, &options, NULL) != LR_OK) {
            return false;
        }
        rig->world = lr_live_world(rig->live);
    }
    if (lr_world_add(rig->world, &rig->server.role, "server", LR_PLANE_DATA, &rig->server.host) !=
            LR_OK ||
        lr_world_add(rig->world, &rig->client.role, "client", LR_PLANE_CONTROL,
                     &rig->client.host) != LR_OK ||
        !lr_teller_listen(rig, &rig->server, "127.0.0.1", 0, 0)) {
        return false;
    }
    lr_world_drain(rig->server.host);
    return rig->server.port != 0;
}

void lr_world_rig_deinit(struct lr_world_rig *rig) {
    lr_teller_leave(&rig->client, false);
    lr_teller_leave(&rig->server, false);
    lr_outbox_deinit(&rig->client.role.outbox);
    lr_outbox_deinit(&rig->server.role.outbox);
    lr_world_free(rig->world);
}

bool lr_world_rig_connect(struct lr_world_rig *rig) {
    rig->server.conn = 0;
    if (!lr_teller_connect(rig, &rig->client, "127.0.0.1", rig->server.port)) {
        return false;
    }
    lr_world_drain(rig->client.host);
    lr_time limit = lr_world_now(rig->world) + 10 * LR_SECOND;
    while (rig->server.conn == 0 && lr_world_now(rig->world) < limit) {
        (void)lr_world_turn(rig->world, lr_world_now(rig->world) + 10 * LR_MS);
    }
    return rig->server.conn != 0 && strstr(rig->client.heard, "C") != NULL;
}

void lr_world_rig_pass(struct lr_world_rig *rig, uint64_t ns) {
    lr_time until = lr_world_now(rig->world) + ns;
    while (lr_world_now(rig->world) < until) {
        (void)lr_world_turn(rig->world, until);
    }
}
