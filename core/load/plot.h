/* SPDX-License-Identifier: MIT */
/*
 * Plots as inline SVG, without a script: what is under the pointer is told by
 * the browser itself. Colours are those of the page: --c0 to --c3.
 */
#ifndef STENTOR_LOAD_PLOT_H
#define STENTOR_LOAD_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "load/series.h"

struct plot_line {
    const char *label;
    size_t offset;       /* of the double in a sample */
    const char *measure; /* "ms", "/s" or "" behind a figure */
};

struct plot {
    const char *title;
    const char *note; /* NULL: none */
    const struct plot_line *lines;
    size_t line_count;
    bool is_latency; /* a sample without deliveries has no figures */
};

/* The lines over time; `running_s` is where measuring began (0: nowhere). */
void load_plot_print_lines(const struct plot *plot,
                           const struct load_series *series, double running_s,
                           FILE *file);

/* How often a time was measured, over times that grow by a factor. */
void load_plot_print_histogram(const char *title,
                               const struct histogram *histogram, FILE *file);

#endif
