/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of hosts in the simulated world, and at the door of a service. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/failing.h"
#include "support/world_rig.h"

static struct lr_counting_alloc memory;

static void start(struct lr_world_rig *rig) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_world_rig_init(rig, &memory.base, &lr_sim_options_default, NULL));
}

static void finish(struct lr_world_rig *rig) {
    cr_expect(rig->client.after_end == 0 && rig->server.after_end == 0);
    cr_expect(rig->client.wrong == 0 && rig->server.wrong == 0);
    lr_world_rig_deinit(rig);
    cr_expect(memory.live_bytes == 0, "%zu bytes left", memory.live_bytes);
}

static void put(struct lr_teller *teller, struct lr_host_fault *fault) {
    lr_prng_init(&fault->random, 3);
    cr_assert_eq(lr_world_host_fault(teller->host, fault), LR_OK);
}

static void dial(struct lr_world_rig *rig) {
    cr_assert(lr_teller_connect(rig, &rig->client, "127.0.0.1", rig->server.port));
    lr_world_drain(rig->client.host);
}

static void send(struct lr_teller *teller, size_t size) {
    lr_teller_send(teller, size);
    lr_world_drain(teller->host);
}

Test(world_sim_trouble, a_service_refuses_until_it_is_healed) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_REFUSE};
    start(&rig);
    put(&rig.server, &fault);
    cr_expect_eq(fault.fired, 0, "nobody has felt it");
    dial(&rig);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.client.heard, "F(refused)");
    cr_expect_eq(fault.fired, 1);
    lr_world_host_heal(&fault);
    dial(&rig);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.client.heard, "F(refused) C");
    finish(&rig);
}

Test(world_sim_trouble, a_refusal_may_be_by_chance) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_REFUSE, .chance_of = {1, 2}};
    start(&rig);
    put(&rig.server, &fault);
    for (int i = 0; i < 20; i++) {
        dial(&rig);
        lr_world_rig_pass(&rig, LR_MS);
    }
    cr_expect(fault.fired > 3 && fault.fired < 17, "%u", fault.fired);
    finish(&rig);
}

Test(world_sim_trouble, a_full_backlog_answers_nobody) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_FULL_BACKLOG};
    start(&rig);
    put(&rig.server, &fault);
    dial(&rig);
    lr_world_rig_pass(&rig, 2 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "");
    lr_world_host_heal(&fault);
    lr_world_rig_pass(&rig, 2 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "C", "the SYN is sent again at 3 s");
    finish(&rig);
}

Test(world_sim_trouble, a_service_without_descriptors_keeps_who_comes_waiting) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_NO_DESCRIPTORS, .amount = 1};
    start(&rig);
    put(&rig.server, &fault);
    dial(&rig);
    lr_world_rig_pass(&rig, 50 * LR_MS);
    dial(&rig);
    send(&rig.client, 10);
    lr_world_rig_pass(&rig, LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "C C");
    cr_expect_str_eq(rig.server.heard, "L A", "one was left");
    cr_expect(fault.fired > 1);
    lr_world_host_heal(&fault);
    lr_world_rig_pass(&rig, 50 * LR_MS);
    cr_expect_str_eq(rig.server.heard, "L A A R10");
    finish(&rig);
}

Test(world_sim_trouble, a_client_without_descriptors_cannot_connect) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_NO_DESCRIPTORS};
    start(&rig);
    put(&rig.client, &fault);
    dial(&rig);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.client.heard, "F(limit exceeded)", "%s", rig.client.heard);
    finish(&rig);
}

static const enum lr_fault_kind io_kinds[] = {LR_FAULT_SHORT_READS, LR_FAULT_SHORT_WRITES,
                                              LR_FAULT_INTERRUPTS};

Test(world_sim_trouble, whatever_reads_and_writes_do_all_bytes_arrive) {
    for (size_t i = 0; i < LR_COUNT_OF(io_kinds); i++) {
        for (unsigned int chance = 0; chance < 2; chance++) {
            struct lr_world_rig rig;
            struct lr_host_fault fault = {
                .kind = io_kinds[i], .amount = 3, .chance_of = {chance, chance * 2}};
            start(&rig);
            put(&rig.server, &fault);
            cr_assert(lr_world_rig_connect(&rig));
            rig.server.echo = true;
            send(&rig.client, 1000);
            lr_world_rig_pass(&rig, LR_SECOND);
            cr_expect(rig.server.received == 1000 && rig.client.received == 1000, "%s: %u, %u",
                      lr_fault_row(io_kinds[i])->name, (unsigned int)rig.server.received,
                      (unsigned int)rig.client.received);
            cr_expect(fault.fired > 0, "%s", lr_fault_row(io_kinds[i])->name);
            lr_teller_close(&rig.server, LR_SECOND);
            lr_world_drain(rig.server.host);
            lr_world_rig_pass(&rig, LR_SECOND);
            cr_expect_eq(rig.client.heard[strlen(rig.client.heard) - 1], 'H');
            finish(&rig);
        }
    }
}

/* What its system takes or gives is nothing that the net has to do with. */
Test(world_sim_trouble, who_is_off_the_net_reads_and_writes_all_the_same) {
    for (size_t i = 0; i < LR_COUNT_OF(io_kinds); i++) {
        struct lr_world_rig rig;
        struct lr_host_fault fault = {.kind = io_kinds[i], .amount = 3};
        start(&rig);
        cr_assert(lr_world_rig_connect(&rig));
        put(&rig.server, &fault);
        lr_teller_signal(&rig.server, LR_COMMAND_PAUSE);
        lr_world_drain(rig.server.host);
        send(&rig.client, 100);
        lr_world_rig_pass(&rig, LR_MS);
        lr_sim_lose(rig.client.host);
        lr_teller_signal(&rig.server, LR_COMMAND_RESUME);
        send(&rig.server, 100);
        lr_world_rig_pass(&rig, LR_MS);
        cr_expect_eq(rig.server.received, 100, "%s", lr_fault_row(io_kinds[i])->name);
        cr_expect_gt(rig.server.writable, 0, "%s", lr_fault_row(io_kinds[i])->name);
        cr_expect_eq(rig.client.received, 0);
        finish(&rig);
    }
}

Test(world_sim_trouble, short_reads_are_short) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_SHORT_READS, .amount = 3};
    start(&rig);
    cr_assert(lr_world_rig_connect(&rig));
    put(&rig.server, &fault);
    send(&rig.client, 10);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect(rig.server.received == 10 && rig.server.pieces == 4, "%u", rig.server.pieces);
    finish(&rig);
}

Test(world_sim_trouble, a_frozen_process_hears_nothing_and_its_kernel_goes_on) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_FREEZE};
    start(&rig);
    cr_assert(lr_world_rig_connect(&rig));
    rig.server.deadline = lr_time_add(lr_world_now(rig.world), LR_SECOND);
    lr_world_drain(rig.server.host);
    put(&rig.server, &fault);
    send(&rig.client, 10);
    lr_world_rig_pass(&rig, 5 * LR_SECOND);
    dial(&rig);
    lr_world_rig_pass(&rig, 5 * LR_SECOND);
    cr_expect_str_eq(rig.server.heard, "L A");
    cr_expect_eq(rig.server.expired, 0);
    cr_expect_str_eq(rig.client.heard, "C C", "its kernel takes connections");
    lr_world_host_heal(&fault);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect(strstr(rig.server.heard, "R10") != NULL && strstr(rig.server.heard, " A") != NULL,
              "%s", rig.server.heard);
    cr_expect_eq(rig.server.expired, 1, "its deadline has long passed");
    finish(&rig);
}

Test(world_sim_trouble, what_a_frozen_process_was_told_to_do_waits) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_FREEZE};
    start(&rig);
    cr_assert(lr_world_rig_connect(&rig));
    put(&rig.client, &fault);
    send(&rig.client, 10);
    dial(&rig);
    lr_world_rig_pass(&rig, LR_SECOND);
    cr_expect_str_eq(rig.server.heard, "L A");
    lr_world_host_heal(&fault);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.server.heard, "L A R10 A", "%s", rig.server.heard);
    finish(&rig);
}

/* Whatever happens to a connection of a process that stands still, it is heard of afterwards, once,
 * and nothing is left. */
Test(world_sim_trouble, a_frozen_process_hears_of_every_end_afterwards) {
    for (int frozen = 0; frozen < 2; frozen++) {
        for (int way = 0; way < 5; way++) {
            struct lr_world_rig rig;
            struct lr_host_fault fault = {.kind = LR_FAULT_FREEZE};
            start(&rig);
            rig.keepalive = (struct lr_keepalive){10 * LR_SECOND, LR_SECOND, 3};
            cr_assert(lr_teller_listen(&rig, &rig.server, "127.0.0.1", 0, 0));
            lr_world_drain(rig.server.host);
            cr_assert(lr_world_rig_connect(&rig));
            struct lr_teller *still = frozen == 0 ? &rig.client : &rig.server;
            struct lr_teller *other = frozen == 0 ? &rig.server : &rig.client;
            send(other, 10);
            put(still, &fault);
            size_t heard = strlen(still->heard);
            if (way == 0) {
                lr_teller_reset(other);
                lr_world_drain(other->host);
            } else if (way == 1) {
                lr_teller_close(other, 100 * LR_SECOND);
                lr_world_drain(other->host);
            } else if (way == 2) {
                lr_sim_lose(other->host);
            } else {
                lr_teller_leave(other, way == 3);
            }
            lr_world_rig_pass(&rig, 60 * LR_SECOND);
            cr_expect_eq(strlen(still->heard), heard, "%d %d: %s", frozen, way, still->heard);
            lr_world_host_heal(&fault);
            lr_world_rig_pass(&rig, LR_SECOND);
            cr_expect_gt(strlen(still->heard), heard, "%d %d", frozen, way);
            finish(&rig);
        }
    }
}

Test(world_sim_trouble, a_frozen_process_can_be_killed) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_FREEZE};
    start(&rig);
    cr_assert(lr_world_rig_connect(&rig));
    dial(&rig);
    put(&rig.server, &fault);
    send(&rig.client, 10);
    lr_world_rig_pass(&rig, LR_SECOND);
    lr_teller_leave(&rig.server, false);
    lr_world_rig_pass(&rig, LR_SECOND);
    cr_expect_eq(rig.client.heard[strlen(rig.client.heard) - 1], '!', "%s", rig.client.heard);
    cr_expect(fault.host == NULL && fault.fired == 1);
    finish(&rig);
}

/* Its kernel has shaken hands, and the service has let it in, before its role was told. */
Test(world_sim_trouble, a_process_that_is_killed_unaware_of_its_connection_resets_it) {
    struct lr_world_rig rig;
    start(&rig);
    dial(&rig);
    lr_sim_freeze(rig.client.host);
    lr_world_rig_pass(&rig, LR_MS);
    cr_assert_str_eq(rig.server.heard, "L A");
    cr_expect_str_eq(rig.client.heard, "");
    lr_teller_leave(&rig.client, false);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.server.heard, "L A !");
    finish(&rig);
}

Test(world_sim_trouble, a_partition_cuts_off_and_is_healed) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_PARTITION, .amount = 1};
    start(&rig);
    cr_assert(lr_world_rig_connect(&rig));
    put(&rig.server, &fault);
    send(&rig.client, 10);
    dial(&rig);
    lr_world_rig_pass(&rig, 2 * LR_SECOND);
    cr_expect_str_eq(rig.server.heard, "L A");
    cr_expect_str_eq(rig.client.heard, "C");
    lr_world_host_heal(&fault);
    lr_world_rig_pass(&rig, 2 * LR_SECOND);
    cr_expect_str_eq(rig.server.heard, "L A R10 A");
    finish(&rig);
}

Test(world_sim_trouble, hosts_of_one_group_reach_each_other) {
    struct lr_world_rig rig;
    struct lr_host_fault faults[2] = {{.kind = LR_FAULT_PARTITION, .amount = 4},
                                      {.kind = LR_FAULT_PARTITION, .amount = 4}};
    start(&rig);
    cr_assert(lr_world_rig_connect(&rig));
    put(&rig.server, &faults[0]);
    put(&rig.client, &faults[1]);
    send(&rig.client, 10);
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.server.heard, "L A R10");
    finish(&rig);
}

Test(world_sim_trouble, keep_alive_ends_what_a_partition_has_cut) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_PARTITION, .amount = 1};
    start(&rig);
    rig.keepalive = (struct lr_keepalive){30 * LR_SECOND, 5 * LR_SECOND, 3};
    cr_assert(lr_teller_listen(&rig, &rig.server, "127.0.0.1", 0, 0));
    lr_world_drain(rig.server.host);
    cr_assert(lr_world_rig_connect(&rig));
    put(&rig.client, &fault);
    lr_world_rig_pass(&rig, 46 * LR_SECOND);
    cr_expect_str_eq(rig.server.heard, "L L A X(timed out)");
    cr_expect_str_eq(rig.client.heard, "C X(timed out)");
    lr_world_host_heal(&fault);
    lr_world_rig_pass(&rig, LR_SECOND);
    finish(&rig);
}

Test(world_sim_trouble, the_wall_clock_jumps_and_no_deadline_moves) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_CLOCK_JUMP, .amount = 3600 * LR_SECOND};
    start(&rig);
    uint64_t wall = lr_sim_wall_clock(rig.server.host);
    lr_time began = lr_world_now(rig.world);
    rig.server.deadline = lr_time_add(began, LR_SECOND);
    lr_world_drain(rig.server.host);
    put(&rig.server, &fault);
    cr_expect_eq(lr_sim_wall_clock(rig.server.host), wall + 3600 * LR_SECOND);
    cr_expect_eq(lr_sim_wall_clock(rig.client.host), wall, "it is that host's alone");
    lr_world_rig_pass(&rig, 2 * LR_SECOND);
    cr_expect_eq(rig.server.expired_at, lr_time_add(began, LR_SECOND));
    lr_world_host_heal(&fault);
    cr_expect_eq(lr_sim_wall_clock(rig.server.host), wall + 2 * LR_SECOND);
    finish(&rig);
}

/* ---- without memory ---- */

static void write_poorly(struct lr_alloc *alloc, void *context) {
    struct lr_world_rig rig;
    struct lr_host_fault fault = {.kind = LR_FAULT_SHORT_WRITES, .amount = 7};
    (void)context;
    bool there = lr_world_rig_init(&rig, alloc, &lr_sim_options_default, NULL);
    bool connected = there && lr_world_rig_connect(&rig);
    lr_prng_init(&fault.random, 3);
    bool put_on = connected && lr_world_host_fault(rig.client.host, &fault) == LR_OK;
    if (put_on) {
        send(&rig.client, 100);
        lr_world_rig_pass(&rig, LR_SECOND);
        bool told = strpbrk(rig.client.heard, "XF!") != NULL || rig.client.failed ||
                    strpbrk(rig.server.heard, "XN!") != NULL || rig.server.failed;
        cr_assert(rig.server.received == 100 || told, "%s", rig.server.heard);
        lr_world_host_heal(&fault);
    }
    cr_assert(fault.fired > 0 || !lr_test_must_succeed(alloc));
    lr_world_rig_deinit(&rig);
}

Test(world_sim_trouble, short_writes_survive_the_failure_of_any_allocation) {
    lr_test_each_failure(write_poorly, NULL);
}
