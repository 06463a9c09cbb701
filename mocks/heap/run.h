/* SPDX-License-Identifier: Apache-2.0 */
/* What a program does on a heap: frames come and go, exceptions pass through them, generators are
 * suspended, threads end, the interpreter exits. All of it happens in the current thread.
 *
 * A frame that is left, and that nothing refers to, loses its locals at once; one that a traceback
 * refers to keeps them, and its f_back. */
#ifndef LR_MOCKS_HEAP_RUN_H
#define LR_MOCKS_HEAP_RUN_H

#include "mocks/heap/heap.h"

/* ---- frames ---- */

/* A call of |name|: a frame above the current one. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_push_frame(struct lr_heap *heap, const char *name);
/* The function returns. What it returns is held by the caller meanwhile (lr_heap_hold). Not with an
 * exception in flight: lr_heap_leave_raising. */
void lr_heap_pop_frame(struct lr_heap *heap);
/* The running frame, borrowed; in the outermost one the names are the globals of __main__. */
struct lr_object *lr_heap_frame(const struct lr_heap *heap);
/* Names of the running frame (of __main__ in the outermost): lr_heap_set, _del, _get there. */
LR_NODISCARD enum lr_status lr_heap_set_local(struct lr_heap *heap, const char *name,
                                              struct lr_object *value);
enum lr_status lr_heap_del_local(struct lr_heap *heap, const char *name);
struct lr_object *lr_heap_local(const struct lr_heap *heap, const char *name);
/* Stores an owned object and gives the reference up, also when storing fails. */
LR_NODISCARD enum lr_status lr_heap_take_local(struct lr_heap *heap, const char *name,
                                               struct lr_object *value);

/* `with value:` in the running frame: its bound __exit__ stays on the frame's stack. |exit| (may be
 * NULL) runs at the end, with the exception in flight or NULL. LR_ENOMEM. */
typedef void (*lr_heap_exit_cb)(struct lr_heap *heap, struct lr_object *exception, void *context);
LR_NODISCARD enum lr_status lr_heap_enter_with(struct lr_heap *heap, struct lr_object *value,
                                               lr_heap_exit_cb exit, void *context);
/* The innermost with of the running frame ends. LR_ENOTFOUND: there is none. */
enum lr_status lr_heap_leave_with(struct lr_heap *heap);

/* ---- exceptions ---- */

/* An exception |type| with one argument, |text|; not raised. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_new_exception(struct lr_heap *heap, const char *type,
                                                  const char *text, struct lr_object **out);
/* `raise exception` in the running frame: a traceback for it, before those that are there; the one
 * being handled becomes its __context__. Borrows. Then leave frames or catch.
 * LR_EINVAL: no exception. LR_EBUSY: one is in flight already. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_raise(struct lr_heap *heap, struct lr_object *exception);
/* Makes and raises one. LR_EBUSY, LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_raise_new(struct lr_heap *heap, const char *type,
                                              const char *text);
/* The exception in flight leaves the running frame and reaches its caller, which gets a traceback;
 * handlers that were active and `with`s in the frame end. LR_ENOMEM: the frame was left, the
 * traceback is missing. */
LR_NODISCARD enum lr_status lr_heap_leave_raising(struct lr_heap *heap);
/* `except .. as name:` (|name| may be NULL): the exception in flight is handled from here on.
 * LR_ENOTFOUND: none is in flight. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_catch(struct lr_heap *heap, const char *name);
/* The end of that clause: the name is unbound, the one handled before is current again. */
void lr_heap_end_except(struct lr_heap *heap);
/* In flight, or being handled (sys.exc_info()[1]); borrowed, NULL: none. */
struct lr_object *lr_heap_raised(const struct lr_heap *heap);
struct lr_object *lr_heap_handled(const struct lr_heap *heap);
/* Nobody catches it: all frames of the thread but the outermost are left. Interactive or at the end
 * of main it goes to sys.last_value, .last_traceback (.last_exc); in another thread it is printed
 * and dropped. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_uncaught(struct lr_heap *heap);

/* ---- what the library does, frame by frame ---- */

struct lr_heap_enum_lookup {
    const char *type;  /* "SocketKind" */
    const char *value; /* "0" */
    /* The class has a _missing_ of its own, which runs this and returns None; NULL: the default. */
    lr_heap_call_cb missing;
    void *context;
};
/* type(value) for a value that is no member: EnumMeta.__call__, Enum.__new__ and _missing_ as the
 * profile's enum has them. A ValueError is in flight afterwards. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_enum_lookup(struct lr_heap *heap,
                                                const struct lr_heap_enum_lookup *lookup);
/* socket._intenum_converter for a value that is no member: it handles the ValueError. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_intenum_converter(struct lr_heap *heap);
/* socket.getaddrinfo with one result, dropped; |kind_known| false where the system answers kind 0,
 * as Windows does when none was asked for: its conversion to SocketKind fails. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_getaddrinfo(struct lr_heap *heap, bool kind_known);

/* ---- generators ---- */

/* A generator of function |name|, not started. Its frame's names: lr_heap_set on
 * lr_heap_generator_frame. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_new_generator(struct lr_heap *heap, const char *name,
                                                  struct lr_object **out);
/* Borrowed; NULL once it ended. */
struct lr_object *lr_heap_generator_frame(const struct lr_object *generator);
/* next(): its frame runs, above the current one. LR_ECLOSED: it ended. LR_EBUSY: it runs.
 * LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_resume(struct lr_heap *heap, struct lr_object *generator);
/* The running frame is a generator's and is suspended again; its except clauses end. */
void lr_heap_yield(struct lr_heap *heap);
/* It returns: what its frame holds goes. (An exception ends it by lr_heap_leave_raising.) */
void lr_heap_generator_return(struct lr_heap *heap);
/* g.close(): GeneratorExit is thrown in where it is suspended; its `with`s end, then its frame. */
void lr_heap_generator_close(struct lr_heap *heap, struct lr_object *generator);

/* ---- threads ---- */

/* A thread named |name|, not current yet; borrowed until it ended. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_start_thread(struct lr_heap *heap, const char *name,
                                                 struct lr_object **out);
/* What follows happens in |thread|; NULL: in the main one. */
void lr_heap_switch(struct lr_heap *heap, struct lr_object *thread);
struct lr_object *lr_heap_thread(const struct lr_heap *heap);
/* |thread| ends: its frames and its part of each threading.local go. The main one becomes current,
 * if it was. Not for the main thread. */
void lr_heap_end_thread(struct lr_heap *heap, struct lr_object *thread);
/* threading.local(). LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_new_thread_local(struct lr_heap *heap, struct lr_object **out);

/* ---- exit ---- */

/* atexit.register: |call| (may be NULL) at exit, the last registered first; |argument| (borrowed,
 * may be NULL) is held until then. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_atexit(struct lr_heap *heap, lr_heap_call_cb call,
                                           void *context, struct lr_object *argument);
/* The end of main and the interpreter's exit: atexit handlers, modules, collections in between.
 * Nothing but lr_heap_free is of use then. Threads that have not ended are daemons: theirs is never
 * released.
 */
void lr_heap_exit(struct lr_heap *heap);

#endif
