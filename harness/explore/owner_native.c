/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a program in C++: its names are handles, made once and reset. */
#include "base/assert.h"
#include "explore/owner.h"

static void gone(void *context) {
    const struct lr_owner_label *label = context;
    struct lr_owner_thing *thing = &label->owner->things[label->number];
    thing->native = NULL;
    if (label->what == LR_SHADOW_GOES) {
        lr_owner_gone(label->owner, label->number);
    }
}

enum lr_status lr_owner_native_take(struct lr_owner *owner, unsigned int number, unsigned int var) {
    return lr_native_make(owner->native, lr_owner_var(var), "session", gone,
                          lr_owner_label(owner, LR_SHADOW_GOES, number),
                          &owner->things[number].native);
}

/* A node with y as its member `held`; |ring|: it is a member of itself. */
static enum lr_status make(struct lr_owner *owner, const struct lr_plan_step *step,
                           unsigned int number, struct lr_native_object *y) {
    struct lr_native_object *object;
    bool weak = step->target == LR_PROGRAM_OBSERVER;
    enum lr_status status = lr_native_make(owner->native, lr_owner_var(step->x), "node", gone,
                                           lr_owner_label(owner, LR_SHADOW_TOLD, number), &object);
    if (status == LR_OK) {
        owner->things[number].native = object;
        status = lr_native_set(owner->native, object, "held", y, weak);
    }
    if (status == LR_OK && step->target == LR_PROGRAM_RING) {
        status = lr_native_set(owner->native, object, "itself", object, false);
    }
    return status;
}

enum lr_status lr_owner_native_do(struct lr_owner *owner, const struct lr_plan_step *step,
                                  unsigned int number) {
    struct lr_native *native = owner->native;
    struct lr_native_object *x = lr_native_find(native, lr_owner_var(step->x));
    struct lr_native_object *y = lr_native_find(native, lr_owner_var(step->y));
    enum lr_status status = LR_OK;
    switch (step->target) {
    case LR_PROGRAM_DEL:
        status = lr_native_reset(native, lr_owner_var(step->x));
        break;
    case LR_PROGRAM_COPY:
        status = lr_native_copy(native, lr_owner_var(step->x), y);
        break;
    case LR_PROGRAM_STORE:
        status = lr_native_set(native, x, "other", y, false);
        break;
    case LR_PROGRAM_EXIT:
        break; /* static objects have no place here: the process ends, and nothing is destroyed */
    default:
        status = make(owner, step, number, y);
        break;
    }
    if (status == LR_OK && step->moves != 0) {
        (void)lr_native_reset(native, lr_owner_var(step->y));
    }
    return status;
}
