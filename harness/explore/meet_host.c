/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of hosts and services: what each does to whom, what is noted of it for the judges, and how
 * it is taken back. */
#include "explore/playing.h"

#include <string.h>

#include "explore/reach.h"
#include "world/sim.h"

#define CLOCK_JUMP_NS (3600 * LR_SECOND)

static uint32_t bit_of(unsigned int host) {
    return UINT32_C(1) << host;
}

static void disturb(struct lr_playing *play, uint32_t hosts) {
    play->disturbed |= hosts;
    play->stopped &= ~hosts;
    play->starved &= ~hosts;
}

/* To give up takes no memory: what an end must bring is looked at all the same. */
static void starve(struct lr_playing *play, uint32_t host) {
    bool fair = (play->disturbed & ~play->starved & host) == 0;
    disturb(play, host);
    play->starved |= fair ? host : 0;
}

/* ---- what is known of sessions ---- */

static void note_silent(const struct lr_playing *play, struct lr_cause_note *note) {
    note->silent_at = note->silent_at == 0 ? lr_playing_now(play) : note->silent_at;
    note->disturbed = true;
}

/* Every session of |host| that goes on has a cause to end, or is not heard of. */
static void note_sessions(struct lr_playing *play, unsigned int host, enum lr_cause cause,
                          bool silent) {
    const char *name = play->seats[host].party->name;
    for (uint32_t i = 1; i <= lr_ledger_account_count(play->ledger); i++) {
        const struct lr_account *account = lr_ledger_account(play->ledger, i);
        struct lr_cause_note *note = lr_judge_note_of(play, i);
        bool own = strcmp(account->client, name) == 0;
        if (note == NULL || account->released_at != LR_TIME_NEVER ||
            (!own && strcmp(account->server, name) != 0)) {
            continue;
        }
        if (silent) {
            note_silent(play, note);
        } else if (own) {
            lr_judge_note(play, i, cause);
        }
    }
}

/* Who was heard of again in time has given nobody a reason to end. */
static void hear_again(struct lr_playing *play, const char *name) {
    for (uint32_t i = 1; i <= lr_ledger_account_count(play->ledger); i++) {
        const struct lr_account *account = lr_ledger_account(play->ledger, i);
        struct lr_cause_note *note = lr_judge_note_of(play, i);
        if (note != NULL && account->released_at == LR_TIME_NEVER &&
            lr_playing_now(play) < note->silent_at + play->patience.silence_ns &&
            (strcmp(account->client, name) == 0 || strcmp(account->server, name) == 0)) {
            note->silent_at = 0;
        }
    }
}

/* ---- ends ---- */

/* One that lacks memory stays away, until faults stop. */
static void start_again(struct lr_playing *play, struct lr_party *party) {
    struct lr_error error = {.code = LR_OK};
    bool is_scarce = party->memory.parent != play->stage->alloc;
    if (!is_scarce && lr_party_restart(party, &error) != LR_OK) {
        play->error = error;
    }
}

static void end_host(struct lr_playing *play, unsigned int number, unsigned int host) {
    struct lr_seat *seat = &play->seats[host];
    unsigned int kind = play->plan->faults[number].kind;
    bool graceful = kind == LR_PLAN_STOP;
    bool silent = kind == LR_PLAN_POWER_OFF;
    bool fair = graceful && host >= LR_HOST_ACTORS && (play->disturbed & bit_of(host)) == 0;
    disturb(play, bit_of(host));
    play->stopped |= fair ? bit_of(host) : 0;
    note_sessions(play, host, graceful ? LR_CAUSE_CLOSE : LR_CAUSE_DEATH, silent);
    lr_ledger_note(play->ledger, lr_playing_now(play), 0, "plan: %s %s", seat->party->name,
                   graceful ? "stops"
                   : silent ? "is without power"
                            : "is killed");
    if (silent) {
        lr_sim_lose(seat->party->host);
        play->stage->disturbed = true;
    }
    lr_party_end(seat->party, graceful);
    if (host >= LR_HOST_ACTORS) {
        play->acts[host - LR_HOST_ACTORS].state = LR_ACT_OVER;
    } else if (kind == LR_PLAN_RESTART) {
        start_again(play, seat->party);
    }
}

/* ---- what lasts ---- */

static void lose(struct lr_playing *play, unsigned int host) {
    struct lr_seat *seat = &play->seats[host];
    note_sessions(play, host, LR_CAUSE_SILENCE, true);
    lr_sim_lose(seat->party->host);
    seat->lost = true;
}

static void find(struct lr_playing *play, unsigned int host) {
    struct lr_seat *seat = &play->seats[host];
    if (seat->lost && !seat->party->ended) {
        lr_sim_find(seat->party->host);
        hear_again(play, seat->party->name);
    }
    seat->lost = false;
}

/* One at a time: |play->parted| is the hosts that it has set apart. */
static void part(struct lr_playing *play, const struct lr_plan_fault *planned) {
    for (unsigned int i = 0; i < LR_PLAYING_HOSTS; i++) {
        const struct lr_party *party = play->seats[i].party;
        bool apart = i % planned->apart == planned->host % planned->apart;
        if (party != NULL && party->host != NULL) {
            disturb(play, bit_of(i));
            note_sessions(play, i, LR_CAUSE_SILENCE, true);
            play->parted[i] = (struct lr_host_fault){.kind = LR_FAULT_PARTITION, .amount = 1};
            if (apart) {
                (void)lr_world_host_fault(party->host, &play->parted[i]);
            }
        }
    }
    play->is_parted = true;
}

static void join(struct lr_playing *play) {
    for (unsigned int i = 0; i < LR_PLAYING_HOSTS; i++) {
        lr_world_host_heal(&play->parted[i]);
        if (play->seats[i].party != NULL) {
            hear_again(play, play->seats[i].party->name);
        }
    }
    play->is_parted = false;
}

static void make_scarce(struct lr_playing *play, unsigned int number, struct lr_party *party,
                        const struct lr_prng *random) {
    struct lr_scarce_alloc *scarce = &play->faults[number].scarce;
    lr_scarce_alloc_init(scarce, party->memory.parent);
    scarce->fail_in = play->plan->faults[number].bytes;
    scarce->chance_of[0] = scarce->fail_in == 0;
    scarce->chance_of[1] = scarce->fail_in == 0 ? LR_MEET_SCARCE_OF : 0;
    scarce->random = *random;
    party->memory.parent = &scarce->base;
}

/* What the allocators have given is taken back by those below them, so one may go at any time. */
static void make_plenty(struct lr_playing *play, unsigned int number, struct lr_party *party) {
    struct lr_scarce_alloc *scarce = &play->faults[number].scarce;
    struct lr_alloc **at = &party->memory.parent;
    while (*at != &scarce->base && *at != play->stage->alloc) {
        at = &LR_CONTAINER_OF(*at, struct lr_scarce_alloc, base)->parent;
    }
    if (*at == &scarce->base) {
        *at = scarce->parent;
    }
}

static void trouble(struct lr_playing *play, unsigned int number, const struct lr_party *party,
                    const struct lr_prng *random) {
    unsigned int kind = play->plan->faults[number].kind;
    bool by_chance = kind >= LR_PLAN_SHORT_READS && kind <= LR_PLAN_INTERRUPTS;
    play->faults[number].host = (struct lr_host_fault){
        .kind = lr_plan_fault_row(kind)->kind,
        .amount = kind == LR_PLAN_CLOCK_JUMP ? CLOCK_JUMP_NS : LR_MEET_SHORT_BYTES,
        .chance_of = {by_chance, by_chance ? 2 : 0},
        .random = *random};
    (void)lr_world_host_fault(party->host, &play->faults[number].host);
}

/* ---- */

static void carry_out(struct lr_playing *play, unsigned int number, struct lr_seat *seat) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    bool has_word = planned->kind >= LR_PLAN_KILL && planned->kind <= LR_PLAN_LOSE;
    const struct lr_prng random = has_word ? (struct lr_prng){0} : lr_meet_random(play);
    switch (planned->kind) {
    case LR_PLAN_KILL:
    case LR_PLAN_STOP:
    case LR_PLAN_POWER_OFF:
    case LR_PLAN_RESTART:
        end_host(play, number, planned->host);
        break;
    case LR_PLAN_LOSE:
        disturb(play, bit_of(planned->host));
        lose(play, planned->host);
        break;
    case LR_PLAN_PARTITION:
        part(play, planned);
        break;
    case LR_PLAN_NO_MEMORY:
        starve(play, bit_of(planned->host));
        make_scarce(play, number, seat->party, &random);
        break;
    case LR_PLAN_STORM:
        disturb(play, bit_of(planned->host));
        (void)lr_world_storm(play->world, seat->party->name);
        break;
    case LR_PLAN_FREEZE:
        disturb(play, bit_of(planned->host));
        trouble(play, number, seat->party, &random);
        break;
    default:
        trouble(play, number, seat->party, &random);
        break;
    }
}

bool lr_meet_host(struct lr_playing *play, unsigned int number) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    const struct lr_plan_fault_row *row = lr_plan_fault_row(planned->kind);
    struct lr_seat *seat = &play->seats[planned->host];
    if (seat->party == NULL || seat->party->ended || seat->lost ||
        (planned->kind == LR_PLAN_PARTITION && play->is_parted) ||
        (planned->kind == LR_PLAN_NO_MEMORY && seat->party->kind == LR_PARTY_PEER)) {
        return false; /* a peer is a part of the harness */
    }
    lr_reach_host(play, number);
    if (!row->harmless) {
        lr_meet_noted(play, lr_plan_silences_host(planned->kind));
        /* What a server offers while the tracker is off the net is seen when it is back. */
        bool hides = planned->kind != LR_PLAN_LOSE || planned->host == LR_HOST_TRACKER;
        play->stage->disturbed |=
            planned->kind != LR_PLAN_KILL && planned->kind != LR_PLAN_STOP && hides;
    }
    carry_out(play, number, seat);
    return true;
}

void lr_meet_host_undo(struct lr_playing *play, unsigned int number) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    if (!play->faults[number].fired) {
        return;
    }
    switch (planned->kind) {
    case LR_PLAN_LOSE:
        find(play, planned->host);
        break;
    case LR_PLAN_PARTITION:
        join(play);
        break;
    case LR_PLAN_NO_MEMORY:
        make_plenty(play, number, play->seats[planned->host].party);
        break;
    case LR_PLAN_FREEZE:
        lr_ledger_host_woken(play->ledger, lr_playing_now(play));
        lr_world_host_heal(&play->faults[number].host);
        break;
    default:
        lr_world_host_heal(&play->faults[number].host);
        break;
    }
    if (!lr_plan_fault_row(planned->kind)->harmless) {
        lr_meet_noted(play, lr_plan_silences_host(planned->kind));
    }
}
