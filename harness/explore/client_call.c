/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/client_call.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define FILE_NAME "f"

void lr_call_mark(const struct lr_act *act, const struct lr_slot *slot,
                  char out[LR_MARK_BYTES + 1]) {
    (void)snprintf(out, LR_MARK_BYTES + 1, "c%02us%u/ ", (unsigned int)act->number % 100,
                   (unsigned int)(slot - act->slots) % 10);
}

/* |size| bytes of the mark, to be freed with lr_alloc_free. */
static char *make_bytes(const struct lr_playing *play, const struct lr_act *act,
                        const struct lr_slot *slot, uint32_t size) {
    char mark[LR_MARK_BYTES + 1];
    char *bytes = lr_alloc_bytes(play->alloc, size);
    lr_call_mark(act, slot, mark);
    for (uint32_t i = 0; bytes != NULL && i < size; i += LR_MARK_BYTES) {
        memcpy(bytes + i, mark, size - i < LR_MARK_BYTES ? size - i : LR_MARK_BYTES);
    }
    return bytes;
}

/* What a plain call says. */
static enum lr_status call_plain(struct lr_slot *slot, const struct lr_plan_step *step, lr_time now,
                                 lr_op *op) {
    static const char *const names[LR_CALL_COUNT] = {
        [LR_CALL_ADDONE] = "rpc.test.addone",    [LR_CALL_STRCAT] = "rpc.test.strcat",
        [LR_CALL_EXCEPT] = "rpc.test.except",    [LR_CALL_WRONG_COUNT] = "rpc.test.addone",
        [LR_CALL_UNKNOWN] = "rpc.test.not_here", [LR_CALL_ARRAY] = "rpc.test.remote_return_nd",
    };
    struct lr_value values[2] = {lr_value_int(step->size), lr_value_int(step->size)};
    size_t count = step->target == LR_CALL_WRONG_COUNT ? 0 : 1;
    if (step->target == LR_CALL_STRCAT) {
        values[0] = lr_value_str(lr_text_of("x"));
        count = 2;
    } else if (step->target == LR_CALL_EXCEPT) {
        values[0] = lr_value_str(lr_text_of("boom"));
    } else if (step->target == LR_CALL_ARRAY) {
        values[0] = lr_value_str(lr_text_of("get_arr"));
    }
    return lr_session_call_name(slot->session, now, lr_text_of(names[step->target]), values, count,
                                op);
}

/* A function that times another: |least_ms| a repeat, |pause_ms| between two. */
static enum lr_status make_evaluator(struct lr_slot *slot, lr_time now, uint32_t least_ms,
                                     uint32_t pause_ms, lr_op *op) {
    const struct lr_value values[] = {
        lr_value_null(),        lr_value_str(lr_text_of("rpc.test.addone")),
        lr_value_int(1),        lr_value_int(0),
        lr_value_int(1),        lr_value_int(2),
        lr_value_int(least_ms), lr_value_int(3),
        lr_value_int(pause_ms), lr_value_int(1),
        lr_value_int(0),        lr_value_str(lr_text_of("")),
    };
    return lr_session_call_name(slot->session, now, lr_text_of("runtime.RPCTimeEvaluator"), values,
                                LR_COUNT_OF(values), op);
}

static enum lr_status call_handle(const struct lr_slot *slot, lr_time now, uint64_t handle,
                                  int64_t argument, size_t count, lr_op *op) {
    const struct lr_value value = lr_value_int(argument);
    return lr_session_call(slot->session, now, handle, &value, count, op);
}

static enum lr_status begin_call(struct lr_act *act, struct lr_slot *slot,
                                 const struct lr_plan_step *step, lr_time now, lr_op *op) {
    bool evaluate = step->target == LR_CALL_EVALUATE;
    if (act->phase == 0) {
        return evaluate ? make_evaluator(slot, now, step->size % 2 * 5, 0, op)
                        : call_plain(slot, step, now, op);
    }
    if (!evaluate && step->target != LR_CALL_ARRAY) {
        return LR_ENOTFOUND; /* that was all */
    }
    if (act->phase == 1) {
        return call_handle(slot, now, act->handle, 1, evaluate ? 1 : 0, op);
    }
    if (act->phase == 2 && !evaluate) {
        return lr_session_free_handle(slot->session, now, act->array_handle, LR_RESULT_ARRAY, op);
    }
    if (act->phase == (evaluate ? 2 : 3)) {
        return lr_session_free_handle(slot->session, now, act->handle, LR_RESULT_FUNCTION, op);
    }
    return LR_ENOTFOUND;
}

/* A call that lasts: the next step comes while it is under way. */
static enum lr_status begin_busy(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                                 const struct lr_plan_step *step, lr_time now, lr_op *op) {
    if (act->phase == 0) {
        return slot->busy ? LR_ENOTFOUND : make_evaluator(slot, now, 0, step->ms, op);
    }
    lr_op unused = 0;
    slot->busy = call_handle(slot, now, act->handle, 1, 1, &unused) == LR_OK;
    lr_playing_drain(act->party);
    (void)play;
    return LR_ENOTFOUND;
}

static enum lr_status begin_write(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                                  const struct lr_plan_step *step, lr_time now, lr_op *op) {
    const struct lr_tensor tensor = {
        .device = {1, 0}, .ndim = 1, .dtype = {1, 8, 1}, .shape = {(int64_t)step->size}};
    if (act->phase == 0 && !slot->has_array) {
        slot->array_size = step->size;
        return lr_session_allocate(slot->session, now, &tensor, op);
    }
    if (act->phase > 1 || (act->phase == 1 && slot->written)) {
        return LR_ENOTFOUND;
    }
    char *bytes = make_bytes(play, act, slot, slot->array_size);
    if (bytes == NULL) {
        return LR_ENOMEM;
    }
    enum lr_status status =
        lr_session_copy_in(slot->session, now, &slot->tensor, bytes, slot->array_size, op);
    lr_alloc_free(play->alloc, bytes, slot->array_size);
    act->phase = 1;
    return status;
}

static enum lr_status begin_upload(struct lr_playing *play, struct lr_act *act,
                                   struct lr_slot *slot, const struct lr_plan_step *step,
                                   lr_time now, lr_op *op) {
    char *bytes = make_bytes(play, act, slot, step->size);
    if (bytes == NULL) {
        return LR_ENOMEM;
    }
    slot->uploaded = false;
    slot->file_size = step->size;
    enum lr_status status =
        lr_session_upload(slot->session, now, lr_text_of(FILE_NAME), bytes, step->size, op);
    lr_alloc_free(play->alloc, bytes, step->size);
    return status;
}

/* What was let go of before must not be anybody's now. */
static enum lr_status begin_drop(struct lr_act *act, struct lr_slot *slot, lr_time now, lr_op *op) {
    uint64_t handle = slot->function != 0 ? slot->function : slot->dropped;
    return act->phase != 0 || handle == 0
               ? LR_ENOTFOUND
               : lr_session_free_handle(slot->session, now, handle, LR_RESULT_FUNCTION, op);
}

/* Of the session's own server, as it stands since it came: a number is given out once. */
static enum lr_status begin_stray(const struct lr_playing *play, const struct lr_act *act,
                                  struct lr_slot *slot, lr_time now, lr_op *op) {
    const struct lr_stray *stray = &play->seats[slot->server].stray;
    bool own = stray->account == slot->account;
    uint64_t handle = own ? stray->handle_before : stray->handle;
    bool came_again = (play->disturbed & UINT32_C(1) << slot->server) != 0;
    return act->phase != 0 || handle == 0 || came_again
               ? LR_ENOTFOUND
               : lr_session_free_handle(slot->session, now, handle, LR_RESULT_FUNCTION, op);
}

enum lr_status lr_call_begin(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                             const struct lr_plan_step *step, lr_op *op) {
    lr_time now = lr_playing_now(play);
    bool more = act->phase == 0;
    if (slot->session == NULL) {
        return LR_ENOTFOUND;
    }
    switch (step->what) {
    case LR_DO_CALL:
        return begin_call(act, slot, step, now, op);
    case LR_DO_BUSY:
        return begin_busy(play, act, slot, step, now, op);
    case LR_DO_WRITE:
        return begin_write(play, act, slot, step, now, op);
    case LR_DO_READ:
        return more && slot->written ? lr_session_copy_out(slot->session, now, &slot->tensor, op)
                                     : LR_ENOTFOUND;
    case LR_DO_FREE:
        return more && slot->has_array ? lr_session_free_data(slot->session, now, &slot->tensor, op)
                                       : LR_ENOTFOUND;
    case LR_DO_UPLOAD:
        return more ? begin_upload(play, act, slot, step, now, op) : LR_ENOTFOUND;
    case LR_DO_DOWNLOAD:
        return more && slot->uploaded
                   ? lr_session_download(slot->session, now, lr_text_of(FILE_NAME), op)
                   : LR_ENOTFOUND;
    case LR_DO_KEEP:
        return more && slot->function == 0
                   ? lr_session_get_function(slot->session, now, lr_text_of("rpc.test.addone"), op)
                   : LR_ENOTFOUND;
    case LR_DO_USE:
        return more && slot->function != 0
                   ? call_handle(slot, now, slot->function, step->size, 1, op)
                   : LR_ENOTFOUND;
    case LR_DO_DROP:
        return begin_drop(act, slot, now, op);
    case LR_DO_STRAY:
        return begin_stray(play, act, slot, now, op);
    default:
        return LR_ENOTFOUND;
    }
}
