/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the stage. */
#ifndef LR_SCENARIO_STAGE_INTERNAL_H
#define LR_SCENARIO_STAGE_INTERNAL_H

#include "scenario/stage.h"

/* Ends |party|, takes it off the stage, says in the result what it leaves behind, frees it. */
void lr_party_free(struct lr_party *party);

#endif
