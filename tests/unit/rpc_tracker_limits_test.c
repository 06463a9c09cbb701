/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracker does with peers that are wrong, slow, silent or too many, and with memory that is
 * short. */
#include <stdio.h>
#include <string.h>

#include "support/tracker_rig.h"

static const uint8_t magic[] = {0x71, 0xf2, 0x02, 0x00};

static const struct lr_tracker_options small_options = {
    .host = "127.0.0.1",
    .port = 9190,
    .port_end = 9192,
    .message_bytes_max = 256,
    .key_bytes_max = 16,
    .connections_max = 4,
    .unsent_bytes_max = 1 << 16,
    .backlog_bytes_max = 1 << 20,
    .entries_max = 2,
    .handshake_ns = 5 * LR_SECOND,
    .stalled_ns = 30 * LR_SECOND,
    .unread_ns = 30 * LR_SECOND,
};

/* What is not this protocol: closed without a word. */

static void expect_silent_end(struct tracker_rig *rig, lr_link link, const void *bytes,
                              size_t size) {
    rig_send(rig, link, bytes, size);
    rig_hear_end(rig, link);
    rig_expect(rig, rig->events[LR_TRACE_PEER_ERROR] == 1);
}

RIG_CASE(tracker_limits, closes_on_a_wrong_magic) {
    expect_silent_end(rig, rig_connect(rig, "127.0.0.1"), "\xd2\x04\x00\x00[1]", 7);
}

RIG_CASE(tracker_limits, closes_on_the_magic_of_an_rpc_server) {
    expect_silent_end(rig, rig_connect(rig, "127.0.0.1"), "\x71\xf2\x0f\x00", 4);
}

RIG_CASE(tracker_limits, closes_on_a_message_of_zero_bytes) {
    expect_silent_end(rig, rig_join(rig, "127.0.0.1"), "\0\0\0\0\x03\0\0\0[1]", 11);
}

RIG_CASE(tracker_limits, closes_on_a_negative_length) {
    expect_silent_end(rig, rig_join(rig, "127.0.0.1"), "\xfb\xff\xff\xff\x03\0\0\0[1]", 11);
}

RIG_CASE(tracker_limits, closes_on_an_unknown_code) {
    expect_silent_end(rig, rig_join(rig, "127.0.0.1"), "\x04\0\0\0[99]", 8);
}

/* What is a message and cannot be accepted: FAIL, then closed. */

struct refusal {
    const char *json;
    enum lr_trace_kind kind;
};

static const struct refusal refusals[] = {
    {"{nope", LR_TRACE_PEER_ERROR},
    {"[1] [1]", LR_TRACE_PEER_ERROR},
    {"{\"a\": 1}", LR_TRACE_PEER_ERROR},
    {"[]", LR_TRACE_PEER_ERROR},
    {"1", LR_TRACE_PEER_ERROR},
    {"[\"1\"]", LR_TRACE_PEER_ERROR},
    {"[4, \"dev\", \"\", \"high\"]", LR_TRACE_PEER_ERROR},
    {"[4, \"dev\", \"\", NaN]", LR_TRACE_PEER_ERROR},
    {"[4, \"dev\", \"\", 9223372036854775808]", LR_TRACE_PEER_ERROR},
    {"[4, \"dev\", \"\", 9223372036854775808.0]", LR_TRACE_PEER_ERROR},
    {"[4, \"dev\", \"\", 1e300]", LR_TRACE_PEER_ERROR},
    {"[4, \"\\ud800\", \"\", 1]", LR_TRACE_PEER_ERROR},
    {"[4, \"\xff\", \"\", 1]", LR_TRACE_PEER_ERROR},
    {"[4, null, \"\", 1]", LR_TRACE_PEER_ERROR},
    {"[4, \"dev\"]", LR_TRACE_PEER_ERROR},
    {"[3, \"dev\"]", LR_TRACE_PEER_ERROR},
    {"[3, \"dev\", [1], null]", LR_TRACE_PEER_ERROR},
    {"[3, \"dev\", [65536, \"dev:0.1\"], null]", LR_TRACE_PEER_ERROR},
    {"[3, \"dev\", [-1, \"dev:0.1\"], null]", LR_TRACE_PEER_ERROR},
    {"[5, 3]", LR_TRACE_PEER_ERROR},
    {"[5, {\"addr\": [null, 1]}]", LR_TRACE_PEER_ERROR},
    {"[2]", LR_TRACE_PEER_ERROR},
    {"[4, \"12345678901234567\", \"\", 1]", LR_TRACE_LIMIT},
    {"[3, \"dev\", [1, \"12345678901234567\"], null]", LR_TRACE_LIMIT},
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
     LR_TRACE_LIMIT},
};

static size_t refusal_index;

static void refuse_one(struct tracker_rig *rig) {
    const struct refusal *refusal = &refusals[refusal_index];
    lr_link other = rig_join(rig, "127.0.0.2");
    lr_link peer = rig_join(rig, "127.0.0.1");
    rig_say(rig, peer, refusal->json);
    rig_hear(rig, peer, "-1");
    rig_hear_end(rig, peer);
    rig_expect(rig, rig->events[refusal->kind] == 1);
    rig_expect(rig, lr_tracker_count(rig->tracker).connections == 1);
    rig_ask(rig, other, "[1]", "0"); /* undisturbed */
}

Test(tracker_limits, answers_fail_to_what_it_cannot_accept_and_closes) {
    for (refusal_index = 0; refusal_index < LR_COUNT_OF(refusals); refusal_index++) {
        rig_each(refuse_one, &small_options);
    }
}

RIG_CASE_WITH(tracker_limits, answers_fail_to_a_length_beyond_the_limit_and_closes,
              &small_options) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    rig_send(rig, peer, "\x01\x01\0\0", 4); /* 257, and nothing of it has come */
    rig_hear(rig, peer, "-1");
    rig_hear_end(rig, peer);
    rig_expect(rig, rig->events[LR_TRACE_LIMIT] == 1);
}

RIG_CASE_WITH(tracker_limits, allocates_nothing_for_a_length_that_is_only_announced, NULL) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    size_t before = rig->counting.live_bytes;
    rig_send(rig, peer, "\0\0\x10\0[", 5); /* 1 MiB, one byte of it */
    rig_expect(rig, rig->counting.live_bytes < before + 256);
}

/* Others are not disturbed, and what a bad peer had brought goes. */

RIG_CASE(tracker_limits, withdraws_what_a_peer_had_put_before_its_nonsense) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 1, "dev:0.1");
    rig_say(rig, server, "{nope");
    rig_hear(rig, server, "-1");
    rig_hear_end(rig, server);
    rig_expect(rig, lr_tracker_count(rig->tracker).queues == 0);
}

/* Too much. */

RIG_CASE_WITH(tracker_limits, turns_away_the_connection_beyond_the_limit, &small_options) {
    lr_link peers[5];
    for (size_t i = 0; i < 5; i++) {
        peers[i] = rig_connect(rig, "127.0.0.1");
    }
    rig_hear_end(rig, peers[4]);
    rig_expect(rig, rig->events[LR_TRACE_LIMIT] == 1);
    rig_leave(rig, peers[0]);
    rig_ask(rig, rig_join(rig, "127.0.0.1"), "[1]", "0");
    for (size_t i = 1; i < 5; i++) {
        rig_leave(rig, peers[i]);
    }
}

RIG_CASE_WITH(tracker_limits, refuses_the_put_beyond_the_limit, &small_options) {
    lr_link server = rig_join(rig, "127.0.0.2");
    rig_ask(rig, server, "[3, \"dev\", [1, \"dev:0.1\"], null]", "0");
    rig_ask(rig, server, "[3, \"dev\", [1, \"dev:0.2\"], null]", "0");
    rig_ask(rig, server, "[3, \"dev\", [1, \"dev:0.3\"], null]", "-1");
    rig_hear_end(rig, server);
}

RIG_CASE_WITH(tracker_limits, refuses_the_request_beyond_the_limit, &small_options) {
    lr_link client = rig_join(rig, "127.0.0.2");
    rig_say(rig, client, "[4, \"dev\", \"\", 1]");
    rig_say(rig, client, "[4, \"dev\", \"\", 1]");
    rig_ask(rig, client, "[4, \"dev\", \"\", 1]", "-1");
    rig_hear_end(rig, client);
    rig_expect(rig, lr_tracker_count(rig->tracker).pending == 0);
}

RIG_CASE_WITH(tracker_limits, does_not_count_held_matchkeys_and_forgets_the_oldest,
              &small_options) {
    lr_link server = rig_join(rig, "127.0.0.2");
    lr_link client = rig_join(rig, "127.0.0.3");
    char put[80];
    for (int i = 0; i < 8; i++) {
        (void)snprintf(put, sizeof put, "[3, \"dev\", [1, \"dev:0.%d\"], null, \"none\"]", i);
        rig_ask(rig, server, put, "0");
        (void)snprintf(put, sizeof put, "[0, [\"127.0.0.2\", 1, \"dev:0.%d\"]]", i);
        rig_ask(rig, client, "[4, \"dev\", \"\", 1]", put);
    }
    rig_expect(rig, lr_tracker_count(rig->tracker).held == 2);
}

/* Too slow. */

static bool ended(struct tracker_rig *rig, lr_link link) {
    return link == LR_LINK_NONE || lr_driver_ended(rig->driver, link);
}

RIG_CASE(tracker_limits, gives_the_magic_five_seconds_however_it_drips) {
    lr_link peer = rig_connect(rig, "127.0.0.1");
    lr_driver_advance(rig->driver, 4 * LR_SECOND);
    rig_send(rig, peer, "\x71\xf2", 2);
    lr_driver_advance(rig->driver, LR_SECOND - 1);
    rig_expect(rig, !ended(rig, peer));
    lr_driver_advance(rig->driver, 1);
    rig_hear_end(rig, peer);
}

RIG_CASE(tracker_limits, lets_an_idle_peer_stay_for_ever) {
    lr_link server = rig_serve(rig, "127.0.0.2", "dev", 1, "dev:0.1");
    lr_link client = rig_join(rig, "127.0.0.3");
    rig_say(rig, client, "[4, \"other\", \"\", 1]");
    lr_driver_advance(rig->driver, 1000000 * LR_SECOND);
    rig_ask(rig, server, "[7]", "[\"dev:0.1\"]");
    rig_ask(rig, client, "[1]", "0");
}

RIG_CASE(tracker_limits, gives_a_message_thirty_seconds_from_its_first_byte) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    lr_driver_advance(rig->driver, 100 * LR_SECOND);
    rig_send(rig, peer, "\x03", 1);
    lr_driver_advance(rig->driver, 29 * LR_SECOND);
    rig_send(rig, peer, "\0\0\0[", 4);
    lr_driver_advance(rig->driver, LR_SECOND - 1);
    rig_expect(rig, !ended(rig, peer));
    lr_driver_advance(rig->driver, 1);
    rig_hear(rig, peer, "-1");
    rig_hear_end(rig, peer);
}

RIG_CASE(tracker_limits, begins_anew_with_each_message) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    rig_send(rig, peer, "\x03", 1);
    lr_driver_advance(rig->driver, 29 * LR_SECOND);
    rig_send(rig, peer, "\0\0\0[1]\x03", 7); /* one is whole, the next has begun */
    rig_hear(rig, peer, "0");
    lr_driver_advance(rig->driver, 29 * LR_SECOND);
    rig_send(rig, peer, "\0\0\0[1]", 6);
    rig_hear(rig, peer, "0");
    lr_driver_advance(rig->driver, 1000 * LR_SECOND);
    rig_expect(rig, !ended(rig, peer));
}

static void set_window(struct tracker_rig *rig, lr_link link, size_t bytes) {
    if (link != LR_LINK_NONE) {
        lr_driver_window(rig->driver, link, bytes);
    }
}

RIG_CASE(tracker_limits, resets_a_peer_that_reads_nothing_for_thirty_seconds) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    set_window(rig, peer, 0);
    rig_say(rig, peer, "[1]");
    lr_driver_advance(rig->driver, 30 * LR_SECOND - 1);
    rig_expect(rig, !ended(rig, peer));
    lr_driver_advance(rig->driver, 1);
    rig_expect(rig, ended(rig, peer));
    rig_expect(rig, peer == LR_LINK_NONE || lr_driver_saw_reset(rig->driver, peer));
}

static void time_both(struct tracker_rig *rig) {
    lr_link deaf = rig_join(rig, "127.0.0.1");
    lr_link slow = rig_join(rig, "127.0.0.2");
    set_window(rig, deaf, 0);
    rig_say(rig, deaf, "[1]");
    rig_send(rig, slow, "\3\0\0", 3);
    lr_driver_advance(rig->driver, 7 * LR_SECOND);
    rig_expect(rig, ended(rig, deaf) && !ended(rig, slow));
    lr_driver_advance(rig->driver, 4 * LR_SECOND);
    rig_expect(rig, ended(rig, slow));
}

Test(tracker_limits, times_a_peer_that_does_not_read_and_one_that_stalls_apart) {
    struct lr_tracker_options options = lr_tracker_options_default;
    options.unread_ns = 7 * LR_SECOND;
    options.stalled_ns = 11 * LR_SECOND;
    rig_each(time_both, &options);
}

RIG_CASE(tracker_limits, gives_no_more_time_to_a_deaf_peer_that_goes_on_asking) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    set_window(rig, peer, 0);
    for (int i = 0; i < 3; i++) {
        rig_say(rig, peer, "[1]");
        lr_driver_advance(rig->driver, 10 * LR_SECOND - 1);
        rig_expect(rig, !ended(rig, peer));
        lr_driver_advance(rig->driver, 1);
    }
    rig_expect(rig, ended(rig, peer));
}

RIG_CASE(tracker_limits, is_patient_with_a_peer_that_reads_slowly) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    set_window(rig, peer, 0);
    rig_say(rig, peer, "[1]");
    for (int i = 0; i < 5; i++) {
        lr_driver_advance(rig->driver, 29 * LR_SECOND);
        set_window(rig, peer, 1);
    }
    rig_hear(rig, peer, "0");
    lr_driver_advance(rig->driver, 100 * LR_SECOND);
    rig_expect(rig, !ended(rig, peer));
}

RIG_CASE(tracker_limits, gives_the_server_of_a_peer_that_does_not_read_to_the_next) {
    (void)rig_serve(rig, "127.0.0.2", "dev", 9090, "dev:0.25");
    lr_link deaf = rig_join(rig, "127.0.0.3");
    lr_link next = rig_join(rig, "127.0.0.4");
    set_window(rig, deaf, 0);
    rig_say(rig, deaf, "[4, \"dev\", \"\", 1]");
    rig_say(rig, next, "[4, \"dev\", \"\", 1]");
    lr_driver_advance(rig->driver, 29 * LR_SECOND);
    rig_hear_nothing(rig, next);
    lr_driver_advance(rig->driver, LR_SECOND);
    rig_hear(rig, next, "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
}

/* A peer that asks on and on and does not read: it waits, and so does its input. */

enum { MANY = 20000, QUESTION_SIZE = 7, FLOOD_BYTES_MAX = 4 * 1024 * 1024 };

static uint8_t questions[MANY * QUESTION_SIZE];

/* Who does not read, and has |questions| to ask. */
static lr_link join_deaf(struct tracker_rig *rig) {
    for (size_t i = 0; i < MANY; i++) {
        memcpy(questions + QUESTION_SIZE * i, "\x03\0\0\0[1]", QUESTION_SIZE);
    }
    lr_link peer = rig_join(rig, "127.0.0.1");
    set_window(rig, peer, 0);
    return peer;
}

static void flood(struct tracker_rig *rig) {
    lr_link peer = join_deaf(rig);
    lr_link other = rig_join(rig, "127.0.0.2");
    size_t before = rig->counting.live_bytes;
    lr_driver_feed(rig->driver, peer, questions, sizeof questions);
    cr_assert(lr_driver_paused(rig->driver, peer));
    cr_assert_lt(rig->counting.live_bytes - before, FLOOD_BYTES_MAX);
    rig_ask(rig, other, "[1]", "0");
    set_window(rig, peer, 30000); /* not enough to go on */
    cr_assert(lr_driver_paused(rig->driver, peer));
    set_window(rig, peer, SIZE_MAX);
    cr_assert(!lr_driver_paused(rig->driver, peer));
    for (size_t i = 0; i < MANY; i++) {
        rig_hear(rig, peer, "0");
    }
    rig_hear_nothing(rig, peer);
    rig_ask(rig, peer, "[1]", "0");
}

Test(tracker_limits, pauses_a_peer_that_does_not_read_and_then_answers_all) {
    rig_once(flood, NULL);
}

static void flood_and_stay_deaf(struct tracker_rig *rig) {
    lr_link peer = join_deaf(rig);
    lr_driver_feed(rig->driver, peer, questions, sizeof questions);
    lr_driver_advance(rig->driver, 30 * LR_SECOND);
    cr_assert(lr_driver_ended(rig->driver, peer));
}

Test(tracker_limits, gives_up_on_a_paused_peer_that_stays_deaf) {
    rig_once(flood_and_stay_deaf, NULL);
}

static void ask_without_reading(struct tracker_rig *rig) {
    enum { ANSWER_SIZE = 5 };
    lr_link peer = join_deaf(rig);
    for (int i = 0; i < 4; i++) { /* 20 bytes of answers are as many as may wait */
        rig_say(rig, peer, "[1]");
    }
    cr_assert(!lr_driver_paused(rig->driver, peer));
    rig_say(rig, peer, "[1]");
    cr_assert(lr_driver_paused(rig->driver, peer));
    set_window(rig, peer, (size_t)3 * ANSWER_SIZE); /* half of what may wait is left */
    cr_assert(!lr_driver_paused(rig->driver, peer));
}

Test(tracker_limits, bounds_the_answers_that_one_peer_has_not_read) {
    struct lr_tracker_options options = lr_tracker_options_default;
    options.unsent_bytes_max = 20;
    rig_once(ask_without_reading, &options);
}

/* Memory is short for what a paused peer has sent: a FIN would wait behind what it does not read.
 */
static void send_on_to_a_poor_tracker(struct tracker_rig *rig) {
    unsigned int resets = 0;
    for (uint64_t n = 1; n <= 20; n++) {
        lr_link peer = join_deaf(rig);
        rig->counting.fail_at = rig->counting.calls + n;
        lr_driver_feed(rig->driver, peer, questions, (size_t)3 * QUESTION_SIZE);
        rig->counting.fail_at = 0;
        resets += lr_driver_saw_reset(rig->driver, peer);
    }
    cr_assert_geq(resets, 1U);
}

Test(tracker_limits, resets_a_paused_peer_that_it_has_no_memory_for) {
    struct lr_tracker_options options = lr_tracker_options_default;
    options.unsent_bytes_max = 1;
    rig_once(send_on_to_a_poor_tracker, &options);
    rig_once(send_on_to_a_poor_tracker, NULL); /* not paused, and behind with its reading */
}

/* Three questions in one piece: the first answer makes the peer wait, the rest has to be kept. */
static void send_on_while_paused(struct tracker_rig *rig) {
    lr_link peer = join_deaf(rig);
    lr_driver_feed(rig->driver, peer, questions, (size_t)3 * QUESTION_SIZE);
    bool room = rig->options.backlog_bytes_max >= (size_t)2 * QUESTION_SIZE;
    cr_assert_eq(lr_driver_ended(rig->driver, peer), !room);
    cr_assert_eq(rig->events[LR_TRACE_LIMIT], room ? 0 : 1);
}

Test(tracker_limits, bounds_what_is_kept_of_a_peer_that_has_to_wait) {
    struct lr_tracker_options options = lr_tracker_options_default;
    options.unsent_bytes_max = 1;
    options.backlog_bytes_max = (size_t)2 * QUESTION_SIZE;
    rig_once(send_on_while_paused, &options);
    options.backlog_bytes_max--;
    rig_once(send_on_while_paused, &options);
}

/* Memory. */

enum { SERVERS = 1000, BYTES_MAX = SERVERS * 4096 };

static lr_link servers[SERVERS];

static void register_server(struct tracker_rig *rig, int i) {
    char put[200], matchkeys[100];
    servers[i] = lr_driver_connect(rig->driver, rig->host, "fd00:1234:5678:9abc:def0:1:2:3");
    rig_send(rig, servers[i], magic, sizeof magic);
    lr_driver_consume(rig->driver, servers[i], sizeof magic);
    rig_ask(rig, servers[i],
            "[5, {\"key\": \"server:a_key_of_middle_length\", \"addr\": [\"board\", 9090]}]", "0");
    (void)snprintf(put, sizeof put,
                   "[3, \"a_key_of_middle_length\", [9090, \"a_key_of_middle_length:0.%016d\"], "
                   "\"board%d.farm.example\"]",
                   i, i);
    rig_ask(rig, servers[i], put, "0");
    (void)snprintf(matchkeys, sizeof matchkeys, "[\"a_key_of_middle_length:0.%016d\"]", i);
    rig_ask(rig, servers[i], "[7]", matchkeys);
}

static void register_thousand(struct tracker_rig *rig) {
    lr_link client = rig_join(rig, "127.0.0.3");
    size_t before = rig->counting.live_bytes;
    for (int i = 0; i < SERVERS; i++) {
        register_server(rig, i);
    }
    cr_assert_lt(rig->counting.live_bytes - before, BYTES_MAX);
    for (int i = 0; i < SERVERS; i++) { /* granted: with what is kept of the holder */
        rig_say(rig, client, "[4, \"a_key_of_middle_length\", \"somebody\", 1]");
    }
    cr_assert_eq(lr_tracker_count(rig->tracker).held, SERVERS);
    cr_assert_lt(rig->counting.live_bytes - before, BYTES_MAX);
    for (int i = 0; i < SERVERS; i++) {
        lr_driver_reset(rig->driver, servers[i]);
    }
    cr_assert_eq(lr_tracker_count(rig->tracker).queues, 0);
}

Test(tracker_limits, needs_less_than_4_kib_for_a_registered_server) {
    rig_once(register_thousand, NULL);
}

RIG_CASE(tracker_limits, holds_no_buffer_for_an_idle_connection) {
    lr_link peer = rig_join(rig, "127.0.0.1");
    rig_ask(rig, peer, "[1]", "0");
    size_t before = rig->counting.live_bytes;
    rig_send(rig, peer, "\x15\0\0\0[1 ", 7);
    rig_send(rig, peer, "                 ", 17);
    rig_send(rig, peer, "]", 1);
    rig_hear(rig, peer, "0");
    rig_expect(rig, rig->counting.live_bytes == before);
}

/* Whatever allocation fails while a server puts what a client waits for: the server is closed, or
 * the client gets it, if only a little later. */
static void fail_in_a_grant(struct tracker_rig *rig) {
    unsigned int late = 0;
    for (uint64_t n = 1; n < 100; n++) {
        lr_link client = rig_join(rig, "127.0.0.3");
        lr_link server = rig_join(rig, "127.0.0.2");
        rig_say(rig, client, "[4, \"dev\", \"\", 1]");
        rig->counting.fail_at = rig->counting.calls + n;
        rig_say(rig, server, "[3, \"dev\", [9090, \"dev:0.25\"], null]");
        bool failed = rig->counting.failed > 0;
        rig->counting.fail_at = 0;
        rig->counting.failed = 0;
        size_t size;
        (void)lr_driver_output(rig->driver, client, &size);
        if (size == 0 && !lr_driver_ended(rig->driver, server)) {
            lr_driver_advance(rig->driver, LR_SECOND);
            late++;
        }
        if (!lr_driver_ended(rig->driver, server)) {
            rig_hear(rig, client, "[0, [\"127.0.0.2\", 9090, \"dev:0.25\"]]");
            rig_hear(rig, server, "0");
            lr_driver_reset(rig->driver, server);
        }
        lr_driver_reset(rig->driver, client);
        cr_assert_eq(lr_tracker_count(rig->tracker).queues, 0);
        if (!failed) {
            cr_assert_gt(late, 0);
            return;
        }
    }
    cr_assert_fail("a PUT takes a hundred allocations");
}

Test(tracker_limits, tries_a_grant_again_for_which_memory_was_short) {
    rig_once(fail_in_a_grant, NULL);
}

/* Nonsense of all kinds, from a fixed seed: nothing breaks, and others are served. */
static void feed_nonsense(struct tracker_rig *rig) {
    static const char *const seeds[] = {"[1]",
                                        "[2, \"x\"]",
                                        "[3, \"dev\", [9090, \"dev:0.1\"], null]",
                                        "[4, \"dev\", \"me\", 1]",
                                        "[5, {\"key\": \"server:dev\", \"addr\": [null, 9090]}]",
                                        "[6, \"held\"]",
                                        "[7]"};
    struct lr_prng random;
    lr_prng_init(&random, 20260801);
    lr_link witness = rig_join(rig, "127.0.0.9");
    for (int round = 0; round < 3000; round++) {
        lr_link peer = lr_driver_connect(rig->driver, rig->host, "127.0.0.1");
        rig_send(rig, peer, magic, sizeof magic);
        for (int i = 0; i < 4 && !lr_driver_ended(rig->driver, peer); i++) {
            char bytes[128] = {0};
            const char *seed = seeds[lr_prng_below(&random, LR_COUNT_OF(seeds))];
            size_t size = strlen(seed) + 4;
            bytes[0] = (char)strlen(seed);
            memcpy(bytes + 4, seed, strlen(seed));
            for (uint64_t flips = lr_prng_below(&random, 3); flips > 0; flips--) {
                bytes[lr_prng_below(&random, size)] = (char)lr_prng_next(&random);
            }
            lr_driver_feed_pieces(rig->driver, peer, bytes, size,
                                  1 + (size_t)lr_prng_below(&random, size));
        }
        if (lr_prng_chance(&random, 1, 2)) {
            lr_driver_reset(rig->driver, peer);
        } else if (!lr_driver_ended(rig->driver, peer)) {
            lr_driver_fin(rig->driver, peer);
        }
        rig_ask(rig, witness, "[1]", "0");
    }
    cr_assert_eq(lr_tracker_count(rig->tracker).connections, 1);
    rig_ask(rig, witness, "[6]", "[0, {\"queue_info\": {}, \"server_info\": []}]");
}

Test(tracker_limits, survives_nonsense) {
    rig_once(feed_nonsense, NULL);
}

/* Starting. */

static void occupy_ports(struct tracker_rig *rig) {
    struct lr_env env = {.alloc = lr_alloc_system(), .random = &rig->random};
    struct lr_tracker *second = NULL;
    struct lr_tracker *third = NULL;
    cr_assert_eq(lr_tracker_new(&second, &env, &small_options, NULL), LR_OK);
    cr_assert_eq(lr_tracker_new(&third, &env, &small_options, NULL), LR_OK);
    (void)lr_driver_add(rig->driver, lr_tracker_role(second), "127.0.0.1");
    (void)lr_driver_add(rig->driver, lr_tracker_role(third), "127.0.0.1");
    cr_assert_eq(lr_tracker_start(second, lr_driver_now(rig->driver)), LR_OK);
    lr_driver_pump(rig->driver);
    cr_assert_eq(lr_tracker_start(third, lr_driver_now(rig->driver)), LR_OK);
    lr_driver_pump(rig->driver);
    cr_assert_eq(lr_tracker_port(second), 9191);
    cr_assert_eq(lr_tracker_port(third), 0);
    cr_assert_not_null(lr_tracker_failure(third));
    cr_assert_not_null(strstr(lr_tracker_failure(third)->text, "127.0.0.1, ports 9190 to 9191"));
    for (lr_host host = 1; host <= 2; host++) {
        lr_driver_kill(rig->driver, host, false);
    }
    lr_tracker_free(third);
    lr_tracker_free(second);
}

Test(tracker_limits, takes_the_first_free_port_and_tells_when_there_is_none) {
    rig_once(occupy_ports, &small_options);
}

Test(tracker_limits, refuses_options_that_cannot_be_right) {
    struct lr_env env = {.alloc = lr_alloc_system()};
    struct lr_tracker *tracker = NULL;
    struct lr_error error = {0};
    struct lr_tracker_options options = small_options;
    options.host = NULL;
    cr_assert_eq(lr_tracker_new(&tracker, &env, &options, &error), LR_EINVAL);
    options = small_options;
    options.message_bytes_max = 0;
    cr_assert_eq(lr_tracker_new(&tracker, &env, &options, &error), LR_EINVAL);
    options = small_options;
    options.port_end = 65537;
    cr_assert_eq(lr_tracker_new(&tracker, &env, &options, &error), LR_EINVAL);
    options = small_options;
    options.connections_max = 0;
    cr_assert_eq(lr_tracker_new(&tracker, &env, &options, &error), LR_EINVAL);
    cr_assert_gt(strlen(error.text), 0);
    cr_assert_null(tracker);
}
