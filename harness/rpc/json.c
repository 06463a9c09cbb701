/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/json.h"

#include <jansson.h>
#include <setjmp.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"

/* The library has one pair of memory functions for the whole program. Ours are in place only while
 * one of our calls runs, and whoever else uses the library is left alone. Each block remembers
 * where it came from, so that a document can be freed without being told. */
union block_head {
    struct {
        struct lr_alloc *alloc;
        size_t size;         /* with the head */
        struct lr_list node; /* in the blocks of one parse; outlives the parse's own head */
    } of;
    max_align_t align;
};

/* The parse under way. Where an allocation is refused, the library goes on with a token that is cut
 * short and then writes behind its end (seen in 2.14), so it must not learn of it: we jump out of
 * it, which holds nothing but our blocks, and free those. */
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
    head->of.alloc = parse.alloc;
    head->of.size = sizeof *head + size;
    lr_list_append(&parse.blocks, &head->of.node);
    return head + 1;
}

static void free_head(union block_head *head) {
    lr_list_remove(&head->of.node);
    lr_alloc_free(head->of.alloc, head, head->of.size);
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
    json_set_alloc_funcs(others.allocate, others.release);
    lr_list_remove(&parse.blocks); /* what is left belongs to a document */
    parse.alloc = NULL;
}

/* True where memory was refused; otherwise |*parsed| is what the library says. A function of its
 * own, as no variable of it lives across the jump. */
static bool parse_refused(const void *bytes, size_t size, json_t **parsed, json_error_t *detail) {
    if (setjmp(parse.refused) != 0) {
        return true;
    }
    *parsed = json_loadb(bytes, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, detail);
    return false;
}

static void free_blocks(void) {
    LR_LIST_EACH (node, &parse.blocks) {
        free_head(LR_CONTAINER_OF(node, union block_head, of.node));
    }
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

enum lr_status lr_json_parse(struct lr_alloc *alloc, const void *bytes, size_t size,
                             struct json_t **root, struct lr_error *error) {
    json_error_t detail;
    *root = NULL;
    if (size == 0) {
        return lr_error_set(error, LR_EPROTO, "an empty message is not JSON");
    }
    if (is_too_deep(bytes, size)) {
        return lr_error_set(error, LR_ELIMIT, "JSON of more than %d levels", LR_JSON_DEPTH_MAX);
    }
    struct memory_functions others = enter_library(alloc);
    json_t *parsed = NULL;
    bool refused = parse_refused(bytes, size, &parsed, &detail);
    if (refused) {
        free_blocks();
    }
    leave_library(others);
    if (refused) {
        return lr_error_set(error, LR_ENOMEM, "no memory for %zu bytes of JSON", size);
    }
    if (parsed == NULL) {
        return fail_parse(&detail, error);
    }
    *root = parsed;
    return LR_OK;
}

void lr_json_free(struct json_t *root) {
    if (root != NULL) {
        struct memory_functions others = enter_library(NULL);
        json_decref(root);
        leave_library(others);
    }
}

/* The library's types in our words: JSON_OBJECT, .. are its first names. */
static const struct {
    json_type theirs;
    enum lr_json_type ours;
} types[] = {
    {JSON_OBJECT, LR_JSON_OBJECT}, {JSON_ARRAY, LR_JSON_LIST}, {JSON_STRING, LR_JSON_STRING},
    {JSON_INTEGER, LR_JSON_INT},   {JSON_REAL, LR_JSON_REAL},  {JSON_TRUE, LR_JSON_BOOL},
    {JSON_FALSE, LR_JSON_BOOL},    {JSON_NULL, LR_JSON_NULL},
};

enum lr_json_type lr_json_type(const struct json_t *value) {
    for (size_t i = 0; i < LR_COUNT_OF(types); i++) {
        if (types[i].theirs == json_typeof(value)) {
            return types[i].ours;
        }
    }
    LR_UNREACHABLE();
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

size_t lr_json_count(const struct json_t *value) {
    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

const struct json_t *lr_json_at(const struct json_t *value, size_t index) {
    return json_array_get(value, index);
}

const struct json_t *lr_json_get(const struct json_t *value, const char *name) {
    return json_object_get(value, name);
}

bool lr_json_text(const struct json_t *value, struct lr_text *text) {
    if (!json_is_string(value)) {
        return false;
    }
    *text = (struct lr_text){json_string_value(value), json_string_length(value)};
    return true;
}

bool lr_json_int(const struct json_t *value, int64_t *integer) {
    if (!json_is_integer(value)) {
        return false;
    }
    *integer = json_integer_value(value);
    return true;
}

bool lr_json_number(const struct json_t *value, double *number) {
    if (!json_is_number(value)) {
        return false;
    }
    *number = json_number_value(value);
    return true;
}

bool lr_json_next(const struct json_t *object, void **place, struct lr_text *name,
                  const struct json_t **member) {
    /* Iterating does not change the object; the library's type says it might. */
    json_t *walked = (json_t *)object;
    *place = *place == NULL ? json_object_iter(walked) : json_object_iter_next(walked, *place);
    if (*place == NULL) {
        return false;
    }
    *name = (struct lr_text){json_object_iter_key(*place), 0};
    name->size = strlen(name->data);
    *member = json_object_iter_value(*place);
    return true;
}
