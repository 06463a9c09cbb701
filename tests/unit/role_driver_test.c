/* SPDX-License-Identifier: Apache-2.0 */
/* The world in memory that the tests of roles stand on, with a role that does nothing but tell what
 * it hears: what the driver promises to tests has to be so. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/failing.h"
#include "support/role_driver.h"

struct recorder {
    struct lr_role role;
    char heard[256]; /* a letter an event */
    lr_conn last;    /* the connection of the last event that had one */
    lr_time deadline;
    size_t unsent;
    bool echo;
    struct lr_alloc *alloc; /* what it echoes with; NULL: the system's, which does not fail */
    bool failed;            /* .. and this one did */
};

static void record(struct lr_role *role, const struct lr_event *event) {
    static const char letters[] = "LlACcRWHDXE"; /* by enum lr_event_kind */
    struct recorder *recorder = (struct recorder *)role;
    size_t count = strlen(recorder->heard);
    if (count + 1 < sizeof recorder->heard) {
        recorder->heard[count] = letters[event->kind];
    }
    if (event->kind == LR_EVENT_EXPIRED) {
        recorder->deadline = LR_TIME_NEVER;
    } else if (event->kind != LR_EVENT_LISTENING) {
        recorder->last = event->conn;
    }
    recorder->unsent = event->kind == LR_EVENT_WRITABLE ? event->unsent : recorder->unsent;
    if (event->kind == LR_EVENT_RECEIVED && recorder->echo) {
        struct lr_buf bytes;
        lr_buf_init(&bytes, recorder->alloc != NULL ? recorder->alloc : lr_alloc_system());
        recorder->failed = lr_buf_append(&bytes, event->data, event->size) != LR_OK ||
                           lr_outbox_send(&role->outbox, event->conn, &bytes) != LR_OK;
        lr_buf_deinit(&bytes);
        cr_assert(!recorder->failed || recorder->alloc != NULL);
    }
}

static lr_time recorder_deadline(const struct lr_role *role) {
    return ((const struct recorder *)role)->deadline;
}

static const struct lr_role_ops recorder_ops = {"recorder", record, recorder_deadline};

static struct recorder listening, dialing;
static struct lr_driver *driver;
static lr_conn listener;

static void begin(void) {
    struct recorder fresh = {.role = {.ops = &recorder_ops}, .deadline = LR_TIME_NEVER};
    listening = dialing = fresh;
    listening.echo = true;
    lr_outbox_init(&listening.role.outbox, lr_alloc_system());
    lr_outbox_init(&dialing.role.outbox, lr_alloc_system());
    driver = lr_driver_new();
    (void)lr_driver_add(driver, &listening.role, "10.0.0.1");
    (void)lr_driver_add(driver, &dialing.role, "10.0.0.2");
    struct lr_keepalive none = {0};
    cr_assert_eq(lr_outbox_listen(&listening.role.outbox, "10.0.0.1", 7000, 7001, none, &listener),
                 LR_OK);
    lr_driver_pump(driver);
}

static void end(void) {
    lr_driver_free(driver);
    lr_outbox_deinit(&listening.role.outbox);
    lr_outbox_deinit(&dialing.role.outbox);
}

static lr_conn dial(uint16_t port) {
    struct lr_address address = {.host = "10.0.0.1", .port = port};
    struct lr_keepalive none = {0};
    lr_conn conn;
    cr_assert_eq(lr_outbox_connect(&dialing.role.outbox, &address, none, &conn), LR_OK);
    lr_driver_pump(driver);
    return conn;
}

static void send_text(struct lr_role *role, lr_conn conn, const char *text) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    cr_assert_eq(lr_buf_append(&bytes, text, strlen(text)), LR_OK);
    cr_assert_eq(lr_outbox_send(&role->outbox, conn, &bytes), LR_OK);
    lr_driver_pump(driver);
}

TestSuite(role_driver, .init = begin, .fini = end);

Test(role_driver, joins_a_connect_with_the_listener_on_its_port) {
    lr_conn conn = dial(7000);
    send_text(&dialing.role, conn, "hello");
    cr_expect_str_eq(dialing.heard, "CWR");
    cr_expect_str_eq(listening.heard, "LARW");
    lr_outbox_close(&dialing.role.outbox, conn, 0);
    lr_driver_pump(driver);
    cr_expect_str_eq(listening.heard, "LARWH");
    cr_expect_eq(lr_driver_connections(driver, 1), 0);
    cr_expect_eq(lr_driver_connections(driver, 0), 1);
    lr_outbox_close(&listening.role.outbox, listening.last, 0);
    lr_driver_pump(driver);
    cr_expect_eq(lr_driver_connections(driver, 0), 0);
    cr_expect_str_eq(dialing.heard, "CWR"); /* no more of a connection it has given up */
}

Test(role_driver, breaks_a_link_between_roles_for_both) {
    (void)dial(7000);
    lr_driver_cut(driver, lr_driver_between(driver, 1, 0, 0));
    cr_expect_str_eq(dialing.heard, "CX");
    cr_expect_str_eq(listening.heard, "LAX");
    cr_expect_eq(lr_driver_between(driver, 1, 0, 0), LR_LINK_NONE);
}

Test(role_driver, holds_bytes_back_and_tells_how_many_wait) {
    lr_conn conn = dial(7000);
    lr_driver_window_to(driver, lr_driver_between(driver, 1, 0, 0), 0, 2);
    send_text(&dialing.role, conn, "hello");
    cr_expect_eq(dialing.unsent, 3);
    lr_driver_window_to(driver, lr_driver_between(driver, 1, 0, 0), 0, SIZE_MAX);
    cr_expect_eq(dialing.unsent, 0);
}

Test(role_driver, lets_the_test_answer_where_nobody_listens) {
    const struct lr_address *address;
    (void)dial(7777);
    lr_link link = lr_driver_waiting(driver, 1, &address);
    cr_assert_neq(link, LR_LINK_NONE);
    cr_expect_eq(address->port, 7777);
    lr_driver_refuse(driver, link);
    cr_expect_str_eq(dialing.heard, "c");
    lr_conn conn = dial(7778);
    link = lr_driver_waiting(driver, 1, NULL);
    lr_driver_accept(driver, link);
    send_text(&dialing.role, conn, "hello");
    size_t size;
    cr_expect(memcmp(lr_driver_output(driver, link, &size), "hello", 5) == 0);
    cr_expect_eq(size, 5);
    lr_driver_feed(driver, link, "x", 1);
    lr_driver_lose(driver, link);
    cr_expect_str_eq(dialing.heard, "cCWRD");
}

Test(role_driver, keeps_input_of_a_paused_role) {
    lr_link link = lr_driver_connect(driver, 0, "10.0.0.9");
    cr_assert_eq(lr_outbox_signal(&listening.role.outbox, listening.last, LR_COMMAND_PAUSE), LR_OK);
    lr_driver_feed(driver, link, "abc", 3);
    lr_driver_fin(driver, link);
    cr_expect_str_eq(listening.heard, "LA");
    cr_assert_eq(lr_outbox_signal(&listening.role.outbox, listening.last, LR_COMMAND_RESUME),
                 LR_OK);
    lr_driver_pump(driver);
    cr_expect_str_eq(listening.heard, "LARWH");
    lr_driver_reset(driver, link);
    cr_expect_str_eq(listening.heard, "LARWHX");
}

Test(role_driver, kills_a_role_with_all_it_has) {
    (void)dial(7000);
    lr_driver_kill(driver, 0, false);
    cr_expect_str_eq(dialing.heard, "CH");
    cr_expect_eq(lr_driver_connect(driver, 0, "10.0.0.9"), LR_LINK_NONE);
    (void)dial(7000);
    cr_expect_neq(lr_driver_waiting(driver, 1, NULL), LR_LINK_NONE);
}

Test(role_driver, stops_at_each_deadline_on_the_way) {
    dialing.deadline = lr_driver_now(driver) + 5;
    listening.deadline = lr_driver_now(driver) + 7;
    lr_time start = lr_driver_now(driver);
    lr_driver_advance(driver, 4);
    cr_expect_str_eq(dialing.heard, "");
    lr_driver_advance(driver, 1);
    cr_expect_str_eq(dialing.heard, "E");
    cr_expect_str_eq(listening.heard, "L");
    lr_driver_advance(driver, 10);
    cr_expect_str_eq(listening.heard, "LE");
    cr_expect_eq(lr_driver_now(driver), start + 15);
}

/* ---- without memory of the role ---- */

/* The driver has memory of its own; what the role is refused it does without, and both go on. */
static void echo_poorly(struct lr_alloc *alloc, void *context) {
    struct recorder poor = {
        .role = {.ops = &recorder_ops}, .deadline = LR_TIME_NEVER, .echo = true, .alloc = alloc};
    struct lr_driver *own = lr_driver_new();
    struct lr_keepalive none = {0};
    lr_conn number;
    size_t size = 0;
    (void)context;
    lr_outbox_init(&poor.role.outbox, alloc);
    lr_host host = lr_driver_add(own, &poor.role, "10.0.0.3");
    bool whole =
        lr_outbox_listen(&poor.role.outbox, "10.0.0.3", 7000, 7001, none, &number) == LR_OK;
    lr_driver_pump(own);
    lr_link link = lr_driver_connect(own, host, "10.0.0.9");
    whole = whole && link != LR_LINK_NONE;
    if (link != LR_LINK_NONE) {
        lr_driver_feed(own, link, "hello", 5);
        const uint8_t *echoed = lr_driver_output(own, link, &size);
        whole = size == 5 && memcmp(echoed, "hello", size) == 0;
        cr_assert_eq(whole, !poor.failed, "what was refused was not sent, and all else was");
        lr_driver_fin(own, link);
        cr_assert_eq(poor.heard[strlen(poor.heard) - 1], 'H', "%s", poor.heard);
    }
    cr_assert_eq(whole, lr_test_must_succeed(alloc));
    lr_driver_free(own);
    lr_outbox_deinit(&poor.role.outbox);
}

Test(role_driver, goes_on_whatever_the_role_is_refused) {
    lr_test_each_failure(echo_poorly, NULL);
}
