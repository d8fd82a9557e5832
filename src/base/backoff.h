/* SPDX-License-Identifier: Apache-2.0 */
/* backoff.h: how long to stay away from a peer that failed. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

#include "base/random.h"

struct backoff {
    int64_t first_ms, max_ms; /* 0 < first_ms <= max_ms */
    unsigned attempts;        /* in a row, without a connection that held */
};

/* Full jitter: anything from nothing to a ceiling that doubles, so that clients which fell together
 * do not come back together; and on top of the server's own wait (< 0: none), never before it. */
int64_t backoff_next(struct backoff *backoff, const struct random *random, int64_t retry_after_ms);
void backoff_reset(struct backoff *backoff);

#endif
