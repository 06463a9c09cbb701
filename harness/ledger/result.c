/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line of a report: long enough for a timeline entry or the sentence on a held session. */
enum { LINE_MAX_BYTES = 600 };

static const struct {
    const char *name;
    int exit;
    int exit_strict;
} outcomes[LR_CASE_OUTCOME_COUNT] = {
    [LR_CASE_AS_EXPECTED] = {"as expected", 0, 0},
    [LR_CASE_UNEXPECTED] = {"unexpected", 1, 1},
    [LR_CASE_KNOWN_FAILURE] = {"known failure", 0, 0},
    [LR_CASE_STALE_KNOWN_FAILURE] = {"stale known failure", 1, 1},
    [LR_CASE_NOT_RUN] = {"not run", 0, 3},
    [LR_CASE_NOT_ALLOWED] = {"not allowed", 0, 0},
    [LR_CASE_CONTENTION] = {"contention", 0, 3},
    [LR_CASE_INVALID] = {"invalid", 3, 3},
};

const char *lr_case_outcome_name(enum lr_case_outcome outcome) {
    return outcomes[outcome].name;
}

int lr_case_outcome_exit(enum lr_case_outcome outcome, bool strict) {
    return strict ? outcomes[outcome].exit_strict : outcomes[outcome].exit;
}

int lr_exit_worse(int a, int b) {
    /* By status: how bad it is. */
    static const int rank[] = {0, 2, 3, 1, 4};
    int rank_a = a >= 0 && a <= 4 ? rank[a] : 4;
    int rank_b = b >= 0 && b <= 4 ? rank[b] : 4;
    return rank_a >= rank_b ? a : b;
}

/* Copies |text|, NULL for NULL, into |*out|. False: out of memory. */
static bool copy_text(struct lr_alloc *alloc, const char *text, const char **out) {
    *out = text == NULL ? NULL : lr_alloc_string(alloc, text, strlen(text));
    return text == NULL || *out != NULL;
}

enum lr_status lr_case_result_init(struct lr_case_result *result, struct lr_alloc *alloc,
                                   const char *name, const char *title, const char *file) {
    *result = (struct lr_case_result){.alloc = alloc, .tries = 1};
    result->expectations_end = &result->expectations;
    bool copied = copy_text(alloc, name, &result->name);
    copied = copy_text(alloc, title, &result->title) && copied;
    copied = copy_text(alloc, file, &result->file) && copied;
    if (!copied) {
        lr_case_result_deinit(result);
        return LR_ENOMEM;
    }
    return LR_OK;
}

void lr_result_lines_free(struct lr_alloc *alloc, struct lr_result_lines *lines) {
    while (lines->first != NULL) {
        struct lr_result_line *line = lines->first;
        lines->first = line->next;
        lr_alloc_free_string(alloc, line->text);
        LR_FREE(alloc, line);
    }
    *lines = (struct lr_result_lines){0};
}

static void free_expectation(struct lr_alloc *alloc, struct lr_expectation *expectation) {
    lr_alloc_free_string(alloc, expectation->text);
    lr_alloc_free_string(alloc, expectation->expected);
    lr_alloc_free_string(alloc, expectation->seen);
    lr_alloc_free_string(alloc, expectation->where);
    LR_FREE(alloc, expectation);
}

void lr_case_result_deinit(struct lr_case_result *result) {
    struct lr_alloc *alloc = result->alloc;
    if (alloc == NULL) {
        return;
    }
    const char *const texts[] = {result->name,   result->title,  result->file,
                                 result->repeat, result->reason, result->release_detail};
    for (size_t i = 0; i < LR_COUNT_OF(texts); i++) {
        lr_alloc_free_string(alloc, texts[i]);
    }
    while (result->expectations != NULL) {
        struct lr_expectation *expectation = result->expectations;
        result->expectations = expectation->next;
        free_expectation(alloc, expectation);
    }
    lr_result_lines_free(alloc, &result->findings);
    lr_result_lines_free(alloc, &result->receipts);
    lr_result_lines_free(alloc, &result->sessions);
    lr_result_lines_free(alloc, &result->timeline);
    lr_result_lines_free(alloc, &result->told);
    while (result->retentions != NULL) {
        struct lr_retention *retention = result->retentions;
        result->retentions = retention->next;
        LR_FREE(alloc, retention);
    }
    *result = (struct lr_case_result){0};
}

enum lr_status lr_result_lines_add(struct lr_alloc *alloc, struct lr_result_lines *lines,
                                   lr_time at, const char *format, ...) {
    char text[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct lr_result_line *line = LR_NEW(alloc, struct lr_result_line);
    char *copy = line == NULL ? NULL : lr_alloc_string(alloc, text, strlen(text));
    if (copy == NULL) {
        LR_FREE(alloc, line);
        lines->lost++;
        return LR_ENOMEM;
    }
    line->text = copy;
    line->at = at;
    if (lines->last == NULL) {
        lines->first = line;
    } else {
        lines->last->next = line;
    }
    lines->last = line;
    lines->count++;
    return LR_OK;
}

enum lr_status lr_case_result_expect(struct lr_case_result *result,
                                     const struct lr_expectation *expectation) {
    struct lr_expectation *copy = LR_NEW(result->alloc, struct lr_expectation);
    if (copy == NULL) {
        return LR_ENOMEM;
    }
    copy->held = expectation->held;
    copy->late = expectation->late;
    copy->session = expectation->session;
    bool copied = copy_text(result->alloc, expectation->text, &copy->text);
    copied = copy_text(result->alloc, expectation->expected, &copy->expected) && copied;
    copied = copy_text(result->alloc, expectation->seen, &copy->seen) && copied;
    copied = copy_text(result->alloc, expectation->where, &copy->where) && copied;
    if (!copied) {
        free_expectation(result->alloc, copy);
        return LR_ENOMEM;
    }
    if (result->expectations == NULL) {
        result->expectations_end = &result->expectations; /* the result may have been moved */
    }
    *result->expectations_end = copy;
    result->expectations_end = &copy->next;
    return LR_OK;
}

enum lr_status lr_case_result_retain(struct lr_case_result *result,
                                     const struct lr_retention *retention) {
    struct lr_retention **end = &result->retentions;
    size_t count = 0;
    for (; *end != NULL; end = &(*end)->next) {
        count++;
    }
    if (count >= LR_RESULT_RETENTIONS_MAX) {
        result->retentions_lost++;
        return LR_ELIMIT;
    }
    *end = LR_NEW(result->alloc, struct lr_retention);
    if (*end == NULL) {
        result->retentions_lost++;
        return LR_ENOMEM;
    }
    **end = *retention;
    (*end)->next = NULL;
    return LR_OK;
}
