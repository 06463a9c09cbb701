/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded servers and clients of TVM, both dialects, play against our tracker what they had sent
 * to TVM's, at the recorded times. Our answers are the recorded ones to the byte, and we close
 * where TVM closed; the table below has each difference, where TVM is wrong. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "mocks/peers/capture.h"
#include "support/tracker_rig.h"

enum { CONNS_MAX = 40, PATH_SIZE = 512 };

struct difference {
    const char *file;
    int conn;
    bool closed;      /* we close it */
    const char *ours; /* our messages, a line each; MAGIC is the magic */
    const char *why;
};

#define BAD_CLIENTS "legacy-v0.10.0/13_tracker_bad_clients"

static const struct difference differences[] = {
    {BAD_CLIENTS, 3, false,
     "MAGIC\n[0, {\"queue_info\": {\"dev\": {\"free\": 1, \"pending\": 0}}, \"server_info\": "
     "[{\"key\": \"server:dev\", \"addr\": [\"127.0.0.2\", 22106]}]}]",
     "TVM wants the magic alone in one read"},
    {BAD_CLIENTS, 4, false, "MAGIC", "TVM wants the magic whole in one read"},
    {BAD_CLIENTS, 8, true, "MAGIC\n-1", "TVM 0.10 leaves bad JSON unanswered; 0.26 closes"},
    {BAD_CLIENTS, 10, true, "MAGIC\n-1", "TVM 0.10 leaves what is no list unanswered; 0.26 closes"},
    {BAD_CLIENTS, 11, true, "MAGIC\n-1", "TVM 0.10 leaves an empty list unanswered; 0.26 closes"},
    {BAD_CLIENTS, 12, true, "MAGIC", "TVM 0.10 waits for ever behind length 0; 0.26 closes"},
    {BAD_CLIENTS, 13, true, "MAGIC", "TVM 0.10 waits for ever behind length -5; 0.26 closes"},
    {BAD_CLIENTS, 14, true, "MAGIC\n-1", "TVM 0.10 has no limit; 0.26 closes"},
    {BAD_CLIENTS, 16, true, "MAGIC\n-1", "TVM 0.10 loses a request with a text as its priority"},
    {BAD_CLIENTS, 17, true, "MAGIC\n-1", "likewise behind a right one"},
    {BAD_CLIENTS, 18, true, "MAGIC\n-1", "TVM 0.10 leaves a PUT of the wrong shape unanswered"},
    {BAD_CLIENTS, 19, false, "MAGIC\n0", "C++ servers leave the address out; TVM forgot them"},
    {BAD_CLIENTS, 20, true, "MAGIC\n-1", "TVM makes a queue of the key null"},
    {BAD_CLIENTS, 21, true, "MAGIC\n-1", "TVM 0.10 leaves a wrong UPDATE_INFO unanswered"},
};

/* Connections that ended because the recording did, and TVM's tracker was killed: what it would
 * still have answered, and who would have closed, is not on record. */
static const struct {
    const char *file;
    int conn;
} cut_short[] = {
    {"ffi-v0.26/01_tracker_summary", 1},
    {"legacy-v0.10.0/01_tracker_summary", 1},
    {"legacy-v0.10.0/06a_client_sigkill_idle", 10},
    {"legacy-v0.10.0/06b_client_sigkill_midcall", 7},
};

struct peer {
    uint8_t heard[65536]; /* what TVM's tracker had answered */
    size_t heard_size;
    lr_link link;
    bool used;
    bool left;        /* the peer has ended it */
    bool tvm_closed;  /* TVM's tracker ended it before the peer did */
    bool ours_closed; /* ours likewise */
};

static const char *golden_file;
static struct peer peers[CONNS_MAX];

static const struct difference *find_difference(int conn) {
    for (size_t i = 0; i < LR_COUNT_OF(differences); i++) {
        if (differences[i].conn == conn && strcmp(differences[i].file, golden_file) == 0) {
            return &differences[i];
        }
    }
    return NULL;
}

static bool is_cut_short(int conn) {
    for (size_t i = 0; i < LR_COUNT_OF(cut_short); i++) {
        if (cut_short[i].conn == conn && strcmp(cut_short[i].file, golden_file) == 0) {
            return true;
        }
    }
    return false;
}

static void open_peer(struct tracker_rig *rig, const struct lr_capture_event *event) {
    struct peer *peer = &peers[event->conn];
    if (event->link != LR_CAPTURE_CLIENT_SERVER) {
        bool server = event->link == LR_CAPTURE_SERVER_TRACKER;
        peer->link = lr_driver_connect(rig->driver, rig->host, server ? "127.0.0.2" : "127.0.0.1");
        peer->used = peer->link != LR_LINK_NONE;
        cr_assert(peer->used || rig->counting.failed > 0);
    }
}

static void hear_tvm(struct peer *peer, const struct lr_capture_event *event) {
    LR_ASSERT(peer->heard_size + event->size <= sizeof peer->heard);
    memcpy(peer->heard + peer->heard_size, event->bytes, event->size);
    peer->heard_size += event->size;
}

static void leave_peer(struct tracker_rig *rig, struct peer *peer, bool reset) {
    if (!peer->left) {
        peer->left = true;
        peer->ours_closed = lr_driver_ended(rig->driver, peer->link);
        if (!peer->ours_closed && reset) {
            lr_driver_reset(rig->driver, peer->link);
        } else if (!peer->ours_closed) {
            lr_driver_fin(rig->driver, peer->link);
        }
    }
}

static void replay_event(struct tracker_rig *rig, const struct lr_capture_event *event) {
    LR_ASSERT(event->conn >= 0 && event->conn < CONNS_MAX);
    struct peer *peer = &peers[event->conn];
    if (event->kind == LR_CAPTURE_OPEN) {
        open_peer(rig, event);
    } else if (!peer->used) {
        return; /* a mark, or a session's own connection */
    } else if (event->kind == LR_CAPTURE_DATA && event->direction == LR_CAPTURE_TO_SERVER) {
        lr_driver_feed(rig->driver, peer->link, event->bytes, event->size);
    } else if (event->kind == LR_CAPTURE_DATA) {
        hear_tvm(peer, event);
    } else if (event->direction == LR_CAPTURE_TO_SERVER || event->kind == LR_CAPTURE_CLOSE) {
        leave_peer(rig, peer, event->kind == LR_CAPTURE_RESET);
    } else if (event->kind == LR_CAPTURE_EOF && !peer->left) {
        peer->tvm_closed = true;
    }
}

/* |difference|'s messages as they are on the wire. */
static size_t frame_lines(const char *lines, uint8_t *out) {
    size_t size = 0;
    while (*lines != '\0') {
        size_t line = strcspn(lines, "\n");
        if (line == 5 && memcmp(lines, "MAGIC", 5) == 0) {
            memcpy(out + size, "\x71\xf2\x02\0", 4);
            size += 4;
        } else {
            const uint8_t length[4] = {(uint8_t)line, (uint8_t)(line >> 8)};
            memcpy(out + size, length, 4);
            memcpy(out + size + 4, lines, line);
            size += 4 + line;
        }
        lines += line + (lines[line] == '\n');
    }
    return size;
}

static void compare(struct tracker_rig *rig, int conn) {
    static uint8_t framed[4096];
    struct peer *peer = &peers[conn];
    const struct difference *difference = find_difference(conn);
    const uint8_t *expected = peer->heard;
    size_t expected_size = peer->heard_size;
    bool closed = peer->tvm_closed;
    if (difference != NULL) {
        expected = framed;
        expected_size = frame_lines(difference->ours, framed);
        closed = difference->closed;
    }
    size_t size;
    const uint8_t *ours = lr_driver_output(rig->driver, peer->link, &size);
    if (is_cut_short(conn)) {
        size = size > expected_size ? expected_size : size;
        closed = peer->ours_closed;
    }
    cr_expect(size == expected_size && (size == 0 || memcmp(ours, expected, size) == 0),
              "%s, connection %d: %zu bytes instead of %zu: %.*s", golden_file, conn, size,
              expected_size, (int)size, size == 0 ? "" : (const char *)ours);
    cr_expect(closed == peer->ours_closed, "%s, connection %d: we %s", golden_file, conn,
              peer->ours_closed ? "closed it" : "did not close it");
    if (difference != NULL) {
        bool same = peer->heard_size == size && memcmp(ours, peer->heard, size) == 0;
        cr_expect(!same || closed != peer->tvm_closed, "%s, connection %d: no difference any more",
                  golden_file, conn);
    }
}

static void load(struct lr_capture *capture) {
    static char lines[1024 * 1024];
    char path[PATH_SIZE];
    struct lr_error error = {0};
    (void)snprintf(path, sizeof path, "%s/captures/%s.jsonl", LR_GOLDEN_DIR, golden_file);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    size_t size = fread(lines, 1, sizeof lines, file);
    (void)fclose(file);
    cr_assert_eq(lr_capture_parse(capture, lr_alloc_system(), lines, size, &error), LR_OK, "%s: %s",
                 path, error.text);
}

static void replay(struct tracker_rig *rig) {
    struct lr_capture capture;
    load(&capture);
    memset(peers, 0, sizeof peers);
    lr_time begin = lr_driver_now(rig->driver);
    for (size_t i = 0; i < capture.event_count; i++) {
        lr_time at = begin + capture.events[i].at;
        lr_time now = lr_driver_now(rig->driver);
        lr_driver_advance(rig->driver, at > now ? at - now : 0);
        replay_event(rig, &capture.events[i]);
    }
    for (int conn = 0; conn < CONNS_MAX; conn++) {
        if (peers[conn].used) {
            leave_peer(rig, &peers[conn], false);
            if (rig->counting.failed == 0) {
                compare(rig, conn);
            }
        }
    }
    lr_capture_deinit(&capture);
}

#define GOLDEN(name, file)                                                                         \
    Test(tracker_golden, name) {                                                                   \
        golden_file = file;                                                                        \
        rig_once(replay, NULL);                                                                    \
    }

GOLDEN(ffi_client_asks_for_a_summary, "ffi-v0.26/01_tracker_summary")
GOLDEN(ffi_server_registers_polls_and_renews, "ffi-v0.26/02_server_register")
GOLDEN(ffi_whole_session, "ffi-v0.26/03_session_clean")
GOLDEN(ffi_client_killed_while_idle, "ffi-v0.26/06a_client_sigkill_idle")
GOLDEN(ffi_client_killed_in_a_call, "ffi-v0.26/06b_client_sigkill_midcall")
GOLDEN(ffi_client_stopped, "ffi-v0.26/06c_client_sigstop")
GOLDEN(ffi_requests_with_priorities, "ffi-v0.26/09_pending_priority")
GOLDEN(ffi_client_goes_while_it_waits, "ffi-v0.26/09b_pending_disconnect_leak")
GOLDEN(ffi_session_timeouts, "ffi-v0.26/10_session_timeout")
GOLDEN(legacy_client_asks_for_a_summary, "legacy-v0.10.0/01_tracker_summary")
GOLDEN(legacy_server_registers_polls_and_renews, "legacy-v0.10.0/02_server_register")
GOLDEN(legacy_whole_session, "legacy-v0.10.0/03_session_clean")
GOLDEN(legacy_client_killed_while_idle, "legacy-v0.10.0/06a_client_sigkill_idle")
GOLDEN(legacy_client_killed_in_a_call, "legacy-v0.10.0/06b_client_sigkill_midcall")
GOLDEN(legacy_client_stopped, "legacy-v0.10.0/06c_client_sigstop")
GOLDEN(legacy_client_resets, "legacy-v0.10.0/06e_client_reset")
GOLDEN(legacy_client_closes_inside_a_packet, "legacy-v0.10.0/06f_client_cut_packet")
GOLDEN(legacy_requests_with_priorities, "legacy-v0.10.0/09_pending_priority")
GOLDEN(legacy_client_goes_while_it_waits, "legacy-v0.10.0/09b_pending_disconnect_leak")
GOLDEN(legacy_session_timeouts, "legacy-v0.10.0/10_session_timeout")
GOLDEN(legacy_bad_clients, BAD_CLIENTS)
GOLDEN(legacy_server_key_with_a_colon, "legacy-v0.10.0/14_server_key_with_colon")

/* Also where what our tracker says is not compared any more, it serves whoever comes after, and of
 * those who were there nothing is left. */
Test(tracker_golden, recorded_clients_leave_nothing_whichever_allocation_fails) {
    static const char *const files[] = {"ffi-v0.26/09_pending_priority",
                                        "legacy-v0.10.0/03_session_clean"};
    for (size_t i = 0; i < LR_COUNT_OF(files); i++) {
        golden_file = files[i];
        rig_each(replay, NULL);
    }
}
