/* SPDX-License-Identifier: Apache-2.0 */
/* test_schedule.c: key sets are renewed in time, tried again with patience, and asked within reason. */
#include "keys/schedule.h"

#include "base/compiler.h"
#include "unit.h"

#define RENEW_MS 600000

TEST(the_first_fetch_is_at_once_and_none_begins_while_one_runs)
{
    struct schedule schedule = {0};

    CHECK(schedule.next_ms <= 5);
    schedule_begin(&schedule, 5);
    CHECK(schedule.next_ms == INT64_MAX);
}

TEST(an_answer_is_renewed_by_its_age_or_the_setting_whichever_is_sooner)
{
    static const struct {
        int64_t max_age_ms, wait_ms;
    } rows[] = {{-1, RENEW_MS},       {0, SCHEDULE_AGE_MIN_MS}, {1000, SCHEDULE_AGE_MIN_MS},
                {120000, 120000},     {RENEW_MS, RENEW_MS},     {86400000, RENEW_MS},
                {INT64_MAX, RENEW_MS}};
    struct schedule schedule;

    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        schedule = (struct schedule){.failures = 3};
        schedule_begin(&schedule, 100);
        schedule_done(&schedule, 1000, rows[i].max_age_ms, RENEW_MS);
        CHECK(schedule.next_ms == 1000 + rows[i].wait_ms);
        CHECK_EQ(schedule.failures, 0);
    }
    schedule_done(&schedule, 0, 0, 1000); /* the setting may be shorter than any age */
    CHECK(schedule.next_ms == 1000);
}

TEST(failures_wait_longer_and_longer_at_random_and_never_not_at_all)
{
    uint64_t seed = 1;
    struct random random = random_seeded(&seed);
    int64_t longest_ms = 0;

    for (unsigned round = 0; round < 500; round++) {
        struct schedule schedule = {0};
        int64_t ceiling_ms = SCHEDULE_BACKOFF_MIN_MS;

        for (unsigned i = 0; i < 10; i++) {
            schedule_begin(&schedule, 0);
            schedule_failed(&schedule, 0, &random);
            CHECK(schedule.next_ms >= SCHEDULE_BACKOFF_MIN_MS / 4);
            CHECK(schedule.next_ms < ceiling_ms + SCHEDULE_BACKOFF_MIN_MS / 4);
            longest_ms = schedule.next_ms > longest_ms ? schedule.next_ms : longest_ms;
            ceiling_ms =
                2 * ceiling_ms < SCHEDULE_BACKOFF_MAX_MS ? 2 * ceiling_ms : SCHEDULE_BACKOFF_MAX_MS;
        }
    }
    CHECK(longest_ms > SCHEDULE_BACKOFF_MAX_MS / 2);
}

TEST(an_unknown_key_brings_a_fetch_forward_but_not_close_to_the_last)
{
    struct schedule schedule = {0};

    schedule_begin(&schedule, 1000);
    schedule_done(&schedule, 1500, -1, RENEW_MS);
    schedule_asked(&schedule, 2000);
    CHECK(schedule.next_ms == 1000 + SCHEDULE_ASKED_MS);
    schedule_asked(&schedule, 3000); /* again: no sooner, no later */
    CHECK(schedule.next_ms == 1000 + SCHEDULE_ASKED_MS);
    schedule_done(&schedule, 1500, -1, RENEW_MS);
    schedule_asked(&schedule, 400000);
    CHECK(schedule.next_ms == 400000);
    schedule.next_ms = 5; /* it is due already */
    schedule_asked(&schedule, 400000);
    CHECK(schedule.next_ms == 5);
}
