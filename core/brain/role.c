/* SPDX-License-Identifier: MIT */
#include "brain/role.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "brain/ffi_role.h"
#include "brain/process.h"

enum { /* all less than the supervisor's patience */
       BRAIN_FLUSH_MS = 2000,
       ROLE_KAFKA_MS = 1200, /* for Kafka to acknowledge, before a release */
       ROLE_LOOK_MS = 5
};

static void say(uint32_t type, const void *body, size_t size)
{
    if (control_send(CONTROL_FD, type, body, size, NULL, 0) != 0)
        exit(1); /* it is gone, or has not read for very long */
}

/* A text that the supervisor may read as a string; cut if it is too long. */
static void say_text(uint32_t type, const char *text, size_t size)
{
    char room[STENTOR_STATUS_BYTES + 1];
    size = size < sizeof room ? size : sizeof room - 1;
    memcpy(room, text, size);
    room[size] = '\0';
    say(type, room, size + 1);
}

void stentor_ready(struct stentor_brain *brain)
{
    if (!brain->in_charge)
        return;
    FAULT_POINT("start: ready");
    say(CONTROL_READY, NULL, 0);
    FAULT_POINT("start: ready said");
}

void stentor_fail(struct stentor_brain *brain, const char *text, uint32_t size)
{
    (void)brain;
    say_text(CONTROL_WRONG, text, size);
    exit(1);
}

int stentor_handed_over(struct stentor_brain *brain)
{
    return brain->handed_over;
}

void stentor_stopped(struct stentor_brain *brain)
{
    (void)brain;
    say(CONTROL_STOPPED, NULL, 0);
}

void stentor_say_status(struct stentor_brain *brain, const char *text,
                        uint32_t size)
{
    (void)brain;
    say_text(CONTROL_STATUS, text, size);
}

void role_say_wrong(const char *text)
{
    say_text(CONTROL_WRONG, text, strlen(text));
}

/* --- it is taken, and given back --- */

void role_take(struct stentor_brain *brain)
{
    /* Before anything is published: the journal tells what the brain before
       has done. */
    places_settle(&brain->places, journal_next_seq(&brain->journal));
    FAULT_POINT("start: places settled");
    brain->in_charge = true;
    if (brain->releasing) {
        sources_forget(brain);
        if (brain->kafka != NULL)
            kafka_resume(brain->kafka);
    }
    brain->inbox.resume = brain->releasing;
    brain->inbox.go = !brain->releasing;
    brain->releasing = brain->let_go = false;
}

void role_asked_back(struct stentor_brain *brain,
                     const struct control_release *message)
{
    brain->releasing = brain->inbox.release = true;
    brain->inbox.drain_ms = message->drain_ms;
    FAULT_POINT("release: asked for");
}

/* All answers are on their way, sources have committed, and Kafka has what it
   was given; the last of these may take too long. */
static bool is_settled(const struct stentor_brain *brain)
{
    for (uint32_t i = 0; i < brain->peer_count; i++)
        if (brain->peers[i].outbox.size > 0)
            return false;
    bool in_time = uv_now(&brain->loop) < brain->let_go_at + ROLE_KAFKA_MS;
    if (brain->sources.open > 0)
        return false;
    return brain->kafka == NULL || kafka_outstanding(brain->kafka) == 0 ||
           !in_time;
}

void role_release(struct stentor_brain *brain)
{
    if (!brain->let_go || !brain->in_charge || brain->stopping ||
        !is_settled(brain))
        return;
    if (brain->kafka != NULL)
        kafka_let_go(brain->kafka);
    uv_timer_stop(&brain->settling);
    brain->in_charge = false;
    __atomic_store_n(&brain->board.header->brain.asleep, 0, __ATOMIC_RELAXED);
    uv_poll_stop(&brain->bell_poll); /* the bell is the next one's */
    FAULT_POINT("release: let go");
    say(CONTROL_RELEASED, NULL, 0);
    FAULT_POINT("release: said");
}

static void on_settling(uv_timer_t *timer)
{
    role_release(CHECK_CAST(struct stentor_brain, timer->data, BRAIN_MAGIC));
}

void stentor_released(struct stentor_brain *brain)
{
    if (!brain->releasing || brain->let_go || brain->stopping)
        return;
    brain->let_go = true; /* the pump's end does the rest */
    brain->let_go_at = uv_now(&brain->loop);
    sources_close(brain);
    if (brain->kafka != NULL)
        kafka_pause(brain->kafka);
    FAULT_POINT("release: all at rest");
    uv_timer_start(&brain->settling, on_settling, ROLE_LOOK_MS, ROLE_LOOK_MS);
}

/* --- the end --- */

/* What Kafka has not acknowledged gets a last chance: the journal ends with the
   supervisor. */
void role_end(struct stentor_brain *brain)
{
    if (!brain->stopped)
        return;
    bool closing = brain->sources.open > 0;
    uint64_t waiting = brain->kafka != NULL ? kafka_waiting(brain->kafka) : 0;
    if ((waiting > 0 || closing) &&
        uv_now(&brain->loop) < brain->stopped_at + BRAIN_FLUSH_MS)
        return;
    if (waiting > 0)
        log_error("%" PRIu64 " event%s not sent to Kafka", waiting,
                  waiting == 1 ? " was" : "s were");
    uv_stop(&brain->loop);
}

/* The first time its hooks run, the second time it ends. A brain that was
   replaced ends at once. */
void role_stop(struct stentor_brain *brain)
{
    if (!brain->in_charge)
        exit(0); /* another one is: the server does not stop */
    if (brain->stopping) {
        brain->stopped_at = uv_now(&brain->loop);
        brain->stopped = true;
        role_end(brain);
    }
    if (!brain->stopping)
        sources_close(brain);
    brain->inbox.stop = !brain->stopping;
    brain->stopping = true;
}
