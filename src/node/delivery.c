/* SPDX-License-Identifier: Apache-2.0 */
/* delivery.c: an entry on its way to every hub, and an effect's answer on its way back. */
#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"

struct delivery_note {
    struct note note; /* first */
    struct delivery *delivery;
    struct node_hub *to;
    int closed; /* by an effect there; negative: it could not be stored */
};

/* One allocation for all hubs, made before the entry got its number, so that the road from there
 * cannot fail. The last hub to be done with it frees it (an effect: the bus thread). */
struct delivery {
    struct list spare;
    struct node *node;
    struct entry entry; /* holds a reference on its event */
    atomic_uint left;
    struct delivery_note notes[];
};

int deliveries_reserve(struct node *node, size_t count)
{
    while (node->spare_deliveries_count < count) {
        struct delivery *delivery =
            calloc(1, sizeof *delivery + node->hubs_count * sizeof *delivery->notes);

        if (!delivery)
            return MCP_AUTH_E_NOMEM;
        delivery->node = node;
        list_append(&node->spare_deliveries, &delivery->spare);
        node->spare_deliveries_count++;
    }
    return 0;
}

static struct delivery *delivery_take(struct node *node, const struct entry *entry)
{
    struct delivery *delivery;

    assert(node->spare_deliveries_count > 0);
    delivery = container_of(node->spare_deliveries.next, struct delivery, spare);
    list_unlink(&delivery->spare);
    node->spare_deliveries_count--;
    delivery->entry = *entry;
    event_ref(entry->event);
    /* A hub that is slower than its publishers holds them back: nobody else counts its mailbox. */
    atomic_fetch_add_explicit(&node->backlog_bytes, entry->event->size, memory_order_relaxed);
    atomic_init(&delivery->left, node->hubs_count);
    return delivery;
}

void deliveries_done(struct node *node)
{
    while (!list_empty(&node->spare_deliveries)) {
        struct delivery *delivery =
            container_of(node->spare_deliveries.next, struct delivery, spare);

        list_unlink(&delivery->spare);
        free(delivery);
    }
}

static void delivery_unref(struct delivery *delivery)
{
    if (atomic_fetch_sub_explicit(&delivery->left, 1, memory_order_acq_rel) > 1)
        return;
    atomic_fetch_sub_explicit(&delivery->node->backlog_bytes, delivery->entry.event->size,
                              memory_order_relaxed);
    event_unref(delivery->entry.event);
    free(delivery);
}

static struct delivery_note *note_of(struct note *note)
{
    return container_of(note, struct delivery_note, note);
}

static void post(struct delivery *delivery, unsigned hub,
                 void (*run)(struct note *note, void *context), bool urgent)
{
    struct delivery_note *note = &delivery->notes[hub];

    note->delivery = delivery;
    note->to = &delivery->node->hubs[hub];
    note->note.run = run;
    note->note.urgent = urgent;
    mailbox_put(note->to->mailbox, &note->note);
}

/* In the hub's thread. */
static void announce_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct delivery_note *delivery_note = note_of(note);
    struct node_hub *to = delivery_note->to;
    const struct entry *entry = &delivery_note->delivery->entry;
    const atomic_ullong *sent = &hub_counters(to->hub)->frames_sent;
    unsigned long long before = atomic_load_explicit(sent, memory_order_relaxed), receivers;

    hub_announce(to->hub, entry);
    receivers = atomic_load_explicit(sent, memory_order_relaxed) - before;
    /* One look at the clock for all receivers of this hub: when the last of them had it. */
    if (receivers > 0 && entry->event->accepted_ns > 0)
        latency_add(&to->latency, clock_mono_ns() - entry->event->accepted_ns, receivers);
    delivery_unref(delivery_note->delivery);
}

/* Back in the bus thread. */
static void effect_came_back(struct note *note, void *context __attribute__((unused)))
{
    struct delivery_note *delivery_note = note_of(note);
    struct delivery *delivery = delivery_note->delivery;

    publications_effect(delivery->node, delivery->entry.n, delivery_note->closed);
    broadcast_effect_done(delivery->node->broadcast, delivery_note->to->index, delivery->entry.n);
    delivery_unref(delivery);
}

static void effect_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct delivery_note *delivery_note = note_of(note);

    /* A hub without memory for the fence has closed that user's connections instead. */
    delivery_note->closed =
        hub_effect(delivery_note->to->hub, delivery_note->delivery->entry.event);
    if (delivery_note->closed < 0)
        log_write(LOG_ERROR, "a fence could not be stored: out of memory",
                  LOG_TEXT("event_id", delivery_note->delivery->entry.event->id));
    note->run = effect_came_back;
    mailbox_put(&delivery_note->delivery->node->mailbox, note);
}

static void port_effect(void *owner, unsigned hub, const struct entry *entry)
{
    struct node *node = owner;

    if (hub == 0)
        node->enforcing = delivery_take(node, entry);
    post(node->enforcing, hub, effect_in_hub, true); /* what is news waits for it anyway */
}

static void port_announce(void *owner, unsigned hub, const struct entry *entry)
{
    struct node *node = owner;

    if (hub == 0) {
        node->announcing = delivery_take(node, entry);
        if (node->observe)
            node->observe(node->observe_owner, entry->event,
                          &(struct position){node->epoch, entry->n, entry->check});
    }
    post(node->announcing, hub, announce_in_hub, false);
}

static void port_announced(void *owner, uint64_t n)
{
    publications_announced(owner, n);
}

const struct broadcast_port delivery_port = {
    .effect = port_effect,
    .announce = port_announce,
    .answer = resume_answer_put,
    .announced = port_announced,
};
