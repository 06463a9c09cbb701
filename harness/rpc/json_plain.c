/* SPDX-License-Identifier: Apache-2.0 */
/* Most messages are spelled plainly: lists, integers, null, strings of ASCII without escapes. They
 * are read here, in a fraction of the library's time. Whatever else comes, right or wrong, is the
 * library's to judge. */
#include <string.h>

#include "base/assert.h"
#include "rpc/json_internal.h"

enum { DIGITS_MAX = 15 }; /* far from 64 bits */

/* Elements of a list wait until its end is known; then they are laid one behind the other. What
 * points into |laid| and into the text is moved to the document at the end, when its size is known.
 */
struct plain {
    const char *next;
    const char *end;
    size_t depth;
    size_t value_count; /* so far, in either array */
    size_t waiting_count;
    size_t laid_count;
    struct lr_json waiting[LR_JSON_PLAIN_MAX];
    struct lr_json laid[LR_JSON_PLAIN_MAX];
};

static bool read_value(struct plain *plain);

static void skip_blanks(struct plain *plain) {
    while (plain->next < plain->end && *plain->next == ' ') {
        plain->next++;
    }
}

static bool take(struct plain *plain, char c) {
    bool there = plain->next < plain->end && *plain->next == c;
    plain->next += there ? 1 : 0;
    return there;
}

static bool push(struct plain *plain, struct lr_json value) {
    if (plain->value_count == LR_JSON_PLAIN_MAX) {
        return false;
    }
    plain->value_count++;
    plain->waiting[plain->waiting_count++] = value;
    return true;
}

/* Behind its first quote. The text stays where it is. */
static bool read_string(struct plain *plain) {
    const char *begin = plain->next;
    for (; plain->next < plain->end && *plain->next != '"'; plain->next++) {
        if (*plain->next < 0x20 || *plain->next > 0x7e || *plain->next == '\\') {
            return false;
        }
    }
    size_t size = (size_t)(plain->next - begin);
    return take(plain, '"') &&
           push(plain,
                (struct lr_json){.type = LR_JSON_STRING, .count = size, .as = {.text = begin}});
}

static bool read_integer(struct plain *plain) {
    int64_t value = 0;
    bool negative = take(plain, '-');
    const char *begin = plain->next;
    for (; plain->next < plain->end && *plain->next >= '0' && *plain->next <= '9'; plain->next++) {
        value = value * 10 + (*plain->next - '0');
        if (plain->next - begin == DIGITS_MAX) {
            return false;
        }
    }
    bool fits = plain->next > begin && (*begin != '0' || plain->next - begin == 1);
    bool goes_on = plain->next < plain->end &&
                   (*plain->next == '.' || *plain->next == 'e' || *plain->next == 'E');
    return fits && !goes_on && !(negative && value == 0) &&
           push(plain, (struct lr_json){.type = LR_JSON_INT,
                                        .as = {.integer = negative ? -value : value}});
}

static bool read_null(struct plain *plain) {
    static const char word[] = "null";
    size_t size = sizeof word - 1;
    if ((size_t)(plain->end - plain->next) < size || memcmp(plain->next, word, size) != 0) {
        return false;
    }
    plain->next += size;
    return push(plain, (struct lr_json){.type = LR_JSON_NULL});
}

/* Elements up to the bracket, behind the first one. */
static bool read_list(struct plain *plain) {
    size_t mark = plain->waiting_count;
    skip_blanks(plain);
    bool good = true;
    bool closed = take(plain, ']');
    while (good && !closed) {
        good = read_value(plain);
        skip_blanks(plain);
        closed = good && take(plain, ']');
        good = closed || (good && take(plain, ','));
    }
    if (!good) {
        return false;
    }
    size_t count = plain->waiting_count - mark;
    struct lr_json *items = plain->laid + plain->laid_count;
    memcpy(items, plain->waiting + mark, count * sizeof *items);
    plain->laid_count += count;
    plain->waiting_count = mark;
    plain->depth--;
    return push(plain,
                (struct lr_json){.type = LR_JSON_LIST, .count = count, .as = {.items = items}});
}

static bool read_value(struct plain *plain) {
    skip_blanks(plain);
    char first = plain->next == plain->end ? '\0' : *plain->next;
    if (first == '[') {
        plain->next++;
        return ++plain->depth <= LR_JSON_DEPTH_MAX && read_list(plain);
    }
    if (first == '"') {
        plain->next++;
        return read_string(plain);
    }
    return first == 'n' ? read_null(plain) : read_integer(plain);
}

/* |value| as it is in a document whose lists begin at |items| and whose text begins at |texts|. */
static struct lr_json moved(const struct plain *plain, const char *bytes, struct lr_json value,
                            const struct lr_json *items, const char *texts) {
    if (value.type == LR_JSON_LIST) {
        value.as.items = items + (value.as.items - plain->laid);
    } else if (value.type == LR_JSON_STRING) {
        value.as.text = texts + (value.as.text - bytes);
    }
    return value;
}

enum lr_status lr_json_plain_parse(struct lr_alloc *alloc, const void *bytes, size_t size,
                                   struct lr_json **root) {
    struct plain plain; /* its arrays are not cleared: most of them is never used */
    plain.next = bytes;
    plain.end = plain.next + size;
    plain.depth = 0;
    plain.value_count = 0;
    plain.waiting_count = 0;
    plain.laid_count = 0;
    bool good = read_value(&plain);
    skip_blanks(&plain);
    if (!good || plain.next < plain.end) {
        return LR_ENOTSUP;
    }
    LR_ASSERT(plain.waiting_count == 1 && plain.laid_count + 1 == plain.value_count);
    char *texts;
    struct lr_json *made = lr_json_make(alloc, plain.value_count, size, &texts);
    if (made == NULL) {
        return LR_ENOMEM;
    }
    memcpy(texts, bytes, size);
    made[0] = moved(&plain, bytes, plain.waiting[0], made + 1, texts);
    for (size_t i = 0; i < plain.laid_count; i++) {
        made[1 + i] = moved(&plain, bytes, plain.laid[i], made + 1, texts);
    }
    *root = made;
    return LR_OK;
}
