/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as Python's json.dumps spells it: ASCII, \u with four lower-case digits, surrogate pairs. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/json.h"

/* What has a short escape. */
static const struct {
    char c;
    const char *escape;
} short_escapes[] = {
    {'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\r', "\\r"},
    {'\t', "\\t"}, {'\f', "\\f"},  {'\b', "\\b"},
};

void lr_json_write_raw(struct lr_writer *writer, const char *ascii) {
    lr_write_bytes(writer, ascii, strlen(ascii));
}

void lr_json_write_int(struct lr_writer *writer, int64_t integer) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (integer < 0) {
        digits[--at] = '-';
    }
    lr_write_bytes(writer, digits + at, sizeof digits - at);
}

static void write_unit(struct lr_writer *writer, uint32_t unit) {
    char escape[8];
    (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unit & 0xffffU));
    lr_json_write_raw(writer, escape);
}

static void write_code_point(struct lr_writer *writer, uint32_t point) {
    if (point >= 0x10000) {
        write_unit(writer, 0xd800U + ((point - 0x10000U) >> 10));
        write_unit(writer, 0xdc00U + ((point - 0x10000U) & 0x3ffU));
    } else {
        write_unit(writer, point);
    }
}

/* The code point at |text|, which is UTF-8, and its length. */
static size_t read_code_point(const unsigned char *text, uint32_t *point) {
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc0 ? 2 : 1;
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    *point = text[0] & lead_bits[length];
    for (size_t i = 1; i < length; i++) {
        *point = *point << 6 | (text[i] & 0x3fU);
    }
    return length;
}

static void write_ascii(struct lr_writer *writer, char c) {
    for (size_t i = 0; i < LR_COUNT_OF(short_escapes); i++) {
        if (short_escapes[i].c == c) {
            lr_json_write_raw(writer, short_escapes[i].escape);
            return;
        }
    }
    if (c < 0x20 || c == 0x7f) {
        write_unit(writer, (uint32_t)c);
    } else {
        lr_write_bytes(writer, &c, 1);
    }
}

/* How many bytes from |at| on stand for themselves. */
static size_t count_plain(struct lr_text text, size_t at) {
    size_t end = at;
    while (end < text.size && text.data[end] >= 0x20 && text.data[end] < 0x7f &&
           text.data[end] != '"' && text.data[end] != '\\') {
        end++;
    }
    return end - at;
}

void lr_json_write_text(struct lr_writer *writer, struct lr_text text) {
    if (!lr_text_is_utf8(text)) {
        lr_writer_fail(writer, LR_EINVAL);
        return;
    }
    lr_json_write_raw(writer, "\"");
    size_t at = 0;
    while (at < text.size) {
        uint32_t point;
        size_t plain = count_plain(text, at);
        if (plain > 0) {
            lr_write_bytes(writer, text.data + at, plain);
            at += plain;
            continue;
        }
        at += read_code_point((const unsigned char *)text.data + at, &point);
        if (point < 0x80) {
            write_ascii(writer, (char)point);
        } else {
            write_code_point(writer, point);
        }
    }
    lr_json_write_raw(writer, "\"");
}
