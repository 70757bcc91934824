/* SPDX-License-Identifier: MIT */
#include "kafka/library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define SONAME "librdkafka.so.1"

_Noreturn static void give_up(void)
{
    fprintf(stderr,
            "stentor: Kafka needs %s, which is not to be had (%s); "
            "Debian has it in the package librdkafka1\n",
            SONAME, dlerror());
    exit(1);
}

static void *find(void *library, const char *name)
{
    void *function = dlsym(library, name);
    if (function == NULL)
        give_up();
    return function;
}

const struct kafka_functions *kafka_library(void)
{
    static struct kafka_functions functions; /* a library is the process's */
    static bool is_loaded;
    if (is_loaded)
        return &functions;
    void *library = dlopen(SONAME, RTLD_NOW);
    if (library == NULL)
        give_up();
#define KAFKA_FIND(name) functions.name = find(library, #name);
    KAFKA_FUNCTIONS(KAFKA_FIND)
#undef KAFKA_FIND
    is_loaded = true;
    return &functions;
}
