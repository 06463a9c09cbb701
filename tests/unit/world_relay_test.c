/* SPDX-License-Identifier: Apache-2.0 */
/* The relay before a foreign service: it passes all, breaks what it is told to break, and is seen
 * by the ledger. Both ends are roles of a world that nobody watches, so they stand for foreign
 * ones. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/failing.h"
#include "support/live_rig.h"
#include "world/live_internal.h"

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

/* How many local ports the relay is known by to a service at |reached|. */
static unsigned int known_by(const struct lr_live *live, uint16_t reached) {
    struct sockaddr_storage peer;
    struct sockaddr_storage local;
    unsigned int found = 0;
    cr_assert(lr_address_numeric("127.0.0.1", reached, &local));
    for (uint32_t port = 1; port <= UINT16_MAX; port++) {
        cr_assert(lr_address_numeric("127.0.0.1", (uint16_t)port, &peer));
        found += lr_relay_is_from(live, &peer, &local) ? 1 : 0;
    }
    return found;
}

/* The system may give the relay's own port to a client of another service at the same time. */
Test(world_relay, it_is_known_by_its_port_to_its_own_service_alone) {
    struct bench bench;
    start_connected(&bench);
    uint16_t service = bench.rig.server.conns[bench.rig.listener].port;
    cr_expect_eq(known_by(bench.live, service), 1);
    cr_expect_eq(known_by(bench.live, (uint16_t)(service - 1)), 0);
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

/* ---- faults that change what passes, and when ---- */

static void arm(struct bench *bench, struct lr_fault *fault) {
    lr_prng_init(&fault->random, 5);
    cr_assert_eq(lr_live_fault(bench->live, 1, fault), LR_OK);
}

Test(world_relay, bytes_are_spoiled_where_they_were_to_be) {
    static const struct {
        enum lr_fault_kind kind;
        uint64_t amount;
        uint64_t received;
        uint64_t wrong; /* 0: all that is out of place */
    } rows[] = {
        {LR_FAULT_CORRUPT_BIT, 0, 100, 1},    {LR_FAULT_CORRUPT_BYTE, 0, 100, 1},
        {LR_FAULT_CORRUPT_LENGTH, 0, 100, 0}, {LR_FAULT_TRUNCATE, 10, 90, 0},
        {LR_FAULT_GARBAGE, 200, 300, 0},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct bench bench;
        struct lr_fault fault = {.kind = rows[i].kind,
                                 .side = LR_SIDE_TO_SERVICE,
                                 .after_bytes = 30,
                                 .amount = rows[i].amount,
                                 .has_value = rows[i].kind == LR_FAULT_CORRUPT_LENGTH,
                                 .value = UINT64_MAX};
        start_connected(&bench);
        bench.rig.server.echo = false;
        arm(&bench, &fault);
        send_from_client(&bench, 0, 100);
        WAIT(&bench, lr_live_rig_server(&bench.rig)->received == rows[i].received);
        struct lr_probe_conn *server = lr_live_rig_server(&bench.rig);
        cr_expect(rows[i].wrong == 0 ? server->wrong > 0 : server->wrong == rows[i].wrong, "%s: %u",
                  lr_fault_row(rows[i].kind)->name, (unsigned int)server->wrong);
        cr_expect(fault.fired == 1 && fault.fired_at_byte == 30 && link_seen()->spoiled == 1);
        cr_expect_eq(link_seen()->bytes[LR_TO_SERVICE], rows[i].received);
        server->wrong = 0; /* it was to be */
        finish(&bench);
    }
}

Test(world_relay, a_stall_keeps_what_waits_and_the_end_behind_it) {
    for (int side = LR_SIDE_TO_SERVICE; side <= LR_SIDE_FROM_SERVICE; side++) {
        struct bench bench;
        struct lr_fault fault = {
            .kind = LR_FAULT_STALL, .side = (enum lr_fault_side)side, .after_bytes = 30};
        start_connected(&bench); /* what the server gets it sends back */
        arm(&bench, &fault);
        send_from_client(&bench, 0, 100);
        uint64_t *got = side == LR_SIDE_TO_SERVICE ? &lr_live_rig_server(&bench.rig)->received
                                                   : &lr_live_rig_client(&bench.rig)->received;
        WAIT(&bench, *got == 30 && fault.fired == 1);
        if (side == LR_SIDE_TO_SERVICE) {
            lr_outbox_close(&bench.rig.client.role.outbox, bench.rig.conn, 5 * LR_SECOND);
            lr_live_drain(bench.rig.client.host);
        }
        idle(&bench);
        cr_expect_eq(*got, 30);
        cr_expect_eq(lr_live_rig_server(&bench.rig)->half_closed, 0);
        lr_world_undo(lr_live_world(bench.live), &fault);
        WAIT(&bench, *got == 100);
        if (side == LR_SIDE_TO_SERVICE) {
            WAIT(&bench, lr_live_rig_server(&bench.rig)->half_closed == 1);
        }
        finish(&bench);
    }
}

Test(world_relay, shaped_bytes_take_their_time) {
    static const struct {
        enum lr_fault_kind kind;
        uint64_t amount;
        uint64_t least_ns; /* there and back again */
    } rows[] = {
        {LR_FAULT_LATENCY, 30 * LR_MS, 60 * LR_MS},
        {LR_FAULT_BANDWIDTH, 1000, 100 * LR_MS},
        {LR_FAULT_COALESCE, 30 * LR_MS, 30 * LR_MS},
        {LR_FAULT_SLOW, 2 * LR_MS, 100 * LR_MS},
        {LR_FAULT_JITTER, 5 * LR_MS, 0},
        {LR_FAULT_SPLIT, 0, 0},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct bench bench;
        struct lr_fault fault = {
            .kind = rows[i].kind, .side = LR_SIDE_BOTH, .amount = rows[i].amount};
        start_connected(&bench);
        arm(&bench, &fault);
        lr_time began = lr_live_now(bench.live);
        send_from_client(&bench, 0, 60);
        WAIT(&bench, lr_live_rig_client(&bench.rig)->received == 60);
        cr_expect_geq(lr_live_now(bench.live) - began, rows[i].least_ns, "%s",
                      lr_fault_row(rows[i].kind)->name);
        lr_world_undo(lr_live_world(bench.live), &fault);
        send_from_client(&bench, 60, 100000);
        WAIT(&bench, lr_live_rig_client(&bench.rig)->received == 100060);
        finish(&bench);
    }
}

Test(world_relay, back_pressure_passes_a_shaped_link) {
    struct bench bench;
    struct lr_fault fault = {.kind = LR_FAULT_LATENCY, .side = LR_SIDE_BOTH, .amount = LR_MS};
    start_connected(&bench);
    arm(&bench, &fault);
    send_from_client(&bench, 0, BIG);
    WAIT(&bench, lr_live_rig_client(&bench.rig)->received == BIG);
    finish(&bench);
}

Test(world_relay, a_relay_refuses_and_takes_connections_again) {
    struct bench bench;
    struct lr_host_fault receipt = {.kind = LR_FAULT_REFUSE};
    start(&bench, 0);
    /* A port that was asked for by its number stays ours. */
    uint16_t port = lr_world_free_port(lr_live_world(bench.live), "127.0.0.1");
    struct lr_address target = {.host = "127.0.0.1",
                                .port = bench.rig.server.conns[bench.rig.listener].port};
    lr_relay_close(bench.relay);
    cr_assert_eq(lr_live_relay(bench.live, "service", LR_PLANE_DATA, "127.0.0.1", port, &target,
                               &bench.relay, NULL),
                 LR_OK);
    cr_assert_eq(lr_relay_refuse(bench.relay, &receipt), LR_OK);
    cr_expect_eq(receipt.fired, 1);
    begin_connect(&bench);
    WAIT(&bench, lr_live_rig_client(&bench.rig)->failed);
    cr_expect_eq(lr_link_recorder()->count, 0);
    cr_assert_eq(lr_relay_refuse(bench.relay, NULL), LR_OK);
    begin_connect(&bench);
    WAIT(&bench, lr_link_recorder()->count == 1);
    finish(&bench);
}

Test(world_relay, a_fault_that_needs_a_relay_is_refused_elsewhere) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_STALL};
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_live_rig_init(&rig, &memory.base, "127.0.0.1", true));
    cr_assert(lr_live_rig_connect(&rig, 0));
    cr_expect_eq(lr_live_fault(rig.live, 1, &fault), LR_ENOTSUP);
    cr_expect(!fault.armed && fault.fired == 0);
    lr_live_rig_deinit(&rig);
    cr_expect_eq(memory.live_bytes, 0);
}

/* Whatever allocation fails: both ends hear an end, or all arrives, and nothing is left. */
static void pass_shaped_poorly(struct lr_alloc *alloc, void *context) {
    struct bench bench;
    struct lr_fault fault = {
        .kind = *(enum lr_fault_kind *)context, .side = LR_SIDE_BOTH, .amount = 2 * LR_MS};
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_live_rig_init(&bench.rig, &memory.base, "127.0.0.1", false));
    struct lr_live_options options = {.alloc = alloc, .ledger = lr_link_recorder_start()};
    struct lr_address target = {.host = "127.0.0.1",
                                .port = bench.rig.server.conns[bench.rig.listener].port};
    bool good = lr_live_new(&bench.live, &options, NULL) == LR_OK;
    bool relays = good && lr_live_relay(bench.live, "service", LR_PLANE_DATA, "127.0.0.1", 0,
                                        &target, &bench.relay, NULL) == LR_OK;
    if (relays) {
        lr_live_fault_next(bench.live, "service", &fault);
        begin_connect(&bench);
        send_from_client(&bench, 0, 300);
        const struct lr_probe_conn *client = lr_live_rig_client(&bench.rig);
        WAIT(&bench, client->received == 300 || client->reset + client->gone > 0 || client->failed);
        cr_expect(!lr_test_must_succeed(alloc) || client->received == 300);
    }
    lr_fault_disarm(&fault);
    lr_live_free(good ? bench.live : NULL);
    lr_live_rig_deinit(&bench.rig);
}

Test(world_relay, a_shaped_link_survives_the_failure_of_any_allocation, .timeout = 300) {
    enum lr_fault_kind kinds[] = {LR_FAULT_LATENCY, LR_FAULT_COALESCE};
    for (size_t i = 0; i < LR_COUNT_OF(kinds); i++) {
        lr_test_each_failure(pass_shaped_poorly, &kinds[i]);
    }
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
