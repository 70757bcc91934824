/* SPDX-License-Identifier: MIT */
/* The command line: one binary, one function for each thing it can be. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/unistd.h>

#include "brain/brain.h"
#include "kafka/embedded.h"
#include "load/load.h"
#include "supervisor/client.h"
#include "supervisor/supervisor.h"
#include "supervisor/system.h"
#include "worker/worker.h"

static const char usage[] =
    "stentor: a Lua-scriptable Server-Sent-Events server\n"
    "\n"
    "  stentor [run] [config.lua]   serve; config.lua in this folder by "
    "default\n"
    "  stentor check [config.lua]   say all that is wrong with it; exit code 0 "
    "or 1\n"
    "  stentor check --system [config.lua]\n"
    "                               say what of this machine is too low for "
    "it\n"
    "  stentor reload [config.lua]  let the server that runs with it read it "
    "again\n"
    "  stentor status [--json] [config.lua]\n"
    "                               say how that server is\n"
    "  stentor drain [config.lua]   end its streams and refuse new ones; a "
    "reload\n"
    "                               ends that\n"
    "  stentor load URL …           load test any SSE server; stentor load "
    "--help\n"
    "  stentor version              print the version\n"
    "  stentor help                 print this\n"
    "\n"
    "Environment:\n"
    "  STENTOR_LUA=dir   read Lua files from dir/lua and dir/plugins instead "
    "of\n"
    "                    those in the binary\n";

static int complain(const char *what, const char *argument)
{
    fprintf(stderr, "stentor: %s: %s (try: stentor help)\n", what, argument);
    return 1;
}

/* `stentor child ROLE NUMBER PARENT`, as the supervisor starts its children. */
static int run_child(char **arguments)
{
    int number = atoi(arguments[1]);
    long parent = atol(arguments[2]);
    if (strcmp(arguments[0], "worker") == 0)
        return worker_main(number, (pid_t)parent);
    if (strcmp(arguments[0], "brain") == 0)
        return brain_main((pid_t)parent);
    if (strcmp(arguments[0], "kafka") == 0)
        return embedded_main((pid_t)parent);
    return complain("unknown role", arguments[0]);
}

static const char *config_path(int count, char **arguments)
{
    return count > 0 ? arguments[0] : "config.lua";
}

/* Whether `option` is among the arguments, and takes it out of them. */
static bool take_option(const char *option, int *count, char **arguments)
{
    for (int i = 0; i < *count; i++) {
        if (strcmp(arguments[i], option) != 0)
            continue;
        (*count)--;
        for (int k = i; k < *count; k++)
            arguments[k] = arguments[k + 1];
        return true;
    }
    return false;
}

static int check_system(const char *path)
{
    struct stentor_plan plan;
    return brain_plan(path, &plan) == 0 ? system_check(&plan, stdout) : 1;
}

int main(int argc, char **argv, char **environment)
{
    setproctitle_init(argc, argv, environment);
    const char *command = argc > 1 ? argv[1] : "run";
    int count = argc > 2 ? argc - 2 : 0;
    char **arguments = argv + (argc - count);

    if (strcmp(command, "child") == 0 && count == 3)
        return run_child(arguments);
    if (strcmp(command, "load") == 0)
        return load_main(count, arguments);
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 ||
        strcmp(command, "-h") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0) {
        puts("stentor " STENTOR_VERSION " (" STENTOR_REVISION ")");
        return 0;
    }
    if (take_option("--help", &count, arguments) ||
        take_option("-h", &count, arguments)) {
        fputs(usage, stdout);
        return 0;
    }
    bool to_server = strcmp(command, "reload") == 0 ||
                     strcmp(command, "status") == 0 ||
                     strcmp(command, "drain") == 0;
    bool json = strcmp(command, "status") == 0 &&
                take_option("--json", &count, arguments);
    bool of_system = strcmp(command, "check") == 0 &&
                     take_option("--system", &count, arguments);
    if (count > 0 && arguments[0][0] == '-')
        return complain("unknown option", arguments[0]);
    if (count > 1)
        return complain("too many arguments", arguments[1]);
    if (to_server)
        return client_main(command, config_path(count, arguments), json);
    if (of_system)
        return check_system(config_path(count, arguments));
    if (strcmp(command, "check") == 0)
        return brain_check(config_path(count, arguments));
    if (strcmp(command, "run") == 0)
        return supervisor_main(config_path(count, arguments));
    if (argc == 2 && strstr(command, ".lua") != NULL)
        return supervisor_main(command);
    return complain("unknown command", command);
}
