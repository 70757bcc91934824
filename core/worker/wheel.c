/* SPDX-License-Identifier: MIT */
/*
 * A member lies in the slot of its deadline's tick modulo WHEEL_SLOTS; one that
 * is more than a turn of the wheel away is met early and left where it is.
 * The timer is stopped while nobody waits, so that an idle worker sleeps.
 */
#include "worker/wheel.h"

#include <string.h>

#include "base/check.h"

enum { WHEEL_MAGIC = 0x4c454857 };

static uint32_t tick_at(uint64_t now_ms)
{
    return (uint32_t)(now_ms / WHEEL_TICK_MS);
}

static void run_slot(struct wheel *wheel, uint32_t tick)
{
    struct list *slot = &wheel->slots[tick % WHEEL_SLOTS];
    struct list due;
    list_init(&due);
    list_append_all(&due, slot);
    while (!list_is_empty(&due)) {
        struct wheel_member *member =
            LIST_ENTRY(due.next, struct wheel_member, link);
        list_remove(&member->link);
        /* Ticks wrap around: what lies ahead is less than half of them. */
        if ((int32_t)(member->tick - tick) > 0) {
            list_append(slot, &member->link);
            continue;
        }
        wheel->members--;
        wheel->on_deadline(wheel, member);
    }
}

void wheel_turn(struct wheel *wheel, uint64_t now_ms)
{
    uint32_t now = tick_at(now_ms);
    CHECK(wheel->magic == WHEEL_MAGIC);
    /* After a long sleep each slot need be looked at only once. */
    if (now - wheel->tick > WHEEL_SLOTS)
        wheel->tick = now - WHEEL_SLOTS;
    while (wheel->tick != now) {
        wheel->tick++;
        run_slot(wheel, wheel->tick);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct wheel *wheel = CHECK_CAST(struct wheel, timer->data, WHEEL_MAGIC);
    wheel_turn(wheel, uv_now(timer->loop));
    if (wheel->members == 0)
        uv_timer_stop(timer);
}

void wheel_open(struct wheel *wheel, uv_loop_t *loop,
                void (*on_deadline)(struct wheel *, struct wheel_member *),
                void *owner)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->magic = WHEEL_MAGIC;
    wheel->tick = tick_at(uv_now(loop));
    wheel->on_deadline = on_deadline;
    wheel->owner = owner;
    for (int i = 0; i < WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
    uv_timer_init(loop, &wheel->timer);
    wheel->timer.data = wheel;
}

void wheel_close(struct wheel *wheel)
{
    CHECK(wheel->magic == WHEEL_MAGIC);
    uv_close((uv_handle_t *)&wheel->timer, NULL);
}

void wheel_member_init(struct wheel_member *member)
{
    list_init(&member->link);
    member->tick = 0;
}

void wheel_set(struct wheel *wheel, struct wheel_member *member,
               uint64_t delay_ms)
{
    uint64_t now_ms = uv_now(wheel->timer.loop);
    if (list_is_empty(&member->link)) {
        if (wheel->members++ == 0 &&
            !uv_is_active((uv_handle_t *)&wheel->timer)) {
            wheel->tick = tick_at(now_ms);
            uv_timer_start(&wheel->timer, on_tick, WHEEL_TICK_MS,
                           WHEEL_TICK_MS);
        }
    } else {
        list_remove(&member->link);
    }
    /* Rounded up: the tick before would be early. */
    member->tick = tick_at(now_ms + delay_ms + WHEEL_TICK_MS - 1);
    if (member->tick == wheel->tick)
        member->tick++;
    list_append(&wheel->slots[member->tick % WHEEL_SLOTS], &member->link);
}

void wheel_clear(struct wheel *wheel, struct wheel_member *member)
{
    if (list_is_empty(&member->link))
        return;
    CHECK(wheel->members > 0);
    list_remove(&member->link);
    wheel->members--;
}
