/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, when, on which host: the events of events.def, handed to a sink. A sink writes log
 * lines, keeps a timeline for the reports, or computes a digest. Not a way to reach a verdict: what
 * a role reports explains one. */
#ifndef LR_TRACE_TRACE_H
#define LR_TRACE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/time.h"

enum lr_trace_kind {
#define LR_TRACE_EVENT(symbol, name, level) LR_TRACE_##symbol,
#include "trace/events.def"
#undef LR_TRACE_EVENT
    LR_TRACE_KIND_COUNT
};

enum lr_trace_level {
    LR_TRACE_DEBUG,
    LR_TRACE_INFO,
    LR_TRACE_WARNING,
    LR_TRACE_ERROR,
    LR_TRACE_NOTHING /* of a sink: no event has it */
};

enum { LR_TRACE_TEXT_MAX = 400 };

struct lr_trace_event {
    lr_time at;
    enum lr_trace_kind kind;
    const char *host; /* the host's name in the script, or the command's; borrowed */
    uint32_t conn;    /* the host's number for the connection, 0 for none */
    const char *text; /* one sentence, UTF-8, hostile text quoted; borrowed */
};

/* A sink. Embed it; |emit| borrows the event until it returns and must not call back into a role.
 */
struct lr_trace_sink {
    void (*emit)(struct lr_trace_sink *sink, const struct lr_trace_event *event);
    enum lr_trace_level level; /* events below it are not even put into words */
};

/* What a host hands to its role: where to, and under which name. A NULL sink discards. */
struct lr_trace {
    struct lr_trace_sink *sink;
    const char *host; /* borrowed for the trace's life */
};

const char *lr_trace_name(enum lr_trace_kind kind);
enum lr_trace_level lr_trace_level_of(enum lr_trace_kind kind);

/* Whether an event of |kind| has a reader. */
bool lr_trace_wanted(const struct lr_trace *trace, enum lr_trace_kind kind);

/* Emits one event; text beyond LR_TRACE_TEXT_MAX is cut. Where nobody reads it, what it would say
 * is not even evaluated: that must have no effects of its own. */
#define lr_trace_emit(trace, at, kind, conn, ...)                                                  \
    (lr_trace_wanted((trace), (kind))                                                              \
         ? lr_trace_emit_wanted((trace), (at), (kind), (conn), __VA_ARGS__)                        \
         : (void)0)
void lr_trace_emit_wanted(const struct lr_trace *trace, lr_time at, enum lr_trace_kind kind,
                          uint32_t conn, const char *format, ...) LR_PRINTF(5, 6);

#endif
