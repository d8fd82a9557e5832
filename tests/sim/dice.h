/* SPDX-License-Identifier: Apache-2.0 */
/* dice.h: the one source of chance of a run, so that its seed tells everything. */
#ifndef SIM_DICE_H
#define SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* xorshift64*, of which the upper bits are good. The state is never 0. */
static inline uint64_t dice_roll(struct dice *dice)
{
    uint64_t x = dice->state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    dice->state = x;
    return (x * 0x2545f4914f6cdd1dull) >> 11;
}

static inline unsigned dice_below(struct dice *dice, unsigned count)
{
    return (unsigned)(dice_roll(dice) % count);
}

static inline bool dice_chance(struct dice *dice, unsigned percent)
{
    return dice_below(dice, 100) < percent;
}

static inline int64_t dice_between(struct dice *dice, int64_t from, int64_t to)
{
    return from + (int64_t)(dice_roll(dice) % (uint64_t)(to - from + 1));
}

#endif
