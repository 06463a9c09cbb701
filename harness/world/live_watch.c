/* SPDX-License-Identifier: Apache-2.0 */
/* Watched links: who is at their ends, and the faults that are put on them. */
#include "world/live_watch.h"

#include <stdio.h>
#include <string.h>

/* ---- foreign services ---- */

enum lr_status lr_live_foreign_service(struct lr_live *live, const char *name, enum lr_plane plane,
                                       const struct lr_address *address) {
    struct lr_service *service = LR_NEW(live->alloc, struct lr_service);
    if (service == NULL) {
        return LR_ENOMEM;
    }
    service->name = lr_live_keep_name(live, name);
    if (service->name == NULL) {
        LR_FREE(live->alloc, service);
        return LR_ENOMEM;
    }
    service->plane = plane;
    service->address = *address;
    lr_list_append(&live->services, &service->node);
    return LR_OK;
}

static bool is_service(const struct lr_service *service, const char *host,
                       const struct sockaddr_storage *address) {
    struct sockaddr_storage known;
    if (service->address.port != lr_address_port(address)) {
        return false;
    }
    if (strcmp(service->address.host, host) == 0) {
        return true;
    }
    return lr_address_numeric(service->address.host, service->address.port, &known) &&
           (lr_address_same_host(&known, address) ||
            (lr_address_is_any(&known) && lr_address_is_loopback(address)));
}

/* The newest counts: ports are used again. */
const struct lr_service *lr_watch_find_service(const struct lr_live *live, const char *host,
                                               const struct sockaddr_storage *address) {
    for (struct lr_list *node = live->services.prev; node != &live->services; node = node->prev) {
        const struct lr_service *service = LR_CONTAINER_OF(node, struct lr_service, node);
        if (is_service(service, host, address)) {
            return service;
        }
    }
    return NULL;
}

/* ---- links ---- */

/* Who connected: a role of ours, or a program of ours, as far as it is on this machine. */
static void find_client(struct lr_live *live, const struct lr_watch_ends *ends,
                        struct lr_endpoint *client) {
    const struct sockaddr_storage *address = ends->client_address;
    struct lr_port_pair ports = {lr_address_port(address), ends->reached_port};
    client->host = ends->client;
    if (client->host == NULL && (live->net != NULL || lr_address_is_loopback(address) ||
                                 lr_address_same_host(address, ends->service_address))) {
        client->host = lr_host_name_of_ports(live, ports);
        if (client->host == NULL && !lr_list_empty(&live->programs)) {
            client->pid = lr_live_pid_of_ports(live, ports, &client->host);
        }
    }
}

/* Bytes are changed, and held back, where we pass them on. */
static bool exists_on(const struct lr_watched *watched, const struct lr_fault *fault) {
    enum lr_fault_live live = lr_fault_row(fault->kind)->live;
    return live == LR_FAULT_LIVE || (live == LR_FAULT_LIVE_RELAYED && watched->relayed);
}

static void arm_waiting(struct lr_live *live, struct lr_watched *watched, const char *service) {
    LR_LIST_EACH (node, &live->next_faults) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        if (strcmp(fault->service, service) == 0 && exists_on(watched, fault)) {
            enum lr_link_action action = lr_link_arm(&watched->link, lr_live_clock(live), fault);
            bool keeps = action == LR_LINK_PASS || watched->at_opening == LR_LINK_RST;
            watched->at_opening = keeps ? watched->at_opening : action;
        }
    }
}

struct lr_watched *lr_watch_open(struct lr_live *live, const struct lr_watch_ends *ends, void *user,
                                 void (*act)(struct lr_watched *watched,
                                             enum lr_link_action action)) {
    struct lr_watched *watched = LR_NEW(live->alloc, struct lr_watched);
    if (watched == NULL) {
        return NULL;
    }
    char client_text[LR_ADDRESS_TEXT_MAX];
    char service_text[LR_ADDRESS_TEXT_MAX];
    struct lr_endpoint client = {.address = lr_address_text(client_text, ends->client_address)};
    struct lr_endpoint service = {.host = ends->service,
                                  .address = lr_address_text(service_text, ends->service_address),
                                  .pid = ends->service_pid};
    find_client(live, ends, &client);
    lr_link_open(&watched->link, live->ledger, lr_live_clock(live), ends->plane, &client, &service);
    watched->link.owner = watched;
    watched->act = act;
    watched->user = user;
    watched->at_opening = LR_LINK_PASS;
    watched->relayed = ends->relayed;
    lr_list_append(&live->links, &watched->link.node);
    arm_waiting(live, watched, ends->service);
    return watched;
}

void lr_watch_close(struct lr_live *live, struct lr_watched *watched, const char *reason) {
    if (watched != NULL) {
        lr_link_closed(&watched->link, lr_live_clock(live), reason);
        LR_FREE(live->alloc, watched);
    }
}

struct lr_link *lr_live_link(struct lr_live *live, uint32_t number) {
    LR_LIST_EACH (node, &live->links) {
        struct lr_link *link = LR_CONTAINER_OF(node, struct lr_link, node);
        if (link->number == number && number != 0) {
            return link;
        }
    }
    return NULL;
}

enum lr_status lr_live_fault(struct lr_live *live, uint32_t number, struct lr_fault *fault) {
    struct lr_link *link = lr_live_link(live, number);
    if (link == NULL || link->ended) {
        return LR_ENOTFOUND;
    }
    struct lr_watched *watched = link->owner;
    if (!exists_on(watched, fault)) {
        return LR_ENOTSUP;
    }
    enum lr_link_action action = lr_link_arm(link, lr_live_clock(live), fault);
    if (action != LR_LINK_PASS) {
        watched->act(watched, action);
    }
    return LR_OK;
}

void lr_live_fault_next(struct lr_live *live, const char *host_name, struct lr_fault *fault) {
    lr_fault_disarm(fault);
    snprintf(fault->service, sizeof fault->service, "%s", host_name);
    lr_list_append(&live->next_faults, &fault->node);
}

void lr_live_undo(struct lr_live *live, struct lr_fault *fault) {
    struct lr_link *link;
    if (lr_link_undo(lr_live_clock(live), fault, &link) == LR_LINK_SHAPE) {
        struct lr_watched *watched = link->owner;
        watched->act(watched, LR_LINK_SHAPE);
    }
}

static struct lr_link *find_open_to(struct lr_live *live, const char *service) {
    LR_LIST_EACH (node, &live->links) {
        struct lr_link *link = LR_CONTAINER_OF(node, struct lr_link, node);
        if (!link->ended && !link->black_hole &&
            strcmp(lr_ledger_link_service(live->ledger, link->number), service) == 0) {
            return link;
        }
    }
    return NULL;
}

/* Looked for anew each time, as the end of one may be that of others. */
size_t lr_live_storm(struct lr_live *live, const char *service) {
    struct lr_link *link;
    size_t count = 0;
    while ((link = find_open_to(live, service)) != NULL) {
        struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_BOTH};
        struct lr_watched *watched = link->owner;
        watched->act(watched, lr_link_arm(link, lr_live_clock(live), &fault));
        count++;
    }
    return count;
}
