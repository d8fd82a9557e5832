/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c: waits for many descriptors at once (epoll) and calls whoever watches them. */
#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mcp_auth/error.h"

/* Marks a watch that is on in its mask, so that one that wants no events (only errors) is told
 * from one that is off. The kernel gives this bit no meaning, and is not shown it. */
#define WATCH_ON (1u << 24)
/* The same for the place of its function in loop->ready. */
#define WATCH_READY_SHIFT 20
#define WATCH_READY ((LOOP_READY_MAX - 1) << WATCH_READY_SHIFT)
#define WATCH_OURS (WATCH_ON | WATCH_READY)
_Static_assert((WATCH_OURS & (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP |
                              EPOLLRDNORM | EPOLLRDBAND | EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG |
                              EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)) == 0,
               "bits of our own");
_Static_assert((LOOP_READY_MAX & (LOOP_READY_MAX - 1)) == 0, "its places fill whole bits");

/* A longer sleep is cut; whoever asked for it just goes around again. */
#define SLEEP_MS_MAX (60 * 60 * 1000)

int loop_init(struct loop *loop)
{
    loop->batch_count = loop->batch_at = 0;
    memset(loop->ready, 0, sizeof loop->ready);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll_fd < 0 ? MCP_AUTH_E_SYSTEM : 0;
}

void loop_done(struct loop *loop)
{
    if (!loop || loop->epoll_fd < 0)
        return;
    assert(loop->batch_at == loop->batch_count);
    close(loop->epoll_fd);
    loop->epoll_fd = -1;
}

static uint32_t place_of(struct loop *loop, watch_ready *ready)
{
    uint32_t place = 0;

    while (loop->ready[place] && loop->ready[place] != ready) {
        place++;
        assert(place < LOOP_READY_MAX);
    }
    loop->ready[place] = ready;
    return place;
}

int loop_watch(struct loop *loop, struct watch *watch, watch_ready *ready, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    assert(ready && watch->fd >= 0 && !watch_is_on(watch) && !(events & WATCH_OURS));
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) < 0)
        return errno == ENOMEM ? MCP_AUTH_E_NOMEM : MCP_AUTH_E_SYSTEM;
    watch->mask = events | WATCH_ON | place_of(loop, ready) << WATCH_READY_SHIFT;
    return 0;
}

void loop_change(struct loop *loop, struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int r;

    assert(watch_is_on(watch) && !(events & WATCH_OURS));
    assert(!((watch->mask | events) & EPOLLEXCLUSIVE)); /* the kernel cannot change such a one */
    /* Setting the same again has a meaning only where the kernel disarms by itself. */
    if ((watch->mask & ~WATCH_OURS) == events && !(events & (EPOLLONESHOT | EPOLLET)))
        return;
    r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
    assert(r == 0); /* it changes what is there: nothing to allocate, so only our mistakes fail */
    (void)r;
    watch->mask = (watch->mask & WATCH_OURS) | events;
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
    int r;

    if (!watch_is_on(watch))
        return;
    r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    assert(r == 0); /* else it was closed first, and could come back as somebody else's number */
    (void)r;
    watch->mask = 0;

    /* Forget what this turn still holds for it. At most 6 KiB are read, much less than the
     * system call above costs, so that a watch needs no field for its place in the batch. */
    for (int i = loop->batch_at; i < loop->batch_count; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
}

int loop_turn(struct loop *loop, int64_t timeout_ms)
{
    int timeout = timeout_ms < 0 ? -1 : timeout_ms > SLEEP_MS_MAX ? SLEEP_MS_MAX : (int)timeout_ms;
    int count;

    assert(loop->batch_at == loop->batch_count); /* a callback must not turn the loop */
    count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_EVENTS_MAX, timeout);
    if (count < 0)
        return errno == EINTR ? 0 : MCP_AUTH_E_SYSTEM;

    loop->batch_at = 0;
    loop->batch_count = count;
    while (loop->batch_at < loop->batch_count) {
        struct epoll_event *event = &loop->batch[loop->batch_at++];
        struct watch *watch = event->data.ptr;
        uint32_t events;

        if (!watch)
            continue; /* unwatched earlier in this turn */
        events = event->events & (watch->mask | EPOLLERR | EPOLLHUP);
        if (events)
            loop->ready[(watch->mask & WATCH_READY) >> WATCH_READY_SHIFT](watch, events);
    }
    return 0;
}
