/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.h: who receives what in a scenario, computed alike by the servers and the client. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stdint.h>

/* Bit e: whether the receiver with this number gets event e of 64. About half of them are set,
 * and no two receivers have the same mix (splitmix64 is a permutation of 64-bit numbers). */
static inline uint64_t pattern_mix(uint64_t number)
{
    uint64_t x = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The receiver of the next targeted event. The step is a prime larger than any count of
 * receivers, so that each is visited once before any is visited twice, and not in the order in
 * which they came. */
static inline uint32_t pattern_next(uint32_t number, uint32_t count)
{
    return (uint32_t)((number + UINT64_C(1000003)) % count);
}

#endif
