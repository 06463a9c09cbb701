/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that write a scenario. */
#ifndef LR_EXPLORE_SCRIPT_INTERNAL_H
#define LR_EXPLORE_SCRIPT_INTERNAL_H

#include "base/buf.h"
#include "explore/run.h"
#include "explore/shadow.h"

struct lr_scripting {
    const struct lr_plan *plan;
    struct lr_want want;
    struct lr_buf *out;
    struct lr_shadow shadow; /* of the program that is being written */
    enum lr_status status;
};

/* Appends a formatted piece of less than 2000 bytes. */
void lr_scripting_say(struct lr_scripting *script, const char *format, ...) LR_PRINTF(2, 3);
/* Appends |size| bytes as a string of Lua's. */
void lr_scripting_quote(struct lr_scripting *script, const void *bytes, size_t size);
/* "server2": what the host is called, in the script and by itself. */
void lr_scripting_name(const struct lr_scripting *script, unsigned int host,
                       char out[LR_PLAN_NAME_MAX]);
/* A key of the plan's as a string of Lua's. */
void lr_scripting_key(struct lr_scripting *script, unsigned int key);
/* The faults that come as |actor| begins |step|, or has |begun| it; how many those are. Behind the
 * step of the latter |once| is called. */
unsigned int lr_scripting_faults(struct lr_scripting *script, unsigned int actor, unsigned int step,
                                 bool begun);
/* What the scripts of raw peers have in common, the beginning of one's steps, and one of them. */
void lr_scripting_peer_words(struct lr_scripting *script);
void lr_scripting_peer_head(struct lr_scripting *script);
void lr_scripting_peer_step(struct lr_scripting *script, unsigned int actor, unsigned int number);
/* Liars: their words, what each is in the cast, what it does, and what is looked at in the end. */
bool lr_scripting_has_liars(const struct lr_scripting *script);
/* The first one that stands as a server; LR_HOST_TRACKER: none does. */
unsigned int lr_scripting_liar_host(const struct lr_scripting *script);
void lr_scripting_liar_words(struct lr_scripting *script);
void lr_scripting_liar_cast(struct lr_scripting *script, unsigned int actor, const char *name);
void lr_scripting_liar(struct lr_scripting *script, unsigned int actor, const char *name);
void lr_scripting_liar_end(struct lr_scripting *script);
/* The options that say for how long somebody waits. */
void lr_scripting_patience(struct lr_scripting *script, bool serves_data);
/* Likewise of programs; which runtime one has, as an option; what it does on the wire. */
void lr_scripting_owner_words(struct lr_scripting *script);
void lr_scripting_owner_runtime(struct lr_scripting *script, unsigned int actor);
void lr_scripting_owner_head(struct lr_scripting *script, unsigned int actor, const char *client);
void lr_scripting_owner_step(struct lr_scripting *script, const char *client,
                             const struct lr_plan_step *step);
void lr_scripting_owner_request(struct lr_scripting *script, const char *client,
                                const struct lr_plan_step *step);
void lr_scripting_owner_call(struct lr_scripting *script, const char *client,
                             const struct lr_plan_step *step);
/* What a request is for, and its options. */
void lr_scripting_request(struct lr_scripting *script, const struct lr_plan_step *step);
/* An actor as a function of its own. */
void lr_scripting_actor(struct lr_scripting *script, unsigned int actor);

/* What was found is asked for: words for it, before and after a step of an actor that is called
 * |name|, behind an actor's last step, as all begins, when all have done their steps, and at the
 * end of all. */
void lr_scripting_want_words(struct lr_scripting *script);
void lr_scripting_want_before(struct lr_scripting *script, unsigned int actor, unsigned int step,
                              const char *name);
void lr_scripting_want_after(struct lr_scripting *script, unsigned int actor, unsigned int step,
                             const char *name);
/* Within a step another word stands for the one that lets everything pass: a block is begun. */
bool lr_scripting_want_instead(struct lr_scripting *script, unsigned int actor, unsigned int step);
void lr_scripting_want_of_actor(struct lr_scripting *script, unsigned int actor);
void lr_scripting_want_in_time(struct lr_scripting *script);
void lr_scripting_want_done(struct lr_scripting *script);
void lr_scripting_want_last(struct lr_scripting *script);
/* What a peer says in its step has to be answered rightly. */
bool lr_scripting_wants_answer(const struct lr_scripting *script, unsigned int actor,
                               unsigned int step);

#endif
