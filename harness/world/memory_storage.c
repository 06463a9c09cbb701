/* SPDX-License-Identifier: Apache-2.0 */
#include "world/memory_storage.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/tree.h"

struct directory {
    struct lr_directory base; /* first */
    struct lr_list node;
    struct lr_tree files;
    uint64_t number;
};

struct file {
    struct lr_tree_node node;
    char *name;
    struct lr_buf content;
};

static struct lr_memory_storage *storage_of(const struct directory *directory) {
    return LR_CONTAINER_OF(directory->base.storage, struct lr_memory_storage, base);
}

static struct directory *directory_of(struct lr_directory *directory) {
    return LR_CONTAINER_OF(directory, struct directory, base);
}

static struct file *file_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, struct file, node);
}

static int compare_files(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return strcmp(file_of(a)->name, file_of(b)->name);
}

static int compare_name(const void *key, const struct lr_tree_node *node) {
    return lr_text_compare(*(const struct lr_text *)key, lr_text_of(file_of(node)->name));
}

static struct file *find_file(const struct directory *directory, struct lr_text name) {
    struct lr_tree_node *node = lr_tree_find(&directory->files, &name, compare_name);
    return node == NULL ? NULL : file_of(node);
}

static void drop_file(struct directory *directory, struct file *file) {
    struct lr_memory_storage *storage = storage_of(directory);
    lr_tree_remove(&directory->files, &file->node);
    storage->bytes -= lr_buf_size(&file->content);
    storage->files--;
    lr_buf_deinit(&file->content);
    lr_alloc_free_string(storage->alloc, file->name);
    LR_FREE(storage->alloc, file);
}

static enum lr_status not_found(struct lr_text name, struct lr_error *error) {
    char quoted[120];
    return lr_error_set(error, LR_ENOTFOUND, "there is no file %s",
                        lr_text_quote(quoted, sizeof quoted, name));
}

static enum lr_status open_directory(struct lr_storage *base, struct lr_directory **out,
                                     struct lr_error *error) {
    struct lr_memory_storage *storage = LR_CONTAINER_OF(base, struct lr_memory_storage, base);
    struct directory *directory = LR_NEW(storage->alloc, struct directory);
    if (directory == NULL) {
        return lr_error_set(error, LR_ENOMEM, "out of memory for a directory");
    }
    directory->base.storage = base;
    directory->number = ++storage->opened;
    lr_tree_init(&directory->files, compare_files);
    lr_list_init(&directory->node);
    lr_list_append(&storage->directories, &directory->node);
    base->open_directories++;
    *out = &directory->base;
    return LR_OK;
}

/* True where |name| is a folder: the front of some file's name. */
static bool is_folder(const struct directory *directory, struct lr_text name) {
    for (struct lr_tree_node *node = lr_tree_first(&directory->files); node != NULL;
         node = lr_tree_next(node)) {
        struct lr_text other = lr_text_of(file_of(node)->name);
        if (other.size > name.size && other.data[name.size] == '/' &&
            memcmp(other.data, name.data, name.size) == 0) {
            return true;
        }
    }
    return false;
}

/* True where a folder that |name| lies in is a file. */
static bool is_below_file(const struct directory *directory, struct lr_text name) {
    for (size_t i = 1; i < name.size; i++) {
        if (name.data[i] == '/' && find_file(directory, (struct lr_text){name.data, i}) != NULL) {
            return true;
        }
    }
    return false;
}

static struct file *make_file(struct directory *directory, struct lr_text name) {
    struct lr_memory_storage *storage = storage_of(directory);
    struct file *file = LR_NEW(storage->alloc, struct file);
    char *copy = file == NULL ? NULL : lr_alloc_string(storage->alloc, name.data, name.size);
    if (copy == NULL) {
        if (file != NULL) {
            LR_FREE(storage->alloc, file);
        }
        return NULL;
    }
    file->name = copy;
    lr_buf_init(&file->content, storage->alloc);
    (void)lr_tree_insert(&directory->files, &file->node);
    storage->files++;
    return file;
}

static enum lr_status write_file(struct lr_directory *base, struct lr_text name, const void *bytes,
                                 size_t size, struct lr_error *error) {
    struct directory *directory = directory_of(base);
    struct lr_memory_storage *storage = storage_of(directory);
    struct lr_buf content;
    enum lr_status status = lr_storage_check_name(name, error);
    if (status != LR_OK) {
        return status;
    }
    if (is_folder(directory, name) || is_below_file(directory, name)) {
        return lr_error_set(error, LR_EINVAL, "a folder and a file would have one name");
    }
    struct file *file = find_file(directory, name);
    size_t freed = file == NULL ? 0 : lr_buf_size(&file->content);
    if (size > storage->bytes_max - (storage->bytes - freed)) {
        return lr_error_set(error, LR_ELIMIT, "no space left for %zu bytes", size);
    }
    lr_buf_init(&content, storage->alloc);
    if (lr_buf_append(&content, bytes, size) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "out of memory for a file of %zu bytes", size);
    }
    file = file == NULL ? make_file(directory, name) : file;
    if (file == NULL) {
        lr_buf_deinit(&content);
        return lr_error_set(error, LR_ENOMEM, "out of memory for a file");
    }
    lr_buf_deinit(&file->content);
    file->content = content;
    storage->bytes += size;
    storage->bytes -= freed;
    return LR_OK;
}

static enum lr_status read_file(struct lr_directory *base, struct lr_text name, size_t size_max,
                                struct lr_buf *out, struct lr_error *error) {
    enum lr_status status = lr_storage_check_name(name, error);
    if (status != LR_OK) {
        return status;
    }
    const struct file *file = find_file(directory_of(base), name);
    if (file == NULL) {
        return not_found(name, error);
    }
    size_t size = lr_buf_size(&file->content);
    if (size > size_max) {
        return lr_error_set(error, LR_ELIMIT, "the file has %zu bytes, more than %zu", size,
                            size_max);
    }
    if (lr_buf_append(out, lr_buf_data(&file->content), size) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "out of memory to read a file of %zu bytes", size);
    }
    return LR_OK;
}

static enum lr_status remove_file(struct lr_directory *base, struct lr_text name,
                                  struct lr_error *error) {
    enum lr_status status = lr_storage_check_name(name, error);
    if (status != LR_OK) {
        return status;
    }
    struct file *file = find_file(directory_of(base), name);
    if (file == NULL) {
        return is_folder(directory_of(base), name)
                   ? lr_error_set(error, LR_EINVAL, "the folder is not empty")
                   : not_found(name, error);
    }
    drop_file(directory_of(base), file);
    return LR_OK;
}

static enum lr_status path_of(struct lr_directory *base, struct lr_text name, struct lr_buf *out,
                              struct lr_error *error) {
    char front[64];
    enum lr_status status = name.size == 0 ? LR_OK : lr_storage_check_name(name, error);
    if (status != LR_OK) {
        return status;
    }
    (void)snprintf(front, sizeof front, "/memory/session-%llu/",
                   (unsigned long long)directory_of(base)->number);
    if (lr_buf_append(out, front, strlen(front)) != LR_OK ||
        lr_buf_append(out, name.data, name.size) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "out of memory for a path");
    }
    return LR_OK;
}

static void close_directory(struct lr_directory *base) {
    struct directory *directory = directory_of(base);
    struct lr_memory_storage *storage = storage_of(directory);
    struct lr_tree_node *node;
    while ((node = lr_tree_first(&directory->files)) != NULL) {
        drop_file(directory, file_of(node));
    }
    lr_list_remove(&directory->node);
    LR_ASSERT(storage->base.open_directories > 0);
    storage->base.open_directories--;
    LR_FREE(storage->alloc, directory);
}

static const struct lr_storage_ops memory_ops = {
    .open = open_directory,
    .write = write_file,
    .read = read_file,
    .remove = remove_file,
    .path = path_of,
    .close = close_directory,
};

void lr_memory_storage_init(struct lr_memory_storage *storage, struct lr_alloc *alloc,
                            size_t bytes_max) {
    *storage = (struct lr_memory_storage){
        .base = {.ops = &memory_ops}, .alloc = alloc, .bytes_max = bytes_max};
    lr_list_init(&storage->directories);
}

void lr_memory_storage_deinit(struct lr_memory_storage *storage) {
    LR_LIST_EACH (node, &storage->directories) {
        close_directory(&LR_CONTAINER_OF(node, struct directory, node)->base);
    }
    LR_ASSERT(storage->bytes == 0 && storage->files == 0);
}
