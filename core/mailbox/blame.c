/* SPDX-License-Identifier: MIT */
/* The brain writes while it lives, the supervisor once it is dead or hangs: so
   there is no lock. A text that is read in the midst of being written is wrong
   for one log line; it always ends within its room. */
#include "mailbox/blame.h"

#include <stdbool.h>
#include <string.h>

static void put(char *room, size_t bytes, struct text text)
{
    size_t size = text.size < bytes - 1 ? text.size : bytes - 1;
    if (size > 0)
        memcpy(room, text.bytes, size);
    room[size] = '\0';
}

void blame_set(struct blame *blame, struct text title, struct text source,
               uint64_t position)
{
    put(blame->title, sizeof blame->title, title);
    put(blame->record.source, sizeof blame->record.source, source);
    blame->record.position = position;
}

static bool is_same(const struct blame_record *record, const char *source,
                    uint64_t position)
{
    return record->position == position &&
           strncmp(record->source, source, sizeof record->source) == 0;
}

/* Its place among the suspects; BLAME_SUSPECTS if it is none. */
static uint32_t find(const struct blame *blame, const char *source,
                     uint64_t position)
{
    uint32_t at = 0;
    while (at < BLAME_SUSPECTS &&
           !is_same(&blame->suspects[at], source, position))
        at++;
    return at;
}

uint64_t blame_deaths(const struct blame *blame, struct text source,
                      uint64_t position)
{
    char name[BLAME_SOURCE_BYTES];
    put(name, sizeof name, source);
    if (name[0] == '\0')
        return 0;
    uint32_t at = find(blame, name, position);
    return at < BLAME_SUSPECTS ? blame->suspects[at].deaths : 0;
}

void blame_pass_over(struct blame *blame)
{
    __atomic_fetch_add(&blame->passed_over, 1, __ATOMIC_RELAXED);
}

void blame_title(const struct blame *blame, char title[BLAME_TITLE_BYTES])
{
    memcpy(title, blame->title, BLAME_TITLE_BYTES);
    title[BLAME_TITLE_BYTES - 1] = '\0';
}

void blame_death(struct blame *blame)
{
    struct blame_record guilty = blame->record;
    guilty.source[sizeof guilty.source - 1] = '\0';
    blame->title[0] = '\0';
    blame->record.source[0] = '\0';
    if (guilty.source[0] == '\0')
        return;
    uint32_t at = find(blame, guilty.source, guilty.position);
    guilty.deaths = 1;
    if (at < BLAME_SUSPECTS)
        guilty.deaths += blame->suspects[at].deaths;
    else
        at = BLAME_SUSPECTS - 1;
    memmove(&blame->suspects[1], &blame->suspects[0],
            at * sizeof *blame->suspects);
    blame->suspects[0] = guilty;
}
