/* SPDX-License-Identifier: MIT */
#include "supervisor/reload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "supervisor/brains.h"
#include "supervisor/command.h"
#include "supervisor/plan.h"
#include "supervisor/process.h"
#include "supervisor/shutdown.h"

enum {
    LOADING_MS = 60000, /* it has a deadline of its own: this is the last one */
    RELEASE_MS = 2000,  /* beyond `drain`, to say RELEASED */
    READY_MS = 5000,
    LEAVING_MS = 3000
};

static const char *const step_names[] = { "waiting",     "loading the config",
                                          "taking over", "handing over",
                                          "starting",    "leaving" };

static void on_step_over(uv_timer_t *timer);

void reload_init(struct supervisor *supervisor)
{
    struct reload *reload = &supervisor->reload;
    CHECK(uv_timer_init(&supervisor->loop, &reload->timer) == 0);
    reload->timer.data = supervisor;
    buffer_init(&reload->text);
}

void reload_close(struct supervisor *supervisor)
{
    uv_close((uv_handle_t *)&supervisor->reload.timer, NULL);
    buffer_done(&supervisor->reload.text);
}

static void go(struct supervisor *supervisor, enum reload_step step,
               uint64_t within_ms)
{
    struct reload *reload = &supervisor->reload;
    reload->step = step;
    if (step == RELOAD_NONE)
        uv_timer_stop(&reload->timer);
    else
        uv_timer_start(&reload->timer, on_step_over, within_ms, 0);
}

static void set_text(struct reload *reload, const char *text)
{
    reload->text.size = 0;
    buffer_add(&reload->text, text, strlen(text) + 1);
}

/* --- the beginning and the end --- */

static void begin(struct supervisor *supervisor);

uint64_t reload_ask(struct supervisor *supervisor)
{
    struct reload *reload = &supervisor->reload;
    if (reload->step == RELOAD_NONE && supervisor->phase == PHASE_SERVING) {
        begin(supervisor);
        return reload->last;
    }
    reload->again = true;
    return reload->last + 1;
}

void reload_serve(struct supervisor *supervisor)
{
    if (supervisor->reload.again)
        begin(supervisor);
}

/* Tells the result, which is in `text`. */
static void tell(struct supervisor *supervisor, bool succeeded)
{
    struct reload *reload = &supervisor->reload;
    reload->succeeded = succeeded;
    reload->ended_ms = clock_unix_ms();
    reload->successes += succeeded;
    reload->failures += !succeeded;
    command_reload_ended(supervisor, reload->last, succeeded,
                         reload->text.bytes);
}

/* Waits for the end of the brain that is not wanted any more. */
static void see_off(struct supervisor *supervisor)
{
    bool is_gone = brains_other(supervisor)->state == CHILD_DOWN;
    supervisor->reload.next = NULL;
    go(supervisor, RELOAD_LEAVING, is_gone ? 0 : LEAVING_MS);
}

/* It has gone, and the loop has turned since: its handles are closed. */
static void rest(struct supervisor *supervisor)
{
    go(supervisor, RELOAD_NONE, 0);
    if (supervisor->reload.again)
        begin(supervisor);
}

/* Why it fails, unless the new brain itself has said it. */
static void note_failure(struct supervisor *supervisor, const char *text)
{
    struct reload *reload = &supervisor->reload;
    if (reload->text.size > 0)
        return;
    set_text(reload, text);
    log_error("%s", text);
}

/* Nothing has changed; why has been noted. */
static void end_failed(struct supervisor *supervisor)
{
    struct reload *reload = &supervisor->reload;
    log_warn("reload failed: the config that was in force stays");
    struct child *brain = supervisor->brain;
    if (brain->state == CHILD_DOWN)
        log_warn("the brain starts again in %.1f s",
                 (double)child_start_later(brain) / 1000);
    tell(supervisor, false);
    child_kill(reload->next);
    see_off(supervisor);
}

static void fail(struct supervisor *supervisor, const char *text)
{
    note_failure(supervisor, text);
    end_failed(supervisor);
}

static void begin(struct supervisor *supervisor)
{
    struct reload *reload = &supervisor->reload;
    reload->again = false;
    reload->last++;
    reload->begun_ms = uv_now(&supervisor->loop);
    reload->next = brains_other(supervisor);
    reload->text.size = 0;
    log_info("reloading %s", supervisor->config_path);
    go(supervisor, RELOAD_LOADING, LOADING_MS);
    child_cancel_start(reload->next);
    brains_start(supervisor, reload->next);
    if (reload->next->state == CHILD_DOWN) {
        child_cancel_start(reload->next);
        fail(supervisor, "there is no process to be had for a new brain");
    }
}

static void succeed(struct supervisor *supervisor)
{
    struct reload *reload = &supervisor->reload;
    struct child *old = supervisor->brain;
    char text[STENTOR_ERROR_BYTES];
    snprintf(text, sizeof text, "reloaded in %" PRIu64 " ms",
             uv_now(&supervisor->loop) - reload->begun_ms);
    set_text(reload, text);
    log_info("%s: %s", text, supervisor->config_path);
    supervisor->brain = reload->next;
    supervisor->plan = reload->wanted;
    brains_follow_plan(supervisor);
    plan_warn_of_room(&supervisor->plan, supervisor->worker_wanted);
    shutdown_drain(supervisor, false);
    tell(supervisor, true);
    child_send(old, CONTROL_STOP, NULL, 0, NULL, 0);
    see_off(supervisor);
}

/* --- the steps between --- */

/* The role is free: the old brain has released it, or has died. */
static void grant(struct supervisor *supervisor, bool handed_over)
{
    struct reload *reload = &supervisor->reload;
    supervisor->writer = NULL;
    go(supervisor, RELOAD_GRANTED, READY_MS);
    brains_put_in_charge(supervisor, reload->next, &reload->wanted, true,
                         handed_over);
}

/* The old brain has finished what ran in it, and there is no other to go on. */
static void take_back(struct supervisor *supervisor)
{
    supervisor->writer = NULL;
    brains_put_in_charge(supervisor, supervisor->brain, &supervisor->plan, true,
                         false);
    end_failed(supervisor);
}

static uint64_t releasing_ms(const struct supervisor *supervisor)
{
    return supervisor->plan.supervise.drain_ms + RELEASE_MS;
}

static void release(struct supervisor *supervisor)
{
    struct child *old = supervisor->brain;
    if (supervisor->writer == NULL) {
        /* It has died, or has not come so far yet. */
        child_cancel_start(old);
        child_kill(old);
        grant(supervisor, false);
        return;
    }
    struct control_release message = {
        .drain_ms = supervisor->plan.supervise.drain_ms
    };
    log_debug("the brain hands over once it has finished what runs in it");
    go(supervisor, RELOAD_RELEASING, releasing_ms(supervisor));
    child_send(old, CONTROL_RELEASE, &message, sizeof message, NULL, 0);
}

bool reload_take_plan(struct supervisor *supervisor, struct child *brain,
                      const struct stentor_plan *plan)
{
    struct reload *reload = &supervisor->reload;
    if (reload->step != RELOAD_LOADING || brain != reload->next)
        return false;
    char error[STENTOR_ERROR_BYTES];
    if (plan_workers(plan, error) == 0 ||
        !plan_can_follow(&supervisor->plan, plan, error)) {
        fail(supervisor, error);
        return true;
    }
    reload->wanted = supervisor->plan;
    plan_adopt(&reload->wanted, plan);
    release(supervisor);
    return true;
}

void reload_take_released(struct supervisor *supervisor, struct child *brain)
{
    if (brain != supervisor->brain)
        return;
    if (supervisor->reload.step == RELOAD_RELEASING)
        grant(supervisor, true);
    else if (supervisor->reload.step == RELOAD_TAKING_BACK)
        take_back(supervisor);
}

bool reload_take_ready(struct supervisor *supervisor, struct child *brain)
{
    struct reload *reload = &supervisor->reload;
    if (reload->step != RELOAD_GRANTED || brain != reload->next)
        return false;
    succeed(supervisor);
    return true;
}

bool reload_take_wrong(struct supervisor *supervisor, struct child *brain,
                       const char *text)
{
    struct reload *reload = &supervisor->reload;
    if (reload->next == NULL || brain != reload->next)
        return false;
    set_text(reload, text);
    return true;
}

/* --- what goes wrong --- */

static void leave(struct supervisor *supervisor)
{
    struct child *other = brains_other(supervisor);
    if (other->state == CHILD_DOWN) {
        rest(supervisor);
        return;
    }
    log_warn("brain (pid %d) does not stop; it is killed", other->process.pid);
    child_kill(other);
}

static void on_step_over(uv_timer_t *timer)
{
    struct supervisor *supervisor =
        CHECK_CAST(struct supervisor, timer->data, SUPERVISOR_MAGIC);
    struct reload *reload = &supervisor->reload;
    bool old =
        reload->step == RELOAD_RELEASING || reload->step == RELOAD_TAKING_BACK;
    if (reload->step == RELOAD_LEAVING) {
        leave(supervisor);
        return;
    }
    log_error("the %s brain takes too long for %s; it is killed",
              old ? "old" : "new", step_names[reload->step]);
    child_kill(old ? supervisor->brain : reload->next);
}

static void next_has_ended(struct supervisor *supervisor,
                           const struct child_end *end)
{
    struct reload *reload = &supervisor->reload;
    struct child *old = supervisor->brain;
    bool had_role = reload->step == RELOAD_GRANTED;
    char text[STENTOR_ERROR_BYTES];
    if (had_role)
        brains_clear_up(supervisor);
    snprintf(text, sizeof text, "the new brain ended while %s: %s",
             step_names[reload->step], end->text);
    note_failure(supervisor, text);
    if (reload->step == RELOAD_RELEASING) {
        go(supervisor, RELOAD_TAKING_BACK, releasing_ms(supervisor));
        return;
    }
    if (had_role && old->state != CHILD_DOWN)
        brains_put_in_charge(supervisor, old, &supervisor->plan, true, false);
    end_failed(supervisor);
}

static void old_has_ended(struct supervisor *supervisor,
                          const struct child_end *end)
{
    struct reload *reload = &supervisor->reload;
    struct child *old = supervisor->brain;
    if (supervisor->writer == old)
        brains_clear_up(supervisor);
    if (reload->step == RELOAD_TAKING_BACK) {
        log_warn("%s (pid %d) ended: %s", old->name, old->process.pid,
                 end->text);
        end_failed(supervisor);
        return;
    }
    log_warn("%s (pid %d) ended: %s; a new one is %s", old->name,
             old->process.pid, end->text, step_names[reload->step]);
    if (reload->step == RELOAD_RELEASING)
        grant(supervisor, false);
}

bool reload_take_end(struct supervisor *supervisor, struct child *brain,
                     const struct child_end *end)
{
    struct reload *reload = &supervisor->reload;
    if (reload->step == RELOAD_NONE)
        return false;
    if (reload->step == RELOAD_LEAVING) {
        if (brain == supervisor->brain)
            return false;
        see_off(supervisor);
    } else if (brain == reload->next) {
        next_has_ended(supervisor, end);
    } else {
        old_has_ended(supervisor, end);
    }
    return true;
}

void reload_give_up(struct supervisor *supervisor)
{
    struct reload *reload = &supervisor->reload;
    reload->again = false;
    if (reload->step == RELOAD_NONE)
        return;
    child_kill(brains_other(supervisor));
    if (reload->next != NULL) {
        set_text(reload, "the server stops");
        tell(supervisor, false);
    }
    reload->next = NULL;
    go(supervisor, RELOAD_NONE, 0);
}
