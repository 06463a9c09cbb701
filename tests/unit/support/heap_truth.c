/* SPDX-License-Identifier: Apache-2.0 */
#include "support/heap_truth.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

const struct script_entry truth_scripts[] = {
    {"s00_report", script_s00_report},
    {"s00_members", script_s00_members},
    {"s00_repl", script_s00_repl},
    {"s00_chain", script_s00_chain},
    {"s01_except_saved", script_s01_except_saved},
    {"s02_last_traceback", script_s02_last_traceback},
    {"s03_exact", script_s03_exact},
    {"s03_generations", script_s03_generations},
    {"s04_gc_disable", script_s04_gc_disable},
    {"s05_resurrect", script_s05_resurrect},
    {"s06_bound_callback", script_s06_bound_callback},
    {"s07_registry", script_s07_registry},
    {"s08_thread_local", script_s08_thread_local},
    {"s09_generator", script_s09_generator},
    {"s10_exit", script_s10_exit},
    {"s11_finalize", script_s11_finalize},
    {"s14_distilled", script_s14_distilled},
    {"s15_counting", script_s15_counting},
    {NULL, NULL},
};

/* What is measured and not modelled; docs/heap_model.md gives the reasons at length. A star matches
 * all. */
static const struct {
    const char *script;
    const char *variant;
    const char *step;
    const char *field;
    const char *versions; /* blank-separated, or a star */
} left_out[] = {
    /* what the module `code` leaves behind, besides the program's own objects */
    {"s02_last_traceback", "sys_last", "gc.collect()", "gc_collect_returned",
     "3.11.2 3.12.0 3.13.0"},
    /* a call's argument tuple, which float() takes in some versions and not in others */
    {"s15_counting", "noncontainer", "*", "delta",
     "3.6.15 3.7.1 3.7.2 3.7.12 3.8.8 3.8.10 3.9.0 3.9.5"},
};

static bool has_word(const char *list, const char *word) {
    size_t size = strlen(word);
    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == list || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool is_left_out(const struct script *s, const char *script, const char *step,
                        const char *field) {
    for (size_t i = 0; i < LR_COUNT_OF(left_out); i++) {
        if (strcmp(left_out[i].script, script) == 0 && s_is(s, left_out[i].variant) &&
            (left_out[i].step[0] == '*' || strcmp(left_out[i].step, step) == 0) &&
            strcmp(left_out[i].field, field) == 0 && has_word(left_out[i].versions, s->version)) {
            return true;
        }
    }
    return false;
}

/* Without line numbers (",line=545", ":545" at the end), and a tuple or list without its items. */
static json_t *plain_text(const char *text) {
    char out[512];
    size_t used = 0;
    if (strncmp(text, "tuple (", 7) == 0 || strncmp(text, "list [", 6) == 0) {
        return json_stringn(text, strcspn(text, " "));
    }
    bool traceback = strncmp(text, "traceback -> ", 13) == 0;
    for (const char *at = text; *at != '\0' && used + 1 < sizeof out;) {
        if (strncmp(at, ",line=", 6) == 0) {
            at += 6 + strspn(at + 6, "0123456789");
        } else if (traceback && *at == ':') {
            break;
        } else {
            out[used++] = *at++;
        }
    }
    return json_stringn(out, used);
}

/* In order of their text; there are few. */
static void sort_texts(json_t **items, size_t count) {
    for (size_t i = 1; i < count; i++) {
        json_t *item = items[i];
        size_t at = i;
        for (; at > 0 && strcmp(json_string_value(items[at - 1]), json_string_value(item)) > 0;
             at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

/* |value| in a form in which it can be compared: texts plain; sorted, where order says nothing. */
static json_t *normalize(const json_t *value, bool sort) {
    if (json_is_string(value)) {
        return plain_text(json_string_value(value));
    }
    if (!json_is_array(value)) {
        return json_deep_copy(value);
    }
    size_t count = json_array_size(value);
    json_t *items[128];
    cr_assert(count <= LR_COUNT_OF(items));
    bool texts = true;
    for (size_t i = 0; i < count; i++) {
        items[i] = normalize(json_array_get(value, i), sort);
        texts = texts && json_is_string(items[i]);
    }
    if (sort && texts && count > 1) {
        sort_texts(items, count);
    }
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, items[i]);
    }
    return array;
}

static bool is_unordered(const char *field) {
    return strcmp(field, "members") == 0 || strcmp(field, "edges") == 0 ||
           strcmp(field, "ancestors_of_session") == 0 || strcmp(field, "cycles_scc") == 0;
}

static void say_different(const struct script *s, const char *script, const char *step,
                          const char *field, const json_t *measured, const json_t *modelled) {
    char *first = measured == NULL ? NULL : json_dumps(measured, JSON_ENCODE_ANY);
    char *second = modelled == NULL ? NULL : json_dumps(modelled, JSON_ENCODE_ANY);
    cr_log_warn("%s %s %s, step \"%s\", %s: measured %s, modelled %s\n", script, s->variant,
                s->version, step, field, first == NULL ? "nothing" : first,
                second == NULL ? "nothing" : second);
    free(first);
    free(second);
}

static bool equal_fields(const char *field, const json_t *measured, const json_t *modelled) {
    if (measured == NULL || modelled == NULL) {
        return false;
    }
    json_t *first = normalize(measured, is_unordered(field));
    json_t *second = normalize(modelled, is_unordered(field));
    bool equal = json_equal(first, second) != 0;
    json_decref(first);
    json_decref(second);
    return equal;
}

/* Every field of either object. */
static void compare_objects(const struct script *s, const char *script, const char *step,
                            json_t *measured, json_t *modelled, bool quiet, size_t *compared,
                            struct truth_tally *tally) {
    json_t *both[2] = {measured, modelled};
    for (size_t i = 0; i < 2; i++) {
        const char *field;
        json_t *value;
        json_object_foreach(both[i], field, value) {
            const json_t *other = json_object_get(both[1 - i], field);
            if (i == 1 && other != NULL) {
                continue; /* it was compared from the other side */
            }
            if (is_left_out(s, script, step, field)) {
                tally->left_out++;
                continue;
            }
            (*compared)++;
            if (!equal_fields(field, value, other)) {
                tally->different++;
                if (!quiet) {
                    say_different(s, script, step, field, i == 0 ? value : other,
                                  i == 0 ? other : value);
                }
            }
        }
    }
}

void truth_compare(const char *script, void (*run)(struct script *s), const char *variant,
                   const char *version, const json_t *measured,
                   const struct lr_heap_profile *profile, bool quiet, struct truth_tally *tally) {
    const json_t *steps = json_object_get(measured, "steps");
    struct script s = {.alloc = lr_alloc_system(),
                       .profile = profile,
                       .version = version,
                       .variant = variant,
                       .truth = steps};
    cr_assert(profile != NULL, "no profile for %s", version);
    cr_assert(s_begin(&s) != NULL);
    run(&s);
    cr_assert(s_ok(&s), "%s %s %s: %s", script, variant, version, lr_status_text(s.status));
    tally->cells++;
    size_t count = json_array_size(steps);
    if (count != json_array_size(s.steps)) {
        tally->different++;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *step = json_array_get(steps, i);
        compare_objects(&s, script, json_string_value(json_object_get(step, "step")), step,
                        json_array_get(s.steps, i), quiet, &tally->fields, tally);
        tally->steps++;
    }
    json_t *facts = json_object_get(measured, "facts");
    json_t *none = json_object();
    compare_objects(&s, script, "facts", facts != NULL ? facts : none, s.facts, quiet,
                    &tally->facts, tally);
    json_decref(none);
    s_end(&s);
}

json_t *truth_load(const char *file) {
    char path[512];
    json_error_t error;
    (void)snprintf(path, sizeof path, "%s/%s", LR_GOLDEN_HEAP, file);
    json_t *document = json_load_file(path, 0, &error);
    cr_assert(document != NULL, "%s: %s, line %d", path, error.text, error.line);
    return document;
}

const json_t *truth_cell(const json_t *document, const char *script, const char *variant,
                         const char *version) {
    const json_t *scripts = json_object_get(document, "scripts");
    return json_object_get(json_object_get(json_object_get(scripts, script), variant), version);
}
