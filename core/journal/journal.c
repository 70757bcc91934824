/* SPDX-License-Identifier: MIT */
/*
 * The writer. One append, in the order in which others may see it:
 *
 *   1. lost_seq of each channel whose records are about to go
 *   2. tail behind them, then a release fence: from here on readers know
 *   3. the new records, and the marks of the index
 *   4. head: they exist
 *   5. the channel table, then settled
 *
 * Lost_seq before tail: a reader that sees the new tail also sees what was
 * lost. The writer may die between any two steps: before 4 nothing was
 * appended, after it the next writer does step 5 again (settle).
 */
#include "journal/journal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/mirror.h"

static void store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) / to * to;
}

static size_t header_bytes(void)
{
    return round_up(sizeof(struct journal_header),
                    (uint64_t)sysconf(_SC_PAGESIZE));
}

/* Bytes before the ring. */
static size_t table_bytes(uint64_t ring_bytes, uint32_t channels_max)
{
    size_t bytes = header_bytes();
    bytes += channels_max * sizeof(struct journal_channel);
    bytes += ring_bytes / JOURNAL_MARK_BYTES * sizeof(struct journal_mark);
    return round_up(bytes, JOURNAL_MARK_BYTES);
}

static int fail(int code, char *error, const char *what)
{
    if (code == STENTOR_ESYSTEM)
        snprintf(error, STENTOR_ERROR_BYTES, "%s: %s", what, strerror(errno));
    else
        snprintf(error, STENTOR_ERROR_BYTES, "%s", what);
    return code;
}

int journal_create(int fd, uint64_t ring_bytes, uint32_t channels_max,
                   char *error)
{
    if (ring_bytes < JOURNAL_RING_BYTES_MIN)
        ring_bytes = JOURNAL_RING_BYTES_MIN;
    ring_bytes = round_up(ring_bytes, JOURNAL_MARK_BYTES);
    size_t tables = table_bytes(ring_bytes, channels_max);
    if (ftruncate(fd, (off_t)(tables + ring_bytes)) != 0)
        return fail(STENTOR_ESYSTEM, error, "cannot size the journal");
    struct journal_header *header =
        mmap(NULL, header_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (header == MAP_FAILED)
        return fail(STENTOR_ESYSTEM, error, "cannot map the journal");
    memset(header, 0, sizeof *header);
    if (getrandom(&header->epoch, sizeof header->epoch, 0) !=
        sizeof header->epoch) {
        munmap(header, header_bytes());
        return fail(STENTOR_ESYSTEM, error, "no random bytes for the journal");
    }
    header->epoch >>= 16;
    header->ring_bytes = ring_bytes;
    header->channels_max = channels_max;
    header->version = JOURNAL_VERSION;
    header->magic = JOURNAL_MAGIC;
    munmap(header, header_bytes());
    return 0;
}

/* The writer's own view: nobody changes it meanwhile. */
static const struct journal_record *record_at(const struct journal *journal,
                                              uint64_t position)
{
    return (const void *)(journal->ring + position % journal->ring_bytes);
}

/* Step 5 of an append, for the records of [settled, head). */
static void settle(struct journal *journal)
{
    struct journal_header *header = journal->header;
    uint64_t position = header->settled;
    while (position != header->head) {
        const struct journal_record *record = record_at(journal, position);
        CHECK(record->channel < header->channel_count);
        struct journal_channel *channel = &journal->channels[record->channel];
        /* What a dead writer had done stays: no row goes back. */
        if (record->seq > header->settled_seq) {
            store(&channel->newest, position);
            FAULT_POINT("append: the channel's position");
            store(&channel->newest_seq, record->seq);
            header->settled_time = record->time_ms;
            store(&header->settled_seq, record->seq);
            FAULT_POINT("append: the newest seq");
        }
        position += record->size;
    }
    store(&header->settled, position);
}

/* Step 2 of a writer that died after step 1: what is told as lost is. */
static void finish_room(struct journal *journal)
{
    struct journal_header *header = journal->header;
    uint64_t tail = header->tail;
    while (tail < header->head) {
        const struct journal_record *record = record_at(journal, tail);
        if (record->seq > journal->channels[record->channel].lost_seq)
            break;
        tail += record->size;
    }
    store(&header->tail, tail);
}

/* Marks of records that a dead writer never made exist (step 3 without 4). */
static void drop_marks(struct journal *journal)
{
    uint64_t count = journal->ring_bytes / JOURNAL_MARK_BYTES;
    for (uint64_t i = 0; i < count; i++)
        if (journal->marks[i].position >= journal->header->head)
            store(&journal->marks[i].position, JOURNAL_NONE);
}

static int check_header(const struct journal_header *header, uint64_t size,
                        char *error)
{
    if (header->magic != JOURNAL_MAGIC)
        return fail(STENTOR_EINVALID, error, "this is not a journal");
    if (header->version != JOURNAL_VERSION)
        return fail(STENTOR_EVERSION, error,
                    "the journal was made by another version of Stentor");
    if (header->ring_bytes < JOURNAL_RING_BYTES_MIN ||
        header->ring_bytes % JOURNAL_MARK_BYTES != 0 ||
        table_bytes(header->ring_bytes, header->channels_max) +
                header->ring_bytes !=
            size)
        return fail(STENTOR_EINVALID, error, "the journal's size is wrong");
    return 0;
}

int journal_open(struct journal *journal, int fd, bool writable, char *error)
{
    struct journal_header first;
    struct stat status;
    memset(&first, 0, sizeof first); /* a short file has no magic */
    if (fstat(fd, &status) != 0 || pread(fd, &first, sizeof first, 0) < 0)
        return fail(STENTOR_ESYSTEM, error, "cannot read the journal");
    int result = check_header(&first, (uint64_t)status.st_size, error);
    if (result != 0)
        return result;

    size_t tables = table_bytes(first.ring_bytes, first.channels_max);
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    char *base = mmap(NULL, tables, protection, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return fail(STENTOR_ESYSTEM, error, "cannot map the journal");
    char *ring = mirror_map(fd, (off_t)tables, first.ring_bytes, writable);
    if (ring == NULL) {
        munmap(base, tables);
        return fail(STENTOR_ESYSTEM, error, "cannot map the journal's ring");
    }
    char *channels = base + header_bytes();
    char *marks = channels + first.channels_max * sizeof *journal->channels;
    *journal = (struct journal){ .header = (void *)base,
                                 .channels = (void *)channels,
                                 .marks = (void *)marks,
                                 .ring = ring,
                                 .ring_bytes = first.ring_bytes,
                                 .table_bytes = tables,
                                 .writable = writable };
    if (writable) {
        settle(journal);
        FAULT_POINT("start: the journal settled");
        finish_room(journal);
        FAULT_POINT("start: the journal's tail");
        drop_marks(journal);
    }
    return 0;
}

void journal_close(struct journal *journal)
{
    mirror_unmap(journal->ring, journal->ring_bytes);
    munmap(journal->header, journal->table_bytes);
    memset(journal, 0, sizeof *journal);
}

uint64_t journal_next_seq(const struct journal *journal)
{
    return journal->header->settled_seq + 1;
}

uint64_t journal_entry_bytes(const struct journal_entry *entry)
{
    return round_up(sizeof(struct journal_record) + entry->frame_bytes +
                        entry->key_bytes,
                    8);
}

uint64_t journal_passes(const struct journal *journal, uint64_t bytes)
{
    uint64_t wanted = journal->header->head + bytes;
    return wanted > journal->ring_bytes ? wanted - journal->ring_bytes : 0;
}

/* Steps 1 and 2: gives up the records before `limit`. */
static void give_up(struct journal *journal, uint64_t limit)
{
    struct journal_header *header = journal->header;
    uint64_t tail = header->tail;
    while (tail < limit) {
        const struct journal_record *record = record_at(journal, tail);
        store(&journal->channels[record->channel].lost_seq, record->seq);
        FAULT_POINT("append: a record given up");
        tail += record->size;
    }
    store(&header->tail, tail);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    FAULT_POINT("append: room made");
}

void journal_forget(struct journal *journal, uint64_t position)
{
    CHECK(journal->writable && position >= journal->header->tail &&
          position < journal->header->head);
    give_up(journal, position + 1);
}

/* Readers load these words while they may be written: plain memcpy would be a
   race, and could tear. */
static void copy_words(char *to, const void *from, size_t bytes)
{
    const char *source = from;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word;
        memcpy(&word, source + i, 8);
        __atomic_store_n((uint64_t *)(void *)(to + i), word, __ATOMIC_RELAXED);
    }
}

/* The frame and the key behind it, padded with zeros to whole words. */
static void copy_bytes(char *to, const struct journal_entry *entry)
{
    size_t whole = entry->frame_bytes & ~(size_t)7;
    copy_words(to, entry->frame, whole);
    /* What is left of the frame, and the key, share words. */
    char rest[8 + JOURNAL_KEY_BYTES_MAX + 8] __attribute__((aligned(8)));
    size_t size = entry->frame_bytes - whole;
    memcpy(rest, entry->frame + whole, size);
    if (entry->key_bytes > 0)
        memcpy(rest + size, entry->key, entry->key_bytes);
    size += entry->key_bytes;
    memset(rest + size, 0, 8);
    copy_words(to + whole, rest, round_up(size, 8));
}

/* Marks the record as the first of its block, if it is. */
static void mark(struct journal *journal, uint64_t position,
                 const struct journal_record *record)
{
    uint64_t block = position / JOURNAL_MARK_BYTES;
    uint64_t count = journal->ring_bytes / JOURNAL_MARK_BYTES;
    struct journal_mark *place = &journal->marks[block % count];
    if (position > 0 && place->position / JOURNAL_MARK_BYTES == block)
        return; /* an earlier record of this block has it */
    /* A reader checks the position after it has read the rest. */
    store(&place->position, JOURNAL_NONE);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&place->seq, record->seq, __ATOMIC_RELAXED);
    __atomic_store_n(&place->time_ms, record->time_ms, __ATOMIC_RELAXED);
    store(&place->position, position);
}

/* The channel's newest record, also among those of this append. */
static uint64_t previous_of(const struct journal *journal,
                            const struct journal_entry *entries, uint32_t index,
                            uint64_t position)
{
    uint32_t channel = entries[index].channel;
    while (index-- > 0) {
        position -= journal_entry_bytes(&entries[index]);
        if (entries[index].channel == channel)
            return position;
    }
    /* A row that was given to another channel starts with none. */
    return journal->channels[channel].newest;
}

/* Sets how far the record's jump goes: two jumps of one length become a longer
   one, so that any older record of the channel is a few dozen jumps away at
   most (E. W. Myers, "An applicative random-access stack", 1983). */
static void set_jump(const struct journal *journal,
                     struct journal_record *record)
{
    uint64_t tail = journal->header->tail;
    record->jump = record->previous;
    record->span = record->previous != JOURNAL_NONE;
    if (record->span == 0 || record->previous < tail)
        return;
    const struct journal_record *last = record_at(journal, record->previous);
    if (last->span == 0 || last->jump < tail)
        return;
    const struct journal_record *before = record_at(journal, last->jump);
    if (before->span == last->span) {
        record->jump = before->jump;
        record->span = 1 + last->span + before->span;
    }
}

int journal_append(struct journal *journal, const struct journal_entry *entries,
                   uint32_t count, uint64_t time_ms)
{
    if (!journal->writable)
        return STENTOR_EREADONLY;
    struct journal_header *header = journal->header;
    CHECK(header->settled == header->head);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(entries[i].channel < header->channel_count);
        CHECK(entries[i].key_bytes <= JOURNAL_KEY_BYTES_MAX);
        bytes += journal_entry_bytes(&entries[i]);
    }
    if (bytes > journal->ring_bytes / 4 || bytes > INT32_MAX)
        return STENTOR_ETOOBIG;
    if (time_ms < header->settled_time)
        time_ms = header->settled_time;

    give_up(journal, journal_passes(journal, bytes));
    uint64_t position = header->head;
    uint64_t seq = journal_next_seq(journal);
    for (uint32_t i = 0; i < count; i++, seq++) {
        const struct journal_entry *entry = &entries[i];
        struct journal_record record = {
            .seq = seq,
            .time_ms = time_ms,
            .previous = previous_of(journal, entries, i, position),
            .size = (uint32_t)journal_entry_bytes(entry),
            .channel = entry->channel,
            .frame_bytes = entry->frame_bytes,
            .key_bytes = entry->key_bytes,
            .chunk_head = entry->chunk_head,
            .flags = entry->flags,
        };
        set_jump(journal, &record);
        char *place = journal->ring + position % journal->ring_bytes;
        copy_words(place, &record, sizeof record);
        copy_bytes(place + sizeof record, entry);
        mark(journal, position, &record);
        FAULT_POINT("append: a record written");
        position += record.size;
    }
    store(&header->head, position);
    FAULT_POINT("append: head");
    settle(journal);
    FAULT_POINT("append: settled");
    return 0;
}
