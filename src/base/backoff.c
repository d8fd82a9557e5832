/* SPDX-License-Identifier: Apache-2.0 */
/* backoff.c: how long to stay away from a peer that failed. */
#include "base/backoff.h"

#include <assert.h>

int64_t backoff_next(struct backoff *backoff, const struct random *random, int64_t retry_after_ms)
{
    int64_t ceiling_ms = backoff->first_ms;
    uint64_t word;

    assert(backoff->first_ms > 0 && backoff->first_ms <= backoff->max_ms);
    for (unsigned i = 0; i < backoff->attempts && ceiling_ms < backoff->max_ms; i++)
        ceiling_ms = ceiling_ms > backoff->max_ms / 2 ? backoff->max_ms : ceiling_ms * 2;
    if (backoff->attempts < 64) /* far beyond the last doubling */
        backoff->attempts++;
    random->fill(random->owner, &word, sizeof word);
    /* The bias of the remainder is below 2^-32 for ceilings of days. */
    return (retry_after_ms > 0 ? retry_after_ms : 0) + (int64_t)(word % ((uint64_t)ceiling_ms + 1));
}

void backoff_reset(struct backoff *backoff)
{
    backoff->attempts = 0;
}
