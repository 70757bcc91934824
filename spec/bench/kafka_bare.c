/* SPDX-License-Identifier: MIT */
/*
 * The least that reads or writes a topic with librdkafka, to hold our server
 * against:
 *
 *   kafka_bare produce BROKERS TOPIC COUNT BYTES KEYS   acks=all, idempotent
 *   kafka_bare consume BROKERS TOPIC COUNT              from the beginning
 *
 * A record is {"user":"key-7","text":"xxx…"} under the key "key-7".
 *
 * Prints "records N" and "us N", the time from the first record to the last.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 10000, POLL_MS = 100, PATIENCE_S = 60 };

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "kafka_bare: %s: %s\n", what, why);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void report(uint64_t records, uint64_t began_us)
{
    printf("records %" PRIu64 "\nus %" PRIu64 "\n", records,
           now_us() - began_us);
}

static rd_kafka_t *client_new(rd_kafka_type_t type, char *const settings[][2])
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (int i = 0; settings[i][0] != NULL; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error,
                              sizeof error) != RD_KAFKA_CONF_OK)
            fail(settings[i][0], error);
    rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
    if (client == NULL)
        fail("rd_kafka_new", error);
    return client;
}

static void produce(char *brokers, char *topic_name, uint64_t count,
                    size_t bytes, uint64_t keys)
{
    char bootstrap[] = "bootstrap.servers",
         idempotence[] = "enable.idempotence", yes[] = "true",
         linger[] = "linger.ms", five[] = "5";
    char *settings[][2] = { { bootstrap, brokers },
                            { idempotence, yes },
                            { linger, five },
                            { NULL, NULL } };
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, settings);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, topic_name, NULL);
    char *value = malloc(bytes + 1), *text = malloc(bytes + 1);
    memset(text, 'x', bytes);
    text[bytes] = '\0';
    uint64_t began_us = now_us();
    for (uint64_t i = 0; i < count; i++) {
        char key[24];
        int size = snprintf(key, sizeof key, "key-%" PRIu64, i % keys);
        int head =
            snprintf(value, bytes + 1, "{\"user\":\"%s\",\"text\":\"", key);
        snprintf(value + head, bytes + 1 - (size_t)head, "%.*s\"}",
                 (int)bytes - head - 2, text);
        while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, value, bytes,
                                key, (size_t)size, NULL) != 0)
            rd_kafka_poll(client, POLL_MS); /* the queue is full */
        if (i % 1000 == 0)
            rd_kafka_poll(client, 0);
    }
    if (rd_kafka_flush(client, PATIENCE_S * 1000) != 0)
        fail("flush", "not all was delivered in time");
    report(count, began_us);
    free(value);
    free(text);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

static void consume(char *brokers, char *topic_name, uint64_t count)
{
    static rd_kafka_message_t *messages[BATCH];
    char bootstrap[] = "bootstrap.servers", group[] = "group.id",
         bare[] = "bare", commit[] = "enable.auto.commit", no[] = "false";
    char *settings[][2] = {
        { bootstrap, brokers }, { group, bare }, { commit, no }, { NULL, NULL }
    };
    rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, settings);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic_name, 0)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client, list);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    uint64_t seen = 0, bytes = 0, began_us = 0, start_us = now_us();
    while (seen < count) {
        ssize_t got =
            rd_kafka_consume_batch_queue(queue, POLL_MS, messages, BATCH);
        if (got > 0 && seen == 0)
            began_us = now_us();
        for (ssize_t i = 0; i < got; i++) {
            if (messages[i]->err == 0) {
                seen++;
                bytes += messages[i]->len + messages[i]->key_len;
            }
            rd_kafka_message_destroy(messages[i]);
        }
        if (now_us() - start_us > PATIENCE_S * 1000000ULL)
            fail("consume", "not all came in time");
    }
    report(seen, began_us);
    fprintf(stderr, "%" PRIu64 " bytes\n", bytes);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "produce") == 0 &&
        strtoull(argv[5], NULL, 10) >= 64)
        produce(argv[2], argv[3], strtoull(argv[4], NULL, 10),
                strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
    else if (argc == 5 && strcmp(argv[1], "consume") == 0)
        consume(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    else
        fail("usage", "produce BROKERS TOPIC COUNT BYTES KEYS | consume "
                      "BROKERS TOPIC COUNT (BYTES from 64 on)");
    return 0;
}
