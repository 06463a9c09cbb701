/* SPDX-License-Identifier: Apache-2.0 */
/* What the passive decoder tells of the bytes of a link, in order; each case also a byte at a time
 * and with every allocation failing in turn. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ledger/observer.h"
#include "support/failing.h"

/* One piece of what crosses a link: '>' to the service, '<' from it. Its bytes are a word ('w'), a
 * text behind its length ('t'), or as they are, in hexadecimal ('x'). */
struct piece {
    char way, kind;
    uint32_t word;
    const char *text;
};

#define MAGIC(way, word)                                                                           \
    { way, 'w', word, NULL }
#define TEXT(way, text)                                                                            \
    { way, 't', 0, text }
#define BYTES(way, text)                                                                           \
    { way, 'x', 0, text }

enum { PIECES_MAX = 8 };

struct observer_case {
    const char *what;
    enum lr_plane plane;
    struct piece pieces[PIECES_MAX]; /* one a tick, from 1 on */
    const char *said;
};

static char said[4000];

static void LR_PRINTF(1, 2) say(const char *format, ...) {
    size_t used = strlen(said);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(said + used, sizeof said - used, format, arguments);
    va_end(arguments);
}

static void hear(const struct lr_seen *seen, void *context) {
    (void)context;
    say("%c%" PRIu64 "-%" PRIu64 " ", seen->direction == LR_TO_SERVICE ? '>' : '<', seen->begun_at,
        seen->at);
    switch (seen->kind) {
    case LR_SEEN_MAGIC:
        say("magic");
        break;
    case LR_SEEN_QUESTION:
        say("asks %s", lr_tracker_code_name(seen->msg->code));
        break;
    case LR_SEEN_ANSWER:
        say("answers %s of %" PRIu64, lr_tracker_code_name(seen->to), seen->asked_at);
        break;
    case LR_SEEN_HELLO:
        say("hello %.*s, timeout %" PRIu64, (int)seen->key->matchkey.size, seen->key->matchkey.data,
            seen->key->timeout_ns == LR_TIME_NEVER ? 0 : seen->key->timeout_ns / LR_SECOND);
        break;
    case LR_SEEN_REPLY:
        say("replies %x", (unsigned int)seen->word);
        break;
    case LR_SEEN_PACKET:
        say("packet %s of %" PRIu64, lr_packet_name(seen->packet->code), seen->size);
        break;
    case LR_SEEN_BROKEN:
        say("broken: %s", seen->problem);
        break;
    }
    say("\n");
}

static size_t bytes_of(const struct piece *piece, uint8_t bytes[256]) {
    size_t size = piece->kind == 'w' ? 4 : strlen(piece->text);
    uint32_t front = piece->kind == 'w' ? piece->word : (uint32_t)size;
    if (piece->kind == 'x') {
        for (size_t i = 0; i < size / 2; i++) {
            unsigned int byte;
            cr_assert_eq(sscanf(piece->text + 2 * i, "%2x", &byte), 1);
            bytes[i] = (uint8_t)byte;
        }
        return size / 2;
    }
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(front >> (8 * i));
    }
    if (piece->kind == 'w') {
        return 4;
    }
    memcpy(bytes + 4, piece->text, size);
    return 4 + size;
}

/* Feeds |row| in pieces of at most |chunk| bytes. */
static enum lr_status observe(const struct observer_case *row, struct lr_alloc *alloc,
                              size_t chunk) {
    struct lr_observer observer;
    said[0] = '\0';
    lr_observer_init(&observer, alloc, row->plane, hear, NULL);
    for (size_t i = 0; i < PIECES_MAX && row->pieces[i].way != '\0'; i++) {
        uint8_t bytes[256];
        size_t size = bytes_of(&row->pieces[i], bytes);
        for (size_t at = 0; at < size; at += chunk) {
            lr_observer_feed(&observer, i + 1,
                             row->pieces[i].way == '>' ? LR_TO_SERVICE : LR_FROM_SERVICE,
                             bytes + at, size - at < chunk ? size - at : chunk);
        }
    }
    enum lr_status health = observer.health;
    lr_observer_deinit(&observer);
    lr_observer_deinit(&observer);
    return health;
}

static void observe_case(struct lr_alloc *alloc, void *context) {
    const struct observer_case *row = context;
    static const size_t chunks[] = {256, 1};
    for (size_t i = 0; i < LR_COUNT_OF(chunks); i++) {
        if (observe(row, alloc, chunks[i]) == LR_OK) {
            cr_assert_str_eq(said, row->said, "%s, %zu bytes at a time: %s", row->what, chunks[i],
                             said);
        } else {
            cr_assert_not(lr_test_must_succeed(alloc), "%s", row->what);
        }
    }
}

static const struct observer_case control[] = {
    {"a tracker's opening, and answers in order",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "[1]"),
      TEXT('>', "[7]"), TEXT('<', "0"), TEXT('<', "[\"k:0.1\"]")},
     ">1-1 magic\n<2-2 magic\n>3-3 asks PING\n>4-4 asks GET_PENDING_MATCHKEYS\n"
     "<5-5 answers PING of 3\n<6-6 answers GET_PENDING_MATCHKEYS of 4\n"},
    {"a wrong word ends what is followed that way, and not the other",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_RPC), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "[1]"), TEXT('<', "0")},
     ">1-1 broken: the opening word is not a tracker's\n<2-2 magic\n"
     "<4-4 broken: an answer that nobody asked for\n"},
    {"a grant comes when it comes",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "[4, \"k\", \"\", 1]"),
      TEXT('>', "[1]"), TEXT('<', "0"), TEXT('<', "[0, [\"h\", 9090, \"k:0.1\"]]"), TEXT('<', "0")},
     ">1-1 magic\n<2-2 magic\n>3-3 asks REQUEST\n>4-4 asks PING\n<5-5 answers PING of 4\n"
     "<6-6 answers REQUEST of 6\n<7-7 broken: an answer that nobody asked for\n"},
    {"a grant of a short matchkey passes a question by",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "[4, \"k\", \"\", 1]"),
      TEXT('>', "[1]"), TEXT('<', "[0, [\"h\", 9090, \"k\"]]"), TEXT('<', "0")},
     ">1-1 magic\n<2-2 magic\n>3-3 asks REQUEST\n>4-4 asks PING\n<5-5 answers REQUEST of 5\n"
     "<6-6 answers PING of 4\n"},
    {"a refusal is of what waits in order, though a REQUEST came before it",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "[4, \"k\", \"\", 1]"),
      TEXT('>', "[1]"), TEXT('<', "-1"), TEXT('<', "-1")},
     ">1-1 magic\n<2-2 magic\n>3-3 asks REQUEST\n>4-4 asks PING\n<5-5 answers PING of 4\n"
     "<6-6 answers REQUEST of 6\n"},
    {"a REQUEST alone is refused by what is no grant",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "[4, \"k\", \"\", 1]"),
      TEXT('<', "[-1, \"no\"]"), TEXT('<', "[0, [\"h\", 9090, \"k:0.1\"]]")},
     ">1-1 magic\n<2-2 magic\n>3-3 asks REQUEST\n<4-4 answers REQUEST of 4\n"
     "<5-5 broken: an answer that nobody asked for\n"},
    {"what is no message may be answered once",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "{}"), TEXT('<', "-1"),
      TEXT('<', "-1")},
     ">1-1 magic\n<2-2 magic\n>3-3 broken: a message is a list, this is an object\n"
     "<5-5 broken: an answer that nobody asked for\n"},
    {"the refusal of what is no message is not the answer to what was asked behind it",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "{}"), TEXT('>', "[6]"),
      TEXT('<', "-1"), TEXT('<', "[0, {\"queue_info\": {}, \"server_info\": []}]")},
     ">1-1 magic\n<2-2 magic\n>3-3 broken: a message is a list, this is an object\n"
     ">4-4 asks SUMMARY\n<6-6 answers SUMMARY of 4\n"},
    {"a wrong answer is one all the same",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "[7]"),
      TEXT('>', "[1]"), TEXT('<', "{}"), TEXT('<', "0")},
     ">1-1 magic\n<2-2 magic\n>3-3 asks GET_PENDING_MATCHKEYS\n>4-4 asks PING\n"
     "<5-5 broken: answer to GET_PENDING_MATCHKEYS: the answer is an object, not a list\n"
     "<6-6 answers PING of 4\n"},
    {"an answer while a question is under way is a refusal of that",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), MAGIC('<', LR_MAGIC_TRACKER), BYTES('>', "0300"),
      TEXT('<', "-1"), BYTES('>', "00005b315d")},
     ">1-1 magic\n<2-2 magic\n>3-5 asks PING\n"},
    {"a negative length is the end",
     LR_PLANE_CONTROL,
     {MAGIC('>', LR_MAGIC_TRACKER), BYTES('>', "ffffffff"), TEXT('>', "[1]")},
     ">1-1 magic\n>2-2 broken: a length that no message has\n"},
};

static const struct observer_case data[] = {
    {"a handshake and what follows",
     LR_PLANE_DATA,
     {MAGIC('>', LR_MAGIC_RPC), TEXT('>', "client:k:0.1 -timeout=2"), MAGIC('<', LR_MAGIC_RPC),
      TEXT('<', "server:k"), BYTES('>', "04000000000000000100"), BYTES('>', "0000"),
      BYTES('<', "080000000000000004000000"), BYTES('<', "00000000")},
     ">2-2 hello k:0.1, timeout 2\n<3-3 replies ff271\n>5-6 packet Shutdown of 4\n"
     "<7-8 packet Return of 8\n"},
    {"no option, and one that is wrong",
     LR_PLANE_DATA,
     {MAGIC('>', LR_MAGIC_RPC), TEXT('>', "client:k"), MAGIC('<', LR_ANSWER_DUPLICATE)},
     ">2-2 hello k, timeout 0\n<3-3 replies ff272\n"},
    {"a wrong option still says which session is meant",
     LR_PLANE_DATA,
     {MAGIC('>', LR_MAGIC_RPC), TEXT('>', "client:k:0.1 -timeout=x")},
     ">2-2 hello k:0.1, timeout 0\n>2-2 broken: session timeout \"x\" is no number of seconds\n"},
    {"a key of a server's says nothing",
     LR_PLANE_DATA,
     {MAGIC('>', LR_MAGIC_RPC), TEXT('>', "server:k")},
     ">2-2 broken: the client's key \"server:k\" does not begin with client:\n"},
    {"nothing may follow a refusal, and that is told once",
     LR_PLANE_DATA,
     {MAGIC('<', LR_ANSWER_MISMATCH), BYTES('<', "00"), BYTES('<', "00")},
     "<1-1 replies ff273\n<1-2 broken: bytes after the handshake was refused\n"},
    {"a client has no business answering, nor a server with anything else",
     LR_PLANE_DATA,
     {MAGIC('>', LR_ANSWER_MISMATCH), MAGIC('<', LR_MAGIC_TRACKER), TEXT('>', "client:k"),
      TEXT('<', "server:k")},
     ">1-1 broken: the opening word is not the protocol's\n"
     "<2-2 broken: the opening word is not the protocol's\n"},
};

Test(ledger_observer, tells_what_crosses_a_link_to_a_tracker) {
    for (size_t i = 0; i < LR_COUNT_OF(control); i++) {
        struct observer_case row = control[i];
        lr_test_each_failure(observe_case, &row);
    }
}

Test(ledger_observer, tells_what_crosses_a_link_to_a_server) {
    for (size_t i = 0; i < LR_COUNT_OF(data); i++) {
        struct observer_case row = data[i];
        lr_test_each_failure(observe_case, &row);
    }
}

/* The front of what follows, whose length is |size|. */
static void feed_length(struct lr_observer *observer, enum lr_direction direction, uint32_t size) {
    uint8_t bytes[4];
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(size >> (8 * i));
    }
    lr_observer_feed(observer, 2, direction, bytes, 4);
}

/* Messages that are too long to keep: what is asked is answered once, and the next one is followed.
 */
Test(ledger_observer, follows_past_what_is_too_long_to_keep) {
    static const uint8_t blanks[64 * 1024];
    static const uint8_t magic[] = {0x71, 0xf2, 0x02, 0};
    static const uint8_t ping[] = {3, 0, 0, 0, '[', '1', ']'};
    struct lr_observer observer;
    lr_observer_init(&observer, lr_alloc_system(), LR_PLANE_CONTROL, hear, NULL);
    said[0] = '\0';
    for (int direction = 0; direction < 2; direction++) {
        lr_observer_feed(&observer, 1, (enum lr_direction)direction, magic, 4);
        feed_length(&observer, (enum lr_direction)direction, LR_OBSERVER_KEEP_TEXT + 1);
        cr_assert(lr_observer_inside(&observer, (enum lr_direction)direction));
        for (size_t i = 0; i < LR_OBSERVER_KEEP_TEXT / sizeof blanks; i++) {
            lr_observer_feed(&observer, 3, (enum lr_direction)direction, blanks, sizeof blanks);
        }
        lr_observer_feed(&observer, 4, (enum lr_direction)direction, blanks, 1);
        cr_assert_not(lr_observer_inside(&observer, (enum lr_direction)direction));
    }
    lr_observer_feed(&observer, 5, LR_TO_SERVICE, ping, sizeof ping);
    cr_expect_str_eq(said, ">1-1 magic\n>2-4 broken: a message too long to follow\n<1-1 magic\n"
                           "<2-4 broken: an answer too long to follow\n>5-5 asks PING\n");
    lr_observer_deinit(&observer);
}
