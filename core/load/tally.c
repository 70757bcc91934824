/* SPDX-License-Identifier: MIT */
#include "load/tally.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

uint64_t load_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

const char *load_error_name(enum load_error kind)
{
    static const char *const names[] = {
#define LOAD_ERROR_NAME(name, text) text,
        LOAD_ERRORS(LOAD_ERROR_NAME)
#undef LOAD_ERROR_NAME
    };
    return names[kind];
}

enum load_error load_error_from_errno(int number)
{
    switch (number) {
    case ECONNREFUSED:
        return LOAD_ERROR_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return LOAD_ERROR_RESET;
    case ETIMEDOUT:
        return LOAD_ERROR_TIMEOUT;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case EMFILE:
    case ENFILE:
        return LOAD_ERROR_LOCAL;
    default:
        return LOAD_ERROR_NETWORK;
    }
}

enum load_error load_error_from_head(const struct response_head *head)
{
    if (head->status >= 300 && head->status < 400)
        return LOAD_ERROR_REDIRECT;
    if (head->status != 200)
        return LOAD_ERROR_STATUS;
    if (!head->is_event_stream)
        return LOAD_ERROR_TYPE;
    return head->is_encoded ? LOAD_ERROR_ENCODING : LOAD_ERROR_COUNT;
}

static size_t shared_bytes(size_t process_count)
{
    return sizeof(struct load_shared) +
           process_count * sizeof(struct load_tally);
}

struct load_shared *load_shared_new(size_t process_count)
{
    struct load_shared *shared =
        mmap(NULL, shared_bytes(process_count), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return NULL;
    shared->process_count = process_count;
    return shared;
}

void load_shared_free(struct load_shared *shared)
{
    munmap(shared, shared_bytes(shared->process_count));
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a | b;
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void load_tally_merge(struct load_tally *into, const struct load_tally *from)
{
    into->opened += from->opened;
    into->live += from->live;
    into->stood += from->stood;
    into->reconnects += from->reconnects;
    into->reopened += from->reopened;
    into->replayed += from->replayed;
    into->resumed += from->resumed;
    into->slow += from->slow;
    into->slow_dropped += from->slow_dropped;
    for (int i = 0; i < LOAD_ERROR_COUNT; i++)
        into->errors[i] += from->errors[i];
    into->first_connect_us =
        earlier(into->first_connect_us, from->first_connect_us);
    into->last_open_us = later(into->last_open_us, from->last_open_us);
    into->last_event_us = later(into->last_event_us, from->last_event_us);
    into->events += from->events;
    into->other += from->other;
    into->bytes += from->bytes;
    into->lost += from->lost;
    into->duplicated += from->duplicated;
    into->reordered += from->reordered;
    into->gaps += from->gaps;
    into->cpu_us += from->cpu_us;
    load_histogram_merge(&into->connect, &from->connect);
    load_histogram_merge(&into->first_byte, &from->first_byte);
    load_histogram_merge(&into->first_event, &from->first_event);
    load_histogram_merge(&into->back, &from->back);
    load_histogram_merge(&into->latency, &from->latency);
    load_histogram_merge(&into->lag, &from->lag);
    if (into->answer[0] == '\0')
        memcpy(into->answer, from->answer, sizeof into->answer);
}
