/* SPDX-License-Identifier: Apache-2.0 */
/* The link as a thing of its own: what it passes, when its faults fire, what the ledger hears. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/link_recorder.h"
#include "world/link.h"

static const struct lr_endpoint client = {.host = "c", .address = "127.0.0.1:1"};
static const struct lr_endpoint service = {.host = "s", .address = "127.0.0.1:2"};
static const uint8_t bytes[100];

static struct lr_recorded_link *open_link(struct lr_link *link) {
    lr_link_open(link, lr_link_recorder_start(), 7, LR_PLANE_DATA, &client, &service);
    cr_assert_eq(link->number, 1);
    return &lr_link_recorder()->links[1];
}

Test(world_link, bytes_and_ends_pass_and_are_told) {
    struct lr_link link;
    size_t pass;
    struct lr_recorded_link *seen = open_link(&link);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_TO_SERVICE, bytes, 100, &pass), LR_LINK_PASS);
    cr_expect_eq(pass, 100);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_FROM_SERVICE, bytes, 30, &pass), LR_LINK_PASS);
    cr_expect(lr_link_fin(&link, 9, LR_TO_SERVICE));
    cr_expect(lr_link_fin(&link, 9, LR_FROM_SERVICE));
    lr_link_closed(&link, 10, NULL);
    cr_expect_eq(seen->bytes[LR_TO_SERVICE], 100);
    cr_expect_eq(seen->bytes[LR_FROM_SERVICE], 30);
    cr_expect_str_eq(seen->order, "F> F< C ");
}

Test(world_link, a_reset_ends_it_once) {
    struct lr_link link;
    struct lr_recorded_link *seen = open_link(&link);
    cr_expect(lr_link_reset(&link, 9, LR_FROM_SERVICE));
    cr_expect_not(lr_link_reset(&link, 9, LR_TO_SERVICE));
    cr_expect_not(lr_link_fin(&link, 9, LR_TO_SERVICE));
    lr_link_closed(&link, 10, NULL);
    cr_expect_str_eq(seen->order, "R< ");
}

Test(world_link, a_fault_fires_exactly_at_its_byte_with_a_receipt) {
    struct lr_link link;
    size_t pass;
    struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 130};
    struct lr_recorded_link *seen = open_link(&link);
    cr_expect_eq(lr_link_arm(&link, 8, &fault), LR_LINK_PASS);
    cr_expect(fault.armed && fault.fired == 0);
    cr_expect_eq(lr_link_room(&link, LR_TO_SERVICE), 130);
    cr_expect_eq(lr_link_room(&link, LR_FROM_SERVICE), SIZE_MAX);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_TO_SERVICE, bytes, 100, &pass), LR_LINK_PASS);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_FROM_SERVICE, bytes, 100, &pass), LR_LINK_PASS);
    cr_expect_eq(lr_link_bytes(&link, 9, LR_TO_SERVICE, bytes, 100, &pass), LR_LINK_RST);
    cr_expect_eq(pass, 30);
    cr_expect_eq(fault.fired, 1);
    cr_expect_eq(fault.fired_at, 9);
    cr_expect_eq(fault.fired_at_byte, 130);
    cr_expect_eq(fault.fired_link, 1);
    cr_expect_eq(lr_link_bytes(&link, 9, LR_TO_SERVICE, bytes, 100, &pass), LR_LINK_DROP);
    cr_expect_eq(pass, 0);
    cr_expect_eq(seen->bytes[LR_TO_SERVICE], 130);
    cr_expect_str_eq(seen->order, "X R> ");
    cr_expect_str_eq(seen->fault, "RST after 130 bytes to the service");
}

Test(world_link, a_fault_of_both_directions_counts_both) {
    struct lr_link link;
    size_t pass;
    struct lr_fault fault = {.kind = LR_FAULT_FIN, .side = LR_SIDE_BOTH, .after_bytes = 150};
    open_link(&link);
    (void)lr_link_arm(&link, 8, &fault);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_TO_SERVICE, bytes, 100, &pass), LR_LINK_PASS);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_FROM_SERVICE, bytes, 100, &pass), LR_LINK_FIN);
    cr_expect_eq(pass, 50);
}

Test(world_link, a_fault_armed_late_fires_at_once) {
    struct lr_link link;
    size_t pass;
    struct lr_fault late = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 20};
    open_link(&link);
    (void)lr_link_bytes(&link, 8, LR_TO_SERVICE, bytes, 100, &pass);
    cr_expect_eq(lr_link_arm(&link, 9, &late), LR_LINK_RST);
    cr_expect_eq(late.fired_at_byte, 100);
}

Test(world_link, a_fin_of_a_fault_is_told_of_the_service_only_when_it_ends_itself) {
    struct lr_link link;
    struct lr_fault fault = {.kind = LR_FAULT_FIN};
    struct lr_recorded_link *seen = open_link(&link);
    cr_expect_eq(lr_link_arm(&link, 8, &fault), LR_LINK_FIN);
    cr_expect(link.cut[0] && link.cut[1]);
    cr_expect_str_eq(seen->order, "X F> ");
    cr_expect_not(lr_link_fin(&link, 9, LR_TO_SERVICE));
    cr_expect_not(lr_link_fin(&link, 9, LR_FROM_SERVICE));
    cr_expect_str_eq(seen->order, "X F> F< ");
}

Test(world_link, a_half_close_cuts_one_direction) {
    struct lr_link link;
    size_t pass;
    struct lr_fault fault = {.kind = LR_FAULT_HALF_CLOSE, .side = LR_SIDE_FROM_SERVICE};
    struct lr_recorded_link *seen = open_link(&link);
    cr_expect_eq(lr_link_arm(&link, 8, &fault), LR_LINK_HALF_CLOSE);
    cr_expect(link.cut[LR_FROM_SERVICE] && !link.cut[LR_TO_SERVICE]);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_FROM_SERVICE, bytes, 10, &pass), LR_LINK_DROP);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_TO_SERVICE, bytes, 10, &pass), LR_LINK_PASS);
    cr_expect_str_eq(seen->order, "X ");
}

Test(world_link, a_black_hole_tells_nobody_but_the_ledger_sees_the_service_end) {
    struct lr_link link;
    size_t pass;
    struct lr_fault fault = {.kind = LR_FAULT_BLACK_HOLE};
    struct lr_recorded_link *seen = open_link(&link);
    cr_expect_eq(lr_link_arm(&link, 8, &fault), LR_LINK_DROP);
    cr_expect_eq(lr_link_bytes(&link, 8, LR_TO_SERVICE, bytes, 10, &pass), LR_LINK_DROP);
    cr_expect_eq(pass, 0);
    cr_expect_not(lr_link_fin(&link, 9, LR_TO_SERVICE));
    cr_expect_str_eq(seen->order, "X ");
    cr_expect_not(lr_link_fin(&link, 9, LR_FROM_SERVICE));
    cr_expect_str_eq(seen->order, "X F< ");
}

Test(world_link, what_has_not_fired_is_disarmed_when_the_link_goes) {
    struct lr_link link;
    struct lr_fault kept = {.kind = LR_FAULT_RST, .side = LR_SIDE_BOTH, .after_bytes = 1000};
    struct lr_fault taken_back = kept;
    open_link(&link);
    (void)lr_link_arm(&link, 8, &kept);
    (void)lr_link_arm(&link, 8, &taken_back);
    lr_fault_disarm(&taken_back);
    lr_link_closed(&link, 9, NULL);
    memset(&link, 0xee, sizeof link);
    lr_fault_disarm(&kept); /* touches nothing of the link any more */
    cr_expect(kept.armed && kept.fired == 0);
}

Test(world_link, an_unwatched_link_can_be_broken) {
    struct lr_link link;
    struct lr_fault fault = {.kind = LR_FAULT_RST};
    lr_link_open(&link, NULL, 1, LR_PLANE_DATA, &client, &service);
    cr_expect_eq(lr_link_arm(&link, 2, &fault), LR_LINK_RST);
    cr_expect_eq(fault.fired, 1);
}
