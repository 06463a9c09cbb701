/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/net.h"
#include "rpc/tracker.h"

/* ---- what the system says: /proc ---- */

static bool is_of_group(const char *pid, int64_t group) {
    char path[64];
    char text[512] = {0};
    (void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    /* pid (name) state parent group ..; the name may hold anything */
    const char *behind_name = size == 0 ? NULL : strrchr(text, ')');
    long long parent, found;
    return behind_name != NULL && sscanf(behind_name, ") %*c %lld %lld", &parent, &found) == 2 &&
           found == group;
}

static uint64_t memory_of(const char *pid) {
    char path[64];
    char line[128];
    unsigned long long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%.20s/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "Pss: %llu kB", &kib) != 1) {}
    (void)fclose(file);
    return (uint64_t)kib * 1024;
}

uint64_t bench_group_memory(int64_t group) {
    uint64_t total = 0;
    DIR *processes = opendir("/proc");
    if (processes == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(processes); entry != NULL; entry = readdir(processes)) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            is_of_group(entry->d_name, group)) {
            total += memory_of(entry->d_name);
        }
    }
    (void)closedir(processes);
    return total;
}

/* ---- what the allocator says ---- */

struct counted {
    struct lr_counting_alloc alloc;
    struct lr_prng random;
    struct lr_live *live;
    struct lr_tracker *tracker;
    struct lr_live_host *host;
};

static void start_counted(struct counted *counted) {
    struct lr_error error = {0};
    lr_counting_alloc_init(&counted->alloc, lr_alloc_system());
    lr_prng_init(&counted->random, 1);
    const struct lr_live_options world = {.alloc = &counted->alloc.base};
    const struct lr_env env = {
        .alloc = &counted->alloc.base, .device = &counted->alloc.base, .random = &counted->random};
    struct lr_tracker_options options = lr_tracker_options_default;
    options.port = 0;
    options.port_end = 1;
    if (lr_live_new(&counted->live, &world, &error) != LR_OK ||
        lr_tracker_new(&counted->tracker, &env, &options, &error) != LR_OK ||
        lr_live_add(counted->live, lr_tracker_role(counted->tracker), "tracker", LR_PLANE_CONTROL,
                    &counted->host) != LR_OK ||
        lr_tracker_start(counted->tracker, lr_live_now(counted->live)) != LR_OK) {
        bench_die("no tracker to count: %s", error.text);
    }
    lr_live_drain(counted->host);
    if (lr_tracker_port(counted->tracker) == 0) {
        bench_die("a tracker to count does not listen");
    }
}

/* The farm's own program, connected to the tracker in this process. */
static struct lr_program *start_farm(struct bench *bench, uint16_t port, size_t servers) {
    char path[1024], port_text[16], count_text[24];
    (void)snprintf(path, sizeof path, "%s/lastref-bench-bare", bench->bin);
    (void)snprintf(port_text, sizeof port_text, "%u", (unsigned int)port);
    (void)snprintf(count_text, sizeof count_text, "%zu", servers);
    const char *const argv[] = {path, "farm", port_text, count_text, NULL};
    const struct lr_program_options options = {.name = "farm", .argv = argv, .stepped = true};
    struct lr_error error = {0};
    struct lr_program *program;
    if (lr_program_start(bench->live, &options, &program, &error) != LR_OK) {
        bench_die("%s", error.text);
    }
    return program;
}

double bench_counted_heap(struct bench *bench, size_t servers) {
    struct counted counted = {.live = NULL};
    start_counted(&counted);
    size_t before = counted.alloc.live_bytes;
    struct lr_program *farm = start_farm(bench, lr_tracker_port(counted.tracker), servers);
    lr_time until = lr_time_add(lr_live_now(counted.live), 120 * LR_SECOND);
    /* One connection more: the client's. */
    while (lr_tracker_count(counted.tracker).free < servers ||
           lr_tracker_count(counted.tracker).connections < servers + 1) {
        if (lr_live_now(counted.live) >= until || lr_program_ended(farm, NULL, NULL, NULL)) {
            bench_die("only %zu servers came", lr_tracker_count(counted.tracker).free);
        }
        (void)lr_live_turn(counted.live, lr_time_add(lr_live_now(counted.live), LR_SECOND));
    }
    size_t after = counted.alloc.live_bytes;
    lr_program_free(farm);
    lr_live_remove(counted.host, false);
    lr_tracker_free(counted.tracker);
    lr_live_free(counted.live);
    return (double)(after - before) / (double)servers;
}
