/* SPDX-License-Identifier: MIT */
/*
 * The life of a brain: it loads the config without effects, sends the plan,
 * gets the objects, and is in charge from GO on. Then each turn of the loop
 * lets Lua take what has gathered in the inbox.
 */
#include "brain/brain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "brain/process.h"
#include "brain/role.h"
#include "brain/script.h"
#include "mailbox/bell.h"

/* Lua is entered before this brain is in charge only to be told of GO. */
static void pump(struct stentor_brain *brain)
{
    inbox_begin_turn(&brain->inbox);
    sources_begin_turn(brain);
    script_pump(brain->script);
    inbox_release(brain);
    role_end(brain);
    role_release(brain);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* that it is active keeps the loop from sleeping */
}

static void on_before_sleep(uv_prepare_t *prepare)
{
    struct stentor_brain *brain =
        CHECK_CAST(struct stentor_brain, prepare->data, BRAIN_MAGIC);
    uint32_t *asleep = &brain->board.header->brain.asleep;
    role_end(brain);
    if (brain->in_charge)
        bell_lie_down(asleep);
    if (inbox_has_news(brain)) {
        if (brain->in_charge)
            bell_get_up(asleep);
        uv_idle_start(&brain->keep_awake, on_idle);
    } else {
        uv_idle_stop(&brain->keep_awake);
    }
}

static void on_after_sleep(uv_check_t *check)
{
    struct stentor_brain *brain =
        CHECK_CAST(struct stentor_brain, check->data, BRAIN_MAGIC);
    struct board_brain *shown = &brain->board.header->brain;
    /* The board is that of who is in charge: another one, after a release. */
    if (brain->in_charge) {
        bell_get_up(&shown->asleep);
        __atomic_store_n(&shown->turns, shown->turns + 1, __ATOMIC_RELAXED);
    }
    if (inbox_has_news(brain))
        pump(brain);
}

static void on_bell(uv_poll_t *poll, int status, int events)
{
    struct stentor_brain *brain =
        CHECK_CAST(struct stentor_brain, poll->data, BRAIN_MAGIC);
    (void)status;
    (void)events;
    bell_quiet(brain->bell); /* what it rang for is seen after the sleep */
}

static void on_timer(uv_timer_t *timer)
{
    struct stentor_brain *brain =
        CHECK_CAST(struct stentor_brain, timer->data, BRAIN_MAGIC);
    brain->inbox.timer = true;
}

int stentor_plan(struct stentor_brain *brain, const struct stentor_plan *plan)
{
    if (plan->abi != STENTOR_ABI)
        return STENTOR_EVERSION;
    brain->plan = *plan;
    brain->planned = true;
    log_set_level((enum log_level)plan->log_level);
    return 0;
}

/* --- the objects of the supervisor --- */

static _Noreturn void give_up(const char *what)
{
    log_error("%s", what);
    exit(1);
}

static void open_peer(struct stentor_brain *brain, uint32_t number, int fd)
{
    char error[STENTOR_ERROR_BYTES];
    struct peer *peer = &brain->peers[number];
    if (mailbox_open(&peer->mailbox, fd, error) != 0)
        give_up(error);
    close(fd);
    buffer_init(&peer->outbox);
    peer->shown = board_worker(&brain->board, number);
}

/* After a release: another brain may have written all of it since. */
static void close_objects(struct stentor_brain *brain)
{
    for (uint32_t i = 0; i < brain->peer_count; i++) {
        buffer_done(&brain->peers[i].outbox);
        mailbox_close(&brain->peers[i].mailbox);
        close(brain->peers[i].bell);
    }
    channel_map_done(&brain->channels);
    shelf_close(&brain->shelf);
    board_close(&brain->board);
    journal_close(&brain->journal);
}

/* A worker may begin a stream just as its channel is given back. */
static bool has_streams(const void *owner, uint32_t channel)
{
    const struct stentor_brain *brain = owner;
    CHECK(brain->magic == BRAIN_MAGIC);
    return board_channel_streams(&brain->board, channel) > 0;
}

/* What Kafka has and where its topics are read: pointers go into these, so they
   stay mapped. */
static bool open_once(struct stentor_brain *brain,
                      const struct control_message *message, char *error)
{
    if (brain->has_objects) {
        close(message->fds[3]);
        close(message->fds[4]);
        close(message->fds[5]); /* the bell is the same */
        return true;
    }
    brain->bell = message->fds[5];
    if (ledger_open(&brain->ledger, message->fds[3], error) != 0 ||
        places_open(&brain->places, message->fds[4], error) != 0)
        return false;
    close(message->fds[4]);
    return true;
}

static void open_objects(struct stentor_brain *brain,
                         const struct control_message *message)
{
    char error[STENTOR_ERROR_BYTES];
    const struct control_objects *objects = (const void *)message->body;
    CHECK(message->size == sizeof *objects &&
          objects->worker_count <= CONTROL_WORKERS_MAX &&
          message->fd_count == 6 + 2 * objects->worker_count);
    if (brain->has_objects)
        close_objects(brain);
    brain->handed_over = objects->handed_over != 0;
    brain->plan = objects->plan; /* what is in force, not what was asked for */
    if (journal_open(&brain->journal, message->fds[0], true, error) != 0 ||
        board_open(&brain->board, message->fds[1], error) != 0 ||
        shelf_open(&brain->shelf, message->fds[2], error) != 0 ||
        !open_once(brain, message, error))
        give_up(error);
    for (uint32_t i = 0; i < 3; i++)
        close(message->fds[i]);
    brain->has_objects = true;
    channel_map_init(&brain->channels, &brain->journal);
    brain->channels.has_streams = has_streams;
    brain->channels.owner = brain;
    brain->peer_count = objects->worker_count;
    for (uint32_t i = 0; i < brain->peer_count; i++) {
        open_peer(brain, i, message->fds[6 + 2 * i]);
        brain->peers[i].bell = message->fds[7 + 2 * i];
    }
}

static void start_turns(struct stentor_brain *brain)
{
    if (!uv_is_active((uv_handle_t *)&brain->before_sleep)) {
        uv_poll_init(&brain->loop, &brain->bell_poll, brain->bell);
        uv_prepare_start(&brain->before_sleep, on_before_sleep);
        uv_check_start(&brain->after_sleep, on_after_sleep);
    }
    uv_poll_start(&brain->bell_poll, UV_READABLE, on_bell);
}

/* There is a worker more. What was published before we knew of it has not
   woken it. */
static void add_peer(struct stentor_brain *brain,
                     const struct control_message *message)
{
    const struct control_mailbox *mailbox = (const void *)message->body;
    CHECK(message->size == sizeof *mailbox && message->fd_count == 2 &&
          mailbox->number == brain->peer_count &&
          mailbox->number < CONTROL_WORKERS_MAX);
    open_peer(brain, mailbox->number, message->fds[0]);
    brain->peers[mailbox->number].bell = message->fds[1];
    brain->peer_count++;
    bell_ring_always(message->fds[1]);
}

/* The worker died and was started again: what it had asked has gone with it,
   what it had told of streams has not. */
static void replace_peer(struct stentor_brain *brain,
                         const struct control_message *message)
{
    const struct control_mailbox *mailbox = (const void *)message->body;
    CHECK(message->size == sizeof *mailbox && message->fd_count == 1 &&
          mailbox->number < brain->peer_count);
    struct peer *peer = &brain->peers[mailbox->number];
    int bell = peer->bell;
    inbox_release(brain);
    inbox_rescue(&brain->inbox, mailbox->number, &peer->mailbox.up);
    buffer_done(&peer->outbox);
    mailbox_close(&peer->mailbox);
    open_peer(brain, mailbox->number, message->fds[0]);
    peer->bell = bell;
    brain->inbox.lost |= 1ULL << mailbox->number;
}

static void obey(struct stentor_brain *brain,
                 const struct control_message *message)
{
    switch (message->type) {
    case CONTROL_OBJECTS:
        open_objects(brain, message);
        FAULT_POINT("start: objects open");
        start_turns(brain);
        break;
    case CONTROL_GO:
        role_take(brain);
        FAULT_POINT("start: in charge");
        break;
    case CONTROL_RELEASE:
        role_asked_back(brain, (const void *)message->body);
        break;
    case CONTROL_STATUS:
        brain->inbox.status[message->body[0] != 0]++;
        break;
    case CONTROL_PEER:
        add_peer(brain, message);
        break;
    case CONTROL_MAILBOX:
        replace_peer(brain, message);
        break;
    case CONTROL_BROKER:
        CHECK(message->size <= sizeof brain->broker);
        memcpy(brain->broker, message->body, message->size);
        sources_move(brain);
        break;
    case CONTROL_STOP:
        role_stop(brain);
        break;
    default:
        log_error("unknown control message %u", message->type);
    }
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    struct stentor_brain *brain =
        CHECK_CAST(struct stentor_brain, poll->data, BRAIN_MAGIC);
    struct control_message message;
    (void)events;
    int got = status == 0 ? control_receive(CONTROL_FD, &message) : -1;
    if (got == 1)
        obey(brain, &message);
    else if (got == 0 || errno != EAGAIN)
        exit(1); /* the supervisor is gone */
}

static void open_loop(struct stentor_brain *brain)
{
    uv_loop_init(&brain->loop);
    uv_poll_init(&brain->loop, &brain->control_poll, CONTROL_FD);
    uv_prepare_init(&brain->loop, &brain->before_sleep);
    uv_check_init(&brain->loop, &brain->after_sleep);
    uv_idle_init(&brain->loop, &brain->keep_awake);
    uv_timer_init(&brain->loop, &brain->timer);
    uv_timer_init(&brain->loop, &brain->retry);
    uv_timer_init(&brain->loop, &brain->settling);
    brain->settling.data = brain;
    brain->control_poll.data = brain;
    brain->bell_poll.data = brain;
    brain->before_sleep.data = brain;
    brain->after_sleep.data = brain;
    brain->timer.data = brain;
    brain->timer.timer_cb = on_timer;
    brain->retry.data = brain;
}

int brain_main(pid_t parent)
{
    control_start_child(parent, "brain");
    struct control_message message;
    if (control_receive(CONTROL_FD, &message) != 1 ||
        message.type != CONTROL_CONFIG)
        return 1;

    struct stentor_brain *brain = xcalloc(1, sizeof *brain);
    brain->magic = BRAIN_MAGIC;
    inbox_init(&brain->inbox);
    buffer_init(&brain->frame);
    buffer_init(&brain->kept);
    buffer_init(&brain->followed);
    open_loop(brain);
    brain->script = script_new(&brain->loop);
    const char *wrong = script_start(brain->script, brain, message.body);
    if (wrong != NULL) {
        role_say_wrong(wrong);
        _exit(1); /* as below: nothing is taken apart */
    }
    CHECK(brain->planned);
    if (control_send(CONTROL_FD, CONTROL_PLAN, &brain->plan, sizeof brain->plan,
                     NULL, 0) != 0)
        return 1;
    uv_poll_start(&brain->control_poll, UV_READABLE, on_control);
    uv_run(&brain->loop, UV_RUN_DEFAULT);
    /* The process ends here and the system takes all of it back; walking the
       handles that scripts have opened would only delay that. */
    return 0;
}

int brain_check(const char *config_path)
{
    struct script *script = script_new(NULL);
    const char *wrong = script_check(script, config_path);
    if (wrong != NULL)
        fprintf(stderr, "%s\n", wrong);
    else
        printf("%s: no mistakes found\n", config_path);
    script_free(script);
    return wrong != NULL;
}

int brain_plan(const char *config_path, struct stentor_plan *plan)
{
    /* Only there to take the plan: it never comes to be in charge. */
    struct stentor_brain *brain = xcalloc(1, sizeof *brain);
    brain->magic = BRAIN_MAGIC;
    struct script *script = script_new(NULL);
    const char *wrong = script_start(script, brain, config_path);
    if (wrong != NULL)
        fprintf(stderr, "%s\n", wrong);
    else
        *plan = brain->plan;
    script_free(script);
    free(brain);
    return wrong != NULL;
}
