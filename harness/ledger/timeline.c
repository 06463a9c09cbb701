/* SPDX-License-Identifier: Apache-2.0 */
/* The timeline: a ring of the last lines, as what matters of a failure is its end. */
#include "ledger/ledger_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The place for one more line, the oldest one's where the ring is full; NULL: out of memory. */
static struct lr_ledger_line *next_line(struct lr_ledger *ledger) {
    if (ledger->line_count == LR_LEDGER_TIMELINE_MAX) {
        struct lr_ledger_line *line = &ledger->lines[ledger->line_first];
        ledger->line_first = (ledger->line_first + 1) % LR_LEDGER_TIMELINE_MAX;
        ledger->lines_dropped++;
        return line;
    }
    struct lr_ledger_line *lines = lr_ledger_grow(ledger, ledger->lines, &ledger->line_capacity,
                                                  ledger->line_count, sizeof *ledger->lines);
    if (lines == NULL) {
        return NULL;
    }
    ledger->lines = lines;
    lines[ledger->line_count] = (struct lr_ledger_line){.text = NULL};
    return &ledger->lines[ledger->line_count++];
}

/* Room for |size| bytes in |line|. */
static bool make_room(struct lr_ledger *ledger, struct lr_ledger_line *line, size_t size) {
    if (line->capacity >= size) {
        return true;
    }
    size_t capacity = (size + 63) / 64 * 64;
    char *text = lr_alloc_resize(ledger->alloc, line->text, line->capacity, capacity);
    if (text == NULL) {
        lr_ledger_fail(ledger);
        return false;
    }
    line->text = text;
    line->capacity = capacity;
    return true;
}

void lr_ledger_add_line(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                        const char *text, size_t size) {
    lr_trace_emit(&ledger->trace, at, LR_TRACE_NOTE, link, "%s", text);
    struct lr_ledger_line *line = next_line(ledger);
    if (line == NULL) {
        return;
    }
    line->at = at;
    line->session = session;
    line->link = link;
    if (make_room(ledger, line, size + 1)) {
        memcpy(line->text, text, size + 1);
    } else if (line->text != NULL) {
        line->text[0] = '\0'; /* the oldest line's place, whose words are gone */
    }
}

static void add_formatted(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                          const char *format, va_list arguments) LR_PRINTF(5, 0);
static void add_formatted(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                          const char *format, va_list arguments) {
    char text[LR_LEDGER_LINE_MAX];
    int size = vsnprintf(text, sizeof text, format, arguments);
    size_t used = size < 0 ? 0 : (size_t)size;
    lr_ledger_add_line(ledger, at, session, link, text,
                       used < sizeof text ? used : sizeof text - 1);
}

void lr_ledger_say(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                   const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_formatted(ledger, at, session, link, format, arguments);
    va_end(arguments);
}

void lr_ledger_note(struct lr_ledger *ledger, lr_time at, uint32_t session, const char *format,
                    ...) {
    va_list arguments;
    va_start(arguments, format);
    add_formatted(ledger, at, session, 0, format, arguments);
    va_end(arguments);
}

size_t lr_ledger_timeline_count(const struct lr_ledger *ledger) {
    return ledger->line_count;
}

uint64_t lr_ledger_timeline_dropped(const struct lr_ledger *ledger) {
    return ledger->lines_dropped;
}

struct lr_timeline_entry lr_ledger_timeline(const struct lr_ledger *ledger, size_t index) {
    const struct lr_ledger_line *line =
        &ledger->lines[(ledger->line_first + index) % LR_LEDGER_TIMELINE_MAX];
    return (struct lr_timeline_entry){.at = line->at,
                                      .session = line->session,
                                      .link = line->link,
                                      .text = line->text == NULL ? "" : line->text};
}

void lr_ledger_timeline_deinit(struct lr_ledger *ledger) {
    for (size_t i = 0; i < ledger->line_count; i++) {
        lr_alloc_free(ledger->alloc, ledger->lines[i].text, ledger->lines[i].capacity);
    }
    lr_alloc_free(ledger->alloc, ledger->lines, ledger->line_capacity * sizeof *ledger->lines);
}
