/* SPDX-License-Identifier: MIT */
#include "kafka/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { WINDOW_CAPACITY_MIN = 256 };

static void grow(struct window *window)
{
    uint64_t capacity =
        window->capacity > 0 ? window->capacity * 2 : WINDOW_CAPACITY_MIN;
    struct window_slot *slots = xcalloc(capacity, sizeof *slots);
    for (uint64_t at = window->first; at < window->next; at++)
        slots[at & (capacity - 1)] = *window_slot(window, at);
    free(window->slots);
    window->slots = slots;
    window->capacity = capacity;
}

struct window_slot *window_add(struct window *window)
{
    if (window_count(window) == window->capacity)
        grow(window);
    struct window_slot *slot = window_slot(window, window->next++);
    memset(slot, 0, sizeof *slot);
    return slot;
}

void window_clear(struct window *window)
{
    window->first = window->next;
}
