/* SPDX-License-Identifier: Apache-2.0 */
/* latency.h: a histogram of how long events took from their publisher to their receivers. */
#ifndef NODE_LATENCY_H
#define NODE_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

/* Written by one thread, read by any. */
#define LATENCY_BOUNDS 16u /* 50 us .. 5 s; one more bucket for what took longer */
struct latency {
    atomic_ullong buckets[LATENCY_BOUNDS + 1]; /* each its own, not what is below it too */
    atomic_ullong sum_ns;
};

struct latency_sums {
    unsigned long long buckets[LATENCY_BOUNDS + 1], sum_ns;
};

/* `count` deliveries took this long, each. */
void latency_add(struct latency *latency, uint64_t ns, unsigned long long count);
void latency_sum(const struct latency *latency, struct latency_sums *ret); /* adds to *ret */
uint64_t latency_bound_ns(unsigned i); /* inclusive, as Prometheus' `le` is; i < LATENCY_BOUNDS */

#endif
