/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/commands.h"

enum {
    WORD_BYTES_MAX = 48,    /* a name that is compared; a longer one is near to none */
    NEAR_DISTANCE_MAX = 3,  /* more changes than that are no slip of the fingers */
    QUOTED_BYTES_MAX = 100, /* of a value in an error */
    SECONDS_MAX = 1000000000
};

int lr_options_refuse(const struct lr_command_line *line, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "%s: %s\nsee: %s --help\n", line->command, text, line->command);
    return LR_EXIT_USAGE;
}

/* ---- near misses ---- */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Insertions, deletions and changes that make |b| of |a|, of which neither is beyond
 * WORD_BYTES_MAX. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[WORD_BYTES_MAX + 1];
    size_t size = strlen(b);
    LR_ASSERT(size <= WORD_BYTES_MAX);
    for (size_t j = 0; j <= size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; *a != '\0'; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= size; j++) {
            size_t change = diagonal + (*a != b[j - 1]);
            diagonal = row[j];
            row[j] = least(change, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[size];
}

const char *lr_options_nearest(const char *word,
                               const char *(*next)(const void *names, size_t index),
                               const void *names) {
    const char *best = NULL;
    size_t size = strlen(word);
    size_t best_distance = least(NEAR_DISTANCE_MAX, size / 2) + 1;
    const char *name;
    for (size_t i = 0; size <= WORD_BYTES_MAX && (name = next(names, i)) != NULL; i++) {
        bool begins = size > 1 && strncmp(word, name, size) == 0;
        size_t distance = begins ? 0 : edit_distance(word, name);
        if (strlen(name) <= WORD_BYTES_MAX && distance < best_distance) {
            best_distance = distance;
            best = name;
        }
    }
    return best;
}

/* ---- values ---- */

uint64_t lr_options_load(const void *member, size_t width) {
    uint16_t small;
    uint32_t middle;
    uint64_t large;
    switch (width) {
    case sizeof small:
        memcpy(&small, member, width);
        return small;
    case sizeof middle:
        memcpy(&middle, member, width);
        return middle;
    default:
        LR_ASSERT(width == sizeof large);
        memcpy(&large, member, width);
        return large;
    }
}

static void store(void *member, size_t width, uint64_t value) {
    uint16_t small = (uint16_t)value;
    uint32_t middle = (uint32_t)value;
    const void *from = width == sizeof small    ? (const void *)&small
                       : width == sizeof middle ? (const void *)&middle
                                                : (const void *)&value;
    LR_ASSERT(width == sizeof small || width == sizeof middle || width == sizeof value);
    memcpy(member, from, width);
}

static uint64_t max_of(const struct lr_option *option) {
    if (option->max != 0) {
        return option->max;
    }
    if (option->kind == LR_OPTION_SECONDS) {
        return SECONDS_MAX * LR_SECOND;
    }
    return option->width >= sizeof(uint64_t) ? UINT64_MAX
                                             : (UINT64_C(1) << (8 * option->width)) - 1;
}

static enum lr_status read_count(const struct lr_option *option, const char *text, void *member,
                                 struct lr_error *error) {
    uint64_t factor = 1;
    struct lr_text digits = lr_text_of(text);
    if (option->kind == LR_OPTION_BYTES && digits.size > 1) {
        const char *unit = strchr("KMG", text[digits.size - 1]);
        if (unit != NULL) {
            factor = *unit == 'K'   ? UINT64_C(1) << 10
                     : *unit == 'M' ? UINT64_C(1) << 20
                                    : UINT64_C(1) << 30;
            digits.size--;
        }
    }
    uint64_t value;
    uint64_t max = max_of(option);
    if (lr_text_to_u64(digits, max / factor, &value) != LR_OK || value * factor < option->min) {
        return lr_error_set(error, LR_EINVAL,
                            "must be a whole number from %" PRIu64 " to %" PRIu64 "%s", option->min,
                            max, option->kind == LR_OPTION_BYTES ? " (or one with K, M or G)" : "");
    }
    store(member, option->width, value * factor);
    return LR_OK;
}

static enum lr_status read_seconds(const struct lr_option *option, const char *text, void *member,
                                   struct lr_error *error) {
    uint64_t ns;
    uint64_t max = max_of(option);
    LR_ASSERT(option->width == sizeof ns);
    const struct lr_text given = lr_text_of(text);
    bool read = lr_text_to_seconds(given, &ns) == LR_OK || lr_text_to_duration(given, &ns) == LR_OK;
    if (!read || ns < option->min || ns > max) {
        return lr_error_set(
            error, LR_EINVAL,
            "must be a number of seconds from %.10g to %.10g, as in 2, 0.5, 2s or 500ms",
            (double)option->min / (double)LR_SECOND, (double)max / (double)LR_SECOND);
    }
    memcpy(member, &ns, sizeof ns);
    return LR_OK;
}

static enum lr_status read_integer(const char *text, void *member, struct lr_error *error) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool begins = text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    if (!begins || end == text || *end != '\0' || errno != 0) {
        return lr_error_set(error, LR_EINVAL, "must be an integer of 64 bits");
    }
    int64_t value = number;
    memcpy(member, &value, sizeof value);
    return LR_OK;
}

static enum lr_status read_choice(const struct lr_option *option, const char *text, void *member,
                                  struct lr_error *error) {
    char names[LR_ERROR_TEXT_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(text, option->choices[i]) == 0) {
            store(member, option->width, i);
            return LR_OK;
        }
        int written = snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                               option->choices[i]);
        LR_ASSERT(written > 0 && (size_t)written < sizeof names - used);
        used += (size_t)written;
    }
    return lr_error_set(error, LR_EINVAL, "must be one of %s", names);
}

enum lr_status lr_options_address(const char *text, struct lr_address *address,
                                  struct lr_error *error) {
    static const char shape[] = "must be HOST:PORT, or [ADDRESS]:PORT for IPv6";
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) {
        return lr_error_set(error, LR_EINVAL, "%s", shape);
    }
    struct lr_text host = {text, (size_t)(colon - text)};
    if (text[0] == '[') {
        if (host.size < 3 || colon[-1] != ']') {
            return lr_error_set(error, LR_EINVAL, "%s", shape);
        }
        host = (struct lr_text){text + 1, host.size - 2};
    } else if (memchr(text, ':', host.size) != NULL) {
        return lr_error_set(error, LR_EINVAL, "%s", shape);
    }
    uint64_t port;
    if (lr_text_to_u64(lr_text_of(colon + 1), UINT16_MAX, &port) != LR_OK || port == 0) {
        return lr_error_set(error, LR_EINVAL, "must end in a port from 1 to 65535");
    }
    if (host.size >= sizeof address->host) {
        return lr_error_set(error, LR_EINVAL, "has a host name beyond %d bytes", LR_HOST_MAX - 1);
    }
    memcpy(address->host, host.data, host.size);
    address->host[host.size] = '\0';
    address->port = (uint16_t)port;
    return LR_OK;
}

static enum lr_status read_value(const struct lr_option *option, const char *text, void *member,
                                 struct lr_error *error) {
    switch (option->kind) {
    case LR_OPTION_TEXT:
        memcpy(member, &text, sizeof text);
        return LR_OK;
    case LR_OPTION_COUNT:
    case LR_OPTION_BYTES:
        return read_count(option, text, member, error);
    case LR_OPTION_SECONDS:
        return read_seconds(option, text, member, error);
    case LR_OPTION_INTEGER:
        return read_integer(text, member, error);
    case LR_OPTION_ADDRESS:
        return lr_options_address(text, member, error);
    case LR_OPTION_CHOICE:
        return read_choice(option, text, member, error);
    case LR_OPTION_HEADING:
    case LR_OPTION_FLAG:
        break;
    }
    LR_UNREACHABLE();
}

/* ---- the line ---- */

/* The name that stands in row |index|, "" for a heading, as a name that is near to nothing. */
static const char *name_at(const void *names, size_t index) {
    const struct lr_command_line *line = names;
    if (index >= line->option_count) {
        return index == line->option_count ? "help" : NULL;
    }
    const char *name = line->options[index].name;
    return name != NULL ? name : "";
}

static const struct lr_option *find_option(const struct lr_command_line *line,
                                           struct lr_text name) {
    for (size_t i = 0; i < line->option_count; i++) {
        const struct lr_option *option = &line->options[i];
        if (option->name != NULL && lr_text_equal(lr_text_of(option->name), name)) {
            return option;
        }
    }
    return NULL;
}

static int refuse_unknown(const struct lr_command_line *line, struct lr_text name) {
    char quoted[QUOTED_BYTES_MAX];
    (void)lr_text_quote(quoted, sizeof quoted, name);
    char word[WORD_BYTES_MAX + 1];
    const char *near = NULL;
    if (name.size > 2 && name.size - 2 < sizeof word) {
        memcpy(word, name.data + 2, name.size - 2);
        word[name.size - 2] = '\0';
        near = lr_options_nearest(word, name_at, line);
    }
    return near != NULL ? lr_options_refuse(line, "no option %s; did you mean --%s?", quoted, near)
                        : lr_options_refuse(line, "no option %s", quoted);
}

/* Reads the option in argv[*at], which may take the word behind it; |*at| is then the last one
 * taken. */
static int read_option(const struct lr_command_line *line, int argc, char **argv, int *at,
                       void *settings) {
    char *word = argv[*at];
    char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    struct lr_text name = {word, equals != NULL ? (size_t)(equals - word) : strlen(word)};
    if (lr_text_equal(name, lr_text_of("--help")) || lr_text_equal(name, lr_text_of("-h"))) {
        lr_options_help(line, settings);
        return LR_EXIT_OK;
    }
    const struct lr_option *option = NULL;
    if (name.size > 2 && word[1] == '-') {
        option = find_option(line, (struct lr_text){name.data + 2, name.size - 2});
    }
    if (option == NULL) {
        return refuse_unknown(line, name);
    }
    void *member = (char *)settings + option->offset;
    if (option->kind == LR_OPTION_FLAG) {
        if (equals != NULL) {
            return lr_options_refuse(line, "option --%s takes no value", option->name);
        }
        *(bool *)member = true;
        return LR_OPTIONS_GO_ON;
    }
    const char *value = equals != NULL ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
    if (value == NULL) {
        return lr_options_refuse(line, "option --%s needs a value: %s", option->name,
                                 option->value);
    }
    struct lr_error error = {0};
    if (read_value(option, value, member, &error) != LR_OK) {
        char quoted[QUOTED_BYTES_MAX];
        return lr_options_refuse(line, "option --%s %s, not %s", option->name, error.text,
                                 lr_text_quote(quoted, sizeof quoted, lr_text_of(value)));
    }
    return LR_OPTIONS_GO_ON;
}

static bool is_option(const char *word) {
    bool number = (word[0] == '-' && word[1] >= '0' && word[1] <= '9') || strcmp(word, "-") == 0;
    return word[0] == '-' && !number;
}

int lr_options_parse(const struct lr_command_line *line, int argc, char **argv, void *settings,
                     char ***operands, size_t *operand_count) {
    size_t count = 0;
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (!ended && is_option(argv[i])) {
            int status = read_option(line, argc, argv, &i, settings);
            if (status != LR_OPTIONS_GO_ON) {
                return status;
            }
        } else {
            argv[1 + count++] = argv[i];
        }
    }
    if (count > line->operands_max) {
        char quoted[QUOTED_BYTES_MAX];
        struct lr_text word = lr_text_of(argv[1 + line->operands_max]);
        return lr_options_refuse(line, "%s is too much: it takes %s",
                                 lr_text_quote(quoted, sizeof quoted, word),
                                 line->operands_max > 0 ? line->operands : "options only");
    }
    if (count < line->operands_min) {
        return lr_options_refuse(line, "something is missing: it takes %s", line->operands);
    }
    *operands = argv + 1;
    *operand_count = count;
    return LR_OPTIONS_GO_ON;
}
