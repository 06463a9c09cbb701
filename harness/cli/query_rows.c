/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/query_rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/time.h"
#include "cli/platform.h"

static int compare_queues(const void *a, const void *b) {
    return lr_text_compare(((const struct lr_summary_queue *)a)->key,
                           ((const struct lr_summary_queue *)b)->key);
}

/* qsort need not be stable. */
static int compare_servers(const void *a, const void *b) {
    const struct lr_query_server *left = a;
    const struct lr_query_server *right = b;
    int order = lr_text_compare(left->row.key, right->row.key);
    return order != 0 ? order : left->place < right->place ? -1 : left->place > right->place;
}

static int compare_held(const void *a, const void *b) {
    const struct lr_summary_held *left = a;
    const struct lr_summary_held *right = b;
    int order = lr_text_compare(left->server, right->server);
    return order != 0 ? order : lr_text_compare(left->client, right->client);
}

static enum lr_status load_servers(struct lr_query_rows *rows,
                                   const struct lr_tracker_answer *summary) {
    size_t count = lr_summary_server_count(summary);
    enum lr_status status = LR_OK;
    if (count > 0) {
        rows->servers = lr_alloc_zeroed(rows->alloc, count * sizeof *rows->servers);
        if (rows->servers == NULL) {
            return LR_ENOMEM;
        }
        rows->server_count = count;
        for (size_t i = 0; i < count && status == LR_OK; i++) {
            rows->servers[i].place = i;
            status = lr_summary_server_at(summary, i, &rows->servers[i].row);
        }
    }
    return status;
}

static enum lr_status load_queues(struct lr_query_rows *rows,
                                  const struct lr_tracker_answer *summary) {
    size_t count = lr_summary_queue_count(summary);
    enum lr_status status = LR_OK;
    if (count > 0) {
        rows->queues = lr_alloc_zeroed(rows->alloc, count * sizeof *rows->queues);
        if (rows->queues == NULL) {
            return LR_ENOMEM;
        }
        rows->queue_count = count;
        for (size_t i = 0; i < count && status == LR_OK; i++) {
            status = lr_summary_queue_at(summary, i, &rows->queues[i]);
        }
    }
    return status;
}

static enum lr_status load_held(struct lr_query_rows *rows,
                                const struct lr_tracker_answer *summary) {
    rows->has_held = lr_summary_has_held(summary);
    size_t count = rows->has_held ? lr_summary_held_count(summary) : 0;
    enum lr_status status = LR_OK;
    if (count > 0) {
        rows->held = lr_alloc_zeroed(rows->alloc, count * sizeof *rows->held);
        if (rows->held == NULL) {
            return LR_ENOMEM;
        }
        rows->held_count = count;
        for (size_t i = 0; i < count && status == LR_OK; i++) {
            status = lr_summary_held_at(summary, i, &rows->held[i]);
        }
    }
    return status;
}

static void sort(void *rows, size_t count, size_t size,
                 int (*compare)(const void *, const void *)) {
    if (count > 1) {
        qsort(rows, count, size, compare);
    }
}

enum lr_status lr_query_rows_init(struct lr_query_rows *rows, struct lr_alloc *alloc,
                                  const struct lr_tracker_answer *summary) {
    *rows = (struct lr_query_rows){.alloc = alloc};
    enum lr_status status = load_servers(rows, summary);
    if (status == LR_OK) {
        status = load_queues(rows, summary);
    }
    if (status == LR_OK) {
        status = load_held(rows, summary);
    }
    if (status == LR_OK) {
        sort(rows->servers, rows->server_count, sizeof *rows->servers, compare_servers);
        sort(rows->queues, rows->queue_count, sizeof *rows->queues, compare_queues);
        sort(rows->held, rows->held_count, sizeof *rows->held, compare_held);
    }
    return status;
}

void lr_query_rows_deinit(struct lr_query_rows *rows) {
    lr_alloc_free(rows->alloc, rows->servers, rows->server_count * sizeof *rows->servers);
    lr_alloc_free(rows->alloc, rows->queues, rows->queue_count * sizeof *rows->queues);
    lr_alloc_free(rows->alloc, rows->held, rows->held_count * sizeof *rows->held);
    *rows = (struct lr_query_rows){.alloc = rows->alloc};
}

size_t lr_query_total(const struct lr_query_rows *rows, struct lr_text key) {
    static const char kind[] = "server:";
    size_t total = 0;
    for (size_t i = 0; i < rows->server_count; i++) {
        struct lr_text text = rows->servers[i].row.key;
        if (lr_text_starts_with(text, kind)) {
            struct lr_text own = {text.data + sizeof kind - 1, text.size - (sizeof kind - 1)};
            total += lr_text_equal(own, key);
        }
    }
    return total;
}

size_t lr_query_columns(struct lr_text text) {
    size_t columns = 0;
    for (size_t i = 0; i < text.size; i++) {
        columns += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return columns;
}

static struct lr_text since_when(const struct lr_summary_held *held,
                                 char since[LR_HELD_SINCE_MAX]) {
    char wall[LR_WALL_TEXT_MAX];
    char lasted[32];
    double seconds = held->seconds >= 0 && held->seconds < 1e9 ? held->seconds : 0;
    uint64_t ago_ns = (uint64_t)(seconds * (double)LR_SECOND);
    (void)snprintf(since, LR_HELD_SINCE_MAX, "%s (%s)", lr_platform_wall_time(wall, ago_ns, false),
                   lr_text_duration(lasted, sizeof lasted, ago_ns));
    return lr_text_of(since);
}

struct lr_text lr_query_held_cell(const struct lr_summary_held *held, size_t column,
                                  char since[LR_HELD_SINCE_MAX]) {
    const struct lr_text texts[LR_HELD_COLUMNS - 1] = {held->server, held->key, held->client,
                                                       held->user};
    LR_ASSERT(column < LR_HELD_COLUMNS);
    if (column == LR_HELD_COLUMNS - 1) {
        return since_when(held, since);
    }
    return texts[column].size > 0 ? texts[column] : lr_text_of("-");
}
