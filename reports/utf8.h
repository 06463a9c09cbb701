/* SPDX-License-Identifier: Apache-2.0 */
/* Text of peers and programs may hold any bytes; files that are read as UTF-8 may not. */
#ifndef LR_REPORTS_UTF8_H
#define LR_REPORTS_UTF8_H

#include <stdint.h>

#include "base/buf.h"

/* What stands for a byte that is no UTF-8: U+FFFD. */
#define LR_UTF8_REPLACEMENT "\xEF\xBF\xBD"

/* Bytes of the well-formed character at the NUL-terminated |text|, and its number in |*code|. 0:
 * what stands there is none (a stray or missing continuation, an overlong form, a surrogate, beyond
 * U+10FFFF), or the end. */
size_t lr_utf8_next(const char *text, uint32_t *code);
/* Appends |text| with each byte that is no UTF-8 replaced. LR_ENOMEM: some may have been appended.
 */
LR_NODISCARD enum lr_status lr_utf8_append(struct lr_buf *out, const char *text);

#endif
