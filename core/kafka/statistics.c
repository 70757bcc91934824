/* SPDX-License-Identifier: MIT */
#include "kafka/statistics.h"

#include <string.h>

/* --- the walk --- */

enum { DEPTH_MAX = 8 };

/* A value that is no object: text without its quotes, or a number, and the
   keys that lead to it, `depth` of them. Escapes are left as they are. */
struct value {
    struct text keys[DEPTH_MAX];
    uint32_t depth;
    struct text text;
};

struct walk {
    const char *at;
    const char *end;
    struct value value;
    void (*visit)(const struct value *value, void *opaque);
    void *opaque;
};

static char peek(struct walk *walk)
{
    while (walk->at < walk->end && strchr(" \t\r\n", *walk->at) != NULL)
        walk->at++;
    return walk->at < walk->end ? *walk->at : '\0';
}

static bool take(struct walk *walk, char byte)
{
    if (peek(walk) != byte)
        return false;
    walk->at++;
    return true;
}

static bool take_string(struct walk *walk, struct text *text)
{
    if (!take(walk, '"'))
        return false;
    const char *start = walk->at;
    while (walk->at < walk->end && *walk->at != '"')
        walk->at += *walk->at == '\\' ? 2 : 1;
    if (walk->at >= walk->end)
        return false;
    *text = text_of(start, (size_t)(walk->at - start));
    walk->at++;
    return true;
}

/* A number, or true, false, null. */
static bool take_plain(struct walk *walk, struct text *text)
{
    peek(walk);
    const char *start = walk->at;
    while (walk->at < walk->end && strchr(",}] \t\r\n", *walk->at) == NULL)
        walk->at++;
    *text = text_of(start, (size_t)(walk->at - start));
    return text->size > 0;
}

static bool take_leaf(struct walk *walk)
{
    bool is_string = peek(walk) == '"';
    if (is_string ? !take_string(walk, &walk->value.text)
                  : !take_plain(walk, &walk->value.text))
        return false;
    if (walk->value.depth <= DEPTH_MAX)
        walk->visit(&walk->value, walk->opaque);
    return true;
}

/* The key before a value goes on the path; it is taken off after the value. */
static bool take_key(struct walk *walk)
{
    struct text key;
    if (!take_string(walk, &key) || !take(walk, ':'))
        return false;
    if (walk->value.depth < DEPTH_MAX)
        walk->value.keys[walk->value.depth] = key;
    walk->value.depth++;
    return true;
}

/* Past the values that end here; false at the end of all or at a mistake. */
static bool close_objects(struct walk *walk, bool *sound)
{
    while (take(walk, '}')) {
        if (walk->value.depth == 0) {
            *sound = true;
            return false;
        }
        walk->value.depth--;
    }
    return take(walk, ',');
}

/* Calls `visit` for each value, deeper ones than DEPTH_MAX left out; false if
   `json` is not what librdkafka writes. */
static bool walk_through(struct text json,
                         void (*visit)(const struct value *value, void *opaque),
                         void *opaque)
{
    struct walk walk = { .at = json.bytes,
                         .end = json.bytes + json.size,
                         .visit = visit,
                         .opaque = opaque };
    bool sound = false;
    if (!take(&walk, '{'))
        return false;
    for (;;) {
        if (peek(&walk) != '}') {
            if (!take_key(&walk))
                return false;
            if (take(&walk, '{'))
                continue;
            if (!take_leaf(&walk))
                return false;
            walk.value.depth--;
        }
        if (!close_objects(&walk, &sound))
            return sound;
    }
}

/* The number that the value is; 0 if it is none. */
static int64_t number_of(const struct value *value)
{
    const char *at = value->text.bytes, *end = at + value->text.size;
    bool negative = at < end && *at == '-';
    int64_t number = 0;
    for (at += negative; at < end && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (*at - '0');
    return negative ? -number : number;
}

/* --- what we read out of it --- */

/* One broker, whose values come one after the other. */
struct broker {
    struct text name;
    bool is_real; /* not a coordinator's second connection */
    bool is_up;
    int64_t idle_us; /* since the last byte came */
    int64_t owed;    /* answers to requests that were sent */
};

struct reading {
    struct statistics *statistics;
    uint32_t silence_ms;
    struct broker broker;
};

static void end_broker(struct reading *reading)
{
    const struct broker *broker = &reading->broker;
    if (!broker->is_real || !broker->is_up)
        return;
    if (broker->owed > 0 &&
        broker->idle_us > (int64_t)reading->silence_ms * 1000)
        reading->statistics->brokers_silent++;
    else
        reading->statistics->brokers_up++;
}

static void read_broker(struct reading *reading, const struct value *value)
{
    struct broker *broker = &reading->broker;
    struct text key = value->keys[2];
    if (value->keys[1].bytes != broker->name.bytes) {
        end_broker(reading);
        *broker = (struct broker){ .name = value->keys[1] };
    }
    if (text_equals(key, "source"))
        broker->is_real = text_equals(value->text, "configured") ||
                          text_equals(value->text, "learned");
    else if (text_equals(key, "state"))
        broker->is_up = text_equals(value->text, "UP") ||
                        text_equals(value->text, "UPDATE");
    else if (text_equals(key, "rxidle"))
        broker->idle_us = number_of(value);
    else if (text_equals(key, "waitresp_cnt"))
        broker->owed = number_of(value);
}

static void read_value(const struct value *value, void *opaque)
{
    struct reading *reading = opaque;
    if (value->depth == 1 && text_equals(value->keys[0], "msg_cnt"))
        reading->statistics->queue_messages = (uint64_t)number_of(value);
    else if (value->depth == 1 && text_equals(value->keys[0], "msg_size"))
        reading->statistics->queue_bytes = (uint64_t)number_of(value);
    else if (value->depth == 3 && text_equals(value->keys[0], "brokers"))
        read_broker(reading, value);
}

bool statistics_read(struct text json, uint32_t silence_ms,
                     struct statistics *statistics)
{
    *statistics = (struct statistics){ 0 };
    struct reading reading = { .statistics = statistics,
                               .silence_ms = silence_ms };
    bool sound = walk_through(json, read_value, &reading);
    end_broker(&reading);
    return sound;
}
