/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded connections: what a recording relay saw between programs, one JSON object a line.
 *
 *     {"conn": n, "t": seconds, "ev": "open", "link": "client-tracker", "peer": "HOST:PORT"}
 *     {"conn": n, "t": seconds, "dir": "c2s" | "s2c", "hex": ".."}     bytes of one read
 *     {"conn": n, "t": seconds, "ev": "eof" | "reset" | "write-failed", "dir": ..}
 *     {"conn": n, "t": seconds, "ev": "close"}
 *     {"conn": 0, "t": seconds, "ev": "mark", "text": ".."}            a word of whoever recorded
 *
 * c is the side that connected. Parses bytes in memory and knows no file. */
#ifndef LR_PEERS_CAPTURE_H
#define LR_PEERS_CAPTURE_H

#include "base/buf.h"
#include "base/text.h"
#include "base/time.h"

enum lr_capture_kind {
    LR_CAPTURE_OPEN,
    LR_CAPTURE_DATA,
    LR_CAPTURE_EOF,
    LR_CAPTURE_RESET,
    LR_CAPTURE_WRITE_FAILED, /* the other end had gone */
    LR_CAPTURE_CLOSE,
    LR_CAPTURE_MARK
};

enum lr_capture_direction {
    LR_CAPTURE_NO_DIRECTION,
    LR_CAPTURE_TO_SERVER,  /* "c2s" */
    LR_CAPTURE_FROM_SERVER /* "s2c" */
};

enum lr_capture_link {
    LR_CAPTURE_CLIENT_TRACKER,
    LR_CAPTURE_SERVER_TRACKER,
    LR_CAPTURE_CLIENT_SERVER
};
const char *lr_capture_link_name(enum lr_capture_link link); /* "client-server" */

struct lr_capture_event {
    enum lr_capture_kind kind;
    size_t line;                         /* from 1 */
    int64_t conn;                        /* 0: none, as of a mark */
    lr_time at;                          /* since the recording began */
    enum lr_capture_direction direction; /* DATA, EOF, RESET, WRITE_FAILED */
    const uint8_t *bytes;                /* DATA; borrowed from the capture */
    size_t size;
    struct lr_text text;       /* MARK: its words; OPEN: the peer; borrowed */
    enum lr_capture_link link; /* OPEN */
};

/* One connection, in the order in which they opened. */
struct lr_capture_conn {
    int64_t conn;
    enum lr_capture_link link;
    size_t open; /* index of its OPEN */
};

struct lr_capture {
    struct lr_alloc *alloc;
    struct lr_capture_event *events; /* in order */
    size_t event_count;
    struct lr_capture_conn *conns;
    size_t conn_count;
    size_t event_room, conn_room; /* private: what is allocated */
    uint8_t *storage;             /* private: the bytes and texts of all events */
    size_t storage_size, storage_used;
};

/* Parses |size| bytes of lines. LR_EPROTO with a sentence that names the line: not such an object,
 * an odd or wrong digit, a connection that was not opened or twice; LR_ENOMEM. |capture| is then
 * empty. Free with lr_capture_deinit in any case. */
LR_NODISCARD enum lr_status lr_capture_parse(struct lr_capture *capture, struct lr_alloc *alloc,
                                             const void *lines, size_t size,
                                             struct lr_error *error);
void lr_capture_deinit(struct lr_capture *capture);

/* The next event of |conn| at or behind index |*place|, which moves behind it; NULL at the end.
 * Start with 0. */
const struct lr_capture_event *lr_capture_next(const struct lr_capture *capture, int64_t conn,
                                               size_t *place);
/* Appends all bytes of one direction of |conn| to |out|. LR_ENOMEM: some may have been appended. */
LR_NODISCARD enum lr_status lr_capture_stream(const struct lr_capture *capture, int64_t conn,
                                              enum lr_capture_direction direction,
                                              struct lr_buf *out);

#endif
