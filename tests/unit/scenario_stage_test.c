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
#include "scenario/stage.h"
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

Test(scenario_stage, nothing_of_a_case_is_left_whichever_allocation_fails) {
    size_t descriptors = lr_rig_descriptors();
    lr_rig_each_failure(&(struct lr_rig_story){
        .whole = true,
        .body = "local v = w:server { key = 'k' } w:fault { on = v, kind = 'rst', after = 5 }\n"
                "w:spawn(function() w:pass('1ms') end):join()\n"
                "local p = w:peer():open(v) p:send('12345678') expect(p:ended()):is('rst')"});
    cr_expect_eq(lr_rig_descriptors(), descriptors);
}

/* A step, its answer and the end of a foreign program, in the live world. */
Test(scenario_stage, no_answer_of_a_program_is_left_whichever_allocation_fails) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .world = "live",
        .body = "local p = w:program { command = { 'sh', '-c', 'read x; echo ok $x; exit 3' } }\n"
                "expect(p:step('one')):is('one')\n"
                "w:await(function() return p:ended() end)"});
}

Test(scenario_stage, nothing_of_a_live_case_is_left_whichever_allocation_fails) {
    (void)lr_rig_run_body(&run, "expect(1):is(1)", NULL); /* libuv keeps a pipe from then on */
    size_t descriptors = lr_rig_descriptors();
    lr_rig_each_failure(&(struct lr_rig_story){
        .world = "live",
        .whole = true,
        .body = "local t = w:tracker() local l = w:peer():open(t, '1s')\n"
                "l:send(string.pack('<i4', 0x2f271)) l:read(4, '1s')\n"
                "l:tell('[1]') expect(l:answer('1s')):is('0')\n"
                "w:fault { on = t, kind = 'rst' }\n"
                "local broken = w:peer():open(t, '1s') expect(broken:ended('1s')):is('rst')"});
    cr_expect_eq(lr_rig_descriptors(), descriptors);
}
