/* SPDX-License-Identifier: MIT */
/*
 * Assertions that stay in release builds, and magic numbers for structs that
 * travel through `void *`. An assertion is for a wrong program, never for
 * wrong input: what a client or a user gets wrong is answered, not asserted.
 */
#ifndef STENTOR_BASE_CHECK_H
#define STENTOR_BASE_CHECK_H

#include <stddef.h>
#include <stdint.h>

/* Ends the process with the text, file and line when `condition` is false. */
#define CHECK(condition) \
    ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

/* The struct behind `pointer`, which must carry `expected` as its magic. */
#define CHECK_CAST(type, pointer, expected) \
    ((type *)check_magic((pointer), (expected), __FILE__, __LINE__))

_Noreturn void check_failed(const char *condition, const char *file, int line);

/* Returns `object`; its first member must be a uint32_t equal to `expected`. */
void *check_magic(void *object, uint32_t expected, const char *file, int line);

#endif
