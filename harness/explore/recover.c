/* SPDX-License-Identifier: Apache-2.0 */
/* When faults stop: everything becomes as if nothing had happened, in the time that the budgets
 * allow, and a last client gets every place of every server. */
#include "explore/playing.h"

#include <string.h>

#include "explore/client_check.h"
#include "explore/owner.h"
#include "scenario/stage_audit.h"

enum { PROBES_MAX = LR_PLAN_SERVERS_MAX * 8 + 1 };

struct probe {
    lr_op op;
    bool waits;
    bool called;
    unsigned int host; /* of whom it is asked; 0: of whoever has the key */
    unsigned int key;
    struct lr_session *session;
};

struct probing {
    struct lr_playing *play;
    struct lr_party *client;
    struct probe probes[PROBES_MAX];
    unsigned int count;
};

static bool turn_until(struct lr_playing *play, lr_time until) {
    while (lr_playing_now(play) < until) {
        if (!lr_playing_turn(play, until)) {
            return false;
        }
    }
    return true;
}

static size_t places_of(const struct lr_playing *play, unsigned int key) {
    size_t places = 0;
    for (unsigned int i = 0; i < play->plan->server_count; i++) {
        const struct lr_plan_server *server = &play->plan->servers[i];
        places += server->key == key && !server->direct ? server->slots : 0;
    }
    return places;
}

/* A server that is told that its matchkeys are not at the tracker puts others, and those that are
 * there stay on offer. */
static size_t places_at_most(const struct lr_playing *play, unsigned int key) {
    size_t places = places_of(play, key);
    for (unsigned int i = 0; i < play->plan->server_count; i++) {
        const struct lr_plan_server *server = &play->plan->servers[i];
        if (server->key == key && !server->direct) {
            places += (size_t)server->slots * play->misled[LR_HOST_SERVERS + i];
        }
    }
    return places;
}

static struct lr_queue_account queue_of(const struct lr_playing *play, unsigned int key) {
    return lr_ledger_queue(play->ledger, lr_text_of(lr_plan_key(key)));
}

static bool are_on_offer(const struct lr_playing *play, unsigned int key) {
    size_t free = queue_of(play, key).free;
    return free >= places_of(play, key) && free <= places_at_most(play, key);
}

static bool is_as_before(const struct lr_playing *play) {
    for (unsigned int key = 0; key < LR_PLAN_KEYS; key++) {
        if (!are_on_offer(play, key) || queue_of(play, key).pending != 0) {
            return false;
        }
    }
    return lr_stage_all_released(play->stage);
}

static bool settle(struct lr_playing *play, uint64_t within_ns) {
    lr_time until = lr_time_add(lr_playing_now(play), within_ns);
    while (!is_as_before(play) && lr_playing_now(play) < until) {
        if (!lr_playing_turn(play, until)) {
            return false;
        }
    }
    for (unsigned int key = 0; key < LR_PLAN_KEYS; key++) {
        struct lr_queue_account queue = queue_of(play, key);
        size_t places = places_of(play, key);
        if (!are_on_offer(play, key)) {
            lr_playing_find(play, LR_FINDING_NOT_REQUESTABLE,
                            "%zu of %zu places are on offer when faults have stopped", queue.free,
                            places);
        }
        if (queue.pending != 0) {
            lr_playing_find(play, LR_FINDING_PENDING, "%zu requests wait when everybody has gone",
                            queue.pending);
        }
    }
    return true;
}

/* ---- while everybody is still there ---- */

static bool look_at_clients(struct lr_playing *play) {
    bool holds = false;
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        for (unsigned int k = 0; k < LR_PLAN_SLOTS; k++) {
            holds |= play->acts[i].slots[k].session != NULL;
        }
    }
    lr_time until = lr_time_add(lr_playing_now(play), 2 * play->slack_ns + LR_RUN_SETTLED_NS);
    if (holds && until < play->faults_end) {
        until = play->faults_end;
    }
    if (holds && until < play->silence_end) {
        until = play->silence_end;
    }
    if (!turn_until(play, until)) {
        return false;
    }
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        if (play->acts[i].party->host != NULL && !play->seats[LR_HOST_ACTORS + i].lost) {
            lr_check_heard(play, &play->acts[i]);
        }
    }
    lr_rest_look(play);
    for (unsigned int key = 0; key < LR_PLAN_KEYS && play->quiet; key++) {
        size_t pending = queue_of(play, key).pending;
        if (pending > 0) {
            const struct lr_want want = {.what = LR_WANTED_WITHDRAWAL,
                                         .ns = lr_playing_now(play) - play->began};
            lr_playing_miss(play, &want, LR_FINDING_PENDING,
                            "%zu requests wait that were given up by who asked", pending);
        }
    }
    return true;
}

static void end_actors(struct lr_playing *play) {
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        struct lr_act *act = &play->acts[i];
        for (unsigned int k = 0; k < LR_PLAN_SLOTS; k++) {
            const struct lr_slot *slot = &act->slots[k];
            if (slot->session != NULL && act->party->host != NULL &&
                !lr_session_closed(slot->session)) {
                lr_judge_note(play, slot->account, LR_CAUSE_CLOSE);
            }
        }
        if (act->owner != NULL && act->party->host != NULL) {
            lr_owner_note(act->owner, LR_CAUSE_CLOSE);
        }
        act->said.law.open = false;
        act->state = LR_ACT_OVER;
    }
    lr_stage_end_clients(play->stage);
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        if (play->acts[i].liar != NULL) {
            lr_act_liar_end(&play->acts[i]);
        }
    }
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        lr_act_let_go(play, &play->acts[i]);
    }
}

/* ---- the last client ---- */

static enum lr_status ask_for(struct probing *probing, unsigned int host) {
    struct lr_playing *play = probing->play;
    struct probe *probe = &probing->probes[probing->count++];
    const struct lr_plan_server *server = &play->plan->servers[host - LR_HOST_SERVERS];
    const struct lr_party *party = play->seats[host].party;
    lr_time now = lr_playing_now(play);
    struct lr_request_options options = lr_request_options_default;
    options.wait_ns = lr_plan_probe_ns(play->plan, play->quiet);
    *probe = (struct probe){.waits = true, .host = host, .key = server->key};
    return server->direct ? lr_client_connect(probing->client->role.client, now, &party->service,
                                              lr_text_of(party->key), 0, &probe->op)
                          : lr_client_request(probing->client->role.client, now,
                                              lr_text_of(party->key), &options, &probe->op);
}

static enum lr_status ask_for_all(struct probing *probing) {
    struct lr_playing *play = probing->play;
    const struct lr_plan *plan = play->plan;
    enum lr_status status = LR_OK;
    for (unsigned int i = 0; i < plan->server_count; i++) {
        for (unsigned int k = 0; k < plan->servers[i].slots && status == LR_OK; k++) {
            status = ask_for(probing, LR_HOST_SERVERS + i);
        }
    }
    if (status == LR_OK && play->odd != NULL) {
        struct probe *probe = &probing->probes[probing->count++];
        *probe = (struct probe){.waits = true};
        status = lr_client_connect(probing->client->role.client, lr_playing_now(play),
                                   &play->odd->service, lr_text_of(lr_plan_odd_key(plan->odd_key)),
                                   0, &probe->op);
    }
    lr_playing_drain(probing->client);
    return status;
}

/* A session calls once; its answer ends its part. */
static void take_probe(struct probing *probing, struct probe *probe, struct lr_result *result) {
    struct lr_playing *play = probing->play;
    const struct lr_value value = lr_value_int(41);
    bool good = result->error.code == LR_OK;
    probe->waits = false;
    if (!good) {
        lr_playing_find(play, LR_FINDING_NOT_REQUESTABLE,
                        "a place cannot be used when faults have stopped: %s", result->error.text);
    } else if (probe->session == NULL) {
        probe->session = result->session;
        result->session = NULL;
        probe->waits =
            probe->session != NULL &&
            lr_session_call_name(probe->session, lr_playing_now(play),
                                 lr_text_of("rpc.test.addone"), &value, 1, &probe->op) == LR_OK;
        lr_playing_drain(probing->client);
    } else if (result->value.kind != LR_VALUE_INT || result->value.as.integer != 42) {
        lr_playing_find(play, LR_FINDING_PROTOCOL, "a wrong answer when faults have stopped");
    }
}

static unsigned int take_probes(struct probing *probing) {
    struct lr_result result;
    unsigned int waiting = 0;
    while (lr_client_next_result(probing->client->role.client, &result)) {
        for (unsigned int i = 0; i < probing->count; i++) {
            if (probing->probes[i].waits && probing->probes[i].op == result.op) {
                take_probe(probing, &probing->probes[i], &result);
                break;
            }
        }
        lr_result_deinit(&result);
    }
    for (unsigned int i = 0; i < probing->count; i++) {
        waiting += probing->probes[i].waits;
    }
    return waiting;
}

static bool wait_for_probes(struct probing *probing) {
    struct lr_playing *play = probing->play;
    lr_time until = lr_time_add(lr_playing_now(play),
                                2 * lr_plan_probe_ns(play->plan, play->quiet) + 4 * play->slack_ns);
    while (take_probes(probing) > 0 && lr_playing_now(play) < until) {
        if (!lr_playing_turn(play, until)) {
            return false;
        }
    }
    unsigned int left = take_probes(probing);
    if (left > 0) {
        lr_playing_find(play, LR_FINDING_NOT_REQUESTABLE,
                        "%u places cannot be had when faults have stopped", left);
    }
    return true;
}

static void close_probes(struct probing *probing) {
    struct lr_playing *play = probing->play;
    for (unsigned int i = 0; i < probing->count; i++) {
        struct lr_session *session = probing->probes[i].session;
        if (session != NULL) {
            lr_judge_note(play, lr_stage_account(probing->client, session),
                          LR_CAUSE_LAST_REFERENCE);
            lr_session_unref(session, lr_playing_now(play), "probe");
            lr_playing_drain(probing->client);
        }
    }
}

static unsigned int key_named(struct lr_text name) {
    unsigned int key = 0;
    while (key < LR_PLAN_KEYS && !lr_text_equal(name, lr_text_of(lr_plan_key(key)))) {
        key++;
    }
    return key;
}

/* What the tracker says, against what is there. |early|: a grant that nobody has seen may have to
 * be missed yet; but no more is on offer than there is, ever. */
static void compare_summary(struct lr_playing *play, const struct lr_tracker_answer *summary,
                            bool early) {
    for (size_t i = 0; i < lr_summary_queue_count(summary); i++) {
        struct lr_summary_queue queue;
        if (lr_summary_queue_at(summary, i, &queue) != LR_OK) {
            continue;
        }
        unsigned int key = key_named(queue.key);
        size_t places = key < LR_PLAN_KEYS ? places_of(play, key) : 0;
        if (early && key == LR_PLAN_KEYS) {
            continue; /* of one who has just left */
        }
        size_t most = key < LR_PLAN_KEYS ? places_at_most(play, key) : 0;
        if (queue.free > (int64_t)most || (!early && queue.free < (int64_t)places)) {
            lr_playing_find(play, LR_FINDING_ORPHAN,
                            "SUMMARY says %lld free, where %zu are, when faults have stopped",
                            (long long)queue.free, places);
        }
        if (queue.pending != 0) {
            lr_playing_find(play, LR_FINDING_PENDING,
                            "SUMMARY says %lld pending when everybody has gone",
                            (long long)queue.pending);
        }
    }
}

static bool ask_summary(struct probing *probing, bool early) {
    struct lr_playing *play = probing->play;
    struct lr_result result;
    lr_op op = 0;
    lr_time until = lr_time_add(lr_playing_now(play), lr_plan_probe_ns(play->plan, true));
    if (lr_client_summary(probing->client->role.client, lr_playing_now(play), false, &op) !=
        LR_OK) {
        return false;
    }
    lr_playing_drain(probing->client);
    while (!lr_client_next_result(probing->client->role.client, &result)) {
        if (lr_playing_now(play) >= until) {
            lr_playing_find(play, LR_FINDING_PROTOCOL,
                            "the tracker does not answer when faults have stopped");
            return true;
        }
        if (!lr_playing_turn(play, until)) {
            return false;
        }
    }
    if (result.has_summary) {
        compare_summary(play, &result.summary, early);
    } else {
        lr_playing_find(play, LR_FINDING_PROTOCOL, "no SUMMARY when faults have stopped: %s",
                        result.error.text);
    }
    lr_result_deinit(&result);
    return true;
}

static enum lr_status probe_all(struct lr_playing *play) {
    struct probing probing = {.play = play};
    enum lr_status status = lr_cast_client(play, "probe", &probing.client);
    /* Before anybody takes what should not be on offer. */
    if (status == LR_OK && !play->quiet && !ask_summary(&probing, true)) {
        status = play->error.code != LR_OK ? play->error.code : LR_ENOMEM;
    }
    if (status == LR_OK) {
        status = ask_for_all(&probing);
    }
    if (status != LR_OK) {
        return status;
    }
    bool went = wait_for_probes(&probing);
    close_probes(&probing);
    if (!went || !settle(play, LR_SECOND + 4 * play->slack_ns) || !ask_summary(&probing, false)) {
        return play->error.code != LR_OK ? play->error.code : LR_ENOMEM;
    }
    lr_party_end(probing.client, true);
    return turn_until(play,
                      lr_time_add(lr_playing_now(play), 2 * play->slack_ns + LR_RUN_SETTLED_NS))
               ? LR_OK
               : play->error.code;
}

/* ---- */

/* What a role may keep of who was there: the dialect of an address, the room of a table. Whatever
 * is left of each session comes to more than that. */
enum { KEPT_BLOCKS_MAX = 4 };

static void audit_memory(struct lr_playing *play) {
    for (unsigned int i = 0; i <= play->plan->server_count; i++) {
        const struct lr_seat *seat = &play->seats[i];
        size_t blocks = seat->party->memory.live_blocks;
        size_t places = i == LR_HOST_TRACKER ? 0 : play->plan->servers[i - LR_HOST_SERVERS].slots;
        if (blocks > seat->base_blocks + KEPT_BLOCKS_MAX + 2 * places) {
            const struct lr_want want = {
                .what = LR_WANTED_MEMORY, .number = i, .ns = KEPT_BLOCKS_MAX + 2 * places};
            lr_playing_miss(play, &want, LR_FINDING_LEFT,
                            "%s has %zu blocks of memory more than before", seat->party->name,
                            blocks - seat->base_blocks);
        }
    }
}

/* Who stood still for a while has done nothing meanwhile. */
static void set_patience(struct lr_playing *play) {
    struct lr_ledger_patience patience = lr_ledger_patience_default;
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        const struct lr_plan_fault *fault = &play->plan->faults[i];
        bool to_the_end = fault->undo_ms == 0 && play->faults[i].fired &&
                          (fault->kind == LR_PLAN_LOSE || fault->kind == LR_PLAN_PARTITION);
        uint64_t stood_ns =
            to_the_end ? lr_playing_now(play) - play->began : fault->undo_ms * LR_MS;
        patience.late_ns += stood_ns;
        patience.expired_ns += stood_ns;
    }
    if (play->stage->disturbed) {
        lr_ledger_set_patience(play->ledger, &patience);
    }
}

enum lr_status lr_recover(struct lr_playing *play) {
    if (!look_at_clients(play)) {
        return play->error.code;
    }
    end_actors(play);
    enum lr_status status = lr_meet_undo(play);
    if (status != LR_OK) {
        return status;
    }
    if (!turn_until(play, play->silence_end)) { /* links that were black holes do not heal */
        return play->error.code;
    }
    if (!settle(play, lr_plan_recovery_ns(play->plan))) {
        return play->error.code;
    }
    status = probe_all(play);
    if (status == LR_OK) {
        set_patience(play);
        lr_stage_audit(play->stage, &play->result);
        audit_memory(play);
    }
    return status;
}
