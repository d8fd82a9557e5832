/* SPDX-License-Identifier: Apache-2.0 */
/* timer_wheel.c: deadlines by hierarchical wheel; passive: told the time, returns what is due. */
#include "base/timer_wheel.h"

#include <assert.h>

/* Level n has 64 slots of 64^n ms. A timer lies at the level of the highest bit in which its
 * deadline differs from now, in the slot of the deadline's six bits there. Hence
 *   - the place follows from (now, deadline) alone, so equal deadlines stay in order;
 *   - all of level n is due before all of level n + 1, so the earliest is in the first slot
 *     of the lowest level that has any;
 *   - a slot at level n >= 1 lies strictly after now's own.
 * The top level is a ring: what is more than 63 of its slots (2.1 years) away waits in the
 * farthest one and is placed again from there. */
#define LEVEL_BITS 6
#define LEVEL_TOP (TIMER_LEVELS - 1)
#define TOP_SHIFT (LEVEL_BITS * LEVEL_TOP)

_Static_assert(TIMER_SLOTS == 1 << LEVEL_BITS, "a level's slots are its bits");
_Static_assert(TIMER_SLOTS == 64, "a level's occupied slots fit one uint64_t");
_Static_assert(LEVEL_BITS *TIMER_LEVELS < 63, "the wheel's span fits the clock");

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms,
                      int64_t (*deadline_ms)(struct timer *timer))
{
    assert(now_ms >= 0 && deadline_ms);
    wheel->now_ms = now_ms;
    wheel->deadline_ms = deadline_ms;
    for (int level = 0; level < TIMER_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (int slot = 0; slot < TIMER_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

void timer_init(struct timer *timer)
{
    list_init(&timer->link);
}

static void wheel_place(struct timer_wheel *wheel, struct timer *timer, int64_t deadline_ms)
{
    uint64_t now = (uint64_t)wheel->now_ms;
    uint64_t due = deadline_ms > wheel->now_ms ? (uint64_t)deadline_ms : now;
    uint64_t differ = due ^ now;
    unsigned level = differ ? (63u - (unsigned)__builtin_clzll(differ)) / LEVEL_BITS : 0;
    unsigned slot;

    if (level >= LEVEL_TOP) {
        uint64_t first = now >> TOP_SHIFT, at = due >> TOP_SHIFT;

        level = LEVEL_TOP;
        if (at - first > TIMER_SLOTS - 1)
            at = first + TIMER_SLOTS - 1;
        slot = at % TIMER_SLOTS;
    } else {
        slot = (due >> (LEVEL_BITS * level)) % TIMER_SLOTS;
    }
    list_append(&wheel->slots[level][slot], &timer->link);
    wheel->occupied[level] |= (uint64_t)1 << slot;
}

void timer_set(struct timer_wheel *wheel, struct timer *timer, int64_t deadline_ms)
{
    timer_cancel(wheel, timer);
    wheel_place(wheel, timer, deadline_ms);
}

void timer_cancel(struct timer_wheel *wheel, struct timer *timer)
{
    struct list *head = timer->link.next;
    bool was_last = head == timer->link.prev;
    uintptr_t first = (uintptr_t)&wheel->slots[0][0];

    list_unlink(&timer->link);

    /* The only neighbour of a list's last node is its head. If that head is one of the
     * wheel's slots, and not somebody's `due`, the slot is empty now. The comparison as
     * numbers keeps `struct timer` free of a field that says where it lies. */
    if (was_last && (uintptr_t)head >= first && (uintptr_t)head - first < sizeof wheel->slots) {
        size_t index = ((uintptr_t)head - first) / sizeof *head;

        assert(list_empty(head));
        wheel->occupied[index / TIMER_SLOTS] &= ~((uint64_t)1 << index % TIMER_SLOTS);
    }
}

/* When the first occupied slot begins, not before now; INT64_MAX when there is none. */
static int64_t wheel_first(const struct timer_wheel *wheel, unsigned *ret_level, unsigned *ret_slot)
{
    uint64_t now = (uint64_t)wheel->now_ms;

    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        unsigned shift = LEVEL_BITS * level;
        uint64_t unit = now >> shift, bits = wheel->occupied[level];
        unsigned own = unit % TIMER_SLOTS, ahead;

        if (!bits)
            continue;
        /* Seen from now's own slot: only the top level goes round, and only level 0 may
         * hold something (what is overdue) in now's own slot. */
        bits = own ? bits >> own | bits << (TIMER_SLOTS - own) : bits;
        ahead = (unsigned)__builtin_ctzll(bits);
        assert(level == 0 || ahead > 0);
        assert(level == LEVEL_TOP || own + ahead < TIMER_SLOTS);
        *ret_level = level;
        *ret_slot = (own + ahead) % TIMER_SLOTS;
        unit += ahead;
        return unit > (uint64_t)INT64_MAX >> shift ? INT64_MAX : (int64_t)(unit << shift);
    }
    return INT64_MAX;
}

void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms, struct list *due)
{
    unsigned level = 0, slot = 0;

    assert(now_ms >= wheel->now_ms && now_ms < INT64_MAX);
    for (;;) {
        int64_t first = wheel_first(wheel, &level, &slot);
        struct list taken;

        if (first > now_ms)
            break;
        wheel->now_ms = first;
        wheel->occupied[level] &= ~((uint64_t)1 << slot);
        if (level == 0) {
            list_splice(due, &wheel->slots[level][slot]);
            continue;
        }
        /* Its time has come into the reach of the finer levels. */
        list_init(&taken);
        list_splice(&taken, &wheel->slots[level][slot]);
        while (!list_empty(&taken)) {
            struct timer *timer = container_of(taken.next, struct timer, link);

            list_unlink(&timer->link);
            wheel_place(wheel, timer, wheel->deadline_ms(timer));
        }
    }
    wheel->now_ms = now_ms;
}

int64_t timer_wheel_next(const struct timer_wheel *wheel)
{
    unsigned level = 0, slot = 0;

    return wheel_first(wheel, &level, &slot);
}
