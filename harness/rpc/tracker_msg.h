/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the control plane (PROTOCOL_FACTS section 1; docs/protocol.md): requests and answers
 * as JSON, both ways. Decoding bounds size, depth, types and ranges; a request that is valid JSON
 * of the wrong shape is told apart from a broken one, as the answers differ. Encoding is byte for
 * byte what Python's json.dumps writes. The JSON library (rpc/json.h) allocates from the |alloc|
 * that is passed in. */
#ifndef LR_RPC_TRACKER_MSG_H
#define LR_RPC_TRACKER_MSG_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

enum lr_tracker_code {
    LR_TRACKER_FAIL = -1,
    LR_TRACKER_SUCCESS = 0,
    LR_TRACKER_PING = 1,
    LR_TRACKER_STOP = 2,
    LR_TRACKER_PUT = 3,
    LR_TRACKER_REQUEST = 4,
    LR_TRACKER_UPDATE_INFO = 5,
    LR_TRACKER_SUMMARY = 6,
    LR_TRACKER_GET_PENDING_MATCHKEYS = 7
};

/* "PUT"; NULL for an unknown code. */
const char *lr_tracker_code_name(int64_t code);

/* A request. Texts are owned by |document| and live until lr_tracker_msg_deinit. */
struct lr_tracker_msg {
    struct lr_alloc *alloc;
    void *document; /* private */
    int64_t code;
    struct lr_text key;  /* PUT, REQUEST: key; UPDATE_INFO: "server:KEY"; STOP: the stop key */
    struct lr_text user; /* REQUEST */
    int64_t priority;    /* REQUEST; of a real number, which Python allows, what lies below it .. */
    double
        priority_rest; /* .. and what is left, 0 <= rest < 1; 0 for an integer, which is encoded */
    uint16_t port;     /* PUT; UPDATE_INFO, 0 where it has no addr, as of TVM's C++ server */
    struct lr_text matchkey; /* PUT */
    bool has_host;           /* PUT: a custom address; UPDATE_INFO: a host that is not null */
    struct lr_text host;
    bool has_replaces; /* PUT with our extension, a fifth element: the matchkey, granted or not, */
    struct lr_text replaces; /* whose place in this server the new one takes (servers of N slots) */
    bool want_held;          /* SUMMARY with our extension `[6, "held"]` */
};

void lr_tracker_msg_init(struct lr_tracker_msg *msg, struct lr_alloc *alloc);
void lr_tracker_msg_deinit(struct lr_tracker_msg *msg);

/* LR_EPROTO: not JSON, not a list, a field missing or of the wrong type or range, an unknown code
 * (|msg->code| then says which). LR_ELIMIT: too deep, a key longer than |key_max|. LR_ENOMEM. Each
 * with a sentence. The caller deinits |msg| in any case. */
LR_NODISCARD enum lr_status lr_tracker_msg_decode(struct lr_tracker_msg *msg, const uint8_t *json,
                                                  size_t size, size_t key_max,
                                                  struct lr_error *error);
/* Appends the framed message (int32 length, JSON) to |out|. LR_ENOMEM; LR_EINVAL: a text is not
 * UTF-8, an unknown code; LR_ELIMIT: too long for its length; |out| is as before. */
LR_NODISCARD enum lr_status lr_tracker_msg_encode(const struct lr_tracker_msg *msg,
                                                  struct lr_buf *out);

/* An answer, as a client or server gets it. What it means depends on the question |to|. */
struct lr_tracker_answer {
    struct lr_alloc *alloc;
    void *document;
    int64_t code;            /* SUCCESS or FAIL where it has one */
    struct lr_text host;     /* REQUEST */
    uint16_t port;           /* REQUEST */
    struct lr_text matchkey; /* REQUEST */
};

void lr_tracker_answer_init(struct lr_tracker_answer *answer, struct lr_alloc *alloc);
void lr_tracker_answer_deinit(struct lr_tracker_answer *answer);
/* LR_EPROTO: not JSON, not what answers |to|; LR_ELIMIT: too deep; LR_ENOMEM; each with a sentence,
 * and |answer| is as after init. A FAIL is LR_OK, with nothing but its code. */
LR_NODISCARD enum lr_status lr_tracker_answer_decode(struct lr_tracker_answer *answer,
                                                     enum lr_tracker_code to, const uint8_t *json,
                                                     size_t size, struct lr_error *error);
/* GET_PENDING_MATCHKEYS: how many, the one at |index|, below the count. */
size_t lr_tracker_answer_matchkey_count(const struct lr_tracker_answer *answer);
struct lr_text lr_tracker_answer_matchkey(const struct lr_tracker_answer *answer, size_t index);

/* SUMMARY: rows, in constant time each. Texts are borrowed from the answer. LR_ENOTFOUND: no such
 * row. */
struct lr_summary_queue {
    struct lr_text key;
    int64_t free;
    int64_t pending;
};
struct lr_summary_server {
    struct lr_text key;  /* "server:KEY" */
    struct lr_text host; /* empty where it is null */
    uint16_t port;       /* 0 where it has no addr; is then written without one */
};
struct lr_summary_held { /* our extension: a grant whose server has not come back */
    struct lr_text key;
    struct lr_text server; /* HOST:PORT */
    struct lr_text client; /* HOST:PORT of the connection that asked */
    struct lr_text user;
    double seconds; /* since the grant */
};
size_t lr_summary_queue_count(const struct lr_tracker_answer *answer);
LR_NODISCARD enum lr_status lr_summary_queue_at(const struct lr_tracker_answer *answer,
                                                size_t index, struct lr_summary_queue *queue);
size_t lr_summary_server_count(const struct lr_tracker_answer *answer);
LR_NODISCARD enum lr_status lr_summary_server_at(const struct lr_tracker_answer *answer,
                                                 size_t index, struct lr_summary_server *server);
/* Whether the tracker told at all; other trackers ignore the question. */
bool lr_summary_has_held(const struct lr_tracker_answer *answer);
size_t lr_summary_held_count(const struct lr_tracker_answer *answer);
LR_NODISCARD enum lr_status lr_summary_held_at(const struct lr_tracker_answer *answer, size_t index,
                                               struct lr_summary_held *held);

/* Answers, as a tracker writes them: each appends one framed message. LR_ENOMEM, LR_EINVAL,
 * LR_ELIMIT as above: |out| is as before. |alloc| is for what writing needs beside |out|. */
LR_NODISCARD enum lr_status lr_tracker_answer_code(int code, struct lr_buf *out);
LR_NODISCARD enum lr_status lr_tracker_answer_grant(struct lr_alloc *alloc, struct lr_text host,
                                                    uint16_t port, struct lr_text matchkey,
                                                    struct lr_buf *out);
LR_NODISCARD enum lr_status lr_tracker_answer_matchkeys(struct lr_alloc *alloc,
                                                        const struct lr_text *matchkeys,
                                                        size_t count, struct lr_buf *out);
/* |held| NULL: not asked for. */
LR_NODISCARD enum lr_status
lr_tracker_answer_summary(struct lr_alloc *alloc, const struct lr_summary_queue *queues,
                          size_t queue_count, const struct lr_summary_server *servers,
                          size_t server_count, const struct lr_summary_held *held,
                          size_t held_count, struct lr_buf *out);

#endif
