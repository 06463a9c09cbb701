/* SPDX-License-Identifier: Apache-2.0 */
/* Planted: the body of a test that passes loses a block of the heap. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The only pointer to the block is on this frame, and then nowhere. */
static char lose_block(void) {
    char *volatile block = malloc(4321);
    if (!block) {
        return 0;
    }
    memset(block, 7, 4321);
    char last = block[4320];
    block = NULL;
    return last;
}

Test(planted, loses_a_block_of_the_heap) {
    cr_assert_eq(lose_block(), 7);
}
