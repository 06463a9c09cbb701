/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/platform.h"
#include "rpc/json.h"

enum { LINE_BYTES_MAX = LR_TRACE_TEXT_MAX + 160 }; /* time, level and name before the text */

static const struct {
    const char *name;
    const char *json_name;
    const char *colour;
} levels[] = {
    [LR_TRACE_DEBUG] = {"DEBUG", "debug", "\x1b[2m"},
    [LR_TRACE_INFO] = {"INFO", "info", "\x1b[32m"},
    [LR_TRACE_WARNING] = {"WARNING", "warning", "\x1b[33m"},
    [LR_TRACE_ERROR] = {"ERROR", "error", "\x1b[31m"},
};

/* One line, with what it says and by whom. */
struct line {
    enum lr_trace_level level;
    const char *event;
    const char *host;
    uint32_t conn;
    const char *text;
};

static void write_out(const void *bytes, size_t size) {
    (void)fwrite(bytes, 1, size,
                 stderr); /* where a log cannot be written there is nobody to tell */
    (void)fflush(stderr);
}

static void write_line(const struct lr_log *log, const struct line *line) {
    char wall[LR_WALL_TEXT_MAX];
    char out[LINE_BYTES_MAX];
    /* Most texts are sentences; of what only debugging shows they are what follows the name. */
    bool named = line->level == LR_TRACE_DEBUG && line->event != NULL;
    char conn[24] = "";
    if (named && line->conn != 0) {
        (void)snprintf(conn, sizeof conn, " [%" PRIu32 "]", line->conn);
    }
    int size =
        snprintf(out, sizeof out - 1, "%s %s%s%s %s%s%s%s", lr_platform_wall_time(wall, 0, false),
                 log->colour ? levels[line->level].colour : "", levels[line->level].name,
                 log->colour ? "\x1b[0m" : "", named ? line->event : "", conn, named ? ": " : "",
                 line->text);
    size_t used = size < 0 ? 0 : (size_t)size < sizeof out - 1 ? (size_t)size : sizeof out - 2;
    out[used++] = '\n';
    write_out(out, used);
}

/* |text| as UTF-8: a sentence may have been cut inside a character. */
static struct lr_text valid_text(char out[LINE_BYTES_MAX], const char *text) {
    struct lr_text valid = lr_text_of(text);
    if (valid.size >= LINE_BYTES_MAX) {
        valid.size = LINE_BYTES_MAX - 1;
    }
    for (size_t cut = 0; cut < 4 && !lr_text_is_utf8(valid) && valid.size > 0; cut++) {
        valid.size--;
    }
    if (!lr_text_is_utf8(valid)) {
        size_t size = strlen(text);
        valid.size = size < LINE_BYTES_MAX ? size : LINE_BYTES_MAX - 1;
        for (size_t i = 0; i < valid.size; i++) {
            out[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
        }
        valid.data = out;
    }
    return valid;
}

static void write_json(const struct line *line) {
    char wall[LR_WALL_TEXT_MAX];
    char ascii[LINE_BYTES_MAX];
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    struct lr_writer writer = lr_writer_of(&out);
    lr_json_write_raw(&writer, "{\"time\": ");
    lr_json_write_text(&writer, lr_text_of(lr_platform_wall_time(wall, 0, true)));
    lr_json_write_raw(&writer, ", \"level\": ");
    lr_json_write_text(&writer, lr_text_of(levels[line->level].json_name));
    if (line->event != NULL) {
        lr_json_write_raw(&writer, ", \"event\": ");
        lr_json_write_text(&writer, lr_text_of(line->event));
    }
    lr_json_write_raw(&writer, ", \"role\": ");
    lr_json_write_text(&writer, lr_text_of(line->host != NULL ? line->host : ""));
    if (line->conn != 0) {
        lr_json_write_raw(&writer, ", \"connection\": ");
        lr_json_write_int(&writer, line->conn);
    }
    lr_json_write_raw(&writer, ", \"text\": ");
    lr_json_write_text(&writer, valid_text(ascii, line->text));
    lr_json_write_raw(&writer, "}\n");
    if (writer.status == LR_OK) {
        write_out(lr_buf_data(&out), lr_buf_size(&out));
    } else {
        static const char lost[] =
            "{\"level\": \"error\", \"text\": \"out of memory for a log line\"}\n";
        write_out(lost, sizeof lost - 1);
    }
    lr_buf_deinit(&out);
}

static void write_either(const struct lr_log *log, const struct line *line) {
    if (line->level < log->level) {
        return;
    }
    if (log->json) {
        write_json(line);
    } else {
        write_line(log, line);
    }
}

static void emit(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    const struct lr_log *log = LR_CONTAINER_OF(sink, struct lr_log, sink);
    const struct line line = {.level = lr_trace_level_of(event->kind),
                              .event = lr_trace_name(event->kind),
                              .host = event->host,
                              .conn = event->conn,
                              .text = event->text};
    write_either(log, &line);
}

void lr_log_init(struct lr_log *log, const struct lr_log_options *options,
                 enum lr_trace_level usual_level, enum lr_trace_level silent_level) {
    log->sink.emit = emit;
    log->level = options->verbose ? LR_TRACE_DEBUG : options->silent ? silent_level : usual_level;
    log->sink.level = log->level;
    log->json = options->json;
    log->colour = !options->json && lr_platform_colour();
}

void lr_log_say(struct lr_log *log, enum lr_trace_level level, const char *host, const char *format,
                ...) {
    char text[LR_TRACE_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const struct line line = {.level = level, .host = host, .text = text};
    write_either(log, &line);
}
