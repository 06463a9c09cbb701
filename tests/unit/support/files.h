/* SPDX-License-Identifier: Apache-2.0 */
/* Files of recorded bytes, whole. */
#ifndef LR_TEST_FILES_H
#define LR_TEST_FILES_H

#include "base/buf.h"

/* Appends the content of the file called |directory|/|name|. LR_ENOTFOUND, LR_EIO, LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_test_read_file(const char *directory, const char *name,
                                              struct lr_buf *out);

#endif
