/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

enum target_kind { RATIO_AT_LEAST, VALUE_AT_LEAST, VALUE_AT_MOST };

/* What is to be reached: of the first result whose name begins so. The ratio is that to the
 * bare-socket program. */
static const struct target {
    const char *name;
    enum target_kind kind;
    double limit;
} targets[] = {
    {"session lives per second, 1 client", RATIO_AT_LEAST, 0.7},
    {"growth of a request's cost", VALUE_AT_MOST, 1.5},
    {"memory per registered server", VALUE_AT_MOST, 4096},
    {"heap per registered server", VALUE_AT_MOST, 4096},
    {"sim: session lives per second and core, 1 client", VALUE_AT_LEAST, 50000},
    {"sim: session lives per second and core, 1000", VALUE_AT_LEAST, 50000},
    {"sim: small worlds per second and core", VALUE_AT_LEAST, 2500},
    {"explore: runs of 40 operations", VALUE_AT_LEAST, 1500},
    {"sim: memory of", VALUE_AT_MOST, 12 * 1024},
};

static double ratio_of(const struct bench_result *result, enum bench_subject reference) {
    return result->values[BENCH_OURS] / result->values[reference];
}

static void print_cell(double value, int width) {
    if (value < 0) {
        (void)printf("  %*s", width, "-");
    } else {
        (void)printf("  %*.*f", width, value < 20 ? 2 : 0, value);
    }
}

void bench_print_table(const struct bench *bench) {
    (void)printf("%-47s %4s  %10s  %10s  %6s  %10s  %6s\n", "", "unit", "lastref", "bare", "ratio",
                 "real TVM", "ratio");
    for (size_t i = 0; i < bench->result_count; i++) {
        const struct bench_result *result = &bench->results[i];
        (void)printf("%-47s %4s", result->name, result->unit);
        print_cell(result->values[BENCH_OURS], 10);
        for (size_t subject = BENCH_BARE; subject < BENCH_SUBJECTS; subject++) {
            bool known = result->values[subject] > 0;
            print_cell(result->values[subject], 10);
            print_cell(known ? ratio_of(result, (enum bench_subject)subject) : -1, 6);
        }
        (void)printf("\n");
    }
    if (bench->python == NULL) {
        (void)printf(
            "real TVM was not measured: `make interop` installs it, FAST=1 leaves it out\n");
    } else {
        (void)printf("real TVM is %s\n", bench->tvm_version);
    }
}

static void write_number(FILE *file, const char *name, bool known, double value) {
    if (known) {
        (void)fprintf(file, "\"%s\": %.6g", name, value);
    } else {
        (void)fprintf(file, "\"%s\": null", name);
    }
}

static void write_object(FILE *file, const struct bench *bench, const struct bench_result *result,
                         enum bench_subject subject) {
    bool known = result->values[subject] > 0;
    (void)fprintf(file, "  {\"name\": \"%s\", ", result->name);
    write_number(file, "value", result->values[BENCH_OURS] >= 0, result->values[BENCH_OURS]);
    (void)fprintf(file, ", \"unit\": \"%s\", \"reference\": ", result->unit);
    if (subject == BENCH_BARE) {
        (void)fprintf(file, "\"bare-socket program\", ");
    } else if (bench->python == NULL) {
        (void)fprintf(file, "\"Apache TVM (not measured)\", ");
    } else {
        (void)fprintf(file, "\"Apache TVM %s\", ", bench->tvm_version);
    }
    write_number(file, "reference_value", known, result->values[subject]);
    (void)fprintf(file, ", ");
    write_number(file, "ratio", known, known ? ratio_of(result, subject) : 0);
    (void)fprintf(file, "}");
}

bool bench_write_json(const struct bench *bench, const char *path) {
    char other[4096];
    int size = snprintf(other, sizeof other, "%s.new", path);
    FILE *file = size < 0 || (size_t)size >= sizeof other ? NULL : fopen(other, "wb");
    if (file == NULL) {
        return false;
    }
    (void)fprintf(file, "[\n");
    for (size_t i = 0; i < bench->result_count; i++) {
        write_object(file, bench, &bench->results[i], BENCH_BARE);
        (void)fprintf(file, ",\n");
        write_object(file, bench, &bench->results[i], BENCH_TVM);
        (void)fprintf(file, "%s\n", i + 1 < bench->result_count ? "," : "");
    }
    (void)fprintf(file, "]\n");
    bool written = ferror(file) == 0;
    written = fclose(file) == 0 && written;
    if (!written || rename(other, path) != 0) {
        (void)remove(other);
        return false;
    }
    return true;
}

static const struct bench_result *find(const struct bench *bench, const char *name) {
    for (size_t i = 0; i < bench->result_count; i++) {
        if (strncmp(bench->results[i].name, name, strlen(name)) == 0) {
            return &bench->results[i];
        }
    }
    LR_UNREACHABLE();
}

bool bench_check_targets(const struct bench *bench) {
    bool all = true;
    for (size_t i = 0; i < LR_COUNT_OF(targets); i++) {
        const struct target *target = &targets[i];
        const struct bench_result *result = find(bench, target->name);
        bool is_ratio = target->kind == RATIO_AT_LEAST;
        bool known =
            result->values[BENCH_OURS] >= 0 && (!is_ratio || result->values[BENCH_BARE] > 0);
        double value = is_ratio ? ratio_of(result, BENCH_BARE) : result->values[BENCH_OURS];
        bool at_least = target->kind != VALUE_AT_MOST;
        bool reached = known && (at_least ? value >= target->limit : value <= target->limit);
        (void)printf("%-8s %s: ",
                     !known    ? "unknown"
                     : reached ? "reached"
                               : "MISSED",
                     result->name);
        if (known) {
            (void)printf("%.*f %s", value < 20 ? 2 : 0, value,
                         is_ratio ? "of the bare-socket program" : result->unit);
        } else {
            (void)printf("not to be measured on this system");
        }
        (void)printf(", at %s %g wanted\n", at_least ? "least" : "most", target->limit);
        all = all && (reached || !known);
    }
    return all;
}
