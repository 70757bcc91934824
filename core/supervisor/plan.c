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

enum {
    PLAN_SERVED_PERCENT = 90,   /* of its descriptors a worker serves so many */
    PLAN_SPARE_DESCRIPTORS = 32 /* of them its own, beside its clients */
};

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
    return true;
}

static void name_if(bool changed, const char *name, struct buffer *names)
{
    if (changed)
        buffer_add_format(names, "%s%s", names->size > 0 ? ", " : "", name);
}

/* What was made at the start, in sizes that stay. */
static void name_fixed(const struct stentor_plan *force,
                       const struct stentor_plan *wanted, struct buffer *names)
{
    name_if(!same_listeners(force, wanted), "listen", names);
    name_if(force->journal_bytes != wanted->journal_bytes, "journal.size",
            names);
    name_if(force->limits.channels != wanted->limits.channels,
            "limits.channels", names);
    name_if(force->limits.addresses != wanted->limits.addresses,
            "limits.addresses", names);
    name_if(force->kept_bytes != wanted->kept_bytes, "limits.kept", names);
    name_if(strcmp(force->supervise.control, wanted->supervise.control) != 0,
            "supervise.control", names);
}

bool plan_can_follow(const struct stentor_plan *force,
                     const struct stentor_plan *wanted, char *error)
{
    struct buffer names;
    buffer_init(&names);
    name_fixed(force, wanted, &names);
    bool can = names.size == 0;
    if (!can)
        snprintf(error, STENTOR_ERROR_BYTES,
                 "%.*s cannot be changed while the server runs: restart it for "
                 "that, or put the old value back",
                 (int)names.size, names.bytes);
    buffer_done(&names);
    return can;
}

void plan_warn_of_changes(const struct stentor_plan *force,
                          const struct stentor_plan *wanted)
{
    char error[STENTOR_ERROR_BYTES];
    if (!plan_can_follow(force, wanted, error))
        log_warn("the config has changed: %s", error);
}

void plan_adopt(struct stentor_plan *force, const struct stentor_plan *wanted)
{
    struct stentor_plan old = *force;
    *force = *wanted;
    force->listener_count = old.listener_count;
    memcpy(force->listeners, old.listeners, sizeof force->listeners);
    force->journal_bytes = old.journal_bytes;
    force->limits.channels = old.limits.channels;
    force->limits.addresses = old.limits.addresses;
    force->kept_bytes = old.kept_bytes;
    memcpy(force->supervise.control, old.supervise.control,
           sizeof old.supervise.control);
}

void plan_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* plan_room() looks again */
}

uint64_t plan_room(const struct stentor_plan *plan, uint32_t workers)
{
    struct rlimit limit;
    uint64_t room = plan->limits.connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= UINT32_MAX)
        return room;
    uint64_t served = limit.rlim_cur * PLAN_SERVED_PERCENT / 100;
    served =
        served > PLAN_SPARE_DESCRIPTORS ? served - PLAN_SPARE_DESCRIPTORS : 0;
    return served * workers < room ? served * workers : room;
}

/* The default is more than most systems allow at first: who did not ask for it
   reads in the line that says ready how many it is. */
void plan_warn_of_room(const struct stentor_plan *plan, uint32_t workers)
{
    uint64_t room = plan_room(plan, workers);
    if (plan->connections_asked == 0 || room >= plan->limits.connections)
        return;
    log_warn("limits.connections is %" PRIu32 ", but the descriptors that the "
             "system allows are enough for %" PRIu64 " (how to raise that: "
             "stentor check --system)",
             plan->limits.connections, room);
}
