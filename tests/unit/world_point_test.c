/* SPDX-License-Identifier: Apache-2.0 */
/* Named points of the protocol on a link: where each message begins and ends, however it is cut. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "rpc/packet.h"
#include "rpc/tracker_msg.h"
#include "world/point.h"

enum { BYTES_MAX = 512, FOUND_MAX = 16 };

struct stream {
    uint8_t bytes[BYTES_MAX];
    size_t size;
};

static void add(struct stream *stream, const void *bytes, size_t size) {
    cr_assert(stream->size + size <= BYTES_MAX);
    memcpy(stream->bytes + stream->size, bytes, size);
    stream->size += size;
}

static void add_number(struct stream *stream, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(number >> (8 * i));
        add(stream, &byte, 1);
    }
}

static void add_text(struct stream *stream, const char *text) {
    add_number(stream, strlen(text), 4);
    add(stream, text, strlen(text));
}

static void add_packet(struct stream *stream, uint32_t code, size_t size) {
    static const uint8_t zeros[64];
    add_number(stream, size + 4, 8);
    add_number(stream, code, 4);
    add(stream, zeros, size);
}

/* What is found where the stream comes in pieces of |piece| bytes: "hello 0-16 InitServer 16-38 ".
 */
static void scan(const struct stream *stream, enum lr_plane plane, enum lr_direction direction,
                 size_t piece, char out[256]) {
    struct lr_scan scan;
    struct lr_scan_found found;
    out[0] = '\0';
    lr_scan_init(&scan, NULL, 0, plane, direction, 0);
    for (size_t at = 0; at < stream->size; at += piece) {
        size_t size = stream->size - at < piece ? stream->size - at : piece;
        while (lr_scan_next(&scan, at, stream->bytes + at, size, &found)) {
            size_t used = strlen(out);
            const char *name = lr_point_name(found.point);
            (void)snprintf(out + used, 256 - used, "%s %u-%u ", name == NULL ? "?" : name,
                           (unsigned int)found.begin, (unsigned int)found.end);
        }
    }
}

static void expect_scan(const struct stream *stream, enum lr_plane plane,
                        enum lr_direction direction, const char *expected) {
    for (size_t piece = 1; piece <= stream->size; piece++) {
        char found[256];
        scan(stream, plane, direction, piece, found);
        cr_expect_str_eq(found, expected, "in pieces of %zu: %s", piece, found);
    }
}

Test(world_point, every_name_leads_back_to_its_point) {
    size_t names = 0;
    for (int point = 0; point < LR_POINT_END; point++) {
        const char *name = lr_point_name((lr_point)point);
        if (name != NULL) {
            names++;
            cr_expect_eq(lr_point_of(lr_text_of(name)), point, "%s", name);
        }
    }
    cr_expect_eq(names, 5 + 7 + (size_t)(LR_PACKET_CODE_END - 1));
    cr_expect_eq(lr_point_of(lr_text_of("initserver")), LR_POINT_NONE);
    cr_expect_eq(lr_point_of(lr_text_of("")), LR_POINT_NONE);
}

Test(world_point, what_answers_comes_from_the_service) {
    static const char *const answers[] = {"reply",  "answer",    "grant",
                                          "Return", "Exception", "CopyAck"};
    for (size_t i = 0; i < LR_COUNT_OF(answers); i++) {
        cr_expect_eq(lr_point_direction(lr_point_of(lr_text_of(answers[i]))), LR_FROM_SERVICE);
    }
    cr_expect_eq(lr_point_direction(lr_point_of(lr_text_of("InitServer"))), LR_TO_SERVICE);
    cr_expect_eq(lr_point_direction(lr_point_of(lr_text_of("PUT"))), LR_TO_SERVICE);
}

Test(world_point, packets_are_found_however_they_are_cut) {
    struct stream stream = {.size = 0};
    add_number(&stream, 0xff271, 4);
    add_text(&stream, "client:test");
    add_packet(&stream, LR_PACKET_INIT_SERVER, 20);
    add_number(&stream, 0, 8); /* an empty one */
    add_packet(&stream, LR_PACKET_SHUTDOWN, 0);
    expect_scan(&stream, LR_PLANE_DATA, LR_TO_SERVICE,
                "hello 0-19 InitServer 19-51 ? 51-59 Shutdown 59-71 ");
}

Test(world_point, a_refusal_is_the_last_that_is_followed) {
    struct stream stream = {.size = 0};
    add_number(&stream, 0xff272, 4);
    add(&stream, "nonsense", 8);
    expect_scan(&stream, LR_PLANE_DATA, LR_FROM_SERVICE, "reply 0-4 ");
}

Test(world_point, questions_to_a_tracker_are_told_by_their_code) {
    struct stream stream = {.size = 0};
    add_number(&stream, 0x2f271, 4);
    add_text(&stream, "[5, {\"key\": \"server:test\"}]");
    add_text(&stream, "[6]");
    add_text(&stream, "[44]");
    add_text(&stream, "no list");
    expect_scan(&stream, LR_PLANE_CONTROL, LR_TO_SERVICE,
                "magic 0-4 UPDATE_INFO 4-35 SUMMARY 35-42 ? 42-50 ? 50-61 ");
}

Test(world_point, a_grant_is_told_from_other_answers) {
    struct stream stream = {.size = 0};
    add_number(&stream, 0x2f271, 4);
    add_text(&stream, "0");
    add_text(&stream, "[0, [\"127.0.0.1\", 9090, \"k\"]]");
    add_text(&stream, "[0, {\"queue_info\": {}}]");
    expect_scan(&stream, LR_PLANE_CONTROL, LR_FROM_SERVICE,
                "magic 0-4 answer 4-9 grant 9-42 answer 42-69 ");
}

Test(world_point, nonsense_is_not_followed) {
    struct stream stream = {.size = 0};
    add_number(&stream, 0x2f271, 4);
    add_number(&stream, 0x80000000, 4);
    add(&stream, "0123456789", 10);
    expect_scan(&stream, LR_PLANE_CONTROL, LR_TO_SERVICE, "magic 0-4 ");
}

/* Armed in the middle of a link's life: the ledger says where it is. */
Test(world_point, a_scan_begins_where_the_ledger_says) {
    struct stream stream = {.size = 0};
    add_number(&stream, 0xff271, 4);
    add_text(&stream, "client:test");
    add_packet(&stream, LR_PACKET_INIT_SERVER, 20);
    add_packet(&stream, LR_PACKET_SHUTDOWN, 0);
    for (size_t cut = 1; cut < stream.size; cut++) {
        struct lr_ledger *ledger;
        struct lr_trace trace = {.sink = NULL};
        cr_assert_eq(lr_ledger_new(&ledger, lr_alloc_system(), &trace), LR_OK);
        const struct lr_endpoint end = {.address = "127.0.0.1:1"};
        uint32_t link = lr_ledger_link_opened(ledger, 1, LR_PLANE_DATA, &end, &end);
        lr_ledger_link_bytes(ledger, 2, link, LR_TO_SERVICE, stream.bytes, cut);
        struct lr_scan scan;
        struct lr_scan_found found = {.point = LR_POINT_NONE};
        lr_scan_init(&scan, ledger, link, LR_PLANE_DATA, LR_TO_SERVICE, cut);
        cr_expect_not(scan.lost, "at %zu", cut);
        while (lr_scan_next(&scan, cut, stream.bytes + cut, stream.size - cut, &found)) {}
        bool told_before = cut >= 51 + 12;
        cr_expect_eq(found.point,
                     told_before ? LR_POINT_NONE : LR_POINT_PACKET + LR_PACKET_SHUTDOWN, "at %zu",
                     cut);
        cr_expect(told_before || (found.begin == 51 && found.end == 63), "at %zu", cut);
        lr_ledger_free(ledger);
    }
}
