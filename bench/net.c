/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    FREE_PORT_FIRST = 17000, /* below those that systems give to outgoing connections */
    FREE_PORTS = 15000,
    MESSAGE_MAX = 512 /* the longest tracker message here is a PUT of about 60 bytes */
};

static const uint8_t tracker_magic[] = {0x71, 0xf2, 0x02, 0x00};

uint64_t bench_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void bench_die(const char *format, ...) {
    int code = errno;
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, " (%s)\n", strerror(code));
    va_end(arguments);
    exit(4);
}

uint64_t bench_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        bench_die("the limit of descriptors is not known");
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

/* ---- sockets ---- */

static struct sockaddr_in loopback(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void send_at_once(int socket) {
    int on = 1;
    if (setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        bench_die("TCP_NODELAY");
    }
}

int bench_listen(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0) {
        bench_die("socket");
    }
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    send_at_once(listener);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, BACKLOG) != 0) {
        bench_die("cannot listen on port %u", (unsigned int)port);
    }
    return listener;
}

uint16_t bench_port(int socket) {
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &size) != 0) {
        bench_die("getsockname");
    }
    return ntohs(address.sin_port);
}

static bool can_listen(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int on = 1;
    int tried = socket(AF_INET, SOCK_STREAM, 0);
    if (tried < 0) {
        bench_die("socket");
    }
    (void)setsockopt(tried, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool can = bind(tried, (const struct sockaddr *)&address, sizeof address) == 0 &&
               listen(tried, 1) == 0;
    close(tried);
    return can;
}

uint16_t bench_free_port(void) {
    static unsigned int next;
    if (next == 0) {
        next = (unsigned int)getpid() * 16U;
    }
    for (int tries = 0; tries < FREE_PORTS; tries++) {
        uint16_t port = (uint16_t)(FREE_PORT_FIRST + next++ % FREE_PORTS);
        if (can_listen(port)) {
            return port;
        }
    }
    bench_die("no port is free");
}

int bench_accept(int listener) {
    int accepted = accept(listener, NULL, NULL);
    if (accepted < 0) {
        bench_die("accept");
    }
#ifndef __linux__
    send_at_once(accepted); /* Linux: inherited from the listener */
#endif
    return accepted;
}

bool bench_try_connect(uint16_t port, int *made) {
    struct sockaddr_in address = loopback(port);
    *made = socket(AF_INET, SOCK_STREAM, 0);
    if (*made < 0) {
        bench_die("socket");
    }
    if (connect(*made, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(*made);
        return false;
    }
    send_at_once(*made);
    return true;
}

int bench_connect(uint16_t port) {
    int made;
    if (!bench_try_connect(port, &made)) {
        bench_die("cannot connect to port %u", (unsigned int)port);
    }
    return made;
}

void bench_write(int socket, const void *bytes, size_t size) {
    const uint8_t *next = bytes;
    while (size > 0) {
        ssize_t sent = send(socket, next, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            bench_die("write");
        }
        next += sent;
        size -= (size_t)sent;
    }
}

bool bench_try_read(int socket, void *bytes, size_t size) {
    uint8_t *next = bytes;
    size_t got = 0;
    while (got < size) {
        ssize_t more = recv(socket, next + got, size - got, 0);
        if (more == 0 && got == 0) {
            return false;
        }
        if (more <= 0) {
            bench_die("%zu of %zu bytes came", got, size);
        }
        got += (size_t)more;
    }
    return true;
}

void bench_read(int socket, void *bytes, size_t size) {
    if (!bench_try_read(socket, bytes, size)) {
        bench_die("the peer has ended, %zu bytes were awaited", size);
    }
}

/* ---- tracker messages ---- */

/* One read for most: a peer that waits for its answer has sent nothing behind it. */
bool bench_try_read_message(int socket, char *text, size_t room, size_t *length) {
    uint8_t bytes[MESSAGE_MAX];
    ssize_t got = recv(socket, bytes, sizeof bytes, 0);
    if (got == 0) {
        return false;
    }
    if (got < 4) {
        bench_die("a message in bits");
    }
    *length = bytes[0] + ((size_t)bytes[1] << 8);
    if (*length + 4 > sizeof bytes || *length >= room || (size_t)got > *length + 4) {
        bench_die("a message of %zu bytes, %zd came", *length, got);
    }
    if ((size_t)got < *length + 4) {
        bench_read(socket, bytes + got, *length + 4 - (size_t)got);
    }
    memcpy(text, bytes + 4, *length);
    text[*length] = '\0';
    return true;
}

size_t bench_read_message(int socket, char *text, size_t room) {
    size_t length;
    if (!bench_try_read_message(socket, text, room, &length)) {
        bench_die("the tracker or its peer has ended");
    }
    return length;
}

void bench_write_message(int socket, const char *format, ...) {
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message + 4, sizeof message - 4, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof message - 4) {
        bench_die("a message of %d bytes", length);
    }
    memcpy(message, (const uint8_t[]){(uint8_t)length, (uint8_t)(length >> 8), 0, 0}, 4);
    bench_write(socket, message, (size_t)length + 4);
}

void bench_greet_tracker(int socket) {
    uint8_t answer[sizeof tracker_magic];
    bench_write(socket, tracker_magic, sizeof tracker_magic);
    bench_read(socket, answer, sizeof answer);
    if (memcmp(answer, tracker_magic, sizeof answer) != 0) {
        bench_die("this is no tracker");
    }
}

void bench_answer_greeting(int socket) {
    uint8_t magic[sizeof tracker_magic];
    bench_read(socket, magic, sizeof magic);
    bench_write(socket, magic, sizeof magic);
}

/* ---- steps ---- */

void bench_ready(const char *text) {
    (void)printf("ready%s%s\n", text == NULL ? "" : " ", text == NULL ? "" : text);
    (void)fflush(stdout);
}

bool bench_next_run(uint64_t *run_ns) {
    char line[64];
    if (fgets(line, sizeof line, stdin) == NULL) {
        return false;
    }
    if (strncmp(line, "go ", 3) != 0) {
        bench_die("no such step: %s", line);
    }
    *run_ns = strtoull(line + 3, NULL, 10) * 1000000U;
    return true;
}

void bench_answer(uint64_t count, uint64_t ns) {
    (void)printf("%" PRIu64 " %" PRIu64 "\n", count, ns);
    (void)fflush(stdout);
}
