/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value_words.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/server_text.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that two hex digits at |text| are; -1: they are none. */
static int hex_byte(const char *text, size_t size) {
    if (size < 2 || hex_digit(text[0]) < 0 || hex_digit(text[1]) < 0) {
        return -1;
    }
    return hex_digit(text[0]) * 16 + hex_digit(text[1]);
}

enum lr_status lr_value_words_unquote(struct lr_text text, struct lr_buf *out) {
    size_t mark = lr_buf_size(out);
    struct lr_writer writer = lr_writer_of(out);
    for (size_t i = 0; i < text.size; i++) {
        int byte = text.data[i] == '%' ? hex_byte(text.data + i + 1, text.size - i - 1) : -1;
        lr_write_u8(&writer, byte < 0 ? (uint8_t)text.data[i] : (uint8_t)byte);
        i += byte < 0 ? 0 : 2;
    }
    size_t size = lr_buf_size(out);
    if (writer.status == LR_OK && size > mark &&
        !lr_text_is_utf8((struct lr_text){(const char *)lr_buf_data(out) + mark, size - mark})) {
        lr_writer_fail(&writer, LR_EINVAL);
    }
    return lr_writer_end(&writer, mark);
}

static enum lr_status read_text(const char *rest, struct lr_buf *text, struct lr_value *value) {
    enum lr_status status = lr_value_words_unquote(lr_text_of(rest), text);
    *value = lr_value_str((struct lr_text){(const char *)lr_buf_data(text), lr_buf_size(text)});
    return status;
}

static enum lr_status read_int(const char *rest, struct lr_buf *text, struct lr_value *value) {
    (void)text;
    char *end;
    errno = 0;
    long long number = strtoll(rest, &end, 10);
    bool begins = rest[0] == '-' || rest[0] == '+' || (rest[0] >= '0' && rest[0] <= '9');
    if (!begins || end == rest || *end != '\0') {
        return LR_EINVAL;
    }
    *value = lr_value_int(number);
    return errno != 0 ? LR_ELIMIT : LR_OK;
}

static enum lr_status read_float(const char *rest, struct lr_buf *text, struct lr_value *value) {
    (void)text;
    char *end;
    double number = strtod(rest, &end);
    if (rest[0] == ' ' || end == rest || *end != '\0') {
        return LR_EINVAL;
    }
    *value = lr_value_float(number);
    return LR_OK;
}

static enum lr_status read_bytes(const char *rest, struct lr_buf *text, struct lr_value *value) {
    struct lr_writer writer = lr_writer_of(text);
    size_t size = strlen(rest);
    for (size_t i = 0; i < size; i += 2) {
        int byte = hex_byte(rest + i, size - i);
        if (byte < 0) {
            return LR_EINVAL;
        }
        lr_write_u8(&writer, (uint8_t)byte);
    }
    *value = lr_value_bytes(lr_buf_data(text), lr_buf_size(text));
    return writer.status;
}

static const struct {
    char letter;
    const char *what;
    enum lr_status (*read)(const char *rest, struct lr_buf *text, struct lr_value *value);
} kinds[] = {
    {'i', "an integer of 64 bits", read_int},
    {'f', "a number", read_float},
    {'s', "a string of UTF-8", read_text},
    {'b', "bytes in hex", read_bytes},
};

static enum lr_status refuse(const char *word, const char *what, enum lr_status status,
                             struct lr_error *error) {
    char quoted[80];
    if (status == LR_ENOMEM) {
        return lr_error_set(error, status, "out of memory for an argument");
    }
    return lr_error_set(error, LR_EINVAL, "%s is not %s",
                        lr_text_quote(quoted, sizeof quoted, lr_text_of(word)), what);
}

static enum lr_status read_word(const char *word, struct lr_buf *text, struct lr_value *value,
                                struct lr_error *error) {
    if (strcmp(word, "null") == 0) {
        *value = lr_value_null();
        return LR_OK;
    }
    for (size_t i = 0; i < LR_COUNT_OF(kinds); i++) {
        if (word[0] == kinds[i].letter && word[1] == ':') {
            enum lr_status status = kinds[i].read(word + 2, text, value);
            return status == LR_OK ? LR_OK : refuse(word, kinds[i].what, status, error);
        }
    }
    enum lr_status status = read_int(word, text, value);
    if (status == LR_ELIMIT) {
        return refuse(word, kinds[0].what, status, error);
    }
    if (status != LR_OK) {
        status = read_text(word, text, value);
    }
    return status == LR_OK ? LR_OK : refuse(word, kinds[2].what, status, error);
}

enum lr_status lr_value_words_init(struct lr_value_words *words, struct lr_alloc *alloc,
                                   const char *const *texts, size_t count, struct lr_error *error) {
    *words = (struct lr_value_words){.alloc = alloc};
    if (count == 0) {
        return LR_OK;
    }
    words->items = lr_alloc_zeroed(alloc, count * sizeof *words->items);
    words->texts = lr_alloc_zeroed(alloc, count * sizeof *words->texts);
    words->count = count;
    if (words->items == NULL || words->texts == NULL) {
        return lr_error_set(error, LR_ENOMEM, "out of memory for %zu arguments", count);
    }
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < count; i++) {
        lr_buf_init(&words->texts[i], alloc);
    }
    for (size_t i = 0; i < count && status == LR_OK; i++) {
        status = read_word(texts[i], &words->texts[i], &words->items[i], error);
    }
    return status;
}

void lr_value_words_deinit(struct lr_value_words *words) {
    for (size_t i = 0; words->texts != NULL && i < words->count; i++) {
        if (words->texts[i].alloc != NULL) {
            lr_buf_deinit(&words->texts[i]);
        }
    }
    lr_alloc_free(words->alloc, words->items, words->count * sizeof *words->items);
    lr_alloc_free(words->alloc, words->texts, words->count * sizeof *words->texts);
    *words = (struct lr_value_words){.alloc = words->alloc};
}

/* ---- out ---- */

static void write_ascii(struct lr_writer *writer, const char *text) {
    lr_write_bytes(writer, text, strlen(text));
}

static void show_text(struct lr_writer *writer, struct lr_text text) {
    static const char plain[] = "!#$&'()*+,/:;=?@[]-._~";
    write_ascii(writer, "s:");
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || (c != '\0' && strchr(plain, c) != NULL)) {
            lr_write_u8(writer, (uint8_t)c);
        } else {
            char escaped[4];
            (void)snprintf(escaped, sizeof escaped, "%%%02X", (unsigned int)(unsigned char)c);
            write_ascii(writer, escaped);
        }
    }
}

static void show_bytes(struct lr_writer *writer, struct lr_text text) {
    static const char digits[] = "0123456789abcdef";
    write_ascii(writer, "b:");
    for (size_t i = 0; text.data != NULL && i < text.size; i++) {
        unsigned int byte = (unsigned char)text.data[i];
        lr_write_u8(writer, (uint8_t)digits[byte >> 4]);
        lr_write_u8(writer, (uint8_t)digits[byte & 15]);
    }
}

static void show_value(struct lr_writer *writer, const struct lr_value *value) {
    char text[160];
    switch (value->kind) {
    case LR_VALUE_NULL:
        write_ascii(writer, "null");
        break;
    case LR_VALUE_BOOL:
    case LR_VALUE_INT:
        (void)snprintf(text, sizeof text, "i:%" PRId64, value->as.integer);
        write_ascii(writer, text);
        break;
    case LR_VALUE_UINT:
        (void)snprintf(text, sizeof text, "i:%" PRIu64, (uint64_t)value->as.integer);
        write_ascii(writer, text);
        break;
    case LR_VALUE_FLOAT:
        write_ascii(writer, "f:");
        write_ascii(writer, lr_server_float_text(text, value->as.number));
        break;
    case LR_VALUE_STR:
        show_text(writer, value->as.text);
        break;
    case LR_VALUE_BYTES:
        show_bytes(writer, value->as.text);
        break;
    case LR_VALUE_FUNCTION:
        write_ascii(writer, "function");
        break;
    case LR_VALUE_MODULE:
        write_ascii(writer, "module");
        break;
    case LR_VALUE_TENSOR:
        write_ascii(writer, "array");
        break;
    case LR_VALUE_HANDLE:
    case LR_VALUE_DTYPE:
    case LR_VALUE_DEVICE:
    case LR_VALUE_OBJECT:
        write_ascii(writer, lr_value_describe(text, sizeof text, value));
        break;
    }
}

enum lr_status lr_value_words_show(const struct lr_result *result, struct lr_buf *out) {
    size_t mark = lr_buf_size(out);
    struct lr_writer writer = lr_writer_of(out);
    switch (result->kind) {
    case LR_ANSWER_NONE:
        write_ascii(&writer, "null");
        break;
    case LR_ANSWER_FUNCTION:
        write_ascii(&writer, result->value.kind == LR_VALUE_NULL ? "null" : "function");
        break;
    case LR_ANSWER_MODULE:
        write_ascii(&writer, "module");
        break;
    case LR_ANSWER_ARRAY:
        write_ascii(&writer, "array");
        break;
    case LR_ANSWER_VALUE:
        show_value(&writer, &result->value);
        break;
    case LR_ANSWER_BYTES:
        show_bytes(&writer, (struct lr_text){(const char *)lr_buf_data(&result->bytes),
                                             lr_buf_size(&result->bytes)});
        break;
    case LR_ANSWER_SESSION:
    case LR_ANSWER_SUMMARY:
        write_ascii(&writer, "?");
        break;
    }
    return lr_writer_end(&writer, mark);
}
