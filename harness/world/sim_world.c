/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world: its beginning and end, its face, its faults, and hosts that are lost. */
#include "world/sim_fault.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* Any would do; not zero, so that "never" and "at the beginning" differ. */
#define ORIGIN (1000 * LR_SECOND)

const struct lr_sim_options lr_sim_options_default = {
    .link = {.latency_ns = 50 * LR_US},
    .send_buffer = (size_t)256 * 1024,
    .receive_buffer = (size_t)256 * 1024,
    .backlog = 511,
    .storage_max = (size_t)1 << 30,
};

static struct lr_sim *sim_of(struct lr_world *world) {
    return LR_CONTAINER_OF(world, struct lr_sim, world);
}

static struct lr_sim_host *host_of(struct lr_host *host) {
    return LR_CONTAINER_OF(host, struct lr_sim_host, base);
}

/* ---- the face ---- */

static lr_time now(const struct lr_world *world) {
    return LR_CONTAINER_OF(world, const struct lr_sim, world)->now;
}

static bool turn(struct lr_world *world, lr_time until) {
    return lr_sim_turn(sim_of(world), until);
}

static struct lr_storage *storage(struct lr_world *world) {
    return &sim_of(world)->storage.base;
}

static uint16_t conn_port(struct lr_host *host, lr_conn conn) {
    const struct lr_sim_end *end = lr_sim_host_find_end(host_of(host), conn);
    return end == NULL || end->is_service ? 0 : lr_sim_pair_of(end)->client_port;
}

static size_t host_sockets(const struct lr_host *host) {
    return LR_CONTAINER_OF(host, const struct lr_sim_host, base)->end_count;
}

static uint16_t free_port(struct lr_world *world, const char *address) {
    struct lr_sim *sim = sim_of(world);
    struct lr_sim_name *name;
    struct lr_sim_port port = {.taken = false};
    uint16_t number = 0;
    if (lr_sim_resolve(sim, address, &name) != LR_OK ||
        !lr_sim_take_port(sim, name, 0, &port, &number)) {
        return 0;
    }
    lr_sim_leave_port(sim, &port);
    return number;
}

static enum lr_status fault(struct lr_world *world, uint32_t number, struct lr_fault *fault) {
    struct lr_sim *sim = sim_of(world);
    for (struct lr_list *node = sim->links.prev; node != &sim->links; node = node->prev) {
        struct lr_link *link = LR_CONTAINER_OF(node, struct lr_link, node);
        if (link->number == number && number != 0 && !link->ended) {
            enum lr_link_action action = lr_link_arm(link, sim->now, fault);
            if (action != LR_LINK_PASS) {
                lr_sim_conn_act(link->owner, action);
            }
            return LR_OK;
        }
    }
    return LR_ENOTFOUND;
}

static void fault_next(struct lr_world *world, const char *service, struct lr_fault *fault) {
    lr_fault_disarm(fault);
    (void)snprintf(fault->service, sizeof fault->service, "%s", service);
    lr_list_append(&sim_of(world)->next_faults, &fault->node);
}

static void undo(struct lr_world *world, struct lr_fault *fault) {
    struct lr_sim *sim = sim_of(world);
    struct lr_link *link;
    if (lr_link_undo(sim->now, fault, &link) == LR_LINK_SHAPE) {
        lr_sim_shape(link->owner, fault);
    }
}

static struct lr_link *find_open_to(struct lr_sim *sim, const char *service) {
    LR_LIST_EACH (node, &sim->links) {
        struct lr_link *link = LR_CONTAINER_OF(node, struct lr_link, node);
        if (!link->ended && !link->black_hole &&
            strcmp(lr_ledger_link_service(sim->ledger, link->number), service) == 0) {
            return link;
        }
    }
    return NULL;
}

/* Looked for anew each time, as the end of one may be that of others. Who comes back takes a round
 * trip, so there is an end to it. */
static size_t storm(struct lr_world *world, const char *service) {
    struct lr_sim *sim = sim_of(world);
    struct lr_link *link;
    size_t count = 0;
    while ((link = find_open_to(sim, service)) != NULL) {
        struct lr_fault fault = {.kind = LR_FAULT_RST, .side = LR_SIDE_BOTH};
        lr_sim_conn_act(link->owner, lr_link_arm(link, sim->now, &fault));
        count++;
    }
    return count;
}

static void free_world(struct lr_world *world) {
    lr_sim_free(sim_of(world));
}

static const struct lr_world_ops sim_ops = {
    .name = "sim",
    .now = now,
    .turn = turn,
    .storage = storage,
    .add = lr_sim_add,
    .drain = lr_sim_drain,
    .remove = lr_sim_remove,
    .conn_port = conn_port,
    .host_sockets = host_sockets,
    .free_port = free_port,
    .fault = fault,
    .fault_next = fault_next,
    .undo = undo,
    .storm = storm,
    .host_fault = lr_sim_host_fault,
    .host_heal = lr_sim_host_heal,
    .free = free_world,
};

struct lr_world *lr_sim_world(struct lr_sim *sim) {
    return &sim->world;
}

struct lr_sim *lr_sim_of(struct lr_world *world) {
    return world->ops == &sim_ops ? sim_of(world) : NULL;
}

struct lr_sim_counts lr_sim_count(const struct lr_sim *sim) {
    return (struct lr_sim_counts){.hosts = sim->host_count,
                                  .connections = sim->pair_count,
                                  .events = sim->queue.armed,
                                  .turned = sim->queue.turned};
}

void lr_sim_set_link(struct lr_sim *sim, const struct lr_sim_link_profile *link) {
    sim->options.link = *link;
}

/* ---- where hosts are, and whether they can be reached ---- */

enum lr_status lr_sim_place(struct lr_host *base, const char *address) {
    struct lr_sim_host *host = host_of(base);
    size_t size = strlen(address);
    if (size == 0 || size >= LR_HOST_MAX || host->end_count > 0 || host->numbers.count > 0) {
        return LR_EINVAL;
    }
    struct lr_sim_name *name =
        strcmp(address, "localhost") == 0 ? host->sim->localhost : lr_sim_name(host->sim, address);
    if (name == NULL) {
        return LR_ENOMEM;
    }
    host->address->hosts--;
    host->address = name;
    name->hosts++;
    return LR_OK;
}

void lr_sim_lose(struct lr_host *host) {
    struct lr_sim_host *self = host_of(host);
    self->lost = true;
    lr_trace_emit(&self->trace, self->sim->now, LR_TRACE_FAULT, 0, "off the net");
    LR_LIST_EACH (node, &self->ends) {
        struct lr_sim_end *end = LR_CONTAINER_OF(node, struct lr_sim_end, node);
        if (!end->lost) {
            end->lost = true;
            lr_sim_conn_silence(end);
            lr_sim_conn_silence(lr_sim_peer(end));
        }
    }
}

static void hear_again(struct lr_sim_end *end) {
    if (end->timer_for == LR_SIM_TIMER_SILENCE && !end->frozen) {
        end->parked = false;
        lr_sim_disarm(lr_sim_pair_of(end)->sim, &end->timer);
    }
}

static void find_ends(struct lr_list *ends) {
    LR_LIST_EACH (node, ends) {
        struct lr_sim_end *end = LR_CONTAINER_OF(node, struct lr_sim_end, node);
        struct lr_sim_end *peer = lr_sim_peer(end);
        bool answered = !end->given_up && !peer->given_up; /* else nobody is there who could */
        end->lost = false;
        if (answered && !lr_sim_tcp_cut_off(end) && !lr_sim_pair_of(end)->ends[1].frozen) {
            hear_again(end);
            hear_again(peer);
        }
        lr_sim_tcp_resume(end);
    }
}

void lr_sim_find(struct lr_host *host) {
    struct lr_sim_host *self = host_of(host);
    self->lost = false;
    lr_trace_emit(&self->trace, self->sim->now, LR_TRACE_FAULT, 0, "on the net again");
    find_ends(&self->ends);
    find_ends(&self->given_up);
}

/* ---- beginning and end ---- */

static enum lr_status open_world(struct lr_sim *sim) {
    lr_table_init(&sim->names);
    lr_table_init(&sim->ports);
    sim->localhost = lr_sim_name(sim, "127.0.0.1");
    sim->localhost6 = lr_sim_name(sim, "::1");
    return sim->localhost == NULL || sim->localhost6 == NULL ? LR_ENOMEM : LR_OK;
}

enum lr_status lr_sim_new(struct lr_sim **out, const struct lr_sim_options *options,
                          struct lr_error *error) {
    if (options->send_buffer == 0 || options->receive_buffer == 0 || options->backlog == 0) {
        return lr_error_set(error, LR_EINVAL, "a simulated world needs buffers and a backlog");
    }
    struct lr_sim *sim = LR_NEW(options->alloc, struct lr_sim);
    if (sim == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for the simulated world");
    }
    sim->world.ops = &sim_ops;
    sim->options = *options;
    sim->alloc = options->alloc;
    sim->ledger = options->ledger;
    sim->now = ORIGIN;
    struct lr_prng seed;
    lr_prng_init(&seed, options->seed);
    sim->random = lr_prng_fork(&seed, "sim");
    struct lr_list *lists[] = {&sim->hosts,  &sim->heard, &sim->pairs,       &sim->spare_pairs,
                               &sim->tended, &sim->links, &sim->next_faults, &sim->host_faults};
    for (size_t i = 0; i < LR_COUNT_OF(lists); i++) {
        lr_list_init(lists[i]);
    }
    lr_memory_storage_init(&sim->storage, sim->alloc, options->storage_max);
    if (open_world(sim) != LR_OK) {
        lr_sim_free(sim);
        return lr_error_set(error, LR_ENOMEM, "no memory for the simulated world");
    }
    *out = sim;
    return LR_OK;
}

static void free_names(struct lr_sim *sim) {
    for (size_t i = 0; i < sim->names.bucket_count; i++) {
        for (struct lr_table_node *node = sim->names.buckets[i], *next; node != NULL; node = next) {
            struct lr_sim_name *name = LR_CONTAINER_OF(node, struct lr_sim_name, node);
            next = node->next;
            lr_alloc_free(sim->alloc, name, sizeof *name + strlen(name->text) + 1);
        }
    }
    lr_table_deinit(&sim->names, sim->alloc);
}

/* Hosts go first; then the connections that have outlived them, whose links are closed while their
 * names are still there. */
static void free_pairs(struct lr_sim *sim) {
    LR_LIST_EACH (node, &sim->pairs) {
        struct lr_sim_pair *pair = LR_CONTAINER_OF(node, struct lr_sim_pair, node);
        if (!pair->ends[0].closed) {
            lr_sim_drop(&pair->ends[0]);
        }
        if (!pair->ends[1].closed) {
            lr_sim_drop(&pair->ends[1]);
        }
    }
    LR_LIST_EACH (node, &sim->pairs) { /* all are closed; what is left has been released */
        lr_sim_tend_later(LR_CONTAINER_OF(node, struct lr_sim_pair, node));
    }
    lr_sim_tend(sim);
    LR_ASSERT(sim->pair_count == 0);
    lr_sim_pairs_free_spare(sim);
}

void lr_sim_free(struct lr_sim *sim) {
    if (sim == NULL) {
        return;
    }
    LR_LIST_EACH (node, &sim->hosts) {
        lr_sim_remove(&LR_CONTAINER_OF(node, struct lr_sim_host, node)->base, false);
    }
    free_pairs(sim);
    LR_LIST_EACH (node, &sim->next_faults) {
        lr_list_remove(node);
    }
    lr_memory_storage_deinit(&sim->storage);
    lr_sim_chunks_free_spare(sim);
    lr_table_deinit(&sim->ports, sim->alloc);
    free_names(sim);
    lr_alloc_free(sim->alloc, sim->queue.heap, sim->queue.capacity * sizeof(struct lr_sim_waiting));
    LR_FREE(sim->alloc, sim);
}
