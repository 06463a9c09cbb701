/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked at when everybody's part is over, whoever was on the stage: each session, what the
 * servers hold, what the world gave out. Scenarios and explored runs end by the same audit. */
#ifndef LR_SCENARIO_STAGE_AUDIT_H
#define LR_SCENARIO_STAGE_AUDIT_H

#include "scenario/stage.h"

/* Ends who serves nobody: clients, and peers that only connect. */
void lr_stage_end_clients(struct lr_stage *stage);
/* Every session that can be seen is released, and its server requestable again. */
bool lr_stage_all_released(const struct lr_stage *stage);
/* Adds a finding to |result| for all that is not as it should be. */
void lr_stage_audit(struct lr_stage *stage, struct lr_case_result *result);

#endif
