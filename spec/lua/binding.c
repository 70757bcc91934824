/* SPDX-License-Identifier: MIT */
/* The C side of core/brain/ffi.h as a recorder, for spec/lua/binding_spec.lua:
   hands out items without end and notes what Lua calls it with. */
#include "brain/ffi_role.h"

#include <stdio.h>
#include <string.h>

struct note {
    char text[65536];
    size_t size;
};

static struct note note;
static int64_t left;
static int kind;

const char *binding_note(void);
void binding_feed(int64_t count, int of_kind);

#define NOTE(...)                                         \
    (note.size += (size_t)snprintf(note.text + note.size, \
                                   sizeof note.text - note.size, __VA_ARGS__))

/* What was noted since the last call. */
const char *binding_note(void)
{
    note.text[note.size] = '\0';
    note.size = 0;
    return note.text;
}

/* `of_kind`: an enum stentor_kind, or 0 for a POST. */
void binding_feed(int64_t count, int of_kind)
{
    left = count;
    kind = of_kind;
}

static struct stentor_text text(const char *bytes)
{
    return (struct stentor_text){ bytes, (uint32_t)strlen(bytes) };
}

const struct stentor_item *stentor_next(struct stentor_brain *brain)
{
    static struct stentor_item item;
    static const char headers[] = "a\0one\0a\0two\0cookie\0k=v\0";
    static const uint32_t channels[] = { 7 };
    (void)brain;
    if (left == 0)
        return NULL;
    left--;
    memset(&item, 0, sizeof item);
    item.kind = kind == 0 ? STENTOR_REQUEST : kind;
    item.ticket = (3ULL << 48) + 9007199254740993ULL;
    item.address = text("::1");
    item.method = text(kind == 0 ? "POST" : "GET");
    item.path = text(kind == 0 ? "/x%20y" : "/events");
    item.body = text(kind == 0 ? "{\"a\":[]}" : "");
    item.headers = (struct stentor_pairs){ headers, sizeof headers - 1, 3 };
    item.channels = channels;
    item.channel_count = 1;
    item.reason = text("lagged");
    item.bytes = 12;
    return &item;
}

int stentor_abi(void)
{
    return STENTOR_ABI;
}
const char *stentor_error_name(int code)
{
    return code == -4 ? "ETOOBIG" : "E";
}
const char *stentor_error_text(int code)
{
    return code == -4 ? "too big" : "?";
}
double stentor_now_ms(void)
{
    return 1.7e12;
}
double stentor_monotonic_ms(void)
{
    return 5;
}
void stentor_timer(struct stentor_brain *brain, double delay)
{
    (void)brain, (void)delay;
}
void stentor_stopped(struct stentor_brain *brain)
{
    (void)brain;
}
void stentor_ready(struct stentor_brain *brain)
{
    (void)brain;
}
void stentor_fail(struct stentor_brain *brain, const char *bytes, uint32_t size)
{
    (void)brain;
    NOTE("fail %.*s\n", (int)size, bytes);
}
const char *stentor_keep_name(struct stentor_brain *brain, uint32_t row)
{
    (void)brain, (void)row;
    return NULL;
}
const char *stentor_channel_name(struct stentor_brain *brain, uint32_t channel)
{
    (void)brain, (void)channel;
    return NULL;
}
int stentor_handed_over(struct stentor_brain *brain)
{
    (void)brain;
    return 0;
}
void stentor_loading_time(double ms)
{
    NOTE("loading %g\n", ms);
}
void stentor_doing(struct stentor_brain *brain,
                   const struct stentor_doing *doing)
{
    (void)brain, (void)doing;
}
uint32_t stentor_deaths(struct stentor_brain *brain, const char *source,
                        uint32_t source_size, uint64_t position)
{
    (void)brain, (void)source, (void)source_size, (void)position;
    return 0;
}
double stentor_pass_over(struct stentor_brain *brain)
{
    (void)brain;
    return 1;
}
uint32_t stentor_clients(struct stentor_brain *brain, uint32_t channel)
{
    (void)brain;
    return channel;
}
double stentor_load(struct stentor_brain *brain)
{
    (void)brain;
    return 0.25;
}
const char *stentor_counter_name(uint32_t index)
{
    (void)index;
    return NULL;
}
double stentor_counter(struct stentor_brain *brain, uint32_t index)
{
    (void)brain, (void)index;
    return 0;
}

void stentor_log(int level, const char *bytes, uint32_t size)
{
    NOTE("log %d %.*s\n", level, (int)size, bytes);
}

int stentor_plan(struct stentor_brain *brain, const struct stentor_plan *plan)
{
    (void)brain;
    NOTE("plan %u workers %u listen %s:%u lag %u beat %u %.*s", plan->abi,
         plan->workers, plan->listeners[0].host, plan->listeners[0].port,
         plan->limits.client_lag_bytes, plan->heartbeat.every_ms,
         (int)plan->heartbeat.size, plan->heartbeat.frame);
    return 0;
}

int stentor_channel(struct stentor_brain *brain, const char *name,
                    uint32_t size, const struct stentor_channel *settings)
{
    (void)brain;
    NOTE("channel %.*s %u %d\n", (int)size, name, settings->replay_count,
         settings->replay_ms == UINT64_MAX ? -1 : (int)settings->replay_ms);
    return 7;
}

int stentor_respond(struct stentor_brain *brain, uint64_t ticket,
                    const struct stentor_response *response)
{
    (void)brain, (void)ticket;
    if (note.size < 1000)
        NOTE("respond %d %u %s %.*s\n", response->status,
             response->headers.count, response->headers.bytes,
             (int)response->body.size, response->body.bytes);
    return 0;
}

int stentor_stream(struct stentor_brain *brain, uint64_t ticket,
                   const struct stentor_stream *stream)
{
    (void)brain;
    if (note.size < 100)
        NOTE("stream %llu channel %u of %u flags %u since %d preface %u\n",
             (unsigned long long)ticket, stream->channels[0],
             stream->channel_count, stream->flags, stream->since,
             stream->preface.size);
    return 0;
}

int stentor_later(struct stentor_brain *brain, uint64_t ticket, double delay)
{
    (void)brain, (void)ticket;
    NOTE("later %g\n", delay);
    return 0;
}

int stentor_publish(struct stentor_brain *brain,
                    const struct stentor_event *events, uint32_t count,
                    char *ids)
{
    (void)brain;
    if (events->data.size > 1000)
        return -4;
    if (note.size < 1000)
        NOTE("publish %u to %u event %.*s key %.*s retry %u data %.*s\n", count,
             events->channel, (int)events->event.size, events->event.bytes,
             (int)events->key.size, events->key.bytes, events->retry_ms,
             (int)events->data.size, events->data.bytes);
    strcpy(ids, "an-id");
    return 0;
}

int stentor_recent(struct stentor_brain *brain, uint32_t channel,
                   uint32_t count, struct stentor_record *records)
{
    (void)brain, (void)channel;
    if (count < 1)
        return 0;
    memset(records, 0, sizeof *records);
    records->time_ms = 1700000000000;
    records->frame = text("id: an-id\ndata: 1\ndata: 2\n\n");
    records->key = text("k");
    strcpy(records->id, "an-id");
    return 1;
}
