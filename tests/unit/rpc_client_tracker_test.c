/* SPDX-License-Identifier: Apache-2.0 */
/* A client that is told of its tracker later than it is made. */
#include <string.h>

#include "support/client_rig.h"

CLIENT_CASE(rpc_client_tracker, is_told_once_where_to_ask) {
    struct client_rig rig;
    struct lr_client_options options = lr_client_options_default;
    struct lr_request_options request = lr_request_options_default;
    struct lr_text key = lr_text_of("k");
    char long_name[LR_HOST_MAX + 1];
    lr_op op;
    (void)context;
    memset(long_name, 'h', LR_HOST_MAX);
    long_name[LR_HOST_MAX] = '\0';
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, &options));
    lr_time now = client_rig_now(&rig);
    RIG_EXPECT(&rig, lr_client_request(rig.client, now, key, &request, &op) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "", 9190) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "tracker.test", 0) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, long_name, 9190) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "tracker.test", 9190) == LR_OK);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "tracker.test", 9190) == LR_OK);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "tracker.test", 9191) == LR_EEXISTS);
    RIG_EXPECT(&rig, lr_client_set_tracker(rig.client, "other.test", 9190) == LR_EEXISTS);
    RIG_EXPECT(&rig, lr_client_request(rig.client, now, key, &request, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_tracker(&rig) != LR_LINK_NONE);
done:
    client_rig_deinit(&rig);
}
