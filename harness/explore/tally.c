/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/tally.h"

#include <stdio.h>
#include <string.h>

/* Findings stand in the order of their seeds, whichever came first. */
static void keep_order(struct lr_tally *tally, unsigned int at) {
    while (at > 0 && tally->findings[at - 1].seed > tally->findings[at].seed) {
        struct lr_tally_finding before = tally->findings[at - 1];
        tally->findings[at - 1] = tally->findings[at];
        tally->findings[at] = before;
        at--;
    }
}

static unsigned int index_of(const struct lr_tally *tally, const char *fingerprint) {
    unsigned int at = 0;
    while (at < tally->finding_count && strcmp(tally->findings[at].fingerprint, fingerprint) != 0) {
        at++;
    }
    return at;
}

struct lr_tally_finding *lr_tally_find(struct lr_tally *tally, uint64_t seed, uint64_t count,
                                       const char *text) {
    char fingerprint[LR_FINGERPRINT_MAX];
    lr_fingerprint(fingerprint, text);
    unsigned int at = index_of(tally, fingerprint);
    if (at == LR_TALLY_FINDINGS_MAX) {
        tally->lost += count;
        return NULL;
    }
    struct lr_tally_finding *finding = &tally->findings[at];
    uint64_t before = at < tally->finding_count ? finding->count : 0;
    if (before == 0 || seed < finding->seed) {
        *finding = (struct lr_tally_finding){.seed = seed};
        (void)snprintf(finding->text, sizeof finding->text, "%s", text);
        memcpy(finding->fingerprint, fingerprint, sizeof fingerprint);
    }
    finding->count = before + count;
    tally->finding_count += at == tally->finding_count;
    keep_order(tally, at);
    return &tally->findings[index_of(tally, fingerprint)];
}

void lr_tally_run(struct lr_tally *tally, const struct lr_plan *plan,
                  const struct lr_explored *out) {
    tally->runs++;
    tally->operations += out->operations;
    tally->faults += out->faults;
    tally->events += out->events;
    tally->virtual_ms += out->took_ns / LR_MS;
    for (unsigned int i = 0; i < 32; i++) {
        tally->reach.features[i] += plan->features >> i & 1U;
    }
    if (out->finding_count > 0) { /* what follows may follow from it */
        (void)lr_tally_find(tally, plan->seed, 1, out->findings[0].text);
    }
}

void lr_tally_add(struct lr_tally *into, const struct lr_tally *from) {
    into->runs += from->runs;
    into->operations += from->operations;
    into->faults += from->faults;
    into->events += from->events;
    into->virtual_ms += from->virtual_ms;
    into->lost += from->lost;
    lr_reach_add(&into->reach, &from->reach);
    for (unsigned int i = 0; i < from->finding_count; i++) {
        const struct lr_tally_finding *more = &from->findings[i];
        struct lr_tally_finding *kept = lr_tally_find(into, more->seed, more->count, more->text);
        if (kept != NULL && kept->seed == more->seed && more->file[0] != '\0') {
            uint64_t count = kept->count;
            *kept = *more;
            kept->count = count;
        }
    }
}
