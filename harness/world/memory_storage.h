/* SPDX-License-Identifier: Apache-2.0 */
/* The files of sessions in memory: what rpc/storage.h asks of a host, for worlds without a file
 * system, for fuzzers and tests. Folders exist as far as files lie in them. Everything is allocated
 * from one allocator, so what sessions leave behind is counted, and a failing one can be tried. */
#ifndef LR_WORLD_MEMORY_STORAGE_H
#define LR_WORLD_MEMORY_STORAGE_H

#include "base/alloc.h"
#include "base/list.h"
#include "rpc/storage.h"

struct lr_memory_storage {
    struct lr_storage base; /* pass &storage.base on */
    struct lr_alloc *alloc;
    struct lr_list directories;
    size_t bytes_max; /* of all files; more is LR_ELIMIT, as a disk that is full */
    size_t bytes;
    size_t files;
    uint64_t opened; /* directories so far; names them */
};

/* Borrows |alloc|. */
void lr_memory_storage_init(struct lr_memory_storage *storage, struct lr_alloc *alloc,
                            size_t bytes_max);
/* Removes what sessions have left open. */
void lr_memory_storage_deinit(struct lr_memory_storage *storage);

#endif
