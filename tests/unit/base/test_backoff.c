/* SPDX-License-Identifier: Apache-2.0 */
/* test_backoff.c: who failed stays away at random below a growing ceiling. */
#include "base/backoff.h"
#include "unit.h"

TEST(the_ceiling_doubles_up_to_its_own_and_falls_back_after_a_connection_that_held)
{
    uint64_t seed = 7;
    struct random random = random_seeded(&seed);
    int64_t ceilings[] = {100, 200, 400, 800, 1000, 1000};
    int64_t largest[6] = {0}, smallest[6] = {1000, 1000, 1000, 1000, 1000, 1000};

    for (int round = 0; round < 2000; round++) {
        struct backoff backoff = {.first_ms = 100, .max_ms = 1000};

        for (int i = 0; i < 6; i++) {
            int64_t ms = backoff_next(&backoff, &random, -1);

            CHECK(ms >= 0 && ms <= ceilings[i]);
            if (ms > largest[i])
                largest[i] = ms;
            if (ms < smallest[i])
                smallest[i] = ms;
        }
        backoff_reset(&backoff);
        CHECK(backoff_next(&backoff, &random, -1) <= 100);
    }
    for (int i = 0; i < 6; i++) { /* full jitter: the whole range is used */
        CHECK(largest[i] > ceilings[i] * 95 / 100);
        CHECK(smallest[i] < ceilings[i] * 5 / 100);
    }
}

TEST(a_client_never_comes_back_before_the_servers_own_time)
{
    uint64_t seed = 8;
    struct random random = random_seeded(&seed);
    struct backoff backoff = {.first_ms = 100, .max_ms = 100};

    for (int i = 0; i < 1000; i++) {
        int64_t ms = backoff_next(&backoff, &random, 5000);

        CHECK(ms >= 5000 && ms <= 5100);
    }
}

TEST(the_ceiling_of_very_long_waits_does_not_overflow)
{
    uint64_t seed = 9;
    struct random random = random_seeded(&seed);
    struct backoff backoff = {.first_ms = 3, .max_ms = INT32_MAX};

    for (int i = 0; i < 500; i++) {
        int64_t ms = backoff_next(&backoff, &random, 0);

        CHECK(ms >= 0 && ms <= INT32_MAX);
    }
}
