/* SPDX-License-Identifier: Apache-2.0 */
/* Planted: the body of a test that passes leaves a descriptor open. No sanitizer looks at
 * descriptors; valgrind's --track-fds does. */
#include <criterion/criterion.h>
#include <fcntl.h>

Test(planted, leaves_a_descriptor_open) {
    cr_assert_geq(open("/dev/null", O_RDONLY), 0);
}
