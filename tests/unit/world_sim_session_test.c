/* SPDX-License-Identifier: Apache-2.0 */
/* Our tracker, server and client in the simulated world: whole sessions, judged by the ledger, in
 * virtual time. */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc/tracker.h"
#include "support/failing.h"
#include "world/sim.h"

enum { TRACKER_PORT = 9190 };

struct stage {
    struct lr_alloc *alloc;
    struct lr_prng random;
    struct lr_digest digest;
    struct lr_ledger *ledger;
    struct lr_world *world;
    struct lr_tracker *tracker;
    struct lr_server *server;
    struct lr_client *client;
    struct lr_host *hosts[3]; /* the tracker's, the server's, the client's */
    struct lr_session *session;
    lr_op op;
    enum lr_status status; /* of the last operation that ended */
    unsigned int ended;
    bool failed;
};

static lr_time now_of(const struct stage *stage) {
    return lr_world_now(stage->world);
}

/* ---- what is there ---- */

static struct lr_env env_of(struct stage *stage, const char *name) {
    return (struct lr_env){.alloc = stage->alloc,
                           .device = stage->alloc,
                           .random = &stage->random,
                           .storage = lr_world_storage(stage->world),
                           .trace = {&stage->digest.base, name}};
}

static bool add(struct stage *stage, struct lr_role *role, const char *name, size_t number) {
    enum lr_plane plane = number == 1 ? LR_PLANE_DATA : LR_PLANE_CONTROL;
    return lr_world_add(stage->world, role, name, plane, &stage->hosts[number]) == LR_OK;
}

static bool add_tracker(struct stage *stage) {
    const struct lr_env env = env_of(stage, "tracker");
    struct lr_tracker_options options = lr_tracker_options_default;
    options.host = "127.0.0.1";
    options.port = TRACKER_PORT;
    options.port_end = TRACKER_PORT + 1;
    return lr_tracker_new(&stage->tracker, &env, &options, NULL) == LR_OK &&
           add(stage, lr_tracker_role(stage->tracker), "tracker", 0) &&
           lr_tracker_start(stage->tracker, now_of(stage)) == LR_OK;
}

static bool add_server(struct stage *stage) {
    const struct lr_env env = env_of(stage, "server");
    struct lr_server_options options = lr_server_options_default;
    options.host = "127.0.0.1";
    options.port = 0;
    options.key = "test";
    options.tracker_host = "127.0.0.1";
    options.tracker_port = TRACKER_PORT;
    return lr_server_new(&stage->server, &env, &options, NULL) == LR_OK &&
           add(stage, lr_server_role(stage->server), "server", 1) &&
           lr_server_start(stage->server, now_of(stage)) == LR_OK;
}

static bool add_client(struct stage *stage) {
    const struct lr_env env = env_of(stage, "client");
    struct lr_client_options options = lr_client_options_default;
    options.tracker_host = "127.0.0.1";
    options.tracker_port = TRACKER_PORT;
    return lr_client_new(&stage->client, &env, &options, NULL) == LR_OK &&
           add(stage, lr_client_role(stage->client), "client", 2);
}

static void drain(struct stage *stage) {
    for (size_t i = 0; i < 3; i++) {
        if (stage->hosts[i] != NULL) {
            lr_world_drain(stage->hosts[i]);
        }
    }
}

static bool begin(struct stage *stage, struct lr_alloc *alloc, uint64_t seed,
                  const struct lr_sim_link_profile *link) {
    *stage = (struct stage){.alloc = alloc};
    lr_digest_init(&stage->digest, NULL);
    lr_prng_init(&stage->random, seed);
    const struct lr_trace trace = {&stage->digest.base, "ledger"};
    struct lr_sim_options options = lr_sim_options_default;
    struct lr_sim *sim;
    options.alloc = alloc;
    options.seed = seed;
    options.link = *link;
    options.trace = &stage->digest.base;
    if (lr_ledger_new(&stage->ledger, alloc, &trace) != LR_OK) {
        return false;
    }
    options.ledger = stage->ledger;
    if (lr_sim_new(&sim, &options, NULL) != LR_OK) {
        return false;
    }
    stage->world = lr_sim_world(sim);
    bool fine = add_tracker(stage) && add_server(stage) && add_client(stage);
    drain(stage);
    return fine;
}

static void take_out(struct stage *stage, size_t number, bool graceful) {
    if (stage->hosts[number] != NULL) {
        lr_world_remove(stage->hosts[number], graceful);
        stage->hosts[number] = NULL;
    }
}

static void end(struct stage *stage) {
    if (stage->client != NULL) {
        lr_session_unref(stage->session, now_of(stage), "end");
        lr_client_close(stage->client, now_of(stage));
    }
    for (size_t i = 0; i < 3; i++) {
        take_out(stage, 2 - i, true);
    }
    lr_client_free(stage->client);
    lr_server_free(stage->server);
    lr_tracker_free(stage->tracker);
    lr_world_free(stage->world);
    lr_ledger_free(stage->ledger);
}

/* ---- what the client does ---- */

static void take_results(struct stage *stage) {
    struct lr_result result;
    while (stage->client != NULL && lr_client_next_result(stage->client, &result)) {
        stage->status = result.error.code;
        stage->ended++;
        if (result.kind == LR_ANSWER_SESSION && result.session != NULL) {
            stage->session = result.session;
        }
        lr_result_deinit(&result);
    }
}

static void pass(struct stage *stage, uint64_t ns) {
    drain(stage);
    lr_time until = now_of(stage) + ns;
    do {
        (void)lr_world_turn(stage->world, until);
        take_results(stage);
    } while (now_of(stage) < until);
}

static void ask_for_session(struct stage *stage, uint64_t timeout_ns) {
    struct lr_request_options options = lr_request_options_default;
    options.session_timeout_ns = timeout_ns;
    stage->failed |= lr_client_request(stage->client, now_of(stage), lr_text_of("test"), &options,
                                       &stage->op) != LR_OK;
    pass(stage, LR_SECOND);
}

static void call(struct stage *stage) {
    struct lr_value five = lr_value_int(5);
    stage->failed |=
        lr_session_call_name(stage->session, now_of(stage), lr_text_of("rpc.test.addone"), &five, 1,
                             &stage->op) != LR_OK;
    pass(stage, LR_SECOND);
}

static void let_go(struct stage *stage) {
    lr_session_unref(stage->session, now_of(stage), "last reference");
    stage->session = NULL;
    drain(stage);
}

/* ---- what the ledger says ---- */

static void count_finding(void *context, const struct lr_finding *finding) {
    size_t *count = context;
    cr_log_info("%s: %s", lr_finding_name(finding->kind), finding->text);
    (*count)++;
}

static size_t audit(const struct stage *stage) {
    size_t count = 0;
    lr_ledger_audit(stage->ledger, now_of(stage), count_finding, &count);
    return count;
}

static const struct lr_account *only_account(const struct stage *stage) {
    cr_assert_eq(lr_ledger_account_count(stage->ledger), 1);
    return lr_ledger_account(stage->ledger, 1);
}

/* ---- the tests ---- */

static const struct lr_sim_link_profile links[] = {
    {.latency_ns = 50 * LR_US},
    {.latency_ns = 0},
    {.latency_ns = LR_MS, .jitter_ns = 500 * LR_US, .segments = LR_SIM_CUTS},
    {.latency_ns = 200 * LR_US, .bandwidth = 1000000, .segments = LR_SIM_BYTES},
};

static struct lr_counting_alloc memory;

static void start(struct stage *stage, const struct lr_sim_link_profile *link) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(begin(stage, &memory.base, 7, link));
    pass(stage, LR_SECOND);
    cr_assert(lr_server_registered(stage->server));
}

static void finish(struct stage *stage) {
    end(stage);
    cr_expect_eq(memory.live_bytes, 0, "%zu bytes left", memory.live_bytes);
}

Test(world_sim_session, a_session_lives_and_its_server_can_be_requested_again) {
    for (size_t i = 0; i < LR_COUNT_OF(links); i++) {
        struct stage stage;
        start(&stage, &links[i]);
        ask_for_session(&stage, 0);
        cr_assert_eq(stage.status, LR_OK);
        call(&stage);
        cr_expect(stage.status == LR_OK && stage.ended == 2);
        cr_expect_eq(lr_tracker_count(stage.tracker).free, 0);
        lr_time let_go_at = now_of(&stage);
        let_go(&stage);
        pass(&stage, LR_SECOND);
        const struct lr_account *account = only_account(&stage);
        cr_expect_leq(account->released_at - let_go_at, 2 * links[i].latency_ns + 10 * LR_MS);
        cr_expect_leq(account->requestable_at - account->released_at,
                      2 * links[i].latency_ns + 50 * LR_MS);
        cr_expect_eq(lr_tracker_count(stage.tracker).free, 1);
        cr_expect_eq(audit(&stage), 0);
        finish(&stage);
    }
}

Test(world_sim_session, a_session_timeout_ends_a_session_that_is_held_at_its_time) {
    struct stage stage;
    start(&stage, &links[0]);
    lr_time asked_at = now_of(&stage);
    ask_for_session(&stage, 20 * LR_SECOND);
    pass(&stage, 30 * LR_SECOND);
    const struct lr_account *account = only_account(&stage);
    cr_expect_geq(account->released_at - account->accepted_at, 20 * LR_SECOND - LR_MS);
    cr_expect_leq(account->released_at - asked_at, 20 * LR_SECOND + 100 * LR_MS);
    cr_expect(lr_session_closed(stage.session));
    cr_expect_eq(lr_tracker_count(stage.tracker).free, 1);
    finish(&stage);
}

Test(world_sim_session, keep_alive_ends_the_session_of_a_client_whose_power_is_cut) {
    struct stage stage;
    start(&stage, &links[0]);
    ask_for_session(&stage, 0);
    lr_time lost_at = now_of(&stage);
    lr_sim_lose(stage.hosts[2]);
    take_out(&stage, 2, false);
    pass(&stage, 44 * LR_SECOND);
    cr_expect_eq(only_account(&stage)->released_at, LR_TIME_NEVER);
    pass(&stage, 2 * LR_SECOND);
    cr_expect_leq(only_account(&stage)->requestable_at - lost_at, 45 * LR_SECOND + 100 * LR_MS);
    cr_expect_eq(lr_tracker_count(stage.tracker).free, 1);
    finish(&stage);
}

Test(world_sim_session, a_killed_client_releases_at_once) {
    struct stage stage;
    start(&stage, &links[0]);
    ask_for_session(&stage, 0);
    lr_time killed_at = now_of(&stage);
    take_out(&stage, 2, false);
    pass(&stage, LR_SECOND);
    cr_expect_leq(only_account(&stage)->requestable_at - killed_at, 10 * LR_MS);
    cr_expect_eq(audit(&stage), 0);
    finish(&stage);
}

/* ---- one seed, one history ---- */

static uint64_t live_through(uint64_t seed, const struct lr_sim_link_profile *link) {
    struct stage stage;
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(begin(&stage, &memory.base, seed, link));
    pass(&stage, LR_SECOND);
    for (int i = 0; i < 3; i++) {
        ask_for_session(&stage, 5 * LR_SECOND);
        cr_assert_not_null(stage.session);
        call(&stage);
        pass(&stage, (uint64_t)i * 3 * LR_SECOND);
        let_go(&stage);
        pass(&stage, LR_SECOND);
    }
    finish(&stage);
    cr_expect_gt(stage.digest.events, 50);
    return stage.digest.value;
}

Test(world_sim_session, the_same_seed_gives_the_same_history) {
    for (size_t i = 0; i < LR_COUNT_OF(links); i++) {
        uint64_t first = live_through(11, &links[i]);
        cr_expect_eq(live_through(11, &links[i]), first);
        cr_expect_neq(live_through(12, &links[i]), first, "matchkeys at least are others");
    }
}

/* ---- without memory ---- */

static void live_poorly(struct lr_alloc *alloc, void *context) {
    struct stage stage;
    const struct lr_sim_link_profile *link = context;
    if (begin(&stage, alloc, 3, link)) {
        pass(&stage, LR_SECOND);
        ask_for_session(&stage, 20 * LR_SECOND);
        if (stage.session != NULL) {
            call(&stage);
            let_go(&stage);
        }
        pass(&stage, 60 * LR_SECOND);
        /* Whatever fails: nobody is left with a server that is never to be had again. */
        bool there = lr_tracker_count(stage.tracker).free == 1;
        bool known =
            lr_server_failure(stage.server) != NULL || lr_tracker_failure(stage.tracker) != NULL;
        cr_expect(there || known);
        cr_expect(!lr_test_must_succeed(alloc) || (there && stage.ended == 2));
    } else {
        cr_expect_not(lr_test_must_succeed(alloc));
    }
    end(&stage);
}

Test(world_sim_session, no_failure_of_memory_loses_anything) {
    struct lr_sim_link_profile link = links[0];
    lr_test_each_failure(live_poorly, &link);
}

/* ---- many at once ---- */

enum { MANY = 700 }; /* more than the events that a host hands in before others have their turn */

static struct lr_session *many[MANY];

static bool add_wide_server(struct stage *stage) {
    const struct lr_env env = env_of(stage, "server");
    struct lr_server_options options = lr_server_options_default;
    options.host = "127.0.0.1";
    options.port = TRACKER_PORT + 1;
    options.port_end = TRACKER_PORT + 2;
    options.key = "test";
    options.sessions_max = MANY;
    return lr_server_new(&stage->server, &env, &options, NULL) == LR_OK &&
           add(stage, lr_server_role(stage->server), "server", 1) &&
           lr_server_start(stage->server, now_of(stage)) == LR_OK;
}

static void open_many(struct stage *stage) {
    const struct lr_address address = {.host = "127.0.0.1", .port = TRACKER_PORT + 1};
    struct lr_result result;
    size_t count = 0;
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(lr_client_connect(stage->client, now_of(stage), &address, lr_text_of("test"),
                                       0, &stage->op),
                     LR_OK);
    }
    drain(stage);
    while (count < MANY) {
        (void)lr_world_turn(stage->world, now_of(stage) + LR_SECOND);
        while (lr_client_next_result(stage->client, &result)) {
            cr_assert_eq(result.kind, LR_ANSWER_SESSION);
            many[count++] = result.session;
            result.session = NULL;
            lr_result_deinit(&result);
        }
    }
}

/* Their bytes are out, whoever has been told: Shutdown says the end of each, and no reset. */
Test(world_sim_session, many_sessions_are_closed_in_their_calls_by_shutdown) {
    struct stage stage;
    struct lr_value five = lr_value_int(5);
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(begin(&stage, &memory.base, 7, &links[0]));
    take_out(&stage, 1, false);
    lr_server_free(stage.server);
    cr_assert(add_wide_server(&stage));
    pass(&stage, LR_MS);
    open_many(&stage);
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(lr_session_call_name(many[i], now_of(&stage), lr_text_of("rpc.test.addone"),
                                          &five, 1, &stage.op),
                     LR_OK);
    }
    lr_world_drain(stage.hosts[2]);
    for (size_t i = 0; i < MANY; i++) {
        lr_session_close(many[i], now_of(&stage));
        lr_session_unref(many[i], now_of(&stage), "the test");
    }
    pass(&stage, LR_SECOND);
    cr_assert_eq(lr_ledger_account_count(stage.ledger), MANY);
    for (uint32_t i = 1; i <= MANY; i++) {
        const struct lr_account *account = lr_ledger_account(stage.ledger, i);
        cr_assert_neq(account->shutdown_at[LR_TO_SERVICE], LR_TIME_NEVER, "session %u", i);
        cr_assert_eq(account->reset_at[LR_TO_SERVICE], LR_TIME_NEVER, "session %u", i);
    }
    finish(&stage);
}
