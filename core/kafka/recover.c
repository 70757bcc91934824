/* SPDX-License-Identifier: MIT */
#include "kafka/recover.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/library.h"
#include "kafka/topic.h"

enum { RECOVER_METADATA_MS = 2000 /* for an answer, in the thread pool */ };

void recover_forget(struct sink *sink)
{
    free(sink->known);
    free(sink->ends);
    sink->known = NULL;
    sink->ends = NULL;
    sink->known_count = sink->known_at = 0;
    if (sink->tail != NULL)
        tail_close(sink->tail);
    sink->tail = NULL;
}

/* Where the topic is another one than it was, or has lost what we wrote, its
   offsets mean nothing. */
static void take_ends(struct sink *sink, const struct tail *tail, bool dirty)
{
    struct ledger_row *row = sink->row;
    sink->partition_count = tail->partition_count;
    sink->ends = xcalloc(tail->partition_count, sizeof *sink->ends);
    for (uint32_t i = 0; i < tail->partition_count; i++) {
        const struct tail_partition *partition = &tail->partitions[i];
        sink->ends[i] = dirty ? partition->end : -1;
        if (row->offsets[i] > partition->end)
            log_warn("kafka: topic %s: partition %u was made anew",
                     sink->topic->name, i);
        if (!dirty || row->offsets[i] > partition->end)
            row->offsets[i] = partition->end;
    }
}

static bool is_dirty(const struct sink *sink)
{
    return sink->row->handed_seq >= sink->next_seq;
}

static void on_tail_done(struct tail *tail)
{
    struct sink *sink = CHECK_CAST(struct sink, tail->owner, SINK_MAGIC);
    if (tail->broken) {
        sink_restart(sink, false);
        return;
    }
    take_ends(sink, tail, is_dirty(sink));
    sink->known = tail->seqs;
    sink->known_count = tail->seq_count;
    tail->seqs = NULL;
    if (tail->read > 0)
        log_info("kafka: topic %s: %" PRIu64 " records read, %zu of them ours",
                 sink->topic->name, tail->read, sink->known_count);
    sink->tail = NULL;
    tail_close(tail);
    sink->state = SINK_SENDING;
}

static void read_tail(struct sink *sink, uint32_t partition_count)
{
    struct kafka_bus *bus = sink->topic->bus;
    char error[STENTOR_ERROR_BYTES];
    int64_t from[LEDGER_PARTITIONS_MAX];
    bool dirty = is_dirty(sink);
    for (uint32_t i = 0; i < partition_count; i++) {
        from[i] = dirty ? sink->row->offsets[i] : RD_KAFKA_OFFSET_END;
        /* Nothing was acknowledged there yet: a new partition, most likely. */
        if (from[i] < 0 && dirty)
            from[i] = RD_KAFKA_OFFSET_BEGINNING;
    }
    sink->tail = tail_open(bus->kafka->loop, bus_brokers(bus),
                           bus_settings(bus), sink->topic->name,
                           sink->journal->header->epoch, sink->next_seq, from,
                           partition_count, on_tail_done, sink, error);
    if (sink->tail == NULL) {
        log_error("kafka: topic %s: %s", sink->topic->name, error);
        sink_restart(sink, false);
        return;
    }
    sink->state = SINK_READING;
}

/* --- how many partitions it has --- */

struct question {
    struct sink *sink;
    uint32_t life;
    rd_kafka_topic_t *handle; /* its own reference */
    rd_kafka_resp_err_t code;
    int partitions;
};

/* In the thread pool. */
static void ask(struct kafka_client *client, void *opaque)
{
    struct question *question = opaque;
    const struct rd_kafka_metadata *metadata;
    question->code = rd_kafka_metadata(client->rk, 0, question->handle,
                                       &metadata, RECOVER_METADATA_MS);
    if (question->code != 0)
        return;
    if (metadata->topic_cnt == 1) {
        question->code = metadata->topics[0].err;
        question->partitions = metadata->topics[0].partition_cnt;
    }
    rd_kafka_metadata_destroy(metadata);
}

static void take_answer(struct sink *sink, const struct question *question)
{
    sink->asking = false;
    if (question->code != 0 || question->partitions < 1) {
        log_warn("kafka: topic %s: %s", sink->topic->name,
                 question->code != 0 ? rd_kafka_err2str(question->code)
                                     : "no broker has partitions of it yet");
        sink_restart(sink, false);
    } else if (question->partitions > LEDGER_PARTITIONS_MAX) {
        log_error("kafka: topic %s has %d partitions, at most %d can be "
                  "written to",
                  sink->topic->name, question->partitions,
                  LEDGER_PARTITIONS_MAX);
        sink_restart(sink, false);
    } else {
        read_tail(sink, (uint32_t)question->partitions);
    }
}

static void on_answer(struct kafka_client *client, void *opaque)
{
    struct question *question = opaque;
    struct sink *sink = question->sink;
    rd_kafka_topic_destroy(question->handle);
    if (!client->closing && sink->life == question->life)
        take_answer(sink, question);
    free(question);
}

void recover_start(struct sink *sink)
{
    struct kafka_topic *topic = sink->topic;
    if (sink->asking || !bus_is_connected(topic->bus) || !topic_prepare(topic))
        return;
    struct kafka_client *producer = topic->bus->producer;
    struct question *question = xcalloc(1, sizeof *question);
    question->sink = sink;
    question->life = sink->life;
    /* The same handle, counted once more: it outlasts a restart. */
    question->handle = rd_kafka_topic_new(producer->rk, topic->name, NULL);
    sink->asking = true;
    client_run(producer, ask, on_answer, question);
}
