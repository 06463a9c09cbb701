/* SPDX-License-Identifier: Apache-2.0 */
/* A raw peer's steps as Lua. What it says is written as bytes; what it was granted is filled in as
 * the script runs. */
#include <inttypes.h>
#include <string.h>

#include "explore/peer_law.h"
#include "explore/script_internal.h"

#define SAY(script, ...) lr_scripting_say((script), "      " __VA_ARGS__)

static const char words[] =
    "-- How answers begin: where their length stands, in how many bytes, their first word and\n"
    "-- where it stands, and how often they come.\n"
    "local answers = {\n"
    "  magic = { 4, 0, 0x2f271, 0, 1 }, word = { 4, 4, 0xff271, 0, 1 },\n"
    "  success = { 0, 4, 1, 0, 1 }, successes = { 0, 4, 1, 0, 2 },\n"
    "  packet = { 0, 8, nil, 8, 1 }, returned = { 0, 8, 4, 8, 1 }, exception = { 0, 8, 5, 8, 1 },\n"
    "}\n"
    "-- Whether |bytes| are all of such an answer, and the right one.\n"
    "local function answered(how, bytes)\n"
    "  if how == \"anything\" then return #bytes > 0, true end\n"
    "  local at, length, word, word_at, times = table.unpack(answers[how], 1, 5)\n"
    "  local right = true\n"
    "  for _ = 1, times do\n"
    "    if #bytes < at + length or #bytes < word_at + 4 then return false end\n"
    "    local size = at + length\n"
    "    if length > 0 then size = size + string.unpack(\"<I4\", bytes, at + 1) end\n"
    "    if #bytes < size then return false end\n"
    "    right = right and (not word or string.unpack(\"<I4\", bytes, word_at + 1) == word)\n"
    "    if how:find(\"success\") then right = right and bytes:sub(5, size) == \"0\" end\n"
    "    bytes = bytes:sub(size + 1)\n"
    "  end\n"
    "  return true, right\n"
    "end\n"
    "-- Says |bytes| on |link|, and waits a moment for the answer, or the end, that has to come.\n"
    "local function say(w, link, bytes, how, within, wanted)\n"
    "  if not link or link:ended(\"0s\") then return end\n"
    "  local before = link:unread()\n"
    "  attempt(link.send, link, bytes)\n"
    "  if not how then return end\n"
    "  attempt(w.await, w, function()\n"
    "    if link:ended(\"0s\") or how == \"nothing\" or how == \"end\" then\n"
    "      return link:ended(\"0s\")\n"
    "    end\n"
    "    return answered(how, link:peek():sub(before + 1))\n"
    "  end, within)\n"
    "  if not wanted then return end\n"
    "  local heard = link:peek():sub(before + 1)\n"
    "  if how == \"nothing\" or how == \"end\" then\n"
    "    local said = how == \"nothing\" and heard or \"\"\n"
    "    expect(link:ended(\"0s\") and said or \"still open\"):is(\"\")\n"
    "  else\n"
    "    local whole, right = answered(how, heard)\n"
    "    if whole or not link:ended(\"0s\") then expect(right and how or heard):is(how) end\n"
    "  end\n"
    "end\n"
    "-- Asks the tracker by hand: the matchkey and the server that it names.\n"
    "local function ask(w, peer, tracker, servers, key, within)\n"
    "  local link = attempt(peer.open, peer, tracker)\n"
    "  if not link then return end\n"
    "  link:send(string.pack(\"<i4s4\", 0x2f271, '[4, ' .. key .. ', \"\", 1]'))\n"
    "  local function come()\n"
    "    return link:ended(\"0s\") or answered(\"word\", link:peek())\n"
    "  end\n"
    "  attempt(w.await, w, come, within)\n"
    "  local answer = answered(\"word\", link:peek()) and link:peek():sub(9)\n"
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
    /* In pieces, as it is long. */
    const char *second = strstr(words, "-- Says");
    const char *third = strstr(words, "-- Asks");
    lr_scripting_say(script, "%.*s", (int)(second - words), words);
    lr_scripting_say(script, "%.*s", (int)(third - second), second);
    lr_scripting_say(script, "%s", third);
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
    static const char *const answers[] = {
        [LR_SAID_ANYTHING] = "anything",   [LR_SAID_NOTHING] = "nothing",
        [LR_SAID_MAGIC] = "magic",         [LR_SAID_SUCCESS] = "success",
        [LR_SAID_SUCCESSES] = "successes", [LR_SAID_WORD] = "word",
        [LR_SAID_PACKET] = "packet",       [LR_SAID_RETURN] = "returned",
        [LR_SAID_EXCEPTION] = "exception",
    };
    const struct lr_plan_step *step = &script->plan->actors[actor].steps[number];
    struct lr_law law = law_before(script, actor, number);
    const char *key = law.to == 0 || law.to > script->plan->server_count
                          ? ""
                          : lr_plan_key(script->plan->servers[law.to - 1].key);
    bool wanted = lr_scripting_wants_answer(script, actor, number);
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
        enum lr_line_said said = lr_law_answer(&law, script->plan, line);
        enum lr_line_then then = lr_law_say(&law, line, left_out != 0);
        SAY(script, "say(w, link, ");
        lr_scripting_say(script, left_out != 0 ? "cut(" : "");
        say_bytes(script, line, key, lr_law_serial(actor, number));
        if (left_out != 0) {
            lr_scripting_say(script, ", %u)", left_out);
        }
        if (then != LR_THEN_WHATEVER) {
            lr_scripting_say(script, ", \"%s\", \"%" PRIu64 "us\"",
                             then == LR_THEN_ANSWER    ? answers[said]
                             : said == LR_SAID_NOTHING ? "nothing"
                                                       : "end",
                             (2 * lr_plan_slack_ns(script->plan) + LR_LAW_AT_ONCE_NS) / LR_US);
        }
        lr_scripting_say(script, wanted ? ", true)\n" : ")\n");
    }
}

static void say_open(struct lr_scripting *script, const char *peer,
                     const struct lr_plan_step *step) {
    char service[LR_PLAN_NAME_MAX];
    lr_scripting_name(script, step->target == LR_OPEN_GRANTED ? 0 : step->target, service);
    SAY(script, "to = %s\n", step->target == LR_OPEN_GRANTED ? "granted" : service);
    SAY(script, "link = to and attempt(%s.open, %s, to)\n", peer, peer);
}

static void say_ask(struct lr_scripting *script, const char *peer,
                    const struct lr_plan_step *step) {
    static const char *const json[LR_PLAN_KEYS] = {"\"k\"", "\"board\"", "\"a:b\"", "\"x:0.1\"",
                                                   "\"caf\\\\u00e9\\\\\\\\\\\\\"\""};
    SAY(script, "do\n");
    SAY(script, "  local key, server = ask(w, %s, tracker, servers, '%s', \"%ums\")\n", peer,
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
        if (step->ms != 0) { /* nobody else comes in between */
            SAY(script, "w:pass(\"%ums\")\n", step->ms);
        }
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
