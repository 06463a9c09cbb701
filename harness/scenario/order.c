/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "scenario/play.h"

const char *lr_world_named(const char *name) {
    static const char *const worlds[] = {"sim", "live"};
    for (size_t i = 0; i < LR_COUNT_OF(worlds); i++) {
        if (strcmp(worlds[i], name) == 0) {
            return worlds[i];
        }
    }
    return NULL;
}

/* |text| as one word of a shell's. */
static enum lr_status append_word(struct lr_buf *out, const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./,:=@%+";
    if (text[0] != '\0' && text[0] != '-' && strspn(text, plain) == strlen(text)) {
        return lr_buf_append(out, text, strlen(text));
    }
    enum lr_status status = lr_buf_append(out, "'", 1);
    for (const char *c = text; *c != '\0' && status == LR_OK; c++) {
        status = *c == '\'' ? lr_buf_append(out, "'\\''", 4) : lr_buf_append(out, c, 1);
    }
    return status == LR_OK ? lr_buf_append(out, "'", 1) : status;
}

static enum lr_status append_command(struct lr_buf *out, const struct lr_order *order) {
    char seed[48];
    char torture[64] = "";
    (void)snprintf(seed, sizeof seed, " --seed %" PRIu64, order->seed);
    if (order->torture.alone) {
        (void)snprintf(torture, sizeof torture, " --torture %s=%" PRIu64,
                       lr_torture_name(order->torture.kind), order->torture.first);
    } else if (order->torture.kind != LR_TORTURE_NONE) {
        (void)snprintf(torture, sizeof torture, " --torture %s",
                       lr_torture_name(order->torture.kind));
    }
    const struct {
        const char *text;
        bool word;
    } parts[] = {{"lastref run ", false}, {order->file, true},   {seed, false},
                 {" --world ", false},    {order->world, false}, {" --filter ", false},
                 {order->name, true},     {torture, false}};
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < LR_COUNT_OF(parts) && status == LR_OK; i++) {
        status = parts[i].word ? append_word(out, parts[i].text)
                               : lr_buf_append(out, parts[i].text, strlen(parts[i].text));
    }
    return status;
}

char *lr_order_command(const struct lr_order *order, struct lr_alloc *alloc) {
    struct lr_buf out;
    char *command = NULL;
    lr_buf_init(&out, alloc);
    if (append_command(&out, order) == LR_OK) {
        command = lr_alloc_string(alloc, lr_buf_data(&out), lr_buf_size(&out));
    }
    lr_buf_deinit(&out);
    return command;
}

enum lr_status lr_order_result(const struct lr_order *order, struct lr_alloc *alloc,
                               struct lr_case_result *result) {
    enum lr_status status =
        lr_case_result_init(result, alloc, order->name, order->title, order->file);
    if (status == LR_OK) {
        result->world = order->world;
        result->seed = order->seed;
        result->tries = 1;
        result->repeat = lr_order_command(order, alloc);
    }
    if (status == LR_OK && result->repeat == NULL) {
        lr_case_result_deinit(result);
        status = LR_ENOMEM;
    }
    return status;
}

void lr_order_invalidate(struct lr_case_result *result, const char *reason) {
    result->outcome = LR_CASE_INVALID;
    result->protocol_verdict = LR_PROTOCOL_NOT_OBSERVABLE;
    result->release_verdict = lr_release_name(LR_RELEASE_NOT_OBSERVABLE);
    lr_alloc_free_string(result->alloc, result->reason);
    result->reason = lr_alloc_string(result->alloc, reason, strlen(reason));
}

/* Whoever was refused memory has gone another way than it would have, and no report is needed of it
 * for the case to prove nothing: neither that the subjects are right nor that they are wrong. */
static void judge_memory(struct lr_case_result *result, const struct lr_counting_alloc *memory) {
    char reason[LR_ERROR_TEXT_MAX];
    if (memory->failed > 0) {
        (void)snprintf(reason, sizeof reason,
                       "out of memory: %" PRIu64 " of %" PRIu64 " allocations were refused",
                       memory->failed, memory->calls);
        lr_order_invalidate(result, reason);
    }
}

enum lr_status lr_order_play(const struct lr_order *order, const struct lr_order_means *means,
                             struct lr_case_result *result, bool *interrupted,
                             struct lr_error *error) {
    return order->torture.kind == LR_TORTURE_NONE
               ? lr_order_play_once(order, means, NULL, result, interrupted, error)
               : lr_torture_play(order, means, result, interrupted, error);
}

enum lr_status lr_order_play_once(const struct lr_order *order, const struct lr_order_means *means,
                                  struct lr_torture_point *point, struct lr_case_result *result,
                                  bool *interrupted, struct lr_error *error) {
    *interrupted = false;
    struct lr_counting_alloc memory; /* what is refused here no limit of a script's or role's is */
    lr_counting_alloc_init(&memory, means->alloc);
    if (lr_order_result(order, &memory.base, result) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a result");
    }
    const struct lr_stage_options stage = {
        .alloc = &memory.base,
        .world = order->world,
        .seed = order->seed,
        .result = result,
        .calibration = &order->calibration,
        .tvm = means->tvm,
        .trace = means->trace,
        .without_digest = point != NULL && means->trace == NULL, /* one round of thousands */
        .torture = point,
    };
    struct lr_error why = {.code = LR_OK};
    lr_assert_set_context(result->repeat);
    enum lr_status status =
        lr_play_case(order->file, order->index, order->case_index, &stage, interrupted, &why);
    lr_assert_set_context(NULL);
    if (status != LR_OK) {
        lr_order_invalidate(result, why.text);
    }
    judge_memory(result, &memory);
    result->alloc = means->alloc; /* whose blocks they are */
    return LR_OK;
}
