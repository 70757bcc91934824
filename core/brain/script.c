/* SPDX-License-Identifier: MIT */
#include "brain/script.h"

#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "brain/embedded.h"
#include "brain/ffi_role.h"

/* Debian's archives of lua-cjson and luv; their headers would bring lua.h of
   another version along. */
int luaopen_cjson(lua_State *lua);
int luaopen_luv(lua_State *lua);
void luv_set_loop(lua_State *lua, uv_loop_t *loop);

struct script {
    lua_State *lua;
    int pump;    /* registry reference of boot.pump; LUA_NOREF before start */
    bool inside; /* Lua is running: no leaf may enter it again */
};

/* --- loading takes a bounded time --- */

enum { LOADING_MS = 5000, LOADING_LAST_MS = 1000 };

/*
 * A config that loops for ever is stopped where it stands: a signal sets a
 * hook, and the hook throws. Only an interpreted loop sees hooks, so nothing is
 * compiled while loading. A signal's handler has no argument: hence these two.
 */
static lua_State *volatile loading; /* NULL: nothing is being loaded */
static volatile sig_atomic_t loading_late;

static void stop_loading(lua_State *lua, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(lua, NULL, 0, 0);
    lua_pushliteral(lua, "loading takes too long: an endless loop? "
                         "(supervise { brain_timeout = … } allows more)");
    lua_error(lua); /* lua/config/loader.lua finds the line */
}

static void on_loading_late(int number)
{
    (void)number;
    if (loading == NULL)
        return;
    if (!loading_late) {
        loading_late = 1;
        lua_sethook(loading, stop_loading, LUA_MASKCOUNT, 1);
        return;
    }
    /* It catches errors, or does not come back from a function of C's. */
    static const char text[] =
        "stentor: loading the config takes too long and cannot be stopped: is "
        "there an endless loop?\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(1);
}

static void set_alarm(double ms)
{
    struct itimerval timer = {
        .it_value = { .tv_sec = (time_t)(ms / 1000),
                      .tv_usec = (suseconds_t)(ms * 1000) % 1000000 },
        .it_interval = { .tv_sec = LOADING_LAST_MS / 1000 },
    };
    setitimer(ITIMER_REAL, &timer, NULL);
}

void stentor_loading_time(double ms)
{
    if (loading != NULL && ms >= 1)
        set_alarm(ms);
}

static void begin_loading(lua_State *lua)
{
    struct sigaction action = { .sa_handler = on_loading_late };
    luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    loading = lua;
    loading_late = 0;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    set_alarm(LOADING_MS);
}

static void end_loading(lua_State *lua)
{
    static const struct itimerval none;
    loading = NULL;
    setitimer(ITIMER_REAL, &none, NULL);
    lua_sethook(lua, NULL, 0, 0);
    luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
}

/* require "stentor.config.words" → lua/config/words.lua */
static int load_module(lua_State *lua)
{
    static const char prefix[] = "stentor.";
    const char *name = luaL_checkstring(lua, 1);
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return 0;
    char path[256];
    int length =
        snprintf(path, sizeof path, "lua/%s.lua", name + sizeof prefix - 1);
    if (length < 0 || (size_t)length >= sizeof path)
        return luaL_error(lua, "module name too long: %s", name);
    for (char *dot = strchr(path, '.'); dot < path + length - 4;
         dot = strchr(dot, '.'))
        *dot = '/';
    size_t size;
    char *owned;
    const char *text = embedded_read(path, &size, &owned);
    if (text == NULL) {
        lua_pushfstring(lua, "\n\tno file '%s' in the binary", path);
        return 1;
    }
    char chunk[260];
    snprintf(chunk, sizeof chunk, "@%s", path);
    int failed = luaL_loadbuffer(lua, text, size, chunk);
    free(owned);
    return failed ? lua_error(lua) : 1;
}

/* require "stentor.embedded": path → text or nil */
static int read_embedded(lua_State *lua)
{
    size_t size;
    char *owned;
    const char *text = embedded_read(luaL_checkstring(lua, 1), &size, &owned);
    if (text == NULL) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushlstring(lua, text, size);
    free(owned);
    return 1;
}

static int open_embedded(lua_State *lua)
{
    lua_pushcfunction(lua, read_embedded);
    return 1;
}

/* Our loader goes before those that look on the disk. */
static void install_loader(lua_State *lua)
{
    lua_getglobal(lua, "package");
    lua_getfield(lua, -1, "loaders");
    for (int i = (int)lua_objlen(lua, -1); i >= 2; i--) {
        lua_rawgeti(lua, -1, i);
        lua_rawseti(lua, -2, i + 1);
    }
    lua_pushcfunction(lua, load_module);
    lua_rawseti(lua, -2, 2);
    lua_pop(lua, 1);
    lua_getfield(lua, -1, "preload");
    lua_pushcfunction(lua, luaopen_cjson);
    lua_setfield(lua, -2, "cjson");
    lua_pushcfunction(lua, luaopen_luv);
    lua_setfield(lua, -2, "luv");
    lua_pushcfunction(lua, open_embedded);
    lua_setfield(lua, -2, "stentor.embedded");
    lua_pop(lua, 2);
}

struct script *script_new(uv_loop_t *loop)
{
    struct script *script = xcalloc(1, sizeof *script);
    script->lua = luaL_newstate();
    script->pump = LUA_NOREF;
    CHECK(script->lua != NULL);
    luaL_openlibs(script->lua);
    install_loader(script->lua);
    if (loop != NULL)
        luv_set_loop(script->lua, loop);
    return script;
}

void script_free(struct script *script)
{
    lua_close(script->lua);
    free(script);
}

static int add_traceback(lua_State *lua)
{
    const char *message = lua_tostring(lua, 1);
    luaL_traceback(lua, lua, message != NULL ? message : "(no message)", 1);
    return 1;
}

/* Calls the function below its `count` arguments; false with the error text on
   the stack. Every way into Lua is this one. */
static bool enter(struct script *script, int count, int results)
{
    lua_State *lua = script->lua;
    int handler = lua_gettop(lua) - count;
    CHECK(!script->inside);
    lua_pushcfunction(lua, add_traceback);
    lua_insert(lua, handler);
    script->inside = true;
    int failed = lua_pcall(lua, count, results, handler);
    script->inside = false;
    lua_remove(lua, handler);
    return !failed;
}

/* Pushes function `name` of lua/boot.lua; false with the error text there. */
static bool push_boot(struct script *script, const char *name)
{
    lua_State *lua = script->lua;
    lua_getglobal(lua, "require");
    lua_pushliteral(lua, "stentor.boot");
    if (!enter(script, 1, 1))
        return false;
    lua_getfield(lua, -1, name);
    lua_remove(lua, -2);
    return true;
}

/* The text that the call returned or threw; NULL if it returned nil. */
static const char *result_text(struct script *script)
{
    return lua_isnil(script->lua, -1) ? NULL : lua_tostring(script->lua, -1);
}

const char *script_check(struct script *script, const char *config_path)
{
    lua_State *lua = script->lua;
    lua_settop(lua, 0);
    begin_loading(lua);
    if (push_boot(script, "check")) {
        lua_pushstring(lua, config_path);
        enter(script, 1, 1);
    }
    end_loading(lua);
    return result_text(script);
}

const char *script_start(struct script *script, struct stentor_brain *brain,
                         const char *config_path)
{
    lua_State *lua = script->lua;
    lua_settop(lua, 0);
    begin_loading(lua);
    if (push_boot(script, "start")) {
        lua_pushlightuserdata(lua, brain);
        lua_pushstring(lua, config_path);
        enter(script, 2, 1);
    }
    end_loading(lua);
    const char *wrong = result_text(script);
    if (wrong != NULL || !push_boot(script, "pump"))
        return result_text(script);
    script->pump = luaL_ref(lua, LUA_REGISTRYINDEX);
    return NULL;
}

void script_pump(struct script *script)
{
    lua_State *lua = script->lua;
    CHECK(script->pump != LUA_NOREF);
    lua_settop(lua, 0);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, script->pump);
    if (!enter(script, 0, 0)) {
        /* Handlers catch their own errors: this one is ours. */
        size_t size;
        const char *text = lua_tolstring(lua, -1, &size);
        log_bytes(LOG_ERROR, text, size);
    }
}
