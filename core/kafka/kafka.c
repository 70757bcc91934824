/* SPDX-License-Identifier: MIT */
#include "kafka/kafka.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "journal/reader.h"
#include "kafka/topic.h"

enum { KAFKA_MAGIC = 0x464b4153, KAFKA_BEAT_MS = 100 };

static struct sink *sink_of(const struct kafka *kafka, uint32_t channel)
{
    uint8_t topic = kafka->topic_of[channel];
    return topic > 0 ? kafka->topics[topic - 1]->sink : NULL;
}

static void on_more(uv_idle_t *idle)
{
    (void)idle; /* that it is active keeps the loop from sleeping */
}

/* Before the loop sleeps: what was published in this turn goes out in it. */
static void turn(struct kafka *kafka)
{
    bool more = false;
    for (uint32_t i = 0; i < kafka->topic_count; i++)
        if (kafka->topics[i]->sink != NULL)
            more = sink_turn(kafka->topics[i]->sink) || more;
    if (more)
        uv_idle_start(&kafka->more, on_more);
    else
        uv_idle_stop(&kafka->more);
}

static void on_turn(uv_prepare_t *prepare)
{
    turn(CHECK_CAST(struct kafka, prepare->data, KAFKA_MAGIC));
}

static void on_beat(uv_timer_t *timer)
{
    struct kafka *kafka = CHECK_CAST(struct kafka, timer->data, KAFKA_MAGIC);
    for (uint32_t i = 0; i < kafka->bus_count; i++)
        bus_beat(kafka->buses[i]);
    for (uint32_t i = 0; i < kafka->topic_count; i++)
        if (kafka->topics[i]->sink == NULL)
            topic_prepare(kafka->topics[i]);
}

struct kafka *kafka_new(uv_loop_t *loop, const struct journal *journal,
                        struct ledger *ledger, const char *embedded)
{
    struct kafka *kafka = xcalloc(1, sizeof *kafka);
    kafka->magic = KAFKA_MAGIC;
    kafka->loop = loop;
    kafka->journal = journal;
    kafka->ledger = ledger;
    kafka->embedded = embedded;
    kafka->topic_of = xcalloc(journal->header->channels_max, 1);
    uv_prepare_init(loop, &kafka->turn);
    uv_idle_init(loop, &kafka->more);
    uv_timer_init(loop, &kafka->beat);
    kafka->turn.data = kafka->more.data = kafka->beat.data = kafka;
    uv_timer_start(&kafka->beat, on_beat, KAFKA_BEAT_MS, KAFKA_BEAT_MS);
    return kafka;
}

void kafka_copy(struct kafka *kafka, uint32_t channel, uint32_t topic)
{
    CHECK(channel < kafka->journal->header->channels_max &&
          topic < kafka->topic_count && kafka->topics[topic]->sink != NULL);
    kafka->topic_of[channel] = (uint8_t)(topic + 1);
}

void kafka_forget(struct kafka *kafka, uint32_t channel)
{
    kafka->topic_of[channel] = 0;
}

void kafka_start(struct kafka *kafka)
{
    for (uint32_t i = 0; i < kafka->topic_count; i++)
        if (kafka->topics[i]->sink != NULL)
            sink_start(kafka->topics[i]->sink);
    kafka->started = true;
    uv_prepare_start(&kafka->turn, on_turn);
}

/* --- another brain takes over --- */

void kafka_pause(struct kafka *kafka)
{
    uv_prepare_stop(&kafka->turn);
    uv_idle_stop(&kafka->more);
    uv_timer_stop(&kafka->beat);
}

uint64_t kafka_outstanding(const struct kafka *kafka)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < kafka->topic_count; i++)
        if (kafka->topics[i]->sink != NULL)
            sum += kafka->topics[i]->sink->outstanding;
    for (uint32_t i = 0; i < kafka->bus_count; i++)
        sum += !list_is_empty(&kafka->buses[i]->sent);
    return sum;
}

void kafka_let_go(struct kafka *kafka)
{
    for (uint32_t i = 0; i < kafka->bus_count; i++)
        bus_close(kafka->buses[i], "another brain takes over");
}

void kafka_resume(struct kafka *kafka)
{
    for (uint32_t i = 0; i < kafka->topic_count && kafka->started; i++)
        if (kafka->topics[i]->sink != NULL)
            sink_resume(kafka->topics[i]->sink);
    uv_timer_start(&kafka->beat, on_beat, 0, KAFKA_BEAT_MS);
    if (kafka->started)
        uv_prepare_start(&kafka->turn, on_turn);
}

/* --- what is published --- */

/* As sink_bytes, of what is not a record yet. */
static uint64_t waiting_bytes(const struct kafka *kafka,
                              const struct journal_entry *entry)
{
    size_t key_bytes = entry->key_bytes;
    if (key_bytes == 0)
        key_bytes = kafka->journal->channels[entry->channel].name_bytes;
    return outbox_bytes(entry->frame_bytes, key_bytes);
}

static int consider(struct kafka *kafka, struct journal_entry *entries,
                    uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sink *sink = sink_of(kafka, entries[i].channel);
        if (sink == NULL ||
            sink_consider(sink, waiting_bytes(kafka, &entries[i])) == 0)
            continue;
        if (!sink->drops)
            return STENTOR_EFULL;
        entries[i].flags |= KAFKA_NOT_COPIED;
    }
    return 0;
}

static void count(struct kafka *kafka, const struct journal_entry *entries,
                  uint32_t entry_count)
{
    for (uint32_t i = 0; i < entry_count; i++) {
        struct sink *sink = sink_of(kafka, entries[i].channel);
        if (sink != NULL && (entries[i].flags & KAFKA_NOT_COPIED) == 0)
            sink_added(sink, 1);
    }
}

static void withdraw(const struct kafka *kafka)
{
    for (uint32_t i = 0; i < kafka->topic_count; i++)
        if (kafka->topics[i]->sink != NULL)
            sink_withdraw(kafka->topics[i]->sink);
}

/* The journal is about to give up all before `position`. */
static void save(const struct kafka *kafka, uint64_t position)
{
    for (uint32_t i = 0; i < kafka->topic_count; i++)
        if (kafka->topics[i]->sink != NULL)
            sink_save(kafka->topics[i]->sink, position);
}

int kafka_before_append(struct kafka *kafka, struct journal_entry *entries,
                        uint32_t entry_count)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < entry_count; i++)
        bytes += journal_entry_bytes(&entries[i]);
    if (bytes > kafka->journal->ring_bytes / 4)
        return STENTOR_ETOOBIG; /* as journal_append would say */
    int code = consider(kafka, entries, entry_count);
    if (code != 0) {
        withdraw(kafka);
        return code;
    }
    save(kafka, journal_passes(kafka->journal, bytes));
    count(kafka, entries, entry_count);
    return 0;
}

bool kafka_save(struct kafka *kafka, uint64_t position)
{
    if (kafka->topic_count > 0 && !kafka->started)
        return false;
    save(kafka, position);
    return true;
}

bool kafka_has_delivery(const struct kafka *kafka)
{
    return kafka != NULL && kafka->first_delivery != NULL;
}

struct kafka_delivery *kafka_take_delivery(struct kafka *kafka)
{
    struct kafka_delivery *delivery = kafka->first_delivery;
    if (delivery == NULL)
        return NULL;
    kafka->first_delivery = delivery->next;
    if (delivery->next == NULL)
        kafka->last_delivery = NULL;
    return delivery;
}

uint64_t kafka_waiting(const struct kafka *kafka)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < kafka->topic_count; i++)
        if (kafka->topics[i]->sink != NULL)
            sum += kafka->topics[i]->sink->waiting;
    return sum;
}
