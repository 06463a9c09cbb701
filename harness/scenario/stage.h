/* SPDX-License-Identifier: Apache-2.0 */
/* The stage of one case: its world, its ledger, and everybody in it, kept in the order of their
 * coming so that they leave in the reverse. No Lua in here: the words of the scripts act on it. One
 * thread. */
#ifndef LR_SCENARIO_STAGE_H
#define LR_SCENARIO_STAGE_H

#include "ledger/budget.h"
#include "ledger/result.h"
#include "mocks/peers/raw.h"
#include "mocks/peers/recorded.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc/tracker.h"
#include "scenario/torture.h"
#include "scenario/tvm.h"
#include "trace/digest.h"
#include "world/live.h"
#include "world/sim.h"

enum lr_party_kind {
    LR_PARTY_TRACKER, /* ours */
    LR_PARTY_SERVER,
    LR_PARTY_CLIENT,
    LR_PARTY_PROGRAM,  /* a foreign one, in whatever role */
    LR_PARTY_RECORDED, /* a recorded peer: plays one side of a capture */
    LR_PARTY_PEER      /* a raw peer: says what the script makes it say */
};

enum { LR_PARTY_NAME_MAX = 64 };

struct lr_runtime;

/* Somebody on the stage. */
struct lr_party {
    enum lr_party_kind kind;
    char name[LR_PARTY_NAME_MAX];
    struct lr_stage *stage;
    struct lr_counting_alloc memory; /* what the role holds, of the host's: counted */
    struct lr_prng random;
    union {
        struct lr_tracker *tracker;
        struct lr_server *server;
        struct lr_client *client;
        struct lr_recorded *recorded;
        struct lr_raw *raw;
    } role;
    struct lr_host *host;        /* NULL for programs, and after the end */
    struct lr_program *program;  /* NULL for roles */
    struct lr_relay *relay;      /* before a foreign service; may be NULL */
    struct lr_address service;   /* where others reach it; port 0: it serves nobody */
    char key[LR_PARTY_NAME_MAX]; /* servers */
    struct lr_party *tracker;    /* which one it was told of; NULL: none */
    struct lr_runtime
        *runtime;        /* clients: in which model of a language its sessions live; or NULL */
    unsigned int starts; /* how often it was started anew */
    bool serves;         /* recorded and raw peers: others connect to it */
    bool ended;
    struct lr_list node;
};

/* A result of a client's operation, until whoever waits for it takes it. */
struct lr_arrived {
    struct lr_party *client;
    struct lr_result result;
    struct lr_list node;
};

struct lr_stage_options {
    struct lr_alloc *alloc;
    const char *world; /* "live" (NULL, too) or "sim"; borrowed */
    uint64_t seed;
    struct lr_case_result *result; /* borrowed; NULL: nobody reads (calibration) */
    const struct lr_calibration *calibration;
    const struct lr_tvm *tvm;    /* which real TVM there is; borrowed */
    struct lr_trace_sink *trace; /* NULL: nobody reads */
    bool without_digest;         /* events that nobody reads are not put into words: for a search
                                    through many cases, which plays what it finds once more */
    const struct lr_sim_options *sim; /* how the simulated world is; NULL: as usual; borrowed */
    struct lr_torture_point *torture; /* what fails of the roles' doing; borrowed; NULL: nothing */
};

struct lr_stage {
    struct lr_stage_options options;
    struct lr_alloc *alloc;
    struct lr_world *world;
    struct lr_live *live; /* the same, where it is the live one; else NULL */
    struct lr_ledger *ledger;
    struct lr_prng random;
    struct lr_trace ledger_trace;
    struct lr_trace_sink
        refusals; /* of roles and the live world: what is refused is on the timeline, too */
    struct lr_digest digest; /* reads along where the world has an exact history */
    lr_time began;
    unsigned int numbers[LR_PARTY_PEER + 1]; /* for default names: server1, server2 */
    struct lr_list parties;
    struct lr_list arrived;
    struct lr_list faults;
    struct lr_list timed_faults; /* of these, whose time has to be watched */
    size_t fault_count;
    bool disturbed;                           /* lr_stage_disturb */
    struct lr_party *probe;                   /* a client of the harness's own, for SUMMARY */
    struct lr_counting_alloc tortured_memory; /* of the roles that are tortured */
    struct lr_sim_torture tortured_calls;
    bool sparing; /* who comes now is the harness's own */
};

/* LR_ENOMEM, LR_EIO. Free with lr_stage_free. */
LR_NODISCARD enum lr_status
lr_stage_new(struct lr_stage **out, const struct lr_stage_options *options, struct lr_error *error);
/* Ends programs, roles and world, and adds to the result what is left that should not be. */
void lr_stage_free(struct lr_stage *stage);

/* One turn of the world; results of operations are gathered into |arrived|. False: interrupted. */
bool lr_stage_turn(struct lr_stage *stage, lr_time until);

/* Our roles. |name| NULL: one is made up. Each is started, and drained; whether it is up shows
 * later. */
LR_NODISCARD enum lr_status lr_stage_tracker(struct lr_stage *stage, const char *name,
                                             const struct lr_tracker_options *options,
                                             struct lr_party **out, struct lr_error *error);
/* |tracker| is told to it as its tracker; may be NULL. */
LR_NODISCARD enum lr_status lr_stage_server(struct lr_stage *stage, const char *name,
                                            struct lr_server_options *options,
                                            struct lr_party *tracker, struct lr_party **out,
                                            struct lr_error *error);
LR_NODISCARD enum lr_status lr_stage_client(struct lr_stage *stage, const char *name,
                                            struct lr_client_options *options,
                                            struct lr_party *tracker, struct lr_party **out,
                                            struct lr_error *error);
/* A recorded peer; |lines| are a capture's (copied). */
LR_NODISCARD enum lr_status lr_stage_recorded(struct lr_stage *stage, const char *name,
                                              const struct lr_recorded_options *options,
                                              const void *lines, size_t size, struct lr_party **out,
                                              struct lr_error *error);
/* A raw peer. |host| NULL: it only connects; else it listens there as a service of |plane|. */
LR_NODISCARD enum lr_status lr_stage_peer(struct lr_stage *stage, const char *name,
                                          const char *host, enum lr_plane plane,
                                          struct lr_party **out, struct lr_error *error);
/* A foreign program. */
struct lr_stage_program {
    const char *name;
    const char *const *argv;
    const char *const *env;
    bool stepped;
};
LR_NODISCARD enum lr_status lr_stage_program(struct lr_stage *stage,
                                             const struct lr_stage_program *options,
                                             struct lr_party **out, struct lr_error *error);
/* True when it is ready to be used: listening, and registered where it has a tracker. LR_OK with
 * false in
 * |*ready|: not yet. An error: it never will be. */
enum lr_status lr_party_ready(struct lr_party *party, bool *ready, struct lr_error *error);

/* Ends a party: a role is taken out of the world (|graceful|: with FIN, as when it stops; else as
 * when its process is killed), a program's group is killed. The party stays on the stage, ended. */
void lr_party_end(struct lr_party *party, bool graceful);

/* Its host is off the net, below TCP, and nobody is told; and back. In the live world where each
 * party is a host of its own: else LR_ENOTSUP. LR_ENOTFOUND: it has ended. LR_EIO. */
enum lr_status lr_party_lose(struct lr_party *party);
void lr_party_find(struct lr_party *party);

/* The result of |op| of |client|, moved into |*out|. False: not there yet. */
bool lr_stage_take_result(struct lr_stage *stage, struct lr_party *client, lr_op op,
                          struct lr_result *out);

/* Lets go of a result that nobody hands on, of its session, too. */
void lr_stage_drop_result(struct lr_stage *stage, struct lr_result *result);
/* The number in the ledger of a session that |client| holds; 0: its connection has gone, or was
 * never seen. */
uint32_t lr_stage_account(const struct lr_party *client, const struct lr_session *session);
/* Starts a server or tracker of ours anew that has been killed, as it was asked for, at its port.
 * LR_ENOTSUP: it is none of these; LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_party_restart(struct lr_party *party, struct lr_error *error);

/* From now on links are slow, or hosts stand still or are off the net: how soon what nobody asked
 * about must be over is not exact any more. */
void lr_stage_disturb(struct lr_stage *stage);

/* Whether the point of torture has been reached: from then on only the audit counts. */
bool lr_stage_tortured(const struct lr_stage *stage);

/* Of all that has happened so far; 0 in a world whose history is never the same twice, and on a
 * stage without one. */
uint64_t lr_stage_digest(const struct lr_stage *stage);

/* Since the case began. */
lr_time lr_stage_elapsed(const struct lr_stage *stage, lr_time at);

#endif
