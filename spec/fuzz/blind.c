/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target without libFuzzer: on each seed, then on `rounds` seeds
 * with a few bytes changed, cut out, doubled or joined with another seed's.
 *
 *   fuzz-NAME ROUNDS SEED FILE…
 *
 * SEED repeats a run. Before each round the input is written to the file that
 * FUZZ_INPUT names, if it does, so that it is there when the process dies.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "fuzz/input.h"

enum { INPUT_MAX = 8192, CHANGES_MAX = 6 };

static uint64_t state;

/* xorshift64*: below `limit`. */
static uint32_t random_below(size_t limit)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1dU >> 33) % limit);
}

static void read_file(const char *path, struct buffer *to)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    ssize_t got = read(fd, buffer_reserve(to, INPUT_MAX), INPUT_MAX);
    CHECK(got >= 0);
    to->size += (size_t)got;
    close(fd);
}

static void change(struct buffer *input, const struct buffer *other)
{
    if (input->size == 0)
        buffer_add(input, "", 1);
    size_t at = random_below(input->size + 1);
    size_t size = random_below(input->size - at + 1);
    switch (random_below(5)) {
    case 0:
    case 1:
        if (at < input->size)
            input->bytes[at] = (char)random_below(256);
        break;
    case 2: /* cut out */
        memmove(input->bytes + at, input->bytes + at + size,
                input->size - at - size);
        input->size -= size;
        break;
    case 3: /* doubled, at the end */
        buffer_reserve(input, size);
        buffer_add(input, input->bytes + at, size);
        break;
    default: /* the rest is another's */
        input->size = at;
        if (other->size > 0) {
            size_t from = random_below(other->size);
            buffer_add(input, other->bytes + from, other->size - from);
        }
    }
    if (input->size > INPUT_MAX)
        input->size = INPUT_MAX;
}

static void keep(const struct buffer *input)
{
    const char *path = getenv("FUZZ_INPUT");
    if (path == NULL)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    CHECK(write(fd, input->bytes, input->size) == (ssize_t)input->size);
    close(fd);
}

static void run(const struct buffer *input)
{
    keep(input);
    LLVMFuzzerTestOneInput((const uint8_t *)input->bytes, input->size);
}

int main(int count, char **words)
{
    CHECK(count > 3);
    unsigned long rounds = strtoul(words[1], NULL, 10);
    state = strtoull(words[2], NULL, 10) * 2 + 1; /* never 0 */
    size_t seed_count = (size_t)count - 3;
    struct buffer *seeds = xcalloc(seed_count, sizeof *seeds), input;
    buffer_init(&input);
    for (size_t i = 0; i < seed_count; i++) {
        read_file(words[3 + i], &seeds[i]);
        run(&seeds[i]);
    }
    for (unsigned long i = 0; i < rounds; i++) {
        const struct buffer *seed = &seeds[random_below(seed_count)];
        input.size = 0;
        buffer_add(&input, seed->bytes, seed->size);
        for (uint32_t n = 1 + random_below(CHANGES_MAX); n > 0; n--)
            change(&input, &seeds[random_below(seed_count)]);
        run(&input);
    }
    for (size_t i = 0; i < seed_count; i++)
        buffer_done(&seeds[i]);
    buffer_done(&input);
    free(seeds);
    return 0;
}
