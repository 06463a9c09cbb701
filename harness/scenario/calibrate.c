/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/calibrate.h"

#include "scenario/stage.h"

enum { ROUND_SECONDS_MAX = 10 };

struct round {
    struct lr_stage *stage;
    struct lr_party *tracker, *server, *client;
    lr_time until;
};

/* Turns the world until |party| is up. */
static enum lr_status wait_ready(struct round *round, struct lr_party *party,
                                 struct lr_error *error) {
    bool ready = false;
    enum lr_status status = lr_party_ready(party, &ready, error);
    while (status == LR_OK && !ready) {
        if (lr_world_now(round->stage->world) >= round->until ||
            !lr_stage_turn(round->stage, round->until)) {
            return lr_error_set(error, LR_ETIMEOUT, "calibration: %s was not ready in %d s",
                                party->name, ROUND_SECONDS_MAX);
        }
        status = lr_party_ready(party, &ready, error);
    }
    return status;
}

static enum lr_status set_up(struct round *round, struct lr_error *error) {
    struct lr_tracker_options tracker = lr_tracker_options_default;
    tracker.port = 0;
    tracker.port_end = 1;
    struct lr_server_options server = lr_server_options_default;
    server.port = 0;
    server.port_end = 1;
    server.key = "calibration";
    struct lr_client_options client = lr_client_options_default;
    enum lr_status status = lr_stage_tracker(round->stage, NULL, &tracker, &round->tracker, error);
    if (status == LR_OK) {
        status = wait_ready(round, round->tracker, error);
    }
    if (status == LR_OK) {
        status =
            lr_stage_server(round->stage, NULL, &server, round->tracker, &round->server, error);
    }
    if (status == LR_OK) {
        status = wait_ready(round, round->server, error);
    }
    if (status == LR_OK) {
        status =
            lr_stage_client(round->stage, NULL, &client, round->tracker, &round->client, error);
    }
    return status;
}

static enum lr_status open_session(struct round *round, struct lr_session **session,
                                   struct lr_error *error) {
    struct lr_result result;
    lr_op op;
    enum lr_status status =
        lr_client_request(round->client->role.client, lr_world_now(round->stage->world),
                          lr_text_of("calibration"), &lr_request_options_default, &op);
    if (status != LR_OK) {
        return lr_error_set(error, status, "calibration: a request was refused");
    }
    lr_world_drain(round->client->host);
    while (!lr_stage_take_result(round->stage, round->client, op, &result)) {
        if (lr_world_now(round->stage->world) >= round->until ||
            !lr_stage_turn(round->stage, round->until)) {
            return lr_error_set(error, LR_ETIMEOUT, "calibration: no session in %d s",
                                ROUND_SECONDS_MAX);
        }
    }
    status = result.error.code;
    if (status != LR_OK) {
        *error = result.error;
    }
    *session = result.session;
    lr_result_deinit(&result);
    return status;
}

static uint64_t since(lr_time at, lr_time begin) {
    return at == LR_TIME_NEVER || at < begin ? 0 : at - begin;
}

static enum lr_status one_session(struct round *round, uint32_t number,
                                  struct lr_calibration *calibration, struct lr_error *error) {
    struct lr_session *session = NULL;
    enum lr_status status = open_session(round, &session, error);
    if (status != LR_OK) {
        return status;
    }
    lr_time closed_at = lr_world_now(round->stage->world);
    lr_session_unref(session, closed_at, "calibration");
    lr_world_drain(round->client->host);
    const struct lr_account *account = lr_ledger_account(round->stage->ledger, number);
    while (account == NULL || account->released_at == LR_TIME_NEVER ||
           account->requestable_at == LR_TIME_NEVER) {
        if (lr_world_now(round->stage->world) >= round->until ||
            !lr_stage_turn(round->stage, round->until)) {
            bool released = account != NULL && account->released_at != LR_TIME_NEVER;
            return lr_error_set(error, LR_ETIMEOUT,
                                "calibration: the server of a closed session was not %s in %d s",
                                released ? "requestable again" : "released", ROUND_SECONDS_MAX);
        }
        account = lr_ledger_account(round->stage->ledger, number);
    }
    uint64_t release = since(account->released_at, closed_at);
    uint64_t requestable = since(account->requestable_at, closed_at);
    if (release > calibration->release_ns_max) {
        calibration->release_ns_max = release;
    }
    if (requestable > calibration->requestable_ns_max) {
        calibration->requestable_ns_max = requestable;
    }
    calibration->rounds++;
    return LR_OK;
}

enum lr_status lr_calibrate(struct lr_alloc *alloc, unsigned int rounds,
                            struct lr_calibration *calibration, struct lr_error *error) {
    *calibration = (struct lr_calibration){.rounds = 0};
    struct lr_stage_options options = {.alloc = alloc, .seed = 1};
    struct round round = {.stage = NULL};
    enum lr_status status = lr_stage_new(&round.stage, &options, error);
    if (status != LR_OK) {
        return status;
    }
    round.until = lr_time_add(lr_world_now(round.stage->world), ROUND_SECONDS_MAX * LR_SECOND);
    status = set_up(&round, error);
    for (uint32_t i = 1; i <= rounds && status == LR_OK; i++) {
        status = one_session(&round, i, calibration, error);
    }
    lr_stage_free(round.stage);
    return status;
}
