/* SPDX-License-Identifier: Apache-2.0 */
/* Which real TVM and which real CPythons this machine has: what tests/interop/setup.sh has made
 * below build/tvm (or $LASTREF_TVM_DIR), and tests/interop/interpreters.sh below build/interpreters
 * (or $LASTREF_INTERPRETERS_DIR). */
#ifndef LR_SCENARIO_TVM_H
#define LR_SCENARIO_TVM_H

#include "scenario/interpreters.h"

struct lr_tvm {
    struct lr_interpreters environments;    /* with TVM: "ffi", "legacy" */
    struct lr_interpreters pythons;         /* "3.9.2", "3.9.2-windows", .. */
    char programs[LR_INTERPRETER_PATH_MAX]; /* the folder of tvm_client.py */
};

/* Reads both lists. |programs|: the folder of the stepped programs. */
void lr_tvm_find(struct lr_tvm *tvm, const char *programs);

#endif
