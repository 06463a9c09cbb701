/* SPDX-License-Identifier: Apache-2.0 */
/* Workers of an exploration that die: of a seed, while they shrink, at a scenario. What was found
 * is there all the same. The workers here are small programs of the test's own. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explore/team.h"
#include "support/failing.h"

enum { SCRIPT_MAX = 4096, ANSWER_MAX = 1024 };

/* What a worker says of $count seeds, and of |finding| (NULL: of none), as a shell says it. */
static void write_answer(char out[ANSWER_MAX], const struct lr_tally_finding *finding) {
    static struct lr_tally said;
    struct lr_line_writer writer;
    memset(&said, 0, sizeof said);
    said.finding_count = finding != NULL;
    said.findings[0] = finding != NULL ? *finding : (struct lr_tally_finding){.seed = 0};
    lr_line_writer_init(&writer, lr_alloc_system());
    lr_tally_say(&writer, &said);
    cr_assert_eq(writer.status, LR_OK);
    const char *line = (const char *)lr_buf_data(&writer.bytes);
    const char *end = memchr(line, '\n', lr_buf_size(&writer.bytes));
    cr_assert_not_null(end);
    int size = (int)(end - line);
    static const char head[] = "tally 0 ";
    cr_assert_eq(strncmp(line, head, sizeof head - 1), 0, "%.*s", size, line);
    size -= (int)sizeof head - 1;
    int used = snprintf(out, ANSWER_MAX, "printf '%%s\\n' \"tally $count %.*s\"", size,
                        line + sizeof head - 1);
    cr_assert(used > 0 && used < ANSWER_MAX);
    lr_line_writer_deinit(&writer);
}

static const struct lr_tally_finding leak = {.seed = 7, .count = 1, .text = "leaked: something"};
static const char die[] = "kill -SEGV $$";

/* A worker that is a shell: |at_seven| of a batch with seed 7 in it, else it finds nothing;
 * |shrunk| and |repeated| for a finding. */
static const char *worker(char script[SCRIPT_MAX], const char *at_seven, const char *shrunk,
                          const char *repeated) {
    char nothing[ANSWER_MAX];
    write_answer(nothing, NULL);
    int used = snprintf(
        script, SCRIPT_MAX,
        "while read -r word first stride count; do case $word in "
        "play) if [ $first -le 7 ] && [ $((first + count)) -gt 7 ]; then %s; else %s; fi;; "
        "shrink) count=0; %s;; repeat) count=0; %s;; esac; done",
        at_seven, nothing, shrunk, repeated);
    cr_assert(used > 0 && used < SCRIPT_MAX);
    return script;
}

static struct lr_tally tally;

static enum lr_status explore(const char *script, const char *found, struct lr_alloc *alloc,
                              struct lr_error *error) {
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const struct lr_team_options options = {.alloc = alloc,
                                            .argv = argv,
                                            .jobs = 1,
                                            .first = 1,
                                            .last = 40,
                                            .shard = 1,
                                            .shards = 1,
                                            .hang_ns = 60 * LR_SECOND,
                                            .keep_going = true,
                                            .found = found};
    uint64_t took_ns = 0;
    bool interrupted = false;
    return lr_team_explore(&options, &tally, &took_ns, &interrupted, error);
}

static void explore_well(const char *script, const char *found) {
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(explore(script, found, lr_alloc_system(), &error), LR_OK, "%s", error.text);
}

TestSuite(explore_team, .timeout = 300);

Test(explore_team, seed_that_ends_its_worker_is_what_was_found) {
    char script[SCRIPT_MAX];
    explore_well(worker(script, die, die, die), NULL);
    cr_assert_eq(tally.finding_count, 1U);
    cr_expect_eq(tally.findings[0].seed, 7U);
    cr_expect(tally.findings[0].crashed);
    cr_expect_eq(tally.runs, 40U, "%llu", (unsigned long long)tally.runs);
}

/* Written as it was made. */
static void expect_written(bool repeats) {
    cr_assert_eq(tally.finding_count, 1U);
    const struct lr_tally_finding *finding = &tally.findings[0];
    cr_assert_neq(finding->file[0], '\0');
    cr_expect_gt(finding->operations, 0U);
    cr_expect_eq(finding->repeats, repeats);
    cr_expect_eq(finding->count, 1U);
    cr_expect_eq(unlink(finding->file), 0);
}

/* That its scenario ends a worker, too, is that it repeats. */
Test(explore_team, finding_whose_shrinking_ends_the_worker_is_written_as_it_was_made) {
    char script[SCRIPT_MAX];
    char found[ANSWER_MAX];
    char folder[] = "/tmp/lastref-team-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    write_answer(found, &leak);
    explore_well(worker(script, found, die, die), folder);
    expect_written(true);
    explore_well(worker(script, found, die, found), folder);
    expect_written(false);
    cr_assert_eq(rmdir(folder), 0);
}

Test(explore_team, finding_that_was_shrunk_is_as_its_worker_says) {
    char script[SCRIPT_MAX];
    char found[ANSWER_MAX];
    char shrunk[ANSWER_MAX];
    struct lr_tally_finding small = leak;
    small.operations = 3;
    small.shrink_runs = 99;
    small.repeats = true;
    (void)snprintf(small.file, sizeof small.file, "here.lua");
    write_answer(found, &leak);
    write_answer(shrunk, &small);
    explore_well(worker(script, found, shrunk, die), "nowhere");
    cr_assert_eq(tally.finding_count, 1U);
    cr_expect_eq(tally.findings[0].operations, 3U);
    cr_expect_eq(tally.findings[0].shrink_runs, 99U);
    cr_expect(tally.findings[0].repeats);
    cr_expect_str_eq(tally.findings[0].file, "here.lua");
}

/* Whoever waits for what was lost would wait until the worker is taken for one that hangs. */
static void explore_without_memory(struct lr_alloc *alloc, void *context) {
    struct lr_error error = {.code = LR_OK};
    enum lr_status status = explore(context, NULL, alloc, &error);
    cr_assert(status == LR_OK || !lr_test_must_succeed(alloc), "%s", error.text);
    cr_assert(status != LR_OK || tally.finding_count == 0);
}

Test(explore_team, no_memory_loses_nothing) {
    char script[SCRIPT_MAX];
    char nothing[ANSWER_MAX];
    write_answer(nothing, NULL);
    (void)worker(script, nothing, die, die);
    lr_test_each_failure(explore_without_memory, script);
}
