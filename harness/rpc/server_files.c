/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a session: in a directory of its own, made when the first file is named and removed with
 * the session. Sizes are kept, as files count against what a session may use. */
#include <string.h>

#include "base/assert.h"
#include "rpc/server_functions.h"
#include "rpc/server_text.h"

enum {
    PATH_MAX_BYTES = 64 * 1024
}; /* of a workpath that a storage makes; real ones are below 4096 */

struct file {
    struct lr_tree_node node;
    char *name;
    size_t size;
};

static struct file *file_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, struct file, node);
}

static int compare_files(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return strcmp(file_of(a)->name, file_of(b)->name);
}

static int compare_name(const void *key, const struct lr_tree_node *node) {
    return lr_text_compare(*(const struct lr_text *)key, lr_text_of(file_of(node)->name));
}

static struct file *find_file(struct lr_server_session *session, struct lr_text name) {
    struct lr_tree_node *node = lr_tree_find(&session->files, &name, compare_name);
    return node == NULL ? NULL : file_of(node);
}

static void forget_file(struct lr_server_session *session, struct file *file) {
    lr_server_memory_give(&session->memory, file->size);
    lr_tree_remove(&session->files, &file->node);
    lr_alloc_free_string(session->server->role.env.alloc, file->name);
    LR_FREE(session->server->role.env.alloc, file);
}

/* The account of |name|; a new one of size 0 where there is none. NULL: out of memory. */
static struct file *account_file(struct lr_server_session *session, struct lr_text name) {
    struct lr_alloc *alloc = session->server->role.env.alloc;
    struct file *file = find_file(session, name);
    if (file != NULL) {
        return file;
    }
    file = LR_NEW(alloc, struct file);
    char *copy = file == NULL ? NULL : lr_alloc_string(alloc, name.data, name.size);
    if (copy == NULL) {
        if (file != NULL) {
            LR_FREE(alloc, file);
        }
        return NULL;
    }
    file->name = copy;
    (void)lr_tree_insert(&session->files, &file->node);
    return file;
}

void lr_server_files_init(struct lr_server_session *session) {
    lr_tree_init(&session->files, compare_files);
}

void lr_server_files_deinit(struct lr_server_session *session) {
    struct lr_tree_node *node;
    while ((node = lr_tree_first(&session->files)) != NULL) {
        forget_file(session, file_of(node));
    }
    if (session->directory != NULL) {
        session->directory->storage->ops->close(session->directory);
        session->directory = NULL;
    }
}

/* Opens the session's directory and checks |name|. LR_OK, or raised. */
static enum lr_status prepare(struct lr_server_call *call, const char *function,
                              struct lr_text *name) {
    struct lr_server_session *session = call->session;
    struct lr_storage *storage = session->server->role.env.storage;
    struct lr_error error;
    if (call->count == 0) {
        return lr_server_want_count(call, function, 1);
    }
    enum lr_status status = lr_server_want_text(call, function, 0);
    if (status != LR_OK) {
        return status;
    }
    *name = call->args[0].as.text;
    /* the directory's own path may be asked for, and no other empty name */
    if (name->size > 0 && lr_storage_check_name(*name, &error) != LR_OK) {
        return lr_server_raise_error(call, &error);
    }
    if (storage == NULL) {
        return lr_server_raise(call, "OSError: this server keeps no files");
    }
    if (session->directory == NULL &&
        storage->ops->open(storage, &session->directory, &error) != LR_OK) {
        session->directory = NULL;
        return lr_server_raise_error(call, &error);
    }
    return LR_OK;
}

static const struct lr_storage_ops *ops_of(const struct lr_server_call *call) {
    return call->session->directory->storage->ops;
}

enum lr_status lr_server_file_upload(struct lr_server_call *call) {
    struct lr_server_session *session = call->session;
    struct lr_text name = {0};
    struct lr_error error;
    enum lr_status status = prepare(call, "upload", &name);
    if (status == LR_OK) {
        status = lr_server_want_count(call, "upload", 2);
    }
    if (status != LR_OK) {
        return status;
    }
    const struct lr_value *data = &call->args[1];
    if (data->kind != LR_VALUE_BYTES && data->kind != LR_VALUE_STR) {
        return lr_server_raise(call, "TypeError: upload() takes bytes, not a %s",
                               lr_server_value_type(data));
    }
    struct file *file = name.size == 0 ? NULL : account_file(session, name);
    if (file == NULL) {
        return name.size == 0 ? lr_server_raise(call, "ValueError: a file needs a name")
                              : LR_ENOMEM;
    }
    /* both the old content and the new count while the one replaces the other */
    size_t size = data->as.text.size;
    if (lr_server_memory_take(&session->memory, size, &error) != LR_OK) {
        lr_server_trace(session->server, call->now, LR_TRACE_LIMIT, session->conn->id, "%s",
                        error.text);
        status = lr_server_raise_error(call, &error);
    } else if (ops_of(call)->write(session->directory, name, data->as.text.data, size, &error) !=
               LR_OK) {
        lr_server_memory_give(&session->memory, size);
        status = lr_server_raise_error(call, &error);
    } else {
        lr_server_memory_give(&session->memory, file->size);
        file->size = size;
        return lr_server_return_null(call);
    }
    if (file->size == 0) {
        forget_file(session, file);
    }
    return status;
}

enum lr_status lr_server_file_download(struct lr_server_call *call) {
    struct lr_text name = {0};
    struct lr_error error;
    enum lr_status status = prepare(call, "download", &name);
    if (status != LR_OK) {
        return status;
    }
    uint64_t size_max = call->session->server->options.packet_bytes_max;
    status =
        ops_of(call)->read(call->session->directory, name,
                           size_max < SIZE_MAX ? (size_t)size_max : SIZE_MAX, &call->text, &error);
    return status == LR_OK ? lr_server_return_text(call, true)
                           : lr_server_raise_error(call, &error);
}

/* A file that is not there is none to remove: TVM's answers the same. */
enum lr_status lr_server_file_remove(struct lr_server_call *call) {
    struct lr_text name = {0};
    struct lr_error error;
    enum lr_status status = prepare(call, "remove", &name);
    if (status != LR_OK) {
        return status;
    }
    status = name.size == 0 ? LR_ENOTFOUND
                            : ops_of(call)->remove(call->session->directory, name, &error);
    if (status != LR_OK && status != LR_ENOTFOUND) {
        return lr_server_raise_error(call, &error);
    }
    struct file *file = find_file(call->session, name);
    if (file != NULL) {
        forget_file(call->session, file);
    }
    return lr_server_return_null(call);
}

enum lr_status lr_server_file_workpath(struct lr_server_call *call) {
    struct lr_text name = {0};
    struct lr_error error;
    enum lr_status status = prepare(call, "workpath", &name);
    if (status != LR_OK) {
        return status;
    }
    status = ops_of(call)->path(call->session->directory, name, &call->text, &error);
    if (status == LR_OK && lr_buf_size(&call->text) > PATH_MAX_BYTES) {
        return lr_server_raise(call, "OSError: the path is too long");
    }
    return status == LR_OK ? lr_server_return_text(call, false)
                           : lr_server_raise_error(call, &error);
}
