/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's program does with the objects that hold its sessions, step by step. */
#ifndef LR_EXPLORE_PROGRAM_ROWS_H
#define LR_EXPLORE_PROGRAM_ROWS_H

/* In CPython, or in C++ where it says so; x and y are names of the program. */
enum lr_program_row {
    LR_PROGRAM_DEL,  /* del x; in C++ too */
    LR_PROGRAM_COPY, /* x = y; in C++ too */
    /* x = what refers to y */
    LR_PROGRAM_LIST,
    LR_PROGRAM_DICT,
    LR_PROGRAM_TUPLE,
    LR_PROGRAM_SET,
    LR_PROGRAM_THREAD_LOCAL,
    LR_PROGRAM_OBJECT, /* in C++ too */
    LR_PROGRAM_CLASS,
    LR_PROGRAM_CLOSURE,
    LR_PROGRAM_DEFAULT,
    LR_PROGRAM_METHOD,
    LR_PROGRAM_SAVER,          /* an object whose __del__ saves it */
    LR_PROGRAM_RING,           /* an object in a cycle with itself; in C++ too */
    LR_PROGRAM_POOL,           /* such a one that saves itself */
    LR_PROGRAM_WATCHER,        /* such a one that watches itself by a weak reference */
    LR_PROGRAM_OBSERVER,       /* an object with a weak reference to y; of C++ alone */
    LR_PROGRAM_STORE,          /* x.other = y; in C++ too */
    LR_PROGRAM_WEAKREF,        /* x = weakref.ref(y, ..) */
    LR_PROGRAM_FINALIZE,       /* weakref.finalize(y, .., x) */
    LR_PROGRAM_ATEXIT,         /* atexit.register(.., y) */
    LR_PROGRAM_KEPT_ERROR,     /* x = an error that left the function whose local y is */
    LR_PROGRAM_KEPT_BELOW,     /* .. that was handled in a function called by that */
    LR_PROGRAM_KEPT_BEFORE,    /* .. that was handled when x came */
    LR_PROGRAM_HANDLED,        /* an error passes a function with y, is handled, and forgotten */
    LR_PROGRAM_UNCAUGHT,       /* .. and nobody handles it */
    LR_PROGRAM_ADDRESS,        /* a function with y asks for an address */
    LR_PROGRAM_GENERATOR,      /* x = a generator with y in a local */
    LR_PROGRAM_GENERATOR_WITH, /* .. in a `with` */
    LR_PROGRAM_WITH,
    LR_PROGRAM_WITH_ERROR,   /* a `with` of a function that an error leaves */
    LR_PROGRAM_LOCALS,       /* a function takes x, then y, and returns */
    LR_PROGRAM_THREAD,       /* a thread that has y in a local runs, and ends */
    LR_PROGRAM_THREAD_ERROR, /* .. by an error */
    LR_PROGRAM_FORGET,       /* `del` of what a __del__ has saved */
    LR_PROGRAM_COLLECT_0,
    LR_PROGRAM_COLLECT_1,
    LR_PROGRAM_COLLECT_2,
    LR_PROGRAM_FEW,  /* new objects, fewer than bring a collection */
    LR_PROGRAM_MANY, /* .. and as many */
    LR_PROGRAM_GC_OFF,
    LR_PROGRAM_GC_ON,
    LR_PROGRAM_EXIT, /* in C++ too: there nothing is destroyed */
    LR_PROGRAM_ROWS
};

/* What a client runs in: 0 nothing that holds sessions itself, LR_PLAN_NATIVE C++, then each
 * version of CPython, on Windows and elsewhere. */
enum { LR_PLAN_NATIVE = 1, LR_PLAN_PYTHONS = 15, LR_PLAN_RUNTIMES = 1 + 2 * LR_PLAN_PYTHONS };

#endif
