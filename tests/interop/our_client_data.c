/* SPDX-License-Identifier: Apache-2.0 */
/* The steps about arrays and files. */
#include <inttypes.h>
#include <string.h>

#include "our_client.h"

/* ---- arrays ---- */

static void array_done(struct program *program, struct job *job) {
    struct thing *thing = make_thing(program, job, NULL, THING_ARRAY);
    if (thing != NULL) {
        thing->tensor = job->thing->tensor;
        answer(job, "ok");
    }
}

enum array_stage { ARRAY_ALLOCATED, ARRAY_FILLED, ARRAY_READ };

static void array_next(struct program *program, struct job *job, struct lr_result *result) {
    struct lr_tensor *tensor = &job->thing->tensor;
    lr_op op;
    if (answer_failure(job, result, NULL)) {
        if (job->stage > ARRAY_ALLOCATED) {
            (void)!lr_session_free_data(job->session, now_of(program), tensor, &op);
        }
        return;
    }
    switch ((enum array_stage)job->stage++) {
    case ARRAY_ALLOCATED:
        *tensor = result->value.as.tensor;
        set_next(job,
                 lr_session_copy_in(job->session, now_of(program), tensor,
                                    lr_buf_data(&job->pattern), lr_buf_size(&job->pattern),
                                    &job->op),
                 array_next);
        break;
    case ARRAY_FILLED:
        if (!job->release) {
            array_done(program, job);
            break;
        }
        set_next(job, lr_session_copy_out(job->session, now_of(program), tensor, &job->op),
                 array_next);
        break;
    case ARRAY_READ:
        answer_bytes(job, lr_buf_data(&result->bytes), lr_buf_size(&result->bytes));
        (void)!lr_session_free_data(job->session, now_of(program), tensor, &op);
        break;
    }
}

static void begin_array(struct program *program, struct job *job, const char *session_name,
                        const char *size, const char *seed) {
    uint64_t bytes;
    struct lr_session *session = session_of(program, job, session_name, THING_SESSION, NULL);
    if (session == NULL || !read_number(job, size, &bytes) || !read_number(job, seed, &job->seed)) {
        return;
    }
    job->thing = thing_new(job->party, NULL, THING_ARRAY);
    if (job->thing == NULL || !fill_pattern(&job->pattern, bytes, job->seed)) {
        answer_status(job, LR_ENOMEM);
        return;
    }
    job->thing->tensor = (struct lr_tensor){
        .device = {1, 0}, .ndim = 1, .dtype = {1, 8, 1}, .shape = {(int64_t)bytes}};
    set_next(job, lr_session_allocate(session, now_of(program), &job->thing->tensor, &job->op),
             array_next);
}

void do_array(struct program *program, struct job *job, char **words, size_t count) {
    if (keep_text(job, words[1])) {
        begin_array(program, job, words[2], words[3], count > 4 ? words[4] : "0");
    }
}

void do_roundtrip(struct program *program, struct job *job, char **words, size_t count) {
    job->release = true;
    begin_array(program, job, words[1], words[2], count > 3 ? words[3] : "0");
}

static void read_next(struct program *program, struct job *job, struct lr_result *result) {
    (void)program;
    if (!answer_failure(job, result, NULL)) {
        answer_bytes(job, lr_buf_data(&result->bytes), lr_buf_size(&result->bytes));
    }
}

void do_read(struct program *program, struct job *job, char **words, size_t count) {
    struct thing *thing;
    struct lr_session *session = session_of(program, job, words[1], THING_ARRAY, &thing);
    if (session != NULL && read_number(job, count > 2 ? words[2] : "0", &job->seed)) {
        set_next(job, lr_session_copy_out(session, now_of(program), &thing->tensor, &job->op),
                 read_next);
    }
}

/* ---- files ---- */

static void plain_next(struct program *program, struct job *job, struct lr_result *result) {
    (void)program;
    if (!answer_failure(job, result, NULL)) {
        answer(job, "ok");
    }
}

void do_upload(struct program *program, struct job *job, char **words, size_t count) {
    uint64_t size;
    struct lr_text name;
    struct lr_session *session = session_of(program, job, words[1], THING_SESSION, NULL);
    if (session == NULL || !read_number(job, words[3], &size) ||
        !read_number(job, count > 4 ? words[4] : "0", &job->seed) ||
        !read_name(job, words[2], &name)) {
        return;
    }
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    if (fill_pattern(&bytes, size, job->seed)) {
        set_next(job,
                 lr_session_upload(session, now_of(program), name, lr_buf_data(&bytes),
                                   lr_buf_size(&bytes), &job->op),
                 plain_next);
    } else {
        answer_status(job, LR_ENOMEM);
    }
    lr_buf_deinit(&bytes);
}

static void download_next(struct program *program, struct job *job, struct lr_result *result) {
    (void)program;
    size_t size = lr_buf_size(&result->bytes);
    if (answer_failure(job, result, NULL)) {
        return;
    }
    if (!job->compare) {
        answer(job, "ok %zu", size);
    } else if (size != job->number) {
        answer(job, "error Mismatch: %zu bytes, not %" PRIu64, size, job->number);
    } else {
        answer_bytes(job, lr_buf_data(&result->bytes), size);
    }
}

void do_download(struct program *program, struct job *job, char **words, size_t count) {
    struct lr_text name;
    struct lr_session *session = session_of(program, job, words[1], THING_SESSION, NULL);
    job->compare = count > 3;
    if (session != NULL && (count < 4 || read_number(job, words[3], &job->number)) &&
        (count < 5 || read_number(job, words[4], &job->seed)) && read_name(job, words[2], &name)) {
        set_next(job, lr_session_download(session, now_of(program), name, &job->op), download_next);
    }
}

void do_remove(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    struct lr_text name;
    struct lr_session *session = session_of(program, job, words[1], THING_SESSION, NULL);
    if (session != NULL && read_name(job, words[2], &name)) {
        set_next(job, lr_session_remove(session, now_of(program), name, &job->op), plain_next);
    }
}

/* A function of the server that takes a file's name. */
static void call_with_file(struct program *program, struct job *job, const char *session_name,
                           const char *function, const char *file, job_next next) {
    struct lr_buf unquoted;
    lr_buf_init(&unquoted, lr_alloc_system());
    if (lr_value_words_unquote(lr_text_of(file), &unquoted) == LR_OK) {
        struct lr_value value = lr_value_str(
            (struct lr_text){(const char *)lr_buf_data(&unquoted), lr_buf_size(&unquoted)});
        call_by_name(program, job, session_name, function, &value, 1, next);
    } else {
        answer_usage(job, "not a name: %s", file);
    }
    lr_buf_deinit(&unquoted);
}

void do_workpath(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    call_with_file(program, job, words[1], "tvm.rpc.server.workpath", words[2], call_next);
}

void do_load(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    if (keep_text(job, words[1])) {
        call_with_file(program, job, words[2], "tvm.rpc.server.load_module", words[3], callto_next);
    }
}
