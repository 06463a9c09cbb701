/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions: our client, our tracker and our server in one world in memory. Allocations of the
 * client alone are made to fail; whatever it is, the server must be free again afterwards, and the
 * tracker must wait for nobody. */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/server.h"
#include "rpc/tracker.h"
#include "support/client_rig.h"
#include "support/failing.h"
#include "world/memory_storage.h"

struct whole {
    struct client_rig rig;
    struct lr_counting_alloc alloc; /* the tracker's and the server's */
    struct lr_prng random;
    struct lr_memory_storage storage;
    struct lr_tracker *tracker;
    struct lr_server *server;
    lr_host server_host;
};

static void start_tracker(struct whole *whole, const struct lr_env *env) {
    struct lr_error error = {0};
    struct lr_tracker_options options = lr_tracker_options_default;
    cr_assert_eq(lr_tracker_new(&whole->tracker, env, &options, &error), LR_OK, "%s", error.text);
    (void)lr_driver_add(whole->rig.driver, lr_tracker_role(whole->tracker), "10.0.0.2");
    cr_assert_eq(lr_tracker_start(whole->tracker, client_rig_now(&whole->rig)), LR_OK);
    lr_driver_pump(whole->rig.driver);
    cr_assert_eq(lr_tracker_port(whole->tracker), 9190);
}

static void start_server(struct whole *whole, const struct lr_env *env,
                         enum lr_dialect_choice dialect) {
    struct lr_error error = {0};
    struct lr_server_options options = lr_server_options_default;
    options.key = "dev";
    options.tracker_host = "tracker.test";
    options.dialect = dialect;
    cr_assert_eq(lr_server_new(&whole->server, env, &options, &error), LR_OK, "%s", error.text);
    whole->server_host =
        lr_driver_add(whole->rig.driver, lr_server_role(whole->server), "10.0.0.3");
    cr_assert_eq(lr_server_start(whole->server, client_rig_now(&whole->rig)), LR_OK);
    lr_driver_pump(whole->rig.driver);
    cr_assert(lr_server_registered(whole->server));
}

static bool whole_init(struct whole *whole, struct lr_alloc *alloc,
                       enum lr_dialect_choice dialect) {
    *whole = (struct whole){.server_host = 0};
    lr_counting_alloc_init(&whole->alloc, lr_alloc_system());
    lr_prng_init(&whole->random, 2);
    lr_memory_storage_init(&whole->storage, &whole->alloc.base, (size_t)1 << 20);
    if (!client_rig_init(&whole->rig, alloc, NULL)) {
        return false;
    }
    const struct lr_env env = {.alloc = &whole->alloc.base,
                               .device = &whole->alloc.base,
                               .random = &whole->random,
                               .storage = &whole->storage.base};
    start_tracker(whole, &env);
    start_server(whole, &env, dialect);
    return true;
}

/* The client leaves; what it used must be free, and nothing of it may be left. */
static void whole_deinit(struct whole *whole) {
    struct client_rig *rig = &whole->rig;
    if (whole->tracker != NULL) {
        lr_session_unref(rig->session, client_rig_now(rig), "end of test");
        rig->session = NULL;
        while (client_rig_result(rig)) {}
        lr_client_close(rig->client, client_rig_now(rig));
        lr_driver_pump(rig->driver);
        lr_driver_advance(rig->driver, 10 * LR_SECOND); /* a grant nobody used is renewed */
        struct lr_server_counts served = lr_server_count(whole->server);
        cr_assert(served.sessions == 0 && served.handles == 0 && served.device_bytes == 0);
        cr_assert(served.directories == 0);
        struct lr_tracker_counts held = lr_tracker_count(whole->tracker);
        cr_assert(held.pending == 0 && held.held == 0, "%zu pending, %zu held", held.pending,
                  held.held);
        cr_assert(held.free == 1 || lr_server_stopped(whole->server) ||
                  !lr_server_registered(whole->server));
    }
    client_rig_deinit(rig);
    lr_server_free(whole->server);
    lr_tracker_free(whole->tracker);
    lr_memory_storage_deinit(&whole->storage);
    cr_assert_eq(whole->alloc.live_blocks, 0);
}

#define WHOLE_TEST(name)                                                                           \
    static void name(struct lr_alloc *alloc, void *context);                                       \
    Test(rpc_client_whole, name) {                                                                 \
        enum lr_dialect_choice ffi = LR_SPEAK_FFI;                                                 \
        enum lr_dialect_choice legacy = LR_SPEAK_LEGACY;                                           \
        lr_test_each_failure(name, &ffi);                                                          \
        lr_test_each_failure(name, &legacy);                                                       \
    }                                                                                              \
    static void name(struct lr_alloc *alloc, void *context)
#define WHOLE_CHOICE (*(const enum lr_dialect_choice *)context)

static bool request(struct whole *whole, uint64_t session_timeout_ns, lr_op *op) {
    struct lr_request_options options = lr_request_options_default;
    options.session_timeout_ns = session_timeout_ns;
    return lr_client_request(whole->rig.client, client_rig_now(&whole->rig), lr_text_of("dev"),
                             &options, op) == LR_OK;
}

static bool open_session(struct whole *whole, uint64_t session_timeout_ns) {
    struct client_rig *rig = &whole->rig;
    lr_op op;
    if (!request(whole, session_timeout_ns, &op) || !client_rig_ended(rig, op, LR_OK)) {
        return false;
    }
    rig->session = rig->result.session;
    rig->result.session = NULL;
    return true;
}

static size_t free_servers(const struct whole *whole) {
    return lr_tracker_count(whole->tracker).free;
}

/* rpc.test.addone(|value|) gives one more. */
static bool adds_one(struct whole *whole, int64_t value) {
    struct client_rig *rig = &whole->rig;
    const struct lr_value argument = lr_value_int(value);
    lr_op op;
    return lr_session_call_name(rig->session, client_rig_now(rig), lr_text_of("rpc.test.addone"),
                                &argument, 1, &op) == LR_OK &&
           client_rig_ended(rig, op, LR_OK) && rig->result.value.kind == LR_VALUE_INT &&
           rig->result.value.as.integer == value + 1;
}

WHOLE_TEST(the_server_is_requestable_again_as_soon_as_the_session_is_closed) {
    struct whole whole;
    RIG_EXPECT(&whole.rig, whole_init(&whole, alloc, WHOLE_CHOICE));
    RIG_EXPECT(&whole.rig, free_servers(&whole) == 1);
    RIG_EXPECT(&whole.rig, open_session(&whole, 0) && free_servers(&whole) == 0);
    RIG_EXPECT(&whole.rig, adds_one(&whole, 10));
    struct lr_session *session = whole.rig.session;
    lr_session_unref(lr_session_ref(session, client_rig_now(&whole.rig), "a traceback"),
                     client_rig_now(&whole.rig), "a traceback");
    (void)lr_session_ref(session, client_rig_now(&whole.rig), "a frame");
    lr_session_close(session, client_rig_now(&whole.rig));
    lr_driver_pump(whole.rig.driver);
    size_t again = free_servers(&whole);
    lr_session_unref(session, client_rig_now(&whole.rig), "a frame");
    RIG_EXPECT(&whole.rig, again == 1); /* at once, though a reference remained */
done:
    whole_deinit(&whole);
}

WHOLE_TEST(a_session_that_is_only_unreferenced_ends_with_its_last_reference) {
    struct whole whole;
    RIG_EXPECT(&whole.rig, whole_init(&whole, alloc, WHOLE_CHOICE));
    RIG_EXPECT(&whole.rig, open_session(&whole, 0));
    struct lr_session *session = whole.rig.session;
    (void)lr_session_ref(session, client_rig_now(&whole.rig), "a function");
    lr_session_unref(session, client_rig_now(&whole.rig), "the variable");
    lr_driver_advance(whole.rig.driver, 3600 * LR_SECOND);
    RIG_EXPECT(&whole.rig, free_servers(&whole) == 0); /* held */
    whole.rig.session = NULL;
    lr_session_unref(session, client_rig_now(&whole.rig), "the function");
    lr_driver_pump(whole.rig.driver);
    RIG_EXPECT(&whole.rig, free_servers(&whole) == 1);
done:
    whole_deinit(&whole);
}

WHOLE_TEST(a_second_client_gets_the_server_when_the_first_lets_it_go) {
    struct whole whole;
    lr_op op;
    RIG_EXPECT(&whole.rig, whole_init(&whole, alloc, WHOLE_CHOICE));
    RIG_EXPECT(&whole.rig, open_session(&whole, 0));
    RIG_EXPECT(&whole.rig, request(&whole, 0, &op));
    RIG_EXPECT(&whole.rig, !client_rig_result(&whole.rig));
    RIG_EXPECT(&whole.rig, lr_tracker_count(whole.tracker).pending == 1);
    lr_session_close(whole.rig.session, client_rig_now(&whole.rig));
    RIG_EXPECT(&whole.rig, client_rig_ended(&whole.rig, op, LR_OK));
    RIG_EXPECT(&whole.rig, whole.rig.result.kind == LR_ANSWER_SESSION);
    lr_op cancelled;
    RIG_EXPECT(&whole.rig, request(&whole, 0, &cancelled));
    lr_driver_pump(whole.rig.driver);
    RIG_EXPECT(&whole.rig, lr_tracker_count(whole.tracker).pending == 1);
    lr_client_cancel(whole.rig.client, client_rig_now(&whole.rig), cancelled);
    lr_driver_pump(whole.rig.driver);
    RIG_EXPECT(&whole.rig, lr_tracker_count(whole.tracker).pending == 0);
done:
    whole_deinit(&whole);
}

WHOLE_TEST(files_and_arrays_come_back_as_they_went) {
    struct whole whole;
    struct client_rig *rig = &whole.rig;
    uint8_t data[4096];
    lr_op op;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    RIG_EXPECT(rig, whole_init(&whole, alloc, WHOLE_CHOICE) && open_session(&whole, 0));
    struct lr_session *session = rig->session;
    lr_time now = client_rig_now(rig);
    const struct lr_text name = lr_text_of("blob.bin");
    RIG_EXPECT(rig, lr_session_upload(session, now, name, data, sizeof data, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK));
    RIG_EXPECT(rig, lr_session_download(session, now, name, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK) && rig->result.kind == LR_ANSWER_BYTES);
    RIG_EXPECT(rig, lr_buf_size(&rig->result.bytes) == sizeof data);
    RIG_EXPECT(rig, memcmp(lr_buf_data(&rig->result.bytes), data, sizeof data) == 0);
    RIG_EXPECT(rig, lr_session_remove(session, now, name, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK));
    RIG_EXPECT(rig, lr_session_download(session, now, name, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_EREMOTE) && lr_buf_size(&rig->result.bytes) > 0);
    const struct lr_tensor shape = {.device = {.type = 1},
                                    .ndim = 2,
                                    .dtype = {.code = 2, .bits = 32, .lanes = 1},
                                    .shape = {16, 64}};
    RIG_EXPECT(rig, lr_session_allocate(session, now, &shape, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK));
    struct lr_tensor one = rig->result.value.as.tensor;
    RIG_EXPECT(rig, lr_session_allocate(session, now, &shape, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK));
    struct lr_tensor two = rig->result.value.as.tensor; /* left for the session's end to free */
    RIG_EXPECT(rig, lr_session_copy_in(session, now, &one, data, sizeof data, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK));
    RIG_EXPECT(rig, lr_session_copy_among(session, now, &one, &two, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK));
    RIG_EXPECT(rig, lr_session_free_data(session, now, &one, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK));
    RIG_EXPECT(rig, lr_session_copy_out(session, now, &two, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK));
    RIG_EXPECT(rig, lr_buf_size(&rig->result.bytes) == sizeof data);
    RIG_EXPECT(rig, memcmp(lr_buf_data(&rig->result.bytes), data, sizeof data) == 0);
done:
    whole_deinit(&whole);
}

WHOLE_TEST(a_session_of_its_time_is_told_that_it_has_expired) {
    struct whole whole;
    struct client_rig *rig = &whole.rig;
    lr_op op;
    RIG_EXPECT(rig, whole_init(&whole, alloc, WHOLE_CHOICE));
    RIG_EXPECT(rig, open_session(&whole, 2 * LR_SECOND));
    RIG_EXPECT(rig, adds_one(&whole, 1));
    /* The one call of a plain server that lasts: an evaluator that cools down for ten seconds. */
    const struct lr_value arguments[] = {
        lr_value_null(),     lr_value_str(lr_text_of("rpc.test.addone")),
        lr_value_int(1),     lr_value_int(0),
        lr_value_int(1),     lr_value_int(1),
        lr_value_int(0),     lr_value_int(1),
        lr_value_int(10000), lr_value_int(1),
        lr_value_int(0),     lr_value_str(lr_text_of(""))};
    RIG_EXPECT(rig, lr_session_call_name(rig->session, client_rig_now(rig),
                                         lr_text_of("runtime.RPCTimeEvaluator"), arguments,
                                         LR_COUNT_OF(arguments), &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK) && rig->result.kind == LR_ANSWER_FUNCTION);
    const struct lr_value one = lr_value_int(1);
    RIG_EXPECT(rig, lr_session_call(rig->session, client_rig_now(rig), rig->result.value.as.handle,
                                    &one, 1, &op) == LR_OK);
    lr_driver_advance(rig->driver, 2 * LR_SECOND - 1);
    RIG_EXPECT(rig, !client_rig_result(rig) && !lr_session_closed(rig->session));
    lr_driver_advance(rig->driver, 1);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_EREMOTE));
    RIG_EXPECT(rig, strstr(rig->result.error.text, "RPCSessionTimeoutError") != NULL);
    RIG_EXPECT(rig, lr_session_closed(rig->session) && free_servers(&whole) == 1);
done:
    whole_deinit(&whole);
}

WHOLE_TEST(the_death_of_the_server_is_told_at_once) {
    struct whole whole;
    struct client_rig *rig = &whole.rig;
    lr_op op;
    RIG_EXPECT(rig, whole_init(&whole, alloc, WHOLE_CHOICE) && open_session(&whole, 0));
    const struct lr_value argument = lr_value_int(1);
    RIG_EXPECT(rig, lr_session_call(rig->session, client_rig_now(rig), 12345, &argument, 1, &op) ==
                        LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_EREMOTE)); /* an invented handle is an error */
    RIG_EXPECT(rig, adds_one(&whole, 1));
    lr_server_stop(whole.server, client_rig_now(rig));
    lr_driver_pump(rig->driver);
    RIG_EXPECT(rig, lr_session_closed(rig->session));
    RIG_EXPECT(rig, lr_session_get_function(rig->session, client_rig_now(rig), lr_text_of("f"),
                                            &op) == LR_ECLOSED);
done:
    whole_deinit(&whole);
}

WHOLE_TEST(a_summary_says_who_holds_what) {
    struct whole whole;
    struct client_rig *rig = &whole.rig;
    lr_op op;
    RIG_EXPECT(rig, whole_init(&whole, alloc, WHOLE_CHOICE) && open_session(&whole, 0));
    lr_driver_advance(rig->driver, 3 * LR_SECOND);
    RIG_EXPECT(rig, lr_client_summary(rig->client, client_rig_now(rig), true, &op) == LR_OK);
    RIG_EXPECT(rig, client_rig_ended(rig, op, LR_OK) && rig->result.has_summary);
    struct lr_summary_held held;
    RIG_EXPECT(rig, lr_summary_held_count(&rig->result.summary) == 1);
    RIG_EXPECT(rig, lr_summary_held_at(&rig->result.summary, 0, &held) == LR_OK);
    RIG_EXPECT(rig, lr_text_equal(held.key, lr_text_of("dev")));
    RIG_EXPECT(rig, held.seconds > 2.9 && held.seconds < 3.1);
done:
    whole_deinit(&whole);
}
