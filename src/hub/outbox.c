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
#define MORE_ROOM_FIRST 4u

static struct run *more_at(const struct outbox *outbox, uint32_t place)
{
    assert(place < outbox->more_count);
    return &outbox->more[(outbox->more_first + place) & (outbox->more_room - 1)];
}

static int more_grow(struct outbox *outbox)
{
    uint32_t room = outbox->more_room ? outbox->more_room * 2 : MORE_ROOM_FIRST;
    struct run *more;

    if (room > OUTBOX_RUNS_MAX)
        return MCP_AUTH_E_FULL;
    more = malloc(room * sizeof *more);
    if (!more)
        return MCP_AUTH_E_NOMEM;
    for (uint32_t i = 0; i < outbox->more_count; i++)
        more[i] = *more_at(outbox, i);
    free(outbox->more);
    outbox->more = more;
    outbox->more_first = 0;
    outbox->more_room = room;
    return 0;
}

int outbox_push(struct outbox *outbox, const struct run *run)
{
    struct run *last =
        outbox->more_count ? more_at(outbox, outbox->more_count - 1) : &outbox->first;

    assert(run->from < run->to && run->to <= run->segment->used);
    if (outbox_empty(outbox)) {
        outbox->first = *run;
    } else if (last->segment == run->segment && last->to == run->from) {
        last->to = run->to;
        outbox->bytes += run->to - run->from;
        return 0; /* the reference it has is enough */
    } else {
        if (outbox->more_count == outbox->more_room) {
            int r = more_grow(outbox);

            if (r < 0)
                return r;
        }
        outbox->more_count++;
        *more_at(outbox, outbox->more_count - 1) = *run;
    }
    segment_ref(run->segment);
    outbox->bytes += run->to - run->from;
    return 0;
}

static uint32_t run_size(const struct run *run)
{
    return run->to - run->from;
}

struct bytes outbox_peek(const struct outbox *outbox, char *scratch, size_t scratch_size)
{
    struct bytes first = {0};
    size_t size;

    if (outbox_empty(outbox))
        return first;
    first.data = outbox->first.segment->data + outbox->first.from + outbox->sent;
    first.size = run_size(&outbox->first) - outbox->sent;
    if (outbox->more_count == 0 || first.size >= GATHER_BELOW || first.size > scratch_size)
        return first;
    memcpy(scratch, first.data, first.size);
    size = first.size;
    for (uint32_t i = 0; i < outbox->more_count; i++) {
        const struct run *run = more_at(outbox, i);

        if (run_size(run) > scratch_size - size)
            break;
        memcpy(scratch + size, run->segment->data + run->from, run_size(run));
        size += run_size(run);
    }
    return (struct bytes){scratch, size};
}

static void drop_first(struct outbox *outbox)
{
    outbox->bytes -= run_size(&outbox->first) - outbox->sent;
    outbox->sent = 0;
    segment_unref(outbox->first.segment);
    outbox->first = (struct run){0};
    if (outbox->more_count > 0) {
        outbox->first = *more_at(outbox, 0);
        outbox->more_first = (outbox->more_first + 1) & (outbox->more_room - 1);
        outbox->more_count--;
    } else {
        free(outbox->more); /* an idle connection owns no buffer */
        outbox->more = NULL;
        outbox->more_first = outbox->more_room = 0;
    }
}

void outbox_sent(struct outbox *outbox, size_t size)
{
    assert(size <= outbox->bytes);
    while (size > 0) {
        size_t left = run_size(&outbox->first) - outbox->sent;
        size_t part = size < left ? size : left;

        outbox->sent += (uint32_t)part;
        outbox->bytes -= part;
        size -= part;
        if (part == left)
            drop_first(outbox);
    }
}

void outbox_cut(struct outbox *outbox)
{
    uint32_t keep_to;

    while (outbox->more_count > 0) {
        struct run *last = more_at(outbox, outbox->more_count - 1);

        outbox->bytes -= run_size(last);
        segment_unref(last->segment);
        outbox->more_count--;
    }
    if (outbox_empty(outbox))
        return;
    keep_to = outbox->first.from;
    while (keep_to < outbox->first.from + outbox->sent)
        keep_to += (uint32_t)push_frame_size(
            (struct bytes){outbox->first.segment->data + keep_to, outbox->first.to - keep_to});
    assert(keep_to <= outbox->first.to);
    outbox->bytes -= outbox->first.to - keep_to;
    outbox->first.to = keep_to;
    if (outbox->first.from + outbox->sent == keep_to) /* nothing of it is left to send */
        drop_first(outbox);
}

void outbox_done(struct outbox *outbox)
{
    while (!outbox_empty(outbox))
        drop_first(outbox);
}
