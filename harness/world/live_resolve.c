/* SPDX-License-Identifier: Apache-2.0 */
/* Names of hosts, asked for in libuv's threads: the loop goes on meanwhile. */
#include "world/live_internal.h"

#include <stdio.h>
#include <string.h>

struct lr_resolve {
    uv_getaddrinfo_t request;
    struct lr_alloc *alloc;
    lr_resolve_cb done; /* NULL: nobody waits any more */
    void *context;
};

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses) {
    struct lr_resolve *resolve = request->data;
    if (resolve->done != NULL) {
        resolve->done(resolve->context, status, addresses);
    }
    uv_freeaddrinfo(addresses);
    LR_FREE(resolve->alloc, resolve);
}

int lr_resolve_start(struct lr_live *live, const char *host, uint16_t port, bool passive,
                     lr_resolve_cb done, void *context, struct lr_resolve **out) {
    struct lr_resolve *resolve = LR_NEW(live->alloc, struct lr_resolve);
    if (resolve == NULL) {
        return UV_ENOMEM;
    }
    resolve->alloc = live->alloc;
    resolve->done = done;
    resolve->context = context;
    resolve->request.data = resolve;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned int)port);
    int result = uv_getaddrinfo(&live->loop, &resolve->request, resolved, host, service, &hints);
    if (result != 0) {
        LR_FREE(live->alloc, resolve);
        return result;
    }
    *out = resolve;
    return 0;
}

/* A question that is with the system cannot be taken back; its answer is then dropped. */
void lr_resolve_cancel(struct lr_resolve *resolve) {
    if (resolve != NULL) {
        resolve->done = NULL;
        (void)uv_cancel((uv_req_t *)&resolve->request);
    }
}
