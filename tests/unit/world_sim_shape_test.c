/* SPDX-License-Identifier: Apache-2.0 */
/* Faults that change what passes on a link of the simulated world, and how: what each end gets,
 * when, and what the ledger is told. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/failing.h"
#include "support/link_recorder.h"
#include "support/world_rig.h"

static struct lr_counting_alloc memory;

static void start(struct lr_world_rig *rig) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(
        lr_world_rig_init(rig, &memory.base, &lr_sim_options_default, lr_link_recorder_start()));
    cr_assert(lr_world_rig_connect(rig));
}

static void finish(struct lr_world_rig *rig) {
    cr_expect(rig->client.after_end == 0 && rig->server.after_end == 0);
    lr_world_rig_deinit(rig);
    cr_expect(memory.live_bytes == 0, "%zu bytes left", memory.live_bytes);
}

static void send(struct lr_teller *teller, size_t size) {
    lr_teller_send(teller, size);
    lr_world_drain(teller->host);
}

static void arm(struct lr_world_rig *rig, struct lr_fault *fault) {
    lr_prng_init(&fault->random, 7);
    cr_assert_eq(lr_world_fault(rig->world, 1, fault), LR_OK);
}

static const struct lr_recorded_link *seen(void) {
    return &lr_link_recorder()->links[1];
}

/* Who sends, and who gets, in a direction. */
static struct lr_teller *sender(struct lr_world_rig *rig, enum lr_fault_side side) {
    return side == LR_SIDE_TO_SERVICE ? &rig->client : &rig->server;
}
static struct lr_teller *receiver(struct lr_world_rig *rig, enum lr_fault_side side) {
    return side == LR_SIDE_TO_SERVICE ? &rig->server : &rig->client;
}

/* ---- what arrives is not what was sent ---- */

static const struct spoiling {
    enum lr_fault_kind kind;
    uint64_t amount;
    uint64_t received; /* of 100 */
    uint64_t wrong;    /* beyond those that are out of place */
} spoilings[] = {
    {LR_FAULT_CORRUPT_BIT, 0, 100, 1},    {LR_FAULT_CORRUPT_BYTE, 0, 100, 1},
    {LR_FAULT_CORRUPT_LENGTH, 0, 100, 8}, {LR_FAULT_TRUNCATE, 10, 90, 0},
    {LR_FAULT_GARBAGE, 200, 300, 0},
};

Test(world_sim_shape, bytes_are_changed_exactly_where_they_were_to_be) {
    for (size_t i = 0; i < LR_COUNT_OF(spoilings); i++) {
        for (int side = LR_SIDE_TO_SERVICE; side <= LR_SIDE_FROM_SERVICE; side++) {
            struct lr_world_rig rig;
            const struct spoiling *row = &spoilings[i];
            struct lr_fault fault = {.kind = row->kind,
                                     .side = (enum lr_fault_side)side,
                                     .after_bytes = 30,
                                     .amount = row->amount,
                                     .has_value = row->kind == LR_FAULT_CORRUPT_LENGTH,
                                     .value = UINT64_MAX};
            start(&rig);
            arm(&rig, &fault);
            send(sender(&rig, fault.side), 20);
            lr_world_rig_pass(&rig, LR_MS);
            cr_expect(fault.fired == 0 && receiver(&rig, fault.side)->wrong == 0);
            send(sender(&rig, fault.side), 80);
            lr_world_rig_pass(&rig, LR_MS);
            const char *name = lr_fault_row(row->kind)->name;
            const struct lr_teller *got = receiver(&rig, fault.side);
            cr_expect_eq(got->received, row->received, "%s %d: %u", name, side,
                         (unsigned int)got->received);
            cr_expect(row->wrong == 0 ? got->wrong > 0 : got->wrong == row->wrong, "%s %d: %u",
                      name, side, (unsigned int)got->wrong);
            cr_expect(fault.fired == 1 && fault.fired_at_byte == 30, "%s", name);
            cr_expect_eq(seen()->spoiled, 1, "%s", name);
            uint64_t told = seen()->bytes[side];
            cr_expect_eq(told, side == LR_SIDE_TO_SERVICE ? row->received : 100,
                         "what the service gets, and what it sends: %s", name);
            finish(&rig);
        }
    }
}

Test(world_sim_shape, garbage_needs_no_bytes_to_come_first) {
    for (int side = LR_SIDE_TO_SERVICE; side <= LR_SIDE_FROM_SERVICE; side++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {
            .kind = LR_FAULT_GARBAGE, .side = (enum lr_fault_side)side, .amount = 5};
        start(&rig);
        arm(&rig, &fault);
        lr_world_rig_pass(&rig, LR_MS);
        cr_expect_eq(receiver(&rig, fault.side)->received, 5);
        cr_expect_eq(fault.fired, 1);
        finish(&rig);
    }
}

Test(world_sim_shape, garbage_behind_the_last_byte_comes_with_it) {
    for (int side = LR_SIDE_TO_SERVICE; side <= LR_SIDE_FROM_SERVICE; side++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {.kind = LR_FAULT_GARBAGE,
                                 .side = (enum lr_fault_side)side,
                                 .after_bytes = 10,
                                 .amount = 100};
        start(&rig);
        arm(&rig, &fault);
        send(sender(&rig, fault.side), 10);
        lr_world_rig_pass(&rig, LR_MS);
        cr_expect_eq(receiver(&rig, fault.side)->received, 110);
        finish(&rig);
    }
}

Test(world_sim_shape, several_faults_meet_at_one_byte) {
    struct lr_world_rig rig;
    struct lr_fault faults[] = {
        {.kind = LR_FAULT_TRUNCATE, .after_bytes = 10, .amount = 5},
        {.kind = LR_FAULT_GARBAGE, .after_bytes = 15, .amount = 5},
        {.kind = LR_FAULT_CORRUPT_BYTE, .after_bytes = 15},
        {.kind = LR_FAULT_FIN, .after_bytes = 20},
    };
    start(&rig);
    for (size_t i = 0; i < LR_COUNT_OF(faults); i++) {
        arm(&rig, &faults[i]);
    }
    send(&rig.client, 50);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.server.heard, "L A R20 H");
    for (size_t i = 0; i < LR_COUNT_OF(faults); i++) {
        cr_expect_eq(faults[i].fired, 1, "%zu", i);
    }
    finish(&rig);
}

Test(world_sim_shape, a_fault_of_chance_fires_at_the_same_byte_for_the_same_seed) {
    uint64_t at[3];
    for (int i = 0; i < 3; i++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {.kind = LR_FAULT_RST, .chance_of = {1, 20}};
        start(&rig);
        lr_prng_init(&fault.random, i < 2 ? 11 : 12);
        cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
        send(&rig.client, 1000);
        lr_world_rig_pass(&rig, LR_MS);
        cr_expect_eq(fault.fired, 1);
        at[i] = fault.fired_at_byte;
        finish(&rig);
    }
    cr_expect(at[0] == at[1] && at[0] != at[2]);
}

/* ---- it arrives otherwise ---- */

Test(world_sim_shape, a_stall_keeps_what_waits_until_it_is_undone) {
    for (int side = LR_SIDE_TO_SERVICE; side <= LR_SIDE_FROM_SERVICE; side++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {
            .kind = LR_FAULT_STALL, .side = (enum lr_fault_side)side, .after_bytes = 30};
        start(&rig);
        arm(&rig, &fault);
        struct lr_teller *from = sender(&rig, fault.side);
        struct lr_teller *to = receiver(&rig, fault.side);
        send(from, 100);
        send(to, 10);
        lr_world_rig_pass(&rig, LR_MS);
        cr_expect_eq(from->received, 10, "the other direction goes on");
        lr_teller_close(from, 1000 * LR_SECOND);
        lr_world_drain(from->host);
        lr_world_rig_pass(&rig, 5 * LR_SECOND);
        cr_expect_eq(to->received, 30, "%u", (unsigned int)to->received);
        cr_expect_eq(fault.fired, 1);
        lr_world_undo(rig.world, &fault);
        lr_world_rig_pass(&rig, LR_MS);
        cr_expect(to->received == 100 && to->wrong == 0);
        cr_expect_eq(to->heard[strlen(to->heard) - 1], 'H', "%s", to->heard);
        finish(&rig);
    }
}

/* The service has its descriptor closed after a while: what its system was given comes all the
 * same. */
Test(world_sim_shape, what_a_stall_keeps_comes_when_the_service_has_gone) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_STALL, .side = LR_SIDE_FROM_SERVICE};
    start(&rig);
    arm(&rig, &fault);
    send(&rig.server, 100);
    lr_teller_close(&rig.server, LR_SECOND);
    lr_world_drain(rig.server.host);
    lr_world_rig_pass(&rig, LR_SECOND / 2);
    cr_expect_eq(rig.client.received, 0);
    lr_world_rig_pass(&rig, LR_SECOND);
    cr_expect(rig.client.received == 100 && rig.client.wrong == 0);
    cr_expect_eq(rig.client.heard[strlen(rig.client.heard) - 1], 'H', "%s", rig.client.heard);
    lr_world_undo(rig.world, &fault);
    finish(&rig);
}

/* Neither what is sent into a black hole nor the end of a partition lengthens what keep-alive
 * takes.
 */
Test(world_sim_shape, keep_alive_ends_a_black_hole_in_a_partition) {
    struct lr_world_rig rig;
    struct lr_fault hole = {.kind = LR_FAULT_BLACK_HOLE};
    struct lr_host_fault partition = {.kind = LR_FAULT_PARTITION, .amount = 1};
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(
        lr_world_rig_init(&rig, &memory.base, &lr_sim_options_default, lr_link_recorder_start()));
    rig.keepalive = (struct lr_keepalive){30 * LR_SECOND, 5 * LR_SECOND, 3};
    cr_assert(lr_teller_listen(&rig, &rig.server, "127.0.0.1", 0, 0));
    lr_world_drain(rig.server.host);
    cr_assert(lr_world_rig_connect(&rig));
    arm(&rig, &hole);
    lr_world_rig_pass(&rig, LR_SECOND);
    send(&rig.client, 10);
    lr_world_rig_pass(&rig, LR_SECOND);
    cr_assert_eq(lr_world_host_fault(rig.client.host, &partition), LR_OK);
    lr_world_rig_pass(&rig, LR_SECOND);
    lr_world_host_heal(&partition);
    lr_world_rig_pass(&rig, 42 * LR_SECOND + LR_SECOND / 2);
    cr_expect_str_eq(rig.server.heard, "L L A X(timed out)");
    cr_expect_str_eq(rig.client.heard, "C X(timed out)");
    finish(&rig);
}

/* Nor does a second silence count from a probe that the first one has swallowed. */
Test(world_sim_shape, keep_alive_counts_from_what_was_heard_last) {
    struct lr_world_rig rig;
    struct lr_fault hole = {.kind = LR_FAULT_BLACK_HOLE};
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(
        lr_world_rig_init(&rig, &memory.base, &lr_sim_options_default, lr_link_recorder_start()));
    rig.keepalive = (struct lr_keepalive){30 * LR_SECOND, 5 * LR_SECOND, 3};
    cr_assert(lr_teller_listen(&rig, &rig.server, "127.0.0.1", 0, 0));
    lr_world_drain(rig.server.host);
    cr_assert(lr_world_rig_connect(&rig));
    lr_world_rig_pass(&rig, LR_SECOND);
    lr_sim_lose(rig.client.host);
    lr_world_rig_pass(&rig, 35 * LR_SECOND);
    arm(&rig, &hole);
    lr_world_rig_pass(&rig, 9 * LR_SECOND + LR_SECOND / 2);
    cr_expect_str_eq(rig.server.heard, "L L A X(timed out)");
    cr_expect_str_eq(rig.client.heard, "C X(timed out)");
    finish(&rig);
}

Test(world_sim_shape, a_reset_passes_a_stall) {
    for (int side = LR_SIDE_TO_SERVICE; side <= LR_SIDE_FROM_SERVICE; side++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {.kind = LR_FAULT_STALL, .side = (enum lr_fault_side)side};
        start(&rig);
        arm(&rig, &fault);
        send(sender(&rig, fault.side), 100);
        lr_teller_reset(sender(&rig, fault.side));
        lr_world_drain(sender(&rig, fault.side)->host);
        lr_world_rig_pass(&rig, LR_MS);
        const struct lr_teller *to = receiver(&rig, fault.side);
        cr_expect_eq(to->received, 0);
        cr_expect_eq(to->heard[strlen(to->heard) - 1], '!', "%s", to->heard);
        finish(&rig);
    }
}

Test(world_sim_shape, split_bytes_come_one_by_one_until_it_is_undone) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_SPLIT, .side = LR_SIDE_BOTH};
    start(&rig);
    arm(&rig, &fault);
    send(&rig.client, 50);
    send(&rig.server, 20);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect(rig.server.pieces == 50 && rig.client.pieces == 20);
    lr_world_undo(rig.world, &fault);
    send(&rig.client, 50);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect(rig.server.pieces == 51 && rig.server.received == 100 && rig.server.wrong == 0);
    finish(&rig);
}

Test(world_sim_shape, coalesced_bytes_come_together) {
    for (int side = LR_SIDE_TO_SERVICE; side <= LR_SIDE_FROM_SERVICE; side++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {
            .kind = LR_FAULT_COALESCE, .side = (enum lr_fault_side)side, .amount = 20 * LR_MS};
        start(&rig);
        arm(&rig, &fault);
        struct lr_teller *to = receiver(&rig, fault.side);
        for (int i = 0; i < 4; i++) {
            send(sender(&rig, fault.side), 10);
            lr_world_rig_pass(&rig, 3 * LR_MS);
        }
        cr_expect_eq(to->received, 0);
        lr_world_rig_pass(&rig, 10 * LR_MS);
        cr_expect(to->received == 40 && to->pieces == 1 && to->wrong == 0, "%u in %u",
                  (unsigned int)to->received, to->pieces);
        finish(&rig);
    }
}

Test(world_sim_shape, slow_loris_lets_one_byte_pass_at_a_time) {
    for (int side = LR_SIDE_TO_SERVICE; side <= LR_SIDE_FROM_SERVICE; side++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {
            .kind = LR_FAULT_SLOW, .side = (enum lr_fault_side)side, .amount = LR_SECOND};
        start(&rig);
        arm(&rig, &fault);
        struct lr_teller *to = receiver(&rig, fault.side);
        send(sender(&rig, fault.side), 100);
        lr_world_rig_pass(&rig, 10 * LR_SECOND + LR_MS);
        cr_expect_eq(to->received, 11, "%u", (unsigned int)to->received);
        lr_world_undo(rig.world, &fault);
        lr_world_rig_pass(&rig, LR_MS);
        cr_expect(to->received == 100 && to->wrong == 0);
        finish(&rig);
    }
}

Test(world_sim_shape, latency_and_bandwidth_change_on_a_link_that_lives) {
    struct lr_world_rig rig;
    struct lr_fault latency = {.kind = LR_FAULT_LATENCY, .side = LR_SIDE_BOTH, .amount = LR_SECOND};
    struct lr_fault more = {
        .kind = LR_FAULT_LATENCY, .side = LR_SIDE_BOTH, .amount = 2 * LR_SECOND};
    struct lr_fault width = {.kind = LR_FAULT_BANDWIDTH, .side = LR_SIDE_BOTH, .amount = 100};
    start(&rig);
    arm(&rig, &latency);
    arm(&rig, &more);
    send(&rig.client, 10);
    lr_world_rig_pass(&rig, 1999 * LR_MS);
    cr_expect_eq(rig.server.received, 0);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_eq(rig.server.received, 10, "the newest counts");
    lr_world_undo(rig.world, &latency);
    lr_world_undo(rig.world, &more);
    send(&rig.client, 10);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_eq(rig.server.received, 20, "as before, in whatever order they are undone");
    arm(&rig, &width);
    send(&rig.client, 200);
    lr_world_rig_pass(&rig, 1999 * LR_MS);
    cr_expect_eq(rig.server.received, 20);
    lr_world_rig_pass(&rig, 2 * LR_MS);
    cr_expect_eq(rig.server.received, 220);
    finish(&rig);
}

Test(world_sim_shape, jitter_keeps_the_order) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_JITTER, .side = LR_SIDE_BOTH, .amount = LR_SECOND};
    start(&rig);
    arm(&rig, &fault);
    for (int i = 0; i < 20; i++) {
        send(&rig.client, 10);
    }
    lr_world_rig_pass(&rig, 2 * LR_SECOND);
    cr_expect(rig.server.received == 200 && rig.server.wrong == 0);
    finish(&rig);
}

Test(world_sim_shape, a_storm_resets_all_links_of_a_service) {
    struct lr_world_rig rig;
    start(&rig);
    cr_assert(lr_world_rig_connect(&rig));
    cr_expect_eq(lr_world_storm(rig.world, "nobody"), 0);
    cr_expect_eq(lr_world_storm(rig.world, "server"), 2);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.client.heard, "C C ! !");
    cr_expect_str_eq(rig.server.heard, "L A A ! !");
    finish(&rig);
}

Test(world_sim_shape, a_shaped_link_may_end_in_any_way) {
    for (int kind = LR_FAULT_STALL; kind <= LR_FAULT_JITTER; kind++) {
        for (int way = 0; way < 4; way++) {
            struct lr_world_rig rig;
            struct lr_fault fault = {
                .kind = (enum lr_fault_kind)kind, .side = LR_SIDE_BOTH, .amount = LR_SECOND};
            start(&rig);
            arm(&rig, &fault);
            send(&rig.client, 100);
            send(&rig.server, 100);
            struct lr_teller *ends = way < 2 ? &rig.client : &rig.server;
            if (way % 2 == 0) {
                lr_teller_reset(ends);
                lr_world_drain(ends->host);
            } else {
                lr_teller_leave(ends, true);
            }
            lr_world_rig_pass(&rig, 300 * LR_SECOND);
            lr_world_undo(rig.world, &fault);
            lr_world_rig_pass(&rig, LR_SECOND);
            finish(&rig);
        }
    }
}

/* ---- without memory ---- */

/* Whole, or told that it is not: a shaped link loses nothing in silence. */
static void pass_poorly(struct lr_alloc *alloc, void *context) {
    struct lr_world_rig rig;
    struct lr_fault fault = {
        .kind = *(const enum lr_fault_kind *)context, .side = LR_SIDE_BOTH, .amount = 10 * LR_MS};
    lr_prng_init(&fault.random, 7);
    bool there = lr_world_rig_init(&rig, alloc, &lr_sim_options_default, lr_link_recorder_start());
    if (there) {
        lr_world_fault_next(rig.world, "server", &fault);
    }
    bool connected = there && lr_world_rig_connect(&rig);
    if (connected) {
        send(&rig.client, 100);
        send(&rig.server, 100);
        lr_world_rig_pass(&rig, LR_SECOND);
        bool told = strpbrk(rig.client.heard, "XF!") != NULL || rig.client.failed ||
                    strpbrk(rig.server.heard, "XN!") != NULL || rig.server.failed;
        bool whole = rig.client.received >= 100 && rig.server.received >= 100;
        cr_assert(whole || told, "%s / %s", rig.client.heard, rig.server.heard);
        cr_assert(rig.client.after_end == 0 && rig.server.after_end == 0);
    }
    cr_assert(fault.fired > 0 || !lr_test_must_succeed(alloc));
    lr_world_rig_deinit(&rig);
    lr_fault_disarm(&fault);
}

Test(world_sim_shape, a_shaped_link_survives_the_failure_of_any_allocation) {
    enum lr_fault_kind kinds[] = {LR_FAULT_LATENCY, LR_FAULT_COALESCE, LR_FAULT_GARBAGE};
    for (size_t i = 0; i < LR_COUNT_OF(kinds); i++) {
        lr_test_each_failure(pass_poorly, &kinds[i]);
    }
}
