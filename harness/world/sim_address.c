/* SPDX-License-Identifier: Apache-2.0 */
/* Names, addresses and ports. An address is its text: whoever is placed at it shares its ports. */
#include "world/sim_conn.h"

#include <stddef.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

/* As Linux gives them to who connects; a listener that takes any port gets one of these, too. */
enum { PORT_FIRST = 32768, PORT_END = 61000 };

/* ---- names ---- */

static struct lr_sim_name *find_name(const struct lr_sim *sim, uint64_t key, const char *text) {
    struct lr_table_node *node = lr_table_find(&sim->names, key);
    for (; node != NULL; node = node->next) {
        struct lr_sim_name *name = LR_CONTAINER_OF(node, struct lr_sim_name, node);
        if (node->key == key && strcmp(name->text, text) == 0) {
            return name;
        }
    }
    return NULL;
}

struct lr_sim_name *lr_sim_name(struct lr_sim *sim, const char *text) {
    uint64_t key = lr_text_hash(lr_text_of(text));
    struct lr_sim_name *name = find_name(sim, key, text);
    size_t size = strlen(text) + 1;
    if (name == NULL) {
        name = lr_alloc_zeroed(sim->alloc, sizeof *name + size);
        if (name != NULL) {
            memcpy(name->text, text, size);
            name->node.key = key;
            name->number = ++sim->name_count;
            name->next_port = PORT_FIRST;
            name->is_loopback = strncmp(text, "127.", 4) == 0 || strcmp(text, "::1") == 0;
            (void)lr_table_add(&sim->names, sim->alloc, &name->node);
        }
    }
    return name;
}

/* Four numbers with dots between them, or what has a colon. */
static bool is_numeric(const char *text) {
    unsigned int parts = 0;
    if (strchr(text, ':') != NULL) {
        return strspn(text, "0123456789abcdefABCDEF:.") == strlen(text);
    }
    while (*text >= '0' && *text <= '9') {
        unsigned int value = 0;
        size_t digits = strspn(text, "0123456789");
        for (size_t i = 0; i < digits && i < 4; i++) {
            value = value * 10 + (unsigned int)(text[i] - '0');
        }
        if (digits > 3 || value > 255) {
            return false;
        }
        parts++;
        text += digits;
        if (*text != '.') {
            break;
        }
        text++;
    }
    return parts == 4 && *text == '\0';
}

enum lr_status lr_sim_resolve(struct lr_sim *sim, const char *host, struct lr_sim_name **out) {
    bool v6;
    if (strcmp(host, "localhost") == 0 || lr_sim_is_any(host, &v6)) {
        *out = sim->localhost;
        return LR_OK;
    }
    *out = find_name(sim, lr_text_hash(lr_text_of(host)), host);
    if (*out != NULL && ((*out)->hosts > 0 || is_numeric(host))) {
        return LR_OK;
    }
    if (!is_numeric(host)) {
        return LR_ENOTFOUND;
    }
    *out = lr_sim_name(sim, host);
    return *out == NULL ? LR_ENOMEM : LR_OK;
}

bool lr_sim_is_any(const char *host, bool *v6) {
    *v6 = strcmp(host, "::") == 0;
    return *v6 || strcmp(host, "0.0.0.0") == 0;
}

void lr_sim_split(const struct lr_sim_name *address, uint16_t port, struct lr_address *out) {
    size_t size = strlen(address->text);
    size = size < sizeof out->host ? size : sizeof out->host - 1;
    memcpy(out->host, address->text, size);
    out->host[size] = '\0';
    out->port = port;
}

/* ---- ports ---- */

static uint64_t port_key(const struct lr_sim_name *address, uint32_t port) {
    return (uint64_t)address->number << 16 | port;
}

static bool take(struct lr_sim *sim, struct lr_sim_name *address, uint32_t number,
                 struct lr_sim_port *port) {
    uint64_t key = port_key(address, number);
    if (lr_table_find(&sim->ports, key) != NULL) {
        return false;
    }
    port->node.key = key;
    port->taken = true;
    (void)lr_table_add(&sim->ports, sim->alloc, &port->node);
    return true;
}

bool lr_sim_take_port(struct lr_sim *sim, struct lr_sim_name *address, uint32_t number,
                      struct lr_sim_port *port, uint16_t *out) {
    *out = (uint16_t)number;
    if (number != 0) {
        return take(sim, address, number, port);
    }
    for (unsigned int tried = 0; tried < PORT_END - PORT_FIRST; tried++) {
        uint32_t next = address->next_port++;
        if (address->next_port == PORT_END) {
            address->next_port = PORT_FIRST;
        }
        if (take(sim, address, next, port)) {
            *out = (uint16_t)next;
            return true;
        }
    }
    return false;
}

void lr_sim_leave_port(struct lr_sim *sim, struct lr_sim_port *port) {
    if (port->taken) {
        port->taken = false;
        lr_table_remove(&sim->ports, &port->node);
    }
}

static struct lr_sim_listener *listener_at(const struct lr_sim *sim,
                                           const struct lr_sim_name *address, uint16_t port) {
    struct lr_table_node *node = lr_table_find(&sim->ports, port_key(address, port));
    return node == NULL ? NULL : LR_CONTAINER_OF(node, struct lr_sim_port, node)->listener;
}

/* Who listens at every address of the machine has taken the port of 127.0.0.1. */
struct lr_sim_listener *lr_sim_find_listener(struct lr_sim *sim, const struct lr_sim_name *address,
                                             uint16_t port) {
    struct lr_sim_listener *found = listener_at(sim, address, port);
    if (found == NULL && address->is_loopback && strncmp(address->text, "127.", 4) == 0) {
        found = listener_at(sim, sim->localhost, port);
        found = found != NULL && found->any ? found : NULL;
    }
    return found;
}
