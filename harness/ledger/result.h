/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a case: DESIGN's table of results, the expectations behind it, and all that a
 * report needs to explain it. Filled by the scenario runtime, read by reports/. */
#ifndef LR_LEDGER_RESULT_H
#define LR_LEDGER_RESULT_H

#include "base/alloc.h"
#include "base/time.h"
#include "ledger/budget.h"
#include "ledger/ledger.h"
#include "ledger/retention.h"

enum { LR_RESULT_RETENTIONS_MAX = 64 }; /* of one case; more are counted */

enum lr_case_outcome {
    LR_CASE_AS_EXPECTED,
    LR_CASE_UNEXPECTED,
    LR_CASE_KNOWN_FAILURE,       /* unexpected, and listed */
    LR_CASE_STALE_KNOWN_FAILURE, /* listed, but as expected */
    LR_CASE_NOT_RUN,             /* a prerequisite is missing */
    LR_CASE_NOT_ALLOWED,         /* the machine forbids it: there is nothing to install */
    LR_CASE_CONTENTION,          /* late once, on time when tried again alone */
    LR_CASE_INVALID, /* it proves nothing: a fault that never fired, a subject that did not start,
                        an expectation never reached, the time limit, memory that was refused */
    LR_CASE_OUTCOME_COUNT
};
const char *lr_case_outcome_name(enum lr_case_outcome outcome); /* "as expected", .. */
/* The exit status that |outcome| asks for: 0, 1 or 3 (not run and contention: 3 where |strict|). */
int lr_case_outcome_exit(enum lr_case_outcome outcome, bool strict);
/* Combines exit statuses: 4 before 2 before 1 before 3 before 0. */
int lr_exit_worse(int a, int b);

/* One expectation of the script that was evaluated. Strings are owned by the result. */
struct lr_expectation {
    const char *text; /* "session 1 released within 100 ms of close" */
    const char *expected;
    const char *seen;
    const char *where; /* "scenarios/lifecycle/close.lua:12" */
    bool held;
    bool late; /* failed by lateness alone: worth one more try */
    uint32_t session;
    struct lr_expectation *next;
};

/* One line of text, owned; findings, receipts, timeline lines. */
struct lr_result_line {
    char *text;
    lr_time at; /* since the case began */
    struct lr_result_line *next;
};

struct lr_result_lines {
    struct lr_result_line *first, *last;
    size_t count;
    size_t lost; /* for want of memory */
};

/* Beside "passed", "failed" and "not run": nothing shows it, as the case was lost. */
#define LR_PROTOCOL_NOT_OBSERVABLE "not observable"

/* All of it crosses from the worker that plays a case to the run: a new member goes into
 * scenario/worker_codec.c, too. */
struct lr_case_result {
    struct lr_alloc *alloc;
    const char
        *name; /* "lifecycle/close-releases_at_once[tvm=ffi]": stable, what --filter matches */
    const char *title; /* the scenario's sentence with the case's parameters */
    const char *file;
    const char *world;  /* "live" or "sim"; static; NULL: not said */
    const char *repeat; /* the command that repeats it */
    const char *reason; /* not run: what is missing; invalid: why; known failure: the list's reason
                     and link */
    enum lr_case_outcome outcome;
    const char *protocol_verdict; /* "passed", "failed", "not implemented"; static */
    const char *release_verdict;  /* "on time", "late", "never", ..; static */
    const char *release_detail;   /* "by 1.2 s"; may be NULL */
    uint64_t seed;
    lr_time duration_ns;
    unsigned int tries;
    uint64_t digest; /* of every event of the case; 0: its world has no exact history (live) */
    struct lr_expectation *expectations; /* in the order in which they were evaluated */
    struct lr_expectation **expectations_end;
    struct lr_result_lines findings;
    struct lr_result_lines receipts;
    struct lr_result_lines
        sessions; /* a line for each session: released when, after what, held by whom */
    struct lr_result_lines timeline; /* filled where the case is not as expected */
    struct lr_result_lines told; /* figures that the script itself reports, whatever the outcome */
    struct lr_retention *retentions; /* what held sessions, where the scenario expected it or an
                                        expectation failed; in order */
    size_t retentions_lost;          /* beyond LR_RESULT_RETENTIONS_MAX, or for want of memory */
    const char *torture;     /* what failed, one by one: "memory", "io"; static; NULL: nothing */
    uint64_t torture_points; /* at which that was tried */
    uint64_t torture_failed; /* and did not end cleanly */
    bool torture_over;       /* there are no more of them */
};

/* |name|, |title| and |file| are copied. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_case_result_init(struct lr_case_result *result,
                                                struct lr_alloc *alloc, const char *name,
                                                const char *title, const char *file);
void lr_case_result_deinit(struct lr_case_result *result);
/* Appends a formatted line. LR_ENOMEM: it is missing, and lines->lost counts it. */
enum lr_status lr_result_lines_add(struct lr_alloc *alloc, struct lr_result_lines *lines,
                                   lr_time at, const char *format, ...) LR_PRINTF(4, 5);
/* Frees the lines and leaves none. */
void lr_result_lines_free(struct lr_alloc *alloc, struct lr_result_lines *lines);
/* Appends a copy of |expectation|. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_case_result_expect(struct lr_case_result *result,
                                                  const struct lr_expectation *expectation);
/* Appends a copy of |retention|. LR_ENOMEM, LR_ELIMIT: result->retentions_lost counts it. */
enum lr_status lr_case_result_retain(struct lr_case_result *result,
                                     const struct lr_retention *retention);

/* What became of the cases of one world. */
struct lr_world_summary {
    const char *name; /* static */
    size_t counts[LR_CASE_OUTCOME_COUNT];
    size_t cases;
    lr_time duration_ns; /* of its cases together, in its own time */
};

enum { LR_WORLDS_MAX = 2 };

/* A run as a whole, for the reports' ends. */
struct lr_run_summary {
    size_t counts[LR_CASE_OUTCOME_COUNT];
    size_t cases;
    size_t known_unmatched; /* lines of the known-failure list that match no case */
    int exit_status;
    bool interrupted;
    const char *world;                             /* "live", "sim" or "all"; static */
    struct lr_world_summary worlds[LR_WORLDS_MAX]; /* those that had cases, in order */
    size_t world_count;
    uint64_t seed;
    struct lr_calibration calibration; /* of the live world; no rounds: not measured */
    struct lr_error calibration_error; /* why not: the stated budgets stood. LR_OK: none */
};

/* A writer of reports: one for the console, one a file format. |begin| before the first case,
 * |started| and |ended| around each, |finish| after the last. Cases end in the order of their
 * indices; with several under way they need not start one behind the other's end. |flush| has it
 * write what it has heard: soon after each case, so that a run that is killed still tells. Each
 * may be NULL. An error is told once on finish. */
struct lr_reporter {
    void (*begin)(struct lr_reporter *reporter, size_t case_count);
    void (*started)(struct lr_reporter *reporter, const char *name, size_t index, size_t count);
    void (*ended)(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                  size_t count);
    void (*flush)(struct lr_reporter *reporter);
    enum lr_status (*finish)(struct lr_reporter *reporter, const struct lr_run_summary *summary,
                             struct lr_error *error);
    void (*free)(struct lr_reporter *reporter);
};

#endif
