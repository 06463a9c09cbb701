/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/interpreters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_line(struct lr_interpreters *list, char *line) {
    line[strcspn(line, "\r\n")] = '\0';
    char *equals = strchr(line, '=');
    if (equals == NULL || line[0] == '#' || list->count == LR_INTERPRETERS_MAX) {
        return;
    }
    *equals = '\0';
    struct lr_interpreter *entry = &list->entries[list->count];
    if (strlen(line) < sizeof entry->name && strlen(equals + 1) < sizeof entry->command) {
        memcpy(entry->name, line, strlen(line) + 1);
        memcpy(entry->command, equals + 1, strlen(equals + 1) + 1);
        list->count++;
    }
}

void lr_interpreters_read(struct lr_interpreters *list, const char *variable, const char *folder) {
    const char *given = getenv(variable);
    list->count = 0;
    (void)snprintf(list->source, sizeof list->source, "%s/paths",
                   given != NULL && given[0] != '\0' ? given : folder);
    FILE *file = fopen(list->source, "rb");
    if (file == NULL) {
        return;
    }
    char line[LR_INTERPRETER_PATH_MAX + LR_INTERPRETER_NAME_MAX];
    while (fgets(line, sizeof line, file) != NULL) {
        take_line(list, line);
    }
    (void)fclose(file);
}

const char *lr_interpreters_find(const struct lr_interpreters *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->entries[i].name, name) == 0) {
            return list->entries[i].command;
        }
    }
    return NULL;
}
