/* SPDX-License-Identifier: MIT */
#include "supervisor/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "supervisor/command_address.h"
#include "supervisor/process.h"
#include "supervisor/shutdown.h"
#include "supervisor/status.h"

enum {
    COMMAND_MAGIC = 0x444d4f43,
    COMMANDS_MAX = 16,
    COMMAND_BACKLOG = 16,
    COMMAND_LINE_BYTES = 64,
    COMMAND_LINE_MS = 5000, /* to send the line, and later to read the answer */
    COMMAND_STATUS_MS = 1000 /* for the brain to say its part */
};

enum command_wait { WAIT_LINE, WAIT_RELOAD, WAIT_STATUS, WAIT_WRITTEN };

/* One connection. */
struct command {
    uint32_t magic;
    struct list link; /* of commands.all */
    struct supervisor *supervisor;
    uv_pipe_t pipe;
    uv_timer_t timer;
    uint32_t handles_open;
    enum command_wait wait;
    uint64_t reload; /* WAIT_RELOAD: its number */
    bool json;       /* WAIT_STATUS */
    char line[COMMAND_LINE_BYTES];
    size_t line_bytes;
    uv_write_t write;
    struct buffer answer;
};

static struct command *command_of(const void *data)
{
    return CHECK_CAST(struct command, (void *)(uintptr_t)data, COMMAND_MAGIC);
}

/* --- a connection ends --- */

static void on_closed(uv_handle_t *handle)
{
    struct command *command = command_of(handle->data);
    if (--command->handles_open > 0)
        return;
    buffer_done(&command->answer);
    free(command);
}

static void end(struct command *command)
{
    if (uv_is_closing((uv_handle_t *)&command->pipe))
        return;
    list_remove(&command->link);
    command->supervisor->commands.count--;
    uv_close((uv_handle_t *)&command->pipe, on_closed);
    uv_close((uv_handle_t *)&command->timer, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    end(command_of(write->data));
}

static void on_time_over(uv_timer_t *timer);

static void await(struct command *command, enum command_wait wait, uint64_t ms)
{
    command->wait = wait;
    if (ms > 0)
        uv_timer_start(&command->timer, on_time_over, ms, 0);
    else
        uv_timer_stop(&command->timer);
}

/* Sends what is in `answer` behind the exit code, and ends. */
static void send_answer(struct command *command)
{
    uv_buf_t buf =
        uv_buf_init(command->answer.bytes, (unsigned)command->answer.size);
    command->write.data = command;
    await(command, WAIT_WRITTEN, COMMAND_LINE_MS);
    if (uv_write(&command->write, (uv_stream_t *)&command->pipe, &buf, 1,
                 on_written) != 0)
        end(command);
}

static void answer(struct command *command, int exit_code, const char *text)
{
    buffer_add_format(&command->answer, "%d\n%s\n", exit_code, text);
    send_answer(command);
}

/* --- what is asked for --- */

static void ask_reload(struct command *command)
{
    struct supervisor *supervisor = command->supervisor;
    const struct reload *reload = &supervisor->reload;
    command->reload = reload_ask(supervisor);
    if (reload->last == command->reload && reload->next == NULL)
        answer(command, !reload->succeeded, reload->text.bytes);
    else
        await(command, WAIT_RELOAD, 0);
}

static void give_status(struct command *command, const char *of_brain)
{
    buffer_add_text(&command->answer, "0\n");
    status_compose(command->supervisor, command->json, of_brain,
                   &command->answer);
    send_answer(command);
}

static void ask_status(struct command *command, bool json)
{
    struct supervisor *supervisor = command->supervisor;
    struct control_status message = { .json = json };
    command->json = json;
    if (supervisor->writer == NULL ||
        supervisor->writer->state != CHILD_READY) {
        give_status(command, NULL);
        return;
    }
    await(command, WAIT_STATUS, COMMAND_STATUS_MS);
    child_send(supervisor->writer, CONTROL_STATUS, &message, sizeof message,
               NULL, 0);
}

static void ask_drain(struct command *command)
{
    shutdown_drain(command->supervisor, true);
    answer(
        command, 0,
        "drained: streams are ended and refused; `stentor reload` ends that");
}

static void obey(struct command *command)
{
    const char *line = command->line;
    log_debug("command: %s", line);
    if (strcmp(line, "reload") == 0)
        ask_reload(command);
    else if (strcmp(line, "status") == 0 || strcmp(line, "status json") == 0)
        ask_status(command, line[6] != '\0');
    else if (strcmp(line, "drain") == 0)
        ask_drain(command);
    else
        answer(command, 2,
               "unknown command: reload, status, status json or "
               "drain");
}

void command_reload_ended(struct supervisor *supervisor, uint64_t number,
                          bool succeeded, const char *text)
{
    struct list *all = &supervisor->commands.all;
    for (struct list *at = all->next, *next; at != all; at = next) {
        struct command *command = LIST_ENTRY(at, struct command, link);
        next = at->next;
        if (command->wait == WAIT_RELOAD && command->reload == number)
            answer(command, succeeded ? 0 : 1, text);
    }
}

/* Text and JSON are told apart by what was asked: the first that waits for
   this kind is given it, as the brain answers in order. */
void command_take_status(struct supervisor *supervisor,
                         struct control_message *message)
{
    struct list *all = &supervisor->commands.all;
    const char *text = control_text(message);
    bool json = text[0] == '{';
    for (struct list *at = all->next; at != all; at = at->next) {
        struct command *command = LIST_ENTRY(at, struct command, link);
        if (command->wait == WAIT_STATUS && command->json == json) {
            give_status(command, text);
            return;
        }
    }
}

/* --- connections --- */

static void on_time_over(uv_timer_t *timer)
{
    struct command *command = command_of(timer->data);
    if (command->wait == WAIT_STATUS)
        give_status(command, NULL);
    else
        end(command);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct command *command = command_of(handle->data);
    (void)suggested;
    *buf = uv_buf_init(command->line + command->line_bytes,
                       (unsigned)(sizeof command->line - command->line_bytes));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct command *command = command_of(stream->data);
    (void)buf;
    if (size < 0) {
        /* It has hung up, or sent its line without an end. */
        if (command->wait != WAIT_LINE || command->line_bytes == 0) {
            end(command);
            return;
        }
        command->line[command->line_bytes++] = '\n';
    } else if (size > 0) {
        command->line_bytes += (size_t)size;
    }
    char *stop = memchr(command->line, '\n', command->line_bytes);
    if (stop == NULL) {
        if (command->line_bytes == sizeof command->line)
            end(command);
        return;
    }
    *stop = '\0';
    uv_read_stop(stream);
    obey(command);
}

static bool may_command(struct command *command)
{
    int fd;
    pid_t pid;
    uid_t uid;
    if (uv_fileno((uv_handle_t *)&command->pipe, &fd) != 0 ||
        !command_peer(fd, &pid, &uid))
        return false;
    if (uid == 0 || uid == geteuid())
        return true;
    log_warn("a command of user %u (pid %d) is refused", (unsigned)uid, pid);
    return false;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct supervisor *supervisor =
        CHECK_CAST(struct supervisor, listener->data, SUPERVISOR_MAGIC);
    if (status != 0)
        return;
    struct command *command = xcalloc(1, sizeof *command);
    command->magic = COMMAND_MAGIC;
    command->supervisor = supervisor;
    buffer_init(&command->answer);
    uv_pipe_init(&supervisor->loop, &command->pipe, 0);
    uv_timer_init(&supervisor->loop, &command->timer);
    command->pipe.data = command->timer.data = command;
    command->handles_open = 2;
    list_append(&supervisor->commands.all, &command->link);
    supervisor->commands.count++;
    if (uv_accept(listener, (uv_stream_t *)&command->pipe) != 0 ||
        supervisor->commands.count > COMMANDS_MAX || !may_command(command) ||
        uv_read_start((uv_stream_t *)&command->pipe, on_allocate, on_read) !=
            0) {
        end(command);
        return;
    }
    await(command, WAIT_LINE, COMMAND_LINE_MS);
}

/* --- listening --- */

/* 0 or an errno. */
static int open_at(struct supervisor *supervisor, uv_pipe_t *pipe,
                   const struct command_address *address)
{
    int fd = command_listen(address);
    if (fd < 0)
        return errno;
    uv_pipe_init(&supervisor->loop, pipe, 0);
    pipe->data = supervisor;
    CHECK(uv_pipe_open(pipe, fd) == 0);
    CHECK(uv_listen((uv_stream_t *)pipe, COMMAND_BACKLOG, on_connection) == 0);
    return 0;
}

static int open_name(struct supervisor *supervisor, char *error)
{
    struct commands *commands = &supervisor->commands;
    struct command_address address;
    if (!command_address_of_config(&address, supervisor->config_path)) {
        snprintf(error, STENTOR_ERROR_BYTES,
                 "no control socket: the config's path is too long");
        return STENTOR_ETOOBIG;
    }
    int why = open_at(supervisor, &commands->by_name, &address);
    commands->has_name = why == 0;
    if (why == 0)
        return 0;
    snprintf(error, STENTOR_ERROR_BYTES,
             "no control socket: %s (process %d serves this config already); "
             "SIGHUP reloads this one",
             strerror(why), command_holder(&address));
    return STENTOR_ESYSTEM;
}

static int open_path(struct supervisor *supervisor, char *error)
{
    struct commands *commands = &supervisor->commands;
    const char *path = supervisor->plan.supervise.control;
    struct command_address address;
    struct stat file;
    if (*path == '\0')
        return 0;
    int why = ENAMETOOLONG;
    if (command_address_of_path(&address, path)) {
        /* What a server left that was killed; nothing else is removed. */
        if (lstat(path, &file) == 0 && S_ISSOCK(file.st_mode) &&
            command_holder(&address) == 0)
            unlink(path);
        why = open_at(supervisor, &commands->by_path, &address);
    }
    commands->has_path = why == 0;
    if (why == 0)
        return 0;
    snprintf(error, STENTOR_ERROR_BYTES, "supervise.control: %.104s: %s", path,
             strerror(why));
    return STENTOR_ESYSTEM;
}

int commands_open(struct supervisor *supervisor, char *error)
{
    list_init(&supervisor->commands.all);
    int code = open_name(supervisor, error);
    return code != 0 ? code : open_path(supervisor, error);
}

void commands_close(struct supervisor *supervisor)
{
    struct commands *commands = &supervisor->commands;
    if (commands->all.next == NULL)
        return; /* never opened */
    while (!list_is_empty(&commands->all))
        end(LIST_ENTRY(commands->all.next, struct command, link));
    if (commands->has_path) {
        uv_close((uv_handle_t *)&commands->by_path, NULL);
        unlink(supervisor->plan.supervise.control);
    }
    if (commands->has_name)
        uv_close((uv_handle_t *)&commands->by_name, NULL);
    commands->has_path = commands->has_name = false;
}
