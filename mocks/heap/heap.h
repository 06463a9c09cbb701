/* SPDX-License-Identifier: Apache-2.0 */
/* A model of object lifetime in CPython: references are counted, an object goes the moment its
 * count reaches zero, cycles wait for a collector with three generations. In it live the things
 * that keep a client's session referenced. Not an interpreter: a script tells it what a program
 * would do.
 *
 * This header: objects, references, containers, weak references, the collector. run.h: frames,
 * exceptions, generators, threads, exit. path.h: who holds an object. profile.h: the versions.
 *
 * References. An object from a `_new_` call is owned by the caller, one reference, which counts
 * like any other; give it back with lr_heap_drop, usually right after storing it somewhere.
 * "Borrowed" objects live as long as something holds them. A pointer to an object that may die is
 * kept in a struct lr_heap_watch, which the model clears. NULL as a value stands for None and for
 * any other value that refers to nothing (a number, a string).
 *
 * Callbacks (`__del__`, weakref callbacks, released) run in the middle of a drop, a store or a
 * collection, as in CPython; they may call the model, but not lr_heap_free.
 *
 * Every function that may run out of memory says so by its status, and has then changed nothing;
 * dropping, deleting and collecting cannot fail. One heap is one interpreter. Not for several
 * threads of the harness; those of the modelled program are in run.h. Names are copied. */
#ifndef LR_MOCKS_HEAP_HEAP_H
#define LR_MOCKS_HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/time.h"
#include "mocks/heap/profile.h"
#include "trace/trace.h"

struct lr_heap;
struct lr_object;

enum lr_object_kind {
    LR_OBJECT_ROOT, /* the interpreter itself, never freed: it holds sys.modules and the like */
    LR_OBJECT_THREAD,
    LR_OBJECT_MODULE,
    LR_OBJECT_CLASS,
    LR_OBJECT_FUNCTION,
    LR_OBJECT_METHOD, /* a function bound to an instance */
    LR_OBJECT_CELL,
    LR_OBJECT_FRAME,
    LR_OBJECT_TRACEBACK,
    LR_OBJECT_EXCEPTION,
    LR_OBJECT_GENERATOR,
    LR_OBJECT_INSTANCE,
    LR_OBJECT_SESSION, /* an instance whose __del__ ends a session of ours */
    LR_OBJECT_LIST,
    LR_OBJECT_TUPLE,
    LR_OBJECT_DICT,
    LR_OBJECT_SET,
    LR_OBJECT_WEAKREF,
    LR_OBJECT_FINALIZE,     /* a weakref.finalize */
    LR_OBJECT_THREAD_LOCAL, /* a threading.local */
    LR_OBJECT_ATOM,         /* counted, but no container: a float */
    LR_OBJECT_KIND_COUNT
};

/* Makes a heap after |profile| (borrowed for ever): modules __main__, sys, builtins and weakref, a
 * main thread that runs the frame "<module>", whose names are the globals of __main__. |trace| may
 * be NULL. LR_ENOMEM. Free with lr_heap_free. */
LR_NODISCARD enum lr_status lr_heap_new(struct lr_heap **out, struct lr_alloc *alloc,
                                        const struct lr_heap_profile *profile,
                                        const struct lr_trace *trace);
/* Frees the model with all that is in it; no callback runs: the process was killed. NULL is fine.
 */
void lr_heap_free(struct lr_heap *heap);
const struct lr_heap_profile *lr_heap_profile_of(const struct lr_heap *heap);
/* The time that trace events carry from here on. */
void lr_heap_set_now(struct lr_heap *heap, lr_time now);

/* ---- why an object went ---- */

enum lr_heap_why { LR_HEAP_BY_COUNT, LR_HEAP_BY_COLLECTOR, LR_HEAP_BY_EXIT };
struct lr_heap_release {
    enum lr_heap_why why;
    int generation; /* that was collected; -1 where no collection did it */
    bool automatic; /* that collection was started by an allocation */
};
/* "reference count", "gc.collect(0)", "automatic collection, generation 0", "interpreter exit".
 * Returns |out|. */
const char *lr_heap_release_text(char *out, size_t size, const struct lr_heap_release *release);

/* __del__ of |self|, at most once for an object, however often it is resurrected. */
typedef void (*lr_heap_del_cb)(struct lr_heap *heap, struct lr_object *self,
                               const struct lr_heap_release *release, void *context);
/* A session ends: its __del__ runs. Tell the client here. */
typedef void (*lr_heap_released_cb)(void *context, const struct lr_heap_release *release);
typedef void (*lr_heap_call_cb)(struct lr_heap *heap, void *context);

/* ---- objects: all LR_ENOMEM; |*out| is owned by the caller ---- */

/* class |name| of |module|, with a method whose globals are the module's. */
LR_NODISCARD enum lr_status lr_heap_new_class(struct lr_heap *heap, struct lr_object *module,
                                              const char *name, struct lr_object **out);
/* An instance; |type| may be NULL, then |name| alone says what it is. */
LR_NODISCARD enum lr_status lr_heap_new_instance(struct lr_heap *heap, struct lr_object *type,
                                                 const char *name, struct lr_object **out);
/* One with __slots__: no dict in any version. */
LR_NODISCARD enum lr_status lr_heap_new_slotted(struct lr_heap *heap, const char *name,
                                                struct lr_object **out);
/* |released| (may be NULL) runs once, as __del__. |context| is borrowed until then or lr_heap_free.
 */
LR_NODISCARD enum lr_status lr_heap_new_session(struct lr_heap *heap, struct lr_object *type,
                                                const char *name, lr_heap_released_cb released,
                                                void *context, struct lr_object **out);
/* Gives an instance, or its like, a __del__. */
void lr_heap_set_del(struct lr_object *object, lr_heap_del_cb del, void *context);
LR_NODISCARD enum lr_status lr_heap_new_list(struct lr_heap *heap, struct lr_object **out);
LR_NODISCARD enum lr_status lr_heap_new_dict(struct lr_heap *heap, struct lr_object **out);
LR_NODISCARD enum lr_status lr_heap_new_set(struct lr_heap *heap, struct lr_object **out);
/* |items| are borrowed, NULL among them for what refers to nothing. */
LR_NODISCARD enum lr_status lr_heap_new_tuple(struct lr_heap *heap, struct lr_object *const *items,
                                              size_t item_count, struct lr_object **out);
LR_NODISCARD enum lr_status lr_heap_new_atom(struct lr_heap *heap, const char *name,
                                             struct lr_object **out);
/* A function of |module|; close over cells and bind defaults with lr_heap_set ("cell s", "default
 * s" in a path). |call| is what it does when the model calls it; may be NULL. */
LR_NODISCARD enum lr_status lr_heap_new_function(struct lr_heap *heap, struct lr_object *module,
                                                 const char *name, struct lr_object **out);
LR_NODISCARD enum lr_status lr_heap_close_over(struct lr_heap *heap, struct lr_object *function,
                                               const char *name, struct lr_object *cell);
LR_NODISCARD enum lr_status lr_heap_set_default(struct lr_heap *heap, struct lr_object *function,
                                                const char *name, struct lr_object *value);
LR_NODISCARD enum lr_status lr_heap_new_cell(struct lr_heap *heap, struct lr_object *value,
                                             struct lr_object **out);
/* |self|.|name|, bound. */
LR_NODISCARD enum lr_status lr_heap_new_method(struct lr_heap *heap, struct lr_object *self,
                                               const char *name, struct lr_object **out);
/* In sys.modules under |name|, which holds it; |*out| is one more reference. */
LR_NODISCARD enum lr_status lr_heap_new_module(struct lr_heap *heap, const char *name,
                                               struct lr_object **out);
/* A module of sys.modules, borrowed; NULL: none of that name. */
struct lr_object *lr_heap_module(const struct lr_heap *heap, const char *name);
/* The dict of a module's names, borrowed: at exit it may outlive the module. */
struct lr_object *lr_heap_globals(const struct lr_object *module);

/* ---- references ---- */

/* One more reference, owned by the caller. Returns |object|; NULL is fine. */
struct lr_object *lr_heap_hold(struct lr_object *object);
/* Gives one back; the object, and all that only it held, may be gone then. NULL is fine. */
void lr_heap_drop(struct lr_heap *heap, struct lr_object *object);
/* What sys.getrefcount would say: the call's own argument included. */
size_t lr_heap_refcount(const struct lr_object *object);

/* Binds |name| of |owner| to |value| (borrowed, may be NULL): a frame's local, a module's global,
 * an instance's or class's attribute, a dict's key, an exception's __context__, __cause__ or
 * __traceback__, a threading.local's attribute in the current thread, "contents" of a cell.
 * What was bound before is dropped. LR_EINVAL: |owner| has no names. */
LR_NODISCARD enum lr_status lr_heap_set(struct lr_heap *heap, struct lr_object *owner,
                                        const char *name, struct lr_object *value);
/* `del owner.name`. LR_ENOTFOUND: not bound. */
enum lr_status lr_heap_del(struct lr_heap *heap, struct lr_object *owner, const char *name);
/* What |name| is bound to, borrowed; NULL: to nothing that counts, or not bound. */
struct lr_object *lr_heap_get(const struct lr_object *owner, const char *name);
bool lr_heap_has(const struct lr_object *owner, const char *name);

/* At the end of a list, or into a set. |value| is borrowed. */
LR_NODISCARD enum lr_status lr_heap_append(struct lr_heap *heap, struct lr_object *container,
                                           struct lr_object *value);
/* The last item of a list, owned by the caller; NULL: empty, or None. */
struct lr_object *lr_heap_pop(struct lr_heap *heap, struct lr_object *list);
/* `del list[:]`, or clear() of a dict or set. */
void lr_heap_empty(struct lr_heap *heap, struct lr_object *container);

/* ---- weak references ---- */

/* |callback| (may be NULL) runs when |target| goes, if the weak reference is still there then. */
LR_NODISCARD enum lr_status lr_heap_new_weakref(struct lr_heap *heap, struct lr_object *target,
                                                lr_heap_call_cb callback, void *context,
                                                struct lr_object **out);
/* What it refers to, borrowed; NULL once cleared. */
struct lr_object *lr_heap_weakref_target(const struct lr_object *weakref);

struct lr_heap_finalize {
    lr_heap_call_cb call; /* may be NULL */
    void *context;
    struct lr_object *argument; /* the callable or an argument: kept alive by the registry; may be
                                   NULL */
    bool atexit;                /* run at exit too, if still alive */
};
/* weakref.finalize(target, ..): known to the registry in module weakref until it ran. |options| is
 * copied, its argument borrowed. */
LR_NODISCARD enum lr_status lr_heap_new_finalize(struct lr_heap *heap, struct lr_object *target,
                                                 const struct lr_heap_finalize *options,
                                                 struct lr_object **out);
bool lr_heap_finalize_alive(const struct lr_object *finalize);
/* Takes it out of the registry without calling it; what it held is dropped. */
void lr_heap_finalize_detach(struct lr_heap *heap, struct lr_object *finalize);

/* The harness's own eye on an object: no reference, unseen by the program, cleared when the
 * object's memory goes. Embed it. */
struct lr_heap_watch {
    struct lr_object *object; /* NULL: gone */
    struct lr_heap_watch *next;
    struct lr_heap_watch **link;
};
void lr_heap_watch(struct lr_heap_watch *watch, struct lr_object *object);
void lr_heap_unwatch(struct lr_heap_watch *watch);

#endif
