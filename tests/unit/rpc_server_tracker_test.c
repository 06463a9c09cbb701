/* SPDX-License-Identifier: Apache-2.0 */
/* How the server is to be found: registration, new matchkeys, trackers that go and come back. */
#include <stdio.h>
#include <string.h>

#include "support/server_rig.h"

static struct lr_server_options with_tracker(unsigned int slots) {
    struct lr_server_options options = lr_server_options_default;
    options.key = "dev";
    options.dialect = LR_SPEAK_FFI;
    options.tracker_host = "tracker.test";
    options.sessions_max = slots;
    return options;
}

#define TRACKER_CASE(name, slots)                                                                  \
    static void body_##name(struct server_rig *rig);                                               \
    Test(server_tracker, name) {                                                                   \
        struct lr_server_options options = with_tracker(slots);                                    \
        rig_each(body_##name, &options);                                                           \
    }                                                                                              \
    static void body_##name(struct server_rig *rig)

static lr_link open_granted(struct server_rig *rig) {
    char key[sizeof rig->matchkey + 16];
    (void)snprintf(key, sizeof key, "client:%s", rig->matchkey);
    return rig_open(rig, key);
}

/* Joined, and the PUT is answered. */
static void register_server(struct server_rig *rig) {
    rig_expect(rig, rig_tracker_join(rig));
    rig_expect(rig, rig_tracker_put(rig));
    rig_expect(rig, lr_server_registered(rig->server));
    rig_expect(rig, strncmp(rig->matchkey, "dev:0.", 6) == 0);
    rig_expect(rig, rig->replaces[0] == '\0');
    rig_expect(rig, rig_tracker_idle(rig));
}

TRACKER_CASE(registers_and_polls_every_two_seconds, 1) {
    register_server(rig);
    for (int i = 0; i < 3; i++) {
        char list[sizeof rig->matchkey + 8];
        lr_driver_advance(rig->driver, 2 * LR_SECOND - 1);
        rig_expect(rig, rig_tracker_idle(rig));
        lr_driver_advance(rig->driver, 1);
        rig_expect(rig, rig_tracker_hears(rig, "[7]"));
        (void)snprintf(list, sizeof list, "[\"%s\"]", rig->matchkey);
        rig_tracker_says(rig, list);
    }
    rig_expect(rig, rig_tracker_idle(rig));
}

TRACKER_CASE(offers_a_new_matchkey_in_the_turn_in_which_a_session_ends, 1) {
    char first[sizeof rig->matchkey];
    register_server(rig);
    memcpy(first, rig->matchkey, sizeof first);
    lr_link link = open_granted(rig);
    lr_time at = lr_driver_now(rig->driver);
    rig_expect_alive(rig, link);
    rig_shutdown(rig, link);
    rig_expect(rig, rig_tracker_put(rig));
    rig_expect(rig, lr_driver_now(rig->driver) == at);
    rig_expect(rig, strcmp(first, rig->matchkey) != 0);
    rig_expect(rig, rig->replaces[0] == '\0'); /* with one slot nothing but what TVM sends */
    rig_expect_alive(rig, open_granted(rig));
}

static void body_poll(struct server_rig *rig) {
    register_server(rig);
    lr_driver_advance(rig->driver, 2 * LR_SECOND - 1);
    rig->alloc->fail_at = rig->alloc->calls + 1;
    lr_driver_advance(rig->driver, 1);
    cr_assert_eq(rig->alloc->failed, 1U);
    cr_assert(rig_tracker_idle(rig));
    lr_driver_advance(rig->driver, 100 * LR_MS);
    cr_assert(rig_tracker_hears(rig, "[7]"));
}

Test(server_tracker, polls_again_soon_where_memory_was_short) {
    struct lr_server_options options = with_tracker(1);
    rig_once(body_poll, &options);
}

/* Each allocation of a handshake fails once: where the key was read, it is spent. */
static void body_turned_away(struct server_rig *rig) {
    unsigned int replaced = 0;
    register_server(rig);
    for (uint64_t n = 1; lr_server_count(rig->server).sessions == 0; n++) {
        char key[sizeof rig->matchkey + 16];
        char before[sizeof rig->matchkey];
        cr_assert_lt(n, 100U);
        lr_link link = rig_connect(rig);
        (void)snprintf(key, sizeof key, "client:%s", rig->matchkey);
        memcpy(before, rig->matchkey, sizeof before);
        rig->alloc->fail_at = rig->alloc->calls + n;
        rig_hello(rig, link, key);
        rig->alloc->fail_at = 0;
        rig_tracker_drain(rig);
        replaced += strcmp(before, rig->matchkey) != 0;
    }
    cr_assert_geq(replaced, 2U); /* the session, and the answer that goes with it */
}

Test(server_tracker, who_is_turned_away_for_want_of_memory_costs_a_matchkey_and_no_time) {
    struct lr_server_options options = with_tracker(1);
    rig_once(body_turned_away, &options);
}

TRACKER_CASE(a_matchkey_in_use_or_spent_is_refused_at_once, 1) {
    char key[sizeof rig->matchkey + 16];
    register_server(rig);
    (void)snprintf(key, sizeof key, "client:%s", rig->matchkey);
    lr_link link = rig_open(rig, key);
    lr_link second = rig_connect(rig);
    rig_hello(rig, second, key);
    rig_hear_mismatch(rig, second);
    rig_expect_alive(rig, link);
    rig_shutdown(rig, link);
    rig_tracker_drain(rig);
    second = rig_connect(rig);
    rig_hello(rig, second, key);
    rig_hear_mismatch(rig, second);
    second = rig_connect(rig);
    rig_hello(rig, second, "client:dev"); /* the bare key opens nothing here */
    rig_hear_mismatch(rig, second);
}

TRACKER_CASE(does_not_poll_while_its_only_slot_is_taken, 1) {
    register_server(rig);
    lr_link link = open_granted(rig);
    lr_driver_advance(rig->driver, 20 * LR_SECOND);
    rig_expect(rig, rig_tracker_idle(rig));
    rig_expect_alive(rig, link);
}

/* The tracker answers each poll with |list| for |ns|. */
static void poll_for(struct server_rig *rig, uint64_t ns, const char *list) {
    lr_time end = lr_driver_now(rig->driver) + ns;
    while (lr_driver_now(rig->driver) < end) {
        uint64_t left = end - lr_driver_now(rig->driver);
        lr_driver_advance(rig->driver, left < 100 * LR_MS ? left : 100 * LR_MS);
        size_t size = 0;
        if (!rig_tracker_idle(rig) && rig->tracker != LR_LINK_NONE) {
            const uint8_t *data = lr_driver_output(rig->driver, rig->tracker, &size);
            if (size == 7 && memcmp(data + 4, "[7]", 3) == 0) {
                lr_driver_consume(rig->driver, rig->tracker, size);
                rig_tracker_says(rig, list);
            }
        }
    }
}

TRACKER_CASE(replaces_a_granted_matchkey_that_nobody_uses_after_six_seconds, 1) {
    char first[sizeof rig->matchkey];
    char list[sizeof rig->matchkey + 8];
    register_server(rig);
    memcpy(first, rig->matchkey, sizeof first);
    (void)snprintf(list, sizeof list, "[\"%s\"]", first);
    poll_for(rig, 4 * LR_SECOND, list);         /* still free */
    poll_for(rig, 6 * LR_SECOND - LR_MS, "[]"); /* granted: last seen at the poll after 4 s */
    rig_expect(rig, rig_tracker_idle(rig));
    lr_link link = rig_connect(rig);
    lr_driver_advance(rig->driver, LR_MS);
    rig_expect(rig, rig_tracker_put(rig));
    rig_expect(rig, strcmp(first, rig->matchkey) != 0);
    char key[sizeof first + 16];
    (void)snprintf(key, sizeof key, "client:%s", first);
    rig_hello(rig, link, key); /* too late */
    rig_hear_mismatch(rig, link);
    rig_expect_alive(rig, open_granted(rig));
}

TRACKER_CASE(a_matchkey_that_is_free_again_is_kept, 1) {
    char list[sizeof rig->matchkey + 8];
    register_server(rig);
    (void)snprintf(list, sizeof list, "[\"%s\"]", rig->matchkey);
    for (int i = 0; i < 4; i++) {
        poll_for(rig, 2 * LR_SECOND, "[]");
        poll_for(rig, 2 * LR_SECOND, list);
    }
    rig_expect(rig, rig_tracker_idle(rig));
}

TRACKER_CASE(comes_back_to_a_tracker_again_and_again, 1) {
    for (int round = 0; round < 4; round++) {
        register_server(rig);
        if (rig->tracker != LR_LINK_NONE) {
            if (round % 2 == 0) {
                lr_driver_fin(rig->driver, rig->tracker);
            } else {
                lr_driver_reset(rig->driver, rig->tracker);
            }
        }
        rig_expect(rig, !lr_server_registered(rig->server));
        rig->tracker = LR_LINK_NONE;
        const struct lr_address *again;
        lr_driver_advance(rig->driver, 150 * LR_MS); /* the pauses begin anew, and short */
        rig_expect(rig, lr_driver_waiting(rig->driver, rig->host, &again) != LR_LINK_NONE);
        /* gone for minutes: every try is refused */
        lr_time back = lr_driver_now(rig->driver) + 200 * LR_SECOND;
        while (lr_driver_now(rig->driver) < back) {
            const struct lr_address *address;
            lr_link link = lr_driver_waiting(rig->driver, rig->host, &address);
            if (link != LR_LINK_NONE) {
                lr_driver_refuse(rig->driver, link);
            }
            lr_driver_advance(rig->driver, 50 * LR_MS);
        }
        lr_time within = lr_driver_now(rig->driver) + 5 * LR_SECOND;
        const struct lr_address *address;
        while (lr_driver_waiting(rig->driver, rig->host, &address) == LR_LINK_NONE &&
               lr_driver_now(rig->driver) < within) {
            lr_driver_advance(rig->driver, 10 * LR_MS);
        }
        rig_expect(rig, lr_driver_waiting(rig->driver, rig->host, &address) != LR_LINK_NONE);
    }
}

TRACKER_CASE(gives_a_connect_up_that_nobody_answers, 1) {
    const struct lr_address *address;
    lr_link first = lr_driver_waiting(rig->driver, rig->host, &address);
    rig_expect(rig, first != LR_LINK_NONE);
    lr_driver_advance(rig->driver, 5 * LR_SECOND);
    lr_link next = lr_driver_waiting(rig->driver, rig->host, &address);
    rig_expect(rig, next != LR_LINK_NONE && next != first);
}

static void body_connect_time(struct server_rig *rig) {
    const struct lr_address *address;
    lr_link first = lr_driver_waiting(rig->driver, rig->host, &address);
    cr_assert_neq(first, LR_LINK_NONE);
    lr_driver_advance(rig->driver, 700 * LR_MS - 1);
    cr_assert_eq(lr_driver_waiting(rig->driver, rig->host, &address), first);
    lr_driver_advance(rig->driver, 1);
    cr_assert_eq(lr_driver_waiting(rig->driver, rig->host, &address), LR_LINK_NONE);
}

Test(server_tracker, how_long_a_connect_may_take_is_an_option) {
    struct lr_server_options options = with_tracker(1);
    options.connect_ns = 700 * LR_MS;
    rig_once(body_connect_time, &options);
}

static void body_long_answer(struct server_rig *rig) {
    static const uint8_t lengths[][4] = {{100, 0, 0, 0}, {101, 0, 0, 0}};
    for (size_t i = 0; i < LR_COUNT_OF(lengths); i++) {
        register_server(rig);
        lr_driver_feed(rig->driver, rig->tracker, lengths[i], sizeof lengths[i]);
        cr_assert_eq(lr_driver_ended(rig->driver, rig->tracker), i == 1);
        if (i == 0) {
            lr_driver_reset(rig->driver, rig->tracker);
        }
    }
}

Test(server_tracker, how_long_an_answer_may_be_is_an_option) {
    struct lr_server_options options = with_tracker(1);
    options.answer_bytes_max = 100;
    rig_once(body_long_answer, &options);
}

TRACKER_CASE(a_session_does_not_notice_the_loss_of_the_tracker, 1) {
    register_server(rig);
    lr_link link = open_granted(rig);
    if (rig->tracker != LR_LINK_NONE) {
        lr_driver_reset(rig->driver, rig->tracker);
    }
    rig->tracker = LR_LINK_NONE;
    lr_driver_advance(rig->driver, LR_SECOND);
    rig_expect_alive(rig, link);
    rig_expect(rig, rig_tracker_join(rig));
    rig_expect(rig, rig_tracker_idle(rig)); /* nothing to offer */
    rig_expect_alive(rig, link);
    rig_shutdown(rig, link);
    rig_expect(rig, rig_tracker_put(rig));
}

TRACKER_CASE(a_matchkey_granted_before_the_loss_still_opens_its_slot, 1) {
    register_server(rig);
    if (rig->tracker != LR_LINK_NONE) {
        lr_driver_reset(rig->driver, rig->tracker);
    }
    rig->tracker = LR_LINK_NONE;
    rig_expect_alive(rig, open_granted(rig));
}

/* Each answer that no tracker gives makes it a lost one, and the server tries again. */
static void expect_lost(struct server_rig *rig, const char *answer) {
    rig_expect(rig, rig_tracker_join(rig));
    rig_tracker_says(rig, answer);
    rig_expect(rig, rig->tracker != LR_LINK_NONE && lr_driver_ended(rig->driver, rig->tracker));
    lr_driver_advance(rig->driver, 5 * LR_SECOND);
}

TRACKER_CASE(outlives_a_tracker_that_answers_nonsense, 1) {
    static const char *const answers[] = {"-1", "nonsense", "[", "{}", "\"0\""};
    for (size_t i = 0; i < LR_COUNT_OF(answers); i++) {
        expect_lost(rig, answers[i]);
    }
    register_server(rig);
}

TRACKER_CASE(outlives_an_answer_that_nobody_asked_for, 1) {
    register_server(rig);
    rig_tracker_says(rig, "0");
    rig_expect(rig, rig->tracker != LR_LINK_NONE && lr_driver_ended(rig->driver, rig->tracker));
}

TRACKER_CASE(gives_a_tracker_up_that_does_not_answer, 1) {
    rig_expect(rig, rig_tracker_join(rig)); /* and no answer to the PUT */
    lr_driver_advance(rig->driver, 30 * LR_SECOND - 1);
    rig_expect(rig, rig->tracker != LR_LINK_NONE && !lr_driver_ended(rig->driver, rig->tracker));
    lr_driver_advance(rig->driver, 1);
    rig_expect(rig, rig->tracker != LR_LINK_NONE && lr_driver_ended(rig->driver, rig->tracker));
}

TRACKER_CASE(offers_as_many_matchkeys_as_it_has_slots, 3) {
    char keys[3][sizeof rig->matchkey];
    rig_expect(rig, rig_tracker_join(rig));
    for (int i = 0; i < 3; i++) {
        rig_expect(rig, rig_tracker_put(rig));
        memcpy(keys[i], rig->matchkey, sizeof keys[i]);
    }
    rig_expect(rig, rig_tracker_idle(rig) && lr_server_registered(rig->server));
    memcpy(rig->matchkey, keys[1], sizeof keys[1]);
    lr_link link = open_granted(rig);
    memcpy(rig->matchkey, keys[0], sizeof keys[0]);
    lr_link other = open_granted(rig);
    rig_expect_alive(rig, link);
    rig_shutdown(rig, link);
    rig_expect(rig, rig_tracker_put(rig));
    rig_expect(rig, strcmp(rig->replaces, keys[1]) == 0);
    rig_expect_alive(rig, other);
}

/* A list is in the tracker's order: whichever is on it is free, whichever is not is gone. */
TRACKER_CASE(finds_each_of_its_matchkeys_wherever_it_stands_on_the_list, 2) {
    char keys[2][sizeof rig->matchkey];
    char list[2 * sizeof keys[0] + 16];
    rig_expect(rig, rig_tracker_join(rig));
    for (int i = 0; i < 2; i++) {
        rig_expect(rig, rig_tracker_put(rig));
        memcpy(keys[i], rig->matchkey, sizeof keys[i]);
    }
    (void)snprintf(list, sizeof list, "[\"%s\", \"%s\"]", keys[0], keys[1]);
    poll_for(rig, 10 * LR_SECOND, list);
    (void)snprintf(list, sizeof list, "[\"%s\", \"%s\"]", keys[1], keys[0]);
    poll_for(rig, 10 * LR_SECOND, list);
    rig_expect(rig, rig_tracker_idle(rig));
    (void)snprintf(list, sizeof list, "[\"dev:0.5\", \"%s\"]", keys[1]);
    poll_for(rig, 6 * LR_SECOND, list);
    rig_expect(rig, rig_tracker_put(rig));
    rig_expect(rig, strcmp(rig->replaces, keys[0]) == 0);
}

/* What it would have been offered under was made while there was no tracker to hear of it. */
TRACKER_CASE(tells_the_next_tracker_which_granted_matchkey_is_replaced, 2) {
    char key[sizeof rig->matchkey];
    rig_expect(rig, rig_tracker_join(rig) && rig_tracker_put(rig));
    memcpy(key, rig->matchkey, sizeof key);
    lr_link link = open_granted(rig);
    rig_expect(rig, rig_tracker_put(rig));
    if (rig->tracker != LR_LINK_NONE) {
        lr_driver_reset(rig->driver, rig->tracker);
    }
    rig->tracker = LR_LINK_NONE;
    rig_shutdown(rig, link);
    lr_driver_advance(rig->driver, LR_SECOND);
    rig_expect(rig, rig_tracker_join(rig) && rig_tracker_put(rig));
    rig_expect(rig, strcmp(rig->replaces, key) == 0);
}

TRACKER_CASE(stop_leaves_the_tracker, 1) {
    register_server(rig);
    lr_link link = open_granted(rig);
    lr_server_stop(rig->server, lr_driver_now(rig->driver));
    lr_driver_pump(rig->driver);
    rig_hear_exception(rig, link, "stopping");
    rig_expect(rig, rig_tracker_idle(rig)); /* no new matchkey */
    rig_expect(rig, rig->tracker != LR_LINK_NONE && lr_driver_saw_fin(rig->driver, rig->tracker));
    cr_assert_eq(lr_driver_connections(rig->driver, rig->host), 0);
}

TRACKER_CASE(tells_why_a_tracker_is_given_up, 1) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } rows[] = {
        {"\xff\xff\xff\xff", 4, "its bytes cannot be followed"},
        {"\1\0\0\0"
         "0",
         5, "an answer to no question"},
        {"\2\0\0\0"
         "[]",
         6, "an answer to no question"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        rig_expect(rig, rig_tracker_join(rig) && rig_tracker_put(rig));
        lr_driver_feed(rig->driver, rig->tracker, rows[i].bytes, rows[i].size);
        rig_expect(rig, strstr(rig->told[LR_TRACE_RETRY], rows[i].why) != NULL);
        rig_expect(rig, lr_driver_saw_reset(rig->driver, rig->tracker));
    }
    rig_expect(rig, rig_tracker_join(rig) && rig_tracker_put(rig));
    lr_driver_fin(rig->driver, rig->tracker);
    rig_expect(rig, strstr(rig->told[LR_TRACE_RETRY], "it closed the connection") != NULL);
}
