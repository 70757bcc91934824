/* SPDX-License-Identifier: MIT */
/*
 * The records that a sink has under way, in the journal's order. Reports come
 * in any order; what is done leaves from the front.
 */
#ifndef STENTOR_KAFKA_WINDOW_H
#define STENTOR_KAFKA_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window_slot {
    uint64_t seq;
    uint64_t end;      /* journal position behind the record; 0: it was read
                          from the outbox */
    int64_t offset;    /* in Kafka, once it is done */
    int32_t partition; /* -1: none, it was not sent */
    uint32_t bytes;    /* of the journal record */
    uint64_t time_ms;  /* of its publishing */
    bool done;
};

struct window {
    struct window_slot *slots;
    uint64_t capacity; /* a power of two, or 0 */
    uint64_t first;    /* number of the oldest slot */
    uint64_t next;     /* number of the next one */
};

static inline uint64_t window_count(const struct window *window)
{
    return window->next - window->first;
}

/* A slot by its number, which is between `first` and `next`. */
static inline struct window_slot *window_slot(const struct window *window,
                                              uint64_t number)
{
    return &window->slots[number & (window->capacity - 1)];
}

/* Adds one, whose number is window->next - 1; the pointer is good until the
   next call. It grows with what librdkafka takes, which is limited. */
struct window_slot *window_add(struct window *window);

/* Numbers are never used again, also after this. */
void window_clear(struct window *window);

#endif
