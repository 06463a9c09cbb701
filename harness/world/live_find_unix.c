/* SPDX-License-Identifier: Apache-2.0 */
/* Whose socket has a port: from the system's table of sockets to the descriptors of our programs.
 */
#include "world/live_program.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world/live_family.h"

enum { INODES_MAX = 64 }; /* sockets with the same ports, of several addresses */

struct inodes {
    unsigned long list[INODES_MAX];
    size_t count;
};

/* One line of the table: "sl: local:PORT remote:PORT state queues timers retransmits uid timeout
 * inode". */
static void take_line(const char *line, struct lr_port_pair ports, struct inodes *inodes) {
    const char *number = strchr(line, ':');
    const char *local = number == NULL ? NULL : strchr(number + 1, ':');
    const char *remote = local == NULL ? NULL : strchr(local + 1, ':');
    if (remote == NULL || strtoul(local + 1, NULL, 16) != ports.local ||
        strtoul(remote + 1, NULL, 16) != ports.remote) {
        return;
    }
    const char *field = line + strspn(line, " ");
    for (int i = 0; i < 9 && *field != '\0'; i++) {
        field += strcspn(field, " ");
        field += strspn(field, " ");
    }
    unsigned long inode = strtoul(field, NULL, 10);
    if (inode != 0 && inodes->count < INODES_MAX) {
        inodes->list[inodes->count++] = inode;
    }
}

/* The table of the network that |pid| lives in. */
static void read_table(long pid, const char *name, struct lr_port_pair ports,
                       struct inodes *inodes) {
    char path[64];
    char line[512];
    (void)snprintf(path, sizeof path, "/proc/%ld/net/%s", pid, name);
    FILE *table = fopen(path, "rbe");
    if (table == NULL) {
        return;
    }
    while (fgets(line, sizeof line, table) != NULL) {
        take_line(line, ports, inodes);
    }
    (void)fclose(table);
}

static bool is_one_of(const char *target, const struct inodes *inodes) {
    if (strncmp(target, "socket:[", 8) != 0) {
        return false;
    }
    unsigned long inode = strtoul(target + 8, NULL, 10);
    for (size_t i = 0; i < inodes->count; i++) {
        if (inodes->list[i] == inode) {
            return true;
        }
    }
    return false;
}

static bool holds(long pid, const struct inodes *inodes) {
    char path[64];
    char target[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%ld/fd", pid);
    DIR *entries = opendir(path);
    if (entries == NULL) {
        return false;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL && !found;
         entry = readdir(entries)) {
        ssize_t size = readlinkat(dirfd(entries), entry->d_name, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        found = is_one_of(target, inodes);
    }
    closedir(entries);
    return found;
}

int64_t lr_live_pid_of_ports(struct lr_live *live, struct lr_port_pair ports, const char **name) {
    struct inodes inodes = {.count = 0};
    bool read = false; /* where all have one network, its table is read once */
    LR_LIST_EACH (node, &live->programs) {
        const struct lr_program *program = LR_CONTAINER_OF(node, struct lr_program, node);
        if (!read || live->net != NULL) {
            long pid = live->net == NULL ? (long)getpid() : (long)program->guard.pid;
            inodes.count = 0;
            read_table(pid, "tcp", ports, &inodes);
            read_table(pid, "tcp6", ports, &inodes);
            read = true;
        }
        long members[LR_FAMILY_MAX];
        size_t count = inodes.count == 0
                           ? 0
                           : lr_family_list((long)program->guard.pid, members, LR_FAMILY_MAX);
        for (size_t i = 0; i < count; i++) {
            if (holds(members[i], &inodes)) {
                *name = program->name;
                return members[i];
            }
        }
    }
    return 0;
}
