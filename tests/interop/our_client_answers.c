/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to steps, and the pattern that arrays and files hold. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "our_client.h"

static void LR_PRINTF(3, 0)
    put_answer(struct job *job, const char *prefix, const char *format, va_list arguments) {
    char text[1024];
    (void)vsnprintf(text, sizeof text, format, arguments);
    job->op = 0;
    lr_buf_consume(&job->answer, lr_buf_size(&job->answer));
    (void)!lr_buf_append(&job->answer, prefix, strlen(prefix));
    (void)!lr_buf_append(&job->answer, text, strlen(text));
}

void answer(struct job *job, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_answer(job, "", format, arguments);
    va_end(arguments);
}

void answer_usage(struct job *job, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_answer(job, "usage: ", format, arguments);
    va_end(arguments);
}

void answer_status(struct job *job, enum lr_status status) {
    answer(job, "error LastrefError: %s",
           status == LR_ECLOSED ? "session is closed" : lr_status_text(status));
}

static struct lr_text text_of(const struct lr_buf *bytes) {
    const char *data = (const char *)lr_buf_data(bytes);
    return data != NULL ? (struct lr_text){data, lr_buf_size(bytes)} : lr_text_of("");
}

/* |text| as it stands in an answer: line breaks and backslashes escaped, and cut. */
static void append_escaped(struct lr_buf *out, struct lr_text text) {
    while (text.size > 0 && text.data[text.size - 1] == '\n') {
        text.size--;
    }
    for (size_t i = 0; i < text.size && i < ANSWER_CHARS_MAX; i++) {
        char c = text.data[i];
        const char *as = c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\r' ? "" : NULL;
        (void)!lr_buf_append(out, as != NULL ? as : &text.data[i], as != NULL ? strlen(as) : 1);
    }
}

bool answer_failure(struct job *job, const struct lr_result *result, const char *function) {
    bool none = result->error.code == LR_OK && result->kind == LR_ANSWER_FUNCTION &&
                result->value.kind == LR_VALUE_NULL;
    bool absent = function != NULL && (none || result->error.code == LR_ENOTFOUND);
    if (absent) {
        answer(job, "error AttributeError: Module has no function '%s'", function);
    } else if (result->error.code == LR_EREMOTE) {
        answer(job, "error RPCError: ");
        append_escaped(&job->answer, text_of(&result->bytes));
    } else if (result->error.code != LR_OK) {
        answer(job, "error LastrefError: ");
        append_escaped(&job->answer, lr_text_of(result->error.text));
    }
    return absent || result->error.code != LR_OK;
}

void answer_value(struct job *job, const struct lr_result *result) {
    answer(job, "ok ");
    if (lr_value_words_show(result, &job->answer) != LR_OK) {
        answer_status(job, LR_ENOMEM);
    }
}

static uint8_t pattern_byte(uint64_t index, uint64_t seed) {
    uint64_t v = ((index + seed) * UINT64_C(2654435761)) & UINT64_C(0xFFFFFFFF);
    return (uint8_t)((v >> 24) ^ (v >> 8));
}

bool fill_pattern(struct lr_buf *out, uint64_t size, uint64_t seed) {
    uint8_t *room;
    if (size > 0) {
        if (lr_buf_reserve(out, (size_t)size, &room) != LR_OK) {
            return false;
        }
        for (uint64_t i = 0; i < size; i++) {
            room[i] = pattern_byte(i, seed);
        }
        lr_buf_commit(out, (size_t)size);
    }
    return true;
}

void answer_bytes(struct job *job, const uint8_t *bytes, size_t size) {
    size_t differ = 0;
    size_t first = 0;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != pattern_byte(i, job->seed)) {
            first = differ == 0 ? i : first;
            differ++;
        }
    }
    if (differ > 0) {
        answer(job, "error Mismatch: %zu of %zu bytes differ, the first at %zu", differ, size,
               first);
    } else {
        answer(job, "ok %zu", size);
    }
}
