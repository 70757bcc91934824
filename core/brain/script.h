/* SPDX-License-Identifier: MIT */
/*
 * The Lua state. script.c is the only file that includes lua.h: C enters Lua
 * through the functions here, and Lua comes back through the leaves of ffi.h.
 */
#ifndef STENTOR_BRAIN_SCRIPT_H
#define STENTOR_BRAIN_SCRIPT_H

#include <uv.h>

struct script;
struct stentor_brain;

/* A Lua state with the modules of lua/; luv works on `loop`, which may be NULL
   where nothing will run. */
struct script *script_new(uv_loop_t *loop);
void script_free(struct script *script);

/* Loads the config without effects. NULL if all is well, else what is wrong,
   one mistake a line; valid until the next call. */
const char *script_check(struct script *script, const char *config_path);

/* As script_check, and hands the plan to the brain. */
const char *script_start(struct script *script, struct stentor_brain *brain,
                         const char *config_path);

/* Lets Lua take what is in the inbox. */
void script_pump(struct script *script);

#endif
