/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/generate.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "explore/odds.h"
#include "world/link.h"
#include "world/sim.h"

enum { BY_BYTES_MAX = 300 };

struct making {
    struct lr_plan *plan;
    struct lr_prng random; /* the part's under way */
};

static uint32_t draw(struct making *making, const struct lr_odds *odds) {
    return lr_odds_draw(odds, making->plan->features, &making->random);
}

static uint8_t draw_below(struct making *making, unsigned int bound) {
    return (uint8_t)lr_prng_below(&making->random, bound);
}

static bool has(const struct lr_plan *plan, unsigned int feature) {
    return (plan->features & LR_HAS(feature)) != 0;
}

static void choose_features(struct making *making) {
    for (unsigned int i = 0; i < LR_FEATURE_COUNT; i++) {
        bool there = lr_prng_chance(&making->random, lr_feature_row(i)->percent, 100);
        making->plan->features |= there ? LR_HAS(i) : 0;
    }
}

static void make_link(struct making *making) {
    struct lr_plan *plan = making->plan;
    plan->hasty = draw(making, lr_odds_hasty) != 0;
    if (has(plan, LR_FEATURE_ODD)) {
        plan->odd_key = (uint8_t)(1 + draw_below(making, LR_PLAN_ODD_KEYS));
    }
    plan->link.latency_us = draw(making, lr_odds_latency_us);
    plan->link.jitter_us = draw(making, lr_odds_jitter_us);
    plan->link.bandwidth = draw(making, lr_odds_bandwidth);
    plan->link.segments = (uint8_t)draw(making, lr_odds_segments);
}

static void make_servers(struct making *making) {
    struct lr_plan *plan = making->plan;
    plan->server_count = (uint8_t)draw(making, lr_odds_servers);
    for (unsigned int i = 0; i < plan->server_count; i++) {
        plan->servers[i] = (struct lr_plan_server){
            .key = (uint8_t)draw(making, lr_odds_keys),
            .slots = (uint8_t)draw(making, lr_odds_slots),
            .dialect = (uint8_t)draw(making, lr_odds_dialect),
            .direct = has(plan, LR_FEATURE_DIRECT) && lr_prng_chance(&making->random, 1, 2),
            .shared = has(plan, LR_FEATURE_SHARED),
        };
    }
}

/* A key of one of the servers there are, mostly. */
static uint8_t draw_key(struct making *making) {
    const struct lr_plan *plan = making->plan;
    return plan->servers[draw_below(making, plan->server_count)].key;
}

/* In a world with liars who opens a session is at theirs as often as not. */
static bool draw_liar(struct making *making) {
    return has(making->plan, LR_FEATURE_LIARS) && draw_below(making, 2) == 0;
}

/* Byte by byte, what is large takes the time of a thousand other runs. */
static uint32_t bound_size(const struct making *making, uint32_t size) {
    bool by_bytes = making->plan->link.segments == LR_SIM_BYTES;
    return by_bytes && size > BY_BYTES_MAX ? BY_BYTES_MAX : size;
}

/* What a step of a client's is about. */
static void fill_client_step(struct making *making, struct lr_plan_step *step) {
    switch (step->what) {
    case LR_DO_REQUEST:
        step->target = draw_liar(making) ? (uint8_t)LR_PLAN_LIAR_KEY : draw_key(making);
        step->priority = (int8_t)((int)draw(making, lr_odds_priority) - 100);
        step->ms = draw(making, lr_odds_timeout_ms);
        step->limit = draw(making, lr_odds_limit_ms);
        step->tries = (uint8_t)draw(making, lr_odds_tries);
        break;
    case LR_DO_CONNECT:
        step->target = draw_liar(making) ? (uint8_t)LR_CONNECT_LIAR
                                         : draw_below(making, making->plan->server_count);
        step->ms = draw(making, lr_odds_timeout_ms);
        break;
    case LR_DO_PASS:
        step->ms = draw(making, lr_odds_pause_ms);
        break;
    case LR_DO_CALL:
        step->target = (uint8_t)draw(making, lr_odds_call);
        step->size = (uint32_t)lr_prng_below(&making->random, 1000);
        break;
    case LR_DO_WRITE:
    case LR_DO_UPLOAD:
        step->size = bound_size(making, draw(making, lr_odds_size));
        break;
    case LR_DO_BUSY:
        step->ms = draw(making, lr_odds_busy_ms);
        break;
    default:
        break;
    }
}

static struct lr_plan_step make_client_step(struct making *making, bool first) {
    struct lr_plan_step step = {
        .what = (uint8_t)(first && !has(making->plan, LR_FEATURE_DIRECT)
                              ? LR_DO_REQUEST
                              : draw(making, lr_odds_client_do)),
        .slot = draw_below(making, 4) == 0,
    };
    fill_client_step(making, &step);
    return step;
}

/* Which of its names a program has bound, as far as its steps tell. */
static uint8_t draw_var(struct making *making, unsigned int bound, bool wanted) {
    uint8_t vars[LR_PLAN_VARS];
    unsigned int count = 0;
    for (unsigned int i = 0; i < LR_PLAN_VARS; i++) {
        if (((bound >> i & 1U) != 0) == wanted) {
            vars[count++] = (uint8_t)i;
        }
    }
    return count == 0 ? draw_below(making, LR_PLAN_VARS) : vars[draw_below(making, count)];
}

/* A name that is not bound yet, mostly: what has one goes where it is bound anew. */
static uint8_t draw_new_var(struct making *making, unsigned int bound) {
    return draw_var(making, bound, draw_below(making, 5) == 0);
}

static void make_program_step(struct making *making, struct lr_plan_step *step, bool native,
                              unsigned int *bound) {
    step->target = (uint8_t)draw(making, native ? lr_odds_native : lr_odds_python);
    step->y = draw_var(making, *bound, true);
    step->x = draw_new_var(making, *bound);
    switch (step->target) {
    case LR_PROGRAM_DEL:
        step->x = draw_var(making, *bound, true);
        *bound &= ~(1U << step->x);
        return;
    case LR_PROGRAM_STORE:
    case LR_PROGRAM_FINALIZE:
    case LR_PROGRAM_LOCALS:
        step->x = draw_var(making, *bound, true);
        break;
    default:
        break;
    }
    bool makes = step->target > LR_PROGRAM_DEL && step->target <= LR_PROGRAM_OBSERVER;
    bool keeps = step->target == LR_PROGRAM_WEAKREF || step->target == LR_PROGRAM_GENERATOR ||
                 step->target == LR_PROGRAM_GENERATOR_WITH ||
                 (step->target >= LR_PROGRAM_KEPT_ERROR && step->target <= LR_PROGRAM_KEPT_BEFORE);
    *bound |= makes || keeps ? 1U << step->x : 0;
    if (step->target < LR_PROGRAM_LOCALS && step->target != LR_PROGRAM_WEAKREF) {
        step->moves = draw_below(making, 2);
        *bound &= step->moves != 0 ? ~(1U << step->y) : ~0U;
    }
}

static void make_program(struct making *making, struct lr_plan_actor *actor) {
    bool native = draw_below(making, 5) == 0;
    unsigned int bound = 0;
    unsigned int python = LR_PLAN_NATIVE + 1U + draw_below(making, 2 * LR_PLAN_PYTHONS);
    actor->runtime = (uint8_t)(native ? LR_PLAN_NATIVE : python);
    for (unsigned int i = 0; i < actor->count; i++) {
        struct lr_plan_step *step = &actor->steps[i];
        step->what = (uint8_t)(i == 0 ? LR_DO_REQUEST : draw(making, lr_odds_program_do));
        step->slot = draw_below(making, LR_PLAN_SLOTS);
        if (step->what == LR_DO_PROGRAM) {
            make_program_step(making, step, native, &bound);
            continue;
        }
        fill_client_step(making, step);
        bound |= step->what == LR_DO_REQUEST ? 1U << step->slot : 0;
        if (step->what == LR_DO_CALL) { /* of what can be called by an object's words, and works */
            step->target = LR_CALL_ADDONE;
        }
    }
}

static void make_client(struct making *making, struct lr_plan_actor *actor) {
    actor->kind = LR_ACTOR_CLIENT;
    actor->count = (uint8_t)draw(making, lr_odds_steps);
    if (has(making->plan, LR_FEATURE_PROGRAMS) && draw_below(making, 4) != 0) {
        make_program(making, actor);
        return;
    }
    for (unsigned int i = 0; i < actor->count; i++) {
        actor->steps[i] = make_client_step(making, i == 0);
    }
}

static struct lr_plan_step make_peer_step(struct making *making, unsigned int *opened) {
    struct lr_plan_step step = {
        .what = (uint8_t)(*opened == UINT8_MAX ? LR_DO_OPEN : draw(making, lr_odds_peer_do))};
    switch (step.what) {
    case LR_DO_OPEN:
        step.target = draw_below(making, 2) == 0 ? 0
                      : draw_below(making, 2) == 0
                          ? LR_OPEN_GRANTED
                          : (uint8_t)(1 + draw_below(making, making->plan->server_count));
        *opened = step.target;
        break;
    case LR_DO_SAY:
        step.target =
            (uint8_t)draw(making, *opened == 0 ? lr_odds_tracker_line : lr_odds_server_line);
        step.ms = draw(making, lr_odds_said);
        if (making->plan->link.segments == LR_SIM_BYTES && lr_line_floods(step.target)) {
            step.target = (uint8_t)(*opened == 0 ? LR_LINE_PING : LR_LINE_LOOK_UP);
        }
        step.slot = lr_line_floods(step.target) && draw_below(making, 2) == 0;
        break;
    case LR_DO_REQUEST:
        step.target = draw_key(making);
        step.limit = draw(making, lr_odds_limit_ms);
        break;
    case LR_DO_PASS:
        step.ms = draw(making, lr_odds_pause_ms);
        break;
    default:
        break;
    }
    return step;
}

static void make_peer(struct making *making, struct lr_plan_actor *actor) {
    unsigned int opened = UINT8_MAX;
    actor->kind = LR_ACTOR_PEER;
    actor->count = (uint8_t)draw(making, lr_odds_steps);
    for (unsigned int i = 0; i < actor->count; i++) {
        actor->steps[i] = make_peer_step(making, &opened);
        if (actor->steps[i].what == LR_DO_SAY && actor->steps[i].slot != 0) {
            actor->count = (uint8_t)(i + 1); /* it waits for what comes of that */
        }
    }
}

/* What is no answer to what is asked is drawn anew. */
static void make_liar(struct making *making, struct lr_plan_actor *actor) {
    actor->kind = (uint8_t)draw(making, lr_odds_liar);
    actor->count = (uint8_t)draw(making, lr_odds_lies);
    bool tracks = actor->kind == LR_ACTOR_LYING_TRACKER;
    for (unsigned int i = 0; i < actor->count; i++) {
        struct lr_plan_step *step = &actor->steps[i];
        step->what = LR_DO_LIE;
        step->slot = (uint8_t)draw(making, tracks ? lr_odds_tracker_asked : lr_odds_asked);
        do {
            step->target = (uint8_t)draw(making, lr_odds_lie);
        } while (!lr_lie_fits(step->target, step->slot));
    }
}

static void fork(struct making *making, const struct lr_prng *seed, const char *part,
                 unsigned int number) {
    char name[32];
    (void)snprintf(name, sizeof name, "%s%u", part, number);
    making->random = lr_prng_fork(seed, name);
}

static void make_actors(struct making *making, const struct lr_prng *seed) {
    struct lr_plan *plan = making->plan;
    unsigned int clients =
        draw(making, has(plan, LR_FEATURE_CROWD) ? lr_odds_crowd : lr_odds_clients);
    unsigned int peers =
        has(plan, LR_FEATURE_PEERS) ? 1U + draw_below(making, LR_PLAN_PEERS_MAX) : 0;
    unsigned int liars =
        has(plan, LR_FEATURE_LIARS) ? 1U + draw_below(making, LR_PLAN_LIARS_MAX) : 0;
    plan->actor_count = (uint8_t)(clients + peers + liars);
    for (unsigned int i = 0; i < plan->actor_count; i++) {
        if (i < clients) {
            fork(making, seed, "client", i);
            make_client(making, &plan->actors[i]);
        } else if (i >= clients + peers) {
            fork(making, seed, "liar", i - clients - peers);
            make_liar(making, &plan->actors[i]);
        } else {
            fork(making, seed, "peer", i - clients);
            make_peer(making, &plan->actors[i]);
        }
    }
}

static uint8_t draw_service(struct making *making) {
    return draw_below(making, 1U + making->plan->server_count);
}

static uint8_t draw_host(struct making *making) {
    const struct lr_plan *plan = making->plan;
    return draw_below(making, 2) == 0
               ? draw_service(making)
               : (uint8_t)(LR_HOST_ACTORS + draw_below(making, plan->actor_count));
}

/* Where it means most: in what a tracker answers an UPDATE_INFO or what comes next, or in the code
 * of a server's next packet. */
static uint16_t code_at(const struct lr_plan_fault *fault) {
    bool next_link = fault->when == LR_WHEN_BYTES;
    return fault->host != LR_HOST_TRACKER ? 8 : next_link ? 8 : 4;
}

/* A tracker's answer to a REQUEST ends there, where it has just asked for its magic: a link that
 * breaks behind the last byte of a grant leaves its tracker in doubt whether it was read. */
static uint16_t grant_end(struct making *making) {
    const char *grant = "[0, [\"127.0.0.1\", 32768, \":0.0123456789012345\"]]";
    return (uint16_t)(4 + 4 + strlen(grant) + strlen(lr_plan_key(draw_key(making))));
}

static bool is_aimed_at(unsigned int aim, unsigned int what) {
    switch (aim) {
    case LR_AIM_OPEN:
        return what == LR_DO_REQUEST || what == LR_DO_CONNECT || what == LR_DO_OPEN;
    case LR_AIM_COPY:
        return what == LR_DO_WRITE || what == LR_DO_READ || what == LR_DO_UPLOAD ||
               what == LR_DO_DOWNLOAD || what == LR_DO_SAY;
    case LR_AIM_END:
        return what == LR_DO_CLOSE || what == LR_DO_SCOPE || what == LR_DO_UNREF ||
               what == LR_DO_FINISH || what == LR_DO_END || what == LR_DO_RESET;
    default:
        return true;
    }
}

static uint8_t draw_step(struct making *making, const struct lr_plan_actor *actor) {
    unsigned int first = draw_below(making, actor->count);
    unsigned int aim = draw(making, lr_odds_aim);
    for (unsigned int i = 0; i < actor->count; i++) {
        unsigned int step = (first + i) % actor->count;
        if (is_aimed_at(aim, actor->steps[step].what)) {
            return (uint8_t)step;
        }
    }
    return (uint8_t)first;
}

/* What comes with an actor's step is about that actor, half of the time. */
static void aim_at_actor(struct making *making, struct lr_plan_fault *fault, bool of_link) {
    bool with_step = fault->when == LR_WHEN_STEP || fault->when == LR_WHEN_BEGUN;
    uint8_t actor = (uint8_t)(LR_HOST_ACTORS + fault->actor);
    if (!with_step || draw_below(making, 2) != 0) {
        return;
    }
    if (of_link) {
        const struct lr_plan_step *step = &making->plan->actors[fault->actor].steps[fault->step];
        bool asks = step->what == LR_DO_REQUEST && draw_below(making, 2) == 0;
        bool says = step->what == LR_DO_SAY && lr_line_row(step->target)->plane == LR_PLANE_CONTROL;
        fault->host = asks || says ? LR_HOST_TRACKER : fault->host;
        fault->from = actor;
    } else if (fault->host >= LR_HOST_ACTORS) {
        fault->host = actor;
    }
}

static void make_fault(struct making *making, struct lr_plan_fault *fault) {
    const struct lr_plan *plan = making->plan;
    fault->kind = (uint8_t)draw(making, lr_odds_fault);
    const struct lr_plan_fault_row *row = lr_plan_fault_row(fault->kind);
    bool of_link = row->subject == LR_PLAN_OF_LINK;
    fault->host = row->subject == LR_PLAN_OF_HOST ? draw_host(making) : draw_service(making);
    fault->when = (uint8_t)draw(making, lr_odds_when);
    fault->when = fault->when == LR_WHEN_BYTES && !of_link ? LR_WHEN_BEGUN : fault->when;
    /* Links to the tracker are those of servers, mostly: a client's is busy for a moment alone. */
    bool by_server = fault->host == LR_HOST_TRACKER && draw_below(making, 4) != 0;
    fault->from = (uint8_t)(by_server ? LR_HOST_SERVERS + draw_below(making, plan->server_count)
                                      : LR_HOST_ACTORS + draw_below(making, plan->actor_count));
    fault->actor = draw_below(making, plan->actor_count);
    fault->step = draw_step(making, &plan->actors[fault->actor]);
    aim_at_actor(making, fault, of_link);
    fault->side = draw_below(making, 3);
    /* What a tracker takes from bytes that nobody has sent would stay when faults have stopped. */
    if (lr_fault_spoils(row->kind)) {
        bool of_tracker = fault->host == LR_HOST_TRACKER;
        fault->side = of_tracker ? LR_SIDE_FROM_SERVICE : draw_below(making, 2);
    }
    fault->apart = (uint8_t)draw(making, lr_odds_apart);
    /* On a link that is there: at once, or inside of what passes next. */
    fault->bytes = fault->when == LR_WHEN_BYTES ? (uint16_t)lr_prng_below(&making->random, 400)
                   : of_link                    ? (uint16_t)draw(making, lr_odds_fault_bytes)
                                                : 0;
    if (fault->kind == LR_PLAN_CORRUPT && draw_below(making, 2) == 0) {
        fault->bytes = code_at(fault);
    }
    fault->ms = fault->when == LR_WHEN_BYTES ? 0 : draw(making, lr_odds_fault_ms);
    bool may_last = fault->kind == LR_PLAN_LOSE || fault->kind == LR_PLAN_PARTITION;
    fault->undo_ms = row->lasts ? draw(making, lr_odds_lasts_ms)
                     : may_last ? draw(making, lr_odds_undo_ms)
                                : 0;
}

/* A step of |actor|'s that asks the tracker, mostly. */
static uint8_t draw_asking(struct making *making, const struct lr_plan_actor *actor) {
    uint8_t step = draw_below(making, actor->count);
    for (unsigned int i = 0; i < 4 && actor->steps[step].what != LR_DO_REQUEST; i++) {
        step = draw_below(making, actor->count);
    }
    return step;
}

/* One that fails alone is to be one of a step's: of who does it, or of the tracker. */
static void aim_memory(struct making *making, struct lr_plan_fault *fault) {
    fault->bytes = fault->kind == LR_PLAN_NO_MEMORY ? (uint16_t)draw(making, lr_odds_allocation)
                                                    : fault->bytes;
    if (fault->kind == LR_PLAN_NO_MEMORY && fault->bytes != 0) {
        bool of_tracker = draw_below(making, 3) == 0;
        fault->when = LR_WHEN_STEP;
        fault->ms = 0;
        fault->host = (uint8_t)(of_tracker ? LR_HOST_TRACKER : LR_HOST_ACTORS + fault->actor);
        fault->step =
            of_tracker ? draw_asking(making, &making->plan->actors[fault->actor]) : fault->step;
    }
}

static void aim_reset(struct making *making, struct lr_plan_fault *fault) {
    if (fault->kind == LR_PLAN_RST && fault->when == LR_WHEN_BYTES &&
        fault->host == LR_HOST_TRACKER && draw_below(making, 4) == 0) {
        fault->side = LR_SIDE_FROM_SERVICE;
        fault->bytes = grant_end(making);
    }
}

static void make_faults(struct making *making) {
    struct lr_plan *plan = making->plan;
    const uint32_t faulty = LR_HAS(LR_FEATURE_CUTS) | LR_HAS(LR_FEATURE_DEATHS) |
                            LR_HAS(LR_FEATURE_SILENCE) | LR_HAS(LR_FEATURE_SPOILT) |
                            LR_HAS(LR_FEATURE_STALLS) | LR_HAS(LR_FEATURE_SYSTEM) |
                            LR_HAS(LR_FEATURE_MEMORY);
    if ((plan->features & faulty) == 0) {
        return;
    }
    plan->fault_count = (uint8_t)draw(making, lr_odds_faults);
    for (unsigned int i = 0; i < plan->fault_count; i++) {
        make_fault(making, &plan->faults[i]);
        aim_memory(making, &plan->faults[i]);
        aim_reset(making, &plan->faults[i]);
    }
}

void lr_generate(struct lr_plan *plan, uint64_t seed) {
    struct lr_prng whole;
    memset(plan, 0, sizeof *plan); /* what lies between its members as well */
    plan->seed = seed;
    lr_prng_init(&whole, seed);
    struct making making = {.plan = plan};
    fork(&making, &whole, "features", 0);
    choose_features(&making);
    fork(&making, &whole, "link", 0);
    make_link(&making);
    fork(&making, &whole, "servers", 0);
    make_servers(&making);
    fork(&making, &whole, "actors", 0);
    make_actors(&making, &whole);
    fork(&making, &whole, "faults", 0);
    make_faults(&making);
}
