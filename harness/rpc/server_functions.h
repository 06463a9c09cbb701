/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a client can look up and call: one table of names. A function gets decoded
 * arguments and leaves a result or raises; functions that it makes (closures, time evaluators)
 * carry what they remember. */
#ifndef LR_RPC_SERVER_FUNCTIONS_H
#define LR_RPC_SERVER_FUNCTIONS_H

#include "rpc/server_session.h"

struct lr_server_function;

/* A call under way. */
struct lr_server_call {
    struct lr_server_session *session;
    const struct lr_server_function *self;
    const struct lr_value *args; /* borrowed */
    size_t count;
    lr_time now;
    /* The result: what the answer says, its type code first. */
    int32_t code;
    struct lr_value values[2];
    size_t value_count;
    struct lr_buf text; /* what a value or the exception says; owned */
    uint64_t handle;    /* made for the result, freed if that is dropped; 0: none */
};

/* LR_OK: the result is set. LR_EREMOTE: raised, |text| says what. LR_EBUSY: the session's run will
 * answer. LR_ENOMEM, LR_ELIMIT. */
typedef enum lr_status (*lr_server_function_call)(struct lr_server_call *call);

/* What a time evaluator is told (PROTOCOL_FACTS section 6). */
struct lr_server_evaluator {
    lr_server_function_call target;
    int64_t number, repeat, min_repeat_ms, zero_times_max, cooldown_ms, repeats_to_cooldown;
};

struct lr_server_function {
    lr_server_function_call call;
    struct lr_server_evaluator evaluator;
    struct lr_value bound;         /* a closure's; its text is owned */
    struct lr_server_block *block; /* a closure's array; one reference */
};

struct lr_server_row {
    const char *name;
    lr_server_function_call call;
};

/* The row of |name|, or NULL. */
const struct lr_server_row *lr_server_function_find(struct lr_text name);

/* Makes a handle for a function. What |prototype| owns is taken on success. */
LR_NODISCARD enum lr_status lr_server_function_add(struct lr_server_session *session,
                                                   const struct lr_server_function *prototype,
                                                   uint64_t *handle, struct lr_error *error);

void lr_server_call_init(struct lr_server_call *call, struct lr_server_session *session,
                         const struct lr_value *args, size_t count, lr_time now);
/* Drops the result, with the handle that was made for it. What is called again is inited again. */
void lr_server_call_drop(struct lr_server_call *call);
/* Sends the result, or what was raised for |status|, as the answer; then the call is empty. */
void lr_server_call_answer(struct lr_server_call *call, enum lr_status status);

/* For functions: set the result, or raise. All return what the function is to return. */
enum lr_status lr_server_return_null(struct lr_server_call *call);
enum lr_status lr_server_return_value(struct lr_server_call *call, enum lr_result_kind kind,
                                      struct lr_value value);
/* call->text as a str or as bytes. */
enum lr_status lr_server_return_text(struct lr_server_call *call, bool is_bytes);
/* A new function; |prototype| is taken, also on error. */
enum lr_status lr_server_return_function(struct lr_server_call *call,
                                         struct lr_server_function *prototype);
enum lr_status lr_server_raise(struct lr_server_call *call, const char *format, ...)
    LR_PRINTF(2, 3);
enum lr_status lr_server_raise_text(struct lr_server_call *call, const char *type,
                                    struct lr_text text);
enum lr_status lr_server_raise_error(struct lr_server_call *call, const struct lr_error *error);
/* LR_OK, or raised: |function| takes so many arguments. */
enum lr_status lr_server_want_count(struct lr_server_call *call, const char *function,
                                    size_t count);
/* The same for one argument's type. */
enum lr_status lr_server_want_text(struct lr_server_call *call, const char *function, size_t index);
enum lr_status lr_server_want_int(struct lr_server_call *call, const char *function, size_t index,
                                  int64_t *value);

/* The functions' files; each raises what TVM's do. */
enum lr_status lr_server_test_addone(struct lr_server_call *call);
enum lr_status lr_server_test_strcat(struct lr_server_call *call);
enum lr_status lr_server_test_except(struct lr_server_call *call);
enum lr_status lr_server_test_str_concat(struct lr_server_call *call);
enum lr_status lr_server_test_add_to_lhs(struct lr_server_call *call);
enum lr_status lr_server_test_echo(struct lr_server_call *call);
enum lr_status lr_server_test_raise(struct lr_server_call *call);
enum lr_status lr_server_test_array(struct lr_server_call *call);
enum lr_status lr_server_test_return_nd(struct lr_server_call *call);
enum lr_status lr_server_shape_new(struct lr_server_call *call);
enum lr_status lr_server_shape_size(struct lr_server_call *call);
enum lr_status lr_server_shape_elem(struct lr_server_call *call);
enum lr_status lr_server_file_upload(struct lr_server_call *call);
enum lr_status lr_server_file_download(struct lr_server_call *call);
enum lr_status lr_server_file_remove(struct lr_server_call *call);
enum lr_status lr_server_file_workpath(struct lr_server_call *call);
enum lr_status lr_server_time_evaluator(struct lr_server_call *call);

/* server_evaluator.c */
void lr_server_run_timer(struct lr_server *server, struct lr_timer *timer, lr_time now);
void lr_server_run_drop(struct lr_server_session *session);

#endif
