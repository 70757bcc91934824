/* SPDX-License-Identifier: MIT */
/*
 * All the work is done by the threads of the mock cluster; this one waits for
 * the supervisor to say stop.
 */
#include "kafka/embedded.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "kafka/library.h"
#include "supervisor/control.h"

/* A cluster belongs to a client, which is used for nothing else. */
static rd_kafka_t *open_client(void)
{
    char why[STENTOR_ERROR_BYTES];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "client.id", "stentor-embedded", NULL, 0);
    rd_kafka_conf_set_log_cb(conf, NULL); /* what it says of its own sockets */
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (client == NULL)
        log_error("%s", why);
    return client;
}

static void say_what_it_is(const char *address)
{
    log_warn("this Kafka is embedded, for development only: it keeps at most "
             "5 MB of each partition, in memory, and nothing once it ends. "
             "Look at it with: kcat -b %s -L",
             address);
}

static void wait_for_the_end(void)
{
    struct control_message message;
    while (control_receive(CONTROL_FD, &message) == 1 &&
           message.type != CONTROL_STOP)
        log_error("unknown control message %u", message.type);
}

int embedded_main(pid_t parent)
{
    control_start_child(parent, "kafka (embedded)");
    rd_kafka_t *client = open_client();
    if (client == NULL)
        return 1;
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, 1);
    if (cluster == NULL) {
        log_error("the embedded Kafka cannot be started: no free port?");
        rd_kafka_destroy(client);
        return 1;
    }
    const char *address = rd_kafka_mock_cluster_bootstraps(cluster);
    CHECK(strlen(address) < CONTROL_ADDRESS_BYTES);
    say_what_it_is(address);
    if (control_send(CONTROL_FD, CONTROL_READY, address, strlen(address) + 1,
                     NULL, 0) == 0)
        wait_for_the_end();
    /* Nothing is taken apart: that takes its time, and the process ends. */
    return 0;
}
