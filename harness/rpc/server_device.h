/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the CPU device for one session: counted blocks, bounded by what a session may use, and
 * copies whose bounds are checked without overflow. What was never written reads as zero, so
 * nothing of another session can be seen. */
#ifndef LR_RPC_SERVER_DEVICE_H
#define LR_RPC_SERVER_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/status.h"
#include "rpc/value.h"

/* A session's account: device memory, files and kept arguments together. */
struct lr_server_memory {
    struct lr_alloc *device;
    struct lr_alloc *alloc; /* for the blocks' heads */
    size_t used_bytes;
    size_t limit_bytes;
    size_t device_bytes; /* the part of it that is blocks */
    size_t device_blocks;
};

/* A block; whoever refers to it holds a reference. */
struct lr_server_block {
    size_t references;
    size_t size;
    size_t written; /* bytes behind this were never written: they read as zero */
    uint8_t *bytes; /* NULL where |size| is 0 */
};

/* Counts |size| bytes as used. LR_ELIMIT with a sentence: more than the session may use. */
LR_NODISCARD enum lr_status lr_server_memory_take(struct lr_server_memory *memory, uint64_t size,
                                                  struct lr_error *error);
void lr_server_memory_give(struct lr_server_memory *memory, size_t size);

/* Returns owned a block of |size| bytes with one reference (lr_server_block_drop); NULL with a
 * sentence: LR_ENOMEM, LR_ELIMIT. */
struct lr_server_block *lr_server_block_new(struct lr_server_memory *memory, uint64_t size,
                                            struct lr_error *error);
struct lr_server_block *lr_server_block_keep(struct lr_server_block *block);
void lr_server_block_drop(struct lr_server_memory *memory, struct lr_server_block *block);

/* LR_OK where [offset, offset + size) lies in |block|; LR_EINVAL with a sentence. */
LR_NODISCARD enum lr_status lr_server_block_check(const struct lr_server_block *block,
                                                  uint64_t offset, uint64_t size,
                                                  struct lr_error *error);
/* Bytes to read or to overwrite, in a range that was checked; NULL where |size| is 0. */
const uint8_t *lr_server_block_read(struct lr_server_block *block, size_t offset, size_t size);
uint8_t *lr_server_block_write(struct lr_server_block *block, size_t offset, size_t size);

/* The one device that is here: CPU, whatever its number, as TVM's. LR_ENOTFOUND with a sentence. */
LR_NODISCARD enum lr_status lr_server_device_check(struct lr_device device, struct lr_error *error);

#endif
