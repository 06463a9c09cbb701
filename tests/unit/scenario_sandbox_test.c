/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts are given, and what they are not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "scenario/sandbox.h"
#include "scenario/words.h"
#include "support/failing.h"

/* Runs |text| in |sandbox|; its result as text, or its error. */
static const char *run(struct lr_sandbox *sandbox, const char *text) {
    static char out[512];
    lua_State *lua = sandbox->lua;
    if (luaL_loadbufferx(lua, text, strlen(text), "=script", "t") == LUA_OK) {
        (void)lua_pcall(lua, 0, 1, 0);
    }
    (void)snprintf(out, sizeof out, "%s",
                   lua_isnil(lua, -1) ? "nil" : luaL_tolstring(lua, -1, NULL));
    lua_settop(lua, 0);
    return out;
}

/* The same in a sandbox of its own, after which nothing may be left. */
static const char *run_alone(const char *text, uint64_t seed) {
    struct lr_counting_alloc counting;
    struct lr_sandbox sandbox;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    cr_assert_eq(lr_sandbox_init(&sandbox, &counting.base, seed), LR_OK);
    cr_assert_eq(sandbox.instructions_max, LR_SCRIPT_INSTRUCTIONS_MAX);
    sandbox.instructions_max = 2000000; /* for the sake of those who wait for valgrind */
    const char *result = run(&sandbox, text);
    lr_sandbox_deinit(&sandbox);
    cr_assert_eq(counting.live_blocks, 0);
    cr_assert_eq(counting.live_bytes, 0);
    return result;
}

static bool contains(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

Test(scenario_sandbox, no_file_process_clock_or_code_can_be_reached) {
    static const char *const names[] = {"os",
                                        "io",
                                        "debug",
                                        "package",
                                        "require",
                                        "load",
                                        "dofile",
                                        "loadfile",
                                        "loadstring",
                                        "next",
                                        "collectgarbage",
                                        "print",
                                        "coroutine",
                                        "math.randomseed",
                                        "string.dump"};
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "return %s", names[i]);
        cr_expect_str_eq(run_alone(text, 1), "nil", "%s", names[i]);
    }
}

Test(scenario_sandbox, what_scripts_need_is_there) {
    cr_expect_str_eq(run_alone("return ('x'):rep(3) .. #table.pack(1, 2) .. math.max(1, 2)", 1),
                     "xxx22");
    cr_expect_str_eq(run_alone("return select('#', pcall(error, 'x'))", 1), "2");
    cr_expect_str_eq(run_alone("return utf8.char(228)", 1), "\xC3\xA4");
}

Test(scenario_sandbox, bytecode_is_refused) {
    struct lr_sandbox sandbox;
    cr_assert_eq(lr_sandbox_init(&sandbox, lr_alloc_system(), 1), LR_OK);
    static const char code[] = "\x1bLua\x54";
    cr_expect_neq(luaL_loadbufferx(sandbox.lua, code, sizeof code - 1, "=x", "t"), LUA_OK);
    cr_expect(contains(lua_tostring(sandbox.lua, -1), "binary"));
    lr_sandbox_deinit(&sandbox);
}

Test(scenario_sandbox, memory_beyond_the_limit_is_an_error_of_the_script) {
    cr_expect(
        contains(run_alone("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000000) .. i end", 1),
                 "not enough memory"));
    cr_expect_str_eq(run_alone("return #('x'):rep(1000000)", 1), "1000000");
}

Test(scenario_sandbox, a_loop_without_an_end_is_an_error_of_the_script) {
    cr_expect(contains(run_alone("while true do end", 1), "without an end"));
}

/* The error of the budget must not be caught over and over by the very loop that has used it up. */
Test(scenario_sandbox, pcall_does_not_save_a_loop_without_an_end, .timeout = 300) {
    cr_expect(contains(run_alone("while true do pcall(function() while true do end end) end", 1),
                       "without an end"));
    cr_expect(contains(run_alone("local function f() while true do end end\n"
                                 "while true do pcall(pcall, f) pcall(pcall, pcall, f) end",
                                 1),
                       "without an end"));
}

Test(scenario_sandbox, pairs_walks_in_the_order_of_keys) {
    static const char text[] =
        "local t, out = { z = 1, a = 2, m = 3, [10] = 4, [2] = 5, [true] = 6, [1.5] = 7 }, {}\n"
        "for k, v in pairs(t) do out[#out + 1] = tostring(k) .. '=' .. v end\n"
        "return table.concat(out, ' ')";
    cr_expect_str_eq(run_alone(text, 1), "1.5=7 2=5 10=4 a=2 m=3 z=1 true=6");
    cr_expect_str_eq(run_alone("local n = 0 for _ in pairs({}) do n = n + 1 end return n", 1), "0");
    cr_expect(contains(run_alone("for _ in pairs({ [{}] = 1 }) do end", 1), "no order"));
}

Test(scenario_sandbox, random_numbers_come_from_the_seed) {
    static const char text[] = "local t = {} for i = 1, 8 do t[i] = math.random(1000) end\n"
                               "return table.concat(t, ' ') .. math.random()";
    char first[512];
    (void)snprintf(first, sizeof first, "%s", run_alone(text, 7));
    cr_expect_str_eq(run_alone(text, 7), first);
    cr_expect_str_neq(run_alone(text, 8), first);
    cr_expect_str_eq(run_alone("for i = 1, 999 do local n = math.random(3, 5)\n"
                               "if n < 3 or n > 5 then return 'out' end end\n"
                               "return math.random(4, 4)",
                               1),
                     "4");
    cr_expect(contains(run_alone("return math.random(2, 1)", 1), "empty"));
    cr_expect(contains(run_alone("local n = math.random(math.mininteger, math.maxinteger)\n"
                                 "return math.type(n)",
                                 1),
                       "integer"));
}

/* Addresses differ from run to run. */
Test(scenario_sandbox, no_address_comes_out) {
    cr_expect_str_eq(run_alone("return tostring({})", 1), "table");
    cr_expect_str_eq(run_alone("return tostring(pcall)", 1), "function");
    cr_expect_str_eq(run_alone("return ('%s %5s|%d'):format({}, pcall, 7)", 1), "table function|7");
    cr_expect(contains(run_alone("return ('%p'):format({})", 1), "address"));
    cr_expect(contains(run_alone("return ('%%%-20p'):format({})", 1), "address"));
    cr_expect(contains(run_alone("return string.format('\\0%p', {})", 1), "address"));
    cr_expect_str_eq(run_alone("return ('%%p %5.2f %s %s %q'):format(1.5, nil, true, 'x')", 1),
                     "%p  1.50 nil true \"x\"");
    cr_expect_str_eq(
        run_alone("return tostring(setmetatable({}, { __tostring = function() return 'T' end }))",
                  1),
        "T");
    cr_expect_str_eq(run_alone("return tostring(12) .. tostring(nil) .. tostring('x')", 1),
                     "12nilx");
}

static void raise(lua_State *lua, void *context) {
    luaL_error(lua, "%s", (const char *)context);
}

static void raise_table(lua_State *lua, void *context) {
    (void)context;
    lua_newtable(lua);
    (void)lua_error(lua);
}

Test(scenario_sandbox, an_error_below_protect_is_told) {
    struct lr_sandbox sandbox;
    struct lr_error error = {.code = LR_OK};
    char words[] = "so it is";
    cr_assert_eq(lr_sandbox_init(&sandbox, lr_alloc_system(), 1), LR_OK);
    cr_expect_eq(lr_sandbox_protect(&sandbox, raise, words, &error), LR_EINVAL);
    cr_expect_str_eq(error.text, "so it is");
    cr_expect_eq(lr_sandbox_protect(&sandbox, raise_table, NULL, &error), LR_EINVAL);
    cr_expect_eq(lua_gettop(sandbox.lua), 0);
    lr_sandbox_deinit(&sandbox);
}

static void init_and_run(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_sandbox sandbox;
    enum lr_status status = lr_sandbox_init(&sandbox, alloc, 1);
    if (status == LR_OK) {
        lua_State *lua = sandbox.lua;
        static const char text[] = "local t = {} for i = 1, 20 do t[i] = ('x'):rep(i * 10) end";
        if (luaL_loadbufferx(lua, text, sizeof text - 1, "=x", "t") == LUA_OK) {
            (void)lua_pcall(lua, 0, 0, 0);
        }
        lr_sandbox_deinit(&sandbox);
    }
    cr_assert(status == LR_OK || status == LR_ENOMEM);
    cr_assert(status == LR_OK || lr_test_has_failed(alloc));
}

Test(scenario_sandbox, nothing_is_lost_whatever_allocation_fails) {
    lr_test_each_failure_of_lua(init_and_run, NULL);
}
