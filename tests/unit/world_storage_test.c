/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions' files on the file system: what is written is read, nothing outside is reached, nothing
 * stays. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/failing.h"
#include "support/live_rig.h"

struct files {
    struct lr_counting_alloc memory;
    char root[64];
    char outside[128];
    struct lr_live *live;
    struct lr_storage *storage;
    struct lr_directory *directory;
    char path[256]; /* the session's */
};

static struct lr_text text(const char *string) {
    return lr_text_of(string);
}

static void make_outside(struct files *files) {
    snprintf(files->outside, sizeof files->outside, "%s/outside", files->root);
    FILE *file = fopen(files->outside, "wbe");
    cr_assert(file != NULL && fputs("secret", file) >= 0 && fclose(file) == 0);
}

static void start(struct files *files) {
    memset(files, 0, sizeof *files);
    snprintf(files->root, sizeof files->root, "%s", "/tmp/lastref-test-XXXXXX");
    cr_assert_not_null(mkdtemp(files->root));
    make_outside(files);
    lr_counting_alloc_init(&files->memory, lr_alloc_system());
    struct lr_live_options options = {.alloc = &files->memory.base, .storage_root = files->root};
    cr_assert_eq(lr_live_new(&files->live, &options, NULL), LR_OK);
    files->storage = lr_live_storage(files->live);
    cr_assert_eq(files->storage->ops->open(files->storage, &files->directory, NULL), LR_OK);
    struct lr_buf path;
    lr_buf_init(&path, &files->memory.base);
    cr_assert_eq(files->storage->ops->path(files->directory, text(""), &path, NULL), LR_OK);
    snprintf(files->path, sizeof files->path, "%.*s", (int)lr_buf_size(&path),
             (const char *)lr_buf_data(&path));
    lr_buf_deinit(&path);
}

static int count_entries(const char *path) {
    int count = 0;
    DIR *entries = opendir(path);
    cr_assert_not_null(entries);
    while (readdir(entries) != NULL) {
        count++;
    }
    closedir(entries);
    return count - 2; /* itself and the one above */
}

/* The directory is gone with all in it, and what is outside is untouched. */
static void finish(struct files *files) {
    char content[16] = "";
    files->storage->ops->close(files->directory);
    cr_expect_eq(files->storage->open_directories, 0);
    lr_live_free(files->live);
    cr_expect_eq(files->memory.live_bytes, 0);
    cr_expect_eq(count_entries(files->root), 1, "only what is outside is left");
    FILE *file = fopen(files->outside, "rbe");
    cr_assert(file != NULL && fgets(content, sizeof content, file) != NULL && fclose(file) == 0);
    cr_expect_str_eq(content, "secret");
    cr_assert(unlink(files->outside) == 0 && rmdir(files->root) == 0);
}

static enum lr_status put(struct files *files, const char *name, const char *content) {
    return files->storage->ops->write(files->directory, text(name), content, strlen(content), NULL);
}

static enum lr_status get(struct files *files, const char *name, size_t size_max, char *out) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, &files->memory.base);
    enum lr_status status =
        files->storage->ops->read(files->directory, text(name), size_max, &bytes, NULL);
    snprintf(out, 64, "%.*s", (int)lr_buf_size(&bytes), (const char *)lr_buf_data(&bytes));
    lr_buf_deinit(&bytes);
    return status;
}

static void plant_link(struct files *files, const char *target, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", files->path, name);
    cr_assert_eq(symlink(target, path), 0);
}

Test(world_storage, what_is_written_is_read_replaced_and_removed) {
    struct files files;
    char got[64];
    start(&files);
    cr_expect_eq(put(&files, "a", "first and long"), LR_OK);
    cr_expect_eq(put(&files, "a", "second"), LR_OK);
    cr_expect_eq(get(&files, "a", 100, got), LR_OK);
    cr_expect_str_eq(got, "second");
    cr_expect_eq(get(&files, "a", 5, got), LR_ELIMIT);
    cr_expect_eq(put(&files, "folder/in/folder", "deep"), LR_OK);
    cr_expect_eq(get(&files, "folder/in/folder", 100, got), LR_OK);
    cr_expect_str_eq(got, "deep");
    cr_expect_eq(put(&files, "empty", ""), LR_OK);
    cr_expect_eq(get(&files, "empty", 100, got), LR_OK);
    const struct lr_storage_ops *ops = files.storage->ops;
    cr_expect_eq(ops->remove(files.directory, text("a"), NULL), LR_OK);
    cr_expect_eq(ops->remove(files.directory, text("a"), NULL), LR_ENOTFOUND);
    cr_expect_eq(get(&files, "a", 100, got), LR_ENOTFOUND);
    cr_expect_neq(ops->remove(files.directory, text("folder"), NULL), LR_OK, "it is not empty");
    cr_expect_eq(ops->remove(files.directory, text("folder/in/folder"), NULL), LR_OK);
    cr_expect_eq(ops->remove(files.directory, text("folder/in"), NULL), LR_OK);
    finish(&files);
}

Test(world_storage, no_name_leaves_the_directory) {
    static const char *const names[] = {"../outside", "..",    "/etc/passwd", "a/../../outside",
                                        "",           "a//b",  "a/",          ".",
                                        "./a",        "a/./b", "a/..",        "/"};
    struct files files;
    char got[64];
    start(&files);
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        cr_expect_eq(put(&files, names[i], "x"), LR_EINVAL, "write %s", names[i]);
        cr_expect_eq(get(&files, names[i], 100, got), LR_EINVAL, "read %s", names[i]);
        cr_expect_eq(files.storage->ops->remove(files.directory, text(names[i]), NULL), LR_EINVAL,
                     "remove %s", names[i]);
    }
    finish(&files);
}

Test(world_storage, a_planted_link_to_a_file_is_not_followed) {
    struct files files;
    char got[64];
    start(&files);
    plant_link(&files, files.outside, "link");
    cr_expect_neq(get(&files, "link", 100, got), LR_OK);
    cr_expect_str_eq(got, "");
    cr_expect_eq(put(&files, "link", "mine"), LR_OK, "the link is replaced, not what it points to");
    cr_expect_eq(get(&files, "link", 100, got), LR_OK);
    cr_expect_str_eq(got, "mine");
    finish(&files);
}

Test(world_storage, a_planted_second_name_is_not_written_through) {
    struct files files;
    char path[512];
    start(&files);
    snprintf(path, sizeof path, "%s/%s", files.path, "hard");
    cr_assert_eq(link(files.outside, path), 0);
    cr_expect_eq(put(&files, "hard", "mine"), LR_OK);
    finish(&files);
}

Test(world_storage, a_planted_link_to_a_folder_is_not_entered) {
    struct files files;
    char got[64];
    start(&files);
    plant_link(&files, files.root, "folder");
    cr_expect_neq(get(&files, "folder/outside", 100, got), LR_OK);
    cr_expect_neq(put(&files, "folder/outside", "mine"), LR_OK);
    cr_expect_neq(put(&files, "folder/new/file", "mine"), LR_OK);
    cr_expect_neq(files.storage->ops->remove(files.directory, text("folder/outside"), NULL), LR_OK);
    finish(&files); /* removing all does not enter it, either */
}

Test(world_storage, a_planted_pipe_is_not_waited_for) {
    struct files files;
    char path[512];
    char got[64];
    start(&files);
    snprintf(path, sizeof path, "%s/%s", files.path, "pipe");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(get(&files, "pipe", 100, got), LR_EINVAL);
    finish(&files);
}

Test(world_storage, deep_and_locked_folders_are_removed) {
    struct files files;
    char name[1024];
    char path[512];
    start(&files);
    size_t size = 0;
    while (size < 1000) {
        memcpy(name + size, "d/", 2);
        size += 2;
    }
    memcpy(name + size, "f", 2);
    cr_expect_eq(put(&files, name, "deep"), LR_OK);
    cr_expect_eq(put(&files, "locked/file", "x"), LR_OK);
    snprintf(path, sizeof path, "%s/locked", files.path);
    cr_assert_eq(chmod(path, 0), 0);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "wide%d/in%d/file", i % 7, i);
        cr_expect_eq(put(&files, name, "x"), LR_OK);
    }
    finish(&files);
}

Test(world_storage, sessions_do_not_see_each_other) {
    struct files files;
    struct lr_directory *other;
    struct lr_buf bytes;
    start(&files);
    cr_expect_eq(put(&files, "mine", "x"), LR_OK);
    cr_assert_eq(files.storage->ops->open(files.storage, &other, NULL), LR_OK);
    cr_expect_eq(files.storage->open_directories, 2);
    lr_buf_init(&bytes, &files.memory.base);
    cr_expect_eq(files.storage->ops->read(other, text("mine"), 100, &bytes, NULL), LR_ENOTFOUND);
    files.storage->ops->close(other);
    finish(&files);
}

static void use(struct lr_alloc *alloc, void *context) {
    struct lr_live *live;
    struct lr_live_options options = {.alloc = alloc, .storage_root = context};
    struct lr_directory *directory;
    struct lr_buf bytes;
    if (lr_live_new(&live, &options, NULL) != LR_OK) {
        return;
    }
    struct lr_storage *storage = lr_live_storage(live);
    if (storage->ops->open(storage, &directory, NULL) == LR_OK) {
        lr_buf_init(&bytes, alloc);
        enum lr_status written = storage->ops->write(directory, text("a/b"), "xyz", 3, NULL);
        enum lr_status got = storage->ops->read(directory, text("a/b"), 10, &bytes, NULL);
        if (lr_test_must_succeed(alloc)) {
            cr_expect(written == LR_OK && got == LR_OK);
        }
        lr_buf_deinit(&bytes);
        storage->ops->close(directory);
    }
    lr_live_free(live);
}

Test(world_storage, files_survive_the_failure_of_any_allocation) {
    char root[] = "/tmp/lastref-test-XXXXXX";
    cr_assert_not_null(mkdtemp(root));
    lr_test_each_failure(use, root);
    cr_expect_eq(rmdir(root), 0, "nothing stays there");
}

/* Another process that has a session with a file, until it is killed. */
static void hold_session(struct files *files, int ready) {
    static const char yes = 'y';
    struct lr_live_options options = {.alloc = lr_alloc_system(), .storage_root = files->root};
    if (lr_live_new(&files->live, &options, NULL) != LR_OK) {
        _exit(1);
    }
    files->storage = lr_live_storage(files->live);
    if (files->storage->ops->open(files->storage, &files->directory, NULL) != LR_OK ||
        put(files, "folder/file", "x") != LR_OK || write(ready, &yes, 1) != 1) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

static pid_t start_holder(struct files *files) {
    int ready[2];
    char got;
    cr_assert_eq(pipe(ready), 0);
    pid_t holder = fork();
    cr_assert_geq(holder, 0);
    if (holder == 0) {
        hold_session(files, ready[1]);
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &got, 1), 1, "the other process has its session");
    close(ready[0]);
    return holder;
}

/* Begins and ends a world, as any lastref does; how many entries it leaves in the root. */
static int begin_another(const struct files *files) {
    struct lr_live *other;
    struct lr_live_options options = {.alloc = lr_alloc_system(), .storage_root = files->root};
    cr_assert_eq(lr_live_new(&other, &options, NULL), LR_OK);
    lr_live_free(other);
    return count_entries(files->root);
}

Test(world_storage, what_a_killed_process_has_left_is_removed_by_the_next_one) {
    struct files files;
    char path[512];
    start(&files); /* ours lives on all the while, beside what is outside */
    cr_expect_eq(put(&files, "mine", "x"), LR_OK);
    struct files its = files;
    pid_t holder = start_holder(&its);
    cr_expect_eq(begin_another(&files), 3, "both sessions are held");
    cr_assert_eq(kill(holder, SIGKILL), 0);
    cr_assert_eq(waitpid(holder, NULL, 0), holder);
    cr_expect_eq(count_entries(files.root), 3, "nobody was there to remove it");
    cr_expect_eq(begin_another(&files), 2);
    snprintf(path, sizeof path, "%s/mine", files.path);
    cr_expect_eq(access(path, F_OK), 0, "ours is as it was");
    finish(&files);
}

Test(world_storage, folders_of_other_names_and_what_is_no_folder_are_left_alone) {
    static const char *const names[] = {"lastref-session-abcde", "lastref-session-abcdefg",
                                        "lastref-other-abcdef", "session-abcdef"};
    struct files files;
    char path[512];
    start(&files);
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", files.root, names[i]);
        cr_assert_eq(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof path, "%s/lastref-session-linked", files.root);
    cr_assert_eq(symlink(files.path, path), 0);
    int before = count_entries(files.root);
    cr_expect_eq(begin_another(&files), before);
    cr_expect_eq(unlink(path), 0);
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", files.root, names[i]);
        cr_expect_eq(rmdir(path), 0, "%s", names[i]);
    }
    finish(&files);
}
