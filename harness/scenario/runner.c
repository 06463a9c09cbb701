/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/runner.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

enum { WINDOW = 256 }; /* cases ahead of the first that has not been reported: bounds memory */

/* How long what has ended may wait to be written: soon enough for who reads the reports of a run
 * that was killed, and seldom enough for thousands of cases a second, as each writes all of them.
 */
#define FLUSH_AFTER_NS (100 * LR_MS)
#define FLUSH_AFTER_NS_A_CASE (20 * LR_US)

/* Where a case stands that has been handed out and not reported. */
enum stand {
    STAND_FREE,
    STAND_PLAYING,
    STAND_LATE, /* to be tried again when nothing else runs */
    STAND_PLAYING_AGAIN,
    STAND_DONE
};

struct slot {
    enum stand stand;
    struct lr_case_result result;
};

struct run {
    const struct lr_run_options *options;
    struct lr_run_summary *summary;
    struct lr_world_summary *world; /* of the part that runs */
    struct lr_error *error;
    size_t first; /* of this part's cases in the suite */
    size_t part;  /* how many they are */
    size_t base;  /* index of the part's first case in the run */
    size_t end;   /* behind its last one */
    size_t total; /* cases of the whole run */
    size_t next;  /* to be handed out */
    size_t reported;
    size_t playing;
    size_t late;
    lr_time flush_at;
    bool unflushed;
    bool stopped; /* nothing more is handed out */
    bool harness_failed;
    struct slot slots[WINDOW];
};

static struct slot *slot_of(struct run *run, size_t index) {
    return &run->slots[index % WINDOW];
}

/* ---- judging ---- */

static bool late_alone(const struct lr_case_result *result) {
    bool late = false;
    if (result->outcome != LR_CASE_UNEXPECTED) {
        return false;
    }
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        if (!e->held && !e->late) {
            return false;
        }
        late = late || e->late;
    }
    return late;
}

static void fail_for_memory(struct run *run, const char *what) {
    lr_error_set(run->error, LR_ENOMEM, "no memory for %s", what);
    run->harness_failed = true;
    run->stopped = true;
}

static void set_reason(struct run *run, struct lr_case_result *result,
                       const struct lr_known_line *line) {
    char text[1024];
    (void)snprintf(text, sizeof text, "%s (%s)", line->reason,
                   line->link[0] != '\0' ? line->link : "no link");
    lr_alloc_free_string(result->alloc, result->reason);
    result->reason = lr_alloc_string(result->alloc, text, strlen(text));
    if (result->reason == NULL) {
        fail_for_memory(run, "the reason of a known failure");
    }
}

static void apply_known(struct run *run, struct lr_case_result *result) {
    const struct lr_known_line *line =
        lr_known_find(run->options->known, result->name, result->world);
    if (line == NULL) {
        return;
    }
    if (result->outcome == LR_CASE_UNEXPECTED &&
        lr_known_agrees(line, result->release_verdict, result->protocol_verdict)) {
        result->outcome = LR_CASE_KNOWN_FAILURE;
        set_reason(run, result, line);
    } else if (result->outcome == LR_CASE_AS_EXPECTED) {
        result->outcome = LR_CASE_STALE_KNOWN_FAILURE;
        set_reason(run, result, line);
    }
}

static void count(struct run *run, const struct lr_case_result *result) {
    struct lr_run_summary *summary = run->summary;
    summary->counts[result->outcome]++;
    summary->cases++;
    run->world->counts[result->outcome]++;
    run->world->cases++;
    run->world->duration_ns += result->duration_ns;
    summary->exit_status = lr_exit_worse(
        summary->exit_status, lr_case_outcome_exit(result->outcome, run->options->strict));
}

/* ---- telling ---- */

static void report_started(const struct run *run, const char *name, size_t index) {
    for (size_t i = 0; i < run->options->reporter_count; i++) {
        struct lr_reporter *reporter = run->options->reporters[i];
        if (reporter->started != NULL) {
            reporter->started(reporter, name, index, run->total);
        }
    }
}

static void report_ended(struct run *run, struct lr_case_result *result, size_t index) {
    apply_known(run, result);
    count(run, result);
    for (size_t i = 0; i < run->options->reporter_count; i++) {
        struct lr_reporter *reporter = run->options->reporters[i];
        if (reporter->ended != NULL) {
            reporter->ended(reporter, result, index, run->total);
        }
    }
    run->unflushed = true;
}

static void flush(struct run *run) {
    for (size_t i = 0; run->unflushed && i < run->options->reporter_count; i++) {
        struct lr_reporter *reporter = run->options->reporters[i];
        if (reporter->flush != NULL) {
            reporter->flush(reporter);
        }
    }
    run->unflushed = false;
}

static void flush_in_time(struct run *run) {
    struct lr_player *player = run->options->player;
    if (player->now == NULL) {
        flush(run);
    } else if (run->unflushed && player->now(player) >= run->flush_at) {
        flush(run);
        run->flush_at = lr_time_add(player->now(player),
                                    FLUSH_AFTER_NS + run->reported * FLUSH_AFTER_NS_A_CASE);
    }
}

/* ---- playing ---- */

static struct lr_order order_of(const struct run *run, size_t index) {
    size_t within = index - run->base;
    const struct lr_suite_case *one = &run->options->suite->cases[run->first + within % run->part];
    return (struct lr_order){
        .file = one->file,
        .name = one->name,
        .title = one->title,
        .world = one->world,
        .index = one->index,
        .case_index = one->case_index,
        .seed = run->options->seed + within / run->part,
        .limit_ns = one->limit_ns,
        .calibration = run->summary->calibration,
        .torture = run->options->torture,
    };
}

static bool begin_case(struct run *run, size_t index, enum stand stand) {
    struct lr_order order = order_of(run, index);
    if (stand == STAND_PLAYING) {
        report_started(run, order.name, index);
    }
    struct lr_player *player = run->options->player;
    if (player->begin(player, &order, index, run->error) != LR_OK) {
        run->summary->interrupted = run->summary->interrupted || player->interrupted(player);
        run->harness_failed = !run->summary->interrupted;
        run->stopped = true;
        return false;
    }
    slot_of(run, index)->stand = stand;
    run->playing++;
    run->next += stand == STAND_PLAYING;
    return true;
}

/* What was late is tried again before anything else begins, and nothing runs beside it. */
static void hand_out(struct run *run, size_t jobs) {
    if (run->stopped) {
        return;
    }
    if (run->late > 0) {
        for (size_t i = run->reported; run->playing == 0 && !run->stopped && i < run->next; i++) {
            if (slot_of(run, i)->stand == STAND_LATE) {
                run->late -= begin_case(run, i, STAND_PLAYING_AGAIN);
            }
        }
        return;
    }
    while (!run->stopped && run->playing < jobs && run->next < run->end &&
           run->next - run->reported < WINDOW) {
        (void)begin_case(run, run->next, STAND_PLAYING);
    }
}

static void settle(struct run *run, struct lr_played *played) {
    struct slot *slot = slot_of(run, played->ticket);
    run->playing--;
    if (played->result.alloc == NULL) { /* no memory to tell what became of it */
        fail_for_memory(run, "a result");
        return;
    }
    if (slot->stand == STAND_PLAYING_AGAIN) {
        if (played->result.outcome == LR_CASE_AS_EXPECTED) {
            slot->result.outcome = LR_CASE_CONTENTION;
        }
        slot->result.tries = 2;
        slot->stand = STAND_DONE;
        lr_case_result_deinit(&played->result);
        return;
    }
    slot->result = played->result;
    bool again = strcmp(slot->result.world, "live") == 0 && late_alone(&slot->result);
    slot->stand = again ? STAND_LATE : STAND_DONE;
    run->late += again;
}

/* In order, as far as they are there; what was to be tried again and now will not be stands. */
static void report_done(struct run *run) {
    while (run->reported < run->next) {
        struct slot *slot = slot_of(run, run->reported);
        if (slot->stand == STAND_LATE && run->stopped && run->playing == 0) {
            run->late--;
            slot->stand = STAND_DONE;
        }
        if (slot->stand != STAND_DONE) {
            return;
        }
        report_ended(run, &slot->result, run->reported);
        lr_case_result_deinit(&slot->result);
        slot->stand = STAND_FREE;
        run->reported++;
    }
}

static void run_part(struct run *run, size_t jobs) {
    struct lr_player *player = run->options->player;
    while (run->reported < run->end) {
        hand_out(run, jobs);
        if (run->playing == 0) {
            break;
        }
        struct lr_played played;
        lr_time until = run->unflushed && player->now != NULL ? run->flush_at : LR_TIME_NEVER;
        if (player->next(player, until, &played)) {
            settle(run, &played);
        }
        if (player->interrupted(player)) {
            run->summary->interrupted = true;
            run->stopped = true;
        }
        report_done(run);
        flush_in_time(run);
    }
    report_done(run);
}

/* What has been told of has its result; what a harness that failed had begun has none. */
static void drop_slots(struct run *run) {
    for (size_t i = 0; i < WINDOW; i++) {
        if (run->slots[i].result.alloc != NULL) {
            lr_case_result_deinit(&run->slots[i].result);
        }
    }
}

static void run_world(struct run *run, const char *world, size_t jobs) {
    size_t cases = lr_suite_count_in(run->options->suite, world);
    if (cases == 0 || run->stopped) {
        return;
    }
    run->world = &run->summary->worlds[run->summary->world_count++];
    *run->world = (struct lr_world_summary){.name = world};
    run->first += run->part;
    run->part = cases;
    run->base = run->end;
    run->end += cases * run->options->repeat;
    run->next = run->base;
    if (strcmp(world, "live") == 0) {
        struct lr_error *error = &run->summary->calibration_error;
        if (run->options->player->calibrate(run->options->player, &run->summary->calibration,
                                            error) != LR_OK) {
            run->summary->calibration = (struct lr_calibration){.rounds = 0};
        }
        if (run->options->player->interrupted(run->options->player)) {
            run->summary->interrupted = true;
            run->stopped = true;
        }
    }
    run_part(run, jobs);
}

/* ---- the whole ---- */

/* A line is for a case that ran, or for one that is left out as it is for another world. */
static bool is_excused(const struct run *run, const struct lr_known_line *line) {
    const struct lr_suite *suite = run->options->suite;
    if (line->world != NULL) {
        unsigned int bit = strcmp(line->world, "sim") == 0 ? LR_IN_SIM : LR_IN_LIVE;
        if ((run->options->worlds & bit) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < suite->others.count; i++) {
        const char *world = line->world != NULL ? line->world : "";
        if (lr_known_is_for(line, suite->others.cases[i].name, world)) {
            return true;
        }
    }
    return false;
}

static void count_unmatched(struct run *run) {
    for (size_t i = 0; run->options->whole && i < run->options->known->count; i++) {
        struct lr_known_line *line = &run->options->known->lines[i];
        line->matched = line->matched || is_excused(run, line);
        if (!line->matched) {
            run->summary->known_unmatched++;
            run->summary->exit_status = lr_exit_worse(run->summary->exit_status, 1);
        }
    }
}

static void finish(struct run *run) {
    for (size_t i = 0; i < run->options->reporter_count; i++) {
        struct lr_reporter *reporter = run->options->reporters[i];
        if (reporter->finish != NULL &&
            reporter->finish(reporter, run->summary, run->error) != LR_OK) {
            run->summary->exit_status = lr_exit_worse(run->summary->exit_status, 4);
        }
    }
}

static const char *worlds_name(const struct lr_suite *suite) {
    bool sim = lr_suite_count_in(suite, "sim") > 0;
    bool live = lr_suite_count_in(suite, "live") > 0;
    return sim && live ? "all" : sim ? "sim" : "live";
}

int lr_run(const struct lr_run_options *options, struct lr_run_summary *summary,
           struct lr_error *error) {
    *summary = (struct lr_run_summary){.seed = options->seed};
    summary->world = worlds_name(options->suite);
    struct run run = {.options = options, .summary = summary, .error = error};
    run.total = options->suite->count * options->repeat;
    LR_ASSERT(options->repeat > 0 && options->sim_jobs > 0 && options->live_jobs > 0);
    /* First of all: a report of an earlier run must not outlive a run that fails. */
    for (size_t i = 0; i < options->reporter_count; i++) {
        if (options->reporters[i]->begin != NULL) {
            options->reporters[i]->begin(options->reporters[i], run.total);
        }
    }
    run_world(&run, "sim", options->sim_jobs);
    run_world(&run, "live", options->live_jobs);
    drop_slots(&run);
    if (run.harness_failed) {
        summary->exit_status = 4;
    } else if (summary->interrupted) {
        summary->exit_status = lr_exit_worse(summary->exit_status, 3);
    } else {
        count_unmatched(&run);
    }
    finish(&run);
    return summary->exit_status;
}
