/* SPDX-License-Identifier: Apache-2.0 */
/* A modelled program, written down in C as tests/golden/heap/scripts have it in Python, and the
 * record that it keeps in the form of ground_truth.json. After a failure (memory) every call does
 * nothing and returns NULL, so that a script is a list of statements. Objects from s_new_* are
 * owned; s_take gives them up. */
#ifndef LR_TEST_HEAP_SCRIPT_H
#define LR_TEST_HEAP_SCRIPT_H

#include <jansson.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/heap.h"
#include "mocks/heap/run.h"

enum { SCRIPT_WATCHED_MAX = 4, SCRIPT_SESSIONS_MAX = 8 };

struct script;

/* What a session of a script needs when it is released. */
struct script_session {
    struct script *script;
    const char *name;
};

struct script {
    struct lr_alloc *alloc;
    const struct lr_heap_profile *profile;
    const char *version;
    const char *variant;
    const json_t *truth; /* the steps measured: for what a script takes over from them */
    struct lr_heap *heap;
    enum lr_status status;
    json_t *steps;
    json_t *facts;
    json_t *events; /* since the last step */
    struct {
        const char *name;
        struct lr_object *weakref;
    } watched[SCRIPT_WATCHED_MAX];
    size_t watched_count;
    struct script_session sessions[SCRIPT_SESSIONS_MAX];
    size_t session_count;
    void *context; /* a script's own */
    bool small;    /* loops are cut short: what is measured then is not compared */
};

struct lr_heap *s_begin(struct script *s); /* makes the heap; NULL: no memory */
void s_end(struct script *s);
bool s_is(const struct script *s, const char *variant);
bool s_starts(const struct script *s, const char *prefix);
bool s_ok(const struct script *s);
/* Keeps the first failure; true: none so far. */
bool s_try(struct script *s, enum lr_status status);

/* ---- statements ---- */
void s_push(struct script *s, const char *function);
void s_pop(struct script *s);
void s_set(struct script *s, const char *name, struct lr_object *value);  /* name = value */
void s_take(struct script *s, const char *name, struct lr_object *value); /* .. and gives it up */
void s_del(struct script *s, const char *name);
struct lr_object *s_get(struct script *s, const char *name); /* borrowed */
void s_set_in(struct script *s, struct lr_object *owner, const char *name, struct lr_object *value);
void s_take_in(struct script *s, struct lr_object *owner, const char *name,
               struct lr_object *value);
void s_append(struct script *s, struct lr_object *list, struct lr_object *value);
struct lr_object *s_hold(struct script *s, const char *name); /* what a name is bound to, owned */
void s_drop(struct script *s, struct lr_object *object);

struct lr_object *s_new_list(struct script *s);
struct lr_object *s_new_instance(struct script *s, const char *name);
struct lr_object *s_new_node(struct script *s);
struct lr_object *s_new_method(struct script *s, struct lr_object *self, const char *name);
struct lr_object *s_new_weakref(struct script *s, struct lr_object *target,
                                lr_heap_call_cb callback, void *context);
/* common.py's Session(name): watched, with a name attribute, __del__ is an event. */
struct lr_object *s_new_session(struct script *s, const char *name);
/* A class of main whose instances say __del__(name). */
struct lr_object *s_new_plain_session(struct script *s, struct lr_object *type, const char *name,
                                      lr_heap_released_cb released);

void s_raise(struct script *s, const char *type, const char *text); /* raise type(text) */
void s_leave(struct script *s);                                     /* the exception passes */
void s_catch(struct script *s, const char *name);
void s_end_except(struct script *s);
void s_intenum(struct script *s);

/* ---- the record ---- */
void s_watch(struct script *s, const char *name, struct lr_object *object);
void s_event(struct script *s, const char *format, ...) LR_PRINTF(2, 3);
size_t s_collect(struct script *s, int generation);
void s_settle(struct script *s);
/* One step: the state of what is watched, the events so far. Returns it, for more fields. */
json_t *s_mark(struct script *s, const char *format, ...) LR_PRINTF(2, 3);
json_t *s_mark_count(struct script *s, const char *step, const struct lr_object *object);
json_t *s_mark_collected(struct script *s, const char *step, size_t collected);
void s_put_int(json_t *step, const char *key, long long value);
void s_put_bool(json_t *step, const char *key, bool value);
/* Adds the facts of s00_chain: who leads to the session, and the cycles among them. */
void s_describe_chain(struct script *s);
/* The measured step that the next mark stands for; NULL: there is none. */
const json_t *s_truth(const struct script *s);

/* ---- the table of scripts, one list a file ---- */
struct script_entry {
    const char *name; /* "s00_report"; also of one file, all variants */
    void (*run)(struct script *s);
};
void script_s00_report(struct script *s);
void script_s00_members(struct script *s);
void script_s00_repl(struct script *s);
void script_s00_chain(struct script *s);
void script_s01_except_saved(struct script *s);
void script_s02_last_traceback(struct script *s);
void script_s03_exact(struct script *s);
void script_s03_generations(struct script *s);
void script_s04_gc_disable(struct script *s);
void script_s05_resurrect(struct script *s);
void script_s06_bound_callback(struct script *s);
void script_s07_registry(struct script *s);
void script_s08_thread_local(struct script *s);
void script_s09_generator(struct script *s);
void script_s10_exit(struct script *s);
void script_s11_finalize(struct script *s);
void script_s14_distilled(struct script *s);
void script_s15_counting(struct script *s);

#endif
