/* SPDX-License-Identifier: Apache-2.0 */
#include "support/link_recorder.h"

#include <stdio.h>
#include <string.h>

static struct lr_link_recorder recorder;

struct lr_ledger *lr_link_recorder_start(void) {
    memset(&recorder, 0, sizeof recorder);
    return (struct lr_ledger *)(void *)&recorder;
}

struct lr_link_recorder *lr_link_recorder(void) {
    return &recorder;
}

static void note(uint32_t link, const char *what) {
    struct lr_recorded_link *record = &recorder.links[link];
    size_t used = strlen(record->order);
    snprintf(record->order + used, sizeof record->order - used, "%s ", what);
}

static void name_end(char *out, const struct lr_endpoint *end) {
    snprintf(out, LR_RECORDED_TEXT_MAX, "%s", end->host != NULL ? end->host : end->address);
}

uint32_t lr_ledger_link_opened(struct lr_ledger *ledger, lr_time at, enum lr_plane plane,
                               const struct lr_endpoint *client,
                               const struct lr_endpoint *service) {
    (void)ledger;
    (void)at;
    if (recorder.count == LR_RECORDED_LINKS_MAX) {
        return 0;
    }
    struct lr_recorded_link *record = &recorder.links[++recorder.count];
    record->plane = plane;
    record->client_pid = client->pid;
    name_end(record->client, client);
    name_end(record->service, service);
    return recorder.count;
}

void lr_ledger_link_client(struct lr_ledger *ledger, uint32_t link,
                           const struct lr_endpoint *client) {
    (void)ledger;
    name_end(recorder.links[link].client, client);
    recorder.links[link].client_pid = client->pid;
}

void lr_ledger_link_bytes(struct lr_ledger *ledger, lr_time at, uint32_t link,
                          enum lr_direction direction, const uint8_t *bytes, size_t size) {
    (void)ledger;
    (void)at;
    (void)bytes;
    recorder.links[link].bytes[direction] += size;
}

void lr_ledger_link_fin(struct lr_ledger *ledger, lr_time at, uint32_t link,
                        enum lr_direction direction) {
    (void)ledger;
    (void)at;
    recorder.links[link].fins[direction]++;
    note(link, direction == LR_TO_SERVICE ? "F>" : "F<");
}

void lr_ledger_link_reset(struct lr_ledger *ledger, lr_time at, uint32_t link,
                          enum lr_direction direction) {
    (void)ledger;
    (void)at;
    recorder.links[link].resets[direction]++;
    note(link, direction == LR_TO_SERVICE ? "R>" : "R<");
}

void lr_ledger_link_closed(struct lr_ledger *ledger, lr_time at, uint32_t link,
                           const char *reason) {
    (void)ledger;
    (void)at;
    recorder.links[link].closed++;
    snprintf(recorder.links[link].reason, LR_RECORDED_TEXT_MAX, "%s", reason == NULL ? "" : reason);
    note(link, "C");
}

void lr_ledger_link_fault(struct lr_ledger *ledger, lr_time at, uint32_t link, const char *what) {
    (void)ledger;
    (void)at;
    snprintf(recorder.links[link].fault, LR_RECORDED_TEXT_MAX, "%s", what);
    note(link, "X");
}

void lr_ledger_process(struct lr_ledger *ledger, lr_time at, const char *host, int64_t pid,
                       bool running) {
    (void)ledger;
    (void)at;
    (void)host;
    (void)pid;
    recorder.processes_started += running ? 1 : 0;
    recorder.processes_ended += running ? 0 : 1;
}
