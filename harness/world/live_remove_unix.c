/* SPDX-License-Identifier: Apache-2.0 */
/* Removes all that is in a folder, however deep, without following a link and with two descriptors:
 * it descends into what is not empty yet, and climbs back through "..". And finds the folders that
 * a killed process has left. */
#include "world/live_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

/* Removes one entry. A descriptor of a folder that has to be emptied first; -1: done; -2:
 * impossible. */
static int remove_entry(int folder, const char *name) {
    if (unlinkat(folder, name, 0) == 0 || unlinkat(folder, name, AT_REMOVEDIR) == 0) {
        return -1;
    }
    struct stat stat;
    bool is_folder =
        fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode);
    /* It may have been made without permissions. */
    if (is_folder && fchmodat(folder, name, 0700, 0) != 0) {
        return -2;
    }
    int inner = openat(folder, name, OPEN_FOLDER);
    return inner >= 0 ? inner : -2;
}

/* Goes through one folder. A descriptor of a folder in it that is not empty; -1: it is empty; -2:
 * something in it cannot be removed. */
static int sweep(int folder) {
    int own = fcntl(folder, F_DUPFD_CLOEXEC, 0); /* closed by closedir */
    DIR *entries = own < 0 ? NULL : fdopendir(own);
    if (entries == NULL) {
        if (own >= 0) {
            close(own);
        }
        return -2;
    }
    rewinddir(entries); /* the position is shared with |folder| */
    int result = -1;
    for (struct dirent *entry = readdir(entries); entry != NULL && result == -1;
         entry = readdir(entries)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = remove_entry(folder, entry->d_name);
        }
    }
    closedir(entries);
    return result;
}

static bool same_folder(int a, int b) {
    struct stat first;
    struct stat second;
    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

void lr_system_clear_folder(int folder) {
    int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    while (at >= 0) {
        int next = sweep(at);
        if (next == -1 && !same_folder(at, folder)) {
            next = openat(at, "..", OPEN_FOLDER); /* empty: the folder above removes it */
        }
        close(at);
        at = next;
    }
}

bool lr_system_hold_folder(int folder) {
    struct stat stat;
    /* Where there are no locks nobody gets one, and so nobody removes anything, either. */
    if (flock(folder, LOCK_EX | LOCK_NB) != 0) {
        return errno != EWOULDBLOCK;
    }
    return fstat(folder, &stat) == 0 && stat.st_nlink > 0;
}

static bool is_session_folder(const char *name) {
    size_t size = sizeof LR_SESSION_FOLDER - 1;
    return strncmp(name, LR_SESSION_FOLDER, size) == 0 &&
           strlen(name + size) == LR_SESSION_FOLDER_MORE;
}

static void remove_if_left(int root, const char *name) {
    struct stat stat;
    int folder = openat(root, name, OPEN_FOLDER);
    if (folder < 0) {
        return;
    }
    if (fstat(folder, &stat) == 0 && stat.st_uid == geteuid() &&
        flock(folder, LOCK_EX | LOCK_NB) == 0) {
        lr_system_clear_folder(folder);
        (void)unlinkat(root, name, AT_REMOVEDIR);
    }
    close(folder);
}

void lr_system_remove_left_folders(const char *root) {
    DIR *entries = opendir(root);
    if (entries == NULL) {
        return; /* whoever wants to make a folder there will hear why not */
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (is_session_folder(entry->d_name)) {
            remove_if_left(dirfd(entries), entry->d_name);
        }
    }
    closedir(entries);
}
