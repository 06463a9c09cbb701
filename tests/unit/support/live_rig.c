/* SPDX-License-Identifier: Apache-2.0 */
#include "support/live_rig.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* ---- the probe ---- */

static uint8_t pattern(uint64_t at) {
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

bool lr_probe_send(struct lr_probe *probe, lr_conn conn, uint64_t at, size_t size) {
    struct lr_buf bytes;
    uint8_t *room;
    lr_buf_init(&bytes, probe->role.env.alloc);
    if (lr_buf_reserve(&bytes, size, &room) == LR_OK) {
        for (size_t i = 0; i < size; i++) {
            room[i] = pattern(at + i);
        }
        lr_buf_commit(&bytes, size);
        if (lr_outbox_send(&probe->role.outbox, conn, &bytes) == LR_OK) {
            return true;
        }
    }
    lr_buf_deinit(&bytes);
    probe->failed = true;
    return false;
}

static void take_bytes(struct lr_probe *probe, struct lr_probe_conn *conn,
                       const struct lr_event *event) {
    for (size_t i = 0; i < event->size; i++) {
        conn->wrong += event->data[i] != pattern(conn->received + i);
    }
    if (probe->echo) {
        (void)lr_probe_send(probe, event->conn, conn->received, event->size);
    }
    conn->received += event->size;
}

static void note_end(struct lr_probe *probe, struct lr_probe_conn *conn,
                     const struct lr_event *event) {
    conn->gone = true;
    conn->status = event->status;
    snprintf(conn->reason, sizeof conn->reason, "%s", event->reason == NULL ? "" : event->reason);
    (void)probe;
}

static void handle_on(struct lr_probe *probe, struct lr_probe_conn *conn,
                      const struct lr_event *event) {
    switch (event->kind) {
    case LR_EVENT_LISTENING:
        conn->port = event->port;
        break;
    case LR_EVENT_ACCEPTED:
        conn->accepted = true;
        probe->last_accepted = event->conn;
        memcpy(conn->peer, event->peer->host, sizeof conn->peer);
        break;
    case LR_EVENT_CONNECTED:
        conn->connected = true;
        memcpy(conn->peer, event->peer->host, sizeof conn->peer);
        break;
    case LR_EVENT_LISTEN_FAILED:
    case LR_EVENT_CONNECT_FAILED:
        conn->failed = true;
        note_end(probe, conn, event);
        break;
    case LR_EVENT_RECEIVED:
        take_bytes(probe, conn, event);
        break;
    case LR_EVENT_WRITABLE:
        conn->writable++;
        conn->unsent = event->unsent;
        break;
    case LR_EVENT_HALF_CLOSED:
        conn->half_closed++;
        if (probe->close_at_end) {
            conn->gone = true;
            lr_outbox_close(&probe->role.outbox, event->conn, probe->linger_ns);
        }
        break;
    case LR_EVENT_CLOSED:
        conn->closed++;
        note_end(probe, conn, event);
        break;
    case LR_EVENT_RESET:
        conn->reset++;
        note_end(probe, conn, event);
        break;
    case LR_EVENT_EXPIRED:
        break;
    }
}

static void handle(struct lr_role *role, const struct lr_event *event) {
    struct lr_probe *probe = (struct lr_probe *)role;
    if (event->kind == LR_EVENT_EXPIRED) {
        probe->expired++;
        probe->early += event->now < probe->deadline;
        probe->deadline = LR_TIME_NEVER;
        return;
    }
    lr_conn number = event->kind == LR_EVENT_LISTENING ? event->listener : event->conn;
    if (number >= LR_PROBE_CONNS_MAX) {
        probe->failed = true;
        return;
    }
    struct lr_probe_conn *conn = &probe->conns[number];
    if (conn->gone) {
        conn->after_end++;
        return;
    }
    handle_on(probe, conn, event);
}

static lr_time deadline(const struct lr_role *role) {
    return ((const struct lr_probe *)role)->deadline;
}

static const struct lr_role_ops probe_ops = {"probe", handle, deadline};

void lr_probe_init(struct lr_probe *probe, struct lr_alloc *alloc) {
    memset(probe, 0, sizeof *probe);
    probe->role.ops = &probe_ops;
    probe->role.env.alloc = alloc;
    probe->deadline = LR_TIME_NEVER;
    probe->linger_ns = 5 * LR_SECOND;
    probe->keepalive = (struct lr_keepalive){30 * LR_SECOND, 5 * LR_SECOND, 3};
    lr_outbox_init(&probe->role.outbox, alloc);
}

void lr_probe_deinit(struct lr_probe *probe) {
    if (probe->host != NULL) {
        lr_live_remove(probe->host, false);
        probe->host = NULL;
    }
    lr_outbox_deinit(&probe->role.outbox);
}

lr_conn lr_probe_listen(struct lr_probe *probe, const char *host, uint16_t port,
                        uint32_t port_end) {
    lr_conn conn = 0;
    if (lr_outbox_listen(&probe->role.outbox, host, port, port_end, probe->keepalive, &conn) !=
        LR_OK) {
        probe->failed = true;
        return 0;
    }
    return conn;
}

lr_conn lr_probe_connect(struct lr_probe *probe, const char *host, uint16_t port) {
    struct lr_address address = {.port = port};
    lr_conn conn = 0;
    snprintf(address.host, sizeof address.host, "%s", host);
    if (lr_outbox_connect(&probe->role.outbox, &address, probe->keepalive, &conn) != LR_OK) {
        probe->failed = true;
        return 0;
    }
    return conn;
}

/* ---- the rig ---- */

bool lr_live_rig_init(struct lr_live_rig *rig, struct lr_alloc *alloc, const char *host,
                      bool watched) {
    memset(rig, 0, sizeof *rig);
    rig->alloc = alloc;
    struct lr_ledger *ledger = lr_link_recorder_start();
    struct lr_live_options options = {.alloc = alloc, .ledger = watched ? ledger : NULL};
    lr_probe_init(&rig->server, alloc);
    lr_probe_init(&rig->client, alloc);
    rig->server.echo = true;
    rig->server.close_at_end = true;
    if (lr_live_new(&rig->live, &options, NULL) != LR_OK) {
        return false;
    }
    if (lr_live_add(rig->live, &rig->server.role, "server", LR_PLANE_DATA, &rig->server.host) !=
            LR_OK ||
        lr_live_add(rig->live, &rig->client.role, "client", LR_PLANE_CONTROL, &rig->client.host) !=
            LR_OK) {
        return false;
    }
    rig->listener = lr_probe_listen(&rig->server, host, 0, 0);
    lr_live_drain(rig->server.host);
    return rig->listener != 0 && rig->server.conns[rig->listener].port != 0;
}

static bool over(struct lr_live_rig *rig) {
    const struct lr_probe_conn *conn = &rig->client.conns[rig->conn];
    return conn->connected || conn->gone;
}

static bool accepted(struct lr_live_rig *rig) {
    return rig->server.last_accepted != 0 || rig->server.failed || lr_live_rig_client(rig)->gone;
}

bool lr_live_rig_connect(struct lr_live_rig *rig, uint16_t port) {
    const char *host = "127.0.0.1";
    rig->server.last_accepted = 0;
    rig->conn = lr_probe_connect(&rig->client, host,
                                 port != 0 ? port : rig->server.conns[rig->listener].port);
    if (rig->conn == 0) {
        return false;
    }
    lr_live_drain(rig->client.host);
    if (!lr_live_rig_wait(rig, over) || !lr_live_rig_client(rig)->connected ||
        !lr_live_rig_wait(rig, accepted)) {
        return false;
    }
    rig->other = rig->server.last_accepted;
    return rig->other != 0;
}

void lr_live_rig_deinit(struct lr_live_rig *rig) {
    lr_probe_deinit(&rig->client);
    lr_probe_deinit(&rig->server);
    lr_live_free(rig->live);
}

struct lr_probe_conn *lr_live_rig_client(struct lr_live_rig *rig) {
    return &rig->client.conns[rig->conn];
}

struct lr_probe_conn *lr_live_rig_server(struct lr_live_rig *rig) {
    return &rig->server.conns[rig->other];
}

bool lr_live_rig_wait(struct lr_live_rig *rig, bool (*condition)(struct lr_live_rig *rig)) {
    lr_time limit = lr_live_now(rig->live) + 60 * LR_SECOND;
    while (!condition(rig) && lr_live_now(rig->live) < limit) {
        (void)lr_live_turn(rig->live, lr_live_now(rig->live) + 50 * LR_MS);
    }
    return condition(rig);
}

void lr_live_rig_idle(struct lr_live_rig *rig) {
    lr_time until = lr_live_now(rig->live) + 100 * LR_MS;
    while (lr_live_now(rig->live) < until) {
        (void)lr_live_turn(rig->live, until);
    }
}

int lr_open_descriptors(void) {
    int count = 0;
    DIR *entries = opendir("/proc/self/fd");
    if (entries == NULL) {
        return -1;
    }
    while (readdir(entries) != NULL) {
        count++;
    }
    closedir(entries);
    return count;
}
