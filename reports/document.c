/* SPDX-License-Identifier: Apache-2.0 */
#include "reports/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reports/terminal.h"

static struct lr_document *document_of(struct lr_reporter *reporter) {
    return LR_CONTAINER_OF(reporter, struct lr_document, reporter);
}

static void keep_error(struct lr_document *document, const struct lr_error *error) {
    if (document->error.code == LR_OK) {
        document->error = *error;
    }
}

void lr_document_note(struct lr_document *document, enum lr_status status) {
    struct lr_error error = {.code = LR_OK};
    if (status != LR_OK) {
        document->broken = true;
        lr_error_set(&error, status, "%s: %s", document->path, lr_status_text(status));
        keep_error(document, &error);
    }
}

void lr_document_put_bytes(struct lr_document *document, struct lr_buf *out, const void *bytes,
                           size_t size) {
    lr_document_note(document, lr_buf_append(out, bytes, size));
}

void lr_document_put(struct lr_document *document, struct lr_buf *out, const char *text) {
    lr_document_put_bytes(document, out, text, strlen(text));
}

void lr_document_put_cases(struct lr_document *document, struct lr_buf *out) {
    if (lr_buf_size(&document->cases) > 0) {
        lr_document_put_bytes(document, out, lr_buf_data(&document->cases),
                              lr_buf_size(&document->cases));
    }
}

void lr_document_format(struct lr_document *document, struct lr_buf *out, const char *format, ...) {
    char piece[LR_DOCUMENT_PIECE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    lr_document_put(document, out, piece);
}

bool lr_document_complete(const struct lr_document *document,
                          const struct lr_run_summary *summary) {
    return summary != NULL && !summary->interrupted && document->count == document->planned;
}

/* What would not be whole is not written: the file keeps what it has. */
static void write_whole(struct lr_document *document, const struct lr_run_summary *summary) {
    struct lr_buf out;
    struct lr_error error = {.code = LR_OK};
    lr_buf_init(&out, document->alloc);
    document->broken = false;
    document->form->put_whole(document, &out, summary);
    if (!document->broken &&
        lr_write_file(document->path, lr_buf_data(&out), lr_buf_size(&out), &error) != LR_OK) {
        keep_error(document, &error);
    }
    lr_buf_deinit(&out);
}

static void begin(struct lr_reporter *reporter, size_t case_count) {
    document_of(reporter)->planned = case_count;
    write_whole(document_of(reporter), NULL);
}

static void ended(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                  size_t count) {
    struct lr_document *document = document_of(reporter);
    size_t before = lr_buf_size(&document->cases);
    (void)index;
    (void)count;
    document->broken = false;
    document->form->put_case(document, &document->cases, result);
    if (document->broken) {
        lr_buf_truncate(&document->cases, before);
    } else {
        document->count++;
        document->counts[result->outcome]++;
    }
}

static void flush(struct lr_reporter *reporter) {
    write_whole(document_of(reporter), NULL);
}

static enum lr_status finish(struct lr_reporter *reporter, const struct lr_run_summary *summary,
                             struct lr_error *error) {
    struct lr_document *document = document_of(reporter);
    write_whole(document, summary);
    if (document->error.code != LR_OK) {
        *error = document->error;
    }
    return document->error.code;
}

static void free_document(struct lr_reporter *reporter) {
    struct lr_document *document = document_of(reporter);
    lr_buf_deinit(&document->cases);
    lr_alloc_free_string(document->alloc, document->path);
    LR_FREE(document->alloc, document);
}

enum lr_status lr_document_reporter(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                    const char *path, const struct lr_document_form *form,
                                    struct lr_error *error) {
    struct lr_document *document = LR_NEW(alloc, struct lr_document);
    if (document == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    document->alloc = alloc;
    document->form = form;
    document->path = lr_alloc_string(alloc, path, strlen(path));
    lr_buf_init(&document->cases, alloc);
    document->reporter = (struct lr_reporter){
        .begin = begin, .ended = ended, .flush = flush, .finish = finish, .free = free_document};
    if (document->path == NULL) {
        free_document(&document->reporter);
        return lr_error_set(error, LR_ENOMEM, "no memory for a report");
    }
    *reporter = &document->reporter;
    return LR_OK;
}
