/* SPDX-License-Identifier: MIT */
/*
 * A mock cluster of librdkafka's in a process of its own, for the specs. Prints
 * its address, then obeys lines on standard input, answering each with "ok":
 *
 *   topic NAME PARTITIONS    makes a topic
 *   down                     the broker refuses connections
 *   up
 *   fail COUNT CODE          so many produce requests get that error
 *   topic_error NAME CODE    0: no more
 *   slow MS                  each answer takes so long
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail_produce(rd_kafka_mock_cluster_t *cluster, int count, int code)
{
    for (int i = 0; i < count; i++)
        rd_kafka_mock_push_request_errors(cluster, 0, 1,
                                          (rd_kafka_resp_err_t)code);
}

static int obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
    char name[256];
    int first, second;
    if (sscanf(line, "topic %255s %d", name, &first) == 2)
        return (int)rd_kafka_mock_topic_create(cluster, name, first, 1);
    if (strcmp(line, "down\n") == 0)
        return (int)rd_kafka_mock_broker_set_down(cluster, 1);
    if (strcmp(line, "up\n") == 0)
        return (int)rd_kafka_mock_broker_set_up(cluster, 1);
    if (sscanf(line, "slow %d", &first) == 1)
        return (int)rd_kafka_mock_broker_set_rtt(cluster, 1, first);
    if (sscanf(line, "topic_error %255s %d", name, &first) == 2) {
        rd_kafka_mock_topic_set_error(cluster, name,
                                      (rd_kafka_resp_err_t)first);
        return 0;
    }
    if (sscanf(line, "fail %d %d", &first, &second) == 2) {
        fail_produce(cluster, first, second);
        return 0;
    }
    return -1;
}

int main(void)
{
    char why[512], line[512];
    rd_kafka_t *rk =
        rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    if (rk == NULL)
        return 1;
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    while (fgets(line, sizeof line, stdin) != NULL)
        printf("%s\n", obey(cluster, line) == 0 ? "ok" : "no");
    _Exit(0);
}
