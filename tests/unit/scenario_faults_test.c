/* SPDX-License-Identifier: Apache-2.0 */
/* Faults in scripts: the page tells what the table says; what has to be undone is; a fault that has
 * not fired, or that does not exist here, is not taken for one that did no harm. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scenario_rig.h"
#include "world/fault.h"
#include "world/point.h"

static struct lr_seen_run run;

/* ---- the page ---- */

static void expect_line(const char *page, const char *line) {
    cr_expect(strstr(page, line) != NULL, "not in docs/scenarios.md: %s", line);
}

Test(scenario_faults, the_page_has_the_table_as_it_is) {
    static const char *const subjects[] = {"link", "service", "host"};
    static const char *const places[] = {"sim", "sim, hosts", "sim, relay", "both"};
    char *page = lr_rig_read(LR_TEST_DOCS "/scenarios.md");
    size_t lines = 0;
    for (int i = 0; i < LR_FAULT_KINDS; i++) {
        const struct lr_fault_row *row = lr_fault_row((enum lr_fault_kind)i);
        char line[512];
        const char *quote = row->takes == NULL ? "" : "`";
        (void)snprintf(line, sizeof line, "\n| `%s` | %s | %s | %s | %s | %s%s%s |\n", row->name,
                       subjects[row->subject], places[row->live], row->undoable ? "yes" : "",
                       row->does, quote, row->takes == NULL ? "" : row->takes, quote);
        expect_line(page, line);
        if (row->not_live != NULL) {
            (void)snprintf(line, sizeof line, "\n| `%s` | %s |\n", row->name, row->not_live);
            expect_line(page, line);
        }
    }
    const char *table = strstr(page, "| kind | of a | where |");
    cr_assert_not_null(table);
    for (const char *at = strstr(table, "\n| `"); at != NULL && strstr(at, "Why some") != NULL;
         at = strstr(at + 1, "\n| `")) {
        lines++;
    }
    cr_expect_eq(lines, (size_t)LR_FAULT_KINDS, "%zu rows: one of no kind", lines);
    free(page);
}

/* ---- what becomes of a case ---- */

#define STAGE                                                                                      \
    "local t = w:tracker() local v = w:server { key = 'k', tracker = t } "                         \
    "local c = w:client { tracker = t } local s = c:request('k') expect(1):is(1)\n"

static const struct lr_seen_case *play(const char *lines, const char *world) {
    char body[2048];
    (void)snprintf(body, sizeof body, STAGE "%s", lines);
    const struct lr_rig_options options = {.sim = strcmp(world, "sim") == 0};
    return lr_rig_run_body(&run, body, &options);
}

static void expect_outcome(const char *lines, const char *world, enum lr_case_outcome outcome,
                           const char *reason) {
    const struct lr_seen_case *seen = play(lines, world);
    cr_expect_eq(seen->outcome, outcome, "%s: %s: %s", lines, lr_case_outcome_name(seen->outcome),
                 seen->reason);
    cr_expect(strstr(seen->reason, reason) != NULL, "%s: no \"%s\" in: %s", lines, reason,
              seen->reason);
}

Test(scenario_faults, one_that_never_fired_makes_the_case_invalid, .timeout = 300) {
    static const char *const faults[] = {
        "w:fault { on = s, kind = 'rst', after = 1000000 }",
        "w:fault { on = s, kind = 'garbage', after = 'CopyToRemote' } s:call('rpc.test.addone', 1)",
        "w:fault { on = v, kind = 'refuse' }",
        "w:fault { on = v, kind = 'kill', at = '10s' }",
        "w:fault { on = v, kind = 'no_memory', allocation = 1000000 }",
        "w:fault { on = s, kind = 'stall', at = '1s' }:undo() w:pass('2s')",
        ("w:fault { on = v, kind = 'refuse', chance = { 1, 1000000 } } "
         "c:request('k', { wait = '10ms', tries = 1 })"),
    };
    for (size_t i = 0; i < LR_COUNT_OF(faults); i++) {
        const struct lr_seen_case *seen = play(faults[i], "sim");
        bool is_last = i == LR_COUNT_OF(faults) - 1; /* nobody is free: an error, and no connect */
        cr_expect_eq(seen->outcome, is_last ? LR_CASE_UNEXPECTED : LR_CASE_INVALID, "%s: %s: %s",
                     faults[i], lr_case_outcome_name(seen->outcome), seen->reason);
    }
}

Test(scenario_faults, one_that_does_not_exist_here_is_not_run, .timeout = 300) {
    expect_outcome("w:fault { on = v, kind = 'power_off' }", "live", LR_CASE_NOT_RUN,
                   "power_off: needs parties that are hosts of their own (w:hosts())");
    expect_outcome("w:fault { on = s, kind = 'stall' }", "live", LR_CASE_NOT_RUN,
                   "stall: needs a relay of ours on the link (relay = true");
    expect_outcome("w:fault { on = v, kind = 'garbage' }", "live", LR_CASE_NOT_RUN,
                   "garbage: needs a relay of ours before server1");
    expect_outcome("w:fault { on = v, kind = 'interrupts' }", "live", LR_CASE_NOT_RUN,
                   "libuv makes an interrupted call again");
}

Test(scenario_faults, what_lasts_ends_in_time_or_when_undone, .timeout = 300) {
    static const char *const lines[] = {
        "w:fault { on = s, kind = 'stall', lasts = '1s' } s:call('rpc.test.addone', 1) "
        "expect(w:now() >= 1e9 and w:now() < 1.1e9):is(true)",
        "w:fault { on = s, kind = 'latency', time = '1s', at = '1s', lasts = '5s' } "
        "s:call('rpc.test.addone', 1) expect(w:now() < 1e8):is(true) w:pass('2s') "
        "s:call('rpc.test.addone', 1) expect(w:now() > 6e9):is(true) w:pass('9s') "
        "local n = w:now() s:call('rpc.test.addone', 1) expect(w:now() - n < 1e8):is(true)",
        "local f = w:fault { on = v, kind = 'freeze' } "
        "local k = w:spawn(function() return s:call('rpc.test.addone', 1) end) w:pass('1s') "
        "expect(k:ended()):is(false) f:undo() expect(k:join()):is(2)",
        "local f = w:fault { on = v, kind = 'clock_jump', by = '7200s', back = true } "
        "local a = v:wall_clock() expect(t:wall_clock() - a):is(7200 * 1000000000) f:undo() "
        "expect(v:wall_clock() - a):is(7200 * 1000000000) s:call('rpc.test.addone', 1)",
        "w:fault { on = v, kind = 'no_memory', chance = { 1, 1 }, lasts = '1s' } "
        "expect(pcall(s.call, s, 'rpc.test.addone', 1)):is(false) w:pass('10s') "
        "local r = c:request('k') expect(r:call('rpc.test.addone', 1)):is(2)",
        "local f = w:fault { on = v, kind = 'partition', with = { t } } w:pass('1s') f:undo() "
        "expect(s:call('rpc.test.addone', 1)):is(2)",
    };
    for (size_t i = 0; i < LR_COUNT_OF(lines); i++) {
        expect_outcome(lines[i], "sim", LR_CASE_AS_EXPECTED, "");
    }
}

Test(scenario_faults, who_restarts_comes_back_at_its_port, .timeout = 300) {
    for (int live = 0; live < 2; live++) {
        expect_outcome("local before = v:port() w:fault { on = v, kind = 'restart' } "
                       "expect(t):free('k', 1, '8s') local r = c:request('k') "
                       "expect(r:call('rpc.test.addone', 1)):is(2) expect(v:port()):is(before)",
                       live != 0 ? "live" : "sim", LR_CASE_AS_EXPECTED, "");
        expect_outcome("w:fault { on = t, kind = 'restart' } s:close() "
                       "expect(t):free('k', 1, '8s') expect(c:request('k'):dialect()):is('ffi')",
                       live != 0 ? "live" : "sim", LR_CASE_AS_EXPECTED, "");
    }
}

Test(scenario_faults, each_draws_from_chance_of_its_own, .timeout = 300) {
    static const char other[] =
        "w:fault { on = s, kind = 'jitter', time = 0, after = 'FreeHandle' } ";
    static const char line[] =
        "%slocal f = w:fault { on = s, kind = 'latency', time = '1ms', chance = { 1, 30 } } %s"
        "for i = 1, 20 do pcall(s.call, s, 'rpc.test.addone', i) end "
        "f:fired() s:close()";
    char lines[2][1024];
    (void)snprintf(lines[0], sizeof lines[0], line, "", "");
    (void)snprintf(lines[1], sizeof lines[1], line, "", other);
    char told[2][128];
    for (size_t i = 0; i < 2; i++) {
        const struct lr_seen_case *seen = play(lines[i], "sim");
        cr_assert_eq(seen->outcome, LR_CASE_AS_EXPECTED, "%s", seen->reason);
        const char *receipt = strstr(seen->receipts, "latency");
        cr_assert_not_null(receipt);
        (void)snprintf(told[i], sizeof told[i], "%.*s", (int)strcspn(receipt, "\n"), receipt);
    }
    cr_expect_str_eq(told[0], told[1]);
}

Test(scenario_faults, no_fault_is_believed_without_memory, .timeout = 300) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .body = STAGE "local f = w:fault { on = s, kind = 'latency', time = '1ms' } "
                      "expect(s:call('rpc.test.addone', 1)):is(2) expect(f:fired() > 0):is(true) "
                      "f:undo() w:fault { on = s, kind = 'rst' }:fired() "
                      "expect(s):released { after = 'rst' }"});
}
