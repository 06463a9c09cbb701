/* SPDX-License-Identifier: Apache-2.0 */
/* The handles of one session: what a client may name in a call. A handle is a number, never an
 * address: an index into the session's table and a sequence number that no other handle of the
 * server has, so that one of another session, one that has been freed and one that is invented are
 * all just unknown. Each entry is of one kind, and asking for another kind is an error, too. */
#ifndef LR_RPC_SERVER_HANDLES_H
#define LR_RPC_SERVER_HANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/status.h"

enum lr_server_handle_kind {
    LR_SERVER_HANDLE_FREE,       /* no handle */
    LR_SERVER_HANDLE_FUNCTION,   /* a function */
    LR_SERVER_HANDLE_ARRAY,      /* an array that a function returned */
    LR_SERVER_HANDLE_ARRAY_DATA, /* its data pointer; goes with the array */
    LR_SERVER_HANDLE_MODULE,     /* a module */
    LR_SERVER_HANDLE_ALLOCATION, /* memory of the device that the client asked for */
    LR_SERVER_HANDLE_STREAM,
    LR_SERVER_HANDLE_OBJECT /* another object: a shape */
};

/* What an entry holds is released by its owner's function when the handle goes. */
typedef void (*lr_server_release)(void *context, void *object);

struct lr_server_handle {
    enum lr_server_handle_kind kind;
    uint64_t number;
    void *object;
    lr_server_release release; /* NULL: nothing to release */
    uint32_t next_free;
};

struct lr_server_handles {
    struct lr_alloc *alloc;
    void *context;      /* for the releases */
    uint64_t *sequence; /* the server's */
    struct lr_server_handle *entries;
    size_t capacity;
    size_t count; /* that are not free */
    size_t count_max;
    bool exceeded;       /* more were wanted: the session has to end */
    uint32_t first_free; /* UINT32_MAX: none */
    size_t used;         /* entries that were ever used */
};

enum { LR_SERVER_HANDLES_MAX = 1 << 24 }; /* what the index in a number can say */

const char *lr_server_handle_kind_name(enum lr_server_handle_kind kind);

void lr_server_handles_init(struct lr_server_handles *handles, struct lr_alloc *alloc,
                            uint64_t *sequence, size_t count_max, void *context);
/* Releases every handle; returns how many there were. */
size_t lr_server_handles_deinit(struct lr_server_handles *handles);

/* Makes a handle for |object|, which it takes on success. LR_ENOMEM; LR_ELIMIT: |count_max|. */
LR_NODISCARD enum lr_status lr_server_handles_add(struct lr_server_handles *handles,
                                                  enum lr_server_handle_kind kind, void *object,
                                                  lr_server_release release, uint64_t *number,
                                                  struct lr_error *error);
/* The entry of |number|; NULL with a sentence: unknown. Borrowed until the next add or free. */
struct lr_server_handle *lr_server_handles_find(const struct lr_server_handles *handles,
                                                uint64_t number, struct lr_error *error);
/* Its object where it is of |kind|; NULL with a sentence otherwise. */
void *lr_server_handles_get(const struct lr_server_handles *handles, uint64_t number,
                            enum lr_server_handle_kind kind, struct lr_error *error);
/* Releases the object of |handle|, which is then no more. */
void lr_server_handles_free(struct lr_server_handles *handles, struct lr_server_handle *handle);

#endif
