/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/lines.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/handshake.h"
#include "rpc/packet.h"

#define WRONG_MAGIC 0x2f299
#define RPC_VERSION "0.8.0"
#define NO_HANDLE 0x7777

static const struct lr_line_row rows[LR_LINE_COUNT] = {
    [LR_LINE_MAGIC] = {"magic", LR_PLANE_CONTROL, LR_NEEDS_NOTHING, LR_THEN_ANSWER, LR_SAID_MAGIC},
    [LR_LINE_WRONG_MAGIC] = {"wrong magic", LR_PLANE_CONTROL, LR_NEEDS_NOTHING, LR_THEN_END,
                             LR_SAID_ANYTHING},
    [LR_LINE_PING] = {"PING", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_ANSWER, LR_SAID_SUCCESS},
    [LR_LINE_REQUEST] = {"REQUEST", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_WHATEVER,
                         LR_SAID_ANYTHING},
    [LR_LINE_PUT] = {"PUT", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_ANSWER, LR_SAID_SUCCESSES},
    [LR_LINE_PUT_UNKNOWN] = {"PUT without info", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_ANSWER,
                             LR_SAID_SUCCESS},
    [LR_LINE_PROXY] = {"PUT of a proxy", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_ANSWER,
                       LR_SAID_SUCCESSES},
    [LR_LINE_PLAIN_INFO] = {"UPDATE_INFO without an address", LR_PLANE_CONTROL, LR_NEEDS_MAGIC,
                            LR_THEN_ANSWER, LR_SAID_SUCCESS},
    [LR_LINE_EMPTY] = {"a message of length 0", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_END,
                       LR_SAID_ANYTHING},
    [LR_LINE_NO_JSON] = {"no JSON", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_END,
                         LR_SAID_ANYTHING},
    [LR_LINE_WRONG_SHAPE] = {"a wrong shape", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_END,
                             LR_SAID_ANYTHING},
    [LR_LINE_UNKNOWN_CODE] = {"an unknown code", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_END,
                              LR_SAID_ANYTHING},
    [LR_LINE_BLANK] = {"a blank", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_WHATEVER,
                       LR_SAID_ANYTHING},
    [LR_LINE_SUMMARIES] = {"many SUMMARYs", LR_PLANE_CONTROL, LR_NEEDS_MAGIC, LR_THEN_WHATEVER,
                           LR_SAID_ANYTHING},
    [LR_LINE_RPC_MAGIC] = {"magic", LR_PLANE_DATA, LR_NEEDS_NOTHING, LR_THEN_WHATEVER,
                           LR_SAID_ANYTHING},
    [LR_LINE_RPC_WRONG_MAGIC] = {"wrong magic", LR_PLANE_DATA, LR_NEEDS_NOTHING, LR_THEN_END,
                                 LR_SAID_ANYTHING},
    [LR_LINE_WRONG_KEY] = {"a wrong key", LR_PLANE_DATA, LR_NEEDS_NOTHING, LR_THEN_END,
                           LR_SAID_ANYTHING},
    [LR_LINE_PART_OF_KEY] = {"a part of the key", LR_PLANE_DATA, LR_NEEDS_NOTHING, LR_THEN_END,
                             LR_SAID_ANYTHING},
    [LR_LINE_NO_KEY] = {"a key of length 0", LR_PLANE_DATA, LR_NEEDS_NOTHING, LR_THEN_END,
                        LR_SAID_ANYTHING},
    [LR_LINE_HELLO] = {"its key", LR_PLANE_DATA, LR_NEEDS_NOTHING, LR_THEN_ANSWER, LR_SAID_WORD},
    [LR_LINE_INIT] = {"InitServer", LR_PLANE_DATA, LR_NEEDS_HELLO, LR_THEN_ANSWER, LR_SAID_RETURN},
    [LR_LINE_OTHER_VERSION] = {"InitServer of another version", LR_PLANE_DATA, LR_NEEDS_HELLO,
                               LR_THEN_ANSWER, LR_SAID_EXCEPTION},
    [LR_LINE_LOOK_UP] = {"GetFunction", LR_PLANE_DATA, LR_NEEDS_INIT, LR_THEN_ANSWER,
                         LR_SAID_RETURN},
    [LR_LINE_FREE_NOTHING] = {"Free of what never was", LR_PLANE_DATA, LR_NEEDS_INIT,
                              LR_THEN_ANSWER, LR_SAID_EXCEPTION},
    [LR_LINE_SHUTDOWN] = {"Shutdown", LR_PLANE_DATA, LR_NEEDS_HELLO, LR_THEN_END, LR_SAID_NOTHING},
    [LR_LINE_BAD_LENGTH] = {"a packet of 2^63 bytes", LR_PLANE_DATA, LR_NEEDS_INIT, LR_THEN_END,
                            LR_SAID_ANYTHING},
    [LR_LINE_MANY_CALLS] = {"many calls", LR_PLANE_DATA, LR_NEEDS_INIT, LR_THEN_WHATEVER,
                            LR_SAID_ANYTHING},
};

const struct lr_line_row *lr_line_row(unsigned int line) {
    LR_ASSERT(line < LR_LINE_COUNT);
    return &rows[line];
}

/* How an answer begins, and how long it is. */
struct answer {
    size_t length_at;    /* its length stands there .. */
    size_t length_bytes; /* .. in so many bytes, and counts what follows them; 0: it has none */
    size_t word_at;      /* its first word stands there */
    uint32_t word;
    size_t times; /* it comes so often, one behind the other */
};

static const struct answer answers[] = {
    [LR_SAID_MAGIC] = {.length_at = 4, .word = LR_MAGIC_TRACKER, .times = 1},
    [LR_SAID_SUCCESS] = {.length_bytes = 4, .word = 1, .times = 1}, /* byte, "0" */
    [LR_SAID_SUCCESSES] = {.length_bytes = 4, .word = 1, .times = 2},
    [LR_SAID_WORD] = {.length_at = 4, .length_bytes = 4, .word = LR_MAGIC_RPC, .times = 1},
    [LR_SAID_PACKET] = {.length_bytes = 8, .word_at = 8, .times = 1},
    [LR_SAID_RETURN] = {.length_bytes = 8, .word_at = 8, .word = LR_PACKET_RETURN, .times = 1},
    [LR_SAID_EXCEPTION] = {.length_bytes = 8,
                           .word_at = 8,
                           .word = LR_PACKET_EXCEPTION,
                           .times = 1},
};

static uint32_t word_of(const uint8_t *bytes) {
    struct lr_reader reader = lr_reader_of(bytes, 4);
    return lr_read_u32(&reader);
}

/* The size of the first answer in |bytes|; 0: not whole. */
static size_t whole_size(const struct answer *answer, const uint8_t *bytes, size_t size) {
    size_t front = answer->length_at + answer->length_bytes;
    if (size < front || size < answer->word_at + 4) {
        return 0;
    }
    size_t body = answer->length_bytes == 0 ? 0 : word_of(bytes + answer->length_at);
    return size - front < body ? 0 : front + body;
}

bool lr_line_is_answer(enum lr_line_said said, const uint8_t *bytes, size_t size, bool *whole) {
    const struct answer *answer = &answers[said];
    bool right = true;
    if (said < LR_SAID_MAGIC) {
        *whole = size > 0;
        return said == LR_SAID_ANYTHING;
    }
    for (size_t i = 0; i < answer->times; i++) {
        size_t one = whole_size(answer, bytes, size);
        *whole = one > 0;
        if (one == 0) {
            return false;
        }
        bool success = said == LR_SAID_SUCCESS || said == LR_SAID_SUCCESSES;
        right &= said == LR_SAID_PACKET || word_of(bytes + answer->word_at) == answer->word;
        right &= !success || (one == 5 && bytes[4] == '0');
        bytes += one;
        size -= one;
    }
    return right;
}

enum lr_line lr_line_before(enum lr_plane plane, enum lr_line_needs needs) {
    return needs == LR_NEEDS_INIT      ? LR_LINE_INIT
           : needs == LR_NEEDS_HELLO   ? LR_LINE_HELLO
           : plane == LR_PLANE_CONTROL ? LR_LINE_MAGIC
                                       : LR_LINE_RPC_MAGIC;
}

/* ---- words ---- */

static void tell(struct lr_writer *writer, const char *text) {
    lr_write_u32(writer, (uint32_t)strlen(text));
    lr_write_bytes(writer, text, strlen(text));
}

static void say_key(struct lr_writer *writer, const char *before, const char *key, size_t size) {
    lr_write_u32(writer, LR_MAGIC_RPC);
    lr_write_u32(writer, (uint32_t)(strlen(before) + size));
    lr_write_bytes(writer, before, strlen(before));
    lr_write_bytes(writer, key, size);
}

/* InitServer without arguments. */
static void say_init(struct lr_writer *writer, const char *version) {
    lr_write_u64(writer, 4 + 8 + strlen(version) + 4);
    lr_write_u32(writer, LR_PACKET_INIT_SERVER);
    lr_write_u64(writer, strlen(version));
    lr_write_bytes(writer, version, strlen(version));
    lr_write_u32(writer, 0);
}

/* A packet of |code| with one argument, a str in the words of a server that speaks ffi. */
static void say_text(struct lr_writer *writer, uint32_t code, const char *text) {
    lr_write_u64(writer, 4 + 4 + 4 + 8 + strlen(text));
    lr_write_u32(writer, code);
    lr_write_u32(writer, 1);
    lr_write_u32(writer, 8);
    lr_write_u64(writer, strlen(text));
    lr_write_bytes(writer, text, strlen(text));
}

static void say_free(struct lr_writer *writer) {
    lr_write_u64(writer, 4 + 4 + 4 + 8);
    lr_write_u32(writer, LR_PACKET_FREE_HANDLE);
    lr_write_u32(writer, 1);
    lr_write_u32(writer, 4);
    lr_write_u64(writer, NO_HANDLE);
}

/* Calls of what never was, whose answers say so at length. */
static void say_many(struct lr_writer *writer) {
    for (int i = 0; i < LR_LINE_FLOOD_CALLS; i++) {
        lr_write_u64(writer, 4 + 8 + 4);
        lr_write_u32(writer, LR_PACKET_CALL_FUNC);
        lr_write_u64(writer, NO_HANDLE);
        lr_write_u32(writer, 0);
    }
}

/* A matchkey of nobody else's: they are unique to whoever follows them. */
static void say_put(struct lr_writer *writer, unsigned int line, unsigned int serial) {
    char text[80];
    const char *key = line == LR_LINE_PROXY ? "behind" : "raw";
    if (line != LR_LINE_PUT_UNKNOWN) {
        tell(writer, line == LR_LINE_PUT ? "[5, {\"key\": \"server:raw\", \"addr\": [null, 4711]}]"
                                         : "[5, {\"key\": \"server:proxy\", \"addr\": [null, 1]}]");
    }
    (void)snprintf(text, sizeof text, "[3, \"%s\", [4711, \"%s:0.%u\"], null]", key, key, serial);
    tell(writer, text);
}

static void say_to_tracker(unsigned int line, unsigned int serial, struct lr_writer *writer) {
    static const char *const texts[LR_LINE_COUNT] = {
        [LR_LINE_PING] = "[1]",
        [LR_LINE_REQUEST] = "[4, \"nobody\", \"\", 1]",
        [LR_LINE_PLAIN_INFO] = "[5, {\"key\": \"server:raw\"}]",
        [LR_LINE_EMPTY] = "",
        [LR_LINE_NO_JSON] = "[1, ",
        [LR_LINE_WRONG_SHAPE] = "[4, \"raw\", \"\", \"high\"]",
        [LR_LINE_UNKNOWN_CODE] = "[99]",
    };
    if (line == LR_LINE_PUT || line == LR_LINE_PUT_UNKNOWN || line == LR_LINE_PROXY) {
        say_put(writer, line, serial);
    } else if (line == LR_LINE_SUMMARIES) {
        for (int i = 0; i < LR_LINE_FLOOD_SUMMARIES; i++) {
            tell(writer, "[6]");
        }
    } else if (line == LR_LINE_BLANK) {
        lr_write_bytes(writer, " ", 1);
    } else if (texts[line] != NULL) {
        tell(writer, texts[line]);
    } else {
        lr_write_u32(writer, line == LR_LINE_MAGIC ? LR_MAGIC_TRACKER : WRONG_MAGIC);
    }
}

static void say_to_server(unsigned int line, const char *matchkey, struct lr_writer *writer) {
    switch (line) {
    case LR_LINE_RPC_MAGIC:
    case LR_LINE_RPC_WRONG_MAGIC:
        lr_write_u32(writer, line == LR_LINE_RPC_MAGIC ? LR_MAGIC_RPC : WRONG_MAGIC);
        break;
    case LR_LINE_WRONG_KEY:
        say_key(writer, "client:", "nobody:0.123", strlen("nobody:0.123"));
        break;
    case LR_LINE_PART_OF_KEY:
        say_key(writer, "client:", matchkey, strlen(matchkey) - 1);
        break;
    case LR_LINE_NO_KEY:
        say_key(writer, "", "", 0);
        break;
    case LR_LINE_HELLO:
        say_key(writer, "client:", matchkey, strlen(matchkey));
        break;
    case LR_LINE_INIT:
    case LR_LINE_OTHER_VERSION:
        say_init(writer, line == LR_LINE_INIT ? RPC_VERSION : "9.9.9");
        break;
    case LR_LINE_LOOK_UP:
        say_text(writer, LR_PACKET_GET_GLOBAL_FUNC, "rpc.test.addone");
        break;
    case LR_LINE_FREE_NOTHING:
        say_free(writer);
        break;
    case LR_LINE_SHUTDOWN:
        lr_write_u64(writer, 4);
        lr_write_u32(writer, LR_PACKET_SHUTDOWN);
        break;
    case LR_LINE_BAD_LENGTH:
        lr_write_u64(writer, UINT64_C(1) << 63);
        lr_write_u32(writer, LR_PACKET_CALL_FUNC);
        break;
    default:
        say_many(writer);
        break;
    }
}

enum lr_status lr_line_write(unsigned int line, const char *matchkey, unsigned int serial,
                             struct lr_buf *out) {
    struct lr_writer writer = lr_writer_of(out);
    if (rows[line].plane == LR_PLANE_CONTROL) {
        say_to_tracker(line, serial, &writer);
    } else {
        say_to_server(line, matchkey, &writer);
    }
    return writer.status;
}
