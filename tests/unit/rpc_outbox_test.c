/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: numbers are used once, what is said goes out in order, and an end has always room. */
#include <criterion/criterion.h>

#include "rpc/role.h"
#include "support/failing.h"

static const struct lr_keepalive none = {0};

static bool say(struct lr_outbox *outbox, lr_conn conn, const char *text) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, outbox->alloc);
    bool said = lr_buf_append(&bytes, text, strlen(text)) == LR_OK &&
                lr_outbox_send(outbox, conn, &bytes) == LR_OK;
    lr_buf_deinit(&bytes);
    return said;
}

static size_t run_at(const struct lr_command *commands, size_t count, size_t at) {
    struct lr_buf *buffers[LR_OUTBOX_RUN_MAX];
    return lr_outbox_run((struct lr_command *)&commands[at], count - at, buffers);
}

Test(rpc_outbox, sends_in_a_row_for_one_connection_are_one_run) {
    struct lr_outbox outbox;
    size_t count;
    lr_outbox_init(&outbox, lr_alloc_system());
    lr_conn first = lr_outbox_accept(&outbox);
    lr_conn second = lr_outbox_accept(&outbox);
    cr_assert(first != 0 && second != 0 && first != second);
    cr_assert(say(&outbox, first, "a") && say(&outbox, first, "b") && say(&outbox, second, "c"));
    cr_assert_eq(lr_outbox_signal(&outbox, second, LR_COMMAND_PAUSE), LR_OK);
    cr_assert(say(&outbox, second, "d"));

    struct lr_command *commands = lr_outbox_take(&outbox, &count);
    cr_assert_eq(count, 5);
    struct lr_buf *buffers[LR_OUTBOX_RUN_MAX];
    cr_assert_eq(lr_outbox_run(commands, count, buffers), 2);
    cr_expect_eq(buffers[0], &commands[0].bytes);
    cr_expect_eq(buffers[1], &commands[1].bytes);
    cr_expect_eq(run_at(commands, count, 2), 1, "another kind ends a run");
    cr_expect_eq(run_at(commands, count, 3), 0, "no send");
    cr_expect_eq(run_at(commands, count, 4), 1, "the last");
    for (size_t i = 0; i < count; i++) {
        lr_outbox_drop(&outbox, &commands[i]);
    }
    lr_outbox_return(&outbox);
    lr_outbox_deinit(&outbox);
}

Test(rpc_outbox, a_run_has_no_more_than_go_out_together) {
    struct lr_outbox outbox;
    size_t count;
    lr_outbox_init(&outbox, lr_alloc_system());
    lr_conn conn = lr_outbox_accept(&outbox);
    for (int i = 0; i < LR_OUTBOX_RUN_MAX + 3; i++) {
        cr_assert(say(&outbox, conn, "x"));
    }
    const struct lr_command *commands = lr_outbox_take(&outbox, &count);
    cr_expect_eq(run_at(commands, count, 0), LR_OUTBOX_RUN_MAX);
    cr_expect_eq(run_at(commands, count, LR_OUTBOX_RUN_MAX), 3);
    lr_outbox_deinit(&outbox); /* drops what nobody has carried out */
}

/* Whatever is refused on the way, each connection that there is can be given up. */
static void open_and_end(struct lr_alloc *alloc, void *context) {
    struct lr_outbox outbox;
    struct lr_address address = {.host = "server", .port = 9090};
    lr_conn conns[40];
    size_t opened = 0;
    size_t count;
    (void)context;
    lr_outbox_init(&outbox, alloc);
    for (size_t i = 0; i < LR_COUNT_OF(conns); i++) {
        lr_conn conn = 0;
        bool dials = i % 2 == 0;
        if (dials && lr_outbox_connect(&outbox, &address, none, &conn) != LR_OK) {
            continue;
        }
        conn = dials ? conn : lr_outbox_accept(&outbox);
        if (conn != 0) {
            conns[opened++] = conn;
            (void)say(&outbox, conn, "hello");
        }
    }
    cr_assert(opened == LR_COUNT_OF(conns) || !lr_test_must_succeed(alloc));
    for (size_t i = 0; i < opened; i++) {
        cr_assert(i == 0 || conns[i] > conns[i - 1]);
        if (i % 3 == 0) {
            lr_outbox_reset(&outbox, conns[i]);
        } else {
            lr_outbox_close(&outbox, conns[i], LR_SECOND);
        }
    }
    const struct lr_command *commands = lr_outbox_take(&outbox, &count);
    cr_assert_geq(count, opened);
    for (size_t i = 0; i < opened; i++) {
        const struct lr_command *end = &commands[count - opened + i];
        cr_assert_eq(end->conn, conns[i]);
        cr_assert_eq(end->kind, i % 3 == 0 ? LR_COMMAND_RESET : LR_COMMAND_CLOSE);
    }
    lr_outbox_deinit(&outbox);
}

Test(rpc_outbox, an_end_needs_no_memory) {
    lr_test_each_failure(open_and_end, NULL);
}

/* However a connection ends: closed, reset, or by its peer. */
Test(rpc_outbox, connections_that_come_and_go_leave_nothing_behind) {
    struct lr_counting_alloc counting;
    struct lr_outbox outbox;
    size_t first = 0;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_outbox_init(&outbox, &counting.base);
    for (int i = 0; i < 3000; i++) {
        size_t count;
        lr_conn conn = lr_outbox_accept(&outbox);
        cr_assert_neq(conn, 0);
        if (i % 3 == 0) {
            lr_outbox_close(&outbox, conn, 0);
        } else if (i % 3 == 1) {
            lr_outbox_reset(&outbox, conn);
        } else {
            lr_outbox_ended(&outbox);
        }
        (void)lr_outbox_take(&outbox, &count);
        cr_assert_eq(count, i % 3 == 2 ? 0U : 1U);
        lr_outbox_return(&outbox);
        first = i == 0 ? counting.live_bytes : first;
    }
    cr_assert_eq(counting.live_bytes, first, "%zu bytes after 3000 connections, %zu after one",
                 counting.live_bytes, first);
    lr_outbox_deinit(&outbox);
    cr_assert_eq(counting.live_blocks, 0U);
}
