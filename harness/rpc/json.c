/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/json_internal.h"

#include <jansson.h>
#include <setjmp.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"

/* ---- documents ---- */

struct document {
    struct lr_alloc *alloc;
    size_t size; /* of the block */
    struct lr_json values[];
};

struct lr_json *lr_json_make(struct lr_alloc *alloc, size_t value_count, size_t text_bytes,
                             char **texts) {
    struct document *document;
    if (value_count > (SIZE_MAX - sizeof *document - text_bytes) / sizeof *document->values) {
        return NULL;
    }
    size_t front = sizeof *document + value_count * sizeof *document->values;
    document = lr_alloc_bytes(alloc, front + text_bytes);
    if (document == NULL) {
        return NULL;
    }
    document->alloc = alloc;
    document->size = front + text_bytes;
    *texts = (char *)document + front;
    return document->values;
}

void lr_json_free(struct lr_json *root) {
    if (root != NULL) {
        struct document *document = LR_CONTAINER_OF(root, struct document, values);
        lr_alloc_free(document->alloc, document, document->size);
    }
}

/* ---- the library ---- */

/* The library has one pair of memory functions for the whole program. Ours are in place only while
 * it parses for us, and whoever else uses it is left alone. */
union block_head {
    struct {
        size_t size;         /* with the head */
        struct lr_list node; /* in the blocks of the parse */
    } of;
    max_align_t align;
};

/* The parse under way. Where an allocation is refused, the library goes on with a token that is cut
 * short and then writes behind its end (seen in 2.14), so it must not learn of it: we jump out of
 * it, which holds nothing but our blocks. These are freed at the end in any case. */
static struct {
    struct lr_alloc *alloc;
    struct lr_list blocks;
    jmp_buf refused;
} parse;

static void *allocate_block(size_t size) {
    union block_head *head = NULL;
    LR_ASSERT(parse.alloc != NULL);
    if (size <= SIZE_MAX - sizeof *head) {
        head = lr_alloc_bytes(parse.alloc, sizeof *head + size);
    }
    if (head == NULL) {
        longjmp(parse.refused, 1);
    }
    head->of.size = sizeof *head + size;
    lr_list_append(&parse.blocks, &head->of.node);
    return head + 1;
}

static void free_head(union block_head *head) {
    lr_list_remove(&head->of.node);
    lr_alloc_free(parse.alloc, head, head->of.size);
}

static void free_block(void *block) {
    if (block != NULL) {
        free_head((union block_head *)block - 1);
    }
}

/* The memory functions of others, to be put back. */
struct memory_functions {
    json_malloc_t allocate;
    json_free_t release;
};

static struct memory_functions enter_library(struct lr_alloc *alloc) {
    struct memory_functions others;
    json_get_alloc_funcs(&others.allocate, &others.release);
    json_set_alloc_funcs(allocate_block, free_block);
    parse.alloc = alloc;
    lr_list_init(&parse.blocks);
    return others;
}

static void leave_library(struct memory_functions others) {
    LR_LIST_EACH (node, &parse.blocks) {
        free_head(LR_CONTAINER_OF(node, union block_head, of.node));
    }
    json_set_alloc_funcs(others.allocate, others.release);
    parse.alloc = NULL;
}

/* ---- from the library's document to ours ---- */

/* What a document takes. */
struct room {
    size_t values;
    size_t text_bytes;
};

/* It nests no deeper than |is_too_deep| allows; so below. */
static void measure(json_t *value, struct room *room) {
    room->values++;
    room->text_bytes += json_string_length(value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        measure(json_array_get(value, i), room);
    }
    for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at)) {
        room->values++;
        room->text_bytes += strlen(json_object_iter_key(at));
        measure(json_object_iter_value(at), room);
    }
}

/* Where the next list's elements and the next text go. */
struct places {
    struct lr_json *values;
    char *texts;
};

static struct lr_json lay_text(const char *text, size_t size, struct places *places) {
    struct lr_json laid = {.type = LR_JSON_STRING, .count = size, .as = {.text = places->texts}};
    memcpy(places->texts, text, size);
    places->texts += size;
    return laid;
}

static struct lr_json lay(json_t *value, struct places *places);

static struct lr_json lay_list(json_t *list, struct places *places) {
    size_t count = json_array_size(list);
    struct lr_json *items = places->values;
    places->values += count;
    for (size_t i = 0; i < count; i++) {
        items[i] = lay(json_array_get(list, i), places);
    }
    return (struct lr_json){.type = LR_JSON_LIST, .count = count, .as = {.items = items}};
}

static struct lr_json lay_object(json_t *object, struct places *places) {
    size_t count = json_object_size(object);
    struct lr_json *next = places->values;
    struct lr_json laid = {.type = LR_JSON_OBJECT, .count = count, .as = {.items = next}};
    places->values += 2 * count;
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        *next++ = lay_text(name, strlen(name), places);
        *next++ = lay(json_object_iter_value(at), places);
    }
    return laid;
}

static struct lr_json lay(json_t *value, struct places *places) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return lay_object(value, places);
    case JSON_ARRAY:
        return lay_list(value, places);
    case JSON_STRING:
        return lay_text(json_string_value(value), json_string_length(value), places);
    case JSON_INTEGER:
        return (struct lr_json){.type = LR_JSON_INT, .as = {.integer = json_integer_value(value)}};
    case JSON_REAL:
        return (struct lr_json){.type = LR_JSON_REAL, .as = {.real = json_real_value(value)}};
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct lr_json){.type = LR_JSON_BOOL, .as = {.integer = json_is_true(value)}};
    case JSON_NULL:
        return (struct lr_json){.type = LR_JSON_NULL};
    }
    LR_UNREACHABLE();
}

/* NULL: out of memory. */
static struct lr_json *convert(json_t *value) {
    struct room room = {0};
    struct places places;
    measure(value, &room);
    struct lr_json *root = lr_json_make(parse.alloc, room.values, room.text_bytes, &places.texts);
    if (root != NULL) {
        places.values = root + 1;
        root[0] = lay(value, &places);
    }
    return root;
}

/* ---- parsing ---- */

/* The library quotes what it read, which may be anything. */
static enum lr_status fail_parse(const json_error_t *detail, struct lr_error *error) {
    char clean[JSON_ERROR_TEXT_LENGTH];
    size_t size = strlen(detail->text);
    for (size_t i = 0; i <= size; i++) {
        char c = detail->text[i];
        clean[i] = (char)(c == '\0' || (c >= 0x20 && c < 0x7f) ? c : '?');
    }
    return lr_error_set(error, LR_EPROTO, "not JSON at byte %d: %s", detail->position, clean);
}

/* False: memory was refused. Otherwise |*parsed| is what the library says. A function of its own,
 * as no variable of it lives across the jump. */
static bool load(const void *bytes, size_t size, json_t **parsed, json_error_t *detail) {
    if (setjmp(parse.refused) != 0) {
        return false;
    }
    *parsed = json_loadb(bytes, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, detail);
    return true;
}

static enum lr_status parse_by_library(struct lr_alloc *alloc, const void *bytes, size_t size,
                                       struct lr_json **root, struct lr_error *error) {
    json_error_t detail;
    json_t *parsed = NULL;
    struct memory_functions others = enter_library(alloc);
    bool loaded = load(bytes, size, &parsed, &detail);
    *root = loaded && parsed != NULL ? convert(parsed) : NULL;
    leave_library(others);
    if (loaded && parsed == NULL) {
        return fail_parse(&detail, error);
    }
    return *root == NULL ? lr_error_set(error, LR_ENOMEM, "no memory for %zu bytes of JSON", size)
                         : LR_OK;
}

/* How deep brackets nest, without parsing: on anything malformed the library has the last word. */
static bool is_too_deep(const char *text, size_t size) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '[' || c == '{') {
            depth++;
            if (depth > LR_JSON_DEPTH_MAX) {
                return true;
            }
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        } else {
            in_string = c == '"';
        }
    }
    return false;
}

enum lr_status lr_json_parse(struct lr_alloc *alloc, const void *bytes, size_t size,
                             struct lr_json **root, struct lr_error *error) {
    *root = NULL;
    if (size == 0) {
        return lr_error_set(error, LR_EPROTO, "an empty message is not JSON");
    }
    enum lr_status status = lr_json_plain_parse(alloc, bytes, size, root);
    if (status == LR_ENOMEM) {
        return lr_error_set(error, LR_ENOMEM, "no memory for %zu bytes of JSON", size);
    }
    if (status == LR_OK) {
        return LR_OK;
    }
    if (is_too_deep(bytes, size)) {
        return lr_error_set(error, LR_ELIMIT, "JSON of more than %d levels", LR_JSON_DEPTH_MAX);
    }
    return parse_by_library(alloc, bytes, size, root, error);
}

/* ---- looking ---- */

enum lr_json_type lr_json_type(const struct lr_json *value) {
    return value->type;
}

const char *lr_json_type_name(enum lr_json_type type) {
    static const char *const names[] = {
        [LR_JSON_NULL] = "null",        [LR_JSON_BOOL] = "a bool",     [LR_JSON_INT] = "an integer",
        [LR_JSON_REAL] = "a real",      [LR_JSON_STRING] = "a string", [LR_JSON_LIST] = "a list",
        [LR_JSON_OBJECT] = "an object",
    };
    LR_ASSERT((size_t)type < LR_COUNT_OF(names));
    return names[type];
}

static bool is_of(const struct lr_json *value, enum lr_json_type type) {
    return value != NULL && value->type == type;
}

size_t lr_json_count(const struct lr_json *value) {
    return is_of(value, LR_JSON_LIST) || is_of(value, LR_JSON_OBJECT) ? value->count : 0;
}

const struct lr_json *lr_json_at(const struct lr_json *value, size_t index) {
    return is_of(value, LR_JSON_LIST) && index < value->count ? &value->as.items[index] : NULL;
}

const struct lr_json *lr_json_get(const struct lr_json *value, const char *name) {
    struct lr_text sought = lr_text_of(name);
    for (size_t i = 0; is_of(value, LR_JSON_OBJECT) && i < value->count; i++) {
        const struct lr_json *member = &value->as.items[2 * i];
        if (lr_text_equal((struct lr_text){member->as.text, member->count}, sought)) {
            return member + 1;
        }
    }
    return NULL;
}

bool lr_json_text(const struct lr_json *value, struct lr_text *text) {
    if (!is_of(value, LR_JSON_STRING)) {
        return false;
    }
    *text = (struct lr_text){value->as.text, value->count};
    return true;
}

bool lr_json_bool(const struct lr_json *value, bool *truth) {
    if (!is_of(value, LR_JSON_BOOL)) {
        return false;
    }
    *truth = value->as.integer != 0;
    return true;
}

bool lr_json_int(const struct lr_json *value, int64_t *integer) {
    if (!is_of(value, LR_JSON_INT)) {
        return false;
    }
    *integer = value->as.integer;
    return true;
}

bool lr_json_number(const struct lr_json *value, double *number) {
    if (is_of(value, LR_JSON_REAL)) {
        *number = value->as.real;
        return true;
    }
    if (is_of(value, LR_JSON_INT)) {
        *number = (double)value->as.integer;
        return true;
    }
    return false;
}

bool lr_json_next(const struct lr_json *object, size_t *place, struct lr_text *name,
                  const struct lr_json **member) {
    if (*place >= object->count) {
        return false;
    }
    const struct lr_json *at = &object->as.items[2 * *place];
    *name = (struct lr_text){at->as.text, at->count};
    *member = at + 1;
    (*place)++;
    return true;
}
