/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of the live world: in order, and one timer of the system for the earliest of them. */
#include "world/live_relay.h"

/* Nobody is rung more often: whoever sets the past again and again must not keep the others
 * waiting. */
#define SOONEST_NS LR_MS

static void set_clock(struct lr_live *live, lr_time at);

static void ring_one(struct lr_timer *due) {
    switch ((enum lr_alarm)due->kind) {
    case LR_ALARM_UNTIL:
        break;
    case LR_ALARM_ROLE:
        lr_host_alarm(due);
        break;
    case LR_ALARM_AGED:
    case LR_ALARM_LINGER:
    case LR_ALARM_SILENCE:
        lr_socket_alarm(LR_CONTAINER_OF(due, struct lr_socket, timer), due->kind);
        break;
    case LR_ALARM_PASS:
        lr_pass_alarm(due);
        break;
    }
}

/* The end of the turn, too: a timer of libuv's that ran before the wait must keep the loop from it.
 */
static void ring(struct lr_live *live) {
    struct lr_alarm_clock *alarm = &live->alarm;
    lr_time now = lr_live_clock(live);
    alarm->at = LR_TIME_NEVER;
    for (struct lr_timer *due = lr_timers_pop(&alarm->deadlines, now); due != NULL;
         due = lr_timers_pop(&alarm->deadlines, now)) {
        ring_one(due);
    }
    set_clock(live, lr_timers_next(&alarm->deadlines));
    uv_stop(&live->loop);
}

static void ring_timer(uv_timer_t *timer) {
    ring(timer->data);
}

static void ring_poll(uv_poll_t *poll, int status, int events) {
    struct lr_live *live = poll->data;
    (void)status;
    (void)events;
    lr_system_timer_clear(live->alarm.descriptor);
    ring(live);
}

/* What is moved later is not told to the system: it rings early and is set again. */
static void set_clock(struct lr_live *live, lr_time at) {
    struct lr_alarm_clock *alarm = &live->alarm;
    if (at >= alarm->at) {
        return;
    }
    alarm->at = at;
    lr_time now = lr_live_clock(live);
    uint64_t delay = at > now + SOONEST_NS ? at - now : SOONEST_NS;
    if (alarm->descriptor >= 0) {
        lr_system_timer_set(alarm->descriptor, lr_time_add(now, delay));
    } else {
        uv_timer_start(&alarm->timer, ring_timer, delay / LR_MS + (delay % LR_MS != 0), 0);
    }
}

void lr_live_set_alarm(struct lr_live *live, struct lr_timer *timer, lr_time at) {
    lr_time soonest = lr_time_add(lr_live_clock(live), SOONEST_NS);
    lr_timers_arm(&live->alarm.deadlines, timer, at > soonest ? at : soonest);
    set_clock(live, lr_timers_next(&live->alarm.deadlines));
}

void lr_live_unset_alarm(struct lr_live *live, struct lr_timer *timer) {
    lr_timers_disarm(&live->alarm.deadlines, timer);
}

void lr_alarm_init(struct lr_live *live) {
    struct lr_alarm_clock *alarm = &live->alarm;
    lr_timers_init(&alarm->deadlines);
    alarm->at = LR_TIME_NEVER;
    uv_timer_init(&live->loop, &alarm->timer);
    alarm->timer.data = live;
    alarm->poll.data = live;
    alarm->descriptor = lr_system_timer_open();
    if (alarm->descriptor >= 0 && uv_poll_init(&live->loop, &alarm->poll, alarm->descriptor) != 0) {
        lr_system_close(alarm->descriptor);
        alarm->descriptor = -1;
    }
    if (alarm->descriptor >= 0) {
        (void)uv_poll_start(&alarm->poll, UV_READABLE,
                            ring_poll); /* fails for closing ones alone */
    }
}

static void close_descriptor(uv_handle_t *handle) {
    struct lr_live *live = handle->data;
    lr_system_close(live->alarm.descriptor);
}

void lr_alarm_close(struct lr_live *live) {
    uv_close((uv_handle_t *)&live->alarm.timer, NULL);
    if (live->alarm.descriptor >= 0) {
        uv_close((uv_handle_t *)&live->alarm.poll, close_descriptor);
    }
}
