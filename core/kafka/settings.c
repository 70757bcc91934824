/* SPDX-License-Identifier: MIT */
#include "kafka/settings.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "kafka/library.h"

struct setting {
    const char *name;
    const char *value;
};

/* The periods of statistics and metadata and what client.c makes of them let
   us see within two seconds that a broker hangs; refreshing also shows added
   partitions. */
static const struct setting common[] = {
    { "client.id", "stentor" },
    { "statistics.interval.ms", "250" },
    { "topic.metadata.refresh.interval.ms", "500" },
    { "socket.keepalive.enable", "true" },
    { "socket.nagle.disable", "true" },
    /* A broker that hangs is left after so long; the default is a minute. */
    { "socket.timeout.ms", "10000" },
    { "reconnect.backoff.ms", "50" },
    { "reconnect.backoff.max.ms", "1000" },
    { "log.connection.close", "false" },
    { "log.queue", "true" }, /* else lines come from foreign threads */
};

static const struct setting producer[] = {
    { "enable.idempotence", "true" }, /* so acks=all, and order is kept */
    /* For ever: what is not sent is waited for, see sink.h. */
    { "message.timeout.ms", "0" },
    { "linger.ms", "2" },
    { "compression.type", "lz4" },
    { "partitioner", "murmur2_random" },       /* as Java's */
    { "queue.buffering.max.kbytes", "65536" }, /* the default is 1 GB */
};

static const struct setting consumer[] = {
    { "enable.auto.commit", "false" },
    { "enable.auto.offset.store", "false" },
    { "enable.partition.eof", "true" },
    { "auto.offset.reset", "error" }, /* never skip without a word */
    { "isolation.level", "read_uncommitted" },
    { "queued.max.messages.kbytes", "16384" },
    /* So long the partitions of a server that has gone lie idle. */
    { "session.timeout.ms", "10000" },
    /* Cooperative assignment has known faults before 2.10. */
    { "partition.assignment.strategy", "range" },
};

/* What a config may not set, and what it should say instead. */
static const struct setting refused[] = {
    { "bootstrap.servers", "say brokers = \"host:port\"" },
    { "metadata.broker.list", "say brokers = \"host:port\"" },
    { "group.id", "say group = \"name\" where the topic is named" },
    { "enable.idempotence", "it is always on: no event may be doubled" },
    { "acks", "it is always \"all\": no event may be lost" },
    { "request.required.acks", "it is always \"all\": no event may be lost" },
    { "message.timeout.ms", "what is not sent waits; see outbox" },
    { "delivery.timeout.ms", "what is not sent waits; see outbox" },
    { "retries", "it tries without end: no event may be lost" },
    { "message.send.max.retries", "it tries without end" },
    { "max.in.flight", "it is what no doubles and order allow" },
    { "max.in.flight.requests.per.connection",
      "it is what no doubles and order allow" },
    { "queuing.strategy", "it is what order allows" },
    { "transactional.id", "transactions are not used" },
    { "statistics.interval.ms", "whether a broker answers is read there" },
    { "enable.auto.commit", "offsets are committed after processing" },
    { "auto.commit.enable", "offsets are committed after processing" },
    { "enable.auto.offset.store", "offsets are stored after processing" },
    { "enable.partition.eof", "it is always on" },
    { "auto.offset.reset", "say start = … where the topic is named" },
    { "log.queue", "it is always on" },
    { "test.mock.num.brokers", "say brokers = \"embedded\"" },
    { "plugin.library.paths", "plugins of librdkafka are not loaded" },
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), end = strlen(ending);
    return size >= end && strcmp(text + size - end, ending) == 0;
}

static bool is_secret(const char *name)
{
    static const char *const parts[] = { "password", "secret", ".pem",
                                         "oauthbearer.config" };
    for (size_t i = 0; i < COUNT(parts); i++)
        if (strstr(name, parts[i]) != NULL)
            return true;
    return false;
}

/* librdkafka's callbacks and opaque pointers are no texts. */
static const char *refusal_of(const char *name)
{
    for (size_t i = 0; i < COUNT(refused); i++)
        if (strcmp(refused[i].name, name) == 0)
            return refused[i].value;
    if (ends_with(name, "_cb") || strcmp(name, "opaque") == 0)
        return "it is not a setting for a config";
    return NULL;
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value,
               char *error)
{
    char text[STENTOR_ERROR_BYTES];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) ==
        RD_KAFKA_CONF_OK)
        return 0;
    snprintf(error, STENTOR_ERROR_BYTES, "%s",
             is_secret(name) ? "not a valid value" : text);
    return STENTOR_EINVALID;
}

int settings_check(const char *name, const char *value, char *error)
{
    const char *why = refusal_of(name);
    if (why != NULL) {
        snprintf(error, STENTOR_ERROR_BYTES, "cannot be set: %s", why);
        return STENTOR_EINVALID;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int code = set(conf, name, value, error);
    rd_kafka_conf_destroy(conf);
    return code;
}

static int set_list(rd_kafka_conf_t *conf, const struct setting *list,
                    size_t count, char *error)
{
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++)
        code = set(conf, list[i].name, list[i].value, error);
    return code;
}

static int set_pairs(rd_kafka_conf_t *conf, struct kafka_pairs pairs,
                     char *error)
{
    const char *at = pairs.bytes, *end = at + pairs.size;
    int code = 0;
    while (at < end && code == 0) {
        const char *value = at + strlen(at) + 1;
        code = set(conf, at, value, error);
        at = value + strlen(value) + 1;
    }
    return code;
}

rd_kafka_conf_t *settings_new(enum kafka_role role, const char *brokers,
                              struct kafka_pairs given, struct kafka_pairs own,
                              char *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int code = set_list(conf, common, COUNT(common), error);
    if (code == 0 && role == KAFKA_PRODUCER)
        code = set_list(conf, producer, COUNT(producer), error);
    if (code == 0 && role == KAFKA_CONSUMER)
        code = set_list(conf, consumer, COUNT(consumer), error);
    if (code == 0)
        code = set(conf, "bootstrap.servers", brokers, error);
    if (code == 0)
        code = set_pairs(conf, given, error);
    if (code == 0)
        code = set_pairs(conf, own, error);
    if (code == 0)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}
