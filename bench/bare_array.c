/* SPDX-License-Identifier: Apache-2.0 */
/* An array there and back: one packet that carries it and its void, one that asks for it and the
 * bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/net.h"

static void put_number(uint8_t *at, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint8_t *make_array(size_t size) {
    uint8_t *array = malloc(size);
    if (array == NULL) {
        bench_die("no memory for %zu bytes", size);
    }
    memset(array, 0x5a, size); /* its pages are there before anything is timed */
    return array;
}

int bare_array_server(char **arguments) {
    int listener = bench_listen((uint16_t)strtoul(arguments[0], NULL, 10));
    size_t size = strtoul(arguments[1], NULL, 10);
    uint8_t *array = make_array(size);
    uint8_t head[BARE_ARRAY_HEAD];
    uint8_t ack[BARE_COPY_ACK] = {0};
    put_number(ack, 4 + size, 8);
    put_number(ack + 8, 8, 4);
    bench_ready(NULL);
    int client = bench_accept(listener);
    while (bench_try_read(client, head, sizeof head)) {
        bench_read(client, array, size);
        bench_write(client, bare_void, sizeof bare_void);
        bench_read(client, head, sizeof head);
        bench_write(client, ack, sizeof ack);
        bench_write(client, array, size);
    }
    free(array);
    return 0;
}

/* The head of a copy: length, code, tensor of one dimension, bytes. */
static void make_head(uint8_t head[BARE_ARRAY_HEAD], uint32_t code, size_t size, size_t behind) {
    memset(head, 0, BARE_ARRAY_HEAD);
    put_number(head, BARE_ARRAY_HEAD - 8 + behind, 8);
    put_number(head + 8, code, 4);
    put_number(head + 20, 1, 4);                          /* device: the CPU */
    put_number(head + 28, 1, 4);                          /* dimensions */
    put_number(head + 32, 1 + (8U << 8) + (1U << 16), 4); /* uint8 */
    put_number(head + 36, size, 8);
    put_number(head + 52, size, 8);
}

int bare_array_client(char **arguments) {
    int server = bench_connect((uint16_t)strtoul(arguments[0], NULL, 10));
    size_t size = strtoul(arguments[1], NULL, 10);
    uint8_t *array = make_array(size);
    uint8_t in[BARE_ARRAY_HEAD], out[BARE_ARRAY_HEAD], answer[BARE_VOID];
    uint64_t run_ns;
    make_head(in, 7, size, size);
    make_head(out, 6, size, 0);
    bench_ready(NULL);
    while (bench_next_run(&run_ns)) {
        uint64_t began = bench_now();
        uint64_t bytes = 0;
        do {
            bench_write(server, in, sizeof in);
            bench_write(server, array, size);
            bench_read(server, answer, sizeof answer);
            bench_write(server, out, sizeof out);
            bench_read(server, answer, BARE_COPY_ACK);
            bench_read(server, array, size);
            bytes += 2 * size;
        } while (bench_now() - began < run_ns);
        bench_answer(bytes, bench_now() - began);
    }
    free(array);
    return 0;
}
