/* SPDX-License-Identifier: Apache-2.0 */
/* degraded_send.c: the outbox to the broker, batch by batch, and what becomes of each. */
#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/limits.h"
#include "node/degraded_private.h"

#define RETRY_MS 100 /* after a batch for which there was no room */

/* What was given to the broker and is not answered. Holds the batches of its items, which may come
 * back before the answer. */
struct flight {
    struct list in_order;
    uint64_t ticket;
    size_t bytes;
    int64_t sent_ms;
    unsigned count;
    struct outbox_item *items[];
};

static void flight_free(struct degraded *d, struct flight *flight)
{
    list_unlink(&flight->in_order);
    d->flights_bytes -= flight->bytes;
    d->flights_count--;
    for (unsigned i = 0; i < flight->count; i++)
        outbox_batch_release(flight->items[i]->batch);
    free(flight);
}

void degraded_forget_flights(struct degraded *d)
{
    while (!list_empty(&d->flights))
        flight_free(d, container_of(d->flights.next, struct flight, in_order));
}

int64_t degraded_flight_ms(const struct degraded *d)
{
    return list_empty(&d->flights)
               ? INT64_MAX
               : container_of(d->flights.next, struct flight, in_order)->sent_ms;
}

static struct outbox_item *item_of(struct list *it)
{
    return container_of(it, struct outbox_item, in_order);
}

/* While the bus is ok a publisher's batch stays one, since it is refused as a whole; later it has
 * been delivered, and the stream takes more in one go. */
static unsigned next_count(const struct degraded *d)
{
    const struct outbox_item *first = item_of(d->outbox.unsent.next);
    size_t bytes = 0;
    unsigned count = 0;

    for (struct list *it = d->outbox.unsent.next; it != &d->outbox.unsent; it = it->next) {
        const struct outbox_item *item = item_of(it);

        bytes += item->event->size;
        if (count == BATCH_EVENTS_MAX || (d->ok && item->batch != first->batch) ||
            (!d->ok && count > 0 && bytes > BUS_BATCH_BYTES_MAX))
            break;
        count++;
    }
    return count;
}

static bool may_send(const struct degraded *d, struct now now)
{
    if (!d->ready || list_empty(&d->outbox.unsent) || now.mono_ms < d->retry_ms)
        return false;
    /* What was delivered alone is not overtaken: some of it may be sent again. */
    if (!d->ok || d->outbox.count > d->outbox.not_alone)
        return list_empty(&d->flights);
    return d->flights_bytes < BUS_FLIGHT_BYTES_MAX && d->flights_count < BUS_FLIGHTS_MAX;
}

static int send_next(struct degraded *d, struct now now)
{
    unsigned count = next_count(d);
    struct flight *flight = malloc(sizeof *flight + count * sizeof *flight->items);
    struct event *events[BATCH_EVENTS_MAX];

    if (!flight)
        return MCP_AUTH_E_NOMEM;
    *flight = (struct flight){.ticket = ++d->ticket, .count = count, .sent_ms = now.mono_ms};
    for (unsigned i = 0; i < count; i++) {
        struct outbox_item *item = item_of(d->outbox.unsent.next);

        flight->items[i] = item;
        events[i] = item->event;
        flight->bytes += item->event->size;
        outbox_batch_hold(item->batch);
        bus_outbox_sent(&d->outbox, item, now.mono_ms);
    }
    d->flights_bytes += flight->bytes;
    d->flights_count++;
    list_append(&d->flights, &flight->in_order);
    broker_publish(d->broker, &(struct broker_batch){events, count, flight->ticket}, now.wall_ms);
    return 0;
}

void degraded_send(struct degraded *d, struct now now)
{
    if (d->sending)
        return;
    d->sending = true;
    while (may_send(d, now))
        if (send_next(d, now) < 0)
            d->retry_ms = now.mono_ms + RETRY_MS;
    d->sending = false;
}

static void take_answer(struct degraded *d, struct outbox_item *item,
                        const struct publish_answer *answer)
{
    item->batch->answers[item - item->batch->items] = *answer;
    /* One that is stored and has not come back is on its way, also when another instance stored it;
     * unless its entry was read before this one was accepted. */
    if (!item->in || answer->at.n > d->seen_n)
        return;
    degraded_delivered(d, item);
    degraded_drop(d, item);
}

/* Those of a batch that was not stored, for another time. */
static void again(struct degraded *d, struct flight *flight)
{
    for (unsigned i = flight->count; i-- > 0;)
        if (flight->items[i]->in)
            bus_outbox_unsent(&d->outbox, flight->items[i]);
}

static void refuse(struct degraded *d, struct flight *flight, unsigned failed_index)
{
    struct outbox_item *failed = flight->items[failed_index];
    struct outbox_batch *batch = failed->batch;

    if (!batch->answered && !batch->degraded) {
        degraded_refuse(d, batch, MCP_AUTH_E_CONFLICT, (unsigned)(failed - batch->items));
        degraded_untwin(d, batch); /* the flight still holds it */
        return;
    }
    again(d, flight);
    if (!failed->in)
        return;
    d->port.refused(d->port.owner, failed->event);
    degraded_drop(d, failed);
}

void degraded_answered(struct degraded *d, const struct batch_answer *answer, struct now now)
{
    struct flight *flight;

    assert(!list_empty(&d->flights));
    flight = container_of(d->flights.next, struct flight, in_order);
    assert(flight->ticket == answer->ticket);
    switch (answer->result) {
    case BATCH_TAKEN:
        assert(answer->count == flight->count);
        for (unsigned i = 0; i < flight->count; i++)
            take_answer(d, flight->items[i], &answer->answers[i]);
        break;
    case BATCH_CONFLICT:
        assert(answer->failed_index < flight->count);
        refuse(d, flight, answer->failed_index);
        break;
    case BATCH_FAILED:
        again(d, flight);
        d->retry_ms = now.mono_ms + RETRY_MS;
        break;
    }
    flight_free(d, flight);
    degraded_answer_ready(d);
    degraded_send(d, now);
    degraded_try_end(d, now);
}
