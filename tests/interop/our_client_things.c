/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept under names, and how it goes. */
#include <string.h>

#include "our_client.h"

struct thing *thing_new(struct party *party, struct lr_session *session, enum thing_kind kind) {
    struct thing *thing = LR_NEW(lr_alloc_system(), struct thing);
    if (thing != NULL) {
        thing->kind = kind;
        thing->party = party;
        thing->session = session;
    }
    return thing;
}

/* Nobody waits for these: an answer that finds no job is dropped, and where the session has gone,
 * so has everything in it. */
static void free_remote(struct program *program, struct thing *thing) {
    lr_op op;
    lr_time now = now_of(program);
    if (thing->kind == THING_ARRAY && thing->handle == 0) {
        (void)!lr_session_free_data(thing->session, now, &thing->tensor, &op);
    } else if (thing->kind != THING_SESSION) {
        enum lr_result_kind kind = thing->kind == THING_FUNCTION ? LR_RESULT_FUNCTION
                                   : thing->kind == THING_MODULE ? LR_RESULT_MODULE
                                                                 : LR_RESULT_ARRAY;
        (void)!lr_session_free_handle(thing->session, now, thing->handle, kind, &op);
    }
}

void thing_drop(struct program *program, struct thing *thing) {
    if (thing == NULL) {
        return;
    }
    if (thing->session != NULL) {
        if (!lr_session_closed(thing->session)) {
            free_remote(program, thing);
        }
        lr_session_unref(thing->session, now_of(program), "a name went");
    }
    LR_FREE(lr_alloc_system(), thing);
}

static struct name *find_name(struct program *program, const char *text) {
    LR_LIST_EACH (node, &program->names) {
        struct name *name = LR_CONTAINER_OF(node, struct name, node);
        if (strcmp(name->text, text) == 0) {
            return name;
        }
    }
    return NULL;
}

struct thing *find_thing(struct program *program, const char *text) {
    struct name *name = find_name(program, text);
    return name == NULL ? NULL : name->thing;
}

static void free_name(struct program *program, struct name *name) {
    lr_list_remove(&name->node);
    if (--name->thing->names == 0) {
        thing_drop(program, name->thing);
    }
    lr_alloc_free_string(lr_alloc_system(), name->text);
    LR_FREE(lr_alloc_system(), name);
}

bool forget_name(struct program *program, const char *text) {
    struct name *name = find_name(program, text);
    if (name != NULL) {
        free_name(program, name);
    }
    return name != NULL;
}

bool keep_thing(struct program *program, const char *text, struct thing *thing) {
    struct name *name = LR_NEW(lr_alloc_system(), struct name);
    if (name == NULL) {
        return false;
    }
    name->text = lr_alloc_string(lr_alloc_system(), text, strlen(text));
    if (name->text == NULL) {
        LR_FREE(lr_alloc_system(), name);
        return false;
    }
    name->thing = thing;
    thing->names++;
    (void)forget_name(program, text);
    lr_list_append(&program->names, &name->node);
    return true;
}

void forget_all(struct program *program, bool trackers) {
    LR_LIST_EACH (node, &program->names) {
        struct name *name = LR_CONTAINER_OF(node, struct name, node);
        if (trackers || name->thing->kind != THING_TRACKER) {
            free_name(program, name);
        }
    }
}
