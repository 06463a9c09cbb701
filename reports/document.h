/* SPDX-License-Identifier: Apache-2.0 */
/* A report that is a file: each case is put into its form once, when it ends, and the whole is
 * written again and again, replaced atomically, so that what stands in the file is always valid and
 * says whether the run has ended. The first thing that goes wrong is kept, and told once, at the
 * end. What could not be put whole is not put at all: a report from which a case is missing is
 * still a report. */
#ifndef LR_REPORTS_DOCUMENT_H
#define LR_REPORTS_DOCUMENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"
#include "ledger/result.h"

enum { LR_DOCUMENT_PIECE_MAX = 256 }; /* bytes of what one lr_document_format puts; more is cut */

struct lr_document;

/* What makes a file JSON, JUnit or TAP. Both append to |out| with the functions below. */
struct lr_document_form {
    void (*put_case)(struct lr_document *document, struct lr_buf *out,
                     const struct lr_case_result *result);
    /* The cases so far and what stands around them. |summary| NULL: the run goes on. */
    void (*put_whole)(struct lr_document *document, struct lr_buf *out,
                      const struct lr_run_summary *summary);
};

struct lr_document {
    struct lr_reporter reporter;
    const struct lr_document_form *form;
    struct lr_alloc *alloc;
    char *path;
    struct lr_buf cases;                  /* those that have ended, in their form */
    size_t counts[LR_CASE_OUTCOME_COUNT]; /* of those in |cases|, */
    size_t count;                         /* and all of them together */
    size_t planned;
    struct lr_error error; /* the first; LR_OK: none yet */
    bool broken;           /* what is being put together misses something, and is not to be used */
};

/* A reporter that writes |form| to |path|. Borrows |form|. Free with its |free|. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_document_reporter(struct lr_reporter **reporter,
                                                 struct lr_alloc *alloc, const char *path,
                                                 const struct lr_document_form *form,
                                                 struct lr_error *error);

/* Whether the run that |summary| (or NULL) ends has left nothing out. */
bool lr_document_complete(const struct lr_document *document, const struct lr_run_summary *summary);

/* Remembers |status| where it is the first that is not LR_OK. */
void lr_document_note(struct lr_document *document, enum lr_status status);
/* Append to |out|; what fails is noted. */
void lr_document_put(struct lr_document *document, struct lr_buf *out, const char *text);
void lr_document_put_bytes(struct lr_document *document, struct lr_buf *out, const void *bytes,
                           size_t size);
void lr_document_put_cases(struct lr_document *document, struct lr_buf *out);
void lr_document_format(struct lr_document *document, struct lr_buf *out, const char *format, ...)
    LR_PRINTF(3, 4);

#endif
