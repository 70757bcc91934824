/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of the Kafka sink: librdkafka and nothing else, with the sink's
 * settings. Sends COUNT records of BYTES bytes, of which lz4 cannot make much,
 * under 8 keys and prints how many a second were acknowledged.
 *
 *   kafka_producer BROKERS TOPIC COUNT BYTES
 */
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEYS = 8, VALUES = 4096, VALUE_BYTES_MAX = 65536 };

static long acked, failed;

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message,
                      void *opaque)
{
    (void)rk;
    (void)opaque;
    if (message->err != 0)
        failed++;
    else
        acked++;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static rd_kafka_t *connect_to(const char *brokers)
{
    static const char *const settings[][2] = {
        { "enable.idempotence", "true" },
        { "linger.ms", "2" },
        { "compression.type", "lz4" },
        { "partitioner", "murmur2_random" },
        { "socket.nagle.disable", "true" },
        { "message.timeout.ms", "0" },
        { "queue.buffering.max.kbytes", "65536" },
    };
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why,
                          sizeof why);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (rk == NULL) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
    return rk;
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *value,
                    size_t bytes, long number)
{
    char key[16], id[40];
    int size = snprintf(key, sizeof key, "bench/%ld", number % KEYS);
    int id_size =
        snprintf(id, sizeof id, "5e0c7a1f-93d2-8000-8000-%012lx", number);
    while (rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_VALUE((void *)(uintptr_t)value, bytes),
                             RD_KAFKA_V_KEY(key, (size_t)size),
                             RD_KAFKA_V_HEADER("id", id, (ssize_t)id_size),
                             RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(rk, 1);
}

static void run(rd_kafka_t *rk, rd_kafka_topic_t *topic, char *values,
                size_t bytes, long count)
{
    for (long i = 0; i < count; i++) {
        produce(rk, topic, values + (size_t)(i % VALUES) * bytes, bytes, i);
        if (i % 256 == 0)
            rd_kafka_poll(rk, 0);
    }
    while (acked + failed < count)
        rd_kafka_poll(rk, 10);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    long count = atol(argv[3]);
    size_t bytes = (size_t)atol(argv[4]);
    if (count < 1 || bytes < 1 || bytes > VALUE_BYTES_MAX)
        return 2;
    char *values = malloc(VALUES * bytes);
    for (size_t i = 0; i < VALUES * bytes; i++)
        values[i] = "0123456789abcdef"[rand() % 16];
    rd_kafka_t *rk = connect_to(argv[1]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
    run(rk, topic, values, bytes, 1000); /* connections, a producer's id */
    acked = failed = 0;
    double began = now_s();
    run(rk, topic, values, bytes, count);
    printf("%.0f\n", (double)acked / (now_s() - began));
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return failed > 0;
}
