/* SPDX-License-Identifier: Apache-2.0 */
/* What a team and its workers say to each other. */
#include <string.h>

#include "explore/batch.h"

#define BATCH "play"
#define SHRINK "shrink"
#define REPEAT "repeat"
#define TALLY "tally"

/* The sums, as they stand in the structure: one after the other. */
enum { SUMS = 6 };
static uint64_t *sums_of(struct lr_tally *tally) {
    return &tally->runs;
}

void lr_batch_say(struct lr_line_writer *writer, const struct lr_batch *batch) {
    lr_line_begin(writer, BATCH);
    lr_line_number(writer, batch->first);
    lr_line_number(writer, batch->stride);
    lr_line_number(writer, batch->count);
    lr_line_end(writer);
}

void lr_batch_say_shrink(struct lr_line_writer *writer, const struct lr_tally_finding *finding,
                         const char *found) {
    lr_line_begin(writer, SHRINK);
    lr_line_number(writer, finding->seed);
    lr_line_text(writer, finding->text);
    lr_line_text(writer, found);
    lr_line_end(writer);
}

void lr_batch_say_repeat(struct lr_line_writer *writer, const struct lr_tally_finding *finding) {
    lr_line_begin(writer, REPEAT);
    lr_line_number(writer, finding->seed);
    lr_line_text(writer, finding->text);
    lr_line_text(writer, finding->file);
    lr_line_end(writer);
}

static void say_finding(struct lr_line_writer *writer, const struct lr_tally_finding *finding) {
    lr_line_number(writer, finding->seed);
    lr_line_number(writer, finding->count);
    lr_line_number(writer, finding->operations);
    lr_line_number(writer, finding->shrink_runs);
    lr_line_number(writer, finding->repeats);
    lr_line_text(writer, finding->text);
    lr_line_text(writer, finding->file);
}

void lr_tally_say(struct lr_line_writer *writer, const struct lr_tally *tally) {
    struct lr_tally copy = *tally;
    const uint64_t *counts = (const uint64_t *)&tally->reach;
    const size_t count = sizeof tally->reach / sizeof *counts;
    size_t reached = 0;
    lr_line_begin(writer, TALLY);
    for (size_t i = 0; i < SUMS; i++) {
        lr_line_number(writer, sums_of(&copy)[i]);
    }
    lr_line_number(writer, tally->finding_count);
    for (unsigned int i = 0; i < tally->finding_count; i++) {
        say_finding(writer, &tally->findings[i]);
    }
    for (size_t i = 0; i < count; i++) {
        reached += counts[i] != 0;
    }
    lr_line_number(writer, reached);
    for (size_t i = 0; i < count; i++) {
        if (counts[i] != 0) {
            lr_line_number(writer, i);
            lr_line_number(writer, counts[i]);
        }
    }
    lr_line_end(writer);
}

static void hear_finding(struct lr_line_reader *reader, struct lr_tally *tally) {
    uint64_t seed = lr_line_take_number(reader, UINT64_MAX);
    uint64_t count = lr_line_take_number(reader, UINT64_MAX);
    uint64_t operations = lr_line_take_number(reader, UINT64_MAX);
    uint64_t shrink_runs = lr_line_take_number(reader, UINT64_MAX);
    bool repeats = lr_line_take_number(reader, 1) != 0;
    const char *text = lr_line_take_string(reader);
    const char *file = lr_line_take_string(reader);
    struct lr_tally_finding *finding =
        reader->status == LR_OK ? lr_tally_find(tally, seed, count, text) : NULL;
    if (finding != NULL && strlen(file) < sizeof finding->file) {
        finding->operations = operations;
        finding->shrink_runs = shrink_runs;
        finding->repeats = repeats;
        memcpy(finding->file, file, strlen(file) + 1);
    }
}

enum lr_status lr_tally_hear(struct lr_line_reader *reader, struct lr_tally *tally) {
    uint64_t *counts = (uint64_t *)&tally->reach;
    memset(tally, 0, sizeof *tally);
    if (strcmp(lr_line_word(reader), TALLY) != 0) {
        return LR_EPROTO;
    }
    for (size_t i = 0; i < SUMS; i++) {
        sums_of(tally)[i] = lr_line_take_number(reader, UINT64_MAX);
    }
    uint64_t findings = lr_line_take_number(reader, LR_TALLY_FINDINGS_MAX);
    for (uint64_t i = 0; i < findings && reader->status == LR_OK; i++) {
        hear_finding(reader, tally);
    }
    size_t room = sizeof tally->reach / sizeof *counts;
    uint64_t reached = lr_line_take_number(reader, room);
    for (uint64_t i = 0; i < reached && reader->status == LR_OK; i++) {
        uint64_t at = lr_line_take_number(reader, room - 1);
        uint64_t number = lr_line_take_number(reader, UINT64_MAX);
        counts[reader->status == LR_OK ? at : 0] = number;
    }
    return lr_line_done(reader);
}

/* ---- a worker ---- */

static enum lr_status answer(FILE *out, struct lr_alloc *alloc, const struct lr_tally *tally,
                             struct lr_error *error) {
    struct lr_line_writer writer;
    lr_line_writer_init(&writer, alloc);
    lr_tally_say(&writer, tally);
    size_t size = lr_buf_size(&writer.bytes);
    enum lr_status status = writer.status;
    if (status == LR_OK &&
        (fwrite(lr_buf_data(&writer.bytes), 1, size, out) != size || fflush(out) != 0)) {
        status = LR_EIO;
    }
    lr_line_writer_deinit(&writer);
    return status == LR_OK ? LR_OK : lr_error_set(error, status, "an answer is lost");
}

static enum lr_status heed_look(struct lr_line_reader *reader, bool shrink, struct lr_alloc *alloc,
                                struct lr_tally *tally, struct lr_error *error) {
    uint64_t seed = lr_line_take_number(reader, UINT64_MAX);
    const char *text = lr_line_take_string(reader);
    const char *path = lr_line_take_string(reader);
    if (lr_line_done(reader) != LR_OK) {
        return LR_EPROTO;
    }
    struct lr_tally_finding *finding = lr_tally_find(tally, seed, 1, text);
    if (shrink) {
        return lr_batch_shrink(finding, path, alloc, error);
    }
    if (strlen(path) >= sizeof finding->file) {
        return LR_EPROTO;
    }
    memcpy(finding->file, path, strlen(path) + 1);
    return lr_batch_repeat(finding, alloc, error);
}

static enum lr_status heed(struct lr_line_reader *reader, struct lr_alloc *alloc,
                           struct lr_tally *tally, struct lr_error *error) {
    const char *word = lr_line_word(reader);
    memset(tally, 0, sizeof *tally);
    if (strcmp(word, SHRINK) == 0 || strcmp(word, REPEAT) == 0) {
        return heed_look(reader, strcmp(word, SHRINK) == 0, alloc, tally, error);
    }
    if (strcmp(word, BATCH) != 0) {
        return LR_EPROTO;
    }
    struct lr_batch batch;
    batch.first = lr_line_take_number(reader, UINT64_MAX);
    batch.stride = lr_line_take_number(reader, UINT64_MAX);
    batch.count = lr_line_take_number(reader, UINT64_MAX);
    return lr_line_done(reader) == LR_OK ? lr_batch_play(&batch, alloc, tally, error) : LR_EPROTO;
}

/* An order, without its newline. False: there are no more. */
static bool read_piece(FILE *in, struct lr_buf *piece, enum lr_status *status) {
    int c;
    lr_buf_consume(piece, lr_buf_size(piece));
    while ((c = getc(in)) != EOF && c != '\n' && *status == LR_OK) {
        char byte = (char)c;
        *status =
            lr_buf_size(piece) < LR_LINE_BYTES_MAX ? lr_buf_append(piece, &byte, 1) : LR_ELIMIT;
    }
    if (*status == LR_OK) {
        *status = lr_buf_append(piece, "", 1);
    }
    return c != EOF && *status == LR_OK;
}

enum lr_status lr_batch_work(FILE *in, FILE *out, struct lr_alloc *alloc, struct lr_error *error) {
    struct lr_line_reader reader;
    struct lr_buf piece;
    struct lr_tally *tally = LR_NEW(alloc, struct lr_tally);
    enum lr_status status = tally == NULL ? LR_ENOMEM : LR_OK;
    error->code = LR_OK;
    lr_line_reader_init(&reader, alloc);
    lr_buf_init(&piece, alloc);
    while (status == LR_OK && read_piece(in, &piece, &status)) {
        status = lr_line_feed(&reader, (const char *)lr_buf_data(&piece));
        if (status == LR_OK && reader.whole) {
            status = heed(&reader, alloc, tally, error);
            status = status == LR_OK ? answer(out, alloc, tally, error) : status;
        }
    }
    lr_buf_deinit(&piece);
    lr_line_reader_deinit(&reader);
    LR_FREE(alloc, tally);
    if (status != LR_OK && error->code == LR_OK) {
        lr_error_set(error, status, "a worker cannot go on: %s", lr_status_text(status));
    }
    return status;
}
