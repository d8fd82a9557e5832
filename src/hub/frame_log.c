/* SPDX-License-Identifier: Apache-2.0 */
/* frame_log.c: frames back to back in counted segments, so that what waits leaves in one send. */
#include "hub/frame_log.h"

#include <assert.h>
#include <stdlib.h>

#include "model/limits.h"

struct segment *segment_ref(struct segment *segment)
{
    assert(segment->refs > 0);
    segment->refs++;
    return segment;
}

void segment_unref(struct segment *segment)
{
    assert(segment->refs > 0);
    if (--segment->refs > 0)
        return;
    segment->pool->bytes -= sizeof *segment + segment->size;
    free(segment);
}

static struct segment *segment_new(struct frame_pool *pool, size_t size)
{
    struct segment *segment = malloc(sizeof *segment + size);

    if (!segment)
        return NULL;
    segment->pool = pool;
    segment->refs = 1;
    segment->size = (uint32_t)size;
    segment->used = 0;
    pool->bytes += sizeof *segment + size;
    return segment;
}

void frame_log_init(struct frame_log *log, struct frame_pool *pool)
{
    log->pool = pool;
    log->open = NULL;
}

void frame_log_done(struct frame_log *log)
{
    if (log->open)
        segment_unref(log->open);
    log->open = NULL;
}

/* Nobody waits for any of it any more: the usual case, and then no memory moves at all. */
static bool segment_can_restart(const struct segment *segment, size_t size)
{
    return segment->refs == 1 && segment->size >= size;
}

char *frame_log_append(struct frame_log *log, size_t size, struct run *ret_run)
{
    struct segment *open = log->open;

    assert(size <= UINT32_MAX / 2);
    if (open && segment_can_restart(open, size))
        open->used = 0;
    if (!open || open->size - open->used < size) {
        struct segment *fresh = segment_new(log->pool, size > SEGMENT_SIZE ? size : SEGMENT_SIZE);

        if (!fresh)
            return NULL;
        frame_log_done(log);
        log->open = open = fresh;
    }
    ret_run->segment = open;
    ret_run->from = open->used;
    open->used += (uint32_t)size;
    ret_run->to = open->used;
    return open->data + ret_run->from;
}
