/* SPDX-License-Identifier: Apache-2.0 */
/* A farm: many servers that are registered with one tracker and hold still, and one client that
 * asks for them. Whoever is granted is put again, so that their number stays. The farm's program is
 * the same for every tracker: ours, the bare one here, TVM's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/net.h"

/* ---- the bare tracker: it knows whose turn it is ---- */

struct entry {
    int socket;
    char offer[48]; /* PORT, "MATCHKEY" */
};

static void take_put(struct entry *entry) {
    char message[BARE_GRANT_MAX];
    (void)bench_read_message(entry->socket, message, sizeof message);
    const char *first = strchr(message + 1, '[');
    const char *last = first == NULL ? NULL : strchr(first, ']');
    size_t size = last == NULL ? 0 : (size_t)(last - first - 1);
    if (size == 0 || size >= sizeof entry->offer) {
        bench_die("this is no PUT: %s", message);
    }
    memcpy(entry->offer, first + 1, size);
    entry->offer[size] = '\0';
    bench_write_message(entry->socket, "0");
}

static size_t batch_end(size_t begin, size_t count) {
    return count - begin < BARE_BATCH ? count : begin + BARE_BATCH;
}

/* Each step is the whole batch's, as the farm takes it. */
static void take_batch(int listener, struct entry *entries, size_t begin, size_t end) {
    char message[BARE_GRANT_MAX];
    for (size_t i = begin; i < end; i++) {
        entries[i].socket = bench_accept(listener);
        bench_answer_greeting(entries[i].socket);
    }
    for (size_t i = begin; i < end; i++) {
        take_put(&entries[i]);
    }
    for (size_t i = begin; i < end; i++) {
        (void)bench_read_message(entries[i].socket, message, sizeof message);
        bench_write_message(entries[i].socket, "0");
    }
}

int bare_farm_tracker(char **arguments) {
    (void)bench_raise_descriptors();
    int listener = bench_listen((uint16_t)strtoul(arguments[0], NULL, 10));
    size_t count = strtoul(arguments[1], NULL, 10);
    char message[BARE_GRANT_MAX];
    size_t length;
    struct entry *entries = calloc(count, sizeof *entries);
    if (entries == NULL) {
        bench_die("no memory");
    }
    bench_ready(NULL);
    for (size_t i = 0; i < count; i = batch_end(i, count)) {
        take_batch(listener, entries, i, batch_end(i, count));
    }
    int client = bench_accept(listener);
    bench_answer_greeting(client);
    for (size_t i = 0; bench_try_read_message(client, message, sizeof message, &length);
         i = (i + 1) % count) {
        bench_write_message(client, "[0, [\"127.0.0.1\", %s]]", entries[i].offer);
        take_put(&entries[i]);
    }
    free(entries);
    return 0;
}

/* ---- the farm ---- */

enum { INDEX_DIGITS = 6, FIRST_PORT = 10000, PORTS = 50000 };

static void write_put(int server, size_t index, unsigned int put_count) {
    bench_write_message(server,
                        "[3, \"" BENCH_KEY "\", [%zu, \"" BENCH_KEY ":0.%0*zu%010u\"], null]",
                        FIRST_PORT + index % PORTS, INDEX_DIGITS, index, put_count);
}

static void hear_success(int server) {
    char answer[BARE_GRANT_MAX];
    if (bench_read_message(server, answer, sizeof answer) != 1 || answer[0] != '0') {
        bench_die("the tracker answered %s", answer);
    }
}

static void register_batch(uint16_t tracker, int *servers, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        servers[i] = bench_connect(tracker);
        bench_greet_tracker(
            servers[i]); /* at once: real TVM lets one connection wait to be accepted */
    }
    for (size_t i = begin; i < end; i++) {
        write_put(servers[i], i, 0);
    }
    for (size_t i = begin; i < end; i++) {
        hear_success(servers[i]);
    }
    for (size_t i = begin; i < end; i++) {
        bench_write_message(servers[i],
                            "[5, {\"key\": \"server:" BENCH_KEY "\", \"addr\": [null, %zu]}]",
                            FIRST_PORT + i % PORTS);
    }
    for (size_t i = begin; i < end; i++) {
        hear_success(servers[i]);
    }
}

/* Which server |grant| names. */
static size_t index_of(const struct bare_grant *grant, size_t count) {
    char digits[INDEX_DIGITS + 1] = {0};
    memcpy(digits, grant->matchkey + sizeof BENCH_KEY ":0." - 1, INDEX_DIGITS);
    size_t index = strtoul(digits, NULL, 10);
    if (index >= count || grant->port != FIRST_PORT + index % PORTS) {
        bench_die("a grant of nobody: %s", grant->matchkey);
    }
    return index;
}

/* Only the requests are timed. */
static void run(int client, const int *servers, size_t count, uint64_t run_ns) {
    static unsigned int put_count;
    uint64_t until = bench_now() + run_ns;
    uint64_t spent = 0;
    uint64_t requests = 0;
    uint64_t ended = 0;
    while (ended < until) {
        uint64_t began = bench_now();
        struct bare_grant granted = bare_request(client);
        ended = bench_now();
        spent += ended - began;
        requests++;
        size_t index = index_of(&granted, count);
        write_put(servers[index], index, ++put_count);
        hear_success(servers[index]);
    }
    bench_answer(requests, spent);
}

int bare_farm(char **arguments) {
    (void)bench_raise_descriptors();
    uint16_t tracker = (uint16_t)strtoul(arguments[0], NULL, 10);
    size_t count = strtoul(arguments[1], NULL, 10);
    int *servers = calloc(count, sizeof *servers);
    if (servers == NULL) {
        bench_die("no memory");
    }
    for (size_t i = 0; i < count; i = batch_end(i, count)) {
        register_batch(tracker, servers, i, batch_end(i, count));
    }
    int client = bench_connect(tracker);
    uint64_t run_ns;
    bench_greet_tracker(client);
    bench_ready(NULL);
    while (bench_next_run(&run_ns)) {
        run(client, servers, count, run_ns);
    }
    free(servers);
    return 0;
}
