/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/owner.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "mocks/heap/path.h"
#include "mocks/heap/run.h"

const char *lr_owner_var(unsigned int var) {
    static const char *const names[LR_PLAN_VARS] = {"a", "b", "c", "d", "e", "f"};
    LR_ASSERT(var < LR_PLAN_VARS);
    return names[var];
}

const char *lr_owner_saved(char *out, size_t size, unsigned int number) {
    (void)snprintf(out, size, "saved%u", number);
    return out;
}

const char *lr_owner_words(char *out, size_t size, const struct lr_plan_step *step, bool native) {
    static const char *const words[LR_PROGRAM_ROWS] = {
        [LR_PROGRAM_DEL] = "del {x}",
        [LR_PROGRAM_COPY] = "{x} = {y}",
        [LR_PROGRAM_LIST] = "{x} = [{y}]",
        [LR_PROGRAM_DICT] = "{x} = dict(k={y})",
        [LR_PROGRAM_TUPLE] = "{x} = ({y},)",
        [LR_PROGRAM_SET] = "{x} = set([{y}])",
        [LR_PROGRAM_THREAD_LOCAL] = "{x} = a threading.local with {y}",
        [LR_PROGRAM_OBJECT] = "{x} = Thing(held={y})",
        [LR_PROGRAM_CLASS] = "class {x}: held = {y}",
        [LR_PROGRAM_CLOSURE] = "{x} = a closure over {y}",
        [LR_PROGRAM_DEFAULT] = "def {x}(held={y})",
        [LR_PROGRAM_METHOD] = "{x} = {y}.on_done",
        [LR_PROGRAM_SAVER] = "{x} = Saver(held={y}), which saves itself",
        [LR_PROGRAM_RING] = "{x} = Ring(held={y}), which knows itself",
        [LR_PROGRAM_POOL] = "{x} = Pool(held={y}), which knows and saves itself",
        [LR_PROGRAM_WATCHER] = "{x} = Watcher(held={y}), which watches itself",
        [LR_PROGRAM_OBSERVER] = "{x} = Observer(weak {y})",
        [LR_PROGRAM_STORE] = "{x}.other = {y}",
        [LR_PROGRAM_WEAKREF] = "{x} = weakref.ref({y})",
        [LR_PROGRAM_FINALIZE] = "weakref.finalize({y}, .., {x})",
        [LR_PROGRAM_ATEXIT] = "atexit.register(.., {y})",
        [LR_PROGRAM_KEPT_ERROR] = "{x} = the error that left a function with {y}",
        [LR_PROGRAM_KEPT_BELOW] = "{x} = the error of a function called by one with {y}",
        [LR_PROGRAM_KEPT_BEFORE] = "{x} = an error behind one that left a function with {y}",
        [LR_PROGRAM_HANDLED] = "an error that left a function with {y} is handled",
        [LR_PROGRAM_UNCAUGHT] = "nobody handles an error of a function with {y}",
        [LR_PROGRAM_ADDRESS] = "socket.getaddrinfo() below a function with {y}",
        [LR_PROGRAM_GENERATOR] = "{x} = a generator with {y}",
        [LR_PROGRAM_GENERATOR_WITH] = "{x} = a generator in a with of {y}",
        [LR_PROGRAM_WITH] = "with {y}: pass",
        [LR_PROGRAM_WITH_ERROR] = "an error leaves a with of {y}",
        [LR_PROGRAM_LOCALS] = "a function with {x} and {y} returns",
        [LR_PROGRAM_THREAD] = "a thread with {y} ends",
        [LR_PROGRAM_THREAD_ERROR] = "an error ends a thread with {y}",
        [LR_PROGRAM_FORGET] = "del of what was saved",
        [LR_PROGRAM_COLLECT_0] = "gc.collect(generation=0)",
        [LR_PROGRAM_COLLECT_1] = "gc.collect(generation=1)",
        [LR_PROGRAM_COLLECT_2] = "gc.collect()",
        [LR_PROGRAM_FEW] = "few new objects",
        [LR_PROGRAM_MANY] = "new objects beyond the threshold",
        [LR_PROGRAM_GC_OFF] = "gc.disable()",
        [LR_PROGRAM_GC_ON] = "gc.collect(); gc.enable()",
        [LR_PROGRAM_EXIT] = "sys.exit()",
    };
    size_t used = 0;
    if (native && step->target == LR_PROGRAM_DEL) {
        (void)snprintf(out, size, "%s.reset()", lr_owner_var(step->x));
        return out;
    }
    for (const char *c = words[step->target]; *c != '\0' && used + 2 < size; c++) {
        bool name = *c == '{';
        out[used++] = name ? lr_owner_var(c[1] == 'x' ? step->x : step->y)[0] : *c;
        c += name ? 2 : 0;
    }
    (void)snprintf(out + used, size - used, "%s%s", step->moves != 0 ? "; del " : "",
                   step->moves != 0 ? lr_owner_var(step->y) : "");
    return out;
}

enum lr_status lr_owner_new(struct lr_playing *play, struct lr_act *act) {
    unsigned int runtime = play->plan->actors[act->number].runtime;
    struct lr_owner *owner = LR_NEW(play->alloc, struct lr_owner);
    if (owner == NULL) {
        return LR_ENOMEM;
    }
    owner->play = play;
    owner->act = act;
    lr_shadow_init(&owner->shadow, runtime);
    const char *version = owner->shadow.facts->version;
    enum lr_status status = version == NULL ? lr_native_new(&owner->native, play->alloc)
                                            : lr_heap_new(&owner->heap, play->alloc,
                                                          lr_heap_profile_find(version), NULL);
    if (status != LR_OK) {
        LR_FREE(play->alloc, owner);
        return status;
    }
    act->owner = owner;
    return LR_OK;
}

/* ---- what its objects do ---- */

struct lr_owner_label *lr_owner_label(struct lr_owner *owner, unsigned int what,
                                      unsigned int number) {
    LR_ASSERT(owner->label_count < LR_COUNT_OF(owner->labels));
    struct lr_owner_label *label = &owner->labels[owner->label_count++];
    *label = (struct lr_owner_label){owner, (uint8_t)what, (uint8_t)number};
    return label;
}

void lr_owner_told(struct lr_owner *owner, unsigned int what, unsigned int number) {
    if (owner->seen_count < LR_SHADOW_EVENTS_MAX) {
        owner->seen[owner->seen_count++] =
            (struct lr_shadow_event){.what = (uint8_t)what, .number = (uint8_t)number};
    }
}

/* It is nobody's session any more. */
static void forget(struct lr_owner *owner, const struct lr_session *session) {
    for (unsigned int i = 0; i < LR_PLAN_SLOTS; i++) {
        struct lr_slot *slot = &owner->act->slots[i];
        if (slot->session == session) {
            *slot = (struct lr_slot){.session = NULL};
        }
    }
}

static void let_go(struct lr_owner *owner, unsigned int number, const char *why) {
    struct lr_session *session = owner->things[number].session;
    if (session != NULL) {
        owner->things[number].session = NULL;
        forget(owner, session);
        lr_session_unref(session, lr_playing_now(owner->play), why);
        lr_playing_drain(owner->act->party);
    }
}

void lr_owner_gone(struct lr_owner *owner, unsigned int number) {
    lr_owner_told(owner, LR_SHADOW_GOES, number);
    let_go(owner, number, "the program");
}

void lr_owner_close(struct lr_owner *owner, unsigned int number) {
    struct lr_session *session = owner->things[number].session;
    lr_owner_told(owner, LR_SHADOW_CLOSES, number);
    if (session != NULL) {
        lr_session_close(session, lr_playing_now(owner->play));
        lr_playing_drain(owner->act->party);
    }
}

void lr_owner_free(struct lr_owner *owner) {
    if (owner == NULL) {
        return;
    }
    struct lr_alloc *alloc = owner->play->alloc;
    for (unsigned int i = 0; i < owner->shadow.node_count; i++) {
        lr_heap_unwatch(&owner->things[i].object);
        let_go(owner, i, "the program's end");
    }
    owner->act->owner = NULL;
    lr_heap_free(owner->heap);
    lr_native_free(owner->native);
    LR_FREE(alloc, owner);
}

/* ---- what must become of them ---- */

static void note(const struct lr_owner *owner, unsigned int number, enum lr_cause cause) {
    const struct lr_owner_thing *thing = &owner->things[number];
    if (thing->session != NULL && !lr_session_closed(thing->session)) {
        lr_judge_note(owner->play, thing->account, cause);
    }
}

void lr_owner_note(const struct lr_owner *owner, enum lr_cause cause) {
    for (unsigned int i = 0; i < owner->shadow.node_count; i++) {
        note(owner, i, cause);
    }
}

/* The shadow says which sessions end now: their time counts from here, whatever the program's
 * runtime does. */
static void note_ends(const struct lr_owner *owner) {
    for (unsigned int i = 0; i < owner->shadow.event_count; i++) {
        const struct lr_shadow_event *event = &owner->shadow.events[i];
        if (event->what == LR_SHADOW_GOES && !event->maybe) {
            note(owner, event->number, LR_CAUSE_LAST_REFERENCE);
        } else if (event->what == LR_SHADOW_CLOSES && !event->maybe) {
            note(owner, event->number, LR_CAUSE_SCOPE);
        }
    }
}

/* ---- whether it did ---- */

static void say_event(char *out, size_t size, const struct lr_owner *owner,
                      const struct lr_shadow_event *event) {
    static const char *const words[] = {
        [LR_SHADOW_GOES] = "session %u is let go",
        [LR_SHADOW_CLOSES] = "a with closes session %u",
        [LR_SHADOW_TOLD] = "weak reference %u is told",
        [LR_SHADOW_FINALIZED] = "finalizer %u is called",
        [LR_SHADOW_EXITED] = "exit handler %u is called",
    };
    bool is_session = event->what == LR_SHADOW_GOES || event->what == LR_SHADOW_CLOSES;
    const char *word = words[event->what];
    size_t stem = strcspn(word, "%");
    (void)snprintf(out, size, "%.*s%u%s", (int)stem, word,
                   is_session ? owner->things[event->number].account : event->number,
                   word + stem + 2);
}

static void find_wrong(struct lr_owner *owner, const struct lr_plan_step *step, const char *what) {
    char words[96];
    struct lr_playing *play = owner->play;
    const char *version = owner->shadow.facts->version;
    owner->lost = true;
    lr_playing_find(play, LR_FINDING_PROTOCOL, "%s%s, %s: %s", version == NULL ? "" : "Python ",
                    version == NULL ? "C++" : version,
                    lr_owner_words(words, sizeof words, step, version == NULL), what);
}

/* Where |event| is among those of the shadow from |from| to |to|; |to|: nowhere. */
static unsigned int search(const struct lr_owner *owner, const bool *taken,
                           const struct lr_shadow_event *event, unsigned int from,
                           unsigned int to) {
    for (unsigned int i = from; i < to; i++) {
        const struct lr_shadow_event *said = &owner->shadow.events[i];
        if (!taken[i] && said->what == event->what && said->number == event->number) {
            return i;
        }
    }
    return to;
}

/* What was seen comes group by group. */
static void compare_events(struct lr_owner *owner, const struct lr_plan_step *step) {
    const struct lr_shadow *shadow = &owner->shadow;
    bool taken[LR_SHADOW_EVENTS_MAX] = {false};
    unsigned int begin = 0;
    char event[64];
    char what[160];
    for (unsigned int i = 0; i <= owner->seen_count; i++) {
        const struct lr_shadow_event *seen = i < owner->seen_count ? &owner->seen[i] : NULL;
        unsigned int at = shadow->event_count;
        if (seen != NULL) {
            at = search(owner, taken, seen, begin, shadow->event_count);
            say_event(event, sizeof event, owner, seen);
        }
        if (seen != NULL && at == shadow->event_count) {
            (void)snprintf(what, sizeof what, "unasked: %s", event);
            find_wrong(owner, step, what);
            return;
        }
        /* All of the groups before must have been. */
        for (; begin < shadow->event_count &&
               (seen == NULL || shadow->events[begin].group < shadow->events[at].group);
             begin++) {
            if (!taken[begin] && !shadow->events[begin].maybe) {
                char missed[64];
                say_event(missed, sizeof missed, owner, &shadow->events[begin]);
                if (seen == NULL) {
                    (void)snprintf(what, sizeof what, "missing: %s", missed);
                } else {
                    (void)snprintf(what, sizeof what, "too early: %s, before %s", event, missed);
                }
                find_wrong(owner, step, what);
                return;
            }
        }
        if (seen != NULL) {
            taken[at] = true;
        }
    }
}

static bool is_there(const struct lr_owner *owner, unsigned int number) {
    const struct lr_owner_thing *thing = &owner->things[number];
    return thing->object.object != NULL || thing->native != NULL;
}

static void find_path(struct lr_owner *owner, const struct lr_object *object, char *out,
                      size_t size) {
    struct lr_heap_path path;
    (void)snprintf(out, size, "something");
    if (object != NULL && lr_heap_find_path(owner->heap, object, &path) == LR_OK) {
        (void)lr_heap_path_text(out, size, &path);
    }
}

static void compare_lives(struct lr_owner *owner, const struct lr_plan_step *step) {
    const struct lr_shadow *shadow = &owner->shadow;
    char path[160];
    char what[256];
    for (unsigned int i = 0; i < shadow->node_count && !owner->lost; i++) {
        const struct lr_owner_thing *thing = &owner->things[i];
        const struct lr_shadow_node *node = &shadow->nodes[i];
        if (thing->hidden || is_there(owner, i) == node->alive) {
            continue;
        }
        find_path(owner, thing->object.object, path, sizeof path);
        (void)snprintf(what, sizeof what, node->alive ? "%s goes that is held" : "%s stays: %s",
                       node->is_session ? "a session" : "an object", path);
        find_wrong(owner, step, what);
    }
}

/* The way to it that is told must be one that there is, and tell the collection that is needed. */
static enum lr_status compare_path(struct lr_owner *owner, const struct lr_plan_step *step,
                                   unsigned int number) {
    struct lr_heap_path path;
    char line[160];
    char what[256];
    const char *via = "";
    const struct lr_object *object = owner->things[number].object.object;
    if (lr_heap_find_path(owner->heap, object, &path) != LR_OK) {
        return LR_ENOMEM;
    }
    for (size_t i = 0; i < path.hop_count; i++) {
        via = path.hops[i].kind == LR_HOP_EDGE ? path.hops[i].text : via;
    }
    int generation = lr_shadow_generation(&owner->shadow, number);
    bool right = path.held && generation == path.generation &&
                 lr_shadow_is_held_by(&owner->shadow, number, via);
    if (!right) {
        (void)snprintf(what, sizeof what, "a session is not held so (%d, %s): %s", generation, via,
                       lr_heap_path_text(line, sizeof line, &path));
        find_wrong(owner, step, what);
    }
    return LR_OK;
}

static enum lr_status compare_paths(struct lr_owner *owner, const struct lr_plan_step *step) {
    enum lr_status status = LR_OK;
    for (unsigned int i = 0; i < owner->shadow.node_count && status == LR_OK; i++) {
        bool held = owner->shadow.nodes[i].is_session && owner->shadow.nodes[i].alive;
        if (held && owner->heap != NULL && !owner->lost) {
            status = compare_path(owner, step, i);
        }
    }
    return status;
}

static enum lr_status judge(struct lr_owner *owner, const struct lr_plan_step *step) {
    if (owner->lost) {
        return LR_OK;
    }
    compare_events(owner, step);
    if (!owner->lost && !owner->shadow.ended) {
        compare_lives(owner, step);
        return compare_paths(owner, step);
    }
    return LR_OK;
}

/* ---- steps ---- */

enum lr_status lr_owner_take(struct lr_owner *owner, struct lr_slot *slot) {
    unsigned int var = (unsigned int)(slot - owner->act->slots);
    unsigned int number = lr_shadow_session(&owner->shadow, var);
    struct lr_owner_thing *thing = &owner->things[number];
    thing->session = slot->session;
    thing->account = slot->account;
    enum lr_status status = owner->heap != NULL ? lr_owner_heap_take(owner, number, var)
                                                : lr_owner_native_take(owner, number, var);
    owner->lost |= status != LR_OK;
    return status;
}

/* What it has not let go of, the kernel ends with its process. */
static void end_process(struct lr_owner *owner) {
    lr_owner_note(owner, LR_CAUSE_LAST_REFERENCE);
    for (unsigned int i = 0; i < owner->shadow.node_count; i++) {
        let_go(owner, i, "exit");
    }
}

enum lr_status lr_owner_do(struct lr_owner *owner, const struct lr_plan_step *step) {
    unsigned int number = owner->shadow.node_count;
    owner->amount = lr_shadow_amount(&owner->shadow, step->target);
    if (owner->lost || !lr_shadow_step(&owner->shadow, step)) {
        return LR_OK;
    }
    char words[96];
    lr_ledger_note(owner->play->ledger, lr_playing_now(owner->play), 0, "%s: %s",
                   owner->act->party->name,
                   lr_owner_words(words, sizeof words, step, owner->native != NULL));
    owner->play->out->operations++;
    owner->seen_count = 0;
    note_ends(owner);
    enum lr_status status = owner->heap != NULL ? lr_owner_heap_do(owner, step, number)
                                                : lr_owner_native_do(owner, step, number);
    for (unsigned int i = number; i < owner->shadow.node_count; i++) {
        owner->things[i].hidden = owner->shadow.nodes[i].is_leak;
    }
    owner->lost |= status != LR_OK;
    if (status == LR_OK) {
        status = judge(owner, step);
    }
    if (step->target == LR_PROGRAM_EXIT) {
        end_process(owner);
    }
    return status;
}
