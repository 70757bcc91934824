/* SPDX-License-Identifier: MIT */
#include "supervisor/shutdown.h"

#include "base/check.h"
#include "base/log.h"
#include "supervisor/process.h"

enum {
    SHUTDOWN_BRAIN_MS = 3000,
    SHUTDOWN_WORKERS_MS = 5000,
    SHUTDOWN_QUICK_MS = 500,    /* the window of a stop that is not gentle */
    SHUTDOWN_REST_MS = 3000,    /* more than a brain waits for Kafka */
    SHUTDOWN_SPARE_PERCENT = 20 /* of the window: for what comes after it */
};

static bool workers_are_down(const struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        if (supervisor->workers[i].state != CHILD_DOWN)
            return false;
    return true;
}

static bool brains_are_down(const struct supervisor *supervisor)
{
    return supervisor->brains[0].state == CHILD_DOWN &&
           supervisor->brains[1].state == CHILD_DOWN;
}

static bool all_are_down(const struct supervisor *supervisor)
{
    return workers_are_down(supervisor) && brains_are_down(supervisor) &&
           supervisor->broker.state == CHILD_DOWN;
}

/* Nothing is left to wait for: with its handles closed the loop ends. */
static void finish(struct supervisor *supervisor)
{
    supervisor->phase = PHASE_ENDING;
    child_close(&supervisor->brains[0]);
    child_close(&supervisor->brains[1]);
    child_close(&supervisor->broker);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_close(&supervisor->workers[i]);
    for (int i = 0; i < SUPERVISOR_SIGNALS; i++)
        uv_close((uv_handle_t *)&supervisor->signals[i], NULL);
    uv_close((uv_handle_t *)&supervisor->patience, NULL);
    watchdog_close(supervisor);
    reload_close(supervisor);
    if (supervisor->exit_code == 0)
        log_info("stopped");
}

/* Nobody is started, watched or reloaded any more. */
static void cease(struct supervisor *supervisor)
{
    reload_give_up(supervisor);
    commands_close(supervisor);
    watchdog_stop(supervisor);
    child_cancel_start(&supervisor->brains[0]);
    child_cancel_start(&supervisor->brains[1]);
    child_cancel_start(&supervisor->broker);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_cancel_start(&supervisor->workers[i]);
}

void shutdown_at_once(struct supervisor *supervisor, int exit_code)
{
    supervisor->phase = PHASE_ENDING;
    supervisor->exit_code = exit_code;
    cease(supervisor);
    child_kill(&supervisor->brains[0]);
    child_kill(&supervisor->brains[1]);
    child_kill(&supervisor->broker);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_kill(&supervisor->workers[i]);
    if (all_are_down(supervisor))
        finish(supervisor);
}

/* --- step by step --- */

static void on_patience_over(uv_timer_t *timer);

static void go(struct supervisor *supervisor, enum supervisor_phase phase,
               uint64_t patience_ms)
{
    supervisor->phase = phase;
    uv_timer_start(&supervisor->patience, on_patience_over, patience_ms, 0);
}

static void send_workers(struct supervisor *supervisor, uint32_t type,
                         const void *body, size_t size)
{
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_send(&supervisor->workers[i], type, body, size, NULL, 0);
}

static void stop_rest(struct supervisor *supervisor)
{
    go(supervisor, PHASE_STOPPING_REST, SHUTDOWN_REST_MS);
    child_send(supervisor->brain, CONTROL_STOP, NULL, 0, NULL, 0);
    shutdown_continue(supervisor);
}

static void stop_workers(struct supervisor *supervisor)
{
    go(supervisor, PHASE_STOPPING_WORKERS, SHUTDOWN_WORKERS_MS);
    send_workers(supervisor, CONTROL_STOP, NULL, 0);
    shutdown_continue(supervisor);
}

static void drain_workers(struct supervisor *supervisor)
{
    uint64_t now = uv_now(&supervisor->loop);
    if (supervisor->stop_by_ms <= now) {
        stop_workers(supervisor);
        return;
    }
    /* Nobody waits in a queue that is served no more: who comes is refused by
       the system, and who has come is accepted by the workers. */
    listening_close(&supervisor->listening);
    struct control_drain message = { .kind = DRAIN_LEAVE };
    message.window_ms = (uint32_t)(supervisor->stop_by_ms - now);
    message.spread_ms = supervisor->plan.supervise.drain_window_ms;
    go(supervisor, PHASE_DRAINING, message.window_ms);
    send_workers(supervisor, CONTROL_DRAIN, &message, sizeof message);
    shutdown_continue(supervisor);
}

static void on_patience_over(uv_timer_t *timer)
{
    struct supervisor *supervisor =
        CHECK_CAST(struct supervisor, timer->data, SUPERVISOR_MAGIC);
    switch (supervisor->phase) {
    case PHASE_STOPPING_BRAIN:
        log_warn("the brain does not stop; it is killed");
        child_kill(supervisor->brain);
        break;
    case PHASE_DRAINING:
        stop_workers(supervisor);
        break;
    default:
        log_warn("not all processes stop; they are killed");
        shutdown_at_once(supervisor, 0);
    }
}

void shutdown_continue(struct supervisor *supervisor)
{
    enum supervisor_phase phase = supervisor->phase;
    if (phase == PHASE_STOPPING_BRAIN && supervisor->brain->state == CHILD_DOWN)
        drain_workers(supervisor);
    else if ((phase == PHASE_DRAINING || phase == PHASE_STOPPING_WORKERS) &&
             workers_are_down(supervisor))
        stop_rest(supervisor);
    else if (phase >= PHASE_STOPPING_REST && all_are_down(supervisor))
        finish(supervisor);
    else if (phase == PHASE_STOPPING_REST && brains_are_down(supervisor))
        /* Not before: the brain had something to write to it. */
        child_send(&supervisor->broker, CONTROL_STOP, NULL, 0, NULL, 0);
}

void shutdown_take_stopped(struct supervisor *supervisor, struct child *brain)
{
    if (brain == supervisor->brain && supervisor->phase == PHASE_STOPPING_BRAIN)
        drain_workers(supervisor);
}

void shutdown_begin(struct supervisor *supervisor, bool gently)
{
    uint64_t window_ms = supervisor->plan.supervise.drain_window_ms;
    window_ms -= window_ms * SHUTDOWN_SPARE_PERCENT / 100;
    if (!gently && window_ms > SHUTDOWN_QUICK_MS)
        window_ms = SHUTDOWN_QUICK_MS;
    supervisor->stop_by_ms = uv_now(&supervisor->loop) + window_ms;
    cease(supervisor);
    go(supervisor, PHASE_STOPPING_BRAIN, SHUTDOWN_BRAIN_MS);
    if (supervisor->writer == supervisor->brain)
        child_send(supervisor->brain, CONTROL_STOP, NULL, 0, NULL, 0);
    else /* it is not in charge: it has no hooks to run */
        child_kill(supervisor->brain);
    shutdown_continue(supervisor);
}

/* --- a server that goes on --- */

void shutdown_drain(struct supervisor *supervisor, bool drained)
{
    struct control_drain message = {
        .kind = drained ? DRAIN_STAY : DRAIN_OVER,
        .window_ms = supervisor->plan.supervise.drain_window_ms,
        .spread_ms = supervisor->plan.supervise.drain_window_ms,
    };
    if (supervisor->drained == drained)
        return;
    supervisor->drained = drained;
    __atomic_store_n(&supervisor->objects.board.header->drained, drained,
                     __ATOMIC_RELAXED);
    log_info(drained ? "drained: streams are ended and refused; a reload ends "
                       "that"
                     : "serving streams again");
    send_workers(supervisor, CONTROL_DRAIN, &message, sizeof message);
}

void shutdown_tell_drained(struct supervisor *supervisor, struct child *worker)
{
    struct control_drain message = {
        .kind = DRAIN_STAY,
        .spread_ms = supervisor->plan.supervise.drain_window_ms
    };
    if (supervisor->drained)
        child_send(worker, CONTROL_DRAIN, &message, sizeof message, NULL, 0);
}
