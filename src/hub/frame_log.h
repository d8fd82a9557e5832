/* SPDX-License-Identifier: Apache-2.0 */
/* frame_log.h: frames back to back in counted segments, so that what waits leaves in one send. */
#ifndef HUB_FRAME_LOG_H
#define HUB_FRAME_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/slab.h"

/* What the logs and outboxes of one hub share. */
struct frame_pool {
    size_t bytes;      /* of all live segments */
    struct slab mores; /* struct outbox_more of the first size */
};

/* 0 <= used <= size. The log that fills it holds one reference, each run another. */
struct segment {
    struct frame_pool *pool;
    uint32_t refs, size, used;
    char data[];
};

/* A piece of a segment: data[from..to). Whole frames. */
struct run {
    struct segment *segment;
    uint32_t from, to;
};

/* One log per view: receivers of one view share the same bytes. */
struct frame_log {
    struct frame_pool *pool;
    struct segment *open; /* NULL until the first frame */
};

void frame_log_init(struct frame_log *log, struct frame_pool *pool);
void frame_log_done(struct frame_log *log);
/* Room for one frame of `size` bytes, to be written by the caller at once; *ret_run is it, borrowed
 * (no reference) until the next call on this log. NULL: no memory. */
MUST_CHECK char *frame_log_append(struct frame_log *log, size_t size, struct run *ret_run);

struct segment *segment_ref(struct segment *segment);
void segment_unref(struct segment *segment);

#endif
