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

static void note(uint32_t number, const char *what) {
    struct lr_recorded_link *record = &recorder.links[number];
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

void lr_ledger_link_client(struct lr_ledger *ledger, uint32_t number,
                           const struct lr_endpoint *client) {
    (void)ledger;
    name_end(recorder.links[number].client, client);
    recorder.links[number].client_pid = client->pid;
}

void lr_ledger_link_bytes(struct lr_ledger *ledger, lr_time at, uint32_t number,
                          enum lr_direction direction, const uint8_t *bytes, size_t size) {
    (void)ledger;
    (void)at;
    (void)bytes;
    recorder.links[number].bytes[direction] += size;
}

void lr_ledger_link_fin(struct lr_ledger *ledger, lr_time at, uint32_t number,
                        enum lr_direction direction) {
    (void)ledger;
    (void)at;
    recorder.links[number].fins[direction]++;
    note(number, direction == LR_TO_SERVICE ? "F>" : "F<");
}

void lr_ledger_link_reset(struct lr_ledger *ledger, lr_time at, uint32_t number,
                          enum lr_direction direction) {
    (void)ledger;
    (void)at;
    recorder.links[number].resets[direction]++;
    note(number, direction == LR_TO_SERVICE ? "R>" : "R<");
}

void lr_ledger_link_closed(struct lr_ledger *ledger, lr_time at, uint32_t number,
                           const char *reason) {
    (void)ledger;
    (void)at;
    recorder.links[number].closed++;
    snprintf(recorder.links[number].reason, LR_RECORDED_TEXT_MAX, "%s",
             reason == NULL ? "" : reason);
    note(number, "C");
}

void lr_ledger_link_fault(struct lr_ledger *ledger, lr_time at, uint32_t number, const char *what) {
    (void)ledger;
    (void)at;
    snprintf(recorder.links[number].fault, LR_RECORDED_TEXT_MAX, "%s", what);
    note(number, "X");
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

void lr_ledger_link_spoiled(struct lr_ledger *ledger, uint32_t number) {
    (void)ledger;
    recorder.links[number].spoiled++;
}

/* Not followed: what crosses is counted here, and not read. */
bool lr_ledger_link_place(const struct lr_ledger *ledger, uint32_t number,
                          enum lr_direction direction, struct lr_ledger_place *place) {
    (void)ledger;
    (void)number;
    (void)direction;
    *place = (struct lr_ledger_place){.opened = false};
    return false;
}

const char *lr_ledger_link_service(const struct lr_ledger *ledger, uint32_t number) {
    (void)ledger;
    return recorder.links[number].service;
}
