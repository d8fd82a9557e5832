/* SPDX-License-Identifier: Apache-2.0 */
/* test_histogram.c: percentiles are those of a sorted list, never below and 0.8 % above at most. */
#include "load/histogram.h"

#include <string.h>

#include "base/random.h"
#include "unit.h"

static struct histogram histogram;

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

TEST(an_empty_histogram_says_nothing)
{
    histogram_reset(&histogram);
    CHECK_EQ(histogram_at(&histogram, 0.5), 0);
    CHECK_EQ(histogram_at(&histogram, 1), 0);
    CHECK_EQ(histogram_up_to(&histogram, UINT64_MAX), 0);
    CHECK(histogram_mean_ns(&histogram) == 0);
}

TEST(short_durations_are_exact)
{
    histogram_reset(&histogram);
    for (uint64_t ns = 1; ns <= 100; ns++)
        histogram_add(&histogram, ns);
    CHECK_EQ(histogram_at(&histogram, 0), 1);
    CHECK_EQ(histogram_at(&histogram, 0.01), 1);
    CHECK_EQ(histogram_at(&histogram, 0.5), 50);
    CHECK_EQ(histogram_at(&histogram, 0.99), 99);
    CHECK_EQ(histogram_at(&histogram, 0.999), 100);
    CHECK_EQ(histogram_at(&histogram, 1), 100);
    CHECK_EQ(histogram_up_to(&histogram, 10), 10);
    CHECK(histogram_mean_ns(&histogram) == 50.5);
}

/* One value alone: at each edge of every doubling, where a bucket's number could be off by one. */
TEST(every_duration_reads_back_within_its_bucket)
{
    for (unsigned bit = 0; bit < HISTOGRAM_VALUE_BITS; bit++) {
        for (int64_t off = -2; off <= 2; off++) {
            uint64_t ns = (uint64_t)((int64_t)(UINT64_C(1) << bit) + off), read;

            if (bit < 2 && off < 0)
                continue;
            histogram_reset(&histogram);
            histogram_add(&histogram, ns);
            histogram_add(&histogram, UINT64_C(1) << HISTOGRAM_VALUE_BITS);
            read = histogram_at(&histogram, 0.5);
            CHECK(read >= ns);
            CHECK(read - ns <= ns / 128);
        }
    }
}

TEST(percentiles_are_those_of_the_sorted_list)
{
    static const double shares[] = {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    enum { COUNT = 20000 };
    static uint64_t list[COUNT];
    uint64_t seed = 7, sum = 0;
    struct random random = random_seeded(&seed);

    histogram_reset(&histogram);
    for (unsigned i = 0; i < COUNT; i++) {
        random.fill(random.owner, &list[i], sizeof list[i]);
        list[i] >>= 24 + list[i] % 39; /* from ns to minutes, each order of magnitude alike */
        sum += list[i];
        histogram_add(&histogram, list[i]);
    }
    qsort(list, COUNT, sizeof list[0], by_value);
    for (unsigned i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint64_t place = (uint64_t)(shares[i] * COUNT + 0.999999), exact = list[place - 1];
        uint64_t read = histogram_at(&histogram, shares[i]);

        CHECK(read >= exact);
        CHECK(read - exact <= exact / 128);
        CHECK(histogram_up_to(&histogram, read) >= place);
    }
    CHECK_EQ(histogram.min_ns, list[0]);
    CHECK_EQ(histogram.max_ns, list[COUNT - 1]);
    CHECK_EQ(histogram_at(&histogram, 1), list[COUNT - 1]);
    CHECK_EQ(histogram.sum_ns, sum);
    CHECK_EQ(histogram_up_to(&histogram, UINT64_MAX), COUNT);
}

TEST(what_is_longer_than_the_range_counts_and_is_the_exact_maximum)
{
    histogram_reset(&histogram);
    histogram_add(&histogram, 1000);
    histogram_add(&histogram, UINT64_MAX / 2);
    CHECK_EQ(histogram.count, 2);
    CHECK_EQ(histogram_at(&histogram, 1), UINT64_MAX / 2);
    CHECK(histogram_at(&histogram, 0.5) < 1009);
}
