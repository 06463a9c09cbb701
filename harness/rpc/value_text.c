/* SPDX-License-Identifier: Apache-2.0 */
/* Values apart from their bytes: made, named, measured, described. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/value.h"

struct lr_value lr_value_null(void) {
    return (struct lr_value){.kind = LR_VALUE_NULL};
}

struct lr_value lr_value_int(int64_t integer) {
    return (struct lr_value){.kind = LR_VALUE_INT, .as.integer = integer};
}

struct lr_value lr_value_float(double number) {
    return (struct lr_value){.kind = LR_VALUE_FLOAT, .as.number = number};
}

struct lr_value lr_value_handle(uint64_t handle) {
    return (struct lr_value){.kind = LR_VALUE_HANDLE, .as.handle = handle};
}

struct lr_value lr_value_str(struct lr_text text) {
    return (struct lr_value){.kind = LR_VALUE_STR, .as.text = text};
}

struct lr_value lr_value_bytes(const void *bytes, size_t size) {
    return (struct lr_value){.kind = LR_VALUE_BYTES, .as.text = {bytes, size}};
}

struct lr_value lr_value_device(struct lr_device device) {
    return (struct lr_value){.kind = LR_VALUE_DEVICE, .as.device = device};
}

struct lr_value lr_value_dtype(struct lr_dtype dtype) {
    return (struct lr_value){.kind = LR_VALUE_DTYPE, .as.dtype = dtype};
}

struct lr_value lr_value_tensor(const struct lr_tensor *tensor) {
    return (struct lr_value){.kind = LR_VALUE_TENSOR, .as.tensor = *tensor};
}

const char *lr_value_kind_name(enum lr_value_kind kind) {
    static const char *const names[] = {
        [LR_VALUE_NULL] = "null",         [LR_VALUE_BOOL] = "bool",
        [LR_VALUE_INT] = "int",           [LR_VALUE_UINT] = "uint",
        [LR_VALUE_FLOAT] = "float",       [LR_VALUE_HANDLE] = "handle",
        [LR_VALUE_DTYPE] = "dtype",       [LR_VALUE_DEVICE] = "device",
        [LR_VALUE_TENSOR] = "tensor",     [LR_VALUE_STR] = "str",
        [LR_VALUE_BYTES] = "bytes",       [LR_VALUE_MODULE] = "module",
        [LR_VALUE_FUNCTION] = "function", [LR_VALUE_OBJECT] = "object",
    };
    LR_ASSERT((size_t)kind < LR_COUNT_OF(names));
    return names[kind];
}

/* How results are announced: codes of owned objects, where a value sent has a raw one. In ffi a
 * short text is announced by |small|. */
static const struct {
    int32_t code[LR_DIALECT_COUNT];
    int32_t small; /* ffi; -1: none */
} results[] = {
    [LR_RESULT_NULL] = {{4, 0}, -1},    [LR_RESULT_INT] = {{0, 1}, -1},
    [LR_RESULT_FLOAT] = {{2, 3}, -1},   [LR_RESULT_STR] = {{11, 65}, 11},
    [LR_RESULT_BYTES] = {{12, 66}, 12}, [LR_RESULT_FUNCTION] = {{10, 68}, -1},
    [LR_RESULT_MODULE] = {{9, 73}, -1}, [LR_RESULT_ARRAY] = {{13, 70}, -1},
    [LR_RESULT_BOOL] = {{0, 2}, -1},    [LR_RESULT_HANDLE] = {{3, 4}, -1},
    [LR_RESULT_DTYPE] = {{5, 5}, -1},   [LR_RESULT_DEVICE] = {{6, 6}, -1},
    [LR_RESULT_OBJECT] = {{8, 64}, -1},
};

enum {
    SMALL_TEXT_MAX = 7,
    LEGACY_BOOL = 15, /* of the last versions; an int is understood by all */
    OBJECT_FIRST = 64 /* ffi: from here on, codes without a row name classes of objects */
};

int32_t lr_result_code(enum lr_dialect dialect, enum lr_result_kind kind, size_t text_size) {
    LR_ASSERT((size_t)kind < LR_COUNT_OF(results));
    bool small = dialect == LR_DIALECT_FFI && results[kind].small >= 0;
    return small && text_size <= SMALL_TEXT_MAX ? results[kind].small : results[kind].code[dialect];
}

bool lr_result_kind_of(enum lr_dialect dialect, int32_t code, enum lr_result_kind *kind) {
    for (size_t i = 0; i < LR_COUNT_OF(results); i++) {
        bool small = dialect == LR_DIALECT_FFI && results[i].small == code;
        if (code >= 0 && (small || results[i].code[dialect] == code)) {
            *kind = (enum lr_result_kind)i; /* legacy 0: an int, as it has no bool of its own */
            return true;
        }
    }
    if (dialect == LR_DIALECT_LEGACY && code == LEGACY_BOOL) {
        *kind = LR_RESULT_BOOL;
        return true;
    }
    *kind = LR_RESULT_OBJECT;
    return dialect == LR_DIALECT_FFI && code >= OBJECT_FIRST;
}

/* Whether elements share bytes. */
static bool is_packed(enum lr_dialect dialect, struct lr_dtype dtype) {
    bool byte_bool = dtype.code == 1 && dtype.bits == 1 && dtype.lanes == 1;
    return dialect == LR_DIALECT_FFI && !byte_bool && (uint64_t)dtype.bits * dtype.lanes % 8 != 0;
}

enum lr_status lr_tensor_bytes(enum lr_dialect dialect, const struct lr_tensor *tensor,
                               uint64_t *bytes) {
    bool packed = is_packed(dialect, tensor->dtype);
    uint64_t bits = (uint64_t)tensor->dtype.bits * tensor->dtype.lanes;
    uint64_t total = packed ? bits : (bits + 7) / 8; /* counted in bits or in bytes */
    if (tensor->ndim < 0 || tensor->ndim > LR_NDIM_MAX) {
        return LR_EPROTO;
    }
    bool empty = false; /* a dimension of 0 makes nothing of the others, however large */
    for (int32_t i = 0; i < tensor->ndim; i++) {
        if (tensor->shape[i] < 0) {
            return LR_EPROTO;
        }
        empty = empty || tensor->shape[i] == 0;
    }
    for (int32_t i = 0; i < tensor->ndim && !empty && total > 0; i++) {
        uint64_t dimension = (uint64_t)tensor->shape[i];
        if (total > UINT64_MAX / dimension) {
            return LR_ELIMIT;
        }
        total *= dimension;
    }
    *bytes = empty ? 0 : packed ? total / 8 + (total % 8 != 0) : total;
    return LR_OK;
}

/* Text that is cut where its room ends. */
struct cut_text {
    char *out;
    size_t size;
    size_t used;
};

/* These two are for what most values are: each call has some, and formatting takes ten times as
 * long. */
static void add_plain(struct cut_text *cut, const char *text) {
    size_t size = strlen(text);
    size_t room = cut->size - cut->used - 1;
    size = size < room ? size : room;
    memcpy(cut->out + cut->used, text, size);
    cut->used += size;
    cut->out[cut->used] = '\0';
}

static void add_number(struct cut_text *cut, const char *before, uint64_t number,
                       unsigned int base) {
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    add_plain(cut, before);
    add_plain(cut, digits + at);
}

static void LR_PRINTF(2, 3) add_text(struct cut_text *cut, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(cut->out + cut->used, cut->size - cut->used, format, arguments);
    va_end(arguments);
    size_t room = cut->size - cut->used - 1;
    cut->used += written < 0 ? 0 : (size_t)written < room ? (size_t)written : room;
}

static void describe_dtype(struct cut_text *cut, struct lr_dtype dtype) {
    static const char *const names[] = {"int", "uint", "float", "handle", "bfloat", NULL, "bool"};
    bool known = dtype.code < LR_COUNT_OF(names) && names[dtype.code] != NULL;
    if (known) {
        add_text(cut, "%s%u", names[dtype.code], (unsigned)dtype.bits);
    } else {
        add_text(cut, "dtype%u_%u", (unsigned)dtype.code, (unsigned)dtype.bits);
    }
    if (dtype.lanes != 1) {
        add_text(cut, "x%u", (unsigned)dtype.lanes);
    }
}

static void describe_tensor(struct cut_text *cut, const struct lr_tensor *tensor) {
    describe_dtype(cut, tensor->dtype);
    add_text(cut, "[");
    for (int32_t i = 0; i < tensor->ndim; i++) {
        add_text(cut, "%s%" PRId64, i == 0 ? "" : ",", tensor->shape[i]);
    }
    add_text(cut, "]");
}

static void describe_content(struct cut_text *cut, const struct lr_value *value) {
    char quoted[64];
    switch (value->kind) {
    case LR_VALUE_NULL:
        break;
    case LR_VALUE_BOOL:
        add_plain(cut, value->as.integer != 0 ? " true" : " false");
        break;
    case LR_VALUE_INT:
        if (value->as.integer < 0) {
            add_number(cut, " -", 0 - (uint64_t)value->as.integer, 10);
        } else {
            add_number(cut, " ", (uint64_t)value->as.integer, 10);
        }
        break;
    case LR_VALUE_UINT:
        add_number(cut, " ", (uint64_t)value->as.integer, 10);
        break;
    case LR_VALUE_FLOAT:
        add_text(cut, " %.17g", value->as.number);
        break;
    case LR_VALUE_HANDLE:
    case LR_VALUE_MODULE:
    case LR_VALUE_FUNCTION:
        add_number(cut, " 0x", value->as.handle, 16);
        break;
    case LR_VALUE_DTYPE:
        add_text(cut, " ");
        describe_dtype(cut, value->as.dtype);
        break;
    case LR_VALUE_DEVICE:
        add_text(cut, " %" PRId32 ":%" PRId32, value->as.device.type, value->as.device.id);
        break;
    case LR_VALUE_TENSOR:
        add_text(cut, " ");
        describe_tensor(cut, &value->as.tensor);
        break;
    case LR_VALUE_STR:
        add_plain(cut, " ");
        add_plain(cut, lr_text_quote(quoted, sizeof quoted, value->as.text));
        break;
    case LR_VALUE_BYTES:
        add_text(cut, " of %zu bytes", value->as.text.size);
        break;
    case LR_VALUE_OBJECT:
        add_text(cut, " of code %" PRId32 " 0x%" PRIx64, value->code, value->as.handle);
        break;
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written through |cut| */
const char *lr_value_describe(char *out, size_t size, const struct lr_value *value) {
    LR_ASSERT(size > 0);
    struct cut_text cut = {.out = out, .size = size};
    add_plain(&cut, lr_value_kind_name(value->kind));
    describe_content(&cut, value);
    return out;
}
