/* SPDX-License-Identifier: MIT */
#include "supervisor/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"

enum { PLAN_SPARE_DESCRIPTORS = 64 /* a worker's own, beside its clients */ };

bool plan_read(const struct control_message *message, struct stentor_plan *plan)
{
    if (message->size != sizeof *plan)
        return false;
    memcpy(plan, message->body, sizeof *plan);
    return plan->abi == STENTOR_ABI &&
           plan->listener_count <= STENTOR_LISTENERS_MAX &&
           plan->network_count <= STENTOR_NETWORKS_MAX &&
           plan->heartbeat.size <= STENTOR_HEARTBEAT_BYTES;
}

uint32_t plan_workers(const struct stentor_plan *plan, char *error)
{
    if (plan->listener_count == 0) {
        snprintf(error, STENTOR_ERROR_BYTES,
                 "nothing to listen on (say in the config: "
                 "listen \"127.0.0.1:3000\")");
        return 0;
    }
    if (plan->workers > CONTROL_WORKERS_MAX) {
        snprintf(error, STENTOR_ERROR_BYTES,
                 "%" PRIu32 " workers are too many (at most %d)", plan->workers,
                 CONTROL_WORKERS_MAX);
        return 0;
    }
    if (plan->workers > 0)
        return plan->workers;
    unsigned int cores = uv_available_parallelism();
    return cores < CONTROL_WORKERS_MAX ? cores : CONTROL_WORKERS_MAX;
}

static bool same_listeners(const struct stentor_plan *a,
                           const struct stentor_plan *b)
{
    if (a->listener_count != b->listener_count)
        return false;
    for (uint32_t i = 0; i < a->listener_count; i++)
        if (a->listeners[i].port != b->listeners[i].port ||
            strncmp(a->listeners[i].host, b->listeners[i].host,
                    STENTOR_HOST_BYTES) != 0)
            return false;
    return a->network_count == b->network_count &&
           memcmp(a->networks, b->networks,
                  a->network_count * sizeof *a->networks) == 0;
}

static bool same_limits(const struct stentor_limits *a,
                        const struct stentor_limits *b)
{
    struct stentor_limits copy = *b;
    copy.channels = a->channels; /* are named apart */
    copy.addresses = a->addresses;
    return memcmp(a, &copy, sizeof copy) == 0;
}

static bool same_heartbeat(const struct stentor_heartbeat *a,
                           const struct stentor_heartbeat *b)
{
    return a->every_ms == b->every_ms &&
           a->jitter_percent == b->jitter_percent &&
           a->idle_only == b->idle_only && a->with_id == b->with_id &&
           a->size == b->size && memcmp(a->frame, b->frame, a->size) == 0;
}

static void name_if(bool changed, const char *name, struct buffer *names)
{
    if (changed)
        buffer_add_format(names, "%s%s", names->size > 0 ? ", " : "", name);
}

void plan_warn_of_changes(const struct stentor_plan *force,
                          const struct stentor_plan *wanted)
{
    struct buffer names;
    buffer_init(&names);
    name_if(!same_listeners(force, wanted), "listen", &names);
    name_if(force->journal_bytes != wanted->journal_bytes, "journal size",
            &names);
    name_if(force->kept_bytes != wanted->kept_bytes, "limit kept", &names);
    name_if(force->limits.channels != wanted->limits.channels, "limit channels",
            &names);
    name_if(force->limits.addresses != wanted->limits.addresses,
            "limit addresses", &names);
    name_if(!same_limits(&force->limits, &wanted->limits), "limits", &names);
    name_if(!same_heartbeat(&force->heartbeat, &wanted->heartbeat), "heartbeat",
            &names);
    name_if(force->log_level != wanted->log_level, "log level", &names);
    if (names.size > 0)
        log_warn("the config has changed: %.*s; that takes effect at the next "
                 "start, the old values stay until then",
                 (int)names.size, names.bytes);
    buffer_done(&names);
}

void plan_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* the warning below looks again */
}

void plan_warn_of_descriptors(const struct stentor_plan *plan, uint32_t workers)
{
    struct rlimit limit;
    uint64_t needed =
        plan->limits.connections / workers + PLAN_SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    log_warn("%" PRIu32 " connections need %" PRIu64 " descriptors in each of "
             "%" PRIu32 " workers, but the system allows %" PRIu64
             " (raise it: ulimit -Hn, or LimitNOFILE= of systemd)",
             plan->limits.connections, needed, workers,
             (uint64_t)limit.rlim_cur);
}
