/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the live world: turns, time, deadlines, signals, beginning and end. */
#include "world/live_socket.h"

#include <signal.h>
#include <string.h>

#include "base/assert.h"

#define LOOK_NS (40 * LR_US)

uv_buf_t lr_uv_bytes(const void *bytes, size_t size) {
    uv_buf_t buffer = {.len = size};
    memcpy(&buffer.base, &bytes, sizeof buffer.base); /* its type is not const, its use is */
    return buffer;
}

lr_time lr_live_now(const struct lr_live *live) {
    return live->now;
}

lr_time lr_live_clock(struct lr_live *live) {
    if (live->now_stale) {
        live->now = uv_hrtime();
        live->now_stale = false;
    }
    return live->now;
}

static void mark_stale(uv_prepare_t *prepare) {
    struct lr_live *live = prepare->data;
    live->now_stale = true;
}

static void catch_signal(uv_signal_t *handle, int number) {
    struct lr_live *live = handle->data;
    if (live->signal == 0) {
        live->signal = number;
    }
    uv_stop(handle->loop);
}

enum lr_status lr_live_catch_signals(struct lr_live *live, struct lr_error *error) {
    static const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; !live->catching && i < LR_COUNT_OF(numbers); i++) {
        int result = uv_signal_start(&live->signals[i], catch_signal, numbers[i]);
        if (result != 0) {
            return lr_error_set(error, LR_EIO, "cannot catch signal %d: %s", numbers[i],
                                uv_strerror(result));
        }
        uv_unref((uv_handle_t *)&live->signals[i]);
    }
    live->catching = true;
    return LR_OK;
}

int lr_live_signal(const struct lr_live *live) {
    return live->signal;
}

/* The next event of a conversation is mostly some microseconds away, and to sleep and be woken
 * takes longer than that: after a turn that handed a role something the loop looks a little before
 * it waits. True: something came. */
static bool look_first(struct lr_live *live) {
    const uint64_t handed = live->handed;
    if (handed == live->handed_then) {
        return false;
    }
    live->handed_then = handed;
    const uint64_t until = uv_hrtime() + LOOK_NS;
    do {
        uv_run(&live->loop, UV_RUN_NOWAIT);
        if (live->handed != handed || live->signal != 0) {
            return true;
        }
        lr_system_yield();
    } while (uv_hrtime() < until);
    return false;
}

bool lr_live_turn(struct lr_live *live, lr_time until) {
    live->now_stale = true;
    uv_update_time(&live->loop); /* what the caller did since the last turn counts, too */
    bool had_work = !lr_list_empty(&live->busy);
    lr_hosts_deliver_busy(live);
    if (had_work || until <= lr_live_clock(live)) {
        uv_run(&live->loop, UV_RUN_NOWAIT);
    } else if (!look_first(live)) {
        if (until != LR_TIME_NEVER) {
            lr_live_set_alarm(live, &live->until, until);
        }
        uv_run(&live->loop, UV_RUN_ONCE);
        if (until != LR_TIME_NEVER) {
            lr_live_unset_alarm(live, &live->until);
        }
    }
    live->now_stale = true;
    (void)lr_live_clock(live);
    return live->signal == 0;
}

const char *lr_live_keep_name(struct lr_live *live, const char *name) {
    LR_LIST_EACH (node, &live->names) {
        struct lr_name *kept = LR_CONTAINER_OF(node, struct lr_name, node);
        if (strcmp(kept->text, name) == 0) {
            return kept->text;
        }
    }
    struct lr_name *kept = LR_NEW(live->alloc, struct lr_name);
    if (kept == NULL) {
        return NULL;
    }
    kept->text = lr_alloc_string(live->alloc, name, strlen(name));
    if (kept->text == NULL) {
        LR_FREE(live->alloc, kept);
        return NULL;
    }
    lr_list_append(&live->names, &kept->node);
    return kept->text;
}

static void free_names(struct lr_live *live) {
    LR_LIST_EACH (node, &live->names) {
        struct lr_name *kept = LR_CONTAINER_OF(node, struct lr_name, node);
        lr_list_remove(node);
        lr_alloc_free_string(live->alloc, kept->text);
        LR_FREE(live->alloc, kept);
    }
}

static void init_lists(struct lr_live *live) {
    struct lr_list *lists[] = {
        &live->hosts,       &live->busy,     &live->sockets, &live->listeners, &live->links,
        &live->next_faults, &live->services, &live->relays,  &live->programs,  &live->names};
    for (size_t i = 0; i < LR_COUNT_OF(lists); i++) {
        lr_list_init(lists[i]);
    }
}

/* None of these can fail once the loop is there. */
static void init_handles(struct lr_live *live) {
    live->until.kind = LR_ALARM_UNTIL;
    lr_alarm_init(live);
    uv_prepare_init(&live->loop, &live->before_wait);
    live->before_wait.data = live;
    uv_prepare_start(&live->before_wait, mark_stale);
}

static void close_handles(struct lr_live *live) {
    lr_alarm_close(live);
    uv_close((uv_handle_t *)&live->before_wait, NULL);
    for (size_t i = 0; i < LR_COUNT_OF(live->signals); i++) {
        if (live->signals[i].data != NULL) {
            uv_close((uv_handle_t *)&live->signals[i], NULL);
        }
    }
}

static void run_until_empty(struct lr_live *live) {
    while (uv_run(&live->loop, UV_RUN_DEFAULT) != 0) {}
    int result = uv_loop_close(&live->loop);
    LR_ASSERT(result == 0);
}

static enum lr_status init_signals(struct lr_live *live) {
    for (size_t i = 0; i < LR_COUNT_OF(live->signals); i++) {
        if (uv_signal_init(&live->loop, &live->signals[i]) != 0) {
            return LR_EIO;
        }
        live->signals[i].data = live;
    }
    return LR_OK;
}

enum lr_status lr_live_new(struct lr_live **out, const struct lr_live_options *options,
                           struct lr_error *error) {
    struct lr_live *live = LR_NEW(options->alloc, struct lr_live);
    if (live == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for the live world");
    }
    live->world.ops = &lr_live_ops;
    live->options = *options;
    live->alloc = options->alloc;
    live->ledger = options->ledger;
    live->trace = (struct lr_trace){options->trace, "world"};
    init_lists(live);
    int result = uv_loop_init(&live->loop);
    if (result != 0) {
        LR_FREE(live->alloc, live);
        return lr_error_set(error, LR_EIO, "no event loop: %s", uv_strerror(result));
    }
    init_handles(live);
    live->now = uv_hrtime();
    lr_system_ignore_pipe_signal();
    enum lr_status status = LR_ENOMEM;
    live->read_buffer = lr_alloc_bytes(live->alloc, LR_READ_SIZE);
    if (live->read_buffer == NULL) {
        lr_error_set(error, status, "no memory for the live world");
    } else {
        status = lr_live_storage_new(live->alloc, options->storage_root, &live->storage, error);
    }
    if (status == LR_OK) {
        status = init_signals(live);
        if (status != LR_OK) {
            lr_error_set(error, status, "the loop cannot watch signals");
        }
    }
    if (status != LR_OK) {
        lr_live_free(live);
        return status;
    }
    *out = live;
    return LR_OK;
}

struct lr_storage *lr_live_storage(struct lr_live *live) {
    return live->storage;
}

/* Programs go first, while their links can still be watched; then who owns sockets, then the
 * sockets that have outlived their owners, then the loop, and the names that the ledger was told
 * last. */
void lr_live_free(struct lr_live *live) {
    if (live == NULL) {
        return;
    }
    live->now_stale = true;
    lr_programs_free_all(live);
    lr_hosts_free_all(live);
    lr_relays_free_all(live);
    LR_LIST_EACH (node, &live->sockets) {
        lr_socket_drop(LR_CONTAINER_OF(node, struct lr_socket, node));
    }
    LR_LIST_EACH (node, &live->next_faults) {
        lr_list_remove(node);
    }
    LR_LIST_EACH (node, &live->services) {
        struct lr_service *service = LR_CONTAINER_OF(node, struct lr_service, node);
        lr_list_remove(node);
        LR_FREE(live->alloc, service);
    }
    close_handles(live);
    run_until_empty(live);
    lr_live_storage_free(live->storage);
    lr_alloc_free(live->alloc, live->read_buffer, live->read_buffer == NULL ? 0 : LR_READ_SIZE);
    lr_net_free(live->net);
    free_names(live);
    LR_FREE(live->alloc, live);
}
