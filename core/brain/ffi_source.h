/* SPDX-License-Identifier: MIT */
/* The part of the boundary between C and Lua that concerns Kafka as it is read;
   the rules are those of brain/ffi.h. */
#ifndef STENTOR_BRAIN_FFI_SOURCE_H
#define STENTOR_BRAIN_FFI_SOURCE_H
#include "brain/ffi.h"

enum {
    STENTOR_SOURCES_MAX = 64,
    STENTOR_FEEDS_MAX = 16 /* channels that one source feeds */
};

enum stentor_source_start {
    STENTOR_START_NEWEST,
    STENTOR_START_OLDEST,
    STENTOR_START_TIME
};

/* Where one partition is to be read from. */
struct stentor_position {
    double offset;
    int32_t partition;
    uint32_t reserved; /* 0 */
};

struct stentor_source {
    struct stentor_text topic;
    struct stentor_text group;  /* size 0: none */
    struct stentor_text reader; /* where it goes on is kept under this name and
                                   the topic's */
    uint32_t bus;
    int32_t start;   /* enum stentor_source_start: where nothing is known */
    double start_ms; /* Unix time */
    /* With has_positions they are what is known, whatever is kept. */
    const struct stentor_position *positions;
    uint32_t position_count;
    uint32_t has_positions;
    uint32_t headers;  /* 1: of the records are read; 0: they have none */
    uint32_t reserved; /* 0 */
};

/* A record, in the buffer that it was read into. */
struct stentor_topic_record {
    int64_t offset;
    int64_t time_ms; /* Unix time; 0: it has none */
    /* Where its parts begin in the buffer; a size of UINT32_MAX: it has none.
       Of each header its name and NUL, its value's size (uint32_t, UINT32_MAX:
       none), its value. */
    uint32_t key;
    uint32_t key_size;
    uint32_t value;
    uint32_t value_size;
    uint32_t headers;
    uint32_t headers_size;
};

/* Records of one partition, in order. Both buffers are the caller's, to be kept
   as long as the records are. */
struct stentor_batch {
    struct stentor_topic_record *records;
    char *bytes;
    uint32_t records_max;
    uint32_t bytes_max;
    /* Out: */
    uint32_t count;
    uint32_t used;       /* of the bytes */
    uint32_t needed;     /* with STENTOR_ETOOBIG: bytes of the next one */
    int64_t *next;       /* the core's own, for stentor_source_done */
    uint64_t generation; /* the same */
    int32_t partition;
    uint32_t source; /* its number */
};

struct stentor_source_status {
    uint32_t connected; /* 1: to a broker that answers */
    uint32_t partitions;
    uint64_t records;
    uint64_t bytes;
    uint64_t gaps;    /* times that records were gone before they were read */
    uint64_t lost;    /* how many those were, as far as is known */
    uint64_t skipped; /* brains died at them, or they do not fit a channel */
    uint64_t restarts;
};

struct stentor_partition_status {
    int32_t partition;
    uint32_t reserved;
    int64_t next; /* offset */
    int64_t lag;  /* records from there to the end; -1: not known */
};

/* The number of a source that begins to read. STENTOR_EFULL: too many;
   STENTOR_EINVALID: librdkafka does not want its settings, which is logged.
   Only the brain in charge, as it begins. */
int stentor_source_open(struct stentor_brain *brain,
                        const struct stentor_source *source);

/*
 * Reads what is there, after a STENTOR_SOURCE item: 0 records when there are
 * none now. When these are dealt with, stentor_source_more() lets the next item
 * come. STENTOR_ETOOBIG: the next record needs a larger buffer.
 */
int stentor_source_read(struct stentor_brain *brain, uint32_t source,
                        struct stentor_batch *batch);
void stentor_source_more(struct stentor_brain *brain, uint32_t source);

/* The record at `index` has been dealt with: who comes after this brain begins
   behind it. STENTOR_ENOTFOUND: the batch is not this brain's any more, as the
   source was closed, or the group has given the partition to another member;
   what is left of it is read elsewhere. */
int stentor_source_done(struct stentor_brain *brain,
                        const struct stentor_batch *batch, uint32_t index);

/* From now on its records go into these channels, without any item. */
int stentor_source_feed(struct stentor_brain *brain, uint32_t source,
                        const uint32_t *channels, uint32_t count);

/* `partitions` has room for `max`. */
int stentor_source_status(struct stentor_brain *brain, uint32_t source,
                          struct stentor_source_status *status,
                          struct stentor_partition_status *partitions,
                          uint32_t max);

#endif
