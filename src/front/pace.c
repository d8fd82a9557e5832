/* SPDX-License-Identifier: Apache-2.0 */
/* pace.c: news wait for busy event loops, so that their clients are not taken for slow ones. */
#include <assert.h>

#include "front/front_private.h"
#include "model/limits.h"

/* A worker of the server writes to the sockets itself, so whoever holds up there is a slow client.
 * A host's loop takes microseconds for each message, thousands of them at a time; meanwhile all of
 * its clients look slow. So when the frame log has grown by this much, every loop is asked to come
 * round before more news is read: it has taken what was given, sent of it what its clients take,
 * and told us. Who is then still behind is slow. */
#define PACE_BYTES (64u * 1024u)
_Static_assert(PACE_BYTES + SEGMENT_SIZE + EVENT_SIZE_MAX < OUTBOX_BYTES_MAX, "room to spare");
/* A loop takes, then runs its writers, then comes to us again: one more for good measure. */
#define PACE_ROUNDS 3u
/* A round takes what a host needs for FRONT_CREDIT_MESSAGES to each of its connections: 64,000
 * messages of 10 us are 0.7 s. Of whom nothing is heard for longer stands still: it holds the
 * others up so long, once, and is not waited for again before it has come round. */
#define PACE_MS 2000

static size_t frame_bytes(const struct core *core)
{
    return (size_t)atomic_load_explicit(&hub_counters(core->hub)->frame_log_bytes,
                                        memory_order_relaxed);
}

static void round_returns(struct note *note, void *context);

/* In the loop's thread. */
static void round_taken(struct note *note, void *context)
{
    struct front_loop *loop = container_of(note, struct front_loop, round_to_host);
    const struct taking *taking = context;

    if (taking->max == 0)
        return; /* the core discards what nobody takes */
    loop->round_to_core = (struct note){.run = round_returns, .urgent = true};
    mailbox_put(&loop->front->core.mailbox, &loop->round_to_core);
}

static void ask_round(struct front_loop *loop)
{
    loop->round_to_host = (struct note){.run = round_taken};
    loop_post(loop, &loop->round_to_host);
}

static void round_returns(struct note *note, void *context)
{
    struct front_loop *loop = container_of(note, struct front_loop, round_to_core);
    struct core *core = &loop->front->core;

    (void)context;
    assert(loop->rounds > 0);
    core->rounds_until_ms = core->now.mono_ms + PACE_MS;
    if (--loop->rounds > 0 && !loop->stale) {
        ask_round(loop);
        return;
    }
    if (!loop->stale)
        core->rounds_awaited--;
    loop->rounds = 0;
    loop->stale = false;
}

bool pace_holds(struct core *core)
{
    if (core->rounds_awaited == 0)
        return false;
    if (core->now.mono_ms < core->rounds_until_ms)
        return true;
    list_for_each_safe (it, &core->loops) {
        struct front_loop *loop = container_of(it, struct front_loop, in_loops);

        loop->stale = loop->rounds > 0;
    }
    core->rounds_awaited = 0;
    return false;
}

bool pace_is_enough(struct core *core)
{
    size_t bytes = frame_bytes(core);

    if (bytes < core->news_bytes)
        core->news_bytes = bytes; /* somebody's backlog went */
    core->pace_due |= bytes >= core->news_bytes + PACE_BYTES;
    return core->pace_due;
}

void pace_turn_ends(struct core *core)
{
    if (!core->pace_due)
        return;
    core->pace_due = false;
    core->news_bytes = frame_bytes(core);
    core->rounds_until_ms = core->now.mono_ms + PACE_MS;
    list_for_each_safe (it, &core->loops) {
        struct front_loop *loop = container_of(it, struct front_loop, in_loops);

        if (loop->rounds > 0) /* stale */
            continue;
        loop->rounds = PACE_ROUNDS;
        core->rounds_awaited++;
        ask_round(loop);
    }
}

void pace_loop_opens(struct front_loop *loop)
{
    if (list_empty(&loop->in_loops))
        list_append(&loop->front->core.loops, &loop->in_loops);
}

void pace_loop_closes(struct front_loop *loop)
{
    if (loop->rounds > 0 && !loop->stale)
        loop->front->core.rounds_awaited--;
    loop->rounds = 0;
    list_unlink(&loop->in_loops);
}
