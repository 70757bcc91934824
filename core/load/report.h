/* SPDX-License-Identifier: MIT */
/* What a load test found, for people and for programs, and its verdict. */
#ifndef STENTOR_LOAD_REPORT_H
#define STENTOR_LOAD_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "load/options.h"
#include "load/series.h"
#include "load/tally.h"

enum { LOAD_WARNINGS_MAX = 8, LOAD_WARNING_BYTES = 320 };

struct load_result {
    const struct load_threshold *threshold;
    double value;
    bool is_measured;
    bool is_met; /* one that was asked for but not measured is missed */
};

struct load_report {
    const struct load_options *options;
    const struct load_published *published;
    const struct load_series *series;
    struct load_tally sum; /* of all processes of clients */
    size_t process_count;
    uint64_t tried;       /* connects, first ones and reconnects */
    uint64_t failed;      /* those that did not stand to their regular end */
    uint64_t errors;      /* failed connects and publishes */
    uint64_t running_us;  /* when all were open and measuring began */
    uint64_t measured_us; /* from then to the last event, or to the end */
    bool judges_order;    /* the events carry what our publisher sent */
    bool was_interrupted;
    bool is_good; /* no threshold is missed */
    size_t result_count;
    struct load_result results[LOAD_THRESHOLDS_MAX];
    size_t warning_count;
    char warnings[LOAD_WARNINGS_MAX][LOAD_WARNING_BYTES];
};

/* Adds up the processes' figures, which have ended, and judges them. What is
   passed is borrowed for the life of the report. */
void load_report_init(struct load_report *report,
                      const struct load_options *options,
                      const struct load_shared *shared,
                      const struct load_series *series, uint64_t ended_us);

void load_report_print_table(const struct load_report *report, FILE *file);
void load_report_print_json(const struct load_report *report, FILE *file);
void load_report_print_html(const struct load_report *report, FILE *file);

/* What the three have in common. */
double load_report_value_ms(const struct histogram *histogram, double share);
double load_report_connects_per_s(const struct load_report *report);
double load_report_accepted_per_s(const struct load_report *report);
double load_report_deliveries_per_s(const struct load_report *report);
double load_report_bytes_per_s(const struct load_report *report);

/* 1234567 as "1,234,567"; `room` has 32 bytes. */
const char *load_report_grouped(char *room, double number);

#endif
