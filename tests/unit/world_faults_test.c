/* SPDX-License-Identifier: Apache-2.0 */
/* Watched links of our roles in the live world: what is told of them, and each fault with its
 * receipt. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/failing.h"
#include "support/live_rig.h"

static struct lr_counting_alloc memory;

static void start(struct lr_live_rig *rig) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_live_rig_init(rig, &memory.base, "127.0.0.1", true));
}

static void start_connected(struct lr_live_rig *rig) {
    start(rig);
    cr_assert(lr_live_rig_connect(rig, 0));
}

static void finish(struct lr_live_rig *rig) {
    for (int i = 0; i < LR_PROBE_CONNS_MAX; i++) {
        cr_expect(rig->client.conns[i].after_end == 0 && rig->server.conns[i].after_end == 0);
        cr_expect(rig->client.conns[i].wrong == 0 && rig->server.conns[i].wrong == 0);
    }
    lr_live_rig_deinit(rig);
    cr_expect(memory.live_bytes == 0 && memory.live_blocks == 0);
}

static struct lr_recorded_link *link_seen(void) {
    return &lr_link_recorder()->links[1];
}

static void send_from_client(struct lr_live_rig *rig, uint64_t at, size_t size) {
    cr_assert(lr_probe_send(&rig->client, rig->conn, at, size));
    lr_live_drain(rig->client.host);
}

static void close_client(struct lr_live_rig *rig) {
    lr_outbox_close(&rig->client.role.outbox, rig->conn, 5 * LR_SECOND);
    lr_live_rig_client(rig)->gone = true;
    lr_live_drain(rig->client.host);
}

Test(world_faults, a_link_between_two_roles_of_ours_is_watched_once) {
    struct lr_live_rig rig;
    start_connected(&rig);
    cr_expect_eq(lr_link_recorder()->count, 1);
    cr_expect_str_eq(link_seen()->client, "client");
    cr_expect_str_eq(link_seen()->service, "server");
    cr_expect_eq(link_seen()->plane, LR_PLANE_DATA);
    send_from_client(&rig, 0, 300000);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->received == 300000);
    cr_expect_eq(link_seen()->bytes[LR_TO_SERVICE], 300000);
    cr_expect_eq(link_seen()->bytes[LR_FROM_SERVICE], 300000);
    close_client(&rig);
    LR_WAIT(&rig, link_seen()->closed == 1);
    cr_expect_str_eq(link_seen()->order, "F> F< C ");
    cr_expect_null(lr_live_link(rig.live, 1));
    finish(&rig);
}

Test(world_faults, a_reset_of_either_end_is_told) {
    for (int side = 0; side < 2; side++) {
        struct lr_live_rig rig;
        start_connected(&rig);
        struct lr_probe *who = side == 0 ? &rig.client : &rig.server;
        lr_outbox_reset(&who->role.outbox, side == 0 ? rig.conn : rig.other);
        (side == 0 ? lr_live_rig_client(&rig) : lr_live_rig_server(&rig))->gone = true;
        lr_live_drain(who->host);
        LR_WAIT(&rig, lr_live_host_sockets(rig.server.host) == 0);
        cr_expect_str_eq(link_seen()->order, side == 0 ? "R> " : "R< ");
        finish(&rig);
    }
}

/* A service that is a plain socket of the test's. */
static int listen_plainly(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int made = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(made >= 0 && bind(made, (struct sockaddr *)&address, size) == 0 &&
              listen(made, 8) == 0 && getsockname(made, (struct sockaddr *)&address, &size) == 0);
    *port = ntohs(address.sin_port);
    return made;
}

static int accept_from(struct lr_live_rig *rig, int listener, uint16_t port) {
    rig->conn = lr_probe_connect(&rig->client, "127.0.0.1", port);
    lr_live_drain(rig->client.host);
    LR_WAIT(rig, lr_live_rig_client(rig)->connected);
    int peer = accept(listener, NULL, NULL);
    cr_assert(peer >= 0);
    return peer;
}

Test(world_faults, a_link_to_a_foreign_service_is_watched_at_our_end) {
    struct lr_live_rig rig;
    uint16_t port;
    char got[64];
    start(&rig);
    int listener = listen_plainly(&port);
    struct lr_address address = {.host = "127.0.0.1", .port = port};
    cr_assert_eq(lr_live_foreign_service(rig.live, "theirs", LR_PLANE_CONTROL, &address), LR_OK);
    int peer = accept_from(&rig, listener, port);
    cr_assert_eq(lr_link_recorder()->count, 1);
    cr_expect_str_eq(link_seen()->client, "client");
    cr_expect_str_eq(link_seen()->service, "theirs");
    cr_expect_eq(link_seen()->plane, LR_PLANE_CONTROL);
    send_from_client(&rig, 0, 10);
    cr_expect_eq(recv(peer, got, sizeof got, 0), 10);
    cr_expect_eq(link_seen()->bytes[LR_TO_SERVICE], 10);
    close(peer);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->half_closed == 1);
    cr_expect_str_eq(link_seen()->order, "F< ");
    close(listener);
    finish(&rig);
}

Test(world_faults, a_foreign_service_that_nobody_named_is_not_watched) {
    struct lr_live_rig rig;
    uint16_t port;
    start(&rig);
    int listener = listen_plainly(&port);
    int peer = accept_from(&rig, listener, port);
    cr_expect_eq(lr_link_recorder()->count, 0);
    close(peer);
    close(listener);
    finish(&rig);
}

Test(world_faults, rst_at_a_byte_lets_exactly_that_many_pass) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 700};
    start_connected(&rig);
    cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
    send_from_client(&rig, 0, 500);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->received == 500);
    cr_expect_eq(fault.fired, 0);
    send_from_client(&rig, 500, 500);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->reset == 1);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->reset == 1);
    cr_expect_eq(lr_live_rig_server(&rig)->received, 700);
    cr_expect(fault.fired == 1 && fault.fired_at_byte == 700 && fault.fired_link == 1);
    cr_expect_eq(link_seen()->bytes[LR_TO_SERVICE], 700);
    cr_expect_str_eq(link_seen()->order, "X R> ");
    finish(&rig);
}

Test(world_faults, rst_at_a_byte_that_we_send_lets_exactly_that_many_out) {
    struct lr_live_rig rig;
    struct lr_fault fault = {
        .kind = LR_FAULT_RST, .side = LR_SIDE_FROM_SERVICE, .after_bytes = 1000000};
    start_connected(&rig);
    cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
    send_from_client(&rig, 0, 3000000);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->reset == 1);
    cr_expect(fault.fired == 1 && fault.fired_at_byte == 1000000);
    cr_expect_leq(lr_live_rig_client(&rig)->received, 1000000);
    cr_expect_eq(link_seen()->bytes[LR_FROM_SERVICE], 1000000);
    finish(&rig);
}

Test(world_faults, fin_now_is_heard_at_both_ends) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_FIN};
    start_connected(&rig);
    cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
    cr_expect_eq(fault.fired, 1);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->half_closed == 1);
    cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 1);
    cr_expect_eq(lr_live_rig_client(&rig)->reset, 0);
    close_client(&rig);
    LR_WAIT(&rig, lr_live_host_sockets(rig.server.host) == 0);
    cr_expect_str_eq(link_seen()->order, "X F> F< C ", "the service's own close is told, once");
    finish(&rig);
}

Test(world_faults, fin_at_a_byte_delivers_what_was_before_it) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_FIN, .side = LR_SIDE_TO_SERVICE, .after_bytes = 64};
    start_connected(&rig);
    rig.server.echo = false;
    cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
    send_from_client(&rig, 0, 100);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->half_closed == 1);
    cr_expect_eq(lr_live_rig_server(&rig)->received, 64);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->half_closed == 1);
    cr_expect_eq(fault.fired_at_byte, 64);
    finish(&rig);
}

Test(world_faults, half_close_ends_its_direction_only) {
    for (int side = 0; side < 2; side++) {
        struct lr_live_rig rig;
        struct lr_fault fault = {.kind = LR_FAULT_HALF_CLOSE,
                                 .side = side == 0 ? LR_SIDE_TO_SERVICE : LR_SIDE_FROM_SERVICE};
        start_connected(&rig);
        rig.server.close_at_end = false;
        cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
        if (side == 0) {
            cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 1);
            cr_assert(lr_probe_send(&rig.server, rig.other, 0, 10));
            lr_live_drain(rig.server.host);
            LR_WAIT(&rig, lr_live_rig_client(&rig)->received == 10);
            cr_expect_eq(lr_live_rig_client(&rig)->half_closed, 0);
        } else {
            LR_WAIT(&rig, lr_live_rig_client(&rig)->half_closed == 1);
            rig.server.echo = false;
            send_from_client(&rig, 0, 10);
            LR_WAIT(&rig, lr_live_rig_server(&rig)->received == 10);
            cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 0);
        }
        cr_expect_eq(fault.fired, 1);
        finish(&rig);
    }
}

Test(world_faults, a_black_hole_passes_nothing_and_tells_nobody) {
    struct lr_live_rig rig;
    struct lr_fault fault = {
        .kind = LR_FAULT_BLACK_HOLE, .side = LR_SIDE_TO_SERVICE, .after_bytes = 100};
    start_connected(&rig);
    cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
    send_from_client(&rig, 0, 400);
    LR_WAIT(&rig, fault.fired == 1);
    lr_live_rig_idle(&rig);
    cr_expect_eq(lr_live_rig_server(&rig)->received, 100);
    cr_expect_eq(lr_live_rig_client(&rig)->received, 0);
    cr_expect_eq(lr_live_rig_server(&rig)->writable, 0, "what it sends waits for ever");
    close_client(&rig);
    lr_live_rig_idle(&rig);
    cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 0);
    cr_expect_eq(lr_live_rig_client(&rig)->half_closed, 0);
    cr_expect_str_eq(link_seen()->order, "X ");
    finish(&rig);
}

Test(world_faults, a_black_hole_hides_the_end_from_a_role_that_has_paused) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_BLACK_HOLE, .side = LR_SIDE_TO_SERVICE};
    start_connected(&rig);
    cr_assert_eq(lr_outbox_signal(&rig.server.role.outbox, rig.other, LR_COMMAND_PAUSE), LR_OK);
    lr_live_drain(rig.server.host);
    cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
    cr_assert_eq(fault.fired, 1);
    close_client(&rig);
    lr_live_rig_idle(&rig);
    cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 0);
    cr_expect_eq(lr_live_rig_server(&rig)->reset, 0);
    finish(&rig);
}

Test(world_faults, a_service_that_gives_up_in_a_black_hole_has_released) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_BLACK_HOLE};
    start_connected(&rig);
    cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
    lr_outbox_close(&rig.server.role.outbox, rig.other, 5 * LR_SECOND);
    lr_live_rig_server(&rig)->gone = true;
    lr_live_drain(rig.server.host);
    cr_expect_eq(lr_live_host_sockets(rig.server.host), 0, "the socket is the world's now");
    cr_expect_str_eq(link_seen()->order, "X F< ");
    lr_live_rig_idle(&rig);
    cr_expect_eq(lr_live_rig_client(&rig)->half_closed, 0);
    finish(&rig);
}

Test(world_faults, keep_alive_ends_a_service_in_a_black_hole) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_BLACK_HOLE};
    start(&rig);
    rig.server.keepalive = (struct lr_keepalive){40 * LR_MS, 10 * LR_MS, 3};
    rig.listener = lr_probe_listen(&rig.server, "127.0.0.1", 0, 0);
    lr_live_drain(rig.server.host);
    lr_time before = lr_live_now(rig.live);
    cr_assert(lr_live_rig_connect(&rig, 0));
    cr_assert_eq(lr_live_fault(rig.live, 1, &fault), LR_OK);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->closed == 1);
    cr_expect_geq(lr_live_now(rig.live) - before, 70 * LR_MS, "never before its time");
    cr_expect_eq(lr_live_rig_server(&rig)->status, LR_ETIMEOUT);
    cr_expect_eq(lr_live_host_sockets(rig.server.host), 0);
    cr_expect_str_eq(link_seen()->order, "X C ");
    cr_expect_str_eq(link_seen()->reason, "keep-alive");
    lr_live_rig_idle(&rig);
    cr_expect_eq(lr_live_rig_client(&rig)->half_closed + lr_live_rig_client(&rig)->reset, 0);
    finish(&rig);
}

Test(world_faults, our_client_in_a_black_hole_does_not_hide_the_end_of_a_foreign_service) {
    struct lr_live_rig rig;
    uint16_t port;
    start(&rig);
    int listener = listen_plainly(&port);
    struct lr_address address = {.host = "127.0.0.1", .port = port};
    struct lr_fault fault = {.kind = LR_FAULT_BLACK_HOLE};
    cr_assert_eq(lr_live_foreign_service(rig.live, "theirs", LR_PLANE_DATA, &address), LR_OK);
    lr_live_fault_next(rig.live, "theirs", &fault);
    int peer = accept_from(&rig, listener, port);
    cr_expect(fault.fired == 1 && fault.fired_at_byte == 0);
    close(peer);
    LR_WAIT(&rig, link_seen()->fins[LR_FROM_SERVICE] == 1);
    cr_expect_eq(lr_live_rig_client(&rig)->half_closed, 0);
    close(listener);
    finish(&rig);
}

Test(world_faults, a_fault_waits_for_the_next_link_to_its_service) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 5};
    struct lr_fault elsewhere = {.kind = LR_FAULT_RST};
    start_connected(&rig);
    lr_live_fault_next(rig.live, "server", &fault);
    lr_live_fault_next(rig.live, "nobody", &elsewhere);
    send_from_client(&rig, 0, 50);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->received == 50);
    cr_expect(fault.fired == 0 && !fault.armed);
    cr_assert(lr_live_rig_connect(&rig, 0));
    cr_expect(fault.armed);
    send_from_client(&rig, 0, 50);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->reset == 1);
    cr_expect(fault.fired == 1 && fault.fired_link == 2 && fault.fired_at_byte == 5);
    cr_expect(!elsewhere.armed && elsewhere.fired == 0);
    lr_fault_disarm(&elsewhere);
    finish(&rig);
}

Test(world_faults, rst_at_the_opening_is_heard_after_the_accept) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST};
    start(&rig);
    lr_live_fault_next(rig.live, "server", &fault);
    rig.conn = lr_probe_connect(&rig.client, "127.0.0.1", rig.server.conns[rig.listener].port);
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig,
            rig.server.last_accepted != 0 && rig.server.conns[rig.server.last_accepted].reset == 1);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->reset == 1 || lr_live_rig_client(&rig)->failed);
    cr_expect_eq(fault.fired, 1);
    finish(&rig);
}

Test(world_faults, a_fault_on_a_link_that_is_gone_is_refused) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST};
    start_connected(&rig);
    cr_expect_eq(lr_live_fault(rig.live, 9, &fault), LR_ENOTFOUND);
    close_client(&rig);
    LR_WAIT(&rig, link_seen()->closed == 1);
    cr_expect_eq(lr_live_fault(rig.live, 1, &fault), LR_ENOTFOUND);
    cr_expect(!fault.armed && fault.fired == 0);
    finish(&rig);
}

/* ---- without memory ---- */

/* As lr_live_rig_wait, for what may never come: only a hang fails. */
static void wait_for(struct lr_live_rig *rig, bool (*over)(struct lr_live_rig *rig)) {
    lr_time limit = lr_live_now(rig->live) + 20 * LR_SECOND;
    while (!over(rig) && lr_live_now(rig->live) < limit) {
        (void)lr_live_turn(rig->live, lr_live_now(rig->live) + 50 * LR_MS);
    }
    cr_assert_lt(lr_live_now(rig->live), limit, "it must end, one way or the other");
}

static bool client_is_told(struct lr_live_rig *rig) {
    return lr_live_rig_client(rig)->gone || rig->client.failed || rig->server.failed;
}

/* Two connections to one service, the second of which a fault breaks inside what is sent on it. */
static void break_poorly(struct lr_alloc *alloc, void *context) {
    struct lr_live_rig rig;
    struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_TO_SERVICE, .after_bytes = 70};
    struct lr_address nowhere = {.host = "127.0.0.1", .port = 9};
    (void)context;
    bool fine = lr_live_rig_init(&rig, alloc, "127.0.0.1", true);
    if (rig.live != NULL) {
        lr_live_fault_next(rig.live, "server", &fault);
        fine =
            fine && lr_live_foreign_service(rig.live, "theirs", LR_PLANE_DATA, &nowhere) == LR_OK;
    }
    fine = fine && lr_live_rig_connect(&rig, 0);
    if (fine && lr_probe_send(&rig.client, rig.conn, 0, 100)) {
        lr_live_drain(rig.client.host);
        wait_for(&rig, client_is_told);
    }
    if (lr_test_must_succeed(alloc)) {
        cr_expect(fault.fired == 1 && fault.fired_at_byte == 70);
        cr_expect_eq(lr_live_rig_client(&rig)->reset, 1);
        cr_expect_str_eq(link_seen()->order, "X R> ");
    }
    cr_expect_leq(lr_live_rig_server(&rig)->received, 70, "nothing passes a fault");
    lr_live_rig_deinit(&rig);
    lr_fault_disarm(&fault);
}

Test(world_faults, a_broken_link_survives_the_failure_of_any_allocation) {
    lr_test_each_failure(break_poorly, NULL);
}
