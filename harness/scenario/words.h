/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the scripts, by what they are about: one file each. docs/scenarios.md is their
 * reference. */
#ifndef LR_SCENARIO_WORDS_H
#define LR_SCENARIO_WORDS_H

#include <lauxlib.h>
#include <lua.h>

#include "scenario/play.h"

/* Names of the metatables. */
#define LR_WORLD_TYPE "world"
#define LR_PARTY_TYPE "party"
#define LR_SESSION_TYPE "session"   /* one of our client's, with a reference of its own */
#define LR_FUNCTION_TYPE "function" /* a remote one */
#define LR_ARRAY_TYPE "array"       /* a remote one */
#define LR_ACCOUNT_TYPE "account"   /* a session as the ledger saw it, whoever holds it */
#define LR_FAULT_TYPE "fault"
#define LR_LINK_TYPE "link"           /* a connection as the ledger saw it, whoever's */
#define LR_PEER_LINK_TYPE "peer_link" /* one of a raw peer's */
#define LR_TASK_TYPE "task"
#define LR_EXPECT_TYPE "expectation"
#define LR_PENDING_TYPE "pending" /* what a word that waits for an operation has on its stack */

/* Each registers its metatables and globals in the play's state. */
void lr_words_world(lua_State *lua);
void lr_words_party(lua_State *lua);
void lr_words_client(lua_State *lua);
void lr_words_program(lua_State *lua);
void lr_words_account(lua_State *lua);
void lr_words_fault(lua_State *lua);
void lr_words_link(lua_State *lua);
void lr_words_peer(lua_State *lua);
void lr_words_expect(lua_State *lua);

/* ---- shared by them ---- */

/* Adds "; did you mean ..?" to |message| where it is Lua's about a name that nobody has defined,
 * and one like it is there. Raises no error. */
void lr_words_suggest_global(lua_State *lua, char *message, size_t size);
/* Makes the metatable |type| with |methods|; indexing an unknown word tells the nearest known one.
 */
void lr_words_type(lua_State *lua, const char *type, const luaL_Reg *methods);
/* Raises "|what| has no word "|word|"; did you mean "|nearest|"?" for a table of options at |index|
 * in which a key is none of |known| (NULL-terminated). */
void lr_words_check_options(lua_State *lua, int index, const char *what, const char *const *known);
/* Keeps in |*best| the nearer to |word| of it and |candidate|; |*nearest| is how far. */
void lr_words_consider(const char *word, const char *candidate, const char **best, size_t *nearest);
/* Reads fields of an options table at |index|; absent: the given default. */
const char *lr_option_string(lua_State *lua, int index, const char *name, const char *otherwise);
lua_Integer lr_option_integer(lua_State *lua, int index, const char *name, lua_Integer otherwise);
/* A whole number of |min| to |max|. */
lua_Integer lr_option_count(lua_State *lua, int index, const char *name, lua_Integer otherwise,
                            lua_Integer min, lua_Integer max);
bool lr_option_boolean(lua_State *lua, int index, const char *name, bool otherwise);
uint64_t lr_option_duration(lua_State *lua, int index, const char *name, uint64_t otherwise);
struct lr_party *lr_option_party(lua_State *lua, int index, const char *name);

/* Foreign programs are there in the live world only: elsewhere the case ends as not run. */
void lr_words_need_live(lua_State *lua);

/* Others reach |party| at |host|, or, where it is a host of its own and |host| a loopback address,
 * at its host's. */
void lr_words_reached_at(lua_State *lua, struct lr_party *party, const char *host);

/* Raises a Lua error with the text of |error|. */
int lr_words_raise(lua_State *lua, const struct lr_error *error);

struct lr_party *lr_check_party(lua_State *lua, int index);
/* Pushes a party; the same userdata type for all kinds. */
void lr_push_party(lua_State *lua, struct lr_party *party);
/* Waits until |party| is ready, then returns it: `return lr_wait_party(lua, party)`. */
int lr_wait_party(lua_State *lua, struct lr_party *party);
/* The same; |then| goes on, with |kcontext| and the party at the top of the stack. */
int lr_wait_party_then(lua_State *lua, struct lr_party *party, lua_KContext kcontext,
                       lua_KFunction then);

/* A session of our client in a script. */
struct lr_held_session {
    struct lr_party *client;
    struct lr_session *session; /* a reference of this userdata's own; NULL when let go */
    uint32_t account;           /* in the ledger; 0: not found yet */
};
struct lr_held_session *lr_check_session(lua_State *lua, int index);
/* The ledger's number of the session at |index|: a session of ours or an account. 0: not seen yet.
 */
uint32_t lr_check_account(lua_State *lua, int index);
void lr_push_account(lua_State *lua, uint32_t number);

/* An operation of |client| under way, and its result on the way to the word that waits for it. A
 * word has it on its stack as the beginning of a userdata of its own, so that the result is let go
 * of where Lua's memory ends before the word has handed it on. */
struct lr_pending {
    struct lr_party *client;
    lr_op op;
    bool done; /* |result| is there */
    struct lr_result result;
};
/* Pushes a userdata of |size| bytes that begins with one; the rest is zero. */
void *lr_push_pending(lua_State *lua, size_t size, struct lr_party *client);
/* Takes the result, if it is there. Returns |done|. */
bool lr_pending_done(struct lr_pending *pending);
/* Lets go of the result, as far as it has not been taken out. */
void lr_pending_drop(struct lr_pending *pending);

/* The ledger's number of the link at |index|; 0: it is none. */
uint32_t lr_test_link(lua_State *lua, int index);
/* "to_service" (also where nothing is said) or "from_service". */
enum lr_direction lr_check_direction(lua_State *lua, int index);

/* Remembers what ends sessions now, for a "released" that says no cause of its own. */
void lr_words_mark(struct lr_play *play, enum lr_cause cause, lr_time from, lr_time at,
                   const char *format, ...) LR_PRINTF(5, 6);
/* The mark made last ends the session |account| (0: none in particular) and those that |party|
 * (NULL: nobody) has or serves, and no others': what is done to others later is no excuse for them.
 */
void lr_words_mark_of(struct lr_play *play, uint32_t account, const struct lr_party *party);
/* The last mark that concerns |account|, of |cause| (LR_CAUSE_NONE: of any); NULL: none. Borrowed
 * for the play's life. */
const struct lr_mark *lr_words_find_mark(const struct lr_play *play,
                                         const struct lr_account *account, enum lr_cause cause);
void lr_words_free_marks(struct lr_play *play);

enum { LR_WHERE_MAX = LR_SCRIPT_PATH_MAX + 16 };
/* "FILE:LINE" of the script's line that is being executed. */
const char *lr_words_where(lua_State *lua, char *out, size_t size);

#endif
