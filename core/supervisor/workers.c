/* SPDX-License-Identifier: MIT */
/*
 * workers_settle looks at how things are and not at what has happened, so it
 * may be called after anything and as often as one likes.
 */
#include "supervisor/workers.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "supervisor/process.h"
#include "supervisor/startup.h"

/* It accepts, and will go on to. */
static bool is_fit(const struct supervisor *supervisor, uint32_t number)
{
    const struct roster *roster = &supervisor->roster[number];
    return supervisor->workers[number].state == CHILD_READY &&
           number < supervisor->worker_wanted && !roster->leaving &&
           !roster->full;
}

/* How much a worker does for others already. */
static uint32_t burden_of(const struct supervisor *supervisor, uint32_t number)
{
    uint32_t burden = 0;
    for (uint32_t i = 0; i < supervisor->worker_count; i++) {
        burden += supervisor->roster[i].covered_by == number + 1;
        burden += supervisor->roster[i].moves_to == number + 1;
    }
    return burden;
}

/* The fit sibling with the least to do, counted from 1; 0: there is none. */
static uint32_t find_sibling(const struct supervisor *supervisor,
                             uint32_t number)
{
    uint32_t best = 0, least = UINT32_MAX;
    for (uint32_t i = 0; i < supervisor->worker_count; i++) {
        if (i == number || !is_fit(supervisor, i))
            continue;
        uint32_t burden = burden_of(supervisor, i);
        if (burden < least) {
            best = i + 1;
            least = burden;
        }
    }
    return best;
}

static void tell(struct supervisor *supervisor, uint32_t to, uint32_t type,
                 uint32_t about, const int *fds, uint32_t fd_count)
{
    struct control_worker message = { .number = about };
    child_send(&supervisor->workers[to], type, &message, sizeof message, fds,
               fd_count);
}

/* --- who accepts for whom ------------------------------------------------ */

static void settle_cover(struct supervisor *supervisor, uint32_t number)
{
    const struct listening *listening = &supervisor->listening;
    struct roster *roster = &supervisor->roster[number];
    bool needed = !is_fit(supervisor, number);
    uint32_t cover = roster->covered_by;
    if (cover > 0 && (!needed || !is_fit(supervisor, cover - 1))) {
        tell(supervisor, cover - 1, CONTROL_UNCOVER, number, NULL, 0);
        cover = 0;
    }
    if (cover == 0 && needed) {
        cover = find_sibling(supervisor, number);
        if (cover > 0)
            tell(supervisor, cover - 1, CONTROL_COVER, number,
                 listening->sockets[number], listening->address_count);
    }
    roster->covered_by = cover;
}

/* --- who hands over to whom ---------------------------------------------- */

static void connect_move(struct supervisor *supervisor, uint32_t from,
                         uint32_t to)
{
    int ends[2];
    if (control_pair(ends) != 0) {
        log_error("cannot move clients: %s", strerror(errno));
        return;
    }
    tell(supervisor, to, CONTROL_TAKE_OVER, from, &ends[0], 1);
    tell(supervisor, from, CONTROL_HAND_OVER, to, &ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    supervisor->roster[from].moves_to = to + 1;
    log_debug("worker %" PRIu32 " moves its clients to worker %" PRIu32, from,
              to);
}

static void settle_move(struct supervisor *supervisor, uint32_t number)
{
    struct child *worker = &supervisor->workers[number];
    struct roster *roster = &supervisor->roster[number];
    if (worker->state == CHILD_READY && number >= supervisor->worker_wanted)
        roster->leaving = true;
    if (worker->state == CHILD_DOWN && number >= supervisor->worker_wanted)
        child_cancel_start(worker);
    if (worker->state != CHILD_READY || !roster->leaving)
        return;
    if (roster->moves_to > 0 && is_fit(supervisor, roster->moves_to - 1))
        return;
    uint32_t to = find_sibling(supervisor, number);
    if (to > 0)
        connect_move(supervisor, number, to - 1);
}

void workers_settle(struct supervisor *supervisor)
{
    if (supervisor->phase != PHASE_SERVING)
        return;
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        settle_move(supervisor, i);
    for (uint32_t i = 0; i < supervisor->worker_count; i++)
        settle_cover(supervisor, i);
}

/* --- what happens to a worker -------------------------------------------- */

void workers_note_full(struct supervisor *supervisor, struct child *worker,
                       bool full)
{
    supervisor->roster[worker->number].full = full;
    workers_settle(supervisor);
}

bool workers_note_end(struct supervisor *supervisor, struct child *worker)
{
    uint32_t number = worker->number;
    struct roster *roster = &supervisor->roster[number];
    bool was_leaving = roster->leaving;
    uint32_t cover = roster->covered_by; /* this one goes on */
    *roster = (struct roster){ .covered_by = cover };
    for (uint32_t i = 0; i < supervisor->worker_count; i++) {
        struct roster *other = &supervisor->roster[i];
        if (other->covered_by == number + 1)
            other->covered_by = 0;
        if (other->moves_to == number + 1)
            other->moves_to = 0;
    }
    bool surplus = number >= supervisor->worker_wanted;
    if (!surplus && was_leaving) /* it is wanted again */
        child_start_later(worker);
    workers_settle(supervisor);
    return surplus || was_leaving;
}

/* --- how many there are to be -------------------------------------------- */

/* Makes what one worker more needs; it is down. */
static int add_worker(struct supervisor *supervisor, char *error)
{
    struct objects *objects = &supervisor->objects;
    uint32_t number = supervisor->worker_count;
    if (objects->worker_count == number) {
        int code = objects_add_worker(objects, error);
        if (code != 0)
            return code;
        struct control_mailbox message = { .number = number };
        int fds[] = { objects->mailboxes[number], objects->bells[number] };
        /* A brain that still loads gets them with all objects. */
        if (supervisor->writer != NULL)
            child_send(supervisor->writer, CONTROL_PEER, &message,
                       sizeof message, fds, 2);
    }
    int code = listening_add_worker(&supervisor->listening, error);
    if (code != 0)
        return code;
    struct child *worker = &supervisor->workers[number];
    child_init(worker, &supervisor->loop, "worker", supervisor,
               supervisor->child_events);
    child_set_number(worker, number);
    supervisor->worker_count++;
    return 0;
}

int workers_resize(struct supervisor *supervisor, uint32_t count, char *error)
{
    CHECK(supervisor->phase == PHASE_SERVING);
    CHECK(count > 0 && count <= CONTROL_WORKERS_MAX);
    uint32_t before = supervisor->worker_wanted;
    uint32_t known = supervisor->worker_count;
    int code = 0;
    while (supervisor->worker_count < count && code == 0)
        code = add_worker(supervisor, error);
    if (code == 0)
        supervisor->worker_wanted = count;
    /* Who is about to start, or still hands over, comes by itself. */
    for (uint32_t i = before; i < supervisor->worker_wanted; i++) {
        struct child *worker = &supervisor->workers[i];
        if (i >= known)
            startup_worker(supervisor, worker);
        else if (worker->state == CHILD_DOWN)
            child_start_later(worker);
    }
    workers_settle(supervisor);
    if (code == 0 && count != before)
        log_info("%" PRIu32 " workers from now on, %" PRIu32 " before", count,
                 before);
    return code;
}
