/* SPDX-License-Identifier: Apache-2.0 */
/* A client and its tracker: when it is told where that is, what it hears when nobody is there, and
 * what becomes of questions that share a connection when one of them is given up. */
#include <string.h>

#include "support/client_rig.h"

CLIENT_CASE(rpc_client_tracker, is_told_once_where_to_ask) {
    struct client_rig rig;
    struct lr_client_options options = lr_client_options_default;
    struct lr_request_options request = lr_request_options_default;
    struct lr_text key = lr_text_of("k");
    char long_name[LR_HOST_MAX + 1];
    lr_op op = 0;
    (void)context;
    memset(long_name, 'h', LR_HOST_MAX);
    long_name[LR_HOST_MAX] = '\0';
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    lr_time now = client_rig_now(&rig);
    RIG_EXPECT(&rig, lr_client_request(rig.client, now, key, &request, &op) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "", 9190) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "tracker.test", 0) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, long_name, 9190) == LR_EINVAL);
    enum lr_status told = lr_client_set_tracker(rig.client, "tracker.test", 9190);
    enum lr_status asked = lr_client_request(rig.client, now, key, &request, &op);
    cr_assert_eq(told == LR_OK, asked != LR_EINVAL, "it knows one, or has said that it does not");
    lr_client_cancel(rig.client, now, op);
    RIG_EXPECT(&rig, told == LR_OK && asked == LR_OK);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_ECANCELED));
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "tracker.test", 9190) == LR_OK);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "tracker.test", 9191) == LR_EEXISTS);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "other.test", 9190) == LR_EEXISTS);
    RIG_EXPECT(&rig, lr_client_request(rig.client, now, key, &request, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_tracker(&rig) != LR_LINK_NONE);
done:
    client_rig_deinit(&rig);
}

Test(rpc_client_tracker, is_told_again_where_there_was_no_memory_for_it) {
    struct lr_counting_alloc counting;
    struct lr_client_options options = lr_client_options_default;
    struct client_rig rig;
    lr_op op;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    cr_assert(client_rig_init(&rig, &counting.base, &options));
    counting.fail_at = counting.calls + 1;
    cr_assert_eq(lr_client_set_tracker(rig.client, "tracker.test", 9190), LR_ENOMEM);
    cr_assert_eq(lr_client_summary(rig.client, client_rig_now(&rig), false, &op), LR_EINVAL);
    cr_assert_eq(lr_client_set_tracker(rig.client, "tracker.test", 9190), LR_OK);
    cr_assert_eq(lr_client_summary(rig.client, client_rig_now(&rig), false, &op), LR_OK);
    client_rig_deinit(&rig);
    cr_assert_eq(counting.live_blocks, 0);
}

static const char nothing_there[] = "[0, {\"queue_info\": {}, \"server_info\": []}]";

/* What was put again is not asked yet: who gives it up leaves the new connection to the others. */
CLIENT_CASE(rpc_client_tracker, keeps_the_new_connection_when_one_of_those_put_again_is_given_up) {
    struct client_rig rig;
    lr_op ops[2];
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &ops[0]) == LR_OK);
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, "[6]"));
    client_rig_tell(&rig, tracker, nothing_there);
    RIG_EXPECT(&rig, client_rig_ended(&rig, ops[0], LR_OK));
    for (size_t i = 0; i < 2; i++) {
        RIG_EXPECT(&rig,
                   lr_client_summary(rig.client, client_rig_now(&rig), false, &ops[i]) == LR_OK);
    }
    lr_driver_reset(rig.driver, tracker);
    lr_link next = lr_driver_waiting(rig.driver, rig.host, NULL);
    lr_client_cancel(rig.client, client_rig_now(&rig), ops[0]);
    RIG_EXPECT(&rig, client_rig_ended(&rig, ops[0], LR_ECANCELED));
    tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && tracker == next);
    RIG_EXPECT(&rig, client_rig_asked(&rig, tracker, "[6]"));
    client_rig_tell(&rig, tracker, nothing_there);
    RIG_EXPECT(&rig, client_rig_ended(&rig, ops[1], LR_OK));
done:
    client_rig_deinit(&rig);
}

/* Its answer would be taken for the one behind it: the connection goes with who gives it up. */
CLIENT_CASE(rpc_client_tracker, asks_anew_what_stands_behind_a_summary_that_is_given_up) {
    struct client_rig rig;
    lr_op ops[2];
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    for (size_t i = 0; i < 2; i++) {
        RIG_EXPECT(&rig,
                   lr_client_summary(rig.client, client_rig_now(&rig), false, &ops[i]) == LR_OK);
    }
    lr_link tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, "[6]"));
    lr_client_cancel(rig.client, client_rig_now(&rig), ops[0]);
    RIG_EXPECT(&rig, client_rig_ended(&rig, ops[0], LR_ECANCELED));
    RIG_EXPECT(&rig, lr_driver_saw_fin(rig.driver, tracker));
    tracker = client_rig_tracker(&rig);
    RIG_EXPECT(&rig, tracker != LR_LINK_NONE && client_rig_asked(&rig, tracker, "[6]"));
    RIG_EXPECT(&rig, client_rig_pending(&rig, tracker) == 0);
    client_rig_tell(&rig, tracker, nothing_there);
    RIG_EXPECT(&rig, client_rig_ended(&rig, ops[1], LR_OK));
done:
    client_rig_deinit(&rig);
}

/* Why a connection cannot be made, as its world says it: LR_OK and no word where that does not. */
static const struct {
    enum lr_status status;
    const char *reason;
    enum lr_status told;
    const char *said;
} failures[] = {
    {LR_ETIMEOUT, "no route", LR_ETIMEOUT, ":9190: no route"},
    {LR_OK, NULL, LR_EREFUSED, ":9190: no reason given"},
};

CLIENT_CASE_ROWS(rpc_client_tracker, tells_why_nobody_can_be_reached, LR_COUNT_OF(failures) * 2) {
    const size_t row = *(const size_t *)context;
    const struct lr_address address = {.host = "server.test", .port = 9190};
    struct client_rig rig;
    lr_op op;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL));
    if (row % 2 == 0) {
        RIG_EXPECT(&rig, lr_client_summary(rig.client, client_rig_now(&rig), false, &op) == LR_OK);
    } else {
        RIG_EXPECT(&rig, lr_client_connect(rig.client, client_rig_now(&rig), &address,
                                           lr_text_of("k"), 0, &op) == LR_OK);
    }
    lr_driver_pump(rig.driver);
    lr_link waiting = lr_driver_waiting(rig.driver, rig.host, NULL);
    RIG_EXPECT(&rig, waiting != LR_LINK_NONE);
    lr_driver_fail(rig.driver, waiting, failures[row / 2].status, failures[row / 2].reason);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, failures[row / 2].told));
    RIG_EXPECT(&rig, strstr(rig.result.error.text, failures[row / 2].said) != NULL);
done:
    client_rig_deinit(&rig);
}
