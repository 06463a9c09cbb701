/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/sim_small.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "bench/bare.h"
#include "bench/net.h"

enum { SERVERS = 4, CLIENTS = 8, SESSIONS = 10, CALLS = 2 };

struct small {
    struct lr_stage *stage;
    struct lr_party *tracker;
    struct lr_party *servers[SERVERS];
    struct lr_party *clients[CLIENTS];
    struct lr_session *sessions[CLIENTS];
    unsigned int calls[CLIENTS]; /* of the session that is open */
    lr_op ops[CLIENTS];
    unsigned int begun;
    unsigned int closed;
};

static void check(enum lr_status status, const struct lr_error *error, const char *what) {
    if (status != LR_OK) {
        bench_die("%s: %s", what, error->text[0] != '\0' ? error->text : lr_status_text(status));
    }
}

static lr_time now_of(const struct small *small) {
    return lr_world_now(small->stage->world);
}

static void turn(struct small *small) {
    (void)lr_stage_turn(small->stage, lr_time_add(now_of(small), 60 * LR_SECOND));
}

static void wait_until_ready(struct small *small, struct lr_party *party) {
    struct lr_error error = {0};
    bool ready = false;
    while (lr_party_ready(party, &ready, &error) == LR_OK && !ready) {
        turn(small);
    }
    check(error.code, &error, party->name);
}

static void set_up(struct small *small) {
    struct lr_error error = {0};
    struct lr_tracker_options tracker = lr_tracker_options_default;
    tracker.host = "127.0.0.1";
    check(lr_stage_tracker(small->stage, NULL, &tracker, &small->tracker, &error), &error,
          "no tracker");
    wait_until_ready(small, small->tracker);
    for (size_t i = 0; i < SERVERS; i++) {
        struct lr_server_options server = lr_server_options_default;
        server.host = "127.0.0.1";
        server.key = BENCH_KEY;
        check(lr_stage_server(small->stage, NULL, &server, small->tracker, &small->servers[i],
                              &error),
              &error, "no server");
    }
    for (size_t i = 0; i < SERVERS; i++) {
        wait_until_ready(small, small->servers[i]);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct lr_client_options client = lr_client_options_default;
        check(lr_stage_client(small->stage, NULL, &client, small->tracker, &small->clients[i],
                              &error),
              &error, "no client");
    }
}

static void request(struct small *small, size_t i) {
    struct lr_error none = {0};
    if (small->begun < SESSIONS) {
        small->begun++;
        check(lr_client_request(small->clients[i]->role.client, now_of(small),
                                lr_text_of(BENCH_KEY), &lr_request_options_default, &small->ops[i]),
              &none, "request");
    }
    lr_world_drain(small->clients[i]->host);
}

/* The next operation of client |i|, when its last one is done. */
static void go_on(struct small *small, size_t i) {
    struct lr_error none = {0};
    struct lr_result result;
    if (small->ops[i] == 0 ||
        !lr_stage_take_result(small->stage, small->clients[i], small->ops[i], &result)) {
        return;
    }
    check(result.error.code, &result.error, "an operation failed");
    small->ops[i] = 0;
    if (result.kind == LR_ANSWER_SESSION) {
        small->sessions[i] = result.session;
        small->calls[i] = 0;
    }
    lr_result_deinit(&result);
    if (small->calls[i]++ < CALLS) {
        struct lr_value five = lr_value_int(5);
        check(lr_session_call_name(small->sessions[i], now_of(small), lr_text_of("rpc.test.addone"),
                                   &five, 1, &small->ops[i]),
              &none, "call");
        lr_world_drain(small->clients[i]->host);
        return;
    }
    lr_session_close(small->sessions[i], now_of(small));
    lr_session_unref(small->sessions[i], now_of(small), "life over");
    small->closed++;
    request(small, i);
}

static bool all_returned(const struct small *small) {
    for (uint32_t i = 1; i <= SESSIONS; i++) {
        const struct lr_account *account = lr_ledger_account(small->stage->ledger, i);
        if (account == NULL || account->requestable_at == LR_TIME_NEVER) {
            return false;
        }
    }
    return true;
}

static void fail_on_finding(void *context, const struct lr_finding *finding) {
    (void)context;
    bench_die("%s: %s", lr_finding_name(finding->kind), finding->text);
}

void sim_small_world(struct lr_alloc *alloc, uint64_t seed, bool with_digest) {
    struct small small = {.begun = 0};
    struct lr_error error = {0};
    const struct lr_stage_options options = {
        .alloc = alloc, .world = "sim", .seed = seed, .without_digest = !with_digest};
    check(lr_stage_new(&small.stage, &options, &error), &error, "no stage");
    set_up(&small);
    for (size_t i = 0; i < CLIENTS; i++) {
        request(&small, i);
    }
    while (small.closed < SESSIONS || !all_returned(&small)) {
        turn(&small);
        for (size_t i = 0; i < CLIENTS; i++) {
            go_on(&small, i);
        }
    }
    lr_ledger_audit(small.stage->ledger, now_of(&small), fail_on_finding, NULL);
    LR_ASSERT((lr_stage_digest(small.stage) != 0) == with_digest);
    lr_stage_free(small.stage);
}
