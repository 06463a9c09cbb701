/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/tvm.h"

#include <stdio.h>

void lr_tvm_find(struct lr_tvm *tvm, const char *programs) {
    lr_interpreters_read(&tvm->environments, "LASTREF_TVM_DIR", "build/tvm");
    lr_interpreters_read(&tvm->pythons, "LASTREF_INTERPRETERS_DIR", "build/interpreters");
    (void)snprintf(tvm->programs, sizeof tvm->programs, "%s", programs);
}
