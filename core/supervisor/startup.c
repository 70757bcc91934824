/* SPDX-License-Identifier: MIT */
#include "supervisor/startup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "supervisor/brains.h"
#include "supervisor/broker.h"
#include "supervisor/plan.h"
#include "supervisor/process.h"
#include "supervisor/shutdown.h"

void startup_complain(const char *format, ...)
{
    char line[2 * STENTOR_ERROR_BYTES + CONTROL_PATH_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "stentor: %s\n", line);
}

static void say_started(const struct child *child)
{
    log_info("%s started (pid %d)", child->name, child->process.pid);
}

void startup_child(struct supervisor *supervisor, struct child *child)
{
    int code = child_start(child);
    if (code == 0) {
        /* While loading, all that is said is what is wrong, if anything is. */
        if (supervisor->phase != PHASE_LOADING)
            say_started(child);
        return;
    }
    if (supervisor->phase < PHASE_SERVING) {
        startup_complain("cannot start %s: %s", child->name, uv_strerror(code));
        shutdown_at_once(supervisor, 1);
        return;
    }
    uint64_t delay_ms = child_start_later(child);
    log_error("%s cannot be started: %s; again in %.1f s", child->name,
              uv_strerror(code), (double)delay_ms / 1000);
}

void startup_worker(struct supervisor *supervisor, struct child *worker)
{
    const struct listening *listening = &supervisor->listening;
    struct objects *objects = &supervisor->objects;
    uint32_t number = worker->number;
    int fds[CONTROL_FDS_MAX];
    uint32_t *starts = &board_worker(&objects->board, number)->starts;
    __atomic_store_n(starts, *starts + 1, __ATOMIC_RELAXED);
    startup_child(supervisor, worker);
    uint32_t count = objects_for_worker(objects, number, fds);
    for (uint32_t i = 0; i < listening->address_count; i++)
        fds[count++] = listening->sockets[number][i];
    struct control_objects message = { .worker_count = supervisor->worker_count,
                                       .number = number,
                                       .plan = supervisor->plan };
    child_send(worker, CONTROL_OBJECTS, &message, sizeof message, fds, count);
    shutdown_tell_drained(supervisor, worker);
}

static int open_all(struct supervisor *supervisor, uint32_t workers,
                    char *error)
{
    const struct stentor_plan *plan = &supervisor->plan;
    int code = listening_open(&supervisor->listening, plan->listeners,
                              plan->listener_count, workers,
                              plan->limits.ack_time_ms, error);
    if (code == 0)
        code = objects_open(&supervisor->objects, plan, workers, error);
    return code;
}

void startup_carry_out(struct supervisor *supervisor)
{
    char error[STENTOR_ERROR_BYTES];
    uint32_t workers = plan_workers(&supervisor->plan, error);
    if (workers == 0 || open_all(supervisor, workers, error) != 0) {
        startup_complain("%s", error);
        shutdown_at_once(supervisor, 1);
        return;
    }
    log_set_level((enum log_level)supervisor->plan.log_level);
    plan_warn_of_room(&supervisor->plan, workers);
    supervisor->phase = PHASE_OPENING;
    if (commands_open(supervisor, error) != 0)
        log_warn("%s", error);
    say_started(supervisor->brain);
    for (uint32_t i = 0; i < workers; i++) {
        child_init(&supervisor->workers[i], &supervisor->loop, "worker",
                   supervisor, supervisor->child_events);
        child_set_number(&supervisor->workers[i], i);
    }
    supervisor->worker_count = supervisor->worker_wanted = workers;
    broker_follow_plan(supervisor);
    for (uint32_t i = 0; i < workers; i++)
        if (supervisor->phase == PHASE_OPENING)
            startup_worker(supervisor, &supervisor->workers[i]);
}

static void say_ready(const struct supervisor *supervisor)
{
    const struct stentor_plan *plan = &supervisor->plan;
    struct buffer line;
    buffer_init(&line);
    listening_add_urls(plan->listeners, plan->listener_count, ", ", &line);
    log_info("ready: %.*s, %" PRIu32 " worker%s, journal %.4g MB, room for "
             "%" PRIu64 " clients",
             (int)line.size, line.bytes, supervisor->worker_count,
             supervisor->worker_count == 1 ? "" : "s",
             (double)plan->journal_bytes / (1 << 20),
             plan_room(plan, supervisor->worker_count));
    buffer_done(&line);
}

void startup_count_ready(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        if (supervisor->workers[i].state != CHILD_READY)
            return;
    if (broker_is_awaited(supervisor))
        return;
    watchdog_start(supervisor);
    brains_put_in_charge(supervisor, supervisor->brain, &supervisor->plan,
                         false, false);
}

void startup_serve(struct supervisor *supervisor)
{
    supervisor->phase = PHASE_SERVING;
    workers_settle(supervisor);
    say_ready(supervisor);
    reload_serve(supervisor);
}

void startup_say_wrong(const char *text)
{
    fprintf(stderr, "%s\n", text);
}
