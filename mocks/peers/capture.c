/* SPDX-License-Identifier: Apache-2.0 */
#include "mocks/peers/capture.h"

#include <string.h>

#include "base/assert.h"
#include "rpc/json.h"

static const char *const link_names[] = {
    [LR_CAPTURE_CLIENT_TRACKER] = "client-tracker",
    [LR_CAPTURE_SERVER_TRACKER] = "server-tracker",
    [LR_CAPTURE_CLIENT_SERVER] = "client-server",
};

static const struct {
    const char *name;
    enum lr_capture_kind kind;
    bool has_direction;
} kinds[] = {
    {"open", LR_CAPTURE_OPEN, false},   {"eof", LR_CAPTURE_EOF, true},
    {"reset", LR_CAPTURE_RESET, true},  {"write-failed", LR_CAPTURE_WRITE_FAILED, true},
    {"close", LR_CAPTURE_CLOSE, false}, {"mark", LR_CAPTURE_MARK, false},
};

const char *lr_capture_link_name(enum lr_capture_link link) {
    LR_ASSERT((size_t)link < LR_COUNT_OF(link_names));
    return link_names[link];
}

void lr_capture_deinit(struct lr_capture *capture) {
    struct lr_alloc *alloc = capture->alloc;
    if (capture->events != NULL) {
        lr_alloc_free(alloc, capture->events, capture->event_room * sizeof *capture->events);
    }
    if (capture->conns != NULL) {
        lr_alloc_free(alloc, capture->conns, capture->conn_room * sizeof *capture->conns);
    }
    if (capture->storage != NULL) {
        lr_alloc_free(alloc, capture->storage, capture->storage_size);
    }
    *capture = (struct lr_capture){.alloc = alloc};
}

/* What an event holds is shorter than the line it stands in, so storage as large as the lines never
 * moves, and events may point into it. */
static enum lr_status make_room(struct lr_capture *capture, const char *lines, size_t size,
                                struct lr_error *error) {
    size_t count = 1;
    for (size_t i = 0; i < size; i++) {
        count += lines[i] == '\n';
    }
    capture->events = lr_alloc_zeroed(capture->alloc, count * sizeof *capture->events);
    capture->event_room = capture->events == NULL ? 0 : count;
    capture->conns = lr_alloc_zeroed(capture->alloc, count * sizeof *capture->conns);
    capture->conn_room = capture->conns == NULL ? 0 : count;
    capture->storage = lr_alloc_bytes(capture->alloc, size + 1);
    capture->storage_size = capture->storage == NULL ? 0 : size + 1;
    if (capture->events == NULL || capture->conns == NULL || capture->storage == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a capture of %zu bytes", size);
    }
    return LR_OK;
}

static uint8_t *take_storage(struct lr_capture *capture, size_t size) {
    LR_ASSERT(size <= capture->storage_size - capture->storage_used);
    uint8_t *taken = capture->storage + capture->storage_used;
    capture->storage_used += size;
    return taken;
}

static struct lr_text keep_text(struct lr_capture *capture, struct lr_text text) {
    uint8_t *kept = take_storage(capture, text.size);
    if (text.size > 0) {
        memcpy(kept, text.data, text.size);
    }
    return (struct lr_text){(const char *)kept, text.size};
}

static int hex_digit(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    return found == NULL ? -1 : (int)(found - digits);
}

static enum lr_status read_hex(struct lr_capture *capture, struct lr_capture_event *event,
                               struct lr_text hex, struct lr_error *error) {
    if (hex.size % 2 != 0) {
        return lr_error_set(error, LR_EPROTO, "an odd number of digits");
    }
    uint8_t *bytes = take_storage(capture, hex.size / 2);
    for (size_t i = 0; i < hex.size / 2; i++) {
        int high = hex_digit(hex.data[2 * i]);
        int low = hex_digit(hex.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return lr_error_set(error, LR_EPROTO, "byte %zu is no pair of lower-case digits", i);
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    event->bytes = bytes;
    event->size = hex.size / 2;
    return LR_OK;
}

static enum lr_status read_direction(const struct lr_json *object, struct lr_capture_event *event,
                                     struct lr_error *error) {
    struct lr_text name;
    if (lr_json_text(lr_json_get(object, "dir"), &name)) {
        if (lr_text_equal(name, lr_text_of("c2s"))) {
            event->direction = LR_CAPTURE_TO_SERVER;
        } else if (lr_text_equal(name, lr_text_of("s2c"))) {
            event->direction = LR_CAPTURE_FROM_SERVER;
        }
    }
    if (event->direction == LR_CAPTURE_NO_DIRECTION) {
        return lr_error_set(error, LR_EPROTO, "no dir that is c2s or s2c");
    }
    return LR_OK;
}

static const struct lr_capture_conn *find_conn(const struct lr_capture *capture, int64_t conn) {
    for (size_t i = 0; i < capture->conn_count; i++) {
        if (capture->conns[i].conn == conn) {
            return &capture->conns[i];
        }
    }
    return NULL;
}

static enum lr_status read_open(struct lr_capture *capture, const struct lr_json *object,
                                struct lr_capture_event *event, struct lr_error *error) {
    struct lr_text link;
    struct lr_text peer;
    if (!lr_json_text(lr_json_get(object, "link"), &link) ||
        !lr_json_text(lr_json_get(object, "peer"), &peer)) {
        return lr_error_set(error, LR_EPROTO, "open without link and peer");
    }
    for (size_t i = 0; i < LR_COUNT_OF(link_names); i++) {
        if (lr_text_equal(link, lr_text_of(link_names[i]))) {
            event->link = (enum lr_capture_link)i;
            event->text = keep_text(capture, peer);
            capture->conns[capture->conn_count++] = (struct lr_capture_conn){
                .conn = event->conn, .link = event->link, .open = capture->event_count};
            return LR_OK;
        }
    }
    return lr_error_set(error, LR_EPROTO, "no such link");
}

static enum lr_status read_kind(struct lr_capture *capture, const struct lr_json *object,
                                struct lr_text name, struct lr_capture_event *event,
                                struct lr_error *error) {
    size_t row = 0;
    while (row < LR_COUNT_OF(kinds) && !lr_text_equal(name, lr_text_of(kinds[row].name))) {
        row++;
    }
    if (row == LR_COUNT_OF(kinds)) {
        return lr_error_set(error, LR_EPROTO, "no such ev");
    }
    event->kind = kinds[row].kind;
    if (event->kind == LR_CAPTURE_MARK) {
        struct lr_text words;
        if (!lr_json_text(lr_json_get(object, "text"), &words)) {
            return lr_error_set(error, LR_EPROTO, "a mark without text");
        }
        event->text = keep_text(capture, words);
        return LR_OK;
    }
    bool opens = event->kind == LR_CAPTURE_OPEN;
    if (opens == (find_conn(capture, event->conn) != NULL)) {
        return lr_error_set(error, LR_EPROTO, "connection %lld %s", (long long)event->conn,
                            opens ? "opens twice" : "was not opened");
    }
    if (opens) {
        return read_open(capture, object, event, error);
    }
    return kinds[row].has_direction ? read_direction(object, event, error) : LR_OK;
}

static enum lr_status read_data(struct lr_capture *capture, const struct lr_json *object,
                                struct lr_capture_event *event, struct lr_error *error) {
    struct lr_text hex;
    event->kind = LR_CAPTURE_DATA;
    if (!lr_json_text(lr_json_get(object, "hex"), &hex)) {
        return lr_error_set(error, LR_EPROTO, "neither ev nor hex");
    }
    if (find_conn(capture, event->conn) == NULL) {
        return lr_error_set(error, LR_EPROTO, "connection %lld was not opened",
                            (long long)event->conn);
    }
    enum lr_status status = read_direction(object, event, error);
    return status == LR_OK ? read_hex(capture, event, hex, error) : status;
}

static enum lr_status read_event(struct lr_capture *capture, const struct lr_json *object,
                                 struct lr_capture_event *event, struct lr_error *error) {
    const double seconds_max = 1e9;
    struct lr_text name;
    double seconds;
    if (!lr_json_int(lr_json_get(object, "conn"), &event->conn) || event->conn < 0) {
        return lr_error_set(error, LR_EPROTO, "no conn");
    }
    if (!lr_json_number(lr_json_get(object, "t"), &seconds) ||
        !(seconds >= 0 && seconds <= seconds_max)) {
        return lr_error_set(error, LR_EPROTO, "no t that is a number of seconds");
    }
    event->at = (lr_time)(seconds * 1e9 + 0.5);
    return lr_json_text(lr_json_get(object, "ev"), &name)
               ? read_kind(capture, object, name, event, error)
               : read_data(capture, object, event, error);
}

static enum lr_status read_line(struct lr_capture *capture, struct lr_text line, size_t number,
                                struct lr_error *error) {
    struct lr_error detail;
    struct lr_json *object;
    enum lr_status status = lr_json_parse(capture->alloc, line.data, line.size, &object, &detail);
    if (status == LR_OK) {
        struct lr_capture_event *event = &capture->events[capture->event_count];
        event->line = number;
        status = read_event(capture, object, event, &detail);
        capture->event_count += status == LR_OK;
        lr_json_free(object);
    }
    return status == LR_OK ? LR_OK
                           : lr_error_set(error, status, "line %zu: %s", number, detail.text);
}

enum lr_status lr_capture_parse(struct lr_capture *capture, struct lr_alloc *alloc,
                                const void *lines, size_t size, struct lr_error *error) {
    *capture = (struct lr_capture){.alloc = alloc};
    const char *rest = size == 0 ? "" : lines; /* nothing may have no address */
    const char *end = rest + size;
    enum lr_status status = make_room(capture, rest, size, error);
    for (size_t number = 1; status == LR_OK && rest < end; number++) {
        const char *newline = memchr(rest, '\n', (size_t)(end - rest));
        const char *stop = newline == NULL ? end : newline;
        if (stop > rest) {
            struct lr_text line = {rest, (size_t)(stop - rest)};
            status = read_line(capture, line, number, error);
        }
        rest = newline == NULL ? end : newline + 1;
    }
    if (status != LR_OK) {
        lr_capture_deinit(capture);
    }
    return status;
}

const struct lr_capture_event *lr_capture_next(const struct lr_capture *capture, int64_t conn,
                                               size_t *place) {
    while (*place < capture->event_count) {
        const struct lr_capture_event *event = &capture->events[(*place)++];
        if (event->conn == conn) {
            return event;
        }
    }
    return NULL;
}

enum lr_status lr_capture_stream(const struct lr_capture *capture, int64_t conn,
                                 enum lr_capture_direction direction, struct lr_buf *out) {
    size_t place = 0;
    enum lr_status status = LR_OK;
    for (const struct lr_capture_event *event = lr_capture_next(capture, conn, &place);
         event != NULL && status == LR_OK; event = lr_capture_next(capture, conn, &place)) {
        if (event->kind == LR_CAPTURE_DATA && event->direction == direction) {
            status = lr_buf_append(out, event->bytes, event->size);
        }
    }
    return status;
}
