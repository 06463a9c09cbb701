/* SPDX-License-Identifier: Apache-2.0 */
#include "support/heap_script.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

struct lr_heap *s_begin(struct script *s) {
    s->steps = json_array();
    s->facts = json_object();
    s->events = json_array();
    s->status = lr_heap_new(&s->heap, s->alloc, s->profile, NULL);
    return s->heap;
}

void s_end(struct script *s) {
    lr_heap_free(s->heap);
    s->heap = NULL;
    json_decref(s->steps);
    json_decref(s->facts);
    json_decref(s->events);
}

bool s_is(const struct script *s, const char *variant) {
    return strcmp(s->variant, variant) == 0;
}

bool s_starts(const struct script *s, const char *prefix) {
    return strncmp(s->variant, prefix, strlen(prefix)) == 0;
}

bool s_ok(const struct script *s) {
    return s->status == LR_OK;
}

bool s_try(struct script *s, enum lr_status status) {
    if (s->status == LR_OK) {
        s->status = status;
    }
    return s->status == LR_OK;
}

void s_push(struct script *s, const char *function) {
    if (s_ok(s)) {
        s_try(s, lr_heap_push_frame(s->heap, function));
    }
}

void s_pop(struct script *s) {
    if (s_ok(s)) {
        lr_heap_pop_frame(s->heap);
    }
}

void s_set(struct script *s, const char *name, struct lr_object *value) {
    if (s_ok(s)) {
        s_try(s, lr_heap_set_local(s->heap, name, value));
    }
}

void s_take(struct script *s, const char *name, struct lr_object *value) {
    s_set(s, name, value);
    s_drop(s, value);
}

void s_del(struct script *s, const char *name) {
    if (s_ok(s)) {
        s_try(s, lr_heap_del_local(s->heap, name));
    }
}

struct lr_object *s_get(struct script *s, const char *name) {
    return s_ok(s) ? lr_heap_local(s->heap, name) : NULL;
}

void s_set_in(struct script *s, struct lr_object *owner, const char *name,
              struct lr_object *value) {
    if (s_ok(s)) {
        s_try(s, lr_heap_set(s->heap, owner, name, value));
    }
}

void s_take_in(struct script *s, struct lr_object *owner, const char *name,
               struct lr_object *value) {
    s_set_in(s, owner, name, value);
    s_drop(s, value);
}

void s_append(struct script *s, struct lr_object *list, struct lr_object *value) {
    if (s_ok(s)) {
        s_try(s, lr_heap_append(s->heap, list, value));
    }
}

struct lr_object *s_hold(struct script *s, const char *name) {
    return lr_heap_hold(s_get(s, name));
}

void s_drop(struct script *s, struct lr_object *object) {
    if (s_ok(s)) {
        lr_heap_drop(s->heap, object);
    }
}

struct lr_object *s_new_list(struct script *s) {
    struct lr_object *list = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_list(s->heap, &list));
    }
    return s_ok(s) ? list : NULL;
}

struct lr_object *s_new_instance(struct script *s, const char *name) {
    struct lr_object *object = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_instance(s->heap, NULL, name, &object));
    }
    return s_ok(s) ? object : NULL;
}

struct lr_object *s_new_node(struct script *s) {
    struct lr_object *object = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_slotted(s->heap, "Node", &object));
    }
    return s_ok(s) ? object : NULL;
}

struct lr_object *s_new_method(struct script *s, struct lr_object *self, const char *name) {
    struct lr_object *object = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_method(s->heap, self, name, &object));
    }
    return s_ok(s) ? object : NULL;
}

struct lr_object *s_new_weakref(struct script *s, struct lr_object *target,
                                lr_heap_call_cb callback, void *context) {
    struct lr_object *object = NULL;
    if (s_ok(s)) {
        s_try(s, lr_heap_new_weakref(s->heap, target, callback, context, &object));
    }
    return s_ok(s) ? object : NULL;
}

static void session_deleted(void *context, const struct lr_heap_release *release) {
    const struct script_session *session = context;
    (void)release;
    s_event(session->script, "__del__(%s)", session->name);
}

struct lr_object *s_new_plain_session(struct script *s, struct lr_object *type, const char *name,
                                      lr_heap_released_cb released) {
    struct lr_object *session = NULL;
    if (!s_ok(s)) {
        return NULL;
    }
    cr_assert(s->session_count < SCRIPT_SESSIONS_MAX);
    struct script_session *entry = &s->sessions[s->session_count++];
    *entry = (struct script_session){.script = s, .name = name};
    s_try(s, lr_heap_new_session(s->heap, type, name, released != NULL ? released : session_deleted,
                                 entry, &session));
    return s_ok(s) ? session : NULL;
}

struct lr_object *s_new_session(struct script *s, const char *name) {
    struct lr_object *session = s_new_plain_session(s, NULL, name, NULL);
    s_push(s, "__init__");
    s_set_in(s, session, "name", NULL);
    s_watch(s, name, session);
    s_pop(s);
    return session;
}

void s_raise(struct script *s, const char *type, const char *text) {
    if (s_ok(s)) {
        s_try(s, lr_heap_raise_new(s->heap, type, text));
    }
}

void s_leave(struct script *s) {
    if (s_ok(s)) {
        s_try(s, lr_heap_leave_raising(s->heap));
    }
}

void s_catch(struct script *s, const char *name) {
    if (s_ok(s)) {
        s_try(s, lr_heap_catch(s->heap, name));
    }
}

void s_end_except(struct script *s) {
    if (s_ok(s)) {
        lr_heap_end_except(s->heap);
    }
}

void s_intenum(struct script *s) {
    if (s_ok(s)) {
        s_try(s, lr_heap_intenum_converter(s->heap));
    }
}

void s_watch(struct script *s, const char *name, struct lr_object *object) {
    struct lr_object *weakref = s_new_weakref(s, object, NULL, NULL);
    if (weakref == NULL) {
        return;
    }
    cr_assert(s->watched_count < SCRIPT_WATCHED_MAX);
    s->watched[s->watched_count].name = name;
    s->watched[s->watched_count++].weakref = weakref;
}

void s_event(struct script *s, const char *format, ...) {
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_array_append_new(s->events, json_string(text));
}

size_t s_collect(struct script *s, int generation) {
    return s_ok(s) ? lr_heap_collect(s->heap, generation) : 0;
}

void s_settle(struct script *s) {
    (void)s_collect(s, 2);
    (void)s_collect(s, 2);
}

json_t *s_mark(struct script *s, const char *format, ...) {
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_t *step = json_object();
    json_array_append_new(s->steps, step);
    if (!s_ok(s)) {
        return step;
    }
    json_object_set_new(step, "step", json_string(text));
    json_t *alive = json_object();
    for (size_t i = 0; i < s->watched_count; i++) {
        json_object_set_new(alive, s->watched[i].name,
                            json_boolean(lr_heap_weakref_target(s->watched[i].weakref) != NULL));
    }
    json_object_set_new(step, "alive", alive);
    if (json_array_size(s->events) > 0) {
        json_object_set_new(step, "events", s->events);
        s->events = json_array();
    }
    return step;
}

json_t *s_mark_count(struct script *s, const char *step, const struct lr_object *object) {
    json_t *mark = s_mark(s, "%s", step);
    if (s_ok(s)) {
        s_put_int(mark, "getrefcount", (long long)lr_heap_refcount(object));
    }
    return mark;
}

json_t *s_mark_collected(struct script *s, const char *step, size_t collected) {
    json_t *mark = s_mark(s, "%s", step);
    s_put_int(mark, "gc_collect_returned", (long long)collected);
    return mark;
}

void s_put_int(json_t *step, const char *key, long long value) {
    json_object_set_new(step, key, json_integer(value));
}

void s_put_bool(json_t *step, const char *key, bool value) {
    json_object_set_new(step, key, json_boolean(value));
}

const json_t *s_truth(const struct script *s) {
    return json_array_get(s->truth, json_array_size(s->steps));
}
