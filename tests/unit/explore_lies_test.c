/* SPDX-License-Identifier: Apache-2.0 */
/* Services that lie: what they are asked, what they say, and that roles of ours bear it. */
#include <criterion/criterion.h>
#include <string.h>

#include "explore/run.h"
#include "explore/script.h"
#include "support/failing.h"

static struct lr_plan plan;

static struct lr_plan_step *add_step(struct lr_plan_actor *actor, enum lr_plan_do what,
                                     unsigned int target) {
    struct lr_plan_step *step = &actor->steps[actor->count++];
    step->what = (uint8_t)what;
    step->target = (uint8_t)target;
    step->tries = 2;
    step->limit = 300;
    return step;
}

/* One server that is as it should be, and one liar with one lie. */
static struct lr_plan_actor *begin(enum lr_plan_actor_kind kind, unsigned int asked,
                                   unsigned int lie) {
    memset(&plan, 0, sizeof plan);
    plan.seed = 1;
    plan.hasty = true;
    plan.link.latency_us = 50;
    plan.server_count = 1;
    plan.servers[0].slots = 1;
    plan.actor_count = 2;
    plan.actors[1].kind = (uint8_t)kind;
    add_step(&plan.actors[1], LR_DO_LIE, lie)->slot = (uint8_t)asked;
    return &plan.actors[0];
}

/* Comes by the tracker and directly, calls, keeps a function, and closes. */
static void come(struct lr_plan_actor *client) {
    (void)add_step(client, LR_DO_REQUEST, LR_PLAN_LIAR_KEY);
    (void)add_step(client, LR_DO_CALL, LR_CALL_ADDONE);
    (void)add_step(client, LR_DO_CONNECT, LR_CONNECT_LIAR);
    (void)add_step(client, LR_DO_KEEP, 0);
    (void)add_step(client, LR_DO_CALL, LR_CALL_ADDONE);
    (void)add_step(client, LR_DO_CLOSE, 0);
    (void)add_step(client, LR_DO_REQUEST, 0);
    (void)add_step(client, LR_DO_CALL, LR_CALL_ADDONE);
}

static void find_nothing(unsigned int asked, unsigned int lie) {
    const struct lr_run_plan_options options = {.alloc = lr_alloc_system()};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_run_plan(&plan, &options, &out, &error), LR_OK, "%s", error.text);
    cr_assert_eq(out.finding_count, 0U, "%s to %s: %s", lr_lie_row(lie)->name, lr_asked_name(asked),
                 out.findings[0].text);
}

Test(explore_lies, clients_bear_every_lie_of_a_server) {
    for (unsigned int asked = LR_ASKED_HELLO; asked < LR_ASKED_MAGIC; asked++) {
        for (unsigned int lie = 0; lie < LR_LIE_COUNT; lie++) {
            if (lr_lie_fits(lie, asked)) {
                come(begin(LR_ACTOR_LIAR, asked, lie));
                find_nothing(asked, lie);
            }
        }
    }
}

Test(explore_lies, servers_bear_every_lie_of_a_tracker) {
    for (unsigned int asked = LR_ASKED_MAGIC; asked < LR_ASKED_COUNT; asked++) {
        for (unsigned int lie = 0; lie < LR_LIE_COUNT; lie++) {
            if (lr_lie_fits(lie, asked)) {
                (void)begin(LR_ACTOR_LYING_TRACKER, asked, lie);
                find_nothing(asked, lie);
            }
        }
    }
}

/* Nobody is there to lie, and a lie that is no answer to what it is told to. */
Test(explore_lies, what_cannot_be_told_is_the_truth) {
    come(begin(LR_ACTOR_LIAR, LR_ASKED_HELLO, LR_LIE_MINUS_ONE));
    find_nothing(LR_ASKED_HELLO, LR_LIE_MINUS_ONE);
    plan.actor_count = 1;
    find_nothing(LR_ASKED_HELLO, LR_LIE_MINUS_ONE);
    (void)begin(LR_ACTOR_LYING_TRACKER, LR_ASKED_PUT, LR_LIE_QUESTION);
    find_nothing(LR_ASKED_PUT, LR_LIE_QUESTION);
}

Test(explore_lies, every_question_has_a_lie_and_the_truth) {
    for (unsigned int asked = 0; asked < LR_ASKED_COUNT; asked++) {
        cr_expect(lr_lie_fits(LR_LIE_TRUTH, asked), "%s", lr_asked_name(asked));
        cr_expect(lr_lie_fits(LR_LIE_HALF, asked), "%s", lr_asked_name(asked));
        cr_expect_eq(lr_asked_of_tracker(asked), asked >= LR_ASKED_MAGIC);
    }
}

Test(explore_lies, questions_are_told_apart) {
    static const struct {
        const char *bytes;
        size_t size, whole;
        enum lr_plane plane;
        bool first;
        enum lr_asked asked;
        uint32_t code;
    } cases[] = {
        {"\x71\xf2\x0f\x00\3\0\0\0keyand", 14, 11, LR_PLANE_DATA, true, LR_ASKED_HELLO, 0},
        {"\x71\xf2\x0f\x00\3\0\0\0ke", 10, 0, LR_PLANE_DATA, true, LR_ASKED_HELLO, 0},
        {"\x71\xf2\x0f\x00\xff\xff\xff\xff", 8, 0, LR_PLANE_DATA, true, LR_ASKED_HELLO, 0},
        {"\4\0\0\0\0\0\0\0\2\0\0\0", 12, 12, LR_PLANE_DATA, false, LR_ASKED_INIT, 2},
        {"\4\0\0\0\0\0\0\0\x0a\0\0\0", 12, 12, LR_PLANE_DATA, false, LR_ASKED_FREE, 10},
        {"\4\0\0\0\0\0\0\0\3\0\0\0", 12, 12, LR_PLANE_DATA, false, LR_ASKED_CALL, 3},
        {"\0\0\0\0\0\0\0\0", 8, 8, LR_PLANE_DATA, false, LR_ASKED_CALL, 0},
        {"\4\0\0\0\0\0\0\0\3\0\0", 11, 0, LR_PLANE_DATA, false, LR_ASKED_CALL, 0},
        {"\x71\xf2\x02\x00", 4, 4, LR_PLANE_CONTROL, true, LR_ASKED_MAGIC, 0},
        {"\3\0\0\0[5]", 7, 7, LR_PLANE_CONTROL, false, LR_ASKED_INFO, 5},
        {"\3\0\0\0[3]", 7, 7, LR_PLANE_CONTROL, false, LR_ASKED_PUT, 3},
        {"\3\0\0\0[7]\1", 8, 7, LR_PLANE_CONTROL, false, LR_ASKED_PENDING, 7},
        {"\0\0\0\0", 4, 4, LR_PLANE_CONTROL, false, LR_ASKED_PENDING, 0},
        {NULL, 0, 0, LR_PLANE_CONTROL, false, LR_ASKED_PENDING, 0},
    };
    for (size_t i = 0; i < LR_COUNT_OF(cases); i++) {
        size_t size = cases[i].size;
        uint32_t code = 77;
        enum lr_asked asked = lr_asked_of(cases[i].plane, cases[i].first,
                                          (const uint8_t *)cases[i].bytes, &size, &code);
        cr_expect_eq(size, cases[i].whole, "%zu: %zu", i, size);
        cr_expect_eq(code, cases[i].code, "%zu: %u", i, code);
        cr_expect_eq(asked, cases[i].asked, "%zu", i);
    }
}

static void play(struct lr_alloc *alloc, void *context) {
    const struct lr_run_plan_options options = {.alloc = alloc};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    (void)context;
    enum lr_status status = lr_run_plan(&plan, &options, &out, &error);
    cr_assert(status == LR_OK || !lr_test_must_succeed(alloc), "%s", error.text);
}

static void write(struct lr_alloc *alloc, void *context) {
    struct lr_buf text;
    const struct lr_script_about about = {
        .seed = 7, .finding = "protocol: client1 tries a request more", .path = "x.lua"};
    (void)context;
    lr_buf_init(&text, alloc);
    enum lr_status status = lr_script_write(&plan, &about, &text);
    cr_assert(status == LR_OK || !lr_test_must_succeed(alloc));
    lr_buf_deinit(&text);
}

Test(explore_lies, no_memory_loses_nothing) {
    come(begin(LR_ACTOR_LIAR, LR_ASKED_FREE, LR_LIE_TWICE));
    lr_test_each_failure(write, NULL);
    (void)begin(LR_ACTOR_LYING_TRACKER, LR_ASKED_PUT, LR_LIE_MINUS_ONE);
    lr_test_each_failure(play, NULL);
    lr_test_each_failure(write, NULL);
    (void)add_step(begin(LR_ACTOR_LIAR, LR_ASKED_HELLO, LR_LIE_NO_MATCH), LR_DO_REQUEST,
                   LR_PLAN_LIAR_KEY);
    lr_test_each_failure(play, NULL);
}
