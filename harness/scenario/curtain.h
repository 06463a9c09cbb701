/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a case: its scope closes, and whatever nobody asked about is looked at. A scenario
 * cannot pass by not looking. */
#ifndef LR_SCENARIO_CURTAIN_H
#define LR_SCENARIO_CURTAIN_H

#include "scenario/play.h"

/* Ends the clients, gives the sessions their budget, audits the ledger and the roles, and writes
 * outcome, verdicts, findings, receipts, sessions and timeline into the play's result. */
void lr_curtain(struct lr_play *play);

#endif
