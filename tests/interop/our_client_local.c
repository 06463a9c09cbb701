/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that are over at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "our_client.h"

static struct thing *session_named(struct program *program, struct job *job, const char *text) {
    struct thing *thing = find_thing(program, text);
    if (thing == NULL || thing->kind != THING_SESSION) {
        answer_usage(job, "no session is kept under '%s'", text);
        return NULL;
    }
    return thing;
}

static void do_pid(struct program *program, struct job *job, char **words, size_t count) {
    (void)program;
    (void)words;
    (void)count;
    answer(job, "ok %ld", (long)getpid());
}

static void do_dialect(struct program *program, struct job *job, char **words, size_t count) {
    struct thing *thing = count > 1 ? session_named(program, job, words[1]) : NULL;
    if (thing != NULL) {
        answer(job, "ok %s", lr_dialect_name(lr_session_dialect(thing->session)));
    } else if (count == 1) {
        answer(job, "ok both lastref");
    }
}

static void do_close(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    struct thing *thing = session_named(program, job, words[1]);
    if (thing != NULL) {
        lr_session_close(thing->session, now_of(program));
        answer(job, "ok");
    }
}

static void do_del(struct program *program, struct job *job, char **words, size_t count) {
    for (size_t i = 1; i < count; i++) {
        if (find_thing(program, words[i]) == NULL) {
            answer_usage(job, "nothing is kept under '%s'", words[i]);
            return;
        }
    }
    for (size_t i = 1; i < count; i++) {
        (void)forget_name(program, words[i]);
    }
    answer(job, "ok");
}

static void do_clear(struct program *program, struct job *job, char **words, size_t count) {
    (void)words;
    (void)count;
    forget_all(program, false);
    answer(job, "ok");
}

static void do_alias(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    struct thing *thing = find_thing(program, words[2]);
    if (thing == NULL) {
        answer_usage(job, "nothing is kept under '%s'", words[2]);
    } else if (keep_thing(program, words[1], thing)) {
        answer(job, "ok");
    } else {
        answer_status(job, LR_ENOMEM);
    }
}

static void do_refcount(struct program *program, struct job *job, char **words, size_t count) {
    (void)count;
    struct thing *thing = session_named(program, job, words[1]);
    if (thing != NULL) {
        answer(job, "ok %u", lr_session_references(thing->session));
    }
}

static void do_exit(struct program *program, struct job *job, char **words, size_t count) {
    program->ending = true;
    program->status = count > 1 ? (int)strtol(words[1], NULL, 10) : 0;
    job->op = 0;
}

static void do_die(struct program *program, struct job *job, char **words, size_t count) {
    (void)program;
    (void)job;
    _exit(count > 1 ? (int)strtol(words[1], NULL, 10) : 0);
}

static const struct {
    const char *name;
    size_t words_min;
    size_t words_max;
    void (*run)(struct program *program, struct job *job, char **words, size_t count);
} steps[] = {
    {"pid", 1, 1, do_pid},           {"dialect", 1, 2, do_dialect},   {"close", 2, 2, do_close},
    {"tracker-close", 2, 2, do_del}, {"del", 2, WORDS_MAX, do_del},   {"clear", 1, 1, do_clear},
    {"alias", 3, 3, do_alias},       {"refcount", 2, 2, do_refcount}, {"exit", 1, 2, do_exit},
    {"die", 1, 2, do_die},
};

bool local_step(struct program *program, struct job *job, char **words, size_t count) {
    for (size_t i = 0; i < LR_COUNT_OF(steps); i++) {
        if (strcmp(steps[i].name, words[0]) == 0) {
            if (count < steps[i].words_min || count > steps[i].words_max) {
                answer_usage(job, "%s takes another number of words", words[0]);
            } else {
                steps[i].run(program, job, words, count);
            }
            return true;
        }
    }
    return false;
}
