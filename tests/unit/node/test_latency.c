/* SPDX-License-Identifier: Apache-2.0 */
/* test_latency.c: each delivery falls into one bucket, its bound included, and into the sum. */
#include "node/latency.h"

#include "unit.h"

TEST(the_bounds_grow_from_50_microseconds_to_5_seconds)
{
    CHECK_EQ(latency_bound_ns(0), 50000);
    CHECK_EQ(latency_bound_ns(LATENCY_BOUNDS - 1), UINT64_C(5000000000));
    for (unsigned i = 1; i < LATENCY_BOUNDS; i++)
        CHECK(latency_bound_ns(i) > latency_bound_ns(i - 1));
}

TEST(a_bound_belongs_to_its_bucket_and_one_more_to_the_next)
{
    for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
        struct latency latency = {0};
        struct latency_sums sums = {0};

        latency_add(&latency, latency_bound_ns(i), 1);
        latency_add(&latency, latency_bound_ns(i) + 1, 2);
        latency_sum(&latency, &sums);
        CHECK_EQ(sums.buckets[i], 1);
        CHECK_EQ(sums.buckets[i + 1], 2);
        CHECK_EQ(sums.sum_ns, 3 * latency_bound_ns(i) + 2);
    }
}

TEST(nothing_is_too_short_or_too_long_and_the_histograms_of_hubs_add_up)
{
    struct latency one = {0}, other = {0};
    struct latency_sums sums = {0};

    latency_add(&one, 0, 3);
    latency_add(&other, UINT64_C(3600000000000), 4);
    latency_sum(&one, &sums);
    latency_sum(&other, &sums);
    CHECK_EQ(sums.buckets[0], 3);
    CHECK_EQ(sums.buckets[LATENCY_BOUNDS], 4);
    CHECK_EQ(sums.sum_ns, UINT64_C(4) * 3600000000000);
}
