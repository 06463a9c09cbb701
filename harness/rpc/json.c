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

/* ---- plain JSON ---- */

/* Most messages are spelled plainly: lists, integers, null, strings of ASCII without escapes. They
 * are read here, in a fraction of the library's time. Whatever else comes, right or wrong, is the
 * library's to judge: NULL, and nothing is said of it. */
struct plain {
    const char *next;
    const char *end;
};

enum { PLAIN_DIGITS_MAX = 15 }; /* far from 64 bits */

static json_t *read_plain(struct plain *plain);

static void skip_blanks(struct plain *plain) {
    while (plain->next < plain->end && *plain->next == ' ') {
        plain->next++;
    }
}

static bool take(struct plain *plain, const char *word) {
    size_t size = strlen(word);
    bool there = (size_t)(plain->end - plain->next) >= size && memcmp(plain->next, word, size) == 0;
    plain->next += there ? size : 0;
    return there;
}

static json_t *read_plain_string(struct plain *plain) {
    const char *begin = ++plain->next;
    for (; plain->next < plain->end && *plain->next != '"'; plain->next++) {
        if (*plain->next < 0x20 || *plain->next > 0x7e || *plain->next == '\\') {
            return NULL;
        }
    }
    if (plain->next == plain->end) {
        return NULL;
    }
    return json_stringn_nocheck(begin, (size_t)(plain->next++ - begin));
}

static json_t *read_plain_integer(struct plain *plain) {
    json_int_t value = 0;
    bool negative = take(plain, "-");
    const char *begin = plain->next;
    for (; plain->next < plain->end && *plain->next >= '0' && *plain->next <= '9'; plain->next++) {
        value = value * 10 + (*plain->next - '0');
        if (plain->next - begin == PLAIN_DIGITS_MAX) {
            return NULL;
        }
    }
    bool fits = plain->next > begin && (*begin != '0' || plain->next - begin == 1);
    bool goes_on = plain->next < plain->end && strchr(".eE", *plain->next) != NULL;
    return fits && !goes_on && !(negative && value == 0) ? json_integer(negative ? -value : value)
                                                         : NULL;
}

/* Elements up to the bracket. Its depth is bounded: is_too_deep has seen it. */
static json_t *read_plain_list(struct plain *plain) {
    json_t *list = json_array();
    plain->next++;
    skip_blanks(plain);
    bool good = list != NULL;
    bool closed = good && take(plain, "]");
    while (good && !closed) {
        json_t *element = read_plain(plain);
        good = element != NULL && json_array_append_new(list, element) == 0;
        skip_blanks(plain);
        closed = good && take(plain, "]");
        good = closed || (good && take(plain, ","));
    }
    if (!good) {
        json_decref(list);
    }
    return good ? list : NULL;
}

static json_t *read_plain(struct plain *plain) {
    skip_blanks(plain);
    char first = plain->next == plain->end ? '\0' : *plain->next;
    if (first == '[') {
        return read_plain_list(plain);
    }
    if (first == '"') {
        return read_plain_string(plain);
    }
    if (first == 'n') {
        return take(plain, "null") ? json_null() : NULL;
    }
    return first == '-' || (first >= '0' && first <= '9') ? read_plain_integer(plain) : NULL;
}

static json_t *parse_plain(const void *bytes, size_t size) {
    struct plain plain = {.next = bytes, .end = (const char *)bytes + size};
    json_t *root = read_plain(&plain);
    skip_blanks(&plain);
    if (root != NULL && plain.next < plain.end) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

/* ---- all of it ---- */

/* True where memory was refused; otherwise |*parsed| is what the library says. A function of its
 * own, as no variable of it lives across the jump. */
static bool parse_refused(const void *bytes, size_t size, json_t **parsed, json_error_t *detail) {
    if (setjmp(parse.refused) != 0) {
        return true;
    }
    *parsed = parse_plain(bytes, size);
    if (*parsed == NULL) {
        *parsed = json_loadb(bytes, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, detail);
    }
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
