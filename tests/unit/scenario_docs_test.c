/* SPDX-License-Identifier: Apache-2.0 */
/* The examples of docs/scenarios.md do what the page says: each is run, and ends as expected. */
#include <criterion/criterion.h>
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
