/* SPDX-License-Identifier: Apache-2.0 */
/* A tracker's summary for programs. */
#include <stdio.h>

#include "cli/query_rows.h"
#include "cli/query_table.h"

static void write_member(struct lr_writer *writer, const char *name, struct lr_text text) {
    lr_json_write_raw(writer, name);
    lr_json_write_text(writer, text);
}

static void write_number(struct lr_writer *writer, const char *name, int64_t number) {
    lr_json_write_raw(writer, name);
    lr_json_write_int(writer, number);
}

static void write_servers(struct lr_writer *writer, const struct lr_query_rows *rows) {
    for (size_t i = 0; i < rows->server_count; i++) {
        const struct lr_summary_server *server = &rows->servers[i].row;
        write_member(writer, i == 0 ? "{\"key\": " : ", {\"key\": ", server->key);
        write_member(writer, ", \"host\": ", server->host);
        write_number(writer, ", \"port\": ", server->port);
        lr_json_write_raw(writer, "}");
    }
}

static void write_queues(struct lr_writer *writer, const struct lr_query_rows *rows) {
    for (size_t i = 0; i < rows->queue_count; i++) {
        const struct lr_summary_queue *queue = &rows->queues[i];
        write_member(writer, i == 0 ? "{\"key\": " : ", {\"key\": ", queue->key);
        write_number(writer, ", \"total\": ", (int64_t)lr_query_total(rows, queue->key));
        write_number(writer, ", \"free\": ", queue->free);
        write_number(writer, ", \"pending\": ", queue->pending);
        lr_json_write_raw(writer, "}");
    }
}

static void write_held(struct lr_writer *writer, const struct lr_query_rows *rows) {
    if (!rows->has_held) {
        lr_json_write_raw(writer, "null");
        return;
    }
    lr_json_write_raw(writer, "[");
    for (size_t i = 0; i < rows->held_count; i++) {
        const struct lr_summary_held *held = &rows->held[i];
        char seconds[40];
        (void)snprintf(seconds, sizeof seconds, "%.3f}", held->seconds);
        write_member(writer, i == 0 ? "{\"server\": " : ", {\"server\": ", held->server);
        write_member(writer, ", \"key\": ", held->key);
        write_member(writer, ", \"client\": ", held->client);
        write_member(writer, ", \"user\": ", held->user);
        lr_json_write_raw(writer, ", \"seconds\": ");
        lr_json_write_raw(writer, seconds);
    }
    lr_json_write_raw(writer, "]");
}

enum lr_status lr_query_json(const struct lr_tracker_answer *summary, struct lr_text host,
                             uint16_t port, struct lr_buf *out) {
    struct lr_query_rows rows;
    enum lr_status status = lr_query_rows_init(&rows, out->alloc, summary);
    if (status == LR_OK) {
        struct lr_writer writer = lr_writer_of(out);
        write_member(&writer, "{\"tracker\": {\"host\": ", host);
        write_number(&writer, ", \"port\": ", port);
        lr_json_write_raw(&writer, "}, \"servers\": [");
        write_servers(&writer, &rows);
        lr_json_write_raw(&writer, "], \"queues\": [");
        write_queues(&writer, &rows);
        lr_json_write_raw(&writer, "], \"held\": ");
        write_held(&writer, &rows);
        lr_json_write_raw(&writer, "}\n");
        status = writer.status;
    }
    lr_query_rows_deinit(&rows);
    return status;
}
