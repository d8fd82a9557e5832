/* SPDX-License-Identifier: Apache-2.0 */
/* backoff.h: what a close code asks of a client, and how long it stays away. */
#ifndef CLIENT_BACKOFF_H
#define CLIENT_BACKOFF_H

#include <stdint.h>

#include "base/random.h"

/* The ranges of protocol/close_codes.json. */
enum close_action { CLOSE_STOP, CLOSE_RENEW, CLOSE_RETRY, CLOSE_RESYNC };

/* 1005 and 1006 too: the connection ended without a code. */
enum close_action close_action_of(unsigned code);

struct backoff {
    int64_t first_ms, max_ms; /* 0 < first_ms <= max_ms */
    unsigned attempts;        /* in a row, without a connection that held */
};

/* Full jitter: anything from nothing to a ceiling that doubles, so that clients which fell together
 * do not come back together; and on top of the server's own wait (< 0: none), never before it. */
int64_t backoff_next(struct backoff *backoff, const struct random *random, int64_t retry_after_ms);
void backoff_reset(struct backoff *backoff);

#endif
