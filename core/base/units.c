/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *suffix;
    double factor;
};

static bool parse(const char *text, const struct unit *units, size_t count,
                  double *value)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    double number = strtod(text, &end);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i].suffix) == 0) {
            *value = number * units[i].factor;
            return *value < 9e15;
        }
    }
    return false;
}

static bool parse_whole(const char *text, const struct unit *units,
                        size_t count, uint64_t *whole)
{
    double value;
    if (!parse(text, units, count, &value))
        return false;
    *whole = (uint64_t)(value + 0.5);
    return true;
}

bool units_parse_duration(const char *text, uint64_t *milliseconds)
{
    static const struct unit units[] = { { "", 1e3 },    { "ms", 1 },
                                         { "s", 1e3 },   { "m", 6e4 },
                                         { "h", 3.6e6 }, { "d", 8.64e7 } };
    return parse_whole(text, units, sizeof units / sizeof *units, milliseconds);
}

bool units_parse_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = { { "", 1 },
                                         { "k", 1024 },
                                         { "K", 1024 },
                                         { "M", 1048576 },
                                         { "G", 1073741824 } };
    return parse_whole(text, units, sizeof units / sizeof *units, bytes);
}

bool units_parse_count(const char *text, uint64_t *count)
{
    static const struct unit units[] = { { "", 1 },
                                         { "k", 1e3 },
                                         { "M", 1e6 } };
    return parse_whole(text, units, sizeof units / sizeof *units, count);
}

bool units_parse_share(const char *text, double *share)
{
    static const struct unit units[] = { { "", 1 }, { "%", 0.01 } };
    return parse(text, units, sizeof units / sizeof *units, share) &&
           *share <= 1;
}
