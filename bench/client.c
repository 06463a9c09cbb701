/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of ours, driven by steps as the bare ones are: whole lives of sessions, or an array there
 * and back. */
#include "rpc/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "bench/bare.h"
#include "bench/net.h"
#include "world/live.h"

struct bench_client {
    struct lr_client *client;
    struct lr_live_host *host;
    struct lr_session *session;
    lr_op op;
    uint64_t count; /* lives, or bytes */
    bool busy;
};

struct clients {
    struct lr_live *live;
    struct lr_prng random;
    struct bench_client all[BARE_SLOTS_MAX];
    size_t count;
    lr_time until;
};

static void check(enum lr_status status, const struct lr_error *error, const char *what) {
    if (status != LR_OK) {
        bench_die("%s: %s", what, error != NULL ? error->text : lr_status_text(status));
    }
}

static void init_clients(struct clients *clients, uint16_t tracker, size_t count) {
    struct lr_error error = {0};
    const struct lr_live_options world = {.alloc = lr_alloc_system()};
    check(lr_live_new(&clients->live, &world, &error), &error, "no world");
    lr_prng_init(&clients->random, 1);
    const struct lr_env env = {
        .alloc = lr_alloc_system(), .device = lr_alloc_system(), .random = &clients->random};
    struct lr_client_options options = lr_client_options_default;
    options.tracker_host = "127.0.0.1";
    options.tracker_port = tracker;
    clients->count = count;
    for (size_t i = 0; i < count; i++) {
        struct bench_client *each = &clients->all[i];
        check(lr_client_new(&each->client, &env, &options, &error), &error, "no client");
        check(lr_live_add(clients->live, lr_client_role(each->client), "client", LR_PLANE_DATA,
                          &each->host),
              NULL, "no host");
    }
}

static void deinit_clients(struct clients *clients) {
    for (size_t i = 0; i < clients->count; i++) {
        struct bench_client *each = &clients->all[i];
        lr_session_unref(each->session, lr_live_now(clients->live), "end");
        lr_client_close(each->client, lr_live_now(clients->live));
        lr_live_drain(each->host);
        lr_live_remove(each->host, true);
        lr_client_free(each->client);
    }
    lr_live_free(clients->live);
}

/* ---- lives ---- */

static void request(struct clients *clients, struct bench_client *each) {
    check(lr_client_request(each->client, lr_live_now(clients->live), lr_text_of(BENCH_KEY),
                            &lr_request_options_default, &each->op),
          NULL, "request");
    each->busy = true;
    lr_live_drain(each->host);
}

static void call(struct clients *clients, struct bench_client *each) {
    struct lr_value five = lr_value_int(5);
    check(lr_session_call_name(each->session, lr_live_now(clients->live),
                               lr_text_of("rpc.test.addone"), &five, 1, &each->op),
          NULL, "call");
    lr_live_drain(each->host);
}

static void end_life(struct clients *clients, struct bench_client *each) {
    lr_time now = lr_live_now(clients->live);
    lr_session_close(each->session, now);
    lr_session_unref(each->session, now, "life over");
    each->session = NULL;
    each->count++;
    each->busy = false;
    if (now < clients->until) {
        request(clients, each);
    } else {
        lr_live_drain(each->host);
    }
}

/* The next step of a life, when the last one is done. */
static void go_on(struct clients *clients, struct bench_client *each) {
    struct lr_result result;
    while (lr_client_next_result(each->client, &result)) {
        check(result.error.code, &result.error, "an operation failed");
        if (result.kind == LR_ANSWER_SESSION) {
            each->session = result.session;
            call(clients, each);
        } else {
            LR_ASSERT(result.value.kind == LR_VALUE_INT && result.value.as.integer == 6);
            end_life(clients, each);
        }
        lr_result_deinit(&result);
    }
}

static bool any_busy(const struct clients *clients) {
    for (size_t i = 0; i < clients->count; i++) {
        if (clients->all[i].busy) {
            return true;
        }
    }
    return false;
}

static uint64_t run_lives(struct clients *clients, uint64_t run_ns) {
    uint64_t lives = 0;
    (void)lr_live_turn(clients->live, 0); /* what has happened between two runs */
    clients->until = lr_time_add(lr_live_now(clients->live), run_ns);
    for (size_t i = 0; i < clients->count; i++) {
        clients->all[i].count = 0;
        request(clients, &clients->all[i]);
    }
    while (any_busy(clients)) {
        (void)lr_live_turn(clients->live, LR_TIME_NEVER);
        for (size_t i = 0; i < clients->count; i++) {
            go_on(clients, &clients->all[i]);
        }
    }
    for (size_t i = 0; i < clients->count; i++) {
        lives += clients->all[i].count;
    }
    return lives;
}

/* ---- an array ---- */

/* Turns the world until |op| of the only client has ended well. */
static struct lr_result wait_for(struct clients *clients, lr_op op) {
    struct bench_client *only = &clients->all[0];
    struct lr_result result;
    lr_live_drain(only->host);
    while (!lr_client_next_result(only->client, &result)) {
        (void)lr_live_turn(clients->live, LR_TIME_NEVER);
    }
    check(result.error.code, &result.error, "an operation failed");
    LR_ASSERT(result.op == op);
    return result;
}

static struct lr_tensor open_array(struct clients *clients, size_t size) {
    struct bench_client *only = &clients->all[0];
    struct lr_tensor tensor = {.device = {.type = 1}, .ndim = 1, .dtype = {1, 8, 1}};
    tensor.shape[0] = (int64_t)size;
    lr_time now = lr_live_now(clients->live);
    check(lr_client_request(only->client, now, lr_text_of(BENCH_KEY), &lr_request_options_default,
                            &only->op),
          NULL, "request");
    struct lr_result result = wait_for(clients, only->op);
    only->session = result.session;
    lr_result_deinit(&result);
    check(lr_session_allocate(only->session, lr_live_now(clients->live), &tensor, &only->op), NULL,
          "allocate");
    result = wait_for(clients, only->op);
    tensor = result.value.as.tensor;
    lr_result_deinit(&result);
    return tensor;
}

static void copy(struct clients *clients, const struct lr_tensor *tensor, const uint8_t *array,
                 size_t size) {
    struct bench_client *only = &clients->all[0];
    lr_time now = lr_live_now(clients->live);
    check(lr_session_copy_in(only->session, now, tensor, array, size, &only->op), NULL, "copy in");
    struct lr_result result = wait_for(clients, only->op);
    lr_result_deinit(&result);
    now = lr_live_now(clients->live);
    check(lr_session_copy_out(only->session, now, tensor, &only->op), NULL, "copy out");
    result = wait_for(clients, only->op);
    LR_ASSERT(lr_buf_size(&result.bytes) == size &&
              lr_buf_data(&result.bytes)[size - 1] == array[size - 1]);
    lr_result_deinit(&result);
}

static int serve_arrays(struct clients *clients, size_t size) {
    uint8_t *array = malloc(size);
    if (array == NULL) {
        bench_die("no memory for %zu bytes", size);
    }
    memset(array, 0x5a, size);
    struct lr_tensor tensor = open_array(clients, size);
    uint64_t run_ns;
    bench_ready(NULL);
    while (bench_next_run(&run_ns)) {
        uint64_t began = bench_now();
        uint64_t bytes = 0;
        do {
            copy(clients, &tensor, array, size);
            bytes += 2 * size;
        } while (bench_now() - began < run_ns);
        bench_answer(bytes, bench_now() - began);
    }
    free(array);
    return 0;
}

static int serve_lives(struct clients *clients) {
    uint64_t run_ns;
    bench_ready(NULL);
    while (bench_next_run(&run_ns)) {
        uint64_t began = bench_now();
        uint64_t lives = run_lives(clients, run_ns);
        bench_answer(lives, bench_now() - began);
    }
    return 0;
}

int main(int argc, char **argv) {
    static struct clients clients;
    if (argc != 4 || (strcmp(argv[1], "life") != 0 && strcmp(argv[1], "array") != 0)) {
        (void)fprintf(stderr,
                      "usage: %s life TRACKER_PORT CLIENTS\n       %s array TRACKER_PORT BYTES\n",
                      argv[0], argv[0]);
        return 2;
    }
    bool array = strcmp(argv[1], "array") == 0;
    size_t number = strtoul(argv[3], NULL, 10);
    if (number == 0 || (!array && number > BARE_SLOTS_MAX)) {
        bench_die("%zu clients or bytes", number);
    }
    init_clients(&clients, (uint16_t)strtoul(argv[2], NULL, 10), array ? 1 : number);
    int result = array ? serve_arrays(&clients, number) : serve_lives(&clients);
    deinit_clients(&clients);
    return result;
}
