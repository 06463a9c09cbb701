/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/platform.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#include "base/time.h"

const char *lr_platform_wall_time(char out[LR_WALL_TEXT_MAX], uint64_t ago_ns, bool iso) {
    struct timespec now = {0};
    (void)timespec_get(&now, TIME_UTC);
    int64_t ms =
        (int64_t)now.tv_sec * 1000 + now.tv_nsec / (int64_t)LR_MS - (int64_t)(ago_ns / LR_MS);
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts = {0};
    if (iso) {
        (void)gmtime_r(&seconds, &parts);
    } else {
        (void)localtime_r(&seconds, &parts);
    }
    char day[LR_WALL_TEXT_MAX / 2];
    char clock_text[LR_WALL_TEXT_MAX / 4];
    (void)strftime(day, sizeof day, "%Y-%m-%d", &parts);
    (void)strftime(clock_text, sizeof clock_text, "%H:%M:%S", &parts);
    (void)snprintf(out, LR_WALL_TEXT_MAX, "%s%c%s.%03d%s", day, iso ? 'T' : ' ', clock_text,
                   (int)(ms % 1000), iso ? "Z" : "");
    return out;
}

bool lr_platform_colour(void) {
    const char *refused = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool dumb = term == NULL || (term[0] == 'd' && term[1] == 'u' && term[2] == 'm');
    return (refused == NULL || refused[0] == '\0') && !dumb && isatty(STDERR_FILENO);
}

bool lr_platform_entropy(void *bytes, size_t size) {
    return getentropy(bytes, size) == 0;
}

void lr_platform_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* less is no failure: accepting stops there */
    }
}

unsigned int lr_platform_processors(void) {
    long count = 0;
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        count = CPU_COUNT(&set);
    }
#endif
    count = count > 0 ? count : sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned int)count : 1;
}

void lr_platform_signals_default(void) {
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
}

bool lr_platform_make_folder(const char *path) {
    struct stat there;
    return mkdir(path, 0777) == 0 || (stat(path, &there) == 0 && S_ISDIR(there.st_mode));
}
