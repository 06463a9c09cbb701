/* SPDX-License-Identifier: Apache-2.0 */
/* What libuv does not offer of sockets, on POSIX systems. */
#include "world/live_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#ifdef __linux__
#include <sys/timerfd.h>
#endif
#include <unistd.h>

/* On Linux a connection inherits the options of its listener: nothing to be done for each. */
#ifdef __linux__
static const bool options_are_inherited = true;
#else
static const bool options_are_inherited = false;
#endif

static void set_option(int socket, int level, int name, int value) {
    /* An option that cannot be set makes nothing wrong: slower, or a silence noticed later. */
    (void)setsockopt(socket, level, name, &value, sizeof value);
}

static int whole_seconds(uint64_t ns) {
    uint64_t seconds = (ns + LR_SECOND - 1) / LR_SECOND;
    return seconds > SHRT_MAX ? SHRT_MAX : (int)seconds; /* the system's own limit */
}

void lr_system_no_delay(uv_os_fd_t socket) {
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
}

void lr_system_keep_alive(uv_os_fd_t socket, const struct lr_keepalive *keepalive) {
    if (keepalive->idle_ns == 0) {
        return;
    }
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
#if defined(TCP_KEEPIDLE)
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, whole_seconds(keepalive->idle_ns));
#elif defined(TCP_KEEPALIVE)
    set_option(socket, IPPROTO_TCP, TCP_KEEPALIVE, whole_seconds(keepalive->idle_ns));
#endif
#if defined(TCP_USER_TIMEOUT)
    /* While bytes wait for their acknowledgement nobody probes: the system would send them again
     * and again, for a quarter of an hour. */
    uint64_t patience = keepalive->idle_ns + keepalive->interval_ns * keepalive->probes;
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT,
               patience / LR_MS > INT_MAX ? INT_MAX : (int)(patience / LR_MS));
#endif
#if defined(TCP_KEEPINTVL) && defined(TCP_KEEPCNT)
    if (keepalive->interval_ns > 0 && keepalive->probes > 0) {
        set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, whole_seconds(keepalive->interval_ns));
        set_option(socket, IPPROTO_TCP, TCP_KEEPCNT,
                   keepalive->probes > 100 ? 100 : (int)keepalive->probes);
    }
#endif
}

void lr_system_tune_accepted(uv_os_fd_t socket, const struct lr_keepalive *keepalive) {
    if (!options_are_inherited) {
        lr_system_no_delay(socket);
        lr_system_keep_alive(socket, keepalive);
    }
}

static int open_socket(int family) {
#ifdef SOCK_CLOEXEC
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
    int made = socket(family, SOCK_STREAM, 0);
    if (made >= 0) {
        (void)fcntl(made, F_SETFD, FD_CLOEXEC);
        (void)fcntl(made, F_SETFL, O_NONBLOCK);
    }
    return made;
#endif
}

static socklen_t size_of(const struct sockaddr_storage *address) {
    return address->ss_family == AF_INET6 ? (socklen_t)sizeof(struct sockaddr_in6)
                                          : (socklen_t)sizeof(struct sockaddr_in);
}

int lr_system_listen(const struct sockaddr_storage *address, const struct lr_keepalive *keepalive,
                     uv_os_sock_t *out) {
    int made = open_socket(address->ss_family);
    if (made < 0) {
        return uv_translate_sys_error(errno);
    }
    socklen_t size = size_of(address);
    set_option(made, SOL_SOCKET, SO_REUSEADDR, 1);
    lr_system_no_delay(made);
    lr_system_keep_alive(made, keepalive);
    if (bind(made, (const struct sockaddr *)address, size) != 0 ||
        listen(made, LR_LISTEN_BACKLOG) != 0) {
        int error = uv_translate_sys_error(errno);
        close(made);
        return error;
    }
    *out = made;
    return 0;
}

#ifdef __linux__
int lr_system_timer_open(void) {
    return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

void lr_system_timer_set(int descriptor, lr_time at) {
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at / LR_SECOND), .tv_nsec = (long)(at % LR_SECOND)}};
    (void)timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &when, NULL); /* fails for no such time */
}

void lr_system_timer_clear(int descriptor) {
    uint64_t rings;
    ssize_t size = read(descriptor, &rings, sizeof rings);
    (void)size; /* it has been set anew meanwhile: not readable */
}
#else
int lr_system_timer_open(void) {
    return -1;
}

void lr_system_timer_set(int descriptor, lr_time at) {
    (void)descriptor;
    (void)at;
}

void lr_system_timer_clear(int descriptor) {
    (void)descriptor;
}
#endif

/* Where a call of its own makes it what it has to be, one is enough. */
int lr_system_accept(uv_os_sock_t listener, struct sockaddr_storage *peer, uv_os_sock_t *out) {
    socklen_t size = sizeof *peer;
#ifdef SOCK_CLOEXEC
    int made = accept4(listener, (struct sockaddr *)peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    int made = accept(listener, (struct sockaddr *)peer, &size);
    if (made >= 0) {
        (void)fcntl(made, F_SETFD, FD_CLOEXEC);
        (void)fcntl(made, F_SETFL, O_NONBLOCK);
    }
#endif
    if (made < 0) {
        return uv_translate_sys_error(errno);
    }
    *out = made;
    return 0;
}

/* The second call says whether the first one has come to its end meanwhile. */
int lr_system_connect_at_once(const struct sockaddr_storage *address, uv_os_sock_t *out) {
    const struct sockaddr *to = (const struct sockaddr *)address;
    int made = open_socket(address->ss_family);
    if (made < 0) {
        return uv_translate_sys_error(errno);
    }
    int result = connect(made, to, size_of(address));
    if (result != 0 && errno == EINPROGRESS) {
        result = connect(made, to, size_of(address));
        result = result != 0 && errno == EISCONN ? 0 : result;
    }
    if (result != 0) {
        int error = uv_translate_sys_error(errno);
        close(made);
        return error;
    }
    *out = made;
    return 0;
}

/* A listener that is shut down keeps its port, where that was asked for by number, and listens
 * again when told to. */
int lr_system_take_connections(uv_os_sock_t socket, bool take) {
    int result = take ? listen(socket, LR_LISTEN_BACKLOG) : shutdown(socket, SHUT_RD);
    return result == 0 ? 0 : uv_translate_sys_error(errno);
}

int lr_system_bound_address(uv_os_sock_t socket, struct sockaddr_storage *out) {
    socklen_t size = sizeof *out;
    return getsockname(socket, (struct sockaddr *)out, &size) == 0 ? 0
                                                                   : uv_translate_sys_error(errno);
}

void lr_system_shut_write(uv_os_fd_t socket) {
    (void)shutdown(socket, SHUT_WR); /* fails only where the peer has ended it already */
}

void lr_system_abort_on_close(uv_os_fd_t socket) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

void lr_system_yield(void) {
    (void)sched_yield();
}

void lr_system_ignore_pipe_signal(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &action, NULL);
}

int lr_system_duplicate(uv_os_fd_t socket) {
    return fcntl(socket, F_DUPFD_CLOEXEC, 0);
}

void lr_system_close(int descriptor) {
    close(descriptor);
}

int lr_system_socket_error(uv_os_fd_t socket) {
    int error = 0;
    socklen_t size = sizeof error;
    bool known = getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0;
    return known && error != 0 ? uv_translate_sys_error(error) : 0;
}
