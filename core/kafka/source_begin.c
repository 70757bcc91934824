/* SPDX-License-Identifier: MIT */
/*
 * Before anything is read, the partitions and their first offsets are found
 * out by a survey in the thread pool. "Newest" becomes an offset there and
 * then, and is kept, so that a death before the first record skips nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/library.h"
#include "kafka/source_own.h"

enum {
    SOURCE_MISSING_MIN = 2, /* answers that there is no such topic until we take
                               it for deleted */
    SOURCE_GROWTH_TICKS = 4 /* between two looks for added partitions */
};

static struct source *cast(void *pointer)
{
    return CHECK_CAST(struct source, pointer, SOURCE_MAGIC);
}

struct source_partition *source_find(struct source *source, int32_t number)
{
    /* Most topics have few, and they come in order. */
    if ((uint32_t)number < source->partition_count &&
        source->partitions[number].number == number)
        return &source->partitions[number];
    for (uint32_t i = 0; i < source->partition_count; i++)
        if (source->partitions[i].number == number)
            return &source->partitions[i];
    return NULL;
}

/* --- the assignment --- */

void source_assign(struct source *source)
{
    uint32_t count = source->held ? 0 : source->partition_count;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count + 1);
    source_drop(source);
    for (uint32_t i = 0; i < source->partition_count; i++)
        source->partitions[i].reads = true;
    for (uint32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, source->settings.topic,
                                          source->partitions[i].number)
            ->offset = source->partitions[i].fetched;
    rd_kafka_resp_err_t code = rd_kafka_assign(source->client->rk, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_error("%s: cannot be assigned: %s", source->name,
                  rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
}

static void unassign(struct source *source)
{
    source_drop(source);
    source->partition_count = 0;
    source->generation = ++source->places->generations;
    rd_kafka_assign(source->client->rk, NULL);
}

static void add_partition(struct source *source, const struct survey_row *row)
{
    struct place *place =
        places_of(source->places, source->row, row->partition);
    if (place == NULL) {
        log_error("%s: partition %" PRId32 " is not read: there are more "
                  "than %d partitions in all",
                  source->name, row->partition, PLACES_CELLS_MAX);
        return;
    }
    place->next = row->offset;
    uint32_t count = ++source->partition_count;
    source->partitions =
        xrealloc(source->partitions, count * sizeof *source->partitions);
    source->partitions[count - 1] =
        (struct source_partition){ .number = row->partition,
                                   .fetched = row->offset,
                                   .committed = -1,
                                   .place = place };
}

/* --- surveys --- */

/* The topic that is there now is not the one that we have read. */
static void start_anew(struct source *source)
{
    log_warn("%s: the topic was deleted; if it is made again, it is read from "
             "its beginning",
             source->name);
    source->counters.gaps++;
    unassign(source);
    places_forget(source->places, source->row);
    source->events->on_gap(source, -1, 0, "the topic was deleted");
}

static void say_missing(struct source *source)
{
    source->missing++;
    if (source->missing == 1)
        log_warn("%s: there is no such topic", source->name);
    if (source->partition_count == 0)
        source->settings.start = SOURCE_OLDEST; /* all of it is new, then */
    else if (source->missing == SOURCE_MISSING_MIN)
        start_anew(source);
}

static void take_start(struct source *source, const struct survey *survey)
{
    bool added = false;
    source->missing = 0;
    for (uint32_t i = 0; i < survey->count; i++) {
        const struct survey_row *row = &survey->rows[i];
        if (!row->known || source_find(source, row->partition) != NULL)
            continue;
        add_partition(source, row);
        added = true;
    }
    if (added)
        source_assign(source);
}

static const char *describe_gap(const struct survey_row *row, int64_t at)
{
    if (row->oldest > at)
        return "they were deleted before they were read";
    return at > row->end ? "the topic is shorter than it was" : NULL;
}

/* A partition had nothing at our offset. */
static void take_bounds(struct source *source, const struct survey *survey)
{
    for (uint32_t i = 0; i < survey->count; i++) {
        const struct survey_row *row = &survey->rows[i];
        struct source_partition *partition =
            source_find(source, row->partition);
        if (partition == NULL || !partition->looked_up)
            continue;
        int64_t at = partition->fetched;
        const char *why = describe_gap(row, at);
        partition->looked_up = false;
        if (why == NULL)
            continue; /* meanwhile there is */
        uint64_t lost = row->oldest > at ? (uint64_t)(row->oldest - at) : 0;
        partition->fetched = partition->place->next = row->oldest;
        source->counters.gaps++;
        source->counters.lost += lost;
        log_warn("%s: partition %" PRId32 ": offset %" PRId64 " is gone, "
                 "reading goes on at %" PRId64 " (%" PRIu64 " records lost: "
                 "%s)",
                 source->name, row->partition, at, row->oldest, lost, why);
        source->events->on_gap(source, row->partition, lost, why);
    }
    source_assign(source);
}

static void take_survey(struct source *source, const struct survey *survey)
{
    if (survey->code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        say_missing(source);
    else if (survey->code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_debug("%s: survey: %s", source->name,
                  rd_kafka_err2str(survey->code));
    else if (survey->bounds)
        take_bounds(source, survey);
    else
        take_start(source, survey);
}

static void on_surveyed(struct kafka_client *client, void *opaque)
{
    struct survey *survey = opaque;
    if (client->owner != NULL) { /* else the source has another client */
        struct source *source = cast(client->owner);
        source->survey = NULL;
        if (survey->generation == source->generation)
            take_survey(source, survey);
    }
    survey_done(survey);
    free(survey);
}

static struct survey *new_survey(struct source *source)
{
    struct survey *survey = xcalloc(1, sizeof *survey);
    const struct source_settings *settings = &source->settings;
    survey->topic = xstrndup(settings->topic, strlen(settings->topic));
    survey->generation = source->generation;
    survey->start = settings->start == SOURCE_TIME ? settings->start_ms
                    : settings->start == SOURCE_OLDEST
                        ? RD_KAFKA_OFFSET_BEGINNING
                        : RD_KAFKA_OFFSET_END;
    return survey;
}

static void run_survey(struct source *source, struct survey *survey)
{
    source->survey = survey;
    client_run(source->client, survey_run, on_surveyed, survey);
}

/* Rows of the partitions that the group has given us. */
static void add_assigned(struct source *source, struct survey *survey)
{
    for (int i = 0; i < source->assigned->cnt; i++) {
        int32_t number = source->assigned->elems[i].partition;
        struct place *place = places_of(source->places, source->row, number);
        survey_add(survey, number, place != NULL ? place->next : -1);
    }
}

/* Rows of those whose places we know. */
static void add_kept(struct source *source, struct survey *survey)
{
    struct place *place;
    uint32_t at = 0;
    while ((place = places_next(source->places, source->row, &at)) != NULL)
        survey_add(survey, place->partition, place->next);
}

void source_begin(struct source *source)
{
    bool grouped = source->settings.group != NULL;
    if (source->survey != NULL || !source_is_connected(source) ||
        (grouped && source->assigned == NULL))
        return;
    struct survey *survey = new_survey(source);
    survey->all = !grouped;
    survey->committed = grouped;
    if (grouped)
        add_assigned(source, survey);
    else
        add_kept(source, survey);
    run_survey(source, survey);
}

static void look_up(struct source *source)
{
    struct survey *survey = new_survey(source);
    survey->bounds = true;
    for (uint32_t i = 0; i < source->partition_count; i++)
        if (source->partitions[i].looked_up)
            survey_add(survey, source->partitions[i].number, -1);
    run_survey(source, survey);
}

void source_look_up(struct source *source, int32_t number)
{
    struct source_partition *partition = source_find(source, number);
    if (partition == NULL)
        return;
    partition->looked_up = true;
    if (source->survey == NULL)
        look_up(source);
}

void source_look_again(struct source *source)
{
    /* A call for a broker that is out of reach holds a thread of the pool until
       its time is up. */
    if (source->survey != NULL || !source_is_connected(source))
        return;
    for (uint32_t i = 0; i < source->partition_count; i++) {
        if (source->partitions[i].looked_up) {
            look_up(source);
            return;
        }
    }
    /* A group is told of added partitions. */
    bool grouped = source->settings.group != NULL;
    bool idle = source->partition_count == 0;
    if (idle || (!grouped && source->ticks % SOURCE_GROWTH_TICKS == 0))
        source_begin(source);
}

void source_give(struct source *source,
                 const rd_kafka_topic_partition_list_t *list)
{
    source_take(source);
    source->assigned = rd_kafka_topic_partition_list_copy(list);
    source_begin(source);
}

void source_take(struct source *source)
{
    if (source->assigned != NULL)
        rd_kafka_topic_partition_list_destroy(source->assigned);
    source->assigned = NULL;
    unassign(source);
}
