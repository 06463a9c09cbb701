/* SPDX-License-Identifier: Apache-2.0 */
/* The measurements of tests/golden/heap, and their comparison with what the model does. */
#ifndef LR_TEST_HEAP_TRUTH_H
#define LR_TEST_HEAP_TRUTH_H

#include "support/heap_script.h"

/* What was compared. A cell is a script in a variant on a version; its steps have fields. */
struct truth_tally {
    size_t cells;
    size_t steps;
    size_t fields;
    size_t facts;
    size_t left_out; /* fields in the table of what is not modelled */
    size_t different;
};

/* Runs one cell with |profile| in place of its version's (NULL: that one), compares, prints what
 * differs unless |quiet|. */
void truth_compare(const char *script, void (*run)(struct script *s), const char *variant,
                   const char *version, const json_t *measured,
                   const struct lr_heap_profile *profile, bool quiet, struct truth_tally *tally);

/* The measured cell; NULL: there is none. The document is the caller's: json_decref. */
json_t *truth_load(const char *file);
const json_t *truth_cell(const json_t *document, const char *script, const char *variant,
                         const char *version);

/* The scripts; ends with a NULL name. */
extern const struct script_entry truth_scripts[];

#endif
