/* SPDX-License-Identifier: MIT */
#include "brain/sources.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "brain/process.h"
#include "kafka/bus.h"
#include "kafka/source.h"

enum { EMBEDDED_WAIT_MS = 10 };

static struct brain_source *source_at(struct stentor_brain *brain,
                                      uint32_t number)
{
    return number < brain->sources.count ? brain->sources.list[number] : NULL;
}

/* --- what the source says --- */

static void on_readable(struct source *source)
{
    struct brain_source *at = source_owner(source);
    at->readable = true;
    at->feed_waits = false;
}

static void on_gap(struct source *source, int32_t partition, uint64_t lost,
                   const char *text)
{
    struct brain_source *at = source_owner(source);
    snprintf(at->why, sizeof at->why,
             "partition %" PRId32 ": %" PRIu64 " records were lost: %s",
             partition, lost, text);
    at->gap = true;
}

static void on_closed(struct source *source)
{
    struct brain_source *at = source_owner(source);
    at->source = NULL;
    source_free(source);
    at->brain->sources.open--;
}

static const struct source_events source_events = { on_readable, on_gap,
                                                    on_closed };

/* --- opening --- */

/* The next brain is the same member of a group, at once. One member for each
   topic; a topic's name may be too long to be part of the text. */
static void name_instance(char *name, size_t size, const char *topic)
{
    char host[128] = "";
    uint32_t hash = (uint32_t)hash_bytes(topic, strlen(topic));
    gethostname(host, sizeof host - 1);
    snprintf(name, size, "stentor.%s.%ld.%08" PRIx32, host, (long)getppid(),
             hash);
}

static struct places_row *claim_row(struct stentor_brain *brain,
                                    const struct stentor_source *wanted)
{
    char name[PLACES_NAME_BYTES];
    int size = snprintf(name, sizeof name, "%s/%.*s/%.*s/%.*s",
                        brain->kafka->buses[wanted->bus]->name,
                        (int)wanted->topic.size, wanted->topic.bytes,
                        (int)wanted->group.size, wanted->group.bytes,
                        (int)wanted->reader.size, wanted->reader.bytes);
    if (size < 0 || (size_t)size >= sizeof name)
        return NULL;
    struct places_row *row =
        places_claim(&brain->places, text_of(name, (size_t)size));
    if (row == NULL || wanted->has_positions == 0)
        return row;
    places_forget(&brain->places, row);
    for (uint32_t i = 0; i < wanted->position_count; i++) {
        const struct stentor_position *position = &wanted->positions[i];
        struct place *place =
            places_of(&brain->places, row, position->partition);
        if (place != NULL)
            place->next = (int64_t)position->offset;
    }
    return row;
}

static char *copy(struct stentor_text text)
{
    return text.size > 0 ? xstrndup(text.bytes, text.size) : NULL;
}

static struct source *open_source(struct brain_source *at,
                                  const struct stentor_source *wanted,
                                  struct places_row *row, char *error)
{
    struct stentor_brain *brain = at->brain;
    struct kafka_bus *bus = brain->kafka->buses[wanted->bus];
    char instance[256];
    name_instance(instance, sizeof instance, at->topic);
    at->embedded = bus_is_embedded(bus);
    char *group = copy(wanted->group);
    struct source_settings settings = {
        .brokers = bus_brokers(bus),
        .given = bus_settings(bus),
        /* It answers only after this time, also when records come sooner. */
        .fetch_wait_ms = at->embedded ? EMBEDDED_WAIT_MS : 0,
        .topic = at->topic,
        .group = group,
        .instance = at->embedded ? NULL : instance, /* it knows of none */
        .start = (enum source_start)wanted->start,
        .start_ms = (int64_t)wanted->start_ms,
    };
    struct source *source = source_open(&brain->loop, &brain->places, row,
                                        &settings, &source_events, at, error);
    free(group);
    return source;
}

int stentor_source_open(struct stentor_brain *brain,
                        const struct stentor_source *wanted)
{
    struct sources *sources = &brain->sources;
    if (!brain->in_charge || brain->kafka == NULL ||
        wanted->bus >= brain->kafka->bus_count)
        return STENTOR_EREADONLY;
    if (sources->count >= STENTOR_SOURCES_MAX)
        return STENTOR_EFULL;
    struct places_row *row = claim_row(brain, wanted);
    if (row == NULL)
        return STENTOR_EFULL;
    char error[STENTOR_ERROR_BYTES];
    struct brain_source *at = xcalloc(1, sizeof *at);
    at->brain = brain;
    at->topic = copy(wanted->topic);
    at->headers = wanted->headers != 0;
    at->source = open_source(at, wanted, row, error);
    if (at->source == NULL) {
        log_error("topic \"%s\": %s", at->topic, error);
        free(at->topic);
        free(at);
        return STENTOR_EINVALID;
    }
    sources->list[sources->count] = at;
    sources->open++;
    return (int)sources->count++;
}

void sources_move(struct stentor_brain *brain)
{
    for (uint32_t i = 0; i < brain->sources.count; i++) {
        const struct brain_source *at = brain->sources.list[i];
        if (at->source != NULL && at->embedded)
            source_moved(at->source, brain->broker);
    }
}

void sources_close(struct stentor_brain *brain)
{
    brain->sources.closing = true;
    for (uint32_t i = 0; i < brain->sources.count; i++)
        if (brain->sources.list[i]->source != NULL)
            source_close(brain->sources.list[i]->source);
}

void sources_forget(struct stentor_brain *brain)
{
    struct sources *sources = &brain->sources;
    for (uint32_t i = 0; i < sources->count; i++) {
        CHECK(sources->list[i]->source == NULL);
        sources_feed_done(sources->list[i]);
        free(sources->list[i]->topic);
        free(sources->list[i]);
    }
    *sources = (struct sources){ .count = 0 };
}

/* --- telling Lua --- */

static bool wants_lua(const struct brain_source *at)
{
    return at->feed_count == 0 && !at->told && (at->readable || at->gap);
}

static bool wants_feed(const struct brain_source *at)
{
    return at->feed_count > 0 && !at->feed_waits && (at->gap || at->readable);
}

bool sources_have_news(const struct stentor_brain *brain)
{
    const struct sources *sources = &brain->sources;
    for (uint32_t i = 0; i < sources->count && !sources->closing; i++)
        if (wants_lua(sources->list[i]) || wants_feed(sources->list[i]))
            return true;
    return false;
}

bool sources_take(struct stentor_brain *brain, struct stentor_item *item)
{
    struct sources *sources = &brain->sources;
    for (uint32_t i = 0; i < sources->count && !sources->closing; i++) {
        uint32_t number = (sources->next + i) % sources->count;
        struct brain_source *at = sources->list[number];
        if (!wants_lua(at) || at->turn == sources->turn)
            continue;
        at->turn = sources->turn;
        sources->next = number + 1;
        at->told = true;
        item->kind = STENTOR_SOURCE;
        item->ticket = number;
        if (at->gap)
            item->reason =
                (struct stentor_text){ at->why, (uint32_t)strlen(at->why) };
        at->gap = false;
        return true;
    }
    return false;
}

void stentor_source_more(struct stentor_brain *brain, uint32_t source)
{
    struct brain_source *at = source_at(brain, source);
    if (at != NULL)
        at->told = false;
}

int stentor_source_feed(struct stentor_brain *brain, uint32_t source,
                        const uint32_t *channels, uint32_t count)
{
    struct brain_source *at = source_at(brain, source);
    if (at == NULL)
        return STENTOR_ENOTFOUND;
    if (count > STENTOR_FEEDS_MAX)
        return STENTOR_EFULL;
    memcpy(at->feeds, channels, count * sizeof *channels);
    at->feed_count = count;
    return 0;
}

void sources_begin_turn(struct stentor_brain *brain)
{
    struct sources *sources = &brain->sources;
    sources->turn++;
    for (uint32_t i = 0; i < sources->count && !sources->closing; i++)
        if (wants_feed(sources->list[i]))
            sources_feed_one(sources->list[i]);
}
