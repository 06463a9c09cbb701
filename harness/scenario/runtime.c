/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/runtime.h"

#include <stdio.h>
#include <string.h>

#include "mocks/heap/path.h"
#include "mocks/heap/run.h"
#include "scenario/words_runtime.h"

static struct lr_alloc *alloc_of(const struct lr_runtime *runtime) {
    return runtime->client->stage->alloc;
}

static lr_time now_of(const struct lr_runtime *runtime) {
    return lr_world_now(runtime->client->stage->world);
}

static void drain(const struct lr_runtime *runtime) {
    if (runtime->client->host != NULL) {
        lr_world_drain(runtime->client->host);
    }
}

enum lr_status lr_runtime_new(struct lr_play *play, struct lr_party *client,
                              const struct lr_runtime_options *options) {
    struct lr_alloc *alloc = client->stage->alloc;
    struct lr_runtime *runtime = LR_NEW(alloc, struct lr_runtime);
    if (runtime == NULL) {
        return LR_ENOMEM;
    }
    runtime->play = play;
    runtime->client = client;
    runtime->kind = options->kind;
    runtime->kind_known = options->kind_known;
    lr_list_init(&runtime->held);
    lr_list_init(&runtime->loose);
    lr_list_init(&runtime->threads);
    lr_list_init(&runtime->labels);
    lr_list_init(&runtime->remotes);
    enum lr_status status = LR_OK;
    if (options->kind == LR_RUNTIME_PYTHON) {
        status = lr_heap_new(&runtime->heap, alloc, options->python, NULL);
    } else if (options->kind == LR_RUNTIME_NATIVE) {
        status = lr_native_new(&runtime->native, alloc);
    }
    if (status != LR_OK) {
        LR_FREE(alloc, runtime);
        return status;
    }
    if (runtime->heap != NULL) {
        lr_heap_watch(&runtime->outermost, lr_heap_frame(runtime->heap));
    }
    client->runtime = runtime;
    return LR_OK;
}

static void free_nodes(struct lr_runtime *runtime) {
    struct lr_alloc *alloc = alloc_of(runtime);
    LR_LIST_EACH (node, &runtime->held) {
        struct lr_runtime_session *held = LR_CONTAINER_OF(node, struct lr_runtime_session, node);
        lr_session_unref(held->session, now_of(runtime), "the runtime's end");
        lr_heap_unwatch(&held->object);
        LR_FREE(alloc, held);
    }
    LR_LIST_EACH (node, &runtime->loose) {
        struct lr_runtime_loose *loose = LR_CONTAINER_OF(node, struct lr_runtime_loose, node);
        lr_heap_unwatch(&loose->frame);
        LR_FREE(alloc, loose);
    }
    LR_LIST_EACH (node, &runtime->threads) {
        struct lr_runtime_thread *thread = LR_CONTAINER_OF(node, struct lr_runtime_thread, node);
        LR_FREE(alloc, thread);
    }
    LR_LIST_EACH (node, &runtime->labels) {
        struct lr_runtime_label *label = LR_CONTAINER_OF(node, struct lr_runtime_label, node);
        LR_FREE(alloc, label);
    }
    LR_LIST_EACH (node, &runtime->remotes) {
        struct lr_runtime_remote *remote = LR_CONTAINER_OF(node, struct lr_runtime_remote, node);
        lr_heap_unwatch(&remote->object);
        LR_FREE(alloc, remote);
    }
}

void lr_runtime_free(struct lr_runtime *runtime) {
    if (runtime == NULL) {
        return;
    }
    struct lr_alloc *alloc = alloc_of(runtime);
    struct lr_party *client = runtime->client;
    free_nodes(runtime);
    lr_heap_unwatch(&runtime->outermost);
    lr_heap_free(runtime->heap);
    lr_native_free(runtime->native);
    lr_result_lines_free(alloc, &runtime->events);
    client->runtime = NULL;
    LR_FREE(alloc, runtime);
}

enum lr_status lr_runtime_session_new(struct lr_runtime *runtime, struct lr_session *session,
                                      struct lr_runtime_session **out) {
    struct lr_runtime_session *held = LR_NEW(alloc_of(runtime), struct lr_runtime_session);
    if (held == NULL) {
        lr_session_unref(session, now_of(runtime), "no memory");
        drain(runtime);
        return LR_ENOMEM;
    }
    held->runtime = runtime;
    held->session = session;
    held->account = lr_stage_account(runtime->client, session);
    lr_list_append(&runtime->held, &held->node);
    *out = held;
    return LR_OK;
}

void lr_runtime_session_let_go(struct lr_runtime_session *held, const char *why) {
    struct lr_runtime *runtime = held->runtime;
    struct lr_session *session = held->session;
    lr_time now = now_of(runtime);
    held->native = NULL;
    (void)lr_result_lines_add(alloc_of(runtime), &runtime->events, now, "session %u released: %s",
                              held->account, why);
    if (session == NULL || runtime->client->host == NULL) {
        return; /* nobody is left to tell the server */
    }
    held->session = NULL;
    if (!lr_session_closed(session)) {
        lr_words_mark(runtime->play, LR_CAUSE_LAST_REFERENCE, now, now, "%s: %s",
                      runtime->client->name, why);
        held->mark = runtime->play->mark;
    }
    lr_session_unref(session, now, "the model");
    drain(runtime);
}

void lr_runtime_session_close(struct lr_runtime_session *held, enum lr_cause cause) {
    struct lr_runtime *runtime = held->runtime;
    lr_time now = now_of(runtime);
    if (held->session == NULL || lr_session_closed(held->session) ||
        runtime->client->host == NULL) {
        return;
    }
    lr_words_mark(runtime->play, cause, now, now, "%s: %s", runtime->client->name,
                  lr_cause_name(cause));
    held->mark = runtime->play->mark;
    lr_session_close(held->session, now);
    drain(runtime);
}

bool lr_runtime_session_alive(const struct lr_runtime_session *held) {
    bool process = !held->runtime->ended && !held->runtime->client->ended;
    return process && (held->object.object != NULL || held->native != NULL);
}

struct lr_runtime_session *lr_runtime_session_of(const struct lr_runtime *runtime,
                                                 const struct lr_object *object) {
    LR_LIST_EACH (node, &runtime->held) {
        struct lr_runtime_session *held = LR_CONTAINER_OF(node, struct lr_runtime_session, node);
        if (object != NULL && held->object.object == object) {
            return held;
        }
    }
    return NULL;
}

/* The model's path, in which objects and the edges between them alternate. */
static void copy_path(struct lr_retention *retention, const struct lr_heap_path *path) {
    const char *via = "";
    bool suspect = false;
    for (size_t i = 0; i < path->hop_count; i++) {
        const struct lr_heap_hop *hop = &path->hops[i];
        suspect = suspect || hop->suspect;
        switch (hop->kind) {
        case LR_HOP_ROOT:
        case LR_HOP_CYCLE:
            lr_retention_set_root(retention, "%s", hop->text);
            break;
        case LR_HOP_EDGE:
            via = hop->text;
            break;
        case LR_HOP_ELIDED:
            lr_retention_leave_out(retention, path->elided_count);
            break;
        case LR_HOP_OBJECT:
            lr_retention_add(retention, via, hop->text, LR_HOP_UNKNOWN, hop->in_cycle);
            if (suspect) {
                lr_retention_suspect(retention);
            }
            via = "";
            suspect = false;
            break;
        }
    }
}

static void add_native_hop(void *context, const char *via, const char *name, bool in_cycle) {
    lr_retention_add(context, via, name, LR_HOP_UNKNOWN, in_cycle);
}

bool lr_runtime_session_retention(const struct lr_runtime_session *held,
                                  struct lr_retention *retention) {
    const struct lr_runtime *runtime = held->runtime;
    struct lr_stage *stage = runtime->client->stage;
    if (!lr_runtime_session_alive(held)) {
        return false;
    }
    lr_time now = now_of(runtime);
    lr_retention_init(retention, held->account, lr_stage_elapsed(stage, now));
    if (runtime->heap != NULL) {
        struct lr_heap_path path;
        if (lr_heap_find_path(runtime->heap, held->object.object, &path) != LR_OK) {
            return false;
        }
        copy_path(retention, &path);
        if (path.remedy[0] != '\0') {
            lr_retention_way(retention, "%s", path.remedy);
        }
    } else {
        char root[LR_HOP_NAME_MAX];
        bool garbage = lr_native_path(runtime->native, held->native, root, sizeof root,
                                      add_native_hop, retention);
        lr_retention_set_root(retention, "%s", root);
        if (!garbage) {
            lr_retention_way(retention, "reset() of that handle");
        }
    }
    const struct lr_account *account =
        held->account == 0 ? NULL : lr_ledger_account(stage->ledger, held->account);
    if (account != NULL) {
        lr_retention_way_of_server(retention, account, now);
    }
    lr_retention_conclude(retention);
    return true;
}

enum lr_status lr_runtime_loose_add(struct lr_runtime *runtime, struct lr_object *object) {
    struct lr_runtime_loose *loose = LR_NEW(alloc_of(runtime), struct lr_runtime_loose);
    if (loose == NULL) {
        lr_heap_drop(runtime->heap, object);
        return LR_ENOMEM;
    }
    loose->object = object;
    lr_heap_watch(&loose->frame, lr_heap_frame(runtime->heap));
    lr_list_append(&runtime->loose, &loose->node);
    return LR_OK;
}

static void drop_loose(struct lr_runtime *runtime, struct lr_runtime_loose *loose) {
    struct lr_object *object = loose->object;
    lr_list_remove(&loose->node);
    lr_heap_unwatch(&loose->frame);
    LR_FREE(alloc_of(runtime), loose);
    lr_heap_drop(runtime->heap, object); /* last: it may call back */
}

void lr_runtime_loose_drop(struct lr_runtime *runtime, const struct lr_object *object) {
    LR_LIST_EACH (node, &runtime->loose) {
        struct lr_runtime_loose *loose = LR_CONTAINER_OF(node, struct lr_runtime_loose, node);
        if (loose->object == object) {
            drop_loose(runtime, loose);
            return;
        }
    }
}

void lr_runtime_loose_drop_frame(struct lr_runtime *runtime) {
    const struct lr_object *frame = lr_heap_frame(runtime->heap);
    bool again = true;
    while (again) { /* from the front each time: what goes may take others along */
        again = false;
        LR_LIST_EACH (node, &runtime->loose) {
            struct lr_runtime_loose *loose = LR_CONTAINER_OF(node, struct lr_runtime_loose, node);
            if (!again && loose->frame.object == frame) {
                drop_loose(runtime, loose);
                again = true;
            }
        }
    }
}

enum lr_status lr_runtime_label_new(struct lr_runtime *runtime, const char *text,
                                    struct lr_runtime_label **out) {
    struct lr_runtime_label *label = LR_NEW(alloc_of(runtime), struct lr_runtime_label);
    if (label == NULL) {
        return LR_ENOMEM;
    }
    label->runtime = runtime;
    (void)snprintf(label->text, sizeof label->text, "%s", text);
    lr_list_append(&runtime->labels, &label->node);
    *out = label;
    return LR_OK;
}

void lr_runtime_label_called(struct lr_heap *heap, void *context) {
    struct lr_runtime_label *label = context;
    (void)heap;
    (void)lr_result_lines_add(alloc_of(label->runtime), &label->runtime->events,
                              now_of(label->runtime), "%s", label->text);
}

enum lr_status lr_runtime_remote_new(struct lr_runtime_session *held,
                                     struct lr_runtime_remote **out) {
    struct lr_runtime_remote *remote = LR_NEW(alloc_of(held->runtime), struct lr_runtime_remote);
    if (remote == NULL) {
        return LR_ENOMEM;
    }
    remote->session = held;
    lr_list_append(&held->runtime->remotes, &remote->node);
    *out = remote;
    return LR_OK;
}

void lr_runtime_remote_let_go(struct lr_runtime_remote *remote) {
    struct lr_runtime_session *held = remote->session;
    if (held->session == NULL || lr_session_closed(held->session) ||
        held->runtime->client->host == NULL) {
        return; /* it went with its session */
    }
    lr_op op = 0; /* its result is left to the stage */
    lr_time now = now_of(held->runtime);
    enum lr_status status =
        remote->kind == LR_RESULT_NULL
            ? lr_session_free_data(held->session, now, &remote->tensor, &op)
            : lr_session_free_handle(held->session, now, remote->handle, remote->kind, &op);
    if (status == LR_OK) {
        drain(held->runtime);
    }
}

/* Told already: by a held_by of the script. */
static bool is_told(const struct lr_case_result *result, const struct lr_retention *retention) {
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        if (r->session == retention->session && r->fingerprint == retention->fingerprint) {
            return true;
        }
    }
    return false;
}

static void explain_runtime(const struct lr_runtime *runtime, struct lr_case_result *result,
                            uint32_t only) {
    struct lr_retention retention;
    LR_LIST_EACH (node, &runtime->held) {
        const struct lr_runtime_session *held =
            LR_CONTAINER_OF(node, struct lr_runtime_session, node);
        if ((only == 0 || held->account == only) &&
            lr_runtime_session_retention(held, &retention) && !is_told(result, &retention)) {
            (void)lr_case_result_retain(result, &retention); /* it counts what it cannot keep */
        }
    }
}

void lr_runtime_explain(struct lr_play *play, uint32_t only) {
    LR_LIST_EACH (node, &play->stage->parties) {
        const struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (party->runtime != NULL && !party->runtime->ended && !party->ended) {
            explain_runtime(party->runtime, play->result, only);
        }
    }
}
