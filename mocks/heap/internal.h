/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the model. An object is a count and a row of slots, each a reference with a name;
 * what kind of thing it is decides how a slot is called, what clearing it means and what is
 * counted.
 *
 * Invariants: an object's count is the number of slots that refer to it and of references that
 * callers own; an object in a generation's ring is tracked, and no other is; one that is being
 * deallocated is tracked by none. Deallocation, clearing and collecting allocate nothing. */
#ifndef LR_MOCKS_HEAP_INTERNAL_H
#define LR_MOCKS_HEAP_INTERNAL_H

#include "base/assert.h"
#include "base/list.h"
#include "mocks/heap/collector.h"
#include "mocks/heap/heap.h"
#include "mocks/heap/run.h"

enum slot_kind {
    SLOT_NAME, /* a local, global, attribute or key, as the owner's kind says */
    SLOT_ITEM,
    SLOT_F_BACK,
    SLOT_STACK, /* of a frame: a bound __exit__ left by `with`; of a thread: a generator in next()
                 */
    SLOT_TB_NEXT,
    SLOT_TB_FRAME,
    SLOT_ARGS,
    SLOT_TRACEBACK,
    SLOT_CAUSE,
    SLOT_CONTEXT,
    SLOT_GI_FRAME,
    SLOT_DICT,
    SLOT_CLASS,
    SLOT_MRO,
    SLOT_GLOBALS,
    SLOT_CLOSURE,
    SLOT_CELL,
    SLOT_DEFAULTS,
    SLOT_DEFAULT,
    SLOT_SELF,
    SLOT_FUNC,
    SLOT_CONTENTS,
    SLOT_CALLBACK,
    SLOT_THREAD_DICT, /* one thread's part of a threading.local */
    SLOT_FINALIZER,   /* in the registry of finalizers: the finalize, then its record */
    SLOT_RECORD,
    SLOT_MODULE,  /* in the interpreter: sys.modules[name] */
    SLOT_BORN,    /* in the interpreter: a dict that it holds besides the module */
    SLOT_ATEXIT,  /* in the interpreter: the argument of an exit handler */
    SLOT_RAISED,  /* in a thread: the exception in flight */
    SLOT_HANDLED, /* in a thread: one that is being handled; |tag| is the depth of its frame */
    SLOT_RUNNING  /* in a thread: a frame that runs */
};

struct slot {
    enum slot_kind kind;
    uint32_t tag;     /* of a handler: its frame's depth; of a thread's part: the thread's serial */
    const char *name; /* interned; NULL where the kind says it all */
    struct lr_object *target;
};

enum generator_state { GENERATOR_FRESH, GENERATOR_SUSPENDED, GENERATOR_RUNNING, GENERATOR_ENDED };

/* What only some objects have. */
struct special {
    lr_heap_del_cb del;
    lr_heap_released_cb released;
    lr_heap_call_cb call;        /* of a weak reference, a finalize, a handler of atexit */
    lr_heap_exit_cb exit;        /* of the method that `with` binds */
    void *context;               /* of all of these: an object has one of them */
    struct lr_object *referent;  /* of a weak reference: not counted */
    struct lr_object *weak_next; /* the next weak reference to the same, older */
    struct lr_object *generator; /* of a generator's frame: not counted */
    enum generator_state state;
    bool atexit;
};

struct lr_object {
    struct lr_heap *heap;
    const char *name; /* interned */
    struct slot *slots;
    struct special *special;      /* NULL for most */
    struct lr_object *weak_first; /* weak references to it, the newest first */
    struct lr_heap_watch *watches;
    struct lr_object *link; /* while it is deallocated: who waits for it */
    struct lr_list all;     /* in order of making */
    struct lr_list ring;    /* of its generation */
    uint64_t serial;
    size_t refs;
    size_t outside; /* while it is collected: references from outside the set */
    uint32_t slot_count;
    uint32_t slot_room;
    uint32_t cursor;    /* while it is deallocated: the next slot */
    uint32_t index;     /* while a path is sought */
    int generation;     /* -1: not tracked */
    uint8_t kind;       /* enum lr_object_kind */
    bool container : 1; /* the collector's allocator made it */
    bool tracked : 1;
    bool in_set : 1; /* among those that a collection looks at */
    bool tentative : 1;
    bool finalized : 1;
    bool plain : 1;    /* no dict for its attributes */
    bool pending : 1;  /* a frame that nobody has asked for as an object yet */
    bool embedded : 1; /* a frame that is part of its generator */
    bool filler : 1;   /* stands for what the rest of the program keeps */
    bool immortal : 1; /* never freed before the heap */
};

/* Memory kept for the next of its kind: taking from it and giving to it leave the counter alone. */
enum free_list { FREE_LIST, FREE_DICT, FREE_FRAME, FREE_TUPLE, FREE_LISTS = FREE_TUPLE + 20 };

enum {
    NAME_BUCKETS = 256,
    NESTING_MAX = 50, /* as CPython's own limit */
    /* What an interpreter keeps besides the program's objects, for the quarter rule: anything from
     * 3,777 to 37,424 gives the measured number of collections. */
    LR_HEAP_INTERPRETER_OBJECTS = 8000
};

struct interned {
    struct interned *next;
    size_t size;
    bool has_frame; /* a function of that name keeps the memory of a frame that ended */
    char text[];
};

struct lr_heap {
    struct lr_alloc *alloc;
    const struct lr_heap_profile *profile;
    struct lr_trace trace;
    lr_time now;
    struct interned *names[NAME_BUCKETS];
    struct lr_list all;
    struct lr_list rings[LR_HEAP_GENERATIONS];
    size_t count[LR_HEAP_GENERATIONS];
    unsigned int threshold[LR_HEAP_GENERATIONS];
    size_t long_lived_total;
    size_t long_lived_pending;
    size_t kept[FREE_LISTS];
    uint64_t serial;
    bool gc_enabled;
    bool collecting;
    bool scheduled;
    bool exited;
    bool finalizers_begun;         /* the first weakref.finalize was made */
    bool finalizers_over;          /* .. and those that run at exit have run */
    struct lr_heap_release reason; /* of what is deallocated now */
    struct lr_heap_observer observer;
    unsigned int nesting; /* deallocations within callbacks of deallocations */
    struct lr_object *deferred;
    bool draining;                 /* the outermost walk takes them from there */
    struct lr_object *interpreter; /* the root */
    struct lr_object *main_thread;
    struct lr_object *thread; /* the current one */
    struct lr_object *generator_exit;
    struct lr_object *registry; /* of finalizers; borrowed from module weakref */
};

/* object.c: making and unmaking, and what it does to the counters */
struct object_options {
    enum lr_object_kind kind;
    const char *name;
    uint32_t slots;
    bool atom;    /* no container */
    bool special; /* has a struct special */
    bool track;   /* tracked from the start */
    bool pending; /* counted when it is asked for */
};
LR_NODISCARD enum lr_status
lr_object_make(struct lr_heap *heap, const struct object_options *options, struct lr_object **out);
LR_NODISCARD enum lr_status lr_heap_intern(struct lr_heap *heap, const char *text,
                                           const char **out);
/* Room for |more| slots behind those in use. */
LR_NODISCARD enum lr_status lr_object_reserve(struct lr_object *object, uint32_t more);
/* Adds a slot where there is room for it; takes one reference to |target|. */
struct slot *lr_object_add_slot(struct lr_object *object, enum slot_kind kind, const char *name,
                                struct lr_object *target);
/* Reserves and adds; one more reference to |target|. |name| is interned. */
LR_NODISCARD enum lr_status lr_object_append(struct lr_object *object, enum slot_kind kind,
                                             const char *name, struct lr_object *target);
/* The first slot of |kind| (and |name|, unless NULL); NULL: none. */
struct slot *lr_object_slot(const struct lr_object *object, enum slot_kind kind, const char *name);
/* Takes slot |index| out; its reference is the caller's now. */
struct lr_object *lr_object_take_slot(struct lr_object *object, uint32_t index);
/* Puts |target| (takes the reference) in |slot| and drops what was there. */
void lr_object_replace(struct lr_heap *heap, struct slot *slot, struct lr_object *target);
void lr_object_track(struct lr_object *object);
void lr_object_untrack(struct lr_object *object);
bool lr_object_may_be_tracked(const struct lr_object *object);
/* A frame that was not an object becomes one. */
void lr_frame_materialize(struct lr_object *frame);
void lr_object_free(struct lr_object *object);

/* release.c */
/* Weak references to |object| stop referring; those with a callback, held, are left in a chain. */
struct lr_object *lr_object_clear_weakrefs(struct lr_object *object);
/* Calls the callbacks of a chain and drops it. Returns how many went with it. */
size_t lr_heap_call_weakrefs(struct lr_heap *heap, struct lr_object *chain);
/* Runs what ends an object, once. |keep_frame|: a generator's frame is left to the deallocation. */
void lr_object_finalize(struct lr_object *object, bool keep_frame);
bool lr_object_has_finalizer(const struct lr_object *object);

/* collector.c */
/* A container is taken from the allocator: may collect. */
void lr_heap_allocated(struct lr_heap *heap);
/* Where an interpreter would look: runs a collection that was put off until then. */
void lr_heap_check(struct lr_heap *heap);
size_t lr_heap_run_collector(struct lr_heap *heap, int generation, bool automatic);

/* weakref.c */
void lr_weakref_forget(struct lr_object *weakref);

/* frame.c */
/* How many frames of |thread| run. */
uint32_t lr_thread_depth(const struct lr_object *thread);
/* The top one, borrowed; NULL: none. */
struct lr_object *lr_thread_frame(const struct lr_object *thread);
/* Takes the top frame off without running anything; its reference is the caller's. */
struct lr_object *lr_thread_unstack(struct lr_object *thread);
LR_NODISCARD enum lr_status lr_frame_make(struct lr_heap *heap, const char *name,
                                          struct lr_object *back, struct lr_object **out);
/* Runs the __exit__s on the stack of |frame|, the innermost first; takes them off unless |keep|. */
void lr_frame_run_exits(struct lr_object *frame, struct lr_object *exception, bool keep);
/* Leaves the running frame; its blocks end with |exception| (NULL: none). */
void lr_heap_leave_frame(struct lr_heap *heap, struct lr_object *exception);
/* Gives up what a failed sequence left: frames above |depth|, the exception in flight. */
void lr_heap_give_up(struct lr_heap *heap, uint32_t depth);

/* exception.c */
/* Replaces the exception in flight; takes the reference. */
void lr_thread_set_raised(struct lr_object *thread, struct lr_object *exception);
/* Ends the handlers of frames deeper than |depth|. */
void lr_thread_end_handlers(struct lr_object *thread, uint32_t depth);

/* generator.c */
/* |frame| is no longer running: its generator, if it is one's, has ended. Returns that, owned. */
struct lr_object *lr_generator_left(struct lr_object *thread, struct lr_object *frame);
/* Closes it; |keep_frame|: the frame stays in its slot, for the deallocation under way. */
void lr_generator_end(struct lr_object *generator, bool keep_frame);
/* names.c */
/* The part of a threading.local that is |thread|'s; NULL: none. */
struct slot *lr_local_slot(const struct lr_object *local, const struct lr_object *thread);
/* A module's dict at exit: names with one underscore first, then the others, set to None. */
void lr_heap_clear_dict(struct lr_heap *heap, struct lr_object *dict);
/* The dict in which names of |owner| live; NULL: in its own slots, or nowhere yet. */
struct lr_object *lr_object_dict(const struct lr_object *owner);
/* How a slot is called in a path. */
const char *lr_slot_text(char *out, size_t size, const struct lr_object *owner,
                         const struct slot *slot, uint32_t index);

#endif
