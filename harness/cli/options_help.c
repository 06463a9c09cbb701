/* SPDX-License-Identifier: Apache-2.0 */
/* --help, from the table of options. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "cli/options.h"

enum {
    HELP_COLUMNS = 96,
    HELP_INDENT = 28, /* where the explanations begin */
    HELP_LINE_MAX = 512
};

/* "4096", or "1M" where that is the same: as it could be given. */
static void write_bytes(char *out, size_t size, uint64_t bytes) {
    static const char units[] = " KMG";
    size_t unit = 0;
    while (unit < 3 && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    if (unit == 0) {
        (void)snprintf(out, size, "%" PRIu64, bytes);
    } else {
        (void)snprintf(out, size, "%" PRIu64 "%c", bytes, units[unit]);
    }
}

/* The default of |option| as a person would write it; "" where there is none to tell. */
static void write_default(char *out, size_t size, const struct lr_option *option,
                          const void *settings) {
    const void *member = (const char *)settings + option->offset;
    const char *text;
    int64_t integer;
    uint64_t ns;
    out[0] = '\0';
    switch (option->kind) {
    case LR_OPTION_HEADING:
    case LR_OPTION_FLAG:
        break;
    case LR_OPTION_TEXT:
        memcpy(&text, member, sizeof text);
        (void)snprintf(out, size, "%s", text != NULL ? text : "");
        break;
    case LR_OPTION_ADDRESS:
        break;            /* none that has one */
    case LR_OPTION_COUNT: /* 0 where it cannot be: the command works it out */
        if (option->min == 0 || lr_options_load(member, option->width) != 0) {
            (void)snprintf(out, size, "%" PRIu64, lr_options_load(member, option->width));
        }
        break;
    case LR_OPTION_BYTES:
        write_bytes(out, size, lr_options_load(member, option->width));
        break;
    case LR_OPTION_SECONDS:
        memcpy(&ns, member, sizeof ns);
        (void)snprintf(out, size, "%g", (double)ns / (double)LR_SECOND);
        break;
    case LR_OPTION_INTEGER:
        memcpy(&integer, member, sizeof integer);
        (void)snprintf(out, size, "%" PRId64, integer);
        break;
    case LR_OPTION_CHOICE:
        (void)snprintf(out, size, "%s", option->choices[lr_options_load(member, option->width)]);
        break;
    }
}

/* Writes |text|, broken at blanks, the lines after the first indented. |column| is where it begins.
 */
static void write_wrapped(const char *text, size_t column) {
    bool first = true;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (!first && column + 1 + word > HELP_COLUMNS) {
            (void)printf("\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        } else if (!first) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", (int)word, text);
        column += word;
        text += word;
        text += strspn(text, " ");
        first = false;
    }
    (void)putchar('\n');
}

static void write_option(const struct lr_option *option, const void *settings) {
    char head[HELP_LINE_MAX];
    int size =
        snprintf(head, sizeof head, "  --%s%s%s", option->name, option->value != NULL ? " " : "",
                 option->value != NULL ? option->value : "");
    LR_ASSERT(size > 0 && (size_t)size < sizeof head);
    (void)printf("%s", head);
    if (size + 2 > HELP_INDENT) {
        (void)printf("\n%*s", HELP_INDENT, "");
    } else {
        (void)printf("%*s", HELP_INDENT - size, "");
    }
    char standard[HELP_LINE_MAX / 4];
    char text[HELP_LINE_MAX];
    write_default(standard, sizeof standard, option, settings);
    if (standard[0] != '\0') {
        (void)snprintf(text, sizeof text, "%s (default: %s)", option->help, standard);
    } else {
        (void)snprintf(text, sizeof text, "%s", option->help);
    }
    write_wrapped(text, HELP_INDENT);
}

void lr_options_help(const struct lr_command_line *line, const void *settings) {
    (void)printf("usage: %s [OPTION..]%s%s\n\n%s\n", line->command,
                 line->operands[0] != '\0' ? " " : "", line->operands, line->summary);
    for (size_t i = 0; i < line->option_count; i++) {
        if (line->options[i].kind == LR_OPTION_HEADING) {
            (void)printf("%s%s\n", i == 0 ? "" : "\n", line->options[i].help);
        } else {
            write_option(&line->options[i], settings);
        }
    }
    (void)printf("  --help%*sthis text\n", HELP_INDENT - 8, "");
    if (line->epilogue != NULL) {
        (void)printf("\n%s", line->epilogue);
    }
}
