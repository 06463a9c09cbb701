/* SPDX-License-Identifier: Apache-2.0 */
/* A service that lies. It answers as it should until it is asked what its step is about; then it
 * says what the step says instead, and what must come of that is judged: whoever asked ends the
 * link in its time, and the server of a lying tracker comes again. */
#include "explore/playing.h"

#include <stdio.h>
#include <string.h>

#include "rpc/packet.h"
#include "rpc/tracker_msg.h"

/* One place, as soon as somebody has come the next one. Whose tracker is away stays away. */
enum { PUTS_MAX = 500, MISSED_MAX = 2, HELLO_FRONT = 8 };

static bool is_tracker(const struct lr_act *act) {
    return act->liar->victim != NULL;
}

static struct lr_raw *raw_of(const struct lr_act *act) {
    return act->party->role.raw;
}

static const struct lr_plan_step *step_at(const struct lr_playing *play, const struct lr_act *act,
                                          unsigned int step) {
    const struct lr_plan_actor *actor = &play->plan->actors[act->number];
    return step < actor->count ? &actor->steps[step] : NULL;
}

/* Nothing has met the liar, or those who might have asked it, that could hide what comes. */
static bool is_certain(const struct lr_playing *play, const struct lr_act *act) {
    uint32_t hosts = is_tracker(act) ? UINT32_C(1) << (LR_HOST_ACTORS + act->number)
                                     : ~((UINT32_C(1) << LR_HOST_ACTORS) - 1);
    return (play->disturbed & hosts) == 0;
}

static void fail(struct lr_playing *play, enum lr_status status) {
    if (status != LR_OK) {
        lr_error_set(&play->error, status, "no memory for a liar's words");
    }
}

/* ---- at the tracker ---- */

static void say_to_tracker(struct lr_playing *play, struct lr_act *act, const char *text) {
    struct lr_buf bytes;
    struct lr_writer writer = lr_writer_of(&bytes);
    lr_buf_init(&bytes, play->alloc);
    lr_write_u32(&writer, (uint32_t)strlen(text));
    lr_write_bytes(&writer, text, strlen(text));
    enum lr_status status = writer.status;
    if (status == LR_OK) {
        status = lr_raw_send(raw_of(act), act->liar->tracker_link, lr_buf_data(&bytes),
                             lr_buf_size(&bytes));
    }
    lr_buf_deinit(&bytes);
    fail(play, status);
}

static void put(struct lr_playing *play, struct lr_act *act) {
    char text[120];
    const char *key = lr_plan_key(LR_PLAN_LIAR_KEY);
    (void)snprintf(text, sizeof text, "[3, \"%s\", [%u, \"%s:0.%02u%u\"], null]", key,
                   act->party->service.port, key, (unsigned int)act->number, ++act->liar->puts);
    say_to_tracker(play, act, text);
}

static void put_next(struct lr_playing *play, struct lr_act *act) {
    if (act->liar->puts < PUTS_MAX) {
        put(play, act);
    }
}

static void register_at_tracker(struct lr_playing *play, struct lr_act *act) {
    static const uint8_t magic[] = {0x71, 0xf2, 0x02, 0x00};
    struct lr_liar *liar = act->liar;
    char text[120];
    enum lr_status status = lr_raw_connect(
        raw_of(act), &play->seats[LR_HOST_TRACKER].party->service, &liar->tracker_link);
    if (status == LR_OK) {
        status = lr_raw_send(raw_of(act), liar->tracker_link, magic, sizeof magic);
    }
    fail(play, status);
    liar->registered = status == LR_OK;
    if (status == LR_OK) {
        (void)snprintf(text, sizeof text, "[5, {\"key\": \"server:%s\", \"addr\": [null, %u]}]",
                       lr_plan_key(LR_PLAN_LIAR_KEY), act->party->service.port);
        say_to_tracker(play, act, text);
        put(play, act);
    }
}

/* Of what the tracker answers one thing is of interest: that nothing is on offer. */
static void hear_tracker(struct lr_playing *play, struct lr_act *act) {
    struct lr_liar *liar = act->liar;
    const uint8_t *bytes;
    size_t size = lr_raw_received(raw_of(act), liar->tracker_link, &bytes);
    if (size >= 2) {
        bool none = memcmp(bytes + size - 2, "[]", 2) == 0;
        liar->missed = none ? liar->missed + 1 : 0;
    }
    lr_raw_take(raw_of(act), liar->tracker_link, size);
    if (liar->missed >= MISSED_MAX) {
        liar->missed = 0;
        put_next(play, act);
    }
}

/* As servers do it, so that a place that was granted to nobody comes back. */
static void keep_registered(struct lr_playing *play, struct lr_act *act) {
    struct lr_liar *liar = act->liar;
    lr_time now = lr_playing_now(play);
    if (!liar->registered) {
        register_at_tracker(play, act);
        liar->poll_at = lr_time_add(now, lr_server_options_default.poll_ns);
        return;
    }
    hear_tracker(play, act);
    if (now >= liar->poll_at) {
        say_to_tracker(play, act, "[7]");
        liar->poll_at = lr_time_add(now, lr_server_options_default.poll_ns);
    }
}

/* ---- what comes of a lie ---- */

static bool is_ended(const struct lr_act *act, const struct lr_lied *lied) {
    return lr_raw_state(raw_of(act), lied->link) != LR_RAW_UP;
}

/* A server of ours asks every few seconds, or comes again. */
static void await_victim(const struct lr_playing *play, struct lr_act *act) {
    act->liar->asked_by = lr_time_add(lr_playing_now(play), lr_server_options_default.retry_max_ns +
                                                                LR_SECOND + 4 * play->slack_ns);
}

static void end_link(const struct lr_playing *play, struct lr_act *act, struct lr_lied *lied,
                     bool reset) {
    lr_raw_end(raw_of(act), lied->link, reset);
    lied->live = false;
    if (is_tracker(act)) {
        await_victim(play, act);
    }
}

static void expect(struct lr_playing *play, struct lr_act *act, struct lr_lied *lied,
                   const struct lr_plan_step *step) {
    struct lr_liar_terms terms = lr_liar_terms(play->plan, step, is_tracker(act));
    lr_time now = lr_playing_now(play);
    lied->told = terms.ends;
    if (terms.within_ns != 0) {
        lied->due = lr_time_add(now, terms.within_ns);
    } else if (terms.pass_ns != 0) {
        lied->end_at = lr_time_add(now, terms.pass_ns);
    } else if (terms.ends) {
        end_link(play, act, lied, terms.resets);
    } else {
        lied->step = UINT8_MAX; /* the rest is the truth */
    }
}

static void judge(struct lr_playing *play, struct lr_act *act, struct lr_lied *lied) {
    const struct lr_plan_step *step = step_at(play, act, lied->step);
    if (is_certain(play, act) && step != NULL) {
        lr_playing_find(play, LR_FINDING_PROTOCOL, "%s says %s to %s, and who asked goes on",
                        act->party->name, lr_lie_row(step->target)->name,
                        lr_asked_name(step->slot));
    }
    end_link(play, act, lied, true);
}

/* ---- its links ---- */

static void answer(struct lr_playing *play, struct lr_act *act, struct lr_lied *lied,
                   enum lr_asked asked, uint32_t code) {
    const struct lr_plan_step *step = step_at(play, act, lied->step);
    bool lies = step != NULL && step->slot == asked;
    struct lr_buf bytes;
    lr_buf_init(&bytes, play->alloc);
    enum lr_status status = lr_lie_write(lies ? step->target : LR_LIE_TRUTH, asked, code, &bytes);
    if (status == LR_OK && lr_buf_size(&bytes) > 0) {
        status = lr_raw_send(raw_of(act), lied->link, lr_buf_data(&bytes), lr_buf_size(&bytes));
    }
    lr_buf_deinit(&bytes);
    fail(play, status);
    lied->greeted = true;
    act->liar->asked_by = LR_TIME_NEVER;
    if (lies) {
        expect(play, act, lied, step);
    }
    bool registers = asked == LR_ASKED_MAGIC || asked == LR_ASKED_INFO;
    if (is_tracker(act) && lied->live && !lied->told && (registers || lied->step != UINT8_MAX)) {
        await_victim(play, act);
    }
}

/* Who was granted the liar's place has taken it; others come directly. */
static bool takes_place(const uint8_t *bytes, size_t size) {
    struct lr_text key = {(const char *)bytes + HELLO_FRONT, size - HELLO_FRONT};
    return size > HELLO_FRONT + strlen("client:") + strlen(lr_plan_key(LR_PLAN_LIAR_KEY)) &&
           lr_text_starts_with(key, "client:") &&
           lr_text_has((struct lr_text){key.data + strlen("client:"), key.size - strlen("client:")},
                       ':');
}

/* False: there is no whole question more. */
static bool take_question(struct lr_playing *play, struct lr_act *act, struct lr_lied *lied) {
    const uint8_t *bytes;
    size_t size = lr_raw_received(raw_of(act), lied->link, &bytes);
    if (lied->told) {
        lr_raw_take(raw_of(act), lied->link, size);
        return false;
    }
    uint32_t code = 0;
    enum lr_plane plane = is_tracker(act) ? LR_PLANE_CONTROL : LR_PLANE_DATA;
    enum lr_asked asked = lr_asked_of(plane, !lied->greeted, bytes, &size, &code);
    if (size == 0) {
        return false;
    }
    bool taken = asked == LR_ASKED_HELLO && takes_place(bytes, size);
    lr_raw_take(raw_of(act), lied->link, size);
    if (taken) {
        put_next(play, act);
    }
    if (plane == LR_PLANE_DATA && code == LR_PACKET_SHUTDOWN) {
        end_link(play, act, lied, false);
    } else {
        answer(play, act, lied, asked, code);
    }
    return lied->live;
}

static void go_on(struct lr_playing *play, struct lr_act *act, struct lr_lied *lied) {
    lr_time now = lr_playing_now(play);
    while (take_question(play, act, lied)) {}
    if (lied->live && (is_ended(act, lied) || now >= lied->end_at)) {
        end_link(play, act, lied, false);
    }
    if (lied->live && now >= lied->due) {
        judge(play, act, lied);
    }
}

/* Each link has the next of the steps; a server begins anew behind the last, a tracker has no more
 * to say but the truth. */
static uint8_t next_lie(const struct lr_playing *play, struct lr_act *act) {
    unsigned int count = play->plan->actors[act->number].count;
    unsigned int number = act->liar->accepted++;
    bool over = count == 0 || (is_tracker(act) && number >= count);
    const struct lr_plan_step *step = over ? NULL : step_at(play, act, number % count);
    bool lies = step != NULL && step->what == LR_DO_LIE && lr_lie_fits(step->target, step->slot);
    return (uint8_t)(lies ? number % count : UINT8_MAX);
}

static void accept(struct lr_playing *play, struct lr_act *act, size_t link) {
    struct lr_liar *liar = act->liar;
    uint8_t step = next_lie(play, act);
    for (unsigned int i = 0; i < LR_LIAR_LINKS_MAX; i++) {
        if (!liar->links[i].live) {
            liar->links[i] = (struct lr_lied){
                .live = true,
                .step = step,
                .link = link,
                .due = LR_TIME_NEVER,
                .end_at = LR_TIME_NEVER,
            };
            return;
        }
    }
    lr_raw_end(raw_of(act), link, true);
}

/* When something is due, LR_TIME_NEVER: it waits to be asked. */
static lr_time due_of(const struct lr_act *act) {
    lr_time due = act->liar->asked_by;
    for (unsigned int i = 0; i < LR_LIAR_LINKS_MAX; i++) {
        const struct lr_lied *lied = &act->liar->links[i];
        due = lied->live ? lr_time_min(due, lr_time_min(lied->due, lied->end_at)) : due;
    }
    return due;
}

bool lr_act_liar_waits(const struct lr_act *act) {
    return act->state != LR_ACT_OVER && due_of(act) != LR_TIME_NEVER;
}

static void look_for_victim(struct lr_playing *play, struct lr_act *act) {
    if (lr_playing_now(play) >= act->liar->asked_by) {
        act->liar->asked_by = LR_TIME_NEVER;
        if (is_certain(play, act)) {
            lr_playing_find(play, LR_FINDING_NOT_REQUESTABLE,
                            "%s does not come back to a tracker that has lied",
                            act->liar->victim->name);
        }
    }
}

void lr_act_liar(struct lr_playing *play, struct lr_act *act) {
    size_t link;
    act->state = LR_ACT_WAITING;
    if (!is_tracker(act)) {
        keep_registered(play, act);
    }
    while (lr_raw_next_accepted(raw_of(act), &link)) {
        accept(play, act, link);
    }
    for (unsigned int i = 0; i < LR_LIAR_LINKS_MAX; i++) {
        if (act->liar->links[i].live) {
            go_on(play, act, &act->liar->links[i]);
        }
    }
    if (is_tracker(act)) {
        look_for_victim(play, act);
    }
    act->until = lr_time_min(due_of(act), is_tracker(act) ? LR_TIME_NEVER : act->liar->poll_at);
    lr_playing_drain(act->party);
}

void lr_act_liar_end(struct lr_act *act) {
    if (act->liar->victim != NULL) {
        lr_party_end(act->liar->victim, true);
    }
    lr_party_end(act->party, true);
}
