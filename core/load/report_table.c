/* SPDX-License-Identifier: MIT */
/* The report for a terminal. */
#include "load/report.h"

static void print_times(FILE *file, const char *name,
                        const struct histogram *histogram)
{
    if (histogram->count == 0)
        return;
    fprintf(file, "  %-14s %9.2f %9.2f %9.2f %9.2f %9.2f\n", name,
            load_report_value_ms(histogram, 0.5),
            load_report_value_ms(histogram, 0.95),
            load_report_value_ms(histogram, 0.99),
            load_report_value_ms(histogram, 0.999),
            (double)histogram->max_us / 1000);
}

static void print_connections(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    char a[32], b[32], c[32], d[32];
    fprintf(file, "  %-14s %s of %s opened, %s failed, %s a second\n",
            "connections", load_report_grouped(a, (double)(sum->opened)),
            load_report_grouped(b, (double)report->tried),
            load_report_grouped(c, (double)report->failed),
            load_report_grouped(d, load_report_connects_per_s(report)));
    for (int i = 0; i < LOAD_ERROR_COUNT; i++)
        if (sum->errors[i] > 0)
            fprintf(file, "  %-14s %s %s\n", "",
                    load_report_grouped(a, (double)sum->errors[i]),
                    load_error_name((enum load_error)i));
    if (sum->answer[0] != '\0')
        fprintf(file, "  %-14s %s\n", "  answered", sum->answer);
    if (sum->reconnects > 0)
        fprintf(file, "  %-14s %s, %s of them resumed by id\n", "reconnects",
                load_report_grouped(a, (double)sum->reconnects),
                load_report_grouped(b, (double)sum->resumed));
    if (sum->replayed > 0)
        fprintf(file, "  %-14s %s (not counted as latency)\n", "replayed",
                load_report_grouped(a, (double)sum->replayed));
    if (sum->slow > 0)
        fprintf(file,
                "  %-14s %s at 1 byte/s, %s of them dropped by the server\n",
                "slow clients", load_report_grouped(a, (double)sum->slow),
                load_report_grouped(b, (double)sum->slow_dropped));
}

static void print_deliveries(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    const struct load_published *published = report->published;
    char a[32], b[32];
    if (report->options->publish_url != NULL)
        fprintf(file, "  %-14s %s accepted, %s failed, %.1f a second\n",
                "published",
                load_report_grouped(a, (double)published->accepted),
                load_report_grouped(b, (double)published->failed),
                load_report_accepted_per_s(report));
    if (published->answer[0] != '\0')
        fprintf(file, "  %-14s %s\n", "  answered", published->answer);
    fprintf(file, "  %-14s %s, %s a second, %.1f MB a second\n", "deliveries",
            load_report_grouped(a, (double)sum->events),
            load_report_grouped(b, load_report_deliveries_per_s(report)),
            load_report_bytes_per_s(report) / 1e6);
    if (report->judges_order) {
        fprintf(file, "  %-14s %s lost, %s duplicated", "order",
                load_report_grouped(a, (double)sum->lost),
                load_report_grouped(b, (double)sum->duplicated));
        fprintf(file, ", %s reordered, ",
                load_report_grouped(a, (double)sum->reordered));
    } else {
        fprintf(file, "  %-14s loss and order not judged, ", "order");
    }
    fprintf(file, "%s gap events\n", load_report_grouped(a, (double)sum->gaps));
}

static void print_results(const struct load_report *report, FILE *file)
{
    char name[LOAD_THRESHOLD_TEXT_BYTES], bound[LOAD_THRESHOLD_TEXT_BYTES],
        value[LOAD_THRESHOLD_TEXT_BYTES];
    const char *before = "";
    fputs("\n  thresholds\n", file);
    for (size_t i = 0; i < report->result_count; i++) {
        const struct load_result *result = &report->results[i];
        if (!result->is_measured && result->is_met)
            continue;
        fprintf(file, "  %-18s %-12s %14s  %s\n",
                load_threshold_name(result->threshold, name),
                load_threshold_bound(result->threshold, bound),
                result->is_measured ? load_threshold_value(result->threshold,
                                                           result->value, value)
                                    : "not measured",
                result->is_met ? "ok" : "MISSED");
    }
    fprintf(file, "\n  %-14s ", "verdict");
    if (report->is_good)
        fputs("good", file);
    else
        fputs("FAILED: ", file);
    for (size_t i = 0; i < report->result_count; i++) {
        if (report->results[i].is_met)
            continue;
        fprintf(file, "%s%s", before,
                load_threshold_name(report->results[i].threshold, name));
        before = ", ";
    }
    fputc('\n', file);
}

void load_report_print_table(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    fprintf(file, "%s%s\n\n", report->options->url,
            report->was_interrupted ? " (interrupted)" : "");
    print_connections(report, file);
    print_deliveries(report, file);
    fprintf(file, "\n  %-14s %9s %9s %9s %9s %9s\n", "milliseconds", "p50",
            "p95", "p99", "p99.9", "max");
    print_times(file, "connect", &sum->connect);
    print_times(file, "first byte", &sum->first_byte);
    print_times(file, "first event", &sum->first_event);
    if (sum->back.count > 0)
        print_times(file, "back", &sum->back);
    print_times(file, "latency", &sum->latency);
    print_times(file, "our own lag", &sum->lag);
    print_times(file, "published late", &report->published->late);
    print_times(file, " by our fault", &report->published->lag);
    print_results(report, file);
    for (size_t i = 0; i < report->warning_count; i++)
        fprintf(file, "  %-14s %s\n", "note", report->warnings[i]);
}
