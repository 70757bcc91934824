/* SPDX-License-Identifier: MIT */
/*
 * A million appends, and a reader that lies down whenever it has read them
 * all. It must be woken for each that it has not seen: a poll that times out
 * while there is news is a lost wake-up. `wakes unfenced` is the control: the
 * same without the fences of bell.h; most runs lose one, and end with it.
 */
#include <poll.h>
#include <sched.h>

#include "mailbox/bell.h"
#include "spec/core/journal/payload.h"

enum { APPENDS = 1000000, LOST_MS = 1000 };

struct shared {
    uint32_t asleep __attribute__((aligned(64)));
    uint64_t read __attribute__((aligned(64)));
    uint64_t slept;
    uint64_t lost;
};

/* Both sides do, so that they meet in every order. Ends when head moves. */
static void pause_a_little(const struct journal *journal)
{
    uint64_t head = journal_head(journal);
    for (int pause = rand() % 1024; pause > 0; pause--)
        if (journal_head(journal) != head)
            break;
}

static void read_all(int fd, int bell, struct shared *shared, bool fenced)
{
    struct journal journal;
    char error[STENTOR_ERROR_BYTES];
    must(journal_open(&journal, fd, false, error) == 0, "reader");
    struct buffer bytes;
    buffer_init(&bytes);
    uint64_t position = 0, read = 0;
    while (read < APPENDS) {
        bytes.size = 0;
        int got = journal_copy(&journal, &position, journal_head(&journal),
                               65536, &bytes);
        must(got >= 0, "overtaken");
        for (size_t at = 0; at < bytes.size; read++)
            at += ((const struct journal_record *)(const void *)(bytes.bytes +
                                                                 at))
                      ->size;
        __atomic_store_n(&shared->read, read, __ATOMIC_RELEASE);
        if (got > 0 || read == APPENDS)
            continue;
        pause_a_little(&journal);
        if (fenced)
            bell_lie_down(&shared->asleep);
        else
            __atomic_store_n(&shared->asleep, 1, __ATOMIC_RELEASE);
        if (journal_head(&journal) == position) {
            struct pollfd poll_fd = { .fd = bell, .events = POLLIN };
            shared->slept++;
            while (poll(&poll_fd, 1, LOST_MS) == 0)
                if (journal_head(&journal) != position) {
                    shared->lost++;
                    break;
                }
            bell_quiet(bell);
        }
        bell_get_up(&shared->asleep);
    }
}

static void write_all(int fd, int bell, struct shared *shared, bool fenced)
{
    struct journal journal;
    char error[STENTOR_ERROR_BYTES];
    must(journal_open(&journal, fd, true, error) == 0, "writer");
    struct journal_entry entry = { .frame = "x", .frame_bytes = 1 };
    for (uint64_t i = 0; i < APPENDS; i++) {
        /* It never runs further ahead than the ring is long, and often waits
           till all is read: to append just when the reader lies down. */
        uint64_t ahead = rand() % 8 == 0 ? 0 : 10000;
        for (int spins = 1;
             i - __atomic_load_n(&shared->read, __ATOMIC_ACQUIRE) > ahead;
             spins++) {
            if (shared->lost > 0)
                return;
            if (spins % 2000 == 0)
                sched_yield();
        }
        if (ahead == 0)
            pause_a_little(&journal);
        must(journal_append(&journal, &entry, 1, 0) == 0, "append");
        if (fenced)
            bell_ring(bell, &shared->asleep);
        else if (__atomic_load_n(&shared->asleep, __ATOMIC_RELAXED) != 0)
            bell_ring(bell, &shared->asleep);
    }
}

int main(int count, char **arguments)
{
    bool fenced = !(count > 1 && strcmp(arguments[1], "unfenced") == 0);
    int fd = payload_journal(), bell = bell_new();
    struct shared *shared = shared_memory(sizeof *shared);
    pid_t reader = fork();
    must(reader >= 0, "fork");
    alarm(60);
    if (reader == 0) {
        alarm(60);
        read_all(fd, bell, shared, fenced);
        _exit(0);
    }
    write_all(fd, bell, shared, fenced);
    int status;
    if (shared->lost > 0)
        kill(reader, SIGKILL);
    must(waitpid(reader, &status, 0) == reader, "waitpid");
    printf("read %lu\nslept %lu\nlost %lu\n", shared->read, shared->slept,
           shared->lost);
    return 0;
}
