/* SPDX-License-Identifier: MIT */
#include "supervisor/shutdown.h"

#include "base/check.h"
#include "base/log.h"
#include "supervisor/process.h"

enum { SHUTDOWN_BRAIN_MS = 3000, SHUTDOWN_WORKERS_MS = 5000 };

static bool all_are_down(const struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        if (supervisor->workers[i].state != CHILD_DOWN)
            return false;
    return supervisor->brain.state == CHILD_DOWN &&
           supervisor->broker.state == CHILD_DOWN;
}

/* Nothing is left to wait for: with its handles closed the loop ends. */
static void finish(struct supervisor *supervisor)
{
    supervisor->phase = PHASE_ENDING;
    child_close(&supervisor->brain);
    child_close(&supervisor->broker);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_close(&supervisor->workers[i]);
    for (int i = 0; i < SUPERVISOR_SIGNALS; i++)
        uv_close((uv_handle_t *)&supervisor->signals[i], NULL);
    uv_close((uv_handle_t *)&supervisor->patience, NULL);
    watchdog_close(supervisor);
    if (supervisor->exit_code == 0)
        log_info("stopped");
}

static void cancel_starts(struct supervisor *supervisor)
{
    child_cancel_start(&supervisor->brain);
    child_cancel_start(&supervisor->broker);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_cancel_start(&supervisor->workers[i]);
}

void shutdown_at_once(struct supervisor *supervisor, int exit_code)
{
    supervisor->phase = PHASE_ENDING;
    supervisor->exit_code = exit_code;
    cancel_starts(supervisor);
    watchdog_stop(supervisor);
    child_kill(&supervisor->brain);
    child_kill(&supervisor->broker);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_kill(&supervisor->workers[i]);
    if (all_are_down(supervisor))
        finish(supervisor);
}

static void stop_workers(struct supervisor *supervisor)
{
    supervisor->phase = PHASE_STOPPING_WORKERS;
    /* The brain has written what it had to write. */
    child_send(&supervisor->broker, CONTROL_STOP, NULL, 0, NULL, 0);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_send(&supervisor->workers[i], CONTROL_STOP, NULL, 0, NULL, 0);
    if (all_are_down(supervisor))
        finish(supervisor);
}

static void on_patience_over(uv_timer_t *timer)
{
    struct supervisor *supervisor =
        CHECK_CAST(struct supervisor, timer->data, SUPERVISOR_MAGIC);
    if (supervisor->phase == PHASE_STOPPING_BRAIN) {
        log_warn("the brain does not stop; it is killed");
        child_kill(&supervisor->brain);
    } else if (supervisor->phase == PHASE_STOPPING_WORKERS) {
        log_warn("not all workers stop; they are killed");
        shutdown_at_once(supervisor, 0);
    }
}

static void wait_patiently(struct supervisor *supervisor, uint64_t ms)
{
    uv_timer_start(&supervisor->patience, on_patience_over, ms, 0);
}

void shutdown_continue(struct supervisor *supervisor)
{
    if (supervisor->phase == PHASE_STOPPING_BRAIN &&
        supervisor->brain.state == CHILD_DOWN) {
        wait_patiently(supervisor, SHUTDOWN_WORKERS_MS);
        stop_workers(supervisor);
    } else if (supervisor->phase > PHASE_STOPPING_BRAIN &&
               all_are_down(supervisor)) {
        finish(supervisor);
    }
}

void shutdown_begin(struct supervisor *supervisor)
{
    supervisor->phase = PHASE_STOPPING_BRAIN;
    cancel_starts(supervisor);
    watchdog_stop(supervisor);
    wait_patiently(supervisor, SHUTDOWN_BRAIN_MS);
    if (supervisor->brain.state == CHILD_READY)
        child_send(&supervisor->brain, CONTROL_STOP, NULL, 0, NULL, 0);
    else /* it is not in charge: it has no hooks to run */
        child_kill(&supervisor->brain);
    shutdown_continue(supervisor);
}
