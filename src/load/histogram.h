/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h: counts durations so that any percentile is known to within 0.8 %. */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

/* Log-linear, as HdrHistogram does it: durations below 256 ns have a bucket each; above, every
 * doubling has 128 buckets of equal width. A bucket is then at most 1/128 of its lowest value wide,
 * so what is read back is never below the truth and at most 0.8 % above it; count, sum, least and
 * greatest are exact. 42 bits of nanoseconds are 73 minutes: 4,736 buckets of 8 bytes, 37 KiB;
 * whatever is longer stands in the last one. */
#define HISTOGRAM_LINEAR 256u
#define HISTOGRAM_HALF (HISTOGRAM_LINEAR / 2)
#define HISTOGRAM_VALUE_BITS 42u
#define HISTOGRAM_BUCKETS (HISTOGRAM_LINEAR + (HISTOGRAM_VALUE_BITS - 8) * HISTOGRAM_HALF)

struct histogram {
    uint64_t count, sum_ns, min_ns, max_ns; /* min and max mean nothing while count is 0 */
    uint64_t buckets[HISTOGRAM_BUCKETS];    /* their sum is count */
};

void histogram_reset(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t ns);
/* The least duration that at least `share` (0..1) of all do not exceed, as told above; 0 when there
 * are none. */
uint64_t histogram_at(const struct histogram *histogram, double share);
double histogram_mean_ns(const struct histogram *histogram); /* 0 when there are none */
/* How many are at most `ns`, for pictures: a bucket counts as a whole, by its greatest value. */
uint64_t histogram_up_to(const struct histogram *histogram, uint64_t ns);
/* The greatest value that falls into a bucket. */
uint64_t histogram_top(unsigned bucket);

#endif
