/* SPDX-License-Identifier: MIT */
#include "brain/embedded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

struct embedded_file {
    const char *path;
    const char *bytes;
    size_t size;
};

/* Ended by a row of zeros; made by CMakeLists.txt. */
extern const struct embedded_file embedded_files[];

static char *read_file(const char *directory, const char *path, size_t *size)
{
    char name[4096];
    int length = snprintf(name, sizeof name, "%s/%s", directory, path);
    if (length < 0 || (size_t)length >= sizeof name)
        return NULL;
    FILE *file = fopen(name, "re");
    if (file == NULL)
        return NULL;
    struct buffer text;
    buffer_init(&text);
    size_t got;
    do {
        got = fread(buffer_reserve(&text, 65536), 1, 65536, file);
        text.size += got;
    } while (got > 0);
    fclose(file);
    *size = text.size;
    return text.bytes;
}

const char *embedded_read(const char *path, size_t *size, char **owned)
{
    *owned = NULL;
    const char *directory = getenv("STENTOR_LUA");
    if (directory != NULL &&
        (strncmp(path, "lua/", 4) == 0 || strncmp(path, "plugins/", 8) == 0)) {
        *owned = read_file(directory, path, size);
        return *owned;
    }
    for (const struct embedded_file *file = embedded_files; file->path != NULL;
         file++) {
        if (strcmp(file->path, path) == 0) {
            *size = file->size;
            return file->bytes;
        }
    }
    return NULL;
}
