/* SPDX-License-Identifier: Apache-2.0 */
/* A raw peer at its steps. What services make of what it says is judged at their end of the link: a
 * line that must be answered is, one that must end the link does, and what takes too long ends. */
#include "explore/playing.h"

#include <stdio.h>
#include <string.h>

#include "rpc/tracker_msg.h"

/* A peer waits for a connection so long at most. */
#define CONNECT_NS (5 * LR_SECOND)

static const struct lr_plan_step *step_of(const struct lr_playing *play, const struct lr_act *act) {
    return &play->plan->actors[act->number].steps[act->step];
}

static void next_step(struct lr_act *act) {
    act->step++;
    act->phase = 0;
    act->state = LR_ACT_READY;
    act->until = LR_TIME_NEVER;
}

static void wait_until(struct lr_act *act, lr_time until) {
    act->phase++;
    act->state = LR_ACT_WAITING;
    act->until = until;
    lr_playing_drain(act->party);
}

static bool is_disturbed(const struct lr_playing *play, const struct lr_act *act) {
    uint32_t hosts = UINT32_C(1) << (LR_HOST_ACTORS + act->number) | UINT32_C(1)
                                                                         << act->said.law.to;
    return (play->disturbed & hosts) != 0;
}

/* A client is connected a little before its service has taken it. */
void lr_act_peer_number(const struct lr_playing *play, struct lr_act *act) {
    struct lr_said *said = &act->said;
    if (said->number == 0 && act->party->host != NULL) {
        uint16_t port =
            lr_world_conn_port(act->party->host, lr_raw_conn(act->party->role.raw, said->link));
        said->number = lr_ledger_link_of_ports(play->ledger, act->party->name, port, said->port);
    }
}

static uint64_t heard_by(const struct lr_playing *play, const struct lr_act *act) {
    return act->said.number == 0
               ? 0
               : lr_ledger_link_passed(play->ledger, act->said.number, LR_FROM_SERVICE);
}

/* As far as the peer knows. */
static bool sees_end(const struct lr_act *act) {
    enum lr_raw_state state = lr_raw_state(act->party->role.raw, act->said.link);
    return state != LR_RAW_UP && state != LR_RAW_CONNECTING;
}

static bool is_ended(const struct lr_playing *play, const struct lr_act *act) {
    return sees_end(act) ||
           (act->said.number != 0 && !lr_ledger_link_open(play->ledger, act->said.number));
}

/* ---- what must come of it ---- */

/* What has come since the newest line was said. */
static size_t answer_of(const struct lr_act *act, const uint8_t **bytes) {
    size_t size = lr_raw_received(act->party->role.raw, act->said.link, bytes);
    *bytes = size == 0 ? NULL : *bytes + act->said.got;
    return size - act->said.got;
}

static bool is_answered(const struct lr_playing *play, const struct lr_act *act) {
    const struct lr_said *said = &act->said;
    const uint8_t *bytes;
    bool whole = true;
    if (said->awaited == LR_THEN_ANSWER && said->answer != LR_SAID_ANYTHING) {
        size_t size = answer_of(act, &bytes);
        (void)lr_line_is_answer(said->answer, bytes, size, &whole);
    }
    return said->awaited == LR_THEN_ANSWER && heard_by(play, act) > said->heard && whole;
}

static bool has_come(const struct lr_playing *play, const struct lr_act *act) {
    return act->said.then == LR_THEN_WHATEVER || is_answered(play, act) || is_ended(play, act);
}

static const char *line_said(const struct lr_playing *play, const struct lr_act *act) {
    const struct lr_plan_step *step = step_of(play, act);
    bool of_line = act->step < play->plan->actors[act->number].count && step->what == LR_DO_SAY;
    return of_line ? lr_line_row(step->target)->name : "what was said before";
}

/* When its server let it in, or LR_TIME_NEVER. */
static lr_time let_in_at(const struct lr_playing *play, const struct lr_act *act) {
    const struct lr_account *account = lr_ledger_account_of_link(play->ledger, act->said.number);
    return act->said.law.to == LR_HOST_TRACKER || account == NULL ? LR_TIME_NEVER
                                                                  : account->accepted_at;
}

/* A server without a tracker answers a key when it has a place, and not before. */
static bool waits_for_others(const struct lr_playing *play, const struct lr_act *act) {
    return act->said.law.to != LR_HOST_TRACKER && lr_cast_is_direct(play, act->said.law.to) &&
           act->said.law.needs_met >= LR_NEEDS_HELLO && let_in_at(play, act) == LR_TIME_NEVER;
}

/* .. and looks at what was said behind it from then on, which has |within_ns| and the way there and
 * back. LR_TIME_NEVER: it has had its time. */
static lr_time due_behind_others(const struct lr_playing *play, const struct lr_act *act,
                                 uint64_t within_ns) {
    lr_time due =
        lr_time_add(let_in_at(play, act), within_ns + 2 * play->slack_ns + LR_LAW_AT_ONCE_NS);
    return due > lr_playing_now(play) ? due : LR_TIME_NEVER;
}

static lr_time at_once(const struct lr_playing *play) {
    return lr_time_add(lr_playing_now(play), 2 * play->slack_ns + LR_LAW_AT_ONCE_NS);
}

/* Of what it has done on its link last, and within the time since then. */
static struct lr_want want_of(const struct lr_playing *play, const struct lr_act *act,
                              enum lr_wanted what) {
    return (struct lr_want){.what = (uint8_t)what,
                            .actor = act->number,
                            .step = act->said.step,
                            .ns = lr_playing_now(play) - act->said.at};
}

/* Nobody knows what belongs to what from now on. */
static void not_judged(struct lr_act *act) {
    act->said.law.lawless = true;
    act->said.then = LR_THEN_WHATEVER;
    act->said.then_due = LR_TIME_NEVER;
    act->said.due = LR_TIME_NEVER;
}

/* What the newest line calls for has not come when it should. */
static void judge_then(struct lr_playing *play, struct lr_act *act) {
    struct lr_said *said = &act->said;
    uint64_t heard = heard_by(play, act);
    bool let_in_late = due_behind_others(play, act, 0) != LR_TIME_NEVER;
    if (waits_for_others(play, act) || let_in_late) {
        not_judged(act);
    } else if (said->law.flooded && heard > said->heard) {
        said->heard = heard; /* its turn comes when what was said before is answered */
        said->then_due = at_once(play);
    } else {
        const struct lr_want want = want_of(play, act, LR_WANTED_ANSWER);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL, "%s: %s %s %s", act->party->name,
                        play->seats[said->law.to].party->name,
                        said->then == LR_THEN_END ? "does not close on" : "does not answer",
                        line_said(play, act));
    }
}

/* What has come is what has to come: an answer of the right kind, an end without a word, a FIN to
 * a FIN. */
static void judge_words(struct lr_playing *play, struct lr_act *act) {
    struct lr_said *said = &act->said;
    const uint8_t *bytes;
    bool whole = false;
    size_t size = answer_of(act, &bytes);
    bool reset = lr_raw_state(act->party->role.raw, said->link) == LR_RAW_RESET;
    if (said->then == LR_THEN_ANSWER && !lr_line_is_answer(said->answer, bytes, size, &whole) &&
        whole) {
        const struct lr_want want = want_of(play, act, LR_WANTED_ANSWER);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL, "%s: %s answers %s wrongly",
                        act->party->name, play->seats[said->law.to].party->name,
                        line_said(play, act));
        said->then = LR_THEN_WHATEVER;
    }
    if (said->then == LR_THEN_END && said->answer == LR_SAID_NOTHING && size > 0) {
        const struct lr_want want = want_of(play, act, LR_WANTED_ANSWER);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL, "%s: %s answers %s", act->party->name,
                        play->seats[said->law.to].party->name, line_said(play, act));
        said->answer = LR_SAID_ANYTHING;
    }
    if (said->finished && reset) {
        const struct lr_want want = want_of(play, act, LR_WANTED_FIN);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL, "%s: %s resets who has finished",
                        act->party->name, play->seats[said->law.to].party->name);
        said->finished = false;
    }
}

static void judge_link(struct lr_playing *play, struct lr_act *act) {
    struct lr_said *said = &act->said;
    lr_time now = lr_playing_now(play);
    if (!said->law.open) {
        return;
    }
    lr_act_peer_number(play, act);
    if (!is_disturbed(play, act) && !said->law.flooded) {
        judge_words(play, act);
    }
    if (is_disturbed(play, act) || is_ended(play, act)) {
        said->then = LR_THEN_WHATEVER;
        said->due = LR_TIME_NEVER;
    }
    if (now >= said->then_due) {
        said->then_due = LR_TIME_NEVER;
        if (!has_come(play, act)) {
            judge_then(play, act);
        }
        if (said->then_due == LR_TIME_NEVER) {
            said->then = LR_THEN_WHATEVER;
        }
    }
    if (now >= said->due) {
        said->due = due_behind_others(play, act, play->patience.stalled_ns);
        if (said->due == LR_TIME_NEVER && !waits_for_others(play, act)) {
            const struct lr_want want = want_of(play, act, LR_WANTED_GIVEN_UP);
            lr_playing_miss(play, &want, LR_FINDING_LEAKED,
                            "%s: %s does not give up what takes too long", act->party->name,
                            play->seats[said->law.to].party->name);
        }
    }
}

static void expect(struct lr_playing *play, struct lr_act *act, enum lr_line_then then) {
    struct lr_said *said = &act->said;
    said->step = act->step;
    said->at = lr_playing_now(play);
    /* A service that has ended the link, as the peer has not seen yet, has said its last. */
    said->then = (uint8_t)(is_ended(play, act) ? LR_THEN_WHATEVER : then);
    said->awaited = (uint8_t)then;
    said->heard = heard_by(play, act);
    said->got = lr_raw_received(act->party->role.raw, said->link, &(const uint8_t *){NULL});
    said->then_due = said->then == LR_THEN_WHATEVER ? LR_TIME_NEVER : at_once(play);
}

/* ---- its steps ---- */

static unsigned int service_of(const struct lr_act *act, const struct lr_plan_step *step) {
    return step->target == LR_OPEN_GRANTED ? act->granted : step->target;
}

static void begin_open(struct lr_playing *play, struct lr_act *act,
                       const struct lr_plan_step *step) {
    unsigned int host = service_of(act, step);
    size_t link;
    if (step->target == LR_OPEN_GRANTED && act->granted == 0) {
        act->said = (struct lr_said){.due = LR_TIME_NEVER, .then_due = LR_TIME_NEVER};
        next_step(act);
        return;
    }
    const struct lr_party *service = play->seats[host].party;
    if (lr_raw_connect(act->party->role.raw, &service->service, &link) != LR_OK) {
        lr_error_set(&play->error, LR_ENOMEM, "no memory for a peer's link");
        return;
    }
    play->out->operations++;
    act->said = (struct lr_said){.law = {.to = (uint8_t)host},
                                 .port = service->service.port,
                                 .link = link,
                                 .due = LR_TIME_NEVER,
                                 .then_due = LR_TIME_NEVER};
    wait_until(act, lr_time_add(lr_playing_now(play), CONNECT_NS));
}

/* From the first byte of a link on its handshake has its time. */
static void end_open(struct lr_playing *play, struct lr_act *act) {
    struct lr_said *said = &act->said;
    enum lr_raw_state state = lr_raw_state(act->party->role.raw, said->link);
    if (state == LR_RAW_CONNECTING && lr_playing_now(play) < act->until) {
        return;
    }
    said->law.open = state == LR_RAW_UP;
    said->step = act->step;
    said->at = lr_playing_now(play);
    said->due = lr_time_add(lr_playing_now(play),
                            play->patience.handshake_ns + play->slack_ns + LR_LAW_AT_ONCE_NS);
    next_step(act);
}

static enum lr_status send_line(struct lr_playing *play, struct lr_act *act, unsigned int line,
                                unsigned int left_out, bool *cut) {
    const struct lr_said *said = &act->said;
    const struct lr_party *service = play->seats[said->law.to].party;
    const char *matchkey = said->law.to == act->granted ? act->matchkey : service->key;
    struct lr_buf bytes;
    lr_buf_init(&bytes, play->alloc);
    enum lr_status status =
        lr_line_write(line, matchkey, lr_law_serial(act->number, act->step), &bytes);
    size_t size = lr_buf_size(&bytes);
    size -= size * left_out / 100;
    if (status == LR_OK) {
        status = lr_raw_send(act->party->role.raw, said->link, lr_buf_data(&bytes), size);
    }
    *cut = size < lr_buf_size(&bytes);
    lr_buf_deinit(&bytes);
    if (status != LR_OK) {
        lr_error_set(&play->error, status, "no memory for a peer's line");
    }
    return status;
}

/* What it takes too long for: the rest of what was cut, or of the handshake. */
static void set_due(struct lr_playing *play, struct lr_said *said, unsigned int line,
                    bool was_lawless) {
    bool of_tracker = lr_line_row(line)->plane == LR_PLANE_CONTROL;
    uint64_t slack = play->slack_ns + LR_LAW_AT_ONCE_NS;
    bool floods = lr_line_floods(line);
    if ((floods && said->law.lawless) || (!floods && said->law.flooded)) {
        said->due = LR_TIME_NEVER; /* it is behind a flood, or cut behind a message */
    } else if (was_lawless) {
        /* A blank lengthens nothing at a tracker; anything else may make a message whole. */
        said->due = of_tracker && line == LR_LINE_BLANK ? said->due : LR_TIME_NEVER;
    } else if (said->law.lawless && said->law.needs_met != LR_NEEDS_NOTHING) {
        said->due = lr_time_add(lr_playing_now(play), play->patience.stalled_ns + slack);
    } else if (!said->law.lawless) {
        said->due = floods && said->law.hushed
                        ? lr_time_add(lr_playing_now(play),
                                      play->patience.unread_ns + 2 * play->slack_ns + LR_SECOND)
                        : LR_TIME_NEVER;
    }
}

/* It reads no more. */
static bool hush(struct lr_playing *play, struct lr_act *act) {
    struct lr_said *said = &act->said;
    said->law.hushed = true;
    if (lr_raw_signal(act->party->role.raw, said->link, LR_COMMAND_PAUSE) != LR_OK) {
        lr_error_set(&play->error, LR_ENOMEM, "no memory for a peer's signal");
    }
    return play->error.code == LR_OK;
}

/* Line after line, as each needs the one before: true while there is one more to be said. */
static bool say_next(struct lr_playing *play, struct lr_act *act, const struct lr_plan_step *step) {
    struct lr_said *said = &act->said;
    bool more = lr_law_needs_more(&said->law, step);
    unsigned int line = lr_law_next(&said->law, step);
    bool was_lawless = said->law.lawless;
    bool unheard = waits_for_others(play, act);
    bool cut = false;
    if (!more && step->slot != 0 && !hush(play, act)) {
        return false;
    }
    if (send_line(play, act, line, more ? 0 : step->ms, &cut) != LR_OK) {
        return false;
    }
    said->answer = (uint8_t)lr_law_answer(&said->law, play->plan, line);
    expect(play, act, lr_law_say(&said->law, line, cut));
    set_due(play, said, line, was_lawless);
    if (unheard && said->then != LR_THEN_WHATEVER) {
        not_judged(act); /* the first word that comes answers its key */
    }
    return more;
}

static void say(struct lr_playing *play, struct lr_act *act, const struct lr_plan_step *step) {
    bool come = act->said.awaited == LR_THEN_WHATEVER || is_answered(play, act) || sees_end(act);
    if (act->phase > 0 && !come && lr_playing_now(play) < act->until) {
        return; /* for what was said to be answered */
    }
    judge_link(play, act);
    if (act->phase > UINT8_MAX - 2 || !lr_law_suits(&act->said.law, step) || sees_end(act)) {
        next_step(act);
        return;
    }
    if (act->phase > 0 && act->handle == 0) { /* that was the line itself */
        next_step(act);
        return;
    }
    play->out->operations += act->phase == 0;
    act->handle = say_next(play, act, step);
    if (act->said.then == LR_THEN_WHATEVER && act->handle == 0) {
        lr_playing_drain(act->party);
        next_step(act);
    } else {
        wait_until(act,
                   lr_time_min(act->said.then_due, lr_time_add(lr_playing_now(play), CONNECT_NS)));
    }
}

/* ---- asking for a server by hand ---- */

static void begin_ask(struct lr_playing *play, struct lr_act *act) {
    const struct lr_party *tracker = play->seats[LR_HOST_TRACKER].party;
    if (lr_raw_connect(act->party->role.raw, &tracker->service, &act->asking) != LR_OK) {
        lr_error_set(&play->error, LR_ENOMEM, "no memory for a peer's link");
        return;
    }
    play->out->operations++;
    wait_until(act, lr_time_add(lr_playing_now(play), CONNECT_NS));
}

static void ask(struct lr_playing *play, struct lr_act *act, const struct lr_plan_step *step) {
    struct lr_raw *raw = act->party->role.raw;
    enum lr_raw_state state = lr_raw_state(raw, act->asking);
    if (state == LR_RAW_CONNECTING && lr_playing_now(play) < act->until) {
        return;
    }
    if (state != LR_RAW_UP) {
        next_step(act);
        return;
    }
    struct lr_tracker_msg msg;
    struct lr_buf bytes;
    lr_buf_init(&bytes, play->alloc);
    lr_tracker_msg_init(&msg, play->alloc);
    msg.code = LR_TRACKER_REQUEST;
    msg.key = lr_text_of(lr_plan_key(step->target));
    msg.priority = 1;
    enum lr_status status = lr_line_write(LR_LINE_MAGIC, "", 0, &bytes);
    if (status == LR_OK) {
        status = lr_tracker_msg_encode(&msg, &bytes);
    }
    if (status == LR_OK) {
        status = lr_raw_send(raw, act->asking, lr_buf_data(&bytes), lr_buf_size(&bytes));
    }
    lr_tracker_msg_deinit(&msg);
    lr_buf_deinit(&bytes);
    if (status != LR_OK) {
        lr_error_set(&play->error, status, "no memory for a peer's request");
        return;
    }
    wait_until(act, lr_time_add(lr_playing_now(play), step->limit * LR_MS));
}

static void take_grant(struct lr_playing *play, struct lr_act *act,
                       const struct lr_tracker_answer *answer) {
    size_t size = answer->matchkey.size;
    for (unsigned int i = 1; i <= play->plan->server_count; i++) {
        const struct lr_party *server = play->seats[i].party;
        if (server->service.port == answer->port && !lr_cast_is_direct(play, i) &&
            size < sizeof act->matchkey) {
            memcpy(act->matchkey, answer->matchkey.data, size);
            act->matchkey[size] = '\0';
            act->granted = (uint8_t)i;
        }
    }
}

/* The magic, and behind it the grant, its length before it. */
static bool hear_grant(struct lr_playing *play, struct lr_act *act) {
    const uint8_t *bytes;
    size_t size = lr_raw_received(act->party->role.raw, act->asking, &bytes);
    size_t body = size < 8 ? 0
                           : bytes[4] | (size_t)bytes[5] << 8 | (size_t)bytes[6] << 16 |
                                 (size_t)bytes[7] << 24;
    enum lr_raw_state state = lr_raw_state(act->party->role.raw, act->asking);
    if (size < 8 || size - 8 < body) {
        return state != LR_RAW_UP && state != LR_RAW_CONNECTING;
    }
    struct lr_tracker_answer answer;
    struct lr_error ignored = {.code = LR_OK};
    lr_tracker_answer_init(&answer, play->alloc);
    if (lr_tracker_answer_decode(&answer, LR_TRACKER_REQUEST, bytes + 8, body, &ignored) == LR_OK) {
        take_grant(play, act, &answer);
    }
    lr_tracker_answer_deinit(&answer);
    return true;
}

static void end_ask(struct lr_playing *play, struct lr_act *act) {
    if (hear_grant(play, act) || lr_playing_now(play) >= act->until) {
        lr_raw_end(act->party->role.raw, act->asking, false);
        lr_playing_drain(act->party);
        next_step(act);
    }
}

/* ---- */

static void do_at_once(struct lr_playing *play, struct lr_act *act, unsigned int what) {
    struct lr_raw *raw = act->party->role.raw;
    struct lr_said *said = &act->said;
    enum lr_status status = LR_OK;
    if (said->law.open) {
        play->out->operations++;
        switch (what) {
        case LR_DO_HUSH:
            (void)hush(play, act);
            break;
        case LR_DO_FINISH:
            status = lr_raw_signal(raw, said->link, LR_COMMAND_SHUT_WRITE);
            said->finished = !said->law.lawless && !said->law.hushed && !said->law.flooded &&
                             !is_ended(play, act);
            expect(play, act, said->finished ? LR_THEN_END : LR_THEN_WHATEVER);
            said->answer = LR_SAID_ANYTHING;
            said->law.lawless = true;
            break;
        default:
            lr_raw_end(raw, said->link, what == LR_DO_RESET);
            said->law.open = false;
            break;
        }
        lr_playing_drain(act->party);
    }
    if (status != LR_OK) {
        lr_error_set(&play->error, status, "no memory for a peer's signal");
    }
    next_step(act);
}

static void do_step(struct lr_playing *play, struct lr_act *act) {
    const struct lr_plan_step *step = step_of(play, act);
    switch (step->what) {
    case LR_DO_NOTHING:
        next_step(act);
        break;
    case LR_DO_OPEN:
        (act->phase == 0) ? begin_open(play, act, step) : end_open(play, act);
        break;
    case LR_DO_SAY:
        say(play, act, step);
        break;
    case LR_DO_REQUEST:
        (act->phase == 0)   ? begin_ask(play, act)
        : (act->phase == 1) ? ask(play, act, step)
                            : end_ask(play, act);
        break;
    case LR_DO_PASS:
        if (act->phase == 0) {
            wait_until(act, lr_time_add(lr_playing_now(play), step->ms * LR_MS));
        } else if (lr_playing_now(play) >= act->until) {
            next_step(act);
        }
        break;
    default:
        do_at_once(play, act, step->what);
        break;
    }
}

static void go_on(struct lr_playing *play, struct lr_act *act) {
    unsigned int step = act->step;
    bool begins = act->phase == 0;
    if (begins) {
        lr_meet_step(play, act, step, false);
    }
    if (act->state != LR_ACT_OVER) {
        do_step(play, act);
        if (begins) {
            lr_meet_step(play, act, step, true);
        }
    }
}

/* A peer whose steps are over stays while something is due on its link. */
static void stay(struct lr_act *act) {
    const struct lr_said *said = &act->said;
    lr_time due = said->law.open ? lr_time_min(said->due, said->then_due) : LR_TIME_NEVER;
    act->until = due;
    act->state = due == LR_TIME_NEVER ? LR_ACT_OVER : LR_ACT_WAITING;
}

void lr_act_peer(struct lr_playing *play, struct lr_act *act) {
    unsigned int count = play->plan->actors[act->number].count;
    judge_link(play, act);
    for (unsigned int before = UINT32_MAX;
         act->state != LR_ACT_OVER && play->error.code == LR_OK;) {
        unsigned int now = act->step * 256U + act->phase;
        if (now == before) {
            break; /* it waits */
        }
        before = now;
        if (act->step == count) {
            stay(act);
            break;
        }
        go_on(play, act);
    }
}
