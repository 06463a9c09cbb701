/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for the ledger's side of links: remembers what a world tells, as lines to compare.
 * Linked into a test instead of the ledger. One at a time. */
#ifndef LR_TEST_LINK_RECORDER_H
#define LR_TEST_LINK_RECORDER_H

#include "ledger/ledger.h"

enum { LR_RECORDED_LINKS_MAX = 16, LR_RECORDED_TEXT_MAX = 128 };

struct lr_recorded_link {
    enum lr_plane plane;
    char client[LR_RECORDED_TEXT_MAX]; /* host name, or address */
    char service[LR_RECORDED_TEXT_MAX];
    int64_t client_pid;
    uint64_t bytes[2];
    unsigned int fins[2];
    unsigned int resets[2];
    unsigned int spoiled;
    unsigned int closed;
    char fault[LR_RECORDED_TEXT_MAX];
    char reason[LR_RECORDED_TEXT_MAX];
    char order[LR_RECORDED_TEXT_MAX]; /* "F>" FIN to the service, "F<" from it, "R>", "R<", "C", "X"
                                         fault */
};

struct lr_link_recorder {
    uint32_t count;
    struct lr_recorded_link links[LR_RECORDED_LINKS_MAX + 1]; /* by number, from 1 */
    unsigned int processes_started;
    unsigned int processes_ended;
};

/* Begins anew. What to hand a world as its ledger. */
struct lr_ledger *lr_link_recorder_start(void);
struct lr_link_recorder *lr_link_recorder(void);

#endif
