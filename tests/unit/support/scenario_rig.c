/* SPDX-License-Identifier: Apache-2.0 */
#include "support/scenario_rig.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenario/runner.h"
#include "support/failing.h"

/* Hears of every case and keeps it. */
struct keeper {
    struct lr_reporter reporter;
    struct lr_seen_run *run;
    void (*started)(const char *name);
};

static void copy(char *out, size_t size, const char *text) {
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static void join_lines(char *out, size_t size, const struct lr_result_lines *lines) {
    size_t used = 0;
    out[0] = '\0';
    for (const struct lr_result_line *line = lines->first; line != NULL && used < size;
         line = line->next) {
        int written = snprintf(out + used, size - used, "%s\n", line->text);
        used += written > 0 ? (size_t)written : 0;
    }
}

static void keep_expectations(struct lr_seen_case *seen, const struct lr_case_result *result) {
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        seen->expectations++;
        seen->failed += !e->held;
        copy(seen->where, sizeof seen->where, e->where);
        copy(seen->text, sizeof seen->text, e->text);
        copy(seen->expected, sizeof seen->expected, e->expected);
        copy(seen->seen, sizeof seen->seen, e->seen);
    }
}

static void keep_ended(struct lr_reporter *reporter, const struct lr_case_result *result,
                       size_t index, size_t count) {
    struct lr_seen_run *run = LR_CONTAINER_OF(reporter, struct keeper, reporter)->run;
    cr_assert_lt(index, count);
    if (run->count++ >= LR_SEEN_CASES_MAX) {
        return;
    }
    struct lr_seen_case *seen = &run->cases[run->count - 1];
    *seen = (struct lr_seen_case){.outcome = result->outcome,
                                  .seed = result->seed,
                                  .tries = result->tries,
                                  .timeline_count = result->timeline.count};
    copy(seen->name, sizeof seen->name, result->name);
    copy(seen->title, sizeof seen->title, result->title);
    copy(seen->reason, sizeof seen->reason, result->reason);
    copy(seen->protocol, sizeof seen->protocol, result->protocol_verdict);
    copy(seen->release, sizeof seen->release, result->release_verdict);
    keep_expectations(seen, result);
    join_lines(seen->findings, sizeof seen->findings, &result->findings);
    join_lines(seen->receipts, sizeof seen->receipts, &result->receipts);
    join_lines(seen->timeline, sizeof seen->timeline, &result->timeline);
}

static void keep_started(struct lr_reporter *reporter, const char *name, size_t index,
                         size_t count) {
    const struct keeper *keeper = LR_CONTAINER_OF(reporter, struct keeper, reporter);
    (void)index;
    (void)count;
    if (keeper->started != NULL) {
        keeper->started(name);
    }
}

static void read_known(struct lr_known *known, struct lr_alloc *alloc, const char *text) {
    char folder[64];
    char path[128];
    struct lr_error error = {.code = LR_OK};
    *known = (struct lr_known){.alloc = alloc};
    if (text == NULL) {
        return;
    }
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "known.txt", text);
    (void)snprintf(path, sizeof path, "%s/known.txt", folder);
    cr_assert_eq(lr_known_read(known, alloc, path, &error), LR_OK, "%s", error.text);
    lr_rig_remove_folder(folder);
}

static void run_path(struct lr_seen_run *run, const char *path,
                     const struct lr_rig_options *options) {
    struct lr_alloc *alloc = options->alloc != NULL ? options->alloc : lr_alloc_system();
    struct lr_suite suite;
    struct lr_known known;
    struct lr_tvm tvm;
    struct lr_player_here here;
    unsigned int worlds = options->sim ? LR_IN_SIM : LR_IN_LIVE;
    struct keeper keeper = {.run = run, .started = options->started};
    keeper.reporter = (struct lr_reporter){.started = keep_started, .ended = keep_ended};
    struct lr_reporter *const reporters[] = {&keeper.reporter, options->reporter};
    *run = (struct lr_seen_run){.count = 0};
    read_known(&known, alloc, options->known);
    cr_assert_eq(setenv("LASTREF_TVM_DIR", options->tvm != NULL ? options->tvm : "/nonexistent", 1),
                 0);
    lr_tvm_find(&tvm, "/nonexistent/programs");
    cr_assert_eq(lr_suite_gather(&suite, alloc, &path, 1, options->filter, worlds, &run->error),
                 LR_OK, "%s", run->error.text);
    const struct lr_order_means means = {.alloc = alloc, .tvm = &tvm};
    lr_player_here_init(&here, &means);
    struct lr_run_options lr_options = {
        .suite = &suite,
        .known = &known,
        .player = options->player != NULL ? options->player : &here.player,
        .sim_jobs = options->jobs != 0 ? options->jobs : 1,
        .live_jobs = options->jobs != 0 ? options->jobs : 1,
        .worlds = worlds,
        .seed = options->seed != 0 ? options->seed : 1,
        .repeat = options->repeat != 0 ? options->repeat : 1,
        .strict = options->strict,
        .whole = options->filter == NULL,
        .reporters = reporters,
        .reporter_count = options->reporter != NULL ? 2 : 1,
    };
    run->exit_status = lr_run(&lr_options, &run->summary, &run->error);
    lr_suite_deinit(&suite);
    lr_known_deinit(&known);
}

static const struct lr_rig_options nothing_said = {.known = NULL};

void lr_rig_run_path(struct lr_seen_run *run, const char *path,
                     const struct lr_rig_options *options) {
    run_path(run, path, options != NULL ? options : &nothing_said);
}

void lr_rig_run_file(struct lr_seen_run *run, const char *name,
                     const struct lr_rig_options *options) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", LR_TEST_SCENARIOS, name);
    run_path(run, path, options != NULL ? options : &nothing_said);
}

void lr_rig_run_text(struct lr_seen_run *run, const char *text,
                     const struct lr_rig_options *options) {
    char folder[64];
    char name[512];
    char path[640];
    options = options != NULL ? options : &nothing_said;
    lr_rig_make_folder(folder, sizeof folder);
    (void)snprintf(name, sizeof name, "%s/case.lua",
                   options->folder != NULL ? options->folder : "scenarios");
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    lr_rig_write(folder, name, text);
    run_path(run, path, options);
    lr_rig_remove_folder(folder);
}

const struct lr_seen_case *lr_rig_run_body(struct lr_seen_run *run, const char *body,
                                           const struct lr_rig_options *options) {
    char text[8192];
    int size = snprintf(
        text, sizeof text,
        "scenario \"a case\" { limit = \"20s\", run = function(w, case)\n%s\nend }\n", body);
    cr_assert(size > 0 && (size_t)size < sizeof text);
    lr_rig_run_text(run, text, options);
    cr_assert_eq(run->count, 1, "%s", run->error.text);
    return &run->cases[0];
}

void lr_rig_expect_told(const char *stage, const struct lr_rig_wrong *rows, size_t count,
                        const struct lr_rig_options *options) {
    static struct lr_seen_run run;
    char body[2048];
    for (size_t i = 0; i < count; i++) {
        int size = snprintf(body, sizeof body, "%s%s", stage, rows[i].line);
        cr_assert(size > 0 && (size_t)size < sizeof body);
        const struct lr_seen_case *seen = lr_rig_run_body(&run, body, options);
        cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED, "%s: %s", rows[i].line,
                     lr_case_outcome_name(seen->outcome));
        cr_expect(strstr(seen->reason, "/scenarios/case.lua:3: ") != NULL, "%s: no place in: %s",
                  rows[i].line, seen->reason);
        cr_expect(strstr(seen->reason, rows[i].told) != NULL, "%s: no \"%s\" in: %s", rows[i].line,
                  rows[i].told, seen->reason);
    }
}

/* ---- without memory ---- */

struct poor_case {
    const struct lr_rig_story *story;
    struct lr_order order;
    struct lr_test_calm calm;
    struct lr_trace_sink sink;
};

/* The script's first line says that it begins. */
static void end_calm(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    if (strstr(event->text, "the story begins") != NULL) {
        lr_test_end_calm(&LR_CONTAINER_OF(sink, struct poor_case, sink)->calm);
    }
}

static void judge_poor_case(const struct lr_rig_story *story, const struct lr_case_result *result,
                            bool must_succeed) {
    const char *reason = result->reason != NULL ? result->reason : "";
    cr_assert_eq(result->outcome, must_succeed ? story->outcome : LR_CASE_INVALID, "%s, %s",
                 lr_case_outcome_name(result->outcome), reason);
    cr_assert(must_succeed || result->reason == NULL || strstr(reason, "out of memory") != NULL,
              "%s", reason);
    cr_assert(!must_succeed || result->expectations != NULL);
}

static void play_poorly(struct lr_alloc *alloc, void *context) {
    struct poor_case *poor = context;
    const struct lr_order_means means = {.alloc = alloc, .trace = &poor->sink};
    struct lr_case_result result;
    struct lr_error error = {.code = LR_OK};
    bool interrupted;
    if (!poor->story->whole) {
        poor->calm = lr_test_begin_calm(alloc);
    }
    enum lr_status status = lr_order_play(&poor->order, &means, &result, &interrupted, &error);
    cr_assert_null(poor->calm.alloc, "the story has not begun");
    cr_assert_not(interrupted);
    bool must_succeed = !lr_test_has_failed(alloc);
    if (status == LR_OK) {
        judge_poor_case(poor->story, &result, must_succeed);
        lr_case_result_deinit(&result);
    } else {
        cr_assert(status == LR_ENOMEM && !must_succeed);
    }
}

void lr_rig_each_failure(const struct lr_rig_story *story) {
    char folder[64];
    char path[128];
    char text[8192];
    lr_rig_make_folder(folder, sizeof folder);
    int size = snprintf(text, sizeof text,
                        "scenario \"a case\" { limit = \"20s\", run = function(w)\n%s%s\nend }\n",
                        story->whole ? "" : "w:note(\"the story begins\")\n", story->body);
    cr_assert(size > 0 && (size_t)size < sizeof text);
    (void)snprintf(path, sizeof path, "%s/case.lua", folder);
    lr_rig_write(folder, "case.lua", text);
    struct poor_case poor = {.story = story,
                             .order = {.file = path,
                                       .name = "case",
                                       .title = "a case",
                                       .world = story->world != NULL ? story->world : "sim",
                                       .seed = 1},
                             .sink = {.emit = end_calm}};
    lr_test_each_failure_of_lua(play_poorly, &poor);
    lr_rig_remove_folder(folder);
}

/* ---- files ---- */

void lr_rig_make_folder(char *out, size_t size) {
    (void)snprintf(out, size, "/tmp/lastref-scenario-XXXXXX");
    cr_assert_not_null(mkdtemp(out));
}

void lr_rig_remove_folder(const char *folder) {
    DIR *directory = opendir(folder);
    cr_assert_not_null(directory, "%s", folder);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[1536];
        struct stat info;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
            lr_rig_remove_folder(path);
        } else {
            cr_assert_eq(unlink(path), 0, "%s", path);
        }
    }
    (void)closedir(directory);
    cr_assert_eq(rmdir(folder), 0, "%s", folder);
}

void lr_rig_write(const char *folder, const char *name, const char *text) {
    char path[1536];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    cr_assert_eq(fclose(file), 0);
}

char *lr_rig_read(const char *path) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    cr_assert_not_null(text);
    cr_assert_eq(fread(text, 1, (size_t)size, file), (size_t)size);
    (void)fclose(file);
    return text;
}

size_t lr_rig_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    cr_assert_not_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}
