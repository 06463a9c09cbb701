/* SPDX-License-Identifier: Apache-2.0 */
/* lastref explore: plays made-up cases by the thousand, and writes what breaks as a scenario. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/explore_one.h"
#include "cli/options.h"
#include "cli/platform.h"
#include "explore/impossible.h"
#include "explore/tally_json.h"
#include "explore/team.h"
#include "world/live.h"

enum { WORKER_PATH_MAX = 4096 };

struct explore_settings {
    const char *seeds;
    const char *shard;
    const char *json;
    const char *found;
    const char *seed; /* one to be played again */
    uint64_t for_ns;
    uint64_t hang_ns;
    unsigned int jobs;
    bool keep_going;
    bool small;
    bool events;
    bool worker;
};

static const struct lr_option explore_options[] = {
    {LR_OPTION(LR_OPTION_TEXT, "seeds", "A..B", struct explore_settings, seeds,
               "the seeds that are played, both included (1.. unless said)")},
    {LR_OPTION(LR_OPTION_SECONDS, "for", "SECONDS", struct explore_settings, for_ns,
               "ends after so long; 0: when the seeds are at an end")},
    {LR_OPTION(LR_OPTION_COUNT, "jobs", "N", struct explore_settings, jobs,
               "processes that play (0: one a processor)"),
     .max = LR_TEAM_MAX},
    {LR_OPTION(LR_OPTION_TEXT, "shard", "I/N", struct explore_settings, shard,
               "plays the I-th of N shares of the seeds")},
    {LR_OPTION(LR_OPTION_FLAG, "keep-going", NULL, struct explore_settings, keep_going,
               "goes on when something was found")},
    {LR_OPTION(LR_OPTION_TEXT, "found", "FOLDER", struct explore_settings, found,
               "where what was found is written, shrunk, as scenarios")},
    {LR_OPTION(LR_OPTION_TEXT, "json", "FILE", struct explore_settings, json,
               "writes what was played, found and reached")},
    {LR_OPTION(LR_OPTION_TEXT, "seed", "N", struct explore_settings, seed,
               "plays this one here, and prints its plan as a scenario")},
    {LR_OPTION(LR_OPTION_FLAG, "small", NULL, struct explore_settings, small,
               "of --seed: made as small as what it finds allows, first")},
    {LR_OPTION(LR_OPTION_FLAG, "events", NULL, struct explore_settings, events,
               "of --seed: tells all that happens, each at its time")},
    {LR_OPTION(LR_OPTION_SECONDS, "hang", "SECONDS", struct explore_settings, hang_ns,
               "what does not end in so long is a finding"),
     .min = LR_SECOND},
    {LR_OPTION(LR_OPTION_FLAG, "worker", NULL, struct explore_settings, worker,
               "takes orders from another lastref explore; not for people")},
};

static const struct lr_command_line explore_line = {
    .command = "lastref explore",
    .operands = "",
    .summary =
        "Makes up cases from seeds - servers, clients, what they do, what meets them -, plays\n"
        "them in the simulated world, and judges every session. What breaks is shrunk.\n",
    .epilogue =
        "Exit status: 0 nothing was found, 1 something was, 2 wrong usage, 4 lastref failed.\n"
        "docs/explore.md tells more.\n",
    .options = explore_options,
    .option_count = LR_COUNT_OF(explore_options),
};

static int complain(const struct lr_error *error) {
    (void)fprintf(stderr, "lastref explore: %s\n", error->text);
    return LR_EXIT_HARNESS;
}

/* "A<between>B"; |last| stays where only "A<between>" is there. */
static bool read_pair(const char *text, const char *between, uint64_t *first, uint64_t *last) {
    const char *at = strstr(text, between);
    if (at == NULL) {
        return false;
    }
    struct lr_text before = {text, (size_t)(at - text)};
    struct lr_text after = lr_text_of(at + strlen(between));
    return lr_text_to_u64(before, INT64_MAX, first) == LR_OK &&
           (after.size == 0 || lr_text_to_u64(after, INT64_MAX, last) == LR_OK);
}

/* ---- many ---- */

static void tell_progress(void *context, const struct lr_tally *tally, uint64_t took_ns) {
    (void)context;
    (void)fprintf(stderr, "\r%" PRIu64 " runs, %u kinds of findings, %" PRIu64 " s ", tally->runs,
                  tally->finding_count, took_ns / LR_SECOND);
    (void)fflush(stderr);
}

/* Behaviours that were reached, and that were missed. */
static void count_tuples(const struct lr_tally *tally, unsigned int *reached,
                         unsigned int *missed) {
    struct lr_reach_tuple tuple = {0};
    *reached = 0;
    *missed = 0;
    do {
        bool there = *lr_reach_at((struct lr_reach *)&tally->reach, &tuple) > 0;
        *reached += there;
        *missed += !there && lr_impossible(&tuple) == NULL;
    } while (lr_reach_next(&tuple));
}

static void tell_end(const struct lr_tally *tally, uint64_t took_ns) {
    unsigned int reached;
    unsigned int missed;
    uint64_t took_ms = took_ns / LR_MS;
    count_tuples(tally, &reached, &missed);
    for (unsigned int i = 0; i < tally->finding_count; i++) {
        const struct lr_tally_finding *finding = &tally->findings[i];
        (void)printf("FOUND      seed %" PRIu64 ", %" PRIu64 " runs: %s\n", finding->seed,
                     finding->count, finding->text);
        if (finding->file[0] != '\0') {
            (void)printf("    %" PRIu64 " operations, after %" PRIu64 " runs; repeats: %s\n"
                         "    lastref run %s --world sim --seed %" PRIu64 "\n",
                         finding->operations, finding->shrink_runs, finding->repeats ? "yes" : "no",
                         finding->file, finding->seed);
        }
    }
    (void)printf("%" PRIu64 " runs, %" PRIu64 " operations, %" PRIu64 " faults in %" PRIu64
                 ".%" PRIu64 " s; %u behaviours reached, %u missed; %u kinds of findings\n",
                 tally->runs, tally->operations, tally->faults, took_ms / 1000,
                 took_ms % 1000 / 100, reached, missed, tally->finding_count);
}

static int write_json(const char *path, const struct lr_tally *tally,
                      const struct lr_tally_about *about) {
    struct lr_buf text;
    struct lr_error error = {.code = LR_OK};
    lr_buf_init(&text, lr_alloc_system());
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && lr_tally_write_json(tally, about, &text) == LR_OK &&
                fwrite(lr_buf_data(&text), 1, lr_buf_size(&text), file) == lr_buf_size(&text);
    good = file != NULL && fclose(file) == 0 && good;
    lr_buf_deinit(&text);
    if (!good) {
        lr_error_set(&error, LR_EIO, "%s cannot be written", path);
        return complain(&error);
    }
    return LR_EXIT_OK;
}

static int explore(const struct explore_settings *settings, struct lr_team_options *options) {
    char worker[WORKER_PATH_MAX];
    struct lr_error error = {.code = LR_OK};
    uint64_t took_ns = 0;
    bool interrupted = false;
    struct lr_tally *tally = LR_NEW(lr_alloc_system(), struct lr_tally);
    if (lr_live_beside(worker, sizeof worker, "lastref") != LR_OK || tally == NULL) {
        LR_FREE(lr_alloc_system(), tally);
        lr_error_set(&error, LR_ENOTSUP, "the path of this executable is not known");
        return complain(&error);
    }
    const char *const argv[] = {worker, "explore", "--worker", NULL};
    options->argv = argv;
    enum lr_status status = lr_team_explore(options, tally, &took_ns, &interrupted, &error);
    if (options->progress != NULL) {
        (void)fprintf(stderr, "\r%60s\r", "");
    }
    int result = status != LR_OK            ? complain(&error)
                 : tally->finding_count > 0 ? LR_EXIT_FAILED
                                            : LR_EXIT_OK;
    tell_end(tally, took_ns);
    const struct lr_tally_about about = {options->first, options->last, options->shard,
                                         options->shards, took_ns / LR_MS};
    if (settings->json != NULL) {
        int written = write_json(settings->json, tally, &about);
        result = written != LR_EXIT_OK ? written : result;
    }
    LR_FREE(lr_alloc_system(), tally);
    return interrupted && result == LR_EXIT_OK ? LR_EXIT_SIGNAL + 2 : result;
}

static int prepare(const struct explore_settings *settings) {
    unsigned int processors = lr_platform_processors();
    uint64_t shard = 1;
    uint64_t shards = 1;
    struct lr_team_options options = {.alloc = lr_alloc_system(),
                                      .first = 1,
                                      .last = INT64_MAX,
                                      .for_ns = settings->for_ns,
                                      .hang_ns = settings->hang_ns,
                                      .keep_going = settings->keep_going,
                                      .found = settings->found};
    if (settings->seeds != NULL &&
        (!read_pair(settings->seeds, "..", &options.first, &options.last) ||
         options.first > options.last)) {
        return lr_options_refuse(&explore_line, "--seeds %s: it is A..B", settings->seeds);
    }
    if (settings->shard != NULL && (!read_pair(settings->shard, "/", &shard, &shards) ||
                                    shard < 1 || shard > shards || shards > 1000000)) {
        return lr_options_refuse(&explore_line, "--shard %s: it is I/N, from 1/N to N/N",
                                 settings->shard);
    }
    options.jobs = settings->jobs > 0                       ? settings->jobs
                   : processors < (unsigned int)LR_TEAM_MAX ? processors
                                                            : (unsigned int)LR_TEAM_MAX;
    options.shard = (unsigned int)shard;
    options.shards = (unsigned int)shards;
    options.progress = lr_platform_colour() ? tell_progress : NULL;
    if (settings->found != NULL && !lr_platform_make_folder(settings->found)) {
        return lr_options_refuse(&explore_line, "--found %s: no such folder, and none can be made",
                                 settings->found);
    }
    return explore(settings, &options);
}

int lr_cli_explore(int argc, char **argv) {
    struct explore_settings settings = {.found = "found", .hang_ns = 120 * LR_SECOND};
    char **operands;
    size_t operand_count;
    int result = lr_options_parse(&explore_line, argc, argv, &settings, &operands, &operand_count);
    if (result != LR_OPTIONS_GO_ON) {
        return result;
    }
    if (settings.worker) {
        struct lr_error error;
        enum lr_status status = lr_batch_work(stdin, stdout, lr_alloc_system(), &error);
        return status == LR_OK ? LR_EXIT_OK : complain(&error);
    }
    if (settings.seed != NULL) {
        struct lr_explore_one one = {.small = settings.small, .events = settings.events};
        struct lr_error error;
        if (lr_text_to_u64(lr_text_of(settings.seed), UINT64_MAX, &one.seed) != LR_OK) {
            return lr_options_refuse(&explore_line, "--seed %s is no number", settings.seed);
        }
        result = lr_cli_explore_one(&one, &error);
        return result == LR_EXIT_HARNESS ? complain(&error) : result;
    }
    return prepare(&settings);
}
