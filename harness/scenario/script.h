/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario file: Lua that describes one or more scenarios, each with a title, what it needs, the
 * cases of its matrix, and the function that runs one. Loading runs the file's top level only. */
#ifndef LR_SCENARIO_SCRIPT_H
#define LR_SCENARIO_SCRIPT_H

#include "base/status.h"
#include "base/time.h"
#include "scenario/sandbox.h"

/* Except for lr_script_load and lr_script_count, the functions below may raise Lua errors (of
 * memory): call them from a script's words, or below lr_sandbox_protect. */
enum {
    LR_SCRIPT_PATH_MAX = 1024,  /* bytes of a file's name */
    LR_SCENARIOS_MAX = 64,      /* in one file */
    LR_MATRIX_CASES_MAX = 4096, /* of one scenario */
    LR_MATRIX_AXES_MAX = 8
};

/* Loads |path| into |sandbox|. LR_EINVAL with file, line and what is wrong; LR_ENOTFOUND;
 * LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_script_load(struct lr_sandbox *sandbox, const char *path,
                                           struct lr_error *error);
/* How many scenarios it describes. */
int lr_script_count(struct lr_sandbox *sandbox);
/* The title of the one at |index|, from 0; borrowed for the sandbox's life. */
const char *lr_script_title(struct lr_sandbox *sandbox, int index);
/* Where in the file it stands. */
int lr_script_line(struct lr_sandbox *sandbox, int index);
/* Where its run function ends. */
int lr_script_last_line(struct lr_sandbox *sandbox, int index);
/* Where its story comes from; NULL: it does not say. Borrowed for the sandbox's life. */
const char *lr_script_from(struct lr_sandbox *sandbox, int index);
/* Its time limit for one case. */
uint64_t lr_script_limit(struct lr_sandbox *sandbox, int index);
/* Whether it runs in |world| ("live", "sim"); it runs in all where it does not say. */
bool lr_script_in_world(struct lr_sandbox *sandbox, int index, const char *world);
/* Cases of its matrix, at least 1, in the order of axes' names and the values' order. */
int lr_script_case_count(struct lr_sandbox *sandbox, int index);
/* Writes "[axis=value,..]" of a case, or "". Returns |out|. */
const char *lr_script_case_label(struct lr_sandbox *sandbox, int index, int case_index, char *out,
                                 size_t size);
/* Pushes its run function and a table with the case's values. */
void lr_script_push_case(struct lr_sandbox *sandbox, int index, int case_index);

/* Lua cuts the names of files in its messages to "..end/of/name.lua"; writes |message| with the
 * whole |path| there. Returns |out|. */
const char *lr_script_message(char *out, size_t size, const char *message, const char *path);

/* A duration in a script: "100ms", "2s", "1.5s", "20us", or a number of seconds. Raises a Lua
 * error. */
uint64_t lr_script_duration(lua_State *lua, int index);

#endif
