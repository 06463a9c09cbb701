/* SPDX-License-Identifier: Apache-2.0 */
/* After a case nothing of it is left: no process, no descriptor, no memory, whatever has happened
 * in it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenario/calibrate.h"
#include "scenario/play.h"
#include "support/scenario_rig.h"

#define STAGE                                                                                      \
    "local t = w:tracker() local v = w:server { key = 'k', tracker = t } "                         \
    "local c = w:client { tracker = t } local s = c:request('k')\n"

static struct lr_seen_run run;

/* What cases do, and leave behind for the stage to end. */
static const char *const bodies[] = {
    STAGE "s:close() expect(s):released { within = '20s', requestable = '20s' }",
    STAGE "local f = s:get_function('rpc.test.addone')\n"
          "local a = s:array(100000) a:write(('x'):rep(100000))\n"
          "s:upload('x', ('y'):rep(100000)) expect(1):is(1)",
    STAGE "w:spawn(function() pcall(s.call, s, 'rpc.test.addone', 1) end) error('in the middle')",
    STAGE "w:fault { on = s, kind = 'black_hole' } expect(1):is(1)",
    STAGE
    "w:fault { on = v, kind = 'rst', after = 5 } w:fault { on = v, kind = 'fin' } expect(1):is(1)",
    STAGE "w:spawn(function() c:request('k') end) w:pass('10ms') expect(1):is(2)",
    STAGE "v:kill() t:stop() c:kill() expect(1):is(1)",
    "w:program { command = { 'sh', '-c', 'sleep 1000 & sleep 1000' } } expect(1):is(1)",
    "local p = w:program { command = { 'sh', '-c', 'read x' } } p:freeze() expect(1):is(1)",
    "w:program { command = { '/nonexistent' } }",
    "w:server { port = w:tracker():port(), key = 'k' }",
    "w:tvm_client {}",
    "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000000) .. i end",
    "for i = 1, 1e6 do w:spawn(function() w:pass('10s') end) end",
};

static void run_balanced(const char *body) {
    struct lr_counting_alloc counting;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    const struct lr_rig_options options = {.alloc = &counting.base};
    size_t before = lr_rig_descriptors();
    (void)lr_rig_run_body(&run, body, &options);
    cr_expect_eq(lr_rig_descriptors(), before, "%zu descriptors instead of %zu after: %s",
                 lr_rig_descriptors(), before, body);
    cr_expect(counting.live_blocks == 0 && counting.live_bytes == 0,
              "%zu blocks of %zu bytes after: %s", counting.live_blocks, counting.live_bytes, body);
    cr_expect_gt(counting.calls, 100, "the counter has counted");
}

Test(scenario_stage, descriptors_and_memory_are_balanced, .timeout = 300) {
    (void)lr_rig_run_body(&run, bodies[0], NULL); /* what the libraries open once */
    for (size_t i = 0; i < LR_COUNT_OF(bodies); i++) {
        run_balanced(bodies[i]);
    }
}

/* The group of a program, its children and what was frozen included: each of them holds a pipe
 * open, which ends with the last. */
Test(scenario_stage, programs_are_ended_with_their_children, .timeout = 300) {
    char folder[64];
    char body[512];
    char path[96];
    lr_rig_make_folder(folder, sizeof folder);
    (void)snprintf(path, sizeof path, "%s/pipe", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct pollfd pipe_end = {.fd = open(path, O_RDONLY | O_NONBLOCK), .events = POLLIN};
    cr_assert_geq(pipe_end.fd, 0);
    (void)snprintf(body, sizeof body,
                   "local p = w:program { command = { 'sh', '-c',\n"
                   "'exec 3>%s; sleep 1000 & read x; echo ok; read x' } }\n"
                   "p:step('go') p:freeze() expect(1):is(1)",
                   path);
    cr_assert_eq(lr_rig_run_body(&run, body, NULL)->outcome, LR_CASE_AS_EXPECTED, "%s",
                 run.cases[0].reason);
    cr_expect_eq(poll(&pipe_end, 1, 30000), 1);
    cr_expect(pipe_end.revents & POLLHUP, "somebody still lives");
    (void)close(pipe_end.fd);
    lr_rig_remove_folder(folder);
}

Test(scenario_stage, a_party_that_leaves_memory_behind_is_told) {
    struct lr_case_result result;
    struct lr_stage *stage;
    struct lr_party *party;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_case_result_init(&result, lr_alloc_system(), "n", "t", "f"), LR_OK);
    struct lr_stage_options options = {.alloc = lr_alloc_system(), .seed = 1, .result = &result};
    cr_assert_eq(lr_stage_new(&stage, &options, &error), LR_OK, "%s", error.text);
    struct lr_client_options client = lr_client_options_default;
    cr_assert_eq(lr_stage_client(stage, "lossy", &client, NULL, &party, &error), LR_OK);
    void *lost = lr_alloc_bytes(&party->memory.base, 10);
    lr_stage_free(stage);
    cr_assert_eq(result.findings.count, 1);
    cr_expect_str_eq(result.findings.first->text, "left over: lossy leaves 10 bytes in 1 blocks");
    lr_alloc_free(lr_alloc_system(), lost, 10);
    lr_case_result_deinit(&result);
}

Test(scenario_stage, names_are_given_once) {
    struct lr_stage *stage;
    struct lr_party *party;
    struct lr_error error = {.code = LR_OK};
    struct lr_stage_options options = {.alloc = lr_alloc_system(), .seed = 1};
    cr_assert_eq(lr_stage_new(&stage, &options, &error), LR_OK);
    struct lr_client_options client = lr_client_options_default;
    cr_expect_eq(lr_stage_client(stage, "client1", &client, NULL, &party, &error), LR_OK);
    cr_expect_eq(lr_stage_client(stage, NULL, &client, NULL, &party, &error), LR_OK);
    cr_expect_str_eq(party->name, "client2", "the first is taken");
    cr_expect_eq(lr_stage_client(stage, "client2", &client, NULL, &party, &error), LR_EEXISTS);
    cr_expect_eq(lr_stage_client(stage, "", &client, NULL, &party, &error), LR_EINVAL);
    lr_stage_free(stage);
}

Test(scenario_stage, calibration_measures_each_round) {
    struct lr_calibration calibration;
    struct lr_counting_alloc counting;
    struct lr_error error = {.code = LR_OK};
    lr_counting_alloc_init(&counting, lr_alloc_system());
    cr_assert_eq(lr_calibrate(&counting.base, 3, &calibration, &error), LR_OK, "%s", error.text);
    cr_expect_eq(calibration.rounds, 3);
    cr_expect_gt(calibration.release_ns_max, 0);
    cr_expect_geq(calibration.requestable_ns_max, calibration.release_ns_max);
    cr_expect_eq(counting.live_blocks, 0);
}

static const char short_case[] =
    "scenario 't' { limit = '5s', run = function(w)\n"
    "local t = w:tracker() w:server { key = 'k', tracker = t }\n"
    "local c = w:client { tracker = t } local s = c:request('k', { wait = '1s', tries = 1 })\n"
    "expect(s:call('rpc.test.addone', 1)):is(2) s:close()\n"
    "expect(s):released { within = '20s', requestable = '20s' }\n"
    "end }";

/* One play with allocation |fail_at| refused; returns how many there were. */
static uint64_t play_failing(const char *path, uint64_t fail_at) {
    struct lr_counting_alloc counting;
    struct lr_case_result result;
    struct lr_calibration calibration = {.rounds = 1};
    struct lr_error error = {.code = LR_OK};
    bool interrupted = false;
    struct lr_tvm tvm = {.programs = ""};
    lr_counting_alloc_init(&counting, lr_alloc_system());
    counting.fail_at = fail_at;
    if (lr_case_result_init(&result, &counting.base, "n", "t", path) == LR_OK) {
        struct lr_stage_options options = {.alloc = &counting.base,
                                           .seed = 1,
                                           .result = &result,
                                           .calibration = &calibration,
                                           .tvm = &tvm};
        enum lr_status status = lr_play_case(path, 0, 0, &options, &interrupted, &error);
        cr_expect(fail_at != 0 || (status == LR_OK && result.outcome == LR_CASE_AS_EXPECTED),
                  "%s %s", error.text, result.reason != NULL ? result.reason : "");
        lr_case_result_deinit(&result);
    }
    cr_expect(counting.live_blocks == 0 && counting.live_bytes == 0,
              "%zu blocks of %zu bytes are lost after the failure of allocation %llu",
              counting.live_blocks, counting.live_bytes, (unsigned long long)fail_at);
    return counting.calls;
}

/* Each place of a whole case would take minutes: every twentieth or so does, from another start
 * each time by the prime step. */
Test(scenario_stage, nothing_is_lost_whatever_allocation_fails, .timeout = 300) {
    char folder[64];
    char path[96];
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "case.lua", short_case);
    (void)snprintf(path, sizeof path, "%s/case.lua", folder);
    uint64_t calls = play_failing(path, 0);
    size_t descriptors = lr_rig_descriptors();
    cr_expect_gt(calls, 100);
    for (uint64_t n = 1; n <= calls; n += 1 + calls / 150) {
        (void)play_failing(path, n);
    }
    cr_expect_eq(lr_rig_descriptors(), descriptors);
    lr_rig_remove_folder(folder);
}

Test(scenario_stage, nothing_of_a_case_is_left_whichever_allocation_fails, .timeout = 600) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .whole = true,
        .body = STAGE "w:fault { on = v, kind = 'rst', after = 5 }\n"
                      "w:spawn(function() s:upload('x', 'y') end)\n"
                      "local a = s:array(16) a:write('0123456789abcdef')\n"
                      "s:close() expect(s):released() c:kill() t:stop()\n"
                      "pcall(w.peer, w, 'wrong') local p = w:peer():open(v) p:send('12345678')\n"
                      "expect(p:ended()):is('rst')"});
}
