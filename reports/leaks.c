/* SPDX-License-Identifier: Apache-2.0 */
#include "reports/leaks.h"

#include <stdio.h>

static struct lr_leak *find(struct lr_leaks *leaks, uint64_t fingerprint) {
    for (size_t i = 0; i < leaks->count; i++) {
        if (leaks->rows[i].fingerprint == fingerprint) {
            return &leaks->rows[i];
        }
    }
    return NULL;
}

/* Whether one before |retention| in the same case is the same leak. */
static bool is_counted(const struct lr_case_result *result, const struct lr_retention *retention) {
    for (const struct lr_retention *r = result->retentions; r != retention; r = r->next) {
        if (!r->expected && r->fingerprint == retention->fingerprint) {
            return true;
        }
    }
    return false;
}

static void count_leak(struct lr_leaks *leaks, const struct lr_case_result *result,
                       const struct lr_retention *retention) {
    struct lr_leak *leak = find(leaks, retention->fingerprint);
    if (leak == NULL && leaks->count == LR_LEAKS_MAX) {
        leaks->left_out++;
        return;
    }
    if (leak == NULL) {
        leak = &leaks->rows[leaks->count++];
        leak->fingerprint = retention->fingerprint;
        (void)lr_retention_suspects(leak->suspect, sizeof leak->suspect, retention);
        (void)snprintf(leak->first, sizeof leak->first, "%s", result->name);
    }
    leak->cases++;
}

void lr_leaks_add(struct lr_leaks *leaks, const struct lr_case_result *result) {
    if (result->outcome == LR_CASE_AS_EXPECTED || result->outcome == LR_CASE_NOT_RUN ||
        result->outcome == LR_CASE_NOT_ALLOWED) {
        return;
    }
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        if (!r->expected && !is_counted(result, r)) {
            count_leak(leaks, result, r);
        }
    }
}
