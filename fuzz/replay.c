/* SPDX-License-Identifier: Apache-2.0 */
/* A main for fuzz targets where there is no libFuzzer: runs each file given, and each file in each
 * directory given. Fails where there was none. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20, PATH_MAX_HERE = 4096 };

/* Runs one file; false where it cannot be read. */
static bool run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    uint8_t *bytes = lr_alloc_bytes(lr_alloc_system(), INPUT_MAX);
    size_t size = bytes == NULL ? 0 : fread(bytes, 1, INPUT_MAX, file);
    bool read = bytes != NULL && !ferror(file);
    (void)fclose(file);
    /* A copy of its own size, so that a look behind it is seen. */
    uint8_t *input = read ? lr_alloc_bytes(lr_alloc_system(), size + (size == 0)) : NULL;
    if (input != NULL) {
        memcpy(input, bytes, size);
        lr_assert_set_context(path);
        (void)LLVMFuzzerTestOneInput(input, size);
        lr_alloc_free(lr_alloc_system(), input, size + (size == 0));
    }
    lr_alloc_free(lr_alloc_system(), bytes, INPUT_MAX);
    return input != NULL;
}

/* Runs what |path| names; counts in |*count|. */
static bool run_path(const char *path, size_t *count) {
    DIR *directory = opendir(path);
    if (directory == NULL) {
        ++*count;
        return run_file(path);
    }
    bool read = true;
    for (struct dirent *entry; read && (entry = readdir(directory)) != NULL;) {
        char file[PATH_MAX_HERE];
        int written = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && written > 0 && written < PATH_MAX_HERE) {
            ++*count;
            read = run_file(file);
        }
    }
    (void)closedir(directory);
    return read;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        if (!run_path(argv[i], &count)) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 2;
        }
    }
    printf("%zu inputs\n", count);
    if (count == 0) {
        fprintf(stderr, "no input: nothing was tested\n");
        return 2;
    }
    return 0;
}
