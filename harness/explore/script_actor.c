/* SPDX-License-Identifier: Apache-2.0 */
/* An actor's steps as Lua. */
#include <string.h>

#include "explore/client_call.h"
#include "explore/script_internal.h"

#define SAY(script, ...) lr_scripting_say((script), "      " __VA_ARGS__)

static char slot_of(const struct lr_plan_step *step) {
    return (char)('a' + step->slot);
}

void lr_scripting_request(struct lr_scripting *script, const struct lr_plan_step *step) {
    const char *key = lr_plan_key(step->target);
    lr_scripting_quote(script, key, strlen(key));
    lr_scripting_say(script, ", { wait = \"%ums\", tries = %u", step->limit, step->tries);
    if (step->ms != 0) {
        lr_scripting_say(script, ", timeout = \"%ums\"", step->ms);
    }
    if (step->priority != 1) {
        lr_scripting_say(script, ", priority = %d", step->priority);
    }
    lr_scripting_say(script, " }");
}

static void say_open(struct lr_scripting *script, const char *client,
                     const struct lr_plan_step *step) {
    char slot = slot_of(step);
    SAY(script, "leave(%c)\n", slot);
    if (step->what == LR_DO_CONNECT) {
        bool lies = step->target == LR_CONNECT_LIAR;
        unsigned int host =
            lies ? lr_scripting_liar_host(script) : (unsigned int)LR_HOST_SERVERS + step->target;
        char server[LR_PLAN_NAME_MAX];
        if (host != LR_HOST_TRACKER) {
            lr_scripting_name(script, host, server);
            SAY(script, "hold(%c, attempt(%s.connect, %s, %s, { timeout = \"%ums\"%s }))\n", slot,
                client, client, server, step->ms, lies ? ", key = \"liar\"" : "");
        }
        return;
    }
    bool counts = step->target == LR_PLAN_LIAR_KEY && (script->want.what == LR_WANTED_TRIES ||
                                                       script->want.what == LR_WANTED_ALL_TRIES);
    if (counts) {
        SAY(script, "local before = visits\n");
    }
    SAY(script, "hold(%c, attempt(%s.request, %s, ", slot, client, client);
    lr_scripting_request(script, step);
    lr_scripting_say(script, "))\n");
    if (counts) {
        SAY(script, "if not %c[1] then expect(visits - before):is(%u) end\n", slot, step->tries);
    }
}

static void say_call(struct lr_scripting *script, const struct lr_plan_step *step) {
    char slot = slot_of(step);
    switch (step->target) {
    case LR_CALL_ADDONE:
        SAY(script, "same(on(%c, \"call\", \"rpc.test.addone\", %u), %u)\n", slot, step->size,
            step->size + 1);
        break;
    case LR_CALL_STRCAT:
        SAY(script, "same(on(%c, \"call\", \"rpc.test.strcat\", \"x\", %u), \"x:%u\")\n", slot,
            step->size, step->size);
        break;
    case LR_CALL_EXCEPT:
        SAY(script, "on(%c, \"call\", \"rpc.test.except\", \"boom\")\n", slot);
        break;
    case LR_CALL_WRONG_COUNT:
        SAY(script, "on(%c, \"call\", \"rpc.test.addone\")\n", slot);
        break;
    case LR_CALL_UNKNOWN:
        SAY(script, "on(%c, \"call\", \"rpc.test.not_here\", %u)\n", slot, step->size);
        break;
    case LR_CALL_EVALUATE:
        SAY(script,
            "local timed = on(%c, \"call\", \"runtime.RPCTimeEvaluator\", nil, \"rpc.test.addone\","
            " 1, 0, 1, 2, %u, 3, 0, 1, 0, \"\")\n",
            slot, step->size % 2 * 5);
        SAY(script, "if timed then attempt(timed, 1); attempt(timed.free, timed) end\n");
        break;
    default:
        SAY(script, "local made = on(%c, \"call\", \"rpc.test.remote_return_nd\", \"get_arr\")\n",
            slot);
        SAY(script, "local array = made and attempt(made)\n");
        SAY(script, "if array then attempt(array.free, array); attempt(made.free, made) end\n");
        break;
    }
}

static void say_mark(struct lr_scripting *script, unsigned int actor,
                     const struct lr_plan_step *step, char mark[LR_MARK_BYTES + 1]) {
    struct lr_act act = {.number = (uint8_t)actor};
    (void)script;
    lr_call_mark(&act, &act.slots[step->slot], mark);
}

static void say_data(struct lr_scripting *script, unsigned int actor,
                     const struct lr_plan_step *step) {
    char slot = slot_of(step);
    char mark[LR_MARK_BYTES + 1];
    say_mark(script, actor, step, mark);
    switch (step->what) {
    case LR_DO_WRITE:
        SAY(script, "if not %c.array then\n", slot);
        SAY(script, "  %c.array, %c.text = on(%c, \"array\", %u), marked(\"%s\", %u)\n", slot, slot,
            slot, step->size, mark, step->size);
        SAY(script, "end\n");
        SAY(script,
            "%c.written = %c.array and went(%c.array.write, %c.array, %c.text) or %c.written\n",
            slot, slot, slot, slot, slot, slot);
        break;
    case LR_DO_READ:
        SAY(script, "if %c.written then same(attempt(%c.array.read, %c.array), %c.text) end\n",
            slot, slot, slot, slot);
        break;
    case LR_DO_FREE:
        SAY(script,
            "if %c.array and went(%c.array.free, %c.array) then %c.array, %c.written = nil end\n",
            slot, slot, slot, slot, slot);
        break;
    case LR_DO_UPLOAD:
        SAY(script, "%c.file = marked(\"%s\", %u)\n", slot, mark, step->size);
        SAY(script, "%c.uploaded = %c[1] and went(%c[1].upload, %c[1], \"f\", %c.file)\n", slot,
            slot, slot, slot, slot);
        break;
    default:
        SAY(script, "if %c.uploaded then same(on(%c, \"download\", \"f\"), %c.file) end\n", slot,
            slot, slot);
        break;
    }
}

static void say_holding(struct lr_scripting *script, const struct lr_plan_step *step) {
    char slot = slot_of(step);
    switch (step->what) {
    case LR_DO_KEEP:
        SAY(script, "%c.f = %c.f or on(%c, \"get_function\", \"rpc.test.addone\")\n", slot, slot,
            slot);
        break;
    case LR_DO_USE:
        SAY(script, "same(%c.f and attempt(%c.f, %u), %u)\n", slot, slot, step->size,
            step->size + 1);
        break;
    case LR_DO_DROP:
        SAY(script, "if %c.f and went(%c.f.free, %c.f) then\n", slot, slot, slot);
        SAY(script, "  %c.f, %c.dropped = nil, %c.f\n", slot, slot, slot);
        SAY(script, "elseif not %c.f and %c.dropped then\n", slot, slot);
        SAY(script, "  attempt(%c.dropped.free, %c.dropped) -- once more\n", slot, slot);
        SAY(script, "end\n");
        break;
    case LR_DO_STRAY:
        SAY(script, "-- It frees a handle of another session, for which scripts have no word.\n");
        break;
    case LR_DO_BUSY:
        SAY(script,
            "local lasting = not %c.busy and on(%c, \"call\", \"runtime.RPCTimeEvaluator\", nil, "
            "\"rpc.test.addone\", 1, 0, 1, 2, 0, 3, %u, 1, 0, \"\")\n",
            slot, slot, step->ms);
        SAY(script, "%c.busy = lasting and went(lasting.begin, lasting, 1) or %c.busy\n", slot,
            slot);
        break;
    case LR_DO_REF:
        SAY(script, "if %c[1] then table.insert(%c, %c[1]:ref()) end\n", slot, slot, slot);
        break;
    case LR_DO_UNREF:
        SAY(script, "if %c[1] then table.remove(%c):unref() end\n", slot, slot);
        break;
    default:
        SAY(script, "if %c[1] then\n", slot);
        SAY(script, "  %c[1]:close()\n", slot);
        if (step->what == LR_DO_SCOPE) {
            SAY(script, "  table.remove(%c):unref()\n", slot);
        }
        SAY(script, "end\n");
        break;
    }
}

static void say_client_step(struct lr_scripting *script, unsigned int actor, const char *client,
                            const struct lr_plan_step *step) {
    switch (step->what) {
    case LR_DO_NOTHING:
        break;
    case LR_DO_REQUEST:
    case LR_DO_CONNECT:
        say_open(script, client, step);
        break;
    case LR_DO_PASS:
        if (step->ms != 0) { /* nobody else comes in between */
            SAY(script, "w:pass(\"%ums\")\n", step->ms);
        }
        break;
    case LR_DO_SUMMARY:
        SAY(script, "attempt(%s.summary, %s)\n", client, client);
        break;
    case LR_DO_CALL:
        say_call(script, step);
        break;
    case LR_DO_WRITE:
    case LR_DO_READ:
    case LR_DO_FREE:
    case LR_DO_UPLOAD:
    case LR_DO_DOWNLOAD:
        say_data(script, actor, step);
        break;
    default:
        say_holding(script, step);
        break;
    }
}

/* What a program's objects hold is not held here. */
static void say_program_step(struct lr_scripting *script, unsigned int actor, const char *client,
                             const struct lr_plan_step *step) {
    switch (step->what) {
    case LR_DO_REQUEST:
        lr_scripting_owner_request(script, client, step);
        break;
    case LR_DO_CALL:
        lr_scripting_owner_call(script, client, step);
        break;
    case LR_DO_PROGRAM:
        lr_scripting_owner_step(script, client, step);
        break;
    case LR_DO_CLOSE:
        SAY(script, "attempt(function() %c[1]:close() end)\n", slot_of(step));
        break;
    default:
        say_client_step(script, actor, client, step);
        break;
    }
}

/* A fault may end it itself. */
static bool may_be_ended(const struct lr_scripting *script, unsigned int actor) {
    bool ends = false;
    for (unsigned int i = 0; i < script->plan->fault_count; i++) {
        const struct lr_plan_fault *fault = &script->plan->faults[i];
        ends |= fault->host == LR_HOST_ACTORS + actor && lr_plan_ends_host(fault->kind);
    }
    return ends;
}

void lr_scripting_actor(struct lr_scripting *script, unsigned int actor) {
    const struct lr_plan_actor *of = &script->plan->actors[actor];
    char name[LR_PLAN_NAME_MAX];
    lr_scripting_name(script, LR_HOST_ACTORS + actor, name);
    if (of->kind == LR_ACTOR_LIAR || of->kind == LR_ACTOR_LYING_TRACKER) {
        lr_scripting_liar(script, actor, name);
        return;
    }
    lr_scripting_say(script, "    table.insert(tasks, w:spawn(function() -- %s\n", name);
    if (of->kind == LR_ACTOR_CLIENT) {
        lr_scripting_say(script, "      local a, b = {}, {} -- what it holds\n");
        if (of->runtime != 0) {
            lr_scripting_owner_head(script, actor, name);
        }
    } else {
        lr_scripting_peer_head(script);
    }
    bool may_end = may_be_ended(script, actor);
    for (unsigned int i = 0; i < of->count; i++) {
        (void)lr_scripting_faults(script, actor, i, false);
        if (may_end) {
            SAY(script, "if gone.%s then return end\n", name);
        }
        lr_scripting_want_before(script, actor, i, name);
        bool begun = lr_scripting_faults(script, actor, i, true) > 0;
        bool instead = lr_scripting_want_instead(script, actor, i);
        if (of->runtime != 0) {
            say_program_step(script, actor, name, &of->steps[i]);
        } else if (of->kind == LR_ACTOR_CLIENT) {
            say_client_step(script, actor, name, &of->steps[i]);
        } else {
            lr_scripting_peer_step(script, actor, i);
        }
        if (instead) {
            SAY(script, "end\n");
        }
        if (begun) {
            SAY(script, "once()\n      end\n");
        }
        lr_scripting_want_after(script, actor, i, name);
    }
    lr_scripting_want_of_actor(script, actor);
    lr_scripting_say(script, "    end))\n");
}
