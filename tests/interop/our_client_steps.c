/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that wait for the network: each begins an operation, and goes on when that has ended. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "our_client.h"

bool read_number(struct job *job, const char *word, uint64_t *number) {
    if (lr_text_to_u64(lr_text_of(word), UINT32_MAX, number) != LR_OK) {
        answer_usage(job, "not a number: %s", word);
        return false;
    }
    return true;
}

static struct thing *thing_of(struct program *program, struct job *job, const char *text,
                              enum thing_kind kind) {
    struct thing *thing = find_thing(program, text);
    if (thing == NULL || thing->kind != kind) {
        answer_usage(job, "nothing of the kind is kept under '%s'", text);
        return NULL;
    }
    job->party = thing->party;
    return thing;
}

/* The thing's session, which the job refers to until it is over: what it waits for must not close
 * it. */
struct lr_session *session_of(struct program *program, struct job *job, const char *text,
                              enum thing_kind kind, struct thing **out) {
    struct thing *thing = thing_of(program, job, text, kind);
    if (thing != NULL) {
        job->session = lr_session_ref(thing->session, now_of(program), "a step");
        if (out != NULL) {
            *out = thing;
        }
    }
    return thing == NULL ? NULL : thing->session;
}

void set_next(struct job *job, enum lr_status status, job_next next) {
    if (status != LR_OK) {
        answer_status(job, status);
    }
    job->next = next;
}

bool keep_text(struct job *job, const char *text) {
    lr_alloc_free_string(lr_alloc_system(), job->text);
    job->text = lr_alloc_string(lr_alloc_system(), text, strlen(text));
    if (job->text == NULL) {
        answer_status(job, LR_ENOMEM);
    }
    return job->text != NULL;
}

/* Keeps a thing of the job's session, or of |session|, whose reference it takes. */
struct thing *make_thing(struct program *program, struct job *job, struct lr_session *session,
                         enum thing_kind kind) {
    struct lr_session *held =
        session != NULL ? session : lr_session_ref(job->session, now_of(program), "a thing");
    struct thing *thing = thing_new(job->party, held, kind);
    if (thing == NULL || !keep_thing(program, job->text, thing)) {
        lr_session_unref(held, now_of(program), "no memory to keep it");
        if (thing != NULL) {
            LR_FREE(lr_alloc_system(), thing);
        }
        answer_status(job, LR_ENOMEM);
        return NULL;
    }
    return thing;
}

/* ---- values ---- */

/* The values of |words|; `@NAME` is an array that is kept. */
static bool read_values(struct program *program, struct job *job, char **words, size_t count,
                        struct lr_value_words *values) {
    const char *texts[WORDS_MAX];
    struct lr_error error = {0};
    for (size_t i = 0; i < count; i++) {
        texts[i] = words[i][0] == '@' ? "null" : words[i];
    }
    if (lr_value_words_init(values, lr_alloc_system(), texts, count, &error) != LR_OK) {
        answer_usage(job, "not a value: %s", error.text);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct thing *thing = words[i][0] == '@' ? find_thing(program, words[i] + 1) : NULL;
        if (thing != NULL && thing->kind == THING_ARRAY) {
            values->items[i] = lr_value_tensor(&thing->tensor);
        } else if (words[i][0] == '@') {
            answer_usage(job, "no array is kept under '%s'", words[i] + 1);
            return false;
        }
    }
    return true;
}

/* ---- trackers and sessions ---- */

static void tracker_next(struct program *program, struct job *job, struct lr_result *result) {
    if (answer_failure(job, result, NULL)) {
        return;
    }
    struct thing *thing = thing_new(job->party, NULL, THING_TRACKER);
    if (thing == NULL || !keep_thing(program, job->text, thing)) {
        answer_status(job, LR_ENOMEM);
    } else {
        answer(job, "ok");
    }
}

static void do_tracker(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    uint64_t port;
    struct lr_error error = {0};
    if (!read_number(job, words[3], &port) || !keep_text(job, words[1])) {
        return;
    }
    job->party = party_new(program, words[2], (uint16_t)port, &error);
    if (job->party == NULL) {
        answer(job, "error LastrefError: %s", error.text);
        return;
    }
    set_next(job, lr_client_summary(job->party->client, now_of(program), false, &job->op),
             tracker_next);
}

/* One key of a summary: `KEY:servers=N,free=N,pending=N`. */
static void append_key(struct job *job, const struct lr_tracker_answer *summary,
                       const struct lr_summary_queue *queue, bool first) {
    size_t servers = 0;
    for (size_t i = 0; i < lr_summary_server_count(summary); i++) {
        struct lr_summary_server server;
        if (lr_summary_server_at(summary, i, &server) == LR_OK && server.key.size > 7) {
            servers += lr_text_equal(queue->key,
                                     (struct lr_text){server.key.data + 7, server.key.size - 7});
        }
    }
    char text[512];
    int size = snprintf(text, sizeof text, "%s%.*s:servers=%zu,free=%" PRId64 ",pending=%" PRId64,
                        first ? "" : " ", (int)(queue->key.size < 256 ? queue->key.size : 256),
                        queue->key.data, servers, queue->free, queue->pending);
    (void)!lr_buf_append(&job->answer, text, (size_t)size);
}

static void summary_next(struct program *program, struct job *job, struct lr_result *result) {
    (void)program;
    if (answer_failure(job, result, NULL)) {
        return;
    }
    const struct lr_tracker_answer *summary = &result->summary;
    size_t count = lr_summary_queue_count(summary);
    struct lr_text last = {0};
    answer(job, count == 0 ? "ok" : "ok ");
    for (size_t done = 0; done < count; done++) { /* smallest key first that is beyond the last */
        struct lr_summary_queue best = {0};
        for (size_t i = 0; i < count; i++) {
            struct lr_summary_queue queue;
            if (lr_summary_queue_at(summary, i, &queue) == LR_OK &&
                (done == 0 || lr_text_compare(queue.key, last) > 0) &&
                (best.key.data == NULL || lr_text_compare(queue.key, best.key) < 0)) {
                best = queue;
            }
        }
        append_key(job, summary, &best, done == 0);
        last = best.key;
    }
}

static void do_summary(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    if (thing_of(program, job, words[1], THING_TRACKER) != NULL) {
        set_next(job, lr_client_summary(job->party->client, now_of(program), false, &job->op),
                 summary_next);
    }
}

static void session_next(struct program *program, struct job *job, struct lr_result *result) {
    if (!answer_failure(job, result, NULL)) {
        struct lr_session *session = result->session;
        result->session = NULL;
        if (make_thing(program, job, session, THING_SESSION) != NULL) {
            answer(job, "ok");
        }
    }
}

static bool read_timeout(struct job *job, const char *word, uint64_t *ns) {
    if (lr_text_to_seconds(lr_text_of(word), ns) != LR_OK) {
        answer_usage(job, "not a number of seconds: %s", word);
        return false;
    }
    return true;
}

/* The key of words[index], unquoted, in job->pattern. */
bool read_name(struct job *job, const char *word, struct lr_text *text) {
    if (lr_value_words_unquote(lr_text_of(word), &job->pattern) != LR_OK) {
        answer_usage(job, "not a name: %s", word);
        return false;
    }
    *text = (struct lr_text){(const char *)lr_buf_data(&job->pattern), lr_buf_size(&job->pattern)};
    return true;
}

static void do_request(struct program *program, struct job *job, char **words, size_t count) {
    struct lr_request_options options = lr_request_options_default;
    struct lr_text key;
    if (thing_of(program, job, words[2], THING_TRACKER) == NULL || !keep_text(job, words[1]) ||
        !read_name(job, words[3], &key) ||
        (count > 4 && !read_timeout(job, words[4], &options.session_timeout_ns))) {
        return;
    }
    if (count > 5) {
        options.priority = strtol(words[5], NULL, 10);
    }
    set_next(job, lr_client_request(job->party->client, now_of(program), key, &options, &job->op),
             session_next);
}

static void do_connect(struct program *program, struct job *job, char **words, size_t count) {
    struct lr_address address = {{0}, 0};
    struct lr_text key;
    uint64_t port;
    uint64_t timeout_ns = 0;
    if (!keep_text(job, words[1]) || !read_number(job, words[3], &port) ||
        !read_name(job, words[4], &key) ||
        (count > 5 && !read_timeout(job, words[5], &timeout_ns))) {
        return;
    }
    (void)snprintf(address.host, sizeof address.host, "%s", words[2]);
    address.port = (uint16_t)port;
    job->party = program->direct;
    set_next(
        job,
        lr_client_connect(job->party->client, now_of(program), &address, key, timeout_ns, &job->op),
        session_next);
}

/* ---- functions ---- */

static void func_next(struct program *program, struct job *job, struct lr_result *result) {
    if (!answer_failure(job, result, (const char *)lr_buf_data(&job->pattern))) {
        struct thing *thing = make_thing(program, job, NULL, THING_FUNCTION);
        if (thing != NULL) {
            thing->handle = result->value.as.handle;
            answer(job, "ok");
        }
    }
}

/* Remembers the name of the function that is looked for, as a string, for the error. */
static bool keep_function(struct job *job, const char *text) {
    if (lr_buf_append(&job->pattern, text, strlen(text) + 1) != LR_OK) {
        answer_status(job, LR_ENOMEM);
        return false;
    }
    return true;
}

static void do_func(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    struct lr_session *session = session_of(program, job, words[2], THING_SESSION, NULL);
    if (session != NULL && keep_text(job, words[1]) && keep_function(job, words[3])) {
        set_next(job,
                 lr_session_get_function(session, now_of(program), lr_text_of(words[3]), &job->op),
                 func_next);
    }
}

/* Frees what a call returned and nobody keeps. */
static void drop_remote(struct program *program, struct job *job, const struct lr_result *result) {
    static const enum lr_result_kind kinds[] = {[LR_ANSWER_FUNCTION] = LR_RESULT_FUNCTION,
                                                [LR_ANSWER_MODULE] = LR_RESULT_MODULE,
                                                [LR_ANSWER_ARRAY] = LR_RESULT_ARRAY};
    bool remote = result->kind == LR_ANSWER_FUNCTION || result->kind == LR_ANSWER_MODULE ||
                  result->kind == LR_ANSWER_ARRAY;
    uint64_t handle = result->kind == LR_ANSWER_ARRAY                 ? result->array_handle
                      : remote && result->value.kind != LR_VALUE_NULL ? result->value.as.handle
                                                                      : 0;
    lr_op op;
    if (remote && handle != 0) {
        (void)!lr_session_free_handle(job->session, now_of(program), handle, kinds[result->kind],
                                      &op);
    }
}

void call_next(struct program *program, struct job *job, struct lr_result *result) {
    const char *function = (const char *)lr_buf_data(&job->pattern);
    bool looked_up = function != NULL && result->error.code == LR_ENOTFOUND;
    if (!answer_failure(job, result, looked_up ? function : NULL)) {
        answer_value(job, result);
        drop_remote(program, job, result);
    }
}

void callto_next(struct program *program, struct job *job, struct lr_result *result) {
    static const enum thing_kind kinds[] = {[LR_ANSWER_FUNCTION] = THING_FUNCTION,
                                            [LR_ANSWER_MODULE] = THING_MODULE,
                                            [LR_ANSWER_ARRAY] = THING_ARRAY};
    if (answer_failure(job, result, NULL)) {
        return;
    }
    answer_value(job, result);
    bool remote = result->kind == LR_ANSWER_FUNCTION || result->kind == LR_ANSWER_MODULE ||
                  result->kind == LR_ANSWER_ARRAY;
    if (remote && result->value.kind != LR_VALUE_NULL) {
        struct thing *thing = make_thing(program, job, NULL, kinds[result->kind]);
        if (thing != NULL && result->kind == LR_ANSWER_ARRAY) {
            thing->handle = result->array_handle;
            thing->tensor = result->value.as.tensor;
        } else if (thing != NULL) {
            thing->handle = result->value.as.handle;
        }
    }
}

static void call_function(struct program *program, struct job *job, const char *name, char **words,
                          size_t count, job_next next) {
    struct thing *thing;
    struct lr_value_words values;
    struct lr_session *session = session_of(program, job, name, THING_FUNCTION, &thing);
    if (session == NULL) {
        return;
    }
    if (read_values(program, job, words, count, &values)) {
        set_next(job,
                 lr_session_call(session, now_of(program), thing->handle, values.items,
                                 values.count, &job->op),
                 next);
    }
    lr_value_words_deinit(&values);
}

static void do_call(struct program *program, struct job *job, char **words, size_t count) {
    call_function(program, job, words[1], words + 2, count - 2, call_next);
}

static void do_callto(struct program *program, struct job *job, char **words, size_t count) {
    if (keep_text(job, words[1])) {
        call_function(program, job, words[2], words + 3, count - 3, callto_next);
    }
}

void call_by_name(struct program *program, struct job *job, const char *session_name,
                  const char *function, const struct lr_value *values, size_t count,
                  job_next next) {
    struct lr_session *session = session_of(program, job, session_name, THING_SESSION, NULL);
    if (session != NULL && keep_function(job, function)) {
        set_next(job,
                 lr_session_call_name(session, now_of(program), lr_text_of(function), values, count,
                                      &job->op),
                 next);
    }
}

static void do_invoke(struct program *program, struct job *job, char **words, size_t count) {
    struct lr_value_words values;
    if (read_values(program, job, words + 3, count - 3, &values)) {
        call_by_name(program, job, words[1], words[2], values.items, values.count, call_next);
    }
    lr_value_words_deinit(&values);
}

static void long_call_next(struct program *program, struct job *job, struct lr_result *result) {
    if (job->stage++ > 0 || result->error.code != LR_OK || result->kind != LR_ANSWER_FUNCTION ||
        result->value.kind == LR_VALUE_NULL) {
        call_next(program, job, result);
        return;
    }
    struct lr_value one = lr_value_int(1);
    set_next(
        job,
        lr_session_call(job->session, now_of(program), result->value.as.handle, &one, 1, &job->op),
        long_call_next);
}

/* The evaluator's handle goes with the session; a test that counts handles keeps to `callto`. */
static void do_long_call(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    uint64_t milliseconds;
    if (!read_number(job, words[2], &milliseconds)) {
        return;
    }
    const struct lr_value values[] = {lr_value_null(),
                                      lr_value_str(lr_text_of("rpc.test.addone")),
                                      lr_value_int(1),
                                      lr_value_int(0),
                                      lr_value_int(1),
                                      lr_value_int(1),
                                      lr_value_int(0),
                                      lr_value_int(1),
                                      lr_value_int((int64_t)milliseconds),
                                      lr_value_int(1),
                                      lr_value_int(0),
                                      lr_value_str(lr_text_of(""))};
    call_by_name(program, job, words[1], "runtime.RPCTimeEvaluator", values, LR_COUNT_OF(values),
                 long_call_next);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    size_t words_min;
    size_t words_max;
    void (*begin)(struct program *program, struct job *job, char **words, size_t count);
} steps[] = {
    {"tracker", 4, 4, do_tracker},
    {"summary", 2, 2, do_summary},
    {"request", 4, 6, do_request},
    {"connect", 5, 6, do_connect},
    {"func", 4, 4, do_func},
    {"call", 2, WORDS_MAX, do_call},
    {"callto", 3, WORDS_MAX, do_callto},
    {"invoke", 3, WORDS_MAX, do_invoke},
    {"long-call", 3, 3, do_long_call},
    {"array", 4, 5, do_array},
    {"read", 2, 3, do_read},
    {"roundtrip", 3, 4, do_roundtrip},
    {"upload", 4, 5, do_upload},
    {"download", 3, 5, do_download},
    {"remove", 3, 3, do_remove},
    {"workpath", 3, 3, do_workpath},
    {"load", 4, 4, do_load},
};

bool step_blocks(const char *word) {
    for (size_t i = 0; i < LR_COUNT_OF(steps); i++) {
        if (strcmp(steps[i].name, word) == 0) {
            return true;
        }
    }
    return false;
}

void step_begin(struct program *program, struct job *job, char **words, size_t count) {
    if (local_step(program, job, words, count)) {
        return;
    }
    for (size_t i = 0; i < LR_COUNT_OF(steps); i++) {
        if (strcmp(steps[i].name, words[0]) == 0) {
            if (count < steps[i].words_min || count > steps[i].words_max) {
                answer_usage(job, "%s takes another number of words", words[0]);
            } else {
                steps[i].begin(program, job, words, count);
            }
            return;
        }
    }
    answer_usage(job, "no step '%s'", words[0]);
}
