/* SPDX-License-Identifier: MIT */
#include "kafka/library.h"

#include <dlfcn.h>
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

const struct kafka_functions *kafka_loaded; /* a library is the process's */

const struct kafka_functions *kafka_load(void)
{
    static struct kafka_functions functions;
    void *library = dlopen(SONAME, RTLD_NOW);
    if (library == NULL)
        give_up();
#define KAFKA_FIND(name) functions.name = find(library, #name);
    KAFKA_FUNCTIONS(KAFKA_FIND)
#undef KAFKA_FIND
    kafka_loaded = &functions;
    return kafka_loaded;
}
