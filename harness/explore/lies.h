/* SPDX-License-Identifier: Apache-2.0 */
/* What services that lie say: the right answer to each kind of question, and a table of what may
 * come instead, each with what has to come of it. */
#ifndef LR_EXPLORE_LIES_H
#define LR_EXPLORE_LIES_H

#include "base/buf.h"
#include "ledger/ledger.h"

/* What is asked. */
enum lr_asked {
    LR_ASKED_HELLO, /* of a server: magic and key */
    LR_ASKED_INIT,
    LR_ASKED_CALL, /* whatever has no name of its own here */
    LR_ASKED_FREE,
    LR_ASKED_MAGIC, /* of a tracker */
    LR_ASKED_INFO,
    LR_ASKED_PUT,
    LR_ASKED_PENDING,
    LR_ASKED_COUNT
};

enum lr_lie {
    LR_LIE_TRUTH,
    LR_LIE_SILENCE,
    LR_LIE_HALF, /* an answer, and silence */
    LR_LIE_FIN,
    LR_LIE_RST,
    LR_LIE_WRONG_MAGIC,
    LR_LIE_LENGTH, /* of an answer, beyond all bounds */
    LR_LIE_NONSENSE,
    LR_LIE_TWICE, /* two answers */
    LR_LIE_NO_MATCH,
    LR_LIE_QUESTION, /* a call of the client's functions */
    LR_LIE_EXCEPTION,
    LR_LIE_SHUTDOWN,
    LR_LIE_MINUS_ONE,
    LR_LIE_NUMBERS, /* a list of them */
    LR_LIE_COUNT
};

/* What must come of it. */
enum lr_lie_then {
    LR_LIE_THEN_WHATEVER,
    LR_LIE_THEN_GONE,   /* who asked ends the link at once */
    LR_LIE_THEN_WAITED, /* .. when it has waited long enough; for the end of a call: never */
    LR_LIE_THEN_ENDED   /* the liar ends it itself */
};

struct lr_lie_row {
    const char *name;
    uint32_t asked; /* a mask of the questions that it is an answer to */
    enum lr_lie_then then;
};
const struct lr_lie_row *lr_lie_row(unsigned int lie);
/* |lie| can be told to a question of the kind |asked|. */
static inline bool lr_lie_fits(unsigned int lie, unsigned int asked) {
    return (lr_lie_row(lie)->asked & UINT32_C(1) << asked) != 0;
}
static inline bool lr_asked_of_tracker(unsigned int asked) {
    return asked >= LR_ASKED_MAGIC;
}

const char *lr_asked_name(unsigned int asked);
/* The kind of the first question in |bytes|, where |first|: the first of its link. |*size|: of the
 * whole question; 0: it is not whole, or goes beyond all bounds. |*code|: of a packet or message.
 */
enum lr_asked lr_asked_of(enum lr_plane plane, bool first, const uint8_t *bytes, size_t *size,
                          uint32_t *code);
/* Appends what is said: |lie| instead of the answer to a question of |asked| and |code|. Nothing,
 * where the lie is an end or a silence. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_lie_write(unsigned int lie, unsigned int asked, uint32_t code,
                                         struct lr_buf *out);

#endif
