/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"
#include "role_driver_internal.h"

void lr_driver_kill(struct lr_driver *driver, lr_host host, bool reset) {
    for (size_t i = 0; i < driver->link_count; i++) {
        struct link *link = driver->links[i];
        for (int side = 0; side < 2; side++) {
            if (link->ends[side].host == host && !link->ends[side].gone) {
                lr_driver_leave(driver, &link->ends[side]);
                link->ends[1 - side].broken = reset;
                link->ends[1 - side].fin = true;
                lr_driver_touch(driver, link);
            }
        }
    }
    for (size_t i = 0; i < driver->listener_count; i++) {
        driver->listeners[i].up = driver->listeners[i].up && driver->listeners[i].host != host;
    }
    driver->hosts[host].dead = true;
    lr_driver_pump(driver);
}

lr_link lr_driver_connect(struct lr_driver *driver, lr_host host, const char *peer_ip) {
    lr_driver_pump(driver);
    for (size_t i = 0; i < driver->listener_count; i++) {
        if (driver->listeners[i].host == host && driver->listeners[i].up) {
            lr_link number = lr_driver_add_link(driver, WAITING);
            lr_driver_set_address(&lr_driver_link(driver, number)->ends[0].address, peer_ip,
                                  (uint16_t)(PORT_PEER_FIRST + number % 10000));
            if (!lr_driver_join(driver, number, &driver->listeners[i])) {
                return LR_LINK_NONE;
            }
            lr_driver_pump(driver);
            return number;
        }
    }
    return LR_LINK_NONE;
}

lr_link lr_driver_waiting(struct lr_driver *driver, lr_host host,
                          const struct lr_address **address) {
    lr_driver_pump(driver);
    for (size_t i = 0; i < driver->link_count; i++) {
        struct link *link = driver->links[i];
        if (link->phase == WAITING && link->ends[0].host == host && !link->ends[0].gone) {
            if (address != NULL) {
                *address = &link->ends[1].address;
            }
            return (lr_link)i;
        }
    }
    return LR_LINK_NONE;
}

void lr_driver_accept(struct lr_driver *driver, lr_link number) {
    struct link *link = lr_driver_link(driver, number);
    LR_ASSERT(link->phase == WAITING && lr_driver_holds(&link->ends[0]));
    link->phase = OPEN;
    lr_driver_handle(driver, link->ends[0].host,
                     (struct lr_event){.kind = LR_EVENT_CONNECTED,
                                       .conn = link->ends[0].conn,
                                       .peer = &link->ends[1].address});
    lr_driver_touch(driver, link);
    lr_driver_pump(driver);
}

void lr_driver_fail(struct lr_driver *driver, lr_link number, enum lr_status status,
                    const char *reason) {
    struct link *link = lr_driver_link(driver, number);
    LR_ASSERT(link->phase == WAITING && lr_driver_holds(&link->ends[0]));
    link->phase = OPEN;
    link->ends[1].gone = true;
    lr_driver_end(
        driver, &link->ends[0],
        (struct lr_event){.kind = LR_EVENT_CONNECT_FAILED, .status = status, .reason = reason});
    lr_driver_pump(driver);
}

void lr_driver_refuse(struct lr_driver *driver, lr_link number) {
    lr_driver_fail(driver, number, LR_EREFUSED, "connection refused");
}

static int test_side(const struct link *link) {
    LR_ASSERT((link->ends[0].host == LR_TEST_HOST) != (link->ends[1].host == LR_TEST_HOST));
    return link->ends[0].host == LR_TEST_HOST ? 0 : 1;
}

void lr_driver_feed(struct lr_driver *driver, lr_link number, const void *bytes, size_t size) {
    struct link *link = lr_driver_link(driver, number);
    struct end *role_end = &link->ends[1 - test_side(link)];
    if (!role_end->gone) {
        LR_ASSERT(!role_end->fin); /* the test has sent its own FIN */
        enum lr_status status = lr_buf_append(&role_end->in, bytes, size);
        LR_ASSERT(status == LR_OK);
        lr_driver_touch(driver, link);
    }
    lr_driver_pump(driver);
}

void lr_driver_feed_pieces(struct lr_driver *driver, lr_link number, const void *bytes, size_t size,
                           size_t piece) {
    const uint8_t *data = bytes;
    for (size_t at = 0; at < size; at += piece) {
        lr_driver_feed(driver, number, data + at, size - at < piece ? size - at : piece);
    }
}

void lr_driver_fin(struct lr_driver *driver, lr_link number) {
    struct link *link = lr_driver_link(driver, number);
    link->ends[1 - test_side(link)].fin = true;
    lr_driver_touch(driver, link);
    lr_driver_pump(driver);
}

static void break_end(struct lr_driver *driver, lr_link number, bool lost) {
    struct link *link = lr_driver_link(driver, number);
    int side = test_side(link);
    link->ends[side].gone = true;
    link->ends[1 - side].broken = true;
    link->ends[1 - side].lost = lost;
    lr_driver_touch(driver, link);
    lr_driver_pump(driver);
}

void lr_driver_reset(struct lr_driver *driver, lr_link number) {
    break_end(driver, number, false);
}

void lr_driver_lose(struct lr_driver *driver, lr_link number) {
    break_end(driver, number, true);
}

void lr_driver_window(struct lr_driver *driver, lr_link number, size_t bytes) {
    lr_driver_window_to(driver, number, LR_TEST_HOST, bytes);
}

void lr_driver_window_to(struct lr_driver *driver, lr_link number, lr_host toward, size_t bytes) {
    struct link *link = lr_driver_link(driver, number);
    link->ends[link->ends[0].host == toward ? 0 : 1].window = bytes;
    lr_driver_touch(driver, link);
    lr_driver_pump(driver);
}

const uint8_t *lr_driver_output(const struct lr_driver *driver, lr_link number, size_t *size) {
    const struct link *link = lr_driver_link(driver, number);
    const struct end *end = &link->ends[test_side(link)];
    *size = lr_buf_size(&end->seen);
    return lr_buf_data(&end->seen);
}

void lr_driver_consume(struct lr_driver *driver, lr_link number, size_t size) {
    struct link *link = lr_driver_link(driver, number);
    lr_buf_consume(&link->ends[test_side(link)].seen, size);
}

bool lr_driver_saw_fin(const struct lr_driver *driver, lr_link number) {
    const struct link *link = lr_driver_link(driver, number);
    return link->ends[test_side(link)].fin_seen;
}

bool lr_driver_saw_reset(const struct lr_driver *driver, lr_link number) {
    const struct link *link = lr_driver_link(driver, number);
    return link->ends[test_side(link)].reset_seen;
}

bool lr_driver_ended(const struct lr_driver *driver, lr_link number) {
    const struct link *link = lr_driver_link(driver, number);
    return link->ends[1 - test_side(link)].gone;
}

bool lr_driver_paused(const struct lr_driver *driver, lr_link number) {
    const struct link *link = lr_driver_link(driver, number);
    return link->ends[1 - test_side(link)].paused;
}

lr_link lr_driver_between(const struct lr_driver *driver, lr_host from, lr_host to, size_t nth) {
    for (size_t i = 0; i < driver->link_count; i++) {
        const struct end *ends = driver->links[i]->ends;
        if (ends[0].host == from && ends[1].host == to && !(ends[0].gone && ends[1].gone) &&
            nth-- == 0) {
            return (lr_link)i;
        }
    }
    return LR_LINK_NONE;
}

void lr_driver_cut(struct lr_driver *driver, lr_link number) {
    struct link *link = lr_driver_link(driver, number);
    link->ends[0].broken = true;
    link->ends[1].broken = true;
    lr_driver_touch(driver, link);
    lr_driver_pump(driver);
}

size_t lr_driver_listeners(const struct lr_driver *driver, lr_host host) {
    size_t count = 0;
    for (size_t i = 0; i < driver->listener_count; i++) {
        count += driver->listeners[i].host == host && driver->listeners[i].up;
    }
    return count;
}

size_t lr_driver_connections(const struct lr_driver *driver, lr_host host) {
    return driver->hosts[host].live;
}

uint16_t lr_driver_port(const struct lr_driver *driver, lr_host host) {
    for (size_t i = 0; i < driver->listener_count; i++) {
        if (driver->listeners[i].host == host && driver->listeners[i].up) {
            return driver->listeners[i].port;
        }
    }
    return 0;
}
