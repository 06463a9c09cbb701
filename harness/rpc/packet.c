/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/packet.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"

/* What follows the code. */
enum body_layout {
    BODY_NOTHING,
    BODY_INIT,      /* version, sequence */
    BODY_CALL,      /* function handle, sequence */
    BODY_SEQUENCE,  /* sequence */
    BODY_COPY_FROM, /* tensor, nbytes */
    BODY_COPY_TO,   /* tensor, nbytes, bytes */
    BODY_BYTES      /* bytes to the end */
};

static const struct {
    const char *name;
    enum body_layout layout;
} packets[] = {
    [LR_PACKET_NONE] = {"empty packet", BODY_NOTHING},
    [LR_PACKET_SHUTDOWN] = {"Shutdown", BODY_NOTHING},
    [LR_PACKET_INIT_SERVER] = {"InitServer", BODY_INIT},
    [LR_PACKET_CALL_FUNC] = {"CallFunc", BODY_CALL},
    [LR_PACKET_RETURN] = {"Return", BODY_SEQUENCE},
    [LR_PACKET_EXCEPTION] = {"Exception", BODY_SEQUENCE},
    [LR_PACKET_COPY_FROM_REMOTE] = {"CopyFromRemote", BODY_COPY_FROM},
    [LR_PACKET_COPY_TO_REMOTE] = {"CopyToRemote", BODY_COPY_TO},
    [LR_PACKET_COPY_ACK] = {"CopyAck", BODY_BYTES},
    [LR_PACKET_GET_GLOBAL_FUNC] = {"GetGlobalFunc", BODY_SEQUENCE},
    [LR_PACKET_FREE_HANDLE] = {"FreeHandle", BODY_SEQUENCE},
    [LR_PACKET_DEV_SET_DEVICE] = {"DevSetDevice", BODY_SEQUENCE},
    [LR_PACKET_DEV_GET_ATTR] = {"DevGetAttr", BODY_SEQUENCE},
    [LR_PACKET_DEV_ALLOC_DATA] = {"DevAllocData", BODY_SEQUENCE},
    [LR_PACKET_DEV_FREE_DATA] = {"DevFreeData", BODY_SEQUENCE},
    [LR_PACKET_DEV_STREAM_SYNC] = {"DevStreamSync", BODY_SEQUENCE},
    [LR_PACKET_COPY_AMONG_REMOTE] = {"CopyAmongRemote", BODY_SEQUENCE},
    [LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE] = {"DevAllocDataWithScope", BODY_SEQUENCE},
    [LR_PACKET_DEV_CREATE_STREAM] = {"DevCreateStream", BODY_SEQUENCE},
    [LR_PACKET_DEV_FREE_STREAM] = {"DevFreeStream", BODY_SEQUENCE},
    [LR_PACKET_DEV_SET_STREAM] = {"DevSetStream", BODY_SEQUENCE},
    [LR_PACKET_DEV_GET_CURRENT_STREAM] = {"DevGetCurrentStream", BODY_SEQUENCE},
};
_Static_assert(LR_COUNT_OF(packets) == LR_PACKET_CODE_END, "a row for each code");

static bool is_known(int32_t code) {
    return code > LR_PACKET_NONE && code < LR_PACKET_CODE_END;
}

const char *lr_packet_name(int32_t code) {
    return code == LR_PACKET_NONE || is_known(code) ? packets[code].name : NULL;
}

int32_t lr_packet_code_of(struct lr_text name) {
    for (int32_t code = LR_PACKET_NONE + 1; code < LR_PACKET_CODE_END; code++) {
        if (lr_text_equal(name, lr_text_of(packets[code].name))) {
            return code;
        }
    }
    return LR_PACKET_NONE;
}

/* Each packet passes here several times: of its tensor, most of its size, only what says that there
 * is none is set. */
void lr_packet_init(struct lr_packet *packet, struct lr_alloc *alloc) {
    packet->code = LR_PACKET_NONE;
    packet->version = (struct lr_text){0};
    packet->handle = 0;
    packet->tensor.data = 0;
    packet->tensor.ndim = 0;
    packet->nbytes = 0;
    packet->payload = NULL;
    packet->payload_size = 0;
    lr_values_init(&packet->values, alloc);
}

void lr_packet_deinit(struct lr_packet *packet) {
    lr_values_deinit(&packet->values);
    lr_packet_init(packet, packet->values.alloc);
}

/* Everything that a decoder hands on. */
struct decoding {
    enum lr_dialect dialect;
    const struct lr_value_limits *limits;
    struct lr_reader reader; /* over what is at hand */
    uint64_t missing;        /* bytes of the body that are not at hand */
    bool check_only;         /* values are checked, not kept */
    struct lr_packet *packet;
    struct lr_error *error;
};

static enum lr_status decode_sequence(struct decoding *decoding) {
    if (decoding->missing > 0) {
        return lr_error_set(decoding->error, LR_ETRUNCATED,
                            "a sequence of which %" PRIu64 " bytes were not kept",
                            decoding->missing);
    }
    if (decoding->check_only) {
        return lr_values_check(decoding->dialect, decoding->limits, &decoding->reader,
                               decoding->error);
    }
    return lr_values_decode(decoding->dialect, decoding->limits, &decoding->reader,
                            &decoding->packet->values, decoding->error);
}

static enum lr_status decode_init(struct decoding *decoding) {
    struct lr_reader *reader = &decoding->reader;
    uint64_t size = lr_read_u64(reader);
    const uint8_t *version = lr_read_bytes(reader, size);
    if (version == NULL) {
        return lr_error_set(decoding->error, reader->status,
                            "the version is longer than the packet");
    }
    decoding->packet->version = (struct lr_text){(const char *)version, (size_t)size};
    return decode_sequence(decoding);
}

static enum lr_status decode_call(struct decoding *decoding) {
    decoding->packet->handle = lr_read_u64(&decoding->reader);
    if (decoding->reader.status != LR_OK) {
        return lr_error_set(decoding->error, decoding->reader.status,
                            "ends inside the function's handle");
    }
    return decode_sequence(decoding);
}

static enum lr_status decode_copy_head(struct decoding *decoding) {
    struct lr_reader *reader = &decoding->reader;
    struct lr_packet *packet = decoding->packet;
    enum lr_status status =
        lr_read_tensor(reader, decoding->limits, &packet->tensor, decoding->error);
    if (status != LR_OK) {
        return status;
    }
    packet->nbytes = lr_read_u64(reader);
    if (reader->status != LR_OK) {
        return lr_error_set(decoding->error, reader->status, "ends inside the number of bytes");
    }
    return LR_OK;
}

/* The rest is payload, borrowed. */
static void decode_rest(struct decoding *decoding) {
    size_t size = lr_reader_left(&decoding->reader);
    decoding->packet->payload = lr_read_bytes(&decoding->reader, size);
    decoding->packet->payload_size = size;
}

static enum lr_status decode_copy(struct decoding *decoding, bool with_payload) {
    enum lr_status status = decode_copy_head(decoding);
    if (status != LR_OK) {
        return status;
    }
    uint64_t rest = lr_reader_left(&decoding->reader) + decoding->missing;
    uint64_t expected = with_payload ? decoding->packet->nbytes : 0;
    if (rest != expected) {
        return lr_error_set(decoding->error, rest < expected ? LR_ETRUNCATED : LR_EPROTO,
                            "%" PRIu64 " bytes behind the header, %" PRIu64 " belong there", rest,
                            expected);
    }
    if (with_payload) {
        decode_rest(decoding);
    }
    return LR_OK;
}

static enum lr_status decode_nothing(struct decoding *decoding) {
    uint64_t rest = lr_reader_left(&decoding->reader) + decoding->missing;
    if (rest != 0) {
        return lr_error_set(decoding->error, LR_EPROTO, "%" PRIu64 " bytes behind the code", rest);
    }
    return LR_OK;
}

static enum lr_status decode_layout(struct decoding *decoding) {
    switch (packets[decoding->packet->code].layout) {
    case BODY_NOTHING:
        return decode_nothing(decoding);
    case BODY_INIT:
        return decode_init(decoding);
    case BODY_CALL:
        return decode_call(decoding);
    case BODY_SEQUENCE:
        return decode_sequence(decoding);
    case BODY_COPY_FROM:
        return decode_copy(decoding, false);
    case BODY_COPY_TO:
        return decode_copy(decoding, true);
    case BODY_BYTES:
        decode_rest(decoding);
        return LR_OK;
    }
    LR_UNREACHABLE();
}

/* Decodes code and body; the error goes to |error|. NULL: who only tries wants no words. */
static enum lr_status decode_body(struct decoding *decoding, struct lr_error *error) {
    struct lr_error detail;
    int32_t code = lr_read_i32(&decoding->reader);
    if (decoding->reader.status != LR_OK) {
        return lr_error_set(error, LR_ETRUNCATED, "a packet of %zu bytes has no code",
                            decoding->reader.size);
    }
    decoding->packet->code = code;
    if (!is_known(code)) {
        return lr_error_set(error, LR_EPROTO, "unknown packet code %" PRId32, code);
    }
    decoding->error = error == NULL ? NULL : &detail;
    enum lr_status status = decode_layout(decoding);
    decoding->error = NULL;
    return status == LR_OK || error == NULL
               ? status
               : lr_error_set(error, status, "%s: %s", packets[code].name, detail.text);
}

enum lr_status lr_packet_decode_front(enum lr_dialect dialect, const struct lr_value_limits *limits,
                                      const uint8_t *body, size_t kept, uint64_t size,
                                      struct lr_packet *packet, struct lr_error *error) {
    LR_ASSERT(kept <= size);
    lr_packet_deinit(packet);
    if (size == 0) {
        return LR_OK;
    }
    struct decoding decoding = {
        .dialect = dialect,
        .limits = limits,
        .reader = lr_reader_of(body, kept),
        .missing = size - kept,
        .packet = packet,
    };
    return decode_body(&decoding, error);
}

enum lr_status lr_packet_decode(enum lr_dialect dialect, const struct lr_value_limits *limits,
                                const uint8_t *body, size_t size, struct lr_packet *packet,
                                struct lr_error *error) {
    return lr_packet_decode_front(dialect, limits, body, size, size, packet, error);
}

static bool parses_as(enum lr_dialect dialect, const uint8_t *body, size_t size) {
    struct lr_packet packet;
    lr_packet_init(&packet, NULL);
    struct decoding decoding = {
        .dialect = dialect,
        .limits = &lr_value_limits_default,
        .reader = lr_reader_of(body, size),
        .check_only = true,
        .packet = &packet,
    };
    return decode_body(&decoding, NULL) == LR_OK;
}

bool lr_packet_shows_dialect(const uint8_t *body, size_t size, enum lr_dialect *dialect) {
    bool legacy = parses_as(LR_DIALECT_LEGACY, body, size);
    bool ffi = parses_as(LR_DIALECT_FFI, body, size);
    if (legacy == ffi) {
        return false;
    }
    *dialect = ffi ? LR_DIALECT_FFI : LR_DIALECT_LEGACY;
    return true;
}

/* A packet under construction at the end of a buffer. */
struct encoding {
    struct lr_writer writer;
    size_t mark; /* bytes that were in the buffer before */
};

static struct encoding begin_packet(int32_t code, struct lr_buf *out) {
    struct encoding encoding = {lr_writer_of(out), lr_buf_size(out)};
    lr_write_u64(&encoding.writer, 0);
    lr_write_i32(&encoding.writer, code);
    return encoding;
}

/* Sets the length, or takes back what was written. */
static enum lr_status end_packet(struct encoding *encoding) {
    uint64_t length = lr_buf_size(encoding->writer.out) - encoding->mark;
    lr_write_u64_at(&encoding->writer, encoding->mark, length - 8);
    return lr_writer_end(&encoding->writer, encoding->mark);
}

enum lr_status lr_packet_encode(enum lr_dialect dialect, const struct lr_packet *packet,
                                struct lr_buf *out) {
    if (packet->code == LR_PACKET_NONE) {
        static const uint8_t empty[8] = {0};
        return lr_buf_append(out, empty, sizeof empty);
    }
    if (!is_known(packet->code)) {
        return LR_ENOTSUP;
    }
    enum body_layout layout = packets[packet->code].layout;
    struct encoding encoding = begin_packet(packet->code, out);
    struct lr_writer *writer = &encoding.writer;
    if (layout == BODY_INIT) {
        lr_write_u64(writer, packet->version.size);
        lr_write_bytes(writer, packet->version.data, packet->version.size);
    } else if (layout == BODY_CALL) {
        lr_write_u64(writer, packet->handle);
    } else if (layout == BODY_COPY_FROM || layout == BODY_COPY_TO) {
        lr_write_tensor(writer, &packet->tensor);
        lr_write_u64(writer, packet->nbytes);
    }
    if (layout == BODY_INIT || layout == BODY_CALL || layout == BODY_SEQUENCE) {
        lr_values_encode(dialect, packet->values.items, packet->values.count, writer);
    } else if (layout == BODY_COPY_TO || layout == BODY_BYTES) {
        lr_write_bytes(writer, packet->payload, packet->payload_size);
    }
    return end_packet(&encoding);
}

enum lr_status lr_packet_encode_values(enum lr_dialect dialect, int32_t code,
                                       const struct lr_value *items, size_t count,
                                       struct lr_buf *out) {
    LR_ASSERT(is_known(code) && packets[code].layout == BODY_SEQUENCE);
    struct encoding encoding = begin_packet(code, out);
    lr_values_encode(dialect, items, count, &encoding.writer);
    return end_packet(&encoding);
}

enum lr_status lr_packet_encode_void(enum lr_dialect dialect, struct lr_buf *out) {
    struct lr_value nothing = lr_value_null();
    return lr_packet_encode_values(dialect, LR_PACKET_RETURN, &nothing, 1, out);
}

enum lr_status lr_packet_encode_exception(enum lr_dialect dialect, struct lr_text text,
                                          struct lr_buf *out) {
    struct lr_value message = lr_value_str(text);
    return lr_packet_encode_values(dialect, LR_PACKET_EXCEPTION, &message, 1, out);
}
