/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum {
    DIGITS_MAX = 17,     /* significant digits that tell any two doubles apart */
    PLAIN_EXPONENT = 16, /* from 1e16 on with an exponent */
    PLAIN_EXPONENT_MIN = -4
};

/* Lays |digits| (no point) out with the point behind |exponent| + 1 of them. */
static void write_plain(char *out, size_t size, const char *sign, const char *digits,
                        int exponent) {
    int count = (int)strlen(digits);
    if (exponent < 0) {
        (void)snprintf(out, size, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
    } else if (count <= exponent + 1) {
        (void)snprintf(out, size, "%s%s%.*s.0", sign, digits, exponent + 1 - count,
                       "0000000000000000");
    } else {
        (void)snprintf(out, size, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
    }
}

const char *lr_server_float_text(char out[LR_SERVER_FLOAT_TEXT_MAX], double number) {
    if (isnan(number) || isinf(number)) {
        (void)snprintf(out, LR_SERVER_FLOAT_TEXT_MAX, "%s",
                       isnan(number) ? "nan" : (number > 0 ? "inf" : "-inf"));
        return out;
    }
    char text[32]; /* d.dddde+xx */
    for (int digits = 0; digits < DIGITS_MAX; digits++) {
        (void)snprintf(text, sizeof text, "%.*e", digits, fabs(number));
        if (strtod(text, NULL) == fabs(number)) {
            break;
        }
    }
    const char *sign = signbit(number) ? "-" : "";
    char *e = strchr(text, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    *e = '\0';
    if (exponent < PLAIN_EXPONENT_MIN || exponent >= PLAIN_EXPONENT) {
        (void)snprintf(out, LR_SERVER_FLOAT_TEXT_MAX, "%s%se%c%02d", sign, text,
                       exponent < 0 ? '-' : '+', abs(exponent));
        return out;
    }
    if (text[1] != '\0') { /* without the point, whatever the locale makes of it */
        memmove(text + 1, text + 2, strlen(text + 2) + 1);
    }
    write_plain(out, LR_SERVER_FLOAT_TEXT_MAX, sign, text, exponent);
    return out;
}

const char *lr_server_value_type(const struct lr_value *value) {
    static const char *const names[] = {
        [LR_VALUE_NULL] = "NoneType",     [LR_VALUE_BOOL] = "bool",
        [LR_VALUE_INT] = "int",           [LR_VALUE_UINT] = "int",
        [LR_VALUE_FLOAT] = "float",       [LR_VALUE_HANDLE] = "handle",
        [LR_VALUE_DTYPE] = "dtype",       [LR_VALUE_DEVICE] = "Device",
        [LR_VALUE_TENSOR] = "Tensor",     [LR_VALUE_STR] = "str",
        [LR_VALUE_BYTES] = "bytes",       [LR_VALUE_MODULE] = "Module",
        [LR_VALUE_FUNCTION] = "Function", [LR_VALUE_OBJECT] = "Object",
    };
    return (size_t)value->kind < LR_COUNT_OF(names) ? names[value->kind] : "object";
}

enum lr_status lr_server_value_text(const struct lr_value *value, struct lr_buf *out) {
    char text[128] = "";
    char number[LR_SERVER_FLOAT_TEXT_MAX];
    const char *said = text;
    switch (value->kind) {
    case LR_VALUE_STR:
    case LR_VALUE_BYTES:
        return lr_buf_append(out, value->as.text.data, value->as.text.size);
    case LR_VALUE_NULL:
        said = "None";
        break;
    case LR_VALUE_BOOL:
        said = value->as.integer != 0 ? "True" : "False";
        break;
    case LR_VALUE_INT:
        (void)snprintf(text, sizeof text, "%" PRId64, value->as.integer);
        break;
    case LR_VALUE_UINT:
        (void)snprintf(text, sizeof text, "%" PRIu64, (uint64_t)value->as.integer);
        break;
    case LR_VALUE_FLOAT:
        said = lr_server_float_text(number, value->as.number);
        break;
    case LR_VALUE_HANDLE:
    case LR_VALUE_DTYPE:
    case LR_VALUE_DEVICE:
    case LR_VALUE_TENSOR:
    case LR_VALUE_MODULE:
    case LR_VALUE_FUNCTION:
    case LR_VALUE_OBJECT:
        said = lr_value_describe(text, sizeof text, value);
        break;
    }
    return lr_buf_append(out, said, strlen(said));
}
