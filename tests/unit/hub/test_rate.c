/* SPDX-License-Identifier: Apache-2.0 */
/* test_rate.c: so many messages within a window that begins with the first of them. */
#include "hub/rate.h"
#include "unit.h"

TEST(one_message_more_than_the_rate_is_refused_with_the_rest_of_the_window)
{
    struct rate rate = {0};
    int64_t wait_ms = -7;

    CHECK(rate_take(&rate, 3, 1000, 5000, &wait_ms));
    CHECK(rate_take(&rate, 3, 1000, 5100, &wait_ms));
    CHECK(rate_take(&rate, 3, 1000, 5200, &wait_ms));
    CHECK_EQ(wait_ms, -7);
    CHECK(!rate_take(&rate, 3, 1000, 5300, &wait_ms));
    CHECK_EQ(wait_ms, 700);
    CHECK(!rate_take(&rate, 3, 1000, 5999, &wait_ms));
    CHECK_EQ(wait_ms, 1);
}

TEST(a_window_begins_with_its_first_message_and_not_by_the_clock)
{
    struct rate rate = {0};
    int64_t wait_ms;

    CHECK(rate_take(&rate, 1, 1000, 1999, &wait_ms));
    CHECK(!rate_take(&rate, 1, 1000, 2001, &wait_ms));
    CHECK(rate_take(&rate, 1, 1000, 2999, &wait_ms)); /* the window of 1999 is over */
    CHECK(!rate_take(&rate, 1, 1000, 3998, &wait_ms));
    CHECK(rate_take(&rate, 1, 1000, 9999, &wait_ms));
    CHECK(!rate_take(&rate, 1, 1000, 10001, &wait_ms));
}

TEST(a_rate_of_zero_is_no_limit)
{
    struct rate rate = {0};
    int64_t wait_ms;

    for (int i = 0; i < 1000; i++)
        CHECK(rate_take(&rate, 0, 1000, 5, &wait_ms));
}
