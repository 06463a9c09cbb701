/* SPDX-License-Identifier: Apache-2.0 */
/* The workers of a run: processes that are started as they are needed, each behind a guard so that
 * it dies with this process, by whatever death. One that dies, or does not end in time, makes its
 * case invalid, with how it died and its last words; another one takes its place. Not for several
 * threads. */
#ifndef LR_SCENARIO_CREW_H
#define LR_SCENARIO_CREW_H

#include "scenario/player.h"

struct lr_crew;

enum { LR_CREW_MAX = 64 };

struct lr_crew_options {
    struct lr_alloc *alloc;
    const char *const *argv; /* how a worker is started, NULL-terminated; borrowed for its life */
    const char *guard;       /* lastref-guard; NULL: the one beside this executable */
    uint64_t grace_ns;       /* what a case may take beyond its limit until its worker is killed */
    struct lr_trace_sink *trace; /* hears what the workers' roles tell; NULL: nobody reads */
};

/* SIGINT and SIGTERM interrupt the run from here on. LR_ENOMEM, LR_EIO. Free with lr_crew_free. */
LR_NODISCARD enum lr_status lr_crew_new(struct lr_crew **out, const struct lr_crew_options *options,
                                        struct lr_error *error);
struct lr_player *lr_crew_player(struct lr_crew *crew);
/* Tells the workers to leave, and waits for it. LR_EIO: one left badly after its last case was
 * over: a leak that a tool found at its end. */
LR_NODISCARD enum lr_status lr_crew_dismiss(struct lr_crew *crew, struct lr_error *error);
/* Ends those that are left. NULL is fine. */
void lr_crew_free(struct lr_crew *crew);

#endif
