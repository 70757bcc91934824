/* SPDX-License-Identifier: MIT */
/* The part of the boundary between C and Lua that concerns Kafka as it is
   written to; the rules are those of brain/ffi.h. */
#ifndef STENTOR_BRAIN_FFI_KAFKA_H
#define STENTOR_BRAIN_FFI_KAFKA_H
#include "brain/ffi.h"

/* A cluster. */
struct stentor_bus {
    struct stentor_text name; /* at most 32 bytes: what is remembered of it, for
                                 the brains to come, is kept under this name */
    struct stentor_text brokers;   /* "host:port,…", or "embedded" */
    struct stentor_pairs settings; /* librdkafka's */
    uint64_t outbox_bytes; /* so much may wait for Kafka, for each topic */
};

struct stentor_topic {
    struct stentor_text name;
    uint32_t bus;
    uint32_t partitions;   /* if it has to be made; 0: as the brokers like */
    uint32_t drops;        /* when too much waits: 1: counts and drops what is
                              published, 0: stentor_publish says EFULL */
    uint32_t has_channels; /* 1: channels are copied to it */
};

struct stentor_message {
    struct stentor_text value;
    struct stentor_text key; /* size 0: none, any partition */
    struct stentor_pairs headers;
    uint64_t ticket; /* for DELIVERED */
};

struct stentor_producer_status {
    uint64_t connected; /* 1: to a broker that answers */
    uint64_t queue_messages;
    uint64_t queue_bytes;
    uint64_t acked;
    uint64_t failed;   /* will never be there; logged */
    uint64_t restarts; /* after a fatal error */
};

enum stentor_sink_state {
    STENTOR_SINK_STARTING, /* waits for a broker that answers */
    STENTOR_SINK_READING,  /* reads what is in Kafka already */
    STENTOR_SINK_SENDING,
    STENTOR_SINK_WAITING, /* after an error, to begin again */
    STENTOR_SINK_FULL     /* the outbox is: see `drops` */
};

/* What is counted is so since the server started, over all brains. */
struct stentor_topic_status {
    uint32_t has_channels; /* 0: only acked and failed are there */
    int32_t state;         /* enum stentor_sink_state */
    uint64_t waiting;      /* events that Kafka has not acknowledged */
    uint64_t waiting_bytes;
    uint64_t outbox_bytes; /* of these: no longer in the journal */
    uint64_t oldest_ms;    /* how old the oldest of them is */
    uint64_t acked;
    uint64_t failed;
    uint64_t requeued; /* sent again, after an error or a death */
    uint64_t skipped;  /* not sent again, as Kafka had them */
    uint64_t dropped;
    uint64_t refused;
    uint64_t restarts;
    uint64_t possibly_doubled;
};

/* 0; or STENTOR_EINVALID and librdkafka's sentence in `error`, 256 bytes. For
   the time of loading: has no effects. */
int stentor_kafka_check(const char *name, const char *value, char *error);

/* The number of a new bus, topic; STENTOR_EFULL: too many. Only the brain in
   charge, as it begins. */
int stentor_bus(struct stentor_brain *brain, const struct stentor_bus *bus);
int stentor_topic(struct stentor_brain *brain,
                  const struct stentor_topic *topic);

/* The channel's events go to the topic, from the first that Kafka has not
   acknowledged on. */
int stentor_topic_channel(struct stentor_brain *brain, uint32_t topic,
                          uint32_t channel);

/* All that was there before this brain is known: begin. */
void stentor_kafka_start(struct stentor_brain *brain);

/* STENTOR_EFULL: too much waits in librdkafka already; STENTOR_ETOOBIG. */
int stentor_topic_publish(struct stentor_brain *brain, uint32_t topic,
                          const struct stentor_message *message);

/* What the bus connects to; of the embedded one its address, "" if that is not
   known now. */
const char *stentor_bus_brokers(struct stentor_brain *brain, uint32_t bus);

int stentor_producer_status(struct stentor_brain *brain, uint32_t bus,
                            struct stentor_producer_status *status);
int stentor_topic_status(struct stentor_brain *brain, uint32_t topic,
                         struct stentor_topic_status *status);

#endif
