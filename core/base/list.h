/* SPDX-License-Identifier: MIT */
/*
 * A circular doubly linked list whose links live inside the members. A member
 * costs 16 bytes and nothing is allocated. An unlinked member points to
 * itself, so list_remove may be called on it again.
 */
#ifndef STENTOR_BASE_LIST_H
#define STENTOR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

/* The struct of `type` whose member `field` is the list link `link`. */
#define LIST_ENTRY(link, type, field) \
    ((type *)(void *)((char *)(link)-offsetof(type, field)))

static inline void list_init(struct list *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/* Puts `member` last. */
static inline void list_append(struct list *list, struct list *member)
{
    member->previous = list->previous;
    member->next = list;
    list->previous->next = member;
    list->previous = member;
}

static inline void list_remove(struct list *member)
{
    member->previous->next = member->next;
    member->next->previous = member->previous;
    list_init(member);
}

/* Moves all of `from` to the end of `to`; `from` is empty after. */
static inline void list_append_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#endif
