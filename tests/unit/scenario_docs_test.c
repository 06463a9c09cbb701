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
