/* SPDX-License-Identifier: MIT */
#include "load/report.h"

#include <stdarg.h>
#include <string.h>

#include "base/check.h"

enum {
    LAG_MIN_US = 5000 /* less than that is the machine's everyday */
};

static double per_second(uint64_t count, uint64_t microseconds)
{
    return microseconds > 0 ? (double)count * 1e6 / (double)microseconds : 0;
}

double load_report_connects_per_s(const struct load_report *report)
{
    const struct load_tally *sum = &report->sum;
    return per_second(sum->opened - sum->reopened,
                      sum->last_open_us > sum->first_connect_us
                          ? sum->last_open_us - sum->first_connect_us
                          : 0);
}

double load_report_accepted_per_s(const struct load_report *report)
{
    const struct load_published *published = report->published;
    return per_second(published->accepted,
                      published->ended_us > published->started_us
                          ? published->ended_us - published->started_us
                          : 0);
}

double load_report_deliveries_per_s(const struct load_report *report)
{
    return per_second(report->sum.events, report->measured_us);
}

double load_report_bytes_per_s(const struct load_report *report)
{
    return per_second(report->sum.bytes, report->measured_us);
}

double load_report_value_ms(const struct histogram *histogram, double share)
{
    return (double)load_histogram_value(histogram, share) / 1000;
}

const char *load_report_grouped(char *room, double number)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%.0f", number);
    size_t used = 0;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            room[used++] = ',';
        room[used++] = digits[i];
    }
    room[used] = '\0';
    return room;
}

static const struct histogram *times_of(const struct load_report *report,
                                        enum load_metric metric)
{
    switch (metric) {
    case LOAD_METRIC_CONNECT:
        return &report->sum.connect;
    case LOAD_METRIC_FIRST_BYTE:
        return &report->sum.first_byte;
    case LOAD_METRIC_FIRST_EVENT:
        return &report->sum.first_event;
    case LOAD_METRIC_BACK:
        return &report->sum.back;
    case LOAD_METRIC_LATENCY:
        return &report->sum.latency;
    default:
        CHECK(metric == LOAD_METRIC_LAG);
        return &report->sum.lag;
    }
}

static void measure_figure(const struct load_report *report,
                           struct load_result *result)
{
    const struct load_tally *sum = &report->sum;
    bool publishes = report->options->publish_url != NULL;
    result->is_measured = true;
    switch (result->threshold->metric) {
    case LOAD_METRIC_SUCCESS:
        result->value =
            (double)(report->tried - report->failed) / (double)(report->tried);
        break;
    case LOAD_METRIC_ERRORS:
        result->value = (double)report->errors;
        break;
    case LOAD_METRIC_LOST:
        result->value = (double)sum->lost;
        result->is_measured = report->judges_order;
        break;
    case LOAD_METRIC_DUPLICATED:
        result->value = (double)sum->duplicated;
        result->is_measured = report->judges_order;
        break;
    case LOAD_METRIC_REORDERED:
        result->value = (double)sum->reordered;
        result->is_measured = report->judges_order;
        break;
    case LOAD_METRIC_GAPS:
        result->value = (double)sum->gaps;
        break;
    case LOAD_METRIC_ACCEPTED:
        result->value = (double)report->published->accepted;
        result->is_measured = publishes;
        break;
    case LOAD_METRIC_DELIVERIES:
        result->value = (double)sum->events;
        break;
    default:
        CHECK(result->threshold->metric == LOAD_METRIC_RATE);
        result->value = load_report_deliveries_per_s(report);
        break;
    }
}

static void judge(struct load_report *report)
{
    const struct load_thresholds *thresholds = &report->options->thresholds;
    report->is_good = true;
    for (size_t i = 0; i < thresholds->count; i++) {
        const struct load_threshold *threshold = &thresholds->rows[i];
        struct load_result *result = &report->results[report->result_count++];
        result->threshold = threshold;
        if (load_threshold_unit(threshold) == LOAD_UNIT_TIME) {
            const struct histogram *times = times_of(report, threshold->metric);
            double share = load_quantile_share(threshold->quantile);
            result->is_measured = times->count > 0;
            result->value = (double)load_histogram_value(times, share);
        } else {
            measure_figure(report, result);
        }
        result->is_met = result->is_measured
                             ? load_threshold_is_met(threshold, result->value)
                             : !threshold->is_given;
        report->is_good = report->is_good && result->is_met;
    }
}

__attribute__((format(printf, 2, 3))) static void warn(
    struct load_report *report, const char *format, ...)
{
    va_list arguments;
    CHECK(report->warning_count < LOAD_WARNINGS_MAX);
    va_start(arguments, format);
    vsnprintf(report->warnings[report->warning_count++], LOAD_WARNING_BYTES,
              format, arguments);
    va_end(arguments);
}

/* A late load client must not be mistaken for a late server. */
static void warn_of_lag(struct load_report *report)
{
    const struct load_tally *sum = &report->sum;
    uint64_t lag_us = load_histogram_value(&sum->lag, 0.99);
    const struct histogram *other =
        sum->latency.count > 0 ? &sum->latency : &sum->first_byte;
    uint64_t other_us = load_histogram_value(other, 0.99);
    if (lag_us >= LAG_MIN_US && lag_us * 4 >= other_us)
        warn(report,
             "the load clients were late themselves: p99 %.1f ms, beside %.1f "
             "ms measured for the server, which include it. Give them a "
             "machine of their own, or more --processes if cores are free",
             (double)lag_us / 1000, (double)other_us / 1000);
    uint64_t late_us = load_histogram_value(&report->published->lag, 0.99);
    if (late_us >= LAG_MIN_US)
        warn(report,
             "our publisher was late by its own fault: p99 %.1f ms after the "
             "time that --rate sets",
             (double)late_us / 1000);
}

static void warn_of_rate(struct load_report *report)
{
    const struct load_options *options = report->options;
    double reached = load_report_accepted_per_s(report);
    if (options->publish_url != NULL && options->rate > 0 &&
        report->published->accepted > 0 &&
        reached < 0.95 * (double)options->rate &&
        report->published->ended_us - report->published->started_us > 1000000)
        warn(report,
             "%.1f of %llu publishes a second were accepted: the server was "
             "slow to answer, or --in-flight %llu is too few",
             reached, (unsigned long long)options->rate,
             (unsigned long long)options->in_flight);
}

static void warn_of_answers(struct load_report *report)
{
    const struct load_tally *sum = &report->sum;
    if (sum->errors[LOAD_ERROR_ENCODING] > 0)
        warn(report, "the server compresses although we ask for identity; a "
                     "compressed stream is not read here");
    if (sum->errors[LOAD_ERROR_REDIRECT] > 0)
        warn(report, "the server redirects, which is not followed: load the "
                     "address it names");
    if (sum->errors[LOAD_ERROR_LOCAL] > 0)
        warn(report, "this machine ran out of ports or descriptors: see "
                     "ulimit -n and net.ipv4.ip_local_port_range");
}

static void warn_of_unmeasured(struct load_report *report)
{
    const struct load_tally *sum = &report->sum;
    if (sum->events > 0 && sum->latency.count + sum->replayed == 0)
        warn(report,
             "latency, loss and order are not measured: the events do not "
             "carry what %s; what is left is the first event and the rate",
             report->options->publish_url != NULL
                 ? "we published"
                 : "--publish would put into them");
    if (report->options->resume && sum->events > 0 &&
        sum->reconnects > sum->resumed)
        warn(report,
             "%llu of %llu reconnects had no id to resume from (no event yet, "
             "or events without a usable id): what they missed is not judged",
             (unsigned long long)(sum->reconnects - sum->resumed),
             (unsigned long long)sum->reconnects);
}

void load_report_init(struct load_report *report,
                      const struct load_options *options,
                      const struct load_shared *shared,
                      const struct load_series *series, uint64_t ended_us)
{
    *report = (struct load_report){ .options = options,
                                    .published = &shared->published,
                                    .series = series,
                                    .process_count = shared->process_count };
    const struct load_tally *sum = &report->sum;
    for (size_t i = 0; i < shared->process_count; i++)
        load_tally_merge(&report->sum, &shared->tallies[i]);
    report->tried = options->connections + sum->reconnects;
    report->failed = report->tried - sum->stood;
    report->errors = report->failed + report->published->failed;
    if (shared->running_us != 0) {
        /* After the publisher has stopped, what is under way still counts, and
           so does the time that it takes. */
        if (options->publish_url != NULL &&
            sum->last_event_us > shared->running_us)
            ended_us = sum->last_event_us;
        report->running_us = shared->running_us;
        report->measured_us = ended_us - shared->running_us;
    }
    /* Order and loss can be judged only where we publish, and where what we
       sent comes out again; events of nobody else mean that all is lost. */
    report->judges_order =
        options->publish_url != NULL &&
        (sum->latency.count + sum->replayed > 0 || sum->other == 0);
    if (!report->judges_order)
        report->sum.lost = 0;
    judge(report);
    warn_of_answers(report);
    warn_of_unmeasured(report);
    warn_of_lag(report);
    warn_of_rate(report);
}
