/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h: what one peer still has to receive: runs of the frame log, oldest first. */
#ifndef HUB_OUTBOX_H
#define HUB_OUTBOX_H

#include "hub/frame_log.h"

/* A ring of `room` runs; 0 < count <= room, a power of two. The first is from the hub's slab: a
 * crowd whose events differ needs one each for a turn, again and again. */
#define OUTBOX_MORE_FIRST 32u
struct outbox_more {
    uint32_t first, count, room;
    size_t bytes; /* sum of the runs */
    struct run runs[];
};

/* Neighbouring runs of a segment are one. The first run lies in the outbox itself, so that an
 * event for a client that keeps up needs no memory. */
struct outbox {
    struct run first;         /* segment == NULL: empty */
    struct outbox_more *more; /* the runs after it, or NULL */
    uint32_t sent;            /* of the first run's bytes; first.from stays at a frame's start */
    uint32_t behind_since;    /* its session's: the place would be empty; 0: not behind */
};

void frame_pool_init(struct frame_pool *pool);
void frame_pool_done(struct frame_pool *pool); /* nothing may be left in it (assert) */

/* Takes its own reference. MCP_AUTH_E_NOMEM or _FULL (too many runs): nothing was added. */
MUST_CHECK int outbox_push(struct outbox *outbox, const struct run *run);
/* Contiguous bytes to send next; gathers several runs into scratch when the first is short. */
struct bytes outbox_peek(const struct outbox *outbox, char *scratch, size_t scratch_size);
void outbox_sent(struct outbox *outbox, size_t size);
/* Drops every frame of which no byte has been sent. */
void outbox_cut(struct outbox *outbox);
void outbox_done(struct outbox *outbox); /* drops all */

/* Not yet sent. */
static inline size_t outbox_bytes(const struct outbox *outbox)
{
    return outbox->first.to - outbox->first.from - outbox->sent +
           (outbox->more ? outbox->more->bytes : 0);
}

static inline bool outbox_empty(const struct outbox *outbox)
{
    return outbox->first.segment == NULL;
}

#endif
