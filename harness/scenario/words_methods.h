/* SPDX-License-Identifier: Apache-2.0 */
/* The methods that clients, programs and raw peers add to the words of a party. */
#ifndef LR_SCENARIO_WORDS_METHODS_H
#define LR_SCENARIO_WORDS_METHODS_H

#include <lua.h>

int lr_client_word_request(lua_State *lua);
int lr_client_word_connect(lua_State *lua);
int lr_client_word_summary(lua_State *lua);
int lr_client_word_close(lua_State *lua);
int lr_party_word_lose(lua_State *lua); /* words_network.c */
int lr_party_word_find(lua_State *lua);
int lr_party_word_freeze(lua_State *lua);
int lr_party_word_thaw(lua_State *lua);
int lr_party_word_wall_clock(lua_State *lua);
int lr_peer_word_open(lua_State *lua);
int lr_peer_word_accept(lua_State *lua);
int lr_program_word_step(lua_State *lua);
int lr_program_word_begin(lua_State *lua);
int lr_program_word_answer(lua_State *lua);
int lr_program_word_pid(lua_State *lua);
int lr_program_word_log(lua_State *lua);
int lr_program_word_freeze(lua_State *lua);
int lr_program_word_thaw(lua_State *lua);
int lr_program_word_ended(lua_State *lua);

#define LR_CLIENT_METHODS                                                                          \
    {"request", lr_client_word_request}, {"connect", lr_client_word_connect},                      \
        {"summary", lr_client_word_summary}, {                                                     \
        "close", lr_client_word_close                                                              \
    }

#define LR_PEER_METHODS                                                                            \
    {"open", lr_peer_word_open}, {                                                                 \
        "accept", lr_peer_word_accept                                                              \
    }

#define LR_PROGRAM_METHODS                                                                         \
    {"step", lr_program_word_step}, {"begin", lr_program_word_begin},                              \
        {"answer", lr_program_word_answer}, {"pid", lr_program_word_pid},                          \
        {"log", lr_program_word_log}, {                                                            \
        "ended", lr_program_word_ended                                                             \
    }

#endif
