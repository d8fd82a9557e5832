/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.c: what one peer still has to receive: runs of the frame log, oldest first. */
#include "hub/outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/push.h"

/* One contiguous send is cheaper than writev of many pieces (12-14 % by the measurements in
 * docs/architecture.md); beyond this a copy no longer pays. */
#define GATHER_BELOW (16u * 1024u)

static uint32_t run_size(const struct run *run)
{
    return run->to - run->from;
}

void frame_pool_init(struct frame_pool *pool)
{
    const struct outbox_more *more = NULL;

    pool->bytes = 0;
    slab_init(&pool->mores, sizeof *more + OUTBOX_MORE_FIRST * sizeof more->runs[0], pool);
}

void frame_pool_done(struct frame_pool *pool)
{
    assert(pool->bytes == 0);
    slab_done(&pool->mores);
}

static struct outbox_more *more_new(struct frame_pool *pool, uint32_t room)
{
    struct outbox_more *more = room == OUTBOX_MORE_FIRST
                                   ? slab_take(&pool->mores)
                                   : malloc(sizeof *more + room * sizeof more->runs[0]);

    if (more)
        *more = (struct outbox_more){.room = room};
    return more;
}

static void more_free(struct outbox_more *more)
{
    if (more->room == OUTBOX_MORE_FIRST)
        slab_give(more);
    else
        free(more);
}

static struct run *more_at(struct outbox_more *more, uint32_t place)
{
    assert(place < more->count);
    return &more->runs[(more->first + place) & (more->room - 1)];
}

/* The last run, which a neighbour may continue. */
static struct run *last_run(struct outbox *outbox)
{
    return outbox->more ? more_at(outbox->more, outbox->more->count - 1) : &outbox->first;
}

/* Room for one run more. */
static int more_grow(struct outbox *outbox)
{
    struct outbox_more *old = outbox->more, *more;
    uint32_t room = old ? old->room * 2 : OUTBOX_MORE_FIRST;

    if (old && old->count < old->room)
        return 0;
    if (room > OUTBOX_RUNS_MAX)
        return MCP_AUTH_E_FULL;
    more = more_new(outbox->first.segment->pool, room);
    if (!more)
        return MCP_AUTH_E_NOMEM;
    if (old) {
        more->count = old->count;
        more->bytes = old->bytes;
        for (uint32_t i = 0; i < old->count; i++)
            more->runs[i] = *more_at(old, i);
        more_free(old);
    }
    outbox->more = more;
    return 0;
}

int outbox_push(struct outbox *outbox, const struct run *run)
{
    struct run *last = last_run(outbox);
    int r;

    assert(run->from < run->to && run->to <= run->segment->used);
    if (outbox_empty(outbox)) {
        outbox->first = *run;
        segment_ref(run->segment);
        return 0;
    }
    if (last->segment == run->segment && last->to == run->from) {
        last->to = run->to; /* the reference it has is enough */
        if (outbox->more)
            outbox->more->bytes += run_size(run);
        return 0;
    }
    r = more_grow(outbox);
    if (r < 0)
        return r;
    outbox->more->count++;
    outbox->more->bytes += run_size(run);
    *last_run(outbox) = *run;
    segment_ref(run->segment);
    return 0;
}

struct bytes outbox_peek(const struct outbox *outbox, char *scratch, size_t scratch_size)
{
    struct bytes first = {0};
    size_t size;

    if (outbox_empty(outbox))
        return first;
    first.data = outbox->first.segment->data + outbox->first.from + outbox->sent;
    first.size = run_size(&outbox->first) - outbox->sent;
    if (!outbox->more || first.size >= GATHER_BELOW || first.size > scratch_size)
        return first;
    memcpy(scratch, first.data, first.size);
    size = first.size;
    for (uint32_t i = 0; i < outbox->more->count; i++) {
        const struct run *run = more_at(outbox->more, i);

        if (run_size(run) > scratch_size - size)
            break;
        memcpy(scratch + size, run->segment->data + run->from, run_size(run));
        size += run_size(run);
    }
    return (struct bytes){scratch, size};
}

static void drop_first(struct outbox *outbox)
{
    struct outbox_more *more = outbox->more;

    outbox->sent = 0;
    segment_unref(outbox->first.segment);
    outbox->first = (struct run){0};
    if (!more)
        return;
    outbox->first = *more_at(more, 0);
    more->bytes -= run_size(&outbox->first);
    more->first = (more->first + 1) & (more->room - 1);
    if (--more->count > 0)
        return;
    more_free(more); /* an idle connection owns no buffer */
    outbox->more = NULL;
}

void outbox_sent(struct outbox *outbox, size_t size)
{
    assert(size <= outbox_bytes(outbox));
    while (size > 0) {
        size_t left = run_size(&outbox->first) - outbox->sent;
        size_t part = size < left ? size : left;

        outbox->sent += (uint32_t)part;
        size -= part;
        if (part == left)
            drop_first(outbox);
    }
}

static void drop_more(struct outbox *outbox)
{
    if (!outbox->more)
        return;
    for (uint32_t i = 0; i < outbox->more->count; i++)
        segment_unref(more_at(outbox->more, i)->segment);
    more_free(outbox->more);
    outbox->more = NULL;
}

void outbox_cut(struct outbox *outbox)
{
    uint32_t keep_to;

    drop_more(outbox);
    if (outbox_empty(outbox))
        return;
    keep_to = outbox->first.from;
    while (keep_to < outbox->first.from + outbox->sent)
        keep_to += (uint32_t)push_frame_size(
            (struct bytes){outbox->first.segment->data + keep_to, outbox->first.to - keep_to});
    assert(keep_to <= outbox->first.to);
    outbox->first.to = keep_to;
    if (outbox->first.from + outbox->sent == keep_to) /* nothing of it is left to send */
        drop_first(outbox);
}

void outbox_done(struct outbox *outbox)
{
    while (!outbox_empty(outbox))
        drop_first(outbox);
}
