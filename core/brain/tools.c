/* SPDX-License-Identifier: MIT */
/* The small exports of ffi.h: clocks, errors, counters, the log. */
#include <string.h>
#include <time.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "brain/ffi_role.h"
#include "brain/process.h"

int stentor_abi(void)
{
    return STENTOR_ABI;
}

const char *stentor_error_name(int code)
{
    return error_name(code);
}

const char *stentor_error_text(int code)
{
    return error_text(code);
}

static double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)(now.tv_nsec / 1000) / 1e3;
}

double stentor_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

double stentor_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

void stentor_log(int level, const char *text, uint32_t size)
{
    if (level >= LOG_DEBUG && level <= LOG_ERROR)
        log_bytes((enum log_level)level, text, size);
}

static struct blame *blame_of(const struct stentor_brain *brain)
{
    return &brain->board.header->brain.blame;
}

void stentor_doing(struct stentor_brain *brain,
                   const struct stentor_doing *doing)
{
    if (brain->in_charge)
        blame_set(
            blame_of(brain), text_of(doing->title.bytes, doing->title.size),
            text_of(doing->source.bytes, doing->source.size), doing->position);
}

uint32_t stentor_deaths(struct stentor_brain *brain, const char *source,
                        uint32_t source_size, uint64_t position)
{
    if (!brain->in_charge)
        return 0;
    return (uint32_t)blame_deaths(blame_of(brain), text_of(source, source_size),
                                  position);
}

double stentor_pass_over(struct stentor_brain *brain)
{
    if (!brain->in_charge)
        return 0;
    blame_pass_over(blame_of(brain));
    return (double)blame_of(brain)->passed_over;
}

int stentor_drained(struct stentor_brain *brain)
{
    return brain->in_charge && __atomic_load_n(&brain->board.header->drained,
                                               __ATOMIC_RELAXED) != 0;
}

/* Behind the counters of the board stand numbers that also go down, and those
   of the shelf. */
static const char *const others[] = { "connections", "streams", "kept_bytes",
                                      "kept_refused", "kept_damaged" };

static double other(const struct stentor_brain *brain, uint32_t index)
{
    const struct shelf_header *shelf = brain->shelf.header;
    switch (index) {
    case 0:
        return board_connections(&brain->board);
    case 1:
        return board_streams(&brain->board);
    case 2:
        return (double)shelf->used_blocks * SHELF_BLOCK_BYTES;
    case 3:
        return (double)shelf->refused;
    default:
        return (double)shelf->damaged;
    }
}

const char *stentor_counter_name(uint32_t index)
{
    if (index < COUNTERS)
        return board_counter_name(index);
    index -= COUNTERS;
    return index < sizeof others / sizeof *others ? others[index] : NULL;
}

double stentor_counter(struct stentor_brain *brain, uint32_t index)
{
    if (!brain->in_charge || stentor_counter_name(index) == NULL)
        return 0;
    if (index >= COUNTERS)
        return other(brain, index - COUNTERS);
    return (double)board_sum(&brain->board, (enum board_counter)index);
}

/* Of the descriptors of that process which has the fewest left. */
static double descriptor_load(const struct board *board)
{
    double most = 0;
    for (uint32_t i = 0; i < board_workers(board); i++) {
        const struct board_worker *worker = board_worker(board, i);
        uint32_t open = __atomic_load_n(&worker->connections, __ATOMIC_RELAXED);
        uint32_t room = __atomic_load_n(&worker->descriptors, __ATOMIC_RELAXED);
        if (room > 0 && (double)open / room > most)
            most = (double)open / room;
    }
    return most;
}

double stentor_load(struct stentor_brain *brain)
{
    if (!brain->in_charge)
        return 0;
    const struct stentor_limits *limits = &brain->plan.limits;
    const double loads[] = {
        (double)board_connections(&brain->board) / limits->connections,
        (double)brain->channels.open / brain->journal.header->channels_max,
        descriptor_load(&brain->board),
    };
    double most = 0;
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
        most = loads[i] > most ? loads[i] : most;
    return most < 1 ? most : 1;
}

int stentor_network(const char *text, uint32_t size,
                    struct stentor_network *network)
{
    struct network parsed;
    memset(network, 0, sizeof *network);
    if (!network_parse(text_of(text, size), &parsed))
        return STENTOR_EINVALID;
    memcpy(network->address, parsed.of.bytes, sizeof network->address);
    network->bits = parsed.bits;
    return 0;
}
