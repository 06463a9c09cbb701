/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of links in the simulated world held against a relay between the kernel's sockets: what
 * each end hears, in order, and where the fault fires, must be the same, and be what is written
 * here. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/link_recorder.h"
#include "support/world_rig.h"

static const struct row {
    enum lr_fault_kind kind;
    uint64_t amount;
    bool answers; /* the server's bytes count, not the client's */
    const char *client;
    const char *server;
} rows[] = {
    {LR_FAULT_FIN, 0, false, "C H", "L A R50 H"},
    {LR_FAULT_RST, 0, false, "C !", "L A R50 !"},
    {LR_FAULT_HALF_CLOSE, 0, false, "C R50 H", "L A R50 H"},
    {LR_FAULT_FIN, 0, true, "C R50 H", "L A R100 H"},
    {LR_FAULT_HALF_CLOSE, 0, true, "C R50 H", "L A R100 H"},
    {LR_FAULT_CORRUPT_BIT, 0, false, "C R100 H", "L A R100 H"},
    {LR_FAULT_CORRUPT_BYTE, 0, true, "C R100 H", "L A R100 H"},
    {LR_FAULT_CORRUPT_LENGTH, 0, false, "C R100 H", "L A R100 H"},
    {LR_FAULT_TRUNCATE, 20, false, "C R80 H", "L A R80 H"},
    {LR_FAULT_TRUNCATE, 20, true, "C R80 H", "L A R100 H"},
    {LR_FAULT_GARBAGE, 70, false, "C R170 H", "L A R170 H"},
    {LR_FAULT_GARBAGE, 70, true, "C R170 H", "L A R100 H"},
    {LR_FAULT_STALL, 0, false, "C R100 H", "L A R100 H"},
    {LR_FAULT_STALL, 0, true, "C R100 H", "L A R100 H"},
    {LR_FAULT_SPLIT, 0, false, "C R100 H", "L A R100 H"},
    {LR_FAULT_COALESCE, 5 * LR_MS, true, "C R100 H", "L A R100 H"},
    {LR_FAULT_SLOW, LR_MS, false, "C R100 H", "L A R100 H"},
    {LR_FAULT_BANDWIDTH, 10000, true, "C R100 H", "L A R100 H"},
    {LR_FAULT_LATENCY, 5 * LR_MS, false, "C R100 H", "L A R100 H"},
    {LR_FAULT_JITTER, 5 * LR_MS, true, "C R100 H", "L A R100 H"},
};

static const char *name_of(const struct row *row) {
    return lr_fault_row(row->kind)->name;
}

static bool has_heard(const struct lr_teller *teller, const char *heard) {
    return strcmp(teller->heard, heard) == 0;
}

/* Until both have heard what is expected; then a little more, for what should not come. */
static void wait_for(struct lr_world_rig *rig, const struct row *row) {
    for (int i = 0;
         i < 200 && !(has_heard(&rig->client, row->client) && has_heard(&rig->server, row->server));
         i++) {
        lr_world_rig_pass(rig, 10 * LR_MS);
    }
    lr_world_rig_pass(rig, 20 * LR_MS);
}

static void close_all(struct lr_teller *teller) {
    lr_teller_close(teller, 5 * LR_SECOND);
    lr_world_drain(teller->host);
}

/* The client sends 100 bytes, which are sent back; then each side ends. */
static void play(const struct row *row, const struct lr_sim_options *sim, const char *world) {
    struct lr_world_rig rig;
    struct lr_relay *relay = NULL;
    struct lr_counting_alloc memory;
    struct lr_fault fault = {.kind = row->kind,
                             .side = row->answers ? LR_SIDE_FROM_SERVICE : LR_SIDE_TO_SERVICE,
                             .after_bytes = 50,
                             .amount = row->amount};
    lr_prng_init(&fault.random, 3);
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_world_rig_init(&rig, &memory.base, sim, lr_link_recorder_start()));
    uint16_t port = rig.server.port;
    if (sim == NULL) {
        struct lr_address target = {.host = "127.0.0.1", .port = port};
        cr_assert_eq(
            lr_live_relay(rig.live, "server", LR_PLANE_DATA, "127.0.0.1", 0, &target, &relay, NULL),
            LR_OK);
        port = lr_relay_port(relay);
    }
    rig.server.echo = true;
    lr_world_fault_next(rig.world, "server", &fault);
    cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", port));
    lr_teller_send(&rig.client, 100);
    lr_world_drain(rig.client.host);
    for (int i = 0; i < 200 && fault.fired == 0; i++) {
        lr_world_rig_pass(&rig, 10 * LR_MS);
    }
    lr_world_rig_pass(&rig, 100 * LR_MS);
    cr_expect(fault.fired == 1 && fault.fired_at_byte == 50, "%s, %s: fired %u at %u", name_of(row),
              world, fault.fired, (unsigned int)fault.fired_at_byte);
    lr_world_undo(rig.world, &fault);
    lr_world_rig_pass(&rig, 200 * LR_MS);
    if (!lr_fault_ends_link(row->kind)) {
        lr_teller_signal(&rig.client, LR_COMMAND_SHUT_WRITE);
        lr_world_drain(rig.client.host);
        lr_world_rig_pass(&rig, 100 * LR_MS);
        lr_teller_signal(&rig.server, LR_COMMAND_SHUT_WRITE);
        lr_world_drain(rig.server.host);
    } else if (row->kind != LR_FAULT_RST) {
        lr_teller_signal(&rig.server, LR_COMMAND_SHUT_WRITE);
        lr_world_drain(rig.server.host);
        lr_teller_signal(&rig.client, LR_COMMAND_SHUT_WRITE);
        lr_world_drain(rig.client.host);
    }
    wait_for(&rig, row);
    cr_expect_str_eq(rig.client.heard, row->client, "%s, %s: the client heard %s, not %s",
                     name_of(row), world, rig.client.heard, row->client);
    cr_expect_str_eq(rig.server.heard, row->server, "%s, %s: the server heard %s, not %s",
                     name_of(row), world, rig.server.heard, row->server);
    cr_expect_eq(lr_link_recorder()->count, 1, "%s: one link, seen once", world);
    close_all(&rig.client);
    close_all(&rig.server);
    lr_world_rig_deinit(&rig);
    cr_expect(memory.live_bytes == 0, "%s, %s: %zu bytes left", name_of(row), world,
              memory.live_bytes);
}

Test(world_fault_agree, each_end_hears_through_a_relay_what_is_written_here, .timeout = 120) {
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        play(&rows[i], NULL, "the kernel's");
    }
}

Test(world_fault_agree, each_end_hears_the_same_in_the_simulated_world) {
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        play(&rows[i], &lr_sim_options_default, "simulated");
    }
}
