/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking sockets on loopback and the steps by which the bench drives its programs: all that the
 * bare-socket program stands on, and nothing of the harness. Whatever fails ends the program with a
 * line that says what; a program of the bench has nothing to save. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t bench_now(void); /* monotonic, ns */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The soft limit of descriptors becomes the hard one. Returns it. */
uint64_t bench_raise_descriptors(void);

/* A listening socket of 127.0.0.1 whose connections have TCP_NODELAY. */
int bench_listen(uint16_t port);
uint16_t bench_port(int socket); /* the local one */
/* A port that nobody listened on a moment ago, another one each time. */
uint16_t bench_free_port(void);
int bench_accept(int listener);
int bench_connect(uint16_t port);
bool bench_try_connect(uint16_t port, int *socket); /* false: refused */

void bench_write(int socket, const void *bytes, size_t size);
void bench_read(int socket, void *bytes, size_t size);
/* False: the peer has ended before the first byte. */
bool bench_try_read(int socket, void *bytes, size_t size);

/* A tracker message: int32 length and text. Reads it as a string into |text|; returns its length.
 */
size_t bench_read_message(int socket, char *text, size_t room);
bool bench_try_read_message(int socket, char *text, size_t room, size_t *length);
/* Writes |text| with its length before it, as one write. */
void bench_write_message(int socket, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The tracker's magic, there and back, from the asking side or the answering one. */
void bench_greet_tracker(int socket);
void bench_answer_greeting(int socket);

/* Steps: says "ready" (with |text| behind it, if any); then each line "go MS" on stdin wants a run
 * of that long, answered by "COUNT NS". False: stdin has ended, and so should the program. */
void bench_ready(const char *text);
bool bench_next_run(uint64_t *run_ns);
void bench_answer(uint64_t count, uint64_t ns);

#endif
