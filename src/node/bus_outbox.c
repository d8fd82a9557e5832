/* SPDX-License-Identifier: Apache-2.0 */
/* bus_outbox.c: accepted events that have not come back from the stream, in the order they came. */
#include "node/bus_outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/limits.h"

#define KEY_SIZE_MAX (TENANT_SIZE_MAX + 1u + EVENT_ID_SIZE_MAX)

static struct bytes item_key(const void *item)
{
    return ((const struct outbox_item *)item)->key;
}

static struct bytes key_write(char *to, struct bytes tenant, struct bytes id)
{
    char *at = to;

    bytes_copy(&at, tenant);
    *at++ = '\x1f';
    bytes_copy(&at, id);
    return (struct bytes){to, (size_t)(at - to)};
}

void bus_outbox_init(struct bus_outbox *outbox, const uint8_t seed[16])
{
    *outbox = (struct bus_outbox){0};
    list_init(&outbox->unsent);
    list_init(&outbox->sent);
    map_init(&outbox->by_key, item_key, seed);
}

void bus_outbox_done(struct bus_outbox *outbox)
{
    assert(outbox->count == 0);
    map_done(&outbox->by_key);
}

struct outbox_item *bus_outbox_find(const struct bus_outbox *outbox, struct bytes tenant,
                                    struct bytes id)
{
    char key[KEY_SIZE_MAX];

    if (outbox->count == 0 || tenant.size > TENANT_SIZE_MAX || id.size > EVENT_ID_SIZE_MAX)
        return NULL;
    return map_find(&outbox->by_key, key_write(key, tenant, id));
}

void outbox_batch_hold(struct outbox_batch *batch)
{
    batch->held++;
}

void outbox_batch_release(struct outbox_batch *batch)
{
    assert(batch->held > 0);
    if (--batch->held > 0)
        return;
    for (unsigned i = 0; i < batch->count; i++) {
        if (batch->items[i].twin && batch->items[i].twin->batch != batch)
            outbox_batch_release(batch->items[i].twin->batch);
        event_unref(batch->items[i].event);
    }
    free(batch);
}

/* What fails or is sent again is seldom, and then near the end or the front. */
static void put_in_order(struct list *list, struct outbox_item *item, bool near_the_end)
{
    struct list *at = near_the_end ? list->prev : list->next;

    if (near_the_end) {
        while (at != list && container_of(at, struct outbox_item, in_order)->serial > item->serial)
            at = at->prev;
        at = at->next;
    } else {
        while (at != list && container_of(at, struct outbox_item, in_order)->serial < item->serial)
            at = at->next;
    }
    list_append(at, &item->in_order); /* before `at` */
}

static int put_in(struct bus_outbox *outbox, struct outbox_item *item)
{
    int r = map_insert(&outbox->by_key, item);

    if (r < 0)
        return r;
    item->in = true;
    outbox_batch_hold(item->batch);
    put_in_order(&outbox->unsent, item, true);
    outbox->count++;
    outbox->not_alone++;
    outbox->bytes += item->event->size;
    return 0;
}

void bus_outbox_out(struct bus_outbox *outbox, struct outbox_item *item)
{
    assert(item->in);
    map_remove(&outbox->by_key, item->key);
    list_unlink(&item->in_order);
    item->in = false;
    outbox->count--;
    outbox->not_alone -= item->alone == 0;
    outbox->bytes -= item->event->size;
    outbox_batch_release(item->batch);
}

void bus_outbox_sent(struct bus_outbox *outbox, struct outbox_item *item, int64_t mono_ms)
{
    list_unlink(&item->in_order);
    put_in_order(&outbox->sent, item, true);
    item->sent = true;
    item->sent_ms = mono_ms;
}

void bus_outbox_unsent(struct bus_outbox *outbox, struct outbox_item *item)
{
    list_unlink(&item->in_order);
    put_in_order(&outbox->unsent, item, false);
    item->sent = false;
}

void bus_outbox_all_unsent(struct bus_outbox *outbox)
{
    while (!list_empty(&outbox->sent))
        bus_outbox_unsent(outbox, container_of(outbox->sent.prev, struct outbox_item, in_order));
}

const struct outbox_item *bus_outbox_oldest_sent(const struct bus_outbox *outbox)
{
    return list_empty(&outbox->sent)
               ? NULL
               : container_of(outbox->sent.next, struct outbox_item, in_order);
}

static struct outbox_batch *batch_alloc(struct event *const *events, unsigned count)
{
    struct outbox_batch *batch;
    size_t text_size = 0;
    char *at;

    for (unsigned i = 0; i < count; i++)
        text_size += events[i]->tenant.size + 1 + events[i]->id.size;
    batch = calloc(1, sizeof *batch + count * (sizeof *batch->items + sizeof *batch->answers) +
                          text_size);
    if (!batch)
        return NULL;
    batch->count = batch->undelivered = count;
    batch->held = 1;
    batch->answers = (struct publish_answer *)(batch->items + count);
    at = (char *)(batch->answers + count);
    for (unsigned i = 0; i < count; i++) {
        struct outbox_item *item = &batch->items[i];

        item->batch = batch;
        item->event = event_ref(events[i]);
        item->key = key_write(at, events[i]->tenant, events[i]->id);
        at += item->key.size;
        list_init(&item->in_order);
    }
    return batch;
}

static void twin_of(struct outbox_item *item, struct outbox_item *first)
{
    item->twin = first;
    item->delivered = true; /* with that one, which is answered before it */
    item->batch->undelivered--;
    if (first->batch != item->batch)
        outbox_batch_hold(first->batch);
}

int outbox_batch_new(struct outbox_batch **ret, struct bus_outbox *outbox,
                     struct event *const *events, unsigned count)
{
    struct outbox_batch *batch = batch_alloc(events, count);
    int r = batch ? 0 : MCP_AUTH_E_NOMEM;

    for (unsigned i = 0; i < count && r == 0; i++) {
        struct outbox_item *item = &batch->items[i];
        struct outbox_item *first = map_find(&outbox->by_key, item->key);

        item->serial = ++outbox->serial;
        if (first)
            twin_of(item, first);
        else
            r = put_in(outbox, item);
    }
    if (r == 0) {
        *ret = batch;
        return 0;
    }
    for (unsigned i = 0; batch && i < count; i++)
        if (batch->items[i].in)
            bus_outbox_out(outbox, &batch->items[i]);
    if (batch)
        outbox_batch_release(batch);
    return r;
}

int bus_outbox_untwin(struct bus_outbox *outbox, struct outbox_item *item)
{
    struct outbox_batch *before = item->twin->batch;
    struct outbox_item *first = map_find(&outbox->by_key, item->key);
    int r = 0;

    assert(before != item->batch);
    item->twin = NULL;
    item->delivered = false;
    item->batch->undelivered++;
    if (first) /* another twin, accepted before this one */
        twin_of(item, first);
    else
        r = put_in(outbox, item);
    outbox_batch_release(before);
    return r;
}
