/* SPDX-License-Identifier: MIT */
/*
 * A hash table by channel set, so that a stream finds its like when it begins;
 * and a list for each channel, so that a record finds who follows it.
 */
#include "worker/audience.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "worker/conflation.h"

enum { BUCKETS_MIN = 64 };

void audiences_init(struct audiences *audiences, uint32_t channels)
{
    audiences->buckets = xcalloc(BUCKETS_MIN, sizeof *audiences->buckets);
    audiences->mask = BUCKETS_MIN - 1;
    audiences->count = 0;
    audiences->channels = channels;
    audiences->by_channel = xcalloc(channels, sizeof *audiences->by_channel);
    for (uint32_t i = 0; i < channels; i++)
        list_init(&audiences->by_channel[i]);
}

void audiences_done(struct audiences *audiences)
{
    CHECK(audiences->count == 0);
    free(audiences->buckets);
    free(audiences->by_channel);
    audiences->buckets = NULL;
    audiences->by_channel = NULL;
}

/* FNV-1a over whole words. */
static uint32_t hash_of(const struct journal_want *wants, uint32_t count,
                        bool chunked)
{
    uint64_t hash = 0xcbf29ce484222325 ^ (chunked ? 1 : 0);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word = (uint64_t)wants[i].generation << 32 | wants[i].channel;
        hash = (hash ^ word) * 0x100000001b3;
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static bool is_same(const struct audience *audience,
                    const struct journal_want *wants, uint32_t count,
                    bool chunked)
{
    if (audience->count != count || audience->chunked != chunked)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (audience->wants[i].channel != wants[i].channel ||
            audience->wants[i].generation != wants[i].generation)
            return false;
    return true;
}

static void put(struct audiences *audiences, struct audience *audience)
{
    struct audience **bucket =
        &audiences->buckets[audience->hash & audiences->mask];
    audience->next_in_bucket = *bucket;
    *bucket = audience;
}

static void grow(struct audiences *audiences)
{
    struct audience **old = audiences->buckets;
    uint32_t old_mask = audiences->mask;
    audiences->mask = old_mask * 2 + 1;
    audiences->buckets =
        xcalloc((size_t)audiences->mask + 1, sizeof *audiences->buckets);
    for (uint32_t i = 0; i <= old_mask; i++) {
        struct audience *next;
        for (struct audience *one = old[i]; one != NULL; one = next) {
            next = one->next_in_bucket;
            put(audiences, one);
        }
    }
    free(old);
}

static struct audience *audience_new(struct audiences *audiences,
                                     const struct journal_want *wants,
                                     uint32_t count, bool chunked)
{
    struct audience *audience = xcalloc(1, sizeof *audience);
    audience->magic = AUDIENCE_MAGIC;
    audience->count = count;
    audience->hash = hash_of(wants, count, chunked);
    audience->chunked = chunked;
    list_init(&audience->in_step);
    list_init(&audience->dirty);
    audience->wants = xcalloc(count, sizeof *audience->wants);
    audience->seats = xcalloc(count, sizeof *audience->seats);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(wants[i].channel < audiences->channels);
        CHECK(i == 0 || wants[i].channel > wants[i - 1].channel);
        audience->wants[i] = wants[i];
        audience->wants[i].from_seq = 0;
        audience->seats[i].audience = audience;
        list_append(&audiences->by_channel[wants[i].channel],
                    &audience->seats[i].link);
    }
    return audience;
}

struct audience *audience_join(struct audiences *audiences,
                               const struct journal_want *wants, uint32_t count,
                               bool chunked)
{
    CHECK(count > 0);
    uint32_t hash = hash_of(wants, count, chunked);
    struct audience *audience = audiences->buckets[hash & audiences->mask];
    while (audience != NULL && !is_same(audience, wants, count, chunked))
        audience = audience->next_in_bucket;
    if (audience == NULL) {
        if (audiences->count > audiences->mask)
            grow(audiences);
        audience = audience_new(audiences, wants, count, chunked);
        put(audiences, audience);
        audiences->count++;
    }
    audience->streams++;
    return audience;
}

void audience_leave(struct audiences *audiences, struct audience *audience)
{
    CHECK(audience->magic == AUDIENCE_MAGIC && audience->streams > 0);
    if (--audience->streams > 0)
        return;
    CHECK(list_is_empty(&audience->in_step) && !audience->is_dirty);
    struct audience **place =
        &audiences->buckets[audience->hash & audiences->mask];
    while (*place != audience)
        place = &(*place)->next_in_bucket;
    *place = audience->next_in_bucket;
    audiences->count--;
    for (uint32_t i = 0; i < audience->count; i++)
        list_remove(&audience->seats[i].link);
    conflation_release(audience->conflation);
    free(audience->wants);
    free(audience->seats);
    audience->magic = 0;
    free(audience);
}
