/* SPDX-License-Identifier: Apache-2.0 */
/* delivery.c: what the bus thread tells every hub, and an effect's answer on its way back. */
#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"

/* Entries; microseconds apart when they come by the hundred. */
#define RING_EVERY 64u

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
    struct entry entry;   /* holds a reference on its event, when there is one */
    uint64_t serial;      /* of an effect */
    struct position head; /* of a rebase */
    enum rebase_kind kind;
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
    /* A hub that is slower than its publishers holds them back: nobody else counts its mailbox. */
    if (entry->event)
        atomic_fetch_add_explicit(&node->backlog_bytes, event_ref(entry->event)->size,
                                  memory_order_relaxed);
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
    if (delivery->entry.event)
        atomic_fetch_sub_explicit(&delivery->node->backlog_bytes, delivery->entry.event->size,
                                  memory_order_relaxed);
    event_unref(delivery->entry.event);
    free(delivery);
}

static struct delivery_note *note_of(struct note *note)
{
    return container_of(note, struct delivery_note, note);
}

static void ring(struct node_hub *to)
{
    if (to->owed_ring)
        mailbox_ring(to->mailbox);
    to->owed_ring = false;
}

void deliveries_ring(struct node *node)
{
    for (unsigned i = 0; i < node->hubs_count; i++) {
        ring(&node->hubs[i]);
        node->hubs[i].delivered = 0;
    }
}

/* The first in a turn is rung for at once, and so is what is urgent. Of what follows some at a time:
 * a hub that went back to sleep after each entry of a stream had to be woken for each, by a system
 * call that was a sixth of what following costs. */
static void post(struct delivery *delivery, unsigned hub,
                 void (*run)(struct note *note, void *context), bool urgent)
{
    struct delivery_note *note = &delivery->notes[hub];
    struct node_hub *to = &delivery->node->hubs[hub];

    note->delivery = delivery;
    note->to = to;
    note->note.run = run;
    note->note.urgent = urgent;
    to->owed_ring |= mailbox_put_quietly(to->mailbox, &note->note);
    if (urgent || to->delivered++ % RING_EVERY == 0)
        ring(to);
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

/* How long who lost something could still have used it here, once an event: what this instance
 * accepted by its own clock, else from the time that the other gave it, whose clock may differ. A
 * fence that was found in Redis is older than this instance's way to it. */
static void measure_enforcement(struct node *node, struct event *event)
{
    int64_t since_ms = clock_now().wall_ms - event->time_ms;
    uint64_t ns = since_ms > 0 ? (uint64_t)since_ms * 1000000 : 0;

    if (event->enforced || !event->has_fence || event->control == CONTROL_FENCE)
        return;
    event->enforced = true;
    if (event->accepted_ns > 0)
        ns = clock_mono_ns() - event->accepted_ns;
    latency_add(&node->enforcement, ns, 1);
}

/* Back in the bus thread. */
static void effect_came_back(struct note *note, void *context __attribute__((unused)))
{
    struct delivery_note *delivery_note = note_of(note);
    struct delivery *delivery = delivery_note->delivery;

    publications_effect(delivery->node, delivery->entry.event, delivery_note->closed);
    if (atomic_load_explicit(&delivery->left, memory_order_relaxed) == 1) /* the last of them */
        measure_enforcement(delivery->node, delivery->entry.event);
    broadcast_effect_done(delivery->node->broadcast, delivery_note->to->index, delivery->serial);
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

/* Hubs are told one after the other, so the first one's delivery is the others' as well. */
static struct delivery *delivery_for(struct node *node, unsigned hub, const struct entry *entry)
{
    if (hub == 0)
        node->delivering = delivery_take(node, entry);
    return node->delivering;
}

static void port_effect(void *owner, unsigned hub, const struct entry *entry, uint64_t serial,
                        bool urgent)
{
    struct delivery *delivery = delivery_for(owner, hub, entry);

    delivery->serial = serial;
    post(delivery, hub, effect_in_hub, urgent);
}

/* For the host program: each event once, with the place it has, or that of the stream till then. */
static void observe(struct node *node, const struct entry *entry)
{
    struct position at = history_head(node->history);

    if (!node->observe || (entry->n && entry->alone))
        return;
    node->observe(node->observe_owner, entry->event, &at);
}

static void port_announce(void *owner, unsigned hub, const struct entry *entry)
{
    if (hub == 0)
        observe(owner, entry);
    post(delivery_for(owner, hub, entry), hub, announce_in_hub, false);
}

static void forget_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct delivery_note *delivery_note = note_of(note);

    hub_forget_alone(delivery_note->to->hub, delivery_note->delivery->entry.alone);
    delivery_unref(delivery_note->delivery);
}

static void port_forget_alone(void *owner, unsigned hub, uint64_t alone)
{
    const struct entry entry = {.alone = alone};

    post(delivery_for(owner, hub, &entry), hub, forget_in_hub, false);
}

static void gone_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct delivery_note *delivery_note = note_of(note);

    hub_gone(delivery_note->to->hub, &delivery_note->delivery->entry);
    delivery_unref(delivery_note->delivery);
}

static void port_gone(void *owner, unsigned hub, const struct entry *entry)
{
    post(delivery_for(owner, hub, entry), hub, gone_in_hub, false);
}

static void rebase_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct delivery_note *delivery_note = note_of(note);
    const struct delivery *delivery = delivery_note->delivery;

    hub_rebase(delivery_note->to->hub, &delivery->head, delivery->kind);
    delivery_unref(delivery_note->delivery);
}

static void port_rebase(void *owner, unsigned hub, const struct position *head,
                        enum rebase_kind kind)
{
    const struct entry none = {0};
    struct delivery *delivery = delivery_for(owner, hub, &none);

    if (hub == 0) { /* it is theirs from the first post on */
        delivery->head = *head;
        delivery->kind = kind;
    }
    post(delivery, hub, rebase_in_hub, false);
}

static void port_announced(void *owner, const struct entry *entry)
{
    struct node *node = owner;

    if (entry->n == 0 || entry->alone == 0) /* else it has come back, and was told of before */
        bus_log_event(node, entry);
    if (node->degraded)
        degraded_announced(node->degraded);
    else
        publications_announced(node, entry->n);
}

const struct broadcast_port delivery_port = {
    .effect = port_effect,
    .announce = port_announce,
    .forget_alone = port_forget_alone,
    .gone = port_gone,
    .rebase = port_rebase,
    .answer = resume_answer_put,
    .older = resume_ask_stream,
    .announced = port_announced,
};
