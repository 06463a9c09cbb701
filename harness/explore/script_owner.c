/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a program in CPython or C++ as Lua, each with what the shadow says must come of it:
 * who is there, and what was told. */
#include <inttypes.h>
#include <string.h>

#include "explore/owner.h"
#include "explore/script_internal.h"

#define SAY(script, ...) lr_scripting_say((script), "      " __VA_ARGS__)

static const char words[] =
    "-- A program's error that is handled, and forgotten.\n"
    "local function tried(py, f)\n"
    "  local value\n"
    "  py:try(function() value = f() end, \"err\", function() end)\n"
    "  return value\n"
    "end\n"
    "-- What was made has this name, and no other.\n"
    "local function named(py, name, made)\n"
    "  py:globals()[name] = made\n"
    "  py:del(made)\n"
    "  return py:globals()[name]\n"
    "end\n"
    "local function runs(py)\n"
    "  return pcall(function() return py:globals() end)\n"
    "end\n"
    "-- Of the program's objects, as they were made, who is there (+) and who is not (-).\n"
    "local function lives(py, n, signs)\n"
    "  for i = 0, runs(py) and #signs - 1 or -1 do\n"
    "    local sign = signs:sub(i + 1, i + 1)\n"
    "    if n[i] and sign ~= \"?\" then expect(n[i]:alive()):is(sign == \"+\") end\n"
    "  end\n"
    "end\n"
    "local function held(py, session, ...)\n"
    "  if session and runs(py) then expect(session):held_by(...) end\n"
    "end\n";

static const char words_of_events[] =
    "-- What was told since: group by group, within one in any order; behind a ? what may be.\n"
    "-- Sessions are numbered here as the program got them, there as the tracker gave them.\n"
    "local function came(py, n, groups)\n"
    "  if not n.exited and not runs(py) then return end\n"
    "  local events, ids = py:events(), n.ids or {}\n"
    "  n.told, n.ids = n.told or 0, ids\n"
    "  local function is(wanted, event, alone)\n"
    "    local id = (event or \"\"):match(\"^session (%d+) released\")\n"
    "    local own = wanted:match(\"session (%d+) goes\")\n"
    "    if not id or not own then return wanted:gsub(\"^%?\", \"\") == event end\n"
    "    id, own = tonumber(id), tonumber(own)\n"
    "    for other, other_id in pairs(alone and ids or {}) do\n"
    "      expect(other_id < id):is(other < own)\n"
    "    end\n"
    "    if alone then ids[own] = id end\n"
    "    return true\n"
    "  end\n"
    "  local function take(group, alone)\n"
    "    for i, wanted in ipairs(group) do\n"
    "      if is(wanted, events[n.told + 1], alone) then\n"
    "        n.told = n.told + 1\n"
    "        table.remove(group, i)\n"
    "        return true\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "  for _, group in ipairs(groups) do\n"
    "    local alone = #group == 1\n"
    "    while take(group, alone) do end\n"
    "    for _, wanted in ipairs(group) do\n"
    "      local seen = events[n.told + 1] or \"nothing\"\n"
    "      if wanted:sub(1, 1) ~= \"?\" then expect(seen):is(wanted) end\n"
    "    end\n"
    "  end\n"
    "  expect(events[n.told + 1] or \"nothing\"):is(\"nothing\")\n"
    "end\n";

void lr_scripting_owner_words(struct lr_scripting *script) {
    lr_scripting_say(script, "%s", words);
    lr_scripting_say(script, "%s", words_of_events);
}

void lr_scripting_owner_runtime(struct lr_scripting *script, unsigned int actor) {
    unsigned int runtime = script->plan->actors[actor].runtime;
    const char *version = runtime == 0 ? NULL : lr_shadow_facts(runtime)->version;
    if (runtime == 0) {
        return;
    }
    if (version == NULL) {
        lr_scripting_say(script, ", runtime = native()");
        return;
    }
    lr_scripting_say(script, ", runtime = cpython(\"%s\", { system = \"%s\" })", version,
                     (runtime - LR_PLAN_NATIVE - 1) % 2 == 0 ? "windows" : "linux");
}

void lr_scripting_owner_head(struct lr_scripting *script, unsigned int actor, const char *client) {
    lr_shadow_init(&script->shadow, script->plan->actors[actor].runtime);
    if (script->shadow.facts->version == NULL) {
        SAY(script, "local h, n = {}, {} -- handles, and what was made, in order\n");
        return;
    }
    SAY(script, "local g, n = attempt(%s.globals, %s), {} -- names, and what was made, in order\n",
        client, client);
    SAY(script, "local t = attempt(%s.connect_tracker, %s, tracker)\n", client, client);
}

/* ---- what must have come of it ---- */

static void say_lives(struct lr_scripting *script, const char *client) {
    const struct lr_shadow *shadow = &script->shadow;
    char signs[LR_SHADOW_NODES_MAX + 1];
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        const struct lr_shadow_node *node = &shadow->nodes[i];
        signs[i] = node->is_leak ? '?' : node->alive ? '+' : '-'; /* NOLINT */
    }
    signs[shadow->node_count] = '\0';
    if (shadow->facts->version != NULL) {
        SAY(script, "lives(%s, n, \"%s\")\n", client, signs);
        return;
    }
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        if (shadow->nodes[i].is_session) {
            SAY(script, "if n[%u] then expect(n[%u]):%s() end\n", i, i,
                shadow->nodes[i].alive ? "alive" : "gone");
        }
    }
}

/* Which collection a session waits for, and the one that holds it. */
static void say_held(struct lr_scripting *script, const char *client) {
    struct lr_shadow *shadow = &script->shadow;
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        const struct lr_shadow_node *node = &shadow->nodes[i];
        if (!node->is_session || !node->alive || shadow->facts->version == NULL) {
            continue;
        }
        int generation = lr_shadow_generation(shadow, i);
        const char *via = lr_shadow_holder(shadow, i);
        if (via == NULL && generation < 0) {
            continue;
        }
        SAY(script, "held(%s, n[%u]", client, i);
        if (generation >= 0) {
            lr_scripting_say(script, ", \"uncollected cycle, generation %d\"", generation);
        }
        if (via != NULL) {
            lr_scripting_say(script, ", \"%s\"", via);
        }
        lr_scripting_say(script, ")\n");
    }
}

static void say_event(struct lr_scripting *script, const struct lr_shadow_event *event) {
    static const char *const texts[] = {[LR_SHADOW_TOLD] = "told",
                                        [LR_SHADOW_FINALIZED] = "finalized",
                                        [LR_SHADOW_EXITED] = "exit"};
    const char *maybe = event->maybe ? "?" : "";
    if (event->what == LR_SHADOW_GOES) {
        lr_scripting_say(script, "\"%ssession %u goes\", ", maybe, event->number);
    } else {
        lr_scripting_say(script, "\"%s%s %u\", ", maybe, texts[event->what], event->number);
    }
}

static void say_closed(struct lr_scripting *script) {
    const struct lr_shadow *shadow = &script->shadow;
    for (unsigned int i = 0; i < shadow->event_count; i++) {
        const struct lr_shadow_event *event = &shadow->events[i];
        if (event->what == LR_SHADOW_CLOSES && !event->maybe) {
            SAY(script, "if n[%u] then expect(n[%u]:closed()):is(true) end\n", event->number,
                event->number);
        }
    }
}

static void say_came(struct lr_scripting *script, const char *client) {
    const struct lr_shadow *shadow = &script->shadow;
    if (shadow->facts->version == NULL) {
        return;
    }
    SAY(script, "came(%s, n, {", client);
    for (unsigned int i = 0; i < shadow->event_count; i++) {
        const struct lr_shadow_event *event = &shadow->events[i];
        bool begins = i == 0 || event->group != event[-1].group;
        bool ends = i + 1U == shadow->event_count || event->group != event[1].group;
        lr_scripting_say(script, begins ? " { " : "");
        if (event->what != LR_SHADOW_CLOSES) {
            say_event(script, event);
        }
        lr_scripting_say(script, ends ? "}," : "");
    }
    lr_scripting_say(script, " })\n");
}

/* ---- steps ---- */

/* {c} the client, {x} and {y} names, {N} and {M} the first and second new object, {F} and {E} the
 * newest finalizer and handler, {A} an amount. */
#define FAIL "{c}:raise(\"ValueError\", \"no such device\")"
#define KEEP ", \"err\", function(err) g.{x} = err end)"
#define THING "{c}:object(\"Thing\", { held = g.{y} })"
#define RING "named({c}, \"{x}\", " THING "); g.{x}:set(\"itself\", g.{x})"
#define WATCH                                                                                      \
    "; n[{M}] = {c}:weakref(g.{x}, \"told {M}\"); g.{x}:set(\"watch\", n[{M}]); {c}:del(n[{M}])"
#define GENERATOR "local m = {c}:generator(\"measurements\"); m:next(function(f) f.held = g.{y}"
static const char *const python_rows[LR_PROGRAM_ROWS] = {
    [LR_PROGRAM_DEL] = "{c}:del(g.{x})",
    [LR_PROGRAM_COPY] = "g.{x} = g.{y}",
    [LR_PROGRAM_LIST] = "named({c}, \"{x}\", {c}:list(g.{y}))",
    [LR_PROGRAM_DICT] = "named({c}, \"{x}\", {c}:dict { k = g.{y} })",
    [LR_PROGRAM_TUPLE] = "named({c}, \"{x}\", {c}:tuple(g.{y}))",
    [LR_PROGRAM_SET] = "named({c}, \"{x}\", {c}:set(g.{y}))",
    [LR_PROGRAM_THREAD_LOCAL] =
        "named({c}, \"{x}\", {c}:thread_local()); g.{x}:set(\"held\", g.{y})",
    [LR_PROGRAM_OBJECT] = "named({c}, \"{x}\", " THING ")",
    [LR_PROGRAM_CLASS] = "named({c}, \"{x}\", {c}:class(\"Measurer\", { held = g.{y} }))",
    [LR_PROGRAM_CLOSURE] = "named({c}, \"{x}\", {c}:closure(\"on_done\", { held = g.{y} }))",
    [LR_PROGRAM_DEFAULT] = "named({c}, \"{x}\", {c}:closure(\"measure\", nil, { held = g.{y} }))",
    [LR_PROGRAM_METHOD] = "named({c}, \"{x}\", {c}:method(g.{y}, \"on_done\"))",
    [LR_PROGRAM_SAVER] = "named({c}, \"{x}\", " THING "); g.{x}:revives_as(\"saved{N}\")",
    [LR_PROGRAM_RING] = RING,
    [LR_PROGRAM_POOL] = RING "; g.{x}:revives_as(\"saved{N}\")",
    [LR_PROGRAM_WATCHER] = RING WATCH,
    [LR_PROGRAM_STORE] = "g.{x}:set(\"other\", g.{y})",
    [LR_PROGRAM_WEAKREF] = "named({c}, \"{x}\", {c}:weakref(g.{y}, \"told {N}\"))",
    [LR_PROGRAM_FINALIZE] =
        "{c}:del({c}:finalize(g.{y}, \"finalized {F}\", { argument = g.{x}, atexit = true }))",
    [LR_PROGRAM_ATEXIT] = "{c}:atexit(\"exit {E}\", g.{y})",
    [LR_PROGRAM_KEPT_ERROR] =
        "{c}:try(function() {c}:call(\"measure\", function(f) f.held = g.{y} " FAIL
        " end) end" KEEP,
    [LR_PROGRAM_KEPT_BELOW] =
        "{c}:call(\"tune\", function(f) f.held = g.{y} {c}:call(\"measure\", function() "
        "{c}:try(function() " FAIL " end" KEEP " end) end)",
    [LR_PROGRAM_KEPT_BEFORE] =
        "{c}:try(function() {c}:call(\"measure\", function() {c}:try(function() "
        "{c}:call(\"run_on\", function(f) f.held = g.{y} " FAIL " end) end, \"err\", function() "
        "{c}:raise(\"MeasureError\", \"it failed\") end) end) end" KEEP,
    [LR_PROGRAM_HANDLED] = "{c}:call(\"measure\", function(f) f.held = g.{y} {c}:try(function() "
                           "{c}:call(\"run_on\", function(i) i.held = g.{y} " FAIL
                           " end) end, \"err\", function() end) end)",
    [LR_PROGRAM_UNCAUGHT] =
        "attempt({c}.call, {c}, \"measure\", function(f) f.held = g.{y} " FAIL " end)",
    [LR_PROGRAM_ADDRESS] = "{c}:call(\"check_remote\", function(f) f.held = g.{y} "
                           "{c}:connect_tracker(tracker) end)",
    [LR_PROGRAM_GENERATOR] = GENERATOR " end); named({c}, \"{x}\", m)",
    [LR_PROGRAM_GENERATOR_WITH] = GENERATOR "; {c}:enter_with(g.{y}) end); named({c}, \"{x}\", m)",
    [LR_PROGRAM_WITH] = "{c}:with(g.{y}, function() end)",
    [LR_PROGRAM_WITH_ERROR] = "{c}:try(function() {c}:call(\"measure\", function() "
                              "{c}:enter_with(g.{y}) " FAIL " end) end, \"err\", function() end)",
    [LR_PROGRAM_LOCALS] = "{c}:call(\"tune\", function(f) f.first, f.second = g.{x}, g.{y} "
                          "{c}:del(g.{x}) {c}:del(g.{y}) end)",
    [LR_PROGRAM_THREAD] = "{c}:thread(\"worker\", function(f) f.held = g.{y} end):join()",
    [LR_PROGRAM_THREAD_ERROR] =
        "{c}:thread(\"worker\", function(f) f.held = g.{y} " FAIL " end):join()",
    [LR_PROGRAM_COLLECT_0] = "{c}:gc(0)",
    [LR_PROGRAM_COLLECT_1] = "{c}:gc(1)",
    [LR_PROGRAM_COLLECT_2] = "{c}:gc(2)",
    [LR_PROGRAM_FEW] = "{c}:allocate({A})",
    [LR_PROGRAM_MANY] = "{c}:allocate({A})",
    [LR_PROGRAM_GC_OFF] = "{c}:gc_disable()",
    [LR_PROGRAM_GC_ON] = "{c}:gc(2); {c}:gc_enable()",
    [LR_PROGRAM_EXIT] = "{c}:exit(); n.exited = true",
};
#define NODE(word) "local m = {c}:node(\"{x}\"); h.{x} = m; m:" word "(\"held\", h.{y})"
/* NOLINTBEGIN(bugprone-suspicious-missing-comma): a macro has several strings */
static const char *const native_rows[LR_PROGRAM_ROWS] = {
    [LR_PROGRAM_DEL] = "h.{x}:reset(); h.{x} = nil",
    [LR_PROGRAM_COPY] = "h.{x} = h.{y}:copy()",
    [LR_PROGRAM_OBJECT] = NODE("set"),
    [LR_PROGRAM_RING] = NODE("set") "; m:set(\"itself\", m)",
    [LR_PROGRAM_OBSERVER] = NODE("set_weak"),
    [LR_PROGRAM_STORE] = "h.{x}:set(\"other\", h.{y})",
    [LR_PROGRAM_EXIT] = "{c}:kill()",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

struct filling {
    const char *client;
    const struct lr_plan_step *step;
    unsigned int number; /* of the first new object */
    uint32_t amount;
};

static void say_filled(struct lr_scripting *script, const char *text,
                       const struct filling *filling) {
    for (const char *at = text; *at != '\0';) {
        size_t plain = strcspn(at, "{");
        bool is_name = at[plain] == '{' && at[plain + 1] != '\0' && at[plain + 2] == '}';
        size_t size = is_name || at[plain] == '\0' ? plain : plain + 1;
        lr_scripting_say(script, "%.*s", (int)size, at);
        at += size;
        if (!is_name) {
            continue;
        }
        switch (at[1]) {
        case 'c':
            lr_scripting_say(script, "%s", filling->client);
            break;
        case 'x':
        case 'y':
            lr_scripting_say(script, "%s",
                             lr_owner_var(at[1] == 'x' ? filling->step->x : filling->step->y));
            break;
        case 'N':
        case 'M':
            lr_scripting_say(script, "%u", filling->number + (at[1] == 'M' ? 1U : 0U));
            break;
        case 'F':
            lr_scripting_say(script, "%u", script->shadow.final_count - 1U);
            break;
        case 'E':
            lr_scripting_say(script, "%u", script->shadow.exit_count - 1U);
            break;
        default:
            lr_scripting_say(script, "%" PRIu32, filling->amount);
            break;
        }
        at += 3;
    }
}

static void say_forget(struct lr_scripting *script, const bool *saved) {
    char name[16];
    for (unsigned int i = 0; i < script->shadow.node_count; i++) {
        if (saved[i]) {
            lr_scripting_say(script, "g.%s = nil; ", lr_owner_saved(name, sizeof name, i));
        }
    }
}

static void note_saved(const struct lr_shadow *shadow, bool *saved) {
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        saved[i] = shadow->nodes[i].saved;
    }
}

void lr_scripting_owner_step(struct lr_scripting *script, const char *client,
                             const struct lr_plan_step *step) {
    struct lr_shadow *shadow = &script->shadow;
    bool native = shadow->facts->version == NULL;
    bool saved[LR_SHADOW_NODES_MAX] = {false};
    const struct filling filling = {client, step, shadow->node_count,
                                    lr_shadow_amount(shadow, step->target)};
    char text[96];
    note_saved(shadow, saved);
    if (!lr_shadow_step(shadow, step)) {
        return;
    }
    const char *row = (native ? native_rows : python_rows)[step->target];
    SAY(script, "attempt(function() -- %s\n", lr_owner_words(text, sizeof text, step, native));
    SAY(script, "  ");
    if (step->target == LR_PROGRAM_FORGET) {
        say_forget(script, saved);
    } else if (row != NULL) {
        say_filled(script, row, &filling);
    }
    lr_scripting_say(script, "\n");
    bool makes =
        shadow->node_count > filling.number && !native && !shadow->nodes[filling.number].is_leak;
    if (makes) {
        SAY(script, "  n[%u] = g.%s\n", filling.number, lr_owner_var(step->x));
    }
    SAY(script, "end)\n");
    bool is_with = step->target == LR_PROGRAM_WITH || step->target == LR_PROGRAM_WITH_ERROR;
    if (is_with) { /* before what was in it goes */
        say_closed(script);
    }
    if (step->moves != 0 && !shadow->ended) {
        SAY(script, "attempt(function() ");
        say_filled(script, native ? "h.{y}:reset(); h.{y} = nil" : "{c}:del(g.{y})", &filling);
        lr_scripting_say(script, " end)\n");
    }
    say_came(script, client);
    if (!is_with) {
        say_closed(script);
    }
    if (!shadow->ended) {
        say_lives(script, client);
        say_held(script, client);
    }
}

/* ---- on the wire ---- */

void lr_scripting_owner_request(struct lr_scripting *script, const char *client,
                                const struct lr_plan_step *step) {
    struct lr_shadow *shadow = &script->shadow;
    char slot = (char)('a' + step->slot);
    const struct lr_plan_step del = {.target = LR_PROGRAM_DEL, .x = step->slot};
    bool native = shadow->facts->version == NULL;
    lr_scripting_owner_step(script, client, &del);
    unsigned int number = shadow->node_count;
    if (native) {
        SAY(script, "%c[1] = attempt(function() return %s:share(%s:request(", slot, client, client);
    } else {
        SAY(script, "%c[1] = attempt(tried, %s, function() return named(%s, \"%c\", t:request(",
            slot, client, client, slot);
    }
    lr_scripting_request(script, step);
    if (native) {
        lr_scripting_say(script, "), \"%c\") end)\n", slot);
        SAY(script, "h.%c = %c[1]\n", slot, slot);
    } else {
        lr_scripting_say(script, ")) end)\n");
    }
    SAY(script, "if not %c[1] then return end -- what follows is of a program that has it\n", slot);
    SAY(script, "n[%u] = %c[1]\n", number, slot);
    if (!shadow->ended) {
        (void)lr_shadow_session(shadow, step->slot);
    }
}

void lr_scripting_owner_call(struct lr_scripting *script, const char *client,
                             const struct lr_plan_step *step) {
    char slot = (char)('a' + step->slot);
    if (script->shadow.facts->version == NULL) {
        return; /* a handle has no words for it */
    }
    SAY(script,
        "same(attempt(tried, %s, function() return %c[1]:call(\"rpc.test.addone\", %u) end), %u)\n",
        client, slot, step->size, step->size + 1);
}
