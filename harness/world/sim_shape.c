/* SPDX-License-Identifier: Apache-2.0 */
/* Faults that say when and how bytes pass in the simulated world: stalls, single bytes, slow-loris,
 * and what changes the profile of a link that lives. To the service they count where its end reads,
 * from it where its system lets bytes go, as the link counts them. */
#include "world/sim_fault.h"

static enum lr_direction direction_of(const struct lr_sim_end *from) {
    return from->is_service ? LR_FROM_SERVICE : LR_TO_SERVICE;
}

static struct lr_fault *shaped_by(const struct lr_sim_end *from, enum lr_fault_kind kind) {
    return lr_link_shaped_by(&lr_sim_pair_of(from)->link, kind, direction_of(from));
}

/* ---- the profile ---- */

static uint64_t profile_of(const struct lr_sim_link_profile *profile, enum lr_fault_kind kind) {
    return kind == LR_FAULT_LATENCY     ? profile->latency_ns
           : kind == LR_FAULT_JITTER    ? profile->jitter_ns
           : kind == LR_FAULT_BANDWIDTH ? profile->bandwidth
                                        : (uint64_t)profile->segments;
}

static void set_profile(struct lr_sim_link_profile *profile, enum lr_fault_kind kind,
                        uint64_t value) {
    if (kind == LR_FAULT_LATENCY) {
        profile->latency_ns = value;
    } else if (kind == LR_FAULT_JITTER) {
        profile->jitter_ns = value;
    } else if (kind == LR_FAULT_BANDWIDTH) {
        profile->bandwidth = value;
    } else {
        profile->segments = (enum lr_sim_segments)value;
    }
}

/* One of the same kind that came before, and still shapes the link. */
static const struct lr_fault *find_earlier(const struct lr_link *link,
                                           const struct lr_fault *fault) {
    for (struct lr_list *node = link->faults.next; node != &link->faults; node = node->next) {
        const struct lr_fault *other = LR_CONTAINER_OF(node, struct lr_fault, node);
        if (other != fault && other->kind == fault->kind && other->applied) {
            return other;
        }
    }
    return NULL;
}

static void apply_to_profile(struct lr_sim_pair *pair, struct lr_fault *fault) {
    const struct lr_fault *earlier = find_earlier(&pair->link, fault);
    fault->replaced = earlier != NULL ? earlier->replaced : profile_of(&pair->profile, fault->kind);
    fault->applied = true;
    if (fault->kind == LR_FAULT_JITTER) {
        pair->random = lr_prng_fork(&fault->random, "jitter");
    }
    set_profile(&pair->profile, fault->kind,
                fault->kind == LR_FAULT_SPLIT ? (uint64_t)LR_SIM_BYTES : fault->amount);
}

static void take_back_of_profile(struct lr_sim_pair *pair, const struct lr_fault *undone) {
    const struct lr_fault *left = find_earlier(&pair->link, undone);
    uint64_t value = left == NULL                     ? undone->replaced
                     : undone->kind == LR_FAULT_SPLIT ? (uint64_t)LR_SIM_BYTES
                                                      : left->amount;
    set_profile(&pair->profile, undone->kind, value);
}

/* ---- what passes when ---- */

static bool is_shaped(const struct lr_sim_end *from) {
    return shaped_by(from, LR_FAULT_STALL) != NULL || shaped_by(from, LR_FAULT_COALESCE) != NULL ||
           shaped_by(from, LR_FAULT_SLOW) != NULL;
}

void lr_sim_shape(struct lr_sim_pair *pair, const struct lr_fault *undone) {
    LR_LIST_EACH (node, &pair->link.faults) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        if (fault->active && !fault->applied && lr_fault_shapes_both(fault->kind)) {
            apply_to_profile(pair, fault);
        }
    }
    if (undone != NULL && undone->applied) {
        take_back_of_profile(pair, undone);
    }
    for (size_t i = 0; i < LR_COUNT_OF(pair->ends); i++) {
        struct lr_sim_end *end = &pair->ends[i];
        end->shaped = is_shaped(end);
        if (end->out.held != NULL) {
            lr_sim_arm(pair->sim, &end->out.room, pair->sim->now);
        }
        lr_sim_tcp_want(lr_sim_peer(end));
    }
}

bool lr_sim_shape_holds(struct lr_sim_end *from) {
    struct lr_sim *sim = lr_sim_pair_of(from)->sim;
    const enum lr_direction direction = direction_of(from);
    if (from->is_service && shaped_by(from, LR_FAULT_STALL) != NULL) {
        return true;
    }
    struct lr_fault *gathers = shaped_by(from, LR_FAULT_COALESCE);
    if (gathers == NULL) {
        return false;
    }
    lr_time *due = &gathers->due_at[direction];
    if (*due != 0 && *due <= sim->now) {
        *due = 0;
        return false;
    }
    *due = *due == 0 ? lr_time_add(sim->now, gathers->amount) : *due;
    lr_sim_arm(sim, &from->out.room, *due);
    return true;
}

lr_time lr_sim_shape_next_read(const struct lr_sim_end *from) {
    const struct lr_fault *slows = shaped_by(from, LR_FAULT_SLOW);
    if (!from->is_service && shaped_by(from, LR_FAULT_STALL) != NULL) {
        return LR_TIME_NEVER;
    }
    return slows == NULL ? 0 : slows->due_at[direction_of(from)];
}

size_t lr_sim_shape_piece(struct lr_sim_end *from, size_t size) {
    struct lr_fault *slows = shaped_by(from, LR_FAULT_SLOW);
    if (slows == NULL) {
        return size;
    }
    slows->due_at[direction_of(from)] = lr_time_add(lr_sim_pair_of(from)->sim->now, slows->amount);
    return 1;
}
