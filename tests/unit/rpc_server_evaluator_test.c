/* SPDX-License-Identifier: Apache-2.0 */
/* The time evaluator of the server: how often it calls, how long it waits, what it refuses. Each
 * case also runs with every allocation failing in turn. */
#include <string.h>

#include "support/server_rig.h"

static struct lr_value str(const char *text) {
    return lr_value_str(lr_text_of(text));
}

/* runtime.RPCTimeEvaluator(NULL, function, cpu 0, ..). */
static uint64_t make_evaluator(struct server_rig *rig, lr_link link, const char *function,
                               int64_t number, int64_t repeat, int64_t cooldown_ms) {
    struct lr_value items[] = {lr_value_null(), str(function),        lr_value_int(1),
                               lr_value_int(0), lr_value_int(number), lr_value_int(repeat),
                               lr_value_int(0), lr_value_int(1),      lr_value_int(cooldown_ms),
                               lr_value_int(1), lr_value_int(0),      str("")};
    rig_invoke(rig, link, "runtime.RPCTimeEvaluator", items, LR_COUNT_OF(items));
    struct lr_value heard = rig_heard(rig, 1);
    rig_expect(rig, heard.kind == LR_VALUE_HANDLE);
    return heard.kind == LR_VALUE_HANDLE ? heard.as.handle : 0;
}

RIG_CASE(server_evaluator, returns_a_double_for_each_repeat) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value one = lr_value_int(1);
    uint64_t evaluator = make_evaluator(rig, link, "rpc.test.addone", 2500, 3, 0);
    rig_call(rig, link, evaluator, &one, 1);
    lr_driver_advance(rig->driver, LR_MS);
    rig_expect(rig, rig_hear(rig, link));
    struct lr_value heard = rig_heard(rig, 1);
    rig_expect(rig, heard.kind == LR_VALUE_BYTES && heard.as.text.size == 24);
    for (size_t i = 0; heard.kind == LR_VALUE_BYTES && i + 8 <= heard.as.text.size; i += 8) {
        struct lr_reader reader = lr_reader_of(heard.as.text.data + i, 8);
        uint64_t bits = lr_read_u64(&reader);
        double seconds;
        memcpy(&seconds, &bits, sizeof seconds);
        rig_expect(rig, seconds > 0 && seconds < 1); /* a client divides by it */
    }
    rig_expect_alive(rig, link);
}

RIG_CASE(server_evaluator, cools_down_and_later_packets_wait) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value one = lr_value_int(1);
    struct lr_value name = str("rpc.test.addone");
    uint64_t evaluator = make_evaluator(rig, link, "rpc.test.addone", 1, 1, 8000);
    rig_call(rig, link, evaluator, &one, 1);
    rig_send_values(rig, link, LR_PACKET_GET_GLOBAL_FUNC, &name, 1);
    lr_driver_advance(rig->driver, 8 * LR_SECOND - 1);
    rig_hear_nothing(rig, link);
    lr_driver_advance(rig->driver, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_BYTES);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 0).kind == LR_VALUE_HANDLE);
    rig_expect_alive(rig, link);
}

RIG_CASE(server_evaluator, fin_in_a_running_call_releases_at_once) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value one = lr_value_int(1);
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.addone", 1, 1, 8000), &one, 1);
    lr_driver_advance(rig->driver, LR_SECOND);
    rig_expect(rig, lr_server_count(rig->server).sessions == 1);
    if (link != LR_LINK_NONE) {
        lr_driver_fin(rig->driver, link);
    }
    rig_expect(rig, lr_server_count(rig->server).sessions == 0);
    lr_driver_advance(rig->driver, 20 * LR_SECOND); /* and nothing of the call comes after it */
}

RIG_CASE(server_evaluator, timeout_in_a_running_call_is_seen_by_it) {
    lr_link link = rig_open(rig, "client:dev -timeout=1");
    struct lr_value one = lr_value_int(1);
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.addone", 1, 1, 8000), &one, 1);
    lr_driver_advance(rig->driver, LR_SECOND);
    rig_hear_exception(rig, link, "Your 1.0s session has expired");
    rig_hear_fin(rig, link);
    rig_expect(rig, lr_server_count(rig->server).sessions == 0);
}

RIG_CASE(server_evaluator, raises_what_the_function_raises) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value boom = str("boom");
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.except", 10, 10, 0), &boom, 1);
    lr_driver_advance(rig->driver, LR_MS);
    rig_hear_exception(rig, link, "boom");
    rig_expect_alive(rig, link);
}

RIG_CASE(server_evaluator, what_an_evaluated_function_makes_is_freed) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value name = str("get_arr");
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.remote_return_nd", 50, 2, 0), &name, 1);
    lr_driver_advance(rig->driver, LR_MS);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, lr_server_count(rig->server).device_blocks == 0);
    rig_expect(rig, lr_server_count(rig->server).handles == 2); /* RPCTimeEvaluator, its result */
}

RIG_CASE(server_evaluator, refuses_what_it_cannot_do) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {lr_value_null(), str("no.such"),  lr_value_int(1), lr_value_int(0),
                               lr_value_int(1), lr_value_int(1), lr_value_int(0)};
    uint64_t function = rig_function(rig, link, "runtime.RPCTimeEvaluator");
    rig_call(rig, link, function, items, 7);
    rig_hear_exception(rig, link, "Cannot find");
    items[1] = str("runtime.RPCTimeEvaluator");
    rig_call(rig, link, function, items, 7);
    rig_hear_exception(rig, link, "Cannot find");
    items[1] = str("rpc.test.addone");
    rig_call(rig, link, function, items, 6);
    rig_hear_exception(rig, link, "arguments");
    items[4] = lr_value_int(0);
    rig_call(rig, link, function, items, 7);
    rig_hear_exception(rig, link, "out of range");
    items[4] = lr_value_int(1);
    items[2] = lr_value_int(2);
    rig_call(rig, link, function, items, 7);
    rig_hear_exception(rig, link, "no device");
    rig_expect_alive(rig, link);
}

/* The first double of the answer; 0 where there is none. */
static double hear_seconds(struct server_rig *rig, lr_link link) {
    double seconds = 0;
    rig_expect(rig, rig_hear(rig, link));
    struct lr_value heard = rig_heard(rig, 1);
    if (heard.kind == LR_VALUE_BYTES && heard.as.text.size >= 8) {
        struct lr_reader reader = lr_reader_of(heard.as.text.data, 8);
        uint64_t bits = lr_read_u64(&reader);
        memcpy(&seconds, &bits, sizeof seconds);
    }
    return seconds;
}

/* A turn makes a thousand calls and takes |turn_ms| here. The batches that follow from it were
 * counted by hand: 1, 2, 3, 5, 8 calls by what is still missing, 12, 19, 30 .. 844, 1365 by the
 * ratio, of which the last needs two turns; or 1, 11, 111, 1111, 5556, 9261. */
RIG_CASE(server_evaluator, batches_grow_until_they_last) {
    static const struct {
        uint64_t turn_ms;
        double seconds;
    } rows[] = {{7, 0.014 / 1365}, {1, 0.010 / 9261}, {10, 0.010}};
    struct lr_value one = lr_value_int(1);
    lr_link link = rig_open(rig, "client:dev");
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_value items[] = {lr_value_null(), str("rpc.test.addone"), lr_value_int(1),
                                   lr_value_int(0), lr_value_int(1),        lr_value_int(1),
                                   lr_value_int(10)};
        rig_invoke(rig, link, "runtime.RPCTimeEvaluator", items, LR_COUNT_OF(items));
        uint64_t evaluator = rig_heard(rig, 1).as.handle;
        lr_driver_set_turn(rig->driver, rows[i].turn_ms * LR_MS);
        rig_call(rig, link, evaluator, &one, 1);
        lr_driver_advance(rig->driver, LR_SECOND);
        lr_driver_set_turn(rig->driver, 0);
        double seconds = hear_seconds(rig, link);
        rig_expect(rig,
                   seconds > rows[i].seconds * 0.999999 && seconds < rows[i].seconds * 1.000001);
    }
}

/* Where time stands still no batch is ever long enough: after so many of no time the next is
 * believed, a nanosecond a call. */
RIG_CASE(server_evaluator, batches_of_no_time_end) {
    struct lr_value one = lr_value_int(1);
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {lr_value_null(),
                               str("rpc.test.addone"),
                               lr_value_int(1),
                               lr_value_int(0),
                               lr_value_int(7),
                               lr_value_int(1),
                               lr_value_int(1),
                               lr_value_int(5),
                               lr_value_int(0),
                               lr_value_int(1),
                               lr_value_str(lr_text_of(""))};
    rig_invoke(rig, link, "runtime.RPCTimeEvaluator", items, LR_COUNT_OF(items));
    rig_call(rig, link, rig_heard(rig, 1).as.handle, &one, 1);
    lr_driver_advance(rig->driver, 0);
    double seconds = hear_seconds(rig, link);
    rig_expect(rig, seconds > 0.999999e-9 && seconds < 1.000001e-9);
}

RIG_CASE(server_evaluator, cools_down_after_the_first_of_so_many_repeats) {
    struct lr_value one = lr_value_int(1);
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {lr_value_null(), str("rpc.test.addone"), lr_value_int(1),
                               lr_value_int(0), lr_value_int(1),        lr_value_int(5),
                               lr_value_int(0), lr_value_int(1),        lr_value_int(1000),
                               lr_value_int(2), lr_value_int(0),        str("")};
    rig_invoke(rig, link, "runtime.RPCTimeEvaluator", items, LR_COUNT_OF(items));
    rig_call(rig, link, rig_heard(rig, 1).as.handle, &one, 1);
    lr_driver_advance(rig->driver,
                      3 * LR_SECOND - 1); /* after the first, the third and the fifth */
    rig_hear_nothing(rig, link);
    lr_driver_advance(rig->driver, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 1).as.text.size == 5 * sizeof(double));
}

/* What a version of TVM sends, and where its cooldown and what is to run before each repeat stand.
 */
RIG_CASE(server_evaluator, every_versions_arguments_are_understood) {
    static const struct {
        size_t count;
        int cooldown, preproc;
    } rows[] = {{7, -1, -1}, {8, -1, 7}, {10, 7, 9}, {11, 8, 10}, {12, 8, 11}};
    struct lr_value one = lr_value_int(1);
    lr_link link = rig_open(rig, "client:dev");
    uint64_t maker = rig_function(rig, link, "runtime.RPCTimeEvaluator");
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_value items[12] = {lr_value_null(), str("rpc.test.addone"), lr_value_int(1),
                                     lr_value_int(0), lr_value_int(1),        lr_value_int(1),
                                     lr_value_int(0)};
        for (size_t j = 7; j < 12; j++) {
            items[j] = lr_value_int(1);
        }
        if (rows[i].preproc >= 0) {
            items[rows[i].preproc] = str("no.such");
            rig_call(rig, link, maker, items, rows[i].count);
            rig_hear_exception(rig, link, "Cannot find \"no.such\"");
            items[rows[i].preproc] = lr_value_int(1);
            rig_call(rig, link, maker, items, rows[i].count);
            rig_hear_exception(rig, link, "TypeError");
            items[rows[i].preproc] = str("cache_flush_cpu_non_first_arg");
        }
        if (rows[i].cooldown >= 0) {
            items[rows[i].cooldown] = lr_value_int(20);
        }
        rig_call(rig, link, maker, items, rows[i].count);
        rig_expect(rig, rig_hear(rig, link));
        rig_call(rig, link, rig_heard(rig, 1).as.handle, &one, 1);
        if (rows[i].cooldown >= 0) {
            lr_driver_advance(rig->driver, 20 * LR_MS - 1);
            rig_hear_nothing(rig, link);
        }
        lr_driver_advance(rig->driver, 1);
        rig_expect(rig, rig_hear(rig, link));
    }
}

RIG_CASE(server_evaluator, numbers_and_devices_have_their_limits) {
    static const struct {
        int index;
        int64_t value;
        const char *refused;
    } rows[] = {
        {2, 0, "no device (type -1, id 0)"},
        {2, -1, "no device (type -1, id 0)"},
        {2, INT32_MAX, "no device (type 2147483647, id 0)"},
        {2, (int64_t)INT32_MAX + 2, "no device"}, /* not the CPU, though its low bits are a 1 */
        {3, 1, NULL},
        {3, INT32_MAX, NULL},
        {3, -1, "no device (type 1, id -1)"},
        {3, (int64_t)1 << 32, "no device (type 1, id -1)"},
        {4, 0, "out of range"},
        {4, INT32_MAX, NULL},
        {4, (int64_t)INT32_MAX + 1, "out of range"},
        {5, -1, "out of range"},
        {5, 0, NULL},
        {5, 1 << 20, NULL},
        {5, (1 << 20) + 1, "out of range"},
        {6, -1, "out of range"},
        {6, INT32_MAX, NULL},
        {6, (int64_t)INT32_MAX + 1, "out of range"},
        {8, -1, "out of range"},
        {8, INT32_MAX, NULL},
        {8, (int64_t)INT32_MAX + 1, "out of range"},
        {9, 0, "out of range"},
        {9, 1, NULL},
    };
    lr_link link = rig_open(rig, "client:dev");
    uint64_t maker = rig_function(rig, link, "runtime.RPCTimeEvaluator");
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_value items[] = {lr_value_null(), str("rpc.test.addone"), lr_value_int(1),
                                   lr_value_int(0), lr_value_int(1),        lr_value_int(1),
                                   lr_value_int(0), lr_value_int(1),        lr_value_int(0),
                                   lr_value_int(1), lr_value_int(0),        str("")};
        items[rows[i].index] = lr_value_int(rows[i].value);
        rig_call(rig, link, maker, items, LR_COUNT_OF(items));
        if (rows[i].refused != NULL) {
            rig_hear_exception(rig, link, rows[i].refused);
        } else {
            rig_expect(rig, rig_hear(rig, link));
            rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_HANDLE);
        }
    }
}

RIG_CASE(server_evaluator, no_repeats_are_no_results) {
    struct lr_value one = lr_value_int(1);
    lr_link link = rig_open(rig, "client:dev");
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.addone", 1, 0, 0), &one, 1);
    lr_driver_advance(rig->driver, 0);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_BYTES);
    rig_expect(rig, rig_heard(rig, 1).as.text.size == 0);
}

/* What the client sent meanwhile is served behind the run, whether it reads or not. */
RIG_CASE(server_evaluator, what_came_in_a_run_is_served_behind_it) {
    struct lr_value one = lr_value_int(1);
    struct lr_value items[] = {lr_value_device((struct lr_device){1, 0}), lr_value_int(8),
                               lr_value_int(1),
                               lr_value_dtype((struct lr_dtype){.code = 1, .bits = 8, .lanes = 1})};
    lr_link link = rig_open(rig, "client:dev");
    uint64_t evaluator = make_evaluator(rig, link, "rpc.test.addone", 1, 1, 10);
    if (link != LR_LINK_NONE) {
        lr_driver_window(rig->driver, link, 0);
    }
    rig_call(rig, link, evaluator, &one, 1);
    rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA, items, LR_COUNT_OF(items));
    rig_expect(rig, lr_server_count(rig->server).device_blocks == 0);
    lr_driver_advance(rig->driver, 10 * LR_MS);
    rig_expect(rig, lr_server_count(rig->server).device_blocks == 1);
}

/* However little of a packet has come when the run is over, the rest completes it. */
RIG_CASE(server_evaluator, a_packet_that_began_in_a_run_is_served_when_it_is_whole) {
    struct lr_value one = lr_value_int(1);
    struct lr_value name = str("rpc.test.addone");
    struct lr_buf packet;
    lr_link link = rig_open(rig, "client:dev");
    lr_buf_init(&packet, lr_alloc_system());
    cr_assert_eq(
        lr_packet_encode_values(rig->dialect, LR_PACKET_GET_GLOBAL_FUNC, &name, 1, &packet), LR_OK);
    uint64_t evaluator = make_evaluator(rig, link, "rpc.test.addone", 1, 1, 10);
    for (size_t cut = 1; cut < lr_buf_size(&packet); cut++) {
        rig_call(rig, link, evaluator, &one, 1);
        rig_send_bytes(rig, link, lr_buf_data(&packet), cut);
        lr_driver_advance(rig->driver, 10 * LR_MS);
        rig_expect(rig, rig_hear(rig, link) && rig_heard(rig, 1).kind == LR_VALUE_BYTES);
        rig_hear_nothing(rig, link);
        rig_send_bytes(rig, link, lr_buf_data(&packet) + cut, lr_buf_size(&packet) - cut);
        rig_expect(rig, rig_hear(rig, link) && rig_heard(rig, 0).kind == LR_VALUE_HANDLE);
    }
    rig_expect_alive(rig, link);
    lr_buf_deinit(&packet);
}

RIG_CASE(server_evaluator, a_turn_makes_a_thousand_calls) {
    static const struct {
        int64_t number;
        double seconds; /* a turn takes one */
    } rows[] = {{1000, 1.0 / 1000}, {1001, 2.0 / 1001}, {2000, 2.0 / 2000}};
    struct lr_value one = lr_value_int(1);
    lr_link link = rig_open(rig, "client:dev");
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        uint64_t evaluator = make_evaluator(rig, link, "rpc.test.addone", rows[i].number, 1, 0);
        lr_driver_set_turn(rig->driver, LR_SECOND);
        rig_call(rig, link, evaluator, &one, 1);
        lr_driver_advance(rig->driver, 10 * LR_SECOND);
        lr_driver_set_turn(rig->driver, 0);
        double seconds = hear_seconds(rig, link);
        rig_expect(rig, seconds > rows[i].seconds * 0.999999);
        rig_expect(rig, seconds < rows[i].seconds * 1.000001);
    }
}
