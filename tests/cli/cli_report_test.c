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

static void merge(struct lr_alloc *alloc, void *context) {
    const char *const paths[] = {names[0], names[1]};
    (void)context;
    write_file(names[2], "before", 6);
    int status = lr_report_merge(alloc, paths, LR_COUNT_OF(paths), names[2]);
    if (lr_test_must_succeed(alloc)) {
        cr_assert_eq(status, LR_EXIT_OK);
        cr_assert_gt(size_of(names[2]), 100U);
    } else {
        cr_assert_eq(status, LR_EXIT_HARNESS);
        cr_assert_eq(size_of(names[2]), 6U, "it is as it was");
    }
}

Test(cli_report, merges_or_leaves_all_as_it_was, .init = make_folder, .fini = remove_folder) {
    lr_test_each_failure(merge, NULL);
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
