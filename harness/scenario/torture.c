/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/torture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "scenario/order.h"

static const char *const names[LR_TORTURE_KIND_COUNT] = {
    [LR_TORTURE_MEMORY] = "memory",
    [LR_TORTURE_IO] = "io",
};

const char *lr_torture_name(enum lr_torture_kind kind) {
    LR_ASSERT(kind < LR_TORTURE_KIND_COUNT);
    return names[kind];
}

bool lr_torture_parse(const char *text, struct lr_torture *out) {
    for (int kind = LR_TORTURE_NONE + 1; kind < LR_TORTURE_KIND_COUNT; kind++) {
        size_t size = strlen(names[kind]);
        if (strncmp(text, names[kind], size) != 0) {
            continue;
        }
        *out = (struct lr_torture){.kind = (enum lr_torture_kind)kind};
        if (text[size] == '\0') {
            return true;
        }
        enum lr_status status =
            text[size] == '=' ? lr_text_to_u64(lr_text_of(text + size + 1), UINT64_MAX, &out->first)
                              : LR_EINVAL;
        out->alone = status == LR_OK && out->first > 0;
        out->last = out->first;
        return out->alone;
    }
    return false;
}

/* What went wrong first; the audit's word before the script's. */
static const char *why(const struct lr_case_result *result) {
    return result->findings.first != NULL ? result->findings.first->text
           : result->reason != NULL       ? result->reason
                                          : lr_case_outcome_name(result->outcome);
}

static void judge(struct lr_case_result *result, const struct lr_torture_point *point,
                  const struct lr_case_result *one) {
    result->torture_points++;
    if (one->outcome == LR_CASE_AS_EXPECTED) {
        return;
    }
    result->torture_failed++;
    result->outcome = LR_CASE_UNEXPECTED;
    lr_result_lines_add(result->alloc, &result->findings, one->duration_ns, "%s=%" PRIu64 ": %s",
                        names[point->kind], point->at, why(one));
}

/* The point |at|: its result in |one|. Not over unless it was never reached. */
static enum lr_status play_point(const struct lr_order *order, const struct lr_order_means *means,
                                 struct lr_torture_point *point, struct lr_case_result *one,
                                 bool *interrupted, struct lr_error *error) {
    struct lr_order alone = *order;
    alone.torture.alone = true;
    alone.torture.first = point->at;
    alone.torture.last = point->at;
    return lr_order_play_once(&alone, means, point, one, interrupted, error);
}

static enum lr_status play_alone(const struct lr_order *order, const struct lr_order_means *means,
                                 struct lr_case_result *result, bool *interrupted,
                                 struct lr_error *error) {
    struct lr_torture_point point = {.kind = order->torture.kind, .at = order->torture.first};
    enum lr_status status = play_point(order, means, &point, result, interrupted, error);
    if (status == LR_OK && point.count < point.at && !*interrupted) {
        char text[80];
        (void)snprintf(text, sizeof text, "the case has %" PRIu64 " points of %s, and no more",
                       point.count, names[point.kind]);
        lr_order_invalidate(result, text);
    }
    return status;
}

/* The case as it is. False: there is nothing to torture. */
static bool begin(const struct lr_order *order, const struct lr_order_means *means,
                  struct lr_case_result *result, bool *interrupted, struct lr_error *error,
                  enum lr_status *status) {
    *status = order->torture.first == 1
                  ? lr_order_play_once(order, means, NULL, result, interrupted, error)
                  : lr_order_result(order, means->alloc, result);
    if (*status != LR_OK) {
        return false;
    }
    result->torture = names[order->torture.kind];
    return !*interrupted && result->outcome == LR_CASE_AS_EXPECTED;
}

enum lr_status lr_torture_play(const struct lr_order *order, const struct lr_order_means *means,
                               struct lr_case_result *result, bool *interrupted,
                               struct lr_error *error) {
    enum lr_status status;
    *interrupted = false;
    if (order->torture.alone) {
        return play_alone(order, means, result, interrupted, error);
    }
    bool going_on = begin(order, means, result, interrupted, error, &status);
    if (status != LR_OK) {
        return status;
    }
    result->torture_over = !going_on;
    struct lr_order_means quiet = *means; /* that memory is short is no news to anybody here */
    quiet.trace = NULL;
    for (uint64_t at = order->torture.first; going_on && at <= order->torture.last; at++) {
        struct lr_torture_point point = {.kind = order->torture.kind, .at = at};
        struct lr_case_result one;
        status = play_point(order, &quiet, &point, &one, interrupted, error);
        if (status != LR_OK) {
            lr_case_result_deinit(result);
            return status;
        }
        result->torture_over = point.count < at;
        going_on = !result->torture_over && !*interrupted;
        if (going_on) {
            judge(result, &point, &one);
        }
        lr_case_result_deinit(&one);
    }
    if (*interrupted) {
        lr_order_invalidate(result, "interrupted");
    }
    return LR_OK;
}
