/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of running TVM: what is well formed comes out of the codecs as it went in, however it
 * is cut; what is not is refused, and says why. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "golden_tables.h"
#include "support/failing.h"
#include "support/files.h"

/* Parses a capture and walks it. */
static enum lr_status walk_file(struct lr_alloc *alloc, const struct golden_file *file,
                                enum golden_chunking chunking, struct golden_counts *counts,
                                struct lr_error *error) {
    struct lr_buf lines;
    struct lr_capture capture = {.alloc = alloc};
    char name[128];
    (void)snprintf(name, sizeof name, "%s.jsonl", file->name);
    lr_buf_init(&lines, alloc);
    enum lr_status status = lr_test_read_file(LR_GOLDEN_CAPTURES, name, &lines);
    if (status == LR_OK) {
        status = lr_capture_parse(&capture, alloc, lr_buf_data(&lines), lr_buf_size(&lines), error);
    } else {
        (void)lr_error_set(error, status, "%s: %s", name, lr_status_text(status));
    }
    if (status == LR_OK) {
        struct golden_walk walk = {.alloc = alloc,
                                   .capture = &capture,
                                   .file = file->name,
                                   .dialect = file->dialect,
                                   .chunking = chunking,
                                   .refusals = golden_refusals,
                                   .refusal_count = LR_COUNT_OF(golden_refusals)};
        status = golden_walk_capture(&walk, error);
        *counts = walk.counts;
    }
    lr_capture_deinit(&capture);
    lr_buf_deinit(&lines);
    return status;
}

static void check_counts(const struct golden_file *file, const struct golden_counts *counts) {
    const struct golden_counts *expected = &file->counts;
    cr_expect_eq(counts->words, expected->words, "%s: %zu words", file->name, counts->words);
    cr_expect_eq(counts->keys, expected->keys, "%s: %zu keys", file->name, counts->keys);
    cr_expect_eq(counts->requests, expected->requests, "%s: %zu requests", file->name,
                 counts->requests);
    cr_expect_eq(counts->answers, expected->answers, "%s: %zu answers", file->name,
                 counts->answers);
    cr_expect_eq(counts->packets, expected->packets, "%s: %zu packets", file->name,
                 counts->packets);
    cr_expect_eq(counts->refused, expected->refused, "%s: %zu refused", file->name,
                 counts->refused);
}

static void check_all(enum golden_chunking chunking) {
    for (size_t i = 0; i < LR_COUNT_OF(golden_files); i++) {
        struct lr_counting_alloc counting;
        struct golden_counts counts = {0};
        struct lr_error error = {0};
        lr_counting_alloc_init(&counting, lr_alloc_system());
        enum lr_status status =
            walk_file(&counting.base, &golden_files[i], chunking, &counts, &error);
        cr_expect_eq(status, LR_OK, "%s", error.text);
        check_counts(&golden_files[i], &counts);
        cr_expect_eq(counting.live_blocks, 0, "%s: %zu blocks are lost", golden_files[i].name,
                     counting.live_blocks);
    }
}

Test(golden, messages_come_out_as_they_went_in_when_they_arrive_whole) {
    check_all(GOLDEN_WHOLE);
}

Test(golden, messages_come_out_as_they_went_in_when_they_arrive_as_recorded) {
    check_all(GOLDEN_RECORDED);
}

Test(golden, messages_come_out_as_they_went_in_when_they_arrive_byte_by_byte) {
    check_all(GOLDEN_BYTES);
}

Test(golden, each_listed_refusal_is_of_a_listed_file) {
    for (size_t i = 0; i < LR_COUNT_OF(golden_refusals); i++) {
        size_t found = 0;
        for (size_t j = 0; j < LR_COUNT_OF(golden_files); j++) {
            found += strcmp(golden_files[j].name, golden_refusals[i].file) == 0;
        }
        cr_expect_eq(found, 1, "%s", golden_refusals[i].file);
    }
}

static void walk_under_failure(struct lr_alloc *alloc, void *context) {
    struct golden_counts counts = {0};
    struct lr_error error = {0};
    enum lr_status status = walk_file(alloc, context, GOLDEN_RECORDED, &counts, &error);
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s", error.text);
}

/* The files that hold each kind of message, and are small. */
Test(golden, nothing_is_lost_whichever_allocation_fails) {
    static const char *const names[] = {
        "ffi-v0.26/01_tracker_summary",
        "ffi-v0.26/03_session_clean",
        "legacy-v0.10.0/03_session_clean",
        "legacy-v0.10.0/08_handshake_bad_keys",
    };
    size_t walked = 0;
    for (size_t i = 0; i < LR_COUNT_OF(golden_files); i++) {
        for (size_t j = 0; j < LR_COUNT_OF(names); j++) {
            if (strcmp(golden_files[i].name, names[j]) == 0) {
                struct golden_file file = golden_files[i];
                lr_test_each_failure(walk_under_failure, &file);
                walked++;
            }
        }
    }
    cr_assert_eq(walked, LR_COUNT_OF(names));
}
