/* SPDX-License-Identifier: Apache-2.0 */
/* What a world does with a socket for a role: reading, the queue of what the system has no room
 * for, and orderly ends. The rules are those of world/live_socket.c, word for word where it could
 * be. */
#include "world/sim_fault.h"

#include "base/assert.h"

static void go_on_closing(struct lr_sim_end *end);

static struct lr_sim *sim_of(const struct lr_sim_end *end) {
    return lr_sim_pair_of(end)->sim;
}

/* ---- the end ---- */

void lr_sim_discard(struct lr_sim_end *end) {
    while (end->first != NULL) {
        struct lr_sim_queued *queued = end->first;
        end->first = queued->next;
        lr_buf_deinit(&queued->bytes);
        LR_FREE(sim_of(end)->alloc, queued);
    }
    end->last = NULL;
    end->unsent = 0;
}

static void let_go(struct lr_sim_end *end) {
    lr_sim_disarm(sim_of(end), &end->timer);
    lr_sim_discard(end);
    lr_sim_tend_later(lr_sim_pair_of(end));
}

void lr_sim_drop(struct lr_sim_end *end) {
    if (!end->closed) {
        lr_sim_tcp_close(end);
        let_go(end);
    }
}

void lr_sim_reset(struct lr_sim_end *end) {
    if (!end->closed) {
        lr_sim_tcp_abort(end);
        let_go(end);
    }
}

void lr_sim_fail(struct lr_sim_end *end, enum lr_sim_failure failure) {
    if (!end->closed) {
        lr_sim_drop(end);
        lr_sim_conn_failed(end, failure);
    }
}

/* ---- reading ---- */

void lr_sim_socket_take(struct lr_sim_end *end, const uint8_t *bytes, size_t size) {
    if (!end->lingering) {
        lr_sim_conn_took(end, bytes, size);
    }
}

void lr_sim_socket_end(struct lr_sim_end *end) {
    end->got_end = true;
    lr_sim_read(end, false);
    lr_sim_conn_ended(end);
    if (end->lingering) {
        go_on_closing(end);
    }
}

/* While it is off, the peer's end is still noticed. */
void lr_sim_read(struct lr_sim_end *end, bool on) {
    end->wants_read = on && !end->got_end;
    bool read = (end->wants_read || (end->peer_ended && !end->got_end)) && !end->frozen &&
                !end->closed && end->opened;
    if (read != (bool)end->reading && !end->closed) {
        end->reading = read;
        lr_sim_tcp_want(end);
    }
}

/* ---- writing ---- */

/* One write. False: the connection has failed. */
static bool write_some(struct lr_sim_end *end, struct lr_buf *bytes, size_t *taken) {
    enum lr_sim_failure failure = LR_SIM_FINE;
    const uint8_t *data = lr_buf_data(bytes);
    size_t size = lr_buf_size(bytes);
    bool fine;
    *taken = 0;
    if (end->troubled && (size = lr_sim_trouble_write(end, size)) == 0) {
        return true;
    }
    if (lr_sim_conn_has_faults(end)) {
        fine = lr_sim_conn_write(end, data, size, taken, &failure);
    } else {
        fine = lr_sim_tcp_write(end, data, size, taken, &failure);
        if (*taken > 0) {
            lr_sim_conn_sent(end, data, *taken);
        }
    }
    if (!fine && failure == LR_SIM_NO_MEMORY) {
        lr_sim_reset(end);
        lr_sim_conn_failed(end, failure);
    } else if (!fine) {
        lr_sim_fail(end, failure);
    }
    return fine;
}

static void drop_front(struct lr_sim_end *end, size_t size) {
    struct lr_sim_queued *queued = end->first;
    LR_ASSERT(size <= end->unsent);
    end->unsent -= size;
    lr_buf_consume(&queued->bytes, size);
    if (lr_buf_size(&queued->bytes) == 0) {
        end->first = queued->next;
        end->last = queued->next == NULL ? NULL : end->last;
        lr_buf_deinit(&queued->bytes);
        LR_FREE(sim_of(end)->alloc, queued);
    }
}

void lr_sim_socket_flush(struct lr_sim_end *end) {
    size_t before = end->unsent;
    while (end->first != NULL && !end->frozen && !end->closed && !end->shut) {
        size_t taken;
        if (!write_some(end, &end->first->bytes, &taken) || taken == 0) {
            break;
        }
        if (end->first != NULL) { /* a fault may have dropped what was queued */
            drop_front(end, taken);
        }
    }
    go_on_closing(end);
    if (end->unsent < before && !end->lingering && !end->closed) {
        lr_sim_conn_progressed(end);
    }
}

/* Takes |buffer| always. */
static void queue(struct lr_sim_end *end, struct lr_buf *buffer) {
    struct lr_sim_queued *queued = LR_NEW(sim_of(end)->alloc, struct lr_sim_queued);
    if (queued == NULL) {
        lr_buf_deinit(buffer);
        lr_sim_reset(end);
        lr_sim_conn_failed(end, LR_SIM_NO_MEMORY);
        return;
    }
    queued->bytes = lr_buf_take(buffer);
    end->unsent += lr_buf_size(&queued->bytes);
    if (end->last == NULL) {
        end->first = queued;
    } else {
        end->last->next = queued;
    }
    end->last = queued;
}

/* As much as the system takes. */
static void send_one(struct lr_sim_end *end, struct lr_buf *buffer) {
    while (lr_buf_size(buffer) > 0 && !end->closed && !end->shut && !end->frozen) {
        size_t taken;
        if (!write_some(end, buffer, &taken)) {
            break;
        }
        lr_buf_consume(buffer, taken);
        if (taken == 0) {
            break;
        }
    }
}

void lr_sim_send(struct lr_sim_end *end, struct lr_buf **buffers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!end->closed && !end->shut && end->first == NULL && !end->frozen && end->opened) {
            send_one(end, buffers[i]);
        }
        if (!end->closed && !end->shut && lr_buf_size(buffers[i]) > 0) {
            queue(end, buffers[i]);
        } else {
            lr_buf_deinit(buffers[i]);
        }
    }
}

bool lr_sim_adopt(struct lr_sim_end *end) {
    for (struct lr_sim_queued *queued = end->first; queued != NULL; queued = queued->next) {
        struct lr_buf copy;
        lr_buf_init(&copy, sim_of(end)->alloc);
        if (lr_buf_append(&copy, lr_buf_data(&queued->bytes), lr_buf_size(&queued->bytes)) !=
            LR_OK) {
            return false;
        }
        lr_buf_deinit(&queued->bytes);
        queued->bytes = copy;
    }
    return true;
}

/* ---- FIN ---- */

void lr_sim_shut(struct lr_sim_end *end) {
    end->wants_shut = true;
    go_on_closing(end);
}

void lr_sim_cut(struct lr_sim_end *end) {
    if (!end->closed && !end->shut) {
        lr_sim_discard(end);
        end->shut = true;
        lr_sim_tcp_shut(end);
        go_on_closing(end);
    }
}

/* The next step of an orderly end: FIN when all is out, the descriptor when the peer has ended,
 * too. */
static void go_on_closing(struct lr_sim_end *end) {
    if (!end->wants_shut || end->closed || end->unsent > 0 || !end->opened) {
        return;
    }
    if (!end->finished) {
        bool pass = lr_sim_conn_finishing(end);
        bool close_says_it = end->lingering && (end->got_end || end->at_once);
        end->finished = true;
        if (pass && !end->shut && !close_says_it) {
            lr_sim_tcp_shut(end);
        }
        end->shut = true;
    }
    if (end->lingering && end->got_end && !end->frozen) {
        lr_sim_drop(end);
    }
}

void lr_sim_close(struct lr_sim_end *end, uint64_t linger_ns) {
    if (end->closed) {
        return;
    }
    end->lingering = true;
    end->wants_shut = true;
    end->at_once = linger_ns == 0;
    if (end->at_once) {
        go_on_closing(end);
        lr_sim_socket_linger_over(end);
        return;
    }
    lr_sim_read(end, true);
    go_on_closing(end);
    if (!end->closed && !end->frozen) {
        end->timer_for = LR_SIM_TIMER_LINGER;
        lr_sim_arm(sim_of(end), &end->timer, lr_time_add(sim_of(end)->now, linger_ns));
    }
}

/* The peer has had its time: what it did not read by now is lost, and it hears so by RST. */
void lr_sim_socket_linger_over(struct lr_sim_end *end) {
    if (end->unsent > 0) {
        lr_sim_reset(end);
    } else {
        lr_sim_drop(end);
    }
}
