/* SPDX-License-Identifier: Apache-2.0 */
/* Where in its messages a link is, which is what a fault is aimed by; and who is at its ends, where
 * that becomes known late. */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/handshake.h"
#include "support/ledger_rig.h"

static struct ledger_rig rig;

/* Feeds |size| bytes of one message, of which |known| have passed before, one by one; wants each
 * of them seen in its place, and the message forgotten with its last one if |whole|. */
static void pass_message(uint32_t link, enum lr_direction direction, const uint8_t *message,
                         size_t known, size_t size, bool whole) {
    for (size_t i = known; i < size; i++) {
        struct lr_ledger_place place;
        lr_rig_bytes(&rig, link, direction, message + i, 1);
        cr_assert(lr_ledger_link_place(rig.ledger, link, direction, &place));
        size_t passed = whole && i + 1 == size ? 0 : i + 1;
        cr_assert_eq(place.message_size, passed, "%zu instead of %zu", (size_t)place.message_size,
                     passed);
        cr_assert_leq(place.front_size, passed);
        cr_assert_geq(place.front_size, passed < 8 ? passed : 8);
        cr_assert_eq(memcmp(place.front, message, place.front_size), 0);
    }
}

static void expect_opened(uint32_t link, enum lr_direction direction, bool opened) {
    struct lr_ledger_place place;
    cr_assert(lr_ledger_link_place(rig.ledger, link, direction, &place));
    cr_assert_eq(place.opened, opened);
}

/* The opening of a data link is one message: magic, then the key behind its length. */
Test(ledger_place, is_known_byte_by_byte_of_a_session) {
    static const uint8_t hello[] = {0x71, 0xf2, 0x0f, 0, 6, 0, 0, 0, 'c', 'l', 'i', 'e', 'n', 't'};
    static const uint8_t packet[] = {12, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    uint32_t link = lr_rig_connect(&rig, "c1", 5001, "s1");
    expect_opened(link, LR_TO_SERVICE, false);
    pass_message(link, LR_TO_SERVICE, hello, 0, sizeof hello - 1, false);
    expect_opened(link, LR_TO_SERVICE, false);
    lr_rig_bytes(&rig, link, LR_TO_SERVICE, &hello[sizeof hello - 1], 1);
    expect_opened(link, LR_TO_SERVICE, true);
    expect_opened(link, LR_FROM_SERVICE, false);
    pass_message(link, LR_TO_SERVICE, packet, 0, sizeof packet, true);
    pass_message(link, LR_TO_SERVICE, packet, 0, sizeof packet - 1, false);
    expect_opened(link, LR_TO_SERVICE, true);
    lr_rig_deinit(&rig);
}

Test(ledger_place, is_known_byte_by_byte_at_a_tracker) {
    static const uint8_t magic[] = {0x71, 0xf2, 0x02, 0};
    static const uint8_t ping[] = {3, 0, 0, 0, '[', '0', ']'};
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    uint32_t link = lr_rig_connect(&rig, "c1", 5001, "tracker");
    pass_message(link, LR_TO_SERVICE, magic, 0, sizeof magic, true);
    expect_opened(link, LR_TO_SERVICE, true);
    expect_opened(link, LR_FROM_SERVICE, false);
    pass_message(link, LR_TO_SERVICE, ping, 0, sizeof ping, true);
    lr_rig_deinit(&rig);
}

Test(ledger_place, is_unknown_of_what_is_not_followed) {
    static const uint8_t nonsense[] = {1, 2, 3, 4};
    struct lr_ledger_place place;
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    uint32_t link = lr_rig_connect(&rig, "c1", 5001, "s1");
    cr_assert_not(lr_ledger_link_place(rig.ledger, link + 1, LR_TO_SERVICE, &place));
    lr_rig_bytes(&rig, link, LR_TO_SERVICE, nonsense, sizeof nonsense);
    cr_assert_not(lr_ledger_link_place(rig.ledger, link, LR_TO_SERVICE, &place));
    cr_assert(lr_ledger_link_place(rig.ledger, link, LR_FROM_SERVICE, &place));
    lr_ledger_link_closed(rig.ledger, rig.now, link, NULL);
    cr_assert_not(lr_ledger_link_place(rig.ledger, link, LR_FROM_SERVICE, &place));
    lr_rig_deinit(&rig);
}

/* ---- who becomes known late ---- */

/* A program's link to its tracker is told of before the program is found by its port. */
static void ask_and_be_found(void) {
    static const struct lr_endpoint asking = {
        .host = "asks", .address = "127.0.0.1:5001", .pid = 4711};
    static const struct lr_endpoint later = {
        .host = "asks again", .address = "127.0.0.1:5001", .pid = 4712};
    uint32_t link = lr_rig_request(&rig, "c1", 5001, 1);
    lr_ledger_link_client(rig.ledger, link, &asking);
    lr_rig_server(&rig, "s1", 9091, "test:0.1");
    lr_rig_grant(&rig, link, "test:0.1");
    (void)lr_rig_open(&rig, "uses", 5002, "s1", "test:0.1", "");
    lr_ledger_link_client(rig.ledger, link, &later);
}

static void expect_user(void) {
    const struct lr_account *account = lr_ledger_account(rig.ledger, 1);
    cr_assert_str_eq(account->client, "uses", "who has the session, not who asked for it");
    cr_assert_eq(account->client_pid, 4711);
}

Test(ledger_place, who_asks_is_known_until_somebody_has_the_session) {
    cr_assert(lr_rig_init(&rig, lr_alloc_system()));
    static const struct lr_endpoint asking = {
        .host = "asks", .address = "127.0.0.1:5001", .pid = 4711};
    uint32_t link = lr_rig_request(&rig, "c1", 5001, 1);
    lr_ledger_link_client(rig.ledger, link, &asking);
    cr_assert_str_eq(lr_ledger_account(rig.ledger, 1)->client, "asks");
    cr_assert_eq(lr_ledger_account(rig.ledger, 1)->client_pid, 4711);
    lr_rig_deinit(&rig);
    lr_rig_each_failure(&rig, ask_and_be_found, expect_user);
}
