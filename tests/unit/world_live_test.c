/* SPDX-License-Identifier: Apache-2.0 */
/* Our roles in the live world: conversations, back-pressure, and all ways in which a connection
 * ends. */
#include <criterion/criterion.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/failing.h"
#include "support/live_rig.h"

enum { BIG = 24 * 1024 * 1024, LEFT = 8 * 1024 * 1024 };

static struct lr_counting_alloc memory;

static void start(struct lr_live_rig *rig, const char *host) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_live_rig_init(rig, &memory.base, host, false));
}

static void start_connected(struct lr_live_rig *rig) {
    start(rig, "127.0.0.1");
    cr_assert(lr_live_rig_connect(rig, 0));
}

/* Everything given back, and nobody heard of a connection after its end. */
static void finish(struct lr_live_rig *rig) {
    for (int i = 0; i < LR_PROBE_CONNS_MAX; i++) {
        cr_expect(rig->client.conns[i].after_end == 0 && rig->server.conns[i].after_end == 0,
                  "an event of connection %d came after its end", i);
        cr_expect(rig->client.conns[i].wrong == 0 && rig->server.conns[i].wrong == 0);
    }
    lr_live_rig_deinit(rig);
    cr_expect(memory.live_bytes == 0 && memory.live_blocks == 0, "%zu bytes in %zu blocks left",
              memory.live_bytes, memory.live_blocks);
}

static void send_from_client(struct lr_live_rig *rig, uint64_t at, size_t size) {
    cr_assert(lr_probe_send(&rig->client, rig->conn, at, size));
    lr_live_drain(rig->client.host);
}

static void close_client(struct lr_live_rig *rig, uint64_t linger_ns) {
    lr_outbox_close(&rig->client.role.outbox, rig->conn, linger_ns);
    lr_live_rig_client(rig)->gone = true;
    lr_live_drain(rig->client.host);
}

static void signal_conn(struct lr_probe *probe, lr_conn conn, enum lr_command_kind kind) {
    cr_assert_eq(lr_outbox_signal(&probe->role.outbox, conn, kind), LR_OK);
    lr_live_drain(probe->host);
}

Test(world_live, roles_talk_over_ipv4) {
    struct lr_live_rig rig;
    start_connected(&rig);
    cr_expect_str_eq(lr_live_rig_client(&rig)->peer, "127.0.0.1");
    cr_expect_str_eq(lr_live_rig_server(&rig)->peer, "127.0.0.1");
    send_from_client(&rig, 0, 1000);
    cr_expect_eq(lr_live_rig_client(&rig)->writable, 1, "a send that goes out at once is told");
    cr_expect_eq(lr_live_rig_client(&rig)->unsent, 0);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->received == 1000);
    close_client(&rig, 5 * LR_SECOND);
    LR_WAIT(&rig, lr_live_host_sockets(rig.client.host) == 0);
    LR_WAIT(&rig, lr_live_host_sockets(rig.server.host) == 0);
    cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 1);
    finish(&rig);
}

Test(world_live, roles_talk_over_ipv6) {
    struct lr_live_rig rig;
    start(&rig, "::1");
    rig.conn = lr_probe_connect(&rig.client, "::1", rig.server.conns[rig.listener].port);
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->connected && rig.server.last_accepted != 0);
    rig.other = rig.server.last_accepted;
    cr_expect_str_eq(lr_live_rig_server(&rig)->peer, "::1");
    send_from_client(&rig, 0, 10);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->received == 10);
    finish(&rig);
}

Test(world_live, an_ipv4_peer_of_a_listener_for_both_is_shown_as_ipv4) {
    struct lr_live_rig rig;
    start(&rig, "::");
    cr_assert(lr_live_rig_connect(&rig, 0));
    cr_expect_str_eq(lr_live_rig_server(&rig)->peer, "127.0.0.1");
    finish(&rig);
}

Test(world_live, localhost_is_tried_at_both_its_addresses) {
    struct lr_live_rig rig;
    start(&rig, "::1");
    rig.conn = lr_probe_connect(&rig.client, "localhost", rig.server.conns[rig.listener].port);
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->connected);
    cr_expect_str_eq(lr_live_rig_client(&rig)->peer, "::1");
    finish(&rig);
}

Test(world_live, a_name_is_asked_for_and_connected_to) {
    struct lr_live_rig rig;
    char name[LR_HOST_MAX];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    if (gethostname(name, sizeof name) != 0 || getaddrinfo(name, NULL, &hints, &found) != 0) {
        cr_skip_test("this machine does not know its own name");
    }
    freeaddrinfo(found);
    start(&rig, "0.0.0.0");
    rig.conn = lr_probe_connect(&rig.client, name, rig.server.conns[rig.listener].port);
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->connected);
    finish(&rig);
}

Test(world_live, a_name_that_nobody_has_fails_with_a_reason) {
    struct lr_live_rig rig;
    start(&rig, "127.0.0.1");
    rig.conn = lr_probe_connect(&rig.client, "no-such-host.invalid", 1);
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->failed);
    cr_expect_eq(lr_live_rig_client(&rig)->status, LR_ENOTFOUND);
    cr_expect(strlen(lr_live_rig_client(&rig)->reason) > 0);
    finish(&rig);
}

Test(world_live, a_connection_given_up_while_its_name_is_asked_for_is_not_heard_of) {
    struct lr_live_rig rig;
    start(&rig, "127.0.0.1");
    rig.conn = lr_probe_connect(&rig.client, "no-such-host.invalid", 1);
    lr_live_drain(rig.client.host);
    lr_outbox_reset(&rig.client.role.outbox, rig.conn);
    lr_live_drain(rig.client.host);
    lr_live_rig_idle(&rig);
    cr_expect_not(lr_live_rig_client(&rig)->failed);
    finish(&rig);
}

Test(world_live, a_refused_connection_is_told_as_refused) {
    struct lr_live_rig rig;
    start(&rig, "127.0.0.1");
    uint16_t port = rig.server.conns[rig.listener].port;
    lr_outbox_close(&rig.server.role.outbox, rig.listener, 0);
    lr_live_drain(rig.server.host);
    lr_live_rig_idle(&rig);
    rig.conn = lr_probe_connect(&rig.client, "127.0.0.1", port);
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->failed);
    cr_expect_eq(lr_live_rig_client(&rig)->status, LR_EREFUSED);
    finish(&rig);
}

Test(world_live, the_first_free_port_of_a_range_is_taken) {
    struct lr_live_rig rig;
    start(&rig, "127.0.0.1");
    uint16_t taken = rig.server.conns[rig.listener].port;
    lr_conn next = lr_probe_listen(&rig.server, "127.0.0.1", taken, (uint32_t)taken + 50);
    lr_conn none = lr_probe_listen(&rig.server, "127.0.0.1", taken, (uint32_t)taken + 1);
    lr_live_drain(rig.server.host);
    cr_expect(rig.server.conns[next].port > taken && rig.server.conns[next].port < taken + 50);
    cr_expect(rig.server.conns[none].failed);
    cr_expect_eq(rig.server.conns[none].status, LR_EEXISTS);
    finish(&rig);
}

Test(world_live, an_address_of_another_machine_cannot_be_listened_on) {
    struct lr_live_rig rig;
    start(&rig, "127.0.0.1");
    lr_conn none = lr_probe_listen(&rig.server, "192.0.2.1", 0, 0);
    lr_live_drain(rig.server.host);
    cr_expect(rig.server.conns[none].failed);
    finish(&rig);
}

Test(world_live, many_megabytes_go_there_and_back) {
    struct lr_live_rig rig;
    start_connected(&rig);
    send_from_client(&rig, 0, BIG);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->received == BIG);
    cr_expect_eq(lr_live_rig_client(&rig)->unsent, 0);
    finish(&rig);
}

Test(world_live, a_peer_that_pauses_makes_the_sender_wait_and_then_gets_all) {
    struct lr_live_rig rig;
    start_connected(&rig);
    rig.server.echo = false;
    signal_conn(&rig.server, rig.other, LR_COMMAND_PAUSE);
    send_from_client(&rig, 0, BIG);
    send_from_client(&rig, BIG, 1000);
    lr_live_rig_idle(&rig); /* until the kernel's buffers are full, however slowly they grow */
    unsigned int writable = lr_live_rig_client(&rig)->writable;
    lr_live_rig_idle(&rig);
    cr_expect_eq(lr_live_rig_server(&rig)->received, 0, "nothing is read while paused");
    cr_expect_eq(lr_live_rig_client(&rig)->writable, writable, "no progress, no event");
    signal_conn(&rig.server, rig.other, LR_COMMAND_RESUME);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->received == BIG + 1000);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->unsent == 0);
    cr_expect(lr_live_rig_client(&rig)->writable > writable);
    finish(&rig);
}

/* The server has paused the client, which has sent |size| bytes that nobody has read. */
static void start_paused(struct lr_live_rig *rig, size_t size) {
    start_connected(rig);
    rig->server.echo = false;
    signal_conn(&rig->server, rig->other, LR_COMMAND_PAUSE);
    send_from_client(rig, 0, size);
    lr_live_rig_idle(rig);
    cr_assert_eq(lr_live_rig_server(rig)->received, 0);
}

Test(world_live, a_fin_is_heard_behind_all_bytes_by_a_role_that_has_paused) {
    struct lr_live_rig rig;
    start_paused(&rig, 60000);
    close_client(&rig, 5 * LR_SECOND);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->half_closed == 1);
    cr_expect_eq(lr_live_rig_server(&rig)->received, 60000);
    signal_conn(&rig.server, rig.other, LR_COMMAND_RESUME); /* late, and harmless */
    lr_live_rig_idle(&rig);
    cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 1);
    finish(&rig);
}

Test(world_live, a_reset_is_heard_by_a_role_that_has_paused) {
    struct lr_live_rig rig;
    start_paused(&rig, 60000);
    lr_outbox_reset(&rig.client.role.outbox, rig.conn);
    lr_live_rig_client(&rig)->gone = true;
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->reset == 1);
    cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 0);
    finish(&rig);
}

Test(world_live, a_role_that_pauses_and_resumes_hears_no_end_that_was_not) {
    struct lr_live_rig rig;
    start_paused(&rig, 1000);
    for (int i = 0; i < 20; i++) {
        signal_conn(&rig.server, rig.other, LR_COMMAND_RESUME);
        signal_conn(&rig.server, rig.other, LR_COMMAND_PAUSE);
    }
    signal_conn(&rig.server, rig.other, LR_COMMAND_RESUME);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->received == 1000);
    lr_live_rig_idle(&rig);
    cr_expect_eq(lr_live_rig_server(&rig)->half_closed + lr_live_rig_server(&rig)->reset, 0);
    finish(&rig);
}

Test(world_live, what_was_sent_before_a_close_arrives) {
    struct lr_live_rig rig;
    start_connected(&rig);
    rig.server.echo = false;
    send_from_client(&rig, 0, BIG);
    close_client(&rig, 30 * LR_SECOND);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->half_closed == 1);
    cr_expect_eq(lr_live_rig_server(&rig)->received, BIG);
    LR_WAIT(&rig, lr_live_host_sockets(rig.client.host) == 0);
    finish(&rig);
}

Test(world_live, a_close_drops_what_the_peer_still_sends_without_resetting_it) {
    struct lr_live_rig rig;
    start_connected(&rig);
    rig.server.close_at_end = false;
    signal_conn(&rig.server, rig.other, LR_COMMAND_PAUSE);
    send_from_client(&rig, 0, 1000);
    close_client(&rig, 30 * LR_SECOND);
    signal_conn(&rig.server, rig.other, LR_COMMAND_RESUME);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->half_closed == 1);
    cr_assert(lr_probe_send(&rig.server, rig.other, 0, 100000)); /* to who has closed */
    lr_outbox_close(&rig.server.role.outbox, rig.other, 5 * LR_SECOND);
    lr_live_drain(rig.server.host);
    LR_WAIT(&rig, lr_live_host_sockets(rig.client.host) == 0);
    LR_WAIT(&rig, lr_live_host_sockets(rig.server.host) == 0);
    cr_expect_eq(lr_live_rig_server(&rig)->reset, 0);
    cr_expect_eq(lr_live_rig_client(&rig)->received, 0, "nothing is heard after one's own close");
    finish(&rig);
}

Test(world_live, a_close_with_a_peer_that_does_not_end_lets_go_after_its_linger) {
    struct lr_live_rig rig;
    start_connected(&rig);
    rig.server.close_at_end = false;
    close_client(&rig, 20 * LR_MS);
    cr_expect_eq(lr_live_host_sockets(rig.client.host), 1, "a lingering socket is counted");
    LR_WAIT(&rig, lr_live_host_sockets(rig.client.host) == 0);
    cr_expect_eq(lr_live_rig_server(&rig)->half_closed, 1);
    finish(&rig);
}

Test(world_live, a_close_that_cannot_be_flushed_ends_with_reset) {
    struct lr_live_rig rig;
    start_connected(&rig);
    signal_conn(&rig.server, rig.other, LR_COMMAND_PAUSE);
    send_from_client(&rig, 0, BIG);
    close_client(&rig, 20 * LR_MS);
    LR_WAIT(&rig, lr_live_host_sockets(rig.client.host) == 0);
    signal_conn(&rig.server, rig.other, LR_COMMAND_RESUME);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->reset == 1);
    finish(&rig);
}

Test(world_live, a_reset_is_heard_as_reset_in_both_directions) {
    for (int side = 0; side < 2; side++) {
        struct lr_live_rig rig;
        start_connected(&rig);
        struct lr_probe *who = side == 0 ? &rig.client : &rig.server;
        lr_outbox_reset(&who->role.outbox, side == 0 ? rig.conn : rig.other);
        (side == 0 ? lr_live_rig_client(&rig) : lr_live_rig_server(&rig))->gone = true;
        lr_live_drain(who->host);
        struct lr_probe_conn *hears =
            side == 0 ? lr_live_rig_server(&rig) : lr_live_rig_client(&rig);
        LR_WAIT(&rig, hears->reset == 1);
        cr_expect_eq(hears->half_closed, 0);
        LR_WAIT(&rig, lr_live_host_sockets(rig.client.host) == 0);
        LR_WAIT(&rig, lr_live_host_sockets(rig.server.host) == 0);
        finish(&rig);
    }
}

Test(world_live, a_reset_drops_what_is_queued) {
    struct lr_live_rig rig;
    start_connected(&rig);
    signal_conn(&rig.server, rig.other, LR_COMMAND_PAUSE);
    send_from_client(&rig, 0, BIG);
    lr_outbox_reset(&rig.client.role.outbox, rig.conn);
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig, lr_live_host_sockets(rig.client.host) == 0);
    signal_conn(&rig.server, rig.other, LR_COMMAND_RESUME);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->reset == 1);
    cr_expect_lt(lr_live_rig_server(&rig)->received, BIG);
    finish(&rig);
}

Test(world_live, a_half_closed_connection_still_carries_the_other_direction) {
    struct lr_live_rig rig;
    start_connected(&rig);
    rig.server.close_at_end = false;
    send_from_client(&rig, 0, 100);
    signal_conn(&rig.client, rig.conn, LR_COMMAND_SHUT_WRITE);
    LR_WAIT(&rig, lr_live_rig_server(&rig)->half_closed == 1);
    cr_assert(lr_probe_send(&rig.server, rig.other, 100, 5000));
    lr_outbox_close(&rig.server.role.outbox, rig.other, LR_SECOND);
    lr_live_drain(rig.server.host);
    LR_WAIT(&rig, lr_live_rig_client(&rig)->half_closed == 1);
    cr_expect_eq(lr_live_rig_client(&rig)->received, 5100);
    finish(&rig);
}

Test(world_live, a_role_that_leaves_gracefully_sends_what_it_had_queued) {
    struct lr_live_rig rig;
    start_connected(&rig);
    rig.server.echo = false;
    signal_conn(&rig.server, rig.other, LR_COMMAND_PAUSE);
    send_from_client(&rig, 0, LEFT);
    lr_live_remove(rig.client.host, true);
    rig.client.host = NULL;
    lr_outbox_deinit(&rig.client.role.outbox); /* the role and its memory are gone */
    signal_conn(&rig.server, rig.other, LR_COMMAND_RESUME);
    LR_WAIT(&rig,
            lr_live_rig_server(&rig)->half_closed == 1 || lr_live_rig_server(&rig)->reset == 1);
    cr_expect_eq(lr_live_rig_server(&rig)->received, LEFT);
    finish(&rig);
}

Test(world_live, a_role_that_is_killed_resets_its_peers) {
    struct lr_live_rig rig;
    start_connected(&rig);
    lr_live_remove(rig.server.host, false);
    rig.server.host = NULL;
    LR_WAIT(&rig, lr_live_rig_client(&rig)->reset == 1);
    finish(&rig);
}

Test(world_live, a_deadline_expires_and_never_too_early) {
    struct lr_live_rig rig;
    start(&rig, "127.0.0.1");
    for (unsigned int i = 1; i <= 20; i++) {
        rig.client.deadline = lr_live_now(rig.live) + LR_US * 700 * i;
        lr_live_drain(rig.client.host);
        LR_WAIT(&rig, rig.client.expired == i);
    }
    rig.client.deadline = lr_live_now(rig.live) + 30 * LR_MS;
    lr_live_drain(rig.client.host);
    rig.client.deadline = lr_live_now(rig.live) + 60 * LR_MS; /* moved later */
    lr_live_drain(rig.client.host);
    LR_WAIT(&rig, rig.client.expired == 21);
    cr_expect_eq(rig.client.early, 0);
    finish(&rig);
}

Test(world_live, a_signal_ends_the_turns_and_is_told) {
    struct lr_live_rig rig;
    start(&rig, "127.0.0.1");
    cr_assert_eq(lr_live_catch_signals(rig.live, NULL), LR_OK);
    cr_expect(lr_live_turn(rig.live, lr_live_now(rig.live)));
    cr_expect_eq(lr_live_signal(rig.live), 0);
    cr_assert_eq(kill(getpid(), SIGTERM), 0);
    LR_WAIT(&rig, !lr_live_turn(rig.live, lr_live_now(rig.live) + LR_MS));
    cr_expect_eq(lr_live_signal(rig.live), SIGTERM);
    finish(&rig);
}

Test(world_live, no_descriptor_stays) {
    struct lr_live_rig rig;
    start_connected(&rig); /* what the library keeps for the process is there after the first */
    finish(&rig);
    int before = lr_open_descriptors();
    for (int i = 0; i < 3; i++) {
        start_connected(&rig);
        send_from_client(&rig, 0, 100);
        LR_WAIT(&rig, lr_live_rig_client(&rig)->received == 100);
        finish(&rig);
    }
    cr_expect_eq(lr_open_descriptors(), before);
}

Test(world_live, connections_that_come_and_go_leave_nothing) {
    struct lr_live_rig rig;
    start(&rig, "127.0.0.1");
    for (int i = 0; i < LR_PROBE_CONNS_MAX - 2; i++) {
        cr_assert(lr_live_rig_connect(&rig, 0));
        close_client(&rig, 5 * LR_SECOND);
    }
    LR_WAIT(&rig, lr_live_host_sockets(rig.client.host) == 0);
    LR_WAIT(&rig, lr_live_host_sockets(rig.server.host) == 0);
    finish(&rig);
}

static void converse(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_live_rig rig;
    bool good = lr_live_rig_init(&rig, alloc, "127.0.0.1", true) && lr_live_rig_connect(&rig, 0) &&
                lr_probe_send(&rig.client, rig.conn, 0, 500);
    if (good) {
        lr_live_drain(rig.client.host);
    }
    lr_time limit = good ? lr_live_now(rig.live) + 20 * LR_SECOND : 0;
    while (good && lr_live_rig_client(&rig)->received < 500 && !lr_live_rig_client(&rig)->gone &&
           !rig.server.failed && lr_live_now(rig.live) < limit) {
        (void)lr_live_turn(rig.live, lr_live_now(rig.live) + 50 * LR_MS);
    }
    if (good) {
        cr_expect_lt(lr_live_now(rig.live), limit, "it must end, one way or the other");
    }
    if (lr_test_must_succeed(alloc)) {
        cr_expect(good && lr_live_rig_client(&rig)->received == 500);
    }
    lr_live_rig_deinit(&rig);
}

Test(world_live, a_conversation_survives_the_failure_of_any_allocation) {
    lr_test_each_failure(converse, NULL);
}
