/* SPDX-License-Identifier: MIT */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "stentor: bug at %s:%d: %s does not hold\n", file, line,
            condition);
    abort();
}

void *check_magic(void *object, uint32_t expected, const char *file, int line)
{
    if (object == NULL || *(const uint32_t *)object != expected)
        check_failed("magic", file, line);
    return object;
}
