/* SPDX-License-Identifier: MIT */
/*
 * A writer is killed at any instant, again and again. After each death the
 * next writer's view is walked from tail to head and compared with the chains,
 * the table and the index; a reader goes on all the while.
 */
#include "spec/core/journal/payload.h"

struct shared {
    uint64_t bad;     /* records that no reader may see */
    uint64_t records; /* read */
    uint64_t between; /* deaths between head and settled */
    uint64_t begun;   /* by the writer of this life */
    bool stop;
};

static void write_on(int fd, struct shared *shared)
{
    struct journal journal;
    char error[STENTOR_ERROR_BYTES];
    must(journal_open(&journal, fd, true, error) == 0, "writer");
    for (;;) {
        payload_append(&journal, 1 + (uint32_t)rand() % 4);
        shared->begun++;
    }
}

static void read_on(int fd, struct shared *shared)
{
    struct journal journal;
    struct buffer bytes;
    char error[STENTOR_ERROR_BYTES];
    must(journal_open(&journal, fd, false, error) == 0, "reader");
    buffer_init(&bytes);
    uint64_t position = 0, seq = 0;
    while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
        bytes.size = 0;
        int got = journal_copy(&journal, &position, journal_head(&journal),
                               32768, &bytes);
        if (got == STENTOR_EOVERRUN) {
            position = journal_tail(&journal);
            seq = 0;
            continue;
        }
        if (got == 0)
            usleep(50);
        for (size_t at = 0; at < bytes.size;) {
            const struct journal_record *record =
                (const void *)(bytes.bytes + at);
            if (!payload_is_whole(record) ||
                (seq > 0 && record->seq != seq + 1))
                shared->bad++;
            seq = record->seq;
            shared->records++;
            at += record->size;
        }
    }
}

static const struct journal_record *record_at(const struct journal *journal,
                                              uint64_t position)
{
    return (const void *)(journal->ring + position % journal->ring_bytes);
}

/* Lost are all records before the first that is held, and no others. */
static void check_lost(const struct journal *journal, uint64_t first)
{
    for (uint32_t channel = 0; channel < PAYLOAD_CHANNELS; channel++) {
        uint64_t lost = first - 1;
        while (lost > 0 && payload_channel(lost) != channel)
            lost--;
        must(journal->channels[channel].lost_seq == lost, "lost_seq");
    }
}

/* The mark of a block is its first record. That of the tail's block may be
   one that is gone, or gone itself. */
static void check_mark(const struct journal *journal, uint64_t position,
                       uint64_t *block)
{
    uint64_t own = position / JOURNAL_MARK_BYTES;
    uint64_t count = journal->ring_bytes / JOURNAL_MARK_BYTES;
    const struct journal_mark *mark = &journal->marks[own % count];
    if (own == *block || own == journal->header->tail / JOURNAL_MARK_BYTES)
        return;
    *block = own;
    must(mark->position == position, "mark's position");
    must(mark->seq == record_at(journal, position)->seq, "mark's seq");
}

static void check(const struct journal *journal)
{
    const struct journal_header *header = journal->header;
    uint64_t newest[PAYLOAD_CHANNELS], newest_seq[PAYLOAD_CHANNELS];
    uint64_t block = UINT64_MAX, seq = 0;
    for (int i = 0; i < PAYLOAD_CHANNELS; i++)
        newest[i] = JOURNAL_NONE;
    must(header->settled == header->head, "settled");
    must(header->head - header->tail <= journal->ring_bytes, "held bytes");
    for (uint64_t at = header->tail; at < header->head;) {
        const struct journal_record *record = record_at(journal, at);
        must(payload_is_whole(record), "a record");
        must(seq == 0 || record->seq == seq + 1, "the order");
        if (seq == 0)
            check_lost(journal, record->seq);
        seq = record->seq;
        uint64_t *last = &newest[record->channel];
        if (*last != JOURNAL_NONE)
            must(record->previous == *last, "the chain");
        else
            must(record->previous == JOURNAL_NONE ||
                     record->previous < header->tail,
                 "the chain's end");
        *last = at;
        newest_seq[record->channel] = seq;
        check_mark(journal, at, &block);
        if (rand() % 64 == 0)
            must(journal_find(journal, seq - 1) == at, "journal_find");
        at += record->size;
    }
    must(header->settled_seq == seq, "settled_seq");
    must(journal_newest_seq(journal) == seq, "journal_newest_seq");
    for (int i = 0; i < PAYLOAD_CHANNELS; i++) {
        if (newest[i] == JOURNAL_NONE)
            continue;
        must(journal->channels[i].newest == newest[i], "newest");
        must(journal->channels[i].newest_seq == newest_seq[i], "newest_seq");
    }
    uint64_t count = journal->ring_bytes / JOURNAL_MARK_BYTES;
    for (uint64_t i = 0; i < count; i++)
        must(journal->marks[i].position == JOURNAL_NONE ||
                 journal->marks[i].position < header->head,
             "a mark ahead");
}

static pid_t start(int fd, struct shared *shared, unsigned seed, bool writes)
{
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child > 0)
        return child;
    alarm(30);
    srand(seed);
    if (writes)
        write_on(fd, shared);
    else
        read_on(fd, shared);
    _exit(0);
}

/* Lets a writer live for `life_us` from its first append on. */
static void kill_one(int fd, struct shared *shared, unsigned life_us,
                     unsigned seed)
{
    shared->begun = 0;
    pid_t writer = start(fd, shared, seed, true);
    double patience = seconds_now() + 10;
    while (__atomic_load_n(&shared->begun, __ATOMIC_RELAXED) == 0 &&
           seconds_now() < patience)
        usleep(10);
    usleep(life_us);
    kill(writer, SIGKILL);
    must(waitpid(writer, NULL, 0) == writer, "waitpid");
}

int main(void)
{
    int fd = payload_journal();
    struct shared *shared = shared_memory(sizeof *shared);
    pid_t reader = start(fd, shared, 1, false);
    double end = seconds_now() + 2;
    unsigned kills = 0;
    for (; kills < 1000 && seconds_now() < end; kills++) {
        struct journal journal;
        char error[STENTOR_ERROR_BYTES];
        kill_one(fd, shared, (unsigned)rand() % 3000, kills);
        must(journal_open(&journal, fd, false, error) == 0, "journal_open");
        shared->between += journal.header->settled != journal.header->head;
        journal_close(&journal);
        must(journal_open(&journal, fd, true, error) == 0, "journal_open");
        check(&journal);
        journal_close(&journal);
    }
    int status;
    __atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
    must(waitpid(reader, &status, 0) == reader && status == 0, "the reader");
    printf("kills %u\nrecords %lu\nbad %lu\nbetween %lu\n", kills,
           shared->records, shared->bad, shared->between);
    return 0;
}
