/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/script.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "explore/playing.h"
#include "explore/script_internal.h"
#include "world/sim.h"

void lr_scripting_say(struct lr_scripting *script, const char *format, ...) {
    char text[2000];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (script->status == LR_OK && size > 0) {
        size_t used = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
        script->status = lr_buf_append(script->out, text, used);
    }
}

void lr_scripting_quote(struct lr_scripting *script, const void *bytes, size_t size) {
    const unsigned char *text = bytes;
    lr_scripting_say(script, "\"");
    for (size_t i = 0; i < size; i++) {
        bool plain = isprint(text[i]) && text[i] != '"' && text[i] != '\\';
        lr_scripting_say(script, plain ? "%c" : "\\x%02x", text[i]);
    }
    lr_scripting_say(script, "\"");
}

void lr_scripting_key(struct lr_scripting *script, unsigned int key) {
    lr_scripting_quote(script, lr_plan_key(key), strlen(lr_plan_key(key)));
}

void lr_scripting_name(const struct lr_scripting *script, unsigned int host,
                       char out[LR_PLAN_NAME_MAX]) {
    lr_cast_name(script->plan, host, out);
}

void lr_script_name(char *out, size_t size, const char *finding, uint64_t seed) {
    char tail[32];
    size_t used = 0;
    (void)snprintf(tail, sizeof tail, "-seed_%" PRIu64 ".lua", seed);
    for (const char *c = finding; *c != '\0' && used < 60 && used + sizeof tail < size; c++) {
        if (isalpha((unsigned char)*c)) {
            out[used++] = (char)tolower((unsigned char)*c);
        } else if (used > 0 && out[used - 1] != '_' && !isdigit((unsigned char)*c)) {
            out[used++] = '_';
        }
    }
    while (used > 0 && out[used - 1] == '_') {
        used--;
    }
    (void)snprintf(out + used, size - used, "%s", tail);
}

/* ---- head ---- */

/* What all such files have in common: operations that may fail, and sessions that are held. */
static const char common[] =
    "-- What a fault has met may fail.\n"
    "local function attempt(f, ...)\n"
    "  local ok, value = pcall(f, ...)\n"
    "  if ok then return value end\n"
    "end\n"
    "local function went(f, ...)\n"
    "  return (pcall(f, ...))\n"
    "end\n"
    "-- An operation on what |held| holds: references to one session, and what is of it.\n"
    "local function on(held, word, ...)\n"
    "  local value = held[1] and attempt(held[1][word], held[1], ...)\n"
    "  held.busy = nil -- answers come in order\n"
    "  return value\n"
    "end\n"
    "local function leave(held)\n"
    "  while #held > 0 do table.remove(held):unref() end\n"
    "  for name in pairs(held) do held[name] = nil end\n"
    "end\n"
    "local function hold(held, opened)\n"
    "  held[1] = opened\n"
    "end\n"
    "local function same(got, wanted)\n"
    "  if got ~= nil then expect(got):is(wanted) end\n"
    "end\n"
    "local function marked(mark, size)\n"
    "  return mark:rep(size // #mark + 1):sub(1, size)\n"
    "end\n";

static void say_comment(struct lr_scripting *script, const struct lr_script_about *about) {
    lr_scripting_say(script, "-- SPDX-License-Identifier: Apache-2.0\n");
    lr_scripting_say(script, "-- Explored from seed %" PRIu64 ".\n", about->seed);
    if (about->finding != NULL) {
        lr_scripting_say(script, "-- Found: %s.\n", about->finding);
    }
    if (about->path != NULL) {
        lr_scripting_say(script, "-- lastref run %s --world sim --seed %" PRIu64 "\n", about->path,
                         script->plan->seed);
    }
    lr_scripting_say(script, "%s", common);
    for (unsigned int i = 0; i < script->plan->actor_count; i++) {
        if (script->plan->actors[i].kind == LR_ACTOR_PEER) {
            lr_scripting_peer_words(script);
            break;
        }
    }
    lr_scripting_liar_words(script);
    for (unsigned int i = 0; i < script->plan->actor_count; i++) {
        if (script->plan->actors[i].runtime != 0) {
            lr_scripting_owner_words(script);
            break;
        }
    }
    lr_scripting_want_words(script);
    lr_scripting_say(script, "\n");
}

static void say_network(struct lr_scripting *script) {
    static const char *const segments[] = {
        [LR_SIM_WHOLE] = "whole", [LR_SIM_CUTS] = "cuts", [LR_SIM_BYTES] = "bytes"};
    const struct lr_plan_link *link = &script->plan->link;
    lr_scripting_say(script, "    w:network { latency = \"%uus\"", link->latency_us);
    if (link->jitter_us != 0) {
        lr_scripting_say(script, ", jitter = \"%uus\"", link->jitter_us);
    }
    if (link->bandwidth != 0) {
        lr_scripting_say(script, ", bandwidth = %u", link->bandwidth);
    }
    lr_scripting_say(script, ", segments = \"%s\" }\n", segments[link->segments]);
}

/* ---- who is there ---- */

void lr_scripting_patience(struct lr_scripting *script, bool serves_data) {
    const struct lr_plan_patience patience = lr_plan_patience(script->plan);
    if (!script->plan->hasty) {
        return;
    }
    lr_scripting_say(script,
                     ", handshake = \"%" PRIu64 "ms\", stalled = \"%" PRIu64
                     "ms\", unread = \"%" PRIu64 "ms\", silence = \"%" PRIu64 "ms\"",
                     patience.handshake_ns / LR_MS, patience.stalled_ns / LR_MS,
                     patience.unread_ns / LR_MS, patience.silence_ns / LR_MS);
    if (serves_data) {
        lr_scripting_say(script, ", unused = \"%" PRIu64 "ms\"", patience.unused_ns / LR_MS);
    }
}

static void say_service(struct lr_scripting *script, unsigned int host, const char *tail) {
    static const char *const dialects[] = {"auto", "legacy", "ffi"};
    char name[LR_PLAN_NAME_MAX];
    lr_scripting_name(script, host, name);
    if (host == LR_HOST_TRACKER) {
        lr_scripting_say(script, "w:tracker { name = \"%s%s\", port = 9190", name, tail);
        lr_scripting_patience(script, false);
        lr_scripting_say(script, " }\n");
        return;
    }
    const struct lr_plan_server *server = &script->plan->servers[host - LR_HOST_SERVERS];
    const char *key = lr_plan_key(server->key);
    lr_scripting_say(script, "w:server { name = \"%s%s\", key = ", name, tail);
    lr_scripting_quote(script, key, strlen(key));
    lr_scripting_say(script, ", sessions = %u, dialect = \"%s\"%s%s", server->slots,
                     dialects[server->dialect], server->direct ? "" : ", tracker = tracker",
                     server->shared ? ", port = 9090, ports = 109" : "");
    lr_scripting_patience(script, true);
    lr_scripting_say(script, " }\n");
}

static void say_cast(struct lr_scripting *script) {
    char name[LR_PLAN_NAME_MAX];
    for (unsigned int i = 0; i <= script->plan->server_count; i++) {
        lr_scripting_name(script, i, name);
        lr_scripting_say(script, "    local %s = ", name);
        say_service(script, i, "");
    }
    if (script->plan->odd_key != 0) {
        const char *key = lr_plan_odd_key(script->plan->odd_key);
        lr_scripting_say(script, "    local odd = attempt(w.server, w, { name = \"odd\", key = ");
        lr_scripting_quote(script, key, strlen(key));
        lr_scripting_say(script, " })\n");
    }
    lr_scripting_say(script, "    local servers = {");
    for (unsigned int i = 1; i <= script->plan->server_count; i++) {
        lr_scripting_name(script, i, name);
        lr_scripting_say(script, " %s,", name);
    }
    lr_scripting_say(script, " }\n");
    for (unsigned int i = 0; i < script->plan->actor_count; i++) {
        lr_scripting_name(script, LR_HOST_ACTORS + i, name);
        if (script->plan->actors[i].kind == LR_ACTOR_PEER) {
            lr_scripting_say(script, "    local %s = w:peer { name = \"%s\" }\n", name, name);
        } else if (script->plan->actors[i].kind != LR_ACTOR_CLIENT) {
            lr_scripting_liar_cast(script, i, name);
        } else {
            lr_scripting_say(script, "    local %s = w:client { name = \"%s\", tracker = tracker",
                             name, name);
            lr_scripting_patience(script, false);
            lr_scripting_owner_runtime(script, i);
            lr_scripting_say(script, " }\n");
        }
    }
}

/* ---- faults ---- */

/* Of a host or service: by the word of its own, where there is one. */
static void say_host_fault(struct lr_scripting *script, const struct lr_plan_fault *fault) {
    const struct lr_plan_fault_row *row = lr_plan_fault_row(fault->kind);
    char name[LR_PLAN_NAME_MAX];
    bool once = fault->kind == LR_PLAN_NO_MEMORY && fault->bytes != 0;
    bool by_chance =
        fault->kind >= LR_PLAN_SHORT_READS && fault->kind <= LR_PLAN_NO_MEMORY && !once;
    lr_scripting_name(script, fault->host, name);
    if (lr_plan_ends_host(fault->kind)) {
        lr_scripting_say(script, "gone.%s = true; ", name);
    }
    if (fault->kind == LR_PLAN_KILL || fault->kind == LR_PLAN_STOP || fault->kind == LR_PLAN_LOSE) {
        lr_scripting_say(script, "attempt(%s.%s, %s)", name, row->name, name);
        if (fault->undo_ms != 0) {
            lr_scripting_say(script, "; later(\"%ums\", function() attempt(%s.find, %s) end)",
                             fault->undo_ms, name, name);
        }
        return;
    }
    /* What sets hosts apart is taken back at the end. */
    lr_scripting_say(script, fault->kind == LR_PLAN_PARTITION ? "parted = parted or " : "");
    lr_scripting_say(script, "attempt(w.fault, w, { on = %s, kind = \"%s\"", name, row->name);
    if (fault->undo_ms != 0) {
        lr_scripting_say(script, ", lasts = \"%ums\"", fault->undo_ms);
    }
    if (fault->kind == LR_PLAN_SHORT_READS || fault->kind == LR_PLAN_SHORT_WRITES) {
        lr_scripting_say(script, ", bytes = %d", LR_MEET_SHORT_BYTES);
    }
    if (by_chance) {
        lr_scripting_say(script, ", chance = { 1, %u }",
                         fault->kind == LR_PLAN_NO_MEMORY ? LR_MEET_SCARCE_OF : 2U);
    }
    if (once) {
        lr_scripting_say(script, ", allocation = %u", fault->bytes);
    }
    if (fault->kind == LR_PLAN_PARTITION) {
        lr_scripting_say(script, ", with = {");
        for (unsigned int i = fault->host % fault->apart;
             i < (unsigned int)LR_HOST_ACTORS + script->plan->actor_count; i += fault->apart) {
            if (i != fault->host && (i <= script->plan->server_count || i >= LR_HOST_ACTORS)) {
                lr_scripting_name(script, i, name);
                lr_scripting_say(script, " %s,", name);
            }
        }
        lr_scripting_say(script, " }");
    }
    lr_scripting_say(script, " })");
}

static void say_fault(struct lr_scripting *script, const struct lr_plan_fault *fault) {
    static const char *const sides[] = {"to_service", "from_service", "both"};
    const struct lr_plan_fault_row *row = lr_plan_fault_row(fault->kind);
    char name[LR_PLAN_NAME_MAX];
    char from[LR_PLAN_NAME_MAX];
    char lasts[32] = "";
    if (row->subject != LR_PLAN_OF_LINK) {
        say_host_fault(script, fault);
        return;
    }
    if (fault->undo_ms != 0) {
        (void)snprintf(lasts, sizeof lasts, ", lasts = \"%ums\"", fault->undo_ms);
    }
    lr_scripting_name(script, fault->host, name);
    if (fault->when == LR_WHEN_BYTES) {
        lr_scripting_say(script,
                         "table.insert(armed, w:fault { on = %s, kind = \"%s\", after = %u, side = "
                         "\"%s\"%s })",
                         name, row->name, fault->bytes, sides[fault->side], lasts);
        return;
    }
    lr_scripting_name(script, fault->from, from);
    lr_scripting_say(
        script,
        "attempt(function() local link = w:link(%s, %s, \"0s\"); w:fault { on = link, kind = "
        "\"%s\", side = \"%s\"%s",
        from, name, row->name, sides[fault->side], lasts);
    if (fault->bytes != 0) {
        lr_scripting_say(script, ", after = link:bytes(\"%s\") + %u",
                         sides[fault->side == LR_SIDE_FROM_SERVICE], fault->bytes);
    }
    lr_scripting_say(script, " } end)");
}

static void say_fault_in(struct lr_scripting *script, const struct lr_plan_fault *fault,
                         const char *indent) {
    lr_scripting_say(script, "%s", indent);
    if (fault->when == LR_WHEN_TIME || fault->ms != 0) {
        lr_scripting_say(script,
                         fault->when == LR_WHEN_TIME ? "at(%u, function() "
                                                     : "later(\"%ums\", function() ",
                         fault->ms);
        say_fault(script, fault);
        lr_scripting_say(script, " end)\n");
    } else {
        say_fault(script, fault);
        lr_scripting_say(script, "\n");
    }
}

unsigned int lr_scripting_faults(struct lr_scripting *script, unsigned int actor, unsigned int step,
                                 bool begun) {
    unsigned int count = 0;
    for (unsigned int i = 0; i < script->plan->fault_count; i++) {
        const struct lr_plan_fault *fault = &script->plan->faults[i];
        if (fault->kind != LR_PLAN_NO_FAULT && fault->when != LR_WHEN_TIME &&
            begun == (fault->when == LR_WHEN_BEGUN) && fault->actor == actor &&
            fault->step == step) {
            if (begun && count == 0) {
                lr_scripting_say(script, "      do\n      local once = soon(function()\n");
            }
            say_fault_in(script, fault, begun ? "        " : "      ");
            count++;
        }
    }
    if (begun && count > 0) {
        lr_scripting_say(script, "      end)\n");
    }
    return count;
}

static void say_timed_faults(struct lr_scripting *script) {
    for (unsigned int i = 0; i < script->plan->fault_count; i++) {
        const struct lr_plan_fault *fault = &script->plan->faults[i];
        if (fault->when == LR_WHEN_TIME) {
            say_fault_in(script, fault, "    ");
        }
    }
}

/* ---- the end ---- */

static void say_undo(struct lr_scripting *script) {
    char name[LR_PLAN_NAME_MAX];
    uint32_t gone = 0;
    bool armed = false;
    for (unsigned int i = 0; i < script->plan->fault_count; i++) {
        const struct lr_plan_fault *fault = &script->plan->faults[i];
        lr_scripting_name(script, fault->host, name);
        armed |= fault->when == LR_WHEN_BYTES;
        if (fault->kind == LR_PLAN_LOSE && fault->undo_ms == 0) {
            lr_scripting_say(script, "    attempt(%s.find, %s)\n", name, name);
        }
        if (fault->kind == LR_PLAN_PARTITION && fault->undo_ms == 0) {
            lr_scripting_say(script, "    if parted then attempt(parted.undo, parted) end\n");
        }
        if (lr_plan_ends_host(fault->kind) && fault->host < LR_HOST_ACTORS) {
            gone |= UINT32_C(1) << fault->host;
        }
    }
    if (armed) {
        lr_scripting_say(script,
                         "    for _, fault in ipairs(armed) do attempt(fault.undo, fault) end\n");
    }
    for (unsigned int i = 0; i <= script->plan->server_count; i++) {
        if ((gone & UINT32_C(1) << i) != 0) {
            lr_scripting_name(script, i, name);
            lr_scripting_say(script, "    if gone.%s then\n      %s = ", name, name);
            say_service(script, i, "-again");
            lr_scripting_say(script, "    end\n");
        }
    }
}

/* Somebody may be off the net, or a link carry nothing more. */
static bool is_silent(const struct lr_plan *plan) {
    bool silent = false;
    for (unsigned int i = 0; i < plan->fault_count; i++) {
        unsigned int kind = plan->faults[i].kind;
        silent |= kind == LR_PLAN_BLACK_HOLE || lr_plan_silences_host(kind);
    }
    return silent;
}

static void say_probe(struct lr_scripting *script) {
    const struct lr_plan *plan = script->plan;
    char name[LR_PLAN_NAME_MAX];
    lr_scripting_say(script, "    local probe = w:client { name = \"probe\", tracker = tracker");
    lr_scripting_patience(script, false);
    lr_scripting_say(script, " }\n    local probes = {\n");
    for (unsigned int i = 0; i < plan->server_count; i++) {
        const char *key = lr_plan_key(plan->servers[i].key);
        lr_scripting_name(script, LR_HOST_SERVERS + i, name);
        for (unsigned int k = 0; k < plan->servers[i].slots; k++) {
            lr_scripting_say(script, "      w:spawn(function() return ");
            if (plan->servers[i].direct) {
                lr_scripting_say(script, "probe:connect(%s) end),\n", name);
            } else {
                lr_scripting_say(script, "probe:request(");
                lr_scripting_quote(script, key, strlen(key));
                lr_scripting_say(script, ", { wait = \"%" PRIu64 "ms\" }) end),\n",
                                 lr_plan_probe_ns(plan, plan->fault_count == 0) / LR_MS);
            }
        }
    }
    if (plan->odd_key != 0) {
        lr_scripting_say(script,
                         "      odd and w:spawn(function() return probe:connect(odd) end),\n");
    }
    lr_scripting_say(script, "    }\n"
                             "    for i, task in ipairs(probes) do probes[i] = task:join() end\n"
                             "    for _, session in ipairs(probes) do\n"
                             "      expect(session:call(\"rpc.test.addone\", 41)):is(42)\n"
                             "    end\n"
                             "    for _, session in ipairs(probes) do session:unref() end\n");
}

static unsigned int places_of(const struct lr_plan *plan, unsigned int key) {
    unsigned int places = 0;
    for (unsigned int i = 0; i < plan->server_count; i++) {
        bool offered = plan->servers[i].key == key && !plan->servers[i].direct;
        places += offered ? plan->servers[i].slots : 0;
    }
    return places;
}

/* What the tracker says of every key, |within_ns| at the latest. */
static void say_counts(struct lr_scripting *script, uint64_t within_ns) {
    const struct lr_plan *plan = script->plan;
    for (unsigned int key = 0; key < LR_PLAN_KEYS; key++) {
        unsigned int places = places_of(plan, key);
        if (places > 0) {
            lr_scripting_say(script, "    expect(tracker):free(");
            lr_scripting_key(script, key);
            lr_scripting_say(script, ", %u, \"%" PRIu64 "ms\")\n    expect(tracker):pending(",
                             places, within_ns / LR_MS);
            lr_scripting_key(script, key);
            lr_scripting_say(script, ", 0)\n");
        }
    }
}

/* What is done beside the actors, if anything is. */
static void say_clock(struct lr_scripting *script) {
    lr_scripting_say(script, "    local tasks, gone, armed, parted = {}, {}, {}, nil\n");
    if (script->plan->fault_count > 0) {
        lr_scripting_say(script,
                         "    local function later(after, f)\n"
                         "      table.insert(tasks, w:spawn(function() w:pass(after); f() end))\n"
                         "    end\n"
                         "    -- So many ms after the beginning.\n"
                         "    local function at(ms, f)\n"
                         "      later(math.max(ms * 1000000 - w:now(), 0) .. \"ns\", f)\n"
                         "    end\n"
                         "    -- When what comes next is under way, or when it is called.\n"
                         "    local function soon(f)\n"
                         "      local done\n"
                         "      local function once()\n"
                         "        if not done then done = true; f() end\n"
                         "      end\n"
                         "      w:spawn(once)\n"
                         "      return once\n"
                         "    end\n");
    }
}

/* What the tracker says when all that was asked for has come back, of whatever key. */
static void say_summary(struct lr_scripting *script) {
    lr_scripting_say(script, "    w:pass(\"%" PRIu64 "ms\")\n    local places = {",
                     (LR_SECOND + 4 * lr_plan_slack_ns(script->plan)) / LR_MS);
    for (unsigned int key = 0; key < LR_PLAN_KEYS; key++) {
        unsigned int places = places_of(script->plan, key);
        if (places > 0) {
            lr_scripting_say(script, " [");
            lr_scripting_key(script, key);
            lr_scripting_say(script, "] = %u,", places);
        }
    }
    lr_scripting_say(script, " }\n"
                             "    for key, queue in pairs(probe:summary()) do\n"
                             "      expect(queue.free):is(places[key] or 0)\n"
                             "      expect(queue.pending):is(0)\n"
                             "    end\n");
}

/* Until everybody has acted on everything, as long as nobody is told to go. */
static uint64_t rest_ns(const struct lr_plan *plan) {
    uint64_t slack = lr_plan_slack_ns(plan);
    uint64_t rest = 2 * slack + LR_RUN_SETTLED_NS;
    rest += plan->fault_count == 0 ? 0 : slack + LR_RUN_ACTED_NS;
    return is_silent(plan) ? rest + lr_plan_patience(plan).silence_ns : rest;
}

static void say_end(struct lr_scripting *script) {
    char name[LR_PLAN_NAME_MAX];
    lr_scripting_say(script, "    for _, task in ipairs(tasks) do task:join() end\n"
                             "    w:note(\"" LR_RUN_ALL_DONE "\")\n");
    lr_scripting_liar_end(script);
    lr_scripting_want_done(script);
    lr_scripting_say(script,
                     "    w:pass(\"%" PRIu64 "us\") -- for what is to come of it by itself\n",
                     rest_ns(script->plan) / LR_US);
    lr_scripting_say(script,
                     "\n    -- Faults stop, everybody goes: all is as if nothing had been.\n");
    for (unsigned int i = 0; i < script->plan->actor_count; i++) {
        lr_scripting_name(script, LR_HOST_ACTORS + i, name);
        lr_scripting_say(script, "    attempt(%s.stop, %s)\n", name, name);
    }
    say_undo(script);
    if (is_silent(script->plan)) { /* links that were black holes do not heal */
        lr_scripting_say(script, "    w:pass(\"%" PRIu64 "ms\")\n",
                         (lr_plan_patience(script->plan).silence_ns + LR_RUN_ACTED_NS +
                          lr_plan_slack_ns(script->plan)) /
                             LR_MS);
    }
    say_counts(script, lr_plan_recovery_ns(script->plan));
    say_probe(script);
    say_summary(script);
    lr_scripting_want_last(script);
    lr_scripting_say(script, "  end,\n}\n");
}

enum lr_status lr_script_write(const struct lr_plan *plan, const struct lr_script_about *about,
                               struct lr_buf *out) {
    struct lr_scripting script = {.plan = plan, .want = about->want, .out = out};
    char title[200];
    say_comment(&script, about);
    (void)snprintf(title, sizeof title, "%s",
                   about->finding == NULL ? "nothing is found" : about->finding);
    lr_scripting_say(&script, "scenario ");
    lr_scripting_quote(&script, title, strlen(title));
    lr_scripting_say(&script, " {\n  worlds = { \"sim\" },\n  limit = \"7200s\",\n"
                              "  run = function(w)\n");
    say_network(&script);
    say_cast(&script);
    say_clock(&script);
    lr_scripting_want_in_time(&script);
    say_timed_faults(&script);
    for (unsigned int i = 0; i < plan->actor_count; i++) {
        lr_scripting_actor(&script, i);
    }
    say_end(&script);
    return script.status;
}
