/* SPDX-License-Identifier: Apache-2.0 */
/* timer_wheel.h: deadlines by hierarchical wheel; passive: told the time, returns what is due. */
#ifndef BASE_TIMER_WHEEL_H
#define BASE_TIMER_WHEEL_H

#include <stdint.h>

#include "base/list.h"

#define TIMER_LEVELS 6
#define TIMER_SLOTS 64

/* Part of what it wakes; container_of finds the owner. Not set: `link` stands alone. 16 bytes: every
 * session has one, and knows its deadlines anyway. */
struct timer {
    struct list link;
};

struct timer_wheel {
    int64_t now_ms; /* 0 <= now_ms */
    int64_t (*deadline_ms)(struct timer *timer);
    uint64_t occupied[TIMER_LEVELS]; /* one bit a slot */
    struct list slots[TIMER_LEVELS][TIMER_SLOTS];
};

/* `deadline_ms` says for when a timer was set, or a later time if that has moved meanwhile: it is
 * asked when what was far away comes near. */
void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms,
                      int64_t (*deadline_ms)(struct timer *timer));
void timer_init(struct timer *timer);
/* Sets or moves. A deadline in the past is due at the next advance. */
void timer_set(struct timer_wheel *wheel, struct timer *timer, int64_t deadline_ms);
void timer_cancel(struct timer_wheel *wheel, struct timer *timer); /* not set: fine */
static inline int timer_is_set(const struct timer *timer)
{
    return !list_empty(&timer->link);
}
/* Moves every timer with deadline_ms <= now_ms to `due` (in order of deadline as far as the
 * wheel knows it: within one millisecond in the order they were set). While one is in `due` it
 * may be cancelled or set anew like any other, so a callback may do so to its neighbours; the
 * owner unlinks each before running it. now_ms never goes back. */
void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms, struct list *due);
/* A time not after the earliest deadline, for the sleep of a loop; INT64_MAX when none. */
int64_t timer_wheel_next(const struct timer_wheel *wheel);

#endif
