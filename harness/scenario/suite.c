/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/suite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scenario/script.h"

enum { PATH_BYTES_MAX = 1024, NAME_BYTES_MAX = 512, DEPTH_MAX = 8, NEAR_TEXT_MAX = 128 };

/* In the order in which they run: what the fast one shows is known before the slow one starts. */
static const struct {
    unsigned int bit;
    const char *name;
} worlds_in_order[] = {{LR_IN_SIM, "sim"}, {LR_IN_LIVE, "live"}};

struct gathering {
    struct lr_suite *suite;
    struct lr_suite_list all; /* each case once, for whatever world */
    const char *filter;
    unsigned int worlds;
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
    lr_alloc_free_string(alloc, one->from);
}

static void free_list(struct lr_alloc *alloc, struct lr_suite_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free_case(alloc, &list->cases[i]);
    }
    lr_alloc_free(alloc, list->cases, list->capacity * sizeof list->cases[0]);
    *list = (struct lr_suite_list){.count = 0};
}

/* A copy of |values| with its texts. */
static enum lr_status append_case(struct lr_alloc *alloc, struct lr_suite_list *list,
                                  const struct lr_suite_case *values) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        struct lr_suite_case *cases = lr_alloc_resize(
            alloc, list->cases, list->capacity * sizeof cases[0], capacity * sizeof cases[0]);
        if (cases == NULL) {
            return LR_ENOMEM;
        }
        list->cases = cases;
        list->capacity = capacity;
    }
    struct lr_suite_case one = *values;
    one.name = lr_alloc_string(alloc, values->name, strlen(values->name));
    one.title = lr_alloc_string(alloc, values->title, strlen(values->title));
    one.file = lr_alloc_string(alloc, values->file, strlen(values->file));
    one.from =
        values->from == NULL ? NULL : lr_alloc_string(alloc, values->from, strlen(values->from));
    if (one.name == NULL || one.title == NULL || one.file == NULL ||
        (one.from == NULL) != (values->from == NULL)) {
        free_case(alloc, &one);
        return LR_ENOMEM;
    }
    list->cases[list->count++] = one;
    return LR_OK;
}

static unsigned int worlds_of(struct lr_sandbox *sandbox, int index) {
    unsigned int worlds = 0;
    for (size_t i = 0; i < LR_COUNT_OF(worlds_in_order); i++) {
        if (lr_script_in_world(sandbox, index, worlds_in_order[i].name)) {
            worlds |= worlds_in_order[i].bit;
        }
    }
    return worlds;
}

static enum lr_status gather_scenario(struct gathering *gathering, struct lr_sandbox *sandbox,
                                      const char *path, int index) {
    char base[NAME_BYTES_MAX];
    name_of_file(path, base, sizeof base);
    struct lr_suite_case one = {
        .title = lr_script_title(sandbox, index),
        .file = path,
        .from = lr_script_from(sandbox, index),
        .worlds = worlds_of(sandbox, index),
        .index = index,
        .line = lr_script_line(sandbox, index),
        .last_line = lr_script_last_line(sandbox, index),
        .limit_ns = lr_script_limit(sandbox, index),
    };
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
        one.name = name;
        one.case_index = i;
        if (append_case(gathering->suite->alloc, &gathering->all, &one) != LR_OK) {
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

/* The cases of each world, behind those of the one before. */
static enum lr_status spread(struct gathering *gathering) {
    struct lr_suite *suite = gathering->suite;
    enum lr_status status = LR_OK;
    for (size_t w = 0; w < LR_COUNT_OF(worlds_in_order); w++) {
        unsigned int bit = worlds_in_order[w].bit;
        for (size_t i = 0; i < gathering->all.count && status == LR_OK; i++) {
            struct lr_suite_case one = gathering->all.cases[i];
            one.world = worlds_in_order[w].name;
            if ((one.worlds & gathering->worlds & bit) != 0) {
                status = append_case(suite->alloc, &suite->list, &one);
            } else if (w == 0 && (one.worlds & gathering->worlds) == 0) {
                suite->elsewhere++;
                status = append_case(suite->alloc, &suite->others, &one);
            }
        }
    }
    suite->cases = suite->list.cases;
    suite->count = suite->list.count;
    return status == LR_OK
               ? LR_OK
               : lr_error_set(gathering->error, status, "no memory for the list of cases");
}

enum lr_status lr_suite_gather(struct lr_suite *suite, struct lr_alloc *alloc,
                               const char *const *paths, size_t path_count, const char *filter,
                               unsigned int worlds, struct lr_error *error) {
    *suite = (struct lr_suite){.alloc = alloc};
    struct gathering gathering = {
        .suite = suite, .filter = filter, .worlds = worlds, .error = error};
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < path_count && status == LR_OK; i++) {
        status = gather_path(&gathering, paths[i], 0);
    }
    if (status == LR_OK) {
        status = spread(&gathering);
    }
    free_list(alloc, &gathering.all);
    return status;
}

void lr_suite_deinit(struct lr_suite *suite) {
    free_list(suite->alloc, &suite->list);
    free_list(suite->alloc, &suite->others);
    *suite = (struct lr_suite){.alloc = suite->alloc};
}

size_t lr_suite_count_in(const struct lr_suite *suite, const char *world) {
    size_t count = 0;
    for (size_t i = 0; i < suite->count; i++) {
        count += strcmp(suite->cases[i].world, world) == 0;
    }
    return count;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many characters have to be changed, added or left out until |text| is a part of |name|: one
 * row a character of |name|, which may begin and end anywhere. */
static size_t distance_to_part(const char *text, size_t size, const char *name) {
    size_t row[NEAR_TEXT_MAX + 1];
    for (size_t i = 0; i <= size; i++) {
        row[i] = i;
    }
    size_t best = row[size];
    for (; *name != '\0'; name++) {
        size_t diagonal = row[0];
        for (size_t i = 1; i <= size; i++) {
            size_t changed = diagonal + (text[i - 1] != *name);
            diagonal = row[i];
            row[i] = least(changed, least(row[i], row[i - 1]) + 1);
        }
        best = least(best, row[size]);
    }
    return best;
}

const char *lr_suite_nearest(const struct lr_suite *suite, const char *text) {
    const struct lr_suite_list *const lists[] = {&suite->list, &suite->others};
    size_t size = strlen(text);
    size_t best = size / 3 + 1; /* of more, it is not what was meant */
    const char *nearest = NULL;
    for (size_t l = 0; l < LR_COUNT_OF(lists) && size <= NEAR_TEXT_MAX; l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            size_t distance = distance_to_part(text, size, lists[l]->cases[i].name);
            if (distance < best) {
                best = distance;
                nearest = lists[l]->cases[i].name;
            }
        }
    }
    return nearest;
}

const char *lr_worlds_text(unsigned int worlds) {
    static const char *const texts[] = {"none", "sim", "live", "sim, live"};
    return texts[worlds & LR_IN_ALL];
}
