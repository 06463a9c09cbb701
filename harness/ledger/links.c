/* SPDX-License-Identifier: Apache-2.0 */
/* Links: what the world tells of them, and who is told what the observer sees. */
#include "ledger/ledger_internal.h"

#include <stdio.h>
#include <string.h>

struct lr_ledger_link *lr_ledger_link_at(const struct lr_ledger *ledger, uint32_t number) {
    return number == 0 || number > ledger->link_count ? NULL : ledger->links[number - 1];
}

const char *lr_ledger_link_ended(const struct lr_ledger *ledger, uint32_t number,
                                 enum lr_direction direction) {
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    return link == NULL             ? NULL
           : link->reset[direction] ? "rst"
           : link->fin[direction]   ? "fin"
                                    : NULL;
}

bool lr_ledger_link_open(const struct lr_ledger *ledger, uint32_t number) {
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    return link != NULL && link->open && !link->fin[LR_TO_SERVICE] && !link->fin[LR_FROM_SERVICE];
}

/* Whether |address|, "HOST:PORT", ends in |port|. */
static bool has_port(const char *address, uint16_t port) {
    char text[8];
    const char *colon = strrchr(address, ':');
    (void)snprintf(text, sizeof text, "%u", (unsigned int)port);
    return colon != NULL && strcmp(colon + 1, text) == 0;
}

uint32_t lr_ledger_link_of_ports(const struct lr_ledger *ledger, const char *client, uint16_t local,
                                 uint16_t remote) {
    for (size_t i = ledger->link_count; i > 0 && local != 0; i--) {
        const struct lr_ledger_link *link = ledger->links[i - 1];
        if (strcmp(link->client, client) == 0 && has_port(link->client_address, local) &&
            has_port(link->service_address, remote)) {
            return link->number;
        }
    }
    return 0;
}

const char *lr_ledger_link_opener(const struct lr_ledger *ledger, uint32_t number) {
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    return link == NULL ? "" : link->client;
}

uint32_t lr_ledger_find_link(const struct lr_ledger *ledger, const char *client,
                             const char *service) {
    for (size_t i = ledger->link_count; i > 0; i--) {
        const struct lr_ledger_link *link = ledger->links[i - 1];
        if (strcmp(link->client, client) == 0 && strcmp(link->service, service) == 0 &&
            lr_ledger_link_open(ledger, link->number)) {
            return link->number;
        }
    }
    return 0;
}

const char *lr_ledger_link_service(const struct lr_ledger *ledger, uint32_t number) {
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    return link == NULL ? "" : link->service;
}

uint64_t lr_ledger_link_passed(const struct lr_ledger *ledger, uint32_t number,
                               enum lr_direction direction) {
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    return link == NULL ? 0 : link->bytes[direction];
}

/* Most links have ended long ago, and what it took to read them is used for the next ones. */
static void free_observer(struct lr_ledger_link *link) {
    if (link->observer != NULL) {
        lr_observer_deinit(link->observer);
        LR_FREE(link->ledger->alloc, link->observer);
        link->observer = NULL;
    }
}

void lr_ledger_links_deinit(struct lr_ledger *ledger) {
    for (size_t i = 0; i < ledger->link_count; i++) {
        struct lr_ledger_link *link = ledger->links[i];
        free_observer(link);
        lr_list_remove(&link->offers);
        lr_list_remove(&link->requests);
        LR_FREE(ledger->alloc, link);
    }
    lr_alloc_free(ledger->alloc, ledger->links, ledger->link_capacity * sizeof(void *));
}

static void see(const struct lr_seen *seen, void *context) {
    struct lr_ledger_link *link = context;
    if (seen->kind == LR_SEEN_BROKEN) {
        lr_ledger_broken(link, seen);
    } else if (link->plane == LR_PLANE_CONTROL) {
        lr_ledger_see_control(link, seen);
    } else {
        lr_ledger_see_data(link, seen);
    }
}

static const char *address_of(const struct lr_endpoint *endpoint) {
    return endpoint->address == NULL ? "an unknown address" : endpoint->address;
}

static void name_client(struct lr_ledger_link *link, const struct lr_endpoint *client) {
    link->client_address = lr_ledger_keep_apart(link->ledger, lr_text_of(address_of(client)));
    link->client = client->host == NULL ? link->client_address
                                        : lr_ledger_keep(link->ledger, lr_text_of(client->host));
    link->client_pid = client->pid;
    link->scripted[LR_TO_SERVICE] = lr_ledger_is_scripted(link->ledger, link->client);
}

static struct lr_ledger_link *new_link(struct lr_ledger *ledger) {
    struct lr_ledger_link **links = lr_ledger_grow(ledger, ledger->links, &ledger->link_capacity,
                                                   ledger->link_count, sizeof(void *));
    if (links == NULL) {
        return NULL;
    }
    ledger->links = links;
    struct lr_ledger_link *link = LR_NEW(ledger->alloc, struct lr_ledger_link);
    struct lr_observer *observer = LR_NEW(ledger->alloc, struct lr_observer);
    if (link == NULL || observer == NULL) {
        lr_ledger_fail(ledger);
        LR_FREE(ledger->alloc, link);
        LR_FREE(ledger->alloc, observer);
        return NULL;
    }
    ledger->links[ledger->link_count++] = link;
    link->number = (uint32_t)ledger->link_count;
    link->ledger = ledger;
    link->observer = observer;
    return link;
}

static void say(struct lr_ledger_link *link, lr_time at, const char *form, const char *first,
                const char *second, const char *third, const char *fourth) {
    lr_ledger_say(link->ledger, &(struct lr_ledger_said){
                                    .at = at,
                                    .session = link->session,
                                    .link = link->number,
                                    .form = form,
                                    .words = {{first}, {second}, {third}, {fourth}},
                                });
}

uint32_t lr_ledger_link_opened(struct lr_ledger *ledger, lr_time at, enum lr_plane plane,
                               const struct lr_endpoint *client,
                               const struct lr_endpoint *service) {
    struct lr_ledger_link *link = new_link(ledger);
    if (link == NULL) {
        return 0;
    }
    link->plane = plane;
    link->open = true;
    link->opened_at = at;
    link->gone_at = LR_TIME_NEVER;
    link->registered_at = LR_TIME_NEVER;
    lr_list_init(&link->offers);
    lr_list_init(&link->requests);
    name_client(link, client);
    link->service_address = lr_ledger_keep(ledger, lr_text_of(address_of(service)));
    link->service = service->host == NULL ? link->service_address
                                          : lr_ledger_keep(ledger, lr_text_of(service->host));
    link->scripted[LR_FROM_SERVICE] = lr_ledger_is_scripted(ledger, link->service);
    lr_observer_init(link->observer, ledger->alloc, plane, see, link);
    say(link, at, "%s connects to %s (%s -> %s)", link->client, link->service, link->client_address,
        link->service_address);
    /* Where no grant is unused, whoever connects to a server comes without one. */
    if (plane == LR_PLANE_DATA && ledger->unused_grants == 0) {
        (void)lr_ledger_data_session(link, at);
    }
    return link->number;
}

void lr_ledger_link_client(struct lr_ledger *ledger, uint32_t number,
                           const struct lr_endpoint *client) {
    struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    if (link == NULL) {
        return;
    }
    name_client(link, client);
    struct lr_ledger_session *session = lr_ledger_session_at(
        ledger, link->plane == LR_PLANE_DATA ? link->session : link->last_request);
    if (session != NULL && (link->plane == LR_PLANE_DATA || session->account.data_link == 0)) {
        session->account.client = link->client;
        session->account.client_pid = link->client_pid;
    }
    if (link->server != NULL) {
        link->server->name = link->client;
    }
}

void lr_ledger_link_bytes(struct lr_ledger *ledger, lr_time at, uint32_t number,
                          enum lr_direction direction, const uint8_t *bytes, size_t size) {
    struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    if (link == NULL) {
        return;
    }
    link->bytes[direction] += size;
    if (direction == LR_FROM_SERVICE && link->bytes_at[direction] < at) {
        link->said_before_at = link->bytes_at[direction];
    }
    link->bytes_at[direction] = at;
    if (link->observer != NULL) {
        lr_observer_feed(link->observer, at, direction, bytes, size);
        if (link->observer->health != LR_OK) {
            lr_ledger_fail(ledger);
        }
    }
    struct lr_ledger_session *session = lr_ledger_session_at(ledger, link->session);
    if (session != NULL) {
        session->account.bytes[LR_TO_SERVICE] = link->bytes[LR_TO_SERVICE];
        session->account.bytes[LR_FROM_SERVICE] = link->bytes[LR_FROM_SERVICE];
        session->account.last_packet_at = at;
    }
}

/* The link as a whole is over: nothing more is to be seen on it. */
static void end_link(struct lr_ledger *ledger, lr_time at, struct lr_ledger_link *link) {
    if (!link->open) {
        return;
    }
    link->open = false;
    if (link->plane == LR_PLANE_DATA) {
        lr_ledger_data_closed(ledger, at, link);
    }
    free_observer(link);
}

static const char *sender(const struct lr_ledger_link *link, enum lr_direction direction) {
    return direction == LR_TO_SERVICE ? link->client : link->service;
}

static const char *receiver(const struct lr_ledger_link *link, enum lr_direction direction) {
    return direction == LR_TO_SERVICE ? link->service : link->client;
}

void lr_ledger_link_fin(struct lr_ledger *ledger, lr_time at, uint32_t number,
                        enum lr_direction direction) {
    struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    if (link == NULL || !link->open || link->fin[direction]) {
        return;
    }
    link->fin[direction] = true;
    if (link->plane == LR_PLANE_DATA) {
        (void)lr_ledger_data_session(link, at);
    }
    say(link, at, "%s -> %s: FIN%s", sender(link, direction), receiver(link, direction),
        lr_observer_inside(link->observer, direction) ? " inside a message" : "", NULL);
    if (link->plane == LR_PLANE_CONTROL) {
        lr_ledger_control_gone(ledger, at, link, direction == LR_TO_SERVICE);
    } else {
        lr_ledger_data_ended(ledger, at, link, direction, false);
    }
    if (link->fin[LR_TO_SERVICE] && link->fin[LR_FROM_SERVICE]) {
        end_link(ledger, at, link);
    }
}

void lr_ledger_link_reset(struct lr_ledger *ledger, lr_time at, uint32_t number,
                          enum lr_direction direction) {
    struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    if (link == NULL || !link->open) {
        return;
    }
    link->reset[direction] = true;
    if (link->plane == LR_PLANE_DATA) {
        (void)lr_ledger_data_session(link, at);
    }
    say(link, at, "%s -> %s: RST", sender(link, direction), receiver(link, direction), NULL, NULL);
    if (link->plane == LR_PLANE_CONTROL) {
        lr_ledger_control_gone(ledger, at, link, direction == LR_TO_SERVICE);
    } else {
        lr_ledger_data_ended(ledger, at, link, direction, true);
    }
    end_link(ledger, at, link);
}

void lr_ledger_link_closed(struct lr_ledger *ledger, lr_time at, uint32_t number,
                           const char *reason) {
    struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    if (link == NULL || !link->open) {
        return;
    }
    if (link->plane == LR_PLANE_DATA) {
        (void)lr_ledger_data_session(link, at);
    }
    say(link, at, "%s and %s are no longer connected%s%s", link->client, link->service,
        reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
    if (link->plane == LR_PLANE_CONTROL) {
        lr_ledger_control_gone(ledger, at, link, true);
    }
    end_link(ledger, at, link);
}

void lr_ledger_link_fault(struct lr_ledger *ledger, lr_time at, uint32_t number, const char *what) {
    struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    if (link != NULL) {
        link->hurt = true;
        lr_ledger_control_unsure(link, at);
        const struct lr_ledger_session *by = lr_ledger_session_at(ledger, link->session);
        if (by != NULL && by->server != NULL) {
            lr_ledger_server_untried(by->server, by);
        }
        lr_ledger_tell(ledger, at, link->session, number, "fault between %s and %s: %s",
                       link->client, link->service, what);
    }
}

void lr_ledger_link_spoiled(struct lr_ledger *ledger, uint32_t number) {
    struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    if (link != NULL) {
        link->spoiled = true;
    }
}

static void add_front(struct lr_ledger_place *place, const void *bytes, size_t size) {
    size_t room = sizeof place->front - place->front_size;
    size = size < room ? size : room;
    if (size > 0) {
        memcpy(place->front + place->front_size, bytes, size);
        place->front_size += size;
    }
}

static void add_number(struct lr_ledger_place *place, uint64_t value, size_t size) {
    uint8_t bytes[sizeof value];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    add_front(place, bytes, size);
}

bool lr_ledger_link_place(const struct lr_ledger *ledger, uint32_t number,
                          enum lr_direction direction, struct lr_ledger_place *place) {
    const struct lr_ledger_link *link = lr_ledger_link_at(ledger, number);
    *place = (struct lr_ledger_place){.opened = false};
    if (link == NULL || !link->open || link->observer == NULL ||
        link->observer->stages[direction] >= LR_OBSERVER_REFUSED) {
        return false;
    }
    const struct lr_framer *framer = &link->observer->framers[direction];
    enum lr_observer_stage stage = link->observer->stages[direction];
    place->opened = stage == LR_OBSERVER_MESSAGES;
    if (stage == LR_OBSERVER_KEY) {
        place->message_size = 4;
        add_number(place, LR_MAGIC_RPC, 4);
    }
    if (lr_framer_inside(framer)) {
        place->message_size += framer->offset - framer->frame_begin;
        if (framer->in_body && framer->expect != LR_FRAME_WORD) {
            add_number(place, framer->body_size, framer->expect == LR_FRAME_TEXT ? 4 : 8);
        }
        add_front(place, lr_buf_data(&framer->partial), lr_buf_size(&framer->partial));
    }
    return true;
}

/* What |client| was told on another link was changed by a fault: a grant, perhaps, which it then
 * repeats here. */
static bool is_misled(const struct lr_ledger *ledger, const char *client) {
    for (size_t i = 0; i < ledger->link_count; i++) {
        const struct lr_ledger_link *link = ledger->links[i];
        if (link->plane == LR_PLANE_CONTROL && link->spoiled && strcmp(link->client, client) == 0) {
            return true;
        }
    }
    return false;
}

void lr_ledger_broken(struct lr_ledger_link *link, const struct lr_seen *seen) {
    if (link->plane == LR_PLANE_DATA) {
        (void)lr_ledger_data_session(link, seen->at);
    }
    if (link->broken[seen->direction]) {
        return; /* once a direction: what follows is seldom news */
    }
    link->broken[seen->direction] = true;
    /* What is said to a script that broke off, or never began rightly, is the script's to judge,
     * too. */
    if (link->scripted[LR_TO_SERVICE] || link->scripted[LR_FROM_SERVICE] || link->spoiled ||
        is_misled(link->ledger, link->client)) {
        lr_ledger_tell(link->ledger, seen->at, link->session, link->number, "%s -> %s: %s",
                       sender(link, seen->direction), receiver(link, seen->direction),
                       seen->problem);
        return;
    }
    lr_ledger_find(link->ledger, seen->at, LR_FINDING_PROTOCOL, link->session, "%s -> %s: %s",
                   sender(link, seen->direction), receiver(link, seen->direction), seen->problem);
}
