/* SPDX-License-Identifier: Apache-2.0 */
/* lastref-steps: reads steps, turns the world, writes answers. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "our_client.h"

#include "cli/caller.h"
#include "cli/service.h"

enum { IDLE_POLL_MS = 5 }; /* how long a spawned job may have to wait while no step comes */

lr_time now_of(const struct program *program) {
    return lr_live_now(program->live);
}

/* ---- parties ---- */

struct party *party_new(struct program *program, const char *host, uint16_t port,
                        struct lr_error *error) {
    struct party *party = LR_NEW(lr_alloc_system(), struct party);
    struct lr_client_options options = lr_client_options_default;
    const struct lr_env env = {.alloc = lr_alloc_system(),
                               .device = lr_alloc_system(),
                               .random = &program->random,
                               .trace = {&program->log.sink, "client"}};
    options.tracker_host = host;
    options.tracker_port = port;
    if (party == NULL) {
        (void)lr_error_set(error, LR_ENOMEM, "out of memory");
        return NULL;
    }
    if (lr_client_new(&party->client, &env, &options, error) != LR_OK) {
        LR_FREE(lr_alloc_system(), party);
        return NULL;
    }
    enum lr_status status = lr_live_add(program->live, lr_client_role(party->client), "client",
                                        LR_PLANE_DATA, &party->host);
    if (status != LR_OK) {
        (void)lr_error_set(error, status, "%s", lr_status_text(status));
        lr_client_free(party->client);
        LR_FREE(lr_alloc_system(), party);
        return NULL;
    }
    lr_list_append(&program->parties, &party->node);
    return party;
}

/* ---- jobs ---- */

static struct job *job_new(const char *name) {
    struct job *job = LR_NEW(lr_alloc_system(), struct job);
    if (job == NULL) {
        return NULL;
    }
    lr_list_init(&job->node);
    lr_buf_init(&job->pattern, lr_alloc_system());
    lr_buf_init(&job->answer, lr_alloc_system());
    if (name != NULL) {
        job->name = lr_alloc_string(lr_alloc_system(), name, strlen(name));
        if (job->name == NULL) {
            LR_FREE(lr_alloc_system(), job);
            return NULL;
        }
    }
    return job;
}

static void job_free(struct program *program, struct job *job) {
    lr_list_remove(&job->node);
    if (job->op != 0) {
        lr_client_cancel(job->party->client, now_of(program), job->op);
    }
    lr_session_unref(job->session, now_of(program), "a step is over");
    if (job->thing != NULL) {
        LR_FREE(lr_alloc_system(), job->thing);
    }
    lr_alloc_free_string(lr_alloc_system(), job->text);
    lr_alloc_free_string(lr_alloc_system(), job->name);
    lr_buf_deinit(&job->pattern);
    lr_buf_deinit(&job->answer);
    LR_FREE(lr_alloc_system(), job);
}

static struct job *find_job(struct program *program, const struct party *party, lr_op op) {
    LR_LIST_EACH (node, &program->jobs) {
        struct job *job = LR_CONTAINER_OF(node, struct job, node);
        if (job->party == party && job->op == op) {
            return job;
        }
    }
    return NULL;
}

static void drain(struct program *program) {
    LR_LIST_EACH (node, &program->parties) {
        lr_live_drain(LR_CONTAINER_OF(node, struct party, node)->host);
    }
}

/* Hands results to the jobs that wait for them, until there are none. */
static void take_results(struct program *program) {
    LR_LIST_EACH (node, &program->parties) {
        struct party *party = LR_CONTAINER_OF(node, struct party, node);
        struct lr_result result;
        while (lr_client_next_result(party->client, &result)) {
            struct job *job = find_job(program, party, result.op);
            if (job != NULL) {
                job->op = 0;
                job->next(program, job, &result);
            }
            lr_session_unref(result.session, now_of(program), "nobody kept it");
            lr_result_deinit(&result);
        }
    }
    drain(program);
}

static bool turn(struct program *program, lr_time until) {
    drain(program);
    bool going = lr_live_turn(program->live, until);
    take_results(program);
    return going;
}

/* ---- lines ---- */

static void write_line(const void *bytes, size_t size) {
    (void)fwrite(bytes, 1, size, stdout);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

static void write_text(const char *text) {
    write_line(text, strlen(text));
}

static void finish(struct program *program, struct job *job) {
    if (lr_buf_size(&job->answer) > 0) {
        write_line(lr_buf_data(&job->answer), lr_buf_size(&job->answer));
    }
    job_free(program, job);
}

/* Turns the world until |job| is over; false: a signal came. */
static bool wait_for(struct program *program, struct job *job, lr_time until) {
    bool going = true;
    while (job->op != 0 && going && now_of(program) < until) {
        going = turn(program, until);
    }
    return going;
}

static void begin_job(struct program *program, struct job *job, char **words, size_t count) {
    lr_list_append(&program->jobs, &job->node);
    (void)lr_live_turn(program->live, 0); /* for the time: nothing was read since the last step */
    take_results(program);
    step_begin(program, job, words, count);
    drain(program);
}

static void join(struct program *program, char **words, size_t count) {
    uint64_t ns = 0;
    if (count < 2 || count > 3 ||
        (count == 3 && lr_text_to_seconds(lr_text_of(words[2]), &ns) != LR_OK)) {
        write_text("usage: join J [SECONDS]");
        return;
    }
    LR_LIST_EACH (node, &program->jobs) {
        struct job *job = LR_CONTAINER_OF(node, struct job, node);
        if (job->name != NULL && strcmp(job->name, words[1]) == 0) {
            (void)turn(program, 0);
            (void)wait_for(program, job, lr_time_add(now_of(program), ns));
            if (job->op != 0) {
                write_text("pending");
            } else {
                finish(program, job);
            }
            return;
        }
    }
    write_text("usage: no job of that name");
}

static void spawn(struct program *program, char **words, size_t count) {
    struct job *job = count > 2 ? job_new(words[1]) : NULL;
    if (job == NULL) {
        write_text("usage: spawn J STEP");
        return;
    }
    begin_job(program, job, words + 2, count - 2);
    write_text("ok");
}

static void run_step(struct program *program, char **words, size_t count, bool announce) {
    struct job *job = job_new(NULL);
    if (job == NULL) {
        write_text("error LastrefError: out of memory");
        return;
    }
    begin_job(program, job, words, count);
    if (announce && job->op != 0) {
        write_text("begun");
    }
    if (!wait_for(program, job, LR_TIME_NEVER)) {
        program->ending = true;
    }
    finish(program, job);
}

static void run_line(struct program *program, char *line) {
    char *words[WORDS_MAX];
    size_t count = 0;
    for (char *word = line; word != NULL && count < WORDS_MAX; count++) {
        words[count] = word;
        word = strchr(word, ' ');
        if (word != NULL) {
            *word++ = '\0';
        }
    }
    bool announce = strcmp(words[0], "begin") == 0;
    if (announce && (count < 2 || !step_blocks(words[1]))) {
        write_text("usage: begin cannot announce that");
    } else if (strcmp(words[0], "join") == 0) {
        join(program, words, count);
    } else if (strcmp(words[0], "spawn") == 0) {
        spawn(program, words, count);
    } else {
        run_step(program, words + announce, count - announce, announce);
    }
}

/* Reads steps while the world goes on, until the end of stdin. */
static void read_steps(struct program *program) {
    static char line[STEP_BYTES_MAX];
    size_t size = 0;
    while (!program->ending) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&input, 1, IDLE_POLL_MS) == 0) {
            program->ending = !turn(program, 0);
            continue;
        }
        ssize_t got = read(STDIN_FILENO, line + size, sizeof line - size);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return;
        }
        size += got > 0 ? (size_t)got : 0;
        char *end;
        while (!program->ending && (end = memchr(line, '\n', size)) != NULL) {
            size_t used = (size_t)(end - line) + 1;
            *end = '\0';
            run_line(program, line);
            size -= used;
            memmove(line, line + used, size);
        }
        if (size == sizeof line) {
            write_text("usage: a step that long cannot be read");
            return;
        }
    }
}

/* ---- beginning and end ---- */

static enum lr_status open_program(struct program *program, struct lr_error *error) {
    const struct lr_log_options log = {.verbose = getenv("LASTREF_STEPS_VERBOSE") != NULL};
    lr_log_init(&program->log, &log, LR_TRACE_WARNING, LR_TRACE_ERROR);
    lr_list_init(&program->parties);
    lr_list_init(&program->names);
    lr_list_init(&program->jobs);
    enum lr_status status = lr_service_seed(&program->random, error);
    const struct lr_live_options options = {.alloc = lr_alloc_system(),
                                            .trace = &program->log.sink};
    if (status == LR_OK) {
        status = lr_live_new(&program->live, &options, error);
    }
    if (status == LR_OK) {
        status = lr_live_catch_signals(program->live, error);
    }
    if (status == LR_OK) {
        program->direct = party_new(program, NULL, 0, error);
        status = program->direct != NULL ? LR_OK : error->code;
    }
    return status;
}

static size_t sockets_left(const struct program *program) {
    size_t left = 0;
    LR_LIST_EACH (node, &program->parties) {
        left += lr_live_host_sockets(LR_CONTAINER_OF(node, struct party, node)->host);
    }
    return left;
}

/* Names and jobs hold sessions, sessions are their client's, and a client is out of the world
 * before it goes. */
static void close_program(struct program *program) {
    LR_LIST_EACH (node, &program->jobs) {
        job_free(program, LR_CONTAINER_OF(node, struct job, node));
    }
    forget_all(program, true);
    LR_LIST_EACH (node, &program->parties) {
        lr_client_close(LR_CONTAINER_OF(node, struct party, node)->client, now_of(program));
    }
    take_results(program);
    lr_time until = program->live == NULL ? 0 : lr_time_add(now_of(program), LR_SECOND);
    while (sockets_left(program) > 0 && now_of(program) < until) {
        (void)turn(program, until);
    }
    LR_LIST_EACH (node, &program->parties) {
        struct party *party = LR_CONTAINER_OF(node, struct party, node);
        lr_list_remove(node);
        lr_live_remove(party->host, true);
        lr_client_free(party->client);
        LR_FREE(lr_alloc_system(), party);
    }
    lr_live_free(program->live);
}

int main(void) {
    struct program program = {.status = 0};
    struct lr_error error = {0};
    if (open_program(&program, &error) == LR_OK) {
        read_steps(&program);
    } else {
        (void)fprintf(stderr, "lastref-steps: %s\n", error.text);
        program.status = 4;
    }
    close_program(&program);
    return program.status;
}
