/* SPDX-License-Identifier: Apache-2.0 */
#include "reports/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096 };

bool lr_is_terminal(FILE *out) {
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && term != NULL && strcmp(term, "dumb") != 0;
}

enum lr_status lr_write_file(const char *path, const void *text, size_t size,
                             struct lr_error *error) {
    char partial[PATH_BYTES_MAX];
    int length = snprintf(partial, sizeof partial, "%s.partial", path);
    if (length < 0 || (size_t)length >= sizeof partial) {
        return lr_error_set(error, LR_EINVAL, "the name of the report is too long");
    }
    FILE *file = fopen(partial, "wb");
    bool written = file != NULL && fwrite(text, 1, size, file) == size;
    if (file != NULL && fclose(file) != 0) {
        written = false;
    }
    if (!written || rename(partial, path) != 0) {
        enum lr_status status =
            lr_error_set(error, LR_EIO, "%s: cannot be written: %s", path, strerror(errno));
        (void)unlink(partial);
        return status;
    }
    return LR_OK;
}
