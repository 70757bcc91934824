/* SPDX-License-Identifier: MIT */
#include "supervisor/watchdog.h"

#include "base/check.h"
#include "base/log.h"
#include "supervisor/process.h"

enum {
    LOOKS = 5, /* in one `brain_timeout` */
    LOOK_MS_MIN = 20,
    STARTING_MS = 10000 /* more for one that still loads: it has a deadline of
                           its own, unless something holds it */
};

static uint32_t turns_of_brain(const struct supervisor *supervisor)
{
    return __atomic_load_n(&supervisor->objects.board.header->brain.turns,
                           __ATOMIC_RELAXED);
}

/* Who has the writer's role, or is about to get it. */
static struct child *watched(const struct supervisor *supervisor)
{
    return supervisor->writer != NULL ? supervisor->writer : supervisor->brain;
}

static void kill_it(struct supervisor *supervisor, uint64_t limit_ms)
{
    char title[BLAME_TITLE_BYTES];
    struct board_brain *shown = &supervisor->objects.board.header->brain;
    blame_title(&shown->blame, title);
    __atomic_store_n(&shown->hangs, shown->hangs + 1, __ATOMIC_RELAXED);
    log_error("the brain (pid %d) has hung for %.3g s %s%s; it is killed",
              watched(supervisor)->process.pid, (double)limit_ms / 1000,
              title[0] != '\0' ? "in " : "outside of any handler", title);
    child_kill(watched(supervisor));
}

/* When we were not run either, for once or as the machine was asleep, the
   brain cannot be blamed for that time. */
static uint64_t since_last_look(struct watchdog *watchdog, uint64_t now,
                                uint64_t look_ms)
{
    uint64_t passed = now - watchdog->looked_at_ms;
    watchdog->looked_at_ms = now;
    return passed < 2 * look_ms ? passed : 2 * look_ms;
}

static void on_look(uv_timer_t *timer)
{
    struct supervisor *supervisor =
        CHECK_CAST(struct supervisor, timer->data, SUPERVISOR_MAGIC);
    struct watchdog *watchdog = &supervisor->watchdog;
    uint64_t passed = since_last_look(watchdog, uv_now(&supervisor->loop),
                                      uv_timer_get_repeat(timer));
    uint64_t limit_ms = supervisor->plan.supervise.brain_timeout_ms;
    uint32_t turns = turns_of_brain(supervisor);
    enum child_state state = watched(supervisor)->state;
    if (state == CHILD_STARTING && supervisor->writer == NULL)
        limit_ms += STARTING_MS;
    if (state == CHILD_DOWN || turns != watchdog->turns) {
        watchdog->turns = turns;
        watchdog->still_ms = 0;
        return;
    }
    watchdog->still_ms += passed;
    if (watchdog->still_ms >= limit_ms) {
        watchdog->still_ms = 0;
        kill_it(supervisor, limit_ms);
    } else {
        objects_ring_brain(&supervisor->objects);
    }
}

void watchdog_init(struct supervisor *supervisor)
{
    CHECK(uv_timer_init(&supervisor->loop, &supervisor->watchdog.timer) == 0);
    supervisor->watchdog.timer.data = supervisor;
}

void watchdog_forget(struct supervisor *supervisor)
{
    supervisor->watchdog.still_ms = 0;
    supervisor->watchdog.looked_at_ms = uv_now(&supervisor->loop);
}

void watchdog_start(struct supervisor *supervisor)
{
    uint64_t look_ms = supervisor->plan.supervise.brain_timeout_ms / LOOKS;
    if (look_ms < LOOK_MS_MIN)
        look_ms = LOOK_MS_MIN;
    watchdog_forget(supervisor);
    uv_timer_start(&supervisor->watchdog.timer, on_look, look_ms, look_ms);
}

void watchdog_stop(struct supervisor *supervisor)
{
    uv_timer_stop(&supervisor->watchdog.timer);
}

void watchdog_close(struct supervisor *supervisor)
{
    uv_close((uv_handle_t *)&supervisor->watchdog.timer, NULL);
}
