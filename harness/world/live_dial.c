/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: a name becomes addresses, which are tried one after the other. */
#include "world/live_host.h"

#include <string.h>

enum { DIAL_ADDRESSES_MAX = 8 }; /* a name with more is tried at its first eight */

struct lr_dial {
    struct lr_alloc *alloc;
    struct lr_host_conn *conn;
    struct lr_resolve *resolve; /* while its name is asked for */
    char name[LR_HOST_MAX];
    struct sockaddr_storage addresses[DIAL_ADDRESSES_MAX];
    size_t count;
    size_t next;
    int error;  /* of the last address */
    bool again; /* the socket is being made new for the next one */
};

static void try_next(struct lr_dial *dial);

void lr_dial_stop(struct lr_host_conn *conn) {
    if (conn->dial != NULL) {
        lr_resolve_cancel(conn->dial->resolve);
        LR_FREE(conn->dial->alloc, conn->dial);
        conn->dial = NULL;
    }
}

static void give_up(struct lr_dial *dial, int error) {
    struct lr_host_conn *conn = dial->conn;
    lr_dial_stop(conn);
    lr_host_pend(&conn->numbered, LR_PENDING_CONNECT_FAILED, error);
    lr_socket_drop(&conn->socket);
    if (!conn->numbered.host->settling) {
        lr_host_settle(conn->numbered.host);
    }
}

static void fail_one(struct lr_dial *dial, int error) {
    dial->error = error;
    if (dial->next < dial->count) {
        dial->again = true; /* a socket that failed once is no use: it is closed and made new */
        lr_socket_drop(&dial->conn->socket);
    } else {
        give_up(dial, error);
    }
}

static void try_next(struct lr_dial *dial) {
    const struct sockaddr_storage *address = &dial->addresses[dial->next++];
    struct lr_host_conn *conn = dial->conn;
    struct lr_live *live = conn->socket.live;
    bool at_once = false;
    lr_net_enter(live->net, conn->numbered.host->place);
    int result = lr_socket_connect(&conn->socket, address, &at_once);
    lr_net_leave(live->net);
    if (result != 0) {
        fail_one(dial, result);
        return;
    }
    lr_conn_note_ports(conn, address);
    if (at_once) {
        lr_host_pend(&conn->numbered, LR_PENDING_CONNECTED, 0);
        if (!conn->numbered.host->settling) {
            lr_host_settle(conn->numbered.host);
        }
    }
}

bool lr_dial_again(struct lr_host_conn *conn) {
    struct lr_dial *dial = conn->dial;
    if (!dial->again) {
        return false;
    }
    dial->again = false;
    bool wants_read = conn->socket.wants_read;
    lr_socket_init(&conn->socket, conn->socket.live, conn->socket.ops);
    conn->socket.wants_read = wants_read;
    try_next(dial);
    return true;
}

/* Its name and address outlive the dial. */
static void end_dial(struct lr_host_conn *conn, char name[LR_HOST_MAX],
                     struct sockaddr_storage *address) {
    const struct lr_dial *dial = conn->dial;
    *address = dial->addresses[dial->next - 1];
    memcpy(name, dial->name, sizeof dial->name);
    lr_dial_stop(conn);
}

bool lr_dial_arrived(struct lr_host_conn *conn, struct lr_event *event, struct lr_address *peer) {
    char name[LR_HOST_MAX];
    struct sockaddr_storage address;
    end_dial(conn, name, &address);
    return lr_conn_begin(conn, name, &address, event, peer);
}

void lr_dial_done(struct lr_host_conn *conn, int error) {
    if (error != 0) {
        fail_one(conn->dial, error);
        return;
    }
    char name[LR_HOST_MAX];
    struct sockaddr_storage address;
    end_dial(conn, name, &address);
    lr_conn_connected(conn, name, &address);
}

static void take_addresses(void *context, int error, const struct addrinfo *addresses) {
    struct lr_dial *dial = context;
    dial->resolve = NULL;
    for (const struct addrinfo *each = addresses; each != NULL && error == 0;
         each = each->ai_next) {
        if (dial->count < DIAL_ADDRESSES_MAX && each->ai_addrlen <= sizeof dial->addresses[0]) {
            memcpy(&dial->addresses[dial->count++], each->ai_addr, each->ai_addrlen);
        }
    }
    if (dial->count == 0) {
        give_up(dial, error != 0 ? error : UV_EAI_NONAME);
    } else {
        try_next(dial);
    }
}

static void look_up(struct lr_dial *dial, const struct lr_address *address) {
    if (lr_address_numeric(address->host, address->port, &dial->addresses[0])) {
        dial->count = 1;
        if (strcmp(address->host, "localhost") == 0 &&
            lr_address_numeric("::1", address->port, &dial->addresses[1])) {
            dial->count = 2;
        }
        try_next(dial);
        return;
    }
    int result = lr_resolve_start(dial->conn->socket.live, address->host, address->port, false,
                                  take_addresses, dial, &dial->resolve);
    if (result != 0) {
        give_up(dial, result);
    }
}

void lr_dial_start(struct lr_live_host *host, struct lr_command *command) {
    struct lr_host_conn *conn = lr_conn_new(host);
    struct lr_dial *dial = conn == NULL ? NULL : LR_NEW(host->live->alloc, struct lr_dial);
    if (conn == NULL) {
        lr_host_refuse(host, command->conn, false);
        return;
    }
    conn->keepalive = command->keepalive;
    lr_host_number(host, &conn->numbered, command->conn);
    if (dial == NULL) {
        lr_host_pend(&conn->numbered, LR_PENDING_CONNECT_FAILED, UV_ENOMEM);
        lr_socket_drop(&conn->socket);
        return;
    }
    dial->alloc = host->live->alloc;
    dial->conn = conn;
    conn->dial = dial;
    memcpy(dial->name, command->address->host, sizeof dial->name);
    look_up(dial, command->address);
}
