/* SPDX-License-Identifier: Apache-2.0 */
/* The table of faults holds together; and faults at named points of a link. */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/packet.h"
#include "support/link_recorder.h"
#include "world/link.h"

Test(world_fault, every_name_leads_back_to_its_kind) {
    for (int i = 0; i < LR_FAULT_KINDS; i++) {
        const struct lr_fault_row *row = lr_fault_row((enum lr_fault_kind)i);
        enum lr_fault_kind kind;
        cr_expect(lr_fault_kind_of(lr_text_of(row->name), &kind) && (int)kind == i, "%s",
                  row->name);
        cr_expect(row->told != NULL && row->does != NULL, "%s", row->name);
    }
    enum lr_fault_kind kind;
    cr_expect_not(lr_fault_kind_of(lr_text_of("fins"), &kind));
}

Test(world_fault, what_is_not_live_says_why) {
    for (int i = 0; i < LR_FAULT_KINDS; i++) {
        const struct lr_fault_row *row = lr_fault_row((enum lr_fault_kind)i);
        cr_expect_eq(row->live == LR_FAULT_LIVE_NOT, row->not_live != NULL, "%s", row->name);
    }
}

Test(world_fault, what_shapes_a_link_can_be_undone_and_what_ends_it_cannot) {
    for (int i = 0; i < LR_FAULT_KINDS; i++) {
        enum lr_fault_kind kind = (enum lr_fault_kind)i;
        const struct lr_fault_row *row = lr_fault_row(kind);
        bool of_link = lr_fault_ends_link(kind) || lr_fault_spoils(kind) || lr_fault_shapes(kind);
        cr_expect_eq(of_link, row->subject == LR_FAULT_OF_LINK, "%s", row->name);
        cr_expect(!of_link || row->undoable == lr_fault_shapes(kind), "%s", row->name);
    }
}

/* ---- named points ---- */

static const struct lr_endpoint client = {.host = "c", .address = "127.0.0.1:1"};
static const struct lr_endpoint service = {.host = "s", .address = "127.0.0.1:2"};

/* hello 0-19, InitServer 19-51, CallFunc 51-83, CallFunc 83-115 */
static const uint8_t stream[] = "\x71\xf2\x0f\0\x0b\0\0\0client:test"
                                "\x18\0\0\0\0\0\0\0\x02\0\0\0....................."
                                "\x18\0\0\0\0\0\0\0\x03\0\0\0....................."
                                "\x18\0\0\0\0\0\0\0\x03\0\0\0.....................";
enum { HELLO_END = 19, INIT_END = 19 + 33, CALL_END = INIT_END + 33, SECOND_END = CALL_END + 33 };

static const struct point_row {
    enum lr_fault_where where;
    const char *name;
    unsigned int nth;
    uint64_t inside;
    uint64_t at; /* fires */
} point_rows[] = {
    {LR_BEFORE, "hello", 0, 0, 0},
    {LR_INSIDE, "hello", 0, 0, HELLO_END / 2},
    {LR_INSIDE, "hello", 0, 17, 17},
    {LR_AFTER, "hello", 0, 0, HELLO_END},
    {LR_BEFORE, "InitServer", 0, 0, HELLO_END},
    {LR_INSIDE, "InitServer", 0, 13, HELLO_END + 13},
    {LR_AFTER, "InitServer", 1, 0, INIT_END},
    {LR_BEFORE, "CallFunc", 1, 0, INIT_END},
    {LR_BEFORE, "CallFunc", 2, 0, CALL_END},
    {LR_INSIDE, "CallFunc", 2, 1000, SECOND_END - 1},
    {LR_AFTER, "CallFunc", 2, 0, SECOND_END},
};

/* Lengths of the test's own are 33 with what stands before them. */
static void fill(uint8_t *bytes) {
    memcpy(bytes, stream, SECOND_END);
    for (size_t at = HELLO_END; at < SECOND_END; at += 33) {
        bytes[at] = 33 - 8;
    }
}

static uint64_t fire_at(const struct point_row *row, size_t piece) {
    uint8_t bytes[SECOND_END];
    struct lr_link link;
    struct lr_fault fault = {.kind = LR_FAULT_RST,
                             .where = row->where,
                             .point = lr_point_of(lr_text_of(row->name)),
                             .nth = row->nth,
                             .inside = row->inside};
    fill(bytes);
    lr_link_open(&link, lr_link_recorder_start(), 1, LR_PLANE_DATA, &client, &service);
    cr_assert_eq(lr_link_arm(&link, 1, &fault), LR_LINK_PASS);
    for (size_t at = 0; at < sizeof bytes && fault.fired == 0;) {
        size_t size = sizeof bytes - at < piece ? sizeof bytes - at : piece;
        size_t pass = 0;
        if (lr_link_begin(&link, 2, LR_TO_SERVICE, bytes + at, size) == LR_LINK_PASS) {
            (void)lr_link_bytes(&link, 2, LR_TO_SERVICE, bytes + at, size, &pass);
        }
        at += pass;
    }
    lr_fault_disarm(&fault);
    return fault.fired == 0 ? UINT64_MAX : fault.fired_at_byte;
}

Test(world_fault, named_points_are_met_to_the_byte) {
    for (size_t i = 0; i < LR_COUNT_OF(point_rows); i++) {
        const struct point_row *row = &point_rows[i];
        cr_expect_eq(fire_at(row, SECOND_END), row->at, "%zu: at %u", i,
                     (unsigned int)fire_at(row, SECOND_END));
        /* Where a message comes in pieces its name must have come before anything is put into it.
         */
        if (row->where == LR_AFTER || row->inside >= 12) {
            cr_expect_eq(fire_at(row, 1), row->at, "%zu: at %u", i, (unsigned int)fire_at(row, 1));
        }
    }
}

Test(world_fault, a_point_that_never_comes_never_fires) {
    const struct point_row never = {LR_AFTER, "CopyToRemote", 0, 0, 0};
    const struct point_row third = {LR_AFTER, "CallFunc", 3, 0, 0};
    cr_expect_eq(fire_at(&never, 7), UINT64_MAX);
    cr_expect_eq(fire_at(&third, 7), UINT64_MAX);
}

Test(world_fault, bytes_are_spoiled_at_so_many_messages) {
    uint8_t bytes[SECOND_END];
    struct lr_link link;
    struct lr_fault fault = {.kind = LR_FAULT_CORRUPT_BYTE,
                             .where = LR_INSIDE,
                             .point = lr_point_of(lr_text_of("CallFunc")),
                             .inside = 20,
                             .times = 2};
    lr_prng_init(&fault.random, 1);
    fill(bytes);
    lr_link_open(&link, lr_link_recorder_start(), 1, LR_PLANE_DATA, &client, &service);
    (void)lr_link_arm(&link, 1, &fault);
    uint8_t out[8];
    size_t taken = 0;
    uint64_t spoiled[4] = {0};
    unsigned int count = 0;
    while (taken < sizeof bytes) {
        size_t size = sizeof bytes - taken;
        size_t made;
        (void)lr_link_begin(&link, 2, LR_TO_SERVICE, bytes + taken, size);
        struct lr_fault *due = lr_link_due(&link, LR_TO_SERVICE, size);
        if (due != NULL) {
            spoiled[count++ & 3] = taken;
            taken += lr_link_spoil(&link, 2, LR_TO_SERVICE, due, bytes + taken, size, out,
                                   sizeof out, &made);
            cr_expect(made == 1 && out[0] != bytes[taken - 1]);
            continue;
        }
        cr_expect_eq(lr_link_bytes(&link, 2, LR_TO_SERVICE, bytes + taken, size, &made),
                     LR_LINK_PASS);
        taken += made;
    }
    cr_expect(count == 2 && spoiled[0] == INIT_END + 20 && spoiled[1] == CALL_END + 20, "%u: %u %u",
              count, (unsigned int)spoiled[0], (unsigned int)spoiled[1]);
    cr_expect_eq(fault.fired, 2);
    cr_expect_not(lr_link_has_faults(&link));
}
