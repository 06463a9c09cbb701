/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/tracker_msg.h"

#include <inttypes.h>

#include "base/assert.h"
#include "rpc/tracker_msg_internal.h"

/* Reads and writes what follows the code; |root| is the whole list. */
struct message_kind {
    int64_t code;
    const char *name;
    enum lr_status (*read)(struct lr_tracker_msg *msg, const struct lr_json *root,
                           struct lr_error *error);
    void (*write)(const struct lr_tracker_msg *msg, struct lr_writer *writer);
};

const char *lr_tracker_seen(const struct lr_json *value) {
    return value == NULL ? "nothing" : lr_json_type_name(lr_json_type(value));
}

static enum lr_status read_text(const struct lr_json *value, const char *what, struct lr_text *text,
                                struct lr_error *error) {
    if (!lr_json_text(value, text)) {
        return lr_error_set(error, LR_EPROTO, "%s is %s, not a string", what,
                            lr_tracker_seen(value));
    }
    return LR_OK;
}

bool lr_tracker_port_read(const struct lr_json *value, uint16_t *port) {
    int64_t number;
    if (!lr_json_int(value, &number) || number < 1 || number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

static bool read_port_text(const struct lr_json *value, uint16_t *port) {
    struct lr_text text;
    uint64_t number;
    if (!lr_json_text(value, &text) || lr_text_to_u64(text, UINT16_MAX, &number) != LR_OK ||
        number < 1) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

enum lr_status lr_tracker_addr_read(const struct lr_json *value, bool *has_host,
                                    struct lr_text *host, uint16_t *port, struct lr_error *error) {
    const struct lr_json *first = lr_json_at(value, 0);
    const struct lr_json *second = lr_json_at(value, 1);
    if (first == NULL || second == NULL) {
        return lr_error_set(error, LR_EPROTO, "addr is no list of host and port");
    }
    *has_host = lr_json_type(first) != LR_JSON_NULL;
    if (*has_host && !lr_json_text(first, host)) {
        return lr_error_set(error, LR_EPROTO, "the host in addr is %s", lr_tracker_seen(first));
    }
    if (!lr_tracker_port_read(second, port) && !read_port_text(second, port)) {
        return lr_error_set(error, LR_EPROTO, "the port in addr is no number from 1 to 65535");
    }
    return LR_OK;
}

static enum lr_status read_nothing(struct lr_tracker_msg *msg, const struct lr_json *root,
                                   struct lr_error *error) {
    (void)msg;
    (void)root;
    (void)error;
    return LR_OK;
}

static void write_nothing(const struct lr_tracker_msg *msg, struct lr_writer *writer) {
    (void)msg;
    (void)writer;
}

static enum lr_status read_stop(struct lr_tracker_msg *msg, const struct lr_json *root,
                                struct lr_error *error) {
    return read_text(lr_json_at(root, 1), "the stop key", &msg->key, error);
}

static void write_stop(const struct lr_tracker_msg *msg, struct lr_writer *writer) {
    lr_json_write_raw(writer, ", ");
    lr_json_write_text(writer, msg->key);
}

/* A text that may be null or left out. */
static enum lr_status read_optional(const struct lr_json *value, const char *what, bool *given,
                                    struct lr_text *text, struct lr_error *error) {
    *given = value != NULL && lr_json_type(value) != LR_JSON_NULL;
    return *given ? read_text(value, what, text, error) : LR_OK;
}

static enum lr_status read_put(struct lr_tracker_msg *msg, const struct lr_json *root,
                               struct lr_error *error) {
    const struct lr_json *value = lr_json_at(root, 2);
    enum lr_status status = read_text(lr_json_at(root, 1), "the key", &msg->key, error);
    if (status != LR_OK) {
        return status;
    }
    if (value == NULL || lr_json_type(value) != LR_JSON_LIST) {
        return lr_error_set(error, LR_EPROTO, "[port, matchkey] is %s", lr_tracker_seen(value));
    }
    if (!lr_tracker_port_read(lr_json_at(value, 0), &msg->port)) {
        return lr_error_set(error, LR_EPROTO, "the port is no number from 1 to 65535");
    }
    status = read_text(lr_json_at(value, 1), "the matchkey", &msg->matchkey, error);
    if (status == LR_OK) {
        status = read_optional(lr_json_at(root, 3), "the custom address", &msg->has_host,
                               &msg->host, error);
    }
    if (status == LR_OK) {
        status = read_optional(lr_json_at(root, 4), "the matchkey to replace", &msg->has_replaces,
                               &msg->replaces, error);
    }
    return status;
}

static void write_optional(struct lr_writer *writer, bool given, struct lr_text text) {
    if (given) {
        lr_json_write_text(writer, text);
    } else {
        lr_json_write_raw(writer, "null");
    }
}

static void write_put(const struct lr_tracker_msg *msg, struct lr_writer *writer) {
    lr_json_write_raw(writer, ", ");
    lr_json_write_text(writer, msg->key);
    lr_json_write_raw(writer, ", [");
    lr_json_write_int(writer, msg->port);
    lr_json_write_raw(writer, ", ");
    lr_json_write_text(writer, msg->matchkey);
    lr_json_write_raw(writer, "], ");
    write_optional(writer, msg->has_host, msg->host);
    if (msg->has_replaces) {
        lr_json_write_raw(writer, ", ");
        lr_json_write_text(writer, msg->replaces);
    }
}

/* Splits a real into the integer below it and the rest; false beyond 64 bits. */
static bool split_real(double number, int64_t *below, double *rest) {
    const double limit = 9223372036854775808.0; /* 2^63 */
    if (!(number >= -limit && number < limit)) {
        return false;
    }
    int64_t whole = (int64_t)number; /* towards zero */
    if ((double)whole > number) {
        whole--;
    }
    *below = whole;
    *rest = number - (double)whole;
    if (*rest >= 1.0) { /* just below zero: -1e-300 - -1 is 1 in a double */
        *below += 1;
        *rest = 0.0;
    }
    return true;
}

static enum lr_status read_priority(const struct lr_json *value, struct lr_tracker_msg *msg,
                                    struct lr_error *error) {
    double number;
    if (lr_json_int(value, &msg->priority)) {
        return LR_OK;
    }
    if (!lr_json_number(value, &number)) {
        return lr_error_set(error, LR_EPROTO, "the priority is %s, not a number",
                            lr_tracker_seen(value));
    }
    if (!split_real(number, &msg->priority, &msg->priority_rest)) {
        return lr_error_set(error, LR_EPROTO, "the priority is beyond 64 bits");
    }
    return LR_OK;
}

static enum lr_status read_request(struct lr_tracker_msg *msg, const struct lr_json *root,
                                   struct lr_error *error) {
    enum lr_status status = read_text(lr_json_at(root, 1), "the key", &msg->key, error);
    if (status == LR_OK) {
        status = read_text(lr_json_at(root, 2), "the user", &msg->user, error);
    }
    return status == LR_OK ? read_priority(lr_json_at(root, 3), msg, error) : status;
}

static void write_request(const struct lr_tracker_msg *msg, struct lr_writer *writer) {
    lr_json_write_raw(writer, ", ");
    lr_json_write_text(writer, msg->key);
    lr_json_write_raw(writer, ", ");
    lr_json_write_text(writer, msg->user);
    lr_json_write_raw(writer, ", ");
    lr_json_write_int(writer, msg->priority);
}

static enum lr_status read_info(struct lr_tracker_msg *msg, const struct lr_json *root,
                                struct lr_error *error) {
    const struct lr_json *info = lr_json_at(root, 1);
    if (info == NULL || lr_json_type(info) != LR_JSON_OBJECT) {
        return lr_error_set(error, LR_EPROTO, "the info is %s, not an object",
                            lr_tracker_seen(info));
    }
    enum lr_status status = read_text(lr_json_get(info, "key"), "the info's key", &msg->key, error);
    if (status != LR_OK) {
        return status;
    }
    const struct lr_json *addr = lr_json_get(info, "addr");
    if (addr == NULL) {
        return LR_OK; /* TVM's C++ server leaves it out; its PUTs say where it is */
    }
    return lr_tracker_addr_read(addr, &msg->has_host, &msg->host, &msg->port, error);
}

static void write_info(const struct lr_tracker_msg *msg, struct lr_writer *writer) {
    lr_json_write_raw(writer, ", {\"key\": ");
    lr_json_write_text(writer, msg->key);
    if (msg->port != 0) {
        lr_json_write_raw(writer, ", \"addr\": [");
        write_optional(writer, msg->has_host, msg->host);
        lr_json_write_raw(writer, ", ");
        lr_json_write_int(writer, msg->port);
        lr_json_write_raw(writer, "]");
    }
    lr_json_write_raw(writer, "}");
}

static enum lr_status read_summary(struct lr_tracker_msg *msg, const struct lr_json *root,
                                   struct lr_error *error) {
    struct lr_text what;
    (void)error; /* what is unknown is ignored, as every tracker does */
    msg->want_held =
        lr_json_text(lr_json_at(root, 1), &what) && lr_text_equal(what, lr_text_of("held"));
    return LR_OK;
}

static void write_summary(const struct lr_tracker_msg *msg, struct lr_writer *writer) {
    if (msg->want_held) {
        lr_json_write_raw(writer, ", \"held\"");
    }
}

static const struct message_kind kinds[] = {
    {LR_TRACKER_PING, "PING", read_nothing, write_nothing},
    {LR_TRACKER_STOP, "STOP", read_stop, write_stop},
    {LR_TRACKER_PUT, "PUT", read_put, write_put},
    {LR_TRACKER_REQUEST, "REQUEST", read_request, write_request},
    {LR_TRACKER_UPDATE_INFO, "UPDATE_INFO", read_info, write_info},
    {LR_TRACKER_SUMMARY, "SUMMARY", read_summary, write_summary},
    {LR_TRACKER_GET_PENDING_MATCHKEYS, "GET_PENDING_MATCHKEYS", read_nothing, write_nothing},
};

static const struct message_kind *find_kind(int64_t code) {
    for (size_t i = 0; i < LR_COUNT_OF(kinds); i++) {
        if (kinds[i].code == code) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *lr_tracker_code_name(int64_t code) {
    const struct message_kind *kind = find_kind(code);
    return kind == NULL ? NULL : kind->name;
}

void lr_tracker_msg_init(struct lr_tracker_msg *msg, struct lr_alloc *alloc) {
    *msg = (struct lr_tracker_msg){.alloc = alloc};
}

void lr_tracker_msg_deinit(struct lr_tracker_msg *msg) {
    lr_json_free(msg->document);
    lr_tracker_msg_init(msg, msg->alloc);
}

static enum lr_status check_lengths(const struct lr_tracker_msg *msg, size_t key_max,
                                    struct lr_error *error) {
    const struct {
        const char *name;
        size_t size;
    } texts[] = {
        {"key", msg->key.size},
        {"matchkey", msg->matchkey.size},
        {"user", msg->user.size},
        {"host", msg->host.size},
        {"matchkey to replace", msg->replaces.size},
    };
    for (size_t i = 0; i < LR_COUNT_OF(texts); i++) {
        if (texts[i].size > key_max) {
            return lr_error_set(error, LR_ELIMIT, "a %s of %zu bytes, at most %zu are allowed",
                                texts[i].name, texts[i].size, key_max);
        }
    }
    return LR_OK;
}

static enum lr_status decode_root(struct lr_tracker_msg *msg, const struct lr_json *root,
                                  size_t key_max, struct lr_error *error) {
    struct lr_error detail;
    if (lr_json_type(root) != LR_JSON_LIST) {
        return lr_error_set(error, LR_EPROTO, "a message is a list, this is %s",
                            lr_tracker_seen(root));
    }
    if (!lr_json_int(lr_json_at(root, 0), &msg->code)) {
        return lr_error_set(error, LR_EPROTO, "a message begins with its code, this one with %s",
                            lr_tracker_seen(lr_json_at(root, 0)));
    }
    const struct message_kind *kind = find_kind(msg->code);
    if (kind == NULL) {
        return lr_error_set(error, LR_EPROTO, "unknown code %" PRId64, msg->code);
    }
    enum lr_status status = kind->read(msg, root, &detail);
    if (status == LR_OK) {
        status = check_lengths(msg, key_max, &detail);
    }
    return status == LR_OK ? LR_OK : lr_error_set(error, status, "%s: %s", kind->name, detail.text);
}

enum lr_status lr_tracker_msg_decode(struct lr_tracker_msg *msg, const uint8_t *json, size_t size,
                                     size_t key_max, struct lr_error *error) {
    struct lr_json *root;
    lr_tracker_msg_deinit(msg);
    enum lr_status status = lr_json_parse(msg->alloc, json, size, &root, error);
    if (status != LR_OK) {
        return status;
    }
    msg->document = root;
    return decode_root(msg, root, key_max, error);
}

struct lr_tracker_frame lr_tracker_frame_begin(struct lr_buf *out) {
    struct lr_tracker_frame frame = {lr_writer_of(out), lr_buf_size(out)};
    lr_write_u32(&frame.writer, 0);
    return frame;
}

enum lr_status lr_tracker_frame_end(struct lr_tracker_frame *frame) {
    if (frame->writer.status == LR_OK) {
        size_t size = lr_buf_size(frame->writer.out) - frame->mark - 4;
        if (size > INT32_MAX) {
            lr_writer_fail(&frame->writer, LR_ELIMIT);
        }
        lr_write_u32_at(&frame->writer, frame->mark, (uint32_t)size);
    }
    return lr_writer_end(&frame->writer, frame->mark);
}

enum lr_status lr_tracker_msg_encode(const struct lr_tracker_msg *msg, struct lr_buf *out) {
    const struct message_kind *kind = find_kind(msg->code);
    if (kind == NULL) {
        return LR_EINVAL;
    }
    struct lr_tracker_frame frame = lr_tracker_frame_begin(out);
    lr_json_write_raw(&frame.writer, "[");
    lr_json_write_int(&frame.writer, msg->code);
    kind->write(msg, &frame.writer);
    lr_json_write_raw(&frame.writer, "]");
    return lr_tracker_frame_end(&frame);
}
