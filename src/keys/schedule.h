/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h: when a key set is fetched next: renewed, after a failure, or because it lacks a key. */
#ifndef KEYS_SCHEDULE_H
#define KEYS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

/* An answer may say that it is good for less than the setting, but not for less than this. */
#define SCHEDULE_AGE_MIN_MS 60000
/* Strangers can make tokens of unknown keys: no more fetches than this come of it. */
#define SCHEDULE_ASKED_MS 10000
#define SCHEDULE_BACKOFF_MIN_MS 1000
#define SCHEDULE_BACKOFF_MAX_MS 60000

/* Zeroed: at once. All times are of one monotonic clock. */
struct schedule {
    int64_t next_ms;
    int64_t began_ms; /* the last one; of use when `begun` */
    bool begun;
    unsigned failures; /* in a row */
};

void schedule_begin(struct schedule *schedule, int64_t now_ms);
/* max_age_ms: of the answer; negative: it says nothing. renew_ms: the longest time. */
void schedule_done(struct schedule *schedule, int64_t now_ms, int64_t max_age_ms, int64_t renew_ms);
/* Back-off that doubles, with full jitter, so that instances do not come all at once. */
void schedule_failed(struct schedule *schedule, int64_t now_ms, const struct random *random);
/* A key that it has not was asked for: soon, but not sooner than SCHEDULE_ASKED_MS after the last. */
void schedule_asked(struct schedule *schedule, int64_t now_ms);

#endif
