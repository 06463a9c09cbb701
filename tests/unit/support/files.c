/* SPDX-License-Identifier: Apache-2.0 */
#include "support/files.h"

#include <stdio.h>

enum { STEP = 1 << 16, PATH_BYTES_MAX = 1024 };

enum lr_status lr_test_read_file(const char *directory, const char *name, struct lr_buf *out) {
    char path[PATH_BYTES_MAX];
    int written = snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = written > 0 && written < PATH_BYTES_MAX ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        return LR_ENOTFOUND;
    }
    enum lr_status status = LR_OK;
    size_t size = STEP;
    while (status == LR_OK && size == STEP) {
        uint8_t *room;
        status = lr_buf_reserve(out, STEP, &room);
        if (status == LR_OK) {
            size = fread(room, 1, STEP, file);
            lr_buf_commit(out, size);
        }
    }
    if (status == LR_OK && ferror(file)) {
        status = LR_EIO;
    }
    (void)fclose(file);
    return status;
}
