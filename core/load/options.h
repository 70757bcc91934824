/* SPDX-License-Identifier: MIT */
/* The command line of `stentor load`: one table says what there is. */
#ifndef STENTOR_LOAD_OPTIONS_H
#define STENTOR_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/error.h"
#include "load/threshold.h"

struct load_options {
    const char *url;
    const char *publish_url; /* NULL: listen only */
    uint64_t connections;
    uint64_t processes; /* 0: as many as descriptors need */
    uint64_t ramp_ms;
    uint64_t duration_ms;
    uint64_t rate;   /* events a second; 0: as fast as answers come */
    uint64_t size;   /* of a published body, bytes */
    uint64_t events; /* published in all; 0: as many as the time allows */
    uint64_t in_flight;
    uint64_t connects_in_flight; /* over all processes */
    uint64_t timeout_ms;         /* for a connect to be answered */
    double slow;                 /* share of the clients that read slowly */
    uint64_t reconnect_ms;       /* a stream is closed once in it; 0: never */
    uint64_t storm_ms; /* all leave at once when so much has passed; 0: never */
    const char *html;  /* where the report goes; NULL: nowhere */
    struct load_thresholds thresholds;
    struct buffer headers; /* "Name: value\r\n" for each --header */
    bool resume;           /* reconnect with Last-Event-ID */
    bool json;
    bool yes_remote;
    bool help;
};

/* How many of the clients read slowly: of a share over 0 at least one. */
uint64_t load_options_slow_count(const struct load_options *options);

/* Fills in defaults, then what is given. 0, or STENTOR_EINVALID with one line
   in `error`. Texts are borrowed from `arguments`. */
int load_options_parse(struct load_options *options, int count,
                       char **arguments, char error[STENTOR_ERROR_BYTES]);
void load_options_done(struct load_options *options);

void load_options_print_help(FILE *file);

#endif
