/* SPDX-License-Identifier: Apache-2.0 */
/* The JUnit report: well-formed whatever is in it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "reports/reports.h"
#include "support/scenario_result.h"
#include "support/scenario_rig.h"

/* A reader of just as much XML as stands in such a report: elements with attributes, text, the five
 * entities. Each step fails the test where the file is not well-formed. */
struct reader {
    const char *at;
    char open[8][32];
    size_t depth;
    size_t elements;
    char text[16384]; /* of all elements, with entities resolved */
    size_t text_size;
};

static void keep(struct reader *reader, char c) {
    cr_assert_lt(reader->text_size + 1, sizeof reader->text);
    reader->text[reader->text_size++] = c;
}

/* One character of text or of a value. */
static void read_character(struct reader *reader) {
    static const struct {
        const char *form;
        char c;
    } entities[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    unsigned char c = (unsigned char)*reader->at;
    cr_assert(c >= 0x20 || c == '\n' || c == '\t', "the control character %d", c);
    cr_assert(strncmp(reader->at, "\xEF\xBF\xBF", 3) != 0 &&
                  strncmp(reader->at, "\xEF\xBF\xBE", 3) != 0,
              "a character that XML has no form for");
    cr_assert_neq(c, '<');
    if (c != '&') {
        cr_assert_neq(strncmp(reader->at, "]]>", 3), 0, "the end of a section that has not begun");
        keep(reader, *reader->at++);
        return;
    }
    for (size_t i = 0; i < LR_COUNT_OF(entities); i++) {
        if (strncmp(reader->at, entities[i].form, strlen(entities[i].form)) == 0) {
            keep(reader, entities[i].c);
            reader->at += strlen(entities[i].form);
            return;
        }
    }
    cr_assert_fail("no entity: %.10s", reader->at);
}

static size_t read_name(struct reader *reader, char *out, size_t size) {
    size_t length = strspn(reader->at, "abcdefghijklmnopqrstuvwxyz-");
    cr_assert(length > 0 && length < size, "no name: %.20s", reader->at);
    memcpy(out, reader->at, length);
    out[length] = '\0';
    reader->at += length;
    return length;
}

static void read_attributes(struct reader *reader) {
    while (*reader->at == ' ') {
        char name[32];
        reader->at++;
        (void)read_name(reader, name, sizeof name);
        cr_assert_eq(strncmp(reader->at, "=\"", 2), 0, "%s", name);
        for (reader->at += 2; *reader->at != '"';) {
            cr_assert_neq(*reader->at, '\0');
            read_character(reader);
        }
        reader->at++;
        keep(reader, '\n');
    }
}

static void read_tag(struct reader *reader) {
    char name[32];
    reader->at++;
    bool closes = *reader->at == '/';
    reader->at += closes;
    (void)read_name(reader, name, sizeof name);
    if (closes) {
        cr_assert_gt(reader->depth, 0);
        cr_assert_str_eq(name, reader->open[--reader->depth]);
    } else {
        read_attributes(reader);
        reader->elements++;
        if (*reader->at == '/') {
            reader->at++;
        } else {
            cr_assert_lt(reader->depth, LR_COUNT_OF(reader->open));
            (void)snprintf(reader->open[reader->depth++], 32, "%s", name);
        }
    }
    cr_assert_eq(*reader->at, '>', "%s", name);
    reader->at++;
}

static void read_report(struct reader *reader, const char *path) {
    static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    char *text = lr_rig_read(path);
    *reader = (struct reader){.at = text};
    cr_assert(lr_text_is_utf8(lr_text_of(text)));
    cr_assert_eq(strncmp(text, head, strlen(head)), 0);
    reader->at += strlen(head);
    while (*reader->at != '\0') {
        if (*reader->at == '<') {
            read_tag(reader);
        } else {
            read_character(reader);
        }
    }
    cr_assert_eq(reader->depth, 0, "%s is not closed", reader->open[0]);
    reader->text[reader->text_size] = '\0';
    free(text);
}

static void end_case(struct lr_reporter *reporter, const char *name, enum lr_case_outcome outcome,
                     const char *text) {
    struct lr_case_result result;
    lr_test_result_init(&result, lr_alloc_system(), name, outcome, text);
    reporter->ended(reporter, &result, 0, 1);
    reporter->flush(reporter);
    lr_case_result_deinit(&result);
}

static bool has(const char *path, const char *part) {
    char *text = lr_rig_read(path);
    bool found = strstr(text, part) != NULL;
    free(text);
    return found;
}

Test(reports_junit, each_outcome_has_its_element) {
    struct lr_test_report file;
    struct lr_reporter *reporter;
    struct lr_error error = {.code = LR_OK};
    struct reader reader;
    lr_test_report_init(&file, "r.xml");
    cr_assert_eq(lr_junit_reporter(&reporter, lr_alloc_system(), file.path, &error), LR_OK);
    reporter->begin(reporter, LR_CASE_OUTCOME_COUNT);
    read_report(&reader, file.path);
    cr_expect_eq(reader.elements, 3, "a suite, and the test of a run that has not ended");
    cr_expect(has(file.path, "<error message=\"incomplete: 0 of 8 cases are in this report\"/>"));
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT; i++) {
        end_case(reporter, "case", (enum lr_case_outcome)i, "so it is");
        read_report(&reader, file.path); /* after each case */
    }
    cr_expect(has(file.path, "tests=\"9\" failures=\"2\" errors=\"2\" skipped=\"3\""));
    struct lr_run_summary summary = lr_test_summary(8, 1);
    cr_expect_eq(reporter->finish(reporter, &summary, &error), LR_OK);
    read_report(&reader, file.path);
    cr_expect_eq(reader.elements, 1 + 8 + 2 + 1 + 3 + 8,
                 "a suite, cases, failures, an error, skipped, and what each has to say");
    cr_expect(has(file.path, "<system-out>so it is\nsession 3 is held: so it is\n  ~ so it is\n"));
    cr_expect(has(file.path, "tests=\"8\" failures=\"2\" errors=\"1\" skipped=\"3\""));
    cr_expect(has(file.path, "<failure message=\"unexpected: so it is\">"));
    cr_expect(has(file.path, "<failure message=\"stale known failure: so it is\">"));
    cr_expect(has(file.path, "<error message=\"invalid: so it is\">"));
    cr_expect(has(file.path, "<skipped message=\"not run: so it is\"/>"));
    cr_expect(has(file.path, "<skipped message=\"known failure: so it is\"/>"));
    cr_expect(has(file.path, "time=\"1.500\""));
    cr_expect(has(file.path, "expected: so it is"));
    reporter->free(reporter);
    lr_test_report_deinit(&file);
}

Test(reports_junit, an_interrupted_run_is_no_green_one) {
    struct lr_test_report file;
    struct lr_reporter *reporter;
    struct lr_error error = {.code = LR_OK};
    struct reader reader;
    lr_test_report_init(&file, "r.xml");
    cr_assert_eq(lr_junit_reporter(&reporter, lr_alloc_system(), file.path, &error), LR_OK);
    reporter->begin(reporter, 5);
    end_case(reporter, "case", LR_CASE_AS_EXPECTED, "so it is");
    struct lr_run_summary summary = lr_test_summary(1, 0);
    summary.interrupted = true;
    cr_expect_eq(reporter->finish(reporter, &summary, &error), LR_OK);
    read_report(&reader, file.path);
    cr_expect(has(file.path, "tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"0\""));
    cr_expect(has(file.path, "<error message=\"incomplete: 1 of 5 cases are in this report\"/>"));
    reporter->free(reporter);
    lr_test_report_deinit(&file);
}

Test(reports_junit, hostile_text_leaves_it_well_formed) {
    static const char clean[] =
        "<a href=\"x\">&amp;</a> ]]> ' ??[31m?\n\t \xC3\xA4 \xEF\xBF\xBD "
        "\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD ? \xEF\xBF\xBD\xEF\xBF\xBD";
    static const enum lr_case_outcome outcomes[] = {LR_CASE_UNEXPECTED, LR_CASE_NOT_RUN,
                                                    LR_CASE_INVALID};
    struct lr_test_report file;
    struct lr_reporter *reporter;
    struct lr_error error = {.code = LR_OK};
    static struct reader reader;
    lr_test_report_init(&file, "r.xml");
    cr_assert_eq(lr_junit_reporter(&reporter, lr_alloc_system(), file.path, &error), LR_OK);
    reporter->begin(reporter, 3);
    for (size_t i = 0; i < LR_COUNT_OF(outcomes); i++) {
        end_case(reporter, LR_HOSTILE_TEXT, outcomes[i], LR_HOSTILE_TEXT);
    }
    read_report(&reader, file.path);
    size_t count = 0;
    for (const char *at = reader.text; (at = strstr(at, clean)) != NULL; at += sizeof clean - 1) {
        count++;
    }
    cr_expect_geq(count, 9, "name, file and reason of each: %zu", count);
    reporter->free(reporter);
    lr_test_report_deinit(&file);
}

Test(reports_junit, a_path_that_cannot_be_written_is_told_at_the_end) {
    struct lr_reporter *reporter;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_junit_reporter(&reporter, lr_alloc_system(), "/nonexistent/r.xml", &error),
                 LR_OK);
    reporter->begin(reporter, 0);
    struct lr_run_summary summary = lr_test_summary(0, 0);
    cr_expect_eq(reporter->finish(reporter, &summary, &error), LR_EIO);
    cr_expect(strstr(error.text, "/nonexistent/r.xml") != NULL, "%s", error.text);
    reporter->free(reporter);
}

static void expect_readable(const char *path, bool whole) {
    static struct reader reader;
    read_report(&reader, path);
    bool complete = !has(path, "the run has ended");
    cr_assert(!whole || complete);
    cr_assert(!complete ||
              (has(path, "tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\"") &&
               has(path, "name=\"first (live)\"") && has(path, "name=\"second (live)\"")));
}

Test(reports_junit, is_well_formed_and_red_where_memory_is_missing) {
    lr_test_report_each_failure(lr_junit_reporter, expect_readable);
}
