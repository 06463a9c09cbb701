/* SPDX-License-Identifier: Apache-2.0 */
/* Memory comes from an allocator that is handed in, so that it can be counted per owner, limited,
 * and made to fail at a chosen call. Sizes are given back on release: counts are exact.
 * Not for several threads. */
#ifndef LR_BASE_ALLOC_H
#define LR_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct lr_alloc {
    /* Grows, shrinks, makes (|block| NULL, |old_size| 0) or frees (|new_size| 0, returns NULL,
     * never fails) a block. On failure returns NULL and leaves |block| as it was. */
    void *(*resize)(struct lr_alloc *alloc, void *block, size_t old_size, size_t new_size);
};

/* The C library's heap, in a build with LR_POOLS by way of a pool. Never freed. */
struct lr_alloc *lr_alloc_system(void);

LR_NODISCARD void *lr_alloc_bytes(struct lr_alloc *alloc, size_t size);  /* size > 0 */
LR_NODISCARD void *lr_alloc_zeroed(struct lr_alloc *alloc, size_t size); /* size > 0 */
LR_NODISCARD void *lr_alloc_resize(struct lr_alloc *alloc, void *block, size_t old_size,
                                   size_t new_size);
/* Frees |block| of |size| bytes; NULL is fine. */
void lr_alloc_free(struct lr_alloc *alloc, void *block, size_t size);

/* A copy of |size| bytes with a NUL behind them; free with lr_alloc_free(.., size + 1). */
LR_NODISCARD char *lr_alloc_string(struct lr_alloc *alloc, const void *bytes, size_t size);
/* Frees a string made by lr_alloc_string from text without NULs; NULL is fine. */
void lr_alloc_free_string(struct lr_alloc *alloc, const char *string);

#define LR_NEW(alloc, type) ((type *)lr_alloc_zeroed((alloc), sizeof(type)))
#define LR_FREE(alloc, pointer) lr_alloc_free((alloc), (pointer), sizeof *(pointer))

/* Counts what passes through it to |parent|. Embed it; pass &counting.base on. */
struct lr_counting_alloc {
    struct lr_alloc base;
    struct lr_alloc *parent;
    size_t live_bytes;  /* handed out and not given back */
    size_t live_blocks; /* likewise */
    size_t peak_bytes;
    size_t limit_bytes; /* more than this at once fails; SIZE_MAX for no limit */
    uint64_t calls;     /* allocations and growths asked for so far */
    uint64_t fail_at;   /* the |calls| value at which one fails, counted from 1; 0 for none */
    uint64_t failed;    /* how many were refused, for either reason */
};

void lr_counting_alloc_init(struct lr_counting_alloc *counting, struct lr_alloc *parent);

#endif
