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
#include "supervisor/broker.h"
#include "supervisor/plan.h"
#include "supervisor/process.h"
#include "supervisor/shutdown.h"
#include "supervisor/startup.h"

static struct supervisor *owner_of(const struct child *child)
{
    return CHECK_CAST(struct supervisor, child->owner, SUPERVISOR_MAGIC);
}

static bool is_brain(const struct child *child)
{
    return child == &owner_of(child)->brain;
}

static bool is_broker(const struct child *child)
{
    return child == &owner_of(child)->broker;
}

/* False if there is none to be had, which is logged. */
static bool renew_mailbox(struct supervisor *supervisor, uint32_t number)
{
    char error[STENTOR_ERROR_BYTES];
    if (objects_renew_mailbox(&supervisor->objects, number, error) == 0)
        return true;
    log_error("%s", error);
    return false;
}

static void give_mailbox(struct supervisor *supervisor, struct child *to,
                         uint32_t number)
{
    struct control_mailbox message = { .number = number };
    child_send(to, CONTROL_MAILBOX, &message, sizeof message,
               &supervisor->objects.mailboxes[number], 1);
}

static void start_worker_again(struct supervisor *supervisor,
                               struct child *worker)
{
    /* The brain may be in the midst of the old mailbox; the new worker begins
       with a new one. A brain that still loads gets it with its objects. */
    if (!renew_mailbox(supervisor, worker->number)) {
        child_start_later(worker);
        return;
    }
    if (supervisor->brain.state == CHILD_READY)
        give_mailbox(supervisor, &supervisor->brain, worker->number);
    startup_worker(supervisor, worker);
}

static void take_worker_count(struct supervisor *supervisor,
                              const struct stentor_plan *wanted)
{
    char error[STENTOR_ERROR_BYTES];
    uint32_t count = plan_workers(wanted, error);
    if (count > 0 && workers_resize(supervisor, count, error) == 0)
        supervisor->plan.workers = wanted->workers;
    else
        log_error("the number of workers stays: %s", error);
}

/* A later brain's plan has come: it gets what there is. */
static void replace_brain(struct supervisor *supervisor,
                          const struct stentor_plan *wanted)
{
    plan_warn_of_changes(&supervisor->plan, wanted);
    supervisor->plan.embedded_kafka = wanted->embedded_kafka;
    broker_follow_plan(supervisor);
    for (uint32_t i = 0; i < supervisor->worker_count; i++) {
        if (!renew_mailbox(supervisor, i)) {
            child_kill(&supervisor->brain);
            return;
        }
    }
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        give_mailbox(supervisor, &supervisor->workers[i], i);
    startup_give_objects(supervisor);
    startup_put_in_charge(supervisor);
    objects_ring_workers(&supervisor->objects);
    log_info("the brain is in charge again");
    take_worker_count(supervisor, wanted);
}

static void on_due(struct child *child)
{
    if (is_brain(child))
        startup_brain(owner_of(child));
    else if (is_broker(child))
        startup_child(owner_of(child), child);
    else
        start_worker_again(owner_of(child), child);
}

/* --- what children say, and how they end --- */

static void take_plan(struct supervisor *supervisor,
                      const struct control_message *message)
{
    struct stentor_plan plan;
    if (!plan_read(message, &plan)) {
        log_error("the brain's plan is not one of this version");
        child_kill(&supervisor->brain);
    } else if (supervisor->phase == PHASE_LOADING) {
        supervisor->plan = plan;
        startup_carry_out(supervisor);
    } else if (supervisor->phase == PHASE_SERVING &&
               supervisor->brain.state == CHILD_STARTING) {
        replace_brain(supervisor, &plan);
    }
}

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

static void on_message(struct child *child, struct control_message *message)
{
    struct supervisor *supervisor = owner_of(child);
    if (is_brain(child) && message->type == CONTROL_PLAN)
        take_plan(supervisor, message);
    else if (is_broker(child) && message->type == CONTROL_READY)
        broker_comes(supervisor, message);
    else if (!is_brain(child) && message->type == CONTROL_READY)
        worker_is_ready(supervisor, child);
    else if (!is_brain(child) &&
             (message->type == CONTROL_FULL || message->type == CONTROL_ROOM))
        workers_note_full(supervisor, child, message->type == CONTROL_FULL);
    else
        log_error("%s sent message %" PRIu32 ", which is not for it to send",
                  child->name, message->type);
}

/* What the dead said of itself is no longer so, and it may have cleared an
   `asleep` without ringing. */
static void clear_up_after(struct supervisor *supervisor, struct child *child)
{
    const struct board *board = &supervisor->objects.board;
    if (is_brain(child)) {
        blame_death(&board->header->brain.blame);
        __atomic_store_n(&board->header->brain.asleep, 0, __ATOMIC_RELAXED);
        objects_ring_workers(&supervisor->objects);
    } else {
        board_forget_worker(board, child->number);
        objects_ring_brain(&supervisor->objects);
    }
}

static void start_again_later(struct child *child, const struct child_end *end)
{
    uint64_t delay_ms = child_start_later(child);
    log_warn("%s (pid %d) ended: %s; it starts again in %.1f s", child->name,
             child->process.pid, end->text, (double)delay_ms / 1000);
}

static void on_end(struct child *child, const struct child_end *end)
{
    struct supervisor *supervisor = owner_of(child);
    if (supervisor->phase > PHASE_SERVING) {
        shutdown_continue(supervisor);
    } else if (supervisor->phase < PHASE_SERVING) {
        /* A brain that ends with 1 has said what is wrong with the config. */
        bool said = is_brain(child) && end->exit_code == 1 &&
                    supervisor->phase == PHASE_LOADING;
        if (!said)
            startup_complain("%s ended while starting: %s", child->name,
                             end->text);
        shutdown_at_once(supervisor, 1);
    } else if (is_broker(child)) {
        broker_has_ended(supervisor, end);
    } else {
        clear_up_after(supervisor, child);
        if (!is_brain(child) && workers_note_end(supervisor, child))
            log_info("%s was surplus and has ended: %s", child->name,
                     end->text);
        else
            start_again_later(child, end);
    }
}

static const struct child_events child_events = { on_due, on_message, on_end };

/* --- the process --- */

static void on_signal(uv_signal_t *handle, int number)
{
    struct supervisor *supervisor =
        CHECK_CAST(struct supervisor, handle->data, SUPERVISOR_MAGIC);
    if (supervisor->phase == PHASE_SERVING) {
        log_info("stopping (%s)", strsignal(number));
        shutdown_begin(supervisor);
    } else if (supervisor->phase < PHASE_SERVING || number != SIGHUP) {
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
    child_init(&supervisor->brain, loop, "brain", supervisor, &child_events);
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
    objects_init(&supervisor->objects);
    open_handles(supervisor);
    startup_brain(supervisor);
    uv_run(&supervisor->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&supervisor->loop) == 0);
    listening_close(&supervisor->listening);
    objects_close(&supervisor->objects);
    int exit_code = supervisor->exit_code;
    free(supervisor);
    return exit_code;
}
