/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the timeline: what they say of packets, and how much of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/ledger_rig.h"

static struct ledger_rig rig;
static uint32_t data;

static void tell_of_a_session(void) {
    data = lr_rig_open(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_rig_initialise(&rig, data, LR_DIALECT_FFI);
}

/* A packet of which |packet| says everything. */
static void tell_packet(enum lr_direction direction, const struct lr_packet *packet) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    cr_assert_eq(lr_packet_encode(LR_DIALECT_FFI, packet, &bytes), LR_OK);
    lr_rig_bytes(&rig, data, direction, lr_buf_data(&bytes), lr_buf_size(&bytes));
    lr_buf_deinit(&bytes);
}

static const char *last_line(void) {
    static struct lr_timeline_entry entry;
    entry = lr_ledger_timeline(rig.ledger, lr_ledger_timeline_count(rig.ledger) - 1);
    return entry.text;
}

static void tell_of_packets(void) {
    tell_of_a_session();
    struct lr_value two[] = {lr_value_int(5), lr_value_str(lr_text_of("a"))};
    lr_rig_packet(&rig, data, LR_TO_SERVICE, LR_DIALECT_FFI, LR_PACKET_CALL_FUNC, two, 2);
    lr_rig_packet(&rig, data, LR_FROM_SERVICE, LR_DIALECT_FFI, LR_PACKET_RETURN, two, 1);
}

static void expect_packets(void) {
    cr_expect(lr_rig_said(&rig, "c1 -> s1: CallFunc handle 3 int 5, str \"a\""));
    cr_expect(lr_rig_said(&rig, "s1 -> c1: Return int 5"));
}

Test(ledger_timeline, tells_packets_by_name_handle_and_values) {
    lr_rig_each_failure(&rig, tell_of_packets, expect_packets);
}

Test(ledger_timeline, tells_how_much_is_copied) {
    static const uint8_t bytes[12];
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    tell_of_a_session();
    struct lr_packet packet;
    lr_packet_init(&packet, lr_alloc_system());
    packet.tensor = (struct lr_tensor){
        .device = {1, 0}, .ndim = 1, .dtype = {0, 8, 1}, .shape = {sizeof bytes}};
    packet.code = LR_PACKET_COPY_TO_REMOTE;
    packet.nbytes = packet.payload_size = sizeof bytes;
    packet.payload = bytes;
    tell_packet(LR_TO_SERVICE, &packet);
    cr_expect_str_eq(last_line(), "c1 -> s1: CopyToRemote 12 bytes");
    packet.code = LR_PACKET_COPY_FROM_REMOTE;
    packet.payload_size = 0;
    packet.nbytes = 11;
    tell_packet(LR_TO_SERVICE, &packet);
    cr_expect_str_eq(last_line(), "c1 -> s1: CopyFromRemote 11 bytes");
    packet.code = LR_PACKET_COPY_ACK;
    packet.payload_size = 10;
    tell_packet(LR_FROM_SERVICE, &packet);
    cr_expect_str_eq(last_line(), "s1 -> c1: CopyAck 10 bytes");
    lr_rig_deinit(&rig);
}

/* Four values at most, and of them those that have room whole, up to the last byte. */
Test(ledger_timeline, tells_as_many_values_as_have_room) {
    char text[64];
    struct lr_value values[6];
    struct lr_packet packet;
    memset(text, 'x', sizeof text);
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    tell_of_a_session();
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_CALL_FUNC;
    packet.values.items = values;
    packet.values.count = LR_COUNT_OF(values);
    for (int i = 0; i < (int)LR_COUNT_OF(values); i++) {
        values[i] = lr_value_int(i);
    }
    tell_packet(LR_TO_SERVICE, &packet);
    cr_expect_str_eq(last_line(), "c1 -> s1: CallFunc handle 0 int 0, int 1, int 2, int 3");
    /* Three of 63 bytes, and one that has just room with them and the blanks between, and has not.
     */
    for (size_t i = 0; i < LR_COUNT_OF(values); i++) {
        values[i] = lr_value_str((struct lr_text){text, sizeof text});
    }
    const size_t three = strlen("c1 -> s1: CallFunc handle 0") + 1 + 2 + 2 + 3 * (size_t)63;
    values[3] = lr_value_str((struct lr_text){text, 38});
    tell_packet(LR_TO_SERVICE, &packet);
    cr_expect_eq(strlen(last_line()), LR_TIMELINE_TEXT_MAX - 1, "%s", last_line());
    values[3].as.text.size++;
    tell_packet(LR_TO_SERVICE, &packet);
    cr_expect_eq(strlen(last_line()), three, "%s", last_line());
    lr_rig_deinit(&rig);
}

/* The lines that a ring keeps are the last ones, each with its session and its link. */
Test(ledger_timeline, has_the_place_of_each_line) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    tell_of_a_session();
    rig.now += 3;
    lr_ledger_link_fin(rig.ledger, rig.now, data, LR_TO_SERVICE);
    struct lr_timeline_entry entry =
        lr_ledger_timeline(rig.ledger, lr_ledger_timeline_count(rig.ledger) - 1);
    cr_expect_str_eq(entry.text, "c1 -> s1: FIN");
    cr_expect_eq(entry.at, rig.now);
    cr_expect_eq(entry.link, data);
    cr_expect_eq(entry.session, 1U);
    lr_ledger_note(rig.ledger, rig.now, 1, "%s is said %d times", "this", 300);
    cr_expect_str_eq(last_line(), "this is said 300 times");
    char text[LR_TIMELINE_TEXT_MAX + 1];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    lr_ledger_note(rig.ledger, rig.now, 1, "%s", text); /* a byte too long */
    cr_expect_eq(strlen(last_line()), LR_TIMELINE_TEXT_MAX - 1);
    lr_ledger_note(rig.ledger, rig.now, 1, "%s", text + 1);
    cr_expect_eq(strlen(last_line()), LR_TIMELINE_TEXT_MAX - 1);
    lr_rig_deinit(&rig);
}
