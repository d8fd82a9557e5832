/* SPDX-License-Identifier: Apache-2.0 */
/* ahead.c: who has had more of the stream on another instance than this hub has been told. */
#include "hub/session.h"

/* An event up to which its client has had everything is skipped like what was had from history, by
 * its number; and when the hub gets there, it must be the one that the client was told. A position of
 * another epoch is accepted while the bus is away: nothing of this epoch can be given after it. */

/* While the bus is ok, nobody is told of an event much longer before another instance is. */
#define AHEAD_MS 5000

/* It is judged when the bus has been ok for a while. */
static void await(struct session *s)
{
    struct hub *hub = session_hub(s);

    s->extras->ahead_ms = hub->now.mono_ms;
    if (hub->bus == BUS_OK && hub->judge_ms == INT64_MAX)
        hub->judge_ms = hub->now.mono_ms + AHEAD_MS;
}

static void expect(struct session *s)
{
    struct hub *hub = session_hub(s);
    const struct position *ahead = &s->extras->ahead;

    if (ahead->epoch != hub->head.epoch) {
        s->extras->skip_to = UINT64_MAX - 1; /* UINT64_MAX is what nobody has had */
        return;
    }
    s->extras->skip_to = ahead->n;
    if (ahead->n < hub->ahead_n)
        hub->ahead_n = ahead->n;
}

void ahead_begin(struct session *s, const struct position *position)
{
    s->extras->ahead = *position;
    list_append(&session_hub(s)->ahead, &s->extras->in_ahead);
    await(s);
    expect(s);
}

void ahead_drop(struct session *s)
{
    if (session_is_ahead(s))
        list_unlink(&s->extras->in_ahead);
}

/* There never was such a place: what was skipped for it was not had. */
static void ahead_lost(struct session *s)
{
    ahead_drop(s);
    s->extras->skip_to = 0;
    if (s->state == SESSION_LIVE)
        session_close(s, s->kind == SESSION_PLAIN ? CLOSE_POSITION_LOST : CLOSE_EPOCH_CHANGED, -1);
}

void ahead_reached(struct hub *hub, const struct entry *entry)
{
    hub->ahead_n = UINT64_MAX;
    list_for_each_safe (it, &hub->ahead) {
        struct session *s = container_of(it, struct extras, in_ahead)->session;
        const struct position *ahead = &s->extras->ahead;

        if (ahead->epoch != hub->head.epoch || ahead->n > entry->n)
            expect(s);
        else if (ahead->n == entry->n && ahead->check == entry->check)
            ahead_drop(s); /* this one it still skips */
        else
            ahead_lost(s);
    }
}

void ahead_rebase(struct session *s, enum rebase_kind kind)
{
    const struct position *head = &session_hub(s)->head;
    struct position ahead = s->extras->ahead;

    if (kind != REBASE_FIRST) {
        session_close(s, CLOSE_BUS_GAP, 0);
    } else if (ahead.epoch != head->epoch) {
        ahead_lost(s);
    } else if (ahead.n > head->n) {
        expect(s);
    } else {
        ahead_drop(s);
        catchup_from(s, &ahead);
    }
}

void ahead_judge(struct hub *hub)
{
    list_for_each_safe (it, &hub->ahead) {
        struct session *s = container_of(it, struct extras, in_ahead)->session;

        if (s->extras->ahead.epoch != hub->head.epoch)
            ahead_lost(s);
        else
            await(s);
    }
}

/* Else it would skip what takes the places of a lost tail, as long as fewer came. */
void ahead_due(struct hub *hub)
{
    uint64_t stream_n = hub->port.stream_n ? hub->port.stream_n(hub->port.owner) : hub->head.n;

    hub->judge_ms = INT64_MAX;
    if (hub->bus != BUS_OK)
        return;
    list_for_each_safe (it, &hub->ahead) {
        struct extras *extras = container_of(it, struct extras, in_ahead);
        int64_t due_ms = extras->ahead_ms + AHEAD_MS;

        if (extras->ahead.n <= stream_n) /* this instance is late */
            continue;
        if (due_ms <= hub->now.mono_ms)
            ahead_lost(extras->session);
        else if (due_ms < hub->judge_ms)
            hub->judge_ms = due_ms;
    }
}
