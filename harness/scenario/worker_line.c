/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/worker_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* A field that is no text, and one that is an empty text: nothing else begins so. */
#define FIELD_NONE "\\-"
#define FIELD_EMPTY "\\e"

void lr_line_writer_init(struct lr_line_writer *writer, struct lr_alloc *alloc) {
    lr_buf_init(&writer->bytes, alloc);
    writer->piece = 0;
    writer->status = LR_OK;
}

void lr_line_writer_deinit(struct lr_line_writer *writer) {
    lr_buf_deinit(&writer->bytes);
}

static void put(struct lr_line_writer *writer, const char *text, size_t size) {
    if (writer->status == LR_OK && writer->piece + size > LR_LINE_PIECE_MAX) {
        writer->status = lr_buf_append(&writer->bytes, "\\\n", 2);
        writer->piece = 0;
    }
    if (writer->status == LR_OK) {
        writer->status = lr_buf_append(&writer->bytes, text, size);
        writer->piece += size;
    }
}

void lr_line_begin(struct lr_line_writer *writer, const char *word) {
    writer->piece = 0;
    put(writer, word, strlen(word));
}

static bool is_plain(char c) {
    return c > ' ' && c < 0x7F && c != '\\';
}

void lr_line_text(struct lr_line_writer *writer, const char *text) {
    put(writer, " ", 1);
    if (text == NULL || text[0] == '\0') {
        put(writer, text == NULL ? FIELD_NONE : FIELD_EMPTY, 2);
        return;
    }
    while (*text != '\0') {
        size_t plain = 0;
        while (plain < LR_LINE_PIECE_MAX / 2 && is_plain(text[plain])) {
            plain++;
        }
        if (plain > 0) {
            put(writer, text, plain);
            text += plain;
        } else {
            char form[8];
            (void)snprintf(form, sizeof form, "\\x%02X", (unsigned int)(unsigned char)*text++);
            put(writer, form, 4);
        }
    }
}

void lr_line_number(struct lr_line_writer *writer, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, " %" PRIu64, number);
    put(writer, text, strlen(text));
}

void lr_line_end(struct lr_line_writer *writer) {
    if (writer->status == LR_OK) {
        writer->status = lr_buf_append(&writer->bytes, "\n", 1);
    }
}

void lr_line_reader_init(struct lr_line_reader *reader, struct lr_alloc *alloc) {
    *reader = (struct lr_line_reader){.alloc = alloc};
    lr_buf_init(&reader->bytes, alloc);
}

void lr_line_reader_deinit(struct lr_line_reader *reader) {
    lr_buf_deinit(&reader->bytes);
}

enum lr_status lr_line_feed(struct lr_line_reader *reader, const char *piece) {
    if (reader->whole) {
        lr_buf_consume(&reader->bytes, lr_buf_size(&reader->bytes));
        reader->whole = false;
    }
    size_t size = strlen(piece);
    bool goes_on = size > 0 && piece[size - 1] == '\\';
    if (lr_buf_size(&reader->bytes) + size > LR_LINE_BYTES_MAX) {
        return LR_ELIMIT;
    }
    enum lr_status status = lr_buf_append(&reader->bytes, piece, goes_on ? size - 1 : size);
    uint8_t *room;
    if (status == LR_OK && !goes_on) {
        status = lr_buf_reserve(&reader->bytes, 1, &room);
        if (status == LR_OK) {
            *room = '\0';
            reader->at = (char *)room - lr_buf_size(&reader->bytes);
            reader->whole = true;
            reader->status = LR_OK;
        }
    }
    return status;
}

/* The run of characters up to the next blank, as a string of its own. NULL: none is left. */
static char *take_field(struct lr_line_reader *reader) {
    if (reader->at == NULL) {
        reader->status = LR_EPROTO;
        return NULL;
    }
    char *field = reader->at;
    char *blank = strchr(field, ' ');
    if (blank != NULL) {
        *blank = '\0';
    }
    reader->at = blank == NULL ? NULL : blank + 1;
    return field;
}

const char *lr_line_word(struct lr_line_reader *reader) {
    const char *word = take_field(reader);
    return word == NULL ? "" : word;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place: the text is never longer than its form. False: it has none such. */
static bool unescape(char *text) {
    char *out = text;
    while (*text != '\0') {
        if (*text != '\\') {
            *out++ = *text++;
            continue;
        }
        int high = text[1] == 'x' ? hex_value(text[2]) : -1;
        int low = high < 0 ? -1 : hex_value(text[3]);
        if (low < 0 || high * 16 + low == 0) {
            return false;
        }
        *out++ = (char)(high * 16 + low);
        text += 4;
    }
    *out = '\0';
    return true;
}

const char *lr_line_take_text(struct lr_line_reader *reader) {
    char *field = take_field(reader);
    if (field == NULL || strcmp(field, FIELD_NONE) == 0) {
        return NULL;
    }
    if (strcmp(field, FIELD_EMPTY) == 0) {
        return "";
    }
    if (field[0] == '\0' || !unescape(field)) {
        reader->status = LR_EPROTO;
        return NULL;
    }
    return field;
}

const char *lr_line_take_string(struct lr_line_reader *reader) {
    const char *text = lr_line_take_text(reader);
    if (text == NULL) {
        reader->status = LR_EPROTO;
        return "";
    }
    return text;
}

uint64_t lr_line_take_number(struct lr_line_reader *reader, uint64_t max) {
    uint64_t number = 0;
    const char *field = take_field(reader);
    if (field == NULL || lr_text_to_u64(lr_text_of(field), max, &number) != LR_OK) {
        reader->status = LR_EPROTO;
        return 0;
    }
    return number;
}

enum lr_status lr_line_done(struct lr_line_reader *reader) {
    return reader->at != NULL ? LR_EPROTO : reader->status;
}
