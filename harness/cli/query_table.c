/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/query_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/query_rows.h"

enum { ADDRESS_COLUMNS = 21, LINE_BYTES_MAX = 256 };

/* Writes |text|, filled up with blanks to |columns| characters, then |gap| more. */
static void write_cell(struct lr_writer *writer, struct lr_text text, size_t columns, size_t gap) {
    lr_write_bytes(writer, text.data, text.size);
    for (size_t used = lr_query_columns(text); used < columns; used++) {
        lr_write_u8(writer, ' ');
    }
    for (size_t i = 0; i < gap; i++) {
        lr_write_u8(writer, ' ');
    }
}

static void write_text(struct lr_writer *writer, const char *text) {
    lr_write_bytes(writer, text, strlen(text));
}

static void write_line_of_dashes(struct lr_writer *writer, size_t columns) {
    for (size_t i = 0; i < columns; i++) {
        lr_write_u8(writer, '-');
    }
    lr_write_u8(writer, '\n');
}

static void write_servers(struct lr_writer *writer, const struct lr_query_rows *rows) {
    enum { DASHES = 30 };
    write_text(writer, "Server List\n");
    write_line_of_dashes(writer, DASHES);
    write_text(writer, "server-address           key\n");
    write_line_of_dashes(writer, DASHES);
    for (size_t i = 0; i < rows->server_count; i++) {
        const struct lr_summary_server *server = &rows->servers[i].row;
        char address[LINE_BYTES_MAX];
        bool none = server->host.size == 0; /* as Python writes a missing one */
        (void)snprintf(address, sizeof address, "%.*s:%u", none ? 4 : (int)server->host.size,
                       none ? "None" : server->host.data, (unsigned int)server->port);
        write_cell(writer, lr_text_of(address), ADDRESS_COLUMNS, 4);
        lr_write_bytes(writer, server->key.data, server->key.size);
        lr_write_u8(writer, '\n');
    }
    write_line_of_dashes(writer, DASHES);
}

static void write_queues(struct lr_writer *writer, const struct lr_query_rows *rows) {
    static const char title[] = "   total  free  pending\n";
    size_t columns = 0;
    for (size_t i = 0; i < rows->queue_count; i++) {
        size_t width = lr_query_columns(rows->queues[i].key);
        columns = width > columns ? width : columns;
    }
    /* TVM counts the title with its end of line, so the dashes are one too many; and a column that
     * is narrower than its title is not widened to it, but the title is. */
    size_t key_columns = columns > 3 ? columns : 3;
    size_t dashes = key_columns + sizeof title - 1;
    write_text(writer, "Queue Status\n");
    write_line_of_dashes(writer, dashes);
    write_cell(writer, lr_text_of("key"), columns, 0);
    write_text(writer, title);
    write_line_of_dashes(writer, dashes);
    for (size_t i = 0; i < rows->queue_count; i++) {
        const struct lr_summary_queue *queue = &rows->queues[i];
        size_t total = lr_query_total(rows, queue->key);
        if (total > 0 || queue->pending != 0) {
            char counts[LINE_BYTES_MAX];
            (void)snprintf(counts, sizeof counts, "   %-5zu  %-4lld  %-7lld\n", total,
                           (long long)queue->free, (long long)queue->pending);
            write_cell(writer, queue->key, columns, 0);
            write_text(writer, counts);
        }
    }
    write_line_of_dashes(writer, dashes);
}

enum lr_status lr_query_table(const struct lr_tracker_answer *summary, struct lr_buf *out) {
    struct lr_query_rows rows;
    enum lr_status status = lr_query_rows_init(&rows, out->alloc, summary);
    if (status == LR_OK) {
        struct lr_writer writer = lr_writer_of(out);
        write_servers(&writer, &rows);
        write_text(&writer, "\n");
        write_queues(&writer, &rows);
        status = writer.status;
    }
    lr_query_rows_deinit(&rows);
    return status;
}

/* ---- who holds what ---- */

static const char *const held_titles[LR_HELD_COLUMNS] = {"server-address", "key", "held-by", "user",
                                                         "since"};

static void write_held(struct lr_writer *writer, const struct lr_query_rows *rows) {
    size_t columns[LR_HELD_COLUMNS];
    size_t dashes = 0;
    char since[LR_HELD_SINCE_MAX];
    for (size_t c = 0; c < LR_HELD_COLUMNS; c++) {
        columns[c] = strlen(held_titles[c]);
        for (size_t i = 0; i < rows->held_count; i++) {
            size_t width = lr_query_columns(lr_query_held_cell(&rows->held[i], c, since));
            columns[c] = width > columns[c] ? width : columns[c];
        }
        dashes += columns[c] + (c == 0 ? 0 : 3);
    }
    write_text(writer, "Held Servers\n");
    write_line_of_dashes(writer, dashes);
    for (size_t c = 0; c < LR_HELD_COLUMNS; c++) {
        bool last = c + 1 == LR_HELD_COLUMNS;
        write_cell(writer, lr_text_of(held_titles[c]), last ? 0 : columns[c], last ? 0 : 3);
    }
    write_text(writer, "\n");
    write_line_of_dashes(writer, dashes);
    for (size_t i = 0; i < rows->held_count; i++) {
        for (size_t c = 0; c < LR_HELD_COLUMNS; c++) {
            bool last = c + 1 == LR_HELD_COLUMNS;
            write_cell(writer, lr_query_held_cell(&rows->held[i], c, since), last ? 0 : columns[c],
                       last ? 0 : 3);
        }
        write_text(writer, "\n");
    }
    write_line_of_dashes(writer, dashes);
}

enum lr_status lr_query_held_table(const struct lr_tracker_answer *summary, struct lr_buf *out) {
    struct lr_query_rows rows;
    enum lr_status status = lr_query_rows_init(&rows, out->alloc, summary);
    if (status == LR_OK) {
        struct lr_writer writer = lr_writer_of(out);
        write_held(&writer, &rows);
        status = writer.status;
    }
    lr_query_rows_deinit(&rows);
    return status;
}
