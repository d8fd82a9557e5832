/* SPDX-License-Identifier: Apache-2.0 */
/* broadcast.c: an entry of the stream to every hub: first what it takes away, then the news. */
#include "node/broadcast.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "mcp_auth/error.h"

/* An entry that is not yet announced. `unanswered` counts hubs that have not applied its effect;
 * one without an effect has nothing to wait for but its turn. */
struct pending {
    struct list in_order;
    struct entry entry;
    unsigned unanswered;
};

#define SPARES_KEPT 16u

struct broadcast {
    unsigned hubs_count;
    struct history *history;
    struct broadcast_port port;
    struct list pending, spare;
    size_t pending_count, spare_count;
    uint64_t last_n;
};

int broadcast_new(struct broadcast **ret, unsigned hubs_count, struct history *history,
                  const struct broadcast_port *port)
{
    struct broadcast *b = calloc(1, sizeof *b);

    if (!b)
        return MCP_AUTH_E_NOMEM;
    b->hubs_count = hubs_count;
    b->history = history;
    b->port = *port;
    list_init(&b->pending);
    list_init(&b->spare);
    b->last_n = history_head(history).n;
    *ret = b;
    return 0;
}

static void pending_free(struct broadcast *b, struct pending *pending)
{
    list_unlink(&pending->in_order);
    b->pending_count--;
    event_unref(pending->entry.event);
    if (b->spare_count < SPARES_KEPT) {
        list_append(&b->spare, &pending->in_order);
        b->spare_count++;
    } else {
        free(pending);
    }
}

int broadcast_reserve(struct broadcast *b, size_t count)
{
    while (b->spare_count < count) {
        struct pending *pending = malloc(sizeof *pending);

        if (!pending)
            return MCP_AUTH_E_NOMEM;
        list_append(&b->spare, &pending->in_order);
        b->spare_count++;
    }
    return 0;
}

static struct pending *spare_take(struct broadcast *b)
{
    struct pending *pending;

    assert(b->spare_count > 0);
    pending = container_of(b->spare.next, struct pending, in_order);
    list_unlink(&pending->in_order);
    b->spare_count--;
    return pending;
}

void broadcast_free(struct broadcast *b)
{
    if (!b)
        return;
    while (!list_empty(&b->pending))
        pending_free(b, container_of(b->pending.next, struct pending, in_order));
    while (!list_empty(&b->spare))
        free(spare_take(b));
    free(b);
}

size_t broadcast_waiting(const struct broadcast *b)
{
    return b->pending_count;
}

static void announce(struct broadcast *b, const struct entry *entry)
{
    /* Without memory the past is shorter, and history says so to who asks; the live road goes on. */
    (void)!history_append(b->history, entry);
    for (unsigned hub = 0; hub < b->hubs_count; hub++)
        b->port.announce(b->port.owner, hub, entry);
    b->port.announced(b->port.owner, entry->n);
}

/* Everything at the front whose effect every hub has applied. */
static void announce_ready(struct broadcast *b)
{
    while (!list_empty(&b->pending)) {
        struct pending *first = container_of(b->pending.next, struct pending, in_order);

        if (first->unanswered > 0)
            return;
        announce(b, &first->entry);
        pending_free(b, first);
    }
}

void broadcast_entry(struct broadcast *b, const struct entry *entry)
{
    struct pending *pending = spare_take(b);

    assert(entry->n == b->last_n + 1);
    b->last_n = entry->n;
    pending->entry = *entry;
    pending->unanswered = 0;
    event_ref(entry->event);
    list_append(&b->pending, &pending->in_order);
    b->pending_count++;
    if (event_has_effect(entry->event)) {
        pending->unanswered = b->hubs_count;
        for (unsigned hub = 0; hub < b->hubs_count; hub++)
            b->port.effect(b->port.owner, hub, entry);
    }
    announce_ready(b);
}

void broadcast_effect_done(struct broadcast *b, unsigned hub, uint64_t n)
{
    assert(hub < b->hubs_count);
    list_for_each_safe (it, &b->pending) {
        struct pending *pending = container_of(it, struct pending, in_order);

        if (pending->entry.n != n)
            continue;
        assert(pending->unanswered > 0);
        pending->unanswered--;
        break;
    }
    announce_ready(b);
}

/* At most one slice: bounded in events and in bytes, and *upto is what it speaks for. */
static void answer_slice(struct broadcast *b, const struct resume_request *request,
                         const struct history_query *query)
{
    struct entry entries[CATCHUP_SLICE_EVENTS];
    struct resume_answer answer = {
        .session = request->session,
        .serial = request->serial,
        .outcome = RESUME_SLICE,
        .entries = entries,
        .upto = history_head(b->history),
    };
    size_t bytes = 0;
    uint64_t upto_n;
    unsigned count = history_read(b->history, query, CATCHUP_SLICE_EVENTS, entries, &upto_n);

    while (answer.entries_count < count) {
        bytes += entries[answer.entries_count].event->json.size;
        if (answer.entries_count > 0 && bytes > CATCHUP_SLICE_BYTES) {
            upto_n = entries[answer.entries_count - 1].n;
            break;
        }
        answer.entries_count++;
    }
    if (upto_n != answer.upto.n) {
        const struct entry *last = &entries[answer.entries_count - 1];

        assert(answer.entries_count > 0 && last->n == upto_n);
        answer.upto.n = last->n;
        answer.upto.check = last->check;
    }
    b->port.answer(b->port.owner, request->hub_index, &answer);
}

void broadcast_resume(struct broadcast *b, const struct resume_request *request)
{
    struct history_query query = {request->from.n, request->keys, request->keys_count};
    struct resume_answer answer = {
        .session = request->session,
        .serial = request->serial,
        .outcome = RESUME_LOST,
    };

    switch (history_locate(b->history, &request->from)) {
    case HISTORY_HERE:
        if (request->first && history_count_after(b->history, &query) > CATCHUP_ENTRIES_MAX)
            break; /* never a partial answer */
        answer_slice(b, request, &query);
        return;
    case HISTORY_AHEAD:
        answer.outcome = RESUME_AHEAD;
        break;
    case HISTORY_LOST:
        break;
    }
    b->port.answer(b->port.owner, request->hub_index, &answer);
}
