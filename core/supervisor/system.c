/* SPDX-License-Identifier: MIT */
/*
 * What is wanted follows from two numbers, the connections in all and the
 * share of a worker. Where a figure is not plain arithmetic, its comment says
 * where it comes from; spec/bench/giant.lua is the run that it was taken in.
 */
#include "supervisor/system.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "supervisor/plan.h"

enum {
    OTHER_DESCRIPTORS = 64,   /* of a process, beside its clients */
    SERVED_PERCENT = 90,      /* of its descriptors a worker serves so many */
    BURST = 4096,             /* come between two turns of a worker */
    HALF_OPEN = 2048,         /* 20,000 connects a second, 0.1 s on their way */
    PORTS_MAX = 65535 - 1024, /* an address has no more */
    CLIENT_BYTES = 6 * 1024,  /* memory of one: ours 0.4 KB, the kernel's 5 */
    MACHINE_DESCRIPTORS = 4096 /* of all that runs here besides */
};

struct check {
    FILE *out;
    uint64_t connections;
    uint64_t workers;
    uint64_t descriptors; /* that a worker needs */
    int too_low;          /* limits that count */
};

/* The first `count` numbers of a file; false if it has fewer, or is not. */
static bool read_numbers(const char *path, uint64_t *numbers, int count)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    int got = 0;
    while (got < count && fscanf(file, "%" SCNu64, &numbers[got]) == 1)
        got++;
    fclose(file);
    return got == count;
}

static bool say(struct check *check, const char *name, uint64_t value,
                uint64_t wanted)
{
    bool suffices = value >= wanted;
    fprintf(check->out,
            "%-8s %-30s %10" PRIu64 "  wanted: at least %" PRIu64 "\n",
            suffices ? "ok" : "too low", name, value, wanted);
    return suffices;
}

__attribute__((format(printf, 2, 3))) static void say_remedy(
    struct check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("         → ", check->out);
    vfprintf(check->out, format, arguments);
    fputc('\n', check->out);
    va_end(arguments);
}

static void say_sysctl(struct check *check, const char *name, const char *value)
{
    say_remedy(check, "sysctl -w %s=\"%s\"", name, value);
    say_remedy(check, "for good: \"%s = %s\" in /etc/sysctl.d/90-stentor.conf",
               name, value);
}

/* The setting `name` of the kernel; one without it does not limit it. */
static void check_sysctl(struct check *check, const char *name,
                         const char *path, uint64_t wanted)
{
    uint64_t value;
    char text[32];
    if (!read_numbers(path, &value, 1) || say(check, name, value, wanted))
        return;
    check->too_low++;
    snprintf(text, sizeof text, "%" PRIu64, wanted);
    say_sysctl(check, name, text);
}

/* The kernel deals connections out to the workers by a hash, so some get more
   than their share: four standard deviations more at most. */
static uint64_t descriptors_needed(uint64_t connections, uint64_t workers)
{
    double share = (double)connections / (double)workers;
    double most = workers > 1 ? share + 4 * sqrt(share) : share;
    return (uint64_t)(most * 100 / SERVED_PERCENT) + OTHER_DESCRIPTORS;
}

/* The fewest workers that make do with `limit` descriptors each, or 0. */
static uint32_t workers_for(uint64_t connections, uint64_t limit)
{
    for (uint32_t workers = 1; workers <= CONTROL_WORKERS_MAX; workers++)
        if (descriptors_needed(connections, workers) <= limit)
            return workers;
    return 0;
}

static void check_descriptors(struct check *check)
{
    struct rlimit limit;
    uint64_t needed = check->descriptors;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    uint64_t value =
        limit.rlim_max == RLIM_INFINITY ? UINT32_MAX : limit.rlim_max;
    if (say(check, "descriptors of a worker", value, needed))
        return;
    check->too_low++;
    uint32_t workers = workers_for(check->connections, value);
    if (workers > 0)
        say_remedy(check, "in the config: workers(%" PRIu32 ")", workers);
    say_remedy(check,
               "%sulimit -n %" PRIu64 ", as root, in the shell that "
               "starts it",
               workers > 0 ? "or: " : "", needed);
    say_remedy(check,
               "for good: \"LimitNOFILE=%" PRIu64 "\" in the systemd "
               "unit",
               needed);
}

/* Sockets are no pages of TCP's until something is on its way; then each has
   one at least, however small the event is. */
static void check_tcp_memory(struct check *check)
{
    const char *name = "net.ipv4.tcp_mem";
    uint64_t pages[3], wanted = check->connections;
    char text[96];
    if (!read_numbers("/proc/sys/net/ipv4/tcp_mem", pages, 3) ||
        say(check, "net.ipv4.tcp_mem, 2nd (pages)", pages[1], wanted))
        return;
    check->too_low++;
    /* In the kernel's own proportions. */
    snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64,
             wanted / 4 * 3, wanted, wanted / 2 * 3);
    say_sysctl(check, name, text);
}

static void check_memory(struct check *check)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    uint64_t kilobytes = 0;
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1)
            break;
    fclose(file);
    uint64_t wanted = check->connections * CLIENT_BYTES;
    if (kilobytes == 0 ||
        say(check, "memory to be had (MB)", kilobytes >> 10, wanted >> 20))
        return;
    check->too_low++;
    say_remedy(check, "in the config: limits { connections = %" PRIu64 " }",
               kilobytes * 1024 / CLIENT_BYTES);
}

/* Beyond it the firewall drops what is new. Where the module is loaded and no
   rule uses it, nothing is counted, and nothing is dropped. */
static void check_tracking(struct check *check)
{
    uint64_t tracked;
    if (read_numbers("/proc/sys/net/netfilter/nf_conntrack_count", &tracked,
                     1) &&
        tracked > 0)
        check_sysctl(check, "net.netfilter.nf_conntrack_max",
                     "/proc/sys/net/netfilter/nf_conntrack_max",
                     check->connections + check->connections / 10);
}

/* Bounds who connects, not the server: it does not decide over the result. */
static void check_ports(struct check *check)
{
    const char *name = "net.ipv4.ip_local_port_range";
    uint64_t ports[2];
    uint64_t wanted =
        check->connections < PORTS_MAX ? check->connections : PORTS_MAX;
    if (!read_numbers("/proc/sys/net/ipv4/ip_local_port_range", ports, 2) ||
        ports[1] < ports[0] ||
        say(check, name, ports[1] - ports[0] + 1, wanted))
        return;
    say_remedy(check, "only matters for a proxy or a load tester on this "
                      "machine that connects from");
    say_remedy(check, "one address (stentor load takes many), so it is not "
                      "counted as a fault");
    say_sysctl(check, name, "1024 65535");
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

int system_check(const struct stentor_plan *plan, FILE *out)
{
    char error[STENTOR_ERROR_BYTES];
    struct check check = { .out = out,
                           .connections = plan->limits.connections,
                           .workers = plan_workers(plan, error) };
    if (check.workers == 0) {
        fprintf(stderr, "stentor: %s\n", error);
        return 1;
    }
    uint64_t share = check.connections / check.workers;
    check.descriptors = descriptors_needed(check.connections, check.workers);
    fprintf(out, "%" PRIu64 " connections (limits), %" PRIu64 " worker%s:\n\n",
            check.connections, check.workers, check.workers == 1 ? "" : "s");
    check_descriptors(&check);
    check_sysctl(&check, "fs.nr_open", "/proc/sys/fs/nr_open",
                 check.descriptors);
    check_sysctl(&check, "fs.file-max", "/proc/sys/fs/file-max",
                 check.connections + check.workers * OTHER_DESCRIPTORS +
                     MACHINE_DESCRIPTORS);
    check_sysctl(&check, "net.core.somaxconn", "/proc/sys/net/core/somaxconn",
                 at_most(share, BURST));
    check_sysctl(&check, "net.ipv4.tcp_max_syn_backlog",
                 "/proc/sys/net/ipv4/tcp_max_syn_backlog",
                 at_most(share, HALF_OPEN));
    check_tracking(&check);
    check_tcp_memory(&check);
    check_memory(&check);
    check_ports(&check);
    fprintf(out, "\n%s\n",
            check.too_low == 0 ? "all of it suffices" : "not all suffices");
    return check.too_low > 0;
}
