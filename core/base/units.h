/* SPDX-License-Identifier: MIT */
/*
 * Quantities as people write them on the command line: "10s", "64k", "1%".
 * The same spellings as in config.lua (lua/units.lua).
 */
#ifndef STENTOR_BASE_UNITS_H
#define STENTOR_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* "250ms" "15s" "10m" "1h" "2d" to milliseconds; a number alone is seconds. */
bool units_parse_duration(const char *text, uint64_t *milliseconds);

/* "512" "64k" "1M" "2G", powers of 1024, to bytes. */
bool units_parse_size(const char *text, uint64_t *bytes);

/* "250" "50k" "1M", powers of 1000, to a count. */
bool units_parse_count(const char *text, uint64_t *count);

/* "1%" or "0.01" to a share between 0 and 1. */
bool units_parse_share(const char *text, double *share);

#endif
