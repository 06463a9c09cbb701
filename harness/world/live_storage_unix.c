/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions' files as directories of the file system. Every part of a name is opened from the
 * directory before it and no link is followed, so whatever is planted inside, nothing outside is
 * reached. A directory is made when its session first needs it: most sessions never do. Those of a
 * process that was killed are removed by the next one that begins. */
#include "world/live_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

enum { PATH_SIZE_MAX = 4096, OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

struct live_storage {
    struct lr_storage base; /* first */
    struct lr_alloc *alloc;
    char root[PATH_SIZE_MAX];
};

struct live_directory {
    struct lr_directory base; /* first */
    char *path;               /* NULL: not made yet */
    int descriptor;
};

static struct live_storage *storage_of(struct live_directory *directory) {
    return (struct live_storage *)directory->base.storage;
}

static enum lr_status set_errno(struct lr_error *error, struct lr_text name, const char *what) {
    char quoted[100];
    int code = errno;
    enum lr_status status = code == ENOENT || code == ENOTDIR ? LR_ENOTFOUND
                            : code == ENOMEM                  ? LR_ENOMEM
                            : code == ELOOP                   ? LR_EINVAL
                                                              : LR_EIO;
    return lr_error_set(error, status, "cannot %s file %s: %s", what,
                        lr_text_quote(quoted, sizeof quoted, name),
                        code == ELOOP ? "it is a link, or behind one" : strerror(code));
}

static enum lr_status open_directory(struct lr_storage *base, struct lr_directory **out,
                                     struct lr_error *error) {
    struct live_storage *storage = (struct live_storage *)base;
    struct live_directory *directory = LR_NEW(storage->alloc, struct live_directory);
    if (directory == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a session's directory");
    }
    directory->base.storage = base;
    directory->descriptor = -1;
    base->open_directories++;
    *out = &directory->base;
    return LR_OK;
}

/* Makes and locks a folder whose |path| ends in XXXXXX. A descriptor, or -1 with errno. */
static int make_folder(char *path) {
    enum { TRIES = 8 };
    char *more = path + strlen(path) - LR_SESSION_FOLDER_MORE;
    for (int i = 0; i < TRIES; i++) {
        memset(more, 'X', LR_SESSION_FOLDER_MORE);
        if (mkdtemp(path) == NULL) {
            return -1;
        }
        int folder = open(path, OPEN_FOLDER);
        if (folder >= 0 && lr_system_hold_folder(folder)) {
            return folder;
        }
        int code = folder >= 0 ? ENOENT : errno;
        if (folder >= 0) {
            close(folder);
        }
        (void)rmdir(path);
        errno = code;
        if (code != ENOENT) { /* otherwise another lastref began just now and took it for left */
            return -1;
        }
    }
    return -1;
}

static enum lr_status make(struct live_directory *directory, struct lr_error *error) {
    struct live_storage *storage = storage_of(directory);
    if (directory->path != NULL) {
        return LR_OK;
    }
    char path[PATH_SIZE_MAX + 32];
    int size = snprintf(path, sizeof path, "%s/" LR_SESSION_FOLDER "XXXXXX", storage->root);
    char *kept = lr_alloc_string(storage->alloc, path, (size_t)size);
    if (kept == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a session's directory");
    }
    directory->descriptor = make_folder(kept);
    if (directory->descriptor < 0) {
        int code = errno;
        lr_alloc_free_string(storage->alloc, kept);
        return lr_error_set(error, LR_EIO, "no directory in %.100s: %s", storage->root,
                            strerror(code));
    }
    directory->path = kept;
    return LR_OK;
}

/* Opens the folder that the last part of |name| is in, making what is missing where |make_missing|;
 * the last part is copied to |last|. A descriptor to close, or -1 with errno. */
static int open_folder_of(struct live_directory *directory, struct lr_text name, bool make_missing,
                          char last[256]) {
    int folder = fcntl(directory->descriptor, F_DUPFD_CLOEXEC, 0);
    size_t begin = 0;
    for (size_t i = 0; folder >= 0 && i < name.size; i++) {
        if (name.data[i] != '/') {
            continue;
        }
        memcpy(last, name.data + begin, i - begin);
        last[i - begin] = '\0';
        begin = i + 1;
        if (make_missing && mkdirat(folder, last, 0700) != 0 && errno != EEXIST) {
            break;
        }
        int inner = openat(folder, last, OPEN_FOLDER);
        int code = errno;
        close(folder);
        errno = code;
        folder = inner;
    }
    if (folder >= 0) {
        memcpy(last, name.data + begin, name.size - begin);
        last[name.size - begin] = '\0';
    }
    return folder;
}

static int close_keeping_errno(int descriptor) {
    int code = errno;
    int result = close(descriptor);
    errno = code;
    return result;
}

static bool write_all(int file, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(file, bytes, size < INT32_MAX ? size : INT32_MAX);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

/* A file of that name is replaced and never written into: it may have a second name elsewhere. */
static enum lr_status write_file(struct lr_directory *base, struct lr_text name, const void *bytes,
                                 size_t size, struct lr_error *error) {
    struct live_directory *directory = (struct live_directory *)base;
    char last[256];
    enum lr_status status = lr_storage_check_name(name, error);
    status = status != LR_OK ? status : make(directory, error);
    if (status != LR_OK) {
        return status;
    }
    int folder = open_folder_of(directory, name, true, last);
    if (folder < 0) {
        return set_errno(error, name, "write");
    }
    int file = -1;
    if (unlinkat(folder, last, 0) == 0 || errno == ENOENT) {
        file = openat(folder, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    bool done = file >= 0 && write_all(file, bytes, size);
    status = done ? LR_OK : set_errno(error, name, "write");
    if (file >= 0) {
        close(file);
        if (!done) {
            (void)unlinkat(folder, last, 0);
        }
    }
    close(folder);
    return status;
}

static enum lr_status read_all(int file, size_t size, struct lr_buf *out, struct lr_text name,
                               struct lr_error *error) {
    uint8_t *room;
    if (size == 0) {
        return LR_OK;
    }
    if (lr_buf_reserve(out, size, &room) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "no memory for %zu bytes of a file", size);
    }
    size_t got = 0;
    while (got < size) {
        ssize_t result = read(file, room + got, size - got);
        if (result < 0 && errno != EINTR) {
            return set_errno(error, name, "read");
        }
        if (result == 0) {
            break; /* it has become shorter */
        }
        got += result > 0 ? (size_t)result : 0;
    }
    lr_buf_commit(out, got);
    return LR_OK;
}

/* A pipe that is planted must not be waited for, so it is opened without waiting and then refused.
 */
static enum lr_status read_file(struct lr_directory *base, struct lr_text name, size_t size_max,
                                struct lr_buf *out, struct lr_error *error) {
    struct live_directory *directory = (struct live_directory *)base;
    char last[256];
    enum lr_status status = lr_storage_check_name(name, error);
    if (status != LR_OK) {
        return status;
    }
    errno = ENOENT;
    int folder = directory->path == NULL ? -1 : open_folder_of(directory, name, false, last);
    int file =
        folder < 0 ? -1 : openat(folder, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat stat;
    if (file < 0 || fstat(file, &stat) != 0) {
        status = set_errno(error, name, "read");
    } else if (!S_ISREG(stat.st_mode)) {
        status = lr_error_set(error, LR_EINVAL, "what is to be read is not a file");
    } else if ((uintmax_t)stat.st_size > size_max) {
        status = lr_error_set(error, LR_ELIMIT, "the file has %ju bytes; at most %zu are given",
                              (uintmax_t)stat.st_size, size_max);
    } else {
        status = read_all(file, (size_t)stat.st_size, out, name, error);
    }
    if (file >= 0) {
        close(file);
    }
    if (folder >= 0) {
        close(folder);
    }
    return status;
}

static enum lr_status remove_file(struct lr_directory *base, struct lr_text name,
                                  struct lr_error *error) {
    struct live_directory *directory = (struct live_directory *)base;
    char last[256];
    enum lr_status status = lr_storage_check_name(name, error);
    if (status != LR_OK) {
        return status;
    }
    errno = ENOENT;
    int folder = directory->path == NULL ? -1 : open_folder_of(directory, name, false, last);
    if (folder < 0) {
        return set_errno(error, name, "remove");
    }
    bool done = unlinkat(folder, last, 0) == 0;
    if (!done && (errno == EISDIR || errno == EPERM)) { /* Linux and POSIX say it differently */
        done = unlinkat(folder, last, AT_REMOVEDIR) == 0;
    }
    close_keeping_errno(folder);
    return done ? LR_OK : set_errno(error, name, "remove");
}

static enum lr_status append_path(struct lr_directory *base, struct lr_text name,
                                  struct lr_buf *out, struct lr_error *error) {
    struct live_directory *directory = (struct live_directory *)base;
    enum lr_status status = name.size == 0 ? LR_OK : lr_storage_check_name(name, error);
    status = status != LR_OK ? status : make(directory, error);
    if (status != LR_OK) {
        return status;
    }
    size_t path_size = strlen(directory->path);
    size_t size = path_size + (name.size == 0 ? 0 : 1 + name.size);
    uint8_t *room;
    if (lr_buf_reserve(out, size, &room) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a path");
    }
    memcpy(room, directory->path, path_size);
    if (name.size > 0) {
        room[path_size] = '/';
        memcpy(room + path_size + 1, name.data, name.size);
    }
    lr_buf_commit(out, size);
    return LR_OK;
}

static void close_directory(struct lr_directory *base) {
    struct live_directory *directory = (struct live_directory *)base;
    struct live_storage *storage = storage_of(directory);
    if (directory->path != NULL) {
        lr_system_clear_folder(directory->descriptor);
        close(directory->descriptor);
        (void)rmdir(directory->path);
        lr_alloc_free_string(storage->alloc, directory->path);
    }
    LR_ASSERT(storage->base.open_directories > 0);
    storage->base.open_directories--;
    LR_FREE(storage->alloc, directory);
}

static const struct lr_storage_ops storage_ops = {
    .open = open_directory,
    .write = write_file,
    .read = read_file,
    .remove = remove_file,
    .path = append_path,
    .close = close_directory,
};

enum lr_status lr_live_storage_new(struct lr_alloc *alloc, const char *root,
                                   struct lr_storage **out, struct lr_error *error) {
    struct live_storage *storage = LR_NEW(alloc, struct live_storage);
    if (storage == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for the sessions' files");
    }
    storage->base.ops = &storage_ops;
    storage->alloc = alloc;
    size_t size = sizeof storage->root;
    int result = 0;
    if (root == NULL) {
        result = uv_os_tmpdir(storage->root, &size);
    } else if (strlen(root) < size) {
        memcpy(storage->root, root, strlen(root) + 1);
    } else {
        result = UV_ENAMETOOLONG;
    }
    if (result != 0) {
        LR_FREE(alloc, storage);
        return lr_error_set(error, lr_uv_status(result), "no place for the sessions' files: %s",
                            uv_strerror(result));
    }
    lr_system_remove_left_folders(storage->root);
    *out = &storage->base;
    return LR_OK;
}

void lr_live_storage_free(struct lr_storage *base) {
    struct live_storage *storage = (struct live_storage *)base;
    if (storage != NULL) {
        LR_FREE(storage->alloc, storage);
    }
}
