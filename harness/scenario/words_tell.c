/* SPDX-License-Identifier: Apache-2.0 */
/* w:tell(".."): a figure that the scenario itself reports, whatever the outcome. */
#include "scenario/words.h"
#include "scenario/words_of_world.h"

int lr_world_word_tell(lua_State *lua) {
    struct lr_play *play = lr_play_of(lua);
    lr_time now = lr_world_now(play->stage->world);
    const char *text = luaL_checkstring(lua, 2);
    if (lr_result_lines_add(play->result->alloc, &play->result->told,
                            lr_stage_elapsed(play->stage, now), "%s", text) != LR_OK) {
        return luaL_error(lua, "no memory for a line of the report");
    }
    return 0;
}
