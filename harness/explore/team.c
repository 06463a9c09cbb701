/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/team.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "explore/generate.h"
#include "scenario/crew_words.h"
#include "world/live.h"

enum {
    BATCH_SEEDS = 32, /* some ten milliseconds: an answer costs little beside it */
    RETRIES_MAX = 64  /* batches that wait to be played again, seed by seed */
};
#define PROGRESS_NS LR_SECOND

enum doing { DOING_NOTHING, DOING_BATCH, DOING_SHRINK, DOING_REPEAT };

struct worker {
    struct lr_program *program; /* NULL: not started */
    enum doing doing;
    struct lr_batch batch;
    unsigned int finding; /* that is shrunk, or played as its scenario */
    lr_time limit_at;
    struct lr_line_reader line;
};

struct team {
    const struct lr_team_options *options;
    struct lr_live *live;
    struct lr_tally *tally;
    struct lr_tally answer;
    struct worker workers[LR_TEAM_MAX];
    unsigned int jobs;
    uint64_t next; /* seed */
    bool at_end;   /* no new batch begins */
    bool interrupted;
    bool no_memory; /* for what a worker has said: it is lost */
    struct lr_batch again[RETRIES_MAX];
    unsigned int again_count;
    lr_time began;
    lr_time told_at;
    struct lr_error *error;
};

/* ---- one worker ---- */

static enum lr_status start(struct team *team, struct worker *worker) {
    const struct lr_program_options options = {
        .name = "worker", .argv = team->options->argv, .stepped = true};
    if (worker->program != NULL) {
        return LR_OK;
    }
    enum lr_status status = lr_program_start(team->live, &options, &worker->program, team->error);
    if (status == LR_OK) {
        lr_line_reader_init(&worker->line, team->options->alloc);
    }
    return status;
}

static void drop(struct worker *worker) {
    if (worker->program != NULL) {
        lr_program_free(worker->program);
        lr_line_reader_deinit(&worker->line);
    }
    worker->program = NULL;
    worker->doing = DOING_NOTHING;
}

/* Sends what |writer| holds. That nobody reads it shows by the worker's end. */
static enum lr_status send(struct worker *worker, struct lr_line_writer *writer) {
    enum lr_status status = writer->status;
    if (status == LR_OK) {
        status = lr_buf_append(&writer->bytes, "", 1);
    }
    char *text = status == LR_OK ? (char *)writer->bytes.block + writer->bytes.begin : NULL;
    while (status == LR_OK && *text != '\0') {
        char *end = strchr(text, '\n');
        *end = '\0';
        status = lr_program_send(worker->program, text);
        text = end + 1;
    }
    lr_line_writer_deinit(writer);
    return status == LR_ENOMEM ? LR_ENOMEM : LR_OK;
}

static enum lr_status order_batch(struct team *team, struct worker *worker,
                                  const struct lr_batch *batch) {
    struct lr_line_writer writer;
    lr_line_writer_init(&writer, team->options->alloc);
    lr_batch_say(&writer, batch);
    worker->doing = DOING_BATCH;
    worker->batch = *batch;
    worker->limit_at = lr_time_add(lr_live_now(team->live), team->options->hang_ns);
    return send(worker, &writer);
}

/* To shrink a finding, or to play its scenario. */
static enum lr_status order_look(struct team *team, struct worker *worker, unsigned int number,
                                 enum doing doing) {
    const struct lr_tally_finding *finding = &team->tally->findings[number];
    struct lr_line_writer writer;
    lr_line_writer_init(&writer, team->options->alloc);
    if (doing == DOING_SHRINK) {
        lr_batch_say_shrink(&writer, finding, team->options->found);
    } else {
        lr_batch_say_repeat(&writer, finding);
    }
    worker->doing = doing;
    worker->finding = number;
    worker->limit_at = lr_time_add(lr_live_now(team->live), team->options->hang_ns);
    return send(worker, &writer);
}

/* ---- what is to be played ---- */

static bool is_over(struct team *team) {
    const struct lr_team_options *options = team->options;
    bool late = options->for_ns != 0 && lr_live_now(team->live) - team->began >= options->for_ns;
    bool found = team->tally->finding_count > 0 && !options->keep_going;
    team->at_end |= late || found || team->interrupted;
    return team->at_end;
}

/* The next seeds; lost ones first, one at a time. False: there are none. */
static bool next_batch(struct team *team, struct lr_batch *batch) {
    if (team->again_count > 0 && !team->interrupted) {
        struct lr_batch *lost = &team->again[team->again_count - 1];
        *batch = (struct lr_batch){lost->first, lost->stride, 1};
        lost->first += lost->stride;
        team->again_count -= --lost->count == 0;
        return true;
    }
    uint64_t last = team->options->last;
    if (is_over(team) || team->next > last) {
        return false;
    }
    uint64_t stride = team->options->shards;
    uint64_t left = (last - team->next) / stride + 1;
    uint64_t count = left < BATCH_SEEDS ? left : BATCH_SEEDS;
    *batch = (struct lr_batch){team->next, stride, count};
    team->next = left == count ? last : team->next + count * stride;
    team->at_end |= left == count;
    return true;
}

/* ---- what workers say ---- */

static void take_answer(struct team *team, struct worker *worker) {
    struct lr_tally_finding *finding = &team->tally->findings[worker->finding];
    const struct lr_tally_finding *seen = &team->answer.findings[0];
    if (worker->doing == DOING_REPEAT) {
        finding->repeats = seen->repeats;
    } else if (worker->doing == DOING_SHRINK) {
        uint64_t count = finding->count;
        *finding = *seen;
        finding->count = count;
    } else {
        lr_tally_add(team->tally, &team->answer);
    }
    worker->doing = DOING_NOTHING;
}

/* True where it has answered, or |*status| says that no worker writes such a line. */
static bool hear(struct team *team, struct worker *worker, enum lr_status *status) {
    char *line;
    *status = LR_OK;
    while (*status == LR_OK && lr_program_next_line(worker->program, &line, NULL)) {
        *status = lr_line_feed(&worker->line, line);
        lr_alloc_free_string(team->options->alloc, line);
        if (*status == LR_OK && worker->line.whole) {
            *status = lr_tally_hear(&worker->line, &team->answer);
            return *status == LR_OK;
        }
    }
    return false;
}

/* A process died of one seed: that is what was found. */
static void find_crash(struct team *team, const struct worker *worker, const char *how) {
    char words[LR_ERROR_TEXT_MAX];
    char text[LR_ERROR_TEXT_MAX];
    lr_crew_last_words(words, sizeof words, lr_program_log(worker->program));
    (void)snprintf(text, sizeof text, "crash: %.80s%s%.140s", how, words[0] != '\0' ? ": " : "",
                   words);
    struct lr_tally_finding *finding = lr_tally_find(team->tally, worker->batch.first, 1, text);
    if (finding != NULL) {
        finding->crashed = true;
    }
    team->tally->runs++;
}

static void lose(struct team *team, struct worker *worker, const char *how) {
    if (worker->doing == DOING_BATCH && worker->batch.count == 1) {
        find_crash(team, worker, how);
    } else if (worker->doing == DOING_BATCH && team->again_count < RETRIES_MAX) {
        team->again[team->again_count++] = worker->batch;
    } else if (worker->doing == DOING_SHRINK) {
        team->tally->findings[worker->finding].crashed = true; /* one of the smaller plans was */
    } else if (worker->doing == DOING_REPEAT) {
        team->tally->findings[worker->finding].repeats = true;
    }
    drop(worker);
}

static void look_at(struct team *team, struct worker *worker) {
    enum lr_status status;
    int exit_status;
    int number;
    char how[LR_ERROR_TEXT_MAX];
    if (worker->program == NULL || worker->doing == DOING_NOTHING) {
        return;
    }
    bool heard = hear(team, worker, &status);
    team->no_memory |= status == LR_ENOMEM || lr_program_health(worker->program) != LR_OK;
    if (team->no_memory) {
        return; /* no line of anybody's is to be relied on */
    }
    if (heard) {
        take_answer(team, worker);
    } else if (status != LR_OK) {
        lose(team, worker, "its process wrote what no worker writes");
    } else if (lr_program_ended(worker->program, &exit_status, &number, NULL)) {
        lose(team, worker, lr_crew_tell_end(how, sizeof how, exit_status, number));
    } else if (lr_live_now(team->live) >= worker->limit_at) {
        lose(team, worker, "it does not end");
    }
}

/* ---- the whole ---- */

static unsigned int busy_workers(const struct team *team) {
    unsigned int busy = 0;
    for (unsigned int i = 0; i < team->jobs; i++) {
        busy += team->workers[i].doing != DOING_NOTHING;
    }
    return busy;
}

static enum lr_status turn(struct team *team) {
    lr_time until = lr_time_add(lr_live_now(team->live), PROGRESS_NS);
    if (!lr_live_turn(team->live, until)) {
        team->interrupted = true;
    }
    for (unsigned int i = 0; i < team->jobs; i++) {
        look_at(team, &team->workers[i]);
    }
    lr_time now = lr_live_now(team->live);
    if (team->options->progress != NULL && now >= lr_time_add(team->told_at, PROGRESS_NS)) {
        team->told_at = now;
        team->options->progress(team->options->context, team->tally, now - team->began);
    }
    return team->no_memory
               ? lr_error_set(team->error, LR_ENOMEM, "no memory for what a worker says")
               : LR_OK;
}

static enum lr_status play_all(struct team *team) {
    enum lr_status status = LR_OK;
    for (;;) {
        for (unsigned int i = 0; i < team->jobs && status == LR_OK; i++) {
            struct worker *worker = &team->workers[i];
            struct lr_batch batch;
            if (worker->doing == DOING_NOTHING && next_batch(team, &batch)) {
                status = start(team, worker);
                status = status == LR_OK ? order_batch(team, worker, &batch) : status;
            }
        }
        if (status != LR_OK || busy_workers(team) == 0 || team->interrupted) {
            return status;
        }
        status = turn(team);
    }
}

/* What cannot be played here is written as it was made. */
static enum lr_status write_crash(struct team *team, struct lr_tally_finding *finding) {
    struct lr_plan plan;
    lr_generate(&plan, finding->seed);
    finding->operations = lr_plan_operations(&plan);
    const struct lr_want nothing = {.what = LR_WANTED_NOTHING};
    return lr_batch_write(finding, &plan, &nothing, team->options->found, team->options->alloc,
                          team->error);
}

/* A worker's look at the finding |number|, to its end. */
static enum lr_status look_into(struct team *team, unsigned int number, enum doing doing) {
    struct worker *worker = &team->workers[0];
    enum lr_status status = start(team, worker);
    status = status == LR_OK ? order_look(team, worker, number, doing) : status;
    while (status == LR_OK && worker->doing != DOING_NOTHING && !team->interrupted) {
        status = turn(team);
    }
    return status;
}

static enum lr_status shrink_all(struct team *team) {
    enum lr_status status = LR_OK;
    for (unsigned int i = 0; i < team->tally->finding_count && status == LR_OK; i++) {
        struct lr_tally_finding *finding = &team->tally->findings[i];
        if (!finding->crashed) {
            status = look_into(team, i, DOING_SHRINK);
        }
        if (status == LR_OK && finding->crashed) {
            status = write_crash(team, finding);
            status = status == LR_OK ? look_into(team, i, DOING_REPEAT) : status;
        }
    }
    return status;
}

enum lr_status lr_team_explore(const struct lr_team_options *options, struct lr_tally *tally,
                               uint64_t *took_ns, bool *interrupted, struct lr_error *error) {
    struct team *team = LR_NEW(options->alloc, struct team);
    if (team == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for workers");
    }
    team->options = options;
    team->tally = tally;
    team->error = error;
    team->jobs = options->jobs;
    team->next = options->first + options->shard - 1;
    memset(tally, 0, sizeof *tally);
    LR_ASSERT(team->jobs >= 1 && team->jobs <= LR_TEAM_MAX && options->shard >= 1);
    const struct lr_live_options live = {.alloc = options->alloc, .guard = options->guard};
    enum lr_status status = lr_live_new(&team->live, &live, error);
    if (status == LR_OK) {
        status = lr_live_catch_signals(team->live, error);
    }
    if (status == LR_OK) {
        team->began = lr_live_now(team->live);
        status = play_all(team);
        *took_ns = lr_live_now(team->live) - team->began;
    }
    if (status == LR_OK && options->found != NULL) {
        status = shrink_all(team);
    }
    *interrupted = team->interrupted;
    for (unsigned int i = 0; i < team->jobs; i++) {
        drop(&team->workers[i]);
    }
    lr_live_free(team->live);
    LR_FREE(options->alloc, team);
    return status;
}
