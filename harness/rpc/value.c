/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/value.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"

/* What follows a type code. */
enum value_layout {
    LAYOUT_NOTHING,
    LAYOUT_WORD, /* eight bytes: an integer, the bits of a double, a handle */
    LAYOUT_BOOL, /* eight bytes, 0 or 1 */
    LAYOUT_DTYPE,
    LAYOUT_DEVICE,
    LAYOUT_TENSOR,
    LAYOUT_TEXT,       /* uint64 length, bytes */
    LAYOUT_OWNED_TEXT, /* uint32 inner code, uint64 length, bytes */
    LAYOUT_OBJECT      /* uint32 inner code, uint64 handle */
};

struct lr_value_row {
    enum lr_dialect dialect;
    int32_t code;
    enum lr_value_kind kind;
    enum value_layout layout;
    uint32_t inner;    /* the code that the layout repeats inside */
    uint64_t text_max; /* bytes, where the code itself says that a text is short */
};

enum {
    FFI_OBJECT_FIRST = 64,  /* from here on a code names a class of objects */
    FFI_SMALL_TEXT_MAX = 7, /* bytes that fit beside the length in a word */
    FFI_REMOTE_OBJECT = 115
};

#define ANY_TEXT UINT64_MAX

/* The first row of a kind is the one that values made here are sent by. */
static const struct lr_value_row legacy_rows[] = {
    {LR_DIALECT_LEGACY, 0, LR_VALUE_INT, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_LEGACY, 1, LR_VALUE_UINT, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_LEGACY, 2, LR_VALUE_FLOAT, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_LEGACY, 3, LR_VALUE_HANDLE, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_LEGACY, 4, LR_VALUE_NULL, LAYOUT_NOTHING, 0, 0},
    {LR_DIALECT_LEGACY, 5, LR_VALUE_DTYPE, LAYOUT_DTYPE, 0, 0},
    {LR_DIALECT_LEGACY, 6, LR_VALUE_DEVICE, LAYOUT_DEVICE, 0, 0},
    {LR_DIALECT_LEGACY, 7, LR_VALUE_TENSOR, LAYOUT_TENSOR, 0, 0},
    {LR_DIALECT_LEGACY, 9, LR_VALUE_MODULE, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_LEGACY, 10, LR_VALUE_FUNCTION, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_LEGACY, 11, LR_VALUE_STR, LAYOUT_TEXT, 0, ANY_TEXT},
    {LR_DIALECT_LEGACY, 12, LR_VALUE_BYTES, LAYOUT_TEXT, 0, ANY_TEXT},
    {LR_DIALECT_LEGACY, 15, LR_VALUE_BOOL, LAYOUT_BOOL, 0, 0}, /* seen of v0.19 */
};

static const struct lr_value_row ffi_rows[] = {
    {LR_DIALECT_FFI, 0, LR_VALUE_NULL, LAYOUT_NOTHING, 0, 0},
    {LR_DIALECT_FFI, 1, LR_VALUE_INT, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_FFI, 2, LR_VALUE_BOOL, LAYOUT_BOOL, 0, 0},
    {LR_DIALECT_FFI, 3, LR_VALUE_FLOAT, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_FFI, 4, LR_VALUE_HANDLE, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_FFI, 5, LR_VALUE_DTYPE, LAYOUT_DTYPE, 0, 0},
    {LR_DIALECT_FFI, 6, LR_VALUE_DEVICE, LAYOUT_DEVICE, 0, 0},
    {LR_DIALECT_FFI, 7, LR_VALUE_TENSOR, LAYOUT_TENSOR, 0, 0},
    {LR_DIALECT_FFI, 8, LR_VALUE_STR, LAYOUT_TEXT, 0, ANY_TEXT},
    {LR_DIALECT_FFI, 9, LR_VALUE_BYTES, LAYOUT_TEXT, 0, ANY_TEXT},
    {LR_DIALECT_FFI, 11, LR_VALUE_STR, LAYOUT_OWNED_TEXT, 65, FFI_SMALL_TEXT_MAX},
    {LR_DIALECT_FFI, 12, LR_VALUE_BYTES, LAYOUT_OWNED_TEXT, 66, FFI_SMALL_TEXT_MAX},
    {LR_DIALECT_FFI, 65, LR_VALUE_STR, LAYOUT_OWNED_TEXT, 65, ANY_TEXT},
    {LR_DIALECT_FFI, 66, LR_VALUE_BYTES, LAYOUT_OWNED_TEXT, 66, ANY_TEXT},
    {LR_DIALECT_FFI, 68, LR_VALUE_FUNCTION, LAYOUT_WORD, 0, 0},
    {LR_DIALECT_FFI, 73, LR_VALUE_MODULE, LAYOUT_WORD, 0, 0},
    /* Last: stands for any code of an object that has no row. The value keeps its code. */
    {LR_DIALECT_FFI, FFI_OBJECT_FIRST, LR_VALUE_OBJECT, LAYOUT_OBJECT, FFI_REMOTE_OBJECT, 0},
};

static const struct {
    const char *name;
    const struct lr_value_row *rows;
    size_t row_count;
    bool codes_first; /* all codes stand before the values, or each before its own */
} dialects[LR_DIALECT_COUNT] = {
    [LR_DIALECT_LEGACY] = {"legacy", legacy_rows, LR_COUNT_OF(legacy_rows), true},
    [LR_DIALECT_FFI] = {"ffi", ffi_rows, LR_COUNT_OF(ffi_rows), false},
};

const struct lr_value_limits lr_value_limits_default = {.count_max = 1024, .ndim_max = LR_NDIM_MAX};

const char *lr_dialect_name(enum lr_dialect dialect) {
    return dialects[dialect].name;
}

static const struct lr_value_row *find_row_by_code(enum lr_dialect dialect, int32_t code) {
    for (size_t i = 0; i < dialects[dialect].row_count; i++) {
        const struct lr_value_row *row = &dialects[dialect].rows[i];
        if (row->code == code || (row->kind == LR_VALUE_OBJECT && code > row->code)) {
            return row;
        }
    }
    return NULL;
}

static const struct lr_value_row *find_row_by_kind(enum lr_dialect dialect,
                                                   enum lr_value_kind kind) {
    for (size_t i = 0; i < dialects[dialect].row_count; i++) {
        if (dialects[dialect].rows[i].kind == kind) {
            return &dialects[dialect].rows[i];
        }
    }
    return NULL;
}

static uint64_t bits_of_double(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double double_of_bits(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static struct lr_dtype read_dtype(struct lr_reader *reader) {
    struct lr_dtype dtype;
    dtype.code = lr_read_u8(reader);
    dtype.bits = lr_read_u8(reader);
    dtype.lanes = lr_read_u16(reader);
    return dtype;
}

static void write_dtype(struct lr_writer *writer, struct lr_dtype dtype) {
    lr_write_u8(writer, dtype.code);
    lr_write_u8(writer, dtype.bits);
    lr_write_u16(writer, dtype.lanes);
}

static struct lr_device read_device(struct lr_reader *reader) {
    struct lr_device device;
    device.type = lr_read_i32(reader);
    device.id = lr_read_i32(reader);
    return device;
}

static void write_device(struct lr_writer *writer, struct lr_device device) {
    lr_write_i32(writer, device.type);
    lr_write_i32(writer, device.id);
}

/* Keeps the sentence in |error|, and then |status| in |reader|, after which nothing is left in it.
 */
#define FAIL(reader, error, status, ...)                                                           \
    ((void)lr_error_set((error), (status), __VA_ARGS__), lr_reader_fail((reader), (status)),       \
     (status))

static enum lr_status fail_short(struct lr_reader *reader, struct lr_error *error) {
    return FAIL(reader, error, LR_ETRUNCATED, "ends at byte %zu of the packet", reader->size);
}

enum lr_status lr_read_tensor(struct lr_reader *reader, const struct lr_value_limits *limits,
                              struct lr_tensor *tensor, struct lr_error *error) {
    uint32_t ndim_max = limits->ndim_max < LR_NDIM_MAX ? limits->ndim_max : LR_NDIM_MAX;
    memset(tensor, 0, sizeof *tensor);
    tensor->data = lr_read_u64(reader);
    tensor->device = read_device(reader);
    int32_t ndim = lr_read_i32(reader);
    tensor->dtype = read_dtype(reader);
    if (reader->status != LR_OK) {
        return fail_short(reader, error);
    }
    if (ndim < 0) {
        return FAIL(reader, error, LR_EPROTO, "a tensor of %" PRId32 " dimensions", ndim);
    }
    if ((uint32_t)ndim > ndim_max) {
        return FAIL(reader, error, LR_ELIMIT,
                    "a tensor of %" PRId32 " dimensions, at most %" PRIu32 " are allowed", ndim,
                    ndim_max);
    }
    for (int32_t i = 0; i < ndim; i++) {
        tensor->shape[i] = lr_read_i64(reader);
    }
    tensor->byte_offset = lr_read_u64(reader);
    tensor->ndim = ndim;
    return reader->status == LR_OK ? LR_OK : fail_short(reader, error);
}

void lr_write_tensor(struct lr_writer *writer, const struct lr_tensor *tensor) {
    LR_ASSERT(tensor->ndim >= 0 && tensor->ndim <= LR_NDIM_MAX);
    lr_write_u64(writer, tensor->data);
    write_device(writer, tensor->device);
    lr_write_i32(writer, tensor->ndim);
    write_dtype(writer, tensor->dtype);
    for (int32_t i = 0; i < tensor->ndim; i++) {
        lr_write_i64(writer, tensor->shape[i]);
    }
    lr_write_u64(writer, tensor->byte_offset);
}

/* Reads eight bytes as what |kind| makes of them. */
static void read_word(struct lr_reader *reader, struct lr_value *value) {
    if (value->kind == LR_VALUE_FLOAT) {
        value->as.number = double_of_bits(lr_read_u64(reader));
    } else if (value->kind == LR_VALUE_INT || value->kind == LR_VALUE_UINT ||
               value->kind == LR_VALUE_BOOL) {
        value->as.integer = lr_read_i64(reader);
    } else {
        value->as.handle = lr_read_u64(reader);
    }
}

static void write_word(struct lr_writer *writer, const struct lr_value *value) {
    if (value->kind == LR_VALUE_FLOAT) {
        lr_write_u64(writer, bits_of_double(value->as.number));
    } else if (value->kind == LR_VALUE_INT || value->kind == LR_VALUE_UINT ||
               value->kind == LR_VALUE_BOOL) {
        lr_write_i64(writer, value->as.integer);
    } else {
        lr_write_u64(writer, value->as.handle);
    }
}

static enum lr_status read_text(struct lr_reader *reader, struct lr_value *value,
                                struct lr_error *error) {
    uint64_t size = lr_read_u64(reader);
    if (reader->status != LR_OK) {
        return fail_short(reader, error);
    }
    if (size > value->row->text_max) {
        return FAIL(reader, error, LR_EPROTO, "%" PRIu64 " bytes, its code allows %" PRIu64, size,
                    value->row->text_max);
    }
    size_t left = lr_reader_left(reader);
    const uint8_t *bytes = lr_read_bytes(reader, size);
    if (bytes == NULL) {
        return FAIL(reader, error, LR_ETRUNCATED, "announces %" PRIu64 " bytes, %zu are left", size,
                    left);
    }
    value->as.text = (struct lr_text){(const char *)bytes, (size_t)size};
    return LR_OK;
}

/* Checks the code that a layout repeats inside. */
static enum lr_status read_inner(struct lr_reader *reader, const struct lr_value_row *row,
                                 struct lr_error *error) {
    uint32_t inner = lr_read_u32(reader);
    if (reader->status == LR_OK && inner != row->inner) {
        return FAIL(reader, error, LR_EPROTO, "its inner code is %" PRIu32 ", not %" PRIu32, inner,
                    row->inner);
    }
    return reader->status == LR_OK ? LR_OK : fail_short(reader, error);
}

/* Reads what follows the code, by |value->row|. */
static enum lr_status read_layout(struct lr_reader *reader, const struct lr_value_limits *limits,
                                  struct lr_value *value, struct lr_error *error) {
    enum value_layout layout = value->row->layout;
    if (layout == LAYOUT_OWNED_TEXT || layout == LAYOUT_OBJECT) {
        enum lr_status status = read_inner(reader, value->row, error);
        if (status != LR_OK) {
            return status;
        }
    }
    switch (layout) {
    case LAYOUT_NOTHING:
        break;
    case LAYOUT_WORD:
    case LAYOUT_OBJECT:
        read_word(reader, value);
        break;
    case LAYOUT_BOOL:
        read_word(reader, value);
        if (reader->status == LR_OK && value->as.integer != 0 && value->as.integer != 1) {
            return FAIL(reader, error, LR_EPROTO, "is %" PRId64 ", neither 0 nor 1",
                        value->as.integer);
        }
        break;
    case LAYOUT_DTYPE:
        value->as.dtype = read_dtype(reader);
        (void)lr_read_u32(reader); /* padding: TVM writes 0 and does not look */
        break;
    case LAYOUT_DEVICE:
        value->as.device = read_device(reader);
        break;
    case LAYOUT_TENSOR:
        return lr_read_tensor(reader, limits, &value->as.tensor, error);
    case LAYOUT_TEXT:
    case LAYOUT_OWNED_TEXT:
        return read_text(reader, value, error);
    }
    return reader->status == LR_OK ? LR_OK : fail_short(reader, error);
}

static enum lr_status read_value(enum lr_dialect dialect, const struct lr_value_limits *limits,
                                 struct lr_reader *codes, struct lr_reader *reader,
                                 struct lr_value *value, struct lr_error *error) {
    int32_t code = lr_read_i32(codes);
    if (codes->status != LR_OK) {
        return fail_short(reader, error);
    }
    const struct lr_value_row *row = find_row_by_code(dialect, code);
    if (row == NULL) {
        return FAIL(reader, error, LR_EPROTO, "%s has no type code %" PRId32,
                    lr_dialect_name(dialect), code);
    }
    value->kind = row->kind;
    value->code = code;
    value->row = row;
    return read_layout(reader, limits, value, error);
}

void lr_values_init(struct lr_values *values, struct lr_alloc *alloc) {
    values->alloc = alloc;
    values->items = NULL;
    values->count = 0;
}

void lr_values_deinit(struct lr_values *values) {
    if (values->items != NULL && values->items != values->few) {
        lr_alloc_free(values->alloc, values->items, values->count * sizeof *values->items);
    }
    lr_values_init(values, values->alloc);
}

/* Reads the count and bounds it before anything is made of it. */
static enum lr_status read_count(const struct lr_value_limits *limits, struct lr_reader *reader,
                                 size_t *count, struct lr_error *error) {
    int32_t announced = lr_read_i32(reader);
    if (reader->status != LR_OK) {
        return FAIL(reader, error, LR_ETRUNCATED, "no room for the number of values");
    }
    if (announced < 0) {
        return FAIL(reader, error, LR_EPROTO, "a sequence of %" PRId32 " values", announced);
    }
    if ((uint32_t)announced > limits->count_max) {
        return FAIL(reader, error, LR_ELIMIT,
                    "a sequence of %" PRId32 " values, at most %" PRIu32 " are allowed", announced,
                    limits->count_max);
    }
    if ((uint32_t)announced > lr_reader_left(reader) / 4) { /* each has a code, at least */
        return FAIL(reader, error, LR_ETRUNCATED, "%" PRId32 " values announced, %zu bytes left",
                    announced, lr_reader_left(reader));
    }
    *count = (size_t)announced;
    return LR_OK;
}

/* All that says what a value is; a tensor's room, most of its size, is not touched. */
static void set_null(struct lr_value *value) {
    value->kind = LR_VALUE_NULL;
    value->code = 0;
    value->row = NULL;
    value->as.integer = 0;
}

/* Reads |count| values into |items|, or past them where that is NULL. */
static enum lr_status read_items(enum lr_dialect dialect, const struct lr_value_limits *limits,
                                 struct lr_reader *reader, struct lr_value *items, size_t count,
                                 struct lr_error *error) {
    struct lr_reader codes_apart = {0};
    struct lr_reader *codes = reader;
    if (dialects[dialect].codes_first) {
        const uint8_t *bytes = lr_read_bytes(reader, 4 * (uint64_t)count);
        codes_apart = lr_reader_of(bytes, 4 * count);
        codes = &codes_apart;
    }
    for (size_t i = 0; i < count; i++) {
        struct lr_error detail;
        struct lr_value passed;
        struct lr_value *value = items == NULL ? &passed : &items[i];
        set_null(value);
        /* Who only tries a dialect wants no words. */
        enum lr_status status =
            read_value(dialect, limits, codes, reader, value, error == NULL ? NULL : &detail);
        if (status != LR_OK && error == NULL) {
            return status;
        }
        if (status != LR_OK) {
            const struct lr_value_row *row = value->row;
            return lr_error_set(error, status, "value %zu of %zu%s%s: %s", i + 1, count,
                                row == NULL ? "" : ", ",
                                row == NULL ? "" : lr_value_kind_name(row->kind), detail.text);
        }
    }
    if (lr_reader_left(reader) != 0) {
        return FAIL(reader, error, LR_EPROTO, "%zu bytes behind the last of %zu values",
                    lr_reader_left(reader), count);
    }
    return LR_OK;
}

enum lr_status lr_values_check(enum lr_dialect dialect, const struct lr_value_limits *limits,
                               struct lr_reader *reader, struct lr_error *error) {
    size_t count;
    enum lr_status status = read_count(limits, reader, &count, error);
    return status == LR_OK ? read_items(dialect, limits, reader, NULL, count, error) : status;
}

static bool make_room(struct lr_values *values, size_t count) {
    if (count <= LR_VALUES_FEW) {
        values->items = values->few;
    } else if (count <= SIZE_MAX / sizeof *values->items) {
        values->items = lr_alloc_bytes(values->alloc, count * sizeof *values->items);
    }
    return values->items != NULL;
}

enum lr_status lr_values_decode(enum lr_dialect dialect, const struct lr_value_limits *limits,
                                struct lr_reader *reader, struct lr_values *values,
                                struct lr_error *error) {
    size_t count;
    lr_values_deinit(values);
    enum lr_status status = read_count(limits, reader, &count, error);
    if (status != LR_OK) {
        return status;
    }
    if (count > 0 && !make_room(values, count)) {
        return FAIL(reader, error, LR_ENOMEM, "no memory for %zu values", count);
    }
    values->count = count;
    status = read_items(dialect, limits, reader, values->items, count, error);
    if (status != LR_OK) {
        lr_values_deinit(values);
    }
    return status;
}

/* A text may have been replaced by one that is too long for the row it came with. */
static bool fits_row(const struct lr_value *value) {
    return value->row->layout != LAYOUT_OWNED_TEXT || value->as.text.size <= value->row->text_max;
}

/* The row that |value| is sent by; NULL where the dialect has none. */
static const struct lr_value_row *row_of_value(enum lr_dialect dialect,
                                               const struct lr_value *value) {
    /* The nearest kind, where a dialect lacks one, or not every version of it has one. */
    static const struct {
        enum lr_dialect dialect;
        enum lr_value_kind kind, instead;
    } nearest[] = {
        {LR_DIALECT_LEGACY, LR_VALUE_BOOL, LR_VALUE_INT},
        {LR_DIALECT_FFI, LR_VALUE_UINT, LR_VALUE_INT},
    };
    if (value->row != NULL && value->row->dialect == dialect && fits_row(value)) {
        return value->row;
    }
    for (size_t i = 0; i < LR_COUNT_OF(nearest); i++) {
        if (nearest[i].dialect == dialect && nearest[i].kind == value->kind) {
            return find_row_by_kind(dialect, nearest[i].instead);
        }
    }
    return find_row_by_kind(dialect, value->kind);
}

static void write_code(enum lr_dialect dialect, const struct lr_value *value,
                       struct lr_writer *writer) {
    const struct lr_value_row *row = row_of_value(dialect, value);
    if (row == NULL) {
        lr_writer_fail(writer, LR_ENOTSUP);
        return;
    }
    lr_write_i32(writer, row->kind == LR_VALUE_OBJECT ? value->code : row->code);
}

static void write_layout(enum lr_dialect dialect, const struct lr_value *value,
                         struct lr_writer *writer) {
    const struct lr_value_row *row = row_of_value(dialect, value);
    if (row == NULL) {
        return;
    }
    if (row->layout == LAYOUT_OWNED_TEXT || row->layout == LAYOUT_OBJECT) {
        lr_write_u32(writer, row->inner);
    }
    switch (row->layout) {
    case LAYOUT_NOTHING:
        break;
    case LAYOUT_WORD:
    case LAYOUT_BOOL:
    case LAYOUT_OBJECT:
        write_word(writer, value);
        break;
    case LAYOUT_DTYPE:
        write_dtype(writer, value->as.dtype);
        lr_write_u32(writer, 0);
        break;
    case LAYOUT_DEVICE:
        write_device(writer, value->as.device);
        break;
    case LAYOUT_TENSOR:
        lr_write_tensor(writer, &value->as.tensor);
        break;
    case LAYOUT_TEXT:
    case LAYOUT_OWNED_TEXT:
        lr_write_u64(writer, value->as.text.size);
        lr_write_bytes(writer, value->as.text.data, value->as.text.size);
        break;
    }
}

void lr_values_encode(enum lr_dialect dialect, const struct lr_value *items, size_t count,
                      struct lr_writer *writer) {
    LR_ASSERT(count <= INT32_MAX);
    bool codes_first = dialects[dialect].codes_first;
    lr_write_i32(writer, (int32_t)count);
    for (size_t i = 0; codes_first && i < count; i++) {
        write_code(dialect, &items[i], writer);
    }
    for (size_t i = 0; i < count; i++) {
        if (!codes_first) {
            write_code(dialect, &items[i], writer);
        }
        write_layout(dialect, &items[i], writer);
    }
}
