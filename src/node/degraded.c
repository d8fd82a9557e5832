/* SPDX-License-Identifier: Apache-2.0 */
/* degraded.c: what becomes of accepted events: with the bus, without it, and when it is back. */
#include "node/degraded.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/degraded_private.h"

/* A bus whose events come back late is not left and met again more often than this. */
#define SLOW_MS 1000
#define LOOK_MS 100 /* whether it has become quick */

int degraded_new(struct degraded **ret, const struct degraded_settings *settings,
                 struct broadcast *broadcast, const struct degraded_port *port)
{
    struct degraded *d = calloc(1, sizeof *d);

    if (!d)
        return MCP_AUTH_E_NOMEM;
    d->settings = *settings;
    d->broadcast = broadcast;
    d->port = *port;
    d->slow_ms = INT64_MIN / 2;
    bus_outbox_init(&d->outbox, settings->seed);
    known_ids_init(&d->known, settings->seed);
    list_init(&d->unanswered);
    list_init(&d->flights);
    *ret = d;
    return 0;
}

void degraded_use(struct degraded *d, struct broker *broker, struct now now)
{
    d->broker = broker;
    d->away_ms = d->outage_ms = now.mono_ms;
    d->wall_ms = now.wall_ms;
}

void degraded_free(struct degraded *d)
{
    if (!d)
        return;
    degraded_forget_flights(d);
    bus_outbox_all_unsent(&d->outbox);
    while (!list_empty(&d->outbox.unsent))
        bus_outbox_out(&d->outbox,
                       container_of(d->outbox.unsent.next, struct outbox_item, in_order));
    while (!list_empty(&d->unanswered)) {
        struct outbox_batch *batch =
            container_of(d->unanswered.prev, struct outbox_batch, unanswered);

        list_unlink(&batch->unanswered);
        outbox_batch_release(batch);
    }
    bus_outbox_done(&d->outbox);
    known_ids_done(&d->known);
    free(d);
}

/* Twins have the answer of the event that was first. */
static void answer_twins(struct outbox_batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        const struct outbox_item *twin = batch->items[i].twin;

        if (!twin)
            continue;
        batch->answers[i] = twin->batch->answers[twin - twin->batch->items];
        batch->answers[i].outcome = PUBLISH_DUPLICATE;
        batch->degraded |= batch->answers[i].at.n == 0;
    }
}

void degraded_answer(struct degraded *d, struct outbox_batch *batch, int error,
                     unsigned failed_index)
{
    struct degraded_answer answer = {.error = error, .failed_index = failed_index};

    assert(!batch->answered);
    batch->answered = true;
    list_unlink(&batch->unanswered);
    if (error == 0)
        answer_twins(batch);
    answer.degraded = batch->degraded;
    answer.answers = batch->answers;
    d->port.answered(d->port.owner, batch->asker, &answer);
    outbox_batch_release(batch);
}

void degraded_refuse(struct degraded *d, struct outbox_batch *batch, int error,
                     unsigned failed_index)
{
    outbox_batch_hold(batch);
    degraded_answer(d, batch, error, failed_index);
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->items[i].in)
            bus_outbox_out(&d->outbox, &batch->items[i]);
    outbox_batch_release(batch);
}

/* In order of acceptance: an answer to one is never waited for longer than its deadline. */
void degraded_answer_ready(struct degraded *d)
{
    while (!d->holding && !list_empty(&d->unanswered)) {
        struct outbox_batch *first =
            container_of(d->unanswered.next, struct outbox_batch, unanswered);

        if (first->undelivered > 0 || first->turn > d->turns_announced)
            return;
        degraded_answer(d, first, 0, 0);
    }
}

/* The next turn of the broadcast is the item's; or there was one before. */
void degraded_delivered(struct degraded *d, struct outbox_item *item)
{
    if (item->delivered)
        return;
    item->delivered = true;
    item->batch->undelivered--;
    item->batch->turn = d->turns;
}

static void deliver_alone(struct degraded *d, struct outbox_item *item)
{
    struct entry entry = {.event = item->event};

    assert(item->in);
    item->alone = entry.alone = ++d->alone_serial;
    d->outbox.not_alone--;
    d->alone++;
    item->batch->degraded = true;
    d->turns++;
    degraded_delivered(d, item);
    broadcast_alone(d->broadcast, &entry);
}

void degraded_deliver_alone(struct degraded *d, struct outbox_batch *batch)
{
    bool holding = d->holding;

    d->holding = true; /* it is not to be answered, and gone, in the middle of this */
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->items[i].in && batch->items[i].alone == 0 &&
            !degraded_is_known(d, &batch->items[i]))
            deliver_alone(d, &batch->items[i]);
    d->holding = holding;
}

/* What is not delivered belongs to a batch that is not answered. */
static void deliver_all_alone(struct degraded *d)
{
    d->holding = true;
    for (struct list *it = d->unanswered.next; it != &d->unanswered; it = it->next)
        degraded_deliver_alone(d, container_of(it, struct outbox_batch, unanswered));
    d->holding = false;
    assert(d->outbox.not_alone == 0);
    degraded_answer_ready(d);
}

void degraded_drop(struct degraded *d, struct outbox_item *item)
{
    /* Without memory for it, connections to come are given once more what the stream has, too. */
    if (item->alone > 0 && d->port.reserve(d->port.owner, d->outbox.not_alone + 1) == 0)
        broadcast_forget_alone(d->broadcast, item->alone);
    bus_outbox_out(&d->outbox, item);
}

static int untwin(struct degraded *d, struct outbox_batch *batch,
                  const struct outbox_batch *refused)
{
    int r = 0;

    for (unsigned i = 0; i < batch->count && r == 0; i++) {
        struct outbox_item *item = &batch->items[i];

        if (!item->twin || item->twin->batch != refused)
            continue;
        r = d->port.reserve(d->port.owner, d->outbox.not_alone + 1);
        if (r == 0)
            r = bus_outbox_untwin(&d->outbox, item);
    }
    return r;
}

void degraded_untwin(struct degraded *d, struct outbox_batch *refused)
{
    struct list *it = d->unanswered.next;

    while (it != &d->unanswered) {
        struct outbox_batch *batch = container_of(it, struct outbox_batch, unanswered);
        int r = untwin(d, batch, refused);

        it = it->next;
        if (r == 0)
            continue;
        outbox_batch_hold(batch);
        degraded_refuse(d, batch, r, 0);
        degraded_untwin(d, batch); /* who waits for this one in turn */
        outbox_batch_release(batch);
        it = d->unanswered.next;
    }
}

void degraded_begin(struct degraded *d, struct bytes why, struct now now)
{
    if (!d->ok && d->told)
        return; /* one outage, however often it goes wrong again */
    if (d->ok)
        d->outage_ms = now.mono_ms;
    d->ok = false;
    d->told = true;
    d->outages++;
    d->drain_serial = d->outbox.serial;
    d->outage_sent = d->sent;
    d->outage_caught_up = d->caught_up;
    d->port.changed(d->port.owner, &(struct degraded_change){.why = why});
    deliver_all_alone(d);
}

/* In what it has answered, and in what it has not answered or given back. */
static bool is_quick(const struct degraded *d, struct now now)
{
    const struct outbox_item *oldest = bus_outbox_oldest_sent(&d->outbox);
    int64_t late_ms = now.mono_ms - d->settings.deadline_ms;

    return broker_usage(d->broker).round_trip_ms < d->settings.deadline_ms &&
           now.mono_ms - d->slow_ms >= SLOW_MS && (!oldest || oldest->sent_ms > late_ms) &&
           degraded_flight_ms(d) > late_ms;
}

/* What waited is back; publishers that never pause have something on its way at any time. */
static bool is_drained(const struct degraded *d)
{
    const struct outbox_item *oldest = bus_outbox_oldest_sent(&d->outbox);

    return list_empty(&d->outbox.unsent) && (!oldest || oldest->serial > d->drain_serial);
}

void degraded_try_end(struct degraded *d, struct now now)
{
    struct degraded_change change = {.ok = true, .first = !d->told};

    if (d->ok || !d->ready || !is_drained(d) ||
        broadcast_waiting(d->broadcast) > 0 || /* hubs are told of a rebase before */
        !is_quick(d, now))
        return;
    change.outage_ms = now.mono_ms - d->outage_ms;
    change.sent = d->sent - d->outage_sent;
    change.caught_up = d->caught_up - d->outage_caught_up;
    d->ok = true;
    d->told = false;
    d->port.changed(d->port.owner, &change);
}

static void isolate(struct degraded *d, bool isolated)
{
    if (d->isolated == isolated)
        return;
    d->isolated = isolated;
    d->port.isolate(d->port.owner, isolated);
}

void degraded_ready(struct degraded *d, struct now now)
{
    assert(!d->ready);
    d->ready = true;
    d->following = false;
    d->reconnects++;
    d->drain_serial = d->outbox.serial;
    d->retry_ms = now.mono_ms;
    isolate(d, false);
    degraded_send(d, now);
    degraded_try_end(d, now);
}

void degraded_away(struct degraded *d, struct bytes why, struct now now)
{
    if (d->ready)
        d->away_ms = now.mono_ms;
    d->ready = d->following = false;
    degraded_forget_flights(d);
    /* Whether they were stored is not known: when it is ready again, what did not come back was
     * not, and is sent again. */
    bus_outbox_all_unsent(&d->outbox);
    degraded_begin(d, why, now);
}

void degraded_announced(struct degraded *d)
{
    d->turns_announced++;
    assert(d->turns_announced <= d->turns);
    degraded_answer_ready(d);
}

/* The first whose events have not all come back in time. */
static const struct outbox_batch *first_due(const struct degraded *d)
{
    for (struct list *it = d->unanswered.next; it != &d->unanswered; it = it->next) {
        const struct outbox_batch *batch = container_of(it, struct outbox_batch, unanswered);

        if (batch->undelivered > 0)
            return batch;
    }
    return NULL;
}

static bool can_be_isolated(const struct degraded *d)
{
    return !d->ready && !d->isolated && d->settings.isolation_ms > 0;
}

int64_t degraded_due(const struct degraded *d)
{
    const struct outbox_batch *batch = d->ok ? first_due(d) : NULL;
    int64_t due_ms = INT64_MAX;

    if (batch)
        due_ms = batch->due_ms;
    if (can_be_isolated(d) && d->away_ms + d->settings.isolation_ms < due_ms)
        due_ms = d->away_ms + d->settings.isolation_ms;
    if (d->ready && !list_empty(&d->outbox.unsent) && list_empty(&d->flights) &&
        d->retry_ms < due_ms) /* else an answer comes first */
        due_ms = d->retry_ms;
    if (d->look_ms < due_ms && d->ready && !d->ok)
        due_ms = d->look_ms;
    return due_ms;
}

void degraded_advance(struct degraded *d, struct now now)
{
    const struct outbox_batch *batch = d->ok ? first_due(d) : NULL;

    d->wall_ms = now.wall_ms;
    if (batch && now.mono_ms >= batch->due_ms)
        degraded_begin(d, BYTES("it does not answer in time"), now);
    if (can_be_isolated(d) && now.mono_ms - d->away_ms >= d->settings.isolation_ms)
        isolate(d, true);
    degraded_send(d, now);
    degraded_try_end(d, now);
    d->look_ms = now.mono_ms + LOOK_MS;
}

void degraded_stats(const struct degraded *d, struct degraded_stats *ret)
{
    *ret = (struct degraded_stats){
        .ok = d->ok,
        .ready = d->ready,
        .isolated = d->isolated,
        .outbox_events = d->outbox.count,
        .outbox_bytes = d->outbox.bytes,
        .unanswered = !list_empty(&d->unanswered),
        .alone = d->alone,
        .sent = d->sent,
        .caught_up = d->caught_up,
        .reconnects = d->reconnects,
        .outages = d->outages,
        .ids = known_ids_count(&d->known),
        .ids_bytes = known_ids_bytes(&d->known),
    };
}
