/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory: bounds, limits, what a session may see. Each case also runs with every allocation
 * failing in turn, unless it says that it is large. */
#include <string.h>

#include "support/server_rig.h"

static const struct lr_device cpu = {1, 0};

RIG_CASE(server_device, copies_there_and_back) {
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, 8), 8);
    rig_copy_to(rig, link, &tensor, bytes, 8);
    rig_hear_void(rig, link);
    rig_copy_from(rig, link, &tensor, 8);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig->heard.code == LR_PACKET_COPY_ACK && rig->heard.payload_size == 8 &&
                        memcmp(rig->heard.payload, bytes, 8) == 0);
    tensor.byte_offset = 6;
    rig_copy_from(rig, link, &tensor, 2);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig->heard.payload_size == 2 && rig->heard.payload[0] == 7);
}

RIG_CASE(server_device, what_was_never_written_is_zero) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, 300), 300);
    tensor.byte_offset = 200;
    rig_copy_to(rig, link, &tensor, "x", 1);
    rig_hear_void(rig, link);
    tensor.byte_offset = 0;
    rig_copy_from(rig, link, &tensor, 300);
    rig_expect(rig, rig_hear(rig, link));
    for (size_t i = 0; i < rig->heard.payload_size; i++) {
        rig_expect(rig, rig->heard.payload[i] == (i == 200 ? 'x' : 0));
    }
    rig_expect(rig, rig->heard.payload_size == 300);
}

RIG_CASE(server_device, nothing_beyond_an_allocation_is_reached) {
    static const struct {
        uint64_t offset, size;
    } outside[] = {{0, 9},          {8, 1}, {9, 0}, {UINT64_MAX, 1}, {UINT64_MAX - 3, 8},
                   {1, UINT64_MAX}, {4, 5}};
    static const uint8_t bytes[16];
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, 8), 8);
    for (size_t i = 0; i < LR_COUNT_OF(outside); i++) {
        tensor.byte_offset = outside[i].offset;
        rig_copy_from(rig, link, &tensor, outside[i].size);
        rig_hear_exception(rig, link, "do not lie in");
        if (outside[i].size <= sizeof bytes) {
            rig_copy_to(rig, link, &tensor, bytes, (size_t)outside[i].size);
            rig_hear_exception(rig, link, "do not lie in");
        }
    }
    rig_expect_alive(rig, link);
}

RIG_CASE(server_device, copies_among_and_over_itself) {
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, 8), 8);
    rig_copy_to(rig, link, &tensor, bytes, 8);
    rig_hear_void(rig, link);
    struct lr_value items[] = {lr_value_tensor(&tensor), lr_value_tensor(&tensor),
                               lr_value_handle(0)};
    items[0].as.tensor.shape[0] = 6;
    items[1].as.tensor.shape[0] = 6;
    items[1].as.tensor.byte_offset = 2;
    rig_send_values(rig, link, LR_PACKET_COPY_AMONG_REMOTE, items, 3);
    rig_hear_void(rig, link);
    rig_copy_from(rig, link, &tensor, 8);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig->heard.payload_size == 8 &&
                        memcmp(rig->heard.payload, "\1\2\1\2\3\4\5\6", 8) == 0);
    items[1].as.tensor.byte_offset = 3;
    rig_send_values(rig, link, LR_PACKET_COPY_AMONG_REMOTE, items, 3);
    rig_hear_exception(rig, link, "do not lie in");
    items[1].as.tensor.shape[0] = 5;
    rig_send_values(rig, link, LR_PACKET_COPY_AMONG_REMOTE, items, 3);
    rig_hear_exception(rig, link, "not of one size");
}

RIG_CASE(server_device, allocates_as_tensors_say) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(0, 3);
    tensor.dtype = (struct lr_dtype){.code = 2, .bits = 32, .lanes = 1};
    struct lr_value items[] = {lr_value_tensor(&tensor), lr_value_null()};
    rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE, items, 2);
    rig_expect(rig, rig_hear(rig, link));
    struct lr_value handle = rig_heard(rig, 0);
    rig_expect(rig, handle.kind == LR_VALUE_HANDLE);
    rig_expect(rig, lr_server_count(rig->server).device_bytes == 12);
    struct lr_value free_data[] = {lr_value_device(cpu), handle};
    rig_send_values(rig, link, LR_PACKET_DEV_FREE_DATA, free_data, 2);
    rig_hear_void(rig, link);
    rig_expect(rig, lr_server_count(rig->server).device_bytes == 0);
    rig_send_values(rig, link, LR_PACKET_DEV_FREE_DATA, free_data, 2);
    rig_hear_exception(rig, link, "no handle");
    items[1] = lr_value_str(lr_text_of("texture"));
    rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE, items, 2);
    rig_hear_exception(rig, link, "texture");
}

RIG_CASE(server_device, an_allocation_of_nothing_has_a_handle) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, 0), 0);
    rig_expect(rig, tensor.data != 0);
    rig_copy_to(rig, link, &tensor, "", 0);
    rig_hear_void(rig, link);
    rig_copy_from(rig, link, &tensor, 0);
    rig_expect(rig, rig_hear(rig, link) && rig->heard.code == LR_PACKET_COPY_ACK);
}

RIG_CASE(server_device, a_huge_allocation_is_refused_and_the_session_lives) {
    static const int64_t sizes[] = {INT64_MAX, (int64_t)1 << 46, ((int64_t)1 << 30) + 1};
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {
        lr_value_device(cpu), lr_value_int(0), lr_value_int(64),
        lr_value_dtype((struct lr_dtype){.code = 2, .bits = 32, .lanes = 1})};
    for (size_t i = 0; i < LR_COUNT_OF(sizes); i++) {
        items[1] = lr_value_int(sizes[i]);
        rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA, items, 4);
        rig_hear_exception(rig, link, "MemoryError");
    }
    items[1] = lr_value_int(-1);
    rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA, items, 4);
    rig_hear_exception(rig, link, "cannot allocate");
    items[1] = lr_value_int(8);
    items[2] = lr_value_int(3);
    rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA, items, 4);
    rig_hear_exception(rig, link, "aligned to 3");
    struct lr_tensor tensor = rig_tensor(0, INT64_MAX);
    tensor.ndim = 2;
    tensor.shape[1] = INT64_MAX;
    struct lr_value shape[] = {lr_value_tensor(&tensor), lr_value_null()};
    rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE, shape, 2);
    rig_hear_exception(rig, link, "");
    rig_expect_alive(rig, link);
}

static int64_t available_memory(struct server_rig *rig, lr_link link) {
    struct lr_value items[] = {lr_value_device(cpu), lr_value_int(14)};
    rig_send_values(rig, link, LR_PACKET_DEV_GET_ATTR, items, 2);
    rig_expect(rig, rig_hear(rig, link));
    return rig_heard(rig, 0).as.integer;
}

RIG_CASE(server_device, has_a_cpu_and_nothing_else) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {lr_value_device(cpu), lr_value_int(0)};
    rig_send_values(rig, link, LR_PACKET_DEV_GET_ATTR, items, 2);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 0).as.integer == 1);
    items[1] = lr_value_int(1); /* an attribute that a CPU does not have */
    rig_send_values(rig, link, LR_PACKET_DEV_GET_ATTR, items, 2);
    rig_hear_void(rig, link);
    rig_expect(rig,
               available_memory(rig, link) == (int64_t)lr_server_options_default.memory_bytes_max);
    rig_allocate(rig, link, 100);
    rig_expect(rig, available_memory(rig, link) ==
                        (int64_t)lr_server_options_default.memory_bytes_max - 100);
    items[0].as.device.type = 2;
    rig_send_values(rig, link, LR_PACKET_DEV_GET_ATTR, items, 2);
    rig_hear_exception(rig, link, "no device");
    rig_send_values(rig, link, LR_PACKET_DEV_SET_DEVICE, items, 1);
    rig_hear_exception(rig, link, "no device");
    items[1] = lr_value_int(0); /* whether it is there may be asked */
    rig_send_values(rig, link, LR_PACKET_DEV_GET_ATTR, items, 2);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 0).kind == LR_VALUE_INT && rig_heard(rig, 0).as.integer == 0);
    items[0].as.device = cpu;
    rig_send_values(rig, link, LR_PACKET_DEV_SET_DEVICE, items, 1);
    rig_hear_void(rig, link);
}

RIG_CASE(server_device, allocations_have_a_size_and_an_alignment) {
    static const struct {
        int64_t size, alignment;
        bool refused;
    } rows[] = {
        {0, 1, false}, {8, 0, false},  {8, 1 << 20, false},  {8, 1 << 21, true},
        {8, 3, true},  {8, -1, true},  {8, INT64_MIN, true}, {-1, 8, true},
        {8, 96, true}, {8, 64, false},
    };
    lr_link link = rig_open(rig, "client:dev");
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_value items[] = {
            lr_value_device(cpu), lr_value_int(rows[i].size), lr_value_int(rows[i].alignment),
            lr_value_dtype((struct lr_dtype){.code = 1, .bits = 8, .lanes = 1})};
        rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA, items, 4);
        if (rows[i].refused) {
            rig_hear_exception(rig, link, "cannot allocate");
        } else {
            rig_expect(rig, rig_hear(rig, link));
            rig_expect(rig, rig_heard(rig, 0).kind == LR_VALUE_HANDLE);
        }
    }
}

/* Some clients send no handle where they mean the stream that is always there. */
RIG_CASE(server_device, no_handle_is_the_default_stream) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {lr_value_device(cpu), lr_value_null()};
    rig_send_values(rig, link, LR_PACKET_DEV_STREAM_SYNC, items, 2);
    rig_hear_void(rig, link);
    rig_send_values(rig, link, LR_PACKET_DEV_FREE_DATA, items, 2);
    rig_hear_exception(rig, link, "no handle");
}

RIG_CASE(server_device, streams_are_handles) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {lr_value_device(cpu), lr_value_handle(0)};
    rig_send_values(rig, link, LR_PACKET_DEV_GET_CURRENT_STREAM, items, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 0).as.handle == 0);
    rig_send_values(rig, link, LR_PACKET_DEV_STREAM_SYNC, items, 2);
    rig_hear_void(rig, link);
    rig_send_values(rig, link, LR_PACKET_DEV_CREATE_STREAM, items, 1);
    rig_expect(rig, rig_hear(rig, link));
    uint64_t stream = rig_heard(rig, 0).as.handle;
    items[1] = lr_value_handle(stream);
    rig_send_values(rig, link, LR_PACKET_DEV_SET_STREAM, items, 2);
    rig_hear_void(rig, link);
    rig_send_values(rig, link, LR_PACKET_DEV_GET_CURRENT_STREAM, items, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 0).as.handle == stream);
    rig_send_values(rig, link, LR_PACKET_DEV_FREE_STREAM, items, 2);
    rig_hear_void(rig, link);
    rig_send_values(rig, link, LR_PACKET_DEV_STREAM_SYNC, items, 2);
    rig_hear_exception(rig, link, "no handle");
    rig_send_values(rig, link, LR_PACKET_DEV_GET_CURRENT_STREAM, items, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 0).as.handle == 0);
}

RIG_CASE(server_device, arguments_of_other_kinds_are_refused) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value wrong[] = {lr_value_int(1), lr_value_int(2), lr_value_int(3), lr_value_int(4)};
    for (int32_t code = LR_PACKET_DEV_SET_DEVICE; code < LR_PACKET_CODE_END; code++) {
        rig_send_values(rig, link, code, wrong, 4);
        rig_hear_exception(rig, link, "TypeError");
    }
    rig_expect_alive(rig, link);
}

/* Large: 64 MB arrive in pieces of 64 KiB, and go back. */
RIG_CASE_ONCE(server_device, carries_64_megabytes_in_pieces, NULL) {
    enum { SIZE = 64 << 20, PIECE = 64 << 10 };
    struct lr_packet packet;
    struct lr_buf bytes;
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, SIZE), SIZE);
    uint8_t *payload = lr_alloc_bytes(lr_alloc_system(), SIZE);
    cr_assert_not_null(payload);
    for (size_t i = 0; i < SIZE; i++) {
        payload[i] = (uint8_t)(i * 7 + i / 65536);
    }
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_COPY_TO_REMOTE;
    packet.tensor = tensor;
    packet.nbytes = SIZE;
    packet.payload = payload;
    packet.payload_size = SIZE;
    lr_buf_init(&bytes, lr_alloc_system());
    cr_assert_eq(lr_packet_encode(rig->dialect, &packet, &bytes), LR_OK);
    uint64_t calls = rig->alloc->calls;
    lr_driver_feed_pieces(rig->driver, link, lr_buf_data(&bytes), lr_buf_size(&bytes), PIECE);
    cr_assert_lt(rig->alloc->calls - calls, 64, "memory grew in too many steps");
    lr_buf_deinit(&bytes);
    rig_hear_void(rig, link);
    rig_copy_from(rig, link, &tensor, SIZE);
    cr_assert(rig_hear(rig, link));
    cr_assert_eq(rig->heard.payload_size, SIZE);
    cr_assert_eq(memcmp(rig->heard.payload, payload, SIZE), 0);
    lr_alloc_free(lr_alloc_system(), payload, SIZE);
    rig_expect_alive(rig, link);
}

enum { LONG = 200 * 1000, FILL = 0x5a };

/* A CopyToRemote of LONG bytes to |tensor|, of which the first |part| arrive, in pieces. */
static void send_long_copy(struct server_rig *rig, lr_link link, const struct lr_tensor *tensor,
                           size_t part, size_t piece) {
    static uint8_t payload[LONG];
    struct lr_packet packet;
    struct lr_buf bytes;
    memset(payload, FILL, sizeof payload);
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_COPY_TO_REMOTE;
    packet.tensor = *tensor;
    packet.nbytes = sizeof payload;
    packet.payload = payload;
    packet.payload_size = sizeof payload;
    lr_buf_init(&bytes, lr_alloc_system());
    cr_assert_eq(lr_packet_encode(rig->dialect, &packet, &bytes), LR_OK);
    size_t size = part < lr_buf_size(&bytes) ? part : lr_buf_size(&bytes);
    lr_driver_feed_pieces(rig->driver, link, lr_buf_data(&bytes), size, piece);
    lr_buf_deinit(&bytes);
}

RIG_CASE(server_device, a_long_copy_lands_where_it_belongs_however_it_arrives) {
    static const size_t pieces[] = {11, 4096, 70001};
    lr_link link = rig_open(rig, "client:dev");
    uint64_t handle = rig_allocate(rig, link, LONG + 2);
    for (size_t i = 0; i < LR_COUNT_OF(pieces); i++) {
        struct lr_tensor tensor = rig_tensor(handle, LONG);
        tensor.byte_offset = 1;
        send_long_copy(rig, link, &tensor, SIZE_MAX, pieces[i]);
        rig_hear_void(rig, link);
        tensor.byte_offset = 0;
        rig_copy_from(rig, link, &tensor, LONG + 2);
        rig_expect(rig, rig_hear(rig, link));
        rig_expect(rig, rig->heard.payload_size == LONG + 2);
        for (size_t at = 0; !rig->unjudged && at < LONG + 2; at++) {
            rig_expect(rig, rig->heard.payload[at] == (at == 0 || at == LONG + 1 ? 0 : FILL));
        }
    }
}

RIG_CASE(server_device, a_long_copy_that_leads_nowhere_is_answered_when_it_is_whole) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor nobodys = rig_tensor(0xdead, LONG);
    struct lr_tensor small = rig_tensor(rig_allocate(rig, link, 8), 8);
    send_long_copy(rig, link, &nobodys, SIZE_MAX, 4096);
    rig_hear_exception(rig, link, "");
    send_long_copy(rig, link, &small, SIZE_MAX, 4096);
    rig_hear_exception(rig, link, "do not lie in");
    rig_expect_alive(rig, link);
}

RIG_CASE(server_device, a_long_copy_that_is_left_unfinished_leaves_nothing) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, LONG), LONG);
    send_long_copy(rig, link, &tensor, LONG / 2, 4096);
    lr_driver_fin(rig->driver, link);
}
