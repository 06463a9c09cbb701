/* SPDX-License-Identifier: Apache-2.0 */
/* The descendants of a process, from the system. Also used by the guard, which links nothing else.
 */
#ifndef LR_WORLD_LIVE_FAMILY_H
#define LR_WORLD_LIVE_FAMILY_H

#include <stddef.h>

enum { LR_FAMILY_MAX = 1024 }; /* processes of one program; more are found in later rounds */

/* Writes the pids of all descendants of |ancestor|, parents before children, at most |max|. Returns
 * how many; 0 where the platform does not tell (all but Linux). Processes that have ended and are
 * not reaped are among them. */
size_t lr_family_list(long ancestor, long *members, size_t max);

#endif
