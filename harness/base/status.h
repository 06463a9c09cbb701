/* SPDX-License-Identifier: Apache-2.0 */
/* Errors are values: a code that a program acts on and a sentence that a person reads.
 * A peer's misbehaviour is an event of the protocol and no error of ours; a bug of ours is an
 * assertion (base/assert.h). What remains, the environment, is an lr_status. */
#ifndef LR_BASE_STATUS_H
#define LR_BASE_STATUS_H

#include "base/compiler.h"

enum lr_status {
    LR_OK = 0,
    LR_ENOMEM = -1,     /* an allocation failed, or a counted limit of memory was reached */
    LR_EINVAL = -2,     /* the caller's argument cannot be right */
    LR_EPROTO = -3,     /* a peer's bytes are not the protocol's */
    LR_ETRUNCATED = -4, /* bytes end before what they announce */
    LR_ELIMIT = -5,     /* beyond a limit that is set, not a fault of the system */
    LR_ENOTFOUND = -6,  /* no such name, handle or file */
    LR_EEXISTS = -7,    /* the name is taken */
    LR_ECLOSED = -8,    /* the session, connection or role has been closed */
    LR_ETIMEOUT = -9,   /* a deadline has passed */
    LR_EREFUSED = -10,  /* a peer refused: connection, key or request */
    LR_ERESET = -11,    /* the connection was reset */
    LR_EREMOTE = -12,   /* the other side answered with an exception */
    LR_EIO = -13,       /* the operating system failed */
    LR_ENOTSUP = -14,   /* not available here: a function, a platform, a dialect */
    LR_EBUSY = -15,     /* not now: something of the kind is under way */
    LR_ECANCELED = -16  /* given up by its owner before it ended */
};

enum { LR_ERROR_TEXT_MAX = 240 }; /* a line on a terminal, with room for a quoted name */

/* Detail of a failure, in the caller's hands; embed or put on the stack, no init needed beyond {0}.
 */
struct lr_error {
    enum lr_status code;
    char text[LR_ERROR_TEXT_MAX];
};

/* Name of |status|, such as "out of memory". Static. */
const char *lr_status_text(enum lr_status status);

/* Writes |code| and a formatted sentence into |error| (may be NULL) and returns |code|, so that a
 * failure is one statement: `return lr_error_set(error, LR_EPROTO, "..", ..)`. Long text is cut. */
enum lr_status lr_error_set(struct lr_error *error, enum lr_status code, const char *format, ...)
    LR_PRINTF(3, 4);

/* Puts "|context|: " before the text of |error|. Returns its code. */
enum lr_status lr_error_prefix(struct lr_error *error, const char *format, ...) LR_PRINTF(2, 3);

#endif
