/* SPDX-License-Identifier: Apache-2.0 */
/* redis_link.h: one connection to Redis, from the look-up of its name to its end. */
#ifndef BROKER_REDIS_LINK_H
#define BROKER_REDIS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "broker/redis_url.h"
#include "codec/redis.h"
#include "io/loop.h"

struct tls_context;
struct redis_link;

/* Called from the loop and from redis_link_advance, never from inside another call. */
struct redis_link_port {
    void (*on_up)(void *owner); /* signed in; commands may be sent */
    /* Once; `why` is for the operator, printable and short. What was under way gets no answer any
     * more, and only redis_link_close may be called. */
    void (*on_down)(void *owner, struct bytes why);
    void *owner;
};

/* A reply, an error reply too, borrowed for the call. */
typedef void redis_answer_fn(void *owner, uint64_t tag, const struct redis_reply *reply);
/* "message" and what else comes unasked, borrowed for the call. */
typedef void redis_push_fn(void *owner, const struct redis_reply *push);

/* Begins with the first advance, so that nothing is called from in here: look-up in a helper thread, connect, TLS if the URL says so (`tls`, which must outlive the
 * link; else it may be NULL), AUTH, SELECT, CLIENT SETNAME mcp-auth, PING. Nothing of it waits. The URL
 * is copied. No back-off in here: a link has one life. MCP_AUTH_E_NOMEM. */
MUST_CHECK int redis_link_open(struct redis_link **ret, struct loop *loop,
                               const struct redis_url *url, struct tls_context *tls,
                               const struct redis_link_port *port, struct now now);

/* From on_up on, also in callbacks. The command is copied and sent at once, or behind what waits; the
 * answer comes to `answer` with the port's owner (NULL: nobody wants it), in order. One that has not
 * come after answer_within_ms ends the link. MCP_AUTH_E_FULL: beyond REDIS_OUT_BYTES_MAX, or more than
 * REDIS_PENDING_MAX commands under way; MCP_AUTH_E_NOMEM; MCP_AUTH_E_IO: the link is down, or about to
 * say so. Nothing was sent then. */
MUST_CHECK int redis_link_send(struct redis_link *link, const struct bytes *args, unsigned count,
                               int64_t answer_within_ms, redis_answer_fn *answer, uint64_t tag);

/* For a link that subscribes: from on_up on, before SUBSCRIBE is sent. Its answer, and those to pings,
 * come as to any command; "message" and the like go to `push`. One channel a SUBSCRIBE. */
void redis_link_subscribe_mode(struct redis_link *link, redis_push_fn *push);

/* Judges deadlines, and pings when the link has been idle. Returns when to come again (mono_ms) at the
 * latest; INT64_MAX after on_down. To be called before each wait of the loop. */
int64_t redis_link_advance(struct redis_link *link, struct now now);

bool redis_link_is_up(const struct redis_link *link);
unsigned redis_link_pending(const struct redis_link *link); /* commands without an answer yet */
size_t redis_link_bytes(const struct redis_link *link);     /* of memory, what it sends and reads */

/* Any time, also in a callback; nothing is called any more. NULL is fine. */
void redis_link_close(struct redis_link *link);

#endif
