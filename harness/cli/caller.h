/* SPDX-License-Identifier: Apache-2.0 */
/* A client of ours in the live world, for programs that ask one thing after the other: `lastref
 * query`, `lastref call`. Whatever way such a program ends, lr_caller_deinit closes its sessions on
 * the wire. */
#ifndef LR_CLI_CALLER_H
#define LR_CLI_CALLER_H

#include "base/prng.h"
#include "cli/log.h"
#include "rpc/client.h"

struct lr_live;
struct lr_live_host;

/* NOLINTBEGIN(bugprone-macro-parentheses): |type| and |member| name a type and a member. */
/* Rows for the client's times, |member| being the struct lr_client_options in |type|. */
#define LR_CALLER_OPTIONS(type, member)                                                            \
    {LR_OPTION(LR_OPTION_SECONDS, "handshake", "SECONDS", type, member.handshake_ns,               \
               "for each step until a peer has shown who it is"),                                  \
     .min = LR_MS},                                                                                \
        LR_PATIENCE_OPTIONS(type, member)
/* NOLINTEND(bugprone-macro-parentheses) */

struct lr_caller {
    const char *name; /* "query" */
    struct lr_log log;
    struct lr_prng random;
    struct lr_live *live;
    struct lr_client *client;
    struct lr_live_host *host;
    uint64_t goodbye_ns; /* how long a server may take to read our Shutdown and to close */
};

/* Makes the world and the client in it; of the log only warnings and errors show, unless |log|
 * wants more. To be given back with lr_caller_deinit, on failure, too. LR_ENOMEM, LR_EINVAL,
 * LR_EIO. */
LR_NODISCARD enum lr_status lr_caller_init(struct lr_caller *caller, const char *name,
                                           const struct lr_log_options *log,
                                           const struct lr_client_options *client,
                                           struct lr_error *error);
/* Closes every session with Shutdown, gives their peers the client's |linger_ns| to see it, frees
 * everything. The caller has let go of its references. */
void lr_caller_deinit(struct lr_caller *caller);

lr_time lr_caller_now(const struct lr_caller *caller);
/* Turns the world until |op| has ended: its result, whose own error says how. Results of other
 * operations are dropped. LR_ETIMEOUT: |until| came first; LR_ECANCELED: SIGINT or SIGTERM did. */
LR_NODISCARD enum lr_status lr_caller_wait(struct lr_caller *caller, lr_op op, lr_time until,
                                           struct lr_result *result);
/* Turns the world until |until|. False: SIGINT or SIGTERM came. */
LR_NODISCARD bool lr_caller_pass(struct lr_caller *caller, lr_time until);

/* The exit status for |error|, after saying it on stderr; after a signal the status that tells it.
 */
int lr_caller_fail(struct lr_caller *caller, const struct lr_error *error);

#endif
