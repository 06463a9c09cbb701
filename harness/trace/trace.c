/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/trace.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

static const struct {
    const char *name;
    enum lr_trace_level level;
} kinds[LR_TRACE_KIND_COUNT] = {
#define LR_TRACE_EVENT(symbol, name, level) {name, (enum lr_trace_level)(level)},
#include "trace/events.def"
#undef LR_TRACE_EVENT
};

const char *lr_trace_name(enum lr_trace_kind kind) {
    LR_ASSERT(kind < LR_TRACE_KIND_COUNT);
    return kinds[kind].name;
}

enum lr_trace_level lr_trace_level_of(enum lr_trace_kind kind) {
    LR_ASSERT(kind < LR_TRACE_KIND_COUNT);
    return kinds[kind].level;
}

bool lr_trace_wanted(const struct lr_trace *trace, enum lr_trace_kind kind) {
    return trace != NULL && trace->sink != NULL && lr_trace_level_of(kind) >= trace->sink->level;
}

void lr_trace_emit_wanted(const struct lr_trace *trace, lr_time at, enum lr_trace_kind kind,
                          uint32_t conn, const char *format, ...) {
    char text[LR_TRACE_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const struct lr_trace_event event = {
        .at = at, .kind = kind, .host = trace->host, .conn = conn, .text = text};
    trace->sink->emit(trace->sink, &event);
}
