/* SPDX-License-Identifier: Apache-2.0 */
/* The fault-free round at the start of a live run: how long this machine takes to release sessions
 * of ours that are closed. Budgets are five times its slowest where that is more than the stated
 * ones. */
#ifndef LR_SCENARIO_CALIBRATE_H
#define LR_SCENARIO_CALIBRATE_H

#include "ledger/budget.h"

enum { LR_CALIBRATION_ROUNDS = 8 };

/* Runs |rounds| whole sessions. LR_EIO, LR_ENOMEM, LR_ETIMEOUT with a sentence: the machine's
 * loopback, or our own server, does not work as it should. */
LR_NODISCARD enum lr_status lr_calibrate(struct lr_alloc *alloc, unsigned int rounds,
                                         struct lr_calibration *calibration,
                                         struct lr_error *error);

#endif
