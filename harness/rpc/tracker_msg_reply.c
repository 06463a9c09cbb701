/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as a tracker writes them. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "rpc/tracker_msg_internal.h"

enum lr_status lr_tracker_answer_code(int code, struct lr_buf *out) {
    struct lr_tracker_frame frame = lr_tracker_frame_begin(out);
    lr_json_write_int(&frame.writer, code);
    return lr_tracker_frame_end(&frame);
}

/* A host stands as null where it is empty. */
static void write_host(struct lr_writer *writer, struct lr_text host) {
    if (host.size == 0) {
        lr_json_write_raw(writer, "null");
    } else {
        lr_json_write_text(writer, host);
    }
}

enum lr_status lr_tracker_answer_grant(struct lr_alloc *alloc, struct lr_text host, uint16_t port,
                                       struct lr_text matchkey, struct lr_buf *out) {
    (void)alloc;
    struct lr_tracker_frame frame = lr_tracker_frame_begin(out);
    lr_json_write_raw(&frame.writer, "[0, [");
    write_host(&frame.writer, host);
    lr_json_write_raw(&frame.writer, ", ");
    lr_json_write_int(&frame.writer, port);
    lr_json_write_raw(&frame.writer, ", ");
    lr_json_write_text(&frame.writer, matchkey);
    lr_json_write_raw(&frame.writer, "]]");
    return lr_tracker_frame_end(&frame);
}

static void write_comma(struct lr_writer *writer, size_t index) {
    if (index > 0) {
        lr_json_write_raw(writer, ", ");
    }
}

enum lr_status lr_tracker_answer_matchkeys(struct lr_alloc *alloc, const struct lr_text *matchkeys,
                                           size_t count, struct lr_buf *out) {
    (void)alloc;
    struct lr_tracker_frame frame = lr_tracker_frame_begin(out);
    lr_json_write_raw(&frame.writer, "[");
    for (size_t i = 0; i < count; i++) {
        write_comma(&frame.writer, i);
        lr_json_write_text(&frame.writer, matchkeys[i]);
    }
    lr_json_write_raw(&frame.writer, "]");
    return lr_tracker_frame_end(&frame);
}

/* `"name": ` */
static void write_name(struct lr_writer *writer, const char *name) {
    lr_json_write_raw(writer, "\"");
    lr_json_write_raw(writer, name);
    lr_json_write_raw(writer, "\": ");
}

static void write_queues(struct lr_writer *writer, const struct lr_summary_queue *queues,
                         size_t count) {
    for (size_t i = 0; i < count; i++) {
        write_comma(writer, i);
        lr_json_write_text(writer, queues[i].key);
        lr_json_write_raw(writer, ": {\"free\": ");
        lr_json_write_int(writer, queues[i].free);
        lr_json_write_raw(writer, ", \"pending\": ");
        lr_json_write_int(writer, queues[i].pending);
        lr_json_write_raw(writer, "}");
    }
}

static void write_servers(struct lr_writer *writer, const struct lr_summary_server *servers,
                          size_t count) {
    for (size_t i = 0; i < count; i++) {
        write_comma(writer, i);
        lr_json_write_raw(writer, "{\"key\": ");
        lr_json_write_text(writer, servers[i].key);
        if (servers[i].port != 0) { /* as its UPDATE_INFO had none, where it is 0 */
            lr_json_write_raw(writer, ", \"addr\": [");
            write_host(writer, servers[i].host);
            lr_json_write_raw(writer, ", ");
            lr_json_write_int(writer, servers[i].port);
            lr_json_write_raw(writer, "]");
        }
        lr_json_write_raw(writer, "}");
    }
}

/* Milliseconds are exact enough, and come out the same whatever the locale. */
static void write_seconds(struct lr_writer *writer, double seconds) {
    char digits[40];
    LR_ASSERT(seconds >= 0 && seconds <= LR_HELD_SECONDS_MAX);
    uint64_t milliseconds = (uint64_t)(seconds * 1000.0 + 0.5);
    int written = snprintf(digits, sizeof digits, "%" PRIu64 ".%03" PRIu64, milliseconds / 1000,
                           milliseconds % 1000);
    size_t size = (size_t)written;
    while (digits[size - 1] == '0' && digits[size - 2] != '.') {
        size--;
    }
    lr_write_bytes(writer, digits, size);
}

static void write_held(struct lr_writer *writer, const struct lr_summary_held *held, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct {
            const char *name;
            struct lr_text text;
        } texts[] = {
            {"key", held[i].key},
            {"server", held[i].server},
            {"client", held[i].client},
            {"user", held[i].user},
        };
        write_comma(writer, i);
        lr_json_write_raw(writer, "{");
        for (size_t j = 0; j < LR_COUNT_OF(texts); j++) {
            write_name(writer, texts[j].name);
            lr_json_write_text(writer, texts[j].text);
            lr_json_write_raw(writer, ", ");
        }
        write_name(writer, "seconds");
        write_seconds(writer, held[i].seconds);
        lr_json_write_raw(writer, "}");
    }
}

enum lr_status lr_tracker_answer_summary(struct lr_alloc *alloc,
                                         const struct lr_summary_queue *queues, size_t queue_count,
                                         const struct lr_summary_server *servers,
                                         size_t server_count, const struct lr_summary_held *held,
                                         size_t held_count, struct lr_buf *out) {
    (void)alloc;
    struct lr_tracker_frame frame = lr_tracker_frame_begin(out);
    struct lr_writer *writer = &frame.writer;
    lr_json_write_raw(writer, "[0, {\"queue_info\": {");
    write_queues(writer, queues, queue_count);
    lr_json_write_raw(writer, "}, \"server_info\": [");
    write_servers(writer, servers, server_count);
    lr_json_write_raw(writer, "]");
    if (held != NULL) {
        lr_json_write_raw(writer, ", \"held\": [");
        write_held(writer, held, held_count);
        lr_json_write_raw(writer, "]");
    }
    lr_json_write_raw(writer, "}]");
    return lr_tracker_frame_end(&frame);
}
