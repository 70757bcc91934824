/* SPDX-License-Identifier: MIT */
/* What a source does as the member of a group: it commits, gives up and gets
   partitions, and stays a member while nobody takes its records. */
#include "base/log.h"
#include "kafka/library.h"
#include "kafka/source_own.h"

enum { SOURCE_UNPULLED_TICKS = 4 /* then it is held */ };

/* --- offsets and partitions --- */

bool source_commit(struct source *source)
{
    if (source->settings.group == NULL)
        return false;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)source->partition_count + 1);
    for (uint32_t i = 0; i < source->partition_count; i++) {
        struct source_partition *partition = &source->partitions[i];
        int64_t next = partition->place->next;
        if (!partition->reads || next <= partition->committed)
            continue;
        partition->committed = next;
        rd_kafka_topic_partition_list_add(list, source->settings.topic,
                                          partition->number)
            ->offset = next;
    }
    bool any = list->cnt > 0;
    if (any)
        rd_kafka_commit(source->client->rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
    return any;
}

void source_leave(struct source *source)
{
    if (source->leaving)
        return;
    source->leaving = true;
    source_drop(source);
    rd_kafka_error_destroy(rd_kafka_consumer_close_queue(
        source->client->rk, source->client->fetch_queue));
}

void source_take_commit(struct source *source, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR &&
        code != RD_KAFKA_RESP_ERR__NO_OFFSET) {
        log_warn("%s: offsets cannot be committed: %s", source->name,
                 rd_kafka_err2str(code));
        for (uint32_t i = 0; i < source->partition_count; i++)
            source->partitions[i].committed = -1;
    }
    if (source->closing)
        source_leave(source);
}

void source_take_rebalance(struct source *source, rd_kafka_event_t *event)
{
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        source_give(source, rd_kafka_event_topic_partition_list(event));
        return;
    }
    if (!rd_kafka_assignment_lost(source->client->rk))
        source_commit(source);
    source_take(source);
}

/* --- while nobody pulls --- */

/*
 * What the group says comes in the records' queue, behind them: who pulls none
 * would miss a rebalance, or an error, and in the end be put out. So the queue
 * is emptied, and what was in it is fetched again when it is wanted.
 */
void source_hold_if_unpulled(struct source *source)
{
    bool grouped = source->settings.group != NULL;
    if (!grouped || source->held || source->partition_count == 0 ||
        ++source->unpulled < SOURCE_UNPULLED_TICKS)
        return;
    log_debug("%s: nobody takes its records, none are fetched", source->name);
    source->held = true;
    source_assign(source);
    source_empty_queue(source);
}

void source_empty_queue(struct source *source)
{
    rd_kafka_event_t *event;
    while ((event = client_next(source->client)) != NULL)
        rd_kafka_event_destroy(event);
}
