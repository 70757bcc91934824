/* SPDX-License-Identifier: MIT */
/*
 * Records whose whole content follows from their seq, so that whoever reads
 * one can tell whether it is whole.
 */
#ifndef STENTOR_SPEC_PAYLOAD_H
#define STENTOR_SPEC_PAYLOAD_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "journal/channel.h"
#include "journal/reader.h"

enum { PAYLOAD_CHANNELS = 5, PAYLOAD_BYTES_MAX = 4096 };

static inline uint64_t payload_hash(uint64_t seq)
{
    uint64_t hash = seq * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 29;
}

static inline uint32_t payload_channel(uint64_t seq)
{
    return (uint32_t)(payload_hash(seq) % PAYLOAD_CHANNELS);
}

static inline uint32_t payload_bytes(uint64_t seq)
{
    return (uint32_t)(payload_hash(seq) >> 8) % PAYLOAD_BYTES_MAX;
}

/* Writes the frame of `seq`; `bytes` has PAYLOAD_BYTES_MAX + 8. */
static inline void payload_write(uint64_t seq, char *bytes)
{
    for (uint64_t i = 0; i < payload_bytes(seq); i += 8) {
        uint64_t word = payload_hash(seq + i);
        memcpy(bytes + i, &word, 8);
    }
}

static inline bool payload_is_whole(const struct journal_record *record)
{
    uint64_t seq = record->seq;
    if (record->channel != payload_channel(seq) ||
        record->frame_bytes != payload_bytes(seq) || record->time_ms != seq / 4)
        return false;
    char wanted[PAYLOAD_BYTES_MAX + 8];
    payload_write(seq, wanted);
    return memcmp(wanted, record + 1, record->frame_bytes) == 0;
}

/* Appends `count` (at most 4) records as one. */
static inline void payload_append(struct journal *journal, uint32_t count)
{
    static char frames[4][PAYLOAD_BYTES_MAX + 8];
    struct journal_entry entries[4];
    memset(entries, 0, sizeof entries);
    /* The time of the first is that of all. */
    uint64_t seq = journal_next_seq(journal);
    while (count > 1 && (seq + count - 1) / 4 != seq / 4)
        count--;
    for (uint32_t i = 0; i < count; i++) {
        payload_write(seq + i, frames[i]);
        entries[i].channel = payload_channel(seq + i);
        entries[i].frame = frames[i];
        entries[i].frame_bytes = payload_bytes(seq + i);
    }
    if (journal_append(journal, entries, count, seq / 4) != 0)
        abort();
}

static inline void must(bool condition, const char *what)
{
    if (condition)
        return;
    printf("failed: %s (%s)\n", what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

/* A descriptor of a new journal with the channels of payload_channel. */
static inline int payload_journal(void)
{
    char error[STENTOR_ERROR_BYTES];
    int fd = memfd_create("spec", 0);
    must(fd >= 0 && journal_create(fd, 0, 16, error) == 0, "journal_create");
    struct journal journal;
    struct channel_map map;
    must(journal_open(&journal, fd, true, error) == 0, "journal_open");
    channel_map_init(&map, &journal);
    for (int i = 0; i < PAYLOAD_CHANNELS; i++) {
        char name[16];
        int size = snprintf(name, sizeof name, "c%d", i);
        must(channel_open(&journal, &map, text_of(name, (size_t)size),
                          UINT32_MAX, UINT64_MAX) == i,
             "channel_open");
    }
    channel_map_done(&map);
    journal_close(&journal);
    return fd;
}

static inline double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Memory that parent and children share. */
static inline void *shared_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    return memory;
}

#endif
