/* SPDX-License-Identifier: Apache-2.0 */
/* A service that lies, as Lua: what it says, to which question, and what must come of it. */
#include "explore/liar.h"
#include "explore/script_internal.h"

#define SAY(script, ...) lr_scripting_say((script), "    " __VA_ARGS__)

static const char words[] =
    "-- Who went on when it had been lied to, or did not come again.\n"
    "local unmoved = {}\n"
    "-- Liars are at work until the others are not.\n"
    "local over, lying, visits = false, {}, 0\n"
    "local function dismiss(w, liars)\n"
    "  over = true\n"
    "  local last = w:peer { name = \"last to come\" }\n"
    "  for _, liar in ipairs(liars) do attempt(last.open, last, liar) end\n"
    "  for _, task in ipairs(lying) do task:join() end\n"
    "end\n"
    "-- Says what |lie| says, and looks what comes of it; true where it goes on.\n"
    "local function tell_lie(w, link, lie)\n"
    "  if lie.bytes then link:send(lie.bytes) end\n"
    "  if lie.within and not link:ended(lie.within) then table.insert(unmoved, lie.name) end\n"
    "  if lie.pass then w:pass(lie.pass) end\n"
    "  if lie.ends then link[lie.ends](link) end\n"
    "  return not lie.ends\n"
    "end\n";

static const char server_words[] =
    "-- A link to a server that lies once on it.\n"
    "local function serve(w, link, lie, put)\n"
    "  local asked, code = \"the handshake\", 0\n"
    "  local function asks()\n"
    "    w:await(function() return over or link:unread() > 0 end, \"7000s\")\n"
    "    return not over\n"
    "  end\n"
    "  if not asks() then return end\n"
    "  link:read(4)\n"
    "  if link:answer():find(\"liar:\", 1, true) then put() end\n"
    "  while code ~= 1 do\n"
    "    if lie and lie.asked == asked then\n"
    "      if not tell_lie(w, link, lie) then return end\n"
    "      lie = nil\n"
    "    elseif asked == \"the handshake\" then\n"
    "      link:send(string.pack(\"<i4s4\", 0xff271, \"server:liar\"))\n"
    "    else\n"
    "      local makes = code == 9 or code == 13\n"
    "      link:send(string.pack(\"<s8\", makes and string.pack(\"<i4i4i4I8\", 4, 1, 4, 0x1234)\n"
    "                            or string.pack(\"<i4i4i4\", 4, 1, 0)))\n"
    "    end\n"
    "    if not asks() then return end\n"
    "    code = string.unpack(\"<i4\", link:packet())\n"
    "    asked = code == 2 and \"InitServer\" or code == 10 and \"a free\" or \"a call\"\n"
    "  end\n"
    "  link:close()\n"
    "end\n"
    "local function stand_as_server(w, liar, number, tracker, lies)\n"
    "  local told, puts = 0, 0\n"
    "  local at = liar:open(tracker)\n"
    "  local function put()\n"
    "    puts = puts + 1\n"
    "    at:tell(('[3, \"liar\", [%d, \"liar:0.%02d%d\"], null]'):format(liar:port(), number, "
    "puts))\n"
    "  end\n"
    "  at:send(string.pack(\"<i4\", 0x2f271))\n"
    "  at:tell(('[5, {\"key\": \"server:liar\", \"addr\": [null, %d]}]'):format(liar:port()))\n"
    "  put()\n"
    "  while true do\n"
    "    local link = liar:accept(\"7000s\")\n"
    "    if over then return end\n"
    "    local lie = lies[told % #lies + 1]\n"
    "    told, visits = told + 1, visits + 1\n"
    "    table.insert(lying, w:spawn(function() pcall(serve, w, link, lie, put) end))\n"
    "  end\n"
    "end\n";

static const char tracker_words[] =
    "-- A link to a tracker that lies once on it; true where the server is registered.\n"
    "local function track(w, link, lie)\n"
    "  local asked, registered = \"the magic\", false\n"
    "  link:read(4)\n"
    "  while lie or not registered do\n"
    "    if lie and lie.asked == asked then\n"
    "      if not tell_lie(w, link, lie) then return false end\n"
    "      lie = nil\n"
    "    else\n"
    "      link:send(asked == \"the magic\" and string.pack(\"<i4\", 0x2f271)\n"
    "                or string.pack(\"<s4\", asked == \"GET_PENDING_MATCHKEYS\" and \"[]\" or "
    "\"0\"))\n"
    "    end\n"
    "    registered = registered or asked == \"PUT\"\n"
    "    if registered and not lie then break end\n"
    "    local code = string.unpack(\"B\", link:answer(\"12s\"), 2) - 48\n"
    "    asked = code == 5 and \"UPDATE_INFO\" or code == 3 and \"PUT\" or "
    "\"GET_PENDING_MATCHKEYS\"\n"
    "  end\n"
    "  return registered\n"
    "end\n"
    "local function stand_as_tracker(w, liar, lies, certain)\n"
    "  for i = 1, #lies + 1 do\n"
    "    local come, link = pcall(liar.accept, liar, \"12s\")\n"
    "    local well, registered = false, false\n"
    "    if come then well, registered = pcall(track, w, link, lies[i]) end\n"
    "    if not well and certain then table.insert(unmoved, \"a tracker that has lied\") end\n"
    "    if not well or registered then return end\n"
    "  end\n"
    "end\n";

static bool has_kind(const struct lr_scripting *script, unsigned int kind) {
    for (unsigned int i = 0; i < script->plan->actor_count; i++) {
        if (script->plan->actors[i].kind == kind) {
            return true;
        }
    }
    return false;
}

unsigned int lr_scripting_liar_host(const struct lr_scripting *script) {
    for (unsigned int i = 0; i < script->plan->actor_count; i++) {
        if (script->plan->actors[i].kind == LR_ACTOR_LIAR) {
            return LR_HOST_ACTORS + i;
        }
    }
    return LR_HOST_TRACKER;
}

bool lr_scripting_has_liars(const struct lr_scripting *script) {
    return has_kind(script, LR_ACTOR_LIAR) || has_kind(script, LR_ACTOR_LYING_TRACKER);
}

void lr_scripting_liar_words(struct lr_scripting *script) {
    if (lr_scripting_has_liars(script)) {
        lr_scripting_say(script, "%s", words);
    }
    if (has_kind(script, LR_ACTOR_LIAR)) {
        lr_scripting_say(script, "%s", server_words);
    }
    if (has_kind(script, LR_ACTOR_LYING_TRACKER)) {
        lr_scripting_say(script, "%s", tracker_words);
    }
}

void lr_scripting_liar_cast(struct lr_scripting *script, unsigned int actor, const char *name) {
    bool tracks = script->plan->actors[actor].kind == LR_ACTOR_LYING_TRACKER;
    SAY(script, "local %s = w:peer { name = \"%s\", serves = \"%s\" }\n", name, name,
        tracks ? "tracker" : "server");
}

static void say_lie(struct lr_scripting *script, const struct lr_plan_step *step, bool tracks) {
    struct lr_liar_terms terms = lr_liar_terms(script->plan, step, tracks);
    struct lr_buf bytes;
    lr_buf_init(&bytes, script->out->alloc);
    enum lr_status status = lr_lie_write(step->target, step->slot, 0, &bytes);
    SAY(script, "  { asked = \"%s\", name = \"%s\"", lr_asked_name(step->slot),
        lr_lie_row(step->target)->name);
    if (status == LR_OK && lr_buf_size(&bytes) > 0) {
        lr_scripting_say(script, ", bytes = ");
        lr_scripting_quote(script, lr_buf_data(&bytes), lr_buf_size(&bytes));
    }
    if (terms.within_ns != 0) {
        lr_scripting_say(script, ", within = \"%uus\"", (unsigned int)(terms.within_ns / LR_US));
    }
    if (terms.pass_ns != 0) {
        lr_scripting_say(script, ", pass = \"%uus\"", (unsigned int)(terms.pass_ns / LR_US));
    }
    if (terms.ends) {
        lr_scripting_say(script, ", ends = \"%s\"", terms.resets ? "reset" : "close");
    }
    lr_scripting_say(script, " },\n");
    script->status = script->status != LR_OK ? script->status : status;
    lr_buf_deinit(&bytes);
}

/* No fault meets its host, or parts it from others. */
static bool is_certain(const struct lr_scripting *script, unsigned int actor) {
    for (unsigned int i = 0; i < script->plan->fault_count; i++) {
        const struct lr_plan_fault *fault = &script->plan->faults[i];
        bool of_host = lr_plan_fault_row(fault->kind)->subject == LR_PLAN_OF_HOST;
        if ((of_host && fault->host == LR_HOST_ACTORS + actor) ||
            fault->kind == LR_PLAN_PARTITION) {
            return false;
        }
    }
    return true;
}

void lr_scripting_liar(struct lr_scripting *script, unsigned int actor, const char *name) {
    const struct lr_plan_actor *of = &script->plan->actors[actor];
    bool tracks = of->kind == LR_ACTOR_LYING_TRACKER;
    SAY(script, "local lies_of_%s = {\n", name);
    for (unsigned int i = 0; i < of->count; i++) {
        if (of->steps[i].what == LR_DO_LIE && lr_lie_fits(of->steps[i].target, of->steps[i].slot)) {
            say_lie(script, &of->steps[i], tracks);
        }
    }
    SAY(script, "}\n");
    if (tracks) {
        SAY(script,
            "table.insert(tasks, w:spawn(function() stand_as_tracker(w, %s, lies_of_%s, %s) "
            "end))\n",
            name, name, is_certain(script, actor) ? "true" : "false");
        SAY(script, "table.insert(lying, w:spawn(function() attempt(w.server, w, { ");
        lr_scripting_say(script, "name = \"victim%u\", key = \"victim\", tracker = %s", actor + 1,
                         name);
        lr_scripting_patience(script, true);
        lr_scripting_say(script, " }) end))\n");
    } else {
        SAY(script,
            "table.insert(lying, w:spawn(function() pcall(stand_as_server, w, %s, %u, tracker, "
            "lies_of_%s) end))\n",
            name, actor, name);
    }
}

void lr_scripting_liar_end(struct lr_scripting *script) {
    char name[LR_PLAN_NAME_MAX];
    if (lr_scripting_has_liars(script)) {
        SAY(script, "dismiss(w, {");
        for (unsigned int i = 0; i < script->plan->actor_count; i++) {
            if (script->plan->actors[i].kind == LR_ACTOR_LIAR) {
                lr_scripting_name(script, LR_HOST_ACTORS + i, name);
                lr_scripting_say(script, " %s,", name);
            }
        }
        lr_scripting_say(script, " })\n");
        SAY(script, "expect(table.concat(unmoved, \", \")):is(\"\")\n");
    }
}
