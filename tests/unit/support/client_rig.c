/* SPDX-License-Identifier: Apache-2.0 */
#include "support/client_rig.h"

#include <stdio.h>
#include <string.h>

#include "rpc/handshake.h"

static void count_event(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    struct client_rig *rig = LR_CONTAINER_OF(sink, struct client_rig, sink);
    rig->requests += event->kind == LR_TRACE_REQUEST ? 1 : 0;
    rig->retries += event->kind == LR_TRACE_RETRY ? 1 : 0;
    if (event->kind == LR_TRACE_REFERENCE) {
        rig->references++;
        (void)snprintf(rig->last_reference, sizeof rig->last_reference, "%s", event->text);
    }
}

bool client_rig_init(struct client_rig *rig, struct lr_alloc *alloc,
                     const struct lr_client_options *options) {
    struct lr_client_options defaults = lr_client_options_default;
    defaults.tracker_host = "tracker.test";
    *rig = (struct client_rig){.server = LR_LINK_NONE, .sink = {.emit = count_event}};
    rig->alloc = LR_CONTAINER_OF(alloc, struct lr_counting_alloc, base);
    lr_prng_init(&rig->random, 1);
    const struct lr_env env = {.alloc = alloc,
                               .device = alloc,
                               .random = &rig->random,
                               .trace = {.sink = &rig->sink, .host = "client"}};
    rig->driver = lr_driver_new();
    struct lr_error error = {0};
    enum lr_status status =
        lr_client_new(&rig->client, &env, options == NULL ? &defaults : options, &error);
    if (status != LR_OK) {
        cr_assert_eq(status, LR_ENOMEM, "%s", error.text);
        return false;
    }
    rig->host = lr_driver_add(rig->driver, lr_client_role(rig->client), "10.0.0.1");
    return true;
}

static void drop_result(struct client_rig *rig) {
    if (rig->has_result) {
        lr_session_unref(rig->result.session, client_rig_now(rig), "unwanted");
        lr_result_deinit(&rig->result);
        rig->has_result = false;
    }
}

void client_rig_deinit(struct client_rig *rig) {
    if (rig->client != NULL) {
        drop_result(rig);
        lr_session_unref(rig->session, client_rig_now(rig), "end of test");
        lr_client_close(rig->client, client_rig_now(rig));
        lr_driver_pump(rig->driver);
        while (client_rig_result(rig)) {
            drop_result(rig);
        }
        cr_assert_eq(lr_driver_connections(rig->driver, rig->host), 0);
    }
    lr_driver_free(rig->driver);
    lr_client_free(rig->client);
}

lr_time client_rig_now(const struct client_rig *rig) {
    return lr_driver_now(rig->driver);
}

bool client_rig_holds(const struct client_rig *rig, bool holds, const char *what, const char *file,
                      int line) {
    if (!holds && rig->alloc->failed == 0) {
        cr_assert_fail("%s:%d: %s does not hold; the last result: %s", file, line, what,
                       rig->has_result ? rig->result.error.text : "none");
    }
    return holds;
}

bool client_rig_result(struct client_rig *rig) {
    lr_driver_pump(rig->driver);
    drop_result(rig);
    rig->has_result = lr_client_next_result(rig->client, &rig->result);
    cr_assert(!rig->has_result || rig->result.error.code == LR_OK ||
                  rig->result.error.text[0] != '\0',
              "an error without a sentence");
    return rig->has_result;
}

bool client_rig_ended(struct client_rig *rig, lr_op op, enum lr_status code) {
    return client_rig_result(rig) && rig->result.op == op && rig->result.error.code == code &&
           (code == LR_OK ||
            (rig->result.value.kind == LR_VALUE_NULL && rig->result.array_handle == 0));
}

/* What a client has not sent, for want of memory or for whatever else, it has given up: somebody
 * hears of that at once. */
static bool not_sent(const struct client_rig *rig, lr_link link) {
    cr_assert(rig->alloc->failed == 0 || lr_driver_ended(rig->driver, link) ||
                  lr_client_has_result(rig->client),
              "neither a word nor an end");
    return false;
}

bool client_rig_sent(struct client_rig *rig, lr_link link, const void *bytes, size_t size) {
    size_t have;
    lr_driver_pump(rig->driver);
    const uint8_t *data = lr_driver_output(rig->driver, link, &have);
    if (have < size || memcmp(data, bytes, size) != 0) {
        return not_sent(rig, link);
    }
    lr_driver_consume(rig->driver, link, size);
    return true;
}

size_t client_rig_pending(const struct client_rig *rig, lr_link link) {
    size_t have;
    lr_driver_pump(rig->driver);
    (void)lr_driver_output(rig->driver, link, &have);
    return have;
}

lr_link client_rig_tracker(struct client_rig *rig) {
    static const uint8_t magic[] = {0x71, 0xf2, 0x02, 0x00};
    const struct lr_address *address;
    lr_link link = lr_driver_waiting(rig->driver, rig->host, &address);
    if (link == LR_LINK_NONE || strcmp(address->host, "tracker.test") != 0) {
        return LR_LINK_NONE;
    }
    lr_driver_accept(rig->driver, link);
    if (!client_rig_sent(rig, link, magic, sizeof magic) || client_rig_pending(rig, link) != 0) {
        return LR_LINK_NONE;
    }
    lr_driver_feed(rig->driver, link, magic, sizeof magic);
    return link;
}

static void write_length(uint8_t out[4], size_t size) {
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint8_t)(size >> (8 * i));
    }
}

bool client_rig_asked(struct client_rig *rig, lr_link link, const char *json) {
    uint8_t length[4];
    write_length(length, strlen(json));
    return client_rig_sent(rig, link, length, 4) && client_rig_sent(rig, link, json, strlen(json));
}

void client_rig_tell(struct client_rig *rig, lr_link link, const char *json) {
    uint8_t length[4];
    write_length(length, strlen(json));
    lr_driver_feed(rig->driver, link, length, 4);
    lr_driver_feed(rig->driver, link, json, strlen(json));
}

lr_link client_rig_hello(struct client_rig *rig, const char *host, uint16_t port, const char *key) {
    const struct lr_address *address;
    uint8_t head[8] = {0x71, 0xf2, 0x0f, 0x00};
    lr_link link = lr_driver_waiting(rig->driver, rig->host, &address);
    if (link == LR_LINK_NONE || strcmp(address->host, host) != 0 || address->port != port) {
        return LR_LINK_NONE;
    }
    lr_driver_accept(rig->driver, link);
    write_length(head + 4, strlen(key));
    bool said = client_rig_sent(rig, link, head, sizeof head) &&
                client_rig_sent(rig, link, key, strlen(key)) && client_rig_pending(rig, link) == 0;
    return said ? link : LR_LINK_NONE;
}

bool client_rig_accept(struct client_rig *rig, lr_link link) {
    static const uint8_t accepted[] = "\x71\xf2\x0f\x00\x0b\x00\x00\x00server:test";
    static const uint8_t init[] = {0x15, 0, 0, 0, 0, 0,   0,   0,   2,   0,   0, 0, 5, 0, 0,
                                   0,    0, 0, 0, 0, '0', '.', '8', '.', '0', 0, 0, 0, 0};
    lr_driver_feed(rig->driver, link, accepted, sizeof accepted - 1);
    return client_rig_sent(rig, link, init, sizeof init) && client_rig_pending(rig, link) == 0;
}

/* What |encode| wrote into |bytes| goes to the client. The bytes are the test's own memory. */
static void feed(struct client_rig *rig, lr_link link, enum lr_status status,
                 struct lr_buf *bytes) {
    cr_assert_eq(status, LR_OK);
    lr_driver_feed(rig->driver, link, lr_buf_data(bytes), lr_buf_size(bytes));
    lr_buf_deinit(bytes);
}

void client_rig_return(struct client_rig *rig, lr_link link, enum lr_dialect dialect,
                       const struct lr_value *values, size_t count) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    feed(rig, link, lr_packet_encode_values(dialect, LR_PACKET_RETURN, values, count, &bytes),
         &bytes);
}

void client_rig_return_void(struct client_rig *rig, lr_link link, enum lr_dialect dialect) {
    struct lr_value null = lr_value_null();
    client_rig_return(rig, link, dialect, &null, 1);
}

void client_rig_exception(struct client_rig *rig, lr_link link, enum lr_dialect dialect,
                          const char *text) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    feed(rig, link, lr_packet_encode_exception(dialect, lr_text_of(text), &bytes), &bytes);
}

bool client_rig_packet(struct client_rig *rig, lr_link link, int32_t code) {
    size_t have;
    lr_driver_pump(rig->driver);
    const uint8_t *data = lr_driver_output(rig->driver, link, &have);
    struct lr_reader reader = lr_reader_of(data, have);
    uint64_t size = lr_read_u64(&reader);
    int32_t seen = lr_read_i32(&reader);
    if (reader.status != LR_OK || seen != code || size > have - 8) {
        return not_sent(rig, link);
    }
    lr_driver_consume(rig->driver, link, 8 + (size_t)size);
    return true;
}

bool client_rig_session(struct client_rig *rig, enum lr_dialect dialect) {
    const struct lr_address address = {.host = "server.test", .port = 9090};
    lr_op op;
    if (lr_client_connect(rig->client, client_rig_now(rig), &address, lr_text_of("test"), 0, &op) !=
        LR_OK) {
        return false;
    }
    rig->server = client_rig_hello(rig, "server.test", 9090, "client:test");
    if (rig->server == LR_LINK_NONE || !client_rig_accept(rig, rig->server)) {
        return false;
    }
    client_rig_return_void(rig, rig->server, dialect);
    if (!client_rig_ended(rig, op, LR_OK) || rig->result.kind != LR_ANSWER_SESSION) {
        return false;
    }
    rig->session = rig->result.session;
    rig->result.session = NULL;
    return lr_session_dialect(rig->session) == dialect;
}

enum lr_status client_rig_get_function(struct client_rig *rig, lr_op *op) {
    return lr_session_get_function(rig->session, client_rig_now(rig), lr_text_of("f"), op);
}

enum lr_status client_rig_call(struct client_rig *rig, lr_op *op) {
    const struct lr_value argument = lr_value_int(10);
    return lr_session_call(rig->session, client_rig_now(rig), 77, &argument, 1, op);
}

struct lr_tensor client_rig_floats(int64_t count) {
    return (struct lr_tensor){.data = 99,
                              .device = {.type = 1},
                              .ndim = 1,
                              .dtype = {.code = 2, .bits = 32, .lanes = 1},
                              .shape = {count}};
}
