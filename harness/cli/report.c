/* SPDX-License-Identifier: Apache-2.0 */
/* lastref report merge: joins what the shards of an exploration have written. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "explore/tally_json.h"

enum { FILE_BYTES_MAX = 64 * 1024 * 1024, PIECE = 64 * 1024 };

struct report_settings {
    const char *out;
};

static const struct lr_option report_options[] = {
    {LR_OPTION(LR_OPTION_TEXT, "out", "FILE", struct report_settings, out,
               "where the whole is written (standard output unless said)")},
};

static const struct lr_command_line report_line = {
    .command = "lastref report",
    .operands = "merge FILE..",
    .operands_min = 2,
    .operands_max = 1000001,
    .summary =
        "Joins files of lastref explore --json: sums, findings once each, what was reached.\n",
    .epilogue =
        "Exit status: 0 joined, and nothing was found; 1 something was; 2 wrong usage, no such\n"
        "file, or a share that is there twice; 3 nothing was found, and shares are missing.\n",
    .options = report_options,
    .option_count = LR_COUNT_OF(report_options),
};

static enum lr_status read_file(const char *path, struct lr_buf *bytes, struct lr_error *error) {
    enum lr_status status = LR_OK;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return lr_error_set(error, LR_ENOTFOUND, "%s cannot be read", path);
    }
    for (size_t size = PIECE; size == PIECE && status == LR_OK;) {
        uint8_t *room;
        status =
            lr_buf_size(bytes) < FILE_BYTES_MAX ? lr_buf_reserve(bytes, PIECE, &room) : LR_ELIMIT;
        if (status == LR_OK) {
            size = fread(room, 1, PIECE, file);
            lr_buf_commit(bytes, size);
        }
    }
    if (status == LR_OK && ferror(file)) {
        status = LR_EIO;
    }
    (void)fclose(file);
    return status == LR_OK ? LR_OK
                           : lr_error_set(error, status, "%s: %s", path, lr_status_text(status));
}

struct merging {
    struct lr_alloc *alloc;
    struct lr_tally whole;
    struct lr_tally part;
    struct lr_tally_about about;
    struct lr_tally_about *parts; /* of each file */
    size_t files;
    bool incomplete;
};

static enum lr_status add_file(struct merging *merging, const char *path, struct lr_error *error) {
    struct lr_buf bytes;
    struct lr_tally_about about;
    lr_buf_init(&bytes, merging->alloc);
    enum lr_status status = read_file(path, &bytes, error);
    if (status == LR_OK) {
        status = lr_tally_read_json(merging->alloc, lr_buf_data(&bytes), lr_buf_size(&bytes),
                                    &merging->part, &about, error);
        if (status != LR_OK) {
            lr_error_prefix(error, "%s", path);
        }
    }
    lr_buf_deinit(&bytes);
    if (status != LR_OK) {
        return status;
    }
    lr_tally_add(&merging->whole, &merging->part);
    struct lr_tally_about *all = &merging->about;
    all->first = merging->files == 0 || about.first < all->first ? about.first : all->first;
    all->last = about.last > all->last ? about.last : all->last;
    all->took_ms += about.took_ms;
    merging->parts[merging->files++] = about;
    return LR_OK;
}

static int compare(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* Shares of one whole stand together, by their numbers. */
static int by_share(const void *a, const void *b) {
    const struct lr_tally_about *one = a;
    const struct lr_tally_about *other = b;
    int order = compare(one->first, other->first);
    order = order != 0 ? order : compare(one->last, other->last);
    order = order != 0 ? order : compare(one->shards, other->shards);
    return order != 0 ? order : compare(one->shard, other->shard);
}

static bool are_of_one_whole(const struct lr_tally_about *a, const struct lr_tally_about *b) {
    return a->first == b->first && a->last == b->last && a->shards == b->shards;
}

/* A share that was counted twice is an error, one that is missing is told: what is joined would say
 * of seeds that they were played. Files that were joined before say nothing of shares. */
static enum lr_status check_shares(struct merging *merging, struct lr_error *error) {
    struct lr_tally_about *parts = merging->parts;
    qsort(parts, merging->files, sizeof *parts, by_share);
    for (size_t i = 0, end; i < merging->files; i = end) {
        for (end = i + 1; end < merging->files && are_of_one_whole(&parts[i], &parts[end]); end++) {
            if (parts[end].shard == parts[end - 1].shard && parts[end].shards > 0) {
                return lr_error_set(error, LR_EINVAL, "share %u/%u is there twice",
                                    parts[end].shard, parts[end].shards);
            }
        }
        if (end - i < parts[i].shards) {
            merging->incomplete = true;
            (void)fprintf(stderr,
                          "lastref report: %zu of %u shares of the seeds %" PRIu64 "..%" PRIu64
                          " are missing\n",
                          parts[i].shards - (end - i), parts[i].shards, parts[i].first,
                          parts[i].last);
        }
    }
    return LR_OK;
}

static enum lr_status write_whole(const struct merging *merging, const char *path,
                                  struct lr_error *error) {
    struct lr_buf text;
    lr_buf_init(&text, merging->alloc);
    enum lr_status status = lr_tally_write_json(&merging->whole, &merging->about, &text);
    if (status != LR_OK) { /* what was there before stays */
        lr_buf_deinit(&text);
        return lr_error_set(error, status, "no memory for the whole");
    }
    FILE *file = path == NULL ? stdout : fopen(path, "wb");
    size_t size = lr_buf_size(&text);
    bool good =
        file != NULL && fwrite(lr_buf_data(&text), 1, size, file) == size && fflush(file) == 0;
    good = (file == NULL || file == stdout || fclose(file) == 0) && good;
    lr_buf_deinit(&text);
    return good ? LR_OK
                : lr_error_set(error, LR_EIO, "%s cannot be written",
                               path == NULL ? "standard output" : path);
}

static int exit_status(const struct merging *merging, enum lr_status status) {
    if (status != LR_OK) {
        return status == LR_ENOMEM || status == LR_EIO ? LR_EXIT_HARNESS : LR_EXIT_USAGE;
    }
    return merging->whole.finding_count > 0 ? LR_EXIT_FAILED
           : merging->incomplete            ? LR_EXIT_NOT_RUN
                                            : LR_EXIT_OK;
}

int lr_report_merge(struct lr_alloc *alloc, const char *const *paths, size_t count,
                    const char *out) {
    struct lr_error error = {.code = LR_OK};
    struct merging *merging = LR_NEW(alloc, struct merging);
    struct lr_tally_about *parts = lr_alloc_zeroed(alloc, count * sizeof *parts);
    enum lr_status status = merging == NULL || parts == NULL
                                ? lr_error_set(&error, LR_ENOMEM, "no memory for reports")
                                : LR_OK;
    if (status == LR_OK) {
        merging->alloc = alloc;
        merging->parts = parts;
    }
    for (size_t i = 0; i < count && status == LR_OK; i++) {
        status = add_file(merging, paths[i], &error);
    }
    if (status == LR_OK) {
        status = check_shares(merging, &error);
    }
    if (status == LR_OK) {
        status = write_whole(merging, out, &error);
    }
    if (status != LR_OK) {
        (void)fprintf(stderr, "lastref report: %s\n", error.text);
    }
    int result = exit_status(merging, status);
    lr_alloc_free(alloc, parts, count * sizeof *parts);
    LR_FREE(alloc, merging);
    return result;
}

int lr_cli_report(int argc, char **argv) {
    struct report_settings settings = {.out = NULL};
    char **operands;
    size_t operand_count;
    int result = lr_options_parse(&report_line, argc, argv, &settings, &operands, &operand_count);
    if (result != LR_OPTIONS_GO_ON) {
        return result;
    }
    if (strcmp(operands[0], "merge") != 0) {
        return lr_options_refuse(&report_line, "no report %s; there is merge", operands[0]);
    }
    return lr_report_merge(lr_alloc_system(), (const char *const *)operands + 1, operand_count - 1,
                           settings.out);
}
