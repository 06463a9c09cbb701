/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked ring: a head is a node that belongs to nothing. Adding and removing never
 * allocate, so giving something up cannot fail. A node that is in no list points at itself. */
#ifndef LR_BASE_LIST_H
#define LR_BASE_LIST_H

#include <stdbool.h>

#include "base/compiler.h"

struct lr_list {
    struct lr_list *next;
    struct lr_list *prev;
};

static inline void lr_list_init(struct lr_list *node) {
    node->next = node;
    node->prev = node;
}

static inline bool lr_list_empty(const struct lr_list *head) {
    return head->next == head;
}

/* Appends |node|, which is in no list, behind the last of |head|. */
static inline void lr_list_append(struct lr_list *head, struct lr_list *node) {
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}

/* Takes |node| out of its list, if it is in one. */
static inline void lr_list_remove(struct lr_list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    lr_list_init(node);
}

/* Walks |head|; the body may remove |node|, and nothing else, from the list. */
/* NOLINTBEGIN(bugprone-macro-parentheses): |node| is declared here */
#define LR_LIST_EACH(node, head)                                                                   \
    for (struct lr_list *node = (head)->next, *lr_next_ = node->next; node != (head);              \
         node = lr_next_, lr_next_ = node->next)
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
