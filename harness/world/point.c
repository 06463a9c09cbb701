/* SPDX-License-Identifier: Apache-2.0 */
#include "world/point.h"

#include <string.h>

#include "rpc/handshake.h"
#include "rpc/packet.h"
#include "rpc/tracker_msg.h"
#include "rpc/wire.h"

/* ---- names ---- */

static const struct {
    const char *name;
    lr_point point;
    enum lr_direction direction;
} plain_points[] = {
    {"magic", LR_POINT_MAGIC, LR_TO_SERVICE},   {"hello", LR_POINT_HELLO, LR_TO_SERVICE},
    {"reply", LR_POINT_REPLY, LR_FROM_SERVICE}, {"answer", LR_POINT_ANSWER, LR_FROM_SERVICE},
    {"grant", LR_POINT_GRANT, LR_FROM_SERVICE},
};

const char *lr_point_name(lr_point point) {
    for (size_t i = 0; i < LR_COUNT_OF(plain_points); i++) {
        if (plain_points[i].point == point) {
            return plain_points[i].name;
        }
    }
    if (point > LR_POINT_TRACKER && point <= LR_POINT_TRACKER + LR_TRACKER_GET_PENDING_MATCHKEYS) {
        return lr_tracker_code_name(point - LR_POINT_TRACKER);
    }
    if (point > LR_POINT_PACKET && point < LR_POINT_PACKET + LR_PACKET_CODE_END) {
        return lr_packet_name(point - LR_POINT_PACKET);
    }
    return NULL;
}

lr_point lr_point_of(struct lr_text name) {
    for (int point = LR_POINT_NONE + 1; point < LR_POINT_END; point++) {
        const char *known = lr_point_name((lr_point)point);
        if (known != NULL && lr_text_equal(lr_text_of(known), name)) {
            return (lr_point)point;
        }
    }
    return LR_POINT_NONE;
}

enum lr_direction lr_point_direction(lr_point point) {
    static const lr_point answers[] = {LR_POINT_PACKET + LR_PACKET_RETURN,
                                       LR_POINT_PACKET + LR_PACKET_EXCEPTION,
                                       LR_POINT_PACKET + LR_PACKET_COPY_ACK};
    for (size_t i = 0; i < LR_COUNT_OF(plain_points); i++) {
        if (plain_points[i].point == point) {
            return plain_points[i].direction;
        }
    }
    return memchr(answers, point, sizeof answers) != NULL ? LR_FROM_SERVICE : LR_TO_SERVICE;
}

/* ---- sizes ---- */

static uint32_t word_at(const struct lr_scan *scan, size_t at) {
    struct lr_reader reader = lr_reader_of(scan->front + at, 4);
    return lr_read_u32(&reader);
}

static bool is_opening(const struct lr_scan *scan) {
    return !scan->opened;
}

/* The size of an opening, 0: not known yet. */
static uint64_t opening_size(const struct lr_scan *scan) {
    if (scan->plane == LR_PLANE_CONTROL) {
        return 4;
    }
    if (scan->front_size >= 4 && word_at(scan, 0) != LR_MAGIC_RPC) {
        return 4; /* a refusal, or nonsense */
    }
    return scan->front_size < 8 ? 0 : UINT64_C(8) + word_at(scan, 4);
}

static uint64_t message_size(const struct lr_scan *scan) {
    if (is_opening(scan)) {
        return opening_size(scan);
    }
    if (scan->plane == LR_PLANE_CONTROL) {
        return scan->front_size < 4 ? 0 : UINT64_C(4) + word_at(scan, 0);
    }
    struct lr_reader reader = lr_reader_of(scan->front, 8);
    return scan->front_size < 8 ? 0 : UINT64_C(8) + lr_read_u64(&reader);
}

/* A length that no message has: what follows is not followed. */
static bool is_nonsense(const struct lr_scan *scan) {
    return scan->size < 4 || scan->size > INT64_MAX ||
           (scan->plane == LR_PLANE_CONTROL && scan->size > INT32_MAX);
}

/* ---- what a message is ---- */

/* How many of its first bytes tell. */
static size_t front_needed(const struct lr_scan *scan) {
    size_t most = is_opening(scan) ? 4 : scan->plane == LR_PLANE_CONTROL ? LR_SCAN_FRONT_MAX : 12;
    return scan->size < most ? (size_t)scan->size : most;
}

/* "[3, .." is 3. */
static lr_point question_of(const uint8_t *json, size_t size) {
    size_t at = size > 0 && json[0] == '[' ? 1 : size;
    bool digit = at < size && json[at] >= '0' && json[at] <= '9';
    int code = digit ? json[at] - '0' : 0;
    bool ends = at + 1 == size || json[at + 1] == ',' || json[at + 1] == ']';
    return digit && ends && lr_tracker_code_name(code) != NULL ? (lr_point)(LR_POINT_TRACKER + code)
                                                               : LR_POINT_OTHER;
}

static lr_point point_of_front(const struct lr_scan *scan) {
    const size_t size = front_needed(scan);
    if (is_opening(scan)) {
        return scan->plane == LR_PLANE_CONTROL    ? LR_POINT_MAGIC
               : scan->direction == LR_TO_SERVICE ? LR_POINT_HELLO
                                                  : LR_POINT_REPLY;
    }
    if (scan->plane == LR_PLANE_CONTROL && scan->direction == LR_TO_SERVICE) {
        return question_of(scan->front + 4, size - 4);
    }
    if (scan->plane == LR_PLANE_CONTROL) {
        static const char grant[] = "[0, [\"";
        bool is_grant =
            size >= 4 + sizeof grant - 1 && memcmp(scan->front + 4, grant, sizeof grant - 1) == 0;
        return is_grant ? LR_POINT_GRANT : LR_POINT_ANSWER;
    }
    uint32_t code = size < 12 ? 0 : word_at(scan, 8);
    return code > 0 && code < LR_PACKET_CODE_END ? (lr_point)(LR_POINT_PACKET + code)
                                                 : LR_POINT_OTHER;
}

/* ---- going on ---- */

static void begin_message(struct lr_scan *scan) {
    scan->begun = scan->offset;
    scan->size = 0;
    scan->front_size = 0;
    scan->named = false;
}

/* Takes |byte| of the front; true where the message's name is known now. */
static bool take_front(struct lr_scan *scan, uint8_t byte) {
    scan->front[scan->front_size++] = byte;
    scan->offset++;
    if (scan->size == 0) {
        scan->size = message_size(scan);
        scan->lost = scan->size != 0 && is_nonsense(scan);
    }
    scan->named = !scan->lost && scan->size != 0 && scan->front_size >= front_needed(scan);
    return scan->named;
}

static void end_message(struct lr_scan *scan) {
    if (scan->named && scan->offset == scan->begun + scan->size) {
        scan->lost =
            is_opening(scan) && scan->plane == LR_PLANE_DATA && word_at(scan, 0) != LR_MAGIC_RPC;
        scan->opened = true;
        begin_message(scan);
    }
}

bool lr_scan_next(struct lr_scan *scan, uint64_t offset, const uint8_t *bytes, size_t size,
                  struct lr_scan_found *found) {
    uint64_t end = offset + size;
    if (scan->named && scan->offset < offset) { /* nobody asked while the rest of it passed */
        uint64_t behind = scan->begun + scan->size;
        scan->offset = behind < offset ? behind : offset;
        end_message(scan);
    }
    scan->lost = scan->lost || scan->offset < offset;
    while (!scan->lost && scan->offset < end) {
        if (scan->named) {
            uint64_t behind = scan->begun + scan->size;
            scan->offset = behind < end ? behind : end;
            end_message(scan);
        } else if (take_front(scan, bytes[scan->offset - offset])) {
            *found = (struct lr_scan_found){.point = point_of_front(scan),
                                            .begin = scan->begun,
                                            .end = scan->begun + scan->size};
            end_message(scan);
            return true;
        }
    }
    return false;
}

void lr_scan_init(struct lr_scan *scan, const struct lr_ledger *ledger, uint32_t number,
                  enum lr_plane plane, enum lr_direction direction, uint64_t offset) {
    *scan = (struct lr_scan){.plane = plane, .direction = direction, .offset = offset};
    scan->begun = offset;
    if (offset == 0) {
        return;
    }
    struct lr_ledger_place place;
    scan->lost = ledger == NULL || !lr_ledger_link_place(ledger, number, direction, &place) ||
                 place.message_size > offset;
    if (scan->lost) {
        return;
    }
    scan->opened = place.opened;
    scan->offset = offset - place.message_size;
    begin_message(scan);
    size_t known =
        place.message_size < place.front_size ? (size_t)place.message_size : place.front_size;
    for (size_t i = 0; i < known && !scan->named && !scan->lost; i++) {
        (void)take_front(scan, place.front[i]);
    }
    scan->lost = scan->lost || (!scan->named && scan->front_size < place.message_size);
    scan->offset = offset;
    end_message(scan);
}
