/* SPDX-License-Identifier: Apache-2.0 */
/* Roles that lie, break the protocol or name what is not theirs: the wire is believed, not they. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/ledger_rig.h"

static struct ledger_rig rig;
static uint32_t data;

static const struct lr_account *account(uint32_t number) {
    return lr_ledger_account(rig.ledger, number);
}

/* A session that is accepted, of c1 at s1. */
static void tell_of_session(void) {
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, lr_rig_request(&rig, "c1", 5001, 1), "test:0.1");
    data = lr_rig_hello(&rig, "c1", 5002, "s1", "test:0.1", "");
    lr_rig_accept(&rig, data);
}

static void open_session(void) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    tell_of_session();
}

static void end(void) {
    cr_assert_eq(lr_ledger_health(rig.ledger), LR_OK);
    lr_rig_deinit(&rig);
}

Test(ledger_lies, is_not_released_by_what_a_server_says_of_itself) {
    open_session();
    lr_rig_initialise(&rig, data, LR_DIALECT_FFI);
    struct lr_value text = lr_value_str(lr_text_of("RPCSessionTimeoutError: it is over, really"));
    lr_rig_packet(&rig, data, LR_FROM_SERVICE, LR_DIALECT_FFI, LR_PACKET_EXCEPTION, &text, 1);
    lr_rig_packet(&rig, data, LR_FROM_SERVICE, LR_DIALECT_FFI, LR_PACKET_SHUTDOWN, NULL, 0);
    lr_ledger_note(rig.ledger, rig.now, 1, "s1 says: session ended");
    cr_assert_eq(account(1)->released_at, LR_TIME_NEVER);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_LEAKED), 1U);
    end();
}

Test(ledger_lies, is_not_moved_by_a_stranger_who_names_its_matchkey) {
    open_session();
    uint32_t thief = lr_rig_hello(&rig, "c2", 5009, "s1", "test:0.1", "");
    lr_ledger_link_fin(rig.ledger, rig.now, thief, LR_TO_SERVICE);
    cr_assert_eq(account(1)->data_link, data);
    cr_assert_eq(account(1)->fin_at[LR_TO_SERVICE], LR_TIME_NEVER);
    cr_assert_eq(lr_ledger_account_of_link(rig.ledger, thief), account(2));
    end();
}

Test(ledger_lies, answers_that_nobody_asked_for_are_findings) {
    open_session();
    lr_rig_initialise(&rig, data, LR_DIALECT_FFI);
    struct lr_value one = lr_value_int(1);
    lr_rig_packet(&rig, data, LR_FROM_SERVICE, LR_DIALECT_FFI, LR_PACKET_RETURN, &one, 1);
    lr_rig_packet(&rig, data, LR_FROM_SERVICE, LR_DIALECT_FFI, LR_PACKET_CALL_FUNC, &one, 1);
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 2U);
    cr_assert_eq(account(1)->calls, 0U);
    end();
}

/* Whether the audit takes the client of a session that stays for gone after |direction|'s Shutdown.
 */
static bool gone_after(enum lr_direction direction) {
    open_session();
    lr_rig_initialise(&rig, data, LR_DIALECT_FFI);
    lr_rig_packet(&rig, data, direction, LR_DIALECT_FFI, LR_PACKET_SHUTDOWN, NULL, 0);
    rig.now += 20 * LR_SECOND;
    lr_rig_audit(&rig);
    bool gone = false;
    for (size_t i = 0; i < rig.finding_count; i++) {
        gone = gone || strstr(rig.findings[i].text, "c1 has gone") != NULL;
    }
    end();
    return gone;
}

Test(ledger_lies, a_shutdown_of_the_client_is_its_end_and_one_of_the_server_is_not) {
    cr_assert(gone_after(LR_TO_SERVICE));
    cr_assert_not(gone_after(LR_FROM_SERVICE));
}

Test(ledger_lies, bytes_that_do_not_decode_are_one_finding_a_direction) {
    open_session();
    for (int i = 0; i < 3; i++) {
        lr_rig_bytes(&rig, data, LR_TO_SERVICE, "\4\0\0\0\0\0\0\0\x63\0\0\0", 12);
    }
    lr_rig_audit(&rig);
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
    lr_rig_packet(&rig, data, LR_TO_SERVICE, LR_DIALECT_FFI, LR_PACKET_SHUTDOWN, NULL, 0);
    cr_assert_eq(account(1)->shutdown_at[LR_TO_SERVICE], rig.now, "what follows is still seen");
    end();
}

/* Who was told something else than its tracker said repeats that: it alone, and wherever it may. */
Test(ledger_lies,
     bytes_that_do_not_decode_are_no_finding_where_a_fault_has_changed_what_was_granted) {
    static const struct {
        const char *spoiled;
        enum lr_plane plane;
        size_t found;
    } rows[] = {{"c1", LR_PLANE_CONTROL, 0}, {"c1", LR_PLANE_DATA, 1}, {"c2", LR_PLANE_CONTROL, 1}};
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        open_session();
        uint32_t link = rows[i].plane == LR_PLANE_CONTROL
                            ? lr_rig_control(&rig, rows[i].spoiled, 5003, "[1]")
                            : lr_rig_connect(&rig, rows[i].spoiled, 5003, "s1");
        lr_ledger_link_spoiled(rig.ledger, link);
        lr_rig_bytes(&rig, data, LR_TO_SERVICE, "\4\0\0\0\0\0\0\0\x63\0\0\0", 12);
        lr_rig_audit(&rig);
        cr_expect_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), rows[i].found, "row %zu", i);
        end();
    }
}

static void tell_nonsense(void) {
    tell_of_session();
    lr_rig_bytes(&rig, data, LR_TO_SERVICE, "\4\0\0\0\0\0\0\0\x63\0\0\0", 12);
    lr_rig_audit(&rig);
}

static void expect_it_found(void) {
    cr_assert_eq(lr_rig_count(&rig, LR_FINDING_PROTOCOL), 1U);
}

Test(ledger_lies, says_so_where_memory_was_missing) {
    lr_rig_each_failure(&rig, tell_nonsense, expect_it_found);
}
