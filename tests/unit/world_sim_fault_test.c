/* SPDX-License-Identifier: Apache-2.0 */
/* Links of the simulated world: what the ledger is told of them, and the faults that are put on
 * them. As the live world's (world_faults_test.c), and what only virtual time can show. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/failing.h"
#include "support/link_recorder.h"
#include "support/world_rig.h"

static struct lr_counting_alloc memory;

static void start_with(struct lr_world_rig *rig, const struct lr_sim_options *options) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_world_rig_init(rig, &memory.base, options, lr_link_recorder_start()));
}

static void start(struct lr_world_rig *rig) {
    start_with(rig, &lr_sim_options_default);
}

static void start_connected(struct lr_world_rig *rig) {
    start(rig);
    cr_assert(lr_world_rig_connect(rig));
}

static void finish(struct lr_world_rig *rig) {
    cr_expect(rig->client.after_end == 0 && rig->server.after_end == 0);
    cr_expect(rig->client.wrong == 0 && rig->server.wrong == 0);
    lr_world_rig_deinit(rig);
    cr_expect(memory.live_bytes == 0, "%zu bytes left", memory.live_bytes);
}

static void pass(struct lr_world_rig *rig) {
    lr_world_drain(rig->client.host);
    lr_world_drain(rig->server.host);
    lr_world_rig_pass(rig, 10 * LR_MS);
}

static void send(struct lr_world_rig *rig, struct lr_teller *teller, size_t size) {
    lr_teller_send(teller, size);
    pass(rig);
}

static const struct lr_recorded_link *seen(void) {
    return &lr_link_recorder()->links[1];
}

static void close_teller(struct lr_world_rig *rig, struct lr_teller *teller) {
    lr_teller_close(teller, 5 * LR_SECOND);
    pass(rig);
}

Test(world_sim_fault, a_link_is_watched_once) {
    struct lr_world_rig rig;
    start_connected(&rig);
    cr_expect_eq(lr_link_recorder()->count, 1);
    cr_expect_str_eq(seen()->client, "client");
    cr_expect_str_eq(seen()->service, "server");
    cr_expect_eq(seen()->plane, LR_PLANE_DATA);
    rig.server.echo = true;
    send(&rig, &rig.client, 300000);
    pass(&rig);
    cr_expect_eq(seen()->bytes[LR_TO_SERVICE], 300000);
    cr_expect_eq(seen()->bytes[LR_FROM_SERVICE], 300000);
    close_teller(&rig, &rig.client);
    close_teller(&rig, &rig.server);
    cr_expect_str_eq(seen()->order, "F> F< C ");
    cr_expect_eq(lr_sim_count(rig.sim).connections, 0);
    finish(&rig);
}

Test(world_sim_fault, a_reset_of_either_end_is_told) {
    for (int side = 0; side < 2; side++) {
        struct lr_world_rig rig;
        start_connected(&rig);
        lr_teller_reset(side == 0 ? &rig.client : &rig.server);
        pass(&rig);
        cr_expect_str_eq(seen()->order, side == 0 ? "R> " : "R< ");
        cr_expect_eq(lr_world_host_sockets(rig.server.host), 0);
        finish(&rig);
    }
}

Test(world_sim_fault, what_is_not_read_is_not_told) {
    struct lr_world_rig rig;
    start_connected(&rig);
    lr_teller_signal(&rig.server, LR_COMMAND_PAUSE);
    send(&rig, &rig.client, 100);
    cr_expect_eq(seen()->bytes[LR_TO_SERVICE], 0);
    lr_teller_signal(&rig.server, LR_COMMAND_RESUME);
    pass(&rig);
    cr_expect_eq(seen()->bytes[LR_TO_SERVICE], 100);
    finish(&rig);
}

Test(world_sim_fault, rst_at_a_byte_lets_exactly_that_many_pass) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 700};
    start_connected(&rig);
    cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
    send(&rig, &rig.client, 500);
    cr_expect_eq(fault.fired, 0);
    send(&rig, &rig.client, 500);
    cr_expect_str_eq(rig.client.heard, "C !");
    cr_expect_str_eq(rig.server.heard, "L A R700 !");
    cr_expect(fault.fired == 1 && fault.fired_at_byte == 700 && fault.fired_link == 1);
    cr_expect_eq(seen()->bytes[LR_TO_SERVICE], 700);
    cr_expect_str_eq(seen()->order, "X R> ");
    finish(&rig);
}

Test(world_sim_fault, rst_at_a_byte_that_is_sent_lets_exactly_that_many_out) {
    struct lr_world_rig rig;
    struct lr_fault fault = {
        .kind = LR_FAULT_RST, .side = LR_SIDE_FROM_SERVICE, .after_bytes = 1000000};
    start_connected(&rig);
    rig.server.echo = true;
    cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
    send(&rig, &rig.client, 3000000);
    lr_world_rig_pass(&rig, LR_SECOND);
    cr_expect(fault.fired == 1 && fault.fired_at_byte == 1000000);
    cr_expect_leq(rig.client.received, 1000000);
    cr_expect_eq(seen()->bytes[LR_FROM_SERVICE], 1000000);
    cr_expect_not_null(strstr(rig.client.heard, "!"));
    finish(&rig);
}

Test(world_sim_fault, fin_now_is_heard_at_both_ends) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_FIN};
    start_connected(&rig);
    cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
    cr_expect_eq(fault.fired, 1);
    pass(&rig);
    cr_expect_str_eq(rig.client.heard, "C H");
    cr_expect_str_eq(rig.server.heard, "L A H");
    close_teller(&rig, &rig.server);
    close_teller(&rig, &rig.client);
    cr_expect_str_eq(seen()->order, "X F> F< C ", "the service's own close is told, once");
    finish(&rig);
}

Test(world_sim_fault, fin_at_a_byte_delivers_what_was_before_it) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_FIN, .side = LR_SIDE_TO_SERVICE, .after_bytes = 64};
    start_connected(&rig);
    cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
    send(&rig, &rig.client, 100);
    cr_expect_str_eq(rig.server.heard, "L A R64 H");
    cr_expect_str_eq(rig.client.heard, "C H");
    cr_expect_eq(fault.fired_at_byte, 64);
    finish(&rig);
}

Test(world_sim_fault, half_close_ends_its_direction_only) {
    for (int side = 0; side < 2; side++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {.kind = LR_FAULT_HALF_CLOSE,
                                 .side = side == 0 ? LR_SIDE_TO_SERVICE : LR_SIDE_FROM_SERVICE};
        start_connected(&rig);
        cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
        pass(&rig);
        send(&rig, side == 0 ? &rig.server : &rig.client, 10);
        cr_expect_str_eq(rig.client.heard, side == 0 ? "C R10" : "C H");
        cr_expect_str_eq(rig.server.heard, side == 0 ? "L A H" : "L A R10");
        cr_expect_eq(fault.fired, 1);
        finish(&rig);
    }
}

Test(world_sim_fault, a_black_hole_passes_nothing_and_tells_nobody) {
    struct lr_world_rig rig;
    struct lr_fault fault = {
        .kind = LR_FAULT_BLACK_HOLE, .side = LR_SIDE_TO_SERVICE, .after_bytes = 100};
    start_connected(&rig);
    rig.server.echo = true;
    cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
    send(&rig, &rig.client, 400);
    cr_expect_eq(fault.fired, 1);
    cr_expect_str_eq(rig.server.heard, "L A R100");
    cr_expect_eq(rig.client.received, 0);
    cr_expect_eq(rig.server.writable, 0, "what it sends waits for ever");
    close_teller(&rig, &rig.client);
    lr_world_rig_pass(&rig, 1000 * LR_SECOND);
    cr_expect_str_eq(rig.server.heard, "L A R100");
    cr_expect_str_eq(rig.client.heard, "C");
    cr_expect_str_eq(seen()->order, "X ");
    finish(&rig);
}

Test(world_sim_fault, a_service_that_gives_up_in_a_black_hole_has_released) {
    for (int reset = 0; reset < 2; reset++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {.kind = LR_FAULT_BLACK_HOLE};
        start_connected(&rig);
        cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
        if (reset == 0) {
            lr_teller_close(&rig.server, 5 * LR_SECOND);
        } else {
            lr_teller_reset(&rig.server);
        }
        pass(&rig);
        cr_expect_eq(lr_world_host_sockets(rig.server.host), 0);
        cr_expect_str_eq(seen()->order, reset == 0 ? "X F< " : "X R< ");
        send(&rig, &rig.client, 10);
        cr_expect_str_eq(rig.client.heard, "C", "nothing answers");
        finish(&rig);
    }
}

Test(world_sim_fault, keep_alive_ends_both_ends_of_a_black_hole_at_their_time) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_BLACK_HOLE};
    start(&rig);
    rig.keepalive = (struct lr_keepalive){30 * LR_SECOND, 5 * LR_SECOND, 3};
    cr_assert(lr_teller_listen(&rig, &rig.server, "127.0.0.1", 0, 0));
    lr_world_drain(rig.server.host);
    cr_assert(lr_world_rig_connect(&rig));
    lr_time connected = lr_world_now(rig.world);
    cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
    lr_world_rig_pass(&rig, 45 * LR_SECOND - LR_MS);
    cr_expect_str_eq(rig.server.heard, "L L A", "never before its time");
    lr_world_rig_pass(&rig, LR_MS);
    cr_expect_str_eq(rig.server.heard, "L L A X(timed out)");
    cr_expect_str_eq(rig.client.heard, "C X(timed out)");
    cr_expect_leq(lr_world_now(rig.world) - connected, 45 * LR_SECOND);
    cr_expect_str_eq(seen()->order, "X C ");
    cr_expect_str_eq(seen()->reason, "keep-alive");
    cr_expect_eq(lr_world_host_sockets(rig.server.host), 0);
    finish(&rig);
}

Test(world_sim_fault, a_fault_waits_for_the_next_link_to_its_service) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 5};
    struct lr_fault elsewhere = {.kind = LR_FAULT_RST};
    start_connected(&rig);
    lr_world_fault_next(rig.world, "server", &fault);
    lr_world_fault_next(rig.world, "nobody", &elsewhere);
    send(&rig, &rig.client, 50);
    cr_expect(fault.fired == 0 && !fault.armed);
    cr_assert(lr_world_rig_connect(&rig));
    cr_expect(fault.armed);
    send(&rig, &rig.client, 50);
    cr_expect(fault.fired == 1 && fault.fired_link == 2 && fault.fired_at_byte == 5);
    cr_expect(!elsewhere.armed && elsewhere.fired == 0);
    lr_fault_disarm(&elsewhere);
    finish(&rig);
}

Test(world_sim_fault, rst_at_the_opening_is_heard_after_the_accept) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST};
    start(&rig);
    lr_world_fault_next(rig.world, "server", &fault);
    cr_assert(lr_world_rig_connect(&rig));
    pass(&rig);
    cr_expect_str_eq(rig.server.heard, "L A !");
    cr_expect_str_eq(rig.client.heard, "C !");
    cr_expect_eq(fault.fired, 1);
    finish(&rig);
}

Test(world_sim_fault, a_fault_on_a_link_that_is_gone_is_refused) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST};
    start_connected(&rig);
    cr_expect_eq(lr_world_fault(rig.world, 9, &fault), LR_ENOTFOUND);
    close_teller(&rig, &rig.client);
    close_teller(&rig, &rig.server);
    cr_expect_eq(lr_world_fault(rig.world, 1, &fault), LR_ENOTFOUND);
    cr_expect(!fault.armed && fault.fired == 0);
    finish(&rig);
}

/* The bytes that a fault counts are the same however the link cuts them. */
Test(world_sim_fault, no_cut_shifts_the_byte_at_which_a_fault_fires) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct lr_world_rig rig;
        struct lr_fault fault = {
            .kind = LR_FAULT_FIN, .side = LR_SIDE_TO_SERVICE, .after_bytes = 77};
        struct lr_sim_options options = lr_sim_options_default;
        options.seed = seed;
        options.link = (struct lr_sim_link_profile){
            .latency_ns = LR_MS, .segments = seed % 2 == 0 ? LR_SIM_CUTS : LR_SIM_BYTES};
        start_with(&rig, &options);
        cr_assert(lr_world_rig_connect(&rig));
        cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
        send(&rig, &rig.client, 50);
        send(&rig, &rig.client, 50);
        cr_expect_str_eq(rig.server.heard, "L A R77 H");
        finish(&rig);
    }
}

/* What the service sends at once is cut in its middle, too. */
Test(world_sim_fault, black_hole_inside_of_one_write_swallows_its_rest) {
    for (uint64_t at = 0; at <= 100; at += 25) {
        struct lr_world_rig rig;
        struct lr_fault fault = {
            .kind = LR_FAULT_BLACK_HOLE, .side = LR_SIDE_FROM_SERVICE, .after_bytes = at};
        start_connected(&rig);
        cr_assert_eq(lr_world_fault(rig.world, 1, &fault), LR_OK);
        send(&rig, &rig.server, 100);
        cr_expect_eq(rig.client.received, at, "%u", (unsigned int)rig.client.received);
        cr_expect_eq(seen()->bytes[LR_FROM_SERVICE], at);
        finish(&rig);
    }
}

/* ---- without memory ---- */

static void break_poorly(struct lr_alloc *alloc, void *context) {
    struct lr_world_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 1700};
    struct lr_sim_options options = lr_sim_options_default;
    (void)context;
    options.send_buffer = options.receive_buffer = 700;
    if (!lr_world_rig_init(&rig, alloc, &options, lr_link_recorder_start())) {
        cr_assert_not(lr_test_must_succeed(alloc));
        lr_world_rig_deinit(&rig);
        return;
    }
    lr_world_fault_next(rig.world, "server", &fault);
    bool connected = lr_world_rig_connect(&rig);
    if (connected) {
        send(&rig, &rig.client, 3000);
        lr_world_rig_pass(&rig, LR_SECOND);
    }
    bool told = strpbrk(rig.client.heard, "XF!") != NULL || rig.client.failed ||
                strpbrk(rig.server.heard, "XN!") != NULL || rig.server.failed;
    cr_assert(told || !connected, "%s / %s", rig.client.heard, rig.server.heard);
    cr_assert_leq(rig.server.received, 1700, "nothing passes a fault");
    if (lr_test_must_succeed(alloc)) {
        cr_assert(fault.fired == 1 && fault.fired_at_byte == 1700);
        cr_assert_str_eq(rig.client.heard, "C !");
        cr_assert_str_eq(seen()->order, "X R> ");
    }
    cr_assert(rig.client.after_end == 0 && rig.server.after_end == 0);
    cr_assert(rig.client.wrong == 0 && rig.server.wrong == 0);
    lr_world_rig_deinit(&rig);
    lr_fault_disarm(&fault);
}

Test(world_sim_fault, a_broken_link_survives_the_failure_of_any_allocation) {
    lr_test_each_failure(break_poorly, NULL);
}

/* ---- a frozen process, whose machine goes on ---- */

Test(world_sim_fault, frozen_process_hears_nothing_until_it_goes_on) {
    struct lr_world_rig rig;
    start_connected(&rig);
    rig.server.deadline = lr_world_now(rig.world) + LR_SECOND;
    lr_world_drain(rig.server.host);
    lr_sim_freeze(rig.server.host);
    send(&rig, &rig.client, 100);
    lr_world_rig_pass(&rig, 100 * LR_SECOND); /* keep-alive is answered */
    cr_expect_str_eq(rig.server.heard, "L A");
    cr_expect_str_eq(rig.client.heard, "C");
    cr_expect_eq(rig.client.unsent, 0, "its system has taken it");
    cr_expect_eq(rig.server.expired, 0);
    close_teller(&rig, &rig.client);
    cr_expect_str_eq(seen()->order, "");
    rig.server.deadline = lr_world_now(rig.world);
    lr_sim_thaw(rig.server.host);
    pass(&rig);
    cr_expect_str_eq(rig.server.heard, "L A R100 H");
    cr_expect_gt(rig.server.expired, 0);
    close_teller(&rig, &rig.server);
    cr_expect_eq(lr_sim_count(rig.sim).connections, 0);
    finish(&rig);
}

Test(world_sim_fault, frozen_process_fills_its_peers_buffers) {
    struct lr_world_rig rig;
    start_connected(&rig);
    lr_sim_freeze(rig.server.host);
    send(&rig, &rig.client, 2000000);
    lr_world_rig_pass(&rig, 100 * LR_SECOND);
    cr_expect_eq(rig.client.unsent, 2000000 - 2 * (256 << 10));
    lr_sim_thaw(rig.server.host);
    lr_world_rig_pass(&rig, LR_SECOND);
    cr_expect_str_eq(rig.server.heard, "L A R2000000");
    cr_expect_eq(rig.client.unsent, 0);
    finish(&rig);
}

Test(world_sim_fault, frozen_service_takes_connections_into_its_backlog) {
    for (int killed = 0; killed < 2; killed++) {
        struct lr_world_rig rig;
        start(&rig);
        lr_sim_freeze(rig.server.host);
        cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", rig.server.port));
        pass(&rig);
        lr_world_rig_pass(&rig, 10 * LR_SECOND);
        cr_expect_str_eq(rig.client.heard, "C");
        cr_expect_str_eq(rig.server.heard, "L");
        if (killed == 0) {
            lr_sim_thaw(rig.server.host);
            pass(&rig);
            cr_expect_str_eq(rig.server.heard, "L A");
        } else {
            lr_teller_leave(&rig.server, false);
            lr_world_rig_pass(&rig, LR_SECOND);
            cr_expect_str_eq(rig.client.heard, "C !");
        }
        finish(&rig);
    }
}

Test(world_sim_fault, frozen_client_is_connected_by_its_system_and_hears_of_it_later) {
    for (int refused = 0; refused < 2; refused++) {
        struct lr_world_rig rig;
        start(&rig);
        uint16_t port = refused != 0 ? 1 : rig.server.port;
        cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", port));
        lr_world_drain(rig.client.host);
        lr_sim_freeze(rig.client.host);
        lr_world_rig_pass(&rig, 10 * LR_SECOND);
        cr_expect_str_eq(rig.client.heard, "");
        cr_expect_str_eq(rig.server.heard, refused != 0 ? "L" : "L A");
        lr_sim_thaw(rig.client.host);
        lr_sim_thaw(rig.client.host); /* once is enough */
        lr_world_rig_pass(&rig, LR_SECOND);
        cr_expect_str_eq(rig.client.heard, refused != 0 ? "F(refused)" : "C");
        finish(&rig);
    }
}

Test(world_sim_fault, frozen_process_that_is_killed_is_closed_by_its_system) {
    for (int unread = 0; unread < 2; unread++) {
        struct lr_world_rig rig;
        start_connected(&rig);
        lr_sim_freeze(rig.server.host);
        if (unread != 0) {
            send(&rig, &rig.client, 10);
        }
        lr_teller_leave(&rig.server, false);
        lr_world_rig_pass(&rig, LR_SECOND);
        cr_expect_str_eq(rig.client.heard, "C !");
        cr_expect_eq(lr_sim_count(rig.sim).connections, 0);
        finish(&rig);
    }
}
