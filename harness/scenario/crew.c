/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/crew.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "scenario/crew_words.h"
#include "scenario/worker_codec.h"
#include "world/live.h"

/* A case that is told to end has this long, and then none to be judged in. */
#define INTERRUPT_GRACE_NS (10 * LR_SECOND)
/* The limit of a simulated case is of its own time; a real minute is much for any. */
#define SIM_LIMIT_NS (60 * LR_SECOND)
#define CALIBRATION_LIMIT_NS (60 * LR_SECOND)
/* A worker that has nothing to do leaves at once, even below valgrind. */
#define DISMISS_LIMIT_NS (30 * LR_SECOND)

#define SIGNALS_APART_NS (LR_SECOND / 2)

enum doing { DOING_NOTHING, DOING_CASE, DOING_CALIBRATION };

struct worker {
    struct lr_program *program; /* NULL: not started */
    enum doing doing;
    struct lr_order order;
    size_t ticket;
    struct lr_answer answer;
    lr_time limit_at; /* then it is killed */
};

struct lr_crew {
    struct lr_player player;
    struct lr_crew_options options;
    struct lr_live *live;
    bool interrupted;
    lr_time again_at; /* from then on another signal ends this process at once */
    struct worker workers[LR_CREW_MAX];
};

static struct lr_crew *crew_of(struct lr_player *player) {
    return LR_CONTAINER_OF(player, struct lr_crew, player);
}

/* ---- one worker ---- */

static enum lr_status start(struct lr_crew *crew, struct worker *worker, struct lr_error *error) {
    const struct lr_program_options options = {
        .name = "worker", .argv = crew->options.argv, .stepped = true};
    enum lr_status status = lr_program_start(crew->live, &options, &worker->program, error);
    if (status == LR_OK) {
        lr_answer_init(&worker->answer, crew->options.alloc);
    } else {
        lr_error_prefix(error, "no worker can be started");
    }
    return status;
}

static void drop(struct worker *worker) {
    if (worker->program != NULL) {
        lr_program_free(worker->program);
        lr_answer_deinit(&worker->answer);
    }
    *worker = (struct worker){.doing = DOING_NOTHING};
}

/* An idle worker, of those that are there first. NULL: |error| says why none can be started. */
static struct worker *find_idle(struct lr_crew *crew, struct lr_error *error) {
    struct worker *unstarted = NULL;
    for (size_t i = 0; i < LR_CREW_MAX; i++) {
        struct worker *worker = &crew->workers[i];
        int unused;
        if (worker->program == NULL) {
            unstarted = unstarted == NULL ? worker : unstarted;
        } else if (worker->doing == DOING_NOTHING) {
            if (!lr_program_ended(worker->program, &unused, &unused, NULL)) {
                return worker;
            }
            drop(worker); /* somebody has killed it while it had nothing to do */
            unstarted = unstarted == NULL ? worker : unstarted;
        }
    }
    if (unstarted == NULL) {
        lr_error_set(error, LR_ELIMIT, "more than %d cases at a time", LR_CREW_MAX);
        return NULL;
    }
    return start(crew, unstarted, error) == LR_OK ? unstarted : NULL;
}

/* What |writer| holds, line for line. That nobody reads it shows by the worker's end. */
static enum lr_status say(struct worker *worker, struct lr_line_writer *writer) {
    enum lr_status status = writer->status;
    if (status == LR_OK) {
        status = lr_buf_append(&writer->bytes, "", 1);
    }
    if (status == LR_OK) {
        char *text = (char *)writer->bytes.block + writer->bytes.begin;
        for (char *end = strchr(text, '\n'); end != NULL && status != LR_ENOMEM;
             end = strchr(text, '\n')) {
            *end = '\0';
            status = lr_program_send(worker->program, text);
            text = end + 1;
        }
    }
    lr_line_writer_deinit(writer);
    return status == LR_ENOMEM ? LR_ENOMEM : LR_OK;
}

static enum lr_status begin(struct lr_player *player, const struct lr_order *order, size_t ticket,
                            struct lr_error *error) {
    struct lr_crew *crew = crew_of(player);
    struct worker *worker = find_idle(crew, error);
    if (worker == NULL) {
        /* A signal for all of a terminal's processes may have ended it while it began. */
        crew->interrupted = crew->interrupted || lr_live_signal(crew->live) != 0;
        return error->code;
    }
    struct lr_line_writer writer;
    lr_line_writer_init(&writer, crew->options.alloc);
    lr_order_write(&writer, order);
    if (say(worker, &writer) != LR_OK) {
        drop(worker); /* half an order may have reached it */
        return lr_error_set(error, LR_ENOMEM, "no memory for an order");
    }
    uint64_t limit = strcmp(order->world, "sim") == 0 ? SIM_LIMIT_NS : order->limit_ns;
    worker->doing = DOING_CASE;
    worker->order = *order;
    worker->ticket = ticket;
    worker->limit_at =
        lr_time_add(lr_live_now(crew->live), lr_time_add(limit, crew->options.grace_ns));
    return LR_OK;
}

/* ---- what workers say ---- */

static void pass_on(struct lr_crew *crew, const struct lr_trace_event *event) {
    struct lr_trace_sink *sink = crew->options.trace;
    if (sink != NULL && lr_trace_level_of(event->kind) >= sink->level) {
        sink->emit(sink, event);
    }
}

/* Whether that is what it was asked for. */
static bool is_wanted(const struct worker *worker, enum lr_answer_kind kind) {
    if (kind == LR_ANSWER_CALIBRATION) {
        return worker->doing == DOING_CALIBRATION;
    }
    const struct lr_case_result *result = &worker->answer.result;
    return worker->doing == DOING_CASE && strcmp(result->name, worker->order.name) == 0 &&
           result->world != NULL && strcmp(result->world, worker->order.world) == 0;
}

/* Reads what it has said so far. True: what it was asked for is there. A line that no worker
 * writes: |*status|. */
static bool hear(struct lr_crew *crew, struct worker *worker, enum lr_status *status) {
    char *line;
    enum lr_answer_kind kind = LR_ANSWER_PART;
    *status = lr_program_health(worker->program); /* of what is lost the rest makes no sense */
    while (*status == LR_OK && lr_program_next_line(worker->program, &line, NULL)) {
        *status = lr_answer_read(&worker->answer, line, &kind);
        lr_alloc_free_string(crew->options.alloc, line);
        if (*status != LR_OK) {
            return false;
        }
        switch (kind) {
        case LR_ANSWER_PART:
            break;
        case LR_ANSWER_TRACE:
            pass_on(crew, &worker->answer.event);
            break;
        case LR_ANSWER_RESULT:
        case LR_ANSWER_CALIBRATION:
            *status = is_wanted(worker, kind) ? LR_OK : LR_EPROTO;
            return *status == LR_OK;
        }
    }
    return false;
}

/* A result for a case whose worker gave none. */
static void make_invalid(struct lr_crew *crew, struct worker *worker, const char *how,
                         struct lr_case_result *result) {
    struct lr_alloc *alloc = crew->options.alloc;
    if (lr_order_result(&worker->order, alloc, result) != LR_OK) {
        *result = (struct lr_case_result){.alloc = NULL};
        return;
    }
    const char *log = lr_program_log(worker->program);
    char reason[LR_ERROR_TEXT_MAX * 2 + 4]; /* with ": " between */
    char words[LR_ERROR_TEXT_MAX];
    lr_crew_last_words(words, sizeof words, log);
    (void)snprintf(reason, sizeof reason, "%s%s%s", how, words[0] != '\0' ? ": " : "", words);
    lr_order_invalidate(result, crew->interrupted ? "interrupted" : reason);
    lr_crew_quote_log(result, log);
}

/* How a worker has ended, or why it is to end now; "": it goes on. */
static void judge(const struct lr_crew *crew, const struct worker *worker, enum lr_status status,
                  char *how, size_t size) {
    int exit_status;
    int number;
    char text[32];
    how[0] = '\0';
    if (status == LR_ENOMEM) {
        (void)snprintf(how, size, "no memory for what its worker said");
    } else if (status != LR_OK) {
        (void)snprintf(how, size, "its worker wrote what no worker writes (%s)",
                       lr_status_text(status));
    } else if (lr_program_ended(worker->program, &exit_status, &number, NULL)) {
        lr_crew_tell_end(how, size, exit_status, number);
    } else if (lr_live_now(crew->live) >= worker->limit_at) {
        (void)snprintf(how, size, "its worker hung, and was killed %s after the case's time limit",
                       lr_text_duration(text, sizeof text, crew->options.grace_ns));
    }
}

/* ---- waiting ---- */

/* Whoever is at work is told to end; who does not heed it has little time left. The next signal
 * ends this process at once, and the guards end the workers; not one that comes with the first, as
 * timeout(1) sends two. */
static void interrupt(struct lr_crew *crew) {
    crew->interrupted = true;
    crew->again_at = lr_time_add(lr_live_now(crew->live), SIGNALS_APART_NS);
    for (size_t i = 0; i < LR_CREW_MAX; i++) {
        struct worker *worker = &crew->workers[i];
        if (worker->program != NULL && worker->doing != DOING_NOTHING) {
            (void)lr_program_signal(worker->program, SIGINT, false);
            worker->limit_at = lr_time_min(
                worker->limit_at, lr_time_add(lr_live_now(crew->live), INTERRUPT_GRACE_NS));
        }
    }
}

static void heed_signals_again(struct lr_crew *crew) {
    if (crew->interrupted && lr_live_now(crew->live) >= crew->again_at) {
        crew->again_at = LR_TIME_NEVER;
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGTERM, SIG_DFL);
    }
}

static void turn(struct lr_crew *crew, lr_time until) {
    if (crew->interrupted) {
        heed_signals_again(crew);
        until = lr_time_min(until, crew->again_at);
    }
    for (size_t i = 0; i < LR_CREW_MAX; i++) {
        if (crew->workers[i].program != NULL && crew->workers[i].doing != DOING_NOTHING) {
            until = lr_time_min(until, crew->workers[i].limit_at);
        }
    }
    if (!lr_live_turn(crew->live, until) && !crew->interrupted) {
        interrupt(crew);
    }
}

/* True where |worker| has ended what it was at, by whatever end; then |how| it failed, or "". A
 * failed one stays to be asked for its last words. */
static bool look_at(struct lr_crew *crew, struct worker *worker, char *how, size_t size) {
    enum lr_status status;
    how[0] = '\0';
    if (worker->program == NULL || worker->doing == DOING_NOTHING) {
        return false;
    }
    if (hear(crew, worker, &status)) {
        return true;
    }
    judge(crew, worker, status, how, size);
    return how[0] != '\0';
}

static bool next(struct lr_player *player, lr_time until, struct lr_played *played) {
    struct lr_crew *crew = crew_of(player);
    char how[LR_ERROR_TEXT_MAX];
    for (;;) {
        for (size_t i = 0; i < LR_CREW_MAX; i++) {
            struct worker *worker = &crew->workers[i];
            if (!look_at(crew, worker, how, sizeof how)) {
                continue;
            }
            played->ticket = worker->ticket;
            if (how[0] == '\0') {
                played->result = lr_answer_take(&worker->answer);
                worker->doing = DOING_NOTHING;
            } else {
                make_invalid(crew, worker, how, &played->result);
                drop(worker);
            }
            return true;
        }
        if (lr_live_now(crew->live) >= until) {
            return false;
        }
        turn(crew, until);
    }
}

static enum lr_status calibrate(struct lr_player *player, struct lr_calibration *calibration,
                                struct lr_error *error) {
    struct lr_crew *crew = crew_of(player);
    char how[LR_ERROR_TEXT_MAX];
    struct lr_line_writer writer;
    struct worker *worker = find_idle(crew, error);
    if (worker == NULL) {
        return error->code;
    }
    lr_line_writer_init(&writer, crew->options.alloc);
    lr_order_write_calibrate(&writer);
    if (say(worker, &writer) != LR_OK) {
        drop(worker);
        return lr_error_set(error, LR_ENOMEM, "no memory for an order");
    }
    worker->doing = DOING_CALIBRATION;
    worker->limit_at = lr_time_add(lr_live_now(crew->live), CALIBRATION_LIMIT_NS);
    while (!look_at(crew, worker, how, sizeof how)) {
        turn(crew, LR_TIME_NEVER);
    }
    if (how[0] != '\0') {
        char words[LR_ERROR_TEXT_MAX];
        lr_crew_last_words(words, sizeof words, lr_program_log(worker->program));
        drop(worker);
        return lr_error_set(error, LR_EIO, "calibration: %s%s%s", how, words[0] != '\0' ? ": " : "",
                            words);
    }
    worker->doing = DOING_NOTHING;
    *calibration = worker->answer.calibration;
    *error = worker->answer.calibration_error;
    return error->code;
}

static bool is_interrupted(const struct lr_player *player) {
    return LR_CONTAINER_OF(player, const struct lr_crew, player)->interrupted;
}

static lr_time now(struct lr_player *player) {
    return lr_live_now(crew_of(player)->live);
}

/* ---- beginning and end ---- */

enum lr_status lr_crew_new(struct lr_crew **out, const struct lr_crew_options *options,
                           struct lr_error *error) {
    struct lr_crew *crew = LR_NEW(options->alloc, struct lr_crew);
    if (crew == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for workers");
    }
    crew->options = *options;
    crew->player = (struct lr_player){.calibrate = calibrate,
                                      .begin = begin,
                                      .next = next,
                                      .interrupted = is_interrupted,
                                      .now = now};
    const struct lr_live_options live = {
        .alloc = options->alloc, .trace = options->trace, .guard = options->guard};
    enum lr_status status = lr_live_new(&crew->live, &live, error);
    if (status == LR_OK) {
        status = lr_live_catch_signals(crew->live, error);
    }
    if (status != LR_OK) {
        lr_crew_free(crew);
        return status;
    }
    *out = crew;
    return LR_OK;
}

struct lr_player *lr_crew_player(struct lr_crew *crew) {
    return &crew->player;
}

/* Waits for the end of a worker that has been told to leave. */
static enum lr_status see_off(struct lr_crew *crew, struct worker *worker, lr_time until,
                              struct lr_error *error) {
    int exit_status = 0;
    int number = 0;
    while (!lr_program_ended(worker->program, &exit_status, &number, NULL) &&
           lr_program_health(worker->program) == LR_OK) {
        if (lr_live_now(crew->live) >= until) {
            return lr_error_set(error, LR_ETIMEOUT, "a worker does not leave");
        }
        turn(crew, until);
    }
    if (lr_program_health(worker->program) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "no memory for how a worker left");
    }
    if (exit_status == 0 && number == 0) {
        return LR_OK;
    }
    char how[LR_ERROR_TEXT_MAX / 2];
    char words[LR_ERROR_TEXT_MAX / 2];
    lr_crew_tell_end(how, sizeof how, exit_status, number);
    lr_crew_last_words(words, sizeof words, lr_program_log(worker->program));
    return lr_error_set(error, LR_EIO, "after its last case %s%s%s", how,
                        words[0] != '\0' ? ": " : "", words);
}

/* Tells the idle ones to leave; one that cannot be told is ended. */
static enum lr_status send_off(struct lr_crew *crew, struct lr_error *error) {
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < LR_CREW_MAX; i++) {
        struct worker *worker = &crew->workers[i];
        if (worker->program != NULL && worker->doing == DOING_NOTHING) {
            struct lr_line_writer writer;
            lr_line_writer_init(&writer, crew->options.alloc);
            lr_order_write_end(&writer);
            if (say(worker, &writer) != LR_OK) {
                drop(worker);
                status = lr_error_set(error, LR_ENOMEM, "no memory to tell a worker to leave");
            }
        }
    }
    return status;
}

enum lr_status lr_crew_dismiss(struct lr_crew *crew, struct lr_error *error) {
    enum lr_status status = send_off(crew, error);
    lr_time until = lr_time_add(lr_live_now(crew->live), DISMISS_LIMIT_NS);
    for (size_t i = 0; i < LR_CREW_MAX && !crew->interrupted; i++) {
        struct worker *worker = &crew->workers[i];
        if (worker->program != NULL && worker->doing == DOING_NOTHING && status == LR_OK) {
            status = see_off(crew, worker, until, error);
        }
        drop(worker);
    }
    return status;
}

void lr_crew_free(struct lr_crew *crew) {
    if (crew == NULL) {
        return;
    }
    for (size_t i = 0; i < LR_CREW_MAX; i++) {
        drop(&crew->workers[i]);
    }
    lr_live_free(crew->live);
    LR_FREE(crew->options.alloc, crew);
}
