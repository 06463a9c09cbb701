/* SPDX-License-Identifier: Apache-2.0 */
/* Reference-counted handles as in C++: a shared object goes the moment the last strong handle to it
 * goes, and never otherwise. No collector looks for cycles: one that nobody cuts stays for ever.
 * Handles have names: those of the program (variables) and those inside of objects (members). Not
 * for several threads. */
#ifndef LR_MOCKS_NATIVE_NATIVE_H
#define LR_MOCKS_NATIVE_NATIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/status.h"

struct lr_native;
struct lr_native_object;

/* LR_ENOMEM. Free with lr_native_free. */
LR_NODISCARD enum lr_status lr_native_new(struct lr_native **out, struct lr_alloc *alloc);
/* Frees all that is left; nothing is called: the process was killed. NULL is fine. */
void lr_native_free(struct lr_native *native);

/* The destructor's call. It runs once, in the middle of the reset that let the last handle go. */
typedef void (*lr_native_gone_cb)(void *context);

/* A shared object |name| with one handle to it, the program's variable |variable|; both copied.
 * |gone| may be NULL. LR_ENOMEM, LR_EEXISTS: there is such a variable. */
LR_NODISCARD enum lr_status lr_native_make(struct lr_native *native, const char *variable,
                                           const char *name, lr_native_gone_cb gone, void *context,
                                           struct lr_native_object **out);
/* The program's variable |name| becomes one more handle to |object|. LR_ENOMEM, LR_EEXISTS. */
LR_NODISCARD enum lr_status lr_native_copy(struct lr_native *native, const char *name,
                                           struct lr_native_object *object);
/* The member |name| of |owner| becomes a handle to |object| (NULL: to nothing); what it was before
 * is let go of. |weak|: one that does not count. LR_ENOMEM: nothing has changed. */
LR_NODISCARD enum lr_status lr_native_set(struct lr_native *native, struct lr_native_object *owner,
                                          const char *name, struct lr_native_object *object,
                                          bool weak);
/* The program lets go of its variable |name|. LR_ENOTFOUND. */
enum lr_status lr_native_reset(struct lr_native *native, const char *name);
/* What the variable |name| holds; NULL: nothing, or no such variable. */
struct lr_native_object *lr_native_find(const struct lr_native *native, const char *name);
/* What a weak member of |owner| gives when it is locked; NULL: it has gone. */
struct lr_native_object *lr_native_lock(const struct lr_native_object *owner, const char *name);
/* use_count(): strong handles, weak ones left out. */
size_t lr_native_use_count(const struct lr_native_object *object);
size_t lr_native_object_count(const struct lr_native *native);

/* The shortest way to |object|: from a variable, or where none leads to it, from the cycle that
 * holds it. Writes the root ("variable session", "cycle that nothing cuts") to |root| and tells
 * each hop in order. True: it is in no variable's reach. */
bool lr_native_path(struct lr_native *native, const struct lr_native_object *object, char *root,
                    size_t root_size,
                    void (*hop)(void *context, const char *via, const char *name, bool in_cycle),
                    void *context);

#endif
