/* SPDX-License-Identifier: Apache-2.0 */
#include "support/server_rig.h"

#include <stdio.h>
#include <string.h>

#include "rpc/handshake.h"
#include "support/failing.h"

static struct server_rig *sink_rig; /* a test runs in a process of its own */

static void count_event(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    (void)sink;
    sink_rig->events[event->kind]++;
    (void)snprintf(sink_rig->told[event->kind], sizeof sink_rig->told[0], "%s", event->text);
}

/* Everybody leaves. */
static void leave_all(struct server_rig *rig) {
    for (size_t i = 0; i < rig->link_count; i++) {
        if (!lr_driver_ended(rig->driver, rig->links[i])) {
            lr_driver_reset(rig->driver, rig->links[i]);
        }
    }
}

/* The key that opens the server now: its own, or what it last PUT at the scripted tracker. */
static void find_key(struct server_rig *rig, char *key, size_t size) {
    (void)snprintf(key, size, "client:dev");
    if (rig->has_tracker) {
        lr_driver_advance(rig->driver, LR_SECOND); /* what was refused is tried again */
        if (rig->tracker == LR_LINK_NONE || lr_driver_ended(rig->driver, rig->tracker)) {
            rig_expect(rig, rig_tracker_join(rig));
        }
        rig_tracker_drain(rig);
        (void)snprintf(key, size, "client:%s", rig->matchkey);
    }
}

/* Nothing of any session is left, and a newcomer is served, whatever was refused before. */
static void check_end(struct server_rig *rig) {
    char key[sizeof rig->matchkey + 16];
    if (lr_server_stopped(rig->server)) {
        return;
    }
    leave_all(rig);
    uint64_t failed = rig->alloc->failed;
    struct lr_server_counts counts = lr_server_count(rig->server);
    cr_assert(counts.sessions == 0 && counts.handles == 0 && counts.device_blocks == 0 &&
                  counts.device_bytes == 0 && counts.directories == 0 && counts.connections == 0,
              "%zu sessions, %zu handles, %zu blocks, %zu directories are left", counts.sessions,
              counts.handles, counts.device_blocks, counts.directories);
    cr_assert_eq(counts.sessions_begun, counts.sessions_ended);
    cr_assert_eq(rig->storage.base.open_directories, 0);
    rig->ip = "127.9.9.9";
    rig->dialect = rig->newcomer;
    rig->unjudged = false; /* from here on again, unless memory is refused only now */
    rig->alloc->failed = 0;
    find_key(rig, key, sizeof key);
    rig_expect_alive(rig, rig_open(rig, key));
    rig->alloc->failed += failed;
}

static void run_body(struct lr_alloc *alloc, void *context) {
    const struct server_rig_case *test = context;
    struct lr_server_options options = test->options;
    struct server_rig rig = {.alloc = LR_CONTAINER_OF(alloc, struct lr_counting_alloc, base),
                             .tracker = LR_LINK_NONE,
                             .dialect = LR_DIALECT_FFI,
                             .ip = "127.0.0.3",
                             .sink = {.emit = count_event}};
    struct lr_env env = {.alloc = alloc,
                         .device = alloc,
                         .random = &rig.random,
                         .storage = &rig.storage.base,
                         .trace = {.sink = &rig.sink, .host = "server"}};
    struct lr_error error;
    sink_rig = &rig;
    lr_prng_init(&rig.random, 4711);
    lr_memory_storage_init(&rig.storage, alloc, SIZE_MAX);
    lr_buf_init(&rig.heard_bytes, lr_alloc_system());
    lr_packet_init(&rig.heard, lr_alloc_system());
    if (lr_server_new(&rig.server, &env, &options, &error) == LR_OK) {
        rig.driver = lr_driver_new();
        rig.host = lr_driver_add(rig.driver, lr_server_role(rig.server), "127.0.0.2");
        if (lr_server_start(rig.server, lr_driver_now(rig.driver)) == LR_OK) {
            lr_driver_pump(rig.driver);
            rig.has_tracker = options.tracker_host != NULL;
            rig.newcomer = options.dialect == LR_SPEAK_LEGACY ? LR_DIALECT_LEGACY : LR_DIALECT_FFI;
            test->body(&rig);
            check_end(&rig);
            lr_server_stop(rig.server, lr_driver_now(rig.driver));
            lr_driver_pump(rig.driver);
        } else {
            cr_assert(rig.alloc->failed > 0);
        }
        lr_driver_free(rig.driver);
        lr_server_free(rig.server);
    } else {
        cr_assert(rig.alloc->failed > 0, "%s", error.text);
    }
    cr_assert_eq(rig.storage.base.open_directories, 0);
    lr_memory_storage_deinit(&rig.storage);
    lr_packet_deinit(&rig.heard);
    lr_buf_deinit(&rig.heard_bytes);
}

static struct server_rig_case make_case(server_rig_body body,
                                        const struct lr_server_options *options) {
    struct server_rig_case test = {.body = body};
    if (options != NULL) {
        test.options = *options;
    } else {
        test.options = lr_server_options_default;
        test.options.key = "dev";
        test.options.dialect = LR_SPEAK_FFI;
    }
    return test;
}

void rig_each(server_rig_body body, const struct lr_server_options *options) {
    struct server_rig_case test = make_case(body, options);
    lr_test_each_failure(run_body, &test);
}

void rig_once(server_rig_body body, const struct lr_server_options *options) {
    struct server_rig_case test = make_case(body, options);
    struct lr_counting_alloc counting;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    run_body(&counting.base, &test);
    cr_assert_eq(counting.live_blocks, 0);
}

lr_link rig_connect(struct server_rig *rig) {
    lr_link link = lr_driver_connect(rig->driver, rig->host, rig->ip);
    rig_expect(rig, link != LR_LINK_NONE);
    if (link != LR_LINK_NONE) {
        cr_assert(rig->link_count < LR_SERVER_RIG_LINKS_MAX);
        rig->links[rig->link_count++] = link;
    }
    return link;
}

void rig_send_bytes(struct server_rig *rig, lr_link link, const void *bytes, size_t size) {
    if (link != LR_LINK_NONE) {
        lr_driver_feed(rig->driver, link, bytes, size);
    }
}

/* Compares and consumes; the pointer is borrowed until then. */
static bool take_bytes(struct server_rig *rig, lr_link link, const void *bytes, size_t size) {
    size_t got;
    if (link == LR_LINK_NONE) {
        return false;
    }
    const uint8_t *data = lr_driver_output(rig->driver, link, &got);
    if (got < size || memcmp(data, bytes, size) != 0) {
        return false;
    }
    lr_driver_consume(rig->driver, link, size);
    return true;
}

void rig_hello(struct server_rig *rig, lr_link link, const char *key) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    struct lr_writer writer = lr_writer_of(&bytes);
    lr_write_u32(&writer, LR_MAGIC_RPC);
    lr_write_u32(&writer, (uint32_t)strlen(key));
    lr_write_bytes(&writer, key, strlen(key));
    rig_send_bytes(rig, link, lr_buf_data(&bytes), lr_buf_size(&bytes));
    lr_buf_deinit(&bytes);
}

void rig_hear_accept(struct server_rig *rig, lr_link link) {
    static const uint8_t answer[] = {0x71, 0xf2, 0x0f, 0,   10,  0,   0,   0,   's',
                                     'e',  'r',  'v',  'e', 'r', ':', 'd', 'e', 'v'};
    bool heard = take_bytes(rig, link, answer, sizeof answer);
    cr_assert(!heard || lr_driver_ended(rig->driver, link) ||
                  lr_server_count(rig->server).sessions > 0,
              "who is accepted has a session, however short memory is");
    rig_expect(rig, heard);
}

void rig_hear_mismatch(struct server_rig *rig, lr_link link) {
    static const uint8_t answer[] = {0x73, 0xf2, 0x0f, 0};
    rig_expect(rig, take_bytes(rig, link, answer, sizeof answer));
    rig_hear_fin(rig, link);
}

void rig_hear_nothing(struct server_rig *rig, lr_link link) {
    size_t size = 0;
    if (link != LR_LINK_NONE) {
        (void)lr_driver_output(rig->driver, link, &size);
    }
    rig_expect(rig, size == 0);
}

void rig_hear_fin(struct server_rig *rig, lr_link link) {
    rig_hear_nothing(rig, link);
    rig_expect(rig, link != LR_LINK_NONE && lr_driver_saw_fin(rig->driver, link));
}

lr_link rig_open(struct server_rig *rig, const char *key) {
    lr_link link = rig_connect(rig);
    rig_hello(rig, link, key);
    rig_hear_accept(rig, link);
    rig_send_init(rig, link);
    rig_hear_void(rig, link);
    return link;
}

void rig_shutdown(struct server_rig *rig, lr_link link) {
    static const uint8_t shutdown[] = {4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    rig_send_bytes(rig, link, shutdown, sizeof shutdown);
}

void rig_send_packet(struct server_rig *rig, lr_link link, const struct lr_packet *packet) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    cr_assert_eq(lr_packet_encode(rig->dialect, packet, &bytes), LR_OK);
    rig_send_bytes(rig, link, lr_buf_data(&bytes), lr_buf_size(&bytes));
    lr_buf_deinit(&bytes);
}

void rig_send_values(struct server_rig *rig, lr_link link, int32_t code,
                     const struct lr_value *items, size_t count) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    cr_assert_eq(lr_packet_encode_values(rig->dialect, code, items, count, &bytes), LR_OK);
    rig_send_bytes(rig, link, lr_buf_data(&bytes), lr_buf_size(&bytes));
    lr_buf_deinit(&bytes);
}

void rig_send_init(struct server_rig *rig, lr_link link) {
    struct lr_packet packet;
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_INIT_SERVER;
    packet.version = lr_text_of(LR_PROTOCOL_VERSION);
    rig_send_packet(rig, link, &packet);
}

bool rig_hear(struct server_rig *rig, lr_link link) {
    struct lr_error error = {0};
    size_t size = 0;
    const uint8_t *data = link == LR_LINK_NONE ? NULL : lr_driver_output(rig->driver, link, &size);
    lr_packet_deinit(&rig->heard);
    lr_buf_deinit(&rig->heard_bytes);
    if (size < 8) {
        /* What is asked for and not answered, for want of memory or for whatever else, is left. */
        cr_assert(link == LR_LINK_NONE || rig->alloc->failed == 0 ||
                      lr_driver_ended(rig->driver, link),
                  "neither an answer nor an end");
        return false;
    }
    struct lr_reader reader = lr_reader_of(data, size);
    uint64_t length = lr_read_u64(&reader);
    if (length > size - 8) {
        return false;
    }
    cr_assert_eq(lr_buf_append(&rig->heard_bytes, data + 8, (size_t)length), LR_OK);
    lr_driver_consume(rig->driver, link, 8 + (size_t)length);
    enum lr_status status =
        lr_packet_decode(rig->dialect, &lr_value_limits_default, lr_buf_data(&rig->heard_bytes),
                         (size_t)length, &rig->heard, &error);
    cr_assert_eq(status, LR_OK, "the server sent what is no packet: %s", error.text);
    return true;
}

void rig_hear_void(struct server_rig *rig, lr_link link) {
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig->heard.code == LR_PACKET_RETURN && rig->heard.values.count == 1 &&
                        rig->heard.values.items[0].kind == LR_VALUE_NULL);
}

static bool contains(struct lr_text text, const char *part) {
    size_t size = strlen(part);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (memcmp(text.data + i, part, size) == 0) {
            return true;
        }
    }
    return false;
}

void rig_hear_exception(struct server_rig *rig, lr_link link, const char *part) {
    bool heard = rig_hear(rig, link);
    bool right = heard && rig->heard.code == LR_PACKET_EXCEPTION && rig->heard.values.count == 1;
    if (!rig->unjudged && rig->alloc->failed == 0) {
        cr_assert(right, "no Exception, but code %d", heard ? (int)rig->heard.code : -1);
        struct lr_text text = rig->heard.values.items[0].as.text;
        cr_assert(contains(text, part), "\"%.*s\" does not say \"%s\"", (int)text.size, text.data,
                  part);
    }
    rig_expect(rig, right && contains(rig->heard.values.items[0].as.text, part));
}

struct lr_value rig_heard(struct server_rig *rig, size_t index) {
    bool there = rig->heard.code == LR_PACKET_RETURN && index < rig->heard.values.count;
    rig_expect(rig, there);
    return there ? rig->heard.values.items[index] : lr_value_null();
}

uint64_t rig_function(struct server_rig *rig, lr_link link, const char *name) {
    struct lr_value value = lr_value_str(lr_text_of(name));
    rig_send_values(rig, link, LR_PACKET_GET_GLOBAL_FUNC, &value, 1);
    rig_expect(rig, rig_hear(rig, link));
    value = rig_heard(rig, 0);
    rig_expect(rig, value.kind == LR_VALUE_HANDLE);
    return value.kind == LR_VALUE_HANDLE ? value.as.handle : 0;
}

void rig_call(struct server_rig *rig, lr_link link, uint64_t function, const struct lr_value *items,
              size_t count) {
    struct lr_value copies[16];
    struct lr_packet packet;
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_CALL_FUNC;
    packet.handle = function;
    cr_assert(count <= LR_COUNT_OF(copies));
    for (size_t i = 0; i < count; i++) {
        copies[i] = items[i];
    }
    packet.values.items = copies;
    packet.values.count = count;
    rig_send_packet(rig, link, &packet);
}

void rig_invoke(struct server_rig *rig, lr_link link, const char *name,
                const struct lr_value *items, size_t count) {
    rig_call(rig, link, rig_function(rig, link, name), items, count);
    rig_expect(rig, rig_hear(rig, link));
}

void rig_expect_int(struct server_rig *rig, int64_t value) {
    struct lr_value heard = rig_heard(rig, 1);
    rig_expect(rig, heard.kind == LR_VALUE_INT && heard.as.integer == value);
}

void rig_expect_text(struct server_rig *rig, const char *text) {
    struct lr_value heard = rig_heard(rig, 1);
    bool is_text = heard.kind == LR_VALUE_STR || heard.kind == LR_VALUE_BYTES;
    if (is_text && !rig->unjudged && rig->alloc->failed == 0) {
        cr_assert(lr_text_equal(heard.as.text, lr_text_of(text)), "\"%.*s\" is not \"%s\"",
                  (int)heard.as.text.size, heard.as.text.data, text);
    }
    rig_expect(rig, is_text && lr_text_equal(heard.as.text, lr_text_of(text)));
}

void rig_expect_alive(struct server_rig *rig, lr_link link) {
    struct lr_value one = lr_value_int(1);
    rig_invoke(rig, link, "rpc.test.addone", &one, 1);
    rig_expect_int(rig, 2);
}

uint64_t rig_allocate(struct server_rig *rig, lr_link link, uint64_t size) {
    struct lr_value items[] = {lr_value_device((struct lr_device){1, 0}),
                               lr_value_int((int64_t)size), lr_value_int(64),
                               lr_value_dtype((struct lr_dtype){.code = 1, .bits = 8, .lanes = 1})};
    rig_send_values(rig, link, LR_PACKET_DEV_ALLOC_DATA, items, 4);
    rig_expect(rig, rig_hear(rig, link));
    return rig_heard(rig, 0).as.handle;
}

struct lr_tensor rig_tensor(uint64_t data, int64_t bytes) {
    return (struct lr_tensor){.data = data,
                              .device = {1, 0},
                              .ndim = 1,
                              .dtype = {.code = 1, .bits = 8, .lanes = 1},
                              .shape = {bytes}};
}

void rig_copy_to(struct server_rig *rig, lr_link link, const struct lr_tensor *tensor,
                 const void *bytes, size_t size) {
    struct lr_packet packet;
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_COPY_TO_REMOTE;
    packet.tensor = *tensor;
    packet.nbytes = size;
    packet.payload = bytes;
    packet.payload_size = size;
    rig_send_packet(rig, link, &packet);
}

void rig_copy_from(struct server_rig *rig, lr_link link, const struct lr_tensor *tensor,
                   uint64_t size) {
    struct lr_packet packet;
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_COPY_FROM_REMOTE;
    packet.tensor = *tensor;
    packet.nbytes = size;
    rig_send_packet(rig, link, &packet);
}
