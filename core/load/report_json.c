/* SPDX-License-Identifier: MIT */
/* The report for programs: one JSON document on one line. */
#include "load/report.h"

#include <inttypes.h>

/* Our own texts are ASCII; of the command line's nothing is known. A byte that
   is not ASCII is written as in a URL, so the document is always valid. */
static void print_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(file, "\\u%04x", byte);
        else if (byte >= 0x7f)
            fprintf(file, "%%%02X", byte);
        else
            fputc(byte, file);
    }
    fputc('"', file);
}

static void print_times(FILE *file, const char *name,
                        const struct histogram *histogram)
{
    fprintf(file,
            "\"%s\":{\"count\":%" PRIu64
            ",\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,"
            "\"p999\":%.3f,\"max\":%.3f}",
            name, histogram->count, load_report_value_ms(histogram, 0.5),
            load_report_value_ms(histogram, 0.95),
            load_report_value_ms(histogram, 0.99),
            load_report_value_ms(histogram, 0.999),
            (double)histogram->max_us / 1000);
}

static void print_connections(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    const char *comma = "";
    fprintf(file,
            "\"connections\":{\"wanted\":%" PRIu64 ",\"tried\":%" PRIu64
            ",\"opened\":%" PRIu64 ","
            "\"failed\":%" PRIu64 ",\"reconnects\":%" PRIu64
            ",\"resumed\":%" PRIu64 ","
            "\"slow\":%" PRIu64 ",\"slow_dropped\":%" PRIu64 ",\"errors\":{",
            report->options->connections, report->tried, sum->opened,
            report->failed, sum->reconnects, sum->resumed, sum->slow,
            sum->slow_dropped);
    for (int i = 0; i < LOAD_ERROR_COUNT; i++) {
        if (sum->errors[i] == 0)
            continue;
        fprintf(file, "%s\"%s\":%" PRIu64 "", comma,
                load_error_name((enum load_error)i), sum->errors[i]);
        comma = ",";
    }
    fputs("},\"answer\":", file);
    print_text(file, sum->answer);
    fprintf(file, "},\"connect_per_s\":%.1f,",
            load_report_connects_per_s(report));
}

static void print_published(const struct load_report *report, FILE *file)
{
    const struct load_published *published = report->published;
    fprintf(file,
            "\"published\":{\"sent\":%" PRIu64 ",\"accepted\":%" PRIu64
            ",\"failed\":%" PRIu64 ","
            "\"per_s\":%.1f,",
            published->sent, published->accepted, published->failed,
            load_report_accepted_per_s(report));
    print_times(file, "late_ms", &published->late);
    fputc(',', file);
    print_times(file, "lag_ms", &published->lag);
    fputs(",\"answer\":", file);
    print_text(file, published->answer);
    fputs("},", file);
}

static void print_deliveries(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    fprintf(file,
            "\"deliveries\":{\"count\":%" PRIu64 ",\"other\":%" PRIu64
            ",\"replayed\":%" PRIu64 ",\"per_s\":%.1f,"
            "\"bytes\":%" PRIu64 ",\"bytes_per_s\":%.1f,\"lost\":%" PRIu64 ","
            "\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64
            ",\"gaps\":%" PRIu64 "},",
            sum->events, sum->other, sum->replayed,
            load_report_deliveries_per_s(report), sum->bytes,
            load_report_bytes_per_s(report), sum->lost, sum->duplicated,
            sum->reordered, sum->gaps);
}

/* Times in milliseconds, like all others here; shares from 0 to 1. */
static double in_unit(const struct load_threshold *threshold, double value)
{
    return load_threshold_unit(threshold) == LOAD_UNIT_TIME ? value / 1000
                                                            : value;
}

static void print_results(const struct load_report *report, FILE *file)
{
    char name[LOAD_THRESHOLD_TEXT_BYTES];
    fputs("\"thresholds\":[", file);
    for (size_t i = 0; i < report->result_count; i++) {
        const struct load_result *result = &report->results[i];
        const struct load_threshold *threshold = result->threshold;
        fprintf(file, "%s{\"name\":\"%s\",\"is\":\"%s\",\"bound\":%.10g,",
                i > 0 ? "," : "", load_threshold_name(threshold, name),
                load_threshold_is_floor(threshold) ? "floor" : "ceiling",
                in_unit(threshold, threshold->bound));
        if (result->is_measured)
            fprintf(file, "\"value\":%.10g,",
                    in_unit(threshold, result->value));
        else
            fputs("\"value\":null,", file);
        fprintf(file, "\"good\":%s}", result->is_met ? "true" : "false");
    }
    fputs("],\"warnings\":[", file);
    for (size_t i = 0; i < report->warning_count; i++) {
        fputs(i > 0 ? "," : "", file);
        print_text(file, report->warnings[i]);
    }
    fputs("],", file);
}

void load_report_print_json(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    const struct {
        const char *name;
        const struct histogram *histogram;
    } times[] = { { "connect_ms", &sum->connect },
                  { "first_byte_ms", &sum->first_byte },
                  { "first_event_ms", &sum->first_event },
                  { "back_ms", &sum->back },
                  { "latency_ms", &sum->latency },
                  { "lag_ms", &sum->lag } };

    fputs("{\"url\":", file);
    print_text(file, report->options->url);
    fprintf(file, ",\"good\":%s,\"interrupted\":%s,\"processes\":%zu,",
            report->is_good ? "true" : "false",
            report->was_interrupted ? "true" : "false", report->process_count);
    print_connections(report, file);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        print_times(file, times[i].name, times[i].histogram);
        fputc(',', file);
    }
    print_published(report, file);
    print_deliveries(report, file);
    print_results(report, file);
    fprintf(file,
            "\"cpu_s\":{\"clients\":%.3f,\"publisher\":%.3f},"
            "\"first_connect_at_us\":%" PRIu64 ",\"last_open_at_us\":%" PRIu64
            ",\"running_at_us\":%" PRIu64 ",\"last_event_at_us\":%" PRIu64
            ",\"duration_s\":%.3f}\n",
            (double)sum->cpu_us / 1e6, (double)report->published->cpu_us / 1e6,
            sum->first_connect_us, sum->last_open_us, report->running_us,
            sum->last_event_us, (double)report->measured_us / 1e6);
}
