/* SPDX-License-Identifier: Apache-2.0 */
/* Values as words of a command line, the same way in and out: `5` or `i:5` an int, `f:0.5` a float,
 * `s:text` a string, `b:00ff` bytes in hex, `null`; any other word is a string. In strings %XX
 * stands for a byte of UTF-8. scenarios/programs/tvm_client.py has the same words. */
#ifndef LR_CLI_VALUE_WORDS_H
#define LR_CLI_VALUE_WORDS_H

#include "rpc/client.h"

struct lr_value_words {
    struct lr_alloc *alloc;
    struct lr_value *items;
    struct lr_buf *texts; /* one an item: what the item's text is borrowed from */
    size_t count;
};

/* Reads |count| words. LR_EINVAL with a sentence that names the word; LR_ENOMEM. To be given back
 * with lr_value_words_deinit, on failure, too. */
LR_NODISCARD enum lr_status lr_value_words_init(struct lr_value_words *words,
                                                struct lr_alloc *alloc, const char *const *texts,
                                                size_t count, struct lr_error *error);
void lr_value_words_deinit(struct lr_value_words *words);

/* Appends |text| with each %XX turned into its byte. LR_ENOMEM; LR_EINVAL: not UTF-8. */
LR_NODISCARD enum lr_status lr_value_words_unquote(struct lr_text text, struct lr_buf *out);
/* Appends |result| as a word; `function`, `array` or `module` for what stays remote. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_value_words_show(const struct lr_result *result, struct lr_buf *out);

#endif
