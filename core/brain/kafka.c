/* SPDX-License-Identifier: MIT */
/* Kafka as Lua sees it: core/kafka does the work. */
#include "base/error.h"
#include "brain/ffi_kafka.h"
#include "brain/process.h"
#include "kafka/topic.h"

_Static_assert((int)STENTOR_BUSES_MAX == KAFKA_BUSES_MAX, "one limit");
_Static_assert((int)STENTOR_TOPICS_MAX == KAFKA_TOPICS_MAX, "one limit");
_Static_assert((int)STENTOR_SINK_WAITING == SINK_WAITING, "one list");

static struct text text_from(struct stentor_text text)
{
    return text_of(text.bytes, text.size);
}

static struct kafka_pairs pairs_from(struct stentor_pairs pairs)
{
    return (struct kafka_pairs){ pairs.bytes, pairs.size };
}

static struct kafka_topic *topic_of(struct stentor_brain *brain, uint32_t topic)
{
    struct kafka *kafka = brain->kafka;
    return kafka != NULL && topic < kafka->topic_count ? kafka->topics[topic]
                                                       : NULL;
}

int stentor_kafka_check(const char *name, const char *value, char *error)
{
    return settings_check(name, value, error);
}

int stentor_bus(struct stentor_brain *brain, const struct stentor_bus *bus)
{
    if (!brain->in_charge)
        return STENTOR_EREADONLY;
    if (brain->kafka == NULL)
        brain->kafka = kafka_new(&brain->loop, &brain->journal, &brain->ledger,
                                 brain->broker);
    return bus_add(brain->kafka, text_from(bus->name), text_from(bus->brokers),
                   pairs_from(bus->settings), bus->outbox_bytes);
}

int stentor_topic(struct stentor_brain *brain,
                  const struct stentor_topic *topic)
{
    if (brain->kafka == NULL || topic->bus >= brain->kafka->bus_count)
        return STENTOR_ENOTFOUND;
    return topic_add(brain->kafka->buses[topic->bus], text_from(topic->name),
                     topic->partitions, topic->drops != 0,
                     topic->has_channels != 0);
}

int stentor_topic_channel(struct stentor_brain *brain, uint32_t topic,
                          uint32_t channel)
{
    struct kafka_topic *to = topic_of(brain, topic);
    if (to == NULL || to->sink == NULL ||
        channel >= brain->journal.header->channel_count)
        return STENTOR_ENOTFOUND;
    kafka_copy(brain->kafka, channel, topic);
    return 0;
}

void stentor_kafka_start(struct stentor_brain *brain)
{
    if (brain->kafka != NULL && !brain->kafka->started)
        kafka_start(brain->kafka);
}

int stentor_topic_publish(struct stentor_brain *brain, uint32_t topic,
                          const struct stentor_message *message)
{
    struct kafka_topic *to = topic_of(brain, topic);
    if (to == NULL)
        return STENTOR_ENOTFOUND;
    return topic_publish(to, text_from(message->value), text_from(message->key),
                         pairs_from(message->headers), message->ticket);
}

const char *stentor_bus_brokers(struct stentor_brain *brain, uint32_t bus)
{
    const struct kafka *kafka = brain->kafka;
    return kafka != NULL && bus < kafka->bus_count
               ? bus_brokers(kafka->buses[bus])
               : "";
}

int stentor_producer_status(struct stentor_brain *brain, uint32_t bus,
                            struct stentor_producer_status *status)
{
    const struct kafka *kafka = brain->kafka;
    if (kafka == NULL || bus >= kafka->bus_count)
        return STENTOR_ENOTFOUND;
    const struct kafka_bus *of = kafka->buses[bus];
    *status =
        (struct stentor_producer_status){ .restarts = of->restarts,
                                          .connected = bus_is_connected(of) };
    if (of->producer != NULL) {
        status->queue_messages = of->producer->statistics.queue_messages;
        status->queue_bytes = of->producer->statistics.queue_bytes;
    }
    for (uint32_t i = 0; i < kafka->topic_count; i++) {
        const struct kafka_topic *topic = kafka->topics[i];
        if (topic->bus != of)
            continue;
        status->acked += topic->acked;
        status->failed += topic->failed;
        if (topic->sink != NULL) {
            status->acked += topic->sink->row->acked;
            status->failed += topic->sink->row->failed;
        }
    }
    return 0;
}

static void tell_sink(const struct sink *sink,
                      struct stentor_topic_status *status)
{
    const struct ledger_row *row = sink->row;
    status->has_channels = 1;
    status->state =
        sink->full ? (int32_t)STENTOR_SINK_FULL : (int32_t)sink->state;
    status->waiting = sink->waiting;
    status->waiting_bytes = sink->waiting_bytes;
    status->outbox_bytes = outbox_used(&sink->outbox);
    status->oldest_ms = sink_oldest_ms(sink, (uint64_t)stentor_now_ms());
    status->acked += row->acked;
    status->failed += row->failed;
    status->requeued = row->requeued;
    status->skipped = row->skipped;
    status->dropped = row->dropped;
    status->refused = row->refused;
    status->restarts = row->restarts;
    status->possibly_doubled = row->possibly_doubled;
}

int stentor_topic_status(struct stentor_brain *brain, uint32_t topic,
                         struct stentor_topic_status *status)
{
    const struct kafka_topic *of = topic_of(brain, topic);
    if (of == NULL)
        return STENTOR_ENOTFOUND;
    *status = (struct stentor_topic_status){ .acked = of->acked,
                                             .failed = of->failed };
    if (of->sink != NULL)
        tell_sink(of->sink, status);
    return 0;
}
