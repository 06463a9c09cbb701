/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/sim_farm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "bench/bare.h"
#include "bench/net.h"

enum { TRACKER_PORT = 9190 };

static void check(enum lr_status status, const struct lr_error *error, const char *what) {
    if (status != LR_OK) {
        bench_die("%s: %s", what,
                  error != NULL && error->text[0] != '\0' ? error->text : lr_status_text(status));
    }
}

static lr_time now_of(const struct sim_farm *farm) {
    return lr_world_now(farm->world);
}

/* Machine |number| of kind |kind|. */
static const char *place_name(char text[32], unsigned int kind, size_t number) {
    (void)snprintf(text, 32, "10.%u.%u.%u", kind * 64 + (unsigned int)(number >> 16),
                   (unsigned int)(number >> 8 & 255), (unsigned int)(number & 255));
    return text;
}

static const char *address_of(const struct sim_farm *farm, char text[32], unsigned int kind,
                              size_t number) {
    return farm->options.each_apart ? place_name(text, kind, number) : "127.0.0.1";
}

static struct lr_host *add(struct sim_farm *farm, struct lr_role *role, const char *name,
                           enum lr_plane plane, const char *address) {
    struct lr_host *host;
    check(lr_world_add(farm->world, role, name, plane, &host), NULL, "no host");
    check(lr_sim_place(host, address), NULL, "no place");
    return host;
}

static struct lr_env env_of(struct sim_farm *farm) {
    return (struct lr_env){.alloc = &farm->memory.base,
                           .device = &farm->memory.base,
                           .random = &farm->random,
                           .storage = lr_world_storage(farm->world)};
}

static void add_tracker(struct sim_farm *farm, const char *address) {
    struct lr_error error = {0};
    const struct lr_env env = env_of(farm);
    struct lr_tracker_options options = lr_tracker_options_default;
    options.host = address;
    options.port = TRACKER_PORT;
    options.port_end = TRACKER_PORT + 1;
    options.connections_max = farm->options.servers + 2 * farm->options.clients + 16;
    check(lr_tracker_new(&farm->tracker, &env, &options, &error), &error, "no tracker");
    farm->tracker_host =
        add(farm, lr_tracker_role(farm->tracker), "tracker", LR_PLANE_CONTROL, address);
    check(lr_tracker_start(farm->tracker, now_of(farm)), NULL, "no tracker");
    lr_world_drain(farm->tracker_host);
}

static void add_server(struct sim_farm *farm, size_t number, const char *tracker) {
    char text[32];
    char name[32];
    struct lr_error error = {0};
    const struct lr_env env = env_of(farm);
    struct sim_server *each = &farm->servers[number];
    struct lr_server_options options = lr_server_options_default;
    options.host = address_of(farm, text, 1, number);
    options.port = 0;
    options.key = BENCH_KEY;
    options.tracker_host = tracker;
    options.tracker_port = TRACKER_PORT;
    check(lr_server_new(&each->server, &env, &options, &error), &error, "no server");
    (void)snprintf(name, sizeof name, "server%zu", number);
    each->host = add(farm, lr_server_role(each->server), name, LR_PLANE_DATA, options.host);
    check(lr_server_start(each->server, now_of(farm)), NULL, "no server");
    lr_world_drain(each->host);
}

static void add_client(struct sim_farm *farm, size_t number, const char *tracker) {
    char text[32];
    char name[32];
    struct lr_error error = {0};
    const struct lr_env env = env_of(farm);
    struct sim_client *each = &farm->clients[number];
    struct lr_client_options options = lr_client_options_default;
    options.tracker_host = tracker;
    options.tracker_port = TRACKER_PORT;
    check(lr_client_new(&each->client, &env, &options, &error), &error, "no client");
    (void)snprintf(name, sizeof name, "client%zu", number);
    each->host = add(farm, lr_client_role(each->client), name, LR_PLANE_DATA,
                     address_of(farm, text, 2, number));
    each->host->user = each;
}

static void *array(size_t count, size_t size) {
    void *made = calloc(count, size);
    if (made == NULL) {
        bench_die("no memory for %zu", count);
    }
    return made;
}

static void wait_for_servers(struct sim_farm *farm) {
    lr_time until = lr_time_add(now_of(farm), 60 * LR_SECOND);
    while (lr_tracker_count(farm->tracker).free < farm->options.servers) {
        if (now_of(farm) >= until) {
            bench_die("only %zu servers came", lr_tracker_count(farm->tracker).free);
        }
        (void)lr_world_turn(farm->world, until);
    }
}

void sim_farm_init(struct sim_farm *farm, const struct sim_farm_options *options) {
    struct lr_error error = {0};
    *farm = (struct sim_farm){.options = *options};
    lr_counting_alloc_init(&farm->memory, lr_alloc_system());
    lr_prng_init(&farm->random, 1);
    static const struct lr_trace silent = {NULL, "ledger"};
    if (options->ledger) {
        check(lr_ledger_new(&farm->ledger, &farm->memory.base, &silent), NULL, "no ledger");
    }
    struct lr_sim_options world = lr_sim_options_default;
    world.alloc = &farm->memory.base;
    world.ledger = farm->ledger;
    world.seed = 1;
    world.backlog = options->servers + options->clients + 1;
    check(lr_sim_new(&farm->sim, &world, &error), &error, "no world");
    farm->world = lr_sim_world(farm->sim);
    farm->servers = array(options->servers, sizeof *farm->servers);
    farm->clients = array(options->clients, sizeof *farm->clients);
    char text[32];
    const char *tracker = address_of(farm, text, 0, 1);
    add_tracker(farm, tracker);
    for (size_t i = 0; i < options->servers; i++) {
        add_server(farm, i, tracker);
    }
    for (size_t i = 0; i < options->clients; i++) {
        add_client(farm, i, tracker);
    }
    wait_for_servers(farm);
}

/* ---- lives ---- */

static void begin_life(struct sim_farm *farm, struct sim_client *each) {
    if (farm->to_begin > 0) {
        farm->to_begin--;
        farm->under_way++;
        check(lr_client_request(each->client, now_of(farm), lr_text_of(BENCH_KEY),
                                &lr_request_options_default, &each->op),
              NULL, "request");
    }
    lr_world_drain(each->host);
}

static void end_life(struct sim_farm *farm, struct sim_client *each) {
    lr_session_close(each->session, now_of(farm));
    lr_session_unref(each->session, now_of(farm), "life over");
    each->session = NULL;
    farm->under_way--;
    begin_life(farm, each);
}

static void call(struct sim_farm *farm, struct sim_client *each) {
    struct lr_value five = lr_value_int(5);
    check(lr_session_call_name(each->session, now_of(farm), lr_text_of("rpc.test.addone"), &five, 1,
                               &each->op),
          NULL, "call");
    lr_world_drain(each->host);
}

/* The next step of a life, when the last one is done. */
static void go_on(struct sim_farm *farm, struct sim_client *each) {
    struct lr_result result;
    while (lr_client_next_result(each->client, &result)) {
        check(result.error.code, &result.error, "an operation failed");
        if (result.kind == LR_ANSWER_SESSION) {
            each->session = result.session;
            call(farm, each);
        } else {
            LR_ASSERT(result.value.kind == LR_VALUE_INT && result.value.as.integer == 6);
            end_life(farm, each);
        }
        lr_result_deinit(&result);
    }
}

uint64_t sim_farm_live(struct sim_farm *farm, uint64_t lives) {
    farm->to_begin = lives;
    for (size_t i = 0; i < farm->options.clients; i++) {
        begin_life(farm, &farm->clients[i]);
    }
    while (farm->under_way > 0) {
        (void)lr_world_turn(farm->world, LR_TIME_NEVER);
        for (struct lr_host *host = lr_sim_next_heard(farm->sim); host != NULL;
             host = lr_sim_next_heard(farm->sim)) {
            if (host->user != NULL) {
                go_on(farm, host->user);
            }
        }
    }
    wait_for_servers(farm);
    return lives;
}

void sim_farm_hold(struct sim_farm *farm, size_t sessions, uint64_t timeout_ns) {
    struct sim_client *only = &farm->clients[0];
    struct lr_request_options options = lr_request_options_default;
    options.session_timeout_ns = timeout_ns;
    for (size_t i = 0; i < sessions; i++) {
        struct lr_result result;
        check(lr_client_request(only->client, now_of(farm), lr_text_of(BENCH_KEY), &options,
                                &only->op),
              NULL, "request");
        lr_world_drain(only->host);
        while (!lr_client_next_result(only->client, &result)) {
            (void)lr_world_turn(farm->world, LR_TIME_NEVER);
        }
        check(result.error.code, &result.error, "a request failed");
        struct lr_session *session = result.session;
        lr_result_deinit(&result);
        while (!lr_session_closed(session)) {
            (void)lr_world_turn(farm->world, LR_TIME_NEVER);
        }
        lr_session_unref(session, now_of(farm), "timed out");
        lr_world_drain(only->host);
    }
}

void sim_farm_deinit(struct sim_farm *farm) {
    for (size_t i = 0; i < farm->options.clients; i++) {
        lr_client_close(farm->clients[i].client, now_of(farm));
        lr_world_remove(farm->clients[i].host, true);
        lr_client_free(farm->clients[i].client);
    }
    for (size_t i = 0; i < farm->options.servers; i++) {
        lr_world_remove(farm->servers[i].host, true);
        lr_server_free(farm->servers[i].server);
    }
    lr_world_remove(farm->tracker_host, true);
    lr_tracker_free(farm->tracker);
    lr_world_free(farm->world);
    lr_ledger_free(farm->ledger);
    free(farm->servers);
    free(farm->clients);
    if (farm->memory.live_bytes != 0) {
        bench_die("%zu bytes are left", farm->memory.live_bytes);
    }
}
