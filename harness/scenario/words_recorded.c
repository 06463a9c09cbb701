/* SPDX-License-Identifier: Apache-2.0 */
/* The words of recorded peers: real TVM's bytes on the stage, without TVM. */
#include <stdio.h>
#include <string.h>

#include "mocks/peers/recorded.h"
#include "scenario/expect.h"
#include "scenario/words_of_world.h"

enum { CAPTURE_BYTES_MAX = 16 * 1024 * 1024, CAPTURE_PATH_MAX = 1024, PLAY_SECONDS = 30 };

/* |name|, from the folder of the script that names it. */
static void path_beside_script(lua_State *lua, const char *name, char *out, size_t size) {
    lua_Debug debug;
    const char *folder = "";
    int length = 0;
    if (name[0] != '/' && lua_getstack(lua, 1, &debug) && lua_getinfo(lua, "S", &debug) &&
        debug.source[0] == '@') {
        const char *slash = strrchr(debug.source, '/');
        folder = debug.source + 1;
        length = slash == NULL ? 0 : (int)(slash - folder) + 1;
    }
    (void)snprintf(out, size, "%.*s%s", length, folder, name);
}

static enum lr_status read_capture(const char *path, struct lr_buf *out, struct lr_error *error) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return lr_error_set(error, LR_ENOTFOUND, "%s: cannot be opened", path);
    }
    enum lr_status status = LR_OK;
    size_t got = 1;
    while (status == LR_OK && got > 0 && lr_buf_size(out) < CAPTURE_BYTES_MAX) {
        uint8_t *room;
        status = lr_buf_reserve(out, 65536, &room);
        got = status == LR_OK ? fread(room, 1, 65536, file) : 0;
        lr_buf_commit(out, got);
    }
    (void)fclose(file);
    return status == LR_OK ? LR_OK : lr_error_set(error, status, "%s: no memory", path);
}

static void read_options(lua_State *lua, struct lr_recorded_options *options) {
    static const char *const known[] = {"name", "capture", "side", "dialect", "tracker", NULL};
    lr_words_check_options(lua, 2, "recorded", known);
    const char *side = lr_option_string(lua, 2, "side", "client");
    const char *dialect = lr_option_string(lua, 2, "dialect", "ffi");
    const struct lr_party *tracker = lr_option_party(lua, 2, "tracker");
    luaL_argcheck(lua, tracker != NULL, 2, "tracker = .. is needed");
    luaL_argcheck(lua, strcmp(side, "client") == 0 || strcmp(side, "server") == 0, 2,
                  "side = \"client\" or \"server\"");
    luaL_argcheck(lua, strcmp(dialect, "ffi") == 0 || strcmp(dialect, "legacy") == 0, 2,
                  "dialect = \"ffi\" or \"legacy\"");
    *options = (struct lr_recorded_options){
        .side = strcmp(side, "client") == 0 ? LR_RECORDED_CLIENT : LR_RECORDED_SERVER,
        .dialect = strcmp(dialect, "ffi") == 0 ? LR_DIALECT_FFI : LR_DIALECT_LEGACY,
        .host = "127.0.0.1",
        .tracker_host = tracker->service.host,
        .tracker_port = tracker->service.port,
    };
}

/* w:recorded { capture = "file.jsonl", side = "client", dialect = "ffi", tracker = t }: begins to
 * play. */
int lr_world_word_recorded(lua_State *lua) {
    struct lr_stage *stage = lr_play_of(lua)->stage;
    struct lr_recorded_options options;
    read_options(lua, &options);
    char path[CAPTURE_PATH_MAX];
    path_beside_script(lua, lr_option_string(lua, 2, "capture", ""), path, sizeof path);
    struct lr_buf lines;
    lr_buf_init(&lines, stage->alloc);
    struct lr_error error = {.code = LR_OK};
    struct lr_party *party = NULL;
    enum lr_status status = read_capture(path, &lines, &error);
    if (status == LR_OK) {
        status = lr_stage_recorded(stage, lr_option_string(lua, 2, "name", NULL), &options,
                                   lr_buf_data(&lines), lr_buf_size(&lines), &party, &error);
        lr_buf_deinit(&lines);
    }
    return status == LR_OK ? lr_wait_party(lua, party) : lr_words_raise(lua, &error);
}

static bool is_played(void *context) {
    const struct lr_recorded *recorded = ((struct lr_party *)context)->role.recorded;
    return lr_recorded_finished(recorded) || lr_recorded_difference(recorded) != NULL;
}

static int played(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    (void)lua_getiuservalue(lua, 1, 1);
    struct lr_party *party = lr_check_party(lua, lua_gettop(lua));
    const struct lr_recorded *recorded = party->role.recorded;
    const char *difference = lr_recorded_difference(recorded);
    lr_time ended_at = lr_recorded_ended_at(recorded);
    if (ended_at != LR_TIME_NEVER) {
        lr_words_mark(lr_play_of(lua), LR_CAUSE_FIN, ended_at, ended_at, "%s ends", party->name);
        lr_words_mark_of(lr_play_of(lua), 0, party);
    }
    struct lr_verdict verdict = {.held = lr_recorded_finished(recorded) && difference == NULL};
    verdict.text = lua_pushfstring(lua, "%s plays its recording to the end", party->name);
    verdict.expected =
        lua_pushfstring(lua, "%I steps as recorded", (LUAI_UACINT)lr_recorded_steps(recorded));
    verdict.seen = difference != NULL ? difference
                                      : lua_pushfstring(lua, "%I steps",
                                                        (LUAI_UACINT)lr_recorded_played(recorded));
    return lr_expect_record(lua, &verdict);
}

/* expect(recorded):played(): the running side has answered as the recorded one did, to the end. */
int lr_expect_word_played(lua_State *lua) {
    luaL_checkudata(lua, 1, LR_EXPECT_TYPE);
    (void)lua_getiuservalue(lua, 1, 1);
    struct lr_party *party = lr_check_party(lua, lua_gettop(lua));
    if (party->kind != LR_PARTY_RECORDED) {
        return luaL_error(lua, "%s is no recorded peer", party->name);
    }
    if (is_played(party)) {
        return played(lua, LUA_OK, 0);
    }
    lr_time until = lr_time_add(lr_world_now(party->stage->world), PLAY_SECONDS * LR_SECOND);
    return lr_play_wait(lua, is_played, party, until, 0, played);
}
