/* SPDX-License-Identifier: Apache-2.0 */
/* Planted: the body of a test that passes reads one byte behind a block of the heap. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(planted, reads_behind_a_block_of_the_heap) {
    char *block = malloc(16);
    cr_assert_not_null(block);
    memset(block, 1, 16);
    volatile size_t behind = 16;
    volatile char seen = block[behind];
    (void)seen;
    free(block);
}
