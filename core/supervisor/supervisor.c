/* SPDX-License-Identifier: MIT */
/*
 * What the supervisor does with what happens: its children's messages and
 * deaths, and signals. The ways up and down are startup.c and shutdown.c; what
 * goes wrong on the way up ends it with one line and exit code 1.
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "supervisor/brains.h"
#include "supervisor/broker.h"
#include "supervisor/plan.h"
#include "supervisor/process.h"
#include "supervisor/reload.h"
#include "supervisor/shutdown.h"
#include "supervisor/startup.h"

static struct supervisor *owner_of(const struct child *child)
{
    return CHECK_CAST(struct supervisor, child->owner, SUPERVISOR_MAGIC);
}

static bool is_broker(const struct child *child)
{
    return child == &owner_of(child)->broker;
}

static void start_worker_again(struct supervisor *supervisor,
                               struct child *worker)
{
    if (!brains_renew_mailbox(supervisor, worker->number)) {
        child_start_later(worker);
        return;
    }
    startup_worker(supervisor, worker);
}

static void on_due(struct child *child)
{
    if (brains_has(owner_of(child), child))
        brains_start(owner_of(child), child);
    else if (is_broker(child))
        startup_child(owner_of(child), child);
    else
        start_worker_again(owner_of(child), child);
}

/* --- what children say, and how they end --- */

static void worker_serves(struct supervisor *supervisor, struct child *worker)
{
    uint32_t starts =
        board_worker(&supervisor->objects.board, worker->number)->starts;
    log_info("%s serves%s", worker->name, starts > 1 ? " again" : "");
    workers_settle(supervisor);
}

static void worker_is_ready(struct supervisor *supervisor, struct child *worker)
{
    worker->state = CHILD_READY;
    if (supervisor->phase == PHASE_SERVING)
        worker_serves(supervisor, worker);
    else if (supervisor->phase == PHASE_OPENING)
        startup_count_ready(supervisor);
}

static void broker_comes(struct supervisor *supervisor,
                         const struct control_message *message)
{
    broker_is_ready(supervisor, message);
    if (supervisor->phase == PHASE_OPENING)
        startup_count_ready(supervisor);
}

static bool take_from_brain(struct supervisor *supervisor, struct child *brain,
                            struct control_message *message)
{
    switch (message->type) {
    case CONTROL_PLAN:
        brains_take_plan(supervisor, brain, message);
        return true;
    case CONTROL_WRONG:
        brains_take_wrong(supervisor, brain, message);
        return true;
    case CONTROL_READY:
        brains_take_ready(supervisor, brain);
        return true;
    case CONTROL_RELEASED:
        reload_take_released(supervisor, brain);
        return true;
    case CONTROL_STATUS:
        command_take_status(supervisor, message);
        return true;
    case CONTROL_STOPPED:
        shutdown_take_stopped(supervisor, brain);
        return true;
    default:
        return false;
    }
}

static bool take_from_worker(struct supervisor *supervisor,
                             struct child *worker, uint32_t type)
{
    if (type == CONTROL_READY)
        worker_is_ready(supervisor, worker);
    else if (type == CONTROL_FULL || type == CONTROL_ROOM)
        workers_note_full(supervisor, worker, type == CONTROL_FULL);
    else
        return false;
    return true;
}

static bool take_from_broker(struct supervisor *supervisor,
                             const struct control_message *message)
{
    if (message->type != CONTROL_READY)
        return false;
    broker_comes(supervisor, message);
    return true;
}

static void on_message(struct child *child, struct control_message *message)
{
    struct supervisor *supervisor = owner_of(child);
    bool known = brains_has(supervisor, child)
                     ? take_from_brain(supervisor, child, message)
                 : is_broker(child)
                     ? take_from_broker(supervisor, message)
                     : take_from_worker(supervisor, child, message->type);
    if (!known)
        log_error("%s sent message %" PRIu32 ", which is not for it to send",
                  child->name, message->type);
}

static void brain_has_ended(struct supervisor *supervisor, struct child *brain,
                            const struct child_end *end)
{
    if (reload_take_end(supervisor, brain, end))
        return;
    if (supervisor->writer == brain)
        brains_clear_up(supervisor);
    brains_start_later(brain, end);
}

/* What the dead said of itself is no longer so, and it may have cleared an
   `asleep` without ringing. */
static void worker_has_ended(struct supervisor *supervisor,
                             struct child *worker, const struct child_end *end)
{
    board_forget_worker(&supervisor->objects.board, worker->number);
    objects_ring_brain(&supervisor->objects);
    if (workers_note_end(supervisor, worker)) {
        log_info("%s was surplus and has ended: %s", worker->name, end->text);
        return;
    }
    uint64_t delay_ms = child_start_later(worker);
    log_warn("%s (pid %d) ended: %s; it starts again in %.1f s", worker->name,
             worker->process.pid, end->text, (double)delay_ms / 1000);
}

static void on_end(struct child *child, const struct child_end *end)
{
    struct supervisor *supervisor = owner_of(child);
    if (supervisor->phase > PHASE_SERVING) {
        shutdown_continue(supervisor);
    } else if (supervisor->phase < PHASE_SERVING) {
        /* A brain that ends with 1 has said what is wrong with the config. */
        bool said = brains_has(supervisor, child) && end->exit_code == 1;
        if (!said)
            startup_complain("%s ended while starting: %s", child->name,
                             end->text);
        shutdown_at_once(supervisor, 1);
    } else if (brains_has(supervisor, child)) {
        brain_has_ended(supervisor, child, end);
    } else if (is_broker(child)) {
        broker_has_ended(supervisor, end);
    } else {
        worker_has_ended(supervisor, child, end);
    }
}

static const struct child_events child_events = { on_due, on_message, on_end };

/* --- the process --- */

static bool has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A closed terminal sends SIGHUP too, and what hangs on it is to end then. */
static bool terminal_has_gone(const struct supervisor *supervisor)
{
    return supervisor->has_terminal && !has_terminal();
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct supervisor *supervisor =
        CHECK_CAST(struct supervisor, handle->data, SUPERVISOR_MAGIC);
    bool reload = number == SIGHUP && !terminal_has_gone(supervisor);
    if (reload) {
        if (supervisor->phase <= PHASE_SERVING)
            reload_ask(supervisor);
    } else if (supervisor->phase == PHASE_SERVING) {
        log_info("stopping (%s)", strsignal(number));
        shutdown_begin(supervisor, number == SIGTERM);
    } else {
        log_info("stopping at once (%s)", strsignal(number));
        shutdown_at_once(supervisor, supervisor->exit_code);
    }
}

static bool check_config(const char *path)
{
    struct stat file;
    int why = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (strlen(path) >= CONTROL_PATH_BYTES)
        why = ENAMETOOLONG;
    else if (fd < 0)
        why = errno;
    else if (fstat(fd, &file) == 0 && S_ISDIR(file.st_mode))
        why = EISDIR;
    if (fd >= 0)
        close(fd);
    if (why != 0)
        startup_complain("cannot read %s: %s (%s)", path, strerror(why),
                         why == EACCES
                             ? "see who may: ls -l"
                             : "give the path: stentor run PATH; stentor help");
    return why == 0;
}

/* Descriptors 0, 1, 2 must be taken, and what our own parent has left open is
   not for our children. */
static void tidy_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* Where the path that we were started by is longer than the title, libbsd puts
   a dot at its end, and `ps` shows it. Spaces up to there are not seen. */
static void set_title(void)
{
    size_t length = strlen(program_invocation_name);
    size_t prefix = strlen("stentor: ");
    int width = length >= prefix ? (int)(length - prefix + 1) : 0;
    setproctitle("%-*s", width, "supervisor");
}

static void open_handles(struct supervisor *supervisor)
{
    static const int numbers[SUPERVISOR_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };
    uv_loop_t *loop = &supervisor->loop;
    CHECK(uv_loop_init(loop) == 0);
    for (int i = 0; i < SUPERVISOR_SIGNALS; i++) {
        CHECK(uv_signal_init(loop, &supervisor->signals[i]) == 0);
        supervisor->signals[i].data = supervisor;
        uv_signal_start(&supervisor->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(loop, &supervisor->patience);
    supervisor->patience.data = supervisor;
    watchdog_init(supervisor);
    supervisor->child_events = &child_events;
    brains_init(supervisor);
    reload_init(supervisor);
    broker_init(supervisor);
}

int supervisor_main(const char *config_path)
{
    if (!check_config(config_path))
        return 1;
    tidy_descriptors();
    plan_raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    set_title();
    log_set_name("supervisor");
    struct supervisor *supervisor = xcalloc(1, sizeof *supervisor);
    supervisor->magic = SUPERVISOR_MAGIC;
    supervisor->config_path = config_path;
    supervisor->has_terminal = has_terminal();
    objects_init(&supervisor->objects);
    open_handles(supervisor);
    supervisor->started_ms = uv_now(&supervisor->loop);
    brains_start(supervisor, supervisor->brain);
    uv_run(&supervisor->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&supervisor->loop) == 0);
    listening_close(&supervisor->listening);
    objects_close(&supervisor->objects);
    int exit_code = supervisor->exit_code;
    free(supervisor);
    return exit_code;
}
