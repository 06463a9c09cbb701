/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/run.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "explore/playing.h"
#include "explore/reach.h"
#include "world/sim.h"

/* Longer than any plan's own pauses and everybody's patience: who is at work then does not end. */
#define RUN_NS (3600 * LR_SECOND)

/* ---- findings ---- */

/* Numbers and the names of actors are of the run, not of the defect. */
void lr_fingerprint(char out[LR_FINGERPRINT_MAX], const char *text) {
    size_t used = 0;
    memset(out, 0, LR_FINGERPRINT_MAX);
    for (const char *c = text; *c != '\0' && used + 2 < LR_FINGERPRINT_MAX;) {
        if (isdigit((unsigned char)*c)) {
            out[used++] = '#';
            while (isdigit((unsigned char)*c) || *c == '.') {
                c++;
            }
            /* A unit behind it depends on the number. */
            const char *unit = *c == ' ' ? c + 1 : c;
            size_t length = strspn(unit, "munsin");
            if (length > 0 && unit[length] != '\0' && !isalnum((unsigned char)unit[length])) {
                c = unit + length;
            } else if (length > 0 && unit[length] == '\0') {
                c = unit + length;
            }
        } else {
            out[used++] = *c++;
        }
    }
    out[used] = '\0';
}

static void add_finding(struct lr_explored *out, const struct lr_want *want, const char *text) {
    if (out->finding_count < LR_EXPLORED_FINDINGS_MAX) {
        struct lr_explored_finding *finding = &out->findings[out->finding_count];
        finding->want = *want;
        (void)snprintf(finding->text, sizeof finding->text, "%s", text);
        lr_fingerprint(finding->fingerprint, finding->text);
    }
    out->finding_count++;
}

static const struct lr_want nothing = {.what = LR_WANTED_NOTHING};

static void find(struct lr_playing *play, const struct lr_want *want, enum lr_finding_kind kind,
                 const char *text) {
    char whole[LR_ERROR_TEXT_MAX + 32];
    (void)snprintf(whole, sizeof whole, "%s: %s", lr_finding_name(kind), text);
    lr_ledger_note(play->ledger, lr_playing_now(play), 0, "finding: %s", whole);
    add_finding(play->out, want, whole);
}

void lr_playing_find(struct lr_playing *play, enum lr_finding_kind kind, const char *format, ...) {
    char text[LR_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    find(play, &nothing, kind, text);
}

void lr_playing_miss(struct lr_playing *play, const struct lr_want *want, enum lr_finding_kind kind,
                     const char *format, ...) {
    char text[LR_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    find(play, want, kind, text);
}

/* ---- turns ---- */

unsigned int lr_playing_host_of(const struct lr_playing *play, const char *name) {
    for (unsigned int i = 0; i < LR_PLAYING_HOSTS; i++) {
        const struct lr_seat *seat = &play->seats[i];
        if (seat->party != NULL &&
            (strcmp(seat->name, name) == 0 || strcmp(seat->party->name, name) == 0)) {
            return i;
        }
    }
    return LR_PLAYING_HOSTS;
}

static void note_heard(struct lr_playing *play) {
    for (struct lr_host *host = lr_sim_next_heard(play->sim); host != NULL;
         host = lr_sim_next_heard(play->sim)) {
        for (unsigned int i = 0; i < play->plan->actor_count; i++) {
            if (play->acts[i].party->host == host) {
                play->acts[i].heard = true;
                break;
            }
        }
    }
}

static lr_time act_due(const struct lr_act *act) {
    lr_time due =
        act->said.law.open ? lr_time_min(act->said.due, act->said.then_due) : LR_TIME_NEVER;
    return act->state == LR_ACT_OVER ? LR_TIME_NEVER : lr_time_min(act->until, due);
}

static void act_once(struct lr_playing *play, struct lr_act *act) {
    static void (*const ways[])(struct lr_playing * play, struct lr_act * act) = {
        [LR_ACTOR_CLIENT] = lr_act_client,
        [LR_ACTOR_PEER] = lr_act_peer,
        [LR_ACTOR_LIAR] = lr_act_liar,
        [LR_ACTOR_LYING_TRACKER] = lr_act_liar,
    };
    ways[play->plan->actors[act->number].kind](play, act);
}

/* Who is ready acts; returns when the next one is due. */
static lr_time act_all(struct lr_playing *play, lr_time until) {
    lr_time next = lr_time_min(until, lr_meet_due(play));
    note_heard(play);
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        struct lr_act *act = &play->acts[i];
        bool due = act->heard || act->state == LR_ACT_READY || lr_playing_now(play) >= act_due(act);
        if (act->state != LR_ACT_OVER && due) {
            act->heard = false;
            act_once(play, act);
        }
        next = lr_time_min(next, act_due(act));
    }
    return lr_time_min(next, lr_meet_due(play)); /* an actor's step may have brought one */
}

bool lr_playing_turn(struct lr_playing *play, lr_time until) {
    lr_time next = act_all(play, until);
    if (play->error.code != LR_OK) {
        return false;
    }
    (void)lr_world_turn(play->world, next);
    return true;
}

static bool is_over(const struct lr_playing *play) {
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        const struct lr_act *act = &play->acts[i];
        if (act->liar == NULL ? act->state != LR_ACT_OVER : lr_act_liar_waits(act)) {
            return false;
        }
    }
    return !lr_meet_waits(play);
}

static enum lr_status play_steps(struct lr_playing *play) {
    lr_time limit = lr_time_add(play->began, RUN_NS);
    for (;;) {
        lr_time next = act_all(play, limit);
        if (play->error.code != LR_OK || is_over(play)) {
            return play->error.code;
        }
        if (lr_playing_now(play) >= limit) {
            lr_playing_find(play, LR_FINDING_PROTOCOL, "the steps of an actor have no end");
            return LR_OK;
        }
        (void)lr_world_turn(play->world, next);
    }
}

/* ---- beginning and end ---- */

static enum lr_status open_stage(struct lr_playing *play,
                                 const struct lr_run_plan_options *options) {
    struct lr_sim_options sim = lr_sim_options_default;
    sim.link = (struct lr_sim_link_profile){
        .latency_ns = play->plan->link.latency_us * LR_US,
        .jitter_ns = play->plan->link.jitter_us * LR_US,
        .bandwidth = play->plan->link.bandwidth,
        .segments = (enum lr_sim_segments)play->plan->link.segments,
    };
    struct lr_stage_options stage = {
        .alloc = play->alloc,
        .world = "sim",
        .seed = play->plan->seed,
        .result = &play->result,
        .trace = options->trace,
        .without_digest = !options->digested,
        .sim = &sim,
    };
    enum lr_status status = lr_stage_new(&play->stage, &stage, &play->error);
    if (status == LR_OK) {
        play->stage->options.sim = NULL;
        play->stage->disturbed = true;
        play->world = play->stage->world;
        play->sim = lr_sim_of(play->world);
        play->ledger = play->stage->ledger;
        play->began = lr_playing_now(play);
    }
    return status;
}

/* Actors hold sessions, and sessions go before their clients. */
static void close_stage(struct lr_playing *play) {
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        if (play->acts[i].party != NULL) {
            lr_act_let_go(play, &play->acts[i]);
        }
    }
    play->out->took_ns = lr_playing_now(play) - play->began;
    play->out->events = lr_sim_count(play->sim).turned;
    play->out->digest = lr_stage_digest(play->stage);
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        lr_fault_disarm(&play->faults[i].link);
    }
    lr_stage_free(play->stage);
}

/* What was found since the last time. */
static void gather_findings(struct lr_playing *play) {
    for (const struct lr_result_line *line = play->result.findings.first; line != NULL;
         line = line->next) {
        add_finding(play->out, &nothing, line->text);
    }
    lr_result_lines_free(play->alloc, &play->result.findings);
}

static enum lr_status perform(struct lr_playing *play, const struct lr_run_plan_options *options) {
    enum lr_status status = open_stage(play, options);
    if (status != LR_OK) {
        return status;
    }
    lr_meet_begin(play);
    status = lr_cast_all(play);
    if (status == LR_OK && play->out->finding_count == 0) {
        status = play_steps(play);
        lr_ledger_note(play->ledger, lr_playing_now(play), 0, "plan: %s", LR_RUN_ALL_DONE);
        if (status == LR_OK) {
            status = lr_recover(play);
        }
        /* What anybody can see first, then what only who knows the plan can. */
        gather_findings(play);
        if (status == LR_OK) {
            lr_judge_sessions(play);
        }
    }
    if (status == LR_OK) {
        status = lr_ledger_health(play->ledger);
    }
    close_stage(play);
    return status;
}

enum lr_status lr_run_plan(const struct lr_plan *plan, const struct lr_run_plan_options *options,
                           struct lr_explored *out, struct lr_error *error) {
    struct lr_playing *play = LR_NEW(options->alloc, struct lr_playing);
    memset(out, 0, sizeof *out);
    if (play == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a run");
    }
    play->plan = plan;
    play->patience = lr_plan_patience(plan);
    play->alloc = options->alloc;
    play->out = out;
    play->reach = options->reach;
    play->slack_ns = lr_plan_slack_ns(plan);
    enum lr_status status =
        lr_case_result_init(&play->result, options->alloc, "explored", "explored", "plan");
    if (status == LR_OK) {
        status = perform(play, options);
        gather_findings(play);
        lr_case_result_deinit(&play->result);
    }
    if (status != LR_OK) {
        lr_error_set(error, status, "%s",
                     play->error.code != LR_OK ? play->error.text : lr_status_text(status));
    }
    LR_FREE(options->alloc, play);
    return status;
}
