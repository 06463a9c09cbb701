/* SPDX-License-Identifier: Apache-2.0 */
/* Which cases a run has: names, order, filters, and what is told of what cannot be read. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "scenario/suite.h"
#include "support/failing.h"
#include "support/scenario_rig.h"

static const char one_case[] = "scenario \"t\" { run = function() end }";

struct gathered {
    char folder[64];
    struct lr_suite suite;
    struct lr_error error;
    enum lr_status status;
};

static void begin(struct gathered *gathered) {
    *gathered = (struct gathered){.status = LR_OK};
    lr_rig_make_folder(gathered->folder, sizeof gathered->folder);
}

static void gather_in(struct gathered *gathered, const char *below, const char *filter,
                      unsigned int worlds) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", gathered->folder, below);
    const char *const paths[] = {path};
    gathered->status = lr_suite_gather(&gathered->suite, lr_alloc_system(), paths, 1, filter,
                                       worlds, &gathered->error);
}

static void gather(struct gathered *gathered, const char *below, const char *filter) {
    gather_in(gathered, below, filter, LR_IN_LIVE);
}

static void end(struct gathered *gathered) {
    lr_suite_deinit(&gathered->suite);
    lr_rig_remove_folder(gathered->folder);
}

Test(scenario_suite, files_are_walked_in_the_order_of_names) {
    static const char *const names[] = {"a/z", "b[n=1]", "b[n=2]", "b#2", "c/d/e"};
    struct gathered gathered;
    begin(&gathered);
    lr_rig_write(gathered.folder, "scenarios/c/d/e.lua", one_case);
    lr_rig_write(gathered.folder, "scenarios/b.lua",
                 "scenario \"t\" { run = function() end, matrix = { n = { 1, 2 } } }\n"
                 "scenario \"second\" { run = function() end }");
    lr_rig_write(gathered.folder, "scenarios/a/z.lua", one_case);
    lr_rig_write(gathered.folder, "scenarios/a/notes.txt", "no scenario");
    lr_rig_write(gathered.folder, "scenarios/.hidden/x.lua", "not Lua at all");
    gather(&gathered, "scenarios/", NULL);
    cr_assert_eq(gathered.status, LR_OK, "%s", gathered.error.text);
    cr_assert_eq(gathered.suite.count, LR_COUNT_OF(names));
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        cr_expect_str_eq(gathered.suite.cases[i].name, names[i]);
    }
    cr_expect_eq(gathered.suite.files, 3);
    cr_expect_str_eq(gathered.suite.cases[3].title, "second");
    cr_expect_eq(gathered.suite.cases[3].line, 2);
    cr_expect_eq(gathered.suite.cases[2].case_index, 1);
    end(&gathered);
}

Test(scenario_suite, a_name_is_the_path_below_the_innermost_folder_of_scenarios) {
    struct gathered gathered;
    begin(&gathered);
    lr_rig_write(gathered.folder, "scenarios/old/scenarios/x/y.lua", one_case);
    gather(&gathered, "scenarios/old/scenarios/x/y.lua", NULL);
    cr_assert_eq(gathered.suite.count, 1, "%s", gathered.error.text);
    cr_expect_str_eq(gathered.suite.cases[0].name, "x/y");
    lr_suite_deinit(&gathered.suite);
    lr_rig_write(gathered.folder, "my-scenarios/z.lua", one_case);
    gather(&gathered, "my-scenarios/z.lua", NULL);
    cr_assert_eq(gathered.suite.count, 1);
    cr_expect(strstr(gathered.suite.cases[0].name, "/my-scenarios/z") != NULL, "%s",
              gathered.suite.cases[0].name);
    end(&gathered);
}

Test(scenario_suite, a_filter_takes_any_part_of_a_name) {
    struct gathered gathered;
    begin(&gathered);
    lr_rig_write(
        gathered.folder, "scenarios/b.lua",
        "scenario \"t\" { run = function() end, matrix = { tvm = { \"ffi\", \"legacy\" } } }");
    lr_rig_write(gathered.folder, "scenarios/c.lua", one_case);
    gather(&gathered, "scenarios", "tvm=leg");
    cr_assert_eq(gathered.suite.count, 1);
    cr_expect_str_eq(gathered.suite.cases[0].name, "b[tvm=legacy]");
    lr_suite_deinit(&gathered.suite);
    gather(&gathered, "scenarios", "nobody");
    cr_expect_eq(gathered.status, LR_OK);
    cr_expect_eq(gathered.suite.count, 0);
    end(&gathered);
}

Test(scenario_suite, cases_of_another_world_are_counted) {
    struct gathered gathered;
    begin(&gathered);
    lr_rig_write(
        gathered.folder, "scenarios/s.lua",
        "scenario \"t\" { run = function() end, worlds = { \"sim\" }, matrix = { n = { 1, 2 } } }");
    gather(&gathered, "scenarios", NULL);
    cr_expect_eq(gathered.suite.count, 0);
    cr_expect_eq(gathered.suite.elsewhere, 2);
    end(&gathered);
}

Test(scenario_suite, each_case_comes_once_for_each_of_its_worlds_sim_first) {
    static const char *const order[][2] = {
        {"both", "sim"}, {"sim", "sim"}, {"both", "live"}, {"live", "live"}};
    struct gathered gathered;
    begin(&gathered);
    lr_rig_write(gathered.folder, "scenarios/both.lua",
                 "scenario \"t\" { run = function() end, from = \"a tale\", limit = \"7s\" }");
    lr_rig_write(gathered.folder, "scenarios/live.lua",
                 "scenario \"t\" { run = function() end, worlds = { \"live\" } }");
    lr_rig_write(gathered.folder, "scenarios/sim.lua",
                 "scenario \"t\" {\n run = function()\n end, worlds = { \"sim\" } }");
    gather_in(&gathered, "scenarios", NULL, LR_IN_ALL);
    cr_assert_eq(gathered.suite.count, LR_COUNT_OF(order));
    for (size_t i = 0; i < LR_COUNT_OF(order); i++) {
        cr_expect_str_eq(gathered.suite.cases[i].name, order[i][0]);
        cr_expect_str_eq(gathered.suite.cases[i].world, order[i][1]);
    }
    cr_expect_eq(gathered.suite.elsewhere, 0);
    cr_expect_eq(lr_suite_count_in(&gathered.suite, "sim"), 2);
    cr_expect_str_eq(gathered.suite.cases[0].from, "a tale");
    cr_expect_eq(gathered.suite.cases[0].limit_ns, 7 * LR_SECOND);
    cr_expect_null(gathered.suite.cases[1].from);
    cr_expect_eq(gathered.suite.cases[1].last_line, 3);
    lr_suite_deinit(&gathered.suite);
    gather_in(&gathered, "scenarios", NULL, LR_IN_SIM);
    cr_expect_eq(gathered.suite.count, 2);
    cr_expect_eq(gathered.suite.elsewhere, 1);
    cr_assert_eq(gathered.suite.others.count, 1, "their names are known");
    cr_expect_str_eq(gathered.suite.others.cases[0].name, "live");
    end(&gathered);
}

Test(scenario_suite, the_nearest_name_is_the_one_with_the_nearest_part) {
    struct gathered gathered;
    begin(&gathered);
    lr_rig_write(gathered.folder, "scenarios/faults/client_killed-released.lua", one_case);
    lr_rig_write(gathered.folder, "scenarios/lifecycle/close-releases_at_once.lua", one_case);
    gather(&gathered, "scenarios", NULL);
    cr_assert_eq(gathered.suite.count, 2);
    cr_expect_str_eq(lr_suite_nearest(&gathered.suite, "clos-releases"),
                     "lifecycle/close-releases_at_once");
    cr_expect_str_eq(lr_suite_nearest(&gathered.suite, "klient_kiled"),
                     "faults/client_killed-released");
    cr_expect_str_eq(lr_suite_nearest(&gathered.suite, "killed"), "faults/client_killed-released");
    cr_expect_null(lr_suite_nearest(&gathered.suite, "xylophone"));
    char long_text[400];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    cr_expect_null(lr_suite_nearest(&gathered.suite, long_text));
    end(&gathered);
}

Test(scenario_suite, one_unreadable_script_is_an_error_of_the_whole) {
    struct gathered gathered;
    begin(&gathered);
    lr_rig_write(gathered.folder, "scenarios/a.lua", one_case);
    lr_rig_write(gathered.folder, "scenarios/b.lua", "scenario \"t\" {\n run = }");
    gather(&gathered, "scenarios", NULL);
    cr_expect_eq(gathered.status, LR_EINVAL);
    cr_expect(strstr(gathered.error.text, "scenarios/b.lua:2:") != NULL, "%s", gathered.error.text);
    end(&gathered);
}

Test(scenario_suite, a_path_that_is_not_there_is_an_error) {
    struct gathered gathered;
    begin(&gathered);
    gather(&gathered, "scenarios", NULL);
    cr_expect_eq(gathered.status, LR_ENOTFOUND);
    cr_expect(strstr(gathered.error.text, "no such file or folder") != NULL, "%s",
              gathered.error.text);
    end(&gathered);
}

/* What lies too deep is told, not left out. */
Test(scenario_suite, folders_too_deep_are_an_error) {
    struct gathered gathered;
    begin(&gathered);
    lr_rig_write(gathered.folder, "scenarios/1/2/3/4/5/6/7/8/9/x.lua", one_case);
    gather(&gathered, "scenarios", NULL);
    cr_expect_eq(gathered.status, LR_ELIMIT);
    cr_expect(strstr(gathered.error.text, "at most 8 deep") != NULL, "%s", gathered.error.text);
    end(&gathered);
}

static void gather_all(struct lr_alloc *alloc, void *context) {
    struct lr_suite suite;
    struct lr_error error = {.code = LR_OK};
    const char *const paths[] = {context};
    enum lr_status status = lr_suite_gather(&suite, alloc, paths, 1, NULL, LR_IN_LIVE, &error);
    cr_assert(status == LR_OK || (status == LR_ENOMEM && lr_test_has_failed(alloc)), "%d %s",
              (int)status, error.text);
    cr_assert(status != LR_OK || suite.count == 3, "none is left out");
    lr_suite_deinit(&suite);
}

Test(scenario_suite, nothing_is_lost_whatever_allocation_fails, .timeout = 300) {
    char folder[64];
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "a.lua", one_case);
    lr_rig_write(folder, "b.lua",
                 "scenario \"t\" { run = function() end, matrix = { n = { 1, 2 } } }");
    lr_test_each_failure_of_lua(gather_all, folder);
    lr_rig_remove_folder(folder);
}
