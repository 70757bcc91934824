/* SPDX-License-Identifier: MIT */
#include "load/options.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/units.h"
#include "load/payload.h"
#include "load/tally.h"

enum option_kind {
    OPTION_COUNT,
    OPTION_DURATION,
    OPTION_SIZE,
    OPTION_RATE,
    OPTION_TEXT,
    OPTION_HEADER,
    OPTION_SHARE,
    OPTION_THRESHOLD,
    OPTION_FLAG
};

struct option_row {
    const char *name;
    const char *value; /* how the help calls it */
    enum option_kind kind;
    size_t offset; /* of the field */
    uint64_t min, max;
    const char *help;
};

#define FIELD(name) offsetof(struct load_options, name)

static const struct option_row rows[] = {
    { "--connections", "N", OPTION_COUNT, FIELD(connections), 1, 4000000,
      "streams to open (default 100)" },
    { "--processes", "N", OPTION_COUNT, FIELD(processes), 1, 1024,
      "processes to spread them over (default: as\n"
      "many as the descriptor limit needs)" },
    { "--ramp", "TIME", OPTION_DURATION, FIELD(ramp_ms), 0, 86400000,
      "open them evenly over this time (default 0s:\n"
      "as fast as --in-flight-connects allows)" },
    { "--in-flight-connects", "N", OPTION_COUNT, FIELD(connects_in_flight), 1,
      100000,
      "connects waiting for their first byte at once,\n"
      "over all processes (default 256)" },
    { "--duration", "TIME", OPTION_DURATION, FIELD(duration_ms), 1, 604800000,
      "publish or listen for this long when all are\n"
      "open (default 10s)" },
    { "--publish", "URL", OPTION_TEXT, FIELD(publish_url), 0, 0,
      "POST events there; \"/path\" is on the same host.\n"
      "Without it: only listen" },
    { "--rate", "N|max", OPTION_RATE, FIELD(rate), 1, 1000000,
      "events a second, or max: the next as soon as\n"
      "one is answered (default 10)" },
    { "--events", "N", OPTION_COUNT, FIELD(events), 1, 4000000000,
      "publish so many and no more; the test ends when\n"
      "all have them, or after --duration" },
    { "--size", "BYTES", OPTION_SIZE, FIELD(size), PAYLOAD_BYTES_MIN, 1 << 24,
      "of an event's JSON (default 100)" },
    { "--in-flight", "N", OPTION_COUNT, FIELD(in_flight), 1, LOAD_LANES_MAX,
      "publishes waiting for their answer at once, each\n"
      "on a connection of its own (default 8)" },
    { "--header", "'N: v'", OPTION_HEADER, FIELD(headers), 0, 0,
      "added to every request; may be repeated" },
    { "--timeout", "TIME", OPTION_DURATION, FIELD(timeout_ms), 1, 600000,
      "a connect that is not answered by then has\n"
      "failed (default 10s)" },
    { "--slow", "SHARE", OPTION_SHARE, FIELD(slow), 0, 0,
      "so many of the clients read slowly: one byte a\n"
      "second into a small buffer. They show what a\n"
      "stuck client does to the others, and are not\n"
      "judged for latency or loss (for example 1%)" },
    { "--reconnect", "TIME", OPTION_DURATION, FIELD(reconnect_ms), 100,
      86400000,
      "each client closes its stream once in this time,\n"
      "their turns spread over it, and comes back a\n"
      "tenth of it later; so does one that failed" },
    { "--storm", "TIME", OPTION_DURATION, FIELD(storm_ms), 1, 86400000,
      "once, so long after all are open, all close their\n"
      "streams at the same moment and come back at the\n"
      "same moment; --in-flight-connects bounds the rush" },
    { "--resume", NULL, OPTION_FLAG, FIELD(resume), 0, 0,
      "they come back with the id of their last event:\n"
      "what they missed must come, and nothing twice" },
    { "--threshold", "NAME=VALUE", OPTION_THRESHOLD, FIELD(thresholds), 0, 0,
      "what decides over the exit code, see below;\n"
      "may be repeated" },
    { "--html", "FILE", OPTION_TEXT, FIELD(html), 0, 0,
      "write a report with plots, one file" },
    { "--json", NULL, OPTION_FLAG, FIELD(json), 0, 0,
      "print one JSON document and nothing else" },
    { "--yes-remote", NULL, OPTION_FLAG, FIELD(yes_remote), 0, 0,
      "allow targets other than this machine" },
    { "--help", NULL, OPTION_FLAG, FIELD(help), 0, 0, "print this" },
};

enum { ROW_COUNT = sizeof rows / sizeof *rows };

static const struct option_row *find_row(const char *name, size_t size)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strlen(rows[i].name) == size &&
            memcmp(rows[i].name, name, size) == 0)
            return &rows[i];
    return NULL;
}

static bool add_header(struct buffer *headers, const char *text)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text || strpbrk(text, "\r\n") != NULL)
        return false;
    buffer_add_format(headers, "%s\r\n", text);
    return true;
}

static bool parse_number(const struct option_row *row, const char *text,
                         uint64_t *number)
{
    switch (row->kind) {
    case OPTION_DURATION:
        return units_parse_duration(text, number);
    case OPTION_SIZE:
        return units_parse_size(text, number);
    default:
        return units_parse_count(text, number);
    }
}

/* Stores `text` in the row's field; false if it does not fit. */
static bool store(struct load_options *options, const struct option_row *row,
                  const char *text)
{
    void *field = (char *)options + row->offset;
    if (row->kind == OPTION_HEADER)
        return add_header(field, text);
    if (row->kind == OPTION_SHARE)
        return units_parse_share(text, field);
    if (row->kind == OPTION_TEXT) {
        *(const char **)field = text;
        return true;
    }
    uint64_t *number = field;
    if (row->kind == OPTION_RATE && strcmp(text, "max") == 0) {
        *number = 0;
        return true;
    }
    return parse_number(row, text, number) && *number >= row->min &&
           *number <= row->max;
}

/* What the option's value may be. */
static void describe(const struct option_row *row, char *text, size_t size)
{
    switch (row->kind) {
    case OPTION_DURATION:
        snprintf(text, size,
                 "a time from %" PRIu64 " ms to %" PRIu64 " s, such as 10s",
                 row->min, row->max / 1000);
        break;
    case OPTION_SHARE:
        snprintf(text, size, "a share such as 1%%");
        break;
    case OPTION_HEADER:
        snprintf(text, size, "a name, a colon and a value in one line");
        break;
    default:
        snprintf(text, size, "%s from %" PRIu64 " to %" PRIu64 "%s",
                 row->kind == OPTION_SIZE ? "bytes" : "a number", row->min,
                 row->max, row->kind == OPTION_RATE ? ", or max" : "");
    }
}

static int complain(char error[STENTOR_ERROR_BYTES], const char *what,
                    const char *argument)
{
    snprintf(error, STENTOR_ERROR_BYTES, "%s: %.150s", what, argument);
    return STENTOR_EINVALID;
}

/* What was given may hold anything; the complaint stays one line of text. */
static int in_one_line(char *error, int result)
{
    for (; *error != '\0'; error++)
        if ((unsigned char)*error < ' ')
            *error = '?';
    return result;
}

static int parse_option(struct load_options *options, int *index, int count,
                        char **arguments, char error[STENTOR_ERROR_BYTES])
{
    const char *argument = arguments[*index];
    size_t name_size = strcspn(argument, "=");
    const struct option_row *row = find_row(argument, name_size);
    const char *value = NULL;
    if (row == NULL)
        return complain(error, "unknown option", argument);
    if (argument[name_size] == '=')
        value = argument + name_size + 1;
    if (row->kind == OPTION_FLAG) {
        if (value != NULL)
            return complain(error, "takes no value", row->name);
        *((bool *)((char *)options + row->offset)) = true;
        return 0;
    }
    if (value == NULL && *index + 1 < count)
        value = arguments[++*index];
    if (value == NULL)
        return complain(error, "needs a value", row->name);
    if (row->kind == OPTION_THRESHOLD)
        return load_thresholds_add(&options->thresholds, value, error);
    if (!store(options, row, value)) {
        char wanted[80];
        describe(row, wanted, sizeof wanted);
        snprintf(error, STENTOR_ERROR_BYTES,
                 "%s %s: not understood: %.100s: expected %s", row->name,
                 row->value, value, wanted);
        return STENTOR_EINVALID;
    }
    return 0;
}

int load_options_parse(struct load_options *options, int count,
                       char **arguments, char error[STENTOR_ERROR_BYTES])
{
    *options = (struct load_options){
        .connections = 100,
        .duration_ms = 10000,
        .rate = 10,
        .size = 100,
        .in_flight = 8,
        .connects_in_flight = 256,
        .timeout_ms = 10000,
    };
    buffer_init(&options->headers);
    load_thresholds_init(&options->thresholds);
    for (int i = 0; i < count; i++) {
        if (arguments[i][0] == '-') {
            int result = parse_option(options, &i, count, arguments, error);
            if (result != 0)
                return in_one_line(error, result);
        } else if (options->url != NULL) {
            return complain(error, "a second URL", arguments[i]);
        } else {
            options->url = arguments[i];
        }
    }
    if (options->url == NULL && !options->help)
        return complain(error, "which URL?", "stentor load URL [option…]");
    if (options->resume && options->reconnect_ms == 0 && options->storm_ms == 0)
        return complain(error,
                        "without --reconnect or --storm nobody comes back",
                        "--resume");
    if (options->reconnect_ms > 0 && options->storm_ms > 0)
        return complain(error, "not together with --reconnect", "--storm");
    if (options->storm_ms >= options->duration_ms)
        return complain(error, "must come before --duration is over",
                        "--storm");
    return 0;
}

uint64_t load_options_slow_count(const struct load_options *options)
{
    double count = options->slow * (double)options->connections;
    uint64_t whole = (uint64_t)count;
    return whole + ((double)whole < count);
}

void load_options_done(struct load_options *options)
{
    buffer_done(&options->headers);
}

void load_options_print_help(FILE *file)
{
    fputs("stentor load URL [option…]: load test any SSE server\n\n", file);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", rows[i].name,
                 rows[i].value != NULL ? " " : "",
                 rows[i].value != NULL ? rows[i].value : "");
        const char *help = rows[i].help;
        while (*help != '\0') {
            size_t size = strcspn(help, "\n");
            fprintf(file, "  %-24s  %.*s\n", left, (int)size, help);
            help += size + (help[size] == '\n');
            left[0] = '\0';
        }
    }
    load_thresholds_print_help(file);
    fputs("\nExit code: 0 when all thresholds are met; 1 when one is missed, "
          "which the report\nnames; 2 for a mistake on the command line.\n",
          file);
}
