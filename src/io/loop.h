/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h: waits for many descriptors at once (epoll) and calls whoever watches them. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/compiler.h"

/* A turn delivers at most this many events, so that the end of the turn (timers, writes, what
 * is to be freed) is never far away. 512 * 12 bytes = 6 KiB. */
#define LOOP_EVENTS_MAX 512

/* Part of what it wakes; container_of finds the owner. The owner sets fd, and leaves `mask` (zero at
 * first) to the loop. 8 bytes, for every connection has one. */
struct watch {
    int fd;
    uint32_t mask;
};

/* EPOLLIN, EPOLLOUT, EPOLLHUP ... */
typedef void watch_ready(struct watch *watch, uint32_t events);

/* Many watch, but they are of few kinds: a watch names the function to call by its place. */
#define LOOP_READY_MAX 8u

struct loop {
    int epoll_fd;
    watch_ready *ready[LOOP_READY_MAX]; /* every one that ever watched; then NULL */
    int batch_count, batch_at;          /* batch_at <= batch_count; equal between turns */
    struct epoll_event batch[LOOP_EVENTS_MAX];
};

/* MCP_AUTH_E_SYSTEM (errno says why). loop_done takes also what failed to init. */
MUST_CHECK int loop_init(struct loop *loop);
void loop_done(struct loop *loop); /* every watch must be gone or never be touched again */

/* Begins to watch, level-triggered. At most LOOP_READY_MAX different `ready` in a loop's life.
 * MCP_AUTH_E_NOMEM, MCP_AUTH_E_SYSTEM. */
MUST_CHECK int loop_watch(struct loop *loop, struct watch *watch, watch_ready *ready,
                          uint32_t events);
/* Wants other events from now on; those no longer wanted are not delivered, even if they
 * already wait in this turn. Errors and hang-ups always come. No system call when nothing
 * changes. */
void loop_change(struct loop *loop, struct watch *watch, uint32_t events);
/* Stops watching. From its return on, ready is not called, not even for an event that waits in
 * this turn: the caller may free the watch at once, from inside any callback. To be called
 * before the descriptor is closed. Not watched: fine. */
void loop_unwatch(struct loop *loop, struct watch *watch);

static inline bool watch_is_on(const struct watch *watch)
{
    return watch->mask != 0;
}

/* Waits up to timeout_ms (negative: for ever) and delivers what is ready. 0, also when nothing
 * was or a signal came; MCP_AUTH_E_SYSTEM. Not to be called from a callback. */
MUST_CHECK int loop_turn(struct loop *loop, int64_t timeout_ms);

#endif
