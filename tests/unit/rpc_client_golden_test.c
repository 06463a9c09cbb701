/* SPDX-License-Identifier: Apache-2.0 */
/* Our client does what recorded TVM clients did, at the trackers and servers that they did it with,
 * and its bytes are compared with theirs. As the recorded servers answer, even the handles are
 * equal. What is left of a recorded connection at its end would fail a test, too. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "support/client_rig.h"
#include "support/failing.h"
#include "support/recording.h"

struct replay {
    struct client_rig rig;
    struct lr_recorded tracker;
    struct lr_recorded server;
    lr_link tracker_link;
    lr_link server_link;
    size_t piece; /* the far ends' bytes come in pieces of this size */
    enum lr_dialect dialect;
    unsigned int operations;
};

struct replay_case {
    const char *name;
    enum lr_dialect dialect;
    size_t piece;
    unsigned int operations_min; /* so that an empty recording is no success */
};

/* Feeds |size| bytes of what |recorded|'s far end answered. */
static void feed(struct replay *replay, lr_link link, struct lr_recorded *recorded, size_t size) {
    cr_assert_leq(size, lr_buf_size(&recorded->answered), "the recording has no such answer");
    uint8_t *copy = malloc(size);
    cr_assert_not_null(copy);
    memcpy(copy, lr_buf_data(&recorded->answered), size);
    lr_buf_consume(&recorded->answered, size);
    lr_driver_feed_pieces(replay->rig.driver, link, copy, size, replay->piece);
    free(copy);
}

/* The next |size| bytes that our client sent are those that the recorded one sent, and no more
 * came. */
static bool same(struct replay *replay, lr_link link, struct lr_recorded *recorded, size_t size) {
    cr_assert_leq(size, lr_buf_size(&recorded->sent));
    bool equal = client_rig_sent(&replay->rig, link, lr_buf_data(&recorded->sent), size) &&
                 client_rig_pending(&replay->rig, link) == 0;
    lr_buf_consume(&recorded->sent, size);
    return equal;
}

static uint64_t length_at(const struct lr_buf *buf, size_t at, size_t width) {
    struct lr_reader reader = lr_reader_of(lr_buf_data(buf), lr_buf_size(buf));
    (void)lr_read_bytes(&reader, at);
    uint64_t length = width == 4 ? lr_read_u32(&reader) : lr_read_u64(&reader);
    cr_assert_eq(reader.status, LR_OK);
    return length;
}

static size_t packet_size(const struct lr_buf *buf) {
    return 8 + (size_t)length_at(buf, 0, 8);
}

static size_t message_size(const struct lr_buf *buf) {
    return 4 + (size_t)length_at(buf, 0, 4);
}

/* The question that the tracker is asked, and its answer. */
static bool ask(struct replay *replay) {
    if (!same(replay, replay->tracker_link, &replay->tracker,
              message_size(&replay->tracker.sent))) {
        return false;
    }
    feed(replay, replay->tracker_link, &replay->tracker, message_size(&replay->tracker.answered));
    return true;
}

static lr_link accept_waiting(struct replay *replay) {
    lr_link link = lr_driver_waiting(replay->rig.driver, replay->rig.host, NULL);
    if (link != LR_LINK_NONE) {
        lr_driver_accept(replay->rig.driver, link);
    }
    return link;
}

/* From the request to the open session. */
static bool open_session(struct replay *replay) {
    struct client_rig *rig = &replay->rig;
    struct lr_request_options options = lr_request_options_default;
    lr_op op;
    options.session_timeout_ns = 60 * LR_SECOND;
    if (lr_client_request(rig->client, client_rig_now(rig), lr_text_of("dev"), &options, &op) !=
        LR_OK) {
        return false;
    }
    replay->tracker_link = accept_waiting(replay);
    if (replay->tracker_link == LR_LINK_NONE ||
        !same(replay, replay->tracker_link, &replay->tracker, 4)) {
        return false;
    }
    feed(replay, replay->tracker_link, &replay->tracker, 4);
    if (!ask(replay)) {
        return false;
    }
    replay->server_link = accept_waiting(replay);
    if (replay->server_link == LR_LINK_NONE ||
        !same(replay, replay->server_link, &replay->server,
              8 + (size_t)length_at(&replay->server.sent, 4, 4))) {
        return false;
    }
    feed(replay, replay->server_link, &replay->server,
         8 + (size_t)length_at(&replay->server.answered, 4, 4));
    if (!same(replay, replay->server_link, &replay->server, packet_size(&replay->server.sent))) {
        return false;
    }
    feed(replay, replay->server_link, &replay->server, packet_size(&replay->server.answered));
    if (!client_rig_ended(rig, op, LR_OK)) {
        return false;
    }
    rig->session = rig->result.session;
    rig->result.session = NULL;
    return lr_session_dialect(rig->session) == replay->dialect;
}

/* The value as our own code would make it, not as it was decoded. Only bytes stay as they were:
 * TVM's client of ffi sends them as an object (66), ours as raw bytes (9), which the server takes
 * as well. */
static struct lr_value remade(const struct lr_value *value) {
    switch (value->kind) {
    case LR_VALUE_NULL:
        return lr_value_null();
    case LR_VALUE_INT:
        return lr_value_int(value->as.integer);
    case LR_VALUE_FLOAT:
        return lr_value_float(value->as.number);
    case LR_VALUE_HANDLE:
        return lr_value_handle(value->as.handle);
    case LR_VALUE_STR:
        return lr_value_str(value->as.text);
    case LR_VALUE_DEVICE:
        return lr_value_device(value->as.device);
    case LR_VALUE_TENSOR:
        return lr_value_tensor(&value->as.tensor);
    case LR_VALUE_BOOL:
    case LR_VALUE_UINT:
    case LR_VALUE_DTYPE:
    case LR_VALUE_BYTES:
    case LR_VALUE_MODULE:
    case LR_VALUE_FUNCTION:
    case LR_VALUE_OBJECT:
        break;
    }
    return *value;
}

static enum lr_status free_as_recorded(struct replay *replay, const struct lr_packet *packet,
                                       lr_op *op) {
    enum lr_result_kind kind = LR_RESULT_FUNCTION;
    if (packet->values.count > 1) {
        cr_assert(
            lr_result_kind_of(replay->dialect, (int32_t)packet->values.items[1].as.integer, &kind));
    }
    return lr_session_free_handle(replay->rig.session, client_rig_now(&replay->rig),
                                  packet->values.items[0].as.handle, kind, op);
}

/* Begins the operation that gives |packet|. */
static enum lr_status begin(struct replay *replay, const struct lr_packet *packet, lr_op *op) {
    struct lr_session *session = replay->rig.session;
    lr_time now = client_rig_now(&replay->rig);
    struct lr_value values[16] = {{.kind = LR_VALUE_NULL}};
    size_t count = packet->values.count;
    cr_assert_leq(count, LR_COUNT_OF(values));
    for (size_t i = 0; i < count; i++) {
        values[i] = remade(&packet->values.items[i]);
    }
    switch (packet->code) {
    case LR_PACKET_CALL_FUNC:
        return lr_session_call(session, now, packet->handle, values, count, op);
    case LR_PACKET_COPY_FROM_REMOTE:
        return lr_session_copy_out(session, now, &packet->tensor, op);
    case LR_PACKET_COPY_TO_REMOTE:
        return lr_session_copy_in(session, now, &packet->tensor, packet->payload,
                                  packet->payload_size, op);
    case LR_PACKET_GET_GLOBAL_FUNC:
        return lr_session_get_function(session, now, values[0].as.text, op);
    case LR_PACKET_FREE_HANDLE:
        return free_as_recorded(replay, packet, op);
    case LR_PACKET_DEV_FREE_DATA: {
        struct lr_tensor tensor = {.data = values[1].as.handle, .device = values[0].as.device};
        return lr_session_free_data(session, now, &tensor, op);
    }
    case LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE:
        return lr_session_allocate(session, now, &values[0].as.tensor, op);
    case LR_PACKET_COPY_AMONG_REMOTE:
        return lr_session_copy_among(session, now, &values[0].as.tensor, &values[1].as.tensor, op);
    default:
        return lr_session_command(session, now, packet->code, values, count, op);
    }
}

/* One recorded packet: the same operation, the same bytes, the recorded answer. */
static bool repeat(struct replay *replay, const struct lr_packet *packet) {
    struct client_rig *rig = &replay->rig;
    struct lr_buf *answers = &replay->server.answered;
    lr_op op;
    if (begin(replay, packet, &op) != LR_OK ||
        !same(replay, replay->server_link, &replay->server, packet_size(&replay->server.sent))) {
        return false;
    }
    bool exception = length_at(answers, 8, 4) == LR_PACKET_EXCEPTION;
    feed(replay, replay->server_link, &replay->server, packet_size(answers));
    replay->operations++;
    return client_rig_ended(rig, op, exception ? LR_EREMOTE : LR_OK);
}

static bool is_shutdown(const struct lr_buf *sent) {
    return length_at(sent, 8, 4) == LR_PACKET_SHUTDOWN;
}

/* All that the recorded client did in its session, and its end. */
static bool live(struct replay *replay) {
    struct client_rig *rig = &replay->rig;
    struct lr_buf *sent = &replay->server.sent;
    while (!is_shutdown(sent)) {
        struct lr_packet packet;
        struct lr_error error = {0};
        lr_packet_init(&packet, lr_alloc_system());
        enum lr_status status =
            lr_packet_decode(replay->dialect, &lr_value_limits_default, lr_buf_data(sent) + 8,
                             packet_size(sent) - 8, &packet, &error);
        cr_assert_eq(status, LR_OK, "%s", error.text);
        bool went = repeat(replay, &packet);
        lr_packet_deinit(&packet);
        if (!went) {
            return false;
        }
    }
    lr_session_close(rig->session, client_rig_now(rig));
    return same(replay, replay->server_link, &replay->server, packet_size(sent)) &&
           lr_driver_saw_fin(rig->driver, replay->server_link);
}

/* Later questions of the recorded client: SUMMARY, over the connection that the request used. */
static bool ask_on(struct replay *replay) {
    struct client_rig *rig = &replay->rig;
    while (lr_buf_size(&replay->tracker.sent) > 0) {
        lr_op op;
        if (lr_client_summary(rig->client, client_rig_now(rig), false, &op) != LR_OK ||
            !ask(replay) || !client_rig_ended(rig, op, LR_OK)) {
            return false;
        }
    }
    return true;
}

static void play(struct lr_alloc *alloc, void *context) {
    const struct replay_case *row = context;
    struct replay replay = {.piece = row->piece, .dialect = row->dialect};
    struct client_rig *rig = &replay.rig;
    lr_recorded_load(&replay.tracker, row->name, LR_CAPTURE_CLIENT_TRACKER);
    lr_recorded_load(&replay.server, row->name, LR_CAPTURE_CLIENT_SERVER);
    RIG_EXPECT(rig, client_rig_init(rig, alloc, NULL));
    RIG_EXPECT(rig, open_session(&replay));
    RIG_EXPECT(rig, live(&replay));
    RIG_EXPECT(rig, ask_on(&replay));
    RIG_EXPECT(rig, lr_buf_size(&replay.server.sent) == 0);
    RIG_EXPECT(rig, lr_buf_size(&replay.server.answered) == 0);
    RIG_EXPECT(rig, lr_buf_size(&replay.tracker.answered) == 0);
    RIG_EXPECT(rig, replay.operations >= row->operations_min);
done:
    client_rig_deinit(rig);
    lr_recorded_deinit(&replay.tracker);
    lr_recorded_deinit(&replay.server);
}

static void play_once(const struct replay_case *row) {
    struct lr_counting_alloc counting;
    struct replay_case copy = *row;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    play(&counting.base, &copy);
    cr_assert_eq(counting.live_blocks, 0);
}

Test(rpc_client_golden, does_a_clean_session_of_ffi_byte_for_byte) {
    const size_t pieces[] = {SIZE_MAX / 2, 1, 7};
    for (size_t i = 0; i < LR_COUNT_OF(pieces); i++) {
        play_once(&(struct replay_case){"ffi-v0.26/03_session_clean.jsonl", LR_DIALECT_FFI,
                                        pieces[i], 18});
    }
}

Test(rpc_client_golden, does_a_clean_session_of_legacy_byte_for_byte) {
    const size_t pieces[] = {SIZE_MAX / 2, 1, 7};
    for (size_t i = 0; i < LR_COUNT_OF(pieces); i++) {
        play_once(&(struct replay_case){"legacy-v0.10.0/03_session_clean.jsonl", LR_DIALECT_LEGACY,
                                        pieces[i], 18});
    }
}

Test(rpc_client_golden, copies_arrays_in_ffi_byte_for_byte) {
    play_once(&(struct replay_case){"ffi-v0.26/04_copy.jsonl", LR_DIALECT_FFI, SIZE_MAX / 2, 150});
    play_once(&(struct replay_case){"ffi-v0.26/04_copy.jsonl", LR_DIALECT_FFI, 5, 150});
}

Test(rpc_client_golden, copies_arrays_in_legacy_byte_for_byte) {
    play_once(&(struct replay_case){"legacy-v0.10.0/04_copy.jsonl", LR_DIALECT_LEGACY, SIZE_MAX / 2,
                                    150});
    play_once(&(struct replay_case){"legacy-v0.10.0/04_copy.jsonl", LR_DIALECT_LEGACY, 5, 150});
}

Test(rpc_client_golden, goes_on_after_every_recorded_exception) {
    play_once(&(struct replay_case){"legacy-v0.10.0/05_errors.jsonl", LR_DIALECT_LEGACY,
                                    SIZE_MAX / 2, 30});
}

Test(rpc_client_golden, loses_nothing_whichever_allocation_fails_in_a_session) {
    struct replay_case ffi = {"ffi-v0.26/03_session_clean.jsonl", LR_DIALECT_FFI, 11, 18};
    struct replay_case legacy = {"legacy-v0.10.0/03_session_clean.jsonl", LR_DIALECT_LEGACY, 11,
                                 18};
    lr_test_each_failure(play, &ffi);
    lr_test_each_failure(play, &legacy);
}
