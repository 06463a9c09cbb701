/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted tracker of the server's rig. */
#include <stdio.h>
#include <string.h>

#include "rpc/handshake.h"
#include "rpc/tracker_msg.h"
#include "support/server_rig.h"

/* 5 s, the budget in which a tracker that is back must have its servers again. */
enum { JOIN_STEPS = 500 };
#define JOIN_STEP_NS (10 * LR_MS)

/* The next whole message that waits: its text, and in |*whole| what to consume. NULL: none. */
static const uint8_t *next_message(struct server_rig *rig, size_t *size, size_t *whole) {
    size_t got = 0;
    const uint8_t *data =
        rig->tracker == LR_LINK_NONE ? NULL : lr_driver_output(rig->driver, rig->tracker, &got);
    if (got < 4) {
        return NULL;
    }
    struct lr_reader reader = lr_reader_of(data, got);
    *size = lr_read_u32(&reader);
    *whole = 4 + *size;
    return *whole <= got ? data + 4 : NULL;
}

bool rig_tracker_idle(struct server_rig *rig) {
    size_t got = 0;
    if (rig->tracker != LR_LINK_NONE) {
        (void)lr_driver_output(rig->driver, rig->tracker, &got);
    }
    return got == 0;
}

bool rig_tracker_hears(struct server_rig *rig, const char *json) {
    size_t size;
    size_t whole;
    const uint8_t *data = next_message(rig, &size, &whole);
    bool right = data != NULL && size == strlen(json) && memcmp(data, json, size) == 0;
    if (data != NULL && !right && !rig->unjudged && rig->alloc->failed == 0) {
        cr_assert(false, "the tracker heard %.*s, not %s", (int)size, (const char *)data, json);
    }
    if (right) {
        lr_driver_consume(rig->driver, rig->tracker, whole);
    }
    return right;
}

void rig_tracker_says(struct server_rig *rig, const char *json) {
    struct lr_buf bytes;
    if (rig->tracker == LR_LINK_NONE) {
        return;
    }
    lr_buf_init(&bytes, lr_alloc_system());
    struct lr_writer writer = lr_writer_of(&bytes);
    lr_write_u32(&writer, (uint32_t)strlen(json));
    lr_write_bytes(&writer, json, strlen(json));
    lr_driver_feed(rig->driver, rig->tracker, lr_buf_data(&bytes), lr_buf_size(&bytes));
    lr_buf_deinit(&bytes);
}

bool rig_tracker_join(struct server_rig *rig) {
    static const uint8_t magic[] = {0x71, 0xf2, 0x02, 0};
    char info[160];
    size_t got;
    const struct lr_address *address;
    rig->tracker = lr_driver_waiting(rig->driver, rig->host, &address);
    for (int i = 0; rig->tracker == LR_LINK_NONE && i < JOIN_STEPS; i++) {
        lr_driver_advance(rig->driver, JOIN_STEP_NS);
        rig->tracker = lr_driver_waiting(rig->driver, rig->host, &address);
    }
    if (rig->tracker == LR_LINK_NONE) {
        return false;
    }
    lr_driver_accept(rig->driver, rig->tracker);
    const uint8_t *data = lr_driver_output(rig->driver, rig->tracker, &got);
    if (got != sizeof magic || memcmp(data, magic, sizeof magic) != 0) {
        return false;
    }
    lr_driver_consume(rig->driver, rig->tracker, sizeof magic);
    lr_driver_feed(rig->driver, rig->tracker, magic, sizeof magic);
    (void)snprintf(info, sizeof info, "[5, {\"key\": \"server:dev\", \"addr\": [null, %u]}]",
                   (unsigned int)lr_server_port(rig->server));
    if (!rig_tracker_hears(rig, info)) {
        return false;
    }
    rig_tracker_says(rig, "0");
    return true;
}

bool rig_tracker_put(struct server_rig *rig) {
    size_t size;
    size_t whole;
    struct lr_tracker_msg msg;
    struct lr_error error;
    const uint8_t *data = next_message(rig, &size, &whole);
    if (data == NULL) {
        return false;
    }
    lr_tracker_msg_init(&msg, lr_alloc_system());
    bool right = lr_tracker_msg_decode(&msg, data, size, 1024, &error) == LR_OK &&
                 msg.code == LR_TRACKER_PUT && msg.port == lr_server_port(rig->server) &&
                 lr_text_equal(msg.key, lr_text_of("dev")) && !msg.has_host;
    if (right) {
        (void)snprintf(rig->matchkey, sizeof rig->matchkey, "%.*s", (int)msg.matchkey.size,
                       msg.matchkey.data);
        (void)snprintf(rig->replaces, sizeof rig->replaces, "%.*s",
                       msg.has_replaces ? (int)msg.replaces.size : 0,
                       msg.has_replaces ? msg.replaces.data : "");
    }
    lr_tracker_msg_deinit(&msg);
    if (right) {
        lr_driver_consume(rig->driver, rig->tracker, whole);
        rig_tracker_says(rig, "0");
    }
    return right;
}

void rig_tracker_drain(struct server_rig *rig) {
    size_t size;
    size_t whole;
    char list[sizeof rig->matchkey + 8];
    for (;;) {
        while (rig_tracker_put(rig)) {}
        if (next_message(rig, &size, &whole) == NULL) {
            return;
        }
        lr_driver_consume(rig->driver, rig->tracker, whole);
        (void)snprintf(list, sizeof list, "[\"%s\"]", rig->matchkey);
        rig_tracker_says(rig, list);
    }
}
