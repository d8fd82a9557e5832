/* SPDX-License-Identifier: Apache-2.0 */
/* relieve.c: keeps the frame log under its ceiling, at the cost of who has been behind for longest. */
#include <assert.h>
#include <stdlib.h>

#include "hub/session.h"

/* How many fell behind after it. The serial goes round: who is behind while 2^32 others fall behind
 * looks young, and goes later than it should. */
static uint32_t age(const struct session *s)
{
    return session_hub(s)->behind_serial - s->outbox.behind_since;
}

static int oldest_first(const void *a, const void *b)
{
    uint32_t first = age(*(struct session *const *)a), second = age(*(struct session *const *)b);

    return first < second ? 1 : first > second ? -1 : 0;
}

static void relieve(struct session *s)
{
    session_is_even(s);
    if (s->state == SESSION_CLOSED)
        outbox_cut(&s->outbox);
    else
        session_too_slow(s);
}

static bool is_over(const struct hub *hub)
{
    return hub->pool.bytes > hub->settings.frame_log_bytes_max;
}

/* Without memory for their order: as they come. */
static void relieve_any(struct hub *hub)
{
    struct session *s;
    uint32_t place = 0;

    while (is_over(hub) && (s = slab_next(&hub->sessions, &place)))
        if (s->outbox.behind_since)
            relieve(s);
}

static void relieve_oldest(struct hub *hub, struct session **sessions)
{
    uint32_t count = 0, place = 0;
    struct session *s;

    while ((s = slab_next(&hub->sessions, &place)))
        if (s->outbox.behind_since)
            sessions[count++] = s;
    assert(count == hub->behind_count);
    qsort(sessions, count, sizeof(struct session *), oldest_first);
    /* Closing frees no session: its connection is still to say that it is gone. */
    for (uint32_t i = 0; i < count && is_over(hub); i++)
        relieve(sessions[i]);
}

/* Who is closed may be behind again, by its last words, so they are asked more than once. */
void hub_relieve(struct hub *hub)
{
    while (is_over(hub) && hub->behind_count > 0) {
        struct session **sessions = malloc(hub->behind_count * sizeof(struct session *));

        if (sessions)
            relieve_oldest(hub, sessions);
        else
            relieve_any(hub);
        free(sessions);
    }
}
