/* SPDX-License-Identifier: Apache-2.0 */
/* A raw peer's steps as Lua. What it says is written as bytes; what it was granted is filled in as
 * the script runs. */
#include <string.h>

#include "explore/peer_law.h"
#include "explore/script_internal.h"

#define SAY(script, ...) lr_scripting_say((script), "      " __VA_ARGS__)

static const char words[] =
    "-- Says |bytes| on |link|; waits a moment for an answer or the end, where it must come.\n"
    "local function say(w, link, bytes, awaited)\n"
    "  if not link then return end\n"
    "  local before = link:unread()\n"
    "  attempt(link.send, link, bytes)\n"
    "  if awaited == \"answer\" then\n"
    "    attempt(w.await, w, function() return link:unread() > before end, \"100ms\")\n"
    "  elseif awaited == \"end\" then\n"
    "    attempt(link.ended, link, \"100ms\")\n"
    "  end\n"
    "end\n"
    "-- Asks the tracker by hand: the matchkey and the server that it names.\n"
    "local function ask(peer, tracker, servers, key, within)\n"
    "  local link = attempt(peer.open, peer, tracker)\n"
    "  if not link then return end\n"
    "  link:send(string.pack(\"<i4s4\", 0x2f271, '[4, ' .. key .. ', \"\", 1]'))\n"
    "  local answer = attempt(link.read, link, 4, within) and attempt(link.answer, link, within)\n"
    "  attempt(link.close, link)\n"
    "  local port, matchkey = string.match(answer or \"\", ', (%d+), \"(.*)\"%]%]$')\n"
    "  if not port then return end\n"
    "  matchkey = matchkey:gsub(\"\\\\u00e9\", \"\\xc3\\xa9\"):gsub('\\\\([\"\\\\])', \"%1\")\n"
    "  for _, server in ipairs(servers) do\n"
    "    if server:port() == tonumber(port) then return matchkey, server end\n"
    "  end\n"
    "end\n"
    "local function hello(matchkey)\n"
    "  return string.pack(\"<i4s4\", 0xff271, \"client:\" .. matchkey)\n"
    "end\n"
    "local function cut(bytes, percent)\n"
    "  return bytes:sub(1, #bytes - #bytes * percent // 100)\n"
    "end\n";

void lr_scripting_peer_words(struct lr_scripting *script) {
    /* In two pieces, as it is long. */
    const char *middle = strstr(words, "-- Asks");
    lr_scripting_say(script, "%.*s", (int)(middle - words), words);
    lr_scripting_say(script, "%s", middle);
}

void lr_scripting_peer_head(struct lr_scripting *script) {
    SAY(script, "local link, matchkey, granted, to\n");
}

/* The bytes of |line| as an expression. */
static void say_bytes(struct lr_scripting *script, unsigned int line, const char *key,
                      unsigned int serial) {
    struct lr_buf bytes;
    if (line == LR_LINE_HELLO || line == LR_LINE_PART_OF_KEY) {
        lr_scripting_say(script, "hello((to == granted and matchkey or ");
        lr_scripting_quote(script, key, strlen(key));
        lr_scripting_say(script, ")%s)", line == LR_LINE_HELLO ? "" : ":sub(1, -2)");
        return;
    }
    if (line == LR_LINE_SUMMARIES) {
        lr_scripting_say(script, "string.pack(\"<s4\", \"[6]\"):rep(%d)", LR_LINE_FLOOD_SUMMARIES);
        return;
    }
    if (line == LR_LINE_MANY_CALLS) {
        lr_scripting_say(script,
                         "string.pack(\"<s8\", string.pack(\"<i4I8i4\", 3, 0x7777, 0)):rep(%d)",
                         LR_LINE_FLOOD_CALLS);
        return;
    }
    lr_buf_init(&bytes, script->out->alloc);
    enum lr_status status = lr_line_write(line, key, serial, &bytes);
    if (status == LR_OK) {
        lr_scripting_quote(script, lr_buf_data(&bytes), lr_buf_size(&bytes));
    } else {
        script->status = status;
    }
    lr_buf_deinit(&bytes);
}

/* What is known of the link before the step |step|, from the plan alone. */
static struct lr_law law_before(const struct lr_scripting *script, unsigned int actor,
                                unsigned int step) {
    const struct lr_plan_actor *of = &script->plan->actors[actor];
    struct lr_law law = {.open = false};
    for (unsigned int i = 0; i < step; i++) {
        lr_law_step(&law, &of->steps[i]);
    }
    return law;
}

static void say_line(struct lr_scripting *script, unsigned int actor, unsigned int number) {
    static const char *const awaited[] = {
        [LR_THEN_WHATEVER] = "nil", [LR_THEN_ANSWER] = "\"answer\"", [LR_THEN_END] = "\"end\""};
    const struct lr_plan_step *step = &script->plan->actors[actor].steps[number];
    struct lr_law law = law_before(script, actor, number);
    const char *key = law.to == 0 || law.to > script->plan->server_count
                          ? ""
                          : lr_plan_key(script->plan->servers[law.to - 1].key);
    if (!lr_law_suits(&law, step)) {
        return;
    }
    for (bool more = true; more;) {
        unsigned int line = lr_law_next(&law, step);
        more = line != step->target || lr_law_needs_more(&law, step);
        unsigned int left_out = more ? 0 : step->ms;
        if (!more && step->slot != 0) {
            SAY(script, "if link then attempt(link.pause, link) end\n");
            law.hushed = true;
        }
        enum lr_line_then then = lr_law_say(&law, line, left_out != 0);
        SAY(script, "say(w, link, ");
        lr_scripting_say(script, left_out != 0 ? "cut(" : "");
        say_bytes(script, line, key, lr_law_serial(actor, number));
        if (left_out != 0) {
            lr_scripting_say(script, ", %u)", left_out);
        }
        lr_scripting_say(script, ", %s)\n", awaited[then]);
    }
}

static void say_open(struct lr_scripting *script, const char *peer,
                     const struct lr_plan_step *step) {
    char service[LR_PLAN_NAME_MAX];
    lr_scripting_name(script, step->target == LR_OPEN_GRANTED ? 0 : step->target, service);
    SAY(script, "to = %s\n", step->target == LR_OPEN_GRANTED ? "granted" : service);
    SAY(script, "if to then link = attempt(%s.open, %s, to) end\n", peer, peer);
}

static void say_ask(struct lr_scripting *script, const char *peer,
                    const struct lr_plan_step *step) {
    static const char *const json[LR_PLAN_KEYS] = {"\"k\"", "\"board\"", "\"a:b\"", "\"x:0.1\"",
                                                   "\"caf\\\\u00e9\\\\\\\\\\\\\"\""};
    SAY(script, "do\n");
    SAY(script, "  local key, server = ask(%s, tracker, servers, '%s', \"%ums\")\n", peer,
        json[step->target], step->limit);
    SAY(script, "  if key then matchkey, granted = key, server end\n");
    SAY(script, "end\n");
}

void lr_scripting_peer_step(struct lr_scripting *script, unsigned int actor, unsigned int number) {
    const struct lr_plan_step *step = &script->plan->actors[actor].steps[number];
    char peer[LR_PLAN_NAME_MAX];
    lr_scripting_name(script, LR_HOST_ACTORS + actor, peer);
    switch (step->what) {
    case LR_DO_OPEN:
        say_open(script, peer, step);
        break;
    case LR_DO_SAY:
        say_line(script, actor, number);
        break;
    case LR_DO_REQUEST:
        say_ask(script, peer, step);
        break;
    case LR_DO_PASS:
        SAY(script, "w:pass(\"%ums\")\n", step->ms);
        break;
    case LR_DO_HUSH:
        SAY(script, "if link then attempt(link.pause, link) end\n");
        break;
    case LR_DO_FINISH:
        SAY(script, "if link then attempt(link.finish, link) end\n");
        break;
    case LR_DO_END:
        SAY(script, "if link then attempt(link.close, link); link = nil end\n");
        break;
    case LR_DO_RESET:
        SAY(script, "if link then attempt(link.reset, link); link = nil end\n");
        break;
    default:
        break;
    }
}
