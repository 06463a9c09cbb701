/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server_device.h"

#include <string.h>

#include "base/assert.h"

enum { DEVICE_CPU = 1 };

enum lr_status lr_server_memory_take(struct lr_server_memory *memory, uint64_t size,
                                     struct lr_error *error) {
    if (size > memory->limit_bytes - memory->used_bytes) {
        return lr_error_set(error, LR_ELIMIT,
                            "%llu bytes are refused: the session uses %zu of the %zu that it may",
                            (unsigned long long)size, memory->used_bytes, memory->limit_bytes);
    }
    memory->used_bytes += (size_t)size;
    return LR_OK;
}

void lr_server_memory_give(struct lr_server_memory *memory, size_t size) {
    LR_ASSERT(size <= memory->used_bytes);
    memory->used_bytes -= size;
}

struct lr_server_block *lr_server_block_new(struct lr_server_memory *memory, uint64_t size,
                                            struct lr_error *error) {
    if (lr_server_memory_take(memory, size, error) != LR_OK) {
        return NULL;
    }
    struct lr_server_block *block = LR_NEW(memory->alloc, struct lr_server_block);
    uint8_t *bytes = NULL;
    if (block != NULL && size > 0) {
        bytes = lr_alloc_bytes(memory->device, (size_t)size);
    }
    if (block == NULL || (bytes == NULL && size > 0)) {
        if (block != NULL) {
            LR_FREE(memory->alloc, block);
        }
        lr_server_memory_give(memory, (size_t)size);
        (void)lr_error_set(error, LR_ENOMEM, "out of device memory for %llu bytes",
                           (unsigned long long)size);
        return NULL;
    }
    *block = (struct lr_server_block){.references = 1, .size = (size_t)size, .bytes = bytes};
    memory->device_bytes += block->size;
    memory->device_blocks++;
    return block;
}

struct lr_server_block *lr_server_block_keep(struct lr_server_block *block) {
    block->references++;
    return block;
}

void lr_server_block_drop(struct lr_server_memory *memory, struct lr_server_block *block) {
    LR_ASSERT(block->references > 0);
    if (--block->references > 0) {
        return;
    }
    LR_ASSERT(memory->device_blocks > 0 && memory->device_bytes >= block->size);
    memory->device_blocks--;
    memory->device_bytes -= block->size;
    lr_server_memory_give(memory, block->size);
    lr_alloc_free(memory->device, block->bytes, block->size);
    LR_FREE(memory->alloc, block);
}

enum lr_status lr_server_block_check(const struct lr_server_block *block, uint64_t offset,
                                     uint64_t size, struct lr_error *error) {
    if (offset > block->size || size > block->size - offset) {
        return lr_error_set(error, LR_EINVAL,
                            "%llu bytes at offset %llu do not lie in an allocation of %zu bytes",
                            (unsigned long long)size, (unsigned long long)offset, block->size);
    }
    return LR_OK;
}

/* Makes what lies before |end| defined: what was never written becomes zero. */
static void define_until(struct lr_server_block *block, size_t end) {
    if (end > block->written) {
        memset(block->bytes + block->written, 0, end - block->written);
        block->written = end;
    }
}

const uint8_t *lr_server_block_read(struct lr_server_block *block, size_t offset, size_t size) {
    LR_ASSERT(offset <= block->size && size <= block->size - offset);
    if (size == 0) {
        return NULL;
    }
    define_until(block, offset + size);
    return block->bytes + offset;
}

uint8_t *lr_server_block_write(struct lr_server_block *block, size_t offset, size_t size) {
    LR_ASSERT(offset <= block->size && size <= block->size - offset);
    if (size == 0) {
        return NULL;
    }
    define_until(block, offset);
    if (offset + size > block->written) {
        block->written = offset + size;
    }
    return block->bytes + offset;
}

enum lr_status lr_server_device_check(struct lr_device device, struct lr_error *error) {
    if (device.type != DEVICE_CPU || device.id < 0) {
        return lr_error_set(error, LR_ENOTFOUND,
                            "there is no device (type %d, id %d) here, only the CPU (type 1)",
                            (int)device.type, (int)device.id);
    }
    return LR_OK;
}
