/* SPDX-License-Identifier: MIT */
/*
 * What a load test must reach: NAME=VALUE, by default and from the command
 * line. Whether VALUE is a floor or a ceiling is a matter of the NAME. A
 * ceiling of 0 means none at all, a floor of 100 % means all.
 */
#ifndef STENTOR_LOAD_THRESHOLD_H
#define STENTOR_LOAD_THRESHOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* Single figures: name, unit, is it a floor, help. */
#define LOAD_FIGURES(X)                                                       \
    X(SUCCESS, "success", SHARE, true, "connects that got and kept a stream") \
    X(ERRORS, "errors", COUNT, false, "failed connects and publishes")        \
    X(LOST, "lost", COUNT, false, "accepted events that never came")          \
    X(DUPLICATED, "duplicated", COUNT, false, "events that came twice")       \
    X(REORDERED, "reordered", COUNT, false, "events that came late")          \
    X(GAPS, "gaps", COUNT, false, "gap events: losses that are told")         \
    X(ACCEPTED, "accepted", COUNT, true, "publishes answered with 2xx")       \
    X(DELIVERIES, "deliveries", COUNT, true, "events received, by all")       \
    X(RATE, "deliveries_per_s", COUNT, true, "the same, each second")

/* Measured times: each with _p50 _p95 _p99 _p999 _max, each a ceiling. */
#define LOAD_TIMES(X)                                              \
    X(CONNECT, "connect", "TCP connect")                           \
    X(FIRST_BYTE, "first_byte", "connect to response head")        \
    X(FIRST_EVENT, "first_event", "to a client's first event")     \
    X(BACK, "back", "coming back from a storm to an event")        \
    X(LATENCY, "latency", "sent by us to received, each delivery") \
    X(LAG, "lag", "how late the load clients themselves were")

enum load_metric {
#define LOAD_METRIC_ENUM(name, ...) LOAD_METRIC_##name,
    LOAD_FIGURES(LOAD_METRIC_ENUM) LOAD_TIMES(LOAD_METRIC_ENUM)
#undef LOAD_METRIC_ENUM
        LOAD_METRIC_COUNT
};

enum { LOAD_METRIC_FIRST_TIME = LOAD_METRIC_CONNECT, LOAD_QUANTILES = 5 };
enum load_unit { LOAD_UNIT_SHARE, LOAD_UNIT_COUNT, LOAD_UNIT_TIME };

struct load_threshold {
    enum load_metric metric;
    unsigned quantile; /* of a time: index into p50 p95 p99 p999 max */
    double bound;      /* a share, a count, or microseconds */
    bool is_given;     /* on the command line, not by default */
};

enum { LOAD_THRESHOLDS_MAX = 40, LOAD_THRESHOLD_TEXT_BYTES = 48 };

struct load_thresholds {
    size_t count;
    struct load_threshold rows[LOAD_THRESHOLDS_MAX];
};

/* The default ones. */
void load_thresholds_init(struct load_thresholds *thresholds);

/* Adds "NAME=VALUE", in the place of an earlier one of that name. */
int load_thresholds_add(struct load_thresholds *thresholds, const char *text,
                        char error[STENTOR_ERROR_BYTES]);

enum load_unit load_threshold_unit(const struct load_threshold *threshold);
bool load_threshold_is_floor(const struct load_threshold *threshold);
bool load_threshold_is_met(const struct load_threshold *threshold,
                           double value);

/* The share of the values at quantile `index`; 1 stands for the highest. */
double load_quantile_share(unsigned index);

/* "latency_p99", "< 50 ms", "12.3 ms" into `room`, which is returned. */
const char *load_threshold_name(const struct load_threshold *threshold,
                                char room[LOAD_THRESHOLD_TEXT_BYTES]);
const char *load_threshold_bound(const struct load_threshold *threshold,
                                 char room[LOAD_THRESHOLD_TEXT_BYTES]);
const char *load_threshold_value(const struct load_threshold *threshold,
                                 double value,
                                 char room[LOAD_THRESHOLD_TEXT_BYTES]);

void load_thresholds_print_help(FILE *file);

#endif
