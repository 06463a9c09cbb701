/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as they are read: what the lists of a SUMMARY hold is checked and laid out in arrays
 * once, so that looking at a row neither fails nor walks. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/tracker_msg_internal.h"

/* Rows of one kind; |rows| is NULL where there are none. */
struct row_array {
    void *rows;
    size_t count;
    size_t row_size;
};

struct answer_document {
    struct lr_json *root;
    struct row_array matchkeys; /* struct lr_text */
    struct row_array queues;
    struct row_array servers;
    struct row_array held;
    bool has_held;
};

static const struct answer_document *document_of(const struct lr_tracker_answer *answer) {
    return answer->document;
}

static void free_rows(struct lr_alloc *alloc, struct row_array *array) {
    if (array->rows != NULL) {
        lr_alloc_free(alloc, array->rows, array->count * array->row_size);
    }
}

void lr_tracker_answer_init(struct lr_tracker_answer *answer, struct lr_alloc *alloc) {
    *answer = (struct lr_tracker_answer){.alloc = alloc};
}

void lr_tracker_answer_deinit(struct lr_tracker_answer *answer) {
    struct answer_document *document = answer->document;
    if (document != NULL) {
        free_rows(answer->alloc, &document->matchkeys);
        free_rows(answer->alloc, &document->queues);
        free_rows(answer->alloc, &document->servers);
        free_rows(answer->alloc, &document->held);
        lr_json_free(document->root);
        LR_FREE(answer->alloc, document);
    }
    lr_tracker_answer_init(answer, answer->alloc);
}

/* Room for a row for each element of |list|. */
static enum lr_status make_rows(struct lr_alloc *alloc, const struct lr_json *list, size_t row_size,
                                struct row_array *array, struct lr_error *error) {
    size_t count = lr_json_count(list);
    *array = (struct row_array){.row_size = row_size};
    if (count == 0) {
        return LR_OK;
    }
    array->rows = count <= SIZE_MAX / row_size ? lr_alloc_zeroed(alloc, count * row_size) : NULL;
    if (array->rows == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for %zu rows", count);
    }
    array->count = count;
    return LR_OK;
}

static const void *row_at(const struct row_array *array, size_t index) {
    return index < array->count ? (const char *)array->rows + index * array->row_size : NULL;
}

/* Reads element |index| of a list into |row|. */
typedef enum lr_status (*row_reader)(const struct lr_json *element, void *row,
                                     struct lr_error *error);

static enum lr_status read_list(struct lr_alloc *alloc, const struct lr_json *list, size_t row_size,
                                row_reader read, struct row_array *array, const char *what,
                                struct lr_error *error) {
    if (list == NULL || lr_json_type(list) != LR_JSON_LIST) {
        return lr_error_set(error, LR_EPROTO, "%s is %s, not a list", what, lr_tracker_seen(list));
    }
    enum lr_status status = make_rows(alloc, list, row_size, array, error);
    for (size_t i = 0; status == LR_OK && i < array->count; i++) {
        struct lr_error detail;
        status = read(lr_json_at(list, i), (char *)array->rows + i * row_size, &detail);
        if (status != LR_OK) {
            (void)lr_error_set(error, status, "%s, element %zu: %s", what, i, detail.text);
        }
    }
    return status;
}

static enum lr_status read_matchkey(const struct lr_json *element, void *row,
                                    struct lr_error *error) {
    struct lr_text *matchkey = row;
    if (!lr_json_text(element, matchkey)) {
        return lr_error_set(error, LR_EPROTO, "%s, not a string", lr_tracker_seen(element));
    }
    return LR_OK;
}

static enum lr_status read_server(const struct lr_json *element, void *row,
                                  struct lr_error *error) {
    struct lr_summary_server *server = row;
    bool has_host;
    if (!lr_json_text(lr_json_get(element, "key"), &server->key)) {
        return lr_error_set(error, LR_EPROTO, "has no key");
    }
    const struct lr_json *addr = lr_json_get(element, "addr");
    return addr == NULL
               ? LR_OK
               : lr_tracker_addr_read(addr, &has_host, &server->host, &server->port, error);
}

static enum lr_status read_held(const struct lr_json *element, void *row, struct lr_error *error) {
    struct lr_summary_held *held = row;
    const struct {
        const char *name;
        struct lr_text *text;
    } texts[] = {
        {"key", &held->key},
        {"server", &held->server},
        {"client", &held->client},
        {"user", &held->user},
    };
    for (size_t i = 0; i < LR_COUNT_OF(texts); i++) {
        if (!lr_json_text(lr_json_get(element, texts[i].name), texts[i].text)) {
            return lr_error_set(error, LR_EPROTO, "has no %s", texts[i].name);
        }
    }
    if (!lr_json_number(lr_json_get(element, "seconds"), &held->seconds) || held->seconds < 0 ||
        held->seconds > LR_HELD_SECONDS_MAX) {
        return lr_error_set(error, LR_EPROTO, "has no number of seconds");
    }
    return LR_OK;
}

static enum lr_status read_queues(struct lr_alloc *alloc, const struct lr_json *info,
                                  struct row_array *array, struct lr_error *error) {
    if (info == NULL || lr_json_type(info) != LR_JSON_OBJECT) {
        return lr_error_set(error, LR_EPROTO, "queue_info is %s, not an object",
                            lr_tracker_seen(info));
    }
    enum lr_status status = make_rows(alloc, info, sizeof(struct lr_summary_queue), array, error);
    if (status != LR_OK) {
        return status;
    }
    struct lr_summary_queue *queue = array->rows;
    const struct lr_json *member;
    size_t place = 0;
    for (struct lr_text name; queue != NULL && lr_json_next(info, &place, &name, &member);
         queue++) {
        queue->key = name;
        if (!lr_json_int(lr_json_get(member, "free"), &queue->free) || queue->free < 0 ||
            !lr_json_int(lr_json_get(member, "pending"), &queue->pending) || queue->pending < 0) {
            return lr_error_set(error, LR_EPROTO, "queue_info has no counts of free and pending");
        }
    }
    return LR_OK;
}

/* The value behind a leading code; NULL where there is none. */
static const struct lr_json *value_of(const struct lr_json *root) {
    return lr_json_at(root, 1);
}

static enum lr_status read_grant(struct lr_tracker_answer *answer, struct answer_document *document,
                                 struct lr_error *error) {
    const struct lr_json *grant = value_of(document->root);
    if (!lr_json_text(lr_json_at(grant, 0), &answer->host) ||
        !lr_tracker_port_read(lr_json_at(grant, 1), &answer->port) ||
        !lr_json_text(lr_json_at(grant, 2), &answer->matchkey)) {
        return lr_error_set(error, LR_EPROTO, "a grant is host, port and matchkey, this is not");
    }
    return LR_OK;
}

static enum lr_status read_summary(struct lr_tracker_answer *answer,
                                   struct answer_document *document, struct lr_error *error) {
    const struct lr_json *summary = value_of(document->root);
    enum lr_status status =
        read_queues(answer->alloc, lr_json_get(summary, "queue_info"), &document->queues, error);
    if (status == LR_OK) {
        status = read_list(answer->alloc, lr_json_get(summary, "server_info"),
                           sizeof(struct lr_summary_server), read_server, &document->servers,
                           "server_info", error);
    }
    const struct lr_json *held = lr_json_get(summary, "held");
    if (status == LR_OK && held != NULL) {
        document->has_held = true;
        status = read_list(answer->alloc, held, sizeof(struct lr_summary_held), read_held,
                           &document->held, "held", error);
    }
    return status;
}

static enum lr_status read_matchkeys(struct lr_tracker_answer *answer,
                                     struct answer_document *document, struct lr_error *error) {
    return read_list(answer->alloc, document->root, sizeof(struct lr_text), read_matchkey,
                     &document->matchkeys, "the answer", error);
}

/* How the answer to each request looks. */
static const struct {
    enum lr_tracker_code to;
    bool has_code;
    enum lr_status (*read)(struct lr_tracker_answer *answer, struct answer_document *document,
                           struct lr_error *error); /* what stands behind SUCCESS; NULL: nothing */
} answers[] = {
    {LR_TRACKER_PING, true, NULL},
    {LR_TRACKER_STOP, true, NULL},
    {LR_TRACKER_PUT, true, NULL},
    {LR_TRACKER_UPDATE_INFO, true, NULL},
    {LR_TRACKER_REQUEST, true, read_grant},
    {LR_TRACKER_SUMMARY, true, read_summary},
    {LR_TRACKER_GET_PENDING_MATCHKEYS, false, read_matchkeys},
};

/* The code: alone, or where something was asked for (|in_list|) at the front of a list, too. */
static enum lr_status read_code(struct lr_tracker_answer *answer, const struct lr_json *root,
                                bool in_list, struct lr_error *error) {
    bool alone = lr_json_type(root) == LR_JSON_INT || !in_list;
    if (!lr_json_int(alone ? root : lr_json_at(root, 0), &answer->code)) {
        return lr_error_set(error, LR_EPROTO, "has no code, it is %s", lr_tracker_seen(root));
    }
    if (answer->code != LR_TRACKER_SUCCESS && answer->code != LR_TRACKER_FAIL) {
        return lr_error_set(error, LR_EPROTO, "code %" PRId64 " is no answer's", answer->code);
    }
    return LR_OK;
}

static enum lr_status decode_document(struct lr_tracker_answer *answer,
                                      struct answer_document *document, enum lr_tracker_code to,
                                      struct lr_error *error) {
    for (size_t i = 0; i < LR_COUNT_OF(answers); i++) {
        if (answers[i].to == to) {
            enum lr_status status = answers[i].has_code ? read_code(answer, document->root,
                                                                    answers[i].read != NULL, error)
                                                        : LR_OK;
            if (status != LR_OK || answer->code != LR_TRACKER_SUCCESS || answers[i].read == NULL) {
                return status;
            }
            return answers[i].read(answer, document, error);
        }
    }
    return lr_error_set(error, LR_EINVAL, "code %d is no request's", (int)to);
}

enum lr_status lr_tracker_answer_decode(struct lr_tracker_answer *answer, enum lr_tracker_code to,
                                        const uint8_t *json, size_t size, struct lr_error *error) {
    struct lr_error detail;
    lr_tracker_answer_deinit(answer);
    struct answer_document *document = LR_NEW(answer->alloc, struct answer_document);
    if (document == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for an answer");
    }
    answer->document = document;
    enum lr_status status = lr_json_parse(answer->alloc, json, size, &document->root, &detail);
    if (status == LR_OK) {
        status = decode_document(answer, document, to, &detail);
    }
    if (status != LR_OK) {
        lr_tracker_answer_deinit(answer);
        const char *name = lr_tracker_code_name(to);
        return lr_error_set(error, status, "answer to %s: %s", name == NULL ? "nothing" : name,
                            detail.text);
    }
    return LR_OK;
}

size_t lr_tracker_answer_matchkey_count(const struct lr_tracker_answer *answer) {
    return answer->document == NULL ? 0 : document_of(answer)->matchkeys.count;
}

struct lr_text lr_tracker_answer_matchkey(const struct lr_tracker_answer *answer, size_t index) {
    LR_ASSERT(index < lr_tracker_answer_matchkey_count(answer));
    const struct lr_text *matchkey = row_at(&document_of(answer)->matchkeys, index);
    return *matchkey;
}

size_t lr_summary_queue_count(const struct lr_tracker_answer *answer) {
    return answer->document == NULL ? 0 : document_of(answer)->queues.count;
}

size_t lr_summary_server_count(const struct lr_tracker_answer *answer) {
    return answer->document == NULL ? 0 : document_of(answer)->servers.count;
}

bool lr_summary_has_held(const struct lr_tracker_answer *answer) {
    return answer->document != NULL && document_of(answer)->has_held;
}

size_t lr_summary_held_count(const struct lr_tracker_answer *answer) {
    return answer->document == NULL ? 0 : document_of(answer)->held.count;
}

static enum lr_status copy_row(const struct row_array *array, size_t index, void *row) {
    const void *found = row_at(array, index);
    if (found == NULL) {
        return LR_ENOTFOUND;
    }
    memcpy(row, found, array->row_size);
    return LR_OK;
}

enum lr_status lr_summary_queue_at(const struct lr_tracker_answer *answer, size_t index,
                                   struct lr_summary_queue *queue) {
    return answer->document == NULL ? LR_ENOTFOUND
                                    : copy_row(&document_of(answer)->queues, index, queue);
}

enum lr_status lr_summary_server_at(const struct lr_tracker_answer *answer, size_t index,
                                    struct lr_summary_server *server) {
    return answer->document == NULL ? LR_ENOTFOUND
                                    : copy_row(&document_of(answer)->servers, index, server);
}

enum lr_status lr_summary_held_at(const struct lr_tracker_answer *answer, size_t index,
                                  struct lr_summary_held *held) {
    return answer->document == NULL ? LR_ENOTFOUND
                                    : copy_row(&document_of(answer)->held, index, held);
}
