/* SPDX-License-Identifier: MIT */
/* Beside binding.c: a journal of so many events, for hot.lua. Their keys go
   round. */
#include <stdio.h>
#include <string.h>

#include "brain/ffi_lasting.h"

enum { KEYS = 1000, BATCH = 1000 };

static uint64_t size, at;

void journal_grow(uint64_t count);
uint64_t journal_left(void);

static struct stentor_text key_of(uint64_t number)
{
    static char keys[KEYS][8];
    char *key = keys[number % KEYS];
    if (key[0] == '\0')
        snprintf(key, sizeof keys[0], "k%u", (unsigned)(number % KEYS));
    return (struct stentor_text){ key, (uint32_t)strlen(key) };
}

void journal_grow(uint64_t count)
{
    size += count;
}

uint64_t journal_left(void)
{
    return size - at;
}

void stentor_follow(struct stentor_brain *brain)
{
    (void)brain;
}

double stentor_head(struct stentor_brain *brain)
{
    (void)brain;
    return (double)size;
}

int stentor_seek(struct stentor_brain *brain, struct stentor_cursor *cursor)
{
    (void)brain;
    cursor->behind = size - at;
    return 0;
}

int stentor_read(struct stentor_brain *brain, struct stentor_cursor *cursor,
                 const uint32_t *channels, uint32_t count,
                 struct stentor_entry *entries, uint32_t max)
{
    static const char data[] = "{\"x\":{\"y\":12.5}}";
    (void)brain, (void)channels, (void)count, (void)max;
    uint32_t found = 0;
    for (; found < BATCH && at < size; found++, at++) {
        entries[found] = (struct stentor_entry){
            .seq = at + 1,
            .time_ms = 1700000000000 + at,
            .data = { data, sizeof data - 1 },
            .key = key_of(at),
        };
    }
    cursor->seq = at;
    cursor->behind = size - at;
    return (int)found;
}

void stentor_id(struct stentor_brain *brain, uint64_t seq, char *id)
{
    (void)brain, (void)seq;
    strcpy(id, "an-id");
}

int stentor_keep_put(struct stentor_brain *brain, const char *name,
                     uint32_t name_size, const char *bytes, uint32_t bytes_size)
{
    (void)brain, (void)name, (void)name_size, (void)bytes, (void)bytes_size;
    return 0;
}

int stentor_keep_get(struct stentor_brain *brain, const char *name,
                     uint32_t name_size, struct stentor_text *bytes)
{
    (void)brain, (void)name, (void)name_size, (void)bytes;
    return -5;
}
