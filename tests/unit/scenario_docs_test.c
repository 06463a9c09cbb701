/* SPDX-License-Identifier: Apache-2.0 */
/* docs/scenarios.md: its examples do what the page says, each is run and ends as expected; and no
 * word and no option that a script can use is missing from it. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scenario_rig.h"

enum { EXAMPLES_MIN = 3 };

static struct lr_seen_run run;

/* The text between ```lua and ```, from |*at| on, NUL-terminated in place; moves |*at| behind it.
 * NULL: there is no more. */
/* In virtual time: a slow machine is no fault of the page. */
static const struct lr_rig_options simulated = {.sim = true};

static char *next_example(char **at) {
    static const char begin[] = "\n```lua\n";
    char *found = strstr(*at, begin);
    if (found == NULL) {
        return NULL;
    }
    char *example = found + sizeof begin - 1;
    char *end = strstr(example, "\n```\n");
    cr_assert_not_null(end, "an example has no end: %.60s", example);
    *end = '\0';
    *at = end + 1;
    return example;
}

Test(scenario_docs, every_example_of_the_reference_ends_as_expected, .timeout = 300) {
    char *page = lr_rig_read(LR_TEST_DOCS "/scenarios.md");
    char *at = page;
    size_t count = 0;
    for (const char *example = next_example(&at); example != NULL; example = next_example(&at)) {
        lr_rig_run_text(&run, example, &simulated);
        cr_expect_geq(run.count, 1U, "no scenario in: %.60s", example);
        for (size_t i = 0; i < run.count && i < LR_SEEN_CASES_MAX; i++) {
            const struct lr_seen_case *seen = &run.cases[i];
            cr_expect_eq(seen->outcome, LR_CASE_AS_EXPECTED, "%s: %s; expected %s, seen %s",
                         seen->title, seen->reason, seen->expected, seen->seen);
        }
        count++;
    }
    cr_assert_geq(count, (size_t)EXAMPLES_MIN);
    free(page);
}

/* ---- every word is there ---- */

enum { WORDS_MIN = 200, WORD_MAX = 64 };

/* What stands between backticks, one or three, is code; the rest becomes blank. */
static void blank_prose(char *page) {
    bool code = false;
    for (char *c = page; *c != '\0'; c++) {
        code = code != (*c == '`');
        *c = code && *c != '`' ? *c : ' ';
    }
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) != 0 || c == '_';
}

static bool documented(const char *code, const char *word) {
    size_t size = strlen(word);
    for (const char *at = strstr(code, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == code || !is_word(at[-1])) && !is_word(at[size])) {
            return true;
        }
    }
    return false;
}

/* Where a word of the language is defined in a source, what stands before it and what ends the row.
 */
static const struct {
    const char *begin;
    const char *end;
    bool first_only; /* of a row in braces the first string is the word */
} definitions[] = {
    {"luaL_Reg ", "};", true},
    {"_METHODS", "}\n\n", true},
    {"lua_register(lua, ", ")", false},
    {"known[] = {", "}", false},
};

/* Checks the strings of |text|, up to |end|; of rows in braces only what follows the brace. */
static size_t check_words(const char *file, const char *text, const char *end, bool first_only,
                          const char *code) {
    size_t count = 0;
    for (const char *c = text; c < end; c++) {
        char word[WORD_MAX];
        if (*c != '"') {
            continue;
        }
        size_t size = strcspn(c + 1, "\"");
        const char *before = c - 1;
        while (before > text && isspace((unsigned char)*before)) {
            before--;
        }
        bool is_row = *before == '{';
        if ((!first_only || is_row) && size < sizeof word && strncmp(c + 1, "__", 2) != 0) {
            (void)snprintf(word, sizeof word, "%.*s", (int)size, c + 1);
            cr_expect(documented(code, word), "%s: \"%s\" is not in docs/scenarios.md", file, word);
            count++;
        }
        c += size + 1;
    }
    return count;
}

static size_t check_source(const char *file, const char *code) {
    char path[1024];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/%s", LR_TEST_WORDS, file);
    char *text = lr_rig_read(path);
    for (size_t i = 0; i < LR_COUNT_OF(definitions); i++) {
        const char *at = text;
        while ((at = strstr(at, definitions[i].begin)) != NULL) {
            const char *end = strstr(at, definitions[i].end);
            end = end == NULL ? at + strlen(at) : end;
            count += check_words(file, at, end, definitions[i].first_only, code);
            at = end;
        }
    }
    free(text);
    return count;
}

Test(scenario_docs, every_word_and_option_is_in_the_reference) {
    char *page = lr_rig_read(LR_TEST_DOCS "/scenarios.md");
    size_t count = 0;
    blank_prose(page);
    DIR *folder = opendir(LR_TEST_WORDS);
    cr_assert_not_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0) &&
            strncmp(entry->d_name, "sandbox", 7) != 0) { /* of Lua's own library */
            count += check_source(entry->d_name, page);
        }
    }
    (void)closedir(folder);
    cr_assert_geq(count, (size_t)WORDS_MIN, "%zu words", count);
    free(page);
}

/* ---- without memory ---- */

/* What its run function does, the world's name being w; NUL-terminated in place. */
static const char *body_of(char *example) {
    static const char begin[] = "run = function(w)\n";
    char *body = strstr(example, begin);
    cr_assert_not_null(body);
    char *end = strstr(body, "\n  end,\n}");
    cr_assert_not_null(end, "%s", body);
    *end = '\0';
    return body + sizeof begin - 1;
}

Test(scenario_docs, the_shortest_example_proves_nothing_without_memory, .timeout = 300) {
    char *page = lr_rig_read(LR_TEST_DOCS "/scenarios.md");
    char *at = page;
    const char *shortest = NULL;
    for (char *example = next_example(&at); example != NULL; example = next_example(&at)) {
        const char *body = body_of(example);
        shortest = shortest == NULL || strlen(body) < strlen(shortest) ? body : shortest;
    }
    cr_assert_not_null(shortest);
    lr_rig_each_failure(&(struct lr_rig_story){.body = shortest});
    free(page);
}
