/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/digest.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static void mix_byte(struct lr_digest *digest, unsigned int byte) {
    digest->value = (digest->value ^ (byte & 0xff)) * FNV_PRIME;
}

static void mix_number(struct lr_digest *digest, uint64_t number, unsigned int bytes) {
    for (unsigned int i = 0; i < bytes; i++) {
        mix_byte(digest, (unsigned int)(number >> (8 * i)));
    }
}

/* With its end, so that what follows cannot slide into it. */
static void mix_text(struct lr_digest *digest, const char *text) {
    for (const char *at = text == NULL ? "" : text; *at != '\0'; at++) {
        mix_byte(digest, (unsigned char)*at);
    }
    mix_byte(digest, 0);
}

static void emit(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    struct lr_digest *digest = LR_CONTAINER_OF(sink, struct lr_digest, base);
    digest->events++;
    mix_number(digest, event->at, 8);
    mix_text(digest, lr_trace_name(event->kind)); /* its number moves when the list grows */
    mix_text(digest, event->host);
    mix_number(digest, event->conn, 4);
    mix_text(digest, event->text);
    if (digest->next != NULL && lr_trace_level_of(event->kind) >= digest->next->level) {
        digest->next->emit(digest->next, event);
    }
}

void lr_digest_init(struct lr_digest *digest, struct lr_trace_sink *next) {
    *digest = (struct lr_digest){
        .base = {.emit = emit, .level = LR_TRACE_DEBUG}, .next = next, .value = FNV_BASIS};
}
