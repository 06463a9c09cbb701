/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/framer.h"
#include "support/failing.h"

/* A word, two texts of which one is empty, packets of 0 and 3 bytes. */
static const uint8_t stream[] = {
    0x71, 0xf2, 0x0f, 0x00,                            /* word */
    3,    0,    0,    0,    'k', 'e', 'y',             /* text */
    0,    0,    0,    0,                               /* text */
    0,    0,    0,    0,    0,   0,   0,   0,          /* packet */
    3,    0,    0,    0,    0,   0,   0,   0, 1, 2, 3, /* packet */
};

static const struct {
    enum lr_frame_kind kind;
    uint64_t begin, end;
    const char *body;
} expected[] = {
    {LR_FRAME_WORD, 0, 4, "\x71\xf2\x0f\x00"},
    {LR_FRAME_TEXT, 4, 11, "key"},
    {LR_FRAME_TEXT, 11, 15, ""},
    {LR_FRAME_PACKET, 15, 23, ""},
    {LR_FRAME_PACKET, 23, 34, "\x01\x02\x03"},
};

static void expect_frame(size_t index, const struct lr_frame *frame) {
    static const size_t sizes[] = {4, 3, 0, 0, 3};
    cr_assert_lt(index, LR_COUNT_OF(expected));
    cr_assert_eq(frame->kind, expected[index].kind);
    cr_assert_eq(frame->begin, expected[index].begin);
    cr_assert_eq(frame->end, expected[index].end);
    cr_assert_eq(frame->size, sizes[index]);
    cr_assert_eq(frame->kept, sizes[index]);
    cr_assert_not_null(frame->body);
    cr_assert_eq(memcmp(frame->body, expected[index].body, sizes[index]), 0);
}

/* Feeds the stream in chunks of |*context| bytes. */
static void feed_in_chunks(struct lr_alloc *alloc, void *context) {
    size_t step = *(size_t *)context;
    struct lr_framer framer;
    lr_framer_init(&framer, alloc, LR_FRAME_WORD);
    size_t index = 0;
    enum lr_status status = LR_OK;
    for (size_t at = 0; at < sizeof stream && status == LR_OK; at += step) {
        const uint8_t *data = stream + at;
        size_t left = at + step > sizeof stream ? sizeof stream - at : step;
        bool complete = true;
        while (complete && status == LR_OK) {
            struct lr_frame frame;
            status = lr_framer_next(&framer, &data, &left, &complete, &frame);
            if (status == LR_OK && complete) {
                expect_frame(index++, &frame);
                framer.expect =
                    index < LR_COUNT_OF(expected) ? expected[index].kind : LR_FRAME_PACKET;
            }
        }
        cr_assert(left == 0 || status != LR_OK);
    }
    if (status == LR_OK) {
        cr_assert_eq(index, LR_COUNT_OF(expected));
        cr_assert_not(lr_framer_inside(&framer));
        cr_assert_eq(framer.offset, sizeof stream);
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM);
    lr_framer_deinit(&framer);
}

Test(rpc_framer, finds_the_same_frames_however_the_bytes_arrive) {
    size_t with_memory = 0;
    for (size_t step = 1; step < sizeof stream; step++) {
        struct lr_counting_alloc counting;
        lr_counting_alloc_init(&counting, lr_alloc_system());
        feed_in_chunks(&counting.base, &step);
        cr_assert_eq(counting.live_blocks, 0);
        if (counting.calls > 0) { /* 23 cuts between frames, for one */
            with_memory++;
            lr_test_each_failure(feed_in_chunks, &step);
        }
    }
    cr_expect_gt(with_memory, 25);
}

Test(rpc_framer, hands_out_a_whole_frame_without_copying_it) {
    struct lr_counting_alloc counting;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    size_t step = sizeof stream;
    feed_in_chunks(&counting.base, &step);
    cr_expect_eq(counting.calls, 0);
}

static enum lr_status feed_once(struct lr_framer *framer, const void *bytes, size_t size,
                                bool *complete, struct lr_frame *frame) {
    const uint8_t *data = bytes;
    return lr_framer_next(framer, &data, &size, complete, frame);
}

Test(rpc_framer, refuses_a_negative_length_and_one_beyond_the_limit) {
    static const struct {
        enum lr_frame_kind kind;
        uint8_t bytes[8];
        enum lr_status status;
    } rows[] = {
        {LR_FRAME_TEXT, {0xfb, 0xff, 0xff, 0xff}, LR_EPROTO},
        {LR_FRAME_TEXT, {0x01, 0x04, 0, 0}, LR_ELIMIT},
        {LR_FRAME_PACKET, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, LR_ELIMIT},
        {LR_FRAME_PACKET, {0x01, 0x04, 0, 0, 0, 0, 0, 0}, LR_ELIMIT},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_framer framer;
        struct lr_frame frame;
        bool complete;
        lr_framer_init(&framer, lr_alloc_system(), rows[i].kind);
        framer.size_max = 1024;
        size_t size = rows[i].kind == LR_FRAME_TEXT ? 4 : 8;
        cr_expect_eq(feed_once(&framer, rows[i].bytes, size, &complete, &frame), rows[i].status,
                     "row %zu", i);
        cr_expect_not(complete);
        lr_framer_deinit(&framer);
    }
}

Test(rpc_framer, a_length_without_a_limit_still_cannot_pass_the_end_of_numbers) {
    struct lr_framer framer;
    struct lr_frame frame;
    bool complete;
    lr_framer_init(&framer, lr_alloc_system(), LR_FRAME_PACKET);
    static const uint8_t all[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    cr_expect_eq(feed_once(&framer, all, sizeof all, &complete, &frame), LR_ELIMIT);
    lr_framer_deinit(&framer);
}

Test(rpc_framer, allocates_what_has_come_and_not_what_is_announced) {
    struct lr_counting_alloc counting;
    struct lr_framer framer;
    struct lr_frame frame;
    bool complete;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_framer_init(&framer, &counting.base, LR_FRAME_PACKET);
    static const uint8_t terabyte[] = {0, 0, 0, 0, 0, 1, 0, 0, 'x'};
    cr_assert_eq(feed_once(&framer, terabyte, sizeof terabyte, &complete, &frame), LR_OK);
    cr_expect_not(complete);
    cr_expect(lr_framer_inside(&framer));
    cr_expect_lt(counting.peak_bytes, 1024);
    lr_framer_deinit(&framer);
    cr_expect_eq(counting.live_blocks, 0);
}

Test(rpc_framer, keeps_only_the_front_of_what_is_long) {
    struct lr_counting_alloc counting;
    struct lr_framer framer;
    struct lr_frame frame;
    bool complete = false;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_framer_init(&framer, &counting.base, LR_FRAME_PACKET);
    framer.keep_max = 16;
    static const uint8_t head[] = {0x10, 0x27, 0, 0, 0, 0, 0, 0}; /* 10000 */
    uint8_t body[10000];
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)i;
    }
    cr_assert_eq(feed_once(&framer, head, sizeof head, &complete, &frame), LR_OK);
    for (size_t at = 0; at < sizeof body; at += 1000) {
        cr_assert_not(complete);
        cr_assert_eq(feed_once(&framer, body + at, 1000, &complete, &frame), LR_OK);
    }
    cr_assert(complete);
    cr_expect_eq(frame.size, 10000);
    cr_expect_eq(frame.kept, 16);
    cr_expect_eq(frame.end, 10008);
    cr_expect_eq(memcmp(frame.body, body, 16), 0);
    cr_expect_lt(counting.peak_bytes, 1024);
    lr_framer_deinit(&framer);
    cr_expect_eq(counting.live_blocks, 0);
}

Test(rpc_framer, knows_whether_a_stream_may_end) {
    struct lr_framer framer;
    struct lr_frame frame;
    bool complete;
    lr_framer_init(&framer, lr_alloc_system(), LR_FRAME_TEXT);
    cr_expect_not(lr_framer_inside(&framer));
    cr_assert_eq(feed_once(&framer, "\x02\x00", 2, &complete, &frame), LR_OK);
    cr_expect(lr_framer_inside(&framer), "in the length");
    cr_assert_eq(feed_once(&framer, "\x00\x00", 2, &complete, &frame), LR_OK);
    cr_expect(lr_framer_inside(&framer), "before the body");
    cr_assert_eq(feed_once(&framer, "a", 1, &complete, &frame), LR_OK);
    cr_expect(lr_framer_inside(&framer), "in the body");
    cr_assert_eq(feed_once(&framer, "b", 1, &complete, &frame), LR_OK);
    cr_assert(complete);
    cr_expect_not(lr_framer_inside(&framer));
    lr_framer_deinit(&framer);
}

static const uint8_t long_packet[] = {10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

/* Until the body is whole, in pieces of |piece| bytes. */
static void feed_pieces(struct lr_framer *framer, const uint8_t *bytes, size_t size, size_t piece,
                        struct lr_frame *frame) {
    bool complete = false;
    for (size_t at = 0; at < size; at += piece) {
        cr_assert_not(complete);
        cr_assert_eq(
            feed_once(framer, bytes + at, size - at < piece ? size - at : piece, &complete, frame),
            LR_OK);
    }
    cr_assert(complete);
}

Test(rpc_framer, gives_away_the_body_that_it_has_put_together) {
    struct lr_counting_alloc counting;
    struct lr_framer framer;
    struct lr_frame frame;
    struct lr_buf body;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_framer_init(&framer, &counting.base, LR_FRAME_PACKET);
    for (int i = 0; i < 2; i++) { /* and follows the stream afterwards */
        feed_pieces(&framer, long_packet, sizeof long_packet, 7, &frame);
        cr_assert(lr_framer_take(&framer, &body));
        cr_expect_eq(lr_buf_data(&body), frame.body);
        cr_expect_eq(lr_buf_size(&body), 10);
        cr_expect_eq(memcmp(lr_buf_data(&body), long_packet + 8, 10), 0);
        cr_expect_not(lr_framer_inside(&framer));
        cr_expect_not(lr_framer_take(&framer, &body), "there is one, and it is given away");
        lr_buf_deinit(&body);
    }
    feed_pieces(&framer, long_packet, sizeof long_packet, sizeof long_packet, &frame);
    cr_expect_not(lr_framer_take(&framer, &body), "it lies in the input");
    lr_framer_deinit(&framer);
    cr_expect_eq(counting.live_blocks, 0);
}

Test(rpc_framer, puts_the_rest_of_a_body_where_it_is_wanted) {
    for (size_t piece = 1; piece < 10; piece++) {
        struct lr_framer framer;
        struct lr_frame frame;
        uint8_t rest[8];
        const uint8_t *body;
        size_t kept;
        uint64_t size;
        bool complete;
        lr_framer_init(&framer, lr_alloc_system(), LR_FRAME_PACKET);
        cr_expect_not(lr_framer_begun(&framer, &body, &kept, &size));
        cr_assert_eq(feed_once(&framer, long_packet, 13, &complete, &frame), LR_OK);
        cr_assert(lr_framer_begun(&framer, &body, &kept, &size));
        cr_expect_eq(kept, 5);
        cr_expect_eq(size, 10);
        cr_expect_eq(body[4], 4);
        lr_framer_direct(&framer, 2, rest);
        cr_expect_not(lr_framer_begun(&framer, &body, &kept, &size));
        feed_pieces(&framer, long_packet + 13, 5, piece, &frame);
        cr_expect_eq(frame.size, 10);
        cr_expect_eq(frame.kept, 2);
        cr_expect_eq(memcmp(frame.body, long_packet + 8, 2), 0);
        cr_expect_eq(memcmp(rest, long_packet + 10, 8), 0);
        feed_pieces(&framer, long_packet, sizeof long_packet, 6, &frame); /* the next is kept */
        cr_expect_eq(frame.kept, 10);
        lr_framer_deinit(&framer);
    }
}
