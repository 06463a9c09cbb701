/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, as what a scenario asks for: beside the step that it is of, or at the end. */
#include <inttypes.h>

#include "explore/script_internal.h"

#define SAY(script, ...) lr_scripting_say((script), "      " __VA_ARGS__)

static const struct lr_want *want_of(const struct lr_scripting *script, enum lr_wanted what) {
    return script->want.what == what ? &script->want : NULL;
}

/* ---- words ---- */

static const char words_sure[] =
    "-- What has no cause to fail goes well.\n"
    "local function sure(f, ...)\n"
    "  local good, value = pcall(f, ...)\n"
    "  expect(good and \"it went well\" or value):is(\"it went well\")\n"
    "  return value\n"
    "end\n";
static const char words_served[] =
    "-- A request is granted and served, or given up.\n"
    "local function served(f, ...)\n"
    "  local good, value = pcall(f, ...)\n"
    "  local given_up = not good and value:find(\"no server was granted\", 1, true)\n"
    "  expect((good or given_up) and \"it went well\" or value):is(\"it went well\")\n"
    "  return good and value or nil\n"
    "end\n";
static const char words_refused[] =
    "-- What cannot be done is refused.\n"
    "local function refused(f, ...)\n"
    "  expect(pcall(f, ...) and \"it went well\" or \"refused\"):is(\"refused\")\n"
    "end\n";
static const char words_patient[] =
    "-- A request that was granted in its time is not given up.\n"
    "local function patient(f, ...)\n"
    "  local good, value = pcall(f, ...)\n"
    "  local given_up = not good and value:find(\"no server was granted\", 1, true)\n"
    "  expect(given_up and value or \"not given up\"):is(\"not given up\")\n"
    "  return good and value or nil\n"
    "end\n";
static const char words_within[] =
    "-- |at| has come, at most |within| ns after |since|.\n"
    "local function come_within(at, since, within)\n"
    "  local late = not at or since and at - since > within\n"
    "  local how = late and (at and at - since .. \" ns\" or \"never\")\n"
    "  expect(how or \"in time\"):is(\"in time\")\n"
    "end\n";

void lr_scripting_want_words(struct lr_scripting *script) {
    static const struct {
        enum lr_wanted what;
        const char *words;
    } rows[] = {
        {LR_WANTED_SUCCESS, words_sure},    {LR_WANTED_SUCCESS, words_served},
        {LR_WANTED_REFUSAL, words_refused}, {LR_WANTED_PATIENCE, words_patient},
        {LR_WANTED_RELEASE, words_within},  {LR_WANTED_RETURN, words_within},
        {LR_WANTED_HOLD, words_within},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        if (script->want.what == rows[i].what) {
            lr_scripting_say(script, "%s", rows[i].words);
        }
    }
}

/* ---- beside a step ---- */

static bool is_of_step(const struct lr_scripting *script, unsigned int actor, unsigned int step) {
    return script->want.what != LR_WANTED_NOTHING && script->want.actor == actor &&
           script->want.step == step;
}

bool lr_scripting_want_instead(struct lr_scripting *script, unsigned int actor, unsigned int step) {
    bool asks = is_of_step(script, actor, step) &&
                script->plan->actors[actor].steps[step].what == LR_DO_REQUEST;
    const char *word = script->want.what == LR_WANTED_SUCCESS    ? (asks ? "served" : "sure")
                       : script->want.what == LR_WANTED_REFUSAL  ? "refused"
                       : script->want.what == LR_WANTED_PATIENCE ? "patient"
                                                                 : NULL;
    if (word == NULL || !is_of_step(script, actor, step)) {
        return false;
    }
    SAY(script, "do\n");
    SAY(script, "local attempt = %s\n", word);
    SAY(script, "local function went(f, ...) attempt(f, ...); return true end\n");
    SAY(script, "local function on(held, word, ...)\n");
    SAY(script, "  return held[1] and attempt(held[1][word], held[1], ...)\n");
    SAY(script, "end\n");
    return true;
}

void lr_scripting_want_before(struct lr_scripting *script, unsigned int actor, unsigned int step,
                              const char *name) {
    if (!is_of_step(script, actor, step)) {
        return;
    }
    switch (script->want.what) {
    case LR_WANTED_END:
        SAY(script, "local step = w:spawn(function()\n");
        break;
    case LR_WANTED_TRIES:
    case LR_WANTED_ALL_TRIES:
        SAY(script, "local tried = #w:sessions(%s)\n", name);
        break;
    default:
        break;
    }
}

static void say_later_end(struct lr_scripting *script, const char *as_it_must) {
    SAY(script, "if link then\n");
    SAY(script, "  local link = link\n");
    SAY(script, "  table.insert(tasks, w:spawn(function()\n");
    SAY(script, "    local how = link:ended(\"%" PRIu64 "ns\")\n", script->want.ns);
    SAY(script, "    %s\n", as_it_must);
    SAY(script, "  end))\n");
    SAY(script, "end\n");
}

void lr_scripting_want_after(struct lr_scripting *script, unsigned int actor, unsigned int step,
                             const char *name) {
    const struct lr_want *want = &script->want;
    const struct lr_plan_step *planned = &script->plan->actors[actor].steps[step];
    if (!is_of_step(script, actor, step)) {
        return;
    }
    switch (want->what) {
    case LR_WANTED_END:
        SAY(script, "end)\n");
        SAY(script, "attempt(w.await, w, function() return step:ended() end, \"%" PRIu64 "ns\")\n",
            want->ns);
        SAY(script, "expect(step:ended() and \"it ends\" or \"it waits\"):is(\"it ends\")\n");
        break;
    case LR_WANTED_TRIES:
        SAY(script, "local often = #w:sessions(%s) - tried > %u\n", name, want->number);
        SAY(script, "expect(often and \"more often\" or \"as asked\"):is(\"as asked\")\n");
        break;
    case LR_WANTED_ALL_TRIES:
        SAY(script, "local less = not %c[1] and #w:sessions(%s) - tried < %u\n",
            'a' + planned->slot, name, want->number);
        SAY(script, "expect(less and \"less often\" or \"as often as asked\")"
                    ":is(\"as often as asked\")\n");
        break;
    case LR_WANTED_FAREWELL:
        SAY(script, "if %c[1] then\n", 'a' + planned->slot);
        SAY(script,
            "  expect(function() %c[1]:call(\"rpc.test.addone\", 1) end)"
            ":fails(\"RPCSessionTimeoutError\")\n",
            'a' + planned->slot);
        SAY(script, "end\n");
        break;
    case LR_WANTED_GIVEN_UP:
        say_later_end(script, "expect(how and \"given up\" or \"kept\"):is(\"given up\")");
        break;
    case LR_WANTED_FIN:
        say_later_end(script,
                      "expect(how == \"rst\" and \"reset\" or \"as asked\"):is(\"as asked\")");
        break;
    case LR_WANTED_ANSWER:
        if (planned->what == LR_DO_FINISH) {
            say_later_end(script, "expect(how and \"ended\" or \"open\"):is(\"ended\")");
        }
        break;
    default:
        break;
    }
}

bool lr_scripting_wants_answer(const struct lr_scripting *script, unsigned int actor,
                               unsigned int step) {
    return script->want.what == LR_WANTED_ANSWER && is_of_step(script, actor, step);
}

/* ---- at the end ---- */

void lr_scripting_want_of_actor(struct lr_scripting *script, unsigned int actor) {
    const struct lr_want *want = want_of(script, LR_WANTED_NOTICE);
    if (want != NULL && want->actor == actor) {
        SAY(script, "w:pass(math.max(%" PRIu64 " - w:now(), 0) .. \"ns\")\n", want->ns);
        SAY(script, "if %c[1] then expect(%c[1]:closed()):is(true) end\n", 'a' + (int)want->number,
            'a' + (int)want->number);
    }
}

/* What is to be so at a time, beside the actors. */
void lr_scripting_want_in_time(struct lr_scripting *script) {
    const struct lr_want *back = want_of(script, LR_WANTED_BACK);
    char server[LR_PLAN_NAME_MAX];
    if (back != NULL) {
        lr_scripting_name(script, back->number, server);
        lr_scripting_say(script,
                         "    table.insert(tasks, w:spawn(function() -- it is back by then\n");
        SAY(script, "w:pass(math.max(%" PRIu64 " - w:now(), 0) .. \"ns\")\n", back->ns);
        SAY(script, "local link = attempt(w.link, w, %s, tracker, \"0s\")\n", server);
        SAY(script, "expect(link and \"at its tracker\" or \"away\"):is(\"at its tracker\")\n");
        lr_scripting_say(script, "    end))\n");
    }
    const struct lr_want *memory = want_of(script, LR_WANTED_MEMORY);
    if (memory != NULL) {
        lr_scripting_name(script, memory->number, server);
        lr_scripting_say(script, "    local blocks = %s:blocks()\n", server);
    }
}

void lr_scripting_want_done(struct lr_scripting *script) {
    const struct lr_want *want = want_of(script, LR_WANTED_WITHDRAWAL);
    if (want == NULL) {
        return;
    }
    lr_scripting_say(script, "    w:pass(math.max(%" PRIu64 " - w:now(), 0) .. \"ns\")\n",
                     want->ns);
    for (unsigned int key = 0; key < LR_PLAN_KEYS; key++) {
        lr_scripting_say(script, "    expect(tracker):pending(");
        lr_scripting_key(script, key);
        lr_scripting_say(script, ", 0)\n");
    }
}

static void say_session(struct lr_scripting *script) {
    char name[LR_PLAN_NAME_MAX];
    lr_scripting_name(script, LR_HOST_ACTORS + script->want.actor, name);
    lr_scripting_say(script, "    local met = w:sessions(%s)[%u]\n", name, script->want.number);
}

void lr_scripting_want_last(struct lr_scripting *script) {
    static const char *const since[] = {
        [LR_SINCE_BEGINNING] = "0",
        [LR_SINCE_GRANTED] = "met:granted_at()",
        [LR_SINCE_ACCEPTED] = "met:accepted_at()",
        [LR_SINCE_GONE] = "met:gone_at()",
        [LR_SINCE_RELEASED] = "met:released_at()",
    };
    const struct lr_want *want = &script->want;
    char name[LR_PLAN_NAME_MAX];
    switch (want->what) {
    case LR_WANTED_RELEASE:
    case LR_WANTED_RETURN:
        say_session(script);
        lr_scripting_say(script, "    if met then come_within(met:%s(), %s, %" PRIu64 ") end\n",
                         want->what == LR_WANTED_RELEASE ? "released_at" : "requestable_at",
                         since[want->since], want->ns);
        break;
    case LR_WANTED_HOLD:
        say_session(script);
        lr_scripting_say(
            script,
            "    if met then -- it ends by its client or its timeout, and not before\n"
            "      local gone, expired = met:gone_at(), met:expires_at()\n"
            "      local ended = gone and expired and math.min(gone, expired) or gone or expired\n"
            "      come_within(ended, met:released_at(), 0)\n"
            "    end\n");
        break;
    case LR_WANTED_SHUTDOWN:
        say_session(script);
        lr_scripting_say(script, "    if met then expect(met:shutdown_seen()):is(true) end\n");
        break;
    case LR_WANTED_MEMORY:
        lr_scripting_name(script, want->number, name);
        lr_scripting_say(script,
                         "    local more = %s:blocks() - blocks\n"
                         "    expect(more <= %" PRIu64
                         " and \"as before\" or more .. \" blocks more\"):is(\"as before\")\n",
                         name, want->ns);
        break;
    default:
        break;
    }
}
