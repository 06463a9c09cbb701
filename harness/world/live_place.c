/* SPDX-License-Identifier: Apache-2.0 */
/* Which host of the world's own network a party is: by its name, so that one that comes again is
 * the same. */
#include "world/live_internal.h"

enum lr_status lr_live_open_net(struct lr_live *live, struct lr_error *error) {
    return live->net != NULL ? LR_OK : lr_net_new(&live->net, live->alloc, error);
}

bool lr_live_has_net(const struct lr_live *live) {
    return live->net != NULL;
}

enum lr_status lr_live_place(struct lr_live *live, const char *name, int *place,
                             struct lr_error *error) {
    *place = LR_NET_NOWHERE;
    return live->net == NULL ? LR_OK : lr_net_host(live->net, name, place, error);
}

void lr_live_settle_address(const struct lr_live *live, int place,
                            struct sockaddr_storage *address) {
    if (place != LR_NET_NOWHERE && lr_address_is_loopback(address)) {
        (void)lr_address_numeric(lr_net_address(live->net, place), lr_address_port(address),
                                 address);
    }
}

const char *lr_live_address(struct lr_live *live, const char *name, const char *wanted,
                            struct lr_error *error) {
    struct sockaddr_storage address;
    int place;
    if (live->net == NULL || !lr_address_numeric(wanted, 0, &address) ||
        !lr_address_is_loopback(&address)) {
        return wanted;
    }
    const char *kept = lr_live_keep_name(live, name);
    if (kept == NULL) {
        (void)lr_error_set(error, LR_ENOMEM, "no memory for the host of \"%s\"", name);
        return NULL;
    }
    return lr_live_place(live, kept, &place, error) == LR_OK ? lr_net_address(live->net, place)
                                                             : NULL;
}

enum lr_status lr_live_set_group(struct lr_live *live, const char *name, int group) {
    int place;
    const char *kept = lr_live_keep_name(live, name);
    if (kept == NULL) {
        return LR_ENOMEM;
    }
    enum lr_status status = lr_live_place(live, kept, &place, NULL);
    return status != LR_OK           ? status
           : place == LR_NET_NOWHERE ? LR_ENOTSUP
                                     : lr_net_set_group(live->net, place, group, NULL);
}
