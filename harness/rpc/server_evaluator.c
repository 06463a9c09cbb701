/* SPDX-License-Identifier: Apache-2.0 */
/* The time evaluator: calls a function often enough to say how long one call takes, and cools down
 * in between; the one call of a plain server that lasts. It runs over turns of the host's timer. A
 * turn does a bounded number of calls; the time of a batch is what passes until the host hands in
 * the next turn, so it includes what else the host did meanwhile, and is at least one nanosecond a
 * call, as a client divides by it. */
#include <string.h>

#include "base/assert.h"
#include "rpc/server_functions.h"

enum {
    CALLS_PER_TURN = 1000,  /* some 100 us: other connections do not notice */
    REPEAT_MAX = 1 << 20,   /* 8 MiB of results */
    NUMBER_MAX = INT32_MAX, /* as TVM's int */
    ZERO_TIMES_MAX = 1000,  /* batches that took no time at all before one is believed */
    ARGUMENTS_MIN = 7,
    ARGUMENTS_MAX = 12
};

/* A call of an evaluator under way. */
struct lr_server_run {
    struct lr_server_evaluator evaluator;
    struct lr_buf arguments; /* the call's, as they came: the packet's bytes are gone */
    struct lr_values values; /* decoded from |arguments| */
    struct lr_buf results;   /* a double for each repeat that is done */
    int64_t repeats_done;
    int64_t number; /* calls of this batch */
    int64_t called; /* of these, made so far */
    int64_t zero_times;
    lr_time batch_at; /* when the batch began */
    bool warm;        /* the call that is not measured has been made */
    bool cooling;     /* waits between two repeats */
};

/* Which argument is what, by how many a version of TVM sends (0.7 seven, 0.8 eight, 0.9 ten, 0.10
 * eleven, newer twelve); -1: not there. */
struct layout {
    size_t count;
    int zero_times, cooldown, repeats_to_cooldown, preproc;
};

static const struct layout layouts[] = {
    {7, -1, -1, -1, -1}, {8, -1, -1, -1, 7}, {10, -1, 7, 8, 9},
    {11, 7, 8, 9, 10},   {12, 7, 8, 9, 11},
};

static enum lr_status want_optional(struct lr_server_call *call, int index, int64_t *value) {
    return index < 0 ? LR_OK : lr_server_want_int(call, "RPCTimeEvaluator", (size_t)index, value);
}

/* Takes the numbers. LR_OK, or raised. */
static enum lr_status take_numbers(struct lr_server_call *call, const struct layout *layout,
                                   struct lr_server_evaluator *evaluator) {
    const struct {
        int index;
        int64_t *value;
    } numbers[] = {
        {4, &evaluator->number},
        {5, &evaluator->repeat},
        {6, &evaluator->min_repeat_ms},
        {layout->zero_times, &evaluator->zero_times_max},
        {layout->cooldown, &evaluator->cooldown_ms},
        {layout->repeats_to_cooldown, &evaluator->repeats_to_cooldown},
    };
    enum lr_status status = LR_OK;
    for (size_t i = 0; status == LR_OK && i < LR_COUNT_OF(numbers); i++) {
        status = want_optional(call, numbers[i].index, numbers[i].value);
    }
    if (status != LR_OK) {
        return status;
    }
    if (evaluator->number < 1 || evaluator->number > NUMBER_MAX || evaluator->repeat < 0 ||
        evaluator->repeat > REPEAT_MAX || evaluator->min_repeat_ms < 0 ||
        evaluator->min_repeat_ms > INT32_MAX || evaluator->cooldown_ms < 0 ||
        evaluator->cooldown_ms > INT32_MAX || evaluator->repeats_to_cooldown < 1) {
        return lr_server_raise(call,
                               "ValueError: a time evaluator with a number or a time out of "
                               "range (at most %d repeats)",
                               REPEAT_MAX);
    }
    if (evaluator->zero_times_max > ZERO_TIMES_MAX) {
        evaluator->zero_times_max = ZERO_TIMES_MAX;
    }
    return LR_OK;
}

/* What is to run before each repeat: nothing, or TVM's flush of a cache that we do not fill. */
static enum lr_status check_preproc(struct lr_server_call *call, int index) {
    char quoted[80];
    if (index < 0) {
        return LR_OK;
    }
    enum lr_status status = lr_server_want_text(call, "RPCTimeEvaluator", (size_t)index);
    if (status != LR_OK) {
        return status;
    }
    struct lr_text name = call->args[index].as.text;
    if (name.size == 0 || lr_text_equal(name, lr_text_of("cache_flush_cpu_non_first_arg"))) {
        return LR_OK;
    }
    return lr_server_raise(call, "ValueError: Cannot find %s in the global function",
                           lr_text_quote(quoted, sizeof quoted, name));
}

static enum lr_status check_device(struct lr_server_call *call) {
    int64_t type;
    int64_t id;
    struct lr_error error;
    enum lr_status status = lr_server_want_int(call, "RPCTimeEvaluator", 2, &type);
    if (status == LR_OK) {
        status = lr_server_want_int(call, "RPCTimeEvaluator", 3, &id);
    }
    if (status != LR_OK) {
        return status;
    }
    struct lr_device device = {type > 0 && type <= INT32_MAX ? (int32_t)type : -1,
                               id >= 0 && id <= INT32_MAX ? (int32_t)id : -1};
    if (lr_server_device_check(device, &error) != LR_OK) {
        return lr_server_raise_error(call, &error);
    }
    return LR_OK;
}

static enum lr_status call_evaluator(struct lr_server_call *call);

enum lr_status lr_server_time_evaluator(struct lr_server_call *call) {
    struct lr_server_function function = {.call = call_evaluator};
    const struct layout *layout = NULL;
    char quoted[80];
    for (size_t i = 0; i < LR_COUNT_OF(layouts); i++) {
        layout = layouts[i].count == call->count ? &layouts[i] : layout;
    }
    if (layout == NULL) {
        return lr_server_raise(call,
                               "TypeError: RPCTimeEvaluator() takes 7, 8, 10, 11 or 12 "
                               "arguments, not %zu",
                               call->count);
    }
    if (call->args[0].kind != LR_VALUE_NULL &&
        (call->args[0].kind != LR_VALUE_HANDLE || call->args[0].as.handle != 0)) {
        return lr_server_raise(call, "ValueError: there is no such module in this session");
    }
    enum lr_status status = lr_server_want_text(call, "RPCTimeEvaluator", 1);
    if (status == LR_OK) {
        const struct lr_server_row *row = lr_server_function_find(call->args[1].as.text);
        if (row == NULL || row->call == lr_server_time_evaluator) {
            return lr_server_raise(call, "ValueError: Cannot find %s in the global function",
                                   lr_text_quote(quoted, sizeof quoted, call->args[1].as.text));
        }
        function.evaluator = (struct lr_server_evaluator){
            .target = row->call, .zero_times_max = 1, .repeats_to_cooldown = 1};
        status = check_device(call);
    }
    if (status == LR_OK) {
        status = take_numbers(call, layout, &function.evaluator);
    }
    if (status == LR_OK) {
        status = check_preproc(call, layout->preproc);
    }
    return status == LR_OK ? lr_server_return_function(call, &function) : status;
}

void lr_server_run_drop(struct lr_server_session *session) {
    struct lr_server_run *run = session->run;
    if (run == NULL) {
        return;
    }
    session->run = NULL;
    lr_server_memory_give(&session->memory, lr_buf_size(&run->arguments));
    lr_values_deinit(&run->values);
    lr_buf_deinit(&run->arguments);
    lr_buf_deinit(&run->results);
    LR_FREE(session->server->role.env.alloc, run);
}

/* Keeps a copy of the arguments, encoded again and decoded from there. */
static enum lr_status keep_arguments(struct lr_server_call *call, struct lr_server_run *run) {
    struct lr_server_session *session = call->session;
    struct lr_error error;
    struct lr_writer writer = lr_writer_of(&run->arguments);
    lr_values_encode(session->dialect, call->args, call->count, &writer);
    if (writer.status != LR_OK) {
        lr_buf_deinit(&run->arguments);
        return writer.status;
    }
    size_t size = lr_buf_size(&run->arguments);
    if (lr_server_memory_take(&session->memory, size, &error) != LR_OK) {
        lr_buf_deinit(&run->arguments);
        return lr_server_raise_error(call, &error);
    }
    struct lr_reader reader = lr_reader_of(lr_buf_data(&run->arguments), size);
    return lr_values_decode(session->dialect, &session->server->options.values, &reader,
                            &run->values, &error);
}

static enum lr_status call_evaluator(struct lr_server_call *call) {
    struct lr_server_session *session = call->session;
    struct lr_alloc *alloc = session->server->role.env.alloc;
    struct lr_server_run *run = LR_NEW(alloc, struct lr_server_run);
    if (run == NULL) {
        return LR_ENOMEM;
    }
    run->evaluator = call->self->evaluator;
    run->number = run->evaluator.number;
    lr_buf_init(&run->arguments, alloc);
    lr_buf_init(&run->results, alloc);
    lr_values_init(&run->values, alloc);
    session->run = run;
    enum lr_status status = keep_arguments(call, run);
    if (status != LR_OK) {
        lr_server_run_drop(session);
        return status;
    }
    lr_timers_arm(&session->server->timers, &session->run_timer, call->now);
    return LR_EBUSY;
}

/* Calls the function once and drops what it returns. On an error |call| holds what it raised. */
static enum lr_status call_target(struct lr_server_session *session, struct lr_server_call *call,
                                  lr_time now) {
    struct lr_server_run *run = session->run;
    struct lr_server_function self = {.call = run->evaluator.target};
    lr_server_call_init(call, session, run->values.items, run->values.count, now);
    call->self = &self;
    enum lr_status status = self.call(call);
    LR_ASSERT(status != LR_EBUSY); /* evaluators cannot be named as the function */
    if (status == LR_OK) {
        lr_server_call_drop(call);
    }
    call->self = NULL;
    return status;
}

/* The batch is done: another, longer one where it took less than it should; or its result. Returns
 * true where the repeat is over. */
static bool end_batch(struct lr_server_run *run, lr_time now, enum lr_status *status) {
    const struct lr_server_evaluator *evaluator = &run->evaluator;
    uint64_t took = now - run->batch_at;
    uint64_t wanted = (uint64_t)evaluator->min_repeat_ms * LR_MS;
    run->zero_times += took == 0;
    if (took < wanted && run->zero_times < evaluator->zero_times_max) {
        double each = (double)took / (double)run->number;
        double enough = took == 0 ? 0 : (double)wanted / each + 1;
        double grown = (double)run->number * 1.618; /* the ratio by which TVM's grows */
        double next = took == 0 ? (double)run->number : enough > grown ? enough : grown;
        run->number = next < (double)NUMBER_MAX ? (int64_t)next : NUMBER_MAX;
        return false;
    }
    double seconds = (double)took / (double)LR_SECOND / (double)run->number;
    double least = 1.0 / (double)LR_SECOND;
    seconds = seconds < least ? least : seconds;
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    struct lr_writer writer = lr_writer_of(&run->results);
    lr_write_u64(&writer, bits);
    *status = writer.status;
    run->zero_times = 0;
    return true;
}

/* Ends the run with its result, or with what |call| raised. */
static void end_run(struct lr_server_session *session, struct lr_server_call *call,
                    enum lr_status status, lr_time now) {
    struct lr_server_conn *conn = session->conn;
    if (status == LR_OK) {
        lr_server_call_init(call, session, NULL, 0, now);
        lr_buf_deinit(&call->text);
        call->text = lr_buf_take(&session->run->results);
        status = lr_server_return_text(call, true);
    }
    lr_server_run_drop(session);
    lr_server_call_answer(call, status);
    lr_server_session_check(conn, now);
    if (!conn->ended) {
        lr_server_conn_serve(conn, now); /* what came meanwhile */
    }
}

/* Makes the calls of this turn. */
static enum lr_status run_batch(struct lr_server_session *session, struct lr_server_call *call,
                                lr_time now) {
    struct lr_server_run *run = session->run;
    enum lr_status status = LR_OK;
    if (!run->warm) {
        run->warm = true;
        return call_target(session, call, now);
    }
    if (run->called == 0) {
        run->batch_at = now;
    }
    for (int i = 0; status == LR_OK && i < CALLS_PER_TURN && run->called < run->number; i++) {
        status = call_target(session, call, now);
        run->called++;
    }
    return status;
}

void lr_server_run_timer(struct lr_server *server, struct lr_timer *timer, lr_time now) {
    struct lr_server_session *session = LR_CONTAINER_OF(timer, struct lr_server_session, run_timer);
    struct lr_server_run *run = session->run;
    struct lr_server_call call;
    enum lr_status status = LR_OK;
    lr_time next = now;
    lr_server_call_init(&call, session, NULL, 0, now);
    run->cooling = false;
    if (run->called > 0 && run->called == run->number) { /* a turn later: what the batch took */
        run->called = 0;
        if (end_batch(run, now, &status)) {
            int64_t done = run->repeats_done++;
            if (run->evaluator.cooldown_ms > 0 && done % run->evaluator.repeats_to_cooldown == 0) {
                run->cooling = true;
                next = lr_time_add(now, (uint64_t)run->evaluator.cooldown_ms * LR_MS);
            }
        }
    }
    if (status == LR_OK && !run->cooling) {
        if (run->warm && run->repeats_done >= run->evaluator.repeat) {
            end_run(session, &call, status, now);
            return;
        }
        status = run_batch(session, &call, now);
    }
    if (status != LR_OK) {
        end_run(session, &call, status, now);
        return;
    }
    lr_timers_arm(&server->timers, timer, next);
}
