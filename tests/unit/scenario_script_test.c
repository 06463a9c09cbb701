/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of scenarios: what they may hold, their cases, and what is told of wrong ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/script.h"
#include "scenario/words.h"
#include "support/failing.h"
#include "support/scenario_rig.h"

/* A script loaded from a file of the test's, and what is read of it below protection. */
struct loaded {
    char folder[64];
    struct lr_sandbox sandbox;
    struct lr_error error;
    enum lr_status status;
};

static void load(struct loaded *loaded, const char *text) {
    char path[96];
    *loaded = (struct loaded){.status = LR_OK};
    lr_rig_make_folder(loaded->folder, sizeof loaded->folder);
    lr_rig_write(loaded->folder, "case.lua", text);
    (void)snprintf(path, sizeof path, "%s/case.lua", loaded->folder);
    cr_assert_eq(lr_sandbox_init(&loaded->sandbox, lr_alloc_system(), 1), LR_OK);
    loaded->status = lr_script_load(&loaded->sandbox, path, &loaded->error);
    lr_rig_remove_folder(loaded->folder);
}

static void unload(struct loaded *loaded) {
    lr_sandbox_deinit(&loaded->sandbox);
}

/* A script in which |field| is one of a whole description. */
static void load_field(struct loaded *loaded, const char *field) {
    char text[1024];
    (void)snprintf(text, sizeof text, "scenario \"t\" { run = function() end,\n%s }\n", field);
    load(loaded, text);
}

static void expect_refused(const char *text, const char *const *parts) {
    struct loaded loaded;
    load(&loaded, text);
    cr_expect_eq(loaded.status, LR_EINVAL, "accepted: %s", text);
    for (size_t i = 0; parts[i] != NULL; i++) {
        cr_expect(strstr(loaded.error.text, parts[i]) != NULL, "no \"%s\" in: %s", parts[i],
                  loaded.error.text);
    }
    unload(&loaded);
}

static void expect_field_refused(const char *field, const char *part) {
    char text[1024];
    (void)snprintf(text, sizeof text, "scenario \"t\" { run = function() end,\n%s }\n", field);
    const char *const parts[] = {part, "case.lua:1: ", NULL};
    expect_refused(text, parts);
}

Test(scenario_script, a_description_is_read) {
    struct loaded loaded;
    load(&loaded,
         "-- a comment\nscenario \"one\" { run = function() end, limit = \"1500ms\" }\n"
         "scenario \"two\" { run = function() end, from = \"a story\", worlds = { \"sim\" } }");
    cr_assert_eq(loaded.status, LR_OK, "%s", loaded.error.text);
    struct lr_sandbox *sandbox = &loaded.sandbox;
    cr_expect_eq(lr_script_count(sandbox), 2);
    cr_expect_str_eq(lr_script_title(sandbox, 1), "two");
    cr_expect_eq(lr_script_line(sandbox, 0), 2);
    cr_expect_eq(lr_script_line(sandbox, 1), 3);
    cr_expect_eq(lr_script_limit(sandbox, 0), 1500 * LR_MS);
    cr_expect_eq(lr_script_limit(sandbox, 1), 60 * LR_SECOND);
    cr_expect(lr_script_in_world(sandbox, 0, "live"));
    cr_expect_not(lr_script_in_world(sandbox, 1, "live"));
    cr_expect(lr_script_in_world(sandbox, 1, "sim"));
    cr_expect_eq(lr_script_case_count(sandbox, 0), 1);
    cr_expect_eq(lua_gettop(sandbox->lua), 0, "the stack is as it was");
    unload(&loaded);
}

Test(scenario_script, cases_come_in_the_order_of_names_and_values) {
    static const char *const labels[] = {"[a=1,b=x]",   "[a=1,b=y]",    "[a=2.5,b=x]",
                                         "[a=2.5,b=y]", "[a=true,b=x]", "[a=true,b=y]"};
    struct loaded loaded;
    load_field(&loaded, "matrix = { b = { \"x\", \"y\" }, a = { 1, 2.5, true } }");
    cr_assert_eq(loaded.status, LR_OK, "%s", loaded.error.text);
    cr_assert_eq(lr_script_case_count(&loaded.sandbox, 0), (int)LR_COUNT_OF(labels));
    for (int i = 0; i < (int)LR_COUNT_OF(labels); i++) {
        char label[64];
        cr_expect_str_eq(lr_script_case_label(&loaded.sandbox, 0, i, label, sizeof label),
                         labels[i]);
    }
    lr_script_push_case(&loaded.sandbox, 0, 3);
    lua_State *lua = loaded.sandbox.lua;
    cr_expect_eq(lua_getfield(lua, -1, "a"), LUA_TNUMBER);
    cr_expect_float_eq(lua_tonumber(lua, -1), 2.5, 0);
    cr_expect_eq(lua_getfield(lua, -2, "b"), LUA_TSTRING);
    cr_expect_str_eq(lua_tostring(lua, -1), "y");
    cr_expect(lua_isfunction(lua, 1));
    unload(&loaded);
}

Test(scenario_script, a_label_that_is_too_long_is_cut_and_ended) {
    struct loaded loaded;
    char label[8];
    load_field(&loaded, "matrix = { name = { \"0123456789\" } }");
    cr_expect_str_eq(lr_script_case_label(&loaded.sandbox, 0, 0, label, sizeof label), "[name=0");
    unload(&loaded);
}

Test(scenario_script, an_unknown_field_names_the_nearest_one) {
    expect_field_refused("matrx = { a = { 1 } }", "did you mean \"matrix\"?");
    expect_field_refused("limits = \"1s\"", "did you mean \"limit\"?");
    expect_field_refused("needs = { \"tvm\" }", "scenario has no \"needs\"");
    expect_field_refused("title = \"x\"", "has no \"title\"");
}

/* A scenario with no case would be counted nowhere. */
Test(scenario_script, a_matrix_that_makes_no_case_is_refused) {
    expect_field_refused("matrix = { a = {} }", "a = { values }, at least one");
    expect_field_refused("matrix = { a = { 1 }, b = {} }", "b = { values }");
    expect_field_refused("matrix = { a = 1 }", "a = { values }");
    expect_field_refused("matrix = 1", "matrix = {");
    expect_field_refused("matrix = { { 1 } }", "matrix = {");
    expect_field_refused("matrix = { a = { { 1 } } }", "value 1 of a");
    expect_field_refused("matrix = { a = { 1, function() end } }", "value 2 of a");
}

Test(scenario_script, cases_of_one_name_are_refused) {
    expect_field_refused("matrix = { a = { \"x\", \"x\" } }", "a has the value x twice");
    expect_field_refused("matrix = { a = { 1, \"1\" } }", "a has the value 1 twice");
}

Test(scenario_script, a_matrix_beyond_its_limits_is_refused_and_not_cut) {
    expect_field_refused(
        "matrix = (function() local t = {} for i = 1, 9 do t['a' .. i] = { 1 } end "
        "return t end)()",
        "more than 8 names");
    expect_field_refused("matrix = (function() local t = {} for i = 1, 65 do t[i] = i end "
                         "return { a = t, b = t } end)()",
                         "4096 cases");
    expect_field_refused("matrix = (function() local t = {} for i = 1, 5000 do t[i] = i end "
                         "return { a = t } end)()",
                         "4096");
}

Test(scenario_script, a_world_that_is_none_is_refused) {
    expect_field_refused("worlds = { \"life\" }", "no world \"life\"");
    expect_field_refused("worlds = {}", "at least one");
    expect_field_refused("worlds = \"live\"", "at least one");
    expect_field_refused("worlds = { {} }", "no world \"table\"");
}

Test(scenario_script, a_limit_that_is_no_duration_is_refused) {
    expect_field_refused("limit = \"soon\"", "is no duration");
    expect_field_refused("limit = \"0s\"", "needs some time");
    expect_field_refused("limit = {}", "string expected");
    expect_field_refused("limit = -1", "a duration in seconds");
    expect_field_refused("from = 1", "\"from\" must be a string");
}

Test(scenario_script, what_is_no_scenario_is_refused_with_file_and_line) {
    static const char *const no_run[] = {"case.lua:1: ", "run = function", NULL};
    expect_refused("scenario \"t\" {}", no_run);
    static const char *const no_title[] = {"case.lua:1: ", "title", NULL};
    expect_refused("scenario \"\" { run = function() end }", no_title);
    static const char *const title_only[] = {"case.lua", "a title only", NULL};
    expect_refused("scenario \"t\" { run = function() end }\nscenario \"forgotten\"", title_only);
    static const char *const none[] = {"case.lua", "describes no scenario", NULL};
    expect_refused("-- nothing\n", none);
    static const char *const syntax[] = {"case.lua:3: ", "near", NULL};
    expect_refused("scenario \"t\" {\n run = function(w)\n w:tracker( end }", syntax);
    static const char *const unknown[] = {"case.lua:2: ", "global 'w'", NULL};
    expect_refused("\nlocal x = w.y", unknown);
    static const char *const no_text[] = {"no text", NULL};
    expect_refused("error({})", no_text);
    static const char *const hostile[] = {"no text", NULL};
    expect_refused("error(setmetatable({}, { __tostring = function() error('x') end }))", hostile);
}

Test(scenario_script, a_file_that_cannot_be_read_is_told) {
    struct lr_sandbox sandbox;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_sandbox_init(&sandbox, lr_alloc_system(), 1), LR_OK);
    cr_expect_eq(lr_script_load(&sandbox, "/nonexistent/case.lua", &error), LR_ENOTFOUND);
    cr_expect(strstr(error.text, "/nonexistent/case.lua") != NULL, "%s", error.text);
    char path[LR_SCRIPT_PATH_MAX + 16];
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    cr_expect_eq(lr_script_load(&sandbox, path, &error), LR_EINVAL);
    lr_sandbox_deinit(&sandbox);
}

static int duration_of(lua_State *lua) {
    lua_pushinteger(lua, (lua_Integer)lr_script_duration(lua, 1));
    return 1;
}

/* ns, or -1 where it is refused. */
static lua_Integer duration(struct lr_sandbox *sandbox, const char *value) {
    char text[64];
    lua_State *lua = sandbox->lua;
    (void)snprintf(text, sizeof text, "return duration(%s)", value);
    lua_register(lua, "duration", duration_of);
    cr_assert_eq(luaL_loadstring(lua, text), LUA_OK);
    lua_Integer ns = lua_pcall(lua, 0, 1, 0) == LUA_OK ? lua_tointeger(lua, -1) : -1;
    lua_settop(lua, 0);
    return ns;
}

Test(scenario_script, durations_have_a_unit_or_are_seconds) {
    static const struct {
        const char *value;
        lua_Integer ns;
    } rows[] = {
        {"'100ms'", 100000000},
        {"'2s'", 2000000000},
        {"'1.5s'", 1500000000},
        {"'20us'", 20000},
        {"'7ns'", 7},
        {"2", 2000000000},
        {"0.25", 250000000},
        {"0", 0},
        {"'100'", -1},
        {"'ms'", -1},
        {"'-1s'", -1},
        {"-1", -1},
        {"'1 h'", -1},
        {"{}", -1},
        {"0/0", -1},
        {"1e300", -1},
        {"'nans'", -1},
        {"'infs'", -1},
    };
    struct lr_sandbox sandbox;
    cr_assert_eq(lr_sandbox_init(&sandbox, lr_alloc_system(), 1), LR_OK);
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        cr_expect_eq(duration(&sandbox, rows[i].value), rows[i].ns, "%s", rows[i].value);
    }
    lr_sandbox_deinit(&sandbox);
}

/* Lua cuts names of files beyond 59 bytes; a message without the whole name cannot be clicked on.
 */
Test(scenario_script, messages_have_the_whole_name_of_the_file) {
    static const char path[] =
        "scenarios/lifecycle/a_name_that_goes_on_for_longer_than_lua_shows-is_whole.lua";
    char cut[128];
    char out[256];
    (void)snprintf(cut, sizeof cut, "...%s:12: so", path + strlen(path) - 56);
    cr_expect_str_eq(lr_script_message(out, sizeof out, cut, path),
                     "scenarios/lifecycle/"
                     "a_name_that_goes_on_for_longer_than_lua_shows-is_whole.lua:12: so");
    cr_expect_str_eq(lr_script_message(out, sizeof out, "a/b.lua:1: ... so", "a/b.lua"),
                     "a/b.lua:1: ... so");
    cr_expect_str_eq(lr_script_message(out, sizeof out, "other ... words", path),
                     "other ... words");
}

static const char whole_script[] =
    "scenario \"t\" { run = function() end, limit = \"1s\", worlds = { \"live\" },\n"
    "matrix = { tvm = { \"ffi\", \"legacy\" }, n = { 1, 2, 3 } } }";

static void label_cases(lua_State *lua, void *context) {
    (void)lua;
    struct lr_sandbox *sandbox = context;
    for (int i = 0; i < lr_script_case_count(sandbox, 0); i++) {
        char label[64];
        (void)lr_script_case_label(sandbox, 0, i, label, sizeof label);
    }
    (void)lr_script_limit(sandbox, 0);
    (void)lr_script_in_world(sandbox, 0, "live");
    (void)lr_script_title(sandbox, 0);
}

static void load_and_read(struct lr_alloc *alloc, void *context) {
    struct lr_sandbox sandbox;
    struct lr_error error = {.code = LR_OK};
    enum lr_status status = lr_sandbox_init(&sandbox, alloc, 1);
    if (status == LR_OK) {
        status = lr_script_load(&sandbox, context, &error);
        if (status == LR_OK) {
            status = lr_sandbox_protect(&sandbox, label_cases, &sandbox, &error);
        }
        lr_sandbox_deinit(&sandbox);
    }
    cr_assert(status == LR_OK || (status == LR_ENOMEM && lr_test_has_failed(alloc)), "%d %s",
              (int)status, error.text);
}

Test(scenario_script, nothing_is_lost_whatever_allocation_fails, .timeout = 300) {
    char folder[64];
    char path[96];
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "case.lua", whole_script);
    (void)snprintf(path, sizeof path, "%s/case.lua", folder);
    lr_test_each_failure_of_lua(load_and_read, path);
    lr_rig_remove_folder(folder);
}
