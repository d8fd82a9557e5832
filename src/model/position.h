/* SPDX-License-Identifier: Apache-2.0 */
/* position.h: a place in the stream of events that a client can come back to. */
#ifndef MODEL_POSITION_H
#define MODEL_POSITION_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* n counts the events of the stream from 1, without holes; 0 is before the first. check is taken
 * from the event there (0 at n = 0), so that a place of a lost history is recognised. Epoch 0 is of
 * an instance that has not met its stream: n is 0, and check is this instance's alone. */
struct position {
    uint64_t epoch, n, check;
};

#define POSITION_SIZE 32 /* 24 bytes, big-endian, as base64url */

/* A hash of the event at n, equal on every instance. `stored_by` tells one storing of it from another:
 * what a stream has lost may be published once more, under the same id and the same number, while
 * what stood before it has become something else. */
uint64_t position_check(uint64_t epoch, uint64_t n, struct bytes tenant, struct bytes event_id,
                        struct bytes stored_by);
void position_write(const struct position *position, char ret[POSITION_SIZE]);
MUST_CHECK int position_read(struct bytes text, struct position *ret); /* MCP_AUTH_E_INVALID */

#endif
