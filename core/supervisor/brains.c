/* SPDX-License-Identifier: MIT */
#include "supervisor/brains.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "supervisor/broker.h"
#include "supervisor/plan.h"
#include "supervisor/process.h"
#include "supervisor/startup.h"
#include "supervisor/workers.h"

void brains_init(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < 2; i++)
        child_init(&supervisor->brains[i], &supervisor->loop, "brain",
                   supervisor, supervisor->child_events);
    supervisor->brain = &supervisor->brains[0];
}

bool brains_has(const struct supervisor *supervisor, const struct child *child)
{
    return child == &supervisor->brains[0] || child == &supervisor->brains[1];
}

struct child *brains_other(struct supervisor *supervisor)
{
    return &supervisor->brains[supervisor->brain == &supervisor->brains[0]];
}

void brains_start(struct supervisor *supervisor, struct child *brain)
{
    startup_child(supervisor, brain);
    if (supervisor->writer == NULL)
        watchdog_forget(supervisor);
    child_send(brain, CONTROL_CONFIG, supervisor->config_path,
               strlen(supervisor->config_path) + 1, NULL, 0);
}

/* --- the writer's role --- */

static void give_mailbox(struct supervisor *supervisor, struct child *to,
                         uint32_t number)
{
    struct control_mailbox message = { .number = number };
    child_send(to, CONTROL_MAILBOX, &message, sizeof message,
               &supervisor->objects.mailboxes[number], 1);
}

static bool renew_mailbox(struct supervisor *supervisor, uint32_t number)
{
    char error[STENTOR_ERROR_BYTES];
    if (objects_renew_mailbox(&supervisor->objects, number, error) == 0)
        return true;
    log_error("%s", error);
    return false;
}

bool brains_renew_mailbox(struct supervisor *supervisor, uint32_t number)
{
    /* The brain may be in the midst of the old one. One that still loads gets
       it with its objects. */
    if (!renew_mailbox(supervisor, number))
        return false;
    if (supervisor->writer != NULL)
        give_mailbox(supervisor, supervisor->writer, number);
    return true;
}

static bool renew_mailboxes(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        if (!renew_mailbox(supervisor, i))
            return false;
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        give_mailbox(supervisor, &supervisor->workers[i], i);
    return true;
}

static void give_objects(struct supervisor *supervisor, struct child *brain,
                         const struct stentor_plan *plan, bool handed_over)
{
    int fds[CONTROL_FDS_MAX];
    uint32_t count = objects_for_brain(&supervisor->objects, fds);
    struct control_objects message = { .worker_count = supervisor->worker_count,
                                       .handed_over = handed_over,
                                       .plan = *plan };
    uint32_t *starts = &supervisor->objects.board.header->brain.starts;
    __atomic_store_n(starts, *starts + 1, __ATOMIC_RELAXED);
    child_send(brain, CONTROL_OBJECTS, &message, sizeof message, fds, count);
}

bool brains_put_in_charge(struct supervisor *supervisor, struct child *brain,
                          const struct stentor_plan *plan, bool renew,
                          bool handed_over)
{
    CHECK(supervisor->writer == NULL);
    objects_fit_mailboxes(&supervisor->objects, &plan->limits);
    if (renew && !renew_mailboxes(supervisor)) {
        child_kill(brain);
        return false;
    }
    give_objects(supervisor, brain, plan, handed_over);
    broker_tell_brain(supervisor, brain);
    child_send(brain, CONTROL_GO, NULL, 0, NULL, 0);
    supervisor->writer = brain;
    watchdog_forget(supervisor);
    objects_ring_workers(&supervisor->objects);
    return true;
}

void brains_clear_up(struct supervisor *supervisor)
{
    struct board_brain *shown = &supervisor->objects.board.header->brain;
    supervisor->writer = NULL;
    blame_death(&shown->blame);
    /* It may have cleared an `asleep` and not yet have rung. */
    __atomic_store_n(&shown->asleep, 0, __ATOMIC_RELAXED);
    objects_ring_workers(&supervisor->objects);
}

/* --- what they say --- */

static void take_worker_count(struct supervisor *supervisor)
{
    char error[STENTOR_ERROR_BYTES];
    uint32_t count = plan_workers(&supervisor->plan, error);
    if (count == 0 || workers_resize(supervisor, count, error) != 0)
        log_error("the number of workers stays: %s", error);
}

void brains_follow_plan(struct supervisor *supervisor)
{
    const struct stentor_plan *plan = &supervisor->plan;
    log_set_level((enum log_level)plan->log_level);
    broker_follow_plan(supervisor);
    listening_set_ack_time(&supervisor->listening, plan->limits.ack_time_ms);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        child_send(&supervisor->workers[i], CONTROL_PLAN, plan, sizeof *plan,
                   NULL, 0);
    take_worker_count(supervisor);
    watchdog_start(supervisor);
}

/* A brain that was started again has read the config as it is now. What of it
   cannot change stays as it was. */
static void replace(struct supervisor *supervisor, struct child *brain,
                    const struct stentor_plan *wanted)
{
    plan_warn_of_changes(&supervisor->plan, wanted);
    plan_adopt(&supervisor->plan, wanted);
    if (brains_put_in_charge(supervisor, brain, &supervisor->plan, true, false))
        brains_follow_plan(supervisor);
}

void brains_take_plan(struct supervisor *supervisor, struct child *brain,
                      const struct control_message *message)
{
    struct stentor_plan plan;
    if (!plan_read(message, &plan)) {
        log_error("the brain's plan is not one of this version");
        child_kill(brain);
    } else if (supervisor->phase == PHASE_LOADING) {
        supervisor->plan = plan;
        startup_carry_out(supervisor);
    } else if (supervisor->phase == PHASE_SERVING &&
               !reload_take_plan(supervisor, brain, &plan) &&
               brain == supervisor->brain && supervisor->writer == NULL) {
        replace(supervisor, brain, &plan);
    }
}

void brains_take_wrong(struct supervisor *supervisor, struct child *brain,
                       struct control_message *message)
{
    char *text = control_text(message);
    if (supervisor->phase < PHASE_SERVING) {
        startup_say_wrong(text);
        return;
    }
    reload_take_wrong(supervisor, brain, text);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        log_error("%s", line);
}

void brains_take_ready(struct supervisor *supervisor, struct child *brain)
{
    bool was_ready = brain->state == CHILD_READY;
    brain->state = CHILD_READY;
    if (supervisor->phase == PHASE_OPENING)
        startup_serve(supervisor);
    else if (supervisor->phase == PHASE_SERVING &&
             !reload_take_ready(supervisor, brain))
        log_info("the brain is in charge again%s",
                 was_ready ? ", with the config that it had" : "");
}

void brains_start_later(struct child *brain, const struct child_end *end)
{
    uint64_t delay_ms = child_start_later(brain);
    log_warn("%s (pid %d) ended: %s; it starts again in %.1f s", brain->name,
             brain->process.pid, end->text, (double)delay_ms / 1000);
}
