/* SPDX-License-Identifier: MIT */
#include "supervisor/broker.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "supervisor/process.h"
#include "supervisor/startup.h"

void broker_init(struct supervisor *supervisor)
{
    struct child *broker = &supervisor->broker;
    child_init(broker, &supervisor->loop, "kafka", supervisor,
               supervisor->child_events);
    snprintf(broker->name, sizeof broker->name, "kafka (embedded)");
}

void broker_follow_plan(struct supervisor *supervisor)
{
    struct child *broker = &supervisor->broker;
    bool wanted = supervisor->plan.embedded_kafka != 0;
    if (wanted && broker->state == CHILD_DOWN) {
        child_cancel_start(broker);
        startup_child(supervisor, broker);
    } else if (!wanted) {
        child_cancel_start(broker);
        child_kill(broker);
        supervisor->broker_address[0] = '\0';
    }
}

bool broker_is_awaited(const struct supervisor *supervisor)
{
    return supervisor->plan.embedded_kafka != 0 &&
           supervisor->broker.state != CHILD_READY;
}

void broker_is_ready(struct supervisor *supervisor,
                     const struct control_message *message)
{
    size_t size = message->size;
    if (size == 0 || size > CONTROL_ADDRESS_BYTES ||
        message->body[size - 1] != '\0') {
        log_error("%s has no address", supervisor->broker.name);
        child_kill(&supervisor->broker);
        return;
    }
    memcpy(supervisor->broker_address, message->body, size);
    supervisor->broker.state = CHILD_READY;
    if (supervisor->writer != NULL)
        broker_tell_brain(supervisor, supervisor->writer);
}

void broker_has_ended(struct supervisor *supervisor,
                      const struct child_end *end)
{
    struct child *broker = &supervisor->broker;
    supervisor->broker_address[0] = '\0';
    if (supervisor->plan.embedded_kafka == 0)
        return;
    uint64_t delay_ms = child_start_later(broker);
    log_warn("%s (pid %d) ended: %s; all that it held is lost; an empty one "
             "starts in %.1f s",
             broker->name, broker->process.pid, end->text,
             (double)delay_ms / 1000);
}

void broker_tell_brain(struct supervisor *supervisor, struct child *brain)
{
    const char *address = supervisor->broker_address;
    if (address[0] != '\0')
        child_send(brain, CONTROL_BROKER, address, strlen(address) + 1, NULL,
                   0);
}
