/* SPDX-License-Identifier: Apache-2.0 */
#include "reports/utf8.h"

#include <stdbool.h>
#include <string.h>

/* By number of bytes: the lead byte's mark and its mask, and the least number that needs so many.
 */
static const struct {
    uint8_t mask, mark;
    uint32_t least;
} forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};

size_t lr_utf8_next(const char *text, uint32_t *code) {
    uint8_t lead = (uint8_t)text[0];
    size_t more = 0;
    while (more < LR_COUNT_OF(forms) && (lead & forms[more].mask) != forms[more].mark) {
        more++;
    }
    if (lead == 0 || more == LR_COUNT_OF(forms)) {
        return 0;
    }
    *code = lead & (uint8_t)~forms[more].mask;
    for (size_t i = 1; i <= more; i++) { /* the NUL at the end is no continuation */
        if (((uint8_t)text[i] & 0xC0) != 0x80) {
            return 0;
        }
        *code = *code << 6 | ((uint8_t)text[i] & 0x3F);
    }
    bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    return *code < forms[more].least || surrogate || *code > 0x10FFFF ? 0 : more + 1;
}

enum lr_status lr_utf8_append(struct lr_buf *out, const char *text) {
    enum lr_status status = LR_OK;
    uint32_t code;
    while (status == LR_OK && *text != '\0') {
        size_t size = lr_utf8_next(text, &code);
        status = size > 0 ? lr_buf_append(out, text, size)
                          : lr_buf_append(out, LR_UTF8_REPLACEMENT, strlen(LR_UTF8_REPLACEMENT));
        text += size > 0 ? size : 1;
    }
    return status;
}
