/* SPDX-License-Identifier: Apache-2.0 */
/* Faults on the stage, of every kind of the table: when they begin and end, and their receipts. */
#ifndef LR_SCENARIO_STAGE_FAULT_H
#define LR_SCENARIO_STAGE_FAULT_H

#include "base/scarce.h"
#include "scenario/stage.h"

enum { LR_STAGE_GROUP_MAX = 16 }; /* hosts of one side of a partition */

/* What is asked for. */
struct lr_stage_fault_options {
    enum lr_fault_kind kind;
    struct lr_fault fault;     /* of links: all but its chance's generator */
    struct lr_host_fault host; /* of hosts and services: likewise */
    uint32_t link;             /* of links: on this one; 0: the next one to the service |party| */
    struct lr_party *party;    /* whose service, host or process it is */
    struct lr_party *group[LR_STAGE_GROUP_MAX]; /* PARTITION: who is with it, up to NULL */
    uint64_t allocation;                        /* NO_MEMORY: which one; 0: by chance */
    unsigned int times;                         /* STORM */
    uint64_t every_ns;                          /* between them */
    uint64_t delay_ns;                          /* it begins so much later */
    uint64_t lasts_ns; /* is undone so long after it has fired (of links), or begun; 0: not */
    const char *text;  /* what it is called in the receipt; copied */
};

/* One of them. The stage owns it. */
struct lr_stage_fault {
    struct lr_stage_fault_options options;
    struct lr_stage *stage;
    struct lr_fault fault;
    struct lr_host_fault hosts[LR_STAGE_GROUP_MAX + 1];
    struct lr_scarce_alloc scarce;
    bool begun;
    bool over;
    enum lr_status status; /* of its beginning */
    lr_time begins_at;
    lr_time ends_at;
    lr_time again_at; /* STORM: the next one */
    /* the receipt of what no world signs */
    unsigned int fired;
    lr_time fired_at;
    char text[LR_SESSION_TEXT_MAX];
    struct lr_list node;
    struct lr_list timed; /* in the stage's list while its time has to be watched */
};

/* Undoes what a script has done to links and hosts and may have had in mind to undo: faults, hosts
 * off the net, processes that stand still, trackers that are gone. What was to come does not. */
void lr_stage_heal(struct lr_stage *stage);

/* How often, when last, and of links where. */
struct lr_receipt {
    unsigned int fired;
    lr_time at;
    bool of_link;
    uint64_t byte;
    uint32_t link;
};

/* Puts a fault on the stage, now or later. LR_ENOMEM. LR_ENOTSUP: it does not exist here: |error|
 * says why. LR_ENOTFOUND: its link, or host, is gone. */
LR_NODISCARD enum lr_status lr_stage_fault_new(struct lr_stage *stage,
                                               const struct lr_stage_fault_options *options,
                                               struct lr_stage_fault **out, struct lr_error *error);
/* Ends it: what lasts is taken back, what has not happened yet will not. */
void lr_stage_fault_undo(struct lr_stage_fault *fault);
struct lr_receipt lr_stage_fault_receipt(const struct lr_stage_fault *fault);

/* When the next one begins or ends. */
lr_time lr_stage_faults_next(const struct lr_stage *stage);
/* Begins and ends those whose time it is. */
void lr_stage_faults_come(struct lr_stage *stage);
void lr_stage_faults_free(struct lr_stage *stage);

#endif
