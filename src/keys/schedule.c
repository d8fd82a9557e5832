/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.c: when a key set is fetched next: renewed, after a failure, or because it lacks a key. */
#include "keys/schedule.h"

#include <assert.h>

void schedule_begin(struct schedule *schedule, int64_t now_ms)
{
    schedule->began_ms = now_ms;
    schedule->begun = true;
    schedule->next_ms = INT64_MAX; /* until it is over */
}

void schedule_done(struct schedule *schedule, int64_t now_ms, int64_t max_age_ms, int64_t renew_ms)
{
    int64_t wait_ms = renew_ms;

    assert(renew_ms > 0);
    if (max_age_ms >= 0 && max_age_ms < SCHEDULE_AGE_MIN_MS)
        max_age_ms = SCHEDULE_AGE_MIN_MS;
    if (max_age_ms >= 0 && max_age_ms < wait_ms)
        wait_ms = max_age_ms;
    schedule->failures = 0;
    schedule->next_ms = now_ms + wait_ms;
}

void schedule_failed(struct schedule *schedule, int64_t now_ms, const struct random *random)
{
    int64_t ceiling_ms = SCHEDULE_BACKOFF_MAX_MS;
    uint64_t dice;

    if (schedule->failures < 6) /* 1, 2, 4, 8, 16, 32 s */
        ceiling_ms = (int64_t)SCHEDULE_BACKOFF_MIN_MS << schedule->failures;
    schedule->failures++;
    random->fill(random->owner, &dice, sizeof dice);
    /* Not at once, even when the dice say so: a failure may be quick. */
    schedule->next_ms =
        now_ms + SCHEDULE_BACKOFF_MIN_MS / 4 + (int64_t)(dice % (uint64_t)ceiling_ms);
}

void schedule_asked(struct schedule *schedule, int64_t now_ms)
{
    int64_t at_ms = schedule->begun ? schedule->began_ms + SCHEDULE_ASKED_MS : now_ms;

    if (at_ms < now_ms)
        at_ms = now_ms;
    if (at_ms < schedule->next_ms)
        schedule->next_ms = at_ms;
}
