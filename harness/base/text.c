/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/time.h"

struct lr_text lr_text_of(const char *string) {
    return (struct lr_text){string, strlen(string)};
}

bool lr_text_equal(struct lr_text a, struct lr_text b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int lr_text_compare(struct lr_text a, struct lr_text b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

uint64_t lr_text_hash(struct lr_text text) {
    uint64_t hash = text.size;
    for (size_t at = 0; at < text.size; at += sizeof hash) {
        uint64_t word = 0;
        size_t left = text.size - at;
        memcpy(&word, text.data + at, left < sizeof word ? left : sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash;
}

bool lr_text_has(struct lr_text text, char character) {
    return text.size > 0 && memchr(text.data, character, text.size) != NULL;
}

bool lr_text_contains(struct lr_text text, struct lr_text part) {
    if (part.size == 0) {
        return true;
    }
    while (text.size >= part.size) {
        const char *found = memchr(text.data, part.data[0], text.size - part.size + 1);
        if (found == NULL) {
            return false;
        }
        if (memcmp(found, part.data, part.size) == 0) {
            return true;
        }
        text.size -= (size_t)(found + 1 - text.data);
        text.data = found + 1;
    }
    return false;
}

bool lr_text_starts_with(struct lr_text text, const char *prefix) {
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

/* Length of the UTF-8 sequence at |bytes|, of which |left| remain; 0 where it is not well formed.
 */
static size_t utf8_sequence(const unsigned char *bytes, size_t left) {
    unsigned char lead = bytes[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0U) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xe0 && bytes[1] < 0xa0) || (lead == 0xf0 && bytes[1] < 0x90);
    bool surrogate = lead == 0xed && bytes[1] >= 0xa0;
    bool beyond = lead == 0xf4 && bytes[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

bool lr_text_is_utf8(struct lr_text text) {
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t at = 0;
    while (at < text.size) {
        size_t length = utf8_sequence(bytes + at, text.size - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

enum lr_status lr_text_to_u64(struct lr_text text, uint64_t max, uint64_t *value) {
    uint64_t result = 0;
    if (text.size == 0) {
        return LR_EINVAL;
    }
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9') {
            return LR_EINVAL;
        }
        uint64_t digit = (uint64_t)(c - '0');
        if (digit > max || result > (max - digit) / 10) {
            return LR_EINVAL;
        }
        result = result * 10 + digit;
    }
    *value = result;
    return LR_OK;
}

enum {
    SECONDS_DIGITS_MAX = 18,   /* more significant digits than a double has */
    SECONDS_EXPONENT_MAX = 400 /* beyond any double */
};

/* A decimal in pieces: |digits| x 10^|exponent|. */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* Reads "12.50" from |text| at |*at|; false where there is no digit. */
static bool read_mantissa(struct lr_text text, size_t *at, struct decimal *decimal) {
    int significant = 0;
    bool any = false;
    bool point = false;
    for (; *at < text.size; (*at)++) {
        char c = text.data[*at];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') {
            break;
        }
        any = true;
        if (significant < SECONDS_DIGITS_MAX) {
            decimal->digits = decimal->digits * 10 + (uint64_t)(c - '0');
            significant += decimal->digits > 0;
            decimal->exponent -= point;
        } else {
            decimal->exponent += !point;
        }
        if (decimal->exponent > SECONDS_EXPONENT_MAX || decimal->exponent < -SECONDS_EXPONENT_MAX) {
            return false;
        }
    }
    return any;
}

/* Reads "e+10" at |*at| if it is there; false where it is malformed. */
static bool read_exponent(struct lr_text text, size_t *at, struct decimal *decimal) {
    if (*at >= text.size || (text.data[*at] != 'e' && text.data[*at] != 'E')) {
        return true;
    }
    (*at)++;
    bool negative = *at < text.size && text.data[*at] == '-';
    if (*at < text.size && (text.data[*at] == '-' || text.data[*at] == '+')) {
        (*at)++;
    }
    uint64_t value;
    struct lr_text rest = {text.data + *at, text.size - *at};
    if (lr_text_to_u64(rest, SECONDS_EXPONENT_MAX, &value) != LR_OK) {
        return false;
    }
    decimal->exponent += negative ? -(int)value : (int)value;
    *at = text.size;
    return true;
}

enum lr_status lr_text_to_seconds(struct lr_text text, uint64_t *ns) {
    const uint64_t ns_max = UINT64_C(1000000000) * LR_SECOND;
    struct decimal decimal = {0, 0};
    size_t at = text.size > 0 && text.data[0] == '+' ? 1 : 0;
    if (!read_mantissa(text, &at, &decimal) || !read_exponent(text, &at, &decimal) ||
        at != text.size) {
        return LR_EINVAL;
    }
    int exponent = decimal.exponent + 9; /* to nanoseconds */
    uint64_t value = decimal.digits;
    for (; exponent > 0 && value > 0; exponent--) {
        if (value > ns_max / 10) {
            return LR_EINVAL;
        }
        value *= 10;
    }
    for (; exponent < 0 && value > 0; exponent++) {
        value /= 10;
    }
    if (value > ns_max) {
        return LR_EINVAL;
    }
    *ns = value;
    return LR_OK;
}

enum lr_status lr_text_to_duration(struct lr_text text, uint64_t *ns) {
    static const struct {
        const char *suffix; /* "s" is the end of the others, and so comes last */
        uint64_t divide_seconds_by;
    } units[] = {{"ms", 1000}, {"us", 1000000}, {"ns", 1000000000}, {"s", 1}};
    for (size_t i = 0; i < LR_COUNT_OF(units); i++) {
        size_t suffix = strlen(units[i].suffix);
        if (text.size > suffix &&
            memcmp(text.data + text.size - suffix, units[i].suffix, suffix) == 0) {
            struct lr_text number = {text.data, text.size - suffix};
            if (text.data[text.size - 2] == 'n' && lr_text_to_u64(number, INT64_MAX, ns) == LR_OK) {
                return LR_OK; /* exactly, and however much that is */
            }
            enum lr_status status = lr_text_to_seconds(number, ns);
            *ns /= status == LR_OK ? units[i].divide_seconds_by : 1;
            return status;
        }
    }
    return LR_EINVAL;
}

const char *lr_text_quote(char *out, size_t size, struct lr_text text) {
    static const char hex[] = "0123456789abcdef";
    LR_ASSERT(size >= 8);
    size_t used = 0;
    out[used++] = '"';
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
        if (used + (plain ? 1U : 4U) + 4U > size) { /* 4: `..`, the quote and the NUL */
            out[used++] = '.';
            out[used++] = '.';
            break;
        }
        if (plain) {
            out[used++] = (char)c;
        } else {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex[c >> 4];
            out[used++] = hex[c & 15U];
        }
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}

const char *lr_text_duration(char *out, size_t size, uint64_t ns) {
    if (ns == LR_TIME_NEVER) {
        (void)snprintf(out, size, "never");
    } else if (ns < LR_MS) {
        (void)snprintf(out, size, "%" PRIu64 " us", ns / LR_US);
    } else if (ns < LR_SECOND) {
        uint64_t tenths = ns / (LR_MS / 10);
        (void)snprintf(out, size, "%" PRIu64 ".%" PRIu64 " ms", tenths / 10, tenths % 10);
    } else {
        uint64_t hundredths = ns / (LR_SECOND / 100);
        (void)snprintf(out, size, "%" PRIu64 ".%02" PRIu64 " s", hundredths / 100,
                       hundredths % 100);
    }
    return out;
}
