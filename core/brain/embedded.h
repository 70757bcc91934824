/* SPDX-License-Identifier: MIT */
/*
 * The Lua files that are in the binary (CMakeLists.txt puts them there), by
 * their path in the source tree: "lua/boot.lua", "plugins/ticker.lua",
 * "core/brain/ffi.h".
 */
#ifndef STENTOR_BRAIN_EMBEDDED_H
#define STENTOR_BRAIN_EMBEDDED_H

#include <stddef.h>

/*
 * The text of `path`, or NULL. With STENTOR_LUA=dir in the environment files
 * under lua/ and plugins/ are read from dir; then `*owned` must be freed, else
 * it is set to NULL.
 */
const char *embedded_read(const char *path, size_t *size, char **owned);

#endif
