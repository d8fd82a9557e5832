/* SPDX-License-Identifier: Apache-2.0 */
/* timer_wheel.c: deadlines by hierarchical wheel; passive: told the time, returns what is due. */
#include "base/timer_wheel.h"

#include <assert.h>

#include "base/slab.h"

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

/* A node's number: 1 + its place among the heads, or TIMER_LISTS + 1 + its owner's in the slab. 0
 * is none. */
#define DUE (TIMER_LISTS - 1u)

static struct timer *node_at(struct timer_wheel *wheel, uint32_t number)
{
    char *owner;

    assert(number > 0);
    if (number <= TIMER_LISTS)
        return &wheel->heads[number - 1];
    owner = slab_at(wheel->owners, number - 1 - TIMER_LISTS);
    assert(owner);
    return (struct timer *)(void *)(owner + wheel->timer_at);
}

static uint32_t number_of(const struct timer_wheel *wheel, const struct timer *timer)
{
    uint32_t index = slab_index((const char *)timer - wheel->timer_at);

    assert(index < UINT32_MAX - TIMER_LISTS);
    return TIMER_LISTS + 1 + index;
}

static void head_init(struct timer_wheel *wheel, uint32_t list)
{
    wheel->heads[list] = (struct timer){list + 1, list + 1};
}

static bool is_empty(const struct timer_wheel *wheel, uint32_t list)
{
    return wheel->heads[list].next == list + 1;
}

static void append(struct timer_wheel *wheel, uint32_t list, struct timer *timer)
{
    struct timer *head = &wheel->heads[list];
    uint32_t number = number_of(wheel, timer);

    *timer = (struct timer){.next = list + 1, .previous = head->previous};
    node_at(wheel, timer->previous)->next = number;
    head->previous = number;
}

static void unlink_timer(struct timer_wheel *wheel, struct timer *timer)
{
    node_at(wheel, timer->previous)->next = timer->next;
    node_at(wheel, timer->next)->previous = timer->previous;
    *timer = (struct timer){0};
}

/* The first of a list, not in it any more. */
static struct timer *shift(struct timer_wheel *wheel, uint32_t list)
{
    struct timer *timer = node_at(wheel, wheel->heads[list].next);

    unlink_timer(wheel, timer);
    return timer;
}

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms, const struct slab *owners,
                      size_t timer_at, int64_t (*deadline_ms)(struct timer *timer))
{
    assert(now_ms >= 0 && deadline_ms);
    *wheel = (struct timer_wheel){
        .now_ms = now_ms,
        .owners = owners,
        .timer_at = timer_at,
        .deadline_ms = deadline_ms,
    };
    for (uint32_t list = 0; list < TIMER_LISTS; list++)
        head_init(wheel, list);
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
    append(wheel, level * TIMER_SLOTS + slot, timer);
    wheel->occupied[level] |= (uint64_t)1 << slot;
}

void timer_set(struct timer_wheel *wheel, struct timer *timer, int64_t deadline_ms)
{
    timer_cancel(wheel, timer);
    wheel_place(wheel, timer, deadline_ms);
}

void timer_cancel(struct timer_wheel *wheel, struct timer *timer)
{
    uint32_t head = timer->next - 1;
    bool was_last = timer->next == timer->previous; /* the only neighbour is the head */

    if (!timer_is_set(timer))
        return;
    unlink_timer(wheel, timer);
    if (was_last && head != DUE) {
        assert(is_empty(wheel, head));
        wheel->occupied[head / TIMER_SLOTS] &= ~((uint64_t)1 << head % TIMER_SLOTS);
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

/* All of a list is due, after what was before. */
static void all_due(struct timer_wheel *wheel, uint32_t list)
{
    struct timer *head = &wheel->heads[list], *due = &wheel->heads[DUE];

    if (is_empty(wheel, list))
        return;
    node_at(wheel, head->next)->previous = due->previous;
    node_at(wheel, due->previous)->next = head->next;
    node_at(wheel, head->previous)->next = DUE + 1;
    due->previous = head->previous;
    head_init(wheel, list);
}

void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms)
{
    unsigned level = 0, slot = 0;

    assert(now_ms >= wheel->now_ms && now_ms < INT64_MAX);
    for (;;) {
        int64_t first = wheel_first(wheel, &level, &slot);
        uint32_t list = level * TIMER_SLOTS + slot;

        if (first > now_ms)
            break;
        wheel->now_ms = first;
        wheel->occupied[level] &= ~((uint64_t)1 << slot);
        if (level == 0)
            all_due(wheel, list);
        /* Its time has come into the reach of the finer levels, or goes round the top once more.
         * None comes back into this slot: at its own level it is now's own. */
        while (!is_empty(wheel, list)) {
            struct timer *timer = shift(wheel, list);

            wheel_place(wheel, timer, wheel->deadline_ms(timer));
        }
    }
    wheel->now_ms = now_ms;
}

struct timer *timer_wheel_take(struct timer_wheel *wheel)
{
    return is_empty(wheel, DUE) ? NULL : shift(wheel, DUE);
}

int64_t timer_wheel_next(const struct timer_wheel *wheel)
{
    unsigned level = 0, slot = 0;

    return wheel_first(wheel, &level, &slot);
}
