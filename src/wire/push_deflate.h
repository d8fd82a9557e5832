/* SPDX-License-Identifier: Apache-2.0 */
/* push_deflate.h: an event as one WebSocket frame that is deflated (RFC 7692), good for many. */
#ifndef WIRE_PUSH_DEFLATE_H
#define WIRE_PUSH_DEFLATE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "model/position.h"

/* The window of all our messages, as a base-two logarithm. Whoever agreed to at least this much
 * can read them, so that one frame is good for everybody. An event is mostly shorter than these
 * 4 KiB, and common clients offer just them. */
#define PUSH_DEFLATE_WINDOW_BITS 12u

/* Below this little is won: an event this short stays as it is, which needs no agreement
 * (RFC 7692 section 6: each message says what it is). */
#define PUSH_DEFLATE_SIZE_MIN 128u

/* One a hub; about 150 KiB from its first frame on. */
struct push_deflater;
MUST_CHECK int push_deflater_new(struct push_deflater **ret);
void push_deflater_free(struct push_deflater *deflater); /* NULL is fine */

/* Is this event long enough to be deflated? */
bool push_deflate_pays(struct bytes json);
/* The whole frame of the event with a position put in, borrowed until the next call; as it is
 * where deflate makes it no shorter. It refers to no earlier frame. MCP_AUTH_E_NOMEM. */
MUST_CHECK int push_deflate_event(struct push_deflater *deflater, struct bytes json,
                                  const char position[POSITION_SIZE], struct bytes *ret);

#endif
