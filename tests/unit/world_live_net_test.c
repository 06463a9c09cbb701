/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts of a network of the live world's own: who reaches whom, that silence is silence, and that
 * nothing of it stays. Where the machine has no network namespaces for us it is skipped. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/failing.h"
#include "world/live_net.h"

enum { WAIT_MS = 10 * 1000, SILENT_MS = 300 };

static struct lr_counting_alloc memory;
static struct lr_net *net;
static struct lr_error error;
static int near_host, far_host;

/* False: the machine does not allow it. */
static bool start(void) {
    lr_counting_alloc_init(&memory, lr_alloc_system());
    error = (struct lr_error){.code = LR_OK};
    if (lr_net_new(&net, &memory.base, &error) == LR_ENOTSUP) {
        cr_log_warn("skipped: %s", error.text);
        return false;
    }
    cr_assert_eq(error.code, LR_OK, "%s", error.text);
    cr_assert_eq(lr_net_host(net, "near", &near_host, &error), LR_OK, "%s", error.text);
    cr_assert_eq(lr_net_host(net, "far", &far_host, &error), LR_OK, "%s", error.text);
    return true;
}

static void finish(void) {
    lr_net_free(net);
    cr_expect_eq(memory.live_blocks, 0);
}

static int socket_of(int host) {
    lr_net_enter(net, host);
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    lr_net_leave(net);
    cr_assert_geq(made, 0);
    return made;
}

static int listen_at(int host, struct sockaddr_in *address) {
    int listener = socket_of(host);
    socklen_t size = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    cr_assert_eq(inet_pton(AF_INET, lr_net_address(net, host), &address->sin_addr), 1);
    cr_assert_eq(bind(listener, (const struct sockaddr *)address, sizeof *address), 0);
    cr_assert_eq(listen(listener, 4), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)address, &size), 0);
    return listener;
}

static bool readable(int socket, int ms) {
    struct pollfd ready = {.fd = socket, .events = POLLIN};
    return poll(&ready, 1, ms) == 1;
}

/* A connection from near to far. */
static void connect_them(int ends[2]) {
    struct sockaddr_in address;
    int listener = listen_at(far_host, &address);
    ends[0] = socket_of(near_host);
    cr_assert_eq(connect(ends[0], (const struct sockaddr *)&address, sizeof address), 0, "%s",
                 strerror(errno));
    ends[1] = accept(listener, NULL, NULL);
    cr_assert_geq(ends[1], 0);
    (void)close(listener);
}

static void set_group(int host, int group) {
    cr_assert_eq(lr_net_set_group(net, host, group, &error), LR_OK, "%s", error.text);
    cr_expect_eq(lr_net_group(net, host), group);
}

Test(world_live_net, hosts_reach_each_other_by_addresses_and_ports_of_their_own, .timeout = 60) {
    if (!start()) {
        return;
    }
    int ends[2];
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    char text[INET_ADDRSTRLEN];
    connect_them(ends);
    cr_assert_eq(getpeername(ends[1], (struct sockaddr *)&peer, &size), 0);
    cr_expect_str_eq(inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text),
                     lr_net_address(net, near_host));
    cr_expect_str_neq(lr_net_address(net, near_host), lr_net_address(net, far_host));
    cr_assert_eq(send(ends[0], "x", 1, 0), 1);
    cr_expect(readable(ends[1], WAIT_MS));
    (void)close(ends[0]);
    (void)close(ends[1]);
    finish();
}

Test(world_live_net, a_name_is_one_host_however_often_it_comes, .timeout = 60) {
    if (!start()) {
        return;
    }
    int again;
    cr_assert_eq(lr_net_host(net, "near", &again, &error), LR_OK);
    cr_expect_eq(again, near_host);
    finish();
}

Test(world_live_net, who_is_alone_is_not_heard_of_even_by_its_end, .timeout = 60) {
    if (!start()) {
        return;
    }
    int ends[2];
    connect_them(ends);
    set_group(near_host, LR_NET_ALONE);
    cr_assert_eq(send(ends[0], "x", 1, 0), 1);
    (void)close(ends[0]);
    cr_expect_not(readable(ends[1], SILENT_MS), "its bytes and its FIN have come");
    set_group(near_host, LR_NET_TOGETHER);
    cr_expect(readable(ends[1], WAIT_MS), "what the kernel sends again has not come");
    (void)close(ends[1]);
    finish();
}

Test(world_live_net, groups_reach_their_own_and_nobody_else, .timeout = 60) {
    if (!start()) {
        return;
    }
    int third;
    int ends[2];
    cr_assert_eq(lr_net_host(net, "third", &third, &error), LR_OK);
    connect_them(ends);
    set_group(near_host, 7);
    set_group(far_host, 7);
    cr_assert_eq(send(ends[0], "x", 1, 0), 1);
    cr_expect(readable(ends[1], WAIT_MS));
    struct sockaddr_in address;
    int listener = listen_at(third, &address);
    int outside = socket_of(near_host);
    struct timeval patience = {.tv_usec = SILENT_MS * 1000L};
    cr_assert_eq(setsockopt(outside, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    cr_expect_neq(connect(outside, (const struct sockaddr *)&address, sizeof address), 0);
    cr_expect(errno == EINPROGRESS || errno == EAGAIN, "it was told: %s", strerror(errno));
    (void)close(outside);
    (void)close(listener);
    (void)close(ends[0]);
    (void)close(ends[1]);
    finish();
}

Test(world_live_net, there_are_so_many_hosts_and_no_more, .timeout = 300) {
    if (!start()) {
        return;
    }
    static char names[LR_NET_HOSTS_MAX][24];
    int host;
    for (int i = 2; i < LR_NET_HOSTS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "host %d", i);
        cr_assert_eq(lr_net_host(net, names[i], &host, &error), LR_OK, "%s", error.text);
    }
    cr_expect_eq(lr_net_host(net, "one more", &host, &error), LR_ELIMIT);
    cr_expect_str_eq(error.text, "a network of hosts has at most 64");
    finish();
}

static void make_net(struct lr_alloc *alloc, void *context) {
    struct lr_net *made;
    (void)context;
    if (lr_net_new(&made, alloc, NULL) == LR_OK) {
        lr_net_free(made);
    } else {
        cr_expect(lr_test_has_failed(alloc));
    }
}

Test(world_live_net, a_failing_allocation_leaves_nothing, .timeout = 60) {
    if (start()) {
        finish();
        lr_test_each_failure(make_net, NULL);
    }
}
