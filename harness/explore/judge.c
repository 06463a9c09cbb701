/* SPDX-License-Identifier: Apache-2.0 */
/* Every session's end against the budget of its cause: exact, as the time is virtual. What the wire
 * shows counts from the service's end of the link; what the plan knows (a client has closed, is not
 * heard of) counts as well where nothing has met the session in between. */
#include "explore/playing.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "explore/reach.h"
#include "ledger/budget.h"
#include "world/sim.h"

/* What a server takes for what it does by itself. */
#define BY_ITSELF_NS (100 * LR_MS)
/* It asks which of its matchkeys are at the tracker this often: one that was granted is missed by
 * then. */
#define POLL_NS (2 * LR_SECOND)

struct lr_cause_note *lr_judge_note_of(struct lr_playing *play, uint32_t account) {
    return account == 0 || account >= LR_PLAYING_SESSIONS_MAX ? NULL : &play->notes[account];
}

void lr_judge_note(struct lr_playing *play, uint32_t account, enum lr_cause cause) {
    struct lr_cause_note *note = lr_judge_note_of(play, account);
    if (note != NULL && note->cause == LR_CAUSE_NONE) {
        lr_reach_end(play, account, cause);
        note->cause = cause;
        note->at = lr_playing_now(play);
    }
}

/* One session, and what is known of those at its ends. */
struct judging {
    struct lr_playing *play;
    const struct lr_account *account;
    const struct lr_cause_note *note;
    uint32_t server; /* the bit of its host */
    uint32_t client; /* likewise; 0: nobody of the plan */
    bool by_peer;
    lr_time gone_at; /* its client's end of the link, as the server gets it */
    lr_time due;     /* the server has let go of it by then; LR_TIME_NEVER: nothing says so */
    enum lr_cause cause;
};

static bool is_certain(const struct judging *judging) {
    return !judging->note->disturbed && !judging->by_peer && judging->client != 0 &&
           (judging->play->disturbed & ~judging->play->stopped & judging->client) == 0;
}

/* .. or its client has lacked memory, which is no reason not to end. */
static bool is_end_certain(const struct judging *judging) {
    const struct lr_playing *play = judging->play;
    return !judging->note->disturbed && !judging->by_peer && judging->client != 0 &&
           (play->disturbed & ~play->stopped & ~play->starved & judging->client) == 0;
}

static void bound(struct judging *judging, enum lr_cause cause, lr_time at, uint64_t within_ns) {
    lr_time due = lr_time_add(at, lr_time_add(within_ns, judging->play->slack_ns));
    if (at != LR_TIME_NEVER && due < judging->due) {
        judging->due = due;
        judging->cause = cause;
    }
}

/* A server's FIN goes behind what it had said when its client ended. Where that is more than the
 * systems hold, as nobody read it, each further part has room a way there and back after the last.
 */
static uint64_t held_back_ns(const struct judging *judging) {
    const struct lr_account *account = judging->account;
    uint64_t said = account->bytes[LR_FROM_SERVICE];
    return said < lr_sim_options_default.receive_buffer
               ? 0
               : lr_plan_parts_ns(judging->play->plan, said - account->said_before);
}

/* The earliest of what all its causes allow. */
static void find_due(struct judging *judging) {
    const struct lr_playing *play = judging->play;
    const struct lr_account *account = judging->account;
    const struct lr_cause_note *note = judging->note;
    const struct lr_budget closing = lr_budget_for(LR_CAUSE_CLOSE, 0, false, NULL);
    bound(judging, LR_CAUSE_FIN, judging->gone_at, closing.release_ns + held_back_ns(judging));
    bound(judging, LR_CAUSE_TIMEOUT, lr_account_expires_at(account), BY_ITSELF_NS);
    if (note->cause != LR_CAUSE_NONE && is_end_certain(judging)) {
        /* After a client's RST its server's way to the tracker has to show it. */
        bool by_put = account->reset_at[LR_TO_SERVICE] != LR_TIME_NEVER;
        bound(judging, note->cause, note->at, closing.release_ns + (by_put ? play->slack_ns : 0));
    }
    if (note->silent_at != 0) {
        bound(judging, LR_CAUSE_SILENCE, note->silent_at, play->patience.silence_ns + BY_ITSELF_NS);
    }
}

/* Of a session's end: the account by its number among its client's. */
static struct lr_want want_of(const struct lr_playing *play, const struct lr_account *account,
                              enum lr_wanted what) {
    unsigned int client = lr_playing_host_of(play, account->client);
    struct lr_want want = {.what = (uint8_t)what,
                           .actor = (uint8_t)(client - (unsigned int)LR_HOST_ACTORS)};
    for (uint32_t i = 1; i <= account->number; i++) {
        want.number += strcmp(lr_ledger_account(play->ledger, i)->client, account->client) == 0;
    }
    if (client < LR_HOST_ACTORS || client >= LR_PLAYING_HOSTS) {
        want.what = LR_WANTED_NOTHING; /* the last client: every scenario asks for what it gets */
    }
    return want;
}

static struct lr_want want_since(const struct judging *judging, enum lr_wanted what) {
    const struct lr_account *account = judging->account;
    struct lr_want want = want_of(judging->play, account, what);
    lr_time since = judging->play->began;
    if (judging->cause == LR_CAUSE_FIN) {
        want.since = LR_SINCE_GONE;
        since = judging->gone_at;
    } else if (judging->cause == LR_CAUSE_TIMEOUT) {
        want.since = LR_SINCE_ACCEPTED;
        since = account->accepted_at;
    }
    want.ns = judging->due - since;
    return want;
}

/* Whether the release was shown when it was: by the server's own end of the link, or at the
 * tracker, which it could reach all the time. */
static bool is_shown(const struct judging *judging) {
    const struct lr_account *account = judging->account;
    uint32_t hosts = judging->server | 1U << LR_HOST_TRACKER;
    return account->fin_at[LR_FROM_SERVICE] != LR_TIME_NEVER ||
           account->reset_at[LR_FROM_SERVICE] != LR_TIME_NEVER ||
           (account->register_link != 0 && (judging->play->disturbed & hosts) == 0 &&
            (judging->play->cut_off & judging->server) == 0);
}

static void judge_release(const struct judging *judging) {
    const struct lr_account *account = judging->account;
    char late[32];
    if (is_shown(judging) && account->released_at != LR_TIME_NEVER &&
        account->released_at > judging->due) {
        const struct lr_want want = want_since(judging, LR_WANTED_RELEASE);
        lr_playing_miss(judging->play, &want, LR_FINDING_LATE,
                        "session %u of %s is released late after %s, by %s", account->number,
                        account->client, lr_cause_name(judging->cause),
                        lr_text_duration(late, sizeof late, account->released_at - judging->due));
    }
}

/* Nothing has ended it, and yet it was released. */
static void judge_early(const struct judging *judging) {
    const struct lr_account *account = judging->account;
    lr_time earliest = lr_time_min(judging->gone_at, lr_account_expires_at(account));
    if (judging->note->cause != LR_CAUSE_NONE) {
        earliest = lr_time_min(earliest, judging->note->at);
    }
    if (is_certain(judging) && account->accepted_at != LR_TIME_NEVER &&
        account->released_at < earliest) {
        const struct lr_want want = want_of(judging->play, account, LR_WANTED_HOLD);
        lr_playing_miss(judging->play, &want, LR_FINDING_TWICE,
                        "session %u of %s is released before anything has ended it",
                        account->number, account->client);
    }
}

/* A close says Shutdown; where a packet is half sent it resets. */
static void judge_farewell(const struct judging *judging) {
    const struct lr_account *account = judging->account;
    const struct lr_cause_note *note = judging->note;
    bool by_client = note->cause == LR_CAUSE_CLOSE || note->cause == LR_CAUSE_SCOPE ||
                     note->cause == LR_CAUSE_LAST_REFERENCE;
    bool ended_before = account->released_at < note->at ||
                        lr_time_add(lr_account_expires_at(account), BY_ITSELF_NS) < note->at;
    /* One who has not been told that it was accepted has nobody to say it to. */
    bool opened = account->initialised_at != LR_TIME_NEVER || account->in_call;
    if (is_certain(judging) && by_client && !ended_before && opened &&
        account->fin_at[LR_TO_SERVICE] != LR_TIME_NEVER &&
        account->shutdown_at[LR_TO_SERVICE] == LR_TIME_NEVER &&
        lr_account_expires_at(account) > account->fin_at[LR_TO_SERVICE]) {
        const struct lr_want want = want_of(judging->play, account, LR_WANTED_SHUTDOWN);
        lr_playing_miss(judging->play, &want, LR_FINDING_PROTOCOL,
                        "%s ends session %u without a Shutdown", account->client, account->number);
    }
}

/* The slot is offered again, where its server could reach the tracker all the time. */
static void judge_return(const struct judging *judging) {
    const struct lr_account *account = judging->account;
    const struct lr_playing *play = judging->play;
    const struct lr_budget closing = lr_budget_for(LR_CAUSE_CLOSE, 0, false, NULL);
    uint32_t hosts = judging->server | 1U << LR_HOST_TRACKER;
    char late[32];
    if (account->register_link == 0 || account->accepted_at == LR_TIME_NEVER ||
        (play->disturbed & hosts) != 0 || (play->cut_off & judging->server) != 0 ||
        account->requestable_at == LR_TIME_NEVER || account->released_at == LR_TIME_NEVER) {
        return;
    }
    lr_time due = lr_time_add(account->released_at, closing.requestable_ns + play->slack_ns);
    if (account->requestable_at > due) {
        struct lr_want want = want_of(play, account, LR_WANTED_RETURN);
        want.since = LR_SINCE_RELEASED;
        want.ns = due - account->released_at;
        lr_playing_miss(judging->play, &want, LR_FINDING_LATE,
                        "session %u of %s: %s is requestable again late by %s", account->number,
                        account->client, account->server,
                        lr_text_duration(late, sizeof late, account->requestable_at - due));
    }
}

static bool is_peer(const struct lr_playing *play, unsigned int host) {
    return host >= LR_HOST_ACTORS && host < LR_PLAYING_HOSTS &&
           play->plan->actors[host - LR_HOST_ACTORS].kind == LR_ACTOR_PEER;
}

/* A grant that nobody came with. */
static void judge_unused(struct lr_playing *play, const struct lr_account *account) {
    lr_time due = lr_time_add(account->granted_at, play->patience.unused_ns + POLL_NS +
                                                       BY_ITSELF_NS + 2 * play->slack_ns);
    char late[32];
    /* Raw peers may come with it on a link that they had before. */
    if (account->granted_at != LR_TIME_NEVER && account->observable && play->quiet &&
        !is_peer(play, lr_playing_host_of(play, account->client)) &&
        account->requestable_at != LR_TIME_NEVER && account->requestable_at > due) {
        struct lr_want want = want_of(play, account, LR_WANTED_RETURN);
        want.since = LR_SINCE_GRANTED;
        want.ns = due - account->granted_at;
        lr_playing_miss(play, &want, LR_FINDING_LATE,
                        "session %u was granted and not used, and its server came back late by %s",
                        account->number,
                        lr_text_duration(late, sizeof late, account->requestable_at - due));
    }
}

/* Work goes round: of the servers of a key the one that has been free for the longest is given. */
static void judge_turn(struct lr_playing *play, const struct lr_account *account) {
    if (account->out_of_turn && play->quiet) {
        lr_playing_find(play, LR_FINDING_PROTOCOL,
                        "session %u of %s is given a server that others had been free before",
                        account->number, account->client);
    }
}

/* A Shutdown whose FIN a fault has kept back is read when a call is over, and ends none. */
static lr_time gone_of(const struct lr_account *account, const struct lr_cause_note *note) {
    lr_time ended = lr_time_min(account->fin_at[LR_TO_SERVICE], account->reset_at[LR_TO_SERVICE]);
    bool alone = note->disturbed && account->shutdown_at[LR_TO_SERVICE] < ended;
    return alone ? ended : lr_account_gone_at(account);
}

static void judge_session(struct lr_playing *play, const struct lr_account *account) {
    static const struct lr_cause_note nothing = {.cause = LR_CAUSE_NONE};
    const struct lr_cause_note *note = lr_judge_note_of(play, account->number);
    unsigned int server = lr_playing_host_of(play, account->server);
    unsigned int client = lr_playing_host_of(play, account->client);
    judge_turn(play, account);
    if (account->connected_at == LR_TIME_NEVER) {
        if (!lr_playing_lies(play, server)) {
            judge_unused(play, account);
        }
        return;
    }
    if (lr_playing_lies(play, server)) {
        return; /* when it is free again is its own business */
    }
    struct judging judging = {
        .play = play,
        .account = account,
        .note = note == NULL ? &nothing : note,
        .server = server < LR_PLAYING_HOSTS ? UINT32_C(1) << server : 0,
        .client = client < LR_PLAYING_HOSTS ? UINT32_C(1) << client : 0,
        .by_peer = is_peer(play, client),
        .gone_at = gone_of(account, note == NULL ? &nothing : note),
        .due = LR_TIME_NEVER,
    };
    if ((play->disturbed & judging.server) != 0) {
        return; /* it was not there all the time */
    }
    find_due(&judging);
    judge_release(&judging);
    judge_early(&judging);
    judge_farewell(&judging);
    judge_return(&judging);
}

void lr_judge_sessions(struct lr_playing *play) {
    for (uint32_t i = 1; i <= lr_ledger_account_count(play->ledger); i++) {
        judge_session(play, lr_ledger_account(play->ledger, i));
    }
}
