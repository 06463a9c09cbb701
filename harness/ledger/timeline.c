/* SPDX-License-Identifier: Apache-2.0 */
/* The timeline: a ring of the last lines, as what matters of a failure is its end. */
#include "ledger/ledger_internal.h"

#include <stdarg.h>
#include <stdio.h>

/* The place for one more line, the oldest one's where the ring is full; NULL: out of memory. */
static struct lr_ledger_line *next_line(struct lr_ledger *ledger) {
    if (ledger->line_count == LR_LEDGER_TIMELINE_MAX) {
        struct lr_ledger_line *line = &ledger->lines[ledger->line_first];
        lr_alloc_free_string(ledger->alloc, line->text);
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
    return &ledger->lines[ledger->line_count++];
}

static void add_line(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                     const char *text) {
    lr_trace_emit(&ledger->trace, at, LR_TRACE_NOTE, link, "%s", text);
    char *copy = lr_ledger_string(ledger, lr_text_of(text));
    struct lr_ledger_line *line = copy == NULL ? NULL : next_line(ledger);
    if (line == NULL) {
        lr_alloc_free_string(ledger->alloc, copy);
        return;
    }
    *line = (struct lr_ledger_line){.at = at, .session = session, .link = link, .text = copy};
}

void lr_ledger_say(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                   const char *format, ...) {
    char text[LR_LEDGER_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_line(ledger, at, session, link, text);
}

void lr_ledger_note(struct lr_ledger *ledger, lr_time at, uint32_t session, const char *format,
                    ...) {
    char text[LR_LEDGER_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_line(ledger, at, session, 0, text);
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
    return (struct lr_timeline_entry){
        .at = line->at, .session = line->session, .link = line->link, .text = line->text};
}

void lr_ledger_timeline_deinit(struct lr_ledger *ledger) {
    for (size_t i = 0; i < ledger->line_count; i++) {
        lr_alloc_free_string(ledger->alloc, ledger->lines[i].text);
    }
    lr_alloc_free(ledger->alloc, ledger->lines, ledger->line_capacity * sizeof *ledger->lines);
}
