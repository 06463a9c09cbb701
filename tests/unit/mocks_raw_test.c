/* SPDX-License-Identifier: Apache-2.0 */
/* A raw peer: what it is told to send goes out as it is, what comes is kept, and it knows how each
 * link stands. The test is the other end. */
#include <criterion/criterion.h>
#include <string.h>

#include "mocks/peers/raw.h"
#include "support/failing.h"
#include "support/role_driver.h"

struct rig {
    struct lr_counting_alloc counting;
    struct lr_driver *driver;
    struct lr_raw *raw;
    lr_host host;
};

static void rig_init(struct rig *rig) {
    lr_counting_alloc_init(&rig->counting, lr_alloc_system());
    struct lr_env env = {.alloc = &rig->counting.base, .device = &rig->counting.base};
    struct lr_error error = {0};
    cr_assert_eq(lr_raw_new(&rig->raw, &env, &error), LR_OK);
    rig->driver = lr_driver_new();
    rig->host = lr_driver_add(rig->driver, lr_raw_role(rig->raw), "127.0.0.2");
}

static void rig_deinit(struct rig *rig) {
    lr_driver_free(rig->driver);
    lr_raw_free(rig->raw);
    cr_expect_eq(rig->counting.live_blocks, 0);
}

/* A link that the peer has opened to the test: its number with the peer is |*mine|. */
static lr_link rig_open(struct rig *rig, size_t *mine) {
    struct lr_address to = {.host = "127.0.0.9", .port = 4711};
    const struct lr_address *asked = NULL;
    cr_assert_eq(lr_raw_connect(rig->raw, &to, mine), LR_OK);
    cr_expect_eq(lr_raw_state(rig->raw, *mine), LR_RAW_CONNECTING);
    lr_driver_pump(rig->driver);
    lr_link link = lr_driver_waiting(rig->driver, rig->host, &asked);
    cr_assert_neq(link, LR_LINK_NONE);
    cr_expect_eq(asked->port, 4711);
    return link;
}

static void expect_kept(const struct rig *rig, size_t mine, const char *text) {
    const uint8_t *bytes;
    size_t size = lr_raw_received(rig->raw, mine, &bytes);
    cr_assert_eq(size, strlen(text));
    cr_expect(size == 0 || memcmp(bytes, text, size) == 0);
}

Test(raw, says_what_it_is_told_and_keeps_what_it_hears) {
    struct rig rig;
    size_t mine;
    size_t sent;
    rig_init(&rig);
    lr_link link = rig_open(&rig, &mine);
    lr_driver_accept(rig.driver, link);
    cr_expect_eq(lr_raw_state(rig.raw, mine), LR_RAW_UP);
    cr_expect_eq(lr_raw_send(rig.raw, mine, "half a mag", 10), LR_OK);
    lr_driver_pump(rig.driver);
    cr_expect(memcmp(lr_driver_output(rig.driver, link, &sent), "half a mag", 10) == 0);
    cr_expect_eq(sent, 10);
    lr_driver_feed(rig.driver, link, "answer", 6);
    lr_driver_feed(rig.driver, link, "s", 1);
    expect_kept(&rig, mine, "answers");
    lr_raw_take(rig.raw, mine, 4);
    expect_kept(&rig, mine, "ers");
    rig_deinit(&rig);
}

Test(raw, tells_how_the_other_end_has_ended_it) {
    struct rig rig;
    size_t fin;
    size_t reset;
    size_t refused;
    rig_init(&rig);
    lr_link link = rig_open(&rig, &fin);
    lr_driver_accept(rig.driver, link);
    lr_driver_feed(rig.driver, link, "last", 4);
    lr_driver_fin(rig.driver, link);
    cr_expect_eq(lr_raw_state(rig.raw, fin), LR_RAW_FIN);
    cr_expect_neq(lr_raw_ended_at(rig.raw, fin), LR_TIME_NEVER);
    expect_kept(&rig, fin, "last");
    cr_expect_eq(lr_raw_send(rig.raw, fin, "still", 5), LR_OK); /* half of it is open */
    lr_driver_pump(rig.driver);
    size_t sent;
    (void)lr_driver_output(rig.driver, link, &sent);
    cr_expect_eq(sent, 5);

    link = rig_open(&rig, &reset);
    lr_driver_accept(rig.driver, link);
    lr_driver_reset(rig.driver, link);
    cr_expect_eq(lr_raw_state(rig.raw, reset), LR_RAW_RESET);
    cr_expect_eq(lr_raw_send(rig.raw, reset, "x", 1), LR_OK); /* to nobody */

    link = rig_open(&rig, &refused);
    lr_driver_refuse(rig.driver, link);
    cr_expect_eq(lr_raw_state(rig.raw, refused), LR_RAW_REFUSED);
    rig_deinit(&rig);
}

Test(raw, ends_its_links_as_it_is_told) {
    struct rig rig;
    size_t closed;
    size_t reset;
    size_t finished;
    rig_init(&rig);
    lr_link a = rig_open(&rig, &closed);
    lr_driver_accept(rig.driver, a);
    lr_link b = rig_open(&rig, &reset);
    lr_driver_accept(rig.driver, b);
    lr_link c = rig_open(&rig, &finished);
    lr_driver_accept(rig.driver, c);
    lr_raw_end(rig.raw, closed, false);
    lr_raw_end(rig.raw, reset, true);
    cr_expect_eq(lr_raw_signal(rig.raw, finished, LR_COMMAND_SHUT_WRITE), LR_OK);
    lr_driver_pump(rig.driver);
    cr_expect(lr_driver_saw_fin(rig.driver, a));
    cr_expect(lr_driver_saw_reset(rig.driver, b));
    cr_expect(lr_driver_saw_fin(rig.driver, c));
    lr_driver_feed(rig.driver, c, "more", 4);
    expect_kept(&rig, finished, "more");
    lr_raw_end(rig.raw, closed, true); /* twice is once */
    cr_expect_eq(lr_raw_state(rig.raw, closed), LR_RAW_ENDED);
    rig_deinit(&rig);
}

Test(raw, hands_out_the_links_that_come_in_their_order) {
    struct rig rig;
    size_t first;
    size_t second;
    rig_init(&rig);
    cr_assert_eq(lr_raw_listen(rig.raw, "127.0.0.2"), LR_OK);
    lr_driver_pump(rig.driver);
    cr_expect_neq(lr_raw_port(rig.raw), 0);
    cr_expect_not(lr_raw_next_accepted(rig.raw, &first));
    lr_link a = lr_driver_connect(rig.driver, rig.host, "127.0.0.3");
    lr_link b = lr_driver_connect(rig.driver, rig.host, "127.0.0.4");
    lr_driver_feed(rig.driver, b, "second", 6);
    lr_driver_feed(rig.driver, a, "first", 5);
    cr_assert(lr_raw_next_accepted(rig.raw, &first));
    cr_assert(lr_raw_next_accepted(rig.raw, &second));
    cr_expect_not(lr_raw_next_accepted(rig.raw, &first));
    expect_kept(&rig, first, "first");
    expect_kept(&rig, second, "second");
    rig_deinit(&rig);
}

static void talk(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_env env = {.alloc = alloc, .device = alloc};
    struct lr_error error = {0};
    struct lr_raw *raw = NULL;
    if (lr_raw_new(&raw, &env, &error) != LR_OK) {
        cr_expect_not(lr_test_must_succeed(alloc));
        return;
    }
    struct lr_driver *driver = lr_driver_new();
    lr_host host = lr_driver_add(driver, lr_raw_role(raw), "127.0.0.2");
    struct lr_address to = {.host = "127.0.0.9", .port = 4711};
    size_t mine;
    if (lr_raw_connect(raw, &to, &mine) == LR_OK) {
        const struct lr_address *asked;
        lr_driver_pump(driver);
        lr_link link = lr_driver_waiting(driver, host, &asked);
        lr_driver_accept(driver, link);
        enum lr_status status = lr_raw_send(raw, mine, "hello", 5);
        cr_expect(status == LR_OK || !lr_test_must_succeed(alloc));
        lr_driver_pump(driver);
        lr_driver_feed(driver, link, "world", 5);
        const uint8_t *bytes;
        size_t kept = lr_raw_received(raw, mine, &bytes);
        cr_expect(kept == 5 || lr_raw_state(raw, mine) == LR_RAW_ENDED);
        cr_expect(kept == 5 || !lr_test_must_succeed(alloc));
        lr_raw_end(raw, mine, false);
        lr_driver_pump(driver);
    } else {
        cr_expect_not(lr_test_must_succeed(alloc));
    }
    lr_driver_free(driver);
    lr_raw_free(raw);
}

Test(raw, loses_nothing_where_memory_runs_out) {
    lr_test_each_failure(talk, NULL);
}
