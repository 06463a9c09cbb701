/* SPDX-License-Identifier: Apache-2.0 */
/* What raw peers say: a table of lines, well-formed and not, each with what has to come of it. */
#ifndef LR_EXPLORE_LINES_H
#define LR_EXPLORE_LINES_H

#include "base/buf.h"
#include "ledger/ledger.h"

enum lr_line {
    LR_LINE_MAGIC, /* to a tracker */
    LR_LINE_WRONG_MAGIC,
    LR_LINE_PING,
    LR_LINE_REQUEST, /* of a key that nobody has */
    LR_LINE_PUT,
    LR_LINE_PUT_UNKNOWN, /* without UPDATE_INFO before */
    LR_LINE_PROXY,
    LR_LINE_PLAIN_INFO,
    LR_LINE_EMPTY,
    LR_LINE_NO_JSON,
    LR_LINE_WRONG_SHAPE,
    LR_LINE_UNKNOWN_CODE,
    LR_LINE_BLANK, /* one byte more */
    LR_LINE_SUMMARIES,
    LR_LINE_RPC_MAGIC, /* to a server */
    LR_LINE_RPC_WRONG_MAGIC,
    LR_LINE_WRONG_KEY,
    LR_LINE_PART_OF_KEY,
    LR_LINE_NO_KEY,
    LR_LINE_HELLO,
    LR_LINE_INIT,
    LR_LINE_OTHER_VERSION,
    LR_LINE_LOOK_UP,
    LR_LINE_FREE_NOTHING,
    LR_LINE_SHUTDOWN,
    LR_LINE_BAD_LENGTH,
    LR_LINE_MANY_CALLS,
    LR_LINE_COUNT
};

/* What floods are made of: more than services and two systems keep for who does not read. */
enum { LR_LINE_FLOOD_SUMMARIES = 16000, LR_LINE_FLOOD_CALLS = 8000 };

/* What has to have been said on the link before. */
enum lr_line_needs { LR_NEEDS_NOTHING, LR_NEEDS_MAGIC, LR_NEEDS_HELLO, LR_NEEDS_INIT };

/* What must come of the whole line. */
enum lr_line_then {
    LR_THEN_WHATEVER,
    LR_THEN_ANSWER, /* some bytes at once */
    LR_THEN_END     /* the service ends the link at once */
};

/* What the answer is. */
enum lr_line_said {
    LR_SAID_ANYTHING,
    LR_SAID_NOTHING,   /* of an end: without a word */
    LR_SAID_MAGIC,     /* the tracker's */
    LR_SAID_SUCCESS,   /* "0" of a tracker */
    LR_SAID_SUCCESSES, /* two of them */
    LR_SAID_WORD,      /* a server's, and its key */
    LR_SAID_PACKET,    /* one, of whatever kind */
    LR_SAID_RETURN,    /* packets */
    LR_SAID_EXCEPTION
};

struct lr_line_row {
    const char *name;
    enum lr_plane plane;
    enum lr_line_needs needs;
    enum lr_line_then then;
    enum lr_line_said said;
};
const struct lr_line_row *lr_line_row(unsigned int line);

/* Whether |bytes| begin with the answer |said|; false in |*whole|: not enough has come to tell. */
bool lr_line_is_answer(enum lr_line_said said, const uint8_t *bytes, size_t size, bool *whole);
/* It is more than services and systems keep room for. */
static inline bool lr_line_floods(unsigned int line) {
    return line == LR_LINE_SUMMARIES || line == LR_LINE_MANY_CALLS;
}

/* Appends the bytes of |line| alone; |matchkey| is what the peer was granted, or says to a server
 * that knows no tracker; |serial| makes what is put its own. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_line_write(unsigned int line, const char *matchkey,
                                          unsigned int serial, struct lr_buf *out);
/* The line that fulfils |needs| on |plane|. */
enum lr_line lr_line_before(enum lr_plane plane, enum lr_line_needs needs);

#endif
