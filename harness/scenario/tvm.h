/* SPDX-License-Identifier: Apache-2.0 */
/* Which real TVM this machine has: the interpreters that tests/interop/setup.sh has listed in the
 * file `paths` below build/tvm (or $LASTREF_TVM_DIR), a NAME=PATH a line. */
#ifndef LR_SCENARIO_TVM_H
#define LR_SCENARIO_TVM_H

#include <stddef.h>

#include "base/status.h"

enum { LR_TVM_MAX = 8, LR_TVM_PATH_MAX = 1024, LR_TVM_NAME_MAX = 32 };

struct lr_tvm_entry {
    char name[LR_TVM_NAME_MAX]; /* "ffi", "legacy" */
    char python[LR_TVM_PATH_MAX];
};

struct lr_tvm {
    struct lr_tvm_entry entries[LR_TVM_MAX];
    size_t count;
    char source[LR_TVM_PATH_MAX];   /* the file that was read, or looked for */
    char programs[LR_TVM_PATH_MAX]; /* the folder of tvm_client.py */
};

/* Reads the list; a missing file is an empty list. |programs|: the folder of the stepped programs.
 */
void lr_tvm_find(struct lr_tvm *tvm, const char *programs);
/* The interpreter that has TVM of |name|; NULL: not on this machine. */
const char *lr_tvm_python(const struct lr_tvm *tvm, const char *name);

#endif
