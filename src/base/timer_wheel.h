/* SPDX-License-Identifier: Apache-2.0 */
/* timer_wheel.h: deadlines by hierarchical wheel; passive: told the time, returns what is due. */
#ifndef BASE_TIMER_WHEEL_H
#define BASE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define TIMER_LEVELS 6
#define TIMER_SLOTS 64
#define TIMER_LISTS (TIMER_LEVELS * TIMER_SLOTS + 1)

struct slab;

/* Part of what it wakes, which lies in a slab: container_of finds it. Zero: not set. 8 bytes, its
 * neighbours' numbers, since every session has one, and it is set twice a minute. */
struct timer {
    uint32_t next, previous;
};

struct timer_wheel {
    int64_t now_ms; /* 0 <= now_ms */
    const struct slab *owners;
    size_t timer_at; /* in an owner */
    int64_t (*deadline_ms)(struct timer *timer);
    uint64_t occupied[TIMER_LEVELS]; /* one bit a slot */
    struct timer heads[TIMER_LISTS]; /* of the slots, and of what is due */
};

/* Of timers that lie at this offset in the slab's objects. `deadline_ms` says for when a timer was
 * set, or a later time if that has moved meanwhile: it is asked when what was far away comes near. */
void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms, const struct slab *owners,
                      size_t timer_at, int64_t (*deadline_ms)(struct timer *timer));
/* Sets or moves. A deadline in the past is due at the next advance. */
void timer_set(struct timer_wheel *wheel, struct timer *timer, int64_t deadline_ms);
void timer_cancel(struct timer_wheel *wheel, struct timer *timer); /* not set: fine */
static inline bool timer_is_set(const struct timer *timer)
{
    return timer->next != 0;
}
/* Makes every timer with deadline_ms <= now_ms due (in order of deadline as far as the wheel knows
 * it: within one millisecond in the order they were set). now_ms never goes back. */
void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms);
/* The first that is due, which is not set any more, or NULL. Until it is taken it may be cancelled
 * or set anew like any other, so a callback may do so to its neighbours. */
MUST_CHECK struct timer *timer_wheel_take(struct timer_wheel *wheel);
/* A time not after the earliest deadline of those that are not due yet, for the sleep of a loop;
 * INT64_MAX when none. */
int64_t timer_wheel_next(const struct timer_wheel *wheel);

#endif
