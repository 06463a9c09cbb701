/* SPDX-License-Identifier: Apache-2.0 */
/* In which dialect the server answers whom. */
#include <string.h>

#include "support/server_rig.h"

static struct lr_server_options speak(enum lr_dialect_choice dialect) {
    struct lr_server_options options = lr_server_options_default;
    options.key = "dev";
    options.dialect = dialect;
    return options;
}

#define DIALECT_CASE(name, choice)                                                                 \
    static void body_##name(struct server_rig *rig);                                               \
    Test(server_dialect, name) {                                                                   \
        struct lr_server_options options = speak(choice);                                          \
        rig_each(body_##name, &options);                                                           \
    }                                                                                              \
    static void body_##name(struct server_rig *rig)

/* InitServer, and the dialect of the answer's void. */
static enum lr_dialect answered_in(struct server_rig *rig, lr_link *link) {
    enum lr_dialect dialect = LR_DIALECT_COUNT;
    size_t size = 0;
    *link = rig_connect(rig);
    rig_hello(rig, *link, "client:dev");
    rig_hear_accept(rig, *link);
    rig_send_init(rig, *link);
    const uint8_t *data =
        *link == LR_LINK_NONE ? NULL : lr_driver_output(rig->driver, *link, &size);
    if (size == 20 && !lr_packet_shows_dialect(data + 8, 12, &dialect)) {
        dialect = LR_DIALECT_COUNT;
    }
    if (size == 20) {
        lr_driver_consume(rig->driver, *link, size);
    }
    return dialect;
}

/* A client that speaks something else: it says Shutdown and leaves. */
static enum lr_dialect open_and_leave(struct server_rig *rig) {
    lr_link link = LR_LINK_NONE;
    enum lr_dialect dialect = answered_in(rig, &link);
    rig_shutdown(rig, link);
    if (link != LR_LINK_NONE) {
        lr_driver_fin(rig->driver, link);
    }
    return dialect;
}

DIALECT_CASE(begins_with_ffi_and_speaks_the_other_after_two_quick_leaves, LR_SPEAK_AUTO) {
    lr_link link = LR_LINK_NONE;
    rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
    lr_driver_advance(rig->driver, 100 * LR_MS);
    rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
    lr_driver_advance(rig->driver, 100 * LR_MS);
    rig_expect(rig, answered_in(rig, &link) == LR_DIALECT_LEGACY);
    rig->dialect = LR_DIALECT_LEGACY;
    rig_expect_alive(rig, link); /* a call proves it */
    rig_shutdown(rig, link);
    for (int i = 0; i < 2; i++) {
        rig_expect(rig, open_and_leave(rig) == LR_DIALECT_LEGACY); /* and it is kept */
    }
    lr_driver_advance(rig->driver, 3600 * LR_SECOND);
    rig_expect(rig, answered_in(rig, &link) == LR_DIALECT_LEGACY);
    rig->ip = "127.0.0.4"; /* for that address alone */
    rig_shutdown(rig, link);
    rig_expect(rig, answered_in(rig, &link) == LR_DIALECT_FFI);
}

DIALECT_CASE(one_leave_proves_nothing, LR_SPEAK_AUTO) {
    for (int i = 0; i < 4; i++) {
        rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
        lr_driver_advance(rig->driver, LR_SECOND + 1);
    }
}

DIALECT_CASE(leaves_of_two_addresses_prove_nothing, LR_SPEAK_AUTO) {
    rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
    rig->ip = "127.0.0.4";
    rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
    rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
    rig->ip = "127.0.0.5";
    rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
}

DIALECT_CASE(a_session_with_calls_is_no_leave, LR_SPEAK_AUTO) {
    for (int i = 0; i < 4; i++) {
        lr_link link = LR_LINK_NONE;
        rig_expect(rig, answered_in(rig, &link) == LR_DIALECT_FFI);
        rig_expect_alive(rig, link);
        rig_shutdown(rig, link);
    }
}

DIALECT_CASE(clients_of_both_dialects_share_an_address, LR_SPEAK_AUTO) {
    lr_link link = LR_LINK_NONE;
    rig_expect(rig, answered_in(rig, &link) == LR_DIALECT_FFI);
    rig_expect_alive(rig, link);
    rig_shutdown(rig, link);
    for (int i = 0; i < 3; i++) { /* a client of the other tries five times */
        rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
    }
    rig_expect(rig, answered_in(rig, &link) == LR_DIALECT_LEGACY);
    rig_shutdown(rig, link);
}

DIALECT_CASE(a_call_in_the_other_dialect_is_understood, LR_SPEAK_AUTO) {
    lr_link link = LR_LINK_NONE;
    rig_expect(rig, answered_in(rig, &link) == LR_DIALECT_FFI);
    rig->dialect = LR_DIALECT_LEGACY; /* a client that did not look at our answer */
    rig_expect_alive(rig, link);
    rig_shutdown(rig, link);
    rig_expect(rig, answered_in(rig, &link) == LR_DIALECT_LEGACY);
}

DIALECT_CASE(legacy_is_spoken_when_told, LR_SPEAK_LEGACY) {
    for (int i = 0; i < 3; i++) {
        rig_expect(rig, open_and_leave(rig) == LR_DIALECT_LEGACY);
    }
    rig->dialect = LR_DIALECT_LEGACY;
    rig_expect_alive(rig, rig_open(rig, "client:dev"));
}

DIALECT_CASE(ffi_is_spoken_when_told, LR_SPEAK_FFI) {
    for (int i = 0; i < 3; i++) {
        rig_expect(rig, open_and_leave(rig) == LR_DIALECT_FFI);
    }
}
