/* SPDX-License-Identifier: MIT */
#include "load/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "load/lane.h"
#include "load/payload.h"

enum {
    EVENTS_A_TURN = 64,
    READ_BYTES = 64 * 1024,
    LAST_ANSWERS_US = 5 * 1000000,
    WAIT_US = 5000 /* at most, to notice a new phase soon */
};

struct publisher {
    const struct load_job *job;
    struct lane *lanes;
    size_t lane_count;
    uint64_t due_count; /* events put on their way, by schedule */
    uint64_t busy_us;   /* when last all lanes waited for the server */
    char *room;
    int epoll;
};

static void publisher_init(struct publisher *publisher,
                           const struct load_job *job)
{
    *publisher = (struct publisher){
        .job = job,
        .lane_count = (size_t)job->options->in_flight,
        .room = xmalloc(READ_BYTES),
        .epoll = epoll_create1(EPOLL_CLOEXEC),
    };
    CHECK(publisher->epoll >= 0);
    publisher->lanes = xcalloc(publisher->lane_count, sizeof(struct lane));
    for (size_t i = 0; i < publisher->lane_count; i++)
        load_lane_init(&publisher->lanes[i], (uint32_t)i, job,
                       publisher->epoll);
}

static void publisher_done(struct publisher *publisher)
{
    for (size_t i = 0; i < publisher->lane_count; i++)
        load_lane_done(&publisher->lanes[i]);
    close(publisher->epoll);
    free(publisher->lanes);
    free(publisher->room);
}

static uint64_t due_us(const struct publisher *publisher)
{
    return publisher->job->shared->published.started_us +
           publisher->due_count * 1000000 / publisher->job->options->rate;
}

static struct lane *find_idle(struct publisher *publisher, uint64_t now_us)
{
    /* Lanes take turns, so each of them keeps its connection alive. */
    for (size_t i = 0; i < publisher->lane_count; i++) {
        size_t index = (publisher->due_count + i) % publisher->lane_count;
        struct lane *lane = &publisher->lanes[index];
        if (lane->state == LANE_IDLE && lane->not_before_us <= now_us &&
            lane->number < PAYLOAD_NUMBER_MAX)
            return lane;
    }
    return NULL;
}

/* A publish that fails is made again, so what counts is what was accepted, and
   what is still under way. */
static bool has_more(const struct publisher *publisher)
{
    const struct load_published *published = &publisher->job->shared->published;
    uint64_t events = publisher->job->options->events;
    return events == 0 || published->sent - published->failed < events;
}

static void publish_due(struct publisher *publisher)
{
    struct load_published *published = &publisher->job->shared->published;
    bool is_paced = publisher->job->options->rate > 0;
    while (has_more(publisher)) {
        uint64_t now_us = load_now_us();
        if (is_paced && due_us(publisher) > now_us)
            return;
        struct lane *lane = find_idle(publisher, now_us);
        if (lane == NULL)
            return;
        if (is_paced) {
            /* While all lanes wait for an answer the server is late, not we. */
            uint64_t due = due_us(publisher);
            uint64_t free_us =
                due > publisher->busy_us ? due : publisher->busy_us;
            load_histogram_add(&published->late, now_us - due);
            load_histogram_add(&published->lag, now_us - free_us);
        }
        publisher->due_count++;
        load_lane_publish(lane);
    }
}

/* Until the next event is due, an answer comes, or the phase may be over. */
static void wait_and_read(struct publisher *publisher)
{
    struct epoll_event events[EVENTS_A_TURN];
    uint64_t wait_us = WAIT_US;
    if (publisher->job->options->rate > 0 && has_more(publisher)) {
        uint64_t asked_us = load_now_us();
        uint64_t due = due_us(publisher);
        if (due > asked_us && due - asked_us < wait_us)
            wait_us = due - asked_us;
    }
    struct timespec limit = { .tv_nsec = (long)wait_us * 1000 };
    int count =
        epoll_pwait2(publisher->epoll, events, EVENTS_A_TURN, &limit, NULL);
    CHECK(count >= 0 || errno == EINTR);
    uint64_t now_us = load_now_us();
    if (find_idle(publisher, now_us) == NULL)
        publisher->busy_us = now_us;
    for (int i = 0; i < count; i++)
        load_lane_on_ready(events[i].data.ptr, events[i].events,
                           publisher->room, READ_BYTES);
}

static bool has_answers_owed(const struct publisher *publisher)
{
    for (size_t i = 0; i < publisher->lane_count; i++)
        if (publisher->lanes[i].state != LANE_IDLE)
            return true;
    return false;
}

void load_publisher_run(const struct load_job *job)
{
    struct load_shared *shared = job->shared;
    struct publisher publisher;
    publisher_init(&publisher, job);
    while (shared->phase == LOAD_CONNECTING)
        usleep(1000);
    shared->published.started_us = load_now_us();
    while (shared->phase == LOAD_RUNNING &&
           (has_more(&publisher) || has_answers_owed(&publisher))) {
        publish_due(&publisher);
        wait_and_read(&publisher);
    }
    shared->published.ended_us = load_now_us();
    while (has_answers_owed(&publisher) && shared->phase != LOAD_STOPPED &&
           load_now_us() - shared->published.ended_us < LAST_ANSWERS_US)
        wait_and_read(&publisher);
    shared->published.done = true;
    publisher_done(&publisher);
}
