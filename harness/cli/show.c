/* SPDX-License-Identifier: Apache-2.0 */
/* lastref show CASE [PATH..]: what a case demands. The scenario says it itself: its title, where
 * its story comes from, the lines with its expectations, its source. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "scenario/suite.h"

enum { FILE_BYTES_MAX = 1024 * 1024 };

static const struct lr_command_line show_line = {
    .command = "lastref show",
    .operands = "CASE [PATH..]",
    .operands_min = 1,
    .operands_max = 1000,
    .summary =
        "Shows what a case demands: its sentence, where it stands, where it can run and how\n"
        "long, the expectations in it, and its source. CASE is a name as `lastref run\n"
        "--list` prints it, or a part that only one has; PATH is where the scenarios are\n"
        "(scenarios/ unless said).\n",
};

/* The lines of a file. */
struct source {
    struct lr_buf bytes;
};

static bool read_source(struct source *source, const char *path) {
    uint8_t *room;
    lr_buf_init(&source->bytes, lr_alloc_system());
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    bool good = lr_buf_reserve(&source->bytes, FILE_BYTES_MAX, &room) == LR_OK;
    if (good) {
        lr_buf_commit(&source->bytes, fread(room, 1, FILE_BYTES_MAX, file));
        good = !ferror(file);
    }
    (void)fclose(file);
    return good;
}

/* The line |number|, from 1; empty where there is none. */
static struct lr_text line_at(const struct source *source, int number) {
    const char *at = (const char *)lr_buf_data(&source->bytes);
    size_t left = lr_buf_size(&source->bytes);
    for (int i = 1; left > 0; i++) {
        const char *newline = memchr(at, '\n', left);
        size_t size = newline == NULL ? left : (size_t)(newline - at);
        if (i == number) {
            return (struct lr_text){at, size};
        }
        at += newline == NULL ? size : size + 1;
        left -= newline == NULL ? size : size + 1;
    }
    return (struct lr_text){"", 0};
}

static struct lr_text trim(struct lr_text text) {
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    return text;
}

static bool contains(struct lr_text text, const char *part) {
    size_t size = strlen(part);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (memcmp(text.data + i, part, size) == 0) {
            return true;
        }
    }
    return false;
}

/* The comment right above the title belongs to it; the licence's line does not. */
static bool is_comment(struct lr_text line) {
    return lr_text_starts_with(trim(line), "--") && !contains(line, "SPDX-License-Identifier");
}

static int first_line(const struct source *source, int title_line) {
    int first = title_line;
    while (first > 1 && is_comment(line_at(source, first - 1))) {
        first--;
    }
    return first;
}

/* Up to the brace that ends the description, which stands at the beginning of its line. */
static int last_line(const struct source *source, int run_ends) {
    for (int i = run_ends; i < run_ends + 50; i++) {
        if (lr_text_starts_with(line_at(source, i), "}")) {
            return i;
        }
    }
    return run_ends;
}

static void print_expectations(const struct source *source, int first, int last) {
    bool any = false;
    for (int i = first; i <= last; i++) {
        struct lr_text line = trim(line_at(source, i));
        if (contains(line, "expect(") && !lr_text_starts_with(line, "--")) {
            printf("%s  %4d  %.*s\n", any ? "" : "demands:\n", i, (int)line.size, line.data);
            any = true;
        }
    }
    if (!any) {
        printf("demands: nothing that stands in its own lines\n");
    }
}

static int print_case(const struct lr_suite_case *one) {
    char limit[32];
    struct source source;
    const char *values = strchr(one->name, '[');
    printf("%s\n\n", one->title);
    printf("case:    %s\nsource:  %s:%d\n", one->name, one->file, one->line);
    if (one->from != NULL) {
        printf("from:    %s\n", one->from);
    }
    if (values != NULL) {
        printf("values:  %.*s\n", (int)(strlen(values) - 2), values + 1);
    }
    printf("worlds:  %s\nlimit:   %s\n", lr_worlds_text(one->worlds),
           lr_text_duration(limit, sizeof limit, one->limit_ns));
    bool read = read_source(&source, one->file);
    if (read) {
        int first = first_line(&source, one->line);
        int last = last_line(&source, one->last_line);
        print_expectations(&source, first, last);
        printf("\n");
        for (int i = first; i <= last; i++) {
            struct lr_text line = line_at(&source, i);
            printf("%4d  %.*s\n", i, (int)line.size, line.data);
        }
    } else {
        fprintf(stderr, "lastref show: %s: cannot be read\n", one->file);
    }
    lr_buf_deinit(&source.bytes);
    return read ? LR_EXIT_OK : LR_EXIT_FAILED;
}

/* The same case in another world is the same case. */
static bool is_first(const struct lr_suite *suite, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (strcmp(suite->cases[i].name, suite->cases[index].name) == 0) {
            return false;
        }
    }
    return true;
}

static int show(const struct lr_suite *suite, const char *name) {
    const struct lr_suite_case *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < suite->count; i++) {
        if (strcmp(suite->cases[i].name, name) == 0) {
            return print_case(&suite->cases[i]);
        }
        if (strstr(suite->cases[i].name, name) != NULL && is_first(suite, i)) {
            found = &suite->cases[i];
            count++;
        }
    }
    if (count == 1) {
        return print_case(found);
    }
    if (count == 0) {
        const char *near = lr_suite_nearest(suite, name);
        return near != NULL
                   ? lr_options_refuse(&show_line, "no case is called %s; is it %s?", name, near)
                   : lr_options_refuse(&show_line, "no case is called %s in %zu files", name,
                                       suite->files);
    }
    for (size_t i = 0; i < suite->count; i++) {
        if (strstr(suite->cases[i].name, name) != NULL && is_first(suite, i)) {
            fprintf(stderr, "  %s\n", suite->cases[i].name);
        }
    }
    return lr_options_refuse(&show_line, "%zu cases have a name that contains %s", count, name);
}

int lr_cli_show(int argc, char **argv) {
    static const char *const usual[] = {"scenarios"};
    char **operands;
    size_t count;
    struct lr_error error = {.code = LR_OK};
    struct lr_suite suite;
    int result = lr_options_parse(&show_line, argc, argv, NULL, &operands, &count);
    if (result != LR_OPTIONS_GO_ON) {
        return result;
    }
    enum lr_status status = lr_suite_gather(&suite, lr_alloc_system(),
                                            count > 1 ? (const char *const *)operands + 1 : usual,
                                            count > 1 ? count - 1 : 1, NULL, LR_IN_ALL, &error);
    result = status == LR_OK ? show(&suite, operands[0])
                             : lr_options_refuse(&show_line, "%s", error.text);
    lr_suite_deinit(&suite);
    return result;
}
