/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Python's str() writes them, for what the functions of TVM's test suite say. */
#ifndef LR_RPC_SERVER_TEXT_H
#define LR_RPC_SERVER_TEXT_H

#include "rpc/value.h"

enum { LR_SERVER_FLOAT_TEXT_MAX = 96 }; /* repr of any double, with room for its making */

/* The shortest decimal that reads back as |number|: "60.0", "1e-05", "nan". Returns |out|. */
const char *lr_server_float_text(char out[LR_SERVER_FLOAT_TEXT_MAX], double number);
/* Appends str(value). LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_server_value_text(const struct lr_value *value, struct lr_buf *out);
/* "int", "str", .. as Python names the type. */
const char *lr_server_value_type(const struct lr_value *value);

#endif
