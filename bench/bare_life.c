/* SPDX-License-Identifier: Apache-2.0 */
/* Whole lives of sessions: tracker, server and client. With one client the tracker reads from the
 * server and from the client by turns, as no other order is possible, and so needs not ask who has
 * something to say; with more it asks poll(), and server and clients are a thread each. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/net.h"

/* ---- the tracker ---- */

/* What a PUT says of its server: PORT, "MATCHKEY". */
struct offer {
    char text[BARE_GRANT_MAX];
};

static void take_put(const char *message, struct offer *offer) {
    const char *first = strchr(message + 1, '[');
    const char *last = first == NULL ? NULL : strchr(first, ']');
    if (last == NULL) {
        bench_die("this is no PUT: %s", message);
    }
    memcpy(offer->text, first + 1, (size_t)(last - first - 1));
    offer->text[last - first - 1] = '\0';
}

static void grant(int client, const struct offer *offer) {
    bench_write_message(client, "[0, [\"127.0.0.1\", %s]]", offer->text);
}

static void serve_one(int server, int client) {
    char message[BARE_GRANT_MAX];
    struct offer offer;
    size_t length;
    while (bench_try_read_message(server, message, sizeof message, &length)) {
        take_put(message, &offer);
        bench_write_message(server, "0");
        if (!bench_try_read_message(client, message, sizeof message, &length)) {
            return;
        }
        grant(client, &offer);
    }
}

struct queues {
    struct offer offers[BARE_SLOTS_MAX];
    size_t first, offer_count;
    int waiting[BARE_SLOTS_MAX];
    size_t next, waiting_count;
};

static void match(struct queues *queues) {
    while (queues->offer_count > 0 && queues->waiting_count > 0) {
        grant(queues->waiting[queues->next], &queues->offers[queues->first]);
        queues->first = (queues->first + 1) % BARE_SLOTS_MAX;
        queues->offer_count--;
        queues->next = (queues->next + 1) % BARE_SLOTS_MAX;
        queues->waiting_count--;
    }
}

/* False: that peer has ended, and the program may, too. */
static bool hear(struct queues *queues, int peer) {
    char message[BARE_GRANT_MAX];
    size_t length;
    if (!bench_try_read_message(peer, message, sizeof message, &length)) {
        return false;
    }
    if (message[1] == '3') {
        size_t last = (queues->first + queues->offer_count) % BARE_SLOTS_MAX;
        take_put(message, &queues->offers[last]);
        queues->offer_count++;
        bench_write_message(peer, "0");
    } else {
        queues->waiting[(queues->next + queues->waiting_count) % BARE_SLOTS_MAX] = peer;
        queues->waiting_count++;
    }
    match(queues);
    return true;
}

static void serve_many(struct pollfd *peers, size_t count) {
    static struct queues queues;
    for (;;) {
        if (poll(peers, (nfds_t)count, -1) < 0) {
            bench_die("poll");
        }
        for (size_t i = 0; i < count; i++) {
            if (peers[i].revents != 0 && !hear(&queues, peers[i].fd)) {
                return;
            }
        }
    }
}

int bare_tracker(char **arguments) {
    static struct pollfd peers[BARE_SLOTS_MAX + 1];
    int listener = bench_listen((uint16_t)strtoul(arguments[0], NULL, 10));
    size_t clients = strtoul(arguments[1], NULL, 10);
    bench_ready(NULL);
    if (clients == 0 || clients > BARE_SLOTS_MAX) {
        bench_die("%zu clients", clients);
    }
    for (size_t i = 0; i <= clients; i++) { /* the server is the first */
        peers[i] = (struct pollfd){.fd = bench_accept(listener), .events = POLLIN};
        bench_answer_greeting(peers[i].fd);
    }
    if (clients == 1) {
        serve_one(peers[0].fd, peers[1].fd);
    } else {
        serve_many(peers, clients + 1);
    }
    return 0;
}

/* ---- the server ---- */

struct server {
    int listener;
    int tracker;
    uint16_t port;
    unsigned int put_count;
    pthread_mutex_t put_lock; /* a PUT and its answer are one */
};

/* False: the tracker has ended. */
static bool put(struct server *server) {
    char answer[BARE_GRANT_MAX];
    size_t length;
    pthread_mutex_lock(&server->put_lock);
    bench_write_message(server->tracker,
                        "[3, \"" BENCH_KEY "\", [%u, \"" BENCH_KEY ":0.%016u\"], null]",
                        (unsigned int)server->port, ++server->put_count);
    bool answered = bench_try_read_message(server->tracker, answer, sizeof answer, &length);
    pthread_mutex_unlock(&server->put_lock);
    return answered;
}

static void serve_session(int client) {
    static const uint8_t greeted[] = "\x71\xf2\x0f\0\x0c\0\0\0server:" BENCH_KEY;
    uint8_t bytes[BARE_GRANT_MAX];
    bench_read(client, bytes, BARE_GREETING);
    bench_write(client, greeted, BARE_GREETED);
    for (size_t i = 0; i < BARE_EXCHANGES; i++) {
        bench_read(client, bytes, bare_exchanges[i].size);
        bench_write(client, bare_exchanges[i].answer, bare_exchanges[i].answer_size);
    }
    bench_read(client, bytes, sizeof bare_shutdown);
    close(client);
}

static void *serve_slot(void *context) {
    struct server *server = context;
    while (put(server)) {
        serve_session(bench_accept(server->listener));
    }
    return NULL;
}

int bare_server(char **arguments) {
    static struct server server;
    server.listener = bench_listen((uint16_t)strtoul(arguments[0], NULL, 10));
    server.port = bench_port(server.listener);
    server.tracker = bench_connect((uint16_t)strtoul(arguments[1], NULL, 10));
    pthread_mutex_init(&server.put_lock, NULL);
    bench_greet_tracker(server.tracker);
    bench_ready(NULL);
    for (size_t i = strtoul(arguments[2], NULL, 10); i > 1; i--) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve_slot, &server) != 0) {
            bench_die("a thread");
        }
    }
    (void)serve_slot(&server);
    return 0;
}

/* ---- the client ---- */

static void live_once(int tracker) {
    uint8_t answer[BARE_GRANT_MAX];
    uint8_t handle[8] = {0};
    uint8_t bytes[64];
    struct bare_grant granted = bare_request(tracker);
    int server = bare_open(&granted);
    for (size_t i = 0; i < BARE_EXCHANGES; i++) {
        const struct bare_exchange *exchange = &bare_exchanges[i];
        memcpy(bytes, exchange->bytes, exchange->size);
        if (i == BARE_CALL || i == BARE_FREE) {
            memcpy(bytes + (i == BARE_CALL ? BARE_HANDLE_IN_CALL : BARE_HANDLE_IN_FREE), handle, 8);
        }
        bench_write(server, bytes, exchange->size);
        bench_read(server, answer, exchange->answer_size);
        if (i == BARE_GET) {
            memcpy(handle, answer + BARE_HANDLE, 8);
        }
    }
    bench_write(server, bare_shutdown, sizeof bare_shutdown);
    close(server);
}

struct client {
    pthread_t thread;
    int tracker;
    uint64_t until;
    uint64_t lives;
};

static void *live_on(void *context) {
    struct client *client = context;
    client->lives = 0;
    do {
        live_once(client->tracker);
        client->lives++;
    } while (bench_now() < client->until);
    return NULL;
}

static uint64_t run_all(struct client *clients, size_t count, uint64_t until) {
    uint64_t lives = 0;
    for (size_t i = 0; i < count; i++) {
        clients[i].until = until;
        if (count > 1 && pthread_create(&clients[i].thread, NULL, live_on, &clients[i]) != 0) {
            bench_die("a thread");
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (count > 1) {
            pthread_join(clients[i].thread, NULL);
        } else {
            (void)live_on(&clients[i]);
        }
        lives += clients[i].lives;
    }
    return lives;
}

int bare_client(char **arguments) {
    static struct client clients[BARE_SLOTS_MAX];
    uint16_t port = (uint16_t)strtoul(arguments[0], NULL, 10);
    size_t count = strtoul(arguments[1], NULL, 10);
    uint64_t run_ns;
    if (count == 0 || count > BARE_SLOTS_MAX) {
        bench_die("%zu clients", count);
    }
    for (size_t i = 0; i < count; i++) {
        clients[i].tracker = bench_connect(port);
        bench_greet_tracker(clients[i].tracker);
    }
    bench_ready(NULL);
    while (bench_next_run(&run_ns)) {
        uint64_t began = bench_now();
        uint64_t lives = run_all(clients, count, began + run_ns);
        bench_answer(lives, bench_now() - began);
    }
    return 0;
}
