/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/handshake.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"

static const char client_prefix[] = "client:";
static const char server_prefix[] = "server:";
static const char timeout_option[] = "-timeout=";

enum {
    QUOTE_MAX = 64,       /* of a peer's text in an error */
    MATCHKEY_DIGITS = 16, /* as many as Python's random.random() has, about */
    SECONDS_MAX = 32,     /* 11 digits, a point, 9 digits, NUL */
    SECOND_DIGITS = 9     /* of a fraction in nanoseconds */
};

/* What separates a key from its options: ASCII white space. */
static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes the next word off the front of |*rest|; an empty one where there is none. */
static struct lr_text take_word(struct lr_text *rest) {
    size_t begin = 0;
    while (begin < rest->size && is_blank(rest->data[begin])) {
        begin++;
    }
    size_t end = begin;
    while (end < rest->size && !is_blank(rest->data[end])) {
        end++;
    }
    struct lr_text word = {rest->data + begin, end - begin};
    *rest = (struct lr_text){rest->data + end, rest->size - end};
    return word;
}

static struct lr_text without_front(struct lr_text text, size_t size) {
    return (struct lr_text){text.data + size, text.size - size};
}

static enum lr_status parse_option(struct lr_text option, struct lr_client_key *key,
                                   struct lr_error *error) {
    char quoted[QUOTE_MAX];
    if (!lr_text_starts_with(option, timeout_option)) {
        return lr_error_set(error, LR_EPROTO, "unknown option %s in the client's key",
                            lr_text_quote(quoted, sizeof quoted, option));
    }
    struct lr_text seconds = without_front(option, strlen(timeout_option));
    uint64_t ns;
    if (lr_text_to_seconds(seconds, &ns) != LR_OK) {
        return lr_error_set(error, LR_EPROTO, "session timeout %s is no number of seconds",
                            lr_text_quote(quoted, sizeof quoted, seconds));
    }
    key->timeout = seconds;
    key->timeout_ns = ns == 0 ? LR_TIME_NEVER : ns;
    return LR_OK;
}

enum lr_status lr_client_key_parse(struct lr_text text, struct lr_client_key *key,
                                   struct lr_error *error) {
    char quoted[QUOTE_MAX];
    *key = (struct lr_client_key){.timeout_ns = LR_TIME_NEVER};
    if (text.size == 0) {
        return lr_error_set(error, LR_EPROTO, "the client's key is empty");
    }
    if (!lr_text_is_utf8(text)) {
        return lr_error_set(error, LR_EPROTO, "the client's key %s is not UTF-8",
                            lr_text_quote(quoted, sizeof quoted, text));
    }
    struct lr_text rest = text;
    struct lr_text name =
        is_blank(text.data[0]) ? (struct lr_text){text.data, 0} : take_word(&rest);
    if (!lr_text_starts_with(name, client_prefix)) {
        return lr_error_set(error, LR_EPROTO, "the client's key %s does not begin with client:",
                            lr_text_quote(quoted, sizeof quoted, text));
    }
    key->matchkey = without_front(name, strlen(client_prefix));
    for (struct lr_text option = take_word(&rest); option.size > 0; option = take_word(&rest)) {
        enum lr_status status = parse_option(option, key, error);
        if (status != LR_OK) {
            return status;
        }
    }
    return LR_OK;
}

/* "60" or "0.5". Returns its length. */
static size_t format_seconds(char out[SECONDS_MAX], uint64_t ns) {
    uint64_t fraction = ns % LR_SECOND;
    int written = snprintf(out, SECONDS_MAX, "%" PRIu64 ".%0*" PRIu64, ns / LR_SECOND,
                           SECOND_DIGITS, fraction);
    LR_ASSERT(written > SECOND_DIGITS && written < SECONDS_MAX);
    size_t size = (size_t)written;
    while (fraction != 0 && out[size - 1] == '0') {
        size--;
    }
    return fraction == 0 ? size - SECOND_DIGITS - 1 : size; /* without the point */
}

/* Room for a message of at most |size| bytes, so that what follows cannot fail half-way. */
static enum lr_status reserve(struct lr_buf *out, size_t size) {
    uint8_t *room;
    return size > INT32_MAX ? LR_ENOMEM : lr_buf_reserve(out, size, &room);
}

static enum lr_status encode_client(struct lr_text matchkey, struct lr_text seconds,
                                    struct lr_buf *out) {
    static const char blank[] = " ";
    size_t option_size =
        seconds.size == 0 ? 0 : strlen(blank) + strlen(timeout_option) + seconds.size;
    if (matchkey.size > INT32_MAX / 4 || seconds.size > INT32_MAX / 4) {
        return LR_ENOMEM;
    }
    size_t size = strlen(client_prefix) + matchkey.size + option_size;
    enum lr_status status = reserve(out, 8 + size);
    if (status != LR_OK) {
        return status;
    }
    struct lr_writer writer = lr_writer_of(out);
    lr_write_u32(&writer, LR_MAGIC_RPC);
    lr_write_i32(&writer, (int32_t)size);
    lr_write_bytes(&writer, client_prefix, strlen(client_prefix));
    lr_write_bytes(&writer, matchkey.data, matchkey.size);
    if (option_size > 0) {
        lr_write_bytes(&writer, blank, strlen(blank));
        lr_write_bytes(&writer, timeout_option, strlen(timeout_option));
        lr_write_bytes(&writer, seconds.data, seconds.size);
    }
    LR_ASSERT(writer.status == LR_OK);
    return LR_OK;
}

enum lr_status lr_client_hello_encode(struct lr_text matchkey, uint64_t timeout_ns,
                                      struct lr_buf *out) {
    char digits[SECONDS_MAX];
    struct lr_text seconds = {digits, 0};
    if (timeout_ns != 0 && timeout_ns != LR_TIME_NEVER) {
        seconds.size = format_seconds(digits, timeout_ns);
    }
    return encode_client(matchkey, seconds, out);
}

enum lr_status lr_client_key_encode(const struct lr_client_key *key, struct lr_buf *out) {
    return encode_client(key->matchkey, key->timeout, out);
}

enum lr_status lr_server_hello_encode(uint32_t word, struct lr_text key, struct lr_buf *out) {
    if (word != LR_MAGIC_RPC) {
        return lr_word_encode(word, out);
    }
    if (key.size > INT32_MAX / 2) {
        return LR_ENOMEM;
    }
    size_t size = strlen(server_prefix) + key.size;
    enum lr_status status = reserve(out, 8 + size);
    if (status != LR_OK) {
        return status;
    }
    struct lr_writer writer = lr_writer_of(out);
    lr_write_u32(&writer, word);
    lr_write_i32(&writer, (int32_t)size);
    lr_write_bytes(&writer, server_prefix, strlen(server_prefix));
    lr_write_bytes(&writer, key.data, key.size);
    LR_ASSERT(writer.status == LR_OK);
    return LR_OK;
}

uint32_t lr_word_decode(const uint8_t body[4]) {
    struct lr_reader reader = lr_reader_of(body, 4);
    return lr_read_u32(&reader);
}

enum lr_status lr_word_encode(uint32_t word, struct lr_buf *out) {
    struct lr_writer writer = lr_writer_of(out);
    lr_write_u32(&writer, word);
    return writer.status;
}

char *lr_matchkey_new(struct lr_alloc *alloc, struct lr_text key, struct lr_prng *random) {
    static const char middle[] = ":0.";
    LR_ASSERT(key.size <= INT32_MAX);
    size_t size = key.size + strlen(middle) + MATCHKEY_DIGITS;
    char *matchkey = lr_alloc_bytes(alloc, size + 1);
    if (matchkey == NULL) {
        return NULL;
    }
    size_t at = key.size;
    if (key.size > 0) {
        memcpy(matchkey, key.data, key.size);
    }
    memcpy(matchkey + at, middle, strlen(middle));
    at += strlen(middle);
    for (; at < size; at++) {
        matchkey[at] = (char)('0' + (int)lr_prng_below(random, 10));
    }
    matchkey[size] = '\0';
    return matchkey;
}

struct lr_text lr_matchkey_key(struct lr_text matchkey) {
    for (size_t i = matchkey.size; i > 0; i--) {
        if (matchkey.data[i - 1] == ':') {
            return (struct lr_text){matchkey.data, i - 1};
        }
    }
    return matchkey;
}
