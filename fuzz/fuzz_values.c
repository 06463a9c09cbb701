/* SPDX-License-Identifier: Apache-2.0 */
/* Packed sequences of both dialects: what decodes must encode to as many bytes, and those must
 * decode to the same. */
#include <string.h>

#include "fuzz.h"
#include "rpc/value.h"

static enum lr_status decode(enum lr_dialect dialect, const void *bytes, size_t size,
                             struct lr_values *values) {
    struct lr_reader reader = lr_reader_of(bytes, size);
    struct lr_error error = {0};
    enum lr_status status =
        lr_values_decode(dialect, &lr_value_limits_default, &reader, values, &error);
    LR_ASSERT((status == LR_OK) == (error.text[0] == '\0'));
    LR_ASSERT(status == LR_OK || values->items == NULL);
    return status;
}

static void compare(enum lr_dialect dialect, const struct lr_values *a, const struct lr_values *b) {
    LR_ASSERT(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        char x[LR_ERROR_TEXT_MAX];
        char y[LR_ERROR_TEXT_MAX];
        LR_ASSERT(a->items[i].kind == b->items[i].kind);
        LR_ASSERT(a->items[i].code == b->items[i].code);
        LR_ASSERT(strcmp(lr_value_describe(x, sizeof x, &a->items[i]),
                         lr_value_describe(y, sizeof y, &b->items[i])) == 0);
        uint64_t bytes;
        if (a->items[i].kind == LR_VALUE_TENSOR) {
            (void)!lr_tensor_bytes(dialect, &a->items[i].as.tensor, &bytes);
        }
    }
}

/* Padding of a dtype is not kept. */
static bool keeps_all(const struct lr_values *values) {
    for (size_t i = 0; i < values->count; i++) {
        if (values->items[i].kind == LR_VALUE_DTYPE) {
            return false;
        }
    }
    return true;
}

static enum lr_status there_and_back(struct fuzz_input *input, enum lr_dialect dialect,
                                     const struct lr_values *values, struct lr_buf *bytes,
                                     struct lr_values *again) {
    struct lr_writer writer = lr_writer_of(bytes);
    lr_values_encode(dialect, values->items, values->count, &writer);
    if (writer.status != LR_OK) {
        return writer.status;
    }
    LR_ASSERT(lr_buf_size(bytes) == input->size);
    LR_ASSERT(!keeps_all(values) || memcmp(lr_buf_data(bytes), input->data, input->size) == 0);
    enum lr_status status = decode(dialect, lr_buf_data(bytes), lr_buf_size(bytes), again);
    LR_ASSERT(status == LR_OK || status == LR_ENOMEM);
    if (status == LR_OK) {
        compare(dialect, values, again);
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input;
    if (!fuzz_begin(&input, data, size)) {
        return 0;
    }
    enum lr_dialect dialect = (enum lr_dialect)(input.choice % LR_DIALECT_COUNT);
    struct lr_values values;
    struct lr_values again;
    struct lr_buf bytes;
    lr_values_init(&values, &input.counting.base);
    lr_values_init(&again, &input.counting.base);
    lr_buf_init(&bytes, &input.counting.base);
    struct lr_reader reader = lr_reader_of(input.data, input.size);
    enum lr_status checked = lr_values_check(dialect, &lr_value_limits_default, &reader, NULL);
    enum lr_status status = decode(dialect, input.data, input.size, &values);
    LR_ASSERT(status == checked || status == LR_ENOMEM);
    if (status == LR_OK) {
        status = there_and_back(&input, dialect, &values, &bytes, &again);
    }
    lr_buf_deinit(&bytes);
    lr_values_deinit(&again);
    lr_values_deinit(&values);
    fuzz_end(&input, status);
    return 0;
}
