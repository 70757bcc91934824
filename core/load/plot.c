/* SPDX-License-Identifier: MIT */
#include "load/plot.h"

#include <math.h>
#include <stdbool.h>

#include "base/check.h"

enum {
    WIDTH = 720,
    HEIGHT = 230,
    LEFT = 62,
    RIGHT = 30,
    TOP = 14,
    BOTTOM = 26,
    INNER_WIDTH = WIDTH - LEFT - RIGHT,
    INNER_HEIGHT = HEIGHT - TOP - BOTTOM,
    TICKS = 4,
    BINS = 60
};

/* 1, 2 or 5 times a power of ten: about `count` of it make `range`. */
static double step_of(double range, int count)
{
    double raw = range > 0 ? range / count : 1;
    double power = pow(10, floor(log10(raw)));
    double part = raw / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* 12300 as "12.3k". */
static const char *brief(char room[24], double value)
{
    if (value >= 1e6)
        snprintf(room, 24, "%.4gM", value / 1e6);
    else if (value >= 1e4)
        snprintf(room, 24, "%.4gk", value / 1e3);
    else
        snprintf(room, 24, "%.4g", value);
    return room;
}

static double x_at(double part)
{
    return LEFT + part * INNER_WIDTH;
}

static double y_at(double part)
{
    return TOP + (1 - part) * INNER_HEIGHT;
}

static void begin(const char *title, FILE *file)
{
    fprintf(file,
            "<figure><figcaption>%s</figcaption>\n"
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
            title, WIDTH, HEIGHT, title);
}

static void end(FILE *file)
{
    fputs("</svg></figure>\n", file);
}

static void print_y_axis(double top, double step, const char *measure,
                         FILE *file)
{
    char room[24];
    for (int i = 0; i * step <= top * 1.0001; i++) {
        double y = y_at(i * step / top);
        fprintf(file,
                "<path class=\"%s\" d=\"M%d %.1fH%d\"/>"
                "<text class=\"y\" x=\"%d\" y=\"%.1f\">%s%s</text>\n",
                i == 0 ? "axis" : "grid", LEFT, y, WIDTH - RIGHT, LEFT - 6,
                y + 4, brief(room, i * step), measure);
    }
}

static void print_x_mark(double part, const char *text, FILE *file)
{
    fprintf(file, "<text class=\"x\" x=\"%.1f\" y=\"%d\">%s</text>\n",
            x_at(part), HEIGHT - 8, text);
}

static double field(const struct load_sample *sample,
                    const struct plot_line *line)
{
    return *(const double *)(const void *)((const char *)sample + line->offset);
}

static bool has_figures(const struct plot *plot,
                        const struct load_sample *sample)
{
    return !plot->is_latency || sample->latency_count > 0;
}

static double highest(const struct plot *plot, const struct load_series *series)
{
    double most = 0;
    for (size_t i = 0; i < series->count; i++)
        for (size_t l = 0; l < plot->line_count; l++)
            most = fmax(most, field(&series->rows[i], &plot->lines[l]));
    return most;
}

/* A line ends where nothing was measured, and begins again behind. */
static void print_line(const struct plot *plot, size_t number,
                       const struct load_series *series, double last_s,
                       double top, FILE *file)
{
    bool is_down = false;
    fprintf(file, "<path class=\"line c%zu\" d=\"", number);
    for (size_t i = 0; i < series->count; i++) {
        const struct load_sample *sample = &series->rows[i];
        if (!has_figures(plot, sample)) {
            is_down = false;
            continue;
        }
        fprintf(file, "%c%.1f %.1f", is_down ? 'L' : 'M',
                x_at(sample->at_s / last_s),
                y_at(field(sample, &plot->lines[number]) / top));
        /* One figure alone shows as a dot. */
        if (!is_down)
            fputs("h.1", file);
        is_down = true;
    }
    fputs("\"/>\n", file);
}

/* A column for each sample, invisible until the pointer is over it. */
static void print_hints(const struct plot *plot,
                        const struct load_series *series, double last_s,
                        FILE *file)
{
    double before_s = 0;
    char room[24];
    for (size_t i = 0; i < series->count; i++) {
        const struct load_sample *sample = &series->rows[i];
        fprintf(file,
                "<rect class=\"hint\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
                "height=\"%d\"><title>%.1f s",
                x_at(before_s / last_s), TOP,
                (sample->at_s - before_s) / last_s * INNER_WIDTH, INNER_HEIGHT,
                sample->at_s);
        for (size_t l = 0; l < plot->line_count; l++) {
            const struct plot_line *line = &plot->lines[l];
            if (has_figures(plot, sample))
                fprintf(file, "\n%s %s%s", line->label,
                        brief(room, field(sample, line)), line->measure);
        }
        fputs("</title></rect>\n", file);
        before_s = sample->at_s;
    }
}

static void print_legend(const struct plot *plot, FILE *file)
{
    fputs("<p class=\"legend\">", file);
    for (size_t l = 0; l < plot->line_count; l++)
        fprintf(file, "<span class=\"key c%zu\">%s</span> ", l,
                plot->lines[l].label);
    if (plot->note != NULL)
        fprintf(file, "<span class=\"note\">%s</span>", plot->note);
    fputs("</p>\n", file);
}

void load_plot_print_lines(const struct plot *plot,
                           const struct load_series *series, double running_s,
                           FILE *file)
{
    CHECK(plot->line_count > 0);
    double last_s =
        series->count > 0 ? series->rows[series->count - 1].at_s : 1;
    double step = step_of(highest(plot, series), TICKS);
    double top = fmax(ceil(highest(plot, series) / step), 1) * step;
    char room[32];
    begin(plot->title, file);
    print_y_axis(top, step, "", file);
    double step_s = step_of(last_s, 8);
    for (int i = 0; i * step_s <= last_s; i++) {
        snprintf(room, sizeof room, "%.4g s", i * step_s);
        print_x_mark(i * step_s / last_s, room, file);
    }
    if (running_s > 0 && running_s < last_s)
        fprintf(file,
                "<path class=\"mark\" d=\"M%.1f %dv%d\"/>"
                "<text class=\"mark\" x=\"%.1f\" y=\"%d\">all open</text>\n",
                x_at(running_s / last_s), TOP, INNER_HEIGHT,
                x_at(running_s / last_s) + 4, TOP + 8);
    for (size_t l = plot->line_count; l-- > 0;)
        print_line(plot, l, series, last_s, top, file);
    print_hints(plot, series, last_s, file);
    fputs("</svg>\n", file);
    print_legend(plot, file);
    fputs("</figure>\n", file);
}

struct bins {
    double from, to; /* log10 of microseconds, whole powers of ten */
    double count[BINS];
    double most;
};

static void fill_bins(struct bins *bins, const struct histogram *histogram)
{
    *bins = (struct bins){ 0 };
    uint64_t least_us = load_histogram_value(histogram, 0);
    bins->from = floor(log10(fmax((double)least_us, 1)));
    bins->to = ceil(log10(fmax((double)histogram->max_us, 10)) + 1e-9);
    if (bins->to <= bins->from)
        bins->to = bins->from + 1;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->buckets[i] == 0)
            continue;
        double value = fmax((double)load_histogram_limit(i), 1);
        double part = (log10(value) - bins->from) / (bins->to - bins->from);
        int bin = (int)fmin(fmax(part * BINS, 0), BINS - 1);
        bins->count[bin] += (double)histogram->buckets[i];
        bins->most = fmax(bins->most, bins->count[bin]);
    }
}

static double log_part(const struct bins *bins, double value_us)
{
    double part =
        (log10(fmax(value_us, 1)) - bins->from) / (bins->to - bins->from);
    return fmin(fmax(part, 0), 1);
}

static const char *time_text(char room[24], double value_us)
{
    if (value_us < 1000)
        snprintf(room, 24, "%.3g µs", value_us);
    else if (value_us < 1e6)
        snprintf(room, 24, "%.3g ms", value_us / 1e3);
    else
        snprintf(room, 24, "%.3g s", value_us / 1e6);
    return room;
}

static void print_bars(const struct bins *bins, double total, double top,
                       FILE *file)
{
    double width = (double)INNER_WIDTH / BINS;
    char from[24], to[24];
    for (int i = 0; i < BINS; i++) {
        double share = 100 * bins->count[i] / total;
        double span = (bins->to - bins->from) / BINS;
        if (bins->count[i] <= 0)
            continue;
        /* What is there at all must be seen. */
        double height = fmax(share / top * INNER_HEIGHT, 1);
        fprintf(file,
                "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                "height=\"%.1f\"><title>%s to %s: %.3g %%</title></rect>\n",
                LEFT + i * width + 0.5, TOP + INNER_HEIGHT - height, width - 1,
                height, time_text(from, pow(10, bins->from + i * span)),
                time_text(to, pow(10, bins->from + (i + 1) * span)), share);
    }
}

void load_plot_print_histogram(const char *title,
                               const struct histogram *histogram, FILE *file)
{
    static const struct {
        const char *name;
        double share;
    } marks[] = { { "p50", 0.5 }, { "p95", 0.95 }, { "p99", 0.99 } };
    struct bins bins;
    char room[24];
    CHECK(histogram->count > 0);
    fill_bins(&bins, histogram);
    double total = (double)histogram->count;
    double step = step_of(100 * bins.most / total, TICKS);
    double top = ceil(100 * bins.most / total / step) * step;
    begin(title, file);
    print_y_axis(top, step, " %", file);
    for (double power = bins.from; power <= bins.to; power++)
        print_x_mark((power - bins.from) / (bins.to - bins.from),
                     time_text(room, pow(10, power)), file);
    print_bars(&bins, total, top, file);
    for (int i = 0; i < 3; i++) {
        double value = (double)load_histogram_value(histogram, marks[i].share);
        double x = x_at(log_part(&bins, value));
        fprintf(file,
                "<path class=\"mark\" d=\"M%.1f %dv%d\"/>"
                "<text class=\"mark\" x=\"%.1f\" y=\"%d\">%s</text>\n",
                x, TOP, INNER_HEIGHT, x + 3, TOP + 8 + 12 * i, marks[i].name);
    }
    end(file);
}
