/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the world that stand in files of their own: foreign programs, sessions, faults. */
#ifndef LR_SCENARIO_WORDS_OF_WORLD_H
#define LR_SCENARIO_WORDS_OF_WORLD_H

#include <lua.h>

int lr_world_word_program(lua_State *lua);    /* words_program.c */
int lr_world_word_tvm_client(lua_State *lua); /* words_tvm.c */
int lr_world_word_tvm_server(lua_State *lua);
int lr_world_word_tvm_tracker(lua_State *lua);
int lr_world_word_session(lua_State *lua); /* words_account.c */
int lr_world_word_note(lua_State *lua);
int lr_world_word_fault(lua_State *lua);    /* words_fault.c */
int lr_world_word_recorded(lua_State *lua); /* words_recorded.c */

#endif
