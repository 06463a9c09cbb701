/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/lies.h"

#include <string.h>

#include "base/assert.h"
#include "explore/plan.h"
#include "rpc/handshake.h"
#include "rpc/packet.h"
#include "rpc/tracker_msg.h"

#define WRONG_WORD 0x2f299
#define HANDLE 0x1234
#define NO_LENGTH UINT64_C(0x7fffffffffffffff)
#define QUESTION_BYTES_MAX UINT64_C(0x4000000)

#define BIT(asked) (UINT32_C(1) << LR_ASKED_##asked)
#define PACKETS (BIT(INIT) | BIT(CALL) | BIT(FREE))
#define MESSAGES (BIT(INFO) | BIT(PUT) | BIT(PENDING))
#define ANY (BIT(HELLO) | PACKETS | BIT(MAGIC) | MESSAGES)

/* Two answers are told apart from one and the next only where nothing more is asked by then: of a
 * call by name the second one is taken for that to the call itself. */
#define ASKED_LAST (BIT(INIT) | BIT(FREE) | BIT(PUT) | BIT(PENDING))

static const struct lr_lie_row rows[LR_LIE_COUNT] = {
    [LR_LIE_TRUTH] = {"the truth", ANY, LR_LIE_THEN_WHATEVER},
    [LR_LIE_SILENCE] = {"nothing", ANY, LR_LIE_THEN_WAITED},
    [LR_LIE_HALF] = {"half an answer", ANY, LR_LIE_THEN_WAITED},
    [LR_LIE_FIN] = {"fin", ANY, LR_LIE_THEN_ENDED},
    [LR_LIE_RST] = {"rst", ANY, LR_LIE_THEN_ENDED},
    [LR_LIE_WRONG_MAGIC] = {"a wrong magic", BIT(HELLO) | BIT(MAGIC), LR_LIE_THEN_GONE},
    [LR_LIE_LENGTH] = {"a length beyond all bounds", BIT(HELLO) | PACKETS | MESSAGES,
                       LR_LIE_THEN_GONE},
    [LR_LIE_NONSENSE] = {"nonsense", PACKETS | MESSAGES, LR_LIE_THEN_GONE},
    [LR_LIE_TWICE] = {"two answers", ASKED_LAST, LR_LIE_THEN_GONE},
    [LR_LIE_NO_MATCH] = {"no match", BIT(HELLO), LR_LIE_THEN_GONE},
    [LR_LIE_QUESTION] = {"a question", PACKETS, LR_LIE_THEN_GONE},
    [LR_LIE_EXCEPTION] = {"an Exception", PACKETS, LR_LIE_THEN_WHATEVER},
    [LR_LIE_SHUTDOWN] = {"Shutdown", PACKETS, LR_LIE_THEN_GONE},
    [LR_LIE_MINUS_ONE] = {"-1", MESSAGES, LR_LIE_THEN_GONE},
    [LR_LIE_NUMBERS] = {"a list of numbers", MESSAGES, LR_LIE_THEN_GONE},
};

const struct lr_lie_row *lr_lie_row(unsigned int lie) {
    LR_ASSERT(lie < LR_LIE_COUNT);
    return &rows[lie];
}

const char *lr_asked_name(unsigned int asked) {
    static const char *const names[LR_ASKED_COUNT] = {
        "the handshake", "InitServer",  "a call", "a free",
        "the magic",     "UPDATE_INFO", "PUT",    "GET_PENDING_MATCHKEYS",
    };
    LR_ASSERT(asked < LR_ASKED_COUNT);
    return names[asked];
}

/* ---- questions ---- */

/* A length of |head| bytes behind |front| others, and as many bytes as it says. 0: not whole. */
static size_t whole_size(const uint8_t *bytes, size_t size, size_t front, size_t head) {
    if (size < front + head) {
        return 0;
    }
    struct lr_reader reader = lr_reader_of(bytes + front, head);
    uint64_t body = head == 0 ? 0 : head == 4 ? lr_read_u32(&reader) : lr_read_u64(&reader);
    return body <= QUESTION_BYTES_MAX && size - front - head >= body ? front + head + (size_t)body
                                                                     : 0;
}

static enum lr_asked packet_asked(uint32_t code) {
    return code == LR_PACKET_INIT_SERVER   ? LR_ASKED_INIT
           : code == LR_PACKET_FREE_HANDLE ? LR_ASKED_FREE
                                           : LR_ASKED_CALL;
}

static enum lr_asked message_asked(uint32_t code) {
    return code == LR_TRACKER_UPDATE_INFO ? LR_ASKED_INFO
           : code == LR_TRACKER_PUT       ? LR_ASKED_PUT
                                          : LR_ASKED_PENDING;
}

enum lr_asked lr_asked_of(enum lr_plane plane, bool first, const uint8_t *bytes, size_t *size,
                          uint32_t *code) {
    bool of_tracker = plane == LR_PLANE_CONTROL;
    size_t front = first ? 4 : 0;
    size_t head = first ? (of_tracker ? 0 : 4) : of_tracker ? 4 : 8;
    *size = whole_size(bytes, *size, front, head);
    *code = 0;
    if (first) {
        return of_tracker ? LR_ASKED_MAGIC : LR_ASKED_HELLO;
    }
    if (of_tracker) {
        *code = *size < head + 2 ? 0 : bytes[head + 1] - (uint32_t)'0'; /* "[5, .." */
        return message_asked(*code);
    }
    if (*size >= head + 4) {
        struct lr_reader reader = lr_reader_of(bytes + head, 4);
        *code = lr_read_u32(&reader);
    }
    return packet_asked(*code);
}

/* ---- answers ---- */

static void tell(struct lr_writer *writer, const char *text) {
    lr_write_u32(writer, (uint32_t)strlen(text));
    lr_write_bytes(writer, text, strlen(text));
}

static void say_hello(struct lr_writer *writer, uint32_t word) {
    const char *key = lr_plan_key(LR_PLAN_LIAR_KEY);
    lr_write_u32(writer, word);
    lr_write_u32(writer, (uint32_t)(strlen("server:") + strlen(key)));
    lr_write_bytes(writer, "server:", strlen("server:"));
    lr_write_bytes(writer, key, strlen(key));
}

/* Return of nothing, in the words of a server that speaks ffi. */
static void say_void(struct lr_writer *writer) {
    lr_write_u64(writer, 4 + 4 + 4);
    lr_write_u32(writer, LR_PACKET_RETURN);
    lr_write_u32(writer, 1);
    lr_write_u32(writer, 0);
}

static void say_handle(struct lr_writer *writer) {
    lr_write_u64(writer, 4 + 4 + 4 + 8);
    lr_write_u32(writer, LR_PACKET_RETURN);
    lr_write_u32(writer, 1);
    lr_write_u32(writer, 4);
    lr_write_u64(writer, HANDLE);
}

static void say_exception(struct lr_writer *writer, const char *text) {
    lr_write_u64(writer, 4 + 4 + 4 + 8 + strlen(text));
    lr_write_u32(writer, LR_PACKET_EXCEPTION);
    lr_write_u32(writer, 1);
    lr_write_u32(writer, 8);
    lr_write_u64(writer, strlen(text));
    lr_write_bytes(writer, text, strlen(text));
}

static void say_packet(struct lr_writer *writer, uint32_t code) {
    lr_write_u64(writer, 4);
    lr_write_u32(writer, code);
}

static void say_call(struct lr_writer *writer) {
    lr_write_u64(writer, 4 + 8 + 4);
    lr_write_u32(writer, LR_PACKET_CALL_FUNC);
    lr_write_u64(writer, 1);
    lr_write_u32(writer, 0);
}

static void say_truth(struct lr_writer *writer, unsigned int asked, uint32_t code) {
    bool makes = code == LR_PACKET_GET_GLOBAL_FUNC || code == LR_PACKET_DEV_ALLOC_DATA;
    switch (asked) {
    case LR_ASKED_HELLO:
        say_hello(writer, LR_MAGIC_RPC);
        break;
    case LR_ASKED_MAGIC:
        lr_write_u32(writer, LR_MAGIC_TRACKER);
        break;
    case LR_ASKED_INFO:
    case LR_ASKED_PUT:
        tell(writer, "0");
        break;
    case LR_ASKED_PENDING:
        tell(writer, "[]");
        break;
    default:
        makes ? say_handle(writer) : say_void(writer);
        break;
    }
}

static void say_length(struct lr_writer *writer, unsigned int asked) {
    if (asked == LR_ASKED_HELLO) {
        lr_write_u32(writer, LR_MAGIC_RPC);
        lr_write_u32(writer, UINT32_MAX);
    } else if (lr_asked_of_tracker(asked)) {
        lr_write_u32(writer, INT32_MAX);
        lr_write_bytes(writer, "[0", 2);
    } else {
        lr_write_u64(writer, NO_LENGTH);
        lr_write_u32(writer, LR_PACKET_RETURN);
    }
}

static void say_nonsense(struct lr_writer *writer, unsigned int asked) {
    if (lr_asked_of_tracker(asked)) {
        tell(writer, "nonsense");
    } else {
        say_packet(writer, LR_PACKET_CODE_END);
    }
}

enum lr_status lr_lie_write(unsigned int lie, unsigned int asked, uint32_t code,
                            struct lr_buf *out) {
    struct lr_writer writer = lr_writer_of(out);
    size_t before = lr_buf_size(out);
    switch (lie) {
    case LR_LIE_TRUTH:
    case LR_LIE_HALF:
        say_truth(&writer, asked, code);
        break;
    case LR_LIE_TWICE:
        say_truth(&writer, asked, code);
        say_truth(&writer, asked, code);
        break;
    case LR_LIE_WRONG_MAGIC:
        (asked == LR_ASKED_HELLO) ? say_hello(&writer, WRONG_WORD)
                                  : lr_write_u32(&writer, WRONG_WORD);
        break;
    case LR_LIE_LENGTH:
        say_length(&writer, asked);
        break;
    case LR_LIE_NONSENSE:
        say_nonsense(&writer, asked);
        break;
    case LR_LIE_NO_MATCH:
        lr_write_u32(&writer, LR_ANSWER_MISMATCH);
        break;
    case LR_LIE_QUESTION:
        say_call(&writer);
        break;
    case LR_LIE_EXCEPTION:
        say_exception(&writer, "RuntimeError: so I say");
        break;
    case LR_LIE_SHUTDOWN:
        say_packet(&writer, LR_PACKET_SHUTDOWN);
        break;
    case LR_LIE_MINUS_ONE:
        tell(&writer, "-1");
        break;
    case LR_LIE_NUMBERS:
        tell(&writer, "[1, 2, 3]");
        break;
    default:
        break;
    }
    if (writer.status == LR_OK && lie == LR_LIE_HALF) {
        size_t size = lr_buf_size(out) - before;
        lr_buf_truncate(out, before + size / 2);
    }
    return writer.status;
}
