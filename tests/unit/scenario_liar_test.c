/* SPDX-License-Identifier: Apache-2.0 */
/* A server that claims more than it does: its role believes and says that a session has ended, and
 * nothing of it reaches the wire. The ledger believes the wire. */
#include <criterion/criterion.h>
#include <string.h>

#include "ledger/ledger.h"
#include "scenario/stage.h"
#include "support/failing.h"

enum { CONNS_MAX = 64 };

static const struct lr_role_ops *honest;
static lr_conn kept[CONNS_MAX]; /* connections that the role thinks it has closed */
static size_t kept_count;
static bool lies;

static bool was_kept(lr_conn conn) {
    for (size_t i = 0; i < kept_count; i++) {
        if (kept[i] == conn) {
            return true;
        }
    }
    return false;
}

/* Swallows every end of a connection, and every offer that would follow one. */
static void swallow(struct lr_outbox *outbox) {
    size_t left = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        struct lr_command *command = &outbox->commands[i];
        bool end = command->kind == LR_COMMAND_CLOSE || command->kind == LR_COMMAND_RESET;
        if (end && kept_count < CONNS_MAX) {
            kept[kept_count++] = command->conn;
        } else if (kept_count > 0 && command->kind == LR_COMMAND_SEND) {
            lr_buf_deinit(&command->bytes);
        } else {
            outbox->commands[left++] = *command;
        }
    }
    outbox->count = left;
}

static void handle(struct lr_role *role, const struct lr_event *event) {
    if (was_kept(event->conn)) {
        return;
    }
    honest->handle(role, event);
    if (lies) {
        swallow(&role->outbox);
    }
}

static lr_time deadline(const struct lr_role *role) {
    return honest->deadline(role);
}

static const struct lr_role_ops liar = {.name = "liar", .handle = handle, .deadline = deadline};

struct scene {
    struct lr_case_result result;
    struct lr_stage *stage;
    struct lr_party *tracker, *server, *client;
};

static void turn_for(const struct scene *scene, uint64_t ns) {
    lr_time until = lr_time_add(lr_world_now(scene->stage->world), ns);
    while (lr_world_now(scene->stage->world) < until) {
        cr_assert(lr_stage_turn(scene->stage, until));
    }
}

static bool wait_ready(const struct scene *scene, struct lr_party *party, struct lr_error *error) {
    bool ready = false;
    for (int i = 0; i < 1000 && !ready; i++) {
        if (lr_party_ready(party, &ready, error) != LR_OK) {
            return false;
        }
        turn_for(scene, LR_MS);
    }
    return ready || lr_error_set(error, LR_ETIMEOUT, "not ready in time") == LR_OK;
}

/* False: |error| says why. */
static bool try_scene(struct scene *scene, struct lr_alloc *alloc, struct lr_error *error) {
    struct lr_stage_options options = {
        .alloc = alloc, .world = "sim", .seed = 1, .result = &scene->result};
    struct lr_tracker_options tracker = lr_tracker_options_default;
    tracker.host = "127.0.0.1";
    struct lr_server_options server = lr_server_options_default;
    server.host = "127.0.0.1";
    server.key = "test";
    if (lr_case_result_init(&scene->result, alloc, "n", "t", "f") != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a result") == LR_OK;
    }
    if (lr_stage_new(&scene->stage, &options, error) != LR_OK) {
        scene->stage = NULL;
        return false;
    }
    if (lr_stage_tracker(scene->stage, NULL, &tracker, &scene->tracker, error) != LR_OK ||
        !wait_ready(scene, scene->tracker, error) ||
        lr_stage_server(scene->stage, NULL, &server, scene->tracker, &scene->server, error) !=
            LR_OK) {
        return false;
    }
    if (!wait_ready(scene, scene->server, error)) {
        return false;
    }
    struct lr_role *role = lr_server_role(scene->server->role.server);
    honest = role->ops;
    role->ops = &liar;
    struct lr_client_options client = lr_client_options_default;
    return lr_stage_client(scene->stage, NULL, &client, scene->tracker, &scene->client, error) ==
           LR_OK;
}

static void set_scene(struct scene *scene) {
    struct lr_error error = {.code = LR_OK};
    *scene = (struct scene){.stage = NULL};
    cr_assert(try_scene(scene, lr_alloc_system(), &error), "%s", error.text);
}

/* Opens a session, closes it, and gives everybody ten seconds. False: there was none. */
static bool live_a_session(const struct scene *scene) {
    lr_op op;
    struct lr_result result;
    struct lr_client *client = scene->client->role.client;
    if (lr_client_request(client, lr_world_now(scene->stage->world), lr_text_of("test"),
                          &lr_request_options_default, &op) != LR_OK) {
        return false;
    }
    lr_world_drain(scene->client->host);
    turn_for(scene, LR_SECOND);
    if (!lr_stage_take_result(scene->stage, scene->client, op, &result)) {
        return false;
    }
    struct lr_session *session = result.session;
    lr_result_deinit(&result);
    if (session == NULL) {
        return false;
    }
    lr_session_unref(session, lr_world_now(scene->stage->world), "test");
    lr_world_drain(scene->client->host);
    turn_for(scene, 10 * LR_SECOND);
    return true;
}

struct findings {
    size_t leaked, others;
};

static void count_finding(void *context, const struct lr_finding *finding) {
    struct findings *findings = context;
    if (finding->kind == LR_FINDING_LEAKED || finding->kind == LR_FINDING_NOT_REQUESTABLE) {
        findings->leaked++;
    } else {
        findings->others++;
    }
}

static struct findings audit(const struct scene *scene) {
    struct findings findings = {0, 0};
    lr_ledger_audit(scene->stage->ledger, lr_world_now(scene->stage->world), count_finding,
                    &findings);
    return findings;
}

static void end_scene(struct scene *scene) {
    if (honest != NULL && scene->server != NULL) {
        lr_server_role(scene->server->role.server)->ops = honest;
    }
    honest = NULL;
    lr_stage_free(scene->stage);
    lr_case_result_deinit(&scene->result);
}

Test(scenario_liar, a_role_that_says_released_and_does_not_release_is_not_believed) {
    struct scene scene;
    lies = true;
    set_scene(&scene);
    cr_assert(live_a_session(&scene));
    struct lr_server_counts claimed = lr_server_count(scene.server->role.server);
    cr_expect_eq(claimed.sessions, 0, "it claims to hold none");
    cr_expect_eq(claimed.sessions_ended, 1);
    const struct lr_account *account = lr_ledger_account(scene.stage->ledger, 1);
    cr_expect_eq(account->released_at, LR_TIME_NEVER);
    cr_expect_eq(account->requestable_at, LR_TIME_NEVER);
    cr_expect_gt(audit(&scene).leaked, 0);
    end_scene(&scene);
}

Test(scenario_liar, the_same_role_without_the_lie_is_released) {
    struct scene scene;
    lies = false;
    set_scene(&scene);
    cr_assert(live_a_session(&scene));
    const struct lr_account *account = lr_ledger_account(scene.stage->ledger, 1);
    cr_expect_neq(account->released_at, LR_TIME_NEVER);
    cr_expect_neq(account->requestable_at, LR_TIME_NEVER);
    struct findings findings = audit(&scene);
    cr_expect_eq(findings.leaked + findings.others, 0);
    end_scene(&scene);
}

/* ---- without memory ---- */

/* As far as there is memory; then nothing is lost, and who was there is asked what is held. */
static void lie_poorly(struct lr_alloc *alloc, void *context) {
    struct scene scene = {.stage = NULL};
    struct lr_error error = {.code = LR_OK};
    (void)context;
    lies = true;
    kept_count = 0;
    if (!try_scene(&scene, alloc, &error)) {
        cr_assert(error.code != LR_OK && !lr_test_must_succeed(alloc), "%s", error.text);
    } else {
        bool lived = live_a_session(&scene);
        struct findings findings = audit(&scene);
        bool known = lr_ledger_health(scene.stage->ledger) == LR_OK;
        cr_assert(lived || !lr_test_must_succeed(alloc));
        cr_assert(!lived || !known || findings.leaked > 0, "the lie is believed");
    }
    end_scene(&scene);
}

Test(scenario_liar, is_not_believed_whichever_allocation_fails) {
    lr_test_each_failure(lie_poorly, NULL);
}
