/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.c: counts durations so that any percentile is known to within 0.8 %. */
#include "load/histogram.h"

#include <assert.h>
#include <string.h>

static unsigned bucket_of(uint64_t ns)
{
    unsigned shift;

    if (ns < HISTOGRAM_LINEAR)
        return (unsigned)ns;
    if (ns >> HISTOGRAM_VALUE_BITS)
        return HISTOGRAM_BUCKETS - 1;
    shift = 63u - (unsigned)__builtin_clzll(ns) - 7u; /* ns >> shift is 128..255 */
    return HISTOGRAM_LINEAR + (shift - 1) * HISTOGRAM_HALF +
           ((unsigned)(ns >> shift) - HISTOGRAM_HALF);
}

uint64_t histogram_top(unsigned bucket)
{
    unsigned shift;

    if (bucket < HISTOGRAM_LINEAR)
        return bucket;
    bucket -= HISTOGRAM_LINEAR;
    shift = bucket / HISTOGRAM_HALF + 1;
    return ((uint64_t)(bucket % HISTOGRAM_HALF + HISTOGRAM_HALF + 1) << shift) - 1;
}

void histogram_reset(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    if (histogram->count == 0 || ns < histogram->min_ns)
        histogram->min_ns = ns;
    if (histogram->count == 0 || ns > histogram->max_ns)
        histogram->max_ns = ns;
    histogram->count++;
    histogram->sum_ns += ns;
    histogram->buckets[bucket_of(ns)]++;
}

uint64_t histogram_at(const struct histogram *histogram, double share)
{
    uint64_t wanted, seen = 0, top = 0;
    double exact = share * (double)histogram->count;

    assert(share >= 0 && share <= 1);
    wanted = (uint64_t)exact;
    if ((double)wanted < exact)
        wanted++;
    if (wanted == 0)
        wanted = 1;
    if (wanted > histogram->count)
        wanted = histogram->count;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS && seen < wanted; i++) {
        seen += histogram->buckets[i];
        top = histogram_top(i);
    }
    /* The last bucket has no top of its own: it takes whatever is longer. */
    return top > histogram->max_ns || seen == histogram->count ? histogram->max_ns : top;
}

double histogram_mean_ns(const struct histogram *histogram)
{
    return histogram->count ? (double)histogram->sum_ns / (double)histogram->count : 0;
}

uint64_t histogram_up_to(const struct histogram *histogram, uint64_t ns)
{
    uint64_t seen = 0;

    if (histogram->count && ns >= histogram->max_ns)
        return histogram->count;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS && histogram_top(i) <= ns; i++)
        seen += histogram->buckets[i];
    return seen;
}
