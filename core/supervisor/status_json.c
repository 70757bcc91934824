/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "supervisor/process.h"
#include "supervisor/status.h"

static void add_text(struct buffer *to, const char *text)
{
    buffer_add_text(to, "\"");
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == '"' || byte == '\\')
            buffer_add_format(to, "\\u%04x", byte);
        else
            buffer_add(to, text, 1);
    }
    buffer_add_text(to, "\"");
}

static void add_child(struct supervisor *supervisor, const struct child *child,
                      struct buffer *to)
{
    static const char *const states[] = { "down", "starting", "up" };
    bool up = child->state != CHILD_DOWN;
    buffer_add_format(
        to, "{\"name\":\"%s\",\"state\":\"%s\",\"pid\":%d,\"up_ms\":%" PRIu64,
        child->name, states[child->state], up ? child->process.pid : 0,
        up ? uv_now(&supervisor->loop) - child->started_ms : 0);
}

static void add_listeners(const struct supervisor *supervisor,
                          struct buffer *to)
{
    char name[LISTENING_ADDRESS_BYTES];
    buffer_add_text(to, ",\"listening\":[");
    for (uint32_t i = 0; i < supervisor->plan.listener_count; i++) {
        listening_name(&supervisor->plan.listeners[i], name);
        buffer_add_format(to, "%s\"%s\"", i > 0 ? "," : "", name);
    }
    buffer_add_text(to, "]");
}

static void add_processes(struct supervisor *supervisor, struct buffer *to)
{
    const struct board *board = &supervisor->objects.board;
    const struct board_brain *brain = &board->header->brain;
    buffer_add_text(to, ",\"processes\":[");
    add_child(supervisor, supervisor->brain, to);
    buffer_add_format(to, ",\"starts\":%" PRIu32 ",\"hangs\":%" PRIu32 "}",
                      brain->starts, brain->hangs);
    if (supervisor->plan.embedded_kafka != 0) {
        buffer_add_text(to, ",");
        add_child(supervisor, &supervisor->broker, to);
        buffer_add_format(to, ",\"address\":\"%s\"}",
                          supervisor->broker_address);
    }
    for (uint32_t i = 0; i < supervisor->worker_count; i++) {
        const struct board_worker *worker = board_worker(board, i);
        buffer_add_text(to, ",");
        add_child(supervisor, &supervisor->workers[i], to);
        buffer_add_format(to,
                          ",\"starts\":%" PRIu32 ",\"connections\":%" PRIu32
                          ",\"streams\":%" PRIu32 "}",
                          worker->starts, worker->connections, worker->streams);
    }
    buffer_add_text(to, "]");
}

static void add_reload(const struct supervisor *supervisor, struct buffer *to)
{
    const struct reload *reload = &supervisor->reload;
    buffer_add_format(to,
                      ",\"reload\":{\"under_way\":%s,\"successes\":%" PRIu32
                      ",\"failures\":%" PRIu32,
                      reload->next != NULL ? "true" : "false",
                      reload->successes, reload->failures);
    if (reload->ended_ms != 0) {
        buffer_add_format(
            to, ",\"succeeded\":%s,\"time\":%" PRIu64 ",\"text\":",
            reload->succeeded ? "true" : "false", reload->ended_ms);
        add_text(to, reload->text.bytes);
    }
    buffer_add_text(to, "}");
}

static void add_channels(const struct supervisor *supervisor, struct buffer *to)
{
    const struct objects *objects = &supervisor->objects;
    const struct journal *history = &objects->history;
    uint32_t count =
        __atomic_load_n(&history->header->channel_count, __ATOMIC_ACQUIRE);
    const char *comma = "";
    buffer_add_text(to, ",\"channels\":[");
    for (uint32_t i = 0; i < count; i++) {
        const struct journal_channel *row = &history->channels[i];
        if (__atomic_load_n(&row->state, __ATOMIC_ACQUIRE) !=
            JOURNAL_CHANNEL_OPEN)
            continue;
        struct status_reach reach = status_reach(supervisor, i);
        buffer_add_format(to, "%s{\"name\":", comma);
        add_text(to, row->name);
        buffer_add_format(
            to, ",\"streams\":%" PRIu32 ",\"newest_seq\":%" PRIu64,
            board_channel_streams(&objects->board, i), row->newest_seq);
        if (!reach.whole)
            buffer_add_format(to, ",\"reaches_back_ms\":%" PRIu64,
                              reach.age_ms);
        buffer_add_text(to, "}");
        comma = ",";
    }
    buffer_add_text(to, "]");
}

static void add_counters(const struct supervisor *supervisor, struct buffer *to)
{
    const struct board *board = &supervisor->objects.board;
    buffer_add_format(to, ",\"counters\":{\"records_passed_over\":%" PRIu64,
                      board->header->brain.blame.passed_over);
    for (uint32_t i = 0; board_counter_name(i) != NULL; i++)
        buffer_add_format(to, ",\"%s\":%" PRIu64, board_counter_name(i),
                          board_sum(board, (enum board_counter)i));
    buffer_add_text(to, "}");
}

void status_compose_json(struct supervisor *supervisor, const char *of_brain,
                         struct buffer *to)
{
    buffer_add_text(to, "{\"config\":");
    add_text(to, supervisor->config_path);
    buffer_add_format(to, ",\"pid\":%d,\"up_ms\":%" PRIu64 ",\"drained\":%s",
                      (int)uv_os_getpid(),
                      uv_now(&supervisor->loop) - supervisor->started_ms,
                      supervisor->drained ? "true" : "false");
    add_listeners(supervisor, to);
    add_processes(supervisor, to);
    add_reload(supervisor, to);
    add_channels(supervisor, to);
    add_counters(supervisor, to);
    buffer_add_format(to, ",\"brain\":%s}\n",
                      of_brain != NULL ? of_brain : "null");
}
