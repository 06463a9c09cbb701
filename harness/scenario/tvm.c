/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/tvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void take_line(struct lr_tvm *tvm, char *line) {
    line[strcspn(line, "\r\n")] = '\0';
    char *equals = strchr(line, '=');
    if (equals == NULL || line[0] == '#' || tvm->count == LR_TVM_MAX) {
        return;
    }
    *equals = '\0';
    struct lr_tvm_entry *entry = &tvm->entries[tvm->count];
    if (strlen(line) < sizeof entry->name && strlen(equals + 1) < sizeof entry->python) {
        memcpy(entry->name, line, strlen(line) + 1);
        memcpy(entry->python, equals + 1, strlen(equals + 1) + 1);
        tvm->count++;
    }
}

void lr_tvm_find(struct lr_tvm *tvm, const char *programs) {
    *tvm = (struct lr_tvm){.count = 0};
    const char *directory = getenv("LASTREF_TVM_DIR");
    (void)snprintf(tvm->source, sizeof tvm->source, "%s/paths",
                   directory != NULL && directory[0] != '\0' ? directory : "build/tvm");
    (void)snprintf(tvm->programs, sizeof tvm->programs, "%s", programs);
    FILE *file = fopen(tvm->source, "rb");
    if (file == NULL) {
        return;
    }
    char line[LR_TVM_PATH_MAX + LR_TVM_NAME_MAX];
    while (fgets(line, sizeof line, file) != NULL) {
        take_line(tvm, line);
    }
    (void)fclose(file);
}

const char *lr_tvm_python(const struct lr_tvm *tvm, const char *name) {
    for (size_t i = 0; i < tvm->count; i++) {
        if (strcmp(tvm->entries[i].name, name) == 0) {
            return tvm->entries[i].python;
        }
    }
    return NULL;
}
