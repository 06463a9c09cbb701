/* SPDX-License-Identifier: Apache-2.0 */
/* lastref-steps: our client role, driven step by step with the protocol of
 * scenarios/programs/tvm_client.py (its head describes steps and answers; the steps about Python's
 * references and about TVM's sockets are not here). One thread: a step that waits for the network
 * is a job, and `spawn` only lets it go on while other steps are read. */
#ifndef LR_TESTS_INTEROP_OUR_CLIENT_H
#define LR_TESTS_INTEROP_OUR_CLIENT_H

#include "base/list.h"
#include "cli/log.h"
#include "cli/value_words.h"
#include "rpc/client.h"
#include "world/live.h"

enum { WORDS_MAX = 64, STEP_BYTES_MAX = 1 << 16, ANSWER_CHARS_MAX = 4000 };

/* A client of ours in the world: one for each tracker, and one for what needs none. */
struct party {
    struct lr_list node;
    struct lr_client *client;
    struct lr_live_host *host;
};

enum thing_kind { THING_TRACKER, THING_SESSION, THING_FUNCTION, THING_MODULE, THING_ARRAY };

/* What names refer to. Every thing of a session holds a reference to it. */
struct thing {
    enum thing_kind kind;
    unsigned int names;
    struct party *party;
    struct lr_session *session;
    uint64_t handle; /* function, module, array that a call returned; 0: an array of ours */
    struct lr_tensor tensor;
};

struct name {
    struct lr_list node;
    char *text;
    struct thing *thing;
};

struct program {
    struct lr_log log;
    struct lr_prng random;
    struct lr_live *live;
    struct lr_list parties;
    struct party *direct; /* the one without a tracker */
    struct lr_list names;
    struct lr_list jobs;
    bool ending;
    int status;
};

struct job;
/* Goes on with |result| of the operation that the job waited for: queues the next one and sets
 * job->op, or answers. */
typedef void (*job_next)(struct program *program, struct job *job, struct lr_result *result);

/* A step under way. */
struct job {
    struct lr_list node;
    char *name; /* of a spawned one */
    struct party *party;
    lr_op op; /* what it waits for; 0: it is over */
    job_next next;
    char *text;                 /* a name to keep under, or of a function */
    struct thing *thing;        /* made, and not kept before the job has ended well */
    struct lr_session *session; /* a reference */
    struct lr_buf pattern;
    uint64_t seed;
    uint64_t number;
    bool compare;
    bool release; /* roundtrip: the array goes, too */
    int stage;
    struct lr_buf answer; /* when it is over */
};

/* ---- our_client.c ---- */
lr_time now_of(const struct program *program);
struct party *party_new(struct program *program, const char *host, uint16_t port,
                        struct lr_error *error);

/* ---- our_client_things.c ---- */
struct thing *thing_new(struct party *party, struct lr_session *session, enum thing_kind kind);
void thing_drop(struct program *program, struct thing *thing); /* of which no name is left */
struct thing *find_thing(struct program *program, const char *text);
/* Keeps |thing| under |text|, in place of what was there. */
bool keep_thing(struct program *program, const char *text, struct thing *thing);
bool forget_name(struct program *program, const char *text);
void forget_all(struct program *program, bool trackers);

/* ---- our_client_answers.c ---- */
void answer(struct job *job, const char *format, ...) LR_PRINTF(2, 3);
void answer_usage(struct job *job, const char *format, ...) LR_PRINTF(2, 3);
/* `error TYPE: TEXT` for an operation that did not even begin. */
void answer_status(struct job *job, enum lr_status status);
/* The same for a result; true where it was no success. |function|: what was looked for, or NULL. */
bool answer_failure(struct job *job, const struct lr_result *result, const char *function);
void answer_value(struct job *job, const struct lr_result *result);
bool fill_pattern(struct lr_buf *out, uint64_t size, uint64_t seed);
/* Compares with the pattern and answers with the number of bytes, or Mismatch. */
void answer_bytes(struct job *job, const uint8_t *bytes, size_t size);

/* ---- our_client_steps.c ---- */
/* Begins the step; it is over at once where job->op stays 0. */
void step_begin(struct program *program, struct job *job, char **words, size_t count);
bool step_blocks(const char *word);
/* Each answers where it fails. */
bool read_number(struct job *job, const char *word, uint64_t *number);
bool read_name(struct job *job, const char *word, struct lr_text *text); /* in job->pattern */
bool keep_text(struct job *job, const char *text);
/* The session of the thing under |text|, which the job refers to until it is over. */
struct lr_session *session_of(struct program *program, struct job *job, const char *text,
                              enum thing_kind kind, struct thing **out);
/* Keeps a new thing under job->text, of the job's session, or of |session|, whose reference it
 * takes. */
struct thing *make_thing(struct program *program, struct job *job, struct lr_session *session,
                         enum thing_kind kind);
/* What follows the operation that was begun with |status|. */
void set_next(struct job *job, enum lr_status status, job_next next);
void call_by_name(struct program *program, struct job *job, const char *session_name,
                  const char *function, const struct lr_value *values, size_t count, job_next next);
void call_next(struct program *program, struct job *job, struct lr_result *result);
void callto_next(struct program *program, struct job *job, struct lr_result *result);

/* ---- our_client_data.c ---- */
typedef void step_fn(struct program *program, struct job *job, char **words, size_t count);
step_fn do_array, do_read, do_roundtrip, do_upload, do_download, do_remove, do_workpath, do_load;

/* ---- our_client_local.c: steps that do not wait ---- */
/* False: |words| are no such step. */
bool local_step(struct program *program, struct job *job, char **words, size_t count);

#endif
