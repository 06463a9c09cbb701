/* SPDX-License-Identifier: Apache-2.0 */
/* The server's parts by themselves: handles, dialects by address, storage in memory, numbers as
 * text. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "rpc/server.h"
#include "rpc/server_dialect.h"
#include "rpc/server_handles.h"
#include "rpc/server_text.h"
#include "support/failing.h"
#include "world/memory_storage.h"

static void count_release(void *context, void *object) {
    (void)object;
    (*(unsigned int *)context)++;
}

static void use_handles(struct lr_alloc *alloc, void *unused) {
    enum { COUNT = 100 };
    struct lr_server_handles handles;
    uint64_t sequence = 0;
    uint64_t numbers[COUNT];
    unsigned int released = 0;
    unsigned int made = 0;
    (void)unused;
    lr_server_handles_init(&handles, alloc, &sequence, COUNT, &released);
    for (size_t i = 0; i < COUNT; i++) {
        struct lr_error error;
        if (lr_server_handles_add(&handles, LR_SERVER_HANDLE_FUNCTION, &made, count_release,
                                  &numbers[i], &error) != LR_OK) {
            cr_assert(!lr_test_must_succeed(alloc));
            break;
        }
        made++;
        cr_assert_neq(numbers[i], 0);
    }
    for (size_t i = 0; i < made; i += 2) {
        lr_server_handles_free(&handles, lr_server_handles_find(&handles, numbers[i], NULL));
        cr_assert_null(lr_server_handles_find(&handles, numbers[i], NULL));
    }
    cr_assert_eq(released, (made + 1) / 2);
    for (size_t i = 1; i < made; i += 2) {
        cr_assert_not_null(lr_server_handles_find(&handles, numbers[i], NULL));
    }
    cr_assert_eq(lr_server_handles_deinit(&handles), made / 2);
    cr_assert_eq(released, made);
}

Test(server_parts, every_handle_is_released_once) {
    lr_test_each_failure(use_handles, NULL);
}

Test(server_parts, handles_have_a_limit) {
    struct lr_server_handles handles;
    struct lr_error error = {0};
    uint64_t sequence = 0;
    uint64_t number;
    int object;
    lr_server_handles_init(&handles, lr_alloc_system(), &sequence, 2, NULL);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(lr_server_handles_add(&handles, LR_SERVER_HANDLE_STREAM, &object, NULL,
                                           &number, &error),
                     LR_OK);
    }
    cr_assert_eq(
        lr_server_handles_add(&handles, LR_SERVER_HANDLE_STREAM, &object, NULL, &number, &error),
        LR_ELIMIT);
    cr_assert_eq(lr_server_handles_deinit(&handles), 2);
}

Test(server_parts, the_table_of_dialects_is_bounded) {
    struct lr_server_dialects dialects;
    struct lr_counting_alloc counting;
    char host[32];
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_server_dialects_init(&dialects, &counting.base);
    lr_server_dialect_prove(&dialects, "kept", LR_DIALECT_LEGACY);
    lr_server_dialect_prove(&dialects, "forgotten", LR_DIALECT_LEGACY);
    for (int i = 0; i < LR_SERVER_DIALECTS_MAX - 1; i++) {
        (void)snprintf(host, sizeof host, "10.0.0.%d", i);
        cr_assert_eq(lr_server_dialect_guess(&dialects, "kept"), LR_DIALECT_LEGACY);
        (void)lr_server_dialect_left(&dialects, host, LR_DIALECT_FFI, 0);
    }
    cr_assert_eq(lr_server_dialect_guess(&dialects, "kept"), LR_DIALECT_LEGACY);
    cr_assert_eq(lr_server_dialect_guess(&dialects, "forgotten"), LR_DIALECT_FFI);
    cr_assert_eq(counting.live_blocks, LR_SERVER_DIALECTS_MAX);
    counting.fail_at = counting.calls + 1;
    lr_server_dialect_prove(&dialects, "no memory", LR_DIALECT_LEGACY);
    cr_assert_eq(lr_server_dialect_guess(&dialects, "no memory"), LR_DIALECT_FFI);
    cr_assert_eq(lr_server_dialect_guess(&dialects, "kept"), LR_DIALECT_LEGACY);
    lr_server_dialects_deinit(&dialects);
    cr_assert_eq(counting.live_bytes, 0);
}

Test(server_parts, numbers_are_written_as_python_writes_them) {
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0.0"},
                 {1, "1.0"},
                 {-2.5, "-2.5"},
                 {3, "3.0"},
                 {100, "100.0"},
                 {1e16, "1e+16"},
                 {9007199254740993.0, "9007199254740992.0"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {1e-4, "0.0001"},
                 {1.25e-5, "1.25e-05"},
                 {0.015, "0.015"}};
    for (size_t i = 0; i < LR_COUNT_OF(cases); i++) {
        char out[LR_SERVER_FLOAT_TEXT_MAX];
        cr_assert_str_eq(lr_server_float_text(out, cases[i].number), cases[i].text);
    }
}

/* |got| is |wanted|, unless memory is made to fail in this run. */
#define CHECK(alloc, got, wanted)                                                                  \
    do {                                                                                           \
        int got_ = (int)(got);                                                                     \
        cr_assert(!lr_test_must_succeed(alloc) || got_ == (int)(wanted), "%s: %d", #got, got_);    \
    } while (0)

static void use_storage(struct lr_alloc *alloc, void *unused) {
    struct lr_memory_storage storage;
    struct lr_directory *directory = NULL;
    struct lr_error error;
    struct lr_buf out;
    (void)unused;
    lr_memory_storage_init(&storage, alloc, 100);
    lr_buf_init(&out, alloc);
    const struct lr_storage_ops *ops = storage.base.ops;
    if (ops->open(&storage.base, &directory, &error) != LR_OK) {
        cr_assert(!lr_test_must_succeed(alloc));
        lr_memory_storage_deinit(&storage);
        return;
    }
    CHECK(alloc, ops->write(directory, lr_text_of("a/b"), "123", 3, &error), LR_OK);
    CHECK(alloc, ops->write(directory, lr_text_of("a/b"), "4567", 4, &error), LR_OK);
    CHECK(alloc, (int)storage.bytes, 4);
    CHECK(alloc, ops->read(directory, lr_text_of("a/b"), 4, &out, &error), LR_OK);
    CHECK(alloc, (int)lr_buf_size(&out), 4);
    CHECK(alloc, ops->read(directory, lr_text_of("a/b"), 3, &out, &error), LR_ELIMIT);
    CHECK(alloc, ops->read(directory, lr_text_of("a"), 4, &out, &error), LR_ENOTFOUND);
    CHECK(alloc, ops->write(directory, lr_text_of("a"), "", 0, &error), LR_EINVAL);
    CHECK(alloc, ops->write(directory, lr_text_of("a/b/c"), "", 0, &error), LR_EINVAL);
    CHECK(alloc, ops->write(directory, lr_text_of("c"), error.text, 97, &error), LR_ELIMIT);
    CHECK(alloc, ops->remove(directory, lr_text_of("a"), &error), LR_EINVAL);
    CHECK(alloc, ops->remove(directory, lr_text_of("x"), &error), LR_ENOTFOUND);
    CHECK(alloc, ops->remove(directory, lr_text_of("../x"), &error), LR_EINVAL);
    CHECK(alloc, ops->remove(directory, lr_text_of("a/b"), &error), LR_OK);
    CHECK(alloc, ops->write(directory, lr_text_of("d"), "1", 1, &error), LR_OK);
    lr_buf_deinit(&out);
    ops->close(directory);
    cr_assert_eq(storage.base.open_directories, 0);
    cr_assert_eq(storage.files, 0);
    lr_memory_storage_deinit(&storage);
}

Test(server_parts, a_key_that_no_client_could_say_is_refused) {
    static const char *const keys[] = {"two words", "tab\tbed", " ", "line\n"};
    struct lr_env env = {.alloc = lr_alloc_system(), .device = lr_alloc_system()};
    for (size_t i = 0; i < LR_COUNT_OF(keys); i++) {
        struct lr_server_options options = lr_server_options_default;
        struct lr_server *server = NULL;
        struct lr_error error = {0};
        options.host = "127.0.0.1";
        options.key = keys[i];
        cr_expect_eq(lr_server_new(&server, &env, &options, &error), LR_EINVAL);
        cr_expect_null(server);
        cr_expect(strstr(error.text, "blank") != NULL);
    }
}

Test(server_parts, storage_in_memory_keeps_replaces_and_removes) {
    lr_test_each_failure(use_storage, NULL);
}
