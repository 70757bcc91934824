/* SPDX-License-Identifier: MIT */
/* The report for a browser: one file without anything from elsewhere. */
#include "load/report.h"

#include <time.h>

#include "load/plot.h"

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fbfbf9;--card:#fff;--ink:#1d2126;"
    "--soft:#667079;--rule:#e2e4e1;--c0:#2563c9;--c1:#d97706;--c2:#c02f4b;"
    "--c3:#5b8a3a;--good:#2b7a3d;--bad:#c02f4b}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;"
    "--ink:#e6e8ea;--soft:#98a2ab;--rule:#30363c;--c0:#6ea8fe;--c1:#f5b04c;"
    "--c2:#f4768d;--c3:#9ccf76;--good:#6fcf86;--bad:#f4768d}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;padding:2rem 1.25rem 3rem;"
    "max-width:980px;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.35rem;margin:0}h2{font-size:1rem;margin:2rem 0 .5rem}"
    "header p{margin:.15rem 0;color:var(--soft);overflow-wrap:anywhere}\n"
    ".verdict{display:inline-block;padding:.1rem .6rem;border-radius:1rem;"
    "color:var(--bg);font-size:.9rem;vertical-align:.15rem;margin-left:.5rem}"
    ".good{background:var(--good)}.bad{background:var(--bad)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,"
    "1fr));gap:.75rem;margin:1.25rem 0}.card,figure,.box{background:"
    "var(--card);border:1px solid var(--rule);border-radius:8px}"
    ".card{padding:.7rem .9rem}.card b{display:block;font-size:1.35rem;"
    "white-space:nowrap;"
    "font-variant-numeric:tabular-nums}.card span{color:var(--soft);"
    "font-size:.85rem}\n"
    "figure{margin:0 0 .9rem;padding:.7rem .9rem}figcaption{font-weight:600}"
    "svg{width:100%;height:auto;display:block}"
    "svg text{font:11px system-ui,sans-serif;fill:var(--soft)}"
    "text.y{text-anchor:end}text.x{text-anchor:middle}text.mark{font-size:10px}"
    ".axis,.grid{stroke:var(--rule);fill:none}.axis{stroke:var(--soft)}"
    "path.mark{stroke:var(--soft);stroke-dasharray:3 3}.line{fill:none;"
    "stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}"
    "path.c0{stroke:var(--c0)}path.c1{stroke:var(--c1)}path.c2{stroke:"
    "var(--c2)}path.c3{stroke:var(--c3)}.bar{fill:var(--c0)}"
    ".hint{fill:transparent}.hint:hover{fill:var(--soft);opacity:.15}"
    ".bar:hover{opacity:.7}\n"
    ".legend{margin:.1rem 0 0;font-size:.85rem;color:var(--soft)}"
    ".key{margin-right:1rem}.key::before{content:\"\";display:inline-block;"
    "width:.8rem;height:.2rem;border-radius:1px;margin-right:.35rem;"
    "vertical-align:.2rem;background:currentColor}.key.c0::before{color:"
    "var(--c0)}.key.c1::before{color:var(--c1)}.key.c2::before{color:"
    "var(--c2)}.key.c3::before{color:var(--c3)}\n"
    ".box{padding:.4rem .9rem;overflow-x:auto}table{border-collapse:collapse;"
    "width:100%;font-variant-numeric:tabular-nums}th,td{text-align:right;"
    "padding:.25rem .5rem;border-bottom:1px solid var(--rule);"
    "white-space:nowrap}tr:last-child td{border-bottom:0}th{color:"
    "var(--soft);font-weight:500}th:first-child,td:first-child{"
    "text-align:left}td.ok{color:var(--good)}td.missed{color:var(--bad);"
    "font-weight:600}.notes li{margin:.3rem 0;overflow-wrap:anywhere}\n";

static void print_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default:
            fputc(*text, file);
        }
    }
}

static void print_head(const struct load_report *report, FILE *file)
{
    const struct load_options *options = report->options;
    char when[40];
    time_t now = time(NULL);
    struct tm parts;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &parts));
    fprintf(file,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width\">"
            "<title>Load test</title><style>\n%s</style>\n<header><h1>Load "
            "test<span class=\"verdict %s\">%s</span></h1><p>",
            style, report->is_good ? "good" : "bad",
            report->is_good ? "good" : "failed");
    print_text(file, options->url);
    fprintf(file, "</p><p>%s%s, %zu process%s of clients", when,
            report->was_interrupted ? ", interrupted" : "",
            report->process_count, report->process_count == 1 ? "" : "es");
    if (options->publish_url != NULL && options->rate > 0)
        fprintf(file, ", publishing %llu a second of %llu bytes",
                (unsigned long long)options->rate,
                (unsigned long long)options->size);
    else if (options->publish_url != NULL)
        fprintf(file, ", publishing flat out, %llu bytes each",
                (unsigned long long)options->size);
    fputs("</p></header>\n", file);
}

static void print_card(FILE *file, const char *figure, const char *what)
{
    fprintf(file, "<div class=\"card\"><b>%s</b><span>%s</span></div>\n",
            figure, what);
}

static void print_time_card(FILE *file, const struct histogram *histogram,
                            double share, const char *what)
{
    char text[32];
    double ms = load_report_value_ms(histogram, share);
    snprintf(text, sizeof text, "%.*f ms", ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
    print_card(file, text, what);
}

static void print_cards(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    char a[32], text[80];
    fputs("<section class=\"cards\">\n", file);
    snprintf(text, sizeof text, "streams opened, %llu failed",
             (unsigned long long)report->failed);
    print_card(file, load_report_grouped(a, (double)sum->opened), text);
    print_card(file,
               load_report_grouped(a, load_report_deliveries_per_s(report)),
               "deliveries a second");
    if (sum->latency.count > 0) {
        print_time_card(file, &sum->latency, 0.5, "latency, median");
        print_time_card(file, &sum->latency, 0.99, "latency, p99");
    }
    if (report->judges_order)
        print_card(file, load_report_grouped(a, (double)sum->lost),
                   "events lost");
    print_time_card(file, &sum->lag, 0.99, "our own lag, p99");
    fputs("</section>\n", file);
}

#define LINE(label, field, measure)                         \
    {                                                       \
        label, offsetof(struct load_sample, field), measure \
    }

static void print_plots(const struct load_report *report, FILE *file)
{
    static const struct plot_line connections[] = {
        LINE("open streams", live, ""), LINE("errors so far", errors, "")
    };
    static const struct plot_line rate[] = { LINE("deliveries",
                                                  deliveries_per_s, "/s") };
    static const struct plot_line latency[] = {
        LINE("p50", p50_ms, " ms"), LINE("p95", p95_ms, " ms"),
        LINE("p99", p99_ms, " ms"), LINE("our own lag, p99", lag_ms, " ms")
    };
    static const struct plot_line published[] = { LINE("accepted publishes",
                                                       published_per_s, "/s") };
    const struct load_series *series = report->series;
    double running_s =
        report->running_us > series->began_us
            ? (double)(report->running_us - series->began_us) / 1e6
            : 0;
    struct plot plot = { "Connections", NULL, connections, 2, false };
    load_plot_print_lines(&plot, series, running_s, file);
    plot = (struct plot){ "Deliveries a second", NULL, rate, 1, false };
    load_plot_print_lines(&plot, series, running_s, file);
    if (report->options->publish_url != NULL) {
        plot = (struct plot){ "Publishes a second", NULL, published, 1, false };
        load_plot_print_lines(&plot, series, running_s, file);
    }
    if (report->sum.latency.count > 0) {
        plot = (struct plot){ "Latency over time, ms",
                              "from our sending of an event to its arrival at "
                              "a client",
                              latency, 4, true };
        load_plot_print_lines(&plot, series, running_s, file);
        load_plot_print_histogram("Latency of all deliveries",
                                  &report->sum.latency, file);
    }
    if (report->sum.first_byte.count > 0)
        load_plot_print_histogram("Time to first byte, each connect",
                                  &report->sum.first_byte, file);
}

static void print_row(FILE *file, const char *name,
                      const struct histogram *histogram)
{
    char a[32];
    if (histogram->count == 0)
        return;
    fprintf(file,
            "<tr><td>%s<td>%s<td>%.2f<td>%.2f<td>%.2f<td>%.2f<td>%.2f</tr>\n",
            name, load_report_grouped(a, (double)histogram->count),
            load_report_value_ms(histogram, 0.5),
            load_report_value_ms(histogram, 0.95),
            load_report_value_ms(histogram, 0.99),
            load_report_value_ms(histogram, 0.999),
            (double)histogram->max_us / 1000);
}

static void print_times(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    fputs("<h2>Times, ms</h2><div class=\"box\"><table><tr><th><th>count"
          "<th>p50<th>p95<th>p99<th>p99.9<th>max</tr>\n",
          file);
    print_row(file, "connect", &sum->connect);
    print_row(file, "first byte", &sum->first_byte);
    print_row(file, "first event", &sum->first_event);
    if (sum->back.count > 0)
        print_row(file, "back from the storm", &sum->back);
    print_row(file, "latency", &sum->latency);
    print_row(file, "lag of the load clients", &sum->lag);
    print_row(file, "published late", &report->published->late);
    print_row(file, "&nbsp; of it by our own fault", &report->published->lag);
    fputs("</table></div>\n", file);
}

static void print_results(const struct load_report *report, FILE *file)
{
    char name[LOAD_THRESHOLD_TEXT_BYTES], bound[LOAD_THRESHOLD_TEXT_BYTES],
        value[LOAD_THRESHOLD_TEXT_BYTES];
    fputs("<h2>Thresholds</h2><div class=\"box\"><table><tr><th>name<th>bound"
          "<th>measured<th></tr>\n",
          file);
    for (size_t i = 0; i < report->result_count; i++) {
        const struct load_result *result = &report->results[i];
        if (!result->is_measured && result->is_met)
            continue;
        fprintf(file, "<tr><td>%s<td>",
                load_threshold_name(result->threshold, name));
        print_text(file, load_threshold_bound(result->threshold, bound));
        fprintf(file, "<td>%s<td class=\"%s\">%s</tr>\n",
                result->is_measured ? load_threshold_value(result->threshold,
                                                           result->value, value)
                                    : "not measured",
                result->is_met ? "ok" : "missed",
                result->is_met ? "ok" : "missed");
    }
    fputs("</table></div>\n", file);
}

static void print_figure(FILE *file, const char *name, uint64_t number)
{
    char a[32];
    fprintf(file, "<tr><td>%s<td>%s</tr>\n", name,
            load_report_grouped(a, (double)number));
}

static void print_figures(const struct load_report *report, FILE *file)
{
    const struct load_tally *sum = &report->sum;
    fputs("<h2>Counts</h2><div class=\"box\"><table>\n", file);
    print_figure(file, "deliveries", sum->events);
    print_figure(file, "bytes", sum->bytes);
    if (report->options->publish_url != NULL) {
        print_figure(file, "publishes accepted", report->published->accepted);
        print_figure(file, "publishes failed", report->published->failed);
    }
    if (report->judges_order) {
        print_figure(file, "lost", sum->lost);
        print_figure(file, "duplicated", sum->duplicated);
        print_figure(file, "reordered", sum->reordered);
    }
    print_figure(file, "gap events", sum->gaps);
    if (sum->reconnects > 0) {
        print_figure(file, "reconnects", sum->reconnects);
        print_figure(file, "resumed by id", sum->resumed);
    }
    if (sum->slow > 0) {
        print_figure(file, "slow clients", sum->slow);
        print_figure(file, "slow clients dropped", sum->slow_dropped);
    }
    for (int i = 0; i < LOAD_ERROR_COUNT; i++)
        if (sum->errors[i] > 0)
            print_figure(file, load_error_name((enum load_error)i),
                         sum->errors[i]);
    fputs("</table></div>\n", file);
}

static void print_note(FILE *file, const char *before, const char *text)
{
    fprintf(file, "<li>%s", before);
    print_text(file, text);
    fputs("</li>\n", file);
}

void load_report_print_html(const struct load_report *report, FILE *file)
{
    const char *answer = report->sum.answer;
    const char *published = report->published->answer;
    print_head(report, file);
    print_cards(report, file);
    if (report->warning_count > 0 || answer[0] != '\0' ||
        published[0] != '\0') {
        fputs("<div class=\"box notes\"><ul>\n", file);
        if (answer[0] != '\0')
            print_note(file, "The first wrong answer: ", answer);
        if (published[0] != '\0')
            print_note(file, "The first refused publish: ", published);
        for (size_t i = 0; i < report->warning_count; i++)
            print_note(file, "", report->warnings[i]);
        fputs("</ul></div><br>\n", file);
    }
    print_plots(report, file);
    print_results(report, file);
    print_times(report, file);
    print_figures(report, file);
    fputs("</html>\n", file);
}
