/* SPDX-License-Identifier: Apache-2.0 */
/* A role of ours as a program of its own: put into the live world, run until it stops, fails or a
 * signal comes, then ended cleanly. What `lastref tracker` and `lastref server` share. */
#ifndef LR_CLI_SERVICE_H
#define LR_CLI_SERVICE_H

#include "base/prng.h"
#include "cli/log.h"
#include "ledger/ledger.h"
#include "rpc/role.h"

struct lr_live;

struct lr_service {
    const char *name; /* "tracker" */
    struct lr_log log;
    struct lr_prng random;
    struct lr_env env; /* for making the role */
    struct lr_live *live;
};

/* What the service asks of its role, which |context| is. */
struct lr_service_ops {
    enum lr_plane plane;
    struct lr_role *(*role)(void *context);
    enum lr_status (*start)(void *context, lr_time now);
    void (*stop)(void *context, lr_time now);
    bool (*stopped)(const void *context);
    const struct lr_error *(*failure)(const void *context);
};

/* Makes the live world and |service->env|. To be given back with lr_service_deinit, on failure,
 * too. LR_ENOMEM, LR_EIO. */
LR_NODISCARD enum lr_status lr_service_init(struct lr_service *service, const char *name,
                                            const struct lr_log_options *log,
                                            enum lr_trace_level silent_level,
                                            struct lr_error *error);
/* Runs the role to its end and takes it out of the world, so that it can be freed. Returns the exit
 * status: 0 also after SIGINT or SIGTERM, of which a second one ends the process at once. */
int lr_service_run(struct lr_service *service, const struct lr_service_ops *ops, void *context);
void lr_service_deinit(struct lr_service *service);

/* Sets |*port_end| where it was not given (0): |usual_end| as in TVM, or just beyond a |port| that
 * is not below that. False: it was given, and is not beyond |port|. */
bool lr_service_port_range(uint16_t port, uint32_t usual_end, uint32_t *port_end);
/* Says in the log what is different from TVM's default where nobody chose a host. */
void lr_service_tell_host(struct lr_service *service, const char *host, bool chosen);
/* Says why the command ends, and returns the exit status for it. */
int lr_service_give_up(struct lr_service *service, const struct lr_error *error);

/* Fills |random| from the system's chance. LR_EIO. */
LR_NODISCARD enum lr_status lr_service_seed(struct lr_prng *random, struct lr_error *error);

#endif
