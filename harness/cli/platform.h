/* SPDX-License-Identifier: Apache-2.0 */
/* The little that the commands ask of the operating system beside the world: what time it is on the
 * wall, for log lines, whether a terminal is there, and chance. One source a platform. */
#ifndef LR_CLI_PLATFORM_H
#define LR_CLI_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LR_WALL_TEXT_MAX = 40 };

/* The local time |ago_ns| before now as "2026-11-23 13:54:39.562", or, |iso|, in UTC as
 * "2026-11-23T13:54:39.562Z". Not monotonic: for people alone. Returns |out|. */
const char *lr_platform_wall_time(char out[LR_WALL_TEXT_MAX], uint64_t ago_ns, bool iso);
/* Whether stderr is a terminal that shows colours, and NO_COLOR is not set. */
bool lr_platform_colour(void);
/* |size| unpredictable bytes, at most 256. False: the system has none. */
bool lr_platform_entropy(void *bytes, size_t size);
/* As many descriptors as the system lets this process have. */
void lr_platform_raise_descriptors(void);
/* Makes the folder |path| where there is none. False: there is none, and none can be made. */
bool lr_platform_make_folder(const char *path);
/* How many processors there are for this process; at least 1. */
unsigned int lr_platform_processors(void);
/* The next SIGINT or SIGTERM ends the process at once. */
void lr_platform_signals_default(void);

#endif
