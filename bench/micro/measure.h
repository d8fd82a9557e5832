/* SPDX-License-Identifier: Apache-2.0 */
/* measure.h: how long one call takes, the median of several rounds, as a line of text. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define ROUNDS 7 /* the median of seven: one disturbed round does not show */

static inline int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static inline void measure(const char *name, size_t size, unsigned count,
                           uint64_t (*run)(unsigned count))
{
    uint64_t rounds[ROUNDS];
    double each;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = clock_mono_ns();

        if (run(count) == 0)
            abort(); /* keeps the work from being optimised away */
        rounds[i] = clock_mono_ns() - start;
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], by_value);
    each = (double)rounds[ROUNDS / 2] / count;
    printf("%-28s %8.1f ns  %8.2f GB/s\n", name, each, (double)size / each);
}

#endif
