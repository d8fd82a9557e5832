/* SPDX-License-Identifier: Apache-2.0 */
/* test_publish_rate.c: events a second and publisher; a batch may overdraw, and then waits. */
#include "node/node_private.h"
#include "unit.h"

static const uint8_t seed[16] = {8};
static struct publish_rate rate;
static int64_t wait_ms;

static bool take(const char *key, unsigned count, unsigned per_second, int64_t now_ms)
{
    return publish_rate_take(&rate, bytes_of(key), count, per_second, now_ms, &wait_ms);
}

TEST(a_publisher_has_a_second_worth_of_events_and_then_one_at_a_time)
{
    publish_rate_init(&rate, seed);
    for (int i = 0; i < 10; i++)
        CHECK(take("a", 1, 10, 5000));
    CHECK(!take("a", 1, 10, 5000));
    CHECK(wait_ms >= 100 && wait_ms <= 101);
    CHECK(!take("a", 1, 10, 5000 + 99));
    CHECK(take("a", 1, 10, 5000 + 100));
    CHECK(!take("a", 1, 10, 5000 + 150));
    CHECK(take("a", 1, 10, 5000 + 150 + wait_ms));
    publish_rate_done(&rate);
}

TEST(the_wait_that_is_told_is_enough)
{
    publish_rate_init(&rate, seed);
    for (unsigned per_second = 1; per_second < 3000; per_second = per_second * 3 + 1) {
        char key[16];
        int64_t now_ms = 1000;

        snprintf(key, sizeof key, "%u", per_second);
        CHECK(take(key, per_second + 3, per_second, now_ms));
        for (int i = 0; i < 5; i++) {
            if (take(key, 1, per_second, now_ms))
                continue;
            CHECK(wait_ms > 0);
            now_ms += wait_ms;
            CHECK(take(key, 1, per_second, now_ms));
        }
    }
    publish_rate_done(&rate);
}

TEST(a_batch_may_overdraw_and_is_paid_for_afterwards)
{
    publish_rate_init(&rate, seed);
    CHECK(take("a", 50, 10, 1000)); /* five seconds' worth, of which one was there */
    CHECK(!take("a", 1, 10, 1000));
    CHECK(wait_ms >= 4100 && wait_ms <= 4101);
    CHECK(!take("a", 1, 10, 5099));
    CHECK(take("a", 1, 10, 5101));
    publish_rate_done(&rate);
}

TEST(a_quiet_publisher_saves_no_more_than_a_second)
{
    publish_rate_init(&rate, seed);
    CHECK(take("a", 1, 10, 1000));
    for (int i = 0; i < 10; i++)
        CHECK(take("a", 1, 10, 900000));
    CHECK(!take("a", 1, 10, 900000));
    publish_rate_done(&rate);
}

TEST(publishers_do_not_share_their_allowance)
{
    publish_rate_init(&rate, seed);
    CHECK(take("a", 10, 10, 1000));
    CHECK(!take("a", 1, 10, 1000));
    CHECK(take("b", 1, 10, 1000));
    CHECK(take("", 1, 10, 1000)); /* the API key */
    publish_rate_done(&rate);
}

TEST(a_publish_rate_of_zero_is_no_limit_and_keeps_nothing)
{
    publish_rate_init(&rate, seed);
    for (int i = 0; i < 1000; i++)
        CHECK(take("a", 1000, 0, 1000));
    CHECK_EQ(rate.buckets.count, 0);
    publish_rate_done(&rate);
}

TEST(who_does_not_publish_any_more_is_forgotten)
{
    char key[16];

    publish_rate_init(&rate, seed);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "p%d", i);
        CHECK(take(key, 1, 10, 1000));
    }
    CHECK(take("busy", 100, 10, 1000));
    publish_rate_expire(&rate, 1050);
    CHECK_EQ(rate.buckets.count, 1001); /* nobody is paid up yet */
    for (int i = 0; i < 20; i++)
        publish_rate_expire(&rate, 3000);
    CHECK_EQ(rate.buckets.count, 1);
    CHECK(!take("busy", 1, 10, 3000)); /* a debt is not forgotten */
    publish_rate_done(&rate);
}
