/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios for tests: a script, from a file or written down in the test, is gathered and run as
 * `lastref run` does, over loopback, and what the reports would be told is kept. Wrong use of the
 * rig fails the test. */
#ifndef LR_TEST_SCENARIO_RIG_H
#define LR_TEST_SCENARIO_RIG_H

#include "ledger/result.h"
#include "scenario/player.h"

enum { LR_SEEN_CASES_MAX = 12, LR_SEEN_TEXT_MAX = 4096 };

/* A case as reports see it; texts that are not there are empty. */
struct lr_seen_case {
    char name[256];
    char title[256];
    enum lr_case_outcome outcome;
    char reason[LR_SEEN_TEXT_MAX];
    char protocol[64];
    char release[64];
    uint64_t seed;
    unsigned int tries;
    size_t expectations; /* that were evaluated */
    size_t failed;       /* of them, that did not hold */
    char where[1200];    /* of the last one; so are the next three */
    char text[512];
    char expected[512];
    char seen[1024];
    char findings[LR_SEEN_TEXT_MAX]; /* their lines, joined */
    char receipts[LR_SEEN_TEXT_MAX];
    char timeline[LR_SEEN_TEXT_MAX]; /* its beginning */
    size_t timeline_count;
};

struct lr_seen_run {
    int exit_status;
    struct lr_run_summary summary;
    struct lr_error error;
    size_t count; /* of all cases; the first LR_SEEN_CASES_MAX are kept */
    struct lr_seen_case cases[LR_SEEN_CASES_MAX];
};

/* All may be left out. */
struct lr_rig_options {
    const char *known; /* content of a list of known failures */
    const char *filter;
    const char *tvm;    /* the folder that is looked at for real TVM; none unless said */
    const char *folder; /* of the script below the temporary one; "scenarios" unless said */
    bool strict;
    bool sim; /* in the simulated world, not the live one */
    unsigned int repeat;
    uint64_t seed;
    struct lr_alloc *alloc;
    void (*started)(const char *name); /* before each case */
    struct lr_reporter *reporter;      /* one more */
    struct lr_player *player;          /* this process unless said */
    unsigned int jobs;
};

/* Runs tests/scenarios/|name|. |options| may be NULL. */
void lr_rig_run_file(struct lr_seen_run *run, const char *name,
                     const struct lr_rig_options *options);
/* Runs the script |path|. */
void lr_rig_run_path(struct lr_seen_run *run, const char *path,
                     const struct lr_rig_options *options);
/* Runs |text| as scenarios/case.lua of a temporary folder. */
void lr_rig_run_text(struct lr_seen_run *run, const char *text,
                     const struct lr_rig_options *options);
/* Runs a case of which |body| is all there is; its first line is line 2 of case.lua. Returns the
 * case. */
const struct lr_seen_case *lr_rig_run_body(struct lr_seen_run *run, const char *body,
                                           const struct lr_rig_options *options);

/* A line used wrongly, and a part of what the script's error says of it. */
struct lr_rig_wrong {
    const char *line;
    const char *told;
};
/* Plays each of |rows| behind |stage|, which is one line, and expects that its error names the line
 * and says what |told| does. */
void lr_rig_expect_told(const char *stage, const struct lr_rig_wrong *rows, size_t count,
                        const struct lr_rig_options *options);

/* A case to be played without memory. */
struct lr_rig_story {
    const char *body;             /* all that the case does */
    const char *world;            /* "sim" unless said */
    enum lr_case_outcome outcome; /* of the case where nothing fails */
    bool whole; /* fails from the beginning on: the stage, Lua's libraries, the words. Unless said,
                   from the first line of |body| on */
};
/* Plays it with no allocation failing and then with each in turn, Lua's included. With one it must
 * say that memory was refused and prove nothing, and nothing may be left. */
void lr_rig_each_failure(const struct lr_rig_story *story);

/* A folder of its own for files of a test; |out| of at least 64 bytes. */
void lr_rig_make_folder(char *out, size_t size);
void lr_rig_remove_folder(const char *folder);
/* Writes |text| to the file called |folder|/|name|; folders in |name| are made. */
void lr_rig_write(const char *folder, const char *name, const char *text);
/* The content of |path|, NUL-terminated; free it. */
char *lr_rig_read(const char *path);

/* Descriptors that this process has open. */
size_t lr_rig_descriptors(void);

#endif
