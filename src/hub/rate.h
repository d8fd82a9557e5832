/* SPDX-License-Identifier: Apache-2.0 */
/* rate.h: messages per window; a window begins with its first message. */
#ifndef HUB_RATE_H
#define HUB_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    int64_t began_ms;
    unsigned count; /* 0: no window has begun */
};

/* Nothing of the past counts any more. */
static inline bool rate_is_over(const struct rate *rate, int64_t window_ms, int64_t now_ms)
{
    return rate->count == 0 || now_ms - rate->began_ms >= window_ms;
}

/* Counts one message. False when it is one too many; *ret_wait_ms is then the rest of the window.
 * max 0: no limit. */
static inline bool rate_take(struct rate *rate, unsigned max, int64_t window_ms, int64_t now_ms,
                             int64_t *ret_wait_ms)
{
    if (max == 0)
        return true;
    if (rate_is_over(rate, window_ms, now_ms)) {
        rate->began_ms = now_ms;
        rate->count = 0;
    }
    if (rate->count >= max) {
        *ret_wait_ms = rate->began_ms + window_ms - now_ms;
        return false;
    }
    rate->count++;
    return true;
}

#endif
