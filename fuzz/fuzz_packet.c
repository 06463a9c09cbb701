/* SPDX-License-Identifier: Apache-2.0 */
/* Packets, the handshake, and the framer that cuts both out of a stream. */
#include <string.h>

#include "fuzz.h"
#include "rpc/framer.h"
#include "rpc/handshake.h"
#include "rpc/packet.h"

static enum lr_status packet_again(struct fuzz_input *input, enum lr_dialect dialect,
                                   const struct lr_packet *packet, struct lr_packet *again,
                                   struct lr_buf *bytes) {
    enum lr_status status = lr_packet_encode(dialect, packet, bytes);
    if (status != LR_OK) {
        return status;
    }
    LR_ASSERT(lr_buf_size(bytes) == input->size + 8);
    status = lr_packet_decode(dialect, &lr_value_limits_default, lr_buf_data(bytes) + 8,
                              lr_buf_size(bytes) - 8, again, NULL);
    LR_ASSERT(status == LR_OK || status == LR_ENOMEM);
    if (status == LR_OK) {
        LR_ASSERT(packet->code == again->code);
        LR_ASSERT(packet->values.count == again->values.count);
        LR_ASSERT(packet->payload_size == again->payload_size);
        LR_ASSERT(packet->handle == again->handle && packet->nbytes == again->nbytes);
        LR_ASSERT(lr_text_equal(packet->version, again->version));
    }
    return status;
}

/* What the front tells must be what the whole tells. */
static void check_front(struct fuzz_input *input, enum lr_dialect dialect,
                        const struct lr_packet *packet) {
    struct lr_packet front;
    lr_packet_init(&front, lr_alloc_system());
    for (size_t kept = 0; kept < input->size && kept < 100; kept += 7) {
        enum lr_status status = lr_packet_decode_front(
            dialect, &lr_value_limits_default, input->data, kept, input->size, &front, NULL);
        LR_ASSERT(status != LR_OK || front.code == packet->code);
        LR_ASSERT(status != LR_OK || front.nbytes == packet->nbytes);
    }
    lr_packet_deinit(&front);
}

static enum lr_status fuzz_one_packet(struct fuzz_input *input, enum lr_dialect dialect) {
    struct lr_packet packet;
    struct lr_packet again;
    struct lr_buf bytes;
    lr_packet_init(&packet, &input->counting.base);
    lr_packet_init(&again, &input->counting.base);
    lr_buf_init(&bytes, &input->counting.base);
    enum lr_dialect shown;
    bool shows = lr_packet_shows_dialect(input->data, input->size, &shown);
    enum lr_status status = lr_packet_decode(dialect, &lr_value_limits_default, input->data,
                                             input->size, &packet, NULL);
    LR_ASSERT(!shows || status == LR_ENOMEM || (status == LR_OK) == (shown == dialect));
    if (status == LR_OK) {
        check_front(input, dialect, &packet);
        status = packet_again(input, dialect, &packet, &again, &bytes);
    }
    lr_buf_deinit(&bytes);
    lr_packet_deinit(&again);
    lr_packet_deinit(&packet);
    return status;
}

static enum lr_status fuzz_key(struct fuzz_input *input) {
    struct lr_text text = {(const char *)input->data, input->size};
    struct lr_client_key key;
    struct lr_client_key again;
    struct lr_buf bytes;
    enum lr_status status = lr_client_key_parse(text, &key, NULL);
    if (status != LR_OK) {
        return status;
    }
    lr_buf_init(&bytes, &input->counting.base);
    status = lr_client_key_encode(&key, &bytes);
    if (status == LR_OK) {
        struct lr_text written = {(const char *)lr_buf_data(&bytes) + 8, lr_buf_size(&bytes) - 8};
        status = lr_client_key_parse(written, &again, NULL);
        LR_ASSERT(status == LR_OK);
        LR_ASSERT(lr_text_equal(key.matchkey, again.matchkey));
        LR_ASSERT(key.timeout_ns == again.timeout_ns);
        lr_buf_deinit(&bytes);
        status = lr_client_hello_encode(key.matchkey, key.timeout_ns, &bytes);
    }
    if (status == LR_OK) {
        struct lr_text written = {(const char *)lr_buf_data(&bytes) + 8, lr_buf_size(&bytes) - 8};
        status = lr_client_key_parse(written, &again, NULL);
        LR_ASSERT(status == LR_OK && key.timeout_ns == again.timeout_ns);
    }
    lr_buf_deinit(&bytes);
    return status;
}

/* A summary of the frames of a stream, the same however it is cut. */
struct frames {
    uint64_t hash;
    size_t count;
    enum lr_status status;
};

static void add_frame(struct frames *frames, const struct lr_frame *frame) {
    frames->count++;
    LR_ASSERT(frame->kept <= frame->size);
    for (size_t i = 0; i < frame->kept; i++) {
        frames->hash = (frames->hash ^ frame->body[i]) * UINT64_C(0x100000001b3);
    }
    frames->hash = (frames->hash ^ frame->end) * UINT64_C(0x100000001b3);
}

/* The first frame is a word, the second text, the others packets, or texts all along. */
static struct frames cut(struct fuzz_input *input, struct lr_alloc *alloc, size_t step,
                         bool texts) {
    struct frames frames = {.status = LR_OK};
    struct lr_framer framer;
    lr_framer_init(&framer, alloc, LR_FRAME_WORD);
    framer.size_max = 1 << 20;
    for (size_t at = 0; at < input->size && frames.status == LR_OK; at += step) {
        const uint8_t *data = input->data + at;
        size_t left = input->size - at < step ? input->size - at : step;
        bool complete = true;
        while (complete && frames.status == LR_OK) {
            struct lr_frame frame;
            frames.status = lr_framer_next(&framer, &data, &left, &complete, &frame);
            if (frames.status == LR_OK && complete) {
                add_frame(&frames, &frame);
                framer.expect = texts || frames.count < 2 ? LR_FRAME_TEXT : LR_FRAME_PACKET;
            }
        }
    }
    lr_framer_deinit(&framer);
    return frames;
}

static enum lr_status fuzz_stream(struct fuzz_input *input, bool texts) {
    struct frames whole = cut(input, lr_alloc_system(), input->size + 1, texts);
    struct frames bytes = cut(input, &input->counting.base, 1, texts);
    struct frames some = cut(input, lr_alloc_system(), 5, texts);
    LR_ASSERT(whole.status == some.status && whole.hash == some.hash);
    if (bytes.status != LR_ENOMEM) {
        LR_ASSERT(whole.status == bytes.status && whole.count == bytes.count);
        LR_ASSERT(whole.hash == bytes.hash);
    }
    return bytes.status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input;
    if (!fuzz_begin(&input, data, size)) {
        return 0;
    }
    enum lr_status status = LR_OK;
    switch (input.choice % 5) {
    case 0:
        status = fuzz_one_packet(&input, LR_DIALECT_LEGACY);
        break;
    case 1:
        status = fuzz_one_packet(&input, LR_DIALECT_FFI);
        break;
    case 2:
        status = fuzz_key(&input);
        break;
    default:
        status = fuzz_stream(&input, input.choice % 5 == 3);
        break;
    }
    fuzz_end(&input, status);
    return 0;
}
