/* SPDX-License-Identifier: MIT */
#include "load/lag.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/check.h"
#include "load/tally.h"

void load_lag_open(struct load_lag *lag, int epoll)
{
    uint64_t first_us = load_now_us() + LAG_TICK_US;
    struct itimerspec times = {
        .it_interval = { .tv_nsec = LAG_TICK_US * 1000 },
        .it_value = { .tv_sec = (time_t)(first_us / 1000000),
                      .tv_nsec = (long)(first_us % 1000000) * 1000 }
    };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = lag };
    lag->next_us = first_us;
    lag->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    CHECK(lag->fd >= 0);
    CHECK(timerfd_settime(lag->fd, TFD_TIMER_ABSTIME, &times, NULL) == 0);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, lag->fd, &event) == 0);
}

void load_lag_close(struct load_lag *lag)
{
    close(lag->fd);
}

void load_lag_note(struct load_lag *lag, uint64_t now_us,
                   struct histogram *histogram)
{
    uint64_t ticks;
    if (read(lag->fd, &ticks, sizeof ticks) != sizeof ticks)
        return;
    for (; ticks > 0; ticks--) {
        load_histogram_add(histogram,
                           now_us > lag->next_us ? now_us - lag->next_us : 0);
        lag->next_us += LAG_TICK_US;
    }
}
