/* SPDX-License-Identifier: Apache-2.0 */
/* A tracker with servers and clients in the simulated world, for the bench: clients live sessions,
 * one after the other (request, connect, init, one call, close), while there are any to be lived.
 * What fails ends the program. */
#ifndef BENCH_SIM_FARM_H
#define BENCH_SIM_FARM_H

#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc/tracker.h"
#include "world/sim.h"

struct sim_client {
    struct lr_client *client;
    struct lr_host *host;
    struct lr_session *session;
    lr_op op;
};

struct sim_server {
    struct lr_server *server;
    struct lr_host *host;
};

struct sim_farm_options {
    size_t servers;
    size_t clients;
    bool ledger;
    bool each_apart; /* each server and client on a machine of its own; else all on one */
};

struct sim_farm {
    struct sim_farm_options options;
    struct lr_counting_alloc memory;
    struct lr_prng random;
    struct lr_ledger *ledger;
    struct lr_sim *sim;
    struct lr_world *world;
    struct lr_tracker *tracker;
    struct lr_host *tracker_host;
    struct sim_server *servers;
    struct sim_client *clients;
    uint64_t to_begin; /* lives */
    uint64_t under_way;
};

/* All servers are registered when it returns. */
void sim_farm_init(struct sim_farm *farm, const struct sim_farm_options *options);
/* |lives| of them; when the last is over, each server can be requested again. */
uint64_t sim_farm_live(struct sim_farm *farm, uint64_t lives);
/* The first client opens |sessions|, one after the other, and closes none: the server's timeout
 * ends each. */
void sim_farm_hold(struct sim_farm *farm, size_t sessions, uint64_t timeout_ns);
void sim_farm_deinit(struct sim_farm *farm);

#endif
