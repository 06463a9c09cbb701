/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
    (void)snprintf(seed, sizeof seed, " --seed %" PRIu64, order->seed);
    const struct {
        const char *text;
        bool word;
    } parts[] = {{"lastref run ", false}, {order->file, true},   {seed, false},
                 {" --world ", false},    {order->world, false}, {" --filter ", false},
                 {order->name, true}};
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
    return status;
}

void lr_order_invalidate(struct lr_case_result *result, const char *reason) {
    result->outcome = LR_CASE_INVALID;
    result->protocol_verdict = LR_PROTOCOL_NOT_OBSERVABLE;
    result->release_verdict = lr_release_name(LR_RELEASE_NOT_OBSERVABLE);
    lr_alloc_free_string(result->alloc, result->reason);
    result->reason = lr_alloc_string(result->alloc, reason, strlen(reason));
}

enum lr_status lr_order_play(const struct lr_order *order, const struct lr_order_means *means,
                             struct lr_case_result *result, bool *interrupted,
                             struct lr_error *error) {
    *interrupted = false;
    if (lr_order_result(order, means->alloc, result) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a result");
    }
    const struct lr_stage_options stage = {
        .alloc = means->alloc,
        .world = order->world,
        .seed = order->seed,
        .result = result,
        .calibration = &order->calibration,
        .tvm = means->tvm,
        .trace = means->trace,
    };
    struct lr_error why = {.code = LR_OK};
    lr_assert_set_context(result->repeat);
    enum lr_status status =
        lr_play_case(order->file, order->index, order->case_index, &stage, interrupted, &why);
    lr_assert_set_context(NULL);
    if (status != LR_OK) {
        lr_order_invalidate(result, why.text);
    }
    return LR_OK;
}
