/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/tally_json.h"

#include <stdio.h>
#include <string.h>

#include "explore/impossible.h"
#include "explore/odds.h"
#include "rpc/json.h"

#define FORMAT "lastref explore 1"

/* ---- writing ---- */

static void put_name(struct lr_writer *writer, const char *before, const char *name) {
    lr_json_write_raw(writer, before);
    lr_json_write_text(writer, lr_text_of(name));
    lr_json_write_raw(writer, ": ");
}

static void put_number(struct lr_writer *writer, const char *before, const char *name,
                       uint64_t number) {
    put_name(writer, before, name);
    lr_json_write_int(writer, (int64_t)number);
}

static void put_text(struct lr_writer *writer, const char *before, const char *name,
                     const char *text) {
    put_name(writer, before, name);
    lr_json_write_text(writer, lr_text_of(text));
}

static void put_finding(struct lr_writer *writer, const struct lr_tally_finding *finding) {
    put_number(writer, "{", "seed", finding->seed);
    put_text(writer, ", ", "finding", finding->text);
    put_number(writer, ", ", "runs", finding->count);
    put_text(writer, ", ", "file", finding->file);
    put_number(writer, ", ", "operations", finding->operations);
    put_number(writer, ", ", "shrink_runs", finding->shrink_runs);
    put_name(writer, ", ", "repeats");
    lr_json_write_raw(writer, finding->repeats ? "true}" : "false}");
}

static void put_tuple(struct lr_writer *writer, const struct lr_reach_tuple *tuple) {
    put_text(writer, "{", "role", lr_reach_role_name(tuple->role));
    put_text(writer, ", ", "state", lr_reach_state_name(tuple->state));
    put_text(writer, ", ", "fault", lr_plan_fault_row(tuple->fault)->name);
    put_text(writer, ", ", "cause", lr_cause_name(tuple->cause));
}

/* Those that were reached, with how often, or those that could be and were not. */
static void put_tuples(struct lr_writer *writer, const struct lr_tally *tally, bool reached) {
    struct lr_reach_tuple tuple = {0};
    const char *between = "\n    ";
    do {
        uint64_t count = *lr_reach_at((struct lr_reach *)&tally->reach, &tuple);
        if (reached ? count == 0 : count > 0 || lr_impossible(&tuple) != NULL) {
            continue;
        }
        lr_json_write_raw(writer, between);
        between = ",\n    ";
        put_tuple(writer, &tuple);
        if (reached) {
            put_number(writer, ", ", "count", count);
        }
        lr_json_write_raw(writer, "}");
    } while (lr_reach_next(&tuple));
}

static void put_features(struct lr_writer *writer, const struct lr_tally *tally) {
    for (unsigned int i = 0; i < LR_FEATURE_COUNT; i++) {
        put_number(writer, i == 0 ? "" : ", ", lr_feature_row(i)->name, tally->reach.features[i]);
    }
}

enum lr_status lr_tally_write_json(const struct lr_tally *tally, const struct lr_tally_about *about,
                                   struct lr_buf *out) {
    struct lr_writer writer = lr_writer_of(out);
    put_text(&writer, "{\n  ", "format", FORMAT);
    put_number(&writer, ",\n  ", "first_seed", about->first);
    put_number(&writer, ",\n  ", "last_seed", about->last);
    put_number(&writer, ",\n  ", "shard", about->shard);
    put_number(&writer, ",\n  ", "shards", about->shards);
    put_number(&writer, ",\n  ", "real_ms", about->took_ms);
    put_number(&writer, ",\n  ", "runs", tally->runs);
    put_number(&writer, ",\n  ", "operations", tally->operations);
    put_number(&writer, ",\n  ", "faults", tally->faults);
    put_number(&writer, ",\n  ", "events", tally->events);
    put_number(&writer, ",\n  ", "virtual_ms", tally->virtual_ms);
    put_number(&writer, ",\n  ", "findings_lost", tally->lost);
    lr_json_write_raw(&writer, ",\n  \"findings\": [");
    for (unsigned int i = 0; i < tally->finding_count; i++) {
        lr_json_write_raw(&writer, i == 0 ? "\n    " : ",\n    ");
        put_finding(&writer, &tally->findings[i]);
    }
    lr_json_write_raw(&writer, "],\n  \"features\": {");
    put_features(&writer, tally);
    lr_json_write_raw(&writer, "},\n  \"reached\": [");
    put_tuples(&writer, tally, true);
    lr_json_write_raw(&writer, "],\n  \"never_reached\": [");
    put_tuples(&writer, tally, false);
    lr_json_write_raw(&writer, "]\n}\n");
    return writer.status;
}

/* ---- reading ---- */

static bool get_number(const struct lr_json *value, const char *name, uint64_t *number) {
    int64_t integer = 0;
    bool there = lr_json_int(lr_json_get(value, name), &integer) && integer >= 0;
    *number = there ? (uint64_t)integer : 0;
    return there;
}

static bool get_text(const struct lr_json *value, const char *name, char *out, size_t size) {
    struct lr_text text;
    if (!lr_json_text(lr_json_get(value, name), &text) || text.size >= size) {
        return false;
    }
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return true;
}

static bool get_finding(const struct lr_json *value, struct lr_tally *tally) {
    uint64_t seed;
    uint64_t count;
    char text[LR_ERROR_TEXT_MAX];
    if (!get_number(value, "seed", &seed) || !get_number(value, "runs", &count) ||
        !get_text(value, "finding", text, sizeof text)) {
        return false;
    }
    struct lr_tally_finding *finding = lr_tally_find(tally, seed, count, text);
    return finding == NULL || (get_text(value, "file", finding->file, sizeof finding->file) &&
                               get_number(value, "operations", &finding->operations) &&
                               get_number(value, "shrink_runs", &finding->shrink_runs) &&
                               lr_json_bool(lr_json_get(value, "repeats"), &finding->repeats));
}

/* The index of |text| among |count| names. */
static bool find_name(const char *text, const char *(*name_of)(unsigned int index),
                      unsigned int count, unsigned int *index) {
    for (*index = 0; *index < count; (*index)++) {
        if (strcmp(name_of(*index), text) == 0) {
            return true;
        }
    }
    return false;
}

static const char *fault_name(unsigned int kind) {
    return lr_plan_fault_row(kind)->name;
}

static const char *cause_name(unsigned int cause) {
    return lr_cause_name((enum lr_cause)cause);
}

static bool get_tuple(const struct lr_json *value, struct lr_tally *tally) {
    char texts[4][64];
    static const char *const names[] = {"role", "state", "fault", "cause"};
    struct lr_reach_tuple tuple;
    uint64_t count;
    for (size_t i = 0; i < LR_COUNT_OF(texts); i++) {
        if (!get_text(value, names[i], texts[i], sizeof texts[i])) {
            return false;
        }
    }
    if (!find_name(texts[0], lr_reach_role_name, LR_REACH_ROLES, &tuple.role) ||
        !find_name(texts[1], lr_reach_state_name, LR_REACH_STATES, &tuple.state) ||
        !find_name(texts[2], fault_name, LR_PLAN_FAULT_KINDS, &tuple.fault) ||
        !find_name(texts[3], cause_name, LR_CAUSE_COUNT, &tuple.cause) ||
        !get_number(value, "count", &count)) {
        return false;
    }
    *lr_reach_at(&tally->reach, &tuple) += count;
    return true;
}

static bool get_sums(const struct lr_json *root, struct lr_tally *tally,
                     struct lr_tally_about *about) {
    uint64_t shard;
    uint64_t shards;
    bool there =
        get_number(root, "first_seed", &about->first) &&
        get_number(root, "last_seed", &about->last) && get_number(root, "shard", &shard) &&
        get_number(root, "shards", &shards) && get_number(root, "real_ms", &about->took_ms) &&
        get_number(root, "runs", &tally->runs) &&
        get_number(root, "operations", &tally->operations) &&
        get_number(root, "faults", &tally->faults) && get_number(root, "events", &tally->events) &&
        get_number(root, "virtual_ms", &tally->virtual_ms) &&
        get_number(root, "findings_lost", &tally->lost);
    about->shard = there ? (unsigned int)shard : 0;
    about->shards = there ? (unsigned int)shards : 0;
    for (unsigned int i = 0; i < LR_FEATURE_COUNT; i++) {
        (void)get_number(lr_json_get(root, "features"), lr_feature_row(i)->name,
                         &tally->reach.features[i]);
    }
    return there;
}

static bool get_all(const struct lr_json *root, struct lr_tally *tally,
                    struct lr_tally_about *about) {
    char format[32];
    const struct lr_json *findings = lr_json_get(root, "findings");
    const struct lr_json *reached = lr_json_get(root, "reached");
    bool good = get_text(root, "format", format, sizeof format) && strcmp(format, FORMAT) == 0 &&
                get_sums(root, tally, about);
    for (size_t i = 0; good && i < lr_json_count(findings); i++) {
        good = get_finding(lr_json_at(findings, i), tally);
    }
    for (size_t i = 0; good && i < lr_json_count(reached); i++) {
        good = get_tuple(lr_json_at(reached, i), tally);
    }
    return good;
}

enum lr_status lr_tally_read_json(struct lr_alloc *alloc, const void *bytes, size_t size,
                                  struct lr_tally *tally, struct lr_tally_about *about,
                                  struct lr_error *error) {
    struct lr_json *root;
    memset(tally, 0, sizeof *tally);
    memset(about, 0, sizeof *about);
    enum lr_status status = lr_json_parse(alloc, bytes, size, &root, error);
    if (status == LR_OK && !get_all(root, tally, about)) {
        status = lr_error_set(error, LR_EPROTO, "it is not what lastref explore --json writes");
    }
    lr_json_free(root);
    return status;
}
