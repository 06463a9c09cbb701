/* SPDX-License-Identifier: Apache-2.0 */
#include "tracker_rig.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "failing.h"

static const uint8_t magic[] = {0x71, 0xf2, 0x02, 0x00};

struct plan {
    void (*body)(struct tracker_rig *rig);
    const struct lr_tracker_options *options;
};

static void count_event(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    struct tracker_rig *rig = LR_CONTAINER_OF(sink, struct tracker_rig, sink);
    LR_ASSERT(event->kind < LR_TRACE_KIND_COUNT);
    rig->events[event->kind]++;
}

static enum lr_status start(struct tracker_rig *rig) {
    struct lr_env env = {
        .alloc = &rig->counting.base, .random = &rig->random, .trace = {&rig->sink, "tracker"}};
    struct lr_error error = {0};
    enum lr_status status = lr_tracker_new(&rig->tracker, &env, &rig->options, &error);
    if (status == LR_OK) {
        rig->host = lr_driver_add(rig->driver, lr_tracker_role(rig->tracker), "127.0.0.1");
        status = lr_tracker_start(rig->tracker, lr_driver_now(rig->driver));
        lr_driver_pump(rig->driver);
    }
    return status;
}

/* Whatever happened: a newcomer is served, and with the last peer the last trace of all goes. */
static void check_end(struct tracker_rig *rig) {
    rig->counting.failed = 0; /* what follows is judged again, unless memory fails here */
    rig->unjudged = false;
    if (!lr_tracker_stopped(rig->tracker)) {
        rig_ask(rig, rig_join(rig, "127.0.0.9"), "[1]", "0");
        lr_driver_advance(rig->driver, LR_SECOND); /* retries of what lacked memory */
    }
    for (size_t i = 0; i < rig->link_count; i++) {
        rig_reset(rig, rig->links[i]);
    }
    struct lr_tracker_counts counts = lr_tracker_count(rig->tracker);
    cr_assert_eq(counts.connections, 0);
    cr_assert_eq(counts.queues, 0);
    cr_assert_eq(counts.free + counts.pending + counts.held, 0);
    cr_assert_eq(lr_driver_connections(rig->driver, rig->host), 0);
}

static void run(struct lr_alloc *alloc, void *context) {
    const struct plan *plan = context;
    struct tracker_rig rig = {.sink = {.emit = count_event}};
    lr_counting_alloc_init(&rig.counting, alloc);
    lr_prng_init(&rig.random, 1);
    rig.options = plan->options == NULL ? lr_tracker_options_default : *plan->options;
    rig.driver = lr_driver_new();
    if (start(&rig) == LR_OK) {
        plan->body(&rig);
        check_end(&rig);
    } else {
        cr_assert(rig.counting.failed > 0);
    }
    lr_driver_free(rig.driver);
    lr_tracker_free(rig.tracker);
    cr_assert_eq(rig.counting.live_bytes, 0);
    cr_assert_eq(rig.counting.live_blocks, 0);
}

void rig_each(void (*body)(struct tracker_rig *rig), const struct lr_tracker_options *options) {
    struct plan plan = {body, options};
    lr_test_each_failure(run, &plan);
}

void rig_once(void (*body)(struct tracker_rig *rig), const struct lr_tracker_options *options) {
    struct plan plan = {body, options};
    run(lr_alloc_system(), &plan);
}

lr_link rig_connect(struct tracker_rig *rig, const char *ip) {
    lr_link link = lr_driver_connect(rig->driver, rig->host, ip);
    rig_expect(rig, link != LR_LINK_NONE);
    if (link != LR_LINK_NONE && rig->link_count < LR_RIG_LINKS_MAX) {
        rig->links[rig->link_count++] = link;
    }
    return link;
}

lr_link rig_join(struct tracker_rig *rig, const char *ip) {
    lr_link link = rig_connect(rig, ip);
    rig_send(rig, link, magic, sizeof magic);
    if (link != LR_LINK_NONE) {
        size_t size;
        const uint8_t *data = lr_driver_output(rig->driver, link, &size);
        bool echoed = size == sizeof magic && memcmp(data, magic, size) == 0;
        rig_expect(rig, echoed);
        lr_driver_consume(rig->driver, link, size);
    }
    return link;
}

void rig_send(struct tracker_rig *rig, lr_link link, const void *bytes, size_t size) {
    if (link != LR_LINK_NONE) {
        lr_driver_feed(rig->driver, link, bytes, size);
    }
}

void rig_say(struct tracker_rig *rig, lr_link link, const char *json) {
    uint8_t frame[4096];
    size_t size = strlen(json);
    LR_ASSERT(size + 4 <= sizeof frame);
    for (int i = 0; i < 4; i++) {
        frame[i] = (uint8_t)(size >> (8 * i));
    }
    memcpy(frame + 4, json, size);
    rig_send(rig, link, frame, size + 4);
}

void rig_hear(struct tracker_rig *rig, lr_link link, const char *json) {
    if (link == LR_LINK_NONE) {
        return;
    }
    size_t size;
    const uint8_t *data = lr_driver_output(rig->driver, link, &size);
    size_t announced = size < 4 ? SIZE_MAX
                                : (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 |
                                      (size_t)data[3] << 24;
    bool whole = size >= 4 && announced <= size - 4;
    rig_expect(rig, whole);
    if (whole) {
        bool same = announced == strlen(json) && memcmp(data + 4, json, announced) == 0;
        if (!same && rig->counting.failed == 0) {
            cr_assert_fail("expected %s, heard %.*s", json, (int)announced, (const char *)data + 4);
        }
        rig_expect(rig, same);
        lr_driver_consume(rig->driver, link, 4 + announced);
    }
}

void rig_hear_nothing(struct tracker_rig *rig, lr_link link) {
    if (link != LR_LINK_NONE) {
        size_t size;
        (void)lr_driver_output(rig->driver, link, &size);
        rig_expect(rig, size == 0);
    }
}

void rig_ask(struct tracker_rig *rig, lr_link link, const char *question, const char *answer) {
    rig_say(rig, link, question);
    rig_hear(rig, link, answer);
}

void rig_hear_end(struct tracker_rig *rig, lr_link link) {
    rig_hear_nothing(rig, link);
    if (link != LR_LINK_NONE) {
        rig_expect(rig, lr_driver_saw_fin(rig->driver, link));
        rig_expect(rig, lr_driver_ended(rig->driver, link));
    }
}

lr_link rig_serve(struct tracker_rig *rig, const char *ip, const char *key, int port,
                  const char *matchkey) {
    char json[512];
    lr_link link = rig_join(rig, ip);
    (void)snprintf(json, sizeof json, "[5, {\"key\": \"server:%s\", \"addr\": [null, %d]}]", key,
                   port);
    rig_ask(rig, link, json, "0");
    (void)snprintf(json, sizeof json, "[3, \"%s\", [%d, \"%s\"], null]", key, port, matchkey);
    rig_ask(rig, link, json, "0");
    return link;
}

void rig_leave(struct tracker_rig *rig, lr_link link) {
    if (link != LR_LINK_NONE && !lr_driver_ended(rig->driver, link)) {
        lr_driver_fin(rig->driver, link);
    }
}

void rig_reset(struct tracker_rig *rig, lr_link link) {
    if (link != LR_LINK_NONE && !lr_driver_ended(rig->driver, link)) {
        lr_driver_reset(rig->driver, link);
    }
}
