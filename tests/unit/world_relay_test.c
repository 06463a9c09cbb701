/* SPDX-License-Identifier: Apache-2.0 */
/* The relay before a foreign service: it passes all, breaks what it is told to break, and is seen
 * by the ledger. Both ends are roles of a world that nobody watches, so they stand for foreign
 * ones. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/failing.h"
#include "support/live_rig.h"

enum { BIG = 24 * 1024 * 1024, MORE = 4 * BIG, HELD = 2 * 1024 * 1024 };

struct bench {
    struct lr_live_rig rig; /* the two ends */
    struct lr_live *live;   /* the relay's world */
    struct lr_relay *relay;
};

static struct lr_counting_alloc memory;

static void pump(struct bench *bench) {
    (void)lr_live_turn(bench->live, 0);
    (void)lr_live_turn(bench->rig.live, lr_live_now(bench->rig.live) + 2 * LR_MS);
}

#define WAIT(bench, expression)                                                                    \
    do {                                                                                           \
        bool held_ = (expression);                                                                 \
        lr_time limit_ = lr_live_now((bench)->live) + 60 * LR_SECOND;                              \
        while (!held_ && lr_live_now((bench)->live) < limit_) {                                    \
            pump(bench);                                                                           \
            held_ = (expression);                                                                  \
        }                                                                                          \
        cr_assert(held_, "waited in vain for: %s", #expression);                                   \
    } while (0)

static void idle(struct bench *bench) {
    for (int i = 0; i < 30; i++) {
        pump(bench);
    }
}

static void start(struct bench *bench, uint16_t target_port) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_live_rig_init(&bench->rig, &memory.base, "127.0.0.1", false));
    struct lr_live_options options = {.alloc = &memory.base, .ledger = lr_link_recorder_start()};
    cr_assert_eq(lr_live_new(&bench->live, &options, NULL), LR_OK);
    struct lr_address target = {.host = "127.0.0.1", .port = target_port};
    target.port =
        target_port != 0 ? target_port : bench->rig.server.conns[bench->rig.listener].port;
    cr_assert_eq(lr_live_relay(bench->live, "service", LR_PLANE_DATA, "127.0.0.1", 0, &target,
                               &bench->relay, NULL),
                 LR_OK);
}

static void begin_connect(struct bench *bench) {
    struct lr_live_rig *rig = &bench->rig;
    rig->conn = lr_probe_connect(&rig->client, "127.0.0.1", lr_relay_port(bench->relay));
    lr_live_drain(rig->client.host);
}

static void start_connected(struct bench *bench) {
    start(bench, 0);
    begin_connect(bench);
    WAIT(bench, bench->rig.server.last_accepted != 0 && lr_link_recorder()->count == 1);
    bench->rig.other = bench->rig.server.last_accepted;
}

static void finish(struct bench *bench) {
    cr_expect_eq(lr_live_rig_client(&bench->rig)->wrong, 0);
    cr_expect_eq(lr_live_rig_server(&bench->rig)->wrong, 0);
    lr_live_free(bench->live);
    lr_live_rig_deinit(&bench->rig);
    cr_expect(memory.live_bytes == 0 && memory.live_blocks == 0);
}

static void send_from_client(struct bench *bench, uint64_t at, size_t size) {
    cr_assert(lr_probe_send(&bench->rig.client, bench->rig.conn, at, size));
    lr_live_drain(bench->rig.client.host);
}

static struct lr_recorded_link *link_seen(void) {
    return &lr_link_recorder()->links[1];
}

Test(world_relay, bytes_and_fin_pass_both_ways) {
    struct bench bench;
    start_connected(&bench);
    send_from_client(&bench, 0, BIG);
    WAIT(&bench, lr_live_rig_client(&bench.rig)->received == BIG);
    lr_outbox_close(&bench.rig.client.role.outbox, bench.rig.conn, 5 * LR_SECOND);
    lr_live_drain(bench.rig.client.host);
    WAIT(&bench, lr_live_host_sockets(bench.rig.client.host) == 0);
    WAIT(&bench, link_seen()->closed == 1);
    cr_expect_eq(lr_live_rig_server(&bench.rig)->half_closed, 1);
    cr_expect_eq(link_seen()->bytes[LR_TO_SERVICE], BIG);
    cr_expect_eq(link_seen()->bytes[LR_FROM_SERVICE], BIG);
    cr_expect_str_eq(link_seen()->order, "F> F< C ");
    cr_expect_str_eq(link_seen()->service, "service");
    finish(&bench);
}

Test(world_relay, a_peer_that_does_not_read_holds_the_sender_back) {
    struct bench bench;
    start_connected(&bench);
    bench.rig.server.echo = false;
    cr_assert_eq(lr_outbox_signal(&bench.rig.server.role.outbox, bench.rig.other, LR_COMMAND_PAUSE),
                 LR_OK);
    lr_live_drain(bench.rig.server.host);
    size_t before = memory.live_bytes;
    send_from_client(&bench, 0, MORE);
    idle(&bench);
    cr_expect_lt(memory.live_bytes, before + MORE + HELD, "the relay holds a bounded part");
    cr_expect(lr_live_rig_client(&bench.rig)->unsent > 0 ||
              lr_live_rig_client(&bench.rig)->writable == 0);
    cr_assert_eq(
        lr_outbox_signal(&bench.rig.server.role.outbox, bench.rig.other, LR_COMMAND_RESUME), LR_OK);
    lr_live_drain(bench.rig.server.host);
    WAIT(&bench, lr_live_rig_server(&bench.rig)->received == MORE);
    finish(&bench);
}

Test(world_relay, a_half_close_passes_as_one) {
    struct bench bench;
    start_connected(&bench);
    bench.rig.server.close_at_end = false;
    cr_assert_eq(
        lr_outbox_signal(&bench.rig.client.role.outbox, bench.rig.conn, LR_COMMAND_SHUT_WRITE),
        LR_OK);
    lr_live_drain(bench.rig.client.host);
    WAIT(&bench, lr_live_rig_server(&bench.rig)->half_closed == 1);
    cr_assert(lr_probe_send(&bench.rig.server, bench.rig.other, 0, 777));
    lr_live_drain(bench.rig.server.host);
    WAIT(&bench, lr_live_rig_client(&bench.rig)->received == 777);
    cr_expect_eq(lr_live_rig_client(&bench.rig)->half_closed, 0);
    finish(&bench);
}

Test(world_relay, a_reset_passes_as_one) {
    for (int side = 0; side < 2; side++) {
        struct bench bench;
        start_connected(&bench);
        struct lr_live_rig *rig = &bench.rig;
        struct lr_probe *who = side == 0 ? &rig->client : &rig->server;
        lr_outbox_reset(&who->role.outbox, side == 0 ? rig->conn : rig->other);
        (side == 0 ? lr_live_rig_client(rig) : lr_live_rig_server(rig))->gone = true;
        lr_live_drain(who->host);
        WAIT(&bench, (side == 0 ? lr_live_rig_server(rig) : lr_live_rig_client(rig))->reset == 1);
        cr_expect_str_eq(link_seen()->order, side == 0 ? "R> " : "R< ");
        finish(&bench);
    }
}

Test(world_relay, a_service_that_refuses_resets_the_client) {
    struct bench bench;
    start(&bench, 9); /* nobody there */
    begin_connect(&bench);
    WAIT(&bench,
         lr_live_rig_client(&bench.rig)->reset == 1 || lr_live_rig_client(&bench.rig)->failed);
    cr_expect_eq(lr_link_recorder()->count, 0, "no link came to be");
    finish(&bench);
}

Test(world_relay, rst_at_a_byte_is_heard_at_both_ends) {
    struct bench bench;
    struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 99};
    start_connected(&bench);
    cr_assert_eq(lr_live_fault(bench.live, 1, &fault), LR_OK);
    send_from_client(&bench, 0, 200);
    WAIT(&bench, lr_live_rig_client(&bench.rig)->reset == 1);
    WAIT(&bench, lr_live_rig_server(&bench.rig)->reset == 1);
    cr_expect_leq(lr_live_rig_server(&bench.rig)->received, 99);
    cr_expect(fault.fired == 1 && fault.fired_at_byte == 99);
    finish(&bench);
}

Test(world_relay, fin_at_a_byte_delivers_what_was_before_it) {
    struct bench bench;
    struct lr_fault fault = {.kind = LR_FAULT_FIN, .side = LR_SIDE_TO_SERVICE, .after_bytes = 99};
    start_connected(&bench);
    bench.rig.server.echo = false;
    cr_assert_eq(lr_live_fault(bench.live, 1, &fault), LR_OK);
    send_from_client(&bench, 0, 200);
    WAIT(&bench, lr_live_rig_client(&bench.rig)->half_closed == 1);
    WAIT(&bench, lr_live_rig_server(&bench.rig)->half_closed == 1);
    cr_expect_eq(lr_live_rig_server(&bench.rig)->received, 99);
    WAIT(&bench, link_seen()->fins[LR_FROM_SERVICE] == 1);
    cr_expect_str_eq(link_seen()->fault, "FIN after 99 bytes to the service");
    finish(&bench);
}

Test(world_relay, half_close_now_ends_one_direction) {
    struct bench bench;
    struct lr_fault fault = {.kind = LR_FAULT_HALF_CLOSE, .side = LR_SIDE_FROM_SERVICE};
    start_connected(&bench);
    bench.rig.server.echo = false;
    cr_assert_eq(lr_live_fault(bench.live, 1, &fault), LR_OK);
    WAIT(&bench, lr_live_rig_client(&bench.rig)->half_closed == 1);
    send_from_client(&bench, 0, 10);
    WAIT(&bench, lr_live_rig_server(&bench.rig)->received == 10);
    cr_expect_eq(lr_live_rig_server(&bench.rig)->half_closed, 0);
    finish(&bench);
}

Test(world_relay, a_black_hole_hides_each_end_from_the_other_and_none_from_the_ledger) {
    struct bench bench;
    struct lr_fault fault = {.kind = LR_FAULT_BLACK_HOLE};
    start_connected(&bench);
    cr_assert_eq(lr_live_fault(bench.live, 1, &fault), LR_OK);
    send_from_client(&bench, 0, 10);
    idle(&bench);
    cr_expect_eq(lr_live_rig_server(&bench.rig)->received, 0);
    lr_outbox_close(&bench.rig.server.role.outbox, bench.rig.other, LR_MS);
    lr_live_drain(bench.rig.server.host);
    WAIT(&bench, link_seen()->fins[LR_FROM_SERVICE] == 1);
    idle(&bench);
    cr_expect_eq(lr_live_rig_client(&bench.rig)->half_closed, 0);
    lr_outbox_close(&bench.rig.client.role.outbox, bench.rig.conn, LR_MS);
    lr_live_drain(bench.rig.client.host);
    WAIT(&bench, link_seen()->closed == 1);
    cr_expect_str_eq(link_seen()->order, "X F< C ");
    finish(&bench);
}

Test(world_relay, a_fault_waits_for_the_next_link) {
    struct bench bench;
    struct lr_fault fault = {.kind = LR_FAULT_RST};
    start(&bench, 0);
    lr_live_fault_next(bench.live, "service", &fault);
    begin_connect(&bench);
    WAIT(&bench,
         lr_live_rig_client(&bench.rig)->reset == 1 || lr_live_rig_client(&bench.rig)->failed);
    cr_expect(fault.fired == 1 && fault.fired_link == 1);
    finish(&bench);
}

Test(world_relay, closing_it_resets_what_passes_through) {
    struct bench bench;
    start_connected(&bench);
    lr_relay_close(bench.relay);
    WAIT(&bench, lr_live_rig_client(&bench.rig)->reset == 1);
    WAIT(&bench, lr_live_rig_server(&bench.rig)->reset == 1);
    finish(&bench);
}

Test(world_relay, a_relay_can_be_made_and_closed_without_a_turn) {
    struct bench bench;
    start(&bench, 0);
    lr_relay_close(bench.relay);
    finish(&bench);
}

/* ---- without memory ---- */

static bool is_over(struct bench *bench) {
    const struct lr_probe_conn *conn = lr_live_rig_client(&bench->rig);
    return conn->received == 300 || conn->gone || bench->rig.server.failed;
}

/* The two ends have memory; it is the relay's that fails. */
static void pass_poorly(struct lr_alloc *alloc, void *context) {
    struct bench bench = {.live = NULL};
    struct lr_live_options options = {.alloc = alloc, .ledger = lr_link_recorder_start()};
    (void)context;
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_live_rig_init(&bench.rig, &memory.base, "127.0.0.1", false));
    options.ledger = lr_link_recorder_start();
    struct lr_address target = {.host = "127.0.0.1",
                                .port = bench.rig.server.conns[bench.rig.listener].port};
    bool fine = lr_live_new(&bench.live, &options, NULL) == LR_OK &&
                lr_live_relay(bench.live, "service", LR_PLANE_DATA, "127.0.0.1", 0, &target,
                              &bench.relay, NULL) == LR_OK;
    if (fine) {
        begin_connect(&bench);
        send_from_client(&bench, 0, 300);
        lr_time limit = lr_live_now(bench.live) + 20 * LR_SECOND;
        while (!is_over(&bench) && lr_live_now(bench.live) < limit) {
            pump(&bench);
        }
        cr_assert_lt(lr_live_now(bench.live), limit, "whole, or reset: never neither");
    }
    bool whole = fine && lr_live_rig_client(&bench.rig)->received == 300;
    cr_assert(whole || !lr_test_must_succeed(alloc));
    cr_assert(!whole || link_seen()->bytes[LR_TO_SERVICE] == 300, "all that passes is seen");
    finish(&bench);
}

Test(world_relay, what_passes_is_whole_or_reset_whichever_allocation_fails) {
    lr_test_each_failure(pass_poorly, NULL);
}
