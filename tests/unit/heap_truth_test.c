/* SPDX-License-Identifier: Apache-2.0 */
/* The model against real CPythons: every script of tests/golden/heap/scripts, in every variant, on
 * every version that was measured. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/failing.h"
#include "support/heap_truth.h"

/* The profile that stands for a measured version. */
static const struct lr_heap_profile *profile_of(const char *version) {
    if (strcmp(version, "3.6.15") == 0) {
        return lr_heap_profile_find("3.6");
    }
    if (strcmp(version, "3.13.0") == 0) {
        return lr_heap_profile_find("3.13");
    }
    return lr_heap_profile_find(version);
}

/* The scripts whose loops take as long as all the others together have a test of their own. */
static bool is_long(const char *script) {
    return strcmp(script, "s03_generations") == 0;
}

static void compare_script(const struct script_entry *entry, json_t *variants,
                           struct truth_tally *tally) {
    const char *variant;
    json_t *versions;
    json_object_foreach(variants, variant, versions) {
        const char *version;
        json_t *cell;
        json_object_foreach(versions, version, cell) {
            truth_compare(entry->name, entry->run, variant, version, cell, profile_of(version),
                          false, tally);
        }
    }
}

static void compare_document(const char *file, bool want_long, struct truth_tally *tally) {
    json_t *document = truth_load(file);
    json_t *scripts = json_object_get(document, "scripts");
    size_t known = 0;
    for (const struct script_entry *entry = truth_scripts; entry->name != NULL; entry++) {
        json_t *variants = json_object_get(scripts, entry->name);
        cr_assert(variants != NULL, "%s is missing", entry->name);
        known++;
        if (is_long(entry->name) == want_long) {
            compare_script(entry, variants, tally);
        }
    }
    cr_assert(json_object_size(scripts) == known, "%zu scripts were measured, %zu are modelled",
              json_object_size(scripts), known);
    json_decref(document);
    (void)printf("%s, %s: %zu cells, %zu steps, %zu fields and %zu facts compared, %zu fields left "
                 "out, %zu differ\n",
                 file, want_long ? "s03_generations" : "all but s03_generations", tally->cells,
                 tally->steps, tally->fields, tally->facts, tally->left_out, tally->different);
    (void)fflush(stdout); /* each test is a process of its own */
}

Test(heap_truth, what_ten_interpreters_did_is_what_the_model_does) {
    struct truth_tally tally = {0};
    compare_document("ground_truth.json", false, &tally);
    cr_assert(tally.cells == 890 && tally.steps == 2581, "rows are missing");
    cr_assert(tally.left_out == 9);
    cr_assert(tally.different == 0);
}

Test(heap_truth, when_ten_interpreters_collected_by_themselves_the_model_does) {
    struct truth_tally tally = {0};
    compare_document("ground_truth.json", true, &tally);
    cr_assert(tally.cells == 140 && tally.steps == 655, "rows are missing");
    cr_assert(tally.left_out == 0);
    cr_assert(tally.different == 0);
}

Test(heap_truth, the_oldest_and_the_newest_version_do_what_the_model_does) {
    struct truth_tally tally = {0};
    compare_document("more_versions.json", false, &tally);
    cr_assert(tally.cells == 178, "rows are missing");
    cr_assert(tally.left_out == 2);
    cr_assert(tally.different == 0);
}

Test(heap_truth, the_oldest_and_the_newest_version_collect_when_the_model_does) {
    struct truth_tally tally = {0};
    compare_document("more_versions.json", true, &tally);
    cr_assert(tally.cells == 28, "rows are missing");
    cr_assert(tally.left_out == 0);
    cr_assert(tally.different == 0);
}

/* ---- the comparison can fail, and the versions differ by mechanism ---- */

/* How much differs in all that was measured on |version|, with |profile| in its place. */
static size_t count_different(const json_t *document, const char *version,
                              const struct lr_heap_profile *profile) {
    struct truth_tally tally = {0};
    for (const struct script_entry *entry = truth_scripts; entry->name != NULL; entry++) {
        const char *variant;
        json_t *versions;
        json_t *scripts = json_object_get(document, "scripts");
        json_object_foreach(json_object_get(scripts, entry->name), variant, versions) {
            bool quick = !is_long(entry->name) || strcmp(variant, "oncycle_g0") == 0;
            if (quick) {
                truth_compare(entry->name, entry->run, variant, version,
                              json_object_get(versions, version), profile, true, &tally);
            }
        }
    }
    return tally.different;
}

#define COLUMN(name) #name, offsetof(struct lr_heap_profile, name)

/* A version with one column of its profile turned over is another version. */
Test(heap_truth, a_change_planted_in_a_profile_shows) {
    static const struct {
        const char *version;
        const char *column;
        size_t at;
    } planted[] = {
        {"3.8.10", COLUMN(enum_clears_exception)},
        {"3.8.8", COLUMN(enum_clears_exception)},
        {"3.9.5", COLUMN(enum_clears_exception)},
        {"3.10.0", COLUMN(enum_clears_exception)},
        {"3.12.0", COLUMN(enum_clears_exception)},
        {"3.7.1", COLUMN(enum_keeps_exception)},
        {"3.7.2", COLUMN(enum_keeps_exception)},
        {"3.9.0", COLUMN(enum_keeps_exception)},
        {"3.7.2", COLUMN(missing_raises)},
        {"3.8.8", COLUMN(missing_raises)},
        {"3.7.2", COLUMN(counts_after_finalizers)},
        {"3.7.12", COLUMN(counts_after_finalizers)},
        {"3.10.0", COLUMN(instance_dict)},
        {"3.11.2", COLUMN(instance_dict)},
        {"3.10.0", COLUMN(lazy_frames)},
        {"3.11.2", COLUMN(lazy_frames)},
        {"3.11.2", COLUMN(last_exc)},
        {"3.12.0", COLUMN(last_exc)},
    };
    json_t *document = truth_load("ground_truth.json");
    for (size_t i = 0; i < LR_COUNT_OF(planted); i++) {
        struct lr_heap_profile profile = *lr_heap_profile_find(planted[i].version);
        cr_expect(count_different(document, planted[i].version, &profile) == 0);
        bool *column = (bool *)(void *)((char *)&profile + planted[i].at);
        *column = !*column;
        cr_expect(count_different(document, planted[i].version, &profile) > 0,
                  "%s without its %s is the same", planted[i].version, planted[i].column);
    }
    json_decref(document);
}

/* An interpreter with another enum.py: what it did, as one line of ground_truth.json says. */
static void check_swapped_enum(const char *line) {
    struct lr_heap_profile profile;
    char version[16];
    int refcount;
    char alive[8];
    int collected;
    const char *result = strstr(line, "getrefcount");
    cr_assert(sscanf(line, "%15s", version) == 1 && result != NULL);
    cr_assert(sscanf(result, "getrefcount %d alive after del r %7s gc.collect(0) -> %d", &refcount,
                     alive, &collected) == 3);
    profile = *lr_heap_profile_find(version);
    if (strstr(line, "+ finally block") != NULL) {
        profile.enum_clears_exception = true;
    } else if (strstr(line, "finally assignments removed") != NULL) {
        profile.enum_clears_exception = false;
    } else {
        cr_assert(strstr(line, "enum.py of 3.7.2") != NULL);
        profile.enum_keeps_exception = true;
    }
    struct script s = {.alloc = lr_alloc_system(), .profile = &profile, .variant = "getaddrinfo"};
    cr_assert(s_begin(&s) != NULL);
    script_s00_report(&s);
    const json_t *made = json_array_get(s.steps, 0);
    const json_t *deleted = json_array_get(s.steps, 1);
    const json_t *after = json_array_get(s.steps, 2);
    cr_expect(json_integer_value(json_object_get(made, "getrefcount")) == refcount, "%s", line);
    cr_expect(json_is_true(json_object_get(json_object_get(deleted, "alive"), "session")) ==
                  (strcmp(alive, "True") == 0),
              "%s", line);
    cr_expect(json_integer_value(json_object_get(after, "gc_collect_returned")) == collected, "%s",
              line);
    s_end(&s);
}

Test(heap_truth, another_enum_in_an_interpreter_moves_the_defect_with_it) {
    json_t *document = truth_load("ground_truth.json");
    const json_t *lines = json_object_get(document, "causal_experiment");
    cr_assert(json_array_size(lines) == 6);
    for (size_t i = 0; i < json_array_size(lines); i++) {
        check_swapped_enum(json_string_value(json_array_get(lines, i)));
    }
    json_decref(document);
}

Test(heap_truth, a_version_without_a_measurement_rests_on_one_that_has) {
    static const char *const same[][2] = {
        {"3.7.15", "3.7.12"}, {"3.11", "3.11.2"}, {"3.12", "3.12.0"}};
    json_t *document = truth_load("ground_truth.json");
    for (size_t i = 0; i < LR_COUNT_OF(same); i++) {
        cr_expect(count_different(document, same[i][1], lr_heap_profile_find(same[i][0])) == 0);
    }
    json_decref(document);
}

/* ---- without memory ---- */

struct cell {
    const struct script_entry *entry;
    const char *variant;
    const struct lr_heap_profile *profile;
};

static void run_failing(struct lr_alloc *alloc, void *context) {
    const struct cell *cell = context;
    struct script s = {
        .alloc = alloc, .profile = cell->profile, .variant = cell->variant, .small = true};
    if (s_begin(&s) != NULL) {
        cell->entry->run(&s);
    }
    cr_assert(s_ok(&s) || (s.status == LR_ENOMEM && !lr_test_must_succeed(alloc)), "%s %s: %s",
              cell->entry->name, cell->variant, lr_status_text(s.status));
    s_end(&s);
}

static void fail_each(const char *version) {
    json_t *document = truth_load("ground_truth.json");
    json_t *scripts = json_object_get(document, "scripts");
    for (const struct script_entry *entry = truth_scripts; entry->name != NULL; entry++) {
        const char *variant;
        json_t *versions;
        if (strncmp(entry->name, "s03_", 4) == 0) {
            continue; /* loops of allocations that are all alike */
        }
        json_object_foreach(json_object_get(scripts, entry->name), variant, versions) {
            if (strcmp(variant, "max_seen") != 0) {
                struct cell cell = {entry, variant, lr_heap_profile_find(version)};
                lr_test_each_failure(run_failing, &cell);
            }
        }
    }
    json_decref(document);
}

Test(heap_truth, no_script_loses_anything_when_memory_runs_out_on_a_defective_version) {
    fail_each("3.7.2");
}

Test(heap_truth, no_script_loses_anything_when_memory_runs_out_on_the_newest_version) {
    fail_each("3.13");
}
