/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces are made and entered by system calls; what is in them is told to the ip of iproute2,
 * the tool in which whoever looks after a case would ask, too. */
#include "world/live_net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/compiler.h"

enum {
    BATCH_MAX = 4096,
    NOT_OPEN = -1,
    /* A port says whose it is, as it does on one machine: so no two hosts choose the same one. */
    PORTS_FROM = 20000,
    PORTS_OF_A_HOST = 600
};

struct net_host {
    const char *name;
    char address[24];
    int space; /* the namespace */
    int group;
};

struct lr_net {
    struct lr_alloc *alloc;
    int home; /* where the thread comes from */
    int router;
    int count;
    struct net_host hosts[LR_NET_HOSTS_MAX];
    bool apart[LR_NET_HOSTS_MAX][LR_NET_HOSTS_MAX]; /* what the router has been told */
};

/* ---- namespaces ---- */

static int open_current(void) {
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void go_to(int space) {
    int result = setns(space, CLONE_NEWNET);
    LR_ASSERT(result == 0); /* we have made it, or come from there */
}

/* A new one, in which the thread is not. NOT_OPEN with errno. */
static int make_space(const struct lr_net *net) {
    if (unshare(CLONE_NEWNET) != 0) {
        return NOT_OPEN;
    }
    int space = open_current();
    go_to(net->home);
    return space;
}

static bool write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool good = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    if (file >= 0) {
        (void)close(file);
    }
    return good;
}

/* Who is not root is in a namespace of users of his own; the network there is new, and home. */
static bool become_root(void) {
    char map[64];
    const unsigned int user = geteuid();
    const unsigned int group = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return false;
    }
    (void)write_file("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof map, "0 %u 1\n", user);
    bool good = write_file("/proc/self/uid_map", map);
    (void)snprintf(map, sizeof map, "0 %u 1\n", group);
    return write_file("/proc/self/gid_map", map) && good;
}

/* ---- the tool ---- */

/* Runs ip on |lines|, a file, here. */
static int run_ip(int lines) {
    static char name[] = "ip";
    static char force[] = "-batch";
    static char from_input[] = "-";
    char *argv[] = {name, force, from_input, NULL};
    char *no_environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return ENOMEM;
    }
    int result = posix_spawn_file_actions_adddup2(&actions, lines, STDIN_FILENO);
    if (result == 0) {
        result = posix_spawnp(&pid, name, &actions, NULL, argv, no_environment);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    if (result != 0) {
        return result;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EIO;
}

/* Tells ip, in the namespace |space|, what |format| makes: a command a line. 0, or an errno. */
LR_PRINTF(3, 4)
static int tell(const struct lr_net *net, int space, const char *format, ...) {
    char lines[BATCH_MAX];
    int ends[2];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(lines, sizeof lines, format, arguments);
    va_end(arguments);
    LR_ASSERT(size > 0 && (size_t)size < sizeof lines); /* and so fits a pipe */
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    int result = write(ends[1], lines, (size_t)size) == size ? 0 : EIO;
    (void)close(ends[1]);
    if (result == 0) {
        go_to(space);
        result = run_ip(ends[0]);
        go_to(net->home);
    }
    (void)close(ends[0]);
    return result;
}

static enum lr_status fail(struct lr_error *error, const char *what, int code) {
    return lr_error_set(error, LR_EIO, "a network of hosts: %s: %s", what,
                        code == EIO ? "ip (iproute2) has refused" : strerror(code));
}

/* ---- the net ---- */

static enum lr_status open_router(struct lr_net *net, struct lr_error *error) {
    net->router = make_space(net);
    if (net->router < 0) {
        return fail(error, "no namespace for its router", errno);
    }
    go_to(net->router);
    bool forwards = write_file("/proc/sys/net/ipv4/ip_forward", "1");
    go_to(net->home);
    if (!forwards) {
        return fail(error, "its router may not pass anything", EACCES);
    }
    int result = tell(net, net->router, "link set lo up\n");
    if (result == ENOENT) {
        return lr_error_set(error, LR_ENOTSUP, "a network of hosts needs ip, of iproute2");
    }
    return result == 0 ? LR_OK : fail(error, "its router", result);
}

enum lr_status lr_net_new(struct lr_net **out, struct lr_alloc *alloc, struct lr_error *error) {
    struct lr_net *net = LR_NEW(alloc, struct lr_net);
    if (net == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a network of hosts");
    }
    net->alloc = alloc;
    net->router = NOT_OPEN;
    net->home = open_current();
    enum lr_status status = LR_OK;
    int probe = make_space(net);
    if (probe >= 0) {
        (void)close(probe);
    } else if (errno == EPERM && become_root()) {
        (void)close(net->home);
        net->home = open_current();
        (void)tell(net, net->home, "link set lo up\n"); /* for whatever is at home there */
    } else {
        status = lr_error_set(error, LR_ENOTSUP,
                              "this machine does not let us have network namespaces: %s",
                              strerror(errno));
    }
    if (status == LR_OK) {
        status = open_router(net, error);
    }
    if (status != LR_OK) {
        lr_net_free(net);
        return status;
    }
    *out = net;
    return LR_OK;
}

/* Interfaces and routes go with their namespaces, and these with their last descriptor. */
void lr_net_free(struct lr_net *net) {
    if (net == NULL) {
        return;
    }
    for (int i = 0; i < net->count; i++) {
        (void)close(net->hosts[i].space);
    }
    if (net->router >= 0) {
        (void)close(net->router);
    }
    if (net->home >= 0) {
        (void)close(net->home);
    }
    LR_FREE(net->alloc, net);
}

/* ---- hosts ---- */

static bool own_ports(const struct lr_net *net, int space, int number) {
    char range[32];
    const int first = PORTS_FROM + number * PORTS_OF_A_HOST;
    (void)snprintf(range, sizeof range, "%d %d", first, first + PORTS_OF_A_HOST - 1);
    go_to(space);
    bool good = write_file("/proc/sys/net/ipv4/ip_local_port_range", range);
    go_to(net->home);
    return good;
}

/* One wire to the router. */
static int plug_in(const struct lr_net *net, int space, int number) {
    int result = tell(net, space,
                      "link set lo up\n"
                      "link add eth0 type veth peer name host%d netns /proc/%d/fd/%d\n"
                      "addr add 10.77.%d.2/24 dev eth0\n"
                      "link set eth0 up\n"
                      "route add default via 10.77.%d.1\n",
                      number, (int)getpid(), net->router, number, number);
    return result != 0 ? result
                       : tell(net, net->router,
                              "addr add 10.77.%d.1/24 dev host%d\n"
                              "link set host%d up\n",
                              number, number, number);
}

static int find_host(const struct lr_net *net, const char *name) {
    for (int i = 0; i < net->count; i++) {
        if (strcmp(net->hosts[i].name, name) == 0) {
            return i;
        }
    }
    return LR_NET_NOWHERE;
}

enum lr_status lr_net_host(struct lr_net *net, const char *name, int *host,
                           struct lr_error *error) {
    *host = find_host(net, name);
    if (*host != LR_NET_NOWHERE) {
        return LR_OK;
    }
    if (net->count == LR_NET_HOSTS_MAX) {
        return lr_error_set(error, LR_ELIMIT, "a network of hosts has at most %d",
                            LR_NET_HOSTS_MAX);
    }
    const int number = net->count;
    int space = make_space(net);
    if (space < 0) {
        return fail(error, "no namespace for a host", errno);
    }
    int result = own_ports(net, space, number) ? plug_in(net, space, number) : EACCES;
    if (result != 0) {
        (void)close(space);
        return fail(error, name, result);
    }
    struct net_host *made = &net->hosts[net->count++];
    *made = (struct net_host){.name = name, .space = space, .group = LR_NET_TOGETHER};
    (void)snprintf(made->address, sizeof made->address, "10.77.%d.2", number);
    *host = number;
    return LR_OK;
}

const char *lr_net_address(const struct lr_net *net, int host) {
    LR_ASSERT(host >= 0 && host < net->count);
    return net->hosts[host].address;
}

void lr_net_enter(struct lr_net *net, int host) {
    if (net != NULL && host != LR_NET_NOWHERE) {
        LR_ASSERT(host < net->count);
        go_to(net->hosts[host].space);
    }
}

void lr_net_leave(struct lr_net *net) {
    if (net != NULL) {
        go_to(net->home);
    }
}

/* ---- who reaches whom ---- */

static int set_apart(struct lr_net *net, int one, int other, bool apart) {
    if (one == other || net->apart[one][other] == apart) {
        return 0;
    }
    const char *a = net->hosts[one].address;
    const char *b = net->hosts[other].address;
    const char *verb = apart ? "add" : "del";
    int result = tell(net, net->router,
                      "rule %s pref 10 from %s to %s blackhole\n"
                      "rule %s pref 10 from %s to %s blackhole\n",
                      verb, a, b, verb, b, a);
    if (result == 0) {
        net->apart[one][other] = apart;
        net->apart[other][one] = apart;
    }
    return result;
}

enum lr_status lr_net_set_group(struct lr_net *net, int host, int group, struct lr_error *error) {
    LR_ASSERT(host >= 0 && host < net->count);
    net->hosts[host].group = group;
    for (int i = 0; i < net->count; i++) {
        bool apart = group == LR_NET_ALONE || net->hosts[i].group != group;
        int result = set_apart(net, host, i, apart);
        if (result != 0) {
            return fail(error, net->hosts[host].name, result);
        }
    }
    return LR_OK;
}

int lr_net_group(const struct lr_net *net, int host) {
    LR_ASSERT(host >= 0 && host < net->count);
    return net->hosts[host].group;
}
