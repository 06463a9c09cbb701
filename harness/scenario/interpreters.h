/* SPDX-License-Identifier: Apache-2.0 */
/* Interpreters that a script of tests/interop has installed: the file `paths` in their folder lists
 * them, a NAME=COMMAND a line. */
#ifndef LR_SCENARIO_INTERPRETERS_H
#define LR_SCENARIO_INTERPRETERS_H

#include <stddef.h>

enum { LR_INTERPRETERS_MAX = 32, LR_INTERPRETER_PATH_MAX = 1024, LR_INTERPRETER_NAME_MAX = 32 };

struct lr_interpreter {
    char name[LR_INTERPRETER_NAME_MAX]; /* "ffi", "3.9.2-windows" */
    char command[LR_INTERPRETER_PATH_MAX];
};

struct lr_interpreters {
    struct lr_interpreter entries[LR_INTERPRETERS_MAX];
    size_t count;
    char source[LR_INTERPRETER_PATH_MAX]; /* the file that was read, or looked for */
};

/* Reads the list in the folder that environment variable |variable| names, else in |folder|; a
 * missing file is an empty list, and lines that are too long or not of the form are left out. */
void lr_interpreters_read(struct lr_interpreters *list, const char *variable, const char *folder);
/* The command of |name|; NULL: not on this machine. */
const char *lr_interpreters_find(const struct lr_interpreters *list, const char *name);

#endif
