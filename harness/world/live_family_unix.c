/* SPDX-License-Identifier: Apache-2.0 */
#include "world/live_family.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __linux__

/* The parent of |pid|, from the fourth field of its status line, behind a name that may hold
 * anything. */
static long parent_of(long pid) {
    char path[64];
    char line[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, line, sizeof line - 1);
    if (file >= 0) {
        close(file);
    }
    if (size <= 0) {
        return 0;
    }
    line[size] = '\0';
    const char *name_end = strrchr(line, ')');
    if (name_end == NULL || strlen(name_end) < 4) {
        return 0;
    }
    return strtol(name_end + 4, NULL, 10); /* ") S PPID" */
}

struct relation {
    long pid;
    long parent;
};

enum { RELATIONS_MAX = 16384 };

static size_t read_relations(struct relation *relations) {
    size_t count = 0;
    DIR *entries = opendir("/proc");
    if (entries == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL && count < RELATIONS_MAX;
         entry = readdir(entries)) {
        long pid = strtol(entry->d_name, NULL, 10);
        long parent = pid > 0 ? parent_of(pid) : 0;
        if (parent > 0) {
            relations[count++] = (struct relation){pid, parent};
        }
    }
    closedir(entries);
    return count;
}

static bool contains(const long *members, size_t count, long pid) {
    for (size_t i = 0; i < count; i++) {
        if (members[i] == pid) {
            return true;
        }
    }
    return false;
}

size_t lr_family_list(long ancestor, long *members, size_t max) {
    static struct relation relations[RELATIONS_MAX]; /* one thread; too large for a stack */
    size_t known = read_relations(relations);
    size_t count = 0;
    bool grown = true;
    while (grown) { /* a generation a round */
        grown = false;
        for (size_t i = 0; i < known && count < max; i++) {
            bool child =
                relations[i].parent == ancestor || contains(members, count, relations[i].parent);
            if (child && !contains(members, count, relations[i].pid)) {
                members[count++] = relations[i].pid;
                grown = true;
            }
        }
    }
    return count;
}

#else

size_t lr_family_list(long ancestor, long *members, size_t max) {
    (void)ancestor;
    (void)members;
    (void)max;
    return 0;
}

#endif
