/* SPDX-License-Identifier: Apache-2.0 */
/* Text from peers and people: strict, free of locale, bounded. */
#ifndef LR_BASE_TEXT_H
#define LR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A run of characters that somebody else owns; not terminated. */
struct lr_text {
    const char *data;
    size_t size;
};

struct lr_text lr_text_of(const char *string);
bool lr_text_equal(struct lr_text a, struct lr_text b);
int lr_text_compare(struct lr_text a, struct lr_text b);
/* A number for lr_table: the same for equal texts, in this process. */
uint64_t lr_text_hash(struct lr_text text);
bool lr_text_starts_with(struct lr_text text, const char *prefix);
bool lr_text_has(struct lr_text text, char character);
/* True where |part| stands in |text|, byte for byte; an empty one stands in every text. */
bool lr_text_contains(struct lr_text text, struct lr_text part);
/* True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool lr_text_is_utf8(struct lr_text text);

/* Whole text as an unsigned decimal, no sign or blanks. LR_EINVAL otherwise or beyond |max|. */
LR_NODISCARD enum lr_status lr_text_to_u64(struct lr_text text, uint64_t max, uint64_t *value);
/* Seconds as a decimal ("2", "0.5", "1e1", as Python's str(float) writes) to ns. LR_EINVAL: not a
 * finite number, negative, or beyond 10^9 s. */
LR_NODISCARD enum lr_status lr_text_to_seconds(struct lr_text text, uint64_t *ns);

/* The same with its unit behind it: "100ms", "2s", "1.5us", "20ns". LR_EINVAL also where there is
 * none. */
LR_NODISCARD enum lr_status lr_text_to_duration(struct lr_text text, uint64_t *ns);

/* |text| for a log or an error: quotes around it, what is not printable as \xHH, cut with ".." to
 * fit |size| bytes with the NUL. Returns |out|. */
const char *lr_text_quote(char *out, size_t size, struct lr_text text);
/* A duration as a person writes it: "12 us", "95.3 ms", "20.00 s". Returns |out|. */
const char *lr_text_duration(char *out, size_t size, uint64_t ns);

#endif
