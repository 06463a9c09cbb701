/* SPDX-License-Identifier: Apache-2.0 */
/* Who is on the stage: making our roles and foreign programs, whether they are up, and their end.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "scenario/runtime.h"
#include "scenario/stage_internal.h"
#include "world/sim.h"

static const char *const party_words[] = {
    [LR_PARTY_TRACKER] = "tracker", [LR_PARTY_SERVER] = "server",     [LR_PARTY_CLIENT] = "client",
    [LR_PARTY_PROGRAM] = "program", [LR_PARTY_RECORDED] = "recorded", [LR_PARTY_PEER] = "peer",
};

static bool name_taken(const struct lr_stage *stage, const char *name) {
    LR_LIST_EACH (node, &stage->parties) {
        if (strcmp(LR_CONTAINER_OF(node, struct lr_party, node)->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Peers and the harness's own client are not on trial. */
static bool is_tortured(const struct lr_party *party) {
    return party->stage->options.torture != NULL && !party->stage->sparing &&
           (party->kind == LR_PARTY_TRACKER || party->kind == LR_PARTY_SERVER ||
            party->kind == LR_PARTY_CLIENT);
}

/* A party with a name of its own, on the stage, with nothing behind it yet. */
static enum lr_status enter(struct lr_stage *stage, enum lr_party_kind kind, const char *name,
                            struct lr_party **out, struct lr_error *error) {
    struct lr_party *party = LR_NEW(stage->alloc, struct lr_party);
    if (party == NULL) {
        lr_error_set(error, LR_ENOMEM, "no memory for a %s", party_words[kind]);
        return LR_ENOMEM;
    }
    party->kind = kind;
    party->stage = stage;
    if (name != NULL && (name[0] == '\0' || strlen(name) >= sizeof party->name)) {
        lr_error_set(error, LR_EINVAL, "the name of a %s has 1 to %zu bytes", party_words[kind],
                     sizeof party->name - 1);
        LR_FREE(stage->alloc, party);
        return LR_EINVAL;
    }
    if (name != NULL) {
        (void)snprintf(party->name, sizeof party->name, "%s", name);
    }
    while (party->name[0] == '\0' || (name == NULL && name_taken(stage, party->name))) {
        (void)snprintf(party->name, sizeof party->name, "%s%u", party_words[kind],
                       ++stage->numbers[kind]);
    }
    if (name != NULL && name_taken(stage, party->name)) {
        lr_error_set(error, LR_EEXISTS, "there is a \"%s\" already", name);
        LR_FREE(stage->alloc, party);
        return LR_EEXISTS;
    }
    lr_counting_alloc_init(&party->memory,
                           is_tortured(party) ? &stage->tortured_memory.base : stage->alloc);
    party->random = lr_prng_fork(&stage->random, party->name);
    lr_list_append(&stage->parties, &party->node);
    *out = party;
    return LR_OK;
}

static void leave(struct lr_party *party) {
    lr_list_remove(&party->node);
    LR_FREE(party->stage->alloc, party);
}

static struct lr_env env_of(struct lr_party *party) {
    struct lr_stage *stage = party->stage;
    return (struct lr_env){
        .alloc = &party->memory.base,
        .device = &party->memory.base,
        .random = &party->random,
        .storage = lr_world_storage(stage->world),
        .trace = {&stage->refusals, party->name},
    };
}

/* Puts the party's role into the world, at |address| where that is not NULL: in a simulated one
 * each address is a machine of its own. */
static enum lr_status settle(struct lr_party *party, struct lr_role *role, enum lr_plane plane,
                             const char *address) {
    struct lr_world *world = party->stage->world;
    enum lr_status status = lr_world_add(world, role, party->name, plane, &party->host);
    if (status == LR_OK && address != NULL && lr_sim_of(world) != NULL) {
        status = lr_sim_place(party->host, address);
    }
    if (status == LR_OK && is_tortured(party)) {
        lr_sim_torture(party->host, &party->stage->tortured_calls);
    }
    return status;
}

/* The last step of every role's coming: |started| is how it went so far. */
static enum lr_status arrive(struct lr_party *party, enum lr_status started, const char *host,
                             struct lr_party **out, struct lr_error *error) {
    if (started != LR_OK) {
        if (error != NULL && error->code == LR_OK) {
            lr_error_set(error, started, "no memory for \"%s\"", party->name);
        }
        lr_party_free(party);
        return started;
    }
    if (host != NULL) {
        const struct lr_stage *stage = party->stage;
        const char *reached =
            stage->live == NULL ? host : lr_live_address(stage->live, party->name, host, error);
        if (reached == NULL) {
            lr_party_free(party);
            return error != NULL ? error->code : LR_EIO;
        }
        (void)snprintf(party->service.host, sizeof party->service.host, "%s", reached);
    }
    lr_world_drain(party->host);
    *out = party;
    return LR_OK;
}

enum lr_status lr_stage_tracker(struct lr_stage *stage, const char *name,
                                const struct lr_tracker_options *options, struct lr_party **out,
                                struct lr_error *error) {
    struct lr_party *party = NULL;
    enum lr_status status = enter(stage, LR_PARTY_TRACKER, name, &party, error);
    if (status != LR_OK) {
        return status;
    }
    struct lr_env env = env_of(party);
    status = lr_tracker_new(&party->role.tracker, &env, options, error);
    if (status == LR_OK) {
        status =
            settle(party, lr_tracker_role(party->role.tracker), LR_PLANE_CONTROL, options->host);
    }
    if (status == LR_OK) {
        status = lr_tracker_start(party->role.tracker, lr_world_now(stage->world));
    }
    return arrive(party, status, options->host, out, error);
}

enum lr_status lr_stage_server(struct lr_stage *stage, const char *name,
                               struct lr_server_options *options, struct lr_party *tracker,
                               struct lr_party **out, struct lr_error *error) {
    struct lr_party *party = NULL;
    if (strlen(options->key) >= sizeof party->key) {
        return lr_error_set(error, LR_EINVAL, "the key of a server has at most %zu bytes",
                            sizeof party->key - 1);
    }
    enum lr_status status = enter(stage, LR_PARTY_SERVER, name, &party, error);
    if (status != LR_OK) {
        return status;
    }
    party->tracker = tracker;
    if (tracker != NULL) {
        options->tracker_host = tracker->service.host;
        options->tracker_port = tracker->service.port;
    }
    (void)snprintf(party->key, sizeof party->key, "%s", options->key);
    struct lr_env env = env_of(party);
    status = lr_server_new(&party->role.server, &env, options, error);
    if (status == LR_OK) {
        status = settle(party, lr_server_role(party->role.server), LR_PLANE_DATA, options->host);
    }
    if (status == LR_OK) {
        status = lr_server_start(party->role.server, lr_world_now(stage->world));
    }
    return arrive(party, status, options->host, out, error);
}

enum lr_status lr_stage_client(struct lr_stage *stage, const char *name,
                               struct lr_client_options *options, struct lr_party *tracker,
                               struct lr_party **out, struct lr_error *error) {
    struct lr_party *party = NULL;
    enum lr_status status = enter(stage, LR_PARTY_CLIENT, name, &party, error);
    if (status != LR_OK) {
        return status;
    }
    party->tracker = tracker;
    if (tracker != NULL) {
        options->tracker_host = tracker->service.host;
        options->tracker_port = tracker->service.port;
    }
    struct lr_env env = env_of(party);
    status = lr_client_new(&party->role.client, &env, options, error);
    if (status == LR_OK) {
        status = settle(party, lr_client_role(party->role.client), LR_PLANE_DATA, NULL);
    }
    return arrive(party, status, NULL, out, error);
}

enum lr_status lr_stage_recorded(struct lr_stage *stage, const char *name,
                                 const struct lr_recorded_options *options, const void *lines,
                                 size_t size, struct lr_party **out, struct lr_error *error) {
    struct lr_party *party = NULL;
    enum lr_status status = enter(stage, LR_PARTY_RECORDED, name, &party, error);
    if (status != LR_OK) {
        return status;
    }
    party->serves = options->side == LR_RECORDED_SERVER;
    struct lr_env env = env_of(party);
    status = lr_recorded_new(&party->role.recorded, &env, options, lines, size, error);
    if (status == LR_OK && stage->options.torture != NULL) {
        /* It goes on as recorded, whatever fails at whom it talks to. */
        status = lr_ledger_scripted(stage->ledger, party->name);
    }
    if (status == LR_OK) {
        status = settle(party, lr_recorded_role(party->role.recorded), LR_PLANE_DATA, NULL);
    }
    if (status == LR_OK) {
        status = lr_recorded_start(party->role.recorded, lr_world_now(stage->world));
    }
    return arrive(party, status, options->host, out, error);
}

enum lr_status lr_stage_peer(struct lr_stage *stage, const char *name, const char *host,
                             enum lr_plane plane, struct lr_party **out, struct lr_error *error) {
    struct lr_party *party = NULL;
    enum lr_status status = enter(stage, LR_PARTY_PEER, name, &party, error);
    if (status != LR_OK) {
        return status;
    }
    party->serves = host != NULL;
    struct lr_env env = env_of(party);
    status = lr_raw_new(&party->role.raw, &env, error);
    if (status == LR_OK) {
        status = lr_ledger_scripted(stage->ledger, party->name);
    }
    if (status == LR_OK) {
        status = settle(party, lr_raw_role(party->role.raw), plane, host);
    }
    if (status == LR_OK && host != NULL) {
        status = lr_raw_listen(party->role.raw, host);
    }
    return arrive(party, status, host, out, error);
}

enum lr_status lr_stage_program(struct lr_stage *stage, const struct lr_stage_program *options,
                                struct lr_party **out, struct lr_error *error) {
    struct lr_party *party = NULL;
    enum lr_status status = enter(stage, LR_PARTY_PROGRAM, options->name, &party, error);
    if (status != LR_OK) {
        return status;
    }
    struct lr_program_options program = {.name = party->name,
                                         .argv = options->argv,
                                         .env = options->env,
                                         .stepped = options->stepped};
    status = lr_program_start(stage->live, &program, &party->program, error);
    if (status != LR_OK) {
        leave(party);
        return status;
    }
    *out = party;
    return LR_OK;
}

/* ---- coming back ---- */

static enum lr_status restart_tracker(struct lr_party *party, struct lr_error *error) {
    struct lr_tracker *old = party->role.tracker;
    struct lr_tracker_options options = *lr_tracker_options_of(old);
    struct lr_env env = env_of(party);
    options.port = party->service.port;
    options.port_end = (uint32_t)party->service.port + 1;
    enum lr_status status = lr_tracker_new(&party->role.tracker, &env, &options, error);
    if (status != LR_OK) {
        party->role.tracker = old;
        return status;
    }
    status = settle(party, lr_tracker_role(party->role.tracker), LR_PLANE_CONTROL, options.host);
    lr_tracker_free(old); /* its texts are borrowed up to here */
    return status != LR_OK
               ? status
               : lr_tracker_start(party->role.tracker, lr_world_now(party->stage->world));
}

static enum lr_status restart_server(struct lr_party *party, struct lr_error *error) {
    struct lr_server *old = party->role.server;
    struct lr_server_options options = *lr_server_options_of(old);
    struct lr_env env = env_of(party);
    options.port = party->service.port;
    options.port_end = (uint32_t)party->service.port + 1;
    enum lr_status status = lr_server_new(&party->role.server, &env, &options, error);
    if (status != LR_OK) {
        party->role.server = old;
        return status;
    }
    status = settle(party, lr_server_role(party->role.server), LR_PLANE_DATA, options.host);
    lr_server_free(old);
    return status != LR_OK ? status
                           : lr_server_start(party->role.server, lr_world_now(party->stage->world));
}

enum lr_status lr_party_restart(struct lr_party *party, struct lr_error *error) {
    if (party->kind != LR_PARTY_TRACKER && party->kind != LR_PARTY_SERVER) {
        return lr_error_set(error, LR_ENOTSUP, "only trackers and servers of ours are restarted");
    }
    char name[LR_PARTY_NAME_MAX + 16];
    LR_ASSERT(party->ended);
    (void)snprintf(name, sizeof name, "%s again %u", party->name, ++party->starts);
    party->random = lr_prng_fork(&party->stage->random, name); /* no matchkey comes twice */
    enum lr_status status = party->kind == LR_PARTY_TRACKER ? restart_tracker(party, error)
                                                            : restart_server(party, error);
    party->ended = party->host == NULL;
    if (status == LR_OK && party->host != NULL) {
        lr_world_drain(party->host);
    }
    return status;
}

static enum lr_status failure_of(const struct lr_error *failure, struct lr_error *error) {
    if (failure != NULL && error != NULL) {
        *error = *failure;
    }
    return failure == NULL ? LR_OK : failure->code;
}

static enum lr_status program_ready(struct lr_party *party, bool *ready, struct lr_error *error) {
    int exit_status;
    int signal_number;
    if (lr_program_ended(party->program, &exit_status, &signal_number, NULL)) {
        return lr_error_set(error, LR_EIO, "\"%s\" has ended (status %d, signal %d): %s",
                            party->name, exit_status, signal_number,
                            lr_program_log(party->program));
    }
    *ready = true;
    return LR_OK;
}

enum lr_status lr_party_ready(struct lr_party *party, bool *ready, struct lr_error *error) {
    *ready = false;
    switch (party->kind) {
    case LR_PARTY_TRACKER:
        party->service.port = lr_tracker_port(party->role.tracker);
        *ready = party->service.port != 0;
        return failure_of(lr_tracker_failure(party->role.tracker), error);
    case LR_PARTY_SERVER:
        party->service.port = lr_server_port(party->role.server);
        *ready = party->service.port != 0 &&
                 (party->tracker == NULL || lr_server_registered(party->role.server));
        return failure_of(lr_server_failure(party->role.server), error);
    case LR_PARTY_RECORDED:
        party->service.port = lr_recorded_port(party->role.recorded);
        *ready = !party->serves || party->service.port != 0;
        return LR_OK;
    case LR_PARTY_PEER:
        party->service.port = lr_raw_port(party->role.raw);
        *ready = !party->serves || party->service.port != 0;
        return LR_OK;
    case LR_PARTY_CLIENT:
        *ready = true;
        return LR_OK;
    case LR_PARTY_PROGRAM:
        return program_ready(party, ready, error);
    }
    LR_UNREACHABLE();
}

void lr_party_end(struct lr_party *party, bool graceful) {
    lr_time now = lr_world_now(party->stage->world);
    if (party->ended) {
        return;
    }
    party->ended = true;
    if (party->kind == LR_PARTY_PROGRAM) {
        (void)lr_program_signal(party->program, graceful ? SIGTERM : SIGKILL, true);
        return;
    }
    if (graceful && party->host != NULL) {
        if (party->kind == LR_PARTY_TRACKER) {
            lr_tracker_stop(party->role.tracker, now);
        } else if (party->kind == LR_PARTY_SERVER) {
            lr_server_stop(party->role.server, now);
        } else if (party->kind == LR_PARTY_CLIENT) {
            lr_client_close(party->role.client, now);
        }
        lr_world_drain(party->host);
    }
    if (party->host != NULL) {
        lr_world_remove(party->host, graceful);
        party->host = NULL;
        if (party->kind == LR_PARTY_SERVER) {
            lr_ledger_process(party->stage->ledger, now, party->name, 0, false);
        }
    }
}

enum lr_status lr_party_lose(struct lr_party *party) {
    struct lr_stage *stage = party->stage;
    if (party->ended) {
        return LR_ENOTFOUND;
    }
    if (stage->live != NULL) {
        return lr_live_set_group(stage->live, party->name, LR_NET_ALONE);
    }
    lr_sim_lose(party->host);
    return LR_OK;
}

void lr_party_find(struct lr_party *party) {
    struct lr_stage *stage = party->stage;
    if (stage->live != NULL && lr_live_has_net(stage->live)) {
        if (lr_live_set_group(stage->live, party->name, LR_NET_TOGETHER) != LR_OK) {
            lr_ledger_note(stage->ledger, lr_world_now(stage->world), 0,
                           "%s stays off the net: ip (iproute2) has refused", party->name);
        }
    } else if (stage->live == NULL && party->host != NULL) {
        lr_sim_find(party->host);
    }
}

static void free_role(struct lr_party *party) {
    switch (party->kind) {
    case LR_PARTY_TRACKER:
        lr_tracker_free(party->role.tracker);
        break;
    case LR_PARTY_SERVER:
        lr_server_free(party->role.server);
        break;
    case LR_PARTY_CLIENT:
        if (party->role.client != NULL) {
            lr_client_close(party->role.client, lr_world_now(party->stage->world));
        }
        lr_client_free(party->role.client);
        break;
    case LR_PARTY_RECORDED:
        lr_recorded_free(party->role.recorded);
        break;
    case LR_PARTY_PEER:
        lr_raw_free(party->role.raw);
        break;
    case LR_PARTY_PROGRAM:
        break;
    }
}

void lr_party_free(struct lr_party *party) {
    struct lr_stage *stage = party->stage;
    struct lr_case_result *result = stage->options.result;
    lr_party_end(party, true);
    if (party->relay != NULL) {
        lr_relay_close(party->relay);
    }
    lr_program_free(party->program);
    lr_runtime_free(party->runtime);
    free_role(party);
    if (party->memory.live_blocks > 0 && result != NULL) {
        (void)lr_result_lines_add(result->alloc, &result->findings,
                                  lr_stage_elapsed(stage, lr_world_now(stage->world)),
                                  "left over: %s leaves %zu bytes in %zu blocks", party->name,
                                  party->memory.live_bytes, party->memory.live_blocks);
    }
    leave(party);
}
