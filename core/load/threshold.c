/* SPDX-License-Identifier: MIT */
#include "load/threshold.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/units.h"

struct metric_row {
    const char *name;
    enum load_unit unit;
    bool is_floor;
    const char *help;
};

static const struct metric_row rows[LOAD_METRIC_COUNT] = {
#define FIGURE_ROW(metric, name, unit, is_floor, help) \
    [LOAD_METRIC_##metric] = { name, LOAD_UNIT_##unit, is_floor, help },
#define TIME_ROW(metric, name, help) \
    [LOAD_METRIC_##metric] = { name, LOAD_UNIT_TIME, false, help },
    LOAD_FIGURES(FIGURE_ROW) LOAD_TIMES(TIME_ROW)
#undef FIGURE_ROW
#undef TIME_ROW
};

static const struct {
    const char *name;
    double share;
} quantiles[LOAD_QUANTILES] = { { "p50", 0.5 },
                                { "p95", 0.95 },
                                { "p99", 0.99 },
                                { "p999", 0.999 },
                                { "max", 1 } };

static const char *const defaults[] = {
    "success=95%", "errors=500",   "first_byte_p95=5s", "first_event_p95=3s",
    "lost=0",      "duplicated=0", "reordered=0",       "accepted=0",
};

double load_quantile_share(unsigned index)
{
    CHECK(index < LOAD_QUANTILES);
    return quantiles[index].share;
}

enum load_unit load_threshold_unit(const struct load_threshold *threshold)
{
    return rows[threshold->metric].unit;
}

bool load_threshold_is_floor(const struct load_threshold *threshold)
{
    return rows[threshold->metric].is_floor;
}

static bool is_whole(const struct load_threshold *threshold)
{
    return load_threshold_is_floor(threshold)
               ? load_threshold_unit(threshold) == LOAD_UNIT_SHARE &&
                     threshold->bound >= 1
               : threshold->bound <= 0;
}

bool load_threshold_is_met(const struct load_threshold *threshold, double value)
{
    bool is_floor = load_threshold_is_floor(threshold);
    if (is_whole(threshold))
        return is_floor ? value >= threshold->bound : value <= 0;
    return is_floor ? value > threshold->bound : value < threshold->bound;
}

/* "latency_p99" is a time with a quantile, "lost" a figure. */
static bool parse_name(const char *name, size_t size,
                       struct load_threshold *threshold)
{
    for (int i = 0; i < LOAD_METRIC_COUNT; i++) {
        size_t length = strlen(rows[i].name);
        if (length > size || memcmp(rows[i].name, name, length) != 0)
            continue;
        threshold->metric = (enum load_metric)i;
        threshold->quantile = 0;
        if (i < LOAD_METRIC_FIRST_TIME) {
            if (length == size)
                return true;
            continue;
        }
        const char *rest = name + length;
        size_t rest_size = size - length;
        for (unsigned q = 0; q < LOAD_QUANTILES; q++) {
            if (rest_size == strlen(quantiles[q].name) + 1 && rest[0] == '_' &&
                memcmp(rest + 1, quantiles[q].name, rest_size - 1) == 0) {
                threshold->quantile = q;
                return true;
            }
        }
    }
    return false;
}

static bool parse_bound(struct load_threshold *threshold, const char *text)
{
    uint64_t whole;
    bool is_good;
    switch (load_threshold_unit(threshold)) {
    case LOAD_UNIT_SHARE:
        return units_parse_share(text, &threshold->bound);
    case LOAD_UNIT_TIME:
        is_good = units_parse_duration(text, &whole);
        threshold->bound = is_good ? (double)whole * 1000 : 0;
        return is_good;
    default:
        is_good = units_parse_count(text, &whole);
        threshold->bound = is_good ? (double)whole : 0;
        return is_good;
    }
}

static const char *example_of(const struct load_threshold *threshold)
{
    static const char *const examples[] = { "95%", "500", "250ms" };
    return examples[load_threshold_unit(threshold)];
}

int load_thresholds_add(struct load_thresholds *thresholds, const char *text,
                        char error[STENTOR_ERROR_BYTES])
{
    struct load_threshold threshold = { .is_given = true };
    size_t name_size = strcspn(text, "=");
    if (text[name_size] == '\0' || !parse_name(text, name_size, &threshold)) {
        snprintf(error, STENTOR_ERROR_BYTES,
                 "--threshold %.100s: not NAME=VALUE with a NAME that --help "
                 "lists",
                 text);
        return STENTOR_EINVALID;
    }
    if (!parse_bound(&threshold, text + name_size + 1)) {
        snprintf(error, STENTOR_ERROR_BYTES,
                 "--threshold %.100s: not understood, for example %.*s=%s",
                 text, (int)name_size, text, example_of(&threshold));
        return STENTOR_EINVALID;
    }
    size_t at = 0;
    while (at < thresholds->count &&
           (thresholds->rows[at].metric != threshold.metric ||
            thresholds->rows[at].quantile != threshold.quantile))
        at++;
    /* There are fewer names than places. */
    CHECK(at < LOAD_THRESHOLDS_MAX);
    thresholds->rows[at] = threshold;
    if (at == thresholds->count)
        thresholds->count++;
    return 0;
}

void load_thresholds_init(struct load_thresholds *thresholds)
{
    char error[STENTOR_ERROR_BYTES];
    *thresholds = (struct load_thresholds){ 0 };
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        CHECK(load_thresholds_add(thresholds, defaults[i], error) == 0);
        thresholds->rows[i].is_given = false;
    }
}

const char *load_threshold_name(const struct load_threshold *threshold,
                                char room[LOAD_THRESHOLD_TEXT_BYTES])
{
    bool is_time = load_threshold_unit(threshold) == LOAD_UNIT_TIME;
    snprintf(room, LOAD_THRESHOLD_TEXT_BYTES, "%s%s%s",
             rows[threshold->metric].name, is_time ? "_" : "",
             is_time ? quantiles[threshold->quantile].name : "");
    return room;
}

const char *load_threshold_value(const struct load_threshold *threshold,
                                 double value,
                                 char room[LOAD_THRESHOLD_TEXT_BYTES])
{
    switch (load_threshold_unit(threshold)) {
    case LOAD_UNIT_SHARE:
        snprintf(room, LOAD_THRESHOLD_TEXT_BYTES, "%.4g %%", value * 100);
        break;
    case LOAD_UNIT_TIME:
        if (value < 1e6)
            snprintf(room, LOAD_THRESHOLD_TEXT_BYTES, "%.4g ms", value / 1e3);
        else
            snprintf(room, LOAD_THRESHOLD_TEXT_BYTES, "%.4g s", value / 1e6);
        break;
    default:
        snprintf(room, LOAD_THRESHOLD_TEXT_BYTES, "%.0f", value);
        break;
    }
    return room;
}

const char *load_threshold_bound(const struct load_threshold *threshold,
                                 char room[LOAD_THRESHOLD_TEXT_BYTES])
{
    char value[LOAD_THRESHOLD_TEXT_BYTES];
    const char *sign = load_threshold_is_floor(threshold) ? ">" : "<";
    load_threshold_value(threshold, threshold->bound, value);
    if (is_whole(threshold))
        sign = "=";
    snprintf(room, LOAD_THRESHOLD_TEXT_BYTES, "%s %.40s", sign, value);
    return room;
}

void load_thresholds_print_help(FILE *file)
{
    fputs("\nThresholds: NAME=VALUE. What is over its floor and under its "
          "ceiling passes;\na ceiling of 0 means none at all, a floor of 100% "
          "means all.\n",
          file);
    for (int i = 0; i < LOAD_METRIC_COUNT; i++) {
        const struct metric_row *row = &rows[i];
        char left[64];
        bool is_time = i >= LOAD_METRIC_FIRST_TIME;
        snprintf(left, sizeof left, "%s%s %s %s", row->name,
                 is_time ? "_p95" : "", row->is_floor ? ">" : "<",
                 is_time                        ? "TIME"
                 : row->unit == LOAD_UNIT_SHARE ? "SHARE"
                                                : "N");
        fprintf(file, "  %-24s  %s\n", left, row->help);
    }
    fputs("Times also with _p50 _p99 _p999 _max. By default:\n ", file);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        fprintf(file, " %s%s", defaults[i], i == 3 ? "\n " : "");
    fputc('\n', file);
}
