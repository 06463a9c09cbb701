/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "explore/generate.h"
#include "explore/script.h"
#include "explore/shrink.h"
#include "scenario/order.h"

enum lr_status lr_batch_play(const struct lr_batch *batch, struct lr_alloc *alloc,
                             struct lr_tally *tally, struct lr_error *error) {
    const struct lr_run_plan_options options = {.alloc = alloc, .reach = &tally->reach};
    enum lr_status status = LR_OK;
    for (uint64_t i = 0; i < batch->count && status == LR_OK; i++) {
        struct lr_plan plan;
        struct lr_explored out;
        char repeat[64];
        lr_generate(&plan, batch->first + i * batch->stride);
        (void)snprintf(repeat, sizeof repeat, "lastref explore --seed %" PRIu64, plan.seed);
        lr_assert_set_context(repeat);
        status = lr_run_plan(&plan, &options, &out, error);
        lr_assert_set_context(NULL);
        if (status == LR_OK) {
            lr_tally_run(tally, &plan, &out);
        }
    }
    return status;
}

/* ---- a finding as a scenario ---- */

static enum lr_status write_file(const char *path, const struct lr_buf *text,
                                 struct lr_error *error) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return lr_error_set(error, LR_EIO, "%s cannot be written", path);
    }
    size_t size = lr_buf_size(text);
    bool written = fwrite(lr_buf_data(text), 1, size, file) == size;
    written = fclose(file) == 0 && written;
    return written ? LR_OK : lr_error_set(error, LR_EIO, "%s cannot be written", path);
}

enum lr_status lr_batch_write(struct lr_tally_finding *finding, const struct lr_plan *plan,
                              const struct lr_want *want, const char *found, struct lr_alloc *alloc,
                              struct lr_error *error) {
    char name[128];
    struct lr_buf text;
    lr_script_name(name, sizeof name, finding->text, finding->seed);
    int size = snprintf(finding->file, sizeof finding->file, "%s/%s", found, name);
    if (size < 0 || (size_t)size >= sizeof finding->file) {
        return lr_error_set(error, LR_EINVAL, "the name of the folder %s is too long", found);
    }
    lr_buf_init(&text, alloc);
    const struct lr_script_about about = {finding->seed, finding->text, *want, finding->file};
    enum lr_status status = lr_script_write(plan, &about, &text);
    if (status == LR_OK) {
        status = write_file(finding->file, &text, error);
    } else {
        lr_error_set(error, status, "no memory for a scenario");
    }
    lr_buf_deinit(&text);
    return status;
}

enum lr_status lr_batch_repeat(struct lr_tally_finding *finding, struct lr_alloc *alloc,
                               struct lr_error *error) {
    const struct lr_order order = {.file = finding->file,
                                   .name = finding->file,
                                   .title = finding->text,
                                   .world = "sim",
                                   .index = 0,
                                   .case_index = 0,
                                   .seed = finding->seed};
    const struct lr_order_means means = {.alloc = alloc};
    struct lr_case_result result;
    bool interrupted = false;
    enum lr_status status = lr_order_play(&order, &means, &result, &interrupted, error);
    if (status == LR_OK) {
        finding->repeats = result.outcome == LR_CASE_UNEXPECTED;
        lr_case_result_deinit(&result);
    }
    return status;
}

/* What the shrunk plan has not shown. */
static struct lr_want want_of(const struct lr_tally_finding *finding,
                              const struct lr_explored *out) {
    for (unsigned int i = 0; i < out->finding_count && i < LR_EXPLORED_FINDINGS_MAX; i++) {
        if (strcmp(out->findings[i].fingerprint, finding->fingerprint) == 0) {
            return out->findings[i].want;
        }
    }
    return (struct lr_want){.what = LR_WANTED_NOTHING};
}

enum lr_status lr_batch_shrink(struct lr_tally_finding *finding, const char *found,
                               struct lr_alloc *alloc, struct lr_error *error) {
    struct lr_plan plan;
    struct lr_explored out;
    struct lr_shrinking shrinking = {
        .alloc = alloc, .fingerprint = finding->fingerprint, .runs_max = LR_SHRINK_RUNS_MAX};
    lr_generate(&plan, finding->seed);
    enum lr_status status = lr_shrink(&shrinking, &plan, &out, error);
    finding->operations = lr_plan_operations(&plan);
    finding->shrink_runs = shrinking.runs;
    if (status == LR_OK) {
        const struct lr_want want = want_of(finding, &out);
        status = lr_batch_write(finding, &plan, &want, found, alloc, error);
    }
    return status == LR_OK ? lr_batch_repeat(finding, alloc, error) : status;
}
