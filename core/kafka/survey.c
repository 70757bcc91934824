/* SPDX-License-Identifier: MIT */
#include "kafka/survey.h"

#include <stdlib.h>

#include "base/memory.h"
#include "kafka/library.h"

enum { SURVEY_CALL_MS = 3000 };

void survey_done(struct survey *survey)
{
    free(survey->rows);
    free(survey->topic);
    survey->topic = NULL;
    survey->rows = NULL;
    survey->count = 0;
}

static bool has_row(const struct survey *survey, int32_t partition)
{
    for (uint32_t i = 0; i < survey->count; i++)
        if (survey->rows[i].partition == partition)
            return true;
    return false;
}

void survey_add(struct survey *survey, int32_t partition, int64_t offset)
{
    survey->rows =
        xrealloc(survey->rows, (survey->count + 1) * sizeof(struct survey_row));
    survey->rows[survey->count++] = (struct survey_row){ .partition = partition,
                                                         .known = offset >= 0,
                                                         .offset = offset };
}

/* Adds the partitions that are not among the rows. */
static rd_kafka_resp_err_t find_partitions(rd_kafka_t *rk,
                                           struct survey *survey)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, survey->topic, NULL);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(rk, 0, topic, &metadata, SURVEY_CALL_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (metadata->topic_cnt == 1) {
        const rd_kafka_metadata_topic_t *found = &metadata->topics[0];
        code = found->err;
        for (int i = 0; i < found->partition_cnt; i++)
            if (!has_row(survey, found->partitions[i].id))
                survey_add(survey, found->partitions[i].id, -1);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && found->partition_cnt == 0)
            code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    rd_kafka_metadata_destroy(metadata);
    return code;
}

static rd_kafka_topic_partition_list_t *list_unknown(
    const struct survey *survey, int64_t offset, bool all)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)survey->count + 1);
    for (uint32_t i = 0; i < survey->count; i++)
        if (all || !survey->rows[i].known)
            rd_kafka_topic_partition_list_add(list, survey->topic,
                                              survey->rows[i].partition)
                ->offset = offset;
    return list;
}

static const rd_kafka_topic_partition_t *find(
    const rd_kafka_topic_partition_list_t *list, int32_t partition)
{
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].partition == partition)
            return &list->elems[i];
    return NULL;
}

static rd_kafka_resp_err_t find_committed(rd_kafka_t *rk, struct survey *survey)
{
    rd_kafka_topic_partition_list_t *list =
        list_unknown(survey, RD_KAFKA_OFFSET_INVALID, true);
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, SURVEY_CALL_MS);
    for (uint32_t i = 0; i < survey->count && code == 0; i++) {
        struct survey_row *row = &survey->rows[i];
        const rd_kafka_topic_partition_t *one = find(list, row->partition);
        if (one == NULL || one->offset < 0 || one->err != 0)
            continue;
        /* What we know may be newer, or what others of the group have done. */
        if (!row->known || one->offset > row->offset)
            row->offset = one->offset;
        row->known = true;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* Offsets of a moment (a time or a logical offset) into `set`. */
static rd_kafka_resp_err_t look_up(rd_kafka_t *rk, struct survey *survey,
                                   int64_t moment, bool all,
                                   void (*set)(struct survey_row *row,
                                               int64_t offset))
{
    rd_kafka_topic_partition_list_t *list = list_unknown(survey, moment, all);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (list->cnt > 0)
        code = rd_kafka_offsets_for_times(rk, list, SURVEY_CALL_MS);
    for (uint32_t i = 0; i < survey->count && code == 0; i++) {
        const rd_kafka_topic_partition_t *one =
            find(list, survey->rows[i].partition);
        if (one != NULL && one->err != 0)
            code = one->err;
        else if (one != NULL && one->offset >= 0)
            set(&survey->rows[i], one->offset);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static void set_start(struct survey_row *row, int64_t offset)
{
    row->offset = offset;
    row->known = true;
}

static void set_oldest(struct survey_row *row, int64_t offset)
{
    row->oldest = offset;
}

static void set_end(struct survey_row *row, int64_t offset)
{
    row->end = offset;
}

static rd_kafka_resp_err_t find_bounds(rd_kafka_t *rk, struct survey *survey)
{
    rd_kafka_resp_err_t code =
        look_up(rk, survey, RD_KAFKA_OFFSET_BEGINNING, true, set_oldest);
    return code == 0 ? look_up(rk, survey, RD_KAFKA_OFFSET_END, true, set_end)
                     : code;
}

static rd_kafka_resp_err_t find_start(rd_kafka_t *rk, struct survey *survey,
                                      bool some_were_known)
{
    int64_t start = some_were_known ? RD_KAFKA_OFFSET_BEGINNING : survey->start;
    rd_kafka_resp_err_t code = look_up(rk, survey, start, false, set_start);
    /* Nothing is younger than that time: what comes from now on. A logical end
       would move with the topic until it was first read, and what came in
       between would be lost. */
    return code == 0
               ? look_up(rk, survey, RD_KAFKA_OFFSET_END, false, set_start)
               : code;
}

void survey_run(struct kafka_client *client, void *opaque)
{
    struct survey *survey = opaque;
    rd_kafka_t *rk = client->rk;
    bool some_were_known = survey->all && survey->count > 0;
    survey->code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (survey->all)
        survey->code = find_partitions(rk, survey);
    if (survey->code == 0 && survey->bounds) {
        survey->code = find_bounds(rk, survey);
        return;
    }
    if (survey->code == 0 && survey->committed)
        survey->code = find_committed(rk, survey);
    if (survey->code == 0)
        survey->code = find_start(rk, survey, some_were_known);
}
