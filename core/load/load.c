/* SPDX-License-Identifier: MIT */
/*
 * The parent of a load test: forks the processes of clients and the publisher,
 * leads them through the phases, and adds up what they found. They share one
 * block of memory and nothing else; a child that dies takes only its own
 * connections with it.
 */
#include "load/load.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "load/client.h"
#include "load/payload.h"
#include "load/progress.h"
#include "load/publisher.h"
#include "load/report.h"

enum {
    SPARE_DESCRIPTORS = 64,   /* of a process, for other things than clients */
    CONNECT_EXTRA_MS = 60000, /* after the ramp, for the last to connect */
    SETTLE_MS = 300, /* some servers answer a moment before they subscribe */
    DRAIN_MS = 5000,
    END_MS = 10000,
    TURN_MS = 20
};

struct load {
    struct load_options options;
    struct load_target stream;
    struct load_target publish;
    struct load_shared *shared;
    char run[PAYLOAD_RUN_BYTES + 1];
    struct load_series *series;
    FILE *html;      /* NULL: not wanted */
    pid_t *children; /* clients, then the publisher; 0: ended */
    size_t child_count;
    int signals; /* signalfd: SIGINT, SIGTERM */
    int interrupts;
    struct load_progress progress;
};

static size_t raise_descriptor_limit(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return (size_t)limit.rlim_cur;
}

static size_t choose_process_count(const struct load_options *options)
{
    size_t limit = raise_descriptor_limit();
    size_t room = limit > 2 * SPARE_DESCRIPTORS ? limit - SPARE_DESCRIPTORS
                                                : SPARE_DESCRIPTORS;
    size_t count = (size_t)options->processes;
    if (count == 0)
        count = ((size_t)options->connections + room - 1) / room;
    return count;
}

static int refuse_remote(const struct load *load, char *error)
{
    bool publishes = load->options.publish_url != NULL;
    if (load->options.yes_remote ||
        (load->stream.is_loopback && (!publishes || load->publish.is_loopback)))
        return 0;
    snprintf(error, STENTOR_ERROR_BYTES,
             "%.150s is not this machine: add --yes-remote if you may load it",
             load->stream.is_loopback ? load->options.publish_url
                                      : load->options.url);
    return STENTOR_EINVALID;
}

static int load_init(struct load *load, int count, char **arguments,
                     char error[STENTOR_ERROR_BYTES])
{
    *load = (struct load){ .signals = -1 };
    struct load_options *options = &load->options;
    int result = load_options_parse(options, count, arguments, error);
    if (result != 0 || options->help)
        return result;
    result = load_target_parse(&load->stream, options->url, NULL, error);
    if (result == 0 && options->publish_url != NULL)
        result = load_target_parse(&load->publish, options->publish_url,
                                   &load->stream, error);
    if (result == 0)
        result = refuse_remote(load, error);
    if (result != 0)
        return result;

    uint32_t tag = (uint32_t)getpid();
    if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
        tag ^= (uint32_t)load_now_us();
    snprintf(load->run, sizeof load->run, "%08x", tag);
    size_t process_count = choose_process_count(options);
    load->shared = load_shared_new(process_count);
    if (load->shared == NULL) {
        snprintf(error, STENTOR_ERROR_BYTES, "no shared memory: %s",
                 strerror(errno));
        return STENTOR_ESYSTEM;
    }
    if (options->html != NULL) {
        /* Now, because after the test it would be too late to complain. */
        load->html = fopen(options->html, "we");
        if (load->html == NULL) {
            snprintf(error, STENTOR_ERROR_BYTES, "--html %.150s: %s",
                     options->html, strerror(errno));
            return STENTOR_ESYSTEM;
        }
    }
    load->series = xcalloc(1, sizeof *load->series);
    load->children = xcalloc(process_count + 1, sizeof *load->children);
    return 0;
}

static void load_done(struct load *load)
{
    load_options_done(&load->options);
    if (load->shared != NULL)
        load_shared_free(load->shared);
    if (load->signals >= 0)
        close(load->signals);
    if (load->html != NULL)
        fclose(load->html);
    free(load->series);
    free(load->children);
}

static void open_signals(struct load *load)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    load->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    CHECK(load->signals >= 0);
}

/* A child: SIGINT stays blocked, because a terminal sends it to all of us and
   the parent decides; it ends by the phase, or with its parent. */
_Noreturn static void run_child(const struct load *load, size_t number,
                                pid_t parent)
{
    sigset_t set;
    struct load_job job = { .options = &load->options,
                            .shared = load->shared,
                            .run = load->run,
                            .process = number };
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (number < load->shared->process_count) {
        setproctitle("load clients %zu", number);
        job.target = &load->stream;
        load_client_run(&job);
    } else {
        setproctitle("load publisher");
        job.target = &load->publish;
        load_publisher_run(&job);
    }
    _exit(0);
}

static int start_children(struct load *load)
{
    pid_t parent = getpid();
    size_t count = load->shared->process_count;
    count += load->options.publish_url != NULL;
    for (size_t i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid == 0)
            run_child(load, i, parent);
        if (pid < 0)
            return STENTOR_ESYSTEM;
        load->children[load->child_count++] = pid;
    }
    return 0;
}

static uint64_t sum_of(const struct load *load, size_t offset)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < load->shared->process_count; i++) {
        const char *tally = (const char *)&load->shared->tallies[i];
        sum += *(const uint64_t *)(const void *)(tally + offset);
    }
    return sum;
}

/* A child has died before its time: nothing it was to do will be done. */
static bool has_lost_child(const struct load *load)
{
    siginfo_t info = { 0 };
    return load->shared->phase < LOAD_DRAINING &&
           waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

/* A moment of waiting, in which signals are taken and progress is shown. */
static void turn(struct load *load)
{
    struct pollfd poller = { .fd = load->signals, .events = POLLIN };
    struct signalfd_siginfo info;
    poll(&poller, 1, TURN_MS);
    while (read(load->signals, &info, sizeof info) == sizeof info)
        load->interrupts++;
    uint64_t now_us = load_now_us();
    load_series_take(load->series, load->shared, now_us);
    load_progress_show(&load->progress, load->series, load->shared,
                       load->options.connections, now_us);
}

static bool all_clients(const struct load *load, size_t offset)
{
    for (size_t i = 0; i < load->shared->process_count; i++) {
        const char *tally = (const char *)&load->shared->tallies[i];
        if (!*(const atomic_bool *)(const void *)(tally + offset))
            return false;
    }
    return true;
}

/* Takes turns for `limit_ms` or until all clients have set the flag at
   `offset` of their tally (0: none). False once there is no going on. */
static bool wait_for(struct load *load, uint64_t limit_ms, size_t offset)
{
    uint64_t began_us = load_now_us();
    int interrupts = load->interrupts;
    while (load_now_us() - began_us < limit_ms * 1000) {
        if (offset != 0 && all_clients(load, offset))
            return true;
        turn(load);
        if (load->interrupts > interrupts || has_lost_child(load))
            return false;
    }
    return true;
}

/* As long as the test is to last; less when all is published before. */
static void wait_for_publisher(struct load *load)
{
    const struct load_shared *shared = load->shared;
    uint64_t limit_ms = load->options.duration_ms;
    while (limit_ms > 0 && !shared->published.done) {
        uint64_t part_ms = load->options.events == 0 ? limit_ms : TURN_MS;
        if (part_ms > limit_ms)
            part_ms = limit_ms;
        if (!wait_for(load, part_ms, 0))
            return;
        limit_ms -= part_ms;
    }
}

/* Where only events of others arrive there is nothing to be waited for. */
static uint64_t drain_ms(const struct load *load)
{
    uint64_t stamped =
        sum_of(load, offsetof(struct load_tally, latency.count)) +
        sum_of(load, offsetof(struct load_tally, replayed));
    uint64_t other = sum_of(load, offsetof(struct load_tally, other));
    return stamped == 0 && other > 0 ? SETTLE_MS : DRAIN_MS;
}

/* From the first connect to the last event. */
static void lead(struct load *load)
{
    struct load_shared *shared = load->shared;
    const struct load_options *options = &load->options;
    if (!wait_for(load, options->ramp_ms + CONNECT_EXTRA_MS,
                  offsetof(struct load_tally, tried_all)) ||
        sum_of(load, offsetof(struct load_tally, opened)) == 0)
        return;
    if (options->publish_url != NULL && !wait_for(load, SETTLE_MS, 0))
        return;
    shared->running_us = load_now_us();
    shared->phase = LOAD_RUNNING;
    wait_for_publisher(load);
    /* Also when interrupted: what is under way must not count as lost. */
    shared->phase = LOAD_DRAINING;
    if (options->publish_url != NULL)
        wait_for(load, drain_ms(load), offsetof(struct load_tally, drained));
}

static void note_end(struct load *load, size_t number, int status,
                     const struct rusage *usage)
{
    uint64_t cpu_us =
        (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
        (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
    load->children[number] = 0;
    if (number < load->shared->process_count)
        load->shared->tallies[number].cpu_us = cpu_us;
    else
        load->shared->published.cpu_us = cpu_us;
    if (status != 0)
        fprintf(stderr, "stentor load: process %zu died (status %#x)\n", number,
                (unsigned)status);
}

/* Waits for the children: closing very many connections may take long, so who
   gets on with it is waited for, and who does not is killed. */
static void end_children(struct load *load)
{
    uint64_t moved_us = load_now_us(), stood = 0;
    for (size_t i = 0; i < load->child_count; i++) {
        struct rusage usage;
        int status;
        pid_t pid;
        while ((pid = wait4(load->children[i], &status, WNOHANG, &usage)) ==
               0) {
            uint64_t now_stood =
                sum_of(load, offsetof(struct load_tally, stood));
            if (now_stood > stood)
                moved_us = load_now_us();
            stood = now_stood;
            bool is_late = load_now_us() - moved_us > END_MS * 1000;
            if (is_late || load->interrupts > 1)
                kill(load->children[i], SIGKILL);
            turn(load);
        }
        moved_us = load_now_us();
        if (pid > 0)
            note_end(load, i, status, &usage);
    }
    load_progress_end(&load->progress);
}

static void print_report(const struct load *load,
                         const struct load_report *report)
{
    if (load->options.json)
        load_report_print_json(report, stdout);
    else
        load_report_print_table(report, stdout);
    if (load->html != NULL)
        load_report_print_html(report, load->html);
}

static int run(struct load *load)
{
    struct load_report *report = xcalloc(1, sizeof *report);
    open_signals(load);
    load_series_init(load->series, load_now_us());
    load_progress_init(&load->progress, load->series->began_us);
    if (start_children(load) == 0)
        lead(load);
    else
        fprintf(stderr, "stentor load: fork: %s\n", strerror(errno));
    uint64_t ended_us = load_now_us();
    load->shared->phase = LOAD_STOPPED;
    end_children(load);

    load_report_init(report, &load->options, load->shared, load->series,
                     ended_us);
    report->was_interrupted = load->interrupts > 0;
    print_report(load, report);
    bool is_good = report->is_good;
    free(report);
    return is_good ? 0 : 1;
}

int load_main(int count, char **arguments)
{
    char error[STENTOR_ERROR_BYTES];
    struct load load;
    int code = 0;
    if (load_init(&load, count, arguments, error) != 0) {
        fprintf(stderr, "stentor load: %s (try: stentor load --help)\n", error);
        code = 2;
    } else if (load.options.help) {
        load_options_print_help(stdout);
    } else {
        code = run(&load);
    }
    load_done(&load);
    return code;
}
