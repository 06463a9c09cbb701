/* SPDX-License-Identifier: Apache-2.0 */
/* The versions, and what each step of a program makes of who refers to whom. */
#include "explore/shadow.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"

/* Containers that a step makes at most, and that are there before the first one. */
enum { MADE_MAX = 20, BORN_MAX = 120, AMOUNT_MARGIN = 10, COUNTS_MAX = 10 };

/* As measured: where `del` of the report's session leaves it to the collector, and from which
 * version on an object that saves itself saves no more than it refers to. */
static const struct lr_shadow_facts pythons[LR_PLAN_PYTHONS] = {
    {"3.6", false, true, 700},    {"3.7.1", false, true, 700},   {"3.7.2", true, true, 700},
    {"3.7.12", true, true, 700},  {"3.7.15", true, true, 700},   {"3.8.8", true, true, 700},
    {"3.8.10", false, true, 700}, {"3.9.0", true, false, 700},   {"3.9.5", false, false, 700},
    {"3.10.0", true, false, 700}, {"3.11", false, false, 700},   {"3.11.2", false, false, 700},
    {"3.12", false, false, 700},  {"3.12.0", false, false, 700}, {"3.13", false, false, 2000},
};

const struct lr_shadow_facts *lr_shadow_facts(unsigned int runtime) {
    static const struct lr_shadow_facts native = {NULL, false, false, 0};
    LR_ASSERT(runtime >= LR_PLAN_NATIVE && runtime <= LR_PLAN_RUNTIMES);
    return runtime == LR_PLAN_NATIVE ? &native : &pythons[(runtime - LR_PLAN_NATIVE - 1) / 2];
}

void lr_shadow_init(struct lr_shadow *shadow, unsigned int runtime) {
    memset(shadow, 0, sizeof *shadow);
    memset(shadow->vars, LR_SHADOW_NONE, sizeof shadow->vars);
    shadow->facts = lr_shadow_facts(runtime);
    shadow->windows = runtime != LR_PLAN_NATIVE && (runtime - LR_PLAN_NATIVE - 1) % 2 == 0;
    shadow->last = LR_SHADOW_NONE;
    shadow->final_handler = LR_SHADOW_NONE;
    shadow->high = BORN_MAX;
}

uint8_t lr_shadow_session(struct lr_shadow *shadow, unsigned int var) {
    uint8_t number;
    shadow->event_count = 0;
    lr_shadow_make(shadow, &number)->is_session = true;
    lr_shadow_replace(shadow, &shadow->vars[var], number);
    shadow->high += MADE_MAX;
    return number;
}

/* ---- what refers to something ---- */

enum { RING = 1, REVIVES = 2, WATCHES = 4, OPEN = 8, GENERATOR = 16, CLOSES = 32, WEAK = 64 };

/* How a new object refers to y, as a path names the last hop; and what else it is. */
static const struct maker {
    const char *via;
    unsigned int is;
} makers[LR_PROGRAM_ROWS] = {
    [LR_PROGRAM_LIST] = {"[0]", 0},
    [LR_PROGRAM_DICT] = {"key k", 0},
    [LR_PROGRAM_TUPLE] = {"[0]", 0},
    [LR_PROGRAM_SET] = {"element", 0},
    [LR_PROGRAM_THREAD_LOCAL] = {"attribute held", 0},
    [LR_PROGRAM_OBJECT] = {"attribute held", OPEN},
    [LR_PROGRAM_CLASS] = {"attribute held", RING}, /* its __mro__ begins with itself */
    [LR_PROGRAM_CLOSURE] = {"cell held", 0},
    [LR_PROGRAM_DEFAULT] = {"default held", 0},
    [LR_PROGRAM_METHOD] = {"__self__", 0},
    [LR_PROGRAM_SAVER] = {"attribute held", OPEN | REVIVES},
    [LR_PROGRAM_RING] = {"attribute held", RING | OPEN},
    [LR_PROGRAM_POOL] = {"attribute held", RING | OPEN | REVIVES},
    [LR_PROGRAM_WATCHER] = {"attribute held", RING | WATCHES | OPEN},
    [LR_PROGRAM_OBSERVER] = {"member held", WEAK | OPEN},
    [LR_PROGRAM_KEPT_ERROR] = {"local held", 0},
    [LR_PROGRAM_KEPT_BELOW] = {"local held", 0},
    [LR_PROGRAM_KEPT_BEFORE] = {"local held", 0},
    [LR_PROGRAM_GENERATOR] = {"local held", GENERATOR},
    [LR_PROGRAM_GENERATOR_WITH] = {"local held", GENERATOR | CLOSES},
};

static uint8_t make_holder(struct lr_shadow *shadow, const struct maker *maker, uint8_t y) {
    uint8_t number;
    struct lr_shadow_node *node = lr_shadow_make(shadow, &number);
    bool native = shadow->facts->version == NULL;
    lr_shadow_refer(shadow, number, native ? "member held" : maker->via, y);
    node->edges[0].weak = (maker->is & WEAK) != 0;
    node->is_open = (maker->is & OPEN) != 0;
    node->revives = (maker->is & REVIVES) != 0;
    node->is_generator = (maker->is & GENERATOR) != 0;
    if ((maker->is & CLOSES) != 0 && shadow->nodes[y].is_session) {
        node->closes = y;
    }
    if ((maker->is & RING) != 0) {
        lr_shadow_refer(shadow, number, "attribute itself", number);
    }
    if ((maker->is & WATCHES) != 0) {
        uint8_t watch;
        struct lr_shadow_node *weakref = lr_shadow_make(shadow, &watch);
        weakref->referent = number;
        weakref->tells = true;
        lr_shadow_refer(shadow, number, "attribute watch", watch);
    }
    return number;
}

static bool make(struct lr_shadow *shadow, const struct lr_plan_step *step, uint8_t y) {
    if (y == LR_SHADOW_NONE ||
        (shadow->facts->version == NULL && shadow->vars[step->x] != LR_SHADOW_NONE)) {
        return false; /* a handle of C++ is made once */
    }
    lr_shadow_replace(shadow, &shadow->vars[step->x],
                      make_holder(shadow, &makers[step->target], y));
    return true;
}

static bool copy(struct lr_shadow *shadow, const struct lr_plan_step *step, uint8_t y) {
    bool taken = shadow->facts->version == NULL && shadow->vars[step->x] != LR_SHADOW_NONE;
    if (y == LR_SHADOW_NONE || taken || step->x == step->y) {
        return false;
    }
    lr_shadow_replace(shadow, &shadow->vars[step->x], y);
    return true;
}

static bool store(struct lr_shadow *shadow, uint8_t x, uint8_t y) {
    if (x == LR_SHADOW_NONE || y == LR_SHADOW_NONE || !shadow->nodes[x].is_open) {
        return false;
    }
    const char *via = shadow->facts->version == NULL ? "member other" : "attribute other";
    struct lr_shadow_node *node = &shadow->nodes[x];
    for (unsigned int i = 0; i < node->edge_count; i++) {
        if (strcmp(node->edges[i].via, via) == 0) {
            lr_shadow_replace(shadow, &node->edges[i].to, y);
            return true;
        }
    }
    lr_shadow_refer(shadow, x, via, y);
    return true;
}

/* ---- who waits for something's end ---- */

static bool watch(struct lr_shadow *shadow, const struct lr_plan_step *step, uint8_t y) {
    uint8_t number;
    if (y == LR_SHADOW_NONE) {
        return false;
    }
    struct lr_shadow_node *weakref = lr_shadow_make(shadow, &number);
    weakref->referent = y;
    weakref->tells = true;
    lr_shadow_replace(shadow, &shadow->vars[step->x], number);
    return true;
}

static bool add_final(struct lr_shadow *shadow, uint8_t x, uint8_t y) {
    if (y == LR_SHADOW_NONE) {
        return false;
    }
    if (shadow->final_handler == LR_SHADOW_NONE) {
        shadow->final_handler = shadow->exit_count;
    }
    shadow->finals[shadow->final_count++] = (struct lr_shadow_record){
        .waits = true, .made = shadow->made++, .target = y, .argument = x};
    return true;
}

static bool add_exit(struct lr_shadow *shadow, uint8_t y) {
    if (y == LR_SHADOW_NONE) {
        return false;
    }
    shadow->exits[shadow->exit_count++] =
        (struct lr_shadow_record){.waits = true, .target = LR_SHADOW_NONE, .argument = y};
    return true;
}

/* ---- functions that are left ---- */

/* An error that nobody handles is in sys.last_value, with the frames that it has left, until the
 * next one. */
static bool uncaught(struct lr_shadow *shadow, uint8_t y) {
    uint8_t number;
    if (y == LR_SHADOW_NONE) {
        return false;
    }
    (void)lr_shadow_make(shadow, &number);
    lr_shadow_refer(shadow, number, "local held", y);
    shadow->nodes[number].is_leak = true;
    lr_shadow_replace(shadow, &shadow->last, number);
    return true;
}

/* The report: the enum's exception is in a local of a frame that its traceback refers to, and the
 * function that had the session is below that. */
static bool ask_address(struct lr_shadow *shadow, uint8_t y) {
    uint8_t number;
    if (y == LR_SHADOW_NONE) {
        return false;
    }
    if (shadow->windows && shadow->facts->leaks) {
        lr_shadow_make(shadow, &number)->is_leak = true;
        lr_shadow_refer(shadow, number, "local exc", number);
        lr_shadow_refer(shadow, number, "local held", y);
    }
    return true;
}

static bool with(struct lr_shadow *shadow, uint8_t y) {
    if (y == LR_SHADOW_NONE || !shadow->nodes[y].is_session) {
        return false;
    }
    lr_shadow_tell(shadow, LR_SHADOW_CLOSES, y);
    return true;
}

/* frame_dealloc: the locals in the order of their first use. */
static bool leave_function(struct lr_shadow *shadow, const struct lr_plan_step *step) {
    uint8_t x = shadow->vars[step->x];
    uint8_t y = shadow->vars[step->y];
    if (x == LR_SHADOW_NONE || y == LR_SHADOW_NONE || step->x == step->y) {
        return false;
    }
    shadow->nodes[x].held++;
    shadow->nodes[y].held++;
    shadow->vars[step->x] = LR_SHADOW_NONE;
    shadow->vars[step->y] = LR_SHADOW_NONE;
    shadow->nodes[x].held--;
    lr_shadow_dropped(shadow, x);
    shadow->nodes[y].held--;
    lr_shadow_dropped(shadow, y);
    return true;
}

static bool forget(struct lr_shadow *shadow) {
    bool any = false;
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        if (shadow->nodes[i].saved) {
            any = true;
            shadow->nodes[i].saved = false;
            lr_shadow_dropped(shadow, (uint8_t)i);
        }
    }
    return any;
}

/* ---- the collector ---- */

uint32_t lr_shadow_amount(const struct lr_shadow *shadow, unsigned int row) {
    uint32_t threshold = shadow->facts->threshold;
    uint32_t most = shadow->high + MADE_MAX * LR_PLAN_STEPS_MAX + AMOUNT_MARGIN;
    if (row == LR_PROGRAM_FEW) {
        return most < threshold ? threshold - most : 0;
    }
    /* Of the oldest generation another rule decides, too; and a second one must not come. */
    bool clear = shadow->counts[2] <= COUNTS_MAX && shadow->high + AMOUNT_MARGIN < threshold;
    return clear || shadow->gc_off ? threshold + AMOUNT_MARGIN : 0;
}

static bool allocate(struct lr_shadow *shadow, unsigned int row) {
    uint32_t amount = lr_shadow_amount(shadow, row);
    uint32_t low = shadow->low + amount;
    uint32_t high = shadow->high + amount;
    if (amount == 0) {
        return false;
    }
    if (row == LR_PROGRAM_MANY && !shadow->gc_off) {
        lr_shadow_collect(shadow, shadow->counts[1] > COUNTS_MAX ? 1 : 0);
        low -= shadow->facts->threshold + 1;
        high -= shadow->facts->threshold + 1;
    }
    shadow->low = low;
    shadow->high = high;
    return true;
}

static bool switch_gc(struct lr_shadow *shadow, bool off) {
    if (shadow->gc_off == off) {
        return false;
    }
    if (!off) {
        lr_shadow_collect(shadow, 2); /* gc.collect(); gc.enable() */
    }
    shadow->gc_off = off;
    return true;
}

/* ---- exit ---- */

static void run_finals(struct lr_shadow *shadow) {
    /* weakref.finalize._exitfunc: the last made first. */
    for (unsigned int i = shadow->final_count; i-- > 0;) {
        struct lr_shadow_record *final = &shadow->finals[i];
        if (final->waits) {
            final->waits = false;
            lr_shadow_tell(shadow, LR_SHADOW_FINALIZED, (uint8_t)i);
            lr_shadow_dropped(shadow, final->argument);
        }
    }
}

/* atexit: the last registered first; what they hold goes when all have run. */
static void run_handlers(struct lr_shadow *shadow) {
    for (unsigned int i = shadow->exit_count + 1U; i-- > 0;) {
        if (i < shadow->exit_count) {
            lr_shadow_tell(shadow, LR_SHADOW_EXITED, (uint8_t)i);
        }
        if (i == shadow->final_handler) {
            run_finals(shadow);
        }
    }
    for (unsigned int i = shadow->exit_count; i-- > 0;) {
        shadow->exits[i].waits = false;
        lr_shadow_dropped(shadow, shadow->exits[i].argument);
    }
}

/* Py_FinalizeEx: then the modules go, name by name, and what is left is collected: everything ends,
 * in an order that hangs on too much. What one whose __del__ saves it holds may be left to the end
 * of the process. */
static void end_all(struct lr_shadow *shadow) {
    bool revived[LR_SHADOW_NODES_MAX] = {false};
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        const struct lr_shadow_node *node = &shadow->nodes[i];
        if (node->alive && node->revives && !node->finalized) {
            lr_shadow_mark_from(shadow, (uint8_t)i);
            for (unsigned int k = 0; k < shadow->node_count; k++) {
                revived[k] |= shadow->nodes[k].reached;
            }
        }
    }
    shadow->sweeping = true;
    for (unsigned int i = 0; i < shadow->node_count; i++) {
        const struct lr_shadow_node *node = &shadow->nodes[i];
        bool ends = node->alive && node->is_session && !node->finalized;
        bool closes =
            node->alive && node->is_generator && !node->finalized && node->closes != LR_SHADOW_NONE;
        if (ends || closes || (node->alive && node->tells)) {
            lr_shadow_tell(shadow,
                           ends     ? LR_SHADOW_GOES
                           : closes ? LR_SHADOW_CLOSES
                                    : LR_SHADOW_TOLD,
                           closes ? node->closes : (uint8_t)i);
            shadow->events[shadow->event_count - 1].maybe = !ends || revived[i];
        }
    }
    shadow->sweeping = false;
}

void lr_shadow_exit(struct lr_shadow *shadow) {
    if (shadow->facts->version != NULL) {
        run_handlers(shadow);
        if (!shadow->gc_off) {
            lr_shadow_collect(shadow, 2);
        }
        end_all(shadow);
    }
    shadow->ended = true;
}

/* ---- */

/* What there is of it in C++. */
static bool is_native(unsigned int row) {
    return row == LR_PROGRAM_DEL || row == LR_PROGRAM_COPY || row == LR_PROGRAM_OBJECT ||
           row == LR_PROGRAM_RING || row == LR_PROGRAM_OBSERVER || row == LR_PROGRAM_STORE ||
           row == LR_PROGRAM_EXIT;
}

static bool carry_out(struct lr_shadow *shadow, const struct lr_plan_step *step) {
    uint8_t x = shadow->vars[step->x];
    uint8_t y = shadow->vars[step->y];
    switch (step->target) {
    case LR_PROGRAM_DEL:
        lr_shadow_replace(shadow, &shadow->vars[step->x], LR_SHADOW_NONE);
        return x != LR_SHADOW_NONE;
    case LR_PROGRAM_COPY:
        return copy(shadow, step, y);
    case LR_PROGRAM_STORE:
        return store(shadow, x, y);
    case LR_PROGRAM_WEAKREF:
        return watch(shadow, step, y);
    case LR_PROGRAM_FINALIZE:
        return add_final(shadow, x, y);
    case LR_PROGRAM_ATEXIT:
        return add_exit(shadow, y);
    case LR_PROGRAM_THREAD: /* what runs in it goes with it; its error is told, and dropped */
    case LR_PROGRAM_THREAD_ERROR:
    case LR_PROGRAM_HANDLED: /* `except E as err` unbinds err */
        return y != LR_SHADOW_NONE;
    case LR_PROGRAM_UNCAUGHT:
        return uncaught(shadow, y);
    case LR_PROGRAM_ADDRESS:
        return ask_address(shadow, y);
    case LR_PROGRAM_WITH:
    case LR_PROGRAM_WITH_ERROR:
        return with(shadow, y);
    case LR_PROGRAM_LOCALS:
        return leave_function(shadow, step);
    case LR_PROGRAM_FORGET:
        return forget(shadow);
    case LR_PROGRAM_COLLECT_0:
    case LR_PROGRAM_COLLECT_1:
    case LR_PROGRAM_COLLECT_2:
        lr_shadow_collect(shadow, step->target - (unsigned int)LR_PROGRAM_COLLECT_0);
        return true;
    case LR_PROGRAM_FEW:
    case LR_PROGRAM_MANY:
        return allocate(shadow, step->target);
    case LR_PROGRAM_GC_OFF:
    case LR_PROGRAM_GC_ON:
        return switch_gc(shadow, step->target == LR_PROGRAM_GC_OFF);
    case LR_PROGRAM_EXIT:
        lr_shadow_exit(shadow);
        return true;
    default:
        return make(shadow, step, y);
    }
}

bool lr_shadow_step(struct lr_shadow *shadow, const struct lr_plan_step *step) {
    shadow->event_count = 0;
    shadow->group = 0;
    bool native = shadow->facts->version == NULL;
    if (shadow->ended ||
        (native ? !is_native(step->target) : step->target == LR_PROGRAM_OBSERVER)) {
        return false;
    }
    bool done = carry_out(shadow, step);
    if (done && step->moves != 0 && !shadow->ended) {
        lr_shadow_replace(shadow, &shadow->vars[step->y], LR_SHADOW_NONE);
    }
    shadow->high += MADE_MAX;
    return done;
}
