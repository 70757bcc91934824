/* SPDX-License-Identifier: MIT */
/*
 * The least that reads or writes a topic with librdkafka, to hold our server
 * against:
 *
 *   kafka_bare produce BROKERS TOPIC COUNT BYTES KEYS   acks=all, idempotent
 *   kafka_bare consume BROKERS TOPIC COUNT              from the beginning
 *   kafka_bare ping BROKERS TOPIC COUNT RATE            writes so many a second
 *                                                       and reads each back
 *
 * A record is {"user":"key-7","text":"xxx…"} under the key "key-7".
 *
 * Prints "records N" and "us N", the time from the first record to the last;
 * ping prints "p50 N" and "p99 N", from one call to the other, in us.
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

static rd_kafka_t *ping_producer(char *brokers)
{
    /* As our server's. */
    char bootstrap[] = "bootstrap.servers",
         idempotence[] = "enable.idempotence", yes[] = "true",
         linger[] = "linger.ms", two[] = "2", nagle[] = "socket.nagle.disable";
    char *settings[][2] = { { bootstrap, brokers },
                            { idempotence, yes },
                            { linger, two },
                            { nagle, yes },
                            { NULL, NULL } };
    return client_new(RD_KAFKA_PRODUCER, settings);
}

static rd_kafka_t *ping_consumer(char *brokers, char *topic_name)
{
    char bootstrap[] = "bootstrap.servers", group[] = "group.id",
         bare[] = "bare", commit[] = "enable.auto.commit", no[] = "false",
         nagle[] = "socket.nagle.disable", yes[] = "true";
    char *settings[][2] = { { bootstrap, brokers },
                            { group, bare },
                            { commit, no },
                            { nagle, yes },
                            { NULL, NULL } };
    rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, settings);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic_name, 0)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return client;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* The first ones, which wait for connections, are left out. */
static void report_ping(uint64_t *ages_us, uint64_t count)
{
    uint64_t skipped = count / 10, rest = count - skipped;
    qsort(ages_us + skipped, rest, sizeof *ages_us, compare);
    printf("p50 %" PRIu64 "\np99 %" PRIu64 "\n", ages_us[skipped + rest / 2],
           ages_us[skipped + rest * 99 / 100]);
}

static void ping(char *brokers, char *topic_name, uint64_t count, uint64_t rate)
{
    rd_kafka_t *producer = ping_producer(brokers);
    rd_kafka_t *consumer = ping_consumer(brokers, topic_name);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, topic_name, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    uint64_t *ages_us = calloc(count, sizeof *ages_us);
    uint64_t began_us = now_us(), sent = 0, seen = 0;
    while (seen < count) {
        uint64_t due_us = began_us + sent * 1000000 / rate, at_us = now_us();
        if (sent < count && at_us >= due_us) {
            rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, &at_us,
                             sizeof at_us, NULL, 0, NULL);
            rd_kafka_poll(producer, 0);
            sent++;
            continue;
        }
        rd_kafka_message_t *message;
        int wait_ms = sent < count ? (int)((due_us - at_us) / 1000) : POLL_MS;
        if (rd_kafka_consume_batch_queue(queue, wait_ms, &message, 1) != 1)
            continue;
        if (message->err == 0) {
            uint64_t sent_us;
            memcpy(&sent_us, message->payload, sizeof sent_us);
            ages_us[seen++] = now_us() - sent_us;
        }
        rd_kafka_message_destroy(message);
        if (now_us() - began_us > PATIENCE_S * 1000000ULL)
            fail("ping", "not all came in time");
    }
    report_ping(ages_us, count);
    exit(0);
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "produce") == 0 &&
        strtoull(argv[5], NULL, 10) >= 64)
        produce(argv[2], argv[3], strtoull(argv[4], NULL, 10),
                strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
    else if (argc == 5 && strcmp(argv[1], "consume") == 0)
        consume(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    else if (argc == 6 && strcmp(argv[1], "ping") == 0)
        ping(argv[2], argv[3], strtoull(argv[4], NULL, 10),
             strtoull(argv[5], NULL, 10));
    else
        fail("usage", "produce BROKERS TOPIC COUNT BYTES KEYS | consume "
                      "BROKERS TOPIC COUNT | ping BROKERS TOPIC COUNT "
                      "RATE (BYTES from 64 on)");
    return 0;
}
