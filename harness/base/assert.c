/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

static const char *context_text;

void lr_assert_set_context(const char *text) {
    context_text = text;
}

void lr_assert_fail(const char *condition, const char *file, int line, const char *function) {
    fprintf(stderr, "lastref: internal error: %s, in %s (%s:%d)\n", condition, function, file,
            line);
    if (context_text != NULL) {
        fprintf(stderr, "lastref: %s\n", context_text);
    }
    abort();
}
