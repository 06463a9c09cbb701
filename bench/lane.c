/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/net.h"

#define READY_NS                                                                                   \
    (120 * LR_SECOND) /* a real TVM imports for seconds, and registers 10,000 servers slowly */
#define RUN_NS (120 * LR_SECOND)
#define PROBE_NS (20 * LR_MS)

enum { WORDS_MAX = 24, WORD_MAX = 512 };

/* The programs of a lane, in words: {bin}, {source}, {python} are paths, {t} and {s} the ports of
 * tracker and server ({t+1}: the next), {n} the lane's number. A program marked with > is driven by
 * steps. */
struct recipe {
    const char *tracker, *server, *worker;
};

#define OUR_TRACKER "{bin}/lastref tracker --silent --port {t}"
#define OUR_SERVER "{bin}/lastref server --silent --port {s} --tracker 127.0.0.1:{t} --key bench"
#define TVM_TRACKER                                                                                \
    "{python} -m tvm.exec.rpc_tracker --silent --host 127.0.0.1 --port {t} --port-end {t+1}"
#define TVM_SERVER                                                                                 \
    "{python} -m tvm.exec.rpc_server --silent --host 127.0.0.1 --port {s} --port-end {s+1} "       \
    "--tracker 127.0.0.1:{t} --key bench"
#define FARM ">{bin}/lastref-bench-bare farm {t} {n}"

static const struct recipe recipes[BENCH_KINDS][BENCH_SUBJECTS] = {
    [BENCH_LIFE] =
        {
            [BENCH_OURS] = {OUR_TRACKER, OUR_SERVER " --sessions {n}",
                            ">{bin}/lastref-bench-client life {t} {n}"},
            [BENCH_BARE] = {">{bin}/lastref-bench-bare tracker {t} {n}",
                            ">{bin}/lastref-bench-bare server {s} {t} {n}",
                            ">{bin}/lastref-bench-bare client {t} {n}"},
            [BENCH_TVM] = {TVM_TRACKER, TVM_SERVER,
                           ">{python} {source}/tvm_client.py life {t} {n}"},
        },
    [BENCH_MIXED] =
        {
            [BENCH_OURS] = {OUR_TRACKER, OUR_SERVER, ">{bin}/lastref-bench-bare client {t} {n}"},
            [BENCH_BARE] = {">{bin}/lastref-bench-bare tracker {t} {n}",
                            ">{bin}/lastref-bench-bare server {s} {t} {n}",
                            ">{bin}/lastref-bench-client life {t} {n}"},
        },
    [BENCH_FARM] =
        {
            [BENCH_OURS] = {OUR_TRACKER, NULL, FARM},
            [BENCH_BARE] = {">{bin}/lastref-bench-bare farm-tracker {t} {n}", NULL, FARM},
            [BENCH_TVM] = {TVM_TRACKER, NULL, FARM},
        },
    [BENCH_ARRAY] =
        {
            [BENCH_OURS] = {OUR_TRACKER, OUR_SERVER, ">{bin}/lastref-bench-client array {t} {n}"},
            [BENCH_BARE] = {NULL, ">{bin}/lastref-bench-bare array-server {s} {n}",
                            ">{bin}/lastref-bench-bare array-client {s} {n}"},
            [BENCH_TVM] = {TVM_TRACKER, TVM_SERVER,
                           ">{python} {source}/tvm_client.py array {t} {n}"},
        },
};

/* ---- the words of a command ---- */

static void replace(const struct bench_lane *lane, const char *name, size_t size, char *out) {
    const struct bench *bench = lane->bench;
    const struct {
        const char *name;
        const char *text; /* NULL: the number */
        size_t number;
    } known[] = {
        {"bin", bench->bin, 0},
        {"source", bench->source, 0},
        {"python", bench->python, 0},
        {"t", NULL, lane->tracker_port},
        {"s", NULL, lane->server_port},
        {"t+1", NULL, lane->tracker_port + 1U},
        {"s+1", NULL, lane->server_port + 1U},
        {"n", NULL, lane->number},
    };
    for (size_t i = 0; i < LR_COUNT_OF(known); i++) {
        if (strlen(known[i].name) == size && memcmp(known[i].name, name, size) == 0) {
            if (known[i].text != NULL) {
                (void)snprintf(out, WORD_MAX, "%s", known[i].text);
            } else {
                (void)snprintf(out, WORD_MAX, "%zu", known[i].number);
            }
            return;
        }
    }
    LR_UNREACHABLE();
}

/* Copies the word at |*text| into |out|, with its names replaced; |*text| is then at the next one.
 */
static void take_word(const struct bench_lane *lane, const char **text, char *out) {
    size_t used = 0;
    const char *next = *text;
    while (*next != '\0' && *next != ' ') {
        if (*next == '{') {
            const char *end = strchr(next, '}');
            char replaced[WORD_MAX];
            LR_ASSERT(end != NULL);
            replace(lane, next + 1, (size_t)(end - next - 1), replaced);
            used += (size_t)snprintf(out + used, WORD_MAX - used, "%s", replaced);
            LR_ASSERT(used < WORD_MAX);
            next = end + 1;
        } else {
            LR_ASSERT(used + 1 < WORD_MAX);
            out[used++] = *next++;
        }
    }
    out[used] = '\0';
    *text = *next == ' ' ? next + 1 : next;
}

/* ---- programs ---- */

static _Noreturn void give_up(const struct bench_lane *lane, const char *what) {
    struct lr_program *programs[] = {lane->tracker, lane->server, lane->worker};
    for (size_t i = 0; i < LR_COUNT_OF(programs); i++) {
        if (programs[i] != NULL) {
            (void)fputs(lr_program_log(programs[i]), stderr);
        }
    }
    bench_die("%s", what);
}

static struct lr_program *start_program(struct bench_lane *lane, const char *command) {
    static char words[WORDS_MAX][WORD_MAX];
    const char *argv[WORDS_MAX + 1];
    size_t count = 0;
    bool stepped = command[0] == '>';
    for (const char *next = command + (stepped ? 1 : 0); *next != '\0'; count++) {
        LR_ASSERT(count < WORDS_MAX);
        take_word(lane, &next, words[count]);
        argv[count] = words[count];
    }
    argv[count] = NULL;
    struct lr_error error = {0};
    struct lr_program *program;
    const struct lr_program_options options = {.name = argv[0], .argv = argv, .stepped = stepped};
    if (lr_program_start(lane->bench->live, &options, &program, &error) != LR_OK) {
        give_up(lane, error.text);
    }
    return program;
}

/* The next line of |program|, in |line|. */
static void hear(struct bench_lane *lane, struct lr_program *program, uint64_t patience, char *line,
                 size_t room) {
    char *heard;
    lr_time at;
    lr_time until = lr_time_add(lr_live_now(lane->bench->live), patience);
    while (!lr_program_next_line(program, &heard, &at)) {
        if (lr_program_ended(program, NULL, NULL, NULL)) {
            give_up(lane, "a program has ended");
        }
        if (lr_live_now(lane->bench->live) >= until) {
            give_up(lane, "a program does not answer");
        }
        if (!lr_live_turn(lane->bench->live, until)) {
            give_up(lane, "interrupted");
        }
    }
    (void)snprintf(line, room, "%s", heard);
    lr_alloc_free_string(lr_alloc_system(), heard);
}

/* Until |port| takes connections: a tracker that says nothing when it is ready. */
static void wait_for_port(struct bench_lane *lane, uint16_t port) {
    lr_time until = lr_time_add(lr_live_now(lane->bench->live), READY_NS);
    int socket;
    while (!bench_try_connect(port, &socket)) {
        lr_time now = lr_live_now(lane->bench->live);
        if (now >= until || !lr_live_turn(lane->bench->live, lr_time_add(now, PROBE_NS))) {
            give_up(lane, "a tracker does not listen");
        }
    }
    close(socket);
}

static struct lr_program *start_service(struct bench_lane *lane, const char *command,
                                        uint16_t port) {
    char line[64];
    struct lr_program *program = command == NULL ? NULL : start_program(lane, command);
    if (command != NULL && command[0] == '>') {
        hear(lane, program, READY_NS, line, sizeof line);
    } else if (command != NULL && port != 0) {
        wait_for_port(lane, port);
    }
    return program;
}

void bench_lane_start(struct bench_lane *lane) {
    const struct recipe *recipe = &recipes[lane->kind][lane->subject];
    char line[64];
    lane->tracker_port = bench_free_port();
    lane->server_port = bench_free_port();
    lane->tracker = start_service(lane, recipe->tracker, lane->tracker_port);
    /* A server is not to be tried: whoever connects is a client to it. Its tracker keeps who asks
     * early. */
    lane->server = start_service(lane, recipe->server, 0);
    uint64_t before = lane->tracker == NULL ? 0 : bench_group_memory(lr_program_pid(lane->tracker));
    lane->worker = start_program(lane, recipe->worker);
    hear(lane, lane->worker, READY_NS, line, sizeof line);
    uint64_t after = lane->tracker == NULL ? 0 : bench_group_memory(lr_program_pid(lane->tracker));
    lane->tracker_bytes = after > before ? after - before : 0;
    if (lane->subject == BENCH_TVM && strncmp(line, "ready ", 6) == 0) {
        (void)snprintf(lane->bench->tvm_version, sizeof lane->bench->tvm_version, "%s", line + 6);
    }
}

void bench_lane_run(struct bench_lane *lane, unsigned int run_ms, bool keep) {
    char line[64];
    (void)snprintf(line, sizeof line, "go %u", run_ms);
    if (lr_program_send(lane->worker, line) != LR_OK) {
        give_up(lane, "a worker takes no step");
    }
    hear(lane, lane->worker, RUN_NS, line, sizeof line);
    uint64_t count, ns;
    if (sscanf(line, "%" SCNu64 " %" SCNu64, &count, &ns) != 2 || ns == 0) {
        give_up(lane, line);
    }
    if (keep) {
        LR_ASSERT(lane->rounds < BENCH_ROUNDS_MAX);
        lane->rates[lane->rounds++] = (double)count * 1e9 / (double)ns;
    }
}

void bench_lane_stop(struct bench_lane *lane) {
    struct lr_program **programs[] = {&lane->worker, &lane->server, &lane->tracker};
    for (size_t i = 0; i < LR_COUNT_OF(programs); i++) {
        if (*programs[i] != NULL) {
            lr_program_free(*programs[i]);
            *programs[i] = NULL;
        }
    }
}

/* ---- medians ---- */

static int compare(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return count == 0       ? -1
           : count % 2 == 1 ? values[count / 2]
                            : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_lane_median(const struct bench_lane *lane) {
    double rates[BENCH_ROUNDS_MAX];
    memcpy(rates, lane->rates, lane->rounds * sizeof *rates);
    return bench_median(rates, lane->rounds);
}
