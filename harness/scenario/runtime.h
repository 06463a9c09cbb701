/* SPDX-License-Identifier: Apache-2.0 */
/* A client of ours whose sessions live in the model of a language runtime (mocks/heap,
 * mocks/native): what the model frees lets go of its session here, at that instant, and Shutdown
 * goes over the wire. No Lua in here. One thread. */
#ifndef LR_SCENARIO_RUNTIME_H
#define LR_SCENARIO_RUNTIME_H

#include "ledger/retention.h"
#include "mocks/heap/heap.h"
#include "mocks/native/native.h"
#include "scenario/play.h"

enum { LR_RUNTIME_NAME_MAX = 64 };

enum lr_runtime_kind {
    LR_RUNTIME_PYTHON, /* the heap model of CPython */
    LR_RUNTIME_NATIVE, /* reference-counted handles as in C++ */
    LR_RUNTIME_LUA /* the scripts' own collector: sessions are its userdata, as any client's are */
};

/* Which one a client is to have; what cpython(..), native() and lua() give. */
struct lr_runtime_options {
    enum lr_runtime_kind kind;
    const struct lr_heap_profile *python;
    bool kind_known; /* the system's getaddrinfo answers a kind that socket.SocketKind has; Windows
                        answers 0 */
};

struct lr_runtime {
    struct lr_play *play;    /* outlives it */
    struct lr_party *client; /* owns it */
    enum lr_runtime_kind kind;
    struct lr_heap *heap;           /* NULL: not Python */
    struct lr_native *native;       /* NULL: not native */
    struct lr_heap_watch outermost; /* the frame of __main__ */
    bool kind_known;
    bool ended;                    /* the interpreter has exited, or its process was killed */
    unsigned int guards;           /* `try`s of the outermost frame that are under way */
    struct lr_list held;           /* struct lr_runtime_session */
    struct lr_list loose;          /* struct lr_runtime_loose: values that no name holds yet */
    struct lr_list threads;        /* struct lr_runtime_thread */
    struct lr_list labels;         /* struct lr_runtime_label */
    struct lr_list remotes;        /* struct lr_runtime_remote */
    struct lr_result_lines events; /* what the model told, in order: callbacks, releases */
};

/* A session that the model holds. Lives as long as the runtime, so that a script can ask after its
 * end. */
struct lr_runtime_session {
    struct lr_runtime *runtime;
    struct lr_session *session;      /* the model object's reference; NULL: it has let go */
    struct lr_heap_watch object;     /* Python: its object; cleared when it goes */
    struct lr_native_object *native; /* the same for native handles; NULL when it has gone */
    uint32_t account;                /* in the ledger; 0: not seen */
    struct lr_mark mark;             /* what of the program ended it, and when; no cause: nothing */
    struct lr_list node;
};

/* A value of the running function that no name holds: it goes with the frame. */
struct lr_runtime_loose {
    struct lr_object *object; /* one reference */
    struct lr_heap_watch frame;
    struct lr_list node;
};

/* What a remote function or array of the model is at its server. */
struct lr_runtime_remote {
    struct lr_runtime_session *session;
    uint64_t handle;
    enum lr_result_kind kind; /* LR_RESULT_NULL: memory, |tensor| */
    struct lr_tensor tensor;
    struct lr_heap_watch object; /* the program's object of it */
    struct lr_list node;
};

/* A text that a callback of the model tells when it runs. */
struct lr_runtime_label {
    struct lr_runtime *runtime;
    char text[LR_RUNTIME_NAME_MAX];
    struct lr_list node;
};

/* Gives |client| a runtime, which goes with it. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_runtime_new(struct lr_play *play, struct lr_party *client,
                                           const struct lr_runtime_options *options);
/* Frees it with all sessions that it holds, without a word of the model: they are ended by whoever
 * ends the client. NULL is fine. */
void lr_runtime_free(struct lr_runtime *runtime);

/* Takes |session|, one reference, also where it fails. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_runtime_session_new(struct lr_runtime *runtime,
                                                   struct lr_session *session,
                                                   struct lr_runtime_session **out);
/* The model has freed it, |why| in words ("reference count", "gc.collect(0)"). */
void lr_runtime_session_let_go(struct lr_runtime_session *held, const char *why);
/* close(), or the end of a scope. */
void lr_runtime_session_close(struct lr_runtime_session *held, enum lr_cause cause);
/* Whether anything of the model still holds it. */
bool lr_runtime_session_alive(const struct lr_runtime_session *held);
/* Who holds it: false where nobody does. */
bool lr_runtime_session_retention(const struct lr_runtime_session *held,
                                  struct lr_retention *retention);
/* The session of |object|; NULL: none of ours. */
struct lr_runtime_session *lr_runtime_session_of(const struct lr_runtime *runtime,
                                                 const struct lr_object *object);

/* |object|, one reference, belongs to the running function from here on. LR_ENOMEM: it was given
 * back. */
LR_NODISCARD enum lr_status lr_runtime_loose_add(struct lr_runtime *runtime,
                                                 struct lr_object *object);
/* A name holds |object| now: the function's own reference to it goes, if there is one. */
void lr_runtime_loose_drop(struct lr_runtime *runtime, const struct lr_object *object);
/* The running frame is about to be left. */
void lr_runtime_loose_drop_frame(struct lr_runtime *runtime);

LR_NODISCARD enum lr_status lr_runtime_label_new(struct lr_runtime *runtime, const char *text,
                                                 struct lr_runtime_label **out);
/* A weak reference's or finalizer's callback: tells the label. |context| is an lr_runtime_label. */
void lr_runtime_label_called(struct lr_heap *heap, void *context);
/* |remote| lives as long as the runtime. */
LR_NODISCARD enum lr_status lr_runtime_remote_new(struct lr_runtime_session *held,
                                                  struct lr_runtime_remote **out);
/* The model has freed it: the server's memory is freed, while there is a session. */
void lr_runtime_remote_let_go(struct lr_runtime_remote *remote);

/* An expectation has failed: writes into the result what holds each session that is still held.
 * With |only|, of that account alone. */
void lr_runtime_explain(struct lr_play *play, uint32_t only);

#endif
