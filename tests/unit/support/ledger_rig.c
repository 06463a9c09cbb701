/* SPDX-License-Identifier: Apache-2.0 */
#include "support/ledger_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/handshake.h"
#include "rpc/wire.h"
#include "support/failing.h"

bool lr_rig_init(struct ledger_rig *rig, struct lr_alloc *alloc) {
    *rig = (struct ledger_rig){.alloc = alloc, .chunk = SIZE_MAX, .now = LR_SECOND};
    return lr_ledger_new(&rig->ledger, alloc, NULL) == LR_OK;
}

void lr_rig_deinit(struct ledger_rig *rig) {
    lr_ledger_free(rig->ledger);
}

uint32_t lr_rig_connect(struct ledger_rig *rig, const char *client, unsigned int port,
                        const char *service) {
    char address[64];
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    bool control = strcmp(service, "tracker") == 0;
    struct lr_endpoint from = {.host = client, .address = address};
    struct lr_endpoint to = {.host = service,
                             .address = control ? "127.0.0.1:9190" : "127.0.0.1:9091"};
    return lr_ledger_link_opened(rig->ledger, rig->now, control ? LR_PLANE_CONTROL : LR_PLANE_DATA,
                                 &from, &to);
}

void lr_rig_bytes(struct ledger_rig *rig, uint32_t link, enum lr_direction direction,
                  const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    while (size > 0) {
        size_t piece = size < rig->chunk ? size : rig->chunk;
        lr_ledger_link_bytes(rig->ledger, rig->now, link, direction, at, piece);
        at += piece;
        size -= piece;
    }
}

static void send_buf(struct ledger_rig *rig, uint32_t link, enum lr_direction direction,
                     struct lr_buf *buf, bool whole) {
    rig->out_of_memory = rig->out_of_memory || !whole;
    if (whole) {
        lr_rig_bytes(rig, link, direction, lr_buf_data(buf), lr_buf_size(buf));
    }
    lr_buf_deinit(buf);
}

void lr_rig_word(struct ledger_rig *rig, uint32_t link, enum lr_direction direction,
                 uint32_t word) {
    struct lr_buf buf;
    lr_buf_init(&buf, rig->alloc);
    bool whole = lr_word_encode(word, &buf) == LR_OK;
    send_buf(rig, link, direction, &buf, whole);
}

void lr_rig_text(struct ledger_rig *rig, uint32_t link, enum lr_direction direction,
                 const char *text) {
    struct lr_buf buf;
    lr_buf_init(&buf, rig->alloc);
    struct lr_writer writer = lr_writer_of(&buf);
    lr_write_i32(&writer, (int32_t)strlen(text));
    lr_write_bytes(&writer, text, strlen(text));
    send_buf(rig, link, direction, &buf, writer.status == LR_OK);
}

uint32_t lr_rig_control(struct ledger_rig *rig, const char *client, unsigned int port,
                        const char *text) {
    uint32_t link = lr_rig_connect(rig, client, port, "tracker");
    lr_rig_word(rig, link, LR_TO_SERVICE, LR_MAGIC_TRACKER);
    lr_rig_word(rig, link, LR_FROM_SERVICE, LR_MAGIC_TRACKER);
    lr_rig_text(rig, link, LR_TO_SERVICE, text);
    return link;
}

void lr_rig_packet(struct ledger_rig *rig, uint32_t link, enum lr_direction direction,
                   enum lr_dialect dialect, int32_t code, const struct lr_value *values,
                   size_t count) {
    struct lr_buf buf;
    struct lr_packet packet;
    lr_buf_init(&buf, rig->alloc);
    lr_packet_init(&packet, rig->alloc);
    packet.code = code;
    packet.handle = 3;
    packet.version = lr_text_of(LR_PROTOCOL_VERSION);
    /* Borrowed for the encoding alone: the packet frees no values that it did not decode. */
    struct lr_value items[4];
    LR_ASSERT(count <= LR_COUNT_OF(items));
    for (size_t i = 0; i < count; i++) {
        items[i] = values[i];
    }
    packet.values.items = count == 0 ? NULL : items;
    packet.values.count = count;
    bool whole = lr_packet_encode(dialect, &packet, &buf) == LR_OK;
    packet.values.items = NULL;
    packet.values.count = 0;
    lr_packet_deinit(&packet);
    send_buf(rig, link, direction, &buf, whole);
}

void lr_rig_put(struct ledger_rig *rig, uint32_t link, unsigned int port, const char *matchkey,
                const char *replaces) {
    char text[256];
    (void)snprintf(text, sizeof text, "[3, \"test\", [%u, \"%s\"], null%s%s%s]", port, matchkey,
                   replaces == NULL ? "" : ", \"", replaces == NULL ? "" : replaces,
                   replaces == NULL ? "" : "\"");
    lr_rig_text(rig, link, LR_TO_SERVICE, text);
    lr_rig_text(rig, link, LR_FROM_SERVICE, "0");
}

uint32_t lr_rig_server(struct ledger_rig *rig, const char *name, unsigned int port,
                       const char *matchkey) {
    char info[128];
    (void)snprintf(info, sizeof info, "[5, {\"key\": \"server:test\", \"addr\": [null, %u]}]",
                   port);
    uint32_t link = lr_rig_control(rig, name, 40000 + port, info);
    lr_rig_text(rig, link, LR_FROM_SERVICE, "0");
    lr_rig_put(rig, link, port, matchkey, NULL);
    return link;
}

uint32_t lr_rig_request(struct ledger_rig *rig, const char *name, unsigned int port, int priority) {
    char text[64];
    (void)snprintf(text, sizeof text, "[4, \"test\", \"\", %d]", priority);
    return lr_rig_control(rig, name, port, text);
}

void lr_rig_grant(struct ledger_rig *rig, uint32_t link, const char *matchkey) {
    char text[256];
    (void)snprintf(text, sizeof text, "[0, [\"127.0.0.1\", 9091, \"%s\"]]", matchkey);
    lr_rig_text(rig, link, LR_FROM_SERVICE, text);
}

uint32_t lr_rig_hello(struct ledger_rig *rig, const char *name, unsigned int port,
                      const char *service, const char *matchkey, const char *options) {
    char text[256];
    uint32_t link = lr_rig_connect(rig, name, port, service);
    (void)snprintf(text, sizeof text, "client:%s%s", matchkey, options);
    lr_rig_word(rig, link, LR_TO_SERVICE, LR_MAGIC_RPC);
    lr_rig_text(rig, link, LR_TO_SERVICE, text);
    return link;
}

void lr_rig_accept(struct ledger_rig *rig, uint32_t link) {
    lr_rig_word(rig, link, LR_FROM_SERVICE, LR_MAGIC_RPC);
    lr_rig_text(rig, link, LR_FROM_SERVICE, "server:test");
}

uint32_t lr_rig_open(struct ledger_rig *rig, const char *name, unsigned int port,
                     const char *service, const char *matchkey, const char *options) {
    uint32_t link = lr_rig_hello(rig, name, port, service, matchkey, options);
    lr_rig_accept(rig, link);
    return link;
}

void lr_rig_poll(struct ledger_rig *rig, uint32_t link, const char *pending) {
    lr_rig_text(rig, link, LR_TO_SERVICE, "[7]");
    lr_rig_text(rig, link, LR_FROM_SERVICE, pending);
}

void lr_rig_initialise(struct ledger_rig *rig, uint32_t link, enum lr_dialect dialect) {
    struct lr_value nothing = lr_value_null();
    lr_rig_packet(rig, link, LR_TO_SERVICE, dialect, LR_PACKET_INIT_SERVER, NULL, 0);
    lr_rig_packet(rig, link, LR_FROM_SERVICE, dialect, LR_PACKET_RETURN, &nothing, 1);
}

static void keep_finding(void *context, const struct lr_finding *finding) {
    struct ledger_rig *rig = context;
    LR_ASSERT(rig->finding_count < LR_RIG_FINDINGS_MAX);
    rig->findings[rig->finding_count++] = *finding;
}

void lr_rig_audit(struct ledger_rig *rig) {
    rig->finding_count = 0;
    lr_ledger_audit(rig->ledger, rig->now, keep_finding, rig);
}

size_t lr_rig_count(const struct ledger_rig *rig, enum lr_finding_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < rig->finding_count; i++) {
        count += rig->findings[i].kind == kind ? 1 : 0;
    }
    return count;
}

bool lr_rig_said(const struct ledger_rig *rig, const char *text) {
    for (size_t i = 0; i < lr_ledger_timeline_count(rig->ledger); i++) {
        if (strstr(lr_ledger_timeline(rig->ledger, i).text, text) != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- captures ---- */

static uint32_t open_conn(struct ledger_rig *rig, const struct lr_capture_event *event) {
    char peer[64];
    size_t size = event->text.size < sizeof peer ? event->text.size : sizeof peer - 1;
    memcpy(peer, event->text.data, size);
    peer[size] = '\0';
    bool data = event->link == LR_CAPTURE_CLIENT_SERVER;
    struct lr_endpoint client = {.host = NULL, .address = peer};
    struct lr_endpoint service = {.host = data ? "server" : "tracker",
                                  .address = data ? "127.0.0.2:1" : "127.0.0.1:2"};
    return lr_ledger_link_opened(rig->ledger, rig->now, data ? LR_PLANE_DATA : LR_PLANE_CONTROL,
                                 &client, &service);
}

void lr_rig_play(struct ledger_rig *rig, const struct lr_capture *capture) {
    uint32_t links[LR_RIG_LINKS_MAX] = {0};
    for (size_t i = 0; i < capture->event_count; i++) {
        const struct lr_capture_event *event = &capture->events[i];
        LR_ASSERT(event->conn >= 0 && event->conn < LR_RIG_LINKS_MAX);
        uint32_t *link = &links[event->conn];
        enum lr_direction direction =
            event->direction == LR_CAPTURE_FROM_SERVER ? LR_FROM_SERVICE : LR_TO_SERVICE;
        rig->now = event->at;
        switch (event->kind) {
        case LR_CAPTURE_OPEN:
            *link = open_conn(rig, event);
            break;
        case LR_CAPTURE_DATA:
            lr_rig_bytes(rig, *link, direction, event->bytes, event->size);
            break;
        case LR_CAPTURE_EOF:
            lr_ledger_link_fin(rig->ledger, rig->now, *link, direction);
            break;
        case LR_CAPTURE_RESET:
            lr_ledger_link_reset(rig->ledger, rig->now, *link, direction);
            break;
        case LR_CAPTURE_CLOSE:
            lr_ledger_link_closed(rig->ledger, rig->now, *link, NULL);
            break;
        case LR_CAPTURE_WRITE_FAILED:
        case LR_CAPTURE_MARK:
            break;
        }
    }
}

/* ---- without memory ---- */

struct story {
    struct ledger_rig *rig;
    void (*tell)(void);
    void (*judge)(void);
};

/* A session without a tracker, of which nobody has heard before. */
static void follow_newcomer(struct ledger_rig *rig) {
    rig->now += LR_SECOND;
    rig->out_of_memory = false;
    uint32_t link = lr_rig_hello(rig, "newcomer", 9, "another server", "none", "");
    lr_rig_accept(rig, link);
    lr_ledger_link_fin(rig->ledger, rig->now, link, LR_FROM_SERVICE);
    const struct lr_account *account = lr_ledger_account_of_link(rig->ledger, link);
    cr_assert(!rig->out_of_memory && account != NULL, "a newcomer is not followed");
    cr_assert_eq(account->accepted_at, rig->now);
    cr_assert_eq(account->released_at, rig->now);
    cr_assert(lr_rig_said(rig, "newcomer connects to another server"));
}

static void tell_story(struct lr_alloc *alloc, void *context) {
    const struct story *story = context;
    if (!lr_rig_init(story->rig, alloc)) {
        cr_assert_not(lr_test_must_succeed(alloc));
        return;
    }
    story->tell();
    lr_rig_audit(story->rig);
    bool whole = !story->rig->out_of_memory && lr_ledger_health(story->rig->ledger) == LR_OK;
    cr_assert_eq(whole, lr_test_must_succeed(alloc), "what is missing is said");
    if (whole) {
        story->judge();
    } else {
        follow_newcomer(story->rig);
    }
    lr_rig_deinit(story->rig);
}

void lr_rig_each_failure(struct ledger_rig *rig, void (*tell)(void), void (*judge)(void)) {
    struct story story = {rig, tell, judge};
    lr_test_each_failure(tell_story, &story);
}
