/* SPDX-License-Identifier: Apache-2.0 */
/* Real CPythons on the stage: the pure-Python client of mocks/pyclient, stepped, in the version
 * that a scenario names; where the machine has no such version, the case is not run. */
#include <stdio.h>
#include <string.h>

#include "scenario/words.h"
#include "scenario/words_of_world.h"

const char *lr_words_interpreter(lua_State *lua, const struct lr_interpreters *list,
                                 const char *what, const char *name) {
    struct lr_play *play = lr_play_of(lua);
    lr_words_need_live(lua);
    const char *command = lr_interpreters_find(list, name);
    if (command == NULL) {
        (void)snprintf(play->missing, sizeof play->missing,
                       "no %s \"%s\" on this machine (`make interop` installs it)", what, name);
        luaL_error(lua, "%s", play->missing);
    }
    return command;
}

/* w:python_client { python = "3.9.2", dialect = "legacy", kind_zero = true }: kind_zero makes its
 * getaddrinfo answer as that of Windows. */
int lr_world_word_python_client(lua_State *lua) {
    static const char *const known[] = {"name", "python", "dialect", "kind_zero", NULL};
    static const char *const env[] = {"PYTHONDONTWRITEBYTECODE=1", NULL};
    lr_words_check_options(lua, 2, "python_client", known);
    struct lr_stage *stage = lr_play_of(lua)->stage;
    const char *python = lr_option_string(lua, 2, "python", NULL);
    const char *dialect = lr_option_string(lua, 2, "dialect", "legacy");
    luaL_argcheck(lua, python != NULL, 2, "python = \"3.9.2\", or another version");
    luaL_argcheck(lua, strcmp(dialect, "legacy") == 0 || strcmp(dialect, "ffi") == 0, 2,
                  "dialect is \"legacy\" or \"ffi\"");
    python = lr_words_interpreter(lua, &stage->options.tvm->pythons, "CPython", python);
    const char *program = lua_pushfstring(lua, "%s/python_client.py", stage->options.tvm->programs);
    bool kind_zero = lr_option_boolean(lua, 2, "kind_zero", false);
    const char *argv[] = {python, program, "--dialect", dialect, kind_zero ? "--kind-zero" : NULL,
                          NULL};
    struct lr_stage_program options = {
        .name = lr_option_string(lua, 2, "name", NULL), .argv = argv, .env = env, .stepped = true};
    struct lr_party *party = NULL;
    struct lr_error error = {.code = LR_OK};
    if (lr_stage_program(stage, &options, &party, &error) != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    lr_push_party(lua, party);
    return 1;
}
