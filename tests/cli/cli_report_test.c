/* SPDX-License-Identifier: Apache-2.0 */
/* lastref report merge, with every allocation failing in turn: the whole, or a word on what is
 * missing and the file of before. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/report.h"
#include "explore/tally_json.h"
#include "support/failing.h"

static char folder[40];
static char names[3][64]; /* two shares, and the whole */

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

static size_t size_of(const char *path) {
    struct stat seen;
    cr_assert_eq(stat(path, &seen), 0);
    return (size_t)seen.st_size;
}

/* Half of the seeds each. */
static void write_share(unsigned int shard, const char *path) {
    static struct lr_tally tally;
    const struct lr_tally_about about = {.first = 1, .last = 20, .shard = shard, .shards = 2};
    struct lr_buf out;
    tally.runs = 10;
    lr_buf_init(&out, lr_alloc_system());
    cr_assert_eq(lr_tally_write_json(&tally, &about, &out), LR_OK);
    write_file(path, lr_buf_data(&out), lr_buf_size(&out));
    lr_buf_deinit(&out);
}

static void make_folder(void) {
    (void)snprintf(folder, sizeof folder, "/tmp/lastref-report-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    for (unsigned int i = 0; i < LR_COUNT_OF(names); i++) {
        (void)snprintf(names[i], sizeof names[i], "%s/%u.json", folder, i + 1);
    }
    write_share(1, names[0]);
    write_share(2, names[1]);
}

static void remove_folder(void) {
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        (void)unlink(names[i]);
    }
    (void)rmdir(folder);
}

/* Merges with the |fail_at|-th allocation failing, 0 for none; returns how many there were. */
static uint64_t merge(uint64_t fail_at) {
    const char *const paths[] = {names[0], names[1]};
    struct lr_counting_alloc counting;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    counting.fail_at = fail_at;
    write_file(names[2], "before", 6);
    int status = lr_report_merge(&counting.base, paths, LR_COUNT_OF(paths), names[2]);
    cr_assert_eq(counting.live_blocks, 0U);
    cr_assert_eq(status, fail_at == 0 ? LR_EXIT_OK : LR_EXIT_HARNESS);
    cr_assert_eq(size_of(names[2]) == 6, fail_at != 0, "what was there before stays");
    return counting.calls;
}

/* Some thousand are those of reading JSON, which explore_tally fails one by one: of them a few. */
Test(cli_report, merges_or_leaves_all_as_it_was, .init = make_folder, .fini = remove_folder) {
    const uint64_t all = merge(0);
    const uint64_t ends = 20;
    cr_assert_gt(all, 2 * ends);
    for (uint64_t n = 1; n <= all; n += n < ends || n + ends >= all ? 1 : (all - n) / 8 + 1) {
        (void)merge(n);
    }
}

static void read_nonsense(struct lr_alloc *alloc, void *context) {
    const char *const path = names[2];
    (void)context;
    write_file(path, "{}", 2);
    int status = lr_report_merge(alloc, &path, 1, folder);
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_EXIT_USAGE : LR_EXIT_HARNESS);
}

Test(cli_report, tells_nonsense_from_want_of_memory, .init = make_folder, .fini = remove_folder) {
    lr_test_each_failure(read_nonsense, NULL);
}

Test(cli_report, says_by_its_exit_status_what_is_missing, .init = make_folder,
     .fini = remove_folder) {
    const char *const twice[] = {names[0], names[0]};
    const char *const gone[] = {names[0], names[2]};
    struct lr_alloc *alloc = lr_alloc_system();
    cr_assert_eq(lr_report_merge(alloc, twice, 1, names[2]), LR_EXIT_NOT_RUN);
    cr_assert_eq(lr_report_merge(alloc, twice, 2, names[2]), LR_EXIT_USAGE);
    cr_assert_eq(unlink(names[2]), 0);
    cr_assert_eq(lr_report_merge(alloc, gone, 2, names[2]), LR_EXIT_USAGE);
    cr_assert_eq(lr_report_merge(alloc, gone, 1, folder), LR_EXIT_HARNESS, "it is a folder");
}
