/* SPDX-License-Identifier: MIT */
/*
 * The writer of a shelf stops at any instruction. `steps`: it is traced, and
 * after each single instruction of a put and of a remove another process reads
 * all records and, now and then, goes on as the next writer in a copy of the
 * memory. `kills`: it is killed at random, and the next goes on.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "mailbox/shelf.h"

enum { NAMES = 4, RECORD_BYTES_MAX = 6000, SHELF_BYTES = 64 * 1024 };

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    printf("failed: %s (%s)\n", what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

static struct text name_of(unsigned number)
{
    static const char *const names[NAMES] = { "a", "b", "c", "d" };
    return text_of(names[number], 1);
}

/* Bytes that all follow from the first eight: the version. */
static struct text bytes_of(uint64_t version, char *room)
{
    size_t size = 8 + (size_t)(version * 2654435761u % RECORD_BYTES_MAX);
    memset(room, (int)(version % 251), size);
    memcpy(room, &version, 8);
    return text_of(room, size);
}

/* The version of a record, 0 if there is none. */
static uint64_t read_version(const struct shelf *shelf, unsigned number)
{
    struct buffer buffer;
    char room[RECORD_BYTES_MAX + 8];
    uint64_t version = 0;
    buffer_init(&buffer);
    int code = shelf_get(shelf, name_of(number), &buffer);
    must(code == 0 || code == STENTOR_ENOTFOUND, "a record is spoiled");
    if (code == 0) {
        memcpy(&version, buffer.bytes, 8);
        struct text wanted = bytes_of(version, room);
        must(wanted.size == buffer.size &&
                 memcmp(wanted.bytes, buffer.bytes, buffer.size) == 0,
             "a record is a mixture");
    }
    buffer_done(&buffer);
    return version;
}

static void put(struct shelf *shelf, unsigned number, uint64_t version)
{
    char room[RECORD_BYTES_MAX + 8];
    must(shelf_put(shelf, name_of(number), bytes_of(version, room)) == 0,
         "shelf_put");
}

static void open_shelf(struct shelf *shelf, int fd)
{
    char error[STENTOR_ERROR_BYTES];
    must(shelf_open(shelf, fd, error) == 0, "shelf_open");
}

static int new_shelf(void)
{
    char error[STENTOR_ERROR_BYTES];
    int fd = memfd_create("spec", 0);
    must(fd >= 0 && shelf_create(fd, SHELF_BYTES, error) == 0, "shelf_create");
    return fd;
}

/* What the next writer finds and does, in a copy. */
static void go_on(const struct shelf *shelf)
{
    struct shelf next;
    int copy = memfd_create("copy", 0);
    must(write(copy, shelf->header, shelf->bytes) == (ssize_t)shelf->bytes,
         "copy");
    open_shelf(&next, copy);
    uint64_t before[NAMES];
    for (unsigned i = 0; i < NAMES; i++)
        before[i] = read_version(&next, i);
    for (uint64_t version = 900; version < 905; version++)
        put(&next, 2, version);
    for (unsigned i = 0; i < NAMES; i++)
        must(read_version(&next, i) == (i == 2 ? 904 : before[i]), "go on");
    must(next.header->damaged == 0, "damage");
    shelf_close(&next);
    close(copy);
}

static void write_traced(int fd)
{
    struct shelf shelf;
    open_shelf(&shelf, fd);
    must(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "PTRACE_TRACEME");
    raise(SIGSTOP);
    put(&shelf, 0, 2);    /* replaces version 1 */
    put(&shelf, 3, 1000); /* is new */
    shelf_remove(&shelf, name_of(1));
    _exit(0);
}

/* Each record goes from its old version to its new one, once. */
static void steps(void)
{
    struct shelf shelf;
    int fd = new_shelf(), status;
    open_shelf(&shelf, fd);
    put(&shelf, 0, 1);
    put(&shelf, 1, 500);
    pid_t writer = fork();
    if (writer == 0)
        write_traced(fd);
    must(waitpid(writer, &status, 0) == writer && WIFSTOPPED(status), "stop");
    uint64_t seen[NAMES] = { 1, 500, 0, 0 };
    const uint64_t last[NAMES] = { 2, 0, 0, 1000 };
    unsigned count = 0, changes = 0;
    for (;; count++) {
        if (ptrace(PTRACE_SINGLESTEP, writer, NULL, NULL) != 0)
            must(errno == ESRCH, "PTRACE_SINGLESTEP");
        must(waitpid(writer, &status, 0) == writer, "waitpid");
        if (!WIFSTOPPED(status))
            break;
        for (unsigned i = 0; i < NAMES; i++) {
            uint64_t version = read_version(&shelf, i);
            if (version == seen[i])
                continue;
            must(version == last[i], "a version from nowhere");
            seen[i] = version;
            changes++;
        }
        if (count % 50 == 0)
            go_on(&shelf);
    }
    must(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the writer");
    printf("steps %u\nchanges %u\n", count, changes);
}

static void write_on(int fd, uint64_t *begun, uint64_t *done)
{
    struct shelf shelf;
    open_shelf(&shelf, fd);
    alarm(30);
    for (;;) {
        uint64_t version = *done + 1;
        __atomic_store_n(begun, version, __ATOMIC_SEQ_CST);
        put(&shelf, (unsigned)(version % NAMES), version);
        __atomic_store_n(done, version, __ATOMIC_SEQ_CST);
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void kills(void)
{
    int fd = new_shelf();
    uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "mmap");
    unsigned count = 0, cut = 0;
    double end = seconds_now() + 2;
    for (; seconds_now() < end; count++) {
        uint64_t before = shared[1];
        pid_t writer = fork();
        if (writer == 0)
            write_on(fd, &shared[0], &shared[1]);
        while (__atomic_load_n(&shared[1], __ATOMIC_SEQ_CST) == before)
            usleep(20);
        usleep((unsigned)rand() % 1000);
        kill(writer, SIGKILL);
        must(waitpid(writer, NULL, 0) == writer, "waitpid");
        struct shelf shelf;
        open_shelf(&shelf, fd);
        uint64_t begun = shared[0], done = shared[1];
        cut += begun != done;
        for (uint64_t i = 0; i < NAMES && done > NAMES; i++) {
            uint64_t version =
                read_version(&shelf, (unsigned)(done - i) % NAMES);
            must(version == done - i || (i == NAMES - 1 && version == begun),
                 "neither old nor new");
        }
        must(shelf.header->damaged == 0, "damage");
        shelf_close(&shelf);
    }
    printf("kills %u\ncut %u\nputs %lu\n", count, cut, shared[1]);
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "steps") == 0)
        steps();
    else
        kills();
    return 0;
}
