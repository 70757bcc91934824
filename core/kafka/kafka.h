/* SPDX-License-Identifier: MIT */
/*
 * All of Kafka that is written to, in one brain: clusters (bus.h), their topics
 * (topic.h), and the sinks that copy channels to topics (sink.h).
 */
#ifndef STENTOR_KAFKA_KAFKA_H
#define STENTOR_KAFKA_KAFKA_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "journal/journal.h"
#include "kafka/ledger.h"

enum { KAFKA_BUSES_MAX = 4, KAFKA_TOPICS_MAX = LEDGER_ROWS };

/* Flags of journal records. */
enum { KAFKA_NOT_COPIED = 1 /* the outbox was full, and the topic drops */ };

/* What became of one record of topic_publish. */
struct kafka_delivery {
    struct kafka_delivery *next;
    uint64_t ticket;
    int64_t offset;
    int32_t partition;
    const char *why; /* it failed; lasts for ever. NULL: it is there */
};

struct kafka {
    uint32_t magic;
    uv_loop_t *loop;
    const struct journal *journal; /* whose only writer this process is */
    struct ledger *ledger;
    const char
        *embedded; /* address of the embedded broker, or ""; may change */
    struct kafka_bus *buses[KAFKA_BUSES_MAX];
    uint32_t bus_count;
    struct kafka_topic *topics[KAFKA_TOPICS_MAX];
    uint32_t topic_count;
    uint8_t *topic_of; /* by channel: a topic's number + 1, or 0 */
    bool started;
    bool stopping; /* nothing is published any more */
    uv_prepare_t turn;
    uv_idle_t more;  /* active while a sink has something to do at once */
    uv_timer_t beat; /* for what has to wait a while */
    struct kafka_delivery *first_delivery; /* the oldest that was not taken */
    struct kafka_delivery *last_delivery;
};

/* The journal, the ledger and the text are the caller's and stay. */
struct kafka *kafka_new(uv_loop_t *loop, const struct journal *journal,
                        struct ledger *ledger, const char *embedded);

/* The channel's records are copied to a topic from now on. */
void kafka_copy(struct kafka *kafka, uint32_t channel, uint32_t topic);

/* The row belongs to a channel that is opened now, perhaps to another than
   before: it is not copied, unless that is said again. */
void kafka_forget(struct kafka *kafka, uint32_t channel);

/* All channels are known: the sinks begin. */
void kafka_start(struct kafka *kafka);

/*
 * Before an append: STENTOR_EFULL if it may not be, as too much of its channel
 * waits for Kafka. Else what the ring is about to overwrite and Kafka has not
 * acknowledged is put into the outboxes. May set KAFKA_NOT_COPIED.
 */
int kafka_before_append(struct kafka *kafka, struct journal_entry *entries,
                        uint32_t count);

/* Before the journal gives up all before `position`: what Kafka has not
   acknowledged of it is put into the outboxes. False: it must not give it up,
   as not all channels are known yet. */
bool kafka_save(struct kafka *kafka, uint64_t position);

/*
 * Another brain is to take over. First nothing more is given to the producers;
 * once nothing is outstanding, or for want of time, they are closed. If this
 * brain goes on after all, it does so from the cursors in the ledger.
 */
void kafka_pause(struct kafka *kafka);
uint64_t kafka_outstanding(const struct kafka *kafka);
void kafka_let_go(struct kafka *kafka);
void kafka_resume(struct kafka *kafka);

/* Whether kafka_take_delivery has something; `kafka` may be NULL. */
bool kafka_has_delivery(const struct kafka *kafka);

/* What was delivered and not taken yet, or NULL; free it with free(). */
struct kafka_delivery *kafka_take_delivery(struct kafka *kafka);

/* Records that Kafka has not acknowledged, of all sinks. */
uint64_t kafka_waiting(const struct kafka *kafka);

#endif
