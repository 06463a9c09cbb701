/* SPDX-License-Identifier: Apache-2.0 */
/* Values of packed sequences, in both dialects (PROTOCOL_FACTS section 4; docs/protocol.md): one
 * table a dialect says which code is which kind and which bytes follow. Decoding is strict: counts,
 * lengths and dimensions are bounded before use, and all bytes must be consumed. What was decoded
 * encodes to the same bytes. */
#ifndef LR_RPC_VALUE_H
#define LR_RPC_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/text.h"
#include "rpc/wire.h"

enum lr_dialect {
    LR_DIALECT_LEGACY, /* TVM 0.8 .. 0.20 */
    LR_DIALECT_FFI,    /* TVM 0.21 .. */
    LR_DIALECT_COUNT
};

const char *lr_dialect_name(enum lr_dialect dialect); /* "legacy", "ffi" */

enum lr_value_kind {
    LR_VALUE_NULL,
    LR_VALUE_BOOL,   /* ffi only; |integer| 0 or 1 */
    LR_VALUE_INT,    /* |integer| */
    LR_VALUE_UINT,   /* legacy only; |integer| as bits */
    LR_VALUE_FLOAT,  /* |number| */
    LR_VALUE_HANDLE, /* |handle|: opaque, from the server; also the data pointer of an allocation */
    LR_VALUE_DTYPE,  /* |dtype| */
    LR_VALUE_DEVICE, /* |device| */
    LR_VALUE_TENSOR, /* |tensor|: a header; its data stays remote */
    LR_VALUE_STR,    /* |text| */
    LR_VALUE_BYTES,  /* |text| */
    LR_VALUE_MODULE, /* |handle| of a module, client to server */
    LR_VALUE_FUNCTION, /* |handle| of a function, client to server */
    LR_VALUE_OBJECT    /* |handle| of a remote object whose outer code is |code|; ffi only, but as
                          the result of a call */
};

const char *lr_value_kind_name(enum lr_value_kind kind); /* "str" */

enum { LR_NDIM_MAX = 32 }; /* what a tensor header can hold here; an option may allow less */

struct lr_dtype {
    uint8_t code; /* 0 int, 1 uint, 2 float, 3 handle, 4 bfloat, 6 bool (ffi) */
    uint8_t bits;
    uint16_t lanes;
};

struct lr_device {
    int32_t type; /* 1 CPU */
    int32_t id;
};

struct lr_tensor {
    uint64_t data; /* handle of the allocation */
    struct lr_device device;
    int32_t ndim; /* 0 .. LR_NDIM_MAX */
    struct lr_dtype dtype;
    int64_t shape[LR_NDIM_MAX];
    uint64_t byte_offset;
};

struct lr_value_row; /* a row of a dialect's table, private to value.c */

struct lr_value {
    enum lr_value_kind kind;
    int32_t code; /* the outer code on the wire, where decoded; see lr_value_code */
    const struct lr_value_row *row; /* the row it was decoded by: encodes to the same bytes in that
                                       dialect. NULL: the row that |kind| has by default */
    union {
        int64_t integer;
        double number;
        uint64_t handle;
        struct lr_dtype dtype;
        struct lr_device device;
        struct lr_tensor tensor;
        struct lr_text text; /* borrowed: from the packet, or from whoever made the value */
    } as;
};

/* Makers; text is borrowed. */
struct lr_value lr_value_null(void);
struct lr_value lr_value_int(int64_t integer);
struct lr_value lr_value_float(double number);
struct lr_value lr_value_handle(uint64_t handle);
struct lr_value lr_value_str(struct lr_text text);
struct lr_value lr_value_bytes(const void *bytes, size_t size);
struct lr_value lr_value_device(struct lr_device device);
struct lr_value lr_value_dtype(struct lr_dtype dtype);
struct lr_value lr_value_tensor(const struct lr_tensor *tensor);

/* What a peer may send at most. */
struct lr_value_limits {
    uint32_t count_max; /* values in a sequence */
    uint32_t ndim_max;  /* dimensions of a tensor, at most LR_NDIM_MAX */
};
extern const struct lr_value_limits lr_value_limits_default;

enum { LR_VALUES_FEW = 4 }; /* nearly all packets have no more */

/* A decoded sequence. Not to be moved: a few values lie in it. */
struct lr_values {
    struct lr_alloc *alloc;
    struct lr_value *items;
    size_t count;
    struct lr_value few[LR_VALUES_FEW]; /* not set where |items| are elsewhere */
};

void lr_values_init(struct lr_values *values, struct lr_alloc *alloc);
void lr_values_deinit(struct lr_values *values);

/* Decodes a packed sequence that must fill the rest of |reader|. Text is borrowed from the reader's
 * bytes. LR_EPROTO, LR_ETRUNCATED, LR_ELIMIT (with a sentence that says what and where), LR_ENOMEM;
 * |values| is then empty. */
LR_NODISCARD enum lr_status lr_values_decode(enum lr_dialect dialect,
                                             const struct lr_value_limits *limits,
                                             struct lr_reader *reader, struct lr_values *values,
                                             struct lr_error *error);
/* The same checks; keeps nothing, allocates nothing. */
LR_NODISCARD enum lr_status lr_values_check(enum lr_dialect dialect,
                                            const struct lr_value_limits *limits,
                                            struct lr_reader *reader, struct lr_error *error);
/* Encodes a packed sequence. Errors stick to |writer|: LR_ENOMEM; LR_ENOTSUP: the dialect has no
 * such value (bool in legacy is sent as an int, uint in ffi as an int). */
void lr_values_encode(enum lr_dialect dialect, const struct lr_value *items, size_t count,
                      struct lr_writer *writer);

/* A tensor header as such, as packets carry it outside of a sequence. LR_EPROTO: a negative number
 * of dimensions; LR_ELIMIT: more than |limits| allow; LR_ETRUNCATED; each with a sentence, and kept
 * by |reader|. */
LR_NODISCARD enum lr_status lr_read_tensor(struct lr_reader *reader,
                                           const struct lr_value_limits *limits,
                                           struct lr_tensor *tensor, struct lr_error *error);
void lr_write_tensor(struct lr_writer *writer, const struct lr_tensor *tensor);

/* The type code that a CallFunc's answer names for a result of |kind| in |dialect|: str 11 legacy;
 * 11 (up to 7 bytes) or 65 in ffi, array 13 or 70, function 10 or 68 .. (PROTOCOL_FACTS section 3).
 */
enum lr_result_kind {
    LR_RESULT_NULL,
    LR_RESULT_INT,
    LR_RESULT_FLOAT,
    LR_RESULT_STR,
    LR_RESULT_BYTES,
    LR_RESULT_FUNCTION,
    LR_RESULT_MODULE,
    LR_RESULT_ARRAY,
    LR_RESULT_BOOL,
    LR_RESULT_HANDLE,
    LR_RESULT_DTYPE,
    LR_RESULT_DEVICE,
    LR_RESULT_OBJECT /* any other object (ffi: a shape, a list ..): a handle that can be freed */
};
int32_t lr_result_code(enum lr_dialect dialect, enum lr_result_kind kind, size_t text_size);
/* The reverse; false for a code that no result has. */
bool lr_result_kind_of(enum lr_dialect dialect, int32_t code, enum lr_result_kind *kind);

/* Bytes of |tensor|'s data. Elements that are no whole bytes, such as int4, are packed in ffi and
 * the last byte is filled up; in legacy each has bytes of its own, and so has a uint1 (bool) in
 * both. No dimensions: one element. LR_EPROTO: a negative dimension or number of them; LR_ELIMIT:
 * overflow. */
LR_NODISCARD enum lr_status lr_tensor_bytes(enum lr_dialect dialect, const struct lr_tensor *tensor,
                                            uint64_t *bytes);

/* One value as text for a report or a log ("int 10", "str \"abc\"", "tensor float32[3,4]"). */
const char *lr_value_describe(char *out, size_t size, const struct lr_value *value);

#endif
