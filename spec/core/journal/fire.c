/* SPDX-License-Identifier: MIT */
/*
 * A writer at full speed overruns readers in other processes. `fire check`
 * reads by the rules and prints what it met; `fire control` reads without
 * looking at the tail again, and must meet torn records.
 */
#include "journal/event_id.h"
#include "journal/resume.h"
#include "spec/core/journal/payload.h"

struct tally {
    uint64_t records;
    uint64_t overruns;
    uint64_t torn;
    uint64_t silent; /* lost, and nobody said so */
};

static const double SECONDS = 0.6;

static void write_on(int fd, const bool *stop)
{
    struct journal journal;
    char error[STENTOR_ERROR_BYTES];
    must(journal_open(&journal, fd, true, error) == 0, "writer");
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED))
        payload_append(&journal, 1 + (uint32_t)rand() % 4);
}

static uint64_t next_wanted(const struct journal_want *wants, uint32_t count,
                            uint64_t seq)
{
    for (;;) {
        seq++;
        for (uint32_t i = 0; i < count; i++)
            if (wants[i].channel == payload_channel(seq))
                return seq;
    }
}

/* Follows `count` channels (all if there are PAYLOAD_CHANNELS), and expects
   each record of them or word of its loss. */
static void follow(int fd, uint32_t count, struct tally *tally,
                   const bool *stop)
{
    struct journal journal;
    struct journal_want wants[PAYLOAD_CHANNELS];
    struct resume resume;
    struct buffer bytes;
    char error[STENTOR_ERROR_BYTES];
    must(journal_open(&journal, fd, false, error) == 0, "reader");
    buffer_init(&bytes);
    for (uint32_t i = 0; i < count; i++)
        wants[i] = (struct journal_want){ .channel = i };
    resume_since(&journal, wants, count, RESUME_ALL, 0, 0, &resume);
    uint64_t position = resume.position, seq = resume.seq;
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        uint64_t head = journal_head(&journal);
        bytes.size = 0;
        int got = count == PAYLOAD_CHANNELS
                      ? journal_copy(&journal, &position, head, 65536, &bytes)
                      : journal_select(&journal, wants, count, &position, head,
                                       65536, &bytes);
        if (got == STENTOR_EOVERRUN) {
            resume_overrun(&journal, wants, count, seq, &resume);
            if (resume.gap == RESUME_NO_GAP &&
                next_wanted(wants, count, seq) <= resume.seq)
                tally->silent++;
            seq = resume.seq;
            position = resume.position;
            tally->overruns++;
            continue;
        }
        for (size_t at = 0; at < bytes.size;) {
            const struct journal_record *record =
                (const void *)(bytes.bytes + at);
            tally->torn += !payload_is_whole(record);
            tally->silent += record->seq != next_wanted(wants, count, seq);
            tally->records++;
            seq = record->seq;
            at += record->size;
        }
        /* Now and then it falls behind. */
        if (rand() % 8 == 0)
            usleep((unsigned)(rand() % 2000));
    }
}

/* A client that comes back again and again with an old id. */
static void reconnect(int fd, struct tally *tally, const bool *stop)
{
    struct journal journal;
    struct buffer bytes;
    char error[STENTOR_ERROR_BYTES];
    must(journal_open(&journal, fd, false, error) == 0, "reader");
    buffer_init(&bytes);
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        uint64_t newest = journal_newest_seq(&journal);
        /* Most of the ids are from about the tail. */
        uint64_t back = 450 + (uint64_t)rand() % 200;
        uint64_t seq = newest > back ? newest - back : 0;
        struct journal_want wants[2] = { { .channel = 1 }, { .channel = 3 } };
        struct resume resume;
        char text[EVENT_ID_BYTES + 1];
        struct event_id id = { .epoch = journal.header->epoch, .seq = seq };
        event_id_format(&id, text);
        resume_id(&journal, wants, 2, text_of(text, EVENT_ID_BYTES), RESUME_NOW,
                  0, 0, &resume);
        bytes.size = 0;
        uint64_t position = resume.position;
        int got = journal_select(&journal, wants, 2, &position,
                                 journal_head(&journal), 1, &bytes);
        uint64_t wanted = next_wanted(wants, 2, seq);
        tally->overruns += resume.gap != RESUME_NO_GAP;
        if (resume.gap == RESUME_NO_GAP && wanted <= resume.seq)
            tally->silent++;
        if (got > 0) {
            const struct journal_record *record = (const void *)bytes.bytes;
            tally->records++;
            tally->torn += !payload_is_whole(record);
            if (resume.gap == RESUME_NO_GAP ? record->seq != wanted
                                            : record->seq <= resume.to_seq)
                tally->silent++;
        }
    }
}

/* The control: the same bytes, and no second look at the tail. */
static void trust(int fd, struct tally *tally, const bool *stop)
{
    struct journal journal;
    char error[STENTOR_ERROR_BYTES];
    char *bytes = malloc(1 << 16);
    must(journal_open(&journal, fd, false, error) == 0, "reader");
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        uint64_t tail = journal_tail(&journal);
        const char *place = journal.ring + tail % journal.ring_bytes;
        memcpy(bytes, place, sizeof(struct journal_record));
        const struct journal_record *record = (const void *)bytes;
        uint32_t size = record->size;
        if (size > 1 << 16 || size < sizeof *record) {
            tally->torn++;
            continue;
        }
        memcpy(bytes, place, size);
        tally->torn += !payload_is_whole(record);
        tally->records++;
    }
}

int main(int count, char **arguments)
{
    bool control = count > 1 && strcmp(arguments[1], "control") == 0;
    int fd = payload_journal();
    struct tally *tallies = shared_memory(4 * sizeof *tallies);
    bool *stop = shared_memory(sizeof *stop);
    pid_t children[4];
    int started = control ? 2 : 4;
    for (int i = 0; i < started; i++) {
        children[i] = fork();
        must(children[i] >= 0, "fork");
        if (children[i] > 0)
            continue;
        alarm(30);
        srand((unsigned)i);
        if (i == 0)
            write_on(fd, stop);
        else if (control)
            trust(fd, &tallies[i], stop);
        else if (i == 3)
            reconnect(fd, &tallies[i], stop);
        else
            follow(fd, i == 1 ? PAYLOAD_CHANNELS : 2, &tallies[i], stop);
        _exit(0);
    }
    usleep((unsigned)(SECONDS * 1e6));
    __atomic_store_n(stop, true, __ATOMIC_RELAXED);
    struct tally sum = { 0 };
    for (int i = 0; i < started; i++) {
        int status;
        must(waitpid(children[i], &status, 0) == children[i], "waitpid");
        must(status == 0, "a child");
        if (i > 0 && !control) {
            must(tallies[i].records > 0, "a reader read nothing");
            must(tallies[i].overruns > 0, "a reader was never overtaken");
        }
        sum.records += tallies[i].records;
        sum.overruns += tallies[i].overruns;
        sum.torn += tallies[i].torn;
        sum.silent += tallies[i].silent;
    }
    printf("records %lu\noverruns %lu\ntorn %lu\nsilent %lu\n", sum.records,
           sum.overruns, sum.torn, sum.silent);
    return 0;
}
