/* SPDX-License-Identifier: Apache-2.0 */
/* degraded_road.c: an event into the outbox, and the entry that it becomes out of it. */
#include <assert.h>

#include "mcp_auth/error.h"
#include "node/degraded_private.h"

static size_t bytes_max(const struct degraded *d, struct event *const *events, unsigned count)
{
    /* Withdrawing never waits for publishing: it has as much room again. */
    bool is_control = count == 1 && events[0]->control != CONTROL_NONE;

    return (is_control ? 2 : 1) * d->settings.bytes_max;
}

static int check(struct degraded *d, struct event *const *events, unsigned count,
                 unsigned *ret_failed_index)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct outbox_item *other =
            events[i]->id_given ? bus_outbox_find(&d->outbox, events[i]->tenant, events[i]->id)
                                : NULL;

        bytes += events[i]->size;
        if ((other && other->event->fingerprint != events[i]->fingerprint) ||
            degraded_conflicts(d, events[i])) {
            *ret_failed_index = i;
            return MCP_AUTH_E_CONFLICT;
        }
    }
    if (d->outbox.bytes + bytes > bytes_max(d, events, count))
        return MCP_AUTH_E_FULL;
    return d->port.reserve(d->port.owner, d->outbox.not_alone + count);
}

static void answer_known(struct degraded *d, struct outbox_batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->items[i].in)
            (void)degraded_is_known(d, &batch->items[i]);
}

static void enforce(struct degraded *d, struct outbox_batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct event *event = batch->items[i].event;

        if (!batch->items[i].in || !event_has_effect(event))
            continue;
        if (event->has_fence)
            d->port.withdrawn(d->port.owner, &event->fence);
        broadcast_enforce(d->broadcast, event);
    }
}

int degraded_publish(struct degraded *d, struct event *const *events, unsigned count, void *asker,
                     struct now now, unsigned *ret_failed_index)
{
    struct outbox_batch *batch;
    int r;

    d->wall_ms = now.wall_ms;
    r = check(d, events, count, ret_failed_index);

    if (r == 0)
        r = outbox_batch_new(&batch, &d->outbox, events, count);
    if (r < 0)
        return r;
    batch->asker = asker;
    batch->due_ms = now.mono_ms + d->settings.deadline_ms;
    batch->turn = d->turns;
    list_append(&d->unanswered, &batch->unanswered);
    answer_known(d, batch);
    enforce(d, batch);
    if (!d->ok)
        degraded_deliver_alone(d, batch);
    degraded_answer_ready(d);
    degraded_send(d, now);
    return 0;
}

struct event *degraded_own(const struct degraded *d, struct bytes tenant, struct bytes id)
{
    /* Asked for each entry of the stream, mostly of others. */
    struct outbox_item *item = d->outbox.count > 0 ? bus_outbox_find(&d->outbox, tenant, id) : NULL;

    return item ? item->event : NULL;
}

void degraded_stand(struct degraded *d, const struct broker_stand *stand)
{
    d->following = true;
    d->epoch = stand->after.epoch;
    if (stand->kind != STAND_SAME)
        d->seen_n = stand->after.n;
    if (stand->kind == STAND_FIRST)
        known_ids_clear(&d->known);       /* what is there is read again */
    if (stand->kind == STAND_LOST_TAIL) { /* so too; but who is live has had it already */
        known_ids_forget_beyond(&d->known, stand->common_n);
        d->known_after_n = stand->after.n;
    }
}

void degraded_past(struct degraded *d, const struct entry *entry)
{
    d->seen_n = entry->n;
    degraded_remember(d, entry, entry->event->time_ms);
}

/* One that waits for this entry: its own, or the same event that a publisher gave another instance
 * as well. (An entry that was read has no fingerprint: its id is all there is.) */
static struct outbox_item *awaited(const struct degraded *d, const struct event *event)
{
    struct outbox_item *item = bus_outbox_find(&d->outbox, event->tenant, event->id);

    if (item && item->event != event && event->fingerprint != 0 &&
        event->fingerprint != item->event->fingerprint)
        return NULL; /* it will be refused when it is sent */
    return item;
}

static void came_back(struct degraded *d, struct outbox_item *item, const struct entry *entry,
                      struct now now)
{
    struct publish_answer *answer = &item->batch->answers[item - item->batch->items];

    if (answer->at.n == 0)
        *answer = (struct publish_answer){.outcome = item->sent || item->alone ? PUBLISH_TAKEN
                                                                               : PUBLISH_DUPLICATE,
                                          .at = {d->epoch, entry->n, entry->check}};
    if (item->sent && now.mono_ms - item->sent_ms >= d->settings.deadline_ms)
        d->slow_ms = now.mono_ms;
    d->sent += item->alone > 0;
    degraded_delivered(d, item);
}

int degraded_entry(struct degraded *d, const struct entry *entry, struct now now)
{
    struct entry ours = *entry;
    struct outbox_item *item;
    int r = d->port.reserve(d->port.owner, d->outbox.not_alone + 1);

    if (r < 0)
        return r;
    assert(entry->n == d->seen_n + 1);
    d->seen_n = entry->n;
    d->turns++;
    item = awaited(d, entry->event);
    if (item) {
        ours.alone = item->alone;
        came_back(d, item, entry, now);
    } else if (d->following) {
        d->caught_up++;
    }
    degraded_remember(d, entry, now.wall_ms);
    if (!item) { /* another instance's; ours was enforced when it was accepted */
        broadcast_entry_in_turn(d->broadcast, &ours);
    } else {
        broadcast_entry(d->broadcast, &ours);
        bus_outbox_out(&d->outbox, item);
        degraded_try_end(d, now);
    }
    return 0;
}
