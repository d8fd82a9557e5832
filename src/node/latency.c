/* SPDX-License-Identifier: Apache-2.0 */
/* latency.c: a histogram of how long events took from their publisher to their receivers. */
#include "node/latency.h"

#include <assert.h>

#include "base/compiler.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

static const uint64_t bounds_ns[] = {
    50 * US, 100 * US, 250 * US, 500 * US, 1 * MS,   2500 * US, 5 * MS,    10 * MS,
    25 * MS, 50 * MS,  100 * MS, 250 * MS, 500 * MS, 1000 * MS, 2500 * MS, 5000 * MS,
};
_Static_assert(ARRAY_COUNT(bounds_ns) == LATENCY_BOUNDS, "every bound has its bucket");

static void add(atomic_ullong *counter, unsigned long long more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

void latency_add(struct latency *latency, uint64_t ns, unsigned long long count)
{
    unsigned i = 0;

    while (i < LATENCY_BOUNDS && ns > bounds_ns[i])
        i++;
    add(&latency->buckets[i], count);
    add(&latency->sum_ns, ns * count);
}

void latency_sum(const struct latency *latency, struct latency_sums *ret)
{
    for (unsigned i = 0; i <= LATENCY_BOUNDS; i++)
        ret->buckets[i] += atomic_load_explicit(&latency->buckets[i], memory_order_relaxed);
    ret->sum_ns += atomic_load_explicit(&latency->sum_ns, memory_order_relaxed);
}

uint64_t latency_bound_ns(unsigned i)
{
    assert(i < LATENCY_BOUNDS);
    return bounds_ns[i];
}
