/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    enum lr_status status;
    const char *text;
} status_texts[] = {
    {LR_OK, "ok"},
    {LR_ENOMEM, "out of memory"},
    {LR_EINVAL, "invalid argument"},
    {LR_EPROTO, "protocol error"},
    {LR_ETRUNCATED, "truncated"},
    {LR_ELIMIT, "limit exceeded"},
    {LR_ENOTFOUND, "not found"},
    {LR_EEXISTS, "exists already"},
    {LR_ECLOSED, "closed"},
    {LR_ETIMEOUT, "timed out"},
    {LR_EREFUSED, "refused"},
    {LR_ERESET, "connection reset"},
    {LR_EREMOTE, "remote exception"},
    {LR_EIO, "input/output error"},
    {LR_ENOTSUP, "not supported"},
    {LR_EBUSY, "busy"},
    {LR_ECANCELED, "canceled"},
};

const char *lr_status_text(enum lr_status status) {
    for (size_t i = 0; i < LR_COUNT_OF(status_texts); i++) {
        if (status_texts[i].status == status) {
            return status_texts[i].text;
        }
    }
    return "unknown error";
}

enum lr_status lr_error_set(struct lr_error *error, enum lr_status code, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        (void)vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return code;
}

enum lr_status lr_error_prefix(struct lr_error *error, const char *format, ...) {
    char rest[LR_ERROR_TEXT_MAX];
    memcpy(rest, error->text, sizeof rest);
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    if (written >= 0 && (size_t)written < sizeof error->text) {
        size_t used = (size_t)written;
        size_t room = sizeof error->text - used;
        (void)snprintf(error->text + used, room, ": %.*s", room > 3 ? (int)(room - 3) : 0, rest);
    }
    return error->code;
}
