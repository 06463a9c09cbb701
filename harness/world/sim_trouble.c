/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of hosts in the simulated world: at their door, of their process, of their system, and of
 * the net between groups of them. */
#include <inttypes.h>

#include "base/assert.h"
#include "world/sim_fault.h"

/* What the wall clock of every host shows when a world begins: 2026-01-01. Nobody but the scripts
 * reads it. */
#define WALL_ORIGIN (UINT64_C(1767225600) * LR_SECOND)

static struct lr_sim_host *host_of(struct lr_host *host) {
    return LR_CONTAINER_OF(host, struct lr_sim_host, base);
}

static struct lr_host_fault *find(const struct lr_sim_host *host, enum lr_fault_kind kind) {
    const struct lr_list *all = &host->sim->host_faults;
    for (struct lr_list *node = all->prev; node != all; node = node->prev) {
        struct lr_host_fault *fault = LR_CONTAINER_OF(node, struct lr_host_fault, node);
        if (fault->host == &host->base && fault->kind == kind) {
            return fault;
        }
    }
    return NULL;
}

static void sign(struct lr_sim_host *host, struct lr_host_fault *fault) {
    fault->fired++;
    fault->fired_at = host->sim->now;
    if (fault->fired == 1) {
        lr_trace_emit(&host->trace, host->sim->now, LR_TRACE_FAULT, 0, "%s",
                      lr_fault_row(fault->kind)->told);
    }
}

struct lr_host_fault *lr_sim_meet(struct lr_sim_host *host, enum lr_fault_kind kind) {
    if (!lr_sim_has_trouble(host, kind)) {
        return NULL;
    }
    struct lr_host_fault *fault = find(host, kind);
    bool certain = fault->chance_of[1] == 0;
    if (!certain && !lr_prng_chance(&fault->random, fault->chance_of[0], fault->chance_of[1])) {
        return NULL;
    }
    sign(host, fault);
    return fault;
}

/* ---- descriptors ---- */

bool lr_sim_lacks_descriptor(struct lr_sim_host *host) {
    if (!lr_sim_has_trouble(host, LR_FAULT_NO_DESCRIPTORS) ||
        host->end_count < find(host, LR_FAULT_NO_DESCRIPTORS)->limit) {
        return false;
    }
    return lr_sim_meet(host, LR_FAULT_NO_DESCRIPTORS) != NULL;
}

/* ---- reading and writing ---- */

enum { IO_KINDS = 3 };
static const enum lr_fault_kind io_kinds[IO_KINDS] = {LR_FAULT_SHORT_READS, LR_FAULT_SHORT_WRITES,
                                                      LR_FAULT_INTERRUPTS};

static bool has_io_trouble(const struct lr_sim_host *host) {
    return lr_sim_has_trouble(host, io_kinds[0]) || lr_sim_has_trouble(host, io_kinds[1]) ||
           lr_sim_has_trouble(host, io_kinds[2]);
}

static size_t limit(struct lr_sim_host *host, enum lr_fault_kind kind, size_t size) {
    if (size < 2 || !lr_sim_has_trouble(host, kind) || find(host, kind)->amount >= size) {
        return size;
    }
    const struct lr_host_fault *fault = lr_sim_meet(host, kind);
    return fault == NULL ? size : (size_t)fault->amount;
}

size_t lr_sim_trouble_write(struct lr_sim_end *end, size_t size) {
    struct lr_sim_host *host = end->numbered.host;
    struct lr_sim *sim = lr_sim_pair_of(end)->sim;
    if (end->spent) {
        return 0;
    }
    if (host == NULL) {
        return size;
    }
    bool interrupted = !end->again && lr_sim_meet(host, LR_FAULT_INTERRUPTS) != NULL;
    end->again = interrupted;
    size_t left = interrupted ? 0 : limit(host, LR_FAULT_SHORT_WRITES, size);
    if (left < size) {
        end->spent = true;
        lr_sim_arm(sim, &end->out.room, sim->now);
    }
    return left;
}

size_t lr_sim_trouble_read(struct lr_sim_end *end, size_t size) {
    struct lr_sim_host *host = end->numbered.host;
    if (host == NULL || end->lingering) {
        return size;
    }
    bool interrupted = !end->heard_again && lr_sim_meet(host, LR_FAULT_INTERRUPTS) != NULL;
    end->heard_again = interrupted;
    return interrupted ? 0 : limit(host, LR_FAULT_SHORT_READS, size);
}

void lr_sim_trouble_join(struct lr_sim_end *end) {
    const struct lr_sim_host *host = end->numbered.host;
    if (host->troubles != 0) {
        end->troubled = has_io_trouble(host);
    }
}

/* ---- partitions ---- */

bool lr_sim_is_parted(const struct lr_sim_pair *pair, const struct lr_sim_host *host) {
    const struct lr_sim_host *client = pair->ends[0].numbered.host;
    return client != NULL && client->group != host->group;
}

static const struct lr_sim_host *service_of(const struct lr_sim_pair *pair) {
    return pair->listener != NULL ? pair->listener->numbered.host : pair->ends[1].numbered.host;
}

static void hear_again(struct lr_sim_end *end) {
    if (end->timer_for == LR_SIM_TIMER_SILENCE && !end->frozen) {
        lr_sim_disarm(lr_sim_pair_of(end)->sim, &end->timer);
    }
}

static void part(struct lr_sim_pair *pair, bool parted) {
    struct lr_sim_end *client = &pair->ends[0];
    struct lr_sim_end *service = &pair->ends[1];
    client->parted = parted;
    service->parted = parted;
    if (parted) {
        lr_sim_conn_silence(client);
        lr_sim_conn_silence(service);
    } else if (!lr_sim_tcp_cut_off(client)) {
        bool answered = !client->given_up && !service->given_up && !service->frozen;
        if (answered) { /* else nobody is there who could */
            hear_again(client);
            hear_again(service);
        }
        lr_sim_tcp_resume(client);
    }
}

static void part_all(struct lr_sim *sim) {
    LR_LIST_EACH (node, &sim->pairs) {
        struct lr_sim_pair *pair = LR_CONTAINER_OF(node, struct lr_sim_pair, node);
        const struct lr_sim_host *service = service_of(pair);
        if (service == NULL || pair->ends[0].numbered.host == NULL) {
            continue; /* one end has gone: as it was */
        }
        bool parted = lr_sim_is_parted(pair, service);
        if (parted != (bool)pair->ends[0].parted) {
            part(pair, parted);
        }
    }
}

static void set_group(struct lr_sim_host *host) {
    const struct lr_host_fault *fault = find(host, LR_FAULT_PARTITION);
    host->group = fault == NULL ? 0 : (uint32_t)fault->amount;
    part_all(host->sim);
}

/* ---- coming and going ---- */

/* What has changed for |host| now that a fault of |kind| was put on it, or taken off. */
static void change(struct lr_sim_host *host, enum lr_fault_kind kind) {
    const bool on = find(host, kind) != NULL;
    if (on) {
        host->troubles |= 1U << kind;
    } else {
        host->troubles &= ~(1U << kind);
    }
    if (kind == LR_FAULT_FREEZE && on != host->frozen) {
        (on ? lr_sim_freeze : lr_sim_thaw)(&host->base);
    } else if (kind == LR_FAULT_LOSE && on != host->lost) {
        (on ? lr_sim_lose : lr_sim_find)(&host->base);
    } else if (kind == LR_FAULT_PARTITION) {
        set_group(host);
    }
    const bool io = has_io_trouble(host);
    LR_LIST_EACH (node, &host->ends) {
        LR_CONTAINER_OF(node, struct lr_sim_end, node)->troubled = io;
    }
}

enum lr_status lr_sim_host_fault(struct lr_host *base, struct lr_host_fault *fault) {
    struct lr_sim_host *host = host_of(base);
    LR_ASSERT(lr_fault_row(fault->kind)->subject != LR_FAULT_OF_LINK && fault->host == NULL);
    if (fault->kind == LR_FAULT_KILL || fault->kind == LR_FAULT_RESTART ||
        fault->kind == LR_FAULT_POWER_OFF || fault->kind == LR_FAULT_NO_MEMORY ||
        fault->kind == LR_FAULT_STORM) {
        return LR_ENOTSUP; /* these are done by other means */
    }
    fault->host = base;
    fault->armed = true;
    fault->limit = host->end_count + fault->amount;
    lr_list_append(&host->sim->host_faults, &fault->node);
    if (fault->kind == LR_FAULT_FREEZE || fault->kind == LR_FAULT_LOSE ||
        fault->kind == LR_FAULT_PARTITION || fault->kind == LR_FAULT_CLOCK_JUMP) {
        sign(host, fault);
    }
    change(host, fault->kind);
    lr_sim_tend(host->sim);
    return LR_OK;
}

static void take_off(struct lr_host_fault *fault) {
    lr_list_remove(&fault->node);
    fault->host = NULL;
}

void lr_sim_host_heal(struct lr_host_fault *fault) {
    struct lr_sim_host *host = host_of(fault->host);
    take_off(fault);
    change(host, fault->kind);
    lr_trace_emit(&host->trace, host->sim->now, LR_TRACE_FAULT, 0, "%s is over",
                  lr_fault_row(fault->kind)->told);
    lr_sim_tend(host->sim);
}

/* A host that was lost, or parted, stays so for its peers. */
void lr_sim_troubles_end(struct lr_sim_host *host) {
    if (host->troubles == 0) {
        return;
    }
    LR_LIST_EACH (node, &host->sim->host_faults) {
        struct lr_host_fault *fault = LR_CONTAINER_OF(node, struct lr_host_fault, node);
        if (fault->host == &host->base) {
            take_off(fault);
        }
    }
}

/* ---- the wall clock ---- */

uint64_t lr_sim_wall_clock(struct lr_host *base) {
    const struct lr_sim_host *host = host_of(base);
    uint64_t at = WALL_ORIGIN + host->sim->now;
    LR_LIST_EACH (node, &host->sim->host_faults) {
        const struct lr_host_fault *fault = LR_CONTAINER_OF(node, struct lr_host_fault, node);
        if (fault->host == base && fault->kind == LR_FAULT_CLOCK_JUMP) {
            at = fault->back ? at - fault->amount : at + fault->amount;
        }
    }
    return at;
}
