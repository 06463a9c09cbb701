/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc_pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LONG_BLOCK = 4 * 1024 * 1024 }; /* of at least one whole large page, wherever it begins */

/* From page to page around the block: an area that is wished for in part would be two areas, which
 * can no longer grow as one. */
void lr_alloc_pages_hint(void *block, size_t size) {
#ifdef MADV_HUGEPAGE
    if (size >= LONG_BLOCK) {
        int before = errno;
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t ahead = (uintptr_t)block % page;
        size_t length = (ahead + size + page - 1) / page * page;
        (void)madvise((char *)block - ahead, length, MADV_HUGEPAGE); /* a wish, no more */
        errno = before;
    }
#else
    (void)block;
    (void)size;
#endif
}
