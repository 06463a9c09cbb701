/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded clients of both dialects play against our server, which must answer as TVM's did: packet
 * by packet, equal but for handles, matchkeys and paths. Where ours means to differ it says so
 * here:
 *
 * - An Exception's text: TVM's goes on with traces of its own sources. The first line is compared
 * where a function of its test suite raised it. v0.14 to v0.20 leave the text of a Python error
 * empty, and from v0.22 on its type away; ours never does. Ours does not name parameters.
 * - A matchkey in use is refused at once; TVM's lets the client wait until the session ends.
 * - Keys at which TVM's server dies without an answer (empty, not UTF-8) or after it (a bad
 * timeout) get the protocol's "no match".
 * - v0.10 says nothing when a session times out; ours sends the Exception of newer versions.
 * - `peer.sleep` is a function that the recorded server had been given; ours has none: null. */
#include <stdio.h>
#include <string.h>

#include "mocks/peers/capture.h"
#include "rpc/framer.h"
#include "rpc/handshake.h"
#include "support/files.h"
#include "support/server_rig.h"

enum { PAIRS_MAX = 512, NAME_MAX_BYTES = 160 };

/* The recording under way, and what of it was played. */
static const char *golden_name;
static size_t golden_conns;
static size_t golden_answers;

/* A handle as the recorded server gave it, and ours. TVM's may give one pointer twice. */
struct pair {
    uint64_t recorded, ours;
};

struct replay {
    struct server_rig *rig;
    const struct lr_capture *capture;
    int64_t conn;
    enum lr_dialect dialect;
    lr_link link;
    struct lr_buf expected; /* the recorded answers */
    size_t expected_at;
    struct pair pairs[PAIRS_MAX];
    size_t pair_count;
    size_t answers; /* compared */
    bool admitted;
    bool parted;      /* ours means to differ from here on */
    bool finds_sleep; /* the request under way looks peer.sleep up */
};

static uint64_t ours_of(const struct replay *replay, uint64_t recorded) {
    for (size_t i = replay->pair_count; i > 0; i--) { /* the newest that is not freed */
        if (replay->pairs[i - 1].recorded == recorded) {
            return replay->pairs[i - 1].ours;
        }
    }
    cr_assert_eq(recorded, 0, "handle %#llx was not given out", (unsigned long long)recorded);
    return 0;
}

static void forget_pair(struct replay *replay, uint64_t recorded) {
    for (size_t i = replay->pair_count; i > 0; i--) {
        if (replay->pairs[i - 1].recorded == recorded) {
            memmove(&replay->pairs[i - 1], &replay->pairs[i],
                    (replay->pair_count - i) * sizeof replay->pairs[0]);
            replay->pair_count--;
            return;
        }
    }
}

static void add_pair(struct replay *replay, uint64_t recorded, uint64_t ours) {
    cr_assert_eq(recorded == 0, ours == 0, "one of the two handles is null");
    cr_assert(replay->pair_count < PAIRS_MAX);
    if (recorded != 0) {
        replay->pairs[replay->pair_count++] = (struct pair){recorded, ours};
    }
}

/* Our handles in place of the recorded ones. */
static void substitute(struct replay *replay, struct lr_packet *packet) {
    uint64_t freed = 0;
    if (packet->code == LR_PACKET_CALL_FUNC) {
        packet->handle = ours_of(replay, packet->handle);
    } else if (packet->code == LR_PACKET_COPY_FROM_REMOTE ||
               packet->code == LR_PACKET_COPY_TO_REMOTE) {
        packet->tensor.data = ours_of(replay, packet->tensor.data);
    }
    for (size_t i = 0; i < packet->values.count; i++) {
        struct lr_value *value = &packet->values.items[i];
        if (value->kind == LR_VALUE_HANDLE) {
            freed = packet->code == LR_PACKET_FREE_HANDLE || packet->code == LR_PACKET_DEV_FREE_DATA
                        ? value->as.handle
                        : 0;
            value->as.handle = ours_of(replay, value->as.handle);
        } else if (value->kind == LR_VALUE_TENSOR) {
            value->as.tensor.data = ours_of(replay, value->as.tensor.data);
        }
    }
    forget_pair(replay, freed);
}

static struct lr_text first_line(struct lr_text text) {
    const char *end = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);
    return (struct lr_text){text.data, end == NULL ? text.size : (size_t)(end - text.data)};
}

static struct lr_text last_part(struct lr_text path) {
    for (size_t i = path.size; i > 0; i--) {
        if (path.data[i - 1] == '/') {
            return (struct lr_text){path.data + i, path.size - i};
        }
    }
    return path;
}

static void compare_values(struct replay *replay, const struct lr_value *recorded,
                           const struct lr_value *ours) {
    cr_assert_eq(recorded->kind, ours->kind, "kind %d, recorded %d", (int)ours->kind,
                 (int)recorded->kind);
    cr_assert_eq(recorded->code, ours->code);
    if (recorded->kind == LR_VALUE_HANDLE) {
        if (replay->finds_sleep) {
            cr_assert_eq(ours->as.handle, 0);
            replay->parted = true;
            return;
        }
        add_pair(replay, recorded->as.handle, ours->as.handle);
    } else if (recorded->kind == LR_VALUE_TENSOR) {
        struct lr_tensor header = ours->as.tensor;
        add_pair(replay, recorded->as.tensor.data, header.data);
        header.data = recorded->as.tensor.data;
        cr_assert_eq(header.ndim, recorded->as.tensor.ndim);
        cr_assert_eq(memcmp(&header, &recorded->as.tensor, sizeof header), 0);
    } else if (recorded->kind == LR_VALUE_STR || recorded->kind == LR_VALUE_BYTES) {
        bool is_path = recorded->as.text.size > 0 && recorded->as.text.data[0] == '/';
        struct lr_text left = is_path ? last_part(recorded->as.text) : recorded->as.text;
        struct lr_text right = is_path ? last_part(ours->as.text) : ours->as.text;
        cr_assert(lr_text_equal(left, right));
    } else if (recorded->kind != LR_VALUE_NULL) {
        cr_assert_eq(recorded->as.integer, ours->as.integer); /* floats by their bits */
    }
}

static bool begins(struct lr_text text, struct lr_text beginning) {
    return text.size >= beginning.size && memcmp(text.data, beginning.data, beginning.size) == 0;
}

/* "TypeError: " */
static size_t size_of_type(struct lr_text text) {
    size_t size = 0;
    while (size < text.size && text.data[size] != ':') {
        size++;
    }
    return size + 2 <= text.size && size > 5 && memcmp(text.data + size - 5, "Error", 5) == 0
               ? size + 2
               : 0;
}

static void compare_exceptions(enum lr_dialect dialect, struct lr_text recorded,
                               struct lr_text ours) {
    struct lr_text line = first_line(recorded);
    struct lr_text said = first_line(ours);
    bool comparable = line.size > 0 && memchr(line.data, '/', line.size) == NULL &&
                      !lr_text_equal(line, lr_text_of("std::bad_alloc")) &&
                      !lr_text_equal(line, lr_text_of("'int' object has no attribute 'numpy'"));
    if (dialect == LR_DIALECT_FFI && size_of_type(line) == 0) {
        size_t type = size_of_type(said);
        said = (struct lr_text){said.data + type, said.size - type};
    }
    bool names_parameter =
        begins(line, said) && line.size > said.size && line.data[said.size] == ':';
    cr_assert(!comparable || names_parameter || lr_text_equal(line, said),
              "\"%.*s\", recorded \"%.*s\"", (int)ours.size, ours.data, (int)line.size, line.data);
}

/* True where |holds|. Otherwise memory was refused, and what follows is not compared any more. */
static bool holds_or_parts(struct replay *replay, bool holds, const struct lr_packet *recorded) {
    const struct lr_packet *ours = &replay->rig->heard;
    cr_assert(holds || replay->rig->alloc->failed > 0, "answer %zu is a %s, recorded a %s",
              replay->answers, lr_packet_name(ours->code), lr_packet_name(recorded->code));
    replay->parted = replay->parted || !holds;
    return holds;
}

/* Ours, in rig->heard, is what was recorded. */
static void compare_packets(struct replay *replay, const struct lr_packet *recorded) {
    const struct lr_packet *ours = &replay->rig->heard;
    if (!holds_or_parts(replay, rig_hear(replay->rig, replay->link), recorded) ||
        !holds_or_parts(replay, ours->code == recorded->code, recorded)) {
        return;
    }
    cr_assert_eq(ours->values.count, recorded->values.count);
    if (recorded->code == LR_PACKET_EXCEPTION) {
        if (replay->rig->alloc->failed == 0) {
            compare_exceptions(replay->dialect, recorded->values.items[0].as.text,
                               ours->values.items[0].as.text);
        }
        return;
    }
    for (size_t i = 0; i < recorded->values.count && !replay->parted; i++) {
        compare_values(replay, &recorded->values.items[i], &ours->values.items[i]);
    }
    cr_assert_eq(ours->payload_size, recorded->payload_size);
    cr_assert(recorded->payload_size == 0 ||
              memcmp(ours->payload, recorded->payload, recorded->payload_size) == 0);
}

/* The next recorded answer, and ours in rig->heard, are equal. False: none is recorded. */
static bool compare_answer(struct replay *replay) {
    const uint8_t *data = lr_buf_data(&replay->expected) + replay->expected_at;
    size_t left = lr_buf_size(&replay->expected) - replay->expected_at;
    struct lr_packet recorded;
    struct lr_error error;
    if (left < 8) {
        return false;
    }
    struct lr_reader reader = lr_reader_of(data, left);
    size_t size = (size_t)lr_read_u64(&reader);
    cr_assert_leq(size, left - 8);
    replay->expected_at += 8 + size;
    lr_packet_init(&recorded, lr_alloc_system());
    cr_assert_eq(lr_packet_decode(replay->dialect, &lr_value_limits_default, data + 8, size,
                                  &recorded, &error),
                 LR_OK, "%s", error.text);
    compare_packets(replay, &recorded);
    lr_packet_deinit(&recorded);
    replay->answers++;
    return true;
}

static bool looks_sleep_up(const struct lr_packet *packet) {
    return packet->code == LR_PACKET_GET_GLOBAL_FUNC && packet->values.count == 1 &&
           lr_text_equal(packet->values.items[0].as.text, lr_text_of("peer.sleep"));
}

static void play_packet(struct replay *replay, const struct lr_frame *frame) {
    struct lr_packet packet;
    struct lr_error error;
    lr_packet_init(&packet, lr_alloc_system());
    cr_assert_eq(lr_packet_decode(replay->dialect, &lr_value_limits_default, frame->body,
                                  frame->kept, &packet, &error),
                 LR_OK, "%s", error.text);
    replay->finds_sleep = looks_sleep_up(&packet);
    if (!replay->parted && replay->admitted) {
        bool over = lr_driver_ended(replay->rig->driver, replay->link);
        if (!over) {
            substitute(replay, &packet);
        }
        rig_send_packet(replay->rig, replay->link, &packet);
        if (packet.code != LR_PACKET_SHUTDOWN && !over) {
            (void)compare_answer(replay);
        }
    }
    lr_packet_deinit(&packet);
}

/* The client's key; a matchkey that the recorded server accepted is replaced by the one we offer.
 */
static void play_key(struct replay *replay, const struct lr_frame *frame) {
    struct server_rig *rig = replay->rig;
    struct lr_text text = {(const char *)frame->body, frame->kept};
    struct lr_client_key key;
    char said[sizeof rig->matchkey + (size_t)2 * NAME_MAX_BYTES];
    size_t size = lr_buf_size(&replay->expected);
    bool accepted = size >= 4 && lr_word_decode(lr_buf_data(&replay->expected)) == LR_MAGIC_RPC;
    bool parses = lr_client_key_parse(text, &key, NULL) == LR_OK;
    (void)snprintf(said, sizeof said, "%.*s", (int)text.size, text.data);
    if (accepted) {
        const char *options = memchr(said, ' ', strlen(said));
        char rest[NAME_MAX_BYTES];
        (void)snprintf(rest, sizeof rest, "%s", options == NULL ? "" : options);
        (void)snprintf(said, sizeof said, "client:%s%s", rig->matchkey, rest);
    }
    rig_hello(rig, replay->link, said);
    if (accepted && parses) {
        rig_hear_accept(rig, replay->link);
        replay->expected_at = 8 + strlen("server:dev");
        replay->admitted = true;
    } else {
        rig_hear_mismatch(rig, replay->link);
        replay->parted = true;
    }
}

static void play_bytes(struct replay *replay, struct lr_framer *framer,
                       const struct lr_capture_event *event) {
    const uint8_t *data = event->bytes;
    size_t left = event->size;
    struct lr_frame frame;
    bool complete = true;
    while (complete && !replay->parted) {
        framer->size_max = UINT64_MAX;
        framer->keep_max = SIZE_MAX;
        cr_assert_eq(lr_framer_next(framer, &data, &left, &complete, &frame), LR_OK);
        if (!complete) {
            break;
        }
        if (frame.kind == LR_FRAME_WORD) {
            framer->expect = LR_FRAME_TEXT;
            if (lr_word_decode(frame.body) != LR_MAGIC_RPC) { /* it was closed without a word */
                cr_assert_eq(lr_buf_size(&replay->expected), 0);
                rig_send_bytes(replay->rig, replay->link, frame.body, frame.kept);
                rig_hear_fin(replay->rig, replay->link);
                replay->parted = true;
            }
        } else if (frame.kind == LR_FRAME_TEXT) {
            framer->expect = LR_FRAME_PACKET;
            play_key(replay, &frame);
        } else {
            play_packet(replay, &frame);
        }
    }
}

/* What the recorded client did at its end. */
static void play_end(struct replay *replay, const struct lr_capture_event *event,
                     const struct lr_framer *framer) {
    struct lr_driver *driver = replay->rig->driver;
    if (lr_driver_ended(driver, replay->link)) {
        return;
    }
    if (lr_framer_inside(framer) && framer->expect == LR_FRAME_PACKET) {
        rig_send_bytes(replay->rig, replay->link, "\144\0\0\0\0\0\0\0\2", 9);
    }
    if (event->kind == LR_CAPTURE_RESET) {
        lr_driver_reset(driver, replay->link);
    } else {
        lr_driver_fin(driver, replay->link);
    }
    cr_assert_eq(lr_server_count(replay->rig->server).sessions, 0, "not released at once");
}

static void play_conn(struct server_rig *rig, const struct lr_capture *capture,
                      const struct lr_capture_conn *conn, enum lr_dialect dialect) {
    static struct replay replay; /* large */
    struct lr_framer framer;
    size_t place = 0;
    const struct lr_capture_event *event;
    lr_time began = lr_driver_now(rig->driver);
    replay =
        (struct replay){.rig = rig, .capture = capture, .conn = conn->conn, .dialect = dialect};
    lr_time opened = capture->events[conn->open].at;
    rig->dialect = dialect;
    rig_tracker_drain(rig);
    lr_buf_init(&replay.expected, lr_alloc_system());
    lr_framer_init(&framer, lr_alloc_system(), LR_FRAME_WORD);
    cr_assert_eq(lr_capture_stream(capture, conn->conn, LR_CAPTURE_FROM_SERVER, &replay.expected),
                 LR_OK);
    replay.link = rig_connect(rig);
    while ((event = lr_capture_next(capture, conn->conn, &place)) != NULL) {
        lr_time at = began + (event->at - opened);
        if (at > lr_driver_now(rig->driver)) {
            lr_driver_advance(rig->driver, at - lr_driver_now(rig->driver));
        }
        rig_tracker_drain(rig);
        bool from_client = event->direction == LR_CAPTURE_TO_SERVER;
        if (event->kind == LR_CAPTURE_DATA && from_client) {
            play_bytes(&replay, &framer, event);
        } else if ((event->kind == LR_CAPTURE_EOF || event->kind == LR_CAPTURE_RESET) &&
                   from_client) {
            play_end(&replay, event, &framer);
        }
    }
    while (!replay.parted && replay.admitted && compare_answer(&replay)) {
        /* what came unasked: the Exception of a timeout, the Shutdown after a cut packet */
    }
    if (!lr_driver_ended(rig->driver, replay.link)) {
        lr_driver_reset(rig->driver, replay.link);
    }
    cr_assert_eq(lr_server_count(rig->server).sessions, 0);
    golden_answers += replay.answers;
    lr_framer_deinit(&framer);
    lr_buf_deinit(&replay.expected);
}

static void body_replay(struct server_rig *rig) {
    struct lr_capture capture;
    struct lr_buf lines;
    struct lr_error error;
    bool legacy = strncmp(golden_name, "legacy", 6) == 0;
    lr_buf_init(&lines, lr_alloc_system());
    cr_assert_eq(lr_test_read_file(LR_GOLDEN_DIR "/captures", golden_name, &lines), LR_OK);
    cr_assert_eq(lr_capture_parse(&capture, lr_alloc_system(), lr_buf_data(&lines),
                                  lr_buf_size(&lines), &error),
                 LR_OK, "%s", error.text);
    rig_expect(rig, rig_tracker_join(rig));
    rig_expect(rig, rig_tracker_put(rig));
    golden_conns = 0;
    golden_answers = 0;
    for (size_t i = 0; i < capture.conn_count; i++) {
        if (capture.conns[i].link == LR_CAPTURE_CLIENT_SERVER) {
            play_conn(rig, &capture, &capture.conns[i],
                      legacy ? LR_DIALECT_LEGACY : LR_DIALECT_FFI);
            golden_conns++;
        }
    }
    lr_capture_deinit(&capture);
    lr_buf_deinit(&lines);
}

static struct lr_server_options golden_options(const char *name) {
    struct lr_server_options options = lr_server_options_default;
    options.key = "dev";
    options.tracker_host = "tracker.test";
    options.dialect = strncmp(name, "legacy", 6) == 0 ? LR_SPEAK_LEGACY : LR_SPEAK_FFI;
    return options;
}

/* All of the recording's clients; |answers| of packets have to be compared. */
static void replay_capture(const char *name, size_t answers) {
    struct lr_server_options options = golden_options(name);
    golden_name = name;
    rig_once(body_replay, &options);
    cr_assert_gt(golden_conns, 0, "%s has no client of a server", name);
    cr_assert_eq(golden_answers, answers, "%zu answers of %s were compared, not %zu",
                 golden_answers, name, answers);
}

#define GOLDEN(name, dialect, file, answers)                                                       \
    Test(server_golden, name) {                                                                    \
        replay_capture(dialect "/" file ".jsonl", answers);                                        \
    }

GOLDEN(a_whole_session_legacy, "legacy-v0.10.0", "03_session_clean", 20)
GOLDEN(a_whole_session_ffi, "ffi-v0.26", "03_session_clean", 20)
GOLDEN(arrays_and_files_legacy, "legacy-v0.10.0", "04_copy", 274)
GOLDEN(arrays_and_files_ffi, "ffi-v0.26", "04_copy", 274)
GOLDEN(errors_legacy, "legacy-v0.10.0", "05_errors", 41)
GOLDEN(calls_of_every_kind_legacy, "legacy-v0.19", "20_calls_of_every_kind", 78)
GOLDEN(calls_of_every_kind_ffi, "ffi-v0.27", "20_calls_of_every_kind", 77)
GOLDEN(killed_while_idle_legacy, "legacy-v0.10.0", "06a_client_sigkill_idle", 9)
GOLDEN(killed_while_idle_ffi, "ffi-v0.26", "06a_client_sigkill_idle", 6)
GOLDEN(killed_in_a_call_legacy, "legacy-v0.10.0", "06b_client_sigkill_midcall", 4)
GOLDEN(killed_in_a_call_ffi, "ffi-v0.26", "06b_client_sigkill_midcall", 4)
GOLDEN(stopped_legacy, "legacy-v0.10.0", "06c_client_sigstop", 6)
GOLDEN(stopped_ffi, "ffi-v0.26", "06c_client_sigstop", 7)
GOLDEN(reset_legacy, "legacy-v0.10.0", "06e_client_reset", 0)
GOLDEN(cut_inside_a_packet_legacy, "legacy-v0.10.0", "06f_client_cut_packet", 1)
GOLDEN(wrong_keys_legacy, "legacy-v0.10.0", "08_handshake_bad_keys", 0)
GOLDEN(wrong_keys_ffi, "ffi-v0.26", "08_handshake_bad_keys", 0)
GOLDEN(silence_legacy, "legacy-v0.10.0", "08b_silent_connection_blocks_server", 0)
GOLDEN(silence_ffi, "ffi-v0.26", "08b_silent_connection_blocks_server", 0)
GOLDEN(empty_key_legacy, "legacy-v0.10.0", "08c_empty_key_kills_listener", 0)
GOLDEN(empty_key_ffi, "ffi-v0.26", "08c_empty_key_kills_listener", 0)
GOLDEN(key_that_is_not_utf8_legacy, "legacy-v0.10.0", "08d_invalid_utf8_key", 0)
GOLDEN(key_that_is_not_utf8_ffi, "ffi-v0.26", "08d_invalid_utf8_key", 0)
GOLDEN(bad_timeout_legacy, "legacy-v0.10.0", "08e_bad_timeout_option", 0)
GOLDEN(bad_timeout_ffi, "ffi-v0.26", "08e_bad_timeout_option", 0)
GOLDEN(session_timeouts_legacy, "legacy-v0.10.0", "10_session_timeout", 5)
GOLDEN(session_timeouts_ffi, "ffi-v0.26", "10_session_timeout", 6)

/* An answer may be an Exception then, and a connection may end; what is answered is right. */
Test(server_golden, recorded_clients_leave_nothing_whichever_allocation_fails) {
    static const char *const files[] = {"ffi-v0.26/03_session_clean.jsonl",
                                        "legacy-v0.10.0/10_session_timeout.jsonl"};
    for (size_t i = 0; i < LR_COUNT_OF(files); i++) {
        struct lr_server_options options = golden_options(files[i]);
        golden_name = files[i];
        rig_each(body_replay, &options);
    }
}
