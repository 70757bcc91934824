/* SPDX-License-Identifier: MIT */
/*
 * The journal beside a plain list of all that was ever appended: a client that
 * comes back gets all of its channels' events that it has not seen, in order,
 * or is told of a gap that has all the missing ones in it; and no gap is told
 * where nothing is missing. The input is a row of steps.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "fuzz/input.h"
#include "journal/channel.h"
#include "journal/event_id.h"
#include "journal/resume.h"

enum { CHANNELS = 4, LIST_MAX = 2048, AT_ONCE = 3 };

static int file = -1;
static char frame[JOURNAL_RING_BYTES_MIN / 4];

struct list_of_all {
    struct journal journal;
    struct channel_map map;
    uint32_t rows[CHANNELS];
    uint32_t replay[CHANNELS];  /* a count; UINT32_MAX: no limit */
    uint8_t channels[LIST_MAX]; /* of the event with seq i + 1 */
    uint32_t count;
    uint64_t now;
};

static void open_writer(struct list_of_all *all)
{
    char error[STENTOR_ERROR_BYTES];
    CHECK(journal_open(&all->journal, file, true, error) == 0);
    channel_map_init(&all->map, &all->journal);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        char name = (char)('a' + i);
        int row = channel_open(&all->journal, &all->map, text_of(&name, 1),
                               all->replay[i], UINT64_MAX);
        CHECK(row >= 0);
        all->rows[i] = (uint32_t)row;
    }
}

static void close_writer(struct list_of_all *all)
{
    channel_map_done(&all->map);
    journal_close(&all->journal);
}

static void append(struct list_of_all *all, struct input *input)
{
    struct journal_entry entries[AT_ONCE];
    uint32_t count = 1 + input_byte(input) % AT_ONCE;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t channel = input_byte(input) % CHANNELS;
        uint32_t size = input_short(input) % (sizeof frame / AT_ONCE - 64);
        entries[i] = (struct journal_entry){ .channel = all->rows[channel],
                                             .frame = frame,
                                             .frame_bytes = size };
        all->channels[all->count + i] = channel;
    }
    all->now += input_byte(input);
    CHECK(journal_next_seq(&all->journal) == all->count + 1);
    CHECK(journal_append(&all->journal, entries, count, all->now) == 0);
    all->count += count;
}

/* The wanted channels out of the bits of `set`, as journal_want. */
static uint32_t wants_of(const struct list_of_all *all, uint8_t set,
                         struct journal_want wants[CHANNELS])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CHANNELS; i++) {
        if ((set >> i & 1) == 0)
            continue;
        uint32_t row = all->rows[i];
        wants[count++] = (struct journal_want){
            .channel = row, .generation = all->journal.channels[row].generation
        };
    }
    return count;
}

/* Marks what the client gets from `resume` on. */
static void read_all(const struct list_of_all *all, const struct resume *resume,
                     const struct journal_want *wants, uint32_t count,
                     bool got[LIST_MAX])
{
    struct buffer records;
    buffer_init(&records);
    uint64_t position = resume->position, head = journal_head(&all->journal);
    uint64_t last = resume->seq;
    while (position < head) {
        records.size = 0;
        int bytes = journal_select(&all->journal, wants, count, &position, head,
                                   65536, &records);
        CHECK(bytes >= 0);
        const char *end = records.bytes + bytes;
        for (const char *at = records.bytes; at < end;) {
            const struct journal_record *record = (const void *)at;
            CHECK(record->seq > last && record->seq <= all->count);
            last = record->seq;
            got[last - 1] = true;
            at += record->size;
        }
    }
    buffer_done(&records);
}

/* A client that wants `set` and has seen all up to `seen` comes back. */
static void come_back(const struct list_of_all *all, uint8_t set, uint32_t seen)
{
    struct journal_want wants[CHANNELS];
    uint32_t count = wants_of(all, set, wants);
    if (count == 0)
        return;
    char id[EVENT_ID_BYTES + 1];
    event_id_format(
        &(struct event_id){ .epoch = all->journal.header->epoch, .seq = seen },
        id);
    struct resume resume;
    resume_id(&all->journal, wants, count, text_of_string(id), RESUME_NOW, 0,
              all->now, &resume);
    bool got[LIST_MAX] = { false };
    read_all(all, &resume, wants, count, got);
    uint32_t missing = 0, newer[CHANNELS] = { 0 };
    for (uint32_t seq = all->count; seq > 0; seq--) {
        uint8_t channel = all->channels[seq - 1];
        bool wanted = (set >> channel & 1) != 0 && seq > seen;
        bool in_replay = newer[channel]++ < all->replay[channel];
        CHECK(!got[seq - 1] || (wanted && in_replay));
        if (!wanted || got[seq - 1])
            continue;
        missing++;
        CHECK(resume.gap == RESUME_EXPIRED && seq > resume.from_seq &&
              seq <= resume.to_seq);
    }
    CHECK(missing > 0 || resume.gap == RESUME_NO_GAP);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct list_of_all all;
    char error[STENTOR_ERROR_BYTES];
    struct input input = { bytes, size };
    memset(&all, 0, sizeof all);
    if (file < 0)
        file = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(file >= 0 && ftruncate(file, 0) == 0);
    CHECK(journal_create(file, JOURNAL_RING_BYTES_MIN, 16, error) == 0);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        uint8_t replay = input_byte(&input);
        all.replay[i] = replay == 0 ? UINT32_MAX : replay;
    }
    open_writer(&all);
    while (input.size > 0 && all.count + AT_ONCE <= LIST_MAX) {
        uint8_t step = input_byte(&input);
        if (step < 200) {
            append(&all, &input);
        } else if (step < 210) { /* the writer dies, and the next one comes */
            close_writer(&all);
            open_writer(&all);
        } else {
            come_back(&all, step & 15, input_number(&input) % (all.count + 1));
        }
    }
    for (uint32_t seen = 0; seen <= all.count; seen += 1 + all.count / 16)
        for (uint32_t i = 0; i < CHANNELS; i++)
            come_back(&all, (uint8_t)(1U << i), seen);
    come_back(&all, (1 << CHANNELS) - 1, 0);
    close_writer(&all);
    return 0;
}
