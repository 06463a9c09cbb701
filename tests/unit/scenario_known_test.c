/* SPDX-License-Identifier: Apache-2.0 */
/* The list of known failures, and the list of real TVM. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/known.h"
#include "scenario/tvm.h"
#include "support/failing.h"
#include "support/scenario_rig.h"

struct list {
    char folder[64];
    char path[96];
    struct lr_known known;
    struct lr_error error;
    enum lr_status status;
};

static void read_list(struct list *list, const char *text) {
    *list = (struct list){.status = LR_OK};
    lr_rig_make_folder(list->folder, sizeof list->folder);
    lr_rig_write(list->folder, "known.txt", text);
    (void)snprintf(list->path, sizeof list->path, "%s/known.txt", list->folder);
    list->status = lr_known_read(&list->known, lr_alloc_system(), list->path, &list->error);
    lr_rig_remove_folder(list->folder);
}

Test(scenario_known, a_line_has_case_verdict_reason_and_link) {
    struct list list;
    read_list(&list, "# a comment\n\n  \t\n"
                     "faults/x[tvm=*] | never |  it stays busy  | https://example.org/1\r\n"
                     "y|*|why|");
    cr_assert_eq(list.status, LR_OK, "%s", list.error.text);
    cr_assert_eq(list.known.count, 2);
    const struct lr_known_line *line = &list.known.lines[0];
    cr_expect_str_eq(line->pattern, "faults/x[tvm=*]");
    cr_expect_str_eq(line->verdict, "never");
    cr_expect_str_eq(line->reason, "it stays busy");
    cr_expect_str_eq(line->link, "https://example.org/1");
    cr_expect_eq(line->line, 4);
    cr_expect_eq(list.known.lines[1].line, 5);
    cr_expect_str_eq(list.known.lines[1].link, "");
    lr_known_deinit(&list.known);
}

Test(scenario_known, a_line_may_be_for_one_world) {
    struct list list;
    read_list(&list, "live:x | never | r | l\nsim:* | late | r | l\nlively | * | r | l\n");
    cr_assert_eq(list.status, LR_OK, "%s", list.error.text);
    const struct lr_known_line *live = lr_known_find(&list.known, "x", "live");
    const struct lr_known_line *sim = lr_known_find(&list.known, "x", "sim");
    cr_assert(live != NULL && sim != NULL);
    cr_expect_eq(live->line, 1);
    cr_expect_eq(sim->line, 2);
    cr_expect_null(lr_known_find(&list.known, "y", "live"));
    cr_expect_not_null(lr_known_find(&list.known, "lively", "live"));
    lr_known_deinit(&list.known);
    read_list(&list, "live: | never | r | l\n");
    cr_expect_eq(list.status, LR_EINVAL);
    lr_known_deinit(&list.known);
}

Test(scenario_known, a_line_that_is_none_is_refused_with_its_number) {
    static const char *const wrong[] = {"x | never | why",      "x | never | why | l | more",
                                        "| never | why | link", "x | | why | link",
                                        "x | never |  | link",  "only words"};
    for (size_t i = 0; i < LR_COUNT_OF(wrong); i++) {
        struct list list;
        char text[128];
        (void)snprintf(text, sizeof text, "# one\n%s\n", wrong[i]);
        read_list(&list, text);
        cr_expect_eq(list.status, LR_EINVAL, "accepted: %s", wrong[i]);
        cr_expect(strstr(list.error.text, "known.txt:2: ") != NULL, "%s", list.error.text);
        lr_known_deinit(&list.known);
    }
}

/* A long line must not be read as two. */
Test(scenario_known, a_line_beyond_the_limit_is_refused) {
    struct list list;
    char text[3000] = "x | never | ";
    memset(text + strlen(text), 'r', 2000);
    (void)snprintf(text + 2012, 100, " | link\n");
    read_list(&list, text);
    cr_expect_eq(list.status, LR_EINVAL);
    cr_expect(strstr(list.error.text, "known.txt:1: ") != NULL, "%s", list.error.text);
    cr_expect(strstr(list.error.text, "bytes") != NULL, "%s", list.error.text);
    lr_known_deinit(&list.known);
}

Test(scenario_known, a_list_that_is_not_there_is_told) {
    struct lr_known known;
    struct lr_error error;
    cr_expect_eq(lr_known_read(&known, lr_alloc_system(), "/nonexistent/list", &error),
                 LR_ENOTFOUND);
    cr_expect(strstr(error.text, "/nonexistent/list") != NULL);
    lr_known_deinit(&known);
}

Test(scenario_known, a_star_stands_for_anything) {
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"abc", "ab", false},
        {"*", "", true},
        {"*", "any/thing", true},
        {"a*c", "ac", true},
        {"a*c", "abbc", true},
        {"a*c", "abbd", false},
        {"*b*b*", "abab", true},
        {"*b*b*", "aba", false},
        {"a**", "a", true},
        {"", "", true},
        {"", "a", false},
        {"x[tvm=*]", "x[tvm=ffi]", true},
        {"x[tvm=*]", "x[tvm=ffi]y", false},
        {"*aab", "aaaaab", true},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        cr_expect_eq(lr_pattern_matches(rows[i].pattern, rows[i].text), rows[i].matches, "%s %s",
                     rows[i].pattern, rows[i].text);
    }
}

Test(scenario_known, the_first_line_that_matches_counts_and_is_marked) {
    struct list list;
    read_list(&list, "a* | never | one | l\nab | late | two | l\n");
    cr_assert_eq(list.known.count, 2);
    const struct lr_known_line *line = lr_known_find(&list.known, "ab", "live");
    cr_assert_not_null(line);
    cr_expect_str_eq(line->reason, "one");
    cr_expect(list.known.lines[0].matched);
    cr_expect_not(list.known.lines[1].matched);
    cr_expect_null(lr_known_find(&list.known, "b", "live"));
    lr_known_deinit(&list.known);
}

Test(scenario_known, an_empty_list_knows_nothing) {
    struct lr_known known = {.count = 0};
    cr_expect_null(lr_known_find(&known, "x", "live"));
    lr_known_deinit(&known);
}

Test(scenario_known, a_line_agrees_with_its_own_verdict_only) {
    struct lr_known_line line = {.verdict = NULL};
    char never[] = "never";
    char failed[] = "failed";
    char any[] = "*";
    line.verdict = never;
    cr_expect(lr_known_agrees(&line, "never", "passed"));
    cr_expect_not(lr_known_agrees(&line, "late", "passed"));
    cr_expect_not(lr_known_agrees(&line, NULL, NULL));
    line.verdict = failed;
    cr_expect(lr_known_agrees(&line, "on time", "failed"));
    cr_expect_not(lr_known_agrees(&line, "on time", "passed"));
    line.verdict = any;
    cr_expect(lr_known_agrees(&line, NULL, NULL));
}

Test(scenario_known, more_than_anybody_should_know_of_is_a_limit_and_no_want_of_memory) {
    char folder[64];
    char path[96];
    struct lr_known known;
    struct lr_error error = {.code = LR_OK};
    static char text[1001 * 16 + 1];
    for (size_t i = 0; i < 1001; i++) {
        (void)snprintf(text + i * 16, 17, "a | never | w |\n");
    }
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "known.txt", text);
    (void)snprintf(path, sizeof path, "%s/known.txt", folder);
    cr_expect_eq(lr_known_read(&known, lr_alloc_system(), path, &error), LR_ELIMIT);
    cr_expect(strstr(error.text, "known.txt:1001: over 1000 known failures") != NULL, "%s",
              error.text);
    lr_known_deinit(&known);
    lr_rig_remove_folder(folder);
}

static void read_failing(struct lr_alloc *alloc, void *context) {
    struct lr_known known;
    struct lr_error error = {.code = LR_OK};
    enum lr_status status = lr_known_read(&known, alloc, context, &error);
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s", error.text);
    cr_assert_eq(error.code, status, "it is told");
    lr_known_deinit(&known);
}

Test(scenario_known, nothing_is_lost_whatever_allocation_fails) {
    char folder[64];
    char path[96];
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "known.txt", "a | never | why | l\nb | late | why | l\n");
    (void)snprintf(path, sizeof path, "%s/known.txt", folder);
    lr_test_each_failure(read_failing, path);
    lr_rig_remove_folder(folder);
}

Test(scenario_tvm, interpreters_are_read_from_the_list_of_paths) {
    char folder[64];
    struct lr_tvm tvm;
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "paths",
                 "# made by a test\nffi=/opt/a b/python\r\nno equals sign\n"
                 "legacy=/opt/legacy/python=3\n");
    (void)setenv("LASTREF_TVM_DIR", folder, 1);
    lr_tvm_find(&tvm, "programs");
    cr_expect_eq(tvm.environments.count, 2);
    cr_expect_str_eq(lr_interpreters_find(&tvm.environments, "ffi"), "/opt/a b/python");
    cr_expect_str_eq(lr_interpreters_find(&tvm.environments, "legacy"), "/opt/legacy/python=3");
    cr_expect_null(lr_interpreters_find(&tvm.environments, "ff"));
    cr_expect_str_eq(tvm.programs, "programs");
    lr_rig_remove_folder(folder);
}

Test(scenario_tvm, an_empty_folder_has_no_tvm) {
    char folder[64];
    struct lr_tvm tvm;
    lr_rig_make_folder(folder, sizeof folder);
    (void)setenv("LASTREF_TVM_DIR", folder, 1);
    lr_tvm_find(&tvm, "programs");
    cr_expect_eq(tvm.environments.count, 0);
    cr_expect_null(lr_interpreters_find(&tvm.environments, "ffi"));
    (void)setenv("LASTREF_TVM_DIR", "", 1);
    lr_tvm_find(&tvm, "programs");
    cr_expect_str_eq(tvm.environments.source, "build/tvm/paths");
    cr_expect_str_eq(tvm.pythons.source, "build/interpreters/paths");
    lr_rig_remove_folder(folder);
}
