/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world: time, links, buffers, addresses, hosts that are lost; and that the same seed
 * gives the same history. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/failing.h"
#include "support/world_rig.h"

static struct lr_counting_alloc memory;
static const struct lr_keepalive budget = {30 * LR_SECOND, 5 * LR_SECOND, 3};

static struct lr_sim_options with_link(struct lr_sim_link_profile link, uint64_t seed) {
    struct lr_sim_options options = lr_sim_options_default;
    options.link = link;
    options.seed = seed;
    return options;
}

static void start_with(struct lr_world_rig *rig, const struct lr_sim_options *options) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_world_rig_init(rig, &memory.base, options, NULL));
}

static void start(struct lr_world_rig *rig) {
    start_with(rig, &lr_sim_options_default);
}

static void start_connected(struct lr_world_rig *rig) {
    start(rig);
    rig->keepalive = budget;
    cr_assert(lr_teller_listen(rig, &rig->server, "127.0.0.1", 0, 0));
    lr_world_drain(rig->server.host);
    cr_assert(lr_world_rig_connect(rig));
    rig->client.heard[0] = rig->server.heard[0] = '\0';
}

static void finish(struct lr_world_rig *rig) {
    cr_expect(rig->client.after_end == 0 && rig->server.after_end == 0);
    cr_expect(rig->client.wrong == 0 && rig->server.wrong == 0);
    cr_expect(!rig->client.failed && !rig->server.failed);
    lr_world_rig_deinit(rig);
    cr_expect(memory.live_bytes == 0, "%zu bytes left", memory.live_bytes);
}

static void drain(struct lr_world_rig *rig) {
    lr_world_drain(rig->client.host);
    lr_world_drain(rig->server.host);
}

static void pass(struct lr_world_rig *rig, uint64_t ns) {
    drain(rig);
    lr_world_rig_pass(rig, ns);
}

static lr_time now_of(const struct lr_world_rig *rig) {
    return lr_world_now(rig->world);
}

/* ---- time ---- */

Test(world_sim, time_passes_only_as_far_as_it_is_asked_to) {
    struct lr_world_rig rig;
    start(&rig);
    lr_time began = now_of(&rig);
    cr_expect(lr_world_turn(rig.world, LR_TIME_NEVER));
    cr_expect_eq(now_of(&rig), began, "nothing is to come");
    cr_expect(lr_world_turn(rig.world, began + 20 * LR_SECOND));
    cr_expect_eq(now_of(&rig), began + 20 * LR_SECOND);
    cr_expect(lr_world_turn(rig.world, began));
    cr_expect_eq(now_of(&rig), began + 20 * LR_SECOND, "it never goes back");
    finish(&rig);
}

Test(world_sim, a_deadline_comes_in_its_nanosecond_and_costs_one_event) {
    struct lr_world_rig rig;
    start(&rig);
    lr_time at = now_of(&rig) + 20 * LR_SECOND + 7;
    rig.client.deadline = at;
    lr_world_drain(rig.client.host);
    uint64_t before = lr_sim_count(rig.sim).turned;
    (void)lr_world_turn(rig.world, LR_TIME_NEVER);
    cr_expect(rig.client.expired == 1 && rig.client.expired_at == at);
    cr_expect_eq(lr_sim_count(rig.sim).turned, before + 1);
    finish(&rig);
}

Test(world_sim, a_deadline_that_moves_is_found_where_it_is) {
    struct lr_world_rig rig;
    start(&rig);
    lr_time began = now_of(&rig);
    rig.client.deadline = began + 30 * LR_MS;
    lr_world_drain(rig.client.host);
    rig.client.deadline = began + 60 * LR_MS; /* later */
    pass(&rig, 50 * LR_MS);
    cr_expect_eq(rig.client.expired, 0);
    rig.client.deadline = began + 51 * LR_MS; /* earlier again */
    pass(&rig, 5 * LR_MS);
    cr_expect(rig.client.expired == 1 && rig.client.expired_at == began + 51 * LR_MS);
    finish(&rig);
}

Test(world_sim, connecting_takes_the_ways_of_a_handshake) {
    struct lr_world_rig rig;
    struct lr_sim_options options = with_link((struct lr_sim_link_profile){.latency_ns = LR_MS}, 1);
    start_with(&rig, &options);
    cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", rig.server.port));
    pass(&rig, 2 * LR_MS - 1);
    cr_expect_str_eq(rig.client.heard, "");
    pass(&rig, 1);
    cr_expect_str_eq(rig.client.heard, "C");
    lr_teller_send(&rig.client, 5);
    pass(&rig, LR_MS - 1);
    cr_expect_str_eq(rig.server.heard, "L");
    pass(&rig, 1);
    cr_expect_str_eq(rig.server.heard, "L A R5");
    finish(&rig);
}

/* ---- links ---- */

Test(world_sim, bandwidth_takes_its_time) {
    struct lr_world_rig rig;
    struct lr_sim_options options =
        with_link((struct lr_sim_link_profile){.latency_ns = LR_MS, .bandwidth = 1000000}, 1);
    options.receive_buffer = options.send_buffer = 4000000;
    start_with(&rig, &options);
    cr_assert(lr_world_rig_connect(&rig));
    lr_teller_send(&rig.client, 3000000);
    lr_teller_close(&rig.client, 60 * LR_SECOND);
    pass(&rig, 3 * LR_SECOND + LR_MS - 1);
    cr_expect_lt(rig.server.received, 3000000);
    pass(&rig, 1);
    cr_expect_str_eq(rig.server.heard, "L A R3000000 H");
    finish(&rig);
}

/* Pieces that 1000 sends of 20 bytes come in. */
static unsigned int count_pieces(const struct lr_sim_options *options) {
    struct lr_world_rig rig;
    start_with(&rig, options);
    cr_assert(lr_world_rig_connect(&rig));
    for (int i = 0; i < 1000; i++) {
        lr_teller_send(&rig.client, 20);
        drain(&rig);
        pass(&rig, 10 * LR_US);
    }
    pass(&rig, LR_SECOND);
    cr_expect_eq(rig.server.received, 20000);
    unsigned int pieces = rig.server.pieces;
    finish(&rig);
    return pieces;
}

Test(world_sim, a_link_cuts_as_it_is_told_to) {
    struct lr_sim_link_profile link = {.latency_ns = LR_MS};
    struct lr_sim_options options = with_link(link, 1);
    cr_expect_eq(count_pieces(&options), 1000);
    link.segments = LR_SIM_BYTES;
    options = with_link(link, 1);
    cr_expect_eq(count_pieces(&options), 20000);
    link.segments = LR_SIM_CUTS;
    options = with_link(link, 1);
    unsigned int cuts = count_pieces(&options);
    cr_expect(cuts > 1500 && cuts < 10000, "%u pieces", cuts);
    cr_expect_eq(count_pieces(&options), cuts, "the same seed, the same cuts");
    options = with_link(link, 2);
    cr_expect_neq(count_pieces(&options), cuts, "another seed, others");
}

/* ---- buffers ---- */

Test(world_sim, a_send_that_goes_out_at_once_is_told_so) {
    struct lr_world_rig rig;
    start_connected(&rig);
    lr_teller_send(&rig.client, 1000);
    drain(&rig);
    cr_expect(rig.client.writable == 1 && rig.client.unsent == 0);
    finish(&rig);
}

Test(world_sim, a_peer_that_pauses_makes_the_sender_wait_for_what_the_buffers_do_not_hold) {
    struct lr_world_rig rig;
    struct lr_sim_options options = lr_sim_options_default;
    options.send_buffer = 1000;
    options.receive_buffer = 300;
    start_with(&rig, &options);
    cr_assert(lr_world_rig_connect(&rig));
    lr_teller_signal(&rig.server, LR_COMMAND_PAUSE);
    lr_teller_send(&rig.client, 5000);
    pass(&rig, LR_SECOND);
    cr_expect_eq(rig.server.received, 0, "nothing is read while paused");
    cr_expect_eq(rig.client.unsent, 5000 - 1300);
    unsigned int before = rig.client.writable;
    pass(&rig, 100 * LR_SECOND);
    cr_expect_eq(rig.client.writable, before, "no progress, no event");
    lr_teller_signal(&rig.server, LR_COMMAND_RESUME);
    pass(&rig, LR_SECOND);
    cr_expect_eq(rig.server.received, 5000);
    cr_expect(rig.client.unsent == 0 && rig.client.writable > before);
    finish(&rig);
}

Test(world_sim, buffers_of_one_byte_carry_everything) {
    struct lr_world_rig rig;
    struct lr_sim_options options = lr_sim_options_default;
    options.send_buffer = options.receive_buffer = 1;
    start_with(&rig, &options);
    cr_assert(lr_world_rig_connect(&rig));
    rig.server.echo = true;
    lr_teller_send(&rig.client, 2000);
    pass(&rig, 10 * LR_SECOND);
    cr_expect_eq(rig.client.received, 2000);
    finish(&rig);
}

Test(world_sim, a_close_sends_what_waits_after_its_role_has_gone) {
    struct lr_world_rig rig;
    struct lr_sim_options options = lr_sim_options_default;
    options.send_buffer = options.receive_buffer = 1000;
    start_with(&rig, &options);
    cr_assert(lr_world_rig_connect(&rig));
    lr_teller_signal(&rig.server, LR_COMMAND_PAUSE);
    lr_teller_send(&rig.client, 100000);
    drain(&rig);
    lr_teller_leave(&rig.client, true);
    lr_teller_signal(&rig.server, LR_COMMAND_RESUME);
    lr_world_drain(rig.server.host);
    lr_world_rig_pass(&rig, 900 * LR_MS);
    cr_expect_str_eq(rig.server.heard, "L A R100000 H");
    finish(&rig);
}

/* ---- addresses and ports ---- */

Test(world_sim, the_first_free_port_of_a_range_is_taken) {
    struct lr_world_rig rig;
    start(&rig);
    uint16_t taken = rig.server.port;
    cr_assert(lr_teller_listen(&rig, &rig.server, "127.0.0.1", taken, (uint32_t)taken + 5));
    drain(&rig);
    cr_expect_eq(rig.server.port, taken + 1);
    cr_assert(lr_teller_listen(&rig, &rig.server, "127.0.0.1", taken, (uint32_t)taken + 2));
    drain(&rig);
    cr_expect_str_eq(rig.server.heard, "L L N(exists already)");
    uint16_t free_port = lr_world_free_port(rig.world, "127.0.0.1");
    cr_expect(free_port != 0 && free_port != taken && free_port != taken + 1);
    finish(&rig);
}

Test(world_sim, who_listens_everywhere_is_found_at_each_address_of_the_machine) {
    struct lr_world_rig rig;
    start(&rig);
    cr_assert(lr_teller_listen(&rig, &rig.server, "0.0.0.0", 9190, 9191));
    drain(&rig);
    cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.7", 9190));
    pass(&rig, LR_MS);
    cr_assert(lr_teller_connect(&rig, &rig.client, "localhost", 9190));
    pass(&rig, LR_MS);
    cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.7", rig.server.port + 1));
    pass(&rig, LR_MS);
    cr_expect_str_eq(rig.client.heard, "C C F(refused)");
    finish(&rig);
}

Test(world_sim, localhost_is_tried_at_both_its_addresses) {
    struct lr_world_rig rig;
    start(&rig);
    cr_assert(lr_teller_listen(&rig, &rig.server, "::1", 9190, 9191));
    drain(&rig);
    cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", 9190));
    pass(&rig, LR_MS);
    cr_assert(lr_teller_connect(&rig, &rig.client, "localhost", 9190));
    pass(&rig, LR_MS);
    cr_expect_str_eq(rig.client.heard, "F(refused) C");
    finish(&rig);
}

Test(world_sim, a_name_that_nobody_has_is_not_found) {
    struct lr_world_rig rig;
    start(&rig);
    cr_assert(lr_teller_connect(&rig, &rig.client, "no-such-host.invalid", 1));
    drain(&rig);
    cr_expect_str_eq(rig.client.heard, "F(not found)");
    finish(&rig);
}

Test(world_sim, an_address_where_nobody_lives_does_not_answer) {
    struct lr_world_rig rig;
    start(&rig);
    cr_assert(lr_teller_connect(&rig, &rig.client, "192.0.2.1", 1));
    pass(&rig, 127 * LR_SECOND - LR_MS);
    cr_expect_str_eq(rig.client.heard, "");
    pass(&rig, 2 * LR_MS);
    cr_expect_str_eq(rig.client.heard, "F(timed out)");
    finish(&rig);
}

Test(world_sim, another_machine_has_its_own_ports) {
    struct lr_world_rig rig;
    start(&rig);
    cr_assert_eq(lr_sim_place(rig.client.host, "board-17"), LR_OK);
    cr_assert(lr_teller_listen(&rig, &rig.client, "0.0.0.0", rig.server.port, 0));
    cr_assert(lr_teller_listen(&rig, &rig.client, "10.0.0.1", 0, 0));
    drain(&rig);
    cr_expect_str_eq(rig.client.heard, "L N(input/output error)", "it is not at that address");
    cr_assert(lr_teller_connect(&rig, &rig.server, "board-17", rig.server.port));
    pass(&rig, LR_MS);
    cr_expect_str_eq(rig.server.heard, "L C");
    cr_expect_str_eq(rig.client.heard, "L N(input/output error) A");
    cr_expect_eq(lr_sim_place(rig.client.host, "elsewhere"), LR_EINVAL);
    finish(&rig);
}

Test(world_sim, who_finds_the_backlog_full_tries_again) {
    struct lr_world_rig rig;
    struct lr_sim_options options = lr_sim_options_default;
    options.backlog = 1;
    start_with(&rig, &options);
    for (int i = 0; i < 3; i++) {
        cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", rig.server.port));
    }
    pass(&rig, 500 * LR_MS);
    cr_expect_str_eq(rig.client.heard, "C");
    pass(&rig, LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "C C");
    pass(&rig, 10 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "C C C");
    cr_expect_str_eq(rig.server.heard, "L A A A");
    finish(&rig);
}

Test(world_sim, who_waits_at_a_listener_that_ends_is_turned_away) {
    struct lr_world_rig rig;
    start(&rig);
    cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", rig.server.port));
    pass(&rig, 60 * LR_US); /* its SYN is there */
    lr_outbox_close(&rig.server.role.outbox, rig.listener, 0);
    pass(&rig, LR_MS);
    cr_expect_str_eq(rig.client.heard, "C !");
    cr_expect_str_eq(rig.server.heard, "L");
    cr_expect_eq(lr_sim_count(rig.sim).connections, 0);
    finish(&rig);
}

Test(world_sim, a_connect_that_is_given_up_is_not_heard_of) {
    struct lr_world_rig rig;
    start(&rig);
    for (uint64_t ns = 0; ns < 100 * LR_US; ns += 10 * LR_US) {
        cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", rig.server.port));
        pass(&rig, ns);
        lr_teller_reset(&rig.client);
        pass(&rig, LR_MS);
    }
    cr_expect_str_eq(rig.client.heard, "");
    cr_expect_str_eq(rig.server.heard, "L");
    cr_expect_eq(lr_sim_count(rig.sim).connections, 0);
    finish(&rig);
}

/* ---- hosts that are lost ---- */

Test(world_sim, nothing_passes_while_a_host_is_lost_and_then_it_goes_on) {
    struct lr_world_rig rig;
    start_connected(&rig);
    lr_sim_lose(rig.server.host);
    lr_teller_send(&rig.client, 10);
    lr_teller_send(&rig.server, 20);
    pass(&rig, 10 * LR_SECOND);
    lr_teller_send(&rig.client, 5);
    lr_teller_signal(&rig.client, LR_COMMAND_SHUT_WRITE);
    pass(&rig, 10 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "");
    cr_expect_str_eq(rig.server.heard, "");
    lr_sim_find(rig.server.host);
    pass(&rig, LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "R20");
    cr_expect_str_eq(rig.server.heard, "R15 H");
    pass(&rig, 1000 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "R20", "keep-alive has been answered since");
    finish(&rig);
}

Test(world_sim, keep_alive_ends_the_connections_of_a_lost_host_on_both_sides) {
    struct lr_world_rig rig;
    start_connected(&rig);
    lr_sim_lose(rig.server.host);
    pass(&rig, 45 * LR_SECOND - LR_MS);
    cr_expect_str_eq(rig.client.heard, "");
    pass(&rig, LR_MS);
    cr_expect_str_eq(rig.client.heard, "X(timed out)");
    cr_expect_str_eq(rig.server.heard, "X(timed out)");
    cr_expect_eq(lr_sim_count(rig.sim).connections, 0);
    finish(&rig);
}

Test(world_sim, probes_that_were_answered_count) {
    struct lr_world_rig rig;
    start_connected(&rig);
    pass(&rig, 100 * LR_SECOND); /* probed at 30, 60 and 90 s */
    lr_sim_lose(rig.server.host);
    pass(&rig, 35 * LR_SECOND - LR_MS); /* until 90 + 45 s */
    cr_expect_str_eq(rig.client.heard, "");
    pass(&rig, 2 * LR_MS);
    cr_expect_str_eq(rig.client.heard, "X(timed out)");
    finish(&rig);
}

Test(world_sim, a_host_whose_power_is_cut_tells_nobody) {
    struct lr_world_rig rig;
    start_connected(&rig);
    lr_sim_lose(rig.server.host);
    lr_teller_leave(&rig.server, false);
    lr_teller_send(&rig.client, 10);
    lr_world_drain(rig.client.host);
    lr_world_rig_pass(&rig, 44 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "");
    lr_world_rig_pass(&rig, LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "X(timed out)");
    cr_expect_eq(lr_sim_count(rig.sim).connections, 0);
    finish(&rig);
}

Test(world_sim, who_gave_up_while_a_host_was_lost_resets_what_comes_later) {
    struct lr_world_rig rig;
    start(&rig);
    cr_assert(lr_teller_listen(&rig, &rig.server, "127.0.0.1", 0, 0)); /* probes nobody */
    drain(&rig);
    rig.keepalive = budget;
    cr_assert(lr_world_rig_connect(&rig));
    lr_sim_lose(rig.client.host);
    pass(&rig, 50 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "C X(timed out)");
    lr_sim_find(rig.client.host);
    lr_teller_send(&rig.server, 10);
    pass(&rig, LR_SECOND);
    cr_expect_str_eq(rig.server.heard, "L L A !");
    finish(&rig);
}

Test(world_sim, a_connect_to_a_lost_host_arrives_when_it_is_back) {
    struct lr_world_rig rig;
    start(&rig);
    lr_sim_lose(rig.server.host);
    cr_assert(lr_teller_connect(&rig, &rig.client, "127.0.0.1", rig.server.port));
    pass(&rig, 10 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "");
    lr_sim_find(rig.server.host);
    pass(&rig, 10 * LR_SECOND);
    cr_expect_str_eq(rig.client.heard, "C");
    cr_expect_str_eq(rig.server.heard, "L A");
    finish(&rig);
}

/* ---- one seed, one history ---- */

/* A conversation with everything in it. Returns its digest. */
static uint64_t converse(uint64_t seed, uint64_t *events) {
    struct lr_world_rig rig;
    struct lr_digest digest;
    struct lr_sim_options options = with_link((struct lr_sim_link_profile){.latency_ns = LR_MS,
                                                                           .jitter_ns = 300 * LR_US,
                                                                           .segments = LR_SIM_CUTS},
                                              seed);
    lr_digest_init(&digest, NULL);
    options.trace = &digest.base;
    start_with(&rig, &options);
    rig.server.echo = true;
    for (int i = 0; i < 10; i++) {
        cr_assert(lr_world_rig_connect(&rig));
        lr_teller_send(&rig.client, 3000);
        pass(&rig, 2 * LR_MS);
        lr_teller_send(&rig.client, 500);
        pass(&rig, 20 * LR_MS);
        if (i % 2 == 0) {
            lr_teller_reset(&rig.client);
        } else {
            lr_teller_close(&rig.client, LR_SECOND);
        }
        pass(&rig, 2 * LR_SECOND);
        rig.server.received = rig.client.received = rig.server.sent = rig.client.sent = 0;
        rig.client.heard[0] = rig.server.heard[0] = '\0';
    }
    finish(&rig);
    *events = digest.events;
    return digest.value;
}

Test(world_sim, the_same_seed_gives_the_same_history) {
    uint64_t events, again, others;
    uint64_t first = converse(1, &events);
    cr_expect_gt(events, 100);
    cr_expect_eq(converse(1, &again), first);
    cr_expect_eq(again, events);
    cr_expect_neq(converse(2, &others), first);
}

/* So that another compiler, another level of optimisation and another byte order can be held
 * against it: where this changes, the history of the simulated world has changed for all. */
Test(world_sim, the_history_is_the_same_on_every_platform) {
    uint64_t events;
    cr_expect_eq(converse(42, &events), UINT64_C(0xe79bffb91da22f7a));
}

Test(world_sim, hosts_that_were_told_something_are_named_once) {
    struct lr_world_rig rig;
    start(&rig);
    while (lr_sim_next_heard(rig.sim) != NULL) {}
    cr_assert(lr_world_rig_connect(&rig));
    struct lr_host *first = lr_sim_next_heard(rig.sim);
    struct lr_host *second = lr_sim_next_heard(rig.sim);
    cr_expect(first == rig.client.host && second == rig.server.host);
    cr_expect_null(lr_sim_next_heard(rig.sim));
    finish(&rig);
}

/* ---- without memory ---- */

static void run_through(struct lr_alloc *alloc, void *context) {
    const struct lr_sim_options *options = context;
    struct lr_world_rig rig;
    if (lr_world_rig_init(&rig, alloc, options, NULL)) {
        bool fine = lr_world_rig_connect(&rig);
        if (fine) {
            rig.server.echo = true;
            lr_teller_signal(&rig.server, LR_COMMAND_PAUSE);
            lr_teller_send(&rig.client, 3000);
            drain(&rig);
            lr_teller_signal(&rig.server, LR_COMMAND_RESUME);
            pass(&rig, LR_SECOND);
            lr_teller_close(&rig.client, LR_SECOND);
            pass(&rig, 2 * LR_SECOND);
        }
        bool told = strpbrk(rig.client.heard, "XF!") != NULL ||
                    strpbrk(rig.server.heard, "XN!") != NULL || rig.client.failed ||
                    rig.server.failed;
        bool whole = rig.client.received == 3000 && strstr(rig.server.heard, "R3000 H") != NULL;
        cr_expect(whole || told || !fine, "neither whole (%s / %s) nor told", rig.client.heard,
                  rig.server.heard);
        cr_expect(!lr_test_must_succeed(alloc) || whole);
        cr_expect_eq(rig.client.wrong + rig.server.wrong, 0);
    } else {
        cr_expect_not(lr_test_must_succeed(alloc));
    }
    lr_world_rig_deinit(&rig);
}

Test(world_sim, a_failure_of_memory_is_told_and_loses_nothing) {
    struct lr_sim_options options = lr_sim_options_default;
    options.send_buffer = options.receive_buffer = 700;
    lr_test_each_failure(run_through, &options);
}
