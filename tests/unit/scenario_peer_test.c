/* SPDX-License-Identifier: Apache-2.0 */
/* Raw peers and links in scripts: what they see, and that what a script makes a peer say is nobody
 * else's fault, while our own roles are judged as before. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/scenario_rig.h"

static struct lr_seen_run run;

static const struct lr_seen_case *play(const char *body) {
    return lr_rig_run_body(&run, body, NULL);
}

static void expect_fine(const char *body) {
    const struct lr_seen_case *seen = play(body);
    cr_expect_eq(seen->outcome, LR_CASE_AS_EXPECTED, "%s: %s: %s %s", body,
                 lr_case_outcome_name(seen->outcome), seen->reason, seen->findings);
}

static void expect_told(const char *body, const char *told) {
    const struct lr_seen_case *seen = play(body);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED, "%s", body);
    cr_expect(strstr(seen->reason, told) != NULL || strstr(seen->seen, told) != NULL,
              "no \"%s\" in: %s / %s", told, seen->reason, seen->seen);
}

#define TRACKER "local t = w:tracker() local l = w:peer():open(t) "
#define JOINED TRACKER "l:send(string.pack('<i4', 0x2f271)) l:read(4) "

Test(scenario_peer, hears_messages_by_their_lengths, .timeout = 60) {
    expect_fine(JOINED "l:tell('[1]') expect(l:answer()):is('0') expect(l:unread()):is(0)");
    expect_fine(JOINED "l:tell('[1]') l:tell('[1]') expect(l:read(5)):is('\\1\\0\\0\\0000') "
                       "expect(l:answer()):is('0')");
}

Test(scenario_peer, tells_of_the_end_and_of_what_does_not_come, .timeout = 60) {
    expect_fine(TRACKER "expect(l:ended('50ms')):is(nil) l:send('nonsense') "
                        "expect(l:ended()):is('fin')");
    expect_told(TRACKER "expect(1):is(1) l:read(4, '50ms')", "and no more in time");
    expect_told(TRACKER "expect(1):is(1) l:send('nonsense') l:read(4)", "and the end of the link");
    expect_told("local p = w:peer { serves = 'server' } expect(1):is(1) p:accept('50ms')",
                "nobody has connected to peer1");
    expect_told("expect(1):is(1) w:peer():accept()", "it serves nobody");
    expect_told("expect(1):is(1) local t = w:tracker() t:open(t)", "tracker1 is no raw peer");
    expect_told("local t = w:tracker() local p = w:peer() t:stop() expect(1):is(1) p:open(t)",
                "could not connect");
}

Test(scenario_peer, is_not_judged_for_what_the_script_makes_it_say, .timeout = 60) {
    expect_fine("local v = w:server { key = 'k' } local l = w:peer():open(v) "
                "l:send('GET / HTTP/1.1') expect(l:ended()):is('fin')");
}

Test(scenario_peer, does_not_cover_for_others, .timeout = 60) {
    const struct lr_seen_case *seen =
        play("local v = w:server { key = 'k' } local l = w:peer():open(v) "
             "l:send('GET / HTTP/1.1') expect(l:ended()):is('fin') "
             "local c = w:client { tracker = v } "
             "expect((pcall(c.request, c, 'k', { tries = 1 }))):is(false)");
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED);
    cr_expect(strstr(seen->findings, "client1 -> server1") != NULL, "%s", seen->findings);
    cr_expect(strstr(seen->findings, "peer1") == NULL, "%s", seen->findings);
}

Test(scenario_peer, measures_and_breaks_any_link, .timeout = 60) {
    expect_fine("local t = w:tracker() local v = w:server { key = 'k', tracker = t } "
                "local k = w:link(v, t) expect(k:open()):is(true) "
                "expect(k:bytes() > 60):is(true) expect(k:bytes('from_service')):is(14) "
                "local f = w:fault { on = k, kind = 'rst' } expect((f:fired())):is(1) "
                "expect(k:open()):is(false) expect(t):free('k', 1, '5s')");
    expect_told("local t = w:tracker() local c = w:client { tracker = t } expect(1):is(1) "
                "w:link(c, t)",
                "client1 has no connection to tracker1");
}

Test(scenario_peer, proves_nothing_without_memory) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .body = JOINED "l:tell('[1]') expect(l:answer()):is('0')\n"
                       "local p = w:peer { serves = 'server' }\n"
                       "local q = w:peer():open(p) local a = p:accept()\n"
                       "q:send('abc') expect(a:read(3)):is('abc') a:finish() q:reset()"});
}
