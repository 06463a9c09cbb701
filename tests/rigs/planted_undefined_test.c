/* SPDX-License-Identifier: Apache-2.0 */
/* Planted: the body of a test that passes overflows a signed integer. */
#include <criterion/criterion.h>
#include <limits.h>

Test(planted, overflows_a_signed_integer) {
    volatile int most = INT_MAX;
    volatile int more = most + 1;
    (void)more;
}
