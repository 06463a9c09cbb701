/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/known.h"

#include <stdio.h>
#include <string.h>

#include "scenario/order.h"

enum { LINE_MAX_BYTES = 1024, LINES_MAX = 1000, FIELDS = 4 };

bool lr_pattern_matches(const char *pattern, const char *text) {
    const char *star = NULL;
    const char *resume = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static char *copy_field(struct lr_alloc *alloc, const char *begin, const char *end) {
    while (begin < end && (*begin == ' ' || *begin == '\t')) {
        begin++;
    }
    while (end > begin &&
           (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' || end[-1] == '\r')) {
        end--;
    }
    return lr_alloc_string(alloc, begin, (size_t)(end - begin));
}

static void free_line(struct lr_alloc *alloc, struct lr_known_line *line) {
    lr_alloc_free_string(alloc, line->pattern);
    lr_alloc_free_string(alloc, line->verdict);
    lr_alloc_free_string(alloc, line->reason);
    lr_alloc_free_string(alloc, line->link);
}

/* "live:faults/x" is the pattern faults/x of the live world. */
static void cut_world(struct lr_known_line *line) {
    static const char *const worlds[] = {"live", "sim"};
    for (size_t i = 0; i < LR_COUNT_OF(worlds); i++) {
        size_t size = strlen(worlds[i]);
        if (strncmp(line->pattern, worlds[i], size) == 0 && line->pattern[size] == ':') {
            line->world = lr_world_named(worlds[i]);
            line->skip = size + 1;
        }
    }
}

static enum lr_status parse_line(struct lr_alloc *alloc, const char *text,
                                 struct lr_known_line *line) {
    char **fields[FIELDS] = {&line->pattern, &line->verdict, &line->reason, &line->link};
    const char *begin = text;
    for (int i = 0; i < FIELDS; i++) {
        const char *end = strchr(begin, '|');
        if ((end == NULL) != (i == FIELDS - 1)) {
            return LR_EINVAL;
        }
        end = end == NULL ? begin + strlen(begin) : end;
        *fields[i] = copy_field(alloc, begin, end);
        if (*fields[i] == NULL) {
            return LR_ENOMEM;
        }
        begin = *end == '|' ? end + 1 : end;
    }
    cut_world(line);
    bool whole =
        line->pattern[line->skip] != '\0' && line->verdict[0] != '\0' && line->reason[0] != '\0';
    return whole ? LR_OK : LR_EINVAL;
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == '\0';
}

static enum lr_status add_line(struct lr_known *known, const char *text, int number,
                               struct lr_error *error) {
    struct lr_known_line line = {.line = number};
    enum lr_status status = parse_line(known->alloc, text, &line);
    size_t size = known->count * sizeof line;
    struct lr_known_line *lines = NULL;
    if (status == LR_OK && known->count == LINES_MAX) {
        status = LR_ELIMIT;
    }
    if (status == LR_OK) {
        lines = lr_alloc_resize(known->alloc, known->lines, size, size + sizeof line);
        status = lines == NULL ? LR_ENOMEM : LR_OK;
    }
    if (status != LR_OK) {
        free_line(known->alloc, &line);
        return lr_error_set(error, status, "%s:%d: %s", known->path, number,
                            status == LR_ENOMEM   ? "no memory for a known failure"
                            : status == LR_ELIMIT ? "over 1000 known failures"
                                                  : "a known failure is `CASE | VERDICT | REASON "
                                                    "| LINK`");
    }
    known->lines = lines;
    known->lines[known->count++] = line;
    return LR_OK;
}

enum lr_status lr_known_read(struct lr_known *known, struct lr_alloc *alloc, const char *path,
                             struct lr_error *error) {
    *known = (struct lr_known){.alloc = alloc};
    known->path = lr_alloc_string(alloc, path, strlen(path));
    if (known->path == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for the known failures");
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return lr_error_set(error, LR_ENOTFOUND, "%s: cannot be opened", path);
    }
    enum lr_status status = LR_OK;
    char text[LINE_MAX_BYTES];
    for (int number = 1; status == LR_OK && fgets(text, sizeof text, file) != NULL; number++) {
        if (strlen(text) + 1 == sizeof text && text[sizeof text - 2] != '\n') {
            status = lr_error_set(error, LR_EINVAL, "%s:%d: a line of over %d bytes", path, number,
                                  LINE_MAX_BYTES - 2);
        } else if (text[0] != '#' && !is_blank(text)) {
            status = add_line(known, text, number, error);
        }
    }
    if (status == LR_OK && ferror(file)) {
        status = lr_error_set(error, LR_EIO, "%s: cannot be read", path);
    }
    (void)fclose(file);
    return status;
}

void lr_known_deinit(struct lr_known *known) {
    for (size_t i = 0; i < known->count; i++) {
        free_line(known->alloc, &known->lines[i]);
    }
    if (known->lines != NULL) {
        lr_alloc_free(known->alloc, known->lines, known->count * sizeof known->lines[0]);
    }
    if (known->alloc != NULL) {
        lr_alloc_free_string(known->alloc, known->path);
    }
    *known = (struct lr_known){.count = 0};
}

bool lr_known_is_for(const struct lr_known_line *line, const char *name, const char *world) {
    return (line->world == NULL || strcmp(line->world, world) == 0) &&
           lr_pattern_matches(line->pattern + line->skip, name);
}

const struct lr_known_line *lr_known_find(struct lr_known *known, const char *name,
                                          const char *world) {
    for (size_t i = 0; i < known->count; i++) {
        if (lr_known_is_for(&known->lines[i], name, world)) {
            known->lines[i].matched = true;
            return &known->lines[i];
        }
    }
    return NULL;
}

bool lr_known_agrees(const struct lr_known_line *line, const char *release, const char *protocol) {
    return strcmp(line->verdict, "*") == 0 ||
           (release != NULL && strcmp(line->verdict, release) == 0) ||
           (protocol != NULL && strcmp(line->verdict, protocol) == 0);
}
