/* SPDX-License-Identifier: Apache-2.0 */
/* What the system can be told of a block's memory. */
#ifndef LR_BASE_ALLOC_PAGES_H
#define LR_BASE_ALLOC_PAGES_H

#include <stddef.h>

/* Asks for large pages where |block| is long: most of what a fresh array costs is that each of its
 * pages is asked for on its own. Changes nothing that can be seen but the speed; does nothing where
 * the platform has no such wish. */
void lr_alloc_pages_hint(void *block, size_t size);

#endif
