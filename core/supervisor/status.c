/* SPDX-License-Identifier: MIT */
#include "supervisor/status.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "journal/reader.h"
#include "supervisor/process.h"

enum { STATUS_CHANNELS = 50 /* lines; JSON has them all */ };

static uint64_t age_of(uint64_t unix_ms)
{
    uint64_t now = clock_unix_ms();
    return now > unix_ms ? now - unix_ms : 0;
}

struct status_reach status_reach(const struct supervisor *supervisor,
                                 uint32_t channel)
{
    const struct journal *history = &supervisor->objects.history;
    const struct journal_channel *row = &history->channels[channel];
    struct journal_record oldest;
    if (__atomic_load_n(&row->lost_seq, __ATOMIC_RELAXED) == 0 ||
        journal_peek(history, journal_tail(history), &oldest) != 0)
        return (struct status_reach){ .whole = true };
    uint64_t age = age_of(oldest.time_ms);
    return (struct status_reach){ .whole = row->replay_ms <= age,
                                  .age_ms = age };
}

/* "3 h 12 min", "4.2 s" */
static void add_time(struct buffer *to, uint64_t ms)
{
    uint64_t minutes = ms / 60000;
    if (minutes >= 48 * 60)
        buffer_add_format(to, "%" PRIu64 " d %" PRIu64 " h", minutes / 1440,
                          minutes / 60 % 24);
    else if (minutes >= 60)
        buffer_add_format(to, "%" PRIu64 " h %" PRIu64 " min", minutes / 60,
                          minutes % 60);
    else if (minutes > 0)
        buffer_add_format(to, "%" PRIu64 " min %" PRIu64 " s", minutes,
                          ms / 1000 % 60);
    else
        buffer_add_format(to, "%.1f s", (double)ms / 1000);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* "worker 0   pid 4711  up 3 h 12 min" */
static void add_child(struct supervisor *supervisor, const struct child *child,
                      struct buffer *to)
{
    static const char *const states[] = { "down", "starting", "up" };
    buffer_add_format(to, "  %-17s", child->name);
    if (child->state == CHILD_DOWN) {
        buffer_add_text(to, "down, starts again soon");
        return;
    }
    buffer_add_format(to, "pid %-8d%s ", child->process.pid,
                      states[child->state]);
    add_time(to, uv_now(&supervisor->loop) - child->started_ms);
}

static void add_starts(struct buffer *to, uint32_t starts)
{
    if (starts > 1)
        buffer_add_format(to, ", start %" PRIu32, starts);
}

static void add_processes(struct supervisor *supervisor, struct buffer *to)
{
    const struct board *board = &supervisor->objects.board;
    const struct board_brain *brain = &board->header->brain;
    buffer_add_text(to, "processes\n");
    add_child(supervisor, supervisor->brain, to);
    add_starts(to, brain->starts);
    if (brain->hangs > 0)
        buffer_add_format(to, ", killed %" PRIu32 " time%s because it hung",
                          brain->hangs, plural(brain->hangs));
    buffer_add_text(to, "\n");
    if (supervisor->plan.embedded_kafka != 0) {
        add_child(supervisor, &supervisor->broker, to);
        buffer_add_format(to, ", %s\n", supervisor->broker_address);
    }
    for (uint32_t i = 0; i < supervisor->worker_count; i++) {
        const struct board_worker *worker = board_worker(board, i);
        add_child(supervisor, &supervisor->workers[i], to);
        buffer_add_format(to,
                          ", %" PRIu32 " connection%s, %" PRIu32 " stream%s",
                          worker->connections, plural(worker->connections),
                          worker->streams, plural(worker->streams));
        add_starts(to, worker->starts);
        buffer_add_text(to, "\n");
    }
}

static void add_reload(const struct supervisor *supervisor, struct buffer *to)
{
    const struct reload *reload = &supervisor->reload;
    if (reload->next != NULL)
        buffer_add_text(to, "a reload is under way\n");
    if (reload->ended_ms == 0)
        return;
    buffer_add_text(to, "last reload: ");
    add_time(to, age_of(reload->ended_ms));
    buffer_add_format(
        to, " ago, %s%.*s; in all %" PRIu32 " succeeded, %" PRIu32 " failed\n",
        reload->succeeded ? "" : "failed: ",
        (int)strcspn(reload->text.bytes, "\n"), reload->text.bytes,
        reload->successes, reload->failures);
}

static void add_channel(const struct supervisor *supervisor, uint32_t channel,
                        struct buffer *to)
{
    const struct objects *objects = &supervisor->objects;
    const struct journal_channel *row = &objects->history.channels[channel];
    uint32_t streams = board_channel_streams(&objects->board, channel);
    buffer_add_format(to, "  %-24s%" PRIu32 " stream%s, ", row->name, streams,
                      plural(streams));
    if (row->newest_seq == 0) {
        buffer_add_text(to, "no events yet\n");
        return;
    }
    struct status_reach reach = status_reach(supervisor, channel);
    if (reach.whole) {
        buffer_add_text(to, "nothing lost that `replay` allows\n");
    } else {
        buffer_add_text(to, "reaches back ");
        add_time(to, reach.age_ms);
        buffer_add_text(to, "\n");
    }
}

static void add_channels(const struct supervisor *supervisor, struct buffer *to)
{
    const struct journal *history = &supervisor->objects.history;
    uint32_t count =
        __atomic_load_n(&history->header->channel_count, __ATOMIC_ACQUIRE);
    uint32_t shown = 0, more = 0;
    buffer_add_text(to, "channels\n");
    for (uint32_t i = 0; i < count; i++) {
        if (__atomic_load_n(&history->channels[i].state, __ATOMIC_ACQUIRE) !=
            JOURNAL_CHANNEL_OPEN)
            continue;
        if (shown++ < STATUS_CHANNELS)
            add_channel(supervisor, i, to);
        else
            more++;
    }
    if (more > 0)
        buffer_add_format(to, "  and %" PRIu32 " more (status --json)\n", more);
}

static void add_counters(const struct supervisor *supervisor, struct buffer *to)
{
    buffer_add_text(to, "counters\n");
    for (uint32_t i = 0; board_counter_name(i) != NULL; i++) {
        uint64_t sum =
            board_sum(&supervisor->objects.board, (enum board_counter)i);
        if (sum > 0)
            buffer_add_format(to, "  %-24s%" PRIu64 "\n", board_counter_name(i),
                              sum);
    }
    uint64_t passed_over =
        supervisor->objects.board.header->brain.blame.passed_over;
    if (passed_over > 0)
        buffer_add_format(to, "  %-24s%" PRIu64 "\n", "records_passed_over",
                          passed_over);
}

void status_compose(struct supervisor *supervisor, bool json,
                    const char *of_brain, struct buffer *to)
{
    if (json) {
        status_compose_json(supervisor, of_brain, to);
        return;
    }
    buffer_add_format(to, "%s, pid %d, up ", supervisor->config_path,
                      (int)uv_os_getpid());
    add_time(to, uv_now(&supervisor->loop) - supervisor->started_ms);
    buffer_add_text(to, supervisor->drained ? ", drained\n" : "\n");
    buffer_add_text(to, "listening ");
    listening_add_urls(supervisor->plan.listeners,
                       supervisor->plan.listener_count, " ", to);
    buffer_add_text(to, "\n");
    add_processes(supervisor, to);
    add_reload(supervisor, to);
    add_channels(supervisor, to);
    add_counters(supervisor, to);
    buffer_add_text(to, of_brain != NULL
                            ? of_brain
                            : "the brain does not answer at the moment\n");
}
