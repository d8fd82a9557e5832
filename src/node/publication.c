/* SPDX-License-Identifier: Apache-2.0 */
/* publication.c: a batch from its publisher to the broker, and its answer back when it is news. */
#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"

static struct publication *publication_of(struct note *note)
{
    return container_of(note, struct publication, note);
}

int publication_new(struct publication **ret, struct bytes publisher_key)
{
    struct publication *publication = malloc(sizeof *publication + publisher_key.size);

    if (!publication)
        return MCP_AUTH_E_NOMEM;
    *publication = (struct publication){.room = 1};
    publication->events = &publication->first;
    publication->answers = &publication->first_answer;
    publication->publisher_key = (struct bytes){publication->key, publisher_key.size};
    if (publisher_key.size > 0)
        memcpy(publication->key, publisher_key.data, publisher_key.size);
    *ret = publication;
    return 0;
}

static void lists_free(struct publication *publication)
{
    if (publication->events == &publication->first)
        return;
    free(publication->events);
    free(publication->answers);
}

int publication_reserve(struct publication *publication)
{
    unsigned room = publication->room * 4;
    struct publish_answer *answers;
    struct event **events;

    if (publication->count < publication->room)
        return 0;
    events = malloc(room * sizeof *events);
    answers = malloc(room * sizeof *answers);
    if (!events || !answers) {
        free(events);
        free(answers);
        return MCP_AUTH_E_NOMEM;
    }
    /* Answers come when all events are there. */
    memcpy(events, publication->events, publication->count * sizeof *events);
    lists_free(publication);
    publication->events = events;
    publication->answers = answers;
    publication->room = room;
    return 0;
}

void publication_add(struct publication *publication, struct event *event)
{
    assert(publication->count < publication->room);
    publication->events[publication->count++] = event;
    publication->bytes += event->size;
}

void publication_free(struct publication *publication)
{
    if (!publication)
        return;
    for (unsigned i = 0; i < publication->count; i++)
        event_unref(publication->events[i]);
    lists_free(publication);
    free(publication);
}

bool publication_is_control(const struct publication *publication)
{
    return publication->count == 1 && publication->events[0]->control != CONTROL_NONE;
}

/* In the asker's thread. */
static void answered(struct note *note, void *context __attribute__((unused)))
{
    struct publication *publication = publication_of(note);

    publication->done(publication, publication->owner);
}

static void answer(struct node *node, struct publication *publication,
                   enum publication_result result)
{
    publication->result = result;
    if (result != PUBLICATION_ACCEPTED)
        atomic_fetch_add_explicit(&node->refused_by[result], publication->count,
                                  memory_order_relaxed);
    publication->note.run = answered;
    /* That of events stays behind the news before it: so publishers are held back by the clients. */
    publication->note.urgent = publication_is_control(publication);
    mailbox_put(node->hubs[publication->hub].mailbox, &publication->note);
}

/* From the bus thread: it no longer counts as backlog. */
void publication_settle(struct node *node, struct publication *publication,
                        enum publication_result result)
{
    atomic_fetch_sub_explicit(&node->backlog_bytes, publication->bytes, memory_order_relaxed);
    if (node->stopped) /* nobody is left to be answered */
        publication_free(publication);
    else
        answer(node, publication, result);
}

void node_publish(struct node *node, struct publication *publication)
{
    uint64_t accepted_ns = clock_mono_ns();
    size_t bytes = publication->bytes;
    size_t before = atomic_fetch_add_explicit(&node->backlog_bytes, bytes, memory_order_relaxed);
    /* Withdrawing never waits for publishing: it has as much room again. */
    size_t bytes_max =
        (publication_is_control(publication) ? 2 : 1) * (size_t)BUS_BACKLOG_BYTES_MAX;

    publication->node = node;
    publication->last_n = 0;
    for (unsigned i = 0; i < publication->count; i++) /* nobody else knows them yet */
        publication->events[i]->accepted_ns = accepted_ns;
    assert(publication->hub < node->hubs_count && publication->done);
    if (before + bytes > bytes_max) {
        atomic_fetch_sub_explicit(&node->backlog_bytes, bytes, memory_order_relaxed);
        publication->retry_after_ms = 1000;
        answer(node, publication, PUBLICATION_OVERLOADED);
        return;
    }
    publication->note.run = publication_run;
    mailbox_put(&node->mailbox, &publication->note);
}

/* The rest is in the bus thread. */

/* What of this instance could refuse it, before anything of it is stored. */
static enum publication_result check(struct node *node, struct publication *publication)
{
    size_t fences = 0;

    if (node->stopping)
        return PUBLICATION_STOPPING;
    for (unsigned i = 0; i < publication->count; i++)
        fences += publication->events[i]->has_fence;
    if (!publication_is_control(publication) && /* withdrawing never waits for publishing */
        !publish_rate_take(&node->rate, publication->publisher_key, publication->count,
                           atomic_load_explicit(&node->publish_rate, memory_order_relaxed),
                           node->now.mono_ms, &publication->retry_after_ms))
        return PUBLICATION_RATE_LIMITED;
    publication->retry_after_ms = 1000;
    if (node->fences.users.count + fences > FENCE_USERS_MAX)
        return PUBLICATION_OVERLOADED;
    if (node->degraded) /* it makes room itself */
        return PUBLICATION_ACCEPTED;
    if (broadcast_reserve(node->broadcast, publication->count) < 0 ||
        deliveries_reserve(node, 2 * ((size_t)publication->count +
                                      broadcast_waiting(node->broadcast))) < 0)
        return PUBLICATION_OVERLOADED;
    return PUBLICATION_ACCEPTED;
}

void publication_take_answer(struct node *node, struct publication *publication, unsigned index,
                             const struct publish_answer *answer)
{
    const struct event *event = publication->events[index];

    log_write(LOG_DEBUG, answer->outcome == PUBLISH_TAKEN ? "publish accepted" : "publish repeated",
              LOG_TEXT("event_id", event->id), LOG_TEXT("tenant_id", event->tenant),
              LOG_INT("n", (long long)answer->at.n));
    if (answer->outcome == PUBLISH_DUPLICATE)
        atomic_fetch_add_explicit(&node->duplicates, 1, memory_order_relaxed);
    else if (!publication_is_control(publication))
        atomic_fetch_add_explicit(&node->published, 1, memory_order_relaxed);
    publication->answers[index] = *answer;
    if (answer->at.n > publication->last_n)
        publication->last_n = answer->at.n;
}

void publication_on_answer(void *owner, const struct batch_answer *answer)
{
    struct node *node = owner;
    struct publication *publication = node->publishing;

    assert(publication);
    switch (answer->result) {
    case BATCH_TAKEN:
        assert(answer->count == publication->count);
        for (unsigned i = 0; i < answer->count; i++)
            publication_take_answer(node, publication, i, &answer->answers[i]);
        publication->result = PUBLICATION_ACCEPTED;
        break;
    case BATCH_CONFLICT:
        publication->failed_index = answer->failed_index;
        publication->result = PUBLICATION_CONFLICT;
        break;
    case BATCH_FAILED:
        publication->result = PUBLICATION_OVERLOADED;
        break;
    }
}

void publication_wait(struct node *node, struct publication *publication)
{
    publication->note.next = NULL;
    if (node->waiting_last)
        node->waiting_last->note.next = &publication->note;
    else
        node->waiting_first = publication;
    node->waiting_last = publication;
}

void publication_run(struct note *note, void *context)
{
    struct node *node = context;
    struct publication *publication = publication_of(note);
    enum publication_result result;

    result = node->stopped ? PUBLICATION_STOPPING : check(node, publication);
    if (result != PUBLICATION_ACCEPTED) {
        publication_settle(node, publication, result);
        return;
    }
    if (node->degraded) {
        redis_bus_publish(node, publication);
        return;
    }
    node->publishing = publication;
    broker_publish(node->broker,
                   &(struct broker_batch){.events = publication->events,
                                          .count = publication->count},
                   node->now.wall_ms);
    node->publishing = NULL;
    if (publication->last_n <= node->announced_n)
        publication_settle(node, publication, publication->result);
    else
        publication_wait(node, publication);
}

/* Waiting ones stand in the order they came; a duplicate may wait for a smaller number than the one
 * before it, so all that have become news are looked for, not only the first. */
void publications_announced(struct node *node, uint64_t n)
{
    struct publication *waiting = node->waiting_first;

    node->announced_n = n;
    node->waiting_first = node->waiting_last = NULL;
    while (waiting) {
        struct publication *next = waiting->note.next ? publication_of(waiting->note.next) : NULL;

        if (waiting->last_n <= n)
            publication_settle(node, waiting, waiting->result);
        else
            publication_wait(node, waiting);
        waiting = next;
    }
}

void publication_wait_ends(struct node *node, struct publication *publication)
{
    struct publication *waiting = node->waiting_first;

    node->waiting_first = node->waiting_last = NULL;
    while (waiting) {
        struct publication *next = waiting->note.next ? publication_of(waiting->note.next) : NULL;

        if (waiting != publication)
            publication_wait(node, waiting);
        waiting = next;
    }
}

void publications_effect(struct node *node, const struct event *event, int closed)
{
    struct note *note = node->waiting_first ? &node->waiting_first->note : NULL;

    for (; note; note = note->next) {
        struct publication *publication = publication_of(note);

        if (!publication_is_control(publication) || publication->events[0] != event)
            continue;
        if (closed < 0)
            publication->unapplied++;
        else
            publication->disconnected += (unsigned)closed;
    }
}
