/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/suite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scenario/script.h"

enum { PATH_BYTES_MAX = 1024, NAME_BYTES_MAX = 512, DEPTH_MAX = 8 };

struct gathering {
    struct lr_suite *suite;
    const char *filter;
    const char *world;
    struct lr_error *error;
};

/* "scenarios/lifecycle/close.lua" is the scenario lifecycle/close, wherever the folder lies. */
static void name_of_file(const char *path, char *name, size_t size) {
    static const char folder[] = "scenarios/";
    const char *begin = path;
    for (const char *at = path; (at = strstr(at, folder)) != NULL; at += strlen(folder)) {
        if (at == path || at[-1] == '/') { /* the innermost folder of that very name */
            begin = at + strlen(folder);
        }
    }
    (void)snprintf(name, size, "%s", begin);
    char *suffix = strrchr(name, '.');
    if (suffix != NULL) {
        *suffix = '\0';
    }
}

static void free_case(struct lr_alloc *alloc, struct lr_suite_case *one) {
    lr_alloc_free_string(alloc, one->name);
    lr_alloc_free_string(alloc, one->title);
    lr_alloc_free_string(alloc, one->file);
}

static enum lr_status append_case(struct lr_suite *suite, const struct lr_suite_case *values) {
    struct lr_alloc *alloc = suite->alloc;
    if (suite->count == suite->capacity) {
        size_t capacity = suite->capacity == 0 ? 64 : suite->capacity * 2;
        struct lr_suite_case *cases = lr_alloc_resize(
            alloc, suite->cases, suite->capacity * sizeof cases[0], capacity * sizeof cases[0]);
        if (cases == NULL) {
            return LR_ENOMEM;
        }
        suite->cases = cases;
        suite->capacity = capacity;
    }
    struct lr_suite_case one = *values;
    one.name = lr_alloc_string(alloc, values->name, strlen(values->name));
    one.title = lr_alloc_string(alloc, values->title, strlen(values->title));
    one.file = lr_alloc_string(alloc, values->file, strlen(values->file));
    if (one.name == NULL || one.title == NULL || one.file == NULL) {
        free_case(alloc, &one);
        return LR_ENOMEM;
    }
    suite->cases[suite->count++] = one;
    return LR_OK;
}

static enum lr_status gather_scenario(struct gathering *gathering, struct lr_sandbox *sandbox,
                                      const char *path, int index) {
    char base[NAME_BYTES_MAX];
    name_of_file(path, base, sizeof base);
    bool here = lr_script_in_world(sandbox, index, gathering->world);
    int count = lr_script_case_count(sandbox, index);
    for (int i = 0; i < count; i++) {
        char label[NAME_BYTES_MAX / 2];
        char name[NAME_BYTES_MAX * 2];
        char order[16] = "";
        if (index >
            0) { /* further scenarios of a file are numbered, the first has its name alone */
            (void)snprintf(order, sizeof order, "#%d", index + 1);
        }
        (void)snprintf(name, sizeof name, "%s%s%s", base, order,
                       lr_script_case_label(sandbox, index, i, label, sizeof label));
        if (gathering->filter != NULL && strstr(name, gathering->filter) == NULL) {
            continue;
        }
        if (!here) {
            gathering->suite->elsewhere++;
            continue;
        }
        struct lr_suite_case one = {
            .name = name,
            .title = lr_script_title(sandbox, index),
            .file = path,
            .index = index,
            .case_index = i,
            .line = lr_script_line(sandbox, index),
        };
        if (append_case(gathering->suite, &one) != LR_OK) {
            return lr_error_set(gathering->error, LR_ENOMEM, "no memory for the list of cases");
        }
    }
    return LR_OK;
}

struct loaded {
    struct gathering *gathering;
    struct lr_sandbox *sandbox;
    const char *path;
    enum lr_status status;
};

static void gather_loaded(lua_State *lua, void *context) {
    struct loaded *loaded = context;
    (void)lua;
    int count = lr_script_count(loaded->sandbox);
    for (int i = 0; i < count && loaded->status == LR_OK; i++) {
        loaded->status = gather_scenario(loaded->gathering, loaded->sandbox, loaded->path, i);
    }
}

static enum lr_status gather_file(struct gathering *gathering, const char *path) {
    struct lr_sandbox sandbox;
    enum lr_status status = lr_sandbox_init(&sandbox, gathering->suite->alloc, 0);
    if (status != LR_OK) {
        return lr_error_set(gathering->error, status, "%s: no memory", path);
    }
    status = lr_script_load(&sandbox, path, gathering->error);
    struct loaded loaded = {gathering, &sandbox, path, LR_OK};
    if (status == LR_OK) {
        status = lr_sandbox_protect(&sandbox, gather_loaded, &loaded, gathering->error);
    }
    if (status == LR_OK) {
        status = loaded.status;
    }
    gathering->suite->files++;
    lr_sandbox_deinit(&sandbox);
    return status;
}

static bool is_script(const char *name) {
    size_t size = strlen(name);
    return size > 4 && strcmp(name + size - 4, ".lua") == 0;
}

static enum lr_status gather_path(struct gathering *gathering, const char *path, int depth);

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum lr_status gather_folder(struct gathering *gathering, const char *path, int depth) {
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, by_name);
    enum lr_status status = LR_OK;
    if (count < 0) {
        return lr_error_set(gathering->error, LR_EIO, "%s: cannot be read", path);
    }
    for (int i = 0; i < count; i++) {
        char inner[PATH_BYTES_MAX];
        size_t size = strlen(path);
        bool slash = size > 0 && path[size - 1] == '/';
        (void)snprintf(inner, sizeof inner, "%s%s%s", path, slash ? "" : "/", entries[i]->d_name);
        struct stat info;
        bool folder = stat(inner, &info) == 0 && S_ISDIR(info.st_mode);
        if (status == LR_OK && entries[i]->d_name[0] != '.' &&
            (folder || is_script(entries[i]->d_name))) {
            status = gather_path(gathering, inner, depth + 1);
        }
        free(entries[i]); /* scandir's */
    }
    free(entries);
    return status;
}

static enum lr_status gather_path(struct gathering *gathering, const char *path, int depth) {
    struct stat info;
    if (stat(path, &info) != 0) {
        return lr_error_set(gathering->error, LR_ENOTFOUND, "%s: no such file or folder", path);
    }
    if (S_ISDIR(info.st_mode)) {
        return depth < DEPTH_MAX
                   ? gather_folder(gathering, path, depth)
                   : lr_error_set(gathering->error, LR_ELIMIT,
                                  "%s: folders of scenarios lie at most %d deep", path, DEPTH_MAX);
    }
    return gather_file(gathering, path);
}

enum lr_status lr_suite_gather(struct lr_suite *suite, struct lr_alloc *alloc,
                               const char *const *paths, size_t path_count, const char *filter,
                               const char *world, struct lr_error *error) {
    *suite = (struct lr_suite){.alloc = alloc};
    struct gathering gathering = {suite, filter, world, error};
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < path_count && status == LR_OK; i++) {
        status = gather_path(&gathering, paths[i], 0);
    }
    return status;
}

void lr_suite_deinit(struct lr_suite *suite) {
    for (size_t i = 0; i < suite->count; i++) {
        free_case(suite->alloc, &suite->cases[i]);
    }
    lr_alloc_free(suite->alloc, suite->cases, suite->capacity * sizeof suite->cases[0]);
    *suite = (struct lr_suite){.alloc = suite->alloc};
}
