/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON report: valid whenever it is looked at, whole at the end only. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/reports.h"
#include "support/scenario_result.h"
#include "support/scenario_rig.h"

struct running {
    struct lr_test_report file;
    struct lr_reporter *reporter;
    struct lr_error error;
};

static void begin(struct running *running, size_t planned) {
    *running = (struct running){.error = {.code = LR_OK}};
    lr_test_report_init(&running->file, "r.json");
    cr_assert_eq(lr_json_reporter(&running->reporter, lr_alloc_system(), running->file.path,
                                  &running->error),
                 LR_OK);
    running->reporter->begin(running->reporter, planned);
}

static void end_case(struct running *running, const char *name, const char *text, size_t index) {
    struct lr_case_result result;
    lr_test_result_init(&result, lr_alloc_system(), name, LR_CASE_UNEXPECTED, text);
    running->reporter->ended(running->reporter, &result, index, 2);
    running->reporter->flush(running->reporter);
    lr_case_result_deinit(&result);
}

static enum lr_status finish(struct running *running, const struct lr_run_summary *summary) {
    return running->reporter->finish(running->reporter, summary, &running->error);
}

static void end(struct running *running) {
    running->reporter->free(running->reporter);
    lr_test_report_deinit(&running->file);
}

static json_t *read_document(const struct running *running) {
    json_error_t error;
    json_t *document = json_load_file(running->file.path, 0, &error);
    cr_assert_not_null(document, "line %d: %s", error.line, error.text);
    cr_expect_eq(json_integer_value(json_object_get(document, "lastref")), 1);
    return document;
}

static bool is_complete(const json_t *document) {
    return json_is_true(json_object_get(document, "complete"));
}

Test(reports_json, the_file_is_valid_after_each_case_and_complete_at_the_end) {
    struct running running;
    begin(&running, 2);
    for (size_t i = 0; i <= 2; i++) {
        json_t *document = read_document(&running);
        cr_expect_eq(json_array_size(json_object_get(document, "cases")), i);
        cr_expect_not(is_complete(document));
        cr_expect_eq(json_integer_value(json_object_get(document, "planned")), 2);
        cr_expect_null(json_object_get(document, "exit_status"));
        json_decref(document);
        if (i < 2) {
            end_case(&running, i == 0 ? "first" : "second", "words", i);
        }
    }
    struct lr_run_summary summary = lr_test_summary(2, 1);
    cr_expect_eq(finish(&running, &summary), LR_OK);
    json_t *document = read_document(&running);
    cr_expect(is_complete(document));
    cr_expect_eq(json_integer_value(json_object_get(document, "exit_status")), 1);
    cr_expect_eq(json_integer_value(json_object_get(document, "seed")), 9);
    cr_expect_str_eq(json_string_value(json_object_get(document, "world")), "live");
    json_t *counts = json_object_get(document, "counts");
    cr_expect_eq(json_object_size(counts), LR_CASE_OUTCOME_COUNT);
    cr_expect_eq(json_integer_value(json_object_get(counts, "as expected")), 2);
    json_t *calibration = json_object_get(document, "calibration");
    cr_expect_eq(json_integer_value(json_object_get(calibration, "requestable_ns_max")), 39000);
    json_decref(document);
    end(&running);
}

/* Interrupted, or given up by the harness: cases are missing. */
Test(reports_json, a_run_that_did_not_get_through_is_not_complete) {
    struct running running;
    begin(&running, 2);
    end_case(&running, "first", "words", 0);
    struct lr_run_summary summary = lr_test_summary(1, 4);
    cr_expect_eq(finish(&running, &summary), LR_OK);
    json_t *document = read_document(&running);
    cr_expect_not(is_complete(document));
    json_decref(document);
    end_case(&running, "second", "words", 1);
    summary = lr_test_summary(2, 3);
    summary.interrupted = true;
    cr_expect_eq(finish(&running, &summary), LR_OK);
    document = read_document(&running);
    cr_expect_not(is_complete(document));
    cr_expect(json_is_true(json_object_get(document, "interrupted")));
    json_decref(document);
    end(&running);
}

static void expect_texts(const json_t *object, const char *const *names, const char *text) {
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *value = json_string_value(json_object_get(object, names[i]));
        cr_assert_not_null(value, "%s", names[i]);
        cr_expect_str_eq(value, text, "%s", names[i]);
    }
}

Test(reports_json, every_field_is_there_whatever_text_it_holds) {
    static const char clean[] =
        "<a href=\"x\">&amp;</a> ]]> ' \x01\x1b[31m\r\n\t \xC3\xA4 \xEF\xBF\xBD "
        "\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBF "
        "\xEF\xBF\xBD\xEF\xBF\xBD";
    static const char *const case_texts[] = {"title",          "file",   "reason",
                                             "release_detail", "repeat", NULL};
    static const char *const expectation_texts[] = {"text", "expected", "seen", "where", NULL};
    static const char *const line_texts[] = {"text", NULL};
    static const char *const lines[] = {"findings", "receipts", "sessions", "timeline", "told"};
    static const char *const held_texts[] = {"root", NULL};
    static const char *const hop_texts[] = {"name", NULL};
    struct running running;
    begin(&running, 1);
    end_case(&running, "n\xFF", LR_HOSTILE_TEXT, 0);
    json_t *document = read_document(&running);
    const json_t *one = json_array_get(json_object_get(document, "cases"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(one, "name")), "n\xEF\xBF\xBD");
    cr_expect_str_eq(json_string_value(json_object_get(one, "result")), "unexpected");
    expect_texts(one, case_texts, clean);
    const json_t *expectations = json_object_get(one, "expectations");
    cr_assert_eq(json_array_size(expectations), 2);
    expect_texts(json_array_get(expectations, 0), expectation_texts, clean);
    cr_expect(json_is_true(json_object_get(json_array_get(expectations, 0), "held")));
    cr_expect(json_is_false(json_object_get(json_array_get(expectations, 1), "held")));
    cr_expect(json_is_true(json_object_get(json_array_get(expectations, 1), "late")));
    for (size_t i = 0; i < LR_COUNT_OF(lines); i++) {
        const json_t *array = json_object_get(one, lines[i]);
        cr_assert_eq(json_array_size(array), 1, "%s", lines[i]);
        expect_texts(json_array_get(array, 0), line_texts, clean);
        cr_expect_eq(json_integer_value(json_object_get(json_array_get(array, 0), "at_ns")),
                     (json_int_t)(LR_MS * (i + 1)));
    }
    const json_t *held = json_array_get(json_object_get(one, "held"), 0);
    cr_assert_eq(json_array_size(json_object_get(one, "held")), 1);
    expect_texts(held, held_texts, clean);
    const json_t *path = json_object_get(held, "path");
    cr_assert_eq(json_array_size(path), 2);
    expect_texts(json_array_get(path, 0), hop_texts, clean);
    cr_expect(json_is_true(json_object_get(json_array_get(path, 0), "suspect")));
    cr_expect(json_is_true(json_object_get(json_array_get(path, 0), "in_cycle")));
    cr_expect(json_is_false(json_object_get(json_array_get(path, 1), "suspect")));
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(path, 1), "via")), "local r");
    cr_expect_str_eq(json_string_value(json_array_get(json_object_get(held, "released_by"), 0)),
                     clean);
    cr_expect_eq(json_string_length(json_object_get(held, "fingerprint")), 16);
    cr_expect_eq(json_integer_value(json_object_get(held, "session")), 3);
    json_decref(document);
    end(&running);
}

Test(reports_json, what_is_missing_is_null_and_empty_is_empty) {
    struct running running;
    struct lr_case_result result;
    begin(&running, 1);
    cr_assert_eq(lr_case_result_init(&result, lr_alloc_system(), "n", "", "f"), LR_OK);
    result.seed = UINT64_MAX;
    running.reporter->ended(running.reporter, &result, 0, 1);
    running.reporter->flush(running.reporter);
    lr_case_result_deinit(&result);
    json_t *document = read_document(&running);
    const json_t *one = json_array_get(json_object_get(document, "cases"), 0);
    cr_expect(json_is_null(json_object_get(one, "reason")));
    cr_expect_str_eq(json_string_value(json_object_get(one, "title")), "");
    cr_expect_str_eq(json_string_value(json_object_get(one, "seed")), "18446744073709551615");
    json_decref(document);
    end(&running);
}

/* Whoever has the file open goes on seeing what it held. */
Test(reports_json, the_file_is_replaced_and_not_written_over) {
    struct running running;
    begin(&running, 1);
    char before[2048] = "";
    FILE *file = fopen(running.file.path, "rb");
    cr_assert_not_null(file);
    end_case(&running, "first", "words", 0);
    struct stat info;
    cr_assert_eq(fstat(fileno(file), &info), 0);
    cr_expect_eq(info.st_nlink, 0, "the old file is the old one");
    cr_expect_gt(fread(before, 1, sizeof before - 1, file), 0);
    (void)fclose(file);
    cr_expect_null(strstr(before, "first"));
    char partial[128];
    (void)snprintf(partial, sizeof partial, "%s.partial", running.file.path);
    cr_expect_neq(access(partial, F_OK), 0, "nothing half is left lying about");
    end(&running);
}

Test(reports_json, a_path_that_cannot_be_written_is_told_at_the_end) {
    struct lr_reporter *reporter;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_json_reporter(&reporter, lr_alloc_system(), "/nonexistent/r.json", &error),
                 LR_OK);
    reporter->begin(reporter, 0);
    struct lr_run_summary summary = lr_test_summary(0, 0);
    cr_expect_eq(reporter->finish(reporter, &summary, &error), LR_EIO);
    cr_expect(strstr(error.text, "/nonexistent/r.json: cannot be written") != NULL, "%s",
              error.text);
    reporter->free(reporter);
}

Test(reports_json, a_reporter_that_cannot_be_made_leaves_nothing) {
    for (uint64_t n = 1; n <= 2; n++) {
        struct lr_counting_alloc counting;
        struct lr_reporter *reporter;
        struct lr_error error;
        lr_counting_alloc_init(&counting, lr_alloc_system());
        counting.fail_at = n;
        cr_expect_eq(lr_json_reporter(&reporter, &counting.base, "/tmp/x", &error), LR_ENOMEM);
        cr_expect_eq(counting.live_blocks, 0);
        lr_counting_alloc_init(&counting, lr_alloc_system());
        counting.fail_at = n;
        cr_expect_eq(lr_junit_reporter(&reporter, &counting.base, "/tmp/x", &error), LR_ENOMEM);
        cr_expect_eq(counting.live_blocks, 0);
    }
}

/* ---- without memory ---- */

/* The library's memory fails with the report's. Each block remembers where it came from, as it may
 * be one of the test's own, which does not fail. */
union block_head {
    struct {
        struct lr_alloc *alloc;
        size_t size; /* with the head */
    } of;
    max_align_t align;
};

static struct lr_alloc *library_memory;

static void *allocate_block(size_t size) {
    union block_head *head = lr_alloc_bytes(library_memory, sizeof *head + size);
    if (head == NULL) {
        return NULL;
    }
    head->of.alloc = library_memory;
    head->of.size = sizeof *head + size;
    return head + 1;
}

static void free_block(void *block) {
    if (block != NULL) {
        union block_head *head = (union block_head *)block - 1;
        lr_alloc_free(head->of.alloc, head, head->of.size);
    }
}

static enum lr_status make_with_library(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                        const char *path, struct lr_error *error) {
    library_memory = alloc;
    json_set_alloc_funcs(allocate_block, free_block);
    return lr_json_reporter(reporter, alloc, path, error);
}

static void expect_readable(const char *path, bool whole) {
    struct lr_alloc *failing = library_memory;
    library_memory = lr_alloc_system();
    json_error_t error;
    json_t *document = json_load_file(path, 0, &error);
    cr_assert_not_null(document, "line %d: %s", error.line, error.text);
    const json_t *cases = json_object_get(document, "cases");
    cr_assert(json_is_array(cases));
    cr_assert(!whole || is_complete(document));
    cr_assert(!is_complete(document) || json_array_size(cases) == 2);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        cr_assert_eq(json_object_size(json_array_get(cases, i)), 23, "a case has all its fields");
    }
    json_decref(document);
    library_memory = failing;
}

Test(reports_json, is_valid_and_not_complete_where_memory_is_missing) {
    lr_test_report_each_failure(make_with_library, expect_readable);
}
