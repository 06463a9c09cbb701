/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the world that stand in files of their own: foreign programs, sessions, faults. */
#ifndef LR_SCENARIO_WORDS_OF_WORLD_H
#define LR_SCENARIO_WORDS_OF_WORLD_H

#include <lua.h>

#include "scenario/interpreters.h"

int lr_world_word_program(lua_State *lua);    /* words_program.c */
int lr_world_word_tvm_client(lua_State *lua); /* words_tvm.c */
int lr_world_word_tvm_server(lua_State *lua);
int lr_world_word_tvm_tracker(lua_State *lua);
int lr_world_word_python_client(lua_State *lua); /* words_python.c */
/* The command of interpreter |name|. Ends the case as not run where |list| has none, calling it a
 * |what|. Borrowed of the list. */
const char *lr_words_interpreter(lua_State *lua, const struct lr_interpreters *list,
                                 const char *what, const char *name);
int lr_world_word_session(lua_State *lua); /* words_account.c */
int lr_world_word_sessions(lua_State *lua);
int lr_world_word_note(lua_State *lua);
int lr_world_word_tell(lua_State *lua); /* words_tell.c */
int lr_world_word_network(lua_State *lua);
int lr_world_word_hosts(lua_State *lua);
int lr_world_word_fault(lua_State *lua);    /* words_fault.c */
int lr_world_word_link(lua_State *lua);     /* words_link.c */
int lr_world_word_peer(lua_State *lua);     /* words_peer.c */
int lr_world_word_recorded(lua_State *lua); /* words_recorded.c */

#endif
