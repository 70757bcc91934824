/* SPDX-License-Identifier: MIT */
/*
 * What a source has to ask brokers before it can read: which partitions there
 * are, and at which offsets to begin. All of it blocks, so it runs in the
 * thread pool (client_run).
 */
#ifndef STENTOR_KAFKA_SURVEY_H
#define STENTOR_KAFKA_SURVEY_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "kafka/client.h"

/* Where a partition stands. */
struct survey_row {
    int32_t partition;
    bool known;     /* in: `offset` is where to go on, do not ask */
    int64_t offset; /* out: where to go on */
    int64_t oldest; /* out, with `bounds`: what there is */
    int64_t end;    /* out, with `bounds`: the offset of the next to come */
};

struct survey {
    char *topic;         /* freed by survey_done */
    uint64_t generation; /* the caller's */
    /* Offsets of partitions that are not known: RD_KAFKA_OFFSET_BEGINNING,
       RD_KAFKA_OFFSET_END, or a time in ms. */
    int64_t start;
    bool all;       /* all partitions there are, rows are added; new ones, when
                       some were known, are read from their beginning */
    bool committed; /* what the group has committed goes before `start` */
    bool bounds;    /* fill in `oldest` and `end`, and nothing else */
    struct survey_row *rows;
    uint32_t count;

    /* Out. */
    rd_kafka_resp_err_t
        code; /* UNKNOWN_TOPIC_OR_PART: there is no such topic */
};

/* Adds a row; `offset` is where to go on, or -1 if that is to be found out. */
void survey_add(struct survey *survey, int32_t partition, int64_t offset);

/* Asks, for at most some seconds; as `work` of client_run. */
void survey_run(struct kafka_client *client, void *survey);

/* Frees what is in it. */
void survey_done(struct survey *survey);

#endif
