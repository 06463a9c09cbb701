/* SPDX-License-Identifier: Apache-2.0 */
/* Torture: what its option means, that every point of a case is played and judged by the audit, and
 * that a point which costs a worker its life is found among those of its batch. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "scenario/torturer.h"
#include "support/failing.h"
#include "support/scenario_rig.h"

Test(scenario_torture, memory_and_io_are_known_with_and_without_a_point) {
    struct lr_torture torture;
    cr_assert(lr_torture_parse("memory", &torture));
    cr_assert(torture.kind == LR_TORTURE_MEMORY && !torture.alone);
    cr_assert(lr_torture_parse("io=17", &torture));
    cr_assert(torture.kind == LR_TORTURE_IO && torture.alone);
    cr_assert(torture.first == 17 && torture.last == 17);
    static const char *const wrong[] = {"", "cpu", "memory=", "memory=0", "memory=x", "memory 1"};
    for (size_t i = 0; i < LR_COUNT_OF(wrong); i++) {
        cr_assert_not(lr_torture_parse(wrong[i], &torture), "%s", wrong[i]);
    }
}

static const char script[] =
    "scenario \"a session is closed\" {\n"
    "  run = function(w)\n"
    "    local tracker = w:tracker()\n"
    "    w:server { key = \"test\", tracker = tracker, sessions = 2 }\n"
    "    local session = w:client { tracker = tracker }:request(\"test\")\n"
    "    expect(session:call(\"rpc.test.addone\", 1)):is(2)\n"
    "    session:close()\n"
    "    expect(session):released { after = \"close\" }\n"
    "  end,\n"
    "}\n";

/* Its session ends with its client, when nobody reads the script any more: so does what fails. */
static const char script_that_leaves[] =
    "scenario \"a client leaves its session to the end\" {\n"
    "  run = function(w)\n"
    "    local tracker = w:tracker()\n"
    "    w:server { key = \"test\", tracker = tracker }\n"
    "    local session = w:client { tracker = tracker }:request(\"test\")\n"
    "    expect(session:call(\"rpc.test.addone\", 1)):is(2)\n"
    "  end,\n"
    "}\n";

/* The tracker is the script's own, and answers on one connection. */
static const char script_that_answers[] =
    "scenario \"a server registers at a script\" {\n"
    "  worlds = { \"sim\" },\n"
    "  run = function(w)\n"
    "    local peer = w:peer { serves = \"tracker\" }\n"
    "    local starting = w:spawn(function()\n"
    "      return w:server { key = \"test\", tracker = peer, handshake = \"2s\" }\n"
    "    end)\n"
    "    local link = peer:accept()\n"
    "    link:send(link:read(4))\n"
    "    for _ = 1, 2 do\n"
    "      link:answer(\"2s\")\n"
    "      link:tell(\"0\")\n"
    "    end\n"
    "    expect(starting:join():port() > 0):is(true)\n"
    "  end,\n"
    "}\n";

/* What fails ends it while a host is off the net, or a link silent that nobody has spoken on. */
static const char script_in_trouble[] =
    "scenario \"a script has faults to undo\" {\n"
    "  worlds = { \"sim\" },\n"
    "  run = function(w)\n"
    "    local tracker = w:tracker()\n"
    "    local server = w:server { key = \"test\", tracker = tracker }\n"
    "    local client = w:client { tracker = tracker, handshake = \"500ms\" }\n"
    "    local session = client:request(\"test\")\n"
    "    local fault = w:fault { on = tracker, kind = \"partition\", lasts = \"20s\" }\n"
    "    expect(session:call(\"rpc.test.addone\", 1)):is(2)\n"
    "    w:pass(\"20s\")\n"
    "    expect((fault:fired())):is(1)\n"
    "    session:close()\n"
    "    expect(session):released { after = \"close\" }\n"
    "  end,\n"
    "}\n";

static const char script_without_a_tracker[] =
    "scenario \"a tracker is gone for a while\" {\n"
    "  run = function(w)\n"
    "    local tracker = w:tracker()\n"
    "    local port = tracker:port()\n"
    "    w:server { key = \"test\", tracker = tracker }\n"
    "    local session = w:client { tracker = tracker }:request(\"test\")\n"
    "    tracker:kill()\n"
    "    expect(session:call(\"rpc.test.addone\", 1)):is(2)\n"
    "    tracker = w:tracker { port = port, name = \"the next\" }\n"
    "    session:close()\n"
    "    expect(tracker):free(\"test\", 1, \"5s\")\n"
    "  end,\n"
    "}\n";

static const char script_cut_off[] =
    "scenario \"a link is silent from its first byte on\" {\n"
    "  worlds = { \"sim\" },\n"
    "  run = function(w)\n"
    "    local tracker = w:tracker()\n"
    "    local server = w:server { key = \"test\", tracker = tracker, handshake = \"2s\",\n"
    "                              unused = \"1s\" }\n"
    "    local client = w:client { tracker = tracker, handshake = \"500ms\" }\n"
    "    local fault = w:fault { on = server, kind = \"black_hole\", side = \"to_service\",\n"
    "                            after = 3 }\n"
    "    pcall(client.request, client, \"test\", { tries = 1, wait = \"1s\" })\n"
    "    expect((fault:fired())):is(1)\n"
    "    expect(tracker):free(\"test\", 1, \"5s\")\n"
    "  end,\n"
    "}\n";

/* An end that fails while its host is off the net is noticed by keep-alive; one that fails
 * afterwards is no end by what was lost before. */
static const char script_off_the_net[] =
    "scenario \"a client is off the net for a while\" {\n"
    "  worlds = { \"sim\" },\n"
    "  run = function(w)\n"
    "    local tracker = w:tracker()\n"
    "    w:server { key = \"test\", tracker = tracker }\n"
    "    local client = w:client { tracker = tracker }\n"
    "    local session = client:request(\"test\")\n"
    "    w:fault { on = client, kind = \"lose\", lasts = \"20s\" }\n"
    "    local work = w:spawn(function() return session:call(\"rpc.test.addone\", 1) end)\n"
    "    w:pass(\"30s\")\n"
    "    expect(work:join()):is(2)\n"
    "    session:close()\n"
    "    expect(session):released { after = \"close\" }\n"
    "  end,\n"
    "}\n";

/* Its peer reads no more, and may have been told nothing. */
static const char script_that_is_deaf[] =
    "scenario \"a client reads no more\" {\n"
    "  run = function(w)\n"
    "    local server = w:server { key = \"test\", unread = \"1s\" }\n"
    "    local peer = w:peer { name = \"deaf\" }\n"
    "    local link = peer:open(server)\n"
    "    link:send(string.pack(\"<i4s4\", 0xff271, \"client:test\"))\n"
    "    link:read(4); link:answer()\n"
    "    link:send(string.pack(\"<s8\", string.pack(\"<i4s8i4\", 2, \"0.8.0\", 0)))\n"
    "    link:packet()\n"
    "    local session = w:session(peer)\n"
    "    local name = string.pack(\"<i4i4i4s8\", 9, 1, 8, \"rpc.test.strcat\")\n"
    "    link:send(string.pack(\"<s8\", name))\n"
    "    local strcat = string.unpack(\"<I8\", link:packet(), 13)\n"
    "    local text = (\"s\"):rep(50000)\n"
    "    local call = string.pack(\"<i4I8i4i4s8i4i8\", 3, strcat, 2, 8, text, 1, 7)\n"
    "    link:pause()\n"
    "    for _ = 1, 100 do link:send(string.pack(\"<s8\", call)) end\n"
    "    expect(session):released { within = \"4s\", requestable = \"4s\" }\n"
    "  end,\n"
    "}\n";

static const char *path_of(const char *text) {
    static const char template[] = "/tmp/lastref-torture-XXXXXX";
    static char path[sizeof template];
    memcpy(path, template, sizeof template);
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    cr_assert_eq(fclose(file), 0);
    return path;
}

static const char *script_path(void) {
    return path_of(script);
}

static struct lr_order order_of(const char *path) {
    return (struct lr_order){.file = path,
                             .name = "case",
                             .title = "a case",
                             .world = "sim",
                             .seed = 1,
                             .limit_ns = 60 * LR_SECOND};
}

/* All points of the case, from a player of this process. */
static struct lr_case_result torture(struct lr_alloc *alloc, enum lr_torture_kind kind,
                                     const char *path) {
    struct lr_order_means means = {.alloc = alloc};
    struct lr_player_here here;
    struct lr_torturer torturer;
    struct lr_error error = {.code = LR_OK};
    struct lr_order order = order_of(path);
    struct lr_played played;
    lr_player_here_init(&here, &means);
    lr_torturer_init(&torturer, alloc, &here.player, kind);
    struct lr_player *player = &torturer.player;
    cr_assert_eq(player->begin(player, &order, 7, &error), LR_OK);
    cr_assert(player->next(player, LR_TIME_NEVER, &played));
    cr_assert_eq(played.ticket, 7);
    cr_assert_not_null(played.result.alloc);
    return played.result;
}

static void expect_clean(enum lr_torture_kind kind, const char *text, uint64_t points_min) {
    const char *path = path_of(text);
    struct lr_counting_alloc alloc;
    lr_counting_alloc_init(&alloc, lr_alloc_system());
    struct lr_case_result result = torture(&alloc.base, kind, path);
    const struct lr_result_line *finding = result.findings.first;
    cr_assert_eq(result.outcome, LR_CASE_AS_EXPECTED, "%s", finding == NULL ? "" : finding->text);
    cr_assert_str_eq(result.torture, lr_torture_name(kind));
    cr_assert_geq(result.torture_points, points_min); /* more than one batch */
    cr_assert_eq(result.torture_failed, 0);
    cr_assert_not_null(result.told.first);
    lr_case_result_deinit(&result);
    cr_assert_eq(alloc.live_blocks, 0);
    remove(path);
}

Test(scenario_torture, every_allocation_of_the_roles_fails_once_and_all_ends_cleanly) {
    expect_clean(LR_TORTURE_MEMORY, script, (uint64_t)2 * LR_TORTURER_BATCH);
}

Test(scenario_torture, every_call_to_the_transport_fails_once_and_all_ends_cleanly) {
    expect_clean(LR_TORTURE_IO, script, 30);
}

Test(scenario_torture, what_fails_after_the_script_has_the_same_patience) {
    expect_clean(LR_TORTURE_MEMORY, script_that_leaves, LR_TORTURER_BATCH);
    expect_clean(LR_TORTURE_IO, script_that_leaves, 20);
}

Test(scenario_torture, a_server_that_the_script_answers_no_more_does_not_wait_for_anybody_else) {
    expect_clean(LR_TORTURE_MEMORY, script_that_answers, 15);
    expect_clean(LR_TORTURE_IO, script_that_answers, 5);
}

Test(scenario_torture, what_a_script_had_yet_to_undo_is_undone) {
    expect_clean(LR_TORTURE_MEMORY, script_in_trouble, LR_TORTURER_BATCH);
    expect_clean(LR_TORTURE_MEMORY, script_cut_off, LR_TORTURER_BATCH);
    expect_clean(LR_TORTURE_IO, script_without_a_tracker, 20);
}

Test(scenario_torture, an_end_off_the_net_is_heard_when_keep_alive_says_so) {
    expect_clean(LR_TORTURE_IO, script_off_the_net, 20);
}

Test(scenario_torture, who_reads_no_more_and_is_told_nothing_keeps_its_session) {
    expect_clean(LR_TORTURE_MEMORY, script_that_is_deaf, 20);
}

static struct lr_case_result play_alone(uint64_t at, const char *path) {
    struct lr_order_means means = {.alloc = lr_alloc_system()};
    struct lr_error error = {.code = LR_OK};
    struct lr_order order = order_of(path);
    struct lr_case_result result;
    bool interrupted;
    order.torture =
        (struct lr_torture){.kind = LR_TORTURE_MEMORY, .first = at, .last = at, .alone = true};
    cr_assert_eq(lr_order_play(&order, &means, &result, &interrupted, &error), LR_OK);
    return result;
}

Test(scenario_torture, the_script_of_a_tortured_case_may_fail_and_the_case_is_fine) {
    const char *path = script_path();
    struct lr_case_result result = play_alone(1, path); /* of the tracker itself */
    cr_assert_eq(result.outcome, LR_CASE_AS_EXPECTED);
    cr_assert_null(result.expectations); /* there was nobody to expect anything of */
    cr_assert_not_null(strstr(result.repeat, "--torture memory=1"));
    lr_case_result_deinit(&result);
    remove(path);
}

Test(scenario_torture, a_point_that_the_case_has_not_proves_nothing) {
    const char *path = script_path();
    struct lr_case_result result = play_alone(1000000, path);
    cr_assert_eq(result.outcome, LR_CASE_INVALID);
    cr_assert_not_null(strstr(result.reason, "and no more"));
    lr_case_result_deinit(&result);
    remove(path);
}

/* A player whose worker dies at one point, and which finds another one unclean. */
struct fragile {
    struct lr_player player;
    struct lr_order order;
    size_t ticket;
    unsigned int batches;
    uint64_t deadly;
};

enum { POINTS = 120, UNCLEAN = 70 };

static enum lr_status begin(struct lr_player *player, const struct lr_order *order, size_t ticket,
                            struct lr_error *error) {
    struct fragile *fragile = LR_CONTAINER_OF(player, struct fragile, player);
    (void)error;
    fragile->order = *order;
    fragile->ticket = ticket;
    fragile->batches++;
    return LR_OK;
}

static bool next(struct lr_player *player, lr_time until, struct lr_played *played) {
    struct fragile *fragile = LR_CONTAINER_OF(player, struct fragile, player);
    const struct lr_torture *torture = &fragile->order.torture;
    struct lr_case_result *result = &played->result;
    (void)until;
    played->ticket = fragile->ticket;
    cr_assert_eq(lr_order_result(&fragile->order, lr_alloc_system(), result), LR_OK);
    if (torture->first <= fragile->deadly && fragile->deadly <= torture->last) {
        lr_order_invalidate(result, "its worker died");
        return true;
    }
    result->torture = lr_torture_name(torture->kind);
    result->torture_over = torture->last > POINTS;
    result->torture_points = (result->torture_over ? POINTS : torture->last) - torture->first + 1;
    if (torture->first <= UNCLEAN && UNCLEAN <= torture->last) {
        result->torture_failed = 1;
        result->outcome = LR_CASE_UNEXPECTED;
        lr_result_lines_add(result->alloc, &result->findings, 0, "memory=%d: leaked", UNCLEAN);
    }
    return true;
}

static bool never_interrupted(const struct lr_player *player) {
    (void)player;
    return false;
}

Test(scenario_torture, a_worker_that_dies_is_asked_again_point_by_point) {
    struct fragile fragile = {
        .player = {.begin = begin, .next = next, .interrupted = never_interrupted}, .deadly = 55};
    struct lr_torturer torturer;
    struct lr_error error = {.code = LR_OK};
    struct lr_order order = order_of("file");
    struct lr_played played;
    lr_torturer_init(&torturer, lr_alloc_system(), &fragile.player, LR_TORTURE_MEMORY);
    struct lr_player *player = &torturer.player;
    cr_assert_eq(player->begin(player, &order, 1, &error), LR_OK);
    cr_assert(player->next(player, LR_TIME_NEVER, &played));
    struct lr_case_result *result = &played.result;
    cr_assert_eq(result->outcome, LR_CASE_UNEXPECTED);
    cr_assert_eq(result->torture_points, POINTS);
    cr_assert_eq(result->torture_failed, 2);
    cr_assert_eq(result->findings.count, 2);
    cr_assert_str_eq(result->findings.first->text, "memory=55: its worker died");
    cr_assert_str_eq(result->findings.last->text, "memory=70: leaked");
    cr_assert_not_null(strstr(result->repeat, "--torture memory=55"));
    lr_case_result_deinit(result);
}

static void torture_poorly(struct lr_alloc *alloc, void *context) {
    struct fragile fragile = {
        .player = {.begin = begin, .next = next, .interrupted = never_interrupted}, .deadly = 1};
    struct lr_torturer torturer;
    struct lr_error error = {.code = LR_OK};
    struct lr_order order = order_of("file");
    struct lr_played played;
    (void)context;
    lr_torturer_init(&torturer, alloc, &fragile.player, LR_TORTURE_MEMORY);
    cr_assert_eq(torturer.player.begin(&torturer.player, &order, 1, &error), LR_OK);
    cr_assert(torturer.player.next(&torturer.player, LR_TIME_NEVER, &played));
    cr_assert(played.result.torture_failed == 2 || !lr_test_must_succeed(alloc));
    lr_case_result_deinit(&played.result);
}

/* The death of a worker at the first point is put into a result of the torturer's own. */
Test(scenario_torture, a_death_is_noted_or_given_up_whichever_allocation_fails) {
    lr_test_each_failure(torture_poorly, NULL);
}
